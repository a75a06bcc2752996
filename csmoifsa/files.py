"""Readers of files from users, with size limits, and atomic writers: a crash leaves the old file whole."""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from csmoifsa.errors import InputError
from csmoifsa.text import csv_text, from_csv, json_visible, visible_values

if TYPE_CHECKING:
    from pandas import DataFrame

    from csmoifsa.typing import TomlTable

T = TypeVar("T")

MOST_BYTES = 512 * 2**20
"""Largest size of a table file [bytes]: more than ten years of one-minute values in a wide table."""

MOST_SETTINGS_BYTES = 4 * 2**20
"""Largest size of a TOML or JSON file [bytes]; their parsers are slow and keep everything in memory."""

MOST_NESTED = 64
_LONG_KEY = re.compile(r"""(?<![\w"'-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""", re.ASCII)

_NODE = f"{zlib.crc32(platform.node().encode()):08x}"
_PART = re.compile(r"\..*\.(?P<node>[0-9a-f]{8})-(?P<process>\d+)-\d+\.part", re.DOTALL)
_count = itertools.count(1)


# ----------------------------------------------------------------------------------------------------------- reading
def read_bytes(path: str | Path, what: str = "file", most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a regular file.

    Parameters
    ----------
    path : path
        Path from a user; a folder, a device or a pipe is refused, since reading one may never end.
    what : str
        Name of the file's role in messages, such as ``"load file"``.
    most : int
        Largest size [bytes]; longer files are refused.

    Raises
    ------
    InputError
        The file cannot be read, is no regular file or is too long.
    """
    begin = f"cannot read the {what} {path}"
    try:
        for _ in range(2):  # twice: the path may be exchanged between a check and the opening
            kind = os.stat(path).st_mode
            if stat.S_ISDIR(kind):
                raise InputError(f"{begin}: it is a folder; name a file")
            if not stat.S_ISREG(kind):
                raise InputError(f"{begin}: it is a device or a pipe; save its output as a file and name that")
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            opened = os.fstat(file.fileno())
            if not stat.S_ISREG(opened.st_mode):
                raise InputError(f"{begin}: it is no regular file")
            raw = file.read(min(opened.st_size, most) + 1)
    except InputError:
        raise
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a NUL in the name
        raise InputError(f"{begin}: {getattr(error, 'strerror', None) or error or 'memory is too small'}") from error
    if len(raw) > most:
        raise InputError(f"{begin}: it is longer than {most / 2**20:,.0f} MiB; keep what is needed of it")
    return raw


def read_text(path: str | Path, what: str = "file", most: int = MOST_BYTES) -> str:
    """Return the text of a UTF-8 file, without the byte order mark that some programs put first.

    Raises
    ------
    InputError
        As `read_bytes`; or the file is no text in UTF-8 (the message names the line).
    """
    raw = read_bytes(path, what, most)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or (raw[:64].count(0) >= 8 and b"\0" in raw[:4]):
        raise InputError(f"{path}: the file is not text in UTF-8 but in UTF-16 or UTF-32; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: the file is not text in UTF-8; save it as UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}, line {line}: the file holds a NUL byte, so it is no text or was damaged")
    return text


def read_toml(path: str | Path, what: str = "file") -> TomlTable:
    """Return the values of a TOML file; control characters in its texts become escapes.

    Raises
    ------
    InputError
        As `read_text` and `parse_toml`.
    """
    return parse_toml(read_text(path, what, MOST_SETTINGS_BYTES), str(path))


def parse_toml(text: str, source: str) -> TomlTable:
    """Return the values of a TOML text.

    Raises
    ------
    InputError
        The text is no TOML, is nested too deep, or holds a whole number beyond 64 bits; ``source`` begins the message.
    """
    import tomllib

    if _LONG_KEY.search(text):
        raise InputError(f"{source} cannot be read: tables are nested deeper than {MOST_NESTED}")
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{source} cannot be read: it is nested too deep") from None
    except (ValueError, OverflowError) as error:  # of which TOMLDecodeError is one
        raise InputError(f"{source} is not a TOML file: {_first_line(error)}") from None
    return _checked(values, source, finite=False)


def read_json(path: str | Path, what: str = "file", most: int = MOST_SETTINGS_BYTES) -> Any:
    """Return the values of a JSON file; control characters in its texts become escapes.

    Raises
    ------
    InputError
        As `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, what, most), str(path), what)


def parse_json(text: str, source: str, what: str = "file") -> Any:
    """Return the values of a JSON text.

    Raises
    ------
    InputError
        The text is no JSON, names a key twice, is nested too deep, or holds a number that is not finite or a whole
        number beyond 64 bits; ``source`` begins the message.
    """

    def refuse(name: str) -> None:
        raise InputError(f"{source}: {name} is not a number; a finite one was expected")

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"{source}: the key {key[:100]!r} is given twice; keep one")
            found[key] = value
        return found

    try:
        values = json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        place = f"{source}, line {error.lineno}, column {error.colno}"
        raise InputError(f"{place}: the {what} is not a JSON file: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{source}: the {what} cannot be read: it is nested too deep") from None
    except (ValueError, OverflowError) as error:
        raise InputError(f"{source}: the {what} is not a JSON file that can be read: {_first_line(error)}") from None
    return _checked(values, source, finite=True)


def _checked(values: T, source: str, *, finite: bool) -> T:
    """Return the values with visible texts; refuse deep nesting, ints beyond 64 bits, infinities if ``finite``."""
    left: list[tuple[object, int]] = [(values, 0)]
    while left:
        value, depth = left.pop()
        if isinstance(value, dict | list):
            if depth >= MOST_NESTED:
                raise InputError(f"{source}: values are nested deeper than {MOST_NESTED}")
            left += [(one, depth + 1) for one in (value.values() if isinstance(value, dict) else value)]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise InputError(f"{source}: a whole number is larger than 64 bits hold ({value.bit_length()} bits)")
        elif finite and isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{source}: a number is too large; a finite one was expected")
    return visible_values(values)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


# ----------------------------------------------------------------------------------------------------------- writing
def part_name(name: str) -> str:
    """Return the hidden temporary name under which ``name`` is written; it holds the machine and the process number."""
    return f".{name[:100]}.{_NODE}-{os.getpid()}-{next(_count)}.part"


def dead_parts(folder: Path) -> list[Path]:
    """Return the temporary files and folders of `part_name` in a folder whose process on this machine has ended."""
    found = []
    with suppress(OSError):
        for entry in os.scandir(folder):
            match = _PART.fullmatch(entry.name)
            if match and match["node"] == _NODE and not _alive(int(match["process"])):
                found.append(Path(entry.path))
    return found


def remove_dead_parts(folder: Path) -> None:
    """Remove the unfinished files that processes of this machine left behind when they were killed."""
    for path in dead_parts(folder):
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):
                path.unlink()


def _alive(process: int) -> bool:
    if os.name == "nt":  # on Windows, os.kill(process, 0) ends the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    except OverflowError:
        return False
    return True


def asked_path(path: Path) -> Path:
    """Return the path that the user named: ``path`` without the temporary folders of `csmoifsa.folders`."""
    parts = list(path.parts)
    for place, part in enumerate(parts):
        if _PART.fullmatch(part):  # a folder of `folders.result_folder`; the results are in a folder in it
            return Path(*parts[:place], *parts[place + 2 :])
    return path


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file that is renamed to ``path`` once it is complete and on disk.

    Raises
    ------
    InputError
        The file cannot be written; an earlier one of that name stays as it was.
    """
    path = Path(path)
    part = path.with_name(part_name(path.name))
    binary = "b" in mode
    remove_dead_parts(path.parent)
    try:
        with open(part, mode, encoding=None if binary else "utf-8", newline=None if binary else "") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot write {asked_path(path)}: {reason}; choose another folder with --out") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_json(path: str | Path, value: object) -> None:
    """Write a value as indented JSON, keys in their order; raises ``ValueError`` for NaN and infinity."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as file:
        file.write(json_visible(text, "\n") + "\n")


def write_csv(path: str | Path, table: DataFrame, *, float_format: str | None = "%.10g") -> None:
    """Write a pandas table as CSV without its index; texts and headers pass through `csmoifsa.text.csv_text`."""
    texts = table.rename(columns=lambda name: csv_text(str(name)))
    texts = texts.apply(
        lambda column: (
            column.map(lambda cell: csv_text(cell) if isinstance(cell, str) else cell)
            if column.dtype == object or str(column.dtype) in ("str", "string", "category")
            else column
        )
    )
    with atomic_write(path) as file:
        texts.to_csv(file, index=False, float_format=float_format, lineterminator="\n")


def read_csv(path: str | Path) -> DataFrame:
    """Return a pandas table that `write_csv` wrote, with the original texts (`csmoifsa.text.from_csv`)."""
    import pandas as pd

    table = pd.read_csv(path).rename(columns=from_csv)
    texts = table.select_dtypes(include=["object", "string"])
    return table.assign(**{str(name): column.map(from_csv, na_action="ignore") for name, column in texts.items()})


def output_folder(path: str | Path) -> Path:
    """Create the folder for results if it does not exist, and return its path.

    Raises
    ------
    InputError
        The folder cannot be created, or a file of that name is in the way.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot create the folder {asked_path(path)}: {reason}; choose another with --out") from error
    return path
