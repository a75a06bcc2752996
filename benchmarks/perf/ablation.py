"""What each mechanism of CSMOIFSA is worth: the defaults beside one change at a time, held out and tuned.

    python benchmarks/perf/ablation.py --runs 1
    python benchmarks/perf/ablation.py --kind bbob-biobj-10 --change "no follow" --runs 3

All variants of a problem and repetition have the same first population and seed. Hypervolume of the last 100 points,
reference point 1.1, scaled by the true front; where that is not known, by the non-dominated points of all variants.
A cell has the runs that the defaults won - lost; fronts that are the same, bit for bit, count for nobody. *Held out*
and the columns behind it leave out ZDT, on which settings were chosen: p is that of Wilcoxon's signed-rank test over
the problems, a problem's gain being the median of its repetitions, Holm-corrected over the changes.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from setting import volumes

from csmoifsa.settings import BEHAVIOURS, Settings
from csmoifsa_bench.cells import Cell, make_cell
from csmoifsa_bench.execute import execute, known_front
from csmoifsa_bench.statistics import holm, signed_rank
from csmoifsa_bench.suite import AlgorithmEntry, load_suite

# Suite -> its problems that were held out when settings were chosen.
HELD_OUT: dict[str, tuple[str, ...]] = {
    "bbob-biobj-10": tuple(f"bbob-biobj-f{k:02d}" for k in range(2, 55, 2)),
    "wfg": tuple(f"wfg{k}" for k in range(1, 10)),
    "uf": tuple(f"uf{k}" for k in range(3, 11)),
    "re": tuple(f"re{k}" for k in (21, 22, 23, 24, 25, 31, 32, 33, 34, 35, 36, 37, 41, 42, 61, 91)),
    "constrained": (*(f"mw{k}" for k in range(8, 15)), *(f"dascmop{k}" for k in range(1, 10))),
}
TUNED = ("zdt", "zdt-shifted", "zdt-rotated")
CHANGES: dict[str, dict[str, object]] = {
    **{f"no {name}": {"behaviours": [b for b in BEHAVIOURS if b != name]} for name in BEHAVIOURS},
    "no competition": {"competition": False},
    "mates among the active": {"outbreeding_rate": 0.0},
    "mates from all": {"outbreeding_rate": 1.0},
    "all active lead": {"n_leaders": Settings.n_active},
    "steady least credits": {"rare_success": 0.0},
    "no least probability": {"min_probability": 0.0},
    "no reuse penalty": {"reuse_penalty": 0.0},
    "memory of one length": {"memory_size": 1},
    "any share of coordinates": {"min_crossover_rate": 0.0},
    "no contraction": {"attraction": 0.0},
    "100 offspring": {"n_offsprings": 100},
}
STOPS = (5_000, 10_000)


def cells(kinds: list[str], first: int, last: int) -> list[tuple[str, Cell]]:
    """Return a kind and a run with the defaults for each problem and repetition, repetitions outermost."""
    entry = AlgorithmEntry.model_validate({"name": "csmoifsa"})
    found = []
    for repetition in range(first, last + 1):
        for kind in kinds:
            problems = list(HELD_OUT[kind]) if kind in HELD_OUT else None
            suite = load_suite(kind).narrowed(runs=last, budget=max(STOPS), problems=problems)
            suite = suite.model_copy(update={"snapshots": STOPS})
            found += [(kind, make_cell(suite, problem, entry, repetition)) for problem in suite.problems]
    return found


def compared(job: tuple[str, Cell, list[str]]) -> list[dict[str, object]]:
    """Make the run with the defaults and one for each change; returns a row a change and stop."""
    kind, cell, changes = job
    runs = [execute(cell), *(execute(dataclasses.replace(cell, settings=CHANGES[change])) for change in changes)]
    for run in runs:
        if run.failed:
            raise RuntimeError(f"{cell.problem}: {run.error}")
    front, rows = known_front(cell), []
    for stop, snapshots in zip(STOPS, zip(*(run.snapshots for run in runs), strict=True), strict=True):
        fronts = [snapshot.F for snapshot in snapshots]
        values = volumes(fronts, front)
        for change, F, value in zip(changes, fronts[1:], values[1:], strict=True):
            where = {"kind": kind, "problem": cell.problem, "repetition": cell.repetition, "stop": stop}
            same = np.array_equal(F, fronts[0])
            rows.append({**where, "change": change, "default": values[0], "changed": value, "same": same})
    return rows


def measured(jobs: list[tuple[str, Cell, list[str]]], workers: int) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of each job in turn, made by ``workers`` processes."""
    if workers == 1:
        yield from map(compared, jobs)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(compared, jobs)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a change: won - lost of the defaults by kind and held out, gains, p and Holm's p."""
    table = table.assign(gain=np.where(table.same, 0.0, table.default - table.changed))
    rows = {}
    for change, part in table.groupby("change", sort=False):
        counts = {kind: won_lost(group.gain) for kind, group in part.groupby("kind", sort=False)}
        part = part[part.kind.isin(list(HELD_OUT))]
        gains = part.groupby(["kind", "problem"], sort=False).gain.median().to_numpy()
        p = signed_rank(gains, np.zeros(len(gains)))
        mean, median = f"{part.gain.mean():+.4f}", f"{np.median(gains):+.5f}"
        rows[change] = {**counts, "held out": won_lost(part.gain), "median gain": median, "mean gain": mean, "p": p}
    found = pd.DataFrame(rows).T
    found["Holm"] = [f"{p:.2g}" for p in holm(found.p.to_numpy(dtype=float))]
    found["p"] = [f"{p:.2g}" for p in found.p]
    return found


def won_lost(gain: pd.Series) -> str:
    """Return ``won - lost`` of a column of gains."""
    return f"{(gain > 0).sum()} - {(gain < 0).sum()}"


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=[*HELD_OUT, *TUNED], help="default: all")
    parser.add_argument("--change", action="append", choices=list(CHANGES), help="default: all")
    parser.add_argument("--runs", type=int, default=1, help="the last repetition")
    parser.add_argument("--first", type=int, default=1, help="the first repetition")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--csv", help="also write each row to this file as it is made")
    a = parser.parse_args()
    changes = a.change or list(CHANGES)
    jobs = [(kind, cell, changes) for kind, cell in cells(a.kind or [*HELD_OUT, *TUNED], a.first, a.runs)]
    rows: list[dict[str, object]] = []
    for made in measured(jobs, a.jobs):
        rows += made
        if a.csv:
            with open(a.csv, "a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, made[0])
                if len(rows) == len(made):
                    writer.writeheader()
                writer.writerows(made)
    table = pd.DataFrame(rows)
    for stop, part in table.groupby("stop"):
        print(f"\n{stop:,} evaluations, repetitions {a.first} to {a.runs}: the defaults' won - lost by hypervolume\n")
        print(summary(part).to_string())


if __name__ == "__main__":
    main()
