"""``csmoifsa ev roll`` with reserve: accounts by plain sums, tables, and the page in a browser."""

import json

import numpy as np
import pandas as pd
import pytest

from aggregator.test_backtest import series
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.study.backtest import backtest
from ev.browser import Browser, find_chromium

BUNDLED = "portfolio-reserve"


@pytest.fixture(scope="module")
def prices():
    return series(3, days=5)


def test_every_account_follows_from_the_powers_by_plain_sums(prices):
    test = backtest(load_case(BUNDLED), *prices, training=2, forecaster="ar1", known="current")
    case = load_case(BUNDLED)
    ahead, actual = prices
    assert len(test.days) == 2
    for k, day in enumerate(test.days):
        first = 24 * (2 + k) + test.begin
        p, rt = ahead.per_kwh[first : first + 24], actual.per_kwh[first : first + 24]
        accounts = {one.name: one for one in day.accounts}
        assert list(accounts)[3:] == ["stage one", "with V2G", "with reserve", "with rolling", "perfect foresight"]
        plan, rolled = day.rolled.carried
        assert plan.payment > 100
        assert plan.payment == rolled.payment
        np.testing.assert_allclose(plan.called_kwh, rolled.called_kwh)  # the same calls
        for name, one in (("with reserve", plan), ("with rolling", rolled)):
            account = accounts[name]
            others = account.load_kw - (one.charge_kw - one.discharge_kw).sum(axis=0)
            # what the plan bought day-ahead: the rolled profit pays real-time prices for the rest alone
            bought = planned_load(case, test, day, p)
            energy = p @ (others + bought) + rt @ (one.settled_kw[0] - one.settled_kw[1] - bought)
            worn = 0.01 * one.discharge_kw.sum()
            earned = one.payment - one.withheld - one.penalty - one.activation
            assert one.penalty == pytest.approx(0.1 * one.missed_kwh.sum())
            # drivers pay their bills less the owners' share of the surplus
            assert account.profit == pytest.approx(account.driver_cost - energy - worn + earned, abs=1e-3)


def planned_load(case, test, day, p):
    """Return the day-ahead position of the batteries, found again from the day's prices [kW]."""
    from csmoifsa_aggregator.solve.stackelberg import solve_game
    from csmoifsa_aggregator.study.baselines import contracts

    own = case.at_prices(p, test.begin)
    return contracts(own, solve_game(own.game), reserve=True, time_limit=10.0).v2g.net_kw


@pytest.fixture(scope="module")
def rolled(tmp_path_factory, prices):
    from typer.testing import CliRunner

    from csmoifsa.cli import app

    folder = tmp_path_factory.mktemp("rolled")
    for name, one in zip(("da", "rt"), prices, strict=True):
        rows = [f"{one.start + k * one.step},{1000 * v:.6f}" for k, v in enumerate(one.per_kwh)]
        (folder / f"{name}.csv").write_text("\n".join(["timestamp,price", *rows]) + "\n", encoding="utf-8")
    files = ["--day-ahead", str(folder / "da.csv"), "--real-time", str(folder / "rt.csv")]
    options = ["--reserve", "pjm-regulation", "--days", "2025-06-02:2025-06-03", "--no-figures"]
    done = CliRunner().invoke(app, ["ev", "roll", "portfolio", *files, *options, "--out", str(folder / "out")])
    assert done.exit_code == 0, done.output
    assert "Reserve as planned: paid" in done.output
    assert "Reserve with rolling: paid" in done.output
    return folder / "out"


def test_tables_of_reserve(rolled):
    (node,) = json.loads((rolled / "summary.json").read_text(encoding="utf-8"))["nodes"]
    table = pd.read_csv(rolled / "reserve.csv")
    assert table["plan"].tolist() == ["with reserve", "with rolling"]
    for row, own in zip(table.to_dict("records"), node["reserve"], strict=True):
        assert {key: row[key] for key in own} == pytest.approx(own)
        assert row["called_kwh"] > 100
        assert 0 <= row["missed_share"] < 0.2


@pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine")
@pytest.mark.parametrize(("language", "way"), [("en", "with rolling"), ("zh", "滚动优化")])
def test_the_page_shows_reserve_as_carried_out(rolled, tmp_path, language, way):
    from csmoifsa_aggregator.output.report import write_rolling_report

    write_rolling_report(rolled, language=language)
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(rolled / "report.html", "window.study && window.study.state.ready")
        cells = browser.run(
            "[...document.querySelectorAll('#reserve_table tr')].map((r) => [...r.cells].map((c) => c.textContent))"
        )
        shown = browser.run("!document.getElementById('rolled_reserve').hidden")
        errors = list(browser.errors)
    finally:
        browser.close()
    own = json.loads((rolled / "summary.json").read_text(encoding="utf-8"))["nodes"][0]["reserve"][1]
    assert shown
    assert cells[2][0] == way
    assert cells[2][1:4] == [f"{own[key]:,.2f}" for key in ("payment", "withheld", "penalty")]
    assert not errors
