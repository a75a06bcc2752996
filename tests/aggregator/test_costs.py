"""One account of costs: same load, same cost, whatever stage asks; stage two is optimal and never worse on it."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from aggregator.account import draw_case, least_cost, plain_cost
from aggregator.games import cars
from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch.dispatch import RollingDispatcher
from csmoifsa_aggregator.dispatch.plan import DispatchPlan
from csmoifsa_aggregator.inputs.case import case_from_dict, load_case
from csmoifsa_aggregator.inputs.games import game_from_dict
from csmoifsa_aggregator.inputs.market import MarketPrices
from csmoifsa_aggregator.model.battery import Dispatch
from csmoifsa_aggregator.model.costs import Market, keep_ratio, load_cost, step_costs
from csmoifsa_aggregator.model.game import Storage
from csmoifsa_aggregator.solve.alternation import verify
from csmoifsa_aggregator.solve.contracts import stage_two
from csmoifsa_aggregator.solve.plans import plan_cars, procure_cars
from csmoifsa_aggregator.solve.supply import procure
from csmoifsa_aggregator.study.backtest import backtest
from csmoifsa_aggregator.study.baselines import other_load
from csmoifsa_aggregator.study.rolling import Terms, roll_day
from csmoifsa_aggregator.study.study import run_day


def draw_market(rng, steps=6):
    p = rng.uniform(-0.05, 0.2, steps)
    changes = {}
    if rng.random() < 0.7:
        kw = rng.uniform(0.0, 60.0, int(rng.integers(1, 4)))
        kw[-1] = rng.choice([kw[-1], np.inf])
        changes = {"block_kw": kw, "block_premium": np.sort(rng.uniform(-0.02, 0.1, kw.size))}
    buy = p + rng.choice([-0.03, 0.0, 0.04, 2.0]) * rng.random(steps)
    return Market(day_ahead=p, buy=buy, sell=p, dt_h=float(rng.choice([0.25, 1.0])), **changes)


@pytest.mark.parametrize("seed", range(200))
def test_costs_are_those_of_plain_merit_order(seed):
    rng = np.random.default_rng(seed)
    market = draw_market(rng)
    load, discharged = rng.uniform(0.0, 100.0, (2, 6))
    discharged[rng.random(6) < 0.3] = 0.0
    load[rng.random(6) < 0.2] = 0.0
    sale_price = market.day_ahead + rng.choice([-0.6, 0.0, 0.3]) * np.abs(market.day_ahead)
    for price in (sale_price, None):
        mine = step_costs(load, market, discharged, price).sum()
        assert mine == pytest.approx(plain_cost(load, discharged, market, price), rel=1e-9, abs=1e-9)
    none = np.zeros(6)
    for mine in (load_cost(load, market), step_costs(load, market, none, sale_price).sum(), procure(load, market).cost):
        assert mine == pytest.approx(plain_cost(load, none, market, None), rel=1e-9, abs=1e-9)


def studied(case):
    """Return the day of a case; where no price keeps its import limit, that of the case without it."""
    try:
        return run_day(case, margin=0.0)
    except InputError:
        assert case.game.import_limit_kw is not None
        return run_day(replace(case, game=replace(case.game, import_limit_kw=None)), margin=0.0)


@pytest.mark.parametrize("seed", range(40))
def test_same_load_same_cost_whatever_stage_asks(seed):
    limit = {"import_limit_kw": float(np.random.default_rng(seed).choice([120.0, 1e6]))} if seed % 3 == 0 else {}
    case = draw_case(seed, **limit)
    study = studied(case)
    case, game, none = study.case, study.case.game, np.zeros(case.game.n_steps)
    for one in study.accounts[:4]:  # baselines and stage one: nobody gives
        bills = float(one.load_kw @ one.price) * game.dt_h
        assert one.profit == pytest.approx(bills - plain_cost(one.load_kw, none, game, None), rel=1e-9, abs=1e-9)
    load = study.solution.response.load_kw(game)
    verified = verify(game, study.solution.price, study.solution.response)
    as_battery = Dispatch(charge_kw=load[None, :], discharge_kw=load[None, :] * 0, soe_kwh=load[None, :], cost=0.0)
    doors = [verified.ev_cost, verified.supply.cost, float(load_cost(load, game)), procure(load, game).cost]
    doors.append(procure_cars(case.cars, as_battery, game, case.v2g_sell, none).cost)
    doors.append(Terms(game, case.v2g_sell, none).energy_cost(load, none))
    doors.append(Terms(game, case.v2g_sell, load).energy_cost(none, none))
    assert doors == pytest.approx([plain_cost(load, none, game, None)] * len(doors), rel=1e-9, abs=1e-9)
    if study.second is not None:
        two, last = study.second, study.accounts[-1]
        plain = other_load(case, study.solution)
        taken, discharged = plain + two.v2g.charge_kw.sum(axis=0), two.v2g.discharge_kw.sum(axis=0)
        energy = plain_cost(taken, discharged, game, case.v2g_sell if discharged.any() else None)
        wear = float(case.cars.wear @ two.v2g.discharge_kw.sum(axis=1)) * game.dt_h
        profit = study.solution.bills - energy - wear - two.owner_gain
        assert last.profit == pytest.approx(profit, rel=1e-9, abs=1e-9)
        rolled = Terms(game, case.v2g_sell, plain).energy_cost(two.v2g.charge_kw.sum(axis=0), discharged)
        assert rolled == pytest.approx(energy, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_stage_two_is_the_cheapest_and_never_worse_than_stage_one(seed):
    case = draw_case(100 + seed, **({"import_limit_kw": 150.0} if seed % 3 == 0 else {}))
    study = studied(case)
    case, game = study.case, study.case.game
    first, last = study.accounts[3], study.accounts[-1]
    assert last.profit >= first.profit - 1e-6
    plain = other_load(case, study.solution)
    if study.second is None:
        assert study.unused
        return
    two = study.second
    alone = plain_cost(plain, 0 * plain, game, None)
    for group, mine in ((case.cars.only_charging(), two.smart), (case.cars, two.v2g)):
        best = least_cost(group, game, case.v2g_sell, plain)
        assert mine.cost + alone == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert two.surplus >= -1e-9
    assert two.owner_gain == pytest.approx(case.owner_share * two.surplus)
    assert (two.class_surplus >= 0).all()
    assert two.class_surplus.sum() == pytest.approx(two.surplus, abs=1e-9)
    assert study.import_excess_kw(last) <= 1e-4


@pytest.mark.parametrize("seed", range(12))
def test_a_storage_of_the_aggregator_is_part_of_the_account(seed):
    case = draw_case(200 + seed)
    storage = Storage(power_kw=20.0, capacity_kwh=60.0, initial_kwh=20.0, efficiency=0.9)
    sell = case.game.day_ahead * (0.3 if seed % 2 else 1.1)
    case = replace(case, game=replace(case.game, storage=storage, sell=sell))
    study = run_day(case, margin=0.0)
    first, last = study.accounts[3], study.accounts[-1]
    assert first.profit + first.storage == pytest.approx(study.solution.objective, abs=1e-5)
    assert last.profit + last.storage >= first.profit + first.storage - 1e-5
    if study.second is None:
        return
    plain, two = other_load(case, study.solution), study.second
    assert last.profit + last.storage == pytest.approx(study.solution.bills - two.total_cost, abs=1e-9)
    # the storage and the others' load beside it: no worse than either planned without the other
    apart = stage_two(
        case.cars, replace(case.game, storage=None), case.v2g_sell, other_load_kw=plain, owner_share=case.owner_share
    )
    left = procure_cars(case.cars, apart.v2g, case.game, case.v2g_sell, plain).cost
    assert two.supply.cost + two.wear_paid <= left + apart.wear_paid + 1e-5


# ---- the five cases of a review, judged by hand ----

SUPPLY = {"limits": {"block_kw": [500.0, 1e9], "block_premium": [0.0, 0.05]}, "market": {"buy_ratio": 5.0}}
NO_V2G = {"contract": {"discharge_kw": 0.0}}


def portfolio(tmp_path, **tables):
    lines = ['base = "portfolio"', 'name = "mine"']
    for table, values in tables.items():
        lines += [f"[{table}]", *(f"{key} = {value}" for key, value in values.items())]
    path = tmp_path / "case.toml"
    path.write_text("\n".join(lines))
    return load_case(path)


def test_stage_two_pays_the_supply_curve(tmp_path):
    for changes in (SUPPLY | NO_V2G, SUPPLY):
        case = portfolio(tmp_path, **changes)
        study = run_day(case, margin=1e-3)
        one, two = study.accounts[3], study.accounts[4]
        assert one.profit == pytest.approx(-1888.742, abs=1e-3)
        plain = other_load(case, study.solution)
        best = least_cost(case.cars, case.game, case.v2g_sell, plain)
        assert two.profit == pytest.approx(study.solution.bills - best, abs=1e-5)
        assert two.profit == pytest.approx(-1678.263, abs=1e-3)
        assert study.second.surplus == pytest.approx(0.0, abs=1e-9)


def test_stage_two_buys_in_real_time_where_that_is_cheaper(tmp_path):
    study = run_day(portfolio(tmp_path, market={"buy_ratio": 0.5}, **NO_V2G), margin=1e-3)
    assert study.accounts[3].profit == pytest.approx(1166.863, abs=1e-3)
    assert study.accounts[4].profit == pytest.approx(1166.863, abs=1e-3)
    assert study.second.surplus == pytest.approx(0.0, abs=1e-9)


def test_rolling_starts_from_the_plan_of_the_contracts(tmp_path):
    case = portfolio(tmp_path, contract={"sell_ratio": 0.5}).at_prices(
        np.roll(load_case("portfolio").game.day_ahead, -7), 7
    )
    study = run_day(case, margin=1e-3)
    two, game = study.second, case.game
    assert two.discharged_kwh.sum() == pytest.approx(889.2, abs=0.1)
    terms = Terms(game, case.v2g_sell, other_load(case, study.solution), two.v2g)
    asleep = roll_day(case.cars, game.day_ahead, game.day_ahead, forecaster="none", known="nothing", terms=terms)
    np.testing.assert_allclose(asleep.position_kw, two.v2g.net_kw, atol=1e-6)
    assert asleep.plan_cost == pytest.approx(two.supply.ev_cost + two.wear_paid, abs=1e-6)
    assert asleep.rolling_cost == pytest.approx(asleep.plan_cost, abs=1e-4)
    assert asleep.perfect_cost == pytest.approx(asleep.plan_cost, abs=1e-4)  # with the prices of the plan it is best


def test_contracts_that_cost_the_aggregator_are_left_unused():
    day = {"day_ahead": [0.01, 0.02, 0.1, 0.11, 0.1, 0.12, 0.2, 0.2]}
    one = {"name": "a", "count": 10, "power_kw": 4.0, "window": ["00:00-06:00", "12:00-21:00"]}
    contract = {
        **{"v2g_share": 1.0, "capacity_kwh": 40.0, "arrival_kwh": 10.0, "departure_kwh": 20.0, "efficiency": 1.0},
        **{"discharge_kw": 0.0},
    }
    study = run_day(case_from_dict({"market": day, "classes": [one], "contract": contract}))
    assert study.second is None  # the battery's one stay is the afternoon; stage one charges in the night
    assert "left unused" in study.unused
    assert [one.name for one in study.accounts][-1] == "stage one"


def test_a_battery_that_takes_another_energy_than_stage_one_sells_is_refused():
    one = {"name": "night", "count": 1, "power_kw": 7.0, "window": "18:00-06:00", "energy_kwh": 5.0}
    contract = {"v2g_share": 1.0, "capacity_kwh": 60.0, "arrival_kwh": 30.0, "departure_kwh": 54.0, "efficiency": 0.95}
    values = {"market": {"day_ahead": [0.1] * 24}, "classes": [one], "contract": contract}
    with pytest.raises(InputError, match=r"night: energy_kwh 5 is not what its battery takes .* 25\.2632 kWh"):
        case_from_dict(values)
    one["energy_kwh"] = 25.26  # rounded: the battery's own is taken
    assert case_from_dict(values).game.energy_kwh == pytest.approx([24 / 0.95], rel=1e-12)


def test_a_day_of_23_values_must_say_how_long_a_step_is():
    game = {"p": [0.1] * 23, "lb": [0.1] * 23, "ub": [0.1] * 23, "mean": 0.1, "E": [20.0], "Pm": [7.0], "W": [[1] * 23]}
    with pytest.raises(InputError, match="dt is missing: p has 23 values"):
        game_from_dict(game)
    assert game_from_dict({**game, "dt": 1.0}).dt_h == 1.0


def test_owners_who_answer_the_price_are_not_paid_twice(tmp_path):
    path = tmp_path / "battery.toml"
    path.write_text('base = "wei-v2g"\n[contract]\nv2g_share = 0.3\nstage_one = "battery"\n')
    case, prices = load_case(path), load_case(path).game.day_ahead
    stamps, hour = datetime(2025, 6, 1), timedelta(hours=1)
    series = MarketPrices(stamps, hour, np.tile(prices, 3), "HERE")
    test = backtest(case, series, series, training=0, days=(date(2025, 6, 1), date(2025, 6, 1)), forecaster="none")
    names = [one.name for one in test.days[0].accounts]
    assert names == [
        "uncontrolled charging",
        "flat price",
        "day-ahead price",
        "stage one",
        "with rolling",
        "perfect foresight",
    ]
    one, rolled, best = test.days[0].accounts[3:]
    assert one.profit <= rolled.profit + 1e-6
    assert rolled.driver_cost == best.driver_cost == one.driver_cost
    # all that is gained is cheaper energy, and wear that owners have less
    assert rolled.profit - one.profit == pytest.approx(
        test.days[0].rolled.plan_cost - test.days[0].rolled.rolling_cost, abs=1e-9
    )
    assert (rolled.load_kw >= -1e-6).all()  # nothing can be sold


def test_a_case_with_negative_or_zero_prices_keeps_its_bounds_in_order(tmp_path):
    ordinary = load_case("portfolio")
    prices = ordinary.game.day_ahead.copy()
    for middle in ([-0.001, -0.005, -0.05, -0.005], [0.0] * 4):
        prices[10:14] = middle
        case = portfolio(tmp_path, market={"day_ahead": prices.tolist()})
        for day in (ordinary.game.day_ahead, -ordinary.game.day_ahead, prices):
            moved = case.at_prices(day).game
            np.testing.assert_allclose(moved.lower, day - 0.3 * np.abs(day), atol=1e-12)
            np.testing.assert_allclose(moved.upper, day + 0.3 * np.abs(day), atol=1e-12)
            np.testing.assert_allclose(moved.buy, day + 0.2 * np.abs(day), atol=1e-12)


def test_a_series_with_its_own_distance_at_price_zero_keeps_it():
    assert keep_ratio(np.array([0.5, 2.0]), np.array([0.0, 1.0]), np.array([3.0, 3.0])).tolist() == [3.5, 6.0]
    assert keep_ratio(np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.array([3.0, 3.0])).tolist() == [6.0, 6.0]


def test_the_strict_margin_scales_with_the_price_level():
    base = {
        "price": {"band": 0.2},
        "classes": [{"name": "a", "count": 3, "power_kw": 4.0, "energy_kwh": 10.0, "window": "00:00-12:00"}],
    }
    p = np.array([3.0, 2.0, 4.0, 1.0])
    margins = []
    for level in (1e-3, 1.0, 1e4):
        study = run_day(case_from_dict({**base, "market": {"day_ahead": (level * p).tolist()}}))
        margins.append(study.solution.margin / level)
        assert study.solution.status == "proven"
    assert margins == pytest.approx([0.002 * p.mean()] * 3)


@pytest.mark.parametrize("seed", range(6))
def test_rolling_keeps_the_import_limit_and_pays_the_account(seed):
    rng = np.random.default_rng(seed)
    case = draw_case(300 + seed, import_limit_kw=170.0)
    group = replace(case.cars, start=np.minimum(case.cars.start, 8 - case.cars.length), discharge_kw=4.0)
    game, plain = case.game, rng.uniform(0.0, 60.0, 8)
    sale_price = game.day_ahead - 0.5 * np.abs(game.day_ahead)
    two = stage_two(group, game, sale_price, other_load_kw=plain)
    real = game.day_ahead + rng.normal(scale=0.05, size=8)
    terms = Terms(game, sale_price, plain, two.v2g)
    rolled = roll_day(group, game.day_ahead, real, terms=terms)
    sure = roll_day(group, game.day_ahead, real, forecaster="perfect", terms=terms)
    for net in (rolled.position_kw, rolled.rolling_kw, rolled.perfect_kw):
        assert (plain + net <= 170.0 + 1e-4).all()
    assert rolled.perfect_cost <= min(rolled.plan_cost, rolled.rolling_cost) + 1e-6
    assert sure.rolling_cost == pytest.approx(rolled.perfect_cost, abs=1e-5)
    at = terms.at(real)
    best = plan_cars(group, at.market, at.sale_price, plain)
    energy = [plain_cost(plain + one.charge_kw.sum(axis=0), one.discharge_kw.sum(axis=0), at.market, at.sale_price)
              for one in (two.v2g, best)]  # fmt: skip
    wear = [float(group.wear @ one.discharged_kwh(group)) for one in (two.v2g, best)]
    assert rolled.plan_loss == pytest.approx(energy[0] + wear[0] - energy[1] - wear[1], abs=1e-7)
    ahead = plain_cost(plain + two.v2g.charge_kw.sum(axis=0), two.v2g.discharge_kw.sum(axis=0), game, sale_price)
    assert rolled.plan_cost == pytest.approx(ahead + wear[0], abs=1e-7)


def test_a_dispatcher_keeps_its_terms_over_a_crash(tmp_path):
    group, prices = cars(), 0.05 + 0.03 * np.sin(np.arange(12) / 2.0)
    plan = DispatchPlan(
        cars=group,
        day_ahead=prices,
        past=np.zeros((0, 12)),
        other_load_kw=np.full(12, 5.0),
        import_limit_kw=np.where(np.arange(12) < 2, np.inf, 25.0),
        sale_ratio=np.where(np.arange(12) < 6, 0.5, np.nan),
    )
    whole, first = RollingDispatcher(plan), RollingDispatcher(plan)
    expected = [whole.step(now, float(prices[now] + 0.02 * (now % 3))) for now in range(12)]
    first.step(0, float(prices[0]))
    first.save(tmp_path / "state.json")
    second = RollingDispatcher.load(tmp_path / "state.json")
    answers = [second.step(now, float(prices[now] + 0.02 * (now % 3))) for now in range(1, 12)]
    for mine, other in zip(answers, expected[1:], strict=True):
        assert mine.charge_kw == pytest.approx(other.charge_kw, abs=1e-5)
        assert mine.discharge_kw == pytest.approx(other.discharge_kw, abs=1e-5)
    net = second.net_kw
    assert (5.0 + net[2:] <= 25.0 + 1e-5).all()
    assert (5.0 + net[6:] >= -1e-5).all()  # nothing can be sold


def test_a_dispatcher_keeps_the_import_limit_before_its_promises():
    plan = DispatchPlan(
        cars=cars(),
        day_ahead=np.full(12, 0.1),
        past=np.zeros((0, 12)),
        other_load_kw=np.full(12, 20.0),
        import_limit_kw=np.r_[np.full(11, 22.0), 19.0],
    )
    dispatcher = RollingDispatcher(plan)
    answers = [dispatcher.step(now, 0.1) for now in range(12)]
    assert (dispatcher.net_kw[:11] <= 2.0 + 1e-5).all()
    assert answers[-1].unserved_kwh  # 2 kW are not enough for both classes
    sad = RollingDispatcher(replace(plan, cars=cars(discharge_kw=0.0)))
    notes = [sad.step(now, 0.1).notes for now in range(12)][-1]
    assert any("the import limit of step 11 is exceeded by 1 kW" in note for note in notes)
