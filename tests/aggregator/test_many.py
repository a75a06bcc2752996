"""Millions of cars, the compiled evaluator beside its slow twin, and the problem for a search."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from aggregator.games import TINY, WEI, random_small
from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.follower import respond
from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.model.kernels import best_of_order
from csmoifsa_aggregator.model.many import Cars, classes_of, draw_cars, profit_on_all, respond_cars
from csmoifsa_aggregator.problem.problem import AggregatorPricing
from csmoifsa_aggregator.solve.alternation import certify, fit_mean, verify
from csmoifsa_aggregator.solve.fleet import _least_cost, stays_of, tune, upper_bound
from csmoifsa_aggregator.solve.ranking import load_of_classes, search_rankings
from csmoifsa_aggregator.solve.stackelberg import solve_game


def slow_response(cars, price, favour):
    """One car after the other, one step after the other."""
    load, bills = np.zeros(cars.n_steps), []
    for i in range(len(cars)):
        plugged = [(cars.start[i] + k) % cars.n_steps for k in range(cars.length[i])]
        left, one, paid = cars.energy_kwh[i], cars.power_kw[i] * cars.dt_h, 0.0
        for t in sorted(plugged, key=lambda t: (price[t], favour[t])):
            taken = min(left, one)
            load[t] += taken / cars.dt_h
            paid += taken * price[t]
            left -= taken
        bills.append(paid)
    return load, np.array(bills)


@pytest.mark.parametrize("n_steps", [24, 96])
def test_every_car_fills_its_cheapest_steps(n_steps):
    cars = draw_cars(300, n_steps, seed=4)
    rng = np.random.default_rng(1)
    price = np.round(rng.uniform(0.1, 0.9, n_steps), 1)  # with ties
    favour = rng.random(n_steps)
    load, bill = respond_cars(cars, price, favour)
    slow_load, slow_bill = slow_response(cars, price, favour)
    np.testing.assert_allclose(load, slow_load, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(bill, slow_bill, rtol=1e-9)
    assert load.sum() * cars.dt_h == pytest.approx(cars.energy_kwh.sum())


def test_whole_hours_are_exact():
    cars = Cars(np.array([20, 0]), np.array([8, 3]), np.array([14.0, 21.0]), np.array([7.0, 7.0]), 24)
    price = np.arange(24.0)
    load, bill = respond_cars(cars, price)
    assert bill.tolist() == [7.0, 21.0]
    assert load[:4].tolist() == [14.0, 14.0, 7.0, 0.0]
    with pytest.raises(InputError, match="car 1: its stay holds 21 kWh, 1 kWh short"):
        respond_cars(Cars(cars.start, cars.length, np.array([14.0, 22.0]), cars.power_kw, 24), price)
    with pytest.raises(InputError, match="every car must begin"):
        Cars(np.array([24]), np.array([1]), np.array([1.0]), np.array([1.0]), 24)


def test_classes_keep_cars_energy_and_power():
    cars = draw_cars(3000)
    game, kind = classes_of(cars, 60)
    assert game.n_classes <= 60
    assert kind.shape == (3000,)
    assert game.count.sum() == 3000
    assert game.power_kw.sum() == pytest.approx(cars.power_kw.sum())
    assert game.energy_kwh.sum() == pytest.approx(cars.energy_kwh.sum(), rel=0.02)


def test_error_of_classing_is_measured():
    cars = draw_cars(2000, 24)
    game, _ = classes_of(cars, 40)
    bound, best = certify(game)
    on_all = profit_on_all(cars, game, best.price)
    assert on_all.bills == pytest.approx(best.bills, rel=0.1)
    spread = profit_on_all(cars, game, best.price, best.response.load_kw(game))
    assert spread.bills == pytest.approx(on_all.bills, rel=1e-9)  # ties change who charges when, not what they pay
    assert spread.load_kw.sum() == pytest.approx(on_all.load_kw.sum())
    assert bound >= best.profit


def test_many_classes_by_linear_programs_alone():
    game, _ = classes_of(draw_cars(5000, 24), 150)
    s = solve_game(game, margin=0.0, integers=False, tries=5)
    assert s.binaries == 0
    assert s.gap < 0.5
    assert s.objective <= s.upper_bound


def test_stays_hold_every_car():
    for n_steps in (24, 96):
        cars = draw_cars(500, n_steps, seed=2)
        price = np.random.default_rng(0).uniform(0.2, 0.8, n_steps)
        load, _ = respond_cars(cars, price)
        stays = stays_of(cars)
        assert stays.start.size < 500
        np.testing.assert_allclose(stays.load_kwh(np.argsort(price)) / cars.dt_h, load, rtol=1e-9, atol=1e-9)


def test_a_stay_too_short_is_refused():
    with pytest.raises(InputError, match="car 1: its stay is 4 kWh short"):
        stays_of(Cars(np.array([0, 0]), np.array([8, 3]), np.array([14.0, 25.0]), np.array([7.0, 7.0]), 24))


def test_a_price_tuned_on_every_car_earns_what_is_promised():
    cars = draw_cars(3000, 24)
    game, _ = classes_of(cars, 40)
    by_classes = certify(game)[1]
    price, tuned = tune(cars, game, by_classes.price, tries=400)
    assert tuned.profit > profit_on_all(cars, game, by_classes.price).profit
    assert price.mean() == pytest.approx(game.mean, rel=1e-9)
    assert (price >= game.lower).all()
    assert (price <= game.upper).all()
    against = respond_cars(cars, price, -game.cheapest)[0]  # nobody is indifferent: no tie to settle
    np.testing.assert_allclose(against, tuned.load_kw, rtol=1e-9)
    again, _ = tune(cars, game, by_classes.price, tries=400)
    assert (again == price).all()


def test_a_start_is_checked_and_kept_within_the_bounds():
    cars = draw_cars(200, 24)
    game, _ = classes_of(cars, 10)
    for bad in (game.day_ahead[:5], np.full(24, np.nan)):
        for ask in (tune, upper_bound):
            with pytest.raises(InputError, match="price must be 24 finite numbers"):
                ask(cars, game, bad)
    with pytest.raises(InputError, match="24 steps of the game, not 96"):
        tune(draw_cars(9, 96), game, game.day_ahead)
    settled = replace(game, lower=np.full(24, 0.4), upper=np.full(24, 0.4), mean=0.4)  # no room to rank the steps
    assert tune(cars, settled, game.day_ahead, tries=5)[0] == pytest.approx(0.4)
    nobody = Cars(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0), np.zeros(0), 24)
    assert tune(nobody, game, game.day_ahead, tries=5)[1].profit == 0
    assert upper_bound(nobody, game, game.day_ahead) == pytest.approx(0.0, abs=1e-9)


def test_no_price_exceeds_the_upper_bound():
    cars = draw_cars(3000, 24)
    game, _ = classes_of(cars, 40)
    price, tuned = tune(cars, game, game.day_ahead, tries=1000)
    most = upper_bound(cars, game, price)
    assert 0.9 * most < tuned.profit < most
    rng = np.random.default_rng(1)
    for _ in range(50):
        near = fit_mean(game, price + rng.choice([0.01, 0.1]) * rng.normal(size=24))
        assert profit_on_all(cars, game, near).profit < most
    # cars of one stay and power, each a whole number of hours: a game of classes, whose bound is known
    one = Cars(np.zeros(6, dtype=int), np.full(6, 24), 7.0 * np.arange(1, 7), np.full(6, 7.0), 24)
    alike = replace(
        game, energy_kwh=one.energy_kwh, power_kw=one.power_kw, window=np.ones((6, 24)), count=np.ones(6), names=()
    )
    assert upper_bound(one, alike, price) == pytest.approx(certify(alike)[0], rel=1e-4)


@pytest.mark.parametrize("last", [np.inf, 3.0, 0.0])
def test_the_least_cost_on_a_supply_curve_is_that_of_a_plain_linear_program(last):
    rng = np.random.default_rng(5)
    cars = Cars(np.array([0, 2, 5, 5]), np.array([6, 4, 3, 4]), np.array([9.0, 7.5, 0.0, 13.0]), np.full(4, 4.0), 8)
    base = random_game(8, 2, 1)
    curve = {"block_kw": np.array([1.0, 1.5, last]), "block_premium": np.array([0.0, 0.03, 0.3])}
    game = replace(base, day_ahead=rng.uniform(0.2, 0.6, 8), buy=rng.uniform(0.5, 0.9, 8), **curve)
    names = [("car", i, (cars.start[i] + j) % 8) for i in range(4) for j in range(cars.length[i])]
    kinds = [*(game.day_ahead + premium for premium in game.block_premium), game.buy]
    widths = [*game.block_kw, np.inf]
    names += [("buy", b, t) for b in range(4) for t in range(8)]
    cost = [0.0 if kind == "car" else kinds[b][t] for kind, b, t in names]
    bounds = [(0, 12.0 if kind == "car" else widths[b] * 3.0) for kind, b, _ in names]  # steps of 3 h
    balance = [[(t == step) * (1.0 if kind == "buy" else -1.0) for kind, _, t in names] for step in range(8)]
    demand = [[float(kind == "car" and i == car) for kind, i, _ in names] for car in range(4)]
    wanted = linprog(cost, A_eq=balance + demand, b_eq=[0.0] * 8 + list(cars.energy_kwh), bounds=bounds)
    least = _least_cost(stays_of(cars), game, 150)
    assert wanted.fun * (1 - 1e-3) <= least <= wanted.fun * (1 + 1e-9)


def test_tuning_keeps_a_cap_and_minds_a_supply_curve():
    cars = draw_cars(2000, 24)
    game, _ = classes_of(cars, 40)
    free = tune(cars, game, game.day_ahead, tries=300)[1]
    limited = replace(game, import_limit_kw=np.full(24, 0.7 * free.load_kw.max()))
    assert tune(cars, limited, game.day_ahead, tries=1500)[1].load_kw.max() <= limited.import_limit_kw[0] * (1 + 1e-9)
    width = 0.2 * free.load_kw.max()
    curve = replace(game, block_kw=np.array([width, np.inf]), block_premium=np.array([0.0, 0.03]))
    start = tune(cars, game, game.day_ahead, tries=300)[0]
    price, tuned = tune(cars, curve, start, tries=600)
    assert tuned.profit > profit_on_all(cars, curve, start).profit
    bought = np.minimum(tuned.load_kw, width) @ game.day_ahead + np.maximum(tuned.load_kw - width, 0) @ (
        np.minimum(game.day_ahead + 0.03, game.buy)
    )
    assert tuned.profit == pytest.approx(tuned.load_kw @ price - bought, rel=1e-6)


# ---- for a search ----


def test_the_best_price_of_a_ranking_is_that_of_a_linear_program():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(2, 20))
        p = rng.uniform(0.2, 1.0, n)
        lower, upper = 0.7 * p, 1.3 * p
        inside = rng.uniform(lower, upper)
        order = np.argsort(inside)
        load = np.round(rng.exponential(size=n) * (rng.random(n) < 0.7), 2)
        price = np.empty(n)
        assert best_of_order(order, load, lower, upper, inside.sum(), price)
        assert (np.diff(price[order]) >= -1e-12).all()
        assert (price >= lower - 1e-12).all()
        assert (price <= upper + 1e-12).all()
        assert price.sum() == pytest.approx(inside.sum(), abs=1e-9)
        rise = np.zeros((n - 1, n))
        rise[np.arange(n - 1), order[:-1]], rise[np.arange(n - 1), order[1:]] = 1.0, -1.0
        bounds = list(zip(lower, upper, strict=True))
        exact = linprog(-load, rise, np.zeros(n - 1), np.ones((1, n)), [inside.sum()], bounds)
        assert load @ price == pytest.approx(-exact.fun, abs=1e-7)
    assert not best_of_order(order[::-1].copy(), load, p, p, p.sum(), price)  # no room to turn the ranking round


@pytest.mark.parametrize("margin", [0.0, 2e-3])
def test_a_ranked_price_is_answered_by_its_ranking(margin):
    game = random_game(24, 6, 3)
    price = search_rankings(game, load_of_classes(game, margin), game.day_ahead, 300)
    assert price.mean() == pytest.approx(game.mean, rel=1e-9)
    good, bad = (respond(price, game, favour=sign * game.cheapest) for sign in (1, -1))
    assert (margin > 0) == bool(np.allclose(good, bad))
    proven = solve_game(game, margin=margin)
    assert 0.8 * proven.objective < verify(game, price).profit <= proven.objective * (1 + 1e-6)


def test_evaluator_agrees_with_the_exact_follower():
    for game in (WEI, TINY, random_small(np.random.default_rng(2), integer=False)):
        if game.mean_sense != "==":
            continue
        problem = AggregatorPricing(game)
        X = np.random.default_rng(0).uniform(game.lower, game.upper, (30, game.n_steps))
        F = problem.evaluate(X, return_values_of=["F"])
        prices = problem.prices(X)
        for x, price, f in zip(X, prices, F, strict=True):
            # the best price of a ranking never earns less
            assert -f[0] >= verify(game, fit_mean(game, x)).profit - 1e-6
            response = respond(price, game, favour=game.cheapest, tie=0.0)
            load = game.power_kw @ response
            bill = float(load @ price) * game.dt_h
            np.testing.assert_allclose(f[1], bill, rtol=1e-9)
            np.testing.assert_allclose(-f[0], bill - float(load @ game.cheapest) * game.dt_h, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(f[2], np.ptp(load), atol=1e-6)


def test_merged_prices_earn_what_is_claimed():
    problem = AggregatorPricing(WEI)
    X = np.random.default_rng(3).uniform(WEI.lower, WEI.upper, (40, 24))
    F = problem.evaluate(X, return_values_of=["F"])
    prices = problem.prices(X)
    for price, f in zip(prices, F, strict=True):
        assert price.mean() == pytest.approx(WEI.mean, abs=1e-9)
        assert (price >= WEI.lower - 1e-12).all()
        assert (price <= WEI.upper + 1e-12).all()
        assert verify(WEI, price).profit == pytest.approx(-f[0], abs=1e-5)
        assert -f[0] <= 52.8 + 1e-6


def test_the_search_comes_near_the_proven_optimum():
    from csmoifsa import CSMOIFSA
    from csmoifsa.runs import solve

    run = solve(AggregatorPricing(WEI), CSMOIFSA(pop_size=40), n_eval=20_000, seed=1)
    assert 0.9999 * 52.8 <= -run.F[:, 0].min() <= 52.8 + 1e-6
    assert len(run.F) > 10


def test_what_the_problem_cannot_take():
    with pytest.raises(InputError, match="no import limit"):
        AggregatorPricing(game=replace(WEI, import_limit_kw=np.full(24, 200.0)))
    with pytest.raises(InputError, match="holds one rule on the mean price; leave out most_paid"):
        AggregatorPricing(replace(WEI, most_paid=0.3))
    with pytest.raises(InputError, match="base_kw"):
        AggregatorPricing(WEI, base_kw=[1.0])
