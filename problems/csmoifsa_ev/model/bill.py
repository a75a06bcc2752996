"""Parts of a customer's bill beside the prices by period: fixed and demand charges, tiers, minimum bill, taxes.

They make the bill what a driver sees, and they move no load: drivers answer the differences between the prices of the
periods, see `response`, and neither objectives nor the cost of supply know these parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_fraction, require_not_negative

DAYS_A_MONTH = 365.0 / 12.0


@dataclass(frozen=True, kw_only=True)
class DemandCharge(Parameters):
    """A charge on a customer's highest charging power of the month.

    Attributes
    ----------
    per_kw : float
        Charge [currency per kW and month].
    periods : tuple of str
        Periods in whose hours the power counts; all hours if left out.
    """

    per_kw: float
    periods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_not_negative(self, "per_kw")


@dataclass(frozen=True, kw_only=True)
class Tier(Parameters):
    """A block of a month's energy with a price of its own.

    Attributes
    ----------
    above_kwh : float
        Energy of the month from which the tier holds, up to the next one [kWh].
    add : float
        What each of its kWh costs beyond the price of its period; below 0 for a rebate [price unit per kWh].
    periods : tuple of str
        Periods whose charging it holds for; all if left out. The block is one of the whole month's energy, of which
        each period has the share that it has of the customer's charging.
    """

    above_kwh: float
    add: float
    periods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_not_negative(self, "above_kwh")


@dataclass(frozen=True, kw_only=True)
class BillTerms(Parameters):
    """Parts of a rate beside its prices by period.

    Attributes
    ----------
    fixed_per_month, fixed_per_day : float
        Fixed charges of a customer; both are charged [currency].
    demand : tuple of DemandCharge
        Charges on the highest charging power.
    tiers : tuple of Tier
        Blocks of a month's energy, by rising energy among those for the same periods; what several say adds up.
    other_kwh_per_month : float
        Use of the customer beside charging, which fills the tiers first and is not in the bill [kWh].
    minimum_per_month : float
        Lowest bill of a month before taxes [currency].
    tax : float
        Taxes, as a share of the bill before them, such as 0.07.
    """

    fixed_per_month: float = 0.0
    fixed_per_day: float = 0.0
    demand: tuple[DemandCharge, ...] = ()
    tiers: tuple[Tier, ...] = ()
    other_kwh_per_month: float = 0.0
    minimum_per_month: float = 0.0
    tax: float = 0.0

    def __post_init__(self) -> None:
        names = ("fixed_per_month", "fixed_per_day", "other_kwh_per_month", "minimum_per_month", "tax")
        require_not_negative(self, *names)
        for tiers in self.tiers_by_periods.values():
            if any(one.above_kwh >= other.above_kwh for one, other in pairwise(tiers)):
                raise InputError("tiers must stand by rising above_kwh, each once")

    @property
    def tiers_by_periods(self) -> dict[tuple[str, ...], list[Tier]]:
        """Tiers in their order, by the periods that they hold for, in whatever order these are named."""
        found: dict[tuple[str, ...], list[Tier]] = {}
        for one in self.tiers:
            found.setdefault(tuple(sorted(set(one.periods))), []).append(one)
        return found

    @property
    def fixed(self) -> float:
        """Fixed charges of a customer [currency per month]."""
        return self.fixed_per_month + DAYS_A_MONTH * self.fixed_per_day

    def check_periods(self, names: Sequence[str], key: str) -> None:
        """Raise InputError if a charge names a period that the tariff does not have; messages name ``key``."""
        for part, charges in (("demand", self.demand), ("tiers", self.tiers)):
            for name in [name for one in charges for name in one.periods]:
                if name not in names:
                    raise InputError(f"{key}.{part}: there is no period {name!r}; periods are {', '.join(names)}")


@dataclass(frozen=True, kw_only=True)
class Bill(Parameters):
    """Parts of the bills on the present and on the proposed rate, and who chooses between the two.

    Attributes
    ----------
    present : BillTerms
        Parts of the rate in force.
    proposed : BillTerms
        Parts of the proposed rate; keys that a scenario file leaves out are those of the present rate.
    share_choosing : float
        Share of the customers who compare the two rates and take the cheaper one, where the proposed rate is offered
        beside the present one; all others stay on the present rate.
    """

    present: BillTerms = field(default_factory=BillTerms)
    proposed: BillTerms = field(default_factory=BillTerms)
    share_choosing: float = 1.0

    def __post_init__(self) -> None:
        require_fraction(self, "share_choosing")

    @property
    def stated(self) -> bool:
        """Whether a bill has parts beside the prices by period."""
        return (self.present, self.proposed) != (BillTerms(), BillTerms())


@dataclass(frozen=True, kw_only=True)
class Use:
    """Charging of n customers in P periods.

    Attributes
    ----------
    kwh : (P, n) array
        Energy [kWh/day], the mean over all days.
    kw : (P, n) array
        Highest power in the hours of each period, over all days [kW].
    """

    kwh: np.ndarray
    kw: np.ndarray


@dataclass(frozen=True, kw_only=True)
class MonthlyBills:
    """Monthly bills of n customers by part, (n,) arrays each [currency].

    Attributes
    ----------
    energy : array
        Energy at the prices of the periods.
    tiers : array
        What tiers add, or take off.
    demand : array
        Demand charges.
    fixed : array
        Fixed charges.
    minimum : array
        What lifts the sum of these to the minimum bill.
    tax : array
        Taxes on all of it.
    """

    energy: np.ndarray
    tiers: np.ndarray
    demand: np.ndarray
    fixed: np.ndarray
    minimum: np.ndarray
    tax: np.ndarray

    @property
    def revenue(self) -> np.ndarray:
        """What the operator keeps: the bills without taxes, (n,)."""
        return self.energy + self.tiers + self.demand + self.fixed + self.minimum

    @property
    def total(self) -> np.ndarray:
        """The bills, (n,)."""
        return self.revenue + self.tax


def monthly_bills(
    terms: BillTerms, charge: np.ndarray, use: Use, names: Sequence[str], units_per_currency: float
) -> MonthlyBills:
    """Return the bills of customers for a month of 365/12 days.

    Parameters
    ----------
    terms : BillTerms
        Parts of the rate beside its prices.
    charge : (P,) array
        Prices of the rate by period [price unit per kWh].
    use : Use
        Charging of the customers.
    names : sequence of str
        Names of the periods.
    units_per_currency : float
        Price units in one unit of currency.
    """
    kwh = use.kwh.sum(axis=0) * DAYS_A_MONTH
    energy = charge @ use.kwh / units_per_currency * DAYS_A_MONTH
    first, last = terms.other_kwh_per_month, terms.other_kwh_per_month + kwh
    tiers = np.zeros_like(kwh)
    for periods, blocks in terms.tiers_by_periods.items():
        share = _share_in(use.kwh, [names.index(name) for name in periods]) if periods else 1.0
        ends = [*(one.above_kwh for one in blocks[1:]), np.inf]
        for tier, end in zip(blocks, ends, strict=True):
            inside = np.clip(last, tier.above_kwh, end) - np.clip(first, tier.above_kwh, end)
            tiers += tier.add * inside * share / units_per_currency
    demand = np.zeros_like(kwh)
    for one in terms.demand:
        rows = [names.index(name) for name in one.periods] or list(range(len(names)))
        demand += one.per_kw * use.kw[rows].max(axis=0)
    fixed = np.full_like(kwh, terms.fixed)
    before = energy + tiers + demand + fixed
    minimum = np.maximum(terms.minimum_per_month - before, 0.0)
    return MonthlyBills(
        energy=energy,
        tiers=tiers,
        demand=demand,
        fixed=fixed,
        minimum=minimum,
        tax=terms.tax * (before + minimum),
    )


def _share_in(kwh: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Return the share of each customer's energy (P, n) that is in some periods, (n,); 0 of no energy."""
    every = kwh.sum(axis=0)
    return np.divide(kwh[rows].sum(axis=0), every, out=np.zeros_like(every), where=every > 0)
