"""The pricing model of `outcome.evaluate` in compiled scalar loops.

The numpy functions are the reference; a test requires both to agree to 1e-12.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from csmoifsa.jit import jit

LAYOUT = {
    "n_steps": 1,
    "dt_h": 1,
    "recovery": 1,  # index in `response.RECOVERIES`
    "objectives": 10,  # index in `outcome.QUANTITIES` of each objective; as many are read as F has columns
    "n_days": 1,
    "reference": 3,  # charge prices of peak, flat, valley
    "ramps": 9,  # dead zone, saturation, greatest share of each flow
    "enrolment": 4,  # dead zone, saturation, greatest share, and the stated offer, below 0 where there is none
    "energy_mwh": 3,
    "flow_limits_mwh": 7,
    "v2g_ramp": 3,
    "wear": 1,
    "fee": 1,
    "eligible": 3,  # shares of cars eligible in the peak, in the flat period, in at least one of them
    "discharged_per_share_mwh": 1,
    "round_trip": 1,
    "cost_slope": 1,
    "conversion_efficiency": 1,
    "peak_cost": 1,
    "generation_before": 1,
    "g1_before": 1,
    "supply_cost_before": 1,
    "bill_before": 1,
    "reference_level": 1,
    "per_mwh": 1,
    "habit_weight": 1,
    "delay_weight": 1,
    "mean_parking_h": 1,
    "min_profit": 1,
    "max_bill": 1,  # infinite without a limit
    "max_bill_rise": 1,  # infinite without a limit
    "v2g_must_pay": 1,
}
"""Name and number of values of each parameter in ``data``, in order; `pack` writes them, the kernels read them."""

SERIES = (
    "period",
    "profile_mw",
    "delay_from_peak_h",
    "delay_from_flat_h",
    "cost_intercept",
    "staggered_charging",
    "staggered_discharging",
)
"""Arrays of shape (T,) that follow the parameters, in order; after them come the base loads of the days, (D, T)."""

AT = dict(zip(LAYOUT, itertools.accumulate(LAYOUT.values(), initial=0), strict=False))
"""Index in ``data`` of the first value of each parameter."""

HEADER = sum(LAYOUT.values())
"""Index in ``data`` of the first series."""

ROUNDING = 1e-9
"""Slack of constraints on sums, as a share; equals `outcome.ROUNDING`."""

EMPTY_GROUP = 1e-9
"""Share of the drivers below which a group counts as empty; equals `fairness.EMPTY_GROUP`."""

# numba reads module constants, not dictionaries
STEPS, DT, RECOVERY, DAYS = (AT[n] for n in ("n_steps", "dt_h", "recovery", "n_days"))
N_SERIES = len(SERIES)
OBJECTIVES, MIN_PROFIT, MAX_BILL, MUST_PAY = (AT[n] for n in ("objectives", "min_profit", "max_bill", "v2g_must_pay"))
MAX_BILL_RISE = AT["max_bill_rise"]
REFERENCE, RAMPS, ENERGY, LIMITS = (AT[n] for n in ("reference", "ramps", "energy_mwh", "flow_limits_mwh"))
ENROLMENT = AT["enrolment"]
V2G_RAMP, WEAR, FEE, ELIGIBLE = (AT[n] for n in ("v2g_ramp", "wear", "fee", "eligible"))
DISCHARGED, ROUND_TRIP, COST_SLOPE = (AT[n] for n in ("discharged_per_share_mwh", "round_trip", "cost_slope"))
CONVERSION, PEAK_COST, LEVEL = (AT[n] for n in ("conversion_efficiency", "peak_cost", "reference_level"))
GENERATION_BEFORE, G1_BEFORE = AT["generation_before"], AT["g1_before"]
SUPPLY_BEFORE, BILL_BEFORE = AT["supply_cost_before"], AT["bill_before"]
MONEY, HABIT, DELAY, PARKING = (AT[n] for n in ("per_mwh", "habit_weight", "delay_weight", "mean_parking_h"))


def pack(parameters: Mapping[str, ArrayLike], series: Mapping[str, ArrayLike], days_mw: np.ndarray) -> np.ndarray:
    """Return one flat array of all parameters, shape (HEADER + (N_SERIES + D) T,).

    Parameters
    ----------
    parameters : mapping
        The names of `LAYOUT`, each with its number of values.
    series : mapping
        The names of `SERIES`, each (T,).
    days_mw : (D, T) array
        Load without electric vehicles of each day [MW].

    Raises
    ------
    ValueError
        A name is missing or unknown, or has another number of values.
    """
    if set(parameters) != set(LAYOUT) or set(series) != set(SERIES):
        raise ValueError(f"the parameters must be {', '.join([*LAYOUT, *SERIES])}")
    parts = [np.ravel(np.asarray(parameters[name], dtype=float)) for name in LAYOUT]
    for (name, length), part in zip(LAYOUT.items(), parts, strict=True):
        if len(part) != length:
            raise ValueError(f"{name} must have {length} values, not {len(part)}")
    return np.concatenate([*parts, *(np.asarray(series[name], dtype=float) for name in SERIES), days_mw.ravel()])


@jit
def ramp(incentive: float, data: np.ndarray, at: int) -> float:
    """Return the share of eq. (1) at an incentive, with l, h, phi_max at ``data[at:]``; see `ramp.ramp_share`."""
    share = data[at + 2] / (data[at + 1] - data[at]) * (incentive - data[at])
    return min(max(share, 0.0), data[at + 2])


@jit
def enrolled_share(x: np.ndarray, data: np.ndarray) -> float:
    """Return the share of owners who enrol under a tariff (6,), 1 without enrolment; see `response.Enrolment`."""
    offer = data[ENROLMENT + 3]
    if offer < 0.0:
        offer = (x[0] - x[2]) - (data[REFERENCE] - data[REFERENCE + 2])
    return ramp(offer, data, ENROLMENT)


@jit
def cut_flows(flow: np.ndarray, data: np.ndarray) -> None:
    """Scale the flows (3,) [MWh] down in place until all seven joint limits hold; see `response.limit_flows`."""
    for k in range(7):
        w0 = 2.0 if k == 6 else (1.0 if k == 0 or k >= 3 else 0.0)
        w1 = 1.0 if k == 1 or k == 3 or k >= 5 else 0.0
        w2 = 1.0 if k == 2 or k >= 4 else 0.0
        total = w0 * flow[0] + w1 * flow[1] + w2 * flow[2]
        if total > data[LIMITS + k]:
            factor = data[LIMITS + k] / total
            flow[0] *= factor if w0 > 0.0 else 1.0
            flow[1] *= factor if w1 > 0.0 else 1.0
            flow[2] *= factor if w2 > 0.0 else 1.0


@jit
def allocate(level: np.ndarray, energy: float, data: np.ndarray, period: int, sign: float, add: np.ndarray) -> None:
    """Write to ``add`` (T,) the power added to each step of a period, 0 elsewhere [MW]; see `curves.allocate`.

    Valley filling: the common level is the mean over the filled steps after the addition; steps above it are left out,
    and it is computed again, until no step is above it.
    """
    steps = int(data[STEPS])
    count = 0
    total = 0.0
    for t in range(steps):
        if data[HEADER + t] == period:
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
                if data[HEADER + t] == period and sign * level[t] < common:
                    left += 1
                    rest += sign * level[t]
            if left == count or left == 0:
                break
            count = left
            total = rest
    staggered = HEADER + (5 if sign > 0.0 else 6) * steps
    for t in range(steps):
        add[t] = 0.0
        if data[HEADER + t] == period and energy > 0.0:
            if data[RECOVERY] == 1.0:
                add[t] = max(common - sign * level[t], 0.0)
            else:
                add[t] = power * data[staggered + t] if data[RECOVERY] == 2.0 else power / count


@jit
def discharging(x: np.ndarray, responding: float, data: np.ndarray, discharged: np.ndarray) -> float:
    """Write the energy discharged in peak and flat to ``discharged`` (2,) [MWh]; see `v2g.discharging_shares`.

    Return the share of cars that discharge.
    """
    cost = x[2] / data[ROUND_TRIP] + data[WEAR]
    total = 0.0
    for p in range(2):
        discharged[p] = min(ramp(x[3 + p] - cost, data, V2G_RAMP), data[ELIGIBLE + p])
        total += discharged[p]
    most = min(responding, data[ELIGIBLE + 2])
    for p in range(2):
        discharged[p] *= (most / total if total > most else 1.0) * data[DISCHARGED]
    return min(total, most)


@jit
def day_curves(
    flow: np.ndarray,
    discharged: np.ndarray,
    recharged: float,
    data: np.ndarray,
    day: int,
    load: np.ndarray,
    ev: np.ndarray,
) -> float:
    """Write one day's total load and charging for driving, ``load`` and ``ev`` (T,) [MW]; see `curves.ev_curves`.

    Return the sum over the steps of shifted energy times its delay [MWh h].
    """
    steps = int(data[STEPS])
    profile, delay_peak, delay_flat = HEADER + steps, HEADER + 2 * steps, HEADER + 3 * steps
    base = HEADER + (N_SERIES + day) * steps
    keep_peak = 1.0 - (flow[0] + flow[1]) / data[ENERGY]
    keep_flat = 1.0 - flow[2] / data[ENERGY + 1]
    for t in range(steps):
        p = data[HEADER + t]
        ev[t] = data[profile + t] * (keep_peak if p == 0.0 else (keep_flat if p == 1.0 else 1.0))
        load[t] = data[base + t] + ev[t]

    add = np.empty(steps)
    delayed = 0.0
    allocate(load, flow[1], data, 1, 1.0, add)
    for t in range(steps):
        ev[t] += add[t]
        load[t] += add[t]
        delayed += add[t] * data[delay_peak + t]
    moved = flow[0] + flow[2]
    total = moved + recharged
    if total > 0.0:
        allocate(load, total, data, 2, 1.0, add)
        part = moved / total
        for t in range(steps):
            load[t] += add[t]
            ev[t] += add[t] * part
            if moved > 0.0:
                delay = (flow[0] * data[delay_peak + t] + flow[2] * data[delay_flat + t]) / moved
                delayed += add[t] * part * delay
    for p in range(2):
        allocate(load, discharged[p], data, p, -1.0, add)
        for t in range(steps):
            load[t] -= add[t]
    return delayed * data[DT]


@jit
def totals(x: np.ndarray, load: np.ndarray, ev: np.ndarray, data: np.ndarray, out: np.ndarray) -> None:
    """Update ``out`` (8,) with one day.

    ``out[0]`` is the highest peak, ``out[6]`` and ``out[7]`` the highest load inside and outside the valley hours [MW];
    the others are sums over days: of peak-valley differences [MW], costs of generation [currency], absolute changes of
    charging [MW steps] and payments for charging [price unit x MWh/kWh].
    """
    steps = int(data[STEPS])
    peak, valley = load[0], load[0]
    for t in range(steps):
        peak = max(peak, load[t])
        valley = min(valley, load[t])
        side = 6 if data[HEADER + t] == 2.0 else 7
        out[side] = max(out[side], load[t])
        out[2] += (data[HEADER + 4 * steps + t] + 0.5 * data[COST_SLOPE] * load[t]) * load[t] * data[DT]
        out[3] += abs(ev[t] - data[HEADER + steps + t])
        out[4] += x[int(data[HEADER + t])] * ev[t] * data[DT]
    out[0] = max(out[0], peak)
    out[1] += peak - valley


@jit
def all_days(x: np.ndarray, flow: np.ndarray, discharged: np.ndarray, data: np.ndarray, out: np.ndarray) -> float:
    """Fill ``out`` (8,) with the figures of `totals`, means over the days but for peaks, and the delay [MWh h].

    Return the cost of supply that is avoided, less fees for discharging [currency/day].
    """
    steps, n_days = int(data[STEPS]), int(data[DAYS])
    load, ev = np.empty(steps), np.empty(steps)
    given = discharged[0] + discharged[1]
    out[0], out[6], out[7] = -1e300, -1e300, -1e300
    for k in range(1, 6):
        out[k] = 0.0
    for day in range(n_days):
        out[5] += day_curves(flow, discharged, given / data[ROUND_TRIP], data, day, load, ev)
        totals(x, load, ev, data, out)
    for k in range(1, 6):
        out[k] /= n_days
    avoided = (data[GENERATION_BEFORE] - out[2]) / data[CONVERSION]
    avoided += data[PEAK_COST] * (data[G1_BEFORE] - out[0])
    return avoided - data[FEE] * given * data[MONEY]


@jit
def constraints(
    x: np.ndarray, paid: float, profit: float, bill: float, gain: float, data: np.ndarray, psi: float, g: np.ndarray
) -> None:
    """Fill the first ten constraints ``g`` (11,) of one candidate; see `outcome.constraint_values`."""
    level = data[LEVEL]
    g[0] = (x[2] - x[1]) / level
    g[1] = (x[1] - x[0]) / level
    g[2] = min((x[2] / data[ROUND_TRIP] + data[WEAR] + data[FEE] - x[3]) / level, psi)
    g[3] = min((x[3] - x[0]) / level, psi)
    g[4] = (x[4] - x[3]) / level
    g[5] = (x[5] - x[4]) / level
    g[6] = paid / (data[ENERGY] + data[ENERGY + 1] + data[ENERGY + 2]) / level - 1.0 - ROUNDING
    g[7] = (data[MIN_PROFIT] - profit) / data[BILL_BEFORE] - ROUNDING
    g[8] = (bill - data[MAX_BILL]) / data[BILL_BEFORE] - ROUNDING if data[MAX_BILL] < np.inf else -1.0
    g[9] = -gain / data[BILL_BEFORE] if data[MUST_PAY] > 0.0 else 0.0


@jit
def bill_rise(x: np.ndarray, flow: np.ndarray, both: float, battery: float, paid: float, data: np.ndarray) -> float:
    """Return the largest relative rise of a group's bill; see `fairness.largest_bill_rise`.

    ``both`` is the share of cars that discharge, ``battery`` their payments for recharging less their income, ``paid``
    all payments for charging [price unit x MWh/kWh].
    """
    moved = (flow[0] + flow[1] + flow[2]) / (data[ENERGY] + data[ENERGY + 1] + data[ENERGY + 2])
    shifted = x[2] * (flow[0] + flow[2]) + x[1] * flow[1]
    part = both / max(moved, EMPTY_GROUP)
    most = -np.inf
    if 1.0 - moved > EMPTY_GROUP:
        most = (paid - shifted) / (1.0 - moved)
    if moved - both > EMPTY_GROUP:
        most = max(most, shifted * (1.0 - part) / (moved - both))
    if both > EMPTY_GROUP:
        most = max(most, (shifted * part + battery) / both)
    return most * data[MONEY] / data[BILL_BEFORE] - 1.0


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Fill objectives and constraints of the candidates; see `outcome.evaluate`.

    Parameters
    ----------
    X : (n, 6) array
        One tariff a row, in the order of `tariff.VARIABLES`.
    data : (k,) array
        From `kernel_data.kernel_data`.
    F, G : (n, m) and (n, 11) arrays
        Receive the objectives, to be minimised, and the constraints, kept where <= 0.
    """
    flow, discharged, nothing = np.empty(3), np.empty(2), np.zeros(2)
    out, without, q = np.empty(8), np.empty(8), np.empty(10)
    energy = data[ENERGY] + data[ENERGY + 1] + data[ENERGY + 2]
    for row in range(X.shape[0]):
        x = X[row]
        for k in range(3):
            a, b = (1 if k == 2 else 0), (1 if k == 1 else 2)
            incentive = (x[a] - x[b]) - (data[REFERENCE + a] - data[REFERENCE + b])
            flow[k] = ramp(incentive, data, RAMPS + 3 * k) * data[ENERGY + a]
        cut_flows(flow, data)
        enrolled = enrolled_share(x, data)
        for k in range(3):
            flow[k] *= enrolled
        psi = discharging(x, (flow[0] + flow[1] + flow[2]) / energy, data, discharged)
        given = discharged[0] + discharged[1]
        avoided = all_days(x, flow, discharged, data, out)
        wear = data[WEAR] * given * data[MONEY]
        gain = avoided - all_days(x, flow, nothing, data, without) - wear if given > 0.0 else 0.0

        income = x[3] * discharged[0] + x[4] * discharged[1]
        battery = x[2] * given / data[ROUND_TRIP] - income
        bill = (out[4] + battery) * data[MONEY]
        profit = bill - data[SUPPLY_BEFORE] + avoided
        above = max(x[3] - x[0], 0.0) * discharged[0] + max(x[4] - x[1], 0.0) * discharged[1]
        theta = data[HABIT] * (1.0 - 0.5 * out[3] * data[DT] / energy)
        theta += data[DELAY] * (1.0 - out[5] / energy / data[PARKING])

        q[0], q[1], q[2], q[3], q[4] = out[1], above * data[MONEY] - avoided, -theta, -profit, bill
        q[5] = (x[0] * data[ENERGY] + x[1] * data[ENERGY + 1] + x[2] * data[ENERGY + 2]) * data[MONEY]
        q[6], q[7] = bill + wear - profit, out[0]
        q[8] = bill_rise(x, flow, psi, battery, out[4], data)
        q[9] = out[6] - out[7]
        for k in range(F.shape[1]):
            F[row, k] = q[int(data[OBJECTIVES + k])]
        constraints(x, out[4], profit, bill, gain, data, psi, G[row])
        G[row, 10] = q[8] - data[MAX_BILL_RISE] - ROUNDING if data[MAX_BILL_RISE] < np.inf else -1.0
