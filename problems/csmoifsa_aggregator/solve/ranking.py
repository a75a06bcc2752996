"""Search over rankings of the steps by price; the ranking alone determines the drivers' response.

For each ranking the load is known, and the best price that keeps the ranking is an exact linear program, solved here in
a fraction of a millisecond (`kernels.best_of_order`). The search moves a few steps up or down in the ranking and keeps
improvements. It needs no classes: any function from a ranking to a load can be searched, also that of millions of
single cars.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from csmoifsa_aggregator.model.costs import load_cost
from csmoifsa_aggregator.model.follower import TIE, fill, tie_groups
from csmoifsa_aggregator.model.game import Game

PENALTY = 10.0
"""Penalty per kWh above the import limit during the search, relative to the typical price."""

LoadOfRanking = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Function of a ranking, (T,) steps from cheap to dear, that returns the load, (T,) [kWh], and the least price
difference between each place of the ranking and the one before, (T,) [currency/kWh]."""


def load_of_classes(game: Game, margin: float = 0.0) -> LoadOfRanking:
    """Return the function from a ranking to the load of a game's classes.

    The margin separates the last step that a class uses from the next dearer one and, where it is used in part, from
    the next cheaper one.
    """

    def answer(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = fill(order, game)
        apart = np.zeros(game.n_steps)
        if margin > 0:
            ranked = x[:, order]
            last = game.n_steps - 1 - (ranked[:, ::-1] > 0).argmax(axis=1)
            apart[last[last + 1 < game.n_steps] + 1] = margin
            apart[last[ranked[np.arange(game.n_classes), last] < 1]] = margin
            apart[0] = 0.0
        return game.step_kwh @ x, apart

    return answer


def search_rankings(game: Game, answer: LoadOfRanking, price: np.ndarray, tries: int) -> np.ndarray | None:
    """Return the best price found from a starting price, (T,) [currency/kWh]; deterministic.

    Where no price keeps the ranking of the start, that of the day-ahead price is the start; None if none keeps it
    either.
    """
    rng = np.random.default_rng(0)
    best, score = _priced(game, answer, _ranked(game, price))
    if best is None:
        best, score = _priced(game, answer, _ranked(game, game.day_ahead))
    if best is None:
        return None
    for _ in range(tries):
        near = best.copy()
        first, size = rng.integers(game.n_steps), rng.integers(1, 2 + game.n_steps // 8)
        block = (first + np.arange(size)) % game.n_steps
        near[block] += rng.choice([0.003, 0.01, 0.03, 0.1]) * game.price_scale * rng.normal()
        found, value = _priced(game, answer, _ranked(game, near))
        if found is not None and value > score:
            best, score = found, value
    return best


def _ranked(game: Game, price: np.ndarray) -> np.ndarray:
    return np.lexsort((game.cheapest, tie_groups(price, TIE * game.price_scale)))


def _priced(game: Game, answer: LoadOfRanking, order: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Return the best price of a ranking and its profit less the penalty above the import limit.

    None and minus infinity if no price keeps the ranking.
    """
    from csmoifsa_aggregator.model.kernels import best_of_order

    load, apart = answer(order)
    rise = np.empty(game.n_steps)
    rise[order] = apart.cumsum()
    lower, upper, total = game.lower - rise, game.upper - rise, game.mean * game.n_steps - rise.sum()
    if game.mean_sense == "<=":
        total = min(total, float(np.minimum.accumulate(upper[order][::-1]).sum()))
    price = np.empty(game.n_steps)
    if not best_of_order(order, load, lower, upper, total, price):
        return None, -np.inf
    price = np.clip(price + rise, game.lower, game.upper)
    profit = float(load @ price) - float(load_cost(load / game.dt_h, game))
    if game.import_limit_kw is not None:
        over = np.maximum(load / game.dt_h - game.import_limit_kw, 0.0).sum() * game.dt_h
        profit -= PENALTY * game.price_scale * over
    return price, profit
