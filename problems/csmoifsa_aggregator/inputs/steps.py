"""A case on shorter steps, for prices that change within an hour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.model.battery import Batteries


def refine(case: Case, parts: int) -> Case:
    """Return a case with every step cut into ``parts`` equal ones, all with its prices, bounds and import limit.

    Parameters
    ----------
    case : Case
        The case.
    parts : int
        Number of new steps for each step of the case.
    """
    if parts == 1:
        return case
    game = case.game
    cars = None if case.cars is None else _cut(case.cars, parts)
    series = {name: np.repeat(getattr(game, name), parts) for name in ("day_ahead", "buy", "sell", "lower", "upper")}
    finer = replace(
        game,
        **series,
        window=np.repeat(game.window, parts, axis=1),
        dt_h=game.dt_h / parts,
        import_limit_kw=None if game.import_limit_kw is None else np.repeat(game.import_limit_kw, parts),
        base_kw=None if game.base_kw is None else np.repeat(game.base_kw, parts),
        cars=None if game.cars is None else cars,
    )
    return replace(case, game=finer, cars=cars, v2g_sell=np.repeat(case.v2g_sell, parts))


def _cut(cars: Batteries, parts: int) -> Batteries:
    return replace(
        cars,
        start=cars.start * parts,
        length=cars.length * parts,
        n_steps=cars.n_steps * parts,
        dt_h=cars.dt_h / parts,
    )
