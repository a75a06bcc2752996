"""Real-time dispatcher of one day, which decides charge and discharge powers each time a control room calls it.

The horizon recedes: prices paid by drivers, bills, day-ahead position, stays, promises and past steps are fixed. At
each step the rest of the day is decided anew from the prices known by then and a forecast of the others, and the first
step of it is carried out. The linear program stays inside the solver, which continues from its last basis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch import forecast as forecasts
from csmoifsa_aggregator.dispatch.day import CHANGED, Day
from csmoifsa_aggregator.dispatch.plan import DispatchPlan, Setpoints
from csmoifsa_aggregator.dispatch.state import SAVED, damage_explained, read_state, restore_plan, restored, write_state
from csmoifsa_aggregator.solve.batteries import add_batteries
from csmoifsa_aggregator.solve.lp import Program, Session
from csmoifsa_energy.arrays import frozen

__all__ = ["DispatchPlan", "RollingDispatcher", "Setpoints"]

_PENALTY = 100.0
"""Penalty of a kWh missing from a promise, as a multiple of the day's largest price; keeping it always costs less."""

_FUSE = 10.0
"""Penalty of a kWh above the import limit, as a multiple of that of a promise: the limit comes before the promises."""


class RollingDispatcher(Day):
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
            raise InputError("no perfect forecast exists in real time; choose bias, ar1, none or module:function")
        super().__init__(plan)
        cars = plan.cars
        self._scale = float(np.abs(plan.day_ahead).mean()) or 1.0
        self._answers: dict[str, Any] | None = None
        self._session: Session | None = None
        self._other_load = np.zeros(cars.n_steps) if plan.other_load_kw is None else plan.other_load_kw
        self._ratio = np.ones(cars.n_steps) if plan.sale_ratio is None else plan.sale_ratio
        self._sale = bool((self._ratio != 1.0).any())  # at a ratio of 1, selling earns what serving other cars saves
        self._unit = float((cars.count * np.maximum(cars.charge_kw, cars.discharge_kw)).sum())
        self.expected = plan.day_ahead
        self._open()
        self._x = self._solve(plan.day_ahead)
        if plan.planned_kw is not None:
            self._x = plan.planned_kw[:, self._v, self._t] / cars.count[self._v]
            self._soe = self.plan.cars.soe_after(self._x, self._jump)
        self.position_kw = self._net(self._x)

    # ---- the program ----

    def _build(self, binaries: np.ndarray, prices: np.ndarray) -> Program:
        cars = self.plan.cars
        program = Program()
        self._short = program.columns(cars.n_classes)  # first, so that binaries move no other column
        self._sold = program.columns(cars.n_steps * self._sale)
        self._excess = program.columns(cars.n_steps * (self.plan.import_limit_kw is not None))
        self._block = block = add_batteries(
            program, cars, prices / self._scale, prices / self._scale, binaries=binaries
        )
        self._connect(program)
        self._promise = program.rows(cars.n_classes, cars.departure_kwh)
        last = np.flatnonzero(cars.last)
        program.add(self._promise, block.soe[last], 1.0)
        program.add(self._promise, self._short, 1.0)
        return program

    def _connect(self, program: Program) -> None:
        """Add rows for the net load of all cars: a negative net load is sold, and the import limit bounds it."""
        v, t = self._v, self._t
        share = self.plan.cars.count[v] / self._unit
        taken, discharged = self._block.charge, self._block.discharge
        if self._sale:
            left = program.rows(self.plan.cars.n_steps, -self._other_load / self._unit)  # net + sold >= 0
            own = program.rows(self.plan.cars.n_steps, upper=0.0)  # sold <= discharged
            program.add(left[t], taken, share)
            program.add(left[t], discharged, -share)
            program.add(left, self._sold, 1.0)
            program.add(own, self._sold, 1.0)
            program.add(own[t], discharged, -share)
        if self.plan.import_limit_kw is not None:
            upper = (self.plan.import_limit_kw - self._other_load) / self._unit
            limit = program.rows(self.plan.cars.n_steps, upper=upper)
            program.add(limit[t], taken, share)
            program.add(limit[t], discharged, -share)
            program.add(limit, self._excess, -1.0)

    def _open(self) -> None:
        self._session = self._build(np.zeros(0, dtype=bool), self.plan.day_ahead).open()
        self._bound_all(self._session)

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bounds of charge and discharge power, each (2, M), per vehicle [kW].

        Both are the power carried out at past steps and 0 while a class is absent; else 0 and the greatest power.
        """
        cars, v = self.plan.cars, self._v
        away = (self._t >= self._until[v]) | self._gone[v]
        upper = np.where(away, 0.0, np.array([cars.charge_kw[v], cars.discharge_kw[v]]))
        done = np.isfinite(self._fixed)
        return np.where(done, self._fixed, 0.0), np.where(done, self._fixed, upper)

    def _bound_all(self, session: Session) -> None:
        lower, upper = self._bounds()
        columns = np.array([self._block.charge, self._block.discharge])
        session.bounds(columns, lower, upper)
        low = self._least_soe(upper)
        high = np.maximum(self.plan.cars.capacity_kwh[self._v], low)
        session.bounds(self._block.soe, low, high)
        session.row_bounds(self._block.flow, self._jump, self._jump)

    def _least_soe(self, upper: np.ndarray) -> np.ndarray:
        """Return the least state of energy at each place, shape (M,), per vehicle [kWh].

        It is the floor, or what a car that arrived below the floor can reach; past steps have no lower bound.
        """
        cars, v = self.plan.cars, self._v
        dt, eta = cars.dt_h, cars.efficiency[v]
        done = np.isfinite(self._fixed[0])
        gain = np.where(done, eta * self._fixed[0] * dt - self._fixed[1] * dt / eta, eta * upper[0] * dt) + self._jump
        reach = np.cumsum(gain)
        first = np.flatnonzero(cars.first)
        reach -= np.repeat(reach[first] - gain[first], cars.length)
        # full power from now on, up to the capacity, reaches at least the smaller of floor and ``reach``
        return np.minimum(np.where(done, -np.inf, cars.floor_kwh[v]), reach - 1e-9)

    def _solve(self, prices: np.ndarray) -> np.ndarray:
        """Return powers (2, M) per vehicle [kW] of the cheapest rest of the day at prices (T,) [currency/kWh]."""
        cars, v, t = self.plan.cars, self._v, self._t
        prices = prices + self.plan.readiness()
        assert self._session is not None
        open_ = ~np.isfinite(self._fixed[0])
        weight = cars.count[v] * cars.dt_h / self._scale
        session = self._session
        sale_price = np.where(np.isnan(self._ratio), prices, prices + (self._ratio - 1.0) * np.abs(prices))
        circular = cars.circular(np.minimum(prices, sale_price), sale_price) & open_
        if circular.any():
            session = self._build(circular, prices).open(gap=1e-6)
            self._bound_all(session)
        place = np.flatnonzero(open_)
        session.costs(self._block.charge[place], (weight * prices[t])[place])
        session.costs(self._block.discharge[place], (weight * (cars.wear[v] - prices[t]))[place])
        worst = _PENALTY * max(float(np.abs(prices).max()), float(np.abs(self.plan.day_ahead).max())) / self._scale
        session.costs(self._short, cars.count * worst)
        if self._sale:
            paid = np.where(
                np.isnan(self._ratio), worst, (prices - sale_price) / self._scale
            )  # where selling is not possible, it is penalised
            session.costs(self._sold, self._unit * cars.dt_h * paid)
        if self._excess.size:
            session.costs(self._excess, np.full(cars.n_steps, self._unit * cars.dt_h * _FUSE * worst))
        answer = session.run()
        if not answer.found:
            raise RuntimeError(f"the dispatch program ended as {answer.status}; this should not happen")
        self._lacking = answer.x[self._short]
        self._above = answer.x[self._excess] * self._unit
        self._soe = answer.x[self._block.soe]
        return np.maximum(np.array([answer.x[self._block.charge], answer.x[self._block.discharge]]), 0.0)

    def _net(self, x: np.ndarray) -> np.ndarray:
        weight = (x[0] - x[1]) * self.plan.cars.count[self._v]
        return np.bincount(self._t, weight, minlength=self.plan.cars.n_steps)

    # ---- one step ----

    def step(
        self,
        now: int,
        price: float | Mapping[int, float] | None = None,
        arrivals: Mapping[str, float | None] | Iterable[str] | None = None,
        departures: Mapping[str, int] | Iterable[str] = (),
        measured_kwh: Mapping[str, float] | None = None,
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
            the model's.

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
            self._take_measured_soe(now, measured_kwh)
            expected = self._expect(now)
        except BaseException:  # a step that is refused, or whose forecast fails, changes nothing
            for name, value in before.items():
                setattr(self, name, value)
            raise
        assert self._session is not None
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
        answer = Setpoints(now, charge, discharge, tuple(notes), short)
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
        assert self._session is not None
        self._bound_all(self._session)
        self.expected = self._expect(max(self._last, 0))
        self._x = self._solve(self.expected)
        return self
