"""The tables of a study as one Excel workbook, `study.xlsx`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from csmoifsa.files import read_csv, read_json
from csmoifsa_energy.page import page_texts
from csmoifsa_energy.workbook import ordered_names, write_folder_workbook

ORDER = (
    *(
        "tariff",
        "stakeholder_impact",
        "customer_groups",
        "revenue",
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


def columns_table(folder: Path, about: dict[str, object], language: str) -> pd.DataFrame:
    """Return what each table of a study and each of its columns means, one a row.

    Parameters
    ----------
    folder : Path
        Folder of the study, with its CSV tables.
    about : dict
        Its ``summary.json``.
    language : "en" or "zh"
        Language of the meanings.
    """
    texts = page_texts("csmoifsa_ev.output", "columns", language)
    units = about["units"]
    assert isinstance(units, dict)
    names = {"money": str(units["saving_per_day"]).split("/")[0], "unit": str(units["prices"])}
    rows = []
    for table in ordered_names(folder, ORDER):
        rows.append((table, "", _texts(texts, "tables").get(table, "")))
        columns = read_csv(folder / f"{table}.csv").columns
        rows += [(table, one, _meaning(texts, table, one).format(**names)) for one in columns]
    return pd.DataFrame(rows, columns=texts["head"])  # type: ignore[arg-type]


def _meaning(texts: dict[str, object], table: str, column: str) -> str:
    """Return what a column means: by its table, by its name, or by the parts of its name; empty if unknown."""
    known = _texts(texts, "columns")
    for name in (f"{table}.{column}", column):
        if name in known:
            return known[name]
    for ending, text in _texts(texts, "endings").items():
        inner = _meaning(texts, table, column.removesuffix(ending)) if column.endswith(ending) else ""
        if inner:
            return text.replace("{what}", inner)
    for beginning, text in _texts(texts, "beginnings").items():
        if column.startswith(beginning):
            rest = column.removeprefix(beginning)
            return text.replace("{what}", _meaning(texts, table, rest) or rest)
    return ""


def _texts(texts: dict[str, object], group: str) -> dict[str, str]:
    found = texts[group]
    assert isinstance(found, dict)
    return found


def write_study_workbook(folder: Path, language: str = "en") -> None:
    """Write ``study.xlsx`` into the folder of a study, from its CSV tables and ``summary.json``.

    The sheet ``about`` names settings, versions and units, the sheet ``columns`` what each table and column means, in
    the language; each other sheet is a table of the same name.
    """
    summary = read_json(folder / "summary.json", "summary")
    first = {"about": about_table(summary), "columns": columns_table(folder, summary, language)}
    write_folder_workbook(folder, folder / "study.xlsx", first, ORDER)
