"""Limits that a tariff must keep (profit, bill, worth of discharging), and the rule that picks one of equals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import Parameters, require_positive

Rule = Literal["profit", "bill", "nearness"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Rules that pick one of nearly equal tariffs."""

RobustRule = Literal["nominal", "mean", "cvar", "worst", "regret"]
ROBUST_RULES: tuple[RobustRule, ...] = get_args(RobustRule)
"""Ways to judge a tariff at the stated assumptions, or over draws of them."""


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
    max_load_mw : float, optional
        Highest total load in any step of any day, such as the limit of a feeder [MW]; no limit if left out.
    max_revenue_change : float, optional
        Largest change, up or down, of what the operator earns by charging against the tariff in force, as a share of
        it: 0.01 keeps it within 1 %; no limit if left out. It is that of all customers after their answer to the
        prices, with the fixed and demand charges and tiers of ``bill`` in the hours before any price; taxes, minimum
        bills and discharging do not count.
    v2g_must_pay : bool
        Whether discharging must bring the operator and the drivers together at least what it costs them: the cost of
        supply it avoids is at least the fee and the wear of batteries.
    """

    min_profit: float = 0.0
    max_bill_change: float | None = None
    max_bill_rise: float | None = None
    max_load_mw: float | None = None
    max_revenue_change: float | None = None
    v2g_must_pay: bool = True

    def __post_init__(self) -> None:
        for name in ("max_bill_change", "max_bill_rise"):
            share = getattr(self, name)
            if share is not None and not share > -1:
                raise InputError(f"{name} must be a share above -1, such as 0 or -0.05, not {share}")
        for name in ("max_load_mw", "max_revenue_change"):
            if getattr(self, name) is not None:
                require_positive(self, name)


@dataclass(frozen=True, kw_only=True)
class Choice(Parameters):
    """How one tariff is chosen among those nearly as good as the best compromise.

    Attributes
    ----------
    tolerance : float
        A tariff is nearly as good if its score, from 0 to 1 in the mean over the objectives, is at most this far below
        the largest, in [0, 0.5].
    rule : "profit", "bill" or "nearness"
        Take the largest profit of the operator with a bill of all drivers at most as high as in force (or as
        ``limits.max_bill_change`` allows), the smallest bill, or the prices nearest to the tariff in force. If none of
        the tariffs has such a bill, the first rule takes the one that exceeds it least.
    robust : "nominal", "mean", "cvar", "worst" or "regret"
        Choose at the stated assumptions, or over draws of all of them (and over the days, where there are several):
        by the mean loss, by the mean of the worst share ``tail`` (conditional value at risk), by the largest loss, or
        by the largest distance from the least loss that any tariff reaches in the same draw.
    tail : float
        Share of the draws that cvar looks at, in (0, 1].
    """

    tolerance: float = 0.01
    rule: Rule = "profit"
    robust: RobustRule = "nominal"
    tail: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance <= 0.5:
            raise InputError(f"tolerance must be from 0 to 0.5, not {self.tolerance}")
        if not 0 < self.tail <= 1:
            raise InputError(f"tail must be above 0 and at most 1, not {self.tail}")
