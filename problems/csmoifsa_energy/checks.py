"""Base class of parameters and their range checks, whose errors name the field."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from csmoifsa.errors import InputError

MADE = {"made": True}
"""Metadata of a field that reading fills: no key of a file."""


class Parameters:
    """Base of the dataclasses that a scenario file fills: pydantic refuses unknown keys and infinite numbers."""

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012  (read by pydantic, never changed)


def _check(owner: object, names: tuple[str, ...], wanted: str, good: Callable[[float], bool]) -> None:
    for name in names:
        value = getattr(owner, name)
        if not (isfinite(value) and good(value)):
            raise InputError(f"{name} must be {wanted}, not {value}")


def require_positive(owner: object, *names: str) -> None:
    """Raise InputError unless every named attribute is a number above zero."""
    _check(owner, names, "a number above 0", lambda value: value > 0)


def require_not_negative(owner: object, *names: str) -> None:
    """Raise InputError unless every named attribute is zero or more."""
    _check(owner, names, "a number from 0 up", lambda value: value >= 0)


def require_fraction(owner: object, *names: str) -> None:
    """Raise InputError unless every named attribute lies in [0, 1]."""
    _check(owner, names, "between 0 and 1", lambda value: 0 <= value <= 1)


def require_efficiency(owner: object, *names: str) -> None:
    """Raise InputError unless every named attribute lies in (0, 1]."""
    _check(owner, names, "above 0 and at most 1", lambda value: 0 < value <= 1)
