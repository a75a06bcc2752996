"""A whole day of the aggregator, ready to be shown: stage one with proof, contracts, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csmoifsa_ev.aggregator.baselines import Outcome, baselines, stages
from csmoifsa_ev.aggregator.case import Case
from csmoifsa_ev.aggregator.contracts import StageTwo, stage_two
from csmoifsa_ev.aggregator.follower import duality_gap
from csmoifsa_ev.aggregator.stackelberg import MARGIN, Solution, solve_game


@dataclass(frozen=True, kw_only=True, eq=False)
class DayStudy:
    """The result of ``csmoifsa ev aggregate``."""

    case: Case
    solution: Solution
    second: StageTwo | None

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """Every way to run the day, from charging on arrival to the contracts."""
        return [*baselines(self.case.game), *stages(self.case, self.solution, self.second)]

    @cached_property
    def duality_gap(self) -> float:
        """By how much drivers could do better at the price, relative to their bill: 0 but for rounding."""
        return duality_gap(self.solution.price, self.solution.response.x, self.case.game)


def run_day(case: Case, *, margin: float = MARGIN, time_limit: float | None = 120.0) -> DayStudy:
    """Price a case's day and plan its contracts."""
    solution = solve_game(case.game, margin=margin, time_limit=time_limit)
    second = None
    if case.cars is not None and case.share.size == case.game.n_classes and np.any(case.share > 0):
        second = stage_two(case.cars, case.game.day_ahead, case.v2g_sell, beta=case.beta)
    return DayStudy(case=case, solution=solution, second=second)
