"""Fleets of millions of cars: the exact answer of each car to a price, and classes of cars that can be priced.

Cars of the same stay differ only in how many of its cheapest steps they fill. So the prices of a stay are sorted once
for all its cars, and each car needs one division and two look-ups, whatever the number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.costs import load_cost
from csmoifsa_aggregator.model.follower import TIE, tie_groups
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.generate import day_ahead


@dataclass(frozen=True, eq=False)
class Cars:
    """A fleet of single cars; arrays of shape (n,).

    Attributes
    ----------
    start, length : int64 arrays
        First plugged step, and number of plugged steps in a row, past midnight if need be.
    energy_kwh, power_kw : arrays
        Energy demand [kWh] and charging power [kW] of each car.
    n_steps : int
        Number of steps in a day T.
    """

    start: np.ndarray
    length: np.ndarray
    energy_kwh: np.ndarray
    power_kw: np.ndarray
    n_steps: int

    def __post_init__(self) -> None:
        for name, dtype in (("start", np.int64), ("length", np.int64), ("energy_kwh", float), ("power_kw", float)):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=dtype))
        if self.start.size and not (
            0 <= self.start.min()
            and self.start.max() < self.n_steps
            and self.length.min() >= 1
            and self.length.max() <= self.n_steps
        ):
            raise InputError(f"every car must begin at a step below {self.n_steps} and stay 1 to {self.n_steps} steps")
        bad = np.flatnonzero(~((self.energy_kwh >= 0) & (self.power_kw > 0)))
        if bad.size:
            raise InputError(f"car {bad[0]}: energy must be from 0 up and power above 0")

    def __len__(self) -> int:
        return self.start.size

    @property
    def dt_h(self) -> float:
        """Length of a step [h]."""
        return 24.0 / self.n_steps


def respond_cars(cars: Cars, price: np.ndarray, favour: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the load of all cars, (T,) [kW], and the bill of each car, (n,) [currency], exactly.

    Parameters
    ----------
    cars : Cars
        The fleet.
    price : (T,) array
        Price that drivers pay [currency/kWh].
    favour : (T,) array, optional
        Order of steps of equal price: those of small ``favour`` are filled first.

    Raises
    ------
    InputError
        The price has another number of steps than the cars, or the stay of a car is too short for its energy.
    """
    from csmoifsa_aggregator.model import kernels

    steps_of_day = cars.n_steps
    price = np.ascontiguousarray(price, dtype=float)
    if price.shape != (steps_of_day,):
        raise InputError(f"the price has {price.size} steps, but the cars have {steps_of_day}")
    groups = tie_groups(price, TIE * (float(np.abs(price).mean()) or 1.0))
    order = np.lexsort((np.zeros(steps_of_day) if favour is None else favour, groups)).astype(np.int64)
    steps = np.empty((steps_of_day, steps_of_day + 1, steps_of_day), dtype=np.int64)
    sums = np.empty((steps_of_day, steps_of_day + 1, steps_of_day + 1))
    kernels.fleet_tables(order, price, steps, sums)
    whole, part = np.zeros_like(sums), np.zeros_like(sums)
    bill, load = np.empty(len(cars)), np.empty(steps_of_day)
    wrong = kernels.fleet_response(
        cars.start,
        cars.length,
        cars.energy_kwh,
        cars.power_kw * cars.dt_h,
        price,
        steps,
        sums,
        whole,
        part,
        bill,
        load,
    )
    if wrong >= 0:
        most = cars.power_kw[wrong] * cars.length[wrong] * cars.dt_h
        raise InputError(
            f"car {wrong}: its stay holds {most:g} kWh, {cars.energy_kwh[wrong] - most:g} kWh short of what it needs"
        )
    return load / cars.dt_h, bill


def draw_cars(n: int, n_steps: int = 96, seed: int = 1) -> Cars:
    """Draw a random fleet of ``n`` cars: about two thirds at home at night, the others at work by day."""
    rng = np.random.default_rng(seed)
    dt = 24.0 / n_steps
    home = rng.random(n) < 2.0 / 3.0
    start = np.where(home, rng.normal(18.5, 2.0, n), rng.normal(8.5, 1.0, n)) % 24.0
    stay = np.clip(np.where(home, rng.normal(12.0, 2.0, n), rng.normal(8.5, 1.5, n)), 4.0, 20.0)
    power = rng.choice([3.7, 7.4, 11.0], n, p=[0.4, 0.4, 0.2])
    length = np.maximum(1, np.round(stay / dt)).astype(np.int64)
    energy = np.minimum(rng.gamma(3.0, 3.5, n), 0.95 * power * length * dt)
    return Cars((start / dt).astype(np.int64) % n_steps, length, energy, power, n_steps)


def classes_of(cars: Cars, n_classes: int) -> tuple[Game, np.ndarray]:
    """Group cars into about ``n_classes`` classes of similar stay and similar hours of charging.

    A class is exact if its cars agree in stay and in energy/power; the coarser the classes, the larger the error, which
    `profit_on_all` measures.

    Returns
    -------
    (Game, (n,) int array)
        Game of the classes at Wei's day-ahead price, and index of the class of every car.
    """
    hours = cars.energy_kwh / cars.power_kw
    key = np.zeros(len(cars), dtype=np.int64)
    # refined until there are too many classes; stays twice as fine as hours, which had the least loss on single cars
    for parts in range(1, 400):
        wide = max(1, round(cars.n_steps / parts))
        fine = (cars.start // wide, cars.length // wide, np.floor(hours / (12.0 / max(1, parts // 2))).astype(np.int64))
        trial = (fine[0] * 1000 + fine[1]) * 1000 + fine[2]
        if np.unique(trial).size > n_classes:
            break
        key = trial
    _, kind = np.unique(key, return_inverse=True)
    n = int(kind.max()) + 1
    count = np.bincount(kind, minlength=n)
    power, energy = np.bincount(kind, cars.power_kw), np.bincount(kind, cars.energy_kwh)
    start = np.round(np.bincount(kind, cars.start * cars.power_kw) / power).astype(int)
    length = np.ceil(np.bincount(kind, cars.length * cars.power_kw) / power).astype(int)
    steps = np.arange(cars.n_steps)
    window = (steps[None, :] - start[:, None]) % cars.n_steps < np.minimum(length, cars.n_steps)[:, None]
    p = day_ahead(cars.n_steps)
    game = Game(
        name=f"{len(cars)} cars in {n} classes",
        day_ahead=p,
        buy=1.2 * p,
        sell=1.2 * p,
        lower=0.8 * p,
        upper=1.2 * p,
        mean=0.93 * float(p.mean()),
        energy_kwh=np.minimum(energy, power * cars.dt_h * window.sum(axis=1)),
        power_kw=power,
        window=window,
        count=count.astype(float),
        dt_h=cars.dt_h,
    )
    return game, kind


@dataclass(frozen=True)
class FleetProfit:
    """Results of a price on every single car: profit and sum of the bills [currency], load (T,) [kW]."""

    profit: float
    bills: float
    load_kw: np.ndarray


def profit_on_all(cars: Cars, game: Game, price: np.ndarray, target_kw: np.ndarray | None = None) -> FleetProfit:
    """Return profit, bills and load at a price that every single car answers.

    Parameters
    ----------
    cars : Cars
        The fleet.
    game : Game
        Game whose market supplies the cars.
    price : (T,) array
        Price that drivers pay [currency/kWh].
    target_kw : (T,) array, optional
        Load to reach by the order of steps of equal price [kW]: 32 random parts of the fleet each fill such
        steps in their own order, drawn in proportion to it. Where left out, the steps cheapest to supply come first.
    """
    if target_kw is None:
        load, bill = respond_cars(cars, price, game.cheapest)
        bills = float(bill.sum())
    else:
        rng = np.random.default_rng(0)
        part = rng.integers(0, 32, len(cars))
        load, bills = np.zeros(cars.n_steps), 0.0
        for k in range(32):
            mine = part == k
            some = Cars(cars.start[mine], cars.length[mine], cars.energy_kwh[mine], cars.power_kw[mine], cars.n_steps)
            favour = rng.exponential(size=cars.n_steps) / np.maximum(target_kw, 1e-9 * target_kw.max())
            one, paid = respond_cars(some, price, favour)
            load += one
            bills += float(paid.sum())
    return FleetProfit(bills - float(load_cost(load, game)), bills, load)
