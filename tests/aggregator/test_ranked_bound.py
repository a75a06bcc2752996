"""The greatest profit of any ranking: against all orders of the steps, each with its best price by a plain program."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linprog

from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.model.many import Cars, classes_of, draw_cars
from csmoifsa_aggregator.solve.fleet import stays_of, tune, upper_bound
from csmoifsa_aggregator.solve.ranked_bound import ranked_bound


def load_of(order: tuple[int, ...], cars: Cars) -> list[float]:
    """Charge every car in its first plugged steps of the order, one after the other [kWh]."""
    load = [0.0] * cars.n_steps
    for car in range(len(cars)):
        left = cars.energy_kwh[car]
        for t in order:
            if (t - cars.start[car]) % cars.n_steps < cars.length[car]:
                here = min(left, cars.power_kw[car] * cars.dt_h)
                load[t] += here
                left -= here
    return load


def cost_of(load: list[float], game: Game) -> float:
    """Buy each step's load block by block, cheapest first [currency]."""
    total = 0.0
    for t, kwh in enumerate(load):
        offers = [(game.buy[t], np.inf)]
        kw, premium = ([np.inf], [0.0]) if game.block_kw is None else (game.block_kw, game.block_premium)
        offers += [(game.day_ahead[t] + extra, width * game.dt_h) for width, extra in zip(kw, premium, strict=True)]
        for price, most in sorted(offers):
            total += price * min(kwh, most)
            kwh -= min(kwh, most)
    return total


def best_of_all_orders(cars: Cars, game: Game) -> float:
    """Return the greatest profit over all orders, each with the best prices that rise along it; -inf if none may."""
    steps, best = game.n_steps, -np.inf
    for order in permutations(range(steps)):
        if (np.maximum.accumulate(game.lower[list(order)]) > game.upper[list(order)]).any():
            continue  # no prices within the bounds rise along it
        load = load_of(order, cars)
        rise = np.zeros((steps - 1, steps))
        for k in range(steps - 1):
            rise[k, order[k]], rise[k, order[k + 1]] = 1.0, -1.0
        mean, total = np.ones((1, steps)), [game.mean * steps]
        both = {"A_ub": rise, "b_ub": np.zeros(steps - 1), "A_eq": mean, "b_eq": total}
        if game.mean_sense == "<=":
            both = {"A_ub": np.vstack([rise, mean]), "b_ub": np.append(np.zeros(steps - 1), total)}
        answer = linprog(-np.array(load), bounds=np.column_stack([game.lower, game.upper]), **both)
        if answer.status == 0:
            best = max(best, -answer.fun - cost_of(load, game))
    return best


def ugly(seed: int) -> tuple[Cars, Game]:
    """Few cars on few steps: equal prices and bounds, bounds that do not overlap, prices below zero, supply curves."""
    rng = np.random.default_rng(seed)
    steps, n = int(rng.choice([2, 3, 4], p=[0.2, 0.5, 0.3])), int(rng.integers(1, 8))
    length, power = rng.integers(1, steps + 1, n), rng.choice([3.0, 7.0], n)
    energy = power * length * 24.0 / steps * rng.choice([0.0, 0.3, 0.5, 0.77, 1.0], n)
    price = np.round(rng.uniform(-0.2, 1.0, steps), int(rng.integers(1, 3)))
    lower, upper = price - rng.choice([0.0, 0.1, 0.3], steps), price + rng.choice([0.0, 0.1, 0.3], steps)
    game = replace(random_game(steps, 2, 1), day_ahead=price, buy=price + rng.uniform(-0.1, 0.4, steps), sell=price)
    part = rng.choice([0.0, 0.5, 1.0])
    game = replace(game, lower=lower, upper=upper, mean=float(((1 - part) * lower + part * upper).mean()))
    if rng.random() < 0.5:
        game = replace(game, mean_sense="<=")
    if rng.random() < 0.5:
        widths = np.array([rng.uniform(0, 20), rng.uniform(0, 20), rng.choice([0.0, 5.0, np.inf])])
        game = replace(game, block_kw=widths, block_premium=np.array([0.0, 0.05, 0.3]))
    return Cars(rng.integers(0, steps, n), length, energy, power, steps), game


def bound_of(cars: Cars, game: Game) -> float:
    stays = stays_of(cars)
    bound = ranked_bound(stays.start, stays.length, stays.take_kwh, game)
    assert bound is not None
    return bound


@pytest.mark.parametrize("part", range(8))
def test_no_order_of_the_steps_earns_more(part):
    for seed in range(5 * part, 5 * part + 5):
        cars, game = ugly(seed)
        best, bound = best_of_all_orders(cars, game), bound_of(cars, game)
        assert best <= bound + 1e-7 * (1.0 + abs(best)), seed


@pytest.mark.parametrize("part", range(4))
def test_without_a_binding_mean_the_bound_is_the_best_of_all_orders(part):
    for seed in range(100 + 5 * part, 105 + 5 * part):
        cars, game = ugly(seed)
        free = replace(game, mean=float(game.upper.max()), mean_sense="<=")
        best = best_of_all_orders(cars, free)
        assert bound_of(cars, free) == pytest.approx(best, rel=1e-5, abs=1e-5), seed


@pytest.mark.parametrize("curve", [False, True])
def test_the_tuned_price_of_many_cars_comes_close(curve):
    cars = draw_cars(20_000, 24)
    game, _ = classes_of(cars, 5)
    if curve:
        width = 0.25 * tune(cars, game, game.day_ahead, tries=300)[1].load_kw.max()
        game = replace(game, block_kw=np.array([width, width, np.inf]), block_premium=np.array([0.0, 0.02, 0.1]))
    price, tuned = tune(cars, game, game.day_ahead)
    most = upper_bound(cars, game, price)
    assert 0.999 * most < tuned.profit < most < upper_bound(cars, game, price, ranked=False)


def test_too_many_sets_are_left_to_the_other_bound():
    cars = draw_cars(500, 96)
    game, _ = classes_of(cars, 5)
    stays = stays_of(cars)
    assert ranked_bound(stays.start, stays.length, stays.take_kwh, game) is None
    price = game.day_ahead
    assert upper_bound(cars, game, price, rounds=5) == upper_bound(cars, game, price, rounds=5, ranked=False)
