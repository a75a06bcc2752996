"""Algorithms of several libraries behind one interface: a generator that pauses after every generation.

Each library has a module with ``generations(problem, task)``, which yields `Generation` until it is closed. It sets no
budget of its own: whoever drives it stops. A library is imported only when one of its algorithms runs.
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
    """What an algorithm is asked to do.

    Attributes
    ----------
    name : str
        The algorithm, as its library calls it.
    settings : dict
        Its settings, the library's defaults for the rest.
    pop_size : int
        Individuals in a population.
    seed : int
        Of the algorithm.
    start : (pop_size, n_var) array or None
        The first population, where the interface takes one.
    stops : tuple of int
        Where somebody will look; for libraries that cannot pause after every generation without a loss.
    count : str
        What ``stops`` count.
    """

    name: str
    settings: dict[str, Any]
    pop_size: int
    seed: int
    start: np.ndarray | None
    stops: tuple[int, ...]
    count: str = "evaluations"


class Generation(NamedTuple):
    """The state after a generation.

    Attributes
    ----------
    n_eval : int
        Evaluations by the algorithm's own count.
    iteration : int
        Generations finished.
    answer : callable
        Returns the candidates, (n, n_var), that it would return if it ended now; valid until the next generation.
    same_start : bool
        Whether it began from the task's first population.
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
    """Tell whether a library can be imported."""
    return importlib.util.find_spec(_PACKAGES[library]) is not None
