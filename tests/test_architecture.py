"""Imports only point down, and looking at the package costs nothing. The plan is in CONTRIBUTING.md."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TREES = [ROOT / "csmoifsa", *sorted((ROOT / "problems").glob("csmoifsa_*")), ROOT / "benchmarks" / "csmoifsa_bench"]
FILES = [path for tree in TREES for path in sorted(tree.rglob("*.py"))]

BASE = {f"csmoifsa.{name}" for name in ("errors", "text", "files", "folders", "console", "jit", "typing")}
BEHAVIOURS = sorted(path.stem for path in (ROOT / "csmoifsa" / "kernels" / "behaviours").glob("[a-z]*.py"))
KERNELS = [  # each may import those before it; a behaviour no other behaviour
    *("random", "dominance", "truncation", "records", "variation", "space", "parents", "fish"),
    *(f"behaviours.{name}" for name in BEHAVIOURS),
    *("behaviours", "credit", "selection", "generation"),
]
ENGINE = [  # each may import those before it
    "csmoifsa.settings",
    *(f"csmoifsa.kernels.{name}" for name in KERNELS),
    *("csmoifsa.states", "csmoifsa.board", "csmoifsa.engine", "csmoifsa.moafsa"),
]
BENCH = [  # each may import those before it
    *("suite", "cells", "recorder", "rivals", "execute", "store", "speed", "pools", "campaign"),
    *("measure", "statistics", "tables", "figures", "digest", "page", "report", "cli"),
]
APP = "csmoifsa_app"  # shows and runs the packages below; nothing knows it
APP_MODULES = [  # each may import those before it
    *("guard", "fields", "base_folder", "following", "folder", "cars_file", "case_folder", "sources"),
    *("studies", "recognised", "what_if", "case_work", "worker", "jobs", "pages", "data_page", "actions"),
    *("beside_page", "case_pages", "campaigns", "campaign_pages", "server", "cli"),
]
TOP = {"csmoifsa.cli"}
SHARED = "csmoifsa_energy"  # what the energy problems share; knows none of them
FOLDERS = {  # of a problem package: each may import the folders named beside it
    "csmoifsa_ev": {
        "model": set(),
        "inputs": {"model"},
        "problem": {"model"},
        "study": {"model", "inputs", "problem"},
        "output": {"model", "inputs", "problem", "study"},
    },
    "csmoifsa_aggregator": {
        "model": set(),
        "inputs": {"model"},
        "solve": {"model"},
        "dispatch": {"model", "solve"},
        "problem": {"model", "solve"},
        "study": {"model", "inputs", "solve", "dispatch", "problem"},
        "output": {"model", "inputs", "solve", "dispatch", "problem", "study"},
    },
}
APPLICATION = {"study", "cli", "plugin"}  # folders and modules of a problem package that may run the engine
HEAVY = {"numba", "pandas", "matplotlib", "pymoo"}
# what the engine must not know of
BESIDE_ENGINE = {"pymoo", "pandas", "matplotlib", "scipy", "typer", "rich", "pydantic"}


def module_name(path):
    parts = list(path.with_suffix("").parts)
    start = next(i for i, part in enumerate(parts) if part.startswith("csmoifsa") and (i, part) != (0, ""))
    for tree in TREES:
        if path.is_relative_to(tree):
            start = len(tree.parts) - 1
    parts = parts[start:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source, package=""):
    """Return every module named in an import, wherever in the source; ``from a import b`` names a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base] if base else up)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def violations(name, imported):
    """Return what is wrong with the imports of one module, one sentence each."""
    own = name.partition(".")[0]
    roots = {i.partition(".")[0] for i in imported}
    ours = {i for i in imported if i.startswith("csmoifsa.")}
    wrong = []

    def within(targets, names):
        return {i for i in names if any(i == t or i.startswith(f"{t}.") for t in targets)}

    def forbid(targets, why):
        if hit := sorted(within(targets, imported)):
            wrong.append(f"{name} imports {', '.join(hit)}: {why}")

    if "numba" in roots and not (name == "csmoifsa.jit" or "kernels" in name.split(".")):
        forbid({"numba"}, "only csmoifsa/jit.py, files named kernels.py and those in folders kernels may")
    if own == "csmoifsa":
        forbid({r for r in roots if r.startswith("csmoifsa_")}, "plugins are found by name, never imported")
        if name in BASE:
            forbid(ours - within(BASE, ours), "the base knows nothing above it")
        elif name in ENGINE:
            below = {*BASE, *ENGINE[: ENGINE.index(name)]}
            packages = {".".join(target.split(".")[:i]) for target in below for i in (2, 3)}
            if name.startswith("csmoifsa.kernels.behaviours."):
                below = {target for target in below if not target.startswith("csmoifsa.kernels.behaviours")}
            forbid(ours - within(below, ours) - packages, "it is not below")
            forbid(BESIDE_ENGINE, "the engine is arrays in, arrays out")
        elif name != "csmoifsa.__main__":
            forbid(TOP, "the command line is on top")
    elif own == "csmoifsa_bench":
        others = {r for r in roots if r.startswith("csmoifsa_") and r != own}
        forbid(others, "problems are found by name, never imported")
        forbid(TOP, "the command line is on top")
        room = name.split(".")[1] if "." in name else "suite"
        forbid({f"{own}.{later}" for later in BENCH[BENCH.index(room) + 1 :]}, "it is above")
    elif own == APP:
        others = {r for r in roots if r.startswith("csmoifsa_") and r not in (own, SHARED, "csmoifsa_bench", *FOLDERS)}
        forbid(others, "it shows pricing problems and campaigns")
        forbid(TOP, "the command line is on top")
        if "." in name:
            place = APP_MODULES.index(name.split(".")[1])
            forbid({f"{own}.{later}" for later in APP_MODULES[place + 1 :]}, "it is above")
    else:
        others = {r for r in roots if r.startswith("csmoifsa_") and r not in (own, SHARED)}
        forbid(others | ({SHARED} if own not in FOLDERS and own != SHARED else set()), "problem packages stand alone")
        forbid(TOP, "the command line is on top")
        room = name.split(".")[1] if "." in name else ""
        if room not in APPLICATION:
            forbid({*ENGINE, "csmoifsa.algorithm", "csmoifsa.runs", "csmoifsa.CSMOIFSA", "csmoifsa.MOAFSA"}, "a model")
        folders = FOLDERS.get(own, {})
        if room in folders:
            rest = {i.split(".")[1] for i in imported if i.startswith(f"{own}.")} - {room}
            forbid({f"{own}.{other}" for other in rest - folders[room]}, f"{room} does not know it")
        elif folders and room not in ("", "cli", "plugin"):
            wrong.append(f"{name} is in no folder of {own}")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imported = imports(path.read_text(encoding="utf-8"), package)
    assert violations(name, imported) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("csmoifsa.engine", "from csmoifsa.algorithm import CSMOIFSA"),
        ("csmoifsa.engine", "def f():\n    import pymoo.core.problem"),
        ("csmoifsa.board", "from csmoifsa import engine"),
        ("csmoifsa.board", "from . import engine"),
        ("csmoifsa.kernels.random", "import csmoifsa_zdt"),
        ("csmoifsa.kernels.random", "from csmoifsa.kernels.dominance import compare"),
        ("csmoifsa.kernels.behaviours.swarm", "from csmoifsa.kernels.behaviours.clone import crossover"),
        ("csmoifsa.kernels.credit", "from csmoifsa.kernels import generation"),
        ("csmoifsa.settings", "from csmoifsa.kernels.behaviours import fill_rows"),
        ("csmoifsa.board", "import numba"),
        ("csmoifsa.errors", "from csmoifsa.files import write_json, atomic_write\nfrom csmoifsa.runs import Run"),
        ("csmoifsa.runs", "import csmoifsa_ev.study.study"),
        ("csmoifsa.runs", "from csmoifsa.cli import app"),
        ("csmoifsa_ev.model.response", "from csmoifsa import CSMOIFSA"),
        ("csmoifsa_ev.model.response", "from csmoifsa_ev.study.study import price"),
        ("csmoifsa_ev.model.response", "from csmoifsa_zdt.kernels import evaluate"),
        ("csmoifsa_ev.model.response", "from numba import njit"),
        ("csmoifsa_ev.cli", "from csmoifsa_app.server import serve"),
        ("csmoifsa_app.fields", "from csmoifsa_app.studies import Studies"),
        ("csmoifsa_app.jobs", "from csmoifsa_zdt import PROBLEMS"),
        ("csmoifsa_bench.execute", "from csmoifsa_bench.store import Store"),
        ("csmoifsa_bench.rivals.with_pymoo", "def f():\n    from csmoifsa_bench import campaign"),
        ("csmoifsa_bench.measure", "from csmoifsa_zdt import PROBLEMS"),
    ],
)
def test_an_arrow_that_points_up_is_seen(name, source):
    assert violations(name, imports(source, name.rpartition(".")[0]))


def test_names_of_modules():
    assert module_name(ROOT / "csmoifsa" / "engine.py") == "csmoifsa.engine"
    assert module_name(ROOT / "problems" / "csmoifsa_zdt" / "__init__.py") == "csmoifsa_zdt"
    assert len(FILES) > 15


# ---- what looking at it costs ----

LOADED = "print(sorted(set(sys.modules) & set(" + repr(sorted(HEAVY)) + ")), seconds)"


def cheapest(run_python, code, tries=4):
    """Return what is loaded after the code and the least CPU time that it took, in seconds."""
    program = f"import sys, time; t = time.process_time()\n{code}\nseconds = time.process_time() - t\n{LOADED}"
    best, loaded = float("inf"), ""
    for _ in range(tries):  # other processes slow a run down, nothing makes it faster
        done = run_python(program)
        assert done.code == 0, done.err
        loaded, _, seconds = done.out.strip().splitlines()[-1].rpartition(" ")
        best = min(best, float(seconds))
    return loaded, best


def test_importing_the_package_loads_nothing_heavy(run_python):
    loaded, seconds = cheapest(run_python, "import csmoifsa; dir(csmoifsa); csmoifsa.__version__")
    assert loaded == "[]"
    assert seconds < 0.1


def test_help_loads_nothing_heavy(run_python):
    code = (
        "sys.argv = ['csmoifsa', '--help']\nfrom csmoifsa.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code"
    )
    loaded, seconds = cheapest(run_python, code)
    _, least = cheapest(run_python, "import typer, typer.core, typer.rich_utils, rich.console")
    assert loaded == "[]"
    assert seconds < 2.0 * least  # whatever the machine: without typer and rich there is no help


def test_listing_the_problems_names_needs_no_compiler(run_python):
    loaded, _ = cheapest(run_python, "import csmoifsa; csmoifsa.problem_names()", tries=1)
    assert loaded == "[]"
