"""Stakeholder impact of a tariff: on grid, operator and groups of drivers, and the rebound of the peak."""

from __future__ import annotations

from typing import Any

import numpy as np

from csmoifsa_energy.impact import StakeholderImpact
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.groups import GROUPS, driver_groups
from csmoifsa_ev.model.outcome import TariffOutcome
from csmoifsa_ev.model.tariff import VALLEY

DAYS_A_MONTH = 365.0 / 12.0


def group_bills(tariff: np.ndarray, outcome: TariffOutcome, day: PricingDay, row: int = 0) -> dict[str, float]:
    """Return the monthly bill of a car of each group, less its income from discharging [currency/month].

    Parameters
    ----------
    tariff : (6,) array
        Prices in the order of `tariff.VARIABLES` [price unit per kWh].
    outcome : TariffOutcome
        Effects of tariffs, this one at ``row``.
    day : PricingDay
        The day on which they were evaluated.
    row : int
        Row of the tariff in ``outcome``.

    Returns
    -------
    dict
        Bill by the names of `GROUPS`; NaN for a group without cars.
    """
    share = driver_groups(outcome, day).share[row]
    price = tariff[day.period]
    stays = (outcome.charging_mw[row] - outcome.arriving_mw[row]) @ price
    moved = outcome.arriving_mw[row] @ price
    both = share[2] / (share[1] + share[2]) if share[2] > 0 else 0.0
    battery = outcome.recharging_mw[row].sum() * tariff[VALLEY] - outcome.discharging_mw[row] @ tariff[3:][day.period]
    paid = np.array([stays, moved * (1.0 - both), moved * both + battery]) * day.dt_h * day.prices.per_mwh
    cars = np.maximum(share * day.fleet.n_ev, 1e-9)
    return {
        name: float(paid[k] / cars[k] * DAYS_A_MONTH) if share[k] > 1e-9 else float("nan")
        for k, name in enumerate(GROUPS)
    }


def stakeholder_impact(
    tariff: np.ndarray, outcome: TariffOutcome, day: PricingDay, row: int = 0
) -> list[StakeholderImpact]:
    """Return the impact of one tariff against the situation before pricing; see `group_bills` for the parameters."""
    money = day.prices.currency
    g1, g2, _ = (float(figure[0]) for figure in day.before)
    month = DAYS_A_MONTH / day.fleet.n_ev
    supply_before = day.generation_before / day.grid.conversion_efficiency
    peak_cost = day.grid.peak_cost_per_mw_day * (g1 - float(outcome.g1_mw[row])) * 1e-3
    bill = day.bill_before * month
    lines = [
        StakeholderImpact("grid", "peak load", "MW", g1, float(outcome.g1_mw[row]), "lower"),
        StakeholderImpact("grid", "peak-valley difference", "MW", g2, float(outcome.g2_mw[row]), "lower"),
        StakeholderImpact("grid", "cost of peak capacity saved", f"1000 {money}/day", 0.0, peak_cost, "higher"),
        StakeholderImpact(
            "operator",
            "saving in supply",
            f"1000 {money}/day",
            0.0,
            float(outcome.saving_per_day[row]) * 1e-3,
            "higher",
        ),
        StakeholderImpact(
            "operator",
            "profit",
            f"1000 {money}/day",
            (day.bill_before - day.supply_cost_before) * 1e-3,
            float(outcome.operator_profit_per_day[row]) * 1e-3,
            "higher",
        ),
        StakeholderImpact(
            "operator",
            "share of generation cost saved",
            "%",
            0.0,
            100.0 * float(outcome.saving_per_day[row]) / supply_before,
            "",
        ),
        StakeholderImpact(
            "drivers, all",
            "bill",
            f"{money}/car, month",
            bill,
            float(outcome.driver_bill_per_day[row]) * month,
            "lower",
        ),
        StakeholderImpact("drivers, all", "satisfaction", "0 to 1", 1.0, float(outcome.satisfaction[row]), "higher"),
    ]
    names = ("answer no price", "answer the charge price", "answer both prices")
    for name, after in zip(names, group_bills(tariff, outcome, day, row).values(), strict=True):
        if np.isfinite(after):
            lines.append(StakeholderImpact(f"drivers who {name}", "bill", f"{money}/car, month", bill, after, "lower"))
    return lines


def rebound(outcome: TariffOutcome, day: PricingDay, row: int = 0) -> dict[str, Any]:
    """Return time and height of the peak after pricing, and whether it lies in the valley hours (rebound).

    Parameters
    ----------
    outcome : TariffOutcome
        Effects of tariffs, this one at ``row``.
    day : PricingDay
        The day on which they were evaluated.
    row : int
        Row of the tariff in ``outcome``.

    Returns
    -------
    dict
        rebound (peak in the valley hours), higher_than_before, peak_at (``"hh:mm"``), valley_peak_mw and other_peak_mw
        (highest load inside and outside the valley hours [MW]).
    """
    load = outcome.load_mw[row]
    step = int(load.argmax())
    valley = float(load[day.steps[VALLEY]].max())
    others = float(load[np.concatenate(day.steps[:2])].max())
    minutes = round(step * day.dt_h * 60)
    return {
        "rebound": valley > others,
        "higher_than_before": bool(outcome.g1_mw[row] > day.before.g1_mw[0]),
        "peak_at": f"{minutes // 60:02d}:{minutes % 60:02d}",
        "valley_peak_mw": valley,
        "other_peak_mw": others,
    }
