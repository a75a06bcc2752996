"""Coverage of the bands of fitted responses: how often they contain the truth of synthetic populations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.study.calibration import Observations, fit_obstacles, fit_with_bands

PARAMETERS = ("dead_zone", "saturation", "max_share", "slope")


@dataclass(frozen=True)
class Design:
    """A way to observe synthetic populations.

    Attributes
    ----------
    n : int
        Number of observations, at equally spaced incentives from ``most / n`` to ``most``.
    most : float
        Largest incentive [price unit per kWh].
    noise : float
        Standard deviation of an observed share: of the share where ``relative``, else in shares.
    relative : bool
        Whether the noise is relative.
    truth : Ramp, optional
        Response of all populations; by default l is drawn from [0, 6], h - l from [5, 30], phi_max from [.1, .95].
    """

    n: int
    most: float
    noise: float
    relative: bool
    truth: Ramp | None = None


DESIGNS = (
    Design(10, 14.0, 0.03, True, Ramp(dead_zone=3, saturation=25, max_share=0.6)),
    Design(10, 14.0, 0.03, False, Ramp(dead_zone=3, saturation=25, max_share=0.6)),
    Design(10, 14.0, 0.03, True),
    Design(10, 14.0, 0.10, True),
    Design(10, 14.0, 0.03, False),
    Design(10, 40.0, 0.03, True),
    Design(10, 40.0, 0.03, False),
    Design(30, 40.0, 0.03, True),
    Design(30, 40.0, 0.10, True),
    Design(30, 40.0, 0.03, False),
    Design(6, 25.0, 0.03, True),
    Design(6, 25.0, 0.03, False),
)
"""Designs of the table in docs/results; the first two never reach saturation."""


def observe_synthetic(design: Design, random: np.random.Generator) -> tuple[Ramp, Observations]:
    """Return the true response of one population and what is observed of it, cut off at 0 and 1."""
    truth = design.truth
    if truth is None:
        low, width, share = random.uniform(0, 6), random.uniform(5, 30), random.uniform(0.1, 0.95)
        truth = Ramp(dead_zone=low, saturation=low + width, max_share=share)
    at = np.linspace(0.0, design.most, design.n + 1)[1:]
    share = ramp_share(at, truth.dead_zone, truth.saturation, truth.max_share)
    spread = design.noise * (share if design.relative else 1.0)
    return truth, Observations(at, np.clip(share + spread * random.normal(size=design.n), 0.0, 1.0))


def coverage(design: Design, *, populations: int = 200, seed: int = 0) -> dict[str, float]:
    """Return how often the bands contain the truth.

    Parameters
    ----------
    design : Design
        The way to observe.
    populations : int
        Number of synthetic populations; those that cannot be fitted (`calibration.fit_obstacles`) are not counted.
    seed : int
        Random seed.

    Returns
    -------
    dict
        ``fitted``, the number of populations counted; ``not_determined``, the share of them with phi_max marked so; and
        by name of a parameter, the share of bands that contain the truth.
    """
    random = np.random.default_rng([seed, design.n])
    hits, open_, fitted = dict.fromkeys(PARAMETERS, 0), 0, 0
    for _ in range(populations):
        truth, seen = observe_synthetic(design, random)
        if fit_obstacles(seen):
            continue
        fitted += 1
        fit = fit_with_bands("peak_valley", seen)
        open_ += "max_share" in fit.not_determined
        for name in PARAMETERS:
            low, high = fit.bands[name]
            hits[name] += low - 1e-9 <= getattr(truth, name) <= high + 1e-9
    shares = {name: hits[name] / max(fitted, 1) for name in PARAMETERS}
    return {"fitted": fitted, "not_determined": open_ / max(fitted, 1), **shares}
