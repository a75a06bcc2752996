"""Operators of pymoo in a run: first positions, repair, elimination of duplicates; and how many workers evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from pymoo.core.duplicate import DefaultDuplicateElimination, DuplicateElimination, NoDuplicateElimination
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.repair import NoRepair, Repair
from pymoo.core.sampling import Sampling

from csmoifsa.errors import InputError
from csmoifsa.preference import checked_point
from csmoifsa.variables import CodedRepair, Coding, coding_of

ATTEMPTS = 20  # to replace a duplicate by another candidate
ON_ERROR = ("raise", "discard")


@dataclass(frozen=True)
class Operators:
    """What changes candidates before they are evaluated, and what happens where an evaluation fails.

    Attributes
    ----------
    repair : Repair, optional
        Operator of pymoo that changes candidates before each evaluation, e.g. ``RoundingRepair()``. Evaluated,
        searched from and returned is the position that it makes, set to the nearest within the bounds.
    eliminate_duplicates : bool or DuplicateElimination, optional
        Whether a candidate equal to an individual of the population, or to another candidate, is replaced before it
        is evaluated: True compares ``X``, an object of pymoo as it does. By default it is done with a repair, and for
        variables that are not real numbers.
    on_error : str
        ``"raise"`` ends the run with an error where an objective or constraint is NaN or infinite; ``"discard"``
        treats such a candidate as worse than any other and counts it (``algorithm.n_discarded``).
    reference_point : (n_obj,) array, optional
        An aspiration for each objective (`CSMOIFSA` only). Once the population consists of non-dominated solutions,
        those at least as good in every objective are preferred or, if there are none, those that fall short in every
        one (`csmoifsa.preference.outside_region`).

    Raises
    ------
    InputError
        One of them is none of these.
    """

    repair: Repair | None = None
    eliminate_duplicates: bool | DuplicateElimination | None = None
    on_error: str = "raise"
    reference_point: Any = None

    def __post_init__(self):
        if self.reference_point is not None:
            object.__setattr__(self, "reference_point", checked_point(self.reference_point))
        if self.on_error not in ON_ERROR:
            raise InputError(f"on_error must be one of {', '.join(ON_ERROR)}; got {self.on_error!r}")
        if isinstance(self.repair, type) or not (self.repair is None or hasattr(self.repair, "do")):
            raise InputError(f"repair must be an object of pymoo's Repair, e.g. RoundingRepair(); got {self.repair!r}")
        if isinstance(self.repair, NoRepair):
            object.__setattr__(self, "repair", None)
        chosen = self.repair is not None if self.eliminate_duplicates is None else self.eliminate_duplicates
        if isinstance(chosen, bool | np.bool_):
            chosen = DefaultDuplicateElimination() if chosen else NoDuplicateElimination()
        if isinstance(chosen, type) or not hasattr(chosen, "do"):
            raise InputError(
                f"eliminate_duplicates must be True, False or an object of pymoo's DuplicateElimination; got {chosen!r}"
            )
        if self.eliminate_duplicates is not None or self.repair is not None:
            object.__setattr__(self, "eliminate_duplicates", chosen)

    @property
    def _eliminator(self) -> Any:
        """The object that finds duplicates, None where they are not looked for."""
        return None if type(self.eliminate_duplicates) is NoDuplicateElimination else self.eliminate_duplicates

    @property
    def active(self) -> bool:
        """Whether candidates are changed before they are evaluated."""
        return self.repair is not None or self._eliminator is not None

    @property
    def change_results(self) -> bool:
        """Whether results are changed before they are recorded."""
        return self.on_error != "raise" or self.reference_point is not None

    def on(self, coding: Coding) -> Operators:
        """Return the operators for a problem of this coding: codes of whole numbers are rounded."""
        return self if coding.plain else replace(self, repair=CodedRepair(coding, self.repair))

    def names(self) -> dict[str, str]:
        """Return what a checkpoint says of them: the class of each operator, and the other values."""
        kinds = {"repair": self.repair, "eliminate_duplicates": self._eliminator}
        point = "" if self.reference_point is None else repr(self.reference_point.tolist())
        names = {name: "" if one is None else type(one).__name__ for name, one in kinds.items()}
        return {**names, "on_error": self.on_error, "reference_point": point}

    def repaired(self, problem: Problem, coding: Coding, X: np.ndarray, key: list[int]) -> np.ndarray:
        """Return candidates (n, n_var) as the repair makes them; ``key`` decides its random numbers."""
        if self.repair is None or len(X) == 0:
            return X
        population = self.repair(problem, Population.new(X=X.copy()), random_state=np.random.default_rng(key))
        changed = np.array([one.X for one in population])
        if changed.shape != X.shape:
            name = type(self.repair).__name__
            raise InputError(f"the repair {name} returned X of shape {changed.shape}, it must keep {X.shape}")
        return coding.within(changed, self.repair)

    def distinct(
        self, problem: Problem, coding: Coding, X: np.ndarray, others: Population, key: list[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return candidates of which duplicates are replaced, and the rows for which no other position was found.

        A duplicate takes new values, uniform between the bounds, in ever more of its variables, and is repaired.
        """
        X = self.repaired(problem, coding, X, key)
        rng = np.random.default_rng([*key, 1])
        low, high = coding.bounds
        for attempt in range(ATTEMPTS):
            rows = self._duplicates(X, others)
            if rows.size == 0:
                break
            shape = (len(rows), X.shape[1])
            renewed = rng.random(shape) < min(2.0**attempt / X.shape[1], 1.0)
            fresh = np.where(renewed, rng.uniform(low, high, shape), X[rows].astype(float))
            X[rows] = self.repaired(problem, coding, fresh, [*key, 2 + attempt])
        return X, self._duplicates(X, others)

    def _duplicates(self, X: np.ndarray, others: Population) -> np.ndarray:
        eliminate = self._eliminator
        if eliminate is None or len(X) == 0:
            return np.empty(0, np.int64)
        candidates = Population.new(X=X)
        return np.sort(np.asarray(eliminate.do(candidates, others, return_indices=True)[2], dtype=np.int64))


def first_individuals(sampling: object, problem: Problem, n: int, seed: int) -> Population:
    """Return the individuals that a user has a run begin with, none where ``sampling`` is None.

    Parameters
    ----------
    sampling : (n, n_var) array, list of dict, Population, Sampling or None
        Positions, dicts where the variables are named; individuals, evaluated or not, which are copied; an operator
        that makes ``n`` of them.
    seed : int
        Key of the operator's random numbers.
    """
    if sampling is None:
        return Population()
    if isinstance(sampling, Sampling) or (not isinstance(sampling, type) and hasattr(sampling, "do")):
        sampling = sampling(problem, n, random_state=np.random.default_rng(seed))  # type: ignore[operator]
    if isinstance(sampling, Individual):
        sampling = Population([sampling])
    if isinstance(sampling, Population):
        return Population([one.copy() for one in sampling])
    if coding_of(problem).variables is not None:
        candidates = [sampling] if isinstance(sampling, Mapping) else list(cast("Iterable[object]", sampling))
        return Population([Individual(X=x) for x in candidates])
    try:
        X = np.atleast_2d(np.asarray(sampling, dtype=float))
    except (TypeError, ValueError) as error:
        raise InputError(
            "sampling must be an array of positions (n, n_var), a Population, or an operator of pymoo such as LHS(); "
            f"got {sampling!r:.80}"
        ) from error
    return Population.new(X=X)


def n_workers(problem: Problem) -> int:
    """Return how many evaluations a problem's runner makes at once, 1 where it has none or does not say."""
    runner: Any = getattr(problem, "elementwise_runner", None)
    if not getattr(problem, "elementwise", False) or runner is None:
        return 1
    pool = getattr(getattr(runner, "starmap", None), "__self__", None)
    if pool is not None:
        return int(getattr(pool, "_processes", 1) or 1)  # multiprocessing's Pool and ThreadPool
    if hasattr(runner, "client"):
        return max(sum(runner.client.nthreads().values()), 1)
    if hasattr(runner, "n_jobs"):
        from joblib import effective_n_jobs

        return effective_n_jobs(runner.n_jobs)
    return 1


def batch_for(problem: Problem, n: int) -> int:
    """Return the smallest batch of at least ``n`` candidates that keeps all workers of a problem's runner busy."""
    workers = n_workers(problem)
    return -(-n // workers) * workers
