"""jMetalPy's algorithms, with the operators of its own examples. All but HypE handle inequality constraints.

HypE needs a reference point, which jMetalPy's example knows from the true front; here it is the worst value of each
objective found so far. Its hypervolumes in Python take a quarter of an hour for 10,000 evaluations. IBEA is not here:
it ends with an error in jMetalPy 1.9, whose epsilon indicator asks for arrays and gets lists.
jMetalPy draws from Python's and NumPy's global generators, which `execute.quiet` seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.requirements import bounds_of, evaluated
from csmoifsa_bench.rivals import Generation, Task, check_name, refuse_constraints

if TYPE_CHECKING:
    from jmetal.core.algorithm import Algorithm
    from jmetal.core.problem import FloatProblem
    from jmetal.core.solution import FloatSolution
    from pymoo.core.problem import Problem

ALGORITHMS = ("NSGAII", "SMPSO", "GDE3", "SPEA2", "OMOPSO", "MOCell", "HYPE")


def generations(problem: Problem, task: Task) -> Iterator[Generation]:
    """Yield after every generation; see `csmoifsa_bench.rivals`."""
    check_name("jMetalPy", task.name, ALGORITHMS)
    refuse_constraints(f"jMetalPy's {task.name}", problem, equalities_only=task.name != "HYPE")
    algorithm = _build(_adapt(problem), task)
    # what Algorithm.run does, with a pause after each step; its own stop is never reached
    algorithm.solutions = algorithm.evaluate(algorithm.create_initial_solutions())
    algorithm.init_progress()
    iteration = 0
    while True:
        iteration += 1
        yield Generation(algorithm.evaluations, iteration, lambda: _answer(algorithm), task.start is not None)
        # MOCell replaces one individual a step: a generation is as many steps as it has individuals
        for _ in range(task.pop_size if task.name == "MOCell" else 1):
            algorithm.step()
            algorithm.update_progress()


def _answer(algorithm: Algorithm) -> np.ndarray:
    return np.array([list(solution.variables) for solution in algorithm.result()], dtype=float)


def _adapt(problem: Problem) -> FloatProblem:
    from jmetal.core.problem import FloatProblem

    class Adapted(FloatProblem):
        def __init__(self) -> None:
            super().__init__()
            self.lower_bound, self.upper_bound = (bound.tolist() for bound in bounds_of(problem))
            self.directions = [self.MINIMIZE] * problem.n_obj

        def number_of_objectives(self) -> int:
            return problem.n_obj

        def number_of_constraints(self) -> int:
            return problem.n_ieq_constr

        def name(self) -> str:
            return str(problem.name())

        def evaluate(self, solution: FloatSolution) -> FloatSolution:
            x = np.array(solution.variables, dtype=float)
            out = evaluated(problem, x)
            solution.objectives = out["F"].tolist()
            solution.constraints = (-np.asarray(out["G"])).tolist()  # violated where negative
            return solution

    return Adapted()


def _build(problem: FloatProblem, task: Task) -> Algorithm:
    from jmetal.algorithm.multiobjective import gde3, hype, mocell, nsgaii, omopso, smpso, spea2
    from jmetal.core.solution import FloatSolution
    from jmetal.operator.crossover import SBXCrossover
    from jmetal.operator.mutation import NonUniformMutation, PolynomialMutation, UniformMutation
    from jmetal.util.archive import CrowdingDistanceArchive
    from jmetal.util.evaluator import SequentialEvaluator
    from jmetal.util.generator import InjectorGenerator, RandomGenerator
    from jmetal.util.neighborhood import C9
    from jmetal.util.termination_criterion import StoppingByEvaluations

    def solution(x: np.ndarray) -> FloatSolution:
        made = FloatSolution(
            problem.lower_bound, problem.upper_bound, problem.number_of_objectives(), problem.number_of_constraints()
        )
        made.variables = x.tolist()
        return made

    class WorstSeen(SequentialEvaluator):
        """Evaluate solutions, and keep HypE's reference point at the worst of each objective found so far."""

        def evaluate(self, solution_list: list[FloatSolution], problem: FloatProblem) -> list[FloatSolution]:
            solutions = super().evaluate(solution_list, problem)
            worst.objectives = np.max([worst.objectives, *(s.objectives for s in solutions)], axis=0).tolist()
            return solutions

    worst = solution(np.array(problem.lower_bound))
    worst.objectives = [-np.inf] * problem.number_of_objectives()
    n, never = task.pop_size, StoppingByEvaluations(2**62)
    rows = max(k for k in range(1, isqrt(n) + 1) if n % k == 0)
    # the injector hands its list out from the end
    first = RandomGenerator() if task.start is None else InjectorGenerator([solution(x) for x in task.start[::-1]])
    rate = 1.0 / problem.number_of_variables()
    mutation = PolynomialMutation(probability=rate, distribution_index=20)
    common: dict[str, object] = {"problem": problem, "termination_criterion": never}
    genetic = {"mutation": mutation, "crossover": SBXCrossover(probability=1.0, distribution_index=20)}
    recipes: dict[str, tuple[Callable[..., Algorithm], dict[str, object]]] = {
        "NSGAII": (nsgaii.NSGAII, {"offspring_population_size": n, **genetic}),
        "SPEA2": (spea2.SPEA2, {"offspring_population_size": n, **genetic}),
        "HYPE": (
            hype.HYPE,
            {"offspring_population_size": n, "reference_point": worst, "population_evaluator": WorstSeen(), **genetic},
        ),
        "MOCell": (
            mocell.MOCell,
            {"neighborhood": C9(rows, n // rows), "archive": CrowdingDistanceArchive(n), **genetic},
        ),
        "GDE3": (gde3.GDE3, {"cr": 0.5, "f": 0.5}),
        "SMPSO": (smpso.SMPSO, {"mutation": mutation, "leaders": CrowdingDistanceArchive(n)}),
        "OMOPSO": (
            omopso.OMOPSO,
            {
                "epsilon": 0.0075,
                "uniform_mutation": UniformMutation(probability=rate, perturbation=0.5),
                "non_uniform_mutation": NonUniformMutation(
                    rate, perturbation=0.5, max_iterations=max(1, task.stops[-1] // n)
                ),
                "leaders": CrowdingDistanceArchive(n),
            },
        ),
    }
    kind, settings = recipes[task.name]
    swarm = task.name in ("SMPSO", "OMOPSO")
    sizes = (
        {"swarm_size": n, "swarm_generator": first} if swarm else {"population_size": n, "population_generator": first}
    )
    try:
        return kind(**{**common, **sizes, **settings, **task.settings})
    except (TypeError, ValueError) as error:
        raise InputError(f"jMetalPy's {task.name} refuses its settings: {error}") from error
