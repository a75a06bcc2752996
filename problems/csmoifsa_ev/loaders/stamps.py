"""Time stamps and zones: what a clock on the wall shows, and which hours a day has."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from csmoifsa.errors import InputError, did_you_mean

LOCAL = "local"
"""The clock on the wall of a place that nobody named: every day is taken to have 24 hours."""

_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.0+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d)(?::(\d\d))?(?: ([AP])M)?", re.ASCII)
_MAIL = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_stamp(text: str) -> datetime | None:
    """Read one stamp, or return None: ISO 8601, US (``5/1/2025 4:00:00 AM``) or GMT mail dates (ACN-Data).

    Examples
    --------
    >>> parse_stamp("5/1/2025 12:00:00 AM"), parse_stamp("Wed, 25 Apr 2018 11:08:04 GMT")
    (datetime.datetime(2025, 5, 1, 0, 0), datetime.datetime(2018, 4, 25, 11, 8, 4, tzinfo=datetime.timezone.utc))
    """
    text = text.strip()
    try:
        if _ISO.fullmatch(text):
            return datetime.fromisoformat(text)
        if us := _US.fullmatch(text):
            month, day, year, hour, minute = (int(us[k]) for k in range(1, 6))
            if us[7]:
                if not 1 <= hour <= 12:
                    return None
                hour = hour % 12 + (12 if us[7] == "P" else 0)
            return datetime(year, month, day, hour, minute, int(us[6] or 0))
        if mail := _MAIL.fullmatch(text):
            month = _MONTHS.index(mail[2]) + 1
            return datetime(int(mail[3]), month, int(mail[1]), *(int(mail[k]) for k in (4, 5, 6)), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return None


@lru_cache(maxsize=32)
def zone_named(name: str, key: str) -> ZoneInfo | None:
    """Return a time zone, None for `LOCAL`.

    Raises
    ------
    InputError
        There is no zone of that name; ``key`` says which setting asked for it.
    """
    if name == LOCAL:
        return None
    if name not in available_timezones():
        near = did_you_mean(name, sorted(available_timezones()))
        raise InputError(f"{key}: there is no time zone {name!r}; write one such as 'America/New_York' or 'UTC'.{near}")
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def hours_per_slot(day: date, zone: ZoneInfo | None, step: timedelta) -> tuple[int, ...]:
    """Return how often the wall clock passes each step of a day: 1, but 0 or 2 where the clocks change.

    Parameters
    ----------
    day : date
        The day.
    zone : ZoneInfo or None
        Whose clock; None: a day of 24 hours.
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
