"""Times in which cars are plugged in, as a case file states them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.clock import clock_to_minutes


def plugged(windows: str | Sequence[str], steps: int, where: str) -> np.ndarray:
    """Return the steps that lie in windows such as ``"21:00-06:00"``, shape (steps,) bool; they may pass midnight.

    Raises
    ------
    InputError
        A window begins or ends inside a step, or is no pair of clock times.
    """
    minutes = np.zeros(1440, dtype=bool)
    for window in [windows] if isinstance(windows, str) else windows:
        begin, _, end = str(window).partition("-")
        first, last = clock_to_minutes(begin, where) % 1440, clock_to_minutes(end, where)
        minutes[(first + np.arange((last - first - 1) % 1440 + 1)) % 1440] = True
    grid = minutes.reshape(steps, -1)
    broken = grid.any(axis=1) != grid.all(axis=1)
    if broken.any():
        length = 1440 // steps
        raise InputError(f"{where} begins or ends inside the {length}-minute step {int(broken.argmax())}; move it")
    return np.asarray(grid.all(axis=1))
