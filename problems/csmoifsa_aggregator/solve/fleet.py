"""The price tuned on every single car: no classes, so what is promised is what is earned.

Cars that share a stay, first step and length, take their cheapest steps in the same order; summed over them, the m-th
cheapest step of a stay takes an amount that no price changes. So millions of cars are a few thousand stays, and a
ranking of the steps gives the load of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.many import Cars, FleetProfit, profit_on_all
from csmoifsa_aggregator.solve.alternation import fit_mean
from csmoifsa_aggregator.solve.bounds import add_prices
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.ranking import search_rankings

APART = 1e-6
"""Steps next to each other in the ranking differ by at least this, in the typical price: no car is indifferent."""


@dataclass(frozen=True, eq=False)
class Stays:
    """All cars, by stay.

    Attributes
    ----------
    start, length : (S,) int64 arrays
        First step, and how many.
    take_kwh : (S, T) array
        What all cars of a stay together take in its m-th cheapest step [kWh].
    """

    start: np.ndarray
    length: np.ndarray
    take_kwh: np.ndarray

    def load_kwh(self, order: np.ndarray) -> np.ndarray:
        """Return what all cars take in each step when they rank the steps so, shape (T,) [kWh]."""
        from csmoifsa_aggregator.model.kernels import stays_load

        load = np.zeros(order.size)
        stays_load(order, self.start, self.length, self.take_kwh, load)
        return load


def stays_of(cars: Cars) -> Stays:
    """Group cars by stay, exactly."""
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
    """Return a better price for these cars, and what it earns when each of them answers for itself.

    Parameters
    ----------
    cars : Cars
        The fleet.
    game : Game
        Price bounds, mean, and costs of supply.
    price : (T,) array
        Where to start. Where the bounds leave no room to rank the steps it is kept, moved to the bounds and the mean.
    tries : int
        Rankings to try; the same result every time.

    Raises
    ------
    InputError
        A stay is too short, or the price is not one of the game's steps, which are those of the cars.
    """
    price = _start(cars, game, price)
    stays, apart = stays_of(cars), np.full(game.n_steps, APART * game.price_scale)
    best = search_rankings(game, lambda order: (stays.load_kwh(order), apart), price, tries)
    best = fit_mean(game, price) if best is None else best
    return best, profit_on_all(cars, game, best)


def _start(cars: Cars, game: Game, price: np.ndarray) -> np.ndarray:
    price = np.ascontiguousarray(price, dtype=float)
    if cars.n_steps != game.n_steps:
        raise InputError(f"the cars must know the {game.n_steps} steps of the game; they know {cars.n_steps}")
    if price.shape != (game.n_steps,) or not np.isfinite(price).all():
        what = f"an array of shape {price.shape}" if price.shape != (game.n_steps,) else "some that are not finite"
        raise InputError(f"price must be {game.n_steps} finite numbers, one a step, not {what}")
    return price


def upper_bound(cars: Cars, game: Game, price: np.ndarray, *, rounds: int = 150) -> float:
    """Return a profit that no price exceeds on these cars: the greatest sum of bills less the least cost [currency].

    The sum of bills is concave in the price, and the load at a price is its slope there: cutting planes, asked half-way
    between the best price known and the planes' own optimum. What caps and supply curves add to the cost is left out.

    Parameters
    ----------
    cars : Cars
        The fleet.
    game : Game
        Price bounds, mean, and costs of supply.
    price : (T,) array
        Where to start; a good price saves rounds.
    rounds : int
        Cutting planes, at most; the bound is one after any number of them.
    """
    price = _start(cars, game, price)
    stays = stays_of(cars)
    unit = float(cars.energy_kwh.sum()) or 1.0
    bound, best, inner, ask = np.inf, -np.inf, price, price
    slopes: list[np.ndarray] = []
    for _ in range(rounds):
        load = stays.load_kwh(np.argsort(ask, kind="stable"))
        slopes.append(load / unit)
        if load @ ask > best:
            best, inner = float(load @ ask), ask
        program = Program(maximise=True)
        columns = add_prices(program, game)
        bills = program.columns(1, -np.inf, np.inf, 1.0)
        row = program.rows(len(slopes), upper=0.0)
        program.add(row, bills, 1.0)
        program.add(row[:, None], columns[None, :], -np.array(slopes))
        answer = program.solve()
        bound = min(bound, answer.value * unit * game.price_scale)
        if bound - best <= 1e-5 * abs(best):
            break
        ask = 0.5 * (inner + answer.x[columns] * game.price_scale)
    cheapest = stays.load_kwh(np.argsort(game.least_price, kind="stable"))
    return bound - float(cheapest @ game.least_price)
