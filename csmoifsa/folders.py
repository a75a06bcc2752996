"""Atomic replacement of a folder of results: a command stopped at any time leaves all old files or all new ones.

All files are written in a hidden folder inside the target and moved to their places at the end; an error or Ctrl-C
during the move puts the old ones back. A process killed during the move leaves ``INCOMPLETE.txt``, and the next command
that writes there first puts the old files back. Files that no command wrote are never touched, unless a result file has
their name.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa.files import (
    dead_parts,
    output_folder,
    parse_json,
    part_name,
    read_bytes,
    read_json,
    remove_dead_parts,
    write_json,
)

WRITTEN = ".written.json"
"""Name of the JSON file that lists the files of each command, so that those of an earlier run can be removed."""

MARK = "INCOMPLETE.txt"

PLAN = "plan.json"

_open: set[Path] = set()


@contextmanager
def result_folder(path: str | Path, command: str) -> Iterator[Path]:
    """Yield an empty folder for results; its files move to ``path`` when the block ends without an error.

    If ``path`` is the folder of an outer such block or lies in it, yields ``path`` itself: the outer block moves all.

    Parameters
    ----------
    path : path
        Folder for the results; created if it does not exist.
    command : str
        Name of the command that writes, such as ``"ev price"``; files of its last run that this one lacks are removed.

    Raises
    ------
    InputError
        The folder cannot be written to, or it holds a folder with the name of one of the files.
    """
    path = Path(path)
    if any(place in _open for place in (path, *path.parents)):
        yield output_folder(path)
        return
    missing = [place for place in (path, *path.parents) if not place.exists()]
    output_folder(path)
    hold = path / part_name(command.replace(" ", "-"))
    new = hold / "new"
    try:
        recover(path)
        output_folder(new)
        _open.add(new)
        try:
            yield new
        finally:
            _open.discard(new)
        with _undisturbed(), _told(path):
            _move(hold, path, command)
    finally:
        if not (hold / PLAN).exists():  # the plan exists only if the old files could not be put back
            shutil.rmtree(hold, ignore_errors=True)
        for place in missing:
            with suppress(OSError):  # a folder created here goes if it is empty
                place.rmdir()


def recover(path: Path) -> None:
    """Put back the old files if a process was killed during a move, and remove temporary files of ended processes."""
    remove_dead_parts(path)
    for hold in dead_parts(path):
        if not hold.is_dir() or hold.is_symlink():
            continue
        with _undisturbed(), _told(path):
            if (hold / PLAN).exists():
                plan = read_json(hold / PLAN, "list of files")
                _put_back(hold, path, _inside(path, plan["made"]), _inside(path, plan["stale"]))
            _unmark(path)
        shutil.rmtree(hold, ignore_errors=True)


def _move(hold: Path, path: Path, command: str) -> None:
    """Exchange the old files for the new ones, all or none."""
    new, old = hold / "new", hold / "old"
    made = sorted(file.relative_to(new).as_posix() for file in new.rglob("*") if not file.is_dir())
    owned = _owned(path)
    stale = [name for name in owned.get(command, []) if name not in made and (path / name).is_file()]
    others = {other: [name for name in names if name not in made] for other, names in owned.items()}
    write_json(new / WRITTEN, {"written": {**{k: v for k, v in others.items() if v}, command: made}})
    made.append(WRITTEN)
    for name in made:
        if (path / name).is_dir():
            raise InputError(
                f"{path / name} is a folder, and a file of that name is to be written; choose another --out"
            )
    try:
        write_json(hold / PLAN, {"made": made, "stale": stale})
        (path / MARK).write_text(
            "A command was stopped while it exchanged the files of this folder: old and new ones stand side by side.\n"
            f"Run it again. The old files that it had taken away are in {hold.name}/old.\n",
            encoding="utf-8",
        )
        for name in [*stale, *made]:
            output_folder((path / name).parent)
            output_folder((old / name).parent)
        for name in [*stale, *made]:
            if os.path.lexists(path / name):
                os.replace(path / name, old / name)
            if name in made:
                os.replace(new / name, path / name)
        (hold / PLAN).unlink()  # from here on the new files are the valid ones
    except BaseException:
        _put_back(hold, path, made, stale)
        _unmark(path)
        raise
    _unmark(path)
    _remove_empty(path, stale)


def _put_back(hold: Path, path: Path, made: list[str], stale: list[str]) -> None:
    """Undo a move, complete or partial; may be called again if it was interrupted."""
    for name in [*made, *stale]:
        new, old, place = hold / "new" / name, hold / "old" / name, path / name
        if name in made and os.path.lexists(place) and not os.path.lexists(new):
            os.replace(place, new)
        if os.path.lexists(old):
            os.replace(old, place)
    _remove_empty(path, made)
    (hold / PLAN).unlink(missing_ok=True)


def _unmark(path: Path) -> None:
    """Remove ``INCOMPLETE.txt``, with a second try after an error or Ctrl-C: it must not stay in a complete folder."""
    with suppress(OSError, KeyboardInterrupt):
        (path / MARK).unlink(missing_ok=True)
    (path / MARK).unlink(missing_ok=True)


def _remove_empty(path: Path, names: list[str]) -> None:
    for parent in sorted({(path / name).parent for name in names} - {path}, reverse=True):
        with suppress(OSError):
            parent.rmdir()


def _owned(path: Path) -> dict[str, list[str]]:
    """Return command -> names of the files it wrote here; empty if the list is missing or malformed."""
    if not (path / WRITTEN).exists():
        return {}
    raw = read_bytes(path / WRITTEN, "list of files")
    try:
        written = parse_json(raw.decode(errors="replace"), WRITTEN)["written"]
        return {command: _inside(path, names) for command, names in written.items()}
    except (InputError, KeyError, TypeError, AttributeError):
        return {}


def _inside(path: Path, names: list[str]) -> list[str]:
    """Return the names that lie inside the folder, so that a forged list moves nothing outside it."""
    root = path.resolve()
    return [name for name in names if (root / name).parent.resolve().is_relative_to(root) and Path(name).name]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror or error}; choose another --out") from error


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay Ctrl-C until the files are moved (milliseconds)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        if waiting:
            signal.raise_signal(signal.SIGINT)
