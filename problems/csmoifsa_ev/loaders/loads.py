"""Load curves: the public files analysts have, recognised by their header."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from csmoifsa.errors import InputError
from csmoifsa_ev.loaders.series import DayChoice, Days, Fill, SeriesFormat, Stamp, read_days
from csmoifsa_ev.loaders.table import Table, read_table

EASTERN = "America/New_York"


@dataclass(frozen=True, kw_only=True)
class LoadFile:
    """What a user says of a file; None leaves it to the format, which the header gives away.

    Attributes
    ----------
    path : Path
        The file.
    time_column, load_column, stamp, stamp_zone, time_zone
        See `series.SeriesFormat`.
    only : dict
        Rows wanted, by columns: ``{"load_area": "CE"}``.
    fill : "error" or "interpolate"
        See `series.SeriesFormat`.
    """

    path: Path
    time_column: str | None = None
    load_column: str | None = None
    stamp: Stamp | None = None
    stamp_zone: str | None = None
    time_zone: str | None = None
    only: dict[str, str]
    fill: Fill = "error"


def recognise(columns: list[str]) -> SeriesFormat | None:
    """Return the format that a header belongs to, None if it is none we know.

    * PJM's hourly consumption set: ``Datetime,COMED_MW``, hour ending, Eastern prevailing time.
    * PJM Data Miner 2, metered load: ``datetime_beginning_utc, ..., mw``.
    * PJM Data Miner 2, prices: ``datetime_beginning_utc, ..., total_lmp_da`` (or ``_rt``).
    * EIA-930, cleaned: ``date_time, ..., cleaned demand (MW), ...``, UTC, hour ending; the local zone is the user's.
    * EIA-930, balance files: ``..., UTC Time at End of Hour, ..., Demand (MW), ...``.
    """
    names = set(columns)

    def form(time: str, value: str, stamp: Stamp, stamp_zone: str, zone: str, **more: Any) -> SeriesFormat:
        return SeriesFormat(
            time_column=time, value_column=value, stamp=stamp, stamp_zone=stamp_zone, time_zone=zone, **more
        )

    if columns[:1] == ["Datetime"] and len(columns) == 2 and columns[1].endswith("_MW"):
        return form("Datetime", columns[1], "ending", "local", EASTERN)
    if "datetime_beginning_utc" in names:
        for value in ("mw", "total_lmp_da", "total_lmp_rt"):
            if value in names:
                return form("datetime_beginning_utc", value, "beginning", "UTC", EASTERN, negative=value != "mw")
    if {"date_time", "cleaned demand (MW)"} <= names:
        return form("date_time", "cleaned demand (MW)", "ending", "UTC", "")
    if {"UTC Time at End of Hour", "Demand (MW)"} <= names:
        return form("UTC Time at End of Hour", "Demand (MW)", "ending", "UTC", "", thousands=True)
    return None


def read_load(file: LoadFile, choose: DayChoice, *, key: str = "load") -> Days:
    """Read the chosen days of a load file (or, from ``key = "grid.day_ahead"``, of market prices).

    Raises
    ------
    InputError
        The file is wrong, or it does not say itself what its stamps mean and the user has not said so either.
    """
    table = select(read_table(file.path, f"{key} file"), file.only, key)
    known = recognise(table.columns)
    base = known or SeriesFormat(
        time_column="timestamp", value_column="load_mw", stamp="beginning", stamp_zone="local", time_zone=""
    )
    if known is None and file.stamp is None:
        raise InputError(
            f"{file.path}: say whether a stamp marks the beginning or the end of its step: "
            f"{key}.stamp = 'beginning' or 'ending'"
        )
    said = {
        "time_column": file.time_column,
        "value_column": file.load_column,
        "stamp": file.stamp,
        "stamp_zone": file.stamp_zone,
        "time_zone": file.time_zone,
    }
    how = replace(base, **{name: value for name, value in said.items() if value is not None}, fill=file.fill, key=key)
    if not how.time_zone:
        raise InputError(
            f"{file.path}: name the time zone of its clock: {key}.time_zone = 'America/New_York', or 'local' for a "
            "clock that never changes"
        )
    table.at(how.value_column, f"{key}.load_column")
    return read_days(table, how, choose)


def select(table: Table, only: dict[str, str], key: str) -> Table:
    """Return the rows whose cells are as wanted.

    Raises
    ------
    InputError
        There are none, or the file mixes places and the user has not said which one is wanted.
    """
    keep = list(range(len(table.rows)))
    for column, wanted in only.items():
        at = table.at(column, f"{key}.only")
        there = {table.rows[k][at] for k in keep}
        keep = [k for k in keep if table.rows[k][at] == wanted]
        if not keep:
            some = ", ".join(sorted(there)[:8])
            raise InputError(f"{table.path}: no row has {column} = {wanted!r} ({key}.only); there are {some}")
    for column in ("pnode_name", "load_area"):
        if column in table.columns and column not in only:
            there = sorted({table.rows[k][table.at(column)] for k in keep})
            if len(there) > 1:
                raise InputError(
                    f"{table.path} holds {len(there)} of {column}: {', '.join(there[:8])}; choose one with "
                    f"{key}.only = {{ {column} = {there[0]!r} }}"
                )
    return replace(table, lines=[table.lines[k] for k in keep], rows=[table.rows[k] for k in keep])
