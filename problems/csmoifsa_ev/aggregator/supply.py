"""What the energy costs the aggregator: day-ahead purchase, real-time balance, supply curve, cap and storage.

``cost = sum_t dt (p_t A_t + p^b_t B_t - p^s_t S_t)`` with the balance ``load + charge - discharge = A + B - S``; no
more is sold than the storage discharges (Wei et al. 2015). Buying and selling at once, or charging and discharging at
once, is ruled out by a binary in those steps only where it could pay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_ev.aggregator.game import Game
from csmoifsa_ev.aggregator.lp import Program


@dataclass(frozen=True)
class Supply:
    """Places of the supply side in a program: rows of the balance, all of its columns, and those of the storage."""

    balance: np.ndarray
    columns: np.ndarray
    charge: np.ndarray | None
    discharge: np.ndarray | None
    content: np.ndarray | None
    n_binaries: int


def add_supply(program: Program, game: Game, *, scale: float = 1.0, sign: float = 1.0) -> Supply:
    """Add the supply side to a program; the caller adds the load to the rows ``balance`` with coefficient -1/scale.

    Parameters
    ----------
    program : Program
        Grows by the columns and rows of the supply side.
    game : Game
        Prices, storage, supply curve and cap.
    scale : float
        Powers are in units of this many kW.
    sign : float
        1 where costs are minimised, -1 where profit is maximised.
    """
    steps = game.n_steps
    money = sign * scale * game.dt_h
    balance = program.rows(steps, 0.0, 0.0)
    parts = []
    width, premium = game.block_kw, game.block_premium
    if width is None or premium is None:
        width, premium = np.array([np.inf]), np.zeros(1)
    for kw, extra in zip(width, premium, strict=True):
        parts.append(program.columns(steps, upper=kw / scale, cost=money * (game.day_ahead + extra)))
    bought = program.columns(steps, cost=money * game.buy)
    parts.append(bought)
    for part in parts:
        program.add(balance, part, 1.0)
    if game.storage is None:
        return Supply(balance, np.concatenate(parts), None, None, None, 0)
    charge, discharge, content, sold = _add_storage(program, game, scale, money, balance)
    n_binaries = _exclude(program, game, scale, charge, discharge, bought, sold)
    every = np.concatenate([*parts, charge, discharge, content, sold])
    return Supply(balance, every, charge, discharge, content, n_binaries)


def _add_storage(
    program: Program, game: Game, scale: float, money: float, balance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    store, steps, dt = game.storage, game.n_steps, game.dt_h
    assert store is not None
    power = store.power_kw / scale
    charge, discharge = program.columns(steps, upper=power), program.columns(steps, upper=power)
    sold = program.columns(steps, upper=power, cost=-money * game.sell)
    low = np.zeros(steps)
    low[-1] = store.initial_kwh / scale
    content = program.columns(steps, low, store.capacity_kwh / scale)
    for block, value in ((charge, -1.0), (discharge, 1.0), (sold, -1.0)):
        program.add(balance, block, value)
    before = np.zeros(steps)
    before[0] = store.initial_kwh / scale
    flow = program.rows(steps, before, before)  # content_t - content_{t-1} - eta ch dt + dis dt / eta = 0
    program.add(flow, content, 1.0)
    program.add(flow[1:], content[:-1], -1.0)
    program.add(flow, charge, -store.efficiency * dt)
    program.add(flow, discharge, dt / store.efficiency)
    own = program.rows(steps, upper=0.0)  # only what is discharged can be sold
    program.add(own, sold, 1.0)
    program.add(own, discharge, -1.0)
    return charge, discharge, content, sold


def _exclude(
    program: Program,
    game: Game,
    scale: float,
    charge: np.ndarray,
    discharge: np.ndarray,
    bought: np.ndarray,
    sold: np.ndarray,
) -> int:
    """Add a binary to each step in which charging while discharging, or buying while selling, would pay."""
    assert game.storage is not None
    eta, power = game.storage.efficiency, game.storage.power_kw / scale
    # a round trip pays if its loss costs less than its sale brings; to lose energy, where a price is negative; and to
    # sell what V2G cars give, which must not be sold unless it has been stored
    least = game.least_price
    circular = (eta**2 * np.maximum(game.sell, least) > least) | (np.minimum(game.sell, least) < 0)
    circular = np.flatnonzero(circular | (game.cars is not None))
    resale = np.flatnonzero(game.sell > game.buy)
    most = game.power_kw @ game.window + game.storage.power_kw
    if game.cars is not None:
        most = most + (game.cars.count * game.cars.charge_kw) @ game.cars.window
    most = most / scale
    for steps, one, other, limit in (
        (circular, charge, discharge, np.full(game.n_steps, power)),
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


def add_load(program: Program, game: Game, supply: Supply, x: np.ndarray, scale: float) -> None:
    """Connect columns x (K, T) of followers' shares to the balance, and limit their sum to the cap."""
    k, t = np.nonzero(game.window)
    share = game.power_kw[k] / scale
    program.add(supply.balance[t], x[k, t], -share)
    if game.cap_kw is not None:
        cap = program.rows(game.n_steps, upper=game.cap_kw / scale)
        program.add(cap[t], x[k, t], share)


@dataclass(frozen=True)
class Procurement:
    """The cheapest supply of a load.

    Attributes
    ----------
    cost : float
        Of everything, storage included [currency].
    ev_cost : float
        What the load costs without storage [currency].
    charge_kw, discharge_kw, content_kwh : (T,) arrays or None
        The storage.
    """

    cost: float
    ev_cost: float
    charge_kw: np.ndarray | None = None
    discharge_kw: np.ndarray | None = None
    content_kwh: np.ndarray | None = None


def procure(load_kw: np.ndarray, game: Game) -> Procurement:
    """Return the cheapest way to supply a load, shape (T,) [kW]."""
    ev_cost = float(load_cost(load_kw, game))
    if game.storage is None:
        return Procurement(ev_cost, ev_cost)
    scale = max(game.storage.power_kw, float(load_kw.max()), 1e-9)
    program = Program()
    supply = add_supply(program, game, scale=scale)
    fixed = program.columns(game.n_steps, load_kw / scale, load_kw / scale)
    program.add(supply.balance, fixed, -1.0)
    answer = program.solve(gap=1e-9)
    assert supply.charge is not None
    assert supply.discharge is not None
    assert supply.content is not None
    charge, discharge, content = (
        scale * answer.x[columns] for columns in (supply.charge, supply.discharge, supply.content)
    )
    return Procurement(answer.value, ev_cost, charge, discharge, content)


def load_cost(load_kw: np.ndarray, game: Game) -> np.ndarray:
    """Return what loads of shape (..., T) [kW] cost without storage, shape (...) [currency]."""
    if game.block_kw is None or game.block_premium is None:
        return (load_kw * game.cheapest).sum(axis=-1) * game.dt_h
    left, total = np.array(load_kw, dtype=float), 0.0
    for kw, extra in zip(game.block_kw, game.block_premium, strict=True):
        # a block dearer than the real-time price is left to it
        here = np.minimum(left, np.where(game.day_ahead + extra <= game.buy, kw, 0.0))
        total = total + (here * (game.day_ahead + extra)).sum(axis=-1)
        left = left - here
    return (total + (left * game.buy).sum(axis=-1)) * game.dt_h


def unmet(load_kw: np.ndarray, game: Game) -> float:
    """Return by how much a load exceeds the cap, at most over the steps [kW]."""
    return 0.0 if game.cap_kw is None else float(np.maximum(load_kw - game.cap_kw, 0.0).max())
