"""Output of every command: one JSON object on stdout, or text for people on stdout and stderr, never mixed."""

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
    """A console that prints texts literally: no markup unless requested, no emoji codes, no terminal commands."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, stderr=stderr)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text, "\n\t"), **options)

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except OSError as error:
            if self.stderr:
                return  # no stream is left for the message
            raise _cannot_write(error) from error

    def on_broken_pipe(self) -> None:
        raise _cannot_write(BrokenPipeError("nobody reads it any more"))


def stdout() -> Console:
    """Return a console for tables on stdout, new at each call because ``sys.stdout`` may be redirected.

    It interprets no markup unless ``markup=True``: titles and names from a user's file may hold brackets.
    """
    return _PlainConsole()


def stderr() -> Console:
    """Return a console on stderr for notes, warnings and errors; it interprets no markup unless ``markup=True``."""
    return _PlainConsole(stderr=True)


def print_json(value: object) -> None:
    """Print a value as JSON on one line of stdout; raises `InputError` if that cannot be written."""
    ascii_only = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-") not in ("utf-8", "utf8")
    text = json_text(value, ascii_only=ascii_only) + "\n"
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise _cannot_write(error) from error


def prepare_output() -> None:
    """Make stdout and stderr print characters that their encoding lacks as backslash escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def finish_output() -> None:
    """Flush stdout.

    Raises
    ------
    InputError
        The output is on a full disk or a closed pipe.
    """
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except OSError as error:
        raise _cannot_write(error) from error


def _cannot_write(error: OSError) -> InputError:
    """Return an `InputError` for a failed write, with stdout now the null device so that nothing fails at exit."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return InputError(f"cannot write to the standard output: {error.strerror or error}")


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr if that is a terminal, else nothing; yields ``update(done)``.

    Parameters
    ----------
    description : str
        Text before the bar; may hold names from a user's file.
    total : int
        The value of ``done`` at which the bar is full.
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
