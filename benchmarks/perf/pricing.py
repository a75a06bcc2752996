"""How long pricing takes, beside its bars: ``python benchmarks/perf/pricing.py`` (``--large`` adds 80 million cars).

With ``--year LOAD.csv`` it prints instead the time and memory of a study of 2016 on an hourly load, with other hours on
weekends and on winter weekdays: by 24 representative days, and by all days; and the time that the limits of what parked
cars can shift take with two to six periods.

With ``--seeds 10`` it prints instead what is recommended over seeds, evaluations and populations, for the bundled cases
and for each scenario file named with ``--scenario``; ``--out PAGE.md`` writes that as a page.

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
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.fleet_sums import sum_fleet
from csmoifsa_ev.model.tariff import Period, Windows
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


YEAR = """
[load]
csv = "{load}"
first_day = 2016-01-01
last_day = 2016-12-31
{representative}
[[tariff.days]]
name = "weekend"
which = "weekends"
windows = {{ valley = ["0-24"] }}
[[tariff.days]]
name = "winter weekday"
which = "weekdays"
months = [1, 2, 3, 11, 12]
windows = {{ flat = ["16-21"], valley = ["21-16"] }}
"""


def time_year(load: Path) -> None:
    """Print the time and the memory of a study of a year, by representative days and by all."""
    with TemporaryDirectory() as name:
        for label, representative in (("24 days", "representative = 24"), ("all days", "")):
            path = Path(name) / "year.toml"
            path.write_text(YEAR.format(load=load.resolve(), representative=representative), encoding="utf-8")
            sum_fleet.cache_clear()
            used, begin = time.process_time(), time.perf_counter()
            study = run_study(load_scenario(path), n_eval=10_000, pop_size=100)
            wall, used = time.perf_counter() - begin, time.process_time() - used
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
            print(
                f"year by {label}: {study.day.n_days} day(s) in {len(study.day.kinds)} kind(s), 10,000 tariffs: "
                f"{wall:.1f} s, {used:.1f} s of processor, {memory:,.0f} MB"
            )


def time_periods() -> None:
    """Print the processor time of the fleet's sums with two to six periods."""
    scenario = load_scenario()
    hours = {2: (16, 21), 3: (7, 16, 21), 4: (7, 14, 17, 21), 5: (4, 8, 14, 17, 21), 6: (4, 8, 12, 15, 18, 22)}
    for n, begins in hours.items():
        ends = [*begins[1:], begins[0]]
        windows = [(f"{a}-{b}",) for a, b in zip(begins, ends, strict=True)]
        periods = tuple(Period(name=f"p{k}", windows=one) for k, one in enumerate(windows))
        used = time.process_time()
        sum_fleet(scenario.fleet, Windows(periods=periods), 24, scenario.v2g.depth)
        print(f"{n} periods, {scenario.fleet.n_ev:,} cars: {time.process_time() - used:.1f} s of processor")


def seeds_page(seeds: int, scenarios: list[str]) -> str:
    """Return a page with the recommended tariff of each case over seeds, and over evaluations and populations."""
    command = f"python benchmarks/perf/pricing.py --seeds {seeds} --out docs/results/recommendation.md"
    lines = [
        "# One recommendation from any seed",
        "",
        f"Made by `{command}` (each further case by `--scenario FILE.toml`); do not edit.",
        "Prices in cents/kWh, money in 1000 $ a day. Front and direct search begin from the seed.",
        "Bars: prices within 0.5 cents where anybody uses them, profit within 2 %.",
    ]
    wanted = [load_scenario(case=name) for name in ("paper-2022", "duke-2017")]
    wanted += [load_scenario(path) for path in scenarios]
    for scenario in wanted:
        runs = [(seed, 10_000, 100) for seed in range(1, seeds + 1)] + [(1, 2_000, 50), (1, 20_000, 200)]
        names = ["seed", "evaluations", "population", "charge", "discharge", "profit", "bill", "score"]
        lines += ["", f"## {scenario.title}", "", "| " + " | ".join(names) + " |", "|" + "---:|" * len(names)]
        prices, profits = [], []
        for seed, n_eval, pop_size in runs:
            study = run_study(scenario, n_eval=n_eval, pop_size=pop_size, seed=seed)
            outcome = study.problem.outcome(study.recommended)
            used = np.append(outcome.discharging_share[0] > 0, False)
            prices.append(np.where([True, True, True, *used], study.recommended, 0.0))
            profits.append(float(outcome.operator_profit_per_day[0]))
            charge = " / ".join(f"{price:.2f}" for price in study.recommended[:3])
            given = zip(study.recommended[3:], used, strict=True)
            discharge = " / ".join(f"{price:.2f}" if used else "none" for price, used in given)
            bill = float(outcome.driver_bill_per_day[0])
            lines.append(
                f"| {seed} | {n_eval:,} | {pop_size} | {charge} | {discharge} | {profits[-1] * 1e-3:,.2f} | "
                f"{bill * 1e-3:,.2f} | {study.recommendation.score:.4f} |"
            )
        spread = np.ptp(prices, axis=0).max()
        share = np.ptp(profits) / abs(np.mean(profits))
        lines += ["", f"Largest spread: prices {spread:.3f} cents/kWh, profit {share:.3%}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="80 million cars, too")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--seeds", type=int, help="print what is recommended over so many seeds instead")
    parser.add_argument("--scenario", action="append", default=[], help="with --seeds: one more scenario file")
    parser.add_argument("--out", type=Path, help="with --seeds: write the page there")
    parser.add_argument("--year", type=Path, metavar="LOAD.csv", help="print times of a year on this load instead")
    options = parser.parse_args()
    if options.year:
        check_values()
        time_year(options.year)
        time_periods()
        return
    if options.seeds:
        page = seeds_page(options.seeds, options.scenario)
        if options.out:
            options.out.write_text(page, encoding="utf-8")
        print(page)
        return
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
