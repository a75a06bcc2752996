"""Excel sheets as rows of text."""

from __future__ import annotations

import warnings
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import read_bytes

LARGEST = 512 * 2**20
"""Largest size of an Excel file after unpacking [bytes]."""


def read_sheet(path: Path, what: str, sheet: str | None) -> list[tuple[int, list[str]]]:
    """Return row number and cells of every row that is not blank; dates as ISO 8601, numbers with a point.

    Raises
    ------
    InputError
        The file is no Excel file, it has no such sheet, or it has several sheets with data and none is chosen.
    """
    import pandas as pd

    raw = read_bytes(path, what)
    try:
        with ZipFile(BytesIO(raw)) as parts:
            if sum(one.file_size for one in parts.infolist()) > LARGEST:
                raise InputError(f"the {what} {path} holds more than {LARGEST // 2**20} MB; save the sheet as CSV")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's remarks on styles and validation
            frames = pd.read_excel(BytesIO(raw), sheet_name=None, header=None, dtype=object, engine="openpyxl")
    except InputError:
        raise
    except Exception as error:  # openpyxl raises errors of a dozen kinds on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not an Excel file that can be read: {reason}") from error
    names = [str(name) for name, frame in frames.items() if not frame.dropna(how="all").empty]
    if sheet is not None and sheet not in names:
        raise InputError(
            f"{path} has no sheet {sheet!r} with data; it has {', '.join(names)}." + did_you_mean(sheet, names)
        )
    if sheet is None and len(names) > 1:
        raise InputError(
            f"{path} has {len(names)} sheets: {', '.join(names[:8])}; choose one with sheet = {names[0]!r} (or --sheet)"
        )
    if not names:
        return []
    frame = frames[names[0] if sheet is None else sheet]
    frame = frame.loc[:, frame.notna().any()]  # columns without any value
    rows = []
    for number, values in enumerate(frame.itertuples(index=False), start=1):
        cells = [_text(value) for value in values]
        if any(cells):
            rows.append((number, cells))
    return rows


def _text(value: object) -> str:
    """Return the value of a cell as text."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, datetime):
        if value != value:  # NaT
            return ""
        whole = (value + timedelta(milliseconds=500)).replace(microsecond=0)  # Excel counts in parts of a day
        return whole.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()[:8] if isinstance(value, time) else value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return str(value).strip()
