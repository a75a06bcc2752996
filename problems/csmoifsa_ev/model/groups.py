"""Three groups of drivers and the load of each (eqs. 7-10 of the 2022 paper, reconstructed).

A driver answers no price; or answers the charge price and shifts charging; or answers both prices, shifts charging and
discharges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import TariffOutcome

GROUPS = ("non_responders", "charge_responders", "charge_discharge_responders")


@dataclass(frozen=True)
class Groups:
    """Shares and loads of the groups of drivers under n tariffs; the axis of length 3 is in the order of `GROUPS`.

    Attributes
    ----------
    share : (n, 3) array
        Share of the drivers in each group; rows sum to one.
    load_mw : (n, 3, T) array
        Power each group takes from the grid, negative where it discharges [MW]; the groups sum to the fleet's load.
    """

    share: np.ndarray
    load_mw: np.ndarray


def driver_groups(outcome: TariffOutcome, day: PricingDay) -> Groups:
    """Return shares and loads of the three groups of drivers (eqs. 7-10 of the 2022 paper, reconstructed).

    The share phi^c of drivers who answer the charge price equals the share of energy that is shifted. The share phi^cd
    who also discharge takes phi^cd / phi^c of the shifted energy, all recharging and all discharging. The charging of
    the others keeps its hours.

    Parameters
    ----------
    outcome : TariffOutcome
        Effects of n tariffs.
    day : PricingDay
        The day on which they were evaluated.
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
