"""Classes of drivers from a list of cars or of classes in a table: CSV, Excel or JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.readers.faults import Faults
from csmoifsa_energy.readers.table import Table, number, read_table

MOST_CLASSES = 500
"""Largest number of classes that a list may make."""

STAY = ("arrival", "departure")
"""Columns that may stand in place of ``window``: clock times of one car, or stamps, whose time of day counts."""

_TEXTS = ("name", "window")
_CLOCK = re.compile(r"(?:.*[ T])?(\d{1,2}):(\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")


def read_cars(path: Path, keys: Sequence[str], labels: Mapping[str, str], step_minutes: int) -> list[dict[str, str]]:
    """Return the values of each class by key, as the page's table shows them.

    Rows that agree in all but name and number of cars are one class with the sum of their cars.

    Parameters
    ----------
    path : Path
        The file: a row a car or a class. Without a column ``count`` each row is one car.
    keys : sequence of str
        Keys of a class.
    labels : mapping
        Further names of columns, such as the headings of the page's table, and the key that each means.
    step_minutes : int
        Step of the case [min]; stays are shortened to whole steps.

    Raises
    ------
    InputError
        The file cannot be read, a column is unknown or missing, a cell is not of its kind, or there are more than
        `MOST_CLASSES` classes.
    """
    table = read_table(path, "list of cars")
    columns = _columns(table, keys, labels)
    faults = Faults(path)
    found: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for line, row in zip(table.lines, table.rows, strict=True):
        values = {key: row[k].strip() for key, k in columns.items() if row[k].strip()}
        for key, text in values.items():
            if key not in (*_TEXTS, *STAY) and number(text) is None:
                faults.add(
                    f"{text[:40]!r} is not a number; write it with a point",
                    line=line,
                    column=table.columns[columns[key]],
                )
        if (stay := _window(values, step_minutes, faults, line)) is not None:
            values["window"] = stay
        _add(found, values)
    faults.stop()
    if not found:
        raise InputError(f"{path} has no rows; one row a car or a class of cars was expected")
    if len(found) > MOST_CLASSES:
        raise InputError(
            f"{path} makes {len(found):,} classes of cars that differ; at most {MOST_CLASSES} are read: round times, "
            "powers and energies in the file, so that more cars are alike"
        )
    return list(found.values())


def _columns(table: Table, keys: Sequence[str], labels: Mapping[str, str]) -> dict[str, int]:
    """Return the place of each column by its key."""
    known = {name.casefold(): key for name, key in labels.items()} | {key: key for key in (*keys, *STAY)}
    columns: dict[str, int] = {}
    for k, name in enumerate(table.columns):
        key = known.get(name.casefold())
        if key is None:
            raise InputError(
                f"{table.path}: no property of a car is called {name[:60]!r}; columns are "
                f"{', '.join((*keys, *STAY))}.{did_you_mean(name, [*keys, *STAY])}"
            )
        if key in columns:
            raise InputError(f"{table.path}: two columns mean {key}; keep one")
        columns[key] = k
    if "window" not in columns and not set(STAY) <= columns.keys():
        raise InputError(f"{table.path} has no column window, and no columns arrival and departure in its place")
    if "window" in columns and set(STAY) & columns.keys():
        raise InputError(f"{table.path}: window and {' and '.join(STAY)} say the same; keep one of them")
    return columns


def _window(values: dict[str, str], step: int, faults: Faults, line: int) -> str | None:
    """Return the time between arrival and departure in whole steps and take both out; None where there is none."""
    texts = [values.pop(name, None) for name in STAY]
    if texts == [None, None]:
        if "window" not in values:
            faults.add("the time in which the car is plugged in is missing", line=line)
        return None
    minutes = []
    for name, text in zip(STAY, texts, strict=True):
        clock = _CLOCK.fullmatch(text or "")
        if clock is None or int(clock[1]) > 24 or int(clock[2]) > 59:
            faults.add(f"{(text or '')[:40]!r} is not a time of day such as 17:30", line=line, column=name)
            return None
        minutes.append((int(clock[1]) * 60 + int(clock[2])) % 1440)
    begin, stay = minutes[0], (minutes[1] - minutes[0]) % 1440
    first = math.ceil(begin / step) * step
    last = math.floor((begin + stay) / step) * step
    if last <= first:
        faults.add(
            f"the stay from {texts[0]} to {texts[1]} holds no whole step of {step} min; leave the car out", line=line
        )
        return None
    return "-".join(f"{one // 60 % 24:02d}:{one % 60:02d}" for one in (first, last))


def _add(found: dict[tuple[tuple[str, str], ...], dict[str, str]], values: dict[str, str]) -> None:
    """Add a row to the class that it is of."""
    cars = number(values.pop("count", "1")) or 0.0
    name = values.pop("name", "")
    same = tuple(sorted(values.items()))
    before = found.get(same)
    if before is not None:
        cars += float(before["count"])
        name = ""
    found[same] = {"name": name, **values, "count": f"{cars:.12g}"}
