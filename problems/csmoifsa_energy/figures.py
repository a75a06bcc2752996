"""Colours that colour-blind readers can distinguish, and writing of figures as PNG and PDF.

Palette: M. Okabe, K. Ito: Color Universal Design, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, output_folder, read_csv, read_json
from csmoifsa.folders import result_folder

BLACK, GREY, BLUE, SKY, ORANGE, VERMILION, GREEN = (
    "#000000",
    "#8c8c8c",
    "#0072b2",
    "#56b4e9",
    "#e69f00",
    "#d55e00",
    "#009e73",
)


def read_results(folder: Path, names: list[str], command: str) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Return summary.json and some tables of a folder of results.

    Parameters
    ----------
    folder : Path
        The folder.
    names : list of str
        Tables, without ``.csv``.
    command : str
        Command of ``csmoifsa ev`` that writes such a folder; named if a file is missing.

    Raises
    ------
    InputError
        A file is missing or cannot be read.
    """
    for name in ("summary.json", *(f"{name}.csv" for name in names)):
        if not (folder / name).is_file():
            raise InputError(f"there is no file {folder / name}; run 'csmoifsa ev {command}' first")
    summary = read_json(folder / "summary.json", "summary")
    return summary, {name: read_csv(folder / f"{name}.csv") for name in names}


def save_figures(figures: dict[str, Figure], folder: Path, command: str, **options: Any) -> list[Path]:
    """Write each figure as PNG and PDF into ``folder/figures``, all or none; return the files."""
    written = []
    with result_folder(folder, command) as place:
        target = output_folder(place / "figures")
        for name, figure in figures.items():
            for ending, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
                with atomic_write(target / f"{name}.{ending}", "wb") as file:
                    figure.savefig(file, format=ending, metadata=metadata, **options)
                written.append(folder / "figures" / f"{name}.{ending}")
    return written
