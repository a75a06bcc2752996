"""Search assumed parameters that reproduce all figures printed in the 2022 paper together.

The paper prints figures before and after pricing, but not its response curves, costs or formula of satisfaction.
`fit_jointly` searches these parameters within stated ranges, and the six prices with them, for a tariff that keeps all
constraints and matches every figure; it reports the residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import Published, Scenario, build_day
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.model.ramp import Ramp
from csmoifsa_ev.model.response import Recovery
from csmoifsa_ev.model.tariff import PERIODS, price_names
from csmoifsa_ev.problem.pricing import EVPricing

SEARCHED_RECOVERIES: tuple[Recovery, ...] = ("uniform", "valley-filling")
"""Kinds of recovery under which assumptions are searched; the paper names none."""

RANGES: dict[str, tuple[float, float]] = {
    "peak_valley.dead_zone": (0.0, 8.0),
    "peak_valley.width": (5.0, 35.0),
    "peak_valley.max_share": (0.3, 0.95),
    "peak_flat.dead_zone": (0.0, 8.0),
    "peak_flat.width": (5.0, 35.0),
    "peak_flat.max_share": (0.0, 0.6),
    "flat_valley.dead_zone": (0.0, 8.0),
    "flat_valley.width": (5.0, 35.0),
    "flat_valley.max_share": (0.0, 0.9),
    "v2g.dead_zone": (0.0, 10.0),
    "v2g.width": (5.0, 30.0),
    "v2g.max_share": (0.0, 0.6),
    "wear": (2.0, 10.0),
    "fee": (0.0, 4.0),
    "marginal_cost_low": (15.0, 35.0),
    "marginal_cost_high": (45.0, 150.0),
    "peak_cost": (0.0, 400.0),
    "habit_weight": (0.0, 1.0),
}
"""Range of each searched parameter. Widths are h - l; responses, wear and fee are in price units per kWh."""


@dataclass(frozen=True)
class JointFit:
    """The best set of parameters found for one kind of recovery.

    Attributes
    ----------
    recovery : "uniform" or "valley-filling"
        Distribution of shifted charging over its new period.
    weights_free : bool
        Whether the weights of satisfaction were searched, too; else each is one half.
    parameters : dict
        Value of each parameter of `RANGES`.
    tariff : (6,) array
        Prices [price unit per kWh].
    figures : list of (str, str, float, float)
        Quantity, unit, the paper's value and ours.
    discharging : float
        Share of the cars that discharge at these prices.
    """

    recovery: str
    weights_free: bool
    parameters: dict[str, float]
    tariff: np.ndarray
    figures: list[tuple[str, str, float, float]]
    discharging: float

    @property
    def residuals(self) -> np.ndarray:
        """Relative differences of our values from the paper's, one for each figure."""
        return np.array([ours / paper - 1.0 for _, _, paper, ours in self.figures])

    @property
    def worst(self) -> float:
        """Largest absolute relative difference."""
        return float(np.abs(self.residuals).max())


def with_parameters(day: PricingDay, values: np.ndarray, *, weights_free: bool) -> PricingDay:
    """Return the day with assumed parameters replaced, ``values`` in the order of `RANGES`."""
    v = dict(zip(RANGES, values.tolist(), strict=True))

    def ramp(name: str) -> Ramp:
        low = v[f"{name}.dead_zone"]
        return Ramp(dead_zone=low, saturation=low + v[f"{name}.width"], max_share=v[f"{name}.max_share"])

    habit = v["habit_weight"] if weights_free else 0.5
    return replace(
        day,
        response=replace(day.response, **{name: ramp(name) for name in ("peak_valley", "peak_flat", "flat_valley")}),
        v2g=replace(day.v2g, response=ramp("v2g"), wear=v["wear"], fee=v["fee"]),
        grid=replace(
            day.grid,
            marginal_cost_per_mwh=(v["marginal_cost_low"], v["marginal_cost_high"]),
            peak_cost_per_mw_day=v["peak_cost"],
        ),
        satisfaction=replace(day.satisfaction, habit_weight=habit, delay_weight=1.0 - habit),
    )


def printed_after(published: Published) -> list[tuple[str, str, float]]:
    """Return (quantity, unit, value) of every figure the paper prints for the situation after."""
    figures = [
        ("peak after", "MW", published.after_g1_mw),
        ("24 x peak-valley after", "MW", published.after_g2_hours_mw),
        ("mean square deviation after", "MW^2", published.after_g3_mw2),
        ("saving", "$/year", published.after_saving),
        ("satisfaction", "0 to 1", published.after_satisfaction),
    ]
    return [(name, unit, value) for name, unit, value in figures if value is not None]


def fit_jointly(
    scenario: Scenario, *, recovery: Recovery, weights_free: bool, generations: int = 250, seed: int = 0
) -> JointFit:
    """Search parameters and prices for the least sum of squared relative residuals (differential evolution).

    Parameters
    ----------
    scenario : Scenario
        A case with published figures.
    recovery : "uniform" or "valley-filling"
        Distribution of shifted charging over its new period.
    weights_free : bool
        Whether the weights of satisfaction are searched, too.
    generations, seed : int
        Number of generations of differential evolution, and random seed.

    Raises
    ------
    InputError
        The scenario has no published figures.
    """
    from scipy.optimize import OptimizeResult, differential_evolution

    if scenario.published is None:
        raise InputError("this scenario has no published figures to be reproduced; use a bundled case, unchanged")
    printed = printed_after(scenario.published)
    wanted = np.array([value for _, _, value in printed])
    problem = EVPricing(build_day(scenario.with_changes(recovery=recovery)))
    day = problem.day
    low, high = problem.price_bounds
    ranges = [*RANGES.values(), *zip(low, high, strict=True)]

    def figures(z: np.ndarray) -> tuple[np.ndarray, float, float]:
        one = with_parameters(day, z[: len(RANGES)], weights_free=weights_free)
        outcome = evaluate(_ordered(z[len(RANGES) :])[None], one)
        values = (outcome.g1_mw, 24 * outcome.g2_mw, outcome.g3_mw2, 365 * outcome.saving_per_day, outcome.satisfaction)
        breach = float(np.maximum(outcome.constraints, 0.0).sum())
        return np.array([float(value[0]) for value in values]), breach, float(outcome.discharging_share.sum())

    def cost(z: np.ndarray) -> float:
        values, breach, _ = figures(z)
        return float((((values / wanted) - 1.0) ** 2).sum() + breach)

    # no progress display, and no polishing by gradients, which fails at the kinks of the ramps
    search: Callable[..., OptimizeResult] = differential_evolution  # newer releases prefer the name rng for seed
    found = search(cost, ranges, maxiter=generations, popsize=4, tol=0, atol=0, polish=False, init="sobol", seed=seed)
    values, _, discharging = figures(found.x)
    rows = [(name, unit, paper, float(ours)) for (name, unit, paper), ours in zip(printed, values, strict=True)]
    parameters = dict(zip(RANGES, found.x[: len(RANGES)].tolist(), strict=True))
    if not weights_free:
        parameters["habit_weight"] = 0.5
    return JointFit(recovery, weights_free, parameters, _ordered(found.x[len(RANGES) :]), rows, discharging)


def _ordered(prices: np.ndarray) -> np.ndarray:
    """Return prices that fall from peak to valley, charge and discharge each."""
    return np.concatenate([-np.sort(-prices[:3]), -np.sort(-prices[3:])])


def fits_as_markdown(fits: list[JointFit]) -> str:
    """Return the residuals, and the best fit's parameters beside their ranges, as Markdown."""
    best = min(fits, key=lambda fit: fit.worst)
    names = [name for name, *_ in best.figures]
    lines = [
        "| recovery | weights of satisfaction | " + " | ".join(names) + " | worst |",
        "|---|---|" + "---:|" * (len(names) + 1),
        *(
            f"| {fit.recovery} | {'searched' if fit.weights_free else 'one half each'} | "
            + " | ".join(f"{100 * r:+.1f} %" for r in fit.residuals)
            + f" | {100 * fit.worst:.1f} % |"
            for fit in fits
        ),
        "",
        f"The best: recovery {best.recovery}, weights {'searched' if best.weights_free else 'one half each'}.",
        "",
        "| quantity | unit | the paper | ours | difference |",
        "|---|---|---:|---:|---:|",
        *(
            f"| {name} | {unit} | {paper:,.7g} | {ours:,.7g} | {100 * (ours / paper - 1):+.2f} % |"
            for name, unit, paper, ours in best.figures
        ),
        "",
        "| assumed parameter | searched within | best fit | at an end of its range |",
        "|---|---|---:|---|",
    ]
    for name, (low, high) in RANGES.items():
        value = best.parameters[name]
        end = "yes" if min(value - low, high - value) < 0.02 * (high - low) else ""
        lines.append(f"| {name} | {low:g} to {high:g} | {value:.3g} | {end} |")
    prices = ", ".join(f"{name} {price:.1f}" for name, price in zip(price_names(PERIODS), best.tariff, strict=True))
    return "\n".join([*lines, "", f"Prices [{'cents/kWh'}]: {prices}.", ""])
