"""Rules on prices that a regulator or the billing sets: multiples of a step, and ratios between prices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.checks import Parameters, require_positive
from csmoifsa_ev.model.tariff import price_names

DEAREST, CHEAPEST = "dearest", "cheapest"
"""Names of the highest and of the lowest charge price, whichever periods have them."""

STEP = "prices are multiples of rules.step"
"""What the constraint on the step asks for."""

OFF_STEP = 1e-6
"""Largest distance from a multiple that counts as rounding, as a share of the step; equals `kernels.evaluate`'s."""

_FORM = re.compile(r"\s*([\w-]+)\s*([<>]=)\s*([\d_.]+(?:[eE][-+]?\d+)?)\s*[x*]\s*([\w-]+)\s*")


class Ratio(NamedTuple):
    """A bound ``own x price + others x other price <= 0`` between two prices.

    Attributes
    ----------
    price, other : int
        Index of each price in a tariff (2 P,); -1 for the highest and -2 for the lowest of the charge prices.
    own, others : float
        Factor of each.
    """

    price: int
    other: int
    own: float
    others: float


@dataclass(frozen=True, kw_only=True)
class Rules(Parameters):
    """Rules that every price of a new tariff keeps.

    Attributes
    ----------
    step : float, optional
        Every price is a multiple of this, such as 0.5 [price unit per kWh]; any price if left out.
    ratios : tuple of str
        Bounds between two prices such as ``"peak <= 4 x valley"`` or ``"dearest >= 3 x cheapest"``. A period's name
        means its charge price; ``charge_peak`` and ``discharge_peak`` name a price in full, ``dearest`` and
        ``cheapest`` the highest and the lowest charge price.
    """

    step: float | None = None
    ratios: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.step is not None:
            require_positive(self, "step")
        for text in self.ratios:
            _parsed(text)

    @property
    def digits(self) -> int:
        """Number of decimals with which prices are shown: those of the step, at least 1 and at most 4."""
        text = "" if self.step is None else np.format_float_positional(self.step, trim="-")
        return min(max(len(text.partition(".")[2]), 1), 4)

    def rows(self, periods: Sequence[str]) -> list[Ratio]:
        """Return the ratios as bounds on the prices of a tariff with these periods.

        Raises
        ------
        InputError
            A ratio names a price that the tariff does not have.

        Examples
        --------
        >>> Rules(ratios=("day <= 4 x night", "dearest >= 2 x cheapest")).rows(("day", "night"))
        [Ratio(price=0, other=1, own=1.0, others=-4.0), Ratio(price=-1, other=-2, own=-1.0, others=2.0)]
        """
        found = []
        for text in self.ratios:
            one, sign, factor, other = _parsed(text)
            direction = 1.0 if sign == "<=" else -1.0
            price, other_price = (_index(name, periods, text) for name in (one, other))
            found.append(Ratio(price, other_price, direction, -direction * factor))
        return found

    def names(self) -> tuple[str, ...]:
        """Return what each rule asks for, in the order of `values`."""
        ratios = tuple(" ".join(text.split()) for text in self.ratios)
        return ratios if self.step is None else (*ratios, STEP)

    def values(self, X: np.ndarray, periods: Sequence[str], level: float) -> list[np.ndarray]:
        """Return the rules as constraints on tariffs, (n,) each, kept where <= 0.

        Parameters
        ----------
        X : (n, 2 P) array
            Tariffs [price unit per kWh].
        periods : sequence of str
            Names of the P periods.
        level : float
            Price that ratios are measured in [price unit per kWh]; distances from a multiple are measured in steps.
        """
        n = len(periods)
        prices = {k: X[:, k] for k in range(2 * n)} | {-1: X[:, :n].max(axis=1), -2: X[:, :n].min(axis=1)}
        found = [
            (one.own * prices[one.price] + one.others * prices[one.other]) / level - 1e-9 for one in self.rows(periods)
        ]
        if self.step is not None:
            steps = X / self.step
            found.append(np.abs(steps - np.rint(steps)).max(axis=1) - OFF_STEP)
        return found

    def multiples(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the first and of the last multiple of the step within bounds, (k,) whole floats each.

        Raises
        ------
        InputError
            There is no multiple within a pair of bounds.
        """
        assert self.step is not None
        first, last = np.ceil(low / self.step - OFF_STEP), np.floor(high / self.step + OFF_STEP)
        if (first > last).any():
            k = int((first > last).argmax())
            raise InputError(f"rules.step: there is no multiple of {self.step:g} from {low[k]:g} to {high[k]:g}")
        return first, last

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """Return the prices at numbers of steps, of the same shape [price unit per kWh]."""
        assert self.step is not None
        return np.round(numbers * self.step, 10)

    def nearest(self, X: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return tariffs (n, k), each price at the nearest multiple within bounds (k,); as they are without a step."""
        if self.step is None:
            return X
        return self.at(np.clip(np.rint(X / self.step), *self.multiples(low, high)))


def _parsed(text: str) -> tuple[str, str, float, str]:
    """Return the two names of a ratio, its sign and its factor.

    Raises
    ------
    InputError
        The text has another form, or the factor is no number above 0.
    """
    found = _FORM.fullmatch(text)
    try:
        factor = float(found[3]) if found else 0.0
    except ValueError:
        factor = 0.0
    if found is None or not 0 < factor < np.inf:
        raise InputError(f"ratios: {text!r} must read like 'peak <= 4 x valley', with a number above 0")
    return found[1], found[2], factor, found[4]


def _index(name: str, periods: Sequence[str], text: str) -> int:
    known = [*periods, *price_names(periods)]
    if name in periods:
        return list(periods).index(name)
    if name in known:
        return known.index(name) - len(periods)
    if name in (DEAREST, CHEAPEST):
        return -1 if name == DEAREST else -2
    raise InputError(
        f"rules.ratios: {text!r} names {name!r}; name one of {', '.join(periods)}, {DEAREST}, {CHEAPEST}, or a price "
        f"such as {price_names(periods)[0]}.{did_you_mean(name, [*known, DEAREST, CHEAPEST])}"
    )
