"""RE and CRE as pymoo problems.

Source: Tanabe and Ishibuchi, "An easy-to-use real-world multi-objective optimization problem suite", Applied Soft
Computing 89, 106078, 2020, doi:10.1016/j.asoc.2020.106078, with the corrections that its authors published up to May
2021; the formulas and the source of each are in `csmoifsa_re.kernels`. RE2-4-1 of the paper is RE21 here.

RE turns the constraints of its source into one more objective, the sum of their violations, which comes last. CRE keeps
them. Variables that take only some values are searched as real numbers and rounded, or moved to the nearest value, in
the evaluation, as in the paper. No true front is known.

Two differences from the paper: RE91's four random variables are at their means, because a problem here has one value a
candidate; RE22's x_2 is at least 1e-10 in the evaluation, because its constraints divide by it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from csmoifsa.problem import CompiledProblem


class Model(CompiledProblem):
    """Base class of the problems of the suite; a subclass sets the attributes.

    Attributes
    ----------
    model : int
        Number of its formulas in `csmoifsa_re.kernels`: that of the RE problem.
    sizes : tuple of int
        Objectives and constraints of the source.
    low, high : tuple of float
        Bounds of the variables.
    constrained : bool
        Whether constraints stay constraints (CRE), or their violation is an objective (RE).
    """

    model: int
    sizes: tuple[int, int]
    low: tuple[float, ...]
    high: tuple[float, ...]
    constrained = False

    def __init__(self) -> None:
        n_obj, n_constraints = self.sizes
        more = 1 if n_constraints and not self.constrained else 0
        super().__init__(
            n_var=len(self.low),
            n_obj=n_obj + more,
            n_ieq_constr=n_constraints if self.constrained else 0,
            xl=np.array(self.low),
            xu=np.array(self.high),
            vtype=float,
        )
        self.kernel_data = np.array([self.model, n_constraints], dtype=float)

    @property
    def kernel(self) -> Callable[..., None]:
        """The compiled evaluator ``f(X, data, F, G)``, imported when first asked for."""
        from csmoifsa_re.kernels import evaluate

        return evaluate

    def name(self) -> str:
        """Return the name under which `csmoifsa.load_problem` finds it."""
        return type(self).__name__.lower()

    def _calc_pareto_front(self, n_points: int = 1000) -> None:
        return None

    def _calc_pareto_set(self, n_points: int = 1000) -> None:
        return None


class RE21(Model):
    """Four-bar truss: volume and displacement."""

    model, sizes = 21, (2, 0)
    low, high = (1.0, 2.0**0.5, 2.0**0.5, 1.0), (3.0,) * 4


class RE22(Model):
    """Reinforced concrete beam: cost; the area of steel takes listed values."""

    model, sizes = 22, (1, 2)
    low, high = (0.2, 0.0, 0.0), (15.0, 20.0, 40.0)


class RE23(Model):
    """Pressure vessel: cost; two thicknesses are multiples of 1/16 inch."""

    model, sizes = 23, (1, 3)
    low, high = (1.0, 1.0, 10.0, 10.0), (100.0, 100.0, 200.0, 240.0)


class RE24(Model):
    """Hatch cover: weight."""

    model, sizes = 24, (1, 4)
    low, high = (0.5, 0.5), (4.0, 50.0)


class RE25(Model):
    """Coil compression spring: volume of steel wire; whole coils, wire diameters from a list."""

    model, sizes = 25, (1, 6)
    low, high = (1.0, 0.6, 0.09), (70.0, 3.0, 0.5)


class RE31(Model):
    """Two-bar truss: weight and displacement."""

    model, sizes = 31, (2, 3)
    low, high = (1e-5, 1e-5, 1.0), (100.0, 100.0, 3.0)


class RE32(Model):
    """Welded beam: cost and deflection."""

    model, sizes = 32, (2, 4)
    low, high = (0.125, 0.1, 0.1, 0.125), (5.0, 10.0, 10.0, 5.0)


class RE33(Model):
    """Disc brake: mass and stopping time."""

    model, sizes = 33, (2, 4)
    low, high = (55.0, 75.0, 1000.0, 11.0), (80.0, 110.0, 3000.0, 20.0)


class RE34(Model):
    """Vehicle crashworthiness: mass, acceleration, toe board intrusion."""

    model, sizes = 34, (3, 0)
    low, high = (1.0,) * 5, (3.0,) * 5


class RE35(Model):
    """Speed reducer: weight and stress; a whole number of teeth."""

    model, sizes = 35, (2, 11)
    low, high = (2.6, 0.7, 17.0, 7.3, 7.3, 2.9, 5.0), (3.6, 0.8, 28.0, 8.3, 8.3, 3.9, 5.5)


class RE36(Model):
    """Gear train: error of the ratio and size of the largest gear; whole numbers of teeth."""

    model, sizes = 36, (2, 1)
    low, high = (12.0,) * 4, (60.0,) * 4


class RE37(Model):
    """Rocket injector: two temperatures and the combustion length."""

    model, sizes = 37, (3, 0)
    low, high = (0.0,) * 4, (1.0,) * 4


class RE41(Model):
    """Car side impact: weight, pubic force, velocity of two parts."""

    model, sizes = 41, (3, 10)
    low, high = (0.5, 0.45, 0.5, 0.5, 0.875, 0.4, 0.4), (1.5, 1.35, 1.5, 1.5, 2.625, 1.2, 1.2)


class RE42(Model):
    """Conceptual marine design: transport cost, light ship weight, annual cargo (negative: more is better)."""

    model, sizes = 42, (3, 9)
    low, high = (150.0, 20.0, 13.0, 10.0, 14.0, 0.63), (274.32, 32.31, 25.0, 11.71, 18.0, 0.75)


class RE61(Model):
    """Water resource planning: five costs."""

    model, sizes = 61, (5, 7)
    low, high = (0.01,) * 3, (0.45, 0.10, 0.10)


class RE91(Model):
    """Car cab: weight and eight loads, the four random variables at their means."""

    model, sizes = 91, (9, 0)
    low, high = RE41.low, RE41.high


class CRE21(RE31):
    """Two-bar truss with its constraints."""

    constrained = True


class CRE22(RE32):
    """Welded beam with its constraints."""

    constrained = True


class CRE23(RE33):
    """Disc brake with its constraints."""

    constrained = True


class CRE24(RE35):
    """Speed reducer with its constraints."""

    constrained = True


class CRE25(RE36):
    """Gear train with its constraint."""

    constrained = True


class CRE31(RE41):
    """Car side impact with its constraints."""

    constrained = True


class CRE32(RE42):
    """Conceptual marine design with its constraints."""

    constrained = True


class CRE51(RE61):
    """Water resource planning with its constraints."""

    constrained = True
