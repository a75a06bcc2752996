"""The scenario: one TOML file that says which day, tariff, fleet and terms to price.

A scenario is a bundled case with some values replaced: a user's file holds only what differs. Every value is checked,
and an error names the key.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
from pydantic import TypeAdapter, ValidationError

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_ev.checks import Parameters
from csmoifsa_ev.day import Day
from csmoifsa_ev.fleet import Fleet
from csmoifsa_ev.fleet_sums import sum_fleet
from csmoifsa_ev.load import Load
from csmoifsa_ev.objectives import Grid, Satisfaction
from csmoifsa_ev.response import Deposit, Response
from csmoifsa_ev.tariff import Prices, Windows
from csmoifsa_ev.v2g import V2G

_CASES = Path(__file__).with_name("data")
_BASE = {"duke-2017": "paper-2022"}
"""Cases that are written as changes to another."""

_KINDS = ("literal['flat']", "float", "PeriodPrices")
"""What pydantic adds to the place of an error where a value may be of several kinds (prices.reference)."""


@dataclass(frozen=True, kw_only=True)
class Published(Parameters):
    """What a paper prints for a case, to be set beside our results; each may be missing."""

    before_g1_mw: float | None = None
    before_g2_mw: float | None = None
    after_g1_mw: float | None = None
    after_g2_hours_mw: float | None = None
    after_g3_mw2: float | None = None
    after_saving: float | None = None
    after_satisfaction: float | None = None


@dataclass(frozen=True, kw_only=True)
class Scenario(Parameters):
    """All that is needed to price a day; see the bundled ``data/paper-2022.toml`` for a commented example.

    Attributes
    ----------
    name, title : str
        For results and figures.
    load, tariff, prices, fleet, response, v2g, grid, satisfaction
        One part a subject, each described at its own class.
    published : Published, optional
        Only kept while the scenario is a bundled case, unchanged.
    """

    name: str
    title: str
    load: Load
    tariff: Windows
    prices: Prices
    fleet: Fleet
    response: Response
    v2g: V2G
    grid: Grid
    satisfaction: Satisfaction
    published: Published | None = None

    def with_changes(
        self, *, deposit: Deposit | None = None, n_ev: int | None = None, seed: int | None = None
    ) -> Scenario:
        """Return the scenario with another deposit, number of cars or fleet seed; None keeps what is there."""
        if deposit not in (None, "uniform", "water-filling"):
            raise InputError(f"deposit must be 'uniform' or 'water-filling', not {deposit!r}")
        changes = {name: value for name, value in (("n_ev", n_ev), ("seed", seed)) if value is not None}
        response = self.response if deposit is None else replace(self.response, deposit=deposit)
        return replace(self, fleet=replace(self.fleet, **changes), response=response)


def case_names() -> list[str]:
    """Return the names of the bundled cases."""
    return sorted(path.stem for path in _CASES.glob("*.toml"))


def load_scenario(path: str | Path | None = None, *, case: str | None = None) -> Scenario:
    """Read a scenario.

    Parameters
    ----------
    path : path, optional
        A TOML file of changes to a bundled case; None for the case as it is.
    case : str, optional
        That case. The file may name it itself, as ``case = "..."``; otherwise it is ``paper-2022``.

    Raises
    ------
    InputError
        The file is missing or no TOML, a key is unknown or a value is bad; the message names the key.
    """
    changes: dict[str, Any] = {}
    source, folder = "", _CASES
    if path is not None:
        path = Path(path)
        changes, source, folder = _read_toml(path), f"{path}: ", path.parent
    named = changes.pop("case", None)
    if named is not None and case is not None and named != case:
        raise InputError(f"{source}the file builds on case {named!r} but {case!r} was asked for; keep one of the two")
    values = _case_values(named or case or "paper-2022")
    if changes:
        values.pop("published", None)
        values = _merge(values, changes)
    scenario = _validate(values, source)
    if scenario.load.csv is not None:
        scenario = replace(scenario, load=replace(scenario.load, csv=str(folder / scenario.load.csv)))
    return scenario


def build_day(scenario: Scenario) -> Day:
    """Prepare a scenario for pricing: read the load, draw and sum the fleet.

    The sums of the fleet are kept for the life of the process; the load is read anew.
    """
    base = scenario.load.values()
    period = scenario.tariff.period_of_step(len(base))
    fleet = scenario.fleet
    shares = np.array([vehicle.share for vehicle in fleet.vehicles])
    capacity = float((shares * [vehicle.battery_kwh for vehicle in fleet.vehicles]).sum() / shares.sum())
    day = Day(
        period=period,
        base_mw=base,
        fleet=sum_fleet(fleet, scenario.tariff, len(base), scenario.v2g.depth),
        round_trip=fleet.charge_efficiency * fleet.discharge_efficiency,
        battery_kwh=capacity,
        discharge_efficiency=fleet.discharge_efficiency,
        prices=scenario.prices,
        response=scenario.response,
        v2g=scenario.v2g,
        grid=scenario.grid,
        satisfaction=scenario.satisfaction,
    )
    if not day.level > 0:
        raise InputError(f"prices.reference: the mean price drivers pay now must be above 0, not {day.level}")
    return day


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the scenario {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a TOML file: {error}") from error


def _case_values(case: Any) -> dict[str, Any]:
    known = case_names()
    if case not in known:
        raise InputError(f"there is no case {case!r}; there are {', '.join(known)}." + did_you_mean(str(case), known))
    values = _read_toml(_CASES / f"{case}.toml")
    if case in _BASE:
        base = _case_values(_BASE[case])
        base.pop("published", None)
        values = _merge(base, values)
    return values


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay changes over a case, table by table; lists are replaced whole, and so is the source of the load."""
    merged = dict(base)
    for key, value in changes.items():
        old = base.get(key)
        if key == "load" and isinstance(value, dict) and {"csv", "values_mw"} & value.keys():
            old = None
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Scenario]:
    return TypeAdapter(Scenario)


def _validate(values: dict[str, Any], source: str) -> Scenario:
    """Turn plain values into a Scenario; strict JSON rules, so that no text or truth value passes for a number."""
    try:
        return _adapter().validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        told = _explain_all(error)
        more = f"; and {len(told) - 3} more" if len(told) > 3 else ""
        raise InputError(source + "; ".join(told[:3]) + more) from None


def _explain_all(error: ValidationError) -> list[str]:
    """Return one sentence a key; where a value may be of several kinds, the kind that fits best speaks."""
    by_key: dict[tuple[Any, ...], list[Any]] = {}
    for one in error.errors(include_url=False):
        place = tuple(part for part in one["loc"] if part not in _KINDS)
        by_key.setdefault(place, []).append(one)
    whole = [place for place in by_key if not any(other[: len(place)] == place != other for other in by_key)]
    told = [_explain(place, by_key[place]) for place in whole]
    return sorted(told, key=lambda one: not one.startswith("unknown key"))  # a misspelt key explains a missing one


def _explain(place: tuple[Any, ...], errors: list[Any]) -> str:
    """Say what is wrong with one key, in a user's words."""
    key = ".".join(str(part) for part in place)
    kind, message, value = errors[0]["type"], errors[0]["msg"], errors[0]["input"]
    if kind == "unexpected_keyword_argument":
        known = _known_keys(place[:-1])
        return f"unknown key {key!r}." + (did_you_mean(str(place[-1]), known) or f" Known are {', '.join(known)}")
    if kind == "missing":
        return f"the key {key!r} is missing"
    if len(errors) > 1:
        return f"{key} must be 'flat', a number, or a table of peak, flat and valley, not {value!r}"
    if kind == "value_error":
        return f"{key}: {message.removeprefix('Value error, ')}"
    message = (
        message.replace("Input should be", "must be").replace("a valid array", "a list").replace("an object", "a table")
    )
    return f"{key} {message}, not {value!r}"


def _known_keys(place: tuple[Any, ...]) -> list[str]:
    """Return the keys of the table at a place in the scenario."""
    owner: Any = Scenario
    for part in place:
        if isinstance(part, str):
            owner = get_type_hints(owner)[part]
        while not is_dataclass(owner):
            owner = next(kind for kind in get_args(owner) if is_dataclass(kind) or get_args(kind))
    return [one.name for one in fields(owner)] + (["case"] if owner is Scenario else [])
