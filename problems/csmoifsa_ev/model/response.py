"""Energy that drivers shift between periods (eqs. 1 and 2 of the 2022 paper, reconstructed).

The axis of length n is over tariffs, that of length 3 over the flows between periods, in the order of
`fleet_sums.FLOWS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from csmoifsa_energy.checks import Parameters, require_not_negative
from csmoifsa_ev.model.fleet_sums import FLOW_FROM, FLOW_LIMITS, FLOW_TO, FLOWS
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.model.tariff import PEAK, VALLEY

Recovery = Literal["uniform", "valley-filling", "staggered"]

RECOVERIES: tuple[Recovery, ...] = get_args(Recovery)
"""Ways in which shifted energy is distributed over the steps of its new period."""


@dataclass(frozen=True, kw_only=True)
class Enrolment(Parameters):
    """Share of owners who enrol in an offer; only these answer charge prices.

    Attributes
    ----------
    curve : Ramp
        Share of owners who enrol, as a ramp over the offer.
    offer : float, optional
        The offer as stated to owners, the same for all tariffs [price unit per kWh]; where left out it is the incentive
        from peak to valley of each tariff.
    """

    curve: Ramp
    offer: float | None = None

    def __post_init__(self) -> None:
        if self.offer is not None:
            require_not_negative(self, "offer")

    def share(self, charge: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Return the share of owners who enrol under charge prices (n, 3) and a reference (3,), shape (n,)."""
        offered = (charge[:, PEAK] - charge[:, VALLEY]) - (reference[PEAK] - reference[VALLEY])
        if self.offer is not None:
            offered = np.full(len(charge), self.offer)
        return ramp_share(offered, self.curve.dead_zone, self.curve.saturation, self.curve.max_share)

    def packed(self) -> list[float]:
        """Return l, h, phi_max and the stated offer, -1 where there is none, as the compiled evaluator reads them."""
        return [
            self.curve.dead_zone,
            self.curve.saturation,
            self.curve.max_share,
            -1.0 if self.offer is None else self.offer,
        ]


@dataclass(frozen=True, kw_only=True)
class Response(Parameters):
    """Drivers' response to charge prices: a ramp for each flow between periods, and the steps of shifted energy.

    Attributes
    ----------
    peak_valley, peak_flat, flat_valley : Ramp
        Share of the energy of the period of origin that is shifted, over the incentive.
    recovery : "uniform", "valley-filling" or "staggered"
        ``"uniform"``: shifted energy is spread evenly over the steps of its new period, as by drivers without control
        (a rebound peak is possible). ``"valley-filling"``: an operator fills the steps of lowest load first.
        ``"staggered"``: each car starts after a random delay whose distribution the tariff states, see
        `stagger_weights`; nobody controls the cars.
    transfer : "ev-load" or "total-load"
        ``"ev-load"``: shares are of the cars' charging, as far as their sessions allow. ``"total-load"``: shares are of
        the period means of the total load, as the paper's text states; this does not conserve energy.
    enrolment : Enrolment, optional
        Share of owners who are enrolled; the ramps are then those of enrolled drivers. Where left out, of all drivers.
    set : str, optional
        Bundled set of responses that the others come from, where they are not given beside it.
    """

    peak_valley: Ramp
    peak_flat: Ramp
    flat_valley: Ramp
    recovery: Recovery
    transfer: Literal["ev-load", "total-load"] = "ev-load"
    enrolment: Enrolment | None = None
    set: str | None = None

    def ramps(self) -> np.ndarray:
        """Return l, h [price unit per kWh] and phi_max of each flow, one flow a row, shape (3, 3)."""
        ramps = (getattr(self, name) for name in FLOWS)
        return np.array([[ramp.dead_zone, ramp.saturation, ramp.max_share] for ramp in ramps])


def wanted_flows(charge: np.ndarray, reference: np.ndarray, ramps: np.ndarray, energy_mwh: np.ndarray) -> np.ndarray:
    """Return the energy that drivers wish to shift, before the limits of their sessions.

    The energy of period a times the ramp of the incentive ``(c_a - c_b) - (r_a - r_b)`` (eq. 1 of the 2022 paper,
    reconstructed).

    Parameters
    ----------
    charge : (n, 3) array
        Charge prices of peak, flat, valley [price unit per kWh].
    reference : (3,) array
        Reference charge prices r of peak, flat, valley [price unit per kWh].
    ramps : (3, 3) array
        l, h [price unit per kWh] and phi_max of each flow.
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
    """Return flows that keep the joint limits of the cars' sessions.

    Each limit in turn multiplies the flows that take part in it by one factor, at most 1, so that drivers who compete
    for the same hours are curtailed in proportion. A smaller flow breaks no limit kept before.

    Parameters
    ----------
    flows : (n, 3) array
        Wanted flows [MWh].
    limits_mwh : (7,) array
        Largest weighted sums of flows, `FleetSums.flow_limit_mwh` [MWh].

    Returns
    -------
    (n, 3) array
        Flows within the limits [MWh].

    Examples
    --------
    >>> limits = np.array([9.0, 9.0, 9.0, 6.0, 9.0, 9.0, 9.0])  # 6 MWh leave the peak at most
    >>> limit_flows(np.array([[4.0, 8.0, 1.0]]), limits).tolist()
    [[2.0, 4.0, 1.0]]
    """
    flows = flows.copy()
    for weights, limit in zip(FLOW_LIMITS, limits_mwh, strict=True):
        total = weights[0] * flows[:, 0] + weights[1] * flows[:, 1] + weights[2] * flows[:, 2]
        factor = limit / np.maximum(total, max(limit, 1e-300))  # exactly 1 where the limit holds
        flows[:, weights > 0] *= factor[:, None]
    return flows


def stagger_weights(load_mw: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Return the share of each step in energy that starts after a stated random delay, shape (T,).

    Within each period the share is in proportion to the room below the period's highest load, so that the highest
    step gets nothing; even over the steps of a period whose load is constant. The shares of each period sum to 1, and
    are known a day ahead: no car is controlled (reconstructed; a remedy against the peaks at the start of cheap hours
    that time-of-use rates cause).

    Parameters
    ----------
    load_mw : (T,) array
        Expected load before pricing [MW]; with a minus sign for discharging.
    period : (T,) array
        Period of each step.

    Examples
    --------
    >>> stagger_weights(np.array([9.0, 5.0, 1.0, 3.0]), np.array([0, 2, 2, 2])).tolist()
    [1.0, 0.0, 0.6666666666666666, 0.3333333333333333]
    """
    shares = np.zeros(len(period))
    for one in np.unique(period):
        steps = period == one
        room = load_mw[steps].max() - load_mw[steps]
        shares[steps] = room / room.sum() if room.sum() > 0 else 1.0 / steps.sum()
    return shares
