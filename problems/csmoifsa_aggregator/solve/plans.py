"""The cheapest dispatch of the batteries beside a fixed load, alone or with reserve products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.costs import Market
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.batteries import add_batteries, read_dispatch
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.reserve import Reserve, add_reserve, read_reserve
from csmoifsa_aggregator.solve.supply import Procurement, add_cars, add_sale, add_supply, procure


@dataclass(frozen=True, eq=False)
class Task:
    """Batteries to dispatch, and the terms on which their energy is bought and sold.

    Attributes
    ----------
    cars : Batteries
        Classes under V2G contract.
    market : Market
        Market where the energy is bought, the aggregator's own storage included.
    sale_price : (T,) array or None
        Revenue of energy discharged to the market [currency/kWh]; None if it cannot be sold.
    other_load_kw : (T,) array
        Fixed load of the other drivers [kW].
    products : sequence of Product
        Reserve products that may be offered.
    """

    cars: Batteries
    market: Market
    sale_price: np.ndarray | None
    other_load_kw: np.ndarray
    products: Sequence[Product] = ()


def procure_cars(
    cars: Batteries, dispatch: Dispatch, market: Market, sale_price: np.ndarray | None, other_load_kw: np.ndarray
) -> Procurement:
    """Return the cheapest supply of all cars, those of a dispatch and the others' load (T,) [kW]; wear excluded."""
    taken = other_load_kw + dispatch.charge_kw.sum(axis=0)
    if not cars.discharge_kw.any():
        return procure(taken, market)
    return procure(taken, market, dispatch.discharge_kw.sum(axis=0), sale_price)


def plan_cars(cars: Batteries, market: Market, sale_price: np.ndarray | None, other_load_kw: np.ndarray) -> Dispatch:
    """Return the cheapest dispatch of the batteries beside a fixed load, within the import limit.

    Parameters
    ----------
    cars : Batteries
        Classes under V2G contract.
    market : Market
        Market where the energy is bought, the aggregator's own storage included.
    sale_price : (T,) array or None
        Revenue of energy discharged to the market [currency/kWh]; None if it cannot be sold.
    other_load_kw : (T,) array
        Fixed load of the other drivers [kW].

    Raises
    ------
    InputError
        No dispatch reaches the promised state of energy within the stays and the import limit.
    """
    return _plan(Task(cars, market, sale_price, other_load_kw))[0]


def plan_reserve(
    cars: Batteries,
    market: Market,
    sale_price: np.ndarray | None,
    other_load_kw: np.ndarray,
    products: Sequence[Product],
    *,
    gap: float = 1e-4,
    time_limit: float | None = None,
) -> tuple[Dispatch, tuple[Reserve, ...], float]:
    """Return the cheapest dispatch with reserve products, the reserve of each product, and what may be left to gain.

    The arguments are those of `plan_cars`, the products, the relative gap at which a program with integers counts as
    solved, and the time after which its best solution so far is taken [s]; at worst no bid is made. The cost of the
    dispatch is less the payments for capacity and includes the expected cost of calls; no other plan costs less by more
    than the last value returned [currency].

    Raises
    ------
    InputError
        As in `plan_cars`, or the blocks of a product do not fit the steps of the day.
    """
    return _plan(Task(cars, market, sale_price, other_load_kw, products), gap=gap, time_limit=time_limit)


def _plan(
    task: Task, *, gap: float = 1e-4, time_limit: float | None = None
) -> tuple[Dispatch, tuple[Reserve, ...], float]:
    """Return the plan of `plan_reserve`.

    Bands may make it pay to charge and discharge at once, whose losses make room for them. Where a solution does so,
    its steps get binaries, and the program is solved again; a solution without such steps is optimal among all.
    """
    cars = task.cars
    binaries = circular(task)
    end = None if time_limit is None else perf_counter() + time_limit
    while True:
        left = None if end is None else max(end - perf_counter(), 1.0)
        dispatch, reserve, missing = _solve_plan(task, binaries, gap=gap, time_limit=left)
        v, t = cars.places
        at_once = np.minimum(dispatch.charge_kw, dispatch.discharge_kw)[v, t] / cars.count[v]
        circling = (at_once > 1e-6 * np.maximum(cars.charge_kw, cars.discharge_kw)[v]) & ~binaries
        if not task.products or not circling.any():
            return dispatch, reserve, missing
        binaries = binaries | circling


def _solve_plan(
    task: Task, binaries: np.ndarray, *, gap: float, time_limit: float | None
) -> tuple[Dispatch, tuple[Reserve, ...], float]:
    """Return the plan of `_plan` with binaries against charging and discharging at once at some places, (M,) bool."""
    cars, market, products = task.cars, task.market, task.products
    v, t = cars.places
    most = (cars.discharge_kw * cars.count) @ cars.window
    greatest = task.other_load_kw + (cars.charge_kw * cars.count) @ cars.window
    scale = max(float(greatest.max()), 1e-9)
    program = Program()
    supply = add_supply(program, market, greatest, with_cars=bool(most.any()), scale=scale)
    load = program.columns(market.n_steps, task.other_load_kw / scale, task.other_load_kw / scale)
    supply.draw(program, np.arange(market.n_steps), load, 1.0)
    nothing = np.zeros(market.n_steps)
    block = add_batteries(program, cars, nothing, nothing, binaries=binaries)  # their cost: wear
    add_cars(program, supply, cars, block, scale)
    added = []
    if products:
        added = add_reserve(program, cars, block, market, products, task.other_load_kw + market.base_load_kw)
    if supply.import_limit is not None:
        for one in added:
            program.add(supply.import_limit[t], one.bands.down, cars.count[v] / scale)
    if task.sale_price is not None and most.any():
        own, _ = add_sale(program, supply, market, task.sale_price, most, greatest, scale)
        program.add(own[t], block.discharge, -cars.count[v] / scale)
    session = program.open(gap=gap if products else 1e-9, time_limit=time_limit if products else None)
    integers = np.concatenate([np.zeros(0, dtype=int), *(one.integers for one in added)])
    if integers.size:
        session.suggest(integers, np.zeros(integers.size))  # no bid is always possible
    answer = session.run()
    if not answer.found:
        limit = "" if market.import_limit_kw is None else " and limits.import_limit_kw"
        raise InputError(f"the batteries cannot keep their promises within their windows{limit}")
    reserve = tuple(read_reserve(one, answer.x, cars, market) for one in added)
    missing = max(answer.value - answer.bound, 0.0) if added else 0.0
    return read_dispatch(block, answer.x, cars, answer.value), reserve, missing


def circular(task: Task) -> np.ndarray:
    """Return whether charging and discharging at once could pay at each plugged step, shape (M,).

    Without a storage, energy is worth at least the least price of supply or sale. With a storage, which may be full, it
    may be worth less: then all steps of classes that can discharge count.
    """
    if task.market.storage is not None:
        return task.cars.discharge_kw[task.cars.places[0]] > 0
    least = task.market.least_price
    sale_price = least if task.sale_price is None else task.sale_price
    return task.cars.circular(np.minimum(least, sale_price), sale_price)
