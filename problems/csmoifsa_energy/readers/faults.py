"""Faults of input files with their remedies: collect all faults of a file and report them in one error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from csmoifsa.errors import InputError

SHOWN = 3
"""Largest number of faults that an error message lists; `csmoifsa ev check` lists all of them."""

_LISTED = 6
"""Largest number of faults of one kind whose lines are all listed; of more, the first and the last line are."""

_VARYING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[-+]?\d[\d.,:/-]*")
"""Quoted texts and numbers: faults that differ in these alone are of one kind."""


@dataclass(frozen=True)
class Setting:
    """A key of a scenario, and the values of it that mend a fault.

    Attributes
    ----------
    path : tuple of str
        Tables and name of the key, such as ``("load", "only", "load_area")``.
    values : tuple of str, bool or date
        Values to choose from; empty where only the user knows the value.
    """

    path: tuple[str, ...]
    values: tuple[str | bool | date, ...] = ()


@dataclass(frozen=True)
class Remedy:
    """Settings that mend a fault together."""

    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Fault:
    """A fault of an input.

    Attributes
    ----------
    sentence : str
        What is wrong, where, and what to do.
    remedies : tuple of Remedy
        Ways to mend it in the scenario, of which one is enough; empty where the file itself has to be corrected.
    """

    sentence: str
    remedies: tuple[Remedy, ...] = ()


def choose(key: str, name: str, *values: str | bool | date) -> Remedy:
    """Return the remedy that sets one key of a table.

    Parameters
    ----------
    key : str
        Table, such as ``"grid.day_ahead"``.
    name : str
        Name of the key in it.
    *values : str, bool or date
        Values to choose from; none where only the user knows the value.
    """
    return Remedy((Setting((*key.split("."), name), values),))


class MendableError(InputError):
    """Wrong input that settings mend.

    Parameters
    ----------
    sentence : str
        The message.
    *remedies : Remedy
        Ways to mend it, of which one is enough.
    """

    def __init__(self, sentence: str, *remedies: Remedy) -> None:
        super().__init__(sentence)
        self.remedies = remedies


class InputFaultsError(InputError):
    """Several faults in one input; ``faults`` lists them, the message names the first few.

    Parameters
    ----------
    faults : iterable of Fault or str
        The faults; their sentences come without the source.
    source : str
        First words of the message, such as ``"my.toml: "``.
    """

    def __init__(self, faults: Iterable[Fault | str], source: str = "") -> None:
        self.faults = [one if isinstance(one, Fault) else Fault(one) for one in faults]
        self.source = source
        more = len(self.faults) - SHOWN
        some = "; ".join(one.sentence for one in self.faults[:SHOWN])
        super().__init__(source + some + (f"; and {more} more" if more > 0 else ""))

    @property
    def each(self) -> list[Fault]:
        """Every fault with its source."""
        return [replace(one, sentence=self.source + one.sentence) for one in self.faults]


@dataclass
class _Kind:
    """Faults that differ in place and value only: the first one, number, their first lines, the last line."""

    first: Fault
    count: int
    lines: list[int]
    last: int | None


class Faults:
    """The faults of one file, grouped by kind.

    Attributes
    ----------
    path : Path
        The file.
    count : int
        Number of faults.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._kinds: dict[tuple[str, str | None], _Kind] = {}

    def add(
        self,
        what: str,
        *remedies: Remedy,
        line: int | None = None,
        column: str | None = None,
        kind: str | None = None,
    ) -> None:
        """Add one fault.

        Parameters
        ----------
        what : str
            Sentence without the place: what is wrong, with an example, and what to do.
        *remedies : Remedy
            Settings that mend it.
        line, column : int and str, optional
            Place in the file.
        kind : str, optional
            Faults of equal kind and column are reported as one. By default the kind is the sentence without its
            numbers and quoted texts.
        """
        self.count += 1
        key = (kind or _VARYING.sub("", what), column)
        group = self._kinds.get(key)
        if group is None:
            place = "".join(
                (
                    f", {self._row} {line}" if line is not None else "",
                    f", column {column!r}" if column is not None else "",
                )
            )
            first = Fault(f"{self.path}{place}: {what}", remedies)
            self._kinds[key] = _Kind(first, 1, [] if line is None else [line], line)
            return
        group.count += 1
        group.last = line
        if line is not None and len(group.lines) <= _LISTED:
            group.lines.append(line)

    @property
    def each(self) -> list[Fault]:
        """One for each kind of fault: the sentence of the first, with the number of such faults and their lines."""
        return [replace(group.first, sentence=_sentence(group, self._row)) for group in self._kinds.values()]

    @property
    def _row(self) -> str:
        """What a row of the file is called: in JSON, lines say nothing."""
        return "record" if self.path.suffix.lower() == ".json" else "line"

    def stop(self) -> None:
        """Raise an error that lists the faults, if there are any.

        Raises
        ------
        InputFaultsError
            At least one fault was added.
        """
        if self.count:
            raise InputFaultsError(self.each)


def _sentence(group: _Kind, row: str) -> str:
    first = group.first.sentence
    if group.count == 1:
        return first
    if not group.lines or group.last is None:
        return f"{first} ({group.count:,} such)"
    if len(group.lines) == group.count:
        return f"{first} ({group.count} such, in {row}s {', '.join(map(str, group.lines))})"
    return f"{first} ({group.count:,} such, in {row}s {group.lines[0]} to {group.last})"


def faults_of(error: InputError) -> list[Fault]:
    """Return every fault that an error reports."""
    if isinstance(error, InputFaultsError):
        return error.each
    return [Fault(str(error), error.remedies if isinstance(error, MendableError) else ())]
