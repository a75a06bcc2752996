"""Bundled sets of drivers' responses, each number with its source: the key ``set`` of ``[response]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.cases import CaseFiles, merge

SETS = CaseFiles(folder=Path(__file__).with_name("responses"), what="set of responses")
"""The bundled sets; their prices are in US cents per kWh."""

DOLLARS = ("$", "US$", "USD")
"""Currencies in which the sets can be used; to others no rate is known here."""

LABELS = ("seen", "second-hand", "derived")
"""How a number is known: read in the source, read in a report on it, or computed from such numbers."""


def set_values(name: str) -> dict[str, Any]:
    """Return the plain values of a set: ``title``, ``response`` and ``sources``.

    Raises
    ------
    InputError
        There is no set of that name.
    """
    known = SETS.names()
    if name not in known:
        raise InputError(
            f"response.set: there is no set {name!r} of responses; there are {', '.join(known)}."
            + did_you_mean(name, known)
        )
    path = SETS.path_of(name)
    return {**SETS.complete(SETS.read(path), path)}


def insert_set(values: dict[str, object]) -> None:
    """Replace ``[response] set = NAME`` by the set's values; keys beside ``set`` replace the set's.

    Raises
    ------
    InputError
        There is no such set, or the scenario's currency is not the US dollar.
    """
    response, prices = values.get("response"), values.get("prices")
    if not isinstance(response, dict) or response.get("set") is None:
        return
    name = response["set"]
    if not isinstance(name, str):
        raise InputError(f"response.set must be the name of a set of responses, not {name!r}")
    found = set_values(name)["response"]
    per_dollar = prices.get("units_per_currency") if isinstance(prices, Mapping) else None
    if (
        not isinstance(prices, Mapping)
        or prices.get("currency") not in DOLLARS
        or not isinstance(per_dollar, int | float)
    ):
        raise InputError(
            f"response.set: the set {name!r} is in US cents per kWh, and prices.currency is not '$'; write its curves "
            "in your unit under [response]"
        )
    values["response"] = merge(_scaled(found, per_dollar / 100.0), response)


def _scaled(values: Any, factor: float) -> Any:
    """Return the values of a set with prices multiplied by a factor, and slopes divided by it."""
    if not isinstance(values, dict) or factor == 1.0:
        return values
    result = {}
    for key, value in values.items():
        power = {"dead_zone": 1, "saturation": 1, "offer": 1, "slope": -1}.get(key, 0)
        if power and isinstance(value, list):
            result[key] = [one * factor**power for one in value]
        else:
            result[key] = value * factor**power if power else _scaled(value, factor)
    return result


def source_rows(name: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (number, value, label, origin, what is not identified) for each number of a set."""
    for key, entry in set_values(name)["sources"].items():
        parts = {key: entry} if "origin" in entry else {f"{key}.{part}": one for part, one in entry.items()}
        for number, one in parts.items():
            yield number, one["value"], one["label"], one["origin"], one["open"]
