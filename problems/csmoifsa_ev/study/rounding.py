"""Round a tariff to multiples of a price step, such as half a cent, within the constraints."""

from __future__ import annotations

from itertools import product

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.direct import Goal

MOST = 2**18
"""Largest number of combinations of multiples that are all tried; of more, this many are drawn."""


def round_tariff(
    problem: EVPricing, tariff: np.ndarray, step: float, goal: Goal | None = None, further: Goal | None = None
) -> np.ndarray:
    """Return the best feasible tariff at multiples of ``step`` near ``tariff``.

    Each price is tried at the multiples next below and above, then at two in each direction; of more than `MOST`
    combinations (five periods and more) as many are drawn. Among tariffs within
    ``further`` the one of the smallest ``goal`` is taken; if there is none, the one whose objectives differ least from
    those of ``tariff``, in the sum of the relative changes.

    Parameters
    ----------
    problem : EVPricing
        Objectives, constraints and bounds.
    tariff : (2 P,) array
        Tariff to be rounded [price unit per kWh].
    step : float
        Price step, above 0 and at most 10 [price unit per kWh].
    goal, further : Goal, optional
        What is minimised, and a constraint that is kept where <= 0.

    Raises
    ------
    InputError
        No such tariff keeps the constraints.
    """
    if not 0 < step <= 10:
        raise InputError(f"--round must be above 0 and at most 10, not {step:g}")
    below = np.floor(tariff / step + 1e-9)
    low, high = problem.price_bounds
    nearest = None
    for multiples in (range(2), range(-1, 3)):
        if len(multiples) ** len(tariff) <= MOST:
            shifts = np.array(list(product(multiples, repeat=len(tariff))))
        else:
            shifts = np.random.default_rng(0).integers(multiples.start, multiples.stop, (MOST, len(tariff)))
        tariffs = np.round((below + shifts) * step, 10)
        tariffs = tariffs[((tariffs >= low) & (tariffs <= high)).all(axis=1)]
        if not len(tariffs):
            continue
        F, G = problem.values(np.vstack([tariff, tariffs]))
        kept = (G[1:] <= 0).all(axis=1)
        if goal is not None and further is not None:
            Q = problem.quantities(tariffs)[0]
            near = kept & (further(tariffs, Q) <= 0)
            if near.any():
                return tariffs[np.where(near, goal(tariffs, Q), np.inf).argmin()]
        if nearest is None and kept.any():
            loss = (np.abs(F[1:] - F[0]) / np.maximum(np.abs(F[0]), 1e-9)).sum(axis=1)
            loss += 1e-6 * np.abs(tariffs - tariff).sum(axis=1)  # among equal differences take the nearest tariff
            nearest = tariffs[np.where(kept, loss, np.inf).argmin()]
    if nearest is not None:
        return nearest
    raise InputError(f"no tariff of multiples of {step:g} near the recommended one keeps the constraints")
