"""Answer of charge-only drivers to a price: exact, by filling the cheapest steps first.

At price c follower k solves (Wei et al. 2015) ``R_k(c) = min sum_t c_t e_kt`` with ``sum_t e_kt = E_k`` (dual lambda)
and ``0 <= e_kt <= P_k dt`` in the window (duals sigma, omega). It is a fractional knapsack, so sorting solves it. In
the form used throughout, ``x_kt = e_kt / (P_k dt)`` lies in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_aggregator.model.game import Game

TIE = 1e-7
"""Difference up to which two prices are equal to a driver, as a share of the typical price: well above the error that a
linear program's tolerance leaves on a price."""


def tie_groups(price: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the rank of each price among the distinct ones, (T,) int; neighbours within the tolerance share a rank."""
    order = np.argsort(price, kind="stable")
    rank = np.empty(len(price), dtype=np.int64)
    rank[order] = np.concatenate([[0], np.cumsum(np.diff(price[order]) > tolerance)])
    return rank


def fill(order: np.ndarray, game: Game) -> np.ndarray:
    """Return the charging of classes that fill the steps in this order, as shares of power, ``x`` of shape (K, T)."""
    room = game.window[:, order] * game.step_kwh[:, None]
    before = np.cumsum(room, axis=1) - room
    taken = np.clip(game.energy_kwh[:, None] - before, 0.0, room)
    x = np.empty_like(taken)
    x[:, order] = taken / game.step_kwh[:, None]
    return x


def respond(price: np.ndarray, game: Game, *, favour: np.ndarray | None = None, tie: float = TIE) -> np.ndarray:
    """Return the cheapest charging of every class.

    Parameters
    ----------
    price : (T,) array
        Price that drivers pay [currency/kWh].
    game : Game
        Game with the classes.
    favour : (T,) array, optional
        Order of steps of equal price: those of small ``favour`` are filled first; the earlier ones where left out.
        ``game.cheapest`` yields the optimistic response, ``-game.cheapest`` the one that is worst for the leader.
    tie : float
        Difference up to which two prices are equal, as a share of the typical price.

    Returns
    -------
    (K, T) array
        Charging of each class as a share of its power, x.
    """
    groups = tie_groups(price, tie * game.price_scale)
    second = np.zeros(len(price)) if favour is None else favour
    return fill(np.lexsort((second, groups)), game)


def bills(price: np.ndarray, game: Game) -> np.ndarray:
    """Return the bill R_k(c) of each class, shape (K,) [currency]."""
    return respond(price, game, tie=0.0) * game.step_kwh[:, None] @ price


def quantile(price: np.ndarray, game: Game) -> np.ndarray:
    """Return Q_k, the least price up to which the steps of class k hold its energy, shape (K,) [currency/kWh]."""
    order = np.argsort(price, kind="stable")
    reached = np.cumsum(game.window[:, order] * game.step_kwh[:, None], axis=1)
    needed = game.energy_kwh * (1.0 - 1e-12)
    return price[order][(reached >= needed[:, None]).argmax(axis=1)]


@dataclass(frozen=True)
class Duals:
    """Multipliers of the followers at a price [currency/kWh].

    Attributes
    ----------
    lam : (K,) array
        Multiplier lambda of the energy.
    omega, sigma : (K, T) array
        Multipliers of the upper limit on power and of its lower limit 0.
    """

    lam: np.ndarray
    omega: np.ndarray
    sigma: np.ndarray


def duals(price: np.ndarray, game: Game) -> Duals:
    """Return multipliers that satisfy ``c_t - lambda_k + omega_kt - sigma_kt = 0`` with signs and complementarity."""
    lam = quantile(price, game)
    gap = lam[:, None] - price[None, :]
    return Duals(lam, np.where(game.window, np.maximum(gap, 0.0), 0.0), np.maximum(-gap, 0.0) * game.window)


def duality_gap(price: np.ndarray, x: np.ndarray, game: Game) -> float:
    """Return the greatest gap, over the classes, between a follower's cost and its dual value.

    The gap is relative to the cost of the class's energy at the typical price.
    Strong duality, ``sum_t c_t e_kt = lambda_k E_k - sum_t P_k dt omega_kt``, holds if and only if x is optimal.
    """
    d = duals(price, game)
    cost = (x * game.step_kwh[:, None]) @ price
    value = d.lam * game.energy_kwh - game.step_kwh * d.omega.sum(axis=1)
    scale = game.price_scale * game.energy_kwh
    return float((np.abs(cost - value) / scale).max())
