"""Baselines for the search: simpler ways to find tariffs, with the same number of evaluations."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypedDict

import numpy as np

from csmoifsa.decision import membership
from csmoifsa_ev.problem.pricing import EVPricing

Search = Callable[[EVPricing, int, int], np.ndarray]
"""``search(problem, n_eval, seed)`` returns the tariffs of a front, shape (n, 2 P)."""


class BaselineRow(TypedDict):
    """One way to find tariffs: effects of its compromise, and hypervolume of its front.

    Attributes
    ----------
    way : str
        Name of the way.
    evaluations, tariffs : int
        Number of evaluations made, and of tariffs found.
    hypervolume, score : float
        Hypervolume of its front, and score of its compromise, in [0, 1].
    g1_mw, g2_mw, saving_per_day, operator_profit_per_day, driver_bill_per_day, satisfaction : float
        Effects of its compromise, see `outcome.TariffOutcome`.
    seconds : float
        Wall-clock time [s].
    """

    way: str
    evaluations: int
    tariffs: int
    hypervolume: float
    score: float
    g1_mw: float
    g2_mw: float
    saving_per_day: float
    operator_profit_per_day: float
    driver_bill_per_day: float
    satisfaction: float
    seconds: float


def grid_search(problem: EVPricing, n_eval: int, seed: int) -> np.ndarray:
    """Search a grid over charge prices and the dearest discharge price; the others are at their lower bound."""
    del seed
    n = problem.day.n_periods + 1
    levels = max(int(n_eval ** (1.0 / n)), 2)
    low, high = problem.price_bounds
    axes = [np.linspace(low[k], high[k], levels) for k in range(n)]
    X = np.stack([one.ravel() for one in np.meshgrid(*axes, indexing="ij")], axis=1)
    X = np.hstack([X, np.tile(low[n:], (len(X), 1))])
    return _front_of(problem, problem.allowed(X))


def nsga2(problem: EVPricing, n_eval: int, seed: int, pop_size: int = 100) -> np.ndarray:
    """Search with pymoo's NSGA2."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.optimize import minimize

    algorithm = NSGA2(pop_size=pop_size, repair=problem.repair)
    done = minimize(problem, algorithm, ("n_eval", n_eval), seed=seed, verbose=False)
    return np.empty((0, problem.n_var)) if done.X is None else np.atleast_2d(done.X)


def _front_of(problem: EVPricing, X: np.ndarray) -> np.ndarray:
    """Return the non-dominated feasible tariffs."""
    import moocore

    F, G = problem.values(X)
    kept = (G <= 0).all(axis=1)
    X, F = X[kept], F[kept]
    return X[moocore.is_nondominated(F)] if len(F) else X


def compare_baselines(problem: EVPricing, search: Search, *, n_eval: int, seed: int) -> list[BaselineRow]:
    """Return one row for each way to find tariffs: effects of its compromise, and hypervolume of its front.

    Scores and hypervolumes share one scale: objectives are normalised over all fronts together; the reference point is
    1.1 in each objective.

    Parameters
    ----------
    problem : EVPricing
        Day and objectives.
    search : Search
        The search to be compared with the baselines.
    n_eval, seed : int
        Number of evaluations of each search, and random seed.
    """
    import moocore

    n = problem.day.n_periods
    least = problem.price_bounds[0][n:]
    single = {
        "flat tariff": np.concatenate([np.full(n, problem.day.reference_level), least]),
        "tariff in force": problem.day.in_force.prices.in_force,
    }
    fronts: dict[str, tuple[np.ndarray, float]] = {name: (x[None], 0.0) for name, x in single.items()}
    for name, method in (("grid search", grid_search), ("NSGA2", nsga2), ("CSMOIFSA", search)):
        begin = time.perf_counter()
        fronts[name] = (method(problem, n_eval, seed), time.perf_counter() - begin)
    outcomes = {
        name: problem.outcome(X, in_force=0 if name == "tariff in force" else None)
        for name, (X, _) in fronts.items()
        if len(X)
    }
    F = {name: one.objectives(problem.objective_set) for name, one in outcomes.items()}
    searched = np.vstack([one for name, one in F.items() if name not in single])
    low, span = searched.min(axis=0), np.maximum(np.ptp(searched, axis=0), 1e-12)
    scores = membership(np.vstack([searched, *(F[name] for name in single)])).sum(axis=1)
    place = dict(zip([n for n in F if n not in single] + list(single), _offsets(F, single), strict=True))
    rows: list[BaselineRow] = []
    for name, (X, seconds) in fronts.items():
        if name not in outcomes:
            continue
        first = place[name]
        row = int(scores[first : first + len(X)].argmax())
        out = outcomes[name]
        rows.append(
            {
                "way": name,
                "evaluations": 0 if name in single else n_eval,
                "tariffs": len(X),
                "hypervolume": float(moocore.hypervolume((F[name] - low) / span, ref=np.full(3, 1.1))),
                "score": float(scores[first + row] / 3.0),
                "g1_mw": float(out.g1_mw[row]),
                "g2_mw": float(out.g2_mw[row]),
                "saving_per_day": float(out.saving_per_day[row]),
                "operator_profit_per_day": float(out.operator_profit_per_day[row]),
                "driver_bill_per_day": float(out.driver_bill_per_day[row]),
                "satisfaction": float(out.satisfaction[row]),
                "seconds": round(seconds, 3),
            }
        )
    return rows


def _offsets(F: dict[str, np.ndarray], single: dict[str, np.ndarray]) -> list[int]:
    lengths = [len(F[n]) for n in F if n not in single] + [len(F[n]) for n in single]
    return [0, *np.cumsum(lengths)[:-1].tolist()]
