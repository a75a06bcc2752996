"""The nearest of some listed values."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit


@jit
def nearest(value: float, listed: np.ndarray) -> float:
    """Return the one of ``listed`` (k,), rising, that is nearest to ``value``; the lower of two at one distance."""
    best = listed[0]
    for other in listed:
        if abs(other - value) < abs(best - value):
            best = other
    return best
