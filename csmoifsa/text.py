"""Texts from other people's files, made harmless for each place where they are shown: they stay text everywhere.

A title may hold markup, commands to a terminal, formulas or scripts. Each output has one function here, used by all
packages; HTML itself is escaped by Jinja and `html.escape`.
"""

from __future__ import annotations

import json
import re
from typing import Any

# control characters, line and paragraph separators, marks that turn the direction of writing, halves of characters
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_NUMBER = re.compile(r"[+-]?(?:\d[\d,_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s?%?", re.ASCII)
_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # what a spreadsheet takes for a formula, at the start of a cell


def visible(text: str, keep: str = "") -> str:
    r"""Return a text whose control characters are written out, as a programming language would.

    Parameters
    ----------
    text : str
        From anywhere.
    keep : str
        Control characters that may stay, such as ``"\n\t"``.

    Examples
    --------
    >>> visible("a\x1b[31m\u2028b")
    'a\\x1b[31m\\u2028b'
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def visible_values(value: Any) -> Any:
    """Return plain values (dicts, lists, texts) with every text `visible`, line ends and tabs kept."""
    if isinstance(value, str):
        return visible(value, "\n\t")
    if isinstance(value, dict):
        return {key: visible_values(one) for key, one in value.items()}
    return [visible_values(one) for one in value] if isinstance(value, list) else value


def csv_text(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet takes for a formula: an apostrophe goes before it.

    Numbers and single marks (``-``) stay; `from_csv` undoes it.

    Examples
    --------
    >>> csv_text("=1+1"), csv_text("-1.5"), csv_text("plain")
    ("'=1+1", '-1.5', 'plain')
    """
    start = text.lstrip("'")[:1]
    if start and start in _FORMULA and len(text) > 1 and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    return visible(text)


def from_csv(text: str) -> str:
    """Return what `csv_text` was given, but for control characters.

    Examples
    --------
    >>> from_csv("'=1+1"), from_csv("'quoted'")
    ('=1+1', "'quoted'")
    """
    start = text.lstrip("'")[:1]
    return text[1:] if text.startswith("'") and start and start in _FORMULA + "\\" else text


def figure_text(text: str) -> str:
    """Return a text in which matplotlib sees no formula: every dollar sign is a dollar sign."""
    return visible(text).replace("$", r"\$")


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """Return plain values as JSON on one line, without characters that a terminal would obey.

    Raises
    ------
    ValueError
        A number is not finite.
    """
    return json_visible(json.dumps(value, ensure_ascii=ascii_only, allow_nan=False))


def json_visible(document: str, keep: str = "") -> str:
    """Return a JSON document whose control characters are JSON's escapes; ``keep`` those of its own layout."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else json.dumps(found[0])[1:-1], document)


def script_json(value: Any) -> str:
    """Return plain values as JSON that can stand inside an HTML ``<script>``: nothing in a text ends it."""
    return json_text(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _written_out(character: str) -> str:
    code = ord(character)
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
