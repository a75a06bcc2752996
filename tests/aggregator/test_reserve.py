"""Reserve beside V2G: every call of the bands is delivered by each car in simulation, and bids match a hand result."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import single_price
from csmoifsa_aggregator.solve.contracts import plan_cars, plan_reserve
from csmoifsa_aggregator.solve.reserve import Product


def fleet(rng, n=2, steps=8):
    """Cars with random limits whose promise can be kept."""
    length = rng.integers(2, steps + 1, n)
    capacity, power = rng.uniform(20, 60, n), rng.uniform(3, 11, n)
    arrival = rng.uniform(0.1, 0.9, n) * capacity
    floor, eta = 0.2 * capacity, rng.uniform(0.8, 1, n)
    departure = np.clip(arrival + rng.uniform(-0.3, 0.8, n) * eta * power * length, floor, capacity)
    departure = np.minimum(departure, np.maximum(arrival + eta * power * length, 0))
    keep = departure >= floor
    return Batteries(
        names=tuple(f"c{i}" for i in range(n)), count=rng.integers(1, 9, n), charge_kw=power,
        discharge_kw=power * rng.integers(0, 2, n), capacity_kwh=capacity, floor_kwh=np.where(keep, floor, 0.0),
        arrival_kwh=arrival, departure_kwh=departure, efficiency=eta, wear=rng.uniform(0, 0.1, n),
        start=rng.integers(0, steps, n), length=length, n_steps=steps, dt_h=1.0,
    )  # fmt: skip


def deliver(cars, plan, reserve, product, rng):
    """Play random calls minute by minute, of at most the duration in a block, on every car: an independent check."""
    per, steps = 20, round(product.block_h / cars.dt_h)
    tick = cars.dt_h / per
    for i in range(cars.n_classes):
        eta, floor, cap = cars.efficiency[i], cars.floor_kwh[i], cars.capacity_kwh[i]
        soe, gap, last, left = cars.arrival_kwh[i], 0.0, -1, 0.0
        reach = soe
        for k in range(cars.length[i]):
            t = (cars.start[i] + k) % cars.n_steps
            if t // steps != last:  # restored before the next block
                soe, last, left, gap = soe - gap, t // steps, product.duration_h, 0.0
                sign, chance = rng.choice([-1, 1]), rng.choice([0.1, 0.5, 1.0])
            charge, out = plan.charge_kw[i, t] / cars.count[i], plan.discharge_kw[i, t] / cars.count[i]
            band = (reserve.up_kw if sign < 0 else reserve.down_kw)[i, t] / cars.count[i]
            for _ in range(per):
                called = left >= tick - 1e-9 and rng.random() < chance
                left -= tick * called
                power = charge - out + sign * band * called
                assert -cars.discharge_kw[i] - 1e-5 <= power <= cars.charge_kw[i] + 1e-5
                assert product.injection_allowed or power >= -1e-5
                planned = (eta * charge - out / eta) * tick
                real = (eta * max(power, 0) - max(-power, 0) / eta) * tick
                soe, gap = soe + real, gap + real - planned
                reach += eta * cars.charge_kw[i] * tick
                assert min(floor, reach, cars.arrival_kwh[i]) - 1e-4 <= soe <= cap + 1e-4
        assert soe >= cars.departure_kwh[i] - 1e-4


@pytest.mark.parametrize("seed", range(60))
def test_every_car_delivers_random_calls(seed):
    rng = np.random.default_rng(seed)
    cars = fleet(rng, int(rng.integers(1, 4)))
    product = Product(
        direction=str(rng.choice(["symmetric", "up", "down"])), block_h=float(rng.choice([1, 2, 4])),
        price=float(rng.uniform(0.01, 0.5)), duration_h=float(rng.choice([0.25, 0.5, 1])),
        minimum_kw=float(rng.choice([0, 3])), increment_kw=float(rng.choice([0, 2])),
        injection_allowed=bool(rng.integers(2)),
    )  # fmt: skip
    price, nothing = rng.uniform(-0.05, 0.3, 8), np.zeros(8)
    market = single_price(price, 1.0)
    plan, reserve = plan_reserve(cars, market, price, nothing, product)
    steps = round(product.block_h)
    for one, used in ((reserve.up_kw, product.direction != "down"), (reserve.down_kw, product.direction != "up")):
        assert not used or (one.sum(axis=0) >= np.repeat(reserve.bid_kw, steps) - 1e-5).all()
    bid = reserve.bid_kw[reserve.bid_kw > 1e-6]
    assert (bid >= product.minimum_kw - 1e-6).all()
    if product.increment_kw:
        part = (bid - product.minimum_kw) / product.increment_kw
        np.testing.assert_allclose(part, np.round(part), atol=1e-6)
    if product.injection_allowed:
        assert plan.cost <= plan_cars(cars, market, price, nothing).cost + 1e-6
    for _ in range(20):
        deliver(cars, plan, reserve, product, rng)


def car(**keys):
    base = dict(names=("a",), count=10.0, charge_kw=10.0, discharge_kw=10.0, capacity_kwh=50.0, floor_kwh=10.0,
                arrival_kwh=30.0, departure_kwh=30.0, efficiency=1.0, wear=0.0, start=0, length=4, n_steps=4,
                dt_h=1.0)  # fmt: skip
    return Batteries(**{**base, **keys})


def bids(cars, **keys):
    product = Product(**{"direction": "symmetric", "block_h": 4.0, "price": 1.0, "duration_h": 1.0, **keys})
    flat = np.full(4, 0.1)
    return plan_reserve(cars, single_price(flat, 1.0), flat, np.zeros(4), product)[1].bid_kw


def test_bids_by_hand():
    # b up for 1 h before leaving at 30 kWh needs b kWh charged on top, at no more than 10 - b kW in 4 h: 5 b = 40
    np.testing.assert_allclose(bids(car()), 80.0, atol=1e-4)
    np.testing.assert_allclose(bids(car(), minimum_kw=81.0), 0.0, atol=1e-4)  # minimum above the fleet
    np.testing.assert_allclose(bids(car(), minimum_kw=30.0, increment_kw=40.0), 70.0, atol=1e-4)
    np.testing.assert_allclose(bids(car(length=3)), 0.0, atol=1e-4)  # unplugged in a step of the block
    np.testing.assert_allclose(bids(car(capacity_kwh=30.0), direction="down"), 0.0, atol=1e-4)  # full at departure


def best_value(cars, price, product, limit):
    """Least cost less payment, by scipy in net powers, for lossless cars without wear: an independent program."""
    n, steps = cars.n_classes, cars.n_steps
    per, day = round(product.block_h), n * steps
    n_bids, ub, rhs = steps // per, [], []

    def row(bound, *terms):
        ub.append(np.zeros(3 * day + n_bids))
        for column, value in terms:
            ub[-1][column] += value
        rhs.append(bound)

    bounds = []
    for i in range(n):
        stay = [(cars.start[i] + k) % steps for k in range(cars.length[i])]
        low = -cars.discharge_kw[i] if product.injection_allowed else 0.0
        bounds += [(low, cars.charge_kw[i]) if t in stay else (0, 0) for t in range(steps)]
        for k, t in enumerate(stay):
            p, up, down = i * steps + t, day + i * steps + t, 2 * day + i * steps + t
            row(-low, (p, -1), (up, 1))
            row(cars.charge_kw[i], (p, 1), (down, 1))
            called = [j for j in range(k + 1) if all(stay[m] // per == t // per for m in range(j, k + 1))]
            for upto in (k, k + 1):  # both ends of the step
                past = [i * steps + s for s in stay[:upto]]
                least = cars.departure_kwh[i] if upto == len(stay) else cars.floor_kwh[i]
                for j in called:
                    e = product.duration_h
                    band = i * steps + stay[j]
                    row(cars.arrival_kwh[i] - least, *((one, -1) for one in past), (day + band, e))
                    row(cars.capacity_kwh[i] - cars.arrival_kwh[i], *((one, 1) for one in past), (2 * day + band, e))
    used = {"symmetric": (1, 2), "up": (1,), "down": (2,)}[product.direction]
    for t in range(steps):
        for part in used:
            row(0, (3 * day + t // per, 1), *((part * day + i * steps + t, -cars.count[i]) for i in range(n)))
        net = [(i * steps + t, cars.count[i]) for i in range(n)]
        row(limit, *net, *((2 * day + i * steps + t, cars.count[i]) for i in range(n)))
    for part in (1, 2):
        bounds += [(0, None if part in used and one else 0) for one in cars.window.ravel()]
    cost = np.r_[(cars.count[:, None] * price).ravel(), np.zeros(2 * day)]
    cost = np.r_[cost, np.full(n_bids, -product.price * product.block_h)]
    answer = linprog(cost, np.array(ub), rhs, bounds=[*bounds, *[(0, None)] * n_bids])
    return answer.fun if answer.status == 0 else None


@pytest.mark.parametrize("seed", range(40))
def test_value_agrees_with_a_program_in_net_powers(seed):
    rng = np.random.default_rng(seed)
    cars = fleet(rng, int(rng.integers(1, 4)))
    cars = replace(cars, efficiency=1.0, wear=0.0, arrival_kwh=np.maximum(cars.arrival_kwh, cars.floor_kwh))
    product = Product(
        direction=str(rng.choice(["symmetric", "up", "down"])), block_h=float(rng.choice([1, 2, 4])),
        price=float(rng.uniform(0.01, 0.5)), duration_h=float(rng.choice([0.25, 0.5, 1])),
        injection_allowed=bool(rng.integers(2)),
    )  # fmt: skip
    price, limit = (
        rng.uniform(0.05, 0.3, 8),
        float(rng.choice([1e4, rng.uniform(0.5, 1)]) * cars.charge_kw @ cars.count),
    )
    market = single_price(price, 1.0, np.full(8, limit))
    best = best_value(cars, price, product, limit)
    if best is None:
        with pytest.raises(InputError, match="promises"):
            plan_reserve(cars, market, price, np.zeros(8), product)
        return
    plan, _ = plan_reserve(cars, market, price, np.zeros(8), product)
    assert plan.cost == pytest.approx(best, abs=1e-5)


def test_blocks_that_do_not_fit_and_bad_products():
    for block in (8.0, 3.0, 0.5):
        with pytest.raises(InputError, match="block_h"):
            bids(car(), block_h=block)
    with pytest.raises(InputError, match="direction"):
        bids(car(), direction="both")
    with pytest.raises(InputError, match="duration_h"):
        bids(car(), duration_h=0.0)
