"""The exchange of pymoo's individuals for rows of the engine: whose results they bring, and what only they hold.

`Exchange.ask` returns candidates as individuals, `Exchange.tell` takes them back, in any order and number: each is
matched with its row by identity, else by ``X``, so that objectives never reach another candidate's row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from pymoo.core.individual import Individual, default_config
from pymoo.core.population import Population
from pymoo.core.problem import Problem

from csmoifsa.board import Front
from csmoifsa.engine import Engine, ImmuneFishSwarm
from csmoifsa.errors import InputError
from csmoifsa.kernels.space import total_violation
from csmoifsa.operators import Operators
from csmoifsa.preference import outside_region
from csmoifsa.records import Records
from csmoifsa.results import Outputs, View, as_population
from csmoifsa.variables import coding_of

EQUALITY_TOLERANCE = default_config()["cv_eq"]["eps"]  # pymoo's default, so that both compute the same CV
STAMPS = ("n_gen", "n_iter")  # pymoo writes them on whatever ask() returns
FAILED_CV = 1e150  # violation of a failed evaluation: worse than any other, and its square is finite
BOUND_SLACK = 1e-9  # of a variable's range: rounding in a repair may leave the bounds by that much


class Values(NamedTuple):
    """Positions and results of candidates, one a row."""

    X: np.ndarray  # (n, n_var) as evaluated, of any number type
    F: np.ndarray  # (n, n_obj)
    constraints: np.ndarray  # (n, n_ieq + n_eq), inequalities first


class Exchange:
    """Candidates of one engine as individuals of pymoo, and the way back.

    Parameters
    ----------
    engine : Engine
        The search.
    problem : Problem
        Its problem.
    operators : Operators
        What changes candidates before they are evaluated.
    first : Population
        Individuals to begin with, evaluated or not; the engine has the first rows of them already.
    """

    def __init__(self, engine: Engine, problem: Problem, operators: Operators, first: Population):
        self.engine, self.n_ieq, self.n_eq = engine, int(problem.n_ieq_constr), int(problem.n_eq_constr)
        self.coding = coding_of(problem)
        self.problem, self.operators = problem, operators.on(self.coding)
        self.records = Records()
        self.n_discarded = 0  # evaluations that failed
        self.preferring = False  # whether the reference point decides who survives, as well as dominance
        self.exhausted = False  # whether each candidate that could be made is evaluated already
        self._asked: list[Individual] = []  # the batch under way, row by row
        self._answers: dict[int, Individual] = {}  # row of the batch -> the individual evaluated for it
        self._copies: dict[int, Individual] = {}  # row of the batch -> the individual that it equals
        self._extra: list[Individual] = []  # individuals of the user beyond the batch
        n = engine.settings.pop_size
        self._first, self._surplus = list(first[:n]), list(first[n:])
        point = operators.reference_point
        if point is not None and point.shape != (engine.n_obj,):
            raise InputError(f"reference_point has {point.size} numbers; the problem has {engine.n_obj} objectives")
        if point is not None and not isinstance(engine, ImmuneFishSwarm):
            raise InputError("reference_point needs the default CSMOIFSA: the paper's algorithms have no preferences")
        if is_evaluated := [one for one in first if _is_evaluated(one)]:
            self._units(self.values(is_evaluated).X)
        self._changes = bool(self.operators.active or is_evaluated or self._surplus)

    @property
    def plain(self) -> bool:
        """Whether the engine's rows can be evaluated as they are, without individuals."""
        return not (self._changes or self._asked)

    @property
    def n_answered(self) -> int:
        """How many rows of the batch under way have results, which the engine does not have yet."""
        return len(self._answers)

    # ------------------------------------------------------------------------------------------------ ask and tell
    def ask(self, most: int, budget: float = math.inf) -> Population:
        """Return the candidates of the next ``most`` rows at most, without those answered already.

        With the first rows come the individuals to begin with that have no row, within ``budget`` evaluations. It is
        empty, and `exhausted`, where operators leave no candidate that is not evaluated already.
        """
        X = self.engine.ask(most)
        self._asked = self._asked[: len(X)]
        self._copies = {row: one for row, one in self._copies.items() if row < len(X)}
        self._asked += self._candidates(X, len(self._asked))
        if len(self._copies) == len(X):
            self._asked, self.exhausted = [], True
        waiting = [one for row, one in enumerate(self._asked) if not (row in self._answers or row in self._copies)]
        spare = budget - sum(not _is_evaluated(one) for one in waiting)
        for one in self._surplus:
            spare -= not _is_evaluated(one)
            if spare >= 0:
                waiting.append(one)
        return Population(waiting)

    def _candidates(self, X: np.ndarray, start: int) -> list[Individual]:
        """Return individuals for the rows of the batch (n, n_var) from row ``start`` on."""
        engine = self.engine
        known = self._first[engine.n_told :] if engine.generation == 0 else []
        given = known[start : len(X)]
        individuals = given + [Individual(X=x) for x in self.coding.decoded(X[start + len(given) :])]
        if not self.operators.active:
            return individuals
        new = [i for i, one in enumerate(individuals) if not _is_evaluated(one)]
        waiting = [one for row, one in enumerate(self._asked) if row not in self._copies]
        before = Population([*self._evaluated(), *waiting, *(one for one in given if _is_evaluated(one))])
        key = [engine.seed, engine.n_eval, start]
        positions, others = self._codes([individuals[i] for i in new]), before
        if self.coding.variables is not None:
            others = Population.new(X=self._codes(before))
        positions, spent = self.operators.distinct(self.problem, self.coding, positions, others, key)
        self._units(positions)
        for i, x in zip(new, self.coding.decoded(positions), strict=True):
            individuals[i].X = x
        rows = {new[k] for k in spent}
        usable = [one for i, one in enumerate(individuals) if i not in rows]
        usable += [one for one in before if np.isfinite(one.F).all()]
        positions = np.asarray(self._codes(usable), dtype=float)
        for i in rows:  # what was evaluated already is recorded again, without an evaluation
            distance = np.abs(positions - np.asarray(self._codes([individuals[i]]), dtype=float)).sum(axis=1)
            self._copies[start + i] = usable[int(np.argmin(distance))]
        return individuals

    def _codes(self, individuals: Iterable[Individual]) -> np.ndarray:
        """Return the positions of individuals as codes (n, n_var)."""
        return self.coding.encoded(one.X for one in individuals)

    def _position(self, one: Individual) -> bytes:
        """Return the position of an individual as bytes, empty where it is none of the problem's."""
        with suppress(InputError):
            return (np.asarray(self._codes([one]), dtype=float) + 0.0).tobytes()  # + 0.0: a negative zero is a zero
        return b""

    def _evaluated(self) -> Population:
        """Return all individuals that the engine has, those of a generation under way included."""
        waiting = self.engine.n_told if self.engine.n_told < self.engine.n_planned else 0
        return as_population(*self._rows(self.engine.board.count + waiting))

    def _rows(self, n: int) -> tuple[Front, int, Outputs | None]:
        """Return the first ``n`` individuals of the engine, the number of inequalities, and further outputs of each."""
        population = self.engine.board.population
        rows = Front(*(getattr(population, name)[:n].copy() for name in Front._fields))
        restored, outputs = self.restored(rows._replace(X=self.engine.place(rows.X)))
        return restored, self.n_ieq, outputs

    def view(self) -> View:
        """Return the individuals and the non-dominated solutions of this moment."""
        engine, board = self.engine, self.engine.board
        everybody, n_ieq, outputs = self._rows(board.count)
        if engine.n_told == engine.n_planned:
            return View(everybody, board.population.rank[: board.count] == 0, n_ieq, engine.n_eval, outputs)
        best, outputs_of_best = self.restored(engine.front())  # newcomers evaluated, but not yet in the population
        view = View(everybody, best, n_ieq, engine.n_eval, outputs)
        view.outputs_of_best = outputs_of_best
        return view

    def tell(self, infills: Population) -> None:
        """Take evaluated individuals: those that `ask` returned, changed or not, and others.

        An individual is matched by identity, else by ``X``. One that is neither takes the place of a candidate that
        was left out; those beyond the number asked for compete for the population, too. Candidates without a result
        come again with the next `ask`.

        Raises
        ------
        InputError
            Nothing was asked for; an individual is there twice, lacks values or lies outside the bounds. Nothing is
            recorded then.
        """
        if self.exhausted and len(infills) == 0:
            return
        if not self._asked:
            raise InputError("tell() before ask(): ask for candidates first, then tell their objectives once")
        individuals = list(infills)
        values = self.values(individuals)
        self._units(values.X)
        answers, extra = self._matched(individuals)
        self._answers |= answers
        self._extra += extra
        self._surplus = [one for one in self._surplus if not any(one is other for other in extra)]
        if len(self._answers.keys() | self._copies.keys()) == len(self._asked):
            self._hand_over(self._copies | self._answers)

    def close_batch(self) -> None:
        """End a batch whose last answers do not come: rows without one repeat an answered row."""
        if self._answers:
            spare = next(iter(self._answers.values()))
            self._hand_over(dict.fromkeys(range(len(self._asked)), spare) | self._answers)

    def _hand_over(self, answers: dict[int, Individual]) -> None:
        individuals = [answers[row] for row in range(len(self._asked))]
        values = self.values(individuals)
        self.report(values, [_outputs(one) for one in individuals])
        self._asked, self._answers, self._copies = [], {}, {}
        if self._extra and self.engine.n_told == self.engine.n_planned:
            extra, self._extra = self._extra, []
            self.insert(extra)

    def _matched(self, individuals: list[Individual]) -> tuple[dict[int, Individual], list[Individual]]:
        """Return the individuals by the row of the batch that each answers, and those beyond the batch."""
        if len({id(one) for one in individuals}) < len(individuals):
            raise InputError("tell() got an individual twice; tell each once")
        rows = {id(one): row for row, one in enumerate(self._asked)}
        answers = {rows[id(one)]: one for one in individuals if id(one) in rows}
        others = [one for one in individuals if id(one) not in rows]
        free = {row: one for row, one in enumerate(self._asked) if not (row in answers or row in self._answers)}
        by_position: dict[bytes, list[int]] = {}
        for row in reversed(free):
            by_position.setdefault(self._position(free[row]), []).append(row)
        strangers = []
        for one in others:
            if same := by_position.get(self._position(one)):
                row = same.pop()
                answers[row] = one
                del free[row]
            else:
                strangers.append(one)
        answers |= dict(zip(free, strangers, strict=False))
        return answers, strangers[len(free) :]

    def values(self, individuals: Sequence[Individual]) -> Values:
        """Return positions and results of evaluated individuals; raises `InputError` where one lacks a value."""
        n, n_obj = len(individuals), self.engine.n_obj
        X = self._codes(individuals)
        for i, one in enumerate(individuals):
            if np.size(one.F) != n_obj:
                raise InputError(
                    f"individual {i} has no {n_obj} objectives F; evaluate it, e.g. with "
                    "algorithm.evaluator.eval(problem, infills)"
                )
            if np.size(one.G) != self.n_ieq or np.size(one.H) != self.n_eq:
                raise InputError(
                    f"tell() needs {self.n_ieq} inequality and {self.n_eq} equality values (G, H) of each candidate; "
                    "evaluate with algorithm.evaluator.eval(problem, infills), or set them beside F"
                )
        F = np.array([np.ravel(one.F) for one in individuals], dtype=float).reshape(n, n_obj)
        constraints = [np.concatenate([np.ravel(one.G), np.ravel(one.H)]) for one in individuals]
        values = Values(X, F, np.array(constraints, dtype=float).reshape(n, self.n_ieq + self.n_eq))
        self._refuse_failed(values)
        return values

    def _refuse_failed(self, values: Values) -> None:
        if self.operators.on_error == "discard":
            return
        for name, table in (("F", values.F), ("G and H", values.constraints)):
            for row in np.flatnonzero(~np.isfinite(table).all(axis=1))[:1]:
                raise InputError(
                    f"{name} is {table[row].tolist()} in row {row} of X = {values.X[row].tolist()}: objectives and "
                    "constraints must be finite numbers; mend the problem or return a large finite value"
                )

    # --------------------------------------------------------------------------------------------- to the engine
    def report(self, values: Values, outputs: Sequence[dict[str, Any]] = ()) -> None:
        """Record results of the first rows of the batch with the engine; the rows take the positions evaluated."""
        placed = self._adopt(values.X)
        values, failed = self._without_failures(values)
        self.n_discarded += int(failed.sum())
        self.engine.tell(values.F, np.where(failed, FAILED_CV, self._demerits(values)), values.constraints)
        self.records.keep(placed, values.F, values.X, outputs or [{}] * len(placed))
        board, engine = self.engine.board, self.engine
        if engine.n_told == engine.n_planned:
            self._consider_preference()
        if engine.n_told == engine.n_planned and len(self.records) > 4 * len(board.population.CV):
            population, count = board.population, board.count
            self.records.forget_all_but(engine.place(population.X[:count]), population.F[:count])

    def insert(self, individuals: list[Individual]) -> None:
        """Have evaluated individuals compete for the population, between two generations of the engine."""
        individuals = [one for one in individuals if np.isfinite(one.F).all() and np.isfinite([*one.G, *one.H]).all()]
        values = self.values(individuals)
        U, CV = self._units(values.X), self._demerits(values)
        board = self.engine.board
        population, start = board.population, 0
        while start < len(U):
            some = slice(start, start + len(population.CV) - board.count)
            n = len(U[some])
            board.post(0, U[some], np.zeros_like(U[some]), values.F[some], CV[some], values.constraints[some])
            population.n_uses[board.count : board.count + n] = 0.0
            board.select(n)
            start += n
        self.records.keep(self.engine.place(U), values.F, values.X, [_outputs(one) for one in individuals])

    def replace_population(self, individuals: Population | None) -> None:
        """Have evaluated individuals take the place of the population; a batch under way is dropped."""
        engine = self.engine
        if not isinstance(engine, ImmuneFishSwarm):
            raise InputError("pop cannot be set: the fish of this algorithm are not the individuals on its board")
        if engine.board.count == 0:
            raise InputError("pop cannot be set before the first population is evaluated; use sampling=...")
        if individuals is None or len(individuals) == 0:
            raise InputError("pop must be an evaluated Population of one or more individuals")
        chosen = list(individuals)
        self._units(self.values(chosen).X)
        self._asked, self._answers, self._copies, self._extra = [], {}, {}, []
        engine.n_told, engine.n_asked, engine.board.count = engine.n_planned, 0, 0
        self.insert(chosen)

    def _without_failures(self, values: Values) -> tuple[Values, np.ndarray]:
        """Return values with finite numbers in place of failed evaluations, and which rows (n,) these are."""
        if self.operators.on_error != "discard":
            return values, np.zeros(len(values.F), bool)
        failed = np.logical_not(np.isfinite(np.hstack([values.F, values.constraints])).min(axis=1))
        fine = values.F[~failed] if not failed.all() else self.engine.front().F
        worst = fine.max(axis=0) if len(fine) else np.zeros(self.engine.n_obj)
        F = np.where(failed[:, None], worst, values.F)
        return values._replace(F=F, constraints=np.where(failed[:, None], 0.0, values.constraints)), failed

    def restored(self, rows: Front) -> tuple[Front, Outputs | None]:
        """Return rows of the engine as they were evaluated, and further outputs of each; failed ones are infinite."""
        rows, outputs = self.records.restored(rows)
        failed = rows.CV >= FAILED_CV
        if self.preferring:
            rows = rows._replace(CV=self._violations(rows.extra))
        if failed.any():
            F, extra = (np.where(failed[:, None], np.inf, table) for table in (rows.F, rows.extra))
            rows = rows._replace(F=F, CV=np.where(failed, np.inf, rows.CV), extra=extra)
        return rows._replace(X=self.coding.decoded(rows.X)), outputs

    def _demerits(self, values: Values) -> np.ndarray:
        """Return what the engine takes as violations (n,): `preferring`, 0.5 outside the region of interest, too."""
        CV = self._violations(values.constraints)
        if not self.preferring:
            return CV
        return np.where(CV > 0.0, 1.0 + CV, 0.5 * outside_region(values.F, self.operators.reference_point))

    def _consider_preference(self) -> None:
        """Begin to prefer the region of interest once no individual is infeasible or dominated, and one lies in it.

        With none in it all would be equally bad, and the search would have no direction.
        """
        board = self.engine.board
        rows, n = slice(board.count), board.count
        population = board.population
        if self.operators.reference_point is None or self.preferring or n < board.capacity:
            return
        if population.rank[rows].any() or population.CV[rows].any():
            return
        if outside_region(population.F[rows], self.operators.reference_point).all():
            return
        self.preferring = True
        population.CV[rows] = self._demerits(Values(population.X[rows], population.F[rows], population.extra[rows]))
        board.count = 0  # the order of the rows has changed: they are compared anew
        board.select(n)

    def _violations(self, constraints: np.ndarray) -> np.ndarray:
        CV = np.zeros(len(constraints))
        total_violation(np.ascontiguousarray(constraints), self.n_ieq, EQUALITY_TOLERANCE, CV)
        return CV

    def _adopt(self, X: np.ndarray) -> np.ndarray:
        """Move the next rows of the engine to positions ``X`` (n, n_var); return the engine's positions of them."""
        engine = self.engine
        rows = np.arange(engine.n_told, engine.n_told + len(X))
        placed = engine.place(engine.offspring.X[rows])
        changed = np.flatnonzero((placed != X).any(axis=1))
        if changed.size:
            U = self._units(X[changed])
            engine.offspring.displacement[rows[changed]] += U - engine.offspring.X[rows[changed]]
            engine.offspring.X[rows[changed]] = U
            placed[changed] = engine.place(U)
        return placed

    def _units(self, X: np.ndarray) -> np.ndarray:
        """Return positions (n, n_var) in the unit box of the free variables; raises where one is out of bounds."""
        engine = self.engine
        X = np.asarray(X, dtype=float)
        width = engine.xu - engine.xl
        slack = BOUND_SLACK * width
        fine = (X >= engine.xl - slack) & (X <= engine.xu + slack)
        for row, k in np.argwhere(~fine)[:1]:
            raise InputError(
                f"variable {k} of individual {row} is {X[row, k]:g}, outside the bounds {engine.xl[k]:g} to "
                f"{engine.xu[k]:g} of the problem; keep individuals of your own and repairs within them"
            )
        U = (X - engine.xl) / np.where(width > 0.0, width, 1.0)
        return np.ascontiguousarray(np.clip(U[:, engine.free], 0.0, 1.0))


def _is_evaluated(one: Individual) -> bool:
    return bool(one.evaluated) and np.size(one.F) > 0


def _outputs(one: Individual) -> dict[str, Any]:
    return {name: value for name, value in one.data.items() if name not in STAMPS}


def rows_of(outputs: dict[str, Any], n: int) -> list[dict[str, Any]]:
    """Return further outputs of a problem for ``n`` candidates, by name, as a mapping for each candidate."""
    rows: list[dict[str, Any]] = [{} for _ in range(n)]
    for name, values in outputs.items():
        if values is not None and np.shape(values)[:1] != (n,):
            shape = np.shape(values)
            raise InputError(
                f"out[{name!r}] of the problem has shape {shape}; it must have a row for each of {n} rows of X"
            )
        for row, value in zip(rows, [] if values is None else values, strict=False):
            row[name] = value
    return rows
