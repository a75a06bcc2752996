"""From stamped values to whole local days: the one place where gaps, doubles and clock changes are decided."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.loaders.faults import Faults
from csmoifsa_ev.loaders.stamps import hours_per_slot, parse_stamp, zone_named
from csmoifsa_ev.loaders.table import Table, number

STEPS_MIN = (60, 30, 15, 10, 5)
WIDEST_GAP = timedelta(hours=6)
"""The longest gap that ``fill = "interpolate"`` bridges."""

Stamp = Literal["beginning", "ending"]
Fill = Literal["error", "interpolate"]
Key = tuple[date, int]


@dataclass(frozen=True, kw_only=True)
class SeriesFormat:
    """How a file writes a time series.

    Attributes
    ----------
    time_column, value_column : str
        Its columns.
    stamp : "beginning" or "ending"
        What a stamp marks of its step.
    stamp_zone, time_zone : str
        The zone stamps are written in, and the zone whose days are wanted; ``"local"`` for stamps means the latter.
    fill : "error" or "interpolate"
        What to do about a missing or unreadable value.
    negative : bool
        Whether values may be negative (prices), or not (loads).
    thousands : bool
        Whether ``12,345`` is twelve thousand.
    key : str
        The part of the scenario that names the file, for messages.
    """

    time_column: str
    value_column: str
    stamp: Stamp
    stamp_zone: str
    time_zone: str
    fill: Fill = "error"
    negative: bool = False
    thousands: bool = False
    key: str = "load"


@dataclass(frozen=True)
class Days:
    """Whole days of a series.

    Attributes
    ----------
    values : (D, T) array
        Mean of each step, the first beginning at midnight.
    dates : list of date
        The days, in order; empty where they are not known.
    notes : list of str
        What was done beyond reading: averaged, filled.
    time_zone : str
        The zone of these days, empty where it is not known.
    """

    values: np.ndarray
    dates: list[date]
    notes: list[str]
    time_zone: str = ""


def read_days(table: Table, how: SeriesFormat, choose: DayChoice) -> Days:
    """Return the chosen days of a table.

    Raises
    ------
    InputError
        A stamp or value is wrong, missing or doubled; all such places are named.
    """
    faults = Faults(table.path)
    zone = zone_named(how.time_zone, f"{how.key}.time_zone")
    wall = _wall_clock(table, how, zone, faults)
    faults.stop()
    step = _step(table.path, [when for _, when, _ in wall])
    shift = step if how.stamp == "ending" and how.stamp_zone == "local" else timedelta(0)
    slots = _slots(wall, how, shift, step, faults)
    _no_impossible_hours(slots, zone, step, how, faults)
    faults.stop()
    texts = [row[table.at(how.value_column)] for row in table.rows]
    dates = choose.pick(table.path, sorted({day for day, _ in slots}), how.key)
    reading = _Reading(table, how, slots, texts, step, faults)
    values = np.array([reading.day(day, hours_per_slot(day, zone, step), zone) for day in dates])
    faults.stop()
    if table.cut_short and wall and any(key[0] in set(dates) and len(texts) - 1 in rows for key, rows in slots.items()):
        reading.notes.append(
            f"{table.path}, line {table.lines[-1]}: the last line has no line end; if the file was cut short, its "
            "value is wrong"
        )
    return Days(values, dates, reading.notes, how.time_zone)


@dataclass(frozen=True, kw_only=True)
class DayChoice:
    """Which days of a file are wanted.

    Attributes
    ----------
    day, first_day, last_day : date, optional
        One day, or the first and last of several.
    which_days : "all", "weekdays" or "weekends"
        Which of them.
    """

    day: date | None = None
    first_day: date | None = None
    last_day: date | None = None
    which_days: str = "all"

    def pick(self, path: Path, there: list[date], key: str) -> list[date]:
        """Return the wanted days; every day of the span counts, in the file or not."""
        if not there:
            raise InputError(f"{path} holds no values")
        span = f"the file runs from {there[0]} to {there[-1]}"
        if self.day is None and self.first_day is None and self.last_day is None:
            if len(there) > 1:
                raise InputError(
                    f"{path} holds {len(there)} days, {there[0]} to {there[-1]}; name one with {key}.day, or several "
                    f"with {key}.first_day and {key}.last_day"
                )
            return there
        first = self.day or self.first_day or there[0]
        last = self.day or self.last_day or there[-1]
        if last < first:
            raise InputError(f"{key}.last_day {last} is before first_day {first}")
        if not there[0] <= first <= last <= there[-1]:
            outside = last if there[0] <= first <= there[-1] else first
            raise InputError(f"{path}: no row for {outside}; {span}")
        if (last - first).days > 400:
            raise InputError(f"{key}: {(last - first).days + 1} days are too many to price together; take at most 400")
        days = [first + timedelta(days=k) for k in range((last - first).days + 1)]
        if self.day is None and self.which_days != "all":
            days = [one for one in days if (one.weekday() < 5) == (self.which_days == "weekdays")]
        if not days:
            raise InputError(f"{key}: there are no {self.which_days} from {first} to {last}")
        return days


def _wall_clock(
    table: Table, how: SeriesFormat, zone: ZoneInfo | None, faults: Faults
) -> list[tuple[int, datetime, int]]:
    """Return (line, stamp, row) of every row, the stamp on the stamps' own clock or, where that is known, in UTC."""
    own = zone_named(how.stamp_zone, f"{how.key}.stamp_zone")
    if own is not None and zone is None:
        raise InputError(f"{how.key}.time_zone: name the zone of the local clock, since stamps are in {how.stamp_zone}")
    result = []
    for row, (line, text) in enumerate(table.cells(how.time_column, f"{how.key}.time_column")):
        when = parse_stamp(text)
        if when is None:
            faults.add(f"{text!r} is not a time stamp such as 2014-06-05 14:00", line=line, column=how.time_column)
            continue
        if not 1900 <= when.year <= 2200:
            faults.add(f"{text!r} lies outside the years 1900 to 2200", line=line, column=how.time_column)
            continue
        if when.tzinfo is not None and own is None:
            faults.add(
                f"{text!r} carries a UTC offset; set {how.key}.stamp_zone = 'UTC' and {how.key}.time_zone, or bring "
                "stamps on the local clock",
                line=line,
                column=how.time_column,
            )
            continue
        if own is not None:
            when = (when if when.tzinfo is not None else when.replace(tzinfo=own)).astimezone(UTC).replace(tzinfo=None)
        result.append((line, when, row))
    if len(result) + len(faults.told) < 2:
        raise InputError(f"{table.path} holds {len(result)} row(s); a day needs at least 24")
    return result


def _step(path: Path, stamps: list[datetime]) -> timedelta:
    """Return the usual distance between stamps, which must divide the hour."""
    distances = Counter(later - earlier for earlier, later in pairwise(sorted(set(stamps))))
    if not distances:
        raise InputError(f"{path}: every row has the same stamp {stamps[0] if stamps else ''}")
    most = max(distances.values())
    step = min(distance for distance, count in distances.items() if count == most)
    if step not in [timedelta(minutes=m) for m in STEPS_MIN]:
        raise InputError(f"{path}: the step between stamps is {step}; bring values of 60, 30, 15, 10 or 5 minutes")
    return step


def _slots(
    wall: list[tuple[int, datetime, int]], how: SeriesFormat, shift: timedelta, step: timedelta, faults: Faults
) -> dict[Key, list[int]]:
    """Return the rows of each step of each local day."""
    zone = zone_named(how.time_zone, "")
    utc = how.stamp_zone != "local"
    slots: dict[Key, list[int]] = {}
    seen: dict[datetime, int] = {}
    for line, when, row in wall:
        if utc:
            begin = when - (step if how.stamp == "ending" else timedelta(0))
            if begin in seen:
                faults.add(
                    f"{when} UTC appears twice, first in line {seen[begin]}; keep one of the rows",
                    line=line,
                    column=how.time_column,
                )
                continue
            seen[begin] = line
            begin = begin.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None, fold=0)
        else:
            begin = when - shift
        index, rest = divmod(begin - datetime(begin.year, begin.month, begin.day), step)
        if rest:
            faults.add(f"{when} does not fall on a whole step of {step}", line=line, column=how.time_column)
            continue
        slots.setdefault((begin.date(), index), []).append(row)
    return slots


def _no_impossible_hours(
    slots: dict[Key, list[int]], zone: ZoneInfo | None, step: timedelta, how: SeriesFormat, faults: Faults
) -> None:
    """Refuse values in an hour that the clock skipped: the stamps are not on that zone's clock."""
    if zone is None or how.stamp_zone != "local":
        return
    for day in {day for day, _ in slots}:
        counts = hours_per_slot(day, zone, step)
        for index in [k for k, count in enumerate(counts) if count == 0]:
            if (day, index) in slots:
                clock = datetime(day.year, day.month, day.day) + index * step
                faults.add(
                    f"there was no {clock} on the clock of {how.time_zone}; is {how.key}.time_zone right, or are the "
                    f"stamps in UTC ({how.key}.stamp_zone)?"
                )


class _Reading:
    """Reads the values of whole days and says what it had to do."""

    def __init__(
        self,
        table: Table,
        how: SeriesFormat,
        slots: dict[Key, list[int]],
        texts: list[str],
        step: timedelta,
        faults: Faults,
    ) -> None:
        self.table, self.how, self.slots, self.texts, self.step, self.faults = table, how, slots, texts, step, faults
        self.n_steps = timedelta(days=1) // step
        self.notes: list[str] = []

    def day(self, day: date, counts: tuple[int, ...], zone: ZoneInfo | None) -> list[float]:
        """Return the values of one day."""
        values: list[float] = []
        filled: list[str] = []
        for index, count in enumerate(counts):
            rows = self.slots.get((day, index), [])
            told = len(self.faults.told) + self.faults.left_out
            read = [value for row in rows if (value := self.value(row)) is not None]
            if len(rows) > max(count, 1):
                self._doubled(rows, day, index, zone)
            if len(read) == count > 0:
                values.append(sum(read) / count)
                continue
            bridged = self._between(day, index) if count == 0 or self.how.fill == "interpolate" else None
            if bridged is None and told == len(self.faults.told) + self.faults.left_out:
                self._missing(day, index, zone)
            values.append(float("nan") if bridged is None else bridged)
            if count and bridged is not None:
                filled.append(self.clock(index))
        self._note(day, counts, filled)
        return values

    def value(self, row: int) -> float | None:
        """Return the value of a row, None if it is to be filled; a fault otherwise."""
        text = self.texts[row]
        value = number(text, thousands=self.how.thousands)
        if value is not None and (value >= 0 or self.how.negative):
            return value
        if value is None and self.how.fill == "interpolate":
            return None
        line, column = self.table.lines[row], self.how.value_column
        if value is None:
            self.faults.add(
                f"{text!r} is not a number; correct it, or fill it with --fill interpolate", line=line, column=column
            )
        else:
            self.faults.add(f"load cannot be negative, but it is {text}", line=line, column=column)
        return None

    def clock(self, index: int) -> str:
        minutes = index * int(self.step.total_seconds() // 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    def _doubled(self, rows: list[int], day: date, index: int, zone: ZoneInfo | None) -> None:
        hint = "keep one of the rows"
        if zone is None:
            hint += f", or name {self.how.key}.time_zone if the clocks changed then"
        lines = ", ".join(str(self.table.lines[row]) for row in rows)
        self.faults.add(
            f"the step that begins {day} {self.clock(index)} appears twice (lines {lines}); {hint}",
            line=self.table.lines[rows[-1]],
            column=self.how.time_column,
        )

    def _missing(self, day: date, index: int, zone: ZoneInfo | None) -> None:
        hint = "" if zone is not None else f", or name {self.how.key}.time_zone if the clocks changed then"
        way = (
            "the gap is too wide to interpolate"
            if self.how.fill == "interpolate"
            else "fill it with --fill interpolate"
        )
        self.faults.add(f"the step that begins {day} {self.clock(index)} is missing; {way}{hint}")

    def _between(self, day: date, index: int) -> float | None:
        """Return the value on the straight line between the nearest known steps before and after."""
        most = WIDEST_GAP // self.step
        ends = []
        for sign in (-1, 1):
            for far in range(1, most + 1):
                over, at = divmod(index + sign * far, self.n_steps)
                rows = self.slots.get((day + timedelta(days=over), at), [])
                found = [v for row in rows if (v := number(self.texts[row], thousands=self.how.thousands)) is not None]
                if found:
                    ends.append((far, sum(found) / len(found)))
                    break
        if len(ends) < 2 or ends[0][0] + ends[1][0] > most:
            return None
        (before, low), (after, high) = ends
        return low + (high - low) * before / (before + after)

    def _note(self, day: date, counts: tuple[int, ...], filled: list[str]) -> None:
        for count, what in (
            (0, "skipped {} as the clocks went forward: a day of {} hours; the mean of the neighbours stands there"),
            (2, "passed {} twice as the clocks went back: a day of {} hours; the mean of both stands there"),
        ):
            at = [self.clock(k) for k, one in enumerate(counts) if one == count]
            if at:
                hours = sum(counts) * self.step / timedelta(hours=1)
                self.notes.append(f"{self.table.path}: {day} " + what.format(" ".join(at), f"{hours:g}"))
        if filled:
            self.notes.append(
                f"{self.table.path}: {day}: {len(filled)} value(s) interpolated on request: {' '.join(filled)}"
            )
