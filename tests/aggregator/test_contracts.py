"""V2G contracts: published figures, physics, who gains what, and V2G drivers as followers."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.games import TINY, WEI, cars
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.battery import Dispatch, longest_stay
from csmoifsa_aggregator.model.costs import Storage, single_price
from csmoifsa_aggregator.solve.alternation import fit_mean, verify
from csmoifsa_aggregator.solve.batteries import cheapest_dispatch
from csmoifsa_aggregator.solve.bounds import best_response
from csmoifsa_aggregator.solve.contracts import split_surplus, stage_two
from csmoifsa_aggregator.solve.stackelberg import solve_game
from csmoifsa_aggregator.study.study import run_day


def physics(group, dispatch):
    """Balance, limits, promise, and never charging and discharging at once."""
    v, t = group.places
    charge, discharge = (power[v, t] / group.count[v] for power in (dispatch.charge_kw, dispatch.discharge_kw))
    soe = dispatch.soe_kwh[v, t]
    before = np.where(group.first, group.arrival_kwh[v], np.roll(soe, 1))
    eta = group.efficiency[v]
    np.testing.assert_allclose(soe, before + (eta * charge - discharge / eta) * group.dt_h, atol=1e-6)
    assert (soe <= group.capacity_kwh[v] + 1e-6).all()
    assert (soe >= np.minimum(group.floor_kwh[v], group.arrival_kwh[v]) - 1e-6).all()
    assert (soe[group.last] >= group.departure_kwh - 1e-6).all()
    assert (charge <= group.charge_kw[v] + 1e-6).all()
    assert (discharge <= group.discharge_kw[v] + 1e-6).all()
    assert np.minimum(charge, discharge).max() < 1e-6
    assert not dispatch.charge_kw[~group.window].any()


@pytest.mark.parametrize(
    ("wear", "cost", "gain", "discharged"), [(0.05, 343.896283, 14.461612, 318.45), (0.0, 326.758292, 31.599602, None)]
)
def test_reference_figures_on_the_cars_of_wei(wear, cost, gain, discharged):
    case = load_case("wei-v2g")
    group = replace(case.cars, wear=np.full(3, wear))
    two = stage_two(group, case.game)
    assert two.smart.cost == pytest.approx(358.357895, abs=1e-6)
    assert two.v2g.cost == pytest.approx(cost, abs=1e-6)
    assert two.surplus == pytest.approx(gain, abs=1e-6)
    assert discharged is None or two.discharged_kwh.sum() == pytest.approx(discharged, abs=1e-6)
    assert "linear program" in two.program
    assert two.owner_gain + two.aggregator_gain == pytest.approx(two.surplus)
    assert two.class_surplus.sum() == pytest.approx(two.surplus)
    physics(group, two.v2g)
    physics(group.only_charging(), two.smart)


def test_stays_pass_midnight_and_the_longest_counts():
    assert [longest_stay(window) for window in WEI.window] == [(21, 9), (19, 13), (7, 13)]
    assert longest_stay(np.ones(5, dtype=bool)) == (0, 5)


@pytest.mark.parametrize("seed", range(15))
def test_surplus_is_never_negative_and_physics_hold(seed):
    rng = np.random.default_rng(seed)
    group = cars(wear=float(rng.choice([0.0, 0.02, 0.2])))
    buy = rng.normal(0.05, 0.06, 12)
    sell = buy * rng.choice([0.8, 1.0, 1.3])
    two = stage_two(group, single_price(buy, 1.0), sell, owner_share=0.3)
    assert two.surplus >= -1e-9
    assert two.owner_gain == pytest.approx(0.3 * two.surplus)
    physics(group, two.v2g)
    needed = group.circular(buy, sell).any()
    assert ("mixed-integer" in two.program) == needed


def test_binaries_appear_only_where_circling_would_pay():
    flat = np.full(12, 0.1)
    assert cheapest_dispatch(cars(), flat, flat).n_binaries == 0
    paid = stage_two(cars(), single_price(flat, 1.0), 1.5 * flat)
    assert "selling pays more" in paid.program
    physics(cars(), paid.v2g)
    negative = stage_two(cars(wear=0.0), single_price(np.full(12, -0.2), 1.0))
    assert "negative" in negative.program
    physics(cars(wear=0.0), negative.v2g)
    mixed = np.where(np.arange(12) < 3, -0.2, 0.1)
    assert "prices are negative" in stage_two(cars(), single_price(mixed, 1.0), np.full(12, 0.2)).program
    assert "selling pays more" in stage_two(cars(), single_price(0.0 * flat, 1.0), flat).program


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"length": [2, 9]}, "a: charging at 7 kW through its window of 2 h reaches 28.3 kWh, 3.7 kWh short of the 32"),
        ({"efficiency": -0.5}, "a: efficiency must be .* from 0 up"),
        ({"efficiency": 1.5}, "a: efficiency must be above 0 and at most 1"),
        ({"arrival_kwh": 41.0}, "a: arrival_kwh 41 exceeds the capacity by 1 kWh"),
        ({"departure_kwh": 2.0}, "a: departure_kwh is 2 kWh below the floor"),
        ({"wear": float("nan")}, "a: wear must be a number"),
        ({"start": 99}, "a stay must begin"),
    ],
)
def test_bad_cars(changes, words):
    with pytest.raises(InputError, match=words):
        cars(**changes)


def test_beta_outside_its_range():
    with pytest.raises(InputError, match="owner_share"):
        stage_two(cars(), single_price(np.full(12, 0.1), 1.0), owner_share=1.2)


@pytest.mark.parametrize("size", [1.0, 0.01])
@pytest.mark.parametrize("seed", range(4))
def test_at_prices_that_no_load_changes_each_split_surplus_what_it_would_alone(seed, size):
    rng = np.random.default_rng(seed)
    market = single_price(rng.uniform(0.02, 0.4, 12), float(rng.choice([0.5, 1.0])))
    sale_price = market.day_ahead * rng.choice([0.7, 1.0])
    each = {
        "count": [3.0 * size, 2.0 * size],
        "arrival_kwh": [15.0, 20.0],
        "departure_kwh": [22.0, 26.0],
        "start": [0, 3],
    }
    each |= {"length": [9, 9], "wear": [0.01, 0.002]}
    group = cars(**each, dt_h=market.dt_h)
    alone = []
    for v, name in enumerate(group.names):
        one = cars(**{key: [values[v]] for key, values in each.items()}, names=(name,), dt_h=market.dt_h)
        alone.append(stage_two(one, market, sale_price).surplus)
    two = stage_two(group, market, sale_price)
    assert min(alone) > 0.01 * size
    if (sale_price == market.day_ahead).all():  # else what one class gives may serve the other
        assert two.class_surplus == pytest.approx(alone, abs=1e-6 * size)
    assert two.surplus >= sum(alone) - 1e-6
    assert two.class_surplus.sum() == pytest.approx(two.surplus)


def test_a_class_may_discharge_beside_one_that_may_not():
    market = single_price(np.linspace(0.4, 0.02, 12), 1.0)
    one = cars(names=("a",), **{key: getattr(cars(), key)[:1] for key in ("count", "arrival_kwh", "departure_kwh")},
               start=[0], length=[9])  # fmt: skip
    alone = stage_two(one, market).surplus
    for kw in ([7.0, 0.0], [0.0, 7.0]):
        two = stage_two(cars(discharge_kw=kw), market)
        assert two.surplus > 0.1
        assert two.discharged_kwh[np.argmin(kw)] == 0.0
    assert stage_two(cars(discharge_kw=[7.0, 0.0]), market).class_surplus == pytest.approx([alone, 0.0], abs=1e-6)


def test_classes_that_charge_in_one_step_share_its_price():
    """On a supply curve the price of a step follows from the charging of all classes together, here 3 + 3 kW."""
    group = cars(count=[1.0, 1.0], wear=0.0, n_steps=2, start=[0, 0], length=[2, 2], departure_kwh=15.0)
    market = replace(single_price(np.array([0.1, 0.1]), 1.0), buy=np.full(2, 9.0), block_kw=np.array([4.0, np.inf]),
                     block_premium=np.array([0.0, 0.3]))  # fmt: skip
    zero = np.zeros((2, 2))

    def charging(rows):
        return Dispatch(charge_kw=np.array(rows), discharge_kw=zero, soe_kwh=zero, cost=0.0)

    # step 0: 4 kW at 0.1 and 2 kW at 0.4, mean price of the 3 kW avoided (0.1 + 2 x 0.4) / 3 = 0.3; step 1: 3 kW at 0.1
    smart, v2g = charging([[3.0, 0.0], [3.0, 0.0]]), charging([[0.0, 2.0], [3.0, 0.0]])
    parts = split_surplus(group, smart, v2g, market, market.day_ahead, np.zeros(2), 0.7)
    assert parts == pytest.approx([0.7, 0.0])
    v2g = charging([[1.0, 3.0], [2.0, 0.5]])  # avoided 2 and 1 kW at 0.3, moved to 3 and 0.5 kW at 0.1
    parts = split_surplus(group, smart, v2g, market, market.day_ahead, np.zeros(2), 0.55)
    assert parts == pytest.approx([0.3, 0.25])
    other = charging([[1.0, 5.0], [2.0, 0.0]])  # step 1: 5 kW cost 0.1 x 4 + 0.4, so 0.16 each; gains 2 x 0.3 - 0.8 < 0
    assert split_surplus(group, smart, other, market, market.day_ahead, np.zeros(2), 0.6) == pytest.approx([0.0, 0.6])


def test_half_of_the_surplus_is_the_owners_if_nothing_else_is_said():
    two = stage_two(cars(), single_price(np.linspace(0.02, 0.4, 12), 1.0))
    assert two.surplus > 0.1
    assert two.owner_gain == pytest.approx(two.surplus / 2)


def test_promises_that_the_import_limit_does_not_let_be_kept_are_refused():
    price = np.linspace(0.02, 0.4, 12)
    with pytest.raises(InputError, match=r"promises within their windows and limits\.import_limit_kw$"):
        stage_two(cars(), single_price(price, 1.0, np.full(12, 1.0)))


@pytest.mark.parametrize("kw", [7.0, 0.8])
def test_batteries_never_charge_and_discharge_at_once_beside_a_full_storage(kw):
    group = cars(wear=0.0, discharge_kw=kw)
    store = Storage(power_kw=5.0, capacity_kwh=20.0, initial_kwh=20.0, efficiency=0.9)
    market = replace(single_price(np.where(np.arange(12) < 6, -0.2, 0.1), 1.0), storage=store)
    two = stage_two(group, market)
    physics(group, two.v2g)
    assert "mixed-integer" in two.program


def test_classes_gain_what_they_move_at_the_mean_price_between_both_loads():
    curve = {"block_kw": np.array([10.0, np.inf]), "block_premium": np.array([0.0, 1.0])}
    market = replace(single_price(np.array([0.1, 0.9, 0.3]), 0.5), buy=np.full(3, 9.0), **curve)
    none, group = np.zeros(3), cars(n_steps=3, start=0, length=3, wear=[0.0, 0.05], departure_kwh=15.0, dt_h=0.5)

    def plan(a, b, given):
        return Dispatch(
            charge_kw=np.array([a, b]), discharge_kw=np.array([none, given]), soe_kwh=np.zeros((2, 3)), cost=0.0
        )

    smart = plan([0.0, 0.0, 4.0], [0.0, 4.0, 0.0], none)
    v2g = plan([4.0, 0.0, 0.0], [0.0, 0.0, 4.0], [0.0, 2.0, 0.0])
    # beside 8 kW of others; means of 8 to 12 kW: 0.6 and 1.4; the third hour's load stays at 12 kW, at 1.3
    # a: 4 * (1.3 - 0.6), b: 4 * (1.4 - 1.3) and 2 * (0.9 - 0.05) for what it gives; all for half an hour
    plain = np.full(3, 8.0)
    parts = split_surplus(group, smart, v2g, market, market.day_ahead, plain, 2.45)
    assert parts == pytest.approx([1.4, 1.05])
    assert split_surplus(group, smart, v2g, market, market.day_ahead, plain, 4.9) == pytest.approx([2.8, 2.1])
    # where nobody gains: by the number of cars, 3 and 2
    assert split_surplus(group, smart, smart, market, market.day_ahead, plain, 1.0) == pytest.approx([0.6, 0.4])
    # a class that would lose gets nothing
    worse = plan([4.0, 0.0, 0.0], [0.0, 4.0, 0.0], none)
    before = plan([0.0, 0.0, 4.0], none, none)
    assert split_surplus(group, before, worse, market, market.day_ahead, plain, 1.0) == pytest.approx([1.0, 0.0])


# ---- as followers ----


def follower_game(share=0.3):
    case = load_case("wei-v2g")
    return replace(WEI, cars=replace(case.cars, count=share * case.cars.count))


def test_v2g_drivers_as_followers_are_proven():
    game = follower_game()
    s = solve_game(game, tries=1)
    assert s.status == "proven"
    assert s.binaries > 100
    physics(game.cars, s.response.cars)
    # nobody could do better at this price
    mine, best = (
        (one.charge_kw - one.discharge_kw) @ s.price + game.cars.wear * one.discharge_kw.sum(axis=1)
        for one in (s.response.cars, cheapest_dispatch(game.cars, s.price))
    )
    np.testing.assert_allclose(mine / game.cars.count, best / game.cars.count, atol=1e-5)
    assert s.objective <= s.upper_bound + 1e-9
    rng = np.random.default_rng(1)
    for _ in range(15):  # and no price drawn at random earns more
        price = fit_mean(game, rng.uniform(game.lower, game.upper))
        assert verify(game, price, best_response(game, price)).profit <= s.objective + 1e-4


def test_v2g_drivers_who_give_what_nobody_takes_are_refused():
    nearly_alone = follower_game(share=30.0)
    p = nearly_alone.day_ahead
    priced = replace(nearly_alone, lower=p, upper=p, mean=float(p.mean()))
    with pytest.raises(InputError, match=r"V2G drivers .*contract.stage_one = 'charging'"):
        solve_game(priced, tries=0, integers=False)
    # with room for the price there is one at which they give no more than the others take
    s = solve_game(nearly_alone, tries=0, integers=False)
    assert (s.response.load_kw(nearly_alone) + s.response.cars.net_kw).min() > -1e-6
    nothing = best_response(nearly_alone, nearly_alone.day_ahead)
    assert nothing.cars is None
    assert verify(nearly_alone, nearly_alone.day_ahead, nothing).profit == -np.inf


def test_two_contracts_in_one_portfolio():
    study = run_day(load_case("portfolio"))
    plans = {one.name: one for one in study.accounts}
    assert study.second is not None
    assert plans["with V2G"].profit >= plans["stage one"].profit - 1e-6
    assert plans["with V2G"].driver_cost <= plans["stage one"].driver_cost + 1e-9
    gained = plans["stage one"].driver_cost - plans["with V2G"].driver_cost
    assert gained == pytest.approx(study.second.owner_gain)
    assert plans["uncontrolled charging"].profit < plans["stage one"].profit
    energy = [one.load_kw.sum() for one in study.accounts[:4]]
    assert energy == pytest.approx([energy[0]] * 4)


def test_stage_one_battery_takes_v2g_drivers_out_of_the_plain_classes(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "wei-v2g"\n[contract]\nv2g_share = 0.5\nstage_one = "battery"\n')
    case = load_case(path)
    assert case.game.cars is not None
    assert case.game.count.tolist() == [25, 10, 5]
    with pytest.raises(InputError, match="V2G classes have 24 steps, but there are 6 prices"):
        replace(TINY, cars=case.cars)
