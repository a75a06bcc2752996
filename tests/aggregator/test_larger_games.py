"""Stage one with many classes or steps."""

import numpy as np
import pytest

from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.solve.integers import ordered_lambdas
from csmoifsa_aggregator.solve.stackelberg import solve_game


@pytest.mark.slow
def test_many_classes_are_proven_with_integers_and_not_without():
    game = random_game(24, 100, 1)
    without, found = (solve_game(game, margin=0.0, time_limit=120, integers=used) for used in (False, True))
    assert (without.status, without.binaries) == ("gap", 0)
    assert found.status == "proven"
    assert without.objective <= found.objective <= without.upper_bound * (1 + 1e-9)


@pytest.mark.slow
def test_the_order_of_lambdas_is_reduced_without_loss():
    """Paths along the pairs kept lead from a to b exactly where the pairs of a plain loop do."""
    for seed in range(20):
        game = random_game(24, 2 + seed, seed)
        needs = np.ceil(game.energy_kwh / game.step_kwh - 1e-9)
        wanted = np.zeros((game.n_classes, game.n_classes), bool)
        for a in range(game.n_classes):
            for b in range(game.n_classes):
                wanted[a, b] = a == b or needs[b] - (game.window[b] & ~game.window[a]).sum() >= needs[a]
        kept = np.eye(game.n_classes, dtype=bool)
        kept[ordered_lambdas(game)] = True
        for _ in range(game.n_classes):
            kept, wanted = ((one.astype(int) @ one.astype(int) > 0) for one in (kept, wanted))
        both = wanted & wanted.T  # of two equal classes one direction is kept
        assert (kept <= wanted).all()
        assert (wanted & ~both <= kept).all()


@pytest.mark.long
def test_96x50_is_proven():
    for seed, profit in ((1, 601.3032), (2, 989.4761)):
        s = solve_game(random_game(96, 50, seed), margin=0.0, time_limit=120)
        assert s.status == "proven"
        assert s.objective == pytest.approx(profit, abs=1e-3)
        assert s.seconds < 120
