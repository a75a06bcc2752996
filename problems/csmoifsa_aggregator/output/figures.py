"""Figures of the aggregator, drawn from the files of a result folder, so that they can be drawn again.

Colours, dashes and hatches are those of `csmoifsa_ev.output.figures`: distinct to colour-blind readers and in
greyscale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from csmoifsa.files import read_csv
from csmoifsa_aggregator.output.summary import DaySummary, RollingSummary
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

CLASS_STYLES = [(BLUE, ""), (ORANGE, "///"), (GREEN, "..."), (SKY, "\\\\\\"), (VERMILION, "xxx"), (GREY, "++")]


@rc_context({"text.parse_math": False})  # draw a dollar sign as such, not as the start of a formula
def draw_day(folder: Path) -> list[Path]:
    """Draw price, load by class, profit by stage and, with contracts, state of energy; return the files."""
    summary, tables = read_results(folder, ["price", "load", "plans", "plans_load"], "aggregate", DaySummary)
    loads = {"stage one": tables["load"]}
    if (folder / "load_v2g.csv").exists():
        loads["with V2G contracts"] = read_csv(folder / "load_v2g.csv")
    figures = {
        "price": draw_price(tables["price"], summary),
        "load": draw_load(loads),
        "profit": draw_profit(tables["plans"], tables["plans_load"], summary["currency"], summary["storage"]),
    }
    if (folder / "v2g.csv").exists():
        figures["soc"] = draw_state_of_energy(read_csv(folder / "v2g.csv"))
    return save_figures(figures, folder, "ev aggregate figures")


@rc_context({"text.parse_math": False})
def draw_rolling(folder: Path) -> list[Path]:
    """Draw rho by node, the gain day by day, and the first node's mean day run in every way; return the files."""
    summary, tables = read_results(folder, ["rho", "plans", "days", "plans_load"], "roll", RollingSummary)
    plans, loads = _first_node(tables["plans"]), _first_node(tables["plans_load"]).drop(columns="node")
    figures = {
        "rho": draw_rho(tables["rho"], summary),
        "gain": draw_gain(tables["days"], summary),
        "profit": draw_profit(plans, loads, summary["currency"], title=f"{summary['nodes'][0]['node']}, mean day"),
    }
    return save_figures(figures, folder, "ev roll figures")


def _first_node(table: pd.DataFrame) -> pd.DataFrame:
    return rows_where(table, "node", table["node"].iloc[0])


def _edges(hours: np.ndarray) -> np.ndarray:
    step = hours[1] - hours[0]
    return np.append(hours, hours[-1] + step)


def _steps(axes: Axes, hours: np.ndarray, values: np.ndarray, **style: Unpack[LineStyle]) -> None:
    axes.plot(_edges(hours), np.append(values, values[-1]), drawstyle="steps-post", **style)


def _hours(axes: Axes, hours: np.ndarray) -> None:
    edges = _edges(hours)
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MultipleLocator(4))
    axes.xaxis.set_major_formatter(lambda hour, _: f"{hour % 24:.0f}" if hour % 24 or hour == 0 else "24")
    axes.set_xlabel("hour of the day")
    axes.grid(axis="y", alpha=0.3)


def draw_price(table: pd.DataFrame, summary: DaySummary) -> Figure:
    """Draw the charging price, its bounds and the day-ahead price over the day [currency/kWh]."""
    figure = Figure(figsize=(8.0, 4.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    hours = table["hour"].to_numpy()
    low, high = (np.append(table[name], table[name].iloc[-1]) for name in ("lower", "upper"))
    axes.fill_between(_edges(hours), low, high, step="post", color="#e4e4e4", label="allowed")
    _steps(axes, hours, table["day_ahead"].to_numpy(), color=BLACK, linestyle=(0, (4, 2)), label="day-ahead price")
    _steps(axes, hours, table["price"].to_numpy(), color=BLUE, linewidth=2.4, label="charging price")
    mean = float(table["price"].to_numpy().mean())
    axes.axhline(mean, color=VERMILION, linestyle=(0, (1, 1.5)), linewidth=1.4, label=f"its mean, {mean:.4g}")
    _hours(axes, hours)
    axes.set_ylabel(f"price [{summary['currency']}/kWh]")
    proven = "proven optimal" if summary["status"] == "proven" else f"gap {100 * summary['gap']:.3g} %"
    axes.margins(y=0.12)
    axes.set_title(f"profit {summary['objective']:,.2f} {summary['currency']} a day, {proven}", fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def draw_load(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the load of each class, stacked, one panel a table [kW]; discharged power is below zero."""
    figure = Figure(figsize=(8.0 if len(tables) == 1 else 12.0, 4.6), dpi=150, layout="constrained")
    axes = figure.subplots(1, len(tables), squeeze=False, sharey=True)[0]
    colours: dict[str, tuple[str, str]] = {}
    for k, (title, table) in enumerate(tables.items()):
        _draw_classes(axes[k], table, colours)
        axes[k].set_title(title, fontsize=10)
        axes[k].legend(frameon=False, fontsize=9, loc="upper center", ncols=3)
    axes[0].set_ylabel("load of the cars [kW]")
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + 0.22 * (high - low))
    return figure


def _draw_classes(axes: Axes, table: pd.DataFrame, colours: dict[str, tuple[str, str]]) -> None:
    hours = table["hour"].to_numpy()
    above, below = np.zeros(len(hours) + 1), np.zeros(len(hours) + 1)
    for name, power in few_classes(table.drop(columns="hour")).items():
        colour, hatch = colours.setdefault(name, CLASS_STYLES[len(colours) % len(CLASS_STYLES)])
        every = np.append(power, power[-1])
        for part, floor in ((np.maximum(every, 0.0), above), (np.minimum(every, 0.0), below)):
            if part.any() or (floor is above and not every.any()):
                axes.fill_between(
                    _edges(hours), floor, floor + part, step="post", facecolor=colour, hatch=hatch,
                    edgecolor="#303030", linewidth=0.0, label=name if floor is above else None,
                )  # fmt: skip
            floor += part
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    _hours(axes, hours)


def few_classes(table: pd.DataFrame, most: int = 6) -> dict[str, np.ndarray]:
    """Return the load of each class, (T,) [kW]; where there are more than ``most``, the smaller ones as one sum."""
    order = list(table.abs().sum().sort_values(ascending=False, kind="stable").index)
    shown = order if len(order) <= most else order[: most - 1]
    parts = {str(name): table[name].to_numpy(dtype=float) for name in table.columns if name in shown}
    if len(shown) < len(order):
        parts[f"{len(order) - len(shown)} other classes"] = table[order[len(shown) :]].sum(axis=1).to_numpy()
    return parts


BASELINES = ("uncontrolled charging", "flat price", "day-ahead price")
PERFECT_FORESIGHT = "perfect foresight"


def draw_profit(
    plans: pd.DataFrame, curves: pd.DataFrame, currency: str, storage: float = 0.0, title: str = "profit"
) -> Figure:
    """Draw the profit of each way to run the day, with the gain of each stage, and the load curves."""
    figure = Figure(figsize=(12.0, 4.8), dpi=150, layout="constrained")
    axes = figure.add_subplot(1, 2, 1)
    _draw_waterfall(axes, plans)
    axes.set_ylabel(f"aggregator's profit [{currency}/day]")
    left_out = f"\nthe storage's {storage:,.2f} not counted" if storage else ""
    axes.set_title(f"{title}: grey for comparison, blue stage by stage{left_out}", fontsize=10)

    axes = figure.add_subplot(1, 2, 2)
    hours = curves["hour"].to_numpy(dtype=float)
    hours = hours[0] + np.arange(len(hours)) * ((hours[1] - hours[0]) % 24.0)
    for k, name in enumerate(name for name in curves.columns if name != "hour"):
        style: LineStyle = {**_CURVES[k % len(_CURVES)], "label": name}
        _steps(axes, hours, curves[name].to_numpy(), **style)
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    _hours(axes, hours)
    axes.set_ylabel("net load of the cars [kW]")
    axes.set_title("load curves", fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    return figure


_CURVES: list[LineStyle] = [
    {"color": BLACK, "linestyle": (0, (4, 2)), "linewidth": 1.5},
    {"color": GREY, "linestyle": (0, (1, 1)), "linewidth": 1.5},
    {"color": ORANGE, "linestyle": (0, (2, 1.2)), "linewidth": 2.0, "zorder": 4},  # over stage one, often equal
    {"color": BLUE, "linestyle": "-", "linewidth": 3.2, "alpha": 0.8},
    {"color": VERMILION, "linestyle": "-", "linewidth": 1.5, "zorder": 3},
    {"color": GREEN, "linestyle": (0, (3, 1)), "linewidth": 1.8, "zorder": 4},
    {"color": SKY, "linestyle": (0, (1, 1)), "linewidth": 1.8, "zorder": 4},
]


def _draw_waterfall(axes: Axes, plans: pd.DataFrame) -> None:
    """Draw baselines from zero, stages as steps from one to the next, and perfect foresight as an outline."""
    profit, names = plans["profit"].to_numpy(dtype=float), plans["plan"].to_list()
    reached = 0.0
    for k, (name, value) in enumerate(zip(names, profit, strict=True)):
        start = 0.0 if name in BASELINES else reached
        colour, hatch = (BLUE, "") if value >= start else (VERMILION, "///")
        if name in BASELINES:
            colour, hatch = "#c4c4c4", ""
        elif name == PERFECT_FORESIGHT:
            colour, hatch = "white", "..."
        axes.bar(
            k,
            value - start,
            bottom=start,
            width=0.62,
            color=colour,
            hatch=hatch,
            edgecolor=BLACK,
            linewidth=0.6,
            zorder=3,
        )
        text = f"{value:,.1f}" if start == 0.0 else f"{value:,.1f}\n({value - start:+,.1f})"
        top = max(value, start)
        axes.annotate(text, (k, top), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8, zorder=5)
        if name not in BASELINES and k + 1 < len(profit):
            axes.plot([k - 0.31, k + 1.31], [value, value], color=BLACK, linewidth=0.8, zorder=2)
            reached = value
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    axes.use_sticky_edges = False
    axes.margins(y=0.15)
    split = [name.replace("with ", "with\u00a0").replace(" ", "\n", 1) for name in names]
    axes.set_xticks(range(len(names)), split, fontsize=8)
    axes.grid(axis="y", alpha=0.3)


def draw_state_of_energy(table: pd.DataFrame) -> Figure:
    """Draw state of energy and power of the first four V2G classes over the stay, with floor, capacity and promise."""
    names = list(dict.fromkeys(table["class"]))[:4]
    figure = Figure(figsize=(0.6 + 3.6 * len(names), 5.2), dpi=150, layout="constrained")
    grid = figure.subplots(2, len(names), squeeze=False, height_ratios=(3, 2), sharex="col")
    for k, name in enumerate(names):
        rows = rows_where(table, "class", name)
        upper, lower = grid[0, k], grid[1, k]
        hours = rows["hour"].to_numpy(dtype=float)
        step = (hours[1] - hours[0]) % 24.0 if len(hours) > 1 else 1.0
        hours = hours[0] + np.arange(len(hours)) * step
        upper.axhspan(
            rows["floor_kwh"].iloc[0],
            rows["capacity_kwh"].iloc[0],
            color="#ededed",
            zorder=0,
            label="floor to capacity",
        )
        soe = np.append(rows["arrival_kwh"].iloc[0], rows["soe_kwh"])
        upper.plot(
            np.append(hours, hours[-1] + step),
            soe,
            color=BLUE,
            marker="o",
            markersize=3,
            label="state of energy",
            zorder=3,
        )
        upper.scatter(
            [hours[-1] + step], [rows["departure_kwh"].iloc[-1]], marker="D", s=55, facecolor="white", edgecolor=BLACK,
            label="promised at departure", zorder=2.5, clip_on=False,
        )  # fmt: skip
        upper.set_title(name, fontsize=10)
        net = (rows["charge_kw"] - rows["discharge_kw"]).to_numpy()
        for sign, colour, hatch, label in ((1, GREEN, "", "charging"), (-1, VERMILION, "///", "to the grid")):
            part = np.where(sign * net > 0, net, 0.0)
            lower.bar(
                hours + step / 2, part, width=0.8 * step, color=colour, hatch=hatch, edgecolor=BLACK, linewidth=0.4,
                label=label,
            )  # fmt: skip
        lower.axhline(0.0, color=BLACK, linewidth=0.8)
        _hours(lower, hours)
        upper.grid(axis="y", alpha=0.3)
        if k == 0:
            upper.set_ylabel("state of energy of a vehicle [kWh]")
            lower.set_ylabel("power of the class [kW]")
            upper.legend(fontsize=8, framealpha=0.8, edgecolor="none")
            lower.legend(frameon=False, fontsize=8)
    return figure


def draw_rho(table: pd.DataFrame, summary: RollingSummary) -> Figure:
    """Draw the loss reduction of each node with its 95 % interval, beside the value of the thesis."""
    figure = Figure(figsize=(7.0, 1.6 + 0.6 * len(table)), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(table))[::-1]
    middle = 100 * table["rho"].to_numpy(dtype=float)
    low, high = 100 * table["rho_low"].to_numpy(dtype=float), 100 * table["rho_high"].to_numpy(dtype=float)
    axes.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="o", color=BLUE, capsize=4, zorder=3)
    axes.axvline(33.0, color=BLACK, linestyle=(0, (4, 2)), label="thesis: nearly 33 %")
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    labels = [f"{node}\n{days} days, phi {phi:.2f}" for node, days, phi in table[["node", "days", "phi"]].to_numpy()]
    axes.set_yticks(places, labels, fontsize=8)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.set_xlabel(
        f"loss reduction [%], 95 % interval over days; forecast {summary['forecast']}, known: {summary['known']}"
    )
    axes.grid(axis="x", alpha=0.3)
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    return figure


def draw_gain(table: pd.DataFrame, summary: RollingSummary) -> Figure:
    """Draw the gain of rolling over the plan, day by day and in sum, of the first six nodes [currency]."""
    nodes = list(dict.fromkeys(table["node"]))[:6]
    figure = Figure(figsize=(9.0, 2.0 * len(nodes) + 0.6), dpi=150, layout="constrained")
    for k, node in enumerate(nodes):
        rows = rows_where(table, "node", node)
        gain = rows["gain"].to_numpy(dtype=float)
        axes = figure.add_subplot(len(nodes), 1, k + 1)
        bars = axes.bar(np.arange(len(gain)), gain, color=np.where(gain >= 0, BLUE, VERMILION), zorder=3)
        for bar, value in zip(bars, gain, strict=True):
            bar.set_hatch("" if value >= 0 else "////")
        axes.axhline(0.0, color=BLACK, linewidth=0.8)
        axes.set_title(_gained(summary, node, gain), fontsize=9)
        axes.grid(axis="y", alpha=0.3)
        ticks = np.arange(0, len(gain), max(1, -(-len(gain) // 8)))
        axes.set_xticks(ticks, rows["day"].iloc[ticks], fontsize=8)
        axes.set_xlim(-0.8, len(gain) - 0.2)
        axes.set_ylabel(f"gain [{summary['currency']}]", fontsize=8)
    return figure


def _gained(summary: RollingSummary, node: str, gain: np.ndarray) -> str:
    text = f"{node}: rolling gains {gain.sum():,.0f} {summary['currency']} in {len(gain)} days"
    result = next(one for one in summary["nodes"] if one["node"] == node)
    rho, low, high = result["rho"], result["rho_low"], result["rho_high"]
    if rho is None or low is None or high is None:
        return text
    return f"{text}, {100 * rho:.0f} % [{100 * low:.0f}, {100 * high:.0f}] of the plan's loss"
