"""Electric-vehicle pricing: peak, flat and valley prices for charging and discharging a large fleet.

A price vector walks from prices to drivers' response, discharging, load curves and objectives; what users bring is read
and checked before, studies and pages are made after. The reference lists every module.
"""

from __future__ import annotations

__all__ = ["COMMANDS", "PROBLEMS"]

PROBLEMS: dict[str, str] = {
    "ev-pricing": "csmoifsa_ev.plugin:ev_pricing",
    "ev-pricing-market": "csmoifsa_ev.plugin:ev_pricing_market",
    "ev-aggregator": "csmoifsa_ev.aggregator.problem:AggregatorPricing",
}
"""Names of problems, each with where it is imported from when asked for."""

COMMANDS: dict[str, str] = {"ev": "csmoifsa_ev.cli:app"}
"""Names of commands, each with the typer application that is imported when it is called."""
