"""Every value of a study with its origin: which file states it, and the source that this file names."""

from __future__ import annotations

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa.files import write_json
from csmoifsa_ev.inputs.scenario import case_names, load_scenario
from csmoifsa_ev.inputs.tariffs import urdb_document
from csmoifsa_ev.output.inputs import input_rows


def rows(scenario):
    return {one["key"]: (one["where"], one["source"]) for one in input_rows(scenario)}


@pytest.mark.parametrize("name", case_names())
def test_every_number_of_a_bundled_case_has_a_source(name):
    missing = [
        key
        for key, (where, source) in rows(load_scenario(case=name)).items()
        if where != "default" and not source and not key.endswith("not_determined")
    ]
    assert missing == []


def test_a_file_over_a_file_over_a_case(tmp_path):
    (tmp_path / "base.toml").write_text(
        "[fleet]\nn_ev = 500\nseed = 4\n[v2g]\nfee = 1\n[sources]\nfleet = 'registrations'\n'fleet.seed' = 'a die'\n"
    )
    (tmp_path / "my.toml").write_text("base = 'base.toml'\n[fleet]\nn_ev = 700\n[choice]\ntolerance = 0.02\n")
    found = rows(load_scenario(tmp_path / "my.toml"))
    assert found["fleet.n_ev"] == ("my.toml", "")  # the source was of the base's number
    assert found["fleet.seed"] == ("base.toml", "a die")
    assert found["v2g.fee"] == ("base.toml", "")
    assert found["v2g.depth"][0] == "paper-2022"
    assert "tenth of the battery" in found["v2g.depth"][1]
    assert found["choice.tolerance"] == ("my.toml", "")
    assert found["choice.rule"] == ("default", "")


def test_options_replace_the_origin_with_the_value(tmp_path):
    (tmp_path / "my.toml").write_text("[fleet]\nn_ev = 500\n[sources]\nfleet.n_ev = 'registrations'\n")
    scenario = load_scenario(tmp_path / "my.toml")
    assert rows(scenario)["fleet.n_ev"] == ("my.toml", "registrations")
    changed = rows(scenario.with_changes(n_ev=600, seed=0).with_terms(tolerance=0.03))
    assert changed["fleet.n_ev"] == ("this run", "")
    assert changed["fleet.seed"][0] == "paper-2022"  # the same value is no change
    assert changed["choice.tolerance"] == ("this run", "")


def test_files_and_sets_that_a_scenario_names(tmp_path):
    (tmp_path / "types.csv").write_text(
        "name,share,battery_kwh,charge_kw,discharge_kw,consumption_kwh_per_km\nA,1,40,7,7,0.18\n"
    )
    (tmp_path / "my.toml").write_text(
        "[fleet]\nvehicles = 'types.csv'\n[response]\nset = 'population-easy'\nrecovery = 'staggered'\n"
        "[sources]\nresponse = 'ours'\n"
    )
    found = rows(load_scenario(tmp_path / "my.toml"))
    assert found["fleet.vehicles.1.battery_kwh"] == ("my.toml", "")
    where, source = found["response.enrolment.curve.max_share"]
    assert where == "my.toml: population-easy"
    assert source.startswith("seen: Con Edison")
    where, source = found["response.peak_valley.saturation"]
    assert where == "my.toml: population-easy"
    assert source.startswith("seen: Austin Energy")  # the set's own
    assert found["response.recovery"] == ("my.toml", "ours")


def test_a_tariff_file_states_hours_and_prices_in_force(tmp_path):
    tariff = load_scenario().tariff
    document = urdb_document(
        "t", tariff, np.array([40.0, 30.0, 10.0]), np.full(3, 5.0), np.full(3, False), per_currency=100.0
    )
    write_json(tmp_path / "tariff.json", document)
    (tmp_path / "my.toml").write_text("[tariff]\nfile = 'tariff.json'\nday = 2025-07-01\n")
    found = rows(load_scenario(tmp_path / "my.toml"))
    assert found["prices.start.peak"] == ("my.toml: tariff.json", "")
    assert {where for key, (where, _) in found.items() if key.startswith("tariff.")} == {"my.toml: tariff.json"}
    assert found["prices.charge_bounds"][0] == "paper-2022"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[sources]\n'fleet.n_evs' = 'x'\n", "sources: the scenario has no key 'fleet.n_evs'. Did you mean"),
        ("[sources]\n'fleet.n_ev' = 3\n", "sources.fleet.n_ev must be a text, not 3"),
        ("notes = ['x']\n", "unknown key 'notes'"),
        ("[origins]\n", "unknown key 'origins'"),
        ("sources = 3\n", "sources must be a table of texts by key, not 3"),
    ],
)
def test_bad_sources_are_one_sentence(text, sentence, tmp_path):
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(InputError) as error:
        load_scenario(tmp_path / "my.toml")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
