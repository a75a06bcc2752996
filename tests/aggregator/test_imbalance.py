"""Two imbalance prices, and cars that do not keep to their stays: plain sums, and a linear program of its own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from aggregator.games import AHEAD, cars, real
from aggregator.test_backtest import series
from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch.dispatch import DispatchPlan, RollingDispatcher
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.keys import AttendanceKeys, RollKeys
from csmoifsa_aggregator.model.battery import Dispatch
from csmoifsa_aggregator.model.costs import single_price
from csmoifsa_aggregator.solve.batteries import cheapest_dispatch
from csmoifsa_aggregator.study.attendance import draw_attendance
from csmoifsa_aggregator.study.backtest import backtest
from csmoifsa_aggregator.study.carry import Events, Stays, carry_out
from csmoifsa_aggregator.study.rolling import Terms, roll_day


def least_cost(group, ahead, position, short, long):
    """Least cost of a day with known imbalance prices: scipy's program over charge, discharge, over and under."""
    steps, n = len(ahead), group.n_classes
    size = 2 * n * steps + 2 * steps
    cost, upper = np.zeros(size), np.full(size, np.inf)
    rows, low, equal, right = [], [], [], []

    def at(kind, v, t):
        return (kind * n + v) * steps + t

    over, under = 2 * n * steps, 2 * n * steps + steps
    for t in range(steps):
        balance = np.zeros(size)
        for v in range(n):
            here = group.start[v] <= t < group.start[v] + group.length[v]
            upper[at(0, v, t)] = group.count[v] * group.charge_kw[v] * here
            upper[at(1, v, t)] = group.count[v] * group.discharge_kw[v] * here
            cost[at(1, v, t)] = group.wear[v]
            balance[at(0, v, t)], balance[at(1, v, t)] = 1.0, -1.0
        balance[over + t], balance[under + t] = -1.0, 1.0
        equal.append(balance)
        right.append(position[t])
        cost[over + t], cost[under + t] = short[t], -long[t]
    for v in range(n):
        for t in range(group.start[v], group.start[v] + group.length[v]):
            soe = np.zeros(size)
            soe[[at(0, v, s) for s in range(t + 1)]] = group.efficiency[v]
            soe[[at(1, v, s) for s in range(t + 1)]] = -1.0 / group.efficiency[v]
            last = t == group.start[v] + group.length[v] - 1
            least = group.departure_kwh[v] if last else group.floor_kwh[v]
            rows += [-soe, soe]
            low += [
                group.count[v] * (group.arrival_kwh[v] - least),
                group.count[v] * (group.capacity_kwh[v] - group.arrival_kwh[v]),
            ]
    best = linprog(cost, np.array(rows), low, np.array(equal), right, list(zip(np.zeros(size), upper, strict=True)))
    assert best.success
    return best.fun + ahead @ position


@pytest.mark.parametrize("seed", range(12))
def test_perfect_foresight_is_the_least_cost_and_every_cost_a_plain_sum(seed):
    rng = np.random.default_rng(seed)
    group, actual = cars(), real(seed, sd=0.05)
    plan = cheapest_dispatch(group, AHEAD)
    short, long = actual + rng.uniform(0, 0.04, 12), actual - rng.uniform(0, 0.04, 12)
    terms = Terms(single_price(AHEAD, 1.0), AHEAD, np.zeros(12), plan)
    events = Events(actual, imbalance=np.array([short, long]))
    expected = np.array([short - actual, actual - long])
    day = roll_day(
        group, AHEAD, actual, forecaster="ar1", known="current", terms=terms, events=events, imbalance=expected
    )
    assert day.perfect_cost == pytest.approx(least_cost(group, AHEAD, plan.net_kw, short, long), abs=1e-5)
    for cost, net, wear in (
        (day.plan_cost, day.position_kw, plan.discharge_kw.sum(axis=1)),
        (day.rolling_cost, day.rolling_kw, day.carried[1].discharge_kw.sum(axis=1)),
    ):
        away = net - plan.net_kw
        paid = sum(short[t] * d if d > 0 else long[t] * d for t, d in enumerate(away))
        assert cost == pytest.approx(AHEAD @ plan.net_kw + paid + group.wear @ wear, abs=1e-6)
    assert day.plan_cost == pytest.approx(AHEAD @ plan.net_kw + group.wear @ plan.discharged_kwh(group))
    assert day.perfect_cost <= min(day.plan_cost, day.rolling_cost) + 1e-6


def test_two_equal_prices_are_one_and_wide_ones_keep_to_the_plan():
    group, actual = cars(), real(4, sd=0.05)
    plan = cheapest_dispatch(group, AHEAD)
    terms = Terms(single_price(AHEAD, 1.0), AHEAD, np.zeros(12), plan)
    options = {"forecaster": "ar1", "known": "current", "terms": terms}
    one = roll_day(group, AHEAD, actual, **options)
    same = Events(actual, imbalance=np.array([actual, actual]))
    two = roll_day(group, AHEAD, actual, events=same, imbalance=np.zeros((2, 12)), **options)
    for key in ("plan_cost", "rolling_cost", "perfect_cost"):
        assert getattr(two, key) == pytest.approx(getattr(one, key), abs=1e-6)
    assert np.abs(one.rolling_kw - plan.net_kw).max() > 1
    wide = Events(actual, imbalance=np.array([actual + 5.0, actual - 5.0]))
    kept = roll_day(group, AHEAD, actual, events=wide, imbalance=np.full((2, 12), 5.0), **options)
    np.testing.assert_allclose(kept.rolling_kw, plan.net_kw, atol=1e-6)
    assert kept.rolling_cost == pytest.approx(kept.plan_cost, abs=1e-5)


def test_an_imbalance_needs_a_position_and_may_not_earn_without_end(tmp_path):
    values = dict(cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12)))
    with pytest.raises(InputError, match="imbalance needs planned_kw"):
        DispatchPlan(**values, imbalance=np.zeros((2, 12)))
    position = np.zeros((2, 2, 12))
    with pytest.raises(InputError, match="must not make it earn to draw more and less"):
        DispatchPlan(**values, planned_kw=position, imbalance=np.full((2, 12), -0.1))
    plan = DispatchPlan(**values, planned_kw=position, imbalance=np.full((2, 12), 0.1))
    RollingDispatcher(plan).save(tmp_path / "state.json")
    again = RollingDispatcher.load(tmp_path / "state.json")
    np.testing.assert_array_equal(again.plan.imbalance, plan.imbalance)
    with pytest.raises(InputError, match=r"long_ratio 1\.1 must not exceed short_ratio 1"):
        RollKeys(long_ratio=1.1)
    with pytest.raises(InputError, match="give both short and long"):
        RollKeys(short={"csv": "a.csv"})
    with pytest.raises(InputError, match="not both"):
        RollKeys(short={"csv": "a.csv"}, long={"csv": "b.csv"}, short_ratio=1.2)


def test_a_backtest_with_multiples_or_files_of_imbalance_prices():
    case, (ahead, actual) = load_case("portfolio"), series(1, days=7)
    own = replace(case, roll=RollKeys(short_ratio=1.3, long_ratio=0.6))
    options = {"training": 4, "forecaster": "ar1", "known": "current"}
    by_ratio = backtest(own, ahead, actual, **options)
    files = [replace(actual, per_kwh=actual.per_kwh + (r - 1.0) * np.abs(actual.per_kwh)) for r in (1.3, 0.6)]
    by_file = backtest(case, ahead, actual, imbalance=files, **options)
    single = backtest(case, ahead, actual, **options)
    for one, two, plain in zip(by_ratio.days, by_file.days, single.days, strict=True):
        assert one.rolled.rolling_cost == pytest.approx(two.rolled.rolling_cost, rel=1e-9)
        assert one.rolled.plan_cost == pytest.approx(plain.rolled.plan_cost, rel=1e-9)
        assert one.rolled.perfect_cost >= plain.rolled.perfect_cost - 1e-6  # less can be gained
    with pytest.raises(
        InputError, match=r"long exceeds that of energy short in \d+ steps, first in step 0 of the day that"
    ):
        backtest(case, ahead, actual, imbalance=files[::-1], **options)


# ---- cars that do not keep to their stays ----


@pytest.mark.parametrize("seed", range(20))
def test_the_groups_are_those_of_the_shares(seed):
    keys = AttendanceKeys(late_share=0.2, late_h=2.0, early_share=0.1, early_h=3.0, absent_share=0.3)
    group = cars(count=[4000.0, 250.5])
    drawn = draw_attendance(group, keys, np.random.default_rng(seed))
    for v in range(2):
        mine = {
            name.removeprefix(group.names[v]): i for i, name in enumerate(drawn.cars.names) if name[0] == group.names[v]
        }
        parts = {word: drawn.cars.count[i] / group.count[v] for word, i in mine.items()}
        assert sum(parts.values()) == pytest.approx(1.0)
        for word, share in ((", late", 0.2), (", early", 0.1), (", absent", 0.3), ("", 0.4)):
            assert parts[word] == pytest.approx(share, abs=5 * np.sqrt(share / (4000 if v == 0 else 250)))
        begin, end = group.start[v], group.start[v] + group.length[v]
        times = {word: (drawn.arrival[i], drawn.departure[i]) for word, i in mine.items()}
        assert times == {
            "": (begin, end),
            ", late": (begin + 2, end),
            ", early": (begin, end - 3),
            ", absent": (12, 12),
        }
    again = draw_attendance(group, keys, np.random.default_rng(seed))
    np.testing.assert_array_equal(again.share, drawn.share)
    all_late = AttendanceKeys(late_share=1.0, late_h=20.0)
    assert (draw_attendance(group, all_late, np.random.default_rng(0)).arrival == 12).all()


@pytest.mark.parametrize("seed", range(15))
def test_cars_get_power_while_they_are_there_and_pay_for_what_they_get(seed):
    rng = np.random.default_rng(seed)
    late, early = rng.integers(1, 6, 2).astype(float)
    keys = AttendanceKeys(late_share=0.3, late_h=late, early_share=0.3, early_h=early, absent_share=0.2)
    group = cars(count=[30.0, 20.0], departure_kwh=[37.0, 39.0])
    plan = cheapest_dispatch(group, AHEAD)
    drawn = draw_attendance(group, keys, rng)
    own = drawn.plan(plan)
    np.testing.assert_allclose(own.net_kw, plan.net_kw)
    paid = rng.uniform(1, 2, drawn.cars.n_classes)
    powers = np.array([own.charge_kw, own.discharge_kw])
    whole = DispatchPlan(cars=drawn.cars, day_ahead=AHEAD, past=np.zeros((0, 12)), planned_kw=powers)
    got = carry_out(
        RollingDispatcher(whole), Events(real(seed), stays=Stays(drawn.arrival, drawn.departure, paid)), "last"
    )
    refund = unserved = absent = 0.0
    for i, name in enumerate(drawn.cars.names):
        n, eta = drawn.cars.count[i], 0.95
        there = (np.arange(12) >= drawn.arrival[i]) & (np.arange(12) < drawn.departure[i])
        assert got.charge_kw[i, ~there].sum() + got.discharge_kw[i, ~there].sum() == pytest.approx(0.0, abs=1e-9)
        need = drawn.cars.departure_kwh[i] - drawn.cars.arrival_kwh[i]
        if not there.any():
            refund, absent = refund + n * paid[i], absent + n
            continue
        gained = (eta * got.charge_kw[i].sum() - got.discharge_kw[i].sum() / eta) / n
        short = max(need - gained, 0.0)
        unserved += n * short
        refund += n * paid[i] * short / need
        if not name.endswith("early"):  # those who come late get what their time allows
            assert short == pytest.approx(max(need - eta * 7 * there.sum(), 0.0), abs=1e-6)
    assert got.refund == pytest.approx(refund, abs=1e-6)
    assert got.unserved_kwh == pytest.approx(unserved, abs=1e-6)
    assert got.absent == pytest.approx(absent)


def test_a_backtest_with_late_and_absent_cars_adds_up():
    case, (ahead, actual) = load_case("portfolio"), series(1, days=7)
    options = {"training": 4, "forecaster": "ar1", "known": "current"}
    plain = backtest(case, ahead, actual, **options)
    nobody = backtest(replace(case, attendance=AttendanceKeys()), ahead, actual, **options)
    keys = AttendanceKeys(late_share=0.1, late_h=3.0, early_share=0.1, early_h=2.0, absent_share=0.2, seed=5)
    some = backtest(replace(case, attendance=keys), ahead, actual, **options)
    for one, two in zip(plain.days, nobody.days, strict=True):
        assert two.rolled.rolling_cost == pytest.approx(one.rolled.rolling_cost, abs=1e-6)
        assert two.rolled.plan_cost == pytest.approx(one.rolled.plan_cost, abs=1e-3)
    for k, day in enumerate(some.days):
        first = 24 * (4 + k) + some.begin
        p, rt = ahead.per_kwh[first : first + 24], actual.per_kwh[first : first + 24]
        account = {one.name: one for one in day.accounts}["with rolling"]
        before = {one.name: one for one in plain.days[k].accounts}["with V2G"]
        one = day.rolled.carried[1]
        assert one.absent == pytest.approx(0.2 * 800, abs=60)
        assert account.cars == pytest.approx(2000 - one.absent)
        others = account.load_kw - one.net_kw
        position = before.load_kw - others
        energy = p @ before.load_kw + rt @ (one.net_kw - position)
        bills = before.driver_cost - one.refund
        assert account.driver_cost == pytest.approx(bills, abs=1e-6)
        assert account.profit == pytest.approx(bills - energy - 0.01 * one.discharge_kw.sum(), abs=1e-4)
        assert one.refund > 0.15 * 0.4 * before.driver_cost  # a fifth of two fifths do not come
    again = backtest(replace(case, attendance=keys), ahead, actual, **options)
    assert [one.rolled.rolling_cost for one in again.days] == [one.rolled.rolling_cost for one in some.days]


def test_an_early_leaver_by_hand():
    """A car leaves at step 6 of 9 without notice; the plan charges in step 7: it leaves as it came and pays nothing."""
    one = cars(
        names=("a",), count=[1.0], start=[0], length=[9], arrival_kwh=[20.0], departure_kwh=[26.65], discharge_kw=0.0
    )
    price = np.full(12, 0.2)
    price[7] = 0.1
    plan = np.zeros((1, 12))
    plan[0, 7] = 7.0
    whole = DispatchPlan(
        cars=one, day_ahead=price, past=np.zeros((0, 12)), forecaster="none", planned_kw=np.array([plan, 0 * plan])
    )
    events = Events(price, stays=Stays(np.array([0]), np.array([6]), np.array([3.0])))
    got = carry_out(RollingDispatcher(whole), events, "nothing")
    assert got.unserved_kwh == pytest.approx(6.65)
    assert got.refund == pytest.approx(3.0)
    assert got.charge_kw.sum() == pytest.approx(0.0, abs=1e-9)
    terms = Terms(
        single_price(price, 1.0),
        price,
        np.zeros(12),
        Dispatch(charge_kw=plan, discharge_kw=0 * plan, soe_kwh=plan, cost=0.0),
    )
    day = roll_day(one, price, price, forecaster="none", known="nothing", terms=terms, events=events)
    assert day.rolling_cost == pytest.approx(0.7 - 0.7 + 3.0)  # bought at 0.1, sold back at 0.1, and refunded
