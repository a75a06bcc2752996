"""The order of the classes' thresholds holds at every price that keeps the margin, step by step, in plain loops."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.games import random_small
from csmoifsa_aggregator.model.follower import fill, quantile
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.solve.thresholds import order_thresholds


def decided(game, margin):
    """Return the steps that price bounds decide for each class, always used and never used."""
    low, high = quantile(game.lower, game), quantile(game.upper, game)
    always, never = np.zeros(game.window.shape, bool), np.zeros(game.window.shape, bool)
    for k in range(game.n_classes):
        whole = game.energy_kwh[k] >= game.step_kwh[k] * game.window[k].sum() * (1 - 1e-9)
        for t in np.flatnonzero(game.window[k]):
            always[k, t] = whole or game.upper[t] + margin < low[k]
            never[k, t] = not whole and game.lower[t] - margin > high[k]
    return always, never


def drawn(rng):
    """Draw a game of up to 12 steps with many classes of like windows, so that many thresholds are ordered."""
    steps, classes = int(rng.integers(3, 13)), int(rng.choice([2, 2, 3, 5, 8]))
    window = np.zeros((classes, steps), bool)
    for row in window:
        row[(rng.integers(steps) // 3 * 3 + np.arange(rng.integers(2, steps + 1))) % steps] = True
    power = rng.uniform(1, 9, classes)
    needs = np.array([rng.choice([rng.integers(1, n + 1), rng.uniform(0.2, n)]) for n in window.sum(axis=1)])
    p = np.full(steps, 5.0)
    return Game(
        day_ahead=p, buy=p, sell=p, lower=p - 4, upper=p + 4, mean=5.0, energy_kwh=needs * power, power_kw=power,
        window=window, count=np.ones(classes), dt_h=1.0,
    )  # fmt: skip


def keeps(game, x, price, margin):
    """Whether the margin lies between the steps in full, the one in part and those left empty, for every class."""
    for k in range(game.n_classes):
        room = np.flatnonzero(game.window[k])
        rank = np.where(x[k] > 1 - 1e-9, 2, np.where(x[k] > 1e-9, 1, 0))
        for t in room:
            for s in room:
                if rank[t] > rank[s] and price[s] - price[t] < margin - 1e-9:
                    return False
    return True


def test_every_price_that_keeps_the_margin_keeps_the_order():
    rng, pairs, prices = np.random.default_rng(5), np.zeros(3, int), 0
    for _ in range(600):
        game = drawn(rng)
        margin = float(rng.choice([0.0, 0.1]))
        price = 0.1 * rng.integers(10, rng.choice([12, 15, 30, 80]), game.n_steps)
        around = replace(
            game, lower=price - rng.uniform(0, 1, len(price)), upper=price + rng.uniform(0, 1, len(price)),
            mean=float(price.mean()),
        )  # fmt: skip
        order = order_thresholds(around, *decided(around, margin))
        x = fill(np.argsort(price, kind="stable"), game)
        if margin > 0 and not keeps(game, x, price, margin):
            continue
        prices += 1
        level = quantile(price, game)
        for a, b, steps in zip(order.lower, order.higher, order.steps, strict=True):
            apart = steps * margin
            pairs[steps] += 1
            assert level[a] + apart <= level[b] + 1e-9
            for t in np.flatnonzero(game.window[a] & game.window[b] & (margin > 0)):
                if x[a, t] > 1e-9:
                    assert level[b] - price[t] >= level[a] - price[t] + apart - 1e-9
                if x[b, t] < 1e-9:
                    assert price[t] - level[a] >= price[t] - level[b] + apart - 1e-9
                    assert x[a, t] < 1e-9
    assert prices > 200
    assert (pairs > 50).all()


@pytest.mark.parametrize(("needs", "steps"), [(1.0, 0), (1.5, 1), (2.0, 1), (2.5, 2), (3.0, 1), (3.5, 2)])
def test_the_least_distance_of_two_classes_with_one_window(needs, steps):
    """Beside a class of one step: two full steps above its threshold may cost the same, one used in part may not."""
    game = drawn(np.random.default_rng(0))
    two = replace(
        game, energy_kwh=np.array([1.0, needs]), power_kw=np.ones(2), window=np.ones((2, game.n_steps), bool),
        count=np.ones(2), names=("a", "b"),
    )  # fmt: skip
    order = order_thresholds(two, np.zeros(two.window.shape, bool), np.zeros(two.window.shape, bool))
    assert order.steps.tolist() == [steps]
    assert needs == 1.0 or (order.lower.tolist(), order.higher.tolist()) == ([0], [1])


def test_pairs_left_out_are_implied_by_chains():
    """The longest chain of the pairs kept is as long as the definition of each pair, in plain loops."""
    rng, seen = np.random.default_rng(6), 0
    games = [random_game(24, 3 + seed, seed) for seed in range(8)]
    games += [random_small(rng, integer=bool(i % 2)) for i in range(20)]
    for game in games:
        nothing = np.zeros(game.window.shape, bool)
        order = order_thresholds(game, nothing, nothing)
        n = game.n_classes
        far = np.full((n, n), -np.inf)
        far[order.lower, order.higher] = order.steps
        for k in range(n):
            far = np.maximum(far, far[:, k : k + 1] + far[k])
        needs = np.ceil(game.energy_kwh / game.step_kwh - 1e-9)
        partly = needs - game.energy_kwh / game.step_kwh > 1e-9
        for a in range(n):
            for b in range(n):
                more = needs[b] - (game.window[b] & ~game.window[a]).sum() - needs[a]
                mutual = more == 0 == needs[a] - (game.window[a] & ~game.window[b]).sum() - needs[b]
                if a != b and more >= 0 and not mutual:
                    assert far[a, b] >= min(more, 1 + partly[b])
                    seen += 1
    assert seen > 60
