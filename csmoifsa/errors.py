"""The one exception that says: the input is wrong, not the program; and what is checked with it everywhere."""

from __future__ import annotations

from operator import index


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do about it.

    Every layer raises it; the command line turns it into that sentence on stderr and exit code 2.
    """


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ``" Did you mean 'x' or 'y'?"`` for a near miss, else an empty string."""
    from difflib import get_close_matches

    spelt: dict[str, list[str]] = {}
    for other in known:
        spelt.setdefault(other.lower(), []).append(other)
    near = [n for match in get_close_matches(name.lower(), spelt, n=3, cutoff=0.6) for n in spelt[match]][:3]
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""


def whole_number(name: str, value: object, *, least: int) -> int:
    """Return ``value``, an int of any kind (NumPy's too), or raise `InputError` naming it."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return number
