"""Impact of one way to run the day against another on the grid, the aggregator, and the drivers by group."""

from __future__ import annotations

from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.study.baselines import DayAccount, driver_groups
from csmoifsa_aggregator.study.grid import grid_row
from csmoifsa_energy.impact import StakeholderImpact


def stakeholder_impact(case: Case, before: DayAccount, after: DayAccount) -> list[StakeholderImpact]:
    """Return the impact of ``after`` against ``before`` on the aggregator, the drivers by group, and the grid.

    Bills are for one car and day; payments for wear are left out, as they only compensate a loss. The grid's figures
    are those of the base load and the cars together, or of the cars alone where there is no base load.
    """
    money, (names, count) = case.currency, driver_groups(case)
    each, game = f"{money}/car, day", case.game
    whose = "the cars" if game.base_kw is None else "base and cars"
    old, new = (grid_row(one.name, game.base_load_kw + one.load_kw, game.dt_h) for one in (before, after))
    grid = [
        (f"peak load of {whose}", "kW", old["peak_kw"], new["peak_kw"], "lower"),
        (f"peak-valley difference of {whose}", "kW", old["peak_valley_kw"], new["peak_valley_kw"], "lower"),
        (f"greatest ramp of {whose}", "kW/h", old["ramp_kw_h"], new["ramp_kw_h"], "lower"),
    ]
    if old["load_factor"] is not None and new["load_factor"] is not None:
        grid.append((f"load factor of {whose}", "%", 100 * old["load_factor"], 100 * new["load_factor"], "higher"))
    return [
        StakeholderImpact("aggregator", "profit", f"{money}/day", before.profit, after.profit, "higher"),
        StakeholderImpact(
            "drivers, all", "bill", each, before.driver_cost / count.sum(), after.driver_cost / count.sum(), "lower"
        ),
        *(
            StakeholderImpact(name, "bill", each, float(before.per_car[g]), float(after.per_car[g]), "lower")
            for g, name in enumerate(names)
        ),
        *(StakeholderImpact("grid", *one) for one in grid),
    ]
