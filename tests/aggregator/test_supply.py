"""The cheapest supply of a load beside a storage, against a plain mixed-integer program and by hand."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.account import blocks_of, plain_cost
from aggregator.full_program import Model
from csmoifsa_aggregator.model.costs import Market, Storage, single_price
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.supply import add_sale, add_supply, procure


def least_supply_cost(load, given, market, give, may_lose):
    """Least cost [currency] in kW and kWh; binaries in every step, no step is settled beforehand."""
    model, dt, store, before = Model(), market.dt_h, market.storage, None
    most = 1.0 + load.max() + given.max() + 2.0 * store.power_kw
    for t in range(len(load)):
        balance = []
        for kw, extra in blocks_of(market):
            balance.append((model.variable(0.0, min(kw, most), -dt * (market.day_ahead[t] + extra)), 1.0))
        bought = model.variable(0.0, most, -dt * market.buy[t])
        sold = model.variable(0.0, store.power_kw, dt * market.sell[t])
        charge, discharge = model.variables(2, high=store.power_kw)
        balance += [(bought, 1.0), (sold, -1.0), (charge, -1.0), (discharge, 1.0)]
        selling, charging = model.switch(), model.switch()
        if give is not None:
            gone = model.variable(0.0, given[t], dt * give[t])
            balance.append((gone, -1.0))
            model.row([(gone, 1.0), (selling, -most)], most=0.0)
        elif may_lose:
            balance.append((model.variable(0.0, max(given[t] - load[t], 0.0)), -1.0))
        model.row(balance, load[t] - given[t], load[t] - given[t])
        model.row([(sold, 1.0), (discharge, -1.0)], most=0.0)
        model.row([(sold, 1.0), (selling, -most)], most=0.0)
        model.row([(bought, 1.0), (selling, most)], most=most)
        model.row([(charge, 1.0), (charging, -store.power_kw)], most=0.0)
        model.row([(discharge, 1.0), (charging, store.power_kw)], most=store.power_kw)
        content = model.variable(store.initial_kwh if t == len(load) - 1 else 0.0, store.capacity_kwh)
        flow = [(content, 1.0), (charge, -store.efficiency * dt), (discharge, dt / store.efficiency)]
        start = store.initial_kwh if before is None else 0.0
        model.row(flow if before is None else [*flow, (before, -1.0)], start, start)
        before = content
    answer = model.solve()
    return np.inf if answer is None else -answer[1]


def draw_supply(seed):
    """Return load, given power, market and selling price of four steps, of large and small powers."""
    rng = np.random.default_rng([17, seed])
    steps, size = 4, float(rng.choice([0.05, 1.0, 20.0]))
    p = np.round(rng.uniform(-0.3 if seed % 3 == 0 else 0.1, 1.0, steps), 2)
    dt = float(rng.choice([0.5, 1.0, 2.0]))
    blocks = {}
    if rng.random() < 0.5:
        kw = size * rng.uniform(0.2, 2.0, 2)
        kw[-1] = rng.choice([kw[-1], np.inf])
        blocks = {"block_kw": kw, "block_premium": np.sort(np.round(rng.uniform(-0.1, 0.4, 2), 2))}
    storage = Storage(
        power_kw=size * float(rng.choice([0.4, 1.0])),
        capacity_kwh=size * 2.0,
        initial_kwh=size * float(rng.choice([0.0, 0.5, 2.0])),
        efficiency=float(rng.choice([0.8, 1.0])),
    )
    buy = np.round(p + np.abs(p) * rng.choice([-0.3, 0.0, 0.2], steps), 3)
    sell = np.round(p + np.abs(p) * rng.choice([-0.4, 0.0, 0.3], steps), 3)
    give = np.round(p + np.abs(p) * rng.choice([-0.4, 0.0, 0.3], steps), 3)
    load, given = size * np.round(rng.uniform(0.0, 2.0, (2, steps)), 2)
    load[rng.random(steps) < 0.3] = 0.0
    given[rng.random(steps) < 0.3] = 0.0
    return load, given, Market(day_ahead=p, buy=buy, sell=sell, dt_h=dt, storage=storage, **blocks), give


@pytest.mark.parametrize("seed", range(40))
def test_supply_beside_a_storage_is_the_cheapest(seed):
    load, given, market, give = draw_supply(seed)
    none, store, dt = np.zeros(4), market.storage, market.dt_h
    size = max(1.0, store.power_kw)
    for power, price, lose in ((None, None, True), (given, give, True), (given, None, True), (given, None, False)):
        plan = procure(load, market, power, price, may_lose=lose)
        taken = none if power is None else power
        best = least_supply_cost(load, taken, market, price, lose)
        assert plan.cost == pytest.approx(best, rel=1e-6, abs=1e-6 * store.power_kw)
        assert plan.ev_cost == pytest.approx(plain_cost(load, taken, market, price), rel=1e-9, abs=1e-9)
        if np.isinf(best):
            continue
        before = np.r_[store.initial_kwh, plan.soe_kwh[:-1]]
        flow = (store.efficiency * plan.charge_kw - plan.discharge_kw / store.efficiency) * dt
        assert plan.soe_kwh == pytest.approx(before + flow, abs=1e-6 * size)
        assert plan.soe_kwh[-1] >= store.initial_kwh - 1e-6 * size
        for kw in (plan.charge_kw, plan.discharge_kw):
            assert ((kw >= -1e-6 * size) & (kw <= store.power_kw + 1e-6 * size)).all()


# ---- by hand ----

STORE = Storage(power_kw=2.0, capacity_kwh=4.0, initial_kwh=0.0, efficiency=1.0)
CHEAP_THEN_DEAR = replace(single_price(np.array([0.1, 0.5]), 1.0), storage=STORE)


def test_what_neither_load_nor_storage_takes_is_lost_or_refused():
    load, given = np.array([1.0, 3.0]), np.array([6.0, 0.0])
    # 5 kW too many in the first hour: 2 kW are stored for the second, which buys 1 kWh at 0.5; 3 kW are lost
    plan = procure(load, CHEAP_THEN_DEAR, given)
    assert plan.cost == pytest.approx(0.5)
    assert plan.charge_kw == pytest.approx([2.0, 0.0])
    assert procure(load, CHEAP_THEN_DEAR, given, may_lose=False).cost == np.inf


def test_no_more_is_lost_than_is_given_beyond_the_load():
    paid = replace(single_price(np.array([-1.0, 1.0]), 1.0), storage=replace(STORE, initial_kwh=4.0))
    # the full storage takes nothing, so nothing can be bought for money and thrown away
    assert procure(np.array([0.5, 0.0]), paid, np.array([0.7, 0.0])).cost == pytest.approx(0.0)
    assert procure(np.array([0.5, 0.0]), paid, np.array([0.2, 0.0])).cost == pytest.approx(-0.3)


def test_supply_without_a_word_is_in_kw_and_costs_money():
    program = Program()
    supply = add_supply(program, CHEAP_THEN_DEAR, np.array([0.0, 3.0]))
    load = program.columns(2, [0.0, 3.0], [0.0, 3.0])
    program.add(supply.balance, load, -1.0)
    assert program.solve().value == pytest.approx(2.0 * 0.1 + 1.0 * 0.5)
    assert supply.n_binaries == 0  # a round trip without loss earns nothing, so no step needs one
    assert add_supply(Program(), CHEAP_THEN_DEAR, np.zeros(2), with_cars=True).n_binaries == 2
    assert add_supply(Program(), single_price(np.array([-1.0, 1.0]), 1.0), np.zeros(2)).n_binaries == 0


def test_binaries_stand_where_something_at_once_would_pay():
    for price, sell, buy, needed in (
        ([0.1, 0.5], [0.1, 0.5], [0.1, 0.5], 0),
        ([-0.1, 0.5], [-0.1, 0.5], [-0.1, 0.5], 1),  # energy is lost for money
        ([0.1, 0.5], [-0.1, 0.5], [0.1, 0.5], 1),
        ([0.1, 0.5], [0.2, 0.5], [0.3, 0.5], 1),  # a round trip is sold at twice the price
        ([0.1, 0.5], [0.1, 0.5], [0.1, 0.4], 2),  # to resell, and to sell by a round trip what is bought at 0.4
        ([0.0, 0.5], [0.0, 0.5], [0.0, 0.5], 0),
    ):
        market = Market(day_ahead=np.array(price), buy=np.array(buy), sell=np.array(sell), dt_h=1.0, storage=STORE)
        assert add_supply(Program(), market, np.ones(2)).n_binaries == needed
        assert add_supply(Program(), market, np.ones(2), binaries=False).n_binaries == 0


@pytest.mark.parametrize(
    ("give", "most", "curve", "binaries"),
    [
        (0.3, 1.0, None, 2),
        (0.2, 1.0, None, 0),  # selling earns what buying costs
        (0.3, 0.0, None, 0),
        (0.3, 1.0, ([np.inf], [-0.2]), 0),  # all is bought ahead
        (0.3, 1.0, ([5.0], [-0.2]), 2),
        (0.3, 1.0, ([5.0, np.inf], [-0.2, 0.1]), 2),
    ],
)
def test_a_sale_needs_a_binary_only_where_buying_in_real_time_as_well_would_pay(give, most, curve, binaries):
    market = single_price(np.full(2, 0.3), 1.0)
    market = replace(market, buy=np.full(2, 0.2))
    if curve is not None:
        market = replace(market, block_kw=np.array(curve[0]), block_premium=np.array(curve[1]))
    program = Program()
    supply = add_supply(program, market, np.ones(2))
    before = program.n_columns
    add_sale(program, supply, market, np.full(2, give), np.full(2, most), np.ones(2), 1.0)
    assert program.n_columns - before == 2 + binaries
