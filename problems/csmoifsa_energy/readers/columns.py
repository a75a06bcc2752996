"""Find the columns of time, value and place in a table; refuse a table in which several fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.readers.faults import MendableError, Remedy, Setting, choose
from csmoifsa_energy.readers.numbers import style_of
from csmoifsa_energy.readers.stamps import is_clock, is_date, is_stamp
from csmoifsa_energy.readers.table import Table

TIMES = ("timestamp", "time", "datetime", "datetime_beginning", "date_time")
VALUES = ("load_mw", "price", "lmp", "price_per_mwh")
PLACES = (
    *("pnode_name", "node", "node name", "pnode", "hub", "load_area", "name", "location name", "location", "region"),
    *("settlement point", "settlement point name", "settlementpointname", "bidding zone", "zone", "area"),
    *("balancing authority",),
)
MOST_OFFERED = 60
"""Largest number of columns or places that a remedy lists."""

_HOUR = re.compile(r"(?:0?\d|1\d|2[0-4])X?", re.ASCII)
_HOUR_NAME = re.compile(r"hour|\bhr\b|\bhe\b|hora|heure|stunde|uhr|time|zeit", re.IGNORECASE)
_PRICE_NAME = re.compile(r"price|lmp|lbmp|rrp|mcp|preis|prix|precio|spot", re.IGNORECASE)
_LOAD_NAME = re.compile(r"load|demand|\blast\b|_?mw\b|consum|verbrauch", re.IGNORECASE)
_NUMBER_NAME = re.compile(r"(?:\b|_)(?:pt|pnode)?id\b|version", re.IGNORECASE)


def _sample(table: Table, column: str) -> list[str]:
    """Return about 40 cells, evenly spaced over a column, without blank ones."""
    texts = table.texts(column)
    step = max(1, len(texts) // 40)
    return [text.strip() for text in texts[::step] if text.strip()]


def _mostly(table: Table, column: str, test: Callable[[str], object]) -> bool:
    texts = _sample(table, column)
    return bool(texts) and 2 * sum(bool(test(text)) for text in texts) > len(texts)


def time_columns(table: Table, stated: str | None, clock: str | None, key: str) -> tuple[str, str | None]:
    """Return the column of stamps and None, or the column of dates and that of times of day or hour numbers.

    Parameters
    ----------
    table : Table
        The file.
    stated, clock : str, optional
        Names of the two columns, if settings state them.
    key : str
        The part of the scenario that names the file, for messages.

    Raises
    ------
    InputError
        There is no such column, or several fit and no setting names one.
    """
    if stated is not None:
        table.at(stated, f"{key}.time_column")
    if clock is not None:
        table.at(clock, f"{key}.clock_column")
    time = stated or _one_of(
        table, [c for c in table.columns if _mostly(table, c, is_stamp)], TIMES, (key, "time_column")
    )
    if time is None and clock is None:
        time = _named(table.columns, TIMES[:1]) if not table.rows else None
    dates = [stated] if stated else [c for c in table.columns if _mostly(table, c, is_date)]
    if time is not None and (time not in dates or not _mostly(table, time, is_date)):
        return time, clock
    date = _one_of(table, [c for c in dates if c], (), (key, "time_column"))
    if date is None:
        named = _named(table.columns, TIMES)
        if named is not None:
            return named, clock
        raise MendableError(
            f"{table.path} has no column of time stamps such as 2014-06-05 14:00; name it with {key}.time_column; "
            f"it has {', '.join(table.columns)}",
            choose(key, "time_column", *table.columns[:MOST_OFFERED]),
        )
    if clock is None:
        found = [c for c in table.columns if c != date and _is_clock_column(table, c)]
        clock = _one_of(table, found, (), (key, "clock_column"))
    if clock is None:
        raise MendableError(
            f"{table.path}: column {date!r} holds dates without a time of day; name the column of hours with "
            f"{key}.clock_column",
            choose(key, "clock_column", *[c for c in table.columns if c != date][:MOST_OFFERED]),
        )
    return date, clock


def _is_clock_column(table: Table, column: str) -> bool:
    if _mostly(table, column, lambda text: is_clock(text) or (" - " in text and is_clock(text.split(" - ")[0]))):
        return True
    return bool(_HOUR_NAME.search(column)) and all(_HOUR.fullmatch(text) for text in _sample(table, column))


def _named(columns: list[str], names: tuple[str, ...]) -> str | None:
    """Return the column with the first of the usual names that occurs, ignoring case."""
    by_name = {column.lower(): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _one_of(table: Table, found: list[str], usual: tuple[str, ...], setting: tuple[str, str]) -> str | None:
    """Return the only column found, or among several the one with a usual name; ``setting``: table and key."""
    if len(found) <= 1:
        return found[0] if found else None
    named = _named(found, usual)
    if named is not None:
        return named
    raise MendableError(
        f"{table.path}: the columns {', '.join(map(repr, found))} all fit; name one with {'.'.join(setting)}",
        choose(*setting, *found[:MOST_OFFERED]),
    )


def stamp_texts(table: Table, time: str, clock: str | None) -> list[str]:
    """Return the cells of stamps; dates and times of day of two columns are joined, hour 7 as ``"7:00"``."""
    if clock is None:
        return table.texts(time)
    dates, clocks = table.texts(time), [text.strip() for text in table.texts(clock)]
    if any(":" in text for text in clocks):
        return [f"{date.strip()} {text}" for date, text in zip(dates, clocks, strict=True)]
    hours = [f"{text.rstrip('X')}:00" if _HOUR.fullmatch(text) else text for text in clocks]
    return [f"{date.strip()} {text}" for date, text in zip(dates, hours, strict=True)]


def counts_hours_from(table: Table, clock: str | None) -> int | None:
    """Return 0 if a column numbers hours from 0 to 23, 1 if from 1 to 24, None if neither is certain."""
    if clock is None:
        return None
    numbers = {int(text) for cell in table.texts(clock) if (text := cell.strip().rstrip("X")).isdecimal()}
    return 0 if 0 in numbers and 24 not in numbers else 1 if 24 in numbers and 0 not in numbers else None


def value_column(table: Table, stated: str | None, taken: set[str | None], prices: bool, key: str) -> str:
    """Return the column of values.

    Parameters
    ----------
    table : Table
        The file.
    stated : str, optional
        Name of the column, if a setting states it.
    taken : set of str
        Columns of time and place.
    prices : bool
        Whether the values are prices; else they are load.
    key : str
        The part of the scenario that names the file, for messages.

    Raises
    ------
    InputError
        No column holds numbers, or several do and their names do not tell load and price from other quantities.
    """
    if stated is not None:
        table.at(stated, f"{key}.value_column")
        return stated
    free = [c for c in table.columns if c not in taken]
    if named := _named(free, VALUES[1:] if prices else VALUES[:1]):
        return named
    numeric = [c for c in free if _mostly(table, c, lambda text: _is_number(text, table.separator))]
    numeric = [c for c in numeric if not _NUMBER_NAME.search(c)] or numeric
    if numeric == [""]:
        raise InputError(f"{table.path}: the header gives the column of numbers no name; write one into it")
    if len(numeric) == 1:
        return numeric[0]
    hinted = [c for c in numeric if (_PRICE_NAME if prices else _LOAD_NAME).search(c)]
    if len(hinted) == 1:
        return hinted[0]
    some = hinted or numeric or free
    what = "several columns of numbers" if len(numeric) > 1 else "no column of numbers"
    raise MendableError(
        f"{table.path} holds {what}: {', '.join(map(repr, some[:12]))}; name the one to read with {key}.value_column",
        choose(key, "value_column", *some[:MOST_OFFERED]),
    )


def _is_number(text: str, separator: str) -> bool:
    return any(style_of([text], separator, mark).read(text) is not None for mark in ("point", "comma"))


def select_place(
    table: Table, only: dict[str, str], node: str | None, times: Callable[[Table], list[str]], key: str
) -> tuple[Table, str | None, str | None]:
    """Return the rows of one place, its column (or the column that holds its values), and its name.

    Parameters
    ----------
    table : Table
        The file.
    only : dict
        Value that rows must have, by column: ``{"load_area": "CE"}``.
    node : str, optional
        Name of the place, in any column of places; or name of the column that holds its values.
    times : callable
        Returns the cells of stamps of a table.
    key : str
        The part of the scenario that names the file, for messages.

    Raises
    ------
    InputError
        There are no such rows, or the file mixes places and none is chosen.
    """
    for column, wanted in only.items():
        table = _rows_with(table, column, wanted, key)
    places = [c for name in PLACES for c in table.columns if c.lower() == name]
    if node is not None:
        for column in places:
            there = {text.strip().lower() for text in table.texts(column)}
            if node.strip().lower() in there:
                chosen = _rows_with(table, column, node, key)
                return chosen, column, chosen.rows[0][chosen.at(column)].strip()
        wide = next((c for c in table.columns if c.lower() == node.strip().lower()), None)
        if wide is not None:
            return table, wide, wide
        known = sorted({text.strip() for column in places[:1] for text in table.texts(column)}) or table.columns
        raise MendableError(
            f"{table.path} has no node {node!r} ({key}.node); it has {', '.join(known[:12])}."
            + did_you_mean(node, known),
            choose(key, "node", *known[:MOST_OFFERED]),
        )
    for column in places:
        if column not in only:
            _refuse_several(table, column, key)
    stamps = times(table)
    if len(stamps) >= 2 * len(set(stamps)) > 0 and (column := _divider(table, stamps)) is not None:
        _refuse_several(table, column, key)
    name = next((table.rows[0][table.at(c)].strip() for c in places if table.rows), "")
    return table, None, name or None


def _divider(table: Table, stamps: list[str]) -> str | None:
    """Return the first column of few different cells in which rows of equal stamp differ."""
    for column in table.columns:
        texts = table.texts(column)
        if 1 < len(set(texts)) <= 2 * len(texts) // len(set(stamps)) and len(
            set(zip(stamps, texts, strict=True))
        ) == len(texts):
            return column
    return None


def _refuse_several(table: Table, column: str, key: str) -> None:
    there = sorted({text.strip() for text in table.texts(column)})
    if len(there) > 1:
        raise MendableError(
            f"{table.path} holds {len(there)} of {column}: {', '.join(there[:12])}; choose one with "
            f"{key}.only = {{ {column} = {there[0]!r} }} (--only {column}=NAME, or --node NAME)",
            _choose_rows(key, column, there),
        )


def _choose_rows(key: str, column: str, there: list[str]) -> Remedy:
    """Return the remedy that keeps the rows with one of the cells that a column has."""
    return Remedy((Setting((*key.split("."), "only", column), tuple(there[:MOST_OFFERED])),))


def _rows_with(table: Table, column: str, wanted: str, key: str) -> Table:
    at = table.at(column, f"{key}.only")
    keep = [k for k, row in enumerate(table.rows) if row[at].strip() == wanted.strip()]
    if not keep:
        keep = [k for k, row in enumerate(table.rows) if row[at].strip().lower() == wanted.strip().lower()]
    if not keep:
        there = sorted({row[at].strip() for row in table.rows})
        raise MendableError(
            f"{table.path}: no row has {column} = {wanted!r} ({key}.only); there are {', '.join(there[:8])}."
            + did_you_mean(wanted, there),
            _choose_rows(key, column, there),
        )
    return replace(table, lines=[table.lines[k] for k in keep], rows=[table.rows[k] for k in keep])
