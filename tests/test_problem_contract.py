"""What every registered problem promises. Adding a problem means passing this file, nothing else."""

import copy
import pickle
import socket

import moocore
import numpy as np
import pytest

from csmoifsa import load_problem, problem_names
from csmoifsa.fronts import true_front

pytestmark = pytest.mark.parametrize("name", problem_names())


def candidates(problem, n=12):
    """Return random candidates, the corners of the box and its centre."""
    X = np.random.default_rng(9).uniform(problem.xl, problem.xu, (n, problem.n_var))
    return np.vstack([X, problem.xl, problem.xu, (problem.xl + problem.xu) / 2])


def evaluate(problem, X):
    names = ["F", "G", "H"]
    return problem.evaluate(X, return_values_of=names, return_as_dictionary=True)


def test_bounds_are_finite_and_of_the_right_shape(name):
    problem = load_problem(name)
    for bound in (problem.xl, problem.xu):
        assert bound.shape == (problem.n_var,)
        assert np.isfinite(bound).all()
    assert (problem.xl <= problem.xu).all()
    assert problem.n_obj >= 2


def test_values_have_the_right_shapes_and_are_finite(name):
    problem = load_problem(name)
    X = candidates(problem)
    out = evaluate(problem, X)
    for key, width in (("F", problem.n_obj), ("G", problem.n_ieq_constr), ("H", problem.n_eq_constr)):
        assert out[key].shape == (len(X), width)
        assert out[key].dtype == float
        assert np.isfinite(out[key]).all()


def test_a_batch_is_its_rows_one_by_one(name):
    problem = load_problem(name)
    X = candidates(problem)
    together, alone = evaluate(problem, X), [evaluate(problem, x[None]) for x in X]
    for key, values in together.items():
        np.testing.assert_array_equal(values, np.vstack([row[key] for row in alone]))


def test_two_objects_and_two_calls_agree(name):
    problem = load_problem(name)
    X = candidates(problem)
    first = evaluate(problem, X)
    for other in (problem, load_problem(name), copy.deepcopy(problem), pickle.loads(pickle.dumps(problem))):
        again = evaluate(other, X)
        for key in first:
            np.testing.assert_array_equal(first[key], again[key])


def test_candidates_are_not_written_to(name):
    problem = load_problem(name)
    X = candidates(problem)
    before = X.copy()
    X.setflags(write=False)
    problem.evaluate(X)
    np.testing.assert_array_equal(X, before)


def test_any_memory_layout_gives_the_same_values(name):
    problem = load_problem(name)
    X = candidates(problem)
    strided = np.repeat(X, 2, axis=0)[::2]
    for same in (np.asfortranarray(X), strided):
        np.testing.assert_array_equal(evaluate(problem, same)["F"], evaluate(problem, X)["F"])


def test_compiled_evaluator_agrees_bit_for_bit(name):
    problem = load_problem(name)
    kernel = getattr(problem, "kernel", None)
    if kernel is None:
        pytest.skip("offers none")
    data = problem.kernel_data
    assert data.dtype == np.float64
    assert data.ndim == 1
    assert data.flags.c_contiguous
    X = np.ascontiguousarray(candidates(problem))
    F, G = np.empty((len(X), problem.n_obj)), np.empty((len(X), problem.n_ieq_constr + problem.n_eq_constr))
    kernel(X, data, F, G)
    out = evaluate(problem, X)
    np.testing.assert_array_equal(F, out["F"])
    np.testing.assert_array_equal(G, np.hstack([out["G"], out["H"]]))
    assert len(getattr(kernel, "signatures", [()])) <= 1  # every other array type would compile it once more


def test_front_is_known_offline_and_nothing_is_better(name, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    problem = load_problem(name)
    front = true_front(problem, 1000)
    if front is None:
        pytest.skip("promises none")
    assert front.shape[1] == problem.n_obj
    assert np.isfinite(front).all()
    assert moocore.is_nondominated(front, keep_weakly=True).all()
    out = evaluate(problem, candidates(problem, 500))
    feasible = (out["G"] <= 0).all(axis=1) & (out["H"] == 0).all(axis=1)
    for f in out["F"][feasible]:
        assert not ((f <= front - 1e-12).all(axis=1)).any()
