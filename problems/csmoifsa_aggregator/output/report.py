"""``report.html`` of `csmoifsa ev aggregate` and `roll`: one file that opens offline, made from the folder's tables."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from csmoifsa.files import read_csv
from csmoifsa_aggregator.output.figures import BASELINES, PERFECT_FORESIGHT, few_classes
from csmoifsa_aggregator.output.summary import DaySummary, RollingSummary
from csmoifsa_aggregator.study.grid import BASE_ALONE
from csmoifsa_energy.figures import read_results, rows_where
from csmoifsa_energy.page import write_page

MOST_CLASSES = 8  # classes in one figure; the smaller ones are one sum
MOST_STAYS = 12  # stays of batteries drawn one by one


def write_day_report(folder: Path, *, language: str = "en") -> None:
    """Write report.html into a folder that holds the tables of a day.

    Parameters
    ----------
    folder : Path
        Result folder of ``csmoifsa ev aggregate``.
    language : "en" or "zh"
        Language of all labels; text from the case stays as it is.
    """
    _write(folder, "aggregate", day_data(folder), language)


def write_rolling_report(folder: Path, *, language: str = "en") -> None:
    """Write report.html into a folder that ``csmoifsa ev roll`` wrote; see `write_day_report`."""
    _write(folder, "roll", rolling_data(folder), language)


def _write(folder: Path, page: str, data: Mapping[str, object], language: str) -> None:
    write_page(
        folder / "report.html",
        "csmoifsa_aggregator.output",
        page,
        data,
        title=cast("DaySummary | RollingSummary", data["summary"])["title"],
        language=language,
        parts=("aggregator",),
    )


def day_data(folder: Path) -> dict[str, object]:
    """Return the data of a day's page: summary.json as it is, and the tables by column."""
    summary, tables = read_results(folder, ["price", "load", "plans_load"], "aggregate", DaySummary)
    step = float(summary["dt_h"])
    load = {"stage one": _stack(tables["load"])}
    data = {
        **_shared(summary, step, 0.0, len(tables["price"])),
        "price": _columns(tables["price"]),
        "load": _columns(tables["load"]),
        "stacks": load,
        "plans_load": _columns(tables["plans_load"]),
        "storage": None,
        "stays": [],
        "stays_left_out": 0,
        "load_v2g": None,
    }
    if (folder / "storage.csv").exists():
        data["storage"] = _columns(read_csv(folder / "storage.csv"))
    if (folder / "v2g.csv").exists():
        contracts = read_csv(folder / "load_v2g.csv")
        load["with V2G"] = _stack(contracts)
        data["load_v2g"] = _columns(contracts)
        stays = _stays(read_csv(folder / "v2g.csv"), step)
        data["stays"], data["stays_left_out"] = stays[:MOST_STAYS], max(0, len(stays) - MOST_STAYS)
    return data


def rolling_data(folder: Path) -> dict[str, object]:
    """Return the data of a rolling test's page: summary.json as it is, and the tables by node and column."""
    summary, tables = read_results(folder, ["days", "plans_load"], "roll", RollingSummary)
    first, curves = summary["nodes"][0], tables["plans_load"]
    steps = len(rows_where(curves, "node", first["node"]))
    return {
        **_shared(summary, float(summary["dt_h"]), float(first["begin_h"]), steps),
        "days": _by_node(tables["days"], summary),
        "plans_load": _by_node(curves.drop(columns="hour"), summary),
    }


def _shared(summary: DaySummary | RollingSummary, step: float, begin: float, steps: int) -> dict[str, object]:
    minutes = [round((begin + k * step) * 60) for k in range(steps + 1)]
    clock = [f"{m // 60 % 24:02d}:{m % 60:02d}" for m in minutes]
    return {
        "summary": summary,
        "money": summary["currency"],
        "step_h": step,
        "begin_h": begin,
        "hours": [f"{a}–{b}" for a, b in pairwise(clock)],
        "baselines": list(BASELINES),
        "base_alone": BASE_ALONE,
        "perfect_foresight": PERFECT_FORESIGHT,
    }


def _columns(table: pd.DataFrame) -> dict[str, list[object]]:
    return {
        str(name): _json_column(cast(pd.Series, table[name])) for name in table.columns if name not in ("hour", "node")
    }


def _json_column(column: pd.Series) -> list[object]:
    return [None if isinstance(one, float) and not np.isfinite(one) else one for one in column.tolist()]


def _stack(table: pd.DataFrame) -> dict[str, list[float]]:
    return {name: one.tolist() for name, one in few_classes(table.drop(columns="hour"), MOST_CLASSES).items()}


def _by_node(table: pd.DataFrame, summary: RollingSummary) -> list[dict[str, list[object]]]:
    return [_columns(rows_where(table, "node", node["node"])) for node in summary["nodes"]]


def _stays(table: pd.DataFrame, step: float) -> list[dict[str, object]]:
    """Return the stay of each class: hour of arrival, state of energy at the steps' edges [kWh], power in them [kW]."""
    answer = []
    for name, rows in table.groupby("class", sort=False):
        first = rows.iloc[0]
        answer.append(
            {
                "class": str(name),
                "begin_h": float(first["hour"]),
                "soe_kwh": [float(first["arrival_kwh"]), *rows["soe_kwh"].tolist()],
                "charge_kw": rows["charge_kw"].tolist(),
                "discharge_kw": rows["discharge_kw"].tolist(),
                "floor_kwh": float(first["floor_kwh"]),
                "capacity_kwh": float(first["capacity_kwh"]),
                "departure_kwh": float(rows["departure_kwh"].iloc[-1]),
                "step_h": step,
            }
        )
    return answer
