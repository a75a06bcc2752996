"""Find the separator of the columns of a text file, its header, and the lines that hold data."""

from __future__ import annotations

import csv
import re
from itertools import islice
from pathlib import Path

from csmoifsa_energy.readers.numbers import NumberStyle
from csmoifsa_energy.readers.stamps import is_date, is_stamp
from csmoifsa_energy.readers.units import is_unit

SEPARATORS = ("\t", ";", ",", "|")
_SAMPLE = 60
_DECLARED = re.compile(r"sep=([\t;,|])[\r\n]", re.IGNORECASE)
_KINDS = ("C", "H", "D", "T")
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
    return next(mark for mark in (",", *SEPARATORS) if middle[mark] == most)


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


def split_header(path: Path, records: list[Record]) -> tuple[Record, list[Record], list[str], list[str]]:
    """Return the header of a table, its data, the unit of each column, and notes.

    The header is the first row, unless it leaves columns of the data without a name: then it is the last row above the
    data that names all of them, or the last two, of which the upper one spans columns. A row of units may follow it.

    Parameters
    ----------
    path : Path
        The file, for notes.
    records : list of (int, list of str)
        Line number and cells of each row, at least one.

    Returns
    -------
    (int, list of str)
        Line number and names of the header.
    list of (int, list of str)
        The rows below it.
    list of str
        Cells of the row of units; empty if there is none.
    list of str
        A note on rows above the header.
    """
    n_heads = next((k for k, (_, cells) in enumerate(records[:_MOST_HEAD]) if _holds_data(cells)), 0)
    heads, data, notes = records[:n_heads], records[n_heads:], []
    if len(heads) < 2:
        return records[0], records[1:], [], []
    some = [cells for _, cells in data[:_SAMPLE]]
    width = max(len(cells) for cells in some)
    filled = [k for k in range(width) if 2 * sum(_cell(cells, k) != "" for cells in some) > len(some)]
    named = [all(_cell(cells, k) for k in filled) for _, cells in heads]
    at = 0 if named[0] else next((k for k in reversed(range(n_heads)) if named[k]), -1)
    header = heads[max(at, 0)]
    if at < 0:
        upper, lower = heads[-2][1], heads[-1][1]
        joined = [f"{_over(upper, k) if _cell(lower, k) else _cell(upper, k)} {_cell(lower, k)}" for k in range(width)]
        names = [name.strip() for name in joined]
        if not all(names[k] for k in filled):
            return records[0], records[1:], [], []
        at, header = n_heads - 1, (heads[-1][0], names)
        notes.append(f"{path}: the names in lines {heads[-2][0]} and {heads[-1][0]} are put together")
    elif at > 0:
        notes.append(f"{path}: the header is line {header[0]}; what stands above it is left out")
    below = records[at + 1 :]
    if at + 1 < n_heads and _holds_units(heads[at + 1][1]):
        return header, below[1:], [cell.strip() for cell in below[0][1]], notes
    return header, below, [], notes


def _cell(cells: list[str], k: int) -> str:
    return cells[k].strip() if k < len(cells) else ""


def _over(cells: list[str], k: int) -> str:
    """Return the name that spans a column: its own, or the nearest to the left."""
    return next((cells[j].strip() for j in range(min(k, len(cells) - 1), -1, -1) if cells[j].strip()), "")


def _holds_data(cells: list[str]) -> bool:
    """Return whether a row has a number, a date or a stamp."""
    return any(
        NumberStyle().read(cell) is not None
        or NumberStyle("comma").read(cell) is not None
        or is_date(cell)
        or is_stamp(cell)
        for cell in cells
    )


def _holds_units(cells: list[str]) -> bool:
    """Return whether a row has a unit, and no number."""
    return any(is_unit(cell) for cell in cells) and not _holds_data(cells)
