"""Fingerprints of problems, so that a saved run continues only on the problem it was made for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from csmoifsa.plugins import ASKED
from csmoifsa.variables import coding_of

if TYPE_CHECKING:
    from pymoo.core.problem import Problem
    from pymoo.core.variable import Variable

    from csmoifsa.typing import Json, JsonObject


def fingerprint(problem: Problem) -> JsonObject:
    """Return class, sizes, bounds and parameters of a problem as values that JSON holds.

    Parameters are the arguments of `csmoifsa.plugins.load_problem` (of a file a hash of its content), those arguments
    of the constructor that the problem keeps under their own names, and the data of a compiled evaluator.
    """
    coding = coding_of(problem)
    named = {} if coding.variables is None else {"variables": {k: _kind(one) for k, one in coding.variables.items()}}
    return {
        "class": type(problem).__name__,
        "n_var": int(problem.n_var),
        "n_obj": int(problem.n_obj),
        "n_ieq_constr": int(problem.n_ieq_constr),
        "n_eq_constr": int(problem.n_eq_constr),
        "xl": coding.low.tolist(),
        "xu": coding.high.tolist(),
        **named,
        "parameters": _parameters(problem),
    }


def _kind(variable: Variable) -> str:
    return f"{type(variable).__name__} {getattr(variable, 'options', '')}".strip()[:1000]


def difference(saved: object, mine: JsonObject) -> str:
    """Return in words the first difference between a saved and a problem's own fingerprint; empty if equal."""
    if not isinstance(saved, Mapping):
        return "it names no problem"
    for key, value in mine.items():
        other = saved.get(key)
        if key == "parameters" and isinstance(other, Mapping) and isinstance(value, Mapping):
            for name in sorted({*other, *value}, key=str):
                if other.get(name) != value.get(name):
                    return f"its {_short(name)} is {_short(other.get(name))}, here it is {_short(value.get(name))}"
        elif other != value:
            return f"its {key} is {_short(other)}, here it is {_short(value)}"
    return ""


def _parameters(problem: Problem) -> JsonObject:
    found: JsonObject = {}
    for name, value in {**_kept_arguments(problem), **getattr(problem, ASKED, {})}.items():
        if (plain := _plain(value)) is not None or value is None:
            found[f"parameter {name}"] = plain
    if isinstance(numbers := getattr(problem, "kernel_data", None), np.ndarray):
        found["data of the compiled evaluator"] = _plain(numbers)
    return found


def _kept_arguments(problem: Problem) -> dict[str, object]:
    try:
        names = inspect.signature(type(problem).__init__).parameters
    except (TypeError, ValueError):
        return {}
    return {name: vars(problem)[name] for name in names if name in vars(problem)}


def _plain(value: object) -> Json:
    """Return a value as JSON types: a hash for an array or a file, None for a type that cannot be compared."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, np.ndarray):
        return None if value.dtype == object else _hash(str((value.dtype.str, value.shape)).encode() + value.tobytes())
    if isinstance(value, str | Path):
        try:
            return _hash(Path(value).read_bytes()) if Path(value).is_file() else str(value)
        except (OSError, ValueError):
            return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return None


def _hash(content: bytes) -> str:
    return f"sha256 {sha256(content).hexdigest()[:16]}"


def _short(value: object) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value)[:100])
    return text if len(text) <= 80 else f"{text[:77]}..."
