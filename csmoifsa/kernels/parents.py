"""Choice of parents: the active individuals, their leaders, and the shares of clones."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Indices, Vector, jit
from csmoifsa.kernels.dominance import front_box
from csmoifsa.kernels.records import Parents, Population
from csmoifsa.settings import Settings


@jit
def least_crowded(rank: Indices, crowding: Vector, count: int, n_most: int) -> Indices:
    """Return the non-dominated rows with the largest crowding distance, at most ``n_most``, the largest first.

    rank, crowding : (rows,), of which the first ``count`` are read.
    """
    rows, n = np.empty(min(n_most, count), np.int64), 0
    for i in range(count):
        if rank[i] != 0 or (n == rows.size and crowding[i] <= crowding[rows[n - 1]]):
            continue
        j = min(n, rows.size - 1)
        while j > 0 and crowding[rows[j - 1]] < crowding[i]:
            rows[j] = rows[j - 1]
            j -= 1
        rows[j] = i
        n = min(n + 1, rows.size)
    return rows[:n]


@jit
def clone_shares_of(crowding: Vector, rows: Indices) -> Vector:
    """Return the cumulative shares of clones (n,) of ``rows`` (n,), in proportion to crowding distance (rows,).

    An infinite distance counts as twice the largest finite one.
    """
    largest, total = 0.0, 0.0
    for i in rows:
        if np.isfinite(crowding[i]):
            largest = max(largest, crowding[i])
    shares = np.empty(rows.size)
    for s in range(rows.size):
        distance = crowding[rows[s]]
        total += distance if np.isfinite(distance) else (2.0 * largest if largest > 0.0 else 1.0)
        shares[s] = total
    for s in range(rows.size):
        shares[s] = shares[s] / total if total > 0.0 else (s + 1.0) / rows.size
    return shares


@jit(borrows=True)
def pick(shares: Vector, u: float) -> int:
    """Return the first place in the cumulative ``shares`` (n,) that exceeds ``u``, 0 <= u < 1: a roulette wheel."""
    for s in range(shares.size - 1):
        if u < shares[s]:
            return s
    return shares.size - 1


@jit(borrows=True, forceinline=True)
def lessen_crowding(population: Population, settings: Settings, crowding: Vector) -> None:
    """Write the first rows' crowding distances into ``crowding`` (count,), divided by a measure of their uses."""
    for i in range(crowding.size):
        crowding[i] = population.crowding[i] / (1.0 + settings.reuse_penalty * population.n_uses[i])


@jit(forceinline=True)
def choose_parents(population: Population, count: int, settings: Settings) -> Parents:
    """Return the possible parents of the next generation of a population with ``count`` individuals.

    The crowding distance of an individual counts less the more often it was used: the individuals at the edges of a gap
    in the front stay the least crowded, although no solution lies in the gap. While nothing is feasible, the fifth of
    the population with the least violation is active: with the best one alone the population would converge to its
    local minimum of violation.
    """
    crowding = np.empty(count)
    lessen_crowding(population, settings, crowding)
    if population.CV[population.order[0]] > 0.0:
        active = population.order[: max(count // 5, 1)]
    else:
        active = least_crowded(population.rank, crowding, count, settings.n_active)
    leaders = active[: min(settings.n_leaders, active.size)]
    ideal, extent = np.empty(population.F.shape[1]), np.empty(population.F.shape[1])
    front_box(population.F, population.rank, count, ideal, extent)
    return Parents(count, active, leaders, clone_shares_of(crowding, active), ideal, extent)
