"""Figures of a front with any number of objectives; no window opens and matplotlib's global state stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from csmoifsa.files import atomic_write
from csmoifsa.text import figure_text

BLUE, GREY = "#0b5fa5", "#b5b5b5"


def draw_front(F: np.ndarray, *, true_front: np.ndarray | None = None, title: str = "") -> Figure:
    """Draw a front: a scatter for two objectives, a 3-D scatter for three, parallel coordinates for more.

    Parameters
    ----------
    F : (n, m) array
        Objectives of the front found.
    true_front : (k, m) array, optional
        Points of the true front, drawn behind it in grey.
    title : str
        Title above the axes.
    """
    figure = Figure(figsize=(6.0, 4.5), dpi=150, layout="constrained")
    m = F.shape[1]
    if m == 2:
        axes = figure.add_subplot()
        if true_front is not None:
            axes.scatter(*true_front.T, s=2, color=GREY, label="true front")
        axes.scatter(*F.T, s=14, color=BLUE, label="found", zorder=3)
        axes.set(xlabel="$f_1$", ylabel="$f_2$")
        axes.grid(alpha=0.25)
    elif m == 3:
        axes = figure.add_subplot(projection="3d")
        if true_front is not None:
            axes.scatter(*true_front.T, s=2, color=GREY, alpha=0.35, label="true front")
        axes.scatter(*F.T, s=14, color=BLUE, label="found", depthshade=False)
        axes.set(xlabel="$f_1$", ylabel="$f_2$", zlabel="$f_3$")  # type: ignore[call-arg]
        axes.view_init(elev=25, azim=45)  # type: ignore[attr-defined]
    else:
        axes = figure.add_subplot()
        _parallel(axes, F, true_front)
    if title:
        axes.set_title(figure_text(title))
    if true_front is not None and m <= 3:
        axes.legend(frameon=False)
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file in the format of its suffix, such as ``.png``."""
    path = Path(path)
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format=path.suffix[1:])


def _parallel(axes: Axes, F: np.ndarray, true_front: np.ndarray | None) -> None:
    """Draw one line for each candidate, each objective scaled between its least and greatest value."""
    both = F if true_front is None else np.vstack([F, true_front])
    low, extent = both.min(axis=0), np.ptp(both, axis=0)
    scaled = (F - low) / np.where(extent > 0, extent, 1.0)
    places = np.arange(1, F.shape[1] + 1)
    axes.plot(places, scaled.T, color=BLUE, alpha=0.35, linewidth=0.8)
    axes.set_xticks(
        places, [f"$f_{{{i}}}$\n{a:.3g} … {a + e:.3g}" for i, a, e in zip(places, low, extent, strict=True)]
    )
    axes.set_yticks([0, 1], ["least", "greatest"])
    axes.grid(axis="x", alpha=0.5)
