"""Data files of a study: stored under names of the app's own, and mended by settings of the scenario.

An uploaded file is put beside the one that it replaces, so that the change can be undone (`InputFolder.undo`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write
from csmoifsa.text import visible
from csmoifsa.typing import TomlValue
from csmoifsa_app.base_folder import DATA_SUFFIXES, NotThereError
from csmoifsa_app.fields import set_keys
from csmoifsa_app.folder import StudyFolder


@dataclass(frozen=True)
class Source:
    """A kind of data file.

    Attributes
    ----------
    name : str
        Name in addresses and of stored files.
    table : tuple of str
        Table of the scenario whose settings say how the file is read.
    key : str
        Key of that table that names the file.
    suffixes : tuple of str
        Kinds of files that are read.
    """

    name: str
    table: tuple[str, ...]
    key: str
    suffixes: tuple[str, ...]

    @property
    def path(self) -> tuple[str, ...]:
        """Path of the key that names the file."""
        return (*self.table, self.key)


SOURCES = {
    one.name: one
    for one in (
        Source("load", ("load",), "csv", DATA_SUFFIXES),
        Source("tariff", ("tariff",), "file", (".json",)),
        Source("sessions", ("fleet", "sessions"), "file", DATA_SUFFIXES),
        Source("prices", ("grid", "day_ahead"), "csv", DATA_SUFFIXES),
    )
}
"""Kinds of data files by name, in the order of the page."""

INSTEAD = {
    "day": ("first_day", "last_day", "whole_year"),
    "first_day": ("day",),
    "last_day": ("day",),
    "whole_year": ("day",),
    "value_column": ("load_column",),
}
"""Keys of the same table that a setting takes the place of."""

_DAYS = ("day", "first_day", "last_day")


def source_named(name: str) -> Source:
    """Return a kind of data file; raises `NotThereError` if there is none of that name."""
    if name not in SOURCES:
        raise NotThereError(name)
    return SOURCES[name]


def store(folder: StudyFolder, source: Source, name: str, content: bytes) -> None:
    """Put a data file into a study and let its scenario read it, without the settings of the file before.

    Parameters
    ----------
    folder : StudyFolder
        The study.
    source : Source
        What the file holds.
    name : str
        Its name where it comes from; it is kept as a comment and never becomes a path.
    content : bytes
        The file.

    Raises
    ------
    InputError
        Files of this kind are not read, or the scenario cannot be changed; then nothing is.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in source.suffixes:
        what = f"this is {suffix}" if suffix else "the name of the file has no ending"
        raise InputError(f"{what}; files that can be read here are {', '.join(source.suffixes)}")
    before = folder.text
    text = set_keys(before, {source.table: None})
    taken = folder.named(before) | folder.named(folder.previous)
    stored = next(one for k in ("", "-2", "-3") if (one := f"{source.name}{k}{suffix}") not in taken)
    called = visible(name.replace("\\", "/").rpartition("/")[2])[:80]
    text = set_keys(text, {source.path: stored}, {source.path: called})
    with atomic_write(folder.path / stored, "wb") as file:
        file.write(content)
    try:
        folder.change(text)
    except InputError:
        (folder.path / stored).unlink()
        raise
    taken = folder.named(text) | folder.named(before)
    for place in folder.path.glob(f"{source.name}*"):
        if place.name not in taken and place.suffix in source.suffixes:
            place.unlink()


def take_out(folder: StudyFolder, source: Source) -> None:
    """Let a study do without a data file; its case's values hold again."""
    folder.change(set_keys(folder.text, {source.table: None}))


def mend(folder: StudyFolder, values: Sequence[tuple[Sequence[str], str]]) -> None:
    """Set keys that say how a data file is read.

    Parameters
    ----------
    folder : StudyFolder
        The study.
    values : sequence of (path, text)
        Path of each key, and its value as the user chose or entered it.

    Raises
    ------
    InputError
        A key says nothing about a data file, or a value is blank or not of its kind.
    """
    text = folder.text
    for path, entered in values:
        key = ".".join(path)
        own = [one for one in SOURCES.values() if tuple(path[: len(one.table)]) == one.table]
        if not own or len(path) == len(own[0].table) or tuple(path) == own[0].path:
            raise InputError(f"{key} says nothing about how a file is read")
        if not entered.strip():
            raise InputError(f"{key}: enter a value")
        *table, name = path
        text = set_keys(text, {(*table, other): None for other in INSTEAD.get(name, ())})
        text = set_keys(text, {tuple(path): _value(key, name, entered.strip())})
    folder.change(text)


def _value(key: str, name: str, entered: str) -> TomlValue:
    """Return the value of a key of a data file as TOML holds it."""
    if name in _DAYS:
        try:
            return date.fromisoformat(entered)
        except ValueError:
            raise InputError(f"{key} must be a day such as 2014-06-05, not {entered!r}") from None
    return entered == "true" if name == "whole_year" else entered
