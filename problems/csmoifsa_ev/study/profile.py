"""Profile-likelihood bands of a fitted response: what observations determine about l, h, phi_max and K of eq. (1).

For given l and h the ramp is linear in its slope K, so the sum of squares is a parabola in K. A grid over l and h,
refined to the accepted region, therefore gives the whole region in closed form. Its extent along each parameter is
the profile-likelihood interval (Pawitan 2001, In All Likelihood, section 3.4), with the F distribution in place of
chi-square since the variance is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from csmoifsa_ev.model.ramp import Ramp, ramp_share

LEVEL = 0.90
"""Confidence level of the bands."""

NOISE_SHAPES = (0.05, 0.2, 0.7, np.inf)
"""Standard deviation of a share at a response of 0, over that at phi_max less that at 0; infinite: equal noise."""

ROUNDING = 0.003
"""Smallest standard deviation of a share: that of rounding to whole percentage points, 0.01 / sqrt(12)."""

FARTHEST = 10.0
"""Physical limit of h where the slope may be zero, in units of the largest observed incentive; judgement."""

_GRID, _REFINEMENTS = 48, 4


@dataclass(frozen=True)
class Bands:
    """Bands of the parameters of a response.

    Attributes
    ----------
    limits : dict
        Lower and upper limit by ``dead_zone, saturation, max_share, slope``.
    not_determined : tuple of str
        Names of parameters that the observations leave open; their bands end at a physical limit.
    """

    limits: dict[str, tuple[float, float]]
    not_determined: tuple[str, ...]


@dataclass(frozen=True)
class _Sums:
    """Weighted sums over observations up to an incentive, from which sums of squares of a ramp follow."""

    x: np.ndarray
    parts: np.ndarray
    square: float

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> _Sums:
        order = np.argsort(x, kind="stable")
        x, y, w = x[order], y[order], w[order]
        each = np.stack([w, w * x, w * x * x, w * y, w * x * y])
        parts = np.concatenate([np.zeros((5, 1)), np.cumsum(each, axis=1)], axis=1)
        return cls(x, parts, float((w * y * y).sum()))

    def products(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sums of w g g and w g y of ``g = min(x, h) - l`` from 0 up, for all l and h, each (len l, len h)."""
        w_l, x_l, xx_l, y_l, xy_l = self.parts[:, np.searchsorted(self.x, low, side="right")][:, :, None]
        w_h, x_h, xx_h, y_h, xy_h = self.parts[:, np.searchsorted(self.x, high, side="right")][:, None, :]
        l, rise = low[:, None], high[None] - low[:, None]  # noqa: E741  (the paper's name)
        w_all, y_all = self.parts[0, -1], self.parts[3, -1]
        gg = (xx_h - xx_l) - 2 * l * (x_h - x_l) + l * l * (w_h - w_l) + rise**2 * (w_all - w_h)
        gy = (xy_h - xy_l) - l * (y_h - y_l) + rise * (y_all - y_h)
        return np.maximum(gg, 0.0), gy


@dataclass(frozen=True)
class Noise:
    """Noise of observations about a fitted response.

    Attributes
    ----------
    share : (n,) array
        Observed shares; a share of 0 stands for a mean below 0, since noise that would make it negative was cut off.
    weights : (n,) array
        1/s^2 up to a factor, largest 1.
    variance : float
        Variance of an observation of weight 1.
    dof : int
        Degrees of freedom of the variance.
    deviance : float
        -2 log likelihood, up to a constant.
    """

    share: np.ndarray
    weights: np.ndarray
    variance: float
    dof: int
    deviance: float


def estimate_noise(share: np.ndarray, fitted: np.ndarray, growth: float) -> Noise:
    """Return the noise of observed shares (n,) about fitted ones (n,).

    The standard deviation is ``s ~ c + phi / phi_max`` at a fitted response phi, c = ``growth``: equal for all
    observations where c is infinite, else growing with the response. An observation of 0 is censored: it is replaced by
    its mean ``phi - s pdf(phi/s) / cdf(-phi/s)`` given that it is not above 0 (the E step for a Tobit model, Amemiya
    1984, doi 10.1016/0304-4076(84)90074-5), and tells nothing of the variance.
    """
    part, seen = fitted / max(float(fitted.max()), 1e-12), share > 0
    shape = np.ones(len(part)) if np.isinf(growth) else (growth + part) / (growth + 1.0)
    dof = max(int(seen.sum()) - 3, 1)
    square = ((share - fitted)[seen] / shape[seen]) ** 2
    variance = max(float(square.sum()) / dof, ROUNDING**2)
    deviance = float(seen.sum() * np.log(variance) + 2 * np.log(shape[seen]).sum() + square.sum() / variance)
    at = fitted / (np.sqrt(variance) * shape)
    below = fitted - np.sqrt(variance) * shape * stats.norm.pdf(at) / np.maximum(stats.norm.cdf(-at), 1e-12)
    return Noise(np.where(seen, share, below), shape**-2.0 * float(shape.min()) ** 2, variance, dof, deviance)


@dataclass(frozen=True)
class _Region:
    """Accepted responses: a grid over l and h, which of its cells are accepted, and the slopes accepted there."""

    low: np.ndarray
    high: np.ndarray
    kept: np.ndarray
    shallow: np.ndarray
    steep: np.ndarray
    limit: float


def _region(sums: _Sums, here: float, excess: float) -> _Region:
    """Return the responses whose sum of squares exceeds the least by ``excess`` at most.

    The grid over l and h is refined to the accepted cells and two more on each side; ``here`` is the sum of squares of
    a known fit.
    """
    most = float(sums.x[-1])
    l_range, h_range, best = (0.0, most), (0.0, most), here
    low = high = kept = middle = gg = top = np.zeros(0)
    limit = 0.0
    for step in range(_REFINEMENTS + 1):
        low, high = np.linspace(*l_range, _GRID), np.linspace(*h_range, _GRID)
        rise = high[None] - low[:, None]
        gg, gy = sums.products(low, high)
        allowed = (rise > 1e-4 * most) & (gg > 1e-12 * most**2)
        gg, top = np.where(allowed, gg, 1.0), np.where(allowed, 1.0 / np.where(allowed, rise, 1.0), 0.0)
        middle = gy / gg
        slope = np.clip(middle, 0.0, top)
        square = np.where(allowed, sums.square - 2 * slope * gy + slope**2 * gg, np.inf)
        least = float(square.min())
        best = min(best, least)
        limit = (best if step == _REFINEMENTS and least <= best + excess else least) + excess
        kept = square <= limit
        if step < _REFINEMENTS:
            l_range, h_range = _around(low, np.any(kept, axis=1), most), _around(high, np.any(kept, axis=0), most)
    half = np.sqrt(np.maximum(limit - (sums.square - middle * gy), 0.0) / gg)
    return _Region(low, high, kept, np.clip(middle - half, 0.0, top), np.clip(middle + half, 0.0, top), limit)


def _around(grid: np.ndarray, kept: np.ndarray, most: float) -> tuple[float, float]:
    """Return the range of the kept points of a grid, two steps wider on each side, within 0 and ``most``."""
    at, step = np.flatnonzero(kept), grid[1] - grid[0]
    return max(float(grid[at[0]] - 2 * step), 0.0), min(float(grid[at[-1]] + 2 * step), most)


def profile_bands(incentive: np.ndarray, noise: Noise, ramp: Ramp) -> Bands:
    """Return the bands of `LEVEL` of l, h, phi_max and K = phi_max / (h - l).

    Accepted is every response with ``0 <= l < h`` and ``phi_max <= 1`` whose weighted sum of squares S is at most
    ``S_min + 2 F s^2``, with F the quantile of the F distribution with 2 and dof degrees of freedom. Two, and not one,
    since S has kinks where l or h pass an observation, so that the theory for smooth likelihoods gives bands that are
    too narrow; the coverage is measured (`coverage`). Responses that saturate beyond all observations fit equally well
    whatever their phi_max, so where one of them is accepted, phi_max and h extend to the physical limit phi_max = 1.

    Parameters
    ----------
    incentive : (n,) array
        Observed incentives [price unit per kWh].
    noise : Noise
        Shares, weights and variance of the observations.
    ramp : Ramp
        Fitted response, which the bands always contain.
    """
    sums, most = _Sums.of(incentive, noise.share, noise.weights), float(incentive.max())
    fitted = ramp_share(incentive, ramp.dead_zone, ramp.saturation, ramp.max_share)
    excess = 2.0 * float(stats.f.ppf(LEVEL, 2, noise.dof)) * noise.variance * float(noise.weights.min())
    region = _region(sums, float((noise.weights * (noise.share - fitted) ** 2).sum()), excess)
    low, high = np.broadcast_arrays(region.low[:, None], region.high[None])
    rise, kept = high - low, region.kept
    limits = {}
    for name, value, less, more in (
        ("dead_zone", ramp.dead_zone, low, low),
        ("saturation", ramp.saturation, high, high),
        ("max_share", ramp.max_share, region.shallow * rise, region.steep * rise),
        ("slope", ramp.slope, region.shallow, region.steep),
    ):
        limits[name] = (min(value, float(less[kept].min())), max(value, float(more[kept].max())))
    open_ = []
    if sums.square <= region.limit:  # no response at all is accepted, too
        limits |= {
            "dead_zone": (0.0, most),
            "max_share": (0.0, limits["max_share"][1]),
            "slope": (0.0, limits["slope"][1]),
        }
    if limits["dead_zone"][0] <= 0 and limits["dead_zone"][1] >= float(incentive[incentive > 0].min(initial=most)):
        open_.append("dead_zone")
    beyond = kept[:, -1] & (region.high[-1] >= most)  # dead zones accepted with saturation beyond all observations
    if limits["slope"][0] <= 0 or beyond.any():
        slowest = np.maximum(region.shallow[:, -1], 1.0 / (FARTHEST * most))
        farthest = float((region.low + 1.0 / slowest)[beyond].max(initial=0.0))
        farthest = FARTHEST * most if limits["slope"][0] <= 0 else min(farthest, FARTHEST * most)
        limits["max_share"] = limits["max_share"][0], 1.0
        limits["saturation"] = limits["saturation"][0], max(limits["saturation"][1], farthest)
        open_ += ["saturation", "max_share"]
    if limits["slope"][0] <= 0:
        open_.append("slope")
    return Bands(limits, tuple(open_))
