"""Whole bills: each customer's by hand, month by month; tariff files; and that no part of them moves load."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.customers import Customers, sample_customers
from csmoifsa_ev.inputs.day_sessions import recorded_by_title
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.bill import DAYS_A_MONTH, Bill, BillTerms, DemandCharge, Tier, Use, monthly_bills
from csmoifsa_ev.model.fleet import draw_sessions
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.customers import bill_parts, customer_bills, sampled_use, study_use
from ev.test_customers import TARIFFS

PERIODS = ("peak", "flat", "valley")
PRESENT = BillTerms(
    fixed_per_month=9.5,
    fixed_per_day=0.2,
    demand=(DemandCharge(per_kw=1.5), DemandCharge(per_kw=4.0, periods=("peak", "flat"))),
    tiers=(Tier(above_kwh=0, add=-2.0), Tier(above_kwh=100, add=1.0), Tier(above_kwh=250, add=6.5)),
    other_kwh_per_month=60.0,
    minimum_per_month=45.0,
    tax=0.07,
)
BY_PERIOD = BillTerms(
    tiers=(
        Tier(above_kwh=50, add=3.0),
        Tier(above_kwh=80, add=-1.5, periods=("peak",)),
        Tier(above_kwh=40, add=2.5, periods=("valley", "flat")),
        Tier(above_kwh=150, add=7.0, periods=("peak",)),
    ),
    other_kwh_per_month=30.0,
)
PROPOSED = dataclasses.replace(PRESENT, fixed_per_month=14.0, tiers=(), tax=0.05)


def sampled(scenario, day, **more):
    return sample_customers(scenario.fleet, day, recorded_by_title(scenario.fleet, scenario.tariff), **more)


def bill_by_hand(terms, prices, kwh_day, kw):
    """Return a customer's bill by part, tiers by 20,000 slices of the month; cents, kwh_day and kw by period."""
    days = 365 / 12
    energy = sum(price / 100 * one * days for price, one in zip(prices, kwh_day, strict=True))
    month = sum(kwh_day) * days
    tiers, step = 0.0, month / 20_000
    at = terms.other_kwh_per_month + (np.arange(20_000) + 0.5) * step
    for number, name in enumerate(PERIODS):  # each period has its part of every kWh
        add = {}
        for tier in terms.tiers:
            if name in (tier.periods or PERIODS):
                add[tier.periods] = np.where(at >= tier.above_kwh, tier.add, add.get(tier.periods, 0.0))
        tiers += np.sum(sum(add.values())) / 100 * step * kwh_day[number] / max(sum(kwh_day), 1e-9)
    demand = 0.0
    for one in terms.demand:
        demand += one.per_kw * max(kw[PERIODS.index(name)] for name in one.periods or PERIODS)
    fixed = terms.fixed_per_month + terms.fixed_per_day * days
    before = energy + tiers + demand + fixed
    lift = terms.minimum_per_month - before if before < terms.minimum_per_month else 0.0
    return {
        "energy": energy, "tiers": tiers, "demand": demand, "fixed": fixed, "minimum": lift,
        "tax": terms.tax * (before + lift),
    }  # fmt: skip


@pytest.mark.parametrize("terms", [PRESENT, PROPOSED, BY_PERIOD, BillTerms(), BillTerms(minimum_per_month=500.0)])
def test_parts_of_a_bill_by_hand(terms):
    rng = np.random.default_rng(5)
    kwh = rng.exponential(4.0, (3, 40)) * (rng.random((3, 40)) < 0.7)
    kwh[:, 0] = 0.0  # a customer without any charging
    use = Use(kwh=kwh, kw=np.where(kwh > 0, rng.choice([3.5, 7.0, 11.0], 40), 0.0))
    bills = monthly_bills(terms, np.array([44.5, 24.3, 11.6]), use, PERIODS, 100.0)
    for k in range(40):
        want = bill_by_hand(terms, (44.5, 24.3, 11.6), kwh[:, k], use.kw[:, k])
        for name, value in want.items():
            assert getattr(bills, name)[k] == pytest.approx(value, rel=1e-3, abs=2e-3), (name, k)
        assert bills.total[k] == pytest.approx(sum(want.values()), rel=1e-3)
        assert bills.revenue[k] == pytest.approx(sum(want.values()) - want["tax"], rel=1e-3)
    assert (bills.total[use.kwh.sum(axis=0) > 0] > 0).all()


def test_power_of_a_customer_is_its_chargers_in_the_hours_it_charges():
    """Two sessions of one car, one of another, counted one by one."""
    customers = Customers(
        car=np.array([0, 0, 1]),
        used_kwh=np.zeros((2, 3)),
        free_kwh=np.zeros((2, 3)),
        charge_kw=np.array([3.5, 11.0, 7.0]),
        kind=np.array(["a", "a"]),
        weight=1.0,
    )
    use = customers.use(np.array([[2.0, 0.0, 1e-12], [1.0, 5.0, 6.0]]))
    np.testing.assert_allclose(use.kw, [[3.5, 0.0], [11.0, 7.0]])
    np.testing.assert_allclose(use.kwh, [[2.0, 0.0], [6.0, 6.0]], atol=1e-9)


def test_power_of_drawn_cars_by_minutes(case):
    scenario = case.with_changes(n_ev=60)
    day = build_day(scenario)
    customers = sampled(scenario, day)
    use = customers.use(customers.used_kwh)
    cars = draw_sessions(scenario.fleet, 0, 60)
    per_step = 1440 // len(day.period)
    for k in range(60):
        kw = np.zeros(3)
        begin, full = (round(60 * hour) for hour in (cars.arrival_h[k], cars.arrival_h[k] + cars.charge_h[k]))
        for minute in range(begin, full):
            kw[day.period[minute % 1440 // per_step]] = cars.charge_kw[k]
        assert (use.kw[:, k] >= kw).all()  # a part of a minute counts, too
        assert np.isin(use.kw[:, k], [0.0, cars.charge_kw[k]]).all()


def with_bill(scenario, **keys):
    return dataclasses.replace(scenario, bill=Bill(**keys))


def test_bills_move_no_load_and_no_objective(case):
    scenario = case.with_changes(n_ev=2000)
    plain, full = (
        EVPricing(build_day(one)) for one in (scenario, with_bill(scenario, present=PRESENT, proposed=PROPOSED))
    )
    X = np.random.default_rng(2).uniform(5, 50, (40, 6))
    X[:, :3] = -np.sort(-X[:, :3], axis=1)
    for a, b in zip(plain.quantities(X), full.quantities(X), strict=True):
        assert (a == b).all()
    assert (plain.kernel_data == full.kernel_data).all()
    one, two = plain.outcome(X), full.outcome(X)
    for field in dataclasses.fields(one):
        assert (getattr(one, field.name) == getattr(two, field.name)).all(), field.name


def test_the_table_of_customers_holds_whole_bills(case):
    scenario = with_bill(case.with_changes(n_ev=300), present=PRESENT, proposed=PROPOSED)
    day = build_day(scenario)
    use = study_use(scenario, day, (TARIFFS[0], TARIFFS[1]))
    bills = customer_bills(use, (TARIFFS[0], TARIFFS[1]), day)
    for k in range(0, 300, 23):
        ways = {
            "in_force": (PRESENT, TARIFFS[0], use.in_force),
            "same_hours": (PROPOSED, TARIFFS[1], use.in_force),
            "proposed": (PROPOSED, TARIFFS[1], use.proposed),
        }
        for name, (terms, tariff, used) in ways.items():
            want = bill_by_hand(terms, tariff[:3], used.kwh[:, k], used.kw[:, k])
            assert bills[f"bill_{name}"][k] == pytest.approx(sum(want.values()), rel=1e-3), name
            for part, value in want.items() if name != "same_hours" else ():
                assert bills[f"{part}_{name}"][k] == pytest.approx(value, rel=1e-3, abs=2e-3), (name, part)
        change = bills["bill_proposed"][k] / bills["bill_in_force"][k] - 1
        assert bills["change"][k] == pytest.approx(change)
    assert [one["part"] for one in bill_parts(bills)] == ["energy", "tiers", "demand", "fixed", "minimum", "tax"]
    free = customer_bills(use, (TARIFFS[0], TARIFFS[1]), build_day(case.with_changes(n_ev=300)))
    assert bill_parts(free) == []
    np.testing.assert_allclose(free["bill_proposed"], bills["energy_proposed"])


def test_all_customers_pay_what_the_fleet_pays(case):
    scenario = with_bill(case.with_changes(n_ev=250), present=BillTerms(tax=0.1), proposed=BillTerms(tax=0.1))
    day = build_day(scenario)
    outcome = EVPricing(day).outcome(TARIFFS)
    use = sampled_use(sampled(scenario, day), tuple(outcome.flow_mwh), day)
    bills = customer_bills(use, (TARIFFS[0], TARIFFS[1]), day)
    paid = (outcome.charging_mw[1] * TARIFFS[1][day.period]).sum() * day.dt_h * day.prices.per_mwh * DAYS_A_MONTH
    assert bills["bill_proposed"].sum() == pytest.approx(1.1 * paid, rel=1e-6)


# ------------------------------------------------------------------------------------------------------ tariff files
def schedule(summer, winter):
    return [winter] * 5 + [summer] * 4 + [winter] * 3


DAY = [0] * 7 + [1] * 7 + [2] * 7 + [1] * 2 + [0]
URDB = {
    "name": "all parts",
    "energyratestructure": [
        [{"rate": 0.10, "max": 300, "unit": "kWh"}, {"rate": 0.12, "max": 700}, {"rate": 0.09}],
        [{"rate": 0.20, "max": 300, "unit": "kWh"}, {"rate": 0.22, "max": 700}, {"rate": 0.19}],
        [{"rate": 0.38, "adj": 0.02, "max": 300}, {"rate": 0.40, "adj": 0.02, "max": 700}, {"rate": 0.39}],
    ],
    "energyweekdayschedule": [DAY] * 12,
    "energyweekendschedule": [DAY] * 12,
    "fixedchargefirstmeter": 0.5,
    "fixedchargeunits": "$/day",
    "mincharge": 120,
    "minchargeunits": "$/year",
    "flatdemandstructure": [[{"rate": 2.0}], [{"rate": 5.0, "adj": 1.0}]],
    "flatdemandmonths": [0] * 5 + [1] * 4 + [0] * 3,
    "flatdemandunit": "kW",
    "demandratestructure": [[{"rate": 0}], [{"rate": 8.0}]],
    "demandweekdayschedule": schedule([int(p == 2) for p in DAY], [0] * 24),
    "demandweekendschedule": schedule([int(p == 2) for p in DAY], [0] * 24),
}


def read(tmp_path, document, text="", day="day = 2018-07-03"):
    (tmp_path / "t.json").write_text(json.dumps(document))
    (tmp_path / "s.toml").write_text(f"[tariff]\nfile = 't.json'\n{day}\n{text}\n")
    return load_scenario(tmp_path / "s.toml")


def test_a_urdb_file_fills_the_present_bill(tmp_path):
    scenario = read(tmp_path, URDB)
    present = scenario.bill.present
    assert present.fixed_per_month == pytest.approx(0.5 * 365 / 12)
    assert present.minimum_per_month == pytest.approx(10.0)
    assert [(one.per_kw, one.periods) for one in present.demand] == [(6.0, ()), (8.0, ("peak",))]
    assert [(one.above_kwh, one.add) for one in present.tiers] == [(300, 2.0), (700, -1.0)]
    assert scenario.bill.proposed == present
    assert scenario.prices.start == {"peak": 40.0, "flat": 20.0, "valley": 10.0}
    note = next(one for one in scenario.notes if "t.json" in one)
    assert note.endswith(
        "fixed charges, demand charges, tiers, the minimum bill enter the customers' bills and move no load"
    )
    winter = read(tmp_path, URDB, day="day = 2018-01-03").bill.present
    assert [(one.per_kw, one.periods) for one in winter.demand] == [(2.0, ())]


def test_a_whole_year_counts_charges_by_their_months(tmp_path):
    year = "whole_year = true"
    present = read(tmp_path, URDB, day=year).bill.present
    assert [(one.per_kw, one.periods) for one in present.demand] == [
        (pytest.approx((8 * 2 + 4 * 6) / 12), ()),
        (pytest.approx(8 * 4 / 12), ("peak",)),
    ]


def test_what_the_scenario_states_wins(tmp_path):
    text = (
        "[bill]\nshare_choosing = 0.3\npresent = { fixed_per_month = 3, tax = 0.1 }\nproposed = { fixed_per_month = 4 }"
    )
    bill = read(tmp_path, URDB, text).bill
    assert (bill.present.fixed_per_month, bill.proposed.fixed_per_month, bill.share_choosing) == (3, 4, 0.3)
    assert bill.proposed.tax == 0.1
    assert bill.proposed.tiers == bill.present.tiers
    assert len(bill.present.tiers) == 2


def test_tiers_that_differ_between_periods_are_taken_by_period(tmp_path):
    structure = [
        [{"rate": 0.1, "max": 100}, {"rate": 0.3, "max": 200}, {"rate": 0.05}],
        [{"rate": 0.2}],
        [{"rate": 0.4, "max": 10, "unit": "kWh daily"}, {"rate": 0.45}],
    ]
    scenario = read(tmp_path, URDB | {"energyratestructure": structure})
    tiers = [(one.above_kwh, one.add, one.periods) for one in scenario.bill.present.tiers]
    assert sorted(tiers) == [
        (100, 20.0, ("valley",)),
        (200, -5.0, ("valley",)),
        (pytest.approx(10 * 365 / 12), 5.0, ("peak",)),
    ]
    assert not any("only the first" in note for note in scenario.notes)


def test_periods_of_a_tier_may_be_named_in_any_order_and_twice():
    """200 kWh a month, half of it in each of two of three periods: the second tier follows the first one at 150 kWh."""
    use = Use(kwh=np.array([[100.0], [100.0], [0.0]]) * 12 / 365, kw=np.zeros((3, 1)))
    tiers = (
        Tier(above_kwh=50.0, add=10.0, periods=("a", "b", "a")),
        Tier(above_kwh=150.0, add=20.0, periods=("b", "a")),
    )
    bills = monthly_bills(BillTerms(tiers=tiers), np.zeros(3), use, ["a", "b", "c"], 100.0)
    assert bills.tiers[0] == pytest.approx((100 * 10 + 50 * 20) / 100)
    with pytest.raises(InputError, match="rising above_kwh"):
        BillTerms(tiers=tiers[::-1])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"demandweekdayschedule": [[1] * 15 + [0] * 9] * 12},
            "holds in a part of the hours of peak and flat and valley only",
        ),
        ({"flatdemandunit": "kVA"}, "flatdemandunit is 'kVA', not 'kW'; these demand charges were left out"),
        ({"fixedchargeunits": "$/therm"}, "is not a charge in $/month, $/day, $/year; left out"),
        ({"annualmincharge": 90}, "annualmincharge is a part of the bill that is not known; it was left out"),
        ({"demandratchetpercentage": [0] * 6 + [0.5] * 6}, "demandratchetpercentage is a part of the bill"),
        ({"mincharge": -3}, "mincharge, -3 in $/year, is not a charge"),
        (
            {"energyweekdayschedule": [[3] * 7 + [1] * 7 + [2] * 7 + [1] * 2 + [0]] * 12}
            | {
                "energyratestructure": [
                    [{"rate": 0.1, "max": 5}, {"rate": 0.3}],
                    [{"rate": 0.2}],
                    [{"rate": 0.4}],
                    [{"rate": 0.1}],
                ]
            },
            "tiers that differ within the hours of valley",
        ),
        ({"demandratestructure": [[{"rate": 0}], [{"rate": 8, "max": 5}, {"rate": 9}]]}, "has 2 tiers; only the first"),
    ],
)
def test_what_is_left_out_is_said(tmp_path, change, sentence):
    scenario = read(tmp_path, URDB | change)
    assert any(sentence in " ".join(note.split()) for note in scenario.notes), scenario.notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"fixedchargefirstmeter": "ten"}, "fixedchargefirstmeter: 'ten' is not a number"),
        (
            {"demandratestructure": [[{"rate": 0}], [{"rate": -8}]]},
            "demandratestructure.1: a demand charge cannot be negative",
        ),
        ({"demandratestructure": [[{"rate": 0}]]}, "demandratestructure.1 must be a list of tiers"),
        ({"demandweekdayschedule": [[0] * 24]}, "demandweekdayschedule must hold 12 months of 24 hours"),
        ({"flatdemandstructure": [[7]]}, "flatdemandstructure.1 must be a list of tiers"),
        (
            {
                "energyratestructure": [
                    [{"rate": 0.1, "max": 5}, {"rate": 0.3, "max": 2}, {"rate": 1}],
                    [{"rate": 0.2}],
                    [{"rate": 0.4}],
                ]
            },
            "energyratestructure.0.1.max must rise from tier to tier",
        ),
    ],
)
def test_a_damaged_part_is_one_sentence(tmp_path, change, sentence):
    with pytest.raises(InputError) as found:
        read(tmp_path, URDB | change)
    assert sentence in str(found.value)


def test_demand_charges_of_acn_sim_files(tmp_path):
    entry = {"effective_start": "01-01", "effective_end": "12-31", "dow_mask": "ALL", "times": [0, 7, 14, 21, 23]}
    document = {"schedule": [entry | {"tariffs": [0.1, 0.2, 0.4, 0.2, 0.1], "demand_charge": 15.5}]}
    assert read(tmp_path, document).bill.present == BillTerms(demand=(DemandCharge(per_kw=15.5),))
    document["schedule"][0]["demand_charge"] = "much"
    with pytest.raises(InputError, match=r"schedule\.0\.demand_charge: 'much' is not a number"):
        read(tmp_path, document)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[bill.present]\ntax = -1", "bill.present: tax must be a number from 0 up"),
        (
            "[bill.present]\ntiers = [{ above_kwh = 9, add = 1, periods = ['dawn'] }]",
            "bill.present.tiers: there is no period 'dawn'",
        ),
        (
            "[bill.present]\ntiers = [{ above_kwh = 9, add = 1 }, { above_kwh = 5, add = 2 }]",
            "tiers must stand by rising above_kwh",
        ),
        (
            "[bill.proposed]\ndemand = [{ per_kw = 2, periods = ['noon'] }]",
            "bill.proposed.demand: there is no period 'noon'",
        ),
        ("[bill.present]\ndemand = [{ per_kw = -2 }]", "per_kw must be a number from 0 up"),
        ("[bill]\nshare_choosing = 2", "share_choosing must be between 0 and 1"),
        ("[bill.present]\nfixed = 2", "unknown key 'bill.present.fixed'"),
        ("[bill]\npresent = 3", "bill.present must be a table"),
    ],
)
def test_a_bad_value_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "s.toml").write_text(text + "\n")
    with pytest.raises(InputError) as found:
        load_scenario(tmp_path / "s.toml")
    assert sentence in " ".join(str(found.value).split())


def test_a_study_shows_them(tmp_path, run_cli):
    (tmp_path / "s.toml").write_text(
        "[fleet]\nn_ev = 200_000\n[bill.present]\nfixed_per_month = 12\ntax = 0.08\n"
        "demand = [{ per_kw = 2.5, periods = ['peak'] }]\n[bill.proposed]\nfixed_per_month = 9\n"
    )
    answer = run_cli("ev", "price", tmp_path / "s.toml", "--n-eval", "300", "--pop-size", "16", "--out", tmp_path / "o")
    assert answer.code == 0, answer.err
    assert "Note: bill: fixed charges, demand charges, taxes enter the bills" in answer.out.replace("\n", " ")
    bills = pd.read_csv(tmp_path / "o" / "customers.csv")
    assert (bills["fixed_proposed"] == 9).all()
    impact = pd.read_csv(tmp_path / "o" / "stakeholder_impact.csv").set_index("quantity")
    assert impact["before"]["bill with all charges"] == pytest.approx(bills["bill_in_force"].mean(), rel=1e-6)
    assert impact["after"]["bill with all charges"] == pytest.approx(bills["bill_proposed"].mean(), rel=1e-6)
    assert "bill" not in impact.index
    page = (tmp_path / "o" / "report.html").read_text()
    assert '"bill_parts": [{"part": "energy"' in page or '"bill_parts":[{"part":"energy"' in page
