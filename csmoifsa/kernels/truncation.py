"""Crowding distances within a front, and removal of its most crowded rows, one at a time.

Distances are measured in objectives that are scaled to their range over the front. The paper's word for crowding is
antibody concentration, its reciprocal. ``F`` (rows, n_obj) holds objectives; ``front`` (n,) the row numbers of mutually
non-dominated rows, sorted by the first objective; ``kept`` (n,) is written: which of them stay; ``crowding`` (rows,) is
written for those: their crowding distance, large where there is room, infinite for the best of up to three objectives.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Flags, Indices, Matrix, Vector, jit


@jit
def objective_range(F: Matrix, rows: Indices, k: int) -> float:
    """Return the range of objective ``k`` of ``F`` (any, n_obj) over ``rows`` (n,), at least 1e-300."""
    low, high = F[rows[0], k], F[rows[0], k]
    for i in rows:
        low, high = min(low, F[i, k]), max(high, F[i, k])
    return max(high - low, 1e-300)


@jit(forceinline=True)
def truncate(F: Matrix, front: Indices, size: int, crowding: Vector, kept: Flags) -> None:
    """Keep the ``size`` least crowded rows of ``front`` (n,): remove one at a time and find the crowding again."""
    if F.shape[1] == 2:
        truncate_two_objectives(F, front, size, crowding, kept)
    else:
        truncate_many_objectives(F, front, size, crowding, kept)


@jit
def pair_distance(F: Matrix, i: int, j: int, scale_0: float, scale_1: float) -> float:
    """Return the distance of rows i and j of ``F`` (rows, 2), each objective multiplied by its scale."""
    step_0, step_1 = (F[i, 0] - F[j, 0]) * scale_0, (F[i, 1] - F[j, 1]) * scale_1
    return np.sqrt(step_0 * step_0 + step_1 * step_1)


@jit
def truncate_two_objectives(F: Matrix, front: Indices, size: int, crowding: Vector, kept: Flags) -> None:
    """Do `truncate` one at a time for two objectives: remove one end of the narrowest gap and join its neighbours.

    Of the two ends the one with the narrower gap on its other side is removed; the ends of the front stay. The crowding
    distance is the sum of the gaps on both sides.
    """
    n = front.size
    scale_0, scale_1 = 1.0 / objective_range(F, front, 0), 1.0 / objective_range(F, front, 1)
    left, right, gap = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    for s in range(n):
        left[s], right[s], kept[s] = s - 1, s + 1, True
        gap[s] = pair_distance(F, front[s], front[s + 1], scale_0, scale_1) if s + 1 < n else np.inf
    first = 0
    for _ in range(n - size):
        narrow, least = first, gap[first]
        for s in range(first + 1, n):  # those removed have an infinite gap
            if gap[s] < least:
                narrow, least = s, gap[s]
        after = right[narrow]
        gap_before = gap[left[narrow]] if left[narrow] >= 0 else np.inf
        out = narrow if gap_before < gap[after] else after  # the last row has an infinite gap, so it stays
        p, q = left[out], right[out]
        kept[out], gap[out] = False, np.inf
        if q < n:
            left[q] = p
        if p < 0:
            first = q
        else:
            right[p] = q
            gap[p] = pair_distance(F, front[p], front[q], scale_0, scale_1) if q < n else np.inf
    for s in range(n):
        if kept[s]:
            crowding[front[s]] = (gap[left[s]] if left[s] >= 0 else np.inf) + gap[s]


@jit
def two_nearest(D: Matrix, kept: Flags, i: int, nearest: Matrix) -> None:
    """Write into ``nearest[i]`` (n, 2) the two least entries of row i of ``D`` (n, n) among the others still kept."""
    first, second = np.inf, np.inf
    for j in range(kept.size):
        d = D[i, j]
        if d < second and kept[j] and j != i:
            if d < first:
                first, second = d, first
            else:
                second = d
    nearest[i, 0], nearest[i, 1] = first, second


@jit
def squared_distances(F: Matrix, front: Indices, extreme: Flags) -> Matrix:
    """Return squared distances (n, n) of the rows of ``front`` (n,); set ``extreme`` (n,) at each objective's best.

    With more than three objectives the density is shifted: from s to t only those objectives count in which t is worse
    than s (Li, Yang and Liu 2014, doi:10.1109/TEVC.2013.2262178). Nearly all rows are mutually non-dominated there, and
    a row far behind the front would be kept for being alone.
    """
    n, shifted = front.size, F.shape[1] > 3
    D = np.empty((n, n))  # np.empty throughout: np.zeros alone costs a second of first compile
    scaled = np.empty(n)
    for k in range(F.shape[1]):
        width, best = objective_range(F, front, k), 0
        for s in range(n):
            scaled[s] = F[front[s], k] / width
            if scaled[s] < scaled[best]:
                best = s
        extreme[best] = True
        for s in range(n):
            for t in range(s):
                step = scaled[s] - scaled[t]
                worse, better = (max(step, 0.0), min(step, 0.0)) if shifted else (step, step)  # s beside t
                D[s, t] = better * better if k == 0 else D[s, t] + better * better
                if shifted:
                    D[t, s] = worse * worse if k == 0 else D[t, s] + worse * worse
    if not shifted:
        for s in range(n):
            for t in range(s):
                D[t, s] = D[s, t]
    return D


@jit
def truncate_many_objectives(F: Matrix, front: Indices, size: int, crowding: Vector, kept: Flags) -> None:
    """Do `truncate` one at a time for any number of objectives: remove the row with the nearest neighbour.

    Ties go to the nearer second neighbour, then to the later row. The best row of each objective stays while there is
    room. The crowding distance is the squared distance to the nearest neighbour. With up to three objectives it is
    infinite for the best of each; with more, these would make up most of the active individuals.
    """
    n, n_obj = front.size, F.shape[1]
    extreme, nearest = np.empty(n, np.bool_), np.empty((n, 2))
    for s in range(n):
        kept[s], extreme[s] = True, False
    D = squared_distances(F, front, extreme)
    for s in range(n):
        two_nearest(D, kept, s, nearest)
    for left in range(n, size, -1):
        out = -1
        for s in range(n):
            if not kept[s] or (extreme[s] and left > n_obj):
                continue
            place = 0 if out >= 0 and nearest[s, 0] != nearest[out, 0] else 1
            if out < 0 or nearest[s, place] < nearest[out, place] or (place and nearest[s, 1] == nearest[out, 1]):
                out = s
        kept[out] = False
        for s in range(n):
            if kept[s] and D[s, out] <= nearest[s, 1]:
                two_nearest(D, kept, s, nearest)
    for s in range(n):
        if kept[s]:
            crowding[front[s]] = np.inf if extreme[s] and n_obj <= 3 else nearest[s, 0]
