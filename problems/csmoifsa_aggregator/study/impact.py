"""Impact of one way to run the day against another on the grid, the aggregator, and the drivers by group."""

from __future__ import annotations

import numpy as np

from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.study.baselines import DayAccount, driver_groups
from csmoifsa_energy.impact import StakeholderImpact


def stakeholder_impact(case: Case, before: DayAccount, after: DayAccount) -> list[StakeholderImpact]:
    """Return the impact of ``after`` against ``before`` on the aggregator, the drivers by group, and the grid.

    Bills are for one car and day; payments for wear are left out, as they only compensate a loss.
    """
    money, (names, count) = case.currency, driver_groups(case)
    each = f"{money}/car, day"
    return [
        StakeholderImpact("aggregator", "profit", f"{money}/day", before.profit, after.profit, "higher"),
        StakeholderImpact(
            "drivers, all", "bill", each, before.driver_cost / count.sum(), after.driver_cost / count.sum(), "lower"
        ),
        *(
            StakeholderImpact(name, "bill", each, float(before.per_car[g]), float(after.per_car[g]), "lower")
            for g, name in enumerate(names)
        ),
        StakeholderImpact(
            "grid", "peak load of the cars", "kW", float(before.load_kw.max()), float(after.load_kw.max()), "lower"
        ),
        StakeholderImpact(
            "grid",
            "peak-valley difference of the cars",
            "kW",
            float(np.ptp(before.load_kw)),
            float(np.ptp(after.load_kw)),
            "lower",
        ),
    ]
