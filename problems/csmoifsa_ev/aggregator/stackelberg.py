"""Stage one: the aggregator's best day-ahead price against drivers who answer it, with proof of optimality.

First the certificate of linear programs (`certificate`); where its bounds do not meet, a mixed-integer program: the
drivers' KKT conditions with complementarity by binaries, the product of price and energy replaced exactly by strong
duality, ``sum_t c_t e_kt = lambda_k E_k - sum_t P_k dt omega_kt``, and big-M values from quantiles of the price bounds
(Wei et al. 2015, tightened here). Whatever a solver returns is verified: drivers answer the returned price by sorting,
and "proven" is said only if that profit and the upper bound agree to 1e-6.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.aggregator.battery import Block, Dispatch, add_batteries, read_dispatch
from csmoifsa_ev.aggregator.certificate import (
    Response,
    add_car_duals,
    add_prices,
    best_price,
    best_response,
    content_limits,
    greatest_bills,
    least_cost,
)
from csmoifsa_ev.aggregator.follower import quantile, respond
from csmoifsa_ev.aggregator.game import Game
from csmoifsa_ev.aggregator.lp import Answer, Program
from csmoifsa_ev.aggregator.supply import Procurement, add_load, add_supply, procure, unmet

PROVEN = 1e-6
"""Relative distance of verified profit and upper bound up to which an optimum counts as proven."""

MARGIN = 1e-3
"""Default strict margin [currency/kWh]: steps used are cheaper by this than those left, so nobody is indifferent."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """A price, what it earns, and how firm that is.

    Attributes
    ----------
    status : "proven" or "gap"
        Whether verified profit and upper bound agree.
    price : (T,) array
        What drivers pay [currency/kWh].
    response : Response
        What they do, ties settled in the leader's favour.
    objective : float
        Profit, verified: drivers answer the price by sorting [currency].
    ev_margin, storage : float
        Its parts: bills less procurement of the cars' energy, and what the storage earns.
    bills, procurement : float
        What drivers pay (V2G owners net of what they are paid), and what their energy costs [currency].
    optimistic, guaranteed : float
        Profit at this price if indifferent drivers do what suits the leader best, or worst.
    upper_bound, gap : float
        No price earns more at this margin; relative distance to ``objective``.
    margin : float
        The strict margin kept [currency/kWh].
    binaries : int
        Of the mixed-integer program; 0 if the linear programs were enough.
    seconds : float
        It took.
    method : "certificate", "milp" or "alternation"
        What found it.
    supply : Procurement
        Storage schedule and costs.
    """

    status: str
    price: np.ndarray
    response: Response
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

    def load_kw(self, game: Game) -> np.ndarray:
        """Return the load of each charge-only class, shape (K, T) [kW]."""
        return self.response.x * game.power_kw[:, None]


@dataclass(frozen=True)
class Verified:
    """Profit of a price with a response, computed without any solver's word for it (but for storage)."""

    price: np.ndarray
    response: Response
    profit: float
    bills: float
    supply: Procurement
    ev_cost: float


def verify(game: Game, price: np.ndarray, response: Response | None = None) -> Verified:
    """Return the profit of a price at the drivers' response, the optimistic one where left out."""
    response = best_response(game, price) if response is None else response
    load = response.load_kw(game)
    bills = float(load @ price) * game.dt_h
    if response.cars is not None:
        load = load + response.cars.net_kw
        bills += float(response.cars.net_kw @ price) * game.dt_h
    supply = procure(load, game)
    feasible = unmet(response.load_kw(game), game) <= 1e-6 * max(1.0, float(load.max()))
    profit = bills - supply.cost if feasible else -np.inf
    return Verified(price, response, profit, bills, supply, supply.ev_cost)


def solve_game(
    game: Game,
    *,
    margin: float = MARGIN,
    time_limit: float | None = 120.0,
    integers: bool | None = None,
    tries: int | None = None,
) -> Solution:
    """Find the aggregator's best price.

    Parameters
    ----------
    game : Game
        The day.
    margin : float
        Strict margin [currency/kWh]; 0 for the optimistic game of the literature.
    time_limit : float, optional
        Seconds for the mixed-integer program.
    integers : bool, optional
        Whether a mixed-integer program may be used; where left out, up to 60 classes.
    tries : int, optional
        Rounds of local search where the linear programs' bounds do not meet; where left out, 40 for games so large that
        a mixed-integer program needs a good start, else none.

    Raises
    ------
    InputError
        No price within the bounds keeps the margin, or the cap cannot be kept.
    """
    begin = time.perf_counter()
    if not (np.isfinite(margin) and margin >= 0):
        raise InputError(f"margin must be from 0 up, not {margin}")
    if margin > 0 and game.cars is not None:
        margin = 0.0  # owners of batteries choose continuously: there is no margin that settles all their ties
    bound, best = certify(game, margin)
    binaries, method = 0, "certificate"
    if not _close(best, bound):
        method = "alternation"
        if best is not None:
            rounds = (40 if game.window.sum() > 1000 else 0) if tries is None else tries
            best = improve(game, best, margin, bound, rounds)
        if not _close(best, bound) and (game.n_classes <= 60 if integers is None else integers):
            left = None if time_limit is None else max(1.0, time_limit - (time.perf_counter() - begin))
            found, proven, binaries = solve_milp(game, margin, left, best)
            bound, method = min(bound, proven), "milp"
            if found is not None and (best is None or found.profit > best.profit):
                best = found
    if best is None:
        raise InputError(
            f"no price within the bounds leaves a margin of {margin:g} between the hours used and the others; "
            "allow less with --margin, or widen lb and ub"
        )
    return _solution(game, best, bound, margin, binaries, method, time.perf_counter() - begin)


def _close(found: Verified | None, bound: float) -> bool:
    return found is not None and bound - found.profit <= PROVEN * max(abs(bound), 1e-9)


def _solution(
    game: Game, best: Verified, bound: float, margin: float, binaries: int, method: str, seconds: float
) -> Solution:
    # a solver's bound may lie below the truth by its tolerance; what has been verified is true
    gap = max(0.0, bound - best.profit) / max(abs(bound), 1e-9)
    sound = bound >= best.profit - PROVEN * max(abs(best.profit), 1e-9)
    worst = respond(best.price, game, favour=-game.cheapest)
    guaranteed = verify(game, best.price, Response(worst, best.response.cars)).profit
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
        binaries=binaries,
        seconds=seconds,
        method=method,
        supply=best.supply,
    )


# ---- without integers ----


def certify(game: Game, margin: float = 0.0) -> tuple[float, Verified | None]:
    """Return an upper bound and the best price that alternating two linear programs finds.

    From the price of greatest bills: drivers respond, the best price for that response is found, and so on until
    nothing changes. From the cheapest response: the same.
    """
    ceiling, price = greatest_bills(game)
    cost, cheapest = least_cost(game)
    if not np.isfinite(cost):
        raise InputError("the cap is too low: not even commanded charging would fit below it")
    separable_storage = 0.0
    if game.separable and game.storage is not None:
        load = cheapest.load_kw(game)
        supply = procure(load, game)
        separable_storage = supply.ev_cost - supply.cost
    bound = ceiling - cost + separable_storage
    best: Verified | None = None
    for response in (cheapest, best_response(game, price)):
        found = alternate(game, response, margin, bound)
        if found is not None and (best is None or found.profit > best.profit):
            best = found
        if _close(best, bound):
            break
    return bound, best


def alternate(game: Game, response: Response, margin: float, bound: float, rounds: int = 15) -> Verified | None:
    """Return where alternating ends: the best price for a response, the response to that price, and so on."""
    best: Verified | None = None
    for _ in range(rounds):
        price = best_price(game, response, margin)
        if price is None:
            break
        now = verify(game, price)
        if best is not None and now.profit <= best.profit + 1e-12 * abs(best.profit):
            break
        best = now
        if _close(best, bound):
            break
        response = best_response(game, price)
    return best


def improve(game: Game, best: Verified, margin: float, bound: float, tries: int) -> Verified:
    """Alternate again and again from a price near the best one (iterated local search); same result every time."""
    rng = np.random.default_rng(0)
    for _ in range(tries):
        if _close(best, bound):
            break
        noise = rng.choice([0.01, 0.03, 0.1]) * game.price_scale * rng.normal(size=game.n_steps)
        near = fit_mean(game, best.price + noise)
        found = alternate(game, best_response(game, near), margin, bound)
        if found is not None and found.profit > best.profit:
            best = found
    return best


def fit_mean(game: Game, price: np.ndarray) -> np.ndarray:
    """Return a price moved up or down as a whole, and cut off at the bounds, until its mean is what it must be."""
    low, high = float((game.lower - price).min()), float((game.upper - price).max())
    for _ in range(60):
        middle = 0.5 * (low + high)
        if np.clip(price + middle, game.lower, game.upper).mean() > game.mean:
            high = middle
        else:
            low = middle
    return np.clip(price + low, game.lower, game.upper)


# ---- with integers ----


def solve_milp(
    game: Game, margin: float, time_limit: float | None, start: Verified | None
) -> tuple[Verified | None, float, int]:
    """Return the best price of the mixed-integer program, its proven bound, and the number of binaries."""
    milp = _Milp(game, margin)
    answer = milp.solve(time_limit, start)
    constant = milp.constant
    bound = answer.bound * milp.money + constant
    if answer.status == "infeasible":
        return None, -np.inf, milp.n_binaries
    if not answer.found:
        return None, bound, milp.n_binaries
    found = milp.read(answer)
    return found, bound, milp.n_binaries


class _Milp:
    """The mixed-integer program, in prices per `Game.price_scale` and powers per mean class power."""

    def __init__(self, game: Game, margin: float) -> None:
        self.game, self.margin = game, margin
        self.unit = float(game.energy_kwh.mean())
        self.money = self.unit * game.price_scale
        self.extreme = game.separable or margin > 0
        program = self.program = Program(maximise=True)
        self.price = add_prices(program, game)
        self.k, self.t = np.nonzero(game.window)
        self._bounds()
        self._followers()
        self.constant = 0.0
        self.block: Block | None = None
        if game.separable:
            self._buy_separately()
        else:
            self._buy_together()

    def _bounds(self) -> None:
        """Tight big-M: lambda lies between the quantiles of the price bounds; prices beyond them settle a step."""
        game, scale = self.game, self.game.price_scale
        k, t = self.k, self.t
        self.low, self.high = quantile(game.lower, game) / scale, quantile(game.upper, game) / scale
        lower, upper = game.lower[t] / scale, game.upper[t] / scale
        self.most_omega = np.maximum(0.0, self.high[k] - lower)
        self.most_sigma = np.maximum(0.0, upper - self.low[k])
        steps = game.window.sum(axis=1)
        ratio = game.energy_kwh / game.step_kwh
        self.whole = np.floor(ratio + 1e-9)
        self.rest = np.where(ratio - self.whole > 1e-9, ratio - self.whole, 0.0)
        full = self.whole >= steps
        self.never = (lower > self.high[k]) & ~full[k]
        self.always = (upper < self.low[k]) | full[k]

    def _followers(self) -> None:
        """KKT conditions: c - lambda + omega - sigma = 0, complementarity by binaries; the objective's bills."""
        game, program, k, t = self.game, self.program, self.k, self.t
        size, delta = k.size, self.margin / game.price_scale
        lam = program.columns(game.n_classes, self.low, self.high, game.energy_kwh / self.unit)
        omega = program.columns(size, upper=self.most_omega, cost=-game.step_kwh[k] / self.unit)
        sigma = program.columns(size, upper=self.most_sigma)
        row = program.rows(size, 0.0, 0.0)
        for columns, sign in ((self.price[t], 1.0), (lam[k], -1.0), (omega, 1.0), (sigma, -1.0)):
            program.add(row, columns, sign)
        free = ~(self.never | self.always)
        fractional = self.rest[k] > 0
        self.full = program.columns(size, self.always.astype(float), 1.0 - self.never, integer=True)
        could = fractional & ~self.never if self.extreme else np.ones(size, dtype=bool)
        other = np.flatnonzero(could & ~self.always) if self.extreme else np.arange(size)
        self.other = np.full(size, -1)
        # extreme: the one step that is taken in part; otherwise: the steps that are left empty
        lower = np.zeros(size) if self.extreme else self.never.astype(float)
        upper = np.ones(size) if self.extreme else 1.0 - self.always
        self.other[other] = program.columns(other.size, lower[other], upper[other], integer=True)
        self.n_binaries = int(free.sum() + (other.size if self.extreme else free.sum()))
        row = program.rows(size, upper=0.0)  # omega <= M full
        program.add(row, omega, 1.0)
        program.add(row, self.full, -self.most_omega)
        if self.extreme:
            self._extreme(sigma, omega, delta)
        else:
            self._faces(sigma)

    def _extreme(self, sigma: np.ndarray, omega: np.ndarray, delta: float) -> None:
        """Whole steps and at most one in part: x = full + rest * part. Exact where one step's cost knows no other's."""
        game, program, k = self.game, self.program, self.k
        size, part = k.size, np.flatnonzero(self.other >= 0)
        count = program.rows(game.n_classes, self.whole, self.whole)
        program.add(count[k], self.full, 1.0)
        one = program.rows(game.n_classes, (self.rest > 0).astype(float), (self.rest > 0).astype(float))
        program.add(one[k[part]], self.other[part], 1.0)
        not_both = program.rows(part.size, upper=1.0)
        program.add(not_both, self.full[part], 1.0)
        program.add(not_both, self.other[part], 1.0)
        row = program.rows(size, upper=self.most_sigma)  # sigma <= M (1 - full - part)
        low = program.rows(size, delta)  # sigma >= delta (1 - full - part)
        weights: list[tuple[np.ndarray, np.ndarray]] = [(row, self.most_sigma), (low, np.full(size, delta))]
        for rows, weight in weights:
            program.add(rows, sigma, 1.0)
            program.add(rows, self.full, weight)
            program.add(rows[part], self.other[part], weight[part])
        if delta > 0:
            strict = np.flatnonzero(self.rest[k] > 0)
            row = program.rows(strict.size, 0.0)  # omega >= delta full, where lambda is a partly used step's price
            program.add(row, omega[strict], 1.0)
            program.add(row, self.full[strict], -delta)

    def _faces(self, sigma: np.ndarray) -> None:
        """Shares anywhere on the face of cheapest responses: full <= x <= 1 - empty."""
        game, program, k = self.game, self.program, self.k
        size = k.size
        self.x = program.columns(size, upper=1.0)
        need = program.rows(game.n_classes, self.whole + self.rest, self.whole + self.rest)
        program.add(need[k], self.x, 1.0)
        row = program.rows(size, 0.0)
        program.add(row, self.x, 1.0)
        program.add(row, self.full, -1.0)
        row = program.rows(size, upper=1.0)
        program.add(row, self.x, 1.0)
        program.add(row, self.other, 1.0)
        row = program.rows(size, upper=0.0)
        program.add(row, sigma, 1.0)
        program.add(row, self.other, -self.most_sigma)

    def _share_terms(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return (entries, columns, weights) that make up x."""
        every = np.arange(self.k.size)
        if not self.extreme:
            return [(every, self.x, np.ones(every.size))]
        part = np.flatnonzero(self.other >= 0)
        return [(every, self.full, np.ones(every.size)), (part, self.other[part], self.rest[self.k[part]])]

    def _buy_separately(self) -> None:
        game = self.game
        if game.storage is not None:
            supply = procure(np.zeros(game.n_steps), game)
            self.constant = -supply.cost
        for entries, columns, weight in self._share_terms():
            k, t = self.k[entries], self.t[entries]
            cost = -game.cheapest[t] / game.price_scale * game.step_kwh[k] / self.unit * weight
            extra = self.program.columns(entries.size, -np.inf, np.inf, 1.0)
            row = self.program.rows(entries.size, 0.0, 0.0)
            self.program.add(row, extra, -1.0)
            self.program.add(row, columns, cost)

    def _buy_together(self) -> None:
        game, program = self.game, self.program
        scale = float(game.power_kw.mean())
        share = program.columns((game.n_classes, game.n_steps), upper=game.window.astype(float))
        row = program.rows(self.k.size, 0.0, 0.0)
        program.add(row, share[self.k, self.t], -1.0)
        for entries, columns, weight in self._share_terms():
            program.add(row[entries], columns, weight)
        supply = add_supply(program, game, scale=scale, sign=-1.0 / self.money)
        add_load(program, game, supply, share, scale)
        self.n_binaries += supply.n_binaries
        if game.cars is not None:
            self._cars(supply.balance, scale)

    def _cars(self, balance: np.ndarray, scale: float) -> None:
        """V2G classes as followers: their KKT conditions, their bills by strong duality less the wear they bear."""
        game, program, cars = self.game, self.program, self.game.cars
        assert cars is not None
        nothing = np.zeros(game.n_steps)
        block = self.block = add_batteries(program, cars, nothing, nothing, sign=-1.0 / self.money)
        v, t = cars.places
        program.add(balance[t], block.charge, -cars.count[v] / scale)
        program.add(balance[t], block.discharge, cars.count[v] / scale)
        duals = add_car_duals(program, game, self.price)
        one, column, weight = duals.objective(cars)
        gain = program.columns(1, -np.inf, np.inf, 1.0)
        row = program.rows(1, 0.0, 0.0)
        program.add(row, gain, -1.0)
        program.add(row, column, weight * cars.count[one] * game.price_scale / self.money)
        low, high = content_limits(cars)
        dt, eta, wear = cars.dt_h, cars.efficiency[v], cars.wear[v] / game.price_scale
        reduced = [  # (primal column, its lower and upper limit, price factor, value factor, constant, upper dual)
            (block.charge, cars.charge_kw[v], dt, -eta * dt, 0.0 * wear, duals.charge_limit),
            (block.discharge, cars.discharge_kw[v], -dt, dt / eta, dt * wear, duals.discharge_limit),
        ]
        (_, most, _, _), _, _ = program.arrays()
        for primal, limit, by_price, by_value, constant, upper in reduced:
            big = most[upper]
            used = self._switch(primal, 0.0 * limit, limit)  # 0: stays at zero, 1: may move
            row = program.rows(v.size, upper=big - constant)  # reduced cost + upper dual <= M (1 - used)
            program.add(row, self.price[t], by_price)
            program.add(row, duals.value, by_value)
            program.add(row, upper, 1.0)
            program.add(row, used, big)
            self._at_limit(primal, limit, 0.0 * limit, upper, big)
        self._at_limit(block.content, high, low, duals.ceiling, most[duals.ceiling])
        self._at_limit(block.content, low, high, duals.floor, most[duals.floor])

    def _switch(self, primal: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        on = self.program.columns(primal.size, upper=1.0, integer=True)
        row = self.program.rows(primal.size, upper=low)
        self.program.add(row, primal, 1.0)
        self.program.add(row, on, -(high - low))
        self.n_binaries += primal.size
        return on

    def _at_limit(
        self, primal: np.ndarray, limit: np.ndarray, away: np.ndarray, dual: np.ndarray, big: np.ndarray
    ) -> None:
        """A dual above zero only where the primal is at its limit; ``away`` is the farthest it can be from it."""
        at = self.program.columns(primal.size, upper=1.0, integer=True)
        row = self.program.rows(primal.size, upper=0.0)
        self.program.add(row, dual, 1.0)
        self.program.add(row, at, -big)
        sign = np.where(limit >= away, 1.0, -1.0)  # sign (limit - primal) <= |limit - away| (1 - at)
        row = self.program.rows(primal.size, sign * limit - np.abs(limit - away))
        self.program.add(row, primal, sign)
        self.program.add(row, at, -np.abs(limit - away))
        self.n_binaries += primal.size

    def solve(self, time_limit: float | None, start: Verified | None) -> Answer:
        session = self.program.open(time_limit=time_limit, gap=0.3 * PROVEN)
        if start is not None and self.extreme:
            x = start.response.x[self.k, self.t]
            full = np.round(np.where(x > 1 - 1e-7, 1.0, 0.0))
            part = np.flatnonzero(self.other >= 0)
            columns = np.concatenate([self.full, self.other[part]])
            values = np.concatenate([full, np.where((x > 1e-7) & (x < 1 - 1e-7), 1.0, 0.0)[part]])
            session.suggest(columns, values)
        return session.run()

    def read(self, answer: Answer) -> Verified | None:
        """Return the solution, its price made exact for its response by one more linear program, verified."""
        game = self.game
        x = np.zeros((game.n_classes, game.n_steps))
        for entries, columns, weight in self._share_terms():
            values = answer.x[columns]
            np.add.at(x, (self.k[entries], self.t[entries]), (np.round(values) if self.extreme else values) * weight)
        cars: Dispatch | None = None
        if game.cars is not None and self.block is not None:
            cars = read_dispatch(self.block, answer.x, game.cars, 0.0)
        response = Response(np.clip(x, 0.0, 1.0), cars)
        price = best_price(game, response, self.margin)
        if price is None:
            price = np.clip(answer.x[self.price] * game.price_scale, game.lower, game.upper)
        options = [verify(game, price)]
        if self.margin == 0.0 and game.cars is not None:
            options.append(verify(game, np.clip(answer.x[self.price] * game.price_scale, game.lower, game.upper)))
        return max(options, key=lambda one: one.profit)
