"""Write ``report.html``, which opens offline: linked views of the front, a tariff, its day and stakeholder impact."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from csmoifsa.console import stderr
from csmoifsa_energy.impact import impact_rows
from csmoifsa_energy.page import write_page
from csmoifsa_energy.paper import print_page
from csmoifsa_ev.inputs.scenario import Scenario
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.groups import GROUPS, driver_groups
from csmoifsa_ev.model.outcome import MAXIMISED, OBJECTIVE_SETS
from csmoifsa_ev.output.filing import filing_data
from csmoifsa_ev.output.hours import hours_summary
from csmoifsa_ev.output.inputs import input_rows
from csmoifsa_ev.output.tables import robust_summary, urdb_of
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.customers import bill_parts, winners_and_losers
from csmoifsa_ev.study.impact import stakeholder_impact, v2g_figures
from csmoifsa_ev.study.study import Study

FIGURES = (
    "g1_mw",
    "g2_mw",
    "g3_mw2",
    "saving_per_day",
    "satisfaction",
    "operator_profit_per_day",
    "driver_bill_per_day",
    "largest_bill_rise",
    "inflexible_bill_per_day",
    "welfare_per_day",
)


def write_report(study: Study, path: Path, *, language: str = "en", pdf: bool = False) -> None:
    """Write the page; a fault in printing it is a warning on the terminal.

    Parameters
    ----------
    study : Study
        The study to show.
    path : Path
        The file to write.
    language : "en" or "zh"
        Language of all labels; texts from the scenario stay as they are.
    pdf : bool
        Whether to print it as a PDF beside the page, too: see `paper.print_page`.
    """
    title, data = study.scenario.title, report_data(study)
    write_page(
        path,
        "csmoifsa_ev.output",
        "price",
        data,
        title=title,
        language=language,
        parts=("charts", "customers", "revenue", "filing"),
    )
    fault = print_page(path, path.with_suffix(".pdf")) if pdf else None
    if fault is not None:
        stderr().print(f"warning: {fault}", soft_wrap=True, markup=False)


def report_data(study: Study) -> dict[str, object]:
    """Return everything the page's script draws, as plain values.

    Tariffs are those of the front, then the choices beside it (the tariff in force, the rounded one).
    """
    day, problem = study.day, study.problem
    beside = [name for name in study.choices if name in ("start", "rounded")]
    tariffs = np.vstack([study.front, *(study.choices[name][None] for name in beside)])
    names: dict[int, list[str]] = {}
    for name, row in study.chosen.items():
        names.setdefault(row, []).append(name)
    for k, name in enumerate(beside):
        names.setdefault(len(study.front) + k, []).append(name)
    offered = len(study.front) + beside.index("rounded") if study.rounded is not None else study.chosen["compromise"]
    return {
        **day_data(study.scenario, day),
        **tariff_data(problem, tariffs, start=len(study.front)),
        "title": study.scenario.title,
        "objectives": list(OBJECTIVE_SETS[problem.objective_set]),
        "maximised": list(MAXIMISED),
        "n_front": len(study.front),
        "offered": int(offered),
        "names": {str(row): found for row, found in names.items()},
        "choice": {
            "rule": day.choice.rule,
            "tolerance": day.choice.tolerance,
            "nearly_equal": {name: list(ends) for name, ends in study.nearly_equal.items()},
        },
        "urdb": None if study.scenario.tariff.inside_hours else urdb_of(study),
        "per_currency": study.scenario.prices.units_per_currency,
        "robustness": study.robustness.quantiles,
        "draws": study.robustness.draws,
        "robust": robust_summary(study),
        "tornado": study.tornado,
        "customer_groups": winners_and_losers(study.customers).replace({np.nan: None}).to_dict("records"),
        "bill_parts": bill_parts(study.customers),
        "revenue": study.revenue,
        "share_choosing": study.day.bill.share_choosing,
        "max_revenue_change": study.day.limits.max_revenue_change,
        "filing": filing_data(study),
        "notes": study.notes,
        "inputs": input_rows(study.asked),
        "hours_chosen": hours_summary(study),
        "days": day.n_days,
        "n_ev": day.fleet.n_ev,
    }


def day_data(scenario: Scenario, day: PricingDay) -> dict[str, object]:
    """Return what the charts of any tariff of a scenario share, as plain values: units, hours, load before pricing."""
    minutes = [round(k * day.dt_h * 60) for k in range(len(day.period))]
    return {
        "unit": scenario.prices.unit,
        "price_digits": scenario.rules.digits,
        "max_load": scenario.limits.max_load_mw,
        "money": scenario.prices.currency,
        "variables": list(day.variables),
        "periods": list(day.names),
        "groups": list(GROUPS),
        "hours": [f"{m // 60:02d}:{m % 60:02d}" for m in minutes],
        "step_h": day.dt_h,
        "period": [day.names[p] for p in day.period],
        "windows": {name: scenario.tariff.hours_of(name) for name in scenario.tariff.names},
        "period_in_force": None if day.hours_in_force is None else [day.names[p] for p in day.in_force.period],
        "base": _short(day.base_mw),
        "before": _short(day.before_mw),
    }


def tariff_data(problem: EVPricing, tariffs: np.ndarray, start: int) -> dict[str, object]:
    """Return what the charts and tables show of tariffs, as plain values, one entry a tariff.

    Parameters
    ----------
    problem : EVPricing
        Day and objectives.
    tariffs : (n, 2 P) array
        Tariffs [price unit per kWh].
    start : int
        Row of the tariff in force, with which impact compares.
    """
    day, outcome = problem.day, problem.outcome(tariffs, in_force=start)
    groups = driver_groups(outcome, day)
    return {
        "tariffs": tariffs.round(4).tolist(),
        "figures": {name: _short(getattr(outcome, name)) for name in FIGURES},
        "discharging": (outcome.discharging_share > 0).tolist(),
        "after": _short(outcome.load_mw),
        "group_load": _short(groups.load_mw),
        "group_share": _short(groups.share),
        "impact": [
            impact_rows(stakeholder_impact(tariff, outcome, day, row, start)) for row, tariff in enumerate(tariffs)
        ],
        "v2g": {name: _short(values) for name, values in v2g_figures(outcome, day).items()},
    }


def _short(values: np.ndarray) -> list[object]:
    """Return values with six digits, as nested lists."""
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = np.where(values != 0, np.floor(np.log10(np.abs(values))), 0.0)
    scale = 10.0 ** (5 - magnitude)
    return (np.round(values * scale) / scale).tolist()
