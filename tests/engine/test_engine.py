"""Properties of the engines: order of calls, bounds, determinism, state, bad input."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csmoifsa.engine import ImmuneFishSwarm
from csmoifsa.errors import InputError
from csmoifsa.moafsa import FishSwarm, SwarmSettings
from csmoifsa.plugins import load_problem
from csmoifsa.settings import Settings

KINDS = {
    "default": lambda n_var, n_obj, pop_size=20, **options: ImmuneFishSwarm(
        n_var, n_obj, settings=Settings(pop_size=pop_size, n_offsprings=7), **options
    ),
    "moafsa": lambda n_var, n_obj, pop_size=20, **options: FishSwarm(
        n_var, n_obj, settings=SwarmSettings(pop_size=pop_size), **options
    ),
    "paper": lambda n_var, n_obj, pop_size=20, **options: FishSwarm(
        n_var, n_obj, settings=SwarmSettings(pop_size=pop_size, immune=True, contract=True), **options
    ),
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def objectives(X, n_obj):
    """A plain convex problem whose optimum lies inside the box."""
    centres = np.linspace(0.2, 0.8, n_obj)
    return np.stack([((X - c) ** 2).sum(axis=1) for c in centres], axis=1)


def run(engine, n_eval, *, most=None):
    while engine.n_eval < n_eval:
        left = n_eval - engine.n_eval
        X = engine.ask(left if most is None else min(left, most()))
        engine.tell(objectives(X, engine.n_obj))
    return engine.front()


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@kinds
@settings(max_examples=10)
@given(n_var=st.integers(1, 12), n_obj=st.integers(2, 5), seed=st.integers(0, 2**63 - 1))
def test_front_is_non_dominated_within_bounds_and_repeatable(make, n_var, n_obj, seed):
    rng = np.random.default_rng(seed)
    xl = rng.normal(size=n_var) * 10.0 ** rng.integers(-3, 4)
    xu = xl + rng.random(n_var) * 10.0 ** rng.integers(-3, 4)
    xu[0] = xl[0] if n_var > 1 else xu[0]  # a fixed variable
    engines = [make(n_var, n_obj, seed=seed, xl=xl, xu=xu) for _ in range(2)]
    for engine in engines:
        while engine.n_eval < 150:
            X = engine.ask()
            assert ((xl <= X) & (xu >= X)).all()
            engine.tell(objectives((X - xl) / np.where(xu > xl, xu - xl, 1.0), n_obj))
    front = engines[0].front()
    assert same(front, engines[1].front())
    assert 1 <= len(front.F) <= 20
    dominated = (front.F[:, None] >= front.F).all(2) & (front.F[:, None] > front.F).any(2)
    assert not dominated.any()


@kinds
def test_pieces_and_repeated_asking_do_not_change_the_search(make):
    whole = run(make(5, 2, seed=3), 400)
    sizes = np.random.default_rng(0)
    pieces = make(5, 2, seed=3)
    run(pieces, 123, most=lambda: int(sizes.integers(1, 6)))
    assert np.array_equal(pieces.ask(4), pieces.ask(4))
    pieces.front()  # looking changes nothing either
    assert same(run(pieces, 400, most=lambda: int(sizes.integers(1, 6))), whole)


@kinds
@pytest.mark.parametrize("n_eval", [5, 20, 21, 137, 250])
def test_state_continues_bit_for_bit(make, n_eval):
    first = make(4, 3, seed=5, n_extra=0)
    run(first, n_eval)
    second = make(4, 3, seed=5)
    second.state = first.state
    assert second.n_eval == n_eval
    assert same(first.front(), second.front())
    assert same(run(first, 500), run(second, 500))


@kinds
def test_state_of_something_else_is_refused(make):
    state = run_state = make(4, 2).state
    with pytest.raises(InputError, match=r"another problem or other settings"):
        make(5, 2).state = run_state
    state = {name: array for name, array in state.items() if name != "counters"}
    with pytest.raises(InputError, match="lacks counters"):
        make(4, 2).state = state


@kinds
def test_violation_comes_first_and_extra_columns_travel(make):
    engine = make(3, 2, seed=1, n_extra=2)
    while engine.n_eval < 600:
        X = engine.ask()
        violation = np.maximum(0.5 - X[:, 0], 0.0)
        engine.tell(objectives(X, 2), violation, np.column_stack([X[:, 0], 2 * X[:, 1]]))
    front = engine.front()
    assert (front.CV == 0).all()
    assert (front.X[:, 0] >= 0.5).all()
    np.testing.assert_array_equal(front.extra, np.column_stack([front.X[:, 0], 2 * front.X[:, 1]]))


@kinds
def test_nothing_feasible_leaves_the_least_violated(make):
    engine = make(3, 2, seed=1)
    least = np.inf
    while engine.n_eval < 300:
        X = engine.ask()
        violation = 1.0 + X.sum(axis=1)
        least = min(least, violation.min())
        engine.tell(objectives(X, 2), violation)
    assert engine.front().CV.tolist() == [least]


@kinds
def test_callers_arrays_are_not_written_to_and_not_kept(make):
    xl, xu = np.zeros(3), np.ones(3)
    engine = make(3, 2, xl=xl, xu=xu)
    xl[:], xu[:] = 5.0, 6.0
    X = engine.ask()
    assert X.max() <= 1.0
    F = objectives(X, 2)
    before = F.copy()
    X[:] = 99.0
    engine.tell(F)
    assert np.array_equal(F, before)
    F[:] = -1.0
    assert engine.front().F.min() >= 0.0
    assert engine.front().X.max() <= 1.0


@kinds
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_objective_names_the_row_and_loses_nothing(make, bad):
    engine = make(3, 2, seed=2)
    X = engine.ask(10)
    F = objectives(X, 2)
    F[4, 1] = bad
    with pytest.raises(InputError, match=r"row 4 of X"):
        engine.tell(F)
    assert np.array_equal(engine.ask(10), X)
    engine.tell(objectives(X, 2))
    assert same(run(engine, 200), run(make(3, 2, seed=2), 200))


@kinds
def test_order_of_calls_and_shapes_are_taught(make):
    engine = make(3, 2)
    with pytest.raises(InputError, match="before ask"):
        engine.tell(np.zeros((1, 2)))
    engine.ask(5)
    with pytest.raises(InputError, match=r"shape \(5, 2\)"):
        engine.tell(np.zeros((4, 2)))
    with pytest.raises(InputError, match="at least one"):
        engine.ask(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_var": 0, "n_obj": 2}, "at least one variable"),
        ({"n_var": 2, "n_obj": 1}, "two or more objectives"),
        ({"n_var": 2, "n_obj": 2, "seed": -1}, "seed"),
        ({"n_var": 2, "n_obj": 2, "xl": [0, 1], "xu": [1, 0]}, "variable 1: lower bound 1 is above"),
        ({"n_var": 2, "n_obj": 2, "xl": [0, -np.inf]}, "variable 1 has no finite bound xl"),
        ({"n_var": 2, "n_obj": 2, "xl": [0]}, "one value for each of 2"),
        ({"n_var": 2, "n_obj": 2, "initial": [[0.5, 2.0]]}, "initial position 0 lies outside"),
        ({"n_var": 2, "n_obj": 2, "initial": [[0.5]]}, r"shape \(n, 2\)"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        ImmuneFishSwarm(**arguments)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Settings, {"pop_size": 1}, "pop_size must lie between 2"),
        (Settings, {"pop_size": 10.5}, "pop_size must be a whole number"),
        (Settings, {"n_offsprings": True}, "n_offsprings must be a whole number"),
        (Settings, {"attraction": "high"}, "attraction must be a number, got 'high'"),
        (Settings, {"attraction": float("nan")}, "attraction must lie"),
        (Settings, {"behaviours": ("clone", "fly")}, "got fly"),
        (Settings, {"behaviours": ()}, "at least one"),
        (SwarmSettings, {"visual_range": 0.0}, "visual_range must lie"),
        (SwarmSettings, {"try_number": 0}, "try_number must lie"),
    ],
)
def test_bad_settings(kind, values, message):
    with pytest.raises(InputError, match=message):
        kind(**values)


@kinds
def test_initial_positions_come_first(make):
    initial = np.random.default_rng(0).uniform(2, 3, (8, 3))
    engine = make(3, 2, xl=[2, 2, 2], xu=[3, 3, 3], initial=initial)
    np.testing.assert_allclose(engine.ask()[:8], initial, rtol=1e-15)


@pytest.mark.parametrize("behaviour", ["clone", "follow", "swarm", "forage"])
def test_each_behaviour_alone_makes_progress(behaviour):
    engine = ImmuneFishSwarm(6, 2, settings=Settings(pop_size=20, behaviours=(behaviour,)), seed=1)
    engine.tell(objectives(engine.ask(), 2))
    start = engine.front().F.sum(axis=1).min()
    assert run(engine, 2000).F.sum(axis=1).min() < start
    assert set(engine.offspring.behaviour[:10]) == {("clone", "follow", "swarm", "forage").index(behaviour)}


SCRIPT = """
import sys, numpy as np
sys.path[:0] = {path!r}
from test_engine import KINDS, run
makers = [(make, n_obj) for make in KINDS.values() for n_obj in (2, 3)]
with np.errstate(over="ignore"):
    fronts = [run(make(4, n_obj, pop_size=10, seed=9), 80).F.ravel() for make, n_obj in makers]
np.save(sys.argv[1], np.concatenate(fronts))
"""


def test_interpreted_code_agrees_with_compiled(tmp_path):
    """With the compiler switched off the same run gives the same front to 1e-12."""
    path = [os.path.dirname(__file__)]
    fronts = []
    for disable in ("0", "1"):
        file = tmp_path / f"{disable}.npy"
        environment = os.environ | {"NUMBA_DISABLE_JIT": disable}
        subprocess.run([sys.executable, "-c", SCRIPT.format(path=path), file], check=True, env=environment)
        fronts.append(np.load(file))
    np.testing.assert_allclose(fronts[0], fronts[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("pop_size", "n_offsprings", "budget"), [(20, 10, 57), (6, 10, 30), (20, 7, 20), (20, 10, 19)])
def test_the_compiled_loop_begins_with_the_first_population(pop_size, n_offsprings, budget):
    """It evaluates whole generations only, and ends in the state of ask and tell."""
    problem = load_problem("zdt1")
    options = {"seed": 5, "settings": Settings(pop_size=pop_size, n_offsprings=n_offsprings)}
    compiled, plain = (ImmuneFishSwarm(problem.n_var, 2, **options) for _ in range(2))
    made = compiled.run_generations(problem.kernel, problem.kernel_data, budget, n_ieq=0, tolerance=0.0)
    whole = pop_size + (budget - pop_size) // n_offsprings * n_offsprings
    assert made == compiled.n_eval == (whole if budget >= pop_size else 0)
    while plain.n_eval < made:
        plain.tell(problem.evaluate(plain.ask()))
    for name, column in plain.state.items():
        assert np.array_equal(compiled.state[name], column), name
