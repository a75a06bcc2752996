"""Mean ranks of a results file by kind of problem, with the tests of each kind.

    csmoifsa bench run peers --out peers.sqlite
    python benchmarks/perf/kinds.py peers.sqlite --metric hypervolume

A kind is what precedes the number in a problem's name (zdt, uf, bbob-biobj), with what follows it (zdt-shifted). For
each kind and budget: mean ranks of the medians over repetitions, 1 is best, and Friedman's test; the first algorithm
of the suite against the best other one by Wilcoxon's signed-rank test over the problems, Holm-corrected over all.
With n problems that test cannot go below 2 / 2^n before the correction: five problems prove nothing by themselves, so
the pairs of runs (same problem, same first population) are counted beside it. The last table ranks each problem by
itself; its medians are those at the last budget.
"""

from __future__ import annotations

import argparse
import dataclasses
import re

import pandas as pd

from csmoifsa_bench.measure import MORE_IS_BETTER, TITLES, Results, read_results
from csmoifsa_bench.statistics import ALPHA, compare_over_problems, rank_over_problems
from csmoifsa_bench.store import Store

# Problems on which settings were chosen; the row *held out* leaves them out.
TUNED = ("zdt", "zdt-shifted", "zdt-rotated", "dtlz1", "dtlz2", "dtlz7", "uf1", "uf2")


def kind_of(problem: str) -> str:
    """Return the kind of a problem: ``zdt4-shifted`` is of kind ``zdt-shifted``, ``bbob-biobj-f02`` of ``bbob-biobj``.

    Examples
    --------
    >>> [kind_of(name) for name in ("zdt4-shifted", "bbob-biobj-f02", "wfg9", "re21")]
    ['zdt-shifted', 'bbob-biobj', 'wfg', 're']
    """
    return re.sub(r"(-f)?\d+", "", problem)


def part_of(results: Results, problems: list[str]) -> Results:
    """Return the results of some problems alone."""
    failures = {(problem, algorithm) for problem, algorithm in results.failures if problem in problems}
    return dataclasses.replace(results, table=results.table[results.table.problem.isin(problems)], failures=failures)


def row(results: Results, metric: str, stop: int) -> dict[str, object]:
    """Return the figures of one kind at one budget: see the top of this file."""
    ranking, first = rank_over_problems(results, metric, stop), results.algorithms[0]
    ranks = dict(zip(ranking.names, ranking.ranks, strict=True))
    over = compare_over_problems(results, metric, stop).set_index("rival")
    others = [name for name in ranking.names if name != first]
    best = over.loc[others[0]]
    place = 1 + sum(ranks[name] < ranks[first] for name in others)
    return {
        "problems": ranking.n,
        "mean rank": f"**{ranks[first]:.2f}**" if place == 1 else f"{ranks[first]:.2f} (place {place})",
        "best others": ", ".join(f"{name} {ranks[name]:.2f}" for name in others[:3]),
        "problems won - lost": f"{best.problems_won:.0f} - {best.problems_lost:.0f}",
        "runs won - lost": f"{best.runs_won:.0f} - {best.runs_lost:.0f}",
        "p (Holm)": f"{probability(best.p_signed_rank)} ({probability(best.holm)})",
        "told from": f"{sum(over.holm < ALPHA)} of {len(others)}",
        "Friedman p": probability(ranking.p_value),
    }


def overall(results: Results, metric: str, stop: int) -> pd.DataFrame:
    """Return a row an algorithm: its mean rank over all problems, and how the first one did against it."""
    ranking, first = rank_over_problems(results, metric, stop), results.algorithms[0]
    over = compare_over_problems(results, metric, stop).set_index("rival")
    own, rows = ranking.names.index(first), {}
    for i, name in enumerate(ranking.names):
        rows[name] = {"mean rank": f"{ranking.ranks[i]:.2f}"}
        if i != own:
            against = over.loc[name]
            rows[name] |= {
                "problems won - lost": f"{against.problems_won:.0f} - {against.problems_lost:.0f}",
                "runs won - lost": f"{against.runs_won:.0f} - {against.runs_lost:.0f}",
                "Wilcoxon p (Holm)": probability(against.holm),
                "Nemenyi p": probability(ranking.p_pairs[own, i]),
            }
    return pd.DataFrame(rows).T.fillna("")


def places(results: Results, metric: str) -> pd.DataFrame:
    """Return a row a problem: the rank of the first algorithm's median at each budget, and the medians at the last."""
    sign = -1.0 if metric in MORE_IS_BETTER else 1.0
    first, rows = results.algorithms[0], {}
    for problem in results.problems:
        rows[problem] = {}
        for stop in results.suite.compare_at:
            values = results.values(metric, stop)
            medians = pd.Series({a: values[problem, a].median() for a in results.algorithms if (problem, a) in values})
            others = (sign * medians.drop(first)).sort_values()
            rows[problem][f"rank at {stop:,}"] = f"{(sign * medians).rank()[first]:g}"
            best = f"{others.index[0]} {medians[others.index[0]]:.4f}"
        rows[problem] |= {"median": f"{medians[first]:.4f}", "best other": best}
    return pd.DataFrame(rows).T


def probability(p: float) -> str:
    """Return a p-value to two digits, <.001 below a thousandth.

    Examples
    --------
    >>> probability(0.0312), probability(0.0000312), probability(1.0)
    ('.031', '<.001', '1')
    """
    return "<.001" if p < 0.001 else f"{p:.2g}".removeprefix("0")


def markdown(table: pd.DataFrame, corner: str) -> str:
    """Return a table as Markdown; ``corner`` is the heading of its index."""
    lines = [[corner, *table.columns], ["---"] * (1 + table.shape[1])]
    lines += [[str(name), *map(str, cells)] for name, cells in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Print the tables of the results file that the command line names, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", help="a results file of 'csmoifsa bench run'")
    parser.add_argument("--suite", default="peers", help="its suite; default peers")
    parser.add_argument("--metric", default="hypervolume", choices=list(TITLES))
    parser.add_argument("--kind", help="only the problems of this kind, e.g. bbob-biobj")
    parser.add_argument("--without", action="append", default=[], help="leave an algorithm out; may be repeated")
    a = parser.parse_args()
    with Store(a.results, readonly=True) as store:
        suite = next(suite for suite in store.suites() if suite.name == a.suite)
        problems = [p.label for p in suite.problems if a.kind in (None, kind_of(p.label))]
        suite = suite.narrowed(problems=problems).model_copy(update={"metrics": (a.metric,)})
        results = read_results(store, suite)
    results = dataclasses.replace(results, table=results.table[~results.table.algorithm.isin(a.without)])
    kinds = list(dict.fromkeys(map(kind_of, results.problems)))
    names = ", ".join(results.algorithms)
    print(f"{TITLES[a.metric]}; {len(results.algorithms)} algorithms: {names}; failed runs: {results.failed}")
    for stop in suite.compare_at:
        rows = {}
        for kind in kinds:
            part = part_of(results, [problem for problem in results.problems if kind_of(problem) == kind])
            rows[kind] = row(part, a.metric, stop)
        untuned = [p for p in results.problems if p not in TUNED and kind_of(p) not in TUNED]
        if len(kinds) > 1:
            rows["held out"] = row(part_of(results, untuned), a.metric, stop)
            rows["all"] = row(results, a.metric, stop)
        print(f"\n{stop:,} evaluations\n\n{markdown(pd.DataFrame(rows).T, 'kind')}")
        print(f"\n{markdown(overall(results, a.metric, stop), 'algorithm')}")
    print(f"\n{markdown(places(results, a.metric), 'problem')}")


if __name__ == "__main__":
    main()
