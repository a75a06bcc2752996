"""Tariffs of other tools: OpenEI URDB JSON (in and out), ACN-Sim JSON (in).

The hours of each price of a day become a period: the dearest are the peak, the cheapest the valley, those between flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise, product
from math import isfinite
from pathlib import Path

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import read_json
from csmoifsa_energy.clock import windows_of
from csmoifsa_energy.readers.faults import MendableError, choose
from csmoifsa_ev.inputs.tariff_bills import RateBill, number_at, schedule_of
from csmoifsa_ev.model.flow_region import MOST_PERIODS
from csmoifsa_ev.model.tariff import Windows

OTHER_DAYS = (choose("tariff", "day"), choose("tariff", "whole_year", True))
"""Remedies of a tariff file whose prices on a day do not serve: another day, or the hours of the whole year."""


@dataclass(frozen=True)
class DayTariff:
    """One day of a tariff file.

    Attributes
    ----------
    name : str
        Name of the tariff in the file.
    per_kwh : (1440,) array
        Price of each minute [currency per kWh].
    notes : list of str
        Sentences on parts of the file that the model does not use.
    demand_per_kw : float
        Demand charge of a file in ACN-Sim form [currency per kW and month].
    """

    name: str
    per_kwh: np.ndarray
    notes: list[str]
    demand_per_kw: float = 0.0

    def periods(self, where: str) -> tuple[dict[str, object], dict[str, float]]:
        """Return the table ``tariff`` of a scenario, and the price of each period [currency per kWh].

        Raises
        ------
        InputError
            The day has one price, or more than six.
        """
        levels = np.unique(self.per_kwh)[::-1]
        some = ", ".join(f"{level:g}" for level in levels[:8])
        if len(levels) == 1:
            raise MendableError(
                f"{where}: the tariff has one price on that day ({some}); give the windows of the tariff to be found "
                "beside tariff.file, such as peak, flat and valley, or let tariff.choose find them, or choose another "
                "tariff.day",
                *OTHER_DAYS,
            )
        if len(levels) > MOST_PERIODS:
            raise MendableError(
                f"{where}: the tariff has {len(levels)} prices on that day ({some}), but at most {MOST_PERIODS} can be "
                "priced; give the windows of the tariff to be found beside tariff.file, or choose another day",
                *OTHER_DAYS,
            )
        names = period_names(len(levels))
        windows = {name: windows_of(self.per_kwh == level) for name, level in zip(names, levels, strict=True)}
        prices = {name: float(level) for name, level in zip(names, levels, strict=True)}
        if len(levels) == 3:
            return {**windows}, prices
        return {"periods": [{"name": name, "windows": hours} for name, hours in windows.items()]}, prices

    @property
    def one_price(self) -> bool:
        """Whether the price is the same all day."""
        return float(np.ptp(self.per_kwh)) == 0.0

    def prices_in(self, windows: Windows) -> tuple[dict[str, float], list[str]]:
        """Return the mean price in each period of other windows [currency per kWh], and a note on each that varies.

        Raises
        ------
        InputError
            The windows are yet to be chosen, and the day has more than one price.
        """
        if not windows.known:
            if not self.one_price:
                raise InputError(
                    "tariff: the file has several prices on that day, and with them hours in force; leave out periods "
                    "without windows, and choose windows of the file's own periods"
                )
            return dict.fromkeys(windows.names, float(self.per_kwh[0])), []
        period, prices, notes = windows.period_of_minute(), {}, []
        for number, name in enumerate(windows.names):
            inside = self.per_kwh[period == number]
            prices[name] = float(inside.mean())
            if inside.min() < inside.max():
                notes.append(
                    f"prices.start.{name}: the tariff of the file has {inside.min():g} to {inside.max():g} per kWh in "
                    f"these hours; their mean over the hours, {prices[name]:g}, was taken"
                )
        return prices, notes


def period_names(n: int) -> list[str]:
    """Return names for periods from the dearest to the cheapest.

    Examples
    --------
    >>> period_names(2), period_names(4)
    (['peak', 'valley'], ['peak', 'flat-1', 'flat-2', 'valley'])
    """
    between = ["flat"] if n == 3 else [f"flat-{k}" for k in range(1, n - 1)]
    return ["peak", *between, "valley"]


def read_tariff(path: Path, day: date) -> DayTariff:
    """Read one day of a tariff file in URDB or ACN-Sim form, which is recognised by its keys.

    Raises
    ------
    InputError
        The file has neither form, or a key is missing or of the wrong kind, or hours overlap or have no price.
    """
    document = _document(path)
    if "energyratestructure" in document:
        return _urdb(path, document, day)
    return _acn_sim(path, document, day)


def read_bill(path: Path, windows: Windows, day: date | None) -> tuple[dict[str, object], list[str]]:
    """Read the parts of the bill beside the prices.

    Parameters
    ----------
    path : Path
        The tariff file.
    windows : Windows
        Hours of the scenario's periods.
    day : date, optional
        The day that is read; all days of a year if left out.

    Returns
    -------
    dict
        Keys of `bill.BillTerms`; what tiers add is in currency per kWh.
    list of str
        Notes on what was taken and left out.
    """
    document = _document(path)
    days = list(product(range(1, 13), (False, True))) if day is None else [(day.month, day.weekday() >= 5)]
    notes, terms = [], {}
    if "energyratestructure" in document:
        bill = RateBill(path, document, days)
        terms, notes = bill.terms(windows), bill.notes
    else:
        charges: dict[int, float] = {}  # by month
        for month, weekend in days:
            of_day = _acn_sim(path, document, day or _first_day(month, weekend)).demand_per_kw
            charges[month] = max(charges.get(month, 0.0), of_day)
        if any(charges.values()):
            terms["demand"] = [{"per_kw": sum(charges.values()) / len(charges)}]
    taken = [what for key, what in _TAKEN.items() if key in terms]
    if taken:
        notes = [f"{path}: {', '.join(taken)} enter the customers' bills and move no load", *notes]
    return terms, notes


_TAKEN = {
    "fixed_per_month": "fixed charges",
    "demand": "demand charges",
    "tiers": "tiers",
    "minimum_per_month": "the minimum bill",
}
"""Words for the parts of a bill that a file may hold."""


def _first_day(month: int, weekend: bool) -> date:
    """Return the first day of a month on or off the weekend, in a year that begins on a Monday."""
    first = date(2018, month, 1)
    return next(one for k in range(7) if ((one := first + timedelta(days=k)).weekday() >= 5) == weekend)


def _document(path: Path) -> dict[str, object]:
    """Return the content of a tariff file.

    Raises
    ------
    InputError
        The file is missing or no JSON, or has neither form.
    """
    document = read_json(path, "tariff file")
    if isinstance(document, dict) and isinstance(document.get("items"), list):
        items = document["items"]
        if len(items) != 1:
            raise InputError(f"{path}: holds {len(items)} tariffs; keep one in 'items'")
        document = items[0]
    if isinstance(document, dict) and ("energyratestructure" in document or "schedule" in document):
        return document
    raise InputError(
        f"{path}: unknown form of tariff: URDB has 'energyratestructure', ACN-Sim has 'schedule' on its top level"
    )


def read_year(path: Path) -> tuple[list[str], dict[str, object], dict[str, float]]:
    """Read the hours of a tariff file on all days of a year.

    Days of the week and months with the same hours are one kind of days; a period is all hours of one price.

    Returns
    -------
    list of str
        Notes on parts of the file that the model does not use.
    dict
        The table ``tariff`` of a scenario.
    dict
        Price of each period [currency per kWh].

    Raises
    ------
    InputError
        The file has one price, or more than six, or is no tariff file.
    """
    notes: dict[str, None] = {}
    kinds: dict[bytes, tuple[np.ndarray, dict[bool, list[int]]]] = {}
    for weekend, month in product((False, True), range(1, 13)):
        read = read_tariff(path, _first_day(month, weekend))
        notes |= dict.fromkeys(read.notes)
        kinds.setdefault(read.per_kwh.tobytes(), (read.per_kwh, {False: [], True: []}))[1][weekend].append(month)
    levels = np.unique(np.concatenate([one for one, _ in kinds.values()]))[::-1]
    if not 2 <= len(levels) <= MOST_PERIODS:
        some = ", ".join(f"{level:g}" for level in levels[:8])
        raise MendableError(
            f"{path}: the tariff has {len(levels)} price(s) over the year ({some}); 2 to {MOST_PERIODS} can be priced, "
            "so read one day with tariff.day",
            choose("tariff", "day"),
        )
    names = period_names(len(levels))
    usual, *others = kinds.values()
    days = []
    for per_kwh, months in others:
        hours = {name: windows_of(per_kwh == level) for name, level in zip(names, levels, strict=True)}
        hours = {name: windows for name, windows in hours.items() if windows}
        for weekend, own in months.items():
            if own and not (weekend and own == months[False]):
                which = "all" if months[True] == months[False] else "weekends" if weekend else "weekdays"
                table = {"name": _kind_name(which, own), "which": which, "windows": hours}
                days.append(table if len(own) == 12 else table | {"months": own})
    periods = [
        {"name": name, "windows": windows_of(usual[0] == level)} for name, level in zip(names, levels, strict=True)
    ]
    return list(notes), {"periods": periods, "days": days}, dict(zip(names, levels.tolist(), strict=True))


def _kind_name(which: str, months: list[int]) -> str:
    """Return a name for days of the week in months, such as "weekends" or "weekdays, months 1 2 12"."""
    days = "all days" if which == "all" else which
    return days if len(months) == 12 else f"{days}, months {' '.join(map(str, months))}"


def _rate(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise InputError(f"{where}: {value!r} is not a price per kWh")
    if value < 0:
        raise InputError(f"{where}: a price cannot be negative here, but it is {value}")
    return float(value)


def _urdb(path: Path, document: dict[str, object], day: date) -> DayTariff:
    kind = "energyweekdayschedule" if day.weekday() < 5 else "energyweekendschedule"
    hours, structure = (
        schedule_of(path, document, "energy", (day.month, day.weekday() >= 5)),
        document["energyratestructure"],
    )
    if not isinstance(structure, list):
        raise InputError(f"{path}: energyratestructure must be a list of periods")
    per_hour = []
    for hour, period in enumerate(hours):
        where = f"{path}: {kind}.{day.month - 1}.{hour}"
        if isinstance(period, bool) or not isinstance(period, int) or not 0 <= period < len(structure):
            raise InputError(f"{where}: {period!r} is not one of the {len(structure)} periods of energyratestructure")
        per_hour.append(_urdb_rate(path, structure[period], period))
    return DayTariff(str(document.get("name") or document.get("label") or path.stem), np.repeat(per_hour, 60), [])


def _urdb_rate(path: Path, tiers: object, period: int) -> float:
    """Return the price of the first tier of a period [currency per kWh]; `RateBill` has what the others add."""
    where = f"{path}: energyratestructure.{period}"
    if not isinstance(tiers, list) or not tiers or not isinstance(tiers[0], dict):
        raise InputError(f"{where} must be a list of tiers with a 'rate'")
    first = tiers[0]
    if first.get("unit", "kWh") not in ("kWh", "kWh daily"):
        raise InputError(f"{where}.0.unit must be 'kWh' or 'kWh daily', not {first['unit']!r}")
    if "rate" not in first:
        raise InputError(f"{where}.0: the key 'rate' is missing")
    adjustment = first.get("adj", 0)
    if isinstance(adjustment, bool) or not isinstance(adjustment, int | float) or not isfinite(adjustment):
        raise InputError(f"{where}.0.adj: {adjustment!r} is not a price per kWh")
    return _rate(_rate(first["rate"], f"{where}.0.rate") + adjustment, f"{where}.0.rate + adj")


_MASKS = {"ALL": range(7), "WEEKDAYS": range(5), "WEEKENDS": range(5, 7)}


def _acn_sim(path: Path, document: dict[str, object], day: date) -> DayTariff:
    entries = document["schedule"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: schedule must be a list of seasons")
    fitting = []
    for k, entry in enumerate(entries):
        where = f"{path}: schedule.{k}"
        if not isinstance(entry, dict):
            raise InputError(f"{where} must be an object")
        missing = [n for n in ("effective_start", "effective_end", "dow_mask", "times", "tariffs") if n not in entry]
        if missing:
            raise InputError(f"{where}: the key {missing[0]!r} is missing")
        first, last = (_month_day(entry[name], f"{where}.{name}") for name in ("effective_start", "effective_end"))
        mask = entry["dow_mask"]
        if not isinstance(mask, str) or mask not in _MASKS:
            raise InputError(f"{where}.dow_mask must be ALL, WEEKDAYS or WEEKENDS, not {mask!r}")
        minutes = _acn_minutes(entry, where)
        now = (day.month, day.day)
        in_season = first <= now <= last if first <= last else now >= first or now <= last
        if in_season and day.weekday() in _MASKS[mask]:
            fitting.append((k, entry, minutes))
    if not fitting:
        raise MendableError(f"{path}: no entry of schedule covers {day:%A} {day}", choose("tariff", "day"))
    different = [k for k, _, minutes in fitting if not np.array_equal(minutes, fitting[0][2])]
    if different:
        raise InputError(
            f"{path}: schedule.{fitting[0][0]} and schedule.{different[0]} both cover {day:%A} {day} with different "
            "prices; correct dow_mask or the dates of one of them"
        )
    number, entry, minutes = fitting[0]
    demand = number_at(entry.get("demand_charge"), f"{path}: schedule.{number}.demand_charge")
    if demand < 0:
        raise InputError(f"{path}: schedule.{number}.demand_charge cannot be negative, but it is {demand:g}")
    return DayTariff(str(document.get("name") or path.stem), minutes, [], demand)


def _month_day(text: object, where: str) -> tuple[int, int]:
    parts = text.split("-") if isinstance(text, str) else []
    if len(parts) == 2 and all(part.isascii() and part.isdigit() for part in parts):
        month, day = int(parts[0]), int(parts[1])
        if 1 <= month <= 12 and 1 <= day <= 31:
            return month, day
    raise InputError(f"{where} must be a month and a day such as '06-01', not {text!r}")


def _acn_minutes(entry: dict[str, object], where: str) -> np.ndarray:
    times, rates = entry["times"], entry["tariffs"]
    if not (isinstance(times, list) and isinstance(rates, list) and len(times) == len(rates) and times):
        raise InputError(f"{where}: times and tariffs must be lists of equal length")
    begins = []
    for k, hour in enumerate(times):
        good = not isinstance(hour, bool) and isinstance(hour, int | float) and isfinite(hour) and 0 <= hour < 24
        if not good or (hour * 60) % 1:
            raise InputError(f"{where}.times.{k}: {hour!r} is not an hour of the day in whole minutes")
        begins.append(int(hour * 60))
    if begins[0] != 0 or any(later <= earlier for earlier, later in pairwise(begins)):
        raise InputError(f"{where}.times must begin at 0 and rise, not {times}; every hour needs one price")
    prices = [_rate(rate, f"{where}.tariffs.{k}") for k, rate in enumerate(rates)]
    return np.repeat(prices, np.diff([*begins, 1440]))


def urdb_document(
    name: str, windows: Windows, charge: np.ndarray, discharge: np.ndarray, used: np.ndarray, *, per_currency: float
) -> dict[str, object]:
    """Return a tariff as URDB JSON: its periods on all days, with the discharge price as ``sell``.

    Parameters
    ----------
    name : str
        Name of the tariff.
    windows : Windows
        Hours of the periods.
    charge, discharge : (P,) arrays
        Prices of the periods [price unit per kWh].
    used : (P,) bool array
        Whether a driver discharges in the period; discharge prices of other periods are left out.
    per_currency : float
        Price units per unit of currency; URDB prices are in currency per kWh.

    Raises
    ------
    InputError
        A window begins or ends within an hour, which URDB cannot write.
    """
    if windows.inside_hours:
        raise InputError("URDB holds whole hours only, but a window begins or ends within an hour")
    structure = []
    for period in range(len(charge)):
        tier: dict[str, object] = {"unit": "kWh", "rate": round(float(charge[period]) / per_currency, 10)}
        if used[period]:
            tier["sell"] = round(float(discharge[period]) / per_currency, 10)
        structure.append([tier])
    weekdays, weekends = (
        [_hours_of(windows, windows.kind_in(month, weekend)) for month in range(1, 13)] for weekend in (False, True)
    )
    periods = ", ".join(f"{k} {name}" for k, name in enumerate(windows.names))
    return {
        "name": name,
        "sector": "Residential",
        "description": f"Periods: {periods}. 'sell' is what a driver is paid per kWh discharged.",
        "energyratestructure": structure,
        "energyweekdayschedule": weekdays,
        "energyweekendschedule": weekends,
    }


def _hours_of(windows: Windows, kind: int) -> list[int]:
    """Return the number of the period of each hour on days of a kind."""
    own, hours = windows.of_kind(kind)
    return np.array(own)[hours.period_of_minute()[::60]].tolist()
