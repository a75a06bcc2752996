"""The search on plain arrays: ``ask`` returns candidates, ``tell`` records their objectives.

This module depends neither on a problem nor on pymoo. `Engine` checks the order of calls and holds the state;
`ImmuneFishSwarm` is the default CSMOIFSA; the paper's own variant and its baseline are in `csmoifsa.moafsa`. The
compiled code is in `csmoifsa.kernels`.

>>> import numpy as np
>>> engine = ImmuneFishSwarm(n_var=3, n_obj=2, settings=Settings(pop_size=20), seed=7)
>>> while engine.n_eval < 200:
...     X = engine.ask()
...     engine.tell(np.column_stack([X[:, 0], (1 - X[:, 0]) ** 2 + X[:, 1:].sum(axis=1)]))
>>> engine.front().F.shape[1]
2
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any, ClassVar, TypeGuard

import numpy as np

from csmoifsa.board import BulletinBoard, Front
from csmoifsa.errors import InputError
from csmoifsa.kernels.generation import accept_rows, plan_rows, run_generations
from csmoifsa.kernels.records import Memory, Offspring, Task, parameters_of
from csmoifsa.kernels.space import latin_hypercube, place
from csmoifsa.settings import BEHAVIOURS, Settings
from csmoifsa.states import check_parents, check_state
from csmoifsa.typing import Array, ArrayLike, Evaluator, JsonObject


class Engine(ABC):
    """Base class of the searches: holds the state and checks the order of ask and tell.

    Subclasses plan offspring and accept them. A generation of offspring is planned whole, returned by `ask` in pieces
    of any size and accepted when its last row is evaluated. So the end of a budget, the number of workers or a save
    within a generation never changes the search.

    Parameters
    ----------
    n_var, n_obj : int
        Numbers of variables and of objectives (two or more).
    settings : Settings
        Settings, validated by their class.
    seed : int
        Key of the random stream, 0 <= seed < 2**63. Same seed, same front, bit for bit.
    xl, xu : (n_var,) array, optional
        Bounds; the unit box by default. Equal bounds fix a variable.
    n_extra : int
        Further columns that `tell` records with each individual, e.g. constraint values.
    initial : (n, n_var) array, optional
        First positions, within the bounds; the other rows up to ``pop_size`` come from a Latin hypercube.

    Raises
    ------
    InputError
        Fewer than two objectives, bounds that are missing, infinite or crossed, initial rows outside the bounds.
    """

    all_ranks: ClassVar[bool]

    def __init__(
        self,
        n_var: int,
        n_obj: int,
        *,
        settings: Any,
        seed: int = 0,
        xl: ArrayLike | None = None,
        xu: ArrayLike | None = None,
        n_extra: int = 0,
        initial: ArrayLike | None = None,
    ):
        if n_var < 1:
            raise InputError(f"the problem must have at least one variable, got n_var = {n_var}")
        if n_obj < 2:
            raise InputError(f"this optimiser needs two or more objectives, got n_obj = {n_obj}")
        if not 0 <= seed < 2**63:
            raise InputError(f"seed must be a whole number from 0 to 2**63 - 1, got {seed}")
        self.n_var, self.n_obj, self.n_extra = int(n_var), int(n_obj), int(n_extra)
        self.settings, self.seed = settings, int(seed)
        self.xl = self._bound(xl, 0.0, "xl")
        self.xu = self._bound(xu, 1.0, "xu")
        crossed = np.flatnonzero(self.xl > self.xu)
        if crossed.size:
            k = crossed[0]
            raise InputError(f"variable {k}: lower bound {self.xl[k]:g} is above upper bound {self.xu[k]:g}")
        moving = np.flatnonzero(self.xu > self.xl)
        self.free = moving if moving.size else np.zeros(1, np.int64)  # the search varies these variables only
        n_free = self.free.size
        self.n_eval = 0
        self.generation = 0  # generations planned so far
        rows = max(settings.pop_size, self._max_planned())
        self.offspring = Offspring(
            X=np.zeros((rows, n_free)),
            displacement=np.zeros((rows, n_free)),
            parent=np.zeros(rows, np.int64),
            behaviour=np.zeros(rows, np.int64),
        )
        self.board = BulletinBoard(
            settings.pop_size,
            rows,
            n_free,
            self.n_obj,
            n_extra,
            all_ranks=self.all_ranks,
        )
        latin_hypercube(self.offspring.X[: settings.pop_size], self.seed)
        if initial is not None:
            self._set_initial(np.atleast_2d(np.asarray(initial, dtype=float)))
        self.n_planned, self.n_asked, self.n_told = settings.pop_size, 0, 0

    # ------------------------------------------------------------------------------------------------ ask and tell
    def ask(self, most: int | None = None) -> np.ndarray:
        """Return the next candidates (n, n_var), within the bounds: the rest of a generation, at most ``most`` rows.

        A second `ask` before `tell` returns the same rows: nothing is lost when an evaluation fails.
        """
        if self.n_told == self.n_planned:
            self.n_planned, self.n_told = self._plan(), 0
            self.generation += 1
        self.n_asked = self.n_planned - self.n_told
        if most is not None:
            if most < 1:
                raise InputError(f"ask for at least one candidate, got most = {most}")
            self.n_asked = min(self.n_asked, most)
        return self._candidates()

    def tell(self, F: ArrayLike, CV: ArrayLike | None = None, extra: ArrayLike | None = None) -> None:
        """Record the results of the rows that the last `ask` returned.

        Parameters
        ----------
        F : (n, n_obj) array
            Objectives, minimised.
        CV : (n,) array, optional
            Total constraint violations, 0 = feasible; all feasible by default.
        extra : (n, n_extra) array, optional
            Further columns kept with each individual; zeros by default.

        Raises
        ------
        InputError
            An array has the wrong shape, or NaN or infinite values (in the row named); the engine stays as it was.
        """
        n = self.n_asked
        if n == 0:
            raise InputError("tell() before ask(): ask for candidates first, then tell their objectives once")
        F = self._table(F, n, self.n_obj, "F")
        CV = np.zeros(n) if CV is None else self._table(CV, n, 1, "CV")[:, 0]
        extra = (
            np.zeros((n, self.n_extra)) if extra is None else self._table(extra, n, self.n_extra, "extra", finite=False)
        )
        rows = slice(self.n_told, self.n_told + n)
        X, displacement = self.offspring.X[rows], self.offspring.displacement[rows]
        self.board.post(self.n_told, X, displacement, F, np.maximum(CV, 0.0), extra)
        self.n_told, self.n_asked = self.n_told + n, 0
        self.n_eval += n
        if self.n_told == self.n_planned:
            self._accept()

    def front(self) -> Front:
        """Return the non-dominated solutions evaluated so far, ``X`` within the bounds; one of each set of equals."""
        front = self.board.front(self.n_told if self.n_told < self.n_planned else 0)
        return front._replace(X=self.place(front.X))

    def place(self, U: np.ndarray) -> np.ndarray:
        """Return unit-box rows (n, n_free) scaled to the bounds, (n, n_var); fixed variables get their only value."""
        X = np.empty((len(U), self.n_var))
        place(U, self.free, self.xl, self.xu, X)
        return X

    def _candidates(self) -> np.ndarray:
        """Return the rows asked for, (n_asked, n_var), within the bounds."""
        return self.place(self.offspring.X[self.n_told : self.n_told + self.n_asked])

    # --------------------------------------------------------------------------------------------------- subclasses
    @abstractmethod
    def _max_planned(self) -> int:
        """Return the largest number of rows that `_plan` fills."""

    @abstractmethod
    def _plan(self) -> int:
        """Fill `offspring` and return how many rows were filled."""

    @abstractmethod
    def _accept(self) -> None:
        """Select survivors once all rows of a generation are evaluated."""

    # ------------------------------------------------------------------------------------------------- input checks
    def _bound(self, value: ArrayLike | None, default: float, name: str) -> np.ndarray:
        bound = np.full(self.n_var, default) if value is None else np.array(value, dtype=float)
        if bound.shape != (self.n_var,):
            raise InputError(f"{name} must have one value for each of {self.n_var} variables, got shape {bound.shape}")
        bad = np.flatnonzero(~np.isfinite(bound))
        if bad.size:
            raise InputError(
                f"variable {bad[0]} has no finite bound {name} ({bound[bad[0]]}); give every variable bounds"
            )
        return np.ascontiguousarray(bound)

    def _table(self, values: ArrayLike, n: int, n_columns: int, name: str, *, finite: bool = True) -> np.ndarray:
        table = np.array(values, dtype=float)
        if table.size != n * n_columns or (table.ndim > 0 and len(table) != n):
            raise InputError(
                f"{name} must have shape ({n}, {n_columns}), one row a candidate asked for; got {table.shape}"
            )
        table = table.reshape(n, n_columns)
        if finite and not np.isfinite(table).all():
            bad = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
            raise InputError(
                f"{name} is {table[bad].tolist()} in row {bad} of X = {self._row(bad)}: "
                f"objectives and violations must be finite numbers; mend the problem or return a large finite value"
            )
        return table

    def _row(self, i: int) -> list[float]:
        place = self.n_told + int(i)
        return self.place(self.offspring.X[place : place + 1])[0].tolist()

    def _set_initial(self, initial: np.ndarray) -> None:
        if initial.ndim != 2 or initial.shape[1] != self.n_var:
            raise InputError(f"initial positions must have shape (n, {self.n_var}), got {initial.shape}")
        outside = np.flatnonzero(~((initial >= self.xl) & (initial <= self.xu)).all(axis=1))
        if outside.size:
            raise InputError(f"initial position {outside[0]} lies outside the bounds or is not a number")
        n = min(len(initial), self.settings.pop_size)
        width = np.where(self.xu > self.xl, self.xu - self.xl, 1.0)
        self.offspring.X[:n] = ((initial[:n] - self.xl) / width)[:, self.free]

    # -------------------------------------------------------------------------------------------------------- state
    _INTEGERS: ClassVar[tuple[str, ...]] = ("n_eval", "generation", "n_planned", "n_told")

    @property
    def state(self) -> dict[str, np.ndarray]:
        """All data that change during a run, arrays by name; a run restored from them continues bit for bit."""
        state = {f"population_{name}": column.copy() for name, column in self.board.population._asdict().items()}
        state |= {f"offspring_{name}": column.copy() for name, column in self.offspring._asdict().items()}
        state |= {name: array.copy() for name, array in self._arrays().items()}
        state["counters"] = np.array([self.board.count, *(getattr(self, name) for name in self._INTEGERS)])
        return state

    @state.setter
    def state(self, state: dict[str, np.ndarray]) -> None:
        self._check(state)
        for name, column in self.board.population._asdict().items():
            column[...] = state[f"population_{name}"]
        for name, column in self.offspring._asdict().items():
            column[...] = state[f"offspring_{name}"]
        for name, array in self._arrays().items():
            array[...] = state[name]
        count, *integers = (int(value) for value in state["counters"])
        self.board.count, self.n_asked = count, 0
        for name, value in zip(self._INTEGERS, integers, strict=True):
            setattr(self, name, value)

    def _check(self, state: dict[str, np.ndarray]) -> None:
        """Raise `InputError` for a state that this engine cannot be in."""
        check_state(
            state,
            self.state,
            capacity=self.board.capacity,
            first=self.settings.pop_size,
            ranges=self._ranges(),
        )

    def _ranges(self) -> dict[str, tuple[int, int]]:
        """Return name -> (least, greatest) value of the arrays of whole numbers in the subclass's state."""
        return {}

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of state, by name, that the subclass adds."""
        return {}

    def describe(self) -> JsonObject:
        """Return the settings as plain values, for records of a run."""
        return asdict(self.settings)


class ImmuneFishSwarm(Engine):
    """The default CSMOIFSA: fish follow, swarm and forage, immunity clones the least crowded.

    Each child draws its behaviour at random; a behaviour's probability grows with its credit, earned by children that
    are better than their own parent. See ``docs/assumptions.md`` for how these parts descend from the paper's.
    """

    all_ranks = True

    def __init__(self, n_var: int, n_obj: int, *, settings: Settings | None = None, **options: Any):
        super().__init__(n_var, n_obj, settings=settings or Settings(), **options)
        s: Settings = self.settings
        enabled = np.array([name in s.behaviours for name in BEHAVIOURS])
        self._memory = Memory(
            credit=np.full(len(BEHAVIOURS), 0.1), success=np.full(1, 0.1), step_lengths=np.zeros(s.memory_size)
        )
        self._task = Task(self.free, self.xl, self.xu, enabled, self.seed)
        self._parameters = parameters_of(s)
        self._placed: np.ndarray | None = None
        # what compiled code reads at a call from Python: see `plan_rows`
        self._records = tuple(self.board.population), tuple(self.offspring), tuple(self._memory)
        self._bounds, self._numbers = tuple(self._task[:-1]), tuple(self._parameters)

    def _max_planned(self) -> int:
        return self.settings.n_offsprings

    def _plan(self) -> int:
        self._placed = np.empty((self.settings.n_offsprings, self.n_var))
        numbers = self._numbers, self.seed, self.board.count, self.generation
        plan_rows(*self._records, self._bounds, *numbers, self._placed)
        return self.settings.n_offsprings

    def _candidates(self) -> np.ndarray:
        placed, self._placed = self._placed, None  # those of the generation planned just now, in this call of `ask`
        return super()._candidates() if placed is None else placed[: self.n_asked]

    def tell(self, F: ArrayLike, CV: ArrayLike | None = None, extra: ArrayLike | None = None) -> None:
        """Do what `Engine.tell` does; a whole generation without constraints takes one call of compiled code."""
        n = self.settings.n_offsprings
        whole = self.n_asked == self.n_planned and self.n_told == 0 < self.generation
        if not (whole and CV is None and not self.n_extra and _is_table(F, n, self.n_obj)):
            return super().tell(F, CV, extra)
        self.board.population.CV[self.board.count : self.board.count + n] = 0.0
        if not self._accepts(F):
            return super().tell(F)  # which raises
        self.n_told, self.n_asked = n, 0
        self.n_eval += n

    def _accepts(self, F: np.ndarray) -> bool:
        """Record objectives (n, n_obj) of a whole generation and select; return False if a value is not finite."""
        count = accept_rows(*self._records, self._numbers, self.board.count, F)
        if count >= 0:
            self.board.count = count
        return count >= 0

    def _accept(self) -> None:
        start = self.board.count
        self._accepts(self.board.population.F[start : start + self.n_planned])

    def _arrays(self) -> dict[str, np.ndarray]:
        return self._memory._asdict()

    def _ranges(self) -> dict[str, tuple[int, int]]:
        return {"offspring_parent": (0, self.board.capacity - 1), "offspring_behaviour": (0, len(BEHAVIOURS) - 1)}

    def _check(self, state: dict[str, np.ndarray]) -> None:
        super()._check(state)
        check_parents(state)

    def run_generations(self, evaluate: Evaluator, data: Array, n_eval: int, *, n_ieq: int, tolerance: float) -> int:
        """Run as many whole generations as fit into ``n_eval`` evaluations in compiled code.

        The search is that of ``ask`` and ``tell``, bit for bit. It stops, perhaps after 0 evaluations, where a
        generation is partly evaluated or a value is not finite: ``ask`` then continues, and ``tell`` raises.

        Parameters
        ----------
        evaluate, data
            A compiled evaluator and its parameters (k,), see `csmoifsa.jit`; it fills ``extra`` with the constraints.
        n_eval : int
            The largest number of evaluations.
        n_ieq : int
            Number of inequality constraints, which come first.
        tolerance : float
            Largest deviation from zero at which an equality holds.

        Returns
        -------
        int
            The number of evaluations made.
        """
        n, first = self.settings.n_offsprings, 0
        if self.board.count == 0 and self.n_told == 0:
            first = self.n_planned  # the first population, which is no generation of offspring
        elif self.n_told < self.n_planned:
            return 0
        most = (n_eval - first) // n + (first > 0) if n_eval >= first else 0
        if most == 0:
            return 0
        counters = np.array([self.board.count, self.generation])
        done = run_generations(
            evaluate, data, self.board.population, self.offspring, self._memory, self._task, self._parameters,
            n_ieq, tolerance, counters, most,
        )  # fmt: skip
        self.board.count, self.generation = int(counters[0]), int(counters[1])
        if done:
            self.n_planned = self.n_told = first if first and done == 1 else n
        self.n_asked = 0
        made = first + (done - 1) * n if first and done else done * n
        self.n_eval += made
        return made


def _is_table(values: ArrayLike, n: int, n_columns: int) -> TypeGuard[np.ndarray]:
    """Return whether values are an array (n, n_columns) that compiled code takes as it is."""
    if type(values) is not np.ndarray or values.dtype != np.float64 or values.shape != (n, n_columns):
        return False
    return values.flags.c_contiguous and values.flags.writeable and values.flags.aligned
