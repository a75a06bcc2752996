"""Baselines for stage one and the contracts: uncontrolled charging, a flat price, and the day-ahead price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.model.battery import Batteries, longest_stay
from csmoifsa_aggregator.model.follower import fill, respond
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.batteries import cheapest_dispatch
from csmoifsa_aggregator.solve.contracts import StageTwo, stage_two
from csmoifsa_aggregator.solve.stackelberg import Solution, fit_mean
from csmoifsa_aggregator.solve.supply import procure

UNCONTROLLED, FLAT, DAY_AHEAD, STAGE_ONE, WITH_V2G, DIRECT_CONTROL, WITH_RESERVE = (
    "uncontrolled charging",
    "flat price",
    "day-ahead price",
    "stage one",
    "with V2G",
    "with direct load control",
    "with reserve",
)


class AccountRow(TypedDict):
    """A `DayAccount` as a row of a table; of the load, peak, valley and their difference [kW]."""

    plan: str
    profit: float
    storage: float
    driver_cost: float
    cars: float
    peak_kw: float
    valley_kw: float
    peak_valley_kw: float


@dataclass(frozen=True, kw_only=True, eq=False)
class DayAccount:
    """Price, load and money of one way to run the day.

    Attributes
    ----------
    name : str
        Name of this way to run the day.
    price : (T,) array
        Price that drivers pay [currency/kWh].
    load_kw : (T,) array
        Net load of all cars [kW].
    profit : float
        Aggregator's profit: bills less the cost of the cars' energy, wear and shares; own storage left out [currency].
    storage : float
        Earnings of the aggregator's own storage beside this load [currency].
    driver_cost : float
        Bills less the owners' share of the surplus [currency]; payments for wear are left out, as they only
        compensate a loss. Drivers who leave are included, at the competitor's price.
    per_car : (G,) array
        Bill less the owner's share for one car of each group of drivers, see `driver_groups` [currency].
    cars : float
        Number of cars kept at this price.
    """

    name: str
    price: np.ndarray
    load_kw: np.ndarray
    profit: float
    storage: float
    driver_cost: float
    per_car: np.ndarray
    cars: float

    def row(self) -> AccountRow:
        """Return the account as a row of a table; of the load, peak, valley and their difference [kW]."""
        return {
            "plan": self.name,
            "profit": self.profit,
            "storage": self.storage,
            "driver_cost": self.driver_cost,
            "cars": self.cars,
            "peak_kw": float(self.load_kw.max()),
            "valley_kw": float(self.load_kw.min()),
            "peak_valley_kw": float(np.ptp(self.load_kw)),
        }


def driver_groups(case: Case) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and numbers of cars (G,) of the groups: classes without contract, then those with a V2G contract."""
    plain = case.v2g_share < 1.0
    names = [name for name, one in zip(case.game.names, plain, strict=True) if one]
    count = (case.game.count * (1.0 - case.v2g_share))[plain]
    if case.cars is None:
        return tuple(names), count
    return (*names, *case.cars.names), np.concatenate([count, case.cars.count])


def uncontrolled(game: Game) -> np.ndarray:
    """Return shares x (K, T) of uncontrolled charging: full power from the beginning of each car's longest stay on."""
    x = np.zeros(game.window.shape)
    for k in range(game.n_classes):
        first, _ = longest_stay(game.window[k])
        x[k] = fill(np.roll(np.arange(game.n_steps), -first), game)[k]
    return x


def spread_evenly(game: Game) -> np.ndarray:
    """Return shares x (K, T) of indifferent drivers, whose charging is spread evenly over their windows."""
    share = game.energy_kwh / (game.step_kwh * game.window.sum(axis=1))
    return share[:, None] * game.window


def baselines(case: Case) -> list[DayAccount]:
    """Return the accounts of uncontrolled charging, of a flat price, and of the day-ahead price passed on.

    The first two are at the flat mean price; charging is spread evenly in the second. V2G drivers who answer the price
    with their batteries only charge in the first two, and discharge as well in the third. Where customers leave, each
    keeps those who accept its mean price paid.
    """
    game = case.game
    flat = np.full(game.n_steps, game.mean)
    passed = fit_mean(game, game.day_ahead)
    own = [None, None, None]
    if game.cars is not None:
        cheapest = cheapest_dispatch(game.cars, passed)
        own = [_at_once(game.cars), _spread(game.cars), cheapest.charge_kw - cheapest.discharge_kw]
    return [
        _account(case, UNCONTROLLED, flat, uncontrolled(game), own[0]),
        _account(case, FLAT, flat, spread_evenly(game), own[1]),
        _account(case, DAY_AHEAD, passed, respond(passed, game), own[2]),
    ]


def _at_once(cars: Batteries) -> np.ndarray:
    """Return the power (V, T) of all cars of a class under uncontrolled charging: what they need, from arrival [kW]."""
    v, t = cars.places
    since = np.arange(v.size) - np.repeat(np.cumsum(cars.length) - cars.length, cars.length)
    hours = _needed(cars) / cars.charge_kw
    power = np.zeros(cars.window.shape)
    power[v, t] = (cars.charge_kw * cars.count)[v] * np.clip(hours[v] / cars.dt_h - since, 0.0, 1.0)
    return power


def _spread(cars: Batteries) -> np.ndarray:
    """Return the power (V, T) of all cars of a class that charge what they need evenly over their stay [kW]."""
    return cars.window * (_needed(cars) * cars.count / (cars.length * cars.dt_h))[:, None]


def _needed(cars: Batteries) -> np.ndarray:
    return np.maximum(cars.departure_kwh - cars.arrival_kwh, 0.0) / cars.efficiency


def _account(case: Case, name: str, price: np.ndarray, x: np.ndarray, own_kw: np.ndarray | None) -> DayAccount:
    """Return the account of a price (T,) and its response: shares x (K, T), and power (V, T) of batteries [kW].

    Energy that owners discharge of their own accord serves the other cars; it cannot be sold. Where customers leave,
    those who stay answer as all would; owners decide by their bill and the wear that they bear.
    """
    game, own = case.game, np.zeros((1, case.game.n_steps)) if own_kw is None else own_kw
    share, elsewhere = 1.0, 0.0
    if case.customers is not None:
        borne = float((x @ price) @ game.step_kwh)
        if game.cars is not None:
            borne += float((own @ price).sum() + game.cars.wear @ np.maximum(-own, 0.0).sum(axis=1)) * game.dt_h
        share = case.customers.share(borne / game.needed_kwh)
        elsewhere = (1.0 - share) * case.customers.competitor * game.needed_kwh
    taken = share * (game.power_kw @ x) + share * np.maximum(own, 0.0).sum(axis=0)
    discharged = None if own_kw is None else share * np.maximum(-own, 0.0).sum(axis=0)
    load = taken if discharged is None else taken - discharged
    bills = float(load @ price) * game.dt_h
    supply = procure(taken, game, discharged)
    return DayAccount(
        name=name,
        price=price,
        load_kw=load,
        profit=bills - supply.ev_cost,
        storage=supply.ev_cost - supply.cost,
        driver_cost=bills + elsewhere,
        per_car=_bill_per_car(case, price, x, own_kw),
        cars=share * game.n_cars,
    )


def _bill_per_car(case: Case, price: np.ndarray, x: np.ndarray, own_kw: np.ndarray | None) -> np.ndarray:
    game = case.game
    each = (x @ price) * game.step_kwh / game.count
    plain = each[case.v2g_share < 1.0]
    if case.cars is None:
        return plain
    if own_kw is None:  # those under contract pay what their class pays
        return np.concatenate([plain, each[case.owner]])
    return np.concatenate([plain, own_kw @ price * game.dt_h / case.cars.count])


def stages(
    case: Case, solution: Solution, plans: Sequence[StageTwo | None], kept: Case | None = None
) -> list[DayAccount]:
    """Return the accounts of stage one and, where there are V2G contracts, of each plan of stage two.

    ``kept`` is the case of those who stay, to which solution and plans belong; all of ``case`` where left out.
    """
    response, own = solution.response, None
    kept = case if kept is None else kept
    if case.cars is not None and kept.cars is not None and response.cars is not None:
        all_of_kept = (case.cars.count / kept.cars.count)[:, None]  # an account is of all, less those who leave
        own = all_of_kept * (response.cars.charge_kw - response.cars.discharge_kw)
    first = _account(case, STAGE_ONE, solution.price, response.x, own)
    return [first, *(_stage_two(kept, solution, first, one) for one in plans if one is not None)]


def _stage_two(kept: Case, solution: Solution, first: DayAccount, second: StageTwo) -> DayAccount:
    """Return the account of a plan of stage two, beside that of stage one."""
    share = np.zeros(len(first.per_car))
    name = WITH_V2G
    if kept.cars is not None:
        share[-kept.cars.n_classes :] = kept.owner_share * second.class_surplus / kept.cars.count
        name = WITH_V2G if kept.cars.discharge_kw.any() else DIRECT_CONTROL
    return DayAccount(
        name=WITH_RESERVE if second.reserve else name,
        price=solution.price,
        load_kw=other_load(kept, solution) + second.v2g.net_kw,
        profit=solution.bills - second.cost,
        storage=second.supply.ev_cost - second.supply.cost,
        driver_cost=first.driver_cost - second.owner_gain,
        per_car=first.per_car - share,
        cars=first.cars,
    )


def other_load(case: Case, solution: Solution) -> np.ndarray:
    """Return the load of the drivers without V2G contract, shape (T,) [kW]."""
    return (solution.response.x * ((1.0 - case.v2g_share) * case.game.power_kw)[:, None]).sum(axis=0)


def contracts(
    case: Case, solution: Solution, *, reserve: bool = False, time_limit: float | None = None
) -> StageTwo | None:
    """Return stage two, the contracts beside the load of the other drivers; None where nobody has a contract.

    With ``reserve``, the case's reserve products may be offered beside V2G, in the best plan found in ``time_limit``
    [s]. Drivers who answer the price with their own batteries have no contract: their dispatch is their own, paid for
    by the price.
    """
    if case.cars is None or not np.any(case.v2g_share > 0):
        return None
    plain = other_load(case, solution)
    return stage_two(
        case.cars,
        case.game,
        case.v2g_sell,
        other_load_kw=plain,
        owner_share=case.owner_share,
        products=case.reserve if reserve else (),
        time_limit=time_limit,
    )
