"""The one exception that says: the input is wrong, not the program."""

from __future__ import annotations


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
