"""Powers, energies, sums of money and masses within a text, as names of columns write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SIZES = {"": 1e-6, "k": 1e-3, "m": 1.0, "g": 1e3, "t": 1e6}
_HAN = {"\u5343": 1e-3, "\u4e07\u5343": 10.0, "\u5146": 1.0, "\u5409": 1e3}  # qian, wan qian, zhao, ji
_POWERS = (
    re.compile(r"(?<![a-z])(?P<size>[kmgt])w(?P<hour>[ _.*\u00b7-]?h(?:r|rs|ours?)?)?(?![a-z])", re.IGNORECASE),
    re.compile(r"(?<=[a-z])(?P<size>[kKMGT])W(?P<hour>[hH])?(?![a-z])"),  # demandKW, TotalkWh
    re.compile(r"(?<![A-Za-z])(?P<size>[kKMG])[Ww](?P<hour>h)(?=[A-Z])|(?<![A-Za-z])(?P<low>k)wh(?=[A-Z])"),  # kWhTotal
    re.compile(r"(?<=[A-Z])(?P<size>[KMG])W(?P<hour>H)(?![A-Za-z])"),  # TOTALKWH
    re.compile("(?P<han>\u4e07\u5343|\u5343|\u5146|\u5409)\u74e6(?P<hour>\u00b7?\u65f6)?"),  # watt, hour
    re.compile(r"\b(?P<size>k|m|g|t)(?:ilo|ega|iga|era)watt[ -]?(?P<hour>hours?)?s?\b", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z])(?:(?P<hour>[Ww][Hh])|[Ww]atts?)(?![A-Za-z])"),
    re.compile(r"(?:^|(?<=[ _]))W$"),
)
_WHOLE = re.compile(
    "(?:[\u20ac$\u00a3\u00a5\u20b9\u20bd\u20a9\u5143\u5706\u5186]|(?:z\u0142|k\u010d|krw?|rand|yuan|yen|won|rupees?|dollars?|euros?|"
    "pounds?|kron[ae]r?|kronor|francs?|pesos?|eur|usd|gbp|chf|sek|nok|dkk|isk|pln|czk|huf|ron|bgn|cny|rmb|jpy|inr|aud|cad|nzd|"
    r"sgd|hkd|twd|brl|mxn|rub|try|ils))$",
    re.IGNORECASE,
)
_HUNDREDTH = re.compile(
    "(?:^(?:ct|cts|cents?|pence|penny|\u00f6re|\u00f8re|rappen|sen|paisa|paise|centimes?|centavos?|c[e\u00e9]ntimos?|"
    "groszy?|hal\u00e9\u0159\u016f?|kopecks?|agorot|satang)|(?:^|eur?o?|us)[-]?(?:ct|cts|cents?)|usc|\u00a2|\u5206)$",
    re.IGNORECASE,
)
_COIN = re.compile("^[cp]$|^[A-Z]{2}[cp]$|^(?:c|ct)[\u20ac$]$|^[\u20ac$](?:c|ct)$|^\u00a3p$")  # c, p, USc, GBp, c$
_TENTH = re.compile("(?:\u89d2|jiao)$", re.IGNORECASE)
_THOUSANDTH = re.compile(r"^mills?$", re.IGNORECASE)
_MANY = re.compile(
    "(?:(?<![A-Za-z])[kKTMm](?:[\u20ac$\u00a3]|EUR|USD|GBP|CHF)|[\u5343\u4e07]\u5143)$|"
    r"(?:\b1[ ,.']?0{2,3}|\b10\^\d|\bthousands?|\btsd\.?|\bmio\.?|\bmillions?)[ _]*(?:of )?\S*$",
    re.IGNORECASE,
)
_PRICE = re.compile(
    r"(?:^|price|preis|prix|precio|prezzo|cost|costs|tariff|rate|lmp|lbmp|value|charge|\u4ef7|\u4ef7\u683c)$",
    re.IGNORECASE,
)
_MASS = re.compile(
    r"(?<![a-z])(kg|kilograms?|g|grams?|t|tonnes?|metric tons?|lbs?|pounds?)[ _]*(?:of )?"
    r"(?:co(?:2|\u2082)?)?[ _-]*(?:e|eq)?\.?$",
    re.IGNORECASE,
)
_KILOGRAMS = {"k": 1.0, "g": 1e-3, "t": 1e3, "m": 1e3, "l": 0.45359237, "p": 0.45359237}


@dataclass(frozen=True)
class Power:
    """A power or an energy within a text.

    Attributes
    ----------
    begin, end : int
        Where it stands in the text.
    text : str
        As written.
    size : float
        One of it [MW or MWh].
    hours : bool
        Whether it is an energy.
    """

    begin: int
    end: int
    text: str
    size: float
    hours: bool


def powers(text: str) -> list[Power]:
    """Return every power and energy in a text, in order.

    Examples
    --------
    >>> [(one.text, one.size, one.hours) for one in powers("Load (kW), MWh")]
    [('kW', 0.001, False), ('MWh', 1.0, True)]
    """
    found = [_power(one) for pattern in _POWERS for one in pattern.finditer(text)]
    return sorted({one.begin: one for one in reversed(found)}.values(), key=lambda one: one.begin)


def _power(found: re.Match[str]) -> Power:
    groups = found.groupdict()
    size = _HAN[groups["han"]] if groups.get("han") else _SIZES[(groups.get("size") or groups.get("low") or "").lower()]
    hours = groups.get("hour") is not None or groups.get("low") is not None
    return Power(found.start(), found.end(), found[0], size, hours)


def is_doubtful(text: str, one: Power) -> bool:
    """Return whether letters in a longer text may be a name: W of the west, KW 28 a week, TW Taiwan, WH a warehouse."""
    week = one.text == "KW" and re.match(r"[ _.]?\d{1,2}(?!\d)", text[one.end :]) is not None
    return week or one.text in ("W", "WH") or one.text.lower() == "tw"


def money(above: str) -> float | None:
    """Return the part of a currency that the end of a text names: 1, or 0.01 for cents; None if it names none.

    Examples
    --------
    >>> money("Price (ct"), money("Spot EUR"), money("GBp"), money("Price")
    (0.01, 1.0, 0.01, None)
    """
    word = _last(above)
    if is_letter(above) or _COIN.search(word) or _HUNDREDTH.search(word):
        return 0.01
    if _TENTH.search(word):
        return 0.1
    if _THOUSANDTH.search(word):
        return 0.001
    return 1.0 if _WHOLE.search(word) else None


def is_multiple(above: str) -> bool:
    """Return whether the end of a text names thousands or millions, or thousandths, of a currency."""
    return bool(_MANY.search(above.rstrip(" _(.[")))


def is_letter(above: str) -> bool:
    """Return whether the end of a text is c or p alone, which may be cents or pence, or a name of something else."""
    return _last(above) in ("c", "p", "C", "P", "Rp", "RP")


def is_coin(above: str) -> bool:
    """Return whether the end of a text is a small c or p alone, as cents and pence are written."""
    return _last(above) in ("c", "p")


def names_price(above: str) -> bool:
    """Return whether the end of a text names a price without its currency, or is blank."""
    return bool(_PRICE.search(_last(above)))


def is_odd_mass(above: str) -> bool:
    """Return whether the end of a text names tons, which differ between countries, or masses that are not known."""
    return bool(
        re.search(
            r"(?:(?<!metric )(?<!metric)(?:\btons?\b|\bton)|(?<![A-Za-z])[Mkm]t)(?:[ _]*(?i:co)\W?2?\S*)?$",
            above.rstrip(" _(["),
        )
    )


def mass(above: str) -> float | None:
    """Return the mass that the end of a text names [kg]; None if it names none, or tons that may be short ones."""
    found = _MASS.search(above.rstrip(" _(["))
    return None if found is None or is_odd_mass(above) else _KILOGRAMS[found[1][0].lower()]


def _last(above: str) -> str:
    """Return the last word of a text."""
    return re.split(r"[\s_(\[\])|,;:.]+", above.rstrip(" _(.["))[-1]
