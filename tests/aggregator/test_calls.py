"""Simulated calls of reserve: signals that ask for what the product says, and cars one by one in plain loops."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.test_reserve import car, draw_products, fleet
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.steps import refine
from csmoifsa_aggregator.model.costs import single_price
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.plans import plan_reserve
from csmoifsa_aggregator.solve.reserve import call_costs
from csmoifsa_aggregator.study.calls import draw_signal, simulate_calls, ticks_of
from csmoifsa_aggregator.study.study import run_day

TICKS = 12  # in an hour


@pytest.mark.parametrize("share", [0.0, 0.02, 0.15, 0.5])
def test_a_symmetric_signal_asks_for_the_share_each_way(share):
    product = Product(direction="symmetric", block_h=4.0, price=1.0, duration_h=4.0, energy_share=share)
    signal = draw_signal(product, 24 * TICKS, 1 / TICKS, 2000, np.random.default_rng(0))
    assert np.maximum(signal, 0).mean() == pytest.approx(share, abs=0.002)
    assert np.maximum(-signal, 0).mean() == pytest.approx(share, abs=0.002)
    assert np.abs(signal).max(initial=0.0) <= 1.0
    if 0 < share < 0.5:  # five minutes of a quarter of an hour later: exp(-1/3), less for what is cut
        assert np.corrcoef(signal[:, :-1].ravel(), signal[:, 1:].ravel())[0, 1] == pytest.approx(
            np.exp(-1 / 3), abs=0.06
        )


@pytest.mark.parametrize(("direction", "sign"), [("up", -1), ("down", 1)])
def test_a_one_sided_product_is_called_in_full_for_its_duration(direction, sign):
    product = Product(direction=direction, block_h=4.0, price=1.0, duration_h=0.75, energy_share=0.1)
    signal = draw_signal(product, 24 * TICKS, 1 / TICKS, 4000, np.random.default_rng(0)).reshape(4000, 6, 4 * TICKS)
    hours = sign * signal.sum(axis=2) / TICKS
    assert set(np.unique(hours.round(9))) == {0.0, 0.75}
    assert (sign * signal).mean() == pytest.approx(0.1, abs=0.004)


def test_no_block_asks_for_more_energy_than_the_whole_bid_for_the_duration():
    product = Product(direction="symmetric", block_h=2.0, price=1.0, duration_h=0.25, energy_share=0.4)
    signal = draw_signal(product, 24 * TICKS, 1 / TICKS, 300, np.random.default_rng(0)).reshape(300, 12, 2 * TICKS)
    net = np.abs(signal.cumsum(axis=2)).max() / TICKS
    assert net == pytest.approx(0.25)


@pytest.mark.parametrize(("minutes", "ticks"), [(60, 12), (15, 3), (7.5, 2), (5, 1), (1, 1)])
def test_steps_of_any_length_have_ticks_of_five_minutes_at_most(minutes, ticks):
    assert ticks_of(minutes / 60) == ticks


def test_a_day_of_short_steps_is_simulated_too():
    case = refine(load_case("portfolio-reserve"), 8)
    free = replace(case.reserve[0], minimum_kw=0.0, increment_kw=0.0, injection_allowed=True)
    study = run_day(replace(case, reserve=(free,)), margin=0.0)
    assert study.calls.called_kwh.mean() > 1000
    assert study.calls.short_kwh.max() < 1e-3


def one_by_one(cars, plan, reserves, market, other, signal):
    """Carry out one day, car by car and five minutes by five minutes, in plain loops: an independent twin."""
    steps, per = cars.n_steps, round(TICKS * cars.dt_h)
    tick = cars.dt_h / per
    soe = cars.arrival_kwh.copy()
    missed, cost, short = np.zeros(len(reserves)), 0.0, 0.0
    for turn in range(2):
        for t in range(steps):
            deviation = paid = 0.0
            plugged = []
            for i in range(cars.n_classes):
                since = (t - cars.start[i]) % steps
                if since < cars.length[i] and (turn == 1 or t >= cars.start[i]):
                    plugged.append((i, since))
                    soe[i] = cars.arrival_kwh[i] if since == 0 else soe[i]
            for m in range(per):
                planned, base, calls = {}, {}, {}
                for i, _ in plugged:
                    n, eta = cars.count[i], cars.efficiency[i]
                    p = planned[i] = (plan.charge_kw[i, t] - plan.discharge_kw[i, t]) / n
                    stored = eta * p if p > 0 else p / eta
                    goal = plan.soe_kwh[i, t] - stored * (cars.dt_h - (m + 1) * tick) - soe[i]
                    want = goal / tick / eta if goal > 0 else goal / tick * eta
                    up = sum(one.up_kw[i, t] for one in reserves) / n
                    down = sum(one.down_kw[i, t] for one in reserves) / n
                    base[i] = min(max(want, min(up - cars.discharge_kw[i], p)), max(cars.charge_kw[i] - down, p))
                    calls[i] = [
                        (signal[j, t * per + m] * (one.down_kw if signal[j, t * per + m] > 0 else one.up_kw)[i, t] / n)
                        for j, one in enumerate(reserves)
                    ]
                net = other[t] + sum(cars.count[i] * p for i, p in planned.items())
                if market.import_limit_kw is not None:
                    room = market.import_limit_kw[t] - net - sum(one.down_kw[:, t].sum() for one in reserves)
                    more = sum(cars.count[i] * max(base[i] - planned[i], 0) for i in base)
                    for i in base:
                        if base[i] > planned[i] and more > max(room, 0):
                            base[i] = planned[i] + (base[i] - planned[i]) * max(room, 0) / more
                forbidden = [
                    one for one in reserves
                    if not one.product.injection_allowed and one.bid_kw[t * one.bid_kw.size // steps] > 0
                ]  # fmt: skip
                if forbidden:
                    room = net - sum(one.up_kw[:, t].sum() for one in reserves)
                    less = sum(cars.count[i] * max(planned[i] - base[i], 0) for i in base)
                    for i in base:
                        if base[i] < planned[i] and less > max(room, 0):
                            base[i] = planned[i] + (base[i] - planned[i]) * max(room, 0) / less
                for i, since in plugged:
                    n, eta = cars.count[i], cars.efficiency[i]
                    call = sum(calls[i])
                    power = base[i] + call
                    hours = (cars.length[i] - since) * cars.dt_h - (m + 1) * tick
                    least = max(cars.floor_kwh[i], cars.departure_kwh[i] - eta * cars.charge_kw[i] * hours)
                    gain = min(least, soe[i] + eta * cars.charge_kw[i] * tick) - soe[i]
                    power = max(power, gain / tick / eta if gain > 0 else gain / tick * eta, -cars.discharge_kw[i])
                    power = min(power, max((cars.capacity_kwh[i] - soe[i]) / tick / eta, 0.0))
                    lost = max(0.0, (base[i] + call - power) * (1 if call > 0 else -1)) if call else 0.0
                    lost = min(lost, abs(call))
                    soe[i] += tick * (eta * power if power > 0 else power / eta)
                    if turn == 0:
                        continue
                    same = sum(abs(one) for one in calls[i] if one * call > 0)
                    deviation += n * (power - planned[i]) * tick
                    cost += n * cars.wear[i] * (max(-power, 0) - max(-planned[i], 0)) * tick
                    for j, one in enumerate(reserves):
                        own = calls[i][j]
                        part = lost * abs(own) / same if own * call > 0 else 0.0
                        missed[j] += n * part * tick
                        price = one.product.activation_price
                        if price is not None:
                            given = n * tick * (own - part if own > 0 else own + part)
                            paid += price * given
                            deviation -= given
            if turn == 1:
                cost += paid + deviation * (market.buy[t] if deviation > 0 else market.sell[t])
                for i, since in plugged:
                    if since == cars.length[i] - 1:
                        short += cars.count[i] * max(cars.departure_kwh[i] - soe[i], 0)
    return missed, cost, short


@pytest.mark.parametrize("seed", range(25))
def test_every_day_agrees_with_cars_one_by_one(seed):
    rng = np.random.default_rng(seed)
    cars = fleet(rng, int(rng.integers(1, 4)))
    cars = replace(cars, capacity_kwh=cars.capacity_kwh * 1.001)
    products = draw_products(rng, 2, minimum_kw=0.0, increment_kw=0.0, price=float(rng.uniform(0.1, 0.5)))
    price, other = rng.uniform(0.05, 0.3, 8), rng.choice([0, 1]) * rng.uniform(0, 20, 8)
    limit = np.full(8, other.max() + rng.choice([0.8, 10.0]) * float(cars.charge_kw @ cars.count))
    market = replace(single_price(price, 1.0, limit), sell=price - rng.uniform(0, 0.05))
    plan, reserves, _ = plan_reserve(cars, market, price, other, products)
    signals = np.stack([draw_signal(one, 8 * TICKS, 1 / TICKS, 2, rng) for one in products], axis=1)
    signals[1] = np.sign(signals[1])  # more than the product may ask for
    got = simulate_calls(cars, plan, reserves, market, other, signals)
    for k in range(2):
        missed, cost, short = one_by_one(cars, plan, reserves, market, other, signals[k])
        np.testing.assert_allclose(got.missed_kwh[k], missed, atol=1e-6)
        assert got.cost[k] == pytest.approx(cost, abs=1e-6)
        assert got.short_kwh[k] == pytest.approx(short, abs=1e-6)
    assert got.short_kwh.max() < 1e-4  # a promise comes before a call
    soe = got.soe_kwh[:, cars.window]
    v, _ = np.nonzero(cars.window)
    assert (soe <= cars.capacity_kwh[v] + 1e-6).all()


def test_without_calls_the_plan_is_carried_out_and_costs_nothing():
    study = run_day(load_case("portfolio-reserve"))
    case, two = study.case, study.second
    silent = np.zeros((1, 1, 24 * TICKS))
    got = simulate_calls(case.cars, two.v2g, two.reserve, case.game, np.zeros(24), silent)
    np.testing.assert_allclose(got.soe_kwh[0], two.v2g.soe_kwh, atol=1e-6)
    assert abs(got.cost[0]) < 1e-6
    assert got.penalty[0] == got.called_kwh.sum() == 0.0
    assert study.calls.penalty == pytest.approx(0.1 * study.calls.missed_kwh[:, 0])


def test_a_call_that_nothing_restores_is_missed_by_hand():
    # 10 cars keep 4 kW each way and charge at 4 kW from 30 kWh; called down in full they charge at 8 kW, may not
    # charge less to restore, as the band up would then inject, and are full at 50 kWh after 2.5 of 4 h
    one = car()
    flat = np.full(4, 0.1)
    product = Product(
        direction="symmetric", block_h=4.0, price=1.0, duration_h=1.0, injection_allowed=False, penalty=2.0
    )
    market = single_price(flat, 1.0)
    plan, reserves, _ = plan_reserve(one, market, flat, np.zeros(4), [product])
    assert reserves[0].bid_kw == pytest.approx([40.0], abs=1e-4)
    got = simulate_calls(one, plan, reserves, market, np.zeros(4), np.ones((1, 1, 4 * TICKS)))
    charged = 10 * np.nanmax(got.soe_kwh) - 300
    assert charged == pytest.approx(200.0, abs=1e-6)
    assert got.called_kwh[0] == pytest.approx([160.0], abs=1e-3)
    assert got.missed_kwh[0] == pytest.approx([60.0], abs=1e-3)
    assert got.penalty[0] == pytest.approx(120.0, abs=1e-2)
    assert got.cost[0] == pytest.approx(0.1 * 40.0, abs=1e-3)  # 4 kWh a car more than planned


@pytest.mark.parametrize("seed", range(20))
def test_calls_that_are_restored_at_once_cost_no_more_than_the_plan_says(seed):
    rng = np.random.default_rng(seed)
    cars = fleet(rng, 2)
    products = draw_products(rng, 2, minimum_kw=0.0, increment_kw=0.0)
    price = rng.uniform(0.05, 0.3, 8)
    market = replace(single_price(price, 1.0), sell=price - rng.uniform(0, 0.05))
    plan, reserves, _ = plan_reserve(cars, market, price, np.full(8, 30.0), products)
    draws = np.clip(rng.exponential(0.3, (4000, len(products))), 0, 1)
    for i, t in zip(*cars.places, strict=True):
        eta, n = cars.efficiency[i], cars.count[i]
        power = (plan.charge_kw[i, t] - plan.discharge_kw[i, t]) / n

        def stored(p, eta=eta):
            return np.maximum(p, 0) * eta - np.maximum(-p, 0) / eta

        cost = 0.0
        for sign in (-1, 1):
            bands = [(one.up_kw if sign < 0 else one.down_kw)[i, t] / n for one in reserves]
            call = sign * draws @ bands
            moved = (stored(power + call) - stored(power)) / eta  # of energy at the grid that restores it
            worn = cars.wear[i] * (np.maximum(-power - call, 0) - np.maximum(-power, 0))
            back = -(market.buy if sign < 0 else market.sell)[t] * moved
            for j, (band, product) in enumerate(zip(bands, products, strict=True)):
                own = product.activation_price
                rate = own if own is not None else (market.sell if sign < 0 else market.buy)[t]
                back = back + rate * sign * draws[:, j] * band
            cost += n * (back + worn).mean()
        means = draws.mean(axis=0)
        scaled = 0.0
        for j, one in enumerate(reserves):
            full = replace(one.product, energy_share=0.5)
            place = int(np.flatnonzero((cars.places[0] == i) & (cars.places[1] == t))[0])
            up, down, more = (weight[place] * means[j] / 0.5 for weight in call_costs(cars, market, full))
            scaled += (up * one.up_kw[i, t] + down * one.down_kw[i, t]) / n
            spare = max(power, 0.0) if len(reserves) == 1 else 0.0  # charging that the band may leave out
            scaled += more * max(one.up_kw[i, t] / n - spare, 0.0)
        assert cost <= scaled + 1e-6
