"""Simulated calls of reserve: random signals on a planned day, delivered by batteries that restore what calls took.

Stage two assumes that what a call took is restored before the next block. Here it has to be: each class returns to its
planned state of energy with the power that its bands leave, within the import limit and without injection where that is
forbidden. A call that would break floor, capacity, or the promise at departure is not delivered, and costs the penalty.
The signals are assumptions, see `draw_signal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import ndtr

from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.costs import Market
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.reserve import Reserve

_MEMORY_H = 0.25
"""Time in which a symmetric signal forgets a deviation to 1/e [h]; an assumption."""


@dataclass(frozen=True, eq=False)
class CallsResult:
    """Simulated days of a plan; N days, J products.

    Attributes
    ----------
    called_kwh, missed_kwh : (N, J) array
        Energy called in both directions, and energy of calls not delivered [kWh].
    penalty : (N,) array
        Penalties for calls not delivered [currency].
    cost : (N,) array
        Cost of calls: energy bought and sold beside the plan, energy paid for, and wear; without penalties [currency].
    short_kwh : (N,) array
        Energy promised at departure and missing, all vehicles together [kWh].
    soe_kwh : (N, V, T) array
        State of energy of one vehicle at the end of each step [kWh]; not a number where unplugged.
    """

    called_kwh: np.ndarray
    missed_kwh: np.ndarray
    penalty: np.ndarray
    cost: np.ndarray
    short_kwh: np.ndarray
    soe_kwh: np.ndarray


def ticks_of(dt_h: float) -> int:
    """Return the number of ticks of a step of ``dt_h`` hours: the fewest of at most five minutes."""
    return max(1, int(np.ceil(12.0 * dt_h - 1e-9)))


def draw_signal(product: Product, n_ticks: int, tick_h: float, days: int, rng: np.random.Generator) -> np.ndarray:
    """Return calls of a product as shares of its bid, shape (days, n_ticks); below zero up, above zero down.

    A symmetric signal is a normal process that forgets within a quarter of an hour, cut at the whole bid, whose mean in
    each direction is ``energy_share``. A one-sided product is called in full for its duration from the beginning of a
    block, with the probability that gives ``energy_share``. No signal asks for more net energy in a block than the
    whole bid for the duration.
    """
    per = round(product.block_h / tick_h)
    if product.direction == "symmetric":
        keep = np.exp(-tick_h / _MEMORY_H)
        noise = rng.standard_normal((days, n_ticks))
        signal = np.empty(noise.shape)
        signal[:, 0] = noise[:, 0]
        for k in range(1, n_ticks):
            signal[:, k] = keep * signal[:, k - 1] + np.sqrt(1.0 - keep**2) * noise[:, k]
        signal = np.clip(_spread(product.energy_share) * signal, -1.0, 1.0)
    else:
        length = min(product.duration_h, product.block_h)
        called = rng.random((days, n_ticks // per)) < product.energy_share * product.block_h / length
        within = np.clip(length / tick_h - np.arange(per), 0.0, 1.0)
        signal = (called[:, :, None] * within).reshape(days, n_ticks) * (-1.0 if product.direction == "up" else 1.0)
    for first in range(0, n_ticks, per):  # cut what exceeds the energy of a block
        net = np.zeros(days)
        for k in range(first, first + per):
            room = product.duration_h / tick_h
            signal[:, k] = np.clip(signal[:, k], -room - net, room - net)
            net += signal[:, k]
    return signal


def _spread(share: float) -> float:
    """Return the standard deviation of a normal signal, cut at 1, whose mean above zero is ``share``."""
    if share == 0:
        return 0.0

    def mean(sigma: float) -> float:
        density = np.exp(-0.5 / sigma**2)
        return float(sigma * (1.0 - density) / np.sqrt(2.0 * np.pi) + ndtr(-1.0 / sigma))

    if share >= mean(1e6):
        return 1e6
    return float(root_scalar(lambda sigma: mean(sigma) - share, bracket=(1e-6, 1e6)).root)


def simulate_calls(
    cars: Batteries,
    plan: Dispatch,
    reserves: Sequence[Reserve],
    market: Market,
    other_load_kw: np.ndarray,
    signals: np.ndarray,
) -> CallsResult:
    """Carry out a plan with calls, tick by tick.

    The day repeats itself, so that stays that pass midnight are whole: its second round counts.

    Parameters
    ----------
    cars, plan, reserves
        Classes, and their plan with reserve.
    market : Market
        Market whose real-time prices settle what deviates from the plan, net over each step.
    other_load_kw : (T,) array
        Load of the other drivers [kW].
    signals : (N, J, ticks of the day) array
        Calls of each product as shares of its bid, see `draw_signal`.
    """
    n, steps, dt = len(signals), cars.n_steps, cars.dt_h
    ticks = signals.shape[2] // steps
    own = np.array([[one.up_kw, one.down_kw] for one in reserves]) / cars.count[:, None]  # (J, 2, V, T)
    soe = np.tile(cars.arrival_kwh, (n, 1))
    energy = np.zeros((2, n, len(reserves)))  # called and missed [kWh]
    moved, paid = np.zeros((n, steps)), np.zeros(n)
    worn, short = np.zeros(n), np.zeros(n)
    course = np.full((n, cars.n_classes, steps), np.nan)
    price = np.array(
        [np.nan if one.product.activation_price is None else one.product.activation_price for one in reserves]
    )
    settled = np.isfinite(price)
    for t in range(2 * steps):
        clock, counts = t % steps, t >= steps
        soe = np.where(clock == cars.start, cars.arrival_kwh, soe)
        here = cars.window[:, clock] & (counts | (clock >= cars.start))
        left = (cars.start + cars.length - 1 - clock) % steps + 1  # steps to departure, this one included
        planned = (plan.charge_kw - plan.discharge_kw)[:, clock] / cars.count
        aim = np.where(here, plan.soe_kwh[:, clock], soe)
        for tick in range(ticks):
            hours = left * dt - (tick + 1) * dt / ticks  # after this tick
            target = aim - (1 - (tick + 1) / ticks) * stored(planned, cars) * dt
            base = _restoring(target - soe, planned, own[..., clock].sum(axis=0), cars, here, dt / ticks)
            base = _within_limits(base, planned, own, reserves, cars, market, other_load_kw, clock, here)
            x = signals[:, :, clock * ticks + tick]
            asked = np.where(x[:, :, None] < 0, own[None, :, 0, :, clock], own[None, :, 1, :, clock]) * x[:, :, None]
            asked = asked * here
            call = asked.sum(axis=1)
            power = deliverable(base + call, soe, cars, hours, dt / ticks) * here
            lost = np.clip(np.where(call > 0, base + call - power, power - base - call), 0.0, np.abs(call)) * here
            soe = soe + stored(power, cars) * dt / ticks
            if not counts:
                continue
            part = missed_by_product(asked, lost)
            energy[0] += np.abs(asked) @ cars.count * dt / ticks
            energy[1] += part @ cars.count * dt / ticks
            given = (asked - np.sign(asked) * part) @ cars.count * dt / ticks
            paid += given[:, settled] @ price[settled]
            moved[:, clock] += (power - planned * here) @ cars.count * dt / ticks - given[:, settled].sum(axis=1)
            worn += (np.maximum(-power, 0) - np.maximum(-planned * here, 0)) @ (cars.wear * cars.count) * dt / ticks
        if counts:
            course[:, here, clock] = soe[:, here]
            gone = here & (left == 1)
            short += np.maximum(cars.departure_kwh - soe, 0.0)[:, gone] @ cars.count[gone]
    bought = np.where(moved > 0, market.buy, market.sell)
    penalty = energy[1] @ np.array([one.product.penalty for one in reserves])
    return CallsResult(energy[0], energy[1], penalty, (moved * bought).sum(axis=1) + paid + worn, short, course)


def missed_by_product(asked: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return what each product misses of what is lost (N, V) of the calls asked (N, J, V), shape (N, J, V) [kW].

    What is missed in the direction of the whole call is missed by its products in proportion.
    """
    call = asked.sum(axis=1)
    same = np.where(np.sign(asked) == np.sign(call)[:, None], np.abs(asked), 0.0)
    whole = same.sum(axis=1)
    return np.divide(lost, whole, out=np.zeros(lost.shape), where=whole > 0)[:, None] * same


def stored(power: np.ndarray, cars: Batteries) -> np.ndarray:
    """Return the power that enters the battery at a net power at the grid, (..., V) [kW]."""
    return cars.efficiency * np.maximum(power, 0.0) - np.maximum(-power, 0.0) / cars.efficiency


def drawn(stored: np.ndarray, cars: Batteries) -> np.ndarray:
    """Return the net power at the grid that stores a power, (..., V) [kW]: the inverse of `stored`."""
    return np.maximum(stored, 0.0) / cars.efficiency - np.maximum(-stored, 0.0) * cars.efficiency


def _restoring(
    missing: np.ndarray, planned: np.ndarray, bands: np.ndarray, cars: Batteries, here: np.ndarray, tick_h: float
) -> np.ndarray:
    """Return the power without calls that brings the state of energy nearest to the plan by the end of the tick."""
    low, high = bands[0] - cars.discharge_kw, cars.charge_kw - bands[1]
    power = np.clip(drawn(missing / tick_h, cars), np.minimum(low, planned), np.maximum(high, planned))
    return np.where(here, power, 0.0)


def _within_limits(
    base: np.ndarray,
    planned: np.ndarray,
    own: np.ndarray,
    reserves: Sequence[Reserve],
    cars: Batteries,
    market: Market,
    other_load_kw: np.ndarray,
    clock: int,
    here: np.ndarray,
) -> np.ndarray:
    """Return powers (N, V) moved towards the plan until import limit and injection allow all bands to be called."""
    count = cars.count * here
    more, less = np.maximum(base - planned, 0.0) * here, np.maximum(planned - base, 0.0) * here
    load, extra = other_load_kw[clock] + count @ planned, own[..., clock].sum(axis=0) @ count
    if market.import_limit_kw is not None:
        room = max(market.import_limit_kw[clock] - load - extra[1], 0.0)
        more *= np.minimum(1.0, room / np.maximum(more @ count, 1e-12))[:, None]
    bids = [
        one.bid_kw[clock * one.bid_kw.size // cars.n_steps] for one in reserves if not one.product.injection_allowed
    ]
    if max(bids, default=0.0) > 0:
        room = max(market.base_load_kw[clock] + load - extra[0], 0.0)
        less *= np.minimum(1.0, room / np.maximum(less @ count, 1e-12))[:, None]
    return (planned * here) + more - less


def deliverable(power: np.ndarray, soe: np.ndarray, cars: Batteries, hours: np.ndarray, tick_h: float) -> np.ndarray:
    """Return powers (N, V) within capacity and floor, that still reach the promise in the hours (V,) left after it."""
    full = cars.efficiency * cars.charge_kw
    least = np.maximum(cars.floor_kwh, cars.departure_kwh - full * hours)
    low = drawn((np.minimum(least, soe + full * tick_h) - soe) / tick_h, cars)
    high = drawn((cars.capacity_kwh - soe) / tick_h, cars)
    return np.clip(power, np.clip(low, -cars.discharge_kw, cars.charge_kw), np.maximum(high, -cars.discharge_kw))
