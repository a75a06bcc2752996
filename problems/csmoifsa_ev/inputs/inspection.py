"""Inspect a scenario before pricing: list all its faults, or summarise its data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from csmoifsa.errors import InputError
from csmoifsa_energy.readers.faults import Fault, faults_of
from csmoifsa_energy.readers.series import Fill
from csmoifsa_ev.inputs.evidence import response_doubts
from csmoifsa_ev.inputs.filing import read_rates
from csmoifsa_ev.inputs.imported import import_files
from csmoifsa_ev.inputs.plausibility import implausible
from csmoifsa_ev.inputs.scenario import (
    DaySource,
    Scenario,
    build_day,
    load_scenario,
    scenario_values,
    validate,
)
from csmoifsa_ev.model.candidates import candidates
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.flow_region import flow_pairs


class Facts(TypedDict):
    """Data of a scenario before pricing; prices in ``unit``, loads in MW.

    Where no hours are known yet, what depends on them is that of the first hours that may be chosen.
    """

    name: str
    days: int
    first_day: str | None
    last_day: str | None
    time_zone: str | None
    step_minutes: int
    load_mw: dict[str, float]
    hours: dict[str, str]
    hours_to_choose_from: int
    start_prices: dict[str, float]
    unit: str
    n_ev: int
    ev_energy_mwh: float
    ev_share_of_load: float
    before: dict[str, float]
    movable_share: dict[str, float]


@dataclass
class Inspection:
    """Faults, notes and facts of a scenario.

    Attributes
    ----------
    faults : list of Fault
        Every fault, with file and place, and what mends it; empty if there is none.
    notes : list of str
        Sentences on values averaged or filled while reading.
    facts : Facts, optional
        Days, hours, prices, number of cars and figures before pricing; None if there are faults.
    """

    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: Facts | None = None


def inspect_scenario(path: Path, *, load: Mapping[str, object] | None = None) -> Inspection:
    """Read a scenario and every file it names, and list all faults.

    Each part is also read by itself, so that a fault in one file does not hide those in another.

    Parameters
    ----------
    path : Path
        The scenario.
    load : mapping, optional
        Settings of the load file that replace the scenario's; ``fill`` applies to market prices, too.
    """
    settings, fill = split_fill(load)
    found = Inspection()
    try:
        scenario = load_scenario(path).with_changes(fill=fill, load=settings)
        allowed = candidates(scenario.tariff) if scenario.tariff.choose else []
        known = scenario.tariff.known
        source = DaySource(scenario)
        day = source.day(scenario.tariff if known else allowed[0])
        rates = read_rates(scenario.filing, day, scenario.tariff)
    except InputError as error:
        whole = faults_of(error)
        told = {one.sentence for one in whole}
        parts = [one for one in _faults_by_part(path, fill, settings) if one.sentence not in told]
        found.faults = distinct([*whole, *(_in_file(one, path) for one in parts)])
        return found
    found.notes = [*study_notes(scenario, day), *rates.notes]
    read = source.load
    dates = read.dates
    found.facts = {
        "name": scenario.name,
        "days": day.n_days,
        "first_day": str(dates[0]) if dates else None,
        "last_day": str(dates[-1]) if dates else None,
        "time_zone": read.time_zone,
        "step_minutes": round(day.dt_h * 60),
        "load_mw": {
            "least": min(float(kind.days_mw.min()) for kind in day.kinds),
            "most": max(float(kind.days_mw.max()) for kind in day.kinds),
        },
        "hours": {
            name: " ".join(scenario.tariff.hours_of(name)) if known else "open" for name in scenario.tariff.names
        },
        "hours_to_choose_from": len(allowed),
        "start_prices": dict(scenario.prices.start),
        "unit": scenario.prices.unit,
        "n_ev": day.fleet.n_ev,
        "ev_energy_mwh": day.total_energy_mwh,
        "ev_share_of_load": float(day.profile_mw.sum() / day.before_mw.sum()),
        "before": {"g1_mw": float(day.before.g1_mw[0]), "g2_mw": float(day.before.g2_mw[0])},
        "movable_share": {
            f"{day.names[a]} to {day.names[b]}": float(day.fleet.shiftable[a, b]) for a, b in flow_pairs(day.n_periods)
        },
    }
    return found


def study_notes(scenario: Scenario, day: PricingDay) -> list[str]:
    """Return notes on the files read, doubts about responses, and values that hardly suit the others."""
    return [*day.notes, *response_doubts(scenario), *implausible(day)]


def split_fill(load: Mapping[str, object] | None) -> tuple[dict[str, object], Fill | None]:
    """Return the settings of the load file without ``fill``, and ``fill``, which applies to market prices, too."""
    settings = dict(load or {})
    fill = settings.pop("fill", None)
    if fill not in (None, "error", "interpolate"):
        raise InputError(f"--fill must be error or interpolate, not {fill!r}")
    return settings, fill


def distinct(faults: Iterable[Fault]) -> list[Fault]:
    """Return faults without those whose sentence came before."""
    found: dict[str, Fault] = {}
    for one in faults:
        found.setdefault(one.sentence, one)
    return list(found.values())


def with_part(values: Mapping[str, object], part: str) -> Scenario:
    """Return the bundled case with one table of other values, files imported, so that it is judged by itself.

    Parameters
    ----------
    values : mapping
        Plain values as `scenario.scenario_values` returns them.
    part : str
        Name of the table.

    Raises
    ------
    InputError
        The table or a file that it imports has faults.
    """
    sound = scenario_values(None)[0]
    trial = {**sound, part: values.get(part, {})}
    if part == "tariff":  # a tariff names the periods that prices and responses are of, and may take the load's day
        trial |= {name: values.get(name, sound[name]) for name in ("load", "prices", "response")}
    import_files(trial)
    if part == "tariff":
        trial["load"] = sound["load"]
    return validate(trial, "")


def _faults_by_part(path: Path, fill: Fill | None, settings: dict[str, object]) -> list[Fault]:
    """Return the faults of each file that the scenario names, read with the other parts of the bundled case."""
    faults: list[Fault] = []
    try:
        values, _ = scenario_values(path)
    except InputError:
        return faults
    for part in ("load", "tariff", "fleet", "grid", "filing"):
        try:
            scenario = with_part(values, part).with_changes(fill=fill, load=settings if part == "load" else None)
            if part == "load":
                scenario.load.read()
            elif part == "grid" and scenario.grid.day_ahead is not None:
                scenario.grid.day_ahead.read_file("grid.day_ahead")
            elif part == "fleet" and scenario.fleet.sessions is not None:
                build_day(scenario)
            elif part == "filing":
                read_rates(scenario.filing, build_day(scenario), scenario.tariff)
        except InputError as error:
            faults += faults_of(error)
    return faults


def _in_file(fault: Fault, path: Path) -> Fault:
    """Return a fault whose sentence names the scenario's file, unless it names a file."""
    named = any(one in fault.sentence for one in (str(path), ".csv", ".json", ".xlsx"))
    return fault if named else replace(fault, sentence=f"{path}: {fault.sentence}")
