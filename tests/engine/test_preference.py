"""The region of interest of a reference point: by definition, and in a run beside one without it."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.termination.default import DefaultMultiObjectiveTermination

from csmoifsa import CSMOIFSA, MOAFSA, load_problem
from csmoifsa.errors import InputError
from csmoifsa.preference import outside_region


def in_region(F, point):
    """Return by the definition, candidate by candidate, whether each is in the region of interest."""
    return np.array([
        all(f <= g for f, g in zip(row, point, strict=True)) or all(f >= g for f, g in zip(row, point, strict=True))
        for row in F
    ])  # fmt: skip


def test_the_region_agrees_with_its_definition():
    rng = np.random.default_rng(1)
    for n_obj in (2, 3, 5):
        F = rng.integers(0, 4, (200, n_obj)).astype(float)
        point = rng.integers(0, 4, n_obj).astype(float)
        np.testing.assert_array_equal(outside_region(F, point), ~in_region(F, point))
        assert 0 < outside_region(F, point).sum() < 200


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("zdt1", [0.5, 0.2]),
        ("zdt1", [0.3, 0.6]),
        ("bnh", [60.0, 20.0]),
        ("dtlz2", [0.4, 0.4, 0.4]),
        ("zdt2", [0.9, 0.9]),
    ],
)
def test_the_region_holds_more_solutions_than_without_and_as_good_ones(name, point):
    problem = get_problem(name)
    plain, preferred = (
        minimize(problem, CSMOIFSA(**options), ("n_eval", 9000), seed=2) for options in ({}, {"reference_point": point})
    )
    assert preferred.algorithm.exchange.preferring
    assert in_region(preferred.F, point).all()
    assert len(preferred.F) >= 1.5 * in_region(plain.F, point).sum()
    best = plain.F[in_region(plain.F, point)].sum(axis=1).min()
    assert preferred.F.sum(axis=1).min() <= best * 1.01
    assert (preferred.CV <= 0.0).all()
    assert (preferred.pop.get("CV") >= 0.0).all()
    out = problem.evaluate(preferred.X, return_values_of=["F"])
    np.testing.assert_array_equal(out, preferred.F)


def test_violations_stay_those_of_the_constraints():
    problem = get_problem("bnh")
    result = minimize(problem, CSMOIFSA(pop_size=30, reference_point=[60.0, 20.0]), ("n_eval", 3000), seed=1)
    assert result.algorithm.exchange.preferring
    G, CV = result.pop.get("G", "CV")
    np.testing.assert_allclose(CV[:, 0], np.maximum(G, 0.0).sum(axis=1))


def test_a_run_with_a_reference_point_goes_on_bit_for_bit(tmp_path):
    problem, options = load_problem("zdt1"), {"reference_point": [0.5, 0.2]}
    whole = minimize(problem, CSMOIFSA(pop_size=20, **options), ("n_eval", 4000), seed=1)
    assert whole.algorithm.exchange.preferring
    for n_eval in (500, 3005):
        half = minimize(problem, CSMOIFSA(pop_size=20, **options), ("n_eval", n_eval), seed=1).algorithm
        half.save(tmp_path / "run.npz")
        rest = minimize(problem, CSMOIFSA.load(tmp_path / "run.npz", problem, **options), ("n_eval", 4000))
        np.testing.assert_array_equal(rest.F, whole.F)
    with pytest.raises(InputError, match=r"was saved with .*0\.5, 0\.2"):
        CSMOIFSA.load(tmp_path / "run.npz", problem)


@pytest.mark.parametrize("point", ["best", 0.5, [0.5], [0.5, np.nan], [[0.5, 0.5]]])
def test_a_point_that_is_none_is_refused(point):
    with pytest.raises(InputError, match="reference_point must be a list of finite numbers"):
        CSMOIFSA(reference_point=point)


def test_a_point_that_does_not_fit_is_refused_before_the_first_evaluation():
    with pytest.raises(InputError, match="has 3 numbers; the problem has 2 objectives"):
        minimize(get_problem("zdt1"), CSMOIFSA(reference_point=[0.1, 0.2, 0.3]), ("n_eval", 100))
    for algorithm in (MOAFSA(reference_point=[0.1, 0.2]), CSMOIFSA(paper=True, reference_point=[0.1, 0.2])):
        with pytest.raises(InputError, match="needs the default CSMOIFSA"):
            minimize(get_problem("zdt1"), algorithm, ("n_eval", 100))


def test_the_default_termination_stops_where_the_front_no_longer_moves():
    problem = get_problem("bnh")
    loose, tight = (
        minimize(problem, CSMOIFSA(pop_size=40), DefaultMultiObjectiveTermination(ftol=tol, period=10), seed=1)
        for tol in (0.05, 0.005)
    )
    n_eval = [result.algorithm.evaluator.n_eval for result in (loose, tight)]
    assert 400 <= n_eval[0] <= n_eval[1] < 100_000
