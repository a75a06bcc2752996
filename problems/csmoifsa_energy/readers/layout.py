"""Find the separator of the columns of a text file, its header, and the lines that hold data."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa_energy.readers.numbers import is_number
from csmoifsa_energy.readers.stamps import is_date, is_stamp
from csmoifsa_energy.readers.units import is_unit

SEPARATORS = ("\t", ";", ",", "|")
_SAMPLE = 60
_DECLARED = re.compile(r"sep=([\t;,|])[\r\n]", re.IGNORECASE)
_KINDS = ("C", "H", "D", "T")
_TIME_NAME = re.compile(
    "date|time|datum|zeit|heure|fecha|hora|stamp|period|hour|interval|\\bmtu\\b|\u65f6\u95f4|\u65e5\u671f",
    re.IGNORECASE,
)
_MOST_WORDS = 4
_MISSING = frozenset(("", "n/a", "na", "nan", "null", "none", "-", "--", "?", "n.a.", "n/e"))
_MOST_HEAD = 20
"""Largest number of lines without a number or a date above the data."""

Record = tuple[int, list[str]]


def find_separator(text: str) -> str:
    r"""Return the character between columns: one that splits the first lines into equally many cells, two or more.

    Examples
    --------
    >>> find_separator("Datum;Last\n08.07.2024;4146,4\n"), find_separator("time,load\n2024-07-08 00:00,4146.4\n")
    (';', ',')
    """
    declared = _DECLARED.match(text)
    if declared:
        return declared[1]
    lines = [line for line in islice((line for line in text.splitlines()), _SAMPLE) if line.strip()]
    lines = [line for line in lines if not line.startswith("#")]
    widths = {mark: _widths(lines, mark) for mark in SEPARATORS}
    for mark, counts in widths.items():
        if counts and min(counts) == max(counts) > 1:
            return mark
    middle = {mark: sorted(counts)[len(counts) // 2] if counts else 0 for mark, counts in widths.items()}
    most = max(middle.values())
    if most <= 1 and lines:
        middle = {mark: counts[0] if counts else 0 for mark, counts in widths.items()}
        most = max(middle.values())
    marks = ("\t", ";", "|", ",") if most > 1 else (",",)  # a comma may be a decimal mark
    return next(mark for mark in marks if middle[mark] == most)


def _widths(lines: list[str], separator: str) -> list[int]:
    """Return the number of cells in each line; an empty list if the lines are not CSV."""
    try:
        return [len(row) for row in csv.reader(lines, delimiter=separator) if any(cell.strip() for cell in row)]
    except csv.Error:
        return []


def data_lines(path: Path, records: list[Record]) -> tuple[list[Record], list[str]]:
    """Return header and data of a report whose lines begin with C, H, D or T; other tables as they are.

    The first H line is the header; a later one follows it if it holds units. A T line whose count differs from the
    number of D lines is noted.

    Parameters
    ----------
    path : Path
        The file, for notes.
    records : list of (int, list of str)
        Line number and cells of each row.

    Returns
    -------
    list of (int, list of str)
        Header and data rows.
    list of str
        Notes.
    """
    kinds = [cells[0].strip() for _, cells in records]
    if not {"H", "D"} <= set(kinds) or not set(kinds) <= set(_KINDS):
        return records, []
    header = records[kinds.index("H")]
    data = [record for kind, record in zip(kinds, records, strict=True) if kind == "D"]
    heads = [record for kind, record in zip(kinds, records, strict=True) if kind == "H"]
    units = [record for record in heads[1:] if _holds_units(record[1][1:])][:1]
    notes = [f"{path}: a report; its {len(data):,} D lines are read, under the header in line {header[0]}"]
    for kind, (line, cells) in zip(kinds, records, strict=True):
        if kind == "T" and len(cells) == 2 and cells[1].strip().isdigit() and int(cells[1]) != len(data):
            notes.append(f"{path}, line {line}: the total counts {cells[1].strip()}; was the file cut or put together?")
    return [(line, cells[1:]) for line, cells in (header, *units, *data)], notes


@dataclass(frozen=True)
class Head:
    """The header of a table and what belongs to it.

    Attributes
    ----------
    line : int
        Its line; of two, the lower one.
    names : list of str
        Names of the columns.
    data : list of (int, list of str)
        The rows below it.
    units : list of str
        Cells of the row of units; empty if there is none.
    above : str
        What stands above the header, as one text.
    notes : list of str
        A note on rows above the header, or on a header of two lines.
    """

    line: int
    names: list[str]
    data: list[Record]
    units: list[str] = field(default_factory=list)
    above: str = ""
    notes: list[str] = field(default_factory=list)


def split_header(path: Path, records: list[Record]) -> Head:
    """Return the header of a table, its data, the unit of each column, and notes.

    The data begin with the first row that has a stamp where most rows have one; in a table without stamps, with the
    first row that has a number. The header is the row above them that names all columns of the data; of several, the
    one that names a time. Without one it is the last two rows above the data, of which the upper one spans columns, or
    the first row. A row of units may follow it.

    Parameters
    ----------
    path : Path
        The file, for notes.
    records : list of (int, list of str)
        Line number and cells of each row, at least one.

    Raises
    ------
    InputError
        The first row holds data, or several rows may be the header.
    """
    n_heads = _begin_of_data(path, records)
    heads, data = records[:n_heads], records[n_heads:]
    if len(heads) < 2:
        return Head(*records[0], records[1:])
    some = [cells for _, cells in data[:_SAMPLE]]
    width = max(len(cells) for cells in some)
    filled = [k for k in range(width) if 2 * sum(_cell(cells, k) != "" for cells in some) > len(some)]
    at = _header_row(path, heads, filled)
    notes: list[str] = []
    if at is None:
        upper, lower = heads[-2][1], heads[-1][1]
        joined = [f"{_over(upper, k) if _cell(lower, k) else _cell(upper, k)} {_cell(lower, k)}" for k in range(width)]
        names = [name.strip() for name in joined]
        if not all(names[k] for k in filled):
            return Head(*records[0], records[1:])
        at, first = n_heads - 1, n_heads - 2
        notes.append(f"{path}: the names in lines {heads[-2][0]} and {heads[-1][0]} are put together")
    else:
        names, first = heads[at][1], at
        if at > 0:
            notes.append(f"{path}: the header is line {heads[at][0]}; what stands above it is left out")
    above = "\n".join(cell for _, cells in heads[:first] for cell in cells)
    below, units = records[at + 1 :], []
    if at + 1 < n_heads and _holds_units(heads[at + 1][1]):
        below, units = below[1:], [cell.strip() for cell in below[0][1]]
    return Head(heads[at][0], names, below, units, above, notes)


def _begin_of_data(path: Path, records: list[Record]) -> int:
    """Return the number of rows above the data; 0 if the table has no rows of data."""
    later = [cells for _, cells in records[min(_MOST_HEAD, len(records) // 2) :][:_SAMPLE]]
    width = max(len(cells) for cells in later)
    timed = [k for k in range(width) if 2 * sum(_is_time(_cell(cells, k)) for cells in later) > len(later)]
    numeric = [k for k in range(width) if 2 * sum(is_number(_cell(cells, k)) for cells in later) > len(later)]
    for k, (line, cells) in enumerate(records[:_MOST_HEAD]):
        if not timed and _holds_data(cells):
            return k
        numbers = all(is_number(cell) or cell.lower() in _MISSING for cell in (_cell(cells, j) for j in numeric))
        if numbers and any(_is_time(_cell(cells, j)) for j in timed):
            if k == 0 and _holds_number(cells):
                raise InputError(f"{path}, line {line}: data, where a header was expected; write one above it")
            return k
    return 0


def _header_row(path: Path, heads: list[Record], filled: list[int]) -> int | None:
    """Return which row above the data is the header; None if none of them names all columns of the data."""
    named = [k for k, (_, cells) in enumerate(heads) if all(_cell(cells, j) for j in filled)]
    named = [k for k in named if k == 0 or any(_cell(heads[k][1], j).lower() not in _MISSING for j in filled)]
    able = [k for k in named if k == 0 or not _holds_units(heads[k][1])]
    if not any(_names_time(heads[k][1]) for k in able):
        able = named  # a column may be named by its unit alone
    for test in (_names_time, lambda cells: not _holds_data(cells)):
        some = [k for k in able if test(heads[k][1])]
        able = some or able
        if len(able) == 1:
            break
    if len(able) > 1:
        first, second = (heads[k][0] for k in able[-2:])
        raise InputError(f"{path}: lines {first} and {second} may both be the header; delete the one that is not")
    return able[0] if able else None


def _cell(cells: list[str], k: int) -> str:
    return cells[k].strip() if k < len(cells) else ""


def _over(cells: list[str], k: int) -> str:
    """Return the name that spans a column: its own, or the nearest to the left."""
    return next((cells[j].strip() for j in range(min(k, len(cells) - 1), -1, -1) if cells[j].strip()), "")


def _is_time(cell: str) -> bool:
    return is_date(cell) or is_stamp(cell)


def _holds_number(cells: list[str]) -> bool:
    return any(is_number(cell) for cell in cells)


def _holds_data(cells: list[str]) -> bool:
    """Return whether a row has a number, a date or a stamp."""
    return _holds_number(cells) or any(_is_time(cell) for cell in cells)


def _names_time(cells: list[str]) -> bool:
    """Return whether a row has a name of a column of stamps."""
    return any(_TIME_NAME.search(cell) and len(cell.split()) <= _MOST_WORDS for cell in cells)


def _holds_units(cells: list[str]) -> bool:
    """Return whether a row has a unit, and no number."""
    return any(is_unit(cell) for cell in cells) and not _holds_data(cells)
