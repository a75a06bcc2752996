"""From a results file to numbers, on small fronts whose measures are known; no run is made."""

import itertools
import sqlite3
from types import SimpleNamespace

import numpy as np
import pytest

from csmoifsa import load_problem, metrics
from csmoifsa.errors import InputError
from csmoifsa_bench.cells import grid
from csmoifsa_bench.measure import (
    MORE_IS_BETTER,
    best_possible_igd,
    code_states,
    evaluations_to,
    measure,
    read_results,
    worst,
)
from csmoifsa_bench.suite import check_suite

METRICS = ["igd", "hypervolume", "igd_plus", "epsilon", "convergence", "uniformity", "error_ratio"]
LINE = np.column_stack([np.linspace(0, 1, 11), np.linspace(1, 0, 11)])


def made_suite(**changes):
    values = {
        **{"name": "small", "budget": 100, "snapshots": [50], "compare_at": [50, 100], "runs": 2, "metrics": METRICS},
        **{"pop_size": 20, "points": 10, "problems": [{"name": "zdt2", "label": "B"}, {"name": "zdt1", "label": "a"}]},
        "algorithms": [{"name": "nsga2", "label": "Z"}, {"name": "csmoifsa", "label": "m"}],
    }
    return check_suite({**values, **changes})


def a_row(cell, status="done", environment=1):
    cost = {"n_eval": 99, "same_start": True, "wall_seconds": 1.5, "cpu_seconds": 1.0, "finished": "today"}
    return SimpleNamespace(key=cell.key, status=status, environment=environment, **cost)


class MadeStore:
    """What `read_results` asks of a store, from lists."""

    def __init__(self, rows, fronts, environments=None, speeds=()):
        self.rows, self.made, self.known, self.timed = rows, fronts, environments or {}, list(speeds)

    path = "made.sqlite"

    def runs(self, suite):
        return {row.key: row for row in self.rows}

    def fronts(self, suite):
        return iter(self.made)

    def environments(self):
        return self.known

    def true_fronts(self):
        return {}

    def speeds(self, suite):
        return self.timed


def lifted(cell, stop):
    front = load_problem(cell.problem_name).pareto_front(20)
    return front + np.array([0.0, 0.1 * cell.repetition + (0.5 if stop == 50 else 0.0)])


def everything(suite):
    cells = list(grid(suite))
    fronts = [(cell.key, stop, stop - 1, lifted(cell, stop)) for cell in cells for stop in (50, 100)]
    return cells, [a_row(cell) for cell in cells], fronts


# ---- one front ----


def test_the_worst_value_of_each_metric():
    assert {name: worst(name) for name in METRICS} == {
        **{name: np.inf for name in METRICS},
        **{"hypervolume": 0.0, "error_ratio": 1.0},
    }
    assert {"hypervolume"} == MORE_IS_BETTER


def test_every_metric_is_its_function():
    F, suite = LINE[::2] + 0.02, made_suite(eps=0.05)
    found = measure(F, LINE, suite)
    assert found == {
        "igd": metrics.igd(F, LINE),
        "hypervolume": metrics.hypervolume(F, LINE),
        "igd_plus": metrics.igd_plus(F, LINE),
        "epsilon": metrics.epsilon(F, LINE),
        "convergence": metrics.convergence(F, LINE),
        "uniformity": metrics.uniformity(F),
        "error_ratio": metrics.error_ratio(F, LINE, eps=0.05),
    }
    assert found["error_ratio"] == 0.0
    assert measure(F, LINE, made_suite(eps=0.01))["error_ratio"] == 1.0
    alone = measure(F[:1], LINE, suite)
    assert alone["uniformity"] == np.inf  # one point has no spacing
    assert alone["igd"] == metrics.igd(F[:1], LINE)
    assert np.isfinite(measure(F[:2], LINE, suite)["uniformity"])
    assert measure(F[:0], LINE, suite) == {name: worst(name) for name in METRICS}


# ---- the whole file ----


def test_all_that_a_file_says_is_read():
    suite = made_suite()
    cells, rows, fronts = everything(suite)
    stranger = SimpleNamespace(**{**vars(rows[0]), "key": "of earlier settings", "status": "failed"})
    lost, *broken = cells[-1], cells[-2], cells[-3]
    rows = [stranger, *rows[:-3], *(a_row(one, "failed", environment=3) for one in broken)]
    fronts = [
        ("of earlier settings", 50, 50, LINE),
        *(one for one in fronts if one[0] not in [lost.key, *(b.key for b in broken)]),
    ]
    speeds = [("m", "B", 9, [1.0]), ("gone", "B", 9, [2.0]), ("Z", "B", 9, [3.0])]
    known = {1: {"code": "one"}, 2: {"code": "two"}, 3: {"code": "failed"}}
    told = []
    found = read_results(MadeStore(rows, fronts, known, speeds), suite, told.append)  # type: ignore[arg-type]

    assert (found.missing, found.failed) == (1, 2)
    assert found.failures == {(one.problem, one.algorithm) for one in broken}
    assert found.environments == [{"code": "one"}]  # only those of successful runs of this suite
    assert found.speeds == [("Z", "B", 9, [3.0]), ("m", "B", 9, [1.0])]
    assert found.algorithms == ["Z", "m"]  # in the suite's order
    assert found.problems == ["B", "a"]
    assert found.estimated == set()
    assert told == [0.0]
    assert found.runs.problem.tolist() == [cell.problem for cell in cells[:-3]]
    assert found.runs.algorithm.tolist() == [cell.algorithm for cell in cells[:-3]]
    assert found.runs.repetition.tolist() == [cell.repetition for cell in cells[:-3]]
    assert set(found.runs.wall_seconds) == {1.5}
    assert len(found.table) == len(found.fronts) == 2 * len(cells[:-3])
    by_key = {cell.key: cell for cell in cells}
    for row, (key, stop, n_eval, F) in zip(found.table.itertuples(), fronts[1:], strict=True):
        cell = by_key[key]
        where = (cell.problem, cell.algorithm, cell.repetition, stop)
        assert (row.problem, row.algorithm, row.repetition, row.stop) == where
        assert (row.n_eval, row.n_points) == (n_eval, 20)
        assert found.fronts[where] is F
        assert row.igd == metrics.igd(F, found.references[cell.problem])
    assert list(found.table.columns)[6:] == METRICS
    assert len(found.references["B"]) == len(found.references["a"]) == 1000
    assert not np.array_equal(found.references["B"], found.references["a"])


def test_progress_is_told_every_hundred_fronts():
    suite = made_suite(runs=30, problems=[{"name": "zdt1"}], metrics=["igd"])
    cells = list(grid(suite))
    fronts = [(cell.key, stop, stop, LINE) for cell in cells for stop in (50, 100)]
    told = []
    store = MadeStore([a_row(cell) for cell in cells], fronts)
    read_results(store, suite, told.append)  # type: ignore[arg-type]
    assert told == [0.0, pytest.approx(100 / 120)]


def test_values_by_repetition_whatever_the_order_of_the_rows():
    suite = made_suite()
    _, rows, fronts = everything(suite)
    found = read_results(MadeStore(rows, fronts[::-1]), suite)  # type: ignore[arg-type]
    for stop in (50, 100):
        values = found.values("epsilon", stop)
        assert set(values) == {(p, a) for p in ("B", "a") for a in ("Z", "m")}
        for (problem, algorithm), column in values.items():
            assert column.index.tolist() == [1, 2]
            for repetition, value in column.items():
                F = found.fronts[problem, algorithm, repetition, stop]
                assert value == metrics.epsilon(F, found.references[problem])
    assert list(found.values("igd", 100)) == [("a", "m"), ("a", "Z"), ("B", "m"), ("B", "Z")]  # as in the table


def test_an_unknown_front_is_the_best_of_all_runs(monkeypatch):
    known = load_problem("zdt1").pareto_front(1000)
    monkeypatch.setattr(
        "csmoifsa_bench.measure.true_front", lambda problem: known if type(problem).__name__ == "ZDT1" else None
    )
    suite = made_suite(runs=3)
    cells, rows, _ = everything(suite)
    # on B: points of three runs, one of which dominates some of the others', one twice, and a run that found nothing
    found_on_b = [
        np.array([[0.5, 0.5], [0.0, 1.0]]),
        np.array([[0.5, 0.5], [0.6, 0.6], [1.0, 0.2]]),
        np.empty((0, 2)),
        np.array([[0.7, 0.1], [2.0, 2.0]]),
    ]
    on_b = itertools.cycle(found_on_b)
    fronts = [(cell.key, 100, 100, next(on_b) if cell.problem == "B" else lifted(cell, 100)) for cell in cells]
    found = read_results(MadeStore(rows, fronts), suite)  # type: ignore[arg-type]
    assert found.estimated == {"B"}
    assert found.references["B"].tolist() == [[0.0, 1.0], [0.5, 0.5], [0.7, 0.1]]
    np.testing.assert_array_equal(found.references["a"], known)
    for row in found.table[found.table.problem == "B"].itertuples():
        F = found.fronts["B", row.algorithm, row.repetition, 100]
        assert row.igd == (metrics.igd(F, found.references["B"]) if len(F) else np.inf)


def test_an_unknown_front_of_which_nothing_was_found(monkeypatch):
    monkeypatch.setattr("csmoifsa_bench.measure.true_front", lambda problem: None)
    suite = made_suite(runs=1)
    cells, rows, _ = everything(suite)
    fronts = [(cell.key, 100, 100, np.empty((0, 2))) for cell in cells]
    found = read_results(MadeStore(rows, fronts), suite)  # type: ignore[arg-type]
    assert found.references["B"].shape == (0, 0)
    assert set(found.table.igd) == {np.inf}


def test_drawn_parameters_make_fronts_of_their_own(monkeypatch):
    asked = []

    def front_of(problem):
        asked.append(problem.n_var)
        return LINE * problem.n_var

    monkeypatch.setattr("csmoifsa_bench.measure.true_front", front_of)
    suite = made_suite(
        runs=1, problems=[{"name": "zdt1", "label": f"n{n}", "params": {"n_var": n}} for n in (5, 7)], metrics=["igd"]
    )
    _, rows, fronts = everything(suite)
    found = read_results(MadeStore(rows, fronts), suite)  # type: ignore[arg-type]
    assert sorted(asked) == [5, 7]  # each once, however many runs there are
    for n in (5, 7):
        np.testing.assert_array_equal(found.references[f"n{n}"], n * LINE)
        for row in found.table[found.table.problem == f"n{n}"].itertuples():
            assert row.igd == metrics.igd(found.fronts[f"n{n}", row.algorithm, 1, row.stop], n * LINE)


def test_states_of_the_code():
    ours, later = {"versions": "1", "python": "3", "code": "x"}, {"versions": "1", "python": "3", "code": "y"}
    theirs, other = {"versions": "1", "python": "3", "code": ""}, {"versions": "2", "python": "3", "code": ""}
    assert code_states([ours, {**ours, "machine": "another"}]) == [{**ours, "machine": "another"}]
    assert code_states([ours, theirs]) == [ours]
    assert code_states([ours, later, theirs]) == [ours, later]
    assert code_states([ours, other]) == [ours, other]
    assert code_states([theirs, other]) == [theirs, other]
    assert code_states([ours, {**theirs, "python": "4"}]) == [ours, {**theirs, "python": "4"}]
    assert code_states([]) == []


def test_a_front_of_another_number_of_objectives_is_refused():
    suite = made_suite(runs=1)
    cells, rows, _ = everything(suite)
    fronts = [(cells[0].key, 100, 100, np.empty((0, 3))), (cells[1].key, 100, 100, np.ones((4, 3)))]
    words = "made.sqlite: a front of B, m has 3 objectives, its problem has 2: the file is damaged"
    with pytest.raises(InputError, match=words):
        read_results(MadeStore(rows, fronts), suite)  # type: ignore[arg-type]
    assert len(read_results(MadeStore(rows, fronts[:1]), suite).table) == 1  # type: ignore[arg-type]


# ---- how near so many points can come ----


@pytest.mark.parametrize("points", [1, 2, 3, 4])
def test_best_possible_igd_against_all_subsets(points):
    """Scaled fronts of a dozen points: the best of all choices, which the search may miss by little and never beats."""
    random = np.random.default_rng(points)
    for _ in range(6):
        first = np.sort(random.random(12))
        front = np.column_stack([first, (1 - first) ** 2])
        scaled = (front - front.min(axis=0)) / np.ptp(front, axis=0)
        distance = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
        best = min(distance[:, list(chosen)].min(axis=1).mean() for chosen in itertools.combinations(range(12), points))
        found = best_possible_igd(front, points)
        assert best * (1 - 1e-12) <= found <= 1.15 * best
    assert best_possible_igd(front, 12) == 0.0
    assert best_possible_igd(np.repeat(front, 2, axis=0), 12) == 0.0  # the same points twice are the same points
    assert best_possible_igd(front, 11) > 0.0
    often = np.vstack([front, np.repeat(front[:1], 30, axis=0)])
    assert best_possible_igd(often, points) == pytest.approx(best_possible_igd(front, points))


def test_best_possible_igd_is_the_optimum_where_it_is_easy():
    # two clouds of three points: one point each, the middle one
    front = np.array([[0.0, 1.0], [0.01, 0.98], [0.03, 0.97], [0.97, 0.03], [0.98, 0.01], [1.0, 0.0]])
    distance = np.linalg.norm(front[:, None] - front[None], axis=2)
    best = min(distance[:, list(two)].min(axis=1).mean() for two in itertools.combinations(range(6), 2))
    assert best_possible_igd(front, 2) == pytest.approx(best)


def test_each_point_stands_where_the_sum_of_distances_is_least():
    # two clouds along a line, each with one point far out: the middle by number, not by extent
    near = np.array([0.0, 0.01, 0.02, 0.1, 0.3])
    x = np.concatenate([near, 10.0 - near])
    front = np.column_stack([x, 10.0 - x])
    distance = np.abs(x[:, None] - x[None]) / 10.0 * np.sqrt(2)
    best = distance[:, [2, 7]].min(axis=1).mean()
    assert best == min(distance[:, list(two)].min(axis=1).mean() for two in itertools.combinations(range(10), 2))
    assert best_possible_igd(front, 2) == pytest.approx(best)


# ---- how long until a target ----


def test_evaluations_to_a_target_by_hand():
    suite = made_suite(runs=1, metrics=["igd"])
    cells, rows, _ = everything(suite)
    late = {("a", "Z"), ("a", "m"), ("B", "m")}  # these are near only at the second stop
    fronts = [
        (
            c.key,
            stop,
            stop - 3,
            load_problem(c.problem_name).pareto_front(200) + 0.5 * (stop == 50 and (c.problem, c.algorithm) in late),
        )
        for c in cells
        for stop in (100, 50)  # out of order
    ]
    found = read_results(MadeStore(rows, fronts), suite)  # type: ignore[arg-type]
    frame = evaluations_to(found, 1.1)
    assert frame.columns.tolist() == ["problem", "algorithm", "repetition", "target", "n_eval"]
    assert list(zip(frame.problem, frame.algorithm, frame.repetition, strict=True)) == [
        *(("B", "Z", 1), ("B", "m", 1), ("a", "Z", 1), ("a", "m", 1)),
    ]
    assert frame.n_eval.tolist() == [47, 97, 97, 97]
    for problem in ("B", "a"):
        target = 1.1 * best_possible_igd(found.references[problem], 10)
        assert set(frame.target[frame.problem == problem]) == {target}
    exact = found.table.igd.min() / best_possible_igd(found.references["a"], 10)
    assert set(evaluations_to(found, exact * (1 - 1e-9)).query("problem == 'a'").n_eval) <= {47, 97, np.inf}
    assert evaluations_to(found, 1e-9).n_eval.tolist() == [np.inf] * 4  # nobody comes that near
    at_the_target = found.table.copy()
    at_the_target["igd"] = frame.target.max()
    found.table = at_the_target
    assert set(evaluations_to(found, 1.1).query("target == target.max()").n_eval) == {47}


def test_there_is_no_target_where_the_front_is_estimated_or_igd_was_not_measured():
    suite = made_suite(runs=1, metrics=["igd"])
    _, rows, fronts = everything(suite)
    found = read_results(MadeStore(rows, fronts), suite)  # type: ignore[arg-type]
    found.estimated.add("B")
    assert set(evaluations_to(found, 2.0).problem) == {"a"}
    other = made_suite(runs=1, metrics=["hypervolume"])
    nothing = evaluations_to(read_results(MadeStore(rows, fronts), other), 2.0)  # type: ignore[arg-type]
    assert nothing.empty
    assert nothing.columns.tolist() == ["problem", "algorithm", "repetition", "target", "n_eval"]


def test_the_made_store_answers_as_the_real_one(tmp_path):
    """The names that the small store offers are methods of the one that reads SQLite."""
    from csmoifsa_bench.store import Store

    with Store(tmp_path / "r.sqlite") as store:
        assert isinstance(store.connection, sqlite3.Connection)
        assert store.runs("x") == {}
        assert list(store.fronts("x")) == []
        assert store.environments() == {}
        assert store.speeds("x") == []
