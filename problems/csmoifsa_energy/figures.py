"""What figures share: Okabe and Ito's colours, told apart by colour-blind readers, and writing PNG and PDF.

Palette: M. Okabe, K. Ito: Color Universal Design, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from csmoifsa.files import atomic_write, output_folder
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
