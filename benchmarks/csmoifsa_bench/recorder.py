"""Count every evaluation of a problem, and keep the algorithm's front at each budget.

An algorithm receives `Recorder` in place of the problem. It has no compiled evaluator, so that each candidate of every
library is counted once here, and none beyond the budget is evaluated. The snapshot of a budget is the algorithm's
answer after its last generation within it. After the run `fronts` evaluates these candidates again with the problem
itself; objectives reported by an algorithm are not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import moocore
import numpy as np
from pymoo.core.individual import default_config
from pymoo.core.problem import Problem

from csmoifsa.requirements import bounds_of, evaluated

EQUALITY_TOLERANCE = default_config()["cv_eq"]["eps"]  # pymoo's own
UNDEFINED = 1e15  # what an algorithm is told where the problem has no finite value (constraints of pymoo's CTP2-5)
SLACK = 1e-9  # share of a variable's range by which rounding in a library may overstep a bound


class Exhausted(Exception):  # noqa: N818 - the end of the budget is no error
    """The algorithm requests more evaluations than its budget."""


class OutOfBoundsError(ValueError):
    """The algorithm proposes a candidate outside the problem's bounds."""


@dataclass(frozen=True)
class Snapshot:
    """Front of an algorithm at a budget.

    Attributes
    ----------
    stop : int
        The budget [evaluations or iterations].
    n_eval : int
        Number of evaluations made, at most the budget if it counts evaluations.
    F : (n, m) array
        Objectives of feasible, mutually non-dominated points, each once, sorted; (0, m) if none is feasible.
    """

    stop: int
    n_eval: int
    F: np.ndarray


class Recorder(Problem):
    """A problem that counts its evaluations and keeps snapshots of the algorithm's answer.

    Parameters
    ----------
    inner : Problem
        The problem to evaluate.
    stops : tuple of int
        Budgets at which snapshots are kept, rising; the last ends the run.
    count : str
        Unit of ``stops``: ``"evaluations"``, which no run exceeds, or ``"iterations"``.
    """

    def __init__(self, inner: Problem, stops: tuple[int, ...], count: str = "evaluations"):
        super().__init__(
            n_var=inner.n_var,
            n_obj=inner.n_obj,
            n_ieq_constr=inner.n_ieq_constr,
            n_eq_constr=inner.n_eq_constr,
            xl=inner.xl,
            xu=inner.xu,
            vtype=inner.vtype,
        )
        self.inner = inner
        self.count = count
        self.n_eval = 0
        self._pending = list(stops)
        self._limit = stops[-1] if count == "evaluations" else np.inf
        self._latest = (0, np.empty((0, inner.n_var)))
        self._kept: list[tuple[int, int, np.ndarray]] = []
        bounded = inner.xl is not None and inner.xu is not None
        self._low, self._high = bounds_of(inner)  # NaN for a bound that is None, then not used
        self._slack = SLACK * (self._high - self._low) if bounded else None

    def name(self) -> str:
        """Return the problem's own name."""
        return self.inner.name()

    def _evaluate(self, X: np.ndarray, out: dict[str, object], *args: object, **kwargs: object) -> None:
        wanted = self.n_eval + len(X)
        if self.count == "evaluations":
            while self._pending and wanted > self._pending[0]:
                self._keep()
        if wanted > self._limit:
            raise Exhausted
        if self._slack is not None and ((X < self._low - self._slack) | (X > self._high + self._slack)).any():
            raise OutOfBoundsError("the algorithm proposed a candidate outside the problem's bounds")
        self.n_eval = wanted
        X = X if self._slack is None else np.clip(X, self._low, self._high)
        for name, values in evaluated(self.inner, X).items():
            out[name] = np.nan_to_num(values, nan=UNDEFINED, posinf=UNDEFINED, neginf=-UNDEFINED)

    def report(self, answer: Callable[[], np.ndarray], iteration: int) -> bool:
        """Keep snapshots after a generation; return whether the run continues.

        Parameters
        ----------
        answer : callable
            Function that returns the algorithm's current solutions, (n, n_var).
        iteration : int
            Number of finished generations.
        """
        progress = self.n_eval if self.count == "evaluations" else iteration
        self._latest = self.n_eval, np.array(answer(), dtype=float).reshape(-1, self.n_var)
        while self._pending and progress >= self._pending[0]:
            self._keep()
        return bool(self._pending)

    def _keep(self) -> None:
        n_eval, X = self._latest
        self._kept.append((self._pending.pop(0), n_eval, X))

    def fronts(self, most: int) -> list[Snapshot]:
        """Return a snapshot for every stop, at most ``most`` points each, evaluated again by the problem itself."""
        while self._pending:
            self._keep()
        return [Snapshot(stop, n_eval, self._front(X, most)) for stop, n_eval, X in self._kept]

    def _front(self, X: np.ndarray, most: int) -> np.ndarray:
        if len(X) == 0:
            return np.empty((0, self.n_obj))
        if self._slack is not None:
            X = np.clip(X, self._low, self._high)
        out = evaluated(self.inner, X)
        feasible = (out["G"] <= 0).all(axis=1) & (np.abs(out["H"]) <= EQUALITY_TOLERANCE).all(axis=1)
        F = out["F"][feasible & np.isfinite(out["F"]).all(axis=1)]
        if len(F) == 0:
            return np.empty((0, self.n_obj))
        F = np.unique(F, axis=0)
        return truncate(F[moocore.is_nondominated(F)], most)


def truncate(F: np.ndarray, most: int) -> np.ndarray:
    """Return at most ``most`` evenly spread points of ``F`` (n, m), by one rule for all algorithms.

    First the best point of each objective, then repeatedly the point farthest from those chosen, in objectives scaled
    to the range of ``F`` (distance-based subset selection, Singh et al. 2019).
    """
    if len(F) <= most:
        return F
    low, extent = F.min(axis=0), np.ptp(F, axis=0)
    scaled = (F - low) / np.where(extent > 0, extent, 1.0)
    chosen = list(dict.fromkeys(int(i) for i in scaled.argmin(axis=0)))[:most]
    distance = np.min([np.linalg.norm(scaled - scaled[i], axis=1) for i in chosen], axis=0)
    while len(chosen) < most:
        farthest = int(distance.argmax())
        chosen.append(farthest)
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[farthest], axis=1))
    return F[np.sort(chosen)]
