"""Find the separator of the columns of a text file, and the lines that hold data."""

from __future__ import annotations

import csv
import re
from itertools import islice
from pathlib import Path

SEPARATORS = ("\t", ";", ",", "|")
_SAMPLE = 60
_DECLARED = re.compile(r"sep=([\t;,|])[\r\n]", re.IGNORECASE)
_KINDS = ("C", "H", "D", "T")

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

    The first H line is the header, later ones hold units. A T line whose count differs from the number of D lines is
    noted.

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
    notes = [f"{path}: a report; its {len(data):,} D lines are read, under the header in line {header[0]}"]
    for kind, (line, cells) in zip(kinds, records, strict=True):
        if kind == "T" and len(cells) == 2 and cells[1].strip().isdigit() and int(cells[1]) != len(data):
            notes.append(f"{path}, line {line}: the total counts {cells[1].strip()}; was the file cut or put together?")
    return [(line, cells[1:]) for line, cells in (header, *data)], notes
