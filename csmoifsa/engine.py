"""The engine: ``ask`` for candidates, ``tell`` their objectives; arrays in, arrays out.

It knows no problem and no pymoo. `Engine` keeps the order of calls and the state; `ImmuneFishSwarm` is the default
CSMOIFSA; the paper's own variant and its baseline are in `csmoifsa.moafsa`. The maths is in `csmoifsa.kernels`.

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
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from csmoifsa import kernels
from csmoifsa.board import BulletinBoard, Front
from csmoifsa.errors import InputError
from csmoifsa.states import check_parents, check_state

BEHAVIOURS = ("clone", "follow", "swarm", "forage")


def check_range(settings: Any, ranges: dict[str, tuple[float, float]]) -> None:
    """Check numeric fields of a settings object against closed ranges.

    Raises
    ------
    InputError
        Names the first field that is out of its range, or not a number of its declared type.
    """
    types = {field.name: field.type for field in fields(settings)}
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        whole = types[name] == "int"
        if isinstance(value, bool) or not isinstance(value, (int, np.integer) if whole else (int, float, np.number)):
            raise InputError(f"setting {name} must be {'a whole number' if whole else 'a number'}, got {value!r}")
        if not low <= value <= high:
            raise InputError(f"setting {name} must lie between {low:g} and {high:g}, got {value!r}")


@dataclass(frozen=True)
class Settings:
    """Settings of the default CSMOIFSA; one set serves all problems.

    Attributes
    ----------
    pop_size : int
        Fish in the school and the most solutions on the bulletin board.
    brood : int
        Offspring between two updates of the board; raise it to the number of workers for parallel evaluation.
    active : int
        Least concentrated fish of the first layer that are cloned (immunity) and that forage; while nothing is
        feasible, it is the fifth of the school with the least violation instead.
    leaders : int
        The least concentrated of those, which the others follow.
    eta_cross, eta_mutate : float
        Distribution indices of the clones' simulated binary crossover and polynomial mutation.
    mutations : float
        Coordinates of a clone that mutate on average.
    outbreeding : float
        Share of clones that are recombined with any fish of the school instead of another active one.
    pull, scale : float
        Factors of the way to the leader and of the difference of two fish, in swarming: the contraction.
    fewest : float
        Least share of the coordinates that swarming changes; each child draws its own between this and 1.
    jump : float
        Scale of a forager's jumps along one coordinate, a share of its range.
    fatigue : float
        How much less the free space of a fish counts each time it was cloned or foraged: space / (1 + fatigue * times).
    remembered : int
        Lengths of long steps that succeeded, which foragers remember.
    share_floor : float
        Least share of each behaviour in a brood.
    hunger : float
        Least credit of foraging, so that it takes over when nothing else succeeds; cloning has at least half of it.
    credit_rate : float
        Smoothing of each behaviour's success rate, 0 (frozen) to 1 (last brood only).
    gain_tolerance : float
        Improvement over the parent, in extents of the first layer, below which a child counts as no success.
    contest : bool
        The worse of each child and its parent leaves, even where it is better than others of the school.
    one_shot : bool
        Thin the board all at once instead of one at a time; for comparison only.
    behaviours : tuple of str
        Which of clone, follow, swarm, forage take part; all by default.
    """

    pop_size: int = 100
    brood: int = 10
    active: int = 8
    leaders: int = 6
    eta_cross: float = 15.0
    eta_mutate: float = 20.0
    mutations: float = 0.5
    outbreeding: float = 0.7
    pull: float = 0.9
    scale: float = 0.5
    fewest: float = 0.3
    jump: float = 0.05
    fatigue: float = 0.5
    remembered: int = 10
    share_floor: float = 0.03
    hunger: float = 0.1
    credit_rate: float = 0.05
    gain_tolerance: float = 1e-4
    contest: bool = True
    one_shot: bool = False
    behaviours: tuple[str, ...] = BEHAVIOURS

    _RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        "pop_size": (2, 1_000_000),
        "brood": (1, 1_000_000),
        "active": (1, 1_000_000),
        "leaders": (1, 1_000_000),
        "eta_cross": (0.0, 1e4),
        "eta_mutate": (0.0, 1e4),
        "mutations": (0.0, 1e6),
        "outbreeding": (0.0, 1.0),
        "pull": (0.0, 2.0),
        "scale": (0.0, 2.0),
        "fewest": (0.0, 1.0),
        "jump": (0.0, 1.0),
        "fatigue": (0.0, 1e6),
        "remembered": (1, 1000),
        "share_floor": (0.0, 0.25),
        "hunger": (0.0, 1.0),
        "credit_rate": (0.0, 1.0),
        "gain_tolerance": (0.0, 1.0),
    }

    def __post_init__(self):
        check_range(self, self._RANGES)
        behaviours = (self.behaviours,) if isinstance(self.behaviours, str) else tuple(self.behaviours)
        unknown = [name for name in behaviours if name not in BEHAVIOURS]
        if unknown or not behaviours:
            known, got = ", ".join(BEHAVIOURS), ", ".join(unknown) or "none"
            raise InputError(f"setting behaviours must name at least one of {known}; got {got}")
        for name in ("contest", "one_shot"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"setting {name} must be true or false, got {getattr(self, name)!r}")
        object.__setattr__(self, "behaviours", behaviours)


class Engine(ABC):
    """Keeps ask -> tell and the state; subclasses plan broods and take them in.

    A brood is planned whole, handed out in pieces of any size and taken in when its last row was told. So a cut by a
    budget, the number of workers or a save in the middle never changes the course of the search.

    Parameters
    ----------
    n_var, n_obj : int
        Numbers of variables and of objectives (two or more).
    settings : Settings
        Validated settings.
    seed : int
        Key of the random stream, 0 <= seed < 2**63. Same seed, same front, bit for bit.
    xl, xu : (n_var,) array, optional
        Bounds; the unit box by default. Equal bounds fix a variable.
    n_extra : int
        Further columns that `tell` may be given and that travel with each fish, e.g. constraint values.
    initial : (n, n_var) array, optional
        First positions, within the bounds; the rest, up to ``pop_size``, is a Latin hypercube.

    Raises
    ------
    InputError
        Fewer than two objectives, bounds that are missing, infinite or crossed, initial rows outside the bounds.
    """

    layered: ClassVar[bool]

    def __init__(
        self,
        n_var: int,
        n_obj: int,
        *,
        settings: Any,
        seed: int = 0,
        xl: Any = None,
        xu: Any = None,
        n_extra: int = 0,
        initial: Any = None,
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
        self.free = moving if moving.size else np.zeros(1, np.int64)  # the search goes on in these variables only
        n_free = self.free.size
        self.n_eval = 0
        self.tick = 0  # broods planned so far
        rows = max(settings.pop_size, self._most_planned())
        self.brood = kernels.Brood(
            X=np.zeros((rows, n_free)),
            heading=np.zeros((rows, n_free)),
            parent=np.zeros(rows, np.int64),
            move=np.zeros(rows, np.int64),
        )
        self.board = BulletinBoard(
            settings.pop_size,
            rows,
            n_free,
            self.n_obj,
            n_extra,
            layered=self.layered,
            one_shot=getattr(settings, "one_shot", False),
        )
        kernels.first_school(self.brood.X[: settings.pop_size], self.seed)
        if initial is not None:
            self._seat(np.atleast_2d(np.asarray(initial, dtype=float)))
        self.planned, self.asked, self.told = settings.pop_size, 0, 0

    # ------------------------------------------------------------------------------------------------ ask and tell
    def ask(self, most: int | None = None) -> np.ndarray:
        """Return the next candidates, (n, n_var) within the bounds: the rest of a brood, at most ``most`` rows.

        Asking again before telling returns the same rows: nothing is lost when an evaluation fails.
        """
        if self.told == self.planned:
            self.planned, self.told = self._plan(), 0
            self.tick += 1
        self.asked = self.planned - self.told
        if most is not None:
            if most < 1:
                raise InputError(f"ask for at least one candidate, got most = {most}")
            self.asked = min(self.asked, most)
        return self.place(self.brood.X[self.told : self.told + self.asked])

    def tell(self, F: Any, CV: Any = None, extra: Any = None) -> None:
        """Take the results of the rows last asked for.

        Parameters
        ----------
        F : (n, n_obj) array
            Objectives, minimised.
        CV : (n,) array, optional
            Total constraint violations, 0 = feasible; all feasible by default.
        extra : (n, n_extra) array, optional
            Columns that travel with each fish.

        Raises
        ------
        InputError
            Wrong shape, NaN or infinite values (names the row); the engine stays as it was.
        """
        n = self.asked
        if n == 0:
            raise InputError("tell() before ask(): ask for candidates first, then tell their objectives once")
        F = self._table(F, n, self.n_obj, "F")
        CV = np.zeros(n) if CV is None else self._table(CV, n, 1, "CV")[:, 0]
        extra = (
            np.zeros((n, self.n_extra)) if extra is None else self._table(extra, n, self.n_extra, "extra", finite=False)
        )
        rows = slice(self.told, self.told + n)
        self.board.post(self.told, self.brood.X[rows], self.brood.heading[rows], F, np.maximum(CV, 0.0), extra)
        self.told, self.asked = self.told + n, 0
        self.n_eval += n
        if self.told == self.planned:
            self._absorb()

    def front(self) -> Front:
        """Return the non-dominated solutions told so far, ``X`` within the bounds; of equal ones one."""
        front = self.board.front(self.told if self.told < self.planned else 0)
        return front._replace(X=self.place(front.X))

    def place(self, U: np.ndarray) -> np.ndarray:
        """Map unit-box rows (n, n_free) between the bounds (n, n_var); fixed variables get their only value."""
        X = np.empty((len(U), self.n_var))
        kernels.place(U, self.free, self.xl, self.xu, X)
        return X

    # --------------------------------------------------------------------------------------------------- subclasses
    @abstractmethod
    def _most_planned(self) -> int:
        """Return the most rows that `_plan` ever fills."""

    @abstractmethod
    def _plan(self) -> int:
        """Fill the brood and return how many rows it has."""

    @abstractmethod
    def _absorb(self) -> None:
        """Take in a brood that was told completely."""

    # ------------------------------------------------------------------------------------------------------ borders
    def _bound(self, value: Any, default: float, name: str) -> np.ndarray:
        bound = np.full(self.n_var, default) if value is None else np.array(value, dtype=float)
        if bound.shape != (self.n_var,):
            raise InputError(f"{name} must have one value for each of {self.n_var} variables, got shape {bound.shape}")
        bad = np.flatnonzero(~np.isfinite(bound))
        if bad.size:
            raise InputError(
                f"variable {bad[0]} has no finite bound {name} ({bound[bad[0]]}); give every variable bounds"
            )
        return np.ascontiguousarray(bound)

    def _table(self, values: Any, n: int, n_columns: int, name: str, *, finite: bool = True) -> np.ndarray:
        table = np.array(values, dtype=float)
        if table.size != n * n_columns or (table.ndim > 0 and len(table) != n):
            raise InputError(
                f"{name} must have shape ({n}, {n_columns}), one row a candidate asked for; got {table.shape}"
            )
        table = table.reshape(n, n_columns)
        bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
        if finite and bad.size:
            raise InputError(
                f"{name} is {table[bad[0]].tolist()} in row {bad[0]} of X = {self._row(bad[0])}: "
                f"objectives and violations must be finite numbers; mend the problem or return a large finite value"
            )
        return table

    def _row(self, i: int) -> list[float]:
        place = self.told + int(i)
        return self.place(self.brood.X[place : place + 1])[0].tolist()

    def _seat(self, initial: np.ndarray) -> None:
        if initial.ndim != 2 or initial.shape[1] != self.n_var:
            raise InputError(f"initial positions must have shape (n, {self.n_var}), got {initial.shape}")
        outside = np.flatnonzero(~((initial >= self.xl) & (initial <= self.xu)).all(axis=1))
        if outside.size:
            raise InputError(f"initial position {outside[0]} lies outside the bounds or is not a number")
        n = min(len(initial), self.settings.pop_size)
        width = np.where(self.xu > self.xl, self.xu - self.xl, 1.0)
        self.brood.X[:n] = ((initial[:n] - self.xl) / width)[:, self.free]

    # -------------------------------------------------------------------------------------------------------- state
    _INTEGERS: ClassVar[tuple[str, ...]] = ("n_eval", "tick", "planned", "told")

    @property
    def state(self) -> dict[str, np.ndarray]:
        """All that changes during a run, as small arrays; a save between any two calls continues bit for bit."""
        state = {f"school_{name}": column.copy() for name, column in self.board.school._asdict().items()}
        state |= {f"brood_{name}": column.copy() for name, column in self.brood._asdict().items()}
        state |= {name: array.copy() for name, array in self._arrays().items()}
        state["counters"] = np.array([self.board.count, *(getattr(self, name) for name in self._INTEGERS)])
        return state

    @state.setter
    def state(self, state: dict[str, np.ndarray]) -> None:
        self._check(state)
        for name, column in self.board.school._asdict().items():
            column[...] = state[f"school_{name}"]
        for name, column in self.brood._asdict().items():
            column[...] = state[f"brood_{name}"]
        for name, array in self._arrays().items():
            array[...] = state[name]
        count, *integers = (int(value) for value in state["counters"])
        self.board.count, self.asked = count, 0
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
        """Return the least and greatest value of each array of whole numbers in the subclass's state."""
        return {}

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return the subclass's own arrays of state."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Return the settings as plain values, for records of a run."""
        return asdict(self.settings)


class ImmuneFishSwarm(Engine):
    """The default CSMOIFSA: fish follow, swarm and forage, immunity clones the uncrowded, on one layered board.

    Each child draws its behaviour; shares follow the credit that behaviours earn with children that are better than
    their own parent. See ``docs/assumptions.md`` for how these organs descend from the paper's.
    """

    layered = True

    def __init__(self, n_var: int, n_obj: int, *, settings: Settings | None = None, **options: Any):
        super().__init__(n_var, n_obj, settings=settings or Settings(), **options)
        s: Settings = self.settings
        self._enabled = np.array([name in s.behaviours for name in BEHAVIOURS])
        self._credit = np.full(len(BEHAVIOURS), 0.1)
        self._lengths = np.zeros(s.remembered)
        numbers = kernels.Tuning._fields[2:]
        self._tuning = kernels.Tuning(s.active, s.leaders, *(float(getattr(s, name)) for name in numbers))

    def _most_planned(self) -> int:
        return self.settings.brood

    def _plan(self) -> int:
        s, board = self.settings, self.board
        share = np.empty(len(BEHAVIOURS))
        kernels.allot(self._credit, self._enabled, s.share_floor, s.hunger, share)
        kernels.breed(
            board.school, board.count, self.seed, self.tick, share, self._tuning, self._lengths, self.brood, s.brood
        )
        return s.brood

    def _absorb(self) -> None:
        s, board = self.settings, self.board
        lost = np.zeros(board.count + self.planned, bool)
        if self.tick > 0:  # the first school has no parents
            kernels.reward(
                board.school, board.count, self.brood, self.planned,
                self._credit, s.credit_rate, s.gain_tolerance, self._lengths,
            )  # fmt: skip
            kernels.contend(board.school, board.count, self.brood, self.planned, s.contest, lost)
        board.settle(lost)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"credit": self._credit, "lengths": self._lengths}

    def _ranges(self) -> dict[str, tuple[int, int]]:
        return {"brood_parent": (0, self.board.capacity - 1), "brood_move": (0, len(BEHAVIOURS) - 1)}

    def _check(self, state: dict[str, np.ndarray]) -> None:
        super()._check(state)
        check_parents(state)

    def swim(self, evaluate: Any, data: np.ndarray, n_eval: int, *, n_ieq: int, tolerance: float) -> int:
        """Run as many whole broods as fit into ``n_eval`` evaluations in compiled code; returns the evaluations made.

        The same search as ``ask`` and ``tell``, bit for bit. It stops, maybe at once, where a brood is under way or a
        value is not finite: ``ask`` again to go on or to be told what is wrong.

        Parameters
        ----------
        evaluate, data
            A compiled evaluator and its parameters (k,), see `csmoifsa.jit`; it fills ``extra`` with the constraints.
        n_eval : int
            The most evaluations.
        n_ieq : int
            How many of the constraints are inequalities; they come first.
        tolerance : float
            How far from zero an equality may be.
        """
        s, n_broods = self.settings, n_eval // self.settings.brood
        if self.told < self.planned or n_broods < 1:
            return 0
        plan = kernels.Plan(
            self.free, np.stack([self.xl, self.xu]), self._enabled, self.seed, s.brood, s.pop_size, n_ieq,
            self.layered, s.one_shot, s.contest,
            float(s.share_floor), float(s.hunger), float(s.credit_rate), float(s.gain_tolerance), float(tolerance),
        )  # fmt: skip
        counters = np.array([self.board.count, self.tick])
        done = kernels.swim(
            evaluate, data, self.board.school, self.brood, self._tuning, plan, counters, self._credit, self._lengths,
            n_broods,
        )  # fmt: skip
        self.board.count, self.tick = int(counters[0]), int(counters[1])
        if done:
            self.planned = self.told = s.brood
        self.asked = 0
        self.n_eval += done * s.brood
        return done * s.brood
