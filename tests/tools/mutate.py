"""Break the code in one place at a time and see whether the tests notice.

    python tests/tools/mutate.py                      all modules of MODULES
    python tests/tools/mutate.py statistics v2g       some of them
    python tests/tools/mutate.py dispatch --sample 100 --seed 1
    python tests/tools/mutate.py statistics --again   only those that survived last time
    python tests/tools/mutate.py v2g --list           what would be tried

A mutant is the module with one change: a comparison, an operator, a number, min for max, a returned value, a statement
left out, a condition negated. Every test that executes the changed statement runs, quickest first, until one fails:
then the mutant is killed. A mutant that does not end within its time is killed, too. What survives shows a line whose
work no test checks, or that does nothing. Changes that cannot matter stand in `equivalent_mutants.toml` with the
reason.

Each mutant runs in a fork of this process, which has imported the libraries already. Needs a system that can fork.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import pkgutil
import random
import select
import signal
import sys
import threading
import time
import tomllib
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = ROOT / "out" / "mutants"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
BAR = 0.95

_AGGREGATOR = "csmoifsa_aggregator"
_TESTS = "tests/aggregator"
_ROLLING = (
    "test_perfect_forecast_gives_one_and_no_update_gives_zero",
    "test_physics_of_a_rolled_day",
    "test_a_crash_in_the_middle_of_the_day",
    "test_steps_lost_in_a_crash_are_made_up_for",
    "test_damaged_state",
    "test_missing_and_late_prices",
    "test_a_car_that_never_came_gets_nothing",
    "test_a_late_car_with_less_in_its_battery_is_served_as_far_as_possible",
    "test_early_departures_are_served_if_announced",
    "test_measured_contents_overrule_the_model",
    "test_negative_prices_never_charge_and_discharge_at_once",
)
MODULES: dict[str, tuple[str, list[str]]] = {
    "objectives": ("csmoifsa_ev.model.objectives", ["tests/ev/test_objectives.py"]),
    "response": ("csmoifsa_ev.model.response", ["tests/ev/test_response.py"]),
    "ramp": ("csmoifsa_ev.model.ramp", ["tests/ev/test_response.py"]),
    "curves": ("csmoifsa_ev.model.curves", ["tests/ev/test_response.py", "tests/ev/test_pricing.py"]),
    "v2g": ("csmoifsa_ev.model.v2g", ["tests/ev/test_response.py"]),
    "statistics": ("csmoifsa_bench.statistics", ["tests/bench/test_statistics.py"]),
    "measure": ("csmoifsa_bench.measure", ["tests/bench/test_measure.py", "tests/bench/test_trust.py"]),
    "costs": (f"{_AGGREGATOR}.model.costs", [f"{_TESTS}/test_load_cost.py", f"{_TESTS}/test_costs.py"]),
    "supply": (
        f"{_AGGREGATOR}.solve.supply",
        [f"{_TESTS}/test_supply.py", f"{_TESTS}/test_full_program.py", f"{_TESTS}/test_costs.py"],
    ),
    "contracts": (f"{_AGGREGATOR}.solve.contracts", [f"{_TESTS}/test_contracts.py", f"{_TESTS}/test_costs.py"]),
    "dispatch": (
        f"{_AGGREGATOR}.dispatch.dispatch",
        [
            f"{_TESTS}/test_dispatch_steps.py",
            f"{_TESTS}/test_dispatch_plan.py",
            f"{_TESTS}/test_costs.py::test_rolling_keeps_the_import_limit_and_pays_the_account",
            f"{_TESTS}/test_costs.py::test_a_dispatcher_keeps_its_terms_over_a_crash",
            f"{_TESTS}/test_costs.py::test_a_dispatcher_keeps_the_import_limit_before_its_promises",
            *(f"{_TESTS}/test_rolling.py::{one}" for one in _ROLLING),
        ],
    ),
}
"""Module and the test files that are to see each of its mutants."""

_COMPARE: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_PAIRS = [("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("nanmin", "nanmax"), ("any", "all")]
_NAMES = {**dict(_PAIRS), **{b: a for a, b in _PAIRS}, "sum": "max", "mean": "sum", "cumsum": "cumprod"}


@dataclass(frozen=True)
class Mutant:
    """One change: its name, unique in the module, the lines of the changed statement, and the changed code."""

    name: str
    lines: range
    inside: bool  # a function: runs only when called
    tree: ast.Module


def changes_of(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST | None]]]:
    """Yield how a node can be changed: a kind, and what makes the changed node of a copy (None to leave it out)."""
    if isinstance(node, ast.Compare):
        for k, old in enumerate(node.ops):
            for new in _COMPARE[type(old)]:
                yield "compare", lambda n, k=k, new=new: _with(n, ops=[*n.ops[:k], new(), *n.ops[k + 1 :]])
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _BINARY:
        yield "operator", lambda n: _with(n, op=_BINARY[type(n.op)]())
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield "sign", lambda n: n.operand
    elif isinstance(node, ast.BoolOp):
        yield "boolean", lambda n: _with(n, op=ast.Or() if isinstance(n.op, ast.And) else ast.And())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "constant", lambda n: ast.Constant(not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield "constant", lambda n: ast.Constant(n.value + 1)
        if isinstance(node.value, float) and abs(node.value) > 1e-3:  # tolerances may be half as large again
            yield "constant", lambda n: ast.Constant(n.value * 1.5)
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        yield "name", lambda n: _with(n, attr=_NAMES[n.attr])
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _NAMES:
        yield "name", lambda n: _with(n, id=_NAMES[n.id])
    elif isinstance(node, ast.Return) and node.value is not None and not _is_constant(node.value):
        yield "return", lambda n: _with(n, value=ast.Constant(None))
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not _negated_elsewhere(node.test):
        yield "negate", lambda n: _with(n, test=ast.UnaryOp(ast.Not(), n.test))
    elif isinstance(node, ast.comprehension) and node.ifs and not _negated_elsewhere(node.ifs[0]):
        yield "negate", lambda n: _with(n, ifs=[ast.UnaryOp(ast.Not(), n.ifs[0]), *n.ifs[1:]])
    if _can_go(node):
        yield "drop", lambda n: ast.Pass()


def _negated_elsewhere(test: ast.AST) -> bool:
    """Tell whether the negation of a condition is among the changes of the condition itself."""
    return (isinstance(test, ast.Compare) and len(test.ops) == 1) or isinstance(test, ast.UnaryOp)


def _can_go(node: ast.AST) -> bool:
    """Tell whether a statement can be left out; an assignment to a name cannot, it would be missing."""
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, ast.AugAssign | ast.Raise | ast.Continue | ast.Break)


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _with(node: Any, **fields: Any) -> Any:
    return type(node)(**{**{name: getattr(node, name) for name in node._fields}, **fields})


def mutants_of(source: str) -> list[Mutant]:
    """Return all mutants of a module's source; asserts, annotations and words are left as they are."""
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    tree = ast.parse(source)
    for path, node, where, span in _places(tree):
        for kind, change in changes_of(node):
            copy = ast.parse(source)
            new = ast.copy_location(change(_at(copy, path)), node)
            before, after = _text(node), "left out" if kind == "drop" else _text(new)
            _put(copy, path, new)
            name = f"{where or 'module'}: {before} -> {after}"
            seen[name] += 1
            name += f" #{seen[name]}" if seen[name] > 1 else ""
            found.append(Mutant(name, span, bool(where), ast.fix_missing_locations(copy)))
    return found


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"{type(node).__name__.lower()} {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


Path_ = list[tuple[str, int | None]]


def _places(tree: ast.Module) -> Iterator[tuple[Path_, ast.AST, str, range]]:
    """Yield every node that may change: its path from the root, itself, its function's name, its statement's lines."""
    skipped = {"annotation", "returns", "ops", "op", "ctx", "decorator_list", "type_comment"}

    def walk(node: ast.AST, path: Path_, where: str, span: range) -> Iterator[tuple[Path_, ast.AST, str, range]]:
        if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom | ast.JoinedStr):
            return
        if isinstance(node, ast.stmt):
            header = getattr(node, "test", None) or getattr(node, "iter", None) or node
            span = range(node.lineno, (header.end_lineno or node.lineno) + 1)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}".strip(".")
        yield path, node, where if not isinstance(node, ast.ClassDef) else "", span
        for name, value in ast.iter_fields(node):
            if name in skipped:
                continue
            if isinstance(value, ast.AST):
                yield from walk(value, [*path, (name, None)], where, span)
            elif isinstance(value, list):
                for k, one in enumerate(value):
                    if isinstance(one, ast.AST):
                        yield from walk(one, [*path, (name, k)], where, span)

    yield from walk(tree, [], "", range(0))


def _at(tree: ast.AST, path: Path_) -> Any:
    node: Any = tree
    for name, k in path:
        node = getattr(node, name) if k is None else getattr(node, name)[k]
    return node


def _put(tree: ast.AST, path: Path_, new: ast.AST) -> None:
    *way, (name, k) = path
    parent = _at(tree, way)
    if k is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[k] = new


# ---- running tests in forks ----


class _Loader(importlib.machinery.SourceFileLoader):
    """Load one module from a changed tree."""

    tree: ast.Module | None = None

    def get_code(self, fullname: str) -> types.CodeType:
        assert self.tree is not None
        return compile(self.tree, self.path, "exec")


class _Finder:
    """Find the changed module before the one on disk."""

    def __init__(self, module: str, file: str, tree: ast.Module) -> None:
        self.module, self.file, self.tree = module, file, tree

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.module:
            return None
        loader = _Loader(name, self.file)
        loader.tree = self.tree
        return importlib.util.spec_from_file_location(name, self.file, loader=loader)


class _Quick:
    """Plugin: hypothesis does not shrink, since any failure will do; tests run in the order asked for."""

    def __init__(self, order: list[str] | None = None) -> None:
        self.order = order

    def pytest_collection(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile("mutants", settings(), phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.order is not None:
            place = {name: k for k, name in enumerate(self.order)}
            items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])


class _Watch:
    """Plugin: run each test in a fork of its own, so that no cache hides what it executes, and note lines and time."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> bool:
        from _pytest.runner import runtestprotocol

        def one(report: Callable[[Any], None]) -> None:
            lines: set[int] = set()

            def in_file(frame: Any, event: str, arg: Any) -> Any:
                lines.add(frame.f_lineno)
                return in_file

            def on_call(frame: Any, event: str, arg: Any) -> Any:
                return in_file(frame, event, arg) if frame.f_code.co_filename == self.file else None

            begin = time.perf_counter()
            threading.settrace(on_call)
            sys.settrace(on_call)
            reports = runtestprotocol(item, log=False, nextitem=None)
            sys.settrace(None)
            failed = [str(r.longrepr)[-2000:] for r in reports if r.failed]
            report({"lines": sorted(lines), "seconds": time.perf_counter() - begin, "failed": failed})

        _, self.tests[item.nodeid] = in_fork(one, 600.0)
        return True


def in_fork(work: Callable[[Callable[[Any], None]], int | None], limit: float) -> tuple[int | None, Any]:
    """Run ``work(report)`` in a fork; return its exit code (None if it took longer than ``limit`` s) and its report."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.setpgid(0, 0)
        code = 70
        try:
            code = work(lambda value: _write_all(write, json.dumps(value).encode())) or 0
        finally:
            os._exit(code)
    os.close(write)
    parts, end = [], time.monotonic() + limit
    while (left := end - time.monotonic()) > 0:
        if select.select([read], [], [], left)[0]:
            part = os.read(read, 1 << 16)
            if not part:
                break
            parts.append(part)
    late = left <= 0
    if late:
        os.killpg(pid, signal.SIGKILL)
    os.close(read)
    _, status = os.waitpid(pid, 0)
    text = b"".join(parts)
    return None if late else os.waitstatus_to_exitcode(status), json.loads(text) if text and not late else None


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _pytest(arguments: Iterable[str], plugins: list[Any]) -> int:
    import pytest

    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    options = ["-x", "-q", "--tb=short", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    return int(pytest.main([*options, *arguments], plugins=plugins))


def _forget(package: str) -> None:
    """Forget the package's modules, so that the changed one is imported by all; compiled kernels are kept."""
    for name in list(sys.modules):
        if name.split(".")[0] == package and not name.endswith(".kernels"):
            del sys.modules[name]


def _warm(package: str) -> None:
    """Import all that the package imports."""
    here = importlib.import_module(package)
    for info in pkgutil.walk_packages(here.__path__, f"{package}."):
        if ".rivals." not in info.name:
            importlib.import_module(info.name)
    for name in ("pytest", "hypothesis", "hypothesis.extra.numpy", "scipy.optimize", "_pytest.runner"):
        importlib.import_module(name)
    _forget(package)
    gc.collect()
    gc.freeze()  # forks share what is imported; a collection that walks through all of it would copy it each time


class Judge:
    """Decide which mutants of a module its tests see."""

    def __init__(self, module: str, files: list[str]) -> None:
        package = module.split(".")[0]
        self.module, self.package = module, package
        self.files = [file for file in files if (ROOT / file.split("::")[0]).exists()]
        spec = importlib.util.find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        self.path = spec.origin
        _warm(package)
        self.tests = self._watch()
        broken = [f"{name}: {test['failed'][0]}" for name, test in self.tests.items() if test["failed"]]
        if broken:
            raise SystemExit(f"the tests must pass before anything is broken:\n{broken[0]}")

    def _watch(self) -> dict[str, dict[str, Any]]:
        def work(report: Callable[[Any], None]) -> int:
            watch = _Watch(self.path)
            code = _pytest(self.files, [_Quick(), watch])
            report(watch.tests)
            return code

        _, tests = in_fork(work, 1800.0)
        if not tests:
            raise SystemExit(f"no test of {', '.join(self.files)} could be run")
        return tests

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Return the tests that execute a mutant's statement, quickest first; all of them where it runs on import."""
        lines = set(mutant.lines)
        chosen = [n for n, test in self.tests.items() if not mutant.inside or lines & set(test["lines"])]
        return sorted(chosen, key=lambda name: self.tests[name]["seconds"])

    def killed(self, mutant: Mutant) -> bool:
        """Tell whether a test fails, or nothing ends in time."""
        chosen = self.tests_for(mutant)
        if not chosen:
            return False

        def work(report: Callable[[Any], None]) -> int:
            sys.meta_path.insert(0, _Finder(self.module, self.path, mutant.tree))  # type: ignore[arg-type]
            files = sorted({name.split("::")[0] for name in chosen})
            return _pytest(files, [_Quick(chosen)])

        limit = 30.0 + 4.0 * sum(self.tests[name]["seconds"] for name in chosen)
        return in_fork(work, limit)[0] != 0


def judge_module(name: str, options: argparse.Namespace) -> float:
    """Try a module's mutants, print those that survive, and return the share killed."""
    module, files = MODULES[name]
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    every = mutants_of(Path(spec.origin).read_text(encoding="utf-8"))
    harmless = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get(name, {})
    for stale in harmless.keys() - {mutant.name for mutant in every}:
        print(f"{EQUIVALENT.name}: [{name}] has no such mutant any more: {stale}")
    tried = [mutant for mutant in every if mutant.name not in harmless]
    survivors = SURVIVORS / f"{name}.txt"
    if options.again:
        wanted = set(survivors.read_text(encoding="utf-8").splitlines())
        tried = [mutant for mutant in tried if mutant.name in wanted]
    if 0 < options.sample < len(tried):
        chosen = random.Random(options.seed).sample(range(len(tried)), options.sample)
        tried = [tried[k] for k in sorted(chosen)]
    if options.list:
        print("\n".join(mutant.name for mutant in tried))
        return 1.0
    begin = time.perf_counter()
    judge = Judge(module, files) if tried else None
    left = []
    for mutant in tried:
        assert judge is not None
        if not judge.killed(mutant):
            left.append(mutant)
            how = "" if judge.tests_for(mutant) else "   (no test executes it)"
            print(f"survived, line {mutant.lines.start}: {mutant.name}{how}", flush=True)
    SURVIVORS.mkdir(parents=True, exist_ok=True)
    survivors.write_text("".join(f"{mutant.name}\n" for mutant in left), encoding="utf-8")
    rate = 1.0 - len(left) / max(len(tried), 1)
    sample = f", {options.sample} drawn with seed {options.seed}" if len(tried) == options.sample else ""
    print(
        f"{name}: {len(tried) - len(left)} of {len(tried)} killed ({100 * rate:.1f} %){sample}; "
        f"{len(every)} mutants, {len(harmless)} of them equivalent; {time.perf_counter() - begin:.0f} s",
        flush=True,
    )
    return rate


def main() -> None:
    """Judge the modules asked for; exit with 1 where less than `BAR` of a module's mutants are killed."""
    parser = argparse.ArgumentParser(description="Break the code in one place at a time; do the tests notice?")
    parser.add_argument("modules", nargs="*", choices=[[], *MODULES], help="all where left out")
    parser.add_argument("--sample", type=int, default=0, help="try so many of each module's mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="which are drawn")
    parser.add_argument("--again", action="store_true", help="try only what survived last time")
    parser.add_argument("--list", action="store_true", help="print the mutants, try none")
    options = parser.parse_args()
    os.chdir(ROOT)
    rates = [judge_module(name, options) for name in options.modules or MODULES]
    sys.exit(int(min(rates) < BAR))


if __name__ == "__main__":
    main()
