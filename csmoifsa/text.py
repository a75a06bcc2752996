"""Escaping of texts from users' files for terminals, CSV, JSON, figures and scripts.

A title may hold markup, commands to a terminal, formulas or scripts. Each kind of output has one function here, used by
all packages; HTML itself is escaped by Jinja and `html.escape`.
"""

from __future__ import annotations

import json
import re
from typing import TypeVar, cast

T = TypeVar("T")

# control characters, line and paragraph separators, marks that turn the direction of writing, halves of characters
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_NUMBER = re.compile(r"[+-]?(?:\d[\d,_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s?%?", re.ASCII)
_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # first characters that make a cell a formula in a spreadsheet


def visible(text: str, keep: str = "") -> str:
    r"""Return a text whose control characters are replaced by backslash escapes.

    Parameters
    ----------
    text : str
        The text.
    keep : str
        Control characters to leave as they are, such as ``"\n\t"``.

    Examples
    --------
    >>> visible("a\x1b[31m\u2028b")
    'a\\x1b[31m\\u2028b'
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def visible_values(value: T) -> T:
    """Return plain values (dicts, lists, texts) with `visible` applied to each text; line ends and tabs are kept."""
    shown: object = value
    if isinstance(value, str):
        shown = visible(value, "\n\t")
    elif isinstance(value, dict):
        shown = {key: visible_values(one) for key, one in value.items()}
    elif isinstance(value, list):
        shown = [visible_values(one) for one in value]
    return cast("T", shown)


def csv_text(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet evaluates: an apostrophe is put before a formula.

    Numbers and single characters (``-``) stay as they are; `from_csv` reverses it.

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
    """Return the text from which `csv_text` made a cell; control characters stay escaped.

    Examples
    --------
    >>> from_csv("'=1+1"), from_csv("'quoted'")
    ('=1+1', "'quoted'")
    """
    start = text.lstrip("'")[:1]
    return text[1:] if text.startswith("'") and start and start in _FORMULA + "\\" else text


def figure_text(text: str) -> str:
    """Return a text that matplotlib draws literally: dollar signs escaped, so that none starts a formula."""
    return visible(text).replace("$", r"\$")


def json_text(value: object, *, ascii_only: bool = False) -> str:
    """Return plain values as JSON on one line, with terminal control characters escaped.

    Raises
    ------
    ValueError
        A number is not finite.
    """
    return json_visible(json.dumps(value, ensure_ascii=ascii_only, allow_nan=False))


def json_visible(document: str, keep: str = "") -> str:
    """Return a JSON document with its control characters as JSON escapes, except those in ``keep`` (its layout)."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else json.dumps(found[0])[1:-1], document)


def script_json(value: object) -> str:
    """Return plain values as JSON for an HTML ``<script>``, with ``<``, ``>`` and ``&`` escaped."""
    return json_text(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _written_out(character: str) -> str:
    code = ord(character)
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
