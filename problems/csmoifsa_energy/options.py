"""Command-line options for the settings of `FileSeries`: how a file of load or prices is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import get_type_hints

import typer

from csmoifsa.errors import InputError

_TEXTS = {
    "sheet": ("NAME", "The sheet of an Excel file that has several."),
    "time_column": ("NAME", "The column of time stamps, or of dates."),
    "clock_column": ("NAME", "The column of the time of day, where dates have their own column."),
    "value_column": ("NAME", "The column of values."),
    "stamp": ("beginning|ending", "What a stamp marks of its step."),
    "stamp_zone": ("ZONE", "The zone of the stamps, such as UTC; local: that of --time-zone."),
    "time_zone": (
        "ZONE",
        "The zone whose local days are read, such as Europe/Paris; local: a clock that never changes.",
    ),
    "date_order": ("day-first|month-first", "How dates such as 03/04/2024 are read, where no date shows it."),
    "decimal": ("point|comma", "The decimal mark, where no number shows it."),
    "unit": (
        "UNIT",
        "The unit of the values, such as kW, MWh or ct/kWh, where the name of the column does not say it.",
    ),
    "fill": ("error|interpolate", "interpolate: fill missing values from their neighbours, and say which."),
}
_ONLY = typer.Option([], "--only", metavar="COLUMN=VALUE", help="Read only rows with this value; may be repeated.")


LOAD_OPTIONS = {
    "load": ("FILE", "The load, CSV, Excel or JSON, in place of the scenario's; a relative path starts here."),
    "day": ("DATE", "The day to price, such as 2014-06-05; for several days use --first-day and --last-day."),
    "first_day": ("DATE", "The first of several days to price."),
    "last_day": ("DATE", "The last of several days to price."),
    "node": ("NAME", "The node or zone to read, where the load file holds several."),
}
"""Metavar and help of the options that only commands reading a load have, by setting."""


def reads_load(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a load file to a command.

    The command receives the options used as the dict ``series``; ``--load FILE`` becomes its entry ``csv``.
    """
    return reads_series(command, LOAD_OPTIONS)


def reads_series(
    command: Callable[..., None], more: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> Callable[..., None]:
    """Add the options of `FileSeries` to a command, which receives those used as the dict ``series``.

    Parameters
    ----------
    command : callable
        A command with a parameter ``series``.
    more : mapping
        Further options with one value each: (metavar, help) by setting.
    """
    texts = {**more, **_TEXTS}
    hints = get_type_hints(command)
    parameters = [one for name, one in inspect.signature(command).parameters.items() if name != "series"]
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=str | None,
            default=typer.Option(None, "--" + name.replace("_", "-"), metavar=metavar, help=text),
        )
        for name, (metavar, text) in texts.items()
    ]
    added.append(inspect.Parameter("only", inspect.Parameter.KEYWORD_ONLY, annotation=list[str], default=_ONLY))
    whole = [
        *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[one.name]) for one in parameters),
        *added,
    ]

    def run(*, only: list[str], **values: object) -> None:
        used = {name: values.pop(name) for name in texts}
        series: dict[str, object] = {
            "csv" if name == "load" else name: value for name, value in used.items() if value is not None
        }
        if pairs := _pairs(only):
            series["only"] = pairs
        command(**values, series=series)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(whole)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in whole}
    return run


def _pairs(texts: list[str]) -> dict[str, str]:
    """Return {column: value} of texts of the form ``COLUMN=VALUE``."""
    pairs = {}
    for text in texts:
        column, mark, value = text.partition("=")
        if not mark:
            raise InputError(f"--only must be COLUMN=VALUE, such as pnode_name='WESTERN HUB', not {text!r}")
        pairs[column] = value
    return pairs
