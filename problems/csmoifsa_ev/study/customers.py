"""Bills of sampled customers under the tariff in force and a proposed one: who pays less, who pays more.

The model moves energy of the whole fleet between periods. Here each flow is spread over the customers: each shifts the
same share of what its own sessions can take, so that the customers' energy sums to the fleet's in every period.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import cast

import numpy as np
import pandas as pd
from scipy.optimize import brentq, linprog
from scipy.sparse import csr_matrix, hstack, identity, kron

from csmoifsa_ev.inputs.customers import Customers, joined_use, sample_customers
from csmoifsa_ev.inputs.day_sessions import recorded_by_title
from csmoifsa_ev.inputs.scenario import Scenario
from csmoifsa_ev.model.bill import DAYS_A_MONTH, Bill, BillTerms, MonthlyBills, Use, monthly_bills
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.flow_region import flow_pairs
from csmoifsa_ev.model.outcome import shifted_energy

UNCHANGED = 0.005
"""Relative change of a bill up to which a customer counts as neither winner nor loser."""


def shifted_kwh(customers: Customers, flow_mwh: np.ndarray, day: PricingDay) -> tuple[np.ndarray, float]:
    """Return the charging of each session in each period once the fleet's flows are spread over the customers.

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
    (P, m) array
        Charging of each session [kWh/day].
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
    return now, float(1.0 - moved.sum() / wanted.sum()) if wanted.sum() > 0 else 0.0


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


@dataclass(frozen=True, kw_only=True)
class SampledUse:
    """Sampled customers on two tariffs.

    Attributes
    ----------
    kind : (n,) array of str
        Vehicle type of each customer.
    in_force, proposed : Use
        Charging under the tariff in force and under the proposed one, each by the periods of its own hours.
    today : Use
        Charging at today's hours, by the periods of the proposed tariff. Where its hours are not those in force, it is
        the charging before any price: the answer to the tariff in force is known by the periods of its own hours only.
    missed : float
        Largest share of a tariff's flows that the sample's sessions could not take.
    """

    kind: np.ndarray
    in_force: Use
    proposed: Use
    today: Use
    missed: float


def sampled_use(
    customers: Customers,
    flows_mwh: tuple[np.ndarray, np.ndarray],
    day: PricingDay,
    in_force: tuple[Customers, PricingDay] | None = None,
) -> SampledUse:
    """Return the charging of customers under two tariffs, of which ``flows_mwh`` (F,) are the fleet's flows [MWh].

    ``in_force`` are the same customers and day on the hours in force, where these are others.
    """
    before, old_day = (customers, day) if in_force is None else in_force
    (old, missed), (new, missed_later) = (
        shifted_kwh(before, flows_mwh[0], old_day),
        shifted_kwh(customers, flows_mwh[1], day),
    )
    return SampledUse(
        kind=customers.kind,
        in_force=before.use(old),
        proposed=customers.use(new),
        today=customers.use(old if in_force is None else customers.used_kwh),
        missed=max(missed, missed_later),
    )


def study_use(scenario: Scenario, day: PricingDay, tariffs: tuple[np.ndarray, np.ndarray]) -> SampledUse:
    """Return the charging of a scenario's sampled customers under the tariff in force and a proposed one (2 P,).

    Of several kinds of days energies are means over all days, and powers the highest of all.
    """
    recorded = recorded_by_title(scenario.fleet, scenario.tariff)
    parts = []
    for kind, old in zip(day.kinds, day.in_force.kinds, strict=True):
        before, after = (
            shifted_energy(one[None, : day.n_periods], on)[0] for one, on in zip(tariffs, (old, kind), strict=True)
        )
        same = None if day.hours_in_force is None else (sample_customers(scenario.fleet, old, recorded), old)
        parts.append(sampled_use(sample_customers(scenario.fleet, kind, recorded), (before, after), kind, same))
    if len(parts) == 1:
        return parts[0]
    return SampledUse(
        kind=parts[0].kind,
        in_force=joined_use([one.in_force for one in parts], day.shares),
        proposed=joined_use([one.proposed for one in parts], day.shares),
        today=joined_use([one.today for one in parts], day.shares),
        missed=max(one.missed for one in parts),
    )


def bills_on(terms: BillTerms, tariff: np.ndarray, use: Use, day: PricingDay) -> MonthlyBills:
    """Return the bills of customers at a tariff (2 P,) or (P,), without income from discharging."""
    return monthly_bills(terms, tariff[: day.n_periods], use, day.names, day.prices.units_per_currency)


def customer_bills(use: SampledUse, tariffs: tuple[np.ndarray, np.ndarray], day: PricingDay) -> pd.DataFrame:
    """Return the monthly bill of each customer for charging, in force and proposed, without income from discharging.

    Parameters
    ----------
    use : SampledUse
        The customers' charging.
    tariffs : two (2 P,) or (P,) arrays
        The tariff in force and the proposed one, charge prices first [price unit per kWh].
    day : PricingDay
        The day, whose ``bill`` has the other parts of the bills.

    Returns
    -------
    DataFrame
        One customer a row: ``customer``, ``vehicle``, ``kwh_month``, ``dearest_share`` (of today's charging in the
        dearest period), ``bill_in_force``, ``bill_same_hours`` (proposed prices, today's hours) and ``bill_proposed``
        (proposed prices, with the answer to them) [currency/month], and their relative changes ``change_same_hours``
        and ``change`` (missing where the bill in force is not above 0). Where bills have parts beside the prices, the
        first and the last of the bills by part follow, such as ``fixed_in_force``, see `bill.MonthlyBills`.
    """
    terms, (old, new) = day.bill, tariffs
    in_force = bills_on(terms.present, old, use.in_force, day)
    proposed = bills_on(terms.proposed, new, use.proposed, day)
    bills = {
        "bill_in_force": in_force.total,
        "bill_same_hours": bills_on(terms.proposed, new, use.today, day).total,
        "bill_proposed": proposed.total,
    }
    energy = use.today.kwh.sum(axis=0)
    before = np.where(bills["bill_in_force"] > 0, bills["bill_in_force"], np.nan)
    table = {
        "customer": np.arange(1, len(energy) + 1),
        "vehicle": use.kind,
        "kwh_month": energy * DAYS_A_MONTH,
        "dearest_share": np.divide(use.today.kwh[0], energy, out=np.zeros_like(energy), where=energy > 0),
        **bills,
        "change_same_hours": bills["bill_same_hours"] / before - 1.0,
        "change": bills["bill_proposed"] / before - 1.0,
    }
    if terms.stated:
        table |= {
            f"{part.name}_{when}": getattr(one, part.name)
            for when, one in (("in_force", in_force), ("proposed", proposed))
            for part in fields(one)
        }
    return pd.DataFrame(table)


def sample_notes(use: SampledUse) -> list[str]:
    """Return a sentence on energy that the sampled customers cannot shift; empty if there is none."""
    if use.missed <= 1e-3:
        return []
    return [
        f"customers: the sessions of the {len(use.kind):,} sampled customers cannot take {use.missed:.1%} of the "
        "energy that the fleet shifts; their bills hold the rest"
    ]


def bill_parts(bills: pd.DataFrame) -> list[dict[str, str | float]]:
    """Return the means of the parts of `customer_bills`, in force and proposed; empty where bills have no parts."""
    rows: list[dict[str, str | float]] = []
    for part in [one.name for one in fields(MonthlyBills) if f"{one.name}_in_force" in bills.columns]:
        old, new = (float(bills[f"{part}_{when}"].to_numpy().mean()) for when in ("in_force", "proposed"))
        rows.append({"part": part, "in_force": old, "proposed": new})
    return rows


def bill_notes(bill: Bill) -> list[str]:
    """Return a sentence on the parts of bills beside the prices, and what they enter; empty if there are none."""
    words = {
        "fixed": "fixed charges",
        "demand": "demand charges",
        "tiers": "tiers",
        "minimum_per_month": "a minimum bill",
        "tax": "taxes",
    }
    rates = (bill.present, bill.proposed)
    found = [what for key, what in words.items() if any(getattr(one, key) for one in rates)]
    if not found:
        return []
    return [
        f"bill: {', '.join(found)} enter the bills of the sampled customers and move no load; the drivers' bill in "
        "objectives, limits and all other tables is that for energy"
    ]


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
