"""The app without a network: starlette's test client, as a browser that has opened the printed link."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from starlette.testclient import TestClient

from app.served import Server
from csmoifsa_app.jobs import Jobs
from csmoifsa_app.server import make_app
from csmoifsa_app.studies import Studies
from ev.browser import Browser

HOST = "127.0.0.1:8123"
TOKEN = "the-secret-of-this-run"
SMALL = '# my comment\ntitle = "Small"\n[fleet]\nn_ev = 2000  # few\n'


@pytest.fixture
def studies(tmp_path):
    return Studies(tmp_path / "studies")


@pytest.fixture
def jobs(studies):
    jobs = Jobs(studies)
    yield jobs
    jobs.close()


@pytest.fixture
def stranger(studies):
    """A client that has not opened the link."""
    app = make_app(studies, token=TOKEN, host=HOST)
    return TestClient(app, base_url=f"http://{HOST}", follow_redirects=False, client=("127.0.0.1", 50_000))


@pytest.fixture
def client(stranger):
    answer = stranger.get("/open", params={"token": TOKEN})
    assert answer.status_code == 303
    stranger.headers["origin"] = f"http://{HOST}"
    return stranger


@pytest.fixture
def small(studies):
    """Identifier of a study with 2,000 cars."""
    return studies.new_from_file("small.toml", SMALL.encode())


@pytest.fixture
def server(tmp_path):
    """The program in a process of its own."""
    server = Server(tmp_path / "studies")
    yield server
    server.stop()


@pytest.fixture
def page(tmp_path):
    """A browser."""
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.close()
