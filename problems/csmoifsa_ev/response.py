"""How drivers move their charging when prices differ: equations (1) and (2), reconstructed.

Arrays over candidates come first: n candidates, three flows in the order of `fleet_sums.FLOWS`, T steps of the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.checks import Parameters, require_fraction, require_not_negative
from csmoifsa_ev.fleet_sums import FLOW_FROM, FLOW_LIMITS, FLOW_TO, FLOWS

Deposit = Literal["uniform", "water-filling"]


@dataclass(frozen=True, kw_only=True)
class Ramp(Parameters):
    """A response with a dead zone, a linear part and saturation.

    Attributes
    ----------
    dead_zone : float
        Incentive l up to which nobody moves [price unit per kWh].
    saturation : float
        Incentive h from which no more follow [price unit per kWh].
    max_share : float
        The share phi_max reached there.
    """

    dead_zone: float
    saturation: float
    max_share: float

    def __post_init__(self) -> None:
        require_not_negative(self, "dead_zone")
        require_fraction(self, "max_share")
        if not self.saturation > self.dead_zone:
            raise InputError(f"saturation must be above dead_zone {self.dead_zone}, not {self.saturation}")


@dataclass(frozen=True, kw_only=True)
class Response(Parameters):
    """The ramp of each flow between periods, and where moved energy settles.

    Attributes
    ----------
    peak_valley, peak_flat, flat_valley : Ramp
        Share of the period's energy that leaves, over the price difference in excess of the reference.
    deposit : "uniform" or "water-filling"
        Drivers act alone and spread evenly over the period's hours (a rebound peak is possible), or an operator fills
        the lowest hours first.
    transfer : "ev-load" or "total-load"
        What the shares are shares of: the cars' charging, as far as their sessions allow, or the period means of the
        total load, as the paper's text literally has it. The second does not conserve energy.
    """

    peak_valley: Ramp
    peak_flat: Ramp
    flat_valley: Ramp
    deposit: Deposit
    transfer: Literal["ev-load", "total-load"] = "ev-load"

    def ramps(self) -> np.ndarray:
        """Return l, h, phi_max of each flow, shape (3, 3)."""
        ramps = (getattr(self, name) for name in FLOWS)
        return np.array([[ramp.dead_zone, ramp.saturation, ramp.max_share] for ramp in ramps])


def ramp_share(incentive: np.ndarray, dead_zone: float, saturation: float, max_share: float) -> np.ndarray:
    """Return the share of drivers who follow an incentive (eq. 1, reconstructed).

    ``phi(D) = 0`` for ``D <= l``, ``phi_max`` for ``D >= h`` and ``K (D - l)``, ``K = phi_max / (h - l)``, between.

    Parameters
    ----------
    incentive : (n,) array
        D [price unit per kWh].
    dead_zone, saturation, max_share : float
        l, h, phi_max.

    Returns
    -------
    (n,) array
        Shares in [0, phi_max].

    Examples
    --------
    >>> ramp_share(np.array([2.0, 14.0, 30.0]), 3.0, 25.0, 0.6)
    array([0. , 0.3, 0.6])
    """
    slope = max_share / (saturation - dead_zone)
    return np.minimum(np.maximum(slope * (incentive - dead_zone), 0.0), max_share)


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


def fill_lowest_first(level_mw: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Pour energy onto a load curve so that its lowest steps rise to one common level.

    Parameters
    ----------
    level_mw : (n, k) array
        Load of the steps that may take energy [MW].
    energy : (n,) array
        How much to add, in MW times steps, >= 0.

    Returns
    -------
    (n, k) array
        Addition to each step [MW], rows summing to ``energy``.
    """
    ordered = np.sort(level_mw, axis=1)
    below = np.cumsum(ordered, axis=1)
    count = np.arange(1, level_mw.shape[1] + 1)
    needed = count * ordered - below  # energy at which the water reaches step number `count`
    covered = (needed < energy[:, None]).sum(axis=1)
    covered = np.maximum(covered, 1)
    rows = np.arange(len(level_mw))
    water = (energy + below[rows, covered - 1]) / covered
    return np.maximum(water[:, None] - level_mw, 0.0) * (energy > 0)[:, None]


def settle(level_mw: np.ndarray, energy_mwh: np.ndarray, dt_h: float, deposit: Deposit) -> np.ndarray:
    """Return the power by which each step of one period rises as energy settles in it (weights w_t of eq. 2).

    Parameters
    ----------
    level_mw : (n, k) array
        Load of the period's steps before [MW].
    energy_mwh : (n,) array
        Energy that settles [MWh].
    dt_h : float
        Length of a step [h].
    deposit : "uniform" or "water-filling"
        Evenly, or the lowest steps first.

    Returns
    -------
    (n, k) array
        [MW]
    """
    if deposit == "uniform":
        return np.broadcast_to((energy_mwh / (level_mw.shape[1] * dt_h))[:, None], level_mw.shape)
    return fill_lowest_first(level_mw, energy_mwh / dt_h)


def period_mean_curve(load_mw: np.ndarray, shares: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Return the load after response as the paper's text literally has it (eq. 2, period means of the total load).

    Kept for comparison only: it moves shares of the *total* load, and does not conserve energy unless all periods are
    equally long.

    Parameters
    ----------
    load_mw : (T,) array
        Total load before [MW].
    shares : (n, 3) array
        Transfer rates phi of the three flows.
    period : (T,) array
        Period of each step.

    Returns
    -------
    (n, T) array
        Total load after [MW].
    """
    after = np.repeat(load_mw[None], len(shares), axis=0)
    for k, (a, b) in enumerate(zip(FLOW_FROM, FLOW_TO, strict=True)):
        moved = shares[:, k : k + 1] * load_mw[period == a].mean()
        after[:, period == a] -= moved
        after[:, period == b] += moved
    return after
