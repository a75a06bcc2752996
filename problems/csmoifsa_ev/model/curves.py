"""Load curves after response: steps of shifted, discharged and recharged energy (eq. 2 of the 2022 paper)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.flow_region import flow_pairs, sum_columns
from csmoifsa_ev.model.objectives import CurveFigures, curve_figures, habit_kept, over_days
from csmoifsa_ev.model.response import Recovery

_TINY = 1e-300


class Curves(NamedTuple):
    """Power of the fleet over a day under n tariffs, each (n, T) [MW].

    Attributes
    ----------
    charging : (n, T) array
        Charging for driving, ``arriving`` included [MW].
    arriving : (n, T) array
        Charging shifted into its step from another period [MW].
    recharging : (n, T) array
        Recharging of discharged energy [MW].
    discharging : (n, T) array
        Discharging to the grid, >= 0 [MW].
    """

    charging: np.ndarray
    arriving: np.ndarray
    recharging: np.ndarray
    discharging: np.ndarray


def fill_valleys(level_mw: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Return the addition to a load curve that raises its lowest steps to one common level (valley filling).

    Parameters
    ----------
    level_mw : (n, k) array
        Load of the steps that may take energy [MW].
    energy : (n,) array
        Energy to add [MW x steps], >= 0.

    Returns
    -------
    (n, k) array
        Addition to each step [MW]; rows sum to ``energy``.

    Examples
    --------
    >>> fill_valleys(np.array([[5.0, 1.0, 2.0]]), np.array([3.0])).tolist()
    [[0.0, 2.0, 1.0]]
    """
    ordered = np.sort(level_mw, axis=1)
    below = np.cumsum(ordered, axis=1)
    count = np.arange(1, level_mw.shape[1] + 1)
    needed = count * ordered - below  # energy at which the common level reaches step number `count`
    covered = (needed < energy[:, None]).sum(axis=1)
    covered = np.maximum(covered, 1)
    rows = np.arange(len(level_mw))
    level = (energy + below[rows, covered - 1]) / covered
    return np.maximum(level[:, None] - level_mw, 0.0) * (energy > 0)[:, None]


def allocate(
    level_mw: np.ndarray, energy_mwh: np.ndarray, dt_h: float, recovery: Recovery, weights: np.ndarray
) -> np.ndarray:
    """Return the power added to each step of one period by energy shifted into it.

    The weights w_t of eq. 2 of the 2022 paper, reconstructed, times the energy over the length of a step.

    Parameters
    ----------
    level_mw : (n, k) array
        Load of the period's steps before the addition [MW].
    energy_mwh : (n,) array
        Energy shifted into the period [MWh].
    dt_h : float
        Length of a step [h].
    recovery : "uniform", "valley-filling" or "staggered"
        Evenly over the steps, into the steps of lowest load first, or by ``weights``.
    weights : (k,) array
        Share of each step with staggered starts, from `PricingDay.staggered`; they sum to 1.

    Returns
    -------
    (n, k) array
        Added power [MW].

    Examples
    --------
    >>> level, weights = np.array([[5.0, 1.0, 2.0]]), np.array([0.0, 0.75, 0.25])
    >>> allocate(level, np.array([3.0]), 1.0, "uniform", weights).tolist()
    [[1.0, 1.0, 1.0]]
    >>> allocate(level, np.array([4.0]), 1.0, "staggered", weights).tolist()
    [[0.0, 3.0, 1.0]]
    """
    if recovery == "staggered":
        return (energy_mwh / dt_h)[:, None] * weights
    if recovery == "uniform":
        return np.broadcast_to((energy_mwh / (level_mw.shape[1] * dt_h))[:, None], level_mw.shape)
    return fill_valleys(level_mw, energy_mwh / dt_h)


def ev_curves(
    flows: np.ndarray, discharged: np.ndarray, recharged: np.ndarray, day: PricingDay, base: np.ndarray
) -> Curves:
    """Return charging, recharging and discharging of the fleet over one day.

    Energy is shifted from the steps of a period in proportion to their charging, and added by the weights w of
    `allocate`; of three periods: peak ``e (1 - phi_pv - phi_pf)``, flat ``e (1 - phi_fv) + phi_pf E_p w_f``, valley
    ``e + (phi_pv E_p + phi_fv E_f + E_r) w_v`` (eq. 2 of the 2022 paper, reconstructed). Discharging is spread evenly
    over its period, or lowers the highest steps first.

    Parameters
    ----------
    flows : (n, F) array
        Energy shifted, in the order of `flow_region.flow_pairs` [MWh].
    discharged : (n, P - 1) array
        Energy discharged in each period but the cheapest [MWh].
    recharged : (n,) array
        Energy recharged in the cheapest period [MWh].
    day : PricingDay
        Fleet and terms.
    base : (T,) array
        Load without electric vehicles [MW].
    """
    n, dt, recovery = len(flows), day.dt_h, day.response.recovery
    pairs, last = flow_pairs(day.n_periods), day.cheapest
    profile = day.fleet.profile_mw
    curves = Curves(np.repeat(profile[None], n, axis=0), *np.zeros((3, n, len(profile))))

    if day.response.transfer == "total-load":
        origins = [a for a, _ in pairs]
        after = period_mean_curve(base + profile, flows / day.energy_mwh[origins], day.period)
        curves.charging[:] = after - base
        curves.arriving[:] = np.maximum(curves.charging - profile, 0.0)
        flows = np.zeros_like(flows)
    for a, steps in enumerate(day.steps):
        leaving = sum_columns(flows[:, [origin == a for origin, _ in pairs]])
        curves.charging[:, steps] *= 1.0 - (leaving / day.energy_mwh[a])[:, None]
    weights, discharge_weights = day.staggered
    for b, steps in enumerate(day.steps):
        if b == day.dearest or not steps.size:
            continue
        moved = sum_columns(flows[:, [destination == b for _, destination in pairs]])
        total = moved + recharged if b == last else moved
        level = base[steps] + curves.charging.take(steps, axis=1)
        added = allocate(level, total, dt, recovery, weights[steps])
        if b == last:
            curves.recharging[:, steps] = added * (recharged / np.maximum(total, _TINY))[:, None]
        curves.arriving[:, steps] += added - curves.recharging[:, steps]
    if day.response.transfer == "ev-load":
        curves.charging[:] += curves.arriving

    for a, steps in enumerate(day.steps[:-1]):
        if not steps.size:
            continue
        level = base[steps] + curves.charging.take(steps, axis=1)
        curves.discharging[:, steps] = allocate(-level, discharged[:, a], dt, recovery, discharge_weights[steps])
    return curves


def period_mean_curve(load_mw: np.ndarray, shares: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Return the load after response by eq. 2 as the 2022 paper prints it, with period means of the total load.

    For comparison only: it shifts shares of the total load, and conserves energy only if all periods are equally long.

    Parameters
    ----------
    load_mw : (T,) array
        Total load before [MW].
    shares : (n, F) array
        Transfer rates phi of the flows.
    period : (T,) array
        Period of each step.

    Returns
    -------
    (n, T) array
        Total load after [MW].
    """
    after = np.repeat(load_mw[None], len(shares), axis=0)
    for k, (a, b) in enumerate(flow_pairs(int(period.max()) + 1)):
        moved = shares[:, k : k + 1] * load_mw[period == a].mean()
        after[:, period == a] -= moved
        after[:, period == b] += moved
    return after


class DayResults(NamedTuple):
    """Results of n tariffs over the days of one `PricingDay`; all but the peak in ``figures`` are means over the days.

    Attributes
    ----------
    curves : Curves
        Power of the fleet, each (n, T) [MW].
    load_mw : (n, T) array
        Total load [MW].
    figures : CurveFigures
        G1, G2, G3, each (n,): see `objectives.over_days`.
    generation_cost : (n,) array
        Cost of generation [currency/day].
    habit_kept : (n,) array
        Share of charging that keeps its step.
    inside_mw, outside_mw : (n,) array
        Highest load in the cheapest period, and in all other hours, over all days [MW].
    """

    curves: Curves
    load_mw: np.ndarray
    figures: CurveFigures
    generation_cost: np.ndarray
    habit_kept: np.ndarray
    inside_mw: np.ndarray
    outside_mw: np.ndarray


def evaluate_days(flows: np.ndarray, discharged: np.ndarray, recharged: np.ndarray, day: PricingDay) -> DayResults:
    """Return load curves, figures and costs over all days; see `ev_curves` for the arguments."""
    n_days = len(day.days_mw)
    valley = day.period == day.cheapest
    every: list[Curves] = []
    loads, figures = [], []
    for base in day.days_mw:
        if not every or day.response.recovery == "valley-filling" or day.response.transfer != "ev-load":
            curves = ev_curves(flows, discharged, recharged, day, base)  # else the same on each day
        else:
            curves = every[0]
        every.append(curves)
        loads.append(base + curves.charging + curves.recharging - curves.discharging)
        figures.append(curve_figures(loads[-1]))
    generated = np.mean([day.generation(load) for load in loads], axis=0)
    kept = np.mean([habit_kept(day.fleet.profile_mw, one.charging) for one in every], axis=0)
    inside, outside = (
        np.max([load[:, hours].max(axis=1, initial=-np.inf) for load in loads], axis=0) for hours in (valley, ~valley)
    )
    if n_days == 1:
        return DayResults(every[0], loads[0], figures[0], generated, kept, inside, outside)
    mean = Curves(*(np.mean(column, axis=0) for column in zip(*every, strict=True)))
    return DayResults(mean, np.mean(loads, axis=0), over_days(figures), generated, kept, inside, outside)


def delay_mwh_hours(flows: np.ndarray, arriving_mw: np.ndarray, day: PricingDay) -> np.ndarray:
    """Return the sum of shifted energy times its delay, shape (n,) [MWh h].

    Energy from different periods is spread in equal proportions over the steps of its destination.

    Parameters
    ----------
    flows : (n, F) array
        Energy shifted [MWh].
    arriving_mw : (n, T) array
        Charging shifted into each step [MW].
    day : PricingDay
        Delays between periods and steps.
    """
    delayed = np.zeros(len(flows))
    pairs = list(enumerate(flow_pairs(day.n_periods)))
    for b in reversed(day.own[1:].tolist()):
        arriving = arriving_mw.take(day.steps[b], axis=1)
        into = [(k, origin) for k, (origin, destination) in pairs if destination == b]
        total = np.maximum(sum_columns(flows[:, [k for k, _ in into]]), _TINY)
        for k, a in into:
            delayed = delayed + (arriving * day.delay_h[a, day.steps[b]]).sum(axis=1) * (flows[:, k] / total)
    return delayed * day.dt_h
