"""Share of drivers who follow an incentive: dead zone, linear part, saturation (eq. 1 of the 2022 paper)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_fraction, require_not_negative


@dataclass(frozen=True, kw_only=True)
class Ramp(Parameters):
    """Parameters of a response with a dead zone, a linear part and saturation.

    Attributes
    ----------
    dead_zone : float
        Incentive l up to which nobody moves [price unit per kWh].
    saturation : float
        Incentive h from which no more follow [price unit per kWh].
    max_share : float
        Share phi_max of drivers who follow at and above ``saturation``, in [0, 1].
    """

    dead_zone: float
    saturation: float
    max_share: float

    def __post_init__(self) -> None:
        require_not_negative(self, "dead_zone")
        require_fraction(self, "max_share")
        if not self.saturation > self.dead_zone:
            raise InputError(f"saturation must be above dead_zone {self.dead_zone}, not {self.saturation}")


def ramp_share(incentive: np.ndarray, dead_zone: float, saturation: float, max_share: float) -> np.ndarray:
    """Return the share of drivers who follow an incentive.

    ``phi(D) = 0`` for ``D <= l``, ``phi_max`` for ``D >= h`` and ``K (D - l)``, ``K = phi_max / (h - l)``, between
    (eq. 1 of the 2022 paper, reconstructed).

    Parameters
    ----------
    incentive : (n,) array
        Incentive D [price unit per kWh].
    dead_zone, saturation : float
        l and h [price unit per kWh].
    max_share : float
        phi_max, in [0, 1].

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
