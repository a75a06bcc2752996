"""The sets of hours that a tariff's choice of windows allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.clock import windows_of
from csmoifsa_ev.model.hours import USUAL, WindowChoice, rest_of
from csmoifsa_ev.model.tariff import Period, Windows

MOST_HOURS = 500
"""Largest number of sets of hours that a search may choose from."""

Days = Mapping[str, np.ndarray]
"""Number of the period in each minute of the day, (1440,), by kind of days; -1 where the hours are not known."""


def candidates(tariff: Windows) -> list[Windows]:
    """Return the tariffs with each set of hours that ``choose`` allows: see `chosen_days`.

    Raises
    ------
    InputError
        There is none, or there are more than `MOST_HOURS`.
    """
    numbers = {name: number for number, name in enumerate(tariff.names)}
    rest = rest_of(tariff.choose, tariff.rest, tariff.names)
    found = [
        with_hours(tariff, {kind: _windows(tariff, minutes) for kind, minutes in days.items()})
        for days in islice(chosen_days(days_of(tariff), tariff.choose, numbers, rest), MOST_HOURS + 1)
    ]
    if not found:
        raise InputError("tariff.choose: no windows within these ranges go together; widen start or hours")
    if len(found) > MOST_HOURS:
        raise InputError(
            f"tariff.choose: more than {MOST_HOURS} sets of hours are within these ranges; narrow start or hours"
        )
    return found


def days_of(tariff: Windows) -> Days:
    """Return the hours of a tariff in each minute of the day, by kind of days."""
    present = {USUAL: tariff.period_of_minute() if tariff.known else np.full(1440, -1, dtype=np.int64)}
    for k, kind in enumerate(tariff.days, start=1):
        own, hours = tariff.of_kind(k)
        present[kind.name] = np.array(own)[hours.period_of_minute()]
    return present


def _windows(tariff: Windows, minutes: np.ndarray) -> dict[str, tuple[str, ...]]:
    """Return the windows of each period that occurs, from the period of each minute of the day."""
    found = {name: tuple(windows_of(minutes == k)) for k, name in enumerate(tariff.names)}
    return {name: windows for name, windows in found.items() if windows}


def windows_by_kind(tariff: Windows) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the windows of each period that occurs, by kind of days."""
    return {kind: _windows(tariff, minutes) for kind, minutes in days_of(tariff).items()}


def with_hours(tariff: Windows, hours: Mapping[str, Mapping[str, Sequence[str]]]) -> Windows:
    """Return the tariff with other hours, in the form of `windows_by_kind`; nothing is left to choose."""
    usual = {name: tuple(hours[USUAL].get(name, ())) for name in tariff.names}
    kinds = tuple(
        replace(kind, windows={name: tuple(windows) for name, windows in hours[kind.name].items()})
        for kind in tariff.days
    )
    if not tariff.periods:
        return replace(tariff, **usual, days=kinds, choose=(), rest=None)
    periods = tuple(Period(name=name, windows=windows) for name, windows in usual.items())
    return replace(tariff, periods=periods, days=kinds, choose=(), rest=None)


def chosen_days(
    present: Days, choices: Sequence[WindowChoice], numbers: Mapping[str, int], rest: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield each set of hours that the choices allow, once, in the form of ``present``.

    A period that is chosen on a kind of days loses the hours it has there. Its window then takes its hours from the
    others; hours that belong to no period go to ``rest``. Sets are left out in which two chosen windows overlap, or in
    which a period has no hours on a kind of days on which it has some at present.

    Parameters
    ----------
    present : dict
        Hours in force.
    choices : sequence of WindowChoice
        The windows to choose.
    numbers : dict
        Number of each period by its name.
    rest : int
        Number of the period that takes all other hours.
    """
    seen = set()
    for windows in product(*(one.windows for one in choices)):
        days = {kind: _placed(kind, minutes, choices, windows, numbers, rest) for kind, minutes in present.items()}
        found = {kind: minutes for kind, minutes in days.items() if minutes is not None}
        key = b"".join(minutes.tobytes() for minutes in found.values())
        if len(found) == len(days) and key not in seen:
            seen.add(key)
            yield found


def _placed(
    kind: str,
    present: np.ndarray,
    choices: Sequence[WindowChoice],
    windows: Sequence[np.ndarray],
    numbers: Mapping[str, int],
    rest: int,
) -> np.ndarray | None:
    """Return the period of each minute on days of a kind under chosen windows, None where these do not go together."""
    own = [(numbers[one.period], hours) for one, hours in zip(choices, windows, strict=True) if kind in one.days]
    if not own:
        return present
    minutes = np.where(np.isin(present, [-1, *(number for number, _ in own)]), rest, present)
    taken = np.zeros(24, dtype=int)
    for number, hours in own:
        taken[hours] += 1
        minutes.reshape(24, 60)[hours] = number
    needed = {int(one) for one in np.unique(present) if one >= 0} | {number for number, _ in own}
    return minutes if taken.max() <= 1 and needed <= set(np.unique(minutes).tolist()) else None
