"""Robustness of a recommended tariff: effect of one assumption at a time (tornado), and of random draws of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from csmoifsa.decision import membership
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import MAXIMISED, TariffOutcome, evaluate
from csmoifsa_ev.model.ramp import Ramp

QUANTITIES = ("g1_mw", "g2_mw", "saving_per_day", "operator_profit_per_day", "driver_bill_per_day", "satisfaction")
"""Quantities of `effects`: changes against the situation before pricing, and last the satisfaction itself."""

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


def _ramps(day: PricingDay, change: Callable[[Ramp], Ramp]) -> PricingDay:
    names = ("peak_valley", "peak_flat", "flat_valley")
    return replace(day, response=replace(day.response, **{name: change(getattr(day.response, name)) for name in names}))


def with_factor(day: PricingDay, what: str, factor: float) -> PricingDay:
    """Return the day with the assumption ``what`` of `SPREAD` multiplied by ``factor``."""
    if what.startswith("response strength"):
        return _ramps(day, lambda ramp: replace(ramp, max_share=min(ramp.max_share * factor, 1.0)))
    if what.startswith("dead zone"):
        return _ramps(day, lambda ramp: replace(ramp, dead_zone=min(ramp.dead_zone * factor, 0.9 * ramp.saturation)))
    if what.startswith("price at which"):
        return _ramps(day, lambda ramp: replace(ramp, saturation=max(ramp.saturation * factor, ramp.dead_zone + 0.1)))
    if what.startswith("discharging"):
        terms = day.v2g.response
        return replace(day, v2g=replace(day.v2g, response=replace(terms, max_share=min(terms.max_share * factor, 1.0))))
    if what.startswith("wear"):
        return replace(day, v2g=replace(day.v2g, wear=day.v2g.wear * factor))
    if what.startswith("number of cars"):
        return replace(day, fleet=day.fleet.scaled(max(round(day.fleet.n_ev * factor), 1)))
    if what.startswith("level"):
        return replace(day, days_mw=day.days_mw * factor)
    if what.startswith("slope"):
        low, high = day.grid.marginal_cost_per_mwh
        middle, half = 0.5 * (low + high), 0.5 * (high - low) * factor
        return replace(day, grid=replace(day.grid, marginal_cost_per_mwh=(middle - half, middle + half)))
    return replace(day, grid=replace(day.grid, peak_cost_per_mw_day=day.grid.peak_cost_per_mw_day * factor))


def effects(outcome: TariffOutcome, day: PricingDay) -> np.ndarray:
    """Return the `QUANTITIES` of n tariffs, shape (n, 6): changes against before pricing, and the satisfaction."""
    before = {
        "g1_mw": float(day.before.g1_mw[0]),
        "g2_mw": float(day.before.g2_mw[0]),
        "operator_profit_per_day": day.bill_before - day.supply_cost_before,
        "driver_bill_per_day": day.bill_before,
    }
    return np.stack([getattr(outcome, name) - before.get(name, 0.0) for name in QUANTITIES], axis=1)


def tornado(tariff: np.ndarray, day: PricingDay) -> list[dict[str, Any]]:
    """Return the effects of a tariff with each assumption alone at the low and at the high end of its range.

    Parameters
    ----------
    tariff : (6,) array
        The tariff, the same for all assumptions [price unit per kWh].
    day : PricingDay
        The day with all assumptions at their stated values.

    Returns
    -------
    list of dict
        ``assumption, spread_percent``, and ``<quantity>_low, <quantity>, <quantity>_high``; largest effect on the
        saving first.
    """
    here = effects(evaluate(tariff[None], day), day)[0]
    rows = []
    for what, spread in SPREAD.items():
        trials = [with_factor(day, what, 1.0 + sign * spread) for sign in (-1.0, 1.0)]
        low, high = (effects(evaluate(tariff[None], one), one)[0] for one in trials)
        row: dict[str, Any] = {"assumption": what, "spread_percent": 100.0 * spread}
        for k, name in enumerate(QUANTITIES):
            row |= {f"{name}_low": float(low[k]), name: float(here[k]), f"{name}_high": float(high[k])}
        rows.append(row)
    return sorted(rows, key=lambda row: -abs(row["saving_per_day_high"] - row["saving_per_day_low"]))


@dataclass(frozen=True)
class Robustness:
    """Effects and scores of tariffs over random draws of all assumptions.

    Attributes
    ----------
    quantiles : list of dict
        ``quantity, p5, p50, p95, better_share``: quantiles of each effect, and share of draws in which it improves.
    recommended_score, best_score : float
        Mean score over the draws of the recommended tariff, and largest mean score on the front, in [0, 1].
    most_robust : int
        Row of the front's tariff with the largest mean score.
    rank_share : float
        Share of the front with a smaller mean score than the recommended tariff.
    rebound_share : float
        Share of draws with the peak in the valley hours.
    draws : int
        Number of draws.
    """

    quantiles: list[dict[str, Any]]
    recommended_score: float
    best_score: float
    most_robust: int
    rank_share: float
    rebound_share: float
    draws: int


def robustness(
    front: np.ndarray, recommended: int, day: PricingDay, objectives: str, *, draws: int = 200, seed: int = 0
) -> Robustness:
    """Evaluate tariffs under random draws of all assumptions of `SPREAD`, uniform in their ranges, and of the day.

    Parameters
    ----------
    front : (n, 6) array
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
    random = np.random.default_rng([seed, draws])
    values = np.empty((draws, len(QUANTITIES)))
    scores = np.zeros(len(front))
    rebounds = 0
    for k in range(draws):
        one = day
        for what, spread in SPREAD.items():
            one = with_factor(one, what, 1.0 + spread * random.uniform(-1.0, 1.0))
        base = one.days_mw[random.integers(len(one.days_mw))]
        wave = _smooth_noise(random, len(base))
        one = replace(one, days_mw=(base * (1.0 + 0.03 * wave))[None])
        outcome = evaluate(front, one)
        values[k] = effects(outcome, one)[recommended]
        scores += membership(outcome.objectives(objectives)).mean(axis=1) / draws
        load = outcome.load_mw[recommended]
        rebounds += load[one.steps[2]].max() > load[np.concatenate(one.steps[:2])].max()
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


def _band(name: str, values: np.ndarray) -> dict[str, Any]:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    better = values > 0 if name in MAXIMISED else values < 0
    share = None if name == "satisfaction" else float(better.mean())
    return {"quantity": name, "p5": float(low), "p50": float(middle), "p95": float(high), "better_share": share}
