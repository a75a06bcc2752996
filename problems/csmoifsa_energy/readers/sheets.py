"""Excel sheets as rows of text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import read_bytes
from csmoifsa_energy.readers.faults import MendableError, choose
from csmoifsa_energy.readers.numbers import typed

LARGEST = 512 * 2**20
"""Largest size of an Excel file after unpacking [bytes]."""

_MIDNIGHT = "00:00:00"
_STAMP = re.compile(r"(?P<date>\d{4}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d)", re.ASCII)

MOST_ROWS = 2**20
"""Largest number of rows of a sheet, that of Excel."""

MOST_CELLS = 20_000_000
"""Largest number of cells of a sheet, blank ones between others included: ten years of 5 minutes in 19 columns."""


def read_sheet(path: Path, what: str, sheet: str | None, key: str = "") -> list[tuple[int, list[str]]]:
    """Return row number and cells of every row that is not blank; dates as ISO 8601, numbers with a point.

    Raises
    ------
    InputError
        The file is no Excel file, it has no such sheet, or it has several sheets with data and none is chosen.
    """
    raw = read_bytes(path, what)
    try:
        with ZipFile(BytesIO(raw)) as parts:
            if sum(one.file_size for one in parts.infolist()) > LARGEST:
                raise InputError(f"the {what} {path} holds more than {LARGEST // 2**20} MB; save the sheet as CSV")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's remarks on styles and validation
            return _rows(path, raw, sheet, key)
    except InputError:
        raise
    except Exception as error:  # openpyxl raises errors of a dozen kinds on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not an Excel file that can be read: {reason}") from error


def _rows(path: Path, raw: bytes, sheet: str | None, key: str) -> list[tuple[int, list[str]]]:
    """Return the rows of `read_sheet` of the bytes of an Excel file; formulas count by the values stored with them."""
    from openpyxl import load_workbook

    book = load_workbook(BytesIO(raw), read_only=True, data_only=True, keep_links=False)
    sheets = {one.title: one for one in book.worksheets if next(_cells(path, one), None) is not None}
    names = list(sheets)
    remedies = [choose(key, "sheet", *names)] if key and names else []
    if sheet is not None and sheet not in names:
        raise MendableError(
            f"{path} has no sheet {sheet!r} with data; it has {', '.join(names)}." + did_you_mean(sheet, names),
            *remedies,
        )
    if sheet is None and len(names) > 1:
        raise MendableError(
            f"{path} has {len(names)} sheets: {', '.join(names[:8])}; choose one with "
            f"{f'{key}.' if key else ''}sheet = {names[0]!r} (or --sheet)",
            *remedies,
        )
    if not names:
        return []
    rows = list(_cells(path, sheets[names[0] if sheet is None else sheet]))
    width = max(len(cells) for _, cells in rows)
    used = [k for k in range(width) if any(k < len(cells) and cells[k] for _, cells in rows)]
    columns = [_dates([cells[k] if k < len(cells) else "" for _, cells in rows]) for k in used]
    return [(number, list(cells)) for (number, _), cells in zip(rows, zip(*columns, strict=True), strict=True)]


def _dates(cells: list[str]) -> list[str]:
    """Return the cells of a column, its stamps without the time of day if all of them are midnight.

    Excel has no type for dates alone.
    """
    stamps = [_STAMP.fullmatch(cell) for cell in cells]
    if any(stamp and stamp["time"] != _MIDNIGHT for stamp in stamps):
        return cells
    return [stamp["date"] if stamp else cell for cell, stamp in zip(cells, stamps, strict=True)]


def _cells(path: Path, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield row number and cells, up to the last one with a value, of every row of a sheet that is not blank.

    Rows and cells are counted while reading, since a small file may name cells that are far apart.
    """
    sheet.reset_dimensions()  # the size that a file states may be wrong
    count = 0
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        count += len(values)
        if number > MOST_ROWS or count > MOST_CELLS:
            raise InputError(
                f"{path}: sheet {sheet.title!r} spans more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells; delete "
                "cells far from the table, or save it as CSV"
            )
        cells = [_text(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def _text(value: object) -> str:
    """Return the value of a cell as text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        whole = (value + timedelta(milliseconds=500)).replace(microsecond=0)  # Excel counts in parts of a day
        return whole.isoformat(" ")
    if isinstance(value, timedelta):  # a time of day typed as a duration, such as 24:00
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    if isinstance(value, date | time):
        return value.isoformat()[:8] if isinstance(value, time) else value.isoformat()
    if isinstance(value, float):
        return typed(float(value))
    return str(value).strip()
