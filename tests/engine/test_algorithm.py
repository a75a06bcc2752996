"""The pymoo door: whatever works with a pymoo algorithm works with ours."""

from __future__ import annotations

import copy
import pickle
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.callback import Callback
from pymoo.core.population import Population
from pymoo.core.problem import ElementwiseProblem, Problem
from pymoo.core.variable import Integer, Real
from pymoo.optimize import minimize
from pymoo.parallelization.starmap import StarmapParallelization
from pymoo.problems import get_problem
from pymoo.termination import get_termination

from csmoifsa import CSMOIFSA, MOAFSA
from csmoifsa.errors import InputError

MAKERS = {"csmoifsa": CSMOIFSA, "moafsa": MOAFSA, "paper": lambda *a, **k: CSMOIFSA(*a, paper=True, **k)}
algorithms = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


class Slopes(ElementwiseProblem):
    """A constrained problem evaluated one candidate at a time: x0 + x1 >= 1, x2 = 0.5."""

    def __init__(self, **options):
        super().__init__(n_var=3, n_obj=2, n_ieq_constr=1, n_eq_constr=1, xl=0.0, xu=1.0, **options)

    def _evaluate(self, x, out, *args, **kwargs):
        out["F"] = [x[0] + x[2], x[1] + x[2]]
        out["G"] = [1.0 - x[0] - x[1]]
        out["H"] = [x[2] - 0.5]


@algorithms
@pytest.mark.parametrize("n_eval", [1, 29, 30, 31, 997])
def test_n_eval_is_honoured_exactly(make, n_eval):
    counted = []

    class Counting(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            counted.append(len(X))
            out["F"] = np.column_stack([X[:, 0], 1 - X[:, 0] + X[:, 1]])

    result = minimize(Counting(n_var=2, n_obj=2, xl=0.0, xu=1.0), make(pop_size=30), ("n_eval", n_eval), seed=1)
    assert sum(counted) == n_eval == result.algorithm.evaluator.n_eval


@algorithms
def test_a_generation_is_pop_size_evaluations(make):
    result = minimize(get_problem("zdt1"), make(pop_size=30), ("n_gen", 7), seed=1)
    assert result.algorithm.evaluator.n_eval == 210


@algorithms
def test_time_and_default_termination(make):
    problem = get_problem("zdt1", n_var=3)
    result = minimize(problem, make(pop_size=20), get_termination("time", 0.3), seed=1)
    assert 0.3 <= result.exec_time < 3.0
    result = minimize(problem, make(pop_size=20), seed=1)
    assert result.algorithm.evaluator.n_eval <= 100_000


def test_budget_is_found_inside_collections():
    from pymoo.core.termination import TerminateIfAny

    either = TerminateIfAny(get_termination("n_gen", 1000), get_termination("n_eval", 333))
    assert minimize(get_problem("zdt1"), CSMOIFSA(pop_size=50), either, seed=1).algorithm.evaluator.n_eval == 333


@algorithms
def test_same_seed_same_front_and_a_fresh_one_without(make):
    problem = get_problem("dtlz2", n_var=7, n_obj=3)
    fronts = [minimize(problem, make(pop_size=20), ("n_eval", 400), seed=s).F for s in (4, 4, 5, None, None)]
    assert np.array_equal(fronts[0], fronts[1])
    assert not np.array_equal(fronts[0], fronts[2])
    assert not np.array_equal(fronts[3], fronts[4])


@algorithms
def test_result_holds_what_pymoo_promises(make):
    result = minimize(Slopes(), make(pop_size=40), ("n_eval", 4000), seed=1)
    assert result.X.shape == (len(result.F), 3)
    assert result.G.shape == result.H.shape == (len(result.F), 1)
    np.testing.assert_allclose(result.G[:, 0], 1 - result.X[:, 0] - result.X[:, 1], atol=1e-12)
    np.testing.assert_allclose(result.F, result.X[:, :2] + result.X[:, 2:], atol=1e-12)
    feasible = result.CV[:, 0] == 0
    assert feasible.all()
    assert result.opt.get("FEAS").all()
    assert len(result.pop) >= len(result.opt)


def test_equality_and_inequality_constraints_are_met():
    result = minimize(Slopes(), CSMOIFSA(pop_size=40), ("n_eval", 6000), seed=1)
    assert np.abs(result.X[:, 2] - 0.5).max() <= 1e-4
    assert (result.X[:, 0] + result.X[:, 1]).min() >= 1.0
    assert result.F.sum(axis=1).mean() < 2.02  # the true front: f1 + f2 = 2


@algorithms
def test_no_feasible_point_gives_none_or_the_least_infeasible(make):
    class Never(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            out["F"], out["G"] = X, 1.0 + X[:, :1]

    problem = Never(n_var=2, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0)
    assert minimize(problem, make(pop_size=20), ("n_eval", 100), seed=1).F is None
    least = minimize(problem, make(pop_size=20), ("n_eval", 100), seed=1, return_least_infeasible=True)
    assert (least.CV >= 1.0).all()


@algorithms
def test_elementwise_runner_vectorised_and_threads_agree(make):
    class Rows(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            out["F"] = np.column_stack([X[:, 0] + X[:, 2], X[:, 1] + X[:, 2]])
            out["G"] = 1.0 - X[:, 0] - X[:, 1]
            out["H"] = X[:, 2] - 0.5

    rows = Rows(n_var=3, n_obj=2, n_ieq_constr=1, n_eq_constr=1, xl=0.0, xu=1.0)
    with ThreadPool(2) as pool:
        problems = [rows, Slopes(), Slopes(elementwise_runner=StarmapParallelization(pool.starmap))]
        fronts = [
            minimize(p, make(pop_size=20), ("n_eval", 300), seed=2, return_least_infeasible=True).F for p in problems
        ]
    assert np.array_equal(fronts[0], fronts[1])
    assert np.array_equal(fronts[0], fronts[2])


@algorithms
def test_ask_and_tell_equal_minimize_and_count_generations_alike(make):
    problem = get_problem("bnh")
    algorithm = make(pop_size=30).setup(problem, seed=1, termination=("n_eval", 997))
    broods = 0
    while algorithm.has_next():
        infills = algorithm.ask()
        assert isinstance(infills, Population)
        algorithm.evaluator.eval(problem, infills)
        algorithm.tell(infills=infills)
        broods += 1
    other = minimize(problem, make(pop_size=30), ("n_eval", 997), seed=1)
    assert np.array_equal(algorithm.result().F, other.F)
    assert np.array_equal(algorithm.result().G, other.G)
    assert algorithm.n_gen == other.algorithm.n_gen
    assert broods > algorithm.n_gen - 1


def test_ask_hands_out_one_brood():
    algorithm = CSMOIFSA(pop_size=30, n_offsprings=8).setup(get_problem("zdt1"), seed=1)
    sizes = []
    for _ in range(3):
        infills = algorithm.ask()
        sizes.append(len(infills))
        algorithm.evaluator.eval(algorithm.problem, infills)
        algorithm.tell(infills=infills)
    assert sizes == [30, 8, 8]


def test_told_without_constraint_values_is_an_error():
    problem = get_problem("bnh")
    algorithm = CSMOIFSA(pop_size=10).setup(problem, seed=1)
    infills = algorithm.ask()
    infills.set("F", np.ones((10, 2)))
    with pytest.raises(InputError, match="2 inequality"):
        algorithm.tell(infills=infills)


@algorithms
def test_callback_history_and_display(make, capsys):
    class Watch(Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def notify(self, algorithm):
            self.seen.append((algorithm.n_gen, len(algorithm.opt), algorithm.evaluator.n_eval))

    watch = Watch()
    result = minimize(
        get_problem("zdt1"), make(pop_size=20), ("n_gen", 5), seed=1, callback=watch, save_history=True, verbose=True
    )
    assert [n for n, _, _ in watch.seen] == [1, 2, 3, 4, 5]
    assert [n for _, _, n in watch.seen] == [20, 40, 60, 80, 100]
    assert [len(entry.opt) for entry in result.history] == [n for _, n, _ in watch.seen]
    assert "n_eval" in capsys.readouterr().out


@algorithms
def test_copies_and_pickles_go_their_own_way(make):
    problem = get_problem("zdt1")
    algorithm = make(pop_size=20)
    minimize(problem, algorithm, ("n_eval", 100), seed=1)
    assert algorithm.problem is None  # copy_algorithm: the caller's object stays fresh
    algorithm.setup(problem, seed=1, termination=("n_eval", 500))
    for _ in range(5):
        algorithm.next()
    twins = [copy.deepcopy(algorithm), pickle.loads(pickle.dumps(algorithm))]
    expected = algorithm.run().F
    for twin in twins:
        assert np.array_equal(twin.run().F, expected)


@algorithms
def test_sampling_gives_the_first_positions(make):
    problem = get_problem("zdt1", n_var=4)
    first = np.random.default_rng(3).random((20, 4))
    seen = []

    class Watch(Callback):
        def notify(self, algorithm):
            if algorithm.n_gen == 1:
                seen.append(algorithm.opt.get("X"))

    for sampling in (first, Population.new(X=first)):
        minimize(problem, make(pop_size=20, sampling=sampling), ("n_gen", 2), seed=1, callback=Watch())
    for X in seen:
        assert all(np.isclose(first, x, rtol=1e-15).all(axis=1).any() for x in X)


def refused(problem, message, **options):
    with pytest.raises(InputError, match=message):
        minimize(problem, CSMOIFSA(pop_size=10), ("n_eval", 20), seed=1)


def test_unsuitable_problems_are_refused_before_the_first_evaluation():
    class Untouched(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            raise AssertionError("evaluated")

    refused(Untouched(n_var=2, n_obj=2, xl=0, xu=1, vtype=complex), "type complex128")
    refused(Untouched(n_obj=2, vars={"a": Real(bounds=(0, 1)), "b": Integer(bounds=(0.1, 0.3))}), "no whole number")
    refused(Untouched(n_var=2, n_obj=1, xl=0, xu=1), "one objective")
    refused(Untouched(n_var=2, n_obj=2), "no bounds")
    refused(Untouched(n_var=2, n_obj=2, xl=np.array([0, -np.inf]), xu=np.ones(2)), "variable 1 has no finite bound")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_values_name_the_row(value):
    class Bad(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            out["F"] = np.column_stack([X[:, 0], X[:, 1]])
            out["F"][3, 1] = value

    refused(Bad(n_var=2, n_obj=2, xl=0.0, xu=1.0), "in row 3 of X")


def test_forgotten_objectives_are_told():
    class Empty(Problem):
        def _evaluate(self, X, out, *args, **kwargs):
            pass

    refused(Empty(n_var=2, n_obj=2, xl=0.0, xu=1.0), "in row 0 of X")


def test_unknown_settings_are_refused_with_a_hint():
    with pytest.raises(InputError, match=r"unknown setting 'n_offspring'.*Did you mean 'n_offsprings'"):
        CSMOIFSA(n_offspring=5)
    with pytest.raises(InputError, match="unknown setting 'n_offsprings'"):
        MOAFSA(n_offsprings=5)


def test_beats_nsga2_where_it_should():
    """A smoke test of quality on a standard and a shifted problem; the full comparison is in benchmarks."""
    import moocore

    problem = get_problem("zdt1")
    front = problem.pareto_front(n_pareto_points=1000)
    ours, theirs = (
        np.median([moocore.igd(minimize(problem, a, ("n_eval", 5000), seed=s).F, ref=front) for s in range(3)])
        for a in (CSMOIFSA(pop_size=100), NSGA2(pop_size=100))
    )
    assert ours < 0.5 * theirs


def test_a_subclass_with_its_own_evaluation_is_not_run_with_the_inherited_kernel():
    from csmoifsa import load_problem

    base = type(load_problem("zdt1"))

    class Doubled(base):
        def _evaluate(self, X, out, *args, **kwargs):
            super()._evaluate(X, out)
            out["F"] = 2 * out["F"] + 1

    result = minimize(Doubled(), CSMOIFSA(pop_size=20), ("n_eval", 300), seed=1)
    assert result.F.min() >= 1.0


@algorithms
@pytest.mark.parametrize("name", ["zdt3", "bnh", "dtlz2"])
def test_units_of_the_objectives_change_nothing(make, name):
    from csmoifsa import load_problem

    class Units(Problem):
        """The problem with objectives in other units; powers of two, so that nothing is rounded."""

        def __init__(self, inner, units):
            bounds = {"xl": inner.xl, "xu": inner.xu}
            super().__init__(n_var=inner.n_var, n_obj=inner.n_obj, n_ieq_constr=inner.n_ieq_constr, **bounds)
            self.inner, self.units = inner, units[: inner.n_obj]

        def _evaluate(self, X, out, *args, **kwargs):
            self.inner._evaluate(X, out)
            out["F"] = out["F"] * self.units

    plain, scaled = (
        minimize(Units(load_problem(name), np.array(units)), make(pop_size=30), ("n_eval", 3000), seed=4)
        for units in ([1.0, 1.0, 1.0], [2.0**30, 2.0**-20, 64.0])
    )
    assert np.array_equal(plain.X, scaled.X)


@pytest.mark.parametrize("name", ["zdt1", "zdt4-shifted", "zdt6-rotated"])
@pytest.mark.parametrize("n_eval", [100, 995, 3000])
def test_compiled_loop_and_batch_path_give_the_same_front(name, n_eval):
    from csmoifsa import load_problem

    class Batch(Problem):
        """The same problem without its compiled evaluator."""

        def __init__(self, inner):
            super().__init__(n_var=inner.n_var, n_obj=inner.n_obj, xl=inner.xl, xu=inner.xu)
            self.inner = inner

        def _evaluate(self, X, out, *args, **kwargs):
            out["F"] = self.inner.evaluate(X)

    problem = load_problem(name)
    compiled, batch = (
        minimize(p, CSMOIFSA(pop_size=50), ("n_eval", n_eval), seed=2) for p in (problem, Batch(problem))
    )
    assert np.array_equal(compiled.F, batch.F)
    assert np.array_equal(compiled.X, batch.X)
    assert compiled.algorithm.evaluator.n_eval == batch.algorithm.evaluator.n_eval == n_eval


@algorithms
@pytest.mark.parametrize("call", [lambda a: a.next(), lambda a: a.run(), lambda a: a.save("run.npz")])
def test_a_call_that_needs_a_problem_says_that_setup_comes_first(make, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"call setup\(problem\)"):
        call(make(pop_size=10))
    assert not any(tmp_path.iterdir())


@algorithms
def test_the_result_holds_the_same_rows_as_arrays_and_as_objects(make):
    result = minimize(Slopes(), make(pop_size=20), ("n_eval", 600), seed=1)
    assert len(result.opt) == len(result.F) > 1
    for name in ("X", "F", "CV", "G", "H"):
        assert np.array_equal(getattr(result, name), np.asarray(result.opt.get(name), dtype=float)), name
    again = pickle.loads(pickle.dumps(result))
    assert np.array_equal(again.pop.get("X"), result.pop.get("X"))


def test_a_result_stays_as_it_was_when_the_run_goes_on():
    algorithm = CSMOIFSA(pop_size=20).setup(get_problem("zdt1"), termination=("n_eval", 2000), seed=1)
    for _ in range(3):
        algorithm.next()
    result = algorithm.result()
    F, pop = result.F.copy(), algorithm.pop.get("X").copy()
    algorithm.next()
    assert np.array_equal(result.F, F)
    assert np.array_equal(result.pop.get("X"), pop)
    result.pop = None
    assert result.exec_time >= 0.0
