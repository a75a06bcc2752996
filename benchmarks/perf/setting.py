"""CSMOIFSA's settings beside its defaults on the problems of a suite: same first populations and seeds for both.

    python benchmarks/perf/setting.py zdt-rotated --setting rare_success=0 --runs 11 --budget 25000
    python benchmarks/perf/setting.py bbob-biobj-5 --setting rare_success=0 --runs 3 --budget 50000

A pair is the same problem (instance, shift or rotation) and repetition. Hypervolume of the last 100 points, reference
point 1.1, scaled by the true front; where that is not known, or neither run comes near it, by the non-dominated points
of the two runs. Pairs with the same front, bit for bit, are counted apart. p is that of Wilcoxon's signed-rank test of
the others. For problems of known front medians of IGD over the repetitions stand beside each other.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

import moocore
import numpy as np
import pandas as pd
from scipy import stats

from csmoifsa import metrics
from csmoifsa_bench.cells import Cell, make_cell
from csmoifsa_bench.execute import execute, known_front
from csmoifsa_bench.suite import AlgorithmEntry, Suite, load_suite


def pairs_of(suite: Suite, changed: dict[str, object], first: int) -> list[tuple[Cell, Cell]]:
    """Return for each repetition from ``first`` on and each problem the run with the defaults and the changed one."""
    entry = AlgorithmEntry.model_validate({"name": "csmoifsa"})
    cells = [
        make_cell(suite, problem, entry, repetition)
        for repetition in range(first, suite.runs + 1)
        for problem in suite.problems
    ]
    return [(cell, dataclasses.replace(cell, settings=changed)) for cell in cells]


def volumes(fronts: list[np.ndarray], front: np.ndarray) -> list[float]:
    """Return the hypervolumes of fronts, scaled by ``front`` (k, m), or by themselves if that is empty or far away."""
    found = [metrics.hypervolume(F, front) if len(F) and len(front) else 0.0 for F in fronts]
    points = [F for F in fronts if len(F)]
    if any(found) or not points:
        return found
    together = np.vstack(points)
    own = together[moocore.is_nondominated(together)]
    return [metrics.hypervolume(F, own) if len(F) else 0.0 for F in fronts]


def compared(pair: tuple[Cell, Cell]) -> list[dict[str, object]]:
    """Make both runs of a pair; returns a row a stop."""
    ours, other = (execute(cell) for cell in pair)
    if ours.failed or other.failed:
        raise RuntimeError(ours.error or other.error)
    front = known_front(pair[0])
    rows: list[dict[str, object]] = []
    for mine, its in zip(ours.snapshots, other.snapshots, strict=True):
        values = volumes([mine.F, its.F], front)
        distances = [metrics.igd(s.F, front) if len(front) and len(s.F) else np.nan for s in (mine, its)]
        rows.append(
            {
                **{"problem": pair[0].problem, "repetition": pair[0].repetition, "stop": mine.stop},
                **{"default": values[0], "changed": values[1], "igd": distances[0], "igd_changed": distances[1]},
                **{"feasible": len(mine.F) > 0, "feasible_changed": len(its.F) > 0},
                "same": np.array_equal(mine.F, its.F),
            }
        )
    return rows


def summary(part: pd.DataFrame) -> dict[str, object]:
    """Return won - lost of the defaults, Wilcoxon's p, gains, and feasible runs over the rows of one stop."""
    gain = (part.default - part.changed).to_numpy()
    differ = gain[~part.same.to_numpy(dtype=bool)]
    p = float(np.asarray(stats.wilcoxon(differ))[1]) if len(differ) > 5 else np.nan
    return {
        "pairs": len(gain),
        "won - lost": f"{(differ > 0).sum()} - {(differ < 0).sum()}",
        "same": len(gain) - len(differ),
        "p": f"{p:.2g}" if np.isfinite(p) else "",
        "median gain": f"{np.median(differ):+.2g}" if len(differ) else "0",
        "mean gain": f"{gain.mean():+.2g}",
        "largest loss": f"{max(0.0, -gain.min()):.2g} ({part.problem.iloc[gain.argmin()]})" if gain.min() < 0 else "0",
        "largest gain": f"{max(0.0, gain.max()):.2g} ({part.problem.iloc[gain.argmax()]})" if gain.max() > 0 else "0",
        "feasible": f"{part.feasible.sum()} and {part.feasible_changed.sum()}",
    }


def parsed(text: str) -> tuple[str, object]:
    """Return name and value of ``name=value``; the value is read as JSON (``0.02``, ``false``, ``["clone"]``)."""
    name, _, value = text.partition("=")
    return name, json.loads(value)


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", help="a name from 'csmoifsa bench suites', or a TOML file")
    parser.add_argument(
        "--setting", action="append", required=True, type=parsed, help="name=value, against the default"
    )
    parser.add_argument("--runs", type=int, default=3, help="the last repetition")
    parser.add_argument("--first", type=int, default=1, help="the first repetition")
    parser.add_argument("--budget", type=int, help="evaluations; the suite's by default, and its snapshots below")
    parser.add_argument("--problem", action="append", help="only these; may be repeated")
    parser.add_argument("--csv", help="also write a row a run and stop to this file")
    a = parser.parse_args()
    suite = load_suite(a.suite).narrowed(runs=a.runs, budget=a.budget, problems=a.problem)
    pairs = pairs_of(suite, dict(a.setting), a.first)
    table = pd.DataFrame([row for pair in pairs for row in compared(pair)])
    if a.csv:
        table.to_csv(a.csv, index=False)
    table = table.loc[table.stop.isin(suite.compare_at)]
    changed = ", ".join(f"{name} = {value}" for name, value in a.setting)
    print(f"{suite.title}; repetitions {a.first} to {a.runs}; the defaults against {changed}\n")
    print(pd.DataFrame({f"{stop:,}": summary(part) for stop, part in table.groupby("stop")}).T.to_string())
    if table.igd.notna().any():
        medians = table.groupby(["stop", "problem"], sort=False)[["igd", "igd_changed"]].median().dropna()
        medians["ratio"] = medians.igd / medians.igd_changed
        print("\nmedians of IGD, the defaults and the changed settings\n")
        print(medians.round(5).to_string())


if __name__ == "__main__":
    main()
