"""Round a tariff to multiples of a price step, such as half a cent, within the constraints."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.problem.pricing import EVPricing


def round_tariff(problem: EVPricing, tariff: np.ndarray, step: float) -> np.ndarray:
    """Return the feasible tariff at multiples of ``step`` whose objectives differ least from those of ``tariff``.

    Each price is tried at the multiples next below and above, then at two in each direction. The difference is the sum
    of the relative changes of the objectives.

    Parameters
    ----------
    problem : EVPricing
        Objectives, constraints and bounds.
    tariff : (6,) array
        Tariff to be rounded [price unit per kWh].
    step : float
        Price step, above 0 and at most 10 [price unit per kWh].

    Raises
    ------
    InputError
        No such tariff keeps the constraints.
    """
    if not 0 < step <= 10:
        raise InputError(f"--round must be above 0 and at most 10, not {step:g}")
    below = np.floor(tariff / step + 1e-9)
    low, high = problem.price_bounds
    for multiples in (range(2), range(-1, 3)):
        shifts = np.array(list(product(multiples, repeat=6)))
        tariffs = np.round((below + shifts) * step, 10)
        tariffs = tariffs[((tariffs >= low) & (tariffs <= high)).all(axis=1)]
        if not len(tariffs):
            continue
        values: Any = problem.evaluate(np.vstack([tariff, tariffs]), return_values_of=["F", "G"])
        F, G = values
        kept = (G[1:] <= 0).all(axis=1)
        if kept.any():
            loss = (np.abs(F[1:] - F[0]) / np.maximum(np.abs(F[0]), 1e-9)).sum(axis=1)
            loss += 1e-6 * np.abs(tariffs - tariff).sum(axis=1)  # among equal differences take the nearest tariff
            return tariffs[np.where(kept, loss, np.inf).argmin()]
    raise InputError(f"no tariff of multiples of {step:g} near the recommended one keeps the constraints")
