"""Pareto fronts and Pareto sets of UF1-10 in closed form, for any number of points.

=========== ==================================================================================================
UF1, 2, 3   f2 = 1 - sqrt(f1)
UF4         f2 = 1 - f1^2
UF5         f2 = 1 - f1 in the 21 points f1 = 0, 0.05, ..., 1
UF6         f2 = 1 - f1 in f1 = 0 and in the pieces 0.25 <= f1 <= 0.5 and 0.75 <= f1 <= 1
UF7         f2 = 1 - f1
UF8, 10     the octant f1^2 + f2^2 + f3^2 = 1 of the sphere
UF9         f1 + f2 + f3 = 1 in the two parts f1 <= (1 - f3) / 4 and f1 >= 3 (1 - f3) / 4
=========== ==================================================================================================
"""

from __future__ import annotations

from itertools import count

import numpy as np


def front(number: int, n_points: int) -> np.ndarray:
    """Return the Pareto front, (k, 2) by rising f1 or (k, 3).

    k is ``n_points`` for two objectives, evenly spaced in f1, except that UF5 has 21 points, all of which are always
    returned. UF6's first point is (0, 1), and the pieces share the others evenly; their ends are present from five
    points on. For three objectives k is the size of the smallest triangular lattice that has ``n_points`` on the front.
    """
    if number == 9:
        # f1 = (1 - f3) / 4 and 3 (1 - f3) / 4 meet f3 = 0 in points of a lattice whose side is a multiple of four
        q = next(q for q in count(1) if 4 * q * q + 6 * q + 1 >= n_points)
        i, j, k = _triangle(4 * q).T
        inside = (4 * i <= i + j) | (4 * i >= 3 * (i + j))
        return np.column_stack([i, j, k])[inside] / (4 * q)
    if number >= 8:
        points = _triangle(next(p for p in count(1) if (p + 1) * (p + 2) // 2 >= n_points))
        return points / np.linalg.norm(points, axis=1, keepdims=True)
    if number == 5:
        f1 = np.arange(21) / 20
    elif number == 6:
        first = n_points // 2
        pieces = np.linspace(0.25, 0.5, first), np.linspace(0.75, 1.0, n_points - 1 - first)
        f1 = np.concatenate([[0.0], *pieces])
    else:
        f1 = np.linspace(0.0, 1.0, n_points)
    return np.column_stack([f1, 1 - np.sqrt(f1) if number <= 3 else 1 - f1**2 if number == 4 else 1 - f1])


def optimal_set(number: int, points: np.ndarray, n_var: int) -> np.ndarray:
    """Return the Pareto-optimal candidates, (k, n_var), of points of the front, (k, 2) or (k, 3)."""
    if number >= 8:
        f1, f2, f3 = points.T
        if number == 9:
            x2 = 1 - f3
            x1 = f1 / np.where(x2 > 0, x2, 1.0)
        else:  # atan2 and not asin or acos, which lose half of the digits near the end of their range
            x1 = np.arctan2(f3, np.hypot(f1, f2)) * (2 / np.pi)
            x2 = np.arctan2(f2, f1) * (2 / np.pi)
        first = np.column_stack([x1, x2])
    else:
        first = points[:, :1] ** 5 if number == 7 else points[:, :1]
        x1 = first[:, 0]
        x2 = np.zeros(len(x1))
    j = np.arange(first.shape[1] + 1, n_var + 1)
    return np.hstack([first, _optimal_tail(number, j, n_var, x1[:, None], x2[:, None])])


def _optimal_tail(number: int, j: np.ndarray, n_var: int, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """Return the optimal values, (k, l), of the variables ``j`` (l,), counted from 1, for ``x1`` and ``x2`` (k, 1)."""
    if number >= 8:
        return 2 * x2 * np.sin(2 * np.pi * x1 + j * np.pi / n_var)
    if number == 3:
        return x1 ** (0.5 * (1 + 3 * (j - 2) / (n_var - 2)))
    angle = 6 * np.pi * x1 + j * np.pi / n_var
    if number == 2:
        wave = np.where(j % 2 == 1, np.cos(angle), np.sin(angle))
        return (0.3 * x1**2 * np.cos(4 * angle) + 0.6 * x1) * wave
    return np.sin(angle)


def _triangle(side: int) -> np.ndarray:
    """Return all triples of whole numbers of at least 0 whose sum is ``side``, (k, 3)."""
    i, j = np.indices((side + 1, side + 1)).reshape(2, -1)
    return np.column_stack([i, j, side - i - j])[i + j <= side]
