"""Collect all faults of an input file and report them in one error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from csmoifsa.errors import InputError

SHOWN = 3
"""Largest number of faults that an error message lists; `csmoifsa ev check` lists all of them."""

_LISTED = 6
"""Largest number of faults of one kind whose lines are all listed; of more, the first and the last line are."""

_VARYING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[-+]?\d[\d.,:/-]*")
"""Quoted texts and numbers: faults that differ in these alone are of one kind."""


class InputFaultsError(InputError):
    """Several faults in one input; ``faults`` lists them, the message names the first few.

    Parameters
    ----------
    faults : iterable of str
        One sentence each, without the source.
    source : str
        First words of the message, such as ``"my.toml: "``.
    """

    def __init__(self, faults: Iterable[str], source: str = "") -> None:
        self.faults = list(faults)
        self.source = source
        more = len(self.faults) - SHOWN
        super().__init__(source + "; ".join(self.faults[:SHOWN]) + (f"; and {more} more" if more > 0 else ""))

    @property
    def each(self) -> list[str]:
        """Every fault with its source."""
        return [self.source + fault for fault in self.faults]


@dataclass
class _Kind:
    """Faults that differ in place and value only: sentence of the first, number, their first lines, the last line."""

    first: str
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

    def add(self, what: str, *, line: int | None = None, column: str | None = None, kind: str | None = None) -> None:
        """Add one fault.

        Parameters
        ----------
        what : str
            Sentence without the place: what is wrong, with an example, and what to do.
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
                (f", line {line}" if line is not None else "", f", column {column!r}" if column is not None else "")
            )
            self._kinds[key] = _Kind(f"{self.path}{place}: {what}", 1, [] if line is None else [line], line)
            return
        group.count += 1
        group.last = line
        if line is not None and len(group.lines) <= _LISTED:
            group.lines.append(line)

    @property
    def sentences(self) -> list[str]:
        """One sentence for each kind of fault: the first fault, the number of such faults and their lines."""
        return [_sentence(group) for group in self._kinds.values()]

    def stop(self) -> None:
        """Raise an error that lists the faults, if there are any.

        Raises
        ------
        InputFaultsError
            At least one fault was added.
        """
        if self.count:
            raise InputFaultsError(self.sentences)


def _sentence(group: _Kind) -> str:
    if group.count == 1:
        return group.first
    if not group.lines or group.last is None:
        return f"{group.first} ({group.count:,} such)"
    if len(group.lines) == group.count:
        return f"{group.first} ({group.count} such, in lines {', '.join(map(str, group.lines))})"
    return f"{group.first} ({group.count:,} such, in lines {group.lines[0]} to {group.last})"


def faults_of(error: InputError) -> list[str]:
    """Return every fault that an error reports, one sentence each."""
    return error.each if isinstance(error, InputFaultsError) else [str(error)]
