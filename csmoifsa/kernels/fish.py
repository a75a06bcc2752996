"""Kernels of the algorithm as published: affinities, neighbours in the visual range, antibody concentrations."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Indices, Matrix, Vector, jit
from csmoifsa.kernels.dominance import compare
from csmoifsa.kernels.truncation import objective_range


@jit(borrows=True)
def affinities_among(F: Matrix, CV: Vector, population_F: Matrix, population_CV: Vector, affinity: Vector) -> None:
    """Write each row's ``affinity`` (n,) in a population: 1 / (1 + number of individuals that are better).

    F : (n, n_obj), CV : (n,) the rows; population_F : (m, n_obj), population_CV : (m,) those compared with.
    Reconstructed.
    """
    for i in range(CV.size):
        n_better = 0
        for j in range(population_CV.size):
            n_better += compare(population_F, population_CV, j, F, CV, i) == 1
        affinity[i] = 1.0 / (1.0 + n_better)


@jit(borrows=True)
def find_neighbours(
    X: Matrix, affinity: Vector, visual: float, n_neighbours: Indices, best: Indices, centre: Matrix
) -> None:
    """Find the neighbours of each fish within the visual range: their number, the best of them, their centre.

    X : (n, n_var) positions in the unit box; affinity : (n,). Distances are root mean squares over the coordinates,
    because in thirty dimensions no fish lies within a plain Euclidean range of 0.5 (reconstructed).
    Writes n_neighbours : (n,), best : (n,) the row with the highest affinity, of several the nearest, -1 if there is no
    neighbour, and centre : (n, n_var) the mean position.
    """
    n, n_var = X.shape
    for i in range(n):
        n_neighbours[i], best[i], nearest = 0, -1, np.inf
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
            n_neighbours[i] += 1
            for k in range(n_var):
                centre[i, k] += X[j, k]
            higher = best[i] < 0 or affinity[j] > affinity[best[i]]
            if higher or (affinity[j] == affinity[best[i]] and square < nearest):
                best[i], nearest = j, square
        for k in range(n_var):
            centre[i, k] /= max(n_neighbours[i], 1)


@jit(borrows=True)
def scaled_distance(F: Matrix, i: int, j: int, scale: Vector) -> float:
    """Return the distance of rows i and j of ``F`` (n, n_obj), each objective divided by its ``scale`` (n_obj,)."""
    total = 0.0
    for k in range(scale.size):
        step = (F[i, k] - F[j, k]) / scale[k]
        total += step * step
    return np.sqrt(total)


@jit
def concentrations(F: Matrix, concentration: Vector) -> None:
    """Write the ``concentration`` (n,) of each antibody of ``F`` (n, n_obj): 1 / sum_j |F_i - F_j|.

    Objectives are scaled to their range. Reconstructed.
    """
    n, n_obj = F.shape
    rows, scale = np.arange(n), np.empty(n_obj)
    for k in range(n_obj):
        scale[k] = objective_range(F, rows, k)
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += scaled_distance(F, i, j, scale)
        concentration[i] = 1.0 / max(total, 1e-300)


@jit(borrows=True)
def expected_reproduction(
    affinity: Vector, concentration: Vector, affinity_weight: float, reproduction: Vector
) -> None:  # fmt: skip
    """Write the expected ``reproduction`` (n,) of each antibody: a A / sum A + (1 - a) (1/C) / sum (1/C).

    affinity A, concentration C : (n,); a = ``affinity_weight``. Reconstructed.
    """
    sum_affinity, sum_reciprocals = 0.0, 0.0
    for i in range(affinity.size):
        sum_affinity += affinity[i]
        sum_reciprocals += 1.0 / concentration[i]
    for i in range(affinity.size):
        share = 1.0 / concentration[i] / max(sum_reciprocals, 1e-300)
        reproduction[i] = affinity_weight * affinity[i] / sum_affinity + (1.0 - affinity_weight) * share
