"""ZDT1-4 and 6 as pymoo problems, each with a shifted and a rotated twin.

The optimum of the standard functions lies on the bounds (ZDT4: in the centre of the box), where clipping at a bound or
reflection at the centre finds it without search. A twin has its optimum at a random point inside the box and the same
front. All problems use z in place of x_2..x_d; x_1 is unchanged:

======== ======================================== ===============================================
twin     ZDT1, 2, 3, 6; s_i in [0.2, 0.8]         ZDT4; s_i in [-2.5, 2.5]
======== ======================================== ===============================================
plain    z_i = x_i                                z_i = x_i
shifted  z_i = |x_i - s_i| / w_i,                 z_i = x_i - s_i
         w_i = max(s_i, 1 - s_i)
rotated  z = |A (x - s)|, A = R diag(1 / w)       z = A (x - s), A = R
======== ======================================== ===============================================

R is a random orthogonal matrix, uniform over all of them (Haar). The rotated twin is the shifted one rotated about its
optimum: with R = I both are equal, distances to the optimum are the same, and a rotation-invariant algorithm has equal
results on both. A single |z_i| may exceed 1, but g cannot leave its domain [1, 10]:
it depends on the mean of |z| only, and mean |z| <= rms z = rms (x - s) / w <= 1. The Pareto front is the standard one,
reached exactly in x = (x_1, s), where z = 0.

Shift and rotation follow from ``seed`` alone, and the same seed gives the shifted and the rotated twin the same shift.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from csmoifsa.errors import whole_number
from csmoifsa.problem import CompiledProblem
from csmoifsa_zdt import fronts


class ZDT(CompiledProblem):
    """Base class of ZDT1-4, ZDT6 and their twins; a subclass sets ``number`` and ``twin``.

    Parameters
    ----------
    n_var : int
        Number of variables, at least 2.
    """

    number: int
    twin = 0

    def __init__(self, n_var: int = 30) -> None:
        n_var = whole_number("n_var", n_var, least=2)
        low, high = np.zeros(n_var), np.ones(n_var)
        if self.number == 4:
            low[1:], high[1:] = -5.0, 5.0
        super().__init__(n_var=n_var, n_obj=2, xl=low, xu=high, vtype=float)
        self.optimum = np.zeros(n_var - 1)
        self.kernel_data = np.array([self.number, self.twin], dtype=float)

    @property
    def kernel(self) -> Callable[..., None]:
        """The compiled evaluator ``f(X, data, F, G)``, imported at first access."""
        from csmoifsa_zdt.kernels import evaluate

        return evaluate

    def name(self) -> str:
        """Return the name under which `csmoifsa.load_problem` finds it."""
        return f"zdt{self.number}{('', '-shifted', '-rotated')[self.twin]}"

    def _calc_pareto_front(self, n_points: int = 1000) -> np.ndarray:
        """Return ``n_points`` of the Pareto front, (n_points, 2), by rising f1."""
        return fronts.front(self.number, whole_number("n_points", n_points, least=1))

    def _calc_pareto_set(self, n_points: int = 1000) -> np.ndarray:
        x1 = fronts.front_x1(self.number, self._calc_pareto_front(n_points)[:, 0])
        return np.column_stack([x1, np.broadcast_to(self.optimum, (len(x1), self.n_var - 1))])


class ZDT1(ZDT):
    """Convex front."""

    number = 1


class ZDT2(ZDT):
    """Concave front."""

    number = 2


class ZDT3(ZDT):
    """Front in five pieces."""

    number = 3


class ZDT4(ZDT):
    """Convex front behind 21^(n_var - 1) local ones."""

    number = 4

    def __init__(self, n_var: int = 10) -> None:
        super().__init__(n_var)


class ZDT6(ZDT):
    """Concave front, few candidates near it and unevenly spread."""

    number = 6

    def __init__(self, n_var: int = 10) -> None:
        super().__init__(n_var)


class _Twin(ZDT):
    """Base class of the twins, which draws shift and rotation from a seed.

    Parameters
    ----------
    n_var : int, optional
        Number of variables, at least 2; by default that of the standard function.
    seed : int
        Random seed of the shift and of the rotation.
    """

    def __init__(self, n_var: int | None = None, seed: int = 0) -> None:
        # the next class in the method resolution order has the usual number of variables
        super().__init__(**({} if n_var is None else {"n_var": n_var}))
        self.seed = whole_number("seed", seed, least=0)
        tail = self.n_var - 1
        random = np.random.default_rng(self.seed)
        low, high = (-2.5, 2.5) if self.number == 4 else (0.2, 0.8)
        self.optimum = random.uniform(low, high, tail)
        scale = np.ones(tail) if self.number == 4 else np.maximum(self.optimum, 1 - self.optimum)
        second = scale if self.twin == 1 else (random_rotation(tail, random) / scale).ravel()
        self.kernel_data = np.concatenate([self.kernel_data, self.optimum, second])


class _Shifted(_Twin):
    twin = 1


class _Rotated(_Twin):
    twin = 2


class ShiftedZDT1(_Shifted, ZDT1):
    """ZDT1 with its optimum inside the box."""


class ShiftedZDT2(_Shifted, ZDT2):
    """ZDT2 with its optimum inside the box."""


class ShiftedZDT3(_Shifted, ZDT3):
    """ZDT3 with its optimum inside the box."""


class ShiftedZDT4(_Shifted, ZDT4):
    """ZDT4 with its optimum off the centre."""


class ShiftedZDT6(_Shifted, ZDT6):
    """ZDT6 with its optimum inside the box."""


class RotatedZDT1(_Rotated, ZDT1):
    """ZDT1 with its optimum inside the box and its variables coupled."""


class RotatedZDT2(_Rotated, ZDT2):
    """ZDT2 with its optimum inside the box and its variables coupled."""


class RotatedZDT3(_Rotated, ZDT3):
    """ZDT3 with its optimum inside the box and its variables coupled."""


class RotatedZDT4(_Rotated, ZDT4):
    """ZDT4 with its optimum off the centre and its variables coupled."""


class RotatedZDT6(_Rotated, ZDT6):
    """ZDT6 with its optimum inside the box and its variables coupled."""


def random_rotation(n: int, random: np.random.Generator) -> np.ndarray:
    """Return an orthogonal (n, n) matrix, uniform over all of them.

    The Q of a Gaussian matrix, with the signs of R's diagonal moved into it (Mezzadri 2007, Notices of the AMS 54:592).
    """
    q, r = np.linalg.qr(random.standard_normal((n, n)))
    return q * np.sign(np.diag(r))
