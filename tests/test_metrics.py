"""Indicators against values worked by hand, and true fronts against the problems that they belong to."""

import math

import moocore
import numpy as np
import pytest

from csmoifsa import load_problem, metrics
from csmoifsa.errors import InputError
from csmoifsa.fronts import true_front

CORNERS = np.array([[0.0, 1.0], [1.0, 0.0]])
MIDDLE = [[0.5, 0.5]]


def test_indicators_worked_by_hand():
    # the one point found is sqrt(1/2) from either corner; it is worse than a corner by 1/2 in one objective only
    assert metrics.igd(MIDDLE, CORNERS) == pytest.approx(math.sqrt(0.5))
    assert metrics.igd_plus(MIDDLE, CORNERS) == pytest.approx(0.5)
    assert metrics.epsilon(MIDDLE, CORNERS) == pytest.approx(0.5)
    assert metrics.hypervolume(MIDDLE, CORNERS) == pytest.approx(0.6**2)
    assert metrics.hypervolume(CORNERS, CORNERS) == pytest.approx(2 * 1.1 * 0.1 - 0.1**2)


@pytest.mark.parametrize("m", [metrics.EXACT_OBJECTIVES, metrics.EXACT_OBJECTIVES + 1, 10])
def test_hypervolume_of_many_objectives_is_near_the_sum_over_unions_of_boxes(m):
    """Inclusion and exclusion over all unions of a few boxes, exactly."""
    F = np.random.default_rng(m).uniform(0, 1, (6, m))
    wanted = 0.0
    for chosen in range(1, 1 << len(F)):
        members = [k for k in range(len(F)) if chosen >> k & 1]
        wanted -= (-1.0) ** len(members) * np.prod(1.1 - F[members].max(axis=0))
    found = metrics.hypervolume(F, F, scaled=False)
    assert found == pytest.approx(wanted, rel=1e-9 if m <= metrics.EXACT_OBJECTIVES else 0.02)
    assert found == metrics.hypervolume(F, F, scaled=False)


def test_scale_of_the_objectives_does_not_matter():
    size, shift = np.array([3.0, 2e6]), np.array([-7.0, 1e5])
    F = np.array([[0.1, 0.9], [0.4, 0.7], [0.9, 0.3]])
    for name in ("igd", "igd_plus", "epsilon", "hypervolume"):
        metric = getattr(metrics, name)
        assert metric(F * size + shift, CORNERS * size + shift) == pytest.approx(metric(F, CORNERS))
        if name != "hypervolume":
            assert metric(F * 2, CORNERS * 2, scaled=False) == pytest.approx(2 * metric(F, CORNERS))
    assert metrics.hypervolume(F, CORNERS, scaled=False, reference=2.0) == pytest.approx(
        moocore.hypervolume(F, ref=[2, 2])
    )


def test_an_objective_without_extent_is_only_shifted():
    front = np.array([[0.0, 5.0, 1.0], [1.0, 5.0, 0.0]])
    np.testing.assert_array_equal(metrics.normalise([[0.5, 7.0, 0.5]], front), [[0.5, 2.0, 0.5]])


def test_metrics_of_the_paper_worked_by_hand():
    F, front = [[0.3, 0.0], [1.0, 1.4]], [[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]]  # distances 0.3 and 0.4
    assert metrics.convergence(F, front) == pytest.approx(0.5 / 2)
    assert metrics.error_ratio(F, front, eps=0.35) == 0.5
    np.testing.assert_array_equal(metrics.error_curve(F, front, eps=[0.0, 0.35, 1.0]), [1.0, 0.5, 0.0])
    # L1 distances to the nearest: 2, 2, 4; mean 8/3; sum of squared deviations 24/9; over n - 1 = 2: 4/3
    assert metrics.uniformity([[0, 3], [1, 2], [3, 0]]) == pytest.approx(math.sqrt(4 / 3))
    assert metrics.uniformity([[0, 2], [1, 1], [2, 0]]) == 0


@pytest.mark.parametrize(
    ("F", "front", "says"),
    [
        ([1.0, 2.0], CORNERS, r"F must have the shape \(points, objectives\).*\(2,\)"),
        (np.empty((0, 2)), CORNERS, r"F must have the shape.*\(0, 2\)"),
        ([[1.0, 2.0], [np.nan, 1.0]], CORNERS, "F must be finite, but row 1"),
        ([[1.0, 2.0]], [[0.0, np.inf]], "true_front must be finite, but row 0"),
        ([[1.0, 2.0, 3.0]], CORNERS, "F has 3 objectives, but true_front has 2"),
        ([["a", "b"]], CORNERS, "F must be an array of numbers"),
    ],
)
@pytest.mark.parametrize("name", ["igd", "igd_plus", "epsilon", "hypervolume", "convergence", "normalise"])
def test_bad_input_is_named(name, F, front, says):
    with pytest.raises(InputError, match=says):
        getattr(metrics, name)(F, front)


def test_bad_input_of_the_other_two():
    with pytest.raises(InputError, match="at least two points"):
        metrics.uniformity([[1.0, 2.0]])
    with pytest.raises(InputError, match="distances of at least 0"):
        metrics.error_ratio(MIDDLE, CORNERS, eps=-1)


def test_inputs_are_not_written_to():
    F, front = np.array(MIDDLE), CORNERS * 3
    kept = F.copy(), front.copy()
    metrics.summary(F, front)
    metrics.convergence(F, front)
    np.testing.assert_array_equal(F, kept[0])
    np.testing.assert_array_equal(front, kept[1])


# ---- true fronts of pymoo's problems ----


def beats(A, B):
    """Tell whether a row of A is better than a row of B in every objective, rounding aside."""
    return any((B[None, :, :] > part[:, None, :] + 1e-9).all(axis=2).any() for part in np.array_split(A, 10))


@pytest.mark.parametrize("n_obj", [2, 3])
@pytest.mark.parametrize("number", range(1, 10))
def test_wfg_fronts_are_not_beaten_by_optimal_candidates(number, n_obj):
    problem = load_problem(f"wfg{number}", n_obj=n_obj)
    front = true_front(problem, 1000)
    if number == 3 and n_obj == 3:
        assert front is None
        return
    assert len(front) == pytest.approx(1000, rel=0.15)
    np.testing.assert_allclose(front.max(axis=0), 2.0 * np.arange(1, n_obj + 1), rtol=0.02)
    position = problem._rand_optimal_position(2000, random_state=np.random.default_rng(0))
    optimal = problem.evaluate(problem._positional_to_optimal(position))
    assert not beats(optimal, front)
    # where WFG1's bias does not blow rounding up and WFG2 has no dominated pieces, they lie on it, up to its spacing
    if number > 2:
        assert not beats(front, optimal)
        assert metrics.distance_to_front(optimal, front).max() < (0.01 if n_obj == 2 else 0.2)


@pytest.mark.parametrize(
    ("name", "params"),
    [("dtlz5", {"n_obj": 4}), ("dtlz6", {"n_obj": 2}), ("dtlz7", {"n_obj": 2}), ("dtlz7", {"n_obj": 4})],
)
def test_dtlz_curves_agree_with_pymoo_where_it_has_them(name, params):
    problem = load_problem(name, n_var=12, **params)
    theirs = problem.pareto_front()
    theirs = theirs[moocore.is_nondominated(theirs, keep_weakly=True)]
    ours = true_front(problem, 2000)
    assert not beats(theirs, ours)
    if problem.n_obj == 2:
        assert metrics.distance_to_front(theirs, ours).max() < 0.02


def test_fronts_that_would_be_downloaded_are_unknown_and_the_number_of_points_is_heard():
    assert true_front(load_problem("osy")) is None
    problem = load_problem("bnh")
    assert [len(true_front(problem, n)) for n in (50, 300)] == [50, 300]
    assert len(true_front(load_problem("dtlz2", n_obj=5, n_var=14), 1000)) >= 1000
