"""Batteries in a linear program (dynamics, limits, state of energy at departure) and the owner's cheapest dispatch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.solve.lp import Program


@dataclass(frozen=True)
class Block:
    """Column and row indices of the batteries in a program, per vehicle, by plugged step (`Batteries.places`).

    Attributes
    ----------
    charge, discharge : (M,) int arrays
        Columns of the charge and discharge power [kW].
    soe : (M,) int array
        Columns of the state of energy at the end of the step [kWh].
    flow : (M,) int array
        Rows of the dynamics of the state of energy [kWh].
    n_binaries : int
        Number of binaries that rule out charging and discharging at once.
    """

    charge: np.ndarray
    discharge: np.ndarray
    soe: np.ndarray
    flow: np.ndarray
    n_binaries: int


def add_batteries(
    program: Program,
    cars: Batteries,
    buy: np.ndarray,
    sell: np.ndarray,
    *,
    sign: float = 1.0,
    binaries: np.ndarray | None = None,
) -> Block:
    """Add batteries to a program: dynamics, limits, state of energy at departure, and their cost at two prices.

    Parameters
    ----------
    program : Program
        Program that grows by three columns and one row per plugged step, and by the binaries.
    cars : Batteries
        Classes of cars.
    buy, sell : (T,) array
        Prices of energy charged and discharged [currency/kWh]; the wear of discharging is added to the cost.
    sign : float
        1 where costs are minimised, -1 where profit is maximised.
    binaries : (M,) bool array, optional
        Plugged steps where a binary rules out charging and discharging at once; by default `Batteries.circular`.
    """
    v, t = cars.places
    weight = sign * cars.count[v] * cars.dt_h
    charge = program.columns(v.size, upper=cars.charge_kw[v], cost=weight * buy[t])
    discharge = program.columns(v.size, upper=cars.discharge_kw[v], cost=weight * (cars.wear[v] - sell[t]))
    # a car that arrives below the floor charges at full power until it reaches it: the floor binds from then on
    low = np.minimum(cars.floor_kwh[v], reachable(cars))
    low = np.where(cars.last, np.maximum(low, cars.departure_kwh[v]), low)
    soe = program.columns(v.size, low, np.maximum(cars.capacity_kwh[v], low))
    start = np.where(cars.first, cars.arrival_kwh[v], 0.0)
    flow = program.rows(v.size, start, start)
    program.add(flow, soe, 1.0)
    inner = np.flatnonzero(~cars.first)
    program.add(flow[inner], soe[inner - 1], -1.0)
    eta = cars.efficiency[v]
    program.add(flow, charge, -eta * cars.dt_h)
    program.add(flow, discharge, cars.dt_h / eta)
    where = np.flatnonzero(cars.circular(buy, sell) if binaries is None else binaries)
    if where.size:
        on = program.columns(where.size, upper=1.0, integer=True)
        first, second = program.rows(where.size, upper=0.0), program.rows(where.size, upper=cars.discharge_kw[v][where])
        program.add(first, charge[where], 1.0)
        program.add(first, on, -cars.charge_kw[v][where])
        program.add(second, discharge[where], 1.0)
        program.add(second, on, cars.discharge_kw[v][where])
    return Block(charge, discharge, soe, flow, where.size)


def reachable(cars: Batteries) -> np.ndarray:
    """Return the state of energy reached by charging at full power from arrival on, shape (M,) [kWh]."""
    v, _ = cars.places
    place = np.arange(v.size)
    steps = place - np.maximum.accumulate(np.where(cars.first, place, 0)) + 1
    return cars.arrival_kwh[v] + cars.efficiency[v] * cars.charge_kw[v] * cars.dt_h * steps


def read_dispatch(block: Block, x: np.ndarray, cars: Batteries, cost: float) -> Dispatch:
    """Return the dispatch in a solution x: powers of all vehicles of a class [kW], state of energy per car [kWh]."""
    v, t = cars.places
    charge, discharge, soe = (np.zeros(cars.window.shape) for _ in range(3))
    soe[:] = np.nan
    charge[v, t] = np.maximum(x[block.charge], 0.0) * cars.count[v]
    discharge[v, t] = np.maximum(x[block.discharge], 0.0) * cars.count[v]
    soe[v, t] = x[block.soe]
    return Dispatch(charge_kw=charge, discharge_kw=discharge, soe_kwh=soe, cost=cost, n_binaries=block.n_binaries)


def cheapest_dispatch(cars: Batteries, buy: np.ndarray, sell: np.ndarray | None = None) -> Dispatch:
    """Return the owners' cheapest dispatch at two prices.

    A linear program, with binaries only where charging and discharging at once could pay.

    Parameters
    ----------
    cars : Batteries
        Classes of cars.
    buy, sell : (T,) array
        Prices of energy charged and discharged [currency/kWh]; ``sell`` is ``buy`` where left out.

    Raises
    ------
    InputError
        No dispatch reaches the promised state of energy within a stay.
    """
    program = Program()
    block = add_batteries(program, cars, buy, buy if sell is None else sell)
    answer = program.solve(gap=1e-9)
    if not answer.found:
        raise InputError("the batteries cannot keep their promises within their windows")
    return read_dispatch(block, answer.x, cars, answer.value)
