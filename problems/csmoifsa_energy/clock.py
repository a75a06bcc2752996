"""Times of day and windows such as ``"14-21"``: reading and writing them."""

from __future__ import annotations

import re

import numpy as np

from csmoifsa.errors import InputError

_CLOCK = re.compile(r"\s*(\d{1,2})(?::([0-5]\d))?\s*")


def clock_to_minutes(text: str, where: str) -> int:
    """Read ``"7"``, ``"07:30"`` or ``"24"`` as minutes after midnight, 0 to 1440.

    Raises
    ------
    InputError
        It is no time of day; ``where`` names the key that holds it.
    """
    match = _CLOCK.fullmatch(text)
    minutes = int(match[1]) * 60 + int(match[2] or 0) if match else -1
    if not 0 <= minutes <= 1440:
        raise InputError(f"{where}: {text.strip()!r} is not a time of day; write hours as '14' or '14:30'")
    return minutes


def clock_text(minute: int) -> str:
    """Return minutes after midnight as ``"14:30"``."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def windows_of(inside: np.ndarray, *, padded: bool = False) -> list[str]:
    """Return the windows ``"from-to"`` in which a day's steps are true; one over midnight is written as one.

    Parameters
    ----------
    inside : (T,) bool array
        Steps of equal length, the first beginning at midnight.
    padded : bool
        Whether times are written as ``"07:00"``, else as ``"7"`` and ``"7:30"``.

    Examples
    --------
    >>> windows_of(np.arange(1440) // 60 % 23 < 7)
    ['23-7']
    >>> windows_of(np.arange(24) % 21 < 6, padded=True)
    ['21:00-06:00']
    """
    steps = len(inside)
    begin = np.flatnonzero(inside & ~np.roll(inside, 1))
    end = np.flatnonzero(inside & ~np.roll(inside, -1)) + 1
    if inside.all():
        begin, end = np.array([0]), np.array([steps])
    elif len(end) and end[0] <= begin[0]:
        end = np.roll(end, -1)

    def text(step: int) -> str:
        minute = step * 1440 // steps
        if padded:
            return clock_text(minute)
        return f"{minute // 60}" + (f":{minute % 60:02d}" if minute % 60 else "")

    return [f"{text(first)}-{text(last)}" for first, last in zip(begin.tolist(), end.tolist(), strict=True)]
