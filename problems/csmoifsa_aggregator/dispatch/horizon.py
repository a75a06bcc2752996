"""Linear program of the rest of a day: past steps are fixed, the others are decided anew at the prices expected.

The program stays inside the solver, which continues from its last basis. Where charging and discharging at once could
pay, binaries rule it out; where reserve is committed, its bands change with what was called: such programs are built
anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_aggregator.dispatch.day import Day
from csmoifsa_aggregator.dispatch.plan import DispatchPlan
from csmoifsa_aggregator.model.costs import single_price
from csmoifsa_aggregator.solve.bands import Bands, Kept, Offer, add_bands
from csmoifsa_aggregator.solve.batteries import add_batteries
from csmoifsa_aggregator.solve.lp import Program, Session
from csmoifsa_aggregator.solve.reserve import call_costs

_PENALTY = 100.0
"""Penalty of a kWh missing from a promise, as a multiple of the day's largest price; keeping it always costs less."""

_FUSE = 10.0
"""Penalty of a kWh above the import limit, as a multiple of that of a promise: the limit comes before the promises."""

_BAND = 0.1
"""Penalty of an hour of a kW missing from a bid of reserve, as a multiple of that of a promise, which comes first."""


class Horizon(Day):
    """The rest of a day as a linear program.

    Parameters
    ----------
    plan : DispatchPlan
        Plan of the day.
    """

    def __init__(self, plan: DispatchPlan) -> None:
        super().__init__(plan)
        cars = plan.cars
        self._scale = float(np.abs(plan.day_ahead).mean()) or 1.0
        self._other_load = np.zeros(cars.n_steps) if plan.other_load_kw is None else plan.other_load_kw
        self._ratio = np.ones(cars.n_steps) if plan.sale_ratio is None else plan.sale_ratio
        self._sale = bool((self._ratio != 1.0).any())  # at a ratio of 1, selling earns what serving other cars saves
        self._unit = float((cars.count * np.maximum(cars.charge_kw, cars.discharge_kw)).sum())
        self._next = 0  # first step still to be decided
        self._called = np.zeros((len(plan.reserve), cars.n_steps))  # net hours of the whole bid, downwards above zero
        self._session = self._build(np.zeros(0, dtype=bool), plan.day_ahead).open()
        self._bound_all(self._session)

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
        self._deviation = self._add_deviation(program)
        self._promise = program.rows(cars.n_classes, cars.departure_kwh)
        last = np.flatnonzero(cars.last)
        program.add(self._promise, block.soe[last], 1.0)
        program.add(self._promise, self._short, 1.0)
        self._added = self._add_reserve(program, prices)
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
            limit = self._limit = program.rows(self.plan.cars.n_steps, upper=upper)
            program.add(limit[t], taken, share)
            program.add(limit[t], discharged, -share)
            program.add(limit, self._excess, -1.0)

    def _add_deviation(self, program: Program) -> np.ndarray:
        """Add columns for what is drawn beyond the position and what is not drawn of it, (2, T); none without prices.

        They are in units of the greatest power.
        """
        position, extra = self.plan.planned_kw, self.plan.imbalance
        if position is None or extra is None:
            return np.zeros((2, 0), dtype=int)
        columns = program.columns(
            (2, self.plan.cars.n_steps), cost=self._unit * self.plan.cars.dt_h / self._scale * extra
        )
        net = (position[0] - position[1]).sum(axis=0) / self._unit
        row, share = program.rows(net.size, net, net), self.plan.cars.count[self._v] / self._unit
        program.add(row[self._t], self._block.charge, share)
        program.add(row[self._t], self._block.discharge, -share)
        program.add(row, columns[0], -1.0)
        program.add(row, columns[1], 1.0)
        return columns

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
        _, low = self._least_soe(upper)
        high = np.maximum(self.plan.cars.capacity_kwh[self._v], low)
        session.bounds(self._block.soe, low, high)
        session.row_bounds(self._block.flow, self._jump, self._jump)

    def _least_soe(self, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the least state of energy at the beginning and end of each place, each (M,), per vehicle [kWh].

        It is the floor, or what a car that arrived below the floor can reach; past steps have no lower bound.
        """
        cars, v = self.plan.cars, self._v
        dt, eta = cars.dt_h, cars.efficiency[v]
        done = np.isfinite(self._fixed[0])
        charged = np.where(done, eta * self._fixed[0] * dt - self._fixed[1] * dt / eta, eta * upper[0] * dt)
        gain = charged + self._jump
        reach = np.cumsum(gain)
        first = np.flatnonzero(cars.first)
        reach -= np.repeat(reach[first] - gain[first], cars.length)
        # full power from now on, up to the capacity, reaches at least the smaller of floor and ``reach``
        floor = np.where(done, -np.inf, cars.floor_kwh[v])
        return np.minimum(floor, reach - charged - 1e-9), np.minimum(floor, reach - 1e-9)

    # ---- reserve ----

    def _add_reserve(self, program: Program, prices: np.ndarray) -> list[Bands]:
        """Add the bands that keep the bids committed from the next step on, and columns of what may be missing."""
        cars, committed = self.plan.cars, self.plan.reserve
        self._missing = [
            {name: program.columns(cars.n_steps) for name in one.product.called} for one in committed
        ]  # [kW], of each direction and step
        if not committed:
            return []
        offers, costs = [], []
        for one in committed:
            on = (one.bid_kw > 0).astype(float)
            bid, used = program.columns(on.size, one.bid_kw, one.bid_kw), program.columns(on.size, on, on)
            offers.append(Offer(one.product, bid, used))
            expected = call_costs(cars, single_price(prices, cars.dt_h), one.product)
            costs.append([cost / self._scale for cost in expected])
        base = 0.0 if self.plan.base_kw is None else self.plan.base_kw
        added = add_bands(program, cars, self._block, offers, costs, self._kept(), self._other_load + base)
        for bands, missing in zip(added, self._missing, strict=True):
            for name, rows in bands.kept.items():
                program.add(rows, missing[name], 1.0)
            if self.plan.import_limit_kw is not None:
                program.add(self._limit[self._t], bands.down, cars.count[self._v] / self._unit)
        return added

    def _kept(self) -> Kept:
        """Return what calls must leave from the next step on: what was called so far in a block counts."""
        cars, v = self.plan.cars, self._v
        _, upper = self._bounds()
        before, after = self._least_soe(upper)
        leaves = self._t == np.minimum(self._until, cars.start + cars.length)[v] - 1
        hours = []
        for one, net in zip(self.plan.reserve, self._called, strict=True):
            so_far = net.reshape(one.bid_kw.size, -1).sum(axis=1)
            signs = {"up": 1.0, "down": -1.0}
            hours.append(
                {name: np.maximum(one.product.duration_h + signs[name] * so_far, 0.0) for name in one.product.called}
            )
        return Kept(
            open=~np.isfinite(self._fixed[0]) & (upper[0] > 0),
            before=before,
            after=np.where(leaves, np.maximum(after, cars.departure_kwh[v]), after),
            top=np.maximum(cars.capacity_kwh[v], after),
            jump=self._jump,
            hours=hours,
            short=np.where(leaves, self._short[v], -1),
        )

    def _take_calls(self, now: int, called: Mapping[str, float] | None) -> None:
        """Note the net energy called of each product since the last step, downwards above zero [kWh]."""
        names = [one.product.name for one in self.plan.reserve]
        for name, kwh in (called or {}).items():
            if name not in names:
                raise InputError(f"there is no reserve product {name!r}.{did_you_mean(name, names)}")
            if isinstance(kwh, bool) or not isinstance(kwh, int | float | np.number) or not np.isfinite(kwh):
                raise InputError(f"{name}: the energy called must be a number, not {kwh!r}")
            j, step = names.index(name), max(now - 1, 0)
            bid = self.plan.reserve[j].at(step, self.plan.cars.n_steps)
            if kwh and not bid:
                raise InputError(f"{name}: {kwh:g} kWh cannot have been called before step {now}, where nothing is bid")
            self._called[j, step] += kwh / bid if kwh else 0.0

    def bands(self, step: int) -> tuple[dict[str, dict[str, float]], ...]:
        """Return bands up and down, by product and class, and what is missing, by product and direction [kW]."""
        cars, mine = self.plan.cars, np.flatnonzero(self._t == step)
        names = [cars.names[v] for v in self._v[mine]]
        up, down, missing = {}, {}, {}
        for one, bands, lack in zip(self.plan.reserve, self._added, self._missing, strict=True):
            for table, columns in ((up, bands.up), (down, bands.down)):
                kw = np.maximum(self._values[columns[mine]], 0.0) * cars.count[self._v[mine]]
                table[one.product.name] = dict(zip(names, kw.tolist(), strict=True))
            missing[one.product.name] = {name: float(max(self._values[at[step]], 0.0)) for name, at in lack.items()}
        return up, down, missing

    # ---- the solution ----

    def _solve(self, prices: np.ndarray) -> np.ndarray:
        """Return powers (2, M) per vehicle [kW] of the cheapest rest of the day at prices (T,) [currency/kWh]."""
        cars, v = self.plan.cars, self._v
        prices = prices + self.plan.readiness()
        open_ = ~np.isfinite(self._fixed[0])
        sale_price = np.where(np.isnan(self._ratio), prices, prices + (self._ratio - 1.0) * np.abs(prices))
        circular = cars.circular(np.minimum(prices, sale_price), sale_price) & open_
        while True:
            x = self._solve_with(circular, prices, sale_price)
            at_once = np.minimum(*x) > 1e-6 * np.maximum(cars.charge_kw, cars.discharge_kw)[v]
            circling = at_once & open_ & ~circular  # losses may make room for bands
            if not self.plan.reserve or not circling.any():
                return x
            circular = circular | circling

    def _solve_with(self, circular: np.ndarray, prices: np.ndarray, sale_price: np.ndarray) -> np.ndarray:
        """Return the powers of `_solve` with binaries against charging and discharging at once at some places (M,)."""
        cars, v, t = self.plan.cars, self._v, self._t
        weight = cars.count[v] * cars.dt_h / self._scale
        session = self._session
        if circular.any() or self.plan.reserve:
            session = self._build(circular, prices).open(gap=1e-6)
            self._bound_all(session)
        place = np.flatnonzero(~np.isfinite(self._fixed[0]))
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
        for columns in (at for lack in self._missing for at in lack.values()):
            session.costs(columns, np.where(np.arange(cars.n_steps) >= self._next, cars.dt_h * _BAND * worst, 0.0))
        answer = session.run()
        if not answer.found:
            raise RuntimeError(f"the dispatch program ended as {answer.status}; this should not happen")
        self._values = answer.x
        self._lacking = answer.x[self._short]
        self._above = answer.x[self._excess] * self._unit
        self._soe = answer.x[self._block.soe]
        return np.maximum(np.array([answer.x[self._block.charge], answer.x[self._block.discharge]]), 0.0)

    def _net(self, x: np.ndarray) -> np.ndarray:
        weight = (x[0] - x[1]) * self.plan.cars.count[self._v]
        return np.bincount(self._t, weight, minlength=self.plan.cars.n_steps)
