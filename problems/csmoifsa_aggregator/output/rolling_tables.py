"""Results of rolling dispatch as plain objects and CSV files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.output.replay import replay_tables
from csmoifsa_aggregator.output.summary import NodeSummary, RolledCustomers, RolledReserve, RollingSummary
from csmoifsa_aggregator.output.tables import assumptions, write_results
from csmoifsa_aggregator.solve.customers import mean_paid
from csmoifsa_aggregator.study.backtest import Backtest, mean_accounts
from csmoifsa_aggregator.study.baselines import WITH_RESERVE
from csmoifsa_aggregator.study.grid import both_gain, grid_effect, mean_rows
from csmoifsa_aggregator.study.rolled_day import ROLLING, RolledDay

DEPENDS = (
    "rho is a property of the price process and of what is known when: it rises with the persistence of deviations "
    "(phi) and falls to about 0 when only the last step's price is known."
)


def summarise_rolling(tests: list[Backtest], *, case: Case, forecast: str, known: str) -> RollingSummary:
    """Return the backtests of all nodes as one plain object."""
    return {
        "case": case.name,
        "title": case.title,
        "currency": case.currency,
        "dt_h": tests[0].dt_h,
        "forecast": forecast,
        "known": known,
        "thesis": "nearly 33 %",
        "note": DEPENDS,
        "nodes": [_node(test) for test in tests],
        "assumptions": {
            **assumptions(case),
            "all_under_direct_control": case.cars is None,
            "customers": None if case.customers is None else asdict(case.customers),
            "attendance": None if case.attendance is None else asdict(case.attendance),
            "imbalance": _imbalance(case),
        },
    }


def _imbalance(case: Case) -> dict[str, object] | None:
    """Return how deviations are settled at two prices; None where they are at the real-time price."""
    if case.roll.short:
        return {"files": True}
    if case.roll.short_ratio == case.roll.long_ratio == 1.0:
        return None
    return {"files": False, "short_ratio": case.roll.short_ratio, "long_ratio": case.roll.long_ratio}


def _node(test: Backtest) -> NodeSummary:
    plan = np.array([one.rolled.plan_loss for one in test.days])
    rolled = np.array([one.rolled.rolling_loss for one in test.days])
    defined = np.isfinite(test.rho)
    accounts, grid = mean_accounts(test.days), mean_rows([one.grid for one in test.days])
    run, loads = accounts[:-1], grid[:-1]  # perfect foresight, the last, cannot be run
    answer: NodeSummary = {
        "node": test.node,
        "days": len(test.days),
        "first": str(test.days[0].day),
        "last": str(test.days[-1].day),
        "training_days": test.n_training_days,
        "begin_h": test.begin * test.dt_h,
        "rho": test.rho if defined else None,
        "rho_low": test.low if defined else None,
        "rho_high": test.high if defined else None,
        "plan_loss_per_day": float(plan.mean()),
        "rolling_loss_per_day": float(rolled.mean()),
        "gain_per_day": float((plan - rolled).mean()),
        "days_gained": int((plan > rolled).sum()),
        "phi": test.phi,
        "stage_one_proven_days": sum(one.first.solution.status == "proven" for one in test.days),
        "unserved_kwh": float(sum(one.rolled.unserved_kwh for one in test.days)),
        "absent_per_day": float(np.mean([one.rolled.carried[1].absent for one in test.days])),
        "refund_per_day": float(np.mean([one.rolled.carried[1].refund for one in test.days])),
        "plans": [one.row() for one in accounts],
        "gain": both_gain(run),
        "grid": grid,
        "grid_effect": grid_effect(loads),
    }
    if test.days[0].first.case.customers is not None:
        answer["customers"] = _customers(test)
    if any(one.rolled.carried[1].payment for one in test.days):
        answer["reserve"] = [_reserve(test, k, name) for k, name in enumerate((WITH_RESERVE, ROLLING))]
    return answer


def _customers(test: Backtest) -> RolledCustomers:
    shares = [one.first.share for one in test.days]
    cars = [one.first.case.game.n_cars for one in test.days]
    return {
        "share": float(np.mean(shares)),
        "cars": float(np.mean(cars)),
        "left": float(np.mean([kept * (1.0 / share - 1.0) for kept, share in zip(cars, shares, strict=True)])),
        "least_share": min(shares),
        "greatest_share": max(shares),
    }


def _reserve(test: Backtest, k: int, name: str) -> RolledReserve:
    """Return the means of reserve as carried out, by the plan (k = 0) or with rolling (k = 1)."""
    days = [one.rolled.carried[k] for one in test.days]

    def mean(key: str) -> float:
        return float(np.mean([getattr(one, key) for one in days]))

    called, missed = (float(np.mean([getattr(one, key).sum() for one in days])) for key in ("called_kwh", "missed_kwh"))
    return {
        "plan": name,
        "payment": mean("payment"),
        "withheld": mean("withheld"),
        "penalty": mean("penalty"),
        "activation": mean("activation"),
        "called_kwh": called,
        "missed_share": missed / called if called > 0 else 0.0,
        "missing_h": mean("missing_h"),
    }


def _kept(day: RolledDay) -> dict[str, float]:
    """Return the share of the customers kept on a day, and what decides it; nothing where nobody leaves."""
    terms = day.first.case.customers
    if terms is None:
        return {}
    return {
        "share": day.first.share,
        "mean_paid": mean_paid(day.first.case.game, day.first.solution.price),
        "competitor": terms.competitor,
        "sensitivity": terms.sensitivity,
    }


def write_rolling(tests: list[Backtest], summary: RollingSummary, folder: Path) -> None:
    """Write summary.json, rho.csv, plans.csv, grid.csv, days.csv and plans_load.csv; with reserve also reserve.csv.

    Days that were kept step by step are written as `replay` describes.
    """
    apart = ("plans", "gain", "grid", "grid_effect", "reserve", "customers")
    rho = pd.DataFrame([{key: value for key, value in node.items() if key not in apart} for node in summary["nodes"]])
    grid = [{"node": node["node"], **row} for node in summary["nodes"] for row in node["grid"]]
    plans = [{"node": node["node"], **row} for node in summary["nodes"] for row in node["plans"]]
    days = [
        {
            "node": test.node,
            "day": str(one.day),
            "plan_loss": one.rolled.plan_loss,
            "rolling_loss": one.rolled.rolling_loss,
            "gain": one.rolled.plan_loss - one.rolled.rolling_loss,
            "unserved_kwh": one.rolled.unserved_kwh,
            "refund": one.rolled.carried[1].refund,
            "stage_one": one.first.solution.status,
            **_kept(one),
        }
        for test in tests
        for one in test.days
    ]
    curves = []
    for test in tests:
        accounts = mean_accounts(test.days)
        hours = (test.begin + np.arange(len(accounts[0].load_kw))) * test.dt_h % 24.0
        curves.append(pd.DataFrame({"node": test.node, "hour": hours, **{one.name: one.load_kw for one in accounts}}))
    tables = {
        "rho.csv": rho,
        "plans.csv": pd.DataFrame(plans),
        "grid.csv": pd.DataFrame(grid),
        "days.csv": pd.DataFrame(days),
        "plans_load.csv": pd.concat(curves, ignore_index=True),
        **replay_tables(tests),
    }
    reserve = [{"node": node["node"], **row} for node in summary["nodes"] for row in node.get("reserve", ())]
    if reserve:
        tables["reserve.csv"] = pd.DataFrame(reserve)
    write_results(tables, summary, folder, "ev roll")
