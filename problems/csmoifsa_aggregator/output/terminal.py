"""Results of the aggregator on the terminal, one screen for a manager."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from csmoifsa.console import stdout
from csmoifsa_aggregator.output.summary import Contracts, DaySummary, ReserveOffered, RolledReserve, RollingSummary
from csmoifsa_aggregator.study.baselines import WITH_RESERVE, AccountRow
from csmoifsa_aggregator.study.grid import BASE_ALONE, Gain, GridEffect, GridRow


def show_day(summary: DaySummary, title: str) -> None:
    """Print stage one, its proof, and the contracts."""
    console, money = stdout(), summary["currency"]
    console.print(title, style="bold", soft_wrap=True)
    if summary["status"] == "proven":
        verdict = "proven optimal"
    else:
        verdict = f"not proven: {100 * summary['gap']:.3g} % below the upper bound {summary['upper_bound']:,.6g}"
    how = {
        "certificate": "linear programs alone"
        if summary["binaries"] == 0
        else f"two programs, the supply's with {summary['binaries']} binaries",
        "milp": f"a mixed-integer program with {summary['binaries']} binaries",
        "alternation": "alternating linear programs",
    }[summary["method"]]
    console.print(
        f"profit {summary['objective']:,.6f} {money} a day, {verdict}, by {how} in {summary['seconds']:.2f} s",
        soft_wrap=True,
    )
    against = "they exceed the import limit" if summary["guaranteed"] is None else f"{summary['guaranteed']:,.2f}"
    console.print(
        f"bills {summary['bills']:,.2f} - procurement {summary['procurement']:,.2f} = EV margin "
        f"{summary['ev_margin']:,.2f}; storage {summary['storage']:,.2f}; "
        f"if indifferent drivers act against us {against}\n",
        soft_wrap=True,
    )
    console.print(plans_table(summary["plans"], money))
    _show_grid(summary["grid"])
    for note in (*_against_uncontrolled(summary["gain"], summary["grid_effect"], money), *_notes(summary)):
        console.print(note, soft_wrap=True)
    if "contracts" in summary:
        _show_contracts(summary["contracts"], money)
    if "reserve" in summary:
        _show_reserve(summary["reserve"], money)


def _show_grid(rows: Sequence[GridRow]) -> None:
    """Print the figures of base and cars together, where there is a base load."""
    if rows[0]["plan"] != BASE_ALONE:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("base and cars", "peak\nkW", "valley\nkW", "difference\nkW", "ramp\nkW/h", "load\nfactor"):
        table.add_column(name, justify="left" if name == "base and cars" else "right", no_wrap=True)
    for row in rows:
        kw = [f"{row[key]:,.0f}" for key in ("peak_kw", "valley_kw", "peak_valley_kw", "ramp_kw_h")]
        table.add_row(row["plan"], *kw, "-" if row["load_factor"] is None else f"{100 * row['load_factor']:.0f} %")
    stdout().print("")
    stdout().print(table)


def _against_uncontrolled(gain: Gain, effect: GridEffect, money: str) -> list[str]:
    notes = [
        f"Against uncontrolled charging at a flat price, the day {gain['plan']} gains the aggregator "
        f"{gain['aggregator']:,.2f} {money} and saves all drivers {gain['drivers']:,.2f} {money}."
    ]
    if effect["peak_valley_kw"] > 0:
        notes.append(
            f"It raises the peak-valley difference by {effect['peak_valley_kw']:,.0f} kW, for it follows prices; "
            "market.demand_charge puts a price on the peak, limits.peak_limit_kw a limit."
        )
    return notes


def _customers(summary: DaySummary) -> list[str]:
    if "customers" not in summary:
        return []
    kept, money = summary["customers"], f"{summary['currency']}/kWh"
    return [
        f"{kept['cars']:,.1f} cars ({100 * kept['share']:.1f} %) stay at a mean price paid of "
        f"{kept['mean_paid']:.4g} {money}, {kept['left']:,.1f} leave for the competitor, who asks "
        f"{kept['competitor']:.4g} {money}; profits are of those who stay, what drivers pay is of all."
    ]


def _notes(summary: DaySummary) -> list[str]:
    notes = _customers(summary)
    rules = summary["price_rules"]
    for key, what in (
        ("hours_above_real_time", "above the expected real-time price"),
        ("hours_below_cost", "below cost"),
    ):
        if rules[key]:
            notes.append(
                f"The price is {what} in {rules[key]:g} of {rules['hours_used']:g} hours in which cars charge."
            )
    if "v2g_followers" in summary:
        notes.append("No strict margin is kept: V2G drivers respond to the price, and no margin breaks all their ties.")
    outside = [one for one in summary["plans"] if one["hours_outside_bounds"]]
    if outside:
        names = ", ".join(f"{one['plan']} ({one['hours_outside_bounds']:g} h)" for one in outside)
        notes.append(f"Outside the price bounds, so for comparison only: {names}.")
    over = [one for one in summary["plans"] if one["import_excess_kw"] > 1e-6 * one["peak_kw"]]
    if over:
        names = ", ".join(f"{one['plan']} (by {one['import_excess_kw']:,.0f} kW)" for one in over)
        notes.append(f"Above the import limit, which only stage one and the contracts are made to keep: {names}.")
    if summary["contracts_unused"]:
        notes.append(summary["contracts_unused"])
    if summary["storage"]:
        notes.append(
            f"Profits in the table are the cars' alone; at stage one the storage adds {summary['storage']:,.2f}."
        )
    return notes


def _show_contracts(contracts: Contracts, money: str) -> None:
    console = stdout()
    console.print(
        f"\nV2G contracts ({contracts['program']}): {contracts['discharged_kwh']:,.1f} kWh discharged, surplus "
        f"{contracts['surplus']:,.2f} {money}, of it to owners {contracts['owner_gain']:,.2f}, to the aggregator "
        f"{contracts['aggregator_gain']:,.2f}; wear paid {contracts['wear_paid']:,.2f}",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("class", "vehicles", "surplus", "owner's gain a vehicle", "discharged, kWh"):
        table.add_column(name, justify="left" if name == "class" else "right")
    for one in contracts["by_class"]:
        table.add_row(
            one["class"],
            f"{one['vehicles']:,.0f}",
            f"{one['surplus']:,.2f}",
            f"{one['owner_gain_per_vehicle']:,.3f}",
            f"{one['discharged_kwh']:,.1f}",
        )
    console.print(table)


def _show_reserve(reserve: ReserveOffered, money: str) -> None:
    console = stdout()
    console.print(
        f"\nReserve beside V2G raises the surplus by {reserve['surplus_gain']:,.2f} {money}, and no other plan by "
        f"more than {reserve['gap']:,.2f} beyond that; what calls cost is the greatest expected cost.",
        soft_wrap=True,
    )
    days = reserve["simulated"]
    console.print(
        f"In {days['days']} days of simulated calls of {days['called_kwh']:,.0f} kWh a day they cost "
        f"{days['cost']:,.2f} {money} a day, and penalties {days['penalty']:,.2f}; {100 * days['missed_share']:.2g} % "
        f"of the energy called is not delivered, and promises at departure lack {days['short_kwh']:,.3g} kWh at most.",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    names = ("product", "\ndirection", "hours\nbid", "greatest\nbid, MW", f"payment\n{money}", f"calls cost\n{money}")
    for name in names:
        table.add_column(name, justify="left" if name in names[:2] else "right")
    for one in reserve["products"]:
        table.add_row(
            one["product"],
            one["direction"],
            f"{one['block_h'] * sum(bid > 0 for bid in one['bids_mw']):g}",
            f"{max(one['bids_mw']):,.3g}",
            f"{one['payment']:,.2f}",
            f"{one['call_cost']:,.2f}",
        )
    console.print(table)
    for one in reserve["products"]:
        if one["source"]:
            console.print(f"{one['product']}: {one['source']}", style="dim", soft_wrap=True)


def plans_table(plans: Sequence[AccountRow], money: str) -> Table:
    """Return the accounts of the ways to run the day as a table for the terminal."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    for name in (f"profit\n{money}", f"drivers pay\n{money}", "peak\nkW", "valley\nkW", "difference\nkW"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in plans:
        table.add_row(
            str(row["plan"]),
            f"{row['profit']:,.2f}",
            f"{row['driver_cost']:,.2f}",
            f"{row['peak_kw']:,.0f}",
            f"{row['valley_kw']:,.0f}",
            f"{row['peak_valley_kw']:,.0f}",
        )
    return table


def show_rolling(summary: RollingSummary) -> None:
    """Print rho by node, and the accounts of the mean day at each node."""
    console, money = stdout(), summary["currency"]
    console.print(
        f"{summary['case']}: rolling dispatch, forecast {summary['forecast']}, price known: {summary['known']}",
        style="bold",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    names = (
        "\nnode",
        "\ndays",
        "loss re-\nduction",
        "95 %\ninterval",
        "\nphi",
        f"loss of plan\n{money}/day",
        "\nrolling",
    )
    for name in names:
        table.add_column(name, justify="left" if name == "\nnode" else "right", no_wrap=True)
    for node in summary["nodes"]:
        rho, low, high = node["rho"], node["rho_low"], node["rho_high"]
        table.add_row(
            node["node"],
            str(node["days"]),
            "-" if rho is None else f"{100 * rho:.1f} %",
            "-" if low is None or high is None else f"[{100 * low:.0f}, {100 * high:.0f}]",
            f"{node['phi']:.2f}",
            f"{node['plan_loss_per_day']:,.2f}",
            f"{node['rolling_loss_per_day']:,.2f}",
        )
    console.print(table)
    console.print(f"The thesis reports {summary['thesis']}. {summary['note']}\n", soft_wrap=True)
    for node in summary["nodes"]:
        console.print(f"{node['node']}, mean day {node['first']} to {node['last']}")
        console.print(plans_table(node["plans"], money))
        _show_grid(node["grid"])
        if "customers" in node:
            kept = node["customers"]
            console.print(
                f"{kept['cars']:,.1f} cars ({100 * kept['share']:.1f} %) stay on the mean day and {kept['left']:,.1f} "
                f"leave; by day from {100 * kept['least_share']:.1f} to {100 * kept['greatest_share']:.1f} % stay. "
                "Profits are of those who stay, what drivers pay is of all.",
                soft_wrap=True,
            )
        if node["absent_per_day"] or node["refund_per_day"]:
            console.print(
                f"{node['absent_per_day']:,.0f} cars a day under contract do not come; with those that come late or "
                f"leave early, drivers are spared {node['refund_per_day']:,.2f} {money} a day for energy not received.",
                soft_wrap=True,
            )
        for row in node.get("reserve", ()):
            console.print(_reserve_sentence(row, money), soft_wrap=True)
        for note in _against_uncontrolled(node["gain"], node["grid_effect"], money):
            console.print(note, soft_wrap=True)


def _reserve_sentence(row: RolledReserve, money: str) -> str:
    """Return how reserve was carried out on the mean day, by plan or rolling, as one sentence."""
    how = "as planned" if row["plan"] == WITH_RESERVE else row["plan"]
    return (
        f"Reserve {how}: paid {row['payment']:,.2f} {money} a day, of it withheld {row['withheld']:,.2f}, penalties "
        f"{row['penalty']:,.2f}; {100 * row['missed_share']:.2g} % of {row['called_kwh']:,.0f} kWh called a day is not "
        f"delivered, and bids lack something in {row['missing_h']:.2g} h a day."
    )
