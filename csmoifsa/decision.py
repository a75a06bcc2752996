"""Choice of a solution from a Pareto front: a compromise by fuzzy membership, the extremes, the knee.

The front may come from any source. Objectives are minimised; a maximised quantity enters with a minus sign.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from csmoifsa.errors import InputError


def _front(F: ArrayLike) -> np.ndarray:
    front = np.array(F, dtype=float)
    if front.ndim != 2 or 0 in front.shape:
        raise InputError(f"F must hold one solution a row, shape (n, m) with n, m >= 1, not {front.shape}")
    if not np.isfinite(front).all():
        row = int((~np.isfinite(front)).any(axis=1).argmax())
        raise InputError(f"F must be finite, but row {row} is {front[row].tolist()}; drop it first")
    return front


def membership(F: ArrayLike, /) -> np.ndarray:
    """Return the fuzzy membership (n, m) of each solution in each objective, 0 = worst on the front, 1 = best.

    ``mu = (f_max - f) / (f_max - f_min)``; 1 everywhere in an objective that does not vary.

    Parameters
    ----------
    F : (n, m) array_like
        Objectives of a front, one solution a row.

    Returns
    -------
    (n, m) array
        Memberships in [0, 1].

    Examples
    --------
    >>> membership([[0.0, 10.0], [1.0, 4.0], [4.0, 0.0]])
    array([[1.  , 0.  ],
           [0.75, 0.6 ],
           [0.  , 1.  ]])
    """
    front = _front(F)
    worst, best = front.max(axis=0), front.min(axis=0)
    span = worst - best
    return np.where(span > 0, (worst - front) / np.where(span > 0, span, 1.0), 1.0)


def scores(F: ArrayLike, /, *, weights: ArrayLike | None = None) -> np.ndarray:
    """Return the share (n,) of each solution in the total membership of the front; the shares sum to one.

    Parameters
    ----------
    F : (n, m) array_like
        Objectives of a front.
    weights : (m,) array_like, optional
        Importance of each objective, >= 0; equal if left out.
    """
    mu = membership(F)
    if weights is not None:
        importance = np.asarray(weights, dtype=float)
        if importance.shape != (mu.shape[1],) or not (importance >= 0).all() or not importance.sum() > 0:
            raise InputError(
                f"weights must be {mu.shape[1]} numbers >= 0, not all 0; got {np.asarray(weights).tolist()}"
            )
        mu = mu * importance
    total = mu.sum(axis=1)
    return total / total.sum()


def compromise(F: ArrayLike, /, *, weights: ArrayLike | None = None) -> int:
    """Return the row with the largest sum of (weighted) memberships, the first of equals.

    Examples
    --------
    >>> compromise([[0.0, 10.0], [1.0, 4.0], [4.0, 0.0]])
    1
    """
    return int(scores(F, weights=weights).argmax())


def extremes(F: ArrayLike, /) -> list[int]:
    """Return for each objective the row that is best in it; among equals the one of largest total membership.

    Examples
    --------
    >>> extremes([[0.0, 10.0], [0.0, 8.0], [4.0, 0.0]])
    [1, 2]
    """
    front = _front(F)
    total = scores(front)
    rows = []
    for column in front.T:
        best = np.flatnonzero(column == column.min())
        rows.append(int(best[total[best].argmax()]))
    return rows


def best_acceptable(F: ArrayLike, objective: int, /, *, floor: float = 0.5) -> int | None:
    """Return the row best in one objective among those acceptable in all others, or None if there is none.

    Parameters
    ----------
    F : (n, m) array_like
        Objectives of a front.
    objective : int
        Column of the objective to be best in.
    floor : float
        The least membership, in [0, 1], at which another objective counts as acceptable.

    Examples
    --------
    >>> best_acceptable([[0.0, 10.0], [1.0, 4.0], [4.0, 0.0]], 0)
    1
    """
    front = _front(F)
    if not -front.shape[1] <= objective < front.shape[1]:
        raise InputError(f"objective must be a column of F, below {front.shape[1]}, not {objective}")
    others = np.delete(membership(front), objective, axis=1)
    acceptable = np.flatnonzero((others >= floor).all(axis=1))
    if not len(acceptable):
        return None
    column = front[acceptable, objective]
    best = acceptable[column == column.min()]
    return int(best[scores(front)[best].argmax()])


def knee(F: ArrayLike, /) -> int:
    """Return the row farthest from the plane through the extremes, on the side where objectives are smaller (the knee).

    Beyond the knee, a small gain in one objective costs much of another. Objectives are scaled to [0, 1]. The plane
    runs through the best solution of each objective; where these do not define one, it is ``sum f = const``.

    Examples
    --------
    >>> knee([[0.0, 1.0], [0.1, 0.2], [0.5, 0.1], [1.0, 0.0]])
    1
    """
    front = _front(F)
    scaled = 1.0 - membership(front)
    corners = scaled[extremes(front)]
    normal, _, rank, _ = np.linalg.lstsq(corners, np.ones(len(corners)), rcond=None)
    if rank < len(corners) or not (normal > 0).all():
        normal = np.ones(scaled.shape[1])
    return int((scaled * normal).sum(axis=1).argmin())
