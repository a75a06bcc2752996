"""Print studies side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from csmoifsa.console import print_json, stdout
from csmoifsa.errors import InputError
from csmoifsa.text import visible
from csmoifsa_ev.output.beside import Beside, collect, json_of, short_unit, write_beside

SHOWN = {
    "g1_mw": "peak load",
    "g2_mw": "peak-valley difference",
    "saving_per_day": "operator's saving",
    "satisfaction": "satisfaction with the hours",
    "operator_profit_per_day": "operator's profit",
    "driver_bill_per_car_month": "drivers' bill",
    "largest_bill_rise": "largest rise of a group's bill",
    "discharged_mwh": "discharged to the grid",
}
"""Figures under the recommended tariff that the terminal shows, and its words; ``compared.csv`` has all."""


def compare_studies(
    paths: Sequence[Path],
    *,
    case: str | None,
    n_eval: int,
    seed: int,
    out: Path | None,
    language: str,
    as_json: bool,
) -> None:
    """Set studies side by side: write tables and page if a folder is named, and print the table, or all as JSON.

    Parameters
    ----------
    paths : sequence of Path
        Study folders or scenario files, two or more.
    case : str, optional
        Bundled case that the user named, which only one scenario can have.
    n_eval, seed : int
        Budget and random seed of the search for scenario files.
    out : Path, optional
        Folder for the files.
    language : "en" or "zh"
        Language of the page.
    as_json : bool
        Whether to print JSON.

    Raises
    ------
    InputError
        ``case`` is named, or as `beside.collect`.
    """
    if case is not None:
        raise InputError("--case is of one scenario; with several studies name the case in each file as base = '...'")
    beside = collect(paths, n_eval=n_eval, seed=seed)
    written = [] if out is None else write_beside(beside, out, language=language)
    if as_json:
        print_json(json_of(beside))
        return
    show_beside(beside)
    if written:
        stdout().print(f"\nWritten: {out}/ {' '.join(written)}", soft_wrap=True, markup=False)


def show_beside(beside: Beside) -> None:
    """Print prices and main figures under each recommended tariff, with differences, and what hinders comparison."""
    console, table = stdout(), Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("recommended tariff")
    for name in beside.names:
        table.add_column(visible(name), justify="right")
    for name in beside.names[1:]:
        table.add_column(f"{visible(name)}\nless {visible(beside.names[0])}", justify="right")
    n = len(beside.names)
    for row in beside.table().to_dict("records"):
        when, quantity = row["when"], str(row["quantity"])
        if when != "recommended" and (when != "after" or quantity not in SHOWN):
            continue
        unit = short_unit(str(row["unit"]))
        values = [float(value) for value in list(row.values())[3:]]
        cells = [_number(value, signed=k >= n) for k, value in enumerate(values)]
        words = SHOWN.get(quantity, quantity.replace("_", " "))
        table.add_row(f"{words}, {unit}" if unit else words, *cells)
    console.print(table)
    differ = beside.differing_inputs()
    console.print(f"\n{len(differ)} input(s) differ" + (f": {', '.join(differ['key'][:8])}" if len(differ) else "")
                  + (" and others" if len(differ) > 8 else "") + ".", soft_wrap=True, markup=False)  # fmt: skip
    for sentence in beside.sentences():
        console.print(sentence, soft_wrap=True, markup=False)


def _number(value: float, *, signed: bool) -> str:
    if math.isnan(value):
        return ""
    digits = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 else 4
    return f"{value:{'+' if signed else ''},.{digits}f}"
