"""Carry out a day with a dispatcher: prices become known step by step, and reserve is called within the steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from csmoifsa_aggregator.dispatch.dispatch import RollingDispatcher
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.study.calls import deliverable, missed_by_product, stored

KNOWN = ("current", "last", "before-last", "nothing")
"""Real-time prices known at a decision: up to this step's, the last one's, that of the one before it, or none."""


@dataclass(frozen=True, eq=False)
class Stays:
    """When the cars of each class come and go on a day, which a dispatcher learns only then.

    Attributes
    ----------
    arrival, departure : (V,) int array
        First step in which each class is there, and first one after it; both the number of steps for one that does not
        come.
    paid : (V,) array
        What a driver of each class pays for a whole stay [currency]; the part for energy not received is refunded.
    """

    arrival: np.ndarray
    departure: np.ndarray
    paid: np.ndarray


@dataclass(frozen=True, eq=False)
class Events:
    """What happens on a day, unknown when it begins.

    Attributes
    ----------
    real_time : (T,) array
        Real-time prices [currency/kWh].
    signals : (J, ticks of the day) array, optional
        Calls of each reserve product as shares of its bid, see `calls.draw_signal`; none where left out.
    stays : Stays, optional
        Cars that do not keep to their planned stay; all do where left out.
    imbalance : (2, T) array, optional
        Prices of energy drawn beyond the day-ahead position, and of energy of it not drawn [currency/kWh]; both the
        real-time price where left out.
    """

    real_time: np.ndarray
    signals: np.ndarray | None = None
    stays: Stays | None = None
    imbalance: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class CarriedOut:
    """A day as it was carried out.

    Attributes
    ----------
    charge_kw, discharge_kw : (V, T) array
        Mean charging and discharging power of whole classes in each step [kW].
    settled_kw : (2, T) array
        Charging and discharging power of all cars that is settled at the prices of energy [kW]: energy called at an
        activation price is left out.
    soe_kwh : (V, T) array
        State of energy of one vehicle at the end of each step [kWh]; NaN where not plugged in.
    called_kwh, missed_kwh : (J,) array
        Energy called of each reserve product, in both directions, and part of it that was not delivered [kWh].
    payment : float
        Payment for the capacity committed [currency].
    penalty : float
        Penalties for calls not delivered [currency].
    withheld : float
        Payment for capacity that is lost, as a part of the bid could not have been delivered [currency].
    activation : float
        Payment for energy called at an activation price, paid less received [currency].
    missing_h : float
        Time in which a part of a bid could not have been delivered [h].
    unserved_kwh : float
        Energy promised at departure to cars that came, and missing, all vehicles together [kWh].
    refund : float
        What drivers do not pay because they came in vain or not at all [currency].
    absent : float
        Number of vehicles that did not come.
    """

    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    settled_kw: np.ndarray
    soe_kwh: np.ndarray
    called_kwh: np.ndarray
    missed_kwh: np.ndarray
    payment: float = 0.0
    penalty: float = 0.0
    withheld: float = 0.0
    activation: float = 0.0
    missing_h: float = 0.0
    unserved_kwh: float = 0.0
    refund: float = 0.0
    absent: float = 0.0

    @classmethod
    def without_calls(cls, charge_kw: np.ndarray, discharge_kw: np.ndarray, soe_kwh: np.ndarray) -> CarriedOut:
        """Return a day without reserve, whose powers are all settled at the prices of energy."""
        settled = np.array([charge_kw.sum(axis=0), discharge_kw.sum(axis=0)])
        nothing = np.zeros(0)
        return cls(
            charge_kw=charge_kw,
            discharge_kw=discharge_kw,
            settled_kw=settled,
            soe_kwh=soe_kwh,
            called_kwh=nothing,
            missed_kwh=nothing,
        )

    @property
    def net_kw(self) -> np.ndarray:
        """Charging less discharging power of all classes, shape (T,) [kW]."""
        return (self.charge_kw - self.discharge_kw).sum(axis=0)

    def discharged_kwh(self, cars: Batteries) -> np.ndarray:
        """Return the energy that each class discharges to the grid, shape (V,) [kWh]."""
        return self.discharge_kw.sum(axis=1) * cars.dt_h

    @property
    def reserve_gain(self) -> float:
        """Payment for capacity less what is withheld, penalties and payment for energy called [currency]."""
        return self.payment - self.withheld - self.penalty - self.activation


def carry_out(
    dispatcher: RollingDispatcher, events: Events, known: str, each: Callable[[], None] | None = None
) -> CarriedOut:
    """Carry out a day step by step, and report to the dispatcher what it would learn.

    Parameters
    ----------
    dispatcher : RollingDispatcher
        Dispatcher at the beginning of the day.
    events : Events
        What happens.
    known : "current", "last", "before-last" or "nothing"
        Real-time prices that a decision may use, see `KNOWN`.
    each : callable, optional
        Function called after each decision.
    """
    committed, cars = dispatcher.plan.reserve, dispatcher.plan.cars
    steps = cars.n_steps
    real_time, stays = events.real_time, events.stays
    signals = np.zeros((len(committed), steps)) if events.signals is None else events.signals
    arrival = cars.start if stays is None else stays.arrival
    departure = cars.start + cars.length if stays is None else stays.departure
    ticks = signals.shape[1] // steps
    hours = cars.dt_h / ticks
    price = np.array([_price(one.product.activation_price) for one in committed])
    paid_alone = np.isfinite(price)
    charge, discharge = np.zeros(cars.window.shape), np.zeros(cars.window.shape)
    settled = np.zeros((2, steps))
    course = np.full(cars.window.shape, np.nan)
    called, missed, given = (np.zeros(len(committed)) for _ in range(3))
    withheld = missing_h = 0.0
    soe = cars.arrival_kwh.copy()
    asked_kwh = np.zeros(len(committed))  # net energy called in the step before
    for now in range(steps):
        upto = latest_known(known, now)
        here = (arrival <= now) & (now < departure)
        moved = here & (arrival < now) & bool(asked_kwh.any())
        measured = np.clip(soe, 0.0, cars.capacity_kwh)
        answer = dispatcher.step(
            now,
            {upto: float(real_time[upto])} if upto >= 0 else None,
            arrivals=None if stays is None else _names(cars, arrival == now),
            departures=[] if stays is None else _names(cars, (departure == now) & (now < cars.start + cars.length)),
            measured_kwh={cars.names[v]: float(measured[v]) for v in np.flatnonzero(moved)},
            called_kwh={one.product.name: kwh for one, kwh in zip(committed, asked_kwh, strict=True) if kwh},
        )
        if each is not None:
            each()
        bids = np.array([one.at(now, steps) for one in committed])
        for one, bid in zip(committed, bids, strict=True):
            lack = max(answer.missing_kw[one.product.name].values())
            if lack > 1e-6 * max(bid, 1.0):
                prices = one.product.prices(steps, cars.dt_h)
                withheld += lack * cars.dt_h * float(prices[now * prices.size // steps])
                missing_h += cars.dt_h
        base = _by_class(answer.charge_kw, cars) - _by_class(answer.discharge_kw, cars)
        up, down = (
            np.array([_by_class(table[one.product.name], cars) for one in committed]).reshape(-1, cars.n_classes)
            for table in (answer.up_kw, answer.down_kw)
        )
        asked_kwh = signals[:, now * ticks : (now + 1) * ticks].sum(axis=1) * bids * hours
        for tick in range(ticks):
            share = signals[:, now * ticks + tick]
            asked = np.where(share[:, None] < 0, up, down) * share[:, None]  # (J, V)
            call = asked.sum(axis=0)
            left = (cars.start + cars.length - now) * cars.dt_h - (tick + 1) * hours
            most = deliverable(base + call, soe, cars, left, hours)
            power = np.clip(most, np.minimum(base, base + call), np.maximum(base, base + call)) * here
            part = missed_by_product(asked[None], np.abs(base + call - power)[None] * here)[0]
            got = asked - np.sign(asked) * part
            soe = soe + stored(power, cars) * hours
            metered = power - got[paid_alone].sum(axis=0)
            for table, kw in ((charge, power), (discharge, -power)):
                table[:, now] += np.maximum(kw, 0.0) * cars.count / ticks
            settled[:, now] += np.array([np.maximum(metered, 0.0), np.maximum(-metered, 0.0)]) @ cars.count / ticks
            net = got @ cars.count * hours
            called += np.abs(share) * bids * hours
            missed += np.maximum(np.abs(share) * bids * hours - np.abs(net), 0.0)
            given += net
        course[here, now] = soe[here]
    came = arrival < steps
    short = np.maximum(cars.departure_kwh - soe, 0.0)
    return CarriedOut(
        charge_kw=charge,
        discharge_kw=discharge,
        settled_kw=settled,
        soe_kwh=course,
        called_kwh=called,
        missed_kwh=missed,
        payment=sum(
            float(one.bid_kw @ one.product.prices(steps, cars.dt_h)) * one.product.block_h for one in committed
        ),
        penalty=float(missed @ np.array([one.product.penalty for one in committed])),
        withheld=withheld,
        activation=float(given[paid_alone] @ price[paid_alone]),
        missing_h=missing_h,
        unserved_kwh=float(cars.count @ np.where(came, short, 0.0)),
        refund=0.0 if stays is None else _refund(cars, stays, short),
        absent=float(cars.count @ ~came),
    )


def latest_known(known: str, now: int) -> int:
    """Return the latest step whose real-time price is known at the decision of step ``now``; -1: none."""
    return max({"current": now, "last": now - 1, "before-last": now - 2, "nothing": -1}[known], -1)


def _refund(cars: Batteries, stays: Stays, short_kwh: np.ndarray) -> float:
    """Return what drivers do not pay [currency]: the part of their energy that they do not receive.

    It is more than the whole for those who leave with less than they came with.
    """
    need = cars.departure_kwh - cars.arrival_kwh
    part = np.divide(short_kwh, need, out=np.zeros(need.shape), where=need > 0)
    return float((cars.count * stays.paid) @ np.where(stays.arrival < cars.n_steps, part, 1.0))


def _names(cars: Batteries, which: np.ndarray) -> list[str]:
    return [cars.names[v] for v in np.flatnonzero(which)]


def _price(activation: float | None) -> float:
    return np.nan if activation is None else activation


def _by_class(table: dict[str, float], cars: Batteries) -> np.ndarray:
    """Return the power of one vehicle of each class, shape (V,) [kW], from that of whole classes by name."""
    return np.array([table.get(name, 0.0) for name in cars.names]) / cars.count
