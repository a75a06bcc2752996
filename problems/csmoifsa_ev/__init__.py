"""Electric-vehicle pricing: peak, flat and valley prices for charging and discharging a large fleet.

One module per subject: `tariff`, `load`, `fleet` and `fleet_sums` (the cars), `response` and `v2g` (the drivers),
`objectives`, `day` (all of it as arrays), `pricing` (the pymoo problem), `loaders` (files that users bring), `scenario`
and `inspection` (the file a user writes), and, on top, `study`, `tables`, `figures` and `cli`.
"""

from __future__ import annotations

PROBLEMS: dict[str, str] = {
    "ev-pricing": "csmoifsa_ev.plugin:ev_pricing",
    "ev-pricing-market": "csmoifsa_ev.plugin:ev_pricing_market",
    "ev-aggregator": "csmoifsa_ev.aggregator.problem:AggregatorPricing",
}
COMMANDS: dict[str, str] = {"ev": "csmoifsa_ev.cli:app"}
