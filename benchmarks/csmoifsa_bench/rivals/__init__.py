"""Algorithms of several libraries behind one interface: a generator that yields after every generation.

Each library has a module with ``generations(problem, task)``, which yields `Generation` until its caller closes it; it
has no budget of its own. A library is imported only when one of its algorithms runs.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.requirements import bounds_of

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

_PEERS = "pip install 'csmoifsa[peers]'"
# library -> module, and how to install it
_PACKAGES = {
    "pymoo": ("pymoo", "pip install pymoo"),
    "pygmo": ("pygmo", _PEERS),
    "jmetalpy": ("jmetal", _PEERS),
    "platypus": ("platypus", _PEERS),
    "comocma": ("comocma", _PEERS),
    "deap": ("deap", _PEERS),
    # its metadata asks for pymoo 0.6.1 and no other, so it cannot stand in an extra; it runs with 0.6.2
    "pymoode": ("pymoode", "pip install --no-deps pymoode"),
}


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
    settings: dict[str, object]
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


def generations(library: str, problem: Problem, task: Task) -> Iterator[Generation]:
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
        package, command = _PACKAGES[library]
        raise InputError(
            f"algorithms of {library} need the package {package}: {command}, or choose others with --algorithms"
        )


def installed(library: str) -> bool:
    """Return whether a library can be imported."""
    return importlib.util.find_spec(_PACKAGES[library][0]) is not None


def check_name(library: str, name: str, known: tuple[str, ...]) -> None:
    """Raise `InputError` if a library, under its own spelling, has no algorithm ``name`` among the ``known`` ones."""
    if name not in known:
        raise InputError(
            f"{library} has no algorithm {name!r} here; known are {', '.join(known)}." + did_you_mean(name, list(known))
        )


def refuse_constraints(label: str, problem: Problem, *, equalities_only: bool = False) -> None:
    """Raise `InputError` if a problem has constraints, or equality constraints, which an algorithm cannot handle."""
    if problem.n_eq_constr or (problem.n_ieq_constr and not equalities_only):
        kind = "equality constraints" if equalities_only else "constraints"
        raise InputError(f"{label} handles no {kind}; leave it out with --algorithms")


def random_start(problem: Problem, task: Task) -> np.ndarray:
    """Return the task's initial population, (pop_size, n_var), or one drawn uniformly within the bounds."""
    if task.start is not None:
        return task.start
    return np.random.default_rng(task.seed).uniform(*bounds_of(problem), (task.pop_size, problem.n_var))
