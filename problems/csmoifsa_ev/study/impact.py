"""Stakeholder impact of a tariff: on grid, operator and groups of drivers, and the rebound of the peak."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from csmoifsa_energy.impact import StakeholderImpact
from csmoifsa_ev.model.bill import DAYS_A_MONTH
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.groups import GROUPS, driver_groups
from csmoifsa_ev.model.outcome import TariffOutcome


def group_bills(outcome: TariffOutcome, day: PricingDay, row: int = 0) -> dict[str, float]:
    """Return the monthly bill of a car of each group, less its income from discharging [currency/month].

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
        Bill by the names of `GROUPS`; NaN for a group without cars.
    """
    share = driver_groups(outcome, day).share[row]
    stays, moved, battery = outcome.paid_per_day[row]
    both = share[2] / (share[1] + share[2]) if share[2] > 0 else 0.0
    paid = np.array([stays, moved * (1.0 - both), moved * both + battery])
    cars = np.maximum(share * day.fleet.n_ev, 1e-9)
    return {
        name: float(paid[k] / cars[k] * DAYS_A_MONTH) if share[k] > 1e-9 else float("nan")
        for k, name in enumerate(GROUPS)
    }


def stakeholder_impact(
    tariff: np.ndarray, outcome: TariffOutcome, day: PricingDay, row: int = 0, start: int | None = None
) -> list[StakeholderImpact]:
    """Return the impact of one tariff; see `group_bills` for the other parameters.

    Parameters
    ----------
    tariff, outcome, day, row
        The tariff, effects of tariffs, the day, and the tariff's row in them.
    start : int, optional
        Row in ``outcome`` of the tariff in force, with which the tariff is compared; without it, with the situation
        before pricing. A group that the tariff in force does not have is compared with the mean bill of all drivers.
    """
    money, energy_bill = day.prices.currency, "bill for energy" if day.bill.stated else "bill"
    month = DAYS_A_MONTH / day.fleet.n_ev
    supply_before = day.generation_before / day.grid.conversion_efficiency
    peak_cost = day.grid.peak_cost_per_mw_day

    def figures(k: int) -> dict[str, float]:
        saving = float(outcome.saving_per_day[k])
        return {
            "peak": float(outcome.g1_mw[k]),
            "difference": float(outcome.g2_mw[k]),
            "capacity": peak_cost * (float(day.before.g1_mw[0]) - float(outcome.g1_mw[k])) * 1e-3,
            "saving": saving * 1e-3,
            "profit": float(outcome.operator_profit_per_day[k]) * 1e-3,
            "share": 100.0 * saving / supply_before,
            "bill": float(outcome.driver_bill_per_day[k]) * month,
            "satisfaction": float(outcome.satisfaction[k]),
        }

    old, new = _before_pricing(day) if start is None else figures(start), figures(row)
    kinds = (
        ("grid", "peak load", "MW", "peak", "lower"),
        ("grid", "peak-valley difference", "MW", "difference", "lower"),
        ("grid", "cost of peak capacity saved", f"1000 {money}/day", "capacity", "higher"),
        ("operator", "saving in supply", f"1000 {money}/day", "saving", "higher"),
        ("operator", "profit", f"1000 {money}/day", "profit", "higher"),
        ("operator", "share of generation cost saved", "%", "share", ""),
        ("drivers, all", energy_bill, f"{money}/car, month", "bill", "lower"),
        ("drivers, all", "satisfaction", "0 to 1", "satisfaction", "higher"),
    )
    lines = [StakeholderImpact(who, what, unit, old[key], new[key], better) for who, what, unit, key, better in kinds]
    names = ("answer no price", "answer the charge price", "answer both prices")
    bills = {} if start is None else group_bills(outcome, day, start)
    for name, (group, after) in zip(names, group_bills(outcome, day, row).items(), strict=True):
        if np.isfinite(after):
            paid = bills.get(group, float("nan"))
            earlier = paid if np.isfinite(paid) else old["bill"]
            unit = f"{money}/car, month"
            lines.append(StakeholderImpact(f"drivers who {name}", energy_bill, unit, earlier, after, "lower"))
    return lines


def _before_pricing(day: PricingDay) -> dict[str, float]:
    """Return the figures of `stakeholder_impact` for the situation before pricing."""
    return {
        "peak": float(day.before.g1_mw[0]),
        "difference": float(day.before.g2_mw[0]),
        "capacity": 0.0,
        "saving": 0.0,
        "profit": (day.bill_before - day.supply_cost_before) * 1e-3,
        "share": 0.0,
        "bill": day.bill_before * DAYS_A_MONTH / day.fleet.n_ev,
        "satisfaction": 1.0,
    }


def v2g_figures(outcome: TariffOutcome, day: PricingDay) -> dict[str, np.ndarray]:
    """Return what discharging costs and brings under n tariffs, (n,) each.

    Returns
    -------
    dict
        discharged_mwh [MWh/day]; and in currency a day: supply_avoided (cost of supply that discharging avoids, with
        the recharging it needs), fees, wear (of batteries), gain (the first less the two others, of both together),
        paid_to_drivers (their income from discharging less what recharging costs them), drivers_gain (the same less
        wear) and operator_gain (the rest of the gain).
    """
    money = day.prices.per_mwh
    mwh = outcome.discharged_mwh
    fees, wear = day.v2g.fee * mwh * money, day.v2g.wear * mwh * money
    return {
        "discharged_mwh": mwh,
        "supply_avoided": outcome.v2g_gain_per_day + fees + wear,
        "fees": fees,
        "wear": wear,
        "gain": outcome.v2g_gain_per_day,
        "paid_to_drivers": outcome.v2g_income_per_day,
        "drivers_gain": outcome.v2g_income_per_day - wear,
        "operator_gain": outcome.v2g_gain_per_day - outcome.v2g_income_per_day + wear,
    }


def load_limit_notes(outcome: TariffOutcome, day: PricingDay, start: int, row: int) -> list[str]:
    """Return a sentence on the load limit before pricing, in force and recommended; empty without a limit.

    Parameters
    ----------
    outcome : TariffOutcome
        Effects of tariffs.
    day : PricingDay
        The day on which they were evaluated.
    start, row : int
        Rows of the tariff in force and of the recommended one.
    """
    limit = day.limits.max_load_mw
    if limit is None:
        return []
    before, in_force, after = (f"{float(one):,.1f} MW" for one in (day.before.g1_mw[0], *outcome.g1_mw[[start, row]]))
    return [
        f"limits.max_load_mw: the load may reach {limit:,.1f} MW; it reaches {before} before pricing, {in_force} with "
        f"the tariff in force and {after} with the recommended one"
    ]


class Rebound(TypedDict):
    """The peak after pricing.

    Attributes
    ----------
    rebound, higher_than_before : bool
        Whether the peak lies in the valley hours, and whether it is higher than the one before.
    peak_at : str
        Its time, ``"hh:mm"``.
    valley_peak_mw, other_peak_mw : float
        Highest load inside and outside the valley hours [MW].
    """

    rebound: bool
    higher_than_before: bool
    peak_at: str
    valley_peak_mw: float
    other_peak_mw: float


def rebound(outcome: TariffOutcome, day: PricingDay, row: int = 0) -> Rebound:
    """Return time and height of the peak after pricing, and whether it lies in the cheapest period (rebound).

    Parameters
    ----------
    outcome : TariffOutcome
        Effects of tariffs, this one at ``row``.
    day : PricingDay
        The day on which they were evaluated.
    row : int
        Row of the tariff in ``outcome``.
    """
    load = outcome.load_mw[row]
    step = int(load.argmax())
    if day.others:  # hours differ from day to day: the highest of all days
        outside = float(outcome.g1_mw[row]) - max(float(outcome.rebound_mw[row]), 0.0)
        valley, others = outside + float(outcome.rebound_mw[row]), outside
    else:
        valley = float(load[day.steps[-1]].max())
        others = float(load[np.concatenate(day.steps[:-1])].max())
    minutes = round(step * day.dt_h * 60)
    return {
        "rebound": valley > others,
        "higher_than_before": bool(outcome.g1_mw[row] > day.before.g1_mw[0]),
        "peak_at": f"{minutes // 60:02d}:{minutes % 60:02d}",
        "valley_peak_mw": valley,
        "other_peak_mw": others,
    }
