"""The pricing of a tariff: a folder with the scenario file, its data files, the state of its search, and the result.

``scenario.toml`` and ``result/`` are those of ``csmoifsa ev price scenario.toml --out result``; ``search.npz`` is the
checkpoint of the search.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

from csmoifsa.errors import InputError
from csmoifsa.files import parse_toml
from csmoifsa_app.base_folder import EDITS, InputFolder, Work
from csmoifsa_app.fields import FormField, Layers, form_fields
from csmoifsa_app.following import renewed
from csmoifsa_energy.cases import CaseFiles
from csmoifsa_energy.readers.faults import Fault
from csmoifsa_ev.inputs.inspection import Facts, inspect_scenario
from csmoifsa_ev.inputs.scenario import CASES, Scenario, load_scenario, scenario_values

SCENARIO = "scenario.toml"
RESULT = "result"
CHECKPOINT = "search.npz"


@dataclass(frozen=True, kw_only=True)
class Search(Work):
    """Settings and state of a study's search; the settings are the options of ``csmoifsa ev price``.

    Attributes
    ----------
    objectives : str
        Set of objectives.
    n_eval, pop_size, seed : int
        Budget, tariffs on the front, and random seed.
    state, fault, language : str
        See `Work`.
    """

    objectives: str = "paper"
    n_eval: int = 10_000
    pop_size: int = 100
    seed: int = 1

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
class StudyFolder(InputFolder[Search]):
    """Files of the pricing of one tariff; see `InputFolder`."""

    FILE: ClassVar[str] = SCENARIO
    CASES: ClassVar[CaseFiles] = CASES
    DATA: ClassVar[tuple[str, ...]] = ()
    RESULTS: ClassVar[tuple[str, ...]] = (RESULT,)
    RESUMABLE: ClassVar[bool] = True

    @property
    def search(self) -> Search:
        """Settings and state of the search; those of a new study if there are none."""
        return self.read_search(Search)

    @property
    def stale(self) -> bool:
        """Whether the scenario was changed after the result was written."""
        return self.stale_result(RESULT)

    def change(self, text: str) -> None:
        """Replace the scenario after a change of what is priced, and renew what follows from its load.

        Raises
        ------
        InputError
            As `InputFolder.change`.
        """
        with EDITS:
            before = self.text
            super().change(text)
            again = renewed(self.path / SCENARIO, before)
            if again != text:
                self.write_text(again)

    def scenario(self) -> Scenario:
        """Return the scenario, read anew; raises `InputError` as `load_scenario`."""
        self.check_paths(parse_toml(self.text, SCENARIO))
        return load_scenario(self.path / SCENARIO)

    def check(self) -> None:
        """Raise `InputError` if the scenario has faults; its data files are not read."""
        load_scenario(self.path / SCENARIO)

    def inspect(self) -> tuple[list[Fault], list[str], Facts | None]:
        """Return faults, notes and facts of the scenario and all files it names; see `inspect_scenario`."""
        return _inspect(self, self.content)

    @property
    def content(self) -> tuple[object, ...]:
        """What reading the study rests on: the scenario's version, and time and size of each data file."""
        states = [(path.name, path.stat()) for path in (self.path / name for name in sorted(self.named(self.text)))]
        return self.version, *((name, state.st_mtime_ns, state.st_size) for name, state in states)

    def form(self) -> list[FormField]:
        """Return the scenario's keys as fields; raises `InputError` if the file is no TOML or its base is unknown."""
        own = parse_toml(self.text, SCENARIO)
        case = str(own.get("base") or CASES.default)
        base, _ = scenario_values(None, case)
        merged, _ = scenario_values(self.path / SCENARIO)
        found = list(form_fields(Scenario, Layers(own, base, merged), case))
        found = [one for one in found if not one.key.startswith("published")]
        folder = f"{self.path}/"
        return [replace(one, value=one.value.removeprefix(folder)) for one in found]

    def discard_search(self) -> None:
        """Remove the checkpoint, so that the next search begins anew; the result stays until it is replaced."""
        for name in (CHECKPOINT, f"{CHECKPOINT}.previous"):
            (self.path / name).unlink(missing_ok=True)

    @property
    def command(self) -> str:
        """Command that repeats the study in its folder."""
        return " ".join(["csmoifsa ev price", SCENARIO, *self.search.options, "--out", RESULT])

    def summary(self) -> dict[str, object] | None:
        """Return ``summary.json`` of the result, None without a result."""
        return self.read_summary(RESULT)


@lru_cache(maxsize=8)
def _inspect(folder: StudyFolder, content: tuple[object, ...]) -> tuple[list[Fault], list[str], Facts | None]:
    """Return what `StudyFolder.inspect` does, read once for each ``content``: a load of ten years takes a second."""
    try:
        folder.check_paths(parse_toml(folder.text, SCENARIO))
    except InputError as error:
        return [Fault(str(error))], [], None
    found = inspect_scenario(folder.path / SCENARIO)
    faults = [replace(one, sentence=folder.shortened(one.sentence)) for one in found.faults]
    return faults, [folder.shortened(one) for one in found.notes], found.facts
