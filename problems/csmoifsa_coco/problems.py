"""COCO's bbob-biobj problems as pymoo problems.

Objective values are those of the package ``cocoex`` (PyPI: coco-experiment), bounds its region of interest
[-100, 100]. The front is not known: a campaign measures against all its runs together, COCO's observer against COCO's
own reference values (command ``csmoifsa coco observe``).
"""

from __future__ import annotations

from typing import Any

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

    Raises
    ------
    InputError
        The suite has no such function, dimension or instance.
    """

    def __init__(self, function: int, dimension: int = 10, instance: int = 1) -> None:
        self.function = _within("function", function, FUNCTIONS)
        self.instance = _within("instance", instance, INSTANCES)
        dimension = whole_number("dimension", dimension, least=1)
        if dimension not in DIMENSIONS:
            raise InputError(f"dimension must be one of {', '.join(map(str, DIMENSIONS))}, got {dimension}")
        super().__init__(n_var=dimension, n_obj=2, xl=-100.0, xu=100.0, vtype=float)
        self._opened: Any = None

    def name(self) -> str:
        """Return the name under which `csmoifsa.load_problem` finds it."""
        return f"bbob-biobj-f{self.function:02d}"

    @property
    def coco(self) -> Any:
        """The ``cocoex`` problem, opened when first asked for; not shared by copies."""
        if self._opened is None:
            # An instance that the suite lacks would make the C library loop for ever: only checked numbers get here.
            options = f"function_indices: {self.function} dimensions: {self.n_var} instance_indices: {self.instance}"
            suite = cocoex.Suite("bbob-biobj", "", options)
            self._opened = suite, suite[0]  # the suite owns the problem's memory
        return self._opened[1]

    def _evaluate(self, X: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        evaluate = self.coco
        rows = np.array(X, dtype=float, order="C")  # a copy: the C library takes no read-only memory
        out["F"] = np.array([evaluate(x) for x in rows]).reshape(len(rows), 2)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}


def _within(name: str, value: object, most: int) -> int:
    number = whole_number(name, value, least=1)
    if number > most:
        raise InputError(f"{name} must be from 1 to {most}, got {number}")
    return number
