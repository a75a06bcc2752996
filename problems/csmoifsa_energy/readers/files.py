"""Read time series of load and prices from files, whose form is recognised by their header or stated by settings.

The tables ``[load]`` and ``[grid] day_ahead`` of a scenario and the aggregator's market prices use this reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, time, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers import columns as find
from csmoifsa_energy.readers.calendars import Calendar, Clock, read_calendar
from csmoifsa_energy.readers.conversion import factor_of
from csmoifsa_energy.readers.faults import Faults, InputFaultsError, MendableError, choose
from csmoifsa_energy.readers.formats import Stamp, recognise
from csmoifsa_energy.readers.numbers import Decimal, NumberStyle, UnclearNumberError, style_of
from csmoifsa_energy.readers.series import DailySeries, DayChoice, DayReader, Fill, SourceColumn
from csmoifsa_energy.readers.stamps import DateOrder, StampColumn, UnclearDateError, choose_zone, read_stamps
from csmoifsa_energy.readers.table import Table, read_table
from csmoifsa_energy.readers.units import BASE, Quantity

_ENDING = re.compile(r"\bend(?:ing|s)?\b|^SETTLEMENTDATE$", re.IGNORECASE)
_BEGINNING = re.compile(r"\b(?:beginning|begin|start(?:ing)?)\b|_beginning", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class FileSeries(Parameters):
    """Settings to read a time series from a file, in TOML and on the command line.

    Attributes
    ----------
    csv : str, optional
        The file: text, or an Excel file (.xlsx); in a scenario file, a relative path starts at that file's folder.
    sheet : str, optional
        The sheet to read, if an Excel file has several.
    time_column, clock_column, value_column : str, optional
        Columns of the stamps, of the time of day where dates have their own column, and of the values.
    load_column : str, optional
        Another name of ``value_column``.
    node : str, optional
        The node or zone to read, if a file holds several: a cell of the column of places, or the column of its values.
    only : dict
        Value that the rows to read must have, by column.
    day : date, optional
        The one day to read.
    first_day, last_day : date, optional
        The first and last of several days to read.
    which_days : "all", "weekdays" or "weekends"
        Days of that span to read.
    stamp : "beginning" or "ending", optional
        Whether a stamp marks the beginning or the end of its step; required unless the file shows it.
    stamp_zone : str, optional
        Time zone of the stamps: ``"local"`` (default) for the clock of ``time_zone``, or a zone such as ``"UTC"``.
    time_zone : str, optional
        Time zone of the local days; ``"local"`` for a clock that never changes.
    date_order : "day-first" or "month-first", optional
        Order of day and month in dates such as 03/04/2024; required if no date of the file shows it.
    decimal : "point" or "comma", optional
        Decimal mark; required if no number of the file shows it.
    unit : str, optional
        Unit of the values, such as "kW", "MWh" (of each step) or "ct/kWh", where the name of the column does not state
        it.
    fill : "error" or "interpolate"
        Whether missing and unreadable values are faults or are interpolated and noted.
    """

    csv: str | None = None
    sheet: str | None = None
    time_column: str | None = None
    clock_column: str | None = None
    value_column: str | None = None
    load_column: str | None = None
    node: str | None = None
    only: dict[str, str] = field(default_factory=dict)
    day: date | None = None
    first_day: date | None = None
    last_day: date | None = None
    which_days: Literal["all", "weekdays", "weekends"] = "all"
    stamp: Stamp | None = None
    stamp_zone: str | None = None
    time_zone: str | None = None
    date_order: DateOrder | None = None
    decimal: Decimal | None = None
    unit: str | None = None
    fill: Fill = "error"

    def __post_init__(self) -> None:
        if self.day is not None and (self.first_day is not None or self.last_day is not None):
            raise InputError("name either one day, or first_day and last_day, not both")
        if self.load_column is not None and self.value_column is not None:
            raise InputError("value_column and load_column are two names of one setting; keep one of them")

    def read_file(self, key: str, minus: tuple[str, ...] = (), wanted: str | None = None) -> DailySeries:
        """Read the chosen days: load [MW], prices [currency per MWh] or emissions [kg per MWh].

        Parameters
        ----------
        key : str
            The part of the scenario that holds these settings, for messages; values are load if it is ``"load"``,
            emissions if it is ``"filing.emissions"``, else prices.
        minus : tuple of str
            Columns of the file to subtract from the column of values, such as solar generation; they may hold negative
            values.
        wanted : str, optional
            Another unit of the values returned, in which they are taken to be where nothing states theirs.

        Raises
        ------
        InputError
            The file has faults, or neither file nor settings state what its stamps mark.
        """
        choice = DayChoice(day=self.day, first_day=self.first_day, last_day=self.last_day, which_days=self.which_days)
        return _Series(self, key, market=False, minus=minus, wanted=wanted).chosen(choice)

    def read_whole(
        self, key: str, required: tuple[date, date] | None = None, wanted: str = BASE["price"]
    ) -> DailySeries:
        """Read every whole day of market prices [currency per MWh].

        Stamps mark beginnings of steps, on a clock that never changes, unless the file or a setting states otherwise.

        Parameters
        ----------
        key : str
            Name of the file in messages.
        required : (date, date), optional
            First and last day that must be whole; other days that are not whole are left out. By default every day
            but a cut-off first or last one must be whole.
        wanted : str
            Unit of the values returned, in which they are taken to be where nothing states theirs.

        Raises
        ------
        InputError
            As `read_file`.
        """
        return _Series(self, key, market=True, wanted=wanted).whole(required)


SETTINGS = tuple(
    one.name for one in fields(FileSeries) if one.name not in ("csv", "day", "first_day", "last_day", "which_days")
)
"""Names of the settings that do not choose file or days."""


def series_from(values: Mapping[str, object], key: str) -> FileSeries:
    """Return the settings of plain values from TOML or the command line; ``key`` names their place in messages.

    Raises
    ------
    InputError
        A key is unknown or a value is bad; the message names it.
    """
    return check_values(FileSeries, dict(values), place=tuple(key.split(".")), strict=False)


_QUANTITIES: dict[str, Quantity] = {"load": "load", "filing.emissions": "emissions"}
"""What files hold, by the part of the scenario that names them; all others hold prices."""


class _Series:
    """One file with its columns found and its stamps read."""

    def __init__(
        self, settings: FileSeries, key: str, *, market: bool, minus: tuple[str, ...] = (), wanted: str | None = None
    ) -> None:
        assert settings.csv is not None
        self.settings, self.key, self.market = settings, key, market
        self.quantity: Quantity = _QUANTITIES.get(key, "price")
        self.wanted = wanted or BASE[self.quantity]
        prices = self.quantity != "load"
        self.path = Path(settings.csv)
        what = "price file" if market else f"{key} file"
        table = read_table(self.path, what, sheet=settings.sheet, key=key)
        self.notes: list[str] = list(table.notes)
        self.known = known = recognise(table, prices)
        self.time, self.clock = self._time_columns(table)
        table, place, node = find.select_place(
            table, settings.only, settings.node, lambda one: find.stamp_texts(one, self.time, self.clock), key
        )
        self.node = node or self.path.stem
        self.table = table
        stated = settings.value_column or settings.load_column or (known.value if known else None)
        if place is not None and settings.node is not None and place.lower() == settings.node.strip().lower():
            stated = place
        self.column = find.value_column(table, stated, {self.time, self.clock, place, *minus}, prices, key)
        self.stamps = self._stamps()
        self.faults = Faults(self.path)
        self._unreadable()
        self.calendar = self._calendar()
        self.reader = self._reader(self.column, negative=prices)
        if self.column in minus or len(set(minus)) < len(minus):
            raise InputError(f"{key}.minus must name other columns than {self.column!r}, each once")
        self.minus = [self._reader(name, negative=True, setting="minus") for name in minus]
        if self.settings.value_column is None and self.settings.load_column is None and stated is None:
            self._note_column()

    def chosen(self, choice: DayChoice) -> DailySeries:
        """Return the days of a choice; what is wrong outside them is not reported as a fault."""
        if choice.open or self.settings.fill == "interpolate":
            self.faults.stop()
        dates = choice.pick(self.path, self.calendar.days, self.key)
        faults = Faults(self.path)
        dates = self._without_cut_off(dates, faults)
        values = self.reader.read(dates, faults)
        for one in [] if faults.count else self.minus:
            values = values - one.read(dates, faults)
        if faults.count:
            raise InputFaultsError([*self.faults.each, *faults.each])
        return self._days(values, dates, {})

    def _without_cut_off(self, dates: list[date], faults: Faults) -> list[date]:
        """Return the days of a span without a first or last one of which the file holds a part; these are faults."""
        there, kept = self.calendar.days, list(dates)
        for at, name, beside in ((-1, "last_day", -2), (0, "first_day", 1)):
            day = dates[at]
            if len(dates) > 1 and day == there[at] and self.reader.edge(day, Faults(self.path), last=at == -1):
                other = dates[beside]
                faults.add(
                    f"of {day} the file holds a part; leave that day out with {self.key}.{name} = {other}",
                    choose(self.key, name, other),
                )
                kept.remove(day)
        return kept

    def whole(self, required: tuple[date, date] | None) -> DailySeries:
        """Return every whole day; a required day that is not whole is a fault."""
        there = self.calendar.days
        if required is None or self.settings.fill == "interpolate":
            self.faults.stop()
        faults, dates, values = Faults(self.path), [], []
        left_out: dict[date, str] = {}
        for day in [there[0] + timedelta(days=k) for k in range((there[-1] - there[0]).days + 1)]:
            alone = Faults(self.path)
            if required is not None and required[0] <= day <= required[1]:
                row = self.reader.day(day, faults)
            else:
                row = self.reader.day(day, alone)
                edge = day in (there[0], there[-1]) and self.reader.edge(day, Faults(self.path), last=day != there[0])
                if alone.count and required is None and not edge:
                    self.reader.day(day, faults)
            if alone.count:
                left_out[day] = alone.each[0].sentence
            else:
                dates.append(day)
                values.append(row)
        if faults.count:
            raise InputFaultsError([*self.faults.each, *faults.each])
        inner = [reason for day, reason in left_out.items() if day not in (there[0], there[-1])]
        if inner:
            self.notes.append(f"{len(inner)} day(s) that are not whole are left out: {inner[0]}")
        for day in left_out.keys() & {there[0], there[-1]}:
            self.notes.append(f"{self.path}: {day}, of which the file holds a part, is left out")
        return self._days(np.array(values).reshape(len(dates), self.reader.n_steps), dates, left_out)

    def _days(self, values: np.ndarray, dates: list[date], left_out: dict[date, str]) -> DailySeries:
        if self.faults.count:
            self.notes.append(f"outside the days read: {self.faults.each[0].sentence}")
        read = dict.fromkeys(note for one in (self.reader, *self.minus) for note in one.notes)
        notes = [*self.notes, *self.calendar.notes, *read]
        table = self.table
        last = {day for (day, _), rows in self.calendar.slots.items() if len(table.rows) - 1 in rows}
        if table.cut_short and last & set(dates):
            notes.append(
                f"{table.path}, line {table.lines[-1]}: the last line has no line end; if the file was cut short, its "
                "value is wrong"
            )
        return DailySeries(values, dates, notes, self._zone() or "", self.node, left_out)

    # ---- properties of the file, from settings, a known format or its cells; else an error names the setting ----

    def _time_columns(self, table: Table) -> tuple[str, str | None]:
        stated = self.settings.time_column or (self.known.time if self.known else None)
        return find.time_columns(table, stated, self.settings.clock_column, self.key)

    def _stamps(self) -> StampColumn:
        order = self.settings.date_order
        if order is None and self.known is not None and self.time == self.known.time:
            order = self.known.date_order
        try:
            stamps = read_stamps(find.stamp_texts(self.table, self.time, self.clock), order)
        except UnclearDateError as error:
            raise MendableError(
                f"{self.path}, line {self.table.lines[error.row]}, column {self.time!r}: {error}; say which: "
                f"{self.key}.date_order = 'day-first' or 'month-first' (or --date-order)",
                choose(self.key, "date_order", "day-first", "month-first"),
            ) from None
        if stamps.proof is not None and self.settings.date_order is None and self.known is None:
            shown = self.table.texts(self.time)[stamps.proof]
            self.notes.append(
                f"{self.path}: dates are read with the {(stamps.order or '').removesuffix('-first')} first, as "
                f"{shown!r} in line {self.table.lines[stamps.proof]} shows"
            )
        return stamps

    def _unreadable(self) -> None:
        texts = find.stamp_texts(self.table, self.time, self.clock)
        for row, when in enumerate(self.stamps.begin):
            if when is not None and 1900 <= when.year <= 2200:
                continue
            fault = f"{texts[row]!r} lies outside the years 1900 to 2200"
            if when is None:
                fault = (
                    f"{texts[row]!r} is not a time stamp such as 2014-06-05 14:00"
                    + (f" with the {self.stamps.order.removesuffix('-first')} first" if self.stamps.order else "")
                    + f"; correct it, or name another column with {self.key}.time_column (--time-column)"
                )
            self.stamps.begin[row] = None
            kind = "stamp" if when is None else "year"
            others = [name for name in self.table.columns if name != self.time][: find.MOST_OFFERED]
            remedies = [choose(self.key, "time_column", *others)] if when is None and others else []
            self.faults.add(fault, *remedies, line=self.table.lines[row], column=self.time, kind=kind)

    def _ending(self) -> bool:
        """Return whether stamps mark the end of their steps."""
        stamp, known = self.settings.stamp, self.known
        name = self.clock or self.time
        late = self.stamps.midnight_24
        if self.stamps.end:
            return False
        if stamp == "beginning" and late is not None:
            raise MendableError(
                f"{self.path}, line {self.table.lines[late]}: 24:00 is the end of a step, but "
                f"{self.key}.stamp = 'beginning'",
                choose(self.key, "stamp", "ending"),
            )
        if stamp is not None:
            return stamp == "ending"
        if late is not None:
            self.notes.append(f"{self.path}: stamps mark the end of their steps, as 24:00 shows")
            return True
        if known is not None and self.time == known.time:
            return known.stamp == "ending"
        if _ENDING.search(name) or _BEGINNING.search(name):
            which = "end" if _ENDING.search(name) else "beginning"
            self.notes.append(f"{self.path}: stamps mark the {which} of their steps, as the name {name!r} says")
            return which == "end"
        if find.counts_hours_from(self.table, self.clock) == 0:
            self.notes.append(f"{self.path}: hours are numbered from 0: they mark the beginning of their steps")
            return False
        if self.market and not self._seems_ending():
            return False
        mark = choose(self.key, "stamp", "beginning", "ending")
        if self._lacks_zone():
            raise MendableError(
                f"{self.path}: say whether a stamp marks the beginning or the end of its step, and name the time zone "
                f"of its clock: {self.key}.stamp = 'beginning' or 'ending' (or --stamp), and {self.key}.time_zone = "
                "'America/New_York' (or --time-zone), or 'local' for a clock that never changes",
                mark,  # the zone is asked for next
            )
        raise MendableError(
            f"{self.path}: say whether a stamp marks the beginning or the end of its step: "
            f"{self.key}.stamp = 'beginning' or 'ending' (or --stamp)",
            mark,
        )

    def _seems_ending(self) -> bool:
        """Return whether prices begin within a day and end at midnight, or hours are numbered without 0 and 24."""
        ordered = sorted(when.replace(tzinfo=None) for when in self.stamps.begin if when is not None)
        within = bool(ordered) and ordered[0].time() != time.min and ordered[-1].time() == time.min
        return within or (self.clock is not None and ":" not in "".join(self.table.texts(self.clock)[:50]))

    def _zone(self) -> str | None:
        known = self.known if self.known is not None and self.time == self.known.time else None
        return self.settings.time_zone or (known.time_zone if known else None) or None

    def _lacks_zone(self) -> bool:
        """Return whether neither the file nor a setting states the time zone of a load's stamps."""
        naive = all(when is None or when.tzinfo is None for when in self.stamps.begin)
        return self._zone() is None and naive and not self.market

    def _calendar(self) -> Calendar:
        ending, zone = self._ending(), self._zone()
        known = self.known if self.known is not None and self.time == self.known.time else None
        if self._lacks_zone():
            raise MendableError(
                f"{self.path}: name the time zone of its clock: {self.key}.time_zone = 'America/New_York' (or "
                "--time-zone), or 'local' for a clock that never changes",
                *choose_zone(f"{self.key}.time_zone"),
            )
        clock = Clock(
            ending=ending,
            stamp_zone=self.settings.stamp_zone or (known.stamp_zone if known else "local"),
            time_zone=zone or "",
        )
        return read_calendar(self.table, self.stamps, clock, self.time, self.key, self.faults)

    def _reader(self, column: str, *, negative: bool, setting: str = "value_column") -> DayReader:
        """Return the reader of one column of numbers; ``setting`` names the column in messages."""
        texts = self.table.texts(column, f"{self.key}.{setting}")
        factor, notes = factor_of(
            self.table,
            column,
            self.quantity,
            self.wanted,
            self.calendar.step,
            stated=self.settings.unit,
            first=column == self.column,
            key=self.key,
        )
        self.notes += notes
        source = SourceColumn(
            table=self.table,
            column=column,
            time_column=self.time,
            texts=texts,
            style=self._style(column, texts),
            factor=factor,
            fill=self.settings.fill,
            negative=negative,
            key=self.key,
        )
        return DayReader(self.calendar, source)

    def _style(self, column: str, texts: list[str]) -> NumberStyle:
        try:
            known = self.known.decimal if self.known is not None and column == self.known.value else None
            return style_of(texts, self.table.separator, self.settings.decimal or known)
        except UnclearNumberError as error:
            raise MendableError(
                f"{self.path}, line {self.table.lines[error.row]}, column {column!r}: {error}; say which: "
                f"{self.key}.decimal = 'point' or 'comma' (or --decimal)",
                choose(self.key, "decimal", "point", "comma"),
            ) from None

    def _note_column(self) -> None:
        """Note which columns are read, if the column of values has no usual name."""
        if self.column.lower() not in find.VALUES:
            time = f"{self.time!r}" + (f" and {self.clock!r}" if self.clock else "")
            self.notes.append(f"{self.path}: values are those of column {self.column!r}, stamps those of {time}")
