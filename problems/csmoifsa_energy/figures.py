"""Colours that colour-blind readers can distinguish, and writing of figures as PNG and PDF.

Palette: M. Okabe, K. Ito: Color Universal Design, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, TypeVar, cast

import pandas as pd
from matplotlib.figure import Figure

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, output_folder, read_csv, read_json
from csmoifsa.folders import result_folder

T = TypeVar("T")

BLACK, GREY, BLUE, SKY, ORANGE, VERMILION, GREEN = (
    "#000000",
    "#8c8c8c",
    "#0072b2",
    "#56b4e9",
    "#e69f00",
    "#d55e00",
    "#009e73",
)


class LineStyle(TypedDict, total=False):
    """Style of a line, as matplotlib's ``plot`` takes it."""

    color: str
    linestyle: str | tuple[float, tuple[float, ...]]
    linewidth: float
    alpha: float
    marker: str
    markersize: float
    markevery: int
    label: str
    zorder: float


def rows_where(table: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    """Return the rows of a table with one value in a column, numbered from 0."""
    return cast(pd.DataFrame, table[table[column] == value]).reset_index(drop=True)


def read_results(folder: Path, names: list[str], command: str, kind: type[T]) -> tuple[T, dict[str, pd.DataFrame]]:
    """Return summary.json and some tables of a folder of results.

    Parameters
    ----------
    folder : Path
        The folder.
    names : list of str
        Tables, without ``.csv``.
    command : str
        Command of ``csmoifsa ev`` that writes such a folder; named if a file is missing.
    kind : type
        The TypedDict that describes the summary; its values are not checked.

    Raises
    ------
    InputError
        A file is missing or cannot be read.
    """
    for name in ("summary.json", *(f"{name}.csv" for name in names)):
        if not (folder / name).is_file():
            raise InputError(f"there is no file {folder / name}; run 'csmoifsa ev {command}' first")
    summary = read_json(folder / "summary.json", "summary")
    return cast(T, summary), {name: read_csv(folder / f"{name}.csv") for name in names}


def save_figures(figures: dict[str, Figure], folder: Path, command: str, dpi: int | None = None) -> list[Path]:
    """Write each figure as PNG and PDF into ``folder/figures``, all or none; return the files."""
    written = []
    with result_folder(folder, command) as place:
        target = output_folder(place / "figures")
        for name, figure in figures.items():
            for ending, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
                with atomic_write(target / f"{name}.{ending}", "wb") as file:
                    figure.savefig(file, format=ending, metadata=metadata, dpi=dpi)
                written.append(folder / "figures" / f"{name}.{ending}")
    return written
