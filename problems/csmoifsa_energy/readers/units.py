"""Units of load, prices, emissions and energy, as the name of a column or a setting states them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Quantity = Literal["load", "price", "emissions", "energy"]

BASE: dict[Quantity, str] = {"load": "MW", "price": "per MWh", "emissions": "kg/MWh", "energy": "kWh"}
"""Unit in which values of each quantity are wanted."""

EXAMPLES: dict[Quantity, str] = {
    "load": "'kW' or 'MWh'",
    "price": "'ct/kWh' or '$/MWh'",
    "emissions": "'g/kWh' or 'kg/MWh'",
    "energy": "'kWh' or 'Wh'",
}
"""Units of each quantity, for messages."""

_HOUR = timedelta(hours=1)
_SIZES = {"k": 1e-3, "m": 1.0, "g": 1e3, "t": 1e6}
_HAN = {"\u5343": 1e-3, "\u4e07\u5343": 10.0, "\u5146": 1.0, "\u5409": 1e3}  # qian, wan qian, zhao, ji
_HAN_POWER = re.compile("(\u4e07\u5343|\u5343|\u5146|\u5409)\u74e6(\u00b7?\u65f6)?")  # watt, hour
_POWER = re.compile(r"(?<![a-z])([kmgt])w(?:[ _.*\u00b7-]?(h)(?:r|rs|ours?)?)?(?![a-z])", re.IGNORECASE)
_WATT = re.compile(r"^W$|(?<![A-Za-z])(?i:wh)(?![A-Za-z])")
_WORDS = re.compile(r"\b(kilo|mega|giga|tera)watt[ -]?(hours?)?s?\b", re.IGNORECASE)
_PER = re.compile(r"/|(?<![a-z])(?:per|pro|je)(?![a-z])", re.IGNORECASE)
_HUNDREDTH = re.compile(
    r"(?:\b|_|us|euro?)(?:ct|cts|cents?|c|p|pence|rp|\u00f6re|\u00f8re)$|\u00a2$|\u5206$", re.IGNORECASE
)
_TENTH = re.compile("\u89d2$")
_THOUSANDTH = re.compile(r"\bmills?$", re.IGNORECASE)
_MASS = re.compile(r"(?<![a-z])(kg|g|t|tons?|tonnes?|lbs?)[ _]*(?:co(?:2|\u2082)?)?[ _-]*(?:e|eq)?\.?$", re.IGNORECASE)
_KILOGRAMS = {"k": 1.0, "g": 1e-3, "t": 1e3, "l": 0.45359237}


@dataclass(frozen=True)
class Unit:
    """A unit.

    Attributes
    ----------
    text : str
        The unit as written.
    size : float
        One of it in the unit of `BASE`; of an energy that stands for load, in MWh.
    per_step : bool
        Whether values of load are the energy of a step.
    """

    text: str
    size: float
    per_step: bool = False

    def factor(self, step: timedelta) -> float:
        """Return what a value of a step is multiplied by to be in the unit of `BASE`."""
        return self.size * (_HOUR / step) if self.per_step else self.size


def find_unit(text: str, quantity: Quantity) -> Unit | None:
    """Return the unit that a text such as the name of a column states for a quantity; None if it states none.

    Energy stands for load where it is that of a step: 15 minutes of 1 MWh are 4 MW. A price is a sum of money, or a
    hundredth of one such as a cent, for an energy; without a currency it is taken as whole units of it.

    Examples
    --------
    >>> find_unit("Netzlast [MWh]", "load")
    Unit(text='MWh', size=1.0, per_step=True)
    >>> find_unit("Price (ct/kWh)", "price").size, find_unit("load", "load"), find_unit("$/MWh", "load")
    (10.0, None, None)
    """
    inside = re.findall(r"[\[(\uff08]([^\])\uff09]*)[\])\uff09]", text)
    for part in (*reversed(inside), text):
        found = _unit(part.strip(), quantity)
        if found is not None:
            return found
    return None


def is_unit(text: str) -> bool:
    """Return whether a text is a unit of load, price, emissions or energy, and nothing else.

    Examples
    --------
    >>> is_unit("[MW]"), is_unit("$/MWh"), is_unit("Load (MW)")
    (True, True, False)
    """
    text = text.strip().strip("[]() ")
    found = [one for quantity in BASE if (one := find_unit(text, quantity)) is not None]
    return bool(text) and any(one.text == text for one in found) and len(text.split()) <= 3


def _unit(text: str, quantity: Quantity) -> Unit | None:
    ratios = [(one, below) for one in _PER.finditer(text) if (below := _energy(text[one.end() :])) is not None]
    if quantity in ("price", "emissions"):
        return next((_ratio(text, text[: one.start()].rstrip(" _(."), below, quantity) for one, below in ratios), None)
    found = _power(text)
    if ratios or found is None:
        return None  # a price, or emissions
    written, size, hours = found
    if quantity == "energy":
        return Unit(written, 1000.0 * size) if hours else None
    return Unit(written, size, per_step=hours and f"{written}/h" not in text)


def _ratio(text: str, above: str, below: float, quantity: Quantity) -> Unit | None:
    """Return the unit of a numerator over an energy [MWh]."""
    mass = _MASS.search(above)
    if quantity == "emissions":
        return None if mass is None else Unit(text, _KILOGRAMS[mass[1][0].lower()] / below)
    if mass is not None and mass[1].lower() != "t":
        return None
    part = 0.01 if _HUNDREDTH.search(above) else 0.1 if _TENTH.search(above) else 1.0
    part = 0.001 if _THOUSANDTH.search(above) else part
    return Unit(text, part / below)


def _energy(text: str) -> float | None:
    """Return the size of the energy with which a text begins [MWh]; None if it begins with none."""
    text = text.strip(" _")
    if text.startswith("\u5ea6"):  # du, a kilowatt-hour
        return 1e-3
    found = _power(re.split("[^\\w\u00b7.* -]", text)[0])
    return found[1] if found is not None and found[2] and text.startswith(found[0]) else None


def _power(text: str) -> tuple[str, float, bool] | None:
    """Return the last power or energy in a text as written, its size [MW or MWh], and whether it is an energy."""
    every = [*_POWER.finditer(text)]
    if every:
        return every[-1][0], _SIZES[every[-1][1].lower()], every[-1][2] is not None
    if han := _HAN_POWER.search(text):
        return han[0], _HAN[han[1]], han[2] is not None
    if words := _WORDS.search(text):
        return words[0], _SIZES[words[1][0].lower()], words[2] is not None
    if watt := _WATT.search(text):
        return watt[0], 1e-6, len(watt[0]) > 1
    return None
