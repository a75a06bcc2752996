"""Follow: an individual flies on along its last displacement and toward a leader."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Indices, Matrix, Stream, Vector, jit
from csmoifsa.kernels.random import randint, uniform
from csmoifsa.kernels.records import Memory, Offspring, Parents, Population
from csmoifsa.settings import Settings


@jit(borrows=True)
def nearer_leader(F: Matrix, ideal: Vector, extent: Vector, i: int, a: int, b: int) -> int:
    """Return which of the rows a, b of ``F`` (rows, n_obj) is nearer in angle to row i, or a if neither is.

    The angle is that at the point ``ideal`` (n_obj,), in units of ``extent`` (n_obj,): so it does not depend on the
    units of the objectives. Objectives without extent do not count.
    """
    dot_a, dot_b, norm_a, norm_b = 0.0, 0.0, 1e-300, 1e-300
    for k in range(F.shape[1]):
        low, unit = ideal[k], extent[k]
        if unit == 0.0:
            continue
        own, at_a, at_b = (F[i, k] - low) / unit, (F[a, k] - low) / unit, (F[b, k] - low) / unit
        dot_a += own * at_a
        dot_b += own * at_b
        norm_a += at_a * at_a
        norm_b += at_b * at_b
    return b if dot_b / np.sqrt(norm_b) > dot_a / np.sqrt(norm_a) else a


@jit(borrows=True)
def fly(y: Vector, displacement: Vector, x: Vector, leader: Vector, stream: Stream) -> None:
    """Write into ``y`` (n_var,) the flight of ``x`` toward ``leader``; ``displacement`` (n_var,) is updated in place.

    At a bound the individual stops and its displacement changes sign.
    """
    for k in range(y.size):
        v = uniform(stream) * displacement[k] + uniform(stream) * (leader[k] - x[k])
        y[k] = x[k] + v
        if y[k] < 0.0 or y[k] > 1.0:
            y[k], v = min(max(y[k], 0.0), 1.0), -v
        displacement[k] = v


@jit(borrows=True, forceinline=True)
def fill(
    rows: Indices, streams: Stream, population: Population, parents: Parents, memory: Memory, settings: Settings,
    offspring: Offspring,
) -> None:  # fmt: skip
    """Fill ``rows`` with followers of the nearer of two leaders; arguments as in `csmoifsa.kernels.behaviours`."""
    X, n_leaders = population.X, parents.leaders.size
    for q in rows:
        y, v, stream = offspring.X[q], offspring.displacement[q], streams[q : q + 1]
        i = randint(stream, parents.count)
        a, b = parents.leaders[randint(stream, n_leaders)], parents.leaders[randint(stream, n_leaders)]
        leader = nearer_leader(population.F, parents.ideal, parents.extent, i, a, b)
        for k in range(y.size):
            v[k] = population.displacement[i, k]
        fly(y, v, X[i], X[leader], stream)
        offspring.parent[q] = i
