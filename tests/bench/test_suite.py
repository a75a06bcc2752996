"""Suites: every key is checked and named, and the grid's keys and seeds follow from names alone."""

import pytest

from csmoifsa import load_problem
from csmoifsa.errors import InputError
from csmoifsa_bench.cells import derive_seed, grid, make_cell
from csmoifsa_bench.suite import bundled_names, check_suite, load_suite, parse_suite

SMALL = {
    "name": "small",
    "budget": 200,
    "pop_size": 20,
    "runs": 2,
    "problems": [{"name": "zdt1"}],
    "algorithms": [{"name": "csmoifsa"}, {"name": "nsga2", "label": "NSGA2"}],
}


def changed(**values):
    return check_suite({**SMALL, **values})


def test_bundled_suites_are_found_and_valid():
    names = bundled_names()
    wanted = {"smoke", "zdt", "zdt-iterations", "zdt-shifted", "zdt-rotated", "dtlz", "wfg", "uf", "ev", "peers"}
    wanted |= {"constrained", "many", "re", *(f"bbob-biobj-{d}{part}" for d in (5, 10, 20) for part in ("", "-tuning"))}
    wanted |= {"bbob-biobj-10-near"}
    assert wanted <= set(names)
    for name in names:
        suite = load_suite(name)
        assert suite.name == name
        assert list(grid(suite))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budgets": 5}, ["budgets", "no such key", "Did you mean 'budget'"]),
        ({"budget": "many"}, ["budget", "integer", "'many'"]),
        ({"budget": 10}, ["snapshots", "10", "pop_size"]),
        ({"snapshots": [5000]}, ["snapshots", "5000"]),
        ({"compare_at": [123]}, ["compare_at", "123"]),
        ({"metrics": ["igd", "speed"]}, ["metrics[2]", "'speed'"]),
        ({"metrics": ["igd", "igd"]}, ["metrics", "once"]),
        ({"algorithms": []}, ["algorithms", "at least 1"]),
        ({"algorithms": [{"nam": "nsga2"}]}, ["algorithms[1].name", "needed"]),
        ({"algorithms": [{"name": "nsga2", "libary": "pymoo"}]}, ["algorithms[1].libary", "'library'"]),
        ({"algorithms": [{"name": "nsga2", "library": "jmetal"}]}, ["algorithms[1].library", "'jmetal'"]),
        ({"algorithms": [{"name": "nsga2"}, {"name": "nsga2"}]}, ["label 'nsga2'", "twice"]),
        ({"algorithms": [{"name": "nsga2"}, {"name": "nsga2", "label": "b"}]}, ["'nsga2' and 'b'", "same"]),
        ({"problems": [{"name": "zdt1", "params": {"seed": 1}, "draw": "seed"}]}, ["draw", "params"]),
        ({"problems": [{"name": "zdt1", "vary": {"n_var": []}}]}, ["problems[1]", "vary: n_var has no values"]),
        (
            {"problems": [{"name": "zdt1", "params": {"n_var": 5}, "vary": {"n_var": [5, 9]}}]},
            ["vary: n_var", "params"],
        ),
        ({"problems": [{"name": "zdt1-shifted", "draw": "seed", "vary": {"seed": [5]}}]}, ["vary: seed", "draw"]),
        ({"runs": 0}, ["runs", "0"]),
    ],
)
def test_a_wrong_key_is_named(change, words):
    with pytest.raises(InputError) as error:
        changed(**change)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_missing_suites_and_broken_files_are_told(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'zdt'"):
        load_suite("zdtt")
    with pytest.raises(InputError, match=r"cannot read the suite .*none\.toml"):
        load_suite(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"mine is not a TOML file: .*"):
        parse_suite("name = ", "mine")


def test_labels_budget_and_order_are_completed():
    suite = changed(snapshots=[100, 20], algorithms=[{"name": "nsga2", "library": "pygmo"}])
    assert suite.snapshots == (20, 100, 200)
    assert suite.compare_at == (200,)
    assert suite.problems[0].label == "zdt1"
    assert suite.algorithms[0].label == "pygmo nsga2"


def test_narrowing_picks_by_label_or_name():
    suite = load_suite("zdt")
    part = suite.narrowed(runs=2, problems=["ZDT4"], algorithms=["moafsa", "csmoifsa"])
    assert [p.label for p in part.problems] == ["zdt4"]
    assert [a.label for a in part.algorithms] == ["MOAFSA", "CSMOIFSA"]  # the label wins over the shared name
    assert len(list(grid(part))) == 4
    with pytest.raises(InputError, match=r"--algorithms.*no 'nsga'.*Did you mean 'NSGA2'"):
        suite.narrowed(algorithms=["nsga"])


def test_the_grid_begins_with_the_first_repetition_of_everything():
    suite = changed(algorithms=[{"name": "csmoifsa"}, {"name": "nsga2", "runs": 1}])
    assert [(c.repetition, c.algorithm) for c in grid(suite)] == [(1, "csmoifsa"), (1, "nsga2"), (2, "csmoifsa")]


def test_keys_change_with_every_setting_and_with_nothing_else():
    suite = changed()
    base = make_cell(suite, suite.problems[0], suite.algorithms[0], 1)
    same = changed(name="other", title="x", runs=9, metrics=["hypervolume"], compare_at=[200])
    assert make_cell(same, same.problems[0], same.algorithms[0], 1).key == base.key
    relabelled = changed(algorithms=[{"name": "csmoifsa", "label": "ours"}])
    assert make_cell(relabelled, relabelled.problems[0], relabelled.algorithms[0], 1).key == base.key
    different = [
        {"budget": 300},
        {"snapshots": [100]},
        {"seed": 2},
        {"pop_size": 24},
        {"points": 50},
        {"count": "iterations"},
        {"problems": [{"name": "zdt1", "params": {"n_var": 5}}]},
        {"algorithms": [{"name": "csmoifsa", "settings": {"n_offsprings": 5}}]},
        {"algorithms": [{"name": "moafsa"}]},
    ]
    keys = {base.key, make_cell(suite, suite.problems[0], suite.algorithms[0], 2).key}
    for change in different:
        other = changed(**change)
        keys.add(make_cell(other, other.problems[0], other.algorithms[0], 1).key)
    assert len(keys) == len(different) + 2


def test_seeds_are_pinned_to_names_not_to_places():
    # the numbers themselves: they must not move between versions or machines, or files of old runs lose their meaning
    assert derive_seed("run", 1, {"b": 2, "a": 1}, 3) == derive_seed("run", 1, {"a": 1, "b": 2}, 3) == 915768118
    suite = changed(
        problems=[{"name": "zdt1-shifted", "draw": "seed"}, {"name": "zdt2-shifted", "draw": "seed"}], runs=50
    )
    cells = list(grid(suite))
    assert len({c.seed for c in cells}) == len(cells)
    assert all(0 <= c.seed < 2**31 - 1 for c in cells)
    for first, second in zip(cells[::2], cells[1::2], strict=True):  # two algorithms, one repetition
        assert first.start_seed == second.start_seed
        assert first.problem_params == second.problem_params
    assert len({(c.problem, c.problem_params["seed"]) for c in cells}) == 100
    fewer = changed(problems=[{"name": "zdt2-shifted", "draw": "seed"}], algorithms=[{"name": "nsga2"}])
    wanted = {(c.repetition, c.seed) for c in cells if c.problem == "zdt2-shifted" and c.algorithm_name == "nsga2"}
    assert {(c.repetition, c.seed) for c in grid(fewer)} <= wanted


def test_a_varied_parameter_takes_its_values_in_turn_and_the_same_for_all_algorithms():
    suite = changed(problems=[{"name": "zdt1", "vary": {"n_var": [5, 7, 9]}}], runs=5)
    seen = [(c.repetition, c.algorithm, c.problem_params) for c in grid(suite)]
    values = {1: 5, 2: 7, 3: 9, 4: 5, 5: 7}
    assert seen == [(r, a, {"n_var": n}) for r, n in values.items() for a in ("csmoifsa", "NSGA2")]
    assert len({c.key for c in grid(suite)}) == 10


def test_another_budget_keeps_the_stops_below_it():
    suite = changed(budget=1000, snapshots=[100, 500], compare_at=[100, 1000])
    less, more = suite.narrowed(budget=500), suite.narrowed(budget=3000)
    assert (less.budget, less.snapshots, less.compare_at) == (500, (100, 500), (100, 500))
    assert (more.budget, more.snapshots, more.compare_at) == (3000, (100, 500, 1000, 3000), (100, 1000, 3000))
    assert less == check_suite(less.model_dump())
    with pytest.raises(InputError, match="--budget must be from 20 to 100000000 evaluations, got 19"):
        suite.narrowed(budget=19)
    assert changed(budget=5, count="iterations").narrowed(budget=1).budget == 1


@pytest.mark.parametrize("name", ["constrained", "many", "many-5"])
def test_every_problem_of_a_suite_can_be_built_and_has_what_the_suite_is_about(name):
    suite = load_suite(name)
    for entry in suite.problems:
        problem = load_problem(entry.name, **entry.params)
        if name == "constrained":
            assert problem.n_ieq_constr > 0
        else:
            assert problem.n_obj == entry.params["n_obj"] in (5, 8, 10)
            assert problem.n_var - problem.n_obj + 1 == (5 if entry.name == "dtlz1" else 10)  # distance variables
    if name == "constrained":
        families = {"mw": 14, "dascmop": 9, "ctp": 8, "c": 13}
        assert {f: sum(e.name.startswith(f) for e in suite.problems) for f in families} == families
        assert {"osy", "tnk", "welded_beam", "bnh", "srn"} <= {e.name for e in suite.problems}
