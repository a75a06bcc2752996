"""Windows of a tariff that are to be chosen: ranges of their begin and length, and what these must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters

USUAL = "usual"
"""Name of the days that belong to no kind of ``[[tariff.days]]``."""


@dataclass(frozen=True, kw_only=True)
class WindowChoice(Parameters):
    """A period whose window is to be chosen, in whole hours.

    Attributes
    ----------
    period : str
        Name of the period; it then has this one window.
    start : (int, int)
        Earliest and latest hour at which the window may begin, 0 to 24; ``[22, 2]`` is 22, 23, 0, 1 and 2.
    hours : (int, int)
        Least and greatest length of the window [h], 1 to 23.
    days : tuple of str
        Kinds of days that share the window, by their names; ``"usual"`` are the days that belong to no kind.
    """

    period: str
    start: tuple[int, int]
    hours: tuple[int, int]
    days: tuple[str, ...] = (USUAL,)

    def __post_init__(self) -> None:
        if not all(0 <= hour <= 24 for hour in self.start):
            raise InputError(f"start must be two hours from 0 to 24, not {list(self.start)}")
        if not 1 <= self.hours[0] <= self.hours[1] <= 23:
            raise InputError(f"hours must be a least and a greatest length from 1 to 23, not {list(self.hours)}")
        if not self.days:
            raise InputError(f"days must name at least one kind of days, such as {USUAL!r}")

    @property
    def windows(self) -> list[np.ndarray]:
        """The hours of each window that may be chosen, as hours of the day."""
        first, last = self.start
        starts = dict.fromkeys(hour % 24 for hour in range(first, last + 1 if last >= first else last + 25))
        lengths = range(self.hours[0], self.hours[1] + 1)
        return [(start + np.arange(length)) % 24 for start, length in product(starts, lengths)]


def check_choices(
    choices: Sequence[WindowChoice], rest: str | None, names: Sequence[str], kinds: Sequence[str]
) -> None:
    """Raise InputError where choices name what there is not, or a period twice on days of one kind.

    Parameters
    ----------
    choices, rest
        See `tariff.Windows`.
    names : sequence of str
        Names of the periods.
    kinds : sequence of str
        Names of the kinds of days beside the usual ones.
    """
    if not choices:
        if rest is not None:
            raise InputError("rest names the period of hours that no chosen window takes, but there is no choose")
        return
    known = (USUAL, *kinds)
    if len(set(known)) < len(known):
        raise InputError(f"choose: each kind of days needs a name of its own, other than {USUAL!r}")
    seen = set()
    for one in choices:
        if one.period not in names:
            raise InputError(f"choose: there is no period {one.period!r}; periods are {', '.join(names)}")
        for day in one.days:
            if day not in known:
                raise InputError(f"choose: there is no kind of days {day!r}; there are {', '.join(known)}")
            if (one.period, day) in seen:
                raise InputError(f"choose: {one.period!r} is to be chosen twice on {day!r} days")
            seen.add((one.period, day))
    rest_of(choices, rest, names)


def rest_of(choices: Sequence[WindowChoice], rest: str | None, names: Sequence[str]) -> int:
    """Return the number of the period that takes the hours of no other; parameters are those of `check_choices`."""
    others = [name for name in names if name not in {one.period for one in choices}]
    found = others[0] if rest is None and len(others) == 1 else rest
    if found is None or found not in others:
        named = "" if rest is None else f", not {rest!r}"
        raise InputError(
            "rest must name the period that takes the hours of no other, one that is not chosen"
            + (f" ({', '.join(others)})" if others else "")
            + named
        )
    return list(names).index(found)
