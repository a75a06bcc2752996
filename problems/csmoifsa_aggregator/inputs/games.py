"""Games in the short form of JSON files, in the symbols of the model: p, lb, ub, mean, E, Pm, W and more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.keys import Limit, Series
from csmoifsa_aggregator.model.costs import Storage
from csmoifsa_aggregator.model.game import Game
from csmoifsa_energy.checks import Parameters
from csmoifsa_energy.explain import check_values

_STORAGE = {"Pmax": "power_kw", "Smax": "capacity_kwh", "S0": "initial_kwh", "eta": "efficiency"}
"""Long key of each short key of a storage."""


@dataclass(frozen=True, kw_only=True)
class GameKeys(Parameters):
    """The keys of a game in short form; a series holds one value a step, a column one value a class.

    Attributes
    ----------
    p, lb, ub : float or tuple of float
        Day-ahead price, and lower and upper bound of the drivers' price, of each step [currency/kWh].
    mean : float
        Mean over the steps of the drivers' price, or its upper bound; see ``mean_sense`` [currency/kWh].
    E, Pm : float or tuple of float
        Demand [kWh] and greatest power [kW] of each class, all its vehicles together.
    W : tuple of tuples
        Whether each class is plugged in at each step: one row a class, one value a step, 0 or 1.
    pb, ps : float or tuple of float, optional
        Prices of energy bought and sold in real time [currency/kWh]; p where left out.
    n : float or tuple of float, optional
        Number of vehicles in each class; 1 where left out.
    mean_sense : "==" or "<="
        Whether the mean price equals ``mean`` (``==``) or is at most ``mean`` (``<=``).
    mean_weight : "time" or "load"
        Whether the mean counts every step alike, or is weighted by the load.
    dt : float, optional
        Length of a step [h]; 24 h / T where left out.
    T : float, optional
        Number of steps, checked against the length of p.
    storage : Storage, optional
        The aggregator's own battery; its keys may be Pmax, Smax, S0, eta.
    import_limit_kw : float or tuple of float, optional
        Import limit [kW], one for all steps or one a step.
    block_kw, block_premium : float or tuple of float, optional
        Size of each block of a supply curve [kW], and its price above p [currency/kWh].
    names : tuple of str
        Names of the classes.
    name : str
        Name of the game.
    """

    p: Series
    lb: Series
    ub: Series
    mean: float
    E: Series
    Pm: Series
    W: tuple[tuple[bool | float, ...], ...]
    pb: Series | None = None
    ps: Series | None = None
    n: Series | None = None
    mean_sense: Literal["==", "<="] = "=="
    mean_weight: Literal["time", "load"] = "time"
    dt: float | None = None
    T: float | None = None
    storage: Storage | None = None
    import_limit_kw: Limit | tuple[Limit, ...] | None = None
    block_kw: Limit | tuple[Limit, ...] | None = None
    block_premium: Series | None = None
    names: tuple[str, ...] = ()
    name: str = "game"


def game_from_dict(values: Mapping[str, object]) -> Game:
    """Read a game in the short form of its JSON files; see `GameKeys`.

    Keys that begin with ``optimum`` are kept as `Game.reference`.

    Raises
    ------
    InputError
        A key is missing or unknown, or a value is bad; the message names the key, class or hour.
    """
    reference = {key: _reference(key, value) for key, value in values.items() if key.startswith("optimum")}
    plain = {key: value for key, value in values.items() if key not in reference}
    short = _spell_out(plain)
    keys = check_values(GameKeys, plain, name=lambda place: ("", tuple(short.get(str(part), part) for part in place)))
    p = np.atleast_1d(keys.p)
    dt = _step_hours(keys, len(p))
    count = np.ones(np.size(keys.E)) if keys.n is None else np.atleast_1d(keys.n)
    return Game(
        name=keys.name,
        day_ahead=p,
        buy=p if keys.pb is None else np.atleast_1d(keys.pb),
        sell=p if keys.ps is None else np.atleast_1d(keys.ps),
        lower=np.atleast_1d(keys.lb),
        upper=np.atleast_1d(keys.ub),
        mean=keys.mean,
        mean_sense=keys.mean_sense,
        mean_weight=keys.mean_weight,
        energy_kwh=np.atleast_1d(keys.E),
        power_kw=np.atleast_1d(keys.Pm),
        window=_window(keys.W, len(p)),
        count=count,
        dt_h=dt,
        storage=keys.storage,
        import_limit_kw=_limit_series(keys.import_limit_kw, len(p)),
        block_kw=None if keys.block_kw is None else np.atleast_1d(keys.block_kw),
        block_premium=None if keys.block_premium is None else np.atleast_1d(keys.block_premium),
        names=keys.names,
        reference=reference,
    )


def _reference(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputError(f"{key} must be a number, not {value!r}")
    return float(value)


def _spell_out(values: dict[str, object]) -> dict[str, str]:
    """Rename the short keys of a storage to long ones, in place; return the short keys it had, by the long ones."""
    storage = values.get("storage")
    if not isinstance(storage, Mapping):
        return {}
    both = [(key, long) for key, long in _STORAGE.items() if key in storage and long in storage]
    if both:
        raise InputError(f"storage: {both[0][0]} and {both[0][1]} are two names of one key; give one of them")
    values["storage"] = {_STORAGE.get(key, key): value for key, value in storage.items()}
    return {long: key for key, long in _STORAGE.items() if key in storage}


def _window(rows: tuple[tuple[bool | float, ...], ...], steps: int) -> np.ndarray:
    for k, row in enumerate(rows):
        if len(row) != steps:
            raise InputError(f"W must be a list of {steps} values for each class; that of class {k + 1} has {len(row)}")
        if strange := [value for value in row if value not in (0, 1)]:
            raise InputError(f"W must hold 0 or 1, but that of class {k + 1} holds {strange[0]:g}")
    return np.array(rows, dtype=bool).reshape(len(rows), steps)


def _step_hours(keys: GameKeys, steps: int) -> float:
    if not steps:
        raise InputError("p must hold one price a step, but it is empty")
    if keys.T is not None and keys.T != steps:
        raise InputError(f"p has {steps} values but T is {keys.T:g}: {abs(keys.T - steps):g} hours are missing")
    if keys.dt is None and 1440 % steps:
        raise InputError(
            f"dt is missing: p has {steps} values, which give no step of whole minutes; supply 24, 48 or "
            "96 of them, or state dt, the length of a step in hours"
        )
    return 24.0 / steps if keys.dt is None else keys.dt


def _limit_series(values: float | tuple[float, ...] | None, steps: int) -> np.ndarray | None:
    if values is None:
        return None
    return np.array(values) if isinstance(values, tuple) else np.full(steps, values)
