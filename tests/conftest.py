"""What all tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

# Compiling makes first calls slow, so no deadline; the same examples each time, so that a red test stays red.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# A shell starts a background job with Ctrl-C ignored, and its children inherit that: restore it for the tests of it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_cli(capfd, monkeypatch) -> Callable[..., Answer]:
    """Return ``run(*arguments)``, which runs the command line in this process."""

    def run(*arguments: object) -> Answer:
        from csmoifsa.cli import main

        monkeypatch.setattr(sys, "argv", ["csmoifsa", *(str(a) for a in arguments)])
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        monkeypatch.setenv("COLUMNS", "200")
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture
def run_python(tmp_path) -> Callable[..., Answer]:
    """Return ``run(code, *arguments, path=())``, which runs code in a fresh interpreter outside the repository."""

    def run(code: str, *arguments: object, path: tuple[Path, ...] = ()) -> Answer:
        inherited = os.environ.get("PYTHONPATH")
        paths = [*(str(p) for p in path), *([inherited] if inherited else [])]
        environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-c", code, *(str(a) for a in arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
        return Answer(done.returncode, done.stdout, done.stderr)

    return run
