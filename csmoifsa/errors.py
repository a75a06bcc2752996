"""The exception for wrong input, `InputError`, and two helpers for its checks and messages."""

from __future__ import annotations

from operator import index


class InputError(ValueError):
    """Wrong input; the message is one sentence that names what is wrong, where, and the remedy.

    Every layer raises it; the command line prints the sentence on stderr and ends with exit code 2.
    """


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ``" Did you mean 'x' or 'y'?"`` if known names resemble ``name``, else an empty string."""
    from difflib import get_close_matches

    spelt: dict[str, list[str]] = {}
    for other in known:
        spelt.setdefault(other.lower(), []).append(other)
    near = [n for match in get_close_matches(name.lower(), spelt, n=3, cutoff=0.6) for n in spelt[match]][:3]
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""


def whole_number(name: str, value: object, *, least: int) -> int:
    """Return ``value``, a whole number (NumPy's too), as int; raises `InputError` if it is none or below ``least``."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return number
