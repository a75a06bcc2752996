"""Compiled evaluator of UF1-10: one function for all problems, so that it is compiled once."""

from __future__ import annotations

import math

import numpy as np

from csmoifsa.jit import jit


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Compute the objectives ``F`` (n, m) of candidates ``X`` (n, d); ``G`` (n, 0) is empty.

    Parameters
    ----------
    X : (n, d) array
        One candidate a row, inside the bounds.
    data : (1,) array
        ``[number]``, the number of the problem: two objectives up to UF7, three from UF8.
    F, G : (n, m) and (n, 0) arrays
        Receive objectives and constraints.

    Notes
    -----
    Objective m is its value on the Pareto front plus 2 / |J_m| times a penalty over y_j, j in J_m, the distances of the
    variables from their optimal values. J_m holds every second (third) variable: the j, counted from 1, with
    j = m modulo the number of objectives, without the position variables x_1 (UF8-10: and x_2). Source: Zhang et al.
    2008, see `csmoifsa_uf.problems`.
    """
    number, n_var, n_obj = int(data[0]), X.shape[1], F.shape[1]
    for row in range(X.shape[0]):
        x1, x2 = X[row, 0], X[row, 1]
        _put_front(number, x1, x2, F, row)
        for m in range(n_obj):
            total, product, size = 0.0, 1.0, 0
            first = m + 1 if m == n_obj - 1 else m + 1 + n_obj
            for j in range(first, n_var + 1, n_obj):
                y = X[row, j - 1] - _optimum(number, j, n_var, x1, x2)
                total += _penalty(number, y)
                if number == 3 or number == 6:
                    product *= math.cos(20.0 * math.pi * y / math.sqrt(j))
                size += 1
            if number == 3 or number == 6:
                total = 4.0 * total + 2.0 * (1.0 - product)
            F[row, m] += 2.0 * total / size


@jit
def _put_front(number: int, x1: float, x2: float, F: np.ndarray, row: int) -> None:
    """Write the objectives of a candidate with position x1 (and x2) whose other variables are optimal."""
    if number == 8 or number == 10:
        F[row, 0] = math.cos(0.5 * math.pi * x1) * math.cos(0.5 * math.pi * x2)
        F[row, 1] = math.cos(0.5 * math.pi * x1) * math.sin(0.5 * math.pi * x2)
        F[row, 2] = math.sin(0.5 * math.pi * x1)
    elif number == 9:  # (1 + epsilon) with epsilon = 0.1
        hill = max(0.0, 1.1 * (1.0 - 4.0 * (2.0 * x1 - 1.0) ** 2))
        F[row, 0] = 0.5 * (hill + 2.0 * x1) * x2
        F[row, 1] = 0.5 * (hill - 2.0 * x1 + 2.0) * x2
        F[row, 2] = 1.0 - x2
    elif number <= 3:
        F[row, 0], F[row, 1] = x1, 1.0 - math.sqrt(x1)
    elif number == 4:
        F[row, 0], F[row, 1] = x1, 1.0 - x1 * x1
    elif number == 7:
        root = x1**0.2
        F[row, 0], F[row, 1] = root, 1.0 - root
    else:
        if number == 5:  # 1 / (2 N) + epsilon with N = 10, epsilon = 0.1
            hill = 0.15 * abs(math.sin(20.0 * math.pi * x1))
        else:  # 2 (1 / (2 N) + epsilon) with N = 2, epsilon = 0.1
            hill = max(0.0, 0.7 * math.sin(4.0 * math.pi * x1))
        F[row, 0], F[row, 1] = x1 + hill, 1.0 - x1 + hill


@jit
def _optimum(number: int, j: int, n_var: int, x1: float, x2: float) -> float:
    """Return the optimal value of the j-th variable, counted from 1."""
    if number >= 8:
        return 2.0 * x2 * math.sin(2.0 * math.pi * x1 + j * math.pi / n_var)
    if number == 3:
        return x1 ** (0.5 * (1.0 + 3.0 * (j - 2.0) / (n_var - 2.0)))
    angle = 6.0 * math.pi * x1 + j * math.pi / n_var
    if number == 2:
        wave = math.cos(angle) if j % 2 == 1 else math.sin(angle)
        return (0.3 * x1 * x1 * math.cos(4.0 * angle) + 0.6 * x1) * wave
    return math.sin(angle)


@jit
def _penalty(number: int, y: float) -> float:
    """Return the penalty of a distance from the optimal value; ``1 - cos`` makes it exactly zero at the optimum."""
    if number == 4:
        return abs(y) / (1.0 + math.exp(2.0 * abs(y)))
    if number == 5:
        return 2.0 * y * y + (1.0 - math.cos(4.0 * math.pi * y))
    if number == 10:
        return 4.0 * y * y + (1.0 - math.cos(8.0 * math.pi * y))
    return y * y
