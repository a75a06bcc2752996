"""Run a campaign: make the runs that a results file lacks and write each one when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from csmoifsa.errors import InputError
from csmoifsa_bench.cells import Cell, grid
from csmoifsa_bench.execute import RunOutcome, environment, known_front
from csmoifsa_bench.pools import Map, open_pool
from csmoifsa_bench.rivals import require
from csmoifsa_bench.store import Store, exclusive_writer
from csmoifsa_bench.suite import Suite

MAX_DEATHS = 2  # workers that one run may take down before it counts as failed
RATE_SECONDS = 600.0  # span over which runs by minute are counted
MAX_BREAKS = 8  # breakdowns of the pool in a row without a single run coming in


@dataclass(frozen=True)
class Tally:
    """Numbers of runs of a campaign.

    Attributes
    ----------
    wanted, found, done, failed : int
        Runs of the suite, runs that the file already had, runs made now, and failures among these.
    breakdowns : int
        Number of times that a worker died and its runs were repeated.
    seconds : float
        Wall-clock time [s].
    """

    wanted: int
    found: int
    done: int
    failed: int
    breakdowns: int
    seconds: float


def run_campaign(
    suite: Suite,
    path: str | Path,
    *,
    full: Suite | None = None,
    again: bool = False,
    trust: bool = False,
    jobs: int | None = None,
    backend: str = "loky",
    address: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tally:
    """Make all runs of a suite that a results file lacks or has as failures.

    Parameters
    ----------
    suite : Suite
        Runs to make.
    path : path
        The results file; created if missing.
    full : Suite, optional
        The suite to store for reports, if ``suite`` is only a part of it.
    again : bool
        Whether to repeat runs that the file has, e.g. after a change of code; their old results are deleted.
    trust : bool
        Whether to import problems and algorithms that the suite names as ``module:Class`` or ``file.py:Class``.
    jobs, backend, address
        See `csmoifsa_bench.pools.open_pool`.
    progress : callable, optional
        Called with the number of runs that the file has.

    Raises
    ------
    InputError
        The suite names code without ``trust``, a library is missing, the file cannot be used, another campaign
        writes it, or `MAX_BREAKS` breakdowns follow each other without a finished run.
    """
    if not trust:
        suite.refuse_code()
    for library in {algorithm.library for algorithm in suite.algorithms}:
        require(library)
    with exclusive_writer(path), Store(path) as store:
        store.put_suite(full or suite)
        if again:
            store.delete_runs(suite.name, {cell.key for cell in grid(suite)})
        tally = Campaign(suite, store, progress).run(jobs, backend, address)
        _add_true_fronts(suite, store)
        return tally


def missing_cells(suite: Suite, done: set[str]) -> Iterator[Cell]:
    """Yield the cells of a suite that are not done."""
    return (cell for cell in grid(suite) if cell.key not in done)


class SuiteState(TypedDict):
    """State of a suite's campaign; see `campaign_states`."""

    suite: str
    algorithms: list[dict[str, str | int]]
    of_other_settings: int
    failures: list[dict[str, str]]
    per_minute: float


def campaign_states(results: str | Path, now: datetime | None = None) -> list[SuiteState]:
    """Return the state of each suite's campaign in a results file, also while one is running.

    Parameters
    ----------
    results : path
        The results file.
    now : datetime, optional
        End of the span that ``per_minute`` is counted over, with a time zone; the present where left out.

    Returns
    -------
    list of dict
        suite (name), algorithms (for each: algorithm, wanted, done and failed runs), of_other_settings (number of runs
        of earlier settings), failures (run and error), per_minute (runs finished in the last ten minutes, by minute).

    Raises
    ------
    InputError
        The file cannot be read, or it is no results file.
    """
    end = datetime.now(UTC) if now is None else now
    states: list[SuiteState] = []
    with Store(results, readonly=True) as store:
        for suite in store.suites():
            rows, keys = store.runs(suite.name), set()
            lines = {a.label: {"algorithm": a.label, "wanted": 0, "done": 0, "failed": 0} for a in suite.algorithms}
            failures = []
            for cell in grid(suite):
                keys.add(cell.key)
                line = lines[cell.algorithm]
                line["wanted"] += 1
                if row := rows.get(cell.key):
                    line[row.status] += 1
                    if row.status == "failed":
                        failures.append({"run": cell_name(cell), "error": row.error})
            states.append(
                {
                    "suite": suite.name,
                    "algorithms": list(lines.values()),
                    "of_other_settings": len(rows.keys() - keys),
                    "failures": failures,
                    "per_minute": _per_minute([rows[key].finished for key in keys & rows.keys()], end),
                }
            )
    return states


def cell_name(cell: Cell) -> str:
    """Return the name of a run in messages."""
    return f"{cell.algorithm} on {cell.problem}, repetition {cell.repetition}"


def _per_minute(finished: list[str], end: datetime) -> float:
    """Return the runs finished in the span before ``end`` by minute, from times in ISO form; 0 if none is a time."""
    ages = []
    for text in finished:
        with suppress(ValueError, TypeError):  # a time without its zone, or none
            ages.append((end - datetime.fromisoformat(text)).total_seconds())
    recent = [age for age in ages if 0 <= age <= RATE_SECONDS]
    return 60 * len(recent) / min(RATE_SECONDS, max(*ages, 60.0)) if recent else 0.0


def _add_true_fronts(suite: Suite, store: Store) -> None:
    """Add the true fronts of problems to a file of an earlier version, which did not store them."""
    done, known = store.done(suite.name), store.true_fronts()
    for cell in grid(suite):
        if cell.key in done and cell.problem_key not in known:
            store.put_true_front(cell, known_front(cell))
            known[cell.problem_key] = None


class Campaign:
    """One pass over the missing runs of a suite, which repeats runs whose worker died.

    Parameters
    ----------
    suite : Suite
        Runs to make.
    store : Store
        Results file, with this campaign as its only writer.
    progress : callable, optional
        Called with the number of runs that the file has.
    """

    def __init__(self, suite: Suite, store: Store, progress: Callable[[int], None] | None = None):
        self.suite, self.store = suite, store
        self.progress = progress or (lambda done: None)
        self.in_progress: dict[str, Cell] = {}
        self.last_break = ""
        self.made = self.failed = self.breakdowns = self.breaks_in_a_row = 0

    def run(self, jobs: int | None, backend: str = "loky", address: str | None = None) -> Tally:
        """Make the runs; see `run_campaign`."""
        start = time.perf_counter()
        done = self.store.done(self.suite.name)
        wanted = sum(1 for _ in grid(self.suite))
        missing = list(missing_cells(self.suite, done))
        self.found = wanted - len(missing)
        self.progress(self.found)
        if missing:
            with open_pool(backend, jobs, address) as pool:
                self._make(pool, missing)
        seconds = time.perf_counter() - start
        return Tally(wanted, self.found, self.made, self.failed, self.breakdowns, seconds)

    def _make(self, pool: Map, cells: Iterable[Cell]) -> None:
        rest = iter(cells)
        while not self._pass(pool, rest):
            # A worker died. Each run in progress is repeated alone, to find the one that ends its worker.
            for cell in list(self.in_progress.values()):
                self._alone(pool, cell)

    def _alone(self, pool: Map, cell: Cell) -> None:
        for _ in range(MAX_DEATHS):
            self.in_progress = {}
            if self._pass(pool, iter([cell]), one_at_a_time=True):
                return
        message = f"its worker died {MAX_DEATHS} times in a row (killed, out of memory, or a crash)"
        self._record(RunOutcome(cell, error=message, traceback=self.last_break, environment=environment()))

    def _pass(self, pool: Map, cells: Iterator[Cell], one_at_a_time: bool = False) -> bool:
        """Send cells to the pool and write each outcome; return True when all ended, False when the pool breaks."""
        results = pool(self._sent(cells), one_at_a_time)
        try:
            while True:
                try:
                    outcome = next(results)
                except StopIteration:
                    return True
                except Exception as error:  # `execute` raises nothing, so it is the pool
                    self._note_break(error)
                    return False
                self._record(outcome)
        finally:
            close = getattr(results, "close", None)
            if close is not None:
                close()

    def _sent(self, cells: Iterator[Cell]) -> Iterator[Cell]:
        for cell in cells:
            self.in_progress[cell.key] = cell
            yield cell

    def _record(self, outcome: RunOutcome) -> None:
        self.in_progress.pop(outcome.cell.key, None)
        self.breaks_in_a_row = 0
        self.store.put(outcome)
        self.made += 1
        self.failed += outcome.failed
        self.progress(self.found + self.made)

    def _note_break(self, error: Exception) -> None:
        self.breakdowns += 1
        self.breaks_in_a_row += 1
        self.last_break = f"{type(error).__name__}: {str(error).strip() or 'no reason given'}"
        if self.breaks_in_a_row > MAX_BREAKS:
            raise InputError(f"the workers keep dying ({self.last_break}); all runs written so far are safe") from error
