"""How good the fronts are: medians and quartiles of IGD, IGD+ and hypervolume beside rivals, at equal evaluations.

    python benchmarks/perf/quality.py --suite zdt --suite zdt-shifted --runs 21

One run of the largest budget gives a snapshot at each budget. Every repetition draws its own shift or rotation, the
same for all algorithms. IGD and IGD+ are in the objectives' own units against 1000 points of the true front, as the
literature prints them; the hypervolume is scaled by the true front with the reference point 1.1.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

import pandas as pd

from csmoifsa import load_problem, metrics
from csmoifsa.fronts import true_front
from csmoifsa.plugins import load_algorithm

ZDT = ("zdt1", "zdt2", "zdt3", "zdt4", "zdt6")
SUITES: dict[str, list[tuple[str, dict[str, object]]]] = {
    "zdt": [(name, {}) for name in ZDT],
    "zdt-shifted": [(f"{name}-shifted", {}) for name in ZDT],
    "zdt-rotated": [(f"{name}-rotated", {}) for name in ZDT],
    "dtlz": [(f"dtlz{k}", {"n_obj": 3, "n_var": 2 + (5 if k == 1 else 20 if k == 7 else 10)}) for k in range(1, 8)],
    "wfg": [(f"wfg{k}", {"n_obj": 2, "n_var": 24}) for k in range(1, 10)],
    "uf": [(f"uf{k}", {"n_var": 30}) for k in range(1, 11)],
}
BUDGETS = (5_000, 10_000, 25_000)
METRICS = ("igd", "igd_plus", "hypervolume")


def one_run(job: tuple[str, str, dict[str, object], int, tuple[int, ...]]) -> list[dict[str, object]]:
    """Run one repetition; returns a row a budget."""
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.callback import Callback
    from pymoo.optimize import minimize

    rival, name, parameters, seed, budgets = job
    drawn = {"seed": seed} if name.endswith(("-shifted", "-rotated")) else {}
    problem = load_problem(name, **parameters, **drawn)
    front = true_front(problem, 1000)
    assert front is not None, f"the true front of {name} is not known"
    rows: list[dict[str, object]] = []

    class Snapshots(Callback):
        def notify(self, algorithm: Algorithm) -> None:
            if len(rows) < len(budgets) and algorithm.evaluator.n_eval >= budgets[len(rows)]:
                assert algorithm.opt is not None
                F = algorithm.opt.get("F")
                rows.append(
                    {
                        "problem": name,
                        "algorithm": rival,
                        "seed": seed,
                        "n_eval": budgets[len(rows)],
                        "igd": metrics.igd(F, front, scaled=False),
                        "igd_plus": metrics.igd_plus(F, front, scaled=False),
                        "hypervolume": metrics.hypervolume(F, front),
                    }
                )

    algorithm = load_algorithm(rival, problem=problem, pop_size=100)
    minimize(problem, algorithm, ("n_eval", max(budgets)), seed=seed, callback=Snapshots())
    return rows


def measure(
    contenders: Iterable[str], suites: Iterable[str], runs: int, budgets: tuple[int, ...], jobs: int
) -> pd.DataFrame:
    """Run the whole grid; returns a row a run and budget."""
    problems = [problem for suite in suites for problem in SUITES[suite]]
    grid = [
        (rival, name, p, seed, budgets) for name, p in problems for rival in contenders for seed in range(1, runs + 1)
    ]
    with ProcessPoolExecutor(jobs) as pool:
        return pd.DataFrame([row for rows in pool.map(one_run, grid, chunksize=4) for row in rows])


def show(table: pd.DataFrame, metric: str, order: list[str]) -> None:
    """Print medians, quartiles and the worst run of one metric, an algorithm a column."""
    worst = "min" if metric == "hypervolume" else "max"
    for n_eval, part in table.groupby("n_eval"):
        groups = part.groupby(["problem", "algorithm"], sort=False)[metric]
        cells = groups.median().map("{:.4f}".format)
        cells += " [" + groups.quantile(0.25).map("{:.4f}".format) + ", " + groups.quantile(0.75).map("{:.4f}".format)
        cells += "] " + groups.agg(worst).map("{:.4f}".format)
        runs = part.seed.nunique()
        print(f"\n{metric}, {n_eval:,} evaluations, {runs} runs: median [quartiles] worst")
        print(cells.unstack("algorithm").loc[list(dict.fromkeys(part.problem)), order].to_string())


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", action="append", choices=list(SUITES), help="default: zdt and zdt-shifted")
    parser.add_argument("--rival", action="append", default=[], help="another pymoo algorithm by name")
    parser.add_argument("--runs", type=int, default=11, help="repetitions, seeds 1, 2, ...")
    parser.add_argument("--budget", type=int, action="append", help=f"evaluations; default {BUDGETS}")
    parser.add_argument("--metric", action="append", choices=METRICS, help="default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--csv", help="also write every run to this file")
    a = parser.parse_args()
    contenders = ["csmoifsa", "nsga2", *a.rival]
    budgets = tuple(sorted(a.budget or BUDGETS))
    table = measure(contenders, a.suite or ["zdt", "zdt-shifted"], a.runs, budgets, a.jobs)
    if a.csv:
        table.to_csv(a.csv, index=False)
    for metric in a.metric or METRICS:
        show(table, metric, contenders)


if __name__ == "__main__":
    main()
