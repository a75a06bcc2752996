"""The operator's revenue as a constraint, and its account where customers choose: customer by customer."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import build_day
from csmoifsa_ev.model.bill import BillTerms, DemandCharge, Tier
from csmoifsa_ev.model.constraints import REVENUE
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.outcome import evaluate, outcome_in_force
from csmoifsa_ev.model.tariff import Windows
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.customers import study_use
from csmoifsa_ev.study.revenue import CASES, mixed_supply, revenue_notes, revenue_table
from csmoifsa_ev.study.study import run_study
from ev.test_bill import bill_by_hand, with_bill
from ev.test_customers import TARIFFS
from ev.test_periods import random_tariffs
from ev.test_year import TARIFF, year  # noqa: F401  (a fixture)

PRESENT = BillTerms(
    fixed_per_month=9.5,
    demand=(DemandCharge(per_kw=1.5), DemandCharge(per_kw=2.0, periods=("peak",))),
    tiers=(Tier(above_kwh=100, add=1.0), Tier(above_kwh=250, add=6.5)),
    minimum_per_month=30.0,
    tax=0.07,
)
PROPOSED = dataclasses.replace(PRESENT, fixed_per_month=16.0, tiers=())
HOURS = {"peak": range(14, 21), "valley": (23, 0, 1, 2, 3, 4, 5, 6)}


def limited(scenario, share):
    return dataclasses.replace(scenario, limits=Limits(max_revenue_change=share))


def fleet_revenue(terms, tariff, use, *, whole):
    """Return what all customers pay a day without taxes, one by one; ``whole``: with the lift to the minimum bill."""
    total = 0.0
    for k in range(use.kwh.shape[1]):
        parts = bill_by_hand(terms, tariff[:3], use.kwh[:, k], use.kw[:, k])
        total += sum(parts[name] for name in ("energy", "tiers", "demand", "fixed"))
        total += parts["minimum"] if whole else 0.0
    return total * 12 / 365


@pytest.mark.parametrize("billed", [False, True])
def test_the_constraint_is_that_of_customers_one_by_one(case, billed):
    n_ev, share = 60, 0.05 if billed else 0.3
    scenario = case.with_changes(n_ev=n_ev)
    present, proposed = (PRESENT, PROPOSED) if billed else (BillTerms(), BillTerms())
    scenario = limited(with_bill(scenario, present=present, proposed=proposed), share)
    problem = EVPricing(build_day(scenario))
    assert problem.constraint_names[-1] == REVENUE
    X = random_tariffs(problem, 24, seed=4)
    start = problem.day.prices.in_force
    _, G = problem.evaluate(X, return_values_of=["F", "G"])
    np.testing.assert_allclose(problem.outcome(X).constraints, G, rtol=1e-9, atol=1e-9)
    level, energy = problem.day.reference_level, problem.day.total_energy_mwh
    in_force = study_use(scenario, problem.day, (start, X[0])).in_force
    old = fleet_revenue(present, start, in_force, whole=False)
    seen = set()
    for tariff, g in zip(X, G[:, -1], strict=True):
        use = study_use(scenario, problem.day, (start, tariff))
        np.testing.assert_array_equal(use.in_force.kwh, in_force.kwh)
        new = fleet_revenue(proposed, tariff, use.proposed, whole=False)
        # both in prices: a change of the mean price by 1 is a revenue of 1 x energy
        want = (abs(new - old) - share * old) / (energy * problem.day.prices.per_mwh) / level
        assert g == pytest.approx(want, abs=2e-4)
        seen.add(g <= 0)
    assert seen == {True, False}


def test_without_the_limit_there_is_no_such_constraint(case):
    scenario = case.with_changes(n_ev=500)
    free, bound = (EVPricing(build_day(one)) for one in (scenario, limited(scenario, 0.05)))
    X = random_tariffs(free, 30)
    (F, G), (F2, G2) = (one.evaluate(X, return_values_of=["F", "G"]) for one in (free, bound))
    assert (F == F2).all()
    assert (G == G2[:, :-1]).all()


@pytest.mark.parametrize("share", [0.05, 0.002])
def test_a_study_keeps_the_revenue(case, share):
    scenario = limited(case.with_changes(n_ev=400_000), share)
    study = run_study(scenario, n_eval=800, pop_size=24)
    paid = study.outcome.paid_per_day[:, :2].sum(axis=1)
    start = study.choice_outcome.paid_per_day[0, :2].sum()
    assert (np.abs(paid / start - 1) <= share * (1 + 1e-6)).all()
    assert len(study.front) > 5
    rows = {row["case"]: row for row in study.revenue}
    assert abs(rows["proposed"]["revenue_change"]) <= share * (1 + 1e-6)
    robust = run_study(scenario.with_terms(robust="mean"), n_eval=400, pop_size=20)
    paid = robust.choice_outcome.paid_per_day[:, :2].sum(axis=1)
    assert (np.abs(paid / paid[0] - 1) <= share * (1 + 1e-6)).all()


def by_hand(case, recovery, tariffs, share_choosing):
    """Return scenario, day, table, and the rows worked out customer by customer and hour by hour."""
    scenario = case.with_changes(n_ev=150, recovery=recovery)
    scenario = with_bill(scenario, present=PRESENT, proposed=PROPOSED, share_choosing=share_choosing)
    day = build_day(scenario)
    use = study_use(scenario, day, tariffs)
    table = {row["case"]: row for row in revenue_table(use, tariffs, day)}
    assert tuple(table) == CASES
    bills = []  # of each customer: total before and after, revenue before and after
    for k in range(150):
        old = bill_by_hand(PRESENT, tariffs[0][:3], use.in_force.kwh[:, k], use.in_force.kw[:, k])
        new = bill_by_hand(PROPOSED, tariffs[1][:3], use.proposed.kwh[:, k], use.proposed.kw[:, k])
        totals = [sum(one.values()) for one in (old, new)]
        bills.append([*totals, totals[0] - old["tax"], totals[1] - new["tax"]])
    return scenario, day, use, table, np.array(bills)


@pytest.mark.parametrize("share_choosing", [1.0, 0.4, 0.0])
def test_the_account_customer_by_customer(case, share_choosing):
    tariffs = (np.array([44.5, 24.3, 11.6, 5, 5, 5]), np.array([48.0, 30.0, 9.0, 40.0, 9.0, 9.0]))
    _, day, use, table, bills = by_hand(case, "uniform", tariffs, share_choosing)
    a_day = 12 / 365
    assert table["in_force"]["revenue_per_day"] == pytest.approx(bills[:, 2].sum() * a_day, rel=2e-3)
    assert table["proposed"]["revenue_per_day"] == pytest.approx(bills[:, 3].sum() * a_day, rel=2e-3)
    same = fleet_revenue(PROPOSED, tariffs[1], use.in_force, whole=True)
    assert table["same_hours"]["revenue_per_day"] == pytest.approx(same, rel=2e-3)
    moved = bills[:, 1] < bills[:, 0]
    assert 0 < moved.sum() < 150
    chosen = np.where(moved, share_choosing * bills[:, 3] + (1 - share_choosing) * bills[:, 2], bills[:, 2])
    assert table["choice"]["revenue_per_day"] == pytest.approx(chosen.sum() * a_day, rel=2e-3)
    assert table["choice"]["on_proposed"] == pytest.approx(share_choosing * moved.mean())
    # supply: with starts at once the load of a mixture is the mixture of the loads
    outcome = EVPricing(day).outcome(np.stack([np.r_[tariffs[0][:3], 5, 5, 5], tariffs[1]]))
    kwh = use.in_force.kwh.sum(axis=0)
    part = share_choosing * kwh[moved].sum() / kwh.sum()
    intercept, slope = day.grid.marginal_cost
    base = day.base_mw

    def generation(load):
        return sum(intercept * mw + slope * mw**2 / 2 for mw in load) * day.dt_h

    fee = day.v2g.fee * outcome.discharged_mwh[1] * day.prices.per_mwh
    assert outcome.discharged_mwh[1] > 0
    for name, on in (("in_force", 0.0), ("proposed", 1.0), ("choice", part)):
        load = (1 - on) * outcome.load_mw[0] + on * outcome.load_mw[1]
        supply = (generation(load) - generation(base)) / day.grid.conversion_efficiency
        supply += day.grid.peak_cost_per_mw_day * (load.max() - base.max()) + on * fee
        assert table[name]["supply_per_day"] == pytest.approx(supply, rel=1e-6), name
        income = on * outcome.v2g_income_per_day[1]
        assert table[name]["discharging_per_day"] == pytest.approx(income)
        margin = table[name]["revenue_per_day"] - supply - income
        change = margin - table["in_force"]["margin_per_day"]
        assert table[name]["margin_change_per_day"] == pytest.approx(change, abs=1e-3)
        others = -change / (base.sum() * day.dt_h * 1000) * 100  # cents a kWh
        assert table[name]["others_price"] == pytest.approx(others, abs=1e-9)
    assert table["in_force"]["margin_change_per_day"] == 0
    assert table["same_hours"]["supply_per_day"] == table["in_force"]["supply_per_day"]


@pytest.mark.parametrize("recovery", ["uniform", "valley-filling", "staggered"])
def test_all_on_one_rate_cost_what_the_model_says(case, recovery):
    day = build_day(case.with_changes(n_ev=3000, recovery=recovery))
    tariff = np.array([48.0, 30.0, 9.0, 40.0, 9.0, 9.0])
    outcome = EVPricing(day).outcome(np.stack([day.prices.in_force, tariff]))
    for part, row in ((0.0, 0), (1.0, 1)):
        want = outcome.driver_bill_per_day[row] - outcome.operator_profit_per_day[row]
        assert mixed_supply(part, (day.prices.in_force, tariff), day) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("trips", [1, 3])
def test_a_proposed_rate_with_other_hours(case, trips):
    """The present rate is paid and answered in its own hours; the rows of all on one rate are the model's own."""
    scenario = case.with_changes(n_ev=200)
    fleet = dataclasses.replace(scenario.fleet, trips_per_day=trips)
    present = BillTerms(fixed_per_month=5, demand=(DemandCharge(per_kw=1, periods=("peak",)),))
    scenario = limited(with_bill(dataclasses.replace(scenario, fleet=fleet), present=present), 0.3)
    day = build_day(scenario, Windows(peak=("17-21",), flat=("7-17", "21-23"), valley=("23-7",)))
    tariffs = (day.in_force.prices.in_force, np.array([48.0, 30.0, 9.0, 40.0, 9.0, 9.0]))
    use = study_use(scenario, day, tariffs)
    table = {row["case"]: row for row in revenue_table(use, tariffs, day)}
    old, new = outcome_in_force(day), evaluate(tariffs[1][None], day)
    for name, one in (("in_force", old), ("proposed", new)):
        supply = one.driver_bill_per_day[0] - one.operator_profit_per_day[0]
        assert table[name]["supply_per_day"] == pytest.approx(supply, rel=1e-9)
    paid = [fleet_revenue(present, tariffs[0], use.in_force, whole=False)]
    paid += [fleet_revenue(BillTerms(), tariffs[1], one, whole=False) for one in (use.today, use.proposed)]
    shown = [table[name]["revenue_per_day"] for name in CASES[:3]]
    assert shown == pytest.approx(paid, rel=2e-3)
    before = (tariffs[1][day.period] * day.profile_mw).sum() * day.dt_h * day.prices.per_mwh
    assert table["same_hours"]["revenue_per_day"] == pytest.approx(before, rel=1e-6)
    assert table["same_hours"]["supply_per_day"] == day.supply_cost_before
    if trips > 1:
        return  # the answer takes some sessions out of the peak as a whole, which the constraint does not count
    problem = EVPricing(day)
    change = (paid[2] - paid[0]) / paid[0]
    want = (abs(change) - 0.3) * paid[0] / (day.total_energy_mwh * day.prices.per_mwh) / day.reference_level
    found = problem.evaluate(tariffs[1][None], return_values_of=["G"])[0, -1]
    assert found == pytest.approx(want, abs=2e-3)
    assert problem.outcome(tariffs[1]).constraints[0, -1] == pytest.approx(found, abs=1e-9)


def test_a_common_change_of_prices_keeps_the_revenue(case):
    scenario = with_bill(case.with_changes(n_ev=400), present=BillTerms(tax=0.1), proposed=BillTerms(fixed_per_month=3))
    day = build_day(scenario)
    tariffs = (TARIFFS[0], TARIFFS[1])
    row = {one["case"]: one for one in revenue_table(study_use(scenario, day, tariffs), tariffs, day)}["proposed"]
    moved = TARIFFS[1] + np.array([row["level_change"]] * 3 + [0.0] * 3)
    again = revenue_table(study_use(scenario, day, (TARIFFS[0], moved)), (TARIFFS[0], moved), day)
    assert abs(row["revenue_change"]) > 0.01
    assert {one["case"]: one for one in again}["proposed"]["revenue_change"] == pytest.approx(0, abs=1e-9)


def test_kinds_of_days_with_the_same_hours_change_nothing(year):  # noqa: F811
    plain = TARIFF[: TARIFF.index("[[")]
    hours = '{ peak = ["14-21"], flat = ["7-14", "21-23"], valley = ["23-7"] }'
    split = f'{plain}[[tariff.days]]\nname = "w"\nwhich = "weekends"\nwindows = {hours}\n'
    bill = "[bill.present]\nfixed_per_month = 5\ndemand = [{ per_kw = 1, periods = ['peak'] }]\n"
    bill += "[limits]\nmax_revenue_change = 0.03\n"
    tables, bounds = [], []
    for text in (plain, split):
        scenario = year(text + bill)
        problem = EVPricing(build_day(scenario))
        tariffs = (problem.day.prices.in_force, np.r_[48.0, 28.0, 10.0, 5.0, 5.0, 5.0])
        tables.append(revenue_table(study_use(scenario, problem.day, tariffs), tariffs, problem.day))
        bounds.append(problem.evaluate(np.stack(tariffs), return_values_of=["G"])[:, -1])
    np.testing.assert_allclose(*bounds, rtol=1e-6, atol=1e-9)
    for one, other in zip(*tables, strict=True):
        for name in one.keys() - {"case"}:
            assert (one[name] or 0.0) == pytest.approx(other[name] or 0.0, rel=1e-6, abs=1e-6), name


def test_a_note_where_the_rest_of_the_bills_exceeds_the_limit(case):
    """The constraint leaves minimum bills out; the account has them, and a note says that they exceed the limit."""
    day = build_day(with_bill(case.with_changes(n_ev=400), proposed=BillTerms(minimum_per_month=200)))
    tariffs = (day.prices.in_force, day.prices.in_force)
    rows = revenue_table(study_use(case.with_changes(n_ev=400), day, tariffs), tariffs, day)
    change = {row["case"]: row for row in rows}["proposed"]["revenue_change"]
    assert change > 0.5
    (note,) = revenue_notes(rows, Limits(max_revenue_change=0.02))
    assert note.startswith(f"limits.max_revenue_change: the revenue changes by {change:+.2%}")
    assert revenue_notes(rows, Limits(max_revenue_change=change + 1e-6)) == revenue_notes(rows, Limits()) == []


def test_files_and_terminal_show_the_account(tmp_path, run_cli):
    (tmp_path / "s.toml").write_text(
        "[fleet]\nn_ev = 200_000\n[bill]\nshare_choosing = 0.25\n[limits]\nmax_revenue_change = 0.01\n"
    )
    out = tmp_path / "o"
    answer = run_cli("ev", "price", tmp_path / "s.toml", "--n-eval", "300", "--pop-size", "16", "--out", out)
    assert answer.code == 0, answer.err
    assert "Of the customers 25% compare the two" in answer.out
    table = pd.read_csv(out / "revenue.csv").set_index("case")
    summary = json.loads((out / "summary.json").read_text())
    assert table["revenue_per_day"].tolist() == pytest.approx([row["revenue_per_day"] for row in summary["revenue"]])
    assert abs(table["revenue_change"]["proposed"]) <= 0.01 + 1e-9
    assert table["on_proposed"]["choice"] <= 0.25
    with pd.ExcelFile(out / "study.xlsx") as book:
        assert "revenue" in book.sheet_names


def test_a_limit_that_no_tariff_keeps_is_named(tmp_path, run_cli):
    (tmp_path / "s.toml").write_text(
        "[fleet]\nn_ev = 1000\n[bill.proposed]\nfixed_per_month = 900\n[limits]\nmax_revenue_change = 0.01\n"
    )
    answer = run_cli("ev", "price", tmp_path / "s.toml", "--n-eval", "200", "--pop-size", "16")
    assert answer.code == 2
    assert "the nearest breaks 'revenue within max_revenue_change'" in answer.err


@pytest.mark.parametrize("share", [0, -0.1, float("nan")])
def test_a_share_is_above_0(share):
    with pytest.raises(InputError, match="max_revenue_change must be a number above 0"):
        Limits(max_revenue_change=share)
