"""Effect of each way to run the day on the grid: peak, valley, ramp and load factor of base and cars together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from csmoifsa_aggregator.study.baselines import UNCONTROLLED, DayAccount

BASE_ALONE = "base load alone"


class GridRow(TypedDict):
    """Load of base and cars together of one way to run the day.

    Attributes
    ----------
    plan : str
        Way to run the day.
    peak_kw, valley_kw, peak_valley_kw : float
        Greatest and least load of a step, and their difference [kW].
    ramp_kw_h : float
        Greatest change of the load between two steps that follow each other within the day [kW/h].
    load_factor : float or None
        Mean load as a share of the peak; None where the peak is not above 0.
    """

    plan: str
    peak_kw: float
    valley_kw: float
    peak_valley_kw: float
    ramp_kw_h: float
    load_factor: float | None


class GridEffect(TypedDict):
    """Change of the grid's figures from uncontrolled charging to the last stage.

    Attributes
    ----------
    against, plan : str
        Ways to run the day, before and after.
    peak_kw, valley_kw, peak_valley_kw : float
        Changes of the figures of `GridRow` [kW].
    peak_shaved, valley_filled : bool
        Whether the peak falls, and whether the valley rises.
    """

    against: str
    plan: str
    peak_kw: float
    valley_kw: float
    peak_valley_kw: float
    peak_shaved: bool
    valley_filled: bool


class Gain(TypedDict):
    """Gain of both parties from the last stage, against uncontrolled charging at a flat price [currency/day].

    Attributes
    ----------
    against, plan : str
        Ways to run the day, before and after.
    aggregator : float
        Rise of the aggregator's profit.
    drivers : float
        Fall of what all drivers pay, those who leave at the competitor's price; payments for wear are left out.
    """

    against: str
    plan: str
    aggregator: float
    drivers: float


def grid_row(plan: str, load_kw: np.ndarray, dt_h: float) -> GridRow:
    """Return the figures of a load (T,) [kW] on steps of ``dt_h`` hours."""
    peak = float(load_kw.max())
    return {
        "plan": plan,
        "peak_kw": peak,
        "valley_kw": float(load_kw.min()),
        "peak_valley_kw": float(np.ptp(load_kw)),
        "ramp_kw_h": float(np.abs(np.diff(load_kw)).max(initial=0.0)) / dt_h,
        "load_factor": float(load_kw.mean()) / peak if peak > 0 else None,
    }


def grid_rows(accounts: Sequence[DayAccount], base_kw: np.ndarray | None, dt_h: float) -> list[GridRow]:
    """Return the figures of each account's load beside a base load (T,) [kW]; those of the base alone come first.

    Without a base load they are those of the cars alone.
    """
    if base_kw is None:
        return [grid_row(one.name, one.load_kw, dt_h) for one in accounts]
    rows = [grid_row(one.name, base_kw + one.load_kw, dt_h) for one in accounts]
    return [grid_row(BASE_ALONE, base_kw, dt_h), *rows]


def mean_rows(days: Sequence[Sequence[GridRow]]) -> list[GridRow]:
    """Return the mean over days of each row's figures; a load factor is None where it is on any of the days."""
    means: list[GridRow] = []
    for rows in zip(*days, strict=True):
        factors = [one["load_factor"] for one in rows]
        known = [one for one in factors if one is not None]
        means.append(
            {
                "plan": rows[0]["plan"],
                "peak_kw": float(np.mean([one["peak_kw"] for one in rows])),
                "valley_kw": float(np.mean([one["valley_kw"] for one in rows])),
                "peak_valley_kw": float(np.mean([one["peak_valley_kw"] for one in rows])),
                "ramp_kw_h": float(np.mean([one["ramp_kw_h"] for one in rows])),
                "load_factor": float(np.mean(known)) if len(known) == len(factors) else None,
            }
        )
    return means


def grid_effect(rows: Sequence[GridRow]) -> GridEffect:
    """Return the change from uncontrolled charging to the last of the rows."""
    before, after = next(one for one in rows if one["plan"] == UNCONTROLLED), rows[-1]
    slack = 1e-6 * max(1.0, abs(before["peak_kw"]))
    peak, valley = after["peak_kw"] - before["peak_kw"], after["valley_kw"] - before["valley_kw"]
    return {
        "against": before["plan"],
        "plan": after["plan"],
        "peak_kw": peak,
        "valley_kw": valley,
        "peak_valley_kw": after["peak_valley_kw"] - before["peak_valley_kw"],
        "peak_shaved": peak < -slack,
        "valley_filled": valley > slack,
    }


def both_gain(accounts: Sequence[DayAccount]) -> Gain:
    """Return the gain of aggregator and drivers from the last account, against uncontrolled charging."""
    before, after = next(one for one in accounts if one.name == UNCONTROLLED), accounts[-1]
    return {
        "against": before.name,
        "plan": after.name,
        "aggregator": after.profit - before.profit,
        "drivers": before.driver_cost - after.driver_cost,
    }
