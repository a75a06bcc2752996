"""Read the parts of a bill beside its prices from a tariff file: fixed and demand charges, tiers, minimum bill.

The keys are those of the OpenEI Utility Rate Database (https://openei.org/services/doc/rest/util_rates).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa_ev.model.bill import DAYS_A_MONTH
from csmoifsa_ev.model.tariff import Windows

Day = tuple[int, bool]
"""A month, 1 to 12, and whether the day is on a weekend."""

Hour = tuple[int, bool, int]
"""A day, and an hour of it, 0 to 23."""

_A_MONTH = {"$/month": 1.0, "$/day": DAYS_A_MONTH, "$/year": 1.0 / 12.0}
"""Charges a month of one charge of each unit."""


_UNKNOWN = (
    *("annualmincharge", "coincidentratestructure", "demandratchetpercentage", "lookbackpercent"),
    *("demandreactivepowercharge", "fixedchargeeaaddl"),
)
"""Keys of further parts of a bill, which are left out."""


class RateBill:
    """The parts of the bill of a tariff in URDB form.

    Parameters
    ----------
    path : Path
        The file, for messages.
    document : dict
        Its content.
    days : sequence of Day
        Days that are read; a charge of some months counts for its share of them.

    Attributes
    ----------
    notes : list of str
        Sentences on what was left out, after `terms`.
    """

    def __init__(self, path: Path, document: dict[str, object], days: Sequence[Day]) -> None:
        self.path, self.document, self.days = path, document, list(days)
        self.months = sorted({month for month, _ in days})
        self.notes: list[str] = []

    def terms(self, windows: Windows) -> dict[str, object]:
        """Return the keys of `bill.BillTerms` that the file states; what tiers add is in currency per kWh.

        Parameters
        ----------
        windows : Windows
            Hours of the scenario's periods.

        Raises
        ------
        InputError
            A key is missing or of the wrong kind, or a demand charge is negative.
        """
        hours = _hours(windows, self.days)
        for key in _UNKNOWN:
            value = self.document.get(key)
            if any(value) if isinstance(value, list) else value:
                self._note(f"{self.path}: {key} is a part of the bill that is not known; it was left out")
        found: dict[str, object] = {
            "fixed_per_month": self._a_month("fixedchargefirstmeter", "fixedchargeunits", "fixedmonthlycharge"),
            "minimum_per_month": self._a_month("mincharge", "minchargeunits", "minmonthlycharge"),
            "demand": [*self._demand_in_any_hour(), *self._demand_in(hours)],
            "tiers": self._tiers(hours),
        }
        return {key: value for key, value in found.items() if value}

    def _a_month(self, key: str, unit_key: str, older: str) -> float:
        """Return a charge, not below 0 [currency per month]; ``older`` is the key of earlier versions."""
        value = number_at(self.document.get(key, self.document.get(older)), f"{self.path}: {key}")
        unit = str(self.document.get(unit_key) or "$/month")
        if value < 0 or (value and unit not in _A_MONTH):
            self._note(f"{self.path}: {key}, {value:g} in {unit}, is not a charge in {', '.join(_A_MONTH)}; left out")
            return 0.0
        return value * _A_MONTH.get(unit, 1.0)

    def _in_kw(self, structure: str, unit_key: str) -> bool:
        """Return whether the file has demand charges per kW and month; those in other units are left out."""
        unit = self.document.get(unit_key) or "kW"
        if self.document.get(structure) and unit != "kW":
            self._note(f"{self.path}: {unit_key} is {unit!r}, not 'kW'; these demand charges were left out")
        return bool(self.document.get(structure)) and unit == "kW"

    def _per_kw(self, structure: str, number: object) -> float:
        """Return the charge of a demand period, that of its first tier [currency per kW and month]."""
        where, periods = f"{self.path}: {structure}.{number}", self.document[structure]
        good = isinstance(periods, list) and isinstance(number, int) and 0 <= number < len(periods)
        tiers = periods[number] if good else None  # type: ignore[index]
        if not isinstance(tiers, list) or not tiers or not all(isinstance(one, dict) for one in tiers):
            raise InputError(f"{where} must be a list of tiers with a 'rate'")
        rates = [
            number_at(one.get("rate"), f"{where}.{k}.rate") + number_at(one.get("adj"), f"{where}.{k}.adj")
            for k, one in enumerate(tiers)
        ]
        if len(set(rates)) > 1:
            self._note(f"{where} has {len(tiers)} tiers; only the first was taken")
        if rates[0] < 0:
            raise InputError(f"{where}: a demand charge cannot be negative, but it is {rates[0]:g}")
        return rates[0]

    def _demand_in_any_hour(self) -> list[dict[str, object]]:
        """Return the charge on the highest power in any hour, the mean over the months."""
        if not self._in_kw("flatdemandstructure", "flatdemandunit"):
            return []
        of_month = self.document.get("flatdemandmonths")
        numbers = of_month if isinstance(of_month, list) and len(of_month) == 12 else [0] * 12
        rates = [self._per_kw("flatdemandstructure", numbers[month - 1]) for month in self.months]
        return [{"per_kw": sum(rates) / len(rates)}] if any(rates) else []

    def _demand_in(self, periods: dict[str, set[Hour]]) -> list[dict[str, object]]:
        """Return the charges on the highest power in some hours, by the names of the periods that make up these."""
        if not self._in_kw("demandratestructure", "demandrateunit"):
            return []
        of_hour = {
            (*day, hour): number
            for day in self.days
            for hour, number in enumerate(schedule_of(self.path, self.document, "demand", day))
        }
        found: list[dict[str, object]] = []
        for number in dict.fromkeys(of_hour.values()):
            per_kw = self._per_kw("demandratestructure", number)
            mine = {hour for hour, one in of_hour.items() if one == number}
            months = {month for month, _, _ in mine}
            names = [name for name, hours in periods.items() if hours & mine]
            others = {hour for name in names for hour in periods[name] if hour[0] in months} - mine
            if per_kw and others:
                self._note(
                    f"{self.path}: demandratestructure.{number} holds in a part of the hours of {' and '.join(names)} "
                    "only; it was left out"
                )
            elif per_kw:
                charge: dict[str, object] = {"per_kw": per_kw * len(months) / len(self.months)}
                found.append(charge if len(names) == len(periods) else charge | {"periods": names})
        return found

    def _tiers(self, periods: dict[str, set[Hour]]) -> list[dict[str, object]]:
        """Return what each tier adds to the price of the first, by the names of the periods that have the same."""
        of_hour = {
            (*day, hour): number
            for day in self.days
            for hour, number in enumerate(schedule_of(self.path, self.document, "energy", day))
        }
        structure = self.document["energyratestructure"]
        assert isinstance(structure, list)  # its prices were read before
        where = f"{self.path}: energyratestructure"
        blocks = {number: _blocks(structure[number], f"{where}.{number}") for number in set(of_hour.values())}
        with_blocks: dict[tuple[tuple[float, float], ...], list[str]] = {}
        for name, hours in periods.items():
            own = {blocks[of_hour[hour]] for hour in hours}
            if None in own or len(own) > 1:
                self._note(
                    f"{where} has tiers that differ within the hours of {name}, or are not by energy; only the first "
                    "of each was taken"
                )
                return []
            with_blocks.setdefault(own.pop() or (), []).append(name)
        found: list[dict[str, object]] = []
        for each, names in with_blocks.items():
            only: dict[str, object] = {"periods": names} if len(names) < len(periods) else {}
            found += [{"above_kwh": above, "add": add, **only} for above, add in each[1:]]
        return found

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def number_at(value: object, where: str) -> float:
    """Return a number of a file, 0 where it is missing; the message of an error begins with ``where``.

    Raises
    ------
    InputError
        The value is no finite number.
    """
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise InputError(f"{where}: {value!r} is not a number")
    return float(value)


def schedule_of(path: Path, document: dict[str, object], kind: str, day: Day) -> list[int]:
    """Return the numbers of the URDB periods of the 24 hours of a day; ``kind`` is energy or demand.

    Raises
    ------
    InputError
        The schedule is missing or has another shape.
    """
    month, weekend = day
    key = f"{kind}{'weekend' if weekend else 'weekday'}schedule"
    months = document.get(key)
    if not (isinstance(months, list) and len(months) == 12):
        raise InputError(f"{path}: {key} must hold 12 months of 24 hours")
    hours = months[month - 1]
    if not (isinstance(hours, list) and len(hours) == 24):
        raise InputError(f"{path}: {key}.{month - 1} must hold 24 hours")
    return hours


def _hours(windows: Windows, days: Sequence[Day]) -> dict[str, set[Hour]]:
    """Return the hours of each period that occurs on some days; an hour of two periods belongs to both.

    Where the hours are yet to be chosen, every hour may be of any period.
    """
    if not windows.known:
        every = {(month, weekend, hour) for month, weekend in days for hour in range(24)}
        return dict.fromkeys(windows.names, every)
    found: dict[str, set[Hour]] = {name: set() for name in windows.names}
    for month, weekend in days:
        own, hours = windows.of_kind(windows.kind_in(month, weekend))
        for minute, number in enumerate(hours.period_of_minute()):
            found[windows.names[own[number]]].add((month, weekend, minute // 60))
    return {name: hours for name, hours in found.items() if hours}


def _blocks(tiers: object, where: str) -> tuple[tuple[float, float], ...] | None:
    """Return where each tier begins [kWh a month] and its price less that of the first; None if not by energy."""
    if not isinstance(tiers, list) or not all(isinstance(one, dict) for one in tiers):
        raise InputError(f"{where} must be a list of tiers with a 'rate'")
    found: list[tuple[float, float]] = []
    above, first = 0.0, 0.0
    for k, one in enumerate(tiers):
        price = number_at(one.get("rate"), f"{where}.{k}.rate") + number_at(one.get("adj"), f"{where}.{k}.adj")
        first = price if k == 0 else first
        found.append((above, round(price - first, 9)))
        if k == len(tiers) - 1:
            return tuple(found)
        factor = {"kWh": 1.0, "kWh daily": DAYS_A_MONTH}.get(str(one.get("unit") or "kWh"))
        if factor is None:
            return None
        above = number_at(one.get("max"), f"{where}.{k}.max") * factor
        if above <= found[-1][0]:
            raise InputError(f"{where}.{k}.max must rise from tier to tier, but it is {one.get('max')}")
    return tuple(found)
