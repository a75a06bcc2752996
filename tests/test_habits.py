"""What a visitor expects of a project: typed packages, stated interfaces, a citation, templates that parse."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [ROOT / path for path in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
SITE = ROOT / "out" / "docs"
SOURCES = [path for part in ("csmoifsa", "problems", "benchmarks") for path in sorted((ROOT / part).rglob("*.py"))]
LONGEST = 450  # lines of a file


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_the_package_says_that_it_is_typed(package):
    assert (package / "py.typed").exists()


def test_every_package_of_the_tree_is_in_the_wheel():
    found = {
        path.parent for part in ("problems", "benchmarks") for path in (ROOT / part).glob("csmoifsa_*/__init__.py")
    }
    assert {*found, ROOT / "csmoifsa"} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_the_interface_is_stated_and_there(package):
    module = importlib.import_module(package.name)
    names = module.__all__
    assert list(names) == sorted(names)
    assert all(hasattr(module, name) for name in names)
    public = {name for name in ("PROBLEMS", "COMMANDS", "ALGORITHMS") if name in vars(module)}
    assert public <= set(names)


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_the_reference_lists_the_interface(package):
    built = SITE / "objects.inv"
    if not built.exists() or built.stat().st_mtime < (package / "__init__.py").stat().st_mtime:
        pytest.skip("the site is not built, or older than the package; see make docs")
    inventory = pytest.importorskip("sphinx.util.inventory")
    found = inventory.InventoryFile.loads((SITE / "objects.inv").read_bytes(), uri="")
    kinds = ("py:class", "py:function", "py:data", "py:exception", "py:attribute")
    listed = {name for kind in kinds for name in found.data.get(kind, {})}
    own = {name.partition(".")[2] for name in listed if re.fullmatch(rf"{package.name}\.\w+", name)}
    own = {name for name in own if not (package / f"{name}.py").exists()}
    stated = {name for name in importlib.import_module(package.name).__all__ if not name.startswith("__")}
    assert own == stated


def test_the_citation_names_the_paper_and_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]
    (paper,) = citation["references"]
    assert (paper["year"], paper["volume"], paper["issue"]) == (2022, 42, "7")
    assert paper["authors"][0]["family-names"] == "Dong"


@pytest.mark.parametrize("path", [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"], ids=name_of)
def test_configurations_parse(path):
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


def test_hosted_checks_run_what_is_run_here():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["check"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert job["strategy"]["matrix"]["python"][0] == PROJECT["project"]["requires-python"].removeprefix(">=")


def test_the_changelog_has_the_usual_headings():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(PROJECT['project']['version'])}\]", text, re.MULTILINE)
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_no_file_is_longer_than_a_reader_can_hold():
    files = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(lengths) > 200
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_few_lines_have_no_type():
    """`Any` switches the type checker off; JSON read from files and options handed on to other libraries remain."""
    lines = [line for path in SOURCES for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum(bool(re.search(r"\bAny\b", line)) for line in lines) < 100
