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
    DELAY,
    DT,
    FEE,
    G1_BEFORE,
    HABIT,
    LEVEL,
    MAX_BILL,
    MAX_BILL_RISE,
    MAX_LOAD,
    MIN_PROFIT,
    MONEY,
    MUST_PAY,
    OBJECTIVES,
    PARKING,
    ROUND_TRIP,
    SUPPLY_BEFORE,
    WEAR,
    unpack,
)

ROUNDING = 1e-9
"""Slack of constraints on sums, as a share; equals `outcome.ROUNDING`."""

EMPTY_GROUP = 1e-9
"""Share of the drivers below which a group counts as empty; equals `fairness.EMPTY_GROUP`."""


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
    """Fill the constraints ``g`` (2 P + 6,) of one candidate; see `outcome.constraint_values`."""
    level, last = data[LEVEL], x.shape[0] // 2 - 1
    dearest = last + 1  # index of the discharge price of the dearest period
    for k in range(last):
        g[k] = (x[last - k] - x[last - k - 1]) / level
        g[last + 2 + k] = (x[dearest + k + 1] - x[dearest + k]) / level
    least = x[last] / data[ROUND_TRIP] + data[WEAR] + data[FEE]
    g[last] = min((least - x[dearest]) / level, psi)
    g[last + 1] = min((x[dearest] - x[0]) / level, psi)
    k = 2 * last + 2
    g[k] = mean_price / level - 1.0 - ROUNDING
    g[k + 1] = (data[MIN_PROFIT] - profit) / data[BILL_BEFORE] - ROUNDING
    g[k + 2] = (bill - data[MAX_BILL]) / data[BILL_BEFORE] - ROUNDING if data[MAX_BILL] < np.inf else -1.0
    g[k + 3] = -gain / data[BILL_BEFORE] if data[MUST_PAY] > 0.0 else 0.0
    g[k + 4] = rise - data[MAX_BILL_RISE] - ROUNDING if data[MAX_BILL_RISE] < np.inf else -1.0
    g[k + 5] = (peak - data[MAX_LOAD]) / data[G1_BEFORE] - ROUNDING if data[MAX_LOAD] < np.inf else -1.0


@jit(borrows=True)
def bill_rise(
    x: np.ndarray, moved: np.ndarray, share: float, both: float, battery: float, paid: float, data: np.ndarray
) -> float:
    """Return the largest relative rise of a group's bill; see `fairness.largest_bill_rise`.

    ``share`` is that of energy shifted, ``both`` the share of cars that discharge, ``battery`` their payments for
    recharging less their income, ``paid`` all payments for charging [price unit x MWh/kWh].
    """
    shifted = 0.0
    for b in range(moved.shape[0] - 1, 0, -1):
        into = 0.0
        for a in range(b):
            into += moved[a, b]
        shifted += x[b] * into
    part = both / max(share, EMPTY_GROUP)
    most = -np.inf
    if 1.0 - share > EMPTY_GROUP:
        most = (paid - shifted) / (1.0 - share)
    if share - both > EMPTY_GROUP:
        most = max(most, shifted * (1.0 - part) / (share - both))
    if both > EMPTY_GROUP:
        most = max(most, (shifted * part + battery) / both)
    return most * data[MONEY] / data[BILL_BEFORE] - 1.0


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Fill objectives and constraints of the candidates; see `outcome.evaluate`.

    Parameters
    ----------
    X : (n, 2 P) array
        One tariff a row, in the order of `tariff.price_names`.
    data : (k,) array
        From `kernel_data.kernel_data`.
    F, G : (n, m) and (n, 2 P + 6) arrays
        Receive the objectives, to be minimised, and the constraints, kept where <= 0.
    """
    tables = unpack(data)
    n_periods = tables.reference.shape[0]
    last = n_periods - 1
    flow, moved = np.empty(n_periods * last // 2), np.zeros((n_periods, n_periods))
    discharged, nothing = np.empty(last), np.zeros(last)
    steps = tables.period.shape[0]
    load, ev, add = np.empty(steps), np.empty(steps), np.empty(steps)
    out, without, q = np.empty(8), np.empty(8), np.empty(10)
    energy = total_of(tables.energy)
    for row in range(X.shape[0]):
        x = X[row]
        wanted_flows(x, tables.reference, tables.ramps, tables.energy, flow)
        cut_flows(flow, tables.weights, tables.limits)
        enrolled = enrolled_share(x, data, tables.reference)
        for k in range(flow.shape[0]):
            flow[k] *= enrolled
        flows_between(flow, n_periods, moved)
        responding = total_of(flow) / energy
        psi = discharging(x, responding, data, tables.eligible, discharged)
        given = total_of(discharged)
        avoided = all_days(x, moved, discharged, data, tables, load, ev, add, out)
        wear = data[WEAR] * given * data[MONEY]
        gain = 0.0
        if given > 0.0:
            gain = avoided - all_days(x, moved, nothing, data, tables, load, ev, add, without) - wear

        income, above, inflexible = 0.0, 0.0, 0.0
        for p in range(last):
            income += x[n_periods + p] * discharged[p]
            above += max(x[n_periods + p] - x[p], 0.0) * discharged[p]
        for p in range(n_periods):
            inflexible += x[p] * tables.energy[p]
        battery = x[last] * given / data[ROUND_TRIP] - income
        bill = (out[4] + battery) * data[MONEY]
        profit = bill - data[SUPPLY_BEFORE] + avoided
        theta = data[HABIT] * (1.0 - 0.5 * out[3] * data[DT] / energy)
        theta += data[DELAY] * (1.0 - out[5] / energy / data[PARKING])

        q[0], q[1], q[2], q[3], q[4] = out[1], above * data[MONEY] - avoided, -theta, -profit, bill
        q[5] = inflexible * data[MONEY]
        q[6], q[7] = bill + wear - profit, out[0]
        q[8] = bill_rise(x, moved, responding, psi, battery, out[4], data)
        q[9] = out[6] - out[7]
        for k in range(F.shape[1]):
            F[row, k] = q[int(data[OBJECTIVES + k])]
        constraints(x, out[4] / energy, profit, bill, gain, data, psi, q[8], q[7], G[row])
