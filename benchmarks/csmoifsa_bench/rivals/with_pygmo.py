"""pygmo's algorithms (C++). They handle no constraints.

pygmo keeps part of an algorithm's state only inside one call of ``evolve`` (MOEA/D its weights and ideal point), so it
is called once from one stop to the next, not once a generation. Swarms get ``memory``, which keeps velocities between
the calls.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.requirements import bounds_of
from csmoifsa_bench.rivals import Generation, Task, check_name, random_start, refuse_constraints

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

ALGORITHMS = ("nsga2", "moead", "moead_gen", "nspso", "maco")
_WITH_MEMORY = ("nspso", "maco")


class _Adapted:
    """A problem with pygmo's interface, which evaluates one candidate in each call."""

    def __init__(self, problem: Problem):
        self.problem = problem

    def fitness(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.problem.evaluate(x, return_values_of=["F"]))

    def get_nobj(self) -> int:
        return self.problem.n_obj

    def get_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return bounds_of(self.problem)

    def __deepcopy__(self, memo: object) -> _Adapted:
        return self  # pygmo copies problems freely; the evaluations of all copies belong to one run


def generations(problem: Problem, task: Task) -> Iterator[Generation]:
    """Yield at every stop; see `csmoifsa_bench.rivals`."""
    pygmo = importlib.import_module("pygmo")  # its names are made in C++, unknown to type checkers
    check_name("pygmo", task.name, ALGORITHMS)
    refuse_constraints(f"pygmo's {task.name}", problem)
    settings = {**({"memory": True} if task.name in _WITH_MEMORY else {}), **task.settings}
    if task.name == "maco":
        settings.setdefault("ker", min(63, task.pop_size))  # its default archive must not exceed the population
    if task.name.startswith("moead") and problem.n_obj > 2:  # its default grid has no place for most population sizes
        settings.setdefault("weight_generation", "low discrepancy")
    population = pygmo.population(pygmo.problem(_Adapted(problem)), seed=task.seed)
    for x in random_start(problem, task):
        population.push_back(x)
    generation = 0
    yield Generation(task.pop_size, generation + 1, population.get_x, task.start is not None)
    seed = task.seed
    for stop in task.stops:
        total = (stop if task.count == "iterations" else stop // task.pop_size) - 1
        if (more := total - generation) <= 0:
            continue
        try:
            method = getattr(pygmo, task.name)(gen=more, seed=seed, **settings)
        except (TypeError, ValueError) as error:
            raise InputError(f"pygmo's {task.name} refuses its settings: {error}") from error
        population = pygmo.algorithm(method).evolve(population)
        generation, seed = total, (seed * 48271) % (2**31 - 1)  # another stream for the next stretch
        yield Generation((generation + 1) * task.pop_size, generation + 1, population.get_x, task.start is not None)
