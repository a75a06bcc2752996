"""Campaigns: only what is missing is made, nothing is lost or doubled, whoever is killed."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.campaign_process import TEXT, Process
from csmoifsa.errors import InputError
from csmoifsa_bench import campaign
from csmoifsa_bench.campaign import run_campaign
from csmoifsa_bench.cells import grid
from csmoifsa_bench.execute import RunOutcome, execute
from csmoifsa_bench.rivals import require
from csmoifsa_bench.store import Store
from csmoifsa_bench.suite import LIBRARIES, check_suite, parse_suite

WANTED = 48


def suite(**values):
    small = {
        **{"name": "t", "budget": 60, "snapshots": [30], "pop_size": 20, "runs": 3},
        **{"problems": [{"name": "zdt1"}], "algorithms": [{"name": "nsga2"}, {"name": "csmoifsa"}]},
    }
    return check_suite({**small, **values})


def content(path, name="t"):
    """Return all that must not depend on where and when runs were made."""
    with Store(path, readonly=True) as store:
        rows = {key: (row.status, row.n_eval, row.same_start) for key, row in store.runs(name).items()}
        fronts = {(key, stop, n_eval): F.tobytes() for key, stop, n_eval, F in store.fronts(name)}
        return rows, fronts


def check_whole(path, wanted=WANTED):
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*), count(DISTINCT key) FROM runs").fetchone() == (wanted, wanted)
    assert connection.execute("SELECT count(*) FROM fronts").fetchone() == (wanted,)
    assert connection.execute("SELECT count(*) FROM runs WHERE status = 'failed'").fetchone() == (0,)
    connection.close()


def test_only_what_is_missing_is_made(tmp_path):
    path = tmp_path / "r.sqlite"
    seen = []
    first = run_campaign(suite(runs=2), path, jobs=1, progress=seen.append)
    assert (first.wanted, first.found, first.done, first.failed) == (4, 0, 4, 0)
    assert seen == [0, 1, 2, 3, 4]
    more = run_campaign(suite(runs=3), path, jobs=1)
    assert (more.wanted, more.found, more.done) == (6, 4, 2)
    again = run_campaign(suite(runs=3), path, jobs=1)
    assert (again.found, again.done) == (6, 0)


def test_runs_are_made_again_only_when_asked_to(tmp_path):
    path = tmp_path / "r.sqlite"
    run_campaign(suite(), path, jobs=1)
    before = content(path)
    with Store(path, readonly=True) as store:
        finished = {key: row.finished for key, row in store.runs("t").items()}
    tally = run_campaign(suite().narrowed(algorithms=["csmoifsa"]), path, full=suite(), again=True, jobs=1)
    assert (tally.found, tally.done) == (0, 3)
    with Store(path, readonly=True) as store:
        newer = {key for key, row in store.runs("t").items() if row.finished != finished[key]}
    assert newer == {cell.key for cell in grid(suite()) if cell.algorithm == "csmoifsa"}
    assert content(path) == before


def test_a_changed_setting_is_another_cell_and_no_mix(tmp_path):
    path = tmp_path / "r.sqlite"
    run_campaign(suite(), path, jobs=1)
    changed = suite(algorithms=[{"name": "nsga2", "settings": {"n_offsprings": 10}}, {"name": "csmoifsa"}])
    tally = run_campaign(changed, path, jobs=1)
    assert (tally.found, tally.done) == (3, 3)
    with Store(path, readonly=True) as store:
        keys = {cell.key for cell in grid(store.suites()[0])}
        assert len(store.runs("t")) == 9
        assert len(keys & store.runs("t").keys()) == 6


def test_failures_are_rows_and_are_tried_again(tmp_path, monkeypatch):
    path = tmp_path / "r.sqlite"
    broken = suite(problems=[{"name": "zdt1"}, {"name": "zdt77"}], runs=1)
    tally = run_campaign(broken, path, jobs=1)
    assert (tally.done, tally.failed) == (4, 2)
    with Store(path, readonly=True) as store:
        failed = [row for row in store.runs("t").values() if row.status == "failed"]
        assert len(failed) == 2
        assert all("zdt77" in row.error and "Traceback" in row.traceback for row in failed)
    monkeypatch.setattr("csmoifsa_bench.pools.execute", lambda cell: execute(replace(cell, problem_name="zdt1")))
    made = []

    def mended(cell):
        made.append(cell.problem)
        outcome = execute(replace(cell, problem_name="zdt1"))
        return replace(outcome, cell=cell)

    monkeypatch.setattr("csmoifsa_bench.pools.execute", mended)
    tally = run_campaign(broken, path, jobs=1)
    assert (tally.found, tally.done, tally.failed) == (2, 2, 0)
    assert made == ["zdt77", "zdt77"]
    with Store(path, readonly=True) as store:
        assert {row.attempts for row in store.runs("t").values() if row.status == "done"} == {1, 2}


def test_serial_and_processes_agree_bit_for_bit(tmp_path):
    wanted = parse_suite(TEXT).narrowed(runs=3)
    run_campaign(wanted, tmp_path / "serial.sqlite", jobs=1)
    tally = run_campaign(wanted, tmp_path / "loky.sqlite", jobs=2)
    assert (tally.done, tally.breakdowns) == (12, 0)
    assert content(tmp_path / "serial.sqlite") == content(tmp_path / "loky.sqlite")


@pytest.mark.long
def test_a_run_that_kills_its_workers_is_a_failure_and_the_others_are_made(tmp_path, monkeypatch):
    # a problem file that ends its process in one of the repetitions: what a segmentation fault looks like from outside
    (tmp_path / "deadly.py").write_text(
        "import os\nimport numpy as np\nfrom pymoo.core.problem import Problem\n\n"
        "class Deadly(Problem):\n"
        "    def __init__(self, lot: int = 0):\n"
        "        super().__init__(n_var=3, n_obj=2, xl=0.0, xu=1.0)\n        self.lot = lot\n"
        "    def _evaluate(self, X, out, *args, **kwargs):\n"
        "        if self.lot % 3 == 0:\n            os._exit(1)\n"
        "        out['F'] = np.column_stack([X[:, 0], 1 - X[:, 0] + X[:, 1:].sum(axis=1)])\n"
    )
    wanted = suite(problems=[{"name": "./deadly.py:Deadly", "draw": "lot"}], algorithms=[{"name": "nsga2"}], runs=6)
    monkeypatch.chdir(tmp_path)  # the name decides the draws, so it must not hold a folder that changes
    deadly = {cell.key for cell in grid(wanted) if cell.problem_params["lot"] % 3 == 0}
    assert len(deadly) == 2
    tally = run_campaign(wanted, tmp_path / "r.sqlite", jobs=2, trust=True)
    assert (tally.done, tally.failed) == (6, 2)
    assert tally.breakdowns >= 2
    with Store(tmp_path / "r.sqlite", readonly=True) as store:
        failed = {key for key, row in store.runs("t").items() if row.status == "failed"}
        assert failed == deadly
        assert all("worker died" in store.runs("t")[key].error for key in deadly)


def test_workers_that_always_die_end_the_campaign_with_a_sentence(tmp_path, monkeypatch):
    def dies(cells, one_at_a_time):
        next(iter(cells))
        raise OSError("no more processes")
        yield

    monkeypatch.setattr(campaign, "MAX_BREAKS", 1)
    with Store(tmp_path / "r.sqlite") as store:
        made = campaign.Campaign(suite(), store)
        with pytest.raises(InputError, match=r"workers keep dying \(OSError: no more processes\)"):
            made._make(dies, iter(grid(suite())))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "spark"}, "--backend"),
        ({"backend": "dask"}, "--address"),
        pytest.param(
            {"backend": "dask", "address": "tcp://127.0.0.1:9"},
            "no Dask scheduler at tcp://127.0.0.1:9",
            marks=pytest.mark.slow,  # it waits five seconds for it
        ),
        ({"address": "tcp://127.0.0.1:9"}, "--address is for"),
        ({"jobs": 0}, "--jobs"),
    ],
)
def test_wrong_pools_are_told(tmp_path, options, words):
    if options.get("backend") == "dask" and find_spec("distributed") is None:
        pytest.skip("the extra 'cluster' with distributed is not installed")
    with pytest.raises(InputError, match=words):
        run_campaign(suite(), tmp_path / "r.sqlite", **options)


def test_a_missing_library_is_told_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.setattr("csmoifsa_bench.rivals.installed", lambda library: library == "pymoo")
    with pytest.raises(InputError, match=r"pygmo.*csmoifsa\[peers\].*--algorithms"):
        run_campaign(suite(algorithms=[{"name": "nsga2", "library": "pygmo"}]), tmp_path / "r.sqlite", jobs=1)


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_missing_library_has_its_command(library, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        require(library)
    # pymoode asks for another pymoo than ours, so that no extra can hold it
    command = {"pymoo": "pip install pymoo", "pymoode": "pip install --no-deps pymoode"}
    assert f"algorithms of {library} need the package" in str(caught.value)
    assert command.get(library, "pip install 'csmoifsa[peers]'") + ", or choose others" in str(caught.value)


# ---------------------------------------------------------------------------------------------- a campaign as a process
@pytest.fixture
def start(tmp_path):
    made = []

    def begin(*options, **more):
        made.append(Process(tmp_path, *options, **more))
        return made[-1]

    yield begin
    for process in made:
        process.end()


@pytest.fixture
def expected(tmp_path):
    """What the campaign of `Process` must leave, whatever happens to it."""
    run_campaign(parse_suite(TEXT), tmp_path / "expected.sqlite", jobs=1)
    return content(tmp_path / "expected.sqlite")


@pytest.mark.long
def test_a_killed_coordinator_loses_and_doubles_nothing(tmp_path, start, expected):
    first = start()
    first.wait_for(10)
    orphans = first.me.children(recursive=True)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    for orphan in orphans:  # they end by themselves after half a minute
        orphan.kill()
    left = first.done()
    assert 10 <= left < WANTED
    connection = sqlite3.connect(first.path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    runs, keys, fronts = connection.execute(
        "SELECT count(*), count(DISTINCT key), (SELECT count(*) FROM fronts) FROM runs"
    ).fetchone()
    connection.close()
    assert runs == keys == fronts == left
    answer = start().answer()
    assert (answer["made_now"], answer["done"], answer["failed"]) == (WANTED - left, WANTED, 0)
    check_whole(first.path)
    assert content(first.path) == expected


@pytest.mark.long
def test_a_killed_workers_run_is_made_again(start, expected):
    process = start()
    process.wait_for(10)
    workers = process.workers()
    assert len(workers) == 2
    workers[0].kill()
    answer = process.answer()
    assert (answer["made_now"], answer["failed"], answer["breakdowns"]) == (WANTED, 0, 1)
    check_whole(process.path)
    assert content(process.path) == expected


@pytest.mark.long
def test_ctrl_c_stops_cleanly_and_keeps_what_is_done(start):
    runs, wanted = ("--runs", "120"), 10 * WANTED  # long enough not to end before the signal comes
    process = start(*runs)
    process.wait_for(10)
    children = process.me.children(recursive=True)
    os.killpg(process.process.pid, signal.SIGINT)
    assert process.process.wait(20) == 130
    text = process.text()
    assert "Traceback" not in text
    answer = process.json()
    assert answer["interrupted"]
    assert wanted > answer["done"] == process.done() >= 10
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert not process.path.with_name("r.sqlite.lock").exists()
    assert start(*runs).answer()["done"] == wanted
    check_whole(process.path, wanted)


@pytest.fixture
def dask_cluster(tmp_path):
    """A scheduler and two worker processes on loopback; yields its address and the workers."""
    pytest.importorskip("distributed", reason="the extra 'cluster' with distributed is not installed")
    facts = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    module = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(facts)]
    processes = [subprocess.Popen([*module, *options], **quiet)]
    try:
        end = time.monotonic() + 60
        while not (facts.exists() and facts.stat().st_size):
            assert time.monotonic() < end, "the scheduler did not start"
            time.sleep(0.05)
        address = json.loads(facts.read_text())["address"]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
        place = ["--no-dashboard", "--local-directory", str(tmp_path)]
        processes += [subprocess.Popen([*worker, *place], **quiet) for _ in range(2)]
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.long
def test_a_dask_cluster_gives_the_same_though_a_worker_is_killed(start, dask_cluster, expected):
    address, workers = dask_cluster
    process = start("--backend", "dask", "--address", address)
    process.wait_for(10)
    workers[0].kill()
    answer = process.answer()
    assert (answer["made_now"], answer["failed"]) == (WANTED, 0)
    check_whole(process.path)
    assert content(process.path) == expected


@pytest.fixture
def ray_cluster(monkeypatch):
    """A Ray cluster of this machine; yields its address."""
    pytest.importorskip("ray", reason="the extra 'cluster' with ray is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else it writes a token into the home folder
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # short: it becomes part of sockets' names
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--num-cpus", "2"]
    command += ["--include-dashboard=false", "--disable-usage-stats", "--port", str(port), "--temp-dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end, "Ray did not start"
                time.sleep(0.2)
        yield f"127.0.0.1:{port}"
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        for child in (*children, psutil.Process(process.pid)):
            child.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
def test_a_ray_cluster_gives_the_same(start, ray_cluster, expected):
    process = start("--backend", "ray", "--address", ray_cluster)
    answer = process.answer()
    assert (answer["made_now"], answer["failed"]) == (WANTED, 0)
    check_whole(process.path)
    assert content(process.path) == expected


# ------------------------------------------------------------------------------------------ ten thousand
@pytest.mark.long
def test_ten_thousand_runs_cost_little_and_memory_stays_flat(tmp_path, monkeypatch):
    """Coordinator alone: what the workers do is replaced by a front of 100 points, ready made."""
    F = np.random.default_rng(1).random((100, 2))
    template = execute(next(grid(suite(runs=1))))
    snapshot = replace(template.snapshots[-1], F=F)
    monkeypatch.setattr(
        "csmoifsa_bench.pools.execute",
        lambda cell: RunOutcome(cell, [snapshot], n_eval=60, environment=template.environment),
    )
    wanted = suite(runs=5000)
    me, memory = psutil.Process(), {}

    def note(done):
        if done in (1000, 10_000):
            memory[done] = me.memory_info().rss

    before = time.process_time()
    tally = run_campaign(wanted, tmp_path / "r.sqlite", jobs=1, progress=note)
    milliseconds = 1000 * (time.process_time() - before) / 10_000
    assert tally.done == 10_000
    assert milliseconds < 5
    assert memory[10_000] - memory[1000] < 10e6
    assert (tmp_path / "r.sqlite").stat().st_size < 10_000 * 4000
    before = time.process_time()
    assert run_campaign(wanted, tmp_path / "r.sqlite", jobs=1).done == 0
    assert time.process_time() - before < 10  # finding out that nothing is missing


@pytest.mark.long
def test_a_thousand_tiny_runs_in_processes_cost_the_coordinator_little(tmp_path):
    tiny = suite(budget=4, snapshots=[], pop_size=4, runs=500, problems=[{"name": "zdt1", "params": {"n_var": 2}}])
    run_campaign(tiny.narrowed(runs=10), tmp_path / "r.sqlite", jobs=2)  # workers start and import
    before = time.process_time()
    tally = run_campaign(tiny, tmp_path / "r.sqlite", jobs=2)
    assert (tally.done, tally.failed) == (980, 0)
    assert 1000 * (time.process_time() - before) / 980 < 5
