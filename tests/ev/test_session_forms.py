"""Records of charging sessions in the forms that operators publish."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.model.fleet import SessionColumns, SessionsFile

REAL = next((p / "shared" / "cases" for p in Path(__file__).parents if (p / "shared" / "cases").is_dir()), Path("none"))


def write(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


ELAAD = "TransactionId;ChargePoint;UTCTransactionStart;UTCTransactionStop;TotalEnergy;ConnectedTime;MaxPower"
DUNDEE = "Charging event,CP ID,Connector,Start Date,Start Time,End Date,End Time,Total kWh,Cost,Site"
CHARGEPOINT = "Station Name,Start Date,Start Time Zone,End Date,End Time Zone,Energy (kWh),Port Type"


@pytest.mark.parametrize(
    ("header", "rows", "known", "arrivals"),
    [
        (  # written in UTC, which the columns say; two hours later on the drivers' clock
            ELAAD,
            [
                "0;A;08-07-2024 09:12;08-07-2024 16:28;6,1;7,26;7,4",
                "1;A;13-07-2024 22:30;14-07-2024 06:00;20,12;7,5;11",
            ],
            {"time_zone": "Europe/Amsterdam"},
            [11.2, 0.5],
        ),
        (
            DUNDEE,
            [
                "0,50,1,08/07/2024,09:12,08/07/2024,16:28,6.1,0,Car park",
                "1,50,1,13/07/2024,22:30,14/07/2024,06:00,20.12,0,Car park",
            ],
            {"time_zone": "local", "stamp_zone": "local"},
            [9.2, 22.5],
        ),
        (  # the month first; at the second arrival clocks are put back, so that it is an hour longer
            CHARGEPOINT,
            [
                "LOT #1,07/08/2024 09:12,PDT,07/08/2024 16:28,PDT,6.1,Level 2",
                "LOT #2,11/02/2024 23:30,PDT,11/03/2024 06:00,PST,20.12,Level 2",
            ],
            {"time_zone": "America/Los_Angeles", "date_order": "month-first"},
            [9.2, 23.5],
        ),
        (
            "who,day in,time in,out,kWh",
            ["x,2024-07-08,9:12 AM,2024-07-08 16:28,6.1", "y,2024-07-13,22:30,2024-07-14 06:00,20.12"],
            {
                "time_zone": "local",
                "stamp_zone": "local",
                "columns": SessionColumns(arrival=("day in", "time in"), departure="out", energy="kWh", car="who"),
            },
            [9.2, 22.5],
        ),
    ],
    ids=["ElaadNL", "Dundee", "ChargePoint", "columns named"],
)
def test_forms_of_sessions(tmp_path, case, header, rows, known, arrivals):
    path = write(tmp_path / "s.csv", header, rows)
    read = read_sessions(SessionsFile(file=str(path), **known), case.fleet)
    order = np.argsort(read.sessions.charge_h * read.sessions.charge_kw)
    assert read.n_car_days == 2  # sessions without a driver's name are cars of their own
    assert read.sessions.arrival_h[order] == pytest.approx(arrivals, abs=1e-5)
    assert (read.sessions.charge_h * read.sessions.charge_kw)[order] == pytest.approx([6.1, 20.12])
    stay = (read.sessions.departure_h - read.sessions.arrival_h)[order]
    assert stay == pytest.approx([7 + 16 / 60, 7.5], abs=1e-5)


@pytest.mark.parametrize(
    ("header", "rows", "known", "told"),
    [
        ("a,b,c", ["2024-07-08 09:12,2024-07-08 16:28,6.1"], {}, ("no known form", "ElaadNL", "it has a, b, c")),
        (
            "in,out,kWh",
            ["2024-07-08 09:12,2024-07-08 16:28,6.1"],
            {"columns": SessionColumns(arrival="inn", departure="out", energy="kWh")},
            ("no column 'inn'", "fleet.sessions.columns.arrival", "'in'"),
        ),
        (
            "in,out,kWh",
            ["2024-07-08 09:12,2024-07-08 16:28,6.1"],
            {"columns": SessionColumns(arrival="in", departure="out", energy="kWh")},
            ("name no time zone", "fleet.sessions.stamp_zone"),
        ),
        (
            CHARGEPOINT,
            ["A,2024-07-08 09:12,EDT,2024-07-08 16:28,EDT,6.1,x"] * 1_000,
            {},
            ("America/Los_Angeles does not call its time 'EDT'", "(1,000 such, in lines 2 to 1001)"),
        ),
        (
            CHARGEPOINT,
            ["A,2024-11-02 23:30,PDT,2024-11-03 06:00,PST,20.12,x"],
            {"time_zone": "local", "stamp_zone": "local"},
            ("arrival and departure are in PDT and PST", "name fleet.sessions.time_zone"),
        ),
        (
            CHARGEPOINT,
            ["A,2024-11-02 23:30,UTC,2024-11-03 06:00,UTC,20.12,x"],
            {"time_zone": "local", "stamp_zone": "local"},
            ("carries a UTC offset",),
        ),
    ],
)
def test_what_a_file_of_sessions_lacks_is_one_sentence(tmp_path, case, header, rows, known, told):
    path = write(tmp_path / "s.csv", header, rows)
    with pytest.raises(InputError) as raised:
        read_sessions(SessionsFile(file=str(path), **{"time_zone": "America/Los_Angeles", **known}), case.fleet)
    for words in told:
        assert words in str(raised.value)


def test_a_stamp_zone_against_the_columns_is_told(tmp_path, case):
    path = write(tmp_path / "s.csv", ELAAD, ["0;A;2024-07-08 09:12;2024-07-08 16:28;6,1;7,26;7,4"])
    read = read_sessions(SessionsFile(file=str(path), time_zone="local", stamp_zone="local"), case.fleet)
    assert "its columns say UTC, but stamp_zone says 'local'" in read.notes[0]


@pytest.mark.skipif(not REAL.is_dir(), reason="these files are not part of the project")
@pytest.mark.parametrize(
    ("name", "order"), [("semicolon", "day-first"), ("two_columns", "day-first"), ("zone_column", "month-first")]
)
def test_real_forms_of_sessions(name, order, case):
    path = REAL / f"files/sessions_{name}.csv"
    source = SessionsFile(file=str(path), time_zone="America/Los_Angeles", stamp_zone="UTC", date_order=order)
    assert len(read_sessions(source, case.fleet).sessions) == 30
