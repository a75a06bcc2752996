"""ZDT and its twins: values, fronts and the properties that make the twins fair."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.problems import get_problem
from scipy.optimize import brentq, minimize_scalar

from csmoifsa import load_problem
from csmoifsa.errors import InputError
from csmoifsa_zdt import fronts
from csmoifsa_zdt.problems import random_rotation

NUMBERS = (1, 2, 3, 4, 6)
TWINS = ("", "-shifted", "-rotated")


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("number", NUMBERS)
def test_values_are_those_of_pymoo(number, random):
    problem = load_problem(f"zdt{number}")
    X = random.uniform(problem.xl, problem.xu, (100, problem.n_var))
    np.testing.assert_allclose(problem.evaluate(X), get_problem(f"zdt{number}").evaluate(X), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "rest", "expected"),
    [
        ("zdt1", 0.0, [0.25, 0.5]),
        ("zdt1", 1.0, [0.25, 10 * (1 - math.sqrt(0.025))]),
        ("zdt2", 0.0, [0.25, 1 - 0.0625]),
        ("zdt3", 0.0, [0.25, 0.5 - 0.25]),  # sin(2.5 pi) = 1
        ("zdt4", 0.5, [0.25, 3.25 * (1 - math.sqrt(0.25 / 3.25))]),  # a local front: g = 1 + 9 * 0.25
        ("zdt6", 0.0, [1 - math.exp(-1), 1 - (1 - math.exp(-1)) ** 2]),  # sin(1.5 pi)^6 = 1
        ("zdt6", 1.0, [1 - math.exp(-1), 10 * (1 - ((1 - math.exp(-1)) / 10) ** 2)]),
    ],
)
def test_values_worked_by_hand(name, rest, expected):
    x = np.full(load_problem(name).n_var, rest)
    x[0] = 0.25
    np.testing.assert_allclose(load_problem(name).evaluate(x), expected, rtol=1e-13)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("n_points", [1, 7, 1000])
def test_front_is_reached_exactly_by_the_set_and_has_the_size_asked_for(number, twin, n_points):
    problem = load_problem(f"zdt{number}{twin}")
    X, front = problem.pareto_set(n_points), problem.pareto_front(n_points)
    assert X.shape == (n_points, problem.n_var)
    assert front.shape == (n_points, 2)
    assert (problem.xl <= X).all()
    assert (problem.xu >= X).all()
    np.testing.assert_allclose(problem.evaluate(X), front, rtol=0, atol=2e-15)


@pytest.mark.parametrize("number", NUMBERS)
def test_ideal_and_nadir(number):
    problem = load_problem(f"zdt{number}")
    last = fronts.zdt3_segments()[-1][1]
    f1 = fronts.ZDT6_LEAST_F1
    expected = {3: [[0, fronts.zdt3_curve(last)], [last, 1]], 6: [[f1, 0], [1, 1 - f1**2]]}.get(
        number, [[0, 0], [1, 1]]
    )
    np.testing.assert_array_equal([problem.ideal_point(), problem.nadir_point()], expected)


def test_zdt3_pieces_against_another_solver():
    def slope(f):
        return -0.5 / math.sqrt(f) - math.sin(10 * math.pi * f) - 10 * math.pi * f * math.cos(10 * math.pi * f)

    pieces = fronts.zdt3_segments()
    for k, (start, end) in enumerate(pieces):
        assert end == pytest.approx(brentq(slope, 0.2 * k + 0.05, 0.2 * k + 0.1, xtol=1e-15), abs=1e-13)
        if k:
            level = fronts.zdt3_curve(pieces[k - 1][1])
            root = brentq(lambda f, v=level: fronts.zdt3_curve(f) - v, 0.2 * k - 0.05, 0.2 * k + 0.05, xtol=1e-15)
            assert start == pytest.approx(root, abs=1e-13)
            assert fronts.zdt3_curve(start) < level
    # the values that papers print
    printed = [0.0830015349, 0.2577623634, 0.4538821041, 0.6525117038, 0.8518328654]
    np.testing.assert_allclose([end for _, end in pieces], printed, atol=1e-10)


def test_zdt6_least_f1_against_another_solver():
    found = minimize_scalar(
        lambda x: 1 - math.exp(-4 * x) * math.sin(6 * math.pi * x) ** 6, bounds=(0.07, 0.09), options={"xatol": 1e-12}
    )
    assert pytest.approx(found.fun, abs=1e-12) == fronts.ZDT6_LEAST_F1


@given(st.integers(1, 25), st.integers(0, 2**32))
def test_rotation_is_orthogonal(n, seed):
    R = random_rotation(n, np.random.default_rng(seed))
    np.testing.assert_allclose(R @ R.T, np.eye(n), atol=1e-12)


@pytest.mark.parametrize("number", NUMBERS)
def test_rotated_twin_without_rotation_is_the_shifted_one(number, random):
    shifted, rotated = load_problem(f"zdt{number}-shifted", seed=4), load_problem(f"zdt{number}-rotated", seed=4)
    np.testing.assert_array_equal(shifted.optimum, rotated.optimum)
    scale = np.ones(shifted.n_var - 1) if number == 4 else np.maximum(shifted.optimum, 1 - shifted.optimum)
    rotated.kernel_data[2 + shifted.n_var - 1 :] = np.diag(1 / scale).ravel()
    X = random.uniform(shifted.xl, shifted.xu, (50, shifted.n_var))
    np.testing.assert_allclose(rotated.evaluate(X), shifted.evaluate(X), rtol=1e-11)


@given(st.sampled_from([1, 2, 3, 6]), st.sampled_from(TWINS), st.integers(0, 1000), st.integers(2, 12))
def test_g_stays_in_its_domain_over_the_whole_box(number, twin, seed, n_var):
    problem = load_problem(f"zdt{number}{twin}", n_var=n_var, **({"seed": seed} if twin else {}))
    random = np.random.default_rng(seed)
    X = random.choice([0.0, 0.5, 1.0], (40, n_var))
    f1, f2 = problem.evaluate(X).T
    # at a given f1, f2 grows with g, so it lies between the curves of g = 1 and g = 10
    for g, side in ((1.0, 1), (10.0, -1)):
        ratio = f1 / g
        h = {1: 1 - np.sqrt(ratio), 3: 1 - np.sqrt(ratio) - ratio * np.sin(10 * np.pi * f1)}.get(number, 1 - ratio**2)
        assert (side * (f2 - g * h) >= -1e-12).all()


@pytest.mark.parametrize("twin", TWINS[1:])
def test_seed_decides_the_twin(twin):
    a, b, c = (load_problem(f"zdt4{twin}", seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(a.kernel_data, b.kernel_data)
    assert not np.array_equal(a.optimum, c.optimum)
    assert np.abs(a.optimum).max() <= 2.5


@pytest.mark.parametrize(
    ("name", "params", "says"),
    [
        ("zdt1", {"n_var": 1}, "n_var must be a whole number of at least 2, got 1"),
        ("zdt1", {"n_var": 2.5}, "n_var must be a whole number of at least 2, got 2.5"),
        ("zdt6-rotated", {"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ("zdt6-rotated", {"seed": True}, "seed must be a whole number of at least 0, got True"),
        ("zdt5", {}, "would return fractions"),
    ],
)
def test_bad_parameters(name, params, says):
    with pytest.raises(InputError, match=says):
        load_problem(name, **params)


def test_numpy_integers_are_welcome():
    assert load_problem("zdt1-shifted", n_var=np.int64(5), seed=np.uint8(2)).n_var == 5
