"""What a filing needs beyond the pricing: marginal costs by component, emission factors, terms of the measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import lcm

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_fraction, require_not_negative
from csmoifsa_energy.readers.files import FileSeries
from csmoifsa_energy.readers.series import Fill
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.tariff import Windows

YEAR_H = 8760.0
"""Hours of a year of 365 days."""


@dataclass(frozen=True, kw_only=True)
class HourlyRate(FileSeries):
    """A quantity per MWh in each hour: one number, those of a day, or a file of one or several days.

    Of several days of a file the mean of those of each kind of days is taken, hour by hour.

    Attributes
    ----------
    per_mwh : float, optional
        The same number at all hours [unit per MWh].
    values_per_mwh : tuple of float, optional
        Values of the steps of a day, the first beginning at midnight [unit per MWh].
    """

    per_mwh: float | None = None
    values_per_mwh: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        stated = [one is not None for one in (self.per_mwh, self.values_per_mwh, self.csv)]
        if sum(stated) != 1:
            raise InputError("give one of per_mwh, values_per_mwh and csv")
        if self.values_per_mwh is not None and (len(self.values_per_mwh) < 4 or 1440 % len(self.values_per_mwh)):
            raise InputError(
                f"values_per_mwh has {len(self.values_per_mwh)} values, which give no step of whole minutes; "
                "supply 24, 48 or 96"
            )

    def of_kinds(self, day: PricingDay, tariff: Windows, key: str) -> tuple[list[np.ndarray], list[str]]:
        """Return the rate in each step of each kind of days, (T,) each [unit per MWh], and sentences on the file.

        Parameters
        ----------
        day : PricingDay
            The kinds of days, and their step.
        tariff : Windows
            Tells the kind of each day of the file.
        key : str
            Place of the rate in the scenario, for messages.

        Raises
        ------
        InputError
            The file has faults, or no day of one of the kinds.
        """
        n_steps = len(day.period)
        if self.csv is None:
            values = np.array(self.values_per_mwh or [self.per_mwh], dtype=float)
            return [resampled(values, n_steps)] * len(day.kinds), []
        read = self.read_file(key)
        if tariff.days and not read.dates:
            raise InputError(f"{key}: the days of {self.csv} have no dates, so their kind is unknown")
        titles = ["", *(kind.name for kind in tariff.days)]
        of_day = np.array(
            [titles[tariff.kind_of(one)] for one in read.dates] if tariff.days else [""] * len(read.values)
        )
        rates = []
        for kind in day.kinds:
            rows = of_day == kind.title
            if not rows.any():
                name = repr(kind.title) if kind.title else "that is of none of tariff.days"
                raise InputError(f"{key}: {self.csv} has no day of the kind {name}; read more days, or give per_mwh")
            rates.append(resampled(read.values[rows].mean(axis=0), n_steps))
        return rates, list(read.notes)


@dataclass(frozen=True, kw_only=True)
class PeakCost(Parameters):
    """Cost of capacity that the hours of the highest load of a year cause, in equal parts.

    Attributes
    ----------
    per_kw_year : float
        Cost of a kW for a year [currency per kW and year].
    top_hours : float
        Number of hours of the highest load that cause it, in [1, 8760] [h].
    """

    per_kw_year: float
    top_hours: float

    def __post_init__(self) -> None:
        require_not_negative(self, "per_kw_year")
        if not 1 <= self.top_hours <= YEAR_H:
            raise InputError(f"top_hours must be from 1 to 8760 hours of a year, not {self.top_hours}")


@dataclass(frozen=True, kw_only=True)
class Measurement(Parameters):
    """Terms of the measurement after the tariff is in force.

    Attributes
    ----------
    confidence : float
        Confidence with which an effect is to be told from none, two-sided, in (0, 1).
    power : float
        Probability that the predicted effect is seen, in (0, 1).
    days : int
        Days on which every car is measured.
    repeats : float, optional
        Correlation between two days of one car, in [0, 1]; without it the plan gives the numbers of cars for 0 and 1.
    """

    confidence: float = 0.95
    power: float = 0.8
    days: int = 30
    repeats: float | None = None

    def __post_init__(self) -> None:
        for name in ("confidence", "power"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} must be above 0 and below 1, not {getattr(self, name)}")
        if self.days < 1:
            raise InputError(f"days must be at least 1, not {self.days}")
        if self.repeats is not None:
            require_fraction(self, "repeats")


@dataclass(frozen=True, kw_only=True)
class Filing(Parameters):
    """What the chapters of a filing rest on, beyond what prices are found with; none of it moves a price.

    Attributes
    ----------
    generation : HourlyRate, optional
        Marginal cost of energy at the generator or on the market [currency per MWh]; by default that of ``[grid]``.
    capacity : PeakCost, optional
        Marginal cost of generating capacity; by default ``grid.peak_cost_per_mw_day``, all of it at the highest load.
    network : PeakCost, optional
        Marginal cost of the network at the load of the study; without it that part of the cost is left out, and the
        filing says so.
    emissions : HourlyRate, optional
        Emissions of a MWh generated [kg per MWh]; without it nothing is said on emissions.
    measurement : Measurement
        Terms of the measurement after the tariff is in force.
    """

    generation: HourlyRate | None = None
    capacity: PeakCost | None = None
    network: PeakCost | None = None
    emissions: HourlyRate | None = None
    measurement: Measurement = field(default_factory=Measurement)

    def with_fill(self, fill: Fill) -> Filing:
        """Return the filing with gaps of its files treated otherwise, see `FileSeries`."""
        rates = {name: getattr(self, name) for name in ("generation", "emissions")}
        return replace(self, **{name: replace(one, fill=fill) for name, one in rates.items() if one is not None})


@dataclass(frozen=True, kw_only=True)
class FilingRates:
    """Hourly rates of a filing as read, for each kind of days.

    Attributes
    ----------
    generation, emissions : list of (T,) arrays, optional
        Rates of each kind of days; None where the filing states none.
    notes : list of str
        Sentences on values averaged or filled while reading.
    """

    generation: Sequence[np.ndarray] | None = None
    emissions: Sequence[np.ndarray] | None = None
    notes: Sequence[str] = ()


def read_rates(filing: Filing, day: PricingDay, tariff: Windows) -> FilingRates:
    """Return the hourly rates of a filing, reading their files.

    Raises
    ------
    InputError
        A file has faults, or emission factors below 0.
    """
    rates: dict[str, list[np.ndarray]] = {}
    notes: list[str] = []
    for name in ("generation", "emissions"):
        rate = getattr(filing, name)
        if rate is not None:
            rates[name], more = rate.of_kinds(day, tariff, f"filing.{name}")
            notes += more
    least = min((float(one.min()) for one in rates.get("emissions", [])), default=0.0)
    if least < 0:
        raise InputError(f"filing.emissions: kilograms per MWh cannot be negative, but {least:g} is")
    return FilingRates(**rates, notes=notes)


def resampled(values: np.ndarray, n_steps: int) -> np.ndarray:
    """Return a day's values on another step: repeated, or averaged.

    Examples
    --------
    >>> resampled(np.array([1.0, 4.0, 7.0]), 2)  # the second value is cut in two
    array([2., 6.])
    """
    finest = lcm(len(values), n_steps)
    return np.repeat(values, finest // len(values)).reshape(n_steps, -1).mean(axis=1)
