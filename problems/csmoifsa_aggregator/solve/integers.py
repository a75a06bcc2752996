"""The pricing game as a mixed-integer program: the drivers' KKT conditions, complementarity by binaries.

The product of price and energy is replaced exactly by strong duality, ``sum_t c_t e_kt = lambda_k E_k - sum_t P_k dt
omega_kt``; big-M values come from quantiles of the price bounds (Wei et al. 2015, tightened here). A step whose price
surely lies below a class's lambda, or surely above it, needs no row and no binary, so narrow price bounds make a small
program. The solver's solution is verified: its price is made exact for its response, and drivers respond by sorting.
"""

from __future__ import annotations

import numpy as np

from csmoifsa_aggregator.model.battery import Dispatch
from csmoifsa_aggregator.model.follower import quantile
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.alternation import PROVEN, VerifiedPrice, verify
from csmoifsa_aggregator.solve.batteries import Block, add_batteries, read_dispatch
from csmoifsa_aggregator.solve.bounds import (
    PARTIAL,
    FollowerResponse,
    add_bill_rules,
    add_car_duals,
    add_prices,
    best_price,
    best_response,
    soe_limits,
)
from csmoifsa_aggregator.solve.like_steps import in_order, like_steps
from csmoifsa_aggregator.solve.lp import Program, ProgramSolution
from csmoifsa_aggregator.solve.supply import Supply, add_cars, add_load, add_supply, procure
from csmoifsa_aggregator.solve.thresholds import ThresholdOrder, order_thresholds
from csmoifsa_aggregator.solve.watch import ProofState, Watch

BRANCHING = {"mip_heuristic_effort": 0.0, "mip_allow_restart": False}
"""HiGHS options that halved the time: no heuristics, since good prices are known; no restarts."""


def solve_milp(
    game: Game,
    margin: float,
    time_limit: float | None,
    start: VerifiedPrice | None,
    gap: float = 0.3 * PROVEN,
    watch: Watch | None = None,
) -> tuple[VerifiedPrice | None, float, int]:
    """Return the best price of the mixed-integer program, its proven bound [currency], and the number of binaries.

    The price is None where none is found; the bound is minus infinity where the program is infeasible. ``watch`` is
    called with the state of the program as it is solved.
    """
    milp = _Milp(game, margin)
    answer = milp.solve(time_limit, start, gap, watch)
    bound = answer.bound * milp.money + milp.constant
    if answer.status == "infeasible":
        return None, -np.inf, milp.n_binaries
    if not answer.found:
        return None, bound, milp.n_binaries
    return milp.read(answer), bound, milp.n_binaries


class _Milp:
    """The mixed-integer program, prices in units of `Game.price_scale`, powers in units of the mean class power.

    Arrays of shape (M,) run over the open entries: the pairs of class k and step t where the price bounds do not decide
    whether the class uses the step.
    """

    def __init__(self, game: Game, margin: float) -> None:
        self.game, self.margin = game, margin
        self.unit = float(game.energy_kwh.mean())
        self.money = self.unit * game.price_scale
        self.extreme = game.separable or margin > 0
        self._entries()
        program = self.program = Program(maximise=True)
        always_used = self.always * (game.step_kwh[:, None] / self.unit)  # billed at the price: omega = lambda - c
        self.price = add_prices(program, game, always_used.sum(axis=0))
        lam_cost = game.energy_kwh / self.unit - always_used.sum(axis=1)
        self.lam = program.columns(game.n_classes, self.low, self.high, lam_cost)
        never = game.window & ~self.always
        never[self.k, self.t] = False
        order = order_thresholds(game, self.always, never)
        row = program.rows(order.lower.size, upper=-order.steps * margin / game.price_scale)
        program.add(row[:, None], self.lam[np.stack([order.lower, order.higher], axis=1)], [[1.0, -1.0]])
        self._followers()
        if margin > 0:
            self._keep_apart(order)
        self.like = like_steps(game, never)
        self._order_like_steps()
        bills = [
            (self.price, always_used.sum(axis=0)),
            (self.lam, lam_cost),
            (self.omega, -game.step_kwh[self.k] / self.unit),
        ]
        self.constant = 0.0
        self.block: Block | None = None
        if game.separable:
            self._buy_separately(always_used)
        else:
            gain = self._buy_together()
            bills.append((gain, np.ones(gain.size)))
        columns, weights = (np.concatenate(part) for part in zip(*bills, strict=True))
        add_bill_rules(program, game, columns, weights, self.unit)

    def _entries(self) -> None:
        """Find the entries that are always used and those that are open, and the big-M values.

        Lambda lies between the quantiles of the price bounds; a step whose price lies beyond them by more than the
        margin is decided.
        """
        game, scale = self.game, self.game.price_scale
        delta = self.margin / scale
        self.low, self.high = quantile(game.lower, game) / scale, quantile(game.upper, game) / scale
        lower, upper = game.lower / scale, game.upper / scale
        ratio = game.energy_kwh / game.step_kwh
        self.whole = np.floor(ratio + 1e-9)
        self.rest = np.where(ratio - self.whole > 1e-9, ratio - self.whole, 0.0)
        full = (self.whole >= game.window.sum(axis=1))[:, None]
        self.always = game.window & (full | (upper + delta < self.low[:, None]))
        never = (lower - delta > self.high[:, None]) & ~full
        self.k, self.t = np.nonzero(game.window & ~self.always & ~never)
        self.most_omega = np.maximum(0.0, self.high[self.k] - lower[self.t])
        self.most_sigma = np.maximum(0.0, upper[self.t] - self.low[self.k])

    def _followers(self) -> None:
        """Add KKT conditions c - lambda + omega - sigma = 0, complementarity by binaries, and the objective's bills."""
        game, program, k, t = self.game, self.program, self.k, self.t
        size = k.size
        self.omega = omega = program.columns(size, upper=self.most_omega, cost=-game.step_kwh[k] / self.unit)
        self.sigma = sigma = program.columns(size, upper=self.most_sigma)
        row = program.rows(size, 0.0, 0.0)
        for columns, sign in ((self.price[t], 1.0), (self.lam[k], -1.0), (omega, 1.0), (sigma, -1.0)):
            program.add(row, columns, sign)
        energy = -game.cheapest[t] / game.price_scale * game.step_kwh[k] / self.unit * game.separable
        self.full = program.columns(size, 0.0, 1.0, energy, integer=True)
        self.open = np.flatnonzero(self.rest[k] > 0) if self.extreme else np.arange(size)
        # extreme: binaries of the one step that is used in part; otherwise: of the steps that are left empty
        part = (energy * self.rest[k])[self.open] if self.extreme else 0.0
        self.other = program.columns(self.open.size, 0.0, 1.0, part, integer=True)
        self.n_binaries = size + self.open.size
        row = program.rows(size, upper=0.0)  # omega <= M full
        program.add(row, omega, 1.0)
        program.add(row, self.full, -self.most_omega)
        if self.extreme:
            self._extreme(sigma, omega, self.margin / game.price_scale)
        else:
            self._faces(sigma)

    def _extreme(self, sigma: np.ndarray, omega: np.ndarray, delta: float) -> None:
        """Add responses of whole steps and at most one in part, x = full + rest * part.

        Exact where the cost of a step does not depend on the other steps.
        """
        game, program, k, part = self.game, self.program, self.k, self.open
        used, some = np.bincount(k, minlength=game.n_classes) > 0, np.zeros(game.n_classes, dtype=bool)
        some[k[part]] = True
        left = self.whole - self.always.sum(axis=1)
        for there, columns, entries, number in (
            (used, self.full, k, left),
            (some, self.other, k[part], np.ones(game.n_classes)),
        ):
            row = np.full(game.n_classes, -1)
            row[there] = program.rows(int(there.sum()), number[there], number[there])
            program.add(row[entries], columns, 1.0)
        not_both = program.rows(part.size, upper=1.0)
        program.add(not_both, self.full[part], 1.0)
        program.add(not_both, self.other, 1.0)
        weights = [(program.rows(k.size, upper=self.most_sigma), self.most_sigma)]  # sigma <= M (1 - full - part)
        if delta > 0:
            weights.append((program.rows(k.size, delta), np.full(k.size, delta)))  # sigma >= delta (1 - full - part)
            row = program.rows(part.size, 0.0)  # omega >= delta full, where lambda is a partly used step's price
            program.add(row, omega[part], 1.0)
            program.add(row, self.full[part], -delta)
        for rows, weight in weights:
            program.add(rows, sigma, 1.0)
            program.add(rows, self.full, weight)
            program.add(rows[part], self.other, weight[part])

    def _keep_apart(self, order: ThresholdOrder) -> None:
        """Add for classes a, b with ordered thresholds what their distance means for each step of both, rows of a MIP.

        A step that a uses is cheaper for b by the distance: ``omega_b >= omega_a + distance (full_a + part_a)``; one
        that b leaves is dearer for a: ``sigma_a >= sigma_b + distance (1 - full_b - part_b)``. Every price satisfies
        them where lambda is the threshold; they cut off fractional uses of steps at prices that tie.
        """
        program, delta = self.program, self.margin / self.game.price_scale
        entry = self._at(np.arange(self.k.size), self.k, self.t)
        part = np.full(self.k.size, -1)
        part[self.open] = self.other
        pair, t = np.nonzero((entry[order.lower] >= 0) & (entry[order.higher] >= 0))
        a, b = entry[order.lower[pair], t], entry[order.higher[pair], t]
        apart = order.steps[pair] * delta
        for row, above, below, user, sign in (
            (program.rows(pair.size, 0.0), self.omega[b], self.omega[a], a, -1.0),
            (program.rows(pair.size, apart), self.sigma[a], self.sigma[b], b, 1.0),
        ):
            program.add(row, above, 1.0)
            program.add(row, below, -1.0)
            program.add(row, self.full[user], sign * apart)
            some = part[user] >= 0
            program.add(row[some], part[user[some]], (sign * apart)[some])

    def _order_like_steps(self) -> None:
        """Add that the price is no higher in the first step a of each pair of like steps than in the second step b.

        Where responses follow one ranking of the steps, a class that uses b at all uses a in full.
        """
        program = self.program
        row = program.rows(len(self.like), upper=0.0)
        program.add(row[:, None], self.price[self.like], [[1.0, -1.0]])
        if not self.extreme:
            return
        entry = self._at(np.arange(self.k.size), self.k, self.t)
        part = self._at(self.other, self.k[self.open], self.t[self.open])
        first, second = self.like.T
        k, pair = np.nonzero((entry[:, first] >= 0) & (entry[:, second] >= 0))
        row = program.rows(k.size, upper=0.0)
        program.add(row, self.full[entry[k, first[pair]]], -1.0)
        program.add(row, self.full[entry[k, second[pair]]], 1.0)
        some = part[k, second[pair]]
        program.add(row[some >= 0], some[some >= 0], 1.0)

    def _at(self, values: np.ndarray, k: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return values by class and step, shape (K, T), -1 elsewhere."""
        table = np.full((self.game.n_classes, self.game.n_steps), -1)
        table[k, t] = values
        return table

    def _faces(self, sigma: np.ndarray) -> None:
        """Add shares x anywhere on the face of cheapest responses, full <= x <= 1 - empty."""
        game, program, k = self.game, self.program, self.k
        size = k.size
        self.x = program.columns(size, upper=1.0)
        there = np.bincount(k, minlength=game.n_classes) > 0
        left = (self.whole + self.rest - self.always.sum(axis=1))[there]
        need = np.full(game.n_classes, -1)
        need[there] = program.rows(int(there.sum()), left, left)
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
        """Return the terms (entries, columns, weights) whose sum is the share x of each open entry."""
        every = np.arange(self.k.size)
        if not self.extreme:
            return [(every, self.x, np.ones(every.size))]
        return [(every, self.full, np.ones(every.size)), (self.open, self.other, self.rest[self.k[self.open]])]

    def _buy_separately(self, always_used: np.ndarray) -> None:
        game = self.game
        if game.storage is not None:
            supply = procure(np.zeros(game.n_steps), game)
            self.constant = -supply.cost
        price = game.cheapest / game.price_scale
        self.program.columns(1, 1.0, 1.0, -(always_used @ price).sum())  # open steps: cost of their binaries

    def _buy_together(self) -> np.ndarray:
        """Buy for all classes together; return the columns of what V2G classes bear, in units of ``money``."""
        game, program = self.game, self.program
        scale = float(game.power_kw.mean())
        least, most = self.always.astype(float), self.always.astype(float)
        most[self.k, self.t] = 1.0
        share = program.columns((game.n_classes, game.n_steps), least, most)
        row = program.rows(self.k.size, 0.0, 0.0)
        program.add(row, share[self.k, self.t], -1.0)
        for entries, columns, weight in self._share_terms():
            program.add(row[entries], columns, weight)
        supply = add_supply(
            program, game, game.max_load_kw, with_cars=game.cars is not None, scale=scale, sign=-1.0 / self.money
        )
        add_load(program, game, supply, share, scale)
        self.n_binaries += supply.n_binaries
        return np.zeros(0, dtype=int) if game.cars is None else self._cars(supply, scale)

    def _cars(self, supply: Supply, scale: float) -> np.ndarray:
        """Add the V2G classes as followers: KKT conditions, and bills by strong duality less the wear they bear.

        Return the column of what they bear, in units of ``money``.
        """
        game, program, cars = self.game, self.program, self.game.cars
        assert cars is not None
        nothing = np.zeros(game.n_steps)
        block = self.block = add_batteries(program, cars, nothing, nothing, sign=-1.0 / self.money)
        add_cars(program, supply, cars, block, scale)
        v, t = cars.places
        duals = add_car_duals(program, game, self.price)
        one, column, weight = duals.objective(cars)
        gain = program.columns(1, -np.inf, np.inf, 1.0)
        row = program.rows(1, 0.0, 0.0)
        program.add(row, gain, -1.0)
        program.add(row, column, weight * cars.count[one] * game.price_scale / self.money)
        low, high = soe_limits(cars)
        dt, eta, wear = cars.dt_h, cars.efficiency[v], cars.wear[v] / game.price_scale
        reduced = [  # (primal column, its upper limit, price factor, value factor, constant, upper dual)
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
        self._at_limit(block.soe, high, low, duals.capacity, most[duals.capacity])
        self._at_limit(block.soe, low, high, duals.floor, most[duals.floor])
        return gain

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
        """Allow a dual above zero only where the primal is at its limit; ``away`` is its farthest value from it."""
        at = self.program.columns(primal.size, upper=1.0, integer=True)
        row = self.program.rows(primal.size, upper=0.0)
        self.program.add(row, dual, 1.0)
        self.program.add(row, at, -big)
        sign = np.where(limit >= away, 1.0, -1.0)  # sign (limit - primal) <= |limit - away| (1 - at)
        row = self.program.rows(primal.size, sign * limit - np.abs(limit - away))
        self.program.add(row, primal, sign)
        self.program.add(row, at, -np.abs(limit - away))
        self.n_binaries += primal.size

    def solve(
        self, time_limit: float | None, start: VerifiedPrice | None, gap: float, watch: Watch | None
    ) -> ProgramSolution:
        session = self.program.open(time_limit=time_limit, gap=gap)
        for name, value in BRANCHING.items():
            session.option(name, value)
        if start is not None and self.extreme:
            price = in_order(start.price, self.like)
            same = bool((price == start.price).all())
            x = (start.response if same else best_response(self.game, price)).x[self.k, self.t]
            full, part = x > 1 - PARTIAL, (x > PARTIAL) & (x < 1 - PARTIAL)
            columns = np.concatenate([self.full, self.other])
            session.suggest(columns, np.concatenate([full, part[self.open]]).astype(float))
        if watch is None:
            return session.run()
        return session.run(lambda profit, bound: watch(self._state(profit, bound)))

    def _state(self, profit: float, bound: float) -> ProofState:
        """Return the state of the program; HiGHS gives a wrong sign of infinity before the first solution."""
        profit = profit * self.money + self.constant if np.isfinite(profit) else -np.inf
        return ProofState("branch and bound", profit, bound * self.money + self.constant)

    def read(self, answer: ProgramSolution) -> VerifiedPrice | None:
        """Return the verified price of a solution, made exact for its response by one more linear program."""
        game = self.game
        x = self.always.astype(float)
        for entries, columns, weight in self._share_terms():
            values = answer.x[columns]
            np.add.at(x, (self.k[entries], self.t[entries]), (np.round(values) if self.extreme else values) * weight)
        cars: Dispatch | None = None
        if game.cars is not None and self.block is not None:
            cars = read_dispatch(self.block, answer.x, game.cars, 0.0)
        response = FollowerResponse(np.clip(x, 0.0, 1.0), cars)
        price = best_price(game, response, self.margin)
        raw = np.clip(answer.x[self.price] * game.price_scale, game.lower, game.upper)
        options = [verify(game, raw if price is None else price)]
        if self.margin == 0.0 and game.cars is not None:
            options.append(verify(game, raw))
        return max(options, key=lambda one: one.profit)
