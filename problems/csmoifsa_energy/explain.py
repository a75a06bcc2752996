"""Convert the plain values of a file to checked parameters; errors name the keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from csmoifsa.errors import did_you_mean
from csmoifsa_energy.checks import MADE
from csmoifsa_energy.readers.faults import Fault, InputFaultsError, Remedy, Setting

T = TypeVar("T")
Place = tuple[str | int, ...]

_UNKNOWN = "unexpected_keyword_argument"
_WORDS = (
    *(("Input should be", "must be"), ("an object", "a table"), ("a valid dictionary", "a table")),
    *(("a valid array", "a list"), ("a valid boolean", "true or false"), ("a valid integer", "a whole number")),
    *(("a valid number", "a number"), ("a valid string", "a text")),
)
"""Phrases of pydantic's messages, each with its replacement."""


@lru_cache
def _adapter(model: type) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def check_values(
    model: type[T],
    values: object,
    source: str = "",
    *,
    place: Place = (),
    more: Sequence[str] = (),
    name: Callable[[Place], tuple[str, Place]] = lambda place: ("", place),
    strict: bool = True,
) -> T:
    """Return the dataclass built from the plain values of a file.

    Parameters
    ----------
    model : type
        A dataclass of `Parameters`.
    values : dict
        Values from TOML, JSON or the command line.
    source : str
        Beginning of the message, such as ``"my.toml: "``.
    place : tuple
        Path of the values in their file.
    more : sequence of str
        Further top-level keys, for hints at misspelt ones.
    name : callable
        Function that splits a place into the beginning of a sentence and the rest of the place.
    strict : bool
        Whether texts and truth values are refused where a number is expected.

    Raises
    ------
    InputFaultsError
        A key is unknown or missing, or a value is bad: one sentence each.
    """
    try:
        return _adapter(model).validate_json(json.dumps(values, default=_plain), strict=strict)
    except ValidationError as error:
        raise InputFaultsError(_sentences(error, model, place, more, name), source) from None


def _plain(value: object) -> object:
    plain = getattr(value, "tolist", None)
    return str(value) if plain is None else plain()


def _sentences(
    error: ValidationError, model: type, begin: Place, more: Sequence[str], name: Callable[[Place], tuple[str, Place]]
) -> list[Fault]:
    """Return one fault for each key; where a value may be of several kinds, that of the kind that fits best."""
    by_key: dict[Place, list[ErrorDetails]] = {}
    known: dict[Place, list[str]] = {}
    for one in error.errors(include_url=False):
        place, owner = _place(one["loc"], model, unknown=one["type"] == _UNKNOWN)
        by_key.setdefault(place, []).append(one)
        own = [field for field in fields(owner) if field.metadata != MADE] if is_dataclass(owner) else []
        known[place] = [each.name for each in own] + list(more if owner is model else ())
    whole = [place for place in by_key if not any(other[: len(place)] == place != other for other in by_key)]
    faults = [_fault((*begin, *place), name, by_key[place], known[place]) for place in whole]
    # unknown keys first, since a misspelt key explains a missing one
    return sorted(faults, key=lambda one: "unknown key" not in one.sentence)


def _place(parts: Place, model: type, *, unknown: bool) -> tuple[Place, object]:
    """Return a place without pydantic's names of kinds, and the dataclass that has its key."""
    owner: object = model
    last: object = model
    place: list[str | int] = []
    table = False  # whether keys are the user's own
    tagged = False  # whether the next part names one of several kinds
    for k, part in enumerate(parts):
        own = get_type_hints(last) if is_dataclass(last) else {}
        if isinstance(part, str) and part in own:
            owner = last
            kinds = _leaves(own[part])
            last = next((kind for kind in kinds if is_dataclass(kind)), None)
            table, tagged = dict in kinds, _of_several_kinds(own[part])
        elif unknown and k == len(parts) - 1:
            owner = last if is_dataclass(last) else owner
        elif isinstance(part, str) and (tagged or not table):
            tagged = False
            continue
        place.append(part)
    return tuple(place), owner


def _of_several_kinds(annotation: object) -> bool:
    """Return whether a type is a union of several beside None."""
    union = get_origin(annotation) in (Union, UnionType)
    return union and len([one for one in get_args(annotation) if one is not NoneType]) > 1


def _leaves(annotation: object) -> list[object]:
    """Return the plain types that a type is made of; a mapping is dict."""
    inner = [one for one in get_args(annotation) if one is not Ellipsis]
    if get_origin(annotation) is dict or not inner:
        return [get_origin(annotation) or annotation]
    return [leaf for one in inner for leaf in _leaves(one)]


def _fault(
    place: Place, name: Callable[[Place], tuple[str, Place]], errors: list[ErrorDetails], known: list[str]
) -> Fault:
    """Return the fault of one key; a key that is missing is mended by a value of the user's."""
    sentence = _sentence(*name(place), errors, known)
    missing = errors[0]["type"] == "missing" and all(isinstance(part, str) for part in place)
    return Fault(sentence, (Remedy((Setting(tuple(map(str, place))),)),) if missing else ())


def _sentence(begin: str, place: Place, errors: list[ErrorDetails], known: list[str]) -> str:
    """Return the sentence that states the fault of one key."""
    key = ".".join(str(part) for part in place)
    kind, message, value = errors[0]["type"], errors[0]["msg"], errors[0]["input"]
    if kind == _UNKNOWN:
        hint = did_you_mean(str(place[-1]), known) or f" Known are {', '.join(known)}"
        return f"{begin}unknown key {key!r}.{hint}"
    if kind == "missing":
        return f"{begin}the key {key!r} is missing"
    if kind == "value_error":
        message = message.removeprefix("Value error, ")
        return f"{begin}{message}" if not key or message.startswith(f"{key}: ") else f"{begin}{key}: {message}"
    shown = repr(value)
    wanted = f"{key} {_wanted(errors)}".strip()
    return f"{begin}{wanted}, not {shown if len(shown) <= 120 else type(value).__name__}"


def _wanted(errors: list[ErrorDetails]) -> str:
    """Return the condition on a value, such as "must be a number"; all conditions where several kinds are allowed."""
    texts = []
    for one in errors:
        text = one["msg"]
        for theirs, ours in _WORDS:
            text = text.replace(theirs, ours)
        texts.append(text)
    first, *others = dict.fromkeys(texts)
    kinds = [first, *(text.removeprefix("must be ") for text in others)]
    return " or ".join(kinds) if len(kinds) < 3 else f"{', '.join(kinds[:-1])}, or {kinds[-1]}"
