"""Interface to HiGHS: blocks of columns, rows and coefficients as numpy arrays, no modelling layer.

Tolerances stay at HiGHS's defaults: with 1e-9 it was seen to return false bounds. Scale the data to numbers near one
instead, and verify the solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import highspy
import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from scipy.sparse import csc_array

INF = highspy.kHighsInf


@dataclass(frozen=True)
class ProgramSolution:
    """Solution of a linear or mixed-integer program.

    Attributes
    ----------
    status : "optimal", "limit", "infeasible" or "unbounded"
        Outcome of the solve; ``"limit"``: stopped at the time limit.
    x : (n,) array
        Values of the columns; empty if no solution was found.
    value, bound : float
        Objective and its proven bound; equal for a linear program that is solved.
    reduced, row_duals : (n,), (m,) array
        Reduced costs of the columns and multipliers of the rows of a linear program that is solved, with
        ``reduced = cost - matrix.T @ row_duals``; else empty.
    """

    status: str
    x: np.ndarray
    value: float
    bound: float
    reduced: np.ndarray = field(default_factory=lambda: np.empty(0))
    row_duals: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def found(self) -> bool:
        """Whether a solution was found."""
        return self.x.size > 0


class Program:
    """A linear or mixed-integer program, ``min`` or ``max`` of ``cost @ x``, built block by block."""

    def __init__(self, *, maximise: bool = False) -> None:
        self.maximise = maximise
        self._columns: list[tuple[np.ndarray, ...]] = []
        self._rows: list[tuple[np.ndarray, np.ndarray]] = []
        self._terms: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._fixed: list[tuple[np.ndarray, np.ndarray]] = []
        self.n_columns = self.n_rows = 0

    def columns(
        self,
        shape: int | tuple[int, ...],
        lower: ArrayLike = 0.0,
        upper: ArrayLike = INF,
        cost: ArrayLike = 0.0,
        *,
        integer: bool = False,
    ) -> np.ndarray:
        """Add a block of columns and return their indices in its shape; bounds and costs broadcast to it."""
        size = int(np.prod(shape))
        block = [np.broadcast_to(np.asarray(one, dtype=float), shape).ravel() for one in (lower, upper, cost)]
        self._columns.append((*block, np.full(size, integer)))
        first = self.n_columns
        self.n_columns += size
        return np.arange(first, self.n_columns).reshape(shape)

    def rows(self, shape: int | tuple[int, ...], lower: ArrayLike = -INF, upper: ArrayLike = INF) -> np.ndarray:
        """Add a block of rows ``lower <= matrix @ x <= upper`` and return their indices in its shape."""
        size = int(np.prod(shape))
        block = [np.broadcast_to(np.asarray(one, dtype=float), shape).ravel() for one in (lower, upper)]
        self._rows.append((block[0], block[1]))
        first = self.n_rows
        self.n_rows += size
        return np.arange(first, self.n_rows).reshape(shape)

    def add(self, rows: ArrayLike, columns: ArrayLike, values: ArrayLike) -> None:
        """Add coefficients; the arguments broadcast to one shape, values at the same row and column are summed."""
        block = np.broadcast_arrays(np.asarray(rows), np.asarray(columns), np.asarray(values, dtype=float))
        self._terms.append((block[0].ravel(), block[1].ravel(), block[2].ravel()))

    def fix(self, columns: np.ndarray, values: ArrayLike) -> None:
        """Fix columns at values; the arguments broadcast to one shape."""
        block = np.broadcast_arrays(columns, np.asarray(values, dtype=float))
        self._fixed.append((block[0].ravel(), block[1].ravel()))

    def open(self, *, time_limit: float | None = None, gap: float = 1e-7) -> Session:
        """Pass the program to HiGHS and return a session that can be changed and solved again from the last basis."""
        return Session(self, time_limit, gap)

    def solve(self, *, time_limit: float | None = None, gap: float = 1e-7) -> ProgramSolution:
        """Solve the program once and return its solution.

        Parameters
        ----------
        time_limit : float, optional
            Time after which the best solution so far is returned [s].
        gap : float
            Relative gap at which a mixed-integer program counts as solved.
        """
        return self.open(time_limit=time_limit, gap=gap).run()

    def arrays(self) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, np.ndarray], csc_array]:
        """Return (lower, upper, cost, integer) of columns, (lower, upper) of rows, and the matrix by columns."""
        from scipy.sparse import coo_array

        lower, upper, cost, integer = (np.concatenate(part) for part in zip(*self._columns, strict=True))
        for columns, values in self._fixed:
            lower[columns] = upper[columns] = values
        row_lower, row_upper = (
            (np.concatenate(part) for part in zip(*self._rows, strict=True)) if self._rows else np.empty((2, 0))
        )
        i, j, value = (np.concatenate(part) for part in zip(*self._terms, strict=True)) if self._terms else ([], [], [])
        matrix = coo_array((value, (i, j)), shape=(self.n_rows, self.n_columns)).tocsc()
        return (lower, upper, cost, integer), (row_lower, row_upper), matrix


class Session:
    """A program inside HiGHS, kept between solves so that each starts from the last basis."""

    def __init__(self, program: Program, time_limit: float | None, gap: float) -> None:
        (lower, upper, cost, integer), (row_lower, row_upper), matrix = program.arrays()
        self._integer = bool(integer.any())
        self._highs = highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("mip_rel_gap", gap)
        highs.setOptionValue("mip_abs_gap", 1e-9)
        if time_limit is not None:
            highs.setOptionValue("time_limit", float(time_limit))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = program.n_columns, program.n_rows
        lp.sense_ = highspy.ObjSense.kMaximize if program.maximise else highspy.ObjSense.kMinimize
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, upper
        lp.row_lower_, lp.row_upper_ = row_lower, row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
        lp.a_matrix_.value_ = np.asarray(matrix.data, dtype=float)
        if self._integer:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[int(one)] for one in integer]
        highs.passModel(lp)

    def option(self, name: str, value: bool | float | str) -> None:
        """Set one of HiGHS's options."""
        self._highs.setOptionValue(name, value)

    def suggest(self, columns: np.ndarray, values: np.ndarray) -> None:
        """Set values of some columns to start from; HiGHS completes the others."""
        self._highs.setSolution(columns.size, columns.astype(np.int32), values.astype(float))

    def costs(self, columns: np.ndarray, values: np.ndarray) -> None:
        """Change the costs of some columns."""
        self._highs.changeColsCost(columns.size, columns.ravel().astype(np.int32), values.ravel().astype(float))

    def bounds(self, columns: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Change the bounds of some columns."""
        self._highs.changeColsBounds(
            columns.size, columns.ravel().astype(np.int32), lower.ravel().astype(float), upper.ravel().astype(float)
        )

    def row_bounds(self, rows: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Change the bounds of some rows."""
        self._highs.changeRowsBounds(  # type: ignore[attr-defined]  (missing in highspy's own stubs)
            rows.size, rows.ravel().astype(np.int32), lower.ravel().astype(float), upper.ravel().astype(float)
        )

    def run(self, progress: Callable[[float, float], bool | None] | None = None) -> ProgramSolution:
        """Solve from the last basis and return the solution.

        ``progress`` is called now and then while a mixed-integer program is solved, with the objective of its best
        solution and its proven bound so far; both are infinite before they are known. It returns True to end the
        program with what is known.
        """
        highs = self._highs
        if progress is not None and self._integer:

            def told(kind, text, out, back, user) -> None:
                back.user_interrupt = bool(progress(out.mip_primal_bound, out.mip_dual_bound))

            highs.setCallback(told, None)
            highs.startCallback(highspy.cb.HighsCallbackType.kCallbackMipInterrupt)
        highs.run()
        status, info = highs.getModelStatus(), highs.getInfo()
        states = highspy.HighsModelStatus
        word = {
            states.kOptimal: "optimal",
            states.kInfeasible: "infeasible",
            states.kUnbounded: "unbounded",
            states.kUnboundedOrInfeasible: "infeasible",
        }.get(status, "limit")
        has_point = info.primal_solution_status == 2
        x = np.array(highs.getSolution().col_value) if has_point and word in ("optimal", "limit") else np.empty(0)
        value = float(info.objective_function_value)
        bound = float(info.mip_dual_bound) if self._integer else (value if word == "optimal" else float("nan"))
        if self._integer or word != "optimal":
            return ProgramSolution(word, x, value, bound)
        solution = highs.getSolution()
        return ProgramSolution(word, x, value, bound, np.array(solution.col_dual), np.array(solution.row_dual))
