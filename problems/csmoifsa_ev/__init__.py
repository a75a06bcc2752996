"""Electric-vehicle pricing: peak, flat and valley prices for charging and discharging of a large fleet.

Folders, each knowing only those before it: `model` (prices -> response -> discharging -> curves -> objectives),
`inputs` (scenario and data files), `problem` (the model for pymoo), `study` (search, choice, robustness, calibration),
`output` (tables, figures, page, terminal).
"""

from __future__ import annotations

__all__ = ["COMMANDS", "PROBLEMS"]

PROBLEMS: dict[str, str] = {
    "ev-pricing": "csmoifsa_ev.plugin:ev_pricing",
    "ev-pricing-market": "csmoifsa_ev.plugin:ev_pricing_market",
}
"""Names of problems, each with where it is imported from when asked for."""

COMMANDS: dict[str, str] = {"ev": "csmoifsa_ev.cli:app"}
"""Names of commands, each with what is imported when it is called."""
