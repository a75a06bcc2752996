"""Read and write results files: SQLite, one transaction for each run, one writer, readable while it is written.

A run is a row; a failed run is a row with its traceback, and the next campaign repeats it. Fronts are npy blobs, one
for each stop. A killed writer loses at most the run it was writing.

A results file may come from others: every value is checked, and no code that it names is imported.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from csmoifsa import npy
from csmoifsa.errors import InputError
from csmoifsa.files import parse_json
from csmoifsa_bench.cells import Cell, fingerprint
from csmoifsa_bench.execute import RunOutcome
from csmoifsa_bench.suite import Suite, check_suite

if TYPE_CHECKING:
    from csmoifsa.typing import JsonObject

VERSION = 1
MOST_OBJECTIVES = 1000
TABLES = ("suites", "environments", "runs", "fronts", "speeds", "true_fronts")
# added to files of earlier versions, which differ in nothing else
_TRUE_FRONTS = "CREATE TABLE IF NOT EXISTS true_fronts (problem TEXT PRIMARY KEY, points BLOB NOT NULL)"
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
    """One row of the table ``runs``; times in s."""

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
        The file; created if missing, unless ``readonly``.
    readonly : bool
        Whether to open an existing file without changing it.
    patience : float
        Time to wait for another program that has the file locked [s].

    Raises
    ------
    InputError
        The file is missing, no results file, of a newer version, locked, or cannot be written.
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
        kinds = dict(run("SELECT name, type FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
        if (
            not kinds.items() <= {name: "table" for name in TABLES}.items()
        ):  # a view or trigger would run its author's SQL
            raise InputError(f"{self.path} is not a results file of 'csmoifsa bench': it holds more than its tables")
        self._has_true_fronts = not readonly or "true_fronts" in kinds
        run("PRAGMA trusted_schema = OFF")
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
        run(_TRUE_FRONTS)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------------------------- writing
    def put_suite(self, suite: Suite) -> None:
        """Store a suite, by which its runs are made and reported.

        If it differs from the stored suite in the number of runs only, the larger number is kept, so that a few runs of
        one more algorithm do not hide runs of the others.
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

    def put(self, outcome: RunOutcome) -> None:
        """Write one run and its fronts in one transaction; it replaces a failed run, never a successful one."""
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
                    [(row[0], s.stop, s.n_eval, len(s.F), npy.pack(s.F)) for s in outcome.snapshots],
                )
            if outcome.true_front is not None:
                self._put_true_front(cell, outcome.true_front)

    def put_true_front(self, cell: Cell, points: np.ndarray) -> None:
        """Write points of the true front of a cell's problem, (k, m); no rows if it is unknown."""
        with self._transaction():
            self._put_true_front(cell, points)

    def _put_true_front(self, cell: Cell, points: np.ndarray) -> None:
        self.connection.execute(
            "INSERT INTO true_fronts VALUES (?, ?) ON CONFLICT (problem) DO UPDATE SET points = excluded.points"
            " WHERE points != excluded.points",
            (cell.problem_key, npy.pack(points)),
        )

    def delete_runs(self, suite: str, keys: set[str]) -> int:
        """Delete runs with their fronts; return their number."""
        with self._transaction():
            return sum(
                self.connection.execute("DELETE FROM runs WHERE suite = ? AND key = ?", (suite, key)).rowcount
                for key in keys
            )

    def put_speed(
        self, suite: str, algorithm: str, problem: str, n_eval: int, seconds: list[float], facts: JsonObject
    ) -> None:
        """Write the CPU times [s] of an algorithm's timed runs; they replace earlier ones."""
        with self._transaction():
            values = (suite, algorithm, problem, n_eval, json.dumps(seconds), self._environment(facts), _now())
            self.connection.execute("INSERT OR REPLACE INTO speeds VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def _environment(self, facts: JsonObject) -> int:
        mark = fingerprint(facts)
        if mark not in self._environments:
            run = self.connection.execute
            run("INSERT OR IGNORE INTO environments (fingerprint, facts) VALUES (?, ?)", (mark, json.dumps(facts)))
            self._environments[mark] = run("SELECT id FROM environments WHERE fingerprint = ?", (mark,)).fetchone()[0]
        return self._environments[mark]

    # ---------------------------------------------------------------------------------------------------------- reading
    def suites(self) -> list[Suite]:
        """Return the suites that the file has runs of."""
        rows = list(self._rows("SELECT name, definition FROM suites ORDER BY name", str, str))
        found = [check_suite(self._json(text, dict), f"{self.path}: suite {name!r}") for name, text in rows]
        if [suite.name for suite in found] != [name for name, _ in rows]:
            raise self._damaged("a suite has two names")
        return found

    def runs(self, suite: str) -> dict[str, RunRow]:
        """Return key -> run of a suite, runs of earlier settings among them."""
        columns = ", ".join(RunRow._fields)
        types = (str, str, int, str, str, int, int, float, float, int, str)
        return {
            row[0]: RunRow(*row) for row in self._rows(f"SELECT {columns} FROM runs WHERE suite = ?", *types, of=suite)
        }

    def done(self, suite: str) -> set[str]:
        """Return the keys of the runs that succeeded."""
        return {key for (key,) in self._rows("SELECT key FROM runs WHERE suite = ? AND status = 'done'", str, of=suite)}

    def fronts(self, suite: str) -> Iterator[tuple[str, int, int, np.ndarray]]:
        """Yield (key, stop, evaluations spent, points (n, m)) of every successful run of a suite."""
        query = (
            "SELECT key, stop, fronts.n_eval, points FROM fronts JOIN runs ON runs.id = run"
            " WHERE suite = ? AND status = 'done' ORDER BY run, stop"
        )
        for key, stop, n_eval, points in self._rows(query, str, int, int, bytes, of=suite):
            yield key, stop, n_eval, self._points(points, f"the front of run {key[:20]!r} at {stop}")

    def true_fronts(self) -> dict[str, np.ndarray | None]:
        """Return problem key -> points of its true front, (k, m), or None where it is not known."""
        if not self._has_true_fronts:
            return {}
        rows = self._rows("SELECT problem, points FROM true_fronts", str, bytes)
        fronts = {key: self._points(blob, "a true front") for key, blob in rows}
        return {key: points if len(points) else None for key, points in fronts.items()}

    def environments(self) -> dict[int, JsonObject]:
        """Return number -> versions, code and machine that made runs."""
        found = {}
        for number, text in self._rows("SELECT id, facts FROM environments", int, str):
            facts = self._json(text, dict)
            versions = facts.get("versions")
            words = {
                name: facts.get(name) for name in ("python", "code", "machine", "system", "processor", "cpus", "node")
            }
            if any(not isinstance(word, str | int | None) for word in words.values()):
                raise self._damaged("an environment holds other than words")
            found[number] = {**words, "versions": versions if isinstance(versions, dict) else {}}
        return found

    def speeds(self, suite: str) -> list[tuple[str, str, int, list[float]]]:
        """Return (algorithm, problem, evaluations, CPU seconds of each timed run) of a suite."""
        query = "SELECT algorithm, problem, n_eval, cpu_seconds FROM speeds WHERE suite = ?"
        found = []
        for algorithm, problem, n_eval, text in self._rows(query, str, str, int, str, of=suite):
            seconds = self._json(text, list)
            if n_eval < 1 or not seconds or not all(isinstance(value, float) and 0 < value < 1e9 for value in seconds):
                raise self._damaged("the seconds of a timed run are no numbers above 0")
            found.append((algorithm, problem, n_eval, seconds))
        return found

    # ------------------------------------------------------------------------------------------- reading without trust
    def _rows(self, query: str, *types: type, of: str | None = None) -> Iterator[Any]:
        """Yield the rows of a query whose values are of the types asked for; SQLite itself keeps any in any column."""
        with self._explained():
            for row in self.connection.execute(query, () if of is None else (of,)):
                for value, kind in zip(row, types, strict=True):
                    if not (isinstance(value, kind) or (kind is float and isinstance(value, int))):
                        raise self._damaged(f"a value is of type {type(value).__name__}, not {kind.__name__}")
                    if kind is float and not math.isfinite(value):
                        raise self._damaged("a number is not finite")
                yield row

    def _json(self, text: str, kind: type) -> Any:
        value = parse_json(text, str(self.path), "results file")
        if not isinstance(value, kind):
            raise self._damaged(f"a JSON text is of type {type(value).__name__}, not {kind.__name__}")
        return value

    def _points(self, blob: bytes, what: str) -> np.ndarray:
        try:
            points = npy.unpack(blob)
        except ValueError as error:
            raise self._damaged(f"{what}: {error}") from error
        wide = points.ndim == 2 and points.dtype == np.float64 and points.shape[1] <= MOST_OBJECTIVES
        if not wide or not np.isfinite(points).all():
            raise self._damaged(f"{what} is not a table of finite numbers, a point a row")
        return points

    def _damaged(self, what: str) -> InputError:
        return InputError(
            f"the results file {self.path} is damaged: {what}; choose another file, or make its runs again"
        )

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
        except (UnicodeDecodeError, OverflowError, MemoryError) as error:  # SQLite's message quotes the damaged bytes
            raise self._damaged(f"its tables are not readable ({type(error).__name__})") from error
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
def exclusive_writer(path: str | Path) -> Iterator[None]:
    """Lock a results file against other campaigns; the system releases the lock when the process ends.

    Raises
    ------
    InputError
        Another campaign writes the file, or the lock cannot be written beside it.
    """
    lock = Path(f"{Path(path).resolve()}.lock")  # the same for all symbolic links to the file
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
