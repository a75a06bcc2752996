"""Stage one: the aggregator's best day-ahead price for drivers who respond to it, with proof of optimality.

First the certificate of linear programs (`alternation`); where its bounds do not meet, a mixed-integer program
(`integers`), in large games near the best price first and then everywhere. Every solver result is verified: drivers
respond to the returned price by sorting, and the status is "proven" only if that profit and the bound agree to 1e-6.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.costs import import_excess
from csmoifsa_aggregator.model.follower import respond
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.alternation import (
    PROVEN,
    VerifiedPrice,
    alternate,
    certify,
    earns_more,
    fit_mean,
    improve,
    meets_bound,
    verify,
)
from csmoifsa_aggregator.solve.bounds import FollowerResponse, supply_binaries
from csmoifsa_aggregator.solve.integers import solve_milp
from csmoifsa_aggregator.solve.supply import Procurement
from csmoifsa_aggregator.solve.watch import ProofState, Stage, Watch

__all__ = ["MARGIN", "PROVEN", "Solution", "fit_mean", "solve_game"]

WIDTHS = (0.01, 0.02)
"""Greatest distances of the search from the best price, relative to the typical price."""

MARGIN = 2e-3
"""Default strict margin between steps used and others, relative to the typical price, so that nobody is indifferent."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """A price with its verified profit and the upper bound of the profit of any price.

    Attributes
    ----------
    status : "proven" or "gap"
        Whether verified profit and upper bound agree to `PROVEN`.
    price : (T,) array
        Price that drivers pay [currency/kWh].
    response : FollowerResponse
        Response of the drivers, ties broken in the leader's favour.
    objective : float
        Verified profit, with drivers who respond to the price by sorting [currency].
    ev_margin, storage : float
        Parts of the profit: bills less procurement of the cars' energy, and the storage's earnings [currency].
    bills, procurement : float
        Bills of the drivers (V2G owners net of what they are paid), and cost of their energy [currency].
    optimistic, guaranteed : float
        Profit at this price if indifferent drivers choose what is best, or worst, for the leader [currency].
    upper_bound, gap : float
        Upper bound of the profit of any price at this margin [currency], and distance of ``objective`` from it,
        relative to it.
    margin : float
        Strict margin kept [currency/kWh].
    binaries : int
        Number of binary variables of the program behind the bound; 0 where linear programs were enough.
    seconds : float
        Wall-clock time of the search [s].
    method : "certificate", "milp" or "alternation"
        Method that found the price.
    supply : Procurement
        Supply of the response's load: storage schedule and costs.
    evidence : str
        Source of the upper bound: ``"linear programs"`` (greatest bills less least cost), ``"linear programs, the
        supply's with binaries"`` (where buying and selling exclude each other), or ``"branch and bound"`` of the game.
        The module `evidence` writes a certificate of it that is checked without a solver.
    """

    status: str
    price: np.ndarray
    response: FollowerResponse
    objective: float
    ev_margin: float
    storage: float
    bills: float
    procurement: float
    optimistic: float
    guaranteed: float
    upper_bound: float
    gap: float
    margin: float
    binaries: int
    seconds: float
    method: str
    supply: Procurement
    evidence: str

    def load_kw(self, game: Game) -> np.ndarray:
        """Return the load of each charge-only class, shape (K, T) [kW]."""
        return self.response.x * game.power_kw[:, None]


def solve_game(
    game: Game,
    *,
    margin: float | None = None,
    time_limit: float | None = 120.0,
    integers: bool = True,
    tries: int | None = None,
    watch: Watch | None = None,
) -> Solution:
    """Find the aggregator's best price and return it with its verified profit and upper bound.

    Parameters
    ----------
    game : Game
        Pricing game of the day.
    margin : float, optional
        Strict margin [currency/kWh]; 0 for the optimistic game of the literature, and always where V2G classes respond
        to the price. Where left out, 0.2 % of the mean of the day-ahead price's absolute value.
    time_limit : float, optional
        Time for the search with mixed-integer programs [s]; None: until the price is proven.
    integers : bool
        Whether mixed-integer programs may be used where the linear programs' bounds do not meet.
    tries : int, optional
        Number of rankings to search where the linear programs' bounds do not meet; where left out, 8,000 for games so
        large that a mixed-integer program needs a good start, else none.
    watch : callable, optional
        Function called with the profit found and the upper bound as they change; it returns True to end the search
        with the best price so far.

    Raises
    ------
    InputError
        The margin is negative or not finite, no plan serves all drivers, or no price within the bounds keeps the margin
        or the import limit; for the import limit the message names the hour and the excess.
    """
    begin = time.perf_counter()
    margin = strict_margin(game, margin)
    found = find_price(game, margin, time_limit, integers=integers, tries=tries, watch=watch)
    if found.best is None or not np.isfinite(found.best.profit):
        raise no_price(game, found.best, margin, proven=found.bound == -np.inf)
    return describe(game, found.best, found, margin, time.perf_counter() - begin)


def strict_margin(game: Game, margin: float | None) -> float:
    """Return the strict margin of a game [currency/kWh], the default where None; see `solve_game`."""
    margin = MARGIN * game.price_scale if margin is None else margin
    if not (np.isfinite(margin) and margin >= 0):
        raise InputError(f"margin must be from 0 up, not {margin}")
    # owners of batteries choose continuously: no margin breaks all their ties
    return 0.0 if game.cars is not None else margin


@dataclass(frozen=True)
class FoundPrice:
    """Best price found, None where there is none, and the upper bound of the profit of any; see `Solution`.

    The bound is minus infinity where it is proven that there is no price.
    """

    best: VerifiedPrice | None
    bound: float
    binaries: int
    method: str
    evidence: str


def find_price(
    game: Game,
    margin: float,
    time_limit: float | None,
    *,
    integers: bool = True,
    tries: int | None = None,
    start: VerifiedPrice | None = None,
    watch: Watch | None = None,
) -> FoundPrice:
    """Return the best price of a game and its upper bound; see `solve_game` for the parameters.

    ``start`` is a price that keeps the margin, to begin with.

    Raises
    ------
    NoPlanError
        No plan serves all drivers.
    """
    begin = time.perf_counter()
    bound, best = certify(game, margin)
    best = start if earns_more(start, best) else best
    stop = _tell(watch, "linear programs", best, bound)
    binaries, method = supply_binaries(game), "certificate"
    evidence = "linear programs" if binaries == 0 else "linear programs, the supply's with binaries"
    if not meets_bound(best, bound):
        method = "alternation"
        if best is not None and not stop:
            rounds = (8000 if game.window.sum() > 1000 else 0) if tries is None else tries
            best = improve(game, best, margin, bound, rounds)
            stop = _tell(watch, "rankings", best, bound)
        if not meets_bound(best, bound) and integers and not stop:
            end = begin + (np.inf if time_limit is None else time_limit)
            if best is not None and game.window.sum() > 1000:
                quarter = time.perf_counter() + (end - time.perf_counter()) / 4
                best = search(game, best, margin, bound, quarter, watch)
            left = None if time_limit is None else max(1.0, end - time.perf_counter())
            found, proven, binaries = solve_milp(game, margin, left, best, watch=_within(watch, best, bound))
            method = "milp"
            best = found if best is None or earns_more(found, best) else best
            reached = -np.inf if best is None else best.profit
            if proven >= reached - PROVEN * abs(reached):  # a verified profit refutes a lower bound
                evidence = "branch and bound" if proven < bound else evidence
                bound = min(bound, proven)
            _tell(watch, "branch and bound", best, bound)
    return FoundPrice(best, bound, binaries, method, evidence)


def _tell(watch: Watch | None, stage: Stage, best: VerifiedPrice | None, bound: float) -> bool:
    """Tell a state, and return whether the search is to end."""
    return watch is not None and bool(watch(ProofState(stage, -np.inf if best is None else best.profit, bound)))


def _within(watch: Watch | None, best: VerifiedPrice | None, bound: float) -> Watch | None:
    """Return the function that a program calls, which never tells less than what is known already."""
    if watch is None:
        return None
    known = -np.inf if best is None else best.profit

    def told(state: ProofState) -> bool | None:
        profit = max(state.profit, known)
        return watch(ProofState(state.stage, profit, max(profit, min(state.bound, bound))))

    return told


def search(
    game: Game, best: VerifiedPrice, margin: float, bound: float, deadline: float, watch: Watch | None = None
) -> VerifiedPrice:
    """Return the best price found near the best one so far, by mixed-integer programs within narrow price bounds.

    With every price held within a hundredth of the typical price of the best one, most steps of most classes are
    decided, and the program is small; when it finds nothing more, twice the width is tried.
    """
    for width in WIDTHS:
        improved = True
        while improved and time.perf_counter() < deadline:
            radius = width * game.price_scale
            near = replace(
                game,
                lower=np.maximum(game.lower, best.price - radius),
                upper=np.minimum(game.upper, best.price + radius),
            )
            left = max(1.0, min(5.0, deadline - time.perf_counter()))
            found, _, _ = solve_milp(near, margin, left, best, gap=1e-3)
            if found is not None:
                found = alternate(game, found.response, margin, bound)
            improved = earns_more(found, best, 1e-5)
            best = found if found is not None and improved else best
            if _tell(watch, "branch and bound", best, bound):
                return best
    return best


def no_price(game: Game, best: VerifiedPrice | None, margin: float, *, proven: bool) -> InputError:
    """Return the error that there is no price.

    Its reasons: drivers would exceed the import limit, V2G drivers discharge too much, or the margin is too wide.

    Parameters
    ----------
    game : Game
        Pricing game of the day.
    best : VerifiedPrice, optional
        Price that keeps the margin.
    margin : float
        Strict margin [currency/kWh].
    proven : bool
        True if there is no price, False if only none was found.
    """
    none = "no price" if proven else "no price was found that"
    if best is None and game.import_limit_kw is not None:
        best = certify(replace(game, import_limit_kw=None), margin)[1]
    if best is None and np.isfinite(game.bill_range).any():
        free = replace(game, mean_weight="time", mean=float(game.upper.mean()), mean_sense="<=", most_paid=None)
        if certify(free, margin)[1] is not None:
            return InputError(
                f"{none} within the bounds makes the mean price that drivers pay what the rule asks for: "
                "change price.mean or mean_ratio, or allow more room: price.band, or price.lower and upper"
            )
    if best is None:
        return InputError(
            f"no price within the bounds leaves a margin of {margin:g} between the hours used and the others; allow "
            "less with --margin, or more room in the prices: price.band, or price.lower and price.upper (lb and ub)"
        )
    if import_excess(load := best.response.net_kw(game), game) <= 0 or game.import_limit_kw is None:
        return InputError(
            f"{none} makes V2G drivers give no more than the others take, and the aggregator "
            "cannot sell it; lower contract.v2g_share, or set contract.stage_one = 'charging'"
        )
    worst = int((load - game.import_limit_kw).argmax())
    sharing = "--margin 0, which lets drivers share hours of equal price, or " if margin > 0 else ""
    return InputError(
        f"{none} keeps drivers below limits.import_limit_kw"
        + (f" with a strict margin of {margin:g}" if margin > 0 else "")
        + f": in {game.hour(worst)} they draw {load[worst] - game.import_limit_kw[worst]:g} kW more than the "
        f"{game.import_limit_kw[worst]:g} kW allowed; try {sharing}a higher limit"
    )


def describe(game: Game, best: VerifiedPrice, found: FoundPrice, margin: float, seconds: float) -> Solution:
    """Return the solution of a game from a verified price, the upper bound of any price's profit, and its origin."""
    bound = found.bound  # it may be too low by a solver's tolerance; the verified profit is exact
    gap = max(0.0, bound - best.profit) / max(abs(bound), 1e-9)
    sound = bound >= best.profit - PROVEN * max(abs(best.profit), 1e-9)
    worst = respond(best.price, game, favour=-game.cheapest)
    guaranteed = verify(game, best.price, FollowerResponse(worst, best.response.cars)).profit
    return Solution(
        status="proven" if gap <= PROVEN and sound else "gap",
        price=best.price,
        response=best.response,
        objective=best.profit,
        ev_margin=best.bills - best.ev_cost,
        storage=best.ev_cost - best.supply.cost,
        bills=best.bills,
        procurement=best.ev_cost,
        optimistic=max(best.profit, verify(game, best.price).profit),
        guaranteed=min(guaranteed, best.profit),
        upper_bound=max(bound, best.profit),
        gap=gap,
        margin=margin,
        binaries=found.binaries,
        seconds=seconds,
        method=found.method,
        supply=best.supply,
        evidence=found.evidence,
    )
