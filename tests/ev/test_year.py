"""Kinds of days: hours by weekday and season, means over a year, representative days, tariff files of a whole year."""

from __future__ import annotations

import dataclasses
import json
from datetime import date

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.representative import representative_days
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.inputs.tariffs import read_year
from csmoifsa_ev.model.constraints import constraint_names, price_order
from csmoifsa_ev.model.fleet import draw_sessions
from csmoifsa_ev.model.fleet_sums import sum_sessions
from csmoifsa_ev.model.outcome import QUANTITIES, evaluate
from csmoifsa_ev.model.response import RECOVERIES
from csmoifsa_ev.model.tariff import DayWindows
from csmoifsa_ev.output.tables import urdb_of
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.customers import customer_bills, study_use
from csmoifsa_ev.study.learning import learn
from csmoifsa_ev.study.study import run_study

TARIFF = """
[tariff]
peak = ["14-21"]
flat = ["7-14", "21-23"]
valley = ["23-7"]

[[tariff.days]]
name = "weekend"
which = "weekends"
dates = [2021-07-05]
windows = { valley = ["0-24"] }

[[tariff.days]]
name = "winter weekday"
which = "weekdays"
months = [1, 2, 11, 12]
windows = { flat = ["16-21"], valley = ["21-16"] }
"""


def load_file(path, first=date(2021, 1, 1), n_days=365, seed=0):
    """Write hourly loads with a daily, a weekly and a yearly course, in UTC."""
    rng = np.random.default_rng(seed)
    hours = np.datetime64(first) + np.arange(24 * n_days).astype("timedelta64[h]")
    course = 1_000 + 200 * np.sin((np.arange(24 * n_days) % 24 - 8) / 24 * 2 * np.pi)
    course *= np.repeat(1 + 0.2 * np.cos(np.arange(n_days) / 365 * 2 * np.pi) + 0.03 * rng.standard_normal(n_days), 24)
    lines = [f"{str(one).replace('T', ' ')}:00,{value:.3f}" for one, value in zip(hours, course, strict=True)]
    path.write_text("time,load_mw\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def year(tmp_path):
    """A scenario of a year with three kinds of days."""

    def make(tariff=TARIFF, more=""):
        load_file(tmp_path / "load.csv")
        load = '[load]\ncsv = "load.csv"\ntime_zone = "UTC"\nstamp = "beginning"\nfirst_day = 2021-01-01\n'
        text = (
            f"{load}last_day = 2021-12-31\n{more}\n[fleet]\nn_ev = 2000\n[grid]\nmarginal_cost_load_mw = [800, 1600]\n"
        )
        (tmp_path / "my.toml").write_text(text + tariff)
        return load_scenario(tmp_path / "my.toml")

    return make


def tariffs_of(problem, n=80, seed=0):
    low, high = problem.price_bounds
    X = np.random.default_rng(seed).uniform(low, high, (n, problem.n_var))
    half = problem.n_var // 2
    for part in (slice(0, half), slice(half, None)):
        X[:, part] = -np.sort(-X[:, part], axis=1)
    return X


def test_days_are_of_the_first_kind_that_has_them(year):
    day = build_day(year())
    usual, weekend, winter = day.kinds
    assert year().tariff.hours_of("peak") == ["14-21; weekend: none; winter weekday: none"]
    assert year().tariff.hours_of("valley") == ["23-7; weekend: 0-24; winter weekday: 21-16"]
    assert [kind.title for kind in day.kinds] == ["", "weekend", "winter weekday"]
    n_weekend = sum(
        date.fromordinal(k).weekday() >= 5 for k in range(date(2021, 1, 1).toordinal(), date(2022, 1, 1).toordinal())
    )
    assert len(weekend.days_mw) == n_weekend + 1  # the holiday
    assert sum(len(kind.days_mw) for kind in day.kinds) == day.n_days == 365
    assert list(day.shares) == [len(kind.days_mw) / 365 for kind in day.kinds]
    assert [kind.own.tolist() for kind in day.kinds] == [[0, 1, 2], [2], [1, 2]]
    assert winter.period[[3, 15, 16, 20, 21]].tolist() == [2, 2, 1, 1, 2]
    assert usual.energy_mwh.min() > 1e-3
    assert weekend.energy_mwh[:2].max() < 1e-100
    shares = np.array(day.shares)
    clock = [np.bincount(kind.period, minlength=3) / 24 for kind in day.kinds]
    start = day.prices.start_prices
    np.testing.assert_allclose(day.reference, sum(s * (c @ start) for s, c in zip(shares, clock, strict=True)))


@pytest.mark.parametrize("recovery", RECOVERIES)
def test_compiled_and_plain_model_agree(year, recovery):
    problem = EVPricing(build_day(year().with_changes(recovery=recovery)))
    X = tariffs_of(problem)
    Q, G = problem.quantities(X)
    outcome = problem.outcome(X)
    np.testing.assert_allclose(Q, outcome.minimised(QUANTITIES), rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(G, outcome.constraints, rtol=1e-9, atol=1e-9)
    assert G.shape[1] == len(problem.constraint_names)
    added = (outcome.load_mw - problem.day.before_mw).sum(axis=1) * problem.day.dt_h
    np.testing.assert_allclose(added, outcome.recharged_mwh - outcome.discharged_mwh, atol=1e-8)
    assert (outcome.discharged_mwh > 0).any()


def test_a_year_is_the_mean_of_its_kinds_and_the_highest_of_their_peaks(year):
    """Each kind is evaluated alone, as a day of its own; the peak's cost is that of the highest peak of all."""
    day = build_day(year())
    X = tariffs_of(EVPricing(day))
    alone = [evaluate(X, kind) for kind in day.kinds]
    whole = evaluate(X, day)

    def mean(values):
        return sum(share * value for share, value in zip(day.shares, values, strict=True))

    for name in ("driver_bill_per_day", "g2_mw", "inflexible_bill_per_day", "discharged_mwh", "load_mw", "flow_mwh"):
        np.testing.assert_allclose(
            getattr(whole, name), mean([getattr(one, name) for one in alone]), rtol=1e-10, atol=1e-9
        )
    np.testing.assert_allclose(whole.g1_mw, np.max([one.g1_mw for one in alone], axis=0))
    kappa = day.grid.peak_cost_per_mw_day
    cost = [  # of supply after pricing, without the cost of its own peak
        one.driver_bill_per_day - one.operator_profit_per_day - kappa * (one.g1_mw - kind.days_mw.max())
        for one, kind in zip(alone, day.kinds, strict=True)
    ]
    peak = kappa * (whole.g1_mw - max(kind.days_mw.max() for kind in day.kinds))
    np.testing.assert_allclose(whole.operator_profit_per_day, whole.driver_bill_per_day - mean(cost) - peak, atol=1e-7)
    energy = np.array(day.energy_shares)
    theta = sum(e * one.satisfaction for e, one in zip(energy / energy.sum(), alone, strict=True))
    np.testing.assert_allclose(whole.satisfaction, theta, rtol=1e-12)


def test_kinds_with_the_same_hours_change_nothing(year):
    plain = TARIFF[: TARIFF.index("[[")]
    hours = '{ peak = ["14-21"], flat = ["7-14", "21-23"], valley = ["23-7"] }'
    split = f'{plain}[[tariff.days]]\nname = "w"\nwhich = "weekends"\nwindows = {hours}\n'
    one, two = (EVPricing(build_day(year(text))) for text in (plain, split))
    assert (len(one.day.kinds), len(two.day.kinds)) == (1, 2)
    assert one.constraint_names == two.constraint_names
    X = tariffs_of(one)
    for a, b in zip(one.quantities(X), two.quantities(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-7)
    bills = [
        customer_bills(study_use(year(text), p.day, (X[0], X[1])), (X[0], X[1]), p.day)
        for text, p in ((plain, one), (split, two))
    ]
    np.testing.assert_allclose(bills[0]["bill_proposed"], bills[1]["bill_proposed"])


def test_seasons_with_prices_of_their_own(year):
    """Periods that never meet on a day are in no order: winter may be dearer than summer."""
    seasons = """
[tariff]
periods = [
  { name = "summer-day", windows = ["9-21"] }, { name = "winter-day" },
  { name = "summer-night", windows = ["21-9"] }, { name = "winter-night" },
]
[[tariff.days]]
name = "winter"
months = [1, 2, 3, 10, 11, 12]
windows = { winter-day = ["7-22"], winter-night = ["22-7"] }
[prices.start]
summer-day = 30
winter-day = 28
summer-night = 15
winter-night = 12
"""
    scenario = year(seasons)
    problem = EVPricing(build_day(scenario))
    names = problem.constraint_names
    assert names[:2] == ("charge_winter-night <= charge_winter-day", "charge_summer-night <= charge_summer-day")
    assert "discharge_winter-day covers recharge at charge_winter-night, wear and fee" in names
    assert not any("summer" in name and "winter" in name for name in names)
    X = tariffs_of(problem)
    X[:, [1, 3]] += 6.0  # winter dearer than summer
    Q, G = problem.quantities(X)
    outcome = problem.outcome(X)
    np.testing.assert_allclose(Q, outcome.minimised(QUANTITIES), rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(G, outcome.constraints, rtol=1e-9, atol=1e-9)
    other = X.copy()
    other[:, [1, 3]] += 1.0  # other winter prices: summer's flows stay
    flows = problem.outcome(other).flow_mwh
    pairs = [(a, b) for a in range(4) for b in range(3, a, -1)]
    assert np.abs(flows[:, [k for k, pair in enumerate(pairs) if pair not in ((0, 2), (1, 3))]]).max() < 1e-12
    study = run_study(year(seasons, more="representative = 4"), n_eval=1_000)
    assert study.recommended[0] >= study.recommended[2]
    assert study.recommended[1] >= study.recommended[3]


def test_order_of_prices():
    assert price_order([(0, 1, 2)]) == [(0, 1), (1, 2)]
    assert price_order([(0, 2), (1, 3)]) == [(0, 2), (1, 3)]
    assert price_order([(0, 3), (0, 1), (1, 2, 3)]) == [(0, 1), (1, 2), (2, 3)]
    assert len(constraint_names(("a", "b", "c"), [(0, 1, 2), (2,), (1, 2)])) == 2 + 2 + 2 + 2 + 6


def test_sums_of_some_periods_stand_where_they_belong(case):
    cars = draw_sessions(case.fleet, 0, 300)
    sums = sum_sessions(cars, case.fleet, case.tariff, 24, 0.1)
    wide = sums.among((0, 2, 3), 4)
    assert wide.energy_mwh[1] == 0.0
    assert wide.energy_mwh[[0, 2, 3]].tolist() == sums.energy_mwh.tolist()
    assert wide.movable_mwh[np.ix_([0, 2, 3], [0, 2, 3])].tolist() == sums.movable_mwh.tolist()
    flows = np.array([3.0, 2.0, 5.0, 4.0, 6.0, 1.0])  # 0-3, 0-2, 0-1, 1-3, 1-2, 2-3
    totals = wide.flow_weights @ flows
    np.testing.assert_array_equal(totals[: len(sums.flow_limit_mwh)], sums.flow_weights @ flows[[0, 1, 5]])
    assert sorted(totals[len(sums.flow_limit_mwh) :].tolist()) == [4.0, 5.0, 6.0]  # each may be nothing
    assert wide.flow_limit_mwh[len(sums.flow_limit_mwh) :].tolist() == [0.0, 0.0, 0.0]


# ------------------------------------------------------------------------------------------ representative days


@pytest.mark.parametrize("most", [1, 2, 5, 12, 39, 40, 99])
def test_representative_days_keep_energy_swing_and_the_highest_load(most):
    random = np.random.default_rng(most)
    days = 1_000 + 200 * random.random((40, 24)) + 150 * np.sin(np.arange(24) / 4) * random.random((40, 1))
    curves, number = representative_days(days, most)
    assert len(curves) == min(most, 40)
    assert number.sum() == 40
    assert number @ curves.mean(axis=1) == pytest.approx(days.mean(axis=1).sum())
    assert number @ np.ptp(curves, axis=1) == pytest.approx(np.ptp(days, axis=1).sum())
    if most > 1:
        assert days[days.max(axis=1).argmax()].tolist() in curves.tolist()
    again, _ = representative_days(days, most)
    np.testing.assert_array_equal(curves, again)


def test_a_scenario_of_representative_days(year):
    every, some = build_day(year()), build_day(year(more="representative = 12"))
    assert len(some.kinds) in (11, 12, 13)
    assert sum(some.shares) == pytest.approx(1.0)
    np.testing.assert_allclose(some.base_mw.mean(), every.base_mw.mean())
    assert some.before.g1_mw[0] == pytest.approx(every.before.g1_mw[0])
    assert some.before.g2_mw[0] == pytest.approx(every.before.g2_mw[0], rel=0.02)
    assert "days stand for 365" in " ".join(some.notes)
    X = tariffs_of(EVPricing(every), 20)
    one, two = (EVPricing(day).outcome(X) for day in (every, some))
    np.testing.assert_allclose(one.driver_bill_per_day, two.driver_bill_per_day, rtol=1e-9)  # uniform recovery
    np.testing.assert_allclose(one.g2_mw, two.g2_mw, rtol=0.03)


# ------------------------------------------------------------------------------------------ files


def urdb(path, prices, weekdays, weekends):
    structure = [[{"rate": price, "unit": "kWh"}] for price in prices]
    days = {"energyweekdayschedule": weekdays, "energyweekendschedule": weekends}
    path.write_text(json.dumps({"items": [{"name": "t", "energyratestructure": structure, **days}]}))
    return path


THREE = [0] * 7 + [1] * 7 + [2] * 7 + [1] * 2 + [0]
TWO = [0] * 16 + [1] * 5 + [0] * 3


def test_a_tariff_file_of_a_whole_year_there_and_back(year, tmp_path):
    weekdays = [TWO] * 5 + [THREE] * 4 + [TWO] * 3
    path = urdb(tmp_path / "t.json", (0.12, 0.22, 0.42), weekdays, [[0] * 24] * 12)
    scenario = year(f'[tariff]\nfile = "{path.name}"\nwhole_year = true\n', more="representative = 8")
    assert scenario.prices.start == {"peak": 42.0, "flat": 22.0, "valley": 12.0}
    tariff = scenario.tariff
    for k in range(365):
        one = date.fromordinal(date(2021, 1, 1).toordinal() + k)
        own, hours = tariff.of_kind(tariff.kind_of(one))
        expected = [0] * 24 if one.weekday() >= 5 else weekdays[one.month - 1]
        assert (2 - np.array(own)[hours.period_of_step(24)]).tolist() == expected
    study = run_study(scenario, n_eval=600)
    document = urdb_of(study, "start")
    assert [[2 - p for p in hours] for hours in document["energyweekdayschedule"]] == weekdays
    assert [[2 - p for p in hours] for hours in document["energyweekendschedule"]] == [[0] * 24] * 12
    rates = [tiers[0]["rate"] for tiers in document["energyratestructure"]]
    assert rates == pytest.approx([0.42, 0.22, 0.12])


def test_one_price_over_the_year_is_refused(tmp_path):
    path = urdb(tmp_path / "t.json", (0.2,), [[0] * 24] * 12, [[0] * 24] * 12)
    with pytest.raises(InputError, match="has 1 price"):
        read_year(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TARIFF.replace("[1, 2, 11, 12]", "[0, 2]"), "months must be numbers from 1 to 12, not 0"),
        (TARIFF.replace('valley = ["0-24"]', 'valley = ["0-23"]'), "days 'weekend': no period covers 23:00"),
        (TARIFF.replace('valley = ["0-24"]', 'night = ["0-24"]'), "days 'weekend': there is no period 'night'"),
        (TARIFF.replace('"weekends"', '"sundays"'), "tariff.days.0.which must be 'all', 'weekdays' or 'weekends'"),
        (TARIFF.replace("windows = { valley", "window = { valley"), "unknown key 'tariff.days.0.window'"),
        ('[tariff]\nfile = "t.json"\nwhole_year = "yes"\n', "tariff.whole_year must be true or false"),
        ('[tariff]\nfile = "t.json"\nday = 2021-01-01\nwhole_year = true\n', "tariff.whole_year: leave out tariff.day"),
    ],
)
def test_bad_kinds_of_days_are_one_sentence(year, text, told):
    with pytest.raises(InputError) as caught:
        build_day(year(text))
    assert told in str(caught.value)


def test_kinds_of_days_need_dates(case):
    days = (DayWindows(name="weekend", which="weekends", windows={"valley": ("0-24",)}),)
    load = dataclasses.replace(case.load, csv=None, values_mw=(1_000.0,) * 24, day=None)
    scenario = dataclasses.replace(case, load=load, tariff=dataclasses.replace(case.tariff, days=days))
    with pytest.raises(InputError, match="the days of the load have no dates"):
        build_day(scenario)


def test_learning_refuses_other_hours_on_some_days(year):
    problem = EVPricing(build_day(year()))
    with pytest.raises(InputError, match="same hours on all days"):
        learn(problem.day, problem.price_bounds)
