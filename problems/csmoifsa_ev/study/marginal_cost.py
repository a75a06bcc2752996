"""Marginal cost of serving the cars by component, hour by hour of a year, and how prices are aligned with it.

Energy costs what the last MWh of the hour costs, losses included. Capacity and network cost their yearly rate, in equal
parts over the hours of the highest load; which hours these are depends on the tariff, so each tariff has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csmoifsa_ev.inputs.filing import YEAR_H, Filing, FilingRates, PeakCost
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import TariffOutcome

COMPONENTS = ("generation", "capacity", "network")

NOT_GIVEN = "not given"
"""Basis of a component that the scenario states nothing about."""


@dataclass(frozen=True, kw_only=True)
class YearSteps:
    """Every step of every day of the study under one tariff, (N,) each; a day stands for its share of a year.

    Attributes
    ----------
    kind, step, period : (N,) int arrays
        Number of the kind of days, of the step in the day and of the period.
    hours : (N,) array
        Hours of the year for which the step stands; they sum to `YEAR_H` [h].
    load_mw : (N,) array
        Total load [MW].
    charging_mw, discharging_mw : (N,) array
        Charging of the cars, recharging of discharged energy included, and discharging [MW].
    """

    kind: np.ndarray
    step: np.ndarray
    period: np.ndarray
    hours: np.ndarray
    load_mw: np.ndarray
    charging_mw: np.ndarray
    discharging_mw: np.ndarray

    @property
    def cars_mw(self) -> np.ndarray:
        """Load of the cars, negative where they discharge more than they charge, (N,) [MW]."""
        return self.charging_mw - self.discharging_mw


def year_steps(day: PricingDay, outcomes: Sequence[TariffOutcome], row: int) -> YearSteps:
    """Return the steps of a year under one tariff.

    Parameters
    ----------
    day : PricingDay
        The study's days.
    outcomes : list of TariffOutcome
        Effects of tariffs on each of ``day.kinds``.
    row : int
        Row of the tariff in them.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in YearSteps.__dataclass_fields__}
    for k, (share, kind, outcome) in enumerate(zip(day.shares, day.kinds, outcomes, strict=True)):
        shape = kind.days_mw.shape
        added = outcome.load_mw[row] - kind.base_mw
        charging = outcome.charging_mw[row] + outcome.recharging_mw[row]
        values = {
            "kind": np.array(k),
            "step": np.arange(shape[1]),
            "period": kind.period,
            "hours": np.array(YEAR_H * share / (shape[0] * shape[1])),
            "load_mw": kind.days_mw + added,
            "charging_mw": charging,
            "discharging_mw": outcome.discharging_mw[row],
        }
        for name, one in values.items():
            parts[name].append(np.broadcast_to(one, shape).ravel())
    return YearSteps(**{name: np.concatenate(values) for name, values in parts.items()})


def top_share(load_mw: np.ndarray, hours: np.ndarray, top_hours: float) -> np.ndarray:
    """Return which part of the hours of each step is among the hours of the highest load, (N,), in [0, 1].

    Steps with the same load, to a billionth of the highest, have the same part.

    Parameters
    ----------
    load_mw, hours : (N,) array
        Load of each step [MW], and the hours of the year for which it stands [h].
    top_hours : float
        Number of hours of the highest load [h].

    Examples
    --------
    >>> top_share(np.array([5.0, 9.0, 7.0, 7.0]), np.array([10.0, 10.0, 10.0, 10.0]), 20.0).tolist()
    [0.0, 1.0, 0.5, 0.5]
    """
    level = np.round(load_mw / max(float(np.abs(load_mw).max()), 1e-300), 9)
    _, rank = np.unique(-level, return_inverse=True)
    together = np.bincount(rank, weights=hours)
    higher = np.cumsum(together) - together
    return np.clip((top_hours - higher) / together, 0.0, 1.0)[rank]


def capacity_terms(filing: Filing, day: PricingDay, steps: YearSteps) -> dict[str, tuple[PeakCost, str]]:
    """Return cost and basis of the components that the highest load causes; those not given are left out.

    Without ``filing.capacity`` it is ``grid.peak_cost_per_mw_day``, which the model charges on the highest load: all of
    it in the step with the highest load.
    """
    terms: dict[str, tuple[PeakCost, str]] = {}
    if filing.capacity is not None:
        terms["capacity"] = (filing.capacity, "filing.capacity")
    else:
        top = float(steps.hours[steps.load_mw.argmax()])
        cost = PeakCost(per_kw_year=day.grid.peak_cost_per_mw_day * 365.0 / 1000.0, top_hours=max(top, 1.0))
        terms["capacity"] = (cost, "grid.peak_cost_per_mw_day")
    if filing.network is not None:
        terms["network"] = (filing.network, "filing.network")
    return terms


def generation_basis(rates: FilingRates, day: PricingDay) -> str:
    """Return the key that states the marginal cost of energy."""
    if rates.generation is not None:
        return "filing.generation"
    return "grid.marginal_cost_per_mwh" if day.price_per_mwh is None else "grid.day_ahead"


def marginal_costs(filing: Filing, rates: FilingRates, day: PricingDay, steps: YearSteps) -> dict[str, np.ndarray]:
    """Return the marginal cost in each step by component, (N,) each [currency per MWh at the charger].

    A component that is not given is left out. Cost of energy is that at the generator over
    ``grid.conversion_efficiency``; that of capacity and network is per MW of load, as the scenario states it.

    Parameters
    ----------
    filing, rates : Filing, FilingRates
        What the scenario states on marginal costs, and its hourly rates as read.
    day : PricingDay
        The study's days.
    steps : YearSteps
        The year under one tariff.
    """
    market = rates.generation
    if market is None and day.price_per_mwh is not None:
        market = [day.price_per_mwh] * len(day.kinds)
    if market is None:
        intercept, slope = day.grid.marginal_cost
        energy = intercept + slope * steps.load_mw
    else:
        energy = np.stack(list(market))[steps.kind, steps.step]
    costs = {"generation": energy / day.grid.conversion_efficiency}
    for name, (cost, _) in capacity_terms(filing, day, steps).items():
        part = top_share(steps.load_mw, steps.hours, cost.top_hours)
        costs[name] = 1000.0 * cost.per_kw_year / cost.top_hours * part
    return costs


def cost_table(
    filing: Filing,
    rates: FilingRates,
    day: PricingDay,
    years: tuple[YearSteps, YearSteps],
    revenue_per_year: tuple[float, float],
) -> pd.DataFrame:
    """Return the yearly marginal cost of serving the cars by component, and the revenue from them.

    Parameters
    ----------
    filing, rates, day
        As `marginal_costs`.
    years : two YearSteps
        The year with the tariff in force and with the offered one.
    revenue_per_year : two floats
        What drivers pay under each, less what they earn by discharging [currency/year].

    Returns
    -------
    DataFrame
        ``component`` (of `COMPONENTS`, ``"all"``, ``"revenue"`` and ``"revenue less cost"``), ``basis`` (key that
        states it, or `NOT_GIVEN`), ``in_force`` and ``offered`` [currency/year], ``change``, and
        ``in_force_per_kwh``, ``offered_per_kwh`` [price unit per kWh charged].
    """
    costs = [marginal_costs(filing, rates, day, one) for one in years]
    basis = {"generation": generation_basis(rates, day)}
    basis |= {name: key for name, (_, key) in capacity_terms(filing, day, years[0]).items()}
    totals = {
        name: [float((one.hours * one.cars_mw * cost[name]).sum()) for one, cost in zip(years, costs, strict=True)]
        for name in costs[0]
    }
    both = [sum(one[k] for one in totals.values()) for k in (0, 1)]
    rows = [(name, basis.get(name, NOT_GIVEN), totals.get(name, [np.nan, np.nan])) for name in COMPONENTS]
    rows += [("all", "", both), ("revenue", "", list(revenue_per_year))]
    rows += [("revenue less cost", "", [paid - cost for paid, cost in zip(revenue_per_year, both, strict=True)])]
    kwh = [1000.0 * float((one.hours * one.charging_mw).sum()) for one in years]
    per_kwh = day.prices.units_per_currency
    return pd.DataFrame(
        [
            {
                "component": name,
                "basis": key,
                "in_force": old,
                "offered": new,
                "change": new - old,
                "in_force_per_kwh": old / kwh[0] * per_kwh,
                "offered_per_kwh": new / kwh[1] * per_kwh,
            }
            for name, key, (old, new) in rows
        ]
    )


def alignment_table(
    day: PricingDay,
    years: tuple[YearSteps, YearSteps],
    costs: tuple[np.ndarray, np.ndarray],
    tariffs: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Return each price beside the marginal cost of its hours, weighted by the cars' load and by the total load.

    Parameters
    ----------
    day : PricingDay
        The study's days.
    years : two YearSteps
        The year with the tariff in force and with the offered one.
    costs : two (N,) arrays
        Marginal cost of all components in each step [currency per MWh].
    tariffs : two (2 P,) arrays
        The two tariffs [price unit per kWh].

    Returns
    -------
    DataFrame
        ``name`` of the price, and for each tariff (``in_force_``, ``offered_``): ``price``, ``cost`` (weighted by the
        charging or discharging that the price is paid for), ``cost_by_load`` (weighted by the total load), ``gap``
        (price less ``cost``) [price unit per kWh] and ``mwh`` [MWh/year]. Costs without load to weight them are
        missing; discharge prices have a row only where somebody discharges under one of the tariffs.
    """
    rows = []
    for v, name in enumerate(day.variables):
        period, discharge = v % day.n_periods, v >= day.n_periods
        row: dict[str, object] = {"name": name}
        for which, year, cost, tariff in zip(("in_force", "offered"), years, costs, tariffs, strict=True):
            inside = year.hours * (year.period == period)
            own = inside * (year.discharging_mw if discharge else year.charging_mw)
            price, paid_for = float(tariff[v]), float(own.sum())
            mean = _mean(cost, own) / day.prices.per_mwh
            if discharge and paid_for <= 0:
                price = np.nan
            row |= {
                f"{which}_price": price,
                f"{which}_cost": mean,
                f"{which}_cost_by_load": _mean(cost, inside * year.load_mw) / day.prices.per_mwh,
                f"{which}_gap": price - mean,
                f"{which}_mwh": paid_for,
            }
        if not discharge or row["in_force_mwh"] or row["offered_mwh"]:
            rows.append(row)
    return pd.DataFrame(rows)


def alignment_figures(day: PricingDay, year: YearSteps, cost: np.ndarray, tariff: np.ndarray) -> tuple[float, float]:
    """Return how far charge prices are off the marginal cost, hour by hour and weighted by charging.

    Parameters
    ----------
    day, year, cost, tariff
        As `alignment_table`, of one tariff.

    Returns
    -------
    (float, float)
        Mean of price less marginal cost, and the standard deviation of it: 0 if every hour's price is the marginal cost
        plus the same amount [price unit per kWh].
    """
    gap = tariff[year.period] - cost / day.prices.per_mwh
    weight = year.hours * year.charging_mw
    mean = _mean(gap, weight)
    return mean, float(np.sqrt(_mean((gap - mean) ** 2, weight)))


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    total = float(weight.sum())
    return float((values * weight).sum()) / total if total > 0 else float("nan")
