"""All compiled code of the engine, by section: random, dominance, concentration, board, behaviours, school, loop.

Every function works on C-contiguous float64/int64 arrays in the unit box [0, 1]^n_var, minimises, is free of state and
takes its random key as an argument. Nothing here checks its input: the border is drawn in `csmoifsa.engine`.

"Reconstructed" marks formulas that the source paper (Dong et al., Electric Power Automation Equipment 42(7), 2022) does
not print; ``docs/assumptions.md`` gives the reason for each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float64, int64, types

from csmoifsa.jit import EVALUATOR, jit


class School(NamedTuple):
    """The fish, a row each; rows beyond the count in use are room for the next brood."""

    X: np.ndarray  # (rows, n_var) positions in the unit box
    heading: np.ndarray  # (rows, n_var) the displacement that brought each fish here
    F: np.ndarray  # (rows, n_obj) objectives, minimised
    CV: np.ndarray  # (rows,) total constraint violation, 0 = feasible
    extra: np.ndarray  # (rows, k) columns of the caller that travel with the fish
    rank: np.ndarray  # (rows,) int64 layer, 0 = non-dominated
    space: np.ndarray  # (rows,) free room on the own layer: the reciprocal of antibody concentration
    tries: np.ndarray  # (rows,) how often each fish was cloned or foraged from
    order: np.ndarray  # (rows,) int64 the rows in use, sorted by violation, then objectives


class Brood(NamedTuple):
    """Candidates that wait for their evaluation, a row each."""

    X: np.ndarray  # (rows, n_var)
    heading: np.ndarray  # (rows, n_var)
    parent: np.ndarray  # (rows,) int64 row of the parent in the school
    move: np.ndarray  # (rows,) int64 behaviour that made the child


# --------------------------------------------------------------------------------------------------------- random
# A counter-based stream (splitmix64, Steele et al. 2014, doi:10.1145/2660193.2660195) keyed by (seed, tick, row): the
# same numbers on any number of threads and in any order of rows, and nothing to save but integers.


@jit
def scramble(z):
    """Return a 64-bit finaliser of ``z``: every input bit flips every output bit with probability one half."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit
def open_stream(stream, seed, tick, row):
    """Point ``stream`` (1,) uint64 at the numbers of one row of one tick."""
    z = scramble(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    z = scramble(z + np.uint64(tick) * np.uint64(0xD1342543DE82EF95))
    stream[0] = scramble(z + np.uint64(row) * np.uint64(0xAF251AF3B0F025B5))


@jit
def uniform(stream):
    """Draw the stream's next number from [0, 1)."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    return np.float64(scramble(stream[0]) >> np.uint64(11)) * 1.1102230246251565e-16


@jit
def fill_uniform(table, seed, tick):
    """Fill a table with numbers from [0, 1), each row from its own stream."""
    stream = np.empty(1, np.uint64)
    for i in range(table.shape[0]):
        open_stream(stream, seed, tick, i)
        for k in range(table.shape[1]):
            table[i, k] = uniform(stream)


@jit
def below(stream, n):
    """Draw an integer from 0..n-1."""
    return min(int(uniform(stream) * n), n - 1)


# ------------------------------------------------------------------------------------------------------ dominance
@jit
def compare(F, CV, i, j):
    """Return 1 if row i is better than row j, -1 if it is worse, 0 if neither: less violation, then dominance."""
    if CV[i] != CV[j]:
        return 1 if CV[i] < CV[j] else -1
    better, worse = False, False
    for k in range(F.shape[1]):
        if F[i, k] < F[j, k]:
            better = True
        elif F[i, k] > F[j, k]:
            worse = True
    return int(better) - int(worse)


@jit
def precedes(F, CV, i, j):
    """Order rows by violation, then objectives from the first to the last, then row number."""
    if CV[i] != CV[j]:
        return CV[i] < CV[j]
    for k in range(F.shape[1]):
        if F[i, k] != F[j, k]:
            return F[i, k] < F[j, k]
    return i < j


@jit
def sort_in(F, CV, order, n_sorted):
    """Bring ``order`` (row numbers, the first ``n_sorted`` in order) into the order of `precedes`, in place."""
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


@jit
def layer_pairs(F, CV, order, rank):
    """Give each row its layer, two objectives; of equal rows one stays and the others sink. Returns the layer count.

    Rows come sorted, so a layer dominates a row exactly if its least second objective so far is not larger; those
    minima grow from layer to layer, hence the binary search. Rows with more violation start below all layers so far.
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
def layer_many(F, CV, order, rank):
    """Give each row its layer, any number of objectives: efficient non-dominated sort, sequential search.

    Zhang et al. 2015, doi:10.1109/TEVC.2014.2308305. Sorted rows can be dominated by earlier ones only; ``last`` and
    ``before`` chain each layer's rows from its newest on.
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
                for k in range(1, F.shape[1]):  # the first objective is sorted
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


# -------------------------------------------------------------------------------------------------- concentration
@jit
def reach(F, rows, k):
    """Return the range of objective ``k`` over ``rows``, never zero."""
    low, high = F[rows[0], k], F[rows[0], k]
    for i in rows:
        low, high = min(low, F[i, k]), max(high, F[i, k])
    return max(high - low, 1e-300)


@jit
def pair_gap(F, i, j, per_0, per_1):
    """Return the distance of two rows with two objectives, each multiplied by its factor."""
    step_0, step_1 = (F[i, 0] - F[j, 0]) * per_0, (F[i, 1] - F[j, 1]) * per_1
    return np.sqrt(step_0 * step_0 + step_1 * step_1)


@jit
def thin_pairs(F, rows, keep, space, alive):
    """Keep the ``keep`` least concentrated of mutually non-dominated ``rows``, two objectives, sorted by the first.

    One at a time the row at the shorter side of the narrowest gap goes and its neighbours are joined. ``alive`` marks
    who stays; ``space`` of those is the sum of both gaps, infinite at the ends.
    """
    n = rows.size
    per_0, per_1 = 1.0 / reach(F, rows, 0), 1.0 / reach(F, rows, 1)
    left, right, gap = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    for s in range(n):
        left[s], right[s], alive[s] = s - 1, s + 1, True
        gap[s] = pair_gap(F, rows[s], rows[s + 1], per_0, per_1) if s + 1 < n else np.inf
    first = 0
    for _ in range(n - keep):
        narrow, least = first, gap[first]
        for s in range(first + 1, n):  # those who are out have an infinite gap
            if gap[s] < least:
                narrow, least = s, gap[s]
        after = right[narrow]
        gap_before = gap[left[narrow]] if left[narrow] >= 0 else np.inf
        out = narrow if gap_before < gap[after] else after  # an end's outer gap is infinite, so ends stay
        p, q = left[out], right[out]
        alive[out], gap[out] = False, np.inf
        if q < n:
            left[q] = p
        if p < 0:
            first = q
        else:
            right[p] = q
            gap[p] = pair_gap(F, rows[p], rows[q], per_0, per_1) if q < n else np.inf
    for s in range(n):
        if alive[s]:
            space[rows[s]] = (gap[left[s]] if left[s] >= 0 else np.inf) + gap[s]


@jit
def two_nearest(D, alive, i, nearest):
    """Write the entries of row ``i`` of ``D`` for its two nearest living neighbours into ``nearest[i]``."""
    first, second = np.inf, np.inf
    for j in range(alive.size):
        d = D[i, j]
        if d < second and alive[j] and j != i:
            if d < first:
                first, second = d, first
            else:
                second = d
    nearest[i, 0], nearest[i, 1] = first, second


@jit
def square_gaps(F, rows, extreme):
    """Return squared distances (n, n) of rows in objectives scaled to their range; mark the best of each objective."""
    n = rows.size
    D = np.empty((n, n))  # np.empty throughout: np.zeros alone costs a second of first compile
    scaled = np.empty(n)
    for k in range(F.shape[1]):
        width, best = reach(F, rows, k), 0
        for s in range(n):
            scaled[s] = F[rows[s], k] / width
            if scaled[s] < scaled[best]:
                best = s
        extreme[best] = True
        for s in range(n):
            for t in range(s):
                step = scaled[s] - scaled[t]
                D[s, t] = step * step if k == 0 else D[s, t] + step * step
    for s in range(n):
        for t in range(s):
            D[t, s] = D[s, t]
    return D


@jit
def thin_many(F, rows, keep, space, alive):
    """Keep the ``keep`` least concentrated of mutually non-dominated ``rows``, any number of objectives.

    One at a time the row with the nearest neighbour goes (ties: the nearer second neighbour, then the later row) and
    the distances of those it was near to are found again; the best row of each objective stays while there is room.
    ``space`` is the squared distance to the nearest neighbour, infinite for the best of each objective.
    """
    n, n_obj = rows.size, F.shape[1]
    extreme, nearest = np.empty(n, np.bool_), np.empty((n, 2))
    for s in range(n):
        alive[s], extreme[s] = True, False
    D = square_gaps(F, rows, extreme)
    for s in range(n):
        two_nearest(D, alive, s, nearest)
    for left in range(n, keep, -1):
        out = -1
        for s in range(n):
            if not alive[s] or (extreme[s] and left > n_obj):
                continue
            place = 0 if out >= 0 and nearest[s, 0] != nearest[out, 0] else 1
            if out < 0 or nearest[s, place] < nearest[out, place] or (place and nearest[s, 1] == nearest[out, 1]):
                out = s
        alive[out] = False
        for s in range(n):
            if alive[s] and D[s, out] <= nearest[s, 1]:
                two_nearest(D, alive, s, nearest)
    for s in range(n):
        if alive[s]:
            space[rows[s]] = np.inf if extreme[s] else nearest[s, 0]


# ----------------------------------------------------------------------------------------------------------- board
@jit
def drop_at_once(rows, keep, space, alive):
    """Drop the most concentrated of ``rows`` by the space they have now, without finding it anew after each."""
    for _ in range(rows.size - keep):
        out = -1
        for s in range(rows.size):
            if alive[s] and (out < 0 or space[rows[s]] < space[rows[out]]):
                out = s
        alive[out] = False


@jit
def copy_fish(school, source, target):
    """Copy one row of every column of the school onto another."""
    for k in range(school.X.shape[1]):
        school.X[target, k] = school.X[source, k]
        school.heading[target, k] = school.heading[source, k]
    for k in range(school.F.shape[1]):
        school.F[target, k] = school.F[source, k]
    for k in range(school.extra.shape[1]):
        school.extra[target, k] = school.extra[source, k]
    school.CV[target] = school.CV[source]
    school.rank[target] = school.rank[source]
    school.space[target] = school.space[source]
    school.tries[target] = school.tries[source]


@jit
def keep_best(school, count, lost, capacity, layered, one_shot):
    """Keep the best of the first rows that are not ``lost``, in place; returns how many stay, in the first rows.

    Rows from ``count`` on, as many as ``lost`` has more, are newcomers. Whole layers are kept in turn, the one that
    does not fit is thinned; without ``layered`` only the first layer counts; with ``one_shot`` it is thinned all at
    once instead of one at a time. Those who stay keep their row if it is among the first, so only newcomers move.
    ``order`` keeps the rows sorted from one call to the next, so that only the newcomers have to find their place.
    """
    old, total = 0, 0
    for s in range(lost.size):
        row = school.order[s] if s < count else s
        if not lost[row]:
            school.order[total] = row
            total += 1
            old += s < count
    order = school.order[:total]
    sort_in(school.F, school.CV, order, old)
    if school.F.shape[1] == 2:
        depth = layer_pairs(school.F, school.CV, order, school.rank)
    else:
        depth = layer_many(school.F, school.CV, order, school.rank)
    stays, alive, rows = np.empty(lost.size, np.bool_), np.empty(total, np.bool_), np.empty(total, np.int64)
    for i in range(lost.size):
        stays[i] = False
    kept = 0
    for r in range(depth if layered else 1):
        if kept == capacity:
            break
        n = 0
        for s in range(total):
            if school.rank[order[s]] == r:
                rows[n] = order[s]
                n += 1
        room = min(n, capacity - kept)
        if school.F.shape[1] == 2:
            thin_pairs(school.F, rows[:n], n if one_shot else room, school.space, alive[:n])
        else:
            thin_many(school.F, rows[:n], n if one_shot else room, school.space, alive[:n])
        if one_shot:
            drop_at_once(rows[:n], room, school.space, alive[:n])
        for s in range(n):
            stays[rows[s]] = alive[s]
        kept += room
    place = 0
    for s in range(total):
        if stays[order[s]]:
            order[place] = order[s]
            place += 1
    hole = 0
    for s in range(kept):
        if order[s] >= kept:
            while stays[hole]:
                hole += 1
            copy_fish(school, order[s], hole)
            stays[hole] = True
            order[s] = hole
    return kept


# ------------------------------------------------------------------------------------------------------ behaviours
CLONE, FOLLOW, SWARM, FORAGE = 0, 1, 2, 3
FINEST, COARSEST = 4.0, 1.3  # fine foraging steps are 10^-4 to 10^-1.3 of a variable's range
LONG = 0.01  # a foraging step that is worth remembering, in the same unit


class Tuning(NamedTuple):
    """The numbers behind the behaviours; `csmoifsa.engine.Settings` documents each."""

    active: int
    leaders: int
    eta_cross: float
    eta_mutate: float
    mutations: float
    outbreeding: float
    pull: float
    scale: float
    fewest: float
    jump: float
    fatigue: float


@jit
def most_spacious(rank, space, count, most):
    """Return the rows of the first layer with most free space, at most ``most``, the most spacious first."""
    rows, n = np.empty(min(most, count), np.int64), 0
    for i in range(count):
        if rank[i] != 0 or (n == rows.size and space[i] <= space[rows[n - 1]]):
            continue
        j = min(n, rows.size - 1)
        while j > 0 and space[rows[j - 1]] < space[i]:
            rows[j] = rows[j - 1]
            j -= 1
        rows[j] = i
        n = min(n + 1, rows.size)
    return rows[:n]


@jit
def clone_shares(space, rows):
    """Return the cumulative shares of clones of ``rows``: in proportion to space, an end counting twice the largest."""
    largest, total = 0.0, 0.0
    for i in rows:
        if np.isfinite(space[i]):
            largest = max(largest, space[i])
    shares = np.empty(rows.size)
    for s in range(rows.size):
        free = space[rows[s]]
        total += free if np.isfinite(free) else (2.0 * largest if largest > 0.0 else 1.0)
        shares[s] = total
    for s in range(rows.size):
        shares[s] = shares[s] / total if total > 0.0 else (s + 1.0) / rows.size
    return shares


@jit
def pick(shares, u):
    """Return the first place whose cumulative share exceeds ``u``."""
    for s in range(shares.size - 1):
        if u < shares[s]:
            return s
    return shares.size - 1


@jit
def skip(rate, n_var, stream):
    """Draw how many coordinates are passed over until the next one that is hit with probability ``rate`` each."""
    if rate >= 1.0:
        return 0
    return int(min(np.log(1.0 - uniform(stream)) / np.log1p(-rate), n_var + 0.5)) if rate > 0.0 else n_var


@jit
def mutate(x, mutations, eta, stream):
    """Polynomial mutation of on average ``mutations`` coordinates, in place, inside the box (Deb and Goyal 1996).

    The gaps between mutated coordinates are drawn, which costs one number a mutation instead of one a coordinate.
    """
    n_var = x.size
    rate = mutations / n_var
    k = skip(rate, n_var, stream)
    while k < n_var:
        u, power = uniform(stream), 1.0 / (eta + 1.0)
        if u < 0.5:
            step = (2.0 * u + (1.0 - 2.0 * u) * (1.0 - x[k]) ** (eta + 1.0)) ** power - 1.0
        else:
            step = 1.0 - (2.0 * (1.0 - u) + 2.0 * (u - 0.5) * x[k] ** (eta + 1.0)) ** power
        x[k] = min(max(x[k] + step, 0.0), 1.0)
        k += 1 + skip(rate, n_var, stream)


@jit
def come_back(y, x, stream):
    """Bring a child into the box, in place: half the time onto the bound, else between there and its parent ``x``."""
    for k in range(y.size):
        if y[k] < 0.0 or y[k] > 1.0:
            bound = 0.0 if y[k] < 0.0 else 1.0
            y[k] = bound + (uniform(stream) * (x[k] - bound) if uniform(stream) < 0.5 else 0.0)


@jit
def clone(y, x, partner, eta, stream):
    """Write into ``y`` a clone of ``x`` recombined with ``partner``: simulated binary crossover of half the genes.

    Deb and Agrawal 1995; the two halves of each pair are exchanged at random.
    """
    for k in range(y.size):
        y[k] = x[k]
        if uniform(stream) < 0.5 and x[k] != partner[k]:
            p, z = (x[k], partner[k]) if uniform(stream) < 0.5 else (partner[k], x[k])
            u = uniform(stream)
            ratio = 2.0 * u if u < 0.5 else 1.0 / (2.0 * (1.0 - u))
            beta = ratio ** (1.0 / (eta + 1.0))
            y[k] = 0.5 * ((1.0 + beta) * p + (1.0 - beta) * z)


@jit
def nearer_leader(F, i, a, b):
    """Return which of the fish a, b is nearer in angle to fish i, seen from the origin of the objectives."""
    dot_a, dot_b, norm_a, norm_b = 0.0, 0.0, 1e-300, 1e-300
    for k in range(F.shape[1]):
        dot_a += F[i, k] * F[a, k]
        dot_b += F[i, k] * F[b, k]
        norm_a += F[a, k] * F[a, k]
        norm_b += F[b, k] * F[b, k]
    return b if dot_b / np.sqrt(norm_b) > dot_a / np.sqrt(norm_a) else a


@jit
def follow(y, heading, x, x_leader, stream):
    """Write into ``y`` and ``heading`` the flight of ``x`` toward its leader; at a bound it stops and turns."""
    for k in range(y.size):
        v = uniform(stream) * heading[k] + uniform(stream) * (x_leader[k] - x[k])
        y[k] = x[k] + v
        if y[k] < 0.0 or y[k] > 1.0:
            y[k], v = min(max(y[k], 0.0), 1.0), -v
        heading[k] = v


@jit
def swarm(y, x, x_leader, x_a, x_b, tuning, stream):
    """Write into ``y`` the way of ``x`` toward a leader plus a difference of two fish, in a share of the coordinates.

    Both terms shrink as the school gathers: this is the contraction of the search space.
    """
    share = tuning.fewest + (1.0 - tuning.fewest) * uniform(stream)
    always = below(stream, y.size)
    for k in range(y.size):
        y[k] = x[k]
        if k == always or uniform(stream) < share:
            y[k] += tuning.pull * (x_leader[k] - x[k]) + tuning.scale * (x_a[k] - x_b[k])


@jit
def forage(y, x, jump, lengths, stream):
    """Write into ``y`` a look along one coordinate of ``x``: as often a fine step as a jump.

    Fine steps are of any order of magnitude. Jumps are as long as one that succeeded lately, or else heavy-tailed
    (Cauchy): the basins of a periodic landscape are evenly spaced, so a length that worked once works again.
    """
    for k in range(y.size):
        y[k] = x[k]
    k, known = below(stream, y.size), 0
    while known < lengths.size and lengths[known] > 0.0:
        known += 1
    sign = 1.0 if uniform(stream) < 0.5 else -1.0
    if uniform(stream) < 0.5:
        y[k] += sign * 10.0 ** (-COARSEST - (FINEST - COARSEST) * uniform(stream))
    elif known > 0 and uniform(stream) < 0.5:
        y[k] += sign * lengths[below(stream, known)]
    else:
        y[k] += jump * np.tan(np.pi * (uniform(stream) - 0.5))


@jit
def breed(school, count, seed, tick, share, tuning, lengths, brood, n):
    """Fill the first ``n`` rows of the brood; each row draws its behaviour from ``share`` and its own random stream.

    The space of a fish counts less the more often it was tried: where the front has a gap, its edges are the least
    concentrated for ever, and nothing is to be found there. While nothing is feasible, the fifth of the school that
    violates least is active: the best one alone would draw everybody into its own local minimum of violation.
    """
    X, heading, space = school.X, school.heading, np.empty(count)
    for i in range(count):
        space[i] = school.space[i] / (1.0 + tuning.fatigue * school.tries[i])
    if school.CV[school.order[0]] > 0.0:
        active = school.order[: max(count // 5, 1)]
    else:
        active = most_spacious(school.rank, space, count, tuning.active)
    n_leaders = min(tuning.leaders, active.size)
    clones = clone_shares(space, active)
    stream, moves = np.empty(1, np.uint64), np.empty(share.size)
    moves[0] = share[0]
    for move in range(1, share.size):
        moves[move] = moves[move - 1] + share[move]
    for q in range(n):
        open_stream(stream, seed, tick, q)
        y, v = brood.X[q], brood.heading[q]
        move = pick(moves, uniform(stream))
        if move == CLONE:
            i = active[pick(clones, uniform(stream))]
            far = uniform(stream) < tuning.outbreeding
            mate = below(stream, count) if far else active[below(stream, active.size)]
            clone(y, X[i], X[mate], tuning.eta_cross, stream)
        elif move == FORAGE:
            i = active[pick(clones, uniform(stream))]
            forage(y, X[i], tuning.jump, lengths, stream)
        elif move == SWARM:
            i, leader = below(stream, count), active[below(stream, n_leaders)]
            swarm(y, X[i], X[leader], X[below(stream, count)], X[below(stream, count)], tuning, stream)
        else:
            i = below(stream, count)
            leader = nearer_leader(school.F, i, active[below(stream, n_leaders)], active[below(stream, n_leaders)])
            for k in range(y.size):
                v[k] = heading[i, k]
            follow(y, v, X[i], X[leader], stream)
        if move != FOLLOW:
            come_back(y, X[i], stream)
            if move == CLONE:
                mutate(y, tuning.mutations, tuning.eta_mutate, stream)
            for k in range(y.size):
                v[k] = y[k] - X[i, k]
        brood.parent[q], brood.move[q] = i, move


@jit
def gain(school, child, parent, width):
    """Return by how much a child is better than its parent: summed over objectives in units of ``width``, else 0."""
    if compare(school.F, school.CV, child, parent) != 1:
        return 0.0
    if school.CV[child] < school.CV[parent]:
        return 1.0 - school.CV[child] / school.CV[parent]
    total = 0.0
    for k in range(width.size):
        total += (school.F[parent, k] - school.F[child, k]) / width[k]
    return total


@jit
def reward(school, count, brood, n, credit, smoothing, tolerance, lengths):
    """Smooth each behaviour's credit towards its share of successes in this brood; note tries and long foraging steps.

    A success is a child that is better than its own parent by more than ``tolerance`` of the first layer's extent:
    microscopic gains on a wrong front would otherwise feed greedy behaviours for ever.
    """
    width, trials, wins = np.empty(school.F.shape[1]), np.empty(credit.size), np.empty(credit.size)
    for move in range(credit.size):
        trials[move], wins[move] = 0.0, 0.0
    for k in range(width.size):
        low, high = np.inf, -np.inf
        for i in range(count):
            if school.rank[i] == 0:
                low, high = min(low, school.F[i, k]), max(high, school.F[i, k])
        width[k] = max(high - low, 1e-300)
    for q in range(n):
        move = brood.move[q]
        school.tries[count + q] = 0.0
        school.tries[brood.parent[q]] += move in (CLONE, FORAGE)
        better = gain(school, count + q, brood.parent[q], width)
        trials[move] += 1.0
        wins[move] += better > tolerance
        if move == FORAGE and better > 0.0:
            remember(brood.heading[q], lengths)
    for move in range(credit.size):
        if trials[move] > 0.0:
            credit[move] += smoothing * (wins[move] / trials[move] - credit[move])


@jit
def contend(school, count, brood, n, contest, lost):
    """Mark the worse of each child and its parent as lost, if there is one and ``contest`` is set.

    Children near their parents would otherwise crowd out fish that are worse but elsewhere: the school would gather
    around its best before it has searched (crowding: De Jong 1975; Mahfoud 1992).
    """
    for i in range(lost.size):
        lost[i] = False
    if contest:
        for q in range(n):
            better = compare(school.F, school.CV, count + q, brood.parent[q])
            if better != 0:
                lost[brood.parent[q] if better == 1 else count + q] = True


@jit
def remember(heading, lengths):
    """Put a foraging step's length before those remembered, if it is a long one; the oldest falls out."""
    length = 0.0
    for k in range(heading.size):
        length = max(length, abs(heading[k]))
    if length >= LONG:
        for s in range(lengths.size - 1, 0, -1):
            lengths[s] = lengths[s - 1]
        lengths[0] = length


@jit
def allot(credit, enabled, floor, hunger, share):
    """Write the share of each enabled behaviour: a floor, the rest in proportion to credit to the power 1.5.

    Foraging has a credit of at least ``hunger``, so that it takes over when nothing else succeeds, and cloning half of
    that, so that the gaps of a front that has arrived are still filled.
    """
    total, n = 0.0, 0
    credit[FORAGE], credit[CLONE] = max(credit[FORAGE], hunger), max(credit[CLONE], 0.5 * hunger)
    for move in range(credit.size):
        share[move] = 0.0
        if enabled[move]:
            share[move] = credit[move] ** 1.5
            total += share[move]
            n += 1
    for move in range(credit.size):
        if enabled[move]:
            share[move] = floor + (1.0 - n * floor) * share[move] / total if total > 0.0 else 1.0 / n


# ------------------------------------------------------------------------------------- the paper's own fish behaviours
@jit
def affinities_among(F, CV, school_F, school_CV, affinity):
    """Write each row's affinity in a school: 1 / (1 + number of fish that are better). Reconstructed."""
    for i in range(CV.size):
        better = 0
        for j in range(school_CV.size):
            no_worse, less = school_CV[j] == CV[i], False
            for k in range(F.shape[1]):
                no_worse &= school_F[j, k] <= F[i, k]
                less |= school_F[j, k] < F[i, k]
            better += int(school_CV[j] < CV[i] or (no_worse and less))
        affinity[i] = 1.0 / (1.0 + better)


@jit
def look_around(X, affinity, visual, partners, best, centre):
    """Find each fish's partners within ``visual`` (root mean square over coordinates): number, best one, centre.

    The best partner has the highest affinity, of several the nearest. Root mean square because a plain Euclidean range
    of 0.5 sees nobody in thirty dimensions (reconstructed).
    """
    n, n_var = X.shape
    for i in range(n):
        partners[i], best[i], nearest = 0, -1, np.inf
        for k in range(n_var):
            centre[i, k] = 0.0
        for j in range(n):
            if j == i:
                continue
            square = 0.0
            for k in range(n_var):
                square += (X[j, k] - X[i, k]) ** 2
            if square > visual * visual * n_var:
                continue
            partners[i] += 1
            for k in range(n_var):
                centre[i, k] += X[j, k]
            higher = best[i] < 0 or affinity[j] > affinity[best[i]]
            if higher or (affinity[j] == affinity[best[i]] and square < nearest):
                best[i], nearest = j, square
        for k in range(n_var):
            centre[i, k] /= max(partners[i], 1)


@jit
def gap_between(F, i, j, width):
    """Return the Euclidean distance of two rows in objectives scaled by ``width``."""
    total = 0.0
    for k in range(width.size):
        step = (F[i, k] - F[j, k]) / width[k]
        total += step * step
    return np.sqrt(total)


@jit
def concentrations(F, concentration):
    """Write each antibody's concentration 1 / sum_j |F_i - F_j|, objectives scaled to their range. Reconstructed."""
    n, n_obj = F.shape
    rows, width = np.arange(n), np.empty(n_obj)
    for k in range(n_obj):
        width[k] = reach(F, rows, k)
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += gap_between(F, i, j, width)
        concentration[i] = 1.0 / max(total, 1e-300)


@jit
def reproduction(affinity, concentration, weight, chance):
    """Write each antibody's expected reproduction a A / sum A + (1 - a) (1/C) / sum (1/C). Reconstructed."""
    sum_affinity, sum_room = 0.0, 0.0
    for i in range(affinity.size):
        sum_affinity += affinity[i]
        sum_room += 1.0 / concentration[i]
    for i in range(affinity.size):
        room = 1.0 / concentration[i] / max(sum_room, 1e-300)
        chance[i] = weight * affinity[i] / sum_affinity + (1.0 - weight) * room


# ---------------------------------------------------------------------------------------------------------- school
@jit
def first_school(X, seed):
    """Fill ``X`` with a Latin hypercube: along each coordinate one fish in each of the n equal cells."""
    n, stream = X.shape[0], np.empty(1, np.uint64)
    for k in range(X.shape[1]):
        open_stream(stream, seed, 0, k)
        for i in range(n):  # an inside-out Fisher-Yates shuffle of the cells
            j = below(stream, i + 1)
            X[i, k] = X[j, k]
            X[j, k] = i
        for i in range(n):
            X[i, k] = (X[i, k] + uniform(stream)) / n


@jit
def place(U, free, xl, xu, X):
    """Write into ``X`` the positions of the unit-box rows ``U`` of the ``free`` variables, never outside the bounds."""
    for i in range(U.shape[0]):
        for k in range(xl.size):
            X[i, k] = xl[k]
        for s in range(free.size):
            k = free[s]
            X[i, k] = min(max(xl[k] + U[i, s] * (xu[k] - xl[k]), xl[k]), xu[k])


@jit
def violation(G, n_ieq, tolerance, CV):
    """Write each row's total violation: inequalities G <= 0 first, then equalities |H| <= tolerance."""
    for i in range(CV.size):
        total = 0.0
        for k in range(G.shape[1]):
            total += max(G[i, k], 0.0) if k < n_ieq else max(abs(G[i, k]) - tolerance, 0.0)
        CV[i] = total


# ------------------------------------------------------------------------------------------------------------ loop
_TABLE, _COLUMN, _NUMBERS = float64[:, ::1], float64[::1], int64[::1]


class Plan(NamedTuple):
    """What stays the same during a run, beside `Tuning`."""

    free: np.ndarray  # (n_free,) int64 the variables that are not fixed
    bounds: np.ndarray  # (2, n_var) lower and upper
    enabled: np.ndarray  # (n_behaviours,) bool
    seed: int
    brood: int
    capacity: int
    n_ieq: int
    layered: bool
    one_shot: bool
    contest: bool
    floor: float
    hunger: float
    credit_rate: float
    gain_tolerance: float
    equality_tolerance: float


_LOOP = int64(
    EVALUATOR,
    _COLUMN,
    types.NamedTuple((*(_TABLE,) * 3, _COLUMN, _TABLE, _NUMBERS, *(_COLUMN,) * 2, _NUMBERS), School),
    types.NamedTuple((_TABLE, _TABLE, _NUMBERS, _NUMBERS), Brood),
    types.NamedTuple((int64,) * 2 + (float64,) * 9, Tuning),
    types.NamedTuple(
        (_NUMBERS, _TABLE, types.Array(types.boolean, 1, "C"), *(int64,) * 4, *(types.boolean,) * 3, *(float64,) * 5),
        Plan,
    ),
    _NUMBERS,
    _COLUMN,
    _COLUMN,
    int64,
)


@jit(_LOOP)
def swim(evaluate, data, school, brood, tuning, plan, counters, credit, lengths, n_broods):
    """Run whole broods without leaving compiled code; returns how many were evaluated before a value was not finite.

    The loop is compiled once for all problems: ``evaluate`` is a first-class function (`csmoifsa.jit.EVALUATOR`) and
    gets ``data``. ``counters`` = (count, tick), ``credit`` and ``lengths`` are updated in place.
    """
    n, X, share = plan.brood, np.empty((plan.brood, plan.bounds.shape[1])), np.empty(credit.size)
    lost = np.empty(plan.capacity + n, np.bool_)
    for done in range(n_broods):
        count = counters[0]
        allot(credit, plan.enabled, plan.floor, plan.hunger, share)
        breed(school, count, plan.seed, counters[1], share, tuning, lengths, brood, n)
        place(brood.X[:n], plan.free, plan.bounds[0], plan.bounds[1], X)
        F, G, CV = school.F[count : count + n], school.extra[count : count + n], school.CV[count : count + n]
        evaluate(X, data, F, G)
        violation(G, plan.n_ieq, plan.equality_tolerance, CV)
        for i in range(n):
            fine = np.isfinite(CV[i])
            for k in range(F.shape[1]):
                fine &= np.isfinite(F[i, k])
            if not fine:
                return done
            for k in range(brood.X.shape[1]):
                school.X[count + i, k] = brood.X[i, k]
                school.heading[count + i, k] = brood.heading[i, k]
        reward(school, count, brood, n, credit, plan.credit_rate, plan.gain_tolerance, lengths)
        contend(school, count, brood, n, plan.contest, lost[: count + n])
        counters[0] = keep_best(school, count, lost[: count + n], plan.capacity, plan.layered, plan.one_shot)
        counters[1] += 1
    return n_broods
