"""Keyword arguments of the algorithms: fields of their settings, and options of pymoo's ``Algorithm``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from csmoifsa.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

PYMOO_OPTIONS = (
    "termination", "output", "display", "callback", "archive", "return_least_infeasible", "save_history", "verbose",
    "seed", "evaluator",
)  # fmt: skip
# fields of `csmoifsa.operators.Operators`
OPERATORS = ("repair", "eliminate_duplicates", "on_error", "reference_point")


def split_settings(kind: type[DataclassInstance], values: Mapping[str, T]) -> tuple[dict[str, T], dict[str, T]]:
    """Split keyword arguments into fields of the settings class and pymoo's options; unknown names are errors."""
    known = [name for name in kind.__dataclass_fields__ if not name.startswith("_")]
    others = [*known, *PYMOO_OPTIONS, *OPERATORS]
    for name in values:
        if name not in others:
            hint = did_you_mean(name, others)
            raise InputError(f"unknown setting {name!r}; settings are {', '.join(known)}.{hint}")
    left_open = {name for name in ("n_offsprings",) if values.get(name, ...) is None}  # as in pymoo: the default
    mine = {name: value for name, value in values.items() if name in known and name not in left_open}
    return mine, {name: value for name, value in values.items() if name not in known}
