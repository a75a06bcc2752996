"""A slow account of costs, written without the package: offers sorted by price, every way to sell tried."""

from __future__ import annotations

import numpy as np
from scipy.optimize import LinearConstraint, milp

from csmoifsa_aggregator.inputs.case import Case, case_from_dict


def plain_step(load, discharged, offers, real_time, sale):
    """Cost of one step [currency/h]: offers are (kW, price) pairs, bought ahead; give None: nothing can be sold."""
    net = load - discharged

    def cheapest(amount, open_to):
        total = 0.0
        for kw, price in sorted(open_to, key=lambda one: one[1]):
            take = min(kw, amount)
            total, amount = total + (take * price if take > 0 else 0.0), amount - take
        return total if amount <= 1e-9 * max(1.0, load) else np.inf

    every = [*offers, (np.inf, real_time)]
    if sale is None:
        return cheapest(max(net, 0.0), every)
    costs = [cheapest(net, every)] if net >= 0 else []
    reach = np.cumsum([0.0] + [kw for kw, _ in sorted(offers, key=lambda one: one[1])])
    tried = {max(0.0, -net), discharged, *(float(edge - net) for edge in reach if np.isfinite(edge))}
    # cost is piecewise linear in what is sold, so one of its edges is best
    costs += [cheapest(net + sold, offers) - sale * sold for sold in tried if max(0.0, -net) <= sold <= discharged]
    return min(costs)


def blocks_of(market):
    if market.block_kw is None:
        return [(np.inf, 0.0)]
    return list(zip(market.block_kw, market.block_premium, strict=True))


def plain_cost(load, discharged, market, sale):
    """Cost of a day's loads (T,) [currency], storage left out."""
    total = 0.0
    for t in range(len(load)):
        offers = [(kw, market.day_ahead[t] + extra) for kw, extra in blocks_of(market)]
        total += plain_step(load[t], discharged[t], offers, market.buy[t], None if sale is None else sale[t])
    return total * market.dt_h


def least_cost(cars, market, sale, plain) -> float:
    """Least cost of a fixed load and batteries, wear included, by one plain mixed-integer program in kW and currency.

    Columns step by step: blocks, real time, sold, may sell; then charge, discharge, content and direction of each
    vehicle class in each plugged step.
    """
    steps, dt = market.n_steps, market.dt_h
    blocks = blocks_of(market)
    nb, wide = len(blocks), len(blocks) + 3
    stays = [[(int(cars.start[v]) + i) % steps for i in range(int(cars.length[v]))] for v in range(cars.n_classes)]
    offset, n = [], wide * steps
    for stay in stays:
        offset.append(n)
        n += 4 * len(stay)
    n += market.demand_charge > 0
    cost, low, high, whole = np.zeros(n), np.zeros(n), np.full(n, np.inf), np.zeros(n)
    rows, floor, top = [], [], []

    def row(terms, least, most):
        line = np.zeros(n)
        for column, value in terms:
            line[column] += value
        rows.append(line), floor.append(least), top.append(most)

    big = float(plain.max() + (cars.count * np.maximum(cars.charge_kw, cars.discharge_kw)).sum()) + 1.0
    for t in range(steps):
        at = wide * t
        for b, (kw, extra) in enumerate(blocks):
            high[at + b], cost[at + b] = kw, dt * (market.day_ahead[t] + extra)
        cost[at + nb], cost[at + nb + 1] = dt * market.buy[t], -dt * sale[t]
        high[at + nb + 2], whole[at + nb + 2] = 1.0, 1
        row([(at + nb, 1.0), (at + nb + 2, big)], -np.inf, big)  # buys in real time only if it does not sell
        row([(at + nb + 1, 1.0), (at + nb + 2, -big)], -np.inf, 0.0)
        mine = [(v, i) for v, stay in enumerate(stays) for i, s in enumerate(stay) if s == t]
        charge = [(offset[v] + 4 * i, cars.count[v]) for v, i in mine]
        discharge = [(offset[v] + 4 * i + 1, cars.count[v]) for v, i in mine]
        less = [(column, -value) for column, value in charge]
        supply = [*((at + b, 1.0) for b in range(nb + 1)), (at + nb + 1, -1.0)]
        row([*supply, *less, *discharge], plain[t], plain[t])
        row([(at + nb + 1, 1.0), *((column, -value) for column, value in discharge)], -np.inf, 0.0)
        if market.import_limit_kw is not None:
            row(
                [*charge, *((column, -value) for column, value in discharge)],
                -np.inf,
                market.import_limit_kw[t] - plain[t],
            )
    if market.demand_charge > 0:  # the last column is the peak of base, other cars and batteries
        base = np.zeros(steps) if market.base_kw is None else market.base_kw
        cost[-1] = market.demand_charge
        for t in range(steps):
            net = [
                (offset[v] + 4 * i, -cars.count[v])
                for v, stay in enumerate(stays)
                for i, s in enumerate(stay)
                if s == t
            ]
            row([(n - 1, 1.0), *net, *((at + 1, -value) for at, value in net)], base[t] + plain[t], np.inf)
    for v, stay in enumerate(stays):
        eta, reached = cars.efficiency[v], cars.arrival_kwh[v]
        for i in range(len(stay)):
            at = offset[v] + 4 * i
            reached += eta * cars.charge_kw[v] * dt
            high[at], high[at + 1], high[at + 3], whole[at + 3] = cars.charge_kw[v], cars.discharge_kw[v], 1.0, 1
            low[at + 2], high[at + 2] = min(cars.floor_kwh[v], reached), cars.capacity_kwh[v]
            cost[at + 1] = cars.wear[v] * cars.count[v] * dt
            before = [(at - 2, -1.0)] if i else []
            start = 0.0 if i else cars.arrival_kwh[v]
            row([(at + 2, 1.0), *before, (at, -eta * dt), (at + 1, dt / eta)], start, start)
            row([(at, 1.0), (at + 3, -cars.charge_kw[v])], -np.inf, 0.0)
            row([(at + 1, 1.0), (at + 3, cars.discharge_kw[v])], -np.inf, cars.discharge_kw[v])
        low[at + 2] = max(low[at + 2], cars.departure_kwh[v])
    answer = milp(
        cost,
        constraints=LinearConstraint(np.array(rows), floor, top),
        bounds=(low, high),
        integrality=whole,
        options={"mip_rel_gap": 1e-9},
    )
    if not answer.success:
        return np.inf
    alone = 0.0 if market.base_kw is None else max(0.0, market.base_kw.max())
    return float(answer.fun) - market.demand_charge * alone


def draw_case(seed: int, **limits) -> Case:
    """Draw a case of any kind: blocks, import limit, cheap or dear real time, selling ratio, negative prices, V2G."""
    rng = np.random.default_rng(seed)
    steps = 8
    p = np.round(rng.uniform(0.02, 0.2, steps), 3)
    if rng.random() < 0.3:
        p[rng.integers(0, steps, 2)] *= -1.0
    if rng.random() < 0.2:
        p[rng.integers(steps)] = 0.0
    classes = []
    for k in range(2):
        start, length = int(rng.integers(0, 8)), int(rng.integers(3, 6))
        window = f"{3 * start:02d}:00-{3 * ((start + length) % 8):02d}:00"
        count = float(rng.integers(5, 50))
        classes.append({"name": f"c{k}", "count": count, "power_kw": 4.0, "window": window})
    contract = {
        "v2g_share": float(rng.choice([0.3, 0.7, 1.0])),
        "owner_share": float(rng.choice([0.0, 0.5])),
        "capacity_kwh": 40.0,
        "floor_kwh": 4.0,
        "arrival_kwh": float(rng.uniform(8.0, 15.0)),
        "departure_kwh": float(rng.uniform(20.0, 30.0)),
        "efficiency": float(rng.choice([0.9, 1.0])),
        "wear": float(rng.choice([0.0, 0.01])),
        "sell_ratio": float(rng.choice([0.4, 1.0, 1.3])),
        "discharge_kw": float(rng.choice([0.0, 4.0, 4.0])),
    }
    if rng.random() < 0.5:
        kw = float(rng.choice([0.0, 20.0, 60.0]))
        limits |= {"block_kw": [kw, float(rng.choice([15.0, 1e9]))], "block_premium": [-0.005, 0.04]}
    return case_from_dict(
        {
            "name": f"drawn {seed}",
            "market": {"day_ahead": p.tolist(), "buy_ratio": float(rng.choice([0.6, 1.0, 1.5]))},
            "price": {"band": 0.3, "mean_ratio": 1.0},
            "classes": classes,
            "contract": contract,
            "limits": limits,
        }
    )
