"""Stage one with many classes or steps."""

import pytest

from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.solve.stackelberg import solve_game


@pytest.mark.slow
def test_many_classes_are_proven_with_integers_and_not_without():
    game = random_game(24, 100, 1)
    without, found = (solve_game(game, margin=0.0, time_limit=120, integers=used) for used in (False, True))
    assert (without.status, without.binaries) == ("gap", 0)
    assert found.status == "proven"
    assert without.objective <= found.objective <= without.upper_bound * (1 + 1e-9)


@pytest.mark.long
def test_96x50_is_proven():
    for seed, profit in ((1, 601.3032), (2, 989.4761)):
        s = solve_game(random_game(96, 50, seed), margin=0.0, time_limit=120)
        assert s.status == "proven"
        assert s.objective == pytest.approx(profit, abs=1e-3)
        assert s.seconds < 120
