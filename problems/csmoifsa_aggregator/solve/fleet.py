"""Tuning of the price on every single car, without classes: the computed profit is that of the fleet itself.

Cars that share a stay (first step and length) use their cheapest steps in the same order; summed over them, the energy
charged in the m-th cheapest step of a stay is the same at every price. So millions of cars reduce to a few thousand
stays, and a ranking of the steps determines the load of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.many import Cars, FleetProfit, profit_on_all
from csmoifsa_aggregator.solve.alternation import fit_mean
from csmoifsa_aggregator.solve.bounds import add_prices
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.ranked_bound import ranked_bound
from csmoifsa_aggregator.solve.ranking import search_rankings

APART = 1e-6
"""Least price difference of neighbours in the ranking, relative to the typical price, so that no car is indifferent."""


@dataclass(frozen=True, eq=False)
class Stays:
    """All cars grouped by stay (first step and length).

    Attributes
    ----------
    start, length : (S,) int64 arrays
        First step of each stay, and its number of steps.
    take_kwh : (S, T) array
        Energy that all cars of a stay together charge in its m-th cheapest step [kWh].
    """

    start: np.ndarray
    length: np.ndarray
    take_kwh: np.ndarray

    @property
    def unit_kwh(self) -> float:
        """Energy of all cars, 1 where it is 0 [kWh]."""
        return float(self.take_kwh.sum()) or 1.0

    def load_kwh(self, order: np.ndarray) -> np.ndarray:
        """Return the energy that all cars charge in each step when ``order`` ranks the steps, shape (T,) [kWh]."""
        from csmoifsa_aggregator.model.kernels import stays_load

        load = np.zeros(order.size)
        stays_load(order, self.start, self.length, self.take_kwh, load)
        return load


def stays_of(cars: Cars) -> Stays:
    """Group cars by stay, without approximation.

    Raises
    ------
    InputError
        A stay is too short for the energy that its car needs.
    """
    steps = cars.n_steps
    one = cars.power_kw * cars.dt_h
    missing = cars.energy_kwh - one * cars.length
    if (missing > 1e-9 * one).any():
        i = int(missing.argmax())
        raise InputError(f"car {i}: its stay is {missing[i]:g} kWh short of what it needs")
    whole = np.floor(cars.energy_kwh / one + 1e-9).astype(np.int64)
    rest = np.maximum(cars.energy_kwh - whole * one, 0.0)
    key, stay = np.unique(cars.start * (steps + 1) + cars.length, return_inverse=True)
    place = stay * (steps + 1) + whole
    size = key.size * (steps + 1)
    full = np.bincount(place, one, size).reshape(key.size, steps + 1)
    part = np.bincount(place, rest, size).reshape(key.size, steps + 1)
    above = full[:, ::-1].cumsum(axis=1)[:, ::-1]  # of cars that fill at least m steps
    return Stays(key // (steps + 1), key % (steps + 1), np.ascontiguousarray(above[:, 1:] + part[:, :-1]))


def tune(cars: Cars, game: Game, price: np.ndarray, *, tries: int = 3000) -> tuple[np.ndarray, FleetProfit]:
    """Return the best price found for these cars, (T,) [currency/kWh], and its profit when cars respond individually.

    Parameters
    ----------
    cars : Cars
        Fleet of single cars.
    game : Game
        Price bounds, mean, and costs of supply.
    price : (T,) array
        Price to start from [currency/kWh]; where the bounds leave no room to rank the steps, the result is this price
        fitted to the bounds and the mean.
    tries : int
        Number of rankings to try; the result is deterministic.

    Raises
    ------
    InputError
        A stay is too short, the numbers of steps of cars and game differ, or the price is not T finite numbers.
    """
    price = _start(cars, game, price)
    stays, apart = stays_of(cars), np.full(game.n_steps, APART * game.price_scale)
    best = search_rankings(game, lambda order: (stays.load_kwh(order), apart), price, tries)
    best = fit_mean(game, price) if best is None else best
    return best, profit_on_all(cars, game, best)


def _start(cars: Cars, game: Game, price: np.ndarray) -> np.ndarray:
    if np.isfinite(game.bill_range).any():
        raise InputError("single cars cannot be priced by a rule on the mean price paid; set mean_weight = 'time'")
    price = np.ascontiguousarray(price, dtype=float)
    if cars.n_steps != game.n_steps:
        raise InputError(f"the cars must have the {game.n_steps} steps of the game, not {cars.n_steps}")
    if price.shape != (game.n_steps,) or not np.isfinite(price).all():
        what = f"an array of shape {price.shape}" if price.shape != (game.n_steps,) else "some that are not finite"
        raise InputError(f"price must be {game.n_steps} finite numbers, one a step, not {what}")
    return price


def upper_bound(cars: Cars, game: Game, price: np.ndarray, *, rounds: int = 150, ranked: bool = True) -> float:
    """Return an upper bound of the profit of any price on these cars [currency].

    Where few steps have price bounds that overlap, as on 24 steps, it is the greatest profit of any ranking of the
    steps by price (`ranked_bound`), exact but for the rule on the mean price. It holds for prices that leave no car
    indifferent, such as that of `tune`, and where cars fill steps of equal price in one order, the same for all.

    Otherwise it is the greatest sum of bills less the least cost, each at a price of its own, whatever indifferent cars
    do. The sum of bills is concave in the price, and the load at a price is its slope there. Cutting planes are added
    half-way between the best price known and the planes' own optimum. The least cost of any load on a supply curve is
    bounded in the same way. What import limits and demand charges add to the cost is left out of both.

    Parameters
    ----------
    cars : Cars
        Fleet of single cars.
    game : Game
        Price bounds, mean, and costs of supply.
    price : (T,) array
        Price to start from [currency/kWh]; a good one saves rounds.
    rounds : int
        Greatest number of cutting planes; the bound holds after any number of them.
    ranked : bool
        Whether to bound rankings of the steps alone; if False, the bound also holds where indifferent cars are told
        which of several equal steps to take.

    Raises
    ------
    InputError
        A stay is too short, the numbers of steps of cars and game differ, or the price is not T finite numbers.
    """
    price = _start(cars, game, price)
    stays = stays_of(cars)
    exact = ranked_bound(stays.start, stays.length, stays.take_kwh, game) if ranked else None
    if exact is not None:
        return exact
    bound, _ = _most_bills(stays, game, price, lambda program: add_prices(program, game), rounds)
    return bound - _least_cost(stays, game, rounds)


def _least_cost(stays: Stays, game: Game, rounds: int) -> float:
    """Return a lower bound of the cost of any load of these cars [currency].

    For any prices pi of energy, the cost is at least the least bill at pi, less what the blocks that are cheaper than
    pi save. Where energy beyond the blocks has a price, pi does not exceed it.
    """
    if game.block_kw is None or game.block_premium is None:
        cheapest = stays.load_kwh(np.argsort(game.least_price, kind="stable"))
        return float(cheapest @ game.least_price)
    ahead = game.day_ahead[:, None] + game.block_premium
    finite = np.isfinite(game.block_kw)
    most = np.minimum(game.buy, ahead[:, ~finite].min(axis=1, initial=np.inf))
    block, width = ahead[:, finite], game.block_kw[finite] * game.dt_h
    unit, scale = stays.unit_kwh, game.price_scale

    def add_prices_of_energy(program: Program) -> np.ndarray:
        columns = program.columns(game.n_steps, game.least_price / scale, most / scale)
        saved = program.columns(block.shape, 0.0, np.inf, -np.broadcast_to(width, block.shape) / unit)
        row = program.rows(block.size, -block.ravel() / scale)  # saved >= pi - price of the block
        program.add(row, saved.ravel(), 1.0)
        program.add(row, np.repeat(columns, width.size), -1.0)
        return columns

    def saved(price: np.ndarray) -> float:
        return float((np.maximum(0.0, price[:, None] - block) * width).sum())

    return _most_bills(stays, game, most, add_prices_of_energy, rounds, saved)[1]


def _most_bills(
    stays: Stays,
    game: Game,
    ask: np.ndarray,
    add_columns: Callable[[Program], np.ndarray],
    rounds: int,
    less: Callable[[np.ndarray], float] = lambda price: 0.0,
) -> tuple[float, float]:
    """Return an upper bound of the greatest sum of bills less a convex function of the price, and the greatest found.

    ``add_columns`` adds the price, its limits and the function to a program; ``less`` is that function [currency].
    """
    unit = stays.unit_kwh
    bound, best, inner = np.inf, -np.inf, ask
    slopes: list[np.ndarray] = []
    for _ in range(rounds):
        load = stays.load_kwh(np.argsort(ask, kind="stable"))
        slopes.append(load / unit)
        if float(load @ ask) - less(ask) > best:
            best, inner = float(load @ ask) - less(ask), ask
        program = Program(maximise=True)
        columns = add_columns(program)
        bills = program.columns(1, -np.inf, np.inf, 1.0)
        row = program.rows(len(slopes), upper=0.0)
        program.add(row, bills, 1.0)
        program.add(row[:, None], columns[None, :], -np.array(slopes))
        answer = program.solve()
        bound = min(bound, answer.value * unit * game.price_scale)
        if bound - best <= 1e-5 * abs(best):
            break
        ask = 0.5 * (inner + answer.x[columns] * game.price_scale)
    return bound, best
