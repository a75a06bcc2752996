"""Check of the reserve in a result folder: bids, bands, energy for their duration, injection and money."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from csmoifsa.errors import InputError
from csmoifsa.files import read_csv
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_energy.figures import rows_where

_SLACK = 1e-5


@dataclass(frozen=True, eq=False)
class CheckedReserve:
    """Reserve as added up again: gain [currency], and all bands down together, (T,) [kW]."""

    gain: float
    down_kw: np.ndarray


def reserve_faults(
    folder: Path, case: Case, charge_kw: np.ndarray, discharge_kw: np.ndarray, other_kw: np.ndarray, faults: list[str]
) -> CheckedReserve:
    """Check reserve.csv and reserve_bands.csv of a folder, and add faults to a list; return gain and bands.

    Parameters
    ----------
    folder, case
        Result folder, and case with the products that it is said to be of.
    charge_kw, discharge_kw : (V, T) array
        Power of whole classes [kW].
    other_kw : (T,) array
        Load of the drivers without contract [kW].
    faults : list of str
        List that grows by one sentence for each fault.

    Raises
    ------
    InputError
        A table is missing, or holds other products, blocks or hours than the case.
    """
    cars = case.cars
    assert cars is not None
    names = [one.name for one in case.reserve]
    for name in ("reserve", "reserve_bands"):
        if not (folder / f"{name}.csv").is_file():
            raise InputError(f"there is no file {folder / name}.csv, but the case has reserve products")
    offered, table = read_csv(folder / "reserve.csv"), read_csv(folder / "reserve_bands.csv")
    if list(dict.fromkeys(offered["product"])) != names or list(dict.fromkeys(table["product"])) != names:
        raise InputError(f"{folder} holds other reserve products than the case ({', '.join(names)}); give --reserve")
    v, t = cars.places
    bands = []
    for name in names:
        rows = rows_where(table, "product", name)
        same = rows["class"].tolist() == [cars.names[k] for k in v]
        if not same or not np.array_equal(np.round(rows["hour"].to_numpy() / cars.dt_h).astype(int), t):
            raise InputError(f"{folder / 'reserve_bands.csv'}: classes and hours of {name} are not those of the case")
        both = np.zeros((2, *cars.window.shape))
        both[0, v, t], both[1, v, t] = rows["up_kw"].to_numpy(), rows["down_kw"].to_numpy()
        bands.append(both)
    gain, unit = 0.0, max(float(((cars.charge_kw + cars.discharge_kw) * cars.count).sum()), 1e-9)
    bids = []
    for one, both in zip(case.reserve, bands, strict=True):
        rows = rows_where(offered, "product", one.name)
        bid = rows["bid_kw"].to_numpy()
        if bid.size != one.blocks(cars.n_steps, cars.dt_h):
            raise InputError(f"{folder / 'reserve.csv'}: {one.name} has {bid.size} blocks")
        bids.append(bid)
        _check_bids(one, bid, both, unit, faults)
        payment = bid * one.prices(cars.n_steps, cars.dt_h) * one.block_h
        if not np.abs(rows["payment"].to_numpy() - payment).max() <= _SLACK * max(1.0, float(payment.sum())):
            faults.append(f"the payment for {one.name} in reserve.csv is not price times bid times hours")
        gain += float(payment.sum() - rows["call_cost"].sum())
    _check_power(cars, charge_kw, discharge_kw, bands, faults)
    for i in range(cars.n_classes):
        _check_energy(case, i, charge_kw[i], discharge_kw[i], [both[:, i] for both in bands], faults)
    net = case.game.base_load_kw + other_kw + (charge_kw - discharge_kw).sum(axis=0)
    low = net - sum(both[0].sum(axis=0) for both in bands)
    for one, bid in zip(case.reserve, bids, strict=True):
        held = np.repeat(bid, cars.n_steps // bid.size) > _SLACK * unit
        if not one.injection_allowed and (low[held] < -_SLACK * unit).any():
            faults.append(f"the connection feeds in, with all bands up called, in a block with a bid of {one.name}")
    _check_calls(case, charge_kw, bands, [rows_where(table, "product", one) for one in names], offered, faults)
    return CheckedReserve(gain, sum((both[1].sum(axis=0) for both in bands), np.zeros(cars.n_steps)))


def _check_bids(one: Product, bid: np.ndarray, both: np.ndarray, unit: float, faults: list[str]) -> None:
    """Check the sizes of the bids, and that the bands of all cars equal them in each step."""
    made = bid[bid > _SLACK * unit]
    if (made < one.minimum_kw - _SLACK * unit).any():
        faults.append(f"a bid of {one.name} is below its minimum")
    if one.increment_kw:
        part = (made - one.minimum_kw) / one.increment_kw
        if (np.abs(part - np.round(part)) * one.increment_kw > _SLACK * unit).any():
            faults.append(f"a bid of {one.name} is no whole number of increments")
    held = np.repeat(bid, both.shape[2] // bid.size)
    for k, name in enumerate(("up", "down")):
        due = held if name in one.called else 0.0
        if not np.abs(both[k].sum(axis=0) - due).max() <= _SLACK * unit or both[k].min() < -_SLACK * unit:
            faults.append(f"the bands {name} of all cars are not the bid of {one.name}")


def _check_power(
    cars: Batteries, charge_kw: np.ndarray, discharge_kw: np.ndarray, bands: list[np.ndarray], faults: list[str]
) -> None:
    power = charge_kw - discharge_kw
    up, down = (sum((both[k] for both in bands), np.zeros(power.shape)) for k in (0, 1))
    slack = _SLACK * ((cars.charge_kw + cars.discharge_kw) * cars.count)[:, None]
    low, high = -(cars.discharge_kw * cars.count)[:, None], (cars.charge_kw * cars.count)[:, None]
    beyond = ((power - up < low - slack) | (power + down > high + slack)) & cars.window
    where = np.flatnonzero(beyond.any(axis=1))
    faults += [f"{cars.names[i]} exceeds its power with all bands called" for i in where]


def _check_energy(
    case: Case, i: int, charge: np.ndarray, discharge: np.ndarray, bands: list[np.ndarray], faults: list[str]
) -> None:
    """Call each product for its duration in each block at the worst, and follow the battery of one class.

    A call of at most the duration in a block does most in a single step, so all choices of one step so far for each
    product are tried. At the beginning and at the end of each step the battery must keep its limits.
    """
    cars = case.cars
    assert cars is not None
    n, eta, dt = cars.count[i], cars.efficiency[i], cars.dt_h
    slack = 3 * _SLACK * cars.capacity_kwh[i]
    soe = reach = cars.arrival_kwh[i]
    so_far: list[list[int]] = [[] for _ in bands]
    for k in range(cars.length[i]):
        t = int(cars.start[i] + k) % cars.n_steps
        for steps, one in zip(so_far, case.reserve, strict=True):
            size = one.steps(cars.n_steps, dt)
            if steps and steps[-1] // size != t // size:
                steps.clear()  # what calls took is restored before the next block
            steps.append(t)
        taken = given = 0.0
        for chosen in product(*so_far):
            taken = max(taken, _taken(case, chosen, charge / n, [both[0] / n for both in bands], eta))
            factors = [1.0 / eta if discharge[s] > _SLACK * n else eta for s in chosen]
            hours = zip(case.reserve, chosen, bands, factors, strict=True)
            given = max(given, sum(one.duration_h * both[1, s] / n * factor for one, s, both, factor in hours))
        before, low_before = soe, min(cars.floor_kwh[i], reach)
        soe += (eta * charge[t] - discharge[t] / eta) / n * dt
        reach += eta * cars.charge_kw[i] * dt
        low = min(cars.floor_kwh[i], reach)
        if k == cars.length[i] - 1:
            low = max(low, cars.departure_kwh[i])
        if min(before - low_before, soe - low) < taken - slack:
            faults.append(f"{cars.names[i]} cannot keep calls up for their duration in step {k} of its stay")
        if max(before, soe) + given > max(cars.capacity_kwh[i], low) + slack:
            faults.append(f"{cars.names[i]} cannot keep calls down for their duration in step {k} of its stay")


def _taken(case: Case, chosen: tuple[int, ...], free: np.ndarray, up: list[np.ndarray], eta: float) -> float:
    """Return the energy that one battery loses to calls up of each product, in full, in a chosen step each [kWh].

    Products called in the same step share the charging that they leave out, ``free`` (T,) [kW]; the longest has it
    longest. What exceeds it is discharged.
    """
    left = {t: float(free[t]) for t in chosen}
    lost = 0.0
    for j in sorted(range(len(chosen)), key=lambda j: -case.reserve[j].duration_h):
        t = chosen[j]
        band = float(up[j][t])
        covered = min(left[t], band)
        left[t] -= covered
        lost += case.reserve[j].duration_h * (covered * eta + (band - covered) / eta)
    return lost


def _check_calls(
    case: Case,
    charge_kw: np.ndarray,
    bands: list[np.ndarray],
    tables: list[pd.DataFrame],
    offered: pd.DataFrame,
    faults: list[str],
) -> None:
    """Check the expected cost of calls: energy at its prices, and losses and wear of the part that is discharged.

    Which product's band is discharged is the plan's choice; together they discharge what charging does not cover.
    """
    cars, market = case.cars, case.game
    assert cars is not None
    v, t = cars.places
    most = np.maximum(market.buy[t] * (1.0 / cars.efficiency[v] ** 2 - 1.0) + cars.wear[v], 0.0)
    missing = sum((both[0][v, t] for both in bands), np.zeros(v.size)) - charge_kw[v, t]
    unit = max(float(charge_kw.max()), *(float(both.max()) for both in bands), 1e-9)
    wrong = False
    for one, both, rows in zip(case.reserve, bands, tables, strict=True):
        up, down, weight = both[0][v, t], both[1][v, t], cars.dt_h * one.energy_share
        paid, sold = market.buy[t], market.sell[t]
        price = one.activation_price
        fixed = weight * (
            up * (paid - (sold if price is None else price)) + down * ((paid if price is None else price) - sold)
        )
        stated = rows["call_cost"].to_numpy()
        money = _SLACK * (np.abs(fixed).max() + weight * unit * float(most.max()) + 1e-9)
        at = weight * most
        discharged = np.divide(stated - fixed, at, out=np.maximum(missing, 0.0), where=at > 0)
        slack = money / at.max() if at.max() > 0 else np.inf
        wrong |= bool((discharged < -slack).any() or (discharged > up + slack).any())
        wrong |= bool((np.abs(stated - fixed)[at == 0] > money).any())
        missing = missing - discharged
        own = rows_where(offered, "product", one.name)
        by_block = np.bincount(t * len(own) // cars.n_steps, stated, minlength=len(own))
        if not np.abs(own["call_cost"].to_numpy() - by_block).max() <= _SLACK * max(1.0, float(np.abs(stated).sum())):
            faults.append(f"the cost of calls of {one.name} in reserve.csv is not the sum of its classes")
    if wrong or ((missing > 10 * _SLACK * unit).any() and any(one.energy_share for one in case.reserve)):
        faults.append("the expected cost of calls in reserve_bands.csv does not follow from bands and prices")
