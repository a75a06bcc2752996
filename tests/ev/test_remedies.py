"""Faults carry what mends them: every remedy that a reader proposes takes its fault away."""

from __future__ import annotations

import json
from datetime import date

import pytest

from csmoifsa.errors import InputError
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import faults_of
from csmoifsa_ev.inputs.inspection import inspect_scenario
from csmoifsa_ev.inputs.load import Load
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.inputs.tariffs import read_tariff
from csmoifsa_ev.model.fleet import SessionsFile

KNOWN = {"stamp": "beginning", "time_zone": "UTC"}


def rows(stamp="2024-03-{d:02d} {h:02d}:00", cells="{v}", days=(5,)):
    return [f"{stamp.format(d=d, h=h)},{cells.format(v=1000 + h)}" for d in days for h in range(24)]


def without(lines, *numbers):
    return [line for k, line in enumerate(lines) if k not in numbers]


LOADS = {  # header, rows, settings, keys of the remedies with their values
    "stamp": ("time,load_mw", rows(), {"time_zone": "UTC"}, {"stamp": ("beginning", "ending")}),
    "zone": ("time,load_mw", rows(), {"stamp": "beginning"}, {"time_zone": ("local",)}),
    "no such zone": ("time,load_mw", rows(), {"stamp": "beginning", "time_zone": "Mars"}, {"time_zone": ("local",)}),
    "order": ("time,load_mw", rows("{d:02d}/03/2024 {h:02d}:00"), KNOWN, {"date_order": ("day-first", "month-first")}),
    "days": ("time,load_mw", rows(days=(5, 6)), KNOWN, {"first_day": (date(2024, 3, 5),)}),
    "gap": ("time,load_mw", without(rows(), 7), KNOWN, {"fill": ("interpolate",)}),
    "rubbish": ("time,load_mw", [*rows()[:3], "2024-03-05 03:00,x", *rows()[4:]], KNOWN, {"fill": ("interpolate",)}),
    "columns": ("time,solar,wind", rows(cells="{v},5"), KNOWN, {"value_column": ("solar", "wind")}),
    "column": ("time,a,b", rows(cells="{v},5"), KNOWN | {"value_column": "c"}, {"value_column": ("time", "a", "b")}),
    "two times": ("a,b,load_mw", rows(cells="2024-03-05 00:00,{v}"), KNOWN, {"time_column": ("a", "b")}),
    "places": (
        "time,area,load_mw",
        [*rows(cells="N,{v}"), *rows(cells="S,{v}")],
        KNOWN,
        {"only.area": ("N", "S")},
    ),
    "decimal": ("time;load_mw", [one.replace(",", ";") + ",123" for one in rows(cells="1")], KNOWN,
                {"decimal": ("point", "comma")}),
    "24:00": ("time,load_mw", [f"2024-03-05 {h + 1:02d}:00,{h}" for h in range(24)], KNOWN, {"stamp": ("ending",)}),
    "UTC": ("time,load_mw", rows("2024-03-{d:02d}T{h:02d}:00Z"), {"stamp": "beginning"}, {"time_zone": ("UTC",)}),
    "cut off": ("time,load_mw", rows(days=(5, 6, 7, 8))[:-20], KNOWN | {"first_day": "2024-03-05"},
                {"last_day": (date(2024, 3, 7),)}),
    "begins late": ("time,load_mw", rows(days=(5, 6, 7))[5:], KNOWN | {"last_day": "2024-03-07"},
                    {"first_day": (date(2024, 3, 6),)}),
    "no weekends": ("time,load_mw", rows(), KNOWN | {"which_days": "weekends", "first_day": "2024-03-05"},
                    {"which_days": ("all",)}),
}  # fmt: skip


def load_faults(path, settings):
    try:
        check_values(Load, {"csv": str(path), **settings}, strict=False).read()
    except InputError as error:
        return faults_of(error)
    return []


@pytest.mark.parametrize("name", LOADS)
def test_each_value_of_a_remedy_takes_its_fault_away(tmp_path, name):
    header, lines, settings, wanted = LOADS[name]
    path = tmp_path / "load.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    (fault,) = load_faults(path, settings)
    ready = {
        ".".join(one.path[1:]): one.values
        for remedy in fault.remedies
        for one in remedy.settings
        if one.values and one.path[0] == "load"
    }
    assert ready == wanted
    for key, values in wanted.items():
        for value in values:
            (top, *inner) = key.split(".")
            again = load_faults(path, settings | {top: {inner[0]: str(value)} if inner else str(value)})
            assert fault.sentence not in [one.sentence for one in again], value
    assert name in ("column", "two times") or any(
        not load_faults(path, settings | {key.split(".")[0]: {key.split(".")[1]: v} if "." in key else str(v)})
        for key, values in wanted.items()
        for v in values
    )


def test_a_fault_of_the_file_alone_has_no_remedy(tmp_path):
    path = tmp_path / "load.csv"
    path.write_text("\n".join(["time,load_mw", *rows()[:5], "2024-03-05 05:00,-1", *rows()[6:]]), encoding="utf-8")
    (fault,) = load_faults(path, KNOWN)
    assert "cannot be negative" in fault.sentence
    assert fault.remedies == ()


def paths_of(fault):
    return [tuple(one.path for one in remedy.settings) for remedy in fault.remedies]


def test_sessions_of_no_known_form_and_without_zone(tmp_path):
    path, fleet = tmp_path / "s.csv", load_scenario().fleet
    path.write_text("from,until,kwh\n05/06/2024 18:00,06/06/2024 07:00,9\n", encoding="utf-8")

    def fault(**settings):
        with pytest.raises(InputError) as caught:
            read_sessions(SessionsFile(file=str(path), time_zone="local", **settings), fleet)
        (one,) = faults_of(caught.value)
        return one

    columns = fault()
    (together,) = columns.remedies  # the three make sense together only
    assert [one.path[-1] for one in together.settings] == ["arrival", "departure", "energy"]
    assert {one.values for one in together.settings} == {("from", "until", "kwh")}
    named = {"columns": {"arrival": "from", "departure": "until", "energy": "kwh"}}
    with pytest.raises(InputError) as caught:
        read_sessions(check_values(SessionsFile, {"file": str(path), "time_zone": "local", **named}), fleet)
    order = faults_of(caught.value)[0]
    assert paths_of(order) == [(("fleet", "sessions", "date_order"),)]
    named |= {"stamp_zone": "local", "date_order": "day-first"}
    told = check_values(SessionsFile, {"file": str(path), "time_zone": "local", **named})
    assert read_sessions(told, fleet).n_car_days == 1


def test_a_tariff_asks_for_its_day(tmp_path):
    (tmp_path / "t.json").write_text(
        json.dumps({"energyratestructure": [[{"rate": 0.2}]], "energyweekdayschedule": [[0] * 24] * 12}),
        encoding="utf-8",
    )
    (tmp_path / "my.toml").write_text("[tariff]\nfile = 't.json'\n", encoding="utf-8")
    (fault,) = inspect_scenario(tmp_path / "my.toml").faults
    assert paths_of(fault) == [(("tariff", "day"),), (("tariff", "whole_year"),)]
    with pytest.raises(InputError) as caught:
        read_tariff(tmp_path / "t.json", date(2024, 6, 5)).periods("t.json")
    assert "one price" in str(caught.value)
    assert paths_of(faults_of(caught.value)[0]) == paths_of(fault)


def test_a_key_that_is_missing_is_asked_for(tmp_path):
    (tmp_path / "my.toml").write_text("[fleet.sessions]\nfile = 's.csv'\n", encoding="utf-8")
    faults = inspect_scenario(tmp_path / "my.toml").faults
    assert (("fleet", "sessions", "time_zone"),) in [path for one in faults for path in paths_of(one)]
