"""The examples in docstrings do what they print."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("csmoifsa", "problems", "benchmarks/csmoifsa_bench")
PROMPT = re.compile(r"^\s*>>> ", re.MULTILINE)
FILES = {
    path: len(PROMPT.findall(path.read_text(encoding="utf-8")))
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if PROMPT.search(path.read_text(encoding="utf-8"))
}


def module_name(path: Path) -> str:
    """Return the dotted name of a file: its folders up to the outermost that is a package."""
    parts = [path.stem] if path.stem != "__init__" else []
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def examples_of(path: Path) -> list[doctest.DocTest]:
    module = importlib.import_module(module_name(path))
    return [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_print_what_they_say(path):
    tests = examples_of(path)
    assert sum(len(test.examples) for test in tests) == FILES[path]  # none is hidden from the search
    for test in tests:
        words: list[str] = []
        result = doctest.DocTestRunner(verbose=False).run(test, out=words.append)
        assert result.failed == 0, "".join(words)
        assert result.attempted == len(test.examples)


def test_there_are_examples():
    assert sum(FILES.values()) >= 24
    assert sum(len(examples_of(path)) for path in FILES) >= 14
