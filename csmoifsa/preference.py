"""A region of interest around a reference point: what a decision maker aspires to decides which part of the front."""

from __future__ import annotations

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.typing import ArrayLike


def checked_point(reference_point: ArrayLike) -> np.ndarray:
    """Return a reference point as an array (n_obj,); raises `InputError` where it is none."""
    try:
        point = np.array(reference_point, dtype=float)
    except (TypeError, ValueError):
        point = np.empty((0, 0))
    if point.ndim != 1 or point.size < 2 or not np.isfinite(point).all():
        expected = "a list of finite numbers, an aspiration for each objective"
        raise InputError(f"reference_point must be {expected}; got {reference_point!r:.80}")
    return point


def outside_region(F: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return which candidates (n,) lie outside the region of interest of a reference point.

    F : (n, n_obj) objectives, minimised. point : (n_obj,) aspirations.
    The region holds what is at least as good as the point in every objective, and what is at most as good in every one:
    if the point can be reached, the part of the front that reaches it, else the part where all objectives fall short.
    Source: g-dominance, Molina et al. 2009, definition 2, doi:10.1016/j.ejor.2008.07.015.
    """
    return np.logical_not((F <= point).min(axis=1) | (F >= point).min(axis=1))
