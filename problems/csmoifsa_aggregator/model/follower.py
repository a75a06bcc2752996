"""How charge-only drivers answer a price: exactly, by filling the cheapest steps first.

Follower k, given the price c (Wei et al. 2015): ``R_k(c) = min sum_t c_t e_kt`` with ``sum_t e_kt = E_k`` (dual lambda)
and ``0 <= e_kt <= P_k dt`` in the window (duals sigma, omega). It is a fractional knapsack, so sorting solves it. In
the form used throughout, ``x_kt = e_kt / (P_k dt)`` lies in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_aggregator.model.game import Game

TIE = 1e-7
"""Prices closer than this, relative to the typical price, count as equal to a driver: a tenth of a millionth, and well
above what a linear program's tolerance leaves on a price."""


def tie_groups(price: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the rank of each price among the distinct ones, shape (T,); neighbours within the tolerance share one."""
    order = np.argsort(price, kind="stable")
    rank = np.empty(len(price), dtype=np.int64)
    rank[order] = np.concatenate([[0], np.cumsum(np.diff(price[order]) > tolerance)])
    return rank


def fill(order: np.ndarray, game: Game) -> np.ndarray:
    """Return what each class takes when it goes through the steps in this order, ``x`` of shape (K, T)."""
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
        What drivers pay [currency/kWh].
    game : Game
        The classes.
    favour : (T,) array, optional
        Among steps of equal price, those of small ``favour`` are filled first; the earlier ones where left out.
        ``game.cheapest`` gives the optimistic response, ``-game.cheapest`` the one that is worst for the leader.
    tie : float
        Prices within ``tie`` times the typical price are equal.

    Returns
    -------
    (K, T) array
        Shares x of each class's power.
    """
    groups = tie_groups(price, tie * game.price_scale)
    second = np.zeros(len(price)) if favour is None else favour
    return fill(np.lexsort((second, groups)), game)


def bills(price: np.ndarray, game: Game) -> np.ndarray:
    """Return R_k(c), what each class pays, shape (K,) [currency]."""
    return respond(price, game, tie=0.0) * game.step_kwh[:, None] @ price


def quantile(price: np.ndarray, game: Game) -> np.ndarray:
    """Return Q_k: the price at which the capacity of class k in cheaper steps reaches its energy, shape (K,)."""
    order = np.argsort(price, kind="stable")
    reached = np.cumsum(game.window[:, order] * game.step_kwh[:, None], axis=1)
    needed = game.energy_kwh * (1.0 - 1e-12)
    return price[order][(reached >= needed[:, None]).argmax(axis=1)]


@dataclass(frozen=True)
class Duals:
    """Multipliers of the followers at a price: lambda (K,), omega of the power limit, sigma of zero, both (K, T)."""

    lam: np.ndarray
    omega: np.ndarray
    sigma: np.ndarray


def duals(price: np.ndarray, game: Game) -> Duals:
    """Return multipliers that satisfy ``c_t - lambda_k + omega_kt - sigma_kt = 0`` with signs and complementarity."""
    lam = quantile(price, game)
    gap = lam[:, None] - price[None, :]
    return Duals(lam, np.where(game.window, np.maximum(gap, 0.0), 0.0), np.maximum(-gap, 0.0) * game.window)


def duality_gap(price: np.ndarray, x: np.ndarray, game: Game) -> float:
    """Return by how much the followers' cost exceeds their dual value, relative to it, at most over the classes.

    Strong duality, ``sum_t c_t e_kt = lambda_k E_k - sum_t P_k dt omega_kt``, holds if and only if x is optimal.
    """
    d = duals(price, game)
    cost = (x * game.step_kwh[:, None]) @ price
    value = d.lam * game.energy_kwh - game.step_kwh * d.omega.sum(axis=1)
    scale = game.price_scale * game.energy_kwh
    return float((np.abs(cost - value) / scale).max())
