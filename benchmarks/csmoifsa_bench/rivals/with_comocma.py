"""COMO-CMA-ES (Touré et al. 2019, doi:10.1145/3321707.3321852) of the package comocma. It handles no constraints.

As many CMA-ES as the population is large, each for one point of the front, updated one after the other. Variables are
scaled to [0, 1] and all begin with the step size 0.2, as in the package's examples. The reference point, which the
package leaves to its user, is the worst value of each objective in the initial population. The answer is the mean of
each CMA-ES as it was last evaluated. The package moves means that are near a bound, so the first candidates are not
quite the common initial population. comocma draws from NumPy's global generator, which `execute.quiet` seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.requirements import bounds_of
from csmoifsa_bench.rivals import Generation, Task, check_name, random_start, refuse_constraints

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

ALGORITHMS = ("COMO-CMA-ES",)
SIGMA = 0.2  # initial step size [share of a variable's range]


def generations(problem: Problem, task: Task) -> Iterator[Generation]:
    """Yield after every update of one CMA-ES, until all have stopped; see `csmoifsa_bench.rivals`."""
    check_name("comocma", task.name, ALGORITHMS)
    refuse_constraints(task.name, problem)
    if problem.n_obj != 2:
        raise InputError(f"{task.name} is for two objectives, not {problem.n_obj}; leave it out with --algorithms")
    comocma = import_module("comocma")
    low, high = bounds_of(problem)
    extent = high - low
    # no seed of its own, no files, nothing printed
    options = {"bounds": [0, 1], "seed": np.nan, "verb_log": 0, "verbose": -9, **task.settings}
    sigma = options.pop("sigma", SIGMA)
    try:
        kernels = comocma.get_cmas((random_start(problem, task) - low) / extent, sigma, options)
    except (TypeError, ValueError) as error:
        raise InputError(f"{task.name} refuses its settings: {error}") from error
    search = comocma.Sofomore(kernels, opts={"archive": False, "verb_log": 0})
    means = np.empty((len(kernels), problem.n_var))
    n_eval = iteration = 0
    while not search.stop():
        told = list(search._told_indices)  # the solutions begin with the means of these CMA-ES
        solutions = search.ask()
        X = low + extent * np.clip(solutions, 0.0, 1.0)
        F = np.asarray(problem.evaluate(X, return_values_of=["F"]))
        means[told] = X[: len(told)]
        if search.reference_point is None:
            search.reference_point = F[: len(told)].max(axis=0).tolist()
        search.tell(solutions, F.tolist())
        n_eval += len(X)
        iteration += 1
        yield Generation(n_eval, iteration, lambda: means, same_start=False)
