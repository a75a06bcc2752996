"""Results of the aggregator as plain objects and CSV files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from csmoifsa.files import write_csv, write_json
from csmoifsa.folders import result_folder
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.output.replay import replay_tables
from csmoifsa_aggregator.output.summary import Contracts, DaySummary, NodeSummary, ReserveOffered, RollingSummary
from csmoifsa_aggregator.solve.contracts import StageTwo
from csmoifsa_aggregator.study.backtest import Backtest, mean_accounts
from csmoifsa_aggregator.study.grid import both_gain, grid_effect, grid_rows, mean_rows
from csmoifsa_aggregator.study.impact import stakeholder_impact
from csmoifsa_aggregator.study.study import DayStudy
from csmoifsa_energy.clock import windows_of
from csmoifsa_energy.impact import impact_rows


def summarise_day(study: DayStudy) -> DaySummary:
    """Return a day's stage one, contracts and assumptions as one plain object."""
    s, game = study.solution, study.case.game
    grid = grid_rows(study.accounts, game.base_kw, game.dt_h)
    answer: DaySummary = {
        "case": study.case.name,
        "title": study.case.title,
        "currency": study.case.currency,
        "status": s.status,
        "method": s.method,
        "evidence": s.evidence,
        "objective": s.objective,
        "ev_margin": s.ev_margin,
        "storage": s.storage,
        "upper_bound": s.upper_bound,
        "gap": s.gap,
        "bills": s.bills,
        "procurement": s.procurement,
        "optimistic": s.optimistic,
        "guaranteed": s.guaranteed if np.isfinite(s.guaranteed) else None,  # None: above the import limit
        "margin": s.margin,
        "price": s.price.tolist(),
        "load": s.load_kw(game).tolist(),
        "seconds": round(s.seconds, 4),
        "binaries": s.binaries,
        "duality_gap": study.duality_gap,
        "classes": list(game.names),
        "dt_h": game.dt_h,
        "plans": [
            {
                **one.row(),
                "hours_outside_bounds": study.hours_outside(one),
                "import_excess_kw": study.import_excess_kw(one),
            }
            for one in study.accounts
        ],
        "gain": both_gain(study.accounts),
        "grid": grid,
        "grid_effect": grid_effect(grid),
        "price_rules": study.price_rules,
        "stakeholder_impact": [
            {"against": before.name, **row}
            for before in study.accounts[:3]
            for row in impact_rows(stakeholder_impact(study.everybody, before, study.accounts[-1]))
        ],
        "contracts_unused": study.unused,
        "assumptions": assumptions(study.everybody),
    }
    if study.case.customers is not None:
        everybody, cars = float(study.everybody.game.count.sum()), study.accounts[-1].cars
        terms = study.case.customers
        answer["customers"] = {
            "share": study.share,
            "cars": cars,
            "left": everybody - cars,
            "competitor": terms.competitor,
            "share_at_equal": terms.share_at_equal,
            "sensitivity": terms.sensitivity,
            "model": terms.model,
        }
    reference: dict[str, dict[str, float]] = {}
    for name, value in game.reference.items():
        mine = {"optimum_total": s.objective, "optimum_storage": s.storage}.get(name, s.ev_margin)
        reference[name] = {"value": value, "difference": mine - value}
    if reference:
        answer["reference"] = reference
    if game.cars is not None and s.response.cars is not None:
        answer["v2g_followers"] = {
            name: (s.response.cars.charge_kw - s.response.cars.discharge_kw)[v].tolist()
            for v, name in enumerate(game.cars.names)
        }
    if study.second is not None:
        answer["contracts"] = _contracts(study)
        if study.alone is not None:
            answer["reserve"] = _reserve(study, study.second, study.alone)
    return answer


def assumptions(case: Case) -> dict[str, object]:
    """Return a case's assumptions on market, drivers, batteries and limits as plain values; of classes, per vehicle."""
    game, cars = case.game, case.cars
    share = {name: float(one) for name, one in zip(game.names, case.v2g_share, strict=True)}
    answer: dict[str, object] = {
        "mean": game.mean,
        "mean_sense": game.mean_sense,
        "buy_over_day_ahead": _ratio(game.buy, game.day_ahead),
        "sell_over_day_ahead": _ratio(game.sell, game.day_ahead),
        "lower_over_day_ahead": _ratio(game.lower, game.day_ahead),
        "upper_over_day_ahead": _ratio(game.upper, game.day_ahead),
        "classes": [
            {
                "class": name,
                "vehicles": float(game.count[k]),
                "energy_kwh": float(game.energy_kwh[k] / game.count[k]),
                "power_kw": float(game.power_kw[k] / game.count[k]),
                "plugged_in": windows_of(game.window[k], padded=True),
                "v2g_share": share[name],
            }
            for k, name in enumerate(game.names)
        ],
        "storage": None if game.storage is None else asdict(game.storage),
        "greatest_import_limit_kw": None if game.import_limit_kw is None else float(game.import_limit_kw.max()),
        "demand_charge": game.demand_charge,
        "base_load_peak_kw": None if game.base_kw is None else float(game.base_kw.max()),
        "supply_blocks": 0 if game.block_kw is None else len(game.block_kw),
    }
    if cars is not None:
        answer["owner_share"] = case.owner_share
        answer["v2g_sell_over_day_ahead"] = _ratio(case.v2g_sell, game.day_ahead)
        columns = ("charge_kw", "discharge_kw", "capacity_kwh", "floor_kwh", "arrival_kwh", "departure_kwh")
        answer["batteries"] = [
            {
                "class": name,
                "vehicles": float(cars.count[v]),
                **{key: float(getattr(cars, key)[v]) for key in (*columns, "efficiency", "wear")},
                "plugged_in": windows_of(cars.window[v], padded=True),
            }
            for v, name in enumerate(cars.names)
        ]
    return answer


def _ratio(values: np.ndarray, day_ahead: np.ndarray) -> float | None:
    """Return the ratio of two series if it is the same in all steps, else None."""
    if (day_ahead == 0).any():
        return None
    ratios = values / day_ahead
    return float(np.median(ratios)) if np.ptp(ratios) <= 1e-9 * max(1.0, float(np.abs(ratios).max())) else None


def _contracts(study: DayStudy) -> Contracts:
    two, cars = study.second, study.case.cars
    assert two is not None
    assert cars is not None
    return {
        "program": two.program,
        "smart_cost": two.smart.cost,
        "v2g_cost": two.v2g.cost,
        "surplus": two.surplus,
        "owner_gain": two.owner_gain,
        "aggregator_gain": two.aggregator_gain,
        "wear_paid": two.wear_paid,
        "discharged_kwh": float(two.discharged_kwh.sum()),
        "by_class": [
            {
                "class": name,
                "vehicles": float(cars.count[v]),
                "surplus": float(two.class_surplus[v]),
                "owner_gain_per_vehicle": float(study.case.owner_share * two.class_surplus[v] / cars.count[v]),
                "discharged_kwh": float(two.discharged_kwh[v]),
            }
            for v, name in enumerate(cars.names)
        ],
    }


def write_day(study: DayStudy, folder: Path) -> DaySummary:
    """Write the day's tables and summary.json; return the summary.

    The tables are price.csv, load.csv, plans.csv, plans_load.csv, grid.csv and stakeholder_impact.csv; with contracts
    also v2g.csv and load_v2g.csv; with the aggregator's own storage also storage.csv.
    """
    summary, game = summarise_day(study), study.case.game
    s, hours = study.solution, np.arange(game.n_steps) * game.dt_h
    prices = {
        "price": s.price,
        **{name: getattr(game, name) for name in ("day_ahead", "lower", "upper", "buy", "sell")},
    }
    tables = {
        "price.csv": pd.DataFrame({"hour": hours, **prices}),
        "load.csv": pd.DataFrame({"hour": hours, **study.class_load}),
        "plans.csv": pd.DataFrame(summary["plans"]),
        "plans_load.csv": pd.DataFrame({"hour": hours, **{one.name: one.load_kw for one in study.accounts}}),
        "grid.csv": pd.DataFrame(summary["grid"]),
        "stakeholder_impact.csv": pd.DataFrame(summary["stakeholder_impact"]),
    }
    if study.second is not None:
        tables["v2g.csv"] = _v2g_table(study)
        tables["load_v2g.csv"] = pd.DataFrame({"hour": hours, **study.contract_load})
        if study.second.reserve:
            tables["reserve.csv"] = _reserve_table(study.second, game.dt_h)
    supply = s.supply
    if supply.soe_kwh is not None:
        powers = {"charge_kw": supply.charge_kw, "discharge_kw": supply.discharge_kw}
        tables["storage.csv"] = pd.DataFrame({"hour": hours, **powers, "soe_kwh": supply.soe_kwh})
    _write(tables, summary, folder, "ev aggregate")
    return summary


def _v2g_table(study: DayStudy) -> pd.DataFrame:
    two, cars = study.second, study.case.cars
    assert two is not None
    assert cars is not None
    v, t = cars.places
    bands = {"reserve_up_kw": "up_kw", "reserve_down_kw": "down_kw"} if two.reserve else {}
    return pd.DataFrame(
        {
            "class": [cars.names[k] for k in v],
            "step_of_stay": np.concatenate([np.arange(n) for n in cars.length]),
            "hour": t * cars.dt_h,
            "charge_kw": two.v2g.charge_kw[v, t],
            "discharge_kw": two.v2g.discharge_kw[v, t],
            "soe_kwh": two.v2g.soe_kwh[v, t],
            "smart_kw": two.smart.charge_kw[v, t],
            "floor_kwh": cars.floor_kwh[v],
            "capacity_kwh": cars.capacity_kwh[v],
            "arrival_kwh": np.where(cars.first, cars.arrival_kwh[v], np.nan),
            "departure_kwh": np.where(cars.last, cars.departure_kwh[v], np.nan),
            **{name: sum(getattr(one, key)[v, t] for one in two.reserve) for name, key in bands.items()},
        }
    )


def _reserve(study: DayStudy, two: StageTwo, alone: StageTwo) -> ReserveOffered:
    calls = study.calls
    assert calls is not None
    called, missed = float(calls.called_kwh.sum()), float(calls.missed_kwh.sum())
    return {
        "surplus_gain": two.surplus - alone.surplus,
        "gap": two.reserve_gap,
        "simulated": {
            "days": len(calls.cost),
            "cost": float(calls.cost.mean()),
            "penalty": float(calls.penalty.mean()),
            "greatest_cost": float((calls.cost + calls.penalty).max()),
            "called_kwh": called / len(calls.cost),
            "missed_share": missed / called if called > 0 else 0.0,
            "short_kwh": float(calls.short_kwh.max()),
        },
        "products": [
            {
                "product": one.product.name,
                "direction": one.product.direction,
                "block_h": one.product.block_h,
                "bids_mw": (one.bid_kw / 1000.0).tolist(),
                "payment": float(one.payment.sum()),
                "call_cost": float(one.call_cost.sum()),
                "gain": one.gain,
                "injection_allowed": one.product.injection_allowed,
                "source": one.product.source,
            }
            for one in two.reserve
        ],
    }


def _reserve_table(two: StageTwo, dt_h: float) -> pd.DataFrame:
    """Return one row for each product and block: its bid, its bands by direction, and its money."""
    rows = []
    for one in two.reserve:
        cost = one.call_cost.sum(axis=0).reshape(one.bid_kw.size, -1).sum(axis=1)
        prices = one.product.prices(one.call_cost.shape[1], dt_h)
        for k, bid in enumerate(one.bid_kw):
            rows.append(
                {
                    "product": one.product.name,
                    "hour": k * one.product.block_h,
                    "block_h": one.product.block_h,
                    "direction": one.product.direction,
                    "bid_kw": bid,
                    "price_per_mw_h": 1000.0 * prices[k],
                    "payment": one.payment[k],
                    "call_cost": cost[k],
                }
            )
    return pd.DataFrame(rows)


def _write(tables: dict[str, pd.DataFrame], summary: DaySummary | RollingSummary, folder: Path, command: str) -> None:
    with result_folder(folder, command) as place:
        for name, table in tables.items():
            write_csv(place / name, table)
        write_json(place / "summary.json", summary)


# ---- rolling ----

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
        "assumptions": {**assumptions(case), "all_under_direct_control": case.cars is None},
    }


def _node(test: Backtest) -> NodeSummary:
    plan = np.array([one.rolled.plan_loss for one in test.days])
    rolled = np.array([one.rolled.rolling_loss for one in test.days])
    defined = np.isfinite(test.rho)
    accounts, grid = mean_accounts(test.days), mean_rows([one.grid for one in test.days])
    run, loads = accounts[:-1], grid[:-1]  # perfect foresight, the last, cannot be run
    return {
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
        "stage_one_proven_days": sum(one.status == "proven" for one in test.days),
        "unserved_kwh": float(sum(one.rolled.unserved_kwh for one in test.days)),
        "plans": [one.row() for one in accounts],
        "gain": both_gain(run),
        "grid": grid,
        "grid_effect": grid_effect(loads),
    }


def write_rolling(tests: list[Backtest], summary: RollingSummary, folder: Path) -> None:
    """Write summary.json, rho.csv, plans.csv, grid.csv, days.csv and plans_load.csv, and those of `replay`, if kept."""
    apart = ("plans", "gain", "grid", "grid_effect")
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
            "stage_one": one.status,
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
    _write(tables, summary, folder, "ev roll")
