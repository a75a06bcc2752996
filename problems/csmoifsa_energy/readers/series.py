"""Read whole local days of values: find gaps and doubled steps, fill gaps on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.readers.calendars import Calendar
from csmoifsa_energy.readers.faults import Faults, MendableError, Remedy, Setting, choose
from csmoifsa_energy.readers.numbers import NumberStyle
from csmoifsa_energy.readers.table import Table

WIDEST_GAP = timedelta(hours=6)
"""Longest distance between two known values that ``fill = "interpolate"`` fills."""

MOST_DAYS = 400
"""Largest number of days that are read to be priced together."""

Fill = Literal["error", "interpolate"]


@dataclass(frozen=True)
class DailySeries:
    """Whole days of a time series of load or prices.

    Attributes
    ----------
    values : (D, T) array
        Mean of each of T steps of D days; the first step begins at midnight.
    dates : list of date
        Date of each row of ``values``; empty if unknown.
    notes : list of str
        Sentences on values averaged or filled and on settings recognised from the file.
    time_zone : str
        Time zone of the days; empty if unknown.
    node : str
        Node or zone of the values; empty if unknown.
    left_out : dict of date to str
        Days of the file that are not whole, with the reason; only if no days were chosen by date.
    """

    values: np.ndarray
    dates: list[date]
    notes: list[str]
    time_zone: str = ""
    node: str = ""
    left_out: dict[date, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DayChoice:
    """Choice of the days to read from a file.

    Attributes
    ----------
    day, first_day, last_day : date, optional
        One day, or the first and last day of a span.
    which_days : "all", "weekdays" or "weekends"
        Days of the span to read.
    """

    day: date | None = None
    first_day: date | None = None
    last_day: date | None = None
    which_days: str = "all"

    @property
    def open(self) -> bool:
        """Whether no day is chosen by date."""
        return self.day is None and self.first_day is None and self.last_day is None

    def pick(self, path: Path, there: list[date], key: str) -> list[date]:
        """Return the chosen days in order, among them days of the span that the file lacks.

        Parameters
        ----------
        path : Path
            The file, for messages.
        there : list of date
            Days of which the file holds at least one step, in order.
        key : str
            The part of the scenario that names the file, for messages.

        Raises
        ------
        InputError
            The file has several days and none is chosen, or the choice is empty, too long or outside the file.
        """
        if not there:
            raise InputError(f"{path} holds no values")
        span = f"the file runs from {there[0]} to {there[-1]}"
        if self.open:
            if len(there) > 1:
                raise MendableError(
                    f"{path} holds {len(there)} days, {there[0]} to {there[-1]}; name one with {key}.day, or several "
                    f"with {key}.first_day and {key}.last_day",
                    *([choose(key, "first_day", there[0])] if len(there) <= MOST_DAYS else []),
                    *self._remedies(key),
                )
            return there
        first = self.day or self.first_day or there[0]
        last = self.day or self.last_day or there[-1]
        if last < first:
            raise MendableError(f"{key}.last_day {last} is before first_day {first}", *self._remedies(key))
        if not there[0] <= first <= last <= there[-1]:
            outside = last if there[0] <= first <= there[-1] else first
            raise MendableError(f"{path}: no row for {outside}; {span}", *self._remedies(key))
        if (last - first).days >= MOST_DAYS:
            raise MendableError(
                f"{key}: {(last - first).days + 1} days are too many to price together; take at most {MOST_DAYS}",
                *self._remedies(key),
            )
        days = [first + timedelta(days=k) for k in range((last - first).days + 1)]
        if self.day is None and self.which_days != "all":
            days = [one for one in days if (one.weekday() < 5) == (self.which_days == "weekdays")]
        if not days:
            raise MendableError(
                f"{key}: there are no {self.which_days} from {first} to {last}", choose(key, "which_days", "all")
            )
        return days

    @staticmethod
    def _remedies(key: str) -> tuple[Remedy, Remedy]:
        """Return the two choices of days that only the user can make: one day, or a span."""
        span = tuple(Setting((*key.split("."), name)) for name in ("first_day", "last_day"))
        return choose(key, "day"), Remedy(span)


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """The column of values of a table and the rules to read it.

    Attributes
    ----------
    table : Table
        The file.
    column : str
        Name of the column of values.
    time_column : str
        Name of the column of stamps, for messages.
    texts : list of str
        The cells of the column of values.
    style : NumberStyle
        Decimal mark and grouping of the numbers.
    factor : float
        What each number is multiplied by, to be in the unit wanted.
    fill : "error" or "interpolate"
        Whether a missing or unreadable value is a fault or is interpolated.
    negative : bool
        Whether values may be negative: prices may, loads may not.
    key : str
        The part of the scenario that names the file, for messages.
    """

    table: Table
    column: str
    time_column: str
    texts: list[str]
    style: NumberStyle
    factor: float
    fill: Fill
    negative: bool
    key: str


class DayReader:
    """Reads whole days from a table and notes each value averaged or filled.

    Parameters
    ----------
    calendar : Calendar
        Rows of the table by day and step.
    source : SourceColumn
        The column of values.
    """

    def __init__(self, calendar: Calendar, source: SourceColumn) -> None:
        self.calendar, self.source, self.table = calendar, source, source.table
        self.n_steps = timedelta(days=1) // calendar.step
        self.notes: list[str] = []

    def read(self, days: Sequence[date], faults: Faults) -> np.ndarray:
        """Return the values of days, shape (D, T); each faulty value is added to ``faults`` and returned as NaN."""
        return np.array([self.day(day, faults) for day in days]).reshape(len(days), self.n_steps)

    def day(self, day: date, faults: Faults) -> list[float]:
        """Return the values of one day."""
        for sentence, row, remedies in self.calendar.faults.get(day, []):
            faults.add(sentence, *remedies, line=self.table.lines[row], column=self.source.time_column)
        values: list[float] = []
        filled: list[str] = []
        counts = self.calendar.counts(day)
        for index, count in enumerate(counts):
            rows = self.calendar.slots.get((day, index), [])
            before = faults.count
            read = [value for row in rows if (value := self._value(row, faults)) is not None]
            if len(rows) > max(count, 1):
                self._doubled(rows, day, index, faults)
            if len(read) == count > 0:
                values.append(sum(read) / count)
                continue
            bridged = self._between(day, index) if count == 0 or self.source.fill == "interpolate" else None
            if bridged is None and faults.count == before:
                self._missing(day, index, faults)
            values.append(float("nan") if bridged is None else bridged)
            if count and bridged is not None:
                filled.append(self._clock(index))
        self._note(day, counts, filled)
        return [value * self.source.factor for value in values]

    def edge(self, day: date, faults: Faults, *, last: bool) -> bool:
        """Return whether the first (or last) day of a file is cut off at its outer end, and whole otherwise."""
        there = sorted(index for one, index in self.calendar.slots if one == day)
        if not there or self.calendar.faults.get(day):
            return False
        inner = range(there[-1] + 1) if last else range(there[0], self.n_steps)
        missing = [k for k in inner if self.calendar.counts(day)[k] and not self.calendar.slots.get((day, k))]
        bad = [row for k in there for row in self.calendar.slots[day, k] if self._value(row, faults) is None]
        return len(inner) < self.n_steps and not missing and not bad

    def _value(self, row: int, faults: Faults) -> float | None:
        """Return the value of a row; None if it is to be interpolated, or faulty, which is added to ``faults``."""
        text = self.source.texts[row]
        value = self.source.style.read(text)
        if value is not None and (value >= 0 or self.source.negative):
            return value
        if value is None and self.source.fill == "interpolate":
            return None
        line, column = self.table.lines[row], self.source.column
        if value is None:
            key, decimal = self.source.key, self.source.style.decimal
            fault = f"{text!r} is not a number; correct it, or fill it with --fill interpolate"
            remedy, kind = choose(key, "fill", "interpolate"), "number"
            other = NumberStyle("comma" if decimal == "point" else "point")
            if other.read(text) is not None:
                fault = f"{text!r} is not a number with a decimal {decimal} ({key}.decimal)"
                remedy, kind = choose(key, "decimal", other.decimal), "numberother"
            faults.add(fault, remedy, line=line, column=column, kind=kind)
        else:
            faults.add(f"load cannot be negative, but it is {text}", line=line, column=column)
        return None

    def _clock(self, index: int) -> str:
        minutes = index * int(self.calendar.step.total_seconds() // 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    def _doubled(self, rows: list[int], day: date, index: int, faults: Faults) -> None:
        hint, zone = self._zone_hint()
        lines = ", ".join(str(self.table.lines[row]) for row in rows[:8])
        faults.add(
            f"the step that begins {day} {self._clock(index)} appears twice (lines {lines}); "
            f"keep one of the rows{hint}",
            *zone,
            line=self.table.lines[rows[-1]],
            column=self.source.time_column,
            kind="doubled",
        )

    def _missing(self, day: date, index: int, faults: Faults) -> None:
        hint, zone = self._zone_hint()
        way, fill = "fill it with --fill interpolate", [choose(self.source.key, "fill", "interpolate")]
        if self.source.fill == "interpolate":
            way, fill = "the gap is too wide to interpolate", []
        faults.add(f"the step that begins {day} {self._clock(index)} is missing; {way}{hint}", *fill, *zone)

    def _zone_hint(self) -> tuple[str, tuple[Remedy, ...]]:
        """Return the end of a sentence, and its remedy, on a step that lacks or doubles where no zone is known."""
        if self.calendar.zone is not None:
            return "", ()
        key = self.source.key
        return f", or name {key}.time_zone if the clocks changed then", (choose(key, "time_zone"),)

    def _between(self, day: date, index: int) -> float | None:
        """Return the value on the straight line between the nearest known steps before and after."""
        most = WIDEST_GAP // self.calendar.step
        ends = []
        for sign in (-1, 1):
            for far in range(1, most + 1):
                over, at = divmod(index + sign * far, self.n_steps)
                rows = self.calendar.slots.get((day + timedelta(days=over), at), [])
                found = [value for row in rows if (value := self.source.style.read(self.source.texts[row])) is not None]
                if found:
                    ends.append((far, sum(found) / len(found)))
                    break
        if len(ends) < 2 or ends[0][0] + ends[1][0] > most:
            return None
        (before, low), (after, high) = ends
        return low + (high - low) * before / (before + after)

    def _note(self, day: date, counts: tuple[int, ...], filled: list[str]) -> None:
        for count, what in (
            (0, "skipped {} as the clocks went forward: a day of {} hours; the mean of the neighbours is used"),
            (2, "passed {} twice as the clocks went back: a day of {} hours; the mean of both is used"),
        ):
            at = [self._clock(k) for k, one in enumerate(counts) if one == count]
            if at:
                hours = sum(counts) * self.calendar.step / timedelta(hours=1)
                self.notes.append(f"{self.table.path}: {day} " + what.format(" ".join(at), f"{hours:g}"))
        if filled:
            self.notes.append(
                f"{self.table.path}: {day}, column {self.source.column!r}: {len(filled)} value(s) interpolated on "
                f"request: {' '.join(filled)}"
            )
