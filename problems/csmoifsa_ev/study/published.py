"""Fit response and enrolment to what utilities publish: shares of charging in the cheap window before and after.

A row is one source and offer. The share that moved is ``(after - before) / (1 - before)``, the part of the charging
outside the cheap window that went into it. Among enrolled drivers it is the ramp of eq. (1) over the incentive; among
all owners it is that times the share who enrol, which differs from source to source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from csmoifsa_energy.readers.faults import Faults
from csmoifsa_energy.readers.table import number, read_table
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.study.calibration import Calibration, Fit, Observations, SourceRow, ramp_lines
from csmoifsa_ev.study.profile import FARTHEST, LEVEL

COLUMNS = (
    *("source", "drivers", "dear_before", "cheap_before", "dear", "cheap"),
    *("share_before", "share_after", "error", "enrolment", "enrolment_error"),
)
"""Columns of a file of published shares; the last two may be blank."""

DRIVERS = ("enrolled", "all")
"""Whose shares a row holds: those of enrolled drivers, or of all owners."""

SOURCE_EFFECT, ENOUGH_SOURCES = 0.7, 5
"""Relative standard deviation of enrolment between sources where fewer than five show it; judgement: free enrolment
goes with 1.7 times and marketing with 3 times as many (SEPA and Brattle, seen), logarithms .5 and 1.1."""

_REFINEMENTS, _SIZES = 3, (31, 61, 41)


@dataclass(frozen=True)
class Published:
    """Published shares, one row a source and offer.

    Attributes
    ----------
    source : tuple of str
        Name of the source of each row.
    incentive : (n,) array
        Change of the price difference between dear and cheap hours [price unit per kWh].
    moved, error : (n,) arrays
        Share of the charging outside the cheap window that moved into it, and its standard error.
    everybody : (n,) array of bool
        Whether the share is of all owners rather than of enrolled drivers.
    enrolment, enrolment_error : (n,) arrays
        Share of owners who enrolled and its standard error; nan where it is not published.
    """

    source: tuple[str, ...]
    incentive: np.ndarray
    moved: np.ndarray
    error: np.ndarray
    everybody: np.ndarray
    enrolment: np.ndarray
    enrolment_error: np.ndarray


def is_published(path: Path) -> bool:
    """Return whether a file of observations has a column ``source``, and so holds published shares."""
    return "source" in read_table(path, "file of observations").columns


def read_published(path: Path) -> Published:
    """Read published shares from a CSV with the columns `COLUMNS`.

    Raises
    ------
    InputError
        A column is missing or a cell is wrong; the message names all such cells.
    """
    table = read_table(path, "file of published shares")
    faults = Faults(path)
    cells = {name: table.texts(name) for name in COLUMNS}
    values: dict[str, list[float]] = {}
    for name in COLUMNS[2:]:
        values[name] = []
        blank = name.startswith("enrolment")
        for line, text in zip(table.lines, cells[name], strict=True):
            value = np.nan if blank and not text.strip() else number(text)
            if value is None:
                faults.add(f"{text!r} is not a number", line=line, column=name)
            elif name in ("share_before", "share_after", "enrolment") and not (np.isnan(value) or 0 <= value <= 1):
                faults.add(f"{text!r} is not a share from 0 to 1", line=line, column=name)
            elif name.endswith("error") and not (np.isnan(value) or value > 0):
                faults.add(f"{text!r} is not a standard error above 0", line=line, column=name)
            values[name].append(np.nan if value is None else value)
    for line, text in zip(table.lines, cells["drivers"], strict=True):
        if text.strip() not in DRIVERS:
            faults.add(f"{text!r} must be enrolled or all", line=line, column="drivers")
    faults.stop()
    columns = {name: np.array(one) for name, one in values.items()}
    incentive = columns["dear"] - columns["cheap"] - (columns["dear_before"] - columns["cheap_before"])
    _check_rows(table.lines, columns, incentive, faults)
    outside = 1.0 - columns["share_before"]
    return Published(
        tuple(text.strip() for text in cells["source"]),
        incentive,
        (columns["share_after"] - columns["share_before"]) / outside,
        columns["error"] / outside,
        np.array([text.strip() == "all" for text in cells["drivers"]]),
        columns["enrolment"],
        columns["enrolment_error"],
    )


def _check_rows(lines: list[int], columns: dict[str, np.ndarray], incentive: np.ndarray, faults: Faults) -> None:
    """Raise InputError where the cells of a row contradict each other, or no row has an incentive above 0."""
    for k, line in enumerate(lines):
        if columns["share_before"][k] >= 1:
            faults.add("nothing is left to move: the share before is 1", line=line, column="share_before")
        if np.isnan(columns["enrolment"][k]) != np.isnan(columns["enrolment_error"][k]):
            faults.add("enrolment and enrolment_error must both be there or both be blank", line=line)
    if not (incentive > 0).any():
        faults.add("no row has an incentive above 0: in none did the difference dear - cheap grow")
    faults.stop()


def _left(y: np.ndarray, error: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the sum over rows (last axis) of squared deviations in standard errors."""
    return np.asarray((((y - share) / error) ** 2).sum(axis=-1))


def deviance(seen: Published, share: np.ndarray) -> np.ndarray:
    """Return the deviance of shares of enrolled drivers that move, shape (k,).

    Rows of all owners have the share times the enrolment of their source. That is a free number in [0, 1] for each
    source, kept near what the source publishes of it, and takes its best value.

    Parameters
    ----------
    seen : Published
        The rows.
    share : (k, n) array
        Shares of enrolled drivers that move at the incentive of each row, one response a row.
    """
    enrolled = ~seen.everybody
    total = _left(seen.moved[enrolled], seen.error[enrolled], share[:, enrolled])
    for source in dict.fromkeys(name for name, all_ in zip(seen.source, seen.everybody, strict=True) if all_):
        rows = np.array([name == source for name in seen.source]) & seen.everybody
        best = source_enrolment(seen, rows, share)
        total = total + _left(seen.moved[rows], seen.error[rows], best[:, None] * share[:, rows])
        known = rows & ~np.isnan(seen.enrolment)
        total = total + _left(seen.enrolment[known], seen.enrolment_error[known], best[:, None])
    return total


def source_enrolment(seen: Published, rows: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the likeliest enrolment of one source, shape (k,), from its rows (n,) of bool; see `deviance`."""
    weight = seen.error[rows] ** -2.0
    part = share[:, rows]
    above, below = (weight * part * seen.moved[rows]).sum(axis=1), (weight * part * part).sum(axis=1)
    known = rows & ~np.isnan(seen.enrolment)
    weight = seen.enrolment_error[known] ** -2.0
    above, below = above + (weight * seen.enrolment[known]).sum(), below + weight.sum()
    return np.clip(above / np.maximum(below, 1e-300), 0.0, 1.0)


def fit_published(name: str, seen: Published) -> Fit:
    """Return a ramp with 90 % bands fitted to published shares by profile likelihood on a grid over l, h and phi_max.

    Sampling errors are as published. Where the rows scatter more than these explain, the deviance is divided by the
    excess (Birge 1932, doi 10.1103/PhysRev.40.207), which so holds the spread between sources.

    Parameters
    ----------
    name : str
        Name of what is fitted.
    seen : Published
        The rows.
    """
    most = float(seen.incentive.max())
    ranges = [(0.0, most), (1e-3 * most, FARTHEST * most), (0.0, 1.0)]
    best, point, kept, limit = np.inf, np.zeros(3), np.zeros((1, 3)), 0.0
    for step in range(_REFINEMENTS + 1):
        axes = [np.linspace(*one, size) for one, size in zip(ranges, _SIZES, strict=True)]
        if step == 0:  # saturation far beyond the incentives needs fewer points than within them
            axes[1] = np.concatenate([np.linspace(1e-3, 1.5, 45) * most, np.linspace(1.6, FARTHEST, 16) * most])
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        grid = grid[grid[:, 1] > grid[:, 0] + 1e-4 * most]
        grid = np.concatenate([grid, point[None]]) if step else grid
        slope = grid[:, 2] / (grid[:, 1] - grid[:, 0])
        share = np.clip(slope[:, None] * (seen.incentive - grid[:, :1]), 0.0, grid[:, 2:])
        values = deviance(seen, share)
        first = np.lexsort((grid[:, 1], np.round(values, 6)))[0]  # of equal ones the smallest saturation
        best, point = float(values[first]), grid[first]
        limit = best + _excess(best, seen)
        kept = grid[values <= limit]
        low, high = kept.min(axis=0), kept.max(axis=0)
        margin = (
            2 * np.array([axis[1] - axis[0] for axis in axes]) if step else np.array([0.1, 0.6, 0.05]) * [most, most, 1]
        )
        bounds = ((0.0, most), (1e-3 * most, FARTHEST * most), (0.0, 1.0))
        ranges = [(max(a - d, x), min(b + d, y)) for a, b, d, (x, y) in zip(low, high, margin, bounds, strict=True)]
    slopes = kept[:, 2] / (kept[:, 1] - kept[:, 0])
    limits = {
        key: (float(one.min()), float(one.max()))
        for key, one in zip(("dead_zone", "saturation", "max_share", "slope"), (*kept.T, slopes), strict=True)
    }
    ramp = Ramp(dead_zone=float(point[0]), saturation=float(point[1]), max_share=float(point[2]))
    positive = seen.incentive[seen.incentive > 0]
    open_ = {
        "dead_zone": limits["dead_zone"][0] <= 1e-3 * most and limits["dead_zone"][1] >= 0.5 * float(positive.min()),
        "saturation": limits["saturation"][1] > most,
        "max_share": limits["max_share"][1] >= 0.999,
        "slope": limits["slope"][0] <= 1e-3 * ramp.slope or limits["slope"][1] > 100 * ramp.slope,
    }
    enrolled = ~seen.everybody
    share = ramp_share(seen.incentive[enrolled], ramp.dead_zone, ramp.saturation, ramp.max_share)
    left = float(np.sqrt(((seen.moved[enrolled] - share) ** 2).mean())) if enrolled.any() else float("nan")
    told = [] if enrolled.any() else ["no row is of enrolled drivers: response and enrolment cannot be told apart"]
    return Fit(name, ramp, left, limits, tuple(key for key, one in open_.items() if one), len(seen.moved), told)


def _excess(best: float, seen: Published) -> float:
    """Return by how much the deviance of an accepted response may exceed the best."""
    sampling = float(stats.chi2.ppf(LEVEL, 2))
    everybody = [name for name, one in zip(seen.source, seen.everybody, strict=True) if one]
    published = int((seen.everybody & ~np.isnan(seen.enrolment)).sum())
    dof = len(seen.moved) + published - len(set(everybody)) - 3
    return sampling if dof < 1 else max(sampling, 2.0 * float(stats.f.ppf(LEVEL, 2, dof)) * best / dof)


def calibrate_published(path: Path) -> Calibration:
    """Fit response and enrolment to a file of published shares.

    Returns
    -------
    dict
        ``fits``, by name the fit of ``enrolled drivers`` and, where a source publishes it, of ``enrolment``;
        ``observed``, what each was fitted to; ``sources``, one dict a source with its enrolment; ``skipped``, by name
        why there is no fit; ``toml``, the lines for a scenario file.

    Raises
    ------
    InputError
        The file is wrong; the message names all such places.
    """
    seen = read_published(path)
    fits = {"enrolled drivers": fit_published("enrolled drivers", seen)}
    observed = {"enrolled drivers": Observations(seen.incentive[~seen.everybody], seen.moved[~seen.everybody])}
    ramp = fits["enrolled drivers"].ramp
    origin = f"fitted to {len(seen.source)} published rows"
    lines = [
        ramp_lines(
            f"response.{flow}", ramp, fits["enrolled drivers"].bands, fits["enrolled drivers"].not_determined, origin
        )
        for flow in ("peak_valley", "flat_valley")  # published shares count all that is outside the cheap window
    ]
    skipped = {}
    known = ~np.isnan(seen.enrolment) & (seen.incentive > 0)
    if known.any():
        fit = fits["enrolment"] = fit_published("enrolment", _enrolment_rows(seen, known))
        if len({name for name, one in zip(seen.source, known, strict=True) if one}) < ENOUGH_SOURCES:
            fit.warnings.append(
                f"fewer than {ENOUGH_SOURCES} sources: a source effect of {SOURCE_EFFECT:.0%} is assumed"
            )
        observed["enrolment"] = Observations(seen.incentive[known], seen.enrolment[known])
        origin = f"fitted to {int(known.sum())} published rows"
        lines.append(ramp_lines("response.enrolment.curve", fit.ramp, fit.bands, fit.not_determined, origin))
    else:
        skipped["enrolment"] = "no row publishes it; the response is that of enrolled drivers alone"
        lines.append(f"# enrolment: {skipped['enrolment']}\n")
    sources = _source_rows(seen, ramp, fits.get("enrolment"))
    return {"fits": fits, "observed": observed, "sources": sources, "skipped": skipped, "toml": "\n".join(lines)}


def _enrolment_rows(seen: Published, known: np.ndarray) -> Published:
    """Return the rows with a published enrolment, as if it were the share that moved, with a source effect if few."""
    names = tuple(name for name, one in zip(seen.source, known, strict=True) if one)
    effect = SOURCE_EFFECT if len(set(names)) < ENOUGH_SOURCES else 0.0
    share, none = seen.enrolment[known], np.full(len(names), np.nan)
    error = np.hypot(seen.enrolment_error[known], effect * share)
    return Published(names, seen.incentive[known], share, error, np.zeros(len(names), dtype=bool), none, none)


def _source_rows(seen: Published, ramp: Ramp, enrolment: Fit | None) -> list[SourceRow]:
    """Return each source with its enrolment: as published, as its rows of all owners imply, and as the curve says."""
    share = ramp_share(seen.incentive, ramp.dead_zone, ramp.saturation, ramp.max_share)[None]
    rows: list[SourceRow] = []
    for source in dict.fromkeys(seen.source):
        mine = np.array([name == source for name in seen.source])
        known, everybody = mine & ~np.isnan(seen.enrolment), mine & seen.everybody
        curve = None if enrolment is None else enrolment.ramp
        at = float(seen.incentive[mine].mean())
        rows.append(
            {
                "source": source,
                "incentive": at,
                "enrolment_published": float(seen.enrolment[known].mean()) if known.any() else None,
                "enrolment_implied": float(source_enrolment(seen, everybody, share)[0]) if everybody.any() else None,
                "enrolment_of_curve": None
                if curve is None
                else float(ramp_share(np.array([at]), curve.dead_zone, curve.saturation, curve.max_share)[0]),
            }
        )
    return rows
