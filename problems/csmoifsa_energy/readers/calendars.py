"""Assign stamps to steps of local days, with UTC offsets, time zones and clock changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from csmoifsa.errors import InputError
from csmoifsa_energy.readers.faults import Faults, MendableError, Remedy, choose
from csmoifsa_energy.readers.stamps import StampColumn, hours_per_slot, zone_named
from csmoifsa_energy.readers.table import Table

STEPS_MIN = (60, 30, 15, 10, 5)
ZERO = timedelta(0)

Key = tuple[date, int]


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Settings of the clock on which stamps are written.

    Attributes
    ----------
    ending : bool
        Whether a stamp marks the end of its step, else its beginning.
    stamp_zone : str
        Time zone of stamps without an offset; ``"local"``: that of ``time_zone``.
    time_zone : str
        Time zone of the local days; ``"local"`` for a clock that never changes, ``""`` if not set.
    """

    ending: bool
    stamp_zone: str
    time_zone: str


@dataclass
class Calendar:
    """Rows of a table by local day and step.

    Attributes
    ----------
    step : timedelta
        Length of a step.
    zone : ZoneInfo or None
        Time zone of the days; None: every day has 24 hours.
    slots : dict
        Rows by (day, number of the step from 0).
    faults : dict
        Faults of the stamps of a day: (sentence, row, remedies) each.
    notes : list of str
        Sentences on how UTC offsets were used.
    """

    step: timedelta
    zone: ZoneInfo | None
    slots: dict[Key, list[int]]
    faults: dict[date, list[tuple[str, int, tuple[Remedy, ...]]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def days(self) -> list[date]:
        """Days with at least one step or fault, in order."""
        return sorted({day for day, _ in self.slots} | set(self.faults))

    def counts(self, day: date) -> tuple[int, ...]:
        """Return how often the local clock passes each step of a day, see `hours_per_slot`."""
        return hours_per_slot(day, self.zone, self.step)


def read_calendar(table: Table, stamps: StampColumn, clock: Clock, column: str, key: str, faults: Faults) -> Calendar:
    """Assign the rows of a table to steps of local days.

    Stamps that carry one and the same UTC offset, and no zone is named, are on a local clock of that offset. Days of a
    named zone are made from instants where offsets or the zone of the stamps are known, else from the wall clock.

    Parameters
    ----------
    table : Table
        The file; its line numbers are used in messages.
    stamps : StampColumn
        Stamps of its rows.
    clock : Clock
        Settings of the stamps' clock.
    column, key : str
        Column of stamps and part of the scenario that names the file, for messages.
    faults : Faults
        Receives stamps with an offset where most have none and the reverse, whose day is unknown.

    Raises
    ------
    InputError
        A zone must be named, or stamps have no common step.
    """
    zone = zone_named(clock.time_zone or "local", f"{key}.time_zone")
    own = zone_named(clock.stamp_zone, f"{key}.stamp_zone")
    moments = _of_one_kind(stamps.begin, table, column, faults)
    notes: list[str] = []
    known = [when for when in moments if when is not None]
    if known and known[0].tzinfo is not None:
        offsets = {when.utcoffset() or ZERO for when in known}
        if zone is None:
            notes.append(_one_offset(table, offsets, clock, key))
            moments = [when and when.replace(tzinfo=None) for when in moments]
        elif any(
            when.replace(tzinfo=None) != when.astimezone(zone).replace(tzinfo=None)
            for when in known[:: max(1, len(known) // 500)]
        ):
            notes.append(f"{table.path}: stamps carry UTC offsets and are brought to the clock of {clock.time_zone}")
    elif own is not None and zone is None:
        raise MendableError(
            f"{key}.time_zone: name the zone of the local clock, since stamps are in {clock.stamp_zone}",
            choose(key, "time_zone"),
        )
    elif own is not None:
        moments = [when and when.replace(tzinfo=own) for when in moments]
    known = [when for when in moments if when is not None]
    if not known:
        faults.stop()
        raise InputError(f"{table.path} holds {len(table.rows)} row(s); a day needs at least 24")
    aware = known[0].tzinfo is not None
    if aware:
        moments = [when and when.astimezone(UTC) for when in moments]
    step = _step(table, [when for when in moments if when is not None], faults)
    calendar = Calendar(step, zone, {}, notes=notes)
    _sort(calendar, moments, clock, aware)
    _check_intervals(calendar, stamps, table)
    if not aware:
        _note_impossible_hours(calendar, clock, key)
    return calendar


def _of_one_kind(
    moments: Sequence[datetime | None], table: Table, column: str, faults: Faults
) -> list[datetime | None]:
    """Return the stamps; of those with an offset and those without, the rarer kind becomes None and a fault."""
    with_offset = sum(when is not None and when.tzinfo is not None for when in moments)
    expected = 2 * with_offset > sum(when is not None for when in moments)
    result: list[datetime | None] = []
    for when, line in zip(moments, table.lines, strict=True):
        if when is not None and (when.tzinfo is not None) != expected:
            fault = "carries no UTC offset, but others do" if expected else "carries a UTC offset, but others do not"
            faults.add(f"'{when.isoformat(' ')}' {fault}; bring all in one form", line=line, column=column)
            when = None
        result.append(when)
    return result


def _one_offset(table: Table, offsets: set[timedelta], clock: Clock, key: str) -> str:
    """Return the note on a local clock of one offset; refuse several offsets, or UTC, without a time zone."""
    names = sorted(_offset_name(one) for one in offsets)
    if len(offsets) == 1 and ZERO not in offsets:
        return f"{table.path}: all stamps carry {names[0]}; the days are those of that clock"
    what = f"the offsets {' and '.join(names[:4])}" if len(offsets) > 1 else "UTC"
    raise MendableError(
        f"{table.path}: stamps are written with {what}; state the clock of the local days: {key}.time_zone = "
        "'America/New_York' (or --time-zone), or 'UTC'",
        *(choose(key, "time_zone", "UTC"), choose(key, "time_zone")),
    )


def _offset_name(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _step(table: Table, moments: list[datetime], faults: Faults) -> timedelta:
    """Return the usual distance between stamps, which must divide the hour."""
    if len(moments) < 2:
        faults.stop()
        raise InputError(f"{table.path} holds {len(moments)} row(s); a day needs at least 24")
    distances = Counter(later - earlier for earlier, later in pairwise(sorted(set(moments))))
    if not distances:
        raise InputError(f"{table.path}: every row has the same stamp {moments[0]}")
    most = max(distances.values())
    step = min(distance for distance, count in distances.items() if count == most)
    if step not in [timedelta(minutes=m) for m in STEPS_MIN]:
        raise InputError(
            f"{table.path}: the step between stamps is {step}; bring values of 60, 30, 15, 10 or 5 minutes"
        )
    return step


def _sort(calendar: Calendar, moments: Sequence[datetime | None], clock: Clock, aware: bool) -> None:
    """Assign each row to its step; a row that begins inside a step becomes a fault of its day."""
    step, zone = calendar.step, calendar.zone
    shift = step if clock.ending else ZERO
    seen: dict[datetime, int] = {}
    midnights: dict[date, datetime] = {}
    for row, when in enumerate(moments):
        if when is None:
            continue
        begin = when - shift
        local = begin.astimezone(zone).replace(tzinfo=None, fold=0) if aware else begin
        day = local.date()
        if aware:
            if begin in seen:
                calendar.faults.setdefault(day, []).append(
                    (f"{_clock(when)} UTC appears twice; keep one of the rows", row, ())
                )
                continue
            seen[begin] = row
        midnight = midnights.get(day)
        if midnight is None:
            midnight = midnights[day] = datetime(day.year, day.month, day.day)
        index, rest = divmod(local - midnight, step)
        if rest:
            fault = f"{_clock(when)} does not fall on a whole step of {step}"
            calendar.faults.setdefault(day, []).append((fault, row, ()))
            continue
        calendar.slots.setdefault((day, index), []).append(row)


def _clock(when: datetime) -> str:
    return when.replace(tzinfo=None).isoformat(" ")


def _check_intervals(calendar: Calendar, stamps: StampColumn, table: Table) -> None:
    """Add each interval "a - b" that is not one step long, as a fault of its day; a clock change may lengthen one."""
    for row, (begin, end) in enumerate(zip(stamps.begin, stamps.end, strict=False)):
        if begin is None or end is None:
            continue
        try:
            length = end - begin
        except TypeError:  # one with an offset, one without
            length = ZERO
        day = (begin if begin.tzinfo is None or calendar.zone is None else begin.astimezone(calendar.zone)).date()
        stretched = set(calendar.counts(day)) != {1}
        if length != calendar.step and not (stretched and abs(length - calendar.step) == timedelta(hours=1)):
            fault = f"the interval that begins {_clock(begin)} is {length} long where the step is {calendar.step}"
            calendar.faults.setdefault(day, []).append((fault, row, ()))


def _note_impossible_hours(calendar: Calendar, clock: Clock, key: str) -> None:
    """Add values in an hour that the local clock skips as faults of their day: the time zone is then wrong."""
    if calendar.zone is None:
        return
    for day in {day for day, _ in calendar.slots}:
        for index in [k for k, count in enumerate(calendar.counts(day)) if count == 0]:
            rows = calendar.slots.get((day, index))
            if rows:
                at = datetime(day.year, day.month, day.day) + index * calendar.step
                fault = (
                    f"there was no {at} on the clock of {clock.time_zone}; is {key}.time_zone right, or are the stamps "
                    f"in UTC ({key}.stamp_zone)?"
                )
                remedies = (choose(key, "time_zone"), choose(key, "stamp_zone", "UTC"))
                calendar.faults.setdefault(day, []).append((fault, rows[0], remedies))
