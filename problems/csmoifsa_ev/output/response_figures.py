"""Draw fitted responses, and the errors of the loop of pricing and learning."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from csmoifsa.figures import BLUE, GREY
from csmoifsa_ev.model.ramp import ramp_share
from csmoifsa_ev.study.calibration import Calibration
from csmoifsa_ev.study.learning import LearningCurves


def draw_calibration(result: Calibration, unit: str) -> Figure:
    """Draw the observations of each pair, the fitted ramp, and the local fit with its band where there is one.

    Parameters
    ----------
    result : dict
        From `calibration.calibrate` or `published.calibrate_published`.
    unit : str
        Unit of prices.
    """
    pairs = list(result["fits"])
    columns = min(len(pairs), 2)
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(5.0 * columns, 3.4 * rows), dpi=150, layout="constrained")
    for k, pair in enumerate(pairs):
        seen, fit, curve = result["observed"][pair], result["fits"][pair], result.get("curves", {}).get(pair)
        axes = figure.add_subplot(rows, columns, k + 1)
        at, ramp = (
            np.linspace(0.0, max(float(seen.incentive.max(initial=1.0)), fit.ramp.saturation) * 1.1, 120),
            fit.ramp,
        )
        if curve is not None:
            at = curve["incentive"]
            axes.fill_between(at, curve["low"], curve["high"], color=GREY, alpha=0.5, label="local fit, 5 to 95 %")
            axes.plot(at, curve["local"], color="black", linestyle="--", linewidth=1.2, label="local fit")
        axes.plot(
            at, ramp_share(at, ramp.dead_zone, ramp.saturation, ramp.max_share), color=BLUE, linewidth=2.2,
            label="eq. (1) fitted",
        )  # fmt: skip
        axes.scatter(seen.incentive, seen.share, s=22, facecolor="white", edgecolor="black", zorder=3, label="observed")
        axes.set_title(
            f"{pair.replace('_', ' to ')}: l {ramp.dead_zone:.1f}, h {ramp.saturation:.1f}, max {ramp.max_share:.2f}",
            fontsize=9,
        )
        axes.set(xlabel=f"incentive [{unit}]", ylabel="share that moved")
        axes.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False, fontsize=8)
    return figure


def draw_learning(curves: LearningCurves) -> Figure:
    """Draw regret and error of the curves by round; ``curves`` from `learning.learning_curves`."""
    figure = Figure(figsize=(9.0, 3.8), dpi=150, layout="constrained")
    rounds = np.array(curves["round"])
    panels = (
        ("loss against full knowledge [%]", ("regret_q25", "regret_median", "regret_q75")),
        ("error of the believed responses [% of phi_max]", ("error_q25", "error_median", "error_q75")),
    )
    for k, (title, names) in enumerate(panels):
        axes = figure.add_subplot(1, 2, k + 1)
        low, middle, high = (100 * np.array(curves[name]) for name in names)
        axes.fill_between(rounds, low, high, color=GREY, alpha=0.5, label="middle half of the populations")
        axes.plot(rounds, middle, color=BLUE, marker="o", linewidth=2, label="median")
        if k == 0:
            axes.axhline(5.0, color="black", linestyle="--", linewidth=1, label="5 %")
        axes.set(xlabel="adjustments made", ylabel=title, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    return figure
