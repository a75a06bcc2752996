"""Algorithms of several libraries behind one interface: a generator that yields after every generation.

Each library has a module with ``generations(problem, task)``, which yields `Generation` until its caller closes it; it
has no budget of its own. A library is imported only when one of its algorithms runs.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from csmoifsa.errors import InputError

_PACKAGES = {"pymoo": "pymoo", "pygmo": "pygmo", "jmetalpy": "jmetal", "platypus": "platypus"}


@dataclass(frozen=True)
class Task:
    """Settings of one run of an algorithm.

    Attributes
    ----------
    name : str
        Name of the algorithm in its library.
    settings : dict
        Settings of the algorithm; others have the library's defaults.
    pop_size : int
        Population size.
    seed : int
        Random seed of the algorithm.
    start : (pop_size, n_var) array or None
        Initial population, if the algorithm accepts one.
    stops : tuple of int
        Budgets at which the answer is needed, for libraries that lose state when they stop after each generation.
    count : str
        Unit of ``stops``: ``"evaluations"`` or ``"iterations"``.
    """

    name: str
    settings: dict[str, Any]
    pop_size: int
    seed: int
    start: np.ndarray | None
    stops: tuple[int, ...]
    count: str = "evaluations"


class Generation(NamedTuple):
    """State of an algorithm after a generation.

    Attributes
    ----------
    n_eval : int
        Number of evaluations counted by the algorithm.
    iteration : int
        Number of finished generations.
    answer : callable
        Function that returns the current solutions, (n, n_var); valid until the next generation.
    same_start : bool
        Whether the run began with the task's initial population.
    """

    n_eval: int
    iteration: int
    answer: Callable[[], np.ndarray]
    same_start: bool = True


def generations(library: str, problem: Any, task: Task) -> Iterator[Generation]:
    """Run an algorithm of a library on a problem, generation by generation.

    Raises
    ------
    InputError
        The library is not installed, has no such algorithm, or cannot handle the problem.
    """
    require(library)
    module = importlib.import_module(f"csmoifsa_bench.rivals.with_{library}")
    return module.generations(problem, task)


def require(library: str) -> None:
    """Raise `InputError` if a library is not installed."""
    if not installed(library):
        raise InputError(
            f"algorithms of {library} need the package {_PACKAGES[library]}: pip install 'csmoifsa[peers]', "
            "or choose others with --algorithms"
        )


def installed(library: str) -> bool:
    """Return whether a library can be imported."""
    return importlib.util.find_spec(_PACKAGES[library]) is not None
