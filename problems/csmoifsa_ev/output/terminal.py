"""Print results of the ``csmoifsa ev`` commands on the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd
from rich.table import Table

from csmoifsa.console import stdout
from csmoifsa_ev.inputs.inspection import Inspection
from csmoifsa_ev.inputs.scenario import Scenario
from csmoifsa_ev.output.account import account_lines, account_table
from csmoifsa_ev.output.holding import robust_lines, robust_table
from csmoifsa_ev.output.hours import hours_lines, hours_of
from csmoifsa_ev.output.summary import Summary
from csmoifsa_ev.study.baselines import BaselineRow
from csmoifsa_ev.study.calibration import Calibration, SourceRow
from csmoifsa_ev.study.comparison import PaperRow
from csmoifsa_ev.study.learning import LearningCurves
from csmoifsa_ev.study.study import Study


def show_study(study: Study, summary: Summary) -> None:
    """Print the study's tables on stdout."""
    console = stdout()
    console.print(study.scenario.title, style="bold", soft_wrap=True)
    console.print(
        f"{summary['n_front']} tariffs on the front after {summary['n_eval']:,} tried in {summary['seconds']:.1f} s; "
        f"objectives: {summary['objectives']}; recommended: the compromise"
        + (" over draws of all assumptions\n" if summary["robust"] else "\n"),
        soft_wrap=True,
    )
    console.print(_effect_table(study, summary))
    console.print(_definitions(study), soft_wrap=True)
    console.print(_tariff_table(study))
    console.print()
    console.print(_impact_table(study))
    console.print()
    console.print(account_table(summary["revenue"], study.scenario))
    for line in account_lines(summary["revenue"], study.scenario):
        console.print(line, soft_wrap=True)
    if summary["robust"]:
        console.print()
        console.print(robust_table(summary["robust"], study.scenario.prices.currency))
    for line in _remarks(study, summary):
        console.print(line, soft_wrap=True)
    if summary["paper"]:
        console.print()
        console.print(_paper_table(summary["paper"]))
        for one in summary["paper"]:
            console.print(f"- {one['quantity']}: {one['remark']}", soft_wrap=True)


def show_inspection(found: Inspection) -> None:
    """Print the facts and notes of a scenario without faults."""
    console, facts = stdout(), found.facts
    assert facts is not None
    days = f"{facts['days']} day(s)"
    if facts["first_day"]:
        days += f", {facts['first_day']}" + ("" if facts["days"] == 1 else f" to {facts['last_day']}")
    lines = [
        f"{facts['name']}: no faults found.",
        f"Load: {days}, steps of {facts['step_minutes']} minutes, zone {facts['time_zone'] or 'not named'}, "
        f"{facts['load_mw']['least']:,.0f} to {facts['load_mw']['most']:,.0f} MW.",
        "Hours: " + "; ".join(f"{name} {hours}" for name, hours in facts["hours"].items()) + ".",
        *([f"To be chosen: one of {to_choose} sets of hours."] if (to_choose := facts["hours_to_choose_from"]) else []),
        f"Prices in force ({facts['unit']}): "
        + ", ".join(f"{name} {price:g}" for name, price in facts["start_prices"].items())
        + ".",
        f"Cars: {facts['n_ev']:,}, {facts['ev_energy_mwh']:,.0f} MWh a day, {facts['ev_share_of_load']:.1%} of the "
        f"load; peak with them {facts['before']['g1_mw']:,.0f} MW.",
        "Could move: " + ", ".join(f"{pair} {share:.0%}" for pair, share in facts["movable_share"].items()) + ".",
        *(f"Note: {note}" for note in found.notes),
    ]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def _effect_table(study: Study, summary: Summary) -> Table:
    flat, before, after = summary["before"], summary["in_force"], summary["after"]
    money = study.scenario.prices.currency
    table = _table("", "in force", "recommended", "change", f"at {_reference_name(study)}")
    rows = [
        ("peak load, MW", "g1_mw", 1.0, 0),
        ("peak-valley difference, MW", "g2_mw", 1.0, 0),
        ("mean square deviation, 1000 MW²", "g3_mw2", 1e-3, 0),
        (f"operator's saving, 1000 {money} a day", "saving_per_day", 1e-3, 0),
        (f"operator's profit, 1000 {money} a day", "operator_profit_per_day", 1e-3, 0),
        (f"drivers' bill, {money} a car and month", "driver_bill_per_car_month", 1.0, 2),
        ("largest rise of a group's bill, %", "largest_bill_rise", 100.0, 1),
        ("satisfaction with the hours, 1: none change", "satisfaction", 1.0, 2),
        (f"satisfaction with the bill, 1: as at {_reference_name(study)}", "bill_satisfaction", 1.0, 2),
    ]
    plain = ("satisfaction", "bill_satisfaction", "largest_bill_rise")
    for label, key, scale, digits in rows:
        old, new = before[key] * scale, after[key] * scale
        percent = f" ({100.0 * (new / old - 1.0):+.1f} %)" if old and key not in plain else ""
        change = f"{new - old:+,.{digits}f}{percent}"
        table.add_row(
            label, *(f"{value:,.{digits}f}" for value in (old, new)), change, f"{flat[key] * scale:,.{digits}f}"
        )
    return table


def _definitions(study: Study) -> str:
    """Return what the rows of the table of effects mean, and which days they are of."""
    n_days, reference = study.day.n_days, _reference_name(study)
    days = f"Peak load is that of the highest of {n_days} days, the other rows are their mean. " if n_days > 1 else ""
    return (
        f"{days}Saving: cost of supply avoided against {reference}, less fees for discharging and what is paid for it "
        "above the price of charging. Profit: drivers' bill less cost of supply and fees. Satisfaction with the hours: "
        "share of charging that keeps its hours and share of parking time not spent waiting, weighted; money does not "
        f"count. With the bill: 1 less its rise over {reference}, as a share.\n"
    )


def _reference_name(study: Study) -> str:
    """Return what the prices are called under which habits formed, in one line of a heading."""
    reference = study.day.reference
    return f"flat {reference[0]:.1f}" if np.ptp(reference) == 0 else "habits' prices"


def _tariff_table(study: Study) -> Table:
    prices, windows = study.scenario.prices, study.scenario.tariff
    hours = [f"{name} {' '.join(ones)}".strip() for name, ones in windows.by_name.items()]
    table = _table(f"\n{prices.unit}", *(f"\n{one}" for one in hours))
    discharging = study.choice_outcome.discharging_share[list(study.choices).index("compromise")]
    x, digits = study.recommended, study.day.rules.digits
    n = study.day.n_periods
    used = [*(discharging > 0), False]
    discharge = [f"{x[n + p]:.{digits}f}" if used[p] else "none" for p in range(n)]
    table.add_row(
        f"charge, {'flat price of habits' if np.ptp(study.day.reference) == 0 else 'prices of habits'}",
        *(f"{price:.1f}" for price in study.day.reference),
    )
    table.add_row("charge, in force" + _own_hours(study), *(f"{price:.1f}" for price in prices.start_prices))
    table.add_row("charge, recommended", *(f"{price:.{digits}f}" for price in x[:n]), style="bold")
    table.add_row("discharge, recommended", *discharge, style="bold")
    if study.robust is not None:
        table.add_row("charge, nominal choice", *(f"{price:.{digits}f}" for price in study.recommendation.tariff[:n]))
    if study.rounded is not None:
        table.add_row("charge, rounded", *(f"{price:g}" for price in study.rounded[:n]))
        rounded = [f"{study.rounded[n + p]:g}" if used[p] else "none" for p in range(n)]
        table.add_row("discharge, rounded", *rounded)
    ranges, _ = study.no_effect
    free = [
        f"{name} {low:.{digits}f} to {high:.{digits}f}"
        for name, (low, high) in zip(study.day.variables, ranges, strict=True)
        if high - low > 0.05
    ]
    if free:
        table.caption = "Without effect between: " + "; ".join(free)
        table.caption_justify = "left"
    return table


def _own_hours(study: Study) -> str:
    """Return the hours in force, where others are recommended, for a heading."""
    if study.day.hours_in_force is None or study.hours is None:
        return ""
    return f" ({'; '.join(f'{name} {hours}' for name, hours in hours_of(study.hours.asked).items())})"


def _impact_table(study: Study) -> Table:
    table = _table("stakeholder impact", "in force", "recommended", "change", "improves")
    for one in study.impact:
        verdict = {True: "yes", False: "no", None: ""}[one.improves]
        change = one.after - one.before
        sign = "+" if change >= 0 else "-"
        values = (_number(one.before), _number(one.after), sign + _number(abs(change)))
        table.add_row(f"{one.stakeholder}: {one.quantity}, {one.unit}", *values, verdict)
    return table


def _robustness_lines(study: Study) -> list[str]:
    band = study.robustness
    bands = {row["quantity"]: row for row in band.quantiles}
    peak, bill = bands["g1_mw"], bands["driver_bill_per_day"]
    profit = bands["operator_profit_per_day"]
    lines = [
        f"Against the tariff in force, over {band.draws} draws of all assumptions, the peak changes by "
        f"{peak['p5']:+,.0f} to {peak['p95']:+,.0f} MW (5 to 95 %); it falls in {peak['better_share']:.0%}, the profit "
        f"rises in {profit['better_share']:.0%}, the drivers' bill falls in {bill['better_share']:.0%}. The "
        f"{study.day.names[-1]} hours hold the peak in {band.rebound_share:.0%}.",
    ]
    if study.robust is None:  # else its scores are in a table, on the scale of the choice
        lines.append(
            "On the scale from 0, the worst value of each objective on the front, to 1, the best, it is at "
            f"{band.recommended_score:.3f} in the mean over objectives and draws, the best tariff of the front at "
            f"{band.best_score:.3f} (row {band.most_robust} of pareto.csv); {band.rank_share:.0%} of the front are "
            "lower."
        )
    first = study.tornado[0]
    lines.append(f"The assumption with the largest effect on the saving: {first['assumption']} (tornado.csv).")
    return lines


def show_comparison(baselines: list[BaselineRow], variants: pd.DataFrame, scenario: Scenario) -> None:
    """Print baselines and variants."""
    console, money = stdout(), scenario.prices.currency
    table = _table(
        "way to a tariff", "tariffs", "hyper-\nvolume", "score", "peak\nMW", f"saving\n1000 {money}", "satis-\nfied"
    )
    for one in baselines:
        table.add_row(
            one["way"], f"{one['tariffs']}", f"{one['hypervolume']:.3f}", f"{one['score']:.3f}", f"{one['g1_mw']:,.0f}",
            f"{one['saving_per_day'] * 1e-3:,.0f}", f"{one['satisfaction']:.2f}",
        )  # fmt: skip
    console.print(table)
    searched = max(one["evaluations"] for one in baselines)
    console.print(
        f"Searches tried {searched:,} tariffs each; one scale for all scores and hypervolumes.\n", soft_wrap=True
    )
    table = _table(
        "objectives, recovery",
        "peak\nMW",
        "difference\nMW",
        f"profit\n1000 {money}",
        f"bill {money}\na month",
        "satis-\nfied",
        "rebound",
    )
    for one in variants.to_dict("records"):
        table.add_row(
            f"{one['objectives']}, {one['recovery']}", f"{one['g1_mw']:,.0f}", f"{one['g2_mw']:,.0f}",
            f"{one['operator_profit_per_day'] * 1e-3:,.0f}", f"{one['driver_bill_per_car_month']:.2f}",
            f"{one['satisfaction']:.2f}", f"at {one['peak_at']}" if one["rebound"] else "no",
        )  # fmt: skip
    console.print(table)


def show_calibration(result: Calibration, unit: str) -> None:
    """Print fitted responses with their bands."""
    console = stdout()
    table = _table(f"response ({unit})", "l", "h", "phi_max", "K", "rms", "seen")
    for pair, fit in result["fits"].items():
        ramp = fit.ramp
        values = (ramp.dead_zone, ramp.saturation, ramp.max_share, fit.slope)
        table.add_row(
            pair,
            *(f"{value:.3g}" for value in values),
            "" if np.isnan(fit.residual) else f"{fit.residual:.3f}",
            str(fit.n),
        )
        bands = [fit.bands[name] for name in ("dead_zone", "saturation", "max_share", "slope")]
        table.add_row("  90 % band", *(f"{low:.3g}-{high:.3g}" for low, high in bands), "", "", style="dim")
    console.print(table)
    for fit in result["fits"].values():
        if fit.not_determined:
            names = ", ".join(fit.not_determined)
            console.print(f"Not determined, {fit.pair}: {names}.", soft_wrap=True, markup=False)
    for pair, reason in result["skipped"].items():
        console.print(f"Not fitted, {pair}: {reason}.", soft_wrap=True, markup=False)
    for fit in result["fits"].values():
        for warning in fit.warnings:
            console.print(f"Warning, {fit.pair}: {warning}.", soft_wrap=True, markup=False)
    if "sources" in result:
        console.print(_sources_table(result["sources"]))
    console.print("\nFor the scenario file:", soft_wrap=True)
    console.print(result["toml"], soft_wrap=True, markup=False)


def _sources_table(rows: list[SourceRow]) -> Table:
    table = _table("source", "incentive", "enrolment\npublished", "implied by\nall owners", "of the\ncurve")
    for one in rows:
        shares = (one["enrolment_published"], one["enrolment_implied"], one["enrolment_of_curve"])
        cells = ("" if share is None else f"{share:.1%}" for share in shares)
        table.add_row(one["source"], f"{one['incentive']:.3g}", *cells)
    return table


def show_learning(curves: LearningCurves, seeds: int, noise: float) -> None:
    """Print the learning curve."""
    console = stdout()
    table = _table("adjustments", "loss against full\nknowledge", "middle half", "error of\nresponses")
    for k in curves["round"]:
        low, middle, high = curves["regret_q25"][k], curves["regret_median"][k], curves["regret_q75"][k]
        table.add_row(str(k), f"{middle:.1%}", f"{low:.1%} to {high:.1%}", f"{curves['error_median'][k]:.1%}")
    console.print(table)
    console.print(
        f"Medians of {seeds} hidden populations, observed with {noise:.0%} noise; 0 is the tariff priced on the "
        "assumptions alone.",
        soft_wrap=True,
    )


def _remarks(study: Study, summary: Summary) -> list[str]:
    shares, unit = summary["driver_groups"], study.scenario.prices.unit
    lines = [
        "",
        *(robust_lines(summary["robust"], study.scenario.prices.currency) if summary["robust"] else []),
        *(hours_lines(summary["hours"], study.scenario.prices.currency) if summary["hours"] else []),
        *_choice_lines(study, summary),
        v2g_line(summary["v2g"], study.scenario.prices.currency),
        f"Drivers: {shares['non_responders']:.0%} stay as they are, {shares['charge_responders']:.0%} charge at other "
        f"hours, {shares['charge_discharge_responders']:.1%} also discharge "
        f"({summary['after']['discharged_mwh']:,.0f} MWh a day).",
    ]
    low, high = summary["no_effect"]["price_level"]
    if max(-low, high) > 0.05:
        lines.append(
            "Only the differences between hours act on these objectives: all prices together could be "
            f"{-low:.1f} {unit} lower or {high:.1f} higher with the same effect."
        )
    profit = [when["operator_profit_per_day"] for when in (summary["in_force"], summary["after"])]
    if summary["objectives"] == "paper" and profit[1] < 0.95 * profit[0]:
        lines.append(
            "The operator's profit falls against the tariff in force: these objectives do not count payments between "
            "drivers and operator; "
            "--objectives market counts them."
        )
    if summary["checks"]["rebound"]:
        lines.append(
            f"Rebound: the new peak is in the {study.day.names[-1]} hours, at {summary['checks']['peak_at']}. "
            "--recovery staggered prices with starts that are spread over them."
        )
    lines += _robustness_lines(study)
    lines += [f"Note: {note}" for note in summary["notes"]]
    for pair, value in summary["rank_correlations"].items():
        if value is not None:
            one, other = (_WORDS[name] for name in pair.split(", "))
            lines.append(f"Along the front, {one} and {other}: rank correlation {value:+.3f} (fig1).")
    for one in summary["redundant"]:
        names = " and ".join(_WORDS[name] for name in one["objectives"])
        lines.append(
            f"Along the front {names} "
            + ("are one trade-off: what one gains the other loses" if one["opposed"] else "rank all tariffs alike")
            + f" (rank correlation of what is minimised {one['rank_correlation']:+.3f}); together they weigh one "
            "matter twice or cancel. --objectives inflexible, welfare and fair ask for others."
        )
    return lines


_RULES = {
    "profit": "the largest profit with a bill of all drivers not above the one in force, where one of them has such a "
    "bill",
    "bill": "the smallest bill of drivers",
    "nearness": "the prices nearest to the tariff in force",
}


def _choice_lines(study: Study, summary: Summary) -> list[str]:
    """Return the rule that chose the tariff, and the whole range of what it was chosen from."""
    choice, money, unit = summary["choice"], study.scenario.prices.currency, study.scenario.prices.unit
    ranges = choice["nearly_equal"]
    digits = study.day.rules.digits
    prices = "; ".join(
        f"{name} {ranges[name][0]:.{digits}f} to {ranges[name][1]:.{digits}f}" for name in study.day.variables
    )
    profit, bill = (ranges[name] for name in ("operator_profit_per_day", "driver_bill_per_day"))
    return [
        f"{'Nominal choice' if summary['robust'] else 'Choice'}: the score, the mean over the objectives of 0 (worst "
        f"extreme) to 1 (best of all), is {choice['score']:.3f}; the largest is {choice['best_score']:.3f}. Of all "
        f"tariffs at most {choice['tolerance']:g} below it this one has {_RULES[choice['rule']]} (--prefer).",
        f"These nearly equal tariffs reach over, each alone, in {unit}: {prices}; in 1000 {money} a day: profit "
        f"{profit[0] * 1e-3:,.0f} to {profit[1] * 1e-3:,.0f}, drivers' bill {bill[0] * 1e-3:,.0f} to "
        f"{bill[1] * 1e-3:,.0f}.",
    ]


def v2g_line(v2g: dict[str, float], money: str) -> str:
    """Return what discharging costs and brings, in one sentence."""
    if v2g["discharged_mwh"] <= 0:
        return "Discharging: nobody does at these prices, so it costs and brings nothing."
    return (
        f"Discharging {v2g['discharged_mwh']:,.1f} MWh a day avoids {v2g['supply_avoided']:,.0f} {money} of supply, "
        f"recharging included, and costs {v2g['fees']:,.0f} {money} in fees and {v2g['wear']:,.0f} {money} in wear of "
        f"batteries; drivers gain {v2g['drivers_gain']:+,.0f} {money}, the operator "
        f"{v2g['operator_gain']:+,.0f} {money}."
    )


_WORDS = {
    "satisfaction": "satisfaction",
    "saving_per_day": "saving",
    "g2_mw": "peak-valley difference",
    "inflexible_bill_per_day": "bill of those who cannot change hours",
    "welfare_per_day": "money of operator and drivers together",
    "driver_bill_per_day": "drivers' bill",
    "operator_profit_per_day": "operator's profit",
    "largest_bill_rise": "the largest rise of a group's bill",
}


def _paper_table(rows: list[PaperRow]) -> Table:
    theta = next((row["paper"] for row in rows if row["quantity"] == "satisfaction"), None)
    table = _table("beside the paper", "paper", "here", "change", "" if theta is None else f"at satisf.\n{theta}")
    for one in rows:
        scale, unit = (1e-6, "million ") if max(abs(one["paper"]), abs(one["here"])) >= 1e6 else (1.0, "")
        twin = one["same_satisfaction"]
        table.add_row(
            f"{one['quantity']}, {unit}{one['unit']}",
            _number(one["paper"] * scale),
            _number(one["here"] * scale),
            f"{one['difference_percent']:+.1f} %",
            "" if twin is None else _number(twin * scale),
        )
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right", no_wrap=True)
    return table
