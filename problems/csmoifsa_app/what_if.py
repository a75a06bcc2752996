"""The effects of one tariff at once, for the sliders: charts, broken constraints, and the range of each price."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import read_json
from csmoifsa_app.folder import RESULT, StudyFolder
from csmoifsa_energy.explain import check_values
from csmoifsa_ev.inputs.scenario import Scenario, build_day
from csmoifsa_ev.model.candidates import with_hours
from csmoifsa_ev.model.outcome import MAXIMISED, OBJECTIVE_SETS
from csmoifsa_ev.model.tariff import Windows
from csmoifsa_ev.output.finished import read_finished
from csmoifsa_ev.output.report import day_data, tariff_data
from csmoifsa_ev.problem.pricing import EVPricing

KEPT = 4
"""Number of problems kept in memory, the last used ones."""

STEPS = 41
"""Number of values of each price that are tried for its range."""


class WhatIf:
    """Evaluates tariffs of studies; problems are kept until their scenario or data files change."""

    def __init__(self) -> None:
        self._problems: OrderedDict[object, tuple[Scenario, EVPricing]] = OrderedDict()
        self._lock = threading.Lock()

    def problem(self, folder: StudyFolder) -> tuple[Scenario, EVPricing]:
        """Return scenario and problem of a study; raises `InputError` if the scenario or its data have faults."""
        files = [path for name, path in folder.files().items() if "/" not in name]
        found = folder.path / RESULT / "summary.json"
        files += [found] if found.is_file() else []
        key = (folder.path, folder.search.objectives, *((path, path.stat().st_mtime_ns) for path in files))
        with self._lock:
            if key not in self._problems:
                scenario = folder.scenario()
                hours = _hours_found(scenario, found)
                problem = EVPricing(build_day(scenario, hours), objectives=folder.search.objectives)
                priced = scenario if hours is None else replace(scenario, tariff=hours)
                self._problems[key] = (priced, problem)
                while len(self._problems) > KEPT:
                    self._problems.popitem(last=False)
            self._problems.move_to_end(key)
            return self._problems[key]

    def start(self, folder: StudyFolder) -> dict[str, object]:
        """Return what does not change with the sliders: the day, bounds, the tariff in force, and the front found."""
        scenario, problem = self.problem(folder)
        low, high = problem.price_bounds
        front, offered = np.empty((0, problem.n_var)), None
        if (folder.path / RESULT / "summary.json").is_file():
            found = read_finished(folder.path / RESULT, "result")
            names = list(found.summary.recommended)
            front = found.front[names].to_numpy(dtype=float)
            offered = [found.summary.recommended[name] for name in names]
        return {
            **day_data(scenario, problem.day),
            "days": problem.day.n_days,
            "kinds": [kind.title for kind in problem.day.others],
            "rules": {"step": scenario.rules.step, "ratios": list(scenario.rules.names())},
            "low": low.tolist(),
            "high": high.tolist(),
            "in_force": problem.day.in_force.prices.in_force.tolist(),
            "front": front.round(4).tolist(),
            "offered": offered,
            "objectives": list(OBJECTIVE_SETS[problem.objective_set]),
            "maximised": list(MAXIMISED),
        }

    def evaluate(self, folder: StudyFolder, tariff: object) -> dict[str, object]:
        """Return effects, broken constraints and ranges of a tariff.

        Parameters
        ----------
        folder : StudyFolder
            The study.
        tariff : list of numbers
            Prices in the order of the problem's variables [price unit per kWh].

        Raises
        ------
        InputError
            The tariff has another length or prices beyond the bounds.
        """
        _, problem = self.problem(folder)
        low, high = problem.price_bounds
        x = np.array(check_values(list[float], tariff, "tariff: ", strict=False), dtype=float)
        if x.shape != low.shape or not np.isfinite(x).all() or (x < low - 1e-9).any() or (x > high + 1e-9).any():
            raise InputError(f"tariff must hold {len(low)} prices within the bounds of the scenario")
        tariffs = np.vstack([x, problem.day.in_force.prices.in_force])
        constraints = problem.values(tariffs[:1])[1][0]
        broken = [
            {"constraint": name, "by": float(value)}
            for name, value in zip(problem.constraint_names, constraints, strict=True)
            if value > 0
        ]
        return {**tariff_data(problem, tariffs, start=1), "broken": broken, "ranges": reachable(problem, x)}


def _hours_found(scenario: Scenario, summary: Path) -> Windows | None:
    """Return the hours that the search of a scenario chose, None where it leaves no choice or has no result."""
    if not (scenario.tariff.choose and summary.is_file()):
        return None
    hours = read_json(summary, "summary").get("hours")
    return with_hours(scenario.tariff, hours["windows"]) if hours else None


def reachable(problem: EVPricing, x: np.ndarray) -> list[list[float] | None]:
    """Return lowest and highest value of each price that keeps all constraints, the others as they are; None: no value.

    Of `STEPS` values between the bounds (with a price step the nearest multiples), and the present one; the range may
    have holes.
    """
    low, high = problem.price_bounds
    values = problem.allowed(np.linspace(low, high, STEPS))
    trials = np.tile(x, (len(x), STEPS + 1, 1))
    for k in range(len(x)):
        trials[k, :STEPS, k] = values[:, k]
    kept = (problem.values(trials.reshape(-1, len(x)))[1] <= 0).all(axis=1).reshape(len(x), STEPS + 1)
    found: list[list[float] | None] = []
    for k in range(len(x)):
        allowed = trials[k, kept[k], k]
        found.append([float(allowed.min()), float(allowed.max())] if len(allowed) else None)
    return found
