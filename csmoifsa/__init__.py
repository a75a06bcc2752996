"""CSMOIFSA: contraction-space multi-objective immune fish-swarm optimisation, usable wherever pymoo is.

>>> from csmoifsa import CSMOIFSA, load_problem
>>> from pymoo.optimize import minimize
>>> result = minimize(load_problem("zdt1"), CSMOIFSA(pop_size=100), ("n_eval", 2000), seed=1)
>>> result.F.shape[1]
2
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csmoifsa.algorithm import CSMOIFSA, MOAFSA
    from csmoifsa.plugins import load_problem, problem_names
    from csmoifsa.settings import Settings

__version__ = "0.1.0"
__all__ = ["CSMOIFSA", "MOAFSA", "Settings", "__version__", "load_problem", "problem_names"]

# Loaded on first use: `import csmoifsa` must stay free of numba, pymoo, pandas and matplotlib.
_HOME = {
    "CSMOIFSA": "csmoifsa.algorithm",
    "MOAFSA": "csmoifsa.algorithm",
    "Settings": "csmoifsa.settings",
    "load_problem": "csmoifsa.plugins",
    "problem_names": "csmoifsa.plugins",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'csmoifsa' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
