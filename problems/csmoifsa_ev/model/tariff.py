"""The tariff: hours of each period, present prices and the bounds of new ones.

A tariff has two to six periods, from the dearest to the cheapest; where nothing else is stated they are peak, flat and
valley. Every axis of length P is over the periods in this order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_positive
from csmoifsa_energy.clock import clock_text, clock_to_minutes
from csmoifsa_ev.model.flow_region import MOST_PERIODS
from csmoifsa_ev.model.hours import WindowChoice, check_choices

PERIODS = ("peak", "flat", "valley")
"""Names of the periods where a tariff names none of its own."""

_NAME = re.compile(r"\w[\w-]*")


def price_names(periods: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the decision vector x of the pricing problem: charge prices, then discharge prices.

    Examples
    --------
    >>> price_names(("day", "night"))
    ('charge_day', 'charge_night', 'discharge_day', 'discharge_night')
    """
    return tuple(f"{kind}_{name}" for kind in ("charge", "discharge") for name in periods)


@dataclass(frozen=True, kw_only=True)
class Period(Parameters):
    """A period of a tariff.

    Attributes
    ----------
    name : str
        Name of the period: letters, digits, ``_`` and ``-``.
    windows : tuple of str
        Windows ``"from-to"`` of the period on the local clock; none where it occurs on other `DayWindows` only.
    """

    name: str
    windows: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DayWindows(Parameters):
    """Hours of the periods on days of another kind, such as weekends or winter.

    Attributes
    ----------
    name : str
        Name of the kind of days.
    which : "all", "weekdays" or "weekends"
        Days of the week that belong to it.
    months : tuple of int
        Months that belong to it, 1 to 12; all if left out.
    dates : tuple of date
        Days that belong to it in any case, such as holidays; a kind with neither days of the week nor months has no
        others.
    windows : dict of str to tuple of str
        Windows ``"from-to"`` by the names of periods; those of the tariff that are not named do not occur.
    """

    name: str
    which: Literal["all", "weekdays", "weekends"] = "all"
    months: tuple[int, ...] = ()
    dates: tuple[date, ...] = ()
    windows: dict[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        for month in self.months:
            if not 1 <= month <= 12:
                raise InputError(f"months must be numbers from 1 to 12, not {month}")

    def holds(self, month: int, weekend: bool) -> bool:
        """Return whether ordinary days of a month, on or off the weekend, belong to the kind."""
        if self.dates and self.which == "all" and not self.months:
            return False
        in_week = self.which == "all" or (self.which == "weekends") == weekend
        return in_week and (not self.months or month in self.months)

    def has(self, day: date) -> bool:
        """Return whether a day belongs to the kind."""
        return day in self.dates or self.holds(day.month, day.weekday() >= 5)


@dataclass(frozen=True, kw_only=True)
class Windows(Parameters):
    """The hours of each period, written ``"14-21"``; ``"23-7"`` runs over midnight.

    Attributes
    ----------
    peak, flat, valley : tuple of str
        Windows ``"from-to"`` of the three usual periods on the local clock.
    periods : tuple of Period
        Two to six periods in place of these three, from the dearest to the cheapest.
    days : tuple of DayWindows
        Kinds of days with other hours, such as weekends; a day is of the first kind that has it, else of none.
    choose : tuple of WindowChoice
        Periods whose windows are to be chosen together with the prices, by ``csmoifsa ev price``. The windows above are
        then the hours in force, and may be left out where one price is in force at all hours.
    rest : str, optional
        With ``choose``, the period that takes the hours that belong to no other; the only one that is not chosen if
        left out.

    Together the windows of a kind of days cover the day once.

    Examples
    --------
    >>> Windows(peak=("14-21",), flat=("7-14", "21-23"), valley=("23-7",)).period_of_step(24)[[0, 8, 15]].tolist()
    [2, 1, 0]
    >>> Windows(periods=(Period(name="day", windows=("7-23",)), Period(name="night", windows=("23-7",)))).names
    ('day', 'night')
    """

    peak: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()
    valley: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    days: tuple[DayWindows, ...] = ()
    choose: tuple[WindowChoice, ...] = ()
    rest: str | None = None

    def __post_init__(self) -> None:
        if self.periods and (self.peak or self.flat or self.valley):
            raise InputError("give either periods or peak, flat and valley, not both")
        if len(self.periods) > MOST_PERIODS:
            raise InputError(f"periods must be 2 to {MOST_PERIODS}, not {len(self.periods)}")
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise InputError(f"periods: the name {name!r} must consist of letters, digits, '_' and '-'")
            if self.names.count(name) > 1:
                raise InputError(f"periods: the name {name!r} is given twice; write all its windows in one list")
        if self.known:
            self.period_of_minute()
        for kind in self.days:
            for name in kind.windows:
                if name not in self.names:
                    raise InputError(
                        f"days {kind.name!r}: there is no period {name!r}; periods are {', '.join(self.names)}"
                    )
            _cover(list(kind.windows.items()), f"days {kind.name!r}: ")
        check_choices(self.choose, self.rest, self.names, [kind.name for kind in self.days])

    @property
    def known(self) -> bool:
        """Whether the hours in force are known; else they are yet to be chosen, and one price is in force."""
        return not self.choose or any(windows for _, windows in self._pairs)

    def kind_of(self, day: date) -> int:
        """Return the number of the kind of days that a day is of: 0 the usual one, k the k-th of ``days``."""
        return next((k for k, kind in enumerate(self.days, start=1) if kind.has(day)), 0)

    def kind_in(self, month: int, weekend: bool) -> int:
        """Return the number of the kind of ordinary days of a month, on or off the weekend, as `kind_of`."""
        return next((k for k, kind in enumerate(self.days, start=1) if kind.holds(month, weekend)), 0)

    def of_kind(self, k: int) -> tuple[tuple[int, ...], Windows]:
        """Return the numbers of the periods that occur on days of kind ``k``, and the hours of these alone."""
        if not self.days:
            return tuple(range(len(self.names))), self
        hours = self.days[k - 1].windows if k else self.by_name
        own = tuple(number for number, name in enumerate(self.names) if hours.get(name))
        return own, Windows(periods=tuple(Period(name=self.names[p], windows=hours[self.names[p]]) for p in own))

    @property
    def by_name(self) -> dict[str, tuple[str, ...]]:
        """The windows of each period by its name, from the dearest period to the cheapest."""
        return dict(self._pairs)

    def hours_of(self, name: str) -> list[str]:
        """Return the windows of a period; one text with those of other days where these have others.

        Such a text is ``"14-21; weekends: none"``.
        """
        usual = self.by_name[name]
        kinds = [
            f"{kind.name}: {' '.join(kind.windows[name]) if kind.windows.get(name) else 'none'}"
            for kind in self.days
            if kind.windows.get(name, ()) != usual
        ]
        return ["; ".join([" and ".join(usual) or "none", *kinds])] if kinds else list(usual)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the periods, from the dearest to the cheapest."""
        return tuple(name for name, _ in self._pairs)

    @property
    def _pairs(self) -> list[tuple[str, tuple[str, ...]]]:
        if self.periods:
            return [(one.name, one.windows) for one in self.periods]
        return [("peak", self.peak), ("flat", self.flat), ("valley", self.valley)]

    def period_of_minute(self) -> np.ndarray:
        """Return the number of the period, from 0, of every minute of the day, shape (1440,).

        Raises
        ------
        InputError
            Windows overlap, leave a hole, or one of the periods is empty.
        """
        elsewhere = {name for kind in self.days for name in kind.windows}
        there = [(name, windows) for name, windows in self._pairs if windows or name not in elsewhere]
        numbers = np.array([self.names.index(name) for name, _ in there])
        return numbers[_cover(there)]

    @property
    def inside_hours(self) -> bool:
        """Whether some window begins or ends within an hour, which tariff formats of whole hours cannot write."""
        kinds = [self.of_kind(k)[1].period_of_minute() for k in range(len(self.days) + 1)]
        periods = np.array(kinds).reshape(-1, 60)
        return bool((periods != periods[:, :1]).any())

    def period_of_step(self, n_steps: int) -> np.ndarray:
        """Return the number of the period, from 0, of each of ``n_steps`` equal steps, shape (n_steps,).

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


def _cover(hours: Sequence[tuple[str, Sequence[str]]], where: str = "") -> np.ndarray:
    """Return the number in ``hours`` of the period of every minute, shape (1440,).

    Raises
    ------
    InputError
        Windows overlap, leave a hole, or one of the periods is empty; messages begin with ``where``.
    """
    period = np.full(1440, -1, dtype=np.int64)
    names = [name for name, _ in hours]
    for number, (name, windows) in enumerate(hours):
        for window in windows:
            start, _, end = window.partition("-")
            key = f"{where}{name}"
            first, last = clock_to_minutes(start, key), clock_to_minutes(end, key)
            whole_day = first == 0 and last == 1440
            first %= 1440
            if first == last % 1440 and not whole_day:
                raise InputError(f"{key}: the window {window!r} is empty; write 'from-to' with two times")
            length = (last - first - 1) % 1440 + 1
            minutes = (first + np.arange(length)) % 1440
            taken = period[minutes] >= 0
            if taken.any():
                minute = int(minutes[taken.argmax()])
                raise InputError(
                    f"{key}: the window {window!r} overlaps {names[period[minute]]!r} at {clock_text(minute)}; "
                    "every hour belongs to one period"
                )
            period[minutes] = number
    if (period < 0).any():
        minute = int((period < 0).argmax())
        all_of = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
        raise InputError(
            f"{where}no period covers {clock_text(minute)}; the windows of {all_of} together must cover the day"
        )
    for number, name in enumerate(names):
        if not (period == number).any():
            raise InputError(f"{where}{name}: needs at least one window")
    return period


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
    start : dict of str to float
        Charge prices in force by the names of the periods [price unit per kWh].
    reference : "flat", float or dict of str to float
        Charge prices under which the drivers' present habits formed [price unit per kWh]; ``"flat"`` is the
        time-weighted mean of ``start`` at all hours. Incentives are differences from these prices.
    charge_bounds, discharge_bounds : (float, float)
        Lowest and highest price allowed [price unit per kWh].
    """

    unit: str
    currency: str
    units_per_currency: float
    start: dict[str, float]
    reference: Literal["flat"] | float | dict[str, float]
    charge_bounds: tuple[float, float]
    discharge_bounds: tuple[float, float]

    def __post_init__(self) -> None:
        require_positive(self, "units_per_currency")
        for name in ("charge_bounds", "discharge_bounds"):
            low, high = getattr(self, name)
            if not low < high:
                raise InputError(f"{name} must be [lowest, highest] with lowest < highest, not [{low}, {high}]")

    @property
    def per_mwh(self) -> float:
        """Currency per MWh equal to one price unit per kWh: 10 if prices are in cents/kWh and money in $."""
        return 1000.0 / self.units_per_currency

    def ordered(self, names: Sequence[str]) -> PriceTerms:
        """Return the terms with prices in the order of the periods ``names``.

        Raises
        ------
        InputError
            A period has no price, a price has no period, or the prices in force rise from a period to the next.
        """
        start = _ordered("prices.start", self.start, names)
        values = list(start.values())
        if any(before < after for before, after in pairwise(values)):
            raise InputError(
                f"prices.start must fall from {' to '.join(names)}, not {', '.join(map(str, values))}; "
                "name the dearest hours first and the cheapest last"
            )
        reference = self.reference
        if isinstance(reference, dict):
            reference = _ordered("prices.reference", reference, names)
        return replace(self, start=start, reference=reference)

    @property
    def start_prices(self) -> np.ndarray:
        """Charge prices in force, shape (P,) [price unit per kWh]."""
        return np.array([*self.start.values()], dtype=float)

    @property
    def in_force(self) -> np.ndarray:
        """The tariff in force, without discharging, shape (2 P,) [price unit per kWh]."""
        return np.concatenate([self.start_prices, np.full(len(self.start), float(self.discharge_bounds[0]))])

    def reference_prices(self, period: np.ndarray) -> np.ndarray:
        """Return the reference charge price of each period, shape (P,) [price unit per kWh].

        Parameters
        ----------
        period : (T,) array
            The period of each step.
        """
        if isinstance(self.reference, dict):
            return np.array([*self.reference.values()], dtype=float)
        if self.reference == "flat":
            return np.full(len(self.start), self.start_prices[period].mean())
        return np.full(len(self.start), float(self.reference))


def _ordered(key: str, prices: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    for name in names:
        if name not in prices:
            raise InputError(f"the key '{key}.{name}' is missing: the tariff has the periods {', '.join(names)}")
    for name in prices:
        if name not in names:
            raise InputError(f"{key}: the tariff has no period {name!r}; its periods are {', '.join(names)}")
    return {name: prices[name] for name in names}
