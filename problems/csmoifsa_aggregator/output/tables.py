"""Results of the aggregator as plain objects and CSV files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from csmoifsa.files import write_csv, write_json
from csmoifsa.folders import result_folder
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.output.summary import Contracts, DaySummary, ReserveOffered, RollingSummary
from csmoifsa_aggregator.solve.contracts import StageTwo
from csmoifsa_aggregator.solve.customers import mean_paid
from csmoifsa_aggregator.study.grid import both_gain, grid_effect, grid_rows
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
        everybody, cars = study.everybody.game.n_cars, study.accounts[-1].cars
        terms = study.case.customers
        answer["customers"] = {
            "share": study.share,
            "cars": cars,
            "left": everybody - cars,
            "mean_paid": mean_paid(study.everybody.game, study.solution.price),
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
    also v2g.csv and load_v2g.csv, with reserve reserve.csv and reserve_bands.csv; with an own storage storage.csv.
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
            tables["reserve_bands.csv"] = _bands_table(study)
    supply = s.supply
    if supply.soe_kwh is not None:
        powers = {"charge_kw": supply.charge_kw, "discharge_kw": supply.discharge_kw}
        tables["storage.csv"] = pd.DataFrame({"hour": hours, **powers, "soe_kwh": supply.soe_kwh})
    write_results(tables, summary, folder, "ev aggregate")
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


def _bands_table(study: DayStudy) -> pd.DataFrame:
    """Return one row for each product, class and step of its stay: bands up and down, and expected cost of calls."""
    two, cars = study.second, study.case.cars
    assert two is not None
    assert cars is not None
    v, t = cars.places
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "product": one.product.name,
                    "class": [cars.names[k] for k in v],
                    "hour": t * cars.dt_h,
                    "up_kw": one.up_kw[v, t],
                    "down_kw": one.down_kw[v, t],
                    "call_cost": one.call_cost[v, t],
                }
            )
            for one in two.reserve
        ],
        ignore_index=True,
    )


def write_results(
    tables: dict[str, pd.DataFrame], summary: DaySummary | RollingSummary, folder: Path, command: str
) -> None:
    """Write tables by their file names, and summary.json, as the result folder of a command."""
    with result_folder(folder, command) as place:
        for name, table in tables.items():
            write_csv(place / name, table)
        write_json(place / "summary.json", summary)
