"""pymoo's own examples, pages and tests run with our algorithm in place of theirs; and so do such files of our own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "tools"))
from pymoo_source import found, outcomes, run_file

SOURCE = os.environ.get("PYMOO_SOURCE", "")
KNOWN: dict[str, str] = {  # file or test of pymoo -> why it cannot pass with another algorithm
    "tests/algorithms/test_no_modfication.py": "it compares with stored results of NSGA2",
    "tests/algorithms/test_golden.py": "it compares with stored results of pymoo's algorithms",
    "tests/algorithms/test_deterministic_moo.py": "it compares with stored results of pymoo's algorithms",
}

SCRIPT = """
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.sampling.rnd import FloatRandomSampling
from pymoo.optimize import minimize
from pymoo.problems import get_problem

algorithm = NSGA2(pop_size=20, n_offsprings=10, sampling=FloatRandomSampling(), crossover=SBX(prob=0.9))
result = minimize(get_problem("bnh"), algorithm, ("n_gen", 4), seed=1)
assert type(algorithm).__mro__[1].__name__ == "CSMOIFSA"
assert result.algorithm.evaluator.n_eval == 50
"""
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# A page"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "from pymoo.algorithms.moo.nsga3 import NSGA3\n"]},
        {"cell_type": "code", "source": ["import pymoo_of_nobody\n", "NSGA3([[0.5, 0.5]])"]},
    ]
}
TESTS = """
import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from pymoo.problems import get_problem


def test_steps_and_minimize_agree():
    results = []
    for drive in ("run", "next"):
        algorithm = NSGA2(pop_size=20).setup(get_problem("zdt1"), termination=("n_gen", 3), seed=1)
        while drive == "next" and algorithm.has_next():
            algorithm.next()
        results.append(algorithm.run() if drive == "run" else algorithm.result())
    np.testing.assert_allclose(results[0].X, results[1].X)


def test_one_objective():
    minimize(Problem(n_var=2, n_obj=1, xl=0, xu=1), NSGA2(), ("n_gen", 1))


def test_what_only_nsga2_has():
    assert NSGA2().mating is not None


@pytest.mark.skip(reason="not today")
def test_later():
    pass
"""


@pytest.fixture
def source(tmp_path):
    """Return a source folder laid out as pymoo's, with files of our own."""
    files = {
        "examples/runs.py": SCRIPT,
        "examples/other.py": "print(1)",
        "docs/source/page.ipynb": json.dumps(NOTEBOOK),
        "tests/algorithms/test_some.py": TESTS,
        "pymoo/not_an_example.py": "raise SystemError",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_files_run_with_our_algorithm_and_the_table_says_why_not(source):
    table = {one.name: one for one in outcomes(source, [], "CSMOIFSA", 300.0)}
    tests = "tests/algorithms/test_some.py::test_"
    expected = {
        "examples/runs.py": ("runs", "without crossover"),
        "examples/other.py": ("skipped", "it names none of the algorithms replaced"),
        "docs/source/page.ipynb": ("skipped", "a package is missing"),
        f"{tests}steps_and_minimize_agree": ("runs", ""),
        f"{tests}one_objective": ("skipped", "one objective"),
        f"{tests}what_only_nsga2_has": ("fails", "mating"),
        f"{tests}later": ("skipped", "not today"),
    }
    assert table.keys() == expected.keys()
    for name, (state, reason) in expected.items():
        assert table[name].state == state, table[name]
        assert reason in table[name].reason


@pytest.mark.long
@pytest.mark.skipif(not SOURCE, reason="PYMOO_SOURCE names no folder with pymoo's source; pymoo installs none")
def test_nothing_of_pymoo_fails_without_a_stated_reason():
    source = Path(SOURCE).resolve()
    files = [path for path in found(source, []) if str(path.relative_to(source)) not in KNOWN]
    assert files
    results = [outcome for path in files for outcome in run_file(path, source, "CSMOIFSA", 600.0)]
    failures = [one for one in results if one.state == "fails" and one.name not in KNOWN]
    assert not failures
    assert any(one.state == "runs" for one in results)
