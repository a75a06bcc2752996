"""Choose the hours of a tariff together with its prices, from the sets of hours that ``tariff.choose`` allows.

Each set of hours is a pricing problem of its own: the fleet's sums and limits depend on the hours. All are measured on
one scale of the objectives, that of all tariffs on all hours. A short search ranks the hours; those that may hold a
tariff within the tolerance of the best are searched in full, and the rule that picks one of nearly equal tariffs picks
among the tariffs of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from moocore import is_nondominated

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import DaySource, Scenario
from csmoifsa_ev.model.candidates import candidates, days_of
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, QUANTITIES
from csmoifsa_ev.model.tariff import Windows
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import (
    EXACT,
    Recommendation,
    Scale,
    Standard,
    best_tariff,
    loss_goal,
    objective_scale,
    recommend,
    rule_goal,
    score_of,
    unit_of,
)
from csmoifsa_ev.study.direct import Sample, sample_tariffs, search_tariff

WORK = 500
"""Evaluations of a study's search that one set of hours counts as, where progress is shown."""

TIGHTENINGS = 8
"""Most searches on the same hours, each with the limits that the choices of the one before exceed."""

_SHORT = 60
"""Generations of a short search, of 128 tariffs each."""

_MARGIN = 0.02
"""How much more than a short search, as a score, a full one may find."""

_LEADERS = 3
"""Number of sets of hours on which each objective is searched in full for the scale."""


@dataclass(frozen=True, kw_only=True)
class HoursOption:
    """One set of hours.

    Attributes
    ----------
    tariff : Windows
        The hours.
    in_force : bool
        Whether these are the hours in force.
    allowed : bool
        Whether ``tariff.choose`` allows them; those in force are there for comparison, too, where it does not.
    searched : bool
        Whether they were searched in full.
    score : float
        Largest score of any tariff on these hours, on the scale of all hours; the score that a short search found where
        ``searched`` is false; NaN where no tariff keeps the constraints.
    recommendation : Recommendation, optional
        The best tariff on these hours by the rule of the choice: of hours nearly as good as the best, and of those in
        force.
    quantities : (10,) array, optional
        Its `EVPricing.quantities`.
    """

    tariff: Windows
    in_force: bool
    allowed: bool
    searched: bool
    score: float
    recommendation: Recommendation | None = None
    quantities: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class HoursChoice:
    """The hours chosen, and what they were chosen from.

    Attributes
    ----------
    asked : Windows
        The tariff as the scenario states it: the hours in force, and the windows to choose.
    options : list of HoursOption
        All sets of hours, the chosen one first, then by falling score.
    problem : EVPricing
        The problem on the hours chosen.
    standard : Standard
        Scale of the objectives, and largest score, over all hours that are allowed.
    """

    asked: Windows
    options: list[HoursOption]
    problem: EVPricing
    standard: Standard

    @property
    def chosen(self) -> Windows:
        """The hours chosen."""
        return self.options[0].tariff


@dataclass
class _Trial:
    """A set of hours while it is searched; ``known`` are good tariffs on it."""

    option: HoursOption
    problem: EVPricing
    known: Sample

    @property
    def score(self) -> float:
        return self.option.score if self.option.allowed else -np.inf


def choose_hours(
    scenario: Scenario, *, objectives: str = "paper", seed: int = 0, progress: Callable[[int], None] | None = None
) -> HoursChoice:
    """Return the hours that ``tariff.choose`` of a scenario asks for, and the tariffs on them.

    Parameters
    ----------
    scenario : Scenario
        The scenario.
    objectives : str
        See `outcome.OBJECTIVE_SETS`.
    seed : int
        Random seed.
    progress : callable, optional
        Called with `WORK` times the number of sets of hours that were looked at.

    Raises
    ------
    InputError
        No windows go together, or no tariff on any hours keeps the constraints.
    """
    trials = []
    for count, (option, problem) in enumerate(_problems(scenario, objectives), start=1):
        trials.append(_Trial(option, problem, _explored(problem, seed)))
        if progress is not None:
            progress(count * WORK)
    scale = _common_scale(trials, seed)
    for trial in trials:
        trial.option = replace(trial.option, score=_short_score(trial, scale, seed))
    tolerance = max(scenario.choice.tolerance, EXACT)
    near = max(trial.score for trial in trials) - tolerance - _MARGIN
    for trial in trials:
        if trial.score >= near or trial.option.in_force:
            _search_in_full(trial, scale, seed)
    standard = Standard(scale=scale, best_score=max(trial.score for trial in trials))
    for trial in trials:
        if trial.score >= standard.best_score - tolerance:
            _recommend(trial, standard, seed)
    picked = min((one for one in trials if one.option.recommendation is not None), key=_by_rule)
    for trial in trials:
        if trial.option.in_force and trial.option.recommendation is None:
            _recommend(trial, Standard(scale=scale, best_score=-np.inf), seed)
    others = sorted((one.option for one in trials if one is not picked), key=lambda one: -np.nan_to_num(one.score))
    return HoursChoice(
        asked=scenario.tariff, options=[picked.option, *others], problem=picked.problem, standard=standard
    )


def _problems(scenario: Scenario, objectives: str) -> list[tuple[HoursOption, EVPricing]]:
    """Return the sets of hours and the problem on each; the hours in force are the last if they are not allowed."""
    source, asked = DaySource(scenario), scenario.tariff
    present = replace(asked, choose=(), rest=None) if asked.known else None
    in_force = None if present is None else source.day(present)
    now = {} if present is None else days_of(present)
    found, allowed = [], candidates(asked)
    for tariff in allowed:
        same = bool(now) and all(np.array_equal(own, now[kind]) for kind, own in days_of(tariff).items())
        day = in_force if same and in_force is not None else source.day(tariff, in_force)
        option = HoursOption(tariff=tariff, in_force=same, allowed=True, searched=False, score=np.nan)
        found.append((option, EVPricing(day, objectives=objectives)))
    if present is not None and in_force is not None and not any(option.in_force for option, _ in found):
        option = HoursOption(tariff=present, in_force=True, allowed=False, searched=False, score=np.nan)
        found.append((option, EVPricing(in_force, objectives=objectives)))
    return found


def _explored(problem: EVPricing, seed: int) -> Sample:
    """Return tariffs that are good for some scale: the best of a sample, and those of a short search per objective."""
    names = OBJECTIVE_SETS[problem.objective_set]
    columns = [QUANTITIES.index(name) for name in names]
    X, Q = sample_tariffs(problem, seed=seed)
    if len(X):
        best = is_nondominated(Q[:, columns])
        X, Q = X[best], Q[best]
    found = []
    for column, name in zip(columns, names, strict=True):
        unit = unit_of(problem, name)
        one = search_tariff(
            problem,
            lambda X, Q, column=column, unit=unit: Q[:, column] / unit,
            start=X[Q[:, column].argmin()] if len(X) else None,
            generations=_SHORT if len(X) else 300,
            seed=seed,
        )
        found += [] if one is None else [one]
    if not found:
        return Sample(X, Q)
    more = np.array(found)
    return Sample(np.vstack([X, more]), np.vstack([Q, problem.quantities(more)[0]]))


def _common_scale(trials: Sequence[_Trial], seed: int) -> Scale:
    """Return the scale of the objectives over all tariffs on all hours.

    Each objective is searched in full on the hours on which a short search made it best.
    """
    columns = [QUANTITIES.index(name) for name in OBJECTIVE_SETS[trials[0].problem.objective_set]]
    best = np.array([one.known.Q[:, columns].min(axis=0, initial=np.inf) for one in trials])
    leaders = {int(row) for k in range(3) for row in np.argsort(best[:, k])[:_LEADERS] if np.isfinite(best[row, k])}
    scales = {row: objective_scale(trials[row].problem, trials[row].known, seed=seed) for row in sorted(leaders)}
    found = [(trials[row].problem, scale) for row, scale in scales.items() if scale is not None]
    if not found:
        raise InputError(
            "tariff.choose: on none of the hours a tariff was found that keeps all constraints. Widen "
            "prices.charge_bounds and discharge_bounds, or loosen limits"
        )
    ends = [min(found, key=lambda one: float(one[1].best[k])) for k in range(3)]
    extremes = np.array([scale.extremes[k] for k, (_, scale) in enumerate(ends)])
    F = np.array([one.quantities(extremes[k : k + 1])[0][0, columns] for k, (one, _) in enumerate(ends)])
    return Scale(best=np.min([scale.best for _, scale in found], axis=0), worst=F.max(axis=0), extremes=extremes)


def _short_score(trial: _Trial, scale: Scale, seed: int) -> float:
    """Return the largest score that a short search finds, NaN if no tariff is known that keeps the constraints."""
    X, Q = trial.known
    if not len(X):
        return np.nan
    loss = loss_goal(trial.problem, scale)
    start = X[loss(X, Q).argmin()]
    found = search_tariff(trial.problem, loss, start=start, generations=_SHORT, seed=seed)
    return score_of(trial.problem, scale, start if found is None else found)


def _search_in_full(trial: _Trial, scale: Scale, seed: int) -> None:
    """Find the largest score on the hours, within limits that its tariff does not exceed."""
    for _ in range(TIGHTENINGS):
        problem = trial.problem
        sample = sample_tariffs(problem, seed=seed)
        best = best_tariff(problem, scale, sample if len(sample.X) else trial.known, seed=seed)
        score = np.nan if best is None else score_of(problem, scale, best)
        trial.option = replace(trial.option, searched=True, score=score)
        if best is None:
            return
        trial.problem = problem.tightened(best[None, : problem.day.n_periods])
        if trial.problem is problem:
            return


def _recommend(trial: _Trial, standard: Standard, seed: int) -> None:
    """Find the best tariff on the hours by the rule of the choice."""
    found = recommend(trial.problem, known=trial.known.X, among=standard, seed=seed)
    if found is not None:
        values = trial.problem.quantities(found.tariff[None])[0][0]
        trial.option = replace(trial.option, recommendation=found, quantities=values)


def _by_rule(trial: _Trial) -> float:
    """Return what the rule of the choice minimises, of the tariff recommended on the hours."""
    found, values = trial.option.recommendation, trial.option.quantities
    assert found is not None
    assert values is not None
    return float(rule_goal(trial.problem)(found.tariff[None], values[None])[0])
