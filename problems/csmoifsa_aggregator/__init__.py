"""An electric-vehicle load aggregator in a spot market: day-ahead price with proof, V2G contracts, rolling dispatch.

Folders, each knowing only those before it: `model` (game, followers, batteries, costs), `inputs` (case and market
files), `solve` (stage one with proof, stage two), `dispatch` (real time), `problem` (the game for a metaheuristic),
`study` (a whole day, rolling tests), `output` (tables, figures, page, terminal).
"""

from __future__ import annotations

__all__ = ["COMMANDS", "PROBLEMS"]

PROBLEMS: dict[str, str] = {"ev-aggregator": "csmoifsa_aggregator.plugin:ev_aggregator"}
"""Names of problems, each with where it is imported from when asked for."""

COMMANDS: dict[str, str] = {
    "ev aggregate": "csmoifsa_aggregator.cli:aggregate",
    "ev verify": "csmoifsa_aggregator.cli:verify",
    "ev roll": "csmoifsa_aggregator.cli:roll",
}
"""Names of commands (``"ev aggregate"``: inside the command ``ev``), each with what is imported when it is called."""
