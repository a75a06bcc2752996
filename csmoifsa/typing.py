"""Types shared by this package and its plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pathlib import Path

    from pymoo.core.evaluator import Evaluator as Counter
    from pymoo.core.problem import Problem as AnyProblem

Array: TypeAlias = NDArray[np.float64]

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value that a JSON file can hold."""

JsonObject: TypeAlias = "dict[str, Json]"
"""An object of a JSON file, its values by key."""

TomlValue: TypeAlias = "bool | int | float | str | datetime | date | time | list[TomlValue] | dict[str, TomlValue]"
"""A value that a TOML file can hold."""

TomlTable: TypeAlias = "dict[str, TomlValue]"
"""A table of a TOML file, its values by key."""

__all__ = ["Array", "ArrayLike", "Evaluator", "Json", "JsonObject", "Problem", "Resumable", "TomlTable", "TomlValue"]


class Evaluator(Protocol):
    """A compiled evaluator of a problem, see `csmoifsa.jit`."""

    def __call__(self, X: Array, data: Array, F: Array, G: Array) -> None:
        """Write the objectives ``F`` (n, n_obj) and constraints ``G`` (n, n_constr) of the candidates ``X`` (n, n_var).

        ``data`` (k,) holds the problem's parameters. Inequalities ``G <= 0`` come first, then equalities ``G = 0``.
        """
        ...


class Problem(Protocol):
    """A problem with a compiled evaluator, as the engine uses it; pymoo's ``Problem`` lacks only the last two.

    Attributes
    ----------
    n_var, n_obj, n_ieq_constr, n_eq_constr : int
        Numbers of variables, objectives, inequality and equality constraints.
    xl, xu : (n_var,) array
        Lower and upper bounds of the variables.
    kernel : Evaluator
        The compiled evaluator.
    kernel_data : (k,) array
        Parameters of the compiled evaluator.
    """

    n_var: int
    n_obj: int
    n_ieq_constr: int
    n_eq_constr: int
    xl: Array
    xu: Array

    @property
    def kernel(self) -> Evaluator:
        """The compiled evaluator."""
        ...

    @property
    def kernel_data(self) -> Array:
        """Parameters of the compiled evaluator, (k,)."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """A pymoo algorithm whose runs can be saved to a file and resumed, as `csmoifsa.algorithm.EngineAlgorithm`.

    Attributes
    ----------
    settings : object
        Settings of the algorithm; a run is resumed only if they equal those of the run saved.
    evaluator : pymoo.core.evaluator.Evaluator
        Counter of evaluations, which every pymoo algorithm has.
    """

    settings: object
    evaluator: Counter

    def save(self, path: str | Path, /) -> None:
        """Write the run to one file; raises `csmoifsa.errors.InputError` if that fails."""
        ...

    @classmethod
    def load(cls, path: str | Path, problem: AnyProblem, /) -> Self:
        """Read a saved run of ``problem``; pymoo's ``minimize`` continues it."""
        ...
