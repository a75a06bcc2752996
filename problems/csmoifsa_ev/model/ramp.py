"""Share of drivers who follow an incentive: dead zone, linear part, saturation (eq. 1 of the 2022 paper)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_fraction, require_not_negative


@dataclass(frozen=True, kw_only=True)
class RampRanges(Parameters):
    """Ranges of a ramp's parameters that observations or evidence leave open, each lower and upper limit.

    Attributes
    ----------
    dead_zone : (float, float)
        Range of l [price unit per kWh].
    slope : (float, float)
        Range of K = phi_max / (h - l) [share per price unit per kWh].
    max_share : (float, float)
        Range of phi_max, in [0, 1].
    """

    dead_zone: tuple[float, float]
    slope: tuple[float, float]
    max_share: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("dead_zone", "slope", "max_share"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise InputError(f"{name} must be a lower and an upper limit from 0 up, not {[low, high]}")
        if self.max_share[1] > 1:
            raise InputError(f"max_share must end at 1 at most, not at {self.max_share[1]}")


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
    ranges : RampRanges, optional
        Ranges of l, K and phi_max; tornado and draws take them in place of their general ones.
    not_determined : tuple of str
        Names of parameters that the observations behind the ramp do not determine.
    """

    dead_zone: float
    saturation: float
    max_share: float
    ranges: RampRanges | None = None
    not_determined: tuple[Literal["dead_zone", "saturation", "max_share", "slope"], ...] = ()

    def __post_init__(self) -> None:
        require_not_negative(self, "dead_zone")
        require_fraction(self, "max_share")
        if not self.saturation > self.dead_zone:
            raise InputError(f"saturation must be above dead_zone {self.dead_zone}, not {self.saturation}")
        for name in ("dead_zone", "max_share", "slope") if self.ranges is not None else ():
            (low, high), here = getattr(self.ranges, name), getattr(self, name)
            slack = 1e-3 * here if name == "slope" else 1e-9  # the slope follows from rounded values
            if not low - slack <= here <= high + slack:
                raise InputError(f"ranges.{name} must contain {name} {here:g}, not be {[low, high]}")

    @property
    def slope(self) -> float:
        """K = phi_max / (h - l) [share per price unit per kWh]."""
        return self.max_share / (self.saturation - self.dead_zone)

    def moved(self, name: Literal["dead_zone", "slope", "max_share"], part: float) -> Ramp:
        """Return the ramp with one of l, K and phi_max moved within its range, the other two kept.

        Parameters
        ----------
        name : str
            The parameter to move; h follows from ``h = l + phi_max / K``.
        part : float
            Position in [-1, 1]: -1 at the lower limit of the range, 0 here, 1 at its upper limit.

        Examples
        --------
        >>> ranges = RampRanges(dead_zone=(3, 3), slope=(0.02, 0.03), max_share=(0.3, 1.0))
        >>> ramp = Ramp(dead_zone=3, saturation=14, max_share=0.33, ranges=ranges).moved("max_share", 1.0)
        >>> round(ramp.max_share, 9), round(ramp.saturation, 6)
        (1.0, 36.333333)
        """
        if self.ranges is None:
            return self
        values = {"dead_zone": self.dead_zone, "slope": self.slope, "max_share": self.max_share}
        low, high = getattr(self.ranges, name)
        here = values[name]
        if name == "slope" and part > 0:  # an upper limit may be that of a step, so the width h - l falls evenly
            values[name] = 1.0 / (1.0 / max(here, 1e-9) * (1.0 - part) + part / max(high, here, 1e-9))
        else:
            values[name] = here + part * (max(high - here, 0.0) if part > 0 else max(here - low, 0.0))
        rise = values["max_share"] / max(values["slope"], 1e-9)
        return replace(
            self,
            dead_zone=values["dead_zone"],
            max_share=values["max_share"],
            saturation=values["dead_zone"] + max(rise, 1e-6),
        )


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
