"""Scenario keys as fields of a form: kind, unit, range, help, value and default, from the classes that check them."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from datetime import date
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomlkit
from tomlkit.exceptions import TOMLKitError

from csmoifsa.errors import InputError
from csmoifsa.typing import TomlValue
from csmoifsa_energy.checks import MADE
from csmoifsa_energy.describe import attributes_of

Kind = Literal["number", "whole", "text", "choice", "switch", "numbers", "texts", "value", "file"]
"""How a value is entered; "value" is a number or a text, "file" can only be edited in the scenario file."""

DERIVED = "derived from the load, renewed with it"
"""Comment beside a value of the scenario file that follows from the load; without the comment it is the user's."""

_UNIT = re.compile(r"\[([^\]\d][^\]]*)\]")
_NAMED = re.compile(r"``[^`]*``")
_RANGE = re.compile(r"in [\[(](-?[\d.]+), (-?[\d.]+)[\])]")


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One key of a scenario.

    Attributes
    ----------
    key : str
        Place in the file, such as ``"fleet.n_ev"``.
    kind : Kind
        How it is entered.
    help, unit : str
        Meaning and unit, from the docstring of its class; empty if not stated.
    low, high : str
        Ends of its range, empty if not stated.
    choices : tuple of str
        Allowed values of a choice.
    value, default : str
        Value in force, and that of the case or class without the file.
    origin : str
        Where the default comes from: the name of a case, or empty for the class.
    changed : bool
        Whether the scenario file states the key.
    """

    key: str
    kind: Kind
    help: str
    unit: str
    low: str
    high: str
    choices: tuple[str, ...]
    value: str
    default: str
    origin: str
    changed: bool


@dataclass(frozen=True)
class Layers:
    """Values of the scenario file alone, of the case it builds on, and of both together."""

    own: Mapping[str, object]
    base: Mapping[str, object]
    merged: Mapping[str, object]

    def below(self, name: str) -> Layers:
        """Return the layers of one table."""
        return Layers(*(_table(one.get(name)) for one in (self.own, self.base, self.merged)))


def form_fields(model: type, layers: Layers, case: str, path: str = "", meaning: str = "") -> Iterator[FormField]:
    """Yield the fields of a table and of the tables in it, in the order of its class.

    Parameters
    ----------
    model : type
        A dataclass of `csmoifsa_energy.checks.Parameters`.
    layers : Layers
        Values of the table.
    case : str
        Name of the case that the defaults are of.
    path : str
        Place of the table in the file.
    meaning : str
        Meaning of the table, for keys that its class does not describe.
    """
    told, hints = attributes_of(model), get_type_hints(model)
    for one in fields(model):
        key = f"{path}.{one.name}" if path else one.name
        inner = next((kind for kind in _alternatives(hints[one.name]) if is_dataclass(kind)), None)
        there = isinstance(layers.merged.get(one.name), dict) or one.default_factory is not MISSING
        if isinstance(inner, type) and there and one.metadata != MADE:
            yield from form_fields(inner, layers.below(one.name), case, key, told.get(one.name, ""))
        elif one.init and one.metadata != MADE:
            field = _field(one, key, hints[one.name], told.get(one.name, meaning), layers, case)
            yield from _named_numbers(field, layers.below(one.name)) or [field]


def _named_numbers(field: FormField, layers: Layers) -> list[FormField]:
    """Return one field for each number of a table whose keys are the user's own, such as prices by period."""
    if not layers.merged or not all(isinstance(value, int | float) for value in layers.merged.values()):
        return []
    return [
        replace(
            field,
            key=f"{field.key}.{name}",
            kind="number",
            value=shown(value),
            default=shown(layers.base.get(name)),
            changed=name in layers.own,
        )
        for name, value in layers.merged.items()
    ]


def set_value(text: str, field: FormField, entered: str | None) -> str:
    """Return a scenario text with one key replaced, all else as it was, comments included.

    Parameters
    ----------
    text : str
        The scenario file.
    field : FormField
        The key.
    entered : str or None
        What the user entered; None or a blank text takes the key out, so that the default holds.

    Raises
    ------
    InputError
        The text is no TOML, or what was entered is not of the field's kind.
    """
    stripped = (entered or "").strip()
    return set_keys(text, {tuple(field.key.split(".")): parse_entered(field, stripped) if stripped else None})


def set_keys(
    text: str, values: Mapping[tuple[str, ...], TomlValue | None], comments: Mapping[tuple[str, ...], str] | None = None
) -> str:
    """Return a scenario text with keys replaced, all else as it was, comments included.

    Parameters
    ----------
    text : str
        The scenario file.
    values : mapping
        New values by the path of their keys; None takes a key out. A comment that says that a value is `DERIVED` goes
        with the value.
    comments : mapping, optional
        Comments to put beside values, of one line each.

    Raises
    ------
    InputError
        The text is no TOML, or a key is to be set in what is no table.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise InputError(f"the scenario file is not TOML: {error}; mend it in the text first") from None
    for path, value in values.items():
        *tables, name = path
        table = _table_in(document, tables, create=value is not None)
        if value is None:
            table.pop(name, None)
            continue
        derived = DERIVED in _comment_of(table.get(name))
        table[name] = value  # the comment beside an earlier value stays
        if comments and path in comments:
            table[name].comment(comments[path])
        elif derived:
            table[name].trivia.comment_ws = table[name].trivia.comment = ""
    return tomlkit.dumps(document)


def _table_in(document: MutableMapping[str, Any], path: Sequence[str], *, create: bool) -> MutableMapping[str, Any]:
    """Return a table of a document; one that is missing is made, or else an empty one returned."""
    table = document
    for k, name in enumerate(path):
        if name not in table:
            if not create:
                return {}
            table[name] = tomlkit.table()
        table = table[name]
        if not isinstance(table, MutableMapping):
            raise InputError(f"{'.'.join(path[: k + 1])} is no table in the scenario file; mend it in the text first")
    return table


def comment_beside(text: str, path: Sequence[str]) -> str:
    """Return the comment beside a value of a scenario text, empty if there is none."""
    return _comment_of(value_at(tomlkit.parse(text), path)).removeprefix("#").strip()


def value_at(values: object, path: Sequence[str]) -> object:
    """Return the value at a path of keys in tables, None if there is none."""
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def _comment_of(value: object) -> str:
    trivia = getattr(value, "trivia", None)
    return "" if trivia is None else trivia.comment


def parse_entered(field: FormField, entered: str) -> TomlValue:
    """Return the value of a text that was entered for a field; raises `InputError` if it is of another kind."""
    parts = [part for part in re.split(r"[,;\s]+", entered) if part]
    if field.kind == "number":
        return _number(field.key, entered)
    if field.kind == "whole":
        value = _number(field.key, entered.replace("_", "").replace(",", ""))
        if not isinstance(value, int):
            raise InputError(f"{field.key} must be a whole number, not {entered!r}")
        return value
    if field.kind == "numbers":
        return [_number(field.key, part) for part in parts]
    if field.kind == "texts":
        return [part.strip() for part in entered.split(",") if part.strip()]
    if field.kind == "switch":
        return entered == "true"
    if field.kind == "file":
        raise InputError(f"{field.key} holds a table; edit it in the text of the scenario")
    if field.kind == "value":
        if re.fullmatch(r"\d{4}-\d\d-\d\d", entered):
            return _date(field.key, entered)
        try:
            return _number(field.key, entered)
        except InputError:
            return entered
    return entered


def _number(key: str, text: str) -> int | float:
    try:
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else float(text)
    except ValueError:
        raise InputError(f"{key} must be a number, not {text!r}") from None


def _date(key: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{key} must be a day such as 2014-06-05, not {text!r}") from None


def _field(one: Field[object], key: str, annotation: object, told: str, layers: Layers, case: str) -> FormField:
    kind, choices = _kind(annotation)
    name, stated = one.name, layers.merged.get(one.name)
    if isinstance(stated, dict) or (isinstance(stated, list) and any(isinstance(part, dict) for part in stated)):
        kind = "file"
    default, origin = layers.base.get(name), case
    if default is None:
        default, origin = (None if one.default is MISSING else one.default), ""
    found = _RANGE.search(told)
    low, high = one.metadata.get("range", found.groups() if found else ("", ""))
    unit = _UNIT.search(_NAMED.sub("", told))
    return FormField(
        key=key,
        kind=kind,
        help=told.replace("`", ""),
        unit=unit[1] if unit else "",
        low=str(low),
        high=str(high),
        choices=choices,
        value=shown(default if stated is None else stated),
        default=shown(default),
        origin=origin,
        changed=name in layers.own,
    )


def shown(value: object) -> str:
    """Return a value as it stands in a field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        some = [shown(part) for part in value if not isinstance(part, dict)]
        return ", ".join(some) if len(some) == len(value) else f"{len(value)} tables"
    return "a table" if isinstance(value, dict) else str(value)


def _kind(annotation: object) -> tuple[Kind, tuple[str, ...]]:
    """Return how a value of a type is entered, and the choices of a choice."""
    kinds = [kind for kind in _alternatives(annotation) if kind is not type(None)]
    if len(kinds) != 1:
        return ("file" if any(is_dataclass(kind) and len(kinds) == 1 for kind in kinds) else "value"), ()
    (only,) = kinds
    if get_origin(only) is Literal:
        return "choice", tuple(map(str, get_args(only)))
    if get_origin(only) in (tuple, list):
        inner = {kind for kind in get_args(only) if kind is not Ellipsis}
        return ("numbers" if inner <= {float, int} else "texts" if inner == {str} else "file"), ()
    simple: dict[object, Kind] = {float: "number", int: "whole", bool: "switch", str: "text", date: "value"}
    return simple.get(only, "file"), ()


def _alternatives(annotation: object) -> list[object]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [leaf for one in get_args(annotation) for leaf in _alternatives(one)]
    return [annotation]


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
