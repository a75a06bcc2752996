"""Pricing of products for customers who buy the cheapest: a direct program over price levels, and all prices."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array


def customers_of(game, n_products):
    """Return wanted products (K, I) and budgets (K,) of a game of `generate.product_game`."""
    return game.window[:, :n_products], np.array(
        [game.lower[n_products:][own].item() for own in game.window[:, n_products:]]
    )


def revenue(price, wanted, budget):
    """Return the revenue of prices (I,), written from the definition."""
    total = 0.0
    for own, most in zip(wanted, budget, strict=True):
        cheapest = min(price[own])
        total += cheapest if cheapest <= most else 0.0
    return total


def best_of_all_prices(wanted, budget):
    """Return the greatest revenue of all prices among the budgets, which hold an optimum."""
    levels = np.unique(budget)
    return max(revenue(np.array(price), wanted, budget) for price in product(levels, repeat=wanted.shape[1]))


def best_by_levels(wanted, budget, time_limit=60.0):
    """Return the greatest revenue and its bound by a program of its own: each product has one budget as its price.

    ``z[i, l]``: product i costs level l; ``y[k, l]``: customer k pays level l.
    """
    (n_customers, n_products), levels = wanted.shape, np.unique(budget)
    n = len(levels)
    z, first = np.arange(n_products * n).reshape(n_products, n), n_products * n
    y = first + np.arange(n_customers * n).reshape(n_customers, n)
    rows, low, high = [], [], []

    def add(terms, least, most):
        rows.append(terms)
        low.append(least)
        high.append(most)

    for i in range(n_products):
        add([(z[i, level], 1.0) for level in range(n)], 1.0, 1.0)
    for k in range(n_customers):
        add([(y[k, level], 1.0) for level in range(n)], 0.0, 1.0)
        own = np.flatnonzero(wanted[k])
        for level in range(n):
            add([(y[k, level], 1.0), *((z[i, level], -1.0) for i in own)], -np.inf, 0.0)
            for i in own:  # a wanted product below the level that is paid would be bought
                cheaper = [(z[i, other], 1.0) for other in range(level)]
                add([*cheaper, *((y[k, other], 1.0) for other in range(level, n))], -np.inf, 1.0)
    matrix = lil_array((len(rows), first + n_customers * n))
    for at, terms in enumerate(rows):
        for column, value in terms:
            matrix[at, column] = value
    most = np.ones(matrix.shape[1])
    for k in range(n_customers):
        most[y[k, levels > budget[k]]] = 0.0
    cost = np.zeros(matrix.shape[1])
    cost[y] = -levels
    found = milp(
        cost,
        constraints=LinearConstraint(matrix.tocsr(), low, high),
        bounds=Bounds(0.0, most),
        integrality=np.ones(matrix.shape[1]),
        options={"time_limit": time_limit},
    )
    return -found.fun, -found.mip_dual_bound
