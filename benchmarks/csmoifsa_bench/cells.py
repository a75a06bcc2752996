"""The grid of a campaign: one cell a run, with everything that decides the run's outcome, its seeds and its key.

A cell's key is a hash of all that: change a setting, and it is another cell. Seeds are hashes of names, never
``seed + i``, so that no two runs share a stream by accident and adding a problem changes no other run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from csmoifsa_bench.suite import AlgorithmEntry, ProblemEntry, Suite

FORMAT = 1  # raise it when the meaning of a cell changes


@dataclass(frozen=True)
class Cell:
    """One run to be made; pure values, small, picklable.

    Attributes
    ----------
    suite, problem, algorithm : str
        Labels, for people.
    repetition : int
        From 1.
    problem_name, problem_params, library, algorithm_name, settings
        What is run, see `csmoifsa_bench.suite`; a drawn parameter is among the params.
    pop_size, points : int
        Individuals in a population; the most points of a front that are kept.
    count : str
        ``evaluations`` or ``iterations``.
    stops : tuple of int
        Where fronts are kept; the last is the budget.
    seed : int
        Of the algorithm, below 2**31 (some libraries take no more).
    start_seed : int
        Of the first population: the same for all algorithms of a repetition.
    """

    suite: str
    problem: str
    algorithm: str
    repetition: int
    problem_name: str
    problem_params: dict[str, Any]
    library: str
    algorithm_name: str
    settings: dict[str, Any]
    pop_size: int
    points: int
    count: str
    stops: tuple[int, ...]
    seed: int
    start_seed: int

    @property
    def key(self) -> str:
        """The hash of all that decides the outcome; labels do not."""
        values = {k: v for k, v in asdict(self).items() if k not in ("suite", "problem", "algorithm")}
        return fingerprint({"format": FORMAT, **values})[:20]

    @property
    def problem_key(self) -> str:
        """The hash of the problem with its parameters, by which its true front is kept."""
        return fingerprint([self.problem_name, self.problem_params])


def make_cell(suite: Suite, problem: ProblemEntry, algorithm: AlgorithmEntry, repetition: int) -> Cell:
    """Return one cell of a suite; repetitions count from 1."""
    what = {"name": problem.name, "params": problem.params}
    how = {"library": algorithm.library, "name": algorithm.name, "settings": algorithm.settings}
    drawn = {problem.draw: derive_seed("draw", suite.seed, what, repetition)} if problem.draw else {}
    varied = {name: values[(repetition - 1) % len(values)] for name, values in problem.vary.items()}
    return Cell(
        suite=suite.name,
        problem=problem.label,
        algorithm=algorithm.label,
        repetition=repetition,
        problem_name=problem.name,
        problem_params={**problem.params, **drawn, **varied},
        library=algorithm.library,
        algorithm_name=algorithm.name,
        settings=dict(algorithm.settings),
        pop_size=suite.pop_size,
        points=suite.points,
        count=suite.count,
        stops=suite.snapshots,
        seed=derive_seed("run", suite.seed, what, how, repetition),
        start_seed=derive_seed("start", suite.seed, what, repetition),
    )


def grid(suite: Suite) -> Iterator[Cell]:
    """Yield all cells of a suite, the first repetition of everything first, so that an early stop leaves a balance."""
    for repetition in range(1, suite.runs + 1):
        for problem in suite.problems:
            for algorithm in suite.algorithms:
                if repetition <= suite.runs_of(algorithm):
                    yield make_cell(suite, problem, algorithm, repetition)


def derive_seed(*names: Any) -> int:
    """Return a number below 2**31 - 1 from names and values, the same on every machine."""
    return int(fingerprint(list(names))[:15], 16) % (2**31 - 1)


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()
