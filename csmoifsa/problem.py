"""Base class of problems with a compiled evaluator and a known Pareto front."""

from __future__ import annotations

import numpy as np
from pymoo.core.problem import Problem

from csmoifsa.typing import Evaluator


class CompiledProblem(Problem):
    """A problem that `kernel` evaluates; subclasses define `kernel`, ``kernel_data`` and two ``_calc_`` methods.

    ``_calc_pareto_front(n_points)`` and ``_calc_pareto_set(n_points)`` are called each time: pymoo would cache the
    first result whatever the arguments were. The set's rows are those of the front.

    Attributes
    ----------
    kernel_data : (k,) float64 array
        Parameters of `kernel`.
    """

    kernel_data: np.ndarray

    @property
    def kernel(self) -> Evaluator:
        """The compiled evaluator ``f(X, data, F, G)`` (contract: `csmoifsa.jit`), imported at first use."""
        raise NotImplementedError(f"{type(self).__name__} has no kernel")

    def _evaluate(self, X: np.ndarray, out: dict[str, object], *args: object, **kwargs: object) -> None:
        X = np.array(X, dtype=float, order="C")  # a copy: a read-only array would compile the kernel once more
        F, G = np.empty((len(X), self.n_obj)), np.empty((len(X), self.n_ieq_constr + self.n_eq_constr))
        self.kernel(X, self.kernel_data, F, G)
        out["F"], out["G"], out["H"] = F, G[:, : self.n_ieq_constr], G[:, self.n_ieq_constr :]

    def _calc_pareto_front(self, n_points: int = 1000) -> np.ndarray | None:
        return None

    def _calc_pareto_set(self, n_points: int = 1000) -> np.ndarray | None:
        return None

    def pareto_front(self, n_points: int = 1000, **_: object) -> np.ndarray | None:
        """Return points of the Pareto front, (k, n_obj), None where it is not known.

        k is ``n_points`` unless the family documents otherwise.
        """
        return self._calc_pareto_front(n_points)

    def pareto_set(self, n_points: int = 1000, **_: object) -> np.ndarray | None:
        """Return optimal candidates, (k, n_var), row for row those of `pareto_front`."""
        return self._calc_pareto_set(n_points)

    def ideal_point(self, *_: object, **__: object) -> np.ndarray | None:
        """Return the least value of each objective on the front, (n_obj,)."""
        return None if (front := self.pareto_front()) is None else front.min(axis=0)

    def nadir_point(self, *_: object, **__: object) -> np.ndarray | None:
        """Return the greatest value of each objective on the front, (n_obj,)."""
        return None if (front := self.pareto_front()) is None else front.max(axis=0)
