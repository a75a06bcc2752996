"""The UF benchmark family: the unconstrained problems of the CEC 2009 competition, with offline Pareto fronts."""

from __future__ import annotations

__all__ = ["PROBLEMS"]

PROBLEMS = {f"uf{number}": f"csmoifsa_uf.problems:UF{number}" for number in range(1, 11)}
"""Names of problems, each with where it is imported from when asked for."""
