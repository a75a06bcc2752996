"""The results file: whole after every accident, and what goes wrong is one sentence."""

import sqlite3

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_bench.campaign import Campaign, run_campaign
from csmoifsa_bench.cells import grid
from csmoifsa_bench.execute import RunOutcome
from csmoifsa_bench.recorder import Snapshot
from csmoifsa_bench.store import Store, exclusive_writer
from csmoifsa_bench.suite import check_suite


def suite(**values):
    return check_suite(
        {
            **{"name": "t", "budget": 60, "snapshots": [30], "pop_size": 20, "runs": 3},
            **{"problems": [{"name": "zdt1"}], "algorithms": [{"name": "nsga2"}], **values},
        }
    )


def outcome(cell, error="", n_points=4):
    F = np.column_stack([np.arange(n_points), -np.arange(n_points)]) + 0.25
    fronts = [] if error else [Snapshot(30, 20, F[:0]), Snapshot(60, 60, F)]
    facts = {"python": "3", "versions": {"csmoifsa": "1"}, "code": "x"}
    return RunOutcome(cell, fronts, error, f"Traceback {error}" if error else "", 60, True, 1.5, 1.25, facts)


def test_fronts_come_back_bit_for_bit(tmp_path):
    cells = list(grid(suite()))
    with Store(tmp_path / "r.sqlite") as store:
        store.put_suite(suite())
        store.put(outcome(cells[0]))
        assert store.suites() == [suite()]
        assert store.done("t") == {cells[0].key}
        (empty, full) = store.fronts("t")
        assert empty[:3] == (cells[0].key, 30, 20)
        assert empty[3].shape == (0, 2)
        assert np.array_equal(full[3], outcome(cells[0]).snapshots[1].F)
        row = store.runs("t")[cells[0].key]
        assert (row.status, row.attempts, row.cpu_seconds, row.same_start) == ("done", 1, 1.25, 1)
        assert store.environments()[row.environment]["code"] == "x"


def test_a_failure_is_a_row_and_gives_way_to_a_success_which_stays(tmp_path):
    cell = next(grid(suite()))
    with Store(tmp_path / "r.sqlite") as store:
        store.put(outcome(cell, error="ValueError: no"))
        assert store.done("t") == set()
        assert list(store.fronts("t")) == []
        store.put(outcome(cell, error="ValueError: again"))
        row = store.runs("t")[cell.key]
        assert (row.status, row.attempts, row.error) == ("failed", 2, "ValueError: again")
        store.put(outcome(cell))
        row = store.runs("t")[cell.key]
        assert (row.status, row.attempts, row.error, row.traceback) == ("done", 3, "", "")
        store.put(outcome(cell, error="late"))
        store.put(outcome(cell, n_points=9))
        row = store.runs("t")[cell.key]
        assert (row.status, row.attempts) == ("done", 3)
        assert [len(F) for *_, F in store.fronts("t")] == [0, 4]


def test_a_run_and_its_fronts_are_one_transaction(tmp_path):
    cells = list(grid(suite()))
    with Store(tmp_path / "r.sqlite") as store:
        store.put(outcome(cells[0]))
        broken = outcome(cells[1])
        broken.snapshots.append(broken.snapshots[0])  # the same stop twice: the second front cannot be written
        with pytest.raises(InputError, match="all runs written so far are safe"):
            store.put(broken)
        assert store.done("t") == {cells[0].key}
        store.put(outcome(cells[1]))
        assert store.done("t") == {cells[0].key, cells[1].key}


def test_a_full_disk_loses_nothing_and_the_rest_is_made_later(tmp_path):
    wanted = suite(runs=40, points=100, pop_size=100, budget=200, snapshots=[])
    path = tmp_path / "r.sqlite"
    with Store(path) as store:
        store.put_suite(wanted)
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages + 3}")  # SQLite's own 'disk is full'
        with pytest.raises(InputError, match=r"full; all runs written so far are safe; free some space") as error:
            Campaign(wanted, store).run(jobs=1)
        assert "\n" not in str(error.value)
        kept = len(store.done("t"))
        assert 0 < kept < 40
    tally = run_campaign(wanted, path, jobs=1)
    assert (tally.found, tally.done, tally.failed) == (kept, 40 - kept, 0)
    with Store(path, readonly=True) as store:
        assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert len(list(store.fronts("t"))) == 40


def test_a_locked_file_is_told_and_loses_nothing(tmp_path):
    cells = list(grid(suite()))
    path = tmp_path / "r.sqlite"
    with Store(path, patience=0.1) as store:
        store.put(outcome(cells[0]))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="another program has it locked"):
            store.put(outcome(cells[1]))
        assert store.done("t") == {cells[0].key}  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        store.put(outcome(cells[1]))
        assert len(store.done("t")) == 2


def test_only_one_campaign_writes_a_file(tmp_path):
    path = tmp_path / "r.sqlite"
    with exclusive_writer(path), pytest.raises(InputError, match=r"another campaign is writing .*r\.sqlite"):
        run_campaign(suite(), path, jobs=1)
    assert run_campaign(suite(), path, jobs=1).done == 3
    assert not path.with_name("r.sqlite.lock").exists()


@pytest.mark.parametrize("content", [b"a text file, long enough to have a header of its own" * 40, b""])
def test_other_files_are_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "r.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"r\.sqlite"):
        Store(path, readonly=True)
    if content:
        with pytest.raises(InputError, match="not a database"):
            Store(path)
        assert path.read_bytes() == content


def test_foreign_and_newer_databases_are_refused(tmp_path):
    path = tmp_path / "r.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(InputError, match="not a results file"):
        Store(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match="newer version"):
        Store(path)


def test_unwritable_places_and_missing_files_are_told(tmp_path):
    with pytest.raises(InputError, match="there is no results file"):
        Store(tmp_path / "none.sqlite", readonly=True)
    with pytest.raises(InputError, match="--out"):
        Store(tmp_path / "no" / "such" / "folder.sqlite")
    with pytest.raises(InputError, match="--out"):
        run_campaign(suite(), tmp_path / "no" / "folder.sqlite", jobs=1)


def test_more_runs_extend_a_suite_and_fewer_do_not_hide_any(tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        store.put_suite(suite(runs=30))
        store.put_suite(suite(runs=5))
        assert store.suites()[0].runs == 30
        store.put_suite(suite(runs=40))
        assert store.suites()[0].runs == 40
        store.put_suite(suite(runs=5, budget=80))
        assert (store.suites()[0].runs, store.suites()[0].budget) == (5, 80)
