"""The hours that `study.hours.choose_hours` chooses, beside a full search of all hours and a grid over all prices.

    python benchmarks/perf/hours.py --out docs/results/hours.md

The grid prices every set of hours at all charge prices of whole cents that fall from the dearest to the cheapest
period, discharge prices at the least; scores are on the scale of the search.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from csmoifsa_ev.inputs.scenario import Scenario, build_day, load_scenario
from csmoifsa_ev.model.hours import WindowChoice
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, QUANTITIES
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study import hours
from csmoifsa_ev.study.choice import Scale

STARTS, LENGTHS = (14, 18), (3, 5)
STUDIES = (("paper-2022", "paper"), ("paper-2022", "market"), ("duke-2017", "market"))


class Counter:
    """Counts the tariffs that problems evaluate while it is entered."""

    def __enter__(self) -> Counter:
        self.count, self._plain = 0, EVPricing.quantities
        counter, plain = self, self._plain

        def counted(self: EVPricing, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            counter.count += len(X)
            return plain(self, X)

        EVPricing.quantities = counted
        return self

    def __exit__(self, *error: object) -> None:
        EVPricing.quantities = self._plain


def scenario_of(case: str) -> Scenario:
    """Return a bundled case whose peak window is to be chosen."""
    scenario = load_scenario(case=case)
    choose = (WindowChoice(period="peak", start=STARTS, hours=LENGTHS),)
    return replace(scenario, tariff=replace(scenario.tariff, choose=choose, rest="flat"))


def searched(scenario: Scenario, objectives: str, seed: int, margin: float) -> tuple[hours.HoursChoice, int]:
    """Return the choice of hours, and how many tariffs it evaluated; hours within ``margin`` are searched in full."""
    plain, hours._MARGIN = hours._MARGIN, margin
    try:
        with Counter() as counter:
            found = hours.choose_hours(scenario, objectives=objectives, seed=seed)
    finally:
        hours._MARGIN = plain
    return found, counter.count


def grid_scores(scenario: Scenario, found: hours.HoursChoice, objectives: str, scale: Scale) -> dict[str, float]:
    """Return the largest score on a grid of prices, by the peak window of each set of hours."""
    columns = [QUANTITIES.index(name) for name in OBJECTIVE_SETS[objectives]]
    scores = {}
    for option in found.options:
        problem = EVPricing(build_day(scenario, option.tariff), objectives=objectives)
        low, high = problem.price_bounds
        prices = [one for one in product(np.arange(low[0], high[0] + 0.5), repeat=3) if one[0] >= one[1] >= one[2]]
        Q, G = problem.quantities(np.hstack([prices, np.tile(low[3:], (len(prices), 1))]))
        kept = (G <= 0).all(axis=1)
        scores[peak(option)] = float(scale.score(Q[kept][:, columns]).max())
    return scores


def peak(option: hours.HoursOption) -> str:
    """Return the peak window of a set of hours."""
    return " ".join(option.tariff.by_name["peak"])


def section(case: str, objectives: str, seeds: int) -> list[str]:
    """Return the lines of one study."""
    scenario = scenario_of(case)
    runs = [searched(scenario, objectives, seed, hours._MARGIN) for seed in range(seeds)]
    full, full_count = searched(scenario, objectives, 0, np.inf)
    found = runs[0][0]
    scale, best = found.standard.scale, full.standard.best_score
    grid = grid_scores(scenario, found, objectives, scale)
    by_full = {peak(one): one.score for one in full.options}
    same = all(one.chosen == full.chosen for one, _ in runs)
    kept = "the same" if same else "not the same"
    count = float(np.mean([one for _, one in runs]))
    gaps = [best - one.standard.best_score for one, _ in runs]
    lines = [
        "",
        f"## {case}, {objectives}",
        "",
        f"Chosen: peak {peak(found.options[0])}, {kept} from {seeds} seeds and by the full search. Largest score of "
        f"all hours: full search {best:.5f}; the choice falls short of it by at most {max(gaps):.1e} over the seeds. "
        f"Tariffs evaluated: {count:,.0f} in the mean, {count / full_count:.0%} of the full search.",
        "",
        "| peak | | choice | searched | full search | grid |",
        "|---|---|---:|---|---:|---:|",
    ]
    for one in found.options:
        near = one.allowed and one.recommendation is not None
        mark = "chosen" if one is found.options[0] else "in force" if one.in_force else "nearly equal" if near else ""
        effort = "in full" if one.searched else "short"
        scores = f"{one.score:.4f} | {effort} | {by_full[peak(one)]:.4f} | {grid[peak(one)]:.4f}"
        lines.append(f"| {peak(one)} | {mark} | {scores} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="random seeds of the choice")
    parser.add_argument("--out", type=Path, help="write the page there")
    options = parser.parse_args()
    lines = [
        "# Choosing the hours",
        "",
        f"Made by `python benchmarks/perf/hours.py --seeds {options.seeds} --out docs/results/hours.md`; do not edit. "
        f"The peak window of each case begins at {STARTS[0]} to {STARTS[1]} h and is {LENGTHS[0]} to {LENGTHS[1]} h "
        "long; freed hours become flat ones. The choice searches in full only hours that may hold a tariff within the "
        "tolerance; the full search all of them. The grid has all falling charge prices in whole cents, nobody "
        "discharges. Scores are the largest on each set of hours, 0 to 1 on the scale of all hours; among nearly equal "
        "hours the rule picks by profit, so that the hours chosen need not have the largest score. The hours in force "
        "are there for comparison, and are not allowed.",
    ]
    for case, objectives in STUDIES:
        lines += section(case, objectives, options.seeds)
    page = "\n".join(lines) + "\n"
    if options.out:
        options.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
