"""Changes of prices without effect on the objectives: find their range, and choose among tariffs of equal effect.

Responses have a dead zone and saturation, and the ``"paper"`` objectives depend on differences between prices, not on
their level. A front under these objectives therefore holds tariffs that differ in the drivers' bill only.
"""

from __future__ import annotations

import numpy as np

from csmoifsa_ev.model.outcome import acceptable_bill
from csmoifsa_ev.model.rules import OFF_STEP
from csmoifsa_ev.problem.pricing import EVPricing

_TOLERANCE = 1e-9
_STEPS = 450
_HALVINGS = 30
_STEP = 0.01
"""Common rise of prices that shows how the bill changes [price unit per kWh]."""


def no_effect_ranges(problem: EVPricing, tariff: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the range in which each price alone can change without effect on the objectives, within the constraints.

    Parameters
    ----------
    problem : EVPricing
        Objectives, constraints and bounds.
    tariff : (2 P,) array
        The tariff [price unit per kWh].

    Returns
    -------
    (2 P, 2) array
        Lowest and highest value of each price without effect [price unit per kWh]; both are the price if every change
        has an effect.
    (float, float)
        Largest common fall (<= 0) and rise (>= 0) of all prices without effect, along `level_direction`
        [price unit per kWh].
    """
    directions = np.vstack([np.eye(problem.n_var), level_direction(problem, tariff)])
    stretch = np.array([[no_effect_length(problem, tariff, sign * one) for sign in (-1.0, 1.0)] for one in directions])
    stretch = (stretch * [-1.0, 1.0]).round(6)
    return problem.allowed((tariff[:, None] + stretch[:-1]).T).T, (float(stretch[-1, 0]), float(stretch[-1, 1]))


def normalise_prices(problem: EVPricing, front: np.ndarray) -> np.ndarray:
    """Return for each tariff of a front the one of equal effect with a standard price level, shape (n, 2 P).

    A discharge price at which no car discharges falls to the lowest value without effect. Then all prices rise or fall
    along `level_direction`, as far as this has no effect, until the drivers' bill is `outcome.acceptable_bill`: that of
    the tariff in force, so that profits of different tariffs can be compared. Multiples of a price step stay such.
    """
    normalised, acceptable, step = front.copy(), acceptable_bill(problem.day), problem.day.rules.step
    outcome = problem.outcome(front)
    for tariff, shares, bill in zip(normalised, outcome.discharging_share, outcome.driver_bill_per_day, strict=True):
        for p, used in reversed(list(enumerate((*shares, 0.0), start=problem.day.n_periods))):
            if used == 0:
                tariff[p] -= no_effect_length(problem, tariff, -np.eye(problem.n_var)[p])
        direction = level_direction(problem, tariff)
        rise = direction if bill < acceptable else -direction
        moved = problem.outcome((tariff + _STEP * rise)[None]).driver_bill_per_day[0]
        most = _STEP * abs(acceptable - bill) / max(abs(moved - bill), 1e-300)  # the bill is linear in a common rise
        length = min(no_effect_length(problem, tariff, rise), most)
        if step is not None:
            length = np.floor(length / step + OFF_STEP) * step
        tariff[:] = problem.allowed(tariff + length * rise)
    return normalised


def level_direction(problem: EVPricing, tariff: np.ndarray) -> np.ndarray:
    """Return the direction, shape (2 P,), of a common rise of prices that leaves every incentive unchanged.

    Charge prices rise by 1, discharge prices by 1 / (eta_c eta_d), so that the margin over recharging is constant.
    A discharge price at which no car discharges does not rise.
    """
    used = problem.outcome(tariff).discharging_share[0] > 0
    return np.array([*np.ones(problem.day.n_periods), *np.where(used, 1.0 / problem.day.round_trip, 0.0), 0.0])


def no_effect_length(problem: EVPricing, tariff: np.ndarray, direction: np.ndarray) -> float:
    """Return the largest length along ``direction`` (2 P,) without effect on the objectives and within the constraints.

    A scan in 450 steps finds the first change; bisection of the step before it finds the length, >= 0. Where prices are
    multiples of a step, lengths are multiples, too, and each price is the nearest one.
    """
    low, high = problem.price_bounds
    step, slack = problem.day.rules.step, 0.0 if problem.day.rules.step is None else _TOLERANCE
    here, _ = problem.values(tariff[None])
    scale = np.maximum(np.abs(here), 1.0)

    def unchanged(lengths: np.ndarray) -> np.ndarray:
        tariffs = tariff + lengths[:, None] * direction
        F, G = problem.values(problem.allowed(tariffs))
        same = (np.abs(F - here) <= _TOLERANCE * scale).all(axis=1) & (G <= 0).all(axis=1)
        return np.asarray(same & (tariffs >= low - slack).all(axis=1) & (tariffs <= high + slack).all(axis=1))

    most = float((high - low).max())
    lengths = np.linspace(0.0, most, _STEPS + 1) if step is None else np.arange(0.0, most + step, step)
    same = unchanged(lengths)
    if not same[1:].any() and not same[0]:
        return 0.0
    stop = len(same) if same.all() else int(np.argmin(same))
    good, bad = (lengths[stop - 1], lengths[stop]) if 0 < stop < len(same) else (lengths[max(stop - 1, 0)], 0.0)
    if bad > good and step is None:
        for _ in range(_HALVINGS):
            middle = 0.5 * (good + bad)
            if unchanged(np.array([middle]))[0]:
                good = middle
            else:
                bad = middle
    return float(good)
