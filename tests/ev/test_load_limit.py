"""A limit on the total load, such as a feeder's: a constraint equal to plain numpy, in words everywhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.plausibility import implausible
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.constraints import ROUNDING
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.output.report import report_data
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.study import run_study

X = np.random.default_rng(8).uniform(5, 50, (60, 6))
X[:, :3] = -np.sort(-X[:, :3], axis=1)


def limited(day, limit):
    return dataclasses.replace(day, limits=dataclasses.replace(day.limits, max_load_mw=limit))


@pytest.fixture(scope="module")
def feeder():
    """Return a feeder of three days of quarters: 10 MW, 1,500 cars that answer prices strongly."""
    scenario = load_scenario().with_changes(n_ev=1500)
    scenario = dataclasses.replace(scenario, response=dataclasses.replace(scenario.response, recovery="valley-filling"))
    day = build_day(scenario)
    hours = np.arange(24)
    shape = 8 + 2 * np.sin((hours - 10) / 24 * 2 * np.pi)
    return dataclasses.replace(day, days_mw=np.stack([shape, 1.05 * shape, 0.9 * shape[::-1]]))


@pytest.mark.parametrize("recovery", ["uniform", "valley-filling", "staggered"])
def test_the_constraint_is_the_highest_step_of_all_days(feeder, recovery):
    day = dataclasses.replace(feeder, response=dataclasses.replace(feeder.response, recovery=recovery))
    free = evaluate(X, day)
    limit = float(np.median(free.g1_mw))
    problem = EVPricing(limited(day, limit))
    _, G = problem.evaluate(X, return_values_of=["F", "G"])
    k = problem.constraint_names.index("load <= max_load_mw")
    peak_before = max((one + day.fleet.profile_mw).max() for one in day.days_mw)
    for row in range(len(X)):
        if recovery == "valley-filling":  # cars charge otherwise each day: the highest of the three, one by one
            days = [evaluate(X[row : row + 1], dataclasses.replace(day, days_mw=one[None])) for one in day.days_mw]
            # a day alone has the responses of all, so its load is that of the three days
            peak = max(float(one.load_mw.max()) for one in days)
        else:
            extra = free.load_mw[row] - day.days_mw.mean(axis=0)
            peak = max(float((one + extra).max()) for one in day.days_mw)
        want = (peak - limit) / peak_before - ROUNDING
        assert G[row, k] == pytest.approx(want, rel=1e-9, abs=1e-12)
        assert problem.outcome(X[row]).constraints[0, k] == pytest.approx(want, rel=1e-9, abs=1e-12)
    assert 0 < (G[:, k] <= 0).sum() < len(X)


def test_without_a_limit_all_else_is_bit_for_bit_the_same(feeder):
    (F, G), (F2, G2) = (
        EVPricing(day).evaluate(X, return_values_of=["F", "G"]) for day in (feeder, limited(feeder, 9.0))
    )
    assert (F == F2).all()
    assert (G[:, :-1] == G2[:, :-1]).all()
    assert (G[:, -1] == -1).all()


def test_a_peak_exactly_at_the_limit_keeps_it(feeder):
    peak = float(evaluate(X[:1], feeder).g1_mw[0])
    problem = EVPricing(limited(feeder, peak))
    assert problem.outcome(X[:1]).constraints[0, -1] <= 0
    assert EVPricing(limited(feeder, peak * (1 - 1e-6))).outcome(X[:1]).constraints[0, -1] > 0


def scenario_with(tmp_path, limit):
    path = tmp_path / "feeder.toml"
    path.write_text(f"[fleet]\nn_ev = 400_000\n[limits]\nmax_load_mw = {limit}\n")
    return load_scenario(path)


def test_a_study_keeps_it_and_says_so(tmp_path):
    free = run_study(load_scenario().with_changes(n_ev=400_000), n_eval=400, pop_size=20)
    limit = float(free.outcome.g1_mw.min() + 20)
    assert free.outcome.g1_mw.max() > limit
    study = run_study(scenario_with(tmp_path, limit), n_eval=400, pop_size=20)
    assert (study.outcome.g1_mw <= limit * (1 + 1e-8)).all()
    row = list(study.choices).index("compromise")
    note = next(one for one in study.notes if one.startswith("limits.max_load_mw"))
    assert f"may reach {limit:,.1f} MW; it reaches {study.day.before.g1_mw[0]:,.1f} MW before pricing" in note
    assert f"{study.choice_outcome.g1_mw[row]:,.1f} MW with the recommended one" in note
    data = report_data(study)
    assert data["max_load"] == limit
    assert note in data["notes"]
    assert not any(one.startswith("limits.max_load_mw") for one in free.notes)
    assert report_data(free)["max_load"] is None


def test_what_no_tariff_keeps_is_one_sentence(tmp_path, run_cli):
    scenario_with(tmp_path, 5000)
    answer = run_cli("ev", "price", tmp_path / "feeder.toml", "--n-eval", "200")
    assert answer.code == 2
    assert "the nearest breaks 'load <= max_load_mw'" in answer.err
    checked = run_cli("ev", "check", tmp_path / "feeder.toml")
    assert "the load without cars alone reaches 12,758.0 MW, above the limit of 5,000.0 MW" in checked.out


def test_doubt_only_where_the_load_alone_exceeds_it(feeder):
    most = float(feeder.days_mw.max())
    assert any("max_load_mw" in one for one in implausible(limited(feeder, most - 0.01)))
    assert not any("max_load_mw" in one for one in implausible(limited(feeder, most)))


@pytest.mark.parametrize("limit", [0, -3, float("nan")])
def test_a_limit_is_a_number_above_0(limit):
    with pytest.raises(InputError, match="max_load_mw must be a number above 0"):
        Limits(max_load_mw=limit)
