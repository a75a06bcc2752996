"""Individuals between ask and tell: objectives always belong to their X, whatever the user does in between."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from test_algorithm import algorithms

from csmoifsa import CSMOIFSA, MOAFSA
from csmoifsa.errors import InputError


class Ring(Problem):
    """Two distances and one constraint; bounds that do not scale without rounding."""

    def __init__(self):
        super().__init__(n_var=3, n_obj=2, n_ieq_constr=1, xl=np.array([-0.3, 0.1, 1.7]), xu=np.array([0.7, 3.2, 2.9]))

    def _evaluate(self, X, out, *args, **kwargs):
        out["F"] = np.column_stack([np.abs(X - self.xl).sum(axis=1), np.abs(X - self.xu).sum(axis=1)])
        out["G"] = 0.2 - X[:, 0]


def started(make, problem=None, n_eval=None, **options):
    termination = ("n_eval", n_eval) if n_eval else ("n_gen", 1000)
    return make(pop_size=12, **options).setup(problem or Ring(), seed=1, termination=termination)


def belongs(population, problem):
    """Check every individual's values against a fresh evaluation of its X."""
    X, F, G = population.get("X", "F", "G")
    out = problem.evaluate(X, return_as_dictionary=True)
    np.testing.assert_array_equal(F, out["F"])
    np.testing.assert_array_equal(G, out["G"])


def drive(algorithm, between, steps=12):
    """Run ``steps`` of ask and tell with ``between(algorithm, infills)``, which returns what is told."""
    for _ in range(steps):
        infills = between(algorithm, algorithm.ask())
        algorithm.evaluator.eval(algorithm.problem, infills)
        algorithm.tell(infills=infills)
        belongs(algorithm.opt, algorithm.problem)
    belongs(algorithm.pop, algorithm.problem)
    return algorithm


def shifted(X, problem, seed=3):
    return np.clip(X + np.random.default_rng(seed).normal(0, 0.1, X.shape), problem.xl, problem.xu)


@algorithms
def test_changed_positions_are_evaluated_as_changed(make):
    def between(algorithm, infills):
        infills.set("X", shifted(infills.get("X"), algorithm.problem))
        told.extend(infills.get("X").tolist())
        return infills

    told = []
    algorithm = drive(started(make), between)
    assert all(x in told for x in algorithm.pop.get("X").tolist())  # exactly, not to a rounding


@algorithms
def test_reordered_rows_give_the_same_run(make):
    turns = (lambda a, p: p, lambda a, p: p[::-1], lambda a, p: Population.new(X=p[::-1].get("X")))
    runs = [drive(started(make), turn).pop.get("X", "F") for turn in turns]
    for X, F in runs[1:]:
        np.testing.assert_array_equal(X, runs[0][0])
        np.testing.assert_array_equal(F, runs[0][1])


@algorithms
def test_answers_in_pieces_give_the_same_run(make):
    problem = Ring()
    whole = drive(started(make), lambda a, p: p, steps=8)
    algorithm = started(make)
    while algorithm.evaluator.n_eval < whole.evaluator.n_eval:
        infills = algorithm.ask()
        some = infills[: max(len(infills) // 2, 1)][::-1]
        algorithm.evaluator.eval(problem, some)
        algorithm.tell(infills=some)
        assert not {id(one) for one in some} & {id(one) for one in algorithm.ask()} or not algorithm.exchange._answers
    np.testing.assert_array_equal(algorithm.pop.get("F"), whole.pop.get("F"))


@algorithms
def test_individuals_of_the_user_take_part(make):
    problem = Ring()
    best = Individual(X=np.array([0.2, 0.1, 1.7]))  # feasible, and the least first objective possible

    def add(algorithm, infills):
        if algorithm.n_gen == 3:
            return Population.merge(infills, Population([copy.deepcopy(best)]))
        return infills

    def exchange_one(algorithm, infills):
        if algorithm.n_gen == 3:
            infills = infills.copy()
            infills[-1] = copy.deepcopy(best)
        return infills

    for between in (add, exchange_one):
        algorithm = drive(started(make, problem), between, steps=16)
        found = algorithm.opt.get("X")
        assert best.X.tolist() in found.tolist()


@algorithms
def test_an_entirely_different_population_is_taken(make):
    def between(algorithm, infills):
        problem = algorithm.problem
        return Population.new(X=np.random.default_rng(algorithm.n_gen).uniform(problem.xl, problem.xu, (30, 3)))

    assert len(drive(started(make), between).pop) <= 12


@algorithms
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.set("F", np.full((12, 2), np.nan)), "F is .* in row 0 of X"),
        (lambda p: p[3].set("X", np.full(3, 9.0)), "variable 0 of individual 3 is 9, outside the bounds -0.3 to 0.7"),
        (lambda p: p[3].set("X", np.zeros(2)), r"individual 3 has X of shape \(2,\)"),
        (lambda p: p[3].set("F", np.array([])), "individual 3 has no 2 objectives"),
        (lambda p: p[3].set("G", np.array([])), "needs 1 inequality"),
        (lambda p: p.__setitem__(4, p[3]), "an individual twice"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_recorded(make, change, message):
    algorithm = started(make)
    infills = algorithm.ask()
    algorithm.evaluator.eval(algorithm.problem, infills)
    good = copy.deepcopy(infills)
    change(infills)
    with pytest.raises(InputError, match=message):
        algorithm.tell(infills=infills)
    assert algorithm.engine.n_eval == 0
    algorithm.tell(infills=good)
    belongs(algorithm.pop, algorithm.problem)


def test_telling_the_same_twice_is_refused():
    algorithm = started(CSMOIFSA)
    infills = algorithm.ask()
    algorithm.evaluator.eval(algorithm.problem, infills)
    algorithm.tell(infills=infills)
    with pytest.raises(InputError, match=r"tell\(\) before ask\(\)"):
        algorithm.tell(infills=infills)


@algorithms
def test_an_incomplete_last_batch_is_not_lost(make):
    problem = Ring()
    algorithm = started(make, problem, n_eval=5)
    infills = algorithm.ask()[[4, 1]]
    algorithm.evaluator.eval(problem, infills)
    algorithm.evaluator.n_eval = 5  # e.g. three evaluations failed, and the user counted them
    algorithm.tell(infills=infills)
    assert not algorithm.has_next()
    told = infills.get("X").tolist()
    assert all(x in told for x in algorithm.pop.get("X").tolist())


def test_the_population_can_be_set():
    problem = Ring()
    algorithm = drive(started(CSMOIFSA, problem), lambda a, p: p, steps=4)
    X = np.random.default_rng(5).uniform(problem.xl, problem.xu, (20, 3))
    mine = algorithm.evaluator.eval(problem, Population.new(X=X))
    algorithm.pop = mine
    given = X.tolist()
    assert len(algorithm.pop) == 12
    assert all(x in given for x in algorithm.pop.get("X").tolist())
    assert mine.get("CV").min() == algorithm.pop.get("CV").min()
    drive(algorithm, lambda a, p: p, steps=30)


def test_the_population_cannot_be_set_where_that_would_not_last():
    algorithm = started(CSMOIFSA)
    mine = Population.new(X=np.full((3, 3), 0.5))
    with pytest.raises(InputError, match="sampling"):
        algorithm.pop = mine
    algorithm.next()
    for wrong, message in ((None, "evaluated Population"), (mine, "no 2 objectives"), (mine[:0], "evaluated Popul")):
        with pytest.raises(InputError, match=message):
            algorithm.pop = wrong
    with pytest.raises(InputError, match="opt follows from the population"):
        algorithm.opt = mine
    swarm = started(MOAFSA)
    swarm.next()
    with pytest.raises(InputError, match="fish"):
        swarm.pop = swarm.pop


@algorithms
def test_a_second_setup_begins_a_new_run(make):
    problem = Ring()
    algorithm = make(pop_size=12)
    expected = minimize(problem, algorithm, ("n_eval", 200), seed=4)
    first = algorithm.setup(get_problem("zdt1"), seed=9, termination=("n_gen", 3), verbose=False)
    first.run()
    again = algorithm.setup(problem, seed=4, termination=("n_eval", 200))
    assert again is algorithm
    result = algorithm.run()
    np.testing.assert_array_equal(result.F, expected.F)
    assert (algorithm.n_gen, algorithm.evaluator.n_eval) == (expected.algorithm.n_gen, 200)
    algorithm.setup(problem)  # the options stay, as in pymoo
    np.testing.assert_array_equal(algorithm.run().F, expected.F)


def test_settings_given_to_minimize_are_used():
    result = minimize(Ring(), CSMOIFSA(), ("n_eval", 60), seed=1, pop_size=20, n_offsprings=7)
    assert (result.algorithm.pop_size, result.algorithm.settings.n_offsprings) == (20, 7)
    with pytest.raises(InputError, match="setting pop_size"):
        minimize(Ring(), CSMOIFSA(), ("n_eval", 60), seed=1, pop_size=0)


@pytest.mark.parametrize("n_lost", [1, 3, 7])
def test_what_was_lost_is_asked_for_until_the_budget_is_used_up(n_lost):
    problem = get_problem("zdt1", n_var=4)
    algorithm = CSMOIFSA(pop_size=12).setup(problem, termination=("n_eval", 36), seed=1)
    rounds = 0
    while algorithm.has_next():
        infills = algorithm.ask()
        assert len(infills) > 0
        answered = infills[: max(len(infills) - n_lost, 1)]
        algorithm.evaluator.eval(problem, answered)
        algorithm.tell(infills=answered)
        rounds += 1
        assert rounds < 37
    assert algorithm.evaluator.n_eval == 36
