"""Crowding distances within a front, and removal of its most crowded rows, one at a time.

Distances are measured in objectives that are scaled to their range over the front. The paper's word for crowding is
antibody concentration, its reciprocal. ``F`` (rows, n_obj) holds objectives; ``front`` (n,) the row numbers of mutually
non-dominated rows, sorted by the first objective; ``kept`` (n,) is written: which of them stay; ``crowding`` (rows,) is
written for those: their crowding distance, large where there is room, infinite for the best of up to three objectives.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Flags, Indices, Matrix, Vector, jit

BLOCK = 32  # gaps whose narrowest is remembered


@jit(borrows=True)
def objective_range(F: Matrix, rows: Indices, k: int) -> float:
    """Return the range of objective ``k`` of ``F`` (any, n_obj) over ``rows`` (n,), at least 1e-300."""
    low, high = F[rows[0], k], F[rows[0], k]
    for i in rows:
        low, high = min(low, F[i, k]), max(high, F[i, k])
    return max(high - low, 1e-300)


@jit(borrows=True, forceinline=True)
def truncate(F: Matrix, front: Indices, size: int, crowding: Vector, kept: Flags) -> None:
    """Keep the ``size`` least crowded rows of ``front`` (n,): remove one at a time and find the crowding again."""
    if F.shape[1] == 2:
        truncate_two_objectives(F, front, size, crowding, kept)
    else:
        truncate_many_objectives(F, front, size, crowding, kept)


@jit(borrows=True)
def pair_distance(F: Matrix, i: int, j: int, scale_0: float, scale_1: float) -> float:
    """Return the distance of rows i and j of ``F`` (rows, 2), each objective multiplied by its scale."""
    step_0, step_1 = (F[i, 0] - F[j, 0]) * scale_0, (F[i, 1] - F[j, 1]) * scale_1
    return np.sqrt(step_0 * step_0 + step_1 * step_1)


@jit(borrows=True)
def narrowest(gap: Vector, block: int) -> int:
    """Return the place of the least entry of ``gap`` (n,) in a block of `BLOCK` entries: the first of equal ones."""
    place, least = block * BLOCK, np.inf
    for s in range(block * BLOCK, min((block + 1) * BLOCK, gap.size)):
        if gap[s] < least:
            place, least = s, gap[s]
    return place


@jit
def truncate_two_objectives(F: Matrix, front: Indices, size: int, crowding: Vector, kept: Flags) -> None:
    """Do `truncate` one at a time for two objectives: remove one end of the narrowest gap and join its neighbours.

    Of the two ends the one with the narrower gap on its other side is removed; the ends of the front stay. The crowding
    distance is the sum of the gaps on both sides. The narrowest gap is the narrowest of those of all blocks.
    """
    n, last = front.size, front.size - 1
    # one objective ascends along the front, the other descends
    scale_0 = 1.0 / max(F[front[last], 0] - F[front[0], 0], 1e-300)
    scale_1 = 1.0 / max(F[front[0], 1] - F[front[last], 1], 1e-300)
    left, right, gap = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    for s in range(last):
        gap[s] = pair_distance(F, front[s], front[s + 1], scale_0, scale_1)
    gap[last] = np.inf
    for s in range(n):
        left[s], right[s], kept[s] = s - 1, s + 1, True
    n_blocks = (n + BLOCK - 1) // BLOCK if size < n else 0
    best = np.empty(n_blocks, np.int64)
    for block in range(n_blocks):
        best[block] = narrowest(gap, block)
    first = 0
    for _ in range(n - size):
        narrow = first
        for block in range(n_blocks):  # those removed have an infinite gap
            if gap[best[block]] < gap[narrow]:
                narrow = best[block]
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
            best[p // BLOCK] = narrowest(gap, p // BLOCK)
        best[out // BLOCK] = narrowest(gap, out // BLOCK)
    for s in range(n):
        if kept[s]:
            crowding[front[s]] = (gap[left[s]] if left[s] >= 0 else np.inf) + gap[s]


@jit(borrows=True)
def squared_distance(G: Matrix, s: int, t: int, shifted: bool) -> float:
    """Return the squared distance from row s to row t of ``G`` (n, n_obj).

    ``shifted``: only the objectives count in which t is worse than s.
    """
    total = 0.0
    for k in range(G.shape[1]):
        step = G[s, k] - G[t, k]
        if not shifted or step < 0.0:
            total += step * step
    return total


@jit(borrows=True)
def two_nearest(G: Matrix, kept: Flags, s: int, nearest: Matrix, neighbour: Indices) -> None:
    """Write into ``nearest[s]`` (n, 2) the two least squared distances from row s of ``G`` to others still kept.

    Also writes to which rows, into ``neighbour`` (2 n,), -1 where there is none. Rows are sorted by the first
    objective, so the search to each side ends where that alone is too far. With more than three objectives the distance
    is shifted, and then objectives in which the other is better say nothing.
    """
    first, second, at_first, at_second, shifted = np.inf, np.inf, -1, -1, G.shape[1] > 3
    for side in range(2):
        t, way = (s + 1, 1) if side == 0 else (s - 1, -1)
        while 0 <= t < kept.size:
            step = G[s, 0] - G[t, 0]
            if step * step >= second and not (shifted and side):
                break
            if kept[t]:
                d = squared_distance(G, s, t, shifted)
                if d < first:
                    first, second, at_first, at_second = d, first, t, at_first
                elif d < second:
                    second, at_second = d, t
            t += way
    nearest[s, 0], nearest[s, 1], neighbour[2 * s], neighbour[2 * s + 1] = first, second, at_first, at_second


@jit
def scaled_objectives(F: Matrix, front: Indices, extreme: Flags) -> Matrix:
    """Return the objectives (n, n_obj) of ``front`` (n,) in units of their ranges; set ``extreme`` at each one's best.

    extreme : (n,)
    """
    G = np.empty((front.size, F.shape[1]))  # np.empty throughout: np.zeros alone costs a second of first compile
    for k in range(F.shape[1]):
        width, best = objective_range(F, front, k), 0
        for s in range(front.size):
            G[s, k] = F[front[s], k] / width
            if G[s, k] < G[best, k]:
                best = s
        extreme[best] = True
    return G


@jit
def truncate_many_objectives(F: Matrix, front: Indices, size: int, crowding: Vector, kept: Flags) -> None:
    """Do `truncate` one at a time for any number of objectives: remove the row with the nearest neighbour.

    Ties go to the nearer second neighbour, then to the later row. The best row of each objective stays while there is
    room. The crowding distance is the squared distance to the nearest neighbour. With up to three objectives it is
    infinite for the best of each; with more, these would make up most of the active individuals. There the density is
    shifted: from s to t only those objectives count in which t is worse than s (Li, Yang and Liu 2014,
    doi:10.1109/TEVC.2013.2262178). Nearly all rows are mutually non-dominated there, and a row far behind the front
    would be kept for being alone.
    """
    n, n_obj = front.size, F.shape[1]
    extreme, nearest, neighbour = np.empty(n, np.bool_), np.empty((n, 2)), np.empty(2 * n, np.int64)
    for s in range(n):
        kept[s], extreme[s] = True, False
    G = scaled_objectives(F, front, extreme)
    for s in range(n):
        two_nearest(G, kept, s, nearest, neighbour)
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
            if kept[s] and (neighbour[2 * s] == out or neighbour[2 * s + 1] == out):
                two_nearest(G, kept, s, nearest, neighbour)
    for s in range(n):
        if kept[s]:
            crowding[front[s]] = np.inf if extreme[s] and n_obj <= 3 else nearest[s, 0]
