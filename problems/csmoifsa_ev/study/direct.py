"""Direct search of one tariff: sampling and differential evolution over all prices, for one goal.

Responses have dead zones and saturation, so that goals have several optima, and constraints leave gaps. One evolution
over all prices ends at one of them; `search_everywhere` therefore begins also at the best sampled tariffs that lie
apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import qmc

from csmoifsa_ev.model.outcome import QUANTITIES, revenue_bounds
from csmoifsa_ev.problem.pricing import EVPricing

Goal = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``goal(X, Q)`` returns what is minimised, shape (n,), of tariffs (n, 2 P) and their `EVPricing.quantities`."""

_REACH, _GRID = 3.0, 31
"""Largest shift of a price in `refine_tariff` [price unit per kWh], and the number of shifts tried of each price."""

_MOST_SHIFTS = 32_768
"""Largest number of combinations of shifts that are all tried; of more periods as many are drawn."""

_APART, _FAR_APART, _STARTS = 0.8, 3.0, 4
"""Least distance of the starts in `refine_tariff` and in `search_everywhere` [price unit per kWh], and their number."""

_SAMPLE = 16
"""Binary logarithm of the number of tariffs in `sample_tariffs`."""

_POINTS, _BASES, _AGREE = 128, 12, 1e-7
"""Number of points of `evolve`, of the best ones that it moves from, and relative spread of costs at which it ends."""

BILL = QUANTITIES.index("driver_bill_per_day")

INFEASIBLE = 1e6
"""Added to the violation of a tariff, so that every tariff within the constraints is better; goals are of order 1."""


def cost_of(problem: EVPricing, goal: Goal, further: Goal | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of tariffs (n, 2 P): the goal within the constraints, above 1e6 outside.

    With a price step it is that of the nearest allowed tariffs.
    """

    def cost(tariffs: np.ndarray) -> np.ndarray:
        X = np.ascontiguousarray(problem.allowed(tariffs))
        Q, G = problem.quantities(X)
        violation = np.maximum(G, 0.0).sum(axis=1)
        if further is not None:
            violation += np.maximum(further(X, Q), 0.0)
        return np.where(violation > 0, INFEASIBLE + violation, goal(X, Q))

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
    """Return the tariff (2 P,) that minimises a goal within the problem's constraints, or None if none keeps them.

    Parameters
    ----------
    problem : EVPricing
        Constraints, bounds and quantities.
    goal : Goal
        What is minimised, scaled to the order of 1.
    further : Goal, optional
        One more constraint, kept where <= 0.
    start : (2 P,) array, optional
        A tariff to begin with.
    box : float, optional
        Search only within this distance of each price of ``start`` [price unit per kWh].
    generations : int
        Largest number of generations of 128 tariffs.
    seed : int
        Random seed.
    """
    low, high = problem.price_bounds
    if start is not None:
        if box is not None:
            low, high = np.maximum(low, start - box), np.minimum(high, start + box)
        start = np.clip(start, low, high)
    cost = cost_of(problem, goal, further)
    found, value = evolve(cost, low, high, start=start, generations=generations, seed=seed)
    return None if value >= INFEASIBLE else problem.allowed(found)


def evolve(
    cost: Callable[[np.ndarray], np.ndarray],
    low: np.ndarray,
    high: np.ndarray,
    *,
    start: np.ndarray | None = None,
    generations: int = 300,
    seed: int = 0,
) -> tuple[np.ndarray, float]:
    """Return the point (k,) of the least cost that differential evolution finds in a box, and its cost.

    It is DE/best/1/bin of Storn and Price (1997, doi:10.1023/A:1008202821328) with 128 points, a scale drawn from .5 to
    1 for each and a crossover rate of .7. One of the twelve best points is moved, as in JADE (Zhang and Sanderson 2009,
    doi:10.1109/TEVC.2009.2014613): from the best alone, ends of ridges are missed. scipy's ``differential_evolution``
    lacks that, and draws the partners of each point by a call of Python, which takes several times as long.

    Parameters
    ----------
    cost : callable
        ``cost(X)`` returns what is minimised, shape (n,), of points (n, k).
    low, high : (k,) arrays
        Bounds of the box.
    start : (k,) array, optional
        A point to begin with, within the bounds.
    generations : int
        Largest number of generations; it ends before when the costs of all points agree to 1e-7 of their mean.
    seed : int
        Random seed.
    """
    rng = np.random.default_rng(seed)
    rows, k = np.arange(_POINTS), len(low)
    points = low + (high - low) * qmc.Sobol(k, rng=rng).random(_POINTS)
    if start is not None:
        points[0] = start
    costs = cost(points)
    for _ in range(generations):
        if costs.std() <= _AGREE * abs(costs.mean()):
            break
        first = (rows + rng.integers(1, _POINTS, _POINTS)) % _POINTS
        second = (rows + rng.integers(1, _POINTS, _POINTS)) % _POINTS
        bases = rng.choice(np.argsort(costs)[:_BASES], _POINTS)
        moved = points[bases] + rng.uniform(0.5, 1.0, (_POINTS, 1)) * (points[first] - points[second])
        outside = (moved < low) | (moved > high)
        moved = np.where(outside, rng.uniform(low, high, moved.shape), moved)
        crossed = rng.random(moved.shape) < 0.7
        crossed[rows, rng.integers(k, size=_POINTS)] = True
        trial = np.where(crossed, moved, points)
        values = cost(trial)
        better = values <= costs
        points[better], costs[better] = trial[better], values[better]
    best = int(costs.argmin())
    return points[best], float(costs[best])


def refine_tariff(
    problem: EVPricing, goal: Goal, tariff: np.ndarray, *, further: Goal | None = None, seed: int = 0
) -> np.ndarray:
    """Return the best tariff (2 P,) found near one within the constraints, across gaps that the constraints leave.

    A grid shifts the charge prices, and the discharge prices with the cost of recharging; from the best points of the
    grid that lie apart, and from ``tariff``, a search in a small box follows. The parameters are those of
    `search_tariff`.
    """
    cost = cost_of(problem, goal, further)
    n_periods = problem.day.n_periods
    if _GRID**n_periods <= _MOST_SHIFTS:
        steps = np.linspace(-_REACH, _REACH, _GRID)
        shifts = np.stack([one.ravel() for one in np.meshgrid(*[steps] * n_periods, indexing="ij")], axis=1)
    else:
        shifts = _REACH * (2.0 * qmc.Sobol(n_periods, rng=seed).random(_MOST_SHIFTS) - 1.0)
    recharging = np.repeat(shifts[:, -1:] / problem.day.round_trip, n_periods, axis=1)
    points = tariff + np.hstack([shifts, recharging])
    points = np.clip(points, *problem.price_bounds)
    starts = apart(points, cost(points), n_periods, _APART, [tariff])
    found = [_in_box(problem, goal, further, one, _APART, seed) for one in starts]
    kept = np.array([tariff, *(one for one in found if one is not None)])
    best = kept[cost(kept).argmin()]
    return _descend(problem, cost, best)


def _descend(problem: EVPricing, cost: Callable[[np.ndarray], np.ndarray], tariff: np.ndarray) -> np.ndarray:
    """Return a tariff (2 P,) that no move of one or two prices by one or two price steps improves; as it is without.

    Each time the best move is made.
    """
    step = problem.day.rules.step
    if step is None:
        return tariff
    single = np.vstack([np.eye(len(tariff)) * k for k in (-2, -1, 1, 2)])
    moves = step * np.unique((single[:, None] + single).reshape(-1, len(tariff)), axis=0)
    while True:
        near = problem.allowed(np.vstack([tariff, tariff + moves]))
        values = cost(near)
        if values[0] <= values.min():
            return near[0]
        tariff = near[values.argmin()]


class Sample(NamedTuple):
    """Tariffs within the constraints, (n, 2 P), and their `EVPricing.quantities`, (n, k)."""

    X: np.ndarray
    Q: np.ndarray


def sample_tariffs(problem: EVPricing, *, seed: int = 0) -> Sample:
    """Return the tariffs within the constraints among 65,536 of a scrambled Sobol sequence.

    Charge and discharge prices fall from the dearest to the cheapest period. The spread of charge prices over the
    lowest is scaled by a random factor, so that nearly flat tariffs occur; in half of the tariffs discharge prices are
    lowest.
    """
    low, high = problem.price_bounds
    n = problem.day.n_periods
    unit = qmc.Sobol(2 * n + 2, rng=seed).random_base2(_SAMPLE)
    charge, discharge = unit[:, :n], unit[:, n : 2 * n]
    for kind in problem.day.kinds:
        own = kind.own
        charge[:, own] = -np.sort(-charge[:, own], axis=1)
        cheapest = charge[:, kind.cheapest, None]
        charge[:, own] = cheapest + (charge[:, own] - cheapest) * unit[:, 2 * n : 2 * n + 1]
        discharge[:, own] = -np.sort(-discharge[:, own], axis=1)
    discharge = discharge * (unit[:, 2 * n + 1 :] < 0.5)
    X = problem.allowed(levelled(problem, low + (high - low) * np.hstack([charge, discharge])))
    Q, G = problem.quantities(X)
    kept = (G <= 0).all(axis=1)
    return Sample(X[kept], Q[kept])


def levelled(problem: EVPricing, X: np.ndarray) -> np.ndarray:
    """Return tariffs (n, 2 P) at the level of charge prices that a limit of the revenue asks for, within the bounds.

    All charge prices of a tariff rise or fall alike, which moves no load; without such a limit tariffs are as they are.
    """
    bounds, day = revenue_bounds(problem.day), problem.day
    if bounds is None:
        return X
    mean = problem.quantities(X)[0][:, BILL] / (day.total_energy_mwh * day.prices.per_mwh)
    moved = X.copy()
    moved[:, : day.n_periods] += (0.5 * sum(bounds) - mean)[:, None]
    return np.clip(moved, *problem.price_bounds)


def search_everywhere(
    problem: EVPricing,
    goal: Goal,
    sample: Sample,
    *,
    further: Goal | None = None,
    start: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray | None:
    """Return the best tariff (2 P,) of a search over all prices and of searches around the best of a sample.

    Where none of these keeps the constraints, it is the best of their starts that does; None if there is none. The
    parameters are those of `search_tariff`; ``sample`` is from `sample_tariffs`.
    """
    values = goal(sample.X, sample.Q)
    if further is not None:
        values = np.where(further(sample.X, sample.Q) > 0, np.inf, values)
    n_periods = problem.day.n_periods
    begin = apart(sample.X, values, n_periods, _FAR_APART, [] if start is None else [start])
    found = [search_tariff(problem, goal, further=further, start=start, seed=seed)]
    found += [_in_box(problem, goal, further, one, _FAR_APART, seed) for one in begin]
    kept = [one for one in found if one is not None] or begin
    if not kept:
        return None
    cost = cost_of(problem, goal, further)
    costs = cost(np.array(kept))
    return _descend(problem, cost, kept[int(costs.argmin())]) if costs.min() < INFEASIBLE else None


def _in_box(
    problem: EVPricing, goal: Goal, further: Goal | None, start: np.ndarray, box: float, seed: int
) -> np.ndarray | None:
    return search_tariff(problem, goal, further=further, start=start, box=box, generations=120, seed=seed)


def apart(
    points: np.ndarray, values: np.ndarray, n_prices: int, distance: float, first: list[np.ndarray]
) -> list[np.ndarray]:
    """Return ``first`` and the best `_STARTS` points whose first ``n_prices`` prices lie apart from those before."""
    chosen = list(first)
    for row in np.argsort(values, kind="stable"):
        if values[row] >= INFEASIBLE or len(chosen) == _STARTS + len(first):
            break
        if all(np.abs(points[row, :n_prices] - one[:n_prices]).max() > distance for one in chosen):
            chosen.append(points[row])
    return chosen
