"""Platypus's algorithms with its defaults. All but IBEA handle constraints.

Platypus draws from Python's global generator, which `execute.quiet` seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.requirements import bounds_of, evaluated
from csmoifsa_bench.rivals import Generation, Task, check_name, refuse_constraints

if TYPE_CHECKING:
    import platypus as library
    from pymoo.core.problem import Problem

ALGORITHMS = ("NSGAII", "SMPSO", "GDE3", "SPEA2", "IBEA", "OMOPSO", "EpsMOEA")
_SWARMS = ("SMPSO", "OMOPSO")
_WITH_EPSILONS = ("OMOPSO", "EpsMOEA")


def generations(problem: Problem, task: Task) -> Iterator[Generation]:
    """Yield after every step; see `csmoifsa_bench.rivals`."""
    import platypus

    check_name("Platypus", task.name, ALGORITHMS)
    if task.name == "IBEA":
        refuse_constraints("Platypus's IBEA", problem)
    adapted = _adapt(platypus, problem)
    settings = dict(task.settings)
    if task.start is not None:
        settings["generator"] = _inject(platypus, adapted, task.start)
    settings["swarm_size" if task.name in _SWARMS else "population_size"] = task.pop_size
    if task.name in _SWARMS:
        settings.setdefault("leader_size", task.pop_size)
        settings.setdefault("max_iterations", max(1, task.stops[-1] // task.pop_size))
    if task.name in _WITH_EPSILONS:
        settings.setdefault("epsilons", [0.0075])
    try:
        algorithm = getattr(platypus, task.name)(adapted, **settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"Platypus's {task.name} refuses its settings: {error}") from error
    iteration = 0
    while True:
        algorithm.step()
        iteration += 1
        yield Generation(algorithm.nfe, iteration, lambda: _answer(algorithm.result), task.start is not None)


def _answer(solutions: Iterable[library.Solution]) -> np.ndarray:
    return np.array([solution.variables[:] for solution in solutions], dtype=float)


def _adapt(platypus: ModuleType, problem: Problem) -> library.Problem:
    n_ieq, n_eq = problem.n_ieq_constr, problem.n_eq_constr

    def function(variables: list[float]) -> list[float] | tuple[list[float], list[float]]:
        x = np.array(variables, dtype=float)
        out = evaluated(problem, x)
        F = np.asarray(out["F"]).tolist()
        return (F, np.concatenate([out["G"], out["H"]]).tolist()) if n_ieq + n_eq else F

    adapted = platypus.Problem(problem.n_var, problem.n_obj, n_ieq + n_eq, function=function)
    adapted.types[:] = [platypus.Real(float(a), float(b)) for a, b in zip(*bounds_of(problem), strict=True)]
    if n_ieq + n_eq:
        adapted.constraints[:] = ["<=0"] * n_ieq + ["==0"] * n_eq
    return adapted


def _inject(platypus: ModuleType, adapted: library.Problem, start: np.ndarray) -> library.Generator:
    solutions = []
    for x in start[::-1]:  # the list is handed out from the end
        solution = platypus.Solution(adapted)
        solution.variables[:] = x.tolist()
        solutions.append(solution)
    generator = platypus.InjectedPopulation([])
    generator.solutions = solutions  # its own constructor would copy the problem with every solution
    return generator
