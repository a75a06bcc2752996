"""Fairness between groups of drivers: the largest rise of a group's bill."""

from __future__ import annotations

import numpy as np

EMPTY_GROUP = 1e-9
"""Share of the drivers below which a group counts as empty."""


def largest_bill_rise(
    paid_staying: np.ndarray,
    paid_shifted: np.ndarray,
    paid_battery: np.ndarray,
    responding: np.ndarray,
    discharging: np.ndarray,
    bill_before: float,
) -> np.ndarray:
    """Return the largest relative rise of a group's bill per car, shape (n,).

    The groups are those of `groups.driver_groups`: who answers no price pays for the charging that keeps its steps; who
    answers the charge price, for the charging that is shifted; who answers both, for that and for recharging, less the
    income from discharging.

    Parameters
    ----------
    paid_staying, paid_shifted : (n,) array
        Payments for charging that keeps its steps, and for shifted charging [currency/day].
    paid_battery : (n,) array
        Payments for recharging less the income from discharging [currency/day].
    responding, discharging : (n,) array
        phi^c and phi^cd, shares of drivers who answer the charge price, and both prices.
    bill_before : float
        Bill of all drivers before pricing [currency/day]; every car pays the same part of it.

    Returns
    -------
    (n,) array
        Bill after over bill before, less 1, of the group for which it is largest; groups without cars do not count.

    Examples
    --------
    >>> paid = np.array([90.0]), np.array([20.0]), np.array([0.0])
    >>> rise = largest_bill_rise(*paid, np.array([0.25]), np.array([0.0]), 100.0)
    >>> rise.round(6).tolist()  # three quarters of the cars pay 90, which was 75 before
    [0.2]
    """
    part = discharging / np.maximum(responding, EMPTY_GROUP)
    shares = (1.0 - responding, responding - discharging, discharging)
    paid = (paid_staying, paid_shifted * (1.0 - part), paid_shifted * part + paid_battery)
    bills = [
        np.where(share > EMPTY_GROUP, money / np.maximum(share, EMPTY_GROUP), -np.inf)
        for share, money in zip(shares, paid, strict=True)
    ]
    return np.maximum.reduce(bills) / bill_before - 1.0
