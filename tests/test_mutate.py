"""The tool that breaks the code: what it changes in a small module, and that what it names is there."""

from __future__ import annotations

import ast
import importlib.util
import os
import tomllib

import pytest
from judge import ROOT, in_fork
from mutants import mutants_of
from mutate import EQUIVALENT
from mutated_modules import MODULES

SOURCE = '''
LIMIT = 3


def clipped(x: float, low: float = 0.5) -> float:
    """Return x, at least low."""
    assert x == x
    if not x > low:
        raise ValueError(f"{x + 1} is low")
    total = [1]
    total[0] += 2
    return min(x, LIMIT) if x and low else low * x
'''
NAMES = {
    "module: 3 -> 4",
    "clipped: 0.5 -> 1.5",
    "clipped: 0.5 -> 0.75",
    "clipped: not x > low -> x > low",
    "clipped: x > low -> x >= low",
    "clipped: x > low -> x <= low",
    "clipped: raise ValueError(f'{x + 1} is low') -> left out",
    "clipped: 1 -> 2",
    "clipped: total[0] += 2 -> total[0] -= 2",
    "clipped: total[0] += 2 -> left out",
    "clipped: 0 -> 1",
    "clipped: 2 -> 3",
    "clipped: return min(x, LIMIT) if x and low else low * x -> return None",
    "clipped: min(x, LIMIT) if x and low else low * x -> min(x, LIMIT) if not (x and low) else low * x",
    "clipped: x and low -> x or low",
    "clipped: min -> max",
    "clipped: low * x -> low / x",
}


def test_every_change_is_one_change_and_compiles():
    mutants = mutants_of(SOURCE)
    assert {mutant.name for mutant in mutants} == NAMES
    assert len(mutants) == len(NAMES)
    plain = ast.unparse(ast.parse(SOURCE))
    texts = [ast.unparse(mutant.tree) for mutant in mutants]
    assert plain not in texts
    assert len(set(texts)) == len(texts)
    for mutant in mutants:
        compile(mutant.tree, "small", "exec")
        assert mutant.inside == mutant.name.startswith("clipped")


def test_equal_changes_in_one_function_have_names_of_their_own():
    names = [mutant.name for mutant in mutants_of("def f():\n    g(1)\n    h(1)\n")]
    assert "f: 1 -> 2" in names
    assert "f: 1 -> 2 #2" in names


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_tests_that_the_tool_names_are_there(name):
    module, tests = MODULES[name]
    assert importlib.util.find_spec(module) is not None
    for one in tests:
        file, _, function = one.partition("::")
        assert f"def {function}" in (ROOT / file).read_text(encoding="utf-8")


def test_every_exception_belongs_to_a_module_and_has_a_reason():
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    assert listed.keys() <= MODULES.keys()
    assert all(reason for reasons in listed.values() for reason in reasons.values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the tool needs a system that can fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_reports_its_code_and_what_it_found_and_ends_in_time():
    def work(report):
        report({"found": [1, 2]})
        return 3

    def endless(report):
        while True:
            pass

    assert in_fork(work, 20.0) == (3, {"found": [1, 2]})
    assert in_fork(endless, 0.2) == (None, None)
