"""Random games of any size from a seed, for tests, tables of run time by size, and first steps."""

from __future__ import annotations

import numpy as np

from csmoifsa_aggregator.model.game import Game

WEI_DAY_AHEAD = (
    *(0.35, 0.33, 0.30, 0.33, 0.36, 0.40, 0.44, 0.46, 0.52, 0.58, 0.66, 0.75),
    *(0.81, 0.76, 0.80, 0.83, 0.81, 0.75, 0.64, 0.55, 0.53, 0.47, 0.40, 0.37),
)
"""Day-ahead price of each hour [CNY/kWh] (Wei et al. 2015)."""


def day_ahead(n_steps: int) -> np.ndarray:
    """Return Wei's day-ahead price, linear between the middles of the hours, shape (n_steps,) [CNY/kWh]."""
    hours = (np.arange(n_steps) + 0.5) * 24.0 / n_steps
    knots = np.arange(-1, 25) + 0.5
    return np.interp(hours, knots, np.take(WEI_DAY_AHEAD, np.arange(-1, 25), mode="wrap"))


def random_game(
    n_steps: int = 24, n_classes: int = 3, seed: int = 1, *, band: float = 0.2, n_ev: int | None = None
) -> Game:
    """Draw a random game: cars at home at night, at work by day, and out in between.

    Parameters
    ----------
    n_steps, n_classes, seed : int
        Number of steps, number of classes, and seed of the draw.
    band : float
        Distance of the price bounds from the day-ahead price, as a share of it; the mean price is 0.93 times the mean
        day-ahead price.
    n_ev : int, optional
        Number of cars of all classes together, before rounding; 20 to 100 a class where left out.
    """
    rng = np.random.default_rng([seed, n_steps, n_classes])
    p = day_ahead(n_steps)
    dt = 24.0 / n_steps
    start_h = np.where(rng.random(n_classes) < 0.6, rng.normal(19.0, 2.0, n_classes), rng.normal(8.5, 1.5, n_classes))
    length_h = np.clip(rng.normal(10.0, 2.5, n_classes), 4.0, 18.0)
    start, length = np.round(start_h / dt).astype(int), np.round(length_h / dt).astype(int)
    window = np.zeros((n_classes, n_steps), dtype=bool)
    for k in range(n_classes):
        window[k, (start[k] + np.arange(length[k])) % n_steps] = True
    count = rng.integers(20, 101, n_classes).astype(float)
    if n_ev is not None:
        count = np.maximum(1.0, np.round(count * n_ev / count.sum()))
    each_kw = rng.choice([3.0, 3.3, 6.6, 7.0, 11.0], n_classes)
    hours = np.minimum(rng.uniform(1.5, 7.0, n_classes), 0.9 * window.sum(axis=1) * dt)
    return Game(
        name=f"random {n_steps}x{n_classes}, seed {seed}",
        day_ahead=p,
        buy=1.2 * p,
        sell=1.2 * p,
        lower=(1.0 - band) * p,
        upper=(1.0 + band) * p,
        mean=0.93 * float(p.mean()),
        energy_kwh=np.round(count * each_kw * hours, 3),
        power_kw=count * each_kw,
        window=window,
        count=count,
        dt_h=dt,
    )


def product_game(wanted: np.ndarray, budget: np.ndarray, name: str = "products") -> Game:
    """Return the game that equals the pricing of products without cost for customers who buy the cheapest one.

    Each customer buys one unit of the cheapest product that it wants, unless that exceeds its budget: unit-demand
    min-buying pricing with uniform budgets (Aggarwal, Feder, Motwani and Zhu 2004, doi 10.1007/978-3-540-27836-8_9).
    Each product is a step of one hour, each customer a class that charges 1 kWh in one of them; further steps, whose
    price is fixed at a budget and at cost, stand for buying nothing.

    Parameters
    ----------
    wanted : (K, I) bool array
        Whether customer k wants product i.
    budget : (K,) array
        Most that each customer pays, above 0.
    name : str
        Name of the game.
    """
    n_customers, n_products = wanted.shape
    levels, own = np.unique(budget, return_inverse=True)
    cost = np.concatenate([np.zeros(n_products), levels])
    upper = np.concatenate([np.full(n_products, levels[-1]), levels])
    one = np.ones(n_customers)
    return Game(
        name=name,
        day_ahead=cost,
        buy=cost,
        sell=cost,
        lower=cost,
        upper=upper,
        mean=float(upper.mean()),
        mean_sense="<=",
        energy_kwh=one,
        power_kw=one,
        window=np.hstack([wanted, own.reshape(-1, 1) == np.arange(len(levels))]),
        count=one,
        dt_h=1.0,
    )


def random_products(n_products: int, n_customers: int, seed: int) -> Game:
    """Draw customers who want half of the products each, with whole budgets from 1 to their number: `product_game`.

    These are the sizes and budgets usual in rank pricing (Calvete et al. 2019, doi 10.1016/j.cor.2018.12.011), where
    customers buy the product that they like best; here they buy the cheapest.
    """
    rng = np.random.default_rng([seed, n_products, n_customers])
    wanted = np.zeros((n_customers, n_products), dtype=bool)
    for row in wanted:
        row[rng.choice(n_products, (n_products + 1) // 2, replace=False)] = True
    budget = rng.integers(1, n_customers + 1, n_customers).astype(float)
    return product_game(wanted, budget, f"{n_products} products, {n_customers} customers, seed {seed}")
