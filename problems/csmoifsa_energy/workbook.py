"""Write the tables of a folder of results as one Excel workbook, a sheet a table."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unicodedata import east_asian_width

import numpy as np

from csmoifsa.files import atomic_write, read_csv
from csmoifsa.text import visible

if TYPE_CHECKING:
    from pandas import DataFrame, Series

WIDEST = 60
"""Largest width of a column [characters]; longer texts wrap."""

PAGE = 200
"""Width that a sheet of A4 across takes in print that can be read [characters]; wider tables run over several."""

LINE = 15.0
"""Height of a line of text [points]."""

LONGEST_NAME = 31
"""Largest length of a sheet's name, that of Excel [characters]."""


def write_workbook(path: Path, tables: Mapping[str, DataFrame]) -> None:
    """Write tables as the sheets of an Excel workbook, in their order.

    Numbers are stored whole and only shown rounded; texts stay texts, also those that begin with an equals sign. The
    first row is bold and stays in view, columns are as wide as what they hold, and sheets print on A4 across, wide ones
    on several with their first column on each.

    Parameters
    ----------
    path : Path
        The file, ``.xlsx``.
    tables : mapping
        Tables by the name of their sheet, of which the first 31 characters count.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, table in tables.items():
        _fill(book.create_sheet(visible(name)[:LONGEST_NAME]), table)
    with atomic_write(path, "wb") as file:
        book.save(file)


def write_folder_workbook(folder: Path, path: Path, first: Mapping[str, DataFrame], order: tuple[str, ...]) -> None:
    """Write the CSV tables of a folder as one workbook, so that both hold the same numbers.

    Parameters
    ----------
    folder : Path
        Folder with tables that `csmoifsa.files.write_csv` wrote.
    path : Path
        The workbook.
    first : mapping
        Further tables, by name, to put before them.
    order : tuple of str
        Names of the tables to put first, those that the folder lacks left out; the others follow by name.
    """
    tables = {name: read_csv(folder / f"{name}.csv") for name in ordered_names(folder, order)}
    write_workbook(path, {**first, **tables})


def ordered_names(folder: Path, order: tuple[str, ...]) -> list[str]:
    """Return the names of the CSV tables of a folder: those of ``order`` first, then the others by name."""
    there = sorted(one.stem for one in folder.glob("*.csv"))
    return [name for name in order if name in there] + [name for name in there if name not in order]


def _fill(sheet: Any, table: DataFrame) -> None:
    """Write one table into an empty sheet."""
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    lines: dict[int, int] = {}  # lines of text of rows that wrap
    across = 0
    for k, name in enumerate(table.columns, start=1):
        column = cast("Series", table[name])
        head = sheet.cell(1, k)
        _put(head, str(name))
        head.font = Font(bold=True)
        head.alignment = Alignment(wrap_text=True, vertical="top")
        numbers = column.dtype.kind in "iuf"
        shown = _formats(column, table) if numbers else ["General"] * len(column)
        width = max((len(part) for part in str(name).split("_")), default=1) + 3
        for row, value in enumerate(column.tolist(), start=2):
            if value is None or value != value:
                continue
            cell = sheet.cell(row, k)
            _put(cell, value)
            cell.number_format = shown[row - 2]
            needed = len(f"{value:,.2f}") if numbers else _width(str(value))
            width = max(width, needed + 2)
            if not numbers and needed + 2 > WIDEST:
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                lines[row] = max(lines.get(row, 1), ceil((needed + 2) / (WIDEST - 6)))  # lines end at words
        width = min(width, WIDEST)
        sheet.column_dimensions[get_column_letter(k)].width = width
        lines[1] = max(lines.get(1, 1), ceil(_width(str(name)) / (width - 2)))
        across += width
    for row, n in lines.items():
        sheet.row_dimensions[row].height = LINE * n
        for cell in sheet[row]:
            cell.alignment = Alignment(wrap_text=cell.alignment.wrap_text, vertical="top")
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.orientation = "landscape"
    sheet.print_title_cols = "A:A"
    sheet.page_setup.fitToWidth = ceil(across / PAGE)
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _width(text: str) -> int:
    """Return the width of a text in a sheet [characters]; those of Chinese count twice."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _formats(column: Series, table: DataFrame) -> list[str]:
    """Return the `number_format` of each cell of a column: that of all rows with the same ``unit``, if there are units.

    A column with a unit for each row may hold shares beside thousands of MWh.
    """
    if "unit" not in table.columns:
        return [number_format(column)] * len(column)
    units = table["unit"].astype(str)
    formats = {unit: number_format(cast("Series", column[units == unit])) for unit in set(units)}
    return [formats[unit] for unit in units]


def _put(cell: Any, value: object) -> None:
    """Write a value into a cell; a text that begins with an equals sign is no formula."""
    if isinstance(value, bool | int | float):
        cell.value = value
        return
    cell.value = visible(str(value))
    cell.data_type = "s"


def number_format(column: Series) -> str:
    """Return the Excel format that shows the numbers of a column with about four digits.

    Examples
    --------
    >>> import pandas as pd
    >>> [number_format(pd.Series(values)) for values in ([12345.678, 2.0], [0.25], [3, 4000])]
    ['#,##0', '0.0000', '#,##0']
    """
    if column.dtype.kind in "iu":
        return "#,##0"
    most = float(np.nanmax(np.abs(column.to_numpy(dtype=float)))) if column.notna().any() else 0.0
    for least, shown in ((1000.0, "#,##0"), (100.0, "#,##0.0"), (10.0, "0.00"), (1.0, "0.000")):
        if most >= least:
            return shown
    return "0.0000" if most >= 1e-3 or most == 0 else "0.00E+00"
