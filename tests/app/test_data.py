"""The page of data: what is recognised, faults mended by what the page offers, broken and hostile uploads."""

from __future__ import annotations

import html
import io
import json
import re
import tomllib
from dataclasses import replace

import numpy as np
import openpyxl
import pytest

import odd_files
from app.conftest import SMALL
from csmoifsa_app.recognised import recognise
from csmoifsa_app.sources import SOURCES
from csmoifsa_ev.inputs.load import Load
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.inputs.template import SHARE_OF_LOAD
from csmoifsa_ev.model.fleet_sums import sum_fleet

DAYS = [(d, h) for d in range(3, 10) for h in range(24)]


READ = (("date_order", "day-first"), ("stamp", "beginning"), ("time_zone", "UTC"), ("day", "2024-06-05"))
"""What `load_csv` does not show."""


def load_csv(*, skip=((5, 7),), factor=1):
    lines = [f"0{d}/06/2024 {h:02d}:00,{factor * value_of(d, h)}" for d, h in DAYS if (d, h) not in skip]
    return "\n".join(["time,load_mw", *lines, ""]).encode()


def value_of(d, h):
    return 3000 + 100 * h + d


def upload(client, id, source, name, content):
    return client.post(f"/studies/{id}/data/{source}", files={"file": (name, content)})


def page_of(client, id, source, query=""):
    """Return the card of one kind of data on the page."""
    text = client.get(f"/studies/{id}/data{query}").text
    (card,) = re.findall(rf'<section [^>]*data-source="{source}".*?</section>', text, re.DOTALL)
    return card


def sentences(card):
    return [html.unescape(one) for one in re.findall(r'<li><p role="alert">(.*?)</p>', card, re.DOTALL)]


def forms_of(card):
    """Return the remedies of a card: path of each setting, and values to choose from."""
    found = []
    for form in re.findall(r'<form class="row remedy".*?</form>', card, re.DOTALL):
        paths = [json.loads(html.unescape(one)) for one in re.findall(r'name="path" value="([^"]*)"', form)]
        offered = re.findall(r'<(?:button[^>]*name="value"|option) value="([^"]*)"', form)
        found.append((paths, [html.unescape(one) for one in offered]))
    return found


def mend(client, id, *pairs):
    data = {"path": [json.dumps(path) for path, _ in pairs], "value": [value for _, value in pairs]}
    answer = client.post(f"/studies/{id}/data/mend", data=data)
    assert answer.status_code == 303, answer.text
    return answer


def values(studies, id):
    return tomllib.loads(studies.get(id).text)


# ------------------------------------------------------------------------------------------------ mended by buttons
def test_a_load_with_faults_is_mended_by_what_the_page_offers(client, studies):
    answer = client.post("/studies", files={"file": ("My region.csv", load_csv())})
    id = answer.headers["location"].split("/")[2]
    assert answer.headers["location"].endswith("/data")
    answers = {"date_order": "day-first", "stamp": "beginning", "time_zone": "Europe/Berlin", "fill": "interpolate",
               "first_day": "2024-06-03"}  # fmt: skip
    asked = []
    for _ in range(8):
        card = page_of(client, id, "load")
        if not sentences(card):
            break
        assert len(sentences(card)) == 1
        paths = [paths[0] for paths, _ in forms_of(card) if len(paths) == 1]
        path = next(path for path in paths if path[-1] in answers)
        assert path[-1] not in asked
        asked.append(path[-1])
        mend(client, id, (path, answers[path[-1]]))
    assert set(asked) == set(answers)
    assert values(studies, id)["load"] == {"csv": "load.csv", **{k: v for k, v in answers.items() if k != "first_day"},
                                           "first_day": tomllib.loads("a = 2024-06-03")["a"]}  # fmt: skip
    read = studies.get(id).scenario().load.read()
    want = np.array([[value_of(d, h) for h in range(24)] for d in range(3, 10)], dtype=float)
    np.testing.assert_allclose(read.values, want)  # the gap lies on a straight line
    for told in ("7 (2024-06-03 – 2024-06-09)", "60 min", "Europe/Berlin", "interpolated on request", "My region.csv"):
        assert told in page_of(client, id, "load")
    plot = recognise(studies.get(id))[0].plot
    assert plot["days"] == want.tolist()
    assert plot["mean"] == pytest.approx(want.mean(axis=0))


def test_the_number_of_cars_follows_the_load_until_the_user_states_one(client, studies):
    id = studies.new_from_file("load.csv", load_csv(skip=()))
    client.post(f"/studies/{id}/assumptions", json={"key": "prices.start.peak", "value": "40"})
    client.post(f"/studies/{id}/assumptions", json={"key": "fleet.trips_per_day", "value": "2"})
    assert "n_ev" not in values(studies, id)["fleet"]  # the load cannot be read yet
    for key, value in READ:
        client.post(f"/studies/{id}/assumptions", json={"key": f"load.{key}", "value": value})
    own = values(studies, id)
    assert own["prices"]["start"]["peak"] == 40  # what the user set stays
    assert own["fleet"]["trips_per_day"] == 2
    n_ev = own["fleet"]["n_ev"]
    scenario = studies.get(id).scenario()
    load = scenario.load.read().values[0]
    profile = sum_fleet(scenario.fleet, scenario.tariff, 24, scenario.v2g.depth).profile_mw
    assert profile.sum() == pytest.approx(SHARE_OF_LOAD * load.sum(), rel=0.02)
    least, most = own["grid"]["marginal_cost_load_mw"]
    assert least == pytest.approx((load + profile).min(), rel=0.01)
    assert most == pytest.approx((load + profile).max(), rel=0.01)

    upload(client, id, "load", "ten.csv", load_csv(skip=(), factor=10))  # the derived values follow
    assert values(studies, id)["load"] == {"csv": "load-2.csv"}  # the settings were those of the other file
    for key, value in READ:
        mend(client, id, (["load", key], value))
    assert values(studies, id)["fleet"]["n_ev"] == pytest.approx(10 * n_ev, rel=0.01)
    client.post(f"/studies/{id}/assumptions", json={"key": "fleet.n_ev", "value": "777"})
    mend(client, id, (["load", "day"], "2024-06-04"))
    assert values(studies, id)["fleet"]["n_ev"] == 777  # from now on the user's
    assert "derived" not in studies.get(id).text.split("n_ev")[1].split("\n")[0]
    client.post(f"/studies/{id}/data/load/remove")
    assert values(studies, id)["fleet"]["n_ev"] == 777
    assert "marginal_cost_load_mw" not in values(studies, id).get("grid", {})  # the case's again


def test_sessions_tariff_and_prices_are_recognised(client, studies, small):
    upload(client, small, "sessions", "s.csv", b"from,until,kwh\n05/06/2024 18:00,06/06/2024 07:00,9\n")
    mend(client, small, (["fleet", "sessions", "time_zone"], "local"))
    ((paths, offered),) = forms_of(page_of(client, small, "sessions"))
    assert [path[-1] for path in paths] == ["arrival", "departure", "energy"]
    assert set(offered) == {"from", "until", "kwh"}
    mend(client, small, *zip(paths, ("from", "until", "kwh"), strict=True))
    mend(client, small, (["fleet", "sessions", "date_order"], "day-first"))
    mend(client, small, (["fleet", "sessions", "stamp_zone"], "local"))
    card = page_of(client, small, "sessions")
    assert sentences(card) == []
    assert "9.0 kWh" in card
    assert "13.0 h" in card

    rates = [0.1] * 7 + [0.2] * 10 + [0.4] * 4 + [0.1] * 3
    urdb = {"energyratestructure": [[{"rate": 0.1}], [{"rate": 0.2}], [{"rate": 0.4}]],
            "energyweekdayschedule": [[[0.1, 0.2, 0.4].index(one) for one in rates]] * 12,
            "energyweekendschedule": [[0] * 24] * 12}  # fmt: skip
    upload(client, small, "tariff", "t.json", json.dumps(urdb).encode())
    card = page_of(client, small, "tariff")
    assert "17-21: 40 cents/kWh" in card  # the day is that of the case's load
    mend(client, small, (["tariff", "day"], "2024-06-08"))
    assert [paths[0][-1] for paths, _ in forms_of(page_of(client, small, "tariff"))] == ["day", "whole_year"]
    mend(client, small, (["tariff", "whole_year"], "true"))
    assert values(studies, small)["tariff"] == {"file": "tariff.json", "whole_year": True}
    assert "peak" in page_of(client, small, "tariff")
    assert len(recognise(studies.get(small))[1].plot["days"]) == 2

    hours = [f"2024-06-05 {h:02d}:00,{name},{h}" for name in ("North", "South") for h in range(24)]
    upload(client, small, "prices", "p.csv", "\n".join(["time,area,price", *hours]).encode())
    mend(client, small, (["grid", "day_ahead", "stamp"], "beginning"))
    steps = [("only", "South"), ("stamp", "beginning"), ("time_zone", "local")]
    for _ in range(4):
        forms = forms_of(page_of(client, small, "prices"))
        if not forms:
            break
        path = forms[0][0][0]
        mend(client, small, (path, next(v for k, v in steps if k in path)))
    assert values(studies, small)["grid"]["day_ahead"]["only"] == {"area": "South"}
    assert "$/MWh" in page_of(client, small, "prices")
    assert load_scenario(studies.get(small).path / "scenario.toml").grid.day_ahead is not None


def test_what_concerns_two_parts_has_its_remedy_too(client, studies):
    kinds = b'[[tariff.days]]\nname = "weekend"\nwhich = "weekends"\nwindows = { flat = ["7-23"], valley = ["23-7"] }\n'
    flat = f"[load]\nvalues_mw = {[1000.0] * 12 + [1200.0] * 12}\n".encode()
    id = studies.new_from_file("a.toml", b"[fleet]\nn_ev = 2000\n" + flat + kinds)
    text = client.get(f"/studies/{id}/data").text
    assert "their kind is unknown; give load.day" in text
    assert [path for paths, _ in forms_of(text) for path in paths] == [["load", "day"]]
    mend(client, id, (["load", "day"], "2024-06-05"))
    assert "their kind is unknown" not in client.get(f"/studies/{id}/data").text


def test_an_excel_file_asks_for_its_sheet(client, studies, small):
    book = openpyxl.Workbook()
    for name in ("Summary", "Hours & more"):
        sheet = book.create_sheet(name)
        sheet.append(["time", "load_mw"])
        for h in range(24):
            sheet.append([f"2024-06-05 {h:02d}:00", 1000 + h])
    buffer = io.BytesIO()
    book.save(buffer)
    upload(client, small, "load", "a.xlsx", buffer.getvalue())
    ((paths, offered),) = forms_of(page_of(client, small, "load"))
    assert offered == ["Summary", "Hours & more"]
    mend(client, small, (paths[0], "Hours & more"))
    assert values(studies, small)["load"]["sheet"] == "Hours & more"


def test_a_change_of_data_is_undone_and_done_again(client, studies, small):
    upload(client, small, "load", "a.csv", load_csv())
    mend(client, small, (["load", "date_order"], "day-first"))
    with_order = studies.get(small).text
    upload(client, small, "load", "b.csv", b"nothing of use\n")
    assert sentences(page_of(client, small, "load"))
    folder = studies.get(small)
    assert values(studies, small)["load"]["csv"] == "load-2.csv"
    client.post(f"/studies/{small}/undo")
    assert folder.text == with_order
    assert (folder.path / "load.csv").read_bytes() == load_csv()
    client.post(f"/studies/{small}/undo")
    assert values(studies, small)["load"]["csv"] == "load-2.csv"
    for k in range(5):  # files of earlier changes do not pile up
        upload(client, small, "load", f"{k}.csv", load_csv())
    assert len(list(folder.path.glob("load*"))) == 2
    assert [name for name in folder.files() if name.startswith("load")] == [values(studies, small)["load"]["csv"]]
    copy = client.post(f"/studies/{small}/duplicate") and next(one.id for one in studies.list() if one.id != small)
    assert "load.csv" in {*studies.get(copy).files()} or "load-2.csv" in {*studies.get(copy).files()}


def test_a_running_search_keeps_its_data(client, studies, small):
    folder = studies.get(small)
    folder.write_search(replace(folder.search, state="running"))
    stored = upload(client, small, "load", "a.csv", load_csv())
    for answer in (stored, client.post(f"/studies/{small}/data/load/remove")):
        assert answer.status_code == 303
        query = answer.headers["location"].split("data")[1].split("#")[0]
        assert "the search runs" in page_of(client, small, "load", query)
    assert folder.text == SMALL
    assert {one.name for one in folder.path.iterdir()} == {"scenario.toml", "search.json"}


# ------------------------------------------------------------------------------------------ broken and hostile files
def _contents(kinds, tmp_path):
    """Yield name and bytes of odd files; those that are no files cannot be uploaded."""
    for name, make in kinds.items():
        if name in ("missing", "folder", "pipe", "endless device", "link to itself"):
            continue
        path = tmp_path / f"odd{abs(hash(name))}"
        make(path)
        yield name, path.read_bytes()


@pytest.mark.parametrize(
    ("source", "suffix", "kinds"),
    [
        ("load", ".csv", odd_files.ANY | odd_files.CSV),
        ("tariff", ".json", odd_files.ANY | odd_files.JSON),
        ("sessions", ".json", odd_files.JSON),
        ("prices", ".xlsx", odd_files.ANY),
    ],
)
def test_broken_uploads_are_one_sentence_and_lose_nothing(client, studies, small, tmp_path, source, suffix, kinds):
    folder = studies.get(small)
    (folder.path / "keep.txt").write_text("mine", encoding="utf-8")
    table = SOURCES[source].path
    count = 0
    for name, content in _contents(kinds, tmp_path):
        before = folder.text
        answer = upload(client, small, source, "odd" + suffix, content)
        assert answer.status_code == 303, name
        if source == "sessions":  # what no file states is asked for first
            mend(client, small, ([*table[:-1], "time_zone"], "local"))
        card = page_of(client, small, source)
        assert len(sentences(card)) == 1, (name, sentences(card))
        assert len(sentences(card)[0]) < 4_200, name
        assert "\x1b" not in re.sub(r'value="[^"]*"', "", card), name
        assert str(studies.root) not in card, name
        client.post(f"/studies/{small}/{'undo' if source != 'sessions' else 'data/sessions/remove'}")
        assert tomllib.loads(folder.text) == tomllib.loads(before), name
        count += 1
    assert count >= 13
    upload(client, small, source, "odd" + suffix, content)
    for page in ("assumptions", "search"):
        assert client.get(f"/studies/{small}/{page}").status_code == 200
    client.post(f"/studies/{small}/undo")
    assert (folder.path / "keep.txt").read_text(encoding="utf-8") == "mine"
    assert folder.faults() == []


def test_odd_scenarios_begin_no_study_or_show_their_faults(client, studies, tmp_path):
    for name, content in _contents(odd_files.TOML, tmp_path):
        answer = client.post("/studies", files={"file": ("odd.toml", content)})
        assert answer.status_code == 303, name
        where = answer.headers["location"]
        text = client.get(where).text
        assert 'role="alert"' in text or where.endswith("/data"), name
        assert "\x1b" not in text, name


NAMES = [
    *("../../evil.csv", "..\\evil.csv", "/etc/cron.d/x.csv", "a\x00b.csv", "=cmd|' /C calc'!A0.csv"),
    *("<img src=x onerror=alert(1)>.csv", "a\nb = 1.csv", 'a"]\n[fleet]\nn_ev = 1\n#.csv'),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_data_file_is_text(client, studies, small, name):
    answer = client.post(f"/studies/{small}/data/load", files={"file": (name, load_csv())})
    assert answer.status_code in (303, 400)
    folder = studies.get(small)
    inside = {one.relative_to(studies.root).as_posix() for one in studies.root.rglob("*")}
    own_files = {f"{small}/{one}" for one in ("scenario.toml", "load.csv", ".previous.toml")}
    assert inside <= {".deleted", "studies.sqlite", small, *own_files}
    own = tomllib.loads(folder.text)
    assert own["fleet"] == {"n_ev": 2000}
    assert set(own) <= {"title", "fleet", "load"}
    assert "<img src=x" not in client.get(f"/studies/{small}/data").text


def test_texts_of_a_file_stay_texts(client, studies, small):
    hostile = "<script>alert(1)</script>"
    rows = [f"2024-06-05 {h:02d}:00,{hostile},=1+1,{h},{h}" for h in range(24)]
    content = "\n".join([f'time,{hostile},"=HYPERLINK(1)",{hostile}_a,b"{hostile}', *rows]).encode()
    upload(client, small, "load", f"{hostile}.csv", content)
    text = client.get(f"/studies/{small}/data").text
    assert hostile not in text
    assert "&lt;script&gt;" in text
    offered = [value for _, values in forms_of(page_of(client, small, "load")) for value in values]
    for value in offered[:3]:
        mend(client, small, (["load", "value_column"], value))
        assert values(studies, small)["load"]["value_column"] == value  # as it stands in the file
        assert hostile not in client.get(f"/studies/{small}/data").text


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["fleet", "n_ev"], "5", "says nothing about how a file is read"),
        (["load"], "x", "says nothing about how a file is read"),
        (["load", "csv"], "/etc/passwd", "says nothing about how a file is read"),
        (["load", "day"], "tomorrow", "must be a day"),
        (["load", "time_zone"], "  ", "enter a value"),
        (["title", "x"], "y", "says nothing"),
    ],
)
def test_only_what_says_how_a_file_is_read_is_set(client, studies, small, path, value, told):
    location = mend(client, small, (path, value)).headers["location"]
    assert told in client.get(location).text
    assert studies.get(small).text == SMALL


@pytest.mark.parametrize("path", ["", "[]", "x", "[1]", '{"a": 1}'])
def test_a_request_without_a_key_is_refused(client, studies, small, path):
    assert client.post(f"/studies/{small}/data/mend", data={"path": path, "value": "1"}).status_code == 422
    assert studies.get(small).text == SMALL


def test_unknown_kinds_and_endings_are_refused(client, studies, small):
    assert upload(client, small, "vehicles", "a.csv", b"x").status_code == 404
    assert upload(client, small, "..%2f..", "a.csv", b"x").status_code in (404, 405)
    for name in ("a.exe", "noending", "a.csv.html", ""):
        answer = upload(client, small, "load", name, b"x")
        assert answer.status_code in (303, 400), name
        assert studies.get(small).text == SMALL
    assert "can be read here" in client.get(upload(client, small, "load", "a.exe", b"x").headers["location"]).text


def test_the_command_line_reads_what_the_page_wrote(client, studies, small):
    upload(client, small, "load", "a.csv", load_csv(skip=()))
    for key, value in READ:
        mend(client, small, (["load", key], value))
    read = load_scenario(studies.get(small).path / "scenario.toml").load
    assert isinstance(read, Load)
    assert read.read().values[0].tolist() == [value_of(5, h) for h in range(24)]


def test_a_load_in_json_is_taken_as_the_command_takes_it(client, studies, small, run_cli, tmp_path):
    scenario = tmp_path / "s.toml"
    scenario.write_text(SMALL, encoding="utf-8")
    hours = [f"2024-07-10 {h:02d}:00" for h in range(24)]
    values = [9_000.5 + 100 * h for h in range(24)]
    records = [{"time": one, "load": value, "unit": "MW"} for one, value in zip(hours, values, strict=True)]
    forms = {
        "list": records,
        "within": {"response": {"total": 24, "data": records}},
        "columns": {"hourly": {"time": hours, "load": values}},
    }
    for name, form in forms.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(form), encoding="utf-8")
        upload(client, small, "load", path.name, path.read_bytes())
        for key, value in (("time_zone", "local"), ("stamp", "beginning")):
            mend(client, small, (["load", key], value))
        assert sentences(page_of(client, small, "load")) == [], name
        load = studies.get(small).scenario().load.read()
        assert load.values.ravel().tolist() == values
        options = ("--load", path, "--time-zone", "local", "--stamp", "beginning")
        assert run_cli("ev", "check", scenario, *options).code == 0
    id = studies.new_from_file("load.json", json.dumps(records).encode())
    assert forms_of(page_of(client, id, "load"))  # what it does not show is asked for


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"a": 1}, "holds no table"),
        ([], "holds no table"),
        ([1, 2], "holds no table"),
        ({"a": [{"b": 1}], "c": [{"d": 1}]}, "several tables (a, c)"),
        ([{"a": {"b": 1}}], "nothing but objects"),
        ([{"time": "2024-07-10 00:00", "load": 1}, {"time": "2024-07-10 01:00", "load": "x"}], "record 2"),
    ],
)
def test_json_without_one_table_is_refused(client, studies, small, form, told):
    upload(client, small, "load", "odd.json", json.dumps(form).encode())
    for key, value in (("time_zone", "local"), ("stamp", "beginning"), ("value_column", "load")):
        mend(client, small, (["load", key], value))
    found = sentences(page_of(client, small, "load"))
    assert any(told in one for one in found), found


def test_the_language_is_changed_where_the_user_is(client, small):
    path = f"/studies/{small}/data"
    assert f'name="here" value="{path}"' in client.get(path).text
    for here, there in ((path, path), ("//evil.org", "/"), ("https://evil.org", "/"), ("/\\evil.org", "/"), ("", "/")):
        answer = client.post("/language", data={"language": "zh", "here": here})
        assert answer.headers["location"] == there
    assert 'lang="zh"' in client.get(path).text
