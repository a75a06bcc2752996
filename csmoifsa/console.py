"""What every command shares: JSON on stdout, people's text and progress on stderr or stdout, never mixed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

JSON_OPTION = typer.Option(False, "--json", help="Print one JSON object on stdout and nothing else there.")


def stdout() -> Console:
    """Return a console for people's tables, made anew so that redirected output is honoured.

    It reads no markup unless told to: titles and names from a user's file may hold brackets.
    """
    return Console(highlight=False, markup=False)


def stderr() -> Console:
    """Return a console for notes, warnings and errors."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print the one machine-readable object of a command."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr when it is a terminal; yields ``update(done)``, silent otherwise.

    Parameters
    ----------
    description : str
        What is being done.
    total : int
        The number of units that ``update`` counts towards.
    """
    console = stderr()
    if not console.is_terminal:
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=min(done, total))
