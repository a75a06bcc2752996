"""The command line from end to end: what it prints, what it writes, how it ends."""

import csv
import json
import warnings

import numpy as np
import pytest
import typer
from typer.main import get_command

from csmoifsa import CSMOIFSA, MOAFSA, __version__, cli, load_problem, plugins
from csmoifsa.errors import InputError

SMALL = ("--n-eval", 600, "--pop-size", 40)
COMPILING = "compiling for this machine, once; later runs start at once\n"
KEYS = ["problem", "algorithm", "n_eval", "seed", "n_front", "seconds", "metrics"]

HOPELESS = '''
import numpy as np
from pymoo.core.problem import Problem


class Hopeless(Problem):
    """Nothing is feasible."""

    def __init__(self):
        super().__init__(n_var=2, n_obj=2, n_ieq_constr=1, xl=0, xu=1)

    def _evaluate(self, X, out, *args, **kwargs):
        print("a line that a user's problem prints")
        out["F"], out["G"] = X, 1 + X[:, :1]
'''

KINDS = """
import numpy as np
from pymoo.core.problem import ElementwiseProblem, Problem
from pymoo.core.variable import Binary, Choice, Integer, Real


class Named(ElementwiseProblem):
    def __init__(self):
        kinds = {"on": Binary(), "n": Integer(bounds=(-3, 4)), "power": Choice(options=["low", "high"])}
        super().__init__(vars={**kinds, "z": Real(bounds=(-1.0, 2.0))}, n_obj=2)

    def _evaluate(self, x, out, *args, **kwargs):
        power = {"low": 1.0, "high": 3.0}[x["power"]]
        out["F"] = [(x["n"] - 2) ** 2 + x["z"] ** 2 + power, (x["n"] + 1) ** 2 + (x["z"] - 1) ** 2 + x["on"] - power]


class Whole(Problem):
    def __init__(self):
        super().__init__(n_var=2, n_obj=2, xl=-3, xu=3, vtype=int)

    def _evaluate(self, X, out, *args, **kwargs):
        out["F"] = np.column_stack([np.abs(X - 1.3).sum(axis=1), np.abs(X + 0.7).sum(axis=1)])
"""


def objectives_of(spec, x):
    return load_problem(spec).evaluate([x], return_values_of=["F"])[0].tolist()


def read_front(folder):
    with open(folder / "front.csv", newline="") as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, dtype=float)


# ---- solve ----


@pytest.mark.parametrize("algorithm", ["csmoifsa", "moafsa", "nsga2"])
def test_solve_writes_the_front_and_prints_one_object(run_cli, tmp_path, algorithm):
    done = run_cli("solve", "zdt1", "-a", algorithm, *SMALL, "--seed", 7, "--out", tmp_path / "new" / "o", "--json")
    assert (done.code, done.err.replace(COMPILING, "")) == (0, "")  # a fresh clone compiles, and says so
    assert done.out.count("\n") == 1
    answer = json.loads(done.out)
    assert list(answer) == KEYS
    assert list(answer["metrics"]) == ["igd", "igd_plus", "hypervolume"]
    assert answer | {"problem": "zdt1", "algorithm": algorithm, "n_eval": 600, "seed": 7} == answer

    header, rows = read_front(tmp_path / "new" / "o")
    problem = load_problem("zdt1")
    assert header == [*(f"x{i}" for i in range(1, 31)), "f1", "f2", "cv"]
    assert len(rows) == answer["n_front"] > 5
    assert (rows[:, -1] == 0).all()
    assert (np.diff(rows[:, 30]) >= 0).all()  # by rising f1
    np.testing.assert_array_equal(problem.evaluate(rows[:, :30]), rows[:, 30:32])  # nothing was rounded

    written = json.loads((tmp_path / "new" / "o" / "run.json").read_text())
    assert {key: written[key] for key in KEYS} == answer
    assert written["versions"]["csmoifsa"] == __version__
    assert (tmp_path / "new" / "o" / "front.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("algorithm", ["csmoifsa", "nsga2"])
def test_same_seed_gives_the_same_bytes(run_cli, tmp_path, algorithm):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        arguments = ("-a", algorithm, "--seed", seed, "--out", tmp_path / folder, "--no-figures")
        assert run_cli("solve", "zdt4-shifted", "--param", "seed=2", *SMALL, *arguments).code == 0
    a, b, c = ((tmp_path / folder / "front.csv").read_bytes() for folder in "abc")
    assert a == b != c
    assert not list(tmp_path.glob("*/front.png"))


def test_solve_for_people(run_cli, tmp_path):
    done = run_cli("solve", "zdt1", *SMALL, "--out", tmp_path, "--no-figures")
    assert "igd" in done.out
    assert f"Written: {tmp_path}/front.csv" in done.out
    assert "Nothing was written" in run_cli("solve", "zdt1", *SMALL).out
    assert "true front is not known" in run_cli("solve", "osy", *SMALL).out


def test_settings_and_parameters_are_heard(run_cli, tmp_path):
    options = ("--param", "n_var=5", "--set", "n_offsprings=10", "--out", tmp_path, "--no-figures")
    assert run_cli("solve", "zdt1", "-a", "nsga2", *SMALL, *options).code == 0
    written = json.loads((tmp_path / "run.json").read_text())
    assert (written["n_var"], written["settings"]) == (5, {"n_offsprings": 10})


@pytest.mark.parametrize(("problem", "n_obj"), [("dtlz2", 3), ("bnh", 2), ("wfg4", 2)])
def test_other_problems(run_cli, tmp_path, problem, n_obj):
    done = run_cli("solve", problem, *SMALL, "--out", tmp_path, "--json")
    assert done.code == 0
    assert json.loads(done.out)["metrics"]["igd"] < 1
    assert sum(name.startswith("f") for name in read_front(tmp_path)[0]) == n_obj
    assert (tmp_path / "front.png").exists()


def test_five_objectives_are_drawn_too(run_cli, tmp_path):
    done = run_cli("solve", "dtlz2", "--param", "n_obj=5", "--param", "n_var=14", *SMALL, "--out", tmp_path)
    assert done.code == 0
    assert (tmp_path / "front.png").stat().st_size > 10_000


@pytest.mark.parametrize("algorithm", ["csmoifsa", "moafsa"])
def test_variables_of_every_kind_are_written_as_the_problem_takes_them(run_cli, tmp_path, algorithm):
    (tmp_path / "kinds.py").write_text(KINDS)
    asked = ["-a", algorithm, "-n", 300, "-p", 20, "--out", tmp_path / "o", "--no-figures", "--resume"]
    assert run_cli("solve", f"{tmp_path}/kinds.py:Named", *asked, "--checkpoint-every", 0).code == 0
    text = (tmp_path / "o" / "front.csv").read_text()
    assert run_cli("solve", f"{tmp_path}/kinds.py:Named", *asked).code == 0  # from the checkpoint: nothing left to do
    assert (tmp_path / "o" / "front.csv").read_text() == text
    names, *rows = csv.reader(text.splitlines())
    assert names == ["on", "n", "power", "z", "f1", "f2", "cv"]
    keys = []
    for on, n, power, z, f1, f2, cv in rows:
        x = {"on": {"True": True, "False": False}[on], "n": int(n), "power": power, "z": float(z)}
        assert objectives_of(f"{tmp_path}/kinds.py:Named", x) == [float(f1), float(f2)]
        assert cv == "0.0"
        keys.append((float(f1), float(f2), x["on"], x["n"]))
    assert keys == sorted(keys)
    assert len(keys) > 3

    assert run_cli("solve", f"{tmp_path}/kinds.py:Whole", *asked[:6], "--out", tmp_path / "w", "--no-figures").code == 0
    names, *rows = csv.reader((tmp_path / "w" / "front.csv").read_text().splitlines())
    assert names == ["x1", "x2", "f1", "f2", "cv"]
    assert all(-3 <= int(value) <= 3 for row in rows for value in row[:2])


@pytest.mark.parametrize(("name", "words"), [("Named", "cannot run on the named"), ("Whole", "returned fractions")])
def test_an_algorithm_for_real_numbers_is_refused_for_others(run_cli, tmp_path, name, words):
    (tmp_path / "kinds.py").write_text(KINDS)
    done = run_cli("solve", f"{tmp_path}/kinds.py:{name}", "-a", "nsga2", *SMALL, "--out", tmp_path / "o")
    assert done.code == 2
    assert words in done.err
    assert not (tmp_path / "o" / "front.csv").exists()


def test_nothing_feasible_is_said_and_ends_with_1(run_cli, tmp_path):
    (tmp_path / "hopeless.py").write_text(HOPELESS)
    spec = f"{tmp_path}/hopeless.py:Hopeless"
    done = run_cli("solve", spec, *SMALL, "--out", tmp_path / "o", "--json", "--no-figures")
    assert done.code == 1
    assert "no feasible point in 600 evaluations; the least total violation is 1" in done.err
    answer = json.loads(done.out)  # what the problem prints went to stderr
    assert answer["n_front"] == 0
    assert set(answer["metrics"].values()) == {None}
    rows = read_front(tmp_path / "o")[1]
    assert (rows[:, -1] > 0).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["solve", "zdt9"], "there is no problem 'zdt9'. Did you mean 'zdt"),
        (["solve", "zdt5"], "would return fractions"),
        (["solve", "zdt1", "-a", "nsga"], "there is no algorithm 'nsga'. Did you mean 'nsga"),
        (["solve", "zdt1", "--set", "n_offsprings"], "--set takes NAME=VALUE, got 'n_offsprings'"),
        (["solve", "zdt1", "--set", "a=1", "--set", "a=2"], "--set a is given twice"),
        (["solve", "zdt1", "--set", "nothing=1"], "nothing"),
        (["solve", "zdt1", "--param", "n_var=1"], "n_var must be a whole number of at least 2, got 1"),
        (["solve", "zdt1", "--n-eval", "0"], "--n-eval"),
        (["solve", "zdt1", "--n-eval", "many"], "--n-eval"),
        (["solve", "zdt1", "--seed", "-1"], "--seed"),
        (["solve", "zdt1", "--nonsense"], "--nonsense"),
        (["solve"], "problem"),
        (["slove"], "slove"),
        (["solve", "sphere"], "objective"),
        (["solve", "bnh", "-a", "moead"], "constraints"),
        (["solve", "zdt1", "-n", "40", "-p", "20", "--out", "{file}"], "cannot create the folder"),
    ],
)
def test_wrong_input_ends_with_2_and_one_sentence(run_cli, tmp_path, arguments, says):
    (tmp_path / "file").touch()
    done = run_cli(*(a.format(file=tmp_path / "file") for a in arguments))
    assert done.code == 2
    assert done.out == ""
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2", -2),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("False", False),
        ("none", None),
        ("a=b", "a=b"),
    ],
)
def test_values_of_settings(text, value):
    parsed = cli.parse_settings("--set", [f"name={text}"])["name"]
    assert parsed == value
    assert type(parsed) is type(value)


# ---- list, warmup, help ----


def test_list(run_cli):
    listed = json.loads(run_cli("list", "--json").out)
    problems = {row["name"]: row for row in listed["problems"]}
    assert problems["zdt1"] == {
        "name": "zdt1",
        "n_var": 30,
        "n_obj": 2,
        "n_constr": 0,
        "description": "Convex front",
    }
    assert "csmoifsa" in listed["algorithms"]
    text = run_cli("list").out
    for word in ("zdt4-rotated", "nsga2", "dtlz2"):
        assert word in text


def test_warmup(run_cli):
    done = run_cli("warmup", "--json")
    answer = json.loads(done.out)
    assert done.code == 0
    assert answer["seconds"] >= sum(answer["parts"].values()) - 0.1
    assert "Ready in" in run_cli("warmup").out


def all_commands(command, path=()):
    children = command.list_commands(None) if hasattr(command, "list_commands") else []
    if not children:
        yield path
    for name in children:
        context = typer.Context(command)
        yield from all_commands(command.get_command(context, name), (*path, name))


def test_every_command_has_help_with_an_example(run_cli):
    paths = list(all_commands(get_command(cli.app)))
    assert {("solve",), ("list",), ("warmup",), ("ev", "price")} <= set(paths)
    for path in paths:
        done = run_cli(*path, "--help")
        assert done.code == 0
        assert f"csmoifsa {' '.join(path)}" in done.out.partition("Example")[2], path


def test_help_names_the_commands_of_plugins_and_survives_a_broken_one(run_cli, monkeypatch):
    assert " ev " in run_cli("--help").out
    registered = plugins._registered

    def broken(group):
        found, sentences = registered(group)
        return (found | {"bad": ("no_such_module:app", "bad-plugin")} if "commands" in group else found), sentences

    monkeypatch.setattr(plugins, "_registered", broken)
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as for a user
        done = run_cli("--help")
    assert done.code == 0
    assert "warning: command 'bad' of plugin 'bad-plugin' cannot be loaded" in done.err
    assert "solve" in done.out
    done = run_cli("bad")
    assert done.code == 2
    assert "cannot be loaded" in done.err


def test_version(run_cli):
    assert run_cli("--version").out.strip() == __version__


# ---- the library function below it ----


def test_runs_do_not_change_what_they_are_given():
    from csmoifsa import runs

    problem = load_problem("zdt1")
    for algorithm in (CSMOIFSA(pop_size=20), MOAFSA(pop_size=20)):
        first, second = (runs.solve(problem, algorithm, n_eval=200, seed=3) for _ in range(2))
        np.testing.assert_array_equal(first.F, second.F)
        assert algorithm.problem is None


@pytest.mark.parametrize(("name", "value"), [("n_eval", 0), ("n_eval", 10.5), ("seed", -1), ("seed", True)])
def test_budget_and_seed_are_checked(name, value):
    from csmoifsa import runs

    with pytest.raises(InputError, match=f"{name} must be a whole number"):
        runs.solve(load_problem("zdt1"), CSMOIFSA(pop_size=20), **{name: value})
