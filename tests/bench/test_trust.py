"""Files from others run nothing: a marker that planted code would leave is absent unless the user says --trust."""

import json
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

from csmoifsa import npy
from csmoifsa.errors import InputError
from csmoifsa.plugins import refuse_code
from csmoifsa_bench.campaign import run_campaign
from csmoifsa_bench.cells import grid
from csmoifsa_bench.execute import execute, known_front
from csmoifsa_bench.measure import read_results
from csmoifsa_bench.store import Store
from csmoifsa_bench.suite import check_suite, load_suite

PLANTED = """
from pathlib import Path

from pymoo.problems.multi import ZDT1

Path("{marker}").write_text("this ran")


class Trap(ZDT1):
    pass


def forecast(now, known, day_ahead, past):
    return day_ahead
"""

SUITE = """
name = "gift"
budget = 40
pop_size = 20
runs = 1
[[problems]]
name = {problem}
params = {params}
[[algorithms]]
name = {algorithm}
[speed]
problem = {speed}
n_eval = 100
repeats = 1
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with planted code, which also lies there under the names of packages that are imported."""
    monkeypatch.chdir(tmp_path)
    for name in ("planted", "csmoifsa_file_planted"):  # what is loaded already would leave no marker
        monkeypatch.delitem(sys.modules, name, raising=False)
    text = PLANTED.format(marker=tmp_path / "marker")
    (tmp_path / "planted.py").write_text(text)
    for name in ("autograd", "ray", "my_bridges"):
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def plant(folder, problem="zdt1", algorithm="nsga2", speed="zdt1", params="{}"):
    words = {"problem": problem, "algorithm": algorithm, "speed": speed}
    text = SUITE.format(params=params, **{key: json.dumps(str(value)) for key, value in words.items()})
    (folder / "gift.toml").write_text(text)
    return text


def poison(path, suite, problem):
    """Write a results file whose suite names ``problem``, as a sender would: runs of zdt1 under another name."""
    honest = suite.model_copy(update={"problems": (suite.problems[0].model_copy(update={"name": "zdt1"}),)})
    with Store(path) as store:
        store.put_suite(suite)
        for cell, made in zip(grid(suite), grid(honest), strict=True):
            outcome = execute(made)
            object.__setattr__(outcome, "cell", cell)
            store.put(outcome)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM true_fronts")
    connection.commit()
    connection.close()
    assert problem in Path(path).read_bytes().decode("latin-1")


@pytest.mark.parametrize("kind", ["problem", "algorithm", "speed"])
@pytest.mark.parametrize("name", ["planted:Trap", "planted.py:Trap", "subprocess:getoutput"])
def test_a_suite_that_names_code_is_refused_before_anything_runs(here, run_cli, kind, name):
    plant(here, **{kind: name})
    for command in ("run", "speed"):
        answer = run_cli("bench", command, "gift.toml", "--out", "r.sqlite")
        assert answer.code == 2
        assert answer.err.count("\n") == 1
        assert "suite 'gift', " in answer.err
        assert repr(name) in answer.err
        assert "--trust" in answer.err
    assert not (here / "marker").exists()
    assert not (here / "r.sqlite").exists() or not Store(here / "r.sqlite", readonly=True).done("gift")


def test_nothing_is_called_with_a_files_parameters(here, run_cli):
    plant(here, problem="subprocess:getoutput", params=f'{{ cmd = "touch {here / "marker"}" }}')
    assert run_cli("bench", "run", "gift.toml", "--out", "r.sqlite", "--jobs", 1).code == 2
    assert not (here / "marker").exists()
    assert run_cli("bench", "run", "gift.toml", "--out", "r.sqlite", "--jobs", 1, "--trust").code == 1
    assert (here / "marker").exists()  # the trap works: only --trust sets it off


@pytest.mark.parametrize("name", ["planted:Trap", "planted.py:Trap"])
def test_a_poisoned_results_file_runs_nothing_in_any_command(here, run_cli, name):
    plant(here, problem=name)
    poison(here / "r.sqlite", load_suite("gift.toml"), name)
    assert run_cli("bench", "status", "r.sqlite").code == 0
    assert run_cli("bench", "suites").code == 0
    assert run_cli("list").code == 0
    report = run_cli("bench", "report", "r.sqlite", "--out", "report", "--no-figures")
    assert report.code == 0, report.err
    assert f"left out: the true front of {name}" in report.err
    assert "**Left out**: the true front" in (here / "report" / "gift.md").read_text()
    assert run_cli("bench", "run", "gift.toml", "--out", "r.sqlite").code == 2
    assert not (here / "marker").exists()
    trusted = run_cli("bench", "run", "gift.toml", "--out", "r.sqlite", "--trust", "--jobs", 1)
    assert trusted.code == 0, trusted.err
    assert (here / "marker").exists()
    (here / "marker").unlink()
    report = run_cli("bench", "report", "r.sqlite", "--out", "report", "--no-figures", "--json")
    assert json.loads(report.out)["left_out"] == []  # the trusted run has added the front
    assert not (here / "marker").exists()


def test_typed_by_the_user_it_is_trust_enough(here, run_cli):
    small = ("--n-eval", 20, "--pop-size", 20, "--json")
    assert run_cli("solve", "planted:Trap", *small).code == 0
    assert (here / "marker").exists()


def test_a_file_in_the_working_folder_takes_no_packages_place(here, run_python):
    done = run_python(
        "import os, sys\nos.chdir(sys.argv[1])\nsys.path[:] = [p for p in sys.path if p]\n"
        "sys.argv = ['csmoifsa', 'list']\nfrom csmoifsa.cli import main\nmain()",
        here,
    )
    assert done.code == 0, done.err
    assert not (here / "marker").exists()


def test_a_report_uses_the_stored_front_and_builds_no_problem(here, monkeypatch):
    suite = check_suite(
        {"name": "t", "budget": 20, "pop_size": 20, "runs": 1, "metrics": ["igd"]}
        | {"problems": [{"name": "zdt1"}], "algorithms": [{"name": "nsga2"}]}
    )
    run_campaign(suite, "r.sqlite", jobs=1)

    def refuse(*_, **__):
        raise AssertionError("a report builds a problem")

    monkeypatch.setattr("csmoifsa_bench.measure.load_problem", refuse)
    with Store("r.sqlite", readonly=True) as store:
        results = read_results(store, suite)
    assert (results.estimated, results.left_out) == (set(), [])
    np.testing.assert_array_equal(results.references["zdt1"], known_front(next(grid(suite))))


def test_registered_names_need_no_trust():
    for name in ("zdt1", "ZDT4-shifted", "ev-aggregator", "dtlz2", "no such name"):
        refuse_code("problem", name, "here")
    with pytest.raises(InputError, match=r"^here: the problem 'os:system' is code"):
        refuse_code("problem", "os:system", "here")


def changed(path, statement, *values):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999), }\n"
GIANT = b"\x93NUMPY\x01\x00" + len(HEADER).to_bytes(2, "little") + HEADER
DAMAGE = {
    "front is text": ("UPDATE fronts SET points = ?", "text"),
    "front is a pickle": ("UPDATE fronts SET points = ?", b"cos\nsystem\n(S'touch marker'\ntR."),
    "giant front": ("UPDATE fronts SET points = ?", GIANT),
    "front of words": ("UPDATE fronts SET points = ?", npy.pack(np.array([True]))),
    "front with nan": ("UPDATE fronts SET points = ?", npy.pack(np.array([[np.nan, 1.0]]))),
    "front of three": ("UPDATE fronts SET points = ?", npy.pack(np.ones((2, 3)))),
    "true front is giant": ("UPDATE true_fronts SET points = ?", GIANT),
    "true front of three": ("UPDATE true_fronts SET points = ?", npy.pack(np.ones((2, 3)))),
    "suite is no JSON": ("UPDATE suites SET definition = ?", "{"),
    "suite is deep": ("UPDATE suites SET definition = ?", "[" * 100_000),
    "suite has a long number": ("UPDATE suites SET definition = ?", '{"runs": ' + "9" * 5000 + "}"),
    "suite is a list": ("UPDATE suites SET definition = ?", "[]"),
    "suite is a number": ("UPDATE suites SET definition = ?", 5),
    "suite of another name": ("UPDATE suites SET name = ?", "../../other"),
    "seconds are words": ("UPDATE runs SET wall_seconds = ?", "long"),
    "seconds without end": ("UPDATE runs SET cpu_seconds = ?", float("inf")),
    "environment is no JSON": ("UPDATE environments SET facts = ?", "{'a'}"),
    "environment is a list": ("UPDATE environments SET facts = ?", "[]"),
    "environment holds a table": ("UPDATE environments SET facts = ?", '{"python": {"a": 1}}'),
    "speed is empty": ("INSERT INTO speeds VALUES ('t', 'nsga2', 'zdt1', 10, ?, 1, '')", "[]"),
    "speed is deep": ("INSERT INTO speeds VALUES ('t', 'nsga2', 'zdt1', 10, ?, 1, '')", "[" * 5000),
    "a view": ("CREATE VIEW more AS SELECT 1",),
    "a trigger": ("CREATE TRIGGER more AFTER INSERT ON runs BEGIN DELETE FROM runs; END",),
    "a table is missing": ("DROP TABLE speeds",),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "r.sqlite"
    suite = {"name": "t", "budget": 20, "pop_size": 20, "runs": 1, "metrics": ["igd"]}
    suite |= {"problems": [{"name": "zdt1"}], "algorithms": [{"name": "nsga2"}]}
    run_campaign(check_suite(suite), path, jobs=1)
    return path.read_bytes()


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_results_file_is_one_sentence(here, run_cli, whole, what):
    (here / "r.sqlite").write_bytes(whole)
    changed(here / "r.sqlite", *DAMAGE[what])
    answer = run_cli("bench", "report", "r.sqlite", "--out", "report", "--no-figures")
    assert answer.code == 2, answer.err
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert len(answer.err) < 500
    assert "r.sqlite" in answer.err
    assert not (here / "marker").exists()
    assert not (here / "report").exists()


def test_a_schema_that_is_no_text_is_one_sentence(here, run_cli, whole):
    (here / "r.sqlite").write_bytes(whole.replace(b"CREATE TABLE runs (", b"CREATE TABLE \xdf\xdf\xdf\xdf (("))
    answer = run_cli("bench", "status", "r.sqlite")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "r.sqlite" in answer.err


def test_environments_of_other_forms_are_shown_as_they_are(here, run_cli, whole):
    (here / "r.sqlite").write_bytes(whole)
    changed(here / "r.sqlite", "UPDATE environments SET facts = ?", "{}")
    assert run_cli("bench", "report", "r.sqlite", "--out", "report", "--no-figures").code == 0


def test_a_file_of_an_earlier_version_is_reported_and_gets_its_true_fronts(here, run_cli, whole):
    (here / "r.sqlite").write_bytes(whole)
    changed(here / "r.sqlite", "DROP TABLE true_fronts")
    with Store("r.sqlite", readonly=True) as store:
        (suite,) = store.suites()
        assert store.true_fronts() == {}
        results = read_results(store, suite)
    assert (results.estimated, results.left_out) == (set(), [])  # zdt1 is an installed package's
    run_campaign(suite, "r.sqlite", jobs=1)
    with Store("r.sqlite", readonly=True) as store:
        (front,) = store.true_fronts().values()
    np.testing.assert_array_equal(front, results.references["zdt1"])


def test_two_names_of_one_results_file_have_one_lock(here):
    from csmoifsa_bench.store import exclusive_writer

    (here / "link.sqlite").symlink_to(here / "r.sqlite")
    (here / "folder").mkdir()
    (here / "other").symlink_to(here)
    with exclusive_writer("r.sqlite"):
        for name in ("link.sqlite", "other/r.sqlite", here / "r.sqlite"):
            with pytest.raises(InputError, match="another campaign is writing"), exclusive_writer(name):
                pass
    with exclusive_writer("link.sqlite"):
        pass
