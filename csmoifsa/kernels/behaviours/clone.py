"""Clone (immunity): an uncrowded individual is copied, recombined with another one and mutated."""

from __future__ import annotations

from csmoifsa.jit import Indices, Stream, Vector, jit
from csmoifsa.kernels.parents import pick
from csmoifsa.kernels.random import randint, uniform
from csmoifsa.kernels.records import Memory, Offspring, Parents, Population
from csmoifsa.kernels.variation import mutate, record_parent, repair_bounds
from csmoifsa.settings import Settings

MIN_CREDIT = 0.5  # of min_forage_credit, so that the gaps of a front that has converged are still filled
TIRES_PARENTS = True


@jit(borrows=True)
def crossover(y: Vector, x: Vector, mate: Vector, eta: float, stream: Stream) -> None:
    """Write into ``y`` (n_var,) the simulated binary crossover of half the genes of ``x`` with ``mate`` (n_var,).

    Deb and Agrawal 1995, distribution index ``eta``; the two halves of each pair are exchanged at random.
    """
    power = 1.0 / (eta + 1.0)
    for k in range(y.size):
        y[k] = x[k]
        if uniform(stream) < 0.5 and x[k] != mate[k]:
            p, z = (x[k], mate[k]) if uniform(stream) < 0.5 else (mate[k], x[k])
            u = uniform(stream)
            ratio = 2.0 * u if u < 0.5 else 1.0 / (2.0 * (1.0 - u))
            beta = ratio**power
            y[k] = 0.5 * ((1.0 + beta) * p + (1.0 - beta) * z)


@jit(borrows=True, forceinline=True)
def fill(
    rows: Indices, streams: Stream, population: Population, parents: Parents, memory: Memory, settings: Settings,
    offspring: Offspring,
) -> None:  # fmt: skip
    """Fill ``rows`` with clones of active individuals; arguments as in `csmoifsa.kernels.behaviours`.

    The mate is any individual with probability ``outbreeding_rate``, else an active one.
    """
    X = population.X
    for q in rows:
        y, stream = offspring.X[q], streams[q : q + 1]
        i = parents.active[pick(parents.clone_shares, uniform(stream))]
        any_mate = uniform(stream) < settings.outbreeding_rate
        mate = randint(stream, parents.count) if any_mate else parents.active[randint(stream, parents.active.size)]
        crossover(y, X[i], X[mate], settings.eta_crossover, stream)
        repair_bounds(y, X[i], stream)
        mutate(y, settings.mutations_per_clone, settings.eta_mutation, stream)
        record_parent(offspring, q, population, i)
