"""Certificates of stage-one solutions; `proof` checks them without a solver.

Two linear programs yield the multipliers: the response that bounds all bills, and the prices of the supply side. Where
they do not prove the solution's upper bound, and with V2G classes, customers who leave or a mean weighted by the load,
the certificate states that HiGHS's bound is on trust.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from csmoifsa.files import write_json
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.alternation import PROVEN
from csmoifsa_aggregator.solve.batteries import add_batteries
from csmoifsa_aggregator.solve.bounds import soe_limits
from csmoifsa_aggregator.solve.customers import mean_paid
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.proof import FORMAT, check
from csmoifsa_aggregator.solve.stackelberg import Solution
from csmoifsa_aggregator.solve.supply import add_supply


def write_certificate(
    game: Game, solution: Solution, path: str | Path, customers: Customers | None = None
) -> dict[str, object]:
    """Write a solution's certificate to a JSON file and return it; see `certificate`."""
    values = certificate(game, solution, customers)
    write_json(path, values)
    return values


def certificate(game: Game, solution: Solution, customers: Customers | None = None) -> dict[str, object]:
    """Return a solution's certificate as an object that JSON can hold.

    Where customers leave, the game is that of all drivers, and the solution that of those who stay (`KeptSolution`).
    """
    load = solution.load_kw(game)
    share = 1.0 if customers is None else customers.share(mean_paid(game, solution.price))
    total = share * load.sum(axis=0)
    if solution.response.cars is not None:
        total = total + solution.response.cars.net_kw
    values: dict[str, object] = {
        "format": FORMAT,
        "game": game_values(game, customers),
        "margin": float(solution.margin),
        "price": solution.price.tolist(),
        "load_kw": load.tolist(),
        "v2g": _v2g(game, solution, share),
        "supply": _schedule(game, total, solution),
        "profit": float(solution.objective),
        "upper_bound": float(solution.upper_bound),
        "status": solution.status,
        "bound": {"kind": "on trust", "from": f"HiGHS, {solution.evidence}"},
    }
    if game.cars is None and customers is None and game.mean_weight == "time":
        exact = {**values, "bound": {"kind": "linear programs", **_bills(game), **_prices(game)}}
        reached = check(exact).bound
        slack = PROVEN * max(abs(solution.upper_bound), 1e-9)
        if reached is not None and reached <= solution.upper_bound + slack:
            return exact
    return values


def game_values(game: Game, customers: Customers | None = None) -> dict[str, object]:
    """Return a game as the object under a certificate's key ``game``."""
    store, blocks, cars = game.storage, None, None
    if game.block_kw is not None and game.block_premium is not None:
        pairs = zip(game.block_kw.tolist(), game.block_premium.tolist(), strict=True)
        blocks = [[width if np.isfinite(width) else None, premium] for width, premium in pairs]
    if game.cars is not None:
        low, high = soe_limits(game.cars)
        v, t = game.cars.places
        cars = [
            {key: float(getattr(game.cars, key)[i]) for key in _CAR}
            | {"places": t[v == i].tolist(), "low_kwh": low[v == i].tolist(), "high_kwh": high[v == i].tolist()}
            for i in range(game.cars.n_classes)
        ]
    return {
        **{key: getattr(game, name).tolist() for key, name in _SERIES.items()},
        "mean": float(game.mean),
        "mean_sense": game.mean_sense,
        "W": game.window.astype(int).tolist(),
        "dt": float(game.dt_h),
        "storage": None if store is None else {key: float(getattr(store, key)) for key in _STORE},
        "import_limit_kw": None if game.import_limit_kw is None else game.import_limit_kw.tolist(),
        "blocks": blocks,
        "cars": cars,
        **_peak(game),
        **_paid(game, customers),
    }


def _peak(game: Game) -> dict[str, object]:
    """Return base load and demand charge; nothing without a demand charge, of which the base load is a part."""
    if not game.demand_charge:
        return {}
    return {"base_kw": game.base_load_kw.tolist(), "demand_charge": float(game.demand_charge)}


def _paid(game: Game, customers: Customers | None) -> dict[str, object]:
    """Return what the mean price paid decides; nothing where it decides nothing."""
    if game.mean_weight == "time" and game.most_paid is None and customers is None:
        return {}
    return {
        "mean_weight": game.mean_weight,
        "most_paid": game.most_paid,
        "customers": None if customers is None else asdict(customers),
    }


_SERIES = {
    "p": "day_ahead",
    "pb": "buy",
    "ps": "sell",
    "lb": "lower",
    "ub": "upper",
    "E": "energy_kwh",
    "Pm": "power_kw",
}
_STORE = ("power_kw", "capacity_kwh", "initial_kwh", "efficiency")
_CAR = ("count", "charge_kw", "discharge_kw", "efficiency", "wear", "arrival_kwh")


def _v2g(game: Game, solution: Solution, share: float) -> list[dict[str, object]] | None:
    """Return each V2G class's dispatch [kW] and the value of energy in its battery [currency/kWh] by step of its stay.

    All per vehicle, of which a share is kept; None without V2G classes.
    """
    cars, own = game.cars, solution.response.cars
    if cars is None or own is None:
        return None
    program = Program()
    block = add_batteries(program, cars, solution.price, solution.price, binaries=np.zeros(0, dtype=bool))
    value = program.solve().row_duals[block.flow]
    v, t = cars.places
    kept = share * cars.count
    return [
        {
            "charge_kw": (own.charge_kw[i, t[v == i]] / kept[i]).tolist(),
            "discharge_kw": (own.discharge_kw[i, t[v == i]] / kept[i]).tolist(),
            "value": (-value[v == i] / cars.count[i]).tolist(),
        }
        for i in range(cars.n_classes)
    ]


def _schedule(game: Game, net: np.ndarray, solution: Solution) -> dict[str, object]:
    """Return purchases, sale and storage flows in each step [kW]: the cheapest supply for the storage's flows."""
    zero = np.zeros(game.n_steps)
    charge, discharge = solution.supply.charge_kw, solution.supply.discharge_kw
    charge = zero if charge is None else np.maximum(charge, 0.0)
    discharge = zero if discharge is None else np.maximum(discharge, 0.0)
    if game.storage is not None:  # simultaneous flows are netted; the state of energy stays the same
        trip = game.storage.efficiency**2
        charge, discharge = np.maximum(charge - discharge / trip, 0.0), np.maximum(discharge - trip * charge, 0.0)
    need = net + charge - discharge  # bought less sold
    steps, blocks = range(game.n_steps), [(np.inf, 0.0)]
    if game.block_kw is not None and game.block_premium is not None:
        blocks = list(zip(game.block_kw, game.block_premium, strict=True))
    ahead, bought, sold = np.zeros((len(blocks), game.n_steps)), np.zeros(game.n_steps), np.zeros(game.n_steps)
    for t in steps:
        best = np.inf
        # no purchase in real time or no sale; a sale lies between the surplus that must be sold and the discharge
        for sale in (True, False):
            least = max(0.0, -need[t])
            if not sale and least > 1e-7 * max(1.0, discharge[t]):
                continue
            cost, parts = _merit(game, t, blocks, need[t], discharge[t], least, sale=sale)
            if cost < best:
                best = cost
                ahead[:, t], bought[t], sold[t] = parts
    return {
        "ahead_kw": ahead.tolist(),
        "real_time_kw": bought.tolist(),
        "sold_kw": sold.tolist(),
        "charge_kw": charge.tolist(),
        "discharge_kw": discharge.tolist(),
    }


def _merit(
    game: Game, t: int, blocks: list[tuple[float, float]], need: float, discharge: float, least: float, *, sale: bool
) -> tuple[float, tuple[np.ndarray, float, float]]:
    """Return the least cost of a step per hour, and its purchases and sale [kW], with a sale or real-time energy."""
    program = Program()
    a = program.columns(len(blocks), upper=[w for w, _ in blocks], cost=[game.day_ahead[t] + e for _, e in blocks])
    b = program.columns(1, upper=0.0 if sale else np.inf, cost=game.buy[t])
    s = program.columns(1, least if sale else 0.0, max(discharge, least) if sale else 0.0, cost=-game.sell[t])
    need = need if sale else max(need, 0.0)
    row = program.rows(1, need, need)
    program.add(row, np.concatenate([a, b]), 1.0)
    program.add(row, s, -1.0)
    answer = program.solve()
    if not answer.found:
        return np.inf, (np.zeros(len(blocks)), 0.0, 0.0)
    x = answer.x
    return answer.value, (x[a], float(x[b][0]), float(x[s][0]))


def _bills(game: Game) -> dict[str, object]:
    """Return the multipliers that bound all bills: a response (K, T) [kWh] and the mean's multiplier mu [kWh].

    Among all responses it has the least bill at the price within bounds and mean that is dearest for it.
    """
    unit = float(game.energy_kwh.mean())
    scale, steps = game.price_scale, game.n_steps
    program = Program()
    k, t = np.nonzero(game.window)
    y = program.columns(k.size, upper=game.step_kwh[k] / unit)
    mu = program.columns(1, -np.inf if game.mean_sense == "==" else 0.0, np.inf, game.mean * steps / scale)
    above, below = program.columns(steps, cost=game.upper / scale), program.columns(steps, cost=-game.lower / scale)
    need = program.rows(game.n_classes, game.energy_kwh / unit, game.energy_kwh / unit)
    program.add(need[k], y, 1.0)
    row = program.rows(steps, 0.0, 0.0)  # mu + above - below = y
    program.add(row[t], y, -1.0)
    program.add(row, mu, 1.0)
    program.add(row, above, 1.0)
    program.add(row, below, -1.0)
    x = program.solve().x
    response = np.zeros(game.window.shape)
    response[k, t] = x[y] * unit
    return {"response_kwh": response.tolist(), "mu": float(x[mu][0] * unit)}


def _prices(game: Game) -> dict[str, object]:
    """Return the multipliers of the supply side's linear program, lists by step [currency/kWh].

    pi of the balance, nu of the import limit, m of the storage's state of energy, kappa of the sale; with a demand
    charge also theta of the peak [currency/kW].
    """
    steps, dt = game.n_steps, game.dt_h
    program = Program()
    supply = add_supply(program, game, game.max_load_kw, binaries=False)
    k, t = np.nonzero(game.window)
    x = program.columns(k.size, upper=game.power_kw[k])
    need = program.rows(game.n_classes, game.energy_kwh / dt, game.energy_kwh / dt)
    program.add(need[k], x, 1.0)
    supply.draw(program, t, x, 1.0)
    limit = supply.import_limit
    duals = program.solve().row_duals
    zero = np.zeros(steps)
    flow, own = (zero, zero) if supply.flow is None or supply.own is None else (duals[supply.flow], duals[supply.own])
    return {
        "pi": (duals[supply.balance] / dt).tolist(),
        "nu": zero.tolist() if limit is None else (-duals[limit] / dt).tolist(),
        "m": (-flow).tolist(),
        "kappa": (-own / dt).tolist(),
        **({} if supply.peak is None else {"theta": (-duals[supply.peak]).tolist()}),
    }
