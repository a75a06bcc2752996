"""The supply side as a program: purchase ahead and in real time, supply curve, import limit, demand charge, storage.

The costs are those of `costs`, with the aggregator's own storage added: ``load + charge - discharge = A + B - S``;
no more is sold than the storage discharges (Wei et al. 2015). Buying and selling at once, or charging and discharging
at once, is ruled out by a binary in those steps only where it could pay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import Market, peak_rise, step_costs
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.batteries import Block
from csmoifsa_aggregator.solve.lp import Program


@dataclass(frozen=True)
class Supply:
    """Row and column indices of the supply side in a program.

    Attributes
    ----------
    balance : (T,) int array
        Rows to which loads are added with coefficient -1/scale.
    import_limit : (T,) int array or None
        Rows of the import limit, to which loads are added with 1/scale.
    columns : int array
        All columns of the supply side.
    bought : (T,) int array
        Columns of the real-time purchase.
    charge, discharge, soe : (T,) int arrays or None
        Columns of the storage's charge and discharge power and its state of energy; None without a storage.
    n_binaries : int
        Number of binaries.
    flow, own : (T,) int arrays or None
        Rows of the storage's dynamics, and rows that limit the sale to its discharge; None without a storage.
    peak : (T,) int array or None
        Rows that hold the cars' net load below the peak, to which loads are added with 1/scale; None without a demand
        charge.
    """

    balance: np.ndarray
    import_limit: np.ndarray | None
    columns: np.ndarray
    bought: np.ndarray
    charge: np.ndarray | None
    discharge: np.ndarray | None
    soe: np.ndarray | None
    n_binaries: int
    flow: np.ndarray | None = None
    own: np.ndarray | None = None
    peak: np.ndarray | None = None

    def draw(self, program: Program, steps: np.ndarray, columns: np.ndarray, share: ArrayLike) -> None:
        """Add loads, ``share`` times columns, to the balance, the import limit and the peak of the given steps."""
        program.add(self.balance[steps], columns, -np.asarray(share))
        for rows in (self.import_limit, self.peak):
            if rows is not None:
                program.add(rows[steps], columns, share)


def add_supply(
    program: Program,
    market: Market,
    max_load_kw: np.ndarray,
    *,
    with_cars: bool = False,
    scale: float = 1.0,
    sign: float = 1.0,
    binaries: bool = True,
    with_peak: bool = True,
) -> Supply:
    """Add the supply side to a program; the caller adds the loads to its rows, see `Supply.draw`.

    Parameters
    ----------
    program : Program
        Program that grows by the columns and rows of the supply side.
    market : Market
        Prices, storage, supply curve and import limit.
    max_load_kw : (T,) array
        Upper bound of the cars' total load [kW].
    with_cars : bool
        Whether batteries of drivers discharge as well.
    scale : float
        Unit of powers in the program [kW].
    sign : float
        1 where costs are minimised, -1 where profit is maximised.
    binaries : bool
        Whether binaries rule out charging while discharging, and buying while selling; without them the program is
        linear, and its optimum a bound.
    with_peak : bool
        Whether the demand charge is part of the program; without it, the loads may be left out of the import limit.
    """
    steps = market.n_steps
    money = sign * scale * market.dt_h
    balance = program.rows(steps, 0.0, 0.0)
    limit = None if market.import_limit_kw is None else program.rows(steps, upper=market.import_limit_kw / scale)
    peak = _add_peak(program, market, scale, sign) if with_peak and market.demand_charge > 0 else None
    parts = []
    for kw, extra in zip(*market.blocks, strict=True):
        parts.append(program.columns(steps, upper=kw / scale, cost=money * (market.day_ahead + extra)))
    bought = program.columns(steps, cost=money * market.buy)
    parts.append(bought)
    for part in parts:
        program.add(balance, part, 1.0)
    if market.storage is None:
        return Supply(balance, limit, np.concatenate(parts), bought, None, None, None, 0, peak=peak)
    charge, discharge, soe, sold, flow, own = _add_storage(program, market, scale, money, balance)
    n_binaries = 0
    if binaries:
        n_binaries = _exclude(program, market, max_load_kw, with_cars, scale, charge, discharge, bought, sold)
    every = np.concatenate([*parts, charge, discharge, soe, sold])
    return Supply(balance, limit, every, bought, charge, discharge, soe, n_binaries, flow, own, peak)


def _add_peak(program: Program, market: Market, scale: float, sign: float) -> np.ndarray:
    """Add the rise of the peak, `costs.peak_rise`, with its price; return the rows (T,) that hold the load below it."""
    base = market.base_load_kw
    alone = max(float(base.max()), 0.0)
    rise = program.columns(1, -alone / scale, cost=sign * scale * market.demand_charge)
    rows = program.rows(market.n_steps, upper=(alone - base) / scale)
    program.add(rows, rise, -1.0)
    return rows


def _add_storage(
    program: Program, market: Market, scale: float, money: float, balance: np.ndarray
) -> tuple[np.ndarray, ...]:
    store, steps, dt = market.storage, market.n_steps, market.dt_h
    assert store is not None
    power = store.power_kw / scale
    charge, discharge = program.columns(steps, upper=power), program.columns(steps, upper=power)
    sold = program.columns(steps, upper=power, cost=-money * market.sell)
    low = np.zeros(steps)
    low[-1] = store.initial_kwh / scale
    soe = program.columns(steps, low, store.capacity_kwh / scale)
    for block, value in ((charge, -1.0), (discharge, 1.0), (sold, -1.0)):
        program.add(balance, block, value)
    before = np.zeros(steps)
    before[0] = store.initial_kwh / scale
    flow = program.rows(steps, before, before)  # soe_t - soe_{t-1} - eta ch dt + dis dt / eta = 0
    program.add(flow, soe, 1.0)
    program.add(flow[1:], soe[:-1], -1.0)
    program.add(flow, charge, -store.efficiency * dt)
    program.add(flow, discharge, dt / store.efficiency)
    own = program.rows(steps, upper=0.0)  # only what is discharged can be sold
    program.add(own, sold, 1.0)
    program.add(own, discharge, -1.0)
    return charge, discharge, soe, sold, flow, own


def _exclude(
    program: Program,
    market: Market,
    max_load_kw: np.ndarray,
    with_cars: bool,
    scale: float,
    charge: np.ndarray,
    discharge: np.ndarray,
    bought: np.ndarray,
    sold: np.ndarray,
) -> int:
    """Add a binary to each step in which charging while discharging, or buying while selling, would pay.

    Returns the number of binaries.
    """
    assert market.storage is not None
    eta, power = market.storage.efficiency, market.storage.power_kw / scale
    # a round trip pays where its loss costs less than its sale earns; where a price is negative, since it loses energy;
    # and to sell energy that V2G cars discharge, which may be sold only after it has been stored
    least = market.least_price
    circular = (eta**2 * np.maximum(market.sell, least) > least) | (np.minimum(market.sell, least) < 0)
    circular = np.flatnonzero(circular | with_cars)
    resale = np.flatnonzero(market.sell > market.buy)
    most = _with_storage(max_load_kw, market) / scale
    for steps, one, other, limit in (
        (circular, charge, discharge, np.full(market.n_steps, power)),
        (resale, sold, bought, most),
    ):
        if not steps.size:
            continue
        on = program.columns(steps.size, upper=1.0, integer=True)
        first, second = program.rows(steps.size, upper=0.0), program.rows(steps.size, upper=limit[steps])
        program.add(first, one[steps], 1.0)
        program.add(first, on, -power)
        program.add(second, other[steps], 1.0)
        program.add(second, on, limit[steps])
    return circular.size + resale.size


def add_sale(
    program: Program,
    supply: Supply,
    market: Market,
    sale_price: np.ndarray,
    max_discharge_kw: np.ndarray,
    max_load_kw: np.ndarray,
    scale: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Add the sale of energy that batteries of drivers discharge; return its rows and its columns, each (T,).

    The caller adds the discharge to the rows with coefficient -1/scale. Where selling earns more than buying in real
    time costs, a binary rules out both at once.

    Parameters
    ----------
    program, supply : Program, Supply
        Program that grows by the sale, costs minimised, and its supply side.
    market : Market
        Market where the energy is bought.
    sale_price : (T,) array
        Revenue of energy sold [currency/kWh].
    max_discharge_kw, max_load_kw : (T,) array
        Upper bounds of the total discharge of the batteries and of the total load of the cars [kW].
    scale : float
        Unit of powers in the program [kW].
    """
    sold = program.columns(market.n_steps, upper=max_discharge_kw / scale, cost=-scale * market.dt_h * sale_price)
    program.add(supply.balance, sold, -1.0)
    own = program.rows(market.n_steps, upper=0.0)
    program.add(own, sold, 1.0)
    enough = np.isinf(market.blocks[0][-1]) & (market.day_ahead + market.blocks[1][-1] <= market.buy)
    steps = np.flatnonzero((sale_price > market.buy) & ~enough & (max_discharge_kw > 0))
    if steps.size:
        most, limit = max_discharge_kw[steps] / scale, _with_storage(max_load_kw, market)[steps] / scale
        on = program.columns(steps.size, upper=1.0, integer=True)
        first, second = program.rows(steps.size, upper=0.0), program.rows(steps.size, upper=limit)
        program.add(first, sold[steps], 1.0)
        program.add(first, on, -most)
        program.add(second, supply.bought[steps], 1.0)
        program.add(second, on, limit)
    return own, sold


def _with_storage(max_load_kw: np.ndarray, market: Market) -> np.ndarray:
    return max_load_kw + (0.0 if market.storage is None else market.storage.power_kw)


def add_load(program: Program, game: Game, supply: Supply, x: np.ndarray, scale: float) -> None:
    """Add the followers' load, columns x (K, T) of shares, to the supply side."""
    k, t = np.nonzero(game.window)
    supply.draw(program, t, x[k, t], game.power_kw[k] / scale)


def add_cars(program: Program, supply: Supply, cars: Batteries, block: Block, scale: float) -> None:
    """Add batteries' charging and discharging to the supply side; discharging relieves import limit and peak."""
    v, t = cars.places
    supply.draw(program, t, block.charge, cars.count[v] / scale)
    supply.draw(program, t, block.discharge, -cars.count[v] / scale)


@dataclass(frozen=True)
class Procurement:
    """Costs and storage schedule of the cheapest supply of a load.

    Attributes
    ----------
    cost : float
        Cost of the supply, storage and demand charge included [currency]; infinite where the load cannot be supplied.
    ev_cost : float
        Cost of the load without storage, demand charge included [currency].
    charge_kw, discharge_kw, soe_kwh : (T,) arrays or None
        Charge and discharge power [kW] and state of energy [kWh] of the storage.
    """

    cost: float
    ev_cost: float
    charge_kw: np.ndarray | None = None
    discharge_kw: np.ndarray | None = None
    soe_kwh: np.ndarray | None = None


def procure(
    load_kw: np.ndarray,
    market: Market,
    discharge_kw: np.ndarray | None = None,
    sale_price: np.ndarray | None = None,
    *,
    may_lose: bool = True,
) -> Procurement:
    """Return the cheapest way to supply a load; `costs.step_costs` explains the arguments, each shape (T,).

    Unless ``may_lose``, the load or the storage must use all energy discharged; the cost is infinite where they cannot.
    """
    net = load_kw if discharge_kw is None else load_kw - discharge_kw
    for_peak = market.demand_charge * float(peak_rise(net, market))
    ev_cost = float(step_costs(load_kw, market, discharge_kw, sale_price).sum()) + for_peak
    if market.storage is None:
        return Procurement(ev_cost, ev_cost)
    scale = max(market.storage.power_kw, float(load_kw.max()), 1e-9)
    program = Program()
    greatest = np.maximum(load_kw, 0.0)
    supply = add_supply(program, market, greatest, with_cars=discharge_kw is not None, scale=scale, with_peak=False)
    fixed = program.columns(market.n_steps, load_kw / scale, load_kw / scale)
    program.add(supply.balance, fixed, -1.0)
    if discharge_kw is not None:
        discharged = program.columns(market.n_steps, discharge_kw / scale, discharge_kw / scale)
        program.add(supply.balance, discharged, 1.0)
        if sale_price is not None:
            own, _ = add_sale(program, supply, market, sale_price, discharge_kw, greatest, scale)
            program.add(own, discharged, -1.0)
        elif may_lose:  # energy that neither the cars nor the storage use is lost
            lost = program.columns(market.n_steps, upper=np.maximum(discharge_kw - load_kw, 0.0) / scale)
            program.add(supply.balance, lost, -1.0)
    answer = program.solve(gap=1e-9)
    if not answer.found:
        return Procurement(np.inf, ev_cost)
    assert supply.charge is not None
    assert supply.discharge is not None
    assert supply.soe is not None
    charge, discharge, soe = (scale * answer.x[columns] for columns in (supply.charge, supply.discharge, supply.soe))
    return Procurement(answer.value + for_peak, ev_cost, charge, discharge, soe)
