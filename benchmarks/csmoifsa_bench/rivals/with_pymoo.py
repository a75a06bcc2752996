"""pymoo's algorithms, ours, and any other that follows pymoo's interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
from pymoo.core.sampling import Sampling

from csmoifsa.errors import InputError
from csmoifsa.plugins import load_algorithm
from csmoifsa_bench.rivals import Generation, Task

if TYPE_CHECKING:
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.problem import Problem


class FixedSampling(Sampling):
    """Sampling operator of pymoo that returns a fixed initial population."""

    def __init__(self, X: np.ndarray):
        super().__init__()
        self.X = X

    def _do(self, problem: Problem, n_samples: int, *args: object, **kwargs: object) -> np.ndarray:
        return self.X[:n_samples]


def generations(problem: Problem, task: Task) -> Iterator[Generation]:
    """Yield after every generation; see `csmoifsa_bench.rivals`."""
    algorithm, same_start = _build(problem, task)
    if hasattr(algorithm, "engine"):
        vars(algorithm)["sampling"] = task.start if same_start else None  # ours take the array itself
    yield from follow(algorithm, problem, task, same_start)


def follow(algorithm: Algorithm, problem: Problem, task: Task, same_start: bool) -> Iterator[Generation]:
    """Run an algorithm of pymoo's interface on a problem; yield after every generation."""
    algorithm = deepcopy(algorithm)  # SPEA2's default survival is one object for all its instances, with a memory
    algorithm.setup(problem, termination=("n_gen", 2**62), seed=task.seed)
    while algorithm.has_next():
        algorithm.next()
        yield Generation(
            algorithm.evaluator.n_eval, _iteration(algorithm), lambda: _answer(algorithm, problem), same_start
        )


def _build(problem: Problem, task: Task) -> tuple[Algorithm, bool]:
    options = {"problem": problem, "pop_size": task.pop_size, **task.settings}
    if task.start is not None and "sampling" not in task.settings:
        with suppress(InputError):  # no initial population is accepted, or settings are wrong: the next line reports it
            return load_algorithm(task.name, **options, sampling=FixedSampling(task.start)), True
    return load_algorithm(task.name, **options), False


def _iteration(algorithm: Algorithm) -> int:
    """Return the number of finished iterations; csmoifsa's algorithms count their own, longer than one generation."""
    engine = getattr(algorithm, "engine", None)
    return int(getattr(engine, "iteration", algorithm.n_gen or 0))


def _answer(algorithm: Algorithm, problem: Problem) -> np.ndarray:
    engine = getattr(algorithm, "engine", None)
    if engine is not None and hasattr(engine, "front"):  # spares building pymoo's objects
        return engine.front().X
    opt = algorithm.opt
    if opt is None or len(opt) == 0:
        return np.empty((0, problem.n_var))
    return np.atleast_2d(np.asarray(opt.get("X"), dtype=float))
