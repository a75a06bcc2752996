"""Reserve products in a plan: bids, what is paid for them, and what their calls are expected to cost.

`bands` keeps the bids deliverable. Calls of an expected energy cost what restoring it costs in real time, less what is
paid for it, and the wear and the losses of the part that is discharged: ``ud`` of the band ``u`` of a car that charges
at ``g``, with ``u - ud <= g`` in sum over the products. For calls of any size this is no less than what they cost,
since the discharged part is convex in the size of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import Market
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.bands import Bands, Offer, add_bands, greatest_swing, kept_by_plan
from csmoifsa_aggregator.solve.batteries import Block
from csmoifsa_aggregator.solve.lp import Program


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


@dataclass(frozen=True)
class Bids:
    """Columns of a product in a plan: its bands, and the integers of its rules, of which the first K are ``on``."""

    bands: Bands
    integers: np.ndarray


def read_reserve(bids: Bids, x: np.ndarray, cars: Batteries, market: Market) -> Reserve:
    """Return the bids of a product in a solution x."""
    v, t = cars.places
    bands, product = bids.bands, bids.bands.product
    up, down, cost = (np.zeros(cars.window.shape) for _ in range(3))
    each = [np.maximum(x[one], 0.0) for one in (bands.up, bands.down, bands.discharged)]
    up[v, t], down[v, t] = (one * cars.count[v] for one in each[:2])
    weights = call_costs(cars, market, product)
    cost[v, t] = sum(weight * one for weight, one in zip(weights, each, strict=True))
    bid = x[bands.offer.bid]
    bid = np.where(bid > 1e-6 * greatest_swing(cars), bid, 0.0)  # what rounding left is no bid
    payment = bid * product.prices(cars.n_steps, cars.dt_h) * product.block_h
    return Reserve(product, bid, up, down, payment, cost, bids.integers.size)


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
) -> list[Bids]:
    """Add reserve products that share the batteries to a program that minimises cost, and return their columns.

    ``base_kw`` is the load of the connection beside the batteries, shape (T,) [kW]. The rows of the import limit are
    the caller's; with calls, the demand charge is not part of the program.

    Raises
    ------
    InputError
        The blocks of a product do not fit the steps of the day.
    """
    offered = [_add_bids(program, cars, product) for product in products]
    costs = [call_costs(cars, market, product) for product in products]
    kept = kept_by_plan(cars, products)
    bands = add_bands(program, cars, block, [one for one, _ in offered], costs, kept, base_kw)
    return [Bids(one, integers) for one, (_, integers) in zip(bands, offered, strict=True)]


def _add_bids(program: Program, cars: Batteries, product: Product) -> tuple[Offer, np.ndarray]:
    """Add the bids of a product, paid by its prices; return their columns, and those of the integers, if any."""
    greatest = greatest_swing(cars)
    prices = product.prices(cars.n_steps, cars.dt_h)
    bid = program.columns(prices.size, upper=greatest, cost=-prices * product.block_h)
    integers = _add_sizes(program, bid, product, greatest)
    return Offer(product, bid, integers[: bid.size]), integers


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
