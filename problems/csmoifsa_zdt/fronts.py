"""Pareto fronts and Pareto sets of ZDT1-4 and ZDT6 in closed form, for any number of points.

The front is the curve f2 = h(f1) at g = 1 (Zitzler, Deb, Thiele 2000, section 4): 1 - sqrt(f1) for ZDT1 and ZDT4,
1 - f1^2 for ZDT2 and ZDT6, and the non-dominated pieces of 1 - sqrt(f1) - f1 sin(10 pi f1) for ZDT3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

# ZDT6: f1 = 1 - exp(-4 x) sin^6(6 pi x) is least where its derivative vanishes,
# tan(6 pi x) = 9 pi, first in x = 0.0815.
ZDT6_LAST_X1 = math.atan(9 * math.pi) / (6 * math.pi)
ZDT6_LEAST_F1 = 1 - math.exp(-4 * ZDT6_LAST_X1) * math.sin(6 * math.pi * ZDT6_LAST_X1) ** 6


def zdt3_curve(f1: float) -> float:
    """Return f2 of ZDT3 at g = 1."""
    return 1 - math.sqrt(f1) - f1 * math.sin(10 * math.pi * f1)


@cache
def zdt3_segments() -> tuple[tuple[float, float], ...]:
    """Return the ends in f1 of the five pieces of ZDT3's front, to about 1e-15.

    A piece ends where the curve has a local minimum: the root of its derivative, bracketed by the rising and falling
    halves of the sine. The next begins where the falling curve first passes below that minimum. Both are found by
    bisection, which returns the side on which the condition holds, so that the first point of a piece is strictly
    better in f2 than the piece before.
    """

    def rising(f1: float) -> bool:
        angle = 10 * math.pi * f1
        return -0.5 / math.sqrt(f1) - math.sin(angle) - angle * math.cos(angle) > 0

    segments, start = [], 0.0
    for k in range(5):
        # -f1 sin(10 pi f1) is least just behind the crest of the k-th wave, 0.05 + 0.2 k; 0.05 later the curve rises
        end = _first_true(rising, 0.2 * k + 0.05, 0.2 * k + 0.1)
        segments.append((start, end))
        least = zdt3_curve(end)
        # the next fall is between that wave's trough and the next one's crest
        start = _first_true(lambda f1, least=least: zdt3_curve(f1) < least, 0.2 * k + 0.15, 0.2 * k + 0.25)
    return tuple(segments)


def front(number: int, n_points: int) -> np.ndarray:
    """Return the Pareto front, (n_points, 2), by rising f1, evenly spaced in f1.

    ZDT3's points are shared evenly among its five pieces, whose ends are always present when there are ten or more.
    """
    if number == 3:
        shares = [len(part) for part in np.array_split(np.arange(n_points), 5)]
        f1 = np.concatenate([np.linspace(*ends, n) for ends, n in zip(zdt3_segments(), shares, strict=True)])
        return np.column_stack([f1, 1 - np.sqrt(f1) - f1 * np.sin(10 * np.pi * f1)])
    f1 = np.linspace(ZDT6_LEAST_F1 if number == 6 else 0.0, 1.0, n_points)
    return np.column_stack([f1, 1 - f1**2 if number in (2, 6) else 1 - np.sqrt(f1)])


def front_x1(number: int, f1: np.ndarray) -> np.ndarray:
    """Return the first variable, (n,), of the optimal candidates whose first objective is ``f1`` (n,)."""
    if number != 6:
        return f1.copy()
    # f1 falls from 1 to its least on [0, ZDT6_LAST_X1], so bisection inverts it; 60 halvings reach the last bit.
    low, high = np.zeros_like(f1), np.full_like(f1, ZDT6_LAST_X1)
    for _ in range(60):
        middle = (low + high) / 2
        above = 1 - np.exp(-4 * middle) * np.sin(6 * np.pi * middle) ** 6 > f1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high


def _first_true(condition: Callable[[float], bool], low: float, high: float) -> float:
    """Return the least number in [low, high] for which a condition that turns from false to true once is true."""
    if condition(low) or not condition(high):
        raise ArithmeticError(f"no change of sign between {low} and {high}")
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if condition(middle) else (middle, high)
    return high
