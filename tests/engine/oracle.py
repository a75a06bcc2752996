"""Slow, plain twins of the compiled kernels, written from their definitions and not from their code."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

MASK = 2**64 - 1


class Stream:
    """The counter-based random stream, in Python integers."""

    def __init__(self, seed: int, tick: int, row: int):
        z = self.scramble((seed + 0x9E3779B97F4A7C15) & MASK)
        z = self.scramble((z + tick * 0xD1342543DE82EF95) & MASK)
        self.state = self.scramble((z + row * 0xAF251AF3B0F025B5) & MASK)

    @staticmethod
    def scramble(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self) -> float:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return (self.scramble(self.state) >> 11) / 2**53

    def below(self, n: int) -> int:
        return min(int(self.uniform() * n), n - 1)


def compare(F, CV, i, j) -> int:
    if CV[i] != CV[j]:
        return 1 if CV[i] < CV[j] else -1
    return int((F[i] < F[j]).any()) - int((F[i] > F[j]).any())


def layers(F, CV) -> list[int]:
    """Peel layer by layer; of equal rows the first stays and the others sink."""
    n = len(F)
    rank, left, r = [-1] * n, set(range(n)), 0
    while left:

        def beaten(i, left=left):
            better = any(compare(F, CV, j, i) == 1 for j in left)
            return better or any(j < i and CV[j] == CV[i] and (F[j] == F[i]).all() for j in left)

        layer = {i for i in left if not beaten(i)}
        for i in layer:
            rank[i] = r
        left, r = left - layer, r + 1
    return rank


def scaled(F):
    return F / np.maximum(F.max(axis=0) - F.min(axis=0), 1e-300)


def thin_pairs(F, keep):
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


def thin_many(F, keep):
    """Return kept rows and the distance of each to its nearest neighbour; everything is found anew each time."""
    G, n_obj = scaled(F), F.shape[1]
    rows, extremes = list(range(len(F))), {int(np.argmin(F[:, k])) for k in range(n_obj)}

    def nearest(i):
        ds = sorted(math.dist(G[i], G[j]) for j in rows if j != i)
        return [*ds, math.inf, math.inf][:2]

    while len(rows) > keep:
        free = [i for i in rows if i not in extremes or len(rows) <= n_obj]
        rows.remove(min(free, key=lambda i: (*nearest(i), -i)))
    return rows, [nearest(i)[0] for i in rows]


def mutate(x, eta, stream):
    n_var = len(x)

    def skip():
        return 0 if n_var == 1 else int(min(math.log(1 - stream.uniform()) / math.log1p(-1 / n_var), n_var + 0.5))

    k = skip()
    while k < n_var:
        u, power = stream.uniform(), 1 / (eta + 1)
        if u < 0.5:
            step = (2 * u + (1 - 2 * u) * (1 - x[k]) ** (eta + 1)) ** power - 1
        else:
            step = 1 - (2 * (1 - u) + 2 * (u - 0.5) * x[k] ** (eta + 1)) ** power
        x[k] = min(max(x[k] + step, 0.0), 1.0)
        k += 1 + skip()
