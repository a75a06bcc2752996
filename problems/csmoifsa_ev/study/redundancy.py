"""Objectives that say the same or the opposite of each other along a front, by rank correlation."""

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
        if len(F) < 3 or np.ptp(F[:, a]) == 0 or np.ptp(F[:, b]) == 0:
            continue
        rho = float(np.asarray(spearmanr(F[:, a], F[:, b]))[0])
        if abs(rho) >= ALIKE:
            found.append({"objectives": [names[a], names[b]], "rank_correlation": rho, "opposed": rho < 0})
    return found
