"""Where each value of a scenario comes from: the file that states it, and the source that the file names for it.

A scenario file may name sources in its table ``[sources]``: ``"fleet.n_ev" = "registrations of 2025"``. A key covers
all keys below it, and the longest one counts. A source belongs to the values of its own file, not to those of its base.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.cases import CaseFiles, Layer
from csmoifsa_ev.inputs.responses import source_rows

DEFAULT, THIS_RUN = "default", "this run"
"""Origins of values that no file states: the program's default, and an option of the command."""

SOURCES = "sources"
"""Name of the table of sources in a scenario file."""


@dataclass(frozen=True)
class Origin:
    """Origin of one value.

    Attributes
    ----------
    value : str
        The value as read, as a text.
    where : str
        Name of the file or bundled case that states it, or `DEFAULT`.
    source : str
        Source that the file names; empty if it names none.
    """

    value: str
    where: str
    source: str


def flat_values(key: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield key and text of every value below ``key``; a list of numbers or texts is one value, None has none."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from flat_values(f"{key}.{name}" if key else str(name), part)
    elif isinstance(value, list | tuple) and any(isinstance(one, dict) for one in value):
        for k, part in enumerate(value, 1):
            yield from flat_values(f"{key}.{k}", part)
    elif isinstance(value, list | tuple):
        if len(value):
            yield key, ", ".join(_text(one) for one in value)
    elif value is not None:
        yield key, _text(value)


def _text(value: object) -> str:
    return (
        f"{value:.10g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
    )


def value_origins(values: Mapping[str, str], cases: CaseFiles, layers: Sequence[Layer]) -> dict[str, Origin]:
    """Return the origin of every value of a scenario.

    Parameters
    ----------
    values : mapping
        Text of each value by its key, files imported.
    cases : CaseFiles
        The kind of file.
    layers : list of Layer
        The scenario file and those it builds on, itself first.

    Raises
    ------
    InputError
        A table of sources holds something else than texts, or names a key that the scenario does not have.
    """
    stated = cases.laid_over([Layer(one.path, _numbered(one.values, k)) for k, one in enumerate(layers)])
    sources = [_sources(one, values) for one in layers]
    origins = {}
    for key, value in values.items():
        k, written = _layer_of(stated, key.split("."))
        if k is None:
            origins[key] = Origin(value, DEFAULT, "")
            continue
        path = layers[k].path
        where = path.stem if path.parent.resolve() == cases.folder.resolve() else path.name
        imported, told = _imported(key, layers[k].values, written)
        named = [one for one in sources[k] if _covers(one, key)]
        source = told or (sources[k][max(named, key=len)] if named else "")
        origins[key] = Origin(value, f"{where}: {imported}" if imported else where, source)
    return origins


def _numbered(values: Mapping[str, object], k: int) -> dict[str, object]:
    """Return the same tables with ``k`` in place of every value; a tariff file states the prices in force, too."""
    found: dict[str, object] = {
        key: _numbered(value, k) if isinstance(value, dict) else k for key, value in values.items() if key != SOURCES
    }
    if _tariff_file(values) is not None:
        prices = found.get("prices")
        found["prices"] = {**(prices if isinstance(prices, dict) else {}), "start": k}
    return found


def _layer_of(stated: Mapping[str, object], parts: Sequence[str]) -> tuple[int | None, bool]:
    """Return the number of the layer that states a value, None for a default, and whether its key is written there."""
    node: object = stated
    written = True
    for part in parts:
        if not isinstance(node, dict):
            break
        inner = node.get(part)
        if inner is None and node is stated.get(parts[0]):  # what a file or a set brings has no key of its own
            inner, written = node.get({"tariff": "file", "response": "set"}.get(parts[0], "")), False
        node = inner
    return (node if isinstance(node, int) else None), written


def _tariff_file(values: Mapping[str, object]) -> str | None:
    tariff = values.get("tariff")
    file = tariff.get("file") if isinstance(tariff, dict) else None
    return file if isinstance(file, str) else None


def _imported(key: str, values: Mapping[str, object], written: bool) -> tuple[str, str]:
    """Return the file or set that a layer takes a value from, and the source it names; empty if there is none."""
    file, response = _tariff_file(values), values.get("response")
    table, _, rest = key.partition(".")
    if file is not None and (key.startswith("prices.start.") or (table == "tariff" and not written)):
        return Path(file).name, ""
    if table == "response" and not written and isinstance(response, dict):
        name = str(response["set"])
        rows = {number: f"{label}: {origin}" for number, _, label, origin, _ in source_rows(name)}
        return name, rows.get(rest.replace("enrolment.curve.", "enrolment."), "")
    return "", ""


def _sources(layer: Layer, values: Mapping[str, str]) -> dict[str, str]:
    """Return the sources that a layer names, by key."""
    table = layer.values.get(SOURCES, {})
    if not isinstance(table, dict):
        raise InputError(f"{layer.path}: {SOURCES} must be a table of texts by key, not {table!r}")
    found = dict(_texts(layer.path, "", table))
    for key in found:
        if not any(_covers(key, one) for one in values):
            raise InputError(
                f"{layer.path}: {SOURCES}: the scenario has no key {key!r}.{did_you_mean(key, list(values))}"
            )
    return found


def _texts(path: Path, key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(path, f"{key}.{name}" if key else str(name), part)
    elif isinstance(value, str):
        yield key, value
    else:
        raise InputError(f"{path}: {SOURCES}.{key} must be a text, not {value!r}")


def _covers(prefix: str, key: str) -> bool:
    return key == prefix or key.startswith(f"{prefix}.")
