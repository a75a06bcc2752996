"""Tariffs chosen over draws of all assumptions beside the nominal choice, on draws that chose neither.

    python benchmarks/perf/robust.py --out docs/results/robust.md

For each bundled case: the rules of `choice.robust`, a promise, and the rebound under each kind of recovery at the same
tariffs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.promises import parse_promise
from csmoifsa_ev.model.response import RECOVERIES
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import Recommendation, recommend
from csmoifsa_ev.study.draws import REBOUND, Draws
from csmoifsa_ev.study.held_out import HELD_OUT, HeldOutRow, compare_held_out
from csmoifsa_ev.study.robust import DRAWS, recommend_robustly

CASES = ("paper-2022", "paper-2022-fitted", "duke-2017", "calgary-2022")
RULES = ("mean", "cvar", "worst", "regret")
PROMISES = ("rebound <= 0 in 95 %", "bill_change <= 0 in 90 %")
HEAD = (
    "tariff", "charge", "score as assumed", "mean", "worst 10 %", "smallest", "largest regret", "profit as assumed",
    "profit, 5 %", "difference, 95 % [MW]", "bill over in force, 95 %", "rebound",
)  # fmt: skip


def table(head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    """Return a Markdown table, its first column a text."""
    return [
        "| " + " | ".join(head) + " |",
        "|---|" + "---:|" * (len(head) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def prices(tariff: np.ndarray) -> str:
    """Return the charge prices of a tariff."""
    return " / ".join(f"{price:.1f}" for price in tariff[:3])


def held_out_row(row: HeldOutRow, tariff: np.ndarray) -> list[str]:
    """Return the cells of one tariff."""
    scores = [row["nominal_score"], row["mean_score"], row["tail_score"], row["worst_score"], row["largest_regret"]]
    return [
        row["tariff"],
        prices(tariff),
        *("" if score is None else f"{score:.3f}" for score in scores),
        f"{row['nominal_profit'] * 1e-3:,.0f}",
        f"{row['profit_p5'] * 1e-3:,.0f}",
        f"{row['g2_p95_mw']:,.0f}",
        f"{row['bill_change_p95']:+.1%}",
        f"{row['rebound_share']:.1%}",
    ]


def with_choice(problem: EVPricing, **changes: object) -> EVPricing:
    """Return the problem with keys of `limits.Choice` replaced."""
    choice = replace(problem.day.choice, **changes)
    return EVPricing(replace(problem.day, choice=choice), objectives=problem.objective_set)


def chosen_tariffs(problem: EVPricing, nominal: Recommendation) -> dict[str, np.ndarray]:
    """Return the tariff in force, the nominal choice and that of each rule."""
    known = nominal.tariff[None]
    tariffs = {"in force": problem.day.prices.in_force, "nominal": nominal.tariff}
    for rule in RULES:
        tariffs[rule] = recommend_robustly(with_choice(problem, robust=rule), nominal, known, []).tariff
    return tariffs


def promise_rows(problem: EVPricing, nominal: Recommendation) -> list[list[str]]:
    """Return one row a promise: the tariff that keeps it, and the shares of draws in which it holds."""
    rows = []
    for text in PROMISES:
        promise = parse_promise(text)
        try:
            tariff = recommend_robustly(problem, nominal, nominal.tariff[None], [promise]).tariff
        except InputError as error:
            rows.append(
                [text, str(error).split("; ")[1].removesuffix(". Promise less, or a smaller share"), "", "", "", ""]
            )
            continue
        tariffs = {"nominal": nominal.tariff, "kept": tariff}
        scores, kept = compare_held_out(problem, nominal.scale, tariffs, [promise])
        rows.append(
            [
                text,
                prices(tariff),
                f"{scores[0]['nominal_score']:.3f} to {scores[1]['nominal_score']:.3f}",
                f"{kept[1]['in_choice']:.1%}",
                f"{kept[1]['held_out']:.1%} ({kept[1]['held_out_low']:.1%} to {kept[1]['held_out_high']:.1%})",
                f"{kept[0]['held_out']:.1%}",
            ]
        )
    return rows


def recovery_rows(problem: EVPricing, tariffs: dict[str, np.ndarray]) -> list[list[str]]:
    """Return one row a tariff and kind of recovery: the peak, the rebound, and the share of draws that have one."""
    rows = []
    for name, tariff in tariffs.items():
        for recovery in RECOVERIES:
            response = replace(problem.day.response, recovery=recovery)
            one = EVPricing(replace(problem.day, response=response), objectives=problem.objective_set)
            outcome, draws = one.outcome(tariff), Draws(one, draws=DRAWS, seed=HELD_OUT)
            rebound = draws.quantities(tariff[None])[:, 0, REBOUND]
            rows.append(
                [
                    f"{name}, {recovery}",
                    f"{outcome.g1_mw[0]:,.0f}",
                    f"{outcome.g2_mw[0]:,.0f}",
                    f"{outcome.rebound_mw[0]:+,.0f}",
                    f"{np.quantile(rebound, 0.95):+,.0f}",
                    f"{(rebound > 0).mean():.1%}",
                ]
            )
    return rows


def page(command: str) -> str:
    """Return the page of results."""
    lines = [
        "# Tariffs that hold",
        "",
        f"Made by `{command}`; do not edit.",
        f"Each tariff was chosen over {DRAWS} draws of all assumptions (nominal: at the stated ones) and is shown on "
        f"{DRAWS} others. Scores as in [Choosing under doubt](../explanation/pricing-model.md#choosing-under-doubt); "
        "largest regret: distance from the best score that any tariff reaches in the same draw. Prices in cents/kWh, "
        "peak / flat / valley; money in 1000 $ a day; rebound: draws with the peak in the valley hours; in the last "
        "table the highest load there less the highest in all other hours.",
    ]
    for case in CASES:
        scenario = load_scenario(case=case)
        problem = EVPricing(build_day(scenario))
        nominal = recommend(problem)
        assert nominal is not None, f"no tariff keeps the constraints of {case}"
        tariffs = chosen_tariffs(problem, nominal)
        rows, _ = compare_held_out(problem, nominal.scale, tariffs, [], with_regret=True)
        cells = [held_out_row(row, tariffs[row["tariff"]]) for row in rows]
        lines += ["", f"## {case}: {scenario.title}", "", *table(HEAD, cells)]
        head = ("promise", "charge", "score as assumed", "kept, chosen over", "kept, held out (90 %)", "nominal keeps")
        lines += ["", *table(head, promise_rows(problem, nominal))]
        head = (
            "tariff, recovery",
            "peak [MW]",
            "difference [MW]",
            "rebound [MW]",
            "rebound, 95 % [MW]",
            "draws with one",
        )
        both = {name: tariffs[name] for name in ("in force", "nominal")}
        lines += ["", *table(head, recovery_rows(problem, both))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the options and write or print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write the page there")
    options = parser.parse_args()
    text = page("python benchmarks/perf/robust.py --out docs/results/robust.md")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
