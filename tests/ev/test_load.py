"""A load file: right, or refused with file, line and column; never repaired in silence."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.load import Load


def write(path, rows, header="timestamp,load_mw"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def read(path, **options):
    options = {"stamp": "beginning", "time_zone": "local"} | options
    return Load(csv=str(path), **options).read()


def hours(day="2020-03-01", first=0):
    return [f"{day} {h:02d}:00,{100 + h}" for h in range(first, 24)]


def test_a_plain_file_in_any_order(tmp_path):
    path = write(tmp_path / "a.csv", hours()[::-1])
    assert read(path).values.tolist() == [[100.0 + h for h in range(24)]]


def test_hour_ending_and_own_columns(tmp_path):
    rows = [f"2020-03-01 {h:02d}:00,{h}" for h in range(1, 24)] + ["2020-03-02 00:00,24"]
    path = write(tmp_path / "a.csv", rows, "when,mw")
    options = {"time_column": "when", "load_column": "mw"}
    assert read(path, stamp="ending", **options).values.tolist() == [list(range(1, 25))]
    with pytest.raises(InputError, match="holds 2 days"):
        read(path, **options)


@pytest.mark.parametrize("minutes", [60, 30, 15])
def test_one_day_of_many_in_any_step(tmp_path, minutes):
    n = 1440 // minutes
    rows = [
        f"2020-03-0{d}T{q * minutes // 60:02d}:{q * minutes % 60:02d},{d * 1000 + q}" for d in (1, 2) for q in range(n)
    ]
    days = read(write(tmp_path / "a.csv", rows), day=date(2020, 3, 2))
    assert days.values.tolist() == [[2000 + q for q in range(n)]]


def test_several_days(tmp_path):
    rows = [row for d in range(1, 9) for row in hours(f"2020-03-0{d}")]
    path = write(tmp_path / "a.csv", rows)
    span = {"first_day": date(2020, 3, 2), "last_day": date(2020, 3, 8)}
    assert read(path, **span).values.shape == (7, 24)
    weekend = read(path, **span, which_days="weekends")
    assert weekend.dates == [date(2020, 3, 7), date(2020, 3, 8)]
    with pytest.raises(InputError, match="no row for 2020-03-09"):
        read(path, first_day=date(2020, 3, 2), last_day=date(2020, 3, 9))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r[:5] + r[6:], "the step that begins 2020-03-01 05:00 is missing"),
        (lambda r: [*r, r[3]], r"line 26, column 'timestamp': .* 2020-03-01 03:00 appears twice \(lines 5, 26\)"),
        (lambda r: [r[0], "2020-03-01 01:00,n/a", *r[2:]], "line 3, column 'load_mw': 'n/a' is not a number"),
        (lambda r: [r[0], "2020-03-01 01:00,nan", *r[2:]], "line 3, column 'load_mw': 'nan' is not a number"),
        (lambda r: [r[0], "2020-03-01 01:00,1_000", *r[2:]], "line 3, column 'load_mw': '1_000' is not a number"),
        (lambda r: [r[0], '2020-03-01 01:00,"1,000"', *r[2:]], "line 3, column 'load_mw': '1,000' can be read with"),
        (lambda r: [r[0], "2020-03-01 01:00,-5", *r[2:]], "line 3, column 'load_mw': load cannot be negative"),
        (lambda r: [r[0], "1.3.2020 1 Uhr,5", *r[2:]], "line 3, column 'timestamp': '1.3.2020 1 Uhr' is not a time"),
        (lambda r: [r[0], "2020-03-01 01:00Z,5", *r[2:]], "line 3, column 'timestamp': .* carries a UTC offset"),
        (lambda r: [r[0], "2020-03-01 01:00", *r[2:]], "line 3: 1 cells where the header has 2"),
        (lambda r: [*r, "2020-03-01 05:07,3"], "line 26, .* 05:07:00 does not fall on a whole step"),
        (lambda r: r[:1], "holds 1 row"),
        (lambda r: r[::2], "the step between stamps is 2:00:00"),
    ],
)
def test_faults_are_named_with_their_place(tmp_path, change, told):
    path = write(tmp_path / "load.csv", change(hours()))
    with pytest.raises(InputError, match=told) as caught:
        read(path)
    assert "load.csv" in str(caught.value)


def test_all_faults_of_a_file_are_told_at_once(tmp_path):
    rows = hours()
    rows[2], rows[9], rows[11] = "2020-03-01 02:00,x", "2020-03-01 09:00,-1", "2020-03-01 11:00,"
    with pytest.raises(InputError) as caught:
        read(write(tmp_path / "load.csv", rows))
    first, second = (one.sentence for one in caught.value.faults)
    assert "line 4, column 'load_mw': 'x' is not a number" in first
    assert "(2 such, in lines 4, 13)" in first
    assert "line 11, column 'load_mw': load cannot be negative" in second


def test_missing_file_column_day_and_plain_facts(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the load file .*none\.csv"):
        read(tmp_path / "none.csv")
    path = write(tmp_path / "a.csv", hours())
    with pytest.raises(InputError, match=r"no column 'load_mww' .* Did you mean 'load_mw'"):
        read(path, load_column="load_mww")
    with pytest.raises(InputError, match="no row for 2021-01-01"):
        read(path, day=date(2021, 1, 1))
    with pytest.raises(InputError, match=r"load\.stamp = 'beginning' or 'ending'"):
        read(path, stamp=None)
    with pytest.raises(InputError, match="name the time zone"):
        read(path, time_zone=None)
    with pytest.raises(InputError, match=r"no time zone 'America/NewYork'.* Did you mean 'America/New_York'"):
        read(path, time_zone="America/NewYork")


def test_gaps_are_bridged_on_request_only_and_told(tmp_path):
    rows = hours()
    del rows[5:7]
    rows[10] = rows[10].split(",")[0] + ",n/a"
    path = write(tmp_path / "a.csv", rows)
    days = read(path, fill="interpolate")
    assert days.values[0] == pytest.approx([100 + h for h in range(24)])
    assert "3 value(s) interpolated on request: 05:00 06:00 12:00" in days.notes[0]
    del rows[3:12]
    with pytest.raises(InputError, match="too wide to interpolate"):
        read(write(path, rows), fill="interpolate")


# ------------------------------------------------------------------------------------------------ clock changes


def local_rows(day, skip=(), twice=()):
    rows = [f"{day} {h:02d}:00,{100 + h}" for h in range(24) if h not in skip]
    return rows + [f"{day} {h:02d}:00,{200 + h}" for h in twice]


def test_days_of_23_and_25_hours_on_the_local_clock(tmp_path):
    spring = write(tmp_path / "spring.csv", local_rows("2014-03-09", skip=[2]))
    days = read(spring, time_zone="America/New_York")
    assert days.values[0] == pytest.approx([100 + h for h in range(24)])
    assert "a day of 23 hours" in days.notes[0]
    autumn = write(tmp_path / "autumn.csv", local_rows("2014-11-02", twice=[1]))
    days = read(autumn, time_zone="America/New_York")
    assert days.values[0, 1] == pytest.approx((101 + 201) / 2)
    assert "a day of 25 hours" in days.notes[0]
    for path, told in ((spring, "02:00 is missing"), (autumn, "01:00 appears twice")):
        with pytest.raises(InputError, match=told + r".* or name load\.time_zone"):
            read(path, time_zone="local")


def test_a_wrong_zone_is_noticed(tmp_path):
    path = write(tmp_path / "utc.csv", local_rows("2014-03-09"))
    with pytest.raises(InputError, match=r"there was no 2014-03-09 02:00:00 on the clock of America/New_York"):
        read(path, time_zone="America/New_York")


@pytest.mark.parametrize(("day", "n_hours"), [(date(2014, 3, 9), 23), (date(2014, 11, 2), 25), (date(2014, 6, 5), 24)])
def test_utc_stamps_make_local_days(tmp_path, day, n_hours):
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("America/New_York")
    begin = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    instants = [begin + timedelta(hours=k) for k in range(n_hours)]
    rows = [f"{t + timedelta(hours=1):%Y-%m-%d %H:%M},{100 + t.astimezone(zone).hour}" for t in instants]
    options = {"stamp": "ending", "stamp_zone": "UTC", "time_zone": "America/New_York"}
    days = read(write(tmp_path / "a.csv", rows), **options)
    assert days.dates == [day]
    assert days.values[0] == pytest.approx([100 + h for h in range(24)])
    with pytest.raises(InputError, match="is missing"):
        read(write(tmp_path / "b.csv", rows[:7] + rows[8:]), **options)


@given(st.binary(max_size=300))
def test_rubbish_is_an_input_error(tmp_path_factory, rubbish):
    path = tmp_path_factory.mktemp("rubbish") / "a.csv"
    path.write_bytes(b"timestamp,load_mw\n" + rubbish)
    with pytest.raises(InputError):
        read(path)


def test_values_or_file_not_both():
    assert np.array_equal(Load(values_mw=(1.0,) * 24).read().values, np.ones((1, 24)))
    for bad in ({}, {"values_mw": (1.0,) * 24, "csv": "a.csv"}):
        with pytest.raises(InputError, match="either values_mw or csv, and not both"):
            Load(**bad)
    with pytest.raises(InputError, match="values_mw has 7 values"):
        Load(values_mw=(1.0,) * 7).read()
    with pytest.raises(InputError, match="value 3 is"):
        Load(values_mw=(1.0, 1.0, -1.0, *(1.0,) * 21)).read()
    with pytest.raises(InputError, match="either one day"):
        Load(values_mw=(1.0,) * 24, day=date(2020, 1, 1), last_day=date(2020, 1, 2))
