"""Compiled evaluator of ZDT1-4 and ZDT6 and their twins: one function, so that it is compiled once."""

from __future__ import annotations

import math

import numpy as np

from csmoifsa.jit import jit

HEADER = 2  # data[0]: the ZDT number, data[1]: the twin (0 plain, 1 shifted, 2 rotated)


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Compute the objectives ``F`` (n, 2) of candidates ``X`` (n, d); ``G`` (n, 0) is empty.

    Parameters
    ----------
    X : (n, d) array
        One candidate a row, inside the bounds.
    data : (k,) array
        ``[number, twin]``; for a twin then the shift s (d-1,); for the shifted twin then the scale w (d-1,), for the
        rotated twin the matrix A (d-1, d-1) row by row; formulas in `csmoifsa_zdt.problems`.
    F, G : (n, 2) and (n, 0) arrays
        Receive objectives and constraints.

    Notes
    -----
    Source: Zitzler, Deb, Thiele 2000, Evolutionary Computation 8(2):173-195, section 4.
    """
    number, twin, tail = int(data[0]), int(data[1]), X.shape[1] - 1
    shift, second = HEADER, HEADER + tail
    for row in range(X.shape[0]):
        total = 0.0
        for i in range(tail):
            if twin == 0:
                z = X[row, i + 1]
            elif twin == 1:
                z = (X[row, i + 1] - data[shift + i]) / data[second + i]
            else:
                z = 0.0
                for j in range(tail):
                    z += data[second + i * tail + j] * (X[row, j + 1] - data[shift + j])
            if number == 4:  # 1 - cos, not cos alone: exactly zero at the optimum, no cancellation near it
                total += z * z + 10.0 * (1.0 - math.cos(4.0 * math.pi * z))
            else:
                total += abs(z)

        x1 = X[row, 0]
        f1 = x1
        if number == 4:
            g = 1.0 + total
        elif number == 6:
            f1 = 1.0 - math.exp(-4.0 * x1) * math.sin(6.0 * math.pi * x1) ** 6
            g = 1.0 + 9.0 * math.sqrt(math.sqrt(total / tail))
        else:
            g = 1.0 + 9.0 * total / tail

        ratio = f1 / g
        if number == 1 or number == 4:
            h = 1.0 - math.sqrt(ratio)
        elif number == 3:
            h = 1.0 - math.sqrt(ratio) - ratio * math.sin(10.0 * math.pi * f1)
        else:
            h = 1.0 - ratio * ratio
        F[row, 0] = f1
        F[row, 1] = g * h
