"""The commands, from a suite to its report."""

import json

import pytest

SUITE = """
name = "mine"
budget = 100
pop_size = 20
runs = 2
[[problems]]
name = "zdt1"
[[problems]]
name = "bnh"
[[algorithms]]
name = "csmoifsa"
[[algorithms]]
name = "nsga2"
[speed]
n_eval = 200
repeats = 1
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(SUITE)
    return tmp_path


def test_from_suite_to_report(here, run_cli):
    first = run_cli("bench", "run", "mine.toml", "--jobs", 1, "--out", "r.sqlite", "--algorithms", "nsga2", "--json")
    assert first.code == 0, first.err
    answer = json.loads(first.out)
    assert (answer["wanted"], answer["done"], answer["made_now"], answer["failed"]) == (4, 4, 4, 0)
    state = json.loads(run_cli("bench", "status", "r.sqlite", "--json").out)["suites"][0]
    assert [(a["algorithm"], a["wanted"], a["done"]) for a in state["algorithms"]] == [
        ("csmoifsa", 4, 0),
        ("nsga2", 4, 4),
    ]
    rest = run_cli("bench", "run", "mine.toml", "--jobs", 1, "--out", "r.sqlite")
    assert rest.code == 0
    assert "8 of 8 runs are in r.sqlite (4 made now" in rest.out
    assert "csmoifsa bench report r.sqlite" in rest.out
    speed = json.loads(run_cli("bench", "speed", "mine.toml", "--out", "r.sqlite", "--json").out)["speed"]
    assert [row["algorithm"] for row in speed] == ["csmoifsa", "nsga2"]
    assert speed[0]["ratio"] == 1.0
    assert 0 < speed[0]["microseconds"] < speed[1]["microseconds"]
    report = run_cli("bench", "report", "r.sqlite", "--out", "report", "--no-figures", "--json")
    assert report.code == 0, report.err
    assert json.loads(report.out)["suites"] == ["mine"]
    assert (here / "report" / "report.html").stat().st_size > 1e6
    assert "| nsga2 |" in (here / "report" / "mine.md").read_text()
    assert (here / "report" / "mine" / "speed.tex").exists()


def test_failures_end_in_code_1_and_are_listed(here, run_cli):
    (here / "bad.toml").write_text(SUITE.replace('name = "bnh"', 'name = "zdt99"'))
    answer = run_cli("bench", "run", "bad.toml", "--jobs", 1, "--out", "r.sqlite", "--runs", 1)
    assert answer.code == 1
    assert "2 runs failed; the same command tries them again" in answer.out
    assert "csmoifsa on zdt99, repetition 1: InputError" in answer.out
    assert "zdt99" in run_cli("bench", "status", "r.sqlite").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "zdtt"), "Did you mean 'zdt'"),
        (("run", "smoke", "--problems", "zdt8"), "--problems: the suite 'smoke' has no 'zdt8'"),
        (("run", "smoke", "--runs", "0"), "--runs must be at least 1"),
        (("run", "smoke", "--backend", "dsk"), "Did you mean 'dask'"),
        (("status", "none.sqlite"), "there is no results file none.sqlite"),
        (("report", "none.sqlite"), "there is no results file none.sqlite"),
        (("speed", "smoke", "--algorithms", "x"), "--algorithms"),
    ],
)
def test_wrong_input_is_one_sentence(here, run_cli, arguments, words):
    answer = run_cli("bench", *arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert words in answer.err


def test_every_command_has_help_with_an_example(run_cli):
    for command in ("suites", "run", "status", "speed", "report"):
        answer = run_cli("bench", command, "--help")
        assert answer.code == 0
        assert "Example:" in answer.out
        assert f"csmoifsa bench {command}" in answer.out


def test_suites_are_listed(run_cli):
    rows = json.loads(run_cli("bench", "suites", "--json").out)["suites"]
    zdt = next(row for row in rows if row["name"] == "zdt")
    assert zdt["algorithms"][:3] == ["CSMOIFSA", "CSMOIFSA (paper)", "MOAFSA"]
    assert zdt["runs"] == 600
    assert "zdt-shifted" in run_cli("bench", "suites").out


def test_help_of_the_group_loads_nothing_heavy(run_python):
    code = (
        "import sys\nsys.argv = ['csmoifsa', 'bench', '--help']\nfrom csmoifsa.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numba', 'pandas', 'matplotlib', 'pymoo', 'joblib', 'plotly', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    answer = run_python(code)
    assert answer.code == 0
    assert answer.err.strip().endswith("[]")
