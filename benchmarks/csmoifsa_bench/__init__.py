"""Campaigns: run algorithms on problems many times, store the fronts, and report comparisons with statistics.

Modules in the order of their imports: `suite` (settings of a comparison), `cells` (the grid of runs, their seeds and
keys), `recorder` (counts evaluations and keeps fronts), `rivals` (algorithms of pymoo, pygmo, jMetalPy and Platypus
behind one interface), `execute` (one run), `store` (SQLite), `speed`, `pools` and `campaign` (many runs), `measure`,
`statistics`, `tables`, `figures`, `digest`, `page` and `report` (results), `cli`.
"""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS: dict[str, str] = {"bench": "csmoifsa_bench.cli:app"}
"""Names of commands, each with the typer application that is imported when it is called."""
