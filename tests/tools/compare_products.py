"""Compare stage one with a program over price levels, written independently, on the pricing of products.

    python tests/tools/compare_products.py --time-limit 60

Prints a Markdown table; it exits with 1 where a revenue exceeds the other's bound, which one of the two gets wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from aggregator.products import best_by_levels, customers_of
from csmoifsa_aggregator.model.generate import random_products
from csmoifsa_aggregator.solve.stackelberg import solve_game

SIZES = ((5, 20), (5, 30), (10, 20), (10, 30), (10, 50))


def state(value: float, bound: float) -> str:
    gap = (bound - value) / bound
    return "proven" if gap < 2e-6 else f"gap {100 * gap:.2g} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    heads = (
        "game",
        "stage one: revenue",
        "upper bound",
        "status",
        "seconds",
        "by levels: revenue",
        "status",
        "seconds",
    )
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    wrong = 0
    for n_products, n_customers in SIZES:
        for seed in range(1, given.seeds + 1):
            game = random_products(n_products, n_customers, seed)
            found = solve_game(game, margin=0.0, time_limit=given.time_limit)
            begin = time.perf_counter()
            best, bound = best_by_levels(*customers_of(game, n_products), given.time_limit)
            seconds = time.perf_counter() - begin
            wrong += found.objective > bound * (1 + 1e-6) or best > found.upper_bound * (1 + 1e-6)
            print(
                f"| {game.name} | {found.objective:,.2f} | {found.upper_bound:,.2f} | "
                f"{state(found.objective, found.upper_bound)} | {found.seconds:.1f} | {best:,.2f} | "
                f"{state(best, bound)} | {seconds:.1f} |",
                flush=True,
            )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
