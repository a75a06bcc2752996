"""Print the operator's account on the present and on the proposed rate, and what is left to other customers."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from csmoifsa_ev.inputs.scenario import Scenario
from csmoifsa_ev.study.revenue import RevenueRow

CASE_NAMES = {
    "in_force": "all on the present rate",
    "same_hours": "all on the proposed, today's hours",
    "proposed": "all on the proposed, with the answer",
    "choice": "customers choose",
}


def account_table(rows: Sequence[RevenueRow], scenario: Scenario) -> Table:
    """Return the operator's account, one case a row."""
    prices = scenario.prices
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"operator's account, 1000 {prices.currency}/day")
    for name in ("on the\nproposed", "revenue\n", "change\n", "supply\n", "margin\nchange", f"others\n{prices.unit}"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        change, others = row["revenue_change"], row["others_price"]
        table.add_row(
            CASE_NAMES[row["case"]],
            f"{row['on_proposed']:.0%}",
            f"{row['revenue_per_day'] * 1e-3:,.1f}",
            "" if change is None else f"{change:+.2%}",
            f"{row['supply_per_day'] * 1e-3:,.1f}",
            f"{row['margin_change_per_day'] * 1e-3:+,.1f}",
            "" if others is None else f"{others:+.4f}",
        )
    return table


def account_lines(rows: Sequence[RevenueRow], scenario: Scenario) -> list[str]:
    """Return what the table means, and what would keep the revenue."""
    unit, level = scenario.prices.unit, {row["case"]: row for row in rows}["proposed"]["level_change"]
    lines = [
        "Revenue: what customers pay for charging, without taxes. Margin: revenue less the cost of supplying the cars "
        "and what discharging earns. Others: change of the price of each kWh without cars that would make up for the "
        f"change of the margin; above 0 others pay. Of the customers {scenario.bill.share_choosing:.0%} compare the "
        "two rates and take the cheaper one."
    ]
    if level is not None and abs(level) >= 5e-4:
        lines.append(
            f"All charge prices of the proposed rate {abs(level):.3f} {unit} {'higher' if level > 0 else 'lower'} "
            "would keep the revenue, and move no load."
        )
    return lines
