"""Fit assumed parameters so that search, front and compromise rule yield what the 2022 paper prints.

`reproduction.fit_jointly` looks for one tariff; here the tariff is the compromise on the front of the paper's own
procedure. The search has two levels: outside, over the parameters of `RANGES` (CMA-ES far from a solution, Gauss-
Newton near one); inside, for each set of parameters, a search of the front that starts from the best set's front.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa import CSMOIFSA
from csmoifsa.decision import compromise
from csmoifsa.errors import InputError
from csmoifsa.runs import solve
from csmoifsa_ev.inputs.scenario import Published, Scenario, build_day
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import TariffOutcome
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study import reproduction
from csmoifsa_ev.study.study import initial_population

RANGES: dict[str, tuple[float, float]] = reproduction.RANGES | {
    "peak_valley.width": (2.0, 35.0),
    "peak_flat.width": (2.0, 35.0),
    "flat_valley.width": (2.0, 35.0),
    "flat_valley.dead_zone": (0.0, 15.0),
    "flat_valley.max_share": (0.0, 1.0),
    "v2g.dead_zone": (0.0, 20.0),
    "v2g.width": (1.0, 30.0),
    "wear": (1.0, 10.0),
    "marginal_cost_low": (5.0, 35.0),
    "marginal_cost_high": (40.0, 150.0),
}
"""Range of each parameter; those of `reproduction.RANGES`, some wider, in the same units and order."""

SLOPE_WINDOW = 0.03
"""Width in satisfaction over which the slope of a curve along the front is taken."""

TOLERANCE = np.array([0.01] * 5 + [0.02] * 2)
"""Relative residuals of the five figures and of the two falls that count 1 in the misfit."""

NOISE = 3.0
"""Singular value of the derivatives of the residuals (over the parameters' ranges) that counts as none."""


@dataclass(frozen=True)
class FrontFigures:
    """What the paper prints, read off a front and the compromise on it.

    Attributes
    ----------
    after : (5,) array
        G1 [MW], 24 x G2 [MW], G3 [MW^2], saving [currency/year] and satisfaction of the compromise.
    falls : (2,) array
        Fall of the peak and of the peak-valley difference [MW].
    saving : (float, float)
        Least and largest saving on the front [currency/year].
    satisfaction : (float, float)
        Least and largest satisfaction on the front.
    steepest : (float, float)
        Satisfaction at which the saving falls, and at which the peak-valley difference rises most steeply.
    outside : (float, float)
        Steepest slope of each of the two curves outside the band of satisfaction that the paper names, as a share of
        the steepest inside.
    discharging : (2,) array
        Shares of the cars that discharge in the peak and in the flat period.
    """

    after: np.ndarray
    falls: np.ndarray
    saving: tuple[float, float]
    satisfaction: tuple[float, float]
    steepest: tuple[float, float]
    outside: tuple[float, float]
    discharging: np.ndarray


def steepest_part(satisfaction: np.ndarray, gain: np.ndarray, band: tuple[float, float]) -> tuple[float, float]:
    """Return where a curve along the front is steepest, and its steepest slope outside a band over that inside.

    The curve is the largest ``gain`` on the front at each satisfaction or above; slopes are over `SLOPE_WINDOW`.

    Parameters
    ----------
    satisfaction, gain : (n,) arrays
        Of the tariffs of a front; the gain falls as satisfaction rises.
    band : (float, float)
        Satisfactions between which a window counts as inside; one that crosses an end counts as neither.

    Returns
    -------
    float
        Middle of the steepest window.
    float
        Steepest slope outside over steepest slope inside; infinite if no window is inside.

    Examples
    --------
    >>> theta = np.linspace(0.6, 0.9, 301)
    >>> where, outside = steepest_part(theta, -np.maximum(theta - 0.7, 0) - np.maximum(theta - 0.8, 0), (0.65, 0.85))
    >>> where > 0.8, round(outside, 2)
    (True, 1.0)
    """
    order = np.argsort(satisfaction)
    theta = satisfaction[order]
    envelope = np.maximum.accumulate(gain[order][::-1])[::-1]
    starts = np.arange(theta[0], theta[-1] - SLOPE_WINDOW, 0.005)
    if not len(starts):
        return float(theta.mean()), float("inf")
    ends = starts + SLOPE_WINDOW
    slopes = np.interp(starts, theta, envelope) - np.interp(ends, theta, envelope)
    inside = (starts >= band[0]) & (ends <= band[1])
    beyond = (ends <= band[0]) | (starts >= band[1])
    most = slopes[inside].max(initial=0.0)
    return float(starts[slopes.argmax()] + 0.5 * SLOPE_WINDOW), (
        float(slopes[beyond].max(initial=0.0) / most) if most > 0 else float("inf")
    )


def front_figures(outcome: TariffOutcome, row: int, day: PricingDay, published: Published) -> FrontFigures:
    """Return what the paper prints, from the effects of a front's tariffs.

    Parameters
    ----------
    outcome : TariffOutcome
        Effects of the front's tariffs.
    row : int
        The compromise.
    day : PricingDay
        The day on which they were evaluated.
    published : Published
        The paper's figures; of them the band of satisfaction with the steep part of the curves is used.
    """
    saving, theta = 365.0 * outcome.saving_per_day, outcome.satisfaction
    g1, g2, _ = (float(figure[0]) for figure in day.before)
    parts = [
        steepest_part(theta, gain, published.steep_satisfaction or (0.0, 1.0)) for gain in (saving, -outcome.g2_mw)
    ]
    return FrontFigures(
        after=np.array([outcome.g1_mw[row], 24.0 * outcome.g2_mw[row], outcome.g3_mw2[row], saving[row], theta[row]]),
        falls=np.array([g1 - outcome.g1_mw[row], g2 - outcome.g2_mw[row]]),
        saving=(float(saving.min()), float(saving.max())),
        satisfaction=(float(theta.min()), float(theta.max())),
        steepest=(parts[0][0], parts[1][0]),
        outside=(parts[0][1], parts[1][1]),
        discharging=outcome.discharging_share[row],
    )


def printed_falls(published: Published) -> np.ndarray:
    """Return the falls of peak and peak-valley difference that follow from the paper's figures, shape (2,) [MW]."""
    values = (
        published.before_g1_mw, published.after_g1_mw, published.before_g2_mw, published.after_g2_hours_mw,
    )  # fmt: skip
    if None in values:
        return np.full(2, np.nan)
    before, after, difference, hours = (float(value or 0.0) for value in values)
    return np.array([before - after, difference - hours / 24.0])


def residuals(figures: FrontFigures, published: Published) -> np.ndarray:
    """Return how far a front is from what the paper prints, shape (14,), 0 for agreement.

    First the relative residuals, in units of `TOLERANCE`, of the five figures of the compromise and of the two falls.
    Then what is missing, 0 if nothing is: at either end of the range of savings and of satisfaction (0.65 to 0.88);
    slopes outside the steep band above 0.85 of those inside; fewer than three fifths of the discharging cars in the
    peak period.
    """
    printed = np.array([value for _, _, value in reproduction.printed_after(published)])
    low, high = published.front_saving or (printed[3], printed[3])
    total = max(float(figures.discharging.sum()), 1e-9)
    missing = (
        (figures.saving[0] - 0.98 * low) / (0.01 * printed[3]),
        (1.01 * high - figures.saving[1]) / (0.01 * printed[3]),
        (figures.satisfaction[0] - 0.65) / 0.02,
        (0.88 - figures.satisfaction[1]) / 0.02,
        *((min(slope, 9.0) - 0.85) / 0.1 for slope in figures.outside),
        (0.6 - float(figures.discharging[0]) / total) / 0.1,
    )
    after = np.concatenate([figures.after / printed, figures.falls / printed_falls(published)])
    return np.concatenate([(after - 1.0) / TOLERANCE, np.maximum(missing, 0.0)])


def parameters_of(scenario: Scenario) -> dict[str, float]:
    """Return the values that a scenario gives to the parameters of `RANGES`."""
    ramps = {name: getattr(scenario.response, name) for name in ("peak_valley", "peak_flat", "flat_valley")}
    values: dict[str, float] = {}
    for name, ramp in (ramps | {"v2g": scenario.v2g.response}).items():
        values |= {f"{name}.dead_zone": ramp.dead_zone, f"{name}.width": ramp.saturation - ramp.dead_zone}
        values[f"{name}.max_share"] = ramp.max_share
    low, high = scenario.grid.marginal_cost_per_mwh
    values |= {"wear": scenario.v2g.wear, "fee": scenario.v2g.fee, "marginal_cost_low": low, "marginal_cost_high": high}
    values |= {"peak_cost": scenario.grid.peak_cost_per_mw_day, "habit_weight": scenario.satisfaction.habit_weight}
    return {name: float(values[name]) for name in RANGES}


class FrontFit:
    """The two-level search; the best parameters so far are in ``best``, in the order of `RANGES`.

    Parameters
    ----------
    scenario : Scenario
        A case with published figures; the search starts from its own parameters.
    n_eval, pop_size, seed : int
        Budget, population and random seed of the search of each front.

    Attributes
    ----------
    best : (18,) array
        The parameters with the least misfit so far.
    misfit : float
        Sum of their squared `residuals`.
    figures : FrontFigures
        What their front shows.
    front : (n, 6) array
        The tariffs of their front, from which the next search starts.
    fronts : int
        Number of fronts searched.

    Raises
    ------
    InputError
        The scenario has no published figures of a front, or no tariff of its front is feasible.
    """

    def __init__(self, scenario: Scenario, *, n_eval: int = 3_000, pop_size: int = 100, seed: int = 1):
        if scenario.published is None or scenario.published.front_saving is None:
            raise InputError("this scenario has no published figures of a front; use the case paper-2022-fitted")
        self.published = scenario.published
        self.day = build_day(scenario)
        self.n_eval, self.pop_size, self.seed = n_eval, pop_size, seed
        self.low, self.high = np.array(list(RANGES.values())).T
        self.fronts = 0
        self.front = np.empty((0, 6))
        self.misfit = np.inf
        self.best = np.clip(np.array(list(parameters_of(scenario).values())), self.low, self.high)
        self.residuals_of(self.best)
        if not np.isfinite(self.misfit):
            raise InputError("no tariff keeps the constraints with the scenario's own parameters; start from others")

    def residuals_of(self, values: np.ndarray) -> np.ndarray:
        """Return the `residuals` of a set of parameters, shape (14,); 1,000 each where no front was found."""
        day = reproduction.with_parameters(self.day, values, weights_free=True)
        problem = EVPricing(day)
        start = initial_population(problem, self.pop_size, self.seed)
        warm = self.front[: self.pop_size * 3 // 4]
        start[: len(warm)] = warm
        run = solve(problem, CSMOIFSA(pop_size=self.pop_size, sampling=start), n_eval=self.n_eval, seed=self.seed)
        self.fronts += 1
        if not run.feasible or len(run.X) < 0.2 * self.pop_size:
            return np.full(14, 1e3)
        figures = front_figures(problem.outcome(run.X), compromise(run.F), day, self.published)
        found = residuals(figures, self.published)
        value = float(found @ found)
        if value < self.misfit:
            self.misfit, self.best, self.figures, self.front = value, values.copy(), figures, run.X
        return found

    def search(self, fronts: int, *, step: float = 0.1, seed: int = 0) -> None:
        """Search far from a solution: CMA-ES from the best parameters.

        Parameters
        ----------
        fronts : int
            Number of parameter sets to try.
        step : float
            First standard deviation, as a share of each parameter's range.
        seed : int
            Random seed of the evolution strategy.
        """
        from pymoo.algorithms.soo.nonconvex.cmaes import CMAES
        from pymoo.core.problem import ElementwiseProblem
        from pymoo.optimize import minimize

        fit, span = self, self.high - self.low

        class Outer(ElementwiseProblem):
            def _evaluate(self, x: np.ndarray, out: dict[str, float], *args: object, **kwargs: object) -> None:
                out["F"] = float((fit.residuals_of(fit.low + x * span) ** 2).sum())

        outer = Outer(n_var=len(span), n_obj=1, xl=0.0, xu=1.0)
        start = (self.best - self.low) / span
        minimize(outer, CMAES(x0=start, sigma=step, popsize=12, restarts=0), ("n_eval", fronts), seed=seed)

    def refine(self, steps: int, *, fixed: dict[str, float] | None = None) -> np.ndarray:
        """Fit the seven figures near a solution by damped Gauss-Newton steps of least length within the ranges.

        What the other residuals ask for is not sought: near a solution it holds already, and the ends of a front vary
        with its search. Combinations of parameters that the figures do not determine keep their values.

        Parameters
        ----------
        steps : int
            Number of steps; each searches two fronts a free parameter and a few more.
        fixed : dict, optional
            Parameters that keep a value; the result is then a point of the profile of the misfit.

        Returns
        -------
        (14,) array
            Residuals of the parameters found, which are now the best.
        """
        kept = fixed or {}
        free = np.array([name not in kept for name in RANGES])
        here, span = self.best.copy(), self.high - self.low
        here[~free] = [kept[name] for name in RANGES if name in kept]
        found = self.residuals_of(here)
        for _ in range(steps):
            slopes = self.jacobian(here) * free
            step = -np.linalg.pinv(slopes, rcond=NOISE / max(np.linalg.norm(slopes, 2), NOISE)) @ found[:7]
            for halving in range(4):
                trial = np.clip(here + 0.5**halving * step * span, self.low, self.high)
                there = self.residuals_of(trial)
                if there[:7] @ there[:7] < found[:7] @ found[:7]:
                    here, found = trial, there
                    break
            else:
                break
        self.misfit = np.inf
        return self.residuals_of(here)

    def jacobian(self, values: np.ndarray, step: float = 0.01) -> np.ndarray:
        """Return the change of the first seven residuals over each parameter's range, shape (7, 18).

        The number of singular values above `NOISE` is the number of combinations of parameters that the figures
        determine.

        Parameters
        ----------
        values : (18,) array
            The parameters, in the order of `RANGES`.
        step : float
            Central differences over this share of the range, to one side at its ends.
        """
        span = self.high - self.low
        columns = []
        for k in range(len(values)):
            ends = []
            for sign in (-1.0, 1.0):
                one = values.copy()
                one[k] = np.clip(one[k] + sign * step * span[k], self.low[k], self.high[k])
                ends.append((one[k], self.residuals_of(one)[:7]))
            (x0, y0), (x1, y1) = ends
            columns.append((y1 - y0) / (x1 - x0) * span[k])
        return np.stack(columns, axis=1)
