"""COCO's bbob-biobj beside pymoo's algorithms: mean ranks and paired tests, at equal evaluations.

    python benchmarks/perf/bbob_biobj.py --functions even --instances 6 --half-width 5

One run a function and instance, the same starting seed for all algorithms. The hypervolume is that of the last front,
scaled by the best of each objective that any algorithm found and by COCO's nadir point, which is the reference point.
The official region of interest is [-100, 100]; the optima lie in [-5, 5], and --half-width 5 searches there only, which
is easier for algorithms that are slow to get near. Needs the extra: pip install 'csmoifsa[coco]'.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, cast

import moocore
import numpy as np
import pandas as pd
from scipy import stats

from csmoifsa import load_problem
from csmoifsa.plugins import load_algorithm

if TYPE_CHECKING:
    from csmoifsa_coco.problems import BbobBiobj

FUNCTIONS = {"odd": range(1, 56, 2), "even": range(2, 56, 2), "all": range(1, 56)}
ALGORITHMS = ("csmoifsa", "nsga2", "spea2", "smsemoa")


def final_front(name: str, function: int, instance: int, options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Return the last front (n, 2) of a run and COCO's nadir point (2,)."""
    from pymoo.optimize import minimize

    where = {"dimension": options.dimension, "instance": instance, "half_width": options.half_width}
    problem = cast("BbobBiobj", load_problem(f"bbob-biobj-f{function:02d}", **where))
    algorithm = load_algorithm(name, problem=problem, pop_size=100)
    result = minimize(problem, algorithm, ("n_eval", options.budget), seed=1000 * instance + function)
    return np.asarray(result.F), np.array(problem.coco.largest_fvalues_of_interest)


def hypervolumes(function: int, instance: int, options: argparse.Namespace) -> dict[str, float]:
    """Return the scaled hypervolume of each algorithm's front on one function and instance."""
    fronts = {name: final_front(name, function, instance, options) for name in options.algorithm or ALGORITHMS}
    best = np.min([F.min(axis=0) for F, _ in fronts.values()], axis=0)
    return {
        name: float(moocore.hypervolume((F - best) / (nadir - best), ref=[1.0, 1.0]))
        for name, (F, nadir) in fronts.items()
    }


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", choices=FUNCTIONS, default="even")
    parser.add_argument("--instances", type=int, nargs="+", default=[6])
    parser.add_argument("--dimension", type=int, default=10)
    parser.add_argument("--budget", type=int, default=10_000, help="evaluations")
    parser.add_argument("--half-width", type=float, default=100.0, help="the search space is [-w, w]")
    parser.add_argument("--algorithm", action="append", help=f"the first is compared with the others; {ALGORITHMS}")
    options = parser.parse_args()
    table = pd.DataFrame(
        [hypervolumes(f, instance, options) for f in FUNCTIONS[options.functions] for instance in options.instances]
    )
    first = table.iloc[:, 0]
    lines = pd.DataFrame({"mean rank": table.rank(axis=1, ascending=False).mean(), "hypervolume": table.mean()})
    for name in table.columns[1:]:
        gain = first - table[name]
        lines.loc[name, "first ahead"] = f"{(gain > 0).sum()} of {len(gain)}"
        lines.loc[name, "p (Wilcoxon)"] = f"{float(np.asarray(stats.wilcoxon(gain))[1]):.2g}"
    print(f"{options.dimension} variables, {options.budget:,} evaluations, {len(table)} functions and instances\n")
    print(lines.round(4).fillna("").to_string())


if __name__ == "__main__":
    main()
