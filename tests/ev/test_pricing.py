"""The whole chain: the case's bars, energy and money accounts, and the compiled twin."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import build_day
from csmoifsa_ev.model.constraints import constraint_names
from csmoifsa_ev.model.groups import driver_groups
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.objectives import Grid, curve_figures, delay_hours, generation_cost, habit_kept
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, QUANTITIES, evaluate
from csmoifsa_ev.model.ramp import Ramp
from csmoifsa_ev.model.response import RECOVERIES, Response
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.problem.pricing import EVPricing

PEAK, FLAT, VALLEY = range(3)

TARIFFS = arrays(float, (3, 6), elements=st.floats(5, 50))


@pytest.fixture(scope="module")
def managed():
    return ev_pricing(n_ev=2_000, recovery="valley-filling")


# ------------------------------------------------------------------------------------------- the bundled case


def test_before_pricing_the_case_meets_its_bars():
    g1, g2, g3 = (float(figure[0]) for figure in ev_pricing().day.before)
    assert g1 == pytest.approx(15_752, rel=0.005)
    assert g2 == pytest.approx(7_359, rel=0.005)
    assert g3 == pytest.approx(6.21e6, rel=0.01)
    assert g1 == pytest.approx(15_740.95, rel=1e-3)  # the paper's own


@pytest.mark.parametrize(
    ("recovery", "tariff", "g1", "g2", "g3", "saving_per_year", "theta"),
    [
        ("uniform", [26, 20, 14, 30, 5, 5], 14_831, 5_771, 3.93e6, 0.91e8, 0.84),
        ("uniform", [32, 22, 12, 30, 5, 5], 14_020, 4_359, 2.41e6, 1.70e8, 0.70),
        ("valley-filling", [35.2, 22.6, 16.5, 29.8, 5, 5], 14_021, 3_801, 2.10e6, 1.81e8, 0.71),
    ],
)
def test_tariffs_worked_out_independently(recovery, tariff, g1, g2, g3, saving_per_year, theta):
    """Figures of another, earlier implementation of the same description."""
    outcome = ev_pricing(recovery=recovery).outcome(tariff)
    assert outcome.g1_mw[0] == pytest.approx(g1, rel=0.002)
    assert outcome.g2_mw[0] == pytest.approx(g2, rel=0.002)
    assert outcome.g3_mw2[0] == pytest.approx(g3, rel=0.005)
    assert 365 * outcome.saving_per_day[0] == pytest.approx(saving_per_year, rel=0.01)
    assert outcome.satisfaction[0] == pytest.approx(theta, abs=0.03)


def test_the_price_of_pricing_does_not_grow_with_the_fleet():
    assert ev_pricing(n_ev=100).kernel_data.shape == ev_pricing(n_ev=5_000).kernel_data.shape


# --------------------------------------------------------------------------------------------- what must hold


@given(TARIFFS)
def test_energy_is_conserved(small, managed, X):
    for problem in (small, managed):
        day, outcome = problem.day, problem.outcome(X)
        extra = (outcome.load_mw.sum(axis=1) - day.before_mw.sum()) * day.dt_h
        total = day.before_mw.sum() * day.dt_h
        assert np.abs(extra - (outcome.recharged_mwh - outcome.discharged_mwh)).max() <= 1e-9 * total
        assert np.abs(outcome.charging_mw.sum(axis=1) * day.dt_h - day.total_energy_mwh).max() <= 1e-9 * total
        assert outcome.recharged_mwh * day.round_trip == pytest.approx(outcome.discharged_mwh)
        assert np.abs(outcome.discharging_mw.sum(axis=1) * day.dt_h - outcome.discharged_mwh).max() <= 1e-9 * total


@given(TARIFFS)
def test_accounts_balance(small, X):
    """What drivers pay less what the operator gains is the cost of supply, whatever the tariff."""
    day, outcome = small.day, small.outcome(X)
    money = day.prices.per_mwh
    base = generation_cost(day.base_mw[None], day.grid, day.dt_h)[0]
    cost = (generation_cost(outcome.load_mw, day.grid, day.dt_h) - base) / day.grid.conversion_efficiency
    cost += day.grid.peak_cost_per_mw_day * (outcome.g1_mw - day.base_mw.max())
    cost += day.v2g.fee * outcome.discharged_mwh * money
    assert outcome.driver_bill_per_day - outcome.operator_profit_per_day == pytest.approx(cost)


@given(TARIFFS)
def test_groups_add_up(small, managed, X):
    for problem in (small, managed):
        outcome = problem.outcome(X)
        groups = driver_groups(outcome, problem.day)
        np.testing.assert_allclose(groups.share.sum(axis=1), 1.0)
        assert (groups.share >= -1e-12).all()
        np.testing.assert_allclose(groups.load_mw.sum(axis=1), outcome.load_mw - problem.day.base_mw, atol=1e-8)
        assert (groups.load_mw[:, :2] >= -1e-9).all()


@given(TARIFFS)
def test_satisfaction_and_shares_stay_in_range(small, managed, X):
    for problem in (small, managed):
        outcome = problem.outcome(X)
        assert ((outcome.satisfaction >= 0) & (outcome.satisfaction <= 1)).all()
        assert ((outcome.responding >= 0) & (outcome.responding <= 1)).all()
        assert (outcome.discharging_share.sum(axis=1) <= outcome.responding + 1e-12).all()
        assert (outcome.charging_mw >= -1e-12).all()


@given(TARIFFS, st.floats(0, 5))
def test_only_differences_of_charge_prices_move_charging(small, X, rise):
    raised = X + rise * np.array([1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(small.outcome(raised).flow_mwh, small.outcome(X).flow_mwh, atol=1e-9)


def test_the_reference_tariff_changes_nothing(small):
    day = small.day
    outcome = small.outcome(np.concatenate([day.reference, [5, 5, 5]]))
    np.testing.assert_allclose(outcome.load_mw[0], day.before_mw)
    assert outcome.saving_per_day[0] == pytest.approx(0, abs=1e-6)
    assert outcome.satisfaction[0] == pytest.approx(1)
    assert outcome.driver_bill_per_day[0] == pytest.approx(day.bill_before)
    assert outcome.operator_profit_per_day[0] == pytest.approx(day.bill_before - day.supply_cost_before)
    assert outcome.mean_price[0] == pytest.approx(day.reference_level)


def test_constraints_by_hand(small):
    free = with_limits(small, v2g_must_pay=False)
    kept = dict(zip(free.constraint_names, free.outcome([30, 20, 10, 25, 15, 10]).constraints[0] <= 0, strict=True))
    assert all(kept.values())
    for k, tariff in {
        0: [30, 9, 10, 25, 15, 10],
        1: [19, 20, 10, 18.9, 15, 10],
        3: [30, 20, 10, 31, 15, 10],
        4: [30, 20, 10, 25, 26, 10],
        5: [30, 20, 10, 25, 15, 16],
        6: [50, 49, 48, 50, 15, 10],
        7: [6, 5.5, 5, 5, 5, 5],
    }.items():
        assert free.outcome(tariff).constraints[0, k] > 0, free.constraint_names[k]
    # a margin below recharge, wear and fee attracts drivers only where their dead zone is smaller than the fee
    eager = dataclasses.replace(free.day.v2g, response=Ramp(dead_zone=0.0, saturation=10.0, max_share=0.15))
    eager = EVPricing(dataclasses.replace(free.day, v2g=eager))
    price = 10 / free.day.round_trip + 6 + 1  # a margin of 1, a fee of 2
    assert eager.outcome([30, 20, 10, price, 15, 10]).constraints[0, 2] > 0
    assert free.outcome([30, 20, 10, price, 15, 10]).constraints[0, 2] == 0


def test_a_discharge_price_that_nobody_takes_forbids_nothing(small):
    """The flat tariff under which habits formed keeps all constraints: nobody is disturbed."""
    flat = np.array([*small.day.reference, 5.0, 5.0, 5.0])
    outcome = small.outcome(flat)
    assert outcome.satisfaction[0] == pytest.approx(1)
    assert (outcome.constraints <= 0).all()
    F, G = small.evaluate(flat[None], return_values_of=["F", "G"])
    assert (G <= 0).all()
    assert F[0] == pytest.approx([small.day.before.g2_mw[0], 0, -1], abs=1e-6)
    assert (small.outcome(flat * [1.001, 1.001, 1.001, 1, 1, 1]).constraints > 0).any()


def with_limits(problem, **limits):
    """The problem with other limits."""
    return EVPricing(dataclasses.replace(problem.day, limits=Limits(**limits)), objectives=problem.objective_set)


def test_limits_by_hand(small):
    """Profit, bill and the worth of discharging, each recomputed from the parts of the outcome."""
    day, tariff = small.day, np.array([[36.0, 24.0, 14.0, 34.0, 20.0, 10.0]])
    start = [*day.prices.start_prices, 5.0, 5.0, 5.0]
    here, in_force = small.outcome(tariff), small.outcome(start)
    assert here.discharged_mwh[0] > 0
    none = tariff.copy()
    none[0, 3:] = 5.0
    without = small.outcome(none)
    supplied = here.operator_profit_per_day - here.driver_bill_per_day
    gain = supplied - (without.operator_profit_per_day - without.driver_bill_per_day)
    gain -= 6.0 * here.discharged_mwh * day.prices.per_mwh
    assert here.v2g_gain_per_day == pytest.approx(gain, rel=1e-7)
    assert here.welfare_per_day - without.welfare_per_day == pytest.approx(gain, rel=1e-7)
    assert here.inflexible_bill_per_day[0] == pytest.approx(tariff[0, :3] @ day.energy_mwh * day.prices.per_mwh)
    assert gain < 0
    assert here.constraints[0, 9] == pytest.approx(-gain[0] / day.bill_before)
    assert with_limits(small, v2g_must_pay=False).outcome(tariff).constraints[0, 9] == 0

    change = here.driver_bill_per_day[0] / in_force.driver_bill_per_day[0] - 1
    profit = here.operator_profit_per_day[0]
    for sign, kept in ((-1, False), (1, True)):
        bill = with_limits(small, max_bill_change=change + sign * 1e-6).outcome(tariff).constraints[0, 8]
        earned = with_limits(small, min_profit=profit - sign * 1e-3).outcome(tariff).constraints[0, 7]
        assert (bill <= 0, earned <= 0) == (kept, kept)
    with pytest.raises(InputError, match="max_bill_change must be a share above -1"):
        Limits(max_bill_change=-1.0)


def test_literal_transfer_is_there_for_comparison_only(case):
    literal = dataclasses.replace(case.response, transfer="total-load")
    problem = ev_pricing(dataclasses.replace(case, response=literal), n_ev=2_000)
    assert getattr(problem, "kernel", None) is None
    tariff = np.array([30.0, 20.0, 10.0, 25.0, 15.0, 10.0])
    load = problem.outcome(tariff).load_mw[0]
    assert abs(load.sum() - problem.day.before_mw.sum()) > 0.01 * load.sum()
    F, G = problem.evaluate(tariff[None], return_values_of=["F", "G"])
    assert np.isfinite(F).all()
    assert G.shape == (1, len(constraint_names(("peak", "flat", "valley"))))


# --------------------------------------------------------------------------------------------------- the twin


@given(X=TARIFFS)
def test_compiled_evaluator_is_the_plain_model(small, managed, X):
    for problem in (small, managed, with_limits(managed, min_profit=1e3, max_bill_change=-0.1, v2g_must_pay=False)):
        for name, quantities in OBJECTIVE_SETS.items():
            one = EVPricing(problem.day, objectives=name)
            F, G = one.evaluate(X, return_values_of=["F", "G"])
            outcome = evaluate(X, one.day)
            plain = outcome.objectives(name)
            size = np.array(
                [one.day.bill_before if "per_day" in part else one.day.before_mw.max() for part in quantities]
            )
            assert (np.abs(F - plain) <= 1e-11 * np.maximum(np.abs(plain), size)).all()
            np.testing.assert_allclose(G, outcome.constraints, rtol=1e-11, atol=1e-11)
        Q, G = problem.quantities(X)
        np.testing.assert_allclose(Q, outcome.minimised(QUANTITIES), rtol=1e-9, atol=1e-5)
        np.testing.assert_array_equal(G, problem.evaluate(X, return_values_of=["G"]))


def test_rebound_is_the_highest_valley_load_over_the_highest_other_load_of_all_days(small):
    day = small.day
    two = dataclasses.replace(day, days_mw=np.stack([day.days_mw[0], 1.3 * day.days_mw[0][::-1]]))
    X = np.random.default_rng(0).uniform(5, 50, (20, 6))
    alone = [evaluate(X, dataclasses.replace(two, days_mw=base[None])).load_mw for base in two.days_mw]
    for row, found in enumerate(evaluate(X, two).rebound_mw):
        valley = max(load[row][t] for load in alone for t in range(24) if day.period[t] == 2)
        others = max(load[row][t] for load in alone for t in range(24) if day.period[t] != 2)
        assert found == pytest.approx(valley - others)
    np.testing.assert_allclose(EVPricing(two).quantities(X)[0][:, -1], evaluate(X, two).rebound_mw)


def test_plain_model_takes_rows_alone(small, managed):
    X = np.random.default_rng(0).uniform(5, 50, (50, 6))
    for problem in (small, managed):
        together = problem.outcome(X)
        for i in range(len(X)):
            alone = problem.outcome(X[i])
            for name, value in vars(together).items():
                np.testing.assert_array_equal(getattr(alone, name)[0], value[i])


# ------------------------------------------------------------------------------------------- parts, by hand


def test_figures_of_curves_by_hand():
    g1, g2, g3 = curve_figures(np.array([[1.0, 3.0], [5.0, 5.0]]))
    assert (g1.tolist(), g2.tolist(), g3.tolist()) == ([3, 5], [2, 0], [1, 0])


def test_generation_cost_by_hand():
    grid = Grid(
        conversion_efficiency=1,
        marginal_cost_load_mw=(0, 100),
        marginal_cost_per_mwh=(10, 30),
        peak_cost_per_mw_day=0,
    )
    assert grid.marginal_cost == (10, 0.2)
    # 50 MW for 2 h at a marginal cost from 10 to 20
    assert generation_cost(np.array([[50.0]]), grid, 2.0)[0] == pytest.approx(2 * 50 * 15)


def test_habit_and_waiting_by_hand():
    before, after = np.array([4.0, 0.0]), np.array([[3.0, 1.0]])
    assert habit_kept(before, after)[0] == pytest.approx(0.75)
    waits = delay_hours(np.array([1.0, 3.0, 0.0, 0.0]), np.array([PEAK, PEAK, FLAT, VALLEY]))
    assert waits[PEAK].tolist() == pytest.approx([0.75 * 18, 0.25 * 6, 0.25 * 12 + 0.75 * 6, 0.25 * 18 + 0.75 * 12])
    assert waits[VALLEY].tolist() == [0, 0, 0, 0]


# --------------------------------------------------------------------------------------------------- refusals


def test_bad_arguments_are_named(case):
    with pytest.raises(InputError, match="Did you mean 'market'"):
        ev_pricing(objectives="markt")
    with pytest.raises(InputError, match="recovery must be"):
        ev_pricing(recovery="even")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"there is no case 'paper'.* Did you mean 'paper-2022'"):
        ev_pricing(case="paper")
    with pytest.raises(InputError, match=r"prices\.reference"):
        build_day(dataclasses.replace(case, prices=dataclasses.replace(case.prices, reference=0.0)))
    assert isinstance(case.response, Response)


# ----------------------------------------------------------------------------------------------- several days


@pytest.fixture(scope="module")
def week(case):
    """Five days of different loads, market prices, every kind of recovery."""
    factors = np.array([1.0, 0.9, 1.1, 0.8, 1.05])[:, None]
    wave = 1.0 + 0.05 * np.sin(np.arange(5)[:, None] + np.arange(24)[None, :] / 3.0)
    problems = []
    for recovery in RECOVERIES:
        problem = ev_pricing(n_ev=2_000, recovery=recovery)
        days = problem.day.base_mw * factors * wave / 1000.0
        problem.day = dataclasses.replace(
            problem.day, days_mw=days, price_per_mwh=np.linspace(20.0, 60.0, 24), fleet=problem.day.fleet
        )
        problems.append(problem)
    return problems


@given(TARIFFS)
def test_several_days_compiled_and_plain_agree(week, X):
    for problem in week:
        F = problem.evaluate(X, return_values_of=["F", "G"])
        outcome = problem.outcome(X)
        np.testing.assert_allclose(F[0], outcome.objectives("paper"), rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(F[1], outcome.constraints, rtol=1e-9, atol=1e-9)


def test_several_days_are_the_mean_of_days_priced_alone_but_for_the_peak(week):
    tariff = np.array([[36.0, 24.0, 14.0, 32.0, 20.0, 10.0]])
    for problem in week[:2]:  # staggered starts follow the mean day, which is another one if days are priced alone
        day, all_days = problem.day, problem.outcome(tariff)
        alone = [evaluate(tariff, dataclasses.replace(day, days_mw=one[None])) for one in day.days_mw]
        assert all_days.g1_mw[0] == max(one.g1_mw[0] for one in alone)
        for name in ("g2_mw", "g3_mw2", "satisfaction", "driver_bill_per_day"):
            assert getattr(all_days, name)[0] == pytest.approx(np.mean([getattr(one, name)[0] for one in alone]))
        assert all_days.load_mw[0] == pytest.approx(np.mean([one.load_mw[0] for one in alone], axis=0))
        assert day.before.g1_mw[0] == (day.days_mw + day.fleet.profile_mw).max()
        same = dataclasses.replace(day, days_mw=np.repeat(day.days_mw[:1], 3, axis=0))
        once = evaluate(tariff, dataclasses.replace(day, days_mw=day.days_mw[:1]))
        assert evaluate(tariff, same).saving_per_day == pytest.approx(once.saving_per_day)
