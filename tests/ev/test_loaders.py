"""Files of each known format, and a thousand broken ones."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_energy.clock import windows_of
from csmoifsa_ev.inputs.load import FileSeries, Load
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.inputs.tariffs import read_tariff, urdb_document
from csmoifsa_ev.inputs.vehicles import read_vehicles
from csmoifsa_ev.model.fleet import SessionsFile
from csmoifsa_ev.model.tariff import Windows

HOURS = Windows(peak=("14-21",), flat=("7-14", "21-23"), valley=("23-7",))
DAY = date(2014, 6, 5)


def pjm_rows(day="2014-06-05", after="2014-06-06"):
    stamps = [f"{day} {h:02d}:00:00" for h in range(1, 24)] + [f"{after} 00:00:00"]
    return [f"{stamp},{9000 + 10 * k}.0" for k, stamp in enumerate(stamps)]


def write(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------- load formats


def test_pjm_hourly_consumption_is_known_by_its_header(tmp_path):
    path = write(tmp_path / "a.csv", "Datetime,COMED_MW", pjm_rows())
    days = Load(csv=str(path)).read()
    assert days.values.tolist() == [[9000.0 + 10 * k for k in range(24)]]
    assert days.time_zone == "America/New_York"


def test_eia930(tmp_path):
    stamps = [f"2017-10-04 {h:02d}:00:00" for h in range(5, 24)] + [f"2017-10-05 0{h}:00:00" for h in range(5)]
    rows = [f"{stamp},,MISSING,{8000 + k},7" for k, stamp in enumerate(stamps)]
    header = "date_time,raw demand (MW),category,cleaned demand (MW),forecast demand (MW)"
    path = write(tmp_path / "a.csv", header, rows)
    zone = {"time_zone": "America/New_York"}
    assert Load(csv=str(path), **zone).read().values.tolist() == [[8000.0 + k for k in range(24)]]
    with pytest.raises(InputError, match="name the time zone of its clock"):
        Load(csv=str(path)).read()
    with pytest.raises(InputError, match=r"line 2, column 'raw demand.*'' is not a number"):
        Load(csv=str(path), load_column="raw demand (MW)", **zone).read()
    balance = [f'DUK,{stamp},"{8 + k // 20},{k:03d}"' for k, stamp in enumerate(stamps)]
    path = write(tmp_path / "b.csv", "Balancing Authority,UTC Time at End of Hour,Demand (MW)", balance)
    assert Load(csv=str(path), **zone).read().values[0, 23] == 9023


def data_miner_rows(areas=("CE",), price="26.5"):
    rows = []
    for h in range(24):
        hour = (h + 3) % 12 + 1
        utc = f"5/{1 if h < 20 else 2}/2025 {hour}:00:00 {'AM' if h + 4 < 12 or h + 4 >= 24 else 'PM'}"
        rows += [f"{utc},local,{area},{price}" for area in areas]
    return rows


def test_data_miner(tmp_path):
    header = "datetime_beginning_utc,datetime_beginning_ept,load_area,mw"
    path = write(tmp_path / "a.csv", header, data_miner_rows(("AE", "CE")))
    with pytest.raises(InputError, match=r"holds 2 of load_area: AE, CE; choose one with load\.only"):
        Load(csv=str(path)).read()
    assert (Load(csv=str(path), only={"load_area": "CE"}).read().values == 26.5).all()
    with pytest.raises(InputError, match="no row has load_area = 'XX'"):
        Load(csv=str(path), only={"load_area": "XX"}).read()
    prices = write(
        tmp_path / "p.csv",
        "datetime_beginning_utc,datetime_beginning_ept,pnode_name,total_lmp_da",
        data_miner_rows(price="-5.5"),
    )
    assert (FileSeries(csv=str(prices)).read_file("grid.day_ahead").values == -5.5).all()


# ------------------------------------------------------------------------------------------------------ tariffs


def test_urdb_there_and_back(tmp_path):
    charge, discharge = np.array([36.25, 24.0, 14.125]), np.array([33.0, 5.0, 5.0])
    document = urdb_document("mine", HOURS, charge, discharge, np.array([True, False, False]), per_currency=100.0)
    assert [("sell" in tier[0]) for tier in document["energyratestructure"]] == [True, False, False]
    assert document["energyratestructure"][0][0]["sell"] == 0.33
    path = tmp_path / "urdb.json"
    path.write_text(json.dumps({"items": [document]}), encoding="utf-8")
    windows, prices = read_tariff(path, DAY).periods("urdb.json")
    assert Windows(**{name: tuple(w) for name, w in windows.items()}).period_of_step(24).tolist() == list(
        HOURS.period_of_step(24)
    )
    assert [100 * price for price in prices.values()] == pytest.approx(charge)
    half = Windows(peak=("14:30-21",), flat=("7-14:30", "21-23"), valley=("23-7",))
    with pytest.raises(InputError, match="whole hours only"):
        urdb_document("x", half, charge, discharge, np.ones(3, dtype=bool), per_currency=100.0)


def acn_tariff(**changes):
    entry = {
        "effective_start": "06-01", "effective_end": "9-30", "dow_mask": "WEEKDAYS",
        "times": [0, 8, 12, 18, 23], "tariffs": [0.06, 0.09, 0.27, 0.09, 0.06], "demand_charge": 15.5,
    }  # fmt: skip
    return {"name": "x", "schedule": [entry | changes]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dow_mask": "WEEKENDS"}, "no entry of schedule covers Thursday 2014-06-05"),
        ({"effective_start": "13-01"}, "schedule.0.effective_start must be a month and a day"),
        ({"times": [0, 12, 8, 18, 23]}, "times must begin at 0 and rise"),
        ({"times": [1, 8, 12, 18, 23]}, "times must begin at 0 and rise"),
        ({"times": [0, 8]}, "lists of equal length"),
        ({"tariffs": [0.06, 0.09, "x", 0.09, 0.06]}, "schedule.0.tariffs.2: 'x' is not a price"),
        ({"tariffs": [0.06, 0.09, -0.1, 0.09, 0.06]}, "cannot be negative"),
        ({"tariffs": [0.06, 0.06, 0.06, 0.06, 0.06]}, "has one price on that day"),
    ],
)
def test_acn_sim_faults(tmp_path, change, told):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(acn_tariff(**change)), encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_tariff(path, DAY).periods("t.json")


def test_acn_sim_and_ambiguity(tmp_path):
    path = tmp_path / "t.json"
    tariff = acn_tariff()
    path.write_text(json.dumps(tariff), encoding="utf-8")
    read = read_tariff(path, DAY)
    windows, prices = read.periods("t.json")
    assert windows == {"peak": ["12-18"], "flat": ["8-12", "18-23"], "valley": ["23-8"]}
    assert prices == {"peak": 0.27, "flat": 0.09, "valley": 0.06}
    assert read.demand_per_kw == 15.5
    tariff["schedule"].append(acn_tariff(dow_mask="ALL", tariffs=[0.06, 0.09, 0.3, 0.09, 0.06])["schedule"][0])
    path.write_text(json.dumps(tariff), encoding="utf-8")
    with pytest.raises(InputError, match=r"schedule\.0 and schedule\.1 both cover"):
        read_tariff(path, DAY)


def test_windows_of_any_partition_come_back():
    for seed in range(50):
        hours = np.random.default_rng(seed).integers(0, 2, 24).astype(bool)
        if hours.all() or not hours.any():
            continue
        back = np.zeros(24, dtype=bool)
        for window in windows_of(np.repeat(hours, 60)):
            first, last = (int(part) for part in window.split("-"))
            back[[h % 24 for h in range(first, last + (24 if last <= first else 0))]] = True
        np.testing.assert_array_equal(back, hours)


def test_a_tariff_file_in_a_scenario(tmp_path, run_cli):
    (tmp_path / "t.json").write_text(json.dumps(acn_tariff()), encoding="utf-8")
    (tmp_path / "my.toml").write_text(
        "[tariff]\nfile = 't.json'\nday = 2014-06-05\n[fleet]\nn_ev = 100\n", encoding="utf-8"
    )
    answer = run_cli("ev", "check", tmp_path / "my.toml")
    assert answer.code == 0, answer.err
    assert "peak 12-18; flat 8-12 18-23; valley 23-8" in answer.out
    assert "peak 27, flat 9, valley 6" in answer.out


# ------------------------------------------------------------------------------------------- sessions and types

ACN_HEADER = (
    "Session,ConnectionStartDateTime,ConnectionEndDateTime,ChargingStartDateTime,ChargingEndDateTime,Power,Energy,"
    "ConnectionHours,ChargingHours,FlexibilityHours,ChargingStation,UserID"
)


def acn_rows():
    return [
        "S1,2018-10-08 13:25:00,2018-10-09 00:06:00,,,0.6,6.31,10.68,10.58,0.1,a,000000365",
        "S2,2018-10-08 14:20:00,2018-10-08 16:37:00,,,0.5,5.01,10.28,10.1,0.18,b,000000410",
        "S3,2018-10-08 18:20:00,2018-10-09 02:37:00,,,0.5,7.5,10.28,10.1,0.18,b,000000410",
    ]


def sessions_of(path, fleet):
    return read_sessions(SessionsFile(file=str(path), stamp_zone="UTC", time_zone="America/Los_Angeles"), fleet)


def test_recorded_sessions_csv_and_json_agree(tmp_path, case):
    from csmoifsa_ev.model.fleet_sums import sum_sessions

    table = sessions_of(write(tmp_path / "a.csv", ACN_HEADER, acn_rows()), case.fleet)
    assert table.n_car_days == 2
    assert table.sessions.arrival_h == pytest.approx([6 + 25 / 60, 7 + 20 / 60, 11 + 20 / 60], abs=1e-5)
    assert (table.sessions.charge_h * table.sessions.charge_kw) == pytest.approx([6.31, 5.01, 7.5])
    sums = sum_sessions(table.sessions, case.fleet, HOURS, 24, 0.1)
    assert sums.energy_mwh.sum() == pytest.approx(18.82e-3)
    items = []
    for row in acn_rows():
        cells = row.split(",")
        stamps = [f"Mon, 0{c[9]} Oct 2018 {c[11:]} GMT" for c in cells[1:3]]
        items.append(
            {"connectionTime": stamps[0], "disconnectTime": stamps[1], "kWhDelivered": float(cells[6]),
             "userID": cells[11], "sessionID": cells[0]}
        )  # fmt: skip
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"_items": items}), encoding="utf-8")
    other = sessions_of(path, case.fleet)
    for name in ("car", "arrival_h", "departure_h", "charge_h"):
        np.testing.assert_array_equal(getattr(other.sessions, name), getattr(table.sessions, name))


def test_what_does_not_fit_the_model_is_told(tmp_path, case):
    rows = [
        "S1,2018-10-08 13:00:00,2018-10-10 13:00:00,,,1,90,1,1,1,a,7",
        "S2,2018-10-08 13:30:00,2018-10-08 14:00:00,,,1,20,1,1,1,a,7",
    ]
    told = " ".join(sessions_of(write(tmp_path / "a.csv", ACN_HEADER, rows), case.fleet).notes)
    for words in ("1 of 2 sessions last longer", "charge faster", "take more than", "overlap"):
        assert words in told


def test_vehicle_types(tmp_path, run_cli):
    header = "name,share,battery_kwh,charge_kw,discharge_kw,consumption_kwh_per_km"
    path = write(tmp_path / "v.csv", header, ["BYD,0.57,40.5,6.75,6.75,0.182", "Nissan,0.43,40.5,6.75,6.75,0.182"])
    assert [one["share"] for one in read_vehicles(path)] == [0.57, 0.43]
    (tmp_path / "my.toml").write_text("[fleet]\nvehicles = 'v.csv'\nn_ev = 100\n", encoding="utf-8")
    assert run_cli("ev", "check", tmp_path / "my.toml").code == 0
    write(path, header, ["BYD,x,40.5,6.75,0,0.182", "BYD,1,40.5,6.75,6.75,0.182"])
    answer = run_cli("ev", "check", tmp_path / "my.toml")
    assert answer.code == 2
    for told in ("line 2, column 'share'", "line 2, column 'discharge_kw'", "line 3, column 'name'"):
        assert told in answer.err


# -------------------------------------------------------------------------------------------------------- check


def test_check_tells_the_faults_of_a_file_called_as_its_part(tmp_path, run_cli, monkeypatch):
    """``load.csv: ...`` is no key of ``load``; until it was told apart, the fault was left out beside another one."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "load.csv", "time,load", pjm_rows())
    (tmp_path / "tariff.json").write_text('{"schedule": }', encoding="utf-8")
    (tmp_path / "my.toml").write_text("[load]\ncsv = 'load.csv'\n[tariff]\nfile = 'tariff.json'\nday = 2014-06-05\n")
    answer = run_cli("ev", "check", "my.toml")
    assert answer.code == 2
    assert "load.csv: say whether a stamp marks the beginning or the end of its step" in answer.err
    assert "tariff.json, line 1, column 14: the tariff file is not a JSON file" in answer.err
    assert "2 fault(s)" in answer.err


def test_check_tells_everything_at_once(tmp_path, run_cli):
    rows = pjm_rows()
    rows[3] = rows[3].replace("9030.0", "n/a")
    write(tmp_path / "load.csv", "Datetime,COMED_MW", rows)
    (tmp_path / "t.json").write_text('{"schedule": }', encoding="utf-8")
    (tmp_path / "my.toml").write_text(
        "[load]\ncsv = 'load.csv'\n[tariff]\nfile = 't.json'\nday = 2014-06-05\n[fleet]\nn_evs = 3\n[v2g]\nwear = -1\n",
        encoding="utf-8",
    )
    answer = run_cli("ev", "check", tmp_path / "my.toml")
    assert answer.code == 2
    assert "load.csv, line 5, column 'COMED_MW': 'n/a' is not a number" in answer.err
    assert "t.json, line 1, column 14" in answer.err
    assert "unknown key 'fleet.n_evs'" in answer.err
    told = json.loads(run_cli("ev", "check", tmp_path / "my.toml", "--json").out)
    assert not told["ok"]
    assert len(told["faults"]) >= 3


# ------------------------------------------------------------------------------------------ a thousand broken files


def breakings(rows, source):
    """Yield one way of breaking a text after another; each changes what the file says."""
    k = source.randrange(len(rows))
    j = source.randrange(len(rows))
    cell = rows[k].split(",")
    column = source.randrange(len(cell))
    rubbish = ["", "x", "-", "nan", "inf", "1,5", "1 000", "0x10", "1e999", "--5", "5-", "١٢", "=A1", "None", "\0"]

    def changed(text):
        return [*rows[:k], ",".join([*cell[:column], text, *cell[column + 1 :]]), *rows[k + 1 :]]

    yield changed(source.choice(rubbish))
    yield rows[:k] + rows[k + 1 :]
    yield [*rows, rows[k]]
    yield [*rows[:k], rows[k] + ",", *rows[k + 1 :]]
    yield [*rows[:k], '"' + rows[k], *rows[k + 1 :]]
    yield [*rows[:k], rows[j], *rows[k + 1 :]] if j != k else rows[1:]
    yield rows[: k // 2]
    yield [row.replace(",", ";") for row in rows]
    yield changed("-" + cell[column])
    yield [*rows[:k], rows[k][: len(rows[k]) // 2], *rows[k + 1 :]]


def test_a_thousand_broken_loads_are_refused_or_read_the_same(tmp_path):
    """Never a traceback, never a silently changed figure."""
    good = pjm_rows()
    path = tmp_path / "load.csv"
    want = Load(csv=str(write(path, "Datetime,COMED_MW", good))).read().values
    refused = 0
    for seed in range(80):
        for rows in breakings(good, random.Random(seed)):
            write(path, "Datetime,COMED_MW", rows)
            for options in ({}, {"day": DAY}):
                try:
                    days = Load(csv=str(path), **options).read()
                except InputError as error:
                    refused += 1
                    assert "load.csv" in str(error)  # noqa: PT017
                    assert "\n" not in str(error)  # noqa: PT017
                else:
                    np.testing.assert_array_equal(days.values, want)
    assert refused >= 1_000


def test_filling_never_changes_a_figure_that_is_there(tmp_path):
    good = pjm_rows()
    path = tmp_path / "load.csv"
    for seed in range(60):
        for rows in breakings(good, random.Random(seed)):
            write(path, "Datetime,COMED_MW", rows)
            try:
                days = Load(csv=str(path), day=DAY, fill="interpolate").read()
            except InputError:
                continue
            want = 9000.0 + 10 * np.arange(24)
            assert days.values[0] == pytest.approx(want)  # a straight line, so filled values are right, too


def broken_json(document, source):
    """Replace one value, drop one key, or double one entry, somewhere in the document."""
    document = json.loads(json.dumps(document))
    at = document
    while True:
        inner = [key for key in (at if isinstance(at, dict) else range(len(at))) if isinstance(at[key], dict | list)]
        inner = [key for key in inner if at[key]]
        if not inner or source.random() < 0.3:
            break
        at = at[source.choice(inner)]
    key = source.choice(list(at) if isinstance(at, dict) else range(len(at)))
    if source.random() < 0.3:
        del at[key]
    else:
        at[key] = source.choice([None, "x", [], {}, -1, 1e999, True, "06-31", [None], 24, 0.5, [[]], "ALL"])
    return document


def test_broken_tariffs_sessions_and_types_never_end_in_a_traceback(tmp_path, case):
    source = random.Random(1)
    charge = np.array([36.25, 24.0, 14.125])
    urdb = urdb_document("mine", HOURS, charge, charge, np.ones(3, dtype=bool), per_currency=100.0)
    items = {"_items": [{"connectionTime": "Mon, 08 Oct 2018 14:00:00 GMT", "kWhDelivered": 5.0, "userID": "7",
                         "disconnectTime": "Mon, 08 Oct 2018 18:00:00 GMT", "sessionID": "1"}]}  # fmt: skip
    path = tmp_path / "broken.json"
    refused = 0
    for _ in range(400):
        for document, read in (
            (urdb, lambda p: read_tariff(p, DAY).periods(str(p))),
            (acn_tariff(), lambda p: read_tariff(p, DAY).periods(str(p))),
            (items, lambda p: sessions_of(p, case.fleet)),
        ):
            text = json.dumps(broken_json(document, source))
            path.write_text(text[: source.randrange(len(text))] if source.random() < 0.1 else text, encoding="utf-8")
            try:
                read(path)
            except InputError as error:
                refused += 1
                assert "broken.json" in str(error)  # noqa: PT017
    assert refused >= 400
    for seed in range(60):
        for rows in breakings(acn_rows(), random.Random(seed)):
            path = write(tmp_path / "broken.csv", ACN_HEADER, rows)
            try:
                sessions_of(path, case.fleet)
            except InputError as error:
                assert "broken.csv" in str(error)  # noqa: PT017


# -------------------------------------------------------------------------------------- real files, where there are

REAL = next((p / "shared" / "data" for p in Path(__file__).parents if (p / "shared" / "data").is_dir()), Path("none"))
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="real files are not part of the project")


@needs_real
def test_real_comed_is_the_bundled_day(case):
    days = Load(csv=str(REAL / "load/COMED_hourly.csv"), day=DAY).read()
    np.testing.assert_array_equal(days.values, case.load.read().values)


@needs_real
def test_real_duke_is_the_bundled_day():
    path = str(REAL / "load/EIA930_DUK.csv")
    days = Load(csv=path, day=date(2017, 10, 4), time_zone="America/New_York").read()
    np.testing.assert_array_equal(days.values, load_scenario(case="duke-2017").load.read().values)


@needs_real
@pytest.mark.parametrize(("day", "told"), [(date(2014, 3, 9), "23 hours"), (date(2014, 11, 2), "25 hours")])
def test_real_clock_changes(day, told):
    assert told in Load(csv=str(REAL / "load/AEP_hourly.csv"), day=day).read().notes[0]


@needs_real
def test_real_sessions_and_prices(case):
    record = sessions_of(REAL / "sessions/acn_california_ev_sessions_evsim.csv", case.fleet)
    assert len(record.sessions) == 30_114
    prices = FileSeries(
        csv=str(REAL / "prices/da_hrl_lmps_hubs_20250501_20250801.csv"),
        only={"pnode_name": "CHICAGO HUB"},
        day=date(2025, 5, 1),
    )
    assert prices.read_file("grid.day_ahead").values[0, 0] == 26.750625


@needs_real
def test_real_tariffs():
    path = REAL / "tariffs/sce_tou_ev_4_march_2019.json"
    windows, prices = read_tariff(path, date(2019, 7, 3)).periods(str(path))
    assert windows["peak"] == ["12-18"]
    assert prices["peak"] == 0.26668
    with pytest.raises(InputError, match="both cover"):
        read_tariff(REAL / "tariffs/pge_a10_tou_aug_2019.json", date(2019, 1, 9))
