"""Rolled days step by step as tables: prices known and expected, plan as it changes, set points and energy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from csmoifsa.errors import InputError
from csmoifsa.files import read_csv
from csmoifsa_aggregator.study.backtest import Backtest
from csmoifsa_aggregator.study.rolled_day import RolledDay
from csmoifsa_aggregator.study.rolling import DaySteps

FILES = ("replay.csv", "replay_expected.csv", "replay_classes.csv")
"""Tables of `replay_tables`."""


def replay_tables(tests: list[Backtest]) -> dict[str, pd.DataFrame]:
    """Return the tables of all days that were kept step by step; no table without such days.

    ``replay.csv`` has a row for each step, ``replay_expected.csv`` one for each step and each step from it on, and
    ``replay_classes.csv`` one for each step and class that is plugged in.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in FILES}
    for test in tests:
        for one in test.days:
            if one.rolled.steps is not None:
                for name, table in zip(FILES, _tables(test, one, one.rolled.steps), strict=True):
                    table.insert(0, "day", str(one.day))
                    table.insert(0, "node", test.node)
                    parts[name].append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items() if tables}


def _tables(test: Backtest, day: RolledDay, steps: DaySteps) -> Iterator[pd.DataFrame]:
    n = len(steps.day_ahead)
    every = np.arange(n)
    yield pd.DataFrame(
        {
            "step": every,
            "hour": (test.begin + every) * test.dt_h % 24.0,
            "day_ahead": steps.day_ahead,
            "real_time": steps.real_time,
            "known_steps": steps.known + 1,
            "planned_kw": day.rolled.position_kw,
            "rolling_kw": day.rolled.rolling_kw,
            "perfect_kw": day.rolled.perfect_kw,
        }
    )
    decided, of = np.triu_indices(n)
    yield pd.DataFrame(
        {"step": decided, "of_step": of, "expected": steps.expected[decided, of], "net_kw": steps.net_kw[decided, of]}
    )
    t, v = np.nonzero(np.isfinite(steps.charge_kw.T))
    yield pd.DataFrame(
        {
            "step": t,
            "class": [steps.classes[k] for k in v],
            "charge_kw": steps.charge_kw[v, t],
            "discharge_kw": steps.discharge_kw[v, t],
            "soe_kwh": day.rolled.soe_kwh[v, t],
        }
    )


def replay_day(folder: Path, day: str) -> dict[str, object]:
    """Return a day of the tables in a folder as plain values, for a page.

    Parameters
    ----------
    folder : Path
        Folder that ``csmoifsa ev roll --replay`` wrote; the first of several nodes is shown.
    day : str
        Day, such as ``"2025-06-01"``.

    Returns
    -------
    dict
        hours (beginnings of the steps), the columns of ``replay.csv``, for each step the lists ``expected`` and
        ``net_kw`` of that step and those after it, and ``classes``: by name the lists charge_kw, discharge_kw and
        soe_kwh, None where a class is not plugged in.

    Raises
    ------
    InputError
        A table cannot be read, or the day is not in it.
    """
    tables = []
    for name in FILES:
        table = read_csv(folder / name)
        table = table[(table["day"] == day) & (table["node"] == table["node"].iloc[0])]
        if table.empty and name == FILES[0]:
            raise InputError(f"there is no day {day[:20]!r} in {name}")
        tables.append(table)
    steps, expected, classes = tables
    n = len(steps)
    found: dict[str, object] = {"hours": steps["hour"].tolist()}
    for name in ("day_ahead", "real_time", "known_steps", "planned_kw", "rolling_kw", "perfect_kw"):
        found[name] = steps[name].tolist()
    for name in ("expected", "net_kw"):
        found[name] = [rows[name].tolist() for _, rows in expected.groupby("step", sort=True)]
    by_class: dict[str, dict[str, list[float | None]]] = {}
    for name, rows in classes.groupby("class", sort=False):
        at = rows.set_index("step")
        by_class[str(name)] = {
            key: [float(at[key][k]) if k in at.index else None for k in range(n)]
            for key in ("charge_kw", "discharge_kw", "soe_kwh")
        }
    found["classes"] = by_class
    return found
