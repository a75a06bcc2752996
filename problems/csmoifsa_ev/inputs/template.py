"""Write a commented scenario to start from, with what follows from the load of the user's region."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil, floor, log10
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.load import Load
from csmoifsa_ev.inputs.scenario import Scenario, load_scenario
from csmoifsa_ev.model.fleet_sums import sum_fleet
from csmoifsa_ev.model.tariff import Period, Windows

TEMPLATE = Path(__file__).with_name("cases") / "template.toml.txt"

SHARE_OF_LOAD = 0.05
"""Charging of the cars as a share of the energy of the load, where the user states no number of cars."""

_DRAWN = 20_000
"""Number of cars drawn to learn what one of them charges."""

_ANY_HOURS = Windows(periods=(Period(name="first", windows=("0-12",)), Period(name="second", windows=("12-24",))))
"""Hours of a tariff; uncontrolled charging is the same in all."""


def write_template(path: Path, settings: Mapping[str, object], n_ev: int | None = None) -> list[str]:
    """Write a commented scenario, and return one sentence for each value that was derived.

    With a load file, the scenario reads it; the two loads of the marginal-cost line are the least and the highest
    load with the cars; and where ``n_ev`` is not given, the cars charge 5 % of the energy of the load.

    Parameters
    ----------
    path : Path
        The file to write; never overwritten.
    settings : mapping
        Settings of the load file, by the names of `Load`; none without one.
    n_ev : int, optional
        Number of cars.

    Raises
    ------
    InputError
        The load cannot be read, or the file exists or cannot be written.
    """
    text, told = TEMPLATE.read_text(encoding="utf-8"), []
    name = json.dumps(path.stem, ensure_ascii=False)
    text = text.replace('name = "mine"\ntitle = "My region"', f"name = {name}\ntitle = {name}")
    if settings:
        scenario = load_scenario()
        load = scenario.load.with_settings(settings)
        drawn = fit_to_load(scenario, load, n_ev)
        text, told = _fitted(text, path, settings, *drawn), _sentences(drawn, stated=n_ev is not None)
    elif n_ev is not None:
        text = text.replace("n_ev = 3_000_000", f"n_ev = {n_ev:_}")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path} exists and is not overwritten; choose another name") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    return told


def fit_to_load(scenario: Scenario, load: Load, n_ev: int | None = None) -> tuple[int, float, float]:
    """Return the number of cars that suits a load, and the least and the highest load with them [MW].

    Parameters
    ----------
    scenario : Scenario
        The cars and the hours of the tariff.
    load : Load
        The load.
    n_ev : int, optional
        Number of cars; where left out, they charge `SHARE_OF_LOAD` of the energy of the load.

    Raises
    ------
    InputError
        The load cannot be read.
    """
    days = load.read().values
    n_steps = days.shape[1]
    fleet = replace(scenario.fleet, n_ev=_DRAWN)
    sums = sum_fleet(fleet, _ANY_HOURS, n_steps, scenario.v2g.depth)
    if n_ev is None:
        energy = float(days.mean(axis=0).sum()) * 24.0 / n_steps
        n_ev = max(int(_rounded(SHARE_OF_LOAD * energy / float(sums.energy_mwh.sum()) * _DRAWN, floor)), 1)
    total = days + sums.scaled(n_ev).profile_mw
    return n_ev, _rounded(float(total.min()), floor), _rounded(float(total.max()), ceil)


def _rounded(value: float, towards: Callable[[float], int]) -> float:
    """Return a number rounded down (`floor`) or up (`ceil`) to three digits."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (floor(log10(value)) - 2)
    return float(towards(value / step) * step)


def _fitted(text: str, path: Path, settings: Mapping[str, object], n_ev: int, least: float, most: float) -> str:
    """Return the template with the load file's settings, the number of cars and the loads of the cost line."""
    lines = [f"{key} = {_toml(value)}" for key, value in _relative(settings, path).items()]
    block = re.compile(r"# 24 hours \(or 48.*?\n\]\n# \.\.\. or a file; delete values_mw then\. ", re.DOTALL)
    text = block.sub(lambda _: "\n".join(lines) + "\n# ", text)
    for key in settings:
        text = re.sub(rf"^# {key} = .*\n", "", text, count=1, flags=re.MULTILINE)
    text = text.replace("n_ev = 3_000_000", f"n_ev = {n_ev:_}")
    ends = f"[{least:.10g}, {most:.10g}]   # least and highest load with the cars"
    return text.replace("marginal_cost_load_mw = [8000, 15700]", f"marginal_cost_load_mw = {ends}")


def _relative(settings: Mapping[str, object], path: Path) -> dict[str, object]:
    """Return the settings with the path of the file as it is seen from the scenario's folder."""
    found = dict(settings)
    try:
        found["csv"] = Path(os.path.relpath(str(found["csv"]), path.parent)).as_posix()
    except ValueError:  # another drive
        found["csv"] = Path(str(found["csv"])).absolute().as_posix()
    return found


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    text = str(value)
    return text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else json.dumps(text, ensure_ascii=False)


def _sentences(drawn: tuple[int, float, float], *, stated: bool) -> list[str]:
    n_ev, least, most = drawn
    cars = [] if stated else [f"n_ev = {n_ev:,}: their charging is {SHARE_OF_LOAD:.0%} of the energy of the load"]
    line = f"marginal_cost_load_mw = [{least:,.10g}, {most:,.10g}]: the least and the highest load with the cars"
    return [*cars, line]
