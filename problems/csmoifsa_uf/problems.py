"""UF1-10 as pymoo problems: the unconstrained problems of the CEC 2009 competition.

Source of every formula: Zhang, Zhou, Zhao, Suganthan, Liu, Tiwari, "Multiobjective optimization test instances for the
CEC 2009 special session and competition", technical report CES-487, University of Essex, 2008.

The Pareto sets are curved lines and surfaces inside the bounds, so that no variable can be optimised alone, and moves
to bounds or to the centre do not reach them. The competition uses 30 variables.

============= ========== ======================= =====================================================
problem       objectives x_1 (UF8-10: and x_2)   bounds of the others
============= ========== ======================= =====================================================
UF1, 2, 5-7   2          [0, 1]                  [-1, 1]
UF3           2          [0, 1]                  [0, 1]
UF4           2          [0, 1]                  [-2, 2]
UF8-10        3          [0, 1]                  [-2, 2]
============= ========== ======================= =====================================================
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from csmoifsa.errors import whole_number
from csmoifsa.problem import CompiledProblem
from csmoifsa_uf import fronts


class UF(CompiledProblem):
    """Base class of UF1-10; a subclass sets ``number``.

    Parameters
    ----------
    n_var : int
        Number of variables, at least 3, or 5 for three objectives, so that each objective has variables of its own.
    """

    number: int

    def __init__(self, n_var: int = 30) -> None:
        n_obj = 3 if self.number >= 8 else 2
        n_var = whole_number("n_var", n_var, least=2 * n_obj - 1)
        low, high = np.zeros(n_var), np.ones(n_var)
        if self.number != 3:
            high[n_obj - 1 :] = 2.0 if self.number == 4 or n_obj == 3 else 1.0
            low[n_obj - 1 :] = -high[n_obj - 1 :]
        super().__init__(n_var=n_var, n_obj=n_obj, xl=low, xu=high, vtype=float)
        self.kernel_data = np.array([self.number], dtype=float)

    @property
    def kernel(self) -> Callable[..., None]:
        """The compiled evaluator ``f(X, data, F, G)``, imported at first access."""
        from csmoifsa_uf.kernels import evaluate

        return evaluate

    def name(self) -> str:
        """Return the name under which `csmoifsa.load_problem` finds it."""
        return f"uf{self.number}"

    def _calc_pareto_front(self, n_points: int = 1000) -> np.ndarray:
        return fronts.front(self.number, whole_number("n_points", n_points, least=1))

    def _calc_pareto_set(self, n_points: int = 1000) -> np.ndarray:
        return fronts.optimal_set(self.number, self._calc_pareto_front(n_points), self.n_var)


class UF1(UF):
    """Convex front, optimal variables on sine waves."""

    number = 1


class UF2(UF):
    """Convex front, optimal variables on waves that grow along the front."""

    number = 2


class UF3(UF):
    """Convex front, optimal variables on powers of the first, many local fronts."""

    number = 3


class UF4(UF):
    """Concave front, penalty that falls again far from it."""

    number = 4


class UF5(UF):
    """Front of 21 points behind many local ones."""

    number = 5


class UF6(UF):
    """Front of one point and two pieces behind many local ones."""

    number = 6


class UF7(UF):
    """Linear front, few candidates near its upper left end."""

    number = 7


class UF8(UF):
    """Octant of a sphere, three objectives."""

    number = 8


class UF9(UF):
    """Two triangles of a plane, three objectives."""

    number = 9


class UF10(UF):
    """Octant of a sphere behind many local ones, three objectives."""

    number = 10
