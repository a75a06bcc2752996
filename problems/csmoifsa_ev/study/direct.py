"""Direct search of one tariff: differential evolution over the six prices, for one goal within all constraints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult, differential_evolution

from csmoifsa_ev.problem.pricing import EVPricing

Goal = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``goal(X, Q)`` returns what is minimised, shape (n,), of tariffs (n, 6) and their `EVPricing.quantities`."""

_REACH, _GRID = 3.0, 31
"""Largest shift of a price in `refine_tariff` [price unit per kWh], and the number of shifts tried."""

_APART, _STARTS = 0.8, 4
"""Least distance of its starts [price unit per kWh], and their number."""

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
    values = cost(points)
    order = np.argsort(values, kind="stable")
    starts = [tariff]
    for row in order[values[order] < _INFEASIBLE]:
        if len(starts) > _STARTS:
            break
        if all(np.abs(points[row, :3] - one[:3]).max() > _APART for one in starts):
            starts.append(points[row])
    found = [
        search_tariff(problem, goal, further=further, start=one, box=_APART, generations=120, seed=seed)
        for one in starts
    ]
    kept = np.array([tariff, *(one for one in found if one is not None)])
    return kept[cost(kept).argmin()]
