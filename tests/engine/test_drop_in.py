"""What users of a pymoo algorithm expect: generations, hyperparameters, batches for workers, any kind of input."""

from __future__ import annotations

import copy
import threading
import time
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest
from pymoo.algorithms.hyperparameters import HyperparameterProblem
from pymoo.core.callback import Callback
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.parameters import flatten, get_params, hierarchical, set_params
from pymoo.core.problem import ElementwiseProblem, Problem
from pymoo.optimize import minimize
from pymoo.parallelization.joblib import JoblibParallelization
from pymoo.parallelization.starmap import StarmapParallelization
from pymoo.problems import get_problem
from test_algorithm import algorithms

from csmoifsa import CSMOIFSA, MOAFSA, load_problem
from csmoifsa.errors import InputError
from csmoifsa.generations import Generations
from csmoifsa.operators import n_workers


# --------------------------------------------------------------------------------------------------------- generations
def test_generations_agree_with_counting_one_by_one():
    for first, size in ((7, 7), (7, 3), (4, 9)):
        generations = Generations(first, size)
        ends = first + size * np.arange(50)
        for n in range(40):
            assert generations.finished(n) == np.count_nonzero(ends <= n)
            for more in (1, 2, 5):
                assert generations.left(n, more) == ends[generations.finished(n) + more - 1] - n
            for budget in range(1, 30):
                whole = np.ceil(generations.within(n, budget))
                assert whole == np.count_nonzero((ends > n) & (ends < n + budget)) + 1


@pytest.mark.parametrize("problem", ["zdt1", "bnh"])
def test_n_offsprings_is_the_size_of_a_generation(problem):
    counts = []

    class Watch(Callback):
        def notify(self, algorithm):
            counts.append(algorithm.evaluator.n_eval)

    problem = load_problem(problem)
    algorithm = CSMOIFSA(pop_size=20, n_offsprings=6)
    watched = minimize(problem, algorithm, ("n_gen", 5), seed=1, callback=Watch())
    assert counts == [20, 26, 32, 38, 44]
    result = minimize(problem, algorithm, ("n_gen", 5), seed=1)
    assert (result.algorithm.evaluator.n_eval, result.algorithm.n_gen) == (44, watched.algorithm.n_gen)
    np.testing.assert_array_equal(result.F, watched.F)
    assert minimize(problem, CSMOIFSA(pop_size=20, n_offsprings=None), ("n_gen", 3)).algorithm.evaluator.n_eval == 60


def test_a_resumed_run_counts_its_generations_as_before(tmp_path):
    problem = get_problem("bnh")
    for options, expected in (({}, 100), ({"n_offsprings": 6}, 44)):
        algorithm = CSMOIFSA(pop_size=20, **options)
        half = minimize(problem, algorithm, ("n_gen", 2), seed=1).algorithm
        half.save(tmp_path / "run.npz")
        rest = minimize(problem, CSMOIFSA.load(tmp_path / "run.npz", problem), ("n_gen", 5))
        assert rest.algorithm.evaluator.n_eval == expected
        np.testing.assert_array_equal(rest.F, minimize(problem, algorithm, ("n_gen", 5), seed=1).F)


# ----------------------------------------------------------------------------------------------------- hyperparameters
@pytest.mark.parametrize("make", [CSMOIFSA, MOAFSA])
def test_hyperparameters_are_read_and_set_with_pymoo(make):
    algorithm = make(pop_size=20)
    variables = flatten(get_params(algorithm))
    assert len(variables) >= 8
    rng = np.random.default_rng(1)
    drawn = {name: variable.sample(random_state=rng) for name, variable in variables.items()}
    for name, variable in variables.items():
        settings_name = name.removeprefix("hyperparameters.")
        assert variable.get() == getattr(algorithm.settings, settings_name)
        if variable.vtype is not bool:
            assert variable.lb <= variable.get() <= variable.ub
    set_params(algorithm, hierarchical(drawn))
    result = minimize(get_problem("zdt1"), algorithm, ("n_eval", 100), seed=1)
    used = result.algorithm.engine.settings
    for name, value in drawn.items():
        assert getattr(used, name.split(".")[1]) == value


def test_a_hyperparameter_out_of_range_is_refused_before_the_first_evaluation():
    algorithm = CSMOIFSA()
    set_params(algorithm, {"hyperparameters": {"outbreeding_rate": 3.0}})
    with pytest.raises(InputError, match="setting outbreeding_rate must lie between 0 and 1"):
        minimize(get_problem("zdt1"), algorithm, ("n_eval", 100), seed=1)


def test_pymoo_tunes_the_hyperparameters():
    def performance(algorithm):
        F = minimize(get_problem("zdt1", n_var=5), algorithm, ("n_eval", 60), seed=1).F
        return {"F": F.sum(axis=1).min()}

    problem = HyperparameterProblem(CSMOIFSA(pop_size=10), performance, n_obj=1)
    tuned = minimize(problem, MixedVariableGA(pop_size=4), ("n_eval", 8), seed=1)
    assert tuned.F[0] <= performance(CSMOIFSA(pop_size=10))["F"] * 1.5
    assert set(tuned.X) == set(flatten(get_params(CSMOIFSA())))


# --------------------------------------------------------------------------------------------- batches for the workers
class Slow(ElementwiseProblem):
    """Counts how many evaluations run at once."""

    def __init__(self, seconds=0.0, **options):
        super().__init__(n_var=3, n_obj=2, xl=0.0, xu=1.0, **options)
        self.seconds = seconds

    def _evaluate(self, x, out, *args, **kwargs):
        time.sleep(self.seconds)
        out["F"] = [x[0], 1.0 - x[0] + x[1] + x[2]]


@pytest.mark.parametrize(("workers", "batch"), [(1, 10), (2, 10), (4, 12), (10, 10), (16, 16), (25, 25)])
def test_the_batch_keeps_every_worker_busy(workers, batch):
    with ThreadPool(workers) as pool:
        problem = Slow(elementwise_runner=StarmapParallelization(pool.starmap))
        assert n_workers(problem) == workers
        algorithm = CSMOIFSA(pop_size=20)
        result = minimize(problem, algorithm, ("n_eval", 100), seed=1)
        assert result.algorithm.settings.n_offsprings == result.algorithm.engine.settings.n_offsprings == batch
        fixed = minimize(problem, CSMOIFSA(pop_size=20, n_offsprings=7), ("n_eval", 40), seed=1)
        assert fixed.algorithm.settings.n_offsprings == 7
    # the batch, not the pool, decides the front
    alone = minimize(Slow(), CSMOIFSA(pop_size=20, n_offsprings=batch), ("n_eval", 100), seed=1)
    np.testing.assert_array_equal(result.F, alone.F)


def test_workers_of_joblib_and_of_problems_without_a_runner():
    assert n_workers(Slow(elementwise_runner=JoblibParallelization(n_jobs=3))) == 3
    assert n_workers(get_problem("zdt1")) == 1
    assert n_workers(Slow()) == 1

    class Client:
        def nthreads(self):
            return {"tcp://a": 4, "tcp://b": 2}

    runner = type("Runner", (), {"client": Client()})()
    assert n_workers(Slow(elementwise_runner=runner)) == 6


def test_another_problem_gets_its_own_batch():
    algorithm = CSMOIFSA(pop_size=20)
    with ThreadPool(16) as pool:
        algorithm.setup(Slow(elementwise_runner=StarmapParallelization(pool.starmap)), termination=("n_eval", 40))
        assert algorithm.settings.n_offsprings == 16
    algorithm.setup(Slow(), termination=("n_eval", 40))
    assert algorithm.settings.n_offsprings == 10


# ----------------------------------------------------------------------------------------------------- kinds of input
@algorithms
def test_seeds_of_numpy_are_seeds(make):
    fronts = [
        minimize(get_problem("bnh"), make(pop_size=20), ("n_eval", 200), seed=kind(7)).F
        for kind in (int, np.int64, np.int32, np.uint8, np.uint64)
    ]
    for front in fronts[1:]:
        np.testing.assert_array_equal(front, fronts[0])


@algorithms
def test_results_of_any_layout_are_the_same_results(make):
    class Laid(Problem):
        def __init__(self, how):
            super().__init__(n_var=3, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0)
            self.how = how

        def _evaluate(self, X, out, *args, **kwargs):
            F = np.round(np.column_stack([X[:, 0], 1.0 - X[:, 0] + X[:, 1]]) * 64.0)  # whole numbers: exact as float32
            G = np.round(32.0 * (X[:, 2] - 0.5))
            out["F"], out["G"] = self.how(F), self.how(G)

    ways = [
        lambda a: a,
        np.asfortranarray,
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.int64),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: [column for column in a.T] if a.ndim == 2 else list(a),
    ]
    fronts = [minimize(Laid(way), make(pop_size=20), ("n_eval", 300), seed=1) for way in ways]
    for result in fronts[1:]:
        np.testing.assert_array_equal(result.F, fronts[0].F)
        np.testing.assert_array_equal(result.X, fronts[0].X)


@algorithms
def test_runs_in_threads_and_copies_give_the_same_front(make):
    problem, fronts = get_problem("zdt1"), {}
    algorithm = make(pop_size=20)

    def run(name, one):
        fronts[name] = minimize(problem, one, ("n_eval", 400), seed=3).F

    threads = [threading.Thread(target=run, args=(i, algorithm)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run("copy", copy.deepcopy(algorithm))
    run("alone", make(pop_size=20))
    for front in fronts.values():
        np.testing.assert_array_equal(front, fronts["alone"])
