"""A pricing study: search the front, choose from it, and say how firm the choice is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csmoifsa import CSMOIFSA
from csmoifsa.decision import best_acceptable, compromise, extremes
from csmoifsa.errors import InputError
from csmoifsa.runs import solve
from csmoifsa_ev.day import Day
from csmoifsa_ev.groups import Groups, driver_groups
from csmoifsa_ev.pricing import CONSTRAINTS, OBJECTIVE_SETS, EVPricing, Outcome
from csmoifsa_ev.scenario import Scenario

EXTREME_NAMES = {
    "g2_mw": "min_difference",
    "saving_per_day": "max_saving",
    "satisfaction": "max_satisfaction",
    "operator_profit_per_day": "max_profit",
    "driver_bill_per_day": "min_bill",
}

_TIE_TOLERANCE = 1e-9
_TIE_STEPS = 450


@dataclass(frozen=True, kw_only=True)
class Study:
    """The result of a study.

    Attributes
    ----------
    problem : EVPricing
        What was solved.
    front : (n, 6) array
        Tariffs of the front by rising peak-valley difference [price unit per kWh].
    outcome : Outcome
        What they do.
    chosen : dict
        Row of the front by choice: the extremes, ``"compromise"`` (recommended) and ``"satisfied"``, the paper's pick:
        the most satisfied drivers (or the smallest bill) among tariffs acceptable to all. It may be missing.
    n_eval, pop_size, seed : int
        The search.
    seconds : float
        It took.
    """

    problem: EVPricing
    front: np.ndarray
    outcome: Outcome
    chosen: dict[str, int]
    n_eval: int
    pop_size: int
    seed: int
    seconds: float

    @property
    def scenario(self) -> Scenario:
        """The scenario priced."""
        return self.problem.scenario

    @property
    def day(self) -> Day:
        """Its day."""
        return self.problem.day

    @property
    def recommended(self) -> np.ndarray:
        """The compromise tariff, shape (6,)."""
        return self.front[self.chosen["compromise"]]

    @cached_property
    def choices(self) -> dict[str, np.ndarray]:
        """Tariffs worth a closer look, by name: the one in force, if nobody discharges, and the chosen ones."""
        in_force = np.concatenate([self.scenario.prices.start.as_array(), self.problem.xl[3:]])
        return {"start": in_force} | {name: self.front[row] for name, row in self.chosen.items()}

    @cached_property
    def choice_outcome(self) -> Outcome:
        """What the `choices` do, in their order."""
        return self.problem.outcome(np.array(list(self.choices.values())))

    @cached_property
    def choice_groups(self) -> Groups:
        """The `choices` by drivers' groups."""
        return driver_groups(self.choice_outcome, self.day)


def run_study(
    scenario: Scenario,
    *,
    objectives: str = "paper",
    n_eval: int = 10_000,
    pop_size: int = 100,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Study:
    """Price a scenario.

    Parameters
    ----------
    scenario : Scenario
        From `scenario.load_scenario`.
    objectives : "paper" or "market"
        See `pricing.OBJECTIVE_SETS`.
    n_eval, pop_size, seed : int
        Budget, size of the school and of the front, and random seed of the search.
    progress : callable, optional
        Called with the number of evaluations made.

    Raises
    ------
    InputError
        No tariff within the bounds keeps the constraints.
    """
    problem = EVPricing(scenario, objectives=objectives)
    run = solve(problem, CSMOIFSA(pop_size=pop_size), n_eval=n_eval, seed=seed, progress=progress)
    if not run.feasible:
        worst = CONSTRAINTS[int(problem.outcome(run.X[:1]).constraints[0].argmax())]
        raise InputError(
            f"no tariff was found that keeps all constraints; the nearest breaks '{worst}'. "
            "Widen prices.charge_bounds and discharge_bounds, or raise --n-eval"
        )
    names = [EXTREME_NAMES[quantity] for quantity in OBJECTIVE_SETS[objectives]]
    chosen = dict(zip(names, extremes(run.F), strict=True)) | {"compromise": compromise(run.F)}
    satisfied = best_acceptable(run.F, -1)
    if satisfied is not None:
        chosen["satisfied"] = satisfied
    return Study(
        problem=problem,
        front=run.X,
        outcome=problem.outcome(run.X),
        chosen=chosen,
        n_eval=run.n_eval,
        pop_size=pop_size,
        seed=seed,
        seconds=run.seconds,
    )


def rank_correlations(outcome: Outcome) -> dict[str, float | None]:
    """Return Spearman's correlation of satisfaction with saving, and with the peak-valley difference, on a front.

    None where it is not defined: fewer than three tariffs, or a quantity that does not vary.
    """
    from scipy.stats import spearmanr

    result: dict[str, float | None] = {}
    for name, column in (("saving", outcome.saving_per_day), ("peak_valley_difference", outcome.g2_mw)):
        defined = len(column) > 2 and np.ptp(column) > 0 and np.ptp(outcome.satisfaction) > 0
        value = float(spearmanr(outcome.satisfaction, column).statistic) if defined else None
        result[f"satisfaction_and_{name}"] = value
    return result


def ties(problem: EVPricing, tariff: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Return how far each price could move, alone, without any effect on the objectives or breaking a constraint.

    Parameters
    ----------
    problem : EVPricing
        The problem, whose objectives decide what counts as an effect.
    tariff : (6,) array
        The tariff to move about.

    Returns
    -------
    (6, 2) array
        Lowest and highest equivalent value of each price [price unit per kWh]; both the price itself if it is firm.
    (float, float)
        How far the level of all prices could fall (<= 0) and rise (>= 0) together: charge prices by this much and
        discharge prices by as much over the round trip, which leaves every driver's incentive as it was.
    """
    low, high = problem.xl, problem.xu
    ranges = np.empty((6, 2))
    for k, direction in enumerate(np.eye(6)):
        ranges[k] = tariff[k] + np.array(_free_stretch(problem, tariff, direction))
    level = np.concatenate([np.ones(3), np.full(3, 1.0 / problem.day.round_trip)])
    return np.clip(ranges, low[:, None], high[:, None]), _free_stretch(problem, tariff, level)


def _free_stretch(problem: EVPricing, tariff: np.ndarray, direction: np.ndarray) -> tuple[float, float]:
    """Return how far one may go back (<= 0) and forth (>= 0) along a direction with nothing changing."""
    span = float((problem.xu - problem.xl).max())
    ends = []
    here = problem.outcome(tariff)
    for sign in (-1.0, 1.0):
        lengths = sign * np.linspace(0.0, span, _TIE_STEPS + 1)[1:]
        tariffs = tariff + lengths[:, None] * direction
        there = problem.outcome(tariffs)
        before, after = (one.objectives(problem.objective_set) for one in (here, there))
        same = (np.abs(after - before) <= _TIE_TOLERANCE * np.maximum(np.abs(before), 1.0)).all(axis=1)
        same &= (there.constraints <= 0).all(axis=1)
        same &= (tariffs >= problem.xl - 1e-12).all(axis=1) & (tariffs <= problem.xu + 1e-12).all(axis=1)
        stop = int(np.argmin(same)) if not same.all() else len(same)
        ends.append(float(lengths[stop - 1]) if stop else 0.0)
    return ends[0], ends[1]
