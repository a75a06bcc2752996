"""The tariff: hours of peak, flat and valley, present prices and the bounds of new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_positive
from csmoifsa_energy.clock import clock_text, clock_to_minutes

PERIODS = ("peak", "flat", "valley")
PEAK, FLAT, VALLEY = 0, 1, 2

VARIABLES = ("charge_peak", "charge_flat", "charge_valley", "discharge_peak", "discharge_flat", "discharge_valley")
"""The decision vector x of the pricing problem, in this order [price per kWh]."""


@dataclass(frozen=True, kw_only=True)
class Windows(Parameters):
    """The hours of each period, written ``"14-21"``; ``"23-7"`` runs over midnight.

    Attributes
    ----------
    peak, flat, valley : tuple of str
        Windows ``"from-to"`` of the period on the local clock. Together they cover the day once.

    Examples
    --------
    >>> Windows(peak=("14-21",), flat=("7-14", "21-23"), valley=("23-7",)).period_of_step(24)[[0, 8, 15]].tolist()
    [2, 1, 0]
    """

    peak: tuple[str, ...]
    flat: tuple[str, ...]
    valley: tuple[str, ...]

    def __post_init__(self) -> None:
        self.period_of_minute()

    def period_of_minute(self) -> np.ndarray:
        """Return the period (0 peak, 1 flat, 2 valley) of every minute of the day, shape (1440,).

        Raises
        ------
        InputError
            Windows overlap, leave a hole, or one of the periods is empty.
        """
        period = np.full(1440, -1, dtype=np.int64)
        for number, name in enumerate(PERIODS):
            for window in getattr(self, name):
                start, _, end = window.partition("-")
                first, last = clock_to_minutes(start, name) % 1440, clock_to_minutes(end, name)
                if first == last % 1440:
                    raise InputError(f"{name}: the window {window!r} is empty; write 'from-to' with two times")
                length = (last - first - 1) % 1440 + 1
                minutes = (first + np.arange(length)) % 1440
                taken = period[minutes] >= 0
                if taken.any():
                    minute = int(minutes[taken.argmax()])
                    raise InputError(
                        f"{name}: the window {window!r} overlaps {PERIODS[period[minute]]!r} at {clock_text(minute)}; "
                        "every hour belongs to one period"
                    )
                period[minutes] = number
        if (period < 0).any():
            minute = int((period < 0).argmax())
            raise InputError(
                f"no period covers {clock_text(minute)}; "
                "the windows of peak, flat and valley together must cover the day"
            )
        for number, name in enumerate(PERIODS):
            if not (period == number).any():
                raise InputError(f"{name}: needs at least one window")
        return period

    @property
    def inside_hours(self) -> bool:
        """Whether some window begins or ends within an hour, which tariff formats of whole hours cannot write."""
        period = self.period_of_minute().reshape(24, 60)
        return bool((period != period[:, :1]).any())

    def period_of_step(self, n_steps: int) -> np.ndarray:
        """Return the period (0 peak, 1 flat, 2 valley) of each of ``n_steps`` equal steps, shape (n_steps,).

        Raises
        ------
        InputError
            A window begins or ends inside a step.
        """
        if n_steps < 1 or 1440 % n_steps:
            raise InputError(f"{n_steps} steps do not divide the day into whole minutes; use 24, 48 or 96")
        period = self.period_of_minute().reshape(n_steps, -1)
        broken = (period != period[:, :1]).any(axis=1)
        if broken.any():
            minute = int(broken.argmax()) * 1440 // n_steps
            raise InputError(
                f"a window changes inside the {1440 // n_steps}-minute step that begins at {clock_text(minute)}; "
                "move the window or bring load values in shorter steps"
            )
        return np.ascontiguousarray(period[:, 0])


@dataclass(frozen=True, kw_only=True)
class PeriodPrices(Parameters):
    """One price per period [price unit per kWh]."""

    peak: float
    flat: float
    valley: float

    def as_array(self) -> np.ndarray:
        """Return peak, flat, valley, shape (3,)."""
        return np.array([self.peak, self.flat, self.valley])


@dataclass(frozen=True, kw_only=True)
class PriceTerms(Parameters):
    """Present and reference charge prices, bounds of new prices, and units.

    Attributes
    ----------
    unit : str
        Unit of every price, such as ``"cents/kWh"``; used in tables and figures.
    currency : str
        Unit of sums of money, such as ``"$"``.
    units_per_currency : float
        Price units in one unit of currency: 100 for cents and dollars.
    start : PeriodPrices
        Charge prices in force [price unit per kWh].
    reference : "flat", float or PeriodPrices
        Charge prices under which the drivers' present habits formed [price unit per kWh]; ``"flat"`` is the
        time-weighted mean of ``start`` at all hours. Incentives are differences from these prices.
    charge_bounds, discharge_bounds : (float, float)
        Lowest and highest price allowed [price unit per kWh].
    """

    unit: str
    currency: str
    units_per_currency: float
    start: PeriodPrices
    reference: Literal["flat"] | float | PeriodPrices
    charge_bounds: tuple[float, float]
    discharge_bounds: tuple[float, float]

    def __post_init__(self) -> None:
        require_positive(self, "units_per_currency")
        if not self.start.peak >= self.start.flat >= self.start.valley:
            raise InputError(
                f"start must fall from peak to flat to valley, not {self.start.peak}, {self.start.flat}, "
                f"{self.start.valley}; name the dearest hours peak and the cheapest valley"
            )
        for name in ("charge_bounds", "discharge_bounds"):
            low, high = getattr(self, name)
            if not low < high:
                raise InputError(f"{name} must be [lowest, highest] with lowest < highest, not [{low}, {high}]")

    @property
    def per_mwh(self) -> float:
        """Currency per MWh equal to one price unit per kWh: 10 if prices are in cents/kWh and money in $."""
        return 1000.0 / self.units_per_currency

    @property
    def in_force(self) -> np.ndarray:
        """The tariff in force, without discharging, shape (6,) [price unit per kWh]."""
        return np.concatenate([self.start.as_array(), np.full(3, float(self.discharge_bounds[0]))])

    def reference_prices(self, period: np.ndarray) -> np.ndarray:
        """Return the reference charge price of peak, flat and valley, shape (3,) [price unit per kWh].

        Parameters
        ----------
        period : (T,) array
            The period of each step.
        """
        if isinstance(self.reference, PeriodPrices):
            return self.reference.as_array()
        if self.reference == "flat":
            return np.full(3, self.start.as_array()[period].mean())
        return np.full(3, float(self.reference))
