"""Pricing of products, a problem of other people, as a game of stage one: against all prices and a program of its own.

Customers who buy the cheapest product within their budget are drivers who charge one hour.
"""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.products import best_by_levels, best_of_all_prices, customers_of, revenue
from csmoifsa_aggregator.model.generate import product_game, random_products
from csmoifsa_aggregator.solve.stackelberg import solve_game


def draw(seed):
    """Return few customers with few, often equal budgets; some want a single product or all of them."""
    rng = np.random.default_rng(seed)
    n_customers, n_products = rng.integers(1, 8), rng.integers(1, 4)
    wanted = rng.random((n_customers, n_products)) < rng.choice([0.3, 0.6, 1.0])
    wanted[np.arange(n_customers), rng.integers(n_products, size=n_customers)] = True
    return wanted, rng.integers(1, 7, n_customers) * rng.choice([1.0, 0.37, 1e3])


@pytest.mark.parametrize("seed", range(60))
def test_the_proven_price_earns_the_most_of_all_prices(seed):
    wanted, budget = draw(seed)
    best = best_of_all_prices(wanted, budget)
    found = solve_game(product_game(wanted, budget), margin=0.0)
    assert found.status == "proven"
    assert found.objective == pytest.approx(best, rel=1e-6)
    price = np.round(found.price[: wanted.shape[1]] / budget.max(), 9) * budget.max()
    assert revenue(price - 1e-6 * budget.max(), wanted, budget) >= best * (1 - 1e-4)
    assert best_by_levels(wanted, budget)[0] == pytest.approx(best)


@pytest.mark.parametrize("seed", [1, 2])
def test_more_products_and_customers(seed):
    game = random_products(6, 18, seed)
    wanted, budget = customers_of(game, 6)
    best, bound = best_by_levels(wanted, budget)
    assert bound <= best * (1 + 1e-4)
    found = solve_game(game, margin=0.0, time_limit=60.0)
    assert found.objective <= best * (1 + 1e-6) + 1e-9
    assert found.upper_bound >= best * (1 - 1e-6)
    assert found.status == "proven"
