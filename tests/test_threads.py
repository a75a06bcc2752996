"""Results do not depend on how many threads a library may use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
COMMANDS = {
    "ev price": (["ev", "price", "small.toml", "--n-eval", "600", "--seed", "3", "--no-figures"], "pareto.csv"),
    "solve": (["solve", "zdt4-rotated", "--n-eval", "2000", "--seed", "3", "--no-figures"], "front.csv"),
}


@pytest.mark.parametrize("command", [pytest.param("ev price", marks=pytest.mark.long), "solve"])
def test_one_and_two_threads_write_the_same_bytes(command, tmp_path):
    (tmp_path / "small.toml").write_text('base = "paper-2022"\n[fleet]\nn_ev = 20_000\n')
    arguments, file = COMMANDS[command]
    written = []
    for threads in ("1", "2"):
        start = "from csmoifsa.cli import main; main()"
        environment = os.environ | dict.fromkeys(LIMITS, threads)
        run = [sys.executable, "-c", start, *arguments, "--out", threads]
        subprocess.run(run, cwd=tmp_path, env=environment, check=True, capture_output=True)
        written.append((tmp_path / threads / file).read_bytes())
    assert written[0] == written[1]
