"""The study's five figures, drawn from its files, so that they can be drawn again.

Okabe and Ito's colours are distinct to colour-blind readers; markers, dashes and hatches are distinct in greyscale.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Unpack, cast

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from csmoifsa_energy.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    LineStyle,
    read_results,
    rows_where,
    save_figures,
)
from csmoifsa_ev.model.groups import GROUPS
from csmoifsa_ev.output.summary import Summary

MARKS = ((VERMILION, "o"), (GREY, "s"), (ORANGE, "D"), (SKY, "^"), (GREEN, "P"), (BLUE, "v"))
"""Colour and marker of each price, from the dearest to the cheapest period; the cheapest has the last."""

LABELS = {
    "start": "tariff in force",
    "min_difference": "smallest peak-valley difference",
    "max_saving": "largest saving",
    "max_satisfaction": "largest satisfaction",
    "max_profit": "largest profit",
    "min_bill": "smallest bill",
    "min_bill_rise": "smallest rise of a bill",
    "min_inflexible_bill": "smallest bill of the inflexible",
    "max_welfare": "most money together",
    "compromise": "compromise (recommended)",
    "nominal": "compromise at stated assumptions",
    "drivers_best": "drivers' best acceptable",
    "rounded": "compromise, rounded",
}
MARKERS = {
    "start": ("X", GREY),
    "min_difference": ("v", VERMILION),
    "max_saving": ("^", ORANGE),
    "max_satisfaction": ("s", GREEN),
    "max_profit": ("^", ORANGE),
    "min_bill": ("s", GREEN),
    "min_bill_rise": ("s", GREEN),
    "min_inflexible_bill": ("s", GREEN),
    "max_welfare": ("^", ORANGE),
    "compromise": ("D", BLUE),
    "nominal": ("h", GREY),
    "drivers_best": ("P", SKY),
    "rounded": ("d", BLUE),
}
GROUP_STYLES = {
    "non_responders": ("answer no price", "#bdbdbd", ""),
    "charge_responders": ("answer the charge price", SKY, "///"),
    "charge_discharge_responders": ("answer both prices", VERMILION, "..."),
}


@rc_context({"text.parse_math": False})  # draw a dollar sign as such, not as the start of a formula
def draw_all(folder: Path, *, dpi: int = 150) -> list[Path]:
    """Draw fig1 to fig5 of a study's folder into ``folder/figures``, each as PNG and PDF.

    Parameters
    ----------
    folder : Path
        Written by `tables.write_tables`.
    dpi : int
        Resolution of the PNG files.

    Returns
    -------
    list of Path
        The files written.
    """
    names = ["pareto", "tariff", "extremes", "choices_load", "tornado", "robustness"]
    summary, tables = read_results(folder, names, "price", Summary)
    figures = {
        "fig1": draw_front(tables["pareto"], tables["extremes"], summary),
        "fig2": draw_load(tables["choices_load"], tables["extremes"]),
        "fig3": draw_groups(tables["choices_load"], tables["extremes"]),
        "fig4": draw_prices(tables["tariff"], tables["extremes"], tables["choices_load"], summary),
        "fig5": draw_robustness(tables["tornado"], tables["robustness"], summary),
    }
    return save_figures(figures, folder, "ev price figures", dpi=dpi)


def draw_front(pareto: pd.DataFrame, extremes: pd.DataFrame, summary: Summary) -> Figure:
    """Draw the operator's and the grid's objective over the drivers' objective along the front."""
    figure = Figure(figsize=(10.0, 4.8), dpi=150, layout="constrained")
    money = summary["units"]["saving_per_day"].split("/")[0]
    axis = {
        "satisfaction": (1.0, "drivers' satisfaction [0 to 1]"),
        "saving_per_day": (365e-6, f"operator's saving [million {money}/year]"),
        "g2_mw": (1e-3, "peak-valley difference [GW]"),
        "driver_bill_per_day": (365e-6, f"drivers' bill [million {money}/year]"),
        "operator_profit_per_day": (365e-6, f"operator's profit [million {money}/year]"),
        "inflexible_bill_per_day": (365e-6, f"bill if nobody changed hours [million {money}/year]"),
        "welfare_per_day": (365e-6, f"money of operator and drivers [million {money}/year]"),
        "largest_bill_rise": (100.0, "largest rise of a group's bill [%]"),
    }
    paper = _paper_point(summary)
    for k, (pair, rho) in enumerate(summary["rank_correlations"].items()):
        across, column = pair.split(", ")
        (across_scale, across_label), (scale, label) = axis[across], axis[column]
        axes = figure.add_subplot(1, 2, k + 1)
        x, y = across_scale * pareto[across], scale * pareto[column]
        axes.scatter(x, y, s=18, color=GREY, label="front", zorder=2)
        for row in extremes.to_dict("records"):
            if row["choice"] in ("before", "start"):
                continue
            marker, colour = MARKERS[row["choice"]]
            axes.scatter(
                across_scale * row[across],
                scale * row[column],
                s=75,
                marker=marker,
                facecolor=colour,
                edgecolor=BLACK,
                linewidth=0.8,
                label=LABELS[row["choice"]],
                zorder=4,
            )
        if paper and across in paper:
            axes.scatter(
                paper[across], scale * paper[column], s=140, marker="*", facecolor="white", edgecolor=BLACK,
                label="the paper's compromise", zorder=3,
            )  # fmt: skip
        axes.set_title("" if rho is None else f"rank correlation along the front {rho:+.3f}", fontsize=10)
        axes.set(xlabel=across_label, ylabel=label)
        axes.grid(alpha=0.3)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _paper_point(summary: Summary) -> dict[str, float] | None:
    printed = {row["quantity"]: row["paper"] for row in summary["paper"]}
    names = {"satisfaction", "saving", "24 x peak-valley after"}
    if not names <= printed.keys():
        return None
    return {
        "satisfaction": printed["satisfaction"],
        "saving_per_day": printed["saving"] / 365.0,
        "g2_mw": printed["24 x peak-valley after"] / 24.0,
    }


def draw_load(curves: pd.DataFrame, extremes: pd.DataFrame) -> Figure:
    """Draw the whole load before and after, under each extreme and the compromise."""
    figure, panels = _panels(curves, extremes)
    for axes, choice, rows in panels:
        hours, base = _steps(rows, "base_mw", 1e-3)
        _, after = _steps(rows, "after_mw", 1e-3)
        axes.fill_between(hours, base, after, step="post", color="#bfdcee", label="electric vehicles, after")
        _line(axes, rows, "base_mw", 1e-3, color="#5a5a5a", linewidth=1.2, label="without electric vehicles")
        _line(axes, rows, "before_mw", 1e-3, color=BLACK, linestyle=(0, (4, 2)), label="total before")
        _line(axes, rows, "after_mw", 1e-3, color=BLUE, linewidth=2.2, label="total after")
        figures = extremes.set_index("choice").loc[choice]
        axes.text(
            0.02,
            0.97,
            f"peak {figures['g1_mw'] / 1e3:.2f} GW\ndifference {figures['g2_mw'] / 1e3:.2f} GW",
            transform=axes.transAxes,
            va="top",
            fontsize=9,
        )
        low = float(curves[["base_mw", "before_mw", "after_mw"]].min().min()) * 1e-3
        high = float(curves[["before_mw", "after_mw"]].max().max()) * 1e-3
        axes.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    _finish_panels(figure, panels, "load [GW]")
    return figure


def draw_groups(curves: pd.DataFrame, extremes: pd.DataFrame) -> Figure:
    """Draw the load of each group of drivers, under each extreme and the compromise."""
    figure, panels = _panels(curves, extremes)
    for axes, choice, rows in panels:
        floor = np.zeros(len(rows) + 1)
        below = np.zeros(len(rows) + 1)
        figures = extremes.set_index("choice").loc[choice]
        for group in GROUPS:
            label, colour, hatch = GROUP_STYLES[group]
            hours, power = _steps(rows, f"{group}_mw", 1e-3)
            style = {"step": "post", "facecolor": colour, "hatch": hatch, "edgecolor": "#303030", "linewidth": 0.0}
            axes.fill_between(hours, floor, floor + np.maximum(power, 0.0), label=label, **style)
            if (power < 0).any():
                axes.fill_between(hours, below, below + np.minimum(power, 0.0), **style)
            floor = floor + np.maximum(power, 0.0)
            below = below + np.minimum(power, 0.0)
        _line(axes, rows, "ev_before_mw", 1e-3, color=BLACK, linestyle=(0, (4, 2)), label="before")
        axes.axhline(0.0, color=BLACK, linewidth=0.8)
        shares = " / ".join(f"{100 * figures[f'{group}_share']:.0f}" for group in GROUPS)
        axes.text(0.02, 0.97, f"groups {shares} % of drivers", transform=axes.transAxes, va="top", fontsize=9)
        columns = [f"{group}_mw" for group in GROUPS]
        everywhere = curves[columns].to_numpy()
        low = np.minimum(everywhere, 0.0).sum(axis=1).min() * 1e-3
        high = max(np.maximum(everywhere, 0.0).sum(axis=1).max(), curves["ev_before_mw"].max())
        axes.set_ylim(1.15 * low - 0.09e-3 * high, 1.22e-3 * high)
    _finish_panels(figure, panels, "electric vehicles' load [GW]")
    return figure


def draw_prices(tariff: pd.DataFrame, extremes: pd.DataFrame, curves: pd.DataFrame, summary: Summary) -> Figure:
    """Draw the recommended prices over the day, and the charge prices of every choice side by side."""
    figure = Figure(figsize=(10.0, 4.8), dpi=150, layout="constrained")
    unit, periods = summary["units"]["prices"], _periods(extremes)
    prices = tariff.set_index("price")
    rows = _curves_of(curves, "compromise")
    axes = figure.add_subplot(1, 2, 1)
    _shade(axes, rows, periods)
    lines: list[tuple[str, str, LineStyle]] = [
        ("charge", "before", {"label": "charge, price of habits", "color": BLACK, "linestyle": (0, (4, 2))}),
        (
            "charge",
            "start",
            {"label": "charge, in force", "color": GREY, "linestyle": (0, (1, 1)), "linewidth": 2.0},
        ),
        ("charge", "recommended", {"label": "charge, recommended", "color": BLUE, "linewidth": 2.6}),
        (
            "discharge",
            "recommended",
            {
                "label": "discharge, recommended",
                "color": VERMILION,
                "linewidth": 2.0,
                "marker": "v",
                "markevery": 2,
                "markersize": 5,
            },
        ),
    ]
    for kind, column, style in lines:
        by_period = {period: prices.loc[f"{kind}_{period}", column] for period in periods}
        if kind == "discharge":
            unused = prices["note"].notna()
            by_period = {p: np.nan if bool(unused[f"discharge_{p}"]) else by_period[p] for p in periods}
        over_day = rows.assign(price=[by_period[period] for period in rows["period"]])
        _line(axes, over_day, "price", 1.0, **style)
    axes.set(ylabel=f"price [{unit}]", xlabel="hour of the day", ylim=(0, None))
    axes.set_title("recommended tariff", fontsize=10)
    _hours(axes)
    _name_periods(axes, rows)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 0.93))

    axes = figure.add_subplot(1, 2, 2)
    shown = cast(pd.DataFrame, extremes[extremes["choice"] != "before"]).reset_index(drop=True)
    places = np.arange(len(shown))[::-1]
    low, high = (shown[f"charge_{periods[k]}"] for k in (-1, 0))
    axes.hlines(places, low, high, color=GREY, linewidth=1.5, zorder=1)
    for period, (colour, marker) in zip(periods, (*MARKS[: len(periods) - 1], MARKS[-1]), strict=True):
        axes.scatter(
            shown[f"charge_{period}"], places, s=60, marker=marker, color=colour, edgecolor=BLACK, linewidth=0.6,
            label=f"charge, {period}", zorder=3,
        )  # fmt: skip
    offered = shown["discharged_mwh"] > 0.5
    axes.scatter(
        shown[f"discharge_{periods[0]}"].where(offered), places, s=90, marker="|", color=BLACK, linewidth=2.2,
        label=f"discharge, {periods[0]}", zorder=4,
    )  # fmt: skip
    axes.set_yticks(places, [LABELS[choice].replace(" (", "\n(") for choice in shown["choice"]], fontsize=9)
    axes.set(xlabel=f"price [{unit}]")
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_title("prices of each choice", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.3, -0.12), columnspacing=1.0)
    return figure


def draw_robustness(tornado: pd.DataFrame, bands: pd.DataFrame, summary: Summary) -> Figure:
    """Draw the effect of each assumption on the operator's saving, and the band of each effect over all of them."""
    figure = Figure(figsize=(10.0, 4.8), dpi=150, layout="constrained")
    money = summary["units"]["saving_per_day"].split("/")[0]
    axes = figure.add_subplot(1, 2, 1)
    rows = tornado.iloc[::-1].reset_index(drop=True)
    places = np.arange(len(rows))
    middle = 1e-3 * rows["saving_per_day"].to_numpy()
    for end, colour, hatch, label in (("low", SKY, "", "assumption low"), ("high", ORANGE, "///", "assumption high")):
        value = 1e-3 * rows[f"saving_per_day_{end}"].to_numpy()
        axes.barh(
            places, value - middle, left=middle, color=colour, hatch=hatch, edgecolor=BLACK, linewidth=0.6, label=label
        )
    labels = [
        f"{row.assumption}\n" + ("range of the fit or set" if row.own_range else f"±{row.spread_percent:.0f} %")
        for row in rows.itertuples()
    ]
    axes.set_yticks(places, labels, fontsize=8)
    axes.axvline(middle[0], color=BLACK, linewidth=1)
    axes.set(xlabel=f"operator's saving, change against the tariff in force [1000 {money}/day]")
    axes.set_title("one assumption at a time", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower right")

    axes = figure.add_subplot(1, 2, 2)
    names = {
        "g1_mw": "peak load", "g2_mw": "peak-valley difference", "saving_per_day": "saving",
        "operator_profit_per_day": "profit", "driver_bill_per_day": "drivers' bill",
    }  # fmt: skip
    shown = cast(pd.DataFrame, bands[bands["quantity"].isin(names)]).iloc[::-1].reset_index(drop=True)
    places = np.arange(len(shown))
    scale = np.maximum(shown[["p5", "p95"]].abs().max(axis=1).to_numpy(), 1e-12)
    low, middle, high = (shown[name].to_numpy() / scale for name in ("p5", "p50", "p95"))
    axes.hlines(places, low, high, color=BLUE, linewidth=5, alpha=0.5)
    axes.scatter(middle, places, color=BLUE, edgecolor=BLACK, zorder=3, s=50)
    for place, row in zip(places, shown.to_dict("records"), strict=True):
        unit, factor = ("MW", 1.0) if str(row["quantity"]).endswith("_mw") else (f"1000 {money}/day", 1e-3)
        text = f"{factor * row['p5']:+,.0f} to {factor * row['p95']:+,.0f} {unit}; better in {row['better_share']:.0%}"
        axes.text(0.0, place + 0.2, text, ha="center", fontsize=8)
    axes.axvline(0.0, color=BLACK, linewidth=0.8)
    axes.set_yticks(places, [names[name] for name in shown["quantity"]], fontsize=9)
    axes.set_xlim(-1.15, 1.15)
    axes.set_xticks([])
    axes.set_ylim(-0.5, len(shown) - 0.3)
    draws = summary["robustness"]["draws"]
    axes.set_title(f"change against the tariff in force, {draws} draws of all: 5 to 95 %", fontsize=10)
    return figure


Panel = tuple[Axes, str, pd.DataFrame]


def _curves_of(curves: pd.DataFrame, choice: str) -> pd.DataFrame:
    return rows_where(curves, "choice", choice)


def _panels(curves: pd.DataFrame, extremes: pd.DataFrame) -> tuple[Figure, list[Panel]]:
    """Return one panel for each extreme and the compromise, shaded by period."""
    names = [
        name for name in extremes["choice"] if name not in ("before", "start", "nominal", "drivers_best", "rounded")
    ]
    figure, periods = Figure(figsize=(10.0, 6.6), dpi=150, layout="constrained"), _periods(extremes)
    panels: list[Panel] = []
    for k, choice in enumerate(names):
        share = panels[0][0] if panels else None
        axes = figure.add_subplot(2, 2, k + 1, sharex=share, sharey=share)
        rows = _curves_of(curves, choice)
        axes.set_title(LABELS[choice], fontsize=10, fontweight="bold" if choice == "compromise" else "normal")
        _shade(axes, rows, periods)
        panels.append((axes, choice, rows))
    return figure, panels


def _finish_panels(figure: Figure, panels: list[Panel], label: str) -> None:
    for k, (axes, _, rows) in enumerate(panels):
        _hours(axes)
        _name_periods(axes, rows)
        axes.grid(axis="y", alpha=0.3)
        if k % 2 == 0:
            axes.set_ylabel(label)
        if k >= len(panels) - 2:
            axes.set_xlabel("hour of the day")
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)


def _steps(rows: pd.DataFrame, column: str, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return edges of the steps [h] and values times ``scale``, the last value twice, for a step plot."""
    values = rows[column].to_numpy(dtype=float) * scale
    return np.linspace(0.0, 24.0, len(values) + 1), np.append(values, values[-1])


def _line(axes: Axes, rows: pd.DataFrame, column: str, scale: float, **style: Unpack[LineStyle]) -> None:
    hours, values = _steps(rows, column, scale)
    axes.plot(hours, values, drawstyle="steps-post", **style)


def _stretches(rows: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Return (period, from, to) of each unbroken stretch of the day [h]."""
    period = rows["period"].to_list()
    edges = [0, *(k for k in range(1, len(period)) if period[k] != period[k - 1]), len(period)]
    return [(period[first], first * 24.0 / len(period), last * 24.0 / len(period)) for first, last in pairwise(edges)]


def _periods(extremes: pd.DataFrame) -> list[str]:
    """Return the names of the periods, from the dearest to the cheapest, that the columns of prices name."""
    return [name.removeprefix("discharge_") for name in extremes.columns if name.startswith("discharge_")]


def _shade(axes: Axes, rows: pd.DataFrame, periods: list[str]) -> None:
    """Shade the hours of each period: the dearer, the darker."""
    between = np.linspace(0xF4, 0xEA, len(periods) - 2)[::-1]
    greys = dict(zip(periods, (0xE4, *between, 0xFF), strict=True))
    for period, first, last in _stretches(rows):
        axes.axvspan(first, last, color=3 * (greys[period] / 0xFF,), zorder=0, linewidth=0)


def _name_periods(axes: Axes, rows: pd.DataFrame) -> None:
    for period, first, last in _stretches(rows):
        if last - first >= 2:
            axes.text(
                (first + last) / 2, 0.015, period, transform=axes.get_xaxis_transform(), ha="center", fontsize=8,
                color="#404040", zorder=5,
            )  # fmt: skip


def _hours(axes: Axes) -> None:
    axes.set_xlim(0, 24)
    axes.xaxis.set_major_locator(MultipleLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: f"{hour:.0f}"))
