"""Promises with a probability: what a tariff must keep in a stated share of the draws of all assumptions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.checks import Parameters

PROMISED = {
    "profit": (">=", "operator's profit, in currency a day"),
    "bill_change": ("<=", "rise of all drivers' bill over the tariff in force, a share of it"),
    "bill_rise": ("<=", "largest rise of a group's bill over the one before pricing, a share of it"),
    "rebound": ("<=", "highest load in the valley hours less the highest in all others, in MW"),
}
"""What can be promised by name: the direction of the promise, and the quantity."""

_FORM = re.compile(
    r"\s*(?P<name>\w+)\s*(?P<sign>[<>]=)\s*(?P<value>[-+]?[\d_.]+(?:[eE][-+]?\d+)?)\s*(?P<percent>%?)"
    r"\s+in\s+(?P<share>[\d.]+)\s*%\s*"
)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A bound on one quantity that holds in a share of the draws.

    Attributes
    ----------
    name : str
        Quantity, of `PROMISED`.
    value : float
        Bound, in the quantity's unit.
    share : float
        Least share of draws in which it holds, in (0, 1].
    text : str
        The promise as written.
    """

    name: str
    value: float
    share: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Promises(Parameters):
    """What the recommended tariff keeps in a share of the draws of all assumptions.

    Attributes
    ----------
    keep : tuple of str
        Promises such as ``"profit >= 0 in 95 %"``. The quantities are ``profit`` (operator's profit, at least, in
        currency a day), ``bill_change`` (rise of all drivers' bill over the tariff in force, at most), ``bill_rise``
        (largest rise of a group's bill over the one before pricing, at most; both as a share such as 0.05 or 5 %) and
        ``rebound`` (highest load in the valley hours less the highest in all others, at most, in MW: 0 allows no new
        peak there).
    """

    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _ = self.parsed

    @property
    def parsed(self) -> list[Promise]:
        """The promises, read."""
        return [parse_promise(text) for text in self.keep]

    def with_more(self, texts: list[str]) -> Promises:
        """Return these promises and others; of one quantity the others replace these."""
        names = {parse_promise(text).name for text in texts}
        kept = tuple(one.text for one in self.parsed if one.name not in names)
        return Promises(keep=(*kept, *texts))


def parse_promise(text: str) -> Promise:
    """Return the promise that a text such as ``"profit >= 0 in 95 %"`` states.

    Raises
    ------
    InputError
        The text has another form, names an unknown quantity, bounds it from the wrong side, or its share is not above 0
        and at most 100 %.

    Examples
    --------
    >>> one = parse_promise("bill_change <= 5 % in 90 %")
    >>> one.name, one.value, one.share
    ('bill_change', 0.05, 0.9)
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(f"promise {text!r} must read like 'profit >= 0 in 95 %'")
    name, known = found["name"], list(PROMISED)
    if name not in PROMISED:
        raise InputError(
            f"promise {text!r} must be about one of {', '.join(known)}, not {name!r}." + did_you_mean(name, known)
        )
    if found["sign"] != PROMISED[name][0]:
        raise InputError(f"promise {text!r} must bound {name} with {PROMISED[name][0]}")
    if found["percent"] and not name.startswith("bill"):
        raise InputError(f"promise {text!r} must state {name} as a number, not in %")
    try:
        value, percent = float(found["value"]), float(found["share"])
    except ValueError:
        raise InputError(f"promise {text!r} must read like 'profit >= 0 in 95 %'") from None
    if not isfinite(value):
        raise InputError(f"promise {text!r} must bound {name} by a finite number")
    if not 0 < percent <= 100:
        raise InputError(f"promise {text!r} must hold in a share above 0 and at most 100 %, not {percent:g} %")
    if found["percent"]:
        value /= 100.0
    return Promise(name=name, value=value, share=percent / 100.0, text=" ".join(text.split()))
