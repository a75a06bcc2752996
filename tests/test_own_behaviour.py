"""The how-to *Add a behaviour* works as printed: its file and its list give an algorithm that uses it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "how-to" / "own-behaviour.md").read_text(encoding="utf-8")

LEAN = """
import os
os.environ["NUMBA_DISABLE_JIT"] = "1"  # the same code as plain Python: no minute of compiling
"""
RUN = """
import warnings
warnings.simplefilter("ignore")  # plain integers overflow on purpose where NumPy warns
import numpy as np
import oracle
from csmoifsa.engine import ImmuneFishSwarm
from csmoifsa.settings import BEHAVIOURS, Settings

engine = ImmuneFishSwarm(4, 2, settings=Settings(pop_size=12, behaviours=("swarm", "glide")), seed=3)
made, checked = set(), 0
while engine.n_eval < 150:
    X = engine.ask()
    assert ((X >= 0) & (X <= 1)).all()
    if engine.generation:
        made |= set(engine.offspring.behaviour[: len(X)].tolist())
        for q in np.flatnonzero(engine.offspring.behaviour[: len(X)] == BEHAVIOURS.index("glide")):
            stream = oracle.Stream(3, engine.generation - 1, int(q))
            stream.uniform()  # chose the behaviour
            i, factor = stream.randint(engine.board.count), 2.0 * stream.uniform()
            population = engine.board.population
            y = population.X[i] + factor * population.displacement[i]
            inside = (y >= 0) & (y <= 1)
            assert np.array_equal(X[q][inside], y[inside])
            assert engine.offspring.parent[q] == i
            checked += inside.sum()
    engine.tell(np.column_stack([X[:, 0], (1 - X[:, 0]) ** 2 + X[:, 1:].sum(axis=1)]))
assert checked > 50
print(BEHAVIOURS, sorted(made), engine.front().F.min(axis=0).round(3).tolist())
"""
COMPILED = """
import numpy as np
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from csmoifsa import CSMOIFSA, load_problem

problem = load_problem("zdt1", n_var=5)

class Batch(Problem):
    def _evaluate(self, X, out, *args, **kwargs):
        out["F"] = problem.evaluate(X)

fronts = []
for one in (problem, Batch(n_var=5, n_obj=2, xl=0.0, xu=1.0)):
    result = minimize(one, CSMOIFSA(pop_size=20, behaviours=("clone", "glide")), ("n_eval", 300), seed=1)
    fronts.append(result.F)
assert np.array_equal(*fronts)
print(len(fronts[0]), result.algorithm.engine._memory.credit[4])
"""


@pytest.fixture
def extended(tmp_path) -> Path:
    """Return a folder with a copy of the package to which the page's steps were applied."""
    shutil.copytree(ROOT / "csmoifsa", tmp_path / "csmoifsa", ignore=shutil.ignore_patterns("__pycache__"))
    code = re.search(r"Save this as `(\S+)`.*?```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / code[1]).write_text(code[2], encoding="utf-8")
    settings = tmp_path / "csmoifsa" / "settings.py"
    old, new = re.search(r"```diff\n-(.*?)\n\+(.*?)\n```", PAGE).groups()
    text = settings.read_text(encoding="utf-8")
    assert text.count(old) == 1
    settings.write_text(text.replace(old, new), encoding="utf-8")
    return tmp_path


def test_the_behaviour_takes_part(extended, run_python):
    done = run_python(LEAN + RUN, path=(extended, ROOT / "tests" / "engine"))
    assert done.code == 0, done.err
    assert done.out.startswith("('clone', 'follow', 'swarm', 'forage', 'glide') [2, 4]")


@pytest.mark.long
def test_the_compiled_loop_uses_it_like_ask_and_tell(extended, run_python):
    done = run_python(COMPILED, path=(extended,))
    assert done.code == 0, done.err
    assert float(done.out.split()[1]) != 0.1  # its credit was updated


def test_the_printed_behaviour_has_at_most_twenty_lines():
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    assert len(code.strip().splitlines()) <= 20
