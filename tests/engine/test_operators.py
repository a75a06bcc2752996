"""Operators of pymoo: sampling, repair, duplicates, wrappers; failed evaluations. Each against a plain check."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.constraints.as_obj import ConstraintsAsObjective
from pymoo.constraints.as_penalty import ConstraintsAsPenalty
from pymoo.core.callback import Callback
from pymoo.core.duplicate import ElementwiseDuplicateElimination
from pymoo.core.evaluator import Evaluator
from pymoo.core.population import Population
from pymoo.core.problem import ElementwiseProblem, Problem
from pymoo.core.repair import Repair
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.lhs import LHS
from pymoo.operators.sampling.rnd import FloatRandomSampling
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from test_algorithm import algorithms

from csmoifsa import CSMOIFSA, load_problem
from csmoifsa.errors import InputError


class Plain(Problem):
    """Two linear objectives that count and keep what was evaluated."""

    def __init__(self, n_var=4, **options):
        super().__init__(n_var=n_var, n_obj=2, **{"xl": 0.0, "xu": 1.0, **options})
        self.seen = []

    def _evaluate(self, X, out, *args, **kwargs):
        self.seen.extend(np.asarray(X).tolist())
        out["F"] = np.column_stack([X.sum(axis=1), ((self.xu - X) ** 2).sum(axis=1)])
        out["row"] = [{"sum": float(x.sum())} for x in X]
        out["twice"] = 2.0 * X


class FirstGeneration(Callback):
    """Keeps what was evaluated, and the population, at the end of the first generation."""

    def notify(self, algorithm):
        if algorithm.n_gen == 1:
            self.seen = [tuple(x) for x in algorithm.problem.seen]
            self.pop = algorithm.pop


# ------------------------------------------------------------------------------------------------------------ sampling
@algorithms
@pytest.mark.parametrize("sampling", [LHS(), FloatRandomSampling()])
def test_an_operator_makes_the_first_positions(make, sampling):
    problem = Plain()
    result = minimize(problem, make(pop_size=20, sampling=sampling), ("n_eval", 20), seed=5)
    expected = sampling(problem, 20, random_state=np.random.default_rng(5)).get("X")
    np.testing.assert_allclose(result.problem.seen, expected, rtol=1e-14)


@algorithms
def test_a_list_is_taken_as_positions(make):
    problem = Plain()
    minimize(problem, make(pop_size=5, sampling=[[0.5] * 4, [0.25] * 4]), ("n_eval", 5), seed=1)
    assert problem.seen[:2] == [[0.5] * 4, [0.25] * 4]


@algorithms
@pytest.mark.parametrize("n", [7, 20, 45])
def test_evaluated_individuals_are_not_evaluated_again(make, n):
    problem = Plain()
    start = Evaluator().eval(problem, Population.new(X=np.random.default_rng(2).random((n, 4))))
    evaluated = [tuple(x) for x in problem.seen]
    problem.seen.clear()
    watch = FirstGeneration()
    result = minimize(problem, make(pop_size=20, sampling=start), ("n_eval", 60), seed=1, callback=watch)
    assert len(watch.seen) == max(20 - n, 0)
    assert not set(evaluated) & set(watch.seen)
    assert len(problem.seen) == 60 == result.algorithm.evaluator.n_eval
    least = start.get("F").min(axis=0)  # all of them competed for the population, where they were more than it holds
    assert (watch.pop.get("F").min(axis=0) <= least).all()
    F = problem.evaluate(result.X, return_values_of=["F"])
    np.testing.assert_array_equal(F, result.F)


@algorithms
def test_more_first_positions_than_the_population_holds_are_all_evaluated(make):
    problem = Plain()
    X = np.random.default_rng(2).random((33, 4))
    minimize(problem, make(pop_size=20, sampling=X), ("n_gen", 1), seed=1)
    assert {tuple(x) for x in X} <= {tuple(x) for x in problem.seen}


@pytest.mark.parametrize("wrong", ["lhs", LHS, [["a"]]])
def test_sampling_of_another_kind_is_refused(wrong):
    with pytest.raises(InputError, match="sampling must be an array of positions"):
        minimize(Plain(), CSMOIFSA(sampling=wrong), ("n_eval", 10), seed=1)


def test_first_individuals_out_of_bounds_are_refused_before_the_first_evaluation():
    problem = Plain()
    with pytest.raises(InputError, match="initial position 0 lies outside"):
        minimize(problem, CSMOIFSA(sampling=np.full((1, 4), 2.0)), ("n_eval", 10), seed=1)
    assert not problem.seen


# -------------------------------------------------------------------------------------------------------------- repair
class SumsToOne(Repair):
    def _do(self, problem, X, **kwargs):
        X[X < 1e-3] = 0.0
        return X / np.maximum(X.sum(axis=1, keepdims=True), 1e-9)


class FixedStep(Repair):
    """Every position onto a grid of 0.25."""

    def _do(self, problem, X, **kwargs):
        return np.round(X * 4.0) / 4.0


@algorithms
def test_rounding_gives_whole_numbers(make):
    problem = Plain(xl=np.array([0, -3, 2, 0]), xu=np.array([9, 9, 11, 30]))
    result = minimize(problem, make(pop_size=20, repair=RoundingRepair()), ("n_eval", 400), seed=1)
    seen = np.array(problem.seen)
    assert seen.shape == (400, 4)
    assert (seen == np.round(seen)).all()
    assert result.X.dtype.kind == "i"
    np.testing.assert_array_equal(problem.evaluate(result.X, return_values_of=["F"]), result.F)


@algorithms
def test_an_own_repair_is_what_is_evaluated_and_returned(make):
    problem = Plain()
    result = minimize(problem, make(pop_size=20, repair=SumsToOne()), ("n_eval", 300), seed=1)
    np.testing.assert_allclose(np.sum(problem.seen, axis=1), 1.0)
    np.testing.assert_allclose(result.X.sum(axis=1), 1.0)
    assert set(map(tuple, result.X.tolist())) <= set(map(tuple, problem.seen))


def test_a_repair_is_kept_with_a_compiled_problem():
    result = minimize(load_problem("zdt1"), CSMOIFSA(pop_size=20, repair=FixedStep()), ("n_eval", 500), seed=1)
    np.testing.assert_array_equal(result.X * 4.0, np.round(result.X * 4.0))


def test_a_repair_that_leaves_the_bounds_is_held_within_them_with_a_warning():
    class Partner(Repair):
        """The second variable is 1.5 less the first: up to 1.5, where the bounds end at 1."""

        def _do(self, problem, X, **kwargs):
            X[:, 1] = 1.5 - X[:, 0]
            return X

    problem = Plain()
    with pytest.warns(RuntimeWarning, match="the repair Partner leaves the bounds"):
        result = minimize(problem, CSMOIFSA(pop_size=20, repair=Partner()), ("n_eval", 200), seed=1)
    seen = np.array(problem.seen)
    np.testing.assert_array_equal(seen[:, 1], np.minimum(1.5 - seen[:, 0], 1.0))
    np.testing.assert_array_equal(problem.evaluate(result.X, return_values_of=["F"]), result.F)
    Partner._do = lambda self, problem, X, **kwargs: X[:, :1]
    with pytest.raises(InputError, match=r"returned X of shape \(\d+, 1\)"):
        minimize(problem, CSMOIFSA(pop_size=20, repair=Partner()), ("n_eval", 200), seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repair": "round"}, "repair must be an object"),
        ({"repair": RoundingRepair}, "repair must be an object"),
        ({"eliminate_duplicates": "yes"}, "eliminate_duplicates must be True, False"),
        ({"on_error": "ignore"}, "on_error must be one of raise, discard"),
    ],
)
def test_operators_of_another_kind_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        CSMOIFSA(**options)


@algorithms
def test_no_candidate_equals_an_individual_or_another_candidate(make):
    problem = Plain(n_var=3, xl=0, xu=4)
    algorithm = make(pop_size=20, repair=RoundingRepair()).setup(problem, seed=1, termination=("n_eval", 200))
    while algorithm.has_next():
        infills = algorithm.ask()
        new = [tuple(x) for x in infills.get("X")]
        old = [tuple(x) for x in algorithm.pop.get("X")] if algorithm.is_initialized else []
        assert len({*new, *old}) == len(new) + len({*old})
        algorithm.evaluator.eval(problem, infills)
        algorithm.tell(infills=infills)
        np.testing.assert_array_equal(
            problem.evaluate(algorithm.pop.get("X"), return_values_of=["F"]), algorithm.pop.get("F")
        )
    assert algorithm.evaluator.n_eval == 200


@pytest.mark.parametrize("n_var", [2, 3])
def test_a_run_ends_where_each_point_is_in_the_population(n_var):
    problem = Plain(n_var=n_var, xl=0, xu=2)
    result = minimize(problem, CSMOIFSA(pop_size=30, repair=RoundingRepair()), ("n_eval", 1000), seed=1)
    assert len({tuple(x) for x in problem.seen}) == len(problem.seen) == 3**n_var
    assert result.algorithm.evaluator.n_eval == len(problem.seen)


def test_own_elimination_of_duplicates_is_used():
    class Near(ElementwiseDuplicateElimination):
        def is_equal(self, a, b):
            return np.abs(a.X - b.X).max() < 0.02

    problem = Plain(n_var=2)
    minimize(problem, CSMOIFSA(pop_size=20, eliminate_duplicates=Near()), ("n_eval", 60), seed=1)
    X = np.array(problem.seen)
    gaps = np.abs(X[:, None] - X[None]).max(axis=2)
    gaps[np.diag_indices(len(X))] = 1.0
    assert gaps[:20, :20].min() >= 0.02
    for start in range(20, 60, 10):  # batches of ten
        assert gaps[start : start + 10, start : start + 10].min() >= 0.02


# ------------------------------------------------------------------------------------------- further outputs, wrappers
@algorithms
@pytest.mark.parametrize("options", [{}, {"eliminate_duplicates": True}])
def test_further_outputs_stay_with_their_individual(make, options):
    result = minimize(Plain(), make(pop_size=20, **options), ("n_eval", 300), seed=1)
    for population in (result.opt, result.pop):
        X = population.get("X")
        np.testing.assert_array_equal(population.get("twice"), 2.0 * X)
        assert [one["sum"] for one in population.get("row")] == [float(x.sum()) for x in X]
    assert len(result.algorithm.exchange.records) <= 4 * len(result.algorithm.engine.board.population.CV)


@algorithms
def test_constraints_become_an_objective(make):
    problem = get_problem("bnh")
    wrapped = ConstraintsAsObjective(problem)
    result = minimize(wrapped, make(pop_size=20), ("n_eval", 300), seed=1)
    out = problem.evaluate(result.X, return_as_dictionary=True, return_values_of=["F", "G"])
    np.testing.assert_allclose(result.F, np.column_stack([np.maximum(out["G"], 0).sum(axis=1), out["F"]]))
    np.testing.assert_array_equal(result.opt.get("__G__"), out["G"])


def test_constraints_become_a_penalty():
    problem = get_problem("bnh")

    class Penalised(ConstraintsAsPenalty):
        """As pymoo's, which adds the penalty to a single objective only (pymoo 0.6.2)."""

        def do(self, X, return_values_of, *args, **kwargs):
            out = self.__object__.do(X, return_values_of, *args, **kwargs)
            CV = np.maximum(out["G"], 0.0).sum(axis=1, keepdims=True)
            return {"F": out["F"] + self.penalty * CV}

    result = minimize(Penalised(problem, penalty=100.0), CSMOIFSA(pop_size=20), ("n_eval", 600), seed=1)
    out = problem.evaluate(result.X, return_as_dictionary=True, return_values_of=["F", "G"])
    np.testing.assert_allclose(result.F, out["F"] + 100.0 * np.maximum(out["G"], 0.0).sum(axis=1, keepdims=True))


def test_a_wrapper_of_a_compiled_problem_is_evaluated_as_the_wrapper():
    problem = load_problem("zdt1")
    result = minimize(ConstraintsAsObjective(problem), CSMOIFSA(pop_size=20), ("n_eval", 100), seed=1)
    np.testing.assert_array_equal(result.F[:, 0], 0.0)
    np.testing.assert_allclose(result.F[:, 1:], problem.evaluate(result.X))


# -------------------------------------------------------------------------------------------------- failed evaluations
class Fragile(ElementwiseProblem):
    """Fails where the first variable is above 0.7, in one of three ways."""

    def __init__(self, **options):
        super().__init__(n_var=3, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0, **options)
        self.failures = 0

    def _evaluate(self, x, out, *args, **kwargs):
        out["F"], out["G"] = [1.0 - x[0] + x[1], 1.0 - x[0] + x[2]], [0.1 - x[0]]
        if x[0] > 0.7:
            self.failures += 1
            where, what = [("F", np.nan), ("F", np.inf), ("G", np.nan)][self.failures % 3]
            out[where][0] = what


@algorithms
@pytest.mark.parametrize("options", [{}, {"eliminate_duplicates": True}])
def test_failed_evaluations_are_discarded_counted_and_reported(make, options):
    problem = Fragile()
    algorithm = make(pop_size=20, on_error="discard", **options)
    with pytest.warns(RuntimeWarning, match=r"\d+ of 400 evaluations failed"):
        result = minimize(problem, algorithm, ("n_eval", 400), seed=1)
    assert result.algorithm.n_discarded == problem.failures == result.data["n_discarded"] > 0
    assert (result.X[:, 0] <= 0.7).all()
    assert result.F.min() < 0.45
    np.testing.assert_array_equal(problem.evaluate(result.X, return_values_of=["F"]), result.F)
    X, F, CV = result.pop.get("X", "F", "CV")
    np.testing.assert_array_equal(X[:, 0] > 0.7, np.isinf(F).all(axis=1))
    np.testing.assert_array_equal(X[:, 0] > 0.7, np.isinf(CV[:, 0]))


@algorithms
def test_a_run_of_failures_only_gives_no_result(make):
    class Broken(Plain):
        def _evaluate(self, X, out, *args, **kwargs):
            out["F"] = np.full((len(X), 2), np.nan)

    with pytest.warns(RuntimeWarning, match="60 of 60 evaluations failed"):
        result = minimize(Broken(), make(pop_size=20, on_error="discard"), ("n_eval", 60), seed=1)
    assert result.F is None


def test_without_failures_discarding_changes_nothing():
    results = [
        minimize(get_problem("zdt1"), CSMOIFSA(on_error=word), ("n_eval", 500), seed=1).F
        for word in ("raise", "discard")
    ]
    np.testing.assert_array_equal(*results)


# --------------------------------------------------------------------------------------------------------- checkpoints
@algorithms
def test_a_run_with_operators_goes_on_bit_for_bit(make, tmp_path):
    options = {"repair": RoundingRepair(), "on_error": "discard"}
    problem, path = Plain(xl=0, xu=40), tmp_path / "run.npz"
    whole = minimize(problem, make(pop_size=20, **options), ("n_eval", 600), seed=1)
    half = make(pop_size=20, **options).setup(problem, seed=1, termination=("n_eval", 250))
    half.run()
    half.save(path)
    kind = type(half)
    rest = minimize(problem, kind.load(path, problem, **options), ("n_eval", 600))
    np.testing.assert_array_equal(rest.F, whole.F)
    np.testing.assert_array_equal(rest.X, whole.X)
    assert rest.X.dtype == whole.X.dtype
    np.testing.assert_array_equal(rest.opt.get("twice"), whole.opt.get("twice"))
    with pytest.raises(InputError, match=r"was saved with .*RoundingRepair"):
        kind.load(path, problem)


def test_evaluations_saved_are_those_made(tmp_path):
    problem, path = Plain(), tmp_path / "run.npz"
    start = Evaluator().eval(problem, Population.new(X=np.random.default_rng(2).random((20, 4))))
    first = minimize(problem, CSMOIFSA(pop_size=20, sampling=start), ("n_eval", 50), seed=1).algorithm
    first.save(path)
    assert minimize(problem, CSMOIFSA.load(path, problem), ("n_eval", 90)).algorithm.evaluator.n_eval == 90
    assert minimize(problem, CSMOIFSA.load(path, problem), ("n_eval", 50)).algorithm.evaluator.n_eval == 50
