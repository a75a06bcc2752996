"""Sampled customers of a fleet: what each session charges in each period, and what it could take there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csmoifsa_ev.inputs.day_sessions import KindSessions
from csmoifsa_ev.model.bill import DAYS_A_MONTH, Use, monthly_bills
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.fleet import Fleet, Sessions, draw_sessions
from csmoifsa_ev.model.fleet_sums import PeriodClock

SAMPLE = 2_000
"""Largest number of customers whose bills are computed."""

LEAST_KWH = 1e-9
"""Energy of a session and day up to which it counts as not charging in a period [kWh]."""


@dataclass(frozen=True, kw_only=True)
class Customers:
    """Sampled customers; rows of one customer's sessions are summed after each session shifts by itself.

    Attributes
    ----------
    car : (m,) int array
        Number of the customer of each session, from 0, without gaps.
    used_kwh, free_kwh : (P, m) array
        Uncontrolled charging of each session in each period, and what it could take there beyond it [kWh].
    charge_kw : (m,) array
        Charging power of each session [kW].
    kind : (n,) array of str
        Vehicle type of each customer.
    weight : float
        Number of cars of the fleet for which each customer stands.
    activity : float
        Number of such car-days of a customer on each day of this kind, in the mean.
    """

    car: np.ndarray
    used_kwh: np.ndarray
    free_kwh: np.ndarray
    charge_kw: np.ndarray
    kind: np.ndarray
    weight: float
    activity: float = 1.0

    def summed(self, kwh: np.ndarray) -> np.ndarray:
        """Return the sums over the sessions of each customer of (P, m) energies, shape (P, n)."""
        return np.array([np.bincount(self.car, weights=one, minlength=len(self.kind)) for one in kwh])

    def use(self, kwh: np.ndarray) -> Use:
        """Return the use of the customers if their sessions charge ``kwh`` (P, m), at full power whenever they do.

        Energies are means over the days of this kind, powers those of the sessions.
        """
        kw = np.zeros((len(kwh), len(self.kind)))
        for period, energy in enumerate(kwh):
            np.maximum.at(kw[period], self.car, np.where(energy > LEAST_KWH, self.charge_kw, 0.0))
        return Use(kwh=self.activity * self.summed(kwh), kw=kw)


def sample_customers(
    fleet: Fleet, day: PricingDay, recorded: Mapping[str, KindSessions], most: int = SAMPLE
) -> Customers:
    """Return customers of a fleet: the first cars drawn, or car-days of its record, evenly spaced.

    Of several kinds of days each customer has a car-day of each kind: the record is in the order of drivers, and the
    car-days of customer k stand at the same share of it. A kind with fewer car-days than customers has them repeated.

    Parameters
    ----------
    fleet : Fleet
        The fleet of a scenario.
    day : PricingDay
        The scenario's day, or one kind of its days.
    recorded : mapping
        Sessions of each kind of days by title, from `day_sessions.recorded_by_title`; empty for a drawn fleet.
    most : int
        Largest number of customers.
    """
    if not recorded:
        number, activity = min(most, fleet.n_ev), 1.0
        sessions = draw_sessions(fleet, 0, number)
        car = np.unique(sessions.car, return_inverse=True)[1]
    else:
        number, own = min(most, max(one.car_days for one in recorded.values())), recorded[day.title]
        sessions, car = _spaced(own.sessions, number)
        activity = own.activity
    used, free = _energies(sessions, PeriodClock(day.period, day.n_periods))
    first = np.unique(car, return_index=True)[1]
    return Customers(
        car=car,
        used_kwh=used,
        free_kwh=free,
        charge_kw=sessions.charge_kw,
        kind=_kinds(sessions, fleet)[first],
        weight=fleet.n_ev / number,
        activity=activity,
    )


def _spaced(sessions: Sessions, number: int) -> tuple[Sessions, np.ndarray]:
    """Return the sessions of ``number`` car-days, evenly spaced over those there are, and the number of each one's."""
    of_day = np.unique(sessions.car, return_inverse=True)[1]
    counts = np.bincount(of_day)
    order, begin = np.argsort(of_day, kind="stable"), np.cumsum(counts) - counts
    kept = (2 * np.arange(number) + 1) * len(counts) // (2 * number)
    rows = np.concatenate([order[begin[k] : begin[k] + counts[k]] for k in kept])
    return sessions.rows(rows), np.repeat(np.arange(number), counts[kept])


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


def joined_use(uses: Sequence[Use], shares: Sequence[float]) -> Use:
    """Return the use of the same customers over kinds of days: mean energies by shares of days, highest powers."""
    kwh = np.sum([share * one.kwh for share, one in zip(shares, uses, strict=True)], axis=0)
    return Use(kwh=kwh, kw=np.max([one.kw for one in uses], axis=0))


def mean_charges(fleet: Fleet, day: PricingDay, recorded: Mapping[str, KindSessions]) -> tuple[float, float]:
    """Return what a sampled customer pays beside prices by period, on the present and the proposed rate [currency/day].

    It is the mean at today's uncontrolled charging, without minimum bills and taxes; ``recorded`` as for
    `sample_customers`.
    """
    found = []
    for terms, on in ((day.bill.present, day.in_force), (day.bill.proposed, day)):
        sampled = [sample_customers(fleet, kind, recorded) for kind in on.kinds]
        use = joined_use([one.use(one.used_kwh) for one in sampled], on.shares)
        bills = monthly_bills(terms, np.zeros(on.n_periods), use, on.names, on.prices.units_per_currency)
        found.append(float((bills.tiers + bills.demand + bills.fixed).mean()) / DAYS_A_MONTH)
    return found[0], found[1]
