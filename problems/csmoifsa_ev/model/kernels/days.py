"""Compiled loops of `curves`: load and charging of each day, and sums over the days."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit
from csmoifsa_ev.model.kernels.flows import total_of
from csmoifsa_ev.model.kernels.layout import CHEAPEST, COST_SLOPE, DEAREST, DT, RECOVERY, ROUND_TRIP, Tables


@jit(borrows=True)
def allocate(
    level: np.ndarray,
    energy: float,
    data: np.ndarray,
    of_step: np.ndarray,
    period: int,
    sign: float,
    weights: np.ndarray,
    add: np.ndarray,
) -> None:
    """Write to ``add`` (T,) the power added to each step of a period, 0 elsewhere [MW]; see `curves.allocate`.

    Valley filling: the common level is the mean over the filled steps after the addition; steps above it are left out,
    and it is computed again, until no step is above it. ``of_step`` (T,) is the period of each step, ``weights`` (2, T)
    those of staggered starts.
    """
    steps = of_step.shape[0]
    count = 0
    total = 0.0
    for t in range(steps):
        if of_step[t] == period:
            count += 1
            total += sign * level[t]
    power = energy / data[DT]
    common = 0.0
    if data[RECOVERY] == 1.0:
        while True:
            common = (power + total) / count
            left = 0
            rest = 0.0
            for t in range(steps):
                if of_step[t] == period and sign * level[t] < common:
                    left += 1
                    rest += sign * level[t]
            if left == count or left == 0:
                break
            count = left
            total = rest
    row = 0 if sign > 0.0 else 1
    for t in range(steps):
        add[t] = 0.0
        if of_step[t] == period and energy > 0.0:
            if data[RECOVERY] == 1.0:
                add[t] = max(common - sign * level[t], 0.0)
            else:
                add[t] = power * weights[row, t] if data[RECOVERY] == 2.0 else power / count


@jit(borrows=True)
def day_curves(
    moved: np.ndarray,
    discharged: np.ndarray,
    recharged: float,
    data: np.ndarray,
    tables: Tables,
    day: int,
    load: np.ndarray,
    ev: np.ndarray,
    add: np.ndarray,
) -> float:
    """Write one day's total load and charging for driving, ``load`` and ``ev`` (T,) [MW]; see `curves.ev_curves`.

    ``moved`` (P, P) are the flows of `flows_between` [MWh], ``add`` (T,) is room to work in. Return the sum over the
    steps of shifted energy times its delay [MWh h].
    """
    steps, dearest, cheapest = load.shape[0], int(tables.kind[DEAREST]), int(tables.kind[CHEAPEST])
    for t in range(steps):
        a = int(tables.period[t])
        leaving = 0.0
        for b in range(cheapest, a, -1):
            leaving += moved[a, b]
        ev[t] = tables.profile[t] * (1.0 - leaving / tables.energy[a])
        load[t] = tables.base[day, t] + ev[t]

    delayed = 0.0
    for b in range(dearest + 1, cheapest + 1):
        into = 0.0
        for a in range(b):
            into += moved[a, b]
        total = into + recharged if b == cheapest else into
        if total > 0.0:
            allocate(load, total, data, tables.period, b, 1.0, tables.staggered, add)
            part = into / total
            for t in range(steps):
                load[t] += add[t]
                ev[t] += add[t] * part
                if into > 0.0:
                    delay = 0.0
                    for a in range(b):
                        delay += moved[a, b] * tables.delay[a, t]
                    delayed += add[t] * part * (delay / into if b > dearest + 1 else tables.delay[dearest, t])
    for a in range(dearest, cheapest):
        if discharged[a] > 0.0:
            allocate(load, discharged[a], data, tables.period, a, -1.0, tables.staggered, add)
            for t in range(steps):
                load[t] -= add[t]
    return delayed * data[DT]


@jit(borrows=True)
def totals(
    x: np.ndarray, load: np.ndarray, ev: np.ndarray, data: np.ndarray, tables: Tables, last: int, out: np.ndarray
) -> None:
    """Update ``out`` (8,) with one day.

    ``out[0]`` is the highest peak, ``out[6]`` and ``out[7]`` the highest load inside and outside the ``last`` period
    [MW]; the others are sums over days: of peak-valley differences [MW], costs of generation [currency], absolute
    changes of charging [MW steps] and payments for charging [price unit x MWh/kWh].
    """
    peak, valley = load[0], load[0]
    for t in range(load.shape[0]):
        peak = max(peak, load[t])
        valley = min(valley, load[t])
        period = int(tables.period[t])
        side = 6 if period == last else 7
        out[side] = max(out[side], load[t])
        out[2] += (tables.cost_intercept[t] + 0.5 * data[COST_SLOPE] * load[t]) * load[t] * data[DT]
        out[3] += abs(ev[t] - tables.profile[t])
        out[4] += x[period] * ev[t] * data[DT]
    out[0] = max(out[0], peak)
    out[1] += peak - valley


@jit(borrows=True)
def all_days(
    x: np.ndarray,
    moved: np.ndarray,
    discharged: np.ndarray,
    data: np.ndarray,
    tables: Tables,
    load: np.ndarray,
    ev: np.ndarray,
    add: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill ``out`` (8,) with the figures of `totals`, means over the days but for peaks, and the delay [MWh h].

    ``load``, ``ev`` and ``add`` (T,) are room to work in.
    """
    n_days = tables.base.shape[0]
    given = total_of(discharged)
    out[0], out[6], out[7] = -1e300, -1e300, -1e300
    for k in range(1, 6):
        out[k] = 0.0
    for day in range(n_days):
        out[5] += day_curves(moved, discharged, given / data[ROUND_TRIP], data, tables, day, load, ev, add)
        totals(x, load, ev, data, tables, int(tables.kind[CHEAPEST]), out)
    for k in range(1, 6):
        out[k] /= n_days
