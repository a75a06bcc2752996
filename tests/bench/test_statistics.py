"""Statistics against examples worked by hand or printed in the sources that they cite."""

import numpy as np
import pytest

from csmoifsa_bench.statistics import a12, friedman_nemenyi, holm, magnitude, rank_sum, signed_rank


def test_holm_by_hand():
    # sorted .01 .02 .03 .04: x4 = .04, x3 = .06, x2 = .06, x1 = .04 -> a step never falls below the one before
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.03]) == pytest.approx([0.03])


def test_a12_by_hand():
    # nine pairs of {1, 2, 3} against {2, 3, 4}: 1 beats three, 2 beats two and ties one, 3 beats one and ties one
    assert a12([1, 2, 3], [2, 3, 4]) == pytest.approx((3 + 2.5 + 1.5) / 9)
    assert a12([1, 2, 3], [2, 3, 4], less_is_better=False) == pytest.approx(2 / 9)
    assert a12([1, 1], [1, 1]) == 0.5
    assert a12([1.0], [np.inf]) == 1.0


def test_magnitudes_are_vargha_and_delaneys():
    assert [magnitude(a) for a in (0.5, 0.56, 0.64, 0.71, 0.29, 0.44)] == [
        *("negligible", "small", "medium", "large", "large", "small")
    ]


def test_signed_rank_by_hand():
    # differences 1..6, all of one sign: W = 0, and 2 of the 2^6 sign patterns are as extreme
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert signed_rank(x, np.zeros(6)) == pytest.approx(2 / 64)
    # one of them, the smallest, the other way: W = 1; patterns with a sum of 0 or 1 are {} and {1}, on both sides
    assert signed_rank(np.array([-1.0, 2, 3, 4, 5, 6]), np.zeros(6)) == pytest.approx(4 / 64)
    assert signed_rank(x, x) == 1.0
    # a failed run is infinitely far; two failed ones are a tie
    assert signed_rank(np.full(6, np.inf), x) == pytest.approx(signed_rank(np.full(6, 99.0), np.zeros(6)), abs=0.02)
    assert signed_rank([np.inf, np.inf], [np.inf, np.inf]) == 1.0


def test_rank_sum_by_hand():
    # {1,2,3} against {4,5,6}: 1 of the C(6,3) = 20 orders on either side
    assert rank_sum([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 20)
    assert rank_sum([1, 1], [1, 1, 1]) == 1.0


def test_friedman_and_nemenyi_against_demsars_example():
    """Demšar 2006, table 6 (C4.5 with and without pruning and tuning on 14 data sets), section 3.2.2 and 3.2.3."""
    auc = np.array(
        [
            *([0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967]),
            *([0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931]),
            *([0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875]),
            *([1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669]),
            *([0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970]),
        ]
    )
    names = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
    ranking = friedman_nemenyi(-auc, names)
    mean = dict(zip(ranking.names, ranking.ranks, strict=True))
    # as printed: 3.143, 2.000, 2.893, 1.964
    assert [mean[n] for n in names] == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=0.001)
    # printed chi2 = 9.28, which does not correct for ties; scipy does: 9.28 / (1 - 78 / (14 (4^3 - 4))) with
    # one row of four equal (4^3 - 4 = 60) and three with a pair (2^3 - 2 = 6 each)
    assert ranking.statistic == pytest.approx(9.28 / (1 - 78 / 840), abs=0.02)
    assert ranking.p_value < 0.05
    # q = 2.569 for four: 2.569 sqrt(4 * 5 / (6 * 14)) = 1.25
    assert ranking.critical_difference == pytest.approx(1.25, abs=0.005)
    # the difference between the best and the worst, 1.18, is not enough
    assert ranking.cliques() == [(0, 3)]
    assert ranking.p_pairs[0, 3] > 0.05


def test_nemenyi_tells_apart_what_is_far_enough():
    scores = np.tile([1.0, 2.0, 3.0], (10, 1))
    ranking = friedman_nemenyi(scores, ["a", "b", "c"])
    # q = 2.343 for three: 2.343 sqrt(3 * 4 / 60) = 1.048: neighbours are one rank apart, the ends two
    assert ranking.critical_difference == pytest.approx(1.048, abs=0.001)
    assert ranking.cliques() == [(0, 1), (1, 2)]
    assert ranking.p_pairs[0, 2] < 0.001
    # at the critical difference itself p is 0.05
    edge = friedman_nemenyi(np.tile([1.0, 2.0], (15, 1)), ["a", "b"])
    assert edge.critical_difference == pytest.approx(1.960 * np.sqrt(2 * 3 / 90), abs=0.001)
