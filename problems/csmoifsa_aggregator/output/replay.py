"""Rolled days step by step as tables: prices known and expected, plan as it changes, set points and energy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from csmoifsa_aggregator.study.backtest import Backtest, RolledDay
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
