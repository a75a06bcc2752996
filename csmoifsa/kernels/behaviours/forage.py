"""Forage: an active individual looks along a single coordinate, near or far."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Indices, Stream, Vector, jit
from csmoifsa.kernels.parents import pick
from csmoifsa.kernels.random import randint, uniform
from csmoifsa.kernels.records import Memory, Offspring, Parents, Population
from csmoifsa.kernels.variation import record_parent, repair_bounds
from csmoifsa.settings import Settings

MIN_CREDIT = 1.0  # of min_forage_credit, so that foraging takes over when nothing else succeeds
TIRES_PARENTS = True
REMEMBERS_STEPS = True
FINEST, COARSEST = 4.0, 1.3  # fine steps are 10^-4 to 10^-1.3 of a variable's range


@jit(borrows=True)
def look(y: Vector, x: Vector, cauchy_scale: float, step_lengths: Vector, stream: Stream) -> None:
    """Write into ``y`` (n_var,) a step along one coordinate of ``x`` (n_var,): a fine one or a jump, equally likely.

    Fine steps are of any order of magnitude. Jumps are as long as one of ``step_lengths`` (memory_size,), which
    succeeded lately, or else Cauchy distributed: the basins of a periodic landscape are evenly spaced, so a length that
    succeeded once succeeds again.
    """
    for k in range(y.size):
        y[k] = x[k]
    k, known = randint(stream, y.size), 0
    while known < step_lengths.size and step_lengths[known] > 0.0:
        known += 1
    sign = 1.0 if uniform(stream) < 0.5 else -1.0
    if uniform(stream) < 0.5:
        y[k] += sign * 10.0 ** (-COARSEST - (FINEST - COARSEST) * uniform(stream))
    elif known > 0 and uniform(stream) < 0.5:
        y[k] += sign * step_lengths[randint(stream, known)]
    else:
        y[k] += cauchy_scale * np.tan(np.pi * (uniform(stream) - 0.5))


@jit(borrows=True, forceinline=True)
def fill(
    rows: Indices, streams: Stream, population: Population, parents: Parents, memory: Memory, settings: Settings,
    offspring: Offspring,
) -> None:  # fmt: skip
    """Fill ``rows`` with foragers from active individuals; arguments as in `csmoifsa.kernels.behaviours`."""
    X = population.X
    for q in rows:
        y, stream = offspring.X[q], streams[q : q + 1]
        i = parents.active[pick(parents.clone_shares, uniform(stream))]
        look(y, X[i], settings.cauchy_scale, memory.step_lengths, stream)
        repair_bounds(y, X[i], stream)
        record_parent(offspring, q, population, i)
