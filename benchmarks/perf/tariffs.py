"""Price tariff files, each on a whole year, and write a page: what was read, what came out, what was refused and why.

    python benchmarks/perf/tariffs.py --out docs/results/tariffs.md
    python benchmarks/perf/tariffs.py mine.json other.json

Without files it prices those of ``real_tariffs.json`` beside it. The load is the bundled day of paper-2022 on every day
of 2016, in steps of half an hour; prices may go from half of the lowest in force to 1.5 times the highest.
"""

from __future__ import annotations

import argparse
import json
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import Scenario, load_scenario
from csmoifsa_ev.study.study import Study, run_study

REAL = Path(__file__).with_name("real_tariffs.json")
CARS, N_EVAL, POP_SIZE = 20_000, 2_000, 50
FIRST, DAYS = date(2016, 1, 1), 366
CHOOSE = """rest = "flat"
choose = [
  { period = "peak", start = [16, 18], hours = [3, 4] },
  { period = "valley", start = [23, 24], hours = [6, 7] },
]
"""
"""Hours to choose from where a tariff has one price."""


def write_load(folder: Path) -> None:
    """Write the bundled day's load on every day of the year, half hour by half hour."""
    values = load_scenario().load.values_mw
    assert values is not None
    lines = ["time,load_mw"]
    for day in range(DAYS):
        for half, value in enumerate(np.repeat(values, 2)):
            lines.append(f"{FIRST + timedelta(days=day)} {half // 2:02d}:{half % 2 * 30:02d},{value}")
    (folder / "load.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def scenario_of(folder: Path, file: Path, how: str, bounds: tuple[float, float] = (0.5, 100.0)) -> Scenario:
    """Return the scenario of a tariff file; ``how`` are further keys of its table ``tariff``."""
    low, high = bounds
    text = (
        '[load]\ncsv = "load.csv"\nstamp = "beginning"\ntime_zone = "UTC"\n'
        f"first_day = {FIRST}\nlast_day = {FIRST + timedelta(days=DAYS - 1)}\nrepresentative = 4\n"
        f"[fleet]\nn_ev = {CARS}\n"
        f"[prices]\ncharge_bounds = [{low}, {high}]\ndischarge_bounds = [{low}, {high}]\n"
        f'[tariff]\nfile = "{file}"\n{how}'
    )
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path)


def price(folder: Path, file: Path) -> tuple[Study, list[str]]:
    """Return the study of a tariff file, and sentences on how it was read otherwise than as a whole year."""
    remarks, how = [], "whole_year = true\n"
    try:
        found = scenario_of(folder, file, how)
    except InputError as error:
        remarks.append(f"as a whole year: {str(error).replace(str(file), file.name)}")
        how = "day = 2016-07-13\n"
        try:
            found = scenario_of(folder, file, how)
        except InputError:
            how += CHOOSE
            found = scenario_of(folder, file, how)
            remarks.append(
                "its hours were chosen, a peak of 3 to 4 h from 16 to 18 h and a valley of 6 to 7 h from 23 or 0 h"
            )
    start = found.prices.start_prices
    bounds = (round(0.5 * float(start.min()), 3), round(1.5 * float(start.max()), 3))
    return run_study(scenario_of(folder, file, how, bounds), n_eval=N_EVAL, pop_size=POP_SIZE), remarks


def row_of(name: str, study: Study) -> list[str]:
    """Return the cells of one tariff."""
    day, outcome = study.day, study.choice_outcome
    rows = [list(study.choices).index(one) for one in ("start", "compromise")]
    bills = outcome.driver_bill_per_day[rows]
    swing = outcome.g2_mw[rows]
    numbers = [
        " / ".join(f"{one:.1f}" for one in prices[: day.n_periods])
        for prices in (study.choices["start"], study.recommended)
    ]
    kinds = len(study.scenario.tariff.days) + 1
    return [
        name,
        f"{day.n_periods}",
        f"{kinds}",
        *numbers,
        f"{swing[1] - swing[0]:+.1f}",
        f"{bills[1] / bills[0] - 1:+.1%}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="tariff files, URDB or ACN-Sim JSON")
    parser.add_argument("--out", type=Path, help="write the page there")
    options = parser.parse_args()
    lines, remarks, sources = [], [], []
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_load(folder)
        files = [(path.stem, path.resolve()) for path in options.files]
        if options.out or not files:
            for k, one in enumerate(json.loads(REAL.read_text(encoding="utf-8"))):
                (folder / f"{k}.json").write_text(json.dumps(one), encoding="utf-8")
                files.append((one["name"], folder / f"{k}.json"))
                sources.append(f"* {one['name']}: {one['source']}")
        for title, file in files:
            try:
                study, found = price(folder, file)
            except InputError as error:
                remarks.append(f"* {title}, refused: {str(error).replace(str(file), file.name)}")
                continue
            lines.append("| " + " | ".join(row_of(title, study)) + " |")
            kept = [note.replace(str(file), file.name) for note in study.scenario.notes]
            remarks += [f"* {title}: {one}" for one in [*found, *kept]]
            print(lines[-1], flush=True)
    page = [
        "# Real tariffs",
        "",
        "Made by `python benchmarks/perf/tariffs.py --out docs/results/tariffs.md`; do not edit. Each tariff is read "
        f"for every day of a year and priced for {CARS:,} cars on the bundled load of paper-2022 on every day, with "
        f"{N_EVAL:,} tariffs tried, seed 1. Prices in hundredths of its currency per kWh, from the dearest period to "
        "the cheapest; peak-valley difference in MW; changes are against the tariff in force.",
        "",
        "| tariff | periods | kinds of days | charge prices in force | recommended | difference | bill |",
        "|---|---:|---:|---|---|---:|---:|",
        *lines,
        "",
        "## What was left out, refused, or read otherwise",
        "",
        *(remarks or ["Nothing."]),
        "",
        "## Sources",
        "",
        "Figures of published rates; `benchmarks/perf/real_tariffs.json` has them.",
        "",
        *sources,
    ]
    text = "\n".join(page) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
