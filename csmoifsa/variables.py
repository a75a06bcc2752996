"""Integer, binary and mixed variables as a box of floats that the engine searches, and the way back.

Every variable is one float, its code: of a real or integer variable its value, of a binary one 0 or 1, of a choice the
number of its option. The box has half a unit of room before the first and after the last whole number, so that each
value has an equal share of it; codes are rounded before they are evaluated.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.repair import Repair
from pymoo.core.variable import Binary, Choice, Integer, Real, Variable

from csmoifsa.errors import InputError

MOST_WHOLE = 2.0**50  # greatest size of a whole number: floats beyond 2**53 skip some, and halves need room, too


class Coding:
    """What the variables of a problem are, and how positions of the problem's form become rows of codes.

    Parameters
    ----------
    low, high : (n_var,) array
        Least and greatest code of each variable, both possible.
    whole : (n_var,) bool array
        Which codes are whole numbers.
    dtype : numpy dtype
        Type of the arrays that the problem takes.
    variables : mapping of str to Variable, optional
        Of a problem with named variables, whose candidates are dicts.
    """

    def __init__(
        self,
        low: np.ndarray,
        high: np.ndarray,
        whole: np.ndarray,
        dtype: np.dtype | type = float,
        variables: Mapping[str, Variable] | None = None,
    ):
        self.low, self.high, self.whole, self.dtype, self.variables = low, high, whole, np.dtype(dtype), variables

    @property
    def plain(self) -> bool:
        """Whether positions are arrays of real numbers: the codes themselves."""
        return self.variables is None and not self.whole.any()

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of the box that is searched, (n_var,) each."""
        half = np.where(self.whole & (self.high > self.low), 0.5, 0.0)
        return self.low - half, self.high + half

    def rounded(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (n, n_var) of possible values: whole numbers where they must be, within the bounds."""
        codes = np.asarray(codes, dtype=float)
        return np.clip(np.where(self.whole, np.rint(codes), codes), self.low, self.high)

    def within(self, codes: np.ndarray, operator: Repair) -> np.ndarray:
        """Return codes (n, n_var) set to the nearest within the bounds; warns where the operator left these."""
        inside = np.clip(codes, *self.bounds)
        if (inside == codes).all():
            return codes
        warnings.warn(
            f"the repair {type(operator).__name__} leaves the bounds; its positions are set to the nearest within them "
            "before they are evaluated",
            RuntimeWarning,
            stacklevel=2,
        )
        return inside.astype(codes.dtype)

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (n, n_var) as the problem takes them: (n, n_var) of its type, or (n,) dicts."""
        if self.plain:
            return codes
        if self.variables is None:
            return self.rounded(codes).astype(self.dtype)
        rows = np.empty(len(codes), dtype=object)
        for i, row in enumerate(self.rounded(codes)):
            rows[i] = {name: _value(kind, x) for (name, kind), x in zip(self.variables.items(), row, strict=True)}
        return rows

    def encoded(self, positions: Iterable[Any]) -> np.ndarray:
        """Return positions of the problem's form as codes (n, n_var), of the type that the positions have.

        Raises
        ------
        InputError
            A position has another number of variables, lacks a name or has a value that its variable cannot take.
        """
        rows = [self._codes(i, x) for i, x in enumerate(positions)]
        kind = None if self.variables is None else float
        return np.array(rows, dtype=kind).reshape(len(rows), self.low.size)

    def _codes(self, i: int, x: Any) -> Any:
        if self.variables is None:
            if np.shape(x) != self.low.shape:
                raise InputError(
                    f"individual {i} has X of shape {np.shape(x)}; the problem has {self.low.size} variables"
                )
            return x
        if not isinstance(x, Mapping) or x.keys() != self.variables.keys():
            raise InputError(f"individual {i} must be a dict with the keys {', '.join(self.variables)}; got {x!r:.80}")
        return [_code(name, kind, x[name], i) for name, kind in self.variables.items()]


class CodedRepair(Repair):
    """Rounds codes to possible values, after a repair of the user's has seen them as the problem does."""

    def __init__(self, coding: Coding, repair: Repair | None):
        super().__init__()
        self.coding, self.repair = coding, repair

    def __call__(self, problem: Problem, pop: Population, **options: Any) -> Population:
        """Return the population, of codes, repaired."""
        codes = np.array(pop.get("X"), dtype=float)
        if self.repair is not None and len(pop):
            mended = self.repair(problem, Population.new(X=self.coding.decoded(codes)), **options)
            codes = np.asarray(self.coding.encoded([one.X for one in mended]), dtype=float)
            codes = self.coding.within(codes, self.repair)
        codes = self.coding.rounded(codes)
        pop.set("X", codes if self.coding.variables is not None else self.coding.decoded(codes))
        return pop


def coding_of(problem: Problem) -> Coding:
    """Return the coding of a problem's variables.

    Raises
    ------
    InputError
        A variable is of an unknown kind or lacks bounds, options, or a whole number between its bounds.
    """
    named = getattr(problem, "vars", None)
    if named is not None:
        ranges = np.array([_range(name, variable) for name, variable in named.items()]).reshape(-1, 2)
        coding = Coding(
            ranges[:, 0], ranges[:, 1], np.array([not isinstance(one, Real) for one in named.values()]), float, named
        )
        _check(coding, [*named])
        return coding
    dtype = np.dtype(float if problem.vtype is None else problem.vtype)
    if dtype.kind not in "fiub":
        raise InputError(
            f"{type(problem).__name__} has variables of type {dtype}; they must be real, integer or binary numbers"
        )
    if dtype.kind == "b" and (problem.xl is None or problem.xu is None):
        low, high = np.zeros(problem.n_var), np.ones(problem.n_var)
    elif problem.xl is None or problem.xu is None:
        name = type(problem).__name__
        raise InputError(f"{name} has no bounds: give every variable a lower bound xl and an upper bound xu")
    else:
        low, high = np.array(problem.xl, dtype=float), np.array(problem.xu, dtype=float)
    if dtype.kind == "f":
        return Coding(low, high, np.zeros(low.shape, bool))
    coding = Coding(np.ceil(low), np.floor(high), np.ones(low.shape, bool), dtype)
    _check(coding, range(low.size))
    return coding


def _range(name: str, variable: Variable) -> tuple[float, float]:
    if isinstance(variable, Binary):
        return 0.0, 1.0
    if isinstance(variable, Choice):
        if not (options := _options(variable)):
            raise InputError(f"variable {name!r} is a Choice without options")
        return 0.0, len(options) - 1.0
    if not isinstance(variable, Real | Integer):
        raise InputError(f"variable {name!r} is of type {type(variable).__name__}; use Real, Integer, Binary or Choice")
    low, high = (None, None) if variable.bounds is None else variable.bounds
    if low is None or high is None:
        return np.nan, np.nan
    return (np.ceil(low), np.floor(high)) if isinstance(variable, Integer) else (float(low), float(high))


def _options(variable: Choice) -> list[object]:
    return list(cast("Iterable[object]", variable.options or []))


def _check(coding: Coding, names: Sequence[str | int]) -> None:
    for name, low, high, whole in zip(names, coding.low, coding.high, coding.whole, strict=True):
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            what = "whole number between its bounds" if whole else "finite bounds, the lower one first"
            raise InputError(f"variable {name!r} has no {what}")
        if whole and max(abs(low), abs(high)) > MOST_WHOLE:
            raise InputError(f"variable {name!r} takes whole numbers beyond 2**50, which are too large to be searched")


def _value(variable: Variable, code: float) -> object:
    if isinstance(variable, Choice):
        return _options(variable)[int(code)]
    if isinstance(variable, Binary):
        return bool(code)
    return int(code) if isinstance(variable, Integer) else float(code)


def _code(name: str, variable: Variable, value: Any, i: int) -> float:
    if isinstance(variable, Choice):
        options = _options(variable)
        same = [k for k, option in enumerate(options) if option is value]
        equal = same or [k for k, option in enumerate(options) if _equal(option, value)]
        if not equal:
            raise InputError(f"variable {name!r} of individual {i} is {value!r:.40}, which is none of its options")
        return float(equal[0])
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"variable {name!r} of individual {i} must be a number, got {value!r:.40}") from error
    if not isinstance(variable, Real) and number != np.rint(number):
        raise InputError(f"variable {name!r} of individual {i} must be a whole number, got {value!r:.40}")
    return number


def _equal(option: object, value: object) -> bool:
    """Return whether an option and a value are the same: 1, 1.0 and True are different options."""
    return isinstance(option, bool) == isinstance(value, bool | np.bool_) and bool(np.all(option == value))
