"""Settings beside the defaults: pairs share problem, start and seed, and equal settings have equal fronts."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from csmoifsa_bench.suite import load_suite

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "perf" / "setting.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("perf_setting", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pairs_differ_by_the_setting_alone(script):
    suite = load_suite("zdt-rotated").narrowed(runs=3, problems=["zdt1-rotated"])
    pairs = script.pairs_of(suite, {"n_active": 5}, 2)
    assert [one.repetition for one, _ in pairs] == [2, 3]
    for one, other in pairs:
        assert (one.settings, other.settings) == ({}, {"n_active": 5})
        assert (one.seed, one.start_seed, one.problem_params) == (other.seed, other.start_seed, other.problem_params)


@pytest.mark.parametrize(("changed", "same"), [({"n_active": 8}, True), ({"n_active": 3}, False)])
def test_equal_settings_make_equal_fronts(script, changed, same):
    suite = load_suite("zdt").narrowed(runs=1, budget=600, problems=["zdt1"])
    rows = script.compared(script.pairs_of(suite, changed, 1)[0])
    assert rows[-1]["stop"] == 600
    assert rows[-1]["same"] is same
    assert (rows[-1]["default"] == rows[-1]["changed"]) is same


def test_fronts_that_are_far_away_are_told_apart_by_one_another(script):
    near, far = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[9.0, 10.0], [10.0, 9.0]])
    assert script.volumes([near, near + 0.01], near)[0] > script.volumes([near, near + 0.01], near)[1] > 0
    better, worse = script.volumes([far, far + 0.05], near)
    assert better > worse > 0
    assert script.volumes([far, np.empty((0, 2))], np.empty((0, 2)))[1] == 0.0
    assert script.volumes([np.empty((0, 2))] * 2, near) == [0.0, 0.0]


def test_summary_counts_won_lost_and_same(script):
    rows = pd.DataFrame({"problem": list("abcd"), "default": [1.0, 2, 3, 4], "changed": [0.5, 2.25, 3, 4]})
    rows = rows.assign(same=[False, False, True, True], feasible=True, feasible_changed=[True, True, True, False])
    found = script.summary(rows)
    assert (found["pairs"], found["won - lost"], found["same"]) == (4, "1 - 1", 2)
    assert (found["largest loss"], found["largest gain"]) == ("0.25 (b)", "0.5 (a)")
    assert (found["p"], found["feasible"]) == ("", "4 and 3")


def test_command_prints_the_table(script, monkeypatch, capsys):
    changed = ["--setting", "n_active=3"]
    monkeypatch.setattr(
        sys, "argv", ["setting.py", "zdt", "--problem", "zdt2", "--runs", "1", "--budget", "300", *changed]
    )
    script.main()
    text = capsys.readouterr().out
    assert "the defaults against n_active = 3" in text
    assert "zdt2" in text
