"""pymoo's populations and result of a run, built from the engine's arrays when they are read.

Hundreds of pymoo's `Individual` objects take as long as a thousand evaluations of a compiled problem, and most callers
read the arrays ``X`` and ``F`` of the result only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, TypeAlias, cast

import numpy as np
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.core.result import Result

from csmoifsa.board import Front

Outputs: TypeAlias = Sequence[dict[str, Any]]


class View:
    """The individuals at one moment of a run: as arrays, and as populations of pymoo once these are read.

    Parameters
    ----------
    everybody : Front
        All individuals, a row each, ``X`` within the bounds; ``extra`` holds the constraints, inequalities first.
    best : (n,) bool array or Front
        Which of them are the non-dominated solutions; or these themselves, where they are not among the individuals.
    n_ieq : int
        Number of inequality constraints.
    n_eval : int
        Evaluations made until that moment.
    outputs : sequence of dict, optional
        Further outputs of the problem for each individual, by name.
    """

    def __init__(
        self, everybody: Front, best: np.ndarray | Front, n_ieq: int, n_eval: int, outputs: Outputs | None = None
    ):
        self.everybody, self.best, self.n_ieq, self.n_eval = everybody, best, n_ieq, n_eval
        self.outputs, self.outputs_of_best = outputs, outputs

    @cached_property
    def pop(self) -> Population:
        """All individuals as objects of pymoo."""
        return as_population(self.everybody, self.n_ieq, self.outputs)

    @cached_property
    def opt(self) -> Population:
        """The non-dominated solutions as objects of pymoo: those of `pop` where they are among them."""
        if isinstance(self.best, Front):
            return as_population(self.best, self.n_ieq, self.outputs_of_best)
        return cast(Population, self.pop[self.best])

    @property
    def front(self) -> Front:
        """The non-dominated solutions as arrays, in the order of `opt`."""
        if isinstance(self.best, Front):
            return self.best
        return Front(*(column[self.best] for column in self.everybody))


class EngineResult(Result):
    """pymoo's result of a run whose objects are built when they are read; what is assigned to it stays.

    Parameters
    ----------
    view : View
        The individuals at the end of the run.
    """

    def __init__(self, view: View):
        super().__init__()
        del self.pop, self.opt  # pymoo sets them to None; without them they are built when read
        self.view = view
        front = view.front
        self.X, self.F, self.CV = front.X, front.F, front.CV[:, None]
        self.G, self.H = front.extra[:, : view.n_ieq], front.extra[:, view.n_ieq :]

    @cached_property
    def pop(self) -> Population:
        """The population at the end of the run."""
        return self.view.pop

    @cached_property
    def opt(self) -> Population:
        """The non-dominated solutions at the end of the run."""
        return self.view.opt


def as_population(rows: Front, n_ieq: int, outputs: Outputs | None = None) -> Population:
    """Return rows as evaluated individuals of pymoo; the first ``n_ieq`` columns of ``extra`` are inequalities.

    ``outputs`` are further outputs of the problem for each row, by name, which become data of the individual.
    """
    individuals = []
    data = repeat({}) if outputs is None else outputs
    for x, f, cv, c, more in zip(rows.X, rows.F, rows.CV[:, None], rows.extra, data, strict=outputs is not None):
        individual = Individual(X=x, F=f, CV=cv, G=c[:n_ieq], H=c[n_ieq:], **more)
        individual.evaluated = {"F", "G", "H"}
        individuals.append(individual)
    return Population(individuals)
