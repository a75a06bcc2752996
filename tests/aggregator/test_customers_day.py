"""Customers who leave, in a day's account, on screen and page, in certificates and in the search."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from aggregator.test_lost_customers import SHAPES, agree, best_of_all, share_of, tiny
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_aggregator.model.follower import respond
from csmoifsa_aggregator.model.game import Storage
from csmoifsa_aggregator.output.tables import summarise_day
from csmoifsa_aggregator.plugin import ev_aggregator
from csmoifsa_aggregator.problem.problem import AggregatorPricing
from csmoifsa_aggregator.solve.customers import solve_customers
from csmoifsa_aggregator.solve.evidence import certificate
from csmoifsa_aggregator.solve.proof import check
from csmoifsa_aggregator.solve.proof_game import ProofCustomers
from csmoifsa_aggregator.study.baselines import driver_groups
from csmoifsa_aggregator.study.study import run_day

CASE = """
base = "portfolio"

[contract]
v2g_share = {share}

[customers]
competitor_ratio = 1.1
share_at_equal = 0.8
sensitivity = 80
"""


def a_case(tmp_path, share=0.4):
    path = tmp_path / "my.toml"
    path.write_text(CASE.format(share=share))
    return load_case(path)


def test_a_day_accounts_for_those_who_stay_and_those_who_leave(tmp_path):
    case = a_case(tmp_path)
    study = run_day(case)
    summary = summarise_day(study)
    assert case.customers == Customers(
        competitor=1.1 * float(case.game.day_ahead.mean()), share_at_equal=0.8, sensitivity=80.0
    )
    everybody, energy = case.game.count.sum(), case.game.energy_kwh.sum()
    _, count = driver_groups(case)
    for one in study.accounts:
        share = one.cars / everybody
        assert 0.3 < share < 1.0
        bills = float(one.per_car @ count) * share  # V2G owners' share of the surplus included
        assert one.driver_cost == pytest.approx(bills + (1 - share) * case.customers.competitor * energy)
        if one.name in ("uncontrolled charging", "flat price", "day-ahead price", "stage one"):
            assert one.load_kw.sum() * case.game.dt_h == pytest.approx(share * energy)
            assert share == pytest.approx(share_of(case.customers, float(one.load_kw @ one.price) / one.load_kw.sum()))
            cost = float(one.load_kw @ case.game.cheapest) * case.game.dt_h
            assert one.profit == pytest.approx(float(one.load_kw @ one.price) * case.game.dt_h - cost)
    stage, with_v2g = study.accounts[-2:]
    assert (stage.name, with_v2g.name, with_v2g.cars) == ("stage one", "with V2G", stage.cars)
    assert stage.profit == pytest.approx(study.solution.objective)
    assert with_v2g.profit > stage.profit
    assert study.case.cars.count.sum() == pytest.approx(0.4 * stage.cars)
    assert summary["customers"] == {
        "share": pytest.approx(stage.cars / everybody),
        "cars": stage.cars,
        "left": pytest.approx(everybody - stage.cars),
        "mean_paid": pytest.approx(summary["price_rules"]["mean_paid"]),
        "competitor": case.customers.competitor,
        "share_at_equal": 0.8,
        "sensitivity": 80.0,
        "model": "logit",
    }
    assert summary["assumptions"]["classes"][0]["vehicles"] == 900
    first, last = study.accounts[0], study.accounts[-1]
    assert summary["gain"]["aggregator"] == pytest.approx(last.profit - first.profit)
    assert summary["gain"]["drivers"] == pytest.approx(first.driver_cost - last.driver_cost)


def test_the_screen_and_the_page_say_who_stays_and_a_certificate_holds(run_cli, tmp_path):
    a_case(tmp_path)
    path = str(tmp_path / "my.toml")
    told = run_cli("ev", "aggregate", path, "--no-figures", "--out", tmp_path / "out")
    assert "stay at a mean price paid of" in " ".join(told.out.split()), told.err
    assert "customers_kept" in (tmp_path / "out" / "report.html").read_text()
    plans = pd.read_csv(tmp_path / "out" / "plans.csv")
    assert (plans["cars"] < 2000).all()
    proof = tmp_path / "proof.json"
    assert run_cli("ev", "aggregate", path, "--certificate", proof).code == 0
    held = run_cli("ev", "verify", proof, "--case", path)
    assert "the bound is taken from HiGHS on trust" in " ".join(held.out.split())
    other = run_cli("ev", "verify", proof, "--case", "portfolio")
    assert (other.code, "another game" in other.err) == (1, True)


@pytest.mark.parametrize("shape", SHAPES)
def test_certificates_with_customers_hold_and_see_changes(shape):
    rng = np.random.default_rng(11)
    game = tiny(rng, storage=Storage(power_kw=2.0, capacity_kwh=4.0, initial_kwh=1.0, efficiency=0.9))
    game = replace(game, sell=game.day_ahead)
    customers = SHAPES[shape](float(game.day_ahead.mean()))
    kept = solve_customers(game, customers, margin=2e-3)
    values = json.loads(json.dumps(certificate(game, kept.solution, customers)))
    verdict = check(values)
    assert verdict.faults == []
    assert verdict.profit == pytest.approx(kept.solution.objective)
    assert verdict.bound is None
    for key, by in (("competitor", 0.05), ("sensitivity", 0.3), ("share_at_equal", -0.05)):
        other = json.loads(json.dumps(values))
        other["game"]["customers"][key] += by
        share = share_of(
            Customers(**other["game"]["customers"]),
            float(other["price"] @ kept.solution.response.x.T @ game.step_kwh / game.energy_kwh.sum()),
        )
        seen = " ".join(check(other).faults)
        assert ("the balance of step" in seen) is (abs(share - kept.share) > 1e-4 * kept.share), (key, seen)
    for key, value, match in (
        ("model", "probit", "must be 'logit' or 'linear'"),
        ("share_at_equal", 0.0, "customers need a share_at_equal above 0"),
        ("sensitivity", -1.0, "customers need a share_at_equal above 0"),
        ("competitor", "dear", "competitor must be a number"),
    ):
        other = json.loads(json.dumps(values))
        other["game"]["customers"][key] = value
        with pytest.raises(InputError, match=match):
            check(other)


def test_the_share_of_a_certificate_is_that_of_the_model():
    rng = np.random.default_rng(12)
    for _ in range(200):
        terms = {
            "model": str(rng.choice(["logit", "linear"])),
            "competitor": float(rng.normal()),
            "share_at_equal": float(rng.uniform(0.05, 0.95)),
            "sensitivity": float(10 ** rng.uniform(-2, 4)) * float(rng.random() < 0.9),
        }
        mean = float(rng.normal())
        exact = float(ProofCustomers(terms).share(Fraction(mean)))
        assert exact == pytest.approx(share_of(Customers(**terms), mean), rel=1e-9, abs=1e-300)


def test_a_case_names_what_is_wrong_with_its_customers(tmp_path):
    for change, match in (
        ("competitor = 0.1\ncompetitor_ratio = 1", "give either competitor or competitor_ratio, not both"),
        ("", "the competitor's price is missing: give competitor or competitor_ratio"),
        ("competitor = 0.1\nshare = 0.1", "share"),
    ):
        path = tmp_path / "wrong.toml"
        path.write_text(CASE.format(share=0.4).replace("competitor_ratio = 1.1", change))
        with pytest.raises(InputError, match=match):
            load_case(path)


RULES = [("==", "time"), ("<=", "time"), ("==", "load"), ("<=", "load")]


@pytest.mark.parametrize(("sense", "weight"), RULES)
@pytest.mark.parametrize("shape", [*SHAPES, "everybody"])
def test_the_search_keeps_rule_and_customers_and_finds_the_proven_profit(shape, sense, weight):
    rng = np.random.default_rng(7)
    game = tiny(rng)
    low, high = (respond(end, game).T @ game.step_kwh @ end / game.energy_kwh.sum() for end in (game.lower, game.upper))
    mean = game.mean if weight == "time" else low + 0.4 * (high - low)
    game = replace(game, mean=float(mean), mean_sense=sense, mean_weight=weight)
    everybody = Customers(competitor=9.0, share_at_equal=1.0, sensitivity=0.0, model="linear")
    customers = SHAPES.get(shape, lambda _: everybody)(float(game.day_ahead.mean()))
    problem = AggregatorPricing(game, [3.0, 0.0, 1.0, 2.0], None if shape == "everybody" else customers)
    X = rng.uniform(problem.xl, problem.xu, (300, 4))
    F, prices = problem.evaluate(X), problem.prices(X)
    energy = game.energy_kwh.sum()
    for f, price in zip(F, prices, strict=True):
        load = respond(price, game, favour=game.cheapest).T @ game.power_kw
        bill = float(load @ price) * game.dt_h
        ruled = price.mean() if weight == "time" else bill / energy
        assert ruled <= game.mean + 1e-9
        assert sense == "<=" or ruled >= game.mean - 1e-9
        assert (price >= game.lower - 1e-12).all()
        assert (price <= game.upper + 1e-12).all()
        share = share_of(customers, bill / energy)
        total = np.array([3.0, 0.0, 1.0, 2.0]) + share * load
        assert f[0] == pytest.approx(share * (float(load @ game.cheapest) * game.dt_h - bill), rel=1e-6, abs=1e-9)
        assert f[1] == pytest.approx(share * bill + (1 - share) * customers.competitor * energy, rel=1e-6, abs=1e-9)
        assert f[2] == pytest.approx(np.ptp(total), rel=1e-6)
    best = best_of_all(game, customers, 0.0)
    assert -F[:, 0].min() <= best + 1e-6 * max(abs(best), 1e-3)
    assert -F[:, 0].min() >= best - 1e-5 * abs(best)


def test_a_mean_price_paid_that_no_price_has_is_refused():
    game = replace(load_case("wei-2015").game, mean_weight="load", mean=5.0)
    with pytest.raises(InputError, match="the price bounds exclude a mean price paid of 5: it lies between"):
        AggregatorPricing(game)


@pytest.mark.parametrize("shape", SHAPES)
def test_customers_beside_a_mean_weighted_by_the_load_meet_every_response(shape):
    rng = np.random.default_rng(13)
    for margin in (0.0, 2e-3):
        game = tiny(rng)
        ends = (respond(end, game).T @ game.step_kwh @ end / game.energy_kwh.sum() for end in (game.lower, game.upper))
        low, high = ends
        game = replace(game, mean=float(low + rng.uniform(0.3, 0.7) * (high - low)), mean_weight="load")
        agree(game, SHAPES[shape](float(game.day_ahead.mean())), margin, 1e-4)


def test_the_problem_reads_customers_from_the_case(tmp_path):
    case = a_case(tmp_path)
    assert ev_aggregator(tmp_path / "my.toml").customers == case.customers
