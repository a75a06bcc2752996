"""Files that no reader expects: folders, devices, other encodings, too deep, too long, cut off."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

DEEP = 3_000
DIGITS = "9" * 5_000


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _bytes(raw: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(raw)


ANY: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "folder": _folder,
    "pipe": _pipe,
    "endless device": _endless,
    "link to itself": lambda path: path.symlink_to(path),
    "empty": _bytes(b""),
    "only a mark": _bytes(b"\xef\xbb\xbf"),
    "NUL bytes": _bytes(b"a = 1\n\0\0\0\n"),
    "latin-1": _bytes("name = 'é'\n".encode("latin-1")),
    "UTF-16": _bytes("name = 'a'\n".encode("utf-16")),
    "UTF-16 without a mark": _bytes("name = 'a', and more text\n".encode("utf-16-le")),
    "UTF-32": _bytes("name = 'a'\n".encode("utf-32")),
    "noise": _bytes(bytes(range(256)) * 40),
    "zip": _bytes(b"PK\x03\x04" + bytes(100)),
    "pickle": _bytes(b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00]\x94."),
    "one long line": _bytes(b"x" * 3_000_000),
    "quote left open": _bytes(b'a,b\n1,"2\n3,4\n'),
    "commands to the terminal": _bytes(b"\x1b[2J\x07[red]a[/x],=1+1\n1,2\n"),
}

TOML: dict[str, Callable[[Path], object]] = {
    "arrays 3,000 deep": _bytes(b"a = " + b"[" * DEEP + b"]" * DEEP),
    "tables 3,000 deep": _bytes(b".".join([b"a"] * DEEP) + b" = 1\n"),
    "a header 3,000 deep": _bytes(b"[" + b".".join([b"a"] * DEEP) + b"]\nb = 1\n"),
    "inline tables 3,000 deep": _bytes(b"a = " + b"{ b = " * DEEP + b"1" + b" }" * DEEP),
    "a key of 100,000 parts": _bytes(b".".join([b"a"] * 100_000) + b" = 1\n"),
    "5,000 digits": _bytes(f"name = {DIGITS}\n".encode()),
    "20,000 hexadecimal digits": _bytes(b"name = 0x" + b"f" * 20_000 + b"\n"),
    "4,000 digits": _bytes(f"name = {DIGITS[:4_000]}\n".encode()),
    "a date of no year": _bytes(b"name = 0000-01-01\n"),
    "not a number as name": _bytes(b"name = nan\n"),
    "commands in a key": _bytes(b'"\\u001b[2J\\u0007[/x]" = 1\n'),
}

JSON: dict[str, Callable[[Path], object]] = {
    "arrays 3,000 deep": _bytes(b"[" * DEEP + b"]" * DEEP),
    "objects 3,000 deep": _bytes(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "arrays 200 deep": _bytes(b"[" * 200 + b"]" * 200),
    "5,000 digits": _bytes(f'{{"name": {DIGITS}}}'.encode()),
    "4,000 digits": _bytes(f'{{"name": {DIGITS[:4_000]}}}'.encode()),
    "not a number": _bytes(b'{"mean": NaN}'),
    "too large a number": _bytes(b'{"mean": 1e999}'),
    "half a character": _bytes(b'{"name": "\\ud800"}'),
    "a key twice": _bytes(b'{"name": 1, "name": 2}'),
    "a list": _bytes(b"[1, 2]"),
    "a text": _bytes(b'"a"'),
    "null": _bytes(b"null"),
    "cut off": _bytes(b'{"name": "a", "mean": [1, 2'),
}

CSV: dict[str, Callable[[Path], object]] = {
    "only a header": _bytes(b"timestamp,mw\n"),
    "5,000 digits": _bytes(f"timestamp,mw,price,pair,incentive,share\n2020-01-01,{DIGITS},{DIGITS},v2g,1,1\n".encode()),
    "a field of a million": _bytes(b"timestamp,mw\n" + b"a" * 1_000_000 + b",1\n"),
    "100,000 columns": _bytes(b",".join([b"a"] * 100_000) + b"\n" + b",".join([b"1"] * 100_000) + b"\n"),
    "rows of all lengths": _bytes(b"timestamp,mw\n1\n1,2,3\n,\n,,,\n"),
    "a year of five digits": _bytes(b"timestamp,mw,price\n99999-01-01 00:00,1,1\n99999-01-01 01:00,1,1\n"),
    "infinite": _bytes(b"timestamp,mw,price\n2020-01-01 00:00,inf,inf\n2020-01-01 01:00,nan,nan\n"),
}
