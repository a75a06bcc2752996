"""Swarm: an individual moves toward a leader plus a difference of two others. The contraction of the search space."""

from __future__ import annotations

from csmoifsa.jit import Indices, Stream, Vector, jit
from csmoifsa.kernels.random import randint, uniform
from csmoifsa.kernels.records import Memory, Offspring, Parents, Population
from csmoifsa.kernels.variation import record_parent, repair_bounds
from csmoifsa.settings import Settings


@jit(borrows=True, forceinline=True)
def gather(
    y: Vector, x: Vector, leader: Vector, a: Vector, b: Vector, settings: Settings, stream: Stream
) -> None:  # fmt: skip
    """Write into ``y`` (n_var,) the step of ``x`` toward ``leader`` plus a share of ``a - b``, in some coordinates.

    The crossover rate is drawn from [min_crossover_rate, 1]; at least one coordinate moves. Both terms shrink as the
    population gathers: this is the contraction.
    """
    rate = settings.min_crossover_rate + (1.0 - settings.min_crossover_rate) * uniform(stream)
    always = randint(stream, y.size)
    for k in range(y.size):
        y[k] = x[k]
        if k == always or uniform(stream) < rate:
            y[k] += settings.attraction * (leader[k] - x[k]) + settings.differential_weight * (a[k] - b[k])


@jit(borrows=True, forceinline=True)
def fill(
    rows: Indices, streams: Stream, population: Population, parents: Parents, memory: Memory, settings: Settings,
    offspring: Offspring,
) -> None:  # fmt: skip
    """Fill ``rows`` with individuals that gather; arguments as in `csmoifsa.kernels.behaviours`."""
    X = population.X
    for q in rows:
        y, stream = offspring.X[q], streams[q : q + 1]
        i, leader = randint(stream, parents.count), parents.leaders[randint(stream, parents.leaders.size)]
        a, b = randint(stream, parents.count), randint(stream, parents.count)
        gather(y, X[i], X[leader], X[a], X[b], settings, stream)
        repair_bounds(y, X[i], stream)
        record_parent(offspring, q, population, i)
