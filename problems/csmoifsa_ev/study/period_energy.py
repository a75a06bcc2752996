"""Energy by period, load factor and emissions in force and under the offered tariff, with intervals over draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import TariffOutcome, evaluate
from csmoifsa_ev.study.sensitivity import draw_days

LOW, HIGH = 0.05, 0.95
"""Ends of the intervals over draws, as quantiles."""


@dataclass(frozen=True, kw_only=True)
class DayEffects:
    """Effects of n tariffs, means over all days.

    Attributes
    ----------
    charged_mwh : (n, P) array
        Charging for driving in each period [MWh/day].
    recharged_mwh, discharged_mwh : (n,) array
        Recharging of discharged energy, and discharging [MWh/day].
    load_factor, cars_load_factor : (n,) array
        Mean over highest load, of the total load and of the cars' charging.
    daily_peak_mw : (n,) array
        Highest load of a day, the mean over the days [MW].
    emitted_t : (n,) array, optional
        Emissions of the cars' load [t/day]; None without emission factors.
    """

    charged_mwh: np.ndarray
    recharged_mwh: np.ndarray
    discharged_mwh: np.ndarray
    load_factor: np.ndarray
    cars_load_factor: np.ndarray
    daily_peak_mw: np.ndarray
    emitted_t: np.ndarray | None


def outcomes_of(X: np.ndarray, day: PricingDay) -> list[TariffOutcome]:
    """Return the effects of tariffs (n, 2 P) on each of ``day.kinds``."""
    return [evaluate(X, kind) for kind in day.kinds]


def day_effects(
    day: PricingDay, outcomes: Sequence[TariffOutcome], emissions: Sequence[np.ndarray] | None
) -> DayEffects:
    """Return the effects of n tariffs.

    Parameters
    ----------
    day : PricingDay
        The study's days.
    outcomes : list of TariffOutcome
        From `outcomes_of`.
    emissions : list of (T,) arrays, optional
        Emissions of a MWh generated in each step of each kind of days [kg per MWh].
    """
    kinds = list(zip(day.shares, day.kinds, outcomes, strict=True))
    charged = np.sum(
        [
            share * np.stack([one.charging_mw[:, steps].sum(axis=1) for steps in kind.steps], axis=1) * kind.dt_h
            for share, kind, one in kinds
        ],
        axis=0,
    )
    cars = [one.charging_mw + one.recharging_mw for _, _, one in kinds]
    loads = [kind.days_mw + (one.load_mw - kind.base_mw)[:, None] for _, kind, one in kinds]  # (n, D, T)
    emitted = None
    if emissions is not None:
        mwh = [(own - one.discharging_mw) * kind.dt_h for own, (_, kind, one) in zip(cars, kinds, strict=True)]
        parts = [share * energy @ factor for share, energy, factor in zip(day.shares, mwh, emissions, strict=True)]
        emitted = np.sum(parts, axis=0) / day.grid.conversion_efficiency / 1000.0
    return DayEffects(
        charged_mwh=charged,
        recharged_mwh=np.sum([share * one.recharged_mwh for share, _, one in kinds], axis=0),
        discharged_mwh=np.sum([share * one.discharged_mwh for share, _, one in kinds], axis=0),
        load_factor=_load_factor(day.shares, loads),
        cars_load_factor=_load_factor(day.shares, [one[:, None] for one in cars]),
        daily_peak_mw=np.sum(
            [share * one.max(axis=2).mean(axis=1) for share, one in zip(day.shares, loads, strict=True)], axis=0
        ),
        emitted_t=emitted,
    )


def _load_factor(shares: Iterable[float], loads: list[np.ndarray]) -> np.ndarray:
    """Return mean over highest load of curves (n, D, T) on each kind of days, (n,)."""
    mean = np.sum([share * one.mean(axis=(1, 2)) for share, one in zip(shares, loads, strict=True)], axis=0)
    return mean / np.maximum(np.max([one.max(axis=(1, 2)) for one in loads], axis=0), 1e-300)


def drawn_effects(
    X: np.ndarray, day: PricingDay, emissions: Sequence[np.ndarray] | None, *, draws: int, seed: int = 0
) -> list[DayEffects]:
    """Return the effects of tariffs (n, 2 P) in each of the draws of all assumptions, see `sensitivity.draw_days`."""
    return [day_effects(one, outcomes_of(X, one), emissions) for one in draw_days(day, draws=draws, seed=seed)]


def energy_table(day: PricingDay, stated: DayEffects, drawn: Sequence[DayEffects]) -> pd.DataFrame:
    """Return energy by period before pricing, in force and offered, with 90 % intervals over draws.

    Parameters
    ----------
    day : PricingDay
        The study's days.
    stated : DayEffects
        Effects of the tariff in force and of the offered one at the stated assumptions.
    drawn : list of DayEffects
        The same in each draw.

    Returns
    -------
    DataFrame
        ``what`` (a period, ``"all periods"``, ``"recharging"`` or ``"discharging"``), ``unit`` (``"MWh/day"`` or
        ``"share"`` of the charging for driving), ``before`` pricing, and ``in_force``, ``offered`` and ``change``, each
        with ``_p5`` and ``_p95``.
    """
    charged = np.stack([one.charged_mwh for one in drawn])  # (draws, 2, P)
    shares = charged / np.maximum(charged.sum(axis=2, keepdims=True), 1e-300)
    own = stated.charged_mwh / np.maximum(stated.charged_mwh.sum(axis=1, keepdims=True), 1e-300)
    before = day.energy_mwh
    rows = [
        _row(name, "MWh/day", before[p], stated.charged_mwh[:, p], charged[:, :, p]) for p, name in enumerate(day.names)
    ]
    rows.append(_row("all periods", "MWh/day", before.sum(), stated.charged_mwh.sum(axis=1), charged.sum(axis=2)))
    for name, kind in (("recharging", "recharged_mwh"), ("discharging", "discharged_mwh")):
        if getattr(stated, kind).any():
            rows.append(
                _row(name, "MWh/day", 0.0, getattr(stated, kind), np.stack([getattr(one, kind) for one in drawn]))
            )
    rows += [
        _row(name, "share", before[p] / before.sum(), own[:, p], shares[:, :, p]) for p, name in enumerate(day.names)
    ]
    return pd.DataFrame(rows)


def _row(what: str, unit: str, before: float, stated: np.ndarray, drawn: np.ndarray) -> dict[str, object]:
    return {"what": what, "unit": unit, "before": float(before), **with_intervals(stated, drawn)}


def with_intervals(stated: np.ndarray, drawn: np.ndarray) -> dict[str, float]:
    """Return ``in_force``, ``offered`` and ``change`` of a figure, each with ``_p5`` and ``_p95`` over draws.

    Parameters
    ----------
    stated : (2,) array
        The figure with the tariff in force and with the offered one, at the stated assumptions.
    drawn : (draws, 2) array
        The same in each draw.
    """
    columns = {
        "in_force": (stated[0], drawn[:, 0]),
        "offered": (stated[1], drawn[:, 1]),
        "change": (stated[1] - stated[0], drawn[:, 1] - drawn[:, 0]),
    }
    found: dict[str, float] = {}
    for name, (value, values) in columns.items():
        low, high = np.quantile(values, [LOW, HIGH])
        found |= {name: float(value), f"{name}_p5": float(low), f"{name}_p95": float(high)}
    return found
