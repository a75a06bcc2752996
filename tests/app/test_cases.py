"""Aggregators' studies: begun from cases and files, classes and prices set, run in workers as the commands do."""

from __future__ import annotations

import html
import json
import os
from dataclasses import replace
from typing import get_args, get_type_hints

import pytest

pytest.importorskip("starlette")

from aggregator.test_commands import price_files as price_files  # a fixture
from app.cases import hard_case
from app.served import wait_report
from csmoifsa.errors import InputError
from csmoifsa.files import read_csv
from csmoifsa_aggregator.dispatch.forecast import NAMES
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.solve.alternation import verify
from csmoifsa_aggregator.study.rolling import KNOWN
from csmoifsa_app.case_folder import CaseFolder, CaseWork
from csmoifsa_app.case_pages import case_labels
from csmoifsa_app.jobs import Jobs
from csmoifsa_app.studies import Studies


@pytest.fixture
def portfolio(studies):
    """Identifier of a study of the bundled portfolio."""
    return studies.new_from_case("portfolio", CaseFolder)


def ended(report):
    return report["state"] != "running"


def test_a_study_begins_with_a_case_and_the_command_line_reads_it(studies, portfolio):
    folder = studies.get(portfolio, CaseFolder)
    case, bundled = load_case(folder.path / "case.toml"), load_case("portfolio")
    assert folder.title == case.title == bundled.title
    assert case.game.day_ahead.tolist() == bundled.game.day_ahead.tolist()
    with pytest.raises(LookupError):
        studies.get(portfolio)  # it is no study of a tariff
    columns, rows = folder.classes()
    assert [row["name"] for row in rows] == ["night, long", "night, late", "work"]
    assert {"window", "count", "power_kw", "v2g_share"} <= {one.key for one in columns}
    form = {one.key: one for one in folder.form()}
    assert (form["contract.wear"].value, form["contract.wear"].origin) == ("0.01", "portfolio")
    assert form["price.band"].help
    assert form["market.day_ahead"].kind == "numbers"


def test_classes_are_replaced_as_a_table(studies, portfolio):
    folder = studies.get(portfolio, CaseFolder)
    _, rows = folder.classes()
    rows[0]["count"] = "1200"
    rows.append(
        {
            "name": "noon",
            "window": "11:00-14:00, 22:00-23:00",
            "count": "10",
            "power_kw": "3.5",
            "energy_kwh": "5",
            "v2g_share": "0",
        }
    )
    folder.change(folder.with_classes(rows))
    game = load_case(folder.path / "case.toml").game
    assert game.count.tolist() == [1200.0, 600.0, 500.0, 10.0]
    assert game.window[3].nonzero()[0].tolist() == [11, 12, 13, 22]
    assert folder.classes()[1][3]["window"] == "11:00-14:00, 22:00-23:00"
    for bad, told in (({"count": "many"}, "class 1: count must be a number"), ({}, "count")):
        with pytest.raises(InputError, match=told):
            folder.try_change(folder.with_classes([{"name": "x", "window": "1:00-9:00", "power_kw": "3", **bad}]))
    with pytest.raises(InputError, match="at least one class"):
        folder.with_classes([])
    assert folder.classes()[1][3]["name"] == "noon"


@pytest.mark.parametrize(
    "text",
    [
        '[roll]\nday_ahead = { csv = "/etc/passwd" }\n',
        '[roll.real_time]\ncsv = "../x.csv"\n',
        '[[reserve]]\nbase = "pjm-regulation"\n[[reserve]]\ncapacity_price = { csv = "../../x.csv" }\n',
        '[[reserve]]\nbase = "../x.toml"\n',
        '[load]\ncsv = "/etc/passwd"\n',
        'base = "/tmp/x.toml"\n',
    ],
)
def test_a_case_names_no_file_outside_its_folder(studies, text):
    with pytest.raises(InputError, match=r"outside the study's folder|bundled"):
        studies.new_from_case_file("a.toml", text.encode())
    assert studies.list() == []


def test_settings_hold_no_code(studies, portfolio):
    folder = studies.get(portfolio, CaseFolder)
    for name, value in (("forecast", "os:getcwd"), ("known", "all"), ("days", "soon"), ("time_limit", 0.0)):
        (folder.path / "search.json").write_text(json.dumps({name: value}), encoding="utf-8")
        with pytest.raises(InputError, match=name):
            _ = folder.search
    hints = get_type_hints(CaseWork)
    assert set(get_args(hints["forecast"])) == set(NAMES)
    assert set(get_args(hints["known"])) == set(KNOWN)


@pytest.mark.slow
def test_a_day_is_that_of_the_command(studies, jobs, portfolio, run_cli, tmp_path):
    folder = studies.get(portfolio, CaseFolder)
    jobs.start(portfolio, "en")
    report = wait_report(jobs, portfolio, ended)
    assert report["state"] == "done"
    *_, (_, profit, bound) = report["proof"]
    summary = folder.summary()
    assert (profit, bound) == (pytest.approx(summary["objective"]), pytest.approx(summary["upper_bound"]))
    command = folder.command.split()
    assert command[:4] == ["csmoifsa", "ev", "aggregate", "case.toml"]
    command[3] = folder.path / "case.toml"
    command[-1] = tmp_path / "by-command"
    assert run_cli(*command[1:]).code == 0
    made = [name for name in folder.files() if name.startswith("day/") and name.endswith((".csv", ".png"))]
    assert len(made) > 8
    for name in made:
        other = tmp_path / "by-command" / name.removeprefix("day/")
        assert other.read_bytes() == (folder.path / name).read_bytes(), name


@pytest.mark.slow
def test_rolling_is_that_of_the_command(studies, jobs, portfolio, price_files, run_cli, tmp_path):
    folder = studies.get(portfolio, CaseFolder)
    folder.write_search(replace(folder.search, act="roll"))
    jobs.start(portfolio, "en")
    report = wait_report(jobs, portfolio, ended)
    assert report["state"] == "failed"
    assert "name the file of day-ahead prices" in report["fault"]
    for which, path in zip(("day_ahead", "real_time"), price_files, strict=True):
        folder.add_prices(which, "My prices.CSV", path.read_bytes())
    folder.write_search(replace(folder.search, act="roll", days="2025-06-04:2025-06-05"))
    jobs.start(portfolio, "zh")
    assert wait_report(jobs, portfolio, ended)["state"] == "done"
    command = folder.command.splitlines()[1].split()
    command[3], command[-1] = folder.path / "case.toml", tmp_path / "by-command"
    assert run_cli(*command[1:]).code == 0
    for name in ("days.csv", "replay.csv", "replay_expected.csv", "replay_classes.csv", "summary.json"):
        assert (tmp_path / "by-command" / name).read_bytes() == (folder.path / "roll" / name).read_bytes(), name
    assert "滚动" in (folder.path / "roll" / "report.html").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.long
def test_a_long_proof_is_watched_cancelled_stopped_killed_and_begun_again(studies, jobs):
    id = studies.new_from_case_file("hard.toml", hard_case())
    folder = studies.get(id, CaseFolder)
    assert folder.faults() == []
    jobs.start(id, "en")
    report = wait_report(jobs, id, lambda report: len(report.get("proof", ())) > 1)
    assert all(profit is None or bound is None or profit <= bound + 1e-9 for _, profit, bound in report["proof"])
    jobs.cancel(id)
    assert folder.search.state == "new"

    jobs.start(id, "en")
    wait_report(jobs, id, lambda report: len(report.get("proof", ())) > 1)
    jobs.pause(id)  # the search of a price ends with the best one so far
    assert wait_report(jobs, id, ended, 60)["state"] == "done"
    summary = folder.summary()
    assert summary is not None
    assert summary["status"] != "proven"
    assert summary["objective"] <= summary["upper_bound"]
    table = read_csv(folder.path / "day" / "price.csv")
    price = table["price"].to_numpy()
    assert verify(folder.case().game, price).profit == pytest.approx(summary["objective"], rel=1e-6)

    jobs.start(id, "en")
    wait_report(jobs, id, lambda report: "proof" in report)
    jobs._jobs[id].process.kill()  # as the system does when memory is short
    report = wait_report(jobs, id, ended, 20)
    assert (report["state"], report["fault"]) == ("failed", "the run was ended from outside; start it again")

    folder.write_search(replace(folder.search, state="running", fault=""))  # the program was killed while it ran
    again = Jobs(Studies(studies.root))
    again.resume_all()
    wait_report(again, id, lambda report: "proof" in report)
    again.close()
    assert folder.search.state == "running"  # begins again at the next start


# ----------------------------------------------------------------------------------------------------------- the pages
def test_every_page_in_both_languages(client, portfolio):
    for language, word in (("en", "Classes of drivers"), ("zh", "用户类别")):
        client.post("/language", data={"language": language})
        for page in ("portfolio", "price", "replay"):
            answer = client.get(f"/cases/{portfolio}/{page}")
            assert answer.status_code == 200, page
            assert (f">{word}<" in answer.text) == (page == "portfolio")
        assert client.get("/").status_code == 200
    english, chinese = (case_labels(language).keys() for language in ("en", "zh"))
    assert english == chinese


def test_a_case_with_faults_has_its_pages(client, studies):
    id = studies.new_from_case_file("bad.toml", b"[market]\nday_ahed = [1, 2]\n")
    assert "day_ahed" in client.get(f"/cases/{id}/portfolio").text
    for page in ("price", "replay"):
        assert client.get(f"/cases/{id}/{page}").status_code == 200
    answer = client.post(f"/cases/{id}/run", json={"act": "aggregate"})
    assert answer.status_code == 422
    assert "day_ahed" in answer.json()["fault"]


def test_a_tariff_has_no_pages_of_a_case_nor_the_other_way_round(client, small, portfolio):
    for page in ("portfolio", "price", "replay", "steps", "day/report"):
        assert client.get(f"/cases/{small}/{page}").status_code == 404
    for page in ("assumptions", "what-if", "search", "day", "report"):
        assert client.get(f"/studies/{portfolio}/{page}").status_code == 404
    assert client.get(f"/studies/{portfolio}").headers["location"] == f"/cases/{portfolio}/portfolio"


def test_prices_are_uploaded_and_a_day_is_taken(client, studies, portfolio, price_files):
    for which, path in zip(("day_ahead", "real_time"), price_files, strict=True):
        file = {"file": ("../../evil.csv", path.read_bytes())}
        assert client.post(f"/cases/{portfolio}/prices/{which}", files=file).status_code == 303
    text = client.get(f"/cases/{portfolio}/replay").text
    assert "6 days, 2025-06-01 to 2025-06-06, steps of 60 min" in text
    folder = studies.get(portfolio, CaseFolder)
    assert set(folder.files()) == {"case.toml", "day_ahead.csv", "real_time.csv"}
    assert client.post(f"/cases/{portfolio}/take", data={"day": "2025-06-03"}).status_code == 303
    rows = price_files[0].read_text().splitlines()[1 + 48 : 1 + 72]
    assert folder.case().game.day_ahead.tolist() == pytest.approx([float(one.split(",")[1]) / 1000 for one in rows])
    for day in ("2025-07-03", "x"):
        assert day in refusal(client, client.post(f"/cases/{portfolio}/take", data={"day": day}))
    client.post(f"/cases/{portfolio}/node/real_time", data={"node": "NORTH"})
    assert "NORTH" in folder.text
    assert "NORTH" in client.get(f"/cases/{portfolio}/replay").text
    answer = client.post(f"/cases/{portfolio}/prices/day_ahead", files={"file": ("a.exe", b"MZ")})
    assert ".csv, .xlsx, .json" in refusal(client, answer)
    assert "choose a file" in refusal(client, client.post(f"/cases/{portfolio}/prices/day_ahead", data={"a": "b"}))
    folder.write_search(replace(folder.search, state="running"))
    answer = client.post(f"/cases/{portfolio}/prices/day_ahead", files={"file": ("a.csv", b"x")})
    assert "the search runs" in refusal(client, answer)
    assert (folder.path / "day_ahead.csv").read_bytes() == price_files[0].read_bytes()  # a run reads it
    folder.write_search(replace(folder.search, state="new"))
    assert refusal(client, client.post(f"/cases/{portfolio}/prices/other", files={"file": ("a.csv", b"x")}))
    records = [dict(zip(("stamp", "price"), line.split(","), strict=True)) for line in rows]
    file = {"file": ("da.json", json.dumps({"data": records}).encode())}
    assert client.post(f"/cases/{portfolio}/prices/day_ahead", files=file).status_code == 303
    assert set(folder.files()) == {"case.toml", "day_ahead.json", "real_time.csv"}


def refusal(client, answer):
    """Return the sentence that the page of price files shows after an act that was refused."""
    assert answer.status_code == 303
    page = client.get(answer.headers["location"]).text
    assert page.count('class="wrong" role="alert">') == 1
    return html.unescape(page.split('class="wrong" role="alert">')[1].split("<")[0])


CARS = """name,arrival,departure,power [kW],energy_kwh
a,2025-06-01 17:42,2025-06-02 07:05,11,12.5
b,18:00,07:00,11,12.5
c,08:10,16:59,3.7,6
d,17:10,07:30,11,12.5
"""


def test_a_list_of_cars_becomes_classes(client, studies, portfolio):
    folder = studies.get(portfolio, CaseFolder)

    def read(name, content):
        return client.post(f"/cases/{portfolio}/cars", files={"file": (name, content)})

    rows = read("cars.csv", CARS.encode()).json()["rows"]
    # whole hours within the stay; three cars are alike
    assert rows == [
        {"name": "", "window": "18:00-07:00", "count": "3", "power_kw": "11", "energy_kwh": "12.5"},
        {"name": "c", "window": "09:00-16:00", "count": "1", "power_kw": "3.7", "energy_kwh": "6"},
    ]
    assert folder.classes()[1][0]["name"] == "night, long"  # nothing is saved before the user has looked at it
    rows = [{**row, "energy_kwh": ""} for row in rows]  # under contract it follows from the battery
    version = client.get(f"/studies/{portfolio}/form").json()["version"]
    assert client.post(f"/cases/{portfolio}/classes", json={"rows": rows, "version": version}).status_code == 200
    assert folder.case().game.n_classes == 2
    # what the table holds can be saved as CSV, headed by the keys, and is read back
    classes = "window,count,power_kw\n21:00-06:00,600,7\n21:00-06:00,300,7\n"
    assert [one["count"] for one in read("c.csv", classes.encode()).json()["rows"]] == ["900"]
    assert [one["count"] for one in read("c.csv", classes.replace("count", "车辆数").encode()).json()["rows"]] == [
        "900"
    ]
    as_json = json.dumps([{"window": "21:00-06:00", "count": 5, "power_kw": 7.5}])
    assert read("c.json", as_json.encode()).json()["rows"][0]["power_kw"] == "7.5"
    for name, content, told in (
        ("c.exe", b"MZ", ".csv, .xlsx, .json"),
        ("c.csv", b"window,pover_kw\n21:00-06:00,7\n", "power_kw"),
        ("c.csv", b"power_kw\n7\n", "no column window"),
        ("c.csv", b"window,arrival,departure\n1,2,3\n", "say the same"),
        ("c.csv", b"window,power_kw\n21:00-06:00,seven\n", "c.csv, line 2, column 'power_kw'"),
        ("c.csv", b"arrival,departure,power_kw\n17:10,17:50,7\n", "no whole step"),
        ("c.csv", b"arrival,departure,power_kw\n25:10,17:50,7\n", "time of day"),
        ("c.csv", b"window,power_kw\n", "no rows"),
        ("c.csv", b"", "c.csv"),
        ("c.csv", ("window,power_kw\n" + "".join(f"21:00-06:00,{k}\n" for k in range(1, 700))).encode(), "699 classes"),
    ):
        answer = read(name, content)
        assert answer.status_code == 422, name
        assert told in answer.json()["fault"], (content, answer.json())
        assert "/tmp" not in answer.json()["fault"]


def test_the_last_change_is_undone_and_done_again(client, studies, portfolio):
    folder = studies.get(portfolio, CaseFolder)
    assert 'id="undo" class="row" method="post" action="/studies/' in client.get(f"/cases/{portfolio}/portfolio").text
    assert client.post(f"/studies/{portfolio}/undo").status_code == 422  # nothing was changed yet
    first = folder.text
    path = f"/studies/{portfolio}/assumptions"
    assert client.post(path, json={"key": "contract.wear", "value": "0.02", "was": "0.01"}).status_code == 200
    second = folder.text
    assert client.post(path, json={"key": "contract.wear", "value": "-1", "was": "0.02"}).status_code == 422
    assert (folder.text, folder.previous) == (second, first)  # what is refused is no change
    assert client.post(f"/studies/{portfolio}/text", json={"text": second}).status_code == 200  # nor is this
    answer = client.post(f"/studies/{portfolio}/undo", data={"page": "portfolio"})
    assert answer.headers["location"] == f"/cases/{portfolio}/portfolio"
    assert folder.text == first
    client.post(f"/studies/{portfolio}/undo", data={"page": "//evil"})
    assert folder.text == second
    assert set(folder.files()) == {"case.toml"}


def test_settings_of_a_run_are_checked(client, portfolio):
    for values, told in (
        ({"time_limit": "soon"}, "time_limit"),
        ({"margin": "-1"}, "margin"),
        ({"act": "rm"}, "act"),
        ({"forecast": "os:system"}, "forecast"),
    ):
        answer = client.post(f"/cases/{portfolio}/run", json={"act": "aggregate", **values})
        assert answer.status_code == 422
        assert told in answer.json()["fault"]


def test_edits_of_two_pages_both_count_and_none_is_overwritten(client, studies, portfolio):
    first = client.get(f"/studies/{portfolio}/form").json()
    path = f"/studies/{portfolio}/assumptions"
    wear = {"key": "contract.wear", "value": "0.02", "was": "0.01"}
    assert client.post(path, json=wear).status_code == 200
    # another page, loaded before, changes another key: both count
    band = {"key": "price.band", "value": "0.25", "was": "0.3"}
    answer = client.post(path, json=band).json()
    assert answer["form"]["contract.wear"] == ["0.02", True]
    assert "wear = 0.02" in answer["text"]
    assert "band = 0.25" in answer["text"]
    # the same key: refused, with what it is now
    answer = client.post(path, json={**wear, "value": "0.05"})
    assert answer.status_code == 409
    assert "0.02" in answer.json()["fault"]
    # the whole text, or all classes, over a version that is no longer the file's: refused
    text = client.post(f"/studies/{portfolio}/text", json={"text": first["text"], "version": first["version"]})
    rows = studies.get(portfolio, CaseFolder).classes()[1]
    classes = client.post(f"/cases/{portfolio}/classes", json={"rows": rows, "version": first["version"]})
    assert (text.status_code, classes.status_code) == (409, 409)
    now = client.get(f"/studies/{portfolio}/form").json()
    assert "wear = 0.02" in now["text"]
    assert client.post(f"/cases/{portfolio}/classes", json={"rows": rows, "version": now["version"]}).status_code == 200
    assert client.post(f"/studies/{portfolio}/text", json={"text": first["text"]}).status_code == 200  # meant
    assert studies.get(portfolio, CaseFolder).text == first["text"]


def test_parts_are_added_as_bundled_cases_show_them(client, studies, portfolio):
    folder = studies.get(portfolio, CaseFolder)
    assert folder.parts() == {
        "customers": "portfolio-customers",
        "load": "portfolio-grid",
        "reserve": "portfolio-reserve",
        "storage": "wei-storage",
    }
    assert 'name="part" value="load"' in client.get(f"/cases/{portfolio}/portfolio").text
    for part in ("customers", "load", "reserve"):
        answer = client.post(f"/cases/{portfolio}/part", data={"part": part})
        assert answer.headers["location"] == f"/cases/{portfolio}/portfolio#s-{part}"
    case, shown = folder.case(), load_case("portfolio-customers")
    assert case.customers == shown.customers
    assert set(folder.parts()) == {"storage"}
    before = folder.text
    for part in ("load", "classes", "", "../x"):  # there already, no part
        assert client.post(f"/cases/{portfolio}/part", data={"part": part}).status_code == 422
    assert folder.text == before
