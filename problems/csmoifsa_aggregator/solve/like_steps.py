"""Steps that are open to the same classes: some best price is no lower in the one whose energy costs more.

Let steps a and b be open to the same classes, and let energy, price bounds and import limit be no worse for the leader
in a. If a price is higher in a than in b, exchange the two prices. Each stays within the bounds of its new step; the
mean price is the same; every class exchanges its use of a and b, pays the same bill and keeps its margin. No class used
a more than b, so load moves from b to a, where each next kWh costs no more: profit does not fall. Ordering the steps of
each group of like steps by such exchanges ends after finitely many, so a program may ask for ordered prices in all
groups at once. Where each class fills its steps in one ranking, a class that uses b at all then uses a in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from csmoifsa_aggregator.model.game import Game


def like_steps(game: Game, never: np.ndarray) -> np.ndarray:
    """Return pairs of steps a, b such that some best price is no higher in a than in b, shape (N, 2).

    Any price can be brought into the order of all pairs by `in_order`, without loss of profit. There are no pairs where
    a kWh in one step may cost the less the more is drawn in another: with V2G classes, with a storage that makes the
    game not `Game.separable`, and with a demand charge beside a base load.

    Parameters
    ----------
    game : Game
        Game with the classes.
    never : (K, T) bool array
        Steps of its window that a class leaves empty at every price within the bounds.
    """
    tied = game.cars is not None or game.storage is not None or (game.demand_charge > 0 and game.base_kw is not None)
    if tied and not game.separable:
        return np.zeros((0, 2), dtype=np.int64)
    costs: Iterable[np.ndarray] = (game.cheapest,) if game.separable else (game.day_ahead, game.buy)
    limit = np.zeros(game.n_steps) if game.import_limit_kw is None else -game.import_limit_kw
    keys = np.stack([*costs, game.lower, game.upper, limit])
    groups: dict[bytes, list[int]] = defaultdict(list)
    for t in np.lexsort(keys[::-1]):
        groups[(game.window & ~never)[:, t].tobytes()].append(int(t))
    pairs = []
    for steps in groups.values():
        chains: list[list[int]] = []
        for b in steps:
            chain = next((one for one in chains if (keys[:, one[-1]] <= keys[:, b]).all()), None)
            if chain is None:
                chains.append([b])
            else:
                pairs.append((chain[-1], b))
                chain.append(b)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def in_order(price: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return a price with exchanges between steps such that it is no higher in the first step of each pair, (T,).

    The pairs are those of `like_steps`, price in [currency/kWh].
    """
    price = price.copy()
    while len(wrong := pairs[price[pairs[:, 0]] > price[pairs[:, 1]]]):
        a, b = wrong[0]
        price[[a, b]] = price[[b, a]]
    return price
