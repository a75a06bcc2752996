"""The scenario that ``csmoifsa ev init`` writes."""

from __future__ import annotations

import json

import pytest

from csmoifsa_ev.inputs.scenario import load_scenario


def test_init_writes_a_scenario_that_is_sound_and_is_never_overwritten(tmp_path, run_cli):
    path = tmp_path / "my.toml"
    assert run_cli("ev", "init", path).code == 0
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("n_ev = 3_000_000", "n_ev = 1000"), encoding="utf-8")
    answer = run_cli("ev", "check", path, "--json")
    assert json.loads(answer.out)["ok"]
    again = run_cli("ev", "init", path)
    assert again.code == 2
    assert "is not overwritten" in again.err


def test_init_derives_defaults_from_a_load(tmp_path, run_cli, monkeypatch):
    (tmp_path / "data").mkdir()
    stamps = [f"2014-06-05 {h:02d}:00:00" for h in range(1, 24)] + ["2014-06-06 00:00:00"]
    rows = [f"{stamp},{1000 + 10 * k}" for k, stamp in enumerate(stamps)]  # far below the bundled load
    (tmp_path / "data/load.csv").write_text("\n".join(["Datetime,COMED_MW", *rows]) + "\n", encoding="utf-8")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    told = run_cli("ev", "init", "../my.toml", "--load", "../data/load.csv", "--day", "2014-06-05")
    assert told.code == 0, told.err
    assert "n_ev = " in told.out
    assert "marginal_cost_load_mw = [" in told.out
    facts = json.loads(run_cli("ev", "check", "../my.toml", "--json").out)
    assert facts["ok"]
    assert not [note for note in facts["notes"] if note.startswith(("grid", "prices", "fleet"))]
    found = facts["facts"]
    assert found["name"] == "my"
    assert found["ev_energy_mwh"] == pytest.approx(0.05 * (24 * 1115), rel=0.02)
    scenario = load_scenario(tmp_path / "my.toml")
    low, high = scenario.grid.marginal_cost_load_mw
    assert 0.99 * 1000 <= low <= found["before"]["g1_mw"] - found["before"]["g2_mw"]
    assert found["before"]["g1_mw"] <= high <= 1.01 * found["before"]["g1_mw"]
    assert run_cli("ev", "init", "few.toml", "--load", "../data/load.csv", "--cars", 700).code == 0
    assert load_scenario(tmp_path / "here/few.toml").fleet.n_ev == 700
    broken = run_cli("ev", "init", "no.toml", "--load", "../data/none.csv")
    assert broken.code == 2
    assert not (tmp_path / "here/no.toml").exists()
