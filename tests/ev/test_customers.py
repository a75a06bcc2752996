"""Bills of single customers: they sum to the fleet's, keep what each session can do, and equal plain loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from csmoifsa_ev.inputs.customers import Customers, sample_customers
from csmoifsa_ev.inputs.day_sessions import recorded_by_title
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.flow_region import flow_pairs
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.customers import (
    UNCHANGED,
    _one_by_one,
    _together,
    customer_bills,
    sample_notes,
    sampled_use,
    shifted_kwh,
    study_use,
    winners_and_losers,
)
from csmoifsa_ev.study.impact import DAYS_A_MONTH
from ev.test_periods import random_tariffs, scenario_of

CASES = {
    "one trip": "[fleet]\nn_ev = 700\n",
    "three trips": "[fleet]\nn_ev = 400\ntrips_per_day = 3\n",
    "two types": (
        "[fleet]\nn_ev = 500\n"
        "[[fleet.vehicles]]\nname = 'small'\nshare = 2\nbattery_kwh = 30\ncharge_kw = 3.5\ndischarge_kw = 3\n"
        "consumption_kwh_per_km = 0.15\n"
        "[[fleet.vehicles]]\nname = 'large'\nshare = 1\nbattery_kwh = 80\ncharge_kw = 11\ndischarge_kw = 9\n"
        "consumption_kwh_per_km = 0.25\n"
    ),
}
TARIFFS = np.array([[44.5, 24.3, 11.6, 5.0, 5.0, 5.0], [50.0, 30.0, 9.0, 5.0, 5.0, 5.0]])


def sampled(scenario, day, **more):
    return sample_customers(scenario.fleet, day, recorded_by_title(scenario.fleet, scenario.tariff), **more)


@pytest.fixture(scope="module", params=list(CASES))
def priced(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("case") / "case.toml"
    path.write_text(CASES[request.param])
    scenario = load_scenario(path)
    day = build_day(scenario)
    return scenario, day, evaluate(TARIFFS, day)


def test_all_customers_sum_to_the_fleet(priced):
    scenario, day, outcome = priced
    customers = sampled(scenario, day, most=scenario.fleet.n_ev)
    assert customers.weight == 1
    use = sampled_use(customers, tuple(outcome.flow_mwh), day)
    bills = customer_bills(use, (TARIFFS[0], TARIFFS[1]), day)
    assert use.missed == pytest.approx(0, abs=1e-9)
    assert len(bills) == scenario.fleet.n_ev
    month = DAYS_A_MONTH * day.dt_h * day.prices.per_mwh
    for row, name in ((0, "bill_in_force"), (1, "bill_proposed")):
        paid = (outcome.charging_mw[row] * TARIFFS[row][day.period]).sum() * month
        assert bills[name].sum() == pytest.approx(paid, rel=1e-6)
    same = (outcome.charging_mw[0] * TARIFFS[1][day.period]).sum() * month
    assert bills["bill_same_hours"].sum() == pytest.approx(same, rel=1e-6)
    assert bills["kwh_month"].sum() == pytest.approx(
        outcome.charging_mw[0].sum() * day.dt_h * 1e3 * DAYS_A_MONTH, rel=1e-6
    )


def test_no_session_takes_more_than_it_can(priced):
    scenario, day, outcome = priced
    customers = sampled(scenario, day)
    for flows in outcome.flow_mwh:
        after = customers.summed(shifted_kwh(customers, flows, day)[0])
        used, most = customers.summed(customers.used_kwh), customers.summed(customers.used_kwh + customers.free_kwh)
        assert (after >= -1e-9).all()
        assert (after <= most + 1e-9).all()
        np.testing.assert_allclose(after.sum(axis=0), used.sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize(("n_periods", "trips"), [(2, 1), (3, 3), (4, 1), (5, 3)])
def test_any_number_of_periods_and_trips(n_periods, trips):
    """The customers sum to the fleet in every period, also where flows compete for the same hours."""
    scenario = scenario_of(load_scenario(), n_periods, n_ev=300)
    scenario = dataclasses.replace(scenario, fleet=dataclasses.replace(scenario.fleet, trips_per_day=trips))
    day = build_day(scenario)
    problem = EVPricing(day)
    outcome = problem.outcome(random_tariffs(problem, 6, seed=n_periods))
    customers = sampled(scenario, day)
    together = 0
    for row, flows in enumerate(outcome.flow_mwh):
        after, missed = shifted_kwh(customers, flows, day)
        after = customers.summed(after)
        assert missed == pytest.approx(0, abs=1e-6)
        fleet = [(outcome.charging_mw[row][day.period == p]).sum() * day.dt_h * 1e3 for p in range(n_periods)]
        np.testing.assert_allclose(after.sum(axis=1), fleet, rtol=1e-6, atol=1e-6)
        assert (after >= -1e-6).all()
        assert (after <= customers.summed(customers.used_kwh + customers.free_kwh) + 1e-6).all()
        able = np.array([np.minimum(customers.used_kwh[a], customers.free_kwh[b]) for a, b in flow_pairs(n_periods)])
        wanted = flows * 1e3
        together += bool(_one_by_one(customers, able, wanted).sum() < wanted.sum() * (1 - 1e-6))
        moved = _together(customers, able, wanted)
        for p in range(n_periods):  # session by session: no more than it charges there, nor than it has room for
            gone = sum(moved[k] for k, (a, _) in enumerate(flow_pairs(n_periods)) if a == p)
            came = sum(moved[k] for k, (_, b) in enumerate(flow_pairs(n_periods)) if b == p)
            assert (gone <= customers.used_kwh[p] + 1e-6).all()
            assert (came <= customers.free_kwh[p] + 1e-6).all()
    assert together > 0 or n_periods < 4


def test_all_at_once_is_equal_shares_where_nothing_competes():
    scenario = load_scenario().with_changes(n_ev=200)
    day = build_day(scenario)
    customers = sampled(scenario, day)
    able = np.array([np.minimum(customers.used_kwh[a], customers.free_kwh[b]) for a, b in flow_pairs(3)])
    wanted = np.array([0.3, 0.0, 0.0]) * able.sum(axis=1)
    np.testing.assert_allclose(_together(customers, able, wanted), able * [[0.3], [0.0], [0.0]], atol=1e-7)


def test_energies_of_a_session_by_minutes():
    """One session counted minute by minute: what it charges and could charge in each period."""
    scenario = load_scenario()
    day = build_day(scenario.with_changes(n_ev=50))
    customers = sampled(scenario.with_changes(n_ev=50), day)
    from csmoifsa_ev.model.fleet import draw_sessions

    cars = draw_sessions(scenario.with_changes(n_ev=50).fleet, 0, 50)
    per_step = 1440 // len(day.period)
    for k in range(0, 50, 7):
        used, free = np.zeros(3), np.zeros(3)
        begin, full, end = (
            round(60 * hour) for hour in (cars.arrival_h[k], cars.arrival_h[k] + cars.charge_h[k], cars.departure_h[k])
        )
        for minute in range(begin, end):
            period = day.period[(minute % 1440) // per_step]
            (used if minute < full else free)[period] += cars.charge_kw[k] / 60
        np.testing.assert_allclose(customers.used_kwh[:, k], used, atol=2 * cars.charge_kw[k] / 60)
        np.testing.assert_allclose(customers.free_kwh[:, k], free, atol=3 * cars.charge_kw[k] / 60)


def test_a_flow_is_spread_in_proportion():
    """Three cars worked out by hand: able to shift 4, 2 and 0 kWh; the fleet shifts half of what all can."""

    class Sums:
        movable_mwh = np.array([[0, 6, 6], [0, 0, 0], [0, 0, 0]]) / 1e3

    class Day:
        fleet = Sums()

    customers = Customers(
        car=np.arange(3),
        used_kwh=np.array([[4.0, 5.0, 3.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        free_kwh=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [9.0, 2.0, 0.0]]),
        charge_kw=np.array([7.0, 7.0, 11.0]),
        kind=np.array(["a", "a", "b"]),
        weight=1.0,
    )
    after, missed = shifted_kwh(customers, np.array([3e-3, 0.0, 0.0]), Day())  # type: ignore[arg-type]
    np.testing.assert_allclose(after, [[2.0, 4.0, 3.0], [0.0, 0.0, 0.0], [3.0, 1.0, 0.0]])
    assert missed == 0
    after, missed = shifted_kwh(customers, np.array([9e-3, 0.0, 0.0]), Day())  # type: ignore[arg-type]
    np.testing.assert_allclose(after[0], [0.0, 3.0, 3.0])
    assert missed == pytest.approx(1 / 3)


def test_a_sample_stands_for_the_fleet():
    scenario = load_scenario().with_changes(n_ev=60_000)
    day = build_day(scenario)
    outcome = evaluate(TARIFFS, day)
    use = study_use(scenario, day, (TARIFFS[0], TARIFFS[1]))
    bills = customer_bills(use, (TARIFFS[0], TARIFFS[1]), day)
    assert len(bills) == 2000
    assert sample_notes(use) == []
    mean = (outcome.charging_mw[1] * TARIFFS[1][day.period]).sum() * day.dt_h * day.prices.per_mwh / 60_000
    assert bills["bill_proposed"].mean() == pytest.approx(mean * DAYS_A_MONTH, rel=0.05)


def test_recorded_sessions_are_sampled_by_car_day(tmp_path):
    rows = ["who,in,out,kWh"]
    for k in range(30):
        rows += [f"c{k},2024-07-{k % 20 + 1:02d} 07:15,2024-07-{k % 20 + 1:02d} 11:00,{5 + k % 4}"]
        rows += [f"c{k},2024-07-{k % 20 + 1:02d} 18:30,2024-07-{k % 20 + 2:02d} 06:00,{9 + k % 3}"]
    (tmp_path / "record.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "s.toml").write_text(
        "[fleet]\nn_ev = 3000\nsessions = { file = 'record.csv', time_zone = 'local', stamp_zone = 'local', "
        "columns = { arrival = 'in', departure = 'out', energy = 'kWh', car = 'who' } }\n"
    )
    scenario = load_scenario(tmp_path / "s.toml")
    day = build_day(scenario)
    customers = sampled(scenario, day)
    assert (len(customers.kind), customers.weight) == (30, 100.0)
    assert customers.used_kwh.sum() == pytest.approx(sum(float(row.rsplit(",", 1)[1]) for row in rows[1:]), rel=1e-4)
    few = sampled(scenario, day, most=10)
    assert (len(few.kind), len(few.car), few.weight) == (10, 20, 300.0)
    outcome = evaluate(TARIFFS, day)
    bills = customer_bills(sampled_use(customers, tuple(outcome.flow_mwh), day), (TARIFFS[0], TARIFFS[1]), day)
    paid = (outcome.charging_mw[1] * TARIFFS[1][day.period]).sum() * day.dt_h * day.prices.per_mwh * DAYS_A_MONTH
    assert bills["bill_proposed"].sum() * 100 == pytest.approx(paid, rel=1e-6)


def test_winners_and_losers_are_counted():
    energy = np.arange(1.0, 41.0)
    before = energy * 2.0
    change = np.where(np.arange(40) % 4 == 0, 0.2, np.where(np.arange(40) % 4 == 1, UNCHANGED / 2, -0.1))
    bills = pd.DataFrame(
        {
            "customer": range(1, 41), "vehicle": ["a"] * 30 + ["b"] * 10, "kwh_month": energy,
            "dearest_share": [0.0] * 10 + [0.5] * 10 + [0.9] * 20, "bill_in_force": before,
            "bill_same_hours": before * 1.1, "bill_proposed": before * (1 + change),
            "change_same_hours": 0.1, "change": change,
        }
    )  # fmt: skip
    bills.loc[39, ["change", "change_same_hours"]] = np.nan  # no bill in force
    table = winners_and_losers(bills).set_index(["by", "group"])
    assert table.loc[("all", "all"), "customers"] == 40
    assert table.loc[("all", "all"), "winners"] == pytest.approx(19 / 39)
    assert table.loc[("all", "all"), "losers"] == pytest.approx(10 / 39)
    assert table.loc[("all", "all"), "losers_same_hours"] == 1
    assert table.loc[("vehicle", "b"), "customers"] == 10
    for k in range(10):
        row = table.loc[("tenth by energy", f"{k + 1} of 10")]
        assert (row["customers"], row["kwh_month"]) == (4, 2.5 + 4 * k)
        assert row["losers"] == pytest.approx(0.25 if k < 9 else 1 / 3)
    assert table.loc["in the dearest hours", "customers"].to_dict() == {"none": 10, "up to half": 10, "over half": 20}
    assert table.loc[("in the dearest hours", "none"), "bill_in_force"] == before[:10].mean()
