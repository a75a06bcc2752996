"""Discharging to the grid: who takes part, and how much energy that gives (eqs. 8-10, reconstructed)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_energy.checks import Parameters, require_fraction, require_not_negative
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.model.tariff import FLAT, PEAK, VALLEY


@dataclass(frozen=True, kw_only=True)
class V2G(Parameters):
    """Vehicle-to-grid terms.

    Attributes
    ----------
    response : Ramp
        Share of drivers who discharge, over their margin per kWh.
    depth : float
        Share lambda of the battery that one action moves; one action a day.
    wear : float
        Battery wear a driver counts per kWh discharged [price unit per kWh].
    fee : float
        The operator's own cost c_f of handling a discharged kWh [price unit per kWh].
    """

    response: Ramp
    depth: float
    wear: float
    fee: float

    def __post_init__(self) -> None:
        require_fraction(self, "depth")
        require_not_negative(self, "wear", "fee")


def discharge_margin(
    charge: np.ndarray, discharge: np.ndarray, round_trip: float, wear: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a driver's margin per kWh discharged in the peak and the flat period (eqs. 8 and 9, reconstructed).

    ``m_b = d_b - c_v / (eta_c eta_d) - wear``: the income, less recharging in the valley, less wear.

    Parameters
    ----------
    charge, discharge : (n, 3) array
        Prices of peak, flat, valley [price unit per kWh].
    round_trip : float
        eta_c eta_d.
    wear : float
        [price unit per kWh]

    Returns
    -------
    (n,), (n,) arrays
        Margins in peak and flat [price unit per kWh].
    """
    cost = charge[:, VALLEY] / round_trip + wear
    return discharge[:, PEAK] - cost, discharge[:, FLAT] - cost


def discharging_shares(
    margins: tuple[np.ndarray, np.ndarray],
    terms: V2G,
    eligible: np.ndarray,
    eligible_any: float,
    responding: np.ndarray,
) -> np.ndarray:
    """Return the share of cars that discharge in the peak and the flat period (eq. 10, reconstructed).

    Bounded by the cars able to, and in total by the drivers who answer the charge price at all: whoever ignores the
    charge price ignores the discharge price too, phi^cd <= phi^c. A car acts once a day.

    Parameters
    ----------
    margins : (n,), (n,) arrays
        From `discharge_margin`.
    terms : V2G
        Participation over margin.
    eligible : (3,) array
        Share of cars able in each period.
    eligible_any : float
        Share of cars able in one of them.
    responding : (n,) array
        phi^c, the share of drivers who answer the charge price.

    Returns
    -------
    (n, 2) array
        psi of peak and flat.
    """
    ramp = terms.response
    shares = np.empty((len(responding), 2))
    for column, period in enumerate((PEAK, FLAT)):
        wanted = ramp_share(margins[column], ramp.dead_zone, ramp.saturation, ramp.max_share)
        shares[:, column] = np.minimum(wanted, eligible[period])
    total = shares[:, 0] + shares[:, 1]
    most = np.minimum(responding, eligible_any)
    return shares * (most / np.maximum(total, np.maximum(most, 1e-300)))[:, None]  # exactly 1 where they all may
