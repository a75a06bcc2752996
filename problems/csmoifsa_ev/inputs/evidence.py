"""Published findings that a scenario's response is set against; origins in docs/explanation/evidence.md."""

from __future__ import annotations

from csmoifsa_ev.inputs.responses import DOLLARS
from csmoifsa_ev.inputs.scenario import Scenario
from csmoifsa_ev.model.ramp import Ramp, ramp_share

CALGARY_CENTS = 3.5 / 1.301
"""Reward of the Calgary trial [US cents per kWh]: 3.5 Canadian cents (second-hand: Bailey et al. 2023) at the yearly
average rate of 2022, 1.301 (second-hand: the tax authority's table)."""

CALGARY_MOVED = (0.23, 0.44)
"""Share of the charging outside the night that enrolled drivers moved into it, last and first months, less the change
of the control group (derived)."""

CALGARY_NIGHT = {"before": (0.59, 0.59), "rewarded": (0.71, 0.77), "after the reward ended": (0.59, 0.59)}
"""Share of home charging from 22 to 6 h (seen and second-hand)."""

LEAST_ENROLLED = 0.026
"""Lowest enrolment found: Xcel Energy Minnesota, 150 of about 5,700 cars (seen)."""

V2G_SLOPE = (0.0023, 0.0034)
"""Share of owners who enrol for V2G, per US cent per kWh (derived from the conjoint study of Hu et al. 2024)."""


def response_doubts(scenario: Scenario) -> list[str]:
    """Return one sentence for each assumed response that published findings contradict; none for other currencies.

    A response with ranges of its own was fitted or has sources, and is no assumption.
    """
    prices = scenario.prices
    if prices.currency not in DOLLARS:
        return []
    unit = prices.units_per_currency / 100.0  # price units a US cent
    doubts = []
    flow, ramp = next(scenario.response.by_flow(scenario.tariff.names))  # from the dearest to the cheapest period
    key = f'response.pairs."{flow}"' if flow in scenario.response.pairs else "response.peak_valley"
    enrolment = scenario.response.enrolment
    moved = _share(ramp, CALGARY_CENTS * unit)
    least = CALGARY_MOVED[0] * (LEAST_ENROLLED if enrolment is None else 1.0)
    if ramp.ranges is None and moved < least:
        low, high = CALGARY_MOVED
        doubts.append(
            f"{key} is an assumption that evidence contradicts: at {CALGARY_CENTS * unit:.2g} "
            f"{prices.unit} it moves {moved:.1%}, where enrolled drivers moved {low:.0%} to {high:.0%} (Calgary 2022, "
            'randomised); calibrate it, or take a sourced set such as [response] set = "population-easy"'
        )
    slope = scenario.v2g.response.slope * unit
    if scenario.v2g.response.ranges is None and slope > 1.5 * V2G_SLOPE[1]:
        doubts.append(
            f"v2g.response is an assumption that evidence contradicts: it rises by {slope:.2%} of the cars a cent, "
            f"{slope / V2G_SLOPE[1]:.1f} to {slope / V2G_SLOPE[0]:.1f} times what owners state "
            f"({V2G_SLOPE[0]:.2%} to {V2G_SLOPE[1]:.2%}, conjoint study of 1,356 owners, 2024)"
        )
    return doubts


def _share(ramp: Ramp, incentive: float) -> float:
    return float(ramp_share(incentive, ramp.dead_zone, ramp.saturation, ramp.max_share))  # type: ignore[arg-type]
