"""What every command shares: JSON on stdout, people's text and progress on stderr or stdout, never mixed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from csmoifsa.errors import InputError
from csmoifsa.text import json_text, visible

JSON_OPTION = typer.Option(False, "--json", help="Print one JSON object on stdout and nothing else there.")


class _PlainConsole(Console):
    """A console on which texts are texts: no markup unless asked for, no emoji codes, no commands to the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text, "\n\t"), **options)

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except OSError as error:
            if self.stderr:
                return  # nowhere is left to say it
            raise _cannot_write(error) from error

    def on_broken_pipe(self) -> None:
        raise _cannot_write(BrokenPipeError("nobody reads it any more"))


def stdout() -> Console:
    """Return a console for people's tables, made anew so that redirected output is honoured.

    It reads no markup unless told to: titles and names from a user's file may hold brackets.
    """
    return _PlainConsole()


def stderr() -> Console:
    """Return a console for notes, warnings and errors, which reads no markup either."""
    return _PlainConsole(stderr=True)


def print_json(value: Any) -> None:
    """Print the one machine-readable object of a command."""
    ascii_only = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-") not in ("utf-8", "utf8")
    text = json_text(value, ascii_only=ascii_only) + "\n"
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise _cannot_write(error) from error


def prepare_output() -> None:
    """Write out the characters that the encoding of the output lacks, by number, instead of failing at them."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def finish_output() -> None:
    """Write what is still held back.

    Raises
    ------
    InputError
        The output is full or closed.
    """
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except OSError as error:
        raise _cannot_write(error) from error


def _cannot_write(error: OSError) -> InputError:
    """Return the sentence, and let what is left go nowhere, so that the end of the program is quiet."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return InputError(f"cannot write to the standard output: {error.strerror or error}")


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr when it is a terminal; yields ``update(done)``, silent otherwise.

    Parameters
    ----------
    description : str
        What is being done; may hold names from a user's file.
    total : int
        The number of units that ``update`` counts towards.
    """
    console = stderr()
    if not console.is_terminal:
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    named = TextColumn("{task.description}", markup=False)
    with Progress(
        named, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task(visible(description), total=total)
        yield lambda done: bar.update(task, completed=min(done, total))
