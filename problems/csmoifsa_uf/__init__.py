"""The UF benchmark family: the unconstrained problems of the CEC 2009 competition, with offline Pareto fronts."""

from __future__ import annotations

PROBLEMS = {f"uf{number}": f"csmoifsa_uf.problems:UF{number}" for number in range(1, 11)}
