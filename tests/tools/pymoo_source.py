"""Runs pymoo's own examples, documentation pages and tests with one of our algorithms in place of pymoo's.

pymoo installs none of them: give a folder with its source (the repository, at the version installed). Each file runs in
a process of its own, in which the multi-objective algorithms of `REPLACED` are classes of ours. Nothing of pymoo's
files is kept here.

    python tests/tools/pymoo_source.py ../pymoo --algorithm CSMOIFSA --timeout 300 examples/algorithms docs/source

The table names each file, or test, and whether it runs, fails or is skipped, and why.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

REPLACED = {  # name -> module: algorithms for which a user might take ours
    "NSGA2": "pymoo.algorithms.moo.nsga2",
    "NSGA3": "pymoo.algorithms.moo.nsga3",
    "UNSGA3": "pymoo.algorithms.moo.unsga3",
    "AGEMOEA": "pymoo.algorithms.moo.age",
    "AGEMOEA2": "pymoo.algorithms.moo.age2",
    "SMSEMOA": "pymoo.algorithms.moo.sms",
    "SPEA2": "pymoo.algorithms.moo.spea2",
    "RVEA": "pymoo.algorithms.moo.rvea",
    "CTAEA": "pymoo.algorithms.moo.ctaea",
    "MOEAD": "pymoo.algorithms.moo.moead",
}
OF_ANOTHER_KIND = ("selection", "crossover", "mutation", "survival", "mating", "n_neighbors", "prob_neighbor_mating",
                   "decomposition", "alpha", "adapt_freq")  # fmt: skip
NOT_OURS = {  # part of a message -> why the file cannot run here
    "has one objective": "one objective",
    "ModuleNotFoundError": "a package is missing",
    "ImportError": "a package is missing",
    "URLError": "it needs the network",
}
SCRIPT_FOLDERS = {"examples", "usage"}


@dataclass(frozen=True)
class Outcome:
    """What became of one file, or of one test in it: ``runs``, ``fails`` or ``skipped``, and the reason."""

    name: str
    state: str
    reason: str = ""

    @classmethod
    def of_error(cls, name: str, message: str) -> Outcome:
        """Return the outcome of a file or test that ended with this message."""
        for sign, reason in NOT_OURS.items():
            if sign in message:
                return cls(name, "skipped", f"{reason}: {message}")
        return cls(name, "fails", message)


# ------------------------------------------------------------------------------------------ within the file's process
def install(algorithm: str, note: Path) -> None:
    """Put stand-ins at the places of pymoo's algorithms; ``note`` receives which were made, with what left out."""
    import csmoifsa

    base: Any = getattr(csmoifsa, algorithm)
    made: list[dict[str, Any]] = []

    def stand_in(name: str) -> type:
        class StandIn(base):
            def __init__(self, *args: Any, **options: Any):
                directions = options.pop("ref_dirs", None)
                for value in args:
                    if isinstance(value, int):
                        options["pop_size"] = value
                    else:
                        directions = value
                if directions is not None and options.get("pop_size") is None:
                    options["pop_size"] = len(directions)
                left_out = [key for key in options if key in OF_ANOTHER_KIND]
                made.append({"name": name, "left_out": left_out})
                note.write_text(json.dumps(made))
                super().__init__(**{key: value for key, value in options.items() if key not in left_out})

        return StandIn

    for name, module in REPLACED.items():
        try:
            setattr(import_module(module), name, stand_in(name))
        except ImportError:  # an older pymoo
            continue


def code_of(path: Path) -> str:
    """Return the program of a script or of a notebook's code cells, without shell and magic lines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!", "?")))


def child(path: Path, algorithm: str, note: Path, report: Path) -> int:
    """Run one file in this process; tests write a JUnit file at ``report``."""
    install(algorithm, note)
    if path.name.startswith("test_"):
        import pytest

        return int(pytest.main(["-q", "-p", "no:cacheprovider", f"--junitxml={report}", str(path)]))
    sys.argv = [str(path)]
    exec(compile(code_of(path), str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})
    return 0


# --------------------------------------------------------------------------------------------------------- the runner
def found(source: Path, within: list[str]) -> Iterator[Path]:
    """Yield the examples, documentation pages and tests of algorithms in a source folder, or in parts of it."""
    for part in within or ["."]:
        place = source / part
        for path in sorted([place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.ipynb")]):
            folders = set(path.relative_to(source).parts[:-1])
            script = path.suffix == ".py" and folders & SCRIPT_FOLDERS
            test = path.name.startswith("test_") and "tests" in folders
            if script or test or (path.suffix == ".ipynb" and "docs" in folders):
                yield path


def run_file(path: Path, source: Path, algorithm: str, timeout: float) -> list[Outcome]:
    """Run one file in a process of its own and return what became of it, test by test for a file of tests."""
    name = str(path.relative_to(source))
    try:
        code = code_of(path)
    except (ValueError, KeyError) as error:
        return [Outcome(name, "skipped", f"it cannot be read: {error}")]
    if not any(one in code for one in REPLACED):
        return [Outcome(name, "skipped", "it names none of the algorithms replaced")]
    with tempfile.TemporaryDirectory() as folder:
        note, report = Path(folder) / "note.json", Path(folder) / "report.xml"
        command = [sys.executable, __file__, "--child", str(path), "--algorithm", algorithm, folder]
        paths = [str(source), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        try:
            done = subprocess.run(
                command, cwd=path.parent, env=environment, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return [Outcome(name, "fails", f"it takes longer than {timeout:g} s")]
        made = json.loads(note.read_text()) if note.exists() else []
        if report.exists():
            return [*tests_of(report, name)]
    last = ([line for line in done.stderr.splitlines() if line.strip()] or [""])[-1]
    if done.returncode == 0 and not made:
        return [Outcome(name, "skipped", "it makes none of the algorithms replaced")]
    left_out = sorted({key for one in made for key in one["left_out"]})
    if done.returncode == 0:
        return [Outcome(name, "runs", f"without {', '.join(left_out)}" if left_out else "")]
    return [Outcome.of_error(name, last)]


def tests_of(report: Path, name: str) -> Iterator[Outcome]:
    """Yield the outcome of each test in a JUnit file that this tool had pytest write."""
    for case in ElementTree.parse(report).iter("testcase"):
        title = f"{name}::{case.get('name')}"
        bad = next((one for one in case if one.tag in ("failure", "error")), None)
        skipped = case.find("skipped")
        if bad is not None:
            yield Outcome.of_error(title, (bad.get("message") or "no message").splitlines()[0])
        elif skipped is not None:
            yield Outcome(title, "skipped", skipped.get("message") or "")
        else:
            yield Outcome(title, "runs")


def outcomes(source: Path, within: list[str], algorithm: str, timeout: float) -> Iterator[Outcome]:
    """Yield what becomes of each file of a source folder."""
    for path in found(source, within):
        yield from run_file(path, source, algorithm, timeout)


def main() -> int:
    """Print the table; return 1 where something fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("within", nargs="*", help="parts of the source to run; all by default")
    parser.add_argument("--algorithm", default="CSMOIFSA", choices=["CSMOIFSA", "MOAFSA"])
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for each file")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child, options.algorithm, options.source / "note.json", options.source / "report.xml")
    failures = 0
    for outcome in outcomes(options.source.resolve(), options.within, options.algorithm, options.timeout):
        failures += outcome.state == "fails"
        print(f"| `{outcome.name}` | {outcome.state} | {outcome.reason} |", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
