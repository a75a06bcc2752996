"""Limits that a tariff must keep: the operator's profit, the drivers' bill and the worth of discharging."""

from __future__ import annotations

from dataclasses import dataclass

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters


@dataclass(frozen=True, kw_only=True)
class Limits(Parameters):
    """Limits that a tariff must keep beyond the order of its prices.

    Attributes
    ----------
    min_profit : float
        Lowest profit of the operator [currency/day].
    max_bill_change : float, optional
        Largest rise of all drivers' bill against the tariff in force, as a share of it: 0 forbids a rise, -0.05 asks
        for a fall by 5 %; no limit if left out.
    max_bill_rise : float, optional
        Largest rise of the bill of any group of drivers against the bill before pricing, as a share of it: 0.1 allows
        10 %, 0 forbids a rise; no limit if left out.
    v2g_must_pay : bool
        Whether discharging must bring the operator and the drivers together at least what it costs them: the cost of
        supply it avoids is at least the fee and the wear of batteries.
    """

    min_profit: float = 0.0
    max_bill_change: float | None = None
    max_bill_rise: float | None = None
    v2g_must_pay: bool = True

    def __post_init__(self) -> None:
        for name in ("max_bill_change", "max_bill_rise"):
            share = getattr(self, name)
            if share is not None and not share > -1:
                raise InputError(f"{name} must be a share above -1, such as 0 or -0.05, not {share}")
