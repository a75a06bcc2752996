"""Bills of sampled customers under the tariff in force and a proposed one: who pays less, who pays more.

The model moves energy of the whole fleet between periods. Here each flow is spread over the customers: each shifts the
same share of what its own sessions can take, so that the customers' energy sums to the fleet's in every period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import pandas as pd
from scipy.optimize import brentq, linprog
from scipy.sparse import csr_matrix, hstack, identity, kron

from csmoifsa_ev.inputs.scenario import Scenario
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.fleet import Fleet, Sessions, draw_sessions
from csmoifsa_ev.model.fleet_sums import PeriodClock
from csmoifsa_ev.model.flow_region import flow_pairs
from csmoifsa_ev.model.outcome import shifted_energy
from csmoifsa_ev.study.impact import DAYS_A_MONTH

SAMPLE = 2_000
"""Largest number of customers whose bills are computed."""

UNCHANGED = 0.005
"""Relative change of a bill up to which a customer counts as neither winner nor loser."""


@dataclass(frozen=True, kw_only=True)
class Customers:
    """Sampled customers; rows of one customer's sessions are summed after each session shifts by itself.

    Attributes
    ----------
    car : (m,) int array
        Number of the customer of each session, from 0, without gaps.
    used_kwh, free_kwh : (P, m) array
        Uncontrolled charging of each session in each period, and what it could take there beyond it [kWh].
    kind : (n,) array of str
        Vehicle type of each customer.
    weight : float
        Number of cars of the fleet for which each customer stands.
    """

    car: np.ndarray
    used_kwh: np.ndarray
    free_kwh: np.ndarray
    kind: np.ndarray
    weight: float

    def summed(self, kwh: np.ndarray) -> np.ndarray:
        """Return the sums over the sessions of each customer of (P, m) energies, shape (P, n)."""
        return np.array([np.bincount(self.car, weights=one, minlength=len(self.kind)) for one in kwh])


def sample_customers(scenario: Scenario, day: PricingDay, most: int = SAMPLE) -> Customers:
    """Return customers of a scenario's fleet: the first cars drawn, or car-days of its record, evenly spaced.

    Parameters
    ----------
    scenario : Scenario
        The priced scenario.
    day : PricingDay
        Its day.
    most : int
        Largest number of customers.
    """
    fleet = scenario.fleet
    if fleet.sessions is None:
        count = min(most, fleet.n_ev)
        sessions, number = draw_sessions(fleet, 0, count), count
    else:
        recorded = read_sessions(fleet.sessions, fleet)
        number = min(most, recorded.n_car_days)
        kept = np.unique(np.linspace(0, recorded.n_car_days - 1, number).round().astype(np.int64))
        sessions = _rows(recorded.sessions, np.isin(recorded.sessions.car, kept))
    car = np.unique(sessions.car, return_inverse=True)[1]
    used, free = _energies(sessions, PeriodClock(day.period, day.n_periods))
    first = np.unique(car, return_index=True)[1]
    return Customers(
        car=car,
        used_kwh=used,
        free_kwh=free,
        kind=_kinds(sessions, fleet)[first],
        weight=fleet.n_ev / number,
    )


def _rows(sessions: Sessions, rows: np.ndarray) -> Sessions:
    return Sessions(**{name: getattr(sessions, name)[rows] for name in Sessions.__dataclass_fields__})


def _energies(sessions: Sessions, clock: PeriodClock) -> tuple[np.ndarray, np.ndarray]:
    """Return ``used_kwh`` and ``free_kwh`` of `Customers`: power times the hours of each period in a session."""
    until = clock.hours_until
    begin, end = until(sessions.arrival_h), until(sessions.departure_h)
    charged = until(sessions.arrival_h + sessions.charge_h)
    return (charged - begin) * sessions.charge_kw, (end - charged) * sessions.charge_kw


def _kinds(sessions: Sessions, fleet: Fleet) -> np.ndarray:
    """Return the vehicle type of each session by its battery; recorded sessions have the first type's charger."""
    if fleet.sessions is not None or len(fleet.vehicles) == 1:
        return np.full(len(sessions), fleet.vehicles[0].name)
    apart = [
        np.abs(sessions.battery_kwh - one.battery_kwh) + np.abs(sessions.charge_kw - one.charge_kw)
        for one in fleet.vehicles
    ]
    return np.array([one.name for one in fleet.vehicles])[np.argmin(apart, axis=0)]


def shifted_kwh(customers: Customers, flow_mwh: np.ndarray, day: PricingDay) -> tuple[np.ndarray, float]:
    """Return the charging of each customer in each period once the fleet's flows are spread over them.

    Flow by flow, each session shifts the smaller of a common share of what it could take alone and what the flows
    before have left to it; the share is the one at which the customers shift their part of the fleet's flow. Where that
    leaves a part over, which needs four periods or several sessions a car, all flows are spread at once.

    Parameters
    ----------
    customers : Customers
        The sample.
    flow_mwh : (F,) array
        Energy that the fleet shifts, in the order of `flow_region.flow_pairs` [MWh].
    day : PricingDay
        The day, whose ``fleet`` has what all cars could shift.

    Returns
    -------
    (P, n) array
        Charging of each customer [kWh/day].
    float
        Share of all flows that the sample's sessions could not take, 0 where all fit.
    """
    pairs = flow_pairs(len(customers.used_kwh))
    able = np.array([np.minimum(customers.used_kwh[a], customers.free_kwh[b]) for a, b in pairs])
    could = np.array([day.fleet.movable_mwh[a, b] for a, b in pairs])
    wanted = np.divide(flow_mwh, could, out=np.zeros(len(pairs)), where=could > 0) * able.sum(axis=1)
    moved = _one_by_one(customers, able, wanted)
    if wanted.sum() - moved.sum() > 1e-9 * wanted.sum():
        moved = _together(customers, able, wanted)
    now = customers.used_kwh.copy()
    for one, (a, b) in zip(moved, pairs, strict=True):
        now[a] -= one
        now[b] += one
    return customers.summed(now), float(1.0 - moved.sum() / wanted.sum()) if wanted.sum() > 0 else 0.0


def _one_by_one(customers: Customers, able: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return what each session shifts in each flow, (F, m) [kWh], where a flow takes what those before leave."""
    left, room, moved = customers.used_kwh.copy(), customers.free_kwh.copy(), np.zeros_like(able)
    for k, (a, b) in enumerate(flow_pairs(len(left))):
        moved[k] = _spread(able[k], np.minimum(left[a], room[b]), float(wanted[k]))
        left[a] -= moved[k]
        room[b] -= moved[k]
    return moved


def _together(customers: Customers, able: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return what each session shifts in each flow, (F, m) [kWh], all flows at once by a linear program.

    It moves as much of the ``wanted`` flows (F,) as the sessions can take, and departs from equal shares of what each
    session is ``able`` (F, m) to shift as little as possible, by the sum of absolute differences.
    """
    pairs, n = flow_pairs(len(customers.used_kwh)), able.shape[1]
    own = np.array(
        [[float(pair[side] == p) for pair in pairs] for side in (0, 1) for p in range(len(customers.used_kwh))]
    )
    equal = able * np.minimum(wanted / np.maximum(able.sum(axis=1), 1e-300), 1.0)[:, None]
    more = (able - equal).ravel()
    most = np.vstack([customers.used_kwh, customers.free_kwh])
    limits = kron(
        csr_matrix(own), identity(n)
    )  # rows of one period after the other, columns of one flow after the other
    sums = kron(identity(len(pairs)), np.ones((1, n)))
    found = linprog(
        np.concatenate([np.ones(2 * able.size), np.full(len(pairs), 1e3)]),
        A_ub=hstack([limits, -limits, csr_matrix((len(own) * n, len(pairs)))]),
        b_ub=(most - own @ equal).ravel(),
        A_eq=hstack([sums, -sums, identity(len(pairs))]),
        b_eq=wanted - equal.sum(axis=1),
        bounds=np.column_stack([np.zeros(2 * able.size + len(pairs)), np.concatenate([more, equal.ravel(), wanted])]),
        method="highs",
    )
    assert found.status == 0, found.message  # to shift nothing keeps all limits
    up, down = found.x[: able.size], found.x[able.size : 2 * able.size]
    return np.maximum(equal + (up - down).reshape(able.shape), 0.0)


def _spread(able: np.ndarray, most: np.ndarray, wanted: float) -> np.ndarray:
    """Return min(share x able, most) with the share at which it sums to ``wanted``; all of ``most`` if that is less."""
    if wanted <= 0:
        return np.zeros_like(able)
    if most.sum() <= wanted:
        return most
    top = float(np.max(most / np.maximum(able, 1e-300), where=able > 0, initial=0.0))
    share = cast(float, brentq(partial(_excess, able, most, wanted), 0.0, top, xtol=1e-15))
    moved = np.minimum(share * able, most)
    return moved * (wanted / moved.sum())  # brentq's last digits


def _excess(able: np.ndarray, most: np.ndarray, wanted: float, share: float) -> float:
    return float(np.minimum(share * able, most).sum() - wanted)


def customer_bills(
    customers: Customers,
    tariffs: tuple[np.ndarray, np.ndarray],
    flows_mwh: tuple[np.ndarray, np.ndarray],
    day: PricingDay,
) -> tuple[pd.DataFrame, float]:
    """Return the monthly bill of each customer for charging, in force and proposed, without income from discharging.

    Parameters
    ----------
    customers : Customers
        The sample.
    tariffs : two (2 P,) or (P,) arrays
        The tariff in force and the proposed one, charge prices first [price unit per kWh].
    flows_mwh : two (F,) arrays
        Energy that the fleet shifts under each [MWh].
    day : PricingDay
        The day.

    Returns
    -------
    DataFrame
        One customer a row: ``customer``, ``vehicle``, ``kwh_month``, ``dearest_share`` (of today's charging in the
        dearest period), ``bill_in_force``, ``bill_same_hours`` (proposed prices, today's hours) and ``bill_proposed``
        (proposed prices, with the answer to them) [currency/month], and their relative changes ``change_same_hours``
        and ``change`` (missing where the bill in force is not above 0).
    float
        Largest share of a tariff's flows that the sample could not take.
    """
    today, missed = shifted_kwh(customers, flows_mwh[0], day)
    later, missed_later = shifted_kwh(customers, flows_mwh[1], day)
    n_periods = len(today)
    old, new = (one[:n_periods] for one in tariffs)
    money = day.prices.per_mwh / 1000.0 * DAYS_A_MONTH
    energy = today.sum(axis=0)
    bills = {
        "bill_in_force": old @ today * money,
        "bill_same_hours": new @ today * money,
        "bill_proposed": new @ later * money,
    }
    before = np.where(bills["bill_in_force"] > 0, bills["bill_in_force"], np.nan)
    table = {
        "customer": np.arange(1, len(energy) + 1),
        "vehicle": customers.kind,
        "kwh_month": energy * DAYS_A_MONTH,
        "dearest_share": np.divide(today[0], energy, out=np.zeros_like(energy), where=energy > 0),
        **bills,
        "change_same_hours": bills["bill_same_hours"] / before - 1.0,
        "change": bills["bill_proposed"] / before - 1.0,
    }
    return pd.DataFrame(table), max(missed, missed_later)


def winners_and_losers(bills: pd.DataFrame) -> pd.DataFrame:
    """Return bills and shares of winners and losers by group of customers, one group a row.

    Groups are all customers; vehicle types, where there are several; tenths by monthly energy; and three by the
    share of today's charging in the dearest period. A winner's bill falls by more than `UNCHANGED` of it, a loser's
    rises by more. Customers without a bill in force count in no share.

    Parameters
    ----------
    bills : DataFrame
        From `customer_bills`.

    Returns
    -------
    DataFrame
        ``by`` and ``group``, ``customers``, means ``kwh_month``, ``bill_in_force``, ``bill_same_hours`` and
        ``bill_proposed`` [currency/month]; and of each change, with today's hours (``_same_hours``) and with the
        answer to the prices, ``winners`` and ``losers`` (shares) and the change of the 5th, 50th and 95th of
        100 customers.
    """
    everyone = np.ones(len(bills), dtype=bool)
    groups: list[tuple[str, str, np.ndarray]] = [("all", "all", everyone)]
    vehicle = bills["vehicle"].to_numpy()
    kinds = list(dict.fromkeys(vehicle.tolist()))
    if len(kinds) > 1:
        groups += [("vehicle", str(kind), vehicle == kind) for kind in kinds]
    tenth = ((bills["kwh_month"].rank(method="first") - 1.0) * 10 // len(bills)).to_numpy()
    groups += [("tenth by energy", f"{k + 1} of 10", tenth == k) for k in range(10)]
    share = bills["dearest_share"].to_numpy()
    for name, inside in (
        ("none", share <= 0),
        ("up to half", (share > 0) & (share <= 0.5)),
        ("over half", share > 0.5),
    ):
        groups.append(("in the dearest hours", name, inside))
    return pd.DataFrame(
        [{"by": by, "group": name, **_figures(bills.loc[inside])} for by, name, inside in groups if inside.any()]
    )


def study_bills(
    scenario: Scenario,
    day: PricingDay,
    tariffs: tuple[np.ndarray, np.ndarray],
) -> tuple[pd.DataFrame, list[str]]:
    """Return `customer_bills` of a scenario's sampled customers, and sentences on what they leave out.

    Of several kinds of days bills and energies are means over all days.

    Parameters
    ----------
    scenario : Scenario
        The priced scenario.
    day, tariffs
        As `customer_bills`.
    """
    tables, missed = [], 0.0
    for kind in day.kinds:
        flows = [shifted_energy(one[None, : day.n_periods], kind)[0] for one in tariffs]
        table, short = customer_bills(sample_customers(scenario, kind), tariffs, (flows[0], flows[1]), kind)
        tables.append(table)
        missed = max(missed, short)
    bills = tables[0] if len(tables) == 1 else _mean_bills(tables, day.shares)
    notes = []
    if missed > 1e-3:
        notes.append(
            f"customers: the sessions of the {len(bills):,} sampled customers cannot take {missed:.1%} of the energy "
            "that the fleet shifts; their bills hold the rest"
        )
    return bills, notes


def _mean_bills(tables: list[pd.DataFrame], shares: Sequence[float]) -> pd.DataFrame:
    """Return the bills over all days of the same customers, of which ``tables`` hold those of each kind of days."""
    mean = tables[0].copy()
    dearest = sum(share * one["dearest_share"] * one["kwh_month"] for share, one in zip(shares, tables, strict=True))
    for name in ("kwh_month", "bill_in_force", "bill_same_hours", "bill_proposed"):
        mean[name] = sum(share * one[name] for share, one in zip(shares, tables, strict=True))
    mean["dearest_share"] = (dearest / mean["kwh_month"]).fillna(0.0)
    before = mean["bill_in_force"].where(mean["bill_in_force"] > 0)
    mean["change_same_hours"] = mean["bill_same_hours"] / before - 1.0
    mean["change"] = mean["bill_proposed"] / before - 1.0
    return mean


def _figures(bills: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {"customers": len(bills)}
    for name in ("kwh_month", "bill_in_force", "bill_same_hours", "bill_proposed"):
        found[name] = float(bills[name].to_numpy().mean())
    for ending in ("_same_hours", ""):
        change = bills[f"change{ending}"].dropna().to_numpy()
        if not len(change):
            change = np.array([np.nan])
        found[f"winners{ending}"] = float((change < -UNCHANGED).mean())
        found[f"losers{ending}"] = float((change > UNCHANGED).mean())
        for name, share in (("p5", 0.05), ("median", 0.5), ("p95", 0.95)):
            found[f"change{ending}_{name}"] = float(np.quantile(change, share))
    return found
