"""The behaviours: each makes offspring in its own way, in a module of its own.

To add one, see docs/how-to/own-behaviour.md.

A behaviour is a compiled function

    fill(rows, streams, population, parents, memory, settings, offspring)

that fills the ``rows`` of ``offspring`` assigned to it: position ``X``, ``displacement`` and ``parent``.

rows : (k,) int64
    Rows of ``offspring`` to fill.
streams : (n,) uint64
    Random streams, one for each row of ``offspring``; row q draws from ``streams[q : q + 1]`` only.
population : Population
    The individuals; read only.
parents : Parents
    Active individuals, leaders and shares of clones; read only.
memory : Memory
    Success rates and step lengths of the run so far; read only.
settings : Settings
    The numbers of `csmoifsa.settings.Settings`.
offspring : Offspring
    Receives position, displacement and parent in the assigned rows.

Its module may set three constants, 0 or False by default:

MIN_CREDIT
    Least credit, as a share of the setting ``min_forage_credit``; it is raised where successes are rare.
TIRES_PARENTS
    Whether an individual's crowding distance counts less each time it was a parent here (setting ``reuse_penalty``).
REMEMBERS_STEPS
    Whether the lengths of its long steps that succeeded go to ``memory.step_lengths``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

import numpy as np

from csmoifsa.jit import jit
from csmoifsa.settings import BEHAVIOURS

MODULES = [import_module(f"{__name__}.{name}") for name in BEHAVIOURS]
MIN_CREDIT = np.array([getattr(module, "MIN_CREDIT", 0.0) for module in MODULES])
TIRES_PARENTS = np.array([getattr(module, "TIRES_PARENTS", False) for module in MODULES])
REMEMBERS_STEPS = np.array([getattr(module, "REMEMBERS_STEPS", False) for module in MODULES])


def choice(fills: Sequence[Callable[..., None]]) -> Callable[..., None]:
    """Return a compiled function that calls the behaviour of a number, 0 for the first of ``fills``."""
    first, *others = fills
    rest = choice(others) if others else first

    @jit(inline="always", cache=False)  # a part of the function that calls it, and cached with that
    def fill_rows(behaviour, rows, streams, population, parents, memory, settings, offspring):
        if behaviour == 0:
            first(rows, streams, population, parents, memory, settings, offspring)
        else:
            rest(behaviour - 1, rows, streams, population, parents, memory, settings, offspring)

    @jit(inline="always", cache=False)
    def fill_last(behaviour, rows, streams, population, parents, memory, settings, offspring):
        first(rows, streams, population, parents, memory, settings, offspring)

    return fill_rows if others else fill_last


fill_rows = choice([module.fill for module in MODULES])
