"""Compiled loops of `outcome.evaluate`: objectives and constraints of tariffs."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit
from csmoifsa_ev.model.kernels.days import all_days
from csmoifsa_ev.model.kernels.flows import (
    cut_flows,
    discharging,
    enrolled_share,
    flows_between,
    total_of,
    wanted_flows,
)
from csmoifsa_ev.model.kernels.layout import (
    BILL_BEFORE,
    CHEAPEST,
    CONVERSION,
    DELAY,
    DT,
    ENDS,
    FEE,
    G1_BEFORE,
    GENERATION_BEFORE,
    HABIT,
    HEADER,
    KINDS,
    LEVEL,
    MAX_BILL,
    MAX_BILL_RISE,
    MAX_LOAD,
    MEAN_PRICE,
    MIN_PROFIT,
    MONEY,
    MUST_PAY,
    OBJECTIVES,
    PAIRS,
    PARKING,
    PEAK_COST,
    PERIODS,
    PRICE_STEP,
    RATIOS,
    ROUND_TRIP,
    SHARE,
    SHARE_OF_ENERGY,
    SUPPLY_BEFORE,
    WEAR,
    unpack,
)

ROUNDING = 1e-9
"""Slack of constraints on sums, as a share; equals `constraints.ROUNDING`."""

OFF_STEP = 1e-6
"""Largest distance from a multiple that counts as rounding, as a share of the step; equals `rules.OFF_STEP`."""

EMPTY_GROUP = 1e-9
"""Share of the drivers below which a group counts as empty; equals `fairness.EMPTY_GROUP`."""

# columns of the sums over kinds of days, see `add_kind`
G1, G2, GENERATION, KEPT, PAID, WAITING, INSIDE, OUTSIDE, G1_WITHOUT, GENERATION_WITHOUT = range(10)
GIVEN, SHIFTED, BATTERY, ABOVE, RESPONDING, PSI, INFLEXIBLE, ENERGY = range(10, 18)
N_SUMS = 18


@jit(borrows=True)
def constraints(
    x: np.ndarray,
    mean_price: float,
    profit: float,
    bill: float,
    gain: float,
    data: np.ndarray,
    psi: float,
    rise: float,
    peak: float,
    g: np.ndarray,
) -> None:
    """Fill the constraints ``g`` (m,) of one candidate; see `constraints.constraint_values`."""
    level, n_periods = data[LEVEL], int(data[PERIODS])
    n_pairs, n_ends = int(data[PAIRS]), int(data[ENDS])
    ends, k = HEADER + 2 * n_pairs, 0
    for row in range(n_pairs - 1, -1, -1):
        a, b = int(data[HEADER + 2 * row]), int(data[HEADER + 2 * row + 1])
        g[k] = (x[b] - x[a]) / level
        k += 1
    for row in range(n_ends):
        a, b = int(data[ends + 2 * row]), int(data[ends + 2 * row + 1])
        least = x[b] / data[ROUND_TRIP] + data[WEAR] + data[FEE]
        g[k] = min((least - x[n_periods + a]) / level, psi)
        k += 1
    before = -1
    for row in range(n_ends):  # in rising order of the dearest period
        a = int(data[ends + 2 * row])
        if a != before:
            g[k] = min((x[n_periods + a] - x[a]) / level, psi)
            k += 1
        before = a
    for row in range(n_pairs):
        a, b = int(data[HEADER + 2 * row]), int(data[HEADER + 2 * row + 1])
        g[k] = (x[n_periods + b] - x[n_periods + a]) / level
        k += 1
    g[k] = mean_price / level - 1.0 - ROUNDING
    g[k + 1] = (data[MIN_PROFIT] - profit) / data[BILL_BEFORE] - ROUNDING
    g[k + 2] = (bill - data[MAX_BILL]) / data[BILL_BEFORE] - ROUNDING if data[MAX_BILL] < np.inf else -1.0
    g[k + 3] = -gain / data[BILL_BEFORE] if data[MUST_PAY] > 0.0 else 0.0
    g[k + 4] = rise - data[MAX_BILL_RISE] - ROUNDING if data[MAX_BILL_RISE] < np.inf else -1.0
    g[k + 5] = (peak - data[MAX_LOAD]) / data[G1_BEFORE] - ROUNDING if data[MAX_LOAD] < np.inf else -1.0
    k += 6
    if data[MEAN_PRICE + 1] < np.inf:
        g[k] = max(data[MEAN_PRICE] - mean_price, mean_price - data[MEAN_PRICE + 1]) / level - ROUNDING
        k += 1
    rules(x, data, k, g)


@jit(borrows=True)
def rules(x: np.ndarray, data: np.ndarray, first: int, g: np.ndarray) -> None:
    """Fill the constraints ``g`` of one candidate from ``first`` on with the rules; see `rules.Rules.values`."""
    n_periods, n_ratios = int(data[PERIODS]), int(data[RATIOS])
    at = HEADER + 2 * int(data[PAIRS]) + 2 * int(data[ENDS])
    for row in range(n_ratios):
        k = at + 4 * row
        one, other = price_at(x, int(data[k]), n_periods), price_at(x, int(data[k + 1]), n_periods)
        g[first + row] = (data[k + 2] * one + data[k + 3] * other) / data[LEVEL] - ROUNDING
    if data[PRICE_STEP] > 0.0:
        off = 0.0
        for k in range(x.shape[0]):
            steps = x[k] / data[PRICE_STEP]
            off = max(off, abs(steps - np.rint(steps)))
        g[first + n_ratios] = off - OFF_STEP


@jit(borrows=True)
def price_at(x: np.ndarray, k: int, n_periods: int) -> float:
    """Return price ``k`` of a tariff, the highest charge price where it is -1 and the lowest where it is -2."""
    if k >= 0:
        return x[k]
    found = x[0]
    for p in range(1, n_periods):
        found = max(found, x[p]) if k == -1 else min(found, x[p])
    return found


@jit(borrows=True)
def shifted_payments(x: np.ndarray, moved: np.ndarray) -> float:
    """Return the payments for shifted charging [price unit x MWh/kWh]; ``moved`` (P, P) are the flows [MWh]."""
    shifted = 0.0
    for b in range(moved.shape[0] - 1, 0, -1):
        into = 0.0
        for a in range(b):
            into += moved[a, b]
        shifted += x[b] * into
    return shifted


@jit(borrows=True)
def bill_rise(sums: np.ndarray, data: np.ndarray) -> float:
    """Return the largest relative rise of a group's bill; see `fairness.largest_bill_rise`."""
    share, both, shifted = sums[RESPONDING], sums[PSI], sums[SHIFTED]
    part = both / max(share, EMPTY_GROUP)
    most = -np.inf
    if 1.0 - share > EMPTY_GROUP:
        most = (sums[PAID] - shifted) / (1.0 - share)
    if share - both > EMPTY_GROUP:
        most = max(most, shifted * (1.0 - part) / (share - both))
    if both > EMPTY_GROUP:
        most = max(most, (shifted * part + sums[BATTERY]) / both)
    return most * data[MONEY] / data[BILL_BEFORE] - 1.0


@jit
def add_kind(X: np.ndarray, data: np.ndarray, at: int, sums: np.ndarray) -> int:
    """Add one kind of days to the sums (n, N_SUMS) of each candidate; return where the next kind begins in ``data``.

    Peaks are the highest so far; what is a share of drivers or of time is weighted by energy, the rest by days.
    """
    tables, end = unpack(data, at)
    n_periods, steps = tables.reference.shape[0], tables.period.shape[0]
    last = n_periods - 1
    flow, moved = np.empty(n_periods * last // 2), np.zeros((n_periods, n_periods))
    discharged, nothing = np.empty(last), np.zeros(last)
    load, ev, add = np.empty(steps), np.empty(steps), np.empty(steps)
    out, without = np.empty(8), np.empty(8)
    energy = total_of(tables.energy)
    share, weight, cheapest = tables.kind[SHARE], tables.kind[SHARE_OF_ENERGY], int(tables.kind[CHEAPEST])
    for row in range(X.shape[0]):
        x, of_row = X[row], sums[row]
        wanted_flows(x, tables.reference, tables.ramps, tables.energy, flow)
        cut_flows(flow, tables.weights, tables.limits)
        enrolled = enrolled_share(x, data, tables)
        for k in range(flow.shape[0]):
            flow[k] *= enrolled
        flows_between(flow, n_periods, moved)
        responding = total_of(flow) / energy
        psi = discharging(x, responding, data, tables, discharged)
        given = total_of(discharged)
        all_days(x, moved, discharged, data, tables, load, ev, add, out)
        if given > 0.0:
            all_days(x, moved, nothing, data, tables, load, ev, add, without)
        else:
            without[:] = out
        income, above, inflexible = 0.0, 0.0, 0.0
        for p in range(last):
            income += x[n_periods + p] * discharged[p]
            above += max(x[n_periods + p] - x[p], 0.0) * discharged[p]
        for p in range(n_periods):
            inflexible += x[p] * tables.energy[p]
        for k in (G1, INSIDE, OUTSIDE):
            of_row[k] = max(of_row[k], out[k])
        of_row[G1_WITHOUT] = max(of_row[G1_WITHOUT], without[G1])
        of_row[G2] += share * out[1]
        of_row[GENERATION] += share * out[2]
        of_row[GENERATION_WITHOUT] += share * without[2]
        of_row[KEPT] += weight * (1.0 - 0.5 * out[3] * data[DT] / energy)
        of_row[PAID] += share * out[4]
        of_row[WAITING] += weight * (out[5] / energy / tables.kind[PARKING])
        of_row[GIVEN] += share * given
        of_row[SHIFTED] += share * shifted_payments(x, moved)
        of_row[BATTERY] += share * (x[cheapest] * given / data[ROUND_TRIP] - income)
        of_row[ABOVE] += share * above
        of_row[RESPONDING] += weight * responding
        of_row[PSI] += weight * psi
        of_row[INFLEXIBLE] += share * inflexible
        of_row[ENERGY] += share * energy
    return end


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Fill objectives and constraints of the candidates; see `outcome.evaluate`.

    Parameters
    ----------
    X : (n, 2 P) array
        One tariff a row, in the order of `tariff.price_names`.
    data : (k,) array
        From `kernel_data.kernel_data`.
    F, G : (n, m) and (n, k) arrays
        Receive the objectives, to be minimised, and the constraints, kept where <= 0.
    """
    sums, q = np.zeros((X.shape[0], N_SUMS)), np.empty(10)
    for k in (G1, INSIDE, OUTSIDE, G1_WITHOUT):
        sums[:, k] = -1e300
    at = HEADER + 2 * int(data[PAIRS]) + 2 * int(data[ENDS]) + 4 * int(data[RATIOS])
    for _ in range(int(data[KINDS])):
        at = add_kind(X, data, at, sums)
    for row in range(X.shape[0]):
        x, of_row = X[row], sums[row]
        given = of_row[GIVEN]
        fee = data[FEE] * given * data[MONEY]
        avoided = (data[GENERATION_BEFORE] - of_row[GENERATION]) / data[CONVERSION]
        avoided += data[PEAK_COST] * (data[G1_BEFORE] - of_row[G1])
        avoided -= fee
        without = (data[GENERATION_BEFORE] - of_row[GENERATION_WITHOUT]) / data[CONVERSION]
        without += data[PEAK_COST] * (data[G1_BEFORE] - of_row[G1_WITHOUT])
        wear = data[WEAR] * given * data[MONEY]
        gain = avoided - without - wear if given > 0.0 else 0.0
        bill = (of_row[PAID] + of_row[BATTERY]) * data[MONEY]
        profit = bill - data[SUPPLY_BEFORE] + avoided
        theta = data[HABIT] * of_row[KEPT]
        theta += data[DELAY] * (1.0 - of_row[WAITING])

        q[0], q[1], q[2], q[3], q[4] = of_row[G2], of_row[ABOVE] * data[MONEY] - avoided, -theta, -profit, bill
        q[5] = of_row[INFLEXIBLE] * data[MONEY]
        q[6], q[7] = bill + wear - profit, of_row[G1]
        q[8] = bill_rise(of_row, data)
        q[9] = of_row[INSIDE] - of_row[OUTSIDE]
        for k in range(F.shape[1]):
            F[row, k] = q[int(data[OBJECTIVES + k])]
        constraints(x, of_row[PAID] / of_row[ENERGY], profit, bill, gain, data, of_row[PSI], q[8], q[7], G[row])
