"""Backtests over many days: accounts, days that cannot be rolled, prices on another step, files of prices."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from aggregator.games import SHARED, real
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.market import MarketPrices, load_prices
from csmoifsa_aggregator.study.backtest import backtest, mean_accounts


def series(seed, days=12):
    game = load_case("portfolio").game
    ahead = np.tile(game.day_ahead, days) * np.repeat(np.random.default_rng(seed).uniform(0.8, 1.2, days), 24)
    actual = real(seed, size=24 * days, ahead=ahead, sd=0.008)
    start, hour = datetime(2025, 6, 1), timedelta(hours=1)
    return MarketPrices(start, hour, ahead, "HERE"), MarketPrices(start, hour, actual, "HERE")


def test_backtest():
    ahead, actual = series(1)
    test = backtest(load_case("portfolio"), ahead, actual, training=4)
    assert test.days[0].day == date(2025, 6, 5)
    assert len(test.days) == 7  # of 12, four to learn from, and the last has no night after it
    assert all(one.first.solution.status == "proven" for one in test.days)
    names = [one.name for one in mean_accounts(test.days)]
    assert names[:3] == ["uncontrolled charging", "flat price", "day-ahead price"]
    assert names[3:] == ["stage one", "with V2G", "with rolling", "perfect foresight"]
    profit = {one.name: one.profit for one in mean_accounts(test.days)}
    assert profit["perfect foresight"] >= max(profit["with V2G"], profit["with rolling"]) - 1e-9
    assert sum(one.rolled.unserved_kwh for one in test.days) < 1e-6
    perfect = backtest(load_case("portfolio"), ahead, actual, training=4, forecaster="perfect")
    assert perfect.rho == pytest.approx(1.0, abs=1e-5)
    asleep = backtest(load_case("portfolio"), ahead, actual, training=4, forecaster="none", known="nothing")
    assert asleep.rho == pytest.approx(0.0, abs=1e-6)


def test_backtest_without_contracts_moves_charging_only():
    ahead, actual = series(2, days=8)
    test = backtest(load_case("wei-2015"), ahead, actual, training=4)
    assert all((one.rolled.rolling_kw >= -1e-9).all() for one in test.days)


def test_backtest_bad_days():
    ahead, actual = series(1)
    case = load_case("portfolio")
    with pytest.raises(InputError, match="2025-07-01 is not covered"):
        backtest(case, ahead, actual, days=(date(2025, 7, 1), date(2025, 7, 2)))
    with pytest.raises(InputError, match="together hold 11 days"):
        backtest(case, ahead, actual, training=30)
    with pytest.raises(InputError, match="steps of 1:00:00, which cannot be cut into steps of 0:07:00"):
        backtest(case, ahead, actual, step=timedelta(minutes=7))
    with pytest.raises(InputError, match="on the clock of Europe/Paris, real-time prices on that of UTC"):
        backtest(case, replace(ahead, time_zone="Europe/Paris"), replace(actual, time_zone="UTC"))
    holed = ahead.per_kwh.copy()
    holed[30] = np.nan
    gap = replace(ahead, per_kwh=holed, left_out={date(2025, 6, 2): "no price at six"})
    with pytest.raises(InputError, match=r"2025-06-02 is not covered by both price files.*; no price at six"):
        backtest(case, gap, actual, days=(date(2025, 6, 2), date(2025, 6, 3)))


def quarters(prices, source=None):
    """Return prices of four times as many steps, the same within the hour or, from a source, about the same mean."""
    around = 0.0 if source is None else source.normal(0, 0.01, (len(prices.per_kwh), 4))
    around = around - np.mean(around, axis=1, keepdims=True) if source is not None else around
    values = (prices.per_kwh[:, None] + np.zeros(4) + around).ravel()
    return replace(prices, step=timedelta(minutes=15), per_kwh=values)


def test_prices_on_another_step():
    ahead, _ = series(1, days=2)
    fine = quarters(ahead, np.random.default_rng(0))
    np.testing.assert_allclose(fine.at_step(timedelta(hours=1)).per_kwh, ahead.per_kwh)
    held = ahead.at_step(timedelta(minutes=15)).per_kwh
    np.testing.assert_array_equal(held.reshape(-1, 4), np.repeat(ahead.per_kwh[:, None], 4, axis=1))
    late = replace(fine, start=fine.start + timedelta(minutes=30), per_kwh=fine.per_kwh[2:])
    hourly = late.at_step(timedelta(hours=1))
    assert hourly.start == ahead.start + timedelta(hours=1)
    np.testing.assert_allclose(hourly.per_kwh, ahead.per_kwh[1:])
    with pytest.raises(InputError, match="cannot be brought to 0:25:00"):
        ahead.at_step(timedelta(minutes=25))


def test_quarters_that_say_nothing_new_change_no_money():
    """A case on shorter steps is the same case: equal prices within each hour earn what hourly ones do."""
    case, (ahead, actual) = load_case("portfolio"), series(1, days=7)
    options = {"training": 4, "forecaster": "perfect", "margin": 0.0}
    hourly, fine = backtest(case, ahead, actual, **options), backtest(case, ahead, quarters(actual), **options)
    assert fine.dt_h == 0.25
    assert [one.day for one in fine.days] == [one.day for one in hourly.days]
    for one, other in zip(hourly.days, fine.days, strict=True):
        np.testing.assert_allclose(other.rolled.perfect_cost, one.rolled.perfect_cost, rtol=1e-6)
        np.testing.assert_allclose(other.rolled.plan_cost, one.rolled.plan_cost, rtol=1e-6)
        for account, finer in zip(one.accounts, other.accounts, strict=True):
            np.testing.assert_allclose(finer.profit, account.profit, rtol=1e-6, err_msg=account.name)
            np.testing.assert_allclose(finer.driver_cost, account.driver_cost, rtol=1e-6, err_msg=account.name)


def test_hourly_day_ahead_with_quarters_in_real_time_gains_within_the_hour():
    case, (ahead, actual) = load_case("portfolio"), series(1, days=7)
    fine = quarters(actual, np.random.default_rng(3))
    quarter = backtest(case, ahead, fine, training=4, forecaster="perfect")
    hour = backtest(case, ahead, fine, training=4, forecaster="perfect", step=timedelta(hours=1))
    assert quarter.dt_h == 0.25
    assert hour.dt_h == 1.0
    for one, other in zip(quarter.days, hour.days, strict=True):
        assert one.rolled.perfect_cost < other.rolled.perfect_cost - 1.0


# ---- price files ----


def write_csv(path, rows, header="timestamp,price"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_generic_csv(tmp_path):
    rows = [f"2025-01-01 {h:02d}:00,{10 + h}" for h in range(24)]
    prices = load_prices(write_csv(tmp_path / "p.csv", rows))
    assert prices.per_kwh[:2].tolist() == [0.010, 0.011]
    assert prices.days == [date(2025, 1, 1)]
    assert load_prices(tmp_path / "p.csv", per_mwh=False).per_kwh[0] == 10


def test_pjm_export(tmp_path):
    header = "datetime_beginning_utc,datetime_beginning_ept,pnode_id,pnode_name,total_lmp_da"
    rows = [
        f"5/{1 + (h + 4) // 24}/2025 {(h + 4) % 12 or 12}:00:00 {'AM' if (h + 4) % 24 < 12 else 'PM'},"
        f"5/1/2025 {h % 12 or 12}:00:00 {'AM' if h < 12 else 'PM'},{i},{hub},{h + i}"
        for h in range(24)
        for i, hub in enumerate(["A HUB", "B HUB"])
    ]
    path = write_csv(tmp_path / "da.csv", rows, header)
    prices = load_prices(path, node="b hub")
    assert prices.node == "B HUB"
    np.testing.assert_allclose(prices.per_kwh, (np.arange(24) + 1) / 1000)
    with pytest.raises(InputError, match="holds 2 of pnode_name: A HUB, B HUB; choose one"):
        load_prices(path)
    with pytest.raises(InputError, match="Did you mean 'A HUB'"):
        load_prices(path, node="A HUBB")


@pytest.mark.parametrize(
    ("drop", "rows", "words"),
    [
        (5, [], "the step that begins 2025-01-01 05:00 is missing"),
        (None, ["2025-01-01 03:00,9"], "the step that begins 2025-01-01 03:00 appears twice"),
        (None, ["2025-01-02 00:00,n/a"], "line 26, column 'price': 'n/a' is not a number"),
        (None, ["yesterday,1"], "line 26, column 'timestamp': 'yesterday' is not a time stamp"),
    ],
)
def test_faults_in_price_files(tmp_path, drop, rows, words):
    lines = [f"2025-01-01 {h:02d}:00,{10 + h}" for h in range(24) if h != drop] + rows
    with pytest.raises(InputError, match=words):
        load_prices(write_csv(tmp_path / "p.csv", lines))
    with pytest.raises(InputError, match="cannot read"):
        load_prices(tmp_path / "none.csv")


@pytest.mark.long
def test_real_prices_of_western_hub():
    folder = SHARED / "prices"
    files = [folder / f"{kind}_hrl_lmps_hubs_20250501_20250801.csv" for kind in ("da", "rt")]
    if not all(path.exists() for path in files):
        pytest.skip(f"{folder} is not here")
    ahead, actual = (load_prices(path, node="WESTERN HUB") for path in files)
    test = backtest(load_case("portfolio"), ahead, actual, forecaster="ar1", known="current")
    assert len(test.days) == 71
    assert 0.1 < test.low < test.rho < test.high < 0.7
    late = backtest(load_case("portfolio"), ahead, actual)  # what an operator knows
    assert late.low < 0 < late.rho < 0.1
    assert sum(one.rolled.unserved_kwh for one in test.days) < 1e-3
