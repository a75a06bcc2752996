"""Choosing from a front: hand-checked fronts, and properties that hold for any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from csmoifsa.decision import best_acceptable, compromise, extremes, knee, membership, scores
from csmoifsa.errors import InputError

FRONTS = arrays(float, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(-50, 50).map(float))


def test_membership_by_hand():
    F = [[0.0, 10.0], [1.0, 4.0], [4.0, 0.0]]
    assert membership(F).tolist() == [[1.0, 0.0], [0.75, 0.6], [0.0, 1.0]]
    assert scores(F) == pytest.approx(np.array([1.0, 1.35, 1.0]) / 3.35)
    assert compromise(F) == 1
    assert compromise(F, weights=[1, 0]) == 0
    assert extremes(F) == [0, 2]
    assert best_acceptable(F, 1, floor=0.7) == 1
    assert best_acceptable(F, 1, floor=1.0) == 0
    assert best_acceptable([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], 0, floor=0.5) is None


def test_knee_by_hand():
    assert knee([[0.0, 1.0], [0.45, 0.45], [0.1, 0.2], [1.0, 0.0]]) == 2
    assert knee([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.3, 0.3, 0.3]]) == 3
    assert knee([[2.0, 2.0]]) == 0  # no plane: one point


@given(FRONTS)
def test_choices_are_rows_and_memberships_shares(F):
    before = F.copy()
    mu = membership(F)
    assert ((mu >= 0) & (mu <= 1)).all()
    assert scores(F).sum() == pytest.approx(1.0)
    chosen = [compromise(F), knee(F), *extremes(F)]
    assert all(0 <= row < len(F) for row in chosen)
    assert [F[row, k] for k, row in enumerate(extremes(F))] == F.min(axis=0).tolist()
    assert np.array_equal(F, before)


@given(FRONTS, st.integers(0, 2**32 - 1))
def test_scale_and_order_of_rows_do_not_matter(F, seed):
    order = np.random.default_rng(seed).permutation(len(F))
    scaled = 3.0 * F[order] + 7.0
    best = scores(F).max()
    assert scores(scaled)[compromise(scaled)] == pytest.approx(best)
    assert scores(F)[order[compromise(scaled)]] == pytest.approx(best)


@pytest.mark.parametrize("F", [[], [1.0, 2.0], [[]], [[np.nan, 1.0]], [[1.0, np.inf]]])
def test_bad_fronts_are_named(F):
    with pytest.raises(InputError, match="F must"):
        compromise(F)


def test_bad_weights_and_objective_are_named():
    with pytest.raises(InputError, match="weights"):
        compromise([[1.0, 2.0]], weights=[1.0])
    with pytest.raises(InputError, match="weights"):
        compromise([[1.0, 2.0]], weights=[0.0, 0.0])
    with pytest.raises(InputError, match="objective"):
        best_acceptable([[1.0, 2.0]], 2)
