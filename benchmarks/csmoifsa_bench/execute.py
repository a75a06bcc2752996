"""Make one run: a function from a cell to its outcome that writes no file and can run on any machine."""

from __future__ import annotations

import os
import platform
import random
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.fronts import true_front
from csmoifsa.plugins import ALGORITHMS, load_problem
from csmoifsa.requirements import bounds_of
from csmoifsa_bench.cells import Cell
from csmoifsa_bench.recorder import Exhausted, Recorder, Snapshot
from csmoifsa_bench.rivals import Task, generations

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

    from csmoifsa.typing import JsonObject

# whose versions are written beside each run
PACKAGES = (
    *("csmoifsa", "numpy", "numba", "pymoo", "moocore", "joblib", "pygmo", "jmetalpy", "platypus-opt"),
    *("pymoode", "comocma", "cma", "deap", "coco-experiment"),
)


OURS = frozenset(ALGORITHMS)
MOST_FRONTS = 100  # true fronts that a process remembers
_FRONTS: dict[str, np.ndarray] = {}
# the modules that decide what a run finds, beside the kernels
_DECISIVE = ("algorithm", "board", "engine", "jit", "moafsa", "settings")


@dataclass(frozen=True)
class RunOutcome:
    """Result of one run.

    Attributes
    ----------
    cell : Cell
        Settings of the run.
    snapshots : list of Snapshot
        Front at each stop; empty if the run failed.
    error, traceback : str
        Error of a failed run; empty otherwise.
    n_eval : int
        Number of evaluations.
    same_start : bool
        Whether the run began with the common initial population of its repetition.
    wall_seconds, cpu_seconds : float
        Wall-clock and CPU time of algorithm, evaluation and recording [s].
    environment : dict
        Versions, code and machine of the run.
    true_front : (k, m) array, optional
        Points of the problem's true front, so that a report imports no code of the problem; no rows if unknown.
    """

    cell: Cell
    snapshots: list[Snapshot] = field(default_factory=list)
    error: str = ""
    traceback: str = ""
    n_eval: int = 0
    same_start: bool = False
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    environment: JsonObject = field(default_factory=dict)
    true_front: np.ndarray | None = None

    @property
    def failed(self) -> bool:
        """Whether the run ended in an error."""
        return bool(self.error)


def execute(cell: Cell) -> RunOutcome:
    """Make one run; an error in it is returned as an outcome with the traceback, and never raised."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        recorder, same_start = _run(cell)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return RunOutcome(
            cell,
            snapshots=recorder.fronts(cell.points),
            n_eval=recorder.n_eval,
            same_start=same_start,
            wall_seconds=wall,
            cpu_seconds=cpu,
            environment=environment(cell.algorithm_name in OURS),
            true_front=known_front(cell),
        )
    except Exception as error:
        return RunOutcome(
            cell,
            error=f"{type(error).__name__}: {error}",
            traceback=traceback.format_exc(),
            wall_seconds=time.perf_counter() - wall,
            cpu_seconds=time.process_time() - cpu,
            environment=environment(cell.algorithm_name in OURS),
        )


def known_front(cell: Cell) -> np.ndarray:
    """Return points of the true front of a cell's problem, (k, m); no rows if the problem has none."""
    if cell.problem_key not in _FRONTS:
        if len(_FRONTS) >= MOST_FRONTS:
            _FRONTS.clear()
        _FRONTS[cell.problem_key] = _true_front(cell)
    return _FRONTS[cell.problem_key]


def _true_front(cell: Cell) -> np.ndarray:
    problem, front = load_problem(cell.problem_name, **cell.problem_params), None
    with suppress(Exception):  # an error in the problem's code for its front does not affect the run
        front = true_front(problem)
    if front is None or front.ndim != 2 or front.shape[1] != problem.n_obj or not np.isfinite(front).all():
        return np.empty((0, problem.n_obj))
    return front


def _run(cell: Cell) -> tuple[Recorder, bool]:
    problem = load_problem(cell.problem_name, **cell.problem_params)
    if getattr(problem, "vars", None) is not None or np.dtype(problem.vtype).kind != "f":
        raise InputError(
            f"problem {cell.problem_name!r} has variables that are not real numbers, which most algorithms of a "
            "campaign do not search; solve it with 'csmoifsa solve'"
        )
    recorder = Recorder(problem, cell.stops, cell.count)
    task = Task(
        name=cell.algorithm_name,
        settings=dict(cell.settings),
        pop_size=cell.pop_size,
        seed=cell.seed,
        start=first_population(problem, cell.pop_size, cell.start_seed),
        stops=cell.stops,
        count=cell.count,
    )
    same_start = False
    with quiet(cell.seed):
        steps = generations(cell.library, recorder, task)
        try:
            for generation in steps:
                same_start = generation.same_start
                if not recorder.report(generation.answer, generation.iteration):
                    break
        except Exhausted:
            pass
        finally:
            steps.close()  # type: ignore[attr-defined]
    return recorder, same_start


@contextmanager
def quiet(seed: int) -> Iterator[None]:
    """Seed the global random generators, restore their states at the end, and suppress warnings of libraries."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def first_population(problem: Problem, pop_size: int, seed: int) -> np.ndarray | None:
    """Return the initial population of a repetition, (pop_size, n_var); None for a problem without bounds.

    It is uniform within the bounds, as in most libraries.
    """
    if problem.xl is None or problem.xu is None:
        return None
    return np.random.default_rng(seed).uniform(*bounds_of(problem), (pop_size, problem.n_var))


@cache
def environment(ours: bool = True) -> JsonObject:
    """Return versions and machine of this process; if ``ours``, also the state of csmoifsa's code.

    Runs of other libraries' algorithms are thus independent of changes in csmoifsa's code.
    """
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "versions": versions,
        "code": code_state() if ours else "",
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "node": platform.node(),
    }


def code_state() -> str:
    """Return a hash of the source of csmoifsa's algorithms, which distinguishes states of one version."""
    import csmoifsa

    folder = Path(csmoifsa.__file__).parent
    digest = sha256()
    for path in (*(folder / f"{name}.py" for name in _DECISIVE), *sorted(folder.glob("kernels/**/*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
