"""Selection of the next population: parent-offspring competition and environmental selection."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Flags, Indices, jit
from csmoifsa.kernels.dominance import compare, sort_rows, update_ranks
from csmoifsa.kernels.records import Offspring, Population
from csmoifsa.kernels.truncation import truncate


@jit(borrows=True, forceinline=True)
def compete_with_parents(population: Population, count: int, offspring: Offspring, n: int, eliminated: Flags) -> None:
    """Set ``eliminated`` (count + n,) at the worse of each child and its parent, if one of them is worse.

    Children near their parents would otherwise replace individuals that are worse but in other regions, and the
    population would converge before it has explored the space (crowding: De Jong 1975; Mahfoud 1992).
    """
    for q in range(n):
        better = compare(population.F, population.CV, count + q, population.F, population.CV, offspring.parent[q])
        if better != 0:
            eliminated[offspring.parent[q] if better == 1 else count + q] = True


@jit(borrows=True, forceinline=True)
def copy_row(population: Population, source: int, target: int) -> None:
    """Copy one row of every column of the population, except ``order``, onto another row."""
    for k in range(population.X.shape[1]):
        population.X[target, k] = population.X[source, k]
        population.displacement[target, k] = population.displacement[source, k]
    for k in range(population.F.shape[1]):
        population.F[target, k] = population.F[source, k]
    for k in range(population.extra.shape[1]):
        population.extra[target, k] = population.extra[source, k]
    population.CV[target] = population.CV[source]
    population.rank[target] = population.rank[source]
    population.crowding[target] = population.crowding[source]
    population.n_uses[target] = population.n_uses[source]


@jit(borrows=True, forceinline=True)
def sort_candidates(population: Population, count: int, eliminated: Flags) -> int:
    """Write the row numbers that are not ``eliminated`` (rows,), sorted, to the start of ``order``; return how many.

    ``order`` keeps the first ``count`` rows sorted from one call to the next, so only newcomers are inserted.
    """
    n_sorted, total = 0, 0
    for s in range(eliminated.size):
        row = population.order[s] if s < count else s
        if not eliminated[row]:
            population.order[total] = row
            total += 1
            n_sorted += s < count
    sort_rows(population.F, population.CV, population.order[:total], n_sorted)
    return total


@jit(borrows=True, forceinline=True)
def move_survivors(population: Population, order: Indices, survives: Flags, n_survivors: int) -> None:
    """Move the rows that ``survives`` (rows,) marks into the first ``n_survivors`` rows, in place.

    Survivors among the first rows already keep their row, so only newcomers move. ``order`` is updated.
    """
    place = 0
    for s in range(order.size):
        if survives[order[s]]:
            order[place] = order[s]
            place += 1
    hole = 0
    for s in range(n_survivors):
        if order[s] >= n_survivors:
            while survives[hole]:
                hole += 1
            copy_row(population, order[s], hole)
            survives[hole] = True
            order[s] = hole


@jit(borrows=True)
def group_by_rank(order: Indices, rank: Indices, start: Indices, grouped: Indices) -> None:
    """Write ``order`` (n,), rank by rank and otherwise as it is, into ``grouped`` (n,); rank : (rows,).

    start : (number of ranks + 1,) receives the place in ``grouped`` where each rank starts, and n.
    """
    for r in range(start.size):
        start[r] = 0
    for i in order:
        start[rank[i] + 1] += 1
    for r in range(1, start.size):
        start[r] += start[r - 1]
    for i in order:
        grouped[start[rank[i]]] = i
        start[rank[i]] += 1
    for r in range(start.size - 1, 0, -1):
        start[r] = start[r - 1]
    start[0] = 0


@jit(forceinline=True)
def environmental_selection(population: Population, count: int, eliminated: Flags, capacity: int, n_ranks: int) -> int:
    """Keep the best rows that are not ``eliminated`` (rows,), at most ``capacity``, in place; return how many.

    The survivors are in the first rows. Rows from ``count`` on, as many as ``eliminated`` has more, are newcomers.
    Whole fronts are kept rank by rank, at most ``n_ranks`` of them, and the one that does not fit is truncated. So a
    survivor is dominated by survivors only, and its rank is still right when the next newcomers come. Crowding is found
    where `choose_parents` reads it: in the first front, and in all of them while nothing is feasible.
    """
    total = sort_candidates(population, count, eliminated)
    order = population.order[:total]
    depth = update_ranks(population.F, population.CV, order, count, eliminated, population.rank)
    start, grouped = np.empty(depth + 1, np.int64), np.empty(total, np.int64)
    group_by_rank(order, population.rank, start, grouped)
    survives, kept = np.empty(eliminated.size, np.bool_), np.empty(total, np.bool_)
    for i in range(eliminated.size):
        survives[i] = False
    n_survivors = min(int(start[min(depth, n_ranks)]), capacity)
    feasible = population.CV[order[0]] == 0.0
    for r in range(depth):
        if start[r] >= n_survivors:
            break
        front = grouped[start[r] : start[r + 1]]
        whole = r > 0 and feasible and start[r + 1] <= capacity
        if not whole:
            truncate(population.F, front, min(front.size, capacity - start[r]), population.crowding, kept[: front.size])
        for s in range(front.size):
            survives[front[s]] = whole or kept[s]
    move_survivors(population, order, survives, n_survivors)
    return n_survivors
