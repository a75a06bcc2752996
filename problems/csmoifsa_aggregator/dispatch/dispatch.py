"""Real-time dispatcher of one day, which decides charge and discharge powers each time a control room calls it.

The horizon recedes: prices paid by drivers, bills, day-ahead position, stays, promises and past steps are fixed. At
each step the rest of the day is decided anew from the prices known by then and a forecast of the others, and the first
step of it is carried out. Reserve that was committed day-ahead stays deliverable, as far as cars and calls allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch import forecast as forecasts
from csmoifsa_aggregator.dispatch.day import CHANGED
from csmoifsa_aggregator.dispatch.horizon import Horizon
from csmoifsa_aggregator.dispatch.plan import Commitment, DispatchPlan, Setpoints
from csmoifsa_aggregator.dispatch.state import SAVED, damage_explained, read_state, restore_plan, restored, write_state
from csmoifsa_energy.arrays import frozen

__all__ = ["Commitment", "DispatchPlan", "RollingDispatcher", "Setpoints"]


class RollingDispatcher(Horizon):
    """Receding-horizon dispatch of a plan: call `step` at each step, `save` after it, and `load` after a crash.

    Parameters
    ----------
    plan : DispatchPlan
        Plan of the day.
    forecaster : callable, optional
        Forecaster used instead of the plan's; see the module `forecast`.

    Attributes
    ----------
    position_kw : (T,) array
        Day-ahead position: net load of the plan made at day-ahead prices [kW].
    expected : (T,) array
        Prices from which the last step was decided: real-time prices as far as known, and forecasts of the others; the
        day-ahead prices before the first step [currency/kWh].

    Raises
    ------
    InputError
        The plan asks for a perfect forecast, or its forecaster cannot be loaded.
    """

    def __init__(self, plan: DispatchPlan, forecaster: forecasts.Forecaster | None = None) -> None:
        self._forecast = forecaster or forecasts.find_forecaster(plan.forecaster)
        if self._forecast is None:
            raise InputError("no perfect forecast exists in real time; choose another, or module:function")
        super().__init__(plan)
        cars = plan.cars
        self._answers: dict[str, Any] | None = None
        self.expected = plan.day_ahead
        self._x = self._solve(plan.day_ahead)
        if plan.planned_kw is not None:
            self._x = plan.planned_kw[:, self._v, self._t] / cars.count[self._v]
            self._soe = self.plan.cars.soe_after(self._x, self._jump)
        self.position_kw = self._net(self._x)

    # ---- one step ----

    def step(
        self,
        now: int,
        price: float | Mapping[int, float] | None = None,
        arrivals: Mapping[str, float | None] | Iterable[str] | None = None,
        departures: Mapping[str, int] | Iterable[str] = (),
        measured_kwh: Mapping[str, float] | None = None,
        called_kwh: Mapping[str, float] | None = None,
    ) -> Setpoints:
        """Return the charge and discharge powers of one step, decided from what is known by then.

        Parameters
        ----------
        now : int
            Step to decide, later than all before. Called again for the last step, the same setpoints are returned.
        price : float or mapping, optional
            Real-time price of this step [currency/kWh], or ``{step: price}`` to report earlier steps late. Where None,
            the forecast replaces the price.
        arrivals : mapping or names, optional
            Classes that arrived since the last step, with their state of energy per vehicle [kWh], or None for the
            planned one. Where left out, all classes arrive as planned; else a planned class that is not named is absent
            and has no power until it is.
        departures : names or mapping, optional
            Classes that leave at this step, before their planned departure; or ``{name: step}`` with the step at which
            they will leave.
        measured_kwh : mapping, optional
            Measured state of energy of a class at the beginning of this step, per vehicle [kWh], where it differs from
            the model's, such as after calls of reserve.
        called_kwh : mapping, optional
            Net energy of each reserve product called since the last step, downwards above zero [kWh].

        Returns
        -------
        Setpoints
            Power of each class in this step [kW], with notes.

        Raises
        ------
        InputError
            The step is out of order, a class is unknown, or a price, a state of energy or a forecast is not valid. The
            dispatcher is then unchanged.
        """
        cars = self.plan.cars
        if isinstance(now, bool) or not isinstance(now, int | np.integer) or not 0 <= now < cars.n_steps:
            raise InputError(f"now must be a step from 0 to {cars.n_steps - 1}, not {now!r}")
        now = int(now)
        if now < self._last:
            raise InputError(f"step {now} is over: the last one decided was {self._last}")
        if now == self._last and self._answers is not None:
            return Setpoints.from_dict(self._answers)
        notes: list[str] = []
        before = {name: getattr(self, name).copy() for name in CHANGED}
        try:
            self._skip(now, notes)
            self._take_prices(now, price, notes)
            self._take_arrivals(now, arrivals, notes)
            self._take_departures(now, departures, notes)
            self._take_calls(now, called_kwh)
            self._take_measured_soe(now, measured_kwh)
            expected = self._expect(now)
        except BaseException:  # a step that is refused, or whose forecast fails, changes nothing
            for name, value in before.items():
                setattr(self, name, value)
            raise
        self._next = now
        self._bound_all(self._session)
        self.expected = expected
        x = self._x = self._solve(expected)
        self._freeze(now, x)
        return self._answer(now, x, notes)

    def _expect(self, now: int) -> np.ndarray:
        assert self._forecast is not None
        expected = self._forecast(now, frozen(self._known), self.plan.day_ahead, self.plan.past)
        return forecasts.check_forecast(self.plan.forecaster, expected, now, self._known)

    def _freeze(self, now: int, x: np.ndarray) -> None:
        mine = (self._t == now) & ~np.isfinite(self._fixed[0])
        self._fixed[:, mine] = x[:, mine]
        self._last = now

    def _answer(self, now: int, x: np.ndarray, notes: list[str]) -> Setpoints:
        cars = self.plan.cars
        mine = np.flatnonzero(self._t == now)
        power = self._fixed[:, mine] * cars.count[self._v[mine]]
        names = [cars.names[v] for v in self._v[mine]]
        running = (cars.start <= now) & (now < self._until + 1)
        short = {
            cars.names[v]: float(self._lacking[v])
            for v in np.flatnonzero((self._lacking > 1e-6) & (running | self._gone))
        }
        notes += [f"{name} will lack {kwh:.3g} kWh a vehicle at departure" for name, kwh in short.items()]
        if self._above.size and self._above[now] > 1e-6 * self._unit:
            notes.append(f"the import limit of step {now} is exceeded by {self._above[now]:.3g} kW")
        charge, discharge = (dict(zip(names, row.tolist(), strict=True)) for row in power)
        up, down, missing = self.bands(now)
        for name, lack in missing.items():
            kw = max(lack.values())
            if kw > 1e-6 * self._unit:
                notes.append(f"{name}: {kw:.3g} kW of the bid of step {now} cannot be delivered")
        answer = Setpoints(now, charge, discharge, tuple(notes), short, up, down, missing)
        self._answers = asdict(answer)
        return answer

    # ---- results and state ----

    @property
    def net_kw(self) -> np.ndarray:
        """Net load of the dispatched cars, (T,) [kW]: carried out up to the last step decided, planned after it."""
        return self._net(np.where(np.isfinite(self._fixed), self._fixed, self._x))

    def powers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return charge power [kW], discharge power [kW] and state of energy [kWh] per vehicle, each (V, T).

        Values are NaN where a class is not plugged in.
        """
        x = np.where(np.isfinite(self._fixed), self._fixed, self._x)
        tables = []
        for values in (x[0], x[1], self._soe):
            table = np.full((self.plan.cars.n_classes, self.plan.cars.n_steps), np.nan)
            table[self._v, self._t] = values
            tables.append(table)
        return tables[0], tables[1], tables[2]

    def save(self, path: str | Path) -> None:
        """Write the state, the plan included, as one JSON file, which replaces an existing one as a whole."""
        write_state(path, self.plan, {name: getattr(self, own) for name, own in SAVED.items()})

    @classmethod
    def load(
        cls, path: str | Path, forecaster: forecasts.Forecaster | None = None, *, trust: bool = False
    ) -> RollingDispatcher:
        """Return a dispatcher read from a file, which continues after the last step of the saved one.

        Parameters
        ----------
        path : path
            File written by `save`.
        forecaster : callable, optional
            Forecaster used instead of the one that the file names.
        trust : bool
            Whether to import a forecaster that the file names as ``module:function`` or ``file.py:function``.

        Raises
        ------
        InputError
            The file is missing or damaged, or names code without ``trust``.
        """
        state = read_state(path)
        with damage_explained(path):
            self = cls(restore_plan(state, path, code=trust or forecaster is not None), forecaster)
            for name, own in SAVED.items():
                setattr(self, own, restored(state[name], getattr(self, own)))
        self._next = self._last + 1
        self._bound_all(self._session)
        self.expected = self._expect(max(self._last, 0))
        self._x = self._solve(self.expected)
        return self
