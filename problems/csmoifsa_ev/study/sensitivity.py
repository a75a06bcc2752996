"""Robustness of a recommended tariff: effect of one assumption at a time (tornado), and of random draws of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from csmoifsa.decision import membership
from csmoifsa_ev.model import outcome
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.ramp import Ramp
from csmoifsa_ev.model.response import FLOWS
from csmoifsa_ev.problem.pricing import EVPricing

QUANTITIES = ("g1_mw", "g2_mw", "saving_per_day", "operator_profit_per_day", "driver_bill_per_day", "satisfaction")
"""Quantities of `effects`."""

SPREAD = {
    "response strength (max_share)": 0.30,
    "dead zone of the response": 0.50,
    "price at which it saturates": 0.25,
    "discharging drivers (v2g)": 0.50,
    "wear of batteries": 0.30,
    "number of cars": 0.20,
    "level of the load": 0.05,
    "slope of the marginal cost": 0.30,
    "cost of peak load": 0.50,
}
"""Relative half-width of each assumption's range; judgement, stated in docs/assumptions.md."""

ENROLMENT_SPREAD = {
    "owners who enrol (max_share)": 0.50,
    "dead zone of enrolment": 0.50,
    "price at which enrolment saturates": 0.50,
}
"""The same for enrolment, where a scenario has it; judgement."""

V2G_SPREAD = {"dead zone of discharging": 0.50, "price at which discharging saturates": 0.25}
"""The same for the response to the discharge price, where it has ranges of its own."""


def assumptions_of(day: PricingDay) -> dict[str, float]:
    """Return the assumptions that a day rests on, each with the relative half-width of its range."""
    enrolment = {} if day.response.enrolment is None else ENROLMENT_SPREAD
    discharging = {} if day.v2g.response.ranges is None else V2G_SPREAD
    return SPREAD | enrolment | discharging


def _ramps(day: PricingDay, change: Callable[[Ramp], Ramp]) -> PricingDay:
    usual = {name: change(getattr(day.response, name)) for name in FLOWS}
    pairs = {name: change(ramp) for name, ramp in day.response.pairs.items()}
    return replace(day, response=replace(day.response, **usual, pairs=pairs))


def _changed(ramp: Ramp, what: str, factor: float) -> Ramp:
    """Return a ramp with the parameter that ``what`` names multiplied by a factor, or moved within its own range."""
    part = (factor - 1.0) / (SPREAD | ENROLMENT_SPREAD | V2G_SPREAD)[what]
    if what.startswith("dead zone"):
        if ramp.ranges:
            return ramp.moved("dead_zone", part)
        return replace(ramp, dead_zone=min(ramp.dead_zone * factor, 0.9 * ramp.saturation))
    if what.startswith("price at which"):
        if ramp.ranges:
            return ramp.moved("slope", -part)
        return replace(ramp, saturation=max(ramp.saturation * factor, ramp.dead_zone + 0.1))
    if ramp.ranges:
        return ramp.moved("max_share", part)
    return replace(ramp, max_share=min(ramp.max_share * factor, 1.0))


def with_factor(day: PricingDay, what: str, factor: float) -> PricingDay:
    """Return the day with the assumption ``what`` of `assumptions_of` multiplied by ``factor``.

    A response with ranges of its own moves within them instead: ``factor`` at an end of the general range is the same
    end of its own. Its saturation moves with its slope, since h is that of ``l + phi_max / K``.
    The hours in force, where these are others, have the same assumption.
    """
    if day.hours_in_force is not None:
        changed = with_factor(replace(day, hours_in_force=None), what, factor)
        return replace(changed, hours_in_force=with_factor(day.hours_in_force, what, factor))
    enrolment = day.response.enrolment
    if what in ENROLMENT_SPREAD:
        curve = None if enrolment is None else replace(enrolment, curve=_changed(enrolment.curve, what, factor))
        return replace(day, response=replace(day.response, enrolment=curve))
    if what in V2G_SPREAD or what.startswith("discharging"):
        return replace(day, v2g=replace(day.v2g, response=_changed(day.v2g.response, what, factor)))
    if what.startswith(("response strength", "dead zone", "price at which")):
        return _ramps(day, lambda ramp: _changed(ramp, what, factor))
    if what.startswith("wear"):
        return replace(day, v2g=replace(day.v2g, wear=day.v2g.wear * factor))
    if what.startswith("number of cars"):
        n_ev = max(round(day.fleet.n_ev * factor), 1)
        return day.each(lambda kind: {"fleet": kind.fleet.scaled(n_ev)})
    if what.startswith("level"):
        return day.each(lambda kind: {"days_mw": kind.days_mw * factor})
    if what.startswith("slope"):
        low, high = day.grid.marginal_cost_per_mwh
        middle, half = 0.5 * (low + high), 0.5 * (high - low) * factor
        return replace(day, grid=replace(day.grid, marginal_cost_per_mwh=(middle - half, middle + half)))
    return replace(day, grid=replace(day.grid, peak_cost_per_mw_day=day.grid.peak_cost_per_mw_day * factor))


def has_own_range(day: PricingDay, what: str) -> bool:
    """Return whether an assumption moves within ranges that a response of the day states, not the general one."""
    enrolment, ramps = day.response.enrolment, []
    if what in ENROLMENT_SPREAD:
        ramps = [] if enrolment is None else [enrolment.curve]
    elif what in V2G_SPREAD or what.startswith("discharging"):
        ramps = [day.v2g.response]
    elif what.startswith(("response strength", "dead zone", "price at which")):
        ramps = [ramp for _, ramp in day.response.by_flow(day.names)]
    return any(ramp.ranges is not None for ramp in ramps)


def effects(tariffs: np.ndarray, day: PricingDay) -> tuple[np.ndarray, np.ndarray]:
    """Return the changes of `QUANTITIES` of tariffs (n, 2 P) against the tariff in force, (n, 6), and all quantities.

    The latter are those of `EVPricing.quantities`, (n, 10), of the tariffs.
    """
    problem = EVPricing(day)
    Q = np.vstack([problem.quantities(tariffs)[0], problem.quantities_in_force()])
    columns = [outcome.QUANTITIES.index(name) for name in QUANTITIES]
    signs = [-1.0 if name in outcome.MAXIMISED else 1.0 for name in QUANTITIES]
    values = Q[:, columns] * signs
    return values[:-1] - values[-1], Q[:-1]


def tornado(tariff: np.ndarray, day: PricingDay) -> list[dict[str, str | float]]:
    """Return the `effects` of a tariff with each assumption alone at the low and at the high end of its range.

    Parameters
    ----------
    tariff : (2 P,) array
        The tariff, the same for all assumptions [price unit per kWh].
    day : PricingDay
        The day with all assumptions at their stated values.

    Returns
    -------
    list of dict
        ``assumption, spread_percent, own_range`` (whether a response has ranges in place of the spread), and
        ``<quantity>_low, <quantity>, <quantity>_high``; largest effect on the saving first.
    """
    here = effects(tariff[None], day)[0][0]
    saving = QUANTITIES.index("saving_per_day")
    rows: list[tuple[float, dict[str, str | float]]] = []  # effect on the saving, row
    for what, spread in assumptions_of(day).items():
        trials = [with_factor(day, what, 1.0 + sign * spread) for sign in (-1.0, 1.0)]
        low, high = (effects(tariff[None], one)[0][0] for one in trials)
        row: dict[str, str | float] = {
            "assumption": what,
            "spread_percent": 100.0 * spread,
            "own_range": has_own_range(day, what),
        }
        for k, name in enumerate(QUANTITIES):
            row |= {f"{name}_low": float(low[k]), name: float(here[k]), f"{name}_high": float(high[k])}
        rows.append((abs(float(high[saving]) - float(low[saving])), row))
    return [row for _, row in sorted(rows, key=lambda one: -one[0])]


class Band(TypedDict):
    """Quantiles of one change against the tariff in force over random draws of all assumptions.

    Attributes
    ----------
    quantity : str
        Name of the effect, one of `QUANTITIES`.
    p5, p50, p95 : float
        Its quantiles, in its own unit.
    better_share : float
        Share of draws in which it improves.
    """

    quantity: str
    p5: float
    p50: float
    p95: float
    better_share: float


@dataclass(frozen=True)
class Robustness:
    """Effects and scores of tariffs over random draws of all assumptions.

    Attributes
    ----------
    quantiles : list of Band
        Quantiles of each change against the tariff in force.
    recommended_score, best_score : float
        Mean over the draws of the recommended tariff's membership (mean over the objectives of 0 at the worst to 1 at
        the best value on the front), and the largest mean on the front, in [0, 1].
    most_robust : int
        Row of the front's tariff with the largest mean score.
    rank_share : float
        Share of the front with a smaller mean score than the recommended tariff.
    rebound_share : float
        Share of draws with the peak in the valley hours.
    draws : int
        Number of draws.
    """

    quantiles: list[Band]
    recommended_score: float
    best_score: float
    most_robust: int
    rank_share: float
    rebound_share: float
    draws: int


def draw_days(day: PricingDay, *, draws: int = 200, seed: int = 0) -> Iterator[PricingDay]:
    """Yield days with all `assumptions_of` a day drawn at random, uniform in their ranges, and with its load.

    The load of each kind of days is that of one of its days at random, times 1 plus smooth noise with a standard
    deviation of 3 %. The same ``draws`` and ``seed`` yield the same days.
    """
    random = np.random.default_rng([seed, draws])
    for _ in range(draws):
        one = day
        for what, spread in assumptions_of(day).items():
            one = with_factor(one, what, 1.0 + spread * random.uniform(-1.0, 1.0))

        loads = []
        for kind in one.kinds:
            base = kind.days_mw[random.integers(len(kind.days_mw))]
            loads.append((base * (1.0 + 0.03 * _smooth_noise(random, len(base))))[None])
        yield one.with_loads(loads)


def robustness(
    front: np.ndarray, recommended: int, day: PricingDay, objectives: str, *, draws: int = 200, seed: int = 0
) -> Robustness:
    """Evaluate tariffs under the draws of `draw_days`.

    Parameters
    ----------
    front : (n, 2 P) array
        Tariffs; in each draw the score is the mean membership of the objectives over this front.
    recommended : int
        Row of the recommended tariff.
    day : PricingDay
        The day with all assumptions at their stated values.
    objectives : str
        Name of the set of `outcome.OBJECTIVE_SETS` that is scored.
    draws, seed : int
        Number of draws, and random seed.
    """
    values = np.empty((draws, len(QUANTITIES)))
    scores = np.zeros(len(front))
    rebounds = 0
    scored = [outcome.QUANTITIES.index(name) for name in outcome.OBJECTIVE_SETS[objectives]]
    rebound = outcome.QUANTITIES.index("rebound_mw")
    for k, one in enumerate(draw_days(day, draws=draws, seed=seed)):
        changes, Q = effects(front, one)
        values[k] = changes[recommended]
        scores += membership(Q[:, scored]).mean(axis=1) / draws
        rebounds += Q[recommended, rebound] > 0
    best = int(scores.argmax())
    return Robustness(
        quantiles=[_band(name, values[:, k]) for k, name in enumerate(QUANTITIES)],
        recommended_score=float(scores[recommended]),
        best_score=float(scores[best]),
        most_robust=best,
        rank_share=float((scores < scores[recommended]).mean()),
        rebound_share=rebounds / draws,
        draws=draws,
    )


def _smooth_noise(random: np.random.Generator, n_steps: int) -> np.ndarray:
    """Return random smooth noise of a day, three harmonics with unit variance, shape (n_steps,)."""
    angle = 2.0 * np.pi * np.arange(n_steps) / n_steps
    wave = sum(random.normal() * np.cos(k * angle) + random.normal() * np.sin(k * angle) for k in (1, 2, 3))
    return np.asarray(wave) / np.sqrt(3.0)


def _band(name: str, values: np.ndarray) -> Band:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    better = float((values > 0 if name in outcome.MAXIMISED else values < 0).mean())
    return {"quantity": name, "p5": float(low), "p50": float(middle), "p95": float(high), "better_share": better}
