"""Quality indicators of a front: hypervolume, IGD, IGD+ and epsilon from moocore, and the three of the paper.

**One rule of normalisation.** `hypervolume`, `igd`, `igd_plus` and `epsilon` first scale both fronts by the true one,
so that its ideal point becomes 0 and its nadir point 1 in every objective (an objective in which the true front has no
extent is only shifted). The hypervolume is measured against 1.1 in every objective, in that scale. ``scaled=False``
leaves the objectives in their own units, as many papers report IGD; the two agree where the true front spans [0, 1], as
on ZDT1, 2 and 4.

**The paper's three** (Dong et al. 2022, equations B3-B5) are in the objectives' own units, as printed: `convergence`
(generational distance), `uniformity` (Schott's spacing) and `error_ratio`. Less is better in all but the hypervolume.
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike

from csmoifsa.errors import InputError

REFERENCE = 1.1  # coordinate of the hypervolume's reference point in every scaled objective
EXACT_OBJECTIVES = 7
"""Largest number of objectives whose hypervolume is exact; with ten, a front of 100 points would take minutes."""


def normalise(F: ArrayLike, true_front: ArrayLike) -> np.ndarray:
    """Scale objectives so that the true front's ideal point is 0 and its nadir point is 1.

    Parameters
    ----------
    F : (n, m) array
        Objective values, one point a row.
    true_front : (k, m) array
        Points of the true front.

    Returns
    -------
    (n, m) array
        Scaled objective values.
    """
    F, true_front = _pair(F, true_front)
    return _scale(F, true_front)


def hypervolume(F: ArrayLike, true_front: ArrayLike, *, scaled: bool = True, reference: float = REFERENCE) -> float:
    """Return the volume that the front dominates up to the reference point (more is better).

    With more than `EXACT_OBJECTIVES` objectives it is approximated by moocore's quasi-random polar method, whose error
    is of the order of 0.03 %; the same points give the same value.

    Parameters
    ----------
    F : (n, m) array
        The front found.
    true_front : (k, m) array
        Points of the true front.
    scaled : bool
        False measures ``F`` in its own units; of ``true_front`` only the number of objectives is then used.
    reference : float
        The reference point's coordinate in every objective.
    """
    F, true_front = _pair(F, true_front)
    points = _scale(F, true_front) if scaled else F
    corner = np.full(points.shape[1], reference)
    measure = moocore.hypervolume if len(corner) <= EXACT_OBJECTIVES else moocore.hv_approx
    return float(measure(points, ref=corner))


def igd(F: ArrayLike, true_front: ArrayLike, *, scaled: bool = True) -> float:
    """Return the mean distance from the points of the true front (k, m) to the nearest in ``F`` (n, m).

    Source: Coello Coello and Reyes-Sierra 2004, in the averaged form that moocore, pymoo and PlatEMO compute.
    """
    F, true_front = _pair(F, true_front, scaled)
    return float(moocore.igd(F, true_front))


def igd_plus(F: ArrayLike, true_front: ArrayLike, *, scaled: bool = True) -> float:
    """Return IGD with distances that count only what is worse than the true point; weakly Pareto-compliant.

    Source: Ishibuchi et al. 2015. ``F`` is (n, m), ``true_front`` (k, m).
    """
    F, true_front = _pair(F, true_front, scaled)
    return float(moocore.igd_plus(F, true_front))


def epsilon(F: ArrayLike, true_front: ArrayLike, *, scaled: bool = True) -> float:
    """Return the least amount to subtract from all objectives of ``F`` (n, m) so that it covers the true front (k, m).

    Source: Zitzler et al. 2003, additive epsilon.
    """
    F, true_front = _pair(F, true_front, scaled)
    return float(moocore.epsilon_additive(F, true_front))


def summary(F: ArrayLike, true_front: ArrayLike) -> dict[str, float]:
    """Return the scaled ``igd``, ``igd_plus`` and ``hypervolume`` of ``F`` (n, m) against ``true_front`` (k, m)."""
    return {
        "igd": igd(F, true_front),
        "igd_plus": igd_plus(F, true_front),
        "hypervolume": hypervolume(F, true_front),
    }


def convergence(F: ArrayLike, true_front: ArrayLike) -> float:
    """Return the generational distance sqrt(sum d_i^2) / n, d_i from point i to the nearest of the true front.

    Source: the paper's equation B3 (Van Veldhuizen and Lamont 1998). ``F`` is (n, m), ``true_front`` (k, m); the paper
    uses k = 1000.
    """
    distance = distance_to_front(F, true_front)
    return float(np.sqrt(np.sum(distance**2)) / len(distance))


def uniformity(F: ArrayLike) -> float:
    """Return Schott's spacing sqrt(sum (mean d - d_i)^2 / (n - 1)), d_i the L1 distance to the nearest other point.

    Source: the paper's equation B4 (Schott 1995). ``F`` is (n, m), n at least 2.
    """
    F = _points("F", F)
    if len(F) < 2:
        raise InputError("uniformity needs at least two points, got one")
    from scipy.spatial.distance import cdist

    distance = cdist(F, F, "cityblock")
    np.fill_diagonal(distance, np.inf)
    return float(np.std(distance.min(axis=1), ddof=1))


def error_ratio(F: ArrayLike, true_front: ArrayLike, *, eps: float) -> float:
    """Return the share of the points of ``F`` (n, m) that lie farther than ``eps`` from the true front (k, m).

    Source: the paper's equation B5 (Van Veldhuizen 1999), which prints no eps; state yours, and show `error_curve`.
    """
    return float(error_curve(F, true_front, eps=[eps])[0])


def error_curve(F: ArrayLike, true_front: ArrayLike, *, eps: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return `error_ratio` for each of ``eps`` (e,), as an array (e,)."""
    limits = np.asarray(eps, dtype=float)
    if limits.ndim != 1 or not np.all(limits >= 0):
        raise InputError(f"eps must be distances of at least 0, got {eps!r}")
    return np.mean(distance_to_front(F, true_front)[None, :] > limits[:, None], axis=1)


def distance_to_front(F: ArrayLike, true_front: ArrayLike) -> np.ndarray:
    """Return the Euclidean distance, (n,), from each point of ``F`` (n, m) to the nearest of ``true_front`` (k, m)."""
    F, true_front = _pair(F, true_front)
    from scipy.spatial import KDTree

    return np.asarray(KDTree(true_front).query(F)[0])


def _points(name: str, value: ArrayLike) -> np.ndarray:
    """Return objective values as a finite C-contiguous float64 array (n, m), n and m >= 1; else raise `InputError`."""
    try:
        points = np.ascontiguousarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers, one point a row: {error}") from error
    if points.ndim != 2 or 0 in points.shape:
        raise InputError(f"{name} must have the shape (points, objectives), at least one of each; got {points.shape}")
    if not np.isfinite(points).all():
        row = int(np.argmin(np.isfinite(points).all(axis=1)))
        raise InputError(f"{name} must be finite, but row {row} is {points[row].tolist()}")
    return points


def _pair(F: ArrayLike, true_front: ArrayLike, scaled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    points, front = _points("F", F), _points("true_front", true_front)
    if points.shape[1] != front.shape[1]:
        raise InputError(f"F has {points.shape[1]} objectives, but true_front has {front.shape[1]}")
    return (_scale(points, front), _scale(front, front)) if scaled else (points, front)


def _scale(F: np.ndarray, true_front: np.ndarray) -> np.ndarray:
    ideal, nadir = true_front.min(axis=0), true_front.max(axis=0)
    return (F - ideal) / np.where(nadir > ideal, nadir - ideal, 1.0)
