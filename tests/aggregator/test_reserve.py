"""Reserve beside V2G: every call of the bands is delivered by each car in simulation, and plans match slow oracles."""

from dataclasses import replace
from itertools import product as every

import numpy as np
import pytest
from scipy.optimize import linprog

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import Market, single_price
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.plans import plan_cars, plan_reserve


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


def draw_products(rng, most=3, **keys):
    """One to three products with random rules."""
    return [
        Product(**{
            "direction": str(rng.choice(["symmetric", "up", "down"])), "block_h": float(rng.choice([1, 2, 4])),
            "price": float(rng.uniform(0.01, 0.5)), "duration_h": float(rng.choice([0.25, 0.5, 1])),
            "minimum_kw": float(rng.choice([0, 3])), "increment_kw": float(rng.choice([0, 2])),
            "injection_allowed": bool(rng.integers(2)), "energy_share": float(rng.choice([0, 0.1, 0.5])),
            "activation_price": [None, 0.0, 0.2][rng.integers(3)], **keys,
        })
        for _ in range(rng.integers(1, most + 1))
    ]  # fmt: skip


def deliver(cars, plan, reserves, other, rng):
    """Play random calls minute by minute, of at most the duration in a block, on every car: an independent check.

    Every car follows the same calls: each product has one signal, from 0 to 1, up or down.
    """
    per, steps = 20, cars.n_steps
    tick = cars.dt_h / per
    signals = []
    for one in reserves:
        signal = np.zeros((steps, per))
        for block in range(one.bid_kw.size):
            hours = one.product.duration_h
            sign = {"up": -1, "down": 1}.get(one.product.direction, rng.choice([-1, 1]))
            chance, size = rng.choice([0.1, 0.5, 1.0]), rng.choice([1.0, rng.random()])
            for t, k in every(
                range(block * steps // one.bid_kw.size, (block + 1) * steps // one.bid_kw.size), range(per)
            ):
                if hours >= tick * size - 1e-9 and rng.random() < chance:
                    signal[t, k], hours = sign * size, hours - tick * size
        signals.append(signal)
    net = np.repeat(other[:, None], per, axis=1)
    for i in range(cars.n_classes):
        eta, floor, cap = cars.efficiency[i], cars.floor_kwh[i], cars.capacity_kwh[i]
        reach, planned, history = cars.arrival_kwh[i], cars.arrival_kwh[i], []
        soe = planned

        def stored(power, eta=eta):
            return (eta * np.maximum(power, 0) - np.maximum(-power, 0) / eta) * tick

        for k in range(cars.length[i]):
            t = (cars.start[i] + k) % steps
            here = np.array([(cars.start[i] + k) * one.bid_kw.size // steps for one in reserves])
            power = (plan.charge_kw[i, t] - plan.discharge_kw[i, t]) / cars.count[i]
            soe = planned
            for (
                own,
                calls,
                block,
            ) in history:  # calls of blocks that are over are restored: as if they had not been made
                soe += (stored(own + (block == here) @ calls) - stored(own)).sum()
            bands = [np.where(signal[t] < 0, one.up_kw[i, t], one.down_kw[i, t]) / cars.count[i] * signal[t]
                     for signal, one in zip(signals, reserves, strict=True)]  # fmt: skip
            real = power + np.sum(bands, axis=0)
            history.append((power, np.array(bands), here))
            planned += per * stored(power)
            assert (real >= -cars.discharge_kw[i] - 1e-5).all()
            assert (real <= cars.charge_kw[i] + 1e-5).all()
            net[t] += real * cars.count[i]
            course = soe + np.cumsum(stored(real))
            low = reach + np.arange(1, per + 1) * eta * cars.charge_kw[i] * tick
            assert (course >= np.minimum(min(floor, cars.arrival_kwh[i]), low) - 1e-4).all()
            assert (course <= cap + 1e-4).all()
            soe, reach = course[-1], low[-1]
        assert soe >= cars.departure_kwh[i] - 1e-4
    for one in reserves:
        bid = np.repeat(one.bid_kw, steps // one.bid_kw.size) > 1e-3
        assert one.product.injection_allowed or (net[bid] >= -1e-3).all()


@pytest.mark.parametrize("seed", range(40))
def test_every_car_delivers_random_calls(seed):
    rng = np.random.default_rng(seed)
    cars = fleet(rng, int(rng.integers(1, 4)))
    products = draw_products(rng, int(rng.choice([1, 1, 2, 3])))
    price, other = rng.uniform(-0.05, 0.3, 8), rng.choice([0, 1]) * rng.uniform(0, 20, 8)
    market = replace(single_price(price, 1.0), sell=price - rng.uniform(0, 0.05))
    plan, reserves, _ = plan_reserve(cars, market, price, other, products, gap=1e-9)
    at_once = np.minimum(plan.charge_kw, plan.discharge_kw) / cars.count[:, None]
    assert at_once.max() < 1e-5
    for one in reserves:
        product = one.product
        steps = round(product.block_h)
        for band, used in ((one.up_kw, product.direction != "down"), (one.down_kw, product.direction != "up")):
            np.testing.assert_allclose(band.sum(axis=0), used * np.repeat(one.bid_kw, steps), atol=1e-4)
        bid = one.bid_kw[one.bid_kw > 1e-4]
        assert (bid >= product.minimum_kw - 1e-4).all()
        if product.increment_kw:
            part = (bid - product.minimum_kw) / product.increment_kw
            np.testing.assert_allclose(part, np.round(part), atol=1e-4)
        assert one.by_class().sum() == pytest.approx(one.gain, abs=1e-6)
    alone = plan_cars(cars, market, price, other)
    assert plan.cost <= alone.cost + 1e-6
    for _ in range(5):
        deliver(cars, plan, reserves, other, rng)


def car(**keys):
    base = dict(names=("a",), count=10.0, charge_kw=10.0, discharge_kw=10.0, capacity_kwh=50.0, floor_kwh=10.0,
                arrival_kwh=30.0, departure_kwh=30.0, efficiency=1.0, wear=0.0, start=0, length=4, n_steps=4,
                dt_h=1.0)  # fmt: skip
    return Batteries(**{**base, **keys})


def bids(cars, other=0.0, **keys):
    product = Product(**{"direction": "symmetric", "block_h": 4.0, "price": 1.0, "duration_h": 1.0, **keys})
    flat = np.full(4, 0.1)
    return plan_reserve(cars, single_price(flat, 1.0), flat, np.full(4, other), [product], gap=1e-9)[1][0].bid_kw


def test_bids_by_hand():
    # b up for 1 h before leaving at 30 kWh needs b kWh charged on top, at no more than 10 - b kW in 4 h: 5 b = 40
    np.testing.assert_allclose(bids(car()), 80.0, atol=1e-4)
    np.testing.assert_allclose(bids(car(), minimum_kw=81.0), 0.0, atol=1e-4)  # minimum above the fleet
    np.testing.assert_allclose(bids(car(), minimum_kw=30.0, increment_kw=40.0), 70.0, atol=1e-4)
    np.testing.assert_allclose(bids(car(length=3)), 0.0, atol=1e-4)  # unplugged in a step of the block
    np.testing.assert_allclose(bids(car(capacity_kwh=30.0), direction="down"), 0.0, atol=1e-4)  # full at departure


def test_injection_is_forbidden_at_the_meter_and_not_in_each_car():
    # the net load, bands up called, is at least 0: 80 kW as above where another load takes 80 kW
    np.testing.assert_allclose(bids(car(), other=80.0, injection_allowed=False), 80.0, atol=1e-4)
    # alone, each car charges at b kW or more in all 4 steps, from 30 kWh to 50 - b at most: b = 4
    # up alone, from 22 kWh to 50 at most: b = 7
    np.testing.assert_allclose(bids(car(), injection_allowed=False), 40.0, atol=1e-4)
    up = bids(car(arrival_kwh=22.0), injection_allowed=False, direction="up")
    np.testing.assert_allclose(up, 70.0, atol=1e-4)
    # one car may discharge into another: the first arrives full, the second empty
    two = car(names=("a", "b"), arrival_kwh=[50.0, 10.0], departure_kwh=[10.0, 50.0], capacity_kwh=90.0, length=4)
    flat = np.full(4, 0.1)
    no_sale = Product(direction="down", block_h=4.0, price=1.0, duration_h=1.0, injection_allowed=False)
    plan, (reserve,), _ = plan_reserve(two, single_price(flat, 1.0), flat, np.zeros(4), [no_sale])
    assert plan.discharge_kw.sum() > 1.0
    assert plan.net_kw.min() > -1e-6
    assert reserve.bid_kw.sum() > 1.0


def best_value(cars, price, products, limit, other):
    """Least cost less payment, by scipy in net powers, for lossless cars without wear: an independent program.

    Each choice of blocks with a bid, for products that forbid injection, is one linear program.
    """
    blocks = [cars.n_steps // round(one.block_h) for one in products]
    open_ = [n for one, n in zip(products, blocks, strict=True) if not one.injection_allowed]
    best = None
    for choice in every([False, True], repeat=sum(open_)):
        one = _value(cars, price, products, limit, other, iter(choice))
        best = one if best is None or (one is not None and one < best) else best
    return best


def _value(cars, price, products, limit, other, choice):
    n, steps = cars.n_classes, cars.n_steps
    day = n * steps
    blocks = [steps // round(one.block_h) for one in products]
    size = day * (1 + 2 * len(products)) + sum(blocks)
    ub, rhs, eq, zero = [], [], [], []
    bounds = [(0, 0)] * size
    cost = np.zeros(size)

    def row(bound, *terms, to=(ub, rhs)):
        to[0].append(np.zeros(size))
        for column, value in terms:
            to[0][-1][column] += value
        to[1].append(bound)

    def band(j, down, i, t):
        return day * (1 + 2 * j + down) + i * steps + t

    stays = [[(cars.start[i] + k) % steps for k in range(cars.length[i])] for i in range(n)]
    for i, stay in enumerate(stays):
        for k, t in enumerate(stay):
            p = i * steps + t
            cost[p] = cars.count[i] * price[t]
            bounds[p] = (-cars.discharge_kw[i], cars.charge_kw[i])
            row(cars.discharge_kw[i], (p, -1), *((band(j, 0, i, t), 1) for j in range(len(products))))
            row(cars.charge_kw[i], (p, 1), *((band(j, 1, i, t), 1) for j in range(len(products))))
            for upto in (k, k + 1):  # both ends of the step
                past = [i * steps + s for s in stay[:upto]]
                least = cars.departure_kwh[i] if upto == len(stay) else cars.floor_kwh[i]
                steps_called = []  # of each product, the steps of the same block so far
                for one in products:
                    per = round(one.block_h)
                    steps_called.append(
                        [m for m in range(k + 1) if all(stay[q] // per == t // per for q in range(m, k + 1))]
                    )
                for called in every(*steps_called):  # each product called in full in one of these steps
                    hours = [
                        (j, stay[m], one.duration_h) for j, (m, one) in enumerate(zip(called, products, strict=True))
                    ]
                    row(cars.arrival_kwh[i] - least, *((one, -1) for one in past),
                        *((band(j, 0, i, s), h) for j, s, h in hours))  # fmt: skip
                    row(cars.capacity_kwh[i] - cars.arrival_kwh[i], *((one, 1) for one in past),
                        *((band(j, 1, i, s), h) for j, s, h in hours))  # fmt: skip
    at = day * (1 + 2 * len(products))
    closed = set()
    for j, (one, number) in enumerate(zip(products, blocks, strict=True)):
        per = round(one.block_h)
        for down in (0, 1):
            if one.direction != ("down", "up")[down]:
                for i, stay in enumerate(stays):
                    for t in stay:
                        bounds[band(j, down, i, t)] = (0, None)
                for t in range(steps):
                    row(
                        0, (at + t // per, 1), *((band(j, down, i, t), -cars.count[i]) for i in range(n)), to=(eq, zero)
                    )
        for k in range(number):
            used = one.injection_allowed or next(choice)
            bounds[at + k] = (0, None) if used else (0, 0)
            cost[at + k] = -one.price[0] * one.block_h
            if used and not one.injection_allowed:
                closed |= set(range(k * per, (k + 1) * per))
        at += number
    for t in range(steps):
        net = [(i * steps + t, cars.count[i]) for i in range(n)]
        called = [(j, i) for j in range(len(products)) for i in range(n)]
        row(limit - other[t], *net, *((band(j, 1, i, t), cars.count[i]) for j, i in called))
        if t in closed:
            row(
                other[t],
                *((one, -value) for one, value in net),
                *((band(j, 0, i, t), cars.count[i]) for j, i in called),
            )
    answer = linprog(cost, np.array(ub), rhs, np.array(eq), zero, bounds=bounds)
    return answer.fun + float(other @ price) if answer.status == 0 else None


@pytest.mark.parametrize("seed", range(40))
def test_value_agrees_with_a_program_in_net_powers(seed):
    rng = np.random.default_rng(seed)
    cars = fleet(rng, int(rng.integers(1, 4)))
    cars = replace(cars, efficiency=1.0, wear=0.0, arrival_kwh=np.maximum(cars.arrival_kwh, cars.floor_kwh))
    size = {"minimum_kw": 0.0, "increment_kw": 0.0, "energy_share": 0.0}
    products = [replace(one, block_h=max(2.0, one.block_h)) for one in draw_products(rng, 2, **size)]
    price, limit = (
        rng.uniform(0.05, 0.3, 8),
        float(rng.choice([1e4, rng.uniform(0.5, 1)]) * cars.charge_kw @ cars.count),
    )
    other = rng.choice([0, 1]) * rng.uniform(0, 0.3, 8) * limit
    market = single_price(price, 1.0, np.full(8, limit))
    best = best_value(cars, price, products, limit, other)
    if best is None:
        with pytest.raises(InputError, match="promises"):
            plan_reserve(cars, market, price, other, products)
        return
    plan, _, gap = plan_reserve(cars, market, price, other, products, gap=1e-9)
    assert gap < 1e-4
    assert plan.cost == pytest.approx(best, abs=1e-4)


def lossy_value(cars, market, products):
    """Least cost of one car with losses, wear and expected calls, by trying whether it charges in each step."""
    return min(_lossy_value(cars, market, products, charges) for charges in every([False, True], repeat=cars.n_steps))


def _lossy_value(cars, market, products, charges):
    steps, m = cars.n_steps, len(products)
    eta, count, wear = cars.efficiency[0], cars.count[0], cars.wear[0]
    sign = np.where(charges, 1.0, -1.0)
    # columns: power in its direction, then for each product band up left out, up discharged, down, each by step
    soe = np.tril(np.where(charges, eta, -1.0 / eta)[None, :] * np.ones((steps, 1)))
    cost, upper = np.zeros((1 + 3 * m, steps)), np.full((1 + 3 * m, steps), np.inf)
    cost[0] = np.where(charges, market.buy, wear - market.buy)
    upper[0] = np.where(charges, cars.charge_kw[0], cars.discharge_kw[0])
    ub, rhs = [], []
    eye, zero = np.eye(steps), np.zeros((steps, steps))

    def rows(bound, **parts):
        block = [parts.get("power", zero)]
        for j in range(m):
            block += [parts.get(f"left{j}", zero), parts.get(f"out{j}", zero), parts.get(f"down{j}", zero)]
        ub.append(np.hstack(block))
        rhs.append(np.broadcast_to(bound, steps))

    full = {f"{kind}{j}": eye for j in range(m) for kind in ("left", "out")}
    rows(cars.discharge_kw[0], power=np.diag(-sign), **full)
    rows(cars.charge_kw[0], power=np.diag(sign), **{f"down{j}": eye for j in range(m)})
    rows(0.0, power=np.diag(-1.0 * np.array(charges)), **{f"left{j}": eye for j in range(m)})
    least = np.where(np.arange(steps) == steps - 1, cars.departure_kwh[0], cars.floor_kwh[0])
    for called in every(range(steps), repeat=m):  # each product called in full in a step of its block up to this one
        for shift in (0, 1):  # end and beginning of each step
            state = soe if shift == 0 else np.vstack([np.zeros(steps), soe[:-1]])
            low = least if shift == 0 else np.full(steps, cars.floor_kwh[0])
            up, down = {}, {}
            for j, (s, one) in enumerate(zip(called, products, strict=True)):
                per = round(one.block_h / cars.dt_h)
                hit = np.zeros((steps, steps))
                for t in range(s, min(steps, (s // per + 1) * per)):
                    hit[t, s] = one.duration_h
                up[f"left{j}"], up[f"out{j}"], down[f"down{j}"] = eta * hit, hit / eta, hit / eta
            rows(cars.arrival_kwh[0] - low, power=-state * cars.dt_h, **up)
            rows(cars.capacity_kwh[0] - cars.arrival_kwh[0], power=state * cars.dt_h, **down)
    eq, bids = [], []
    for j, one in enumerate(products):
        per, price = round(one.block_h / cars.dt_h), one.activation_price
        paid = market.sell if price is None else price
        asked = market.buy if price is None else price
        cost[1 + 3 * j] = one.energy_share * (market.buy - paid)
        cost[2 + 3 * j] = one.energy_share * (market.buy / eta**2 - paid + wear)
        cost[3 + 3 * j] = one.energy_share * (asked - market.sell)
        if one.direction == "up":
            upper[3 + 3 * j] = 0.0
        if one.direction == "down":
            upper[1 + 3 * j : 3 + 3 * j] = 0.0
        for block in range(steps // per):
            bids.append((one, block))
            for parts in [(1, 2)] * (one.direction != "down") + [(3,)] * (one.direction != "up"):
                each = range(block * per, (block + 1) * per)
                eq += [(len(bids) - 1, [(part + 3 * j) * steps + t for part in parts]) for t in each]
    matrix = np.zeros((len(eq), cost.size + len(bids)))
    for r, (bid, columns) in enumerate(eq):
        matrix[r, columns], matrix[r, cost.size + bid] = count, -1.0
    weights = np.r_[cost.ravel() * count * cars.dt_h, [-one.price[0] * one.block_h for one, _ in bids]]
    bounds = [*((0, one) for one in upper.ravel()), *[(0, None)] * len(bids)]
    wide = np.hstack([np.vstack(ub), np.zeros((len(ub) * steps, len(bids)))])
    answer = linprog(weights, wide, np.concatenate(rhs), matrix, np.zeros(len(eq)), bounds=bounds)
    return answer.fun if answer.status == 0 else np.inf


@pytest.mark.parametrize("seed", range(25))
def test_value_agrees_with_losses_wear_and_expected_calls(seed):
    rng = np.random.default_rng(seed)
    one = car(
        efficiency=rng.uniform(0.7, 1.0), wear=rng.choice([0.0, 0.05]), arrival_kwh=rng.uniform(10, 50),
        departure_kwh=rng.uniform(12, 30), capacity_kwh=50.0, discharge_kw=rng.uniform(2, 10),
        n_steps=4, dt_h=float(rng.choice([0.5, 1.0])),
    )  # fmt: skip
    price = rng.uniform(0.02, 0.3, 4) * rng.choice([1.0, 1.0, -0.2], 4)
    spread = rng.uniform(0, 0.1)
    market = Market(day_ahead=price, buy=price, sell=price - spread, dt_h=one.dt_h)
    plain = {"minimum_kw": 0.0, "increment_kw": 0.0, "injection_allowed": True}
    products = [replace(p, block_h=one.dt_h * rng.choice([1, 2, 4])) for p in draw_products(rng, 2, **plain)]
    if (price < 0).any():  # the split of a band that negative prices would stretch is checked by hand elsewhere
        products = [replace(p, energy_share=0.0) for p in products]
    plan, reserves, _ = plan_reserve(one, market, price, np.zeros(4), products, gap=1e-9)
    assert plan.cost == pytest.approx(lossy_value(one, market, products), abs=1e-5)
    energy = float(plan.net_kw @ price) * one.dt_h + float(one.wear @ plan.discharged_kwh(one))
    assert plan.cost == pytest.approx(energy - sum(r.gain for r in reserves), abs=1e-5)


def test_blocks_that_do_not_fit_and_bad_products():
    for block in (8.0, 3.0, 0.5):
        with pytest.raises(InputError, match="block_h"):
            bids(car(), block_h=block)
    with pytest.raises(InputError, match="direction"):
        bids(car(), direction="both")
    with pytest.raises(InputError, match="duration_h"):
        bids(car(), duration_h=0.0)
    with pytest.raises(InputError, match="energy_share"):
        bids(car(), energy_share=1.5)
    with pytest.raises(InputError, match="price must hold numbers from 0 up"):
        bids(car(), price=-1.0)
    with pytest.raises(InputError, match="3 prices of capacity were given for the 2 blocks"):
        bids(car(), price=[1.0, 2.0, 3.0], block_h=2.0)


def test_each_block_has_its_price():
    got = bids(car(efficiency=1.0, departure_kwh=20.0), block_h=2.0, price=[0.0, 1.0])
    assert got[0] == pytest.approx(0.0, abs=1e-4) or got[0] >= 0
    assert got[1] > 1.0


def test_a_plan_out_of_time_is_kept_with_its_gap():
    rng = np.random.default_rng(3)
    group = replace(fleet(rng, 5, 24), count=rng.integers(50, 200, 5))
    names = {"increment_kw": 100.0, "minimum_kw": 100.0, "injection_allowed": False, "block_h": 1.0}
    products = draw_products(rng, 1, **names) + draw_products(rng, 1, **names)
    price = rng.uniform(0.05, 0.3, 24)
    market = single_price(price, 1.0)
    hasty, reserves, gap = plan_reserve(group, market, price, np.zeros(24), products, time_limit=0.05)
    alone = plan_cars(group, market, price, np.zeros(24))
    assert hasty.cost <= alone.cost + 1e-6  # no bid at worst
    assert all((one.bid_kw % 100.0 < 1e-3).all() or (one.bid_kw % 100.0 > 99.999).any() for one in reserves)
    best, _, left = plan_reserve(group, market, price, np.zeros(24), products, gap=0.02, time_limit=4.0)
    assert best.cost >= hasty.cost - gap - 1e-6
    assert hasty.cost >= best.cost - left - 1e-6
