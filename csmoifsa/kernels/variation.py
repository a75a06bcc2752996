"""What several behaviours do to a new position: mutate it, repair it at the bounds, record its parent.

The box is [0, 1]^n_var.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Stream, Vector, jit
from csmoifsa.kernels.random import uniform
from csmoifsa.kernels.records import Offspring, Population


@jit(borrows=True)
def repair_bounds(y: Vector, x: Vector, stream: Stream) -> None:
    """Bring the coordinates of ``y`` (n_var,) that left the box back, in place.

    With probability one half onto the bound, else to a random point between the bound and the parent ``x`` (n_var,).
    """
    for k in range(y.size):
        if y[k] < 0.0 or y[k] > 1.0:
            bound = 0.0 if y[k] < 0.0 else 1.0
            y[k] = bound + (uniform(stream) * (x[k] - bound) if uniform(stream) < 0.5 else 0.0)


@jit(borrows=True)
def skip(rate: float, n_var: int, stream: Stream) -> int:
    """Draw how many coordinates are passed over until the next one that is hit, with probability ``rate`` each."""
    if rate >= 1.0:
        return 0
    return int(min(np.log(1.0 - uniform(stream)) / np.log1p(-rate), n_var + 0.5)) if rate > 0.0 else n_var


@jit(borrows=True)
def mutate(x: Vector, n_mutations: float, eta: float, stream: Stream) -> None:
    """Apply polynomial mutation (Deb and Goyal 1996) to ``n_mutations`` coordinates of ``x`` (n_var,) on average.

    Works in place and inside the box; ``eta`` is the distribution index. The gaps between mutated coordinates are
    drawn, which costs one random number a mutation instead of one a coordinate.
    """
    n_var = x.size
    rate = n_mutations / n_var
    k = skip(rate, n_var, stream)
    while k < n_var:
        u, power = uniform(stream), 1.0 / (eta + 1.0)
        if u < 0.5:
            step = (2.0 * u + (1.0 - 2.0 * u) * (1.0 - x[k]) ** (eta + 1.0)) ** power - 1.0
        else:
            step = 1.0 - (2.0 * (1.0 - u) + 2.0 * (u - 0.5) * x[k] ** (eta + 1.0)) ** power
        x[k] = min(max(x[k] + step, 0.0), 1.0)
        k += 1 + skip(rate, n_var, stream)


@jit(borrows=True, forceinline=True)
def record_parent(offspring: Offspring, q: int, population: Population, i: int) -> None:
    """Write parent and displacement of row q of ``offspring``, whose position was made from row i of ``population``."""
    offspring.parent[q] = i
    for k in range(offspring.X.shape[1]):
        offspring.displacement[q, k] = offspring.X[q, k] - population.X[i, k]
