"""A table of a text, Excel or JSON file as text, every cell with its line; numbers and names are read strictly.

Text files are opened by `csmoifsa.files.read_text` alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import read_text
from csmoifsa_energy.readers.faults import Faults, MendableError, choose
from csmoifsa_energy.readers.layout import data_lines, find_separator, split_header
from csmoifsa_energy.readers.records import read_records
from csmoifsa_energy.readers.sheets import read_sheet

MOST_COLUMNS = 1_000
_SEPARATOR_LINE = re.compile(r"sep=.", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)


@dataclass(frozen=True)
class Table:
    """The rows of a table, as text.

    Attributes
    ----------
    path : Path
        The file.
    columns : list of str
        Its header.
    lines : list of int
        Number of the line on which each row ends, the header's 1; in a JSON file the number of the record, from 1.
    rows : list of list of str
        Cells, as many in each row as there are columns.
    cut_short : bool
        The last line has no line end: perhaps the file was cut off.
    separator : str
        Character between columns; ``""`` in a sheet or a JSON file.
    notes : list of str
        Sentences on lines left out.
    units : dict of str to str
        Unit of columns, where a row below the header states it.
    above : str
        Titles and comments above the header.
    """

    path: Path
    columns: list[str]
    lines: list[int]
    rows: list[list[str]]
    cut_short: bool
    separator: str = ","
    notes: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    above: str = ""

    def at(self, column: str, key: str = "") -> int:
        """Return the index of a column.

        Raises
        ------
        InputError
            There is no column of that name; the message names the setting ``key``.
        """
        if column not in self.columns:
            sentence = (
                f"{self.path} has no column {column!r}{f' ({key})' if key else ''}; "
                f"it has {', '.join(self.columns)}." + did_you_mean(column, self.columns)
            )
            table, _, name = key.rpartition(".")
            raise MendableError(sentence, *([choose(table, name, *self.columns[:60])] if table else []))
        return self.columns.index(column)

    def texts(self, column: str, key: str = "") -> list[str]:
        """Return the cells of one column."""
        place = self.at(column, key)
        return [row[place] for row in self.rows]


def read_table(path: Path, what: str = "file", *, sheet: str | None = None, key: str = "") -> Table:
    """Read a table with a header line: UTF-8 text with commas, semicolons, tabs or bars between columns, Excel or JSON.

    Report files whose lines begin with C (comment), H (header), D (data) or T (total) are read by their D lines.

    Parameters
    ----------
    path : Path
        The file; ``.xlsx`` and ``.xlsm`` are Excel files, ``.json`` is read by `read_records`.
    what : str
        What the file is called in messages.
    sheet : str, optional
        The sheet of an Excel file that has several.
    key : str
        The part of the scenario that names the file, for messages on its sheets.

    Raises
    ------
    InputError
        No such file, no text, no header, or rows of another length than the header; such rows are named.
    """
    faults = Faults(path)
    notes: list[str] = []
    comments: list[str] = []
    if path.suffix.lower() == ".json":
        (records, notes), separator, cut_short = read_records(path, what), "", False
    elif path.suffix.lower() in (".xlsx", ".xlsm"):
        records, separator, cut_short = read_sheet(path, what, sheet, key), "", False
    elif path.suffix.lower() in (".xls", ".xlsb", ".ods"):
        raise InputError(f"the {what} {path} is a spreadsheet of another form; save it as .xlsx, or the sheet as CSV")
    else:
        text = read_text(path, what)
        separator = find_separator(text)
        records, cut_short = _records(text, separator, faults), bool(text) and not text.endswith(("\n", "\r"))
        comments = list(takewhile(lambda line: line.startswith("#"), text.splitlines()))
    records, told = data_lines(path, records)
    notes += told
    if not records:
        faults.stop()
        raise InputError(f"{path} is empty; a header line was expected")
    head = split_header(path, records)
    header, records = head.names, head.data
    notes += head.notes
    while header and not header[-1].strip() and not any("".join(row[len(header) - 1 :]).strip() for _, row in records):
        header = header[:-1]  # separators at the end of each line
    if len(header) > MOST_COLUMNS:
        raise InputError(f"{path} has {len(header):,} columns; at most {MOST_COLUMNS:,} are read")
    columns = [cell.strip() for cell in header]
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, row in records:
        while len(row) > len(columns) and not row[-1].strip():
            row = row[:-1]
        if len(row) != len(columns):
            faults.add(f"{len(row)} cells where the header has {len(columns)}", line=line)
            continue
        lines.append(line)
        rows.append(row)
    double = sorted(name for name, times in Counter(columns).items() if times > 1)
    if double:
        faults.add(f"the header names {', '.join(map(repr, double))} more than once", line=head.line)
    faults.stop()
    units = dict(zip(columns, head.units, strict=False))
    return Table(path, columns, lines, rows, cut_short, separator, notes, units, "\n".join([*comments, head.above]))


def _records(text: str, separator: str, faults: Faults) -> list[tuple[int, list[str]]]:
    """Return line number and cells of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not records and (row[0].startswith("#") or _SEPARATOR_LINE.fullmatch(separator.join(row))):
                continue
            records.append((reader.line_num, row))
    except csv.Error as error:
        faults.add(f"broken CSV: {error}", line=reader.line_num)
    return records


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
