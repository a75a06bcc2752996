"""Write ``report.html``, one file that opens offline, with filters for suite, metric and budget."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import moocore
import numpy as np

from csmoifsa.page import html_text
from csmoifsa.page import write_page as write_html
from csmoifsa.text import visible
from csmoifsa_bench import tables
from csmoifsa_bench.digest import provenance, verdict
from csmoifsa_bench.figures import colour, median_repetition
from csmoifsa_bench.measure import MORE_IS_BETTER, TITLES, Results
from csmoifsa_bench.recorder import truncate
from csmoifsa_bench.statistics import performance_profile, rank_over_problems

if TYPE_CHECKING:
    from csmoifsa.typing import Json, JsonObject

MOST_POINTS = 300  # largest number of points of a true front or an attainment surface on the page


def write_page(everything: list[Results], path: Path) -> None:
    """Write the page of the suites' results."""
    write_html(
        path,
        ("csmoifsa_bench",),
        "report.html.j2",
        data={"suites": [page_data(results) for results in everything]},
        scripts=("report.js",),
        titles=[visible(results.suite.title) for results in everything],
    )


def page_data(results: Results) -> JsonObject:
    """Return the data of the page's script for one suite: plain values, and tables as HTML."""
    suite = results.suite
    return {
        "name": suite.name,
        "title": suite.title,
        "description": suite.description,
        "count": suite.count,
        "problems": results.problems,
        "algorithms": [{"label": a, "colour": colour(results, a)} for a in results.algorithms],
        "metrics": [{"key": m, "title": TITLES[m], "more": m in MORE_IS_BETTER} for m in suite.metrics],
        "budgets": list(reversed(suite.compare_at)),
        "provenance": [_inline(line) for line in provenance(results)],
        "views": {f"{m}|{stop}": _view(results, m, stop) for m in suite.metrics for stop in suite.compare_at},
        "curves": {m: _curves(results, m) for m in suite.metrics},
        "fronts": {str(stop): _fronts(results, stop) for stop in suite.compare_at},
        "surfaces": {str(stop): _surfaces(results, stop) for stop in suite.compare_at},
        "references": {p: _points(truncate(results.references[p], MOST_POINTS)) for p in results.problems},
        "more_tables": [
            to_html(table)
            for table in (tables.target_table(results), tables.speed_table(results), tables.effort_table(results))
            if table is not None
        ],
    }


def _view(results: Results, metric: str, stop: int) -> JsonObject:
    values = results.values(metric, stop)
    ranking = rank_over_problems(results, metric, stop)
    tests = tables.comparison_table(results, metric, stop)
    ratios = np.geomspace(1, 2 if metric in MORE_IS_BETTER else 100, 60)
    return {
        "verdict": verdict(results, stop, metric),
        "summary": to_html(tables.summary_table(results, metric, stop)),
        "tests": to_html(tests) if tests else "",
        "values": {
            p: {a: _numbers(values[p, a].to_numpy()) for a in results.algorithms if (p, a) in values}
            for p in results.problems
        },
        "ranking": {
            "names": ranking.names,
            "ranks": _numbers(ranking.ranks),
            "difference": _number(ranking.critical_difference),
            "cliques": ranking.cliques(),
            "note": tables.ranking_note(ranking) if ranking.n >= 2 else "",
        },
        "profile": {
            "ratios": _numbers(ratios),
            "shares": {a: _numbers(s) for a, s in performance_profile(results, metric, stop, ratios).items()},
        },
    }


def _curves(results: Results, metric: str) -> JsonObject:
    found: JsonObject = {}
    for problem, part in results.table.groupby("problem", sort=False):
        groups = part.groupby(["algorithm", "stop"], sort=False)[metric]
        quartiles = [groups.quantile(q, interpolation="nearest") for q in (0.25, 0.5, 0.75)]
        found[str(problem)] = {
            a: {
                "x": [int(stop) for stop in quartiles[1].loc[a].index],
                **{
                    name: _numbers(q.loc[a].to_numpy())
                    for name, q in zip(("low", "middle", "high"), quartiles, strict=True)
                },
            }
            for a in results.algorithms
            if a in quartiles[1].index.get_level_values(0)
        }
    return found


def _fronts(results: Results, stop: int) -> JsonObject:
    values = results.values(results.suite.metrics[0], stop)
    return {
        p: {
            a: _points(results.fronts[p, a, median_repetition(values[p, a]), stop])
            for a in results.algorithms
            if (p, a) in values
        }
        for p in results.problems
    }


def _surfaces(results: Results, stop: int) -> dict[str, dict[str, Json]]:
    """Return the median attainment surface of each algorithm on each problem of two objectives."""
    runs_of: dict[tuple[str, str], list[np.ndarray]] = {}
    for (problem, algorithm, repetition, at), F in results.fronts.items():
        if at == stop and F.shape[1] == 2 and len(F):
            runs = runs_of.setdefault((problem, algorithm), [])
            runs.append(np.column_stack([F, np.full(len(F), repetition)]))
    found: dict[str, dict[str, Json]] = {}
    for (problem, algorithm), runs in runs_of.items():
        points = np.vstack(runs)
        surface = moocore.eaf(points[:, :2], points[:, 2], percentiles=[50.0])[:, :2]
        surface = truncate(surface[np.argsort(surface[:, 0])], MOST_POINTS)
        found.setdefault(problem, {})[algorithm] = _points(surface)
    return found


def to_html(table: tables.Table) -> str:
    """Return a table as HTML, everything escaped."""
    head = "".join(f"<th>{html_text(text)}</th>" for text in table.header)
    body = []
    for i, row in enumerate(table.rows):
        cells = "".join(
            f"<td{' class=best' if (i, j) in table.bold else ''}>{html_text(text)}</td>" for j, text in enumerate(row)
        )
        body.append(f"<tr>{cells}</tr>")
    return (
        f"<figure><figcaption>{html_text(table.title)}</figcaption><div class=scroll><table><thead><tr>{head}</tr>"
        f"</thead><tbody>{''.join(body)}</tbody></table></div><p class=note>{html_text(table.note)}</p></figure>"
    )


def _inline(markdown: str) -> str:
    """Return the HTML of Markdown with bold text and code, as `provenance` returns it."""
    text = html_text(markdown)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)


@cache
def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(float(v)) for v in values]


def _points(F: np.ndarray) -> list[list[float | None]]:
    return [_numbers(row) for row in F]
