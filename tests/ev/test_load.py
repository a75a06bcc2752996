"""A day of load from a file: right, or refused with file, line and column; never repaired in silence."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmoifsa.errors import InputError
from csmoifsa_ev.load import Load, read_day


def write(path, rows, header="timestamp,load_mw"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def hours(day="2020-03-01", first=0):
    return [f"{day} {h:02d}:00,{100 + h}" for h in range(first, 24)]


def test_a_plain_file_in_any_order(tmp_path):
    path = write(tmp_path / "a.csv", hours()[::-1])
    assert read_day(path).tolist() == [100.0 + h for h in range(24)]


def test_hour_ending_and_own_columns(tmp_path):
    rows = [f"2020-03-01 {h:02d}:00,{h}" for h in range(1, 24)] + ["2020-03-02 00:00,24"]
    path = write(tmp_path / "a.csv", rows, "Datetime,COMED_MW")
    options = {"time_column": "Datetime", "load_column": "COMED_MW"}
    assert read_day(path, stamp="ending", **options).tolist() == list(range(1, 25))
    with pytest.raises(InputError, match="holds 2 days"):
        read_day(path, **options)


def test_quarters_and_one_day_of_many(tmp_path):
    rows = [f"2020-03-0{d}T{q // 4:02d}:{q % 4 * 15:02d},{d * 1000 + q}" for d in (1, 2) for q in range(96)]
    values = read_day(write(tmp_path / "a.csv", rows), day=date(2020, 3, 2))
    assert values.tolist() == [2000 + q for q in range(96)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r[:5] + r[6:], "1 of 24 steps of 2020-03-01 are missing, the first begins 2020-03-01 05:00"),
        (lambda r: [*r, r[3]], "line 26, column 'timestamp': 2020-03-01 03:00:00 appears twice"),
        (lambda r: [r[0], "2020-03-01 01:00,n/a", *r[2:]], "line 3, column 'load_mw': 'n/a' is not a number"),
        (lambda r: [r[0], "2020-03-01 01:00,nan", *r[2:]], "line 3, column 'load_mw': 'nan' is not a number"),
        (lambda r: [r[0], "2020-03-01 01:00,-5", *r[2:]], "line 3, column 'load_mw': load cannot be negative"),
        (lambda r: [r[0], "1.3.2020 1 Uhr,5", *r[2:]], "line 3, column 'timestamp': '1.3.2020 1 Uhr' is not a time"),
        (lambda r: [r[0], "2020-03-01 01:00Z,5", *r[2:]], "line 3, column 'timestamp': .* carries a UTC offset"),
        (lambda r: [r[0], "2020-03-01 01:00", *r[2:]], "line 3, column 'load_mw': None is not a number"),
        (lambda r: [*r, "2020-03-01 05:07,3"], "step between stamps is 0:07:00"),
        (lambda r: r[:1], "holds 1 row"),
    ],
)
def test_faults_are_named_with_their_place(tmp_path, change, told):
    path = write(tmp_path / "load.csv", change(hours()))
    with pytest.raises(InputError, match=told) as caught:
        read_day(path)
    assert "load.csv" in str(caught.value)


def test_missing_file_column_and_day(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the load file .*none\.csv"):
        read_day(tmp_path / "none.csv")
    path = write(tmp_path / "a.csv", hours())
    with pytest.raises(InputError, match=r"no column 'load_mww' .* Did you mean 'load_mw'"):
        read_day(path, load_column="load_mww")
    with pytest.raises(InputError, match="no row for 2021-01-01"):
        read_day(path, day=date(2021, 1, 1))


@given(st.binary(max_size=300))
def test_rubbish_is_an_input_error(tmp_path_factory, rubbish):
    path = tmp_path_factory.mktemp("rubbish") / "a.csv"
    path.write_bytes(b"timestamp,load_mw\n" + rubbish)
    with pytest.raises(InputError):
        read_day(path)


def test_values_or_file_not_both():
    assert np.array_equal(Load(values_mw=(1.0,) * 24).values(), np.ones(24))
    for bad in ({}, {"values_mw": (1.0,) * 24, "csv": "a.csv"}):
        with pytest.raises(InputError, match="one of the two"):
            Load(**bad)
    with pytest.raises(InputError, match="a day of 7 values"):
        Load(values_mw=(1.0,) * 7).values()
    with pytest.raises(InputError, match="value 3 is"):
        Load(values_mw=(1.0, 1.0, -1.0, *(1.0,) * 21)).values()
