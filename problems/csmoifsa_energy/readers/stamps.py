"""Read time stamps in the forms that files have, and count the hours of a local day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.readers.faults import MendableError, Remedy, choose

LOCAL = "local"
"""Name of a clock without a time zone: every day has 24 hours."""

DateOrder = Literal["day-first", "month-first"]

_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.0+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_DATE = (
    r"(?:(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
    r"|(?P<p>\d{1,2})(?P<t>[-/.])(?P<q>\d{1,2})(?P=t)(?P<year>\d{4})"
    r"|(?P<compact>\d{8})"
    r"|(?P<day>\d{1,2})(?P<u>[- ])(?P<name>[A-Za-z]{3})(?P=u)(?P<in>\d{4}))"
)
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.0+)?)?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
_ZONE = r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
_CLOCK_ZONE = re.compile(_CLOCK + _ZONE, re.ASCII)
_ZONE_ALONE = re.compile(r"Z|UTC|GMT|[+-]\d\d(?::?\d\d)?", re.ASCII)
_SPACED = re.compile(r"(\d{1,2} [A-Za-z]{3} \d{4}),? +(.*)", re.ASCII)
_DATE_ALONE = re.compile(_DATE, re.ASCII)
_CLOCK_ALONE = re.compile(_CLOCK, re.ASCII)
_MAIL = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII
)
_INTERVAL = re.compile(r"(.*\d.*?)\s+(?:[-\u2013\u2014]|to)\s+(.*\d.*)|([^/]+T[^/]+)/([^/]+T[^/]+)", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class UnclearDateError(InputError):
    """Dates of a column can be read in two ways, or contradict each other; ``row`` is the row of one, from 0."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True)
class StampColumn:
    """A column of stamps, read.

    Attributes
    ----------
    begin : list of datetime or None
        The stamp, or the first of an interval "a - b", with its UTC offset if one is written; None for a cell that is
        no stamp.
    end : list of datetime or None, optional
        The second of an interval; an empty list if the column holds plain stamps.
    order : "day-first" or "month-first", optional
        Order of day and month in dates with the year last; None if there are no such dates.
    proof : int, optional
        The first row whose date shows that order, such as a 23 in first place.
    midnight_24 : int, optional
        The first row that writes midnight as 24:00.
    """

    begin: list[datetime | None]
    end: list[datetime | None]
    order: DateOrder | None
    proof: int | None
    midnight_24: int | None


class _Written(NamedTuple):
    """A stamp as written; ``first`` and ``second`` are day and month in the order of the column."""

    first: int
    second: int
    year: int
    fixed: bool
    seconds: int
    offset: timedelta | None

    def read(self, order: DateOrder | None) -> datetime | None:
        day, month = (
            (self.second, self.first) if order == "month-first" and not self.fixed else (self.first, self.second)
        )
        try:
            when = datetime(self.year, month, day) + timedelta(seconds=self.seconds)
        except (ValueError, OverflowError):
            return None
        return when if self.offset is None else when.replace(tzinfo=timezone(self.offset))


def read_stamps(texts: Sequence[str], order: DateOrder | None = None) -> StampColumn:
    """Read a column of stamps or of intervals "a - b".

    Known forms: ISO 8601; the year first or last, parts separated by ``-``, ``/`` or ``.``; 8 digits; months by their
    English names; 12-hour clocks with AM and PM; 24:00; UTC offsets; GMT mail dates (ACN-Data). Where the year comes
    last, one order of day and month holds for the whole column: a number above 12 shows it, otherwise ``order`` must
    state it.

    Parameters
    ----------
    texts : sequence of str
        Cells of the column.
    order : "day-first" or "month-first", optional
        The order of day and month, if a setting states it.

    Raises
    ------
    UnclearDateError
        No date shows the order of day and month, or two rows show different orders.

    Examples
    --------
    >>> read_stamps(["05/06/2014 13:00", "23/06/2014 14:00"]).begin[0].isoformat()
    '2014-06-05T13:00:00'
    """
    rows: dict[str, int] = {}
    for row, text in enumerate(texts):
        rows.setdefault(text, row)
    parts = {text: _parts(text.strip()) for text in rows}
    written = [(rows[text], one) for text, pair in parts.items() for one in pair if isinstance(one, _Written)]
    late = next((row for row, one in written if one.seconds == 86400), None)
    seen: dict[str, int] = {}
    for row, one in written:
        if not one.fixed and one.first != one.second:
            seen.setdefault("day-first" if one.first > 12 else "month-first" if one.second > 12 else "unclear", row)
    if order is None:
        order = _order(texts, seen)
    read = {text: tuple(one.read(order) if isinstance(one, _Written) else one for one in parts[text]) for text in rows}
    pairs = [read[text] for text in texts]
    intervals = any(end is not None for _, end in read.values())
    return StampColumn(
        [begin if end is not None or not intervals else None for begin, end in pairs],
        [end for _, end in pairs] if intervals else [],
        order if seen else None,
        seen.get(order),
        late,
    )


def _order(texts: Sequence[str], seen: dict[str, int]) -> DateOrder:
    day, month = seen.get("day-first"), seen.get("month-first")
    if day is not None and month is not None:
        raise UnclearDateError(
            f"{texts[day]!r} has the day first, {texts[month]!r} the month; bring all dates in one order",
            max(day, month),
        )
    if day is None and month is None and "unclear" in seen:
        row = seen["unclear"]
        raise UnclearDateError(f"{texts[row]!r} can be read with the day first or the month first", row)
    return "month-first" if month is not None else "day-first"


def _parts(text: str) -> tuple[datetime | _Written | None, datetime | _Written | None]:
    """Return a stamp and None, or the two stamps of an interval."""
    found = _one(text)
    if found is not None or len(text) < 20:
        return found, None
    halves = _INTERVAL.fullmatch(text)
    if halves is None:
        return None, None
    first, second = (halves[1], halves[2]) if halves[1] else (halves[3], halves[4])
    begin, end = _one(first), _one(second)
    if begin is not None and end is None and (clock := _CLOCK_ALONE.fullmatch(second)):
        seconds = _seconds(clock)
        if seconds is not None:
            end = _at(begin, seconds)
    return (begin, end) if begin is not None and end is not None else (None, None)


def _at(begin: datetime | _Written, seconds: int) -> datetime | _Written:
    """Return the first instant after ``begin`` at which the clock shows ``seconds`` since midnight."""
    if isinstance(begin, _Written):
        return begin._replace(seconds=seconds + (0 if seconds > begin.seconds else 86400))
    end = datetime(begin.year, begin.month, begin.day, tzinfo=begin.tzinfo) + timedelta(seconds=seconds)
    return end if end > begin else end + timedelta(days=1)


def _one(text: str) -> datetime | _Written | None:
    if _ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # 24:00
    gap = text.find("T") if text[8:11].count("T") == 1 else text.find(" ")
    date_part, clock_part = _date(text[:gap].rstrip(",")), _clock(text[gap + 1 :].lstrip(" "))
    if gap < 0 or date_part is None or clock_part is None:
        spaced = _SPACED.fullmatch(text)  # 8 Jul 2024 13:00
        if spaced is not None:
            date_part, clock_part = _date(spaced[1]), _clock(spaced[2])
    if date_part is not None and clock_part is not None:
        return _Written(*date_part, *clock_part)
    if (mail := _MAIL.fullmatch(text)) and mail[2].lower() in _MONTHS:
        month = _MONTHS.index(mail[2].lower()) + 1
        try:
            return datetime(int(mail[3]), month, int(mail[1]), *(int(mail[k]) for k in (4, 5, 6)), tzinfo=UTC)
        except ValueError:
            return None
    return None


@lru_cache(maxsize=8192)
def _date(text: str) -> tuple[int, int, int, bool] | None:
    """Return two numbers of a date, its year, and whether the first number is known to be the day."""
    found = _DATE_ALONE.fullmatch(text)
    if found is None:
        return None
    if found["p"]:
        return int(found["p"]), int(found["q"]), int(found["year"]), False
    if found["compact"]:
        return int(text[6:8]), int(text[4:6]), int(text[:4]), True
    if found["name"]:
        name = found["name"].lower()
        return (int(found["day"]), _MONTHS.index(name) + 1, int(found["in"]), True) if name in _MONTHS else None
    return int(found["d"]), int(found["m"]), int(found["y"]), True


@lru_cache(maxsize=8192)
def _clock(text: str) -> tuple[int, timedelta | None] | None:
    """Return the seconds since midnight that a clock shows, and its UTC offset if one is written."""
    found = _CLOCK_ZONE.fullmatch(text)
    if found is None:
        return None
    seconds, offset = _seconds(found), _offset(found["zone"])
    return None if seconds is None or isinstance(offset, str) else (seconds, offset)


def _seconds(found: re.Match[str]) -> int | None:
    """Return the seconds since midnight that a clock shows, None if no clock shows that."""
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    seconds = 3600 * hour + 60 * minute + second
    return seconds if minute < 60 and second < 60 and seconds <= 86400 else None


def _offset(zone: str | None) -> timedelta | str | None:
    """Return a UTC offset, None where none is written, ``""`` where it is impossible."""
    if zone is None:
        return None
    if zone in ("Z", "UTC", "GMT"):
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[3:].replace(":", "") or 0)
    if hours > 15 or minutes > 59:
        return ""
    return (-1 if zone[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


def is_stamp(text: str) -> bool:
    """Return whether a text has the form of a stamp, or of an interval of two."""
    return _parts(text.strip())[0] is not None


def is_date(text: str) -> bool:
    """Return whether a text has the form of a date without a time of day."""
    return _DATE_ALONE.fullmatch(text.strip()) is not None


def is_clock(text: str) -> bool:
    """Return whether a text has the form of a time of day without a date."""
    return _CLOCK_ALONE.fullmatch(text.strip()) is not None


@lru_cache(maxsize=32)
def zone_named(name: str, key: str) -> ZoneInfo | None:
    """Return a time zone, None for `LOCAL`.

    Raises
    ------
    InputError
        There is no zone of that name; the message names the setting ``key``.
    """
    if name == LOCAL:
        return None
    if name not in available_timezones():
        near = did_you_mean(name, sorted(available_timezones()))
        raise MendableError(
            f"{key}: there is no time zone {name!r}; write one such as 'America/New_York' or 'UTC'.{near}",
            *choose_zone(key),
        )
    return ZoneInfo(name)


def choose_zone(key: str) -> tuple[Remedy, Remedy]:
    """Return the remedies of a time zone: a clock that never changes, or a zone that the user knows."""
    table, _, name = key.rpartition(".")
    return choose(table, name, LOCAL), choose(table, name)


def with_zone(stamp: datetime, name: str, zone: ZoneInfo | None) -> datetime | None:
    """Return a stamp without an offset with the one that a name of its time gives it, such as "PDT" or "+01:00".

    Names other than offsets, UTC and GMT are understood if ``zone`` calls its own time so at that stamp, which tells
    apart the two hours when clocks are put back. Where ``zone`` is None, they name the clock of the place: the stamp is
    returned unchanged.

    Parameters
    ----------
    stamp : datetime
        The stamp, without an offset.
    name : str
        What stands beside it.
    zone : ZoneInfo or None
        Time zone of the place.

    Returns
    -------
    datetime or None
        None for a name that is not understood.

    Examples
    --------
    >>> with_zone(datetime(2024, 7, 8, 9), "PDT", ZoneInfo("America/Los_Angeles")).utcoffset() == timedelta(hours=-7)
    True
    """
    name = name.strip()
    offset = _offset(name) if _ZONE_ALONE.fullmatch(name) else ""
    if isinstance(offset, timedelta):
        return stamp.replace(tzinfo=timezone(offset))
    if zone is None:
        return stamp if name.isalpha() else None
    for fold in (0, 1):
        there = stamp.replace(tzinfo=zone, fold=fold)
        if there.tzname() == name:
            return there
    return None


@lru_cache(maxsize=4096)
def hours_per_slot(day: date, zone: ZoneInfo | None, step: timedelta) -> tuple[int, ...]:
    """Return how often the local clock passes each step of a day: once, but 0 or 2 times where the clocks change.

    Parameters
    ----------
    day : date
        The day.
    zone : ZoneInfo or None
        Time zone of the clock; None: a day of 24 hours.
    step : timedelta
        Length of a step.
    """
    n_steps = timedelta(days=1) // step
    if zone is None:
        return (1,) * n_steps
    begin = datetime(day.year, day.month, day.day)
    offsets = [(begin + timedelta(hours=h)).replace(tzinfo=zone).utcoffset() for h in (0, 24)]
    if offsets[0] == offsets[1]:
        return (1,) * n_steps
    counts = [0] * n_steps
    instant = begin.replace(tzinfo=zone).astimezone(UTC)
    for _ in range(n_steps + timedelta(hours=3) // step):
        wall = instant.astimezone(zone)
        if wall.date() == day:
            counts[(wall.replace(tzinfo=None, fold=0) - begin) // step] += 1
        instant += step
    return tuple(counts)
