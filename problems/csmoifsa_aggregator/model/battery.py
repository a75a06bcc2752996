"""Batteries of drivers with a V2G contract: their limits, and a dispatch of them.

At a price c, a V2G class solves ``min sum_t c_t (ch_t - dis_t) dt + wear sum_t dis_t dt`` with the state of energy
``s_t = s_{t-1} + eta ch_t dt - dis_t dt / eta`` within its limits and, at the end of the last plugged step, at least as
high as promised (reconstruction; the thesis's formulas are not in print). A battery has one stay a day, which may pass
midnight, because its state of energy is known at the beginning of one stay only. All vehicles of a class charge and
discharge alike, so the class is one battery of ``count`` times the size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.arrays import frozen


@dataclass(frozen=True, kw_only=True, eq=False)
class Batteries:
    """Classes of vehicles with batteries; arrays of shape (V,), values per vehicle.

    Attributes
    ----------
    names : tuple of str
        Names of the classes.
    count : (V,) array
        Number of vehicles in the class.
    charge_kw, discharge_kw : (V,) array
        Greatest charging and discharging power at the grid side [kW]; discharging is 0 without a V2G contract.
    capacity_kwh, floor_kwh : (V,) array
        Greatest and least state of energy [kWh].
    arrival_kwh, departure_kwh : (V,) array
        State of energy at the beginning of the first plugged step, and promised at the end of the last one [kWh].
    efficiency : (V,) array
        Efficiency of charging, and again of discharging, above 0 and at most 1.
    wear : (V,) array
        Payment to the owner for each kWh discharged to the grid [currency/kWh].
    start, length : (V,) int array
        First plugged step, and number of plugged steps in a row, past the end of the day if need be.
    n_steps : int
        Number of steps in a day T.
    dt_h : float
        Length of a step [h].
    """

    names: tuple[str, ...]
    count: np.ndarray
    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    capacity_kwh: np.ndarray
    floor_kwh: np.ndarray
    arrival_kwh: np.ndarray
    departure_kwh: np.ndarray
    efficiency: np.ndarray
    wear: np.ndarray
    start: np.ndarray
    length: np.ndarray
    n_steps: int
    dt_h: float

    def __post_init__(self) -> None:
        n = len(self.names)
        for name in (*_COLUMNS, "start", "length"):
            kind = float if name in _COLUMNS else np.int64
            object.__setattr__(self, name, frozen(np.broadcast_to(getattr(self, name), (n,)), kind))
        for v in range(n):
            self._check(v)

    def _check(self, v: int) -> None:
        name = self.names[v]
        for key in _COLUMNS:
            value = getattr(self, key)[v]
            if not np.isfinite(value) or (value < 0 and key != "wear"):
                raise InputError(f"{name}: {key} must be a number from 0 up, not {value}")
        for key in ("count", "charge_kw", "capacity_kwh"):
            if getattr(self, key)[v] == 0:
                raise InputError(f"{name}: {key} must be above 0")
        eta, wear = self.efficiency[v], self.wear[v]
        if not 0 < eta <= 1:
            raise InputError(f"{name}: efficiency must be above 0 and at most 1, not {eta}")
        if wear < 0:
            raise InputError(f"{name}: wear must be from 0 up, not {wear}")
        low, high = self.floor_kwh[v], self.capacity_kwh[v]
        for key in ("arrival_kwh", "departure_kwh"):
            value = getattr(self, key)[v]
            if value > high:
                raise InputError(f"{name}: {key} {value:g} exceeds the capacity by {value - high:g} kWh")
        if self.departure_kwh[v] < low:
            raise InputError(f"{name}: departure_kwh is {low - self.departure_kwh[v]:g} kWh below the floor of {low:g}")
        if not (1 <= self.length[v] <= self.n_steps and 0 <= self.start[v] < self.n_steps):
            raise InputError(
                f"{name}: a stay must begin at a step below {self.n_steps} and last 1 to {self.n_steps} steps, "
                f"not begin at {self.start[v]} and last {self.length[v]}"
            )
        hours = self.length[v] * self.dt_h
        reached = self.arrival_kwh[v] + eta * self.charge_kw[v] * hours
        short = self.departure_kwh[v] - reached
        if short > 1e-9:
            raise InputError(
                f"{name}: charging at {self.charge_kw[v]:g} kW through its window of {hours:g} h reaches "
                f"{reached:g} kWh, {short:g} kWh short of the {self.departure_kwh[v]:g} kWh promised"
            )

    @property
    def n_classes(self) -> int:
        """Number of V2G classes V."""
        return len(self.names)

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Class and step of each place (plugged step), both (M,), class by class from arrival to departure."""
        v = np.repeat(np.arange(self.n_classes), self.length)
        since = np.arange(v.size) - np.repeat(np.cumsum(self.length) - self.length, self.length)
        return v, (self.start[v] + since) % self.n_steps

    @cached_property
    def window(self) -> np.ndarray:
        """Whether each class is plugged in at each step, shape (V, T) bool."""
        plugged = np.zeros((self.n_classes, self.n_steps), dtype=bool)
        plugged[self.places] = True
        return plugged

    @cached_property
    def first(self) -> np.ndarray:
        """Whether each place is the first plugged step of its class, shape (M,) bool."""
        v, _ = self.places
        return np.diff(v, prepend=-1) != 0

    @cached_property
    def last(self) -> np.ndarray:
        """Whether each place is the last plugged step of its class, shape (M,) bool."""
        v, _ = self.places
        return np.diff(v, append=-1) != 0

    def circular(self, buy: np.ndarray, sell: np.ndarray) -> np.ndarray:
        """Return at which places charging and discharging at once would pay, shape (M,) bool.

        There ``eta^2 (sell - wear) > buy``, at prices ``buy`` and ``sell`` of shape (T,) [currency/kWh]: selling earns
        more than buying costs over the round trip, or prices are far enough below zero.
        """
        v, t = self.places
        return (self.efficiency[v] ** 2 * (sell[t] - self.wear[v]) > buy[t]) & (self.discharge_kw[v] > 0)

    def soe_after(self, x: np.ndarray, jump: np.ndarray) -> np.ndarray:
        """Return the state of energy of one vehicle after each plugged step, shape (M,) [kWh].

        Parameters
        ----------
        x : (2, M) array
            Charge and discharge power of one vehicle in each plugged step [kW].
        jump : (M,) array
            Energy that enters in a step otherwise, such as on arrival or by a measurement [kWh].
        """
        v, _ = self.places
        eta = self.efficiency[v]
        gain = (eta * x[0] - x[1] / eta) * self.dt_h + jump
        total, first = gain.cumsum(), np.flatnonzero(self.first)
        return total - np.repeat(total[first] - gain[first], self.length)

    def from_step(self, begin: int) -> Batteries:
        """Return the classes on a day that begins at step ``begin``; of a stay cut by its ends, the longer part."""
        start = (self.start - begin) % self.n_steps
        head = np.minimum(self.length, self.n_steps - start)
        tail = self.length - head
        late = tail > head
        return replace(self, start=np.where(late, 0, start), length=np.where(late, tail, head))

    @cached_property
    def needed_kwh(self) -> np.ndarray:
        """Energy that all vehicles of a class must draw for what they are promised, (V,) [kWh]."""
        return self.count * np.maximum(self.departure_kwh - self.arrival_kwh, 0.0) / self.efficiency

    def only_charging(self) -> Batteries:
        """Return the same classes without discharging."""
        return replace(self, discharge_kw=np.zeros(self.n_classes))


def longest_stay(window: np.ndarray) -> tuple[int, int]:
    """Return first step and number of steps of the longest unbroken stay in a window, (T,) bool, of a repeating day."""
    steps = len(window)
    if window.all():
        return 0, steps
    best = (0, 0)
    for first in np.flatnonzero(window & ~np.roll(window, 1)):
        length = int((~np.roll(window, -first)).argmax())
        if length > best[1]:
            best = (int(first), length)
    return best


_COLUMNS = (
    *("count", "charge_kw", "discharge_kw", "capacity_kwh", "floor_kwh", "arrival_kwh", "departure_kwh"),
    *("efficiency", "wear"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dispatch:
    """Charging and discharging of the V2G classes; arrays of shape (V, T), zero where unplugged.

    Attributes
    ----------
    charge_kw, discharge_kw : (V, T) array
        Charging and discharging power of the whole class at the grid [kW].
    soe_kwh : (V, T) array
        State of energy of one vehicle at the end of the step [kWh]; not a number where unplugged.
    cost : float
        Cost at the prices that the dispatch was made for, wear included [currency].
    n_binaries : int
        Number of plugged steps with a binary variable against charging and discharging at once.
    """

    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    soe_kwh: np.ndarray
    cost: float
    n_binaries: int = 0

    @property
    def net_kw(self) -> np.ndarray:
        """Charging less discharging power of all classes, shape (T,) [kW]."""
        return (self.charge_kw - self.discharge_kw).sum(axis=0)

    def discharged_kwh(self, cars: Batteries) -> np.ndarray:
        """Return the energy that each class discharges to the grid, shape (V,) [kWh]."""
        return self.discharge_kw.sum(axis=1) * cars.dt_h
