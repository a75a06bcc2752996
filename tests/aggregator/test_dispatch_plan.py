"""A dispatcher's first plan against a plain linear program: sales, other drivers' load and the import limit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from aggregator.games import cars
from csmoifsa_aggregator.dispatch.dispatch import DispatchPlan, RollingDispatcher

T = 12


def least_cost(group, price, sale_price, plain, limit):
    """Return the least cost of the day: charging, less what is given or sold, and wear [currency].

    Columns: charge (V, T), discharge (V, T) of a class's vehicles together [kW], sold (T,) [kW].
    """
    n, dt = group.n_classes, group.dt_h
    charge, discharged, sold = np.split(np.arange(n * T * 2 + T), [n * T, 2 * n * T])
    charge, discharged = charge.reshape(n, T), discharged.reshape(n, T)
    cost, upper = np.zeros(sold[-1] + 1), np.zeros(sold[-1] + 1)
    rows, limits = [], []
    for v in range(n):
        stay = np.arange(group.start[v], group.start[v] + group.length[v])
        upper[charge[v, stay]] = group.charge_kw[v] * group.count[v]
        upper[discharged[v, stay]] = group.discharge_kw[v] * group.count[v]
        cost[charge[v]], cost[discharged[v]] = dt * price, dt * (group.wear[v] - price)
        soe = np.zeros(sold[-1] + 1)
        for t in stay:
            soe = soe.copy()
            soe[charge[v, t]] = group.efficiency[v] * dt / group.count[v]
            soe[discharged[v, t]] = -dt / group.efficiency[v] / group.count[v]
            least = group.departure_kwh[v] if t == stay[-1] else group.floor_kwh[v]
            rows += [soe, -soe]
            limits += [group.capacity_kwh[v] - group.arrival_kwh[v], group.arrival_kwh[v] - least]
    cost[sold], upper[sold] = dt * (price - sale_price), 1e6
    for t in range(T):
        net = np.zeros(sold[-1] + 1)
        net[charge[:, t]], net[discharged[:, t]] = 1.0, -1.0
        left, own = -net, np.zeros(sold[-1] + 1)
        left[sold[t]] = -1.0
        own[sold[t]], own[discharged[:, t]] = 1.0, -1.0
        rows += [left, own, net]
        limits += [plain[t], 0.0, limit[t] - plain[t]]
    answer = linprog(cost, A_ub=np.array(rows), b_ub=limits, bounds=np.column_stack([np.zeros(len(upper)), upper]))
    assert answer.status == 0
    return answer.fun


@pytest.mark.parametrize("dt", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(8))
def test_the_plan_is_the_cheapest(seed, dt):
    random = np.random.default_rng(seed)
    group = cars(wear=0.005, dt_h=dt, departure_kwh=[20.0, 22.0], count=[3.0, 5.0])
    price = random.uniform(0.02, 0.4, T)
    ratio = random.uniform(0.4, 1.0, T) if seed % 4 else np.full(T, 0.7)
    plain = random.uniform(0.0, 25.0, T) if seed % 2 else np.zeros(T)
    limit = plain + random.uniform(12.0, 40.0, T)
    plan = DispatchPlan(
        cars=group, day_ahead=price, past=np.zeros((0, T)), other_load_kw=plain, sale_ratio=ratio, import_limit_kw=limit
    )
    room = RollingDispatcher(plan)
    charge, discharged, soe = (np.nan_to_num(table) for table in room.powers())
    net = group.count @ (charge - discharged)
    assert (net + plain <= limit + 1e-6).all()
    np.testing.assert_allclose(net, room.position_kw, atol=1e-9)
    sold = np.maximum(-(net + plain), 0.0)  # no more than must be, since it earns less than the price
    cost = dt * (price @ net + (price * (1.0 - ratio)) @ sold + group.wear @ (group.count * discharged.sum(axis=1)))
    assert cost == pytest.approx(least_cost(group, price, ratio * price, plain, limit), abs=1e-6)
    for v, last in ((0, 8), (1, 11)):
        assert soe[v, last] >= group.departure_kwh[v] - 1e-6
