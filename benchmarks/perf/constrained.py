"""Constraints: hypervolume and feasible fronts beside NSGA2, at equal evaluations.

    python benchmarks/perf/constrained.py --runs 11

The hypervolume is scaled by the ideal and nadir point of all feasible, mutually non-dominated points that any run of
any algorithm found on the problem (so no front has to be known), reference point 1.1. Every final front is cut to at
most 100 points the same way, and evaluated again by the problem.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

import moocore
import numpy as np
import pandas as pd
from scipy import stats

from csmoifsa import load_problem, metrics
from csmoifsa.plugins import load_algorithm
from csmoifsa.requirements import evaluated

N_EVAL = 10_000
CONSTRAINED = ("bnh", "srn", "tnk", "osy", "welded_beam", "c1dtlz1", "mw1", "mw2", "mw3")
ALGORITHMS = ("csmoifsa", "nsga2")


def one_run(job: tuple[str, str, int]) -> tuple[str, str, int, np.ndarray]:
    """Return the feasible non-dominated points that a run ends with."""
    from pymoo.optimize import minimize

    label, name, seed = job
    problem = load_problem(label)
    algorithm = load_algorithm(name, problem=problem, pop_size=100)
    final = minimize(problem, algorithm, ("n_eval", N_EVAL), seed=seed).algorithm
    assert final is not None
    assert final.opt is not None
    X = np.asarray(final.opt.get("X"), dtype=float)
    out = evaluated(problem, X)
    feasible = (out["G"] <= 0.0).all(axis=1) & (np.abs(out["H"]) <= 1e-4).all(axis=1)
    F = out["F"][feasible]
    return label, name, seed, F[moocore.is_nondominated(F)] if len(F) else F


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    a = parser.parse_args()
    jobs = [(label, name, seed) for label in CONSTRAINED for name in ALGORITHMS for seed in range(1, a.runs + 1)]
    with ProcessPoolExecutor(a.jobs) as pool:
        results = list(pool.map(one_run, jobs))
    rows = []
    for label in CONSTRAINED:
        fronts = {(name, seed): F for where, name, seed, F in results if where == label}
        everything = np.concatenate([F for F in fronts.values() if len(F)])
        best = everything[moocore.is_nondominated(everything)]
        volumes = {
            name: np.array(
                [metrics.hypervolume(F, best) if len(F) else 0.0 for (n, _), F in fronts.items() if n == name]
            )
            for name in ALGORITHMS
        }
        ours = volumes[ALGORITHMS[0]]
        for name, volume in volumes.items():
            low, middle, high = np.quantile(volume, [0.25, 0.5, 0.75])
            same = np.array_equal(volume, ours)
            rows.append(
                {
                    "problem": label,
                    "algorithm": name,
                    "hypervolume": f"{middle:.4f} [{low:.4f}, {high:.4f}]",
                    "worst": f"{volume.min():.4f}",
                    "feasible runs": f"{sum(len(F) > 0 for (n, _), F in fronts.items() if n == name)}/{a.runs}",
                    "points": int(np.median([len(F) for (n, _), F in fronts.items() if n == name])),
                    "p (rank-sum)": "" if same else f"{float(np.asarray(stats.mannwhitneyu(ours, volume))[1]):.2g}",
                }
            )
    print(f"{N_EVAL:,} evaluations, pop 100, {a.runs} runs: median [quartiles]\n")
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
