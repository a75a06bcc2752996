"""What a load costs on the supply curve, against buying kilowatt after kilowatt wherever it is cheapest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.games import TINY
from csmoifsa_aggregator.model.costs import load_cost


def by_merit(load_kw, game):
    """Return what a load (T,) costs: in each step all offers by price, the cheapest first, as far as they go."""
    cost = 0.0
    for t, kw in enumerate(load_kw):
        blocks = [(game.day_ahead[t], np.inf)]
        if game.block_kw is not None:
            widths = zip(game.block_kw, game.block_premium, strict=True)
            blocks = [(game.day_ahead[t] + extra, width) for width, extra in widths]
        for price, width in sorted([*blocks, (game.buy[t], np.inf)]):
            part = min(kw, width)
            cost += price * part * game.dt_h
            kw -= part
    return cost


def test_a_block_dearer_than_real_time_is_left_to_it():
    """By hand: of 30 kW at 0.3, ten at 0.3, ten at 0.35, and not the block at 0.8, but real time at 0.36."""
    game = replace(TINY, block_kw=np.array([10.0, 10.0, 50.0]), block_premium=np.array([0.0, 0.05, 0.5]))
    load = np.array([30.0, 0, 0, 0, 0, 0])
    assert load_cost(load, game) == pytest.approx(3.0 + 3.5 + 3.6)
    assert load_cost(load, replace(game, dt_h=0.5, energy_kwh=TINY.energy_kwh / 2)) == pytest.approx(10.1 / 2)
    cheap = replace(game, buy=np.full(6, 0.1))
    assert load_cost(load, cheap) == pytest.approx(3.0)  # every block is dearer: all in real time
    dear = replace(game, buy=np.full(6, 9.0))
    assert load_cost(load, dear) == pytest.approx(3.0 + 3.5 + 8.0)


@pytest.mark.parametrize("seed", range(8))
def test_loads_cost_what_the_cheapest_offers_cost(seed):
    random = np.random.default_rng(seed)
    premium = np.sort(random.uniform(0.0, 0.4, 3))
    curve = {} if seed % 4 == 0 else {"block_kw": random.uniform(3, 15, 3), "block_premium": premium}
    game = replace(TINY, buy=random.uniform(0.2, 1.1, 6), dt_h=1.0, **curve)
    loads = random.uniform(0, 60, (2, 3, 6))
    cost = load_cost(loads, game)
    assert cost.shape == (2, 3)
    for place in np.ndindex(2, 3):
        assert cost[place] == pytest.approx(by_merit(loads[place], game))
