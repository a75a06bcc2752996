"""Sentences on a scenario that is valid but hardly plausible: costs, bounds, reference and energy of the cars."""

from __future__ import annotations

import numpy as np

from csmoifsa_ev.model.day import PricingDay

ENERGY_PER_CAR = (2.0, 20.0)
"""Charging of a car and day that passes without a sentence [kWh]: at 0.2 kWh/km these are 10 and 100 km."""


def implausible(day: PricingDay) -> list[str]:
    """Return one sentence for each value that hardly suits the others; empty if there is none."""
    return [*_limit(day), *_cost(day), *_prices(day), *_energy(day)]


def _limit(day: PricingDay) -> list[str]:
    limit, most = day.limits.max_load_mw, max(float(kind.days_mw.max()) for kind in day.kinds)
    if limit is None or most <= limit:
        return []
    return [
        f"limits.max_load_mw: the load without cars alone reaches {most:,.1f} MW, above the limit of {limit:,.1f} MW, "
        "so that only discharging could keep it"
    ]


def _cost(day: PricingDay) -> list[str]:
    if day.price_per_mwh is not None:
        return []
    total = np.concatenate([kind.days_mw + kind.fleet.profile_mw for kind in day.kinds])
    least, most = float(total.min()), float(total.max())
    low, high = sorted(day.grid.marginal_cost_load_mw)
    intercept, slope = day.grid.marginal_cost
    ends = intercept + slope * least, intercept + slope * most
    told = f"grid.marginal_cost_load_mw: the line through {low:,.0f} and {high:,.0f} MW gives"
    if min(ends) <= 0:
        return [
            f"{told} {min(ends):,.1f} per MWh within the load of {least:,.0f} to {most:,.0f} MW; state two loads of it"
        ]
    reach = 0.5 * (high - low)
    if most < low or least > high or least < low - reach or most > high + reach:
        return [
            f"{told} {ends[0]:,.1f} to {ends[1]:,.1f} per MWh for a load of {least:,.0f} to {most:,.0f} MW, most of it "
            "beyond the two loads stated; state two loads of it"
        ]
    return []


def _prices(day: PricingDay) -> list[str]:
    prices, found = day.prices, []
    start = prices.start_prices
    low, high = prices.charge_bounds
    if start.max() > high or start.min() < low:
        found.append(
            f"prices.charge_bounds: the tariff in force, {start.max():g} / {start.min():g}, lies outside {low:g} to "
            f"{high:g} {prices.unit}, so it cannot be recommended again"
        )
    if high > 3 * start.max():
        found.append(
            f"prices.charge_bounds: up to {high:g} {prices.unit} may be set, over three times the dearest price in "
            f"force, {start.max():g}; responses are not known there"
        )
    mean = float((start * day.energy_mwh).sum() / day.total_energy_mwh)
    if not 2 / 3 <= day.reference_level / mean <= 1.5:
        found.append(
            f"prices.reference: habits are taken to come from {day.reference_level:.1f} {prices.unit} in the mean, "
            f"while the tariff in force has {mean:.1f} for the same charging"
        )
    return found


def _energy(day: PricingDay) -> list[str]:
    each = 1000.0 * day.total_energy_mwh / day.fleet.n_ev
    low, high = ENERGY_PER_CAR
    if low <= each <= high:
        return []
    return [
        f"fleet: a car charges {each:.1f} kWh a day, {each / 0.2:.0f} km at 0.2 kWh/km; check distances, trips and "
        "sessions"
    ]
