"""What is known of a day by the step being decided: prices, arrivals, departures and measurements reported so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_aggregator.dispatch.plan import DispatchPlan

CHANGED = ("_known", "_here", "_gone", "_until", "_jump", "_fixed", "_called")
"""Names of the arrays that `step` changes before it decides, and restores if an input or the forecast fails."""


class Day:
    """Prices, stays and powers of one day, as far as reported or carried out.

    Parameters
    ----------
    plan : DispatchPlan
        Plan of the day.
    """

    def __init__(self, plan: DispatchPlan) -> None:
        self.plan = plan
        cars = plan.cars
        self._v, self._t = cars.places
        self._known = np.full(cars.n_steps, np.nan)
        self._last = -1
        self._here = np.zeros(cars.n_classes, dtype=bool)
        self._gone = np.zeros(cars.n_classes, dtype=bool)
        self._until = cars.start + cars.length  # first step after the stay
        self._jump = np.where(cars.first, cars.arrival_kwh[self._v], 0.0)  # energy added other than by charging [kWh]
        self._fixed = np.full((2, self._v.size), np.nan)  # power per vehicle [kW]; NaN: not yet decided

    def _skip(self, now: int, notes: list[str]) -> None:
        """Fix the power of skipped steps at 0 and add a note: no setpoints were sent, so the chargers stood still."""
        missed = (self._t > self._last) & (self._t < now) & ~np.isfinite(self._fixed[0])
        if now > self._last + 1 and missed.any():
            first, last = self._last + 1, now - 1
            which = f"step {first} was" if first == last else f"steps {first} to {last} were"
            notes.append(f"{which} not asked for; chargers are taken to have stood still then")
            for v in np.flatnonzero(~self._here & (self.plan.cars.start < now)):
                self._here[v] = True
        self._fixed[:, missed] = 0.0

    def _take_prices(self, now: int, price: float | Mapping[int, float] | None, notes: list[str]) -> None:
        reported = price if isinstance(price, Mapping) else ({} if price is None else {now: price})
        for step, value in reported.items():
            if not 0 <= step <= now:
                raise InputError(f"a price for step {step} cannot be known at step {now}; pass forecasts as forecaster")
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
                raise InputError(
                    f"the price of step {step} must be a number, not {value!r}; pass None if it is missing"
                )
            self._known[step] = float(value)
        if price is None:
            notes.append(f"no price for step {now}: the forecast takes its place")

    def _place(self, name: str) -> int:
        names = self.plan.cars.names
        if name not in names:
            raise InputError(f"there is no class {name!r}.{did_you_mean(name, list(names))}")
        return names.index(name)

    def _take_arrivals(
        self, now: int, arrivals: Mapping[str, float | None] | Iterable[str] | None, notes: list[str]
    ) -> None:
        cars = self.plan.cars
        planned = (cars.start <= now) & (now < self._until) & ~self._here & ~self._gone
        if arrivals is None:
            self._here |= planned & (cars.start == now)
            planned &= ~self._here
        else:
            reported = dict(arrivals) if isinstance(arrivals, Mapping) else dict.fromkeys(arrivals)
            for name, soe in reported.items():
                v = self._place(name)
                if self._here[v] or self._gone[v]:
                    notes.append(f"{name} was here already; its arrival is ignored")
                    continue
                if now < cars.start[v] or now >= self._until[v]:
                    notes.append(f"{name} came at step {now}, outside its stay; it is not served before or after that")
                self._here[v], planned[v] = True, False
                if soe is not None:
                    self._check_soe(name, v, soe)
                    self._jump[np.flatnonzero(self._v == v)[0]] = float(soe)
        missing = [cars.names[v] for v in np.flatnonzero(planned)]
        notes.extend(f"{name} has not come; it gets no power until it does" for name in missing)
        absent = np.isin(self._v, np.flatnonzero(planned)) & (self._t == now)
        self._fixed[:, absent] = 0.0

    def _check_soe(self, name: str, v: int, soe: float) -> None:
        high = self.plan.cars.capacity_kwh[v]
        if isinstance(soe, bool) or not np.isfinite(soe) or not 0 <= soe <= high + 1e-9:
            raise InputError(f"{name}: a state of energy of {soe} kWh is not between 0 and the capacity, {high:g} kWh")

    def _take_departures(self, now: int, departures: Mapping[str, int] | Iterable[str], notes: list[str]) -> None:
        leaving = dict(departures) if isinstance(departures, Mapping) else dict.fromkeys(departures, now)
        for name, step in leaving.items():
            v = self._place(name)
            if step > self._until[v]:
                notes.append(f"{name} stays longer than planned, to step {step}; the planned departure is kept")
                continue
            self._until[v] = max(int(step), now)
            if step <= now:
                self._gone[v] = True
            if step < self.plan.cars.start[v] + self.plan.cars.length[v]:
                notes.append(f"{name} leaves early, at step {step} instead of {self._planned_end(v)}")

    def _planned_end(self, v: int) -> int:
        return int(self.plan.cars.start[v] + self.plan.cars.length[v])

    def _take_measured_soe(self, now: int, measured_kwh: Mapping[str, float] | None) -> None:
        for name, soe in (measured_kwh or {}).items():
            v = self._place(name)
            self._check_soe(name, v, soe)
            here = np.flatnonzero((self._v == v) & (self._t == now))
            if here.size:
                model = self.soe_kwh(name)
                self._jump[here[0]] += float(soe) - model

    def soe_kwh(self, name: str) -> float:
        """Return the model's state of energy of a class after the steps carried out, per vehicle [kWh].

        Raises
        ------
        InputError
            There is no class of that name.
        """
        cars, v = self.plan.cars, self._place(name)
        mine = np.flatnonzero(self._v == v)
        done = mine[np.isfinite(self._fixed[0, mine])]
        eta, dt = cars.efficiency[v], cars.dt_h
        start = self._jump[mine[0]] if not done.size else self._jump[done].sum()
        flows = (eta * self._fixed[0, done] - self._fixed[1, done] / eta) * dt
        return float(start + flows.sum())
