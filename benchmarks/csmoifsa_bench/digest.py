"""Summarise the results of a suite: verdict in one sentence, Markdown page, and provenance of the runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from csmoifsa_bench import tables
from csmoifsa_bench.measure import TITLES, Results, code_states
from csmoifsa_bench.statistics import compare_over_problems, compare_with_first, rank_over_problems, too_few_runs
from csmoifsa_bench.suite import PAPER_METRICS

MOST_ROWS = 60  # of a table on the Markdown page


def all_tables(results: Results) -> Iterator[tables.Table]:
    """Yield every table of a suite, in the order of the Markdown page."""
    for stop in reversed(results.suite.compare_at):
        for metric in results.suite.metrics:
            yield tables.summary_table(results, metric, stop)
        for metric in results.suite.metrics:
            if (table := tables.comparison_table(results, metric, stop)) is not None:
                yield table
        for metric in results.suite.metrics:
            for make in (tables.ranking_table, tables.overall_table):
                if (table := make(results, metric, stop)) is not None:
                    yield table
    for table in (tables.target_table(results), tables.effort_table(results), tables.speed_table(results)):
        if table is not None:
            yield table


def verdict(results: Results, stop: int, metric: str | None = None) -> str:
    """Return one sentence that compares the first algorithm with the others, by the first metric or by ``metric``."""
    metric, first = metric or results.suite.metrics[0], results.algorithms[0]
    where = f"{results.suite.name}, {TITLES[metric]} at {stop:,} {results.suite.count}"
    frame = compare_with_first(results, metric, stop)
    if frame.empty:
        return f"{where}: only {first} has runs"
    if hint := too_few_runs(frame):
        ranking = rank_over_problems(results, metric, stop)
        places = ", ".join(
            f"{name} {rank:.2f}" for name, rank in list(zip(ranking.names, ranking.ranks, strict=True))[:4]
        )
        rival = next((name for name in ranking.names if name != first), first)
        over = compare_over_problems(results, metric, stop).set_index("rival")
        won = ""
        if ranking.n > 1 and rival in over.index:
            row = over.loc[rival]
            won = (
                f"; {first} is better than {rival} on {row.problems_won:.0f} and worse on {row.problems_lost:.0f} "
                f"problems, signed-rank p = {tables.p_text(row.holm)}"
            )
        return f"{where}: {hint}; best mean ranks over {ranking.n} problems: {places}{won}"
    against = []
    for rival in results.algorithms[1:]:
        part = frame[frame.rival == rival]
        counts = [int((part.verdict == mark).sum()) for mark in "+=-"]
        against.append(f"{rival} {counts[0]}/{counts[1]}/{counts[2]}")
    return f"{where}: {first} better/level/worse than " + ", ".join(against)


def digest(results: Results, made: list[tables.Table]) -> str:
    """Return all tables of a suite as one Markdown page with verdicts and provenance."""
    suite = results.suite
    lines = [f"# {suite.title}", ""]
    if suite.description:
        lines += [suite.description, ""]
    lines += [f"* {verdict(results, stop)}" for stop in suite.compare_at]
    lines += ["", *provenance(results), ""]
    short = [table for table in made if len(table.rows) <= MOST_ROWS]
    if len(short) < len(made):
        lines += [f"Tables of more than {MOST_ROWS} rows are beside this page as CSV, Markdown and LaTeX only.", ""]
    return "\n".join(lines) + "\n" + "\n".join(tables.to_markdown(table) for table in short)


def provenance(results: Results) -> list[str]:
    """Return Markdown lines on the provenance of the runs: command, dates, versions, machine, missing runs."""
    suite = results.suite
    dates = sorted(str(day)[:10] for day in results.runs.finished)
    days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    scaled = [TITLES[m] for m in suite.metrics if m in ("igd", "igd_plus", "hypervolume", "epsilon")]
    own = [TITLES[m] for m in suite.metrics if m in PAPER_METRICS]
    units = f"Scaled by the true front (its ideal point 0, its nadir 1): {', '.join(scaled)}." if scaled else ""
    units += f" In the objectives' own units: {', '.join(own)}; eps = {suite.eps:g}." if own else ""
    lines = [
        units.strip(),
        f"Made by `csmoifsa bench run {suite.name} --runs {suite.runs}`, then `csmoifsa bench report`; runs of {days}.",
    ]
    for state in code_states(results.environments):
        numbers = cast("dict[str, str]", state["versions"])  # `Store.environments` has made sure of it
        versions = ", ".join(f"{name} {number}" for name, number in numbers.items())
        lines.append(f"Python {state['python']}, {versions}; source of csmoifsa {state['code'] or 'not used'}.")
    machines = {
        f"{e['processor'] or e['machine']}, {e['cpus']} processors, {e['system']}" for e in results.environments
    }
    lines.append(f"Machine: {'; '.join(sorted(machines))}.")
    if len(code_states(results.environments)) > 1:
        lines.append("**The runs were made by more than one state of the code**, listed above: do not compare them.")
    lines += [f"**Left out**: {sentence}." for sentence in results.left_out]
    if results.missing or results.failed:
        lines.append(f"**Incomplete**: {results.missing} runs are missing, {results.failed} failed.")
    return lines
