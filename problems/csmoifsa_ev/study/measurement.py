"""A plan of what to measure after a tariff is in force: how many cars or days show the predicted effect.

Cars are drawn at random into two equal groups, one on the tariff in force and one on the offered one, and a figure is
compared between them. The spread is the model's: between the cars of its sample, and in what each does in answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, isfinite

import numpy as np
import pandas as pd
from scipy.stats import norm

from csmoifsa_ev.inputs.filing import Measurement

FEWEST, MOST = 30, 1e8
"""Fewest cars or days in a group, below which means are not near enough to normal; and the number beyond which the
effect counts as none."""


def fewest(effect: float, variances: tuple[float, float], confidence: float, power: float) -> float:
    """Return how many independent observations each of two equal groups needs, infinite if more than `MOST`.

    ``(z_(1 - a/2) + z_power)^2 (s0^2 + s1^2) / effect^2``, the two-sided comparison of two means (for example Chow,
    Shao, Wang, Sample Size Calculations in Clinical Research, section 3.2), at least `FEWEST`.

    Parameters
    ----------
    effect : float
        Difference of the means to be seen.
    variances : two floats
        Variances of an observation in the two groups, in units of the effect squared.
    confidence, power : float
        See `filing.Measurement`.

    Examples
    --------
    >>> fewest(0.5, (1.0, 1.0), 0.95, 0.8)
    63.0
    """
    if effect == 0:
        return inf
    z = float(norm.ppf(0.5 + 0.5 * confidence) + norm.ppf(power))
    needed = z * z * sum(variances) / (effect * effect)
    return float(max(ceil(needed), FEWEST)) if needed <= MOST else inf


def cars_needed(car_days: float, days: int, repeats: float) -> float:
    """Return the cars in a group that stand for a number of independent car-days, each measured on several days.

    The mean over ``days`` days of a car has the variance of one day times ``repeats + (1 - repeats) / days``, the
    design effect of clusters (Kish, Survey Sampling, 1965, section 5.4).

    Parameters
    ----------
    car_days : float
        Independent car-days, from `fewest`.
    days : int
        Days on which each car is measured.
    repeats : float
        Correlation between two days of one car, in [0, 1].
    """
    if not isfinite(car_days):
        return inf
    return float(max(ceil(car_days * (repeats + (1.0 - repeats) / days) - 1e-9), FEWEST))


@dataclass(frozen=True, kw_only=True)
class CarDays:
    """Car-days of the sample with the tariff in force and with the offered one.

    Attributes
    ----------
    weight : (m,) array
        Weight of each car-day; they sum to 1.
    in_force_kwh, offered_kwh : (P, m) array
        Expected charging in each period [kWh].
    """

    weight: np.ndarray
    in_force_kwh: np.ndarray
    offered_kwh: np.ndarray


def share_variances(sample: CarDays, period: int) -> tuple[float, float]:
    """Return the variance of one car-day's part in the share of charging that is in a period, with each tariff.

    The share of a group is its charging in the period over all its charging; to first order its variance is that of
    ``(y - S e) / mean e`` over the number of car-days, with y and e the charging of a car-day in the period and in all,
    and S the share (Cochran, Sampling Techniques, 1977, section 6.3). A car-day whose expected charging in the period
    falls keeps all of it or none; one whose charging there rises keeps it or puts all there. No answer between these
    ends with the same means has a larger variance, so that the number of cars is enough however the answer is spread.
    """
    energy = sample.in_force_kwh.sum(axis=0)
    mean = float(sample.weight @ energy)
    before, after = sample.in_force_kwh[period], sample.offered_kwh[period]
    falls = after <= before
    end = np.where(falls, 0.0, energy)
    answer = np.divide(after - before, end - before, out=np.zeros_like(after), where=np.abs(end - before) > 1e-12)
    answer = np.clip(answer, 0.0, 1.0)
    return (
        _variance(sample.weight, (before, np.zeros_like(answer), end), energy, float(sample.weight @ before) / mean),
        _variance(sample.weight, (before, answer, end), energy, float(sample.weight @ after) / mean),
    )


def _variance(
    weight: np.ndarray, values: tuple[np.ndarray, np.ndarray, np.ndarray], energy: np.ndarray, share: float
) -> float:
    """Return the mean square of ``(y - share e) / mean e``, where y is the last value with the probability between."""
    kept, answer, end = values
    parts = (1.0 - answer) * (kept - share * energy) ** 2 + answer * (end - share * energy) ** 2
    return float(weight @ parts) / float(weight @ energy) ** 2


def plan_table(
    terms: Measurement,
    names: Sequence[str],
    sample: CarDays,
    effects: Sequence[tuple[float, float, float]],
    peak: tuple[tuple[float, float, float], float, bool],
) -> pd.DataFrame:
    """Return what to measure and how much of it.

    Parameters
    ----------
    terms : Measurement
        Confidence, power and days.
    names : sequence of str
        Names of the P periods.
    sample : CarDays
        Car-days of the sampled customers.
    effects : P triples
        Predicted change of the share of each period, and the 5 % and 95 % quantiles of it over draws.
    peak : ((float, float, float), float, bool)
        The same for the highest load of a day [MW], its variance from day to day [MW^2], and whether that is measured
        on the days of the load file.

    Returns
    -------
    DataFrame
        One figure a row: ``figure`` (a period, or ``"daily peak"``), ``unit``, ``effect``, ``effect_p5``,
        ``effect_p95``, ``smallest`` (the effect of the interval that is nearest to 0; 0 if the interval holds it),
        ``sd_in_force`` and ``sd_offered`` of one observation, ``observations`` (independent car-days or days in each
        group for ``effect``), ``cars_from`` and ``cars_to`` (cars in each group, each measured on ``terms.days`` days:
        if days of one car are independent, and if they are all alike; equal if ``terms.repeats`` states which), and the
        same for ``smallest``. Numbers that no sample reaches are missing.
    """
    ends = (0.0, 1.0) if terms.repeats is None else (terms.repeats, terms.repeats)
    rows = []
    for period, (name, effect) in enumerate(zip(names, effects, strict=True)):
        rows.append((name, "share of charging", effect, share_variances(sample, period), True))
    triple, variance, measured = peak
    rows.append(("daily peak", "MW" if measured else "MW, spread assumed", triple, (variance, variance), False))
    table = []
    for name, unit, (effect, low, high), variances, of_cars in rows:
        smallest = 0.0 if low <= 0 <= high else min(low, high, key=abs)
        row: dict[str, object] = {"figure": name, "unit": unit, "effect": effect, "effect_p5": low, "effect_p95": high}
        row |= {"smallest": smallest, "sd_in_force": variances[0] ** 0.5, "sd_offered": variances[1] ** 0.5}
        for ending, size in (("", effect), ("_smallest", smallest)):
            n = fewest(size, variances, terms.confidence, terms.power)
            cars = [cars_needed(n, terms.days, one) if of_cars else np.nan for one in ends]
            numbers = {"observations": n, "cars_from": cars[0], "cars_to": cars[1]}
            row |= {key + ending: one if isfinite(one) else np.nan for key, one in numbers.items()}
        table.append(row)
    return pd.DataFrame(table)
