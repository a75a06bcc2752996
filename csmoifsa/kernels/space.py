"""The search space: first population, positions between the bounds, constraint violation."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Indices, Matrix, Vector, jit
from csmoifsa.kernels.random import open_stream, randint, uniform


@jit
def latin_hypercube(X: Matrix, seed: int) -> None:
    """Fill ``X`` (n, n_var) with a Latin hypercube: along each coordinate one row in each of the n equal cells."""
    n, stream = X.shape[0], np.empty(1, np.uint64)
    for k in range(X.shape[1]):
        open_stream(stream, seed, 0, k)
        for i in range(n):  # an inside-out Fisher-Yates shuffle of the cells
            j = randint(stream, i + 1)
            X[i, k] = X[j, k]
            X[j, k] = i
        for i in range(n):
            X[i, k] = (X[i, k] + uniform(stream)) / n


@jit(borrows=True)
def place(U: Matrix, free: Indices, xl: Vector, xu: Vector, X: Matrix) -> None:
    """Write into ``X`` (n, n_var) the positions between the bounds of the unit-box rows ``U`` (n, n_free).

    free : (n_free,) the variables that are not fixed; xl, xu : (n_var,) bounds, which no position leaves.
    """
    for i in range(U.shape[0]):
        for k in range(xl.size):
            X[i, k] = xl[k]
        for s in range(free.size):
            k = free[s]
            X[i, k] = min(max(xl[k] + U[i, s] * (xu[k] - xl[k]), xl[k]), xu[k])


@jit(borrows=True)
def total_violation(G: Matrix, n_ieq: int, tolerance: float, CV: Vector) -> None:
    """Write into ``CV`` (n,) each row's total constraint violation, 0 = feasible.

    G : (n, n_constr) the ``n_ieq`` inequalities G <= 0 first, then the equalities |H| <= ``tolerance``.
    """
    for i in range(CV.size):
        total = 0.0
        for k in range(G.shape[1]):
            total += max(G[i, k], 0.0) if k < n_ieq else max(abs(G[i, k]) - tolerance, 0.0)
        CV[i] = total
