"""Pareto dominance with constraint violation: compare two rows, sort rows, rank them by non-domination.

``F`` (rows, n_obj) holds objectives, minimised; ``CV`` (rows,) total constraint violations, 0 = feasible.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Flags, Indices, Matrix, Vector, jit


@jit
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


@jit
def better_rows(F: Matrix, CV: Vector, other_F: Matrix, other_CV: Vector, better: Flags) -> None:
    """Write row by row into ``better`` (rows,) whether the first table's row is better than the second's."""
    for i in range(CV.size):
        better[i] = compare(F, CV, i, other_F, other_CV, i) == 1


@jit
def precedes(F: Matrix, CV: Vector, i: int, j: int) -> bool:
    """Return whether row i sorts before row j: by violation, then objectives from first to last, then row number."""
    if CV[i] != CV[j]:
        return CV[i] < CV[j]
    for k in range(F.shape[1]):
        if F[i, k] != F[j, k]:
            return F[i, k] < F[j, k]
    return i < j


@jit
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
    if F.shape[1] == 2:
        return rank_two_objectives(F, CV, order, rank)
    return rank_many_objectives(F, CV, order, rank)


@jit
def rank_two_objectives(F: Matrix, CV: Vector, order: Indices, rank: Indices) -> int:
    """Do `rank_rows` for two objectives in O(n log n).

    Rows come sorted, so a front dominates a row exactly if the front's least second objective so far is not larger;
    these minima grow from front to front, hence the binary search. Rows with more violation start below all fronts.
    """
    least = np.empty(order.size)
    base, depth = 0, 0
    for s in range(order.size):
        i = order[s]
        if s > 0 and CV[i] != CV[order[s - 1]]:
            base = depth
        low, high = base, depth
        while low < high:
            middle = (low + high) // 2
            if least[middle] <= F[i, 1]:
                low = middle + 1
            else:
                high = middle
        least[low] = F[i, 1]
        rank[i] = low
        depth = max(depth, low + 1)
    return depth


@jit
def rank_many_objectives(F: Matrix, CV: Vector, order: Indices, rank: Indices) -> int:
    """Do `rank_rows` for any number of objectives: efficient non-dominated sort with sequential search.

    Zhang et al. 2015, doi:10.1109/TEVC.2014.2308305. Sorted rows can be dominated by earlier ones only; ``last`` and
    ``before`` chain the rows of each front from the newest on. The first objective is sorted, so it is not compared.
    """
    last = np.empty(order.size, np.int64)
    before = np.empty(order.size, np.int64)
    base, depth = 0, 0
    for s in range(order.size):
        i = order[s]
        if s > 0 and CV[i] != CV[order[s - 1]]:
            base = depth
        r = base
        while r < depth:
            t = last[r]
            while t >= 0:
                no_worse = True
                for k in range(1, F.shape[1]):
                    if F[order[t], k] > F[i, k]:
                        no_worse = False
                        break
                if no_worse:
                    break
                t = before[t]
            if t < 0:
                break
            r += 1
        if r == depth:
            last[r] = -1
            depth += 1
        before[s] = last[r]
        last[r] = s
        rank[i] = r
    return depth
