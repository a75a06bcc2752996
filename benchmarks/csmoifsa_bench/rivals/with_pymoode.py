"""pymoode's differential evolution (Leite 2022) with its defaults, through pymoo's interface. They handle constraints.

pymoode 0.3 asks for pymoo 0.6.1 in its metadata and runs with 0.6.2. It draws from NumPy's global generator, which
`execute.quiet` seeds, and from those that pymoo makes wherever it is given none, which are seeded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.plugins import reference_directions
from csmoifsa_bench.rivals import Generation, Task, check_name
from csmoifsa_bench.rivals.with_pymoo import FixedSampling, follow

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

ALGORITHMS = ("GDE3", "NSDE", "NSDER")


def generations(problem: Problem, task: Task) -> Iterator[Generation]:
    """Yield after every generation; see `csmoifsa_bench.rivals`."""
    check_name("pymoode", task.name, ALGORITHMS)
    settings: dict[str, object] = {"pop_size": task.pop_size, **task.settings}
    if task.start is not None:
        settings.setdefault("sampling", FixedSampling(task.start))
    if task.name == "NSDER":
        settings.setdefault("ref_dirs", reference_directions(problem.n_obj, task.pop_size))
    try:
        algorithm = getattr(import_module("pymoode.algorithms"), task.name)(**settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"pymoode's {task.name} refuses its settings: {error}") from error
    with _seeded(task.seed):
        yield from follow(algorithm, problem, task, task.start is not None)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the generators that pymoo 0.6.2 makes where pymoode, which is older, hands none on."""
    seeds = np.random.SeedSequence(seed)

    def default_rng(given: int | None = None) -> np.random.Generator:
        return np.random.default_rng(seeds.spawn(1)[0] if given is None else given)

    with patch("pymoo.util.np", SimpleNamespace(random=SimpleNamespace(default_rng=default_rng))):
        yield
