"""Rank correlation of quantities along a front: trade-offs, and objectives that order a front alike or in reverse."""

from __future__ import annotations

from itertools import combinations
from typing import TypedDict

import numpy as np
from scipy.stats import spearmanr

from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, TariffOutcome

ALIKE = 0.98
"""Least absolute rank correlation at which two objectives are one."""


class RedundantPair(TypedDict):
    """Two objectives that order a front alike or in reverse.

    Attributes
    ----------
    objectives : list of str
        Their two names, of `outcome.QUANTITIES`.
    rank_correlation : float
        Spearman's rank correlation of what is minimised.
    opposed : bool
        Whether a gain in one is a loss in the other all along the front, so that the two cancel in a score.
    """

    objectives: list[str]
    rank_correlation: float
    opposed: bool


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Spearman's rank correlation of two quantities (n,), None below three values or where one is constant."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.asarray(spearmanr(one, other))[0])


def rank_correlations(outcome: TariffOutcome, objectives: str) -> dict[str, float | None]:
    """Return the rank correlation along a front between the third quantity of a set and each of the others.

    Returns
    -------
    dict
        The `rank_correlation` by pair, such as ``"satisfaction, saving_per_day"``, the second quantity first; the pairs
        of the 2022 paper's first figure, and the corresponding ones of other sets.
    """
    first, second, third = OBJECTIVE_SETS[objectives]
    return {
        f"{third}, {other}": rank_correlation(getattr(outcome, third), getattr(outcome, other))
        for other in (second, first)
    }


def redundant_objectives(outcome: TariffOutcome, objectives: str) -> list[RedundantPair]:
    """Return the pairs of objectives that order a front alike or in reverse.

    Parameters
    ----------
    outcome : TariffOutcome
        Effects of the front's tariffs; fewer than three tell nothing.
    objectives : str
        Name of the set of `outcome.OBJECTIVE_SETS`.
    """
    names, F = OBJECTIVE_SETS[objectives], outcome.objectives(objectives)
    found: list[RedundantPair] = []
    for a, b in combinations(range(len(names)), 2):
        rho = rank_correlation(F[:, a], F[:, b])
        if rho is not None and abs(rho) >= ALIKE:
            found.append({"objectives": [names[a], names[b]], "rank_correlation": rho, "opposed": rho < 0})
    return found
