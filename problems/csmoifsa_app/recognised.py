"""What was recognised in each data file of a study: its faults with remedies, its facts, and what its plot draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import parse_toml
from csmoifsa_app.fields import comment_beside, value_at
from csmoifsa_app.folder import SCENARIO, StudyFolder
from csmoifsa_app.sources import SOURCES, Source
from csmoifsa_energy.readers.faults import Fault, faults_of
from csmoifsa_energy.readers.series import DailySeries
from csmoifsa_energy.readers.table import read_table
from csmoifsa_ev.inputs.inspection import with_part
from csmoifsa_ev.inputs.scenario import Scenario, scenario_values
from csmoifsa_ev.inputs.sessions import read_sessions

MOST_CURVES = 31
"""Largest number of days that a plot draws one by one; of more, it draws the mean and the extremes."""

SHOWN_ROWS = 5
SHOWN_COLUMNS = 12


@dataclass
class Recognised:
    """One kind of data of a study.

    Attributes
    ----------
    source : Source
        The kind.
    file : str
        Name of the stored file; empty if the data are the case's.
    called : str
        Name of the file where it came from.
    faults : list of Fault
        What is wrong with it.
    notes : list of str
        Sentences on what was averaged, filled or inferred.
    facts : list of (str, str)
        Label and value; the label is one of the page's or a text of the file.
    plot : dict, optional
        What its plot draws.
    head : list of list of str
        First rows of a table that has faults, the header first.
    """

    source: Source
    file: str = ""
    called: str = ""
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    plot: dict[str, object] | None = None
    head: list[list[str]] = field(default_factory=list)


def recognise(folder: StudyFolder) -> list[Recognised]:
    """Read each kind of data by itself, so that a fault of one hides nothing of the others.

    Raises
    ------
    InputError
        The scenario file is no TOML, or it names a file outside the study's folder or an unknown case.
    """
    return _recognise_all(folder, folder.content)


@lru_cache(maxsize=8)
def _recognise_all(folder: StudyFolder, content: tuple[object, ...]) -> list[Recognised]:
    """Return what `recognise` does, read once for each ``content``."""
    folder.check_paths(parse_toml(folder.text, SCENARIO))
    values, _ = scenario_values(folder.path / SCENARIO)
    return [_recognise(folder, source, values) for source in SOURCES.values()]


def _recognise(folder: StudyFolder, source: Source, values: Mapping[str, object]) -> Recognised:
    found = Recognised(source)
    stored = value_at(values, source.path)
    if isinstance(stored, str) and Path(stored).name in folder.named(folder.text):
        found.file = Path(stored).name
        found.called = comment_beside(folder.text, source.path) or found.file
    try:
        _READERS[source.name](with_part(values, source.table[0]), found)
    except InputError as error:
        if found.file or source.name in ("load", "tariff"):
            found.faults = [replace(one, sentence=folder.shortened(one.sentence)) for one in faults_of(error)]
            found.head = _head(folder.path / found.file, values, source) if found.file else []
    found.notes = [folder.shortened(one) for one in found.notes]
    return found


def _load(scenario: Scenario, found: Recognised) -> None:
    _series(scenario.load.read(), "MW", found)


def _prices(scenario: Scenario, found: Recognised) -> None:
    if scenario.grid.day_ahead is not None:
        series = scenario.grid.day_ahead.read_file("grid.day_ahead")
        _series(series, f"{scenario.prices.currency}/MWh", found)


def _series(series: DailySeries, unit: str, found: Recognised) -> None:
    values, dates = series.values, series.dates
    found.notes = list(series.notes)
    span = "" if not dates else str(dates[0]) if len(dates) == 1 else f"{dates[0]} – {dates[-1]}"
    found.facts = [
        ("days", f"{len(values):,}" + (f" ({span})" if span else "")),
        ("step", f"{1440 // values.shape[1]} min"),
        ("zone", series.time_zone),
        ("range", f"{values.min():,.4g} – {values.max():,.4g} {unit}" if values.max() < 1e4 else
                  f"{values.min():,.0f} – {values.max():,.0f} {unit}"),
    ]  # fmt: skip
    few = len(values) <= MOST_CURVES
    found.plot = {
        "kind": "days",
        "unit": unit,
        "mean": values.mean(axis=0).tolist(),
        "low": values.min(axis=0).tolist(),
        "high": values.max(axis=0).tolist(),
        "days": values.tolist() if few else [],
        "names": [str(one) for one in dates] if few else [],
    }


def _tariff(scenario: Scenario, found: Recognised) -> None:
    windows, prices = scenario.tariff, scenario.prices
    found.notes = list(scenario.notes)
    if not windows.known:  # `tariff.choose` lets the search find them
        return
    found.facts = [
        (name, f"{', '.join(windows.hours_of(name))}: {prices.start[name]:g} {prices.unit}") for name in windows.names
    ]
    kinds = []
    for k in range(len(windows.days) + 1):
        own, hours = windows.of_kind(k)
        start = np.array([prices.start[windows.names[p]] for p in own])
        kinds.append(start[hours.period_of_minute()[::15]].tolist())
    found.plot = {
        "kind": "tariff",
        "unit": prices.unit,
        "days": kinds,
        "names": ["", *(kind.name for kind in windows.days)],
    }


def _sessions(scenario: Scenario, found: Recognised) -> None:
    if scenario.fleet.sessions is None:
        return
    recorded = read_sessions(scenario.fleet.sessions, scenario.fleet)
    sessions = recorded.sessions
    energy = sessions.charge_h * sessions.charge_kw
    found.notes = list(recorded.notes)
    found.facts = [
        ("sessions", f"{len(energy):,}"),
        ("car_days", f"{recorded.n_car_days:,}"),
        ("zone", scenario.fleet.sessions.time_zone),
        ("energy", f"{energy.mean():.1f} kWh"),
        ("stay", f"{np.mean(sessions.departure_h - sessions.arrival_h):.1f} h"),
    ]
    found.plot = {
        "kind": "sessions",
        "arrivals": _by_hour(sessions.arrival_h),
        "departures": _by_hour(sessions.departure_h),
    }


def _by_hour(hours: np.ndarray) -> list[int]:
    return np.bincount(np.floor(hours).astype(int) % 24, minlength=24).tolist()


_READERS: dict[str, Callable[[Scenario, Recognised], None]] = {
    "load": _load,
    "tariff": _tariff,
    "sessions": _sessions,
    "prices": _prices,
}


def _head(path: Path, values: Mapping[str, object], source: Source) -> list[list[str]]:
    """Return header and first rows of a table, none if it cannot be read as one."""
    sheet = value_at(values, (*source.table, "sheet"))
    try:
        read = read_table(path, sheet=sheet if isinstance(sheet, str) else None)
    except InputError:
        return []
    return [[cell[:60] for cell in row[:SHOWN_COLUMNS]] for row in (read.columns, *read.rows[:SHOWN_ROWS])]
