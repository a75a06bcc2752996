"""Constraints of a tariff: the order of its prices, and what the whole day must keep (eqs. 27-29, reconstructed)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from csmoifsa_ev.model.day import PricingDay

OVER_THE_DAY = (
    "mean price paid <= reference",
    "operator profit >= min_profit",
    "drivers' bill <= max_bill_change",
    "discharging brings what it costs",
    "bill of every group <= max_bill_rise",
    "load <= max_load_mw",
)
"""Constraints on a whole day, which follow those on the order of prices."""


def price_order(orders: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the pairs (dearer, cheaper) of neighbouring periods whose prices must fall.

    Parameters
    ----------
    orders : sequence of sequences of int
        Numbers of the periods of each kind of days, from the dearest to the cheapest.

    Examples
    --------
    >>> price_order([(0, 1, 2), (0, 2)])  # the second kind of days adds nothing
    [(0, 1), (1, 2)]
    """
    pairs = sorted({pair for own in orders for pair in pairwise(own)})

    def implied(pair: tuple[int, int]) -> bool:
        reached = {pair[0]}
        for one in pairs:  # rising, so that a path from pair[0] is met in its order
            if one != pair and one[0] in reached:
                reached.add(one[1])
        return pair[1] in reached

    return [pair for pair in pairs if not implied(pair)]


def constraint_names(periods: Sequence[str], orders: Sequence[Sequence[int]] | None = None) -> tuple[str, ...]:
    """Return what each constraint of a tariff asks for, by the names of its P periods.

    With one kind of days there are 2 P + 6. ``orders`` are as in `price_order`; all periods on each day if left out.

    Examples
    --------
    >>> constraint_names(("day", "night"))[:4]  # doctest: +NORMALIZE_WHITESPACE
    ('charge_night <= charge_day', 'discharge_day covers recharge, wear and fee', 'discharge_day <= charge_day',
     'discharge_night <= discharge_day')
    """
    orders = [range(len(periods))] if orders is None else orders
    steps = [(periods[a], periods[b]) for a, b in price_order(orders)]
    ends = discharge_ends(orders)
    return (
        *(f"charge_{cheaper} <= charge_{dearer}" for dearer, cheaper in reversed(steps)),
        *(
            f"discharge_{periods[a]} covers recharge"
            + (f" at charge_{periods[b]}" if len(ends) > 1 else "")
            + ", wear and fee"
            for a, b in ends
        ),
        *(f"discharge_{periods[a]} <= charge_{periods[a]}" for a in dict(ends)),
        *(f"discharge_{cheaper} <= discharge_{dearer}" for dearer, cheaper in steps),
        *OVER_THE_DAY,
    )


REVENUE = "revenue within max_revenue_change"
"""What the constraint on the operator's revenue asks for."""


def names_of(day: PricingDay) -> tuple[str, ...]:
    """Return what each constraint on tariffs of a day asks for.

    These are `constraint_names`, `REVENUE` where the revenue has a limit, and the names of the `rules.Rules`.
    """
    names = constraint_names(day.names, [kind.own.tolist() for kind in day.kinds])
    revenue = () if day.limits.max_revenue_change is None else (REVENUE,)
    return (*names, *revenue, *day.rules.names())


def discharge_ends(orders: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the (dearest, cheapest) period of each kind of days with more than one, each pair once."""
    return sorted({(own[0], own[-1]) for own in orders if len(own) > 1})


ROUNDING = 1e-9
"""Slack of constraints on sums over the day, as a share, so that rounding does not forbid what meets them exactly."""


def constraint_values(
    X: np.ndarray,
    discharging: np.ndarray,
    mean_price: np.ndarray,
    profit: np.ndarray,
    bill: np.ndarray,
    v2g_gain: np.ndarray,
    rise: np.ndarray,
    g1_mw: np.ndarray,
    most: float,
    revenue: tuple[float, float] | None,
    day: PricingDay,
) -> np.ndarray:
    """Return the constraints in the order of `names_of`, shape (n, m), kept where <= 0.

    Equations 27-29 of the 2022 paper, reconstructed, and the `limits.Limits`. Prices are divided by the mean reference
    price, sums of money by the bill before pricing, so that violations can be added. The bounds of the dearest period's
    discharge price hold only where somebody discharges: their violation is at most the share of cars that do.

    Parameters
    ----------
    X : (n, 2 P) array
        Tariffs [price unit per kWh].
    discharging : (n,) array
        Share of cars that discharge.
    mean_price : (n,) array
        Mean price paid for charging [price unit per kWh].
    profit, bill, v2g_gain : (n,) array
        Operator's profit, drivers' bill, and what discharging brings both together [currency/day].
    rise : (n,) array
        Largest relative rise of a group's bill.
    g1_mw : (n,) array
        Peak load over all days [MW].
    most : float
        Highest bill of all drivers that is allowed [currency/day], or infinity.
    revenue : (float, float), optional
        Lowest and highest mean price paid that the limit of the revenue allows [price unit per kWh].
    day : PricingDay
        Load, fleet and terms.
    """
    charge, discharge = X[:, : day.n_periods], X[:, day.n_periods :]
    level, money = day.reference_level, day.bill_before
    max_load = day.limits.max_load_mw
    orders = [kind.own.tolist() for kind in day.kinds]
    steps, ends = price_order(orders), discharge_ends(orders)
    least = charge / day.round_trip + day.v2g.wear + day.v2g.fee
    columns = (
        *((charge[:, b] - charge[:, a]) / level for a, b in reversed(steps)),
        *(np.minimum((least[:, b] - discharge[:, a]) / level, discharging) for a, b in ends),
        *(np.minimum((discharge[:, a] - charge[:, a]) / level, discharging) for a in dict(ends)),
        *((discharge[:, b] - discharge[:, a]) / level for a, b in steps),
        mean_price / level - 1.0 - ROUNDING,
        (day.limits.min_profit - profit) / money - ROUNDING,
        (bill - most) / money - ROUNDING if np.isfinite(most) else np.full(len(X), -1.0),
        -v2g_gain / money if day.limits.v2g_must_pay else np.zeros(len(X)),
        np.full(len(X), -1.0) if day.limits.max_bill_rise is None else rise - day.limits.max_bill_rise - ROUNDING,
        np.full(len(X), -1.0) if max_load is None else (g1_mw - max_load) / day.before.g1_mw - ROUNDING,
        *([] if revenue is None else [np.maximum(revenue[0] - mean_price, mean_price - revenue[1]) / level - ROUNDING]),
        *day.rules.values(X, day.names, level),
    )
    return np.stack(columns, axis=1)
