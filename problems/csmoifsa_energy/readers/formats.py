"""Forms of files of load and prices that are recognised by their headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from csmoifsa_energy.readers.numbers import Decimal
from csmoifsa_energy.readers.stamps import DateOrder, is_stamp
from csmoifsa_energy.readers.table import Table

EASTERN = "America/New_York"

_ZONES = ("AEP", "COMED", "DAYTON", "DEOK", "DOM", "DUQ", "EKPC", "FE", "NI", "PJME", "PJMW", "PJM_Load")
PJM_COLUMNS = tuple(f"{zone}_MW" for zone in _ZONES)
"""Columns of load in PJM's hourly consumption set, one file a zone; other files name no clock of theirs."""

Stamp = Literal["beginning", "ending"]


@dataclass(frozen=True)
class KnownFormat:
    """Columns, stamps and zones of a form of files that is recognised by its header.

    Attributes
    ----------
    time, value : str
        Columns of the stamps and of the values.
    stamp : "beginning" or "ending"
        What a stamp marks of its step.
    stamp_zone, time_zone : str
        Time zone of the stamps, and that of the local days; empty where the user must state it.
    date_order, decimal : str, optional
        Order of day and month, and decimal mark.
    """

    time: str
    value: str
    stamp: Stamp
    stamp_zone: str
    time_zone: str
    date_order: DateOrder | None = None
    decimal: Decimal | None = None


def recognise(table: Table, prices: bool) -> KnownFormat | None:
    """Return the form that the header of a table shows; None if it is not one of these.

    * PJM's hourly consumption set: ``Datetime,COMED_MW`` and the other zones of `PJM_COLUMNS`, ISO stamps, hour ending,
      Eastern prevailing time.
    * PJM Data Miner 2, metered load: ``datetime_beginning_utc, ..., mw``.
    * PJM Data Miner 2, prices: ``datetime_beginning_utc, ..., total_lmp_da`` (or ``_rt``).
    * EIA-930, cleaned: ``date_time, ..., cleaned demand (MW), ...``, UTC, hour ending; the local zone is the user's.
    * EIA-930, balance files: ``..., UTC Time at End of Hour, ..., Demand (MW), ...``.
    """
    columns, names = table.columns, set(table.columns)
    if len(columns) == 2 and columns[0] == "Datetime" and columns[1] in PJM_COLUMNS and not prices:
        first = next((row[0].strip() for row in table.rows if is_stamp(row[0])), "0000-")
        return KnownFormat("Datetime", columns[1], "ending", "local", EASTERN) if first[4] == "-" else None
    if "datetime_beginning_utc" in names:
        for value in ("mw", "total_lmp_da", "total_lmp_rt"):
            if value in names:
                return KnownFormat("datetime_beginning_utc", value, "beginning", "UTC", EASTERN, "month-first")
    if {"date_time", "cleaned demand (MW)"} <= names:
        return KnownFormat("date_time", "cleaned demand (MW)", "ending", "UTC", "")
    if {"UTC Time at End of Hour", "Demand (MW)"} <= names:
        return KnownFormat("UTC Time at End of Hour", "Demand (MW)", "ending", "UTC", "", "month-first", "point")
    return None
