"""State of a dispatcher as a JSON file, to continue after a crash: the plan of the day, and its progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import MOST_BYTES, read_json, write_json
from csmoifsa_aggregator.dispatch.forecast import refuse_code
from csmoifsa_aggregator.dispatch.plan import Commitment, DispatchPlan
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.reserve import Product

_TERMS = ("other_load_kw", "import_limit_kw", "sale_ratio", "planned_kw", "base_kw", "imbalance")
"""Names of the optional arrays of a `DispatchPlan`."""

SAVED = {
    **{"position_kw": "position_kw", "known": "_known", "last": "_last", "here": "_here", "gone": "_gone"},
    **{"until": "_until", "jump": "_jump", "fixed": "_fixed", "answer": "_answers", "called": "_called"},
}
"""Keys of the state file, and the attributes of `RollingDispatcher` saved under them."""


def write_state(path: str | Path, plan: DispatchPlan, progress: Mapping[str, object]) -> None:
    """Write a plan and its progress as one JSON file, which replaces an existing one as a whole.

    Parameters
    ----------
    path : path
        File to write.
    plan : DispatchPlan
        Plan of the day.
    progress : mapping
        Arrays and plain values by name; array values that are not finite are written as null.
    """
    write_json(
        path,
        {
            "format": 1,
            "cars": _fields(plan.cars),
            "day_ahead": _json_value(plan.day_ahead),
            "past": _json_value(plan.past),
            "forecaster": plan.forecaster,
            **{name: _json_value(getattr(plan, name)) for name in _TERMS},
            "reserve": [{"product": _fields(one.product), "bid_kw": one.bid_kw.tolist()} for one in plan.reserve],
            **{name: _json_value(value) for name, value in progress.items()},
        },
    )


def _fields(value: Batteries | Product) -> dict[str, object]:
    return {name: _json_value(getattr(value, name)) for name in value.__dataclass_fields__}


def _json_value(value: object) -> object:
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "f":
            return value.tolist()
        array = value.astype(object)
        array[~np.isfinite(value)] = None
        return array.tolist()
    return list(value) if isinstance(value, tuple) else value


def read_state(path: str | Path) -> Any:
    """Return the state that `write_state` wrote, unchecked; use it within `damage_explained`."""
    return read_json(path, "state", MOST_BYTES)


def restore_plan(state: Any, path: str | Path, *, code: bool) -> DispatchPlan:
    """Return the plan of the day from a state.

    Parameters
    ----------
    state : mapping
        State returned by `read_state`.
    path : path
        File of the state, named in messages.
    code : bool
        Whether the state may name a forecaster that is none of `forecast.NAMES`, as ``module:function``.

    Raises
    ------
    InputError
        The state names such a forecaster, and ``code`` is false.
    """
    cars = Batteries(**{**state["cars"], "names": tuple(state["cars"]["names"])})
    past = np.array(state["past"], dtype=float).reshape(-1, cars.n_steps)
    day_ahead = np.array(state["day_ahead"], dtype=float)
    if not code:
        refuse_code(state["forecaster"], path)
    terms = {name: None if state.get(name) is None else np.array(state[name], dtype=float) for name in _TERMS}
    if terms["import_limit_kw"] is not None:
        terms["import_limit_kw"] = np.where(
            np.isnan(terms["import_limit_kw"]), np.inf, terms["import_limit_kw"]
        )  # no limit
    reserve = tuple(
        Commitment(Product(**one["product"]), np.array(one["bid_kw"], dtype=float)) for one in state.get("reserve", ())
    )
    return DispatchPlan(
        cars=cars, day_ahead=day_ahead, past=past, forecaster=state["forecaster"], reserve=reserve, **terms
    )


def restored(value: Any, fresh: object) -> object:
    """Return a value of a state with the type and shape of the same attribute of a new dispatcher.

    Raises
    ------
    ValueError
        The value is an array of another shape.
    """
    if not isinstance(fresh, np.ndarray):
        return int(value) if isinstance(fresh, int) else value
    array = np.array(value, dtype=fresh.dtype)
    array = array.reshape(fresh.shape) if not array.size and not fresh.size else array
    if array.shape != fresh.shape:
        raise ValueError(f"an array has shape {array.shape}, not {fresh.shape}")
    return array


@contextmanager
def damage_explained(path: str | Path) -> Iterator[None]:
    """Convert errors from a damaged state into an `InputError` that names its file."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, IndexError) as error:
        fault = f"{type(error).__name__} {error}"
        raise InputError(f"{path} is not a dispatcher's state, or damaged: {fault}") from error
