"""Market prices from files: PJM's day-ahead and real-time exports, or any CSV with a time and a price column.

A PJM export (Data Miner 2, hourly LMP) has many columns, two clocks and US dates; the local clock
(``datetime_beginning_ept``) and the total price (``total_lmp_da`` or ``total_lmp_rt``) are read [currency/MWh].
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import read_text

_PJM_TIME = "datetime_beginning_ept"
_PJM_PRICES = ("total_lmp_da", "total_lmp_rt")
_TIMES = ("timestamp", "time", "datetime", "datetime_beginning", "date_time")
_PRICES = ("price", "lmp", "price_per_mwh")
_NODES = ("pnode_name", "node", "hub", "zone")
MOST_COLUMNS = 1_000


@dataclass(frozen=True, eq=False)
class Prices:
    """A series of prices without gaps.

    Attributes
    ----------
    start : datetime
        Beginning of the first step, local clock.
    step : timedelta
        Its length.
    per_kwh : (n,) array
        Prices [currency/kWh].
    node : str
        Where they hold.
    """

    start: datetime
    step: timedelta
    per_kwh: np.ndarray
    node: str

    @property
    def days(self) -> list[date]:
        """The days that the series covers from midnight to midnight."""
        per_day = round(timedelta(days=1) / self.step)
        first = self.start.date() if self.start.time() == datetime.min.time() else self.start.date() + timedelta(days=1)
        skipped = round((datetime.combine(first, datetime.min.time()) - self.start) / self.step)
        return [first + timedelta(days=k) for k in range((len(self.per_kwh) - skipped) // per_day)]

    def window(self, begin: datetime, steps: int) -> np.ndarray:
        """Return the prices of ``steps`` steps from ``begin`` on [currency/kWh]."""
        first = round((begin - self.start) / self.step)
        if first < 0 or first + steps > len(self.per_kwh):
            end = self.start + len(self.per_kwh) * self.step
            raise InputError(f"prices at {self.node} run from {self.start} to {end}, not over {begin} + {steps} steps")
        return self.per_kwh[first : first + steps]


def nodes(path: str | Path) -> list[str]:
    """Return the names of the nodes in a price file; empty if it has no such column."""
    table = _read(Path(path))
    column = next((name for name in _NODES if name in table.columns), None)
    return [] if column is None else sorted({str(value) for value in table[column]})


def load_prices(
    path: str | Path,
    *,
    node: str | None = None,
    time_column: str | None = None,
    price_column: str | None = None,
    per_mwh: bool = True,
) -> Prices:
    """Read a price file.

    Parameters
    ----------
    path : path
        CSV with a header: a PJM export, or any file with one time and one price column.
    node : str, optional
        Which node, where the file has more than one.
    time_column, price_column : str, optional
        Their names, where they are neither PJM's nor one of the usual ones.
    per_mwh : bool
        Whether prices are per MWh (else per kWh).

    Raises
    ------
    InputError
        A column or node is unknown, an hour is missing or doubled, or a price is not a number; the message says which.
    """
    path = Path(path)
    table = _read(path)
    time_name = _column(path, table, time_column, (_PJM_TIME, *_TIMES), "time")
    price_name = _column(path, table, price_column, (*_PJM_PRICES, *_PRICES), "price")
    node_name = next((name for name in _NODES if name in table.columns), None)
    if node_name is not None:
        table, node = _choose_node(path, table, node_name, node)
    times = _times(path, table[time_name])
    order = np.argsort(times, kind="stable")
    times = times[order]
    values = np.asarray(pd.to_numeric(table[price_name], errors="coerce"), dtype=float)[order]
    _check_series(path, times, values)
    step = timedelta(seconds=float(np.diff(times).min() / np.timedelta64(1, "s")))
    start = times[0].astype("datetime64[s]").item()
    return Prices(start, step, values / (1000.0 if per_mwh else 1.0), node or path.stem)


def _read(path: Path) -> pd.DataFrame:
    text = read_text(path, "price file")
    if (columns := text.partition("\n")[0].count(",") + 1) > MOST_COLUMNS:
        raise InputError(f"{path} has {columns:,} columns; a price file has a handful")
    try:
        return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not a CSV file with a header: {str(error).strip()}") from error


def _column(path: Path, table: pd.DataFrame, wanted: str | None, usual: tuple[str, ...], what: str) -> str:
    known = [str(name) for name in table.columns]
    if wanted is not None:
        if wanted not in known:
            raise InputError(
                f"{path} has no column {wanted!r}; it has {', '.join(known)}.{did_you_mean(wanted, known)}"
            )
        return wanted
    for name in usual:
        if name in known:
            return name
    raise InputError(f"{path} has no {what} column; expected one of {', '.join(usual)}, it has {', '.join(known)}")


def _choose_node(path: Path, table: pd.DataFrame, column: str, node: str | None) -> tuple[pd.DataFrame, str]:
    known = sorted({str(value) for value in table[column]})
    if node is None:
        if len(known) > 1:
            raise InputError(f"{path} holds {len(known)} nodes; name one with --node: {', '.join(known[:12])}")
        node = known[0]
    match = [name for name in known if name.lower() == node.lower()]
    if not match:
        hint = did_you_mean(node, known) or f" It has {', '.join(known[:12])}"
        raise InputError(f"{path} has no node {node!r}.{hint}")
    chosen = table[table[column] == match[0]]
    assert isinstance(chosen, pd.DataFrame)
    return chosen, match[0]


def _times(path: Path, column: Any) -> np.ndarray:
    """Return local stamps; US dates with AM/PM as PJM writes them, else ISO 8601."""
    text = column.astype(str)
    for pattern in ("%m/%d/%Y %I:%M:%S %p", "ISO8601"):
        try:
            return pd.to_datetime(text, format=pattern).to_numpy(dtype="datetime64[s]")
        except (ValueError, TypeError):
            continue
    raise InputError(
        f"{path}, column {column.name!r}: stamps such as {text.iloc[0]!r} are neither 5/1/2025 12:00:00 AM "
        "nor 2025-05-01 00:00 on the local clock"
    )


def _check_series(path: Path, times: np.ndarray, values: np.ndarray) -> None:
    if len(times) < 2:
        raise InputError(f"{path} holds {len(times)} price(s) of this node; a day needs at least 2")
    gaps = np.diff(times)
    step = gaps[gaps > np.timedelta64(0, "s")].min() if (gaps > np.timedelta64(0, "s")).any() else gaps[0]
    doubled = np.flatnonzero(gaps == np.timedelta64(0, "s"))
    if doubled.size:
        raise InputError(f"{path}: the hour {_stamp(times[doubled[0]])} appears twice; keep one of the rows")
    wide = np.flatnonzero(gaps != step)
    if wide.size:
        missing = int(gaps[wide[0]] / step) - 1
        raise InputError(f"{path}: {missing} step(s) are missing after {_stamp(times[wide[0]])}")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InputError(f"{path}: the price at {_stamp(times[bad[0]])} is not a number ({bad.size} such in all)")


def _stamp(time: Any) -> str:
    return str(time).replace("T", " ")[:16]
