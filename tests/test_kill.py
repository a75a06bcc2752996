"""A run that is killed without warning, again and again, ends with the very front of the run that was never killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from csmoifsa import CSMOIFSA, load_problem
from csmoifsa.checkpoint import previous

BATCH = """
from pymoo.core.problem import Problem

from csmoifsa import load_problem

INNER = load_problem("zdt1")


class Slow(Problem):
    \"\"\"ZDT1 without its compiled evaluator.\"\"\"

    def __init__(self):
        super().__init__(n_var=30, n_obj=2, xl=0.0, xu=1.0)

    def _evaluate(self, X, out, *args, **kwargs):
        out["F"] = INNER.evaluate(X)
"""

OWN = """
import sys
from dataclasses import dataclass

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2


@dataclass
class Settings:
    pop_size: int


class Own(NSGA2):
    \"\"\"NSGA-II that keeps its population.\"\"\"

    def __init__(self, pop_size=20, **options):
        super().__init__(pop_size=pop_size, **options)
        self.settings = Settings(pop_size)

    def save(self, path):
        np.savez(path, X=self.pop.get("X"))

    @classmethod
    def load(cls, path, problem):
        X = np.load(path)["X"]
        print("went on from", X.shape, file=sys.stderr)
        return cls(len(X), sampling=X)


class NoSettings(Own):
    def __init__(self, **options):
        super().__init__(**options)
        del self.settings
"""


def command(folder: Path, problem: str, n_eval: int, *more: str) -> list[str]:
    start = "from csmoifsa.cli import main; main()"
    asked = ["solve", problem, "--n-eval", str(n_eval), "--out", str(folder), "--no-figures", "--seed", "5"]
    return [sys.executable, "-c", start, *asked, *more]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["compiled", "batch"])
def test_killed_runs_end_with_the_same_bytes(tmp_path, kind):
    problem = "zdt4-shifted"
    if kind == "batch":
        (tmp_path / "slow.py").write_text(BATCH)
        problem = f"{tmp_path / 'slow.py'}:Slow"
    budgets = [20_000, 35_000, 50_000]  # each finished run is extended, which must not show either
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(whole, problem, budgets[-1]), check=True, capture_output=True)
    random, kills, stage = np.random.default_rng(1), 0, 0
    while stage < len(budgets):
        again = command(broken, problem, budgets[stage], "--checkpoint-every", "0", "--resume")
        process = subprocess.Popen(again, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if kills < 11:
            file, before = broken / "checkpoint.npz", time.monotonic()
            stamp = file.stat().st_mtime_ns if file.exists() else 0
            while process.poll() is None and time.monotonic() - before < 60:  # let it save something new first
                if file.exists() and file.stat().st_mtime_ns != stamp:
                    break
                time.sleep(0.002)
            time.sleep(random.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=120)
        assert process.returncode in (0, -signal.SIGKILL), err.decode()
        kills += process.returncode == -signal.SIGKILL
        stage += process.returncode == 0
    assert kills >= 10  # twenty and more over both kinds
    assert (broken / "front.csv").read_bytes() == (whole / "front.csv").read_bytes()


def test_a_kill_while_saving_leaves_a_whole_checkpoint(tmp_path):
    """Whatever moment is chosen, the file and the one before it can be read."""
    script = (
        "import sys; from csmoifsa import CSMOIFSA, load_problem\n"
        "problem = load_problem('zdt1')\n"
        "a = CSMOIFSA(pop_size=20).setup(problem, seed=1, termination=('n_gen', 10**9))\n"
        "while True:\n    a.next(); a.save(sys.argv[1])\n"
    )
    file, random = tmp_path / "run.npz", np.random.default_rng(2)
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", script, str(file)])
        while not previous(file).exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(random.uniform(0.0, 0.05))
        process.kill()
        process.wait()
        for path in (file, previous(file)):
            CSMOIFSA.load(path, load_problem("zdt1"))
        file.unlink()
        previous(file).unlink()


def test_resume_and_checkpoint_options(run_cli, tmp_path):
    small = ("--n-eval", 300, "--pop-size", 20, "--no-figures", "--json")
    done = run_cli("solve", "zdt1", *small, "--resume")
    assert (done.code, done.out) == (2, "")
    assert "--out DIR" in done.err
    done = run_cli("solve", "zdt1", *small, "--resume", "--out", tmp_path)
    assert done.code == 0
    assert "starting from the beginning" in done.err
    done = run_cli("solve", "zdt1", "--n-eval", 300, "--pop-size", 30, "--resume", "--out", tmp_path)
    assert done.code == 2
    assert "resume with the same" in done.err
    done = run_cli("solve", "zdt2", *small, "--resume", "--out", tmp_path)
    assert done.code == 2
    assert "another problem" in done.err
    front = (tmp_path / "front.csv").read_bytes()
    done = run_cli("solve", "zdt1", *small, "--resume", "--out", tmp_path)
    assert json.loads(done.out)["n_eval"] == 300  # it was finished
    assert (tmp_path / "front.csv").read_bytes() == front
    done = run_cli("solve", "zdt1", *small, "--param", "n_var=7", "--resume", "--out", tmp_path)
    assert done.code == 2
    assert "another problem" in done.err
    done = run_cli("solve", "zdt1", *small, "-a", "nsga2", "--checkpoint-every", 1, "--out", tmp_path / "other")
    assert done.code == 2
    assert "cannot be saved" in done.err
    (tmp_path / "checkpoint.npz").write_bytes(b"broken")
    done = run_cli("solve", "zdt1", *small, "--resume", "--out", tmp_path)
    assert done.code == 2
    assert "not a whole checkpoint" in done.err
    assert (tmp_path / "front.csv").exists()


def test_an_algorithm_of_another_package_with_save_and_load_is_resumed(run_cli, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    start = ("solve", "zdt1", "--n-eval", 60, "--no-figures", "--json", "--resume", "--out", tmp_path)
    own = (*start, "-a", f"{tmp_path / 'own.py'}:Own", "--pop-size")
    done = run_cli(*own, 20)
    assert done.code == 0, done.err
    assert "starting from the beginning" in done.err
    done = run_cli(*own, 20)
    assert done.code == 0, done.err
    assert "went on from (20, 30)" in done.err
    done = run_cli(*own, 30)
    assert done.code == 2
    assert "resume with the same" in done.err
    done = run_cli(*start, "-a", f"{tmp_path / 'own.py'}:NoSettings")
    assert done.code == 2
    assert "NoSettings cannot be resumed: it lacks save, load or settings" in done.err
