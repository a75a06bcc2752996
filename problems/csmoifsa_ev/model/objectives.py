"""Figures of a load curve, cost of generation and drivers' satisfaction (eqs. 11-16 of the 2022 paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_efficiency, require_fraction, require_not_negative


@dataclass(frozen=True, kw_only=True)
class Grid(Parameters):
    """Cost of supplying the load.

    Attributes
    ----------
    conversion_efficiency : float
        eta_grid, efficiency from the generator to the charger, in (0, 1].
    marginal_cost_load_mw : (float, float)
        Two different loads at which the marginal cost is known [MW].
    marginal_cost_per_mwh : (float, float)
        Marginal cost of generation at these two loads [currency per MWh]; it is linear in the load.
    peak_cost_per_mw_day : float
        kappa, cost of peak load [currency per MW and day].
    """

    conversion_efficiency: float
    marginal_cost_load_mw: tuple[float, float]
    marginal_cost_per_mwh: tuple[float, float]
    peak_cost_per_mw_day: float

    def __post_init__(self) -> None:
        require_efficiency(self, "conversion_efficiency")
        require_not_negative(self, "peak_cost_per_mw_day")
        if self.marginal_cost_load_mw[0] == self.marginal_cost_load_mw[1]:
            raise InputError("marginal_cost_load_mw must hold two different loads, for the line of the marginal cost")

    @property
    def marginal_cost(self) -> tuple[float, float]:
        """Intercept a [currency per MWh] and slope b [currency per MWh and MW] of the marginal cost."""
        (x0, x1), (y0, y1) = self.marginal_cost_load_mw, self.marginal_cost_per_mwh
        slope = (y1 - y0) / (x1 - x0)
        return y0 - slope * x0, slope


@dataclass(frozen=True, kw_only=True)
class Satisfaction(Parameters):
    """Weights of drivers' satisfaction, which sum to 1.

    Attributes
    ----------
    habit_weight : float
        w1, weight of the share of charging that keeps its hours.
    delay_weight : float
        w2, weight of one less the mean delay as a share of the mean parking time.
    """

    habit_weight: float
    delay_weight: float

    def __post_init__(self) -> None:
        require_fraction(self, "habit_weight", "delay_weight")
        if abs(self.habit_weight + self.delay_weight - 1.0) > 1e-9:
            raise InputError(
                f"habit_weight and delay_weight must sum to 1, not {self.habit_weight + self.delay_weight}"
            )


class CurveFigures(NamedTuple):
    """G1 [MW], G2 [MW] and G3 [MW^2] of load curves, each of shape (n,)."""

    g1_mw: np.ndarray
    g2_mw: np.ndarray
    g3_mw2: np.ndarray


def curve_figures(load_mw: np.ndarray) -> CurveFigures:
    """Return peak, peak-valley difference and mean square deviation of load curves.

    ``G1 = max L``, ``G2 = max L - min L``, ``G3 = mean (L - mean L)^2`` (eqs. 11-13 of the 2022 paper, reconstructed).
    The paper prints 91,213.7 for its difference: that is 24 x 3,800.57, a sum over the hours.

    Parameters
    ----------
    load_mw : (n, T) array
        Load curves [MW].

    Examples
    --------
    >>> [float(g[0]) for g in curve_figures(np.array([[2.0, 4.0, 6.0]]))]
    [6.0, 4.0, 2.6666666666666665]
    """
    peak = load_mw.max(axis=1)
    deviation = load_mw - load_mw.mean(axis=1, keepdims=True)
    return CurveFigures(peak, peak - load_mw.min(axis=1), (deviation * deviation).mean(axis=1))


def over_days(figures: Sequence[CurveFigures]) -> CurveFigures:
    """Return the figures of n tariffs over several days: the highest peak, mean difference and mean deviation."""
    if len(figures) == 1:
        return figures[0]
    peaks, differences, deviations = (np.stack(column) for column in zip(*figures, strict=True))
    return CurveFigures(peaks.max(axis=0), differences.mean(axis=0), deviations.mean(axis=0))


def generation_cost(
    load_mw: np.ndarray, grid: Grid, dt_h: float, price_per_mwh: np.ndarray | None = None
) -> np.ndarray:
    """Return the day's cost of generation, shape (n,) [currency/day].

    ``Gen(L) = sum (a L + b L^2 / 2) dt`` (eq. 14 of the 2022 paper, reconstructed). Since
    ``sum L^2 = T (G3 + mean(L)^2)``, the quadratic part falls with the mean square deviation G3.

    Parameters
    ----------
    load_mw : (n, T) array
        Load curves [MW].
    grid : Grid
        The marginal cost ``a + b L``.
    dt_h : float
        Length of a step [h].
    price_per_mwh : (T,) array, optional
        Market prices in place of the marginal cost [currency per MWh].

    Examples
    --------
    >>> grid = Grid(
    ...     conversion_efficiency=1.0,
    ...     marginal_cost_load_mw=(0.0, 10.0),
    ...     marginal_cost_per_mwh=(20.0, 40.0),
    ...     peak_cost_per_mw_day=0.0,
    ... )
    >>> generation_cost(np.full((1, 24), 10.0), grid, dt_h=1.0)  # 24 h of 10 MW at 30 per MWh
    array([7200.])
    """
    intercept, slope = grid.marginal_cost if price_per_mwh is None else (price_per_mwh, 0.0)
    return ((intercept + 0.5 * slope * load_mw) * load_mw).sum(axis=1) * dt_h


def habit_kept(before_mw: np.ndarray, after_mw: np.ndarray) -> np.ndarray:
    """Return the share of charging that keeps its steps, shape (n,).

    ``1 - 0.5 sum |e' - e| / sum e`` (eq. 15 of the 2022 paper, reconstructed).

    Parameters
    ----------
    before_mw : (T,) array
        Charging before, e [MW].
    after_mw : (n, T) array
        Charging after, e', of the same daily energy [MW].

    Examples
    --------
    >>> habit_kept(np.array([4.0, 0.0]), np.array([[3.0, 1.0]]))
    array([0.75])
    """
    return 1.0 - 0.5 * np.abs(after_mw - before_mw).sum(axis=1) / before_mw.sum()


def delay_hours(profile_mw: np.ndarray, period: np.ndarray, n_periods: int = 3) -> np.ndarray:
    """Return the delay of energy shifted from each period to each step, shape (P, T) [h].

    The time from a step of the period to step t, forward on a day that repeats and from middle to middle, averaged over
    the period's uncontrolled charging; it enters satisfaction by eq. 16 of the 2022 paper, reconstructed.

    Parameters
    ----------
    profile_mw : (T,) array
        Uncontrolled charging e_t [MW].
    period : (T,) array
        Period of each step.
    n_periods : int
        Number P of periods.
    """
    n_steps = len(period)
    step = np.arange(n_steps)
    forward = (step[None, :] - step[:, None]) % n_steps * (24.0 / n_steps)
    delay = np.zeros((n_periods, n_steps))
    for a in range(len(delay)):
        weight = np.where(period == a, profile_mw, 0.0)
        if weight.sum() > 0:
            delay[a] = (weight[:, None] * forward).sum(axis=0) / weight.sum()
    return delay
