"""A folder of results that is wholly old or wholly new, whenever the command that writes it is stopped.

All files are made in a hidden folder inside the target and moved to their places at the end; an error or Ctrl-C while
they are moved puts the old ones back. A process killed in that moment leaves ``INCOMPLETE.txt``, and the next command
that writes there first puts the old files back. Files that no command wrote are never touched, unless one of ours has
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
"""Which command wrote which files of a folder, so that those of an earlier run do not stay beside new ones."""

MARK = "INCOMPLETE.txt"

PLAN = "plan.json"

_open: set[Path] = set()


@contextmanager
def result_folder(path: str | Path, command: str) -> Iterator[Path]:
    """Give an empty folder to write results into; they take their places under ``path`` when the block ends well.

    Within another such block, its folder is given as it is: the outer block moves everything.

    Parameters
    ----------
    path : path
        Where results go; created if need be.
    command : str
        Who writes, such as ``"ev price"``: files of its last run that this one lacks are removed.

    Raises
    ------
    InputError
        The folder cannot be written to, or a folder of the user's has the name of one of the files.
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
        if not (hold / PLAN).exists():  # it stays only where the old files could not be put back
            shutil.rmtree(hold, ignore_errors=True)
        for place in missing:
            with suppress(OSError):  # what was made for nothing goes; a folder with something in it stays
                place.rmdir()


def recover(path: Path) -> None:
    """Put back the old files where a process was killed while it moved new ones, and remove what dead ones left."""
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
        (hold / PLAN).unlink()  # from here on the new files hold
    except BaseException:
        _put_back(hold, path, made, stale)
        _unmark(path)
        raise
    _unmark(path)
    _remove_empty(path, stale)


def _put_back(hold: Path, path: Path, made: list[str], stale: list[str]) -> None:
    """Undo a move, however far it came; stopped in the middle, it can be called again."""
    for name in [*made, *stale]:
        new, old, place = hold / "new" / name, hold / "old" / name, path / name
        if name in made and os.path.lexists(place) and not os.path.lexists(new):
            os.replace(place, new)
        if os.path.lexists(old):
            os.replace(old, place)
    _remove_empty(path, made)
    (hold / PLAN).unlink(missing_ok=True)


def _unmark(path: Path) -> None:
    """Remove the mark; tried twice, for one that stays would be untrue."""
    with suppress(OSError, KeyboardInterrupt):
        (path / MARK).unlink(missing_ok=True)
    (path / MARK).unlink(missing_ok=True)


def _remove_empty(path: Path, names: list[str]) -> None:
    for parent in sorted({(path / name).parent for name in names} - {path}, reverse=True):
        with suppress(OSError):
            parent.rmdir()


def _owned(path: Path) -> dict[str, list[str]]:
    """Return the files that commands wrote here, by command; nothing if the list is missing or was changed."""
    if not (path / WRITTEN).exists():
        return {}
    raw = read_bytes(path / WRITTEN, "list of files")
    try:
        written = parse_json(raw.decode(errors="replace"), WRITTEN)["written"]
        return {command: _inside(path, names) for command, names in written.items()}
    except (InputError, KeyError, TypeError, AttributeError):
        return {}


def _inside(path: Path, names: list[str]) -> list[str]:
    """Return those names that stay in the folder; a list from somebody else moves nothing outside it."""
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
    """Hold Ctrl-C back while files are moved, which takes milliseconds."""
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
