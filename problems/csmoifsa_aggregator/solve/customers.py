"""Stage one with customers who leave: the best price where the share kept falls with the mean price paid.

With L(c) the load of all drivers at a price c, B(c) their bills, m(c) the mean price that they pay and s = share(m(c)),
the profit is ``f(c) = s B(c) - cost(s L(c))``, the storage's own earnings left out. On a range [a, b] of m let
``h(c) = B(c) - cost(s_b L(c)) / s_b``, s_b = share(b). The cost is convex and 0 without load, so ``f(c) <= s h(c)``,
with equality where the cost is linear. The ratio h / (1 / s) is maximised as by Dinkelbach (1967,
doi:10.1287/mnsc.13.7.492): for a profit F to beat, `stackelberg.find_price` maximises

``h(c) - F (1 / share(m(c)) - 1 / share(a))``.

With U an upper bound of it, ``f(c) <= max(F, share(a) U)`` for every price c in the range; U and the bound meet at F.
1 / share is convex in m, and m is linear in the followers' multipliers, so tangents state it within the programs.
Of V2G drivers who answer the price with their batteries m counts what they bear, bills and wear, and the energy that
they need, so that it is linear in their multipliers, too.
Ranges that do not meet F are split (branch and bound).
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.customers import LEAST_SHARE, Customers, Forgone
from csmoifsa_aggregator.model.follower import bills
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.alternation import PROVEN, NoPlanError, VerifiedPrice, verify
from csmoifsa_aggregator.solve.batteries import add_batteries
from csmoifsa_aggregator.solve.bounds import best_price, greatest_bills, least_cost
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.stackelberg import (
    FoundPrice,
    Solution,
    describe,
    find_price,
    no_price,
    solve_game,
    strict_margin,
)
from csmoifsa_aggregator.solve.supply import procure
from csmoifsa_aggregator.solve.watch import ProofState, Watch

ROUNDS = 200
"""Greatest number of programs solved."""

NEAR = 1e-4
"""Relative distance of bound and profit at which the search ends where the cost of a kWh depends on the number kept."""

POLISH = 40
"""Greatest number of linear programs for the best price of a response."""

TANGENTS = 9
"""Number of tangents of 1 / share in a range, beside those at the prices found."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptSolution:
    """Solution of stage one where customers leave.

    Attributes
    ----------
    share : float
        Share of the customers kept at the price, above 0 and at most 1.
    game : Game
        Game of the customers kept.
    solution : Solution
        Price, response and profit in this game; its upper bound is that of the profit of any price, each with the
        customers that it keeps.
    """

    share: float
    game: Game
    solution: Solution


def mean_paid(game: Game, price: np.ndarray) -> float:
    """Return the mean price that drivers pay at a price (T,) for the energy that they need [currency/kWh].

    V2G drivers who answer the price with their batteries pay their bill, less what they are paid, and bear the wear.
    """
    borne = float(bills(price, game).sum())
    if game.cars is not None:
        borne += _least_borne(game.cars, price, price)
    return borne / game.needed_kwh


def _least_borne(cars: Batteries, buy: np.ndarray, sell: np.ndarray) -> float:
    """Return the least cost of V2G drivers at prices of charging and of discharging (T,), wear included [currency].

    Charging and discharging at once is ruled out by binaries where it pays at different prices but at no equal ones:
    where they are not below zero.
    """
    program = Program()
    _, t = cars.places
    add_batteries(program, cars, buy, sell, binaries=cars.circular(buy, sell) & (buy[t] >= 0))
    return program.solve(gap=1e-9).bound


def solve_customers(
    game: Game,
    customers: Customers,
    *,
    margin: float | None = None,
    time_limit: float | None = 120.0,
    integers: bool = True,
    tries: int | None = None,
    watch: Watch | None = None,
) -> KeptSolution:
    """Find the aggregator's best price where the share of customers kept falls with the mean price that they pay.

    Parameters
    ----------
    game : Game
        Pricing game of all drivers.
    customers : Customers
        Share of customers kept.
    margin, time_limit, integers, tries, watch
        As in `solve_game`; the time limit holds for all programs together.

    Raises
    ------
    InputError
        The game has a storage whose use depends on the load; the margin is not valid; no price within the bounds keeps
        margin and import limit, or V2G drivers within what the others take; hardly anybody stays at any price; or every
        price loses money by the customers it keeps, so that keeping nobody would be best.
    """
    begin = time.perf_counter()
    if game.storage is not None and not game.separable:
        raise InputError(
            "[customers] cannot be used beside a storage whose best use depends on the cars; leave out [storage], or "
            "[limits], market.demand_charge, a sale price below the price of energy and contract.stage_one = 'battery'"
        )
    search = _Search(game, customers, strict_margin(game, margin), integers=integers, tries=tries)
    share = customers.share(search.low)
    if share == customers.share(search.high):  # the price loses nobody: the game of those who stay anyway
        kept = game.scaled(share)
        solution = solve_game(kept, margin=margin, time_limit=time_limit, integers=integers, tries=tries, watch=watch)
        return KeptSolution(share=share, game=kept, solution=solution)
    search.run(None if time_limit is None else begin + time_limit, watch)
    best = search.best
    if best is None:
        raise search.nothing_found()
    if search.best_profit < 0 and search.beyond:
        raise InputError(
            f"every price loses money by the customers it keeps, {-search.best_profit:.6g} at the least, while at the "
            "dearest prices nobody stays: keeping nobody is best; lower the cost of energy, or raise the "
            "competitor's price in [customers]"
        )
    found = replace(search.found, bound=search.bound + search.alone)
    solution = describe(best.game, best.price, found, search.margin, time.perf_counter() - begin)
    return KeptSolution(share=best.share, game=best.game, solution=solution)


@dataclass(frozen=True)
class _Kept:
    share: float
    game: Game
    price: VerifiedPrice
    mean_paid: float


@dataclass(order=True)
class _Range:
    """A range of the mean price paid; those of the greatest upper bound come first."""

    key: float
    low: float = field(compare=False)
    high: float = field(compare=False)
    points: tuple[float, ...] = field(compare=False, default=())
    exact: bool = field(compare=False, default=False)

    @property
    def bound(self) -> float:
        return -self.key


class _Search:
    """Branch and bound over ranges of the mean price paid. Profits leave out the storage's own earnings, ``alone``."""

    def __init__(self, game: Game, customers: Customers, margin: float, *, integers: bool, tries: int | None) -> None:
        self.game, self.customers, self.margin = game, customers, margin
        self.integers, self.tries = integers, tries
        self.plain = replace(game, storage=None)
        self.alone = 0.0 if game.storage is None else -procure(np.zeros(game.n_steps), game).cost
        limited = game.import_limit_kw is not None or game.block_kw is not None or game.demand_charge > 0
        self.linear = game.separable or (game.cars is not None and not limited)
        energy = game.needed_kwh
        low, high = (float(bills(end, game).sum()) / energy for end in (game.lower, game.upper))
        if game.cars is not None:
            low += _least_borne(game.cars, game.lower, game.upper) / energy
            high = greatest_bills(self.plain)[0] / energy
        low, high = max(low, game.bill_range[0] / energy), min(high, game.bill_range[1] / energy)
        slack = 1e-9 * game.price_scale
        low, high = low - slack, high + slack
        self.low, self.high = low, min(high, customers.price_of(LEAST_SHARE))
        self.beyond = self.high < high
        if customers.share(low) <= LEAST_SHARE:
            raise InputError(
                f"not even {LEAST_SHARE:g} of the customers stay at the least mean price that the bounds allow, "
                f"{low:g}; lower price.lower, or raise the competitor's price in [customers]"
            )
        self.best: _Kept | None = None
        self.found = FoundPrice(None, -np.inf, 0, "certificate", "linear programs")
        self.closed = -np.inf  # greatest bound among ranges that are not split further
        self.heap: list[_Range] = []
        self.state = ProofState("customers", -np.inf, np.inf)

    @property
    def best_profit(self) -> float:
        return -np.inf if self.best is None else self.best.price.profit - self.alone

    @property
    def bound(self) -> float:
        """Upper bound of the profit of any price, the storage's own earnings left out [currency]."""
        left = [one.bound for one in self.heap]
        return max(self.best_profit, self.closed, self._beyond(), *left)

    def _beyond(self) -> float:
        """Return a bound of the profit where less than `LEAST_SHARE` stay, minus infinity where there is no such price.

        A kWh costs at least its least price.
        """
        if not self.beyond:
            return -np.inf
        most, _ = greatest_bills(self.plain)
        price = self.game.least_price
        least = float(bills(price, self.game).sum())
        if self.game.cars is not None:
            free = replace(self.plain, import_limit_kw=None, block_kw=None, block_premium=None, demand_charge=0.0)
            least, _ = least_cost(replace(free, buy=price))
        return LEAST_SHARE * max(0.0, most - least)

    def run(self, deadline: float | None, watch: Watch | None) -> None:
        """Search until the bounds meet, nothing is left to split, or time or rounds are used up."""
        self.heap = [_Range(-np.inf, self.low, self.high)]
        for _ in range(ROUNDS):
            if not self.heap or (self.best is not None and self.heap[0].bound <= self._enough()):
                break
            left = None if deadline is None else deadline - time.perf_counter()
            if left is not None and left <= 0:
                break
            self._treat(heapq.heappop(self.heap), left, watch)
            self.state = ProofState("customers", self.best_profit + self.alone, self.bound + self.alone)
            if watch is not None and watch(self.state):
                break

    def _enough(self) -> float:
        return self.best_profit + (PROVEN if self.linear else NEAR) * abs(self.best_profit)

    def _treat(self, one: _Range, left: float | None, watch: Watch | None) -> None:
        """Solve the program of a range; close it, tighten its tangents, or split it.

        ``watch`` is asked whether to end, and told what was known before this range.
        """
        weight, share, game = self._weight, self.customers.share(one.low), self._program(one)
        assert game.forgone is not None
        start = None if self.best is None else verify(game, self.best.price.price)
        try:
            found = find_price(
                game,
                self.margin,
                left,
                integers=one.exact and self.integers,
                tries=self.tries,
                start=start,
                watch=None if watch is None else lambda _: watch(self.state),
            )
        except NoPlanError:
            return  # not even the fewest customers of this range can be served
        if found.bound == -np.inf:
            return
        bound = min(one.bound, max(weight, share * found.bound))
        first = self.best
        points = () if found.best is None else self._polish(one, found.best)
        better = self.best is not first
        if one.exact or self.found.binaries == 0:
            self.found = found
        mean = points[0] if points else None
        if bound <= self._enough():
            self.closed = max(self.closed, bound)
            return
        tight = 1e-9 * self.game.price_scale
        new = mean is not None and min(abs(mean - point) for point in game.forgone.points) > tight
        if better or new or not one.exact:
            again = tuple(point for point in points if one.low < point < one.high)
            exact = one.exact or not better
            heapq.heappush(self.heap, _Range(-bound, one.low, one.high, (*one.points, *again), exact))
        elif one.high - one.low > 1e-6 * self.game.price_scale:
            self._split(one, bound, mean)
        else:
            self.closed = max(self.closed, bound)

    def _split(self, one: _Range, bound: float, mean: float | None) -> None:
        width = one.high - one.low
        middle = 0.5 * (one.low + one.high)
        if mean is not None and one.low + 0.1 * width < mean < one.high - 0.1 * width:
            middle = mean
        for low, high in ((one.low, middle), (middle, one.high)):
            inside = tuple(point for point in one.points if low < point < high)
            heapq.heappush(self.heap, _Range(-bound, low, high, inside, exact=False))

    @property
    def _weight(self) -> float:
        return 0.0 if self.best is None else self.best_profit

    def _program(self, one: _Range, points: Sequence[float] = ()) -> Game:
        """Return the game of a range whose profit is to be maximised; see the module docstring."""
        customers = self.customers
        most, least = customers.share(one.low), customers.share(one.high)
        spread = [customers.price_of(float(share)) for share in np.linspace(most, least, TANGENTS)[1:-1]]
        inside = {point for point in (*spread, *one.points, *points) if one.low < point < one.high}
        forgone = Forgone(
            customers=customers,
            weight=self._weight,
            low=one.low,
            high=one.high,
            points=tuple(sorted({one.low, one.high, *inside})),
        )
        return replace(at_share(self.plain, least), forgone=forgone)

    def _polish(self, one: _Range, found: VerifiedPrice) -> tuple[float, ...]:
        """Take a price, then the best prices of its response; return their mean prices paid, the first one first."""
        price, points, tight = found.price, [], 1e-9 * self.game.price_scale
        response = found.response
        for _ in range(POLISH):
            kept = self._kept(price)
            earned = kept.price.profit - self.alone
            near = points and min(abs(kept.mean_paid - point) for point in points) <= tight
            points.append(kept.mean_paid)
            better = self.best is None or earned > self.best_profit + 1e-9 * abs(self.best_profit)
            if np.isfinite(earned) and better:
                self.best = kept
            elif near:
                break
            again = best_price(self._program(one, points), response, self.margin)
            if again is None:
                break
            price = again
        return tuple(points)

    def _kept(self, price: np.ndarray) -> _Kept:
        mean = mean_paid(self.game, price)
        share = max(self.customers.share(mean), LEAST_SHARE)
        game = self.game.scaled(share)
        return _Kept(share, game, verify(game, price), mean)

    def nothing_found(self) -> InputError:
        """Return the error that there is no price, or that none was found."""
        proven = max([self.closed, *(one.bound for one in self.heap)]) == -np.inf
        free = replace(self.plain, import_limit_kw=None)
        limited = self.plain.import_limit_kw is not None
        if limited and find_price(free, self.margin, None, integers=False).best is not None:
            none = "no price keeps" if proven else "no price was found that keeps"
            more = ", or try --margin 0" if self.margin > 0 else ""
            return InputError(f"{none} the drivers who stay below limits.import_limit_kw; raise it{more}")
        best = None if free.cars is None else find_price(free, self.margin, None, integers=False).best
        return no_price(free, best, self.margin, proven=proven)


def at_share(game: Game, share: float) -> Game:
    """Return the game of all drivers in which they cost ``cost(share load) / share``.

    Limits, blocks and base load are divided by the share.
    """
    return replace(
        game,
        import_limit_kw=None if game.import_limit_kw is None else game.import_limit_kw / share,
        block_kw=None if game.block_kw is None else game.block_kw / share,
        base_kw=None if game.base_kw is None else game.base_kw / share,
    )
