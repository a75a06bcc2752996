"""The compile policy: cached where it can be, working where it cannot, and saying when it compiles."""

from __future__ import annotations

import numpy as np
import pytest

from csmoifsa import jit, kernels


def square(x):
    return x * x


def adding(number: float):
    """Return a compiled function of no file, which cannot come from a cache."""
    names: dict = {}
    exec(f"def add(x):\n    return x + {number}", names)
    return jit.jit(names["add"])


def test_without_a_writable_cache_functions_still_compile(monkeypatch):
    asked = []

    def refusing(*signature, cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function 'square': no locator available")
        return real(*signature, **options)

    real = jit.njit
    monkeypatch.setattr(jit, "njit", refusing)
    assert jit.jit(square)(3.0) == 9.0
    assert asked == [True, False]


def test_compilation_is_announced_once_and_only_if_it_happens():
    told = []
    fresh, other = adding(1.0), adding(2.0)
    with jit.watch_compilation(lambda: told.append(1)):
        fresh(1.0)
        other(1.0)
    assert told == [1]
    with jit.watch_compilation(lambda: told.append(2)):
        fresh(2.0)
    assert told == [1]


@pytest.mark.parametrize("name", ["keep_best", "breed", "reward", "contend", "allot", "place", "violation", "swim"])
def test_one_signature_a_kernel(name):
    """A second array type (order, dtype, read-only) would compile everything again."""
    from csmoifsa import CSMOIFSA, MOAFSA, load_problem
    from csmoifsa.runs import solve

    for algorithm in (CSMOIFSA(pop_size=20), CSMOIFSA(pop_size=20, paper=True), MOAFSA(pop_size=20)):
        for problem in ("zdt1", "bnh", "dtlz2"):
            solve(load_problem(problem), algorithm, n_eval=100)
    from_lists = CSMOIFSA(pop_size=20, sampling=np.asfortranarray(np.full((20, 30), 0.5, np.float32)))
    solve(load_problem("zdt1"), from_lists, n_eval=100)
    assert len(getattr(kernels, name).signatures) <= 1
