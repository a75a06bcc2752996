"""A CSV file as text, every cell with its line; numbers and names are read strictly."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import read_text
from csmoifsa_ev.loaders.faults import Faults

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file, as text.

    Attributes
    ----------
    path : Path
        The file.
    columns : list of str
        Its header.
    lines : list of int
        The line each row ends on; the header is line 1.
    rows : list of list of str
        Cells, as many in each row as there are columns.
    cut_short : bool
        The last line has no line end: perhaps the file was cut off.
    """

    path: Path
    columns: list[str]
    lines: list[int]
    rows: list[list[str]]
    cut_short: bool

    def at(self, column: str, key: str = "") -> int:
        """Return the place of a column.

        Raises
        ------
        InputError
            There is none of that name; ``key`` says which setting named it.
        """
        if column not in self.columns:
            raise InputError(
                f"{self.path} has no column {column!r}{f' ({key})' if key else ''}; "
                f"it has {', '.join(self.columns)}." + did_you_mean(column, self.columns)
            )
        return self.columns.index(column)

    def cells(self, column: str, key: str = "") -> Iterator[tuple[int, str]]:
        """Yield line and text of one column."""
        place = self.at(column, key)
        for line, row in zip(self.lines, self.rows, strict=True):
            yield line, row[place]


def read_table(path: Path, what: str = "file") -> Table:
    """Read a CSV with a header line, UTF-8, separated by commas.

    Raises
    ------
    InputError
        No such file, no text, no header, or rows of another length than the header; all such rows are named.
    """
    text = read_text(path, what)
    faults = Faults(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    columns: list[str] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = [cell.strip() for cell in row]
                continue
            if len(row) != len(columns):
                faults.add(f"{len(row)} cells where the header has {len(columns)}", line=reader.line_num)
                continue
            lines.append(reader.line_num)
            rows.append(row)
    except csv.Error as error:
        faults.add(f"broken CSV: {error}", line=reader.line_num)
    if columns is None:
        raise InputError(f"{path} is empty; a header line was expected")
    if len(columns) == 1 and ";" in columns[0]:
        raise InputError(f"{path}, line 1: columns are separated by semicolons; save the file with commas")
    double = sorted(name for name, times in Counter(columns).items() if times > 1)
    if double:
        faults.add(f"the header names {', '.join(map(repr, double))} more than once", line=1)
    faults.stop()
    return Table(path, columns, lines, rows, bool(text) and not text.endswith(("\n", "\r")))


def number(text: str, *, thousands: bool = False) -> float | None:
    """Return the number that a cell holds, or None: plain digits, a point and an exponent, nothing else.

    Examples
    --------
    >>> number(" 12.5 "), number("1,234"), number("1,234", thousands=True), number("nan")
    (12.5, None, 1234.0, None)
    """
    text = text.strip()
    if thousands and _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) < 1e300 else None
