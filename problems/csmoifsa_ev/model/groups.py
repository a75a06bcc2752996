"""Three groups of drivers, and the load each brings: eqs. (7)-(10), reconstructed.

A driver answers the charge price and moves; or answers both prices, moves and discharges; or answers neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import TariffOutcome

GROUPS = ("non_responders", "charge_responders", "charge_discharge_responders")


@dataclass(frozen=True)
class Groups:
    """The fleet by groups, one row a tariff; the axis of length 3 is in the order of `GROUPS`.

    Attributes
    ----------
    share : (n, 3) array
        Part of the drivers in each group, rows summing to one.
    load_mw : (n, 3, T) array
        What each takes from the grid, negative where it gives [MW]; the groups sum to the fleet's load.
    """

    share: np.ndarray
    load_mw: np.ndarray


def driver_groups(outcome: TariffOutcome, day: PricingDay) -> Groups:
    """Split the fleet's load by drivers' answers.

    The share phi^c of drivers who answer the charge price is the share of energy that moves; of them phi^cd, the cars
    that discharge, bring their part of the moved energy, their recharge and their discharge. The others' charging stays
    where it was.

    Parameters
    ----------
    outcome : TariffOutcome
        Of n tariffs.
    day : PricingDay
        The day they were evaluated on.
    """
    responding = outcome.responding
    both = outcome.discharging_share.sum(axis=1)
    part = np.divide(both, responding, out=np.zeros_like(both), where=responding > 0)[:, None]
    moved = outcome.arriving_mw
    load = np.stack(
        [
            outcome.charging_mw - moved,
            moved * (1.0 - part),
            moved * part + outcome.recharging_mw - outcome.discharging_mw,
        ],
        axis=1,
    )
    return Groups(np.stack([1.0 - responding, responding - both, both], axis=1), load)
