"""Recommend one tariff: the best compromise by direct search, then a stated rule among tariffs nearly as good.

The score of a tariff is the mean over the three objectives of 0 at the worst value among the extremes to 1 at the best
value that any tariff reaches. Many tariffs have nearly the largest score, with other prices, profits and bills; the
rule of `limits.Choice` picks one of them. The recommendation thus depends on the problem and not on a search's course.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, QUANTITIES, acceptable_bill
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.direct import BILL, Goal, Sample, refine_tariff, sample_tariffs, search_everywhere, search_tariff
from csmoifsa_ev.study.no_effect import normalise_prices

NEARNESS = 0.01
"""Weight of the squared distance from the tariff in force, as a share of the mean price, beside profit or bill."""

OVERCHARGE = 10.0
"""Weight of the drivers' bill above the acceptable one beside the operator's profit."""

SLACK = 1e-3
"""An extreme may be worse than the best value by this share of its range, where this improves the other objectives."""

EXACT = 1e-7
"""Scores that differ by no more are equal."""

PROFIT = QUANTITIES.index("operator_profit_per_day")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Scale of the objectives for the score.

    Attributes
    ----------
    best, worst : (3,) arrays
        Best value of each objective, and its worst value at the extremes; to be minimised.
    extremes : (3, 2 P) array
        A tariff of (nearly) the best value of each objective [price unit per kWh].
    """

    best: np.ndarray
    worst: np.ndarray
    extremes: np.ndarray

    def score(self, F: np.ndarray) -> np.ndarray:
        """Return the score of objectives (n, 3), shape (n,); 1 is the best value of each."""
        span = self.worst - self.best
        return np.where(span > 0, (self.worst - F) / np.where(span > 0, span, 1.0), 1.0).mean(axis=1)


@dataclass(frozen=True, kw_only=True)
class Standard:
    """What tariffs of several problems are compared by.

    Attributes
    ----------
    scale : Scale
        Scale of the objectives over all problems.
    best_score : float
        Largest score that any tariff of any problem reaches.
    """

    scale: Scale
    best_score: float


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The recommended tariff, and what it was chosen from.

    Attributes
    ----------
    tariff : (2 P,) array
        The tariff that the rule picks [price unit per kWh].
    best : (2 P,) array
        The problem's tariff of the largest score [price unit per kWh].
    scale : Scale
        Scale of the score.
    score, best_score : float
        Score of the tariff, and the largest score that the tolerance counts from: that of ``best``, or a larger one of
        another problem.
    """

    tariff: np.ndarray
    best: np.ndarray
    scale: Scale
    score: float
    best_score: float


def objective_scale(problem: EVPricing, sample: Sample, *, seed: int = 0) -> Scale | None:
    """Return the scale of the objectives by direct search, or None if no tariff keeps the constraints.

    ``sample`` is from `direct.sample_tariffs`.
    """
    columns = [QUANTITIES.index(name) for name in OBJECTIVE_SETS[problem.objective_set]]
    unit = np.array([unit_of(problem, name) for name in OBJECTIVE_SETS[problem.objective_set]])
    found = [
        search_everywhere(problem, lambda X, Q, k=k: Q[:, columns[k]] / unit[k], sample, seed=seed) for k in range(3)
    ]
    extremes = [one for one in found if one is not None]
    if len(extremes) < 3:
        return None
    F = problem.quantities(np.array(extremes))[0][:, columns]
    best = F.min(axis=0)
    span = np.where(F.max(axis=0) > best, F.max(axis=0) - best, 1.0)
    for k in range(3):
        better = search_everywhere(
            problem,
            lambda X, Q: ((Q[:, columns] - best) / span).sum(axis=1),
            sample,
            further=lambda X, Q, k=k: (Q[:, columns[k]] - best[k]) / span[k] - SLACK,
            start=extremes[k],
            seed=seed,
        )
        extremes[k] = extremes[k] if better is None else better
    worst = problem.quantities(np.array(extremes))[0][:, columns].max(axis=0)
    return Scale(best=best, worst=worst, extremes=np.array(extremes))


def unit_of(problem: EVPricing, name: str) -> float:
    """Return a size of a quantity, so that goals are of the order of 1."""
    if name in ("satisfaction", "largest_bill_rise"):
        return 1.0
    return float(problem.day.before.g1_mw[0]) if name.endswith("_mw") else problem.day.bill_before


def recommend(
    problem: EVPricing,
    *,
    known: np.ndarray | None = None,
    among: Standard | None = None,
    seed: int = 0,
) -> Recommendation | None:
    """Return the recommendation, or None if no tariff keeps the constraints (and comes near ``among``).

    Among tariffs whose score is at most ``choice.tolerance`` below the largest it has the largest profit with a bill of
    drivers that is acceptable, the smallest bill or the nearest prices, as `rule_goal` says.

    Parameters
    ----------
    problem : EVPricing
        The problem.
    known : (n, 2 P) array, optional
        Tariffs within the constraints. Where limits are so narrow that no sampled tariff keeps them, the searches start
        from these instead.
    among : Standard, optional
        Scale and largest score over several problems of which this is one, such as those of other hours.
    seed : int
        Random seed.
    """
    sample = sample_tariffs(problem, seed=seed)
    if known is not None and not len(sample.X):
        sample = Sample(known, problem.quantities(known)[0])
    scale = objective_scale(problem, sample, seed=seed) if among is None else among.scale
    best = None if scale is None else best_tariff(problem, scale, sample, seed=seed)
    if scale is None or best is None:
        return None
    best_score = score_of(problem, scale, best)
    largest = best_score if among is None else max(best_score, among.best_score)
    found = Recommendation(tariff=best, best=best, scale=scale, score=best_score, best_score=largest)
    if largest - best_score > max(problem.day.choice.tolerance, EXACT):
        return None
    rule, further = rule_goal(problem), within_tolerance(problem, found)
    raised = normalise_prices(problem, best[None])[0]
    starts = [one for one in (best, raised) if further(one[None], problem.quantities(one[None])[0])[0] <= 0]
    start = min(starts, key=lambda one: float(rule(one[None], problem.quantities(one[None])[0])[0]))
    picked = search_everywhere(problem, rule, sample, further=further, start=start, seed=seed)
    picked = refine_tariff(problem, rule, start if picked is None else picked, further=further, seed=seed)
    return replace(found, tariff=picked, score=score_of(problem, scale, picked))


def best_tariff(problem: EVPricing, scale: Scale, sample: Sample, *, seed: int = 0) -> np.ndarray | None:
    """Return the tariff (2 P,) of the largest score, or None if none keeps the constraints."""
    return search_everywhere(problem, loss_goal(problem, scale), sample, start=scale.extremes[0], seed=seed)


def score_of(problem: EVPricing, scale: Scale, tariff: np.ndarray) -> float:
    """Return the score of one tariff (2 P,)."""
    return float(1.0 - loss_goal(problem, scale)(tariff[None], problem.quantities(tariff[None])[0])[0])


def loss_goal(problem: EVPricing, scale: Scale) -> Goal:
    """Return 1 less the score, as a `direct.Goal`."""
    columns = [QUANTITIES.index(name) for name in OBJECTIVE_SETS[problem.objective_set]]
    return lambda X, Q: 1.0 - scale.score(Q[:, columns])


def rule_goal(problem: EVPricing) -> Goal:
    """Return what the rule of ``choice.rule`` minimises, as a `direct.Goal`.

    Profit and bill count as shares of the bill before pricing. With the rule profit, `OVERCHARGE` times the part of the
    bill above `outcome.acceptable_bill` is subtracted: a common rise of all prices gains as much profit as it costs
    drivers, so that no bill above it is chosen where a lower one is among the tariffs. `NEARNESS` times the squared
    distance from the tariff in force is added, so that prices without effect on profit and bill stay as they are.
    """
    day, here, rule = problem.day, problem.day.prices.in_force, problem.day.choice.rule
    acceptable = acceptable_bill(day)

    def goal(X: np.ndarray, Q: np.ndarray) -> np.ndarray:
        away = ((X - here) ** 2).sum(axis=1) / day.reference_level**2
        if rule == "nearness":
            return away
        if rule == "bill":
            return Q[:, BILL] / day.bill_before + NEARNESS * away
        above = OVERCHARGE * np.maximum(Q[:, BILL] - acceptable, 0.0)
        return (Q[:, PROFIT] + above) / day.bill_before + NEARNESS * away

    return goal


def within_tolerance(problem: EVPricing, found: Recommendation) -> Goal:
    """Return a `direct.Goal` that is <= 0 for the tariffs that the rule chooses from."""
    tolerance = max(problem.day.choice.tolerance, EXACT)
    loss, most = loss_goal(problem, found.scale), 1.0 - found.best_score + tolerance
    return lambda X, Q: loss(X, Q) - most


def nearly_equal(problem: EVPricing, found: Recommendation, *, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Return the range of each price, of profit and of bill among the tariffs that the rule chose from.

    Returns
    -------
    dict
        Lowest and highest value by the names of `PricingDay.variables` [price unit per kWh],
        ``operator_profit_per_day`` and ``driver_bill_per_day`` [currency/day].
    """
    further, money, level = within_tolerance(problem, found), problem.day.bill_before, problem.day.reference_level
    names = problem.day.variables
    readers: dict[str, Goal] = {name: (lambda X, Q, k=k: X[:, k] / level) for k, name in enumerate(names)}
    readers["operator_profit_per_day"] = lambda X, Q: -Q[:, PROFIT] / money
    readers["driver_bill_per_day"] = lambda X, Q: Q[:, BILL] / money
    sample = sample_tariffs(problem, seed=seed)
    near = np.vstack([found.tariff, sample.X[further(*sample) <= 0]])
    values = problem.quantities(near)[0]
    result = {}
    for name, read in readers.items():
        ends = []
        for sign in (1.0, -1.0):
            tariff = search_tariff(
                problem,
                lambda X, Q, read=read, sign=sign: sign * read(X, Q),
                further=further,
                start=near[(sign * read(near, values)).argmin()],
                generations=120,
                seed=seed,
            )
            tariff = found.tariff if tariff is None else tariff
            ends.append(float(read(tariff[None], problem.quantities(tariff[None])[0])[0]))
        unit = level if name in names else money
        result[name] = (unit * min(ends), unit * max(ends))
    return result
