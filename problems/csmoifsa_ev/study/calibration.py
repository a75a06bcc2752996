"""Fit drivers' response to observations after price changes (eqs. 3-6 of the 2022 paper, reconstructed).

One observation is an incentive D (change of a price difference) and the share phi of charging that was shifted.
`fit_ramp` finds l, h, phi_max of eq. (1) by least squares, with bands by profile likelihood (`profile`); `local_fit`
assumes no shape and uses locally weighted least squares, with bootstrap bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
from scipy import stats

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.readers.faults import Faults
from csmoifsa_energy.readers.table import number, read_table
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.model.response import FLOWS
from csmoifsa_ev.study.profile import LEVEL, NOISE_SHAPES, Noise, estimate_noise, profile_bands

PAIRS = (*FLOWS, "v2g")
"""Responses that can be fitted: the three flows between periods, and discharging over its margin."""

LEAST = 5
"""Smallest number of observations of a pair: three parameters and two for the residual."""


@dataclass(frozen=True)
class Observations:
    """Observations of one pair.

    Attributes
    ----------
    incentive : (n,) array
        Incentive D [price unit per kWh].
    share : (n,) array
        Share phi of charging that was shifted, in [0, 1].
    """

    incentive: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.incentive)


@dataclass(frozen=True)
class Fit:
    """Fitted response of one pair.

    Attributes
    ----------
    pair : str
        One of `PAIRS`.
    ramp : Ramp
        Fitted l, h and phi_max.
    residual : float
        Root mean square of observed less fitted shares.
    bands : dict
        Lower and upper limit of the 90 % band of ``dead_zone, saturation, max_share, slope``, by profile likelihood.
    not_determined : tuple of str
        Names of parameters that the observations leave open.
    n : int
        Number of observations.
    warnings : list of str
        Sentences on parameters that the observations do not determine.
    """

    pair: str
    ramp: Ramp
    residual: float
    bands: dict[str, tuple[float, float]]
    not_determined: tuple[str, ...]
    n: int
    warnings: list[str]

    @property
    def slope(self) -> float:
        """K = phi_max / (h - l) of eq. (1) [share per price unit per kWh]."""
        return self.ramp.slope


def read_observations(path: Path) -> dict[str, Observations]:
    """Read observations from a CSV: ``pair,incentive,share``, one a row.

    Raises
    ------
    InputError
        A cell is wrong; the message names all such places.
    """
    table = read_table(path, "file of observations")
    faults = Faults(path)
    pair_at, incentive_at, share_at = (table.at(name) for name in ("pair", "incentive", "share"))
    seen: dict[str, list[tuple[float, float]]] = {}
    for line, row in zip(table.lines, table.rows, strict=True):
        pair, incentive, share = row[pair_at].strip(), number(row[incentive_at]), number(row[share_at])
        if pair not in PAIRS:
            faults.add(
                f"{pair!r} is not one of {', '.join(PAIRS)}." + did_you_mean(pair, list(PAIRS)),
                line=line,
                column="pair",
            )
        if incentive is None:
            faults.add(f"{row[incentive_at]!r} is not a number", line=line, column="incentive")
        if share is None or not 0 <= share <= 1:
            faults.add(f"{row[share_at]!r} is not a share from 0 to 1", line=line, column="share")
        if pair in PAIRS and incentive is not None and share is not None:
            seen.setdefault(pair, []).append((incentive, share))
    if not seen and not faults.count:
        faults.add("holds no observations")
    faults.stop()
    return {pair: Observations(*np.array(rows).T) for pair, rows in seen.items()}


def fit_obstacles(seen: Observations) -> list[str]:
    """Return why no response can be fitted to these observations; empty if one can."""
    if len(seen) < LEAST:
        return [f"{len(seen)} observation(s) cannot determine three parameters; bring at least {LEAST}"]
    if len(np.unique(seen.incentive)) < 3:
        return ["all observations are at one or two incentives; bring some at others, small and large"]
    if np.ptp(seen.share) <= 1e-12:
        return ["the share never changes; bring observations in which drivers respond differently"]
    low, high = np.quantile(seen.incentive, [1 / 3, 2 / 3])
    less, more = (seen.share[part].mean() for part in (seen.incentive <= low, seen.incentive >= high))
    if more <= less:
        return [
            f"contradictory: drivers moved less at large incentives ({more:.0%}) than at small ones ({less:.0%}); "
            "check the sign of the incentive and the order of the columns"
        ]
    return []


def fit_ramp(
    seen: Observations, *, prior: Ramp | None = None, weight: float = 0.0, weights: np.ndarray | None = None
) -> tuple[Ramp, float]:
    """Return the ramp of least squares and its root mean square residual (eqs. 3-5 of the 2022 paper, reconstructed).

    For fixed l and h the best phi_max is a ratio of sums; l and h are searched on a grid that is refined twice, since
    the sum of squares of a piecewise linear curve has many local optima.

    Parameters
    ----------
    seen : Observations
        Observations of one pair.
    prior, weight : Ramp and float
        A prior estimate, which counts as ``weight`` observations on its curve; none by default.
    weights : (n,) array, optional
        Weights of the observations, 1 by default.

    Examples
    --------
    >>> incentive = np.arange(0.0, 30.0, 2.0)
    >>> share = ramp_share(incentive, dead_zone=4.0, saturation=20.0, max_share=0.5)
    >>> ramp, residual = fit_ramp(Observations(incentive, share))
    >>> round(ramp.dead_zone, 1), round(ramp.saturation, 1), round(ramp.max_share, 2), round(residual, 2)
    (4.0, 20.0, 0.5, 0.0)
    """
    x, y = seen.incentive, seen.share
    w = np.ones(len(x)) if weights is None else weights
    if prior is not None and weight > 0:
        at = np.linspace(0.0, 1.3 * prior.saturation, 14)
        x = np.concatenate([x, at])
        y = np.concatenate([y, ramp_share(at, prior.dead_zone, prior.saturation, prior.max_share)])
        w = np.concatenate([w, np.full(len(at), weight / len(at))])
    top = max(float(x.max()) * 1.5, 1.0)
    low = np.linspace(0.0, max(float(np.max(x)), 0.5) * 0.95, 40)
    high = np.linspace(top / 60, top, 60)
    best = (0.0, top, 0.0)
    for _ in range(3):
        best = _best_on_grid(x, y, w, low, high)
        step = (low[1] - low[0], high[1] - high[0])
        low = np.linspace(max(best[0] - step[0], 0.0), best[0] + step[0], 21)
        high = np.linspace(max(best[1] - step[1], 1e-3), best[1] + step[1], 21)
    ramp = Ramp(dead_zone=best[0], saturation=best[1], max_share=best[2])
    left = seen.share - ramp_share(seen.incentive, *best)
    return ramp, float(np.sqrt((left * left).mean())) if len(left) else 0.0


def _best_on_grid(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[float, float, float]:
    """Return (l, h, phi_max) of least weighted squares over a grid of l and h."""
    least, most = (one.ravel() for one in np.meshgrid(low, high, indexing="ij"))
    kept = most > least + 1e-3
    least, most = least[kept], most[kept]
    shape = np.clip((x[None] - least[:, None]) / (most - least)[:, None], 0.0, 1.0)
    square = (w * shape * shape).sum(axis=1)
    share = np.clip((w * shape * y).sum(axis=1) / np.maximum(square, 1e-12), 0.0, 1.0)
    left = y - share[:, None] * shape
    error = (w * left * left).sum(axis=1)
    # among equal errors take the smallest saturation: no observation supports a larger one
    k = int(np.lexsort((most, np.round(error, 12)))[0])
    return float(least[k]), float(most[k]), float(share[k])


def fit_with_bands(pair: str, seen: Observations) -> Fit:
    """Return the fit of one pair with profile-likelihood bands and warnings.

    The noise may be equal for all observations or grow with the response (`profile.NOISE_SHAPES`). Each shape has its
    own weighted fit; the likeliest one gives the response, and all that are not rejected against it give the bands.

    Raises
    ------
    InputError
        Too few or contradictory observations.
    """
    reasons = fit_obstacles(seen)
    if reasons:
        raise InputError(f"{pair}: {reasons[0]}")
    first, _ = fit_ramp(seen)
    fits = [_fit_with_noise(seen, first, growth) for growth in NOISE_SHAPES]
    least = min(noise.deviance for _, noise in fits)
    kept = [(ramp, noise) for ramp, noise in fits if noise.deviance <= least + float(stats.chi2.ppf(LEVEL, 1))]
    ramp = min(kept, key=lambda one: one[1].deviance)[0]
    found = [profile_bands(seen.incentive, noise, one) for one, noise in kept]
    bands = {
        name: (min(one.limits[name][0] for one in found), max(one.limits[name][1] for one in found))
        for name in found[0].limits
    }
    open_ = tuple(name for name in bands if any(name in one.not_determined for one in found))
    left = seen.share - ramp_share(seen.incentive, ramp.dead_zone, ramp.saturation, ramp.max_share)
    warnings = []
    if "max_share" in open_:
        warnings.append("no observation lies beyond saturation: h and phi_max are not determined, only the slope is")
    if not (seen.incentive <= ramp.dead_zone + 1e-9).any():
        warnings.append("no observation lies in the dead zone: l rests on the slope alone")
    return Fit(pair, ramp, float(np.sqrt((left * left).mean())), bands, open_, len(seen), warnings)


def _fit_with_noise(seen: Observations, ramp: Ramp, growth: float) -> tuple[Ramp, Noise]:
    """Return the weighted fit under one shape of the noise, and that noise; ``ramp`` is a first fit."""
    for _ in range(2):
        noise = estimate_noise(
            seen.share, ramp_share(seen.incentive, ramp.dead_zone, ramp.saturation, ramp.max_share), growth
        )
        ramp, _ = fit_ramp(Observations(seen.incentive, noise.share), weights=noise.weights)
    fitted = ramp_share(seen.incentive, ramp.dead_zone, ramp.saturation, ramp.max_share)
    return ramp, estimate_noise(seen.share, fitted, growth)


def local_fit(seen: Observations, at: np.ndarray, tau: float) -> np.ndarray:
    """Return the response by locally weighted least squares, shape (k,).

    At each D a straight line is fitted with weights ``w_k = exp(-(D_k - D)^2 / (2 tau^2))`` (eq. 6 of the 2022 paper,
    reconstructed).

    Parameters
    ----------
    seen : Observations
        Observations of one pair.
    at : (k,) array
        Incentives at which the response is returned [price unit per kWh].
    tau : float
        Width of the window [price unit per kWh].
    """
    distance = seen.incentive[None] - at[:, None]
    w = np.exp(-0.5 * (distance / tau) ** 2) + 1e-12
    total = w.sum(axis=1)
    mean_x = (w * distance).sum(axis=1) / total
    mean_y = (w * seen.share).sum(axis=1) / total
    spread = (w * (distance - mean_x[:, None]) ** 2).sum(axis=1)
    slope = (w * (distance - mean_x[:, None]) * (seen.share - mean_y[:, None])).sum(axis=1)
    slope = np.where(spread > 1e-6 * total * tau**2, slope / np.maximum(spread, 1e-12), 0.0)
    return np.clip(mean_y - slope * mean_x, 0.0, 1.0)


class LocalFit(TypedDict):
    """A response by locally weighted least squares.

    Attributes
    ----------
    incentive : (k,) array
        Incentives [price unit per kWh].
    local, low, high : (k,) arrays
        Share that moves at each, and its 5 and 95 % quantiles over bootstrap samples.
    tau : float
        Width of the window [price unit per kWh].
    """

    incentive: np.ndarray
    local: np.ndarray
    low: np.ndarray
    high: np.ndarray
    tau: float


class SourceRow(TypedDict):
    """Enrolment that one source of published shares shows, each None where it shows none.

    Attributes
    ----------
    source : str
        Name of the source.
    incentive : float
        Mean of its incentives [price unit per kWh].
    enrolment_published, enrolment_implied, enrolment_of_curve : float, optional
        Share of owners enrolled: as published, as rows of all owners imply, and as the fitted curve says.
    """

    source: str
    incentive: float
    enrolment_published: float | None
    enrolment_implied: float | None
    enrolment_of_curve: float | None


class Calibration(TypedDict):
    """Fits of all pairs of a file of observations.

    Attributes
    ----------
    observed, fits : dict
        Observations and fitted ramp by pair.
    curves : dict, optional
        Local fit by pair; published shares have none.
    sources : list of SourceRow, optional
        Enrolment by source; only of published shares.
    skipped : dict
        Why a pair has no fit, by pair.
    toml : str
        Lines for a scenario file.
    """

    observed: dict[str, Observations]
    fits: dict[str, Fit]
    curves: NotRequired[dict[str, LocalFit]]
    sources: NotRequired[list[SourceRow]]
    skipped: dict[str, str]
    toml: str


def calibrate(path: Path, *, tau: float | None = None, samples: int = 200, seed: int = 0) -> Calibration:
    """Fit every pair of a file of observations; a pair that cannot be fitted does not stop the others.

    Parameters
    ----------
    path : Path
        File of observations, see `read_observations`.
    tau : float, optional
        Width of the window of the local fit [price unit per kWh]; by default a sixth of the range of incentives.
    samples, seed : int
        Number of bootstrap samples, and random seed.

    Raises
    ------
    InputError
        A cell is wrong, or no pair can be fitted; the message names all such places.
    """
    fits: dict[str, Fit] = {}
    curves: dict[str, LocalFit] = {}
    observed = read_observations(path)
    skipped = {pair: reasons[0] for pair, seen in observed.items() if (reasons := fit_obstacles(seen))}
    if len(skipped) == len(observed):
        faults = Faults(path)
        for pair, reason in skipped.items():
            faults.add(f"{pair}: {reason}")
        faults.stop()
    observed = {pair: seen for pair, seen in observed.items() if pair not in skipped}
    for pair, seen in observed.items():
        fits[pair] = fit_with_bands(pair, seen)
        width = tau or max(float(np.ptp(seen.incentive)) / 6.0, 1e-6)
        at = np.linspace(min(0.0, float(seen.incentive.min())), float(seen.incentive.max()) * 1.1, 60)
        random = np.random.default_rng([seed, 7, PAIRS.index(pair)])
        drawn = []
        for _ in range(samples):
            rows = random.integers(len(seen), size=len(seen))
            drawn.append(local_fit(Observations(seen.incentive[rows], seen.share[rows]), at, width))
        curves[pair] = {
            "incentive": at,
            "local": local_fit(seen, at, width),
            "low": np.quantile(drawn, 0.05, axis=0),
            "high": np.quantile(drawn, 0.95, axis=0),
            "tau": width,
        }
    lines = scenario_lines(list(fits.values())) + "".join(
        f"# {pair}: not fitted: {reason}\n" for pair, reason in skipped.items()
    )
    return {"observed": observed, "fits": fits, "curves": curves, "skipped": skipped, "toml": lines}


def scenario_lines(fits: list[Fit]) -> str:
    """Return the fits as tables for a scenario file, with their ranges and the names of what is not determined."""
    return "\n".join(
        ramp_lines(
            "v2g.response" if fit.pair == "v2g" else f"response.{fit.pair}",
            fit.ramp,
            fit.bands,
            fit.not_determined,
            f"fitted to {fit.n} observations",
        )
        for fit in fits
    )


def ramp_lines(
    table: str, ramp: Ramp, bands: dict[str, tuple[float, float]], not_determined: tuple[str, ...], origin: str
) -> str:
    """Return a response as a table of a scenario file, one line a parameter, with its ranges.

    Parameters
    ----------
    table : str
        Name of the table, such as ``"response.peak_valley"``.
    ramp : Ramp
        The response.
    bands : dict
        Lower and upper limits of ``dead_zone, saturation, max_share, slope``.
    not_determined : tuple of str
        Names of parameters that are left open.
    origin : str
        Where the response comes from, for a comment.
    """
    lines = [f"[{table}]  # {origin}"]
    for name in ("dead_zone", "saturation", "max_share"):
        low, high = bands[name]
        remark = ": not determined" if name in not_determined else ""
        lines.append(f"{name} = {getattr(ramp, name):.10g}  # 90 % band {low:.4g} to {high:.4g}{remark}")
    if not_determined:
        lines.append(f"not_determined = {list(not_determined)}".replace("'", '"'))
    lines.append(f"[{table}.ranges]  # tornado and draws take these")
    for name in ("dead_zone", "slope", "max_share"):
        low, high = bands[name]
        here = getattr(ramp, name)
        lines.append(f"{name} = [{min(low, here):.10g}, {max(high, here):.10g}]")
    return "\n".join(lines) + "\n"
