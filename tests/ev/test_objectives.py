"""Figures of load curves, cost of generation, habit and delay: each by hand or by a plain loop; bad terms refused."""

from __future__ import annotations

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.model.objectives import (
    Grid,
    Satisfaction,
    curve_figures,
    delay_hours,
    generation_cost,
    habit_kept,
    over_days,
)

PEAK, FLAT, VALLEY = range(3)

GRID = {
    "conversion_efficiency": 0.95,
    "marginal_cost_load_mw": (100.0, 300.0),
    "marginal_cost_per_mwh": (20.0, 50.0),
    "peak_cost_per_mw_day": 100.0,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"conversion_efficiency": 0.0}, "conversion_efficiency must be above 0 and at most 1, not 0"),
        ({"conversion_efficiency": 1.01}, "conversion_efficiency must be above 0"),
        ({"peak_cost_per_mw_day": -1.0}, "peak_cost_per_mw_day must be a number from 0 up, not -1"),
        ({"marginal_cost_load_mw": (100.0, 100.0)}, "marginal_cost_load_mw must hold two different loads"),
    ],
)
def test_bad_grids_are_named(changes, words):
    with pytest.raises(InputError, match=words):
        Grid(**{**GRID, **changes})


@pytest.mark.parametrize("grid", [GRID, {**GRID, "conversion_efficiency": 1.0, "peak_cost_per_mw_day": 0.0}])
def test_the_line_runs_through_both_points(grid):
    intercept, slope = Grid(**grid).marginal_cost
    assert intercept + slope * 100.0 == pytest.approx(20.0)
    assert intercept + slope * 300.0 == pytest.approx(50.0)


def test_weights_of_satisfaction_must_be_shares_that_sum_to_one():
    for habit, delay in ((0.5, 0.4), (0.5, 0.6), (0.5, 0.5 + 1e-8)):
        with pytest.raises(InputError, match="habit_weight and delay_weight must sum to 1"):
            Satisfaction(habit_weight=habit, delay_weight=delay)
    with pytest.raises(InputError, match=r"delay_weight must be between 0 and 1, not -0\.5"):
        Satisfaction(habit_weight=1.5 - 0.5, delay_weight=-0.5)
    with pytest.raises(InputError, match=r"habit_weight must be between 0 and 1, not 1\.5"):
        Satisfaction(habit_weight=1.5, delay_weight=-0.5)
    assert Satisfaction(habit_weight=0.3, delay_weight=0.7 + 1e-10).delay_weight == 0.7 + 1e-10


def test_generation_cost_is_the_integral_of_the_marginal_cost():
    grid, load = Grid(**GRID), np.array([[120.0, 250.0], [80.0, 310.0]])
    intercept, slope = grid.marginal_cost
    for row, cost in zip(load, generation_cost(load, grid, 0.5), strict=True):
        steps = (np.arange(100_000) + 0.5) / 100_000
        assert cost == pytest.approx(sum(0.5 * mw * (intercept + slope * mw * steps).mean() for mw in row))
    prices = np.array([30.0, 10.0])
    assert generation_cost(load, grid, 0.5, prices) == pytest.approx([0.5 * (3600 + 2500), 0.5 * (2400 + 3100)])


def test_over_days_the_peak_is_the_highest_and_the_others_are_means():
    days = [curve_figures(np.array([[1.0, 5.0], [2.0, 2.0]])), curve_figures(np.array([[3.0, 4.0], [0.0, 1.5]]))]
    g1, g2, g3 = over_days(days)
    assert (g1.tolist(), g2.tolist(), g3.tolist()) == ([5, 2], [2.5, 0.75], [(4 + 0.25) / 2, 0.75**2 / 2])
    assert over_days(days[:1]) is days[0]


def test_habit_by_hand():
    before = np.array([4.0, 1.0, 3.0])
    after = np.array([[4.0, 1.0, 3.0], [0.0, 5.0, 3.0], [2.0, 2.0, 4.0]])
    assert habit_kept(before, after) == pytest.approx([1.0, 0.5, 0.75])


@pytest.mark.parametrize("size", [1.0, 0.05])  # what counts is how the charging is spread, not how much it is
@pytest.mark.parametrize("n_steps", [4, 12, 48])
def test_delays_by_a_plain_loop(n_steps, size):
    random = np.random.default_rng(n_steps)
    profile, period = size * random.random(n_steps) / n_steps, random.integers(0, 3, n_steps)
    period[:3] = PEAK, FLAT, VALLEY
    delays = delay_hours(profile, period)
    assert delays.shape == (3, n_steps)
    for a in range(3):
        for t in range(n_steps):
            hours = energy = 0.0
            for s in range(n_steps):
                if period[s] == a:
                    hours += profile[s] * ((t - s) % n_steps) * 24.0 / n_steps
                    energy += profile[s]
            assert delays[a, t] == pytest.approx(hours / energy)


def test_nothing_is_delayed_from_a_period_without_charging():
    delays = delay_hours(np.array([1.0, 0.0, 0.0]), np.array([PEAK, FLAT, VALLEY]))
    assert delays[PEAK].tolist() == [0.0, 8.0, 16.0]
    assert not delays[[FLAT, VALLEY]].any()
