"""What the pages and tests of pymoo do with an algorithm, each kind once, in short programs of our own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from pymoo.constraints.eps import AdaptiveEpsilonConstraintHandling
from pymoo.core.callback import Callback
from pymoo.core.evaluator import Evaluator
from pymoo.core.problem import Problem
from pymoo.core.repair import Repair
from pymoo.core.termination import NoTermination
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.problems.static import StaticProblem
from pymoo.termination.max_gen import MaximumGenerationTermination
from pymoo.util.archive import MultiObjectiveArchive
from pymoo.util.display.column import Column
from pymoo.util.display.output import Output

from csmoifsa import CSMOIFSA, MOAFSA
from csmoifsa.errors import InputError

algorithms = pytest.mark.parametrize("make", [CSMOIFSA, MOAFSA])


@algorithms
def test_the_global_random_numbers_of_numpy_do_not_matter(make):
    fronts = []
    for state in (1, 200):
        np.random.seed(state)  # noqa: NPY002  what a user's script may do
        fronts.append(minimize(get_problem("zdt3"), make(pop_size=20), ("n_gen", 5), seed=1).F)
    np.testing.assert_array_equal(*fronts)


@algorithms
def test_minimize_steps_and_an_evaluator_of_the_user_agree(make):
    problem, options = get_problem("zdt1"), {"termination": ("n_gen", 6), "seed": 1}
    expected = minimize(problem, make(pop_size=20), **options).X
    steps = make(pop_size=20).setup(problem, **options)
    while steps.has_next():
        steps.next()
    np.testing.assert_array_equal(steps.result().X, expected)
    own = make(pop_size=20).setup(problem, **options)
    while own.has_next():
        infills = own.infill()
        Evaluator().eval(problem, infills)
        own.advance(infills=infills)
    np.testing.assert_array_equal(own.result().X, expected)


@algorithms
def test_values_computed_elsewhere_are_told_through_a_static_problem(make):
    problem = Problem(n_var=4, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0)
    algorithm = make(pop_size=20).setup(problem, termination=NoTermination(), seed=1)
    for _ in range(10):
        infills = algorithm.ask()
        X = infills.get("X")
        F, G = np.column_stack([(X**2).sum(axis=1), ((X - 1.0) ** 2).sum(axis=1)]), 0.5 - X[:, :1]
        algorithm.evaluator.eval(StaticProblem(problem, F=F, G=G), infills)
        algorithm.tell(infills=infills)
    X, F, G = algorithm.opt.get("X", "F", "G")
    np.testing.assert_array_equal(F[:, 0], (X**2).sum(axis=1))
    np.testing.assert_array_equal(G, 0.5 - X[:, :1])


@algorithms
def test_a_finished_and_pickled_run_goes_on_with_another_termination(make):
    problem, algorithm = get_problem("zdt1", n_var=5), make(pop_size=20)
    minimize(problem, algorithm, ("n_gen", 5), seed=1, copy_algorithm=False)
    loaded = pickle.loads(pickle.dumps(algorithm))
    loaded.termination = MaximumGenerationTermination(12)
    rest = minimize(problem, loaded, seed=1, copy_algorithm=False)
    np.testing.assert_array_equal(rest.F, minimize(problem, make(pop_size=20), ("n_gen", 12), seed=1).F)


@algorithms
def test_history_callback_output_and_archive(make, capsys):
    class Best(Output):
        def __init__(self):
            super().__init__()
            self.least = Column("least_f1", width=12)
            self.columns += [self.least]

        def update(self, algorithm):
            super().update(algorithm)
            self.least.set(algorithm.pop.get("F")[:, 0].min())

    class Keep(Callback):
        def __init__(self):
            super().__init__()
            self.data["best"] = []

        def notify(self, algorithm):
            self.data["best"].append(algorithm.opt.get("F")[:, 0].min())

    result = minimize(
        get_problem("zdt1"), make(pop_size=20), ("n_gen", 4), seed=1, output=Best(), verbose=True, callback=Keep(),
        save_history=True, archive=MultiObjectiveArchive(),
    )  # fmt: skip
    assert "least_f1" in capsys.readouterr().out
    assert [entry.evaluator.n_eval for entry in result.history] == [20, 40, 60, 80]
    best = [entry.opt.get("F")[:, 0].min() for entry in result.history]
    assert result.algorithm.callback.data["best"] == best == sorted(best, reverse=True)
    assert len(result.archive) >= 1
    assert result.archive.get("F")[:, 0].min() == best[-1]


class Sum(Problem):
    """The squares of two variables; a third must complete the first to 2, to within the root of 1e-5."""

    def __init__(self):
        super().__init__(n_var=3, n_obj=2, n_ieq_constr=1, xl=-2.0, xu=2.0)

    def _evaluate(self, X, out, *args, **kwargs):
        out["F"] = np.column_stack([X[:, 0] ** 2 + X[:, 1] ** 2, (X[:, 0] - 1.0) ** 2 + X[:, 1] ** 2])
        out["G"] = (X[:, 0] + X[:, 2] - 2.0) ** 2 - 1e-5


class Complete(Repair):
    def _do(self, problem, X, random_state=None, **kwargs):
        first = random_state.random(len(X)) < 0.5
        X[first, 2], X[~first, 0] = 2.0 - X[first, 0], 2.0 - X[~first, 2]
        return X


def distance(front):
    """Return how far a front of `Sum` is from sqrt(f1) + sqrt(f2) = 1 on average; inf without a feasible point."""
    return np.inf if front.F is None else np.abs(np.sqrt(front.F).sum(axis=1) - 1.0).mean()


@pytest.mark.filterwarnings("ignore:the repair Complete leaves the bounds")
def test_a_repair_meets_a_tight_constraint_from_the_first_population_on():
    for seed in (1, 2, 3):
        without, repaired = (
            minimize(Sum(), CSMOIFSA(pop_size=40, repair=repair), ("n_eval", 200), seed=seed)
            for repair in (None, Complete())
        )
        assert repaired.F is not None
        assert (repaired.G <= 0).all()
        assert distance(repaired) < 0.2 * distance(without)
    assert distance(minimize(Sum(), CSMOIFSA(pop_size=40, repair=Complete()), ("n_eval", 800), seed=1)) < 0.01


class Box(Problem):
    """A box around a point; the lower corner must be below the upper one."""

    def __init__(self):
        super().__init__(n_var=4, n_obj=2, xl=-1.0, xu=1.0)

    def _evaluate(self, X, out, *args, **kwargs):
        size = X[:, 2:] - X[:, :2]
        assert (size >= 0.0).all()
        out["F"] = np.column_stack([size.prod(axis=1), np.abs(X - 0.25).sum(axis=1) - size.sum(axis=1)])


class Sorted(Repair):
    def _do(self, problem, X, **kwargs):
        return np.hstack([np.minimum(X[:, :2], X[:, 2:]), np.maximum(X[:, :2], X[:, 2:])])


@algorithms
def test_a_repair_sorts_the_corners_of_a_box(make):
    X = minimize(Box(), make(pop_size=20, repair=Sorted()), ("n_gen", 10), verbose=False).opt.get("X")
    assert (X[:, :2] <= X[:, 2:]).all()


@algorithms
def test_ask_and_next_may_alternate(make):
    problem = get_problem("bnh")
    algorithm = make(pop_size=20).setup(problem, seed=1, termination=("n_gen", 5))
    algorithm.ask()
    algorithm.next()
    infills = algorithm.ask()
    algorithm.evaluator.eval(problem, infills[:3])
    algorithm.tell(infills=infills[:3])
    result = algorithm.run()
    np.testing.assert_array_equal(problem.evaluate(result.X, return_values_of=["F"]), result.F)
    assert algorithm.evaluator.n_eval == 100


def test_an_adaptive_tolerance_of_constraints_is_refused_before_the_first_evaluation():
    class Untouched(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            raise AssertionError("evaluated")

    problem = Untouched(n_var=2, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0)
    with pytest.raises(InputError, match="AdaptiveEpsilonConstraintHandling cannot wrap this algorithm"):
        minimize(problem, AdaptiveEpsilonConstraintHandling(CSMOIFSA()), ("n_gen", 5), seed=1)
