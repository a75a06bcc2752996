"""Fronts as they came out once: a change of a single bit in the search is noticed, and must be meant.

Pinned to one platform, because ``pow`` and ``log`` of another C library may differ in the last bit; the problems use
only arithmetic and square roots, which may not. To renew after a meant change: ``python tests/engine/test_golden.py``,
and say so in the changelog.
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import pytest
from pymoo.core.problem import Problem
from pymoo.optimize import minimize

from csmoifsa import CSMOIFSA, MOAFSA, load_problem

FILE = Path(__file__).parent / "golden.json"
MAKERS = {
    "csmoifsa": lambda: CSMOIFSA(pop_size=40),
    "csmoifsa-paper": lambda: CSMOIFSA(pop_size=40, paper=True),
    "moafsa": lambda: MOAFSA(pop_size=40),
}


class Bowls(Problem):
    """Three quadratic bowls."""

    def __init__(self):
        super().__init__(n_var=4, n_obj=3, xl=-1.0, xu=2.0)

    def _evaluate(self, X, out, *args, **kwargs):
        first, last = X[:, 0], X[:, 3]
        rest = X[:, 1] * X[:, 1] + X[:, 2] * X[:, 2]
        out["F"] = np.column_stack(
            [first * first + rest, (first - 1.0) * (first - 1.0) + rest, (last - 1.0) ** 2 + rest]
        )


PROBLEMS = {"zdt1-shifted": lambda: load_problem("zdt1-shifted"), "bnh": lambda: load_problem("bnh"), "bowls": Bowls}


def fingerprint(name: str, problem: str) -> dict[str, object]:
    """Return what a short run gives: size, extremes to look at, and a hash of every bit."""
    F = minimize(PROBLEMS[problem](), MAKERS[name](), ("n_eval", 1500), seed=11).F
    return {"points": len(F), "least": F.min(axis=0).tolist(), "bits": hashlib.sha256(F.tobytes()).hexdigest()}


def here() -> str:
    return f"{platform.system()}-{platform.machine()}-{'-'.join(platform.libc_ver())}"


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", MAKERS)
def test_front_is_the_golden_one(name, problem):
    golden = json.loads(FILE.read_text())
    if here() != golden["platform"]:
        pytest.skip(f"golden fronts are pinned to {golden['platform']}")
    assert fingerprint(name, problem) == golden["fronts"][f"{name} {problem}"]


if __name__ == "__main__":
    fronts = {f"{name} {problem}": fingerprint(name, problem) for name in MAKERS for problem in PROBLEMS}
    FILE.write_text(json.dumps({"platform": here(), "fronts": fronts}, indent=1) + "\n")
