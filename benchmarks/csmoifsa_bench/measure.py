"""Compute the metrics of all fronts with the same code against the same true front.

A run without a feasible point has the worst value of each metric, so that it is counted and ranked last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import moocore
import numpy as np
import pandas as pd

from csmoifsa import metrics
from csmoifsa.errors import InputError
from csmoifsa.fronts import true_front
from csmoifsa.plugins import load_problem, refuse_code
from csmoifsa.typing import JsonObject
from csmoifsa_bench.cells import Cell, fingerprint, grid
from csmoifsa_bench.store import Store
from csmoifsa_bench.suite import Suite

MORE_IS_BETTER = frozenset({"hypervolume"})
TITLES = {
    "igd": "IGD",
    "igd_plus": "IGD+",
    "hypervolume": "hypervolume",
    "epsilon": "additive epsilon",
    "convergence": "convergence (GD)",
    "uniformity": "uniformity (spacing)",
    "error_ratio": "error ratio",
}


def worst(metric: str) -> float:
    """Return the value of a metric for a run without a feasible point."""
    return 0.0 if metric in MORE_IS_BETTER else 1.0 if metric == "error_ratio" else np.inf


Timing: TypeAlias = tuple[str, str, int, list[float]]  # algorithm, problem, evaluations, CPU times [s]


@dataclass
class Results:
    """Results of one suite from a results file, with metrics.

    Attributes
    ----------
    suite : Suite
        Its definition.
    table : DataFrame
        One row for each run and stop: problem, algorithm, repetition, stop, n_eval, n_points, and each metric.
    fronts : dict
        (problem, algorithm, repetition, stop) -> points (n, m).
    references : dict
        problem -> points (k, m) of the true front, for drawing.
    estimated : set of str
        Problems of unknown true front, which the non-dominated points of all runs replace.
    runs : DataFrame
        One row for each run: problem, algorithm, repetition, n_eval, same_start, wall_seconds, cpu_seconds [s].
    missing, failed : int
        Number of runs of the suite that are not in the file, and that failed.
    failures : set of tuple of str
        (problem, algorithm) of failed runs.
    environments : list of dict
        Versions, code and machines of the runs.
    speeds : list
        CPU times of timed runs, see `Store.speeds`.
    left_out : list of str
        One sentence for each part of the file that the report does not use.
    """

    suite: Suite
    table: pd.DataFrame
    fronts: dict[tuple[str, str, int, int], np.ndarray]
    references: dict[str, np.ndarray]
    estimated: set[str]
    runs: pd.DataFrame
    missing: int
    failed: int
    failures: set[tuple[str, str]]
    environments: list[JsonObject]
    speeds: list[Timing] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @cached_property
    def algorithms(self) -> list[str]:
        """Labels of the algorithms that have runs, in the suite's order."""
        present = set(self.table.algorithm)
        return [a.label for a in self.suite.algorithms if a.label in present]

    @cached_property
    def problems(self) -> list[str]:
        """Labels of the problems that have runs, in the suite's order."""
        present = set(self.table.problem)
        return [p.label for p in self.suite.problems if p.label in present]

    def values(self, metric: str, stop: int) -> dict[tuple[str, str], pd.Series]:
        """Return (problem, algorithm) -> values by repetition."""
        part = self.table.loc[self.table.stop == stop]
        return {
            (str(key[0]), str(key[1])): group.set_index("repetition")[metric].sort_index()
            for key, group in part.groupby(["problem", "algorithm"], sort=False)
        }


def read_results(store: Store, suite: Suite, progress: Callable[[float], None] | None = None) -> Results:
    """Read the runs of a suite and compute all metrics; ``progress`` is called with the share done, in [0, 1]."""
    cells = {cell.key: cell for cell in grid(suite)}
    rows = {key: row for key, row in store.runs(suite.name).items() if key in cells}
    kept: list[tuple[Cell, int, int, np.ndarray]] = [
        (cells[key], stop, n_eval, F) for key, stop, n_eval, F in store.fronts(suite.name) if key in cells
    ]
    references = _References(kept, store.true_fronts())
    table, fronts = [], {}
    for i, (cell, stop, n_eval, F) in enumerate(kept):
        if len(F) and F.shape[1] != references.of(cell).shape[1]:
            raise InputError(
                f"{store.path}: a front of {cell.problem}, {cell.algorithm} has {F.shape[1]} objectives, "
                f"its problem has {references.of(cell).shape[1]}: the file is damaged"
            )
        where = {"problem": cell.problem, "algorithm": cell.algorithm, "repetition": cell.repetition, "stop": stop}
        table.append({**where, "n_eval": n_eval, "n_points": len(F), **measure(F, references.of(cell), suite)})
        fronts[tuple(where.values())] = F
        if progress is not None and i % 100 == 0:
            progress(i / len(kept))
    columns = ["problem", "algorithm", "repetition", "stop", "n_eval", "n_points", *suite.metrics]
    runs = [
        {
            **{"problem": cells[key].problem, "algorithm": cells[key].algorithm, "repetition": cells[key].repetition},
            **{
                name: getattr(row, name) for name in ("n_eval", "same_start", "wall_seconds", "cpu_seconds", "finished")
            },
        }
        for key, row in rows.items()
        if row.status == "done"
    ]
    used = {row.environment for row in rows.values() if row.status == "done"}
    return Results(
        suite=suite,
        table=pd.DataFrame(table, columns=columns),
        fronts=fronts,
        references=references.drawn,
        estimated=references.estimated,
        runs=pd.DataFrame(runs),
        missing=len(cells) - len(rows),
        failed=sum(row.status == "failed" for row in rows.values()),
        failures={(cells[key].problem, cells[key].algorithm) for key, row in rows.items() if row.status == "failed"},
        environments=[facts for number, facts in store.environments().items() if number in used],
        speeds=_in_order(store.speeds(suite.name), [a.label for a in suite.algorithms]),
        left_out=references.left_out,
    )


def measure(F: np.ndarray, front: np.ndarray, suite: Suite) -> dict[str, float]:
    """Return the suite's metrics of a front ``F`` (n, m) against points of the true front (k, m)."""
    if len(F) == 0:
        return {name: worst(name) for name in suite.metrics}
    found = {}
    for name in suite.metrics:
        if name == "uniformity":
            found[name] = metrics.uniformity(F) if len(F) > 1 else worst(name)
        elif name == "error_ratio":
            found[name] = metrics.error_ratio(F, front, eps=suite.eps)
        else:
            found[name] = getattr(metrics, name)(F, front)
    return found


class _References:
    """The true front of the problem of each cell, or the non-dominated points of all runs if it is unknown.

    The front stored in the file is used. Files of earlier versions have none; then it is computed by the problem, if an
    installed package registers it. Code that the file names is never imported.
    """

    def __init__(self, kept: list[tuple[Cell, int, int, np.ndarray]], stored: dict[str, np.ndarray | None]):
        self.drawn: dict[str, np.ndarray] = {}
        self.estimated: set[str] = set()
        self.left_out: list[str] = []
        self._known: dict[str, np.ndarray] = {}
        self._stored = stored
        found: dict[str, list[np.ndarray]] = {}
        for cell, _, _, F in kept:
            mark = cell.problem_key
            if mark not in self._known and mark not in found:
                front = self._front(cell)
                if front is None:
                    found[mark] = []
                    self.estimated.add(cell.problem)
                else:
                    self._known[mark] = front
            if mark in found and len(F):
                found[mark].append(F)
        for mark, fronts in found.items():
            widths = {F.shape[1] for F in fronts}
            everything = np.unique(np.vstack(fronts), axis=0) if len(widths) == 1 else np.empty((0, 0))
            self._known[mark] = everything[moocore.is_nondominated(everything)] if everything.size else everything
        for cell, *_ in kept:
            self.drawn.setdefault(cell.problem, self.of(cell))

    def of(self, cell: Cell) -> np.ndarray:
        return self._known[cell.problem_key]

    def _front(self, cell: Cell) -> np.ndarray | None:
        if cell.problem_key in self._stored:
            return self._stored[cell.problem_key]
        try:
            refuse_code("problem", cell.problem_name, "a results file")
            return true_front(load_problem(cell.problem_name, **cell.problem_params))
        except Exception as error:  # whatever the class does with parameters of another version
            kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
            self._leave_out(cell, "it names code" if ":" in cell.problem_name else f"{kind}{error}")
            return None

    def _leave_out(self, cell: Cell, why: str) -> None:
        sentence = (
            f"the true front of {cell.problem}, which is not in the file ({why}); 'csmoifsa bench run' with its suite "
            "adds it, until then all its runs together stand for it"
        )
        if sentence not in self.left_out:
            self.left_out.append(sentence)


def code_states(environments: list[JsonObject]) -> list[JsonObject]:
    """Return the different states of the code among environments: versions and source, whatever the machine.

    Runs of other libraries' algorithms name no state of our source; they go with any of the same versions.
    """
    states = {fingerprint([e.get("versions"), e.get("code"), e.get("python")]): e for e in environments}
    named = {fingerprint([e.get("versions"), e.get("python")]) for e in states.values() if e.get("code")}
    return [
        e for e in states.values() if e.get("code") or fingerprint([e.get("versions"), e.get("python")]) not in named
    ]


def best_possible_igd(front: np.ndarray, points: int) -> float:
    """Return the smallest IGD, scaled, of ``points`` points of the front (k, m) itself, to about one percent.

    Evenly spread points are replaced, in turn, by the median of the part of the front that is nearest to them (Lloyd's
    algorithm) until the IGD no longer falls; the smaller result of two initial choices is returned.
    """
    from scipy.spatial.distance import cdist

    from csmoifsa_bench.recorder import truncate

    scaled = np.unique(metrics.normalise(front, front), axis=0)
    if len(scaled) <= points:
        return 0.0
    distance = cdist(scaled, scaled)
    place = {tuple(row): i for i, row in enumerate(scaled.tolist())}
    spread = np.array([place[tuple(row)] for row in truncate(scaled, points).tolist()])
    middles = np.array([part[len(part) // 2] for part in np.array_split(np.arange(len(scaled)), points)])
    return min(_lloyd(distance, spread), _lloyd(distance, middles))


def _lloyd(distance: np.ndarray, chosen: np.ndarray) -> float:
    best = np.inf
    while (now := float(distance[:, chosen].min(axis=1).mean())) < best * (1 - 1e-6):
        best = now
        nearest = distance[:, chosen].argmin(axis=1)
        members = [np.flatnonzero(nearest == j) for j in range(len(chosen))]
        chosen = np.array([m[distance[np.ix_(m, m)].sum(axis=0).argmin()] for m in members if len(m)])
    return best


def evaluations_to(results: Results, factor: float) -> pd.DataFrame:
    """Return how many evaluations each run needed to reach ``factor`` times the best possible IGD.

    Returns
    -------
    DataFrame
        problem, algorithm, repetition, target, n_eval (infinite if the run did not reach it); as fine as the stops.
    """
    rows = []
    for problem in results.problems:
        if problem in results.estimated or "igd" not in results.suite.metrics:
            continue
        target = factor * best_possible_igd(results.references[problem], results.suite.points)
        part = results.table.loc[results.table.problem == problem].sort_values("stop")
        for key, run in part.groupby(["algorithm", "repetition"], sort=False):
            reached = run.n_eval[run.igd <= target]
            rows.append(
                {
                    **{"problem": problem, "algorithm": key[0], "repetition": key[1], "target": target},
                    "n_eval": float(reached.iloc[0]) if len(reached) else np.inf,
                }
            )
    return pd.DataFrame(rows, columns=["problem", "algorithm", "repetition", "target", "n_eval"])


def _in_order(speeds: list[Timing], labels: list[str]) -> list[Timing]:
    return sorted((row for row in speeds if row[0] in labels), key=lambda row: labels.index(row[0]))
