"""Settings as variables of pymoo, so that ``pymoo.core.parameters`` reads and sets them and a tuner searches them."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from pymoo.core.variable import Binary, Integer, Real, Variable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    S = TypeVar("S", bound=DataclassInstance)


class Hyperparameters(dict[str, Variable]):
    """Variables by the names of their settings. A deep copy copies each variable once: its values are never changed."""

    def __deepcopy__(self, memo: object) -> Hyperparameters:
        # pymoo's minimize copies the algorithm, and these would take half of that time
        return Hyperparameters({name: copy(variable) for name, variable in self.items()})


def variables_of(settings: DataclassInstance) -> Hyperparameters:
    """Return a variable for each setting that declares a range worth searching (``search`` in its field)."""
    found = Hyperparameters()
    for field in fields(settings):
        if "search" in field.metadata:
            kind = {bool: Binary, int: Integer}.get(type(field.default), Real)
            found[field.name] = kind(getattr(settings, field.name), bounds=field.metadata["search"])
    return found


def with_values(settings: S, variables: dict[str, Variable]) -> S:
    """Return settings with the values that the variables have; `InputError` names one that is out of range."""
    types = {field.name: type(field.default) for field in fields(settings)}
    values = {name: variable.get() for name, variable in variables.items()}
    for name, value in values.items():
        with suppress(TypeError, ValueError):
            if types[name](value) == value:  # a number of NumPy's
                values[name] = types[name](value)
    return replace(settings, **values)
