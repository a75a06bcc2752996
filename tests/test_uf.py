"""UF1-10: values by hand, against a plain twin and against pygmo; fronts against what the Pareto set gives."""

import math
from importlib import import_module

import moocore
import numpy as np
import pytest
from scipy.spatial import cKDTree

from csmoifsa import load_problem
from csmoifsa.errors import InputError
from csmoifsa.fronts import true_front

NUMBERS = range(1, 11)
TWO, THREE = range(1, 8), range(8, 11)
H = math.sqrt(0.5)


@pytest.fixture
def random():
    return np.random.default_rng(5)


# ---- the slow, plain twin: the report's formulas one after the other, variables counted from 1 ----


def optimal_place(number, j, x, n):
    if number in (8, 9, 10):
        return 2 * x[2] * math.sin(2 * math.pi * x[1] + j * math.pi / n)
    if number == 3:
        return x[1] ** (0.5 * (1.0 + 3 * (j - 2) / (n - 2)))
    if number == 2:
        swing = 0.3 * x[1] ** 2 * math.cos(24 * math.pi * x[1] + 4 * j * math.pi / n) + 0.6 * x[1]
        wave = math.cos if j % 2 == 1 else math.sin
        return swing * wave(6 * math.pi * x[1] + j * math.pi / n)
    return math.sin(6 * math.pi * x[1] + j * math.pi / n)


def added(number, y, J):
    """Return what the distances y[j], j in J, add to an objective."""
    if number in (3, 6):
        product = math.prod(math.cos(20 * y[j] * math.pi / math.sqrt(j)) for j in J)
        return 2 / len(J) * (4 * sum(y[j] ** 2 for j in J) - 2 * product + 2)
    h = {
        4: lambda t: abs(t) / (1 + math.exp(2 * abs(t))),
        5: lambda t: 2 * t**2 - math.cos(4 * math.pi * t) + 1,
        10: lambda t: 4 * t**2 - math.cos(8 * math.pi * t) + 1,
    }.get(number, lambda t: t**2)
    return 2 / len(J) * sum(h(y[j]) for j in J)


def on_the_set(number, x1, x2):
    """Return the objectives where all distances are zero."""
    if number in (8, 10):
        a, b = x1 * math.pi / 2, x2 * math.pi / 2
        return [math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)]
    if number == 9:
        hill = max(0, (1 + 0.1) * (1 - 4 * (2 * x1 - 1) ** 2))
        return [0.5 * (hill + 2 * x1) * x2, 0.5 * (hill - 2 * x1 + 2) * x2, 1 - x2]
    hill = {
        5: (1 / 20 + 0.1) * abs(math.sin(20 * math.pi * x1)),
        6: max(0, 2 * (1 / 4 + 0.1) * math.sin(4 * math.pi * x1)),
    }.get(number, 0.0)
    first = x1**0.2 if number == 7 else x1
    second = {1: math.sqrt(x1), 2: math.sqrt(x1), 3: math.sqrt(x1), 4: x1**2}.get(number, first)
    return [first + hill, 1 - second + hill]


def plain(number, candidate):
    n, x = len(candidate), [None, *(float(v) for v in candidate)]
    m = 3 if number >= 8 else 2
    y = {j: x[j] - optimal_place(number, j, x, n) for j in range(m, n + 1)}
    if m == 2:
        parts = [[j for j in y if j % 2 == 1], [j for j in y if j % 2 == 0]]
    else:
        parts = [[j for j in y if (j - 1) % 3 == 0], [j for j in y if (j - 2) % 3 == 0], [j for j in y if j % 3 == 0]]
    return [f + added(number, y, J) for f, J in zip(on_the_set(number, x[1], x[2]), parts, strict=True)]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("n_var", [None, 5, 6, 31])
def test_values_are_those_of_the_plain_twin(number, n_var, random):
    problem = load_problem(f"uf{number}", **({} if n_var is None else {"n_var": n_var}))
    assert problem.n_var == (n_var or 30)
    X = np.vstack([random.uniform(problem.xl, problem.xu, (50, problem.n_var)), problem.xl, problem.xu])
    np.testing.assert_allclose(problem.evaluate(X), [plain(number, x) for x in X], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("n_var", [10, 30])
def test_bounds_and_values_are_those_of_pygmo(number, n_var, random):
    try:
        pygmo = import_module("pygmo")
    except ImportError:
        pytest.skip("pygmo of the extra 'peers' is not installed")
    oracle = pygmo.problem(pygmo.cec2009(prob_id=number, is_constrained=False, dim=n_var))
    problem = load_problem(f"uf{number}", n_var=n_var)
    assert problem.n_obj == oracle.get_nobj()
    np.testing.assert_array_equal([problem.xl, problem.xu], oracle.get_bounds())
    X = random.uniform(problem.xl, problem.xu, (200, n_var))
    np.testing.assert_allclose(problem.evaluate(X), [oracle.fitness(x) for x in X], rtol=1e-12)


# With n = 3 and x_1 = 1/4 the optimal place on a sine wave is sin(13 pi / 6) = 1/2 for x_2 and sin(5 pi / 2) = 1 for
# x_3; with n = 6, x_1 = 0 and x_2 = 1/2 it is 1, sqrt(3)/2, 1/2 and 0 for x_3 to x_6.
@pytest.mark.parametrize(
    ("number", "x", "expected"),
    [
        (1, [0.25, 0, 0], [0.25 + 2 * 1, 0.5 + 2 * 0.25]),
        (2, [0.25, 0, 0.5], [0.25 + 2 * 0.25, 0.5 + 2 * (0.140625 / 2) ** 2]),  # 0.3/16 cos(26 pi/3) + 0.15 = 0.140625
        (3, [0.25, 0.5, 0.0625], [0.25, 0.5]),
        (
            3,
            [0.25, 0.5 + math.sqrt(2) / 20, 0.0625],
            [0.25, 0.5 + 2 * (4 * 0.005 + 2 + 2)],
        ),  # cos(20 y pi/sqrt(2)) = -1
        (4, [0.25, 0, 0], [0.25 + 2 / (1 + math.e**2), 0.9375 + 1 / (1 + math.e)]),
        (5, [0.25, 0, 0], [0.25 + 2 * 2, 0.75 + 2 * 0.5]),  # sin(5 pi) = 0
        (5, [0.125, math.sin(17 * math.pi / 12), -H], [0.125 + 0.15, 0.875 + 0.15]),  # sin(5 pi / 2) = 1
        (6, [0.25, 0.5, 0], [0.25 + 2 * (6 - 2 * math.cos(20 * math.pi / math.sqrt(3))), 0.75]),
        (6, [0.125, math.sin(17 * math.pi / 12), -H], [0.125 + 0.7, 0.875 + 0.7]),
        (
            7,
            [1 / 32, math.sin(3 * math.pi / 16 + 2 * math.pi / 3), 0],
            [0.5 + 2 * math.sin(3 * math.pi / 16) ** 2, 0.5],
        ),
        (8, [0, 0.5, 0, 0, 0, 0], [H + 2 * 0.75, H + 2 * 0.25, 0 + 1]),
        (9, [0, 0.5, 0, 0, 0, 0], [0 + 1.5, 0.5 + 0.5, 0.5 + 1]),
        (9, [0.5, 0.5, -1, -math.sqrt(0.75), -0.5, 0], [0.525, 0.525, 0.5]),  # the hill between the parts, 1.1
        (10, [0, 0.5, 0, 0, 0, 0], [H + 2 * (4 - math.cos(math.sqrt(48) * math.pi)), H + 2 * 1, 4]),
    ],
)
def test_values_worked_by_hand(number, x, expected):
    found = load_problem(f"uf{number}", n_var=len(x)).evaluate(np.array(x, dtype=float))
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("number", NUMBERS)
def test_bounds(number):
    problem = load_problem(f"uf{number}", n_var=6)
    assert problem.n_obj == (3 if number in THREE else 2)
    reach = {3: [0.0, 1.0], 4: [-2.0, 2.0]}.get(number, [-2.0, 2.0] if number in THREE else [-1.0, 1.0])
    first = problem.n_obj - 1
    bounds = np.column_stack([problem.xl, problem.xu])
    np.testing.assert_array_equal(bounds, [[0.0, 1.0]] * first + [reach] * (6 - first))


# ---- fronts ----


def size(number, n_points):
    if number == 5:
        return 21
    if number in TWO:
        return n_points
    # the triangular numbers; for UF9 the points that remain in lattices of 4, 8, ..., 64 a side
    return {8: {1: 3, 7: 10, 1000: 1035}, 9: {1: 11, 7: 11, 1000: 1121}}[9 if number == 9 else 8][n_points]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("n_points", [1, 7, 1000])
def test_front_is_reached_exactly_by_the_set_and_has_the_size_asked_for(number, n_points):
    problem = load_problem(f"uf{number}")
    X, front = problem.pareto_set(n_points), problem.pareto_front(n_points=n_points)
    assert X.shape == (size(number, n_points), problem.n_var)
    assert front.shape == (len(X), problem.n_obj)
    assert (problem.xl <= X).all()
    assert (problem.xu >= X).all()
    np.testing.assert_allclose(problem.evaluate(X), front, rtol=0, atol=2e-15)


@pytest.mark.parametrize("number", NUMBERS)
def test_front_is_mutually_non_dominated_and_known_to_the_metrics(number):
    problem = load_problem(f"uf{number}")
    front = problem.pareto_front(n_points=300)
    assert len(np.unique(front, axis=0)) == len(front)
    assert moocore.is_nondominated(front, keep_weakly=False).all()
    np.testing.assert_array_equal(true_front(problem, 300), np.unique(front, axis=0))


@pytest.mark.parametrize("number", NUMBERS)
def test_front_is_the_best_of_all_candidates_without_distance(number):
    """Any candidate is at least as bad as one without distances, so the least of those are the front."""
    steps = np.linspace(0, 1, 2001 if number in TWO else 81)
    grid = [(x1, x2) for x1 in steps for x2 in ([0.0] if number in TWO else steps)]
    all_of_them = np.unique([on_the_set(number, x1, x2) for x1, x2 in grid], axis=0)
    best = all_of_them[moocore.is_nondominated(all_of_them)]
    front = load_problem(f"uf{number}").pareto_front(n_points=2000)
    for f in front:
        assert not (best < f - 1e-12).all(axis=1).any()
    # the widest mesh is that of UF7, from 0 to 0.0005^0.2 = 0.22; elsewhere it is one of 0.03 and less
    for points, others in ((best, front), (front, best)):
        apart, _ = cKDTree(others).query(points)
        assert apart.max() < (0.22 if number == 7 else 0.03)
        assert np.quantile(apart, 0.75) < 0.02


@pytest.mark.parametrize("number", TWO)
def test_ends_of_the_curves(number):
    front = load_problem(f"uf{number}").pareto_front(n_points=100)
    np.testing.assert_array_equal(front[[0, -1]], [[0, 1], [1, 0]])
    middle = {1: 1 - H, 2: 1 - H, 3: 1 - H, 4: 0.75}.get(number, 0.5)
    assert np.interp(0.5, *front.T) == pytest.approx(middle, abs=1e-4)


def test_gaps_of_uf5_and_uf6():
    front = load_problem("uf5").pareto_front()
    np.testing.assert_allclose(front, [(i / 20, 1 - i / 20) for i in range(21)], atol=1e-15)
    for n_points in (5, 6, 1000):
        front = load_problem("uf6").pareto_front(n_points=n_points)
        f1 = front[:, 0]
        assert {0, 0.25, 0.5, 0.75, 1} <= set(f1)
        assert not ((f1 > 0) & (f1 < 0.25)).any()
        assert not ((f1 > 0.5) & (f1 < 0.75)).any()
        np.testing.assert_allclose(front.sum(axis=1), 1, atol=1e-15)


@pytest.mark.parametrize("number", [8, 10])
def test_the_sphere_and_its_corners(number):
    front = load_problem(f"uf{number}").pareto_front()
    np.testing.assert_allclose((front**2).sum(axis=1), 1, atol=1e-14)
    for corner in np.eye(3):
        assert (front == corner).all(axis=1).any()


def test_the_two_parts_of_uf9_and_their_corners():
    front = load_problem("uf9").pareto_front()
    f1, f2 = front[:, 0], front[:, 1]
    np.testing.assert_allclose(front.sum(axis=1), 1, atol=1e-15)
    left, right = 4 * f1 <= f1 + f2 + 1e-15, 4 * f1 >= 3 * (f1 + f2) - 1e-15
    assert (left | right).all()
    assert left.sum() == right.sum()
    for corner in ([0, 0, 1], [0, 1, 0], [0.25, 0.75, 0], [0.75, 0.25, 0], [1, 0, 0]):
        assert (front == corner).all(axis=1).any()


@pytest.mark.parametrize("number", NUMBERS)
def test_ideal_and_nadir(number):
    problem = load_problem(f"uf{number}")
    np.testing.assert_array_equal(problem.ideal_point(), np.zeros(problem.n_obj))
    np.testing.assert_array_equal(problem.nadir_point(), np.ones(problem.n_obj))


# ---- parameters ----


@pytest.mark.parametrize(
    ("name", "params", "says"),
    [
        ("uf1", {"n_var": 2}, "n_var must be a whole number of at least 3, got 2"),
        ("uf3", {"n_var": 30.0}, "n_var must be a whole number of at least 3, got 30.0"),
        ("uf8", {"n_var": 4}, "n_var must be a whole number of at least 5, got 4"),
        ("uf9", {"n_var": True}, "n_var must be a whole number of at least 5, got True"),
        ("uf1", {"seed": 1}, "unknown parameter 'seed'. It takes: n_var"),
        ("uf11", {}, "there is no problem 'uf11'. Did you mean 'uf1'"),
    ],
)
def test_bad_parameters(name, params, says):
    with pytest.raises(InputError, match=says):
        load_problem(name, **params)


@pytest.mark.parametrize(("number", "least"), [(1, 3), (3, 3), (10, 5)])
def test_the_smallest_sizes_work(number, least):
    problem = load_problem(f"uf{number}", n_var=np.int64(least))
    front = problem.pareto_front(n_points=50)
    np.testing.assert_allclose(problem.evaluate(problem.pareto_set(50)), front, rtol=0, atol=2e-15)


def test_points_must_be_a_whole_number():
    with pytest.raises(InputError, match="n_points must be a whole number of at least 1, got 0"):
        load_problem("uf5").pareto_front(n_points=0)
    with pytest.raises(InputError, match="n_points"):
        load_problem("zdt1").pareto_set(n_points=2.5)
