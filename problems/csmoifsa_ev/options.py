"""Options that say how a file of load or prices is read: the settings of `FileSeries`, for every command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import typer

from csmoifsa.errors import InputError

_TEXTS = {
    "sheet": ("NAME", "The sheet of an Excel file that has several."),
    "time_column": ("NAME", "The column of time stamps, or of dates."),
    "clock_column": ("NAME", "The column of the time of day, where dates have their own column."),
    "value_column": ("NAME", "The column of values."),
    "stamp": ("beginning|ending", "What a stamp marks of its step."),
    "stamp_zone": ("ZONE", "The zone of the stamps, such as UTC; local: that of --time-zone."),
    "time_zone": ("ZONE", "The zone whose days are wanted, such as Europe/Paris; local: a clock that never changes."),
    "date_order": ("day-first|month-first", "How dates such as 03/04/2024 are read, where no date shows it."),
    "decimal": ("point|comma", "The decimal mark, where no number shows it."),
    "fill": ("error|interpolate", "interpolate: fill missing values from their neighbours, and say which."),
}
_ONLY = typer.Option([], "--only", metavar="COLUMN=VALUE", help="Rows wanted; may be repeated.")


def reads_series(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a file's form; it gets those that were used as ``series``, by setting.

    Parameters
    ----------
    command : callable
        A command with a parameter ``series``.
    """
    hints = get_type_hints(command)
    parameters = [one for name, one in inspect.signature(command).parameters.items() if name != "series"]
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=str | None,
            default=typer.Option(None, "--" + name.replace("_", "-"), metavar=metavar, help=text),
        )
        for name, (metavar, text) in _TEXTS.items()
    ]
    added.append(inspect.Parameter("only", inspect.Parameter.KEYWORD_ONLY, annotation=list[str], default=_ONLY))
    whole = [
        *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[one.name]) for one in parameters),
        *added,
    ]

    def run(**values: Any) -> None:
        used = {name: values.pop(name) for name in _TEXTS}
        series = {name: value for name, value in used.items() if value is not None}
        if only := _pairs(values.pop("only")):
            series["only"] = only
        command(**values, series=series)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(whole)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in whole}
    return run


def _pairs(texts: list[str]) -> dict[str, str]:
    """Return columns and values of ``COLUMN=VALUE``."""
    pairs = {}
    for text in texts:
        column, mark, value = text.partition("=")
        if not mark:
            raise InputError(f"--only must be COLUMN=VALUE, such as pnode_name='WESTERN HUB', not {text!r}")
        pairs[column] = value
    return pairs
