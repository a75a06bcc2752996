"""The base load: typed into the case, or read from the analyst's file; one day or several."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.checks import Parameters
from csmoifsa_ev.loaders.loads import LoadFile, read_load
from csmoifsa_ev.loaders.series import DayChoice, Days


@dataclass(frozen=True, kw_only=True)
class FileSeries(Parameters):
    """A time series in a CSV file; formats and faults are described in `loaders.loads`.

    Attributes
    ----------
    csv : str, optional
        The file; in a scenario file, a relative path starts at that file's folder.
    time_column, load_column : str, optional
        Its columns; a known format names them itself, otherwise ``timestamp`` and ``load_mw``.
    day : date, optional
        The one day to price ...
    first_day, last_day : date, optional
        ... or several, from the first to the last, ...
    which_days : "all", "weekdays" or "weekends"
        ... or some of them.
    stamp : "beginning" or "ending", optional
        Whether a stamp marks the beginning or the end of its step; must be said unless the format says it.
    stamp_zone : str, optional
        The zone of the stamps: ``"local"`` (default) for the clock of ``time_zone``, or a zone such as ``"UTC"``.
    time_zone : str, optional
        The zone whose days are priced; ``"local"`` for a clock that never changes.
    only : dict
        Rows wanted, by columns.
    fill : "error" or "interpolate"
        Missing and unreadable values are errors, or filled from their neighbours and told.
    """

    csv: str | None = None
    time_column: str | None = None
    load_column: str | None = None
    day: date | None = None
    first_day: date | None = None
    last_day: date | None = None
    which_days: Literal["all", "weekdays", "weekends"] = "all"
    stamp: Literal["beginning", "ending"] | None = None
    stamp_zone: str | None = None
    time_zone: str | None = None
    only: dict[str, str] = field(default_factory=dict)
    fill: Literal["error", "interpolate"] = "error"

    def __post_init__(self) -> None:
        if self.day is not None and (self.first_day is not None or self.last_day is not None):
            raise InputError("name either one day, or first_day and last_day, not both")

    def read_file(self, key: str) -> Days:
        """Read the file's chosen days."""
        assert self.csv is not None
        return read_load(
            LoadFile(
                path=Path(self.csv),
                time_column=self.time_column,
                load_column=self.load_column,
                stamp=self.stamp,
                stamp_zone=self.stamp_zone,
                time_zone=self.time_zone,
                only=self.only,
                fill=self.fill,
            ),
            DayChoice(day=self.day, first_day=self.first_day, last_day=self.last_day, which_days=self.which_days),
            key=key,
        )


@dataclass(frozen=True, kw_only=True)
class Load(FileSeries):
    """Where the load without electric vehicles comes from: a file, or values of one day.

    Attributes
    ----------
    values_mw : tuple of float, optional
        Mean load of each step [MW], the first beginning at midnight; 24 values are hours, 96 quarters.
    """

    values_mw: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.values_mw is None) == (self.csv is None):
            raise InputError("give the load either as values_mw or as csv, one of the two")

    def read(self) -> Days:
        """Return the load of each step of each day, shape (D, T) [MW], reading the file if there is one.

        Raises
        ------
        InputError
            A value is missing, doubled, not a number or negative; the message names file, line and column.
        """
        if self.values_mw is None:
            return self.read_file("load")
        values = np.array(self.values_mw, dtype=float)
        if len(values) < 4 or 1440 % len(values):
            raise InputError(f"values_mw: a day of {len(values)} values has no whole-minute step; bring 24, 48 or 96")
        if values.min() < 0:
            raise InputError(f"values_mw: load cannot be negative, but value {int(values.argmin()) + 1} is")
        return Days(values[None], [] if self.day is None else [self.day], [], self.time_zone or "")
