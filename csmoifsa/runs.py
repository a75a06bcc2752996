"""One run as a pure function of (problem, algorithm, budget, seed), and the files with its result."""

from __future__ import annotations

import csv
import platform
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import moocore
import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, write_json
from csmoifsa.folders import result_folder
from csmoifsa.typing import Resumable
from csmoifsa.variables import coding_of

if TYPE_CHECKING:
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.problem import Problem

    from csmoifsa.typing import Json

VERSIONS_OF = ("csmoifsa", "numpy", "numba", "pymoo", "moocore")


@dataclass(frozen=True)
class Run:
    """Result of a run: the candidates found, and the effort.

    Attributes
    ----------
    X : (n, n_var) array, or (n,) array of dict
        Variables of the mutually non-dominated feasible candidates, in lexicographic order of the objectives; if no
        candidate was feasible, of those that violate the constraints least. Named variables are dicts.
    F : (n, n_obj) array
        Objectives of the same candidates.
    CV : (n,) array
        Total constraint violation, 0 for a feasible candidate.
    feasible : bool
        Whether the candidates are feasible.
    n_eval : int
        Number of evaluations made.
    seed : int
        Seed of the algorithm.
    seconds : float
        Wall-clock time of the search [s].
    """

    X: np.ndarray
    F: np.ndarray
    CV: np.ndarray
    feasible: bool
    n_eval: int
    seed: int
    seconds: float

    @property
    def n_front(self) -> int:
        """Number of candidates on the front; 0 if none is feasible."""
        return len(self.F) if self.feasible else 0


class Checkpoint:
    """Periodic saves of a run, and one at its end; a save that fails causes a warning and the run continues.

    Parameters
    ----------
    path : path
        File that the algorithm's ``save`` writes.
    every : float
        Least time between two saves [s]; 0 saves after each generation.

    Raises
    ------
    InputError
        ``every`` is negative or NaN.
    """

    def __init__(self, path: str | Path, every: float):
        if not every >= 0.0:
            raise InputError(f"the seconds between two checkpoints must be a number of at least 0, got {every!r}")
        self.path = Path(path)
        self.every = every
        self._last = time.monotonic()
        self._saved: int | None = None  # evaluations at the last save
        self._warned = False

    def consider(self, algorithm: Resumable) -> None:
        """Save the run if ``every`` seconds have passed since the last save."""
        if time.monotonic() - self._last >= self.every:
            self._save(algorithm, "the run goes on and tries again")

    def finish(self, algorithm: Resumable) -> None:
        """Save the end of the run, unless the last save was of it."""
        if algorithm.evaluator.n_eval != self._saved:
            self._warned = False
            self._save(algorithm, "the result is not affected, but the run cannot be resumed from here")

    def _save(self, algorithm: Resumable, outlook: str) -> None:
        try:
            algorithm.save(self.path)
            self._saved = algorithm.evaluator.n_eval
        except InputError as error:
            if not self._warned:
                warnings.warn(f"the run was not saved: {error}; {outlook}", RuntimeWarning, stacklevel=2)
            self._warned = True
        self._last = time.monotonic()


def solve(
    problem: Problem,
    algorithm: Algorithm,
    *,
    n_eval: int = 10_000,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Run:
    """Run an algorithm on a problem and return the result.

    Parameters
    ----------
    problem : pymoo.core.problem.Problem
        Problem to solve, e.g. from `csmoifsa.plugins.load_problem`.
    algorithm : pymoo.core.algorithm.Algorithm
        Algorithm to run, e.g. from `csmoifsa.plugins.load_algorithm`; it is copied, not changed.
    n_eval : int
        Budget of evaluations. pymoo's own algorithms check it once a generation and may exceed it.
    seed : int
        Seed of the algorithm; the same seed yields the same result.
    progress : callable, optional
        Called with the number of evaluations made so far.
    checkpoint : Checkpoint, optional
        Where and how often to save the run, for algorithms of this package and others that are
        `csmoifsa.typing.Resumable`.

    Raises
    ------
    InputError
        The algorithm cannot handle the problem, returns values that its variables cannot take or cannot be saved; or
        ``n_eval`` or ``seed`` is invalid.
    """
    from pymoo.core.callback import Callback
    from pymoo.optimize import minimize

    class Report(Callback):
        def notify(self, algorithm: Resumable) -> None:
            if progress is not None:
                progress(algorithm.evaluator.n_eval)
            if checkpoint is not None:
                checkpoint.consider(algorithm)

    for name, value, least in (("n_eval", n_eval, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    if checkpoint is not None and not isinstance(algorithm, Resumable):
        raise InputError(
            f"{type(algorithm).__name__} cannot be saved and resumed: it lacks save, load or settings; "
            "csmoifsa and moafsa can"
        )
    coding = coding_of(problem)
    options: dict[str, Any] = {} if progress is None and checkpoint is None else {"callback": Report()}
    start = time.perf_counter()
    try:
        result = minimize(problem, algorithm, ("n_eval", n_eval), seed=seed, **options)
    except AssertionError as error:  # how pymoo's algorithms refuse a problem
        reason = f": {error}" if str(error) else ""
        raise InputError(f"{type(algorithm).__name__} cannot run on {problem.name()}{reason}") from error
    except TypeError as error:
        if coding.variables is None or isinstance(algorithm, Resumable):
            raise
        raise InputError(
            f"{type(algorithm).__name__} cannot run on the named variables of {problem.name()}: {error}; csmoifsa, "
            "moafsa and pymoo's MixedVariableGA can"
        ) from error
    seconds = time.perf_counter() - start
    if checkpoint is not None:
        checkpoint.finish(result.algorithm)

    X, F, CV = (np.asarray(a) for a in result.algorithm.opt.get("X", "F", "CV"))
    CV = CV.reshape(len(F), -1).sum(axis=1)
    feasible = bool((CV <= 0).any())
    allowed = max(float(CV.min()), 0.0)
    keep = np.less_equal(CV, allowed)
    X, F, CV = X[keep], F[keep], CV[keep]
    if feasible:
        keep = moocore.is_nondominated(F, keep_weakly=True)
        X, F, CV = X[keep], F[keep], CV[keep]
    codes = coding.encoded(X)
    if (coding.whole & (codes != np.rint(codes))).any():
        raise InputError(
            f"{type(algorithm).__name__} returned fractions for variables of {problem.name()} that are whole numbers; "
            "csmoifsa and moafsa search whole numbers, pymoo's algorithms need operators such as RoundingRepair()"
        )
    order = np.lexsort(np.hstack([F, codes]).T[::-1])
    return Run(X[order], F[order], CV[order], feasible, int(result.algorithm.evaluator.n_eval), seed, seconds)


def run_metrics(run: Run, front: np.ndarray | None) -> dict[str, float | None]:
    """Return the scaled igd, igd_plus and hypervolume of a run (see `csmoifsa.metrics`).

    All are None if the true front is unknown (``front`` is None) or the run found no feasible candidate.
    """
    from csmoifsa import metrics

    if front is None or not run.feasible:
        return dict.fromkeys(("igd", "igd_plus", "hypervolume"))
    return {**metrics.summary(run.F, front)}


def write_run(run: Run, folder: str | Path, facts: Mapping[str, Json]) -> None:
    """Write ``front.csv`` (candidates, objectives, violations) and ``run.json`` (facts) of a run.

    Parameters
    ----------
    run : Run
        Result to write.
    folder : path
        Folder for the files; created if it does not exist.
    facts : mapping
        Entries of ``run.json`` beside the machine and the versions.
    """
    named = run.X.ndim == 1
    variables = [*run.X[0]] if named else [f"x{i + 1}" for i in range(run.X.shape[1])]
    positions = [[*x.values()] for x in run.X] if named else run.X.tolist()
    values = np.column_stack([run.F, run.CV]).tolist()
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    with result_folder(folder, "solve") as place:
        with atomic_write(place / "front.csv") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*variables, *(f"f{i + 1}" for i in range(run.F.shape[1])), "cv"])
            writer.writerows([_text(v) for v in (*x, *row)] for x, row in zip(positions, values, strict=True))
        write_json(place / "run.json", {**facts, "versions": {n: version(n) for n in VERSIONS_OF}, **machine})


def _text(value: object) -> str:
    """Return a value as text: a number as the shortest that reads back to the same number."""
    return value if isinstance(value, str) else repr(value)
