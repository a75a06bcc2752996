"""Tables in JSON files as rows of text: a list of objects with the same keys, or equally long lists side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa.files import MOST_BYTES, read_json
from csmoifsa_energy.readers.numbers import typed

Record = tuple[int, list[str]]


def read_records(path: Path, what: str = "file") -> tuple[list[Record], list[str]]:
    """Return header and rows of the only table of a JSON file with their numbers, the header's 0, and notes.

    The table is a list of objects, one a row, such as ``response.data`` of the EIA's interface; or an object of equally
    long lists, one a column. It may stand at the top of the file or within other objects. Numbers become text with a
    point, null becomes a blank cell.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What the file is called in messages.

    Raises
    ------
    InputError
        The file is no JSON, or it holds no table or several.
    """
    found = list(_tables(read_json(path, what, MOST_BYTES), ""))
    if len(found) != 1:
        named = f"holds several tables ({', '.join(place or 'the top' for place, _ in found[:4])}); keep one of them"
        none = "holds no table; a list of objects, or equally long lists, one a column, was expected"
        raise InputError(f"the {what} {path} {named if found else none}")
    ((_, rows),) = found
    names = list(dict.fromkeys(name for row in rows for name in row))
    nested = [name for name in names if any(isinstance(row.get(name), dict | list) for row in rows)]
    flat = [name for name in names if name not in nested]
    if not flat:
        raise InputError(f"the {what} {path}: the objects of its table hold nothing but objects and lists")
    notes = [f"{path}: left out {', '.join(nested)}, which hold objects or lists"] if nested else []
    return [(0, flat), *((k, [_text(row.get(name)) for name in flat]) for k, row in enumerate(rows, 1))], notes


def _tables(value: object, place: str) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield the place and the rows of each table; what stands in a row is no table of its own."""
    if isinstance(value, list):
        rows = [one for one in value if isinstance(one, dict)]
        if rows and len(rows) == len(value):
            yield place, rows
    elif isinstance(value, dict):
        columns = {name: one for name, one in value.items() if isinstance(one, list) and _is_column(one)}
        if len(columns) > 1 and len({len(one) for one in columns.values()}) == 1:
            yield place, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            return
        for name, one in value.items():
            yield from _tables(one, f"{place}.{name}" if place else name)


def _is_column(values: list[object]) -> bool:
    return len(values) > 1 and not any(isinstance(one, dict | list) for one in values)


def _text(value: object) -> str:
    if isinstance(value, float):
        return typed(value)
    return "" if value is None else str(value)
