"""RE and CRE: values of another library, values worked by hand, and how constraints and discrete variables are kept."""

import math
from importlib import import_module

import numpy as np
import pytest

import csmoifsa_re
from csmoifsa import load_problem
from csmoifsa_bench.suite import load_suite

RE = [name for name in csmoifsa_re.PROBLEMS if name.startswith("re")]
TWINS = {"cre21": 31, "cre22": 32, "cre23": 33, "cre24": 35, "cre25": 36, "cre31": 41, "cre32": 42, "cre51": 61}
N_CONSTRAINTS = dict(zip(TWINS, (3, 4, 4, 11, 1, 10, 9, 7), strict=True))


def values(name, X):
    problem = load_problem(name)
    out = problem.evaluate(np.atleast_2d(np.array(X, float)), return_values_of=["F", "G"], return_as_dictionary=True)
    return out["F"], out["G"]


def sample(problem, n=200):
    return np.random.default_rng(3).uniform(problem.xl, problem.xu, (n, problem.n_var))


# ---- another library ----


def of_jmetal(number, X, n_obj):
    """Return jMetalPy's objectives (n, n_obj) of the candidates."""
    try:
        module = import_module("jmetal.problem.multiobjective.re")
        solution_of = import_module("jmetal.core.solution").FloatSolution
    except ImportError:
        pytest.skip("jmetalpy of the extra 'peers' is not installed")
    problem = getattr(module, f"RE{number}")()
    if number == 91:  # its random variables at their means
        problem.random.gauss = lambda mean, deviation: mean
    rows = []
    for x in X:
        solution = solution_of(list(problem.lower_bound), list(problem.upper_bound), n_obj, 0)
        solution.variables = [*x.tolist(), *([0.0] * 4 if number == 91 else [])]
        rows.append([float(f) for f in problem.evaluate(solution).objectives])
    return np.array(rows)


@pytest.mark.parametrize("number", [21, 22, 24, 25, 31, 32, 34, 35, 36, 37, 91])
def test_values_are_those_of_jmetalpy(number):
    problem = load_problem(f"re{number}")
    X = sample(problem)
    np.testing.assert_allclose(problem.evaluate(X), of_jmetal(number, X, problem.n_obj), rtol=1e-9, atol=1e-6)


def test_pressure_vessel_is_jmetalpy_s_in_inches():
    """JMetalPy takes the thickness in inches and rounds it to sixteenths; the paper's variable counts sixteenths."""
    problem = load_problem("re23")
    X = sample(problem)
    inches = X * [0.0625, 0.0625, 1, 1]
    np.testing.assert_allclose(problem.evaluate(X), of_jmetal(23, inches, 2), rtol=1e-12, atol=1e-6)


def test_disc_brake_is_jmetalpy_s_but_for_its_pi():
    """The source prints 3.14 in the second margin, jMetalPy has pi."""
    problem = load_problem("re33")
    X = sample(problem)
    theirs = of_jmetal(33, X, 3)
    F, G = values("cre23", X)
    np.testing.assert_allclose(F, theirs[:, :2], rtol=1e-12)
    G[:, 1] = (G[:, 1] + 0.4) * 3.14 / math.pi - 0.4
    np.testing.assert_allclose(np.maximum(G, 0).sum(axis=1), theirs[:, 2], rtol=1e-9)


@pytest.mark.parametrize(("number", "name"), [(41, "cre31"), (42, "cre32"), (61, "cre51")])
def test_margins_are_those_of_jmetalpy_which_adds_up_the_satisfied_ones(number, name):
    problem = load_problem(name)
    X = sample(problem)
    if number == 41:  # jMetalPy rounds these real variables; whole numbers stay, some outside the bounds
        X = np.random.default_rng(3).integers(0, 3, X.shape).astype(float)
    F, G = values(name, X)
    theirs = of_jmetal(number, X, problem.n_obj + 1)
    np.testing.assert_allclose(F, theirs[:, :-1], rtol=1e-12)
    np.testing.assert_allclose(np.maximum(-G, 0).sum(axis=1), theirs[:, -1], rtol=1e-12)


# ---- by hand ----


@pytest.mark.parametrize(
    ("name", "x", "F", "G"),
    [
        ("re21", [1, 2, 4, 1], [200 * (5 + 2 * math.sqrt(2)), 0.01 * (4 + math.sqrt(2) / 2)], []),
        ("re22", [3.05, 1, 40], [29.4 * 3.08 + 24, 180 + 7.735 * 3.08**2 - 3.08 * 40 + 36], []),
        ("re22", [3.091, 10, 40], [29.4 * 3.10 + 240, 180 + 0.7735 * 3.1**2 - 124], []),
        ("re22", [10.0, 10, 40], [29.4 * 10.27 + 240, 0], []),  # 10.0 is no area of the list
        ("re23", [16.4, 7.6, 100, 100], [6224 + 0.5 * 17781 + 316.61 + 1984, 0.93 + 0.454], []),
        ("re24", [1, 10], [1201, 0], []),
        ("re25", [9.6, 1, 0.3], [math.pi**2 * 0.307**2 * 3, None], []),
        ("re36", [12.5, 13.5, 12, 14], [abs(6.931 - 1), 14, 5.931 / 6.931 - 0.5], []),  # halves go to even numbers
        ("re37", [1, 0, 0, 0], [1.002, 0.006, 0.03], []),
        (
            "re37",
            [0, 1, 1, 1],
            [
                0.692 - 0.687 - 0.08 - 0.065 + 0.0796 - 0.0257 + 0.0877 + 0.00156 + 0.00198 + 0.0184,
                0.153 + 0.396 + 0.424 + 0.0226 - 0.0701 + 0.179 + 0.015 + 0.0296 + 0.0752 + 0.0192,
                0.37 + 0.0307 + 0.108 + 1.019 + 0.0998 - 0.0301 - 0.226 - 0.0497 - 0.423 - 0.245 + 0.281,
            ],
            [],
        ),
        ("re34", [1, 1, 1, 1, 1], [1661.7078225, 8.3046, 0.0708], []),
        (
            "re91",
            [1, 1, 1, 1, 1, 1, 1],
            [29.02001, *[None] * 5, 4.03 / 4, 9.23325 / 9.9, 15.118 / 15.7],
            [],
        ),
        (
            "cre21",
            [1, 1, 3],
            [5 + math.sqrt(10), 100 / 3],
            [4.9 + math.sqrt(10), 100 / 3 - 1e5, 80 / 3 * math.sqrt(10) - 1e5],
        ),
        (
            "cre22",  # (h + t) / 2 = 4 and l / 2 = 3: the arm is 5
            [1, 6, 7, 2],
            [1.10471 * 6 + 0.04811 * 14 * 20, 4 * 6000 * 14**3 / (30e6 * 2 * 343)],
            [
                math.sqrt(5e5 + 1000 / math.sqrt(2) * (w := 510_000 / (228 * math.sqrt(2))) * 1.2 + w * w) - 13_600,
                6 * 6000 * 14 / 98 - 30_000,
                -1,
                6000 - 4.013 * 30e6 * 56 / 6 / 196 * (1 - 0.25 * math.sqrt(0.625)),
            ],
        ),
        (
            "cre23",
            [55, 75, 1000, 11],
            [1.274, 9.82e6 * 2600 / (11_000 * 255_500)],
            [0, 1000 / 8164 - 0.4, 2.22 * 255_500 / 6.76e6 - 1, 900 - 292.6 * 255_500 / 2600],
        ),
        ("cre25", [12.4, 12, 11.6, 12], [5.931, 12], [5.931 / 6.931 - 0.5]),
        (
            "cre51",
            [0.1, 0.1, 0.1],
            [106_780.37 * 0.2 + 61_704.67, 300, None, 572_250 * math.exp(-0.245), 25 * (139 + 494 - 80)],
            [
                *(0.139 + 0.494 - 1.08, 0.0306 + 0.1082 - 1.0986, 1230.7 + 4940.824 - 45_948.98),
                *(209.8 + 804.633 - 16_696.71, 213.8 + 788.339 - 10_705.04, 0.00417 + 172.126 - 2136.54),
                16.4 + 63.113 - 604.48,
            ],
        ),
        (
            "cre31",
            [1, 1, 1, 1, 1, 1, 1],
            [29.05001, 4.03, 0.5 * (9.23325 + 15.118)],
            [
                *(0.779_0072 - 1, None, None, 0.293832 - 0.32, 27.19031 - 32, None, 32.0095 - 32),
                *(0.03, 9.23325 - 9.9, 15.118 - 15.7),
            ],
        ),
    ],
)
def test_values_worked_by_hand(name, x, F, G):
    found_f, found_g = values(name, x)
    for found, expected in ((found_f[0], F), (found_g[0], G)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert other is None or one == pytest.approx(other, rel=1e-9, abs=1e-9)


# ---- constraints and shapes ----


@pytest.mark.parametrize("name", TWINS)
def test_the_constrained_twin_has_the_same_objectives_and_its_violations_add_up_to_the_last_of_the_other(name):
    problem, other = load_problem(name), load_problem(f"re{TWINS[name]}")
    np.testing.assert_array_equal([problem.xl, problem.xu], [other.xl, other.xu])
    X = sample(problem)
    F, G = values(name, X)
    assert G.shape[1] == N_CONSTRAINTS[name]
    np.testing.assert_allclose(np.column_stack([F, np.maximum(G, 0).sum(axis=1)]), other.evaluate(X), rtol=1e-12)


@pytest.mark.parametrize("name", csmoifsa_re.PROBLEMS)
def test_name_tells_the_number_of_objectives(name):
    problem = load_problem(name)
    assert problem.n_obj == int(name[-2])
    assert problem.name() == name
    assert problem.n_ieq_constr == 0 or name.startswith("cre")
    assert all(np.isfinite(part).all() for part in values(name, sample(problem, 1000)))


@pytest.mark.parametrize("name", TWINS)
def test_some_candidate_keeps_all_constraints(name):
    problem = load_problem(name)
    X = sample(problem, 20_000)
    if name == "cre21":
        X[0] = [0.01, 0.01, 1.5]  # light enough
    if name == "cre24":
        X[0] = [3.5, 0.7, 17, 7.3, 7.72, 3.36, 5.29]  # feasible designs are rare: near the optimum of the literature
    assert (values(name, X)[1] <= 0).all(axis=1).any()


def test_the_suite_has_them_all():
    assert [p.name for p in load_suite("re").problems] == list(csmoifsa_re.PROBLEMS)
    assert len(RE) == 16
    assert len(csmoifsa_re.PROBLEMS) == 24
