"""How long pricing takes, beside its bars: ``python benchmarks/perf/pricing.py`` (``--large`` adds 80 million cars).

Values are asserted equal before anything is timed: compiled evaluator against the plain model, and the fleet's sums in
other chunks and threads.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from dataclasses import replace

import numpy as np

from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.fleet_sums import sum_fleet
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.study import run_study

BARS = {"fleet 3e6": 2.0, "fleet 8e7": 60.0, "study": 3.0}
"""Seconds; the memory's bar is 1 GB."""


def check_values() -> None:
    scenario = load_scenario()
    fleet = replace(scenario.fleet, n_ev=100_000)
    one, other = (
        sum_fleet(fleet, scenario.tariff, 24, 0.1, chunk=chunk, threads=threads)
        for chunk, threads in ((1 << 15, 2), (777, 1))
    )
    for name, value in vars(one).items():
        np.testing.assert_array_equal(getattr(other, name), value)
    problem = EVPricing(build_day(scenario.with_changes(n_ev=10_000)))
    X = np.random.default_rng(0).uniform(5, 50, (100, 6))
    np.testing.assert_allclose(
        np.asarray(problem.evaluate(X, return_values_of=["F"])),
        problem.outcome(X).objectives("paper"),
        rtol=1e-9,
        atol=1e-6,
    )


def seconds(call, repeat: int = 1) -> float:
    best = float("inf")
    for _ in range(repeat):
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return best


def time_fleets(sizes: list[int]) -> list[dict]:
    """Draw and sum fleets; and price on each, which must not take longer for more cars."""
    scenario = load_scenario()
    rows = []
    for n_ev in sizes:
        sum_fleet.cache_clear()
        fleet = replace(scenario.fleet, n_ev=n_ev)
        used = time.process_time()
        drawn = seconds(lambda fleet=fleet: sum_fleet(fleet, scenario.tariff, 24, scenario.v2g.depth))
        used = time.process_time() - used
        problem = EVPricing(build_day(replace(scenario, fleet=fleet)))
        X = np.random.default_rng(0).uniform(5, 50, (10_000, 6))
        problem.evaluate(X[:10])
        rows.append(
            {
                "cars": n_ev,
                "draw_and_sum_s": drawn,
                "draw_and_sum_cpu_s": used,
                "price_10000_tariffs_s": seconds(lambda problem=problem, X=X: problem.evaluate(X), 5),
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="80 million cars, too")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    check_values()
    fleets = time_fleets([30_000, 300_000, 3_000_000, *([80_000_000] if options.large else [])])
    scenario = load_scenario()
    run_study(scenario, n_eval=500)
    study = seconds(lambda: run_study(scenario, n_eval=10_000, pop_size=100), 3)
    sum_fleet.cache_clear()
    cold_fleet = seconds(lambda: run_study(scenario, n_eval=10_000, pop_size=100))
    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "fleets": fleets,
        "study_warm_s": study,
        "study_with_fleet_drawn_s": cold_fleet,
        "bars_s": BARS,
    }
    if options.json:
        print(json.dumps(result))
        return
    print(f"{'cars':>12} {'draw and sum':>14} {'of processor':>14} {'10,000 tariffs':>16} {'peak memory':>13}")
    for row in fleets:
        print(
            f"{row['cars']:>12,} {row['draw_and_sum_s']:>12.2f} s {row['draw_and_sum_cpu_s']:>12.2f} s "
            f" {row['price_10000_tariffs_s'] * 1e3:>13.1f} ms "
            f"{row['peak_memory_mb']:>10.0f} MB"
        )
    print(
        f"study, 10,000 tariffs, school of 100: {study:.2f} s warm, {cold_fleet:.2f} s with 3,000,000 cars drawn afresh"
    )
    print("bars: 3,000,000 cars 2 s; 80,000,000 cars 60 s and 1,024 MB; study 3 s")


if __name__ == "__main__":
    main()
