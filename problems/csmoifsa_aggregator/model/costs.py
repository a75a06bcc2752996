"""The cost of energy, bought and sold: the same functions for every stage, baseline, table and rolled day.

Cars charge at G_t and batteries discharge at D_t [kW]. Energy is bought ahead in blocks (A_t) or in real time (B_t); of
the discharged energy, S_t is sold at q_t and the rest charges the other cars. The cost is the least of

``cost = sum_t dt ((p_t + premium) A_t + p^b_t B_t - q_t S_t)``, ``G - D = A + B - S``, ``0 <= S <= D``.

Selling and buying in real time exclude each other within a step, as for the aggregator's own storage (Wei et al. 2015).
Without storage each step is independent and is solved here by merit order; with storage, `supply` solves a linear
program. Wear and the owners' share are added by the contract; the drivers' bills are no part of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters


@dataclass(frozen=True, kw_only=True)
class Storage(Parameters):
    """A stationary battery of the aggregator.

    Attributes
    ----------
    power_kw : float
        Greatest charge and discharge power [kW].
    capacity_kwh : float
        Usable capacity [kWh].
    initial_kwh : float
        State of energy at the beginning and, at the least, at the end of the day [kWh].
    efficiency : float
        Efficiency of charging, and again of discharging, above 0 and at most 1.
    """

    power_kw: float
    capacity_kwh: float
    initial_kwh: float
    efficiency: float

    def __post_init__(self) -> None:
        for name in ("power_kw", "capacity_kwh", "initial_kwh"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"storage: {name} must be a number from 0 up, not {getattr(self, name)}")
        if not 0 < self.efficiency <= 1:
            raise InputError(f"storage: efficiency must be above 0 and at most 1, not {self.efficiency}")
        if self.initial_kwh > self.capacity_kwh:
            raise InputError(
                f"storage: initial_kwh {self.initial_kwh:g} exceeds capacity_kwh by "
                f"{self.initial_kwh - self.capacity_kwh:g} kWh"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Market:
    """The market on which the aggregator buys and sells a day's energy; prices in currency/kWh.

    Attributes
    ----------
    day_ahead, buy, sell : (T,) array
        Price p of energy bought ahead, p^b of energy bought in real time, and p^s of energy that the storage sells in
        real time [currency/kWh].
    dt_h : float
        Length of a step [h].
    storage : Storage, optional
        The aggregator's own battery.
    import_limit_kw : (T,) array, optional
        Import limit: the greatest net load of all cars together [kW].
    block_kw, block_premium : (B,) arrays, optional
        Sizes [kW] and premiums [currency/kWh] of the blocks of a supply curve: of the energy bought ahead, the first
        ``block_kw[0]`` cost the day-ahead price plus ``block_premium[0]``, the next ``block_kw[1]`` the day-ahead price
        plus ``block_premium[1]``, and so on; premiums rise, the last block may be infinite. Energy beyond the blocks is
        bought in real time.
    base_kw : (T,) array, optional
        Load beside the cars [kW]; none where left out. Others buy its energy.
    demand_charge : float
        Price of the peak, the greatest load of base and cars together, per day [currency/kW]. The aggregator pays for
        what the cars add to the peak of the base load alone, and is paid for what they take off; see `peak_rise`.
    """

    day_ahead: np.ndarray
    buy: np.ndarray
    sell: np.ndarray
    dt_h: float
    storage: Storage | None = None
    import_limit_kw: np.ndarray | None = None
    block_kw: np.ndarray | None = None
    block_premium: np.ndarray | None = None
    base_kw: np.ndarray | None = None
    demand_charge: float = 0.0

    @property
    def n_steps(self) -> int:
        """Number of steps T."""
        return len(self.day_ahead)

    @cached_property
    def cheapest(self) -> np.ndarray:
        """The cheaper of day-ahead and real-time price, min(p, p^b), shape (T,) [currency/kWh]."""
        return np.minimum(self.day_ahead, self.buy)

    @cached_property
    def least_price(self) -> np.ndarray:
        """The least price of energy on the supply curve or in real time, shape (T,) [currency/kWh]."""
        if self.block_kw is None or self.block_premium is None:
            return self.cheapest
        premium = self.block_premium[self.block_kw > 0]
        return np.minimum(self.day_ahead + premium.min(), self.buy) if premium.size else self.buy

    @cached_property
    def blocks(self) -> tuple[np.ndarray, np.ndarray]:
        """Sizes [kW] and premiums [currency/kWh] of the supply curve, each (B,); one infinite block without a curve."""
        if self.block_kw is None or self.block_premium is None:
            return np.array([np.inf]), np.zeros(1)
        return self.block_kw, self.block_premium

    @cached_property
    def base_load_kw(self) -> np.ndarray:
        """Load beside the cars, shape (T,) [kW]; zeros without one."""
        return np.zeros(self.n_steps) if self.base_kw is None else self.base_kw


def single_price(price: np.ndarray, dt_h: float, import_limit_kw: np.ndarray | None = None) -> Market:
    """Return a market with one price for any amount, such as that of real time; price (T,) [currency/kWh]."""
    return Market(day_ahead=price, buy=price, sell=price, dt_h=dt_h, import_limit_kw=import_limit_kw)


def purchase(load_kw: np.ndarray, market: Market) -> np.ndarray:
    """Return the cost of buying loads of shape (..., T) [kW] in each step, shape (..., T) [currency/h].

    Energy is bought in merit order: the blocks that are no dearer than real time, then real time.
    """
    if market.block_kw is None:
        return load_kw * market.cheapest
    left, total = np.array(load_kw, dtype=float), np.zeros(np.shape(load_kw))
    for kw, extra in zip(*market.blocks, strict=True):
        # a block dearer than the real-time price is skipped
        here = np.minimum(left, np.where(market.day_ahead + extra <= market.buy, kw, 0.0))
        total += here * (market.day_ahead + extra)
        left -= here
    return total + left * market.buy


def load_cost(load_kw: np.ndarray, market: Market) -> np.ndarray:
    """Return the cost of loads (..., T) [kW] without storage, with the demand charge, shape (...) [currency]."""
    return purchase(load_kw, market).sum(axis=-1) * market.dt_h + market.demand_charge * peak_rise(load_kw, market)


def peak_rise(net_kw: np.ndarray, market: Market) -> np.ndarray:
    """Return what net loads of all cars, shape (..., T), add to the peak of the base load, shape (...) [kW].

    The peak is the greatest load of base and cars together, at least 0; the aggregator's own storage is no part of it,
    as of the import limit. By discharging, the rise may be below zero.
    """
    base = market.base_load_kw
    return np.maximum((base + net_kw).max(axis=-1), 0.0) - max(float(base.max()), 0.0)


def _purchase_and_sale(
    load_kw: np.ndarray, discharge_kw: np.ndarray, market: Market, sale_price: np.ndarray
) -> np.ndarray:
    """Return the cost of each step if energy may be sold and all energy is bought ahead, (..., T) [currency/h].

    The energy bought ahead lies between the net load and the whole load of the cars. Within it, every block cheaper
    than the selling price is bought, and the discharged energy that it replaces is sold. The cost is infinite where the
    blocks hold less than the net load.
    """
    net = load_kw - discharge_kw
    needed = np.maximum(net, 0.0)
    left, total, bought = np.array(load_kw, dtype=float), np.zeros(load_kw.shape), np.zeros(load_kw.shape)
    for kw, extra in zip(*market.blocks, strict=True):
        price = market.day_ahead + extra
        here = np.minimum(kw, np.where(price < sale_price, left, np.maximum(needed - bought, 0.0)))
        total += here * price
        bought += here
        left -= here
    short = needed - bought > 1e-9 * np.maximum(1.0, needed)
    return np.where(short, np.inf, total - sale_price * (bought - net))


def step_costs(
    load_kw: np.ndarray, market: Market, discharge_kw: np.ndarray | None = None, sale_price: np.ndarray | None = None
) -> np.ndarray:
    """Return the least cost of each step without storage, shape (..., T) [currency].

    Parameters
    ----------
    load_kw : (..., T) array
        Charging power of all cars [kW].
    market : Market
        Prices and supply curve; its storage and its import limit are ignored.
    discharge_kw : (..., T) array, optional
        Discharging power of the batteries [kW]; none where left out.
    sale_price : (T,) array, optional
        Price of discharged energy that is sold [currency/kWh]; where left out nothing can be sold, and discharged
        energy beyond the cars' charging is lost.
    """
    if discharge_kw is None:
        return purchase(load_kw, market) * market.dt_h
    net = load_kw - discharge_kw
    alone = purchase(np.maximum(net, 0.0), market)
    if sale_price is None:
        return alone * market.dt_h
    alone = np.where(net < 0, np.inf, alone)
    return np.minimum(alone, _purchase_and_sale(load_kw, discharge_kw, market, sale_price)) * market.dt_h


def import_excess(net_kw: np.ndarray, market: Market) -> float:
    """Return the greatest excess over the steps of a net load, shape (T,), over the import limit [kW]."""
    return 0.0 if market.import_limit_kw is None else float(np.maximum(net_kw - market.import_limit_kw, 0.0).max())


def price_ratio(series: np.ndarray, price: np.ndarray) -> np.ndarray | None:
    """Return how far a series lies above the day-ahead price, as a share of that price's absolute value, shape (T,).

    A step whose price is 0 has no ratio of its own; the median of the other steps stands for it. None where all prices
    are 0.
    """
    known = price != 0
    if not known.any():
        return None
    above = (series - price)[known] / np.abs(price[known])
    ratio = np.full(price.shape, np.median(above))
    ratio[known] = above
    return ratio


def keep_ratio(series: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return a price series moved from old to new day-ahead prices at the same relative distance, shape (T,).

    The distance is relative to the absolute value of the price, so bounds stay in order at negative prices; where the
    old price was 0, a distance other than 0 stays as it was [currency/kWh].
    """
    ratio = price_ratio(series, old)
    fixed = (old == 0) & (series != 0)
    scaled = np.zeros(old.shape) if ratio is None else ratio * np.abs(new)
    return new + np.where(fixed, series - old, scaled)
