"""What studies of every kind have in common: a folder with one input file (TOML), the state of its work, and results.

The command line reads the input file and writes the results; ``search.json`` belongs to the app. Names of files are the
app's own, never those of an upload.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, parse_toml, read_json, read_text, write_json
from csmoifsa_app.fields import FormField
from csmoifsa_energy.cases import CaseFiles
from csmoifsa_energy.checks import Parameters
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import faults_of

State = Literal["new", "running", "paused", "done", "failed"]

SEARCH = "search.json"

PREVIOUS = ".previous.toml"
"""Input file before its last change."""

DATA_SUFFIXES = (".csv", ".xlsx", ".json")
"""Kinds of tables that are read."""

EDITS = threading.RLock()
"""Held while an input file is read, changed and written, so that edits of two pages at once both count."""


class NotThereError(LookupError):
    """There is no such study or file."""


class ChangedError(InputError):
    """What a page would replace was changed elsewhere since the page was loaded."""


@dataclass(frozen=True, kw_only=True)
class Work(Parameters):
    """Settings and state of the work on a study; the settings are options of the command that does it.

    Attributes
    ----------
    state : State
        Progress; "running" without a process means that the program was killed.
    fault : str
        Sentence that says why the work failed.
    language : str
        Language of the report, that of the page from which the work was last started.
    """

    state: State = "new"
    fault: str = ""
    language: str = "en"


W = TypeVar("W", bound=Work)


@dataclass(frozen=True)
class InputFolder(ABC, Generic[W]):
    """Files of one study.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    FILE: ClassVar[str]
    """Name of the input file."""
    CASES: ClassVar[CaseFiles]
    """Bundled cases that the input file may build on, and the keys in it that name files."""
    DATA: ClassVar[tuple[str, ...]]
    """Names of data files beside those that the input file names, without the ending."""
    RESULTS: ClassVar[tuple[str, ...]]
    """Names of the folders of results."""
    RESUMABLE: ClassVar[bool]
    """Whether work that was stopped goes on where it was, rather than from its beginning."""

    @abstractmethod
    def check(self) -> None:
        """Raise `InputError` if the input file has faults; data files need not be read."""

    @abstractmethod
    def form(self) -> list[FormField]:
        """Return the keys as fields; raises `InputError` if the file is no TOML or its base is unknown."""

    @property
    @abstractmethod
    def search(self) -> W:
        """Settings and state of the work; those of a new study if there are none."""

    @abstractmethod
    def summary(self) -> dict[str, object] | None:
        """Return ``summary.json`` of the result, None without a result."""

    @abstractmethod
    def discard_search(self) -> None:
        """Remove what stopped work would go on from; the result stays until it is replaced."""

    @property
    @abstractmethod
    def command(self) -> str:
        """Command that repeats the study in its folder."""

    @property
    def stoppable(self) -> bool:
        """Whether the work may be stopped before its end: to go on later, or with the result found so far."""
        return self.RESUMABLE

    # ---- the input file ----

    @property
    def text(self) -> str:
        """Text of the input file."""
        return read_text(self.path / self.FILE, self.CASES.what)

    @property
    def version(self) -> str:
        """Short text that changes with the text of the input file."""
        return sha256(self.text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """Title in the input file, or the folder's name."""
        try:
            return str(parse_toml(self.text, self.FILE).get("title") or self.path.name)
        except InputError:
            return self.path.name

    def write_text(self, text: str) -> None:
        """Replace the input file.

        Raises
        ------
        InputError
            The text is no TOML, or it names a file outside the study's folder.
        """
        self.check_paths(parse_toml(text, self.FILE))
        with EDITS, atomic_write(self.path / self.FILE) as file:
            file.write(text)

    def change(self, text: str) -> None:
        """Replace the input file after a change of what is computed, and keep the one before.

        Work that was paused begins anew.

        Raises
        ------
        InputError
            As `write_text`; or the work runs.
        """
        with EDITS:
            search = self.search
            if search.state == "running":
                raise InputError("the search runs; pause or cancel it before you change the scenario")
            before = self.text
            self.write_text(text)
            self.keep(before)
            self.forget(search)

    @property
    def previous(self) -> str:
        """Text of the input file before its last change, blank if there is none."""
        path = self.path / PREVIOUS
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def keep(self, before: str) -> None:
        """Keep a text as that before the last change; a blank one takes it away."""
        if not before:
            (self.path / PREVIOUS).unlink(missing_ok=True)
            return
        with atomic_write(self.path / PREVIOUS) as file:
            file.write(before)

    def undo(self) -> None:
        """Exchange the input file with that before its last change.

        Raises
        ------
        InputError
            Nothing can be undone, or as `change`.
        """
        with EDITS:
            if not self.previous:
                raise InputError("no change of this study can be undone")
            self.change(self.previous)

    def expect(self, version: object) -> None:
        """Raise ChangedError if a page holds another version of the input file than this one; None holds none."""
        if version is not None and version != self.version:
            raise ChangedError(f"{self.FILE} was changed elsewhere since this page was loaded; nothing was saved")

    def try_change(self, text: str) -> None:
        """Replace the input file unless that brings in faults that were not there.

        Raises
        ------
        InputError
            As `change`, or the new faults.
        """
        self.check_change(text, but=self.faults())

    def check_change(self, text: str, but: Sequence[str] = ()) -> None:
        """Replace the input file unless it then has faults other than ``but``; raises `InputError` with them."""
        with EDITS:
            if text == self.text:
                return
            before, earlier = self.text, self.previous
            self.change(text)
            if faults := [one for one in self.faults() if one not in but]:
                self.write_text(before)
                self.keep(earlier)
                raise InputError("\n".join(faults))

    def forget(self, search: W) -> None:
        """Remove a checkpoint that belongs to other values, and keep settings; an earlier result stays."""
        if search.state in ("paused", "failed"):
            self.discard_search()
            self.write_search(replace(search, state="new", fault=""))

    def check_paths(self, values: Mapping[str, object]) -> None:
        """Raise InputError if values of the input file name a file outside this folder."""
        base = values.get("base")
        if isinstance(base, str) and base.endswith(".toml"):
            raise InputError("base: name a bundled case here, not a file")
        for place in self.CASES.files:
            for own in _values_at(values, place):
                if isinstance(own, str) and not (self.path / own).resolve().is_relative_to(self.path.resolve()):
                    raise InputError(f"{'.'.join(place)}: {own!r} is outside the study's folder; add the file to it")

    def faults(self) -> list[str]:
        """Return one sentence for each fault of the input file's own values, without reading its data files."""
        try:
            self.check_paths(parse_toml(self.text, self.FILE))
            self.check()
        except InputError as error:
            return [self.shortened(one.sentence) for one in faults_of(error)]
        return []

    def shortened(self, sentence: str) -> str:
        """Return a sentence with the study's folder taken out of paths."""
        return sentence.replace(f"{self.path}/", "").replace(f"{self.FILE}: ", "")

    # ---- the work and its results ----

    def read_search(self, kind: type[W]) -> W:
        """Return settings and state of the work from the file."""
        if not (self.path / SEARCH).is_file():
            return kind()
        return check_values(kind, read_json(self.path / SEARCH, "search"), f"{SEARCH}: ")

    def write_search(self, search: W) -> None:
        """Replace settings and state of the work."""
        write_json(self.path / SEARCH, asdict(search))

    def read_summary(self, result: str) -> dict[str, object] | None:
        """Return ``summary.json`` in a folder of results, None if it is not there."""
        path = self.path / result / "summary.json"
        values = read_json(path, "summary") if path.is_file() else None
        return values if isinstance(values, dict) else None

    def stale_result(self, result: str) -> bool:
        """Return whether the input file was changed after the result in a folder was written."""
        summary = self.path / result / "summary.json"
        return summary.is_file() and (self.path / self.FILE).stat().st_mtime > summary.stat().st_mtime

    def named(self, text: str) -> set[str]:
        """Return the names of the data files that an input file names and that are there, of this folder alone."""
        try:
            values = parse_toml(text, self.FILE)
        except InputError:
            return set()
        named = [one for place in self.CASES.files for one in _values_at(values, place) if isinstance(one, str)]
        places = [self.path / one for one in named if Path(one).name == one and one[0] != "."]
        return {one.name for one in places if one.is_file() and not one.is_symlink()}

    def files(self) -> dict[str, Path]:
        """Return the files to take away by their path in the folder: input file, data and results."""
        fixed = [f"{name}{suffix}" for name in self.DATA for suffix in DATA_SUFFIXES]
        names = dict.fromkeys([self.FILE, *fixed, *sorted(self.named(self.text))])
        found = [self.path / name for name in names if (self.path / name).is_file()]
        for result in self.RESULTS:
            if (self.path / result).is_dir():
                inside = sorted((self.path / result).rglob("*"))
                found += [one for one in inside if one.is_file() and not one.is_symlink() and one.name[0] != "."]
        return {one.relative_to(self.path).as_posix(): one for one in found}


def _values_at(value: object, place: tuple[str, ...]) -> Iterator[object]:
    """Yield the values of a key; a table of tables, such as ``[[reserve]]``, counts as all of them."""
    if isinstance(value, list):
        for one in value:
            yield from _values_at(one, place)
    elif not place:
        yield value
    elif isinstance(value, dict) and place[0] in value:
        yield from _values_at(value[place[0]], place[1:])
