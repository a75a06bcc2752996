"""Prices that could be others with the same effect: what they could be, and which of them to take.

Responses have dead and saturated zones, and the `paper` objectives see differences between prices only, not their
level. A front found under them holds many tariffs that differ in nothing but what drivers pay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from csmoifsa_ev.problem.pricing import EVPricing

_TOLERANCE = 1e-9
_STEPS = 450
_HALVINGS = 30


def no_effect_ranges(problem: EVPricing, tariff: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Return how far each price could move, alone, without any effect on the objectives or breaking a constraint.

    Parameters
    ----------
    problem : EVPricing
        The problem, whose objectives decide what counts as an effect.
    tariff : (6,) array
        The tariff to move about.

    Returns
    -------
    (6, 2) array
        Lowest and highest equivalent value of each price [price unit per kWh]; both the price itself if it is firm.
    (float, float)
        How far the level of all prices could fall (<= 0) and rise (>= 0) together, along `level_direction`.
    """
    directions = np.vstack([np.eye(6), level_direction(problem, tariff)])
    stretch = np.array([[no_effect_length(problem, tariff, sign * one) for sign in (-1.0, 1.0)] for one in directions])
    stretch = (stretch * [-1.0, 1.0]).round(6)
    return tariff[:, None] + stretch[:6], (float(stretch[6, 0]), float(stretch[6, 1]))


def normalise_prices(problem: EVPricing, front: np.ndarray) -> np.ndarray:
    """Choose among tariffs of equal effect, for each of a front, shape (n, 6).

    A discharge price that moves nobody falls to the least of its range. Then the level of all prices rises as far as
    it has no effect. What stops it, as a rule, is the constraint that the mean price paid stays within the reference:
    drivers then pay per kWh, on average, what they paid before, and the operator's books show the tariff's effect, not
    its level.
    """
    normalised = front.copy()
    for tariff, shares in zip(normalised, problem.outcome(front).discharging_share, strict=True):
        used = (*shares, 0.0)
        for k in (5, 4, 3):
            if used[k - 3] == 0:
                tariff[k] -= no_effect_length(problem, tariff, -np.eye(6)[k])
        direction = level_direction(problem, tariff)
        tariff += no_effect_length(problem, tariff, direction) * direction
    return normalised


def level_direction(problem: EVPricing, tariff: np.ndarray) -> np.ndarray:
    """Return the direction, shape (6,), in which all prices rise and every driver's incentive stays as it is.

    Charge prices rise alike; discharge prices by as much over the round trip, which keeps the margin over recharging.
    Discharge prices at which nobody discharges stay where they are, but in the peak, where a constraint holds them.
    """
    in_flat = problem.outcome(tariff).discharging_share[0, 1] > 0
    gain = 1.0 / problem.day.round_trip
    return np.array([1.0, 1.0, 1.0, gain, gain if in_flat else 0.0, 0.0])


def no_effect_length(problem: EVPricing, tariff: np.ndarray, direction: np.ndarray) -> float:
    """Return how far one may go from a tariff along a direction with nothing changing, >= 0.

    A scan finds where something changes first; halving the step before it finds the place.
    """
    low, high = problem.price_bounds
    here: Any = problem.evaluate(tariff[None], return_values_of=["F"])
    scale = np.maximum(np.abs(here), 1.0)

    def unchanged(lengths: np.ndarray) -> np.ndarray:
        tariffs = tariff + lengths[:, None] * direction
        values: Any = problem.evaluate(tariffs, return_values_of=["F", "G"])
        F, G = values
        same = (np.abs(F - here) <= _TOLERANCE * scale).all(axis=1) & (G <= 0).all(axis=1)
        return same & (tariffs >= low).all(axis=1) & (tariffs <= high).all(axis=1)

    lengths = np.linspace(0.0, float((high - low).max()), _STEPS + 1)
    same = unchanged(lengths)
    if not same[1:].any() and not same[0]:
        return 0.0
    stop = len(same) if same.all() else int(np.argmin(same))
    good, bad = (lengths[stop - 1], lengths[stop]) if 0 < stop < len(same) else (lengths[max(stop - 1, 0)], 0.0)
    if bad > good:
        for _ in range(_HALVINGS):
            middle = 0.5 * (good + bad)
            if unchanged(np.array([middle]))[0]:
                good = middle
            else:
                bad = middle
    return float(good)
