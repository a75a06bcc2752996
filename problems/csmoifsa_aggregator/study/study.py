"""Study of one day of the aggregator: stage one with its proof, the contracts, and their value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.model.costs import import_excess
from csmoifsa_aggregator.model.follower import duality_gap
from csmoifsa_aggregator.solve.contracts import StageTwo
from csmoifsa_aggregator.solve.stackelberg import Solution
from csmoifsa_aggregator.solve.watch import Watch
from csmoifsa_aggregator.study.baselines import DayAccount, baselines, contracts, other_load, stages
from csmoifsa_aggregator.study.calls import CallsResult, draw_signal, simulate_calls, ticks_of
from csmoifsa_aggregator.study.stage_one import price_case

SIMULATED_DAYS = 200
"""Number of days of simulated calls of reserve."""


class PriceRules(TypedDict):
    """The price of stage one in the hours used, those in which cars charge.

    Attributes
    ----------
    hours_used : float
        Time in which cars charge [h].
    hours_below_cost : float
        Part of it in which the price lies below the cost of energy, the cheaper of p and p^b [h].
    hours_above_real_time : float
        Part of it in which the price lies above p^b, the expected price of energy in real time [h].
    mean_paid : float
        Mean price that drivers pay, weighted by their net load [currency/kWh].
    """

    hours_used: float
    hours_below_cost: float
    hours_above_real_time: float
    mean_paid: float


@dataclass(frozen=True, kw_only=True, eq=False)
class DayStudy:
    """Result of ``csmoifsa ev aggregate``: one day with stage one and the contracts.

    Attributes
    ----------
    case, solution : Case, Solution
        Case of the day, with the customers kept, and solution of stage one.
    second : StageTwo or None
        Contracts of stage two, with reserve where the case has products; None where nobody has one, or where they are
        left unused.
    unused : str
        Reason why the contracts are left unused, in one sentence; empty otherwise.
    everybody : Case
        Case of the day with all drivers; ``case`` itself where nobody leaves.
    share : float
        Share of the customers kept at the price of stage one.
    alone : StageTwo or None
        Contracts of stage two without reserve, where ``second`` has reserve.
    """

    case: Case
    solution: Solution
    second: StageTwo | None
    unused: str = ""
    everybody: Case
    share: float = 1.0
    alone: StageTwo | None = None

    @cached_property
    def accounts(self) -> list[DayAccount]:
        """Accounts of every way to run the day, uncontrolled charging first and the contracts last."""
        return [
            *baselines(self.everybody),
            *stages(self.everybody, self.solution, (self.alone, self.second), self.case),
        ]

    def hours_outside(self, account: DayAccount) -> float:
        """Return the number of hours in which an account's price is outside the price bounds [h]."""
        game, slack = self.case.game, 1e-6 * self.case.game.price_scale
        outside = (account.price < game.lower - slack) | (account.price > game.upper + slack)
        return float(outside.sum()) * game.dt_h

    def import_excess_kw(self, account: DayAccount) -> float:
        """Return the greatest excess of an account's load over the import limit [kW].

        Only stage one and the contracts are made to keep the limit.
        """
        return import_excess(account.load_kw, self.case.game)

    @cached_property
    def price_rules(self) -> PriceRules:
        """The price of stage one against the cost of energy and the expected real-time price, in the hours used."""
        game, price, slack = self.case.game, self.solution.price, 1e-6 * self.case.game.price_scale
        taken = self.solution.response.load_kw(game)
        if self.solution.response.cars is not None:
            taken = taken + self.solution.response.cars.charge_kw.sum(axis=0)
        used = taken > 1e-6 * taken.max()
        return {
            "hours_used": float(used.sum()) * game.dt_h,
            "hours_below_cost": float((used & (price < game.cheapest - slack)).sum()) * game.dt_h,
            "hours_above_real_time": float((used & (price > game.buy + slack)).sum()) * game.dt_h,
            "mean_paid": self.solution.bills / (float(self.solution.response.net_kw(game).sum()) * game.dt_h),
        }

    @cached_property
    def class_load(self) -> dict[str, np.ndarray]:
        """Load of each class at stage one, (T,) [kW]; of V2G classes that answer the price, charged less discharged."""
        load = dict(zip(self.case.game.names, self.solution.load_kw(self.case.game), strict=True))
        own = self.solution.response.cars
        if self.case.game.cars is not None and own is not None:
            load |= dict(zip(self.case.game.cars.names, own.charge_kw - own.discharge_kw, strict=True))
        return load

    @cached_property
    def contract_load(self) -> dict[str, np.ndarray]:
        """Load of each group of drivers with the contracts, (T,) [kW]; of V2G classes, charged less discharged."""
        if self.second is None or self.case.cars is None:
            return self.class_load
        left = self.solution.load_kw(self.case.game) * (1.0 - self.case.v2g_share)[:, None]
        load = {
            name: one for name, one, s in zip(self.case.game.names, left, self.case.v2g_share, strict=True) if s < 1
        }
        powers = self.second.v2g.charge_kw - self.second.v2g.discharge_kw
        return load | dict(zip(self.case.cars.names, powers, strict=True))

    @cached_property
    def calls(self) -> CallsResult | None:
        """Days of simulated calls on the plan with reserve, always the same signals; None without reserve."""
        if self.second is None or self.case.cars is None or not self.second.reserve:
            return None
        game, rng = self.case.game, np.random.default_rng(1)
        other = other_load(self.case, self.solution)
        per = ticks_of(game.dt_h)
        signals = [
            draw_signal(one.product, per * game.n_steps, game.dt_h / per, SIMULATED_DAYS, rng)
            for one in self.second.reserve
        ]
        return simulate_calls(
            self.case.cars, self.second.v2g, self.second.reserve, game, other, np.stack(signals, axis=1)
        )

    @cached_property
    def duality_gap(self) -> float:
        """Amount that drivers could still save at the price, relative to their bill: 0 but for rounding."""
        return duality_gap(self.solution.price, self.solution.response.x, self.case.game)


def run_day(
    case: Case,
    *,
    margin: float | None = None,
    time_limit: float | None = 120.0,
    integers: bool = True,
    watch: Watch | None = None,
) -> DayStudy:
    """Price a case's day and plan its contracts, which are used only where the aggregator earns no less by them.

    ``margin`` is the strict margin of stage one [currency/kWh], ``time_limit`` limits the mixed-integer
    programs [s], ``integers`` says whether they are used, and ``watch`` is told the state of stage one as it changes.
    """
    everybody = case
    first = price_case(case, margin=margin, time_limit=time_limit, integers=integers, watch=watch)
    case, solution = first.case, first.solution
    second, alone, unused = None, None, ""
    try:
        second = contracts(case, solution)
        if second is not None and case.reserve:
            alone, second = second, contracts(case, solution, reserve=True, time_limit=time_limit)
    except InputError as error:
        unused = f"The contracts are left unused: {error}."
    if second is not None:
        lost = solution.objective - (solution.bills - second.total_cost)
        if lost > 1e-6 * max(1.0, abs(solution.bills)):
            second = alone = None
            unused = (
                f"The contracts are left unused: held to one unbroken stay, and kept above their floor, the "
                f"batteries would cost {lost:,.2f} {case.currency} more than at stage one."
            )
    return DayStudy(
        case=case, solution=solution, second=second, unused=unused, everybody=everybody, share=first.share, alone=alone
    )
