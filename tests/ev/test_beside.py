"""Studies side by side: figures are those of their files, differences plain subtraction, obstacles named."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa.files import read_csv
from csmoifsa_energy.page import page_texts
from csmoifsa_ev.output.beside import collect, page_data, write_beside
from ev.browser import Browser, find_chromium

HOSTILE = "<img src=x onerror='window.pwned=1'>"
TEXTS = page_texts("csmoifsa_ev.output", "price", "en", ("charts",))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return folders of two priced studies that differ in the cars alone."""
    from csmoifsa_ev.inputs.scenario import load_scenario
    from csmoifsa_ev.output.tables import write_tables
    from csmoifsa_ev.study.study import run_study

    found = {}
    for name, cars in (("few", 3000), ("many", 900_000)):
        place = tmp_path_factory.mktemp("studies")
        (place / f"{name}.toml").write_text(f"[fleet]\nn_ev = {cars}\n")
        write_tables(run_study(load_scenario(place / f"{name}.toml"), n_eval=300, pop_size=20), place / name)
        found[name] = place / name
    return found


def changed(folder, place, name, change):
    """Copy a study and change its summary; return the copy."""
    shutil.copytree(folder, place / name)
    summary = json.loads((place / name / "summary.json").read_text())
    change(summary)
    (place / name / "summary.json").write_text(json.dumps(summary))
    return place / name


def test_differences_are_those_of_the_summaries(folders):
    beside = collect([folders["few"], folders["many"]])
    summaries = [json.loads((folders[name] / "summary.json").read_text()) for name in ("few", "many")]
    table = beside.table()
    assert len(table) == 6 + 3 * len(summaries[0]["after"])
    for row in table.to_dict("records"):
        few, many = (one[row["when"]][row["quantity"]] for one in summaries)
        assert (row["few"], row["many"], row["many less few"]) == (few, many, many - few)
    assert beside.differing_inputs().to_numpy().tolist() == [["fleet.n_ev", "3000", "900000"]]
    assert beside.sentences() == ["Numbers of cars differ: few: 3,000; many: 900,000."]


def test_fronts_stand_below_each_other(folders, tmp_path):
    write_beside(collect(list(folders.values())), tmp_path)
    fronts = read_csv(tmp_path / "fronts.csv")
    for name, folder in folders.items():
        own = fronts[fronts.study == name].drop(columns="study").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, read_csv(folder / "pareto.csv"), check_dtype=False)
    assert sorted(path.name for path in tmp_path.glob("[a-z]*")) == [
        "compared.csv", "compared.html", "fronts.csv", "inputs_differ.csv",
    ]  # fmt: skip


def test_mixed_units_have_no_difference_and_are_named(folders, tmp_path):
    def euros(summary):
        summary["units"]["saving_per_day"] = "EUR/day, operator's supply cost saved"
        summary["units"]["prices"] = "ct/kWh"

    beside = collect([folders["few"], changed(folders["few"], tmp_path, "euro", euros)])
    table = beside.table().set_index(["when", "quantity"])["euro less few"]
    assert np.isnan(table["after", "saving_per_day"])
    assert np.isnan(table["recommended", "charge_peak"])
    assert table["after", "saving_per_year"] == 0
    (sentence,) = beside.sentences()
    assert "no difference of saving_per_day (few: $/day; euro: EUR/day)" in sentence
    assert "(few: cents/kWh; euro: ct/kWh)" in sentence
    data = page_data(beside, TEXTS)
    assert "saving_per_day" not in data["quantities"]
    assert "g2_mw" in data["quantities"]


def test_prices_of_own_periods_have_labels(folders, tmp_path):
    def night(summary):
        summary["recommended"] = {name.replace("valley", "night"): x for name, x in summary["recommended"].items()}

    other = changed(folders["few"], tmp_path, "night", night)
    front = (other / "pareto.csv").read_text(encoding="utf-8").replace("_valley", "_night")
    (other / "pareto.csv").write_text(front, encoding="utf-8")
    prices = page_data(collect([folders["few"], other]), TEXTS)["prices"]
    assert prices["charge_night"] == "charge, night"
    assert prices["discharge_valley"] == "discharge, valley"


def test_other_loads_objectives_days_and_periods_are_named(folders, tmp_path):
    def other(summary):
        summary |= {"objectives": "market", "days": 3, "recovery": "staggered"}
        summary["recommended"] = {**summary["recommended"], "charge_evening": 9.0}

    folder = changed(folders["few"], tmp_path, "other", other)
    load = read_csv(folder / "load.csv")
    load.assign(base_mw=load.base_mw * 1.01).to_csv(folder / "load.csv", index=False)
    front = read_csv(folder / "pareto.csv")
    front.assign(charge_evening=9.0).to_csv(folder / "pareto.csv", index=False)
    beside = collect([folders["few"], folder])
    text = " ".join(beside.sentences())
    for part in ("Sets of objectives differ", "Numbers of days differ: few: 1; other: 3.", "Recoveries differ",
                 "Names of prices differ", "Loads without cars differ: few: "):  # fmt: skip
        assert part in text
    row = beside.table().set_index(["when", "quantity"]).loc[("recommended", "charge_evening")]
    assert np.isnan(row["few"])
    assert row["other"] == 9.0
    assert np.isnan(row["other less few"])


def test_scenarios_are_priced_first(folders):
    scenario = folders["few"].parent / "few.toml"
    beside = collect([folders["many"], scenario], n_eval=300)
    assert beside.names == ["many", "few"]
    assert beside.studies[1].summary.n_ev == 3000
    assert beside.studies[1].front.columns.tolist() == beside.studies[0].front.columns.tolist()


def test_equal_names_are_told_apart(folders, tmp_path):
    copy = changed(folders["few"], tmp_path, "few", lambda summary: None)
    assert collect([folders["few"], copy]).names == [str(folders["few"]), str(copy)]


def break_summary(folder):
    (folder / "summary.json").write_text('{"title": "x"}')


def text_for_a_number(folder):
    summary = json.loads((folder / "summary.json").read_text())
    summary["after"]["g1_mw"] = "high"
    (folder / "summary.json").write_text(json.dumps(summary))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "pareto.csv").unlink(), "is not the folder of a study: it has no pareto.csv"),
        (break_summary, "summary.json is not of 'csmoifsa ev price'"),
        (text_for_a_number, r"summary.json: after.g1_mw must be a number, not 'high'"),
        (lambda folder: (folder / "pareto.csv").write_text(""), "pareto.csv cannot be read as a table"),
        (lambda folder: (folder / "pareto.csv").write_text("a\n1\n"), "pareto.csv has no column 'charge_peak'"),
        (lambda folder: (folder / "load.csv").write_text("base_mw,before_mw,after_mw\n1,x,2\n"), "'before_mw' holds"),
        (lambda folder: (folder / "load.csv").write_bytes(b"\xff\xfe\x00"), "load.csv cannot be read as a table"),
    ],
)
def test_damaged_folders_are_one_sentence(folders, tmp_path, damage, sentence):
    folder = changed(folders["few"], tmp_path, "broken", lambda summary: None)
    damage(folder)
    with pytest.raises(InputError, match=sentence):
        collect([folders["many"], folder])


def test_too_few_studies_and_one_named_twice(folders):
    with pytest.raises(InputError, match="two or more studies"):
        collect([folders["few"]])
    with pytest.raises(InputError, match="named twice"):
        collect([folders["few"], folders["few"] / ".." / "few"])


def test_command(folders, tmp_path, run_cli):
    paths = list(folders.values())
    answer = run_cli("ev", "compare", *paths, "--out", tmp_path / "both")
    assert answer.code == 0
    assert "less few" in answer.out
    assert "Numbers of cars differ" in answer.out
    assert "compared.html" in answer.out
    both = json.loads(run_cli("ev", "compare", *paths, "--json").out)
    assert both["inputs_differ"] == [{"key": "fleet.n_ev", "few": "3000", "many": "900000"}]
    refused = run_cli("ev", "compare", *paths, "--case", "duke-2017")
    assert refused.code == 2
    assert "--case is of one scenario" in refused.err
    alone = run_cli("ev", "compare", paths[0])
    assert alone.code == 2
    assert "is one study; name a second to set it beside" in alone.err


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine")
def test_page_in_a_browser(folders, tmp_path):
    hostile = changed(folders["few"], tmp_path, HOSTILE.replace("/", "_"), lambda summary: None)
    write_beside(collect([folders["many"], hostile]), tmp_path / "page", language="zh")
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(tmp_path / "page" / "compared.html", "window.beside && window.beside.ready")
        assert browser.run("document.getElementById('fronts').data.length") == 4
        browser.run("document.getElementById('across').value = 'g1_mw'; "
                    "document.getElementById('across').dispatchEvent(new Event('change'))")  # fmt: skip
        want = read_csv(folders["many"] / "pareto.csv").g1_mw
        np.testing.assert_allclose(browser.run("Array.from(document.getElementById('fronts').data[0].x)"), want)
        assert browser.run("window.pwned === undefined")
        assert browser.run("document.querySelectorAll('h1 img, table img, .plot img').length") == 0
        assert browser.errors == []
        assert all(url.startswith(("file:", "data:", "blob:")) for url in browser.requests)
    finally:
        browser.close()
