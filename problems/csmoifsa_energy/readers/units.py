"""Units of load, prices, emissions and energy, as the name of a column or a setting states them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from csmoifsa.errors import InputError
from csmoifsa_energy.readers import unit_words as words
from csmoifsa_energy.readers.unit_words import Power

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
_BRACKETS = re.compile(r"[\[(\uff08]([^\])\uff09]*)[\])\uff09]")
_PER = re.compile(r"/|(?<![a-z])(?:per|pro|je)(?![a-z])|(?<=[a-z])per(?=[kmg]w)", re.IGNORECASE)
_MINUTES = {
    r"h(?:r|rs|ours?)?|stunde|std|\u65f6|\u5c0f\u65f6": 60,
    r"(?:1/2|half)[ _-]?h(?:our)?|hh": 30,
    r"(?:1/4|quarter)[ _-]?h(?:our)?|qh|viertelstunde": 15,
}
_STEP = re.compile(r"(?:time|settlement|trading|dispatch)?[ _-]?(?:step|interval|period)\b", re.IGNORECASE)
_THOUSAND = re.compile(r"(?:thousands?|tsd\.?)(?: of)?[ _]*$", re.IGNORECASE)
_KILO = re.compile(r"(?<![\d.,])(?:1[ ,.']?000|'?000'?s?|10\^3|10\u00b3)[ _]*$")
_MULTIPLE = re.compile(
    r"(?:(?<![\d.,])(?:10{2,6}|(?:10{0,2}[ ,.'])?0{3}|'0{3}s?|10\^\d|10[\u00b2\u00b3\u2076])|"
    r"millions?|mio\.?|[\u4e07\u4ebf])[ _]*$",
    re.IGNORECASE,
)
_REGISTER = re.compile("cumul|register|reading|counter|daily|monthly|annual|yearly|z\u00e4hlerstand", re.IGNORECASE)
_OTHER = re.compile(r"(?<![A-Za-z])(?:[kM]VA|[kM][Vv][Aa][Rr]|[kMGT]J|therms?|MMBtu)(?![A-Za-z])")


class UnclearUnitError(InputError):
    """A text may state a unit, but not beyond doubt which one."""


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


def find_unit(text: str, quantity: Quantity, *, alone: bool = False) -> Unit | None:
    """Return the unit that a text such as the name of a column states for a quantity; None if it states none.

    Energy stands for load where it is that of a step: 15 minutes of 1 MWh are 4 MW. A price is a sum of money, or a
    hundredth of one such as a cent, for an energy; without a currency it is taken as whole units of it.

    Parameters
    ----------
    text : str
        The text.
    quantity : "load", "price", "emissions" or "energy"
        What the unit measures.
    alone : bool
        Whether the text is a unit and nothing else, as a setting or a cell of a row of units is: ``W`` may name a
        column of the west, but as a unit it is a watt.

    Raises
    ------
    UnclearUnitError
        The text has a power or an energy, but which unit it states is not beyond doubt: kWh a day, two units, money
        that is not known. The message says what is unclear, as the end of a sentence.

    Examples
    --------
    >>> find_unit("Netzlast [MWh]", "load")
    Unit(text='MWh', size=1.0, per_step=True)
    >>> find_unit("Price (ct/kWh)", "price").size, find_unit("load", "load"), find_unit("Peak price", "price")
    (10.0, None, None)
    """
    read = {"price": _price, "emissions": _emissions, "energy": _energy, "load": _load}[quantity]
    inside = [one.strip() for one in _BRACKETS.findall(text)]
    found = {unit for one in inside if _is_alone(one) and (unit := read(one, alone=True)) is not None}
    if len({(unit.size, unit.per_step) for unit in found}) > 1:
        raise UnclearUnitError("states several units")
    return found.pop() if found else read(text.strip(), alone=alone)


def is_unit(text: str) -> bool:
    """Return whether a text is a unit of load, price, emissions or energy, and nothing else.

    Examples
    --------
    >>> is_unit("[MW]"), is_unit("$/MWh"), is_unit("Load (MW)")
    (True, True, False)
    """
    text = text.strip().strip("[]() ")
    if not text or len(text.split()) > 3 or not _is_alone(text):
        return False
    for quantity in BASE:
        try:
            if find_unit(text, quantity, alone=True) is not None:
                return True
        except UnclearUnitError:
            continue
    return False


def _is_alone(text: str) -> bool:
    """Return whether a text is a unit, perhaps with a multiple before it or a time or an energy below it."""
    per = _PER.search(text)
    above = text if per is None else text[: per.start()].strip()
    if per is not None and not words.powers(above):
        known = not above or words.money(above) is not None or words.mass(above) is not None
        return known and len(above.split()) <= 2 and _below(text[per.end() :]) is not None
    found = words.powers(text)
    before = text[: found[0].begin].strip() if found else text
    return bool(found) and (not before or bool(_MULTIPLE.fullmatch(before) or _THOUSAND.fullmatch(before)))


def _below(text: str) -> Power | None:
    """Return the power or energy with which a text begins; None if it begins with none."""
    text = text.strip(" _")
    if text.startswith("\u5ea6"):  # du, a kilowatt-hour
        return Power(0, 1, text[0], 1e-3, hours=True)
    found = words.powers(text)
    return found[0] if found and found[0].begin == 0 else None


def _ratio(text: str) -> tuple[str, Power] | None:
    """Return the energy below something, as in ct/kWh or ct_kwh, and the text above it; None if there is none."""
    for per in _PER.finditer(text):
        below = _below(text[per.end() :])
        if below is not None and below.hours:
            return text[: per.start()], below
    for one in words.powers(text):
        above = text[: one.begin]
        joined = one.hours and above.endswith(("_", " ")) and not words.is_letter(above)
        if joined and (words.money(above) is not None or words.mass(above) is not None):
            return above, one
    return None


def _ratio_of(text: str, what: str) -> tuple[str, Power] | None:
    """Return what `_ratio` does; raise UnclearUnitError where a text names a power or an energy, but no ratio to it."""
    ratio = _ratio(text)
    others = [one for one in words.powers(text) if one.size != 1.0 and not words.is_doubtful(text, one)]
    if ratio is None and others:
        raise UnclearUnitError(f"names {others[0].text}, but no {what} for an energy")
    return ratio


def _price(text: str, **_: bool) -> Unit | None:
    ratio = _ratio_of(text, "sum of money")
    if ratio is None:
        return None
    above, below = ratio
    part = words.money(above)
    if part is None and (words.names_price(above) or (below.size == 1.0 and words.mass(above) is None)):
        part = 1.0
    if words.is_letter(above) and (below.size == 1.0 or not words.is_coin(above)):
        part = None  # zone C per MWh; pesos, P, or pence
    if part is None or words.is_multiple(above):
        raise UnclearUnitError(f"does not say beyond doubt which sum of money is meant for a {below.text}")
    return Unit(text, part / below.size)


def _emissions(text: str, **_: bool) -> Unit | None:
    ratio = _ratio_of(text, "mass")
    if ratio is None:
        return None
    above, below = ratio
    kilograms = words.mass(above)
    if kilograms is None and (below.size != 1.0 or words.money(above) is not None or words.is_odd_mass(above)):
        raise UnclearUnitError(f"does not say beyond doubt which mass is meant for a {below.text}")
    return None if kilograms is None else Unit(text, kilograms / below.size)


def _energy(text: str, *, alone: bool) -> Unit | None:
    ratio = _ratio(text)
    if ratio is not None and (words.money(ratio[0]) is not None or words.names_price(ratio[0])):
        return None
    return _only(
        [
            Unit(one.text, 1000.0 * one.size * _multiple(text, one, alone=alone))
            for one in words.powers(text)
            if one.hours
        ]
    )


def _load(text: str, *, alone: bool) -> Unit | None:
    for per in _PER.finditer(text):
        above = text[: per.start()]
        if _below(text[per.end() :]) is None or words.powers(above):
            continue
        told = words.money(above) is not None or words.mass(above) is not None or words.names_price(above)
        if told or per[0] != "/" or words.is_letter(above):  # "Last / MW" is a load in MW
            raise UnclearUnitError("states something per unit of power or energy, which is no load")
    found = _powers(text, alone=alone)
    if not found and (other := _OTHER.search(text)):
        raise UnclearUnitError(f"states {other[0]}, which is no unit of load")
    unit = _only([_of_load(text, one, alone=alone) for one in found])
    if unit is not None and unit.per_step and _REGISTER.search(text):
        raise UnclearUnitError(f"does not say that {unit.text} are those of each step")
    return unit


def _only(units: list[Unit]) -> Unit | None:
    if len({(one.size, one.per_step) for one in units}) > 1:
        raise UnclearUnitError(f"states several units, {units[0].text} and {units[-1].text}")
    return units[-1] if units else None


def _powers(text: str, *, alone: bool) -> list[Power]:
    """Return powers and energies of a text without letters that are a name, not a unit."""
    found = words.powers(text)
    if alone:
        return found
    sure = [one for one in found if not words.is_doubtful(text, one)]
    for one in found:
        asked = text == one.text or (not sure and one.text.lower() != "tw")
        if asked and words.is_doubtful(text, one):
            raise UnclearUnitError(f"may state {one.text} as a unit or as a name")
    return sure


def _of_load(text: str, one: Power, *, alone: bool) -> Unit:
    """Return the unit of load that a power or an energy of a text is, with what stands before and below it."""
    size = one.size * _multiple(text, one, alone=alone)
    rest = text[one.end :].lstrip(" _)]")
    per = _PER.match(rest)
    if per is None:
        return Unit(one.text, size, per_step=one.hours)
    below = rest[per.end() :].strip(" _()[]")
    if not one.hours:
        if one.size != 1.0 or _below(below) is not None:
            raise UnclearUnitError(f"states {one.text} for something else")
        return Unit(one.text, size)
    if _STEP.match(below):
        return Unit(one.text, size, per_step=True)
    minutes = re.match(r"(\d+)[ _-]*min", below, re.IGNORECASE)
    named = next(
        (n for form, n in _MINUTES.items() if re.match(rf"(?:{form})(?![A-Za-z])", below, re.IGNORECASE)), None
    )
    length = int(minutes[1]) if minutes else named
    if not length:
        raise UnclearUnitError(f"states {one.text} for something else than an hour or a step")
    return Unit(f"{one.text}{rest[: per.end()].rstrip()}{below}", size * 60 / length)


def _multiple(text: str, one: Power, *, alone: bool) -> float:
    """Return the multiple of a unit that a text states before it: thousands of MWh."""
    before = text[: one.begin]
    if _THOUSAND.search(before) or (alone and _KILO.search(before)):
        return 1000.0
    if _MULTIPLE.search(before):
        raise UnclearUnitError(f"may state a multiple of {one.text}")
    return 1.0
