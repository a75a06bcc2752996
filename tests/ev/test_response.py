"""Drivers' response: hand-checked points, and what must hold for any tariff."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from csmoifsa.errors import InputError
from csmoifsa_ev.model.curves import allocate, fill_valleys, period_mean_curve
from csmoifsa_ev.model.fleet_sums import FLOW_LIMITS
from csmoifsa_ev.model.flow_region import limit_flows
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.model.response import Response, stagger_weights, wanted_flows
from csmoifsa_ev.model.v2g import V2G, discharge_margin, discharging_shares

LIMITS = FLOW_LIMITS[3]
PRICES = arrays(float, (4, 3), elements=st.floats(0, 60))
RAMPS = np.array([[3.0, 25.0, 0.6], [3.0, 20.0, 0.2], [3.0, 20.0, 0.4]])


def test_ramp_by_hand():
    points = np.array([-50.0, 3.0, 14.0, 25.0, 100.0])
    assert ramp_share(points, 3, 25, 0.6) == pytest.approx([0, 0, 0.3, 0.6, 0.6])


@given(st.floats(-100, 100), st.floats(0, 10), st.floats(0, 50), st.floats(0.1, 30), st.floats(0, 1))
def test_ramp_rises_between_its_ends(incentive, more, dead_zone, width, most):
    low, high = ramp_share(np.array([incentive, incentive + more]), dead_zone, dead_zone + width, most)
    assert 0 <= low <= high <= most


def test_ramps_stand_in_the_order_of_the_flows():
    peak_valley, peak_flat, flat_valley = (
        Ramp(dead_zone=low, saturation=high, max_share=most) for low, high, most in RAMPS
    )
    terms = Response(
        flat_valley=flat_valley, peak_flat=peak_flat, peak_valley=peak_valley, recovery="uniform", transfer="ev-load"
    )
    np.testing.assert_array_equal(terms.ramps(("peak", "flat", "valley")), RAMPS)


def test_flows_by_hand():
    energy = np.array([100.0, 40.0, 10.0])
    charge = np.array([[34.0, 20.0, 20.0], [20.0, 20.0, 20.0]])
    flows = wanted_flows(charge, np.zeros(3), RAMPS, energy)
    assert flows[0] == pytest.approx([100 * 0.3, 100 * 0.2 * 11 / 17, 0.0])
    assert flows[1].tolist() == [0, 0, 0]
    # what counts is the difference in excess of the reference's: 32 - 20, 20 - 10 and 12 - 10
    beyond = wanted_flows(np.array([[40.0, 20.0, 8.0]]), np.array([30.0, 20.0, 10.0]), RAMPS, energy)[0]
    assert beyond == pytest.approx([100 * 0.6 * 9 / 22, 100 * 0.2 * 7 / 17, 0.0])
    # under a reference that is already peaked, the same prices are no news
    assert wanted_flows(charge, charge[0], RAMPS, energy)[0].tolist() == [0, 0, 0]


@given(PRICES, arrays(float, 7, elements=st.floats(0, 60)))
def test_flows_stay_within_every_limit(charge, limits):
    wanted = wanted_flows(charge, np.zeros(3), RAMPS, np.array([100.0, 40.0, 10.0]))
    flows = limit_flows(wanted, LIMITS, limits)
    assert (flows >= 0).all()
    assert (flows <= wanted).all()
    assert (flows @ LIMITS.T <= limits * (1 + 1e-12) + 1e-12).all()
    free = limit_flows(wanted, LIMITS, np.full(7, 1e9))
    np.testing.assert_array_equal(free, wanted)


def test_competing_flows_give_way_in_proportion():
    limits = np.array([1e9, 1e9, 1e9, 6.0, 1e9, 1e9, 1e9])
    assert limit_flows(np.array([[8.0, 4.0, 5.0]]), LIMITS, limits)[0] == pytest.approx([4.0, 2.0, 5.0])


def test_small_limits_and_limits_of_nothing_hold_exactly():
    flows = np.array([[0.8, 0.4, 0.2], [0.0, 0.0, 0.0]])
    assert limit_flows(flows, LIMITS, np.array([0.4, 9, 9, 9, 9, 9, 9]))[0] == pytest.approx([0.4, 0.4, 0.2])
    assert limit_flows(flows, LIMITS, np.array([9, 9, 0.1, 9, 9, 9, 9]))[0] == pytest.approx([0.8, 0.4, 0.1])
    assert limit_flows(flows, LIMITS, np.array([0.0, 9, 9, 9, 9, 9, 9])).tolist() == [[0, 0.4, 0.2], [0, 0, 0]]
    with pytest.raises(ValueError, match="zip"):
        limit_flows(flows, LIMITS, np.ones(6))


def test_no_energy_adds_nothing_by_the_last_digit():
    """Steps of one level: count times level less their sum is no exact zero, what is added must be."""
    for level in np.random.default_rng(0).random(300):
        assert not fill_valleys(np.full((1, 7), level), np.zeros(1)).any()


def test_valley_filling_by_hand():
    level = np.array([[1.0, 5.0, 3.0]])
    assert fill_valleys(level, np.array([1.0]))[0] == pytest.approx([1, 0, 0])
    assert fill_valleys(level, np.array([4.0]))[0] == pytest.approx([3, 0, 1])
    assert fill_valleys(level, np.array([9.0]))[0] == pytest.approx([5, 1, 3])
    assert fill_valleys(level, np.array([0.0]))[0].tolist() == [0, 0, 0]


@given(arrays(float, (3, 5), elements=st.floats(-1e4, 1e4)), arrays(float, 3, elements=st.floats(0, 1e5)))
def test_valley_filling_keeps_energy_and_level(level, energy):
    added = fill_valleys(level, energy)
    assert (added >= 0).all()
    np.testing.assert_allclose(added.sum(axis=1), energy, rtol=1e-9, atol=1e-7)
    for row, extra in zip(level, added, strict=True):
        wet = extra > 0
        if wet.any():
            after = row + extra
            np.testing.assert_allclose(after[wet], after[wet][0], rtol=0, atol=1e-6)
            assert (row[~wet] >= after[wet][0] - 1e-6).all()


def test_uniform_recovery_by_hand():
    assert allocate(np.zeros((1, 4)), np.array([6.0]), 0.5, "uniform", np.full(4, 0.25))[0].tolist() == [3.0] * 4


@given(arrays(float, 6, elements=st.floats(-1e4, 1e4)), st.permutations([0, 0, 1, 1, 2, 2]))
def test_staggered_starts_fill_the_room_below_the_highest_step_of_each_period(load, period):
    period = np.array(period)
    shares = stagger_weights(load, period)
    for one in range(3):
        a, b = np.flatnonzero(period == one)
        if load[a] == load[b]:
            assert shares[a] == shares[b] == 0.5
        else:
            low, high = (a, b) if load[a] < load[b] else (b, a)
            assert (shares[low], shares[high]) == (1.0, 0.0)


def test_staggered_recovery_by_hand():
    shares = stagger_weights(np.array([2.0, 8.0, 4.0, 6.0]), np.zeros(4))
    added = allocate(np.full((1, 4), 7.0), np.array([12.0]), 0.5, "staggered", shares)
    assert added[0].tolist() == pytest.approx([12.0, 0.0, 8.0, 4.0])  # 24 MW of steps, rooms 6, 0, 4 and 2


def test_margin_by_hand():
    charge, discharge = np.array([[30.0, 20.0, 9.0]]), np.array([[30.0, 18.0, 5.0]])
    peak, flat = discharge_margin(charge, discharge, 0.9, 6.0).T
    assert (peak[0], flat[0]) == pytest.approx((30 - 10 - 6, 18 - 10 - 6))


def test_discharging_is_bounded_by_cars_and_by_responders():
    terms = V2G(response=Ramp(dead_zone=5, saturation=25, max_share=0.15), depth=0.1, wear=6, fee=2)
    high = np.array([[99.0, 99.0]])
    eligible = np.array([0.6, 0.7, 0.0])

    def shares(eligible, eligible_any, responding):
        return discharging_shares(high, terms, np.array(eligible), eligible_any, np.array([responding]))[0].tolist()

    assert shares(eligible, 0.7, 0.5) == pytest.approx([0.15, 0.15])
    assert shares([0.6, 0.05, 0], 0.7, 0.5) == pytest.approx([0.15, 0.05])
    assert shares(eligible, 0.1, 0.5) == pytest.approx([0.05, 0.05])  # a car acts once
    assert shares(eligible, 0.7, 0.2) == pytest.approx([0.1, 0.1])  # who ignores the charge price does not discharge
    assert shares(eligible, 0.7, 0.0) == [0, 0]


def test_the_papers_literal_form_moves_period_means():
    load, period = np.array([10.0, 20.0, 6.0, 4.0]), np.array([0, 0, 1, 2])
    after = period_mean_curve(load, np.array([[0.2, 0.1, 0.5]]), period)[0]
    assert after == pytest.approx([10 - 4.5, 20 - 4.5, 6 + 1.5 - 3, 4 + 3 + 3])
    two = period_mean_curve(load, np.array([[0.2, 0.1, 0.5], [0.0, 0.0, 0.0]]), period)
    assert two.tolist() == [after.tolist(), load.tolist()]
    assert after.sum() != pytest.approx(load.sum())  # energy is not conserved: periods differ in length


def test_bad_ramps_are_named():
    for values in ({"dead_zone": 5, "saturation": 5}, {"dead_zone": -1, "saturation": 5}):
        with pytest.raises(InputError, match="dead_zone"):
            Ramp(**values, max_share=0.5)
    with pytest.raises(InputError, match=r"max_share must be between 0 and 1, not 1\.5"):
        Ramp(dead_zone=1, saturation=5, max_share=1.5)


def test_bad_v2g_terms_are_named():
    good = {"response": Ramp(dead_zone=5, saturation=25, max_share=0.15), "depth": 0.1, "wear": 6.0, "fee": 2.0}
    for name, value, words in (
        ("depth", 1.5, "between 0 and 1"),
        ("depth", -0.1, "between 0 and 1"),
        ("wear", -1.0, "a number from 0 up"),
        ("fee", -1.0, "a number from 0 up"),
    ):
        with pytest.raises(InputError, match=f"{name} must be {words}, not {value}"):
            V2G(**{**good, name: value})
