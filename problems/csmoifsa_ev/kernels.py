"""The compiled twin of `pricing.evaluate`: the same model in scalar loops, for the engine's fast path.

The numpy functions are the reference; a test holds the two together to 1e-12.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit

# Where each parameter stands in `data`; written by `pricing.kernel_data`.
STEPS, DT, WATER, MARKET, DAYS = 0, 1, 2, 3, 4
REFERENCE, RAMPS, ENERGY, LIMITS = 5, 8, 17, 20  # 3 prices, 3 x (l, h, phi_max), 3 energies, 7 joint limits
V2G_RAMP, WEAR, FEE, ABLE = 27, 30, 31, 32  # (l, h, phi_max), -, -, able in peak, in flat, in either
GIVEN, ROUND_TRIP = 35, 36
COST_B, CONVERSION, PEAK_COST = 37, 38, 39
GENERATION_BEFORE, G1_BEFORE, SUPPLY_BEFORE, BILL_BEFORE = 40, 41, 42, 43
LEVEL, MONEY, HABIT, DELAY, PARKING = 44, 45, 46, 47, 48
# then, each (T,): period, profile, waits from peak, waits from flat, intercept of the marginal cost; then base (D, T)
HEADER = 49


@jit
def ramp(incentive: float, data: np.ndarray, at: int) -> float:
    """Return eq. (1) with l, h, phi_max at ``data[at:]``; see `response.ramp_share`."""
    share = data[at + 2] / (data[at + 1] - data[at]) * (incentive - data[at])
    return min(max(share, 0.0), data[at + 2])


@jit
def cut_flows(flow: np.ndarray, data: np.ndarray) -> None:
    """Cut the three flows back to the seven joint limits, in place; see `response.limit_flows`."""
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
def settle(level: np.ndarray, energy: float, data: np.ndarray, period: int, sign: float, add: np.ndarray) -> None:
    """Write to ``add`` what settles in each step of a period, 0 elsewhere; see `response.settle`.

    The water level is found by lowering it onto ever fewer steps: those above it drop out until none does.
    """
    steps = int(data[STEPS])
    count = 0
    total = 0.0
    for t in range(steps):
        if data[HEADER + t] == period:
            count += 1
            total += sign * level[t]
    poured = energy / data[DT]
    water = 0.0
    if data[WATER] > 0.0:
        while True:
            water = (poured + total) / count
            left = 0
            rest = 0.0
            for t in range(steps):
                if data[HEADER + t] == period and sign * level[t] < water:
                    left += 1
                    rest += sign * level[t]
            if left == count or left == 0:
                break
            count = left
            total = rest
    for t in range(steps):
        add[t] = 0.0
        if data[HEADER + t] == period and energy > 0.0:
            add[t] = max(water - sign * level[t], 0.0) if data[WATER] > 0.0 else poured / count


@jit
def discharging(x: np.ndarray, responding: float, data: np.ndarray, given: np.ndarray) -> None:
    """Write the energy discharged in peak and flat to ``given`` [MWh]; see `v2g.discharging_shares`."""
    cost = x[2] / data[ROUND_TRIP] + data[WEAR]
    total = 0.0
    for p in range(2):
        given[p] = min(ramp(x[3 + p] - cost, data, V2G_RAMP), data[ABLE + p])
        total += given[p]
    most = min(responding, data[ABLE + 2])
    for p in range(2):
        given[p] *= (most / total if total > most else 1.0) * data[GIVEN]


@jit
def day_curves(
    flow: np.ndarray, given: np.ndarray, recharged: float, data: np.ndarray, day: int, load: np.ndarray, ev: np.ndarray
) -> float:
    """Write one day's total load and charging for driving [MW]; return energy times hours waited [MWh h].

    See `pricing.load_curves`.
    """
    steps = int(data[STEPS])
    profile, waits_peak, waits_flat = HEADER + steps, HEADER + 2 * steps, HEADER + 3 * steps
    base = HEADER + (5 + day) * steps
    keep_peak = 1.0 - (flow[0] + flow[1]) / data[ENERGY]
    keep_flat = 1.0 - flow[2] / data[ENERGY + 1]
    for t in range(steps):
        p = data[HEADER + t]
        ev[t] = data[profile + t] * (keep_peak if p == 0.0 else (keep_flat if p == 1.0 else 1.0))
        load[t] = data[base + t] + ev[t]

    add = np.empty(steps)
    waited = 0.0
    settle(load, flow[1], data, 1, 1.0, add)
    for t in range(steps):
        ev[t] += add[t]
        load[t] += add[t]
        waited += add[t] * data[waits_peak + t]
    moved = flow[0] + flow[2]
    total = moved + recharged
    if total > 0.0:
        settle(load, total, data, 2, 1.0, add)
        part = moved / total
        for t in range(steps):
            load[t] += add[t]
            ev[t] += add[t] * part
            if moved > 0.0:
                wait = (flow[0] * data[waits_peak + t] + flow[2] * data[waits_flat + t]) / moved
                waited += add[t] * part * wait
    for p in range(2):
        settle(load, given[p], data, p, -1.0, add)
        for t in range(steps):
            load[t] -= add[t]
    return waited * data[DT]


@jit
def totals(x: np.ndarray, load: np.ndarray, ev: np.ndarray, data: np.ndarray, out: np.ndarray) -> None:
    """Add a day to ``out`` (5,).

    Highest peak, sum of peak-valley differences, of costs of generation, of charging moved [MW steps] and paid.
    """
    steps = int(data[STEPS])
    peak, valley = load[0], load[0]
    for t in range(steps):
        peak = max(peak, load[t])
        valley = min(valley, load[t])
        out[2] += (data[HEADER + 4 * steps + t] + 0.5 * data[COST_B] * load[t]) * load[t] * data[DT]
        out[3] += abs(ev[t] - data[HEADER + steps + t])
        out[4] += x[int(data[HEADER + t])] * ev[t] * data[DT]
    out[0] = max(out[0], peak)
    out[1] += peak - valley


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Fill objectives and constraints of the candidates; see `pricing.evaluate`.

    Parameters
    ----------
    X : (n, 6) array
        One tariff a row, in the order of `tariff.VARIABLES`.
    data : (k,) array
        From `pricing.kernel_data`.
    F, G : (n, 3) and (n, 8) arrays
        Written to.
    """
    steps = int(data[STEPS])
    load, ev = np.empty(steps), np.empty(steps)
    flow, given, out = np.empty(3), np.empty(2), np.empty(5)
    energy = data[ENERGY] + data[ENERGY + 1] + data[ENERGY + 2]
    for row in range(X.shape[0]):
        x = X[row]
        for k in range(3):
            a, b = (1 if k == 2 else 0), (1 if k == 1 else 2)
            incentive = (x[a] - x[b]) - (data[REFERENCE + a] - data[REFERENCE + b])
            flow[k] = ramp(incentive, data, RAMPS + 3 * k) * data[ENERGY + a]
        cut_flows(flow, data)
        discharging(x, (flow[0] + flow[1] + flow[2]) / energy, data, given)
        recharged = (given[0] + given[1]) / data[ROUND_TRIP]
        waited = 0.0
        out[0] = -1e300
        for k in range(1, 5):
            out[k] = 0.0
        n_days = int(data[DAYS])
        for day in range(n_days):
            waited += day_curves(flow, given, recharged, data, day, load, ev)
            totals(x, load, ev, data, out)
        waited /= n_days
        for k in range(1, 5):
            out[k] /= n_days

        relief = (data[GENERATION_BEFORE] - out[2]) / data[CONVERSION]
        relief += data[PEAK_COST] * (data[G1_BEFORE] - out[0])
        relief -= data[FEE] * (given[0] + given[1]) * data[MONEY]
        income = x[3] * given[0] + x[4] * given[1]
        bill = (out[4] + x[2] * recharged - income) * data[MONEY]
        profit = bill - data[SUPPLY_BEFORE] + relief
        above = max(x[3] - x[0], 0.0) * given[0] + max(x[4] - x[1], 0.0) * given[1]
        theta = data[HABIT] * (1.0 - 0.5 * out[3] * data[DT] / energy)
        theta += data[DELAY] * (1.0 - waited / energy / data[PARKING])

        F[row, 0] = out[1]
        F[row, 1] = -profit if data[MARKET] > 0.0 else -(relief - above * data[MONEY])
        F[row, 2] = bill if data[MARKET] > 0.0 else -theta
        level = data[LEVEL]
        G[row, 0] = (x[2] - x[1]) / level
        G[row, 1] = (x[1] - x[0]) / level
        G[row, 2] = (x[2] / data[ROUND_TRIP] + data[WEAR] + data[FEE] - x[3]) / level
        G[row, 3] = (x[3] - x[0]) / level
        G[row, 4] = (x[4] - x[3]) / level
        G[row, 5] = (x[5] - x[4]) / level
        G[row, 6] = (out[4] / energy - level) / level
        G[row, 7] = -profit / data[BILL_BEFORE]
