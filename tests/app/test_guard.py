"""Who may ask: the token of the link, Host, Origin, sizes, names that are no paths, files that are no code."""

from __future__ import annotations

import pytest

from app.conftest import HOST, TOKEN
from csmoifsa_app import guard
from csmoifsa_app.server import ROUTES


def test_nothing_without_the_token(stranger):
    for route in ROUTES:
        path = (
            route.path.replace("{id}", "0" * 12)
            .replace("{name}", "a")
            .replace("{name:path}", "a")
            .replace("{source}", "load")
        )
        for method in route.methods:
            answer = stranger.request(method, path, headers={"origin": f"http://{HOST}"})
            assert answer.status_code == 401, (method, path)
    assert stranger.get("/open", params={"token": TOKEN[:-1]}).status_code == 401
    assert stranger.get("/", params={"token": TOKEN}).status_code == 401  # only /open takes it from the address
    stranger.cookies.set("csmoifsa-8123", "wrong")
    assert stranger.get("/").status_code == 401
    stranger.cookies.set("csmoifsa-8123", '"\\')
    assert stranger.get("/").status_code == 401


def test_the_cookie_is_for_this_server_alone(stranger):
    answer = stranger.get("/open", params={"token": TOKEN})
    kept = answer.headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=strict" in kept
    assert kept.startswith("csmoifsa-8123=")
    assert answer.headers["location"] == "/"  # the token leaves the address


@pytest.mark.parametrize("host", ["evil.example", "localhost:8123", "127.0.0.1", "127.0.0.1:8124", ""])
def test_other_hosts_are_refused(client, host):
    assert client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_other_origins_are_refused(client, studies, headers):
    for method, path in (("POST", "/studies"), ("GET", "/")):
        assert client.request(method, path, data={"case": "paper-2022"}, headers=headers).status_code == 403
    assert studies.list() == []


def test_a_request_that_changes_something_needs_an_origin(client):
    del client.headers["origin"]
    assert client.post("/studies", data={"case": "paper-2022"}).status_code == 403
    assert client.get("/").status_code == 200


def test_every_answer_forbids_loads_from_outside(client):
    for path in ("/", "/static/app.css", "/nowhere"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "http" not in policy
        assert client.get(path).headers["x-content-type-options"] == "nosniff"


def test_uploads_are_bounded_whatever_they_announce(client, studies, monkeypatch):
    monkeypatch.setattr(guard, "MOST_BYTES", 1000)
    big = {"file": ("load.csv", b"x" * 2000)}
    assert client.post("/studies", files=big).status_code == 413

    def chunks():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        yield b"x" * 2000
        yield b"\r\n--b--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=b"}  # sent in chunks, without a length
    assert client.post("/studies", content=chunks(), headers=headers).status_code == 413
    assert client.get("/", headers={"content-length": "9" * 5000}).status_code == 413
    assert client.get("/", headers={"content-length": "many"}).status_code == 413
    assert studies.list() == []


@pytest.mark.parametrize(
    "name",
    ["../../evil.toml", "..\\evil.toml", "/etc/passwd.toml", "a\x00b.toml", "<script>.toml", "x" * 300 + ".toml"],
)
def test_the_name_of_an_upload_is_never_a_path(client, studies, name):
    answer = client.post("/studies", files={"file": (name, b"[fleet]\nn_ev = 2000\n")})
    assert answer.status_code == 303
    (entry,) = studies.list()
    inside = {one.relative_to(studies.root).as_posix() for one in studies.root.rglob("*")}
    assert inside <= {".deleted", "studies.sqlite", entry.id, f"{entry.id}/scenario.toml"}
    assert "<script>." not in client.get("/").text


@pytest.mark.parametrize(
    "name",
    ["../studies.sqlite", "..%2fstudies.sqlite", "%2e%2e/%2e%2e/x", "/etc/passwd", "result/../../x", ".written.json"],
)
def test_only_listed_files_are_sent(client, small, name):
    assert client.get(f"/studies/{small}/files/{name}").status_code == 404


def test_a_link_in_the_result_is_not_followed(client, studies, small, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    (studies.get(small).path / "result").mkdir()
    (studies.get(small).path / "result" / "link.txt").symlink_to(secret)
    assert client.get(f"/studies/{small}/files/result/link.txt").status_code == 404


@pytest.mark.parametrize("id", ["..", "%2e%2e", ".deleted", "studies.sqlite", "0" * 12, "A" * 12, "zzzzzzzzzzzz"])
def test_an_identifier_is_never_a_path(client, id):
    for page in ("data", "assumptions", "what-if", "search", "events", "study.zip", "report"):
        assert client.get(f"/studies/{id}/{page}").status_code == 404
    for act in ("delete", "restore", "duplicate", "search", "cancel"):
        assert client.post(f"/studies/{id}/{act}", json={}).status_code in (404, 405)


@pytest.mark.parametrize(
    "text",
    [
        '[load]\ncsv = "/etc/passwd"\n',
        '[load]\ncsv = "../other/load.csv"\n',
        'base = "../other.toml"\n',
        '[tariff]\nfile = "/etc/tariff.json"\n',
        '[fleet]\nvehicles = "../x.csv"\n',
        '[fleet.sessions]\nfile = "/proc/self/environ"\n',
        '[grid.day_ahead]\ncsv = "../../x.csv"\n',
    ],
)
def test_a_scenario_names_no_file_outside_its_folder(client, studies, small, text):
    before = studies.get(small).text
    answer = client.post(f"/studies/{small}/text", json={"text": text})
    assert answer.status_code == 422
    assert "outside the study's folder" in answer.json()["fault"] or "bundled case" in answer.json()["fault"]
    assert studies.get(small).text == before
    assert client.post("/studies", files={"file": ("a.toml", text.encode())}).status_code == 303
    assert len(studies.list()) == 1  # nothing was made of it


def test_markup_of_a_file_stays_text(client, studies):
    hostile = "</script><img src=x onerror=alert(1)>"
    id = studies.new_from_file("a.toml", f"title = '{hostile}'\n[fleet]\nn_ev = 2000\n".encode())
    for page in ("/", f"/studies/{id}/assumptions", f"/studies/{id}/search", f"/?fault={hostile}"):
        text = client.get(page).text
        assert "<img src=x" not in text, page
        assert hostile not in text, page


def test_another_host_needs_to_be_meant(run_cli, tmp_path):
    answer = run_cli("app", "--host", "0.0.0.0", "--studies", tmp_path / "s")
    assert answer.code == 2
    assert "--i-know" in answer.err
    assert not (tmp_path / "s").exists()
