"""Recommend a tariff that holds under doubt: chosen over draws of all assumptions, keeping promises in most of them.

The tariffs to choose from are those that keep the constraints at the stated assumptions. The rule of
`limits.Choice.robust` measures the loss over the draws of `draws.Draws`; among tariffs whose measure is at most
``choice.tolerance`` above the smallest, ``choice.rule`` picks one by its mean profit or bill over the draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.model.promises import Promise
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import EXACT, Recommendation, Scale, loss_goal, rule_goal
from csmoifsa_ev.study.direct import INFEASIBLE, Goal, apart, evolve, sample_tariffs
from csmoifsa_ev.study.draws import Draws, least_kept, risk
from csmoifsa_ev.study.no_effect import normalise_prices

DRAWS = 200
"""Number of draws to choose over, those of `sensitivity.robustness`."""

_POOL, _STARTS, _BOX = 2_000, 3, 3.0
"""Number of sampled tariffs, and of boxes searched; their half-width, and least distance [price unit per kWh]."""

_BROKEN = 1e3
"""Added to the shortfall of a promise, so that every tariff that keeps all is better; measures are of order 1."""


@dataclass(frozen=True, kw_only=True)
class RobustChoice:
    """The tariff chosen over draws, and what it was chosen by.

    Attributes
    ----------
    tariff : (2 P,) array
        The tariff that the rule picks [price unit per kWh].
    best : (2 P,) array
        The tariff of the smallest measure [price unit per kWh].
    rule : str
        Rule of `limits.Choice.robust`.
    measure, best_measure : float
        Measures of the two over the draws.
    promises : list of Promise
        Promises that it keeps.
    goal, further : Goal
        What the tariff minimises, and what it was chosen within, kept where <= 0; for `rounding.round_tariff`.
    """

    tariff: np.ndarray
    best: np.ndarray
    rule: str
    measure: float
    best_measure: float
    promises: list[Promise]
    goal: Goal
    further: Goal


class Pool(NamedTuple):
    """Tariffs within the constraints, (n, 2 P), and their `Draws.quantities`, (D, n, 10)."""

    X: np.ndarray
    Q: np.ndarray


Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``measure(X, Q)`` returns what is minimised, (n,), of tariffs X (n, 2 P) with the `Draws.quantities` Q (D, n, 10)."""


def recommend_robustly(
    problem: EVPricing, found: Recommendation, known: np.ndarray, promises: list[Promise]
) -> RobustChoice:
    """Return the tariff that ``choice.robust`` chooses over draws among those that keep all promises.

    Parameters
    ----------
    problem : EVPricing
        The problem at the stated assumptions; its constraints hold there.
    found : Recommendation
        The nominal recommendation, with the scale of the objectives.
    known : (n, 2 P) array
        Further tariffs to start from, such as the front.
    promises : list of Promise
        What must hold in a share of the draws. So that it does so on other draws, too, `least_kept` asks for some more
        of these where a tariff can keep it.

    Raises
    ------
    InputError
        No tariff keeps the promises in so many draws; the message states the share that the best reaches.
    """
    draws, choice = Draws(problem, draws=DRAWS), problem.day.choice
    X = np.vstack([found.tariff, found.best, found.scale.extremes, known, sample_tariffs(problem).X[:_POOL]])
    X = X[(problem.quantities(X)[1] <= 0).all(axis=1)]
    pool = Pool(X, draws.quantities(X))
    measure = _measure(problem, found.scale, draws, pool)
    for margin in (True, False):
        needed = [least_kept(one.share, len(draws), margin=margin) for one in promises]
        goal = _kept(draws, promises, needed, measure)
        best, least = _search(draws, goal, pool)
        if least < _BROKEN:
            break
    else:
        raise InputError(_unreached(draws, promises, pool))
    rule, most = rule_goal(problem), least + max(choice.tolerance, EXACT)

    def among_nearly_best(X: np.ndarray, Q: np.ndarray) -> np.ndarray:
        above = goal(X, Q) - most
        return np.where(above > 0, _BROKEN + above, rule(X, Q.mean(axis=0)))

    starts = np.stack([best, normalise_prices(problem, best[None])[0]])
    tariff, _ = _search(draws, among_nearly_best, Pool(starts, draws.quantities(starts)), generations=60)
    tariff, _ = _evolve(draws, among_nearly_best, tariff, _BOX, 150)
    measured = float(measure(tariff[None], draws.quantities(tariff[None]))[0])
    return RobustChoice(
        tariff=tariff,
        best=best,
        rule=choice.robust,
        measure=measured,
        best_measure=least,
        promises=promises,
        goal=lambda X, Q: rule(X, draws.quantities(X).mean(axis=0)),
        further=lambda X, Q: goal(X, draws.quantities(X)) - most,
    )


def _measure(problem: EVPricing, scale: Scale, draws: Draws, pool: Pool) -> Measure:
    """Return the measure of ``choice.robust``; for the rule nominal the loss at the stated assumptions."""
    choice = problem.day.choice
    if choice.robust == "nominal":
        loss = loss_goal(problem, scale)
        return lambda X, Q: loss(X, problem.quantities(X)[0])
    attainable = best_attainable(draws, scale, pool)[:, None] if choice.robust == "regret" else 0.0
    return lambda X, Q: risk(draws.losses(Q, scale) - attainable, choice.robust, choice.tail)


def _kept(draws: Draws, promises: list[Promise], needed: list[int], measure: Measure) -> Measure:
    """Return a measure that is `_BROKEN` and more where a promise holds in fewer draws than needed."""

    def goal(X: np.ndarray, Q: np.ndarray) -> np.ndarray:
        broken = np.zeros(len(X))
        for promise, k in zip(promises, needed, strict=True):
            broken += np.maximum(np.partition(draws.shortfalls(Q, promise), k - 1, axis=0)[k - 1], 0.0)
        return np.where(broken > 0, _BROKEN + broken, measure(X, Q))

    return goal


def _unreached(draws: Draws, promises: list[Promise], pool: Pool) -> str:
    """Return the sentence that no tariff keeps the promises, with the shares that the best reaches."""

    def lack(X: np.ndarray, Q: np.ndarray) -> np.ndarray:
        short = [draws.shortfalls(Q, one) for one in promises]
        missing = [one.share - (part <= 0).mean(axis=0) for one, part in zip(promises, short, strict=True)]
        return np.max(missing, axis=0) + 1e-3 * np.sum([np.maximum(part, 0.0).mean(axis=0) for part in short], axis=0)

    best, _ = _search(draws, lack, pool)
    Q = draws.quantities(best[None])
    texts = [f"{one.text!r} in {(draws.shortfalls(Q, one) <= 0).mean():.1%} of them" for one in promises]
    return (
        f"no tariff was found that keeps each promise in its share of {len(draws)} draws of all assumptions; the best "
        "keeps " + " and ".join(texts) + ". Promise less, or a smaller share"
    )


def best_attainable(draws: Draws, scale: Scale, pool: Pool) -> np.ndarray:
    """Return the smallest loss in each draw of tariffs that keep the constraints at the stated assumptions, (D,)."""
    start = draws.losses(pool.Q, scale).argmin(axis=1)
    least = np.empty(len(draws))
    for k, row in enumerate(start):

        def loss(X: np.ndarray, k: int = k) -> np.ndarray:
            return draws.losses(draws.quantities_in(k, X), scale, k)[0]

        _, least[k] = evolve(_within(draws, loss), *_box(draws, pool.X[row], _BOX), start=pool.X[row], generations=40)
    return least


def _search(draws: Draws, goal: Measure, pool: Pool, generations: int = 40) -> tuple[np.ndarray, float]:
    """Return the tariff of the smallest goal of searches around the best of a pool that lie apart, and its goal."""
    values = goal(*pool)
    starts = apart(pool.X, values, draws.problem.day.n_periods, _BOX, [])[:_STARTS] or [pool.X[values.argmin()]]
    found = [_evolve(draws, goal, one, _BOX, generations) for one in starts]
    return _evolve(draws, goal, min(found, key=lambda one: one[1])[0], _BOX / 4, generations)


def _evolve(draws: Draws, goal: Measure, start: np.ndarray, half: float, generations: int) -> tuple[np.ndarray, float]:
    cost = _within(draws, lambda X: goal(X, draws.quantities(X)))
    found, least = evolve(cost, *_box(draws, start, half), start=start, generations=generations)
    return draws.problem.allowed(found), least


def _box(draws: Draws, middle: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = draws.problem.price_bounds
    return np.maximum(low, middle - half), np.minimum(high, middle + half)


def _within(draws: Draws, goal: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of tariffs (n, 2 P): the goal where they keep the nominal constraints, else above 1e6.

    With a price step it is that of the nearest allowed tariffs.
    """

    def cost(tariffs: np.ndarray) -> np.ndarray:
        X = draws.problem.allowed(tariffs)
        violation = np.maximum(draws.problem.quantities(X)[1], 0.0).sum(axis=1)
        values, kept = INFEASIBLE + violation, np.flatnonzero(violation == 0)
        if len(kept):
            values[kept] = goal(X[kept])
        return values

    return cost
