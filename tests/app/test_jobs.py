"""Searches in worker processes: paused and gone on with, cancelled, killed, refused, and equal to the command's."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

pytest.importorskip("starlette")

from app.conftest import SMALL
from app.served import wait_report
from csmoifsa.errors import InputError
from csmoifsa_app.jobs import Jobs
from csmoifsa_app.studies import Studies
from csmoifsa_ev.output.finished import read_finished
from csmoifsa_ev.study.study import run_study

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name == "nt", reason="signals")]


def begin(studies, n_eval):
    id = studies.new_from_file("small.toml", SMALL.encode())
    folder = studies.get(id)
    folder.write_search(replace(folder.search, n_eval=n_eval, pop_size=20))
    return id, folder


def searching(report):
    return report.get("phase") == "search" and report["state"] == "running"


def test_paused_and_gone_on_with_is_as_never_paused(studies, jobs):
    id, folder = begin(studies, 60_000)
    jobs.start(id, "en")
    with pytest.raises(InputError, match="runs already"):
        jobs.start(id, "en")
    wait_report(jobs, id, searching)
    jobs.pause(id)
    report = wait_report(jobs, id, lambda report: report["state"] != "running")
    assert report["state"] == "paused"
    assert 0 < report["n_eval"] < 60_000
    assert (folder.path / "search.npz").is_file()
    with pytest.raises(InputError, match="no search of this study runs"):
        jobs.pause(id)
    jobs.start(id, "en")
    wait_report(jobs, id, lambda report: report["state"] == "done")
    assert not (folder.path / "search.npz").exists()  # the next search begins anew

    study = run_study(folder.scenario(), n_eval=60_000, pop_size=20)
    front = read_finished(folder.path / "result", "result").front
    assert front["charge_peak"].to_numpy() == pytest.approx(study.front[:, 0], rel=1e-9)
    assert len(front) == len(study.front)


def test_cancelled_killed_and_failed(studies, jobs):
    id, folder = begin(studies, 2_000_000)
    jobs.start(id, "en")
    wait_report(jobs, id, searching)
    jobs.cancel(id)
    assert folder.search.state == "new"
    assert not (folder.path / "search.npz").exists()

    jobs.start(id, "zh")
    wait_report(jobs, id, searching)
    jobs._jobs[id].process.kill()  # as the system does when memory is short
    wait_report(jobs, id, lambda report: report["state"] == "paused", 20)

    again = Jobs(Studies(studies.root))  # the program was killed while a search ran
    folder.write_search(replace(folder.search, state="running", n_eval=2_000_000))
    again.resume_all()
    wait_report(again, id, searching)
    assert folder.search.language == "zh"  # that of the page on which it was started, for its report
    with pytest.raises(InputError, match="search runs; pause or cancel"):
        folder.change(SMALL)
    again.close()
    assert again._jobs[id].ended.wait(10)
    assert folder.search.state == "running"  # goes on at the next start

    folder.write_search(replace(folder.search, state="failed"))
    folder.change(SMALL + "[prices]\ncharge_bounds = [49.5, 50]\ndischarge_bounds = [49.5, 50]\n")
    assert folder.search.state == "new"
    folder.write_search(replace(folder.search, n_eval=200))
    jobs.start(id, "en")
    report = wait_report(jobs, id, lambda report: report["state"] not in ("running",))
    assert report["state"] == "failed"
    assert "no tariff was found that keeps all constraints" in report["fault"]
