"""Stage one against a plain full program: what is called proven is the optimum, for every kind of game."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.agreement import compare
from aggregator.drawn import KINDS, draw_game
from aggregator.full_program import best_profit
from aggregator.games import TINY
from csmoifsa_aggregator.inputs.games import game_from_dict
from csmoifsa_aggregator.model.game import Storage
from csmoifsa_aggregator.solve.alternation import whole_steps
from csmoifsa_aggregator.solve.bounds import FollowerResponse, best_price
from csmoifsa_aggregator.solve.stackelberg import solve_game
from csmoifsa_aggregator.solve.supply import procure

# in the third hour the load is bought at 0.95, so that the storage may sell at 1.1 in the second, where energy costs
# 0.9 in real time and 1.0 ahead: 1.2 - 0.95 - 0.1 + 1.1
SALE_OR_PURCHASE = {
    "dt": 1.0,
    "p": [0.1, 1.0, 0.95],
    "pb": [0.1, 0.9, 0.95],
    "ps": [0.1, 1.1, 0.95],
    "lb": [1.2, 1.2, 1.2],
    "ub": [1.2, 1.2, 1.2],
    "mean": 1.2,
    "E": [1.0],
    "Pm": [1.0],
    "W": [[0, 1, 1]],
    "storage": {"Pmax": 1.0, "Smax": 1.0, "S0": 0.0, "eta": 1.0},
}


def test_a_load_that_would_keep_the_storage_from_selling_is_moved():
    game = game_from_dict(SALE_OR_PURCHASE)
    assert not game.separable
    s = solve_game(game, margin=0.0)
    assert (s.status, s.objective, s.upper_bound) == ("proven", pytest.approx(1.25), pytest.approx(1.25))
    assert best_profit(game) == pytest.approx(1.25)


def agree(seeds):
    """Return how often each kind agrees; nothing may differ, and all that has a price is proven."""
    count = dict.fromkeys(KINDS, 0)
    for seed in seeds:
        kind, margin, verdict, figures = compare(seed)
        assert verdict in ("agrees", "both refuse"), f"seed {seed}, {kind}, margin {margin:g}: {figures}"
        count[kind] += verdict == "agrees"
    return count


# seeds at which something was wrong once: load and sale (81, 211), V2G energy sold through the storage (139),
# the limit of purchases without V2G cars (199), drivers indifferent in spite of a margin (335, 377),
# owners a little off their optimum (29, 488), V2G energy that was lost rather than taken (129, 219)
ONCE_WRONG = (29, 81, 129, 139, 199, 211, 219, 335, 377, 488)


def test_small_games_agree_with_the_full_program():
    count = agree([*range(40), *ONCE_WRONG])
    assert all(count[kind] >= 1 for kind in KINDS)
    assert count["resale"] >= 12


@pytest.mark.long
def test_1000_games_agree_with_the_full_program():
    count = agree(range(1000))
    assert count["resale"] == 300
    assert all(count[kind] >= 40 for kind in KINDS), count


def test_a_strict_margin_allows_one_step_in_part():
    x = np.zeros((2, 6))
    x[0, :3], x[1, [1, 2, 5]] = [1.0, 0.75, 0.75], 1.0
    assert best_price(TINY, FollowerResponse(x)) is not None
    assert best_price(TINY, FollowerResponse(x), margin=1e-3) is None
    whole = whole_steps(FollowerResponse(x), TINY)
    assert whole.x[0].tolist() == [1, 0.5, 1, 0, 0, 0]
    assert best_price(TINY, whole, margin=1e-3) is not None


# ---- separable ----


def separately(game, load):
    """Whether the cost of a load is what it is without the storage plus what the storage costs without the load."""
    idle = procure(np.zeros(game.n_steps), game).cost
    together = procure(load, game).cost
    return abs(together - idle - float(load @ game.cheapest) * game.dt_h) <= 1e-6


def test_a_game_called_separable_is():
    rng, found = np.random.default_rng(5), {True: 0, False: 0}
    for seed in range(350):
        kind, game = draw_game(seed)
        if kind not in ("resale", "storage"):
            continue
        # three prices from few values, so that ties and every order come up
        buy, sell = (np.where(rng.random(game.n_steps) < 0.5, game.day_ahead, one) for one in (game.buy, game.sell))
        sell = np.where(rng.random(game.n_steps) < 0.5, np.maximum(sell, np.minimum(buy, game.day_ahead)), sell)
        game = replace(game, buy=buy, sell=sell)
        found[game.separable] += 1
        for _ in range(2 if game.separable else 0):
            load = game.power_kw @ (rng.random(game.window.shape) * game.window)
            assert separately(game, load), seed
    assert min(found.values()) >= 30


@pytest.mark.parametrize(
    ("p", "pb", "ps", "separable"),
    [
        (0.5, 0.6, 0.5, True),
        (0.5, 0.6, 0.7, True),
        (0.5, 0.6, 0.49, False),  # the storage had better serve the cars
        (0.5, 0.4, 0.4, True),
        (0.5, 0.4, 0.45, False),  # a sale keeps the load from buying in real time
        (0.5, 0.4, 0.39, False),
        (-0.5, -0.6, -0.6, True),
        (-0.5, -0.6, -0.5, False),
        (-0.5, -0.4, -0.5, True),
    ],
)
def test_separable_by_the_order_of_the_three_prices(p, pb, ps, separable):
    game = replace(
        TINY,
        day_ahead=[p] * 6,
        buy=[pb] * 6,
        sell=[ps] * 6,
        storage=Storage(power_kw=60.0, capacity_kwh=100.0, initial_kwh=60.0, efficiency=0.9),
    )
    assert game.separable == separable
    # with prices of another level where nobody is plugged in, so that the storage is of use
    apart = replace(game, window=np.array([[1, 1, 1, 1, 0, 0]] * 2))
    other = {name: np.where(np.arange(6) < 4, getattr(game, name), 2.0 * p) for name in ("day_ahead", "buy", "sell")}
    apart = replace(apart, **other)
    assert apart.separable == separable
    loads = [np.where(np.arange(6) == t, 28.0, 0.0) for t in range(4)]
    if separable:
        assert all(separately(apart, load) for load in loads)


def test_storage_without_circular_flow_at_negative_selling_prices():
    # filled twice for money; between, it can only be emptied by a round trip, which is not allowed
    game = replace(
        TINY,
        day_ahead=[-1.0, 1.0, -1.0, 1.0, 1.0, 1.0],
        buy=[-1.0, 1.0, -1.0, 1.0, 1.0, 1.0],
        sell=[-1.0, -0.5, -1.0, -0.5, -0.5, -0.5],
        window=np.array([[0, 0, 0, 1, 1, 1]] * 2),
        storage=Storage(power_kw=10.0, capacity_kwh=9.0, initial_kwh=0.0, efficiency=0.9),
    )
    plan = procure(np.zeros(6), game)
    assert np.minimum(plan.charge_kw, plan.discharge_kw).max() < 1e-6
