"""The grid of a campaign: one cell for each run, with all settings that determine its result, its seeds and its key.

The key of a cell is a hash of these settings. Seeds are hashes of names, never ``seed + i``, so that no two runs share
a random stream by accident and adding a problem changes no other run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256

from csmoifsa_bench.suite import AlgorithmEntry, ProblemEntry, Suite

FORMAT = 1  # raise it when the meaning of a cell changes


@dataclass(frozen=True)
class Cell:
    """Settings of one run; plain values that can be pickled.

    Attributes
    ----------
    suite, problem, algorithm : str
        Labels for tables.
    repetition : int
        Number of the repetition, from 1.
    problem_name, problem_params, library, algorithm_name, settings
        Problem and algorithm, see `csmoifsa_bench.suite`; ``problem_params`` includes a drawn parameter.
    pop_size, points : int
        Population size, and largest number of points of a front that is kept.
    count : str
        Unit of ``stops``: ``"evaluations"`` or ``"iterations"``.
    stops : tuple of int
        Budgets at which fronts are kept, rising; the last is the length of the run.
    seed : int
        Random seed of the algorithm, below 2**31 (the limit of some libraries).
    start_seed : int
        Random seed of the initial population, equal for all algorithms of a repetition.
    """

    suite: str
    problem: str
    algorithm: str
    repetition: int
    problem_name: str
    problem_params: dict[str, object]
    library: str
    algorithm_name: str
    settings: dict[str, object]
    pop_size: int
    points: int
    count: str
    stops: tuple[int, ...]
    seed: int
    start_seed: int

    @property
    def key(self) -> str:
        """Hash of all settings that determine the result, without the labels."""
        values = {k: v for k, v in asdict(self).items() if k not in ("suite", "problem", "algorithm")}
        return fingerprint({"format": FORMAT, **values})[:20]

    @property
    def problem_key(self) -> str:
        """Hash of the problem and its parameters, under which its true front is stored."""
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
    """Yield all cells of a suite by repetition, so that a stopped campaign has equally many runs of each algorithm."""
    for repetition in range(1, suite.runs + 1):
        for problem in suite.problems:
            for algorithm in suite.algorithms:
                if repetition <= suite.runs_of(algorithm):
                    yield make_cell(suite, problem, algorithm, repetition)


def derive_seed(*names: object) -> int:
    """Return an integer below 2**31 - 1 derived from names and values, the same on every machine."""
    return int(fingerprint(list(names))[:15], 16) % (2**31 - 1)


def fingerprint(value: object) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()
