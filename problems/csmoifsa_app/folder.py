"""One study: a folder with the scenario file, its data files, the state of its search, and the result.

``scenario.toml`` and ``result/`` are those of ``csmoifsa ev price scenario.toml --out result``; ``search.json`` and
``search.npz`` (the checkpoint) belong to the app. Names of files are the app's own, never those of an upload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, parse_toml, read_json, read_text, write_json
from csmoifsa_app.fields import FormField, Layers, form_fields
from csmoifsa_energy.checks import Parameters
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import Fault, faults_of
from csmoifsa_ev.inputs.inspection import Facts, inspect_scenario
from csmoifsa_ev.inputs.scenario import CASES, Scenario, load_scenario, scenario_values

State = Literal["new", "running", "paused", "done", "failed"]

SCENARIO = "scenario.toml"
RESULT = "result"
CHECKPOINT = "search.npz"
SEARCH = "search.json"

DATA_SUFFIXES = (".csv", ".xlsx", ".json")


class NotThereError(LookupError):
    """There is no such study or file."""


@dataclass(frozen=True, kw_only=True)
class Search(Parameters):
    """Settings and state of a study's search; the settings are the options of ``csmoifsa ev price``.

    Attributes
    ----------
    objectives : str
        Set of objectives.
    n_eval, pop_size, seed : int
        Budget, tariffs on the front, and random seed.
    state : State
        Progress; "running" without a process means that the program was killed.
    fault : str
        Sentence that says why the search failed.
    language : str
        Language of the report, that of the page from which the search was last started.
    """

    objectives: str = "paper"
    n_eval: int = 10_000
    pop_size: int = 100
    seed: int = 1
    state: State = "new"
    fault: str = ""
    language: str = "en"

    def __post_init__(self) -> None:
        for name, least, most in (("n_eval", 16, 10_000_000), ("pop_size", 4, 5_000), ("seed", 0, 2**31)):
            if not least <= getattr(self, name) <= most:
                raise InputError(f"{name} must be from {least:,} to {most:,}, not {getattr(self, name):,}")

    @property
    def options(self) -> list[str]:
        """Options of ``csmoifsa ev price``."""
        return [
            *("--objectives", self.objectives, "--n-eval", str(self.n_eval)),
            *("--pop-size", str(self.pop_size), "--seed", str(self.seed)),
        ]


@dataclass(frozen=True)
class StudyFolder:
    """Files of one study.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    @property
    def text(self) -> str:
        """Text of the scenario file."""
        return read_text(self.path / SCENARIO, "scenario")

    @property
    def title(self) -> str:
        """Title in the scenario file, or the folder's name."""
        try:
            return str(parse_toml(self.text, SCENARIO).get("title") or self.path.name)
        except InputError:
            return self.path.name

    def write_text(self, text: str) -> None:
        """Replace the scenario file.

        Raises
        ------
        InputError
            The text is no TOML, or it names a file outside the study's folder.
        """
        self.check_paths(parse_toml(text, SCENARIO))
        with atomic_write(self.path / SCENARIO) as file:
            file.write(text)

    def change(self, text: str) -> None:
        """Replace the scenario file after a change of what is priced; a search that was paused begins anew.

        Raises
        ------
        InputError
            As `write_text`; or the search runs.
        """
        search = self.search
        if search.state == "running":
            raise InputError("the search runs; pause or cancel it before you change the scenario")
        self.write_text(text)
        self.forget(search)

    def forget(self, search: Search) -> None:
        """Remove a checkpoint that belongs to other values, and keep settings; an earlier result stays."""
        if search.state in ("paused", "failed"):
            self.discard_search()
            self.write_search(replace(search, state="new", fault=""))

    @property
    def stale(self) -> bool:
        """Whether the scenario was changed after the result was written."""
        result = self.path / RESULT / "summary.json"
        return result.is_file() and (self.path / SCENARIO).stat().st_mtime > result.stat().st_mtime

    def check_paths(self, values: Mapping[str, object]) -> None:
        """Raise InputError if values of a scenario name a file outside this folder."""
        base = values.get("base")
        if isinstance(base, str) and base.endswith(".toml"):
            raise InputError("base: name a bundled case here, not a file")
        for *tables, name in CASES.files:
            table: object = values
            for key in tables:
                table = table.get(key) if isinstance(table, dict) else None
            own = table.get(name) if isinstance(table, dict) else None
            if isinstance(own, str) and not (self.path / own).resolve().is_relative_to(self.path.resolve()):
                raise InputError(
                    f"{'.'.join([*tables, name])}: {own!r} is outside the study's folder; add the file to it"
                )

    def scenario(self) -> Scenario:
        """Return the scenario, read anew; raises `InputError` as `load_scenario`."""
        self.check_paths(parse_toml(self.text, SCENARIO))
        return load_scenario(self.path / SCENARIO)

    def faults(self) -> list[str]:
        """Return one sentence for each fault of the scenario's own values, without reading its data files."""
        try:
            self.scenario()
        except InputError as error:
            return [self.shortened(one.sentence) for one in faults_of(error)]
        return []

    def inspect(self) -> tuple[list[Fault], list[str], Facts | None]:
        """Return faults, notes and facts of the scenario and all files it names; see `inspect_scenario`."""
        try:
            self.check_paths(parse_toml(self.text, SCENARIO))
        except InputError as error:
            return [Fault(str(error))], [], None
        found = inspect_scenario(self.path / SCENARIO)
        faults = [replace(one, sentence=self.shortened(one.sentence)) for one in found.faults]
        return faults, [self.shortened(one) for one in found.notes], found.facts

    def shortened(self, sentence: str) -> str:
        """Return a sentence with the study's folder taken out of paths."""
        return sentence.replace(f"{self.path}/", "").replace(f"{SCENARIO}: ", "")

    def form(self) -> list[FormField]:
        """Return the scenario's keys as fields; raises `InputError` if the file is no TOML or its base is unknown."""
        own = parse_toml(self.text, SCENARIO)
        case = str(own.get("base") or CASES.default)
        base, _ = scenario_values(None, case)
        merged, _ = scenario_values(self.path / SCENARIO)
        found = list(form_fields(Scenario, Layers(own, base, merged), case))
        found = [one for one in found if not one.key.startswith(("published", "notes"))]
        folder = f"{self.path}/"
        return [replace(one, value=one.value.removeprefix(folder)) for one in found]

    @property
    def search(self) -> Search:
        """Settings and state of the search; those of a new study if there are none."""
        if not (self.path / SEARCH).is_file():
            return Search()
        return check_values(Search, read_json(self.path / SEARCH, "search"), f"{SEARCH}: ")

    def write_search(self, search: Search) -> None:
        """Replace settings and state of the search."""
        write_json(self.path / SEARCH, asdict(search))

    def discard_search(self) -> None:
        """Remove the checkpoint, so that the next search begins anew; the result stays until it is replaced."""
        for name in (CHECKPOINT, f"{CHECKPOINT}.previous"):
            (self.path / name).unlink(missing_ok=True)

    @property
    def command(self) -> str:
        """Command that repeats the study in its folder."""
        return " ".join(["csmoifsa ev price", SCENARIO, *self.search.options, "--out", RESULT])

    def files(self) -> dict[str, Path]:
        """Return the files to take away by their path in the folder: scenario, data and result."""
        names = [SCENARIO, *(f"load{suffix}" for suffix in DATA_SUFFIXES)]
        found = [self.path / name for name in names if (self.path / name).is_file()]
        if (self.path / RESULT).is_dir():
            inside = sorted((self.path / RESULT).rglob("*"))
            found += [one for one in inside if one.is_file() and not one.is_symlink() and one.name[0] != "."]
        return {one.relative_to(self.path).as_posix(): one for one in found}

    def summary(self) -> dict[str, object] | None:
        """Return ``summary.json`` of the result, None without a result."""
        path = self.path / RESULT / "summary.json"
        values = read_json(path, "summary") if path.is_file() else None
        return values if isinstance(values, dict) else None
