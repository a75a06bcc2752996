"""Energy that drivers shift between periods (eqs. 1 and 2 of the 2022 paper, reconstructed).

The axis of length n is over tariffs, that of length F over the flows between periods, in the order of
`flow_region.flow_pairs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_not_negative
from csmoifsa_ev.model.flow_region import flow_pairs
from csmoifsa_ev.model.ramp import Ramp, ramp_share

Recovery = Literal["uniform", "valley-filling", "staggered"]

RECOVERIES: tuple[Recovery, ...] = get_args(Recovery)
"""Ways in which shifted energy is distributed over the steps of its new period."""

FLOWS = ("peak_valley", "peak_flat", "flat_valley")
"""Ramps of a response by their names, which are those of the flows between three periods."""


@dataclass(frozen=True, kw_only=True)
class Enrolment(Parameters):
    """Share of owners who enrol in an offer; only these answer charge prices.

    Attributes
    ----------
    curve : Ramp
        Share of owners who enrol, as a ramp over the offer.
    offer : float, optional
        The offer as stated to owners, the same for all tariffs [price unit per kWh]; where left out it is the incentive
        from the dearest to the cheapest period (peak to valley) of each tariff.
    """

    curve: Ramp
    offer: float | None = None

    def __post_init__(self) -> None:
        if self.offer is not None:
            require_not_negative(self, "offer")

    def share(self, charge: np.ndarray, reference: np.ndarray, dearest: int = 0, cheapest: int = -1) -> np.ndarray:
        """Return the share of owners who enrol under charge prices (n, P) and a reference (P,), shape (n,).

        ``dearest`` and ``cheapest`` are the numbers of the periods whose price difference is offered.
        """
        offered = (charge[:, dearest] - charge[:, cheapest]) - (reference[dearest] - reference[cheapest])
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
        Share of the energy of the period of origin that is shifted, over the incentive. With other periods than peak,
        flat and valley: from the dearest to the cheapest, from the dearest to any other, and all others.
    pairs : dict of str to Ramp
        Ramps of single flows in place of these, by names such as ``"day to night"``.
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
    pairs: dict[str, Ramp] = field(default_factory=dict)

    def ramps(self, names: Sequence[str]) -> np.ndarray:
        """Return l, h [price unit per kWh] and phi_max of each flow between periods ``names``, shape (F, 3)."""
        ramps = (ramp for _, ramp in self.by_flow(names))
        return np.array([[ramp.dead_zone, ramp.saturation, ramp.max_share] for ramp in ramps])

    def by_flow(self, names: Sequence[str]) -> Iterator[tuple[str, Ramp]]:
        """Yield the name and the ramp of each flow between periods ``names``, such as ``"day to night"``.

        Raises
        ------
        InputError
            ``pairs`` names a flow that is none of these.
        """
        known = [f"{names[a]} to {names[b]}" for a, b in flow_pairs(len(names))]
        for flow in self.pairs:
            if flow not in known:
                raise InputError(f"response.pairs: there is no flow {flow!r}; flows are {', '.join(known)}")
        for flow, (a, b) in zip(known, flow_pairs(len(names)), strict=True):
            usual = self.flat_valley if a else self.peak_valley if b == len(names) - 1 else self.peak_flat
            yield flow, self.pairs.get(flow, usual)


def wanted_flows(charge: np.ndarray, reference: np.ndarray, ramps: np.ndarray, energy_mwh: np.ndarray) -> np.ndarray:
    """Return the energy that drivers wish to shift, before the limits of their sessions.

    The energy of period a times the ramp of the incentive ``(c_a - c_b) - (r_a - r_b)`` (eq. 1 of the 2022 paper,
    reconstructed).

    Parameters
    ----------
    charge : (n, P) array
        Charge prices of the periods [price unit per kWh].
    reference : (P,) array
        Reference charge prices r of the periods [price unit per kWh].
    ramps : (F, 3) array
        l, h [price unit per kWh] and phi_max of each flow.
    energy_mwh : (P,) array
        Uncontrolled charging of each period, E_a [MWh].

    Returns
    -------
    (n, F) array
        Flows [MWh].
    """
    flows = np.empty((len(charge), len(ramps)))
    for k, (a, b) in enumerate(flow_pairs(len(energy_mwh))):
        incentive = (charge[:, a] - charge[:, b]) - (reference[a] - reference[b])
        flows[:, k] = ramp_share(incentive, *ramps[k]) * energy_mwh[a]
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
