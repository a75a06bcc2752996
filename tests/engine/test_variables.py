"""Integer, binary and mixed variables: only allowed values, the true front of problems small enough to enumerate."""

from __future__ import annotations

import itertools

import moocore
import numpy as np
import pytest
from pymoo.core.mixed import MixedVariableSampling
from pymoo.core.problem import ElementwiseProblem, Problem
from pymoo.core.repair import Repair
from pymoo.core.variable import Binary, Choice, Integer, Real
from pymoo.optimize import minimize

from csmoifsa import CSMOIFSA, MOAFSA
from csmoifsa.errors import InputError
from csmoifsa.variables import coding_of

MAKERS = {"csmoifsa": CSMOIFSA, "moafsa": MOAFSA, "paper": lambda *a, **k: CSMOIFSA(*a, paper=True, **k)}
algorithms = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
POWERS = {"low": 1.0, "high": 3.0, "off": 0.0}


class Mixed(ElementwiseProblem):
    """One variable of each kind; ``seen`` collects the candidates."""

    def __init__(self, z=True):
        kinds = {
            "on": Binary(),
            "n": Integer(bounds=(-3, 4)),
            "power": Choice(options=[*POWERS]),
            "one": Integer(bounds=(5, 5)),
        }
        super().__init__(vars={**kinds, "z": Real(bounds=(-1.0, 2.0))} if z else kinds, n_obj=2)
        self.seen = []

    def _evaluate(self, x, out, *args, **kwargs):
        self.seen.append(x)
        z = x.get("z", 0.0)
        out["F"] = [
            (x["n"] - 2) ** 2 + z * z + POWERS[x["power"]] + x["one"],
            (x["n"] + 1) ** 2 * (2.0 - x["on"]) + (z - 1.0) ** 2 + x["on"] + 3.0 - POWERS[x["power"]],
        ]


class Whole(Problem):
    """Integers from -3 to 3, or binary variables: two targets, neither reachable with the other."""

    def __init__(self, kind=int, n_var=5, low=-3, high=3, seed=1):
        super().__init__(n_var=n_var, n_obj=2, xl=low, xu=high, vtype=kind)
        random = np.random.default_rng(seed)
        self.targets = random.uniform(low, high, (2, n_var))
        self.weights = random.uniform(0.5, 2.0, (2, n_var))
        self.types = set()

    def _evaluate(self, X, out, *args, **kwargs):
        self.types.add(X.dtype)
        out["F"] = np.column_stack(
            [(w * np.abs(X.astype(float) - t)).sum(axis=1) for w, t in zip(self.weights, self.targets, strict=True)]
        )


def true_front(problem, candidates):
    F = np.asarray(problem.evaluate(candidates))
    return np.unique(F[moocore.is_nondominated(F, keep_weakly=True)], axis=0)


@algorithms
def test_every_candidate_is_of_the_problems_form_and_allowed(make):
    problem = Mixed()
    result = minimize(problem, make(pop_size=20), ("n_eval", 500), seed=3)
    assert len(problem.seen) == 500
    for x in [*problem.seen, *result.X, *(one.X for one in result.pop)]:
        assert list(x) == ["on", "n", "power", "one", "z"]
        assert [type(value) for value in x.values()] == [bool, int, str, int, float]
        assert -3 <= x["n"] <= 4
        assert x["power"] in POWERS
        assert x["one"] == 5
        assert -1.0 <= x["z"] <= 2.0
    again = Mixed()
    for x, f in zip(result.X, result.F, strict=True):
        assert np.array_equal(again.evaluate([x])[0], f)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", [int, bool])
def test_the_whole_front_of_a_small_problem_is_found(kind, seed):
    problem = Whole(kind, 10, 0, 1, seed) if kind is bool else Whole(kind, 4, -3, 3, seed)
    values = [False, True] if kind is bool else range(-3, 4)
    everything = np.array(list(itertools.product(values, repeat=problem.n_var)), dtype=kind)
    front = true_front(problem, everything)
    result = minimize(problem, CSMOIFSA(pop_size=60), ("n_eval", 1000), seed=seed)
    assert problem.types == {np.dtype(kind)}
    assert result.X.dtype == np.dtype(kind)
    found = {tuple(f) for f in result.F}
    assert len(found & {tuple(f) for f in front}) >= 0.9 * len(front)


def test_the_whole_front_of_named_variables_is_found():
    problem = Mixed(z=False)
    options = {"on": [False, True], "n": range(-3, 5), "power": [*POWERS], "one": [5]}
    everything = [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]
    F = np.array([problem.evaluate([x])[0] for x in everything])
    front = np.unique(F[moocore.is_nondominated(F, keep_weakly=True)], axis=0)
    result = minimize(problem, CSMOIFSA(pop_size=20), ("n_eval", 200), seed=1)
    assert np.array_equal(np.unique(result.F, axis=0), front)


def test_a_space_that_is_searched_through_ends_the_run():
    problem = Whole(bool, 4, 0, 1)
    result = minimize(problem, CSMOIFSA(pop_size=30), ("n_eval", 500), seed=1)
    assert result.algorithm.evaluator.n_eval <= 60
    everything = np.array(list(itertools.product([False, True], repeat=4)))
    assert np.array_equal(np.unique(result.F, axis=0), true_front(problem, everything))


def test_each_value_has_the_same_share_of_the_first_population():
    algorithm = CSMOIFSA(pop_size=400, eliminate_duplicates=False).setup(Mixed(), termination=("n_eval", 800), seed=1)
    first = algorithm.ask().get("X")
    assert len(first) == 400
    for name, n_values in (("on", 2), ("n", 8), ("power", 3)):
        counts = np.unique([str(x[name]) for x in first], return_counts=True)[1]
        assert len(counts) == n_values
        assert np.all(np.abs(counts - 400 / n_values) <= 2), name


@pytest.mark.parametrize("seed", range(30))
def test_decoding_undoes_encoding_for_any_variables(seed):
    random = np.random.default_rng(seed)
    named = {}
    for k in range(random.integers(1, 7)):
        low = int(random.choice([-(2**50), -1000, -1, 0, 7]))
        high = int(min(low + random.choice([0, 1, 5, 2**40]), 2**50))
        options = [1, 1.5, "1", True, None, (1, 2), "a"][: random.integers(1, 8)]
        kinds = [Binary(), Integer(bounds=(low, high)), Real(bounds=(low, high + 0.5)), Choice(options=options)]
        named[f"v{k}"] = kinds[random.integers(4)]
    coding = coding_of(Problem(vars=named, n_obj=2))
    low, high = coding.bounds
    codes = coding.rounded(random.uniform(low, high, (50, len(named))))
    rows = coding.decoded(codes)
    assert np.array_equal(coding.encoded(rows), codes)
    for row in rows:
        for name, kind in named.items():
            if isinstance(kind, Choice):
                assert any(row[name] is option for option in kind.options)
            elif not isinstance(kind, Binary):
                assert kind.bounds[0] <= row[name] <= kind.bounds[1]


def test_ask_and_tell_with_dicts_in_any_order():
    plain, told = (CSMOIFSA(pop_size=12).setup(Mixed(), termination=("n_eval", 300), seed=5) for _ in range(2))
    while plain.has_next():
        plain.next()
    problem = Mixed()
    while told.has_next():
        infills = told.ask()
        for one in infills:
            one.F, one.evaluated = problem.evaluate([one.X])[0], {"F", "G", "H"}
        told.evaluator.n_eval += len(infills)
        told.tell(infills=infills[::-1])
    assert np.array_equal(plain.result().F, told.result().F)
    assert list(plain.result().X) == list(told.result().X)


@pytest.mark.parametrize("problem", [Mixed, Whole], ids=["named", "integer"])
def test_a_saved_run_goes_on_bit_for_bit(problem, tmp_path):
    whole = minimize(problem(), CSMOIFSA(pop_size=20), ("n_eval", 400), seed=2)
    part = minimize(problem(), CSMOIFSA(pop_size=20), ("n_eval", 210), seed=2)
    part.algorithm.save(tmp_path / "run.npz")
    rest = minimize(problem(), CSMOIFSA.load(tmp_path / "run.npz", problem()), ("n_eval", 400))
    assert np.array_equal(whole.F, rest.F)
    assert [str(x) for x in whole.X] == [str(x) for x in rest.X]


def test_a_saved_run_knows_its_variables(tmp_path):
    part = minimize(Mixed(), CSMOIFSA(pop_size=20), ("n_eval", 100), seed=2)
    part.algorithm.save(tmp_path / "run.npz")
    other = Mixed()
    other.vars["power"] = Choice(options=["low", "off", "high"])
    with pytest.raises(InputError, match="another problem: its variables"):
        CSMOIFSA.load(tmp_path / "run.npz", other)


def test_a_repair_sees_what_the_problem_sees():
    class AtMostTwo(Repair):
        def _do(self, problem, X, **kwargs):
            assert X.dtype == bool
            X = X.copy()
            for row in X:
                row[np.flatnonzero(row)[2:]] = False
            return X

    result = minimize(Whole(bool, 12, 0, 1), CSMOIFSA(pop_size=20, repair=AtMostTwo()), ("n_eval", 300), seed=1)
    assert result.X.dtype == bool
    assert result.X.sum(axis=1).max() <= 2


@pytest.mark.parametrize("kind", ["whole", "named"])
def test_a_repair_that_leaves_the_bounds_of_whole_numbers_is_told(kind):
    class Beyond(Repair):
        def _do(self, problem, X, **kwargs):
            return X + 2 if kind == "whole" else np.array([{**x, "n": x["n"] + 2} for x in X])

    problem = Whole() if kind == "whole" else Mixed()
    with pytest.warns(RuntimeWarning, match="the repair Beyond leaves the bounds"):
        result = minimize(problem, CSMOIFSA(pop_size=20, repair=Beyond()), ("n_eval", 100), seed=1)
    whole = result.X if kind == "whole" else np.array([x["n"] for x in result.X])
    assert whole.max() <= (3 if kind == "whole" else 4)
    assert whole.min() >= -1


@pytest.mark.parametrize("start", ["operator", "dicts", "population"])
def test_a_run_begins_where_the_user_says(start):
    problem = Mixed()
    given = MixedVariableSampling()(problem, 6, random_state=np.random.default_rng(1))
    sampling = {"operator": MixedVariableSampling(), "dicts": [one.X for one in given], "population": given}[start]
    minimize(problem, CSMOIFSA(pop_size=6, sampling=sampling, eliminate_duplicates=False), ("n_eval", 30), seed=1)
    assert len(problem.seen) == 30
    if start != "operator":
        assert problem.seen[:6] == [one.X for one in given]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"a": Integer(bounds=(0.2, 0.8)), "b": Real(bounds=(0, 1))}, "'a' has no whole number between its bounds"),
        ({"a": Integer(bounds=(0, 2**60)), "b": Binary()}, "'a' takes whole numbers beyond"),
        ({"a": Choice(options=[]), "b": Binary()}, "'a' is a Choice without options"),
        ({"a": Real(bounds=(1, 0)), "b": Binary()}, "'a' has no finite bounds"),
        ({"a": Real(), "b": Binary()}, "'a' has no finite bounds"),
        ({"a": object(), "b": Binary()}, "'a' is of type object; use Real"),
    ],
)
def test_variables_that_cannot_be_searched_are_one_sentence(variables, message):
    problem = Problem(n_obj=2, n_var=2, xl=0, xu=1)
    problem.vars = variables
    with pytest.raises(InputError, match=message):
        minimize(problem, CSMOIFSA(pop_size=10), ("n_eval", 10), seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 2.5}, "'n' of individual 0 must be a whole number"),
        ({"n": "many"}, "'n' of individual 0 must be a number"),
        ({"n": 9}, "outside the bounds"),
        ({"power": "none"}, "'power' of individual 0 is 'none', which is none of its options"),
        ({"other": 1}, "individual 0 must be a dict with the keys on, n"),
    ],
)
def test_a_start_that_is_not_allowed_is_one_sentence(change, message):
    good = {"on": True, "n": 1, "power": "low", "one": 5, "z": 0.0}
    with pytest.raises(InputError, match=message):
        minimize(Mixed(), CSMOIFSA(pop_size=10, sampling=[good | change]), ("n_eval", 10), seed=1)
