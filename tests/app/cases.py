"""Aggregators' cases for tests of the app."""

from __future__ import annotations

HARD = """
title = "Long proof"
[market]
day_ahead = [{prices}]
sell_ratio = 0.9
[limits]
block_kw = [40, 60, inf]
block_premium = [0, 0.02, 0.07]
[price]
band = 0.4
"""


def hard_case():
    """A day of quarter hours with supply blocks and many classes, whose proof takes longer than a test waits."""
    prices = ", ".join(f"{0.3 + 0.2 * ((7 * k) % 13) / 13 + 0.1 * (k % 5):.3f}" for k in range(96))
    classes = [
        f'[[classes]]\nname = "c{k}"\nwindow = "{(18 + k) % 24:02d}:00-{(5 + 2 * k) % 24:02d}:15"\n'
        f"count = {5 + 3 * k}\npower_kw = {3 + k % 4}\nenergy_kwh = {9.1 + 1.7 * k}\n"
        for k in range(8)
    ]
    return (HARD.format(prices=prices) + "\n".join(classes)).encode()
