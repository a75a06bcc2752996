"""Statistics against examples worked by hand or printed in the sources that they cite."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from csmoifsa_bench.measure import Results
from csmoifsa_bench.statistics import (
    a12,
    compare_over_problems,
    compare_with_first,
    friedman_nemenyi,
    holm,
    magnitude,
    performance_profile,
    rank_over_problems,
    rank_over_runs,
    rank_sum,
    signed_rank,
    too_few_runs,
)
from csmoifsa_bench.suite import check_suite

ALGORITHMS = {"first": "csmoifsa", "second": "nsga2", "third": "moafsa"}


def made(values, metric="igd", stop=100, failures=()):
    """Return results that hold (problem, algorithm) -> values of one metric by repetition, from 1, at one stop."""
    rows = [
        {"problem": problem, "algorithm": algorithm, "repetition": r, "stop": stop, metric: value}
        for (problem, algorithm), column in values.items()
        for r, value in enumerate(column, 1)
    ]
    present = {algorithm for _, algorithm in values}
    problems = sorted({problem for problem, _ in values})
    suite = check_suite(
        {
            "name": "made",
            "budget": stop,
            "problems": [{"name": "zdt1", "label": p, "params": {"n_var": 9 + k}} for k, p in enumerate(problems)],
            "algorithms": [{"name": name, "label": one} for one, name in ALGORITHMS.items() if one in present],
        }
    )
    return Results(
        suite=suite,
        table=pd.DataFrame(rows, columns=["problem", "algorithm", "repetition", "stop", metric]),
        fronts={},
        references={},
        estimated=set(),
        runs=pd.DataFrame(),
        missing=0,
        failed=0,
        failures=set(failures),
        environments=[],
    )


def test_problems_are_the_sample_and_runs_are_counted():
    """Six problems of three runs: five won by 1 to 5 in the median, the sixth lost by 6."""
    values = {}
    for i in range(1, 6):
        values[f"p{i}", "first"], values[f"p{i}", "second"] = [0.0, 0.0, 9.0], [i, i, 8.0]
    values["p6", "first"], values["p6", "second"] = [6.0, 6.0, np.inf], [0.0, 0.0, np.inf]
    results = made(values)
    row = compare_over_problems(results, "igd", 100).iloc[0]
    assert (row.rival, row.runs_won, row.runs_lost, row.problems_won, row.problems_lost) == ("second", 10, 7, 5, 1)
    # W+ = 1 + ... + 5 = 15 and W- = 6: of the 64 signs of six ranks those with the smaller sum at most 6, on both sides
    ranks = range(1, 7)
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=6)]
    assert row.p_signed_rank == pytest.approx(2 * sum(s <= 6 for s in sums) / 64)
    ranking = rank_over_runs(results, "igd", 100)
    assert (ranking.names, ranking.n) == (["first", "second"], 18)
    # ten runs won, seven lost, one shared
    assert ranking.ranks == pytest.approx([(10 + 14 + 1.5) / 18, (20 + 7 + 1.5) / 18])


def test_over_problems_more_hypervolume_is_better_and_holm_counts_the_rivals():
    values = {}
    for i in range(8):
        for algorithm, value in (("first", 0.5), ("second", 0.4 - i / 100), ("third", 0.6 + i / 100)):
            values[f"p{i}", algorithm] = [value]
    frame = compare_over_problems(made(values, "hypervolume"), "hypervolume", 100).set_index("rival")
    assert frame.problems_won.to_dict() == {"second": 8, "third": 0}
    assert frame.problems_lost.to_dict() == {"second": 0, "third": 8}
    assert frame.p_signed_rank.tolist() == pytest.approx([2 / 256, 2 / 256])  # one of 256 signs on either side
    assert frame.holm.tolist() == pytest.approx([4 / 256, 4 / 256])


def test_infinitely_better_and_infinitely_worse_in_two_runs_is_a_tie():
    values = {("a", "first"): [np.inf, 1.0], ("a", "second"): [1.0, np.inf]}
    row = compare_over_problems(made(values), "igd", 100).iloc[0]
    assert (row.runs_won, row.runs_lost, row.problems_won, row.problems_lost, row.p_signed_rank) == (1, 1, 0, 0, 1.0)


def test_a_run_that_one_algorithm_lacks_is_ranked_for_none():
    values = {
        ("a", "first"): [1.0, 1.0],
        ("a", "second"): [2.0, 0.5],
        ("b", "first"): [1.0],
        ("b", "second"): [2.0, 0.0],
    }
    assert rank_over_runs(made(values), "igd", 100).n == 3
    assert compare_over_problems(made({("a", "first"): [1.0]}), "igd", 100).empty


def test_holm_by_hand():
    # sorted .01 .02 .03 .04: x4 = .04, x3 = .06, x2 = .06, x1 = .04 -> a step never falls below the one before
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.7, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.03]) == pytest.approx([0.03])


def test_a12_by_hand():
    # nine pairs of {1, 2, 3} against {2, 3, 4}: 1 beats three, 2 beats two and ties one, 3 beats one and ties one
    assert a12([1, 2, 3], [2, 3, 4]) == pytest.approx((3 + 2.5 + 1.5) / 9)
    assert a12([1, 2, 3], [2, 3, 4], less_is_better=False) == pytest.approx(2 / 9)
    assert a12([1, 1], [1, 1]) == 0.5
    assert a12([1.0], [np.inf]) == 1.0
    assert a12([2, 2], [2, 3], less_is_better=False) == pytest.approx((0.5 + 0) / 2)


def test_magnitudes_are_vargha_and_delaneys():
    assert [magnitude(a) for a in (0.5, 0.56, 0.64, 0.71, 0.29, 0.44)] == [
        *("negligible", "small", "medium", "large", "large", "small")
    ]
    assert [magnitude(a) for a in (0.559, 0.639, 0.709, 0.99, 0.36, 0.361, 0.441)] == [
        *("negligible", "small", "medium", "large", "medium", "small", "negligible")
    ]


def test_signed_rank_by_hand():
    # differences 1..6, all of one sign: W = 0, and 2 of the 2^6 sign patterns are as extreme
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert signed_rank(x, np.zeros(6)) == pytest.approx(2 / 64)
    # one of them, the smallest, the other way: W = 1; patterns with a sum of 0 or 1 are {} and {1}, on both sides
    assert signed_rank(np.array([-1.0, 2, 3, 4, 5, 6]), np.zeros(6)) == pytest.approx(4 / 64)
    assert signed_rank(x, x) == 1.0
    # a pair that is equal says nothing, the others still do
    assert signed_rank(np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8]), np.zeros(9)) < 0.05
    # a failed run is infinitely far; two failed ones are a tie
    assert signed_rank(np.full(6, np.inf), x) == pytest.approx(signed_rank(np.full(6, 99.0), np.zeros(6)), abs=0.02)
    assert signed_rank([np.inf, np.inf], [np.inf, np.inf]) == 1.0


def test_rank_sum_by_hand():
    # {1,2,3} against {4,5,6}: 1 of the C(6,3) = 20 orders on either side
    assert rank_sum([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 20)
    assert rank_sum([1, 1], [1, 1, 1]) == 1.0
    assert rank_sum([1, 1, 1, 1], [2, 2, 2, 2]) < 0.05  # two values are enough to differ


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


@pytest.mark.parametrize(("n", "k"), [(2, 3), (3, 4), (5, 2), (1, 3)])
def test_mean_ranks_by_counting_who_is_better(n, k):
    scores = np.random.default_rng(10 * n + k).integers(0, 4, (n, k)).astype(float)
    ranking = friedman_nemenyi(scores, [f"a{j}" for j in range(k)])
    by_hand = {}
    for j in range(k):
        places = [1 + sum(row < row[j]) + 0.5 * (sum(row == row[j]) - 1) for row in scores]
        by_hand[f"a{j}"] = sum(places) / n
    assert dict(zip(ranking.names, ranking.ranks, strict=True)) == pytest.approx(by_hand)
    assert list(ranking.ranks) == sorted(ranking.ranks)
    assert ranking.n == n
    unit = (k * (k + 1) / (6 * n)) ** 0.5
    assert ranking.critical_difference == pytest.approx(stats.studentized_range.ppf(0.95, k, np.inf) / 2**0.5 * unit)
    for i, j in itertools.product(range(k), repeat=2):
        q = abs(ranking.ranks[i] - ranking.ranks[j]) * 2**0.5 / unit
        assert ranking.p_pairs[i, j] == pytest.approx(min(stats.studentized_range.sf(q, k, np.inf), 1.0))
    assert np.isnan(ranking.statistic) == np.isnan(ranking.p_value) == (n < 2 or k < 3)


def test_friedmans_test_by_its_formula():
    scores = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])  # two blocks of three are enough
    ranking = friedman_nemenyi(scores, ["a", "b", "c"])
    n, k, mean = 2, 3, np.array([1.0, 2.5, 2.5])
    assert ranking.statistic == pytest.approx(12 * n / (k * (k + 1)) * ((mean**2).sum() - k * (k + 1) ** 2 / 4))
    assert ranking.p_value == pytest.approx(np.exp(-ranking.statistic / 2))  # chi-square with two degrees of freedom
    only_two_values = friedman_nemenyi(np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]), ["a", "b", "c"])
    assert only_two_values.statistic == pytest.approx(4.0)


def test_what_cannot_be_ranked_proves_nothing():
    level = friedman_nemenyi(np.ones((3, 3)), ["a", "b", "c"])
    assert np.isnan(level.statistic)
    assert level.ranks.tolist() == [2, 2, 2]
    assert level.cliques() == [(0, 2)]
    alone = friedman_nemenyi(np.array([[3.0], [4.0]]), ["a"])
    assert (alone.ranks.tolist(), alone.p_pairs.tolist(), alone.cliques()) == ([1.0], [[1.0]], [])
    assert np.isnan(alone.critical_difference)
    nothing = friedman_nemenyi(np.empty((0, 2)), ["a", "b"])
    assert nothing.n == 0
    assert np.isnan(nothing.ranks).all()
    assert np.isnan(nothing.critical_difference)
    assert nothing.p_pairs.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert nothing.cliques() == [(0, 1)]


def test_cliques_by_a_plain_search():
    """All stretches within the critical difference, of at least two, that no other such stretch contains."""
    random = np.random.default_rng(5)
    for _ in range(60):
        ranking = friedman_nemenyi(random.random((6, 5)), list("abcde"))
        object.__setattr__(ranking, "critical_difference", float(random.choice([0.5, 0.9, 1.3])))
        ranks, critical = ranking.ranks, ranking.critical_difference
        level = [(i, j) for i in range(5) for j in range(i + 1, 5) if ranks[j] - ranks[i] <= critical]
        longest = [(i, j) for i, j in level if not any((a, b) != (i, j) and a <= i and j <= b for a, b in level)]
        assert ranking.cliques() == longest
    edge = friedman_nemenyi(np.tile([1.0, 2.0, 3.0], (4, 1)), ["a", "b", "c"])
    object.__setattr__(edge, "critical_difference", 1.0)
    assert edge.cliques() == [(0, 1), (1, 2)]


# ---- over results ----


@pytest.mark.parametrize("metric", ["igd", "hypervolume"])
def test_every_column_of_a_comparison_by_hand(metric):
    random = np.random.default_rng(1)
    values = {(p, a): random.random(n) for p in ("p", "q") for a, n in (("first", 9), ("second", 7), ("third", 9))}
    values["p", "third"] = values["p", "first"] + np.linspace(0.5, 0.9, 9)
    values["q", "second"] = np.full(7, 0.25)
    values["q", "first"] = np.full(9, 0.25)
    del values["q", "third"]  # not run
    frame = compare_with_first(made(values, metric), metric, 100)
    assert list(zip(frame.problem, frame.rival, strict=True)) == [("p", "second"), ("p", "third"), ("q", "second")]
    assert list(frame.n) == [7, 9, 7]  # pairs: the repetitions that both have
    for row in frame.itertuples():
        x, y = values[row.problem, "first"], values[row.problem, row.rival]
        assert (row.median, row.rival_median) == (np.median(x), np.median(y))
        assert row.p_signed_rank == signed_rank(x[: len(y)], y)
        assert row.p_rank_sum == rank_sum(x, y)
        assert row.a12 == a12(x, y, less_is_better=metric == "igd")
        assert row.magnitude == magnitude(row.a12)
    assert list(frame.holm) == list(holm(frame.p_signed_rank))
    assert list(frame.holm_rank_sum) == list(holm(frame.p_rank_sum))
    assert frame.holm[1] < 0.05 < frame.holm[0]
    assert list(frame.verdict) == ["=", "+" if metric == "igd" else "-", "="]
    other = made({**values, ("p", "third"): values["p", "first"] - np.linspace(0.5, 0.9, 9)}, metric)
    assert compare_with_first(other, metric, 100).verdict[1] == ("-" if metric == "igd" else "+")


def test_a_rival_that_is_better_most_of_the_time_and_verdicts_at_half():
    better = {("p", "first"): np.arange(20.0), ("p", "second"): np.arange(20.0) + 0.1}
    frame = compare_with_first(made(better), "igd", 100)  # each pair the same way, but the two mix: A is 0.525
    assert 0.5 < frame.a12[0] < 0.56
    assert list(frame.verdict) == ["+"]
    turned = {("p", "first"): better["p", "second"], ("p", "second"): better["p", "first"]}
    assert list(compare_with_first(made(turned), "igd", 100).verdict) == ["-"]
    # the same twenty values, 19 pairs one way: different by the signs, and neither wins more often
    level = compare_with_first(
        made({("p", "first"): np.arange(20.0), ("p", "second"): np.roll(np.arange(20.0), -1)}), "igd", 100
    )
    assert level.holm[0] < 0.05
    assert level.a12[0] == 0.5
    assert list(level.verdict) == ["="]


def test_nothing_to_compare():
    frame = compare_with_first(made({("p", "first"): [1.0, 2.0]}), "igd", 100)
    assert list(frame.columns) == ["problem", "rival", "verdict"]
    assert frame.empty
    assert too_few_runs(frame) == ""
    missing = made({("p", "first"): [1.0, 2.0], ("q", "second"): [1.0, 2.0]})
    assert compare_with_first(missing, "igd", 100).empty


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("rows", [1, 2, 4])
def test_too_few_runs_are_those_that_leave_even_the_largest_difference_level(n, rows):
    """Against the count of signs: of 2^n patterns two, all plus and all minus, are as extreme as all of one sign."""
    patterns = list(itertools.product((-1, 1), repeat=n))
    extreme = sum(abs(sum(one)) == n for one in patterns) / len(patterns)
    values = {(f"p{k}", a): np.arange(n) + (a == "second") * 100.0 for k in range(rows) for a in ("first", "second")}
    frame = compare_with_first(made(values), "igd", 100)
    said = too_few_runs(frame)
    assert bool(said) == (extreme * rows >= 0.05) == bool((frame.verdict == "=").all())
    if said:
        pairs = "1 pair" if n == 1 else f"{n} pairs"
        words = f"{pairs} cannot go below p = {extreme:.3g}, too much for {rows} comparisons: all are level"
        assert said == words


def test_the_row_with_most_pairs_decides_whether_runs_are_too_few():
    frame = pd.DataFrame({"n": [3, 7, 5]})
    assert too_few_runs(frame) == ""
    assert too_few_runs(pd.DataFrame({"n": [3, 6, 5]})).startswith("6 pairs cannot go below p = 0.0312, too much for 3")


@pytest.mark.parametrize("metric", ["igd", "hypervolume"])
def test_ranks_over_problems_by_hand(metric):
    more = metric == "hypervolume"
    values = {
        **{("p", "first"): [1.0, 1.0, 9.0], ("p", "second"): [2.0, 2.0, 0.0], ("p", "third"): [3.0, 3.0, 3.0]},
        **{("q", "first"): [4.0, 4.0, 4.0], ("q", "second"): [2.0, 2.0, 2.0], ("q", "third"): [8.0, 8.0, 8.0]},
        **{("r", "first"): [5.0, 5.0, 5.0], ("r", "second"): [4.0, 4.0, 4.0]},  # the third did not run
        **{("s", "first"): [5.0, 5.0, 5.0], ("s", "second"): [4.0, 4.0, 4.0]},  # the third failed
    }
    ranking = rank_over_problems(made(values, metric, failures=[("s", "third")]), metric, 100)
    less = {"first": (1 + 2 + 2) / 3, "second": (2 + 1 + 1) / 3, "third": (3 + 3 + 3) / 3}
    most = {"first": (3 + 2 + 1) / 3, "second": (2 + 3 + 2) / 3, "third": (1 + 1 + 3) / 3}
    assert dict(zip(ranking.names, ranking.ranks, strict=True)) == pytest.approx(most if more else less)
    assert ranking.n == 3


def test_performance_profile_of_what_is_minimised_and_what_is_maximised():
    ratios = np.array([1.0, 1.5, 2.0, 4.0, 1e9])
    values = {
        **{("p", "first"): [1.0, 1.0, 7.0], ("p", "second"): [2.0, 2.0, 0.0], ("p", "third"): [4.0, 4.0, 4.0]},
        **{("q", "first"): [3.0, 3.0, 3.0], ("q", "second"): [2.0, 2.0, 2.0], ("q", "third"): [5.0, 5.0, 5.0]},
    }
    # igd: p 1, 2, 4 times the best; q 1.5, 1, 2.5 times
    less = performance_profile(made(values), "igd", 100, ratios)
    assert less["first"].tolist() == [0.5, 1.0, 1.0, 1.0, 1.0]
    assert less["second"].tolist() == [0.5, 0.5, 1.0, 1.0, 1.0]
    assert less["third"].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]
    # hypervolume, the best over one's own: p 4, 2, 1; q 5/3, 5/2, 1
    more = performance_profile(made(values, "hypervolume"), "hypervolume", 100, ratios)
    assert more["first"].tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert more["second"].tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert more["third"].tolist() == [1.0, 1.0, 1.0, 1.0, 1.0]


def test_performance_profile_of_failures_and_of_perfect_runs():
    ratios = np.array([1.0, 1.0 / 3.0 * 3.0 + 1e-9, 1e12])
    values = {
        **{("p", "first"): [0.0, 0.0], ("p", "second"): [0.0, 0.0], ("p", "third"): [0.5, 0.5]},
        **{("q", "first"): [0.3, 0.3], ("q", "second"): [np.inf, np.inf]},  # nothing found; not run
    }
    shares = performance_profile(made(values), "igd", 100, ratios)
    assert shares["first"].tolist() == [1.0, 1.0, 1.0]
    assert shares["second"].tolist() == [0.5, 0.5, 0.5]  # two perfect runs are level; finding nothing never counts
    assert shares["third"].tolist() == [0.0, 0.0, 0.0]
    empty = {("p", "first"): [0.0, 0.0], ("p", "second"): [0.5, 0.5], ("p", "third"): [0.25, 0.25]}
    shares = performance_profile(made(empty, "hypervolume"), "hypervolume", 100, ratios)
    assert [shares[one].tolist() for one in shares] == [[0, 0, 0], [1, 1, 1], [0, 0, 1]]
    # a ratio that a rounding error lifts above the one asked for counts as within it
    nearly = {("p", "first"): [0.1 * 3], ("p", "second"): [0.1], ("p", "third"): [1.0]}
    assert 0.1 * 3 / 0.1 > 3
    assert performance_profile(made(nearly), "igd", 100, np.array([3.0, 2.9999]))["first"].tolist() == [1.0, 0.0]
