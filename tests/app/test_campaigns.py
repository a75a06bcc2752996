"""Campaigns in the app: results files opened by path or uploaded, their state as they grow, and their report."""

from __future__ import annotations

import shutil
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from app.conftest import HOST, TOKEN
from csmoifsa_app.campaign_pages import campaign_labels
from csmoifsa_bench.campaign import campaign_states, run_campaign
from csmoifsa_bench.suite import load_suite

SMALL = ("--problems", "zdt1", "--algorithms", "nsga2", "--runs", "4", "--budget", "500", "--jobs", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A results file of four short runs, three of them made."""
    path = tmp_path_factory.mktemp("campaign") / "results.sqlite"
    suite = load_suite("zdt").narrowed(runs=4, budget=500)
    run_campaign(suite.narrowed(problems=["zdt1"], algorithms=["nsga2"]), path, full=suite, jobs=1)
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM runs WHERE id = 1")
    file.close()
    return path


@pytest.fixture
def results(made, tmp_path):
    """A copy of the results file, to be changed."""
    return Path(shutil.copy(made, tmp_path / "my results.sqlite"))


def opened(client, path):
    answer = client.post("/campaigns", data={"path": str(path)})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/campaigns/"), answer.headers["location"]
    return answer.headers["location"].removeprefix("/campaigns/")


def counts(states):
    lines = [line for one in states for line in one["algorithms"] if line["done"] or line["failed"]]
    return [sum(line[name] for line in lines) for name in ("done", "failed")]


def test_a_campaign_is_watched_as_it_grows(client, results, run_cli):
    id = opened(client, f" {results} ")
    assert opened(client, results) == id  # the same file is watched once
    found = client.get(f"/campaigns/{id}/state").json()
    assert counts(found["suites"]) == [3, 0]
    assert found["report"] is None
    assert run_cli("bench", "run", "zdt", *SMALL, "--out", results).code == 0
    found = client.get(f"/campaigns/{id}/state").json()
    assert counts(found["suites"]) == [4, 0]
    assert str(results) in client.get("/campaigns").text
    for language in ("en", "zh"):
        client.post("/language", data={"language": language})
        assert client.get(f"/campaigns/{id}").status_code == 200
    assert campaign_labels("en").keys() == campaign_labels("zh").keys()
    client.post(f"/campaigns/{id}/forget")
    assert client.get(f"/campaigns/{id}").status_code == 404
    assert results.is_file()  # the file itself stays


def test_runs_by_minute_are_those_of_the_last_ten_minutes(results):
    now = datetime.now(UTC)
    with sqlite3.connect(results) as file:
        ids = [id for (id,) in file.execute("SELECT id FROM runs")]
        for id, minutes in zip(ids, (1, 4, 30), strict=True):
            file.execute(
                "UPDATE runs SET finished = ? WHERE id = ?", ((now - timedelta(minutes=minutes)).isoformat(), id)
            )
    assert [one["per_minute"] for one in campaign_states(results, now)] == [pytest.approx(2 / 10)]
    with sqlite3.connect(results) as file:
        file.execute("DELETE FROM runs WHERE id = ?", (ids[2],))
    assert [one["per_minute"] for one in campaign_states(results, now)] == [pytest.approx(2 / 4)]
    with sqlite3.connect(results) as file:
        file.execute("UPDATE runs SET finished = 'yesterday'")
    assert [one["per_minute"] for one in campaign_states(results, now)] == [0.0]


@pytest.mark.slow
def test_the_report_is_that_of_the_command(client, results, run_cli, tmp_path):
    id = opened(client, results)
    assert client.get(f"/campaigns/{id}/report").status_code == 404
    client.post(f"/campaigns/{id}/report", json={})
    limit = time.monotonic() + 400
    while client.get(f"/campaigns/{id}/state").json()["reporting"]:
        assert time.monotonic() < limit
        time.sleep(0.1)
    answer = client.get(f"/campaigns/{id}/report")
    assert answer.status_code == 200, client.get(f"/campaigns/{id}/state").json()
    assert "sandbox" in answer.headers["content-security-policy"]
    assert run_cli("bench", "report", results, "--no-figures", "--out", tmp_path / "report").code == 0
    assert answer.content == (tmp_path / "report" / "report.html").read_bytes()


def test_an_upload_is_kept_if_it_is_a_results_file(client, results, studies):
    answer = client.post("/campaigns", files={"file": ("../../x.sqlite", results.read_bytes())})
    id = answer.headers["location"].removeprefix("/campaigns/")
    assert counts(client.get(f"/campaigns/{id}/state").json()["suites"]) == [3, 0]
    for content in (b"no database", b"", results.read_bytes()[:5000]):
        answer = client.post("/campaigns", files={"file": ("x.sqlite", content)})
        assert "/campaigns?fault=" in answer.headers["location"], content[:20]
    assert [one.name for one in (studies.root / ".campaigns").iterdir()] == [id]


@pytest.mark.parametrize("path", ["", "relative.sqlite", "/etc/passwd", "/nowhere/x.sqlite", "/"])
def test_what_is_no_results_file_is_a_sentence(client, path):
    answer = client.post("/campaigns", data={"path": path})
    assert answer.headers["location"].startswith("/campaigns?fault=")
    assert "root:" not in answer.headers["location"]  # nothing of the file's content
    assert 'role="alert"' in client.get(answer.headers["location"]).text


def test_a_file_is_opened_by_its_path_for_the_machine_s_own_user_alone(client, results):
    remote = TestClient(client.app, base_url=f"http://{HOST}", follow_redirects=False, client=("10.0.0.7", 50_000))
    remote.get("/open", params={"token": TOKEN})
    remote.headers["origin"] = f"http://{HOST}"
    answer = remote.post("/campaigns", data={"path": str(results)})
    assert answer.headers["location"].startswith("/campaigns?fault=")
    assert 'id="path"' not in remote.get("/campaigns").text
    assert 'id="path"' in client.get("/campaigns").text


def test_a_file_that_is_gone_or_damaged_is_a_sentence(client, results):
    id = opened(client, results)
    results.write_bytes(b"damaged " * 500)
    found = client.get(f"/campaigns/{id}/state").json()
    assert found["suites"] == []
    assert "not a database" in found["fault"] or "cannot" in found["fault"]
    results.unlink()
    assert client.get(f"/campaigns/{id}/state").json()["fault"]
    assert client.get(f"/campaigns/{id}").status_code == 200


@pytest.mark.parametrize("id", ["%2e%2e", "0" * 12, "A" * 12, "studies.sqlite"])
def test_an_identifier_is_never_a_path(client, id):
    for page in ("", "/state", "/report"):
        assert client.get(f"/campaigns/{id}{page}").status_code == 404
    for act in ("report", "forget"):
        assert client.post(f"/campaigns/{id}/{act}", json={}).status_code in (404, 405)
