"""Whatever comes: no crash, no endless loop, no write to the caller's arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.core.problem import Problem
from pymoo.optimize import minimize

from csmoifsa import CSMOIFSA, MOAFSA
from csmoifsa.errors import InputError

MAKERS = (CSMOIFSA, MOAFSA, lambda **k: CSMOIFSA(paper=True, **k))


@st.composite
def strange_problems(draw):
    """Random sizes and scales, degenerate bounds, constant objectives, duplicates, constraints that may never hold."""
    n_var, n_obj = draw(st.integers(1, 50)), draw(st.integers(2, 6))
    n_ieq, n_eq = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale_x, scale_f = (10.0 ** draw(st.integers(-200, 200)) for _ in range(2))
    xl = rng.normal(size=n_var) * scale_x
    xu = xl + rng.random(n_var) * scale_x
    fixed = rng.random(n_var) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    xu[fixed] = xl[fixed]
    kind = draw(st.sampled_from(["smooth", "constant", "steps", "one constant"]))
    weights = rng.normal(size=(n_var, n_obj))
    offset = draw(st.sampled_from([-1.0, 0.0, 0.5, 2.0]))

    class Strange(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            U = (X - xl) / np.where(xu > xl, xu - xl, 1.0)
            F = np.zeros((len(X), n_obj)) if kind == "constant" else (U - 0.3) @ weights
            if kind == "steps":
                F = np.round(F)  # many duplicates
            if kind == "one constant":
                F[:, 0] = 7.0
            out["F"] = F * scale_f
            out["G"] = np.repeat(offset - U[:, :1], n_ieq, axis=1)
            out["H"] = np.repeat(U[:, :1] - offset, n_eq, axis=1)

    return Strange(n_var=n_var, n_obj=n_obj, n_ieq_constr=n_ieq, n_eq_constr=n_eq, xl=xl, xu=xu)


@settings(max_examples=150)
@given(strange_problems(), st.sampled_from(MAKERS), st.integers(2, 30), st.integers(1, 300), st.integers(0, 1000))
def test_strange_problems_end_with_a_front(problem, make, pop_size, n_eval, seed):
    xl, xu = problem.xl.copy(), problem.xu.copy()
    algorithm = make(pop_size=pop_size)
    result = minimize(problem, algorithm, ("n_eval", n_eval), seed=seed, return_least_infeasible=True)
    assert result.algorithm.evaluator.n_eval == n_eval
    assert 1 <= len(result.X) <= pop_size
    assert ((result.X >= xl) & (result.X <= xu)).all()
    assert np.isfinite(result.F).all()
    assert np.array_equal(problem.xl, xl)
    assert np.array_equal(problem.xu, xu)


@settings(max_examples=30)
@given(st.sampled_from(MAKERS), st.integers(0, 250), st.sampled_from([np.nan, np.inf, -np.inf]), st.booleans())
def test_a_bad_value_at_any_time_is_one_sentence(make, when, bad, in_constraint):
    """The row is named, and what was found before is still there."""
    seen = 0

    class Breaks(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            nonlocal seen
            F, G = np.column_stack([X[:, 0], 1 - X[:, 0] + X[:, 1]]), X[:, 1:] - 2.0
            if seen <= when < seen + len(X):
                (G if in_constraint else F)[when - seen, 0] = bad
            seen += len(X)
            out["F"], out["G"] = F, G

    algorithm = make(pop_size=20).setup(
        Breaks(n_var=2, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0), seed=1, termination=("n_eval", 300)
    )
    if in_constraint and bad == -np.inf:  # as feasible as can be
        assert algorithm.run().X is not None
        return
    with pytest.raises(InputError, match=r"in row \d+ of X"):
        algorithm.run()
    if algorithm.engine.n_eval:
        assert np.isfinite(algorithm.opt.get("F")).all()
