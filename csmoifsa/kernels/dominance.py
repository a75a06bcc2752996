"""Pareto dominance with constraint violation: compare two rows, sort rows, rank them by non-domination.

``F`` (rows, n_obj) holds objectives, minimised; ``CV`` (rows,) total constraint violations, 0 = feasible.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Flags, Indices, Matrix, Vector, jit


@jit(borrows=True, forceinline=True)
def front_box(F: Matrix, rank: Indices, count: int, ideal: Vector, extent: Vector) -> None:
    """Write each objective's least value and range over the non-dominated of the first ``count`` rows.

    rank : (rows,) 0 for the non-dominated; ideal, extent : (n_obj,).
    """
    for k in range(F.shape[1]):
        low, high = np.inf, -np.inf
        for i in range(count):
            if rank[i] == 0:
                low, high = min(low, F[i, k]), max(high, F[i, k])
        ideal[k], extent[k] = low, high - low


@jit(borrows=True)
def compare(F: Matrix, CV: Vector, i: int, other_F: Matrix, other_CV: Vector, j: int) -> int:
    """Return 1 if row i of one table is better than row j of another, -1 if it is worse, 0 if neither.

    Better means a smaller violation or, at equal violation, Pareto dominance. Both tables may be the same.
    F : (rows, n_obj), CV : (rows,), other_F : (other rows, n_obj), other_CV : (other rows,).
    """
    if CV[i] != other_CV[j]:
        return 1 if CV[i] < other_CV[j] else -1
    better, worse = False, False
    for k in range(F.shape[1]):
        if F[i, k] < other_F[j, k]:
            better = True
        elif F[i, k] > other_F[j, k]:
            worse = True
    return int(better) - int(worse)


@jit(borrows=True)
def better_rows(F: Matrix, CV: Vector, other_F: Matrix, other_CV: Vector, better: Flags) -> None:
    """Write row by row into ``better`` (rows,) whether the first table's row is better than the second's."""
    for i in range(CV.size):
        better[i] = compare(F, CV, i, other_F, other_CV, i) == 1


@jit(borrows=True)
def precedes(F: Matrix, CV: Vector, i: int, j: int) -> bool:
    """Return whether row i sorts before row j: by violation, then objectives from first to last, then row number."""
    if CV[i] != CV[j]:
        return CV[i] < CV[j]
    for k in range(F.shape[1]):
        if F[i, k] != F[j, k]:
            return F[i, k] < F[j, k]
    return i < j


@jit(borrows=True)
def sort_rows(F: Matrix, CV: Vector, order: Indices, n_sorted: int) -> None:
    """Sort ``order`` (n,) row numbers, the first ``n_sorted`` of which are sorted already, in place by `precedes`."""
    for s in range(n_sorted, order.size):
        row, low, high = order[s], 0, s
        while low < high:
            middle = (low + high) // 2
            if precedes(F, CV, row, order[middle]):
                high = middle
            else:
                low = middle + 1
        for t in range(s, low, -1):
            order[t] = order[t - 1]
        order[low] = row


@jit(forceinline=True)
def rank_rows(F: Matrix, CV: Vector, order: Indices, rank: Indices) -> int:
    """Write the non-dominated rank of each row of ``order`` (n,), sorted by `precedes`; return the number of ranks.

    rank : (rows,) 0 = non-dominated. Of equal rows one keeps its rank and each other one gets the next.
    """
    return update_ranks(F, CV, order, 0, np.empty(0, np.bool_), rank)


@jit(borrows=True, forceinline=True)
def update_ranks(F: Matrix, CV: Vector, order: Indices, count: int, eliminated: Flags, rank: Indices) -> int:
    """Do `rank_rows`, where the rows below ``count`` bring the ranks that they had among themselves.

    eliminated : (rows,) those that took part then and are no longer in ``order``, beside rows that never did.
    """
    if F.shape[1] == 2:
        return rank_two_objectives(F, CV, order, count, rank)
    return rank_many_objectives(F, CV, order, count, eliminated, rank)


@jit
def rank_two_objectives(F: Matrix, CV: Vector, order: Indices, count: int, rank: Indices) -> int:
    """Do `update_ranks` for two objectives in O(n log n).

    Rows come sorted, so a front dominates a row exactly if the front's least second objective so far is not larger;
    these minima grow from front to front, hence the binary search. Rows with more violation start below all fronts.
    Most rows below ``count`` keep their rank, which is looked at before the search.
    """
    least = np.empty(order.size)
    base, depth = 0, 0
    for s in range(order.size):
        i = order[s]
        if s > 0 and CV[i] != CV[order[s - 1]]:
            base = depth
        value = F[i, 1]
        low, high = base, depth
        own = int(rank[i]) if i < count else -1
        if base <= own <= depth:
            if own > base and least[own - 1] > value:
                high = own - 1
            elif own < depth and least[own] <= value:
                low = own + 1
            else:
                low = high = own
        while low < high:
            middle = (low + high) // 2
            if least[middle] <= value:
                low = middle + 1
            else:
                high = middle
        least[low] = value
        rank[i] = low
        depth = max(depth, low + 1)
    return depth


@jit(borrows=True)
def no_worse_in_front(F: Matrix, order: Indices, i: int, place: int, before: Indices) -> bool:
    """Return whether a chain has a row no worse than row i, which is sorted after it.

    The chain's places in ``order`` (n,) are linked from the newest, ``place``, by ``before`` (n,), the end is -1. The
    first objective is not compared: rows come sorted by it.
    """
    while place >= 0:
        k = 1
        while k < F.shape[1] and F[order[place], k] <= F[i, k]:
            k += 1
        if k == F.shape[1]:
            return True
        place = before[place]
    return False


@jit(borrows=True)
def no_worse_among(F: Matrix, CV: Vector, i: int, row: int, before: Indices) -> bool:
    """Return whether a chain has a row of the violation of row i, and in no objective above it.

    The chain's rows are linked from the newest, ``row``, by ``before`` (rows,), the end is -1.
    """
    while row >= 0:
        k = 0 if CV[row] == CV[i] else F.shape[1] + 1
        while k < F.shape[1] and F[row, k] <= F[i, k]:
            k += 1
        if k == F.shape[1]:
            return True
        row = before[row]
    return False


@jit
def rank_many_objectives(
    F: Matrix, CV: Vector, order: Indices, count: int, eliminated: Flags, rank: Indices
) -> int:  # fmt: skip
    """Do `update_ranks` for any number of objectives: efficient non-dominated sort with sequential search.

    Zhang et al. 2015, doi:10.1109/TEVC.2014.2308305. Sorted rows can be dominated by earlier ones only, and who is
    dominated from a front is so from all fronts before it. A row that had a rank rises only if a row no worse came to
    this rank, for with one that was there before it would have been higher already; it falls only if a row no worse
    left the rank before its own. These rows are chained by rank, in ``came`` and ``left``. Where rows with less
    violation changed, the ranks of all with more may shift, and are searched from the row's own.
    """
    size = max(count, order.size) + 1
    last, before = np.empty(size, np.int64), np.empty(order.size, np.int64)  # the front of each rank
    came, came_before = np.empty(size, np.int64), np.empty(order.size, np.int64)  # places in the order
    left, left_before = np.empty(size, np.int64), np.empty(CV.size, np.int64)  # rows
    for r in range(size):
        came[r], left[r] = -1, -1
    least = np.inf  # violation of a row that changed
    for i in range(min(count, eliminated.size)):
        if eliminated[i]:
            left_before[i], left[rank[i]] = left[rank[i]], i
            least = min(least, CV[i])
    base, depth = 0, 0
    for s in range(order.size):
        i = order[s]
        if s > 0 and CV[i] != CV[order[s - 1]]:
            base = depth
        own = rank[i] if i < count else -1
        r, rises, falls = own, False, False
        if own < 0 or CV[i] > least:
            r, rises, falls = min(max(own, base), depth), True, True
        elif no_worse_in_front(F, order, i, came[own], came_before):
            r, rises = own + 1, True
        elif own > base and no_worse_among(F, CV, i, left[own - 1], left_before):
            r, falls = min(own, depth), True
        while falls and r > base and not no_worse_in_front(F, order, i, last[r - 1], before):
            r -= 1
        while rises and r < depth and no_worse_in_front(F, order, i, last[r], before):
            r += 1
        if r != own:
            came_before[s], came[r] = came[r], s
            if own >= 0:
                left_before[i], left[own] = left[own], i
            rank[i], least = r, min(least, CV[i])
        if r == depth:
            last[depth] = -1
            depth += 1
        before[s], last[r] = last[r], s
    return depth
