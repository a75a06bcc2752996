"""Write the files of a study: CSV tables for spreadsheets, and one summary in JSON for programs."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from csmoifsa.files import atomic_write, write_csv, write_json
from csmoifsa.folders import result_folder
from csmoifsa_energy.impact import impact_rows
from csmoifsa_ev.inputs.tariffs import urdb_document
from csmoifsa_ev.model.groups import GROUPS
from csmoifsa_ev.model.outcome import TariffOutcome
from csmoifsa_ev.output.hours import hours_of, hours_summary, hours_table
from csmoifsa_ev.output.inputs import input_rows
from csmoifsa_ev.output.summary import RobustSummary, Summary
from csmoifsa_ev.study.baselines import BaselineRow
from csmoifsa_ev.study.calibration import Calibration
from csmoifsa_ev.study.comparison import compare_with_paper
from csmoifsa_ev.study.customers import winners_and_losers
from csmoifsa_ev.study.impact import rebound, v2g_figures
from csmoifsa_ev.study.learning import LearningCurves
from csmoifsa_ev.study.redundancy import rank_correlations, redundant_objectives
from csmoifsa_ev.study.robust import DRAWS
from csmoifsa_ev.study.study import Study

FRONT_QUANTITIES = (
    "g1_mw",
    "g2_mw",
    "g3_mw2",
    "saving_per_day",
    "satisfaction",
    "driver_bill_per_day",
    "operator_profit_per_day",
    "largest_bill_rise",
    "inflexible_bill_per_day",
    "welfare_per_day",
    "v2g_gain_per_day",
)


def pareto_table(study: Study) -> pd.DataFrame:
    """Return the front: prices and their effects, one tariff a row."""
    prices = {name: study.front[:, k] for k, name in enumerate(study.day.variables)}
    return pd.DataFrame(prices | {name: getattr(study.outcome, name) for name in FRONT_QUANTITIES})


def tariff_table(study: Study) -> pd.DataFrame:
    """Return each price before, as in force, and recommended, with the range in which it has no effect."""
    day, prices = study.day, study.scenario.prices
    ranges, _ = study.no_effect
    in_force = hours_of(study.hours.asked) if study.hours is not None and study.hours.asked.known else None
    discharging = study.choice_outcome.discharging_share[list(study.choices).index("compromise")]
    rows, offered = [], [*(discharging > 0), False]
    for k, name in enumerate(day.variables):
        kind, period = name.split("_", 1)
        p = day.names.index(period)
        used = kind == "charge" or offered[p]
        note = "" if used else "nobody discharges then at this price"
        rows.append(
            {
                "price": name,
                "hours": " and ".join(study.scenario.tariff.hours_of(period)),
                **({} if in_force is None else {"hours_in_force": in_force[period]}),
                "unit": prices.unit,
                "before": day.reference[p] if kind == "charge" else np.nan,
                "start": prices.start[period] if kind == "charge" else np.nan,
                "recommended": study.recommended[k],
                **({} if study.robust is None else {"nominal": study.recommendation.tariff[k]}),
                **({} if study.rounded is None else {"rounded": study.rounded[k]}),
                "no_effect_from": ranges[k, 0],
                "no_effect_to": ranges[k, 1],
                "nearly_equal_from": study.nearly_equal[name][0],
                "nearly_equal_to": study.nearly_equal[name][1],
                "note": note,
            }
        )
    return pd.DataFrame(rows)


def extremes_table(study: Study) -> pd.DataFrame:
    """Return the paper's Table 1: the situation before, the tariff in force, each extreme, and the compromise."""
    names = list(study.choices)
    prices = pd.DataFrame(np.array(list(study.choices.values())), columns=list(study.day.variables), index=names)
    charge, discharge = np.split(np.array(study.day.variables), 2)
    prices.loc["start", list(discharge)] = np.nan
    table = prices.join(pd.DataFrame(_figures(study.choice_outcome, study), index=names))
    groups = pd.DataFrame(study.choice_groups.share, columns=[f"{name}_share" for name in GROUPS], index=names)
    before = pd.DataFrame([_before(study)], index=["before"])
    before[list(charge)] = study.day.reference
    before[f"{GROUPS[0]}_share"], before[f"{GROUPS[1]}_share"], before[f"{GROUPS[2]}_share"] = 1.0, 0.0, 0.0
    table = table.join(groups)
    return pd.concat([before, table])[list(table.columns)].rename_axis("choice").reset_index()


def load_table(study: Study) -> pd.DataFrame:
    """Return the load curves of the day under the recommended tariff, one step a row [MW]."""
    return _curves(study, "compromise")


def choices_load_table(study: Study) -> pd.DataFrame:
    """Return the load curves of the day under each choice, one step of one choice a row [MW]."""
    parts = []
    for name in study.choices:
        curves = _curves(study, name)
        curves.insert(0, "choice", name)
        parts.append(curves)
    return pd.concat(parts, ignore_index=True)


def _curves(study: Study, choice: str) -> pd.DataFrame:
    row = list(study.choices).index(choice)
    day, after = study.day, study.choice_outcome.load_mw[row]
    minutes = [int(k * day.dt_h * 60) for k in range(len(day.period))]
    columns: dict[str, list[str] | np.ndarray] = {
        "time": [f"{m // 60:02d}:{m % 60:02d}" for m in minutes],
        "period": [day.names[p] for p in day.period],
        "base_mw": day.base_mw,
        "before_mw": day.before_mw,
        "after_mw": after,
        "ev_before_mw": day.profile_mw,
        "ev_after_mw": after - day.base_mw,
    }
    columns |= {f"{name}_mw": study.choice_groups.load_mw[row, g] for g, name in enumerate(GROUPS)}
    columns["discharging_mw"] = study.choice_outcome.discharging_mw[row]
    columns["connected_mw"] = day.connected_mw
    return pd.DataFrame(columns)


def _figures(outcome: TariffOutcome, study: Study) -> dict[str, np.ndarray]:
    """Return the figures of n tariffs, shape (n,) each, by quantity."""
    cars = study.day.fleet.n_ev
    return {
        "g1_mw": outcome.g1_mw,
        "g2_mw": outcome.g2_mw,
        "g2_hours_mw": 24.0 * outcome.g2_mw,
        "g3_mw2": outcome.g3_mw2,
        "saving_per_day": outcome.saving_per_day,
        "saving_per_year": 365.0 * outcome.saving_per_day,
        "satisfaction": outcome.satisfaction,
        "bill_satisfaction": 2.0 - outcome.driver_bill_per_day / study.day.bill_before,
        "driver_bill_per_day": outcome.driver_bill_per_day,
        "driver_bill_per_car_month": outcome.driver_bill_per_day * 365.0 / 12.0 / cars,
        "operator_profit_per_day": outcome.operator_profit_per_day,
        "largest_bill_rise": outcome.largest_bill_rise,
        "inflexible_bill_per_day": outcome.inflexible_bill_per_day,
        "welfare_per_day": outcome.welfare_per_day,
        "v2g_gain_per_day": outcome.v2g_gain_per_day,
        "mean_price": outcome.mean_price,
        "discharged_mwh": outcome.discharged_mwh,
    }


def _before(study: Study) -> dict[str, float]:
    """Return the quantities of `_figures` for the situation before pricing."""
    day = study.day
    g1, g2, g3 = (float(figure[0]) for figure in day.before)
    return {
        "g1_mw": g1,
        "g2_mw": g2,
        "g2_hours_mw": 24.0 * g2,
        "g3_mw2": g3,
        "saving_per_day": 0.0,
        "saving_per_year": 0.0,
        "satisfaction": 1.0,
        "bill_satisfaction": 1.0,
        "driver_bill_per_day": day.bill_before,
        "driver_bill_per_car_month": day.bill_before * 365.0 / 12.0 / day.fleet.n_ev,
        "operator_profit_per_day": day.bill_before - day.supply_cost_before,
        "largest_bill_rise": 0.0,
        "inflexible_bill_per_day": day.bill_before,
        "welfare_per_day": -day.supply_cost_before,
        "v2g_gain_per_day": 0.0,
        "mean_price": day.reference_level,
        "discharged_mwh": 0.0,
    }


def units(study: Study) -> dict[str, str]:
    """Return the unit of every figure in the summary."""
    money, price = study.scenario.prices.currency, study.scenario.prices.unit
    return {
        "prices": price,
        "mean_price": price,
        "g1_mw": "MW, peak load",
        "g2_mw": "MW, peak-valley difference",
        "g2_hours_mw": "MW, 24 x g2_mw, the sum over hours that the paper prints",
        "g3_mw2": "MW^2, mean square deviation of the load",
        "saving_per_day": f"{money}/day, operator's supply cost saved",
        "saving_per_year": f"{money}/year, 365 days",
        "satisfaction": "0 to 1; hours kept and waiting, money not counted; 1 if nobody changes hours",
        "bill_satisfaction": "1 at the bill before pricing, 2 if nothing is paid, less than 1 if more is paid",
        "driver_bill_per_day": f"{money}/day, all drivers, less what they earn by discharging",
        "driver_bill_per_car_month": f"{money}/car and month",
        "operator_profit_per_day": f"{money}/day, network and retail costs not counted",
        "inflexible_bill_per_day": f"{money}/day, bill of all drivers if nobody changed hours",
        "welfare_per_day": f"{money}/day, operator's profit less drivers' bill and wear of batteries",
        "v2g_gain_per_day": f"{money}/day, supply that discharging avoids less fees and wear",
        "largest_bill_rise": "share of the bill before, of the group of drivers for which it is largest",
        "discharged_mwh": "MWh/day",
        "shares": "of all drivers",
    }


def summarise(study: Study) -> Summary:
    """Return settings, figures before and after pricing, impact and robustness of a study, as plain values."""
    row = list(study.choices).index("compromise")
    before = _before(study)
    after = {name: float(column[row]) for name, column in _figures(study.choice_outcome, study).items()}
    ranges, level = study.no_effect
    day, load = study.day, study.choice_outcome.load_mw[row]
    ev = load - day.base_mw
    in_force = {name: float(column[0]) for name, column in _figures(study.choice_outcome, study).items()}
    return {
        "scenario": study.scenario.name,
        "title": study.scenario.title,
        "objectives": study.problem.objective_set,
        "recovery": study.scenario.response.recovery,
        "n_ev": day.fleet.n_ev,
        "n_eval": study.n_eval,
        "pop_size": study.pop_size,
        "seed": study.seed,
        "n_front": len(study.front),
        "seconds": round(study.seconds, 3),
        "versions": {name: version(name) for name in ("csmoifsa", "numpy", "numba", "pymoo")},
        "units": units(study),
        "before": before,
        "in_force": in_force,
        "after": after,
        "recommended": dict(zip(day.variables, study.recommended.tolist(), strict=True)),
        "driver_groups": dict(zip(GROUPS, study.choice_groups.share[row].tolist(), strict=True)),
        "rank_correlations": rank_correlations(study.outcome, study.problem.objective_set),
        "redundant": redundant_objectives(study.outcome, study.problem.objective_set),
        "no_effect": {
            "prices": {name: ranges[k].tolist() for k, name in enumerate(day.variables)},
            "price_level": list(level),
        },
        "choice": {
            "rule": day.choice.rule,
            "tolerance": day.choice.tolerance,
            "score": study.recommendation.score,
            "best_score": study.recommendation.best_score,
            "nearly_equal": {name: list(ends) for name, ends in study.nearly_equal.items()},
        },
        "v2g": {name: float(values[row]) for name, values in v2g_figures(study.choice_outcome, day).items()},
        "checks": {
            **rebound(study.choice_outcome, day, row),
            "most_of_connected_power_used": float((ev / np.maximum(day.connected_mw, 1e-9)).max()),
            "energy_added_mwh": float(load.sum() * day.dt_h - day.before_mw.sum() * day.dt_h),
        },
        "rounded": None if study.rounded is None else dict(zip(day.variables, study.rounded.tolist(), strict=True)),
        "stakeholder_impact": impact_rows(study.impact),
        "revenue": study.revenue,
        "robustness": asdict(study.robustness),
        "robust": robust_summary(study),
        "hours": hours_summary(study),
        "days": day.n_days,
        "notes": study.notes,
        "paper": compare_with_paper(study),
    }


def robust_summary(study: Study) -> RobustSummary | None:
    """Return the choice over draws and how it does on others, None without one."""
    if study.robust is None:
        return None
    rows, promises = study.held_out
    return {
        "rule": study.robust.rule,
        "tail": study.day.choice.tail,
        "draws": DRAWS,
        "measure": study.robust.measure,
        "best_measure": study.robust.best_measure,
        "nominal": dict(zip(study.day.variables, study.recommendation.tariff.tolist(), strict=True)),
        "held_out": rows,
        "promises": promises,
    }


def robustness_table(study: Study) -> pd.DataFrame:
    """Return the band of each effect over the draws of all assumptions."""
    return pd.DataFrame(study.robustness.quantiles)


def variants_table(studies: dict[tuple[str, str], Study]) -> pd.DataFrame:
    """Return the recommended tariffs of several studies side by side, one a row."""
    rows = []
    for (objectives, recovery), study in studies.items():
        row = list(study.choices).index("compromise")
        figures = {name: float(column[row]) for name, column in _figures(study.choice_outcome, study).items()}
        check = rebound(study.choice_outcome, study.day, row)
        prices = dict(zip(study.day.variables, study.recommended.tolist(), strict=True))
        rows.append({"objectives": objectives, "recovery": recovery, **prices, **figures, **check})
    return pd.DataFrame(rows)


def write_tables(study: Study, folder: Path) -> Summary:
    """Write every table and ``summary.json`` into a folder, created if need be; return the summary."""
    tables = {
        "pareto.csv": pareto_table(study),
        "tariff.csv": tariff_table(study),
        "extremes.csv": extremes_table(study),
        "load.csv": load_table(study),
        "choices_load.csv": choices_load_table(study),
        "stakeholder_impact.csv": pd.DataFrame(impact_rows(study.impact)),
        "customers.csv": study.customers,
        "customer_groups.csv": winners_and_losers(study.customers),
        "revenue.csv": pd.DataFrame(study.revenue),
        "inputs.csv": pd.DataFrame(input_rows(study.asked)),
        "tornado.csv": pd.DataFrame(study.tornado),
        "robustness.csv": robustness_table(study),
        "marginal_cost.csv": study.filing.marginal_cost,
        "cost_to_serve.csv": study.filing.cost_to_serve,
        "alignment.csv": study.filing.alignment,
        "period_energy.csv": study.filing.period_energy,
        "filing_figures.csv": study.filing.figures,
        "measurement.csv": study.filing.measurement,
    }
    summary = summarise(study)
    if summary["robust"]:
        tables["robust.csv"] = pd.DataFrame(summary["robust"]["held_out"])
        if summary["robust"]["promises"]:
            tables["promises.csv"] = pd.DataFrame(summary["robust"]["promises"])
    if study.hours is not None:
        tables["hours.csv"] = hours_table(study)
    if summary["paper"]:
        tables["comparison.csv"] = pd.DataFrame(summary["paper"])
    with result_folder(folder, "ev price") as place:
        for name, table in tables.items():
            write_csv(place / name, table)
        if not study.scenario.tariff.inside_hours:
            write_json(place / "tariff_urdb.json", urdb_of(study))
        write_json(place / "summary.json", summary)
    return summary


def urdb_of(study: Study, choice: str | None = None) -> dict[str, object]:
    """Return a choice (the tariff offered, if left out) as URDB JSON."""
    choice = choice or study.offered
    row = list(study.choices).index(choice)
    tariff, n = study.choices[choice], study.day.n_periods
    used = np.append(study.choice_outcome.discharging_share[row] > 0, False)
    return urdb_document(
        f"{study.scenario.title}: {choice}",
        study.scenario.tariff,
        tariff[:n],
        tariff[n:],
        used,
        per_currency=study.scenario.prices.units_per_currency,
    )


def write_comparison(folder: Path, baselines: list[BaselineRow], variants: pd.DataFrame) -> None:
    """Write ``baselines.csv`` and ``variants.csv`` into a folder, created if need be."""
    with result_folder(folder, "ev compare") as place:
        write_csv(place / "baselines.csv", pd.DataFrame(baselines))
        write_csv(place / "variants.csv", variants)


def fits_table(result: Calibration) -> pd.DataFrame:
    """Return the fitted responses, one pair a row, from `calibration.calibrate`."""
    rows = []
    for pair, fit in result["fits"].items():
        row: dict[str, object] = {"pair": pair, "observations": fit.n, "residual": fit.residual}
        values = {name: getattr(fit.ramp, name) for name in ("dead_zone", "saturation", "max_share")}
        for name, value in (values | {"slope": fit.slope}).items():
            low, high = fit.bands[name]
            row |= {name: value, f"{name}_p5": low, f"{name}_p95": high}
        rows.append(row | {"not_determined": " ".join(fit.not_determined), "warnings": "; ".join(fit.warnings)})
    return pd.DataFrame(rows)


def write_calibration(folder: Path, result: Calibration, unit: str) -> None:
    """Write ``fits.csv``, ``response.toml``, ``calibration.png``, and of published shares ``sources.csv``."""
    from csmoifsa.figures import save_figure
    from csmoifsa_ev.output.response_figures import draw_calibration

    with result_folder(folder, "ev calibrate") as place:
        write_csv(place / "fits.csv", fits_table(result))
        with atomic_write(place / "response.toml") as file:
            file.write(result["toml"])
        if "sources" in result:
            write_csv(place / "sources.csv", pd.DataFrame(result["sources"]))
        save_figure(draw_calibration(result, unit), place / "calibration.png")


def write_learning(folder: Path, curves: LearningCurves) -> None:
    """Write ``learning.csv`` and ``learning.png`` into a folder, created if need be."""
    from csmoifsa.figures import save_figure
    from csmoifsa_ev.output.response_figures import draw_learning

    columns = {name: values for name, values in curves.items() if name not in ("regret_of_each", "tariffs")}
    with result_folder(folder, "ev learn") as place:
        write_csv(place / "learning.csv", pd.DataFrame(columns))
        save_figure(draw_learning(curves), place / "learning.png")
