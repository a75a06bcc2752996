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
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.many import Cars, classes_of, draw_cars
from csmoifsa_aggregator.solve.contracts import stage_two
from csmoifsa_aggregator.solve.fleet import tune


def pool(n_ev: int, time_limit: float) -> None:
    """Tune a price on every car with a supply curve, then plan V2G and reserve of two fifths of them by classes."""
    names = ["EVs", "steps", "under contract", "classes", "tuned", "V2G", "reserve adds", "gap", "greatest bid in MW"]
    names += ["CPU s of tuning", "of the plan", "of both", "seconds"]
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
        group = batteries_of_fleet(cars, 0.4, 45)
        product = replace(load_products(["pjm-regulation"])[0].product(steps, game.dt_h), injection_allowed=True)
        terms = (group, game, game.day_ahead)
        alone = stage_two(*terms, other_load_kw=0.6 * tuned.load_kw)
        both = stage_two(*terms, other_load_kw=0.6 * tuned.load_kw, products=[product], time_limit=time_limit)
        end = time.process_time()
        cells = (
            f"{n_ev:,}",
            steps,
            f"{group.count.sum():,.0f}",
            group.n_classes,
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


def batteries_of_fleet(cars: Cars, share: float, n_classes: int) -> Batteries:
    """Return a share of the cars as about ``n_classes`` classes of like stay; a class stays while all its cars do.

    Batteries hold 60 kWh, leave with 54, come with what they charge less, and keep 12; classes whose common stay is too
    short for their energy are left out.
    """
    _, owner = classes_of(cars, n_classes)
    names = np.unique(owner)
    start, end = np.zeros((2, names.size), dtype=int)
    mean = {key: np.zeros(names.size) for key in ("energy_kwh", "power_kw")}
    for k, name in enumerate(names):
        mine = owner == name
        start[k] = cars.start[mine].max()
        end[k] = (cars.start + cars.length)[mine].min()
        for key, values in mean.items():
            values[k] = getattr(cars, key)[mine].mean()
    dt = 24.0 / cars.n_steps
    energy = np.minimum(0.95 * mean["energy_kwh"], 42.0)
    keep = (end > start) & (0.95 * mean["power_kw"] * (end - start) * dt > energy)
    return Batteries(
        names=tuple(f"class {name}" for name in names[keep]),
        count=share * np.bincount(owner, minlength=names.max() + 1)[names][keep],
        charge_kw=mean["power_kw"][keep],
        discharge_kw=mean["power_kw"][keep],
        capacity_kwh=np.full(keep.sum(), 60.0),
        floor_kwh=np.full(keep.sum(), 12.0),
        arrival_kwh=54.0 - energy[keep],
        departure_kwh=np.full(keep.sum(), 54.0),
        efficiency=np.full(keep.sum(), 0.95),
        wear=np.full(keep.sum(), 0.01),
        start=start[keep] % cars.n_steps,
        length=(end - start)[keep],
        n_steps=cars.n_steps,
        dt_h=dt,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-ev", type=int, default=3_000_000)
    parser.add_argument("--time-limit", type=float, default=15.0, help="seconds for the plan with reserve")
    options = parser.parse_args()
    pool(options.n_ev, options.time_limit)


if __name__ == "__main__":
    main()
