"""The tables of a study as one Excel workbook, `study.xlsx`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from csmoifsa.files import read_json
from csmoifsa_energy.workbook import write_folder_workbook

ORDER = (
    *(
        "tariff",
        "stakeholder_impact",
        "customer_groups",
        "cost_to_serve",
        "alignment",
        "period_energy",
        "filing_figures",
    ),
    *("measurement", "robustness", "tornado", "extremes", "pareto", "inputs", "load", "choices_load", "marginal_cost"),
)
"""Sheets that come first; the others follow by name."""


def about_table(summary: dict[str, object]) -> pd.DataFrame:
    """Return title, settings, versions, units and notes of a study from its ``summary.json``, one a row."""
    rows = [(name, summary[name]) for name in ("title", "scenario", "objectives", "recovery", "n_ev", "days")]
    rows += [(name, summary[name]) for name in ("n_eval", "pop_size", "seed", "n_front")]
    for group, key in (("version", "versions"), ("unit", "units")):
        values = summary[key]
        assert isinstance(values, dict)
        rows += [(f"{group} of {name}", text) for name, text in values.items()]
    notes = summary["notes"]
    assert isinstance(notes, list)
    rows += [("note", note) for note in notes]
    return pd.DataFrame([(name, str(value)) for name, value in rows], columns=["what", "value"])


def write_study_workbook(folder: Path) -> None:
    """Write ``study.xlsx`` into the folder of a study, from its CSV tables and ``summary.json``.

    The sheet ``about`` names settings, versions and units; each other sheet is a table of the same name.
    """
    about = about_table(read_json(folder / "summary.json", "summary"))
    write_folder_workbook(folder, folder / "study.xlsx", {"about": about}, ORDER)
