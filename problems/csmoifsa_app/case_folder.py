"""A day of an aggregator: a folder with the case file, its price files, the day with its proof, and the rolling test.

``case.toml``, ``day/`` and ``roll/`` are those of ``csmoifsa ev aggregate case.toml --out day`` and of
``csmoifsa ev roll case.toml --replay --out roll``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Literal

import tomlkit
from tomlkit.items import AoT

from csmoifsa.errors import InputError
from csmoifsa.files import parse_toml
from csmoifsa.text import visible
from csmoifsa_aggregator.inputs.case import CASES, Case, load_case
from csmoifsa_aggregator.inputs.keys import CaseKeys, ClassKeys
from csmoifsa_aggregator.inputs.market import (
    FILES,
    MarketPrices,
    first_and_last,
    load_markets,
    market_files,
    settings_by_file,
)
from csmoifsa_app.base_folder import DATA_SUFFIXES, EDITS, InputFolder, Work
from csmoifsa_app.cars_file import read_cars
from csmoifsa_app.fields import FormField, Layers, form_fields, parse_entered, set_keys, shown
from csmoifsa_energy.cases import CaseFiles
from csmoifsa_energy.readers.faults import faults_of

CASE = "case.toml"
DAY = "day"
ROLL = "roll"

PARTS = ("customers", "load", "reserve", "storage")
"""Tables that a case may do without and that a bundled case shows."""

Act = Literal["aggregate", "roll"]


@dataclass(frozen=True, kw_only=True)
class CaseWork(Work):
    """Settings and state of a run; the settings are options of ``csmoifsa ev aggregate`` and ``csmoifsa ev roll``.

    Attributes
    ----------
    act : "aggregate" or "roll"
        What runs, or ran last.
    time_limit : float
        Time for the mixed-integer programs [s].
    integers : bool
        Whether mixed-integer programs may be used.
    margin : float, optional
        Strict margin [currency/kWh]; the command's default where left out.
    forecast, known : str
        Forecaster, and real-time prices known at a decision.
    days : str
        First and last day to roll, ``"2025-06-01:2025-06-07"``; blank: those of the case file, else all.
    state, fault, language : str
        See `Work`.
    """

    act: Act = "aggregate"
    time_limit: float = 120.0
    integers: bool = True
    margin: float | None = None
    forecast: Literal["bias", "ar1", "quantile", "none", "perfect"] = "bias"  # never code: that is for the command line
    known: Literal["last", "before-last", "current", "nothing"] = "last"
    days: str = ""

    def __post_init__(self) -> None:
        if not 0.1 <= self.time_limit <= 86_400:
            raise InputError(f"time_limit must be from 0.1 to 86,400 seconds, not {self.time_limit:g}")
        if self.margin is not None and self.margin < 0:
            raise InputError(f"margin must be from 0 up, not {self.margin:g}")
        first_and_last(self.days or None, "days")

    @property
    def day_options(self) -> list[str]:
        """Options of ``csmoifsa ev aggregate``."""
        margin = [] if self.margin is None else ["--margin", f"{self.margin:g}"]
        return ["--time-limit", f"{self.time_limit:g}", *(["--no-integers"] * (not self.integers)), *margin]

    @property
    def roll_options(self) -> list[str]:
        """Options of ``csmoifsa ev roll``."""
        days = ["--days", self.days] if self.days else []
        return ["--forecast", self.forecast, "--known", self.known, *days, "--replay"]


@dataclass(frozen=True)
class CaseFolder(InputFolder[CaseWork]):
    """Files of an aggregator's day; see `InputFolder`."""

    FILE: ClassVar[str] = CASE
    CASES: ClassVar[CaseFiles] = CASES
    DATA: ClassVar[tuple[str, ...]] = (*FILES, "load")
    RESULTS: ClassVar[tuple[str, ...]] = (DAY, ROLL)
    RESUMABLE: ClassVar[bool] = False

    @property
    def search(self) -> CaseWork:
        """Settings and state of the run; those of a new study if there are none."""
        return self.read_search(CaseWork)

    @property
    def stoppable(self) -> bool:
        """Whether the search of a price runs, which may end with the best one so far; rolling may only be cancelled."""
        return self.search.act == "aggregate"

    def case(self) -> Case:
        """Return the case, read anew; raises `InputError` as `load_case`."""
        self.check_paths(parse_toml(self.text, CASE))
        return load_case(self.path / CASE)

    def check(self) -> None:
        """Raise `InputError` if the case has faults."""
        load_case(self.path / CASE)

    def check_paths(self, values: Mapping[str, object]) -> None:
        """Raise InputError if the case names a file outside this folder, or a reserve product by a file."""
        super().check_paths(values)
        reserve = values.get("reserve")
        for one in reserve if isinstance(reserve, list) else ():
            base = one.get("base") if isinstance(one, dict) else None
            if isinstance(base, str) and base.endswith(".toml"):
                raise InputError("reserve.base: name a bundled product here, not a file")

    def layers(self) -> tuple[Layers, str]:
        """Return the values of the case file in layers, and the name of the case it builds on, blank for none."""
        own = parse_toml(self.text, CASE)
        case = own.get("base")
        base = {} if case is None else CASES.complete(CASES.read(CASES.path_of(case)), CASES.path_of(case))
        merged = CASES.complete(CASES.read(self.path / CASE), self.path / CASE)
        return Layers(own, base, merged), "" if case is None else str(case)

    def form(self) -> list[FormField]:
        """Return the keys beside the classes as fields; raises `InputError` as `InputFolder.form`."""
        layers, case = self.layers()
        found = [one for one in form_fields(CaseKeys, layers, case) if one.key not in ("classes", "roll.day_ahead")]
        folder = f"{self.path}/"
        return [replace(one, value=one.value.removeprefix(folder)) for one in found if one.key != "roll.real_time"]

    # ---- parts that a case may have ----

    def parts(self) -> dict[str, str]:
        """Return the parts that the case lacks, each with the bundled case that shows one."""
        layers, _ = self.layers()
        return {name: case for name in PARTS if name not in layers.merged for case in [_shown_by(name)] if case}

    def add_part(self, name: str) -> None:
        """Put a part of a bundled case into the case file.

        Raises
        ------
        InputError
            The part is there or unknown, or as `try_change`.
        """
        case = self.parts().get(name)
        if case is None:
            raise InputError(f"{name[:40]!r} cannot be added to this case: it is there already, or no part of a case")
        with EDITS:
            document = tomlkit.parse(self.text)
            document[name] = CASES.read(CASES.path_of(case))[name]
            self.try_change(tomlkit.dumps(document))

    # ---- classes of drivers ----

    def classes(self) -> tuple[list[FormField], list[dict[str, str]]]:
        """Return the columns of the table of classes, and the values of each class by name of the column."""
        layers, _ = self.layers()
        columns = list(form_fields(ClassKeys, Layers({}, {}, {}), ""))
        rows = layers.merged.get("classes")
        found = [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []
        return columns, [{one.key: shown(row.get(one.key)) for one in columns} for row in found]

    def with_classes(self, rows: Sequence[Mapping[str, str]]) -> str:
        """Return the text of the case file with these classes in place of its own; blank values are left out.

        Raises
        ------
        InputError
            A value is not of its kind, or there is no class.
        """
        columns, _ = self.classes()
        tables = AoT([])
        for k, row in enumerate(rows):
            table = tomlkit.table()
            for one in columns:
                if entered := row.get(one.key, "").strip():
                    kind = "texts" if one.key == "window" else one.kind  # one window, or several with commas between
                    table[one.key] = parse_entered(replace(one, key=f"class {k + 1}: {one.key}", kind=kind), entered)
            tables.append(table)
        if not rows:
            raise InputError("a case needs at least one class of drivers")
        document = tomlkit.parse(self.text)
        document.pop("classes", None)
        document["classes"] = tables
        return tomlkit.dumps(document)

    def read_cars(self, name: str, content: bytes, labels: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the classes of an uploaded list of cars, which is not kept; the case stays as it is.

        Raises
        ------
        InputError
            The kind of file is not known, or as `cars_file.read_cars`.
        """
        suffix = Path(name).suffix.lower()
        if suffix not in DATA_SUFFIXES:
            raise InputError(f"a list of cars is a {', '.join(DATA_SUFFIXES)} file, not {suffix or name!r}")
        try:
            step = round(60 * self.case().game.dt_h)
        except InputError:
            step = 60
        columns, _ = self.classes()
        with TemporaryDirectory() as place:
            path = Path(place) / f"cars{suffix}"
            path.write_bytes(content)
            try:
                return read_cars(path, [one.key for one in columns], labels, step)
            except InputError as error:
                told = "\n".join(one.sentence for one in faults_of(error))
                raise InputError(told.replace(str(path), visible(name)[:80])) from None

    # ---- prices ----

    def add_prices(self, which: str, name: str, content: bytes) -> None:
        """Keep an uploaded file of day-ahead or real-time prices, and name it in ``[roll]``; other settings stay.

        Raises
        ------
        InputError
            The kind of file is not known, or as `change`; the file is not kept then.
        """
        suffix = Path(name).suffix.lower()
        if which not in FILES:
            raise InputError(f"prices must be {' or '.join(FILES)}")
        if not name:
            raise InputError("choose a file of prices first")
        if suffix not in DATA_SUFFIXES:
            raise InputError(f"prices are a {', '.join(DATA_SUFFIXES)} file, not {suffix or name!r}")
        with EDITS:
            self.set_prices(which, {"csv": f"{which}{suffix}"})
            for other in DATA_SUFFIXES:
                (self.path / f"{which}{other}").unlink(missing_ok=True)
            (self.path / f"{which}{suffix}").write_bytes(content)

    def set_prices(self, which: str, settings: Mapping[str, str]) -> None:
        """Set keys of ``[roll] day_ahead`` or ``real_time``; a blank value takes the key out.

        Raises
        ------
        InputError
            As `change`.
        """
        with EDITS:
            self.change(set_keys(self.text, {("roll", which, key): value or None for key, value in settings.items()}))

    def markets(self) -> tuple[MarketPrices, ...]:
        """Return day-ahead and real-time prices; raises `InputError` if a file is not named or has faults."""
        return self.markets_of(self.case())

    def markets_of(self, case: Case) -> tuple[MarketPrices, ...]:
        """Return the prices that ``[roll]`` of a case names, of the days to roll; see `load_markets`."""
        files = market_files(case.roll, dict.fromkeys(FILES), {}, settings_by_file([]))
        (found,) = load_markets(files, per_kwh=case.roll.per_kwh, days=self.days(case))
        return found

    def days(self, case: Case) -> tuple[date, date] | None:
        """Return the first and the last day to roll, None for all."""
        return first_and_last(self.search.days or case.roll.days, "days")

    # ---- the run ----

    def discard_search(self) -> None:
        """Do nothing: a run that was stopped begins anew."""

    @property
    def command(self) -> str:
        """Commands that repeat the study in its folder."""
        day = ["csmoifsa ev aggregate", CASE, *self.search.day_options, "--out", DAY]
        roll = ["csmoifsa ev roll", CASE, *self.search.roll_options, "--out", ROLL]
        return "\n".join([" ".join(day), *([" ".join(roll)] if (self.path / ROLL).is_dir() else [])])

    def summary(self) -> dict[str, object] | None:
        """Return ``summary.json`` of the day, None without one."""
        return self.read_summary(DAY)


@cache
def _shown_by(part: str) -> str:
    """Return the name of the first bundled case that has a part, blank if there is none."""
    return next((name for name in sorted(CASES.names()) if part in CASES.read(CASES.path_of(name))), "")
