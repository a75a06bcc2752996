"""Campaigns: algorithms compared on problems, run after run, and the report that comes out of it.

From the bottom up, each importing only what comes before it: `suite` (the file a user writes), `cells` (the grid of
runs, their seeds and keys), `recorder` (the observer on the problem), `rivals` (algorithms of pymoo, pygmo, jMetalPy
and Platypus behind one interface), `execute` (one run, a pure function), `store` (SQLite), `speed`, `pools` and
`campaign` (many runs), `measure`, `statistics`, `tables`, `figures`, `digest`, `page` and `report` (what came out),
`cli`.
"""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS: dict[str, str] = {"bench": "csmoifsa_bench.cli:app"}
"""Names of commands, each with the typer application that is imported when it is called."""
