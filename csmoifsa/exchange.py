"""The exchange of pymoo's individuals for rows of the engine: whose results they bring, and what only they hold.

`Exchange.ask` returns candidates as individuals, `Exchange.tell` takes them back, in any order and number: each is
matched with its row by identity, else by ``X``, so that objectives never reach another candidate's row. `Records`
keeps what the engine's arrays cannot: the position exactly as it was evaluated, and further outputs of the problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pymoo.core.individual import Individual, default_config
from pymoo.core.population import Population
from pymoo.core.problem import Problem

from csmoifsa.board import Front
from csmoifsa.engine import Engine, ImmuneFishSwarm
from csmoifsa.errors import InputError
from csmoifsa.kernels.space import total_violation

EQUALITY_TOLERANCE = default_config()["cv_eq"]["eps"]  # pymoo's default, so that both compute the same CV
STAMPS = ("n_gen", "n_iter")  # pymoo writes them on whatever ask() returns
BOUND_SLACK = 1e-9  # of a variable's range: rounding in a repair may leave the bounds by that much


class Values(NamedTuple):
    """Positions and results of candidates, one a row."""

    X: np.ndarray  # (n, n_var) as evaluated, of any number type
    F: np.ndarray  # (n, n_obj)
    constraints: np.ndarray  # (n, n_ieq + n_eq), inequalities first


@dataclass(frozen=True)
class Kept:
    """What `Records` keeps of one individual: its position as evaluated, and further outputs by name."""

    X: np.ndarray
    outputs: dict[str, Any]


class Records:
    """Exact positions and further outputs of individuals, found by the engine's position and objectives."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, bytes], Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, placed: np.ndarray, F: np.ndarray, X: np.ndarray, outputs: Sequence[dict[str, Any]]) -> None:
        """Remember rows that differ from the engine's ``placed`` (n, n_var) or have further outputs (n mappings)."""
        differs = (placed != X).any(axis=1) | (X.dtype.kind != "f")
        if not (self._kept or any(outputs) or differs.any()):
            return
        for i, row_outputs in enumerate(outputs):
            key = _key(placed[i], F[i])
            if differs[i] or row_outputs:
                self._kept[key] = Kept(X[i].copy(), row_outputs)
            else:
                self._kept.pop(key, None)

    def forget_all_but(self, placed: np.ndarray, F: np.ndarray) -> None:
        """Forget the individuals that are not among these rows."""
        wanted = [_key(x, f) for x, f in zip(placed, F, strict=True)]
        self._kept = {key: self._kept[key] for key in wanted if key in self._kept}

    def restored(self, rows: Front) -> tuple[Front, list[dict[str, Any]] | None]:
        """Return rows with their exact positions, and the further outputs of each; None where nothing was kept."""
        if not self._kept:
            return rows, None
        kept = [self._kept.get(_key(x, f)) for x, f in zip(rows.X, rows.F, strict=True)]
        X = np.array([x if known is None else known.X for x, known in zip(rows.X, kept, strict=True)])
        return rows._replace(X=X.reshape(rows.X.shape)), [{} if known is None else known.outputs for known in kept]


def _key(x: np.ndarray, f: np.ndarray) -> tuple[bytes, bytes]:
    return x.tobytes(), f.tobytes()


class Exchange:
    """Candidates of one engine as individuals of pymoo, and the way back.

    Parameters
    ----------
    engine : Engine
        The search.
    problem : Problem
        Its problem, for the numbers of objectives and constraints.
    """

    def __init__(self, engine: Engine, problem: Problem):
        self.engine, self.n_ieq, self.n_eq = engine, int(problem.n_ieq_constr), int(problem.n_eq_constr)
        self.records = Records()
        self._asked: list[Individual] = []  # the batch under way, row by row
        self._answers: dict[int, Individual] = {}  # row of the batch -> the individual evaluated for it
        self._extra: list[Individual] = []  # individuals of the user beyond the batch

    # ------------------------------------------------------------------------------------------------ ask and tell
    def ask(self, most: int) -> Population:
        """Return the candidates of the next ``most`` rows at most, without those answered already."""
        X = self.engine.ask(most)
        self._asked = self._asked[: len(X)]
        self._asked += [Individual(X=x) for x in X[len(self._asked) :]]
        return Population([one for row, one in enumerate(self._asked) if row not in self._answers])

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
        if not self._asked:
            raise InputError("tell() before ask(): ask for candidates first, then tell their objectives once")
        individuals = list(infills)
        values = self.values(individuals)
        self._units(values.X)
        answers, extra = self._matched(individuals)
        self._answers |= answers
        self._extra += extra
        n = len(self._asked)
        if len(self._answers) == n:
            self._hand_over([self._answers[row] for row in range(n)])

    def close_batch(self) -> None:
        """End a batch whose last answers do not come: rows without one repeat an answered row."""
        if self._answers:
            spare = next(iter(self._answers.values()))
            self._hand_over([self._answers.get(row, spare) for row in range(len(self._asked))])

    def _hand_over(self, individuals: list[Individual]) -> None:
        values = self.values(individuals)
        self.report(values, [_outputs(one) for one in individuals])
        self._asked, self._answers = [], {}
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
        free = {row: one for row, one in enumerate(self._asked) if row not in answers and row not in self._answers}
        by_position: dict[bytes, list[int]] = {}
        for row in reversed(free):
            by_position.setdefault(_position(free[row]), []).append(row)
        strangers = []
        for one in others:
            if same := by_position.get(_position(one)):
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
        for i, one in enumerate(individuals):
            if np.shape(one.X) != (self.engine.n_var,):
                raise InputError(
                    f"individual {i} has X of shape {np.shape(one.X)}; the problem has {self.engine.n_var} variables"
                )
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
        X = np.array([one.X for one in individuals]).reshape(n, self.engine.n_var)
        F = np.array([np.ravel(one.F) for one in individuals], dtype=float).reshape(n, n_obj)
        constraints = [np.concatenate([np.ravel(one.G), np.ravel(one.H)]) for one in individuals]
        values = Values(X, F, np.array(constraints, dtype=float).reshape(n, self.n_ieq + self.n_eq))
        self._refuse_failed(values)
        return values

    def _refuse_failed(self, values: Values) -> None:
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
        self.engine.tell(values.F, self._violations(values), values.constraints)
        self.records.keep(placed, values.F, values.X, outputs or [{}] * len(placed))
        board, engine = self.engine.board, self.engine
        if engine.n_told == engine.n_planned and len(self.records) > 4 * len(board.population.CV):
            population, count = board.population, board.count
            self.records.forget_all_but(engine.place(population.X[:count]), population.F[:count])

    def insert(self, individuals: list[Individual]) -> None:
        """Have evaluated individuals compete for the population, between two generations of the engine."""
        values = self.values(individuals)
        U, CV = self._units(values.X), self._violations(values)
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
        self._asked, self._answers, self._extra = [], {}, []
        engine.n_told, engine.n_asked, engine.board.count = engine.n_planned, 0, 0
        self.insert(chosen)

    def _violations(self, values: Values) -> np.ndarray:
        CV = np.zeros(len(values.F))
        total_violation(np.ascontiguousarray(values.constraints), self.n_ieq, EQUALITY_TOLERANCE, CV)
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
        return np.clip(U[:, engine.free], 0.0, 1.0)


def _position(one: Individual) -> bytes:
    return (np.asarray(one.X, dtype=float) + 0.0).tobytes()  # + 0.0: a negative zero is a zero


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
