"""Finding problems and algorithms by name, and what is said when they are not found."""

import hashlib
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.operators.crossover.sbx import SBX

from csmoifsa import load_problem, plugins, problem_names
from csmoifsa.errors import InputError

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"

PROBLEM = '''
import numpy as np
from pymoo.core.problem import Problem


class Bridge(Problem):
    """Weight against deflection."""

    def __init__(self, span=2.0):
        if span <= 0:
            raise ValueError("span must be positive")
        super().__init__(n_var=2, n_obj=2, xl=0.1, xu=span)

    def _evaluate(self, X, out, *args, **kwargs):
        out["F"] = np.column_stack([X.sum(axis=1), 1 / X[:, 0] + 1 / X[:, 1]])


class Anything(Problem):
    def __init__(self, **kwargs):
        super().__init__(n_var=2, n_obj=2, xl=0, xu=1, **kwargs)


def bridge(span=3.0):
    return Bridge(span)


ready = Bridge(4.0)
number = 7
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_bridge.py"
    path.write_text(PROBLEM)
    return path


def metadata(folder, name, entries):
    """Lay down what pip would have: a package's metadata with its entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)


# ---- problems ----


def test_registered_names():
    names = problem_names()
    assert names == sorted(names)
    assert {"zdt1", "zdt6-rotated", "uf1", "uf10", "ev-pricing"} <= set(names)
    assert "zdt5" not in names
    for name in names:
        assert plugins.describe(name)


def test_every_way_to_name_a_problem(file, monkeypatch):
    assert load_problem("ZDT4-shifted", seed=3).name() == "zdt4-shifted"
    assert load_problem("csmoifsa_zdt.problems:ZDT2", n_var=3).n_var == 3
    assert load_problem(f"{file}:Bridge", span=5.0).xu[0] == 5
    assert load_problem(f"{file}:bridge").xu[0] == 3
    assert load_problem(f"{file}:ready").xu[0] == 4
    monkeypatch.chdir(file.parent)
    assert load_problem("my_bridge.py:Bridge").xu[0] == 2


@pytest.mark.parametrize("name", plugins.PYMOO_PROBLEMS)
def test_problems_of_pymoo_by_name(name):
    problem = load_problem(name)
    assert problem.n_obj >= 2


@pytest.mark.parametrize("name", ["mw6", "MW11"])
def test_square_roots_of_pymoo_stay_real_at_the_upper_bound(name):
    problem = load_problem(name)
    X = np.random.default_rng(1).uniform(problem.xl, problem.xu, (5000, problem.n_var))
    X[:, 0] = problem.xu[0]
    assert np.isfinite(problem.evaluate(X, return_values_of=["F"])).all()


def test_parameters_reach_problems_of_pymoo():
    assert load_problem("dtlz2", n_var=7, n_obj=2).n_var == 7
    assert load_problem("wfg4", n_obj=3).n_var == 24


@pytest.mark.parametrize(
    ("spec", "params", "says"),
    [
        ("zdt4-shiftd", {}, "there is no problem 'zdt4-shiftd'. Did you mean 'zdt4-shifted'"),
        ("dtzl2", {}, "Did you mean 'dtlz2'"),
        ("qqqq", {}, "See them all with: csmoifsa list"),
        ("zdt1", {"nvar": 3}, "problem 'zdt1': unknown parameter 'nvar'. Did you mean 'n_var'"),
        ("zdt1", {"seed": 3}, "unknown parameter 'seed'. It takes: n_var"),
        ("dtlz2", {"n_vars": 3}, "unknown parameter 'n_vars'. Did you mean 'n_var'"),
        ("dascmop1", {}, "difficulty"),
        ("{file}:Bridge", {"span": -1}, "cannot be built with span=-1: ValueError: span must be positive"),
        ("{file}:Anything", {"colour": 1}, "unknown parameter 'colour'"),
        ("{file}:Brigde", {}, "has no Brigde. Did you mean 'Bridge' or 'bridge'"),
        ("{file}:number", {}, "is of type int, not a class or a factory"),
        ("{file}:", {}, "is not of the form"),
        ("nowhere.py:Bridge", {}, "there is no file nowhere.py"),
        ("no_such_module:Bridge", {}, "ModuleNotFoundError"),
        ("os:getcwd", {}, "is of type str, not a pymoo.core.problem.Problem"),
    ],
)
def test_what_is_wrong_is_said(file, spec, params, says):
    with pytest.raises(InputError) as caught:
        load_problem(spec.format(file=file), **params)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_with_an_error_in_it(tmp_path):
    (tmp_path / "bad.py").write_text("def f(:\n")
    with pytest.raises(InputError, match=r"cannot be loaded: SyntaxError.*line 1"):
        load_problem(f"{tmp_path}/bad.py:Bridge")
    assert "csmoifsa_file_bad" not in sys.modules


# ---- algorithms ----


def test_algorithms_by_name_and_from_a_file(tmp_path):
    problem = load_problem("zdt1")
    names = plugins.algorithm_names()
    assert {"csmoifsa", "moafsa", "nsga2", "nsga3", "moead", "spea2"} <= set(names)
    for name in names:
        algorithm = plugins.load_algorithm(name, problem=problem, pop_size=20)
        assert algorithm.pop_size == 20
    (tmp_path / "mine.py").write_text("from pymoo.algorithms.moo.nsga2 import NSGA2\nclass Mine(NSGA2): pass\n")
    mine = plugins.load_algorithm(f"{tmp_path}/mine.py:Mine", problem=problem, pop_size=30)
    assert isinstance(mine, NSGA2)
    assert mine.pop_size == 30


def test_settings_reach_algorithms():
    problem = load_problem("zdt1")
    crossover = SBX(eta=3)
    assert plugins.load_algorithm("nsga2", problem=problem, n_offsprings=7, crossover=crossover).n_offsprings == 7
    assert plugins.load_algorithm("gde3", problem=problem, CR=0.3) is not None


@pytest.mark.parametrize(
    ("spec", "settings", "says"),
    [
        ("nsga5", {}, "there is no algorithm 'nsga5'. Did you mean 'nsga"),
        ("rnsga2", {}, "needs reference points"),
        ("nsga2", {"n_offspring": 7}, "unknown parameter 'n_offspring'. Did you mean 'n_offsprings'"),
        ("nsga2", {"seed": 7}, "seed is not a setting"),
        ("nsga2", {"pop_size": 1}, "pop_size must be a whole number of at least 2, got 1"),
        ("csmoifsa", {"n_offspring": 7}, "n_offsprings"),
        ("csmoifsa", {"n_offsprings": "many"}, "n_offsprings"),
    ],
)
def test_what_is_wrong_with_an_algorithm_is_said(spec, settings, says):
    with pytest.raises(InputError) as caught:
        plugins.load_algorithm(spec, problem=load_problem("zdt1"), **settings)
    assert says in str(caught.value)


@pytest.mark.parametrize(("n_obj", "n_points"), [(2, 100), (3, 91), (3, 12), (5, 15)])
def test_reference_directions_have_exactly_the_size_asked_for(n_obj, n_points):
    directions = plugins.reference_directions(n_obj, n_points)
    assert directions.shape == (n_points, n_obj)
    np.testing.assert_allclose(directions.sum(axis=1), 1, atol=1e-9)
    directions[:] = 0  # what one caller does to its directions must not reach the next
    np.testing.assert_allclose(plugins.reference_directions(n_obj, n_points).sum(axis=1), 1, atol=1e-9)


# ---- packages ----


def test_a_broken_package_costs_a_warning_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "fine_plugin.py").write_text(
        'PROBLEMS = {"late": "fine_plugin_missing:X", "zdt1": "os:getcwd", "good": "csmoifsa_zdt.problems:ZDT1"}'
    )
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('out of order')")
    (tmp_path / "odd_plugin.py").write_text("PROBLEMS = ['a', 'b']")
    for name in ("broken", "fine", "odd"):
        metadata(tmp_path, f"{name}-plugin", f"[csmoifsa.problems]\n{name} = {name}_plugin:PROBLEMS\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.warns(RuntimeWarning) as seen:
        assert load_problem("good").n_var == 30
    sentences = "\n".join(str(w.message) for w in seen)
    assert "plugin 'broken-plugin' cannot be loaded: RuntimeError: out of order" in sentences
    assert "plugin 'odd-plugin'" in sentences
    assert "'zdt1' is ignored, 'csmoifsa' has one of that name" in sentences
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(InputError, match="'late' of plugin 'fine-plugin' cannot be loaded"),
    ):
        load_problem("late")
    with pytest.warns(RuntimeWarning), pytest.raises(InputError, match="Note: plugin 'broken-plugin'"):
        load_problem("from_the_broken_one")
    with pytest.warns(RuntimeWarning):
        assert load_problem("zdt1").name() == "zdt1"


def make_wheel(folder, name, sources, entries):
    """Zip a wheel by hand, so that installing it needs no build tool and no network."""
    info = f"{name}-1.0.dist-info"
    files = dict(sources)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = entries
    record = []
    for path, text in files.items():
        digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def fenced(language, marker):
    """Return the block of CONTRIBUTING.md in that language which holds the marker."""
    blocks = CONTRIBUTING.read_text(encoding="utf-8").split("```")[1::2]
    return next(b.partition("\n")[2] for b in blocks if b.startswith(language) and marker in b)


def test_the_package_of_the_contributing_guide_is_installed_and_solved_by_name(tmp_path, run_python):
    import tomllib

    project = tomllib.loads(fenced("toml", "[project]"))["project"]
    points = project["entry-points"]["csmoifsa.problems"]
    entries = "[csmoifsa.problems]\n" + "".join(f"{k} = {v}\n" for k, v in points.items())
    sources = {
        "my_bridges/__init__.py": fenced("python", "PROBLEMS"),
        "my_bridges/bridge.py": fenced("python", "class Bridge"),
    }
    wheel, target = make_wheel(tmp_path, "my_bridges", sources, entries), tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    subprocess.run([*install, "--disable-pip-version-check", "--target", target, wheel], check=True)

    solve = "import sys; from csmoifsa.cli import main; sys.argv[0] = 'csmoifsa'; main()"
    arguments = ["solve", "bridge", "--n-eval", 600, "--param", "span=3", "--out", tmp_path / "out", "--no-figures"]
    run_python(solve, "warmup")  # so that no note on compiling is printed
    done = run_python(solve, *arguments, path=(target,))
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "out" / "front.csv").read_text().startswith("x1,x2,f1,f2,cv\n")
    done = run_python(solve, "list", path=(target,))
    assert "bridge" in done.out
    assert run_python(solve, "solve", "bridge").code == 2  # and it is the package that brought it
