"""Integer, binary and mixed variables: hypervolume beside pymoo's MixedVariableGA and Optuna's NSGA-II.

    python benchmarks/perf/mixed.py --runs 11

All at equal evaluations, population 100, otherwise their own defaults. The hypervolume is scaled by the ideal and nadir
point of all mutually non-dominated points that any run found on the problem, reference point 1.1. The smaller of two
algorithms' medians is told from the larger by a rank-sum test. Optuna (PyPI: optuna) takes part where it is installed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import moocore
import numpy as np
import pandas as pd
from pymoo.algorithms.moo.nsga2 import RankAndCrowdingSurvival
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.problem import ElementwiseProblem
from pymoo.core.variable import Binary, Choice, Integer, Real, Variable
from pymoo.optimize import minimize
from scipy import stats

from csmoifsa import CSMOIFSA, load_problem
from csmoifsa.requirements import bounds_of
from csmoifsa_re.kernels.machines import WIRES
from csmoifsa_re.kernels.structures import STEEL_AREAS

N_EVAL, POP_SIZE, MOST_POINTS = 3_000, 100, 100


class Named(ElementwiseProblem):
    """A problem of real vectors, some of whose variables are whole numbers or choices.

    Parameters
    ----------
    function : callable
        Objectives (n_obj,) of a vector (n_var,).
    """

    def __init__(self, variables: dict[str, Variable], n_obj: int, function: Callable[[np.ndarray], np.ndarray]):
        super().__init__(vars=variables, n_obj=n_obj)
        self.function = function

    def _evaluate(self, x: dict[str, float], out: dict[str, object], *args: object, **kwargs: object) -> None:
        out["F"] = self.function(np.array([float(value) for value in x.values()]))


def engineering(name: str, whole: dict[int, list[float] | None]) -> Named:
    """Return a problem of the RE suite; ``whole`` says which variables are integers, None, or of which options."""
    inner = load_problem(name)
    variables: dict[str, Variable] = {}
    for k, (low, high) in enumerate(np.transpose(bounds_of(inner)).tolist()):
        if k not in whole:
            variables[f"x{k}"] = Real(bounds=(low, high))
        elif (options := whole[k]) is None:
            variables[f"x{k}"] = Integer(bounds=(int(low), int(high)))
        else:
            variables[f"x{k}"] = Choice(options=[one for one in options if low <= one <= high])
    return Named(variables, inner.n_obj, lambda x: inner.evaluate(x[None])[0])


def knapsack() -> Named:
    """Return weight against value of 60 things, each taken or not."""
    random = np.random.default_rng(7)
    weight, value = random.uniform(1, 10, 60), random.uniform(1, 10, 60)
    return Named({f"x{k}": Binary() for k in range(60)}, 2, lambda x: np.array([weight @ x, value @ (1.0 - x)]))


def grid() -> Named:
    """Return the distances of a point of an integer grid in ten dimensions from two targets."""
    random = np.random.default_rng(8)
    targets, scale = random.uniform(-40, 40, (2, 10)), random.uniform(0.5, 2.0, 10)
    variables: dict[str, Variable] = {f"x{k}": Integer(bounds=(-50, 50)) for k in range(10)}
    return Named(variables, 2, lambda x: (scale * (x - targets) ** 2).sum(axis=1))


def materials() -> Named:
    """Return stiffness against cost of eight parts, each of one of six materials without an order, and their sizes."""
    random = np.random.default_rng(9)
    stiffness, cost = random.uniform(1, 10, (8, 6)), random.uniform(1, 10, (8, 6))
    variables: dict[str, Variable] = {f"m{k}": Choice(options=[*range(6)]) for k in range(8)}
    variables |= {f"s{k}": Real(bounds=(0.2, 2.0)) for k in range(8)}

    def function(x: np.ndarray) -> np.ndarray:
        kinds, sizes = x[:8].astype(int), x[8:]
        rows = np.arange(8)
        weakest = (1.0 / (stiffness[rows, kinds] * sizes**2)).sum()
        return np.array([weakest, (cost[rows, kinds] * sizes).sum()])

    return Named(variables, 2, function)


PROBLEMS: dict[str, Callable[[], Named]] = {
    "concrete beam (RE22)": lambda: engineering("re22", {0: [*STEEL_AREAS]}),
    "pressure vessel (RE23)": lambda: engineering("re23", {0: None, 1: None}),
    "coil spring (RE25)": lambda: engineering("re25", {0: None, 2: [*WIRES]}),
    "speed reducer (RE35)": lambda: engineering("re35", {2: None}),
    "gear train (RE36)": lambda: engineering("re36", {0: None, 1: None, 2: None, 3: None}),
    "knapsack, 60 binary": knapsack,
    "grid, 10 integers": grid,
    "materials, 8 choices and 8 real": materials,
}


def by_csmoifsa(problem: Named, seed: int) -> np.ndarray:
    """Return the objectives (n, n_obj) that a run of CSMOIFSA ends with."""
    return np.asarray(minimize(problem, CSMOIFSA(pop_size=POP_SIZE), ("n_eval", N_EVAL), seed=seed).F)


def by_mixed_variable_ga(problem: Named, seed: int) -> np.ndarray:
    """Return the objectives that a run of pymoo's MixedVariableGA ends with."""
    survival: Any = RankAndCrowdingSurvival()
    algorithm = MixedVariableGA(pop_size=POP_SIZE, survival=survival)
    return np.asarray(minimize(problem, algorithm, ("n_eval", N_EVAL), seed=seed).F)


def by_optuna(problem: Named, seed: int) -> np.ndarray:
    """Return the objectives of all trials of Optuna's NSGA-II: its best trials are those of the whole run."""
    optuna: Any = import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: Any) -> tuple[float, ...]:
        x: dict[str, object] = {}
        for name, variable in problem.vars.items():
            if isinstance(variable, Binary):
                x[name] = trial.suggest_categorical(name, [False, True])
            elif isinstance(variable, Choice):
                x[name] = trial.suggest_categorical(name, variable.options)
            elif isinstance(variable, Integer):
                x[name] = trial.suggest_int(name, *variable.bounds)
            else:
                x[name] = trial.suggest_float(name, *variable.bounds)
        return tuple(problem.evaluate([x])[0])

    sampler = optuna.samplers.NSGAIISampler(population_size=POP_SIZE, seed=seed)
    study = optuna.create_study(directions=["minimize"] * problem.n_obj, sampler=sampler)
    study.optimize(objective, n_trials=N_EVAL)
    return np.array([trial.values for trial in study.best_trials])


ALGORITHMS = {"CSMOIFSA": by_csmoifsa, "MixedVariableGA": by_mixed_variable_ga, "Optuna NSGA-II": by_optuna}


def one_run(job: tuple[str, str, int]) -> np.ndarray:
    """Return the non-dominated points of a run, at most `MOST_POINTS`, chosen alike for all by hypervolume."""
    problem, algorithm, seed = job
    F = ALGORITHMS[algorithm](PROBLEMS[problem](), seed)
    F = np.unique(F[moocore.is_nondominated(F)], axis=0)
    low, width = F.min(axis=0), np.maximum(np.ptp(F, axis=0), 1e-300)
    while len(F) > MOST_POINTS:
        share = moocore.hv_contributions((F - low) / width, ref=1.1)
        F = np.delete(F, np.argmin(share), axis=0)
    return F


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    a = parser.parse_args()
    names = [name for name in ALGORITHMS if name != "Optuna NSGA-II" or find_spec("optuna")]
    jobs = [(problem, name, seed) for problem in PROBLEMS for name in names for seed in range(1, a.runs + 1)]
    with ProcessPoolExecutor(a.jobs) as pool:
        fronts = dict(zip(jobs, pool.map(one_run, jobs), strict=True))
    rows, ranks = [], []
    for problem in PROBLEMS:
        everything = np.concatenate([F for (where, *_), F in fronts.items() if where == problem])
        best = everything[moocore.is_nondominated(everything)]
        low, width = best.min(axis=0), np.maximum(np.ptp(best, axis=0), 1e-300)
        volumes = {
            name: np.array(
                [
                    moocore.hypervolume((fronts[problem, name, seed] - low) / width, ref=1.1)
                    for seed in range(1, a.runs + 1)
                ]
            )
            for name in names
        }
        row: dict[str, object] = {"problem": problem}
        for name, volume in volumes.items():
            row[name] = f"{np.median(volume):.4f} [{stats.iqr(volume):.1g}]"
        for name in names[1:]:
            test = stats.mannwhitneyu(volumes[names[0]], volumes[name])
            sign = "+" if np.median(volumes[names[0]]) > np.median(volumes[name]) else "-"
            row[f"against {name}"] = f"{sign} {test.pvalue:.2g}"
        rows.append(row)
        ranks.append(stats.rankdata([-np.median(volume) for volume in volumes.values()]))
    print(f"{N_EVAL:,} evaluations, population {POP_SIZE}, {a.runs} runs: median hypervolume [interquartile range]")
    print(pd.DataFrame(rows).to_string(index=False))
    print("mean ranks:", ", ".join(f"{n} {r:.2f}" for n, r in zip(names, np.mean(ranks, axis=0), strict=True)))


if __name__ == "__main__":
    main()
