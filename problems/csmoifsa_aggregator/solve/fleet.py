"""Tuning of the price on every single car, without classes: the computed profit is that of the fleet itself.

Cars that share a stay (first step and length) use their cheapest steps in the same order; summed over them, the energy
charged in the m-th cheapest step of a stay is the same at every price. So millions of cars reduce to a few thousand
stays, and a ranking of the steps determines the load of all.
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


def upper_bound(cars: Cars, game: Game, price: np.ndarray, *, rounds: int = 150) -> float:
    """Return an upper bound of the profit of any price on these cars: greatest sum of bills less least cost [currency].

    The sum of bills is concave in the price, and the load at a price is its slope there. Cutting planes are added
    half-way between the best price known and the planes' own optimum. What import limits, supply curves and demand
    charges add to the cost is left out.

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

    Raises
    ------
    InputError
        A stay is too short, the numbers of steps of cars and game differ, or the price is not T finite numbers.
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
