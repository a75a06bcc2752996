"""Run algorithms under COCO's own observer, and count the targets of COCO that they reached.

The observer keeps an archive of every non-dominated candidate that was evaluated and measures its hypervolume, scaled
by COCO's ideal and nadir points, against a reference value that comes with the package (instances 1 to 10; for 11 to 15
it has none and takes 1). Targets: reference minus one of 58 precisions, see `PRECISIONS`. Source: Brockhoff et al.,
"Biobjective performance assessment with the COCO platform", arXiv:1605.01746.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from zlib import crc32

import cocoex
import numpy as np
from pymoo.core.problem import Problem

from csmoifsa.errors import InputError
from csmoifsa.plugins import load_algorithm
from csmoifsa_coco.problems import BbobBiobj

PRECISIONS = np.concatenate([-(10.0 ** np.linspace(-4, -5, 6)), [0.0], 10.0 ** np.linspace(-5, 0, 51)])


class BudgetSpent(Exception):  # noqa: N818 - the end of the budget is no error
    """The algorithm asks for more evaluations than its budget."""


class Observed(Problem):
    """A problem with COCO's observer attached; one object for all copies, so that no evaluation is missed.

    Parameters
    ----------
    inner : BbobBiobj
        The problem.
    observer : cocoex.Observer
        Writes COCO's files.
    budget : int
        The most evaluations.
    """

    def __init__(self, inner: BbobBiobj, observer: cocoex.Observer, budget: int) -> None:
        super().__init__(n_var=inner.n_var, n_obj=2, xl=inner.xl, xu=inner.xu, vtype=float)
        self.inner, self.budget, self.n_eval = inner, budget, 0
        inner.coco.observe_with(observer)

    def _evaluate(self, X: np.ndarray, out: dict[str, np.ndarray], *args: object, **kwargs: object) -> None:
        if self.n_eval + len(X) > self.budget:
            raise BudgetSpent
        self.n_eval += len(X)
        self.inner._evaluate(X, out)

    def __deepcopy__(self, memo: object) -> Observed:
        return self

    def close(self) -> None:
        """Let COCO write the last line of the problem's files."""
        self.inner.coco.free()


def observe(
    algorithm: str,
    functions: Sequence[int],
    dimension: int,
    instances: Sequence[int],
    budget: int,
    folder: Path,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Run one algorithm on functions x instances, one run each, and return the folder of COCO's files.

    Parameters
    ----------
    algorithm : str
        As `csmoifsa.plugins.load_algorithm` takes it; a population of 100, or the budget if that is less.
    functions, dimension, instances
        See `csmoifsa_coco.problems.BbobBiobj`.
    budget : int
        Evaluations of a run, at least 20.
    folder : Path
        COCO makes ``exdata/ALGORITHM`` inside it, or ``ALGORITHM-0001`` and so on where that exists.
    seed : int
        Every run's seed follows from it, the function, dimension and instance.
    progress : callable, optional
        Called with the number of runs made.

    Raises
    ------
    InputError
        There is no algorithm of that name, the suite has no such function, or the budget is too small.
    """
    from pymoo.optimize import minimize

    if budget < 20:
        raise InputError(f"the budget must be at least 20 evaluations, got {budget}")
    jobs = [BbobBiobj(function, dimension, instance) for function in functions for instance in instances]
    load_algorithm(algorithm, problem=jobs[0], pop_size=min(100, budget))
    folder.mkdir(parents=True, exist_ok=True)
    cocoex.log_level("warning")  # its notes go to stdout, where a command's JSON belongs
    with chdir(folder):  # COCO writes below the working folder only
        options = f"result_folder: {algorithm} algorithm_name: {algorithm} log_nondominated: none"
        observer = cocoex.Observer("bbob-biobj", options)
        written = folder / observer.result_folder
        for done, inner in enumerate(jobs, 1):
            problem = Observed(inner, observer, budget)
            method = load_algorithm(algorithm, problem=problem, pop_size=min(100, budget))
            try:
                of_run = crc32(f"{seed} {inner.function} {dimension} {inner.instance}".encode()) % (2**31 - 1)
                minimize(problem, method, ("n_gen", 2**62), seed=of_run)
            except BudgetSpent:
                pass
            finally:
                problem.close()
            if progress is not None:
                progress(done)
    return written


def indicator_values(folder: Path) -> Iterator[tuple[str, int, float, float]]:
    """Yield (file's function and dimension, instance, reference value, distance at the end) of each run in a folder."""
    for path in sorted(folder.rglob("*_hyp.tdat")):
        instance, reference, last = 0, 0.0, float("nan")
        for line in [*path.read_text(encoding="utf-8").splitlines(), "% end"]:
            if line.startswith("%"):
                if instance and not np.isnan(last):
                    yield path.name.removesuffix("_hyp.tdat"), instance, reference, last
                    instance, last = 0, float("nan")
                if line.startswith("% instance"):
                    first, second = line.split(",")[:2]
                    instance, reference = int(first.split("=")[1]), float(second.split("=")[1])
            elif line.strip():
                last = float(line.split()[1])


def share_of_targets(distance: float) -> float:
    """Return the share of the 58 targets that a distance from the reference hypervolume reaches."""
    return float(np.mean(distance <= PRECISIONS))
