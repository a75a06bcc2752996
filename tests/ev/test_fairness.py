"""The rise of a group's bill: against the bills of the groups, as an objective and as a limit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.model.fairness import largest_bill_rise
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.ramp import Ramp
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.study.impact import DAYS_A_MONTH, group_bills
from csmoifsa_ev.study.study import run_study


def rises(tariff, problem):
    """Return the relative rise of each group's bill, from the bills themselves."""
    day = problem.day
    bills = np.array(list(group_bills(problem.outcome(tariff), day).values()))
    return bills / (day.bill_before / day.fleet.n_ev * DAYS_A_MONTH) - 1.0


def test_it_is_the_largest_rise_among_the_bills_of_the_groups(case, small):
    discharging = shifting = 0
    most, none = (Ramp(dead_zone=0, saturation=1, max_share=share) for share in (1.0, 0.0))
    into_flat = dataclasses.replace(case.response, peak_flat=most, peak_valley=none, flat_valley=none)
    later = ev_pricing(dataclasses.replace(case, response=into_flat), n_ev=2_000, objectives="fair")
    for problem in (small, ev_pricing(n_ev=2_000, recovery="valley-filling"), later):
        X = np.random.default_rng(3).uniform(5, 50, (200, 6))
        X[:, :3] = -np.sort(-X[:, :3], axis=1)
        outcome = problem.outcome(X)
        for row, tariff in enumerate(X):
            each = rises(tariff, problem)
            discharging += np.isfinite(each[2])
            shifting += each[1] > each[0] + 0.01
            assert outcome.largest_bill_rise[row] == pytest.approx(np.nanmax(each), abs=1e-9)
    assert discharging > 50
    assert shifting > 20  # who shifts into dear flat hours can pay more than who keeps cheap valley hours
    compiled = later.evaluate(X, return_values_of=["F"])[:, 2]
    np.testing.assert_allclose(compiled, outcome.largest_bill_rise, rtol=1e-11, atol=1e-12)


def test_groups_without_cars_do_not_count():
    paid, none = np.array([100.0]), np.array([0.0])
    assert largest_bill_rise(paid, none, none, none, none, 100.0)[0] == pytest.approx(0.0)
    all_shift = largest_bill_rise(none, 0.5 * paid, none, np.array([1.0]), none, 100.0)
    assert all_shift[0] == pytest.approx(-0.5)
    all_discharge = largest_bill_rise(none, 0.5 * paid, -0.2 * paid, np.array([1.0]), np.array([1.0]), 100.0)
    assert all_discharge[0] == pytest.approx(-0.7)


def test_a_limit_is_kept_by_the_whole_front_and_costs_the_operator_profit(case):
    scenario = case.with_changes(n_ev=300_000)
    fair = dataclasses.replace(scenario, limits=Limits(max_bill_rise=0.05))
    free, limited = (run_study(one, objectives="market", n_eval=1_500, pop_size=40) for one in (scenario, fair))
    assert free.outcome.largest_bill_rise.max() > 0.1
    for tariff in limited.front:
        assert np.nanmax(rises(tariff, limited.problem)) <= 0.05 + 1e-9
    profit = [study.outcome.operator_profit_per_day.max() for study in (free, limited)]
    assert profit[1] < 0.97 * profit[0]


def test_as_an_objective_it_falls_below_that_of_the_market_compromise(case):
    scenario = case.with_changes(n_ev=300_000)
    fair, market = (run_study(scenario, objectives=name, n_eval=1_500, pop_size=40) for name in ("fair", "market"))
    least = fair.outcome.largest_bill_rise[fair.chosen["min_bill_rise"]]
    assert least == fair.outcome.largest_bill_rise.min()
    assert least < market.outcome.largest_bill_rise[market.chosen["compromise"]]


def test_a_scenario_file_states_the_limit(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[limits]\nmax_bill_rise = 0.1\n")
    assert load_scenario(path).limits.max_bill_rise == 0.1
    path.write_text("[limits]\nmax_bill_rise = -2\n")
    with pytest.raises(InputError, match=r"limits.*max_bill_rise must be a share above -1"):
        load_scenario(path)
