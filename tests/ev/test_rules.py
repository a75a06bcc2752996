"""Rules on prices: as worked out by hand, kept by every tariff of a study, with the best tariff of a whole grid."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from itertools import product

import numpy as np
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa.runs import Checkpoint
from csmoifsa_ev.inputs.scenario import build_day
from csmoifsa_ev.model.rules import STEP, Rules
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import loss_goal, rule_goal, within_tolerance
from csmoifsa_ev.study.learning import ScoreScale, best_tariff
from csmoifsa_ev.study.study import run_study, search_front
from ev.test_periods import random_tariffs, scenario_of

RATIOS = ("peak <= 4 x valley", "flat >= 1.5 x valley", "dearest <= 3.5*cheapest", "discharge_peak <= 1.2 x peak")


def ruled(scenario, **keys):
    return dataclasses.replace(scenario, rules=Rules(**keys))


def priced(scenario, objectives="paper"):
    return EVPricing(build_day(scenario), objectives=objectives)


def broken_by_hand(tariff, step):
    """Return which of `RATIOS` and of the step a tariff of peak, flat and valley breaks, worked out one by one."""
    peak, flat, valley, discharge = tariff[:4]
    dearest, cheapest = sorted(tariff[:3])[2], sorted(tariff[:3])[0]
    found = [peak > 4 * valley, flat < 1.5 * valley, dearest > 3.5 * cheapest, discharge > 1.2 * peak]
    # as decimals: a price of 0.3 is a multiple of 0.1
    return [*found, any(Decimal(repr(float(price))) % Decimal(str(step)) for price in tariff)]


@pytest.mark.parametrize("step", [0.5, 0.1, 2.5, 7])
def test_constraints_are_those_worked_out_by_hand(case, step):
    problem = priced(ruled(case.with_changes(n_ev=500), step=step, ratios=RATIOS))
    assert problem.constraint_names[-5:] == (*RATIOS, STEP)
    assert problem.n_ieq_constr == len(problem.constraint_names) == 17
    rng = np.random.default_rng(3)
    X = np.vstack([rng.uniform(5, 50, (200, 6)), np.round(rng.uniform(5, 50, (200, 6)) / step) * step])
    X[::3, :3] = X[::3, [2, 1, 0]]  # also in no order
    X = np.round(X, 6)
    _, G = problem.evaluate(X, return_values_of=["F", "G"])
    for row, tariff in enumerate(X):
        assert (G[row, -5:] > 0).tolist() == broken_by_hand(tariff, step), tariff
    assert (0 < (G[:, -5:] > 0).sum(axis=0)).all()
    assert ((G[:, -5:] > 0).sum(axis=0) < len(X)).all()
    np.testing.assert_allclose(problem.outcome(X).constraints, G, rtol=1e-9, atol=1e-12)
    level = problem.day.reference_level
    np.testing.assert_allclose(G[:, -5], (X[:, 0] - 4 * X[:, 2]) / level, atol=2e-9)
    np.testing.assert_allclose(G[:, -3], (X[:, :3].max(axis=1) - 3.5 * X[:, :3].min(axis=1)) / level, atol=2e-9)


def test_without_rules_nothing_changes(case):
    free, bound = (priced(one.with_changes(n_ev=500)) for one in (case, ruled(case, step=0.5, ratios=RATIOS)))
    X = random_tariffs(free, 50)
    (F, G), (F2, G2) = (one.evaluate(X, return_values_of=["F", "G"]) for one in (free, bound))
    assert (F == F2).all()
    assert (G == G2[:, : G.shape[1]]).all()
    assert free.allowed(X) is X


@pytest.mark.parametrize("n_periods", [2, 4])
def test_names_of_other_periods(case, n_periods):
    scenario = scenario_of(case, n_periods, n_ev=500)
    first, last = scenario.tariff.names[0], scenario.tariff.names[-1]
    problem = priced(ruled(scenario, ratios=(f"{first} >= 2 x charge_{last}", f"discharge_{last} <= 0.5 x {first}")))
    X = random_tariffs(problem, 40)
    _, G = problem.evaluate(X, return_values_of=["F", "G"])
    want = [[x[0] < 2 * x[n_periods - 1], x[-1] > 0.5 * x[0]] for x in X]
    assert (G[:, -2:] > 0).tolist() == want
    np.testing.assert_allclose(problem.outcome(X).constraints, G, rtol=1e-9, atol=1e-12)


def all_prices(study):
    """Return every tariff that a study shows as recommended or as part of its front, one a row."""
    names = [name for name in study.choices if name != "start"]
    ends = np.array([study.nearly_equal[name] for name in study.day.variables]).T
    return np.vstack(
        [study.front, *(study.choices[name][None] for name in names), ends, study.no_effect[0].T]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "ratios", "objectives"),
    [(0.5, ("peak <= 4 x valley",), "paper"), (0.3, ("dearest >= 3 x cheapest",), "market"), (2.5, (), "fair")],
)
def test_every_tariff_of_a_study_keeps_the_rules(case, step, ratios, objectives):
    scenario = ruled(case.with_changes(n_ev=400_000), step=step, ratios=ratios)
    study = run_study(scenario, objectives=objectives, n_eval=800, pop_size=24)
    assert len(study.front) > 5
    for tariff in all_prices(study):
        for price in tariff:
            assert Decimal(repr(float(price))) % Decimal(str(step)) == 0
    low, high = study.problem.price_bounds
    assert (all_prices(study) >= low).all()
    assert (all_prices(study) <= high).all()
    shown = np.vstack([study.front, study.recommended])
    assert (study.problem.outcome(shown).constraints <= 0).all()
    for tariff in shown:
        assert not ratios or ratios[0].startswith("dearest") or tariff[0] <= 4 * tariff[2] * (1 + 1e-7)
        assert not ratios or ratios[0].startswith("peak") or tariff[0] * (1 + 1e-7) >= 3 * tariff[2]


@pytest.mark.parametrize("objectives", ["paper", "market"])
def test_the_recommended_tariff_is_the_best_of_all_on_a_coarse_grid(case, objectives):
    """All 46,656 tariffs at multiples of 7.5 are tried: none has a higher score, nor does the rule prefer another."""
    scenario = ruled(case.with_changes(n_ev=400_000), step=7.5, ratios=("peak <= 4 x valley",))
    study = run_study(scenario, objectives=objectives, n_eval=600, pop_size=24)
    problem, found = study.problem, study.recommendation
    grid = np.array(list(product(np.arange(7.5, 50, 7.5), repeat=6)))
    F, G = problem.values(grid)
    grid, F = grid[(G <= 0).all(axis=1)], F[(G <= 0).all(axis=1)]
    assert len(grid) > 100
    Q = problem.quantities(grid)[0]
    losses = loss_goal(problem, found.scale)(grid, Q)
    assert 1 - losses.min() == pytest.approx(found.best_score, abs=1e-9)
    np.testing.assert_allclose(F.min(axis=0), found.scale.best, rtol=1e-9)
    among = within_tolerance(problem, found)(grid, Q) <= 0
    goal = rule_goal(problem)
    best = goal(grid[among], Q[among]).min()
    mine = goal(found.tariff[None], problem.quantities(found.tariff[None])[0])[0]
    assert mine == pytest.approx(best, abs=1e-9)


def test_robust_choice_and_rounding_keep_the_rules(case):
    scenario = ruled(case.with_changes(n_ev=400_000), step=0.5, ratios=("peak <= 4 x valley",))
    scenario = scenario.with_terms(robust="mean", promises=["bill_rise <= 60 % in 50 %"])
    study = run_study(scenario, n_eval=600, pop_size=24, round_to=1.0)
    for name in ("compromise", "nominal"):
        assert (study.problem.outcome(study.choices[name]).constraints <= 0).all(), name
        assert (study.choices[name] % 0.5 == 0).all()
    assert (study.choices["rounded"] % 1.0 == 0).all()
    with pytest.raises(InputError, match="no tariff of multiples of"):
        run_study(scenario, n_eval=200, pop_size=24, round_to=0.3)


def test_robust_choice_with_two_periods(case):
    scenario = scenario_of(case, 2, n_ev=400_000).with_terms(robust="mean")
    study = run_study(scenario, n_eval=400, pop_size=20)
    assert (study.problem.outcome(study.recommended).constraints <= 0).all()


def test_learning_sets_allowed_prices(case):
    day = build_day(ruled(case.with_changes(n_ev=500), step=0.5, ratios=("peak <= 4 x valley",)))
    problem = EVPricing(day)
    scale = ScoreScale(worst=np.array([6000.0, 0.0, 0.0]), best=np.array([3000.0, -1e6, -1.0]))
    tariff = best_tariff(day, *problem.price_bounds, scale, seed=1, n_eval=900)
    assert (tariff % 0.5 == 0).all()
    assert (problem.outcome(tariff).constraints <= 0).all()


def test_a_stopped_search_on_steps_goes_on_as_if_never_stopped(case, tmp_path):
    problem = priced(ruled(case.with_changes(n_ev=500), step=0.5))
    whole = search_front(problem, 600, 1, 20)
    path = tmp_path / "search.npz"
    from csmoifsa_ev.study.study import _search

    _search(problem, 300, 1, 20, checkpoint=Checkpoint(path, 0.0))
    assert (_search(problem, 600, 1, 20, checkpoint=Checkpoint(path, 0.0)).X == whole).all()
    assert (whole % 0.5 == 0).all()


def test_files_of_a_study_show_the_whole_price(tmp_path, run_cli):
    path = tmp_path / "s.toml"
    path.write_text("[fleet]\nn_ev = 300_000\n[rules]\nstep = 0.25\nratios = ['peak <= 3 x valley']\n")
    out = run_cli("ev", "price", path, "--n-eval", "400", "--pop-size", "16", "--out", tmp_path / "o", "--no-excel")
    assert out.code == 0, out.err
    front = pd.read_csv(tmp_path / "o" / "pareto.csv")
    prices = front.filter(regex="charge_").to_numpy()
    assert (prices % 0.25 == 0).all()
    assert (front["charge_peak"] <= 3 * front["charge_valley"]).all()
    inputs = pd.read_csv(tmp_path / "o" / "inputs.csv").set_index("key")["value"]
    assert inputs["rules.step"] == "0.25"
    assert inputs["rules.ratios"] == "peak <= 3 x valley"
    shown = next(line for line in out.out.splitlines() if line.startswith("charge, recommended"))
    assert all(len(price.split(".")[1]) == 2 for price in shown.split()[2:])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("step = 0", "rules: step must be a number above 0, not 0"),
        ("step = 'half'", "rules.step must be a number"),
        ("step = 60", "rules.step: there is no multiple of 60 from 5 to 50"),
        ("ratios = ['peak < 4 valley']", "must read like 'peak <= 4 x valley'"),
        ("ratios = ['peak <= 0 x valley']", "with a number above 0"),
        ("ratios = ['peak <= 1.2.3 x valley']", "must read like"),
        ("ratios = ['peak <= 4 x vally']", "names 'vally'; name one of peak, flat, valley, dearest, cheapest"),
        ("ratio = ['peak <= 4 x valley']", "unknown key 'rules.ratio'"),
    ],
)
def test_a_bad_rule_is_one_sentence(tmp_path, run_cli, text, sentence):
    path = tmp_path / "s.toml"
    path.write_text(f"[rules]\n{text}\n")
    answer = run_cli("ev", "check", path)
    assert answer.code == 2
    assert sentence in " ".join((answer.err + answer.out).split())


def test_rules_that_no_tariff_keeps_are_named(tmp_path, run_cli):
    path = tmp_path / "s.toml"
    path.write_text("[fleet]\nn_ev = 1000\n[rules]\nratios = ['valley >= 2 x peak']\n")
    answer = run_cli("ev", "price", path, "--n-eval", "200", "--pop-size", "16")
    assert answer.code == 2
    assert "the nearest breaks" in answer.err
