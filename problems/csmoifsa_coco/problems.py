"""COCO's bbob-biobj problems as pymoo problems.

Objective values are those of the package ``cocoex`` (PyPI: coco-experiment), bounds its region of interest
[-100, 100]. The front is not known: a campaign measures against all its runs together, COCO's observer against COCO's
own reference values (command ``csmoifsa coco observe``).
"""

from __future__ import annotations

import cocoex
import numpy as np
from pymoo.core.problem import Problem

from csmoifsa.errors import InputError, whole_number

DIMENSIONS = (2, 3, 5, 10, 20, 40)
INSTANCES = 15
FUNCTIONS = 55


class BbobBiobj(Problem):
    """A function of the suite in one dimension and instance.

    Parameters
    ----------
    function : int
        From 1 to 55.
    dimension : int
        Number of variables: 2, 3, 5, 10, 20 or 40.
    instance : int
        From 1 to 15: where the optima lie, how the space is rotated.
    half_width : float
        The search space is [-half_width, half_width] in each variable, above 0 and at most 100. COCO's own region of
        interest has 100; the optima of both objectives lie in [-5, 5].

    Raises
    ------
    InputError
        The suite has no such function, dimension or instance, or the half-width is out of range.
    """

    def __init__(self, function: int, dimension: int = 10, instance: int = 1, half_width: float = 100.0) -> None:
        self.function = _within("function", function, FUNCTIONS)
        self.instance = _within("instance", instance, INSTANCES)
        dimension = whole_number("dimension", dimension, least=1)
        if dimension not in DIMENSIONS:
            raise InputError(f"dimension must be one of {', '.join(map(str, DIMENSIONS))}, got {dimension}")
        if isinstance(half_width, bool) or not isinstance(half_width, int | float) or not 0 < half_width <= 100:
            raise InputError(f"half_width must be a number above 0 and at most 100, got {half_width!r}")
        super().__init__(n_var=dimension, n_obj=2, xl=-float(half_width), xu=float(half_width), vtype=float)
        self._opened: tuple[cocoex.Suite, cocoex.Problem] | None = None

    def name(self) -> str:
        """Return the name under which `csmoifsa.load_problem` finds it."""
        return f"bbob-biobj-f{self.function:02d}"

    @property
    def coco(self) -> cocoex.Problem:
        """The ``cocoex`` problem, opened when first asked for; not shared by copies."""
        if self._opened is None:
            # An instance that the suite lacks would make the C library loop for ever: only checked numbers get here.
            options = f"function_indices: {self.function} dimensions: {self.n_var} instance_indices: {self.instance}"
            suite = cocoex.Suite("bbob-biobj", "", options)
            self._opened = suite, suite[0]  # the suite owns the problem's memory
        return self._opened[1]

    def _evaluate(self, X: np.ndarray, out: dict[str, np.ndarray], *args: object, **kwargs: object) -> None:
        evaluate = self.coco
        rows = np.array(X, dtype=float, order="C")  # a copy: the C library takes no read-only memory
        out["F"] = np.array([evaluate(x) for x in rows]).reshape(len(rows), 2)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": None}


def _within(name: str, value: object, most: int) -> int:
    number = whole_number(name, value, least=1)
    if number > most:
        raise InputError(f"{name} must be from 1 to {most}, got {number}")
    return number
