"""A report from a results file: nothing is run here, so it can be made again at any time and comes out the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, output_folder
from csmoifsa_bench import tables
from csmoifsa_bench.measure import TITLES, Results, code_states, read_results
from csmoifsa_bench.store import Store


def write_report(
    results_file: str | Path,
    folder: str | Path,
    *,
    suites: list[str] | None = None,
    figures: bool = True,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write ``report.html``, ``SUITE.md`` and, a folder a suite, tables (CSV, Markdown, LaTeX) and figures (PNG, PDF).

    Parameters
    ----------
    results_file : path
        What a campaign wrote.
    folder : path
        Created if need be.
    suites : list of str, optional
        Only these.
    figures : bool
        Whether to draw PNG and PDF; ``report.html`` draws its own.
    progress : callable, optional
        Called with the percentage done.

    Returns
    -------
    dict
        report, suites, tables, figures (how many), verdicts (a sentence a suite and budget).
    """
    tell = progress or (lambda done: None)
    with Store(results_file, readonly=True) as store:
        known = {suite.name: suite for suite in store.suites()}
        for name in suites or []:
            if name not in known:
                raise InputError(f"{results_file} has no suite {name!r}; it has {', '.join(known) or 'none'}")
        wanted = [known[name] for name in (suites or known)]
        everything = []
        for i, suite in enumerate(wanted):
            everything.append(
                read_results(store, suite, lambda share, i=i: tell(round(50 * (i + share) / len(wanted))))
            )
    everything = [results for results in everything if len(results.table)]
    if not everything:
        raise InputError(f"{results_file} has no finished runs yet; see 'csmoifsa bench status {results_file}'")
    folder = output_folder(folder)
    n_tables = n_figures = 0
    for i, results in enumerate(everything):
        place = output_folder(folder / results.suite.name)
        made = list(all_tables(results))
        for table in made:
            tables.write_table(table, place)
        n_tables += len(made)
        with atomic_write(folder / f"{results.suite.name}.md") as file:
            file.write(digest(results, made))
        if figures:
            from csmoifsa_bench.figures import draw_all, save_all

            n_figures += sum(1 for _ in save_all(draw_all(results), place))
        tell(50 + round(40 * (i + 1) / len(everything)))
    from csmoifsa_bench.page import write_page

    write_page(everything, folder / "report.html")
    tell(100)
    return {
        "report": str(folder / "report.html"),
        "suites": [results.suite.name for results in everything],
        "tables": n_tables,
        "figures": n_figures,
        "verdicts": [verdict(r, stop) for r in everything for stop in r.suite.compare_at],
    }


def all_tables(results: Results) -> Iterator[tables.Table]:
    """Yield every table of a suite, in the order of reading."""
    for stop in reversed(results.suite.compare_at):
        for metric in results.suite.metrics:
            yield tables.summary_table(results, metric, stop)
        for metric in results.suite.metrics:
            if (table := tables.comparison_table(results, metric, stop)) is not None:
                yield table
        for metric in results.suite.metrics:
            if (table := tables.ranking_table(results, metric, stop)) is not None:
                yield table
    for table in (tables.target_table(results), tables.effort_table(results), tables.speed_table(results)):
        if table is not None:
            yield table


def verdict(results: Results, stop: int) -> str:
    """Say in one sentence how the suite's first algorithm fares at a budget."""
    metric, first = results.suite.metrics[0], results.algorithms[0]
    where = f"{results.suite.name}, {TITLES[metric]} at {stop:,} {results.suite.count}"
    frame = tables.compare_with_first(results, metric, stop)
    if frame.empty:
        return f"{where}: only {first} has runs"
    against = []
    for rival in results.algorithms[1:]:
        part = frame[frame.rival == rival]
        counts = [int((part.verdict == mark).sum()) for mark in "+=-"]
        against.append(f"{rival} {counts[0]}/{counts[1]}/{counts[2]}")
    return f"{where}: {first} better/level/worse than " + ", ".join(against)


def digest(results: Results, made: list[tables.Table]) -> str:
    """Return all tables of a suite as one Markdown page with what is needed to make them again."""
    suite = results.suite
    lines = [f"# {suite.title}", ""]
    if suite.description:
        lines += [suite.description, ""]
    lines += [f"* {verdict(results, stop)}" for stop in suite.compare_at]
    lines += ["", *provenance(results), ""]
    return "\n".join(lines) + "\n" + "\n".join(tables.to_markdown(table) for table in made)


def provenance(results: Results) -> list[str]:
    """Return how the runs were made, one Markdown line each: command, dates, versions, machine, what is missing."""
    suite = results.suite
    dates = sorted(str(day)[:10] for day in results.runs.finished)
    days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    lines = [
        f"Made by `csmoifsa bench run {suite.name} --runs {suite.runs}`, then `csmoifsa bench report`; runs of {days}."
    ]
    for state in code_states(results.environments):
        versions = ", ".join(f"{name} {number}" for name, number in state["versions"].items())
        lines.append(f"Python {state['python']}, {versions}; source of csmoifsa {state['code']}.")
    machines = {
        f"{e['processor'] or e['machine']}, {e['cpus']} processors, {e['system']}" for e in results.environments
    }
    lines.append(f"Machine: {'; '.join(sorted(machines))}.")
    if len(code_states(results.environments)) > 1:
        lines.append("**The runs were made by more than one state of the code**, listed above: do not compare them.")
    if results.missing or results.failed:
        lines.append(f"**Incomplete**: {results.missing} runs are missing, {results.failed} failed.")
    return lines
