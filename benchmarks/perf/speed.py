"""How fast the engine is: whole runs beside rivals, growth with size, and the distance to the evaluation alone.

    python benchmarks/perf/speed.py

Everything is CPU time on one thread, warm, the best of several rounds in one process; only ratios within one run are
evidence. Before timing, values are asserted to agree: the same problem gives the same objectives to every library.
pygmo, jMetalPy and Platypus are timed where they are installed (extra ``peers``).
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from csmoifsa import CSMOIFSA, MOAFSA, load_problem

if TYPE_CHECKING:
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.problem import Problem
    from pymoo.core.result import Result

    from csmoifsa.engine import ImmuneFishSwarm
    from csmoifsa.problem import CompiledProblem

N_EVAL = 10_000


def cpu_seconds(run: Callable[[], object], rounds: int) -> float:
    """Return the least CPU time of several rounds, after one to warm up."""
    run()
    best = np.inf
    for _ in range(rounds):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def pymoo_run(problem: Problem, algorithm: Algorithm, n_eval: int = N_EVAL) -> Callable[[], Result]:
    """Return a run of a pymoo algorithm."""
    from pymoo.optimize import minimize

    return lambda: minimize(problem, algorithm, ("n_eval", n_eval), seed=1)


def without_kernel(problem: CompiledProblem) -> Problem:
    """Return the same problem as any user's: evaluated in batches through Python, by a function that costs little."""
    from pymoo.core.problem import Problem

    class Batch(Problem):
        def _evaluate(self, X: np.ndarray, out: dict[str, object], *args: object, **kwargs: object) -> None:
            F = np.empty((len(X), self.n_obj))
            problem.kernel(X, problem.kernel_data, F, np.empty((len(X), 0)))
            out["F"] = F

    return Batch(n_var=problem.n_var, n_obj=problem.n_obj, xl=problem.xl, xu=problem.xu)


def library(name: str) -> ModuleType | None:
    """Return a module of the extra ``peers``, or None, saying so, where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        print(f"{name} is not installed: no comparison with it")
        return None


def rivals() -> dict[str, tuple[Callable[[], object], int]]:
    """Return each run on ZDT1 with pop 100 that can be had, and its rounds."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.problems import get_problem

    problem = cast("CompiledProblem", load_problem("zdt1"))
    batch, numpy = without_kernel(problem), get_problem("zdt1")
    X = np.random.default_rng(0).random((50, problem.n_var))
    F = np.asarray(problem.evaluate(X, return_values_of=["F"]))
    for other in (batch, numpy):
        assert np.allclose(np.asarray(other.evaluate(X, return_values_of=["F"])), F), f"{other} differs from ours"
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "csmoifsa, compiled evaluator": (pymoo_run(problem, CSMOIFSA()), 7),
        "csmoifsa, problem in Python": (pymoo_run(batch, CSMOIFSA()), 5),
        "csmoifsa, problem in Python, 100 offspring": (pymoo_run(batch, CSMOIFSA(n_offsprings=100)), 5),
        "csmoifsa, pymoo's ZDT1 (numpy)": (pymoo_run(numpy, CSMOIFSA()), 5),
        "csmoifsa as in the paper": (pymoo_run(problem, CSMOIFSA(paper=True)), 3),
        "moafsa": (pymoo_run(problem, MOAFSA()), 3),
        "pymoo nsga2": (pymoo_run(problem, NSGA2(pop_size=100)), 3),
    }
    if pygmo := library("pygmo"):
        theirs = pygmo.problem(pygmo.zdt(1, 30))
        assert np.allclose([theirs.fitness(x) for x in X], F), "pygmo's ZDT1 differs from ours"

        def pygmo_run(kind: Callable[..., object]) -> Callable[[], object]:
            def run() -> object:
                population = pygmo.population(theirs, 100, seed=1)
                return pygmo.algorithm(kind(gen=N_EVAL // 100 - 1, seed=1)).evolve(population)

            return run

        runs["pygmo nsga2 (C++)"] = (pygmo_run(pygmo.nsga2), 5)
        runs["pygmo moead (C++)"] = (pygmo_run(pygmo.moead), 5)
    if jmetal := library("jmetal.algorithm.multiobjective.nsgaii"):
        logging.getLogger("jmetal").setLevel(logging.WARNING)
        crossover, mutation = import_module("jmetal.operator.crossover"), import_module("jmetal.operator.mutation")
        zdt1, stop = import_module("jmetal.problem").ZDT1(), import_module("jmetal.util.termination_criterion")

        def jmetal_run() -> object:
            algorithm = jmetal.NSGAII(
                problem=zdt1,
                population_size=100,
                offspring_population_size=100,
                mutation=mutation.PolynomialMutation(probability=1.0 / 30, distribution_index=20),
                crossover=crossover.SBXCrossover(probability=1.0, distribution_index=20),
                termination_criterion=stop.StoppingByEvaluations(max_evaluations=N_EVAL),
            )
            return algorithm.run()

        runs["jMetalPy nsgaii"] = (jmetal_run, 1)
    if platypus := library("platypus"):
        runs["Platypus nsgaii"] = (lambda: platypus.NSGAII(platypus.ZDT1(), population_size=100).run(N_EVAL), 1)
    return runs


def compare() -> None:
    """Print CPU time per evaluation of whole runs, and ratios to the bars' rivals."""
    times = {name: cpu_seconds(run, rounds) / N_EVAL * 1e6 for name, (run, rounds) in rivals().items()}
    table = pd.DataFrame({"us/evaluation": times})
    for rival in ("pymoo nsga2", "pygmo nsga2 (C++)"):
        if rival in times:
            table[f"/ {rival}"] = table["us/evaluation"] / times[rival]
    print(f"\nZDT1, pop 100, {N_EVAL:,} evaluations, whole run\n" + table.to_string(float_format="{:.3f}".format))


def three_objectives() -> None:
    """Print CPU time per evaluation of whole runs on UF8 beside pygmo's NSGA2 and pymoo's NSGA3."""
    from pymoo.algorithms.moo.nsga3 import NSGA3
    from pymoo.util.ref_dirs import get_reference_directions

    problem = load_problem("uf8")
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "csmoifsa, compiled evaluator": (pymoo_run(problem, CSMOIFSA()), 5),
        "csmoifsa, population 1,000": (pymoo_run(problem, CSMOIFSA(pop_size=1000)), 3),
        "pymoo nsga3": (pymoo_run(problem, NSGA3(get_reference_directions("das-dennis", 3, n_partitions=12))), 2),
    }
    if pygmo := library("pygmo"):
        theirs = pygmo.problem(pygmo.cec2009(8, False, problem.n_var))
        low, high = theirs.get_bounds()
        X = np.random.default_rng(0).uniform(low, high, (50, problem.n_var))
        ours = np.asarray(problem.evaluate(X, return_values_of=["F"]))
        assert np.allclose([theirs.fitness(x) for x in X], ours), "pygmo's UF8 differs from ours"

        def pygmo_run() -> object:
            population = pygmo.population(theirs, 100, seed=1)
            return pygmo.algorithm(pygmo.nsga2(gen=N_EVAL // 100 - 1, seed=1)).evolve(population)

        runs["pygmo nsga2 (C++)"] = (pygmo_run, 5)
    times = {name: cpu_seconds(run, rounds) / N_EVAL * 1e6 for name, (run, rounds) in runs.items()}
    table = pd.DataFrame({"us/evaluation": times})
    for rival in times.keys() - {"csmoifsa, compiled evaluator", "csmoifsa, population 1,000"}:
        table[f"/ {rival}"] = table["us/evaluation"] / times[rival]
    print(f"\nUF8 (three objectives), pop 100, {N_EVAL:,} evaluations, whole run")
    print(table.to_string(float_format="{:.3f}".format))


def floor() -> None:
    """Print where the time goes: evaluation alone, planning offspring, the compiled loop, the whole run."""
    from csmoifsa.jit import jit
    from csmoifsa.kernels.generation import plan_offspring

    @jit
    def evaluations(f, X, data, F, G, n):
        for _ in range(n):
            f(X, data, F, G)

    @jit
    def planning(population, count, memory, task, settings, offspring, n):
        for i in range(n):
            plan_offspring(population, count, i, memory, task, settings, offspring)

    problem = cast("CompiledProblem", load_problem("zdt1"))
    run = pymoo_run(problem, CSMOIFSA())
    engine = cast("ImmuneFishSwarm", cast("CSMOIFSA", run().algorithm).engine)
    X, F, G = np.random.default_rng(1).random((10, 30)), np.empty((10, 2)), np.empty((10, 0))
    board, memory, task, numbers = engine.board, engine._memory, engine._task, engine._parameters
    n, rounds = N_EVAL // 10, 7
    parts = {
        "whole run through minimize()": cpu_seconds(run, rounds),
        "compiled loop alone": cpu_seconds(
            lambda: engine.run_generations(problem.kernel, problem.kernel_data, N_EVAL, n_ieq=0, tolerance=1e-4), rounds
        ),
        "planning offspring alone": cpu_seconds(
            lambda: planning(board.population, board.count, memory, task, numbers, engine.offspring, n), rounds
        ),
        "evaluation alone (the floor)": cpu_seconds(
            lambda: evaluations(problem.kernel, X, problem.kernel_data, F, G, n), rounds
        ),
    }
    print("\nwhere the time goes, ZDT1")
    for name, seconds in parts.items():
        print(f"{name:32s} {seconds / N_EVAL * 1e6:8.3f} us/evaluation")


def growth() -> None:
    """Print how the time per evaluation grows with variables, objectives and board size, and the fitted exponents."""
    sweeps: dict[str, dict[int, Callable[[], object]]] = {
        "n_var (ZDT1)": {n: pymoo_run(load_problem("zdt1", n_var=n), CSMOIFSA()) for n in (10, 30, 100, 300, 1000)},
        "n_obj (DTLZ2)": {
            m: pymoo_run(load_problem("dtlz2", n_obj=m, n_var=m + 9), CSMOIFSA()) for m in (2, 3, 4, 5, 6, 8)
        },
        "board, two objectives (ZDT1)": {
            n: pymoo_run(load_problem("zdt1"), CSMOIFSA(pop_size=n)) for n in (50, 100, 200, 500, 1000)
        },
        "board, three objectives (DTLZ2)": {
            n: pymoo_run(load_problem("dtlz2"), CSMOIFSA(pop_size=n), 3000) for n in (50, 100, 200, 500)
        },
    }
    for label, runs in sweeps.items():
        n_eval = 3000 if "three" in label else N_EVAL
        times = {size: cpu_seconds(run, 2) / n_eval * 1e6 for size, run in runs.items()}
        sizes = np.array(list(times))
        slope = np.polyfit(np.log(sizes[-3:]), np.log(np.array(list(times.values()))[-3:]), 1)[0]
        cells = "  ".join(f"{size}: {value:.2f}" for size, value in times.items())
        print(f"{label:32s} us/evaluation  {cells}  exponent of the last three {slope:.2f}")


def start() -> None:
    """Print CPU time of whole processes, the first with an empty cache and later ones, beside pymoo's NSGA2."""
    search = "from pymoo.optimize import minimize; minimize({}, {}, ('n_eval', 1000), seed=1)"
    ours = "from csmoifsa import CSMOIFSA, load_problem; " + search.format("load_problem('zdt1')", "CSMOIFSA()")
    theirs = "from pymoo.problems import get_problem; from pymoo.algorithms.moo.nsga2 import NSGA2; "
    theirs += search.format("get_problem('zdt1')", "NSGA2()")
    solve = [f"{Path(sys.executable).parent}/csmoifsa", "solve", "zdt1", "--no-figures", "--n-eval", "1000"]
    with TemporaryDirectory() as folder:

        def seconds(arguments: list[str], rounds: int, cache: str) -> float:
            environment = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/{cache}"}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
            best = np.inf
            for _ in range(rounds):
                before = os.times()
                subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
                after = os.times()
                best = min(best, sum(after[2:4]) - sum(before[2:4]))
            return best

        first = min(seconds(["-c", ours], 1, f"empty{i}") for i in range(2))
        seconds(solve, 1, "warm")
        rows = {
            "csmoifsa from Python, empty cache": first,
            "csmoifsa from Python": seconds(["-c", ours], 5, "empty1"),
            "csmoifsa solve zdt1 --no-figures": seconds(solve, 5, "warm"),
            "pymoo nsga2 from Python": seconds(["-c", theirs], 5, "warm"),
        }
    print("\nwhole process, ZDT1, 1,000 evaluations\n                                     CPU seconds  / pymoo nsga2")
    for name, value in rows.items():
        print(f"{name:36s} {value:11.2f} {value / rows['pymoo nsga2 from Python']:14.2f}")


PARTS = {"compare": compare, "three": three_objectives, "floor": floor, "growth": growth, "start": start}


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*PARTS])
    only = parser.parse_args().only
    for name, part in PARTS.items():
        if only in (None, name):
            part()


if __name__ == "__main__":
    main()
