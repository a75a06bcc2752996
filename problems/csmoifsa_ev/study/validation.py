"""Tests of the response against findings that it was not fitted to."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from csmoifsa_ev.inputs.scenario import Scenario, build_day, load_scenario
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.model.ramp import Ramp
from csmoifsa_ev.model.response import Response


def night_share(day: PricingDay, difference: float) -> float:
    """Return the share of charging in the valley if charging is cheaper there by ``difference``.

    Parameters
    ----------
    day : PricingDay
        A day whose reference prices are the same in all periods.
    difference : float
        Price outside the valley less the price in it [price unit per kWh].
    """
    charge = day.reference - difference * (np.arange(day.n_periods) == day.n_periods - 1)
    outcome = evaluate(np.concatenate([charge, np.zeros(day.n_periods)])[None], day)
    return float(outcome.charging_mw[0, day.steps[-1]].sum() / outcome.charging_mw[0].sum())


def corner_responses(response: Response) -> list[Response]:
    """Return the response with l, K and phi_max of both flows into the valley at every end of their ranges."""

    def moved(ramp: Ramp, ends: tuple[float, ...]) -> Ramp:
        for name, end in zip(("dead_zone", "slope", "max_share"), ends, strict=True):
            ramp = ramp.moved(name, end)
        return ramp

    return [
        replace(response, peak_valley=moved(response.peak_valley, ends), flat_valley=moved(response.flat_valley, ends))
        for ends in product((-1.0, 1.0), repeat=3)
    ]


def calgary(scenario: Scenario | None = None) -> dict[str, tuple[float, float, float]]:
    """Return the share of charging from 22 to 6 h before, during and after the reward of the Calgary trial.

    Parameters
    ----------
    scenario : Scenario, optional
        The case ``calgary-2022``, with the response to test; by default as bundled.

    Returns
    -------
    dict
        By period of the trial the share, and the least and the largest over the ends of the response's ranges.
    """
    day = build_day(scenario or load_scenario(case="calgary-2022"))
    start = day.prices.start_prices
    differences = {"before": 0.0, "rewarded": float(start[0] - start[-1]), "after the reward ended": 0.0}
    days = [day, *(replace(day, response=one) for one in corner_responses(day.response))]
    shares = {when: [night_share(one, difference) for one in days] for when, difference in differences.items()}
    return {when: (values[0], min(values), max(values)) for when, values in shares.items()}
