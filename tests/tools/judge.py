"""Run the tests of a mutant, each mutant in a fork of this process, and tell whether they notice it."""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import pkgutil
import select
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mutants import Mutant

ROOT = Path(__file__).resolve().parents[2]


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
