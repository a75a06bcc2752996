"""Reserve of batteries in a linear program: bands by block, beside the power and energy that keep them deliverable.

In each block a bid of B kW is kept by bands of the cars, up (less charging or more discharging) and down. While the
band is called, the power of a car stays within its limits, and its state of energy within floor and capacity for any
call of at most ``duration_h`` hours of the full bid in the block. What a call took is restored before the next block
(reconstruction: rules of markets that require the energy for one duration, as for batteries in FCR).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.solve.batteries import Block, reachable
from csmoifsa_aggregator.solve.lp import Program


@dataclass(frozen=True, kw_only=True)
class Product:
    """A reserve product.

    Attributes
    ----------
    direction : "symmetric", "up" or "down"
        Directions in which the whole bid must be kept.
    block_h : float
        Length of a block [h], a whole number of steps.
    price : float
        Payment for capacity [currency per kW and h].
    duration_h : float
        Time for which the whole bid must be delivered [h].
    minimum_kw, increment_kw : float
        Least bid above 0 and step above it [kW]; 0 where any bid is taken.
    injection_allowed : bool
        Whether cars may discharge to keep the band.
    """

    direction: str
    block_h: float
    price: float
    duration_h: float
    minimum_kw: float = 0.0
    increment_kw: float = 0.0
    injection_allowed: bool = True

    def __post_init__(self) -> None:
        if self.direction not in ("symmetric", "up", "down"):
            raise InputError(f"direction must be symmetric, up or down, not {self.direction!r}")
        for name in ("block_h", "duration_h"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"{name} must be a number above 0, not {getattr(self, name)}")
        for name in ("price", "minimum_kw", "increment_kw"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{name} must be a number from 0 up, not {getattr(self, name)}")


@dataclass(frozen=True)
class Bands:
    """Columns of a reserve: bids (K,) [kW], and bands up and down of one vehicle by place (M,) [kW]."""

    bid: np.ndarray
    up: np.ndarray
    down: np.ndarray


@dataclass(frozen=True)
class Reserve:
    """Bids (K,) [kW], bands up and down of whole classes (V, T) [kW], and payment for capacity [currency]."""

    bid_kw: np.ndarray
    up_kw: np.ndarray
    down_kw: np.ndarray
    payment: float


def read_reserve(bands: Bands, x: np.ndarray, cars: Batteries, product: Product) -> Reserve:
    """Return the reserve in a solution x."""
    v, t = cars.places
    up, down = (np.zeros(cars.window.shape) for _ in range(2))
    up[v, t], down[v, t] = (np.maximum(x[one], 0.0) * cars.count[v] for one in (bands.up, bands.down))
    bid = np.maximum(x[bands.bid], 0.0)
    return Reserve(bid, up, down, float(bid.sum()) * product.price * product.block_h)


def add_reserve(program: Program, cars: Batteries, block: Block, product: Product) -> Bands:
    """Add one reserve product to a program that minimises cost, and return its columns.

    The bands of the import limit, and the payment or energy of calls, are not part of the program.

    Raises
    ------
    InputError
        A block is no whole number of steps, or longer than the day.
    """
    steps = product.block_h / cars.dt_h
    if abs(steps - round(steps)) > 1e-9 or round(steps) < 1 or cars.n_steps % round(steps):
        raise InputError(
            f"block_h, {product.block_h:g} h, must be a whole number of steps of {cars.dt_h:g} h and divide the day"
        )
    steps = round(steps)
    v, t = cars.places
    n, n_blocks = v.size, cars.n_steps // steps
    greatest = float(((cars.charge_kw + cars.discharge_kw) * cars.count).sum())
    bid = program.columns(n_blocks, upper=greatest, cost=-product.price * product.block_h)
    _add_sizes(program, bid, product, greatest)
    directions = ("up", "down") if product.direction == "symmetric" else (product.direction,)
    swing = cars.charge_kw[v] + cars.discharge_kw[v]
    bands = {one: program.columns(n, upper=swing if one in directions else 0.0) for one in ("up", "down")}
    for one in directions:  # the cars' bands keep the bid in each step of the block
        kept = program.rows(cars.n_steps, lower=0.0)
        program.add(kept[t], bands[one], cars.count[v])
        program.add(kept, bid[np.arange(cars.n_steps) // steps], -1.0)
    _add_power(program, cars, block, bands, product)
    _add_energy(program, cars, block, bands, product, t // steps)
    return Bands(bid, bands["up"], bands["down"])


def _add_sizes(program: Program, bid: np.ndarray, product: Product, greatest: float) -> None:
    """Limit bids to 0, or the minimum and whole increments above it."""
    if product.minimum_kw == 0 and product.increment_kw == 0:
        return
    on = program.columns(bid.size, upper=1.0, integer=True)
    if product.increment_kw == 0:
        low, high = program.rows(bid.size, lower=0.0), program.rows(bid.size, upper=0.0)
        program.add(low, bid, 1.0)
        program.add(low, on, -product.minimum_kw)
        program.add(high, bid, 1.0)
        program.add(high, on, -max(greatest, product.minimum_kw))
        return
    most = max(0.0, np.floor((greatest - product.minimum_kw) / product.increment_kw + 1e-9))
    number = program.columns(bid.size, upper=most, integer=True)
    size, used = program.rows(bid.size, 0.0, 0.0), program.rows(bid.size, upper=0.0)
    program.add(size, bid, 1.0)
    program.add(size, on, -product.minimum_kw)
    program.add(size, number, -product.increment_kw)
    program.add(used, number, 1.0)
    program.add(used, on, -most)


def _add_power(program: Program, cars: Batteries, block: Block, bands: dict, product: Product) -> None:
    """Keep the power of each car within its limits while a band is called."""
    v, _ = cars.places
    least = -cars.discharge_kw[v] if product.injection_allowed else np.zeros(v.size)
    if not product.injection_allowed:
        program.fix(block.discharge, 0.0)
    for band, sign, bounds in (("up", -1.0, {"lower": least}), ("down", 1.0, {"upper": cars.charge_kw[v]})):
        row = program.rows(v.size, **bounds)
        program.add(row, block.charge, 1.0)
        program.add(row, block.discharge, -1.0)
        program.add(row, bands[band], sign)


def _add_energy(
    program: Program, cars: Batteries, block: Block, bands: dict, product: Product, number: np.ndarray
) -> None:
    """Keep the state of energy within floor and capacity for any call, at both ends of each step."""
    v, _ = cars.places
    eta = cars.efficiency[v]
    low = np.minimum(cars.floor_kwh[v], reachable(cars))
    before = np.where(cars.first, np.minimum(cars.floor_kwh[v], cars.arrival_kwh[v]), np.roll(low, 1))
    after = np.where(cars.last, np.maximum(low, cars.departure_kwh[v]), low)
    top = np.maximum(cars.capacity_kwh[v], low)
    inner = np.flatnonzero(~cars.first)
    same = inner[number[inner] == number[inner - 1]]
    # a call changes charging by eta and discharging by 1 / eta; where a car may discharge, the greater of both is kept
    discharges = product.injection_allowed & (cars.discharge_kw[v] > 0)
    factor = np.where(discharges, 1.0 / eta, eta)
    for band, sign in (("up", -1.0), ("down", 1.0)):
        taken = program.columns(v.size)  # greatest energy of a call so far in the block, per vehicle [kWh]
        rises = program.rows(v.size, lower=0.0)
        program.add(rises, taken, 1.0)
        program.add(rises, bands[band], -product.duration_h * factor)
        keeps = program.rows(same.size, lower=0.0)
        program.add(keeps, taken[same], 1.0)
        program.add(keeps, taken[same - 1], -1.0)
        start = np.where(cars.first, cars.arrival_kwh[v], 0.0)
        ends = {"lower": after} if sign < 0 else {"upper": top}
        begins = {"lower": before - start} if sign < 0 else {"upper": top - start}
        for row, state, own in (
            (program.rows(v.size, **ends), block.soe, np.arange(v.size)),
            (program.rows(v.size, **begins), block.soe[inner - 1], inner),
        ):
            program.add(row[own], state, 1.0)
            program.add(row, taken, sign)
