"""Case files: TOML files that hold what differs from another, named by their key ``base``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import read_toml
from csmoifsa.typing import TomlTable, TomlValue

SOURCES = frozenset({"csv", "file", "values_mw", "values_kw", "per_mwh", "values_per_mwh", "set", "periods"})
"""Keys that name the source of a table's data; a table with such a key replaces the base's table as a whole."""


class Layer(NamedTuple):
    """One file of those that build on each other: its path and its own values."""

    path: Path
    values: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class CaseFiles:
    """The case files of one kind: those bundled in a folder, and those of a user.

    Attributes
    ----------
    folder : Path
        Folder of the bundled files, ``NAME.toml``.
    what : str
        Name of the kind of file in messages, such as ``"scenario"``.
    each : str
        Name of what a bundled file holds in messages.
    files : tuple of tuples of str
        Places of the keys that may name a file; a relative path starts at the folder of the TOML file.
    default : str, optional
        The bundled case that a file without ``base`` builds on; it stands alone where left out.
    not_inherited : tuple of str
        Top-level keys that a file does not take over from its base.
    either : tuple of (str, str, str)
        A table and two keys of it that state one value, such as ``("price", "mean", "mean_ratio")``: the one of a file
        replaces the other of its base.
    """

    folder: Path
    what: str
    files: tuple[tuple[str, ...], ...] = ()
    default: str | None = None
    not_inherited: tuple[str, ...] = ()
    either: tuple[tuple[str, str, str], ...] = ()
    each: str = "case"

    def names(self) -> list[str]:
        """Return the names of the bundled cases, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.toml"))

    def path_of(self, name: object, source: str = "") -> Path:
        """Return the file of a bundled case; ``source`` begins the message.

        Raises
        ------
        InputError
            There is no such case.
        """
        known = self.names()
        if not isinstance(name, str) or name not in known:
            use = " to build on" if source else ""
            there = f"there are {', '.join(known)}, or give a .toml file of your own"
            raise InputError(f"{source}there is no {self.each} {name!r}{use}; {there}.{did_you_mean(str(name), known)}")
        return self.folder / f"{name}.toml"

    def read(self, path: Path) -> TomlTable:
        """Return the values of one file, without those of its base; paths in it are made whole.

        Raises
        ------
        InputError
            The file cannot be read, is no TOML, or has the key ``case``, which is called ``base`` now.
        """
        values = read_toml(path, self.what)
        if "case" in values:
            raise InputError(f"{path}: the key 'case' is called 'base'; write base = {values['case']!r}")
        for *tables, name in self.files:
            found: list[TomlValue] = [values]
            for key in tables:  # a table of tables, such as [[reserve]], counts as all of them
                inner = [one[key] for one in found if isinstance(one, dict) and key in one]
                found = [part for one in inner for part in (one if isinstance(one, list) else [one])]
            for table in found:
                own = table.get(name) if isinstance(table, dict) else None
                if isinstance(table, dict) and isinstance(own, str):
                    table[name] = str(path.parent / own)
        return values

    def complete(self, values: Mapping[str, object], path: Path) -> dict[str, object]:
        """Return the values of a file laid over its base, and that over its own, without the key ``base``.

        Parameters
        ----------
        values, path
            As `layers`, which raises the same errors.
        """
        return self.laid_over(self.layers(values, path))

    def layers(self, values: Mapping[str, object], path: Path) -> list[Layer]:
        """Return a file and those it builds on, itself first.

        Parameters
        ----------
        values : dict
            From `read`.
        path : Path
            File that holds the values.

        Raises
        ------
        InputError
            A base is missing or wrong, or files build on each other in a circle.
        """
        layers = [Layer(path, values)]
        seen = {path.resolve(): path}
        while (base := layers[-1].values.get("base", self._default_of(path))) is not None:
            path = self._base_path(base, path)
            if path.resolve() in seen:
                chain = " builds on ".join(map(str, [*seen.values(), path]))
                raise InputError(f"case files build on each other in a circle: {chain}; take out one base")
            seen[path.resolve()] = path
            layers.append(Layer(path, self.read(path)))
        return layers

    def laid_over(self, layers: Sequence[Layer]) -> dict[str, object]:
        """Return the values of each layer laid over those of the next, without the key ``base``."""
        merged: dict[str, object] = {}
        for layer in reversed(layers):
            own = {key: value for key, value in layer.values.items() if key != "base"}
            merged = self._lay_over(merged, own) if own else merged
        return merged

    def _default_of(self, path: Path) -> str | None:
        """Return the base of a file that names none: a bundled file stands alone."""
        return None if path.parent.resolve() == self.folder.resolve() else self.default

    def _base_path(self, base: object, path: Path) -> Path:
        """Return the file that ``base`` names in the file ``path``: a path that ends in .toml, or a bundled case."""
        if isinstance(base, str) and base.endswith(".toml"):
            return path.parent / base
        return self.path_of(base, f"{path}: ")

    def _lay_over(self, base: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
        """Return ``base`` with ``changes`` laid over it, without what is not inherited or is stated another way."""
        kept = {key: value for key, value in base.items() if key not in self.not_inherited}
        for table, *names in self.either:
            new, old = changes.get(table), kept.get(table)
            if isinstance(new, dict) and isinstance(old, dict) and new.keys() & set(names):
                kept[table] = {key: value for key, value in old.items() if key not in names}
        return merge(kept, changes)


def merge(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Return ``base`` with ``changes`` laid over it, table by table; lists are replaced whole.

    A table that names the source of its data (`SOURCES`) is replaced whole, too, since the base's settings describe
    another file.

    Examples
    --------
    >>> merge({"fleet": {"n_ev": 5, "seed": 1}}, {"fleet": {"n_ev": 7}})
    {'fleet': {'n_ev': 7, 'seed': 1}}
    >>> merge({"load": {"csv": "a.csv", "stamp": "ending"}}, {"load": {"csv": "b.csv"}})
    {'load': {'csv': 'b.csv'}}
    """
    merged = dict(base)
    for key, value in changes.items():
        old = base.get(key)
        inside = isinstance(old, dict) and isinstance(value, dict) and not SOURCES & value.keys()
        merged[key] = merge(old, value) if inside else value  # type: ignore[arg-type]
    return merged
