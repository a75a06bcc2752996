"""What the docstring of a class says of its attributes, for the reference pages and the forms of the app."""

from __future__ import annotations

import inspect


def attributes_of(model: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of each attribute, in their section "Attributes".

    Examples
    --------
    >>> from csmoifsa_energy.cases import CaseFiles
    >>> attributes_of(CaseFiles)["what"]
    'Name of the kind of file in messages, such as ``"scenario"``.'
    """
    told: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        _, _, section = inspect.cleandoc(owner.__dict__.get("__doc__") or "").partition("Attributes\n----------\n")
        names: list[str] = []
        for line in section.split("\n\n")[0].splitlines():
            if not line.startswith(" "):
                names = [name.strip() for name in line.partition(" : ")[0].split(",")]
                told |= dict.fromkeys(names, "")
            else:
                told |= {name: f"{told[name]} {line.strip()}".strip() for name in names}
    return told
