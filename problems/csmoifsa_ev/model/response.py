"""How drivers move their charging when prices differ: equations (1) and (2), reconstructed.

Arrays over candidates come first: n candidates, three flows in the order of `fleet_sums.FLOWS`, T steps of the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from csmoifsa_energy.checks import Parameters
from csmoifsa_ev.model.fleet_sums import FLOW_FROM, FLOW_LIMITS, FLOW_TO, FLOWS
from csmoifsa_ev.model.ramp import Ramp, ramp_share

Recovery = Literal["uniform", "valley-filling"]


@dataclass(frozen=True, kw_only=True)
class Response(Parameters):
    """The ramp of each flow between periods, and where moved energy settles.

    Attributes
    ----------
    peak_valley, peak_flat, flat_valley : Ramp
        Share of the period's energy that leaves, over the price difference in excess of the reference.
    recovery : "uniform" or "valley-filling"
        Drivers act alone and spread evenly over the period's hours (a rebound peak is possible), or an operator fills
        the lowest hours first.
    transfer : "ev-load" or "total-load"
        What the shares are shares of: the cars' charging, as far as their sessions allow, or the period means of the
        total load, as the paper's text literally has it. The second does not conserve energy.
    """

    peak_valley: Ramp
    peak_flat: Ramp
    flat_valley: Ramp
    recovery: Recovery
    transfer: Literal["ev-load", "total-load"] = "ev-load"

    def ramps(self) -> np.ndarray:
        """Return l, h, phi_max of each flow, shape (3, 3)."""
        ramps = (getattr(self, name) for name in FLOWS)
        return np.array([[ramp.dead_zone, ramp.saturation, ramp.max_share] for ramp in ramps])


def wanted_flows(charge: np.ndarray, reference: np.ndarray, ramps: np.ndarray, energy_mwh: np.ndarray) -> np.ndarray:
    """Return the energy drivers would like to move, before asking whether their cars can (eq. 1, reconstructed).

    Parameters
    ----------
    charge : (n, 3) array
        Charge prices of peak, flat, valley [price unit per kWh].
    reference : (3,) array
        Those under which today's habits formed; the incentive from a to b is ``(c_a - c_b) - (r_a - r_b)``.
    ramps : (3, 3) array
        l, h, phi_max of each flow.
    energy_mwh : (3,) array
        Uncontrolled charging of each period, E_a [MWh].

    Returns
    -------
    (n, 3) array
        Flows [MWh].
    """
    flows = np.empty((len(charge), 3))
    for k, (a, b) in enumerate(zip(FLOW_FROM, FLOW_TO, strict=True)):
        incentive = (charge[:, a] - charge[:, b]) - (reference[a] - reference[b])
        flows[:, k] = ramp_share(incentive, *ramps[k]) * energy_mwh[a]
    return flows


def limit_flows(flows: np.ndarray, limits_mwh: np.ndarray) -> np.ndarray:
    """Cut flows back to what the parked cars can do, never more than each joint limit.

    Every limit in turn scales the flows that take part in it by one factor, so drivers who compete for the same hours
    give way in proportion. Scaling down never breaks a limit already met.

    Parameters
    ----------
    flows : (n, 3) array
        Wanted flows [MWh].
    limits_mwh : (7,) array
        `FleetSums.flow_limit_mwh`.

    Returns
    -------
    (n, 3) array
        Possible flows [MWh].
    """
    flows = flows.copy()
    for weights, limit in zip(FLOW_LIMITS, limits_mwh, strict=True):
        total = weights[0] * flows[:, 0] + weights[1] * flows[:, 1] + weights[2] * flows[:, 2]
        factor = limit / np.maximum(total, max(limit, 1e-300))  # exactly 1 where the limit is met
        flows[:, weights > 0] *= factor[:, None]
    return flows
