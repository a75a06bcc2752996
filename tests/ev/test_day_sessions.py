"""Sessions by kind of days: arrivals, energies and numbers of cars of a record, against plain sums over its rows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from csmoifsa_ev.inputs.customers import joined_use, sample_customers
from csmoifsa_ev.inputs.day_sessions import recorded_by_title
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.study.customers import study_use
from csmoifsa_ev.study.study import run_study

FIRST, DAYS = date(2021, 3, 1), 28  # a Monday; four weeks
TARIFF = """
[tariff]
peak = ["14-21"]
flat = ["7-14", "21-23"]
valley = ["23-7"]
[[tariff.days]]
name = "weekend"
which = "weekends"
windows = { peak = ["12-20"], valley = ["20-12"] }
"""


def write(tmp_path, *, weekend=True, more="", cars=7_000):
    """A record of two cars that come at 8 h on workdays and one that comes at 19 h on weekends, and its scenario."""
    rows = []
    for k in range(DAYS):
        day = FIRST + timedelta(days=k)
        if day.weekday() < 5:
            rows += [(day, car, 8, 16, 10 + car) for car in (1, 2)]
        elif weekend:
            rows.append((day, 3, 19, 23, 6))
    lines = [f"{d} {a:02d}:00,{d} {b:02d}:00,{kwh},{car}" for d, car, a, b, kwh in rows]
    (tmp_path / "record.csv").write_text("in,out,kwh,who\n" + "\n".join(lines) + "\n")
    hours = [f"{FIRST + timedelta(days=d)} {h:02d}:00,{1_000 + 10 * h}" for d in range(DAYS) for h in range(24)]
    (tmp_path / "load.csv").write_text("time,load_mw\n" + "\n".join(hours) + "\n")
    path = tmp_path / "mine.toml"
    path.write_text(f"""
[load]
csv = "load.csv"
time_zone = "UTC"
stamp = "beginning"
first_day = {FIRST}
last_day = {FIRST + timedelta(days=DAYS - 1)}
[fleet]
n_ev = {cars}
[fleet.sessions]
file = "record.csv"
time_zone = "UTC"
stamp_zone = "local"
columns = {{ arrival = "in", departure = "out", energy = "kwh", car = "who" }}
{more}
{TARIFF}
""")
    return load_scenario(path)


def test_each_kind_has_its_own_arrivals_and_energy(tmp_path):
    day = build_day(write(tmp_path))
    weekday, weekend = day.kinds
    assert day.shares == (20 / 28, 8 / 28)
    # 48 car-days in 28 days stand for 7,000 cars: each for 7,000 / (48 / 28) a day
    each = 7_000 / (48 / 28)
    assert weekday.total_energy_mwh == pytest.approx(each * (11 + 12) / 1000, rel=1e-6)
    assert weekend.total_energy_mwh == pytest.approx(each * 6 / 1000, rel=1e-6)
    assert day.total_energy_mwh == pytest.approx(each * (20 * 23 + 8 * 6) / 28 / 1000, rel=1e-6)
    assert np.flatnonzero(weekday.profile_mw > 0).min() == 8
    assert np.flatnonzero(weekend.profile_mw > 0).min() == 19
    assert weekday.fleet.n_ev == weekend.fleet.n_ev == 7_000
    assert any("on 'weekend' days 8 car-days in 8 days, 58% of the mean of all days" in note for note in day.notes)


def test_all_days_share_the_sessions_where_that_is_asked_for(tmp_path):
    weekday, weekend = build_day(write(tmp_path, more="by_kind = false")).kinds
    assert weekend.profile_mw == pytest.approx(weekday.profile_mw)
    assert weekday.total_energy_mwh == pytest.approx(7_000 / 48 * (20 * 23 + 8 * 6) / 1000, rel=1e-6)


def test_a_kind_without_sessions_has_those_of_all_days(tmp_path):
    day = build_day(write(tmp_path, weekend=False))
    weekday, weekend = day.kinds
    # the record ends on a Friday, after 26 days
    assert weekend.profile_mw == pytest.approx(weekday.profile_mw * 20 / 26)
    assert any("none was recorded on 'weekend' days; these have the sessions of all days" in one for one in day.notes)


def test_a_study_of_such_a_record(tmp_path):
    study = run_study(write(tmp_path), n_eval=400, pop_size=20)
    energy = study.choice_outcome.charging_mw.sum(axis=1) * study.day.dt_h
    assert energy == pytest.approx(study.day.total_energy_mwh, rel=1e-6)
    assert study.beyond_sessions < 1e-6


def test_customers_charge_what_their_kind_of_days_does(tmp_path):
    """Oracle: the rows of the record by hand; weekdays 11 and 12 kWh at 8 h, weekends 6 kWh at 19 h."""
    scenario = write(tmp_path)
    day = build_day(scenario)
    recorded = recorded_by_title(scenario.fleet, scenario.tariff)
    uses = []
    for kind, energies, activity in zip(day.kinds, ([11, 12], [6]), (2 / (48 / 28), 1 / (48 / 28)), strict=True):
        customers = sample_customers(scenario.fleet, kind, recorded)
        assert len(customers.kind) == 40  # the weekdays' car-days; eight weekend ones stand five times
        kwh = customers.summed(customers.used_kwh).sum(axis=0)
        assert sorted(set(np.round(kwh, 6))) == energies
        use = customers.use(customers.used_kwh)
        assert use.kwh.sum(axis=0) == pytest.approx(kwh * activity)
        assert use.kwh.sum() * customers.weight / 1000 == pytest.approx(kind.total_energy_mwh, rel=1e-6)
        uses.append(use)
    bills = joined_use(uses, day.shares)
    assert bills.kwh.sum(axis=0).mean() == pytest.approx(1000 * day.total_energy_mwh / 7_000, rel=1e-6)


def test_bills_of_kinds_of_days_are_those_counted_by_hand(tmp_path):
    """At one price everywhere a customer's month costs its energy times the price, whatever the hours."""
    scenario = write(tmp_path)
    day = build_day(scenario)
    use = study_use(scenario, day, (day.prices.start_prices, day.prices.start_prices))
    energy = use.today.kwh.sum(axis=0)
    weekday, weekend = 20 / 28 * 2 / (48 / 28), 8 / 28 / (48 / 28)
    assert sorted(set(np.round(energy, 6))) == pytest.approx([11 * weekday + 6 * weekend, 12 * weekday + 6 * weekend])
