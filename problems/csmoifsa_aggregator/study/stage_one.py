"""Stage one of a case: the price, and the case of the customers who stay at it."""

from __future__ import annotations

from dataclasses import dataclass

from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.solve.customers import solve_customers
from csmoifsa_aggregator.solve.stackelberg import Solution, solve_game
from csmoifsa_aggregator.solve.watch import Watch


@dataclass(frozen=True, kw_only=True, eq=False)
class StageOne:
    """Price of a case's day.

    Attributes
    ----------
    case : Case
        Case of the customers who stay; the case itself where nobody leaves.
    solution : Solution
        Price, response and profit in the game of that case.
    share : float
        Share of the customers kept, above 0 and at most 1.
    """

    case: Case
    solution: Solution
    share: float = 1.0


def price_case(
    case: Case,
    *,
    margin: float | None = None,
    time_limit: float | None = 120.0,
    integers: bool = True,
    watch: Watch | None = None,
) -> StageOne:
    """Find the best price of a case; parameters and errors are those of `solve_game` and `solve_customers`."""
    if case.customers is None:
        found = solve_game(case.game, margin=margin, time_limit=time_limit, integers=integers, watch=watch)
        return StageOne(case=case, solution=found)
    kept = solve_customers(
        case.game, case.customers, margin=margin, time_limit=time_limit, integers=integers, watch=watch
    )
    return StageOne(case=case.kept(kept.share), solution=kept.solution, share=kept.share)
