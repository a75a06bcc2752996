"""Customers who leave, on rolled days: the share of each day, accounts by plain sums, and nobody lost is no change."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from aggregator.test_backtest import series
from aggregator.test_lost_customers import SHAPES, best_of_all, share_of, tiny
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import Case, load_case
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_aggregator.model.follower import respond
from csmoifsa_aggregator.output.report import write_rolling_report
from csmoifsa_aggregator.output.rolling_tables import summarise_rolling, write_rolling
from csmoifsa_aggregator.study.backtest import backtest
from csmoifsa_aggregator.study.baselines import contracts
from csmoifsa_aggregator.study.stage_one import price_case
from csmoifsa_aggregator.study.study import run_day
from ev.browser import Browser, find_chromium

EVERYTHING = """
base = "portfolio"
{customers}
[[reserve]]
base = "pjm-regulation"
minimum_mw = 0.0
increment_mw = 0.0
injection_allowed = true
[attendance]
late_share = 0.1
late_h = 1.0
absent_share = 0.05
[roll]
short_ratio = 1.1
long_ratio = 0.9
"""
NOBODY_LEAVES = {
    "logit": '[customers]\ncompetitor = 5.0\nshare_at_equal = 0.9\nsensitivity = 1000\nmodel = "logit"',
    "linear": '[customers]\ncompetitor = 5.0\nshare_at_equal = 1.0\nsensitivity = 0.01\nmodel = "linear"',
    "at no price": '[customers]\ncompetitor = 0.01\nshare_at_equal = 1.0\nsensitivity = 0.0\nmodel = "linear"',
}


def case_of(tmp_path, customers, text=EVERYTHING):
    path = tmp_path / "my.toml"
    path.write_text(text.format(customers=customers), encoding="utf-8")
    return load_case(path)


@pytest.fixture(scope="module")
def prices():
    return series(3, days=5)


def same(one, other):
    """Whether two results are equal bit for bit, arrays included."""
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@pytest.mark.parametrize("shape", NOBODY_LEAVES)
def test_where_everybody_stays_each_number_is_that_without_customers(tmp_path, prices, shape):
    text = EVERYTHING if shape == "logit" else 'base = "portfolio"\n{customers}\n'
    plain, stays = (case_of(tmp_path, customers, text) for customers in ("", NOBODY_LEAVES[shape]))
    one, other = run_day(plain, time_limit=20.0), run_day(stays, time_limit=20.0)
    assert other.share == 1.0
    assert same([asdict(a) for a in one.accounts], [asdict(a) for a in other.accounts])
    assert same(asdict(one.second), asdict(other.second))
    first, second = (backtest(each, *prices, training=3) for each in (plain, stays))
    assert (second.rho, second.low, second.high) == (first.rho, first.low, first.high)
    for a, b in zip(first.days, second.days, strict=True):
        assert b.first.share == 1.0
        assert same([asdict(x) for x in a.accounts], [asdict(x) for x in b.accounts])
        assert same(asdict(a.rolled), asdict(b.rolled))
        assert a.grid == b.grid


@pytest.fixture(scope="module")
def rolled(tmp_path_factory, prices):
    case = case_of(
        tmp_path_factory.mktemp("case"),
        "[price]\nband = 0.5\nmean_ratio = 1.0\nmean_sense = '<='\n"
        "[customers]\ncompetitor_ratio = 0.8\nshare_at_equal = 0.8\nsensitivity = 430",
    )
    return case, backtest(case, *prices, training=2, forecaster="ar1", known="current", steps=True)


def test_the_share_of_each_day_is_that_of_its_mean_price_paid(rolled, prices):
    case, test = rolled
    shares = []
    for k, day in enumerate(test.days):
        first = 24 * (2 + k) + test.begin
        p, base = prices[0].per_kwh[first : first + 24], case.game.day_ahead
        competitor = case.customers.competitor * p.mean() / base.mean()
        sensitivity = 430 * base.mean() / p.mean()
        price, window = day.first.solution.price, np.roll(case.game.window, -test.begin, axis=1)
        bill = 0.0  # each class fills its cheapest hours, in a plain loop
        for c in range(3):
            left = case.game.energy_kwh[c]
            for t in sorted(np.flatnonzero(window[c]), key=lambda t: price[t]):
                taken = min(left, case.game.power_kw[c])
                left, bill = left - taken, bill + taken * price[t]
        mean = bill / case.game.energy_kwh.sum()
        kept = 1 / (1 + np.exp(sensitivity * (mean - competitor) - np.log(4)))
        assert day.first.share == pytest.approx(kept, rel=1e-9)
        shares.append(kept)
        cars = {one.name: one.cars for one in day.accounts}
        assert cars["stage one"] == pytest.approx(2000 * kept)
        absent = [one.absent for one in day.rolled.carried]
        for name, away in (("with reserve", absent[0]), ("with rolling", absent[1])):
            assert cars[name] == pytest.approx(2000 * kept - away)
        assert absent[0] == absent[1] > 0
        assert day.rolled.carried[1].charge_kw.shape[0] > 3  # groups of cars that come, come late and stay away
        assert day.first.case.cars.count == pytest.approx(0.4 * kept * case.game.count)
    assert 0.3 < min(shares)
    assert max(shares) < 0.95


def test_every_account_follows_from_the_powers_by_plain_sums(rolled, prices):
    """Profit = bills less energy, wear and owners' share, plus reserve less penalties, less refunds, of those kept."""
    case, test = rolled
    for k, day in enumerate(test.days):
        first = 24 * (2 + k) + test.begin
        p, rt = (one.per_kwh[first : first + 24] for one in prices)
        share, accounts = day.first.share, {one.name: one for one in day.accounts}
        terms = day.first.case.customers
        stage = accounts["stage one"]
        bills = sum(stage.load_kw[t] * stage.price[t] for t in range(24))
        left = (1 - share) * case.game.energy_kwh.sum() * terms.competitor
        assert stage.driver_cost == pytest.approx(bills + left)
        assert stage.profit == pytest.approx(bills - sum(stage.load_kw[t] * p[t] for t in range(24)))
        two = contracts(day.first.case, day.first.solution, reserve=True, time_limit=10.0)
        bought = two.v2g.net_kw
        for name, one in zip(("with reserve", "with rolling"), day.rolled.carried, strict=True):
            account = accounts[name]
            others = account.load_kw - (one.charge_kw - one.discharge_kw).sum(axis=0)
            energy = 0.0
            for t in range(24):
                away = one.settled_kw[0][t] - one.settled_kw[1][t] - bought[t]
                energy += p[t] * (others[t] + bought[t]) + away * rt[t] * (1.1 if away > 0 else 0.9)
            worn = 0.01 * one.discharge_kw.sum()
            earned = one.payment - one.withheld - one.penalty - one.activation
            profit = bills - two.owner_gain - one.refund - energy - worn + earned
            assert account.profit == pytest.approx(profit, abs=1e-3)
            assert account.driver_cost == pytest.approx(bills - two.owner_gain - one.refund + left, abs=1e-3)


def test_a_share_that_never_falls_rolls_the_fleet_of_those_who_stay(tmp_path, prices):
    text = 'base = "portfolio"\n{customers}\n'
    kept = case_of(tmp_path, "[customers]\ncompetitor_ratio = 1\nshare_at_equal = 0.6\nsensitivity = 0", text)
    fewer = case_of(tmp_path, "", text).kept(0.6)
    for one, other in zip(*(backtest(case, *prices, training=3).days for case in (kept, fewer)), strict=True):
        left = 0.4 * kept.game.energy_kwh.sum() * one.first.case.customers.competitor
        for a, b in zip(one.accounts, other.accounts, strict=True):
            assert a.profit == pytest.approx(b.profit, abs=1e-6), a.name
            assert a.driver_cost == pytest.approx(b.driver_cost + left)
            assert a.cars == pytest.approx(b.cars)


@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_prices_that_all_rise_alike_keep_the_same_customers(tmp_path, factor):
    case = load_case("portfolio-customers")
    moved = case.at_prices(factor * case.game.day_ahead)
    one, other = price_case(case), price_case(moved)
    assert other.share == pytest.approx(one.share)
    assert other.solution.objective == pytest.approx(factor * one.solution.objective)
    nothing = case.at_prices(np.zeros(24)).customers
    assert (nothing.competitor, nothing.sensitivity) == (0.0, case.customers.sensitivity)
    below = case.at_prices(-case.game.day_ahead).customers
    assert below.sensitivity == pytest.approx(case.customers.sensitivity)
    assert below.competitor == pytest.approx(-1.2 * case.game.day_ahead.mean())  # a fifth of its size below the mean


@pytest.mark.parametrize("shape", SHAPES)
def test_the_price_of_another_day_meets_every_response(shape):
    """The case carried to other prices, against all responses and many prices of the game carried by hand."""
    rng = np.random.default_rng(21)
    game = replace(tiny(rng), mean_sense="==")
    customers = SHAPES[shape](float(game.day_ahead.mean()))
    case = Case(
        name="tiny", title="tiny", currency="$", game=game, cars=None, owner=np.zeros(0, dtype=int),
        v2g_share=np.zeros(game.n_classes), owner_share=0.5, v2g_sell=game.day_ahead, customers=customers,
    )  # fmt: skip
    new = game.day_ahead[::-1] * rng.uniform(0.5, 2.0, 4)
    by_hand = {name: getattr(game, name) / game.day_ahead * new for name in ("buy", "sell", "lower", "upper")}
    mean = np.clip(game.mean / game.day_ahead.mean() * new.mean(), by_hand["lower"].mean(), by_hand["upper"].mean())
    other = replace(game, day_ahead=new, mean=float(mean), **by_hand)
    level = new.mean() / game.day_ahead.mean()
    terms = Customers(
        competitor=customers.competitor * level,
        share_at_equal=customers.share_at_equal,
        sensitivity=customers.sensitivity / level,
        model=customers.model,
    )
    best = best_of_all(other, terms, 2e-3)
    found = price_case(case.at_prices(new), margin=2e-3)
    assert found.solution.objective == pytest.approx(best, rel=1e-5, abs=1e-6)
    paid = respond(found.solution.price, other).T @ other.step_kwh @ found.solution.price / other.energy_kwh.sum()
    assert found.share == pytest.approx(share_of(terms, float(paid)), rel=1e-6)


def test_a_day_on_which_nobody_would_stay_is_named(tmp_path, prices):
    text = 'base = "portfolio"\n{customers}\n'
    case = case_of(tmp_path, "[customers]\ncompetitor_ratio = 0.1\nshare_at_equal = 0.5\nsensitivity = 4000", text)
    with pytest.raises(InputError, match=r"2025-06-04: not even 0\.001 of the customers stay at the least mean price"):
        backtest(case, *prices, training=3)


def test_tables_say_who_stays(rolled, tmp_path):
    case, test = rolled
    summary = summarise_rolling([test], case=case, forecast="ar1", known="current")
    write_rolling([test], summary, tmp_path)
    (node,) = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["nodes"]
    days = pd.read_csv(tmp_path / "days.csv")
    shares = [one.first.share for one in test.days]
    assert days["share"].tolist() == pytest.approx(shares)
    for row in days.to_dict("records"):
        odds = row["sensitivity"] * (row["mean_paid"] - row["competitor"]) - np.log(4)
        assert row["share"] == pytest.approx(1 / (1 + np.exp(odds)), rel=1e-9)
    kept = node["customers"]
    assert kept["share"] == pytest.approx(np.mean(shares))
    assert (kept["least_share"], kept["greatest_share"]) == (min(shares), max(shares))
    assert kept["cars"] + kept["left"] == pytest.approx(2000)
    plans = {row["plan"]: row for row in node["plans"]}
    assert plans["stage one"]["cars"] == pytest.approx(kept["cars"])
    gain, before = node["gain"], plans["uncontrolled charging"]
    assert gain["aggregator"] == pytest.approx(plans["with rolling"]["profit"] - before["profit"])
    assert gain["drivers"] == pytest.approx(before["driver_cost"] - plans["with rolling"]["driver_cost"])


@pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine")
@pytest.mark.parametrize(("language", "words"), [("en", "leave for a competitor"), ("zh", "转向竞争者")])
def test_the_page_says_who_stays(rolled, tmp_path, language, words):
    case, test = rolled
    summary = summarise_rolling([test], case=case, forecast="ar1", known="current")
    write_rolling([test], summary, tmp_path)
    write_rolling_report(tmp_path, language=language)
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(tmp_path / "report.html", "window.study && window.study.state.ready")
        said = browser.run("document.getElementById('late').textContent")
        errors = list(browser.errors)
    finally:
        browser.close()
    assert words in said
    assert f"{summary['nodes'][0]['customers']['cars']:,.1f}" in said
    assert not errors


def test_the_command_says_who_stays(run_cli, tmp_path, prices):
    for name, one in zip(("da", "rt"), prices, strict=True):
        rows = [f"{one.start + k * one.step},{1000 * v:.6f}" for k, v in enumerate(one.per_kwh)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["timestamp,price", *rows]) + "\n", encoding="utf-8")
    files = ["--day-ahead", tmp_path / "da.csv", "--real-time", tmp_path / "rt.csv"]
    told = run_cli("ev", "roll", "portfolio-customers", *files, "--days", "2025-06-03:2025-06-04")
    assert told.code == 0, told.err
    assert "stay on the mean day and" in " ".join(told.out.split())
