"""The hours that a study chose: a table of all sets of hours, and sentences on it."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pandas as pd

from csmoifsa_ev.model.candidates import windows_by_kind
from csmoifsa_ev.model.outcome import MAXIMISED, QUANTITIES
from csmoifsa_ev.model.tariff import Windows
from csmoifsa_ev.study.hours import HoursOption
from csmoifsa_ev.study.study import Study

FIGURES = (
    "g1_mw",
    "g2_mw",
    "saving_per_day",
    "satisfaction",
    "operator_profit_per_day",
    "driver_bill_per_day",
)
"""Figures of the tariff recommended on each set of hours."""


class HoursSummary(TypedDict):
    """The choice of hours, in ``summary.json``.

    Attributes
    ----------
    chosen, in_force : dict of str to str
        Hours of each period; of the tariff in force None where one price is in force all day.
    windows : dict
        The hours chosen as windows by period, for each kind of days: see `candidates.with_hours`.
    tried : int
        Number of sets of hours that were allowed.
    tolerance, best_score : float
        Largest distance of a score from the best one of all hours that is nearly equal, and that score.
    nearly_equal : int
        Number of other sets of hours on which a tariff is nearly as good.
    score_in_force : float or None
        Largest score on the hours in force.
    rows : list of dict
        The rows of ``hours.csv``; None for what is missing.
    """

    chosen: dict[str, str]
    in_force: dict[str, str] | None
    windows: dict[str, dict[str, tuple[str, ...]]]
    tried: int
    tolerance: float
    best_score: float
    nearly_equal: int
    score_in_force: float | None
    rows: list[dict[str, object]]


def hours_of(tariff: Windows) -> dict[str, str]:
    """Return the hours of each period as one text."""
    return {name: " and ".join(tariff.hours_of(name)) for name in tariff.names}


def hours_table(study: Study) -> pd.DataFrame:
    """Return all sets of hours, one a row, the one chosen first, then by falling score.

    Columns are the hours of each period (``hours_peak`` and so on); ``chosen``, ``in_force``, ``allowed``, ``searched``
    (in full; else the score is that of a short search) and ``nearly_equal``; ``score``, the largest on these hours; and
    prices and `FIGURES` of the tariff that the rule of the choice takes there, of nearly equal hours and of those in
    force.
    """
    options = [] if study.hours is None else study.hours.options
    return pd.DataFrame([_row(one, study) for one in options])


def _row(option: HoursOption, study: Study) -> dict[str, object]:
    """Return a row of `hours_table`."""
    found, variables = option.recommendation, study.day.variables
    columns = [QUANTITIES.index(name) for name in FIGURES]
    signs = np.array([-1.0 if name in MAXIMISED else 1.0 for name in FIGURES])
    prices = np.full(len(variables), np.nan) if found is None else found.tariff
    figures = np.full(len(FIGURES), np.nan) if option.quantities is None else signs * option.quantities[columns]
    return {
        **{f"hours_{name}": hours for name, hours in hours_of(option.tariff).items()},
        "chosen": study.hours is not None and option is study.hours.options[0],
        "in_force": option.in_force,
        "allowed": option.allowed,
        "searched": option.searched,
        "nearly_equal": option.allowed and found is not None,
        "score": option.score,
        **dict(zip(variables, prices.tolist(), strict=True)),
        **dict(zip(FIGURES, figures.tolist(), strict=True)),
    }


def hours_summary(study: Study) -> HoursSummary | None:
    """Return the choice of hours as plain values, None where the scenario leaves no choice."""
    if study.hours is None:
        return None
    asked, options = study.hours.asked, study.hours.options
    allowed = [one for one in options if one.allowed]
    score = next((one.score for one in options if one.in_force), None)
    return {
        "chosen": hours_of(study.hours.chosen),
        "in_force": hours_of(asked) if asked.known else None,
        "windows": windows_by_kind(study.hours.chosen),
        "tried": len(allowed),
        "tolerance": study.day.choice.tolerance,
        "best_score": study.hours.standard.best_score,
        "nearly_equal": sum(one.recommendation is not None for one in allowed[1:]),
        "score_in_force": None if score is None or np.isnan(score) else score,
        "rows": [_without_nan(_row(one, study)) for one in options],
    }


def _without_nan(row: dict[str, object]) -> dict[str, object]:
    return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()}


def hours_lines(hours: HoursSummary, money: str) -> list[str]:
    """Return sentences on the hours chosen, those nearly as good, and those in force."""
    periods = list(hours["chosen"])
    rows = hours["rows"]

    def named(row: dict[str, object]) -> str:
        moved = [name for name in periods if any(other[f"hours_{name}"] != row[f"hours_{name}"] for other in rows)]
        return ", ".join(f"{name} {row[f'hours_{name}']}" for name in moved or periods)

    near = [row for row in rows[1:] if row["nearly_equal"]]
    shown = "; ".join(f"{named(row)} ({row['score']:.3f})" for row in near[:4])
    equal = (
        f"{len(near)} other set(s) hold tariffs at most {hours['tolerance']:g} below the largest score of all hours, "
        f"{hours['best_score']:.3f}: {shown}{' and more' if len(near) > 4 else ''} (hours.csv)"
        if near
        else f"no other holds one at most {hours['tolerance']:g} below the largest score, {hours['best_score']:.3f}"
    )
    lines = [f"Hours: {named(rows[0])}, chosen from {hours['tried']} sets of hours (tariff.choose); {equal}."]
    present = next((row for row in rows if row["in_force"]), None)
    if present is None:
        return lines
    if present is rows[0]:
        return [*lines, "These are the hours in force."]
    score = hours["score_in_force"]
    if present["g2_mw"] is None or score is None:
        return [*lines, f"On the hours in force ({named(present)}) no tariff keeps the constraints."]

    def pair(name: str, scale: float = 1.0) -> str:
        return f"{float(rows[0][name]) * scale:,.0f} against {float(present[name]) * scale:,.0f}"  # type: ignore[arg-type]

    lines.append(
        f"Against the best prices on the hours in force ({named(present)}, largest score {score:.3f}): peak-valley "
        f"difference {pair('g2_mw')} MW, profit {pair('operator_profit_per_day', 1e-3)} thousand {money} a day, "
        f"drivers' bill {pair('driver_bill_per_day', 1e-3)} thousand {money} a day."
    )
    return lines
