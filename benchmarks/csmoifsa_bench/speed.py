"""Measure the CPU time of algorithms for each evaluation, on the plain problem, without recording.

Algorithms run one after the other in one process, each after a short warm-up run; every repeat runs all algorithms, so
that a slow period of the machine affects all of them. Compare ratios within one table, not times of two tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import TypedDict

from csmoifsa.plugins import load_problem
from csmoifsa_bench.cells import derive_seed
from csmoifsa_bench.execute import environment, first_population, quiet
from csmoifsa_bench.rivals import Task, generations, require
from csmoifsa_bench.store import Store
from csmoifsa_bench.suite import AlgorithmEntry, SpeedEntry, Suite


class SpeedRow(TypedDict):
    """A row of the table: CPU time of an algorithm for each evaluation [us] and its ratio to the first algorithm's."""

    algorithm: str
    problem: str
    n_eval: int
    microseconds: float
    ratio: float


def time_suite(
    suite: Suite,
    store: Store,
    *,
    full: Suite | None = None,
    trust: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[SpeedRow]:
    """Time all algorithms of a suite, write the CPU times to the results file and return the table's rows.

    ``full`` is the suite to store if ``suite`` is only a part of it; without ``trust`` a suite that names code of its
    own is refused.

    Returns
    -------
    list of dict
        algorithm, problem, n_eval, microseconds (CPU, median an evaluation), ratio (to the first algorithm).
    """
    if not trust:
        suite.refuse_code()
    plan = suite.speed or SpeedEntry()
    for library in {algorithm.library for algorithm in suite.algorithms}:
        require(library)
    store.put_suite(full or suite)
    for algorithm in suite.algorithms:
        cpu_seconds(plan, algorithm, suite.pop_size, 0, n_eval=10 * suite.pop_size)  # compiles and imports
    seconds: dict[str, list[float]] = {algorithm.label: [] for algorithm in suite.algorithms}
    for repeat in range(plan.repeats):
        for done, algorithm in enumerate(suite.algorithms, 1):
            seconds[algorithm.label].append(cpu_seconds(plan, algorithm, suite.pop_size, repeat + 1))
            if progress is not None and repeat == plan.repeats - 1:
                progress(done)
    for label, values in seconds.items():
        store.put_speed(suite.name, label, plan.problem, plan.n_eval, values, environment())
    return speed_rows([(label, plan.problem, plan.n_eval, values) for label, values in seconds.items()])


def speed_rows(speeds: list[tuple[str, str, int, list[float]]]) -> list[SpeedRow]:
    """Return the table's rows of (algorithm, problem, evaluations, CPU times [s]), with ratios to the first row."""
    each = [1e6 * median(values) / n for _, _, n, values in speeds]
    return [
        {"algorithm": label, "problem": problem, "n_eval": n, "microseconds": spent, "ratio": spent / each[0]}
        for (label, problem, n, _), spent in zip(speeds, each, strict=True)
    ]


def cpu_seconds(
    plan: SpeedEntry, algorithm: AlgorithmEntry, pop_size: int, repeat: int, n_eval: int | None = None
) -> float:
    """Return the CPU time of one run on the plain problem [s], with the compiled evaluator if there is one."""
    budget = n_eval or plan.n_eval
    problem = load_problem(plan.problem, **plan.params)
    seed = derive_seed("speed", plan.problem, algorithm.label, repeat)
    start = first_population(problem, pop_size, seed)
    task = Task(algorithm.name, dict(algorithm.settings), pop_size, seed, start, (budget,))
    with quiet(seed):
        before = time.process_time()
        steps = generations(algorithm.library, problem, task)
        for generation in steps:
            if generation.n_eval >= budget:
                generation.answer()
                break
        seconds = time.process_time() - before
        steps.close()  # type: ignore[attr-defined]
    return seconds
