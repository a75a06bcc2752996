"""Print how the recommended tariff does over draws that did not choose it, and what it promises."""

from __future__ import annotations

from rich.table import Table

from csmoifsa_ev.output.summary import RobustSummary

TARIFF_NAMES = {"start": "in force", "nominal": "nominal", "compromise": "recommended", "rounded": "rounded"}

RULES = {
    "nominal": "the largest score at the stated assumptions of tariffs that keep the promises",
    "mean": "the largest mean score",
    "cvar": "the largest mean score of the worst {tail:.0%} of the draws",
    "worst": "the largest score in the worst draw",
    "regret": "the smallest distance, in the worst draw, from the best score that any tariff reaches in it",
}


def robust_table(robust: RobustSummary, money: str) -> Table:
    """Return the tariffs side by side over draws that did not choose them."""
    rows = robust["held_out"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"on {robust['draws']} held-out draws")
    for row in rows:
        table.add_column(TARIFF_NAMES[row["tariff"]], justify="right", no_wrap=True)
    lines = [
        ("score at the stated assumptions", [f"{row['nominal_score']:.3f}" for row in rows]),
        ("mean score", [f"{row['mean_score']:.3f}" for row in rows]),
        (f"mean score of the worst {robust['tail']:.0%}", [f"{row['tail_score']:.3f}" for row in rows]),
        ("smallest score", [f"{row['worst_score']:.3f}" for row in rows]),
        ("largest regret", ["" if row["largest_regret"] is None else f"{row['largest_regret']:.3f}" for row in rows]),
        (f"profit as assumed, 1000 {money} a day", [f"{row['nominal_profit'] * 1e-3:,.0f}" for row in rows]),
        (f"profit, 5 % quantile, 1000 {money} a day", [f"{row['profit_p5'] * 1e-3:,.0f}" for row in rows]),
        ("difference, 95 % quantile, MW", [f"{row['g2_p95_mw']:,.0f}" for row in rows]),
        ("bill over in force, 95 % quantile", [f"{row['bill_change_p95']:+.1%}" for row in rows]),
        ("peak in the valley hours", [f"{row['rebound_share']:.1%}" for row in rows]),
    ]
    for label, cells in lines:
        if any(cells):
            table.add_row(label, *cells)
    return table


def robust_lines(robust: RobustSummary, money: str) -> list[str]:
    """Return the rule, the price of robustness, and the share of draws in which each promise is kept."""
    rows = {row["tariff"]: row for row in robust["held_out"]}
    nominal, chosen = rows["nominal"], rows["compromise"]

    def gain(name: str) -> str:
        return f"{chosen[name] - nominal[name]:+.3f}"

    profit = (chosen["nominal_profit"] - nominal["nominal_profit"]) * 1e-3
    rule = RULES[robust["rule"]].format(tail=robust["tail"])
    lines = [
        f"Recommended over {robust['draws']} draws of all assumptions, by {rule}. Against the nominal choice, which "
        f"takes the assumptions as stated, it changes there the score by {gain('nominal_score')} and the profit by "
        f"{profit:+,.0f} thousand {money} a day (the price of robustness), and on held-out draws the mean score by "
        f"{gain('mean_score')}, that of the worst {robust['tail']:.0%} by {gain('tail_score')} and the smallest by "
        f"{gain('worst_score')}."
    ]
    shares = {(row["promise"], row["tariff"]): row["held_out"] for row in robust["promises"]}
    for row in robust["promises"]:
        if row["tariff"] not in ("compromise", "rounded"):
            continue
        missed = "" if row["held_out"] >= row["wanted"] else ", less than promised,"
        if row["held_out"] < row["wanted"] <= row["held_out_high"]:
            missed = ", less than promised within the sampling error,"
        lines.append(
            f"Promise {row['promise']!r}: the {TARIFF_NAMES[row['tariff']]} tariff keeps it in {row['in_choice']:.1%} "
            f"of the draws chosen over and in {row['held_out']:.1%} of the held-out ones{missed} (90 % interval "
            f"{row['held_out_low']:.1%} to {row['held_out_high']:.1%}), the nominal one in "
            f"{shares[row['promise'], 'nominal']:.1%}."
        )
    return lines
