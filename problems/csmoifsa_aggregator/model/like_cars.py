"""Classes of single cars for V2G contracts, such that each car can follow the plan of its class.

A class is plugged in while all its cars are, so it loses what stays have beyond the common one. Its cars may need
different amounts of energy. Until the plan has charged the mean need m of the class (as stored energy), each car
multiplies the charging of the plan by its own need over m; otherwise it does as planned. The mean of these factors is
1, so the load of the cars is that of the plan, and each car leaves with what it was promised. A car that needs d more
than m has a state of energy of at most d below that of the plan, and needs (m + d) / m of its charging power; one that
needs less never has more than the greater of the plan's state of energy and the promised one. So the class has the
share m / (greatest need) of its cars' charging power, and a floor that is higher by the greatest d.

A reserve band of a class is within the power of its cars, each giving a part in proportion to the power that it has
left. Whether calls find energy and room is counted for the mean car of the class alone.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.many import Cars

NEED_STEP = 1.0
"""Needs are rounded up to multiples of this for the choice of classes alone, so that cars are of few kinds [kWh]."""

STAY_PARTS = 48
"""Ends of stays are rounded to this many parts of a day for the choice of classes alone."""

SHORT = 10.0
"""Weight of what a class lacks for its cars' needs, against what it has; with less, fewer cars are served."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Terms of a contract, alike for all cars.

    Attributes
    ----------
    capacity_kwh, floor_kwh, departure_kwh : float
        Greatest and least state of energy, and that promised at departure [kWh]. A car arrives with what is promised
        less its need: what it stores of the energy that it charges.
    efficiency : float
        Efficiency of charging, and again of discharging, above 0 and at most 1.
    wear : float
        Payment to the owner for each kWh discharged to the grid [currency/kWh].
    """

    capacity_kwh: float
    floor_kwh: float
    departure_kwh: float
    efficiency: float
    wear: float

    def __post_init__(self) -> None:
        if not 0 <= self.floor_kwh < self.departure_kwh <= self.capacity_kwh:
            raise InputError(
                f"the states of energy of a contract must rise from floor_kwh {self.floor_kwh:g} (from 0 up) over "
                f"departure_kwh {self.departure_kwh:g} to capacity_kwh {self.capacity_kwh:g}"
            )
        if not 0 < self.efficiency <= 1:
            raise InputError(f"the efficiency of a contract must be above 0 and at most 1, not {self.efficiency}")


def contract_classes(
    cars: Cars, terms: Terms, n_classes: int = 80, *, share: float = 1.0
) -> tuple[Batteries, np.ndarray]:
    """Return the batteries of at most ``n_classes`` classes of like cars, and the class of each car.

    Classes are parted one by one in two, each time where that saves most: by charging power, beginning or end of the
    stay, or energy needed. What counts is power times the common stay, over all cars. Cars of classes that no battery
    could serve then join the class of longest stay whose limits they keep.

    Parameters
    ----------
    cars : Cars
        Fleet of single cars.
    terms : Terms
        Terms of the contract.
    n_classes : int
        Greatest number of classes.
    share : float
        Share of the cars of each class that have a contract, above 0 and at most 1.

    Returns
    -------
    (Batteries, (n,) int array)
        The classes, and the class of each car; -1 for cars without one: those that would arrive below the floor, and
        those whose stay, power or need no class suits.

    Raises
    ------
    InputError
        ``n_classes`` or ``share`` is out of range.
    """
    if n_classes < 1 or not 0 < share <= 1:
        raise InputError(f"n_classes must be 1 or more and share above 0 and at most 1, not {n_classes} and {share}")
    cut = int(np.bincount(cars.start, minlength=cars.n_steps).argmin())  # stays lie on a line that begins here
    first = (cars.start - cut) % cars.n_steps
    own = np.stack([cars.power_kw, first, first + cars.length, terms.efficiency * cars.energy_kwh])
    fits = np.flatnonzero(own[3] <= terms.departure_kwh - terms.floor_kwh)
    stored = terms.efficiency * cars.dt_h  # stored in a step at 1 kW
    owner = np.full(len(cars), -1)
    while (left := fits[owner[fits] < 0]).size and (room := n_classes - 1 - int(owner.max())) > 0:
        part = _parted(own[:, left], max(1, cars.n_steps // STAY_PARTS), room, stored)
        serves = _Limits.of(own[:, left], part).serves(stored)
        if not serves.any():
            break
        owner[left] = np.where(serves, serves.cumsum() + owner.max(), -1)[part]
        _join(own, owner, fits, _Limits.of(own, owner))
    some = _Limits.of(own, owner)
    n = some.count.size
    batteries = Batteries(
        names=tuple(f"class {k + 1}" for k in range(n)),
        count=share * some.count,
        charge_kw=some.charge_kw,
        discharge_kw=some.power,
        capacity_kwh=np.full(n, terms.capacity_kwh),
        floor_kwh=terms.floor_kwh + (some.most - some.mean),
        arrival_kwh=terms.departure_kwh - some.mean,
        departure_kwh=np.full(n, terms.departure_kwh),
        efficiency=np.full(n, terms.efficiency),
        wear=np.full(n, terms.wear),
        start=(some.first + cut) % cars.n_steps,
        length=np.minimum(some.last - some.first, cars.n_steps),
        n_steps=cars.n_steps,
        dt_h=cars.dt_h,
    )
    return batteries, owner


def plan_of_car(car: int, cars: Cars, batteries: Batteries, owner: np.ndarray, plan: Dispatch) -> np.ndarray:
    """Return charging and discharging power of one car that follows the plan of its class, shape (2, T) [kW].

    Parameters
    ----------
    car : int
        Number of the car, which must have a class.
    cars, batteries, owner : Cars, Batteries, array
        The fleet, and its classes from `contract_classes`.
    plan : Dispatch
        Plan of the classes.

    Raises
    ------
    InputError
        The car has no class.
    """
    k = int(owner[car])
    if k < 0:
        raise InputError(f"car {car} has no class, and so no plan to follow")
    eta, mean = batteries.efficiency[k], batteries.departure_kwh[k] - batteries.arrival_kwh[k]
    charge, discharge = plan.charge_kw[k] / batteries.count[k], plan.discharge_kw[k] / batteries.count[k]
    since = (batteries.start[k] + np.arange(cars.n_steps)) % cars.n_steps
    stored = eta * cars.dt_h * charge[since].cumsum()
    first = np.diff(np.minimum(stored, mean), prepend=0.0) / (eta * cars.dt_h)  # the charging that stores the mean need
    more = eta * cars.energy_kwh[car] - mean
    charge[since] += first * (more / mean if mean > 0 else 0.0)
    return np.stack([charge, discharge])


@dataclass(frozen=True, eq=False)
class _Limits:
    """What the cars of each class have in common, (C,) each: power [kW], stay, mean and greatest need [kWh]."""

    count: np.ndarray
    power: np.ndarray
    first: np.ndarray
    last: np.ndarray
    mean: np.ndarray
    most: np.ndarray

    @classmethod
    def of(cls, own: np.ndarray, owner: np.ndarray) -> _Limits:
        """Return the limits of the classes of cars of power, first step, step after the last, and need, own (4, n)."""
        count = np.bincount(owner + 1)[1:]
        order = np.argsort(owner, kind="stable")
        begin = (owner < 0).sum() + count.cumsum() - count
        power, first, last, need = own[:, order]
        most = np.maximum.reduceat(need, begin)
        return cls(
            count,
            np.minimum.reduceat(power, begin),
            np.maximum.reduceat(first, begin).astype(np.int64),
            np.minimum.reduceat(last, begin).astype(np.int64),
            np.minimum(np.add.reduceat(need, begin) / count, most),
            most,
        )

    @property
    def charge_kw(self) -> np.ndarray:
        """Charging power of a class, so that the car of the greatest need can multiply it."""
        return self.power * np.divide(self.mean, self.most, out=np.ones(self.most.size), where=self.most > 0)

    def serves(self, stored: float) -> np.ndarray:
        """Return which classes have time and power enough for all their cars, at ``stored`` kWh per kW and step."""
        stay = self.last - self.first
        return (stay > 0) & (stored * self.power * stay >= self.most)


def _join(own: np.ndarray, owner: np.ndarray, fits: np.ndarray, classes: _Limits) -> None:
    """Put cars without a class into that of longest stay whose power, stay and greatest need they keep."""
    left = fits[owner[fits] < 0]
    power, first, last, need = own[:, left]
    found = owner[left]
    for k in np.argsort(classes.last - classes.first, kind="stable"):
        inside = (first <= classes.first[k]) & (last >= classes.last[k]) & (power >= classes.power[k])
        found[inside & (need <= classes.most[k])] = k
    owner[left] = found


def _parted(own: np.ndarray, wide: int, n_classes: int, stored: float) -> np.ndarray:
    """Return the class of each car, (n,) int; stays are rounded to ``wide`` steps and needs to `NEED_STEP` for it."""
    levels, power = np.unique(own[0], return_inverse=True)
    rounded = [-(-own[1] // wide), own[2] // wide, np.ceil(own[3] / NEED_STEP - 1e-9)]
    columns = np.stack([power, *rounded]).astype(np.int64)
    span = columns.max(axis=1, initial=0) + 1
    kinds, kind, count = np.unique(np.ravel_multi_index(columns, span), return_inverse=True, return_counts=True)
    axes = np.array(np.unravel_index(kinds, span), dtype=float)
    axes[0] = levels[axes[0].astype(int)]
    axes[3] *= NEED_STEP / (stored * wide)  # as power times steps
    count = count.astype(float)
    owner = np.zeros(count.size, dtype=np.int64)
    gain, low, high = _best_cut(axes, count)
    waiting = [(-gain, 0, low, high)]
    for new in range(1, n_classes):
        gain, old, low, high = heapq.heappop(waiting)
        if gain >= 0:
            break
        owner[high] = new
        for name, mine in ((old, low), (new, high)):
            gain, low, high = _best_cut(axes[:, mine], count[mine])
            heapq.heappush(waiting, (-gain, name, mine[low], mine[high]))
    return owner[kind]


def _best_cut(axes: np.ndarray, count: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return what the best cut in two saves, and the kinds on both of its sides; 0 where no cut saves anything."""
    best = (0.0, np.arange(count.size), np.arange(0))
    for axis in axes:
        order = np.argsort(axis, kind="stable")
        cuts = np.flatnonzero(np.diff(axis[order]))
        if cuts.size:
            low = _worth(axes[:, order], count[order])
            high = _worth(axes[:, order[::-1]], count[order[::-1]])[::-1]
            saved = low[cuts] + high[cuts + 1] - low[-1]
            at = int(saved.argmax())
            if saved[at] > best[0]:
                best = (float(saved[at]), order[: cuts[at] + 1], order[cuts[at] + 1 :])
    return best


def _worth(axes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the worth of the first 1, 2, ... kinds as one class, shape (m,): power times common stay of all cars.

    What cars of a class lack for the greatest need counts `SHORT` times as much against it.
    """
    power, first, last, need = axes
    stay = np.minimum.accumulate(last) - np.maximum.accumulate(first)
    cars, most = count.cumsum(), np.maximum.accumulate(need)
    kept = np.divide((count * need).cumsum(), cars * most, out=np.ones(count.size), where=most > 0)
    could = np.minimum.accumulate(power) * stay
    return cars * (could * np.where(stay > 0, kept, 1.0) - SHORT * np.maximum(most - could, 0.0))
