"""All values that a study rests on, as a table of keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from csmoifsa_ev.inputs.scenario import Scenario

_RESULTS = ("name", "title", "notes", "published")
"""Parts of a scenario that price nothing."""


def input_rows(scenario: Scenario) -> list[dict[str, str]]:
    """Return ``key, value`` of every value of a scenario, by its key in the scenario file.

    Lists of numbers or texts are one value; what is left out or has no value has no row.
    """
    parts = {name: part for name, part in asdict(scenario).items() if name not in _RESULTS}
    return [{"key": key, "value": value} for key, value in _flat("", parts)]


def _flat(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), part)
    elif isinstance(value, list | tuple) and any(isinstance(one, dict) for one in value):
        for k, part in enumerate(value, 1):
            yield from _flat(f"{key}.{k}", part)
    elif isinstance(value, list | tuple):
        if len(value):
            yield key, ", ".join(_text(one) for one in value)
    elif value is not None:
        yield key, _text(value)


def _text(value: object) -> str:
    return (
        f"{value:.10g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
    )
