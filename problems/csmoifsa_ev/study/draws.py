"""Tariffs over draws of all assumptions: their losses, risk measures of these, and promises kept."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom, binomtest

from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, QUANTITIES
from csmoifsa_ev.model.promises import Promise
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import BILL, PROFIT, Scale
from csmoifsa_ev.study.sensitivity import draw_days

RISE, REBOUND = QUANTITIES.index("largest_bill_rise"), QUANTITIES.index("rebound_mw")

CONFIDENCE, MARGIN = 0.90, 0.01
"""Confidence of the intervals of shares, and the largest probability that a tariff which keeps a promise in just the
promised share of all draws reaches the number that is asked of a sample."""


class Draws:
    """Days with all assumptions drawn at random, the same for all tariffs (common random numbers).

    Parameters
    ----------
    problem : EVPricing
        The problem with all assumptions at their stated values.
    draws, seed : int
        See `sensitivity.draw_days`.

    Attributes
    ----------
    in_force : (D, 10) array
        The `EVPricing.quantities` of the tariff in force in each draw.
    """

    def __init__(self, problem: EVPricing, *, draws: int = 200, seed: int = 0) -> None:
        self.problem = problem
        self._problems = [
            EVPricing(day, objectives=problem.objective_set) for day in draw_days(problem.day, draws=draws, seed=seed)
        ]
        habits = np.concatenate([problem.day.reference, problem.price_bounds[0][problem.day.n_periods :]])
        self._before = self.quantities(habits[None])[:, 0]  # nobody changes hours
        self.in_force = np.stack([one.quantities_in_force() for one in self._problems])
        self._nominal_before = problem.quantities(habits[None])[0][0]

    def __len__(self) -> int:
        return len(self._problems)

    def quantities(self, X: np.ndarray) -> np.ndarray:
        """Return the `EVPricing.quantities` of tariffs (n, 2 P) in each of D draws, shape (D, n, 10)."""
        return np.stack([one.quantities(X)[0] for one in self._problems])

    def quantities_in(self, draw: int, X: np.ndarray) -> np.ndarray:
        """Return the quantities of tariffs (n, 2 P) in one draw, shape (1, n, 10)."""
        return self._problems[draw].quantities(X)[0][None]

    def losses(self, Q: np.ndarray, scale: Scale, draw: int | None = None) -> np.ndarray:
        """Return 1 less the score of each tariff in each draw, shape (D, n).

        An objective counts as its value before pricing at the stated assumptions, plus its change against before
        pricing in that draw. So what no tariff can change, such as a higher load, does not count, and without doubt the
        loss is that of `choice.recommend`.

        Parameters
        ----------
        Q : (D, n, 10) array
            From `quantities`, or (1, n, 10) of one draw.
        scale : Scale
            Scale of the objectives at the stated assumptions.
        draw : int, optional
            The draw that ``Q`` is of, where it is of one.
        """
        columns = [QUANTITIES.index(name) for name in OBJECTIVE_SETS[self.problem.objective_set]]
        before = self._before if draw is None else self._before[draw : draw + 1]
        F = Q[:, :, columns] - before[:, None, columns] + self._nominal_before[columns]
        return 1.0 - scale.score(F.reshape(-1, 3)).reshape(F.shape[:2])

    def shortfalls(self, Q: np.ndarray, promise: Promise) -> np.ndarray:
        """Return by how much a promise is broken by each tariff in each draw, shape (D, n); kept where <= 0.

        Money counts in bills before pricing, power in peaks before pricing, both at the stated assumptions.
        """
        day = self.problem.day
        if promise.name == "profit":
            return (Q[:, :, PROFIT] + promise.value) / day.bill_before
        if promise.name == "bill_change":
            start = self.in_force[:, None, BILL]
            return (Q[:, :, BILL] - start - promise.value * np.abs(start)) / day.bill_before
        if promise.name == "bill_rise":
            return Q[:, :, RISE] - promise.value
        return (Q[:, :, REBOUND] - promise.value) / float(day.before.g1_mw[0])


def tail_mean(losses: np.ndarray, tail: float) -> np.ndarray:
    """Return the mean of the worst share ``tail`` of losses (D, n), shape (n,).

    It is the conditional value at risk of D equally likely draws (Rockafellar and Uryasev 2002,
    doi:10.1016/S0378-4266(02)00271-6); where ``tail`` times D is no whole number, the last draw counts in part.

    Examples
    --------
    >>> tail_mean(np.array([[1.0], [4.0], [3.0], [0.0]]), 0.375).tolist()  # (4 + 3 / 2) / 1.5
    [3.6666666666666665]
    """
    size = tail * len(losses)
    weights = np.clip(size - np.arange(len(losses)), 0.0, 1.0) / size
    return weights @ -np.sort(-losses, axis=0)


def risk(losses: np.ndarray, rule: str, tail: float) -> np.ndarray:
    """Return a risk measure of losses (D, n), shape (n,).

    It is the mean (rule mean), the mean of the worst share ``tail`` (cvar), or the largest (worst). For the rule regret
    ``losses`` are regrets, and it is the largest of them (Savage 1951, doi:10.1080/01621459.1951.10500768).
    """
    if rule == "mean":
        return losses.mean(axis=0)
    return tail_mean(losses, tail) if rule == "cvar" else losses.max(axis=0)


def least_kept(share: float, draws: int, *, margin: bool) -> int:
    """Return in how many draws a promise must hold.

    With ``margin`` it is the number that a tariff which keeps the promise in just that share of all draws reaches in
    one of a hundred samples at most, and all where there is no such number: the best of many tariffs over a sample is
    worse on other draws.

    Examples
    --------
    >>> least_kept(0.95, 200, margin=False), least_kept(0.95, 200, margin=True), least_kept(0.999, 200, margin=True)
    (190, 197, 200)
    """
    if margin:
        return min(draws, int(binom.isf(MARGIN, draws, share)) + 1)
    return int(np.ceil(share * draws - 1e-9))


def interval(kept: int, draws: int) -> tuple[float, float]:
    """Return the exact confidence interval (Clopper and Pearson 1934) of a share at the level `CONFIDENCE`."""
    found = binomtest(kept, draws).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)
