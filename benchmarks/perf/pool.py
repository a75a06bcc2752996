"""Seconds that a price for millions of single cars takes, with a supply curve, V2G contracts and reserve.

    python benchmarks/perf/pool.py --n-ev 3000000

Prints one Markdown table; times are after compiling. Money is in the currency of Wei's prices.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from csmoifsa_aggregator.inputs.reserve import load_products
from csmoifsa_aggregator.model.like_cars import Terms, contract_classes
from csmoifsa_aggregator.model.many import classes_of, draw_cars
from csmoifsa_aggregator.solve.contracts import stage_two
from csmoifsa_aggregator.solve.fleet import tune

SHARE = 0.4
"""Share of the cars under contract."""

TERMS = Terms(capacity_kwh=60.0, floor_kwh=12.0, departure_kwh=54.0, efficiency=0.95, wear=0.01)


def pool(n_ev: int, time_limit: float, n_classes: int) -> None:
    """Tune a price on every car with a supply curve, then plan V2G and reserve of two fifths of them by classes."""
    names = ["EVs", "steps", "under contract", "of two fifths", "classes", "stay kept", "tuned", "V2G", "reserve adds"]
    names += ["gap", "greatest bid in MW", "CPU s of tuning", "of the plan", "of both", "seconds"]
    print("| " + " | ".join(names) + " |")
    print("| --- " * len(names) + "|")
    for steps in (24, 96):
        cars = draw_cars(n_ev, steps)
        game, _ = classes_of(cars, 5)
        width = 0.25 * tune(cars, game, game.day_ahead, tries=300)[1].load_kw.max()
        blocks = {"block_kw": np.array([width, width, width, np.inf])}
        game = replace(game, **blocks, block_premium=np.array([0.0, 0.02, 0.05, 0.1]))
        wall, begin = time.perf_counter(), time.process_time()
        _, tuned = tune(cars, game, game.day_ahead)
        middle = time.process_time()
        group, owner = contract_classes(cars, TERMS, n_classes, share=SHARE)
        product = replace(load_products(["pjm-regulation"])[0].product(steps, game.dt_h), injection_allowed=True)
        others_kw = (1.0 - SHARE) * tuned.load_kw
        terms = (group, game, game.day_ahead)
        alone = stage_two(*terms, other_load_kw=others_kw)
        both = stage_two(*terms, other_load_kw=others_kw, products=[product], time_limit=time_limit)
        end = time.process_time()
        cells = (
            f"{n_ev:,}",
            steps,
            f"{group.count.sum():,.0f}",
            f"{100 * (owner >= 0).mean():.1f} %",
            group.n_classes,
            f"{100 * group.count @ group.length / (SHARE * cars.length[owner >= 0].sum()):.0f} %",
            f"{tuned.profit:,.0f}",
            f"{alone.surplus:,.0f}",
            f"{both.surplus - alone.surplus:,.0f}",
            f"{both.reserve_gap:,.0f}",
            f"{both.reserve[0].bid_kw.max() / 1e3:,.0f}",
            f"{middle - begin:.1f}",
            f"{end - middle:.1f}",
            f"{end - begin:.1f}",
            f"{time.perf_counter() - wall:.1f}",
        )
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-ev", type=int, default=3_000_000)
    parser.add_argument("--time-limit", type=float, default=15.0, help="seconds for the plan with reserve")
    parser.add_argument("--classes", type=int, default=80, help="greatest number of classes under contract")
    options = parser.parse_args()
    pool(options.n_ev, options.time_limit, options.classes)


if __name__ == "__main__":
    main()
