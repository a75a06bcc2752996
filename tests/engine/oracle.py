"""Slow, plain twins of the compiled kernels, written from their definitions and not from their code."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

MASK = 2**64 - 1


class Stream:
    """The counter-based random stream, in Python integers."""

    def __init__(self, seed: int, generation: int, row: int):
        z = self.mix64((seed + 0x9E3779B97F4A7C15) & MASK)
        z = self.mix64((z + generation * 0xD1342543DE82EF95) & MASK)
        self.state = self.mix64((z + row * 0xAF251AF3B0F025B5) & MASK)

    @staticmethod
    def mix64(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self) -> float:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return (self.mix64(self.state) >> 11) / 2**53

    def randint(self, n: int) -> int:
        return min(int(self.uniform() * n), n - 1)


def compare(F, CV, i, j) -> int:
    if CV[i] != CV[j]:
        return 1 if CV[i] < CV[j] else -1
    return int((F[i] < F[j]).any()) - int((F[i] > F[j]).any())


def ranks(F, CV) -> list[int]:
    """Peel front by front; of equal rows the first stays and the others sink."""
    n = len(F)
    rank, left, r = [-1] * n, set(range(n)), 0
    while left:

        def beaten(i, left=left):
            better = any(compare(F, CV, j, i) == 1 for j in left)
            return better or any(j < i and CV[j] == CV[i] and (F[j] == F[i]).all() for j in left)

        front = {i for i in left if not beaten(i)}
        for i in front:
            rank[i] = r
        left, r = left - front, r + 1
    return rank


def scaled(F):
    return F / np.maximum(F.max(axis=0) - F.min(axis=0), 1e-300)


def truncate_two(F, keep):
    """Return kept rows (of rows sorted by the first objective) and their space; everything is found anew each time."""
    G, rows = scaled(F), list(range(len(F)))
    while len(rows) > keep:
        gaps = [math.dist(G[a], G[b]) for a, b in pairwise(rows)]
        s = gaps.index(min(gaps))
        before = gaps[s - 1] if s > 0 else math.inf
        after = gaps[s + 1] if s + 1 < len(gaps) else math.inf
        del rows[s if before < after else s + 1]
    gaps = [math.inf, *(math.dist(G[a], G[b]) for a, b in pairwise(rows)), math.inf]
    return rows, [gaps[s] + gaps[s + 1] for s in range(len(rows))]


def truncate_many(F, keep):
    """Return kept rows and their space; everything is found anew each time.

    With more than three objectives each other row is moved first to where it is no better than row i in any objective.
    """
    G, n_obj = scaled(F), F.shape[1]
    rows, extremes = list(range(len(F))), {int(np.argmin(F[:, k])) for k in range(n_obj)}

    def nearest(i):
        ds = sorted(math.dist(G[i], np.maximum(G[i], G[j]) if n_obj > 3 else G[j]) for j in rows if j != i)
        return [*ds, math.inf, math.inf][:2]

    while len(rows) > keep:
        free = [i for i in rows if i not in extremes or len(rows) <= n_obj]
        rows.remove(min(free, key=lambda i: (*nearest(i), -i)))
    return rows, [math.inf if i in extremes and n_obj <= 3 else nearest(i)[0] ** 2 for i in rows]


def mutate(x, mutations, eta, stream):
    n_var = len(x)
    rate = mutations / n_var

    def skip():
        if rate >= 1:
            return 0
        return int(min(math.log(1 - stream.uniform()) / math.log1p(-rate), n_var + 0.5)) if rate > 0 else n_var

    k = skip()
    while k < n_var:
        u, power = stream.uniform(), 1 / (eta + 1)
        if u < 0.5:
            step = (2 * u + (1 - 2 * u) * (1 - x[k]) ** (eta + 1)) ** power - 1
        else:
            step = 1 - (2 * (1 - u) + 2 * (u - 0.5) * x[k] ** (eta + 1)) ** power
        x[k] = min(max(x[k] + step, 0.0), 1.0)
        k += 1 + skip()


def pick(shares, u):
    return min(int(np.searchsorted(shares, u, side="right")), len(shares) - 1)


def child(population, count, behaviour, settings, step_lengths, stream):
    """Return position, displacement and parent of the child that a behaviour makes with a row's stream."""
    X, F, n_var = population.X, population.F, population.X.shape[1]
    first = [i for i in range(count) if population.rank[i] == 0]
    space = population.crowding / (1 + settings.reuse_penalty * population.n_uses)
    active = sorted(first, key=lambda i: -space[i])[: settings.n_active]
    if min(population.CV[:count]) > 0:
        active = sorted(range(count), key=lambda i: (population.CV[i], *F[i], i))[: max(count // 5, 1)]
    leaders = active[: settings.n_leaders]
    room = space[active]
    largest = max(room[np.isfinite(room)], default=0.0)
    room = np.where(np.isfinite(room), room, 2 * largest if largest > 0 else 1.0)
    wheel = np.cumsum(room) / room.sum() if room.sum() > 0 else np.arange(1, len(room) + 1) / len(room)
    stream.uniform()  # chose the behaviour
    if behaviour == 0:
        i = active[pick(wheel, stream.uniform())]
        far = stream.uniform() < settings.outbreeding_rate
        partner, y = stream.randint(count) if far else active[stream.randint(len(active))], X[i].copy()
        for k in range(n_var):
            if stream.uniform() < 0.5 and X[i, k] != X[partner, k]:
                p, z = X[i, k], X[partner, k]
                if stream.uniform() >= 0.5:
                    p, z = z, p
                u = stream.uniform()
                beta = (2 * u if u < 0.5 else 1 / (2 * (1 - u))) ** (1 / (settings.eta_crossover + 1))
                y[k] = ((1 + beta) * p + (1 - beta) * z) / 2
    elif behaviour == 3:
        i = active[pick(wheel, stream.uniform())]
        y, k, known = X[i].copy(), stream.randint(n_var), int((step_lengths > 0).sum())
        sign = 1 if stream.uniform() < 0.5 else -1
        if stream.uniform() < 0.5:
            y[k] += sign * 10 ** (-1.3 - 2.7 * stream.uniform())
        elif known and stream.uniform() < 0.5:
            y[k] += sign * step_lengths[stream.randint(known)]
        else:
            y[k] += settings.cauchy_scale * math.tan(math.pi * (stream.uniform() - 0.5))
    elif behaviour == 2:
        i, leader = stream.randint(count), leaders[stream.randint(len(leaders))]
        a, b, y = stream.randint(count), stream.randint(count), X[i].copy()
        part = settings.min_crossover_rate + (1 - settings.min_crossover_rate) * stream.uniform()
        always = stream.randint(n_var)
        for k in range(n_var):
            if k == always or stream.uniform() < part:
                y[k] += settings.attraction * (X[leader, k] - X[i, k]) + settings.differential_weight * (
                    X[a, k] - X[b, k]
                )
    else:
        i = stream.randint(count)
        a, b = leaders[stream.randint(len(leaders))], leaders[stream.randint(len(leaders))]
        extent = np.ptp(F[first], axis=0)
        scaled = ((F - F[first].min(axis=0)) / np.where(extent > 0, extent, 1.0)) * (extent > 0)
        angle = {e: scaled[i] @ scaled[e] / np.linalg.norm(scaled[e]) if scaled[e].any() else 0.0 for e in (a, b)}
        leader = b if angle[b] > angle[a] + 1e-15 else a
        y, v = X[i].copy(), population.displacement[i].copy()
        for k in range(n_var):
            v[k] = stream.uniform() * v[k] + stream.uniform() * (X[leader, k] - X[i, k])
            y[k] += v[k]
            if not 0 <= y[k] <= 1:
                y[k], v[k] = min(max(y[k], 0.0), 1.0), -v[k]
        return y, v, i
    for k in range(n_var):
        if not 0 <= y[k] <= 1:
            bound = 0.0 if y[k] < 0 else 1.0
            inside = stream.uniform() < 0.5
            y[k] = bound + (stream.uniform() * (X[i, k] - bound) if inside else 0.0)
    if behaviour == 0:
        mutate(y, settings.mutations_per_clone, settings.eta_mutation, stream)
    return y, y - X[i], i
