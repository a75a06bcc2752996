"""Bands of batteries in a linear program, beside the power and energy that keep reserve bids deliverable.

In each block a bid of B kW is kept by bands of the cars, up (less charging or more discharging) and down. While all
bands of all products are called, the power of a car stays within its limits, and its state of energy within floor and
capacity for calls of each product of at most some hours of the full bid in the block. What a call took is restored
before the next block (reconstruction: rules of markets that require the energy for one duration, as for batteries in
FCR). A plan keeps the whole duration of each product in each block; in real time, calls so far change what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.batteries import Block, reachable
from csmoifsa_aggregator.solve.lp import Program


@dataclass(frozen=True)
class Offer:
    """Columns of the bids of a product.

    Attributes
    ----------
    product : Product
        The product.
    bid : (K,) int array
        Bid of each block [kW].
    on : (K,) int array
        Columns that are 1 where a bid is made, else 0; empty for a product whose rules need none.
    """

    product: Product
    bid: np.ndarray
    on: np.ndarray


@dataclass(frozen=True)
class Bands:
    """Columns of the bands of a product, per vehicle by plugged step (`Batteries.places`), and rows that keep its bids.

    Attributes
    ----------
    offer : Offer
        Columns of the bids.
    up, down, discharged : (M,) int array
        Band up, band down, and the part of the band up that is discharged [kW].
    kept : dict of (T,) int array
        For each direction called, the rows that make bands of all cars equal the bid in each step [kW].
    """

    offer: Offer
    up: np.ndarray
    down: np.ndarray
    discharged: np.ndarray
    kept: dict[str, np.ndarray]

    @property
    def product(self) -> Product:
        """The product."""
        return self.offer.product


@dataclass(frozen=True, eq=False)
class Kept:
    """What calls must leave: states of energy of one vehicle at each plugged step, and the hours of calls to keep.

    Attributes
    ----------
    open : (M,) bool array
        Whether the step is still to be decided; no band is kept in the others.
    before, after : (M,) array
        Least state of energy at the beginning and at the end of the step [kWh].
    top : (M,) array
        Greatest state of energy [kWh].
    jump : (M,) array
        Energy that enters at the beginning of the step other than by charging, such as that at arrival [kWh].
    hours : list of dict of (K,) array
        For each product and direction called, the time of the full bid still to be kept in each block [h].
    short : (M,) int array, optional
        Columns of the energy that ``after`` may lack [kWh], -1 where it may lack none; none anywhere where left out.
    """

    open: np.ndarray
    before: np.ndarray
    after: np.ndarray
    top: np.ndarray
    jump: np.ndarray
    hours: Sequence[dict[str, np.ndarray]]
    short: np.ndarray | None = None


def kept_by_plan(cars: Batteries, products: Sequence[Product]) -> Kept:
    """Return what the calls of a plan must leave: floor, capacity, promise, and the whole duration in each block."""
    v, _ = cars.places
    low = np.minimum(cars.floor_kwh[v], reachable(cars))
    before = np.where(cars.first, np.minimum(cars.floor_kwh[v], cars.arrival_kwh[v]), np.roll(low, 1))
    hours = [
        {name: np.full(one.blocks(cars.n_steps, cars.dt_h), one.duration_h) for name in one.called} for one in products
    ]
    return Kept(
        open=np.ones(v.size, dtype=bool),
        before=before,
        after=np.where(cars.last, np.maximum(low, cars.departure_kwh[v]), low),
        top=np.maximum(cars.capacity_kwh[v], low),
        jump=np.where(cars.first, cars.arrival_kwh[v], 0.0),
        hours=hours,
    )


def add_bands(
    program: Program,
    cars: Batteries,
    block: Block,
    offers: Sequence[Offer],
    costs: Sequence[Sequence[np.ndarray]],
    kept: Kept,
    connection_kw: np.ndarray,
) -> list[Bands]:
    """Add bands that share the batteries to a program that minimises cost, and return their columns.

    The rows of the import limit are the caller's.

    Parameters
    ----------
    program, cars, block
        Program, classes, and columns of their batteries.
    offers : sequence of Offer
        Columns of the bids of each product.
    costs : sequence of three (M,) arrays
        For each product, cost of a kW of band up, down, and discharged.
    kept : Kept
        What calls must leave.
    connection_kw : (T,) array
        Load of the connection beside the batteries [kW].
    """
    added = [_add_columns(program, cars, offer, cost, kept) for offer, cost in zip(offers, costs, strict=True)]
    _add_power(program, cars, block, added, np.flatnonzero(kept.open))
    _add_energy(program, cars, block, added, kept)
    _add_injection(program, cars, block, added, np.flatnonzero(kept.open), connection_kw)
    return added


def _add_columns(program: Program, cars: Batteries, offer: Offer, costs: Sequence[np.ndarray], kept: Kept) -> Bands:
    v, t = cars.places
    product, steps = offer.product, cars.n_steps // offer.bid.size
    swing = np.where(kept.open, cars.charge_kw[v] + cars.discharge_kw[v], 0.0)
    up, down = (
        program.columns(v.size, upper=swing if one in product.called else 0.0, cost=cost)
        for one, cost in (("up", costs[0]), ("down", costs[1]))
    )
    upper = np.where((cars.discharge_kw[v] > 0) & ("up" in product.called), swing, 0.0)
    discharged = program.columns(v.size, upper=upper, cost=costs[2])
    rows = {}
    for one in product.called:  # the cars' bands keep the bid in each step of the block
        rows[one] = program.rows(cars.n_steps, 0.0, 0.0)
        program.add(rows[one][t], up if one == "up" else down, cars.count[v])
        program.add(rows[one], offer.bid[np.arange(cars.n_steps) // steps], -1.0)
    return Bands(offer, up, down, discharged, rows)


def _add_power(program: Program, cars: Batteries, block: Block, added: Sequence[Bands], open_: np.ndarray) -> None:
    """Keep the power of each car within its limits while all bands are called, and split off what is discharged."""
    v = cars.places[0][open_]
    for name, sign, bounds in (
        ("up", -1.0, {"lower": -cars.discharge_kw[v]}),
        ("down", 1.0, {"upper": cars.charge_kw[v]}),
    ):
        row = program.rows(v.size, **bounds)
        program.add(row, block.charge[open_], 1.0)
        program.add(row, block.discharge[open_], -1.0)
        for bands in added:
            program.add(row, getattr(bands, name)[open_], sign)
    less = program.rows(v.size, lower=0.0)  # charging that calls up can leave out
    program.add(less, block.charge[open_], 1.0)
    for bands in added:
        program.add(less, bands.up[open_], -1.0)
        program.add(less, bands.discharged[open_], 1.0)
        part = program.rows(v.size, lower=0.0)  # the discharged part is no more than the band
        program.add(part, bands.up[open_], 1.0)
        program.add(part, bands.discharged[open_], -1.0)


def _add_energy(program: Program, cars: Batteries, block: Block, added: Sequence[Bands], kept: Kept) -> None:
    """Keep the state of energy within its limits for any calls, at both ends of each step."""
    v, t = cars.places
    eta = cars.efficiency[v]
    places = np.flatnonzero(kept.open)
    row_of = np.full(v.size, -1)
    row_of[places] = np.arange(places.size)
    later = places[~cars.first[places]]  # with a step of the same stay before them
    following = later[kept.open[later - 1]]
    # up: charging left out loses eta, discharging 1 / eta. Down: charging adds eta, but where a car may discharge, a
    # long call of a part of the band saves 1 / eta
    down_factor = np.where(cars.discharge_kw[v] > 0, 1.0 / eta, eta)
    for name, sign in (("up", -1.0), ("down", 1.0)):
        ends = {"lower": kept.after} if sign < 0 else {"upper": kept.top}
        begins = {"lower": kept.before - kept.jump} if sign < 0 else {"upper": kept.top - kept.jump}
        end, begin = (program.rows(places.size, **{key: one[places] for key, one in b.items()}) for b in (ends, begins))
        program.add(end, block.soe[places], 1.0)
        program.add(begin[row_of[later]], block.soe[later - 1], 1.0)
        if sign < 0 and kept.short is not None:
            may = places[kept.short[places] >= 0]
            program.add(end[row_of[may]], kept.short[may], 1.0)
        for bands, left in zip(added, kept.hours, strict=True):
            if name not in left:
                continue
            number = t * bands.offer.bid.size // cars.n_steps
            same = following[number[following] == number[following - 1]]
            taken = program.columns(places.size)  # greatest energy of a call so far in the block, per vehicle [kWh]
            rises, keeps = program.rows(places.size, lower=0.0), program.rows(same.size, lower=0.0)
            program.add(rises, taken, 1.0)
            hours = left[name][number]
            if name == "up":
                program.add(rises, bands.up[places], -(hours * eta)[places])
                program.add(rises, bands.discharged[places], -(hours * (1.0 / eta - eta))[places])
            else:
                program.add(rises, bands.down[places], -(hours * down_factor)[places])
            program.add(keeps, taken[row_of[same]], 1.0)
            program.add(keeps, taken[row_of[same - 1]], -1.0)
            program.add(end, taken, sign)
            program.add(begin, taken, sign)


def _add_injection(
    program: Program,
    cars: Batteries,
    block: Block,
    added: Sequence[Bands],
    open_: np.ndarray,
    connection_kw: np.ndarray,
) -> None:
    """Keep the net load of the connection from 0 up, all bands up called, in blocks with a bid that forbids injection.

    In other blocks the row is loosened by the greatest injection that the batteries could cause.
    """
    v, t = (one[open_] for one in cars.places)
    greatest = greatest_swing(cars)
    most = np.bincount(t, (cars.discharge_kw * cars.count)[v], minlength=cars.n_steps)
    most = np.maximum(most - connection_kw, 0.0)
    where = np.flatnonzero(most > 0)
    for bands in added:
        if bands.product.injection_allowed or not where.size:
            continue
        steps = cars.n_steps // bands.offer.bid.size
        row = np.full(cars.n_steps, -1)
        row[where] = program.rows(where.size, lower=-(connection_kw + most)[where] / greatest)
        program.add(row[where], bands.offer.on[where // steps], -most[where] / greatest)
        inside = most[t] > 0
        share = cars.count[v[inside]] / greatest
        place, at = open_[inside], row[t[inside]]
        program.add(at, block.charge[place], share)
        program.add(at, block.discharge[place], -share)
        for other in added:
            program.add(at, other.up[place], -share)


def greatest_swing(cars: Batteries) -> float:
    """Return the greatest change of the load of all batteries, from discharging to charging at full power [kW]."""
    return max(float(((cars.charge_kw + cars.discharge_kw) * cars.count).sum()), 1e-9)
