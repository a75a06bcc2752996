"""Bounds on the aggregator's greatest profit from linear programs alone: the certificate without integers.

Profit is the drivers' bills less the cost of their energy. Each driver pays the minimum of linear functions of the
price, so the sum of bills is concave in the price, and ``max_c sum_k R_k(c) - min_e cost(e)`` is an upper bound: two
linear programs. Conversely the prices at which a response stays the cheapest form a polyhedron, over which the sum of
bills is linear: one linear program finds its best price, a lower bound. Where the bounds meet, the price is proven
optimal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.costs import load_cost
from csmoifsa_aggregator.model.follower import TIE, fill, quantile, respond, tie_groups
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.batteries import Block, add_batteries, read_dispatch
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.supply import Supply, add_cars, add_load, add_supply

PARTIAL = 1e-7
"""Distance of a share x from 0 or 1 below which it counts as 0 or 1."""


@dataclass(frozen=True)
class FollowerResponse:
    """Response of all followers to a price.

    Attributes
    ----------
    x : (K, T) array
        Charging of the charge-only classes, as share of their greatest power.
    cars : Dispatch, optional
        Dispatch of the V2G classes.
    """

    x: np.ndarray
    cars: Dispatch | None = None

    def load_kw(self, game: Game) -> np.ndarray:
        """Return the load of the charge-only classes, shape (T,) [kW]."""
        return game.power_kw @ self.x

    def net_kw(self, game: Game) -> np.ndarray:
        """Return the net load of all classes, V2G classes included, shape (T,) [kW]."""
        load = self.load_kw(game)
        return load if self.cars is None else load + self.cars.net_kw


def add_prices(program: Program, game: Game, cost: np.ndarray | float = 0.0) -> np.ndarray:
    """Add the leader's price with its bounds and mean to a program; return its columns (T,).

    Prices are in units of `Game.price_scale`; the mean over the steps is fixed or bounded above, see `Game.mean_sense`.
    A mean weighted by the load is left to `add_bill_rules`.
    """
    scale, steps = game.price_scale, game.n_steps
    columns = program.columns(steps, game.lower / scale, game.upper / scale, cost)
    if game.mean_weight == "load":
        return columns
    total = game.mean * steps / scale
    row = program.rows(1, total if game.mean_sense == "==" else -np.inf, total)
    program.add(row, columns, 1.0)
    return columns


def add_bill_rules(
    program: Program, game: Game, columns: np.ndarray, weights: ArrayLike, unit: float, wear: float = 0.0
) -> None:
    """Hold the sum of all bills within `Game.bill_range`, and subtract `Game.forgone` from a maximisation.

    The sum is weights times columns, in ``unit`` [kWh] of energy, and wear beside them [currency]. What is forgone is
    underestimated: convex in the bills, by tangents; concave, where its weight is below zero, by the chord over the
    range.
    """
    low, high = game.bill_range
    if not np.isfinite([low, high]).any():
        return
    money = unit * game.price_scale
    paid = program.columns(1, low / money, high / money)
    row = program.rows(1, -wear / money, -wear / money)
    program.add(row, paid, -1.0)
    program.add(row, columns, weights)
    if game.forgone is None or game.forgone.weight == 0.0:
        return
    one, energy = game.forgone, game.needed_kwh
    least, most = (one.customers.inverse(end)[0] for end in (one.low, one.high))
    if one.weight < 0 and one.low < one.high:
        lines = [(one.low, least, (most - least) / (one.high - one.low))]
    else:
        lines = [(point, *one.customers.inverse(point)) for point in one.points]
    lost = program.columns(1, 0.0, most - least, -one.weight / money)
    sign = 1.0 if one.weight > 0 else -1.0
    for point, value, slope in lines:  # lost >= value + slope (mean paid - point) - least; at the most with the chord
        size = max(1.0, slope * game.price_scale)
        row = program.rows(1, sign * (value - least - slope * point) / size)
        program.add(row, lost, sign / size)
        program.add(row, paid, -sign * slope * money / energy / size)


def add_bills(program: Program, game: Game, price: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Add ``sum_k R_k(c)`` to a maximisation by the followers' duals; return the columns lambda (K,) and omega (M,).

    ``R_k(c) = max lambda E - sum_t P dt omega_t`` with ``lambda - omega_t <= c_t``, ``omega >= 0``. For every price
    some optimal lambda lies between the quantiles of the price bounds.
    """
    k, t = np.nonzero(game.window)
    low, high = quantile(game.lower, game) / game.price_scale, quantile(game.upper, game) / game.price_scale
    lam = program.columns(game.n_classes, low, high, game.energy_kwh / unit)
    most = np.maximum(0.0, high[k] - game.lower[t] / game.price_scale)
    omega = program.columns(k.size, upper=most, cost=-game.step_kwh[k] / unit)
    row = program.rows(k.size, upper=0.0)
    program.add(row, lam[k], 1.0)
    program.add(row, omega, -1.0)
    program.add(row, price[t], -1.0)
    return lam, omega


@dataclass(frozen=True)
class CarDuals:
    """Columns of the V2G followers' duals in a program, by plugged step (`Batteries.places`).

    Attributes
    ----------
    value : (M,) int array
        Columns of the value of energy in the battery, in units of `Game.price_scale`.
    charge_limit, discharge_limit : (M,) int arrays
        Columns of the multipliers of the power limits.
    floor, capacity : (M,) int arrays
        Columns of the multipliers of the least and greatest state of energy.
    low, high : (M,) arrays
        Least and greatest state of energy per vehicle [kWh], see `soe_limits`.
    """

    value: np.ndarray
    charge_limit: np.ndarray
    discharge_limit: np.ndarray
    floor: np.ndarray
    capacity: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def objective(self, cars: Batteries) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return class, column and coefficient of every term of the dual objective per vehicle, three arrays."""
        v, _ = cars.places
        first = np.flatnonzero(cars.first)
        parts = (
            (v[first], self.value[first], -cars.arrival_kwh[v[first]]),
            (v, self.floor, self.low),
            (v, self.capacity, -self.high),
            (v, self.charge_limit, -cars.charge_kw[v]),
            (v, self.discharge_limit, -cars.discharge_kw[v]),
        )
        one, two, three = (np.concatenate([part[i] for part in parts]) for i in range(3))
        return one, two, three


def add_car_duals(program: Program, game: Game, price: np.ndarray) -> CarDuals:
    """Add the V2G followers' dual feasible set to a program, in units of `Game.price_scale`; return its columns.

    The value m of energy in the battery is bounded: at the lower end charging pays at no price and discharging loses
    at none, at the upper end the reverse. Clipping m to this range keeps the signs of all reduced costs, so these
    bounds lose no optimum.
    """
    cars = game.cars
    assert cars is not None
    v, t = cars.places
    scale, dt, eta = game.price_scale, cars.dt_h, cars.efficiency[v]
    least, most = game.lower.min() / scale, game.upper.max() / scale
    wear = cars.wear[v] / scale
    bottom = np.minimum(np.minimum(eta * (least - wear), least / eta), 0.0)
    top = np.maximum(np.maximum(most / eta, eta * (most - wear)), 0.0)
    value = program.columns(v.size, bottom, top)
    reach = dt * (top - bottom) * 2.0 + dt * (np.abs(most) + np.abs(least))
    limits = [program.columns(v.size, upper=reach) for _ in range(2)]
    floor, capacity = (program.columns(v.size, upper=top - bottom) for _ in range(2))
    row = program.rows(v.size, 0.0)  # dt (c - eta m) + a >= 0
    program.add(row, price[t], dt)
    program.add(row, value, -eta * dt)
    program.add(row, limits[0], 1.0)
    row = program.rows(v.size, -dt * wear)  # dt (wear - c + m / eta) + b >= 0
    program.add(row, price[t], -dt)
    program.add(row, value, dt / eta)
    program.add(row, limits[1], 1.0)
    row = program.rows(v.size, 0.0, 0.0)  # m_i - m_{i+1} = floor_i - capacity_i
    program.add(row, value, 1.0)
    inner = np.flatnonzero(~cars.last)
    program.add(row[inner], value[inner + 1], -1.0)
    program.add(row, floor, -1.0)
    program.add(row, capacity, 1.0)
    low, high = soe_limits(cars)
    return CarDuals(value, limits[0], limits[1], floor, capacity, low, high)


def soe_limits(cars: Batteries) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest state of energy, two arrays (M,) [kWh], as `add_batteries` sets them."""
    program = Program()
    block = add_batteries(program, cars, np.zeros(cars.n_steps), np.zeros(cars.n_steps), binaries=_NONE)
    (lower, upper, _, _), _, _ = program.arrays()
    return lower[block.soe], upper[block.soe]


_NONE = np.zeros(0, dtype=bool)


def greatest_bills(game: Game) -> tuple[float, np.ndarray]:
    """Return the greatest sum of bills, ``max_c sum_k R_k(c)`` [currency], and a price (T,) that attains it.

    V2G classes are included; the price is in [currency/kWh]. Minus infinity where no price allows the least bills.
    """
    program = Program(maximise=True)
    unit = float(game.energy_kwh.mean())
    price = add_prices(program, game)
    lam, omega = add_bills(program, game, price, unit)
    k, _ = np.nonzero(game.window)
    weights = np.concatenate([game.energy_kwh, -game.step_kwh[k]]) / unit
    columns = np.concatenate([lam, omega])
    if game.cars is not None:
        duals = add_car_duals(program, game, price)
        v, column, weight = duals.objective(game.cars)
        gain = program.columns(1, -np.inf, np.inf, 1.0)
        row = program.rows(1, 0.0, 0.0)
        program.add(row, gain, -1.0)
        program.add(row, column, weight * game.cars.count[v] / unit)
        columns, weights = np.append(columns, gain), np.append(weights, 1.0)
    # a lower bound of the bills, so `bill_range` is relaxed from above
    add_bill_rules(program, game, columns, weights, unit)
    answer = program.solve()
    if not answer.found:
        return -np.inf, game.upper
    return answer.value * unit * game.price_scale, answer.x[price] * game.price_scale


def least_cost(game: Game) -> tuple[float, FollowerResponse]:
    """Return the least cost of serving all drivers by direct load control [currency], and a response that attains it.

    Wear is included; the cost is infinite where no plan serves all drivers.
    """
    if game.separable:
        x = fill(np.argsort(game.cheapest, kind="stable"), game)
        return float(load_cost(game.power_kw @ x, game)), FollowerResponse(x)
    return least_cost_within(game, np.zeros((game.n_classes, game.n_steps)), np.ones((game.n_classes, game.n_steps)))


def least_cost_within(
    game: Game, least: np.ndarray, most: np.ndarray, price: np.ndarray | None = None
) -> tuple[float, FollowerResponse]:
    """Return the least cost of serving all drivers with shares between bounds (K, T) [currency], and a plan for it.

    A linear program, with binaries only where buying while selling, or charging while discharging, would pay; the cost
    is the solver's lower bound, infinite where there is no plan. With a price, the V2G classes are restricted to the
    dispatches that are cheapest for their owners at it.
    """
    scale = float(max(game.power_kw.max(), game.storage.power_kw if game.storage else 0.0))
    program = Program()
    supply = add_supply(program, game, game.max_load_kw, with_cars=game.cars is not None, scale=scale)
    k, t = np.nonzero(game.window)
    x = np.zeros((game.n_classes, game.n_steps), dtype=np.int64)
    x[k, t] = program.columns(k.size, least[k, t], most[k, t])
    need = program.rows(game.n_classes, game.energy_kwh / game.step_kwh, game.energy_kwh / game.step_kwh)
    program.add(need[k], x[k, t], 1.0)
    add_load(program, game, supply, x, scale)
    block = None if game.cars is None else _owned(program, game, supply, scale, price)
    answer = program.solve(gap=1e-9)
    if not answer.found:
        return np.inf, FollowerResponse(np.zeros_like(least))
    shares = np.zeros(least.shape)
    shares[k, t] = np.clip(answer.x[x[k, t]], 0.0, 1.0)
    cars = None if game.cars is None or block is None else read_dispatch(block, answer.x, game.cars, 0.0)
    return answer.bound, FollowerResponse(shares, cars)


def supply_binaries(game: Game) -> int:
    """Return the number of binaries in the program of `least_cost_within`; 0 where it is a linear program."""
    supply = add_supply(Program(), game, game.max_load_kw, with_cars=game.cars is not None)
    owners = 0 if game.cars is None else int(np.count_nonzero(game.cars.circular(game.lower, game.upper)))
    return supply.n_binaries + owners


def least_excess(game: Game) -> tuple[float, np.ndarray]:
    """Return the least rise of the import limit, equal in all steps, that serves all drivers [kW], and a load (T,)."""
    assert game.import_limit_kw is not None
    scale = float(game.power_kw.max())
    program = Program()
    excess = program.columns(1, cost=1.0)
    k, t = np.nonzero(game.window)
    x = program.columns(k.size, upper=1.0)
    need = program.rows(game.n_classes, game.energy_kwh / game.step_kwh, game.energy_kwh / game.step_kwh)
    program.add(need[k], x, 1.0)
    limit = program.rows(game.n_steps, upper=game.import_limit_kw / scale)
    program.add(limit[t], x, game.power_kw[k] / scale)
    program.add(limit, excess, -1.0)
    nothing, block = np.zeros(game.n_steps), None
    if game.cars is not None:
        block = add_batteries(program, game.cars, nothing, nothing, binaries=_NONE)
        v, at = game.cars.places
        program.add(limit[at], block.charge, game.cars.count[v] / scale)
        program.add(limit[at], block.discharge, -game.cars.count[v] / scale)
    answer = program.solve()
    load = np.bincount(t, answer.x[x] * game.power_kw[k], minlength=game.n_steps)
    if game.cars is not None and block is not None:
        load = load + read_dispatch(block, answer.x, game.cars, 0.0).net_kw
    return answer.value * scale, load


def _owned(program: Program, game: Game, supply: Supply, scale: float, price: np.ndarray | None) -> Block:
    """Add the V2G classes to a program of supply; with a price, only the dispatches cheapest for their owners at it."""
    cars = game.cars
    assert cars is not None
    nothing = np.zeros(game.n_steps)
    tight = cars.circular(game.lower, game.upper)
    block = add_batteries(program, cars, nothing, nothing, binaries=tight)  # their cost: wear
    add_cars(program, supply, cars, block, scale)
    if price is not None:
        _keep_cheapest(program, game, block, price)
    return block


def _keep_cheapest(program: Program, game: Game, block: Block, price: np.ndarray) -> None:
    """Restrict a program to the dispatches that are cheapest for the owners at a price.

    Every column with a reduced cost in the owners' own program is fixed at its limit; a reduced cost below `TIE` times
    the typical price counts as zero.
    """
    cars = game.cars
    assert cars is not None
    own = Program()
    mine = add_batteries(own, cars, price, price, binaries=_NONE)
    answer = own.solve()
    (lower, upper, _, _), _, _ = own.arrays()
    count = cars.count[cars.places[0]]
    for here, there, weight in (
        (block.charge, mine.charge, count * cars.dt_h),
        (block.discharge, mine.discharge, count * cars.dt_h),
        (block.soe, mine.soe, count),
    ):
        reduced = answer.reduced[there] / (weight * game.price_scale)
        low, high = reduced > TIE, reduced < -TIE
        program.fix(here[low], lower[there[low]])
        program.fix(here[high], upper[there[high]])


def best_response(game: Game, price: np.ndarray) -> FollowerResponse:
    """Return the response at a price (T,) [currency/kWh], ties broken in the leader's favour (optimistic).

    Where no response can be supplied, it holds the charge-only classes' shares and no V2G dispatch.
    """
    x = respond(price, game, favour=game.cheapest)
    if game.separable:
        return FollowerResponse(x)
    least, most = tie_face(price, game)
    cost, response = least_cost_within(game, least, most, price)
    return response if np.isfinite(cost) else FollowerResponse(x)


def tie_face(price: np.ndarray, game: Game) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest share of each step among all cheapest responses, two arrays (K, T).

    Steps cheaper than the marginal group are full, dearer ones empty; within the group any share from 0 to 1 is
    cheapest.
    """
    groups = tie_groups(price, TIE * game.price_scale)
    lam = np.where(game.window, groups[None, :], groups.max())
    order = np.argsort(groups, kind="stable")
    reached = np.cumsum(game.window[:, order] * game.step_kwh[:, None], axis=1)
    marginal = groups[order][(reached >= game.energy_kwh[:, None] * (1 - 1e-12)).argmax(axis=1)]
    full = game.window & (lam < marginal[:, None])
    some = game.window & (lam == marginal[:, None])
    return full.astype(float), (full | some).astype(float)


def best_price(game: Game, response: FollowerResponse, margin: float = 0.0) -> np.ndarray | None:
    """Return the price of greatest revenue at which a response stays the cheapest, (T,) [currency/kWh]; None if none.

    Parameters
    ----------
    game : Game
        Pricing game.
    response : FollowerResponse
        Response of all followers.
    margin : float
        Least price difference between the steps that a class uses in full, the one it uses in part, and those it leaves
        empty [currency/kWh].
    """
    scale = game.price_scale
    unit = float(game.energy_kwh.mean())
    income, wear = response.x.T @ game.step_kwh / unit, 0.0
    program = Program(maximise=True)
    if game.cars is not None and response.cars is not None:
        income = income + response.cars.net_kw * game.dt_h / unit
        wear = float(game.cars.wear @ response.cars.discharged_kwh(game.cars))
    price = add_prices(program, game, income)
    add_bill_rules(program, game, price, income, unit, wear)
    lam = program.columns(game.n_classes, -np.inf, np.inf)
    k, t = np.nonzero(game.window)
    x = response.x[k, t]
    full, empty = x > 1.0 - PARTIAL, x < PARTIAL
    # lambda of a class with a partial step is that step's price; its full steps are cheaper by the margin
    n_partial = np.bincount(k, ~(full | empty), minlength=game.n_classes)
    if margin > 0 and (n_partial > 1).any():
        return None  # partial steps of a class cost the same, so the drivers are indifferent
    has_partial = n_partial > 0
    above = np.where(full & has_partial[k], margin / scale, np.where(full, 0.0, np.where(empty, -np.inf, 0.0)))
    below = np.where(empty, -margin / scale, np.where(full, np.inf, 0.0))
    row = program.rows(k.size, above, below)  # lambda_k - c_t
    program.add(row, lam[k], 1.0)
    program.add(row, price[t], -1.0)
    if game.cars is not None and response.cars is not None:
        _keep_cars(program, game, price, response.cars)
    answer = program.solve()
    if answer.status != "optimal":
        return None
    return np.clip(answer.x[price] * scale, game.lower, game.upper)


def _keep_cars(program: Program, game: Game, price: np.ndarray, dispatch: Dispatch) -> None:
    """Add the conditions that a dispatch is cheapest for every V2G owner (complementary slackness).

    The multipliers of limits that the dispatch does not reach are fixed at zero.
    """
    cars = game.cars
    assert cars is not None
    duals = add_car_duals(program, game, price)
    v, t = cars.places
    scale, eta, dt = game.price_scale, cars.efficiency[v], cars.dt_h
    charge, discharge = (power[v, t] / cars.count[v] for power in (dispatch.charge_kw, dispatch.discharge_kw))
    soe = dispatch.soe_kwh[v, t]
    near_kw, near_kwh = PARTIAL * cars.charge_kw[v], PARTIAL * cars.capacity_kwh[v]
    program.fix(duals.charge_limit[charge < cars.charge_kw[v] - near_kw], 0.0)
    program.fix(duals.discharge_limit[discharge < cars.discharge_kw[v] - near_kw], 0.0)
    program.fix(duals.floor[soe > duals.low + near_kwh], 0.0)
    program.fix(duals.capacity[soe < duals.high - near_kwh], 0.0)
    for power, limit, by_price, by_value, constant in (
        (charge, duals.charge_limit, dt + 0.0 * eta, -eta * dt, 0.0 * eta),
        (discharge, duals.discharge_limit, -dt + 0.0 * eta, dt / eta, dt * cars.wear[v] / scale),
    ):
        used = np.flatnonzero(power > near_kw)  # its reduced cost: at most zero here, at least zero by `add_car_duals`
        row = program.rows(used.size, upper=-constant[used])
        program.add(row, price[t[used]], by_price[used])
        program.add(row, duals.value[used], by_value[used])
        program.add(row, limit[used], 1.0)
