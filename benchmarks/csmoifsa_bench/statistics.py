"""Statistical tests of differences between algorithms, corrected for multiple comparisons, with effect sizes.

Runs of one repetition share the initial population and the drawn problem and are therefore paired: verdicts use the
signed-rank test; the rank-sum test, which ignores the pairs, is reported too. Over several problems the algorithms'
ranks are compared as in Demšar (2006, JMLR 7:1-30): Friedman's test, then Nemenyi's. All tests are those of scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from csmoifsa_bench.measure import MORE_IS_BETTER, Results, worst

ALPHA = 0.05


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return Holm's (1979) adjusted p-values, (n,), in the order of ``p_values``.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def a12(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, *, less_is_better: bool = True) -> float:
    """Return Vargha and Delaney's A: the chance that a run of ``x`` (n,) beats one of ``y`` (m,), ties counting half.

    Source: Vargha and Delaney 2000, equation 4. 0.5 means no difference, 1 that every run of x is better.

    Examples
    --------
    >>> a12([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]).__round__(3)
    0.778
    """
    a, b = np.asarray(x, dtype=float)[:, None], np.asarray(y, dtype=float)[None, :]
    wins = (a < b) if less_is_better else (a > b)
    return float(np.mean(wins + 0.5 * (a == b)))


def magnitude(a: float) -> str:
    """Return the name of an effect size by Vargha and Delaney: 0.56 small, 0.64 medium, 0.71 large."""
    size = max(a, 1 - a) + 1e-12  # 1 - 0.29 is a hair less than 0.71
    return "large" if size >= 0.71 else "medium" if size >= 0.64 else "small" if size >= 0.56 else "negligible"


def signed_rank(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test on pairs; 1 if all pairs are equal."""
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    difference = np.subtract(
        a, b, out=np.zeros(len(a)), where=a != b
    )  # two failures are a tie, not infinity - infinity
    if not difference.any():
        return 1.0
    with np.errstate(invalid="ignore"):
        return float(np.asarray(stats.wilcoxon(difference))[1])


def rank_sum(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p-value of Wilcoxon's rank-sum test (Mann-Whitney); 1 if all values are equal."""
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if np.unique(np.concatenate([a, b])).size == 1:
        return 1.0
    return float(stats.mannwhitneyu(a, b, alternative="two-sided").pvalue)


def compare_with_first(results: Results, metric: str, stop: int) -> pd.DataFrame:
    """Compare the suite's first algorithm with every other on every problem.

    Returns
    -------
    DataFrame
        problem, rival, n (pairs), median, rival_median, p_signed_rank, p_rank_sum (as they come), holm (the signed-rank
        ones, corrected over all rows), holm_rank_sum, a12, magnitude, verdict: ``+`` the first is better, ``-`` worse,
        ``=`` not told apart at 0.05, or neither wins more often than the other (a12 of 0.5).
    """
    values = results.values(metric, stop)
    less = metric not in MORE_IS_BETTER
    first, rows = results.algorithms[0], []
    for problem in results.problems:
        for rival in results.algorithms[1:]:
            x, y = values.get((problem, first)), values.get((problem, rival))
            if x is None or y is None:
                continue
            both = x.index.intersection(y.index)
            rows.append(
                {
                    "problem": problem,
                    "rival": rival,
                    "n": len(both),
                    "median": float(x.median()),
                    "rival_median": float(y.median()),
                    "p_signed_rank": signed_rank(x.loc[both].to_numpy(), y.loc[both].to_numpy()),
                    "p_rank_sum": rank_sum(x.to_numpy(), y.to_numpy()),
                    "a12": a12(x.to_numpy(), y.to_numpy(), less_is_better=less),
                }
            )
    if not rows:
        return pd.DataFrame(columns=["problem", "rival", "verdict"])
    table = pd.DataFrame(rows)
    table["holm"] = holm(table.p_signed_rank.to_numpy())
    table["holm_rank_sum"] = holm(table.p_rank_sum.to_numpy())
    table["magnitude"] = [magnitude(a) for a in table.a12]
    direction = np.where(table.a12 > 0.5, "+", np.where(table.a12 < 0.5, "-", "="))
    table["verdict"] = np.where(table.holm >= ALPHA, "=", direction)
    return table


def compare_over_problems(results: Results, metric: str, stop: int) -> pd.DataFrame:
    """Compare the suite's first algorithm with every other over all problems and repetitions together.

    A problem's difference is the median of those of its pairs; infinitely better and infinitely worse make a tie.
    Wilcoxon's signed-rank test takes these differences as its sample: many runs of one problem are not many problems.

    Returns
    -------
    DataFrame
        rival, runs_won, runs_lost (pairs of one problem and repetition), problems_won, problems_lost, p_signed_rank
        (over problems, as it comes), holm (corrected over the rivals). Differences of zero count for nobody.
    """
    values = results.values(metric, stop)
    sign = 1.0 if metric in MORE_IS_BETTER else -1.0
    first, rows = results.algorithms[0], []
    for rival in results.algorithms[1:]:
        gains = []
        for problem in results.problems:
            x, y = values.get((problem, first)), values.get((problem, rival))
            if x is None or y is None or x.index.intersection(y.index).empty:
                continue
            both = x.index.intersection(y.index)
            a, b = x.loc[both].to_numpy(float), y.loc[both].to_numpy(float)
            gains.append(sign * np.subtract(a, b, out=np.zeros(len(a)), where=a != b))  # two failures are a tie
        if not gains:
            continue
        runs = np.concatenate(gains)
        with np.errstate(invalid="ignore"):
            medians = np.nan_to_num([np.median(g) for g in gains], posinf=np.inf, neginf=-np.inf)
        rows.append(
            {
                **{"rival": rival, "runs_won": int((runs > 0).sum()), "runs_lost": int((runs < 0).sum())},
                **{"problems_won": int((medians > 0).sum()), "problems_lost": int((medians < 0).sum())},
                "p_signed_rank": signed_rank(medians, np.zeros(len(medians))),
            }
        )
    table = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["rival", "p_signed_rank"])
    table["holm"] = holm(table.p_signed_rank.to_numpy())
    return table


def too_few_runs(comparison: pd.DataFrame) -> str:
    """Return a sentence if a table of `compare_with_first` has too few pairs for a significant result, or ``""``."""
    if comparison.empty or 2.0 ** (1 - comparison.n.max()) * len(comparison) < ALPHA:
        return ""
    n, rows = int(comparison.n.max()), len(comparison)
    pairs = "1 pair" if n == 1 else f"{n} pairs"
    return f"{pairs} cannot go below p = {2.0 ** (1 - n):.3g}, too much for {rows} comparisons: all are level"


@dataclass(frozen=True)
class Ranking:
    """Mean ranks of algorithms over problems, with Friedman's and Nemenyi's tests.

    Attributes
    ----------
    names : list of str
        Labels of the algorithms, by rising mean rank.
    ranks : (k,) array
        Mean ranks, 1 is best.
    n : int
        Number of problems.
    statistic, p_value : float
        Friedman's test; NaN with fewer than three algorithms or two problems.
    critical_difference : float
        Nemenyi's critical difference at 0.05: a larger difference of mean ranks is significant.
    p_pairs : (k, k) array
        Nemenyi's p-values of pairs.
    """

    names: list[str]
    ranks: np.ndarray
    n: int
    statistic: float
    p_value: float
    critical_difference: float
    p_pairs: np.ndarray

    def cliques(self) -> list[tuple[int, int]]:
        """Return the longest groups (first, last) of two and more ranks without a significant difference.

        Without a problem that all algorithms have run there is no test, and all are in one group.
        """
        found: list[tuple[int, int]] = []
        for i in range(len(self.ranks)):
            j = int(np.flatnonzero(~(self.ranks - self.ranks[i] > self.critical_difference))[-1])
            if j > i and not any(j <= b for _, b in found):
                found.append((i, j))
        return found


def rank_over_problems(results: Results, metric: str, stop: int) -> Ranking:
    """Rank algorithms on each problem by the median, and test the mean ranks.

    An algorithm whose runs on a problem all failed has the last rank there; problems that an algorithm has not run are
    left out.
    """
    values, sign = results.values(metric, stop), -1.0 if metric in MORE_IS_BETTER else 1.0
    run = values.keys() | results.failures
    complete = [p for p in results.problems if all((p, a) in run for a in results.algorithms)]
    scores = np.array(
        [[sign * values[p, a].median() if (p, a) in values else np.inf for a in results.algorithms] for p in complete]
    )
    return friedman_nemenyi(scores.reshape(len(complete), len(results.algorithms)), results.algorithms)


def rank_over_runs(results: Results, metric: str, stop: int) -> Ranking:
    """Rank algorithms on each problem and repetition by itself; runs that an algorithm lacks are left out for all."""
    part = results.table.loc[results.table.stop == stop]
    sign = -1.0 if metric in MORE_IS_BETTER else 1.0
    runs = part.pivot(index=["problem", "repetition"], columns="algorithm", values=metric)[results.algorithms].dropna()
    return friedman_nemenyi(sign * runs.to_numpy(), results.algorithms)


def friedman_nemenyi(scores: np.ndarray, names: list[str]) -> Ranking:
    """Return mean ranks of algorithms over problems with Friedman's and Nemenyi's tests.

    Parameters
    ----------
    scores : (n, k) array
        One problem a row, one algorithm a column; smaller is better. Equal scores have their mean rank.
    names : list of str
        Labels of the algorithms.
    """
    n, k = scores.shape
    ranks = stats.rankdata(scores, axis=1).mean(axis=0) if n else np.full(k, np.nan)
    statistic = p_value = np.nan
    if k >= 3 and n >= 2 and np.unique(scores).size > 1:
        test = stats.friedmanchisquare(*scores.T)
        statistic, p_value = float(test.statistic), float(test.pvalue)
    unit = np.sqrt(k * (k + 1) / (6 * n)) if n else np.nan
    critical = float(stats.studentized_range.ppf(1 - ALPHA, k, np.inf)) / np.sqrt(2) * unit if k > 1 else np.nan
    order = np.argsort(ranks, kind="stable")
    ranks = ranks[order]
    apart = np.abs(ranks[:, None] - ranks[None, :]) * np.sqrt(2) / unit
    p_pairs = np.asarray(stats.studentized_range.sf(apart, k, np.inf)) if k > 1 and n else np.ones((k, k))
    return Ranking([names[i] for i in order], ranks, n, statistic, p_value, critical, p_pairs)


def performance_profile(results: Results, metric: str, stop: int, ratios: np.ndarray) -> dict[str, np.ndarray]:
    """Return each algorithm's share of problems on which its median is within each ratio (r,) of the best one's.

    Source: Dolan and Moré 2002. For the hypervolume the ratio is best over own.
    """
    values = results.values(metric, stop)
    medians = np.array(
        [[values[p, a].median() if (p, a) in values else np.nan for a in results.algorithms] for p in results.problems]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric in MORE_IS_BETTER:
            ratio = np.nanmax(medians, axis=1, keepdims=True) / medians
        else:
            ratio = medians / np.nanmin(medians, axis=1, keepdims=True)
    ratio = np.where(np.isnan(ratio), 1.0, ratio)  # 0 / 0: as good as the best
    ratio = np.where(
        np.isnan(medians) | (medians == worst(metric)), np.inf, ratio
    )  # found nothing: solved at no factor
    return {
        name: np.mean(ratio[:, j][None, :] <= ratios[:, None] * (1 + 1e-12), axis=1)
        for j, name in enumerate(results.algorithms)
    }
