"""DEAP's MO-CMA-ES (Voss, Hansen and Igel 2010, doi:10.1145/1830483.1830573). It handles no constraints.

The settings are those of DEAP's example: as many offspring as parents, one of each, variables in [0, 1] (others are
scaled to it), initial step size 1, and for a candidate outside the bounds the objectives of the nearest point inside
plus a million times the squared distance to it. DEAP finds the point of least hypervolume contribution by computing
one hypervolume a point; here moocore's contributions give the same point faster. DEAP draws from NumPy's global
generator, which `execute.quiet` seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import moocore
import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.requirements import bounds_of
from csmoifsa_bench.rivals import Generation, Task, check_name, random_start, refuse_constraints

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

ALGORITHMS = ("MO-CMA-ES",)
SIGMA = 1.0  # initial step size [share of a variable's range]
PENALTY = 1e6  # of a squared distance from the box, variables in [0, 1]


def generations(problem: Problem, task: Task) -> Iterator[Generation]:
    """Yield after every generation; see `csmoifsa_bench.rivals`."""
    check_name("DEAP", task.name, ALGORITHMS)
    refuse_constraints(f"DEAP's {task.name}", problem)
    base, cma = import_module("deap.base"), import_module("deap.cma")
    low, high = bounds_of(problem)
    extent = high - low

    class Fitness(base.Fitness):
        weights = (-1.0,) * problem.n_obj

    class Individual(list[float]):
        def __init__(self, values: Iterable[float]) -> None:
            super().__init__(values)
            self.fitness = Fitness()

    def evaluate(population: list[Individual]) -> None:
        inside = np.clip(population, 0.0, 1.0)
        F = np.asarray(problem.evaluate(low + extent * inside, return_values_of=["F"]))
        outside = PENALTY * ((inside - population) ** 2).sum(axis=1)
        for individual, values in zip(population, F + outside[:, None], strict=True):
            individual.fitness.values = tuple(values)

    start = [Individual(x) for x in (random_start(problem, task) - low) / extent]
    evaluate(start)
    settings = {"sigma": SIGMA, "lambda_": task.pop_size, "indicator": least_contribution, **task.settings}
    try:
        strategy = cma.StrategyMultiObjective(start, **settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"DEAP's {task.name} refuses its settings: {error}") from error
    n_eval, iteration = task.pop_size, 0
    while True:
        iteration += 1
        yield Generation(
            n_eval, iteration, lambda: low + extent * np.clip(strategy.parents, 0.0, 1.0), task.start is not None
        )
        offspring = strategy.generate(Individual)
        evaluate(offspring)
        strategy.update(offspring)
        n_eval += len(offspring)


class _Fitness(Protocol):
    wvalues: Sequence[float]  # objectives times the weights, which are -1


class _Individual(Protocol):
    fitness: _Fitness


def least_contribution(front: Sequence[_Individual], ref: np.ndarray) -> int:
    """Return the index of the individual that adds least to the hypervolume of mutually non-dominated ones.

    Parameters
    ----------
    front : sequence
        DEAP's individuals, n of them.
    ref : (m,) array
        Reference point.
    """
    F = -np.array([individual.fitness.wvalues for individual in front])
    return int(moocore.hv_contributions(F, ref=ref).argmin())
