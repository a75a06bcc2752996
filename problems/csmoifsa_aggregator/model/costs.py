"""One account of what energy costs: every stage, baseline, table and rolled day asks here.

Cars take G_t and batteries give D_t. The energy is bought ahead in blocks (A), or in real time (B); of what batteries
give, S_t is sold and the rest serves the other cars:

``cost = sum_t dt ((p_t + premium) A_t + p^b_t B_t - q_t S_t)``, ``G - D = A + B - S``, ``0 <= S <= D``,

at its least. Selling and buying in real time exclude each other within a step, as for the aggregator's own storage
(Wei et al. 2015). Without storage each step stands alone and is solved here by merit order; with it, `supply` asks a
linear program. Wear and the owners' share are added by the contract, bills are no part of it.
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
        Content at the beginning and, at the least, at the end of the day [kWh].
    efficiency : float
        Of charging, and again of discharging.
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
    """Where the aggregator buys and sells a day's energy; prices in currency/kWh.

    Attributes
    ----------
    day_ahead, buy, sell : (T,) array
        Price of energy bought ahead p, bought in real time p^b, and what the storage's energy earns in real time p^s.
    dt_h : float
        Length of a step [h].
    storage : Storage, optional
        The aggregator's own battery.
    cap_kw : (T,) array, optional
        Import limit: the greatest net load of all cars together [kW].
    block_kw, block_premium : (B,) arrays, optional
        A supply curve: of the energy bought ahead, the first ``block_kw[0]`` cost the day-ahead price plus
        ``block_premium[0]``, the next ``block_kw[1]`` plus ``block_premium[1]``, and so on; premiums rise, the last
        block may be infinite. What exceeds the blocks is bought in real time.
    """

    day_ahead: np.ndarray
    buy: np.ndarray
    sell: np.ndarray
    dt_h: float
    storage: Storage | None = None
    cap_kw: np.ndarray | None = None
    block_kw: np.ndarray | None = None
    block_premium: np.ndarray | None = None

    @property
    def n_steps(self) -> int:
        """T."""
        return len(self.day_ahead)

    @cached_property
    def cheapest(self) -> np.ndarray:
        """The cheaper of the two ways to buy, min(p, p^b), shape (T,)."""
        return np.minimum(self.day_ahead, self.buy)

    @cached_property
    def least_price(self) -> np.ndarray:
        """The least price of a kWh on the supply curve or in real time, shape (T,)."""
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


def single_price(price: np.ndarray, dt_h: float, cap_kw: np.ndarray | None = None) -> Market:
    """Return a market that buys any amount at one price, such as real time; price (T,) [currency/kWh]."""
    return Market(day_ahead=price, buy=price, sell=price, dt_h=dt_h, cap_kw=cap_kw)


def purchase(load_kw: np.ndarray, market: Market) -> np.ndarray:
    """Return what it costs to buy loads of shape (..., T) [kW] in each step, shape (..., T) [currency/h].

    Merit order: the blocks that are no dearer than real time, then real time.
    """
    if market.block_kw is None:
        return load_kw * market.cheapest
    left, total = np.array(load_kw, dtype=float), np.zeros(np.shape(load_kw))
    for kw, extra in zip(*market.blocks, strict=True):
        # a block dearer than the real-time price is left to it
        here = np.minimum(left, np.where(market.day_ahead + extra <= market.buy, kw, 0.0))
        total += here * (market.day_ahead + extra)
        left -= here
    return total + left * market.buy


def load_cost(load_kw: np.ndarray, market: Market) -> np.ndarray:
    """Return what loads of shape (..., T) [kW] cost without storage, shape (...) [currency]."""
    return purchase(load_kw, market).sum(axis=-1) * market.dt_h


def _purchase_and_sale(
    load_kw: np.ndarray, discharge_kw: np.ndarray, market: Market, sale_price: np.ndarray
) -> np.ndarray:
    """Return the cost of each step in which energy is sold, so that all is bought ahead, (..., T) [currency/h].

    Of X bought ahead, between what is needed and what the cars take, every block cheaper than the selling price is
    bought, and what batteries give instead of it sold. Infinite where the blocks do not reach what is needed.
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
        What all cars take [kW].
    market : Market
        Where it is bought; its storage and its import limit are left out.
    discharge_kw : (..., T) array, optional
        What batteries give [kW]; nothing where left out.
    give : (T,) array, optional
        What a kWh of it earns when sold; where left out nothing can be sold, and what no car takes is lost.
    """
    if discharge_kw is None:
        return purchase(load_kw, market) * market.dt_h
    net = load_kw - discharge_kw
    alone = purchase(np.maximum(net, 0.0), market)
    if sale_price is None:
        return alone * market.dt_h
    alone = np.where(net < 0, np.inf, alone)
    return np.minimum(alone, _purchase_and_sale(load_kw, discharge_kw, market, sale_price)) * market.dt_h


def over_cap(net_kw: np.ndarray, market: Market) -> float:
    """Return by how much a net load, shape (T,), exceeds the import limit, at most over the steps [kW]."""
    return 0.0 if market.cap_kw is None else float(np.maximum(net_kw - market.cap_kw, 0.0).max())


def price_ratio(series: np.ndarray, price: np.ndarray) -> np.ndarray | None:
    """Return how far a series lies above the day-ahead price, in its absolute value, shape (T,).

    At a price of 0 a series that is 0 too says nothing, and the median of the other steps is taken; None where all
    prices are 0.
    """
    known = price != 0
    if not known.any():
        return None
    above = (series - price)[known] / np.abs(price[known])
    ratio = np.full(price.shape, np.median(above))
    ratio[known] = above
    return ratio


def keep_ratio(series: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return a series that lay at some distance from old day-ahead prices at the same one from new prices, (T,).

    The distance is kept in the absolute value of the price, so bounds stay in order at negative prices; where the old
    price was 0, a distance other than 0 is kept as it was [currency/kWh].
    """
    ratio = price_ratio(series, old)
    fixed = (old == 0) & (series != 0)
    scaled = np.zeros(old.shape) if ratio is None else ratio * np.abs(new)
    return new + np.where(fixed, series - old, scaled)
