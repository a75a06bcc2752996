"""Customers who leave: the share of all drivers kept, as a function of the mean price that they pay.

The mean price paid m is the sum of all bills over the sum of all energy; every class keeps the same share. The forms
are the usual ones of demand in competition (reconstructed; the thesis names the loss of customers without a formula):

* ``logit``: ``ln(share / (1 - share)) = ln(s0 / (1 - s0)) - b (m - r)``;
* ``linear``: ``share = s0 - b (m - r)``, cut off at 0 and 1;

with the competitor's price r, the share s0 kept at that price, and the sensitivity b.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, isfinite, log
from typing import Literal

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_not_negative

LEAST_SHARE = 1e-3
"""Share of the customers kept below which a price counts as one that nobody accepts."""

STEEPEST = 700.0
"""Greatest exponent of the logit; beyond it the share is 0 or 1 in double precision."""


@dataclass(frozen=True, kw_only=True)
class Customers(Parameters):
    """How the share of customers kept depends on the mean price that they pay.

    Attributes
    ----------
    competitor : float
        Competitor's price r, which those who leave pay [currency/kWh].
    share_at_equal : float
        Share of the customers kept at the competitor's price, above 0 and at most 1; with ``logit`` below 1.
    sensitivity : float
        Effect of the price, b: with ``linear``, share lost for each currency/kWh above the competitor's price; with
        ``logit``, fall of the logarithm of the odds of staying [kWh/currency].
    model : "logit" or "linear"
        Form of the function.
    """

    competitor: float
    share_at_equal: float
    sensitivity: float
    model: Literal["logit", "linear"] = "logit"

    def __post_init__(self) -> None:
        require_not_negative(self, "sensitivity")
        if not isfinite(self.competitor):
            raise InputError(f"competitor must be a number, not {self.competitor}")
        if not 0 < self.share_at_equal <= 1:
            raise InputError(f"share_at_equal must be above 0 and at most 1, not {self.share_at_equal}")
        if self.model == "logit" and self.share_at_equal == 1:
            raise InputError("share_at_equal must be below 1 with the logit, which keeps everybody at no price")

    def share(self, mean_paid: float) -> float:
        """Return the share of the customers kept at a mean price paid [currency/kWh], from 0 to 1."""
        above = self.sensitivity * (mean_paid - self.competitor)
        if self.model == "linear":
            return min(max(self.share_at_equal - above, 0.0), 1.0)
        odds = min(max(above - log(self.share_at_equal / (1.0 - self.share_at_equal)), -STEEPEST), STEEPEST)
        return 1.0 / (1.0 + exp(odds))

    def inverse(self, mean_paid: float) -> tuple[float, float]:
        """Return 1 / share and its slope at a mean price paid; both are infinite where nobody stays.

        The inverse is convex in the mean price paid, in both forms.
        """
        share = self.share(mean_paid)
        if share <= 0.0:
            return inf, inf
        if self.model == "linear":
            return 1.0 / share, self.sensitivity / share**2 if share < 1.0 else 0.0
        return 1.0 / share, self.sensitivity * (1.0 / share - 1.0)

    def price_of(self, share: float) -> float:
        """Return the mean price paid at which a share from 0 to 1 stays [currency/kWh]; inf where it does at any."""
        if self.sensitivity == 0.0:
            return inf
        if self.model == "linear":
            return self.competitor + (self.share_at_equal - share) / self.sensitivity
        if share >= 1.0:
            return -inf
        odds = log(self.share_at_equal / (1.0 - self.share_at_equal)) - log(share / (1.0 - share))
        return self.competitor + odds / self.sensitivity


@dataclass(frozen=True, kw_only=True)
class Forgone:
    """What a price forgoes by the customers that it loses, against the least mean price paid of a range.

    It is ``weight (1 / share(m) - 1 / share(low))``, a term of the programs that `solve.customers` solves.

    Attributes
    ----------
    customers : Customers
        Share of customers kept.
    weight : float
        Profit to beat [currency]; it may be below zero.
    low, high : float
        Range of the mean price paid m [currency/kWh]; somebody stays in all of it.
    points : tuple of float
        Mean prices paid at which the programs hold the term's tangents [currency/kWh].
    """

    customers: Customers
    weight: float
    low: float
    high: float
    points: tuple[float, ...]

    def at(self, mean_paid: float) -> float:
        """Return the profit forgone at a mean price paid [currency], which is cut off at the range."""
        inside = min(max(mean_paid, self.low), self.high)
        return self.weight * (self.customers.inverse(inside)[0] - self.customers.inverse(self.low)[0])
