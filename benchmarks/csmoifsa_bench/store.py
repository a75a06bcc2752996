"""The results file: SQLite, one transaction a run, one writer, readable while it is written.

A run is a row; a failed one is a row too, with its traceback, and is made again by the next campaign. Fronts are npy
blobs, one for each stop. A killed writer loses at most the run it was writing.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_bench.cells import fingerprint
from csmoifsa_bench.execute import Outcome
from csmoifsa_bench.suite import Suite, check_suite

VERSION = 1
_SCHEMA = """
CREATE TABLE suites (
    name TEXT PRIMARY KEY, definition TEXT NOT NULL, changed TEXT NOT NULL
);
CREATE TABLE environments (
    id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, facts TEXT NOT NULL
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, suite TEXT NOT NULL, key TEXT NOT NULL,
    problem TEXT NOT NULL, algorithm TEXT NOT NULL, repetition INTEGER NOT NULL, cell TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('done', 'failed')), attempts INTEGER NOT NULL DEFAULT 1,
    error TEXT NOT NULL, traceback TEXT NOT NULL, n_eval INTEGER NOT NULL, same_start INTEGER NOT NULL,
    wall_seconds REAL NOT NULL, cpu_seconds REAL NOT NULL,
    environment INTEGER NOT NULL REFERENCES environments (id), finished TEXT NOT NULL,
    UNIQUE (suite, key)
);
CREATE TABLE fronts (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, stop INTEGER NOT NULL,
    n_eval INTEGER NOT NULL, n_points INTEGER NOT NULL, points BLOB NOT NULL,
    PRIMARY KEY (run, stop)
);
CREATE TABLE speeds (
    suite TEXT NOT NULL, algorithm TEXT NOT NULL, problem TEXT NOT NULL, n_eval INTEGER NOT NULL,
    cpu_seconds TEXT NOT NULL, environment INTEGER NOT NULL REFERENCES environments (id), finished TEXT NOT NULL,
    PRIMARY KEY (suite, algorithm)
) WITHOUT ROWID;
"""


class RunRow(NamedTuple):
    """A run as the file has it."""

    key: str
    status: str
    attempts: int
    error: str
    traceback: str
    n_eval: int
    same_start: bool
    wall_seconds: float
    cpu_seconds: float
    environment: int
    finished: str


class Store:
    """A results file.

    Parameters
    ----------
    path : path
        Created if need be, unless opened for reading.
    readonly : bool
        Open an existing file and leave it as it is.
    patience : float
        Seconds to wait for another program that has the file locked.

    Raises
    ------
    InputError
        It is missing, no results file, of a newer version, locked, or cannot be written.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False, patience: float = 30.0):
        self.path = Path(path)
        if readonly and not self.path.is_file():
            raise InputError(
                f"there is no results file {self.path}; make one with 'csmoifsa bench run SUITE --out ...'"
            )
        with self._explained():
            self.connection = sqlite3.connect(self.path, timeout=patience, isolation_level=None)
        try:
            with self._explained():
                self._open(readonly)
        except BaseException:
            self.connection.close()
            raise
        self._environments: dict[str, int] = {}

    def _open(self, readonly: bool) -> None:
        run = self.connection.execute
        found = int(run("PRAGMA user_version").fetchone()[0])
        empty = not run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if found > VERSION or (found == 0 and (readonly or not empty)):
            kind = "of a newer version of csmoifsa" if found > VERSION else "not a results file of 'csmoifsa bench'"
            raise InputError(f"{self.path} is {kind}; choose another file with --out")
        run("PRAGMA foreign_keys = ON")
        if readonly:
            run("PRAGMA query_only = ON")
            return
        run("PRAGMA journal_mode = WAL")
        run(
            "PRAGMA synchronous = NORMAL"
        )  # survives a killed process; a power cut may cost the last runs, not the file
        if empty:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    run(statement)
                run(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------------------------- writing
    def put_suite(self, suite: Suite) -> None:
        """Remember the definition by which runs of this suite are made and reported.

        If it differs from the one before in nothing but the number of runs, the larger number stays: making a few
        runs of one more algorithm does not hide what the others have.
        """
        for old in self.suites():
            if old.name == suite.name and old.model_copy(update={"runs": suite.runs}) == suite:
                suite = suite.model_copy(update={"runs": max(old.runs, suite.runs)})
        definition = json.dumps(suite.model_dump(mode="json"), sort_keys=True)
        with self._transaction():
            self.connection.execute(
                "INSERT INTO suites VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, changed = excluded.changed",
                (suite.name, definition, _now()),
            )

    def put(self, outcome: Outcome) -> None:
        """Write one run and its fronts in one transaction; it takes the place of a failure, never of a success."""
        cell = outcome.cell
        with self._transaction():
            row = self.connection.execute(
                "INSERT INTO runs (suite, key, problem, algorithm, repetition, cell, status, error, traceback, n_eval,"
                " same_start, wall_seconds, cpu_seconds, environment, finished)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (suite, key) DO UPDATE SET status = excluded.status, attempts = attempts + 1,"
                " error = excluded.error, traceback = excluded.traceback, n_eval = excluded.n_eval,"
                " same_start = excluded.same_start, wall_seconds = excluded.wall_seconds,"
                " cpu_seconds = excluded.cpu_seconds, environment = excluded.environment, finished = excluded.finished"
                " WHERE status = 'failed' RETURNING id",
                (
                    *(cell.suite, cell.key, cell.problem, cell.algorithm, cell.repetition),
                    json.dumps(asdict(cell), sort_keys=True, default=str),
                    *("failed" if outcome.failed else "done", outcome.error, outcome.traceback),
                    *(outcome.n_eval, outcome.same_start, outcome.wall_seconds, outcome.cpu_seconds),
                    *(self._environment(outcome.environment), _now()),
                ),
            ).fetchone()
            if row is not None:
                self.connection.executemany(
                    "INSERT INTO fronts VALUES (?, ?, ?, ?, ?)",
                    [(row[0], s.stop, s.n_eval, len(s.F), _pack(s.F)) for s in outcome.snapshots],
                )

    def forget(self, suite: str, keys: set[str]) -> int:
        """Delete runs with their fronts; returns how many there were."""
        with self._transaction():
            return sum(
                self.connection.execute("DELETE FROM runs WHERE suite = ? AND key = ?", (suite, key)).rowcount
                for key in keys
            )

    def put_speed(
        self, suite: str, algorithm: str, problem: str, n_eval: int, seconds: list[float], facts: dict[str, Any]
    ) -> None:
        """Write the CPU seconds of an algorithm's timed runs in place of earlier ones."""
        with self._transaction():
            values = (suite, algorithm, problem, n_eval, json.dumps(seconds), self._environment(facts), _now())
            self.connection.execute("INSERT OR REPLACE INTO speeds VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def _environment(self, facts: dict[str, Any]) -> int:
        mark = fingerprint(facts)
        if mark not in self._environments:
            run = self.connection.execute
            run("INSERT OR IGNORE INTO environments (fingerprint, facts) VALUES (?, ?)", (mark, json.dumps(facts)))
            self._environments[mark] = run("SELECT id FROM environments WHERE fingerprint = ?", (mark,)).fetchone()[0]
        return self._environments[mark]

    # ---------------------------------------------------------------------------------------------------------- reading
    def suites(self) -> list[Suite]:
        """Return the suites that the file has runs of."""
        with self._explained():
            rows = self.connection.execute("SELECT name, definition FROM suites ORDER BY name").fetchall()
        return [check_suite(json.loads(definition), f"{self.path}: suite {name}") for name, definition in rows]

    def runs(self, suite: str) -> dict[str, RunRow]:
        """Return key -> run of a suite, runs of earlier settings among them."""
        columns = ", ".join(RunRow._fields)
        with self._explained():
            rows = self.connection.execute(f"SELECT {columns} FROM runs WHERE suite = ?", (suite,)).fetchall()
        return {row[0]: RunRow(*row) for row in rows}

    def done(self, suite: str) -> set[str]:
        """Return the keys of the runs that succeeded."""
        with self._explained():
            rows = self.connection.execute("SELECT key FROM runs WHERE suite = ? AND status = 'done'", (suite,))
            return {key for (key,) in rows}

    def fronts(self, suite: str) -> Iterator[tuple[str, int, int, np.ndarray]]:
        """Yield (key, stop, evaluations spent, points (n, m)) of every successful run of a suite."""
        with self._explained():
            rows = self.connection.execute(
                "SELECT key, stop, fronts.n_eval, points FROM fronts JOIN runs ON runs.id = run"
                " WHERE suite = ? AND status = 'done' ORDER BY run, stop",
                (suite,),
            )
            for key, stop, n_eval, points in rows:
                yield key, stop, n_eval, _unpack(points)

    def environments(self) -> dict[int, dict[str, Any]]:
        """Return number -> versions, code and machine that made runs."""
        with self._explained():
            rows = self.connection.execute("SELECT id, facts FROM environments").fetchall()
        return {number: json.loads(facts) for number, facts in rows}

    def speeds(self, suite: str) -> list[tuple[str, str, int, list[float]]]:
        """Return (algorithm, problem, evaluations, CPU seconds of each timed run) of a suite."""
        with self._explained():
            rows = self.connection.execute(
                "SELECT algorithm, problem, n_eval, cpu_seconds FROM speeds WHERE suite = ?", (suite,)
            ).fetchall()
        return [(algorithm, problem, n, json.loads(seconds)) for algorithm, problem, n, seconds in rows]

    # ----------------------------------------------------------------------------------------------------------- errors
    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self._environments = {}  # what it says may be rolled back
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            what = str(error)
            advice = "choose another file with --out"
            if "locked" in what:
                what, advice = (
                    "another program has it locked",
                    "wait for it or stop it, then run the same command again",
                )
            elif "full" in what:
                advice = "free some space, then run the same command again"
            kept = "" if "unable to open" in what or "not a database" in what else "; all runs written so far are safe"
            raise InputError(f"cannot use the results file {self.path}: {what}{kept}; {advice}") from error


@contextmanager
def one_writer(path: str | Path) -> Iterator[None]:
    """Hold the right to run campaigns into a results file; the system takes it back if the process dies.

    Raises
    ------
    InputError
        Another campaign is running into it.
    """
    lock = Path(f"{path}.lock")
    try:
        connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise InputError(
                f"another campaign is writing {path}; wait for it, or choose another file with --out"
            ) from error
        raise InputError(f"cannot write beside {path}: {error}; choose another file with --out") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        connection.close()


def _pack(F: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(F), allow_pickle=False)
    return buffer.getvalue()


def _unpack(blob: bytes) -> np.ndarray:
    return np.load(io.BytesIO(blob), allow_pickle=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
