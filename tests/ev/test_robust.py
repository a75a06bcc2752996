"""Tariffs that hold: risk measures and promises against a slow recount, and the best over draws against sampling."""

from __future__ import annotations

import csv
import dataclasses
import json
import math

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, evaluate
from csmoifsa_ev.model.promises import Promises, parse_promise
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import recommend
from csmoifsa_ev.study.direct import sample_tariffs
from csmoifsa_ev.study.draws import Draws, interval, least_kept, risk
from csmoifsa_ev.study.held_out import HELD_OUT, compare_held_out
from csmoifsa_ev.study.robust import DRAWS, Pool, best_attainable, recommend_robustly
from csmoifsa_ev.study.sensitivity import draw_days
from csmoifsa_ev.study.study import run_study

PROMISES = [
    *("profit >= 4e6 in 90 %", "bill_change <= 1 % in 80 %"),
    *("bill_rise <= 0.15 in 75.5 %", "rebound <= -100 in 60 %"),
]


@pytest.fixture(scope="module")
def problem():
    """The bundled case with a second, milder day."""
    one = ev_pricing()
    return EVPricing(dataclasses.replace(one.day, days_mw=np.stack([one.day.days_mw[0], 0.9 * one.day.days_mw[0]])))


@pytest.fixture(scope="module")
def found(problem):
    found = recommend(problem)
    assert found is not None
    return found


def with_rule(problem, rule, **changes):
    choice = dataclasses.replace(problem.day.choice, robust=rule, **changes)
    return EVPricing(dataclasses.replace(problem.day, choice=choice))


@pytest.fixture(scope="module")
def cvar(problem, found):
    promises = [parse_promise("rebound <= 0 in 90 %")]
    return recommend_robustly(with_rule(problem, "cvar"), found, found.tariff[None], promises)


# ----------------------------------------------------------------------------------------- measures, slowly


def slow_loss(tariff, day, problem, scale):
    """Return 1 less the score from the objectives' changes against the day before pricing, in plain Python."""
    after = evaluate(tariff[None], day)
    loss = 0.0
    for k, name in enumerate(OBJECTIVE_SETS["paper"]):
        before = {"g2_mw": day.before.g2_mw[0], "saving_per_day": 0.0, "satisfaction": 1.0}[name]
        stated = {"g2_mw": problem.day.before.g2_mw[0], "saving_per_day": 0.0, "satisfaction": 1.0}[name]
        value = stated + (float(getattr(after, name)[0]) - before)
        value = value if name == "g2_mw" else -value
        loss += (value - scale.best[k]) / (scale.worst[k] - scale.best[k]) / 3
    return loss


def test_measures_are_those_of_a_slow_recount(problem, found):
    draws = Draws(problem, draws=15, seed=3)
    X = np.vstack([found.tariff, found.scale.extremes, problem.day.prices.in_force])
    losses = draws.losses(draws.quantities(X), found.scale)
    days = list(draw_days(problem.day, draws=15, seed=3))
    slow = [[slow_loss(x, day, problem, found.scale) for x in X] for day in days]
    np.testing.assert_allclose(losses, slow, atol=1e-9)
    for k in range(len(X)):
        column = sorted((row[k] for row in slow), reverse=True)
        assert risk(losses, "mean", 0.1)[k] == pytest.approx(sum(column) / 15)
        assert risk(losses, "cvar", 0.1)[k] == pytest.approx((column[0] + 0.5 * column[1]) / 1.5)
        assert risk(losses, "cvar", 0.2)[k] == pytest.approx(sum(column[:3]) / 3)
        assert risk(losses, "worst", 0.1)[k] == pytest.approx(column[0])


def test_without_doubt_the_loss_is_that_of_the_nominal_choice(problem, found):
    still = Draws(problem, draws=1)
    still._problems = [problem]
    still._before = np.stack([problem.quantities(np.array([[*problem.day.reference, 5.0, 5.0, 5.0]]))[0][0]])
    loss = still.losses(still.quantities(found.tariff[None]), found.scale)
    assert loss[0, 0] == pytest.approx(1.0 - found.score, abs=1e-12)


def test_no_sampled_tariff_is_better_in_a_draw_than_the_best_attainable(problem, found):
    draws = Draws(problem, draws=8)
    sample = sample_tariffs(problem, seed=9).X
    few = np.vstack([found.tariff, sample_tariffs(problem).X[:300]])
    best = best_attainable(draws, found.scale, Pool(few, draws.quantities(few)))
    for k in range(8):
        least = draws.losses(draws.quantities_in(k, sample), found.scale, k).min()
        assert best[k] <= least + 1e-3
        assert best[k] > least - 0.1


# ----------------------------------------------------------------------------------------- promises


def slow_counts(tariffs, days, start, promises):
    """Return in how many days each promise is kept by each tariff, from the plain model, one tariff at a time."""
    counts = {}
    for day in days:
        now = evaluate(start[None], day).driver_bill_per_day[0]
        for name, tariff in tariffs.items():
            after = evaluate(tariff[None], day)
            load = after.load_mw[0]
            values = {
                "profit": after.operator_profit_per_day[0],
                "bill_change": after.driver_bill_per_day[0] / now - 1.0,
                "bill_rise": after.largest_bill_rise[0],
                "rebound": max(load[day.period == 2]) - max(load[day.period != 2]),
            }
            for one in promises:
                value = values[one.name]
                kept = value >= one.value if one.name == "profit" else value <= one.value
                counts[one.text, name] = counts.get((one.text, name), 0) + kept
    return counts


def test_promises_are_counted_as_by_hand(problem, found):
    tariffs = {"a": found.tariff, "b": found.scale.extremes[0], "c": found.scale.extremes[1]}
    promises = [parse_promise(text) for text in PROMISES]
    _, rows = compare_held_out(problem, found.scale, tariffs, promises)
    chosen, held = (
        slow_counts(tariffs, draw_days(problem.day, draws=DRAWS, seed=seed), problem.day.prices.in_force, promises)
        for seed in (0, HELD_OUT)
    )
    assert len(rows) == 12
    for row in rows:
        key = row["promise"], row["tariff"]
        assert [row["in_choice"], row["held_out"]] == [chosen[key] / DRAWS, held[key] / DRAWS]
        assert (row["held_out_low"], row["held_out_high"]) == interval(held[key], DRAWS)
    for text in PROMISES:
        assert any(0 < row["held_out"] < 1 for row in rows if row["promise"] == text)


def test_the_interval_and_the_margin_are_those_of_the_binomial_distribution():
    def at_least(k, n, p):
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))

    low, high = interval(190, 200)
    assert at_least(190, 200, low) == pytest.approx(0.05, abs=1e-6)
    assert at_least(191, 200, high) == pytest.approx(0.95, abs=1e-6)
    for share in (0.5, 0.9, 0.95):
        k = least_kept(share, 200, margin=True)
        assert at_least(k, 200, share) <= 0.01 < at_least(k - 1, 200, share)
        assert least_kept(share, 200, margin=False) == round(200 * share)
    assert least_kept(1.0, 200, margin=True) == 200


def test_the_recommended_tariff_keeps_its_promise_on_draws_that_chose_nothing(problem, found, cvar):
    """On a thousand others, where the standard error is 1 % at most."""
    held = Draws(problem, draws=1_000, seed=HELD_OUT)
    robust, nominal = (held.quantities(one.tariff[None]) for one in (cvar, found))
    shares = [(held.shortfalls(Q, cvar.promises[0]) <= 0).mean() for Q in (robust, nominal)]
    assert shares[0] >= 0.9 > shares[1]
    chosen = Draws(problem, draws=DRAWS)
    kept = (chosen.shortfalls(chosen.quantities(cvar.tariff[None]), cvar.promises[0]) <= 0).sum()
    assert kept >= least_kept(0.9, DRAWS, margin=True)


def test_what_no_tariff_keeps_is_one_sentence_with_the_best_share(problem, found):
    promise = parse_promise("profit >= 5.6e6 in 95 %")
    words = r"no tariff was found that keeps each promise .* of 200 draws .*; the best keeps"
    with pytest.raises(InputError, match=words) as error:
        recommend_robustly(with_rule(problem, "nominal"), found, found.tariff[None], [promise])
    reached = float(str(error.value).split("the best keeps '")[1].split("' in ")[1].split("%")[0]) / 100
    draws, X = Draws(problem, draws=DRAWS), sample_tariffs(problem).X[:5_000]
    sampled = (draws.shortfalls(draws.quantities(X), promise) <= 0).mean(axis=0).max()
    assert 0.2 < sampled <= reached < 0.95


@pytest.mark.parametrize("text", ["profit >= 1e13 in 95 %", "rebound <= -1e12 in 95 %"])
def test_a_promise_beyond_all_bounds_is_the_same_sentence(problem, found, text):
    with pytest.raises(InputError, match=r"no tariff was found .*in 0\.0% of them"):
        recommend_robustly(with_rule(problem, "nominal"), found, found.tariff[None], [parse_promise(text)])


def test_a_promise_without_a_finite_bound_is_refused():
    with pytest.raises(InputError, match="finite number"):
        parse_promise("profit >= 1e400 in 90 %")


def test_a_key_that_no_terms_have_is_refused():
    with pytest.raises(InputError, match=r"unknown key 'tolerances'.*Did you mean 'tolerance'"):
        load_scenario().with_terms(tolerances=0.3)


# ----------------------------------------------------------------------------------------- the choice


@pytest.mark.parametrize(
    "rule", ["cvar", *(pytest.param(one, marks=pytest.mark.long) for one in ("mean", "worst", "regret"))]
)
def test_no_sampled_tariff_has_a_smaller_measure(problem, found, rule):
    chosen = recommend_robustly(with_rule(problem, rule), found, found.tariff[None], [])
    draws = Draws(problem, draws=DRAWS)
    X = np.vstack([chosen.tariff, chosen.best, sample_tariffs(problem, seed=7).X[:4_000]])
    losses = draws.losses(draws.quantities(X), found.scale)
    if rule == "regret":
        pool = X[:600]
        losses = losses - best_attainable(draws, found.scale, Pool(pool, draws.quantities(pool)))[:, None]
    measured = risk(losses, rule, 0.1)
    assert measured[1] == pytest.approx(chosen.best_measure, abs=2e-3)
    assert measured[2:].min() >= measured[1] - 2e-3
    assert measured[0] <= measured[1] + problem.day.choice.tolerance + 2e-3
    assert (problem.quantities(X[:2])[1] <= 0).all()


def test_cvar_loses_at_the_stated_assumptions_and_gains_in_the_tail(problem, found, cvar):
    rows, _ = compare_held_out(problem, found.scale, {"nominal": found.tariff, "robust": cvar.tariff}, [])
    assert rows[0]["nominal_score"] > rows[1]["nominal_score"]
    assert rows[0]["tail_score"] < rows[1]["tail_score"]


@pytest.mark.long
@pytest.mark.parametrize("rule", ["mean", "cvar", "regret"])
def test_other_seeds_recommend_the_same_over_draws(rule):
    studies = [run_study(load_scenario().with_terms(robust=rule), n_eval=4_000, seed=seed) for seed in (1, 2)]
    one, two = (study.recommended[:3] for study in studies)
    assert np.abs(one - two).max() < 0.2
    profit = [study.problem.outcome(study.recommended).operator_profit_per_day[0] for study in studies]
    assert profit[1] == pytest.approx(profit[0], rel=0.002)


# ----------------------------------------------------------------------------------------- input, files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profit", "must read like 'profit >= 0 in 95 %'"),
        ("profit >= 0", "must read like"),
        ("profit >= 0 in 0.95", "must read like"),
        ("profit >= 1.2.3 in 95 %", "must read like"),
        ("profits >= 0 in 95 %", "about one of profit, bill_change, bill_rise, rebound, not 'profits'"),
        ("profit <= 0 in 95 %", "bound profit with >="),
        ("rebound >= 0 in 95 %", "bound rebound with <="),
        ("profit >= 5 % in 95 %", "as a number, not in %"),
        ("profit >= 0 in 0 %", "above 0 and at most 100 %"),
        ("profit >= 0 in 101 %", "above 0 and at most 100 %"),
    ],
)
def test_bad_promises_are_one_sentence_everywhere(run_cli, tmp_path, text, words):
    with pytest.raises(InputError) as error:
        parse_promise(text)
    assert words in str(error.value)
    answer = run_cli("ev", "price", "--promise", text)
    assert answer.code == 2
    assert words in " ".join(answer.err.split())
    scenario = tmp_path / "mine.toml"
    scenario.write_text(f'[promises]\nkeep = ["{text}"]\n', encoding="utf-8")
    answer = run_cli("ev", "check", scenario)
    assert answer.code == 2
    assert "promises" in answer.err
    assert words in " ".join(answer.err.split())


def test_unknown_rules_are_one_sentence(run_cli, tmp_path):
    answer = run_cli("ev", "price", "--robust", "wurst")
    assert answer.code == 2
    assert "worst" in answer.err
    scenario = tmp_path / "mine.toml"
    for line, words in (('robust = "wurst"', "choice.robust"), ("tail = 0", "tail must be above 0")):
        scenario.write_text(f"[choice]\n{line}\n", encoding="utf-8")
        answer = run_cli("ev", "price", scenario)
        assert answer.code == 2
        assert words in " ".join(answer.err.split())


def test_an_option_replaces_the_promise_of_the_same_quantity():
    kept = Promises(keep=("profit >= 0 in 95 %", "rebound <= 0 in 80 %")).with_more(["profit >= 5 in 90 %"])
    assert kept.keep == ("rebound <= 0 in 80 %", "profit >= 5 in 90 %")


@pytest.mark.long
def test_same_seed_same_bytes_from_options_and_from_a_scenario(run_cli, tmp_path):
    common = "[fleet]\nn_ev = 20000\n"
    plain, full = tmp_path / "plain.toml", tmp_path / "full.toml"
    plain.write_text('name = "x"\ntitle = "x"\n' + common, encoding="utf-8")
    promises = '[choice]\nrobust = "cvar"\n[promises]\nkeep = ["profit >= 1 in 95 %"]\n'
    full.write_text('name = "x"\ntitle = "x"\n' + common + promises, encoding="utf-8")
    small = ("--n-eval", 400, "--pop-size", 20, "--no-figures", "--round", 1)
    options = ("--robust", "cvar", "--promise", "profit >= 1 in 95 %")
    for name, file, more in (("one", plain, options), ("two", full, ())):
        answer = run_cli("ev", "price", file, *small, *more, "--out", tmp_path / name)
        assert answer.code == 0, answer.err
        for words in ("nominal", "held-out", "price of robustness", "Promise 'profit >= 1 in 95 %'", "robust.csv"):
            assert words in " ".join(answer.out.split())
    for name in ("robust.csv", "promises.csv", "pareto.csv", "tariff.csv", "extremes.csv", "robustness.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with open(tmp_path / "one" / "robust.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["tariff"] for row in rows] == ["start", "nominal", "compromise", "rounded"]
    summary = json.loads((tmp_path / "one" / "summary.json").read_text(encoding="utf-8"))
    assert summary["robust"]["rule"] == "cvar"
    assert summary["robust"]["promises"][0]["promise"] == "profit >= 1 in 95 %"
    report = (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    assert '"held_out"' in report
    assert r'"promise": "profit \u003e= 1 in 95 %"' in report
