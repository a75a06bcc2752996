"""Direct search of one tariff: sampling and differential evolution over the six prices, for one goal.

Responses have dead zones and saturation, so that goals have several optima, and constraints leave gaps. One evolution
over all prices ends at one of them; `search_everywhere` therefore begins also at the best sampled tariffs that lie
apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, differential_evolution
from scipy.stats import qmc

from csmoifsa_ev.problem.pricing import EVPricing

Goal = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``goal(X, Q)`` returns what is minimised, shape (n,), of tariffs (n, 6) and their `EVPricing.quantities`."""

_REACH, _GRID = 3.0, 31
"""Largest shift of a price in `refine_tariff` [price unit per kWh], and the number of shifts tried."""

_APART, _FAR_APART, _STARTS = 0.8, 3.0, 4
"""Least distance of the starts in `refine_tariff` and in `search_everywhere` [price unit per kWh], and their number."""

_SAMPLE = 16
"""Binary logarithm of the number of tariffs in `sample_tariffs`."""

_INFEASIBLE = 1e6
"""Added to the violation of a tariff, so that every tariff within the constraints is better; goals are of order 1."""


def cost_of(problem: EVPricing, goal: Goal, further: Goal | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of tariffs (n, 6): the goal within the constraints, above 1e6 outside; see `search_tariff`."""

    def cost(tariffs: np.ndarray) -> np.ndarray:
        X = np.ascontiguousarray(tariffs)
        Q, G = problem.quantities(X)
        violation = np.maximum(G, 0.0).sum(axis=1)
        if further is not None:
            violation += np.maximum(further(X, Q), 0.0)
        return np.where(violation > 0, _INFEASIBLE + violation, goal(X, Q))

    return cost


def search_tariff(
    problem: EVPricing,
    goal: Goal,
    *,
    further: Goal | None = None,
    start: np.ndarray | None = None,
    box: float | None = None,
    generations: int = 300,
    seed: int = 0,
) -> np.ndarray | None:
    """Return the tariff (6,) that minimises a goal within the problem's constraints, or None if none keeps them.

    Parameters
    ----------
    problem : EVPricing
        Constraints, bounds and quantities.
    goal : Goal
        What is minimised, scaled to the order of 1.
    further : Goal, optional
        One more constraint, kept where <= 0.
    start : (6,) array, optional
        A tariff to begin with.
    box : float, optional
        Search only within this distance of each price of ``start`` [price unit per kWh].
    generations : int
        Largest number of generations of 64 tariffs.
    seed : int
        Random seed.
    """
    cost = cost_of(problem, goal, further)
    low, high = problem.price_bounds
    if start is not None:
        if box is not None:
            low, high = np.maximum(low, start - box), np.minimum(high, start + box)
        margin = 1e-9 * (high - low)  # scipy refuses a start on a bound where its scaling rounds outwards
        start = np.clip(start, low + margin, high - margin)
    found: OptimizeResult = differential_evolution(
        lambda columns: cost(columns.T),
        np.stack([low, high], axis=1),
        vectorized=True,
        updating="deferred",
        init="sobol",
        popsize=10,
        maxiter=generations,
        tol=1e-7,
        polish=False,
        x0=start,
        rng=seed,
    )
    return None if found.fun >= _INFEASIBLE else np.asarray(found.x)


def refine_tariff(
    problem: EVPricing, goal: Goal, tariff: np.ndarray, *, further: Goal | None = None, seed: int = 0
) -> np.ndarray:
    """Return the best tariff (6,) found near one within the constraints, across gaps that the constraints leave.

    A grid shifts the charge prices, and the discharge prices with the cost of recharging; from the best points of the
    grid that lie apart, and from ``tariff``, a search in a small box follows. The parameters are those of
    `search_tariff`.
    """
    cost = cost_of(problem, goal, further)
    steps = np.linspace(-_REACH, _REACH, _GRID)
    shifts = np.stack([one.ravel() for one in np.meshgrid(steps, steps, steps, indexing="ij")], axis=1)
    points = tariff + np.hstack([shifts, np.repeat(shifts[:, 2:] / problem.day.round_trip, 3, axis=1)])
    points = np.clip(points, *problem.price_bounds)
    starts = _apart(points, cost(points), _APART, [tariff])
    found = [_in_box(problem, goal, further, one, _APART, seed) for one in starts]
    kept = np.array([tariff, *(one for one in found if one is not None)])
    return kept[cost(kept).argmin()]


class Sample(NamedTuple):
    """Tariffs within the constraints, (n, 6), and their `EVPricing.quantities`, (n, k)."""

    X: np.ndarray
    Q: np.ndarray


def sample_tariffs(problem: EVPricing, *, seed: int = 0) -> Sample:
    """Return the tariffs within the constraints among 65,536 of a scrambled Sobol sequence.

    Charge and discharge prices fall from peak to valley. The spread of charge prices over the lowest is scaled by a
    random factor, so that nearly flat tariffs occur; in half of the tariffs discharge prices are lowest.
    """
    low, high = problem.price_bounds
    unit = qmc.Sobol(8, rng=seed).random_base2(_SAMPLE)
    charge = -np.sort(-unit[:, :3], axis=1)
    charge = charge[:, 2:] + (charge - charge[:, 2:]) * unit[:, 6:7]
    discharge = -np.sort(-unit[:, 3:6], axis=1) * (unit[:, 7:] < 0.5)
    X = low + (high - low) * np.hstack([charge, discharge])
    Q, G = problem.quantities(X)
    kept = (G <= 0).all(axis=1)
    return Sample(X[kept], Q[kept])


def search_everywhere(
    problem: EVPricing,
    goal: Goal,
    sample: Sample,
    *,
    further: Goal | None = None,
    start: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray | None:
    """Return the best tariff (6,) of a search over all prices and of searches around the best of a sample.

    Where none of these keeps the constraints, it is the best of their starts that does; None if there is none. The
    parameters are those of `search_tariff`; ``sample`` is from `sample_tariffs`.
    """
    values = goal(sample.X, sample.Q)
    if further is not None:
        values = np.where(further(sample.X, sample.Q) > 0, np.inf, values)
    begin = _apart(sample.X, values, _FAR_APART, [] if start is None else [start])
    found = [search_tariff(problem, goal, further=further, start=start, seed=seed)]
    found += [_in_box(problem, goal, further, one, _FAR_APART, seed) for one in begin]
    kept = [one for one in found if one is not None] or begin
    if not kept:
        return None
    costs = cost_of(problem, goal, further)(np.array(kept))
    return kept[int(costs.argmin())] if costs.min() < _INFEASIBLE else None


def _in_box(
    problem: EVPricing, goal: Goal, further: Goal | None, start: np.ndarray, box: float, seed: int
) -> np.ndarray | None:
    return search_tariff(problem, goal, further=further, start=start, box=box, generations=120, seed=seed)


def _apart(points: np.ndarray, values: np.ndarray, distance: float, first: list[np.ndarray]) -> list[np.ndarray]:
    """Return ``first`` and the best `_STARTS` points whose charge prices lie apart from those before them."""
    chosen = list(first)
    for row in np.argsort(values, kind="stable"):
        if values[row] >= _INFEASIBLE or len(chosen) == _STARTS + len(first):
            break
        if all(np.abs(points[row, :3] - one[:3]).max() > distance for one in chosen):
            chosen.append(points[row])
    return chosen
