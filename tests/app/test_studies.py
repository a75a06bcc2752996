"""Studies are folders: begun from cases and files, copied, renamed, deleted and restored; keys set one at a time."""

from __future__ import annotations

import io
import json
import re
import shutil
import tomllib
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from app.conftest import SMALL
from csmoifsa.errors import InputError
from csmoifsa_app.fields import set_value
from csmoifsa_app.pages import labels
from csmoifsa_app.studies import Studies
from csmoifsa_app.what_if import WhatIf, reachable
from csmoifsa_energy.page import page_texts
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.model.constraints import OVER_THE_DAY, REVENUE
from csmoifsa_ev.output.beside import collect
from csmoifsa_ev.output.tables import write_tables
from csmoifsa_ev.study.study import run_study


def values(studies, id):
    return tomllib.loads(studies.get(id).text)


def test_a_study_begins_with_a_case(client, studies):
    answer = client.post("/studies", data={"case": "duke-2017"})
    (entry,) = studies.list()
    assert answer.headers["location"] == f"/studies/{entry.id}/assumptions"
    assert values(studies, entry.id)["base"] == "duke-2017"
    scenario = load_scenario(entry.folder.path / "scenario.toml")  # as the command line reads it
    assert scenario.load == load_scenario(case="duke-2017").load
    assert client.post("/studies", data={"case": "../x"}).headers["location"].startswith("/?fault=")


HOURS = "\n".join(["time,load_mw", *(f"2024-06-05 {h:02d}:00,{1000 + 10 * h}" for h in range(24))]).encode()


def test_a_load_becomes_a_study_and_what_is_not_known_is_asked(client, studies):
    id = studies.new_from_file("My region.csv", HOURS)
    folder = studies.get(id)
    assert folder.title == "My region"
    faults, _, facts = folder.inspect()
    assert facts is None
    assert any("load.stamp" in one.sentence for one in faults)
    assert str(studies.root) not in " ".join(one.sentence for one in faults)
    for key, value in (("load.stamp", "beginning"), ("load.time_zone", "UTC")):
        answer = client.post(f"/studies/{id}/assumptions", json={"key": key, "value": value})
        assert answer.status_code == 200, answer.text
    faults, _, facts = folder.inspect()
    assert faults == []
    assert facts["step_minutes"] == 60
    assert folder.scenario().load.read().values[0].tolist() == [1000.0 + 10 * h for h in range(24)]
    (folder.path / "load.csv").write_bytes(HOURS.replace(b",1040", b",oops"))
    faults, _, _ = folder.inspect()
    assert any("oops" in one.sentence and "line 6" in one.sentence for one in faults), faults


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.exe", b"MZ", "this is .exe"),
        ("noending", b"x", "this is neither"),
        ("a.toml", b"\xff\xfe\x00", "UTF-8"),
        ("a.toml", b"[[[", "not a TOML"),
        ("a.toml", b"a" + b".a" * 100 + b" = 1", "nested"),
    ],
)
def test_a_file_that_is_no_study_leaves_nothing(studies, name, content, told):
    with pytest.raises(InputError, match=told):
        studies.new_from_file(name, content)
    assert studies.list() == []
    assert {one.name for one in studies.root.iterdir()} == {"studies.sqlite", ".deleted"}


def test_rename_duplicate_delete_and_undo(client, studies, small):
    client.post(f"/studies/{small}/rename", data={"title": ' My "new"\n name '})
    assert values(studies, small)["title"] == 'My "new" name'
    assert "# my comment" in studies.get(small).text
    assert "# few" in studies.get(small).text
    assert client.post(f"/studies/{small}/rename", data={"title": "  "}).status_code == 422

    client.post(f"/studies/{small}/duplicate")
    copy = next(one.id for one in studies.list() if one.id != small)
    assert values(studies, copy)["fleet"] == {"n_ev": 2000}

    answer = client.post(f"/studies/{small}/delete")
    assert answer.headers["location"] == f"/?deleted={small}"
    assert [one.id for one in studies.list()] == [copy]
    assert f"/studies/{small}/restore" in client.get(answer.headers["location"]).text
    client.post(f"/studies/{small}/restore")
    assert {one.id for one in studies.list()} == {small, copy}
    assert values(studies, small)["title"] == 'My "new" name'
    assert client.post(f"/studies/{small}/restore").status_code == 404


def test_old_deletions_are_removed_and_young_ones_kept(studies, small, monkeypatch):
    studies.delete(small)
    studies.remove_old()
    assert (studies.root / ".deleted" / small).is_dir()
    monkeypatch.setattr("csmoifsa_app.studies.KEPT_DAYS", -1)
    studies.remove_old()
    assert not (studies.root / ".deleted" / small).exists()


def test_the_folders_are_the_truth(studies, small):
    (studies.root / "studies.sqlite").unlink()
    again = Studies(studies.root)
    assert [one.id for one in again.list()] == [small]
    again.get(small).path.rename(studies.root.parent / "elsewhere")
    assert again.list() == []
    (studies.root.parent / "elsewhere").rename(studies.root / small)
    assert [one.id for one in again.list()] == [small]
    (studies.root / "studies.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(InputError, match="delete this file"):
        Studies(studies.root)


# -------------------------------------------------------------------------------------------------------- assumptions
def test_the_form_has_every_key_of_a_scenario(studies, small):
    form = {one.key: one for one in studies.get(small).form()}
    for key in ("fleet.n_ev", "prices.start.peak", "limits.max_bill_rise", "choice.rule", "v2g.response.max_share"):
        assert form[key].help, key
    cars = form["fleet.n_ev"]
    assert (cars.kind, cars.value, cars.default, cars.origin, cars.changed) == (
        "whole", "2000", "3000000", "paper-2022", True,
    )  # fmt: skip
    assert form["choice.rule"].choices == ("profit", "bill", "nearness")
    assert (form["choice.tolerance"].value, form["choice.tolerance"].origin) == ("0.01", "")
    assert (form["choice.tolerance"].low, form["choice.tolerance"].high) == ("0", "0.5")
    assert form["fleet.arrival_mean_h"].unit == "h"
    assert form["fleet.vehicles"].kind == "file"


def test_a_key_is_set_and_reset_and_the_rest_stays(client, studies, small):
    answer = client.post(f"/studies/{small}/assumptions", json={"key": "prices.start.peak", "value": " 40.5 "})
    assert answer.status_code == 200, answer.text
    assert answer.json()["field"]["changed"]
    assert values(studies, small)["prices"]["start"]["peak"] == 40.5
    for kept in ("# my comment", "n_ev = 2000  # few"):
        assert kept in studies.get(small).text
    assert studies.get(small).scenario().prices.start["peak"] == 40.5
    client.post(f"/studies/{small}/assumptions", json={"key": "fleet.n_ev", "value": None})
    assert studies.get(small).scenario().fleet.n_ev == 3_000_000


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("fleet.n_ev", "many", "fleet.n_ev must be a number"),
        ("fleet.n_ev", "2.5", "fleet.n_ev must be a whole number"),
        ("fleet.charge_efficiency", "1.5", "charge_efficiency must be above 0 and at most 1"),
        ("prices.start.peak", "1", "start must fall"),
        ("prices.charge_bounds", "50, 5", "lowest < highest"),
        ("tariff.peak", "14-22", "overlaps"),
        ("choice.rule", "luck", "choice.rule must be"),
        ("fleet.vehicles", "x", "edit it in the text"),
        ("nothing.here", "1", "no key"),
        ("load.csv", "/etc/passwd", "outside"),
    ],
)
def test_a_fault_is_a_sentence_and_nothing_is_written(client, studies, small, key, value, told):
    answer = client.post(f"/studies/{small}/assumptions", json={"key": key, "value": value})
    assert answer.status_code == 422
    assert told in answer.json()["fault"]
    assert studies.get(small).text == SMALL


def test_every_field_takes_back_its_own_value(studies, small):
    # not load.values_mw: a source of data replaces the case's table with its day, here as on the command line
    folder = studies.get(small)
    scenario = folder.scenario()
    for field in folder.form():
        if field.kind != "file" and field.value and field.key not in ("name", "title", "load.values_mw"):
            folder.write_text(set_value(SMALL, field, field.value))
            again = folder.scenario()
            assert replace(again, published=None) == replace(scenario, published=None), field.key


def test_the_text_is_saved_whole_or_not(client, studies, small):
    path = f"/studies/{small}/text"
    assert client.post(path, json={"text": "[fleet]\nn_ev = 5\n"}).status_code == 200
    assert studies.get(small).text == "[fleet]\nn_ev = 5\n"
    for text in ("[fleet", "[fleet]\nn_cars = 5\n", 7):
        assert client.post(path, json={"text": text}).status_code == 422
    assert studies.get(small).text == "[fleet]\nn_ev = 5\n"
    folder = studies.get(small)
    folder.write_search(replace(folder.search, state="running"))
    answer = client.post(path, json={"text": SMALL})
    assert "the search runs" in answer.json()["fault"]


# ------------------------------------------------------------------------------------------------------------ what if
def test_a_tariff_at_once(client, studies, small):
    day = client.get(f"/studies/{small}/day").json()
    tariff = [40.0, 24.0, 12.0, 30.0, 20.0, 10.0]
    found = client.post(f"/studies/{small}/evaluate", json={"tariff": tariff}).json()
    _, problem = WhatIf().problem(studies.get(small))
    outcome = problem.outcome(np.array([tariff, day["in_force"]]))
    for name, shown in found["figures"].items():
        assert shown == pytest.approx(getattr(outcome, name).tolist(), rel=1e-5), name
    assert found["after"][0] == pytest.approx(outcome.load_mw[0].tolist(), rel=1e-5)
    kept = outcome.constraints[0] <= 0
    assert [one["constraint"] for one in found["broken"]] == [
        c for c, k in zip(problem.constraint_names, kept, strict=True) if not k
    ]
    bad = client.post(f"/studies/{small}/evaluate", json={"tariff": [9.0, 24.0, 12.0, 30.0, 20.0, 10.0]}).json()
    assert "charge_flat <= charge_peak" in [one["constraint"] for one in bad["broken"]]
    for wrong in ([1, 2], ["a"] * 6, None, [1e9] * 6, [float("1e400")] * 6):
        text = str(wrong).replace("inf", "1e999").replace("None", "null").replace("'", '"')
        sent = client.post(f"/studies/{small}/evaluate", content=f'{{"tariff": {text}}}')
        assert sent.status_code == 422, wrong


def test_the_range_of_each_price_is_that_of_trying(studies, small):
    _, problem = WhatIf().problem(studies.get(small))
    x = problem.day.prices.in_force
    low, high = problem.price_bounds
    for k, found in enumerate(reachable(problem, x)):
        tried = [*np.linspace(low[k], high[k], 41), x[k]]
        allowed = []
        for value in tried:
            trial = x.copy()
            trial[k] = value
            if (problem.outcome(trial).constraints <= 0).all():
                allowed.append(value)
        assert found == (pytest.approx([min(allowed), max(allowed)]) if allowed else None)


def test_rules_are_seen_by_the_sliders(client, studies, small):
    studies.get(small).write_text(SMALL + "[rules]\nstep = 0.5\nratios = ['peak <= 4 x valley']\n")
    day = client.get(f"/studies/{small}/day").json()
    assert day["rules"] == {"step": 0.5, "ratios": ["peak <= 4 x valley", "prices are multiples of rules.step"]}
    found = client.post(f"/studies/{small}/evaluate", json={"tariff": [45.0, 24.25, 11.0, 5.0, 5.0, 5.0]}).json()
    broken = [one["constraint"] for one in found["broken"]]
    assert broken == ["peak <= 4 x valley", "prices are multiples of rules.step"]
    kept = client.post(f"/studies/{small}/evaluate", json={"tariff": [44.0, 24.5, 11.0, 5.0, 5.0, 5.0]}).json()
    assert kept["broken"] == []
    assert kept["ranges"][0][1] == 44.0
    assert all(end % 0.5 == 0 for ends in kept["ranges"] for end in ends)


def test_a_changed_scenario_is_read_anew(studies, small):
    what_if, folder = WhatIf(), studies.get(small)
    before = what_if.problem(folder)[1]
    assert what_if.problem(folder)[1] is before
    folder.write_text(SMALL.replace("2000", "3000"))
    assert what_if.problem(folder)[1].day.fleet.n_ev == 3000


TWO = """[[tariff.periods]]
name = "day"
windows = ["7-23"]
[[tariff.periods]]
name = "night"
windows = ["23-7"]
"""
FOUR = """[tariff]
periods = [
  { name = "peak", windows = ["17-21"] }, { name = "shoulder", windows = ["10-17"] },
  { name = "flat", windows = ["6-10", "21-23"] }, { name = "night", windows = ["23-6"] },
]
"""
KINDS = """[load]
csv = "load.csv"
first_day = 2024-06-01
time_zone = "UTC"
stamp = "beginning"
[[tariff.days]]
name = "weekend"
which = "weekends"
windows = { flat = ["7-23"], valley = ["23-7"] }
"""


@pytest.mark.parametrize(
    ("name", "text", "periods"),
    [
        ("two", TWO + "[prices.start]\nday = 30\nnight = 12\n", ["day", "night"]),
        (
            "four",
            FOUR + "[prices.start]\npeak = 44\nshoulder = 30\nflat = 22\nnight = 12\n",
            ["peak", "shoulder", "flat", "night"],
        ),
        ("kinds of days", KINDS, ["peak", "flat", "valley"]),
    ],
)
def test_any_periods_and_kinds_of_days(client, studies, results, name, text, periods):
    id = studies.new_from_file("a.toml", f"[fleet]\nn_ev = 2000\n{text}".encode())
    folder = studies.get(id)
    hours = [f"2024-06-{d:02d} {h:02d}:00,{1000 + 10 * h + d}" for d in range(1, 9) for h in range(24)]
    (folder.path / "load.csv").write_text("\n".join(["time,load_mw", *hours, ""]), encoding="utf-8")
    assert folder.inspect()[0] == []
    day = client.get(f"/studies/{id}/day").json()
    assert day["periods"] == periods
    assert day["kinds"] == (["weekend"] if name == "kinds of days" else [])
    assert day["days"] == (8 if name == "kinds of days" else 1)
    answer = client.post(f"/studies/{id}/evaluate", json={"tariff": day["in_force"]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    _, problem = WhatIf().problem(folder)
    outcome = problem.outcome(np.array([day["in_force"]]))
    assert found["figures"]["g2_mw"][0] == pytest.approx(float(outcome.g2_mw[0]), rel=1e-5)
    assert len(found["ranges"]) == 2 * len(periods)
    page = client.get(f"/studies/{id}/data").text
    assert all(period in page for period in periods)
    assert ("weekend" in page) == (name == "kinds of days")
    shutil.copytree(results / "few", folder.path / "result")
    summary = json.loads((folder.path / "result" / "summary.json").read_text(encoding="utf-8"))
    summary["recommended"] = {f"{kind}_{period}": 1.0 for kind in ("charge", "discharge") for period in periods}
    (folder.path / "result" / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    labels_there = client.get(f"/studies/{id}/search").text
    for period in periods:
        assert f"<dt>charge, {period}</dt>" in labels_there
        assert f"<dt>discharge, {period}</dt>" in labels_there


def test_a_fault_names_no_folder_of_this_machine(client, studies):
    id = studies.new_from_file("a.toml", b"[load]\ncsv = 'load.csv'\n[fleet]\nn_cars = 1\n")
    answer = client.get(f"/studies/{id}/day")
    assert answer.status_code == 422
    assert "unknown key" in answer.json()["fault"]
    assert str(studies.root) not in answer.text


# --------------------------------------------------------------------------------------------------------- the pages
def test_labels_of_the_app_hide_none_of_the_report():
    for language in ("en", "zh"):
        base, own = page_texts("csmoifsa_energy", "base", language), page_texts("csmoifsa_app", "app", language)
        report = page_texts("csmoifsa_ev.output", "price", language, ("charts",))
        assert not (own.keys() - base.keys()) & (report.keys() - base.keys())
        assert set(labels(language)["constraints"]) == {*OVER_THE_DAY, REVENUE}


def test_every_page_in_both_languages(client, studies, small):
    for language, word in (("en", "Assumptions"), ("zh", "假设")):
        client.post("/language", data={"language": language})
        for page in ("data", "assumptions", "what-if", "search"):
            answer = client.get(f"/studies/{small}/{page}")
            assert answer.status_code == 200
            assert word in answer.text
            assert f'<html lang="{language}">' in answer.text
        assert client.get("/").status_code == 200


def test_a_scenario_with_faults_has_its_page(client, studies):
    id = studies.new_from_file("bad.toml", b"[fleet]\nn_cars = 5\n[load]\ncsv = 'none.csv'\n")
    text = client.get(f"/studies/{id}/assumptions").text
    assert "unknown key" in text
    assert client.get(f"/studies/{id}/search").status_code == 200
    answer = client.post(f"/studies/{id}/search", json={})
    assert answer.status_code == 422
    assert "unknown key" in answer.json()["fault"]


def test_everything_can_be_taken_away(client, studies, small):
    content = client.get(f"/studies/{small}/study.zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist() == ["scenario.toml", "command.txt"]
        assert packed.read("scenario.toml") == SMALL.encode()
        assert packed.read("command.txt").startswith(b"csmoifsa ev price scenario.toml --objectives paper")
    assert client.get(f"/studies/{small}/files/scenario.toml").content == SMALL.encode()


def test_static_files_are_kept_by_the_browser(client):
    first = client.get("/static/charts.js")
    assert "const Charts" in first.text
    assert client.get("/static/charts.js", headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert client.get("/static/../cli.py").status_code == 404


# ------------------------------------------------------------------------------------------------------ side by side
@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Result folders of two small studies."""
    place = tmp_path_factory.mktemp("results")
    for name, n_ev in (("few", 2_000), ("many", 4_000)):
        scenario = load_scenario().with_changes(n_ev=n_ev)
        write_tables(run_study(scenario, n_eval=400, pop_size=16), place / name)
    return place


def test_two_studies_side_by_side(client, studies, results):
    ids = {}
    for name in ("few", "many"):
        ids[name] = studies.new_from_file(f"{name}.toml", f'title = "<i>{name}</i>"\n'.encode())
        shutil.copytree(results / name, studies.get(ids[name]).path / "result")
    pair = [("study", ids["few"]), ("study", ids["many"])]
    answer = client.get("/side-by-side", params=pair)
    assert answer.status_code == 200
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', answer.text)[1])
    assert data["names"] == ["<i>few</i>", "<i>many</i>"]
    assert "<i>few" not in answer.text
    beside = collect([results / "few", results / "many"])  # as `ev compare` does
    assert [len(one["g2_mw"]) for one in data["fronts"]] == [len(one.front) for one in beside.studies]
    assert data["rows"] == beside.table().replace({np.nan: None}).to_numpy().tolist()
    assert ["fleet.n_ev", "2000", "4000"] in data["inputs"]
    with zipfile.ZipFile(io.BytesIO(client.get("/side-by-side.zip", params=pair).content)) as packed:
        assert sorted(packed.namelist()) == ["compared.csv", "compared.html", "fronts.csv", "inputs_differ.csv"]

    for wrong in (pair[:1], [pair[0], pair[0]], []):
        refused = client.get("/side-by-side", params=wrong)
        assert refused.status_code == 303
        assert "choose 2 to" in client.get(refused.headers["location"]).text
        assert client.get("/side-by-side.zip", params=wrong).status_code == 422
    bare = studies.new_from_case("paper-2022")
    told = client.get(client.get("/side-by-side", params=[pair[0], ("study", bare)]).headers["location"]).text
    assert "is not the folder of a study" in told
    assert str(studies.root) not in told
    assert client.get("/side-by-side", params=[pair[0], ("study", "../x")]).status_code == 404
