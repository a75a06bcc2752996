"""Discharging to the grid: a driver's margin and the share of cars that discharge (eqs. 8-10, reconstructed)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_energy.checks import Parameters, require_fraction, require_not_negative
from csmoifsa_ev.model.flow_region import sum_columns
from csmoifsa_ev.model.ramp import Ramp, ramp_share


@dataclass(frozen=True, kw_only=True)
class V2G(Parameters):
    """Vehicle-to-grid terms.

    Attributes
    ----------
    response : Ramp
        Share of drivers who discharge, as a ramp over their margin per kWh.
    depth : float
        Share lambda of the battery capacity that one discharge takes, in [0, 1]; a car discharges once a day at most.
    wear : float
        Cost of battery ageing to a driver for each kWh discharged [price unit per kWh].
    fee : float
        Cost c_f to the operator of handling each kWh discharged [price unit per kWh].
    """

    response: Ramp
    depth: float
    wear: float
    fee: float

    def __post_init__(self) -> None:
        require_fraction(self, "depth")
        require_not_negative(self, "wear", "fee")


def discharge_margin(
    charge: np.ndarray, discharge: np.ndarray, round_trip: float, wear: float, cheapest: int = -1
) -> np.ndarray:
    """Return a driver's margin per kWh discharged in each period but the cheapest, the valley.

    ``m_b = d_b - c_v / (eta_c eta_d) - wear``: the income, less recharging in the valley, less battery ageing
    (eqs. 8 and 9 of the 2022 paper, reconstructed).

    Parameters
    ----------
    charge, discharge : (n, P) array
        Prices of the periods, from the dearest to the cheapest [price unit per kWh].
    round_trip : float
        Efficiency eta_c eta_d, in (0, 1].
    wear : float
        Cost of battery ageing [price unit per kWh].
    cheapest : int
        Number of the period in which cars recharge.

    Returns
    -------
    (n, P - 1) array
        Margins [price unit per kWh].

    Examples
    --------
    >>> prices = np.array([[35.0, 22.0, 16.0]]), np.array([[30.0, 20.0, 10.0]])
    >>> discharge_margin(*prices, round_trip=0.8, wear=4.0).tolist()
    [[6.0, -4.0]]
    """
    return discharge[:, :-1] - (charge[:, cheapest] / round_trip + wear)[:, None]


def discharging_shares(
    margins: np.ndarray,
    terms: V2G,
    eligible: np.ndarray,
    eligible_any: float,
    responding: np.ndarray,
) -> np.ndarray:
    """Return the share of cars that discharge in each period but the cheapest.

    Eq. 10 of the 2022 paper, reconstructed.

    The share of each period is at most that of the eligible cars. Their sum is at most the share of cars eligible in
    one of the periods, and at most phi^c: a driver who does not answer the charge price does not answer the discharge
    price either. A car discharges once a day.

    Parameters
    ----------
    margins : (n, P - 1) array
        Margins of `discharge_margin` [price unit per kWh].
    terms : V2G
        Participation over margin.
    eligible : (P,) array
        Share of cars that can discharge in each period.
    eligible_any : float
        Share of cars that can discharge in at least one period.
    responding : (n,) array
        phi^c, the share of drivers who answer the charge price.

    Returns
    -------
    (n, P - 1) array
        psi, the shares of cars that discharge in each period.
    """
    ramp = terms.response
    wanted = ramp_share(margins, ramp.dead_zone, ramp.saturation, ramp.max_share)
    shares = np.minimum(wanted, eligible[:-1])
    total = sum_columns(shares)
    most = np.minimum(responding, eligible_any)
    return shares * (most / np.maximum(total, np.maximum(most, 1e-300)))[:, None]  # factor 1 where the sum is allowed
