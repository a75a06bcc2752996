"""What the operator earns and pays on the present and the proposed rate, and what is left to all other customers.

Four cases: all customers on the present rate; all on the proposed one with today's hours; all on it with their answer;
and the proposed rate offered beside the present one, where customers who compare take the cheaper bill.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, TypedDict

import numpy as np

from csmoifsa_ev.model.bill import DAYS_A_MONTH, MonthlyBills
from csmoifsa_ev.model.curves import evaluate_days
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.outcome import avoided_cost, evaluate, shifted_energy
from csmoifsa_ev.study.customers import SampledUse, bills_on

CASES = ("in_force", "same_hours", "proposed", "choice")
"""Cases of `revenue_table`, in its order."""


class RevenueRow(TypedDict):
    """The operator's account in one case.

    Attributes
    ----------
    case : str
        One of `CASES`.
    on_proposed : float
        Share of the customers on the proposed rate.
    revenue_per_day : float
        What customers pay for charging, without taxes [currency/day].
    revenue_change : float
        Its change against all on the present rate, as a share of that.
    supply_per_day : float
        Cost of supplying the cars, with fees for discharging [currency/day].
    discharging_per_day : float
        What drivers earn by discharging, less what recharging costs them [currency/day].
    margin_per_day : float
        Revenue less the two [currency/day].
    margin_change_per_day : float
        Its change against all on the present rate [currency/day].
    level_change : float, optional
        Common change of all charge prices of the proposed rate that would keep the revenue, but for minimum bills; it
        moves no load [price unit per kWh]. None where customers choose, for it would change who does.
    others_price : float, optional
        Change of the price of each kWh of the load without cars that would make up for the change of the margin; above
        0 where others pay [price unit per kWh]. None where that load is not above 0.
    """

    case: str
    on_proposed: float
    revenue_per_day: float
    revenue_change: float | None
    supply_per_day: float
    discharging_per_day: float
    margin_per_day: float
    margin_change_per_day: float
    level_change: float | None
    others_price: float | None


class Account(NamedTuple):
    """Share of customers on the proposed rate; revenue, cost of supply and payments for discharging [currency/day]."""

    on_proposed: float
    revenue: float
    supply: float
    discharging: float


def revenue_table(use: SampledUse, tariffs: tuple[np.ndarray, np.ndarray], day: PricingDay) -> list[RevenueRow]:
    """Return the operator's account in each of `CASES`.

    Energy and supply are those of the whole fleet; other parts of bills, and who chooses the proposed rate, are those
    of the sampled customers. Customers who choose it shift their part, by energy, of what the whole fleet would. Where
    the proposed rate has other hours than those in force, today's hours are those before any price.

    Parameters
    ----------
    use : SampledUse
        Charging of the sampled customers under both tariffs.
    tariffs : two (2 P,) arrays
        The tariff in force and the proposed one [price unit per kWh].
    day : PricingDay
        Load, fleet and terms, with the ``bill``.
    """
    old = bills_on(day.bill.present, tariffs[0], use.in_force, day)
    same = bills_on(day.bill.proposed, tariffs[1], use.today, day)
    new = bills_on(day.bill.proposed, tariffs[1], use.proposed, day)
    a_day = day.fleet.n_ev / DAYS_A_MONTH

    def other(bills: MonthlyBills) -> float:
        return a_day * float((bills.revenue - bills.energy).mean())

    paid = paid_at(tariffs[0], tariffs[0], day.in_force) + other(old)
    in_force = Account(0.0, paid, mixed_supply(0.0, tariffs, day), 0.0)
    same_hours, supply = paid_at(tariffs[1], tariffs[0], day), in_force.supply
    if day.hours_in_force is not None:  # the answer to the tariff in force is known in its own periods only
        same_hours, supply = paid_at(tariffs[1], None, day), day.supply_cost_before
    answered = paid_at(tariffs[1], tariffs[1], day) + other(new)
    income = float(evaluate(tariffs[1][None], day).v2g_income_per_day[0])
    takes = day.bill.share_choosing * (new.total < old.total * (1.0 - 1e-9))
    lost = a_day * float((takes * (old.revenue - new.revenue)).mean())
    kwh = use.in_force.kwh.sum(axis=0)
    part = float((takes * kwh).sum() / kwh.sum()) if kwh.sum() > 0 else 0.0
    choice = mixed_supply(part, tariffs, day)
    accounts = (
        in_force,
        Account(1.0, same_hours + other(same), supply, 0.0),
        Account(1.0, answered, mixed_supply(1.0, tariffs, day), income),
        Account(float(takes.mean()), in_force.revenue - lost, choice, part * income),
    )
    return [_row(case, one, in_force, day) for case, one in zip(CASES, accounts, strict=True)]


def revenue_notes(rows: list[RevenueRow], limits: Limits) -> list[str]:
    """Return a sentence where the account exceeds the limit of the revenue by what the constraint does not count."""
    share, change = limits.max_revenue_change, {row["case"]: row for row in rows}["proposed"]["revenue_change"]
    if share is None or change is None or abs(change) <= share * (1.0 + 1e-6):
        return []
    return [
        f"limits.max_revenue_change: the revenue changes by {change:+.2%} with minimum bills and with demand charges "
        f"after the answer to the prices; without these, as the constraint counts, it keeps the limit of {share:.2%}"
    ]


def _row(case: str, account: Account, in_force: Account, day: PricingDay) -> RevenueRow:
    margin, before = (one.revenue - one.supply - one.discharging for one in (account, in_force))
    base = float(day.base_mw.sum() * day.dt_h)  # MWh a day
    missing = in_force.revenue - account.revenue
    return {
        "case": case,
        "on_proposed": account.on_proposed,
        "revenue_per_day": account.revenue,
        "revenue_change": account.revenue / in_force.revenue - 1.0 if in_force.revenue > 0 else None,
        "supply_per_day": account.supply,
        "discharging_per_day": account.discharging,
        "margin_per_day": margin,
        "margin_change_per_day": margin - before,
        "level_change": None if case == "choice" else missing / day.total_energy_mwh / day.prices.per_mwh,
        "others_price": (before - margin) / base / day.prices.per_mwh if base > 0 else None,
    }


def paid_at(prices: np.ndarray, habits: np.ndarray | None, day: PricingDay) -> float:
    """Return what all cars pay for charging at some prices, in the hours of their answer to others [currency/day].

    Parameters
    ----------
    prices, habits : (2 P,) arrays
        The tariff that is paid, and the one that drivers answer; without the latter they charge as before any price
        [price unit per kWh].
    day : PricingDay
        Load, fleet and terms.
    """
    paid, none = 0.0, np.zeros((1, day.n_periods - 1))
    for share, kind in zip(day.shares, day.kinds, strict=True):
        flows = np.zeros((1, len(kind.ramps)))
        if habits is not None:
            flows = shifted_energy(habits[None, : day.n_periods], kind)
        curves, *_ = evaluate_days(flows, none, np.zeros(1), kind)
        paid += share * float((prices[kind.period] * curves.charging[0]).sum()) * day.dt_h
    return paid * day.prices.per_mwh


def mixed_supply(part: float, tariffs: tuple[np.ndarray, np.ndarray], day: PricingDay) -> float:
    """Return the cost of supplying the cars if a part of them answers the proposed tariff [currency/day].

    The load of the cars is the mean, weighted by the parts, of what it were if all answered one tariff.

    Parameters
    ----------
    part : float
        Part of all charging on the proposed tariff, in [0, 1]; the rest answers the tariff in force, on which nobody
        discharges.
    tariffs : two (2 P,) arrays
        The tariff in force and the proposed one [price unit per kWh].
    day : PricingDay
        Load, fleet and terms.
    """
    generated, peak, discharged = 0.0, -np.inf, 0.0
    for share, kind, old in zip(day.shares, day.kinds, day.in_force.kinds, strict=True):
        given = evaluate(tariffs[1][None], kind).discharging_share * kind.discharged_per_share_mwh
        before = _cars_mw(tariffs[0], np.zeros_like(given), old)
        load = kind.days_mw + (1.0 - part) * before + part * _cars_mw(tariffs[1], given, kind)
        generated += share * float(kind.generation(load).mean())
        peak = max(peak, float(load.max()))
        discharged += share * part * float(given.sum())
    avoided = float(avoided_cost(np.array([generated]), np.array([peak]), day)[0])
    return day.supply_cost_before - avoided + day.v2g.fee * discharged * day.prices.per_mwh


def _cars_mw(tariff: np.ndarray, discharged: np.ndarray, kind: PricingDay) -> np.ndarray:
    """Return the load of all cars on each of D days of one kind, (D, T) [MW], if they answer a tariff (2 P,).

    ``discharged`` (1, P - 1) is what they discharge in each period [MWh].
    """
    flows = shifted_energy(tariff[None, : kind.n_periods], kind)
    recharged = discharged.sum(axis=1) / kind.round_trip
    if kind.response.recovery != "valley-filling" and kind.response.transfer == "ev-load":  # the same on each day
        load = evaluate_days(flows, discharged, recharged, kind).load_mw - kind.base_mw
        return np.repeat(load, len(kind.days_mw), axis=0)
    days = [replace(kind, days_mw=one[None]) for one in kind.days_mw]
    return np.vstack([evaluate_days(flows, discharged, recharged, one).load_mw - one.days_mw for one in days])
