"""Checks of a pymoo problem before a run, and the budget of evaluations of a termination."""

from __future__ import annotations

import math
from typing import TypeGuard, cast

import numpy as np
from pymoo.core.problem import Problem
from pymoo.core.termination import TerminateIfAll

from csmoifsa.errors import InputError
from csmoifsa.typing import Problem as CompiledProblem
from csmoifsa.variables import coding_of


def refuse_unsuitable(problem: Problem) -> None:
    """Raise `InputError` for a problem with variables of an unknown kind, without bounds or with a single objective."""
    name = type(problem).__name__
    coding_of(problem)
    if problem.n_obj < 2:
        raise InputError(f"{name} has one objective: this optimiser needs two or more; use pymoo's DE or CMAES for one")


def offers_kernel(problem: object) -> TypeGuard[CompiledProblem]:
    """Return whether a problem has a compiled evaluator that no subclass or wrapper has overridden by its own."""
    if getattr(problem, "kernel", None) is None:
        return False
    for kind in type(problem).__mro__:
        if kind is not Problem and ("do" in vars(kind) or "evaluate" in vars(kind)):
            return False  # a wrapper such as pymoo's ConstraintsAsObjective
        if "kernel" in vars(kind):
            return True
        if "_evaluate" in vars(kind):
            return "kernel" in vars(problem)
    return True


def bounds_of(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper bounds of a problem's variables, (n_var,) each."""
    return np.asarray(problem.xl, dtype=float), np.asarray(problem.xu, dtype=float)


def outputs_of(problem: Problem, X: np.ndarray, **options: object) -> dict[str, np.ndarray]:
    """Return what a problem computes of candidates ``X`` (n, n_var), by name, an array each.

    It is asked for ``F``, and for ``G`` and ``H`` where it has such constraints: pymoo takes its time for empty arrays.
    A wrapper with a ``do`` of its own may need all three.
    """
    every, names = type(problem).do is not Problem.do, ["F"]
    if every or problem.n_ieq_constr:
        names.append("G")
    if every or problem.n_eq_constr:
        names.append("H")
    return cast(
        "dict[str, np.ndarray]", problem.evaluate(X, return_values_of=names, return_as_dictionary=True, **options)
    )


def evaluated(problem: Problem, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return the objectives ``F``, inequality values ``G`` and equality values ``H`` of candidates ``X`` (n, n_var)."""
    empty = np.empty((*X.shape[:-1], 0))
    return {"G": empty, "H": empty, **outputs_of(problem, X)}


def n_eval_budget(termination: object) -> float:
    """Return the largest number of evaluations that a termination allows, infinity if it sets none."""
    own = getattr(termination, "n_max_evals", None)
    parts = [] if isinstance(termination, TerminateIfAll) else getattr(termination, "criteria", None) or []
    return min([math.inf if own is None else own, *(n_eval_budget(part) for part in parts)])
