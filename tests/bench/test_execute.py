"""One run: pure, counted by the observer, never beyond its budget, measured from the candidates alone."""

import random
from types import SimpleNamespace

import moocore
import numpy as np
import pytest
from pymoo.core.problem import Problem

from csmoifsa import load_problem
from csmoifsa_bench import rivals
from csmoifsa_bench.cells import grid
from csmoifsa_bench.execute import execute, first_population, quiet
from csmoifsa_bench.recorder import UNDEFINED, Exhausted, Recorder, truncate
from csmoifsa_bench.rivals import Task, generations
from csmoifsa_bench.rivals.with_deap import least_contribution
from csmoifsa_bench.suite import check_suite

ALGORITHMS = {
    "pymoo": ["csmoifsa", "moafsa", "nsga2", "gde3", "mopso-cd", "moead", "nsga3", "spea2", "rvea", "ctaea", "unsga3"],
    "pygmo": ["nsga2", "moead", "moead_gen", "nspso", "maco"],
    "jmetalpy": ["NSGAII", "SMPSO", "GDE3", "SPEA2", "OMOPSO", "MOCell", "HYPE"],
    "platypus": ["NSGAII", "SMPSO", "GDE3", "OMOPSO", "EpsMOEA", "IBEA"],
    "pymoode": ["GDE3", "NSDE", "NSDER"],
    "comocma": ["COMO-CMA-ES"],
    "deap": ["MO-CMA-ES"],
}
CONSTRAINED = [
    *(("jmetalpy", "NSGAII"), ("jmetalpy", "MOCell"), ("platypus", "NSGAII"), ("pymoo", "nsga2"), ("pymoo", "ctaea")),
    *(("pymoode", "GDE3"), ("pymoode", "NSDE"), ("pymoode", "NSDER")),
]
SLOW_IN_LARGE = ("HYPE", "IBEA")  # all pairs in Python
OWN_START = ("COMO-CMA-ES",)  # its way with bounds moves candidates that are near one
EVERY = [(library, name) for library, names in ALGORITHMS.items() for name in names]


def cell(library="pymoo", name="csmoifsa", problem="zdt1", **values):
    suite = {"name": "t", "budget": 240, "snapshots": [80, 150], "pop_size": 40, "runs": 1, "points": 30, **values}
    suite = {**suite, "problems": [{"name": problem}], "algorithms": [{"name": name, "library": library}]}
    return next(grid(check_suite(suite)))


def needs(library):
    if not rivals.installed(library):
        pytest.skip(f"{library} of the extra 'peers' is not installed")


class Spy(Problem):
    """Two objectives; keeps every candidate it was asked about."""

    seen: list

    def __init__(self):
        super().__init__(n_var=4, n_obj=2, xl=-1.0, xu=2.0)

    def _evaluate(self, X, out, *args, **kwargs):
        Spy.seen.append(X.copy())
        out["F"] = np.column_stack([(X**2).sum(axis=1), ((X - 1) ** 2).sum(axis=1)])


WHOLE = """
from pymoo.core.problem import Problem


class Whole(Problem):
    def __init__(self):
        super().__init__(n_var=2, n_obj=2, xl=-3, xu=3, vtype=int)

    def _evaluate(self, X, out, *args, **kwargs):
        out["F"] = abs(X - [[1, 2]])
"""


@pytest.mark.parametrize(("library", "name"), EVERY)
def test_every_algorithm_is_counted_starts_alike_and_is_a_pure_function(library, name):
    needs(library)
    work = cell(library, name, pop_size=12 if name in SLOW_IN_LARGE else 40)
    random.seed(1)
    before = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    one = execute(work)
    assert one.error == "", one.traceback
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    np.random.seed(99)  # noqa: NPY002 - a library that draws from the global generators must not depend on their state
    random.seed(99)
    two = execute(work)
    assert 200 < one.n_eval <= 240
    assert one.same_start is (name not in OWN_START)
    assert [s.stop for s in one.snapshots] == [80, 150, 240]
    for a, b in zip(one.snapshots, two.snapshots, strict=True):
        assert a.n_eval == b.n_eval <= a.stop
        assert np.array_equal(a.F, b.F)
        assert 1 <= len(a.F) <= 30
    assert two.n_eval == one.n_eval


class Corners(Spy):
    """Both objectives are best outside the box, at opposite corners, so that a search is pressed against its bounds."""

    def _evaluate(self, X, out, *args, **kwargs):
        Spy.seen.append(X.copy())
        out["F"] = np.column_stack([((X + 2) ** 2).sum(axis=1), ((X - 3) ** 2).sum(axis=1)])


@pytest.mark.parametrize(("library", "name"), EVERY)
def test_every_algorithm_counts_as_the_problem_does_and_stays_in_bounds(library, name, tmp_path, monkeypatch):
    needs(library)
    monkeypatch.chdir(tmp_path)
    Spy.seen = []
    problem, n = Corners(), 12 if name in SLOW_IN_LARGE else 24
    start = first_population(problem, n, 5)
    with quiet(3):
        steps = generations(library, problem, Task(name, {}, n, 3, start, (10 * n,)))
        for generation in steps:
            X = np.vstack(Spy.seen)
            # Platypus also counts a child that equals its parent, which it does not evaluate again
            assert len(X) <= generation.n_eval <= len(X) * (1.1 if library == "platypus" else 1)
            answer = generation.answer()
            if generation.n_eval >= 10 * n:
                break
        steps.close()
    assert X.min() >= -1 - 1e-9
    assert X.max() <= 2 + 1e-9
    # every point of the answer was evaluated: none is a guess that the budget does not hold
    distance = np.abs(answer[:, None] - X[None]).max(axis=2).min(axis=1)
    assert distance.max() < 1e-9
    assert list(tmp_path.iterdir()) == []


def test_deap_drops_the_point_that_its_own_indicator_drops():
    needs("deap")
    from deap.tools.indicator import hypervolume

    random_numbers = np.random.default_rng(2)
    for n_obj in (2, 3):
        for _ in range(20):
            F = random_numbers.random((15, n_obj))
            F = F[moocore.is_nondominated(F)]
            front = [SimpleNamespace(fitness=SimpleNamespace(wvalues=tuple(-row))) for row in F]
            ref = F.max(axis=0) + 1
            assert least_contribution(front, ref) == hypervolume(front, ref=ref)


def test_deap_solves_its_own_example():
    """DEAP's example: ZDT1 in five variables with ten parents and 500 generations ends on the front."""
    needs("deap")
    suite = {"name": "t", "budget": 5000, "pop_size": 10, "runs": 1, "points": 30}
    suite["problems"] = [{"name": "zdt1", "params": {"n_var": 5}}]
    suite["algorithms"] = [{"name": "MO-CMA-ES", "library": "deap"}]
    F = execute(next(grid(check_suite(suite)))).snapshots[-1].F
    assert len(F) == 10
    assert np.mean(F[:, 1] - (1 - np.sqrt(F[:, 0]))) < 0.03
    assert np.ptp(F[:, 0]) > 0.9


@pytest.mark.parametrize(("library", "name"), [("pymoo", "spea2"), ("pygmo", "moead"), ("pygmo", "moead_gen")])
def test_three_objectives_after_two(library, name):
    needs(library)
    for problem in ("zdt1", "dtlz2"):
        assert execute(cell(library, name, problem)).error == ""


@pytest.mark.parametrize(("library", "name"), EVERY)
def test_the_first_candidates_are_the_common_population(library, name):
    needs(library)
    Spy.seen = []
    recorder = Recorder(Spy(), (200,))
    start = first_population(recorder, 40, 5)
    with quiet(3):
        steps = generations(library, recorder, Task(name, {}, 40, 3, start, (200,)))
        same_start = next(steps).same_start
        steps.close()
    assert same_start is (name not in OWN_START)
    if name in OWN_START:
        return
    seen = np.vstack(Spy.seen)[:40]
    assert np.allclose(np.sort(seen, axis=0), np.sort(start, axis=0), rtol=0, atol=1e-12)
    assert recorder.n_eval == sum(len(X) for X in Spy.seen)


def test_no_candidate_is_evaluated_beyond_the_budget():
    Spy.seen = []
    recorder = Recorder(Spy(), (5, 10))
    X = np.full((6, 4), 0.5)
    recorder.evaluate(X[:4])
    assert recorder.report(lambda: X[:1], 1)
    recorder.evaluate(X)
    assert not recorder.report(lambda: X[:2] / 2, 2)
    with pytest.raises(Exhausted):
        recorder.evaluate(X[:1])
    assert sum(len(X) for X in Spy.seen) == 10
    first, second = recorder.fronts(10)
    # at 5 only the answer after 4 was within the budget; at 10 the one after exactly 10
    assert (first.stop, first.n_eval, second.n_eval) == (5, 4, 10)
    assert np.allclose(first.F, [[1.0, 1.0]])
    assert np.allclose(second.F, [[0.25, 2.25]])  # equal points once


def test_an_answer_is_measured_by_its_candidates_and_only_feasible_points_count():
    problem = load_problem("bnh")
    recorder = Recorder(problem, (50,))
    X = np.array([[0.0, 0.0], [1.0, 1.0], [5.0, 3.0], [0.0, 3.0]])
    recorder.evaluate(X)
    recorder.report(lambda: X, 1)
    (snapshot,) = recorder.fronts(100)
    out = problem.evaluate(X, return_values_of=["F", "G"], return_as_dictionary=True)
    feasible = out["F"][(out["G"] <= 0).all(axis=1)]
    assert 0 < len(snapshot.F) <= len(feasible)
    assert all(any(np.array_equal(row, other) for other in feasible) for row in snapshot.F)


@pytest.mark.parametrize(("library", "name"), [e for e in EVERY if e[1] not in SLOW_IN_LARGE])
def test_where_a_problem_has_no_finite_value_every_algorithm_is_told_the_same(library, name):
    needs(library)

    class Gap(Spy):
        def _evaluate(self, X, out, *args, **kwargs):
            super()._evaluate(X, out)
            out["F"][X[:, 0] > 1] = np.nan

    Spy.seen = []
    recorder = Recorder(Gap(), (400,))
    told = recorder.evaluate(np.array([[0.5] * 4, [1.5] * 4]))
    assert np.isfinite(told[0]).all()
    assert (told[1] == UNDEFINED).all()
    start = first_population(recorder, 40, 5)
    with quiet(3):
        steps = generations(library, recorder, Task(name, {}, 40, 3, start, (400,)))
        try:
            for generation in steps:
                if not recorder.report(generation.answer, generation.iteration):
                    break
        except Exhausted:
            pass
        steps.close()
    (snapshot,) = recorder.fronts(100)
    assert len(snapshot.F) > 0
    assert np.isfinite(snapshot.F).all()


def test_nothing_feasible_is_an_empty_front_not_an_error():
    recorder = Recorder(load_problem("osy"), (50,))
    X = np.zeros((4, 6)) + np.array([0, 0, 1, 0, 1, 0])
    recorder.evaluate(X)
    recorder.report(lambda: X, 1)
    assert recorder.fronts(100)[0].F.shape == (0, 2)


def test_iterations_can_be_counted_instead():
    outcome = execute(cell(name="moafsa", count="iterations", budget=3, snapshots=[1]))
    assert [s.stop for s in outcome.snapshots] == [1, 3]
    assert outcome.snapshots[0].n_eval < outcome.snapshots[1].n_eval
    assert outcome.n_eval > 3 * 40  # an iteration of a swarm costs more than one evaluation a fish


def test_our_algorithms_find_the_same_front_observed_or_not():
    from pymoo.optimize import minimize

    from csmoifsa.algorithm import CSMOIFSA

    work = cell(points=100)
    problem = load_problem("zdt1")
    start = first_population(problem, 40, work.start_seed)
    result = minimize(problem, CSMOIFSA(40, sampling=start), ("n_eval", 240), seed=work.seed)
    assert np.array_equal(execute(work).snapshots[-1].F, np.unique(result.F, axis=0))


@pytest.mark.parametrize(
    ("library", "name", "problem", "words"),
    [
        ("pymoo", "nsga22", "zdt1", ["nsga22", "nsga2"]),
        ("pygmo", "nsga3", "zdt1", ["pygmo", "nsga3", "nsga2"]),
        ("pygmo", "nsga2", "bnh", ["pygmo", "constraints"]),
        ("jmetalpy", "NSGA2", "zdt1", ["jMetalPy", "NSGAII"]),
        ("jmetalpy", "HYPE", "bnh", ["jMetalPy's HYPE", "constraints"]),
        ("platypus", "IBEA", "bnh", ["Platypus's IBEA", "constraints"]),
        ("pymoode", "DE", "zdt1", ["pymoode", "'DE'", "NSDER"]),
        ("comocma", "COMO", "zdt1", ["comocma", "COMO-CMA-ES"]),
        ("comocma", "COMO-CMA-ES", "bnh", ["COMO-CMA-ES", "constraints"]),
        ("comocma", "COMO-CMA-ES", "dtlz2", ["COMO-CMA-ES", "two objectives, not 3"]),
        ("deap", "CMA", "zdt1", ["DEAP", "MO-CMA-ES"]),
        ("deap", "MO-CMA-ES", "bnh", ["DEAP's MO-CMA-ES", "constraints"]),
        ("platypus", "NSGA2", "zdt1", ["Platypus", "NSGAII"]),
        ("pymoo", "nsga2", "zdt9", ["zdt9"]),
    ],
)
def test_what_goes_wrong_is_an_outcome(library, name, problem, words):
    needs(library)
    outcome = execute(cell(library, name, problem))
    assert outcome.failed
    assert outcome.snapshots == []
    for word in words:
        assert word in outcome.error
    assert "Traceback" in outcome.traceback


@pytest.mark.parametrize("name", ["csmoifsa", "nsga2"])
def test_whole_numbers_are_refused(name, tmp_path):
    (tmp_path / "whole.py").write_text(WHOLE)
    outcome = execute(cell("pymoo", name, f"{tmp_path}/whole.py:Whole"))
    assert outcome.failed
    assert "has variables that are not real numbers" in outcome.error


@pytest.mark.parametrize(("library", "name"), CONSTRAINED)
def test_constraints_reach_the_libraries(library, name):
    needs(library)
    outcome = execute(cell(library, name, "bnh", budget=2000, snapshots=[], pop_size=40))
    F = outcome.snapshots[-1].F
    front = load_problem("bnh").pareto_front()
    assert len(F) > 10
    # the known front of BNH: nobody is better than it, and the search came near
    distance = np.sqrt(((F[:, None] - front[None]) ** 2).sum(axis=2)).min(axis=1)
    assert np.median(distance) < 1.5


def test_thinning_keeps_the_ends_and_spreads_evenly():
    x = np.linspace(0, 1, 401)
    F = np.column_stack([x, 1 - x])
    chosen = truncate(F, 5)
    assert np.allclose(chosen[:, 0], [0, 0.25, 0.5, 0.75, 1])
    assert truncate(F, 1000) is F
