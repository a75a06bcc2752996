"""What parked cars can shift between two to six periods, against linear programs over single sessions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from csmoifsa_ev.model.fleet_sums import FLOW_LIMITS, _flow_limits
from csmoifsa_ev.model.flow_region import FlowProgram, FlowRegion, SessionClasses, flow_pairs


def random_sessions(n_periods, seed, n=60):
    """Return used and free energy (P, n), many of them zero or equal, as of real sessions."""
    rng = np.random.default_rng(seed)
    used, free = rng.integers(0, 6, (2, n_periods, n)) * (rng.random((2, n_periods, n)) < 0.6)
    return used.astype(float), free.astype(float)


def region_of(used, free):
    classes = SessionClasses()
    classes.include(used, free)
    return classes.region()


def largest(region, weights):
    return slow_largest(region.used_mwh, region.free_mwh, weights)


def slow_largest(used, free, weights):
    """Sum over the sessions, one linear program each, written from the definition."""
    total, periods = 0.0, range(len(used))
    pairs = [(a, b) for a in periods for b in reversed(periods) if a < b]
    for session in range(used.shape[1]):
        given = [[float(a == p) for a, _ in pairs] for p in periods]
        taken = [[float(b == p) for _, b in pairs] for p in periods]
        most = [*used[:, session], *free[:, session]]
        total -= linprog(-np.asarray(weights, dtype=float), A_ub=given + taken, b_ub=most).fun
    return total


def random_weights(n_flows, seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 4, n_flows).astype(float), rng.random(n_flows)]


@pytest.mark.parametrize("n_periods", [2, 3, 4, 6])
def test_classes_can_do_what_single_sessions_can(n_periods):
    used, free = random_sessions(n_periods, seed=n_periods)
    region = region_of(used, free)
    for weights in random_weights(len(flow_pairs(n_periods)), seed=1):
        assert largest(region, weights) == pytest.approx(slow_largest(used, free, weights), rel=1e-9)


def test_fewer_classes_than_sessions_and_one_class_would_be_too_many():
    used, free = random_sessions(3, seed=5, n=2000)
    region = region_of(used, free)
    assert region.n_classes < 100
    merged = FlowRegion(used_mwh=used.sum(axis=1, keepdims=True), free_mwh=free.sum(axis=1, keepdims=True))
    assert largest(merged, np.ones(3)) > 1.05 * largest(region, np.ones(3))


def test_three_periods_have_the_seven_limits():
    assert flow_pairs(3) == ((0, 2), (0, 1), (1, 2))
    used, free = random_sessions(3, seed=7, n=500)
    region = region_of(used, free)
    limits = _flow_limits(used, free)
    assert [largest(region, weights) for weights in FLOW_LIMITS[3]] == pytest.approx(limits.tolist())
    for flows in np.random.default_rng(8).random((20, 3)) ** 3:
        factor = (limits / (FLOW_LIMITS[3] @ flows)).min()
        assert FlowProgram(region).fit(flows)[0] == pytest.approx(factor, rel=1e-9)


@pytest.mark.parametrize("n_periods", [2, 4, 6])
def test_flows_are_cut_to_the_edge_and_the_limit_is_true(n_periods):
    used, free = random_sessions(n_periods, seed=10 + n_periods)
    region = region_of(used, free)
    flows = np.random.default_rng(n_periods).random(len(flow_pairs(n_periods)))
    factor, plane = FlowProgram(region).fit(flows)
    assert plane.weights @ flows * factor == pytest.approx(plane.most_mwh, rel=1e-9)
    assert plane.most_mwh == pytest.approx(slow_largest(used, free, plane.weights), rel=1e-9)
    assert FlowProgram(region).fit(factor * flows)[0] == pytest.approx(1.0, rel=1e-9)
    single = FlowRegion(used_mwh=used, free_mwh=free)
    assert FlowProgram(single).fit(flows)[0] == pytest.approx(factor, rel=1e-9)


@pytest.mark.parametrize("n_periods", [1, 7])
def test_other_numbers_of_periods_are_refused(n_periods):
    with pytest.raises(ValueError, match="from 2 to 6"):
        flow_pairs(n_periods)


def test_no_flow_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        FlowProgram(region_of(*random_sessions(2, seed=0))).fit(np.zeros(1))
