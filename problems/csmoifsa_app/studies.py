"""All studies of a folder: one folder each, an SQLite file that lists them, and deletion that can be undone.

The folders are the truth: what is in them and not in the index is added, what the index lists and is gone is dropped,
so that a folder copied from elsewhere, or an index that is lost, harms nothing. The names of folders are random, so
that no title becomes a path.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from csmoifsa.errors import InputError
from csmoifsa.files import output_folder
from csmoifsa_app.base_folder import EDITS, SEARCH, InputFolder, NotThereError
from csmoifsa_app.case_folder import CaseFolder
from csmoifsa_app.fields import FormField, set_value
from csmoifsa_app.folder import SCENARIO, StudyFolder
from csmoifsa_app.sources import SOURCES, store

INDEX = "studies.sqlite"
TRASH = ".deleted"
KEPT_DAYS = 30
"""Days after which a deleted study is removed from the disk, at the next start."""

KINDS: tuple[type[InputFolder], ...] = (StudyFolder, CaseFolder)
"""Kinds of studies; the name of its input file tells which one a folder is."""

F = TypeVar("F", bound=InputFolder)

_ID = re.compile(r"[0-9a-f]{12}")
_TITLE = FormField(
    key="title",
    kind="text",
    help="",
    unit="",
    low="",
    high="",
    choices=(),
    value="",
    default="",
    origin="",
    changed=True,
)


@dataclass(frozen=True)
class Entry:
    """One line of the list: identifier, time of creation [s since 1970], and folder."""

    id: str
    created: float
    folder: InputFolder


class Studies:
    """The studies in one folder.

    Parameters
    ----------
    root : Path
        Folder of the studies; created if missing.

    Raises
    ------
    InputError
        The folder or its index cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = output_folder(root).resolve()
        output_folder(self.root / TRASH)
        try:
            self._scan()
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{self.root / INDEX}: {error}; delete this file, it is made anew from the folders"
            ) from None

    def list(self) -> list[Entry]:
        """Return all studies that are not deleted, newest first."""
        self._scan()
        with self._index() as index:
            rows = index.execute("SELECT id, created FROM studies WHERE deleted IS NULL ORDER BY created DESC, id")
            return [Entry(id, created, folder_at(self.root / id)) for id, created in rows]

    def get(self, id: str, kind: type[F] = StudyFolder) -> F:
        """Return a study; raises `NotThereError` if there is none of that kind."""
        folder = folder_at(self.root / id) if _ID.fullmatch(id) and (self.root / id).is_dir() else None
        if not isinstance(folder, kind) or not (folder.path / folder.FILE).is_file():
            raise NotThereError(id)
        return folder

    def new_from_case(self, case: str, kind: type[InputFolder] = StudyFolder) -> str:
        """Begin a study with a bundled case; return its identifier."""
        path = kind.CASES.path_of(case)
        title = json.dumps(str(kind.CASES.read(path).get("title", case)), ensure_ascii=False)
        return self._add({kind.FILE: f"base = {json.dumps(case)}\ntitle = {title}\n".encode()})

    def new_from_file(self, name: str, content: bytes) -> str:
        """Begin a study with an uploaded scenario (TOML) or load (CSV, XLSX, JSON); return its identifier.

        The scenario of a load that can be read has the number of cars and the costs that suit it; one of a load with
        faults names the file, so that the faults are shown and can be mended.

        Raises
        ------
        InputError
            The kind of file is not known, or the scenario is not text in UTF-8, no TOML, or names other files.
        """
        suffix = Path(name).suffix.lower()
        title = _title_of(name)
        if suffix == ".toml":
            return self._new_from_toml(StudyFolder, title, content)
        suffixes = SOURCES["load"].suffixes
        if suffix not in suffixes:
            raise InputError(f"a scenario is a .toml file, a load {', '.join(suffixes)}; this is {suffix or 'neither'}")
        id = self._add({SCENARIO: f"title = {json.dumps(title, ensure_ascii=False)}\n".encode()})
        try:
            store(self.get(id), SOURCES["load"], name, content)
        except InputError:
            shutil.rmtree(self.root / id)
            raise
        self.get(id).keep("")
        return id

    def new_from_case_file(self, name: str, content: bytes) -> str:
        """Begin an aggregator's study with an uploaded case (TOML); return its identifier.

        Raises
        ------
        InputError
            The file is no TOML, no text in UTF-8, or names other files.
        """
        if Path(name).suffix.lower() != ".toml":
            raise InputError(f"an aggregator's case is a .toml file; this is {Path(name).suffix.lower() or 'neither'}")
        return self._new_from_toml(CaseFolder, _title_of(name), content)

    def _new_from_toml(self, kind: type[InputFolder], title: str, content: bytes) -> str:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(f"the {kind.CASES.what} is not text in UTF-8; save it as UTF-8") from None
        id = self._add({kind.FILE: b""})
        try:
            self.get(id, kind).write_text(text)
            if "title" not in text:
                self.rename(id, title)
        except InputError:
            shutil.rmtree(self.root / id)
            raise
        return id

    def duplicate(self, id: str, title: str) -> str:
        """Copy scenario, data and settings of a study, without its result; return the copy's identifier."""
        folder = self.get(id, InputFolder)
        names = [name for name in folder.files() if "/" not in name]
        copy = self._add({name: (folder.path / name).read_bytes() for name in names})
        self.get(copy, InputFolder).write_search(replace(folder.search, state="new", fault=""))
        self.rename(copy, title)
        return copy

    def rename(self, id: str, title: str) -> None:
        """Set the title in the scenario file; raises `InputError` if it is blank or the file is no TOML."""
        title = " ".join(title.split())[:200]
        if not title:
            raise InputError("a title needs at least one character")
        folder = self.get(id, InputFolder)
        with EDITS:
            folder.write_text(set_value(folder.text, _TITLE, title))

    def delete(self, id: str) -> None:
        """Move a study to the deleted ones."""
        folder = self.get(id, InputFolder)
        folder.path.rename(self.root / TRASH / id)
        with self._index() as index:
            index.execute("UPDATE studies SET deleted = ? WHERE id = ?", (time.time(), id))

    def restore(self, id: str) -> None:
        """Undo a deletion; raises `NotThereError` if there is no such deleted study."""
        if not _ID.fullmatch(id) or not (self.root / TRASH / id).is_dir() or (self.root / id).exists():
            raise NotThereError(id)
        (self.root / TRASH / id).rename(self.root / id)
        with self._index() as index:
            index.execute("UPDATE studies SET deleted = NULL WHERE id = ?", (id,))

    def remove_old(self) -> None:
        """Remove studies from the disk that were deleted more than `KEPT_DAYS` ago."""
        with self._index() as index:
            rows = index.execute("SELECT id FROM studies WHERE deleted < ?", (time.time() - KEPT_DAYS * 86400,))
            for (id,) in rows.fetchall():
                shutil.rmtree(self.root / TRASH / id, ignore_errors=True)
                index.execute("DELETE FROM studies WHERE id = ?", (id,))

    def _add(self, files: dict[str, bytes]) -> str:
        """Make a folder with files, whole or not at all."""
        id = secrets.token_hex(6)
        part = self.root / TRASH / f"{id}.new"
        part.mkdir()
        for name, content in files.items():
            (part / name).write_bytes(content)
        part.rename(self.root / id)
        self._scan()
        return id

    def _scan(self) -> None:
        """Make the index agree with the folders."""
        found = {path.name: path for path in self.root.iterdir() if _ID.fullmatch(path.name) and path.is_dir()}
        names = (*(kind.FILE for kind in KINDS), SEARCH)
        found = {id: path for id, path in found.items() if any((path / name).is_file() for name in names)}
        with self._index() as index:
            known = {id: deleted for id, deleted in index.execute("SELECT id, deleted FROM studies")}
            for id, path in found.items():
                if id not in known:
                    index.execute("INSERT INTO studies VALUES (?, ?, NULL)", (id, path.stat().st_mtime))
                elif known[id] is not None:
                    index.execute("UPDATE studies SET deleted = NULL WHERE id = ?", (id,))
            for id, deleted in known.items():
                if id not in found and (deleted is None or not (self.root / TRASH / id).is_dir()):
                    index.execute("DELETE FROM studies WHERE id = ?", (id,))

    @contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        index = sqlite3.connect(self.root / INDEX, timeout=30)
        try:
            with index:
                index.execute("CREATE TABLE IF NOT EXISTS studies (id TEXT PRIMARY KEY, created REAL, deleted REAL)")
                yield index
        finally:
            index.close()


def folder_at(path: Path) -> InputFolder:
    """Return the study in a folder, of the kind that its input file shows."""
    return next((kind(path) for kind in KINDS if (path / kind.FILE).is_file()), StudyFolder(path))


def _title_of(name: str) -> str:
    """Return a title from the name of an upload."""
    return re.sub(r"[\x00-\x1f]", "", Path(name.replace("\\", "/")).stem)[:80] or "study"
