"""All that is wrong with what a user brought, collected and told at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from csmoifsa.errors import InputError

SHOWN = 3
"""Faults that the one-sentence form of an error names; `csmoifsa ev check` lists them all."""

_MOST = 200


class InputFaultsError(InputError):
    """Several faults in one input; ``faults`` lists them, the message names the first few.

    Parameters
    ----------
    faults : iterable of str
        One sentence each, without the source.
    source : str
        What they are about, such as ``"my.toml: "``; it begins the message.
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


class Faults:
    """Collects the faults of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []
        self.left_out = 0

    def add(self, what: str, *, line: int | None = None, column: str | None = None) -> None:
        """Note one fault and where it is."""
        if len(self.told) >= _MOST:
            self.left_out += 1
            return
        place = "".join(
            (f", line {line}" if line is not None else "", f", column {column!r}" if column is not None else "")
        )
        self.told.append(f"{self.path}{place}: {what}")

    def stop(self) -> None:
        """Raise what has been collected, if anything.

        Raises
        ------
        InputFaultsError
            There are faults.
        """
        if self.told:
            more = [f"{self.path}: and {self.left_out} faults more"] if self.left_out else []
            raise InputFaultsError(self.told + more)


def faults_of(error: InputError) -> list[str]:
    """Return every fault that an error tells of."""
    return error.each if isinstance(error, InputFaultsError) else [str(error)]
