"""Read suites: TOML files with the problems, algorithms, budgets, repetitions and metrics of a comparison.

Every key is checked, and an error names the key. The bundled suites are in the folder ``suites`` of this package, so
that an installed wheel holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import parse_toml, read_toml
from csmoifsa.plugins import refuse_code
from csmoifsa.text import visible_values

METRICS = ("igd", "igd_plus", "hypervolume", "epsilon", "convergence", "uniformity", "error_ratio")
PAPER_METRICS = ("convergence", "uniformity", "error_ratio")
MOST_BUDGET = 100_000_000
LIBRARIES = ("pymoo", "pygmo", "jmetalpy", "platypus", "pymoode", "comocma", "deap")

Metric = Literal["igd", "igd_plus", "hypervolume", "epsilon", "convergence", "uniformity", "error_ratio"]
Library = Literal["pymoo", "pygmo", "jmetalpy", "platypus", "pymoode", "comocma", "deap"]
Name = Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f|]+$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemEntry(_Strict):
    """One problem of a suite.

    Attributes
    ----------
    name : str
        Name of the problem for `csmoifsa.load_problem`.
    label : str
        Name in tables and figures; by default ``name``.
    params : dict
        Parameters of the problem.
    draw : str, optional
        Parameter with another random integer in each repetition, equal for all algorithms, such as ``seed``.
    vary : dict
        Parameter -> values, of which each repetition takes the next, again from the first after the last; the same
        for all algorithms (a benchmark's ``instance``).
    """

    name: str = Name
    label: str = ""
    params: dict[str, object] = {}
    draw: str | None = None
    vary: dict[str, tuple[object, ...]] = {}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.draw is not None and self.draw in self.params:
            raise ValueError(f"draw = {self.draw!r} is also set in params; keep one of the two")
        for name, values in self.vary.items():
            if not values:
                raise ValueError(f"vary: {name} has no values; list at least one")
            if name in self.params or name == self.draw:
                raise ValueError(f"vary: {name} is also set in {'params' if name in self.params else 'draw'}; keep one")
        return self if self.label else self.model_copy(update={"label": self.name})


class AlgorithmEntry(_Strict):
    """One algorithm of a suite.

    Attributes
    ----------
    name : str
        Name for `csmoifsa.plugins.load_algorithm`, or name of the library's class.
    library : str
        ``"pymoo"`` (also for csmoifsa's algorithms and your own), ``"pygmo"``, ``"jmetalpy"``, ``"platypus"``,
        ``"pymoode"``, ``"comocma"`` or ``"deap"``.
    label : str
        Name in tables and figures; by default ``name``, after that of a library other than pymoo.
    settings : dict
        Settings of the algorithm.
    runs : int, optional
        Number of repetitions, if smaller than the suite's.
    """

    name: str = Name
    library: Library = "pymoo"
    label: str = ""
    settings: dict[str, object] = {}
    runs: int | None = Field(default=None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        default = self.name if self.library == "pymoo" else f"{self.library} {self.name}"
        return self if self.label else self.model_copy(update={"label": default})


class SpeedEntry(_Strict):
    """Settings of `csmoifsa bench speed`, which times algorithms on the plain problem, without recording.

    Attributes
    ----------
    problem : str
        Name of the problem.
    params : dict
        Parameters of the problem.
    n_eval : int
        Number of evaluations of a timed run.
    repeats : int
        Number of timed runs of each algorithm.
    """

    problem: str = "zdt1"
    params: dict[str, object] = {}
    n_eval: int = Field(default=10_000, ge=100)
    repeats: int = Field(default=3, ge=1, le=100)


class Suite(_Strict):
    """Settings of a comparison of algorithms.

    Attributes
    ----------
    name, title, description : str
        Name in result files and reports, title and introduction of the report.
    count : str
        Unit of budgets: ``"evaluations"``, or ``"iterations"`` as in the 2022 paper.
    budget : int
        Length of a run [``count``]; no run makes more evaluations.
    snapshots : tuple of int
        Budgets at which fronts are kept [``count``]; ``budget`` is always one of them.
    compare_at : tuple of int
        Snapshots for which tables and tests are made; by default ``budget``.
    runs : int
        Number of repetitions.
    seed : int
        Random seed from which, with names, the seeds of all runs are derived.
    pop_size : int
        Population size.
    points : int
        Largest number of points of a front that is measured.
    metrics : tuple of str
        Metrics of `METRICS`; rankings and verdicts use the first.
    eps : float
        Distance from the true front beyond which ``error_ratio`` counts a point [objectives' units].
    """

    name: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    title: str = ""
    description: str = ""
    count: Literal["evaluations", "iterations"] = "evaluations"
    budget: int = Field(ge=1, le=MOST_BUDGET)
    snapshots: tuple[int, ...] = ()
    compare_at: tuple[int, ...] = ()
    runs: int = Field(default=30, ge=1, le=10_000)
    seed: int = Field(default=1, ge=0, lt=2**63)
    pop_size: int = Field(default=100, ge=4, le=100_000)
    points: int = Field(default=100, ge=2, le=100_000)
    metrics: tuple[Metric, ...] = ("igd", "hypervolume", "igd_plus")
    eps: float = Field(default=0.01, gt=0)
    problems: tuple[ProblemEntry, ...] = Field(min_length=1)
    algorithms: tuple[AlgorithmEntry, ...] = Field(min_length=1)
    speed: SpeedEntry | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind, entries in (("problems", self.problems), ("algorithms", self.algorithms)):
            labels = [entry.label for entry in entries]
            for label in labels:
                if labels.count(label) > 1:
                    raise ValueError(f"{kind}: the label {label!r} is used twice; give one of them another label")
            contents = [entry.model_dump(exclude={"label", "runs"}) for entry in entries]
            for i, content in enumerate(contents):
                if (j := contents.index(content)) < i:
                    raise ValueError(f"{kind}: {labels[j]!r} and {labels[i]!r} are the same; leave one of them out")
        if not self.metrics or len(set(self.metrics)) != len(self.metrics):
            raise ValueError("metrics: name at least one, each once")
        least = self.pop_size if self.count == "evaluations" else 1
        for stop in (*self.snapshots, self.budget):
            if not least <= stop <= self.budget:
                raise ValueError(
                    f"snapshots: {stop} is not between {least} "
                    f"({'pop_size' if least > 1 else 'one iteration'}) and the budget {self.budget}"
                )
        stops = tuple(sorted({*self.snapshots, self.budget}))
        compare = tuple(sorted(set(self.compare_at))) or (self.budget,)
        for stop in compare:
            if stop not in stops:
                raise ValueError(f"compare_at: {stop} is neither one of the snapshots nor the budget")
        return self.model_copy(update={"snapshots": stops, "compare_at": compare, "title": self.title or self.name})

    def runs_of(self, algorithm: AlgorithmEntry) -> int:
        """Return how many repetitions an algorithm makes."""
        return min(self.runs, algorithm.runs or self.runs)

    def refuse_code(self) -> None:
        """Refuse names that would import code which no installed package registered; call it before any run.

        Raises
        ------
        InputError
            The suite names such code; the message names the key and the option ``--trust``.
        """
        for i, problem in enumerate(self.problems, 1):
            refuse_code("problem", problem.name, f"suite {self.name!r}, problems[{i}].name")
        for i, algorithm in enumerate(self.algorithms, 1):
            if algorithm.library == "pymoo":  # the other libraries have a closed list of names
                refuse_code("algorithm", algorithm.name, f"suite {self.name!r}, algorithms[{i}].name")
        if self.speed is not None:
            refuse_code("problem", self.speed.problem, f"suite {self.name!r}, speed.problem")

    def narrowed(
        self,
        *,
        runs: int | None = None,
        budget: int | None = None,
        problems: list[str] | None = None,
        algorithms: list[str] | None = None,
    ) -> Suite:
        """Return the suite with another number of runs or budget, or only some of its problems and algorithms.

        Problems and algorithms go by label or name. Of the snapshots and budgets of comparison those below the new
        budget remain.

        Raises
        ------
        InputError
            It has none of that name, or the budget is less than a population (one iteration).
        """
        changes: dict[str, object] = {}
        if runs is not None:
            if runs < 1:
                raise InputError(f"--runs must be at least 1, got {runs}")
            changes["runs"] = runs
        if budget is not None:
            least = self.pop_size if self.count == "evaluations" else 1
            if not least <= budget <= MOST_BUDGET:
                raise InputError(f"--budget must be from {least} to {MOST_BUDGET} {self.count}, got {budget}")
            changes["budget"] = budget
            changes["snapshots"] = (*(stop for stop in self.snapshots if stop < budget), budget)
            changes["compare_at"] = (*(stop for stop in self.compare_at if stop < budget), budget)
        for option, wanted, entries in (
            ("problems", problems, self.problems),
            ("algorithms", algorithms, self.algorithms),
        ):
            if wanted:
                picked = [entry for name in wanted for entry in _pick(self.name, option, name, entries)]
                changes[option] = tuple(entry for i, entry in enumerate(picked) if entry not in picked[:i])
        return self.model_copy(update=changes)


Entry: TypeAlias = ProblemEntry | AlgorithmEntry


def _pick(suite: str, option: str, wanted: str, entries: Sequence[Entry]) -> list[Entry]:
    found = [e for e in entries if wanted.lower() == e.label.lower()]
    found = found or [e for e in entries if wanted.lower() == e.name.lower()]
    if not found:
        labels = [e.label for e in entries]
        raise InputError(
            f"--{option}: the suite {suite!r} has no {wanted!r}; it has {', '.join(labels)}."
            + did_you_mean(wanted, labels)
        )
    return found


def bundled_names() -> list[str]:
    """Return the names of the suites that come with the package."""
    return sorted(path.name.removesuffix(".toml") for path in _folder().iterdir() if path.name.endswith(".toml"))


def load_suite(spec: str | Path) -> Suite:
    """Read a suite.

    Parameters
    ----------
    spec : str or Path
        A bundled name (``zdt``) or the path of a TOML file.

    Raises
    ------
    InputError
        There is no such suite or file, it is not TOML, or a key is wrong; the message names the key.
    """
    text = str(spec)
    if text.endswith(".toml") or "/" in text or "\\" in text:
        path = Path(text)
        return check_suite(read_toml(path, "suite"), str(path))
    if text not in bundled_names():
        raise InputError(
            f"there is no suite {text!r}; bundled are {', '.join(bundled_names())}, or give a path that ends in .toml."
            + did_you_mean(text, bundled_names())
        )
    return parse_suite((_folder() / f"{text}.toml").read_text(encoding="utf-8"), f"{text}.toml")


def parse_suite(text: str, source: str = "suite") -> Suite:
    """Check the text of a suite; ``source`` names it in errors."""
    return check_suite(parse_toml(text, source), source)


def check_suite(values: Mapping[str, object], source: str = "suite") -> Suite:
    """Return the suite of a dict such as ``Suite.model_dump`` returns; ``source`` names it in errors."""
    try:
        return Suite.model_validate(visible_values(values))
    except ValidationError as error:
        raise InputError(f"{source}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """Return one sentence on the first fault, which names the key."""
    first = error.errors()[0]
    key = ""
    for part in first["loc"]:
        key += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if key else str(part)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        inside = _known_keys([part for part in first["loc"][:-1] if isinstance(part, str)])
        return f"{key}: there is no such key; known are {', '.join(inside)}." + did_you_mean(
            str(first["loc"][-1]), inside
        )
    if first["type"] == "missing":
        return f"{key}: this key is needed"
    if first["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: {message[:1].lower()}{message[1:]}, got {first['input']!r}"


def _known_keys(place: list[str]) -> list[str]:
    kinds: dict[str, type[BaseModel]] = {
        "problems": ProblemEntry,
        "algorithms": AlgorithmEntry,
        "speed": SpeedEntry,
    }
    return list((kinds[place[0]] if place else Suite).model_fields)


def _folder() -> Traversable:
    return files("csmoifsa_bench") / "suites"
