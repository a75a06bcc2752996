"""The chapters of a filing beyond bills and robustness, as tables: costs, alignment, energy, emissions, measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from csmoifsa_ev.inputs.customers import sample_customers
from csmoifsa_ev.inputs.day_sessions import recorded_by_title
from csmoifsa_ev.inputs.filing import Filing, FilingRates
from csmoifsa_ev.inputs.scenario import Scenario
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import TariffOutcome, shifted_energy
from csmoifsa_ev.study.customers import shifted_kwh
from csmoifsa_ev.study.marginal_cost import (
    YearSteps,
    alignment_figures,
    alignment_table,
    cost_table,
    marginal_costs,
    year_steps,
)
from csmoifsa_ev.study.measurement import CarDays, plan_table
from csmoifsa_ev.study.period_energy import (
    HIGH,
    LOW,
    DayEffects,
    day_effects,
    drawn_effects,
    energy_table,
    outcomes_of,
    with_intervals,
)

DRAWS = 200
"""Number of draws of all assumptions behind the intervals."""

ASSUMED_PEAK_SPREAD = 0.03
"""Standard deviation of a day's highest load as a share of it, assumed where the load has too few days.

It is that of the noise of `sensitivity.draw_days`, a judgement.
"""

FREEDOM = 4
"""Fewest days of the load, beyond one for each month and kind of day, from which the spread of peaks is taken."""


@dataclass(frozen=True, kw_only=True)
class FilingTables:
    """Tables of a filing.

    Attributes
    ----------
    marginal_cost : DataFrame
        Mean day of each kind of days, hour by hour and with each tariff: see `hourly_table`.
    cost_to_serve, alignment, period_energy, measurement : DataFrame
        See `marginal_cost.cost_table`, `marginal_cost.alignment_table`, `period_energy.energy_table` and
        `measurement.plan_table`.
    figures : DataFrame
        Load factors, distance of prices from marginal cost, and emissions: see `figures_table`.
    """

    marginal_cost: pd.DataFrame
    cost_to_serve: pd.DataFrame
    alignment: pd.DataFrame
    period_energy: pd.DataFrame
    figures: pd.DataFrame
    measurement: pd.DataFrame


def filing_tables(
    scenario: Scenario, day: PricingDay, rates: FilingRates, tariffs: tuple[np.ndarray, np.ndarray], *, seed: int = 0
) -> FilingTables:
    """Return the tables of a filing for a tariff in force and an offered one.

    Parameters
    ----------
    scenario : Scenario
        The priced scenario.
    day : PricingDay
        Its days.
    rates : FilingRates
        Its hourly rates, from `filing.read_rates`.
    tariffs : two (2 P,) arrays
        The tariff in force and the offered one [price unit per kWh].
    seed : int
        Random seed of the draws behind the intervals.
    """
    X, filing = np.stack(tariffs), scenario.filing
    outcomes = outcomes_of(X, day)
    years = (year_steps(day, outcomes, 0), year_steps(day, outcomes, 1))
    parts = [marginal_costs(filing, rates, day, one) for one in years]
    costs = (np.sum(list(parts[0].values()), axis=0), np.sum(list(parts[1].values()), axis=0))
    stated = day_effects(day, outcomes, rates.emissions)
    drawn = drawn_effects(X, day, rates.emissions, draws=DRAWS, seed=seed)
    revenue = _revenue(day, outcomes)
    return FilingTables(
        marginal_cost=hourly_table(day, years, (parts[0], parts[1]), tariffs),
        cost_to_serve=cost_table(filing, rates, day, years, revenue),
        alignment=alignment_table(day, years, costs, tariffs),
        period_energy=energy_table(day, stated, drawn),
        figures=figures_table(day, years, costs, tariffs, stated, drawn),
        measurement=_plan(scenario, day, filing, years, tariffs, stated, drawn),
    )


def _revenue(day: PricingDay, outcomes: list[TariffOutcome]) -> tuple[float, float]:
    """Return what drivers pay in a year, less what they earn by discharging, with each tariff [currency/year]."""
    paid = 365.0 * np.sum(
        [share * one.driver_bill_per_day for share, one in zip(day.shares, outcomes, strict=True)], axis=0
    )
    return float(paid[0]), float(paid[1])


def hourly_table(
    day: PricingDay,
    years: tuple[YearSteps, YearSteps],
    costs: tuple[dict[str, np.ndarray], dict[str, np.ndarray]],
    tariffs: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Return the mean day of each kind of days, one step with one tariff a row.

    Parameters
    ----------
    day, years
        As `marginal_cost.alignment_table`.
    costs : two dicts
        Marginal costs of each component, from `marginal_cost.marginal_costs` [currency per MWh].
    tariffs : two (2 P,) arrays
        The two tariffs [price unit per kWh].

    Returns
    -------
    DataFrame
        ``tariff`` (``"in_force"`` or ``"offered"``), ``days`` (kind of days), ``share`` (of all days), ``time``,
        ``period``, ``charge_price``, the marginal cost of each component and ``all`` of them [price unit per kWh],
        ``load_mw`` and ``cars_mw`` (charging less discharging).
    """
    n_steps = len(day.period)
    kind, step = np.divmod(np.arange(len(day.kinds) * n_steps), n_steps)
    period = np.concatenate([one.period for one in day.kinds])
    minutes = np.round(step * day.dt_h * 60).astype(int)
    tables = []
    for tariff, year, cost, prices in zip(("in_force", "offered"), years, costs, tariffs, strict=True):
        cell = year.kind * n_steps + year.step
        count = np.bincount(cell)
        per_kwh = {name: values / day.prices.per_mwh for name, values in cost.items()}
        values = {
            **per_kwh,
            "all": np.sum(list(per_kwh.values()), axis=0),
            "load_mw": year.load_mw,
            "cars_mw": year.cars_mw,
        }
        columns = {
            "tariff": np.full(len(kind), tariff),
            "days": [day.kinds[k].title or "usual" for k in kind],
            "share": np.array(day.shares)[kind],
            "time": [f"{m // 60:02d}:{m % 60:02d}" for m in minutes],
            "period": [day.names[p] for p in period],
            "charge_price": prices[period],
        }
        means = {name: np.bincount(cell, weights=one) / count for name, one in values.items()}
        tables.append(pd.DataFrame({**columns, **means}))
    return pd.concat(tables, ignore_index=True)


def figures_table(
    day: PricingDay,
    years: tuple[YearSteps, YearSteps],
    costs: tuple[np.ndarray, np.ndarray],
    tariffs: tuple[np.ndarray, np.ndarray],
    stated: DayEffects,
    drawn: list[DayEffects],
) -> pd.DataFrame:
    """Return single figures in force and offered, with intervals over draws where there are any.

    Returns
    -------
    DataFrame
        ``figure``, ``unit``, ``in_force``, ``offered`` and ``change``, each with ``_p5`` and ``_p95``. Figures are
        ``load_factor`` and ``cars_load_factor`` (of the former only the change has an interval, since the noise of the
        draws raises the highest load of all days); ``mean_gap`` and ``gap_spread`` of
        `marginal_cost.alignment_figures`; and with emission factors ``emissions``, ``emissions_per_car`` and
        ``emissions_per_kwh``, those of the cars' load.
    """
    rows: list[dict[str, object]] = []

    def drawn_row(name: str, unit: str, figure: list[np.ndarray]) -> None:
        rows.append({"figure": name, "unit": unit, **with_intervals(figure[0], np.stack(figure[1:]))})

    everything = [stated, *drawn]
    drawn_row("load_factor", "", [one.load_factor for one in everything])
    levels = ("in_force_p5", "in_force_p95", "offered_p5", "offered_p95")
    rows[0] |= dict.fromkeys(levels, np.nan)
    drawn_row("cars_load_factor", "", [one.cars_load_factor for one in everything])
    gaps = [alignment_figures(day, *one) for one in zip(years, costs, tariffs, strict=True)]
    for name, (old, new) in zip(("mean_gap", "gap_spread"), zip(*gaps, strict=True), strict=True):
        rows.append({"figure": name, "unit": day.prices.unit, "in_force": old, "offered": new, "change": new - old})
    if stated.emitted_t is not None:
        emitted = [one.emitted_t for one in everything if one.emitted_t is not None]
        charged = [one.charged_mwh.sum(axis=1) + one.recharged_mwh for one in everything]
        drawn_row("emissions", "t/year", [365.0 * one for one in emitted])
        # cars of each draw follow from its energy, since all cars of a draw charge alike
        energy = stated.charged_mwh.sum(axis=1)
        cars = [day.fleet.n_ev * one.charged_mwh.sum(axis=1) / energy for one in everything]
        drawn_row("emissions_per_car", "kg/year", [365e3 * t / n for t, n in zip(emitted, cars, strict=True)])
        drawn_row("emissions_per_kwh", "kg/kWh charged", [t / mwh for t, mwh in zip(emitted, charged, strict=True)])
    return pd.DataFrame(rows)


def _plan(
    scenario: Scenario,
    day: PricingDay,
    filing: Filing,
    years: tuple[YearSteps, YearSteps],
    tariffs: tuple[np.ndarray, np.ndarray],
    stated: DayEffects,
    drawn: list[DayEffects],
) -> pd.DataFrame:
    """Return `measurement.plan_table` of a study."""
    changes = np.stack([_share_change(one) for one in drawn])
    low, high = np.quantile(changes, [LOW, HIGH], axis=0)
    effects = list(zip(_share_change(stated).tolist(), low.tolist(), high.tolist(), strict=True))
    falls = np.array([np.diff(one.daily_peak_mw)[0] for one in (stated, *drawn)])
    fall = (float(falls[0]), float(np.quantile(falls[1:], LOW)), float(np.quantile(falls[1:], HIGH)))
    load = scenario.load.read()
    peaks = (load.values + day.profile_mw).max(axis=1)
    variance = peak_variance(peaks, load.dates)
    measured = variance is not None
    assumed = float((ASSUMED_PEAK_SPREAD * peaks.mean()) ** 2)
    sample = _car_days(scenario, day, tariffs)
    peak = (fall, assumed if variance is None else variance, measured)
    return plan_table(filing.measurement, day.names, sample, effects, peak)


def peak_variance(peaks_mw: np.ndarray, dates: Sequence[date]) -> float | None:
    """Return the variance of the peak from day to day [MW^2], about its mean on weekdays or weekends of a month.

    None if days less such groups are fewer than `FREEDOM`. Without dates all days are one group.

    Parameters
    ----------
    peaks_mw : (D,) array
        Highest load of each day [MW].
    dates : list of date
        Date of each day; empty if unknown.
    """
    kinds = [(one.year, one.month, one.weekday() >= 5) for one in dates] or [None] * len(peaks_mw)
    numbers = {kind: k for k, kind in enumerate(dict.fromkeys(kinds))}
    group = np.array([numbers[kind] for kind in kinds])
    freedom = len(peaks_mw) - len(numbers)
    if freedom < FREEDOM:
        return None
    means = np.bincount(group, weights=peaks_mw) / np.bincount(group)
    return float(((peaks_mw - means[group]) ** 2).sum() / freedom)


def _share_change(effects: DayEffects) -> np.ndarray:
    """Return the change of the share of charging in each period by the offered tariff, (P,)."""
    charged = effects.charged_mwh
    old, new = charged / charged.sum(axis=1, keepdims=True)
    return new - old


def _car_days(scenario: Scenario, day: PricingDay, tariffs: tuple[np.ndarray, np.ndarray]) -> CarDays:
    """Return the sampled customers' charging with both tariffs, on each kind of days."""
    weights, parts = [], []
    recorded = recorded_by_title(scenario.fleet, scenario.tariff)
    for share, kind in zip(day.shares, day.kinds, strict=True):
        customers = sample_customers(scenario.fleet, kind, recorded)
        flows = shifted_energy(np.stack(tariffs)[:, : day.n_periods], kind)
        parts.append([customers.summed(shifted_kwh(customers, one, kind)[0]) for one in flows])
        n = len(customers.kind)
        weights.append(np.full(n, share * customers.activity / n))
    in_force, offered = (np.hstack([one[k] for one in parts]) for k in (0, 1))
    weight = np.concatenate(weights)
    return CarDays(weight=weight / weight.sum(), in_force_kwh=in_force, offered_kwh=offered)
