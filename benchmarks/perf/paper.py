"""The paper's own comparison: CSMOIFSA as in the paper against MOAFSA, by the paper's three metrics.

    python benchmarks/perf/paper.py --runs 30 --iterations 100

V = 0.5, delta = 0.25, M = 100 (Dong et al. 2022). Both are stopped after equal iterations, as the paper does, and, in a
second table, after equal evaluations: the number that MOAFSA spent in the same repetition. The 95 %
interval of a change is a percentile bootstrap of the ratio of means over repetitions, p is Wilcoxon's signed-rank
test. Less is better in all metrics but the hypervolume.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from csmoifsa import load_problem, metrics
from csmoifsa.moafsa import FishSwarm, SwarmSettings

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

PROBLEMS = ("zdt1", "zdt2", "zdt3", "zdt4", "zdt6")
CLAIM = {"uniformity": -18.39, "error_ratio": -11.9}  # percent, the paper's abstract; convergence "about equal"
EPS = (0.01, 0.05, 0.1, 0.5, 1.0)  # distances beyond which a point counts as an error
KINDS = {"moafsa": SwarmSettings(), "csmoifsa (paper)": SwarmSettings(immune=True, contract=True)}


def run(kind: str, problem: Problem, seed: int, iterations: int | None, n_eval: int | None) -> FishSwarm:
    """Run until so many iterations are finished, or so many evaluations are made."""
    engine = FishSwarm(problem.n_var, problem.n_obj, settings=KINDS[kind], seed=seed, xl=problem.xl, xu=problem.xu)
    while (engine.iteration < iterations) if iterations is not None else (engine.n_eval < (n_eval or 0)):
        X = engine.ask(None if n_eval is None else n_eval - engine.n_eval)
        engine.tell(np.asarray(problem.evaluate(X, return_values_of=["F"])))
    return engine


def one_repetition(job: tuple[str, int, int]) -> list[dict[str, object]]:
    """Run both algorithms both ways; returns a row each."""
    name, seed, iterations = job
    problem = load_problem(name)
    front = np.asarray(problem.pareto_front(n_points=1000))
    base = run("moafsa", problem, seed, iterations, None)
    rows = []
    for effort, kind, engine in (
        ("equal iterations", "moafsa", base),
        ("equal iterations", "csmoifsa (paper)", run("csmoifsa (paper)", problem, seed, iterations, None)),
        ("equal evaluations", "moafsa", base),
        ("equal evaluations", "csmoifsa (paper)", run("csmoifsa (paper)", problem, seed, None, base.n_eval)),
    ):
        F = engine.front().F
        row: dict[str, object] = {
            "effort": effort,
            "problem": name,
            "algorithm": kind,
            "seed": seed,
            "evaluations": engine.n_eval,
        }
        row |= {
            "convergence": metrics.convergence(F, front),
            "uniformity": metrics.uniformity(F) if len(F) > 1 else np.nan,
        }
        row |= {"error_ratio": np.nan, "igd": metrics.igd(F, front, scaled=False)}
        row |= {f"error@{eps:g}": metrics.error_ratio(F, front, eps=eps) for eps in EPS}
        rows.append({**row, "hypervolume": metrics.hypervolume(F, front), "points": len(F)})
    return rows


def change(pairs: pd.DataFrame) -> dict[str, float]:
    """Return the change of the mean in percent, its 95 % interval and Wilcoxon's p for paired runs."""
    pairs = pairs.dropna()  # a front of one point has no uniformity
    a, b = pairs["moafsa"].to_numpy(), pairs["csmoifsa (paper)"].to_numpy()

    def percent(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        before, after = a.mean(axis=axis), b.mean(axis=axis)
        return 100.0 * np.where(before > 0.0, after / np.where(before > 0.0, before, 1.0) - 1.0, np.nan)

    result = {"pairs": float(len(a)), "moafsa": a.mean(), "csmoifsa (paper)": b.mean()}
    result["change_percent"] = float(percent(a, b))
    if np.array_equal(a, b):
        return {**result, "low": 0.0, "high": 0.0, "p": 1.0}
    interval = stats.bootstrap(
        (a, b), percent, paired=True, vectorized=True, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    return {**result, "low": interval.low, "high": interval.high, "p": float(np.asarray(stats.wilcoxon(a, b))[1])}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--eps", type=float, default=0.1, choices=EPS, help="distance that makes a point an error")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    a = parser.parse_args()
    grid = [(name, seed, a.iterations) for name in PROBLEMS for seed in range(1, a.runs + 1)]
    with ProcessPoolExecutor(a.jobs) as pool:
        table = pd.DataFrame([row for rows in pool.map(one_repetition, grid) for row in rows])
    table["error_ratio"] = table[f"error@{a.eps:g}"]
    for effort, part in table.groupby("effort", sort=False):
        spent = part.groupby("algorithm", sort=False).evaluations.mean().round().astype(int).to_dict()
        print(f"\n## {effort}: {a.iterations} iterations of MOAFSA, {a.runs} runs; mean evaluations {spent}")
        for metric in ("convergence", "uniformity", "error_ratio", "igd", "hypervolume"):
            wide = part.pivot(index=["problem", "seed"], columns="algorithm", values=metric)
            rows = {name: change(wide.loc[name]) for name in PROBLEMS}
            relative = pd.DataFrame(rows).T
            claim = f"; the paper claims {CLAIM[metric]} % on average" if metric in CLAIM else ""
            print(f"\n{metric} (mean over the problems {relative.change_percent.mean():+.1f} %{claim})")
            print(relative.to_string(float_format="{:.4g}".format))
        curve: Any = part.groupby(["algorithm", "problem"], sort=False)[[f"error@{eps:g}" for eps in EPS]].mean()
        print("\nerror ratio over eps\n" + curve.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
