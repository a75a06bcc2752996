"""Make the pricing problems that ``csmoifsa solve ev-pricing`` and `csmoifsa.make_problem` name."""

from __future__ import annotations

from pathlib import Path

from csmoifsa_ev.inputs.scenario import Scenario, build_day, load_scenario
from csmoifsa_ev.model.response import Recovery
from csmoifsa_ev.problem.pricing import EVPricing


def ev_pricing(
    scenario: str | Path | Scenario | None = None,
    *,
    case: str | None = None,
    objectives: str = "paper",
    recovery: Recovery | None = None,
    n_ev: int | None = None,
    seed: int | None = None,
) -> EVPricing:
    """Peak, flat and valley prices for charging and discharging, as a pymoo problem with three objectives.

    Parameters
    ----------
    scenario : str, path, Scenario or None
        A TOML file, or a loaded scenario; None for the bundled ``case``, unchanged.
    case : str, optional
        The bundled case: ``"paper-2022"`` (default), ``"paper-2022-fitted"``, ``"duke-2017"`` or
        ``"calgary-2022"``.
    objectives : str
        One of the five sets of `EVPricing`, such as these.
        ``paper``: peak-valley difference, operator's saving, drivers' satisfaction. ``market``: peak-valley
        difference, operator's profit, drivers' bill. ``fair``: peak-valley difference, operator's profit, largest rise
        of a group's bill.
    recovery : "uniform", "valley-filling" or None
        Distribution of shifted charging over its new period; None for the scenario's.
    n_ev, seed : int, optional
        Number of cars and seed of the drawn fleet; None for the scenario's.

    Raises
    ------
    InputError
        The scenario or one of its values is wrong, or there is no such case or set of objectives.

    Examples
    --------
    >>> import numpy as np
    >>> problem = ev_pricing(n_ev=10_000)
    >>> problem.evaluate(np.array([[35.0, 22.0, 16.0, 30.0, 20.0, 10.0]]), return_values_of=["F"]).shape
    (1, 3)
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario, case=case)
    return EVPricing(build_day(scenario.with_changes(recovery=recovery, n_ev=n_ev, seed=seed)), objectives=objectives)


def ev_pricing_market(
    scenario: str | Path | Scenario | None = None,
    *,
    case: str | None = None,
    recovery: Recovery | None = None,
    n_ev: int | None = None,
    seed: int | None = None,
) -> EVPricing:
    """Peak, flat and valley prices with the ``market`` objectives; see `ev_pricing` for the parameters."""
    return ev_pricing(scenario, case=case, objectives="market", recovery=recovery, n_ev=n_ev, seed=seed)
