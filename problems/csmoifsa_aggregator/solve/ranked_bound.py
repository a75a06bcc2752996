"""The greatest profit that any ranking of the steps by price can bring on single cars, by dynamic programming.

Where no car is indifferent, the load of a step depends on which steps are cheaper, on nothing else: the energy of all
cars in a set of steps A, when these are the cheapest, is g(A), and a step that comes next takes g(A + step) - g(A). A
multiplier for the mean price separates the steps. Then some best price of each step is a bound of that or another step
(with the order fixed, prices are a network of differences), so the sets of steps up to each of these levels are a path
through states, and the best path is found backwards. Every multiplier gives an upper bound; the least is taken. Only
steps whose bounds hold a level are open there: with price bounds near the costs they are few, and so are the sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from csmoifsa_aggregator.model.costs import purchase
from csmoifsa_aggregator.model.game import Game

LARGEST = 30_000_000
"""Greatest number of steps between sets that are tried; a fleet with more has no such bound."""


@dataclass(frozen=True, eq=False)
class _Level:
    """One price level: its price, which of its 2^m sets may go on to which of the next level, and gains, (m, 2^m).

    ``next`` is -1 where a step that must be cheaper than the next level is not in the set. A gain is the profit of a
    step that comes next at this level after the set, and minus infinity where the set holds it.
    """

    price: float
    next: np.ndarray
    gain: np.ndarray


def ranked_bound(start: np.ndarray, length: np.ndarray, take_kwh: np.ndarray, game: Game) -> float | None:
    """Return an upper bound of the profit of any ranking of the steps [currency]; None where sets are too many.

    What import limits and demand charges add to the cost is left out. Cars that pay the same in several steps fill
    them in one order, the same for all.

    Parameters
    ----------
    start, length : (S,) int arrays
        First step of each stay, and its number of steps.
    take_kwh : (S, T) array
        Energy that all cars of a stay together charge in its m-th cheapest step [kWh].
    game : Game
        Price bounds, mean, and costs of supply.
    """
    values = np.unique(np.concatenate([game.lower, game.upper]))
    opens = [np.flatnonzero((game.lower <= value) & (value <= game.upper)) for value in values]
    if sum(len(some) * 2.0 ** len(some) for some in opens) > LARGEST:
        return None
    window = (np.arange(game.n_steps) - start[:, None]) % game.n_steps < length[:, None]
    charged = np.hstack([np.zeros((start.size, 1)), take_kwh.cumsum(axis=1)])
    levels = [_level(k, values, opens, window, charged, game) for k in range(values.size)]
    total = game.mean * game.n_steps
    bounds: list[float] = []

    def bound(multiplier: float) -> float:
        bounds.append(_best_path(levels, multiplier) + multiplier * total)
        return bounds[-1]

    most = float(take_kwh.sum(axis=0).max(initial=0.0)) or 1.0
    least = 0.0 if game.mean_sense == "<=" else -most
    bound(0.0)  # least where the mean price does not bind
    minimize_scalar(bound, bounds=(least, most), method="bounded", options={"xatol": 1e-6 * most})
    return min(bounds)


def _level(
    k: int, values: np.ndarray, opens: list[np.ndarray], window: np.ndarray, charged: np.ndarray, game: Game
) -> _Level:
    price, here = values[k], opens[k]
    sets = np.arange(2 ** len(here))
    inside = (sets[:, None] >> np.arange(len(here))) & 1 == 1  # (2^m, m)
    cheaper = np.repeat((game.upper < price)[None, :], sets.size, axis=0)
    cheaper[:, here] = inside
    energy = np.empty(sets.size)
    for part in np.array_split(sets, -(-sets.size // 4096)):
        used = window.astype(np.int64) @ cheaper[part].T  # steps of each stay in each set
        energy[part] = np.take_along_axis(charged, used, axis=1).sum(axis=0)
    gain = np.full((len(here), sets.size), -np.inf)
    for j in range(len(here)):
        without = np.flatnonzero(~inside[:, j])
        load = np.zeros((without.size, game.n_steps))
        load[:, here[j]] = energy[without | 1 << j] - energy[without]
        gain[j, without] = load[:, here[j]] * price - purchase(load / game.dt_h, game)[:, here[j]] * game.dt_h
    if k + 1 == values.size:
        return _Level(price, np.where(inside.all(axis=1), 0, -1), gain)
    after = opens[k + 1]
    done = inside[:, game.upper[here] < values[k + 1]].all(axis=1)
    to = np.zeros(sets.size, dtype=np.int64)
    for j, step in enumerate(after):
        place = np.flatnonzero(here == step)
        if place.size:
            to |= inside[:, place[0]].astype(np.int64) << j
    return _Level(price, np.where(done, to, -1), gain)


def _best_path(levels: list[_Level], multiplier: float) -> float:
    """Return the greatest profit, less the multiplier times the sum of prices, over all ways up the levels."""
    value = np.zeros(1)
    for level in reversed(levels):
        value = np.where(level.next >= 0, value[np.maximum(level.next, 0)], -np.inf)
        sizes = np.bitwise_count(np.arange(value.size))
        bits = 1 << np.arange(len(level.gain))
        for size in range(len(level.gain) - 1, -1, -1):
            some = np.flatnonzero(sizes == size)
            further = level.gain[:, some] + value[some | bits[:, None]]
            value[some] = np.maximum(value[some], further.max(axis=0) - multiplier * level.price)
    return float(value[0])
