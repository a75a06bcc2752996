"""Each car can follow the plan of its class: power, stay, state of energy and promise, by plain loops over steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.reserve import load_products
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.model.like_cars import Terms, contract_classes, plan_of_car
from csmoifsa_aggregator.model.many import Cars, draw_cars
from csmoifsa_aggregator.solve.contracts import stage_two

TERMS = Terms(capacity_kwh=60.0, floor_kwh=12.0, departure_kwh=54.0, efficiency=0.95, wear=0.01)


def ugly_cars(rng: np.random.Generator, n: int, steps: int) -> Cars:
    """Cars at any hour, some in for the whole day, some who need nothing, all that fits, or more than a battery."""
    length = rng.integers(1, steps + 1, n)
    power = rng.choice([1.4, 3.7, 11.0, 22.0], n)
    most = power * length * 24.0 / steps
    energy = np.where(rng.random(n) < 0.2, 0.0, rng.random(n) ** 2 * most)
    energy = np.where(rng.random(n) < 0.1, most, energy)
    return Cars(rng.integers(0, steps, n), length, energy, power, steps)


def market(steps: int, rng: np.random.Generator) -> Game:
    """Return a market with prices far enough apart that discharging pays, now and then below zero."""
    price = rng.uniform(-0.1, 1.0, steps)
    return replace(random_game(steps, 2, 1), day_ahead=price, buy=1.2 * np.abs(price) + price, sell=price)


def follows(car: int, cars: Cars, terms: Terms, own: np.ndarray) -> None:
    """Walk through the stay of a car step by step and check every limit of its own."""
    soe = terms.departure_kwh - terms.efficiency * cars.energy_kwh[car]
    assert soe >= terms.floor_kwh - 1e-6
    plugged = [(cars.start[car] + k) % cars.n_steps for k in range(cars.length[car])]
    for t in range(cars.n_steps):
        if t not in plugged:
            assert own[0, t] == own[1, t] == 0
    for t in plugged:
        charge, discharge = own[:, t]
        assert -1e-6 <= charge <= cars.power_kw[car] + 1e-6
        assert -1e-6 <= discharge <= cars.power_kw[car] + 1e-6
        soe += (terms.efficiency * charge - discharge / terms.efficiency) * cars.dt_h
        assert terms.floor_kwh - 1e-6 <= soe <= terms.capacity_kwh + 1e-6
    assert soe == pytest.approx(terms.departure_kwh, abs=1e-6) or soe > terms.departure_kwh


@pytest.mark.parametrize("seed", range(6))
def test_every_car_can_follow_the_plan_of_its_class_and_all_together_are_the_plan(seed):
    rng = np.random.default_rng(seed)
    steps = int(rng.choice([8, 24, 48]))
    cars = ugly_cars(rng, 150, steps)
    group, owner = contract_classes(cars, TERMS, int(rng.integers(1, 25)))
    if not group.n_classes:
        return
    game = market(steps, rng)
    plan = stage_two(group, game, game.day_ahead).v2g
    both = np.zeros((2, group.n_classes, steps))
    for car in np.flatnonzero(owner >= 0):
        own = plan_of_car(car, cars, group, owner, plan)
        follows(car, cars, TERMS, own)
        both[:, owner[car]] += own
    np.testing.assert_allclose(both[0], plan.charge_kw, atol=1e-6 * cars.power_kw.sum())
    np.testing.assert_allclose(both[1], plan.discharge_kw, atol=1e-6 * cars.power_kw.sum())
    assert group.count.sum() == (owner >= 0).sum()


def test_the_neediest_car_of_a_class_keeps_its_floor_when_all_discharge_first():
    cars = Cars([0, 0], [12, 12], [1.0, 30.0], [11.0, 11.0], 24)
    group, owner = contract_classes(cars, TERMS, 1)
    price = np.where(np.arange(24) < 4, 1.0, 0.1)
    game = replace(random_game(24, 2, 1), day_ahead=price, buy=price, sell=price)
    plan = stage_two(group, game, price).v2g
    assert plan.discharge_kw[0, :4].sum() > 0
    for car in range(2):
        follows(car, cars, TERMS, plan_of_car(car, cars, group, owner, plan))


def test_a_band_of_reserve_is_within_the_power_of_all_cars_together_and_its_parts_within_that_of_each():
    cars = draw_cars(400, 24)
    group, owner = contract_classes(cars, TERMS, 10)
    game = random_game(24, 2, 1)
    regulation = load_products(["pjm-regulation"])[0].product(24, 1.0)
    product = replace(regulation, injection_allowed=True, price=0.2, minimum_kw=0.0, increment_kw=0.0)
    result = stage_two(group, game, game.day_ahead, products=[product])
    band = result.reserve[0]
    assert band.bid_kw.sum() > 0
    found = np.zeros((2, group.n_classes, 24))
    for car in np.flatnonzero(owner >= 0):
        k, own, power = owner[car], plan_of_car(car, cars, group, owner, result.v2g), cars.power_kw[car]
        follows(car, cars, TERMS, own)
        plan = (result.v2g.charge_kw[k] - result.v2g.discharge_kw[k]) / group.count[k]
        for t in range(24):
            for d, (total, sign) in enumerate(((band.down_kw, 1.0), (band.up_kw, -1.0))):
                if total[k, t] > 1e-9:  # a part in proportion to the power that the car has left
                    left, mean = power - sign * (own[0, t] - own[1, t]), group.discharge_kw[k] - sign * plan[t]
                    part = total[k, t] / group.count[k] * left / mean if power == group.discharge_kw[k] else 0.0
                    assert part <= left + 1e-6
                    found[d, k, t] += part
    for k in range(group.n_classes):
        if (cars.power_kw[owner == k] == group.discharge_kw[k]).all():
            np.testing.assert_allclose(found[:, k], [band.down_kw[k], band.up_kw[k]], atol=1e-6)


def test_most_cars_of_a_large_fleet_have_a_contract_and_more_classes_keep_more_of_their_stays():
    for steps in (24, 96):
        cars = draw_cars(60_000, steps)
        kept = []
        for n in (20, 80):
            group, owner = contract_classes(cars, TERMS, n, share=0.4)
            assert group.n_classes <= n
            assert group.count.sum() == pytest.approx(0.4 * (owner >= 0).sum())
            kept.append(float((group.count * group.charge_kw * group.length).sum()))
        assert (owner >= 0).mean() > 0.95
        assert kept[1] > kept[0]


def test_cars_alike_are_one_class_without_loss():
    cars = Cars(np.full(5, 20), np.full(5, 9), np.full(5, 14.0), np.full(5, 7.0), 24)
    group, owner = contract_classes(cars, TERMS, 4)
    assert group.n_classes == 1
    assert (owner == 0).all()
    assert (group.start[0], group.length[0], group.charge_kw[0]) == (20, 9, pytest.approx(7.0))
    assert group.arrival_kwh[0] == pytest.approx(54.0 - 0.95 * 14.0)
    assert group.floor_kwh[0] == pytest.approx(12.0)


def test_cars_that_no_class_suits_stay_out():
    cars = Cars([0, 3, 5], [24, 1, 10], [60.0, 3.7, 20.0], [11.0, 3.7, 7.0], 24)  # a floor too high, a stay too short
    group, owner = contract_classes(cars, TERMS, 5)
    assert owner.tolist() == [-1, 0, 1]  # the second fills its stay: a class of its own
    plan = stage_two(group, random_game(24, 2, 1)).v2g
    with pytest.raises(InputError, match="car 0 has no class"):
        plan_of_car(0, cars, group, owner, plan)
    nobody, owner = contract_classes(Cars([0], [24], [60.0], [11.0], 24), TERMS)
    assert nobody.n_classes == 0
    assert owner.tolist() == [-1]


def test_terms_and_numbers_are_checked():
    cars = draw_cars(10, 24)
    with pytest.raises(InputError, match="n_classes must be 1 or more"):
        contract_classes(cars, TERMS, 0)
    with pytest.raises(InputError, match="share above 0"):
        contract_classes(cars, TERMS, share=1.5)
    with pytest.raises(InputError, match="must rise from floor_kwh 70"):
        replace(TERMS, floor_kwh=70.0)
    with pytest.raises(InputError, match="efficiency of a contract"):
        replace(TERMS, efficiency=0.0)
