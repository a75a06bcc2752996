"""Write the report of a results file; no algorithm is run, so that the same file gives the same report.

No code that the file names is imported: it stores the true fronts of its problems.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, output_folder
from csmoifsa.folders import result_folder
from csmoifsa_bench.digest import all_tables, digest, verdict
from csmoifsa_bench.figures import draw_all, save_all
from csmoifsa_bench.measure import read_results
from csmoifsa_bench.page import write_page
from csmoifsa_bench.store import Store
from csmoifsa_bench.tables import write_table


class Written(TypedDict):
    """What `write_report` wrote: see there."""

    report: str
    suites: list[str]
    tables: int
    figures: int
    verdicts: list[str]
    left_out: list[str]


def write_report(
    results_file: str | Path,
    folder: str | Path,
    *,
    suites: list[str] | None = None,
    figures: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write ``report.html``, ``SUITE.md`` and, a folder a suite, tables (CSV, Markdown, LaTeX) and figures (PNG, PDF).

    Parameters
    ----------
    results_file : path
        The results file.
    folder : path
        Folder of the report; created if missing.
    suites : list of str, optional
        Names of the suites to report; by default all.
    figures : bool
        Whether to draw PNG and PDF figures; ``report.html`` has its own.
    progress : callable, optional
        Called with the share done [%].

    Returns
    -------
    dict
        report (path), suites (names), tables and figures (numbers of them), verdicts (one sentence for each suite and
        budget), left_out (one sentence for each part of the file that is not used).
    """
    report_progress = progress or (lambda done: None)
    with Store(results_file, readonly=True) as store:
        known = {suite.name: suite for suite in store.suites()}
        for name in suites or []:
            if name not in known:
                raise InputError(f"{results_file} has no suite {name!r}; it has {', '.join(known) or 'none'}")
        wanted = [known[name] for name in (suites or known)]
        everything = []
        for i, suite in enumerate(wanted):
            everything.append(
                read_results(store, suite, lambda share, i=i: report_progress(round(50 * (i + share) / len(wanted))))
            )
    everything = [results for results in everything if len(results.table)]
    if not everything:
        raise InputError(f"{results_file} has no finished runs yet; see 'csmoifsa bench status {results_file}'")
    n_tables = n_figures = 0
    with result_folder(folder, "bench report") as new:
        for i, results in enumerate(everything):
            place = output_folder(new / results.suite.name)
            made = list(all_tables(results))
            for table in made:
                write_table(table, place)
            n_tables += len(made)
            with atomic_write(new / f"{results.suite.name}.md") as file:
                file.write(digest(results, made))
            if figures:
                n_figures += sum(1 for _ in save_all(draw_all(results), place))
            report_progress(50 + round(40 * (i + 1) / len(everything)))
        write_page(everything, new / "report.html")
    report_progress(100)
    return {
        "report": str(Path(folder) / "report.html"),
        "suites": [results.suite.name for results in everything],
        "tables": n_tables,
        "figures": n_figures,
        "verdicts": [verdict(r, stop) for r in everything for stop in r.suite.compare_at],
        "left_out": [sentence for r in everything for sentence in r.left_out],
    }
