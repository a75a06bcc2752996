"""Reserve in rolling dispatch: each hour the bid could be called for its duration, and money by plain loops."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.test_calls import TICKS
from aggregator.test_reserve import car, draw_products, fleet
from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch.dispatch import Commitment, DispatchPlan, RollingDispatcher
from csmoifsa_aggregator.model.costs import single_price
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.plans import plan_reserve
from csmoifsa_aggregator.study.calls import draw_signal
from csmoifsa_aggregator.study.carry import Events, carry_out
from csmoifsa_aggregator.study.rolling import Terms, roll_day

STEPS = 8


def unbroken(rng):
    """Cars of a fleet whose stays end within the horizon."""
    cars = fleet(rng, int(rng.integers(1, 4)), STEPS)
    return replace(cars, start=np.minimum(cars.start, STEPS - cars.length))


def committed_day(rng):
    """A plan with bids of random cars and products of one length of block, and signals for it."""
    while True:
        try:
            plan, reserves, terms, signals = draw_day(rng)
        except InputError:  # the import limit leaves too little for the promises
            continue
        if max(one.bid_kw.max() for one in reserves) > 0.1:
            return plan, reserves, terms, signals


def draw_day(rng):
    """A plan of random cars and products, which may find no bid worth making."""
    cars = unbroken(rng)
    block = float(rng.choice([1, 2, 4]))
    products = draw_products(rng, 2, minimum_kw=0.0, increment_kw=0.0, block_h=block, price=0.4, penalty=1.0)
    products = [replace(one, name=f"product {j}") for j, one in enumerate(products)]
    price = rng.uniform(0.05, 0.3, STEPS)
    other = rng.choice([0, 1]) * rng.uniform(0, 20, STEPS)
    limit = None
    if rng.random() < 0.5:
        limit = np.full(STEPS, other.max() + float(rng.uniform(0.2, 0.8)) * float(cars.charge_kw @ cars.count))
    market = single_price(price, 1.0, limit)
    dispatch, reserves, _ = plan_reserve(cars, market, price, other, products)
    signals = np.stack([draw_signal(one, STEPS * TICKS, 1 / TICKS, 1, rng)[0] for one in products])
    plan = DispatchPlan(
        cars=cars, day_ahead=price, past=np.zeros((0, STEPS)), forecaster="none", other_load_kw=other,
        import_limit_kw=limit, planned_kw=np.array([dispatch.charge_kw, dispatch.discharge_kw]),
        reserve=tuple(Commitment(one.product, one.bid_kw) for one in reserves),
    )  # fmt: skip
    return plan, reserves, Terms(market, price, other, dispatch, reserves), signals


class Watched(RollingDispatcher):
    """A dispatcher that keeps each step's answer, what was reported to it, and its plan of the rest of the day."""

    def __init__(self, plan):
        super().__init__(plan)
        self.seen = []

    def step(self, now, price=None, **reported):
        answer = super().step(now, price, **reported)
        later = [self.bands(t)[:2] for t in range(now, STEPS)]
        self.seen.append((answer, reported, self.powers(), later))
        return answer


def callable_now(plan, now, soe, answer, powers, later, left):
    """Call all bids in full from step ``now`` on, for what is left of their duration and block, minute by minute.

    Return, for each direction, whether every car stays within its limits, in plain loops over cars.
    """
    cars, per = plan.cars, 20
    charge, discharge, _ = powers
    fine = {}
    for name, sign in (("up", -1), ("down", 1)):
        fine[name] = True
        for v in range(cars.n_classes):
            end = cars.start[v] + cars.length[v]
            if not cars.start[v] <= now < end:
                continue
            eta, content = cars.efficiency[v], soe[v]
            reach = content
            hours = [left[j].get(name, 0.0) for j in range(len(plan.reserve))]
            for t in range(now, end):
                blocks = [now * one.bid_kw.size // STEPS == t * one.bid_kw.size // STEPS for one in plan.reserve]
                if not any(blocks):
                    break
                for _ in range(per):
                    power = charge[v, t] - discharge[v, t]
                    for j, one in enumerate(plan.reserve):
                        if blocks[j] and hours[j] > 1e-9:
                            used = min(hours[j], 1 / per)
                            band = later[t - now][0 if sign < 0 else 1][one.product.name].get(cars.names[v], 0.0)
                            power += sign * band / cars.count[v] * used * per
                            hours[j] -= used
                    content += (eta * power if power > 0 else power / eta) / per
                    reach += eta * cars.charge_kw[v] / per
                    floor = min(cars.floor_kwh[v], reach, soe[v] if content >= soe[v] - 1e-6 else np.inf)
                    if not -cars.discharge_kw[v] - 1e-4 <= power <= cars.charge_kw[v] + 1e-4:
                        fine[name] = False
                    if content < floor - 1e-4 or content > cars.capacity_kwh[v] + 1e-4:
                        fine[name] = False
                if t == end - 1 and content < cars.departure_kwh[v] - answer.unserved_kwh.get(cars.names[v], 0) - 1e-4:
                    fine[name] = False
    return fine


@pytest.mark.parametrize("seed", range(40))
def test_each_hour_the_bid_could_be_called_for_its_duration(seed):
    rng = np.random.default_rng(seed)
    plan, _, _, signals = committed_day(rng)
    dispatcher = Watched(plan)
    carry_out(dispatcher, Events(plan.day_ahead, signals), "nothing")
    cars = plan.cars
    soe = cars.arrival_kwh.copy()
    for now, (answer, reported, powers, later) in enumerate(dispatcher.seen):
        for name, kwh in (reported["measured_kwh"] or {}).items():
            soe[cars.names.index(name)] = kwh
        left = []
        for one, signal in zip(plan.reserve, signals, strict=True):
            steps = STEPS // one.bid_kw.size
            first = now // steps * steps
            net = float(signal[first * TICKS : now * TICKS].sum()) / TICKS if one.at(now, STEPS) else 0.0
            hours = {"up": one.product.duration_h + net, "down": one.product.duration_h - net}
            left.append({name: hours[name] for name in one.product.called})
            for name, table in (("up", answer.up_kw), ("down", answer.down_kw)):
                kept = sum(table[one.product.name].values())
                if name in one.product.called:
                    kept += answer.missing_kw[one.product.name][name]
                    assert kept == pytest.approx(one.at(now, STEPS), abs=1e-4)
                else:
                    assert kept == pytest.approx(0.0, abs=1e-6)
        assert callable_now(plan, now, soe, answer, powers, later, left) == {"up": True, "down": True}
        here = cars.window[:, now]
        soe[here] = dispatcher.powers()[2][here, now]  # until a measurement after calls corrects it
        if plan.import_limit_kw is not None:
            load = plan.other_load_kw[now] + sum(answer.charge_kw.values()) - sum(answer.discharge_kw.values())
            load += sum(sum(table.values()) for table in answer.down_kw.values())
            assert load <= plan.import_limit_kw[now] + 1e-4


@pytest.mark.parametrize("seed", range(20))
def test_what_cannot_be_called_is_said_to_be_missing(seed):
    """The oracle sees a bid of twice what the cars can keep, so it is able to fail."""
    rng = np.random.default_rng(seed)
    plan, _, _, _ = committed_day(rng)
    most = float((plan.cars.charge_kw + plan.cars.discharge_kw) @ plan.cars.count)
    reserve = tuple(replace(one, bid_kw=np.full(one.bid_kw.shape, 2 * most)) for one in plan.reserve)
    answer = RollingDispatcher(replace(plan, reserve=reserve)).step(0)
    for one in reserve:
        lack = answer.missing_kw[one.product.name]
        assert max(lack.values()) >= most - 1e-6
        assert any("of the bid of step 0 cannot be delivered" in note for note in answer.notes)


@pytest.mark.parametrize("seed", range(25))
def test_money_and_energy_of_a_day_agree_with_plain_loops(seed):
    rng = np.random.default_rng(100 + seed)
    plan, _, _, signals = committed_day(rng)
    if seed % 3 == 0:  # bids that the cars cannot keep
        plan = replace(plan, reserve=tuple(replace(one, bid_kw=1.5 * one.bid_kw) for one in plan.reserve))
    if seed % 4 == 1:
        signals = np.sign(signals)  # more than the product may ask for
    dispatcher = Watched(plan)
    got = carry_out(dispatcher, Events(plan.day_ahead, signals), "nothing")
    cars = plan.cars
    soe, withheld, activation = cars.arrival_kwh.copy(), 0.0, 0.0
    called, missed = np.zeros(len(plan.reserve)), np.zeros(len(plan.reserve))
    settled = np.zeros((2, STEPS))
    for now, (answer, reported, _, _) in enumerate(dispatcher.seen):
        for name, kwh in reported["measured_kwh"].items():
            assert kwh == pytest.approx(soe[cars.names.index(name)], abs=1e-6)
        for one in plan.reserve:
            lack = max(answer.missing_kw[one.product.name].values())
            withheld += lack * float(one.product.price[0]) if lack > 1e-5 else 0.0
        for m in range(TICKS):
            due = np.zeros(len(plan.reserve))
            for v, name in enumerate(cars.names):
                if not cars.start[v] <= now < cars.start[v] + cars.length[v]:
                    continue
                n, eta = cars.count[v], cars.efficiency[v]
                base = (answer.charge_kw[name] - answer.discharge_kw[name]) / n
                own = []
                for j, one in enumerate(plan.reserve):
                    s = signals[j, now * TICKS + m]
                    table = answer.down_kw if s > 0 else answer.up_kw
                    own.append(s * table[one.product.name][name] / n)
                power = base + sum(own)
                after = (cars.start[v] + cars.length[v] - now) - (m + 1) / TICKS
                least = max(cars.floor_kwh[v], cars.departure_kwh[v] - eta * cars.charge_kw[v] * after)
                least = min(least, soe[v] + eta * cars.charge_kw[v] / TICKS)
                low = (least - soe[v]) * TICKS
                low = max(low / eta if low > 0 else low * eta, -cars.discharge_kw[v])
                high = (cars.capacity_kwh[v] - soe[v]) * TICKS / eta
                power = min(max(power, low), max(high, 0.0))
                power = min(max(power, min(base, base + sum(own))), max(base, base + sum(own)))  # a call cannot help
                lost = abs(base + sum(own) - power)
                same = [abs(one) if one * sum(own) > 0 else 0.0 for one in own]
                alone = 0.0
                for j, one in enumerate(plan.reserve):
                    part = lost * same[j] / sum(same) if sum(same) else 0.0
                    given = own[j] - np.sign(own[j]) * part
                    due[j] += n * abs(given)
                    if one.product.activation_price is not None:
                        alone += given
                        activation += n * given * one.product.activation_price / TICKS
                soe[v] += (eta * power if power > 0 else power / eta) / TICKS
                settled[0, now] += n * max(power - alone, 0) / TICKS
                settled[1, now] += n * max(alone - power, 0) / TICKS
            for j, one in enumerate(plan.reserve):
                asked = abs(signals[j, now * TICKS + m]) * one.at(now, STEPS)
                called[j] += asked / TICKS
                missed[j] += max(asked - due[j], 0.0) / TICKS
    np.testing.assert_allclose(got.settled_kw, settled, atol=1e-6)
    np.testing.assert_allclose(got.called_kwh, called, atol=1e-6)
    np.testing.assert_allclose(got.missed_kwh, missed, atol=1e-5)
    assert got.penalty == pytest.approx(missed.sum(), abs=1e-4)  # 1 a kWh
    assert got.withheld == pytest.approx(withheld, abs=1e-4)
    assert got.activation == pytest.approx(activation, abs=1e-5)
    final = got.soe_kwh[np.arange(cars.n_classes), cars.start + cars.length - 1]
    np.testing.assert_allclose(final, soe, atol=1e-6)
    if seed % 4 != 1:  # a promise comes before a call
        assert got.unserved_kwh < 1e-3


@pytest.mark.parametrize("seed", range(12))
def test_without_calls_the_plan_costs_what_it_says_and_knowing_the_prices_is_best(seed):
    rng = np.random.default_rng(seed)
    plan, reserves, terms, _ = committed_day(rng)
    real = plan.day_ahead + rng.normal(0, 0.05, STEPS)
    day = roll_day(plan.cars, plan.day_ahead, real, forecaster="ar1", known="current", terms=terms)
    expected = sum(float(one.call_cost.sum()) for one in reserves)
    assert day.plan_cost == pytest.approx(day.planned_cost - expected, abs=1e-4)
    assert all(one.missing_h == 0 and one.reserve_gain == one.payment for one in day.carried)
    assert day.perfect_cost <= min(day.plan_cost, day.rolling_cost) + 1e-5


def test_a_full_call_and_its_penalty_by_hand():
    """Ten cars from 30 to 30 kWh keep 8 kW up for an hour each hour; called in full for an hour, they discharge it."""
    one = car(departure_kwh=20.0)
    product = Product(direction="up", block_h=4.0, price=0.5, duration_h=1.0, penalty=2.0, activation_price=0.3)
    plan = DispatchPlan(
        cars=one, day_ahead=np.full(4, 0.1), past=np.zeros((0, 4)), forecaster="none",
        planned_kw=np.zeros((2, 1, 4)), reserve=(Commitment(product, np.array([80.0])),),
    )  # fmt: skip
    signals = np.zeros((1, 4 * TICKS))
    signals[0, :TICKS] = -1.0
    got = carry_out(RollingDispatcher(plan), Events(plan.day_ahead, signals), "nothing")
    assert got.missed_kwh == pytest.approx([0.0], abs=1e-6)
    assert got.called_kwh == pytest.approx([80.0])
    assert got.activation == pytest.approx(-0.3 * 80.0)
    assert got.withheld == 0.0  # the hour of the block is used up: nothing more can be called
    assert got.soe_kwh[0, 3] >= 20.0 - 1e-6

    both = np.zeros((1, 4 * TICKS))
    both[0, : 3 * TICKS] = -1.0  # called for three hours, of which the product asks for one
    tight = replace(one, departure_kwh=30.0, arrival_kwh=30.0, charge_kw=4.0)
    late = carry_out(RollingDispatcher(replace(plan, cars=tight)), Events(plan.day_ahead, both), "nothing")
    assert late.penalty == pytest.approx(2.0 * late.missed_kwh[0])
    assert late.missed_kwh[0] > 40.0
    assert late.unserved_kwh < 1e-6


def test_calls_and_bids_that_cannot_be(tmp_path):
    product = Product(name="fcr", direction="up", block_h=2.0, price=0.5, duration_h=1.0)
    values = dict(cars=car(), day_ahead=np.full(4, 0.1), past=np.zeros((0, 4)), forecaster="none")
    with pytest.raises(InputError, match="fcr: 3 bids were given for the 2 blocks of the horizon"):
        DispatchPlan(**values, reserve=(Commitment(product, np.zeros(3)),))
    with pytest.raises(InputError, match=r"fcr: bids must be numbers from 0 up, not \[-1"):
        DispatchPlan(**values, reserve=(Commitment(product, np.array([-1.0, 2.0])),))
    with pytest.raises(InputError, match="two reserve products are called 'fcr'"):
        DispatchPlan(**values, reserve=(Commitment(product, np.zeros(2)),) * 2)
    dispatcher = RollingDispatcher(DispatchPlan(**values, reserve=(Commitment(product, np.array([0.0, 5.0])),)))
    dispatcher.step(0)
    with pytest.raises(InputError, match=r"no reserve product 'fcx'\. Did you mean 'fcr'"):
        dispatcher.step(1, called_kwh={"fcx": 1.0})
    with pytest.raises(InputError, match="fcr: 1 kWh cannot have been called before step 1, where nothing is bid"):
        dispatcher.step(1, called_kwh={"fcr": 1.0})
    with pytest.raises(InputError, match="the energy called must be a number, not nan"):
        dispatcher.step(1, called_kwh={"fcr": float("nan")})
    dispatcher.step(1)
    dispatcher.step(2)
    dispatcher.step(3, called_kwh={"fcr": -2.5}, measured_kwh={"a": 29.0})
    dispatcher.save(tmp_path / "state.json")
    again = RollingDispatcher.load(tmp_path / "state.json")
    assert again.plan.reserve[0].bid_kw.tolist() == [0.0, 5.0]
    assert again.plan.reserve[0].product.duration_h == 1.0
    assert again.step(3) == dispatcher.step(3)


def test_a_crash_forgets_neither_bids_nor_calls(tmp_path):
    rng = np.random.default_rng(5)
    plan, _, _, _ = committed_day(rng)
    called = {one.product.name: -0.25 * one.at(0, STEPS) for one in plan.reserve if one.at(0, STEPS)}
    whole = RollingDispatcher(plan)
    whole.step(0)
    whole.step(1, called_kwh=called)
    whole.save(tmp_path / "state.json")
    second = RollingDispatcher.load(tmp_path / "state.json")
    for k in range(2, STEPS):
        one, other = whole.step(k), second.step(k)
        assert one.charge_kw == pytest.approx(other.charge_kw, abs=1e-5)
        for name, table in one.missing_kw.items():
            assert other.missing_kw[name] == pytest.approx(table, abs=1e-5)
