"""Order of the classes' threshold prices at every price, and the distance that a strict margin puts between them.

The threshold of a class is the price of its dearest step in use, `follower.quantile`. Of the steps that class b uses,
only those that it may use outside the window of class a lie elsewhere; where the others are at least as many as class a
can use in the common window, the threshold of a is no higher. With a strict margin a further step is dearer than the
threshold of a by the margin, since a leaves it empty, and a step in part is dearer by the margin than those in full.
Over chains of classes these distances add up: they are what the strict margin costs the leader.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_aggregator.model.game import Game


@dataclass(frozen=True)
class ThresholdOrder:
    """Pairs of classes whose thresholds are ordered at every price, less those that other pairs imply.

    Attributes
    ----------
    lower, higher : (N,) int arrays
        Classes a, b with ``threshold_a + steps * margin <= threshold_b``.
    steps : (N,) int array
        Least distance of the two thresholds as a multiple of the strict margin, 0 to 2.
    """

    lower: np.ndarray
    higher: np.ndarray
    steps: np.ndarray


def order_thresholds(game: Game, always: np.ndarray, never: np.ndarray) -> ThresholdOrder:
    """Return the pairs of classes whose thresholds are ordered.

    Parameters
    ----------
    game : Game
        Game with the classes.
    always, never : (K, T) bool arrays
        Steps that a class uses in full, or leaves empty, at every price, by price bounds more than the margin apart.
    """
    window = game.window.astype(float)
    ratio = game.energy_kwh / game.step_kwh
    needs = np.ceil(ratio - 1e-9)
    partly = needs - ratio > 1e-9
    # a class that uses its whole window has its threshold anywhere in it
    sure = always & (needs < game.window.sum(axis=1))[:, None]
    outside = (game.window & ~never).astype(float) @ (1.0 - window.T)  # b, a: steps that b may use outside W_a
    alone = sure.astype(float) @ (1.0 - window.T)  # a, b: steps that a surely uses outside W_b
    more = (needs[:, None] - outside).T - (needs[:, None] - alone)  # a, b
    steps = np.where(more < 0, -1, np.where(more < 2, more, 1 + partly[None, :]))
    twice = (steps >= 0) & (steps.T >= 0) & np.tri(game.n_classes, dtype=bool)
    steps[twice] = -1  # of two classes with equal thresholds, one direction
    return _reduced(steps)


def _reduced(steps: np.ndarray) -> ThresholdOrder:
    """Return the pairs that no chain of others implies; ``steps`` (K, K) is -1 where a pair is not ordered."""
    far = np.where(steps >= 0, steps, -np.inf).astype(float)
    for k in range(len(far)):
        far = np.maximum(far, far[:, k : k + 1] + far[k])
    needed = steps >= 0
    for k in range(len(far)):
        needed &= far > far[:, k : k + 1] + far[k]
    lower, higher = np.nonzero(needed)
    return ThresholdOrder(lower, higher, far[lower, higher].astype(np.int64))
