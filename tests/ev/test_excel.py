"""Excel in and out: the same values as CSV, typed dates, far cells and formulas that cannot harm."""

from __future__ import annotations

import tracemalloc
from datetime import date, datetime, time, timedelta

import numpy as np
import openpyxl
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa.files import read_csv, read_json
from csmoifsa_energy.page import LANGUAGES
from csmoifsa_energy.readers.files import FileSeries
from csmoifsa_energy.readers.table import read_table
from csmoifsa_energy.workbook import write_workbook
from csmoifsa_ev.inputs.load import Load
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.model.fleet import SessionsFile
from csmoifsa_ev.output.workbook import columns_table


def sheet(path, rows, title="data"):
    book = openpyxl.Workbook()
    book.worksheets[0].title = title
    for row in rows:
        book.worksheets[0].append(row)
    book.save(path)
    return path


MORNING = datetime(2024, 7, 8)


def test_typed_dates_and_times_of_day(tmp_path):
    hours = [MORNING + timedelta(hours=k) for k in range(24)]
    want = [100.0 + k for k in range(24)]
    one = sheet(tmp_path / "a.xlsx", [["When", "MW"], *zip(hours, want, strict=True)])
    dates = [[when.date(), when.time(), value] for when, value in zip(hours, want, strict=True)]
    two = sheet(tmp_path / "b.xlsx", [["Date", "Time", "MW"], *dates])
    ends = [[MORNING.date(), timedelta(hours=k + 1), value] for k, value in enumerate(want)]  # the last is 24:00
    three = sheet(tmp_path / "c.xlsx", [["Date", "Time", "MW"], *ends])
    for path, stamp in ((one, "beginning"), (two, "beginning"), (three, "ending")):
        read = Load(csv=str(path), stamp=stamp, time_zone="local").read()
        assert read.values.tolist() == [want]
        assert read.dates == [date(2024, 7, 8)]


def test_sessions_equal_those_of_csv(tmp_path):
    header = ["who", "in", "out", "kWh"]
    rows = [[f"car {k}", MORNING + timedelta(hours=7 + k), MORNING + timedelta(hours=15 + k), 6.25 + k] for k in (0, 3)]
    sheet(tmp_path / "s.xlsx", [header, *rows])
    pd.DataFrame(rows, columns=header).to_csv(tmp_path / "s.csv", index=False)
    columns = {"arrival": "in", "departure": "out", "energy": "kWh", "car": "who"}
    found = []
    for name in ("s.csv", "s.xlsx"):
        source = load_scenario().fleet
        settings = {"time_zone": "Europe/London", "stamp_zone": "local", "columns": columns}
        found.append(read_sessions(_source(tmp_path / name, settings), source).sessions)
    assert len(found[0]) == 2
    for name in ("arrival_h", "departure_h", "charge_h", "soc_arrival"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))


def _source(path, settings):
    from csmoifsa_energy.explain import check_values

    return check_values(SessionsFile, {"file": str(path), **settings})


def test_prices_equal_those_of_csv(tmp_path):
    rows = [[MORNING + timedelta(hours=k), 30.0 + k % 7] for k in range(48)]
    sheet(tmp_path / "p.xlsx", [["time", "price"], *rows])
    pd.DataFrame(rows, columns=["time", "price"]).to_csv(tmp_path / "p.csv", index=False)
    one, two = (
        FileSeries(
            csv=str(tmp_path / name), stamp="beginning", time_zone="local", first_day=date(2024, 7, 8)
        ).read_file("grid.day_ahead")
        for name in ("p.csv", "p.xlsx")
    )
    assert one.values.shape == (2, 24)
    np.testing.assert_array_equal(one.values, two.values)


def test_cells_far_apart_cost_neither_memory_nor_minutes(tmp_path):
    path = sheet(tmp_path / "far.xlsx", [["a", "b"], [1, 2]])
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["XFD3"], book.worksheets[0]["A100000"] = 5, 6
    book.save(path)
    tracemalloc.start()
    try:
        table = read_table(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (table.columns, table.rows) == (["a", "b", ""], [["1", "2", ""], ["", "", "5"], ["6", "", ""]])
    assert table.lines == [2, 3, 100_000]
    assert peak < 50e6


@pytest.mark.parametrize(("most", "rows"), [("MOST_ROWS", 30), ("MOST_CELLS", 30)])
def test_sheets_have_a_largest_size(tmp_path, monkeypatch, most, rows):
    from csmoifsa_energy.readers import sheets

    path = sheet(tmp_path / "long.xlsx", [["a", "b"], *([k, k] for k in range(rows))])
    assert len(read_table(path).rows) == rows
    monkeypatch.setattr(sheets, most, rows)
    with pytest.raises(InputError, match="sheet 'data' spans more than"):
        read_table(path)


def test_errors_of_cells_and_texts_are_kept_as_they_are(tmp_path):
    path = sheet(tmp_path / "e.xlsx", [["a", "b"], ["n/a", 1], ["#N/A", 2.5], [time(7, 30), True]])
    assert read_table(path).rows == [["n/a", "1"], ["#N/A", "2.5"], ["07:30:00", "True"]]


def test_other_spreadsheets_are_refused(tmp_path):
    for name in ("load.xls", "load.ods", "load.xlsb"):
        (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0")
        with pytest.raises(InputError, match=r"is a spreadsheet of another form; save it as \.xlsx"):
            read_table(tmp_path / name, "load file")


def test_texts_never_become_formulas(tmp_path):
    texts = ["=1+1", "+2", "@x", "#N/A", "a\x07b"]
    write_workbook(tmp_path / "w.xlsx", {"t": pd.DataFrame({"text": texts, "=head": range(5)})})
    found = openpyxl.load_workbook(tmp_path / "w.xlsx").worksheets[0]
    assert [found.cell(k, 1).data_type for k in range(1, 7)] == ["s"] * 6
    assert found["B1"].data_type == "s"
    assert [found.cell(k, 1).value for k in range(2, 6)] == texts[:4]


def test_long_texts_have_room(tmp_path):
    table = pd.DataFrame({"a": ["short", "word " * 40, "车辆" * 60], "b": ["负荷率", "x", "y"]})
    write_workbook(tmp_path / "w.xlsx", {"t": table})
    found = openpyxl.load_workbook(tmp_path / "w.xlsx").worksheets[0]
    assert found.column_dimensions["A"].width == 60
    assert found.column_dimensions["B"].width == 8  # three characters of double width, and a margin
    assert found.row_dimensions[1].height == 15.0
    assert found.row_dimensions[2].height is None
    assert [found.row_dimensions[row].height for row in (3, 4)] == [60.0, 75.0]  # 4 and 5 lines


def test_the_workbook_of_a_study_holds_its_tables(tmp_path, run_cli):
    out = tmp_path / "study"
    answer = run_cli("ev", "price", "--n-eval", "200", "--no-figures", "--no-report", "--out", out)
    assert answer.code == 0
    assert "study.xlsx" in answer.out
    book = openpyxl.load_workbook(out / "study.xlsx")
    tables = sorted(path.stem for path in out.glob("*.csv"))
    assert book.sheetnames[:3] == ["about", "columns", "tariff"]
    assert sorted(book.sheetnames[2:]) == tables
    for name in tables:
        want, got = read_csv(out / f"{name}.csv"), pd.read_excel(out / "study.xlsx", sheet_name=name)
        assert list(got.columns) == list(want.columns)
        assert len(got) == len(want) > 0
        for column in want:
            if want[column].dtype.kind in "iuf":
                np.testing.assert_array_equal(got[column].to_numpy(float), want[column].to_numpy(float))
            else:
                assert got[column].fillna("").astype(str).tolist() == want[column].fillna("").astype(str).tolist()
        assert book[name].freeze_panes == "A2"
        assert book[name].column_dimensions["A"].width > 3
    assert {cell.value for cell in book["about"]["A"]} >= {"title", "unit of g1_mw", "version of csmoifsa"}
    energy = book["period_energy"]
    formats = {row[1].value: row[3].number_format for row in energy.iter_rows(min_row=2)}
    assert formats["share"] == "0.0000"  # beside MWh in the same column
    assert formats["MWh/day"] == "#,##0"
    for language in LANGUAGES:
        meanings = columns_table(out, read_json(out / "summary.json"), language).iloc[:, [0, 1, 2]].to_numpy()
        assert [list(row[:2]) for row in meanings if not row[2]] == []
        assert {row[0] for row in meanings} == set(tables)
        assert not any("{" in row[2] for row in meanings)
    in_force = next(row[2] for row in meanings if list(row[:2]) == ["alignment", "in_force_cost_by_load"])
    assert in_force == "现行：按总负荷加权的边际成本 [cents/kWh]"


def test_no_workbook_is_written_without_one_asked_for(tmp_path, run_cli):
    options = ("--n-eval", "200", "--no-figures", "--no-report", "--no-excel")
    assert run_cli("ev", "price", *options, "--out", tmp_path / "study").code == 0
    assert not (tmp_path / "study" / "study.xlsx").exists()
