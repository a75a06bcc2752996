"""Figures of a report, each as PNG and PDF; no window, no global state of matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import moocore
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from csmoifsa.figures import save_figure
from csmoifsa.metrics import error_curve
from csmoifsa.text import figure_text as shown
from csmoifsa_bench.measure import MORE_IS_BETTER, TITLES, Results
from csmoifsa_bench.statistics import Ranking, performance_profile, rank_over_problems

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, distinct to colour-blind readers too; then matplotlib's for long lists
COLOURS = (
    *("#0b5fa5", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d1f"),
    *("#7f7f7f", "#9467bd", "#bcbd22", "#17becf", "#e377c2", "#8c564b", "#2ca02c", "#ff9896"),
    *("#aec7e8", "#98df8a", "#c5b0d5", "#c49c94", "#dbdb8d", "#9edae5"),
)
GREY = "#b5b5b5"


def colour(results: Results, algorithm: str) -> str:
    """Return the colour that an algorithm has in all figures of a suite."""
    labels = [a.label for a in results.suite.algorithms]
    return COLOURS[labels.index(algorithm) % len(COLOURS)]


def draw_all(results: Results) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of everything worth drawing for a suite."""
    first, last = results.suite.metrics[0], results.suite.budget
    for metric in results.suite.metrics:
        if len(results.suite.snapshots) > 1:
            yield f"convergence_{metric}", draw_convergence(results, metric)
        yield f"boxes_{metric}_{last}", draw_boxes(results, metric, last)
    for stop in results.suite.compare_at:
        ranking = rank_over_problems(results, first, stop)
        if ranking.n >= 2 and len(ranking.names) >= 3:
            title = f"{results.suite.title}: {TITLES[first]} at {stop:,}"
            yield f"critical_difference_{first}_{stop}", draw_critical_difference(ranking, title)
        if len(results.problems) >= 2:
            yield f"profile_{first}_{stop}", draw_profile(results, first, stop)
    yield f"fronts_{last}", draw_fronts(results, last)
    if "error_ratio" in results.suite.metrics:
        yield "error_curve", draw_error_curve(results, last)
    if len(results.algorithms) >= 2:
        for problem in results.problems:
            if results.references[problem].shape[1] == 2:
                for rival in results.algorithms[1:3]:
                    figure = draw_attainment(results, problem, results.algorithms[0], rival, last)
                    if figure is not None:
                        yield f"eaf_{_file(problem)}_{_file(results.algorithms[0])}_{_file(rival)}", figure


def save_all(figures: Iterator[tuple[str, Figure]], folder: Path) -> Iterator[str]:
    """Write each figure as PNG and PDF and yield its name."""
    for name, figure in figures:
        for ending in ("png", "pdf"):
            save_figure(figure, folder / f"{name}.{ending}")
        yield name


def draw_convergence(results: Results, metric: str) -> Figure:
    """Draw the median over the budget, with a band between the quartiles, a panel a problem."""
    figure, panels = _panels(len(results.problems))
    for axes, problem in zip(panels, results.problems, strict=True):
        part: pd.DataFrame = results.table.loc[results.table.problem == problem]
        for algorithm in results.algorithms:
            runs = part[part.algorithm == algorithm].groupby("stop")[metric]
            # nearest: an average with infinity would drop a median that exists
            low, middle, high = (runs.quantile(q, interpolation="nearest") for q in (0.25, 0.5, 0.75))
            keep = np.isfinite(middle.to_numpy())
            line = colour(results, algorithm)
            axes.plot(middle.index[keep], middle[keep], color=line, label=shown(algorithm), linewidth=1.3)
            axes.fill_between(
                low.index[keep], low[keep], np.where(np.isfinite(high), high, middle)[keep], color=line, alpha=0.15
            )
        if metric not in MORE_IS_BETTER and metric != "error_ratio":
            axes.set_yscale("log")
        axes.set_title(shown(problem), fontsize=9)
        axes.grid(alpha=0.25)
    _legend(figure, panels[0])
    figure.supxlabel(results.suite.count, fontsize=9)
    figure.supylabel(TITLES[metric], fontsize=9)
    return figure


def draw_boxes(results: Results, metric: str, stop: int) -> Figure:
    """Draw the spread of all runs, a panel a problem."""
    figure, panels = _panels(len(results.problems), height=1.5 + 0.14 * len(results.algorithms))
    values = results.values(metric, stop)
    for axes, problem in zip(panels, results.problems, strict=True):
        present = [a for a in results.algorithms if (problem, a) in values]
        data = [x[np.isfinite(x)] for x in (values[problem, a].to_numpy() for a in present)]
        boxes = axes.boxplot(
            data, orientation="horizontal", widths=0.6, patch_artist=True, flierprops={"markersize": 3}
        )
        for box, algorithm in zip(boxes["boxes"], present, strict=True):
            box.set(facecolor=colour(results, algorithm), alpha=0.6)
        for line in boxes["medians"]:
            line.set_color("black")
        axes.set_yticks(range(1, len(present) + 1), [shown(name) for name in present], fontsize=7)
        axes.invert_yaxis()
        if metric not in MORE_IS_BETTER and all((x > 0).all() for x in data) and any(len(x) for x in data):
            axes.set_xscale("log")
        axes.set_title(shown(problem), fontsize=9)
        axes.grid(axis="x", alpha=0.25)
    figure.supxlabel(f"{TITLES[metric]} at {stop:,} {results.suite.count}", fontsize=9)
    return figure


def draw_fronts(results: Results, stop: int) -> Figure:
    """Draw, for each problem, the front of each algorithm's median run."""
    first = results.suite.metrics[0]
    values = results.values(first, stop)
    figure, panels = _panels(len(results.problems), height=2.6)
    for axes, problem in zip(panels, results.problems, strict=True):
        reference = results.references[problem]
        if reference.shape[1] == 2:
            axes.scatter(
                *reference.T, s=1, color=GREY, label="best known" if problem in results.estimated else "true front"
            )
        for algorithm in results.algorithms:
            if (problem, algorithm) in values:
                F = results.fronts[problem, algorithm, median_repetition(values[problem, algorithm]), stop]
                axes.scatter(F[:, 0], F[:, 1], s=4, color=colour(results, algorithm), label=shown(algorithm), alpha=0.8)
        more = "" if reference.shape[1] == 2 else f", first two of {reference.shape[1]}"
        axes.set_title(shown(problem) + more, fontsize=9)
        axes.grid(alpha=0.25)
    _legend(figure, panels[0])
    figure.supxlabel("$f_1$", fontsize=9)
    figure.supylabel("$f_2$", fontsize=9)
    return figure


def median_repetition(values: pd.Series) -> int:
    """Return the repetition whose value is the (lower) median."""
    order = values.sort_values(kind="stable")
    return int(order.index[(len(order) - 1) // 2])


def draw_critical_difference(ranking: Ranking, title: str) -> Figure:
    """Draw Demšar's diagram: mean ranks on a line, bars over those that Nemenyi's test does not tell apart."""
    k = len(ranking.names)
    half = (k + 1) // 2
    cliques = ranking.cliques()
    bars = 0.32 * len(cliques)
    figure = Figure(figsize=(7.5, 1.6 + 0.24 * half + 0.2 * len(cliques)), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    low, high = 1, max(k, 2)
    axes.plot([low, high], [0, 0], color="black", linewidth=1)
    for tick in range(low, high + 1):
        axes.plot([tick, tick], [0, 0.15], color="black", linewidth=1)
        axes.text(tick, 0.25, str(tick), ha="center", va="bottom", fontsize=8)
    for i, (name, rank) in enumerate(zip(ranking.names, ranking.ranks, strict=True)):
        left = i < half
        depth = -(0.7 + bars + 0.6 * (i if left else k - 1 - i))
        end = low - 0.25 if left else high + 0.25
        axes.plot([rank, rank, end], [0, depth, depth], color="#444444", linewidth=0.8)
        axes.text(
            end, depth, f" {shown(name)} ({rank:.2f}) ", ha="right" if left else "left", va="center", fontsize=8,
            fontweight="bold" if i == 0 else "normal",
        )  # fmt: skip
    for j, (a, b) in enumerate(cliques):
        height = -(0.3 + 0.32 * j)
        axes.plot([ranking.ranks[a] - 0.04, ranking.ranks[b] + 0.04], [height, height], color="#d55e00", linewidth=3.5)
    if ranking.critical_difference <= high - low:
        axes.plot([low, low + ranking.critical_difference], [1.3, 1.3], color="#0b5fa5", linewidth=2)
        axes.text(low, 1.45, f"critical difference {ranking.critical_difference:.2f}", fontsize=8, color="#0b5fa5")
    margin = 0.35 * (high - low) + 0.6
    axes.set(xlim=(low - margin, high + margin), ylim=(-(1.2 + bars + 0.6 * half), 2.3))
    axes.axis("off")
    axes.set_title(f"{shown(title)}, mean ranks over {ranking.n} problems", fontsize=9)
    return figure


def draw_profile(results: Results, metric: str, stop: int) -> Figure:
    """Draw performance profiles: the share of problems solved within a factor of the best algorithm's median."""
    ratios = np.geomspace(1, 100, 200) if metric not in MORE_IS_BETTER else np.geomspace(1, 2, 200)
    figure = Figure(figsize=(6.0, 3.8), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for name, share in performance_profile(results, metric, stop, ratios).items():
        axes.step(ratios, share, where="post", color=colour(results, name), label=shown(name), linewidth=1.4)
    axes.set(
        xscale="log",
        ylim=(-0.02, 1.05),
        xlabel=f"{TITLES[metric]}: factor to the best median",
        ylabel="share of problems",
    )
    axes.set_title(f"{shown(results.suite.title)}: performance profile at {stop:,} {results.suite.count}", fontsize=9)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=6, frameon=False, ncols=1 + len(results.algorithms) // 10)
    return figure


def draw_error_curve(results: Results, stop: int) -> Figure:
    """Draw the paper's error ratio over the distance that counts as an error, which the paper does not print."""
    eps = np.geomspace(1e-5, 1, 120)
    figure, panels = _panels(len(results.problems))
    for axes, problem in zip(panels, results.problems, strict=True):
        for algorithm in results.algorithms:
            curves = [
                error_curve(F, results.references[problem], eps=eps)
                for (p, a, _, s), F in results.fronts.items()
                if (p, a, s) == (problem, algorithm, stop) and len(F)
            ]
            if curves:
                axes.plot(
                    eps,
                    np.median(curves, axis=0),
                    color=colour(results, algorithm),
                    label=shown(algorithm),
                    linewidth=1.3,
                )
        axes.axvline(results.suite.eps, color=GREY, linewidth=0.8)
        axes.set(xscale="log")
        axes.set_title(shown(problem), fontsize=9)
        axes.grid(alpha=0.25)
    _legend(figure, panels[0])
    figure.supxlabel("eps: distance from the true front beyond which a point is an error", fontsize=9)
    figure.supylabel("median error ratio", fontsize=9)
    return figure


def draw_attainment(results: Results, problem: str, first: str, rival: str, stop: int) -> Figure | None:
    """Draw what each of two algorithms attains in the best, the median and the worst run, and where they differ.

    Source: Grunert da Fonseca et al. 2001 and López-Ibáñez et al. 2010, computed by moocore.
    """
    runs = [_runs_of(results, problem, name, stop) for name in (first, rival)]
    if any(len(points) == 0 for points in runs):
        return None
    low, high = results.references[problem].min(axis=0), results.references[problem].max(axis=0)
    for points in runs:
        high = np.maximum(high, np.quantile(points[:, :2], 0.98, axis=0))
    margin = 0.05 * np.where(high > low, high - low, 1.0)
    figure = Figure(figsize=(9.0, 3.4), dpi=130, layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    for panel, name, points in zip(axes[:2], (first, rival), runs, strict=True):
        count = len(np.unique(points[:, 2]))
        levels = {"best": 100 / count, "median": 50.0, "worst": 100.0}
        surfaces = moocore.eaf(points[:, :2], points[:, 2], percentiles=sorted(set(levels.values())))
        for (label, level), style in zip(levels.items(), (":", "-", "--"), strict=True):
            at = surfaces[np.isclose(surfaces[:, 2], level)]
            at = at[np.argsort(at[:, 0])]
            panel.step(
                at[:, 0],
                at[:, 1],
                where="post",
                color=colour(results, name),
                linestyle=style,
                label=f"{shown(label)} run",
            )
        panel.set_title(f"{shown(name)}: attained in {count} runs", fontsize=8)
        panel.legend(fontsize=7, frameon=False)
    _shade(axes[2], runs, high + margin, (colour(results, first), colour(results, rival)))
    axes[2].set_title(f"attained more often by {shown(first)} (blue)\nor by {shown(rival)} (red)", fontsize=8)
    for panel in axes:
        panel.scatter(*results.references[problem].T, s=0.5, color=GREY, zorder=0)
        panel.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
        panel.set_xlabel("$f_1$", fontsize=8)
    axes[0].set_ylabel("$f_2$", fontsize=8)
    figure.suptitle(f"{shown(problem)} at {stop:,} {results.suite.count}", fontsize=9)
    return figure


def _shade(axes: Axes, runs: list[np.ndarray], corner: np.ndarray, colours: tuple[str, str]) -> None:
    """Fill the rectangles in which one algorithm attains more often than the other; darker is more often."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    paired = [points.copy() for points in runs]
    for points in paired:
        points[:, 2] = np.unique(points[:, 2], return_inverse=True)[1] + 1
    counts = [points[:, 2].max() for points in paired]
    if counts[0] == counts[1]:
        rectangles = moocore.eafdiff(*paired, intervals=5, rectangles=True)
    else:  # eafdiff wants as many runs on either side
        n = int(min(counts))
        rectangles = moocore.eafdiff(*(points[points[:, 2] <= n] for points in paired), intervals=5, rectangles=True)
    rectangles = rectangles[rectangles[:, 4] != 0]
    if len(rectangles) == 0:
        return
    most = np.abs(rectangles[:, 4]).max()
    for sign, shade in ((1, "#0b5fa5"), (-1, "#c0392b")):
        part = rectangles[rectangles[:, 4] * sign > 0]
        patches = []
        for x1, y1, x2, y2, _ in part:
            x2, y2 = min(x2, corner[0] * 2 + 1), min(y2, corner[1] * 2 + 1)
            patches.append(Rectangle((min(x1, x2), min(y1, y2)), abs(x2 - x1), abs(y2 - y1)))
        for level in np.unique(np.abs(part[:, 4])):
            chosen = [p for p, v in zip(patches, np.abs(part[:, 4]), strict=True) if v == level]
            axes.add_collection(PatchCollection(chosen, facecolor=shade, alpha=0.15 + 0.75 * level / most, linewidth=0))


def _runs_of(results: Results, problem: str, algorithm: str, stop: int) -> np.ndarray:
    """Return the points of all runs with the repetition as a third column, (n, 3)."""
    parts = [
        np.column_stack([F, np.full(len(F), float(r))])
        for (p, a, r, s), F in results.fronts.items()
        if (p, a, s) == (problem, algorithm, stop) and len(F)
    ]
    return np.vstack(parts) if parts else np.empty((0, 3))


def _panels(count: int, height: float = 2.2) -> tuple[Figure, list[Axes]]:
    columns = min(count, 5 if count > 6 else 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, height * rows + 0.8), dpi=150, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in panels[count:]:
        spare.remove()
    for axes in panels[:count]:
        axes.tick_params(labelsize=7)
    return figure, list(panels[:count])


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 5), fontsize=7, frameon=False)


def _file(label: str) -> str:
    return "".join(c if c.isalnum() or c == "-" else "_" for c in label.lower()).strip("_")
