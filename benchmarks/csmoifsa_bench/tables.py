"""Make the tables of a report: medians, tests, ranks, targets, effort and speed, as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from csmoifsa.files import atomic_write, write_csv
from csmoifsa_bench.measure import MORE_IS_BETTER, TITLES, Results, evaluations_to, worst
from csmoifsa_bench.speed import speed_rows
from csmoifsa_bench.statistics import (
    ALPHA,
    Ranking,
    compare_over_problems,
    compare_with_first,
    rank_over_problems,
    rank_over_runs,
    too_few_runs,
)

FACTORS = (1.05, 1.5, 3.0)  # times the best possible IGD


@dataclass(frozen=True)
class Table:
    """Texts and data of a table, for all formats.

    Attributes
    ----------
    name : str
        Name of the files, without ending.
    title, note : str
        Texts above and below the table.
    header : list of str
        Headings of the columns.
    rows : list of list of str
        Texts of the cells.
    bold : set of (row, column)
        Cells in bold.
    data : DataFrame
        Exact numbers, for CSV.
    """

    name: str
    title: str
    note: str
    header: list[str]
    rows: list[list[str]]
    data: pd.DataFrame
    bold: set[tuple[int, int]] = field(default_factory=set)


def summary_frame(results: Results, metric: str, stop: int) -> pd.DataFrame:
    """Return problem, algorithm, n, median, q1, q3, worst, rank, best for one metric at one budget."""
    values = results.values(metric, stop)
    more = metric in MORE_IS_BETTER
    rows = []
    for problem in results.problems:
        present = [a for a in results.algorithms if (problem, a) in values]
        medians = np.array([values[problem, a].median() for a in present])
        ranks = pd.Series(-medians if more else medians).rank(method="average").to_numpy()
        for algorithm, median, rank in zip(present, medians, ranks, strict=True):
            x = np.sort(values[problem, algorithm].to_numpy())
            # the lower/higher neighbours, not a mean with infinity, where a run found nothing
            q1, q3 = np.quantile(x, 0.25, method="nearest"), np.quantile(x, 0.75, method="nearest")
            if np.isfinite(x).all():
                q1, q3 = np.quantile(x, 0.25), np.quantile(x, 0.75)
            rows.append(
                {
                    **{"problem": problem, "algorithm": algorithm, "n": len(x), "median": float(median)},
                    **{"q1": float(q1), "q3": float(q3), "worst": float(x[0] if more else x[-1]), "rank": float(rank)},
                    "best": bool(median == (medians.max() if more else medians.min()) and median != worst(metric)),
                }
            )
    columns = ["problem", "algorithm", "n", "median", "q1", "q3", "worst", "rank", "best"]
    return pd.DataFrame(rows, columns=columns)


def summary_table(results: Results, metric: str, stop: int) -> Table:
    """Return medians, interquartile ranges and ranks by problem and algorithm, with mean ranks in the last row."""
    frame = summary_frame(results, metric, stop)
    cells = {(row.problem, row.algorithm): row for row in _rows(frame)}
    header = ["", *results.algorithms]
    rows, bold = [], set()
    for i, problem in enumerate(results.problems):
        line = [problem]
        for j, algorithm in enumerate(results.algorithms, 1):
            row = cells.get((problem, algorithm))
            line.append("-" if row is None else f"{number(row.median)} [{number(row.q3 - row.q1, 2)}] {row.rank:g}")
            if row is not None and row.best:
                bold.add((i, j))
        rows.append(line)
    ranking = rank_over_problems(results, metric, stop)
    mean = dict(zip(ranking.names, ranking.ranks, strict=True))
    rows.append(["mean rank", *(f"{mean[a]:.2f}" for a in results.algorithms)])
    if ranking.n:
        least = min(mean.values())
        bold |= {(len(rows) - 1, j) for j, a in enumerate(results.algorithms, 1) if mean[a] == least}
    direction = "more" if metric in MORE_IS_BETTER else "less"
    note = f"Median [interquartile range] rank; {_runs(results)}; {direction} is better."
    if results.failures:
        note += " Whoever failed in all runs on a problem (-) has the last rank there."
    if results.estimated:
        note += (
            f" The true front of {', '.join(sorted(results.estimated))} is not known: all runs together stand for it."
        )
    title = f"{results.suite.title}: {TITLES[metric]} at {stop:,} {results.suite.count}"
    return Table(f"{metric}_{stop}", title, note, header, rows, frame, bold)


def comparison_table(results: Results, metric: str, stop: int) -> Table | None:
    """Return the tests of the suite's first algorithm against each other one: p-values, effect size, verdict."""
    frame = compare_with_first(results, metric, stop)
    if frame.empty:
        return None
    first = results.algorithms[0]
    header = ["problem", "against", "n", first, "rival", "signed-rank p", "rank-sum p", "A12", "effect", ""]
    rows = [
        [
            *(r.problem, r.rival, str(r.n), number(r.median), number(r.rival_median)),
            *(p_text(r.holm), p_text(r.holm_rank_sum), f"{r.a12:.2f}", r.magnitude, r.verdict),
        ]
        for r in _rows(frame)
    ]
    bold = {(i, 9) for i, row in enumerate(rows) if row[9] != "="}
    note = (
        f"{first} against each other algorithm: medians; Wilcoxon's signed-rank test on the pairs of a repetition and "
        f"the rank-sum test, both Holm-corrected over this table's {len(frame)} comparisons; A12 is the chance that a "
        f"run of {first} beats one of the rival. + better, - worse, = not told apart at 0.05 (signed-rank)."
    )
    if hint := too_few_runs(frame):
        note += f" {hint}."
    title = f"{results.suite.title}: tests on {TITLES[metric]} at {stop:,} {results.suite.count}"
    return Table(f"tests_{metric}_{stop}", title, note, header, rows, frame, bold)


def ranking_table(results: Results, metric: str, stop: int) -> Table | None:
    """Return mean ranks with Friedman's and Nemenyi's tests; None for fewer than two problems or three algorithms."""
    ranking = rank_over_problems(results, metric, stop)
    if ranking.n < 2 or len(ranking.names) < 3:
        return None
    header = ["algorithm", "mean rank", "Nemenyi p against the first"]
    rows = [
        [name, f"{rank:.2f}", "" if i == 0 else p_text(float(ranking.p_pairs[0, i]))]
        for i, (name, rank) in enumerate(zip(ranking.names, ranking.ranks, strict=True))
    ]
    frame = pd.DataFrame({"algorithm": ranking.names, "mean_rank": ranking.ranks, "nemenyi_p": ranking.p_pairs[0]})
    title = f"{results.suite.title}: mean ranks by {TITLES[metric]} at {stop:,} {results.suite.count}"
    return Table(f"ranks_{metric}_{stop}", title, ranking_note(ranking), header, rows, frame, {(0, 0), (0, 1)})


def overall_table(results: Results, metric: str, stop: int) -> Table | None:
    """Return the first algorithm against each other one over all problems; None for fewer than two problems."""
    frame = compare_over_problems(results, metric, stop)
    if len(results.problems) < 2 or frame.empty:
        return None
    first, ranking = results.algorithms[0], rank_over_runs(results, metric, stop)
    ranks = dict(zip(ranking.names, ranking.ranks, strict=True))
    header = ["algorithm", "mean rank of runs", f"runs {first} won - lost", "problems won - lost", "signed-rank p"]
    rows = [[first, f"{ranks[first]:.2f}", "", "", ""]]
    frame["mean_rank_of_runs"] = [ranks[rival] for rival in frame.rival]
    for r in _rows(frame.sort_values("mean_rank_of_runs", kind="stable")):
        won = [f"{r.runs_won} - {r.runs_lost}", f"{r.problems_won} - {r.problems_lost}"]
        rows.append([r.rival, f"{r.mean_rank_of_runs:.2f}", *won, p_text(r.holm)])
    note = (
        f"Ranks of single runs, over {ranking.n} pairs of problem and repetition that all algorithms have. A problem "
        "is won by the median difference of its runs; Wilcoxon's signed-rank test over the problems' differences, "
        "Holm-corrected over the algorithms."
    )
    title = f"{results.suite.title}: {first} over all problems by {TITLES[metric]} at {stop:,} {results.suite.count}"
    bold = {(i, 4) for i, row in enumerate(rows) if i and frame.holm[frame.rival == row[0]].iloc[0] < ALPHA}
    return Table(f"overall_{metric}_{stop}", title, note, header, rows, frame, bold)


def ranking_note(ranking: Ranking) -> str:
    """Return one sentence with the results of Friedman's and Nemenyi's tests."""
    friedman = f"Friedman chi2 = {ranking.statistic:.2f}, p = {p_text(ranking.p_value)}; " if ranking.n > 1 else ""
    return (
        f"Ranks of medians over {ranking.n} problems; {friedman}Nemenyi's critical difference at 0.05 is "
        f"{ranking.critical_difference:.2f}: mean ranks farther apart differ."
    )


def target_table(results: Results) -> Table | None:
    """Return the evaluations needed to reach multiples of the best IGD possible with the suite's number of points."""
    if results.suite.count != "evaluations" or "igd" not in results.suite.metrics:
        return None
    frames = [evaluations_to(results, factor).assign(factor=factor) for factor in FACTORS]
    frame = pd.concat(frames, ignore_index=True)
    if frame.empty:
        return None
    header, rows, bold = ["problem", "within", "IGD", *results.algorithms], [], set()
    for problem in dict.fromkeys(frame.problem):
        for factor in FACTORS:
            part = frame[(frame.problem == problem) & (frame.factor == factor)]
            runs = {a: part.n_eval[part.algorithm == a] for a in results.algorithms}
            medians = {a: x.median() for a, x in runs.items() if len(x)}
            best = min(medians.values(), default=np.inf)
            line = [problem, f"x {factor:g}", number(part.target.iloc[0])]
            for j, a in enumerate(results.algorithms, 3):
                x = runs[a]
                hits = int(np.isfinite(x).sum())
                line.append(f"{medians[a]:,.0f}" if len(x) and np.isfinite(medians[a]) else f"{hits}/{len(x)}")
                if np.isfinite(best) and medians.get(a) == best:
                    bold.add((len(rows), j))
            rows.append(line)
    note = (
        f"Median evaluations until IGD (scaled) is within a factor of the best that {results.suite.points} points can "
        "have; where fewer than half of the runs got there, how many did. As fine as the snapshots are."
    )
    return Table("targets", f"{results.suite.title}: evaluations to a target", note, header, rows, frame, bold)


def effort_table(results: Results) -> Table:
    """Return evaluations and CPU times [s] of the runs, recording included."""
    groups = results.runs.groupby("algorithm", sort=False)
    frame = groups.agg(
        runs=("n_eval", "size"),
        n_eval=("n_eval", "median"),
        cpu_seconds=("cpu_seconds", "median"),
        same_start=("same_start", "all"),
    ).reindex(results.algorithms)
    header = ["algorithm", "runs", "evaluations", "CPU s", "common start"]
    rows = [
        [
            str(name),
            f"{row.runs:.0f}",
            f"{row.n_eval:,.0f}",
            f"{row.cpu_seconds:.2f}",
            "yes" if row.same_start else "no",
        ]
        for name, row in frame.iterrows()
    ]
    note = (
        "Medians over runs; CPU time includes the counting observer, so use the speed table to compare speed. Common "
        "start: every algorithm of a repetition began with the same population."
    )
    return Table("effort", f"{results.suite.title}: what the runs cost", note, header, rows, frame.reset_index())


def speed_table(results: Results) -> Table | None:
    """Return CPU times of each algorithm for one evaluation of the plain problem [us]; None without timed runs."""
    rows = speed_rows(results.speeds)
    if not rows:
        return None
    frame = pd.DataFrame(rows)
    lines = [[r["algorithm"], f"{r['microseconds']:.1f}", f"{r['ratio']:.2f}"] for r in rows]
    fastest = min(range(len(rows)), key=lambda i: rows[i]["microseconds"])
    note = (
        f"CPU microseconds an evaluation on {rows[0]['problem']}, {rows[0]['n_eval']:,} evaluations, median of "
        f"{len(results.speeds[0][3])} runs, one process, warm, nothing recorded. Libraries other than pymoo call the "
        "problem once a candidate."
    )
    header = ["algorithm", "us / evaluation", f"x {rows[0]['algorithm']}"]
    title = f"{results.suite.title}: speed"
    return Table("speed", title, note, header, lines, frame, {(fastest, 1)})


# -------------------------------------------------------------------------------------------------------------- formats
def to_markdown(table: Table) -> str:
    """Return a table as GitHub's Markdown."""

    def cell(text: str, stressed: bool) -> str:
        text = text.replace("|", "\\|")
        return f"**{text}**" if stressed else text

    lines = [" | ".join(["", *table.header, ""]).strip(), "|" + "---|" * len(table.header)]
    for i, row in enumerate(table.rows):
        lines.append("| " + " | ".join(cell(text, (i, j) in table.bold) for j, text in enumerate(row)) + " |")
    return f"**{table.title}**\n\n" + "\n".join(lines) + f"\n\n{table.note}\n"


def to_latex(table: Table) -> str:
    """Return a LaTeX table that needs no package but graphicx, which fits it to the width of the page."""
    columns = "l" * len(table.header)
    body = [" & ".join(latex_text(head) for head in table.header) + r" \\ \hline"]
    for i, row in enumerate(table.rows):
        texts = [latex_text(text) for text in row]
        cells = [f"\\textbf{{{text}}}" if (i, j) in table.bold else text for j, text in enumerate(texts)]
        body.append(" & ".join(cells) + r" \\")
    lines = [
        r"\begin{table}[ht]",
        r"\centering",
        f"\\caption{{{latex_text(table.title)}. {latex_text(table.note)}}}",
        f"\\label{{tab:{table.name}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        f"\\begin{{tabular}}{{{columns}}}",
        r"\hline",
        *body,
        r"\hline",
        r"\end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    marks = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"$<$",
        ">": r"$>$",
        **{c: f"\\{c}" for c in "&%$#_{}"},
    }
    return "".join(marks.get(c, c) for c in text)


def write_table(table: Table, folder: Path) -> None:
    """Write NAME.csv, NAME.md and NAME.tex."""
    write_csv(folder / f"{table.name}.csv", table.data, float_format=None)
    for ending, text in (("md", to_markdown(table)), ("tex", to_latex(table))):
        with atomic_write(folder / f"{table.name}.{ending}") as file:
            file.write(text)


def number(value: float, digits: int = 4) -> str:
    """Write a number with so many significant digits; - for what is not one, inf for a run that found nothing."""
    if np.isnan(value):
        return "-"
    if np.isinf(value):
        return "inf"
    return f"{value:.{digits}g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.{digits - 1}e}"


def p_text(p: float) -> str:
    """Write a p-value."""
    return "-" if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _runs(results: Results) -> str:
    counts: dict[int, list[str]] = {}
    for algorithm in results.algorithms:
        part = results.runs.loc[results.runs.algorithm == algorithm]
        counts.setdefault(int(part.groupby("problem").size().max()), []).append(algorithm)
    most = max(counts)
    text = f"{most} runs"
    for n in sorted(counts.keys() - {most}):
        text += f", {n} of {_listed(counts[n])}"
    return text


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _rows(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples(index=False))
