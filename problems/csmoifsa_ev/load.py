"""The base load of one day: typed into the case, or read from the analyst's CSV."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_ev.checks import Parameters


@dataclass(frozen=True, kw_only=True)
class Load(Parameters):
    """Where the day's load without electric vehicles comes from.

    Attributes
    ----------
    values_mw : tuple of float, optional
        Mean load of each step [MW], the first beginning at midnight; 24 values are hours, 96 quarters.
    csv : str, optional
        A file to read instead; in a scenario file, a relative path starts at that file's folder.
    time_column, load_column : str
        Its columns. Stamps are ISO 8601 on the local clock, such as ``2014-06-05 14:00``.
    day : date, optional
        The day to price; needed when the file holds more than one.
    stamp : "beginning" or "ending"
        Whether a stamp marks the beginning or the end of its step.
    time_zone : str
        The zone of the local clock; it labels the results, stamps are taken as they stand.
    """

    values_mw: tuple[float, ...] | None = None
    csv: str | None = None
    time_column: str = "timestamp"
    load_column: str = "load_mw"
    day: date | None = None
    stamp: Literal["beginning", "ending"] = "beginning"
    time_zone: str = "local"

    def __post_init__(self) -> None:
        if (self.values_mw is None) == (self.csv is None):
            raise InputError("give the load either as values_mw or as csv, one of the two")

    def values(self) -> np.ndarray:
        """Return the mean load of each step, shape (T,) [MW], reading the file if there is one.

        Raises
        ------
        InputError
            A value is missing, doubled, not a number or negative; the message names file, line and column.
        """
        if self.values_mw is not None:
            values = np.array(self.values_mw, dtype=float)
            _check_steps(len(values), "values_mw")
            if values.min() < 0:
                raise InputError(f"values_mw: load cannot be negative, but value {int(values.argmin()) + 1} is")
            return values
        assert self.csv is not None
        return read_day(
            Path(self.csv),
            time_column=self.time_column,
            load_column=self.load_column,
            day=self.day,
            stamp=self.stamp,
        )


def _check_steps(n_steps: int, where: str) -> None:
    if n_steps < 4 or 1440 % n_steps:
        raise InputError(f"{where}: a day of {n_steps} values has no whole-minute step; bring 24, 48 or 96 values")


def read_day(
    path: Path,
    *,
    time_column: str = "timestamp",
    load_column: str = "load_mw",
    day: date | None = None,
    stamp: Literal["beginning", "ending"] = "beginning",
) -> np.ndarray:
    """Read one day of load from a CSV with a header line.

    Parameters
    ----------
    path : Path
        The file, UTF-8, comma separated.
    time_column, load_column : str
        Its columns: ISO 8601 stamps on the local clock, and mean load [MW].
    day : date, optional
        The day wanted; may be left out if the file holds one day only.
    stamp : "beginning" or "ending"
        Whether a stamp marks the beginning or the end of its step.

    Returns
    -------
    (T,) array
        Mean load of each step [MW], the first beginning at midnight.

    Raises
    ------
    InputError
        Nothing is repaired in silence: the message names file, line and column of the first fault.
    """
    rows = _rows(path, time_column, load_column)
    step = _step(path, rows)
    shift = step if stamp == "ending" else timedelta(0)
    days = sorted({(when - shift).date() for _, when, _ in rows})
    if day is None and len(days) > 1:
        raise InputError(f"{path} holds {len(days)} days, {days[0]} to {days[-1]}; name one with load.day")
    day = day or days[0]
    n_steps = timedelta(days=1) // step
    values: dict[int, float] = {}
    for line, when, value in rows:
        if (when - shift).date() != day:
            continue
        index, rest = divmod((when - shift) - datetime.combine(day, datetime.min.time()), step)
        if rest:
            raise InputError(f"{path}, line {line}, column {time_column!r}: {when} does not fall on a whole step")
        if index in values:
            raise InputError(f"{path}, line {line}, column {time_column!r}: {when} appears twice; keep one of the rows")
        values[index] = value
    missing = [index for index in range(n_steps) if index not in values]
    if len(missing) == n_steps:
        raise InputError(f"{path}: no row for {day}; the file runs from {days[0]} to {days[-1]}")
    if missing:
        first = datetime.combine(day, datetime.min.time()) + missing[0] * step
        raise InputError(f"{path}: {len(missing)} of {n_steps} steps of {day} are missing, the first begins {first}")
    return np.array([values[index] for index in range(n_steps)])


def _rows(path: Path, time_column: str, load_column: str) -> list[tuple[int, datetime, float]]:
    """Return (line, stamp, load) of every row of the file."""
    rows = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for name, key in ((time_column, "time_column"), (load_column, "load_column")):
                columns = list(reader.fieldnames or [])
                if name not in columns:
                    raise InputError(
                        f"{path} has no column {name!r} (load.{key}); it has {', '.join(columns) or 'no header'}."
                        + did_you_mean(name, columns)
                    )
            for row in reader:
                when = _stamp(path, reader.line_num, time_column, row[time_column])
                value = _number(path, reader.line_num, load_column, row[load_column])
                rows.append((reader.line_num, when, value))
    except OSError as error:
        raise InputError(f"cannot read the load file {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV text file in UTF-8: {error}") from error
    if len(rows) < 2:
        raise InputError(f"{path} holds {len(rows)} row(s); a day needs at least 4")
    return rows


def _stamp(path: Path, line: int, column: str, text: str | None) -> datetime:
    try:
        when = datetime.fromisoformat((text or "").strip())
    except ValueError:
        raise InputError(
            f"{path}, line {line}, column {column!r}: {text!r} is not a time stamp such as 2014-06-05 14:00"
        ) from None
    if when.tzinfo is not None:
        raise InputError(
            f"{path}, line {line}, column {column!r}: {text!r} carries a UTC offset; bring stamps on the local clock"
        )
    return when


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"{path}, line {line}, column {column!r}: {text!r} is not a number of MW")
    if value < 0:
        raise InputError(f"{path}, line {line}, column {column!r}: load cannot be negative, but it is {text}")
    return value


def _step(path: Path, rows: list[tuple[int, datetime, float]]) -> timedelta:
    """Return the smallest distance between stamps, which must divide the day."""
    stamps = sorted({when for _, when, _ in rows})
    if len(stamps) < 2:
        raise InputError(f"{path}: every row has the same stamp {stamps[0]}")
    step = min(later - earlier for earlier, later in pairwise(stamps))
    if timedelta(days=1) % step or step % timedelta(minutes=1):
        raise InputError(f"{path}: the step between stamps is {step}, which does not divide the day")
    _check_steps(timedelta(days=1) // step, str(path))
    return step
