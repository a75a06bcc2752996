"""Times of day and windows such as ``"14-21"``: reading and writing them."""

from __future__ import annotations

import re

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
