"""Forecasts of real-time prices for the rest of the day: from day-ahead prices and past deviations, or your own.

A forecaster is a function ``f(now, known, day_ahead, past) -> (T,) array``: ``now`` is the step to decide on, ``known``
(T,) holds the real-time prices known so far and NaN after that, ``day_ahead`` (T,) the day-ahead prices, and ``past``
the deviations real-time minus day-ahead of earlier days, (d, T); all prices in currency/kWh. Name your own as
``module:function`` or ``file.py:function``. At steps whose price is known, that price replaces the forecast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from csmoifsa.errors import InputError

Forecaster = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

NAMES = ("bias", "ar1", "quantile", "none", "perfect")

_CLIP = 0.05, 0.95
"""Quantiles of past residuals to which `bias` clips the last one: a spike says little about the next hours."""

_ROUNDING = 1e-13
"""Part of their terms by which two sums of deviations must differ to count as different."""


def none(now: int, known: np.ndarray, day_ahead: np.ndarray, past: np.ndarray) -> np.ndarray:
    """Return the day-ahead price as the forecast, shape (T,) [currency/kWh]."""
    return day_ahead


def ar1(now: int, known: np.ndarray, day_ahead: np.ndarray, past: np.ndarray) -> np.ndarray:
    """Return the day-ahead price plus ``phi^k`` times the last known deviation, k steps after it, shape (T,).

    `fit_phi` fits phi on the past days. Without a known price, the forecast is the day-ahead price.
    """
    phi = fit_phi(past)
    seen = np.flatnonzero(np.isfinite(known))
    if not seen.size:
        return day_ahead
    last = int(seen[-1])
    ahead = np.arange(len(day_ahead)) - last
    return day_ahead + np.where(ahead >= 0, phi ** np.maximum(ahead, 0), 0.0) * (known[last] - day_ahead[last])


def bias(now: int, known: np.ndarray, day_ahead: np.ndarray, past: np.ndarray) -> np.ndarray:
    """Return the day-ahead price plus the deviation that past days let expect, shape (T,) [currency/kWh].

    The deviation is the median of each step plus the last known residual, which fades as ``phi^k``, k steps after it.
    The residual is clipped to the 5 % and 95 % quantiles of past residuals. A deviation counts only as far as it
    exceeds the median size of past residuals, since to follow smaller ones costs more than it brings (reconstructed).
    Without past days, the forecast is the day-ahead price.
    """
    if not past.size:
        return day_ahead
    middle = np.median(past, axis=0)
    residuals = past - middle
    deviation = middle.copy()
    seen = np.flatnonzero(np.isfinite(known))
    if seen.size:
        last = int(seen[-1])
        ahead = np.arange(len(day_ahead)) - last
        residual = np.clip(known[last] - day_ahead[last] - middle[last], *np.quantile(residuals, _CLIP))
        deviation += np.where(ahead >= 0, fit_phi(residuals) ** np.maximum(ahead, 0), 0.0) * residual
    return day_ahead + np.sign(deviation) * np.maximum(np.abs(deviation) - np.median(np.abs(residuals)), 0.0)


def quantile(now: int, known: np.ndarray, day_ahead: np.ndarray, past: np.ndarray) -> np.ndarray:
    """Return the day-ahead price plus the median of the deviation given the last known one, shape (T,).

    For each later step a line is fitted on the past days by quantile regression at the median (Koenker and Bassett
    1978): the deviation of the step over that of the last known step. As in `bias`, the last known deviation is clipped
    to the 5 % and 95 % quantiles of its past ones, and only what exceeds the median size of residuals counts. Without a
    known price the line is the median of the step. Without two past days, the forecast is the day-ahead price.
    """
    if len(past) < 2:
        return day_ahead
    seen = np.flatnonzero(np.isfinite(known))
    expected = np.median(past, axis=0)
    residuals = past - expected
    if seen.size:
        last = int(seen[-1])
        x = past[:, last]
        at = np.clip(known[last] - day_ahead[last], *np.quantile(x, _CLIP))
        for t in range(last + 1, past.shape[1]):
            start, slope = median_line(x, past[:, t])
            expected[t], residuals[:, t] = start + slope * at, past[:, t] - start - slope * x
    return day_ahead + np.sign(expected) * np.maximum(np.abs(expected) - np.median(np.abs(residuals)), 0.0)


def median_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return start and slope of a line of least absolute deviations through points (n,), (n,).

    With the best start, half of the points lie above the line and half below it. So the sum of deviations at slope b is
    the greatest ``c - g b`` over all ways to halve the points, ``c`` and ``g`` being the sums of y and of x above less
    those below. Two such bounds, one falling in b and one rising, meet at a slope. If the sum is higher there, the way
    that gives it replaces one of the two (cutting planes, Kelley 1960); if not, no slope has a lower sum.
    """
    n = len(x)
    half = n // 2

    def halves(order: np.ndarray) -> tuple[float, float]:
        above, below = order[n - half :], order[:half]
        return float(y[above].sum() - y[below].sum()), float(x[above].sum() - x[below].sum())

    falling, rising = halves(np.lexsort((y, x))), halves(np.lexsort((y, -x)))
    slope = 0.0
    while falling[1] > 0 > rising[1]:
        slope = (falling[0] - rising[0]) / (falling[1] - rising[1])
        found = halves(np.argsort(y - slope * x, kind="stable"))
        size = abs(falling[0]) + abs(rising[0]) + (falling[1] - rising[1]) * abs(slope)
        if not found[0] - found[1] * slope > falling[0] - falling[1] * slope + _ROUNDING * size:
            break
        if found[1] > 0:
            falling = found
        else:
            rising = found
    return float(np.median(y - slope * x)), slope


def fit_phi(past: np.ndarray) -> float:
    """Return the first-order autocorrelation of past deviations (d, T), clipped to [0, 0.99]; 0 without past days."""
    if past.size == 0 or past.shape[1] < 2:
        return 0.0
    earlier, later = past[:, :-1].ravel(), past[:, 1:].ravel()
    energy = float(earlier @ earlier)
    return float(np.clip(earlier @ later / energy, 0.0, 0.99)) if energy > 0 else 0.0


_BUNDLED: dict[str, Forecaster] = {"bias": bias, "ar1": ar1, "quantile": quantile, "none": none}


def find_forecaster(name: str) -> Forecaster | None:
    """Return a forecaster by name; None for ``"perfect"``, which needs real-time prices that are known only afterwards.

    Raises
    ------
    InputError
        No forecaster has that name, its module or file cannot be loaded, or what is loaded is not a function.
    """
    if name == "perfect":
        return None
    if name in _BUNDLED:
        return _BUNDLED[name]
    if ":" not in name:
        raise InputError(f"there is no forecaster {name!r}; there are {', '.join(NAMES)}, or module:function")
    from csmoifsa.plugins import load_object

    found = load_object(name, "forecaster")
    if not callable(found):
        raise InputError(f"forecaster {name!r} is of type {type(found).__name__}, not a function")
    return cast(Forecaster, found)


def refuse_code(name: str, path: object) -> None:
    """Raise `InputError` if a file names a forecaster that is none of `NAMES`, as its code would be run."""
    if name not in NAMES:
        raise InputError(
            f"{path}: the forecaster {name!r} is code that would be run; if you trust whoever wrote the file, "
            "load it with trust=True, or pass the forecaster"
        )


def check_forecast(name: str, values: object, now: int, known: np.ndarray) -> np.ndarray:
    """Return a forecast, shape (T,) [currency/kWh], with the known prices in place of its values at known steps.

    Raises
    ------
    InputError
        The forecast has not T values, or one from step ``now`` on is not finite.
    """
    array = np.array(values, dtype=float)
    if array.shape != known.shape:
        raise InputError(f"forecaster {name!r} must return {known.size} prices, not shape {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array[now:]))
    if bad.size:
        raise InputError(f"forecaster {name!r} returned {array[now + bad[0]]} for step {now + int(bad[0])}")
    return np.where(np.isfinite(known), known, array)
