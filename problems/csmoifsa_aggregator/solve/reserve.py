"""Reserve of batteries in a linear program: bands by block, beside the power and energy that keep them deliverable.

In each block a bid of B kW is kept by bands of the cars, up (less charging or more discharging) and down. While all
bands of all products are called, the power of a car stays within its limits, and its state of energy within floor and
capacity for calls of each product of at most ``duration_h`` hours of the full bid in the block. What a call took is
restored before the next block (reconstruction: rules of markets that require the energy for one duration, as for
batteries in FCR).

Calls of an expected energy cost what restoring it costs in real time, less what is paid for it, and the wear and the
losses of the part that is discharged: ``ud`` of the band ``u`` of a car that charges at ``g``, with ``u - ud <= g`` in
sum over the products. For calls of any size this is no less than what they cost, since the discharged part is convex
in the size of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import Market
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.batteries import Block, reachable
from csmoifsa_aggregator.solve.lp import Program


@dataclass(frozen=True)
class Bands:
    """Columns of a product: bids (K,) [kW]; of one vehicle, by place (M,) [kW], bands and discharged part; integers."""

    product: Product
    bid: np.ndarray
    up: np.ndarray
    down: np.ndarray
    discharged: np.ndarray
    integers: np.ndarray


@dataclass(frozen=True, eq=False)
class Reserve:
    """Bids of one product in a plan.

    Attributes
    ----------
    product : Product
        The product.
    bid_kw : (K,) array
        Bid of each block [kW].
    up_kw, down_kw : (V, T) array
        Bands of whole classes [kW].
    payment : (K,) array
        Payment for capacity of each block [currency].
    call_cost : (V, T) array
        Greatest expected cost of calls: energy restored less payment for energy called, losses and wear [currency].
    n_integers : int
        Number of whole-number variables that the rules of the product need.
    """

    product: Product
    bid_kw: np.ndarray
    up_kw: np.ndarray
    down_kw: np.ndarray
    payment: np.ndarray
    call_cost: np.ndarray
    n_integers: int

    def nothing(self) -> Reserve:
        """Return the same product without any bid."""
        arrays = {name: 0.0 * getattr(self, name) for name in ("bid_kw", "up_kw", "down_kw", "payment", "call_cost")}
        return replace(self, **arrays)

    @property
    def gain(self) -> float:
        """Payment for capacity less the expected cost of calls [currency]."""
        return float(self.payment.sum() - self.call_cost.sum())

    def by_class(self) -> np.ndarray:
        """Return the gain of each class, shape (V,) [currency]: each block is paid by the class' part of its bands."""
        bands = self.up_kw + self.down_kw
        by_block = bands.reshape(len(bands), self.bid_kw.size, -1).sum(axis=2)
        total = by_block.sum(axis=0)
        share = np.divide(by_block, total, out=np.zeros(by_block.shape), where=total > 0)
        return share @ self.payment - self.call_cost.sum(axis=1)


def read_reserve(bands: Bands, x: np.ndarray, cars: Batteries, market: Market) -> Reserve:
    """Return the bids of a product in a solution x."""
    v, t = cars.places
    product = bands.product
    up, down, cost = (np.zeros(cars.window.shape) for _ in range(3))
    each = [np.maximum(x[one], 0.0) for one in (bands.up, bands.down, bands.discharged)]
    up[v, t], down[v, t] = (one * cars.count[v] for one in each[:2])
    weights = call_costs(cars, market, product)
    cost[v, t] = sum(weight * one for weight, one in zip(weights, each, strict=True))
    bid = np.maximum(x[bands.bid], 0.0)
    payment = bid * product.prices(cars.n_steps, cars.dt_h) * product.block_h
    return Reserve(product, bid, up, down, payment, cost, bands.integers.size)


def call_costs(cars: Batteries, market: Market, product: Product) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the expected cost of calls of a kW of band up, down, and discharged, each (M,) [currency].

    Energy called upwards is restored at the price of energy bought in real time, energy called downwards is saved later
    at that of energy sold in real time; discharging adds the losses of the round trip, and wear.
    """
    v, t = cars.places
    weight = cars.count[v] * cars.dt_h * product.energy_share
    price = product.activation_price
    up = market.buy[t] - (market.sell[t] if price is None else price)
    down = (market.buy[t] if price is None else price) - market.sell[t]
    more = np.maximum(market.buy[t] * (1.0 / cars.efficiency[v] ** 2 - 1.0) + cars.wear[v], 0.0)
    return weight * up, weight * down, weight * more


def add_reserve(
    program: Program, cars: Batteries, block: Block, market: Market, products: Sequence[Product], base_kw: np.ndarray
) -> list[Bands]:
    """Add reserve products that share the batteries to a program that minimises cost, and return their columns.

    ``base_kw`` is the load of the connection beside the batteries, shape (T,) [kW]. The rows of the import limit are
    the caller's; with calls, the demand charge is not part of the program.

    Raises
    ------
    InputError
        The blocks of a product do not fit the steps of the day.
    """
    greatest = max(float(((cars.charge_kw + cars.discharge_kw) * cars.count).sum()), 1e-9)
    added = [_add_product(program, cars, market, product, greatest) for product in products]
    _add_power(program, cars, block, added)
    _add_energy(program, cars, block, added)
    _add_injection(program, cars, block, added, base_kw, greatest)
    return added


def _add_product(program: Program, cars: Batteries, market: Market, product: Product, greatest: float) -> Bands:
    """Add bids and bands of a product; its integers, if any, begin with K columns that are 1 where a bid is made."""
    steps = product.steps(cars.n_steps, cars.dt_h)
    v, t = cars.places
    bid = program.columns(
        cars.n_steps // steps, upper=greatest, cost=-product.prices(cars.n_steps, cars.dt_h) * product.block_h
    )
    integers = _add_sizes(program, bid, product, greatest)
    swing = cars.charge_kw[v] + cars.discharge_kw[v]
    up_cost, down_cost, discharged_cost = call_costs(cars, market, product)
    up, down = (
        program.columns(v.size, upper=swing if one in product.called else 0.0, cost=cost)
        for one, cost in (("up", up_cost), ("down", down_cost))
    )
    upper = np.where((cars.discharge_kw[v] > 0) & ("up" in product.called), swing, 0.0)
    discharged = program.columns(v.size, upper=upper, cost=discharged_cost)
    for one in product.called:  # the cars' bands keep the bid in each step of the block
        kept = program.rows(cars.n_steps, 0.0, 0.0)
        program.add(kept[t], up if one == "up" else down, cars.count[v])
        program.add(kept, bid[np.arange(cars.n_steps) // steps], -1.0)
    return Bands(product, bid, up, down, discharged, integers)


def _add_sizes(program: Program, bid: np.ndarray, product: Product, greatest: float) -> np.ndarray:
    """Limit bids to 0, or the minimum and whole increments above it; return the columns of the integers, if any."""
    if product.minimum_kw == 0 and product.increment_kw == 0 and product.injection_allowed:
        return np.zeros(0, dtype=int)
    on = program.columns(bid.size, upper=1.0, integer=True)
    if product.increment_kw == 0:
        low, high = program.rows(bid.size, lower=0.0), program.rows(bid.size, upper=0.0)
        program.add(low, bid, 1.0)
        program.add(low, on, -product.minimum_kw)
        program.add(high, bid, 1.0)
        program.add(high, on, -max(greatest, product.minimum_kw))
        return on
    most = max(0.0, np.floor((greatest - product.minimum_kw) / product.increment_kw + 1e-9))
    number = program.columns(bid.size, upper=most, integer=True)
    size, used = program.rows(bid.size, 0.0, 0.0), program.rows(bid.size, upper=0.0)
    program.add(size, bid, 1.0)
    program.add(size, on, -product.minimum_kw)
    program.add(size, number, -product.increment_kw)
    program.add(used, number, 1.0)
    program.add(used, on, -most)
    return np.concatenate([on, number])


def _add_power(program: Program, cars: Batteries, block: Block, added: Sequence[Bands]) -> None:
    """Keep the power of each car within its limits while all bands are called, and split off what is discharged."""
    v, _ = cars.places
    for name, sign, bounds in (
        ("up", -1.0, {"lower": -cars.discharge_kw[v]}),
        ("down", 1.0, {"upper": cars.charge_kw[v]}),
    ):
        row = program.rows(v.size, **bounds)
        program.add(row, block.charge, 1.0)
        program.add(row, block.discharge, -1.0)
        for bands in added:
            program.add(row, getattr(bands, name), sign)
    less = program.rows(v.size, lower=0.0)  # charging that calls up can leave out
    program.add(less, block.charge, 1.0)
    for bands in added:
        program.add(less, bands.up, -1.0)
        program.add(less, bands.discharged, 1.0)
        part = program.rows(v.size, lower=0.0)  # the discharged part is no more than the band
        program.add(part, bands.up, 1.0)
        program.add(part, bands.discharged, -1.0)


def _add_energy(program: Program, cars: Batteries, block: Block, added: Sequence[Bands]) -> None:
    """Keep the state of energy within floor and capacity for any calls, at both ends of each step."""
    v, t = cars.places
    eta = cars.efficiency[v]
    low = np.minimum(cars.floor_kwh[v], reachable(cars))
    before = np.where(cars.first, np.minimum(cars.floor_kwh[v], cars.arrival_kwh[v]), np.roll(low, 1))
    after = np.where(cars.last, np.maximum(low, cars.departure_kwh[v]), low)
    top = np.maximum(cars.capacity_kwh[v], low)
    inner = np.flatnonzero(~cars.first)
    start = np.where(cars.first, cars.arrival_kwh[v], 0.0)
    # up: charging left out loses eta, discharging 1 / eta. Down: charging adds eta, but where a car may discharge, a
    # long call of a part of the band saves 1 / eta
    down_factor = np.where(cars.discharge_kw[v] > 0, 1.0 / eta, eta)
    for name, sign in (("up", -1.0), ("down", 1.0)):
        ends = {"lower": after} if sign < 0 else {"upper": top}
        begins = {"lower": before - start} if sign < 0 else {"upper": top - start}
        end, begin = program.rows(v.size, **ends), program.rows(v.size, **begins)
        program.add(end, block.soe, 1.0)
        program.add(begin[inner], block.soe[inner - 1], 1.0)
        for bands in added:
            if name not in bands.product.called:
                continue
            number = t // bands.product.steps(cars.n_steps, cars.dt_h)
            same = inner[number[inner] == number[inner - 1]]
            taken = program.columns(v.size)  # greatest energy of a call so far in the block, per vehicle [kWh]
            rises, keeps = program.rows(v.size, lower=0.0), program.rows(same.size, lower=0.0)
            program.add(rises, taken, 1.0)
            hours = bands.product.duration_h
            if name == "up":
                program.add(rises, bands.up, -hours * eta)
                program.add(rises, bands.discharged, -hours * (1.0 / eta - eta))
            else:
                program.add(rises, bands.down, -hours * down_factor)
            program.add(keeps, taken[same], 1.0)
            program.add(keeps, taken[same - 1], -1.0)
            program.add(end, taken, sign)
            program.add(begin, taken, sign)


def _add_injection(
    program: Program,
    cars: Batteries,
    block: Block,
    added: Sequence[Bands],
    base_kw: np.ndarray,
    greatest: float,
) -> None:
    """Keep the net load of the connection from 0 up, all bands up called, in blocks with a bid that forbids injection.

    In other blocks the row is loosened by the greatest injection that the batteries could cause.
    """
    v, t = cars.places
    most = np.maximum((cars.discharge_kw * cars.count) @ cars.window - base_kw, 0.0)
    where = np.flatnonzero(most > 0)
    for bands in added:
        if bands.product.injection_allowed or not where.size:
            continue
        on = bands.integers[: bands.bid.size]
        steps = bands.product.steps(cars.n_steps, cars.dt_h)
        row = np.full(cars.n_steps, -1)
        row[where] = program.rows(where.size, lower=-(base_kw + most)[where] / greatest)
        program.add(row[where], on[where // steps], -most[where] / greatest)
        inside = np.flatnonzero(most[t] > 0)
        share = cars.count[v[inside]] / greatest
        program.add(row[t[inside]], block.charge[inside], share)
        program.add(row[t[inside]], block.discharge[inside], -share)
        for other in added:
            program.add(row[t[inside]], other.up[inside], -share)
