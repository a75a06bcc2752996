"""The forms in which people hold load and prices: each is read as the plain file that it was made from, or asked about.

The oracle formats a known series in a random form; the reader must return that series or ask, never another one.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.market import load_prices
from csmoifsa_energy.readers.files import FileSeries
from csmoifsa_ev.inputs.load import Load

START = datetime(2024, 7, 8)
VALUES = [4000 + 3 * k + k % 7 / 10 for k in range(120)]
DAYS = {"first_day": date(2024, 7, 8), "last_day": date(2024, 7, 12)}


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def hours(values=VALUES, start=START):
    return [(start + k * timedelta(hours=1), value) for k, value in enumerate(values)]


def plain(path):
    return write(path, ["timestamp,load_mw", *(f"{t:%Y-%m-%d %H:%M},{v:.1f}" for t, v in hours())])


def point_comma(value):
    """Return 4,133.6 for 4133.6."""
    return f"{value:,.1f}"


def hour_ending(t):
    """Return date and hour from 01 to 24 of the step that begins at t."""
    return t, t.hour + 1


FORMS = {
    "year, month and day with slashes": (
        ["REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE"],
        lambda t, v: f"X1,{t + timedelta(hours=1):%Y/%m/%d %H:%M:%S},{v:.1f},1.5,TRADE",
        {},
    ),
    "day first with dashes": (
        ["Datetime,XZ_MW"],
        lambda t, v: f"{t:%d-%m-%Y %H:%M},{v:.1f}",
        {"date_order": "day-first", "stamp": "beginning"},
    ),
    "day first with dots, two columns, semicolons, decimal comma": (
        ["Datum;Uhrzeit;Last [MW]"],
        lambda t, v: f"{t:%d.%m.%Y};{t:%H:%M};{v:.1f}".replace(f"{v:.1f}", f"{v:.1f}".replace(".", ",")),
        {"date_order": "day-first", "stamp": "beginning"},
    ),
    "hour ending 24:00": (
        ["Hour Ending,NORTH,TOTAL"],
        lambda t, v: f"{t:%m/%d/%Y} {t.hour + 1:02d}:00,1.5,{v:.1f}",
        {"date_order": "month-first", "value_column": "TOTAL"},
    ),
    "offsets": (["date,demande_mw"], lambda t, v: f"{t:%Y-%m-%dT%H:%M:%S}-04:00,{v:.1f}", {"stamp": "beginning"}),
    "thousands": (
        ["Time,Load (MW)"],
        lambda t, v: f'{t:%Y-%m-%d %H:%M},"{point_comma(v)}"',
        {"stamp": "beginning"},
    ),
    "report lines": (
        ['"C","Load"', '"H","Date","Hour Ending","Location ID","Load"', '"H","Date","String","Number","MW"'],
        lambda t, v: f'"D","{t:%m/%d/%Y}","{t.hour + 1:02d}","4000",{v:.1f}',
        {"date_order": "month-first", "value_column": "Load"},
    ),
    "intervals": (
        ["MTU (CET/CEST),Load [MW],Currency"],
        lambda t, v: f"{t:%d.%m.%Y %H:%M} - {t + timedelta(hours=1):%d.%m.%Y %H:%M},{v:.1f},EUR",
        {},
    ),
    "two places": (
        ["Time Stamp,Name,PTID,Load"],
        lambda t, v: f"{t:%Y-%m-%d %H:%M},NORTH,6000,{v:.1f}\n{t:%Y-%m-%d %H:%M},SOUTH,6001,1.5",
        {"node": "NORTH", "stamp": "beginning"},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_as_the_plain_file(tmp_path, form):
    want = Load(csv=str(plain(tmp_path / "plain.csv")), stamp="beginning", time_zone="local", **DAYS).read()
    head, line, settings = FORMS[form]
    path = write(tmp_path / "form.csv", [*head, *(line(t, v) for t, v in hours())])
    got = Load(csv=str(path), time_zone="local", **DAYS, **settings).read()
    np.testing.assert_array_equal(got.values, want.values)
    assert got.dates == want.dates
    value = settings.get("value_column") or ("TOTALDEMAND" if "TOTALDEMAND" in head[0] else None)
    prices = load_prices(FileSeries(csv=str(path), **{**settings, "value_column": value}))
    np.testing.assert_allclose(prices.per_kwh, want.values.ravel() / 1000)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("day first with dashes", r"line 2, column 'Datetime': '08-07-2024 00:00' can be read .*load\.date_order"),
        ("day first with dots, two columns, semicolons, decimal comma", r"--date-order"),
        ("report lines", r"line 4, column 'Date': .*load\.date_order = 'day-first' or 'month-first'"),
        ("two places", r"holds 2 of Name: NORTH, SOUTH; choose one with load\.only"),
    ],
)
def test_what_is_unclear_is_asked_for_in_one_sentence(tmp_path, form, told):
    head, line, settings = FORMS[form]
    left = {k: v for k, v in settings.items() if k not in ("date_order", "node")}
    path = write(tmp_path / "form.csv", [*head, *(line(t, v) for t, v in hours())])
    with pytest.raises(InputError, match=told) as caught:
        Load(csv=str(path), time_zone="local", **DAYS, **left).read()
    assert "\n" not in str(caught.value)


def test_what_a_file_shows_is_recognised_and_noted(tmp_path):
    rows = hours(VALUES[:48], datetime(2024, 7, 23))
    path = write(tmp_path / "a.csv", ["t,Load", *(f"{t:%d/%m/%Y %H:%M},{v}" for t, v in rows)])
    days = Load(csv=str(path), stamp="beginning", time_zone="local", day=date(2024, 7, 24)).read()
    assert days.values[0].tolist() == VALUES[24:48]
    assert "dates are read with the day first, as '23/07/2024 00:00' in line 2 shows" in days.notes[0]
    with pytest.raises(InputError, match=r"'23/07/2024 00:00' is not a time stamp .* with the month first"):
        Load(csv=str(path), stamp="beginning", time_zone="local", date_order="month-first").read()
    write(path, [*path.read_text().splitlines(), "07/25/2024 00:00,5"])
    with pytest.raises(InputError, match="has the day first, '07/25/2024 00:00' the month"):
        Load(csv=str(path), stamp="beginning", time_zone="local", day=date(2024, 7, 24)).read()


# ---- the oracle: a known series in a random form ----
def random_form(source):
    """Return (lines, the series by day and step, settings that leave no doubt), of a random form."""
    minutes = source.choice([60, 30, 15, 5])
    steps = source.choice([1, 2, 3]) * 1440 // minutes
    start = datetime(2024, source.randint(1, 12), source.randint(1, 28))
    digits = source.choice([0, 1, 2, 3])
    values = [round(source.uniform(0, source.choice([900, 9000])), digits) for _ in range(steps)]
    order = source.choice(["ymd", "day-first", "month-first"])
    mark = source.choice("-/.")
    date_form = {"ymd": f"%Y{mark}%m{mark}%d", "day-first": f"%d{mark}%m{mark}%Y", "month-first": f"%m{mark}%d{mark}%Y"}
    clock_form = source.choice(["%H:%M", "%H:%M:%S", "%I:%M %p"])
    ending, late = source.random() < 0.4, source.random() < 0.5
    interval = source.random() < 0.2
    split = not interval and source.random() < 0.3
    separator, comma = source.choice([(",", False), (";", False), (";", True), ("\t", True), ("\t", False)])
    group = source.choice(["", "", "." if comma else ",", " "])
    offset = source.choice(["", "", "", "+02:00", "-0530"]) if not split else ""

    def clock(t):
        midnight = t.hour == t.minute == 0
        if ending and late and midnight and not interval and clock_form != "%I:%M %p":
            return (t - timedelta(days=1)).strftime(date_form[order]), t.strftime(clock_form).replace("00", "24", 1)
        return t.strftime(date_form[order]), t.strftime(clock_form)

    def number(v):
        text = f"{v:,.{digits}f}".replace(",", "_").replace(".", "," if comma else ".").replace("_", group)
        return f'"{text}"' if separator in text else text

    lines = [separator.join([*(["Day", "Clock"] if split else ["When"]), "Note", "Value"])]
    for k, v in enumerate(values):
        begin = start + k * timedelta(minutes=minutes)
        end = begin + timedelta(minutes=minutes)
        if interval:
            stamp = [" - ".join(" ".join(clock(t)) + offset for t in (begin, end))]
        else:
            day, time = clock(end if ending else begin)
            stamp = [day, time] if split else [f"{day} {time}{offset}"]
        lines.append(separator.join([*stamp, "x", number(v)]))
    settings = {"stamp": "ending" if ending and not interval else "beginning", "decimal": "comma" if comma else "point"}
    if order != "ymd":
        settings["date_order"] = order
    per_day = 1440 // minutes
    return lines, start.date(), np.array(values).reshape(-1, per_day), settings


def test_a_random_form_is_the_same_series_or_asked_for(tmp_path):
    path = tmp_path / "form.csv"
    read = asked = 0
    for seed in range(120):
        lines, first, want, settings = random_form(random.Random(seed))
        write(path, lines)
        span = {"first_day": first, "last_day": first + timedelta(days=len(want) - 1)}
        common = {"csv": str(path), "time_zone": "local", "stamp": settings["stamp"], **span}
        try:
            got = Load(**common).read()
        except InputError as error:
            asked += 1
            assert any(word in str(error) for word in ("date_order", "load.decimal")), (seed, str(error))  # noqa: PT017
        else:
            read += 1
            np.testing.assert_array_equal(got.values, want, err_msg=str(seed))
        np.testing.assert_array_equal(Load(**common | settings).read().values, want, err_msg=str(seed))
    assert read > 40
    assert asked > 20


# ---- clocks ----


def price_rows(zone, first, last, form="{local},{value}", minutes=60):
    """Return rows of every step between two local midnights, the value being local hour + day of the year."""
    begin, end = (
        datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in (first, last)
    )
    rows, when = [], begin
    while when < end:
        local = when.astimezone(ZoneInfo(zone))
        value = local.hour + local.timetuple().tm_yday
        rows.append(
            form.format(local=f"{local:%Y-%m-%d %H:%M}", iso=local.isoformat(), us=us(when), ept=us(local), value=value)
        )
        when += timedelta(minutes=minutes)
    return rows


def us(t):
    return f"{t.month}/{t.day}/{t.year} {t.hour % 12 or 12}:{t.minute:02d}:00 {'AM' if t.hour < 12 else 'PM'}"


def test_the_same_local_prices_with_an_offset_are_the_same_prices(tmp_path):
    one = write(tmp_path / "a.csv", ["time,price", *(f"{t:%Y-%m-%d %H:%M},{v}" for t, v in hours())])
    two = write(tmp_path / "b.csv", ["time,price", *(f"{t:%Y-%m-%dT%H:%M:%S}+02:00,{v}" for t, v in hours())])
    first, second = load_prices(one), load_prices(two)
    assert first.start == second.start == START
    np.testing.assert_array_equal(first.per_kwh, second.per_kwh)
    assert "all stamps carry UTC+02:00; the days are those of that clock" in second.notes[0]
    moved = load_prices(FileSeries(csv=str(two), time_zone="UTC"))
    assert moved.start == datetime(2024, 7, 8)
    assert moved.per_kwh[0] == VALUES[2] / 1000
    assert any("are brought to the clock of UTC" in note for note in moved.notes)
    write(two, [line.replace("+02:00", "Z") for line in two.read_text().splitlines()])
    with pytest.raises(InputError, match="written with UTC; state the clock of the local days"):
        load_prices(two)


def test_offsets_that_change_need_a_zone(tmp_path):
    rows = price_rows("Europe/Paris", date(2024, 10, 25), date(2024, 10, 30), "{iso},{value}")
    path = write(tmp_path / "a.csv", ["time,price", *rows])
    with pytest.raises(InputError, match=r"the offsets UTC\+01:00 and UTC\+02:00; state the clock of the local days"):
        load_prices(path)
    prices = load_prices(FileSeries(csv=str(path), time_zone="Europe/Paris"))
    assert len(prices.days) == 5
    assert (prices.per_kwh.reshape(5, 24) * 1000 == np.arange(24) + np.arange(299, 304)[:, None]).all()
    assert any("2024-10-27 passed 02:00 twice" in note for note in prices.notes)


@pytest.mark.parametrize("utc", [True, False])
def test_a_year_with_both_clock_changes(tmp_path, utc):
    header = "datetime_beginning_utc,datetime_beginning_ept,pnode_name,total_lmp_da" if utc else "time,price"
    form = "{us},{ept},HUB,{value}" if utc else "{local},{value}"
    rows = price_rows("America/New_York", date(2024, 1, 1), date(2025, 1, 1), form)
    path = write(tmp_path / "year.csv", [header, *rows])
    source = FileSeries(csv=str(path)) if utc else FileSeries(csv=str(path), time_zone="America/New_York")
    prices = load_prices(source)
    want = np.arange(24) + np.arange(1, 367)[:, None]
    got = prices.per_kwh.reshape(366, 24) * 1000
    ordinary = np.ones((366, 24), dtype=bool)
    ordinary[date(2024, 3, 10).timetuple().tm_yday - 1, 2] = False  # skipped: mean of its neighbours
    np.testing.assert_allclose(got[ordinary], want[ordinary])
    np.testing.assert_allclose(got[69, 2], (got[69, 1] + got[69, 3]) / 2)
    told = " ".join(prices.notes)
    assert "2024-03-10 skipped 02:00" in told
    assert "2024-11-03 passed 01:00 twice" in told
    if not utc:
        with pytest.raises(InputError, match=r"name prices\.time_zone if the clocks changed"):
            load_prices(path)
        july = load_prices(path, days=(date(2024, 7, 1), date(2024, 7, 31)))  # only what is asked for is judged
        assert set(july.left_out) == {date(2024, 3, 10), date(2024, 11, 3)}
        np.testing.assert_allclose(july.window(datetime(2024, 7, 1), 24) * 1000, want[182])
        with pytest.raises(InputError, match="2024-03-10 02:00 is missing"):
            july.window(datetime(2024, 3, 9), 48)


def test_only_the_days_asked_for_are_judged(tmp_path):
    lines = plain(tmp_path / "a.csv").read_text().splitlines()
    lines[3] = "2024-07-08 02:00,n/a"
    lines[30] = "yesterday,5"
    path = write(tmp_path / "a.csv", lines)
    options = {"csv": str(path), "stamp": "beginning", "time_zone": "local"}
    days = Load(**options, day=date(2024, 7, 11)).read()
    assert days.values[0].tolist() == VALUES[72:96]
    assert "outside the days read: " in days.notes[0]
    assert "line 31, column 'timestamp': 'yesterday' is not a time stamp" in days.notes[0]
    for day, told in ((8, "'n/a' is not a number"), (9, "'yesterday' is not a time stamp")):
        with pytest.raises(InputError, match=told):
            Load(**options, day=date(2024, 7, day)).read()


def test_prices_that_look_like_hour_ending_are_asked_about(tmp_path):
    rows = [(t + timedelta(hours=1), v) for t, v in hours()]
    path = write(tmp_path / "a.csv", ["time,price", *(f"{t:%Y-%m-%d %H:%M},{v}" for t, v in rows)])
    with pytest.raises(InputError, match=r"prices\.stamp = 'beginning' or 'ending' \(or --stamp\)"):
        load_prices(path)
    np.testing.assert_allclose(load_prices(FileSeries(csv=str(path), stamp="ending")).per_kwh * 1000, VALUES)
    numbered = ["day,hour,price", *(f"{t:%Y-%m-%d},{t.hour},{v}" for t, v in hours() if 0 < t.hour)]
    with pytest.raises(InputError, match=r"prices\.stamp = 'beginning' or 'ending'"):
        load_prices(write(path, numbered))
    from_nought = ["day,hour,price", *(f"{t:%Y-%m-%d},{t.hour},{v}" for t, v in hours())]
    np.testing.assert_allclose(load_prices(write(path, from_nought)).per_kwh * 1000, VALUES)


# ---- faults of one kind are one ----


def test_faults_of_one_kind_are_one_line(tmp_path, run_cli):
    start = datetime(2024, 7, 8)
    rows = [f"{start + k * timedelta(minutes=5):%d-%m-%y %H:%M},{k}" for k in range(57_739)]
    write(tmp_path / "load.csv", ["timestamp,load_mw", *rows])
    (tmp_path / "my.toml").write_text(
        "[load]\ncsv = 'load.csv'\nday = 2024-07-08\nstamp = 'beginning'\ntime_zone = 'local'\n"
    )
    answer = run_cli("ev", "check", tmp_path / "my.toml")
    assert answer.code == 2
    lines = answer.err.strip().splitlines()
    assert len(lines) == 2
    assert "line 2, column 'timestamp': '08-07-24 00:00' is not a time stamp" in lines[0]
    assert "load.time_column" in lines[0]
    assert "(57,739 such, in lines 2 to 57740)" in lines[0]


def test_faults_of_several_kinds_are_a_line_each(tmp_path):
    lines = plain(tmp_path / "a.csv").read_text().splitlines()
    for k in (5, 9, 40):
        lines[k] = lines[k].split(",")[0] + ",-1"
    for k in (6, 7):
        lines[k] = lines[k].split(",")[0] + ",none"
    del lines[60:70]
    path = write(tmp_path / "a.csv", lines)
    with pytest.raises(InputError) as caught:
        Load(csv=str(path), stamp="beginning", time_zone="local", **DAYS).read()
    told = [one.sentence for one in caught.value.faults]
    assert len(told) == 3
    assert any("line 6, " in one and "(3 such, in lines 6, 10, 41)" in one for one in told)
    assert any("line 7, " in one and "(2 such, in lines 7, 8)" in one for one in told)
    assert any("2024-07-10 11:00 is missing" in one and "(10 such)" in one for one in told)


# ---- Excel, and the same settings everywhere ----


def test_excel(tmp_path):
    import pandas as pd

    want = Load(csv=str(plain(tmp_path / "plain.csv")), stamp="beginning", time_zone="local", **DAYS).read()
    frame = pd.DataFrame(hours(), columns=["When", "Load"])
    path = tmp_path / "load.xlsx"
    frame.to_excel(path, index=False)
    options = {"csv": str(path), "stamp": "beginning", "time_zone": "local", **DAYS}
    np.testing.assert_array_equal(Load(**options).read().values, want.values)
    with pd.ExcelWriter(path) as book:
        for name in ("A", "B"):
            (frame if name == "B" else -frame[["Load"]]).to_excel(book, sheet_name=name, index=False, startrow=2)
    with pytest.raises(InputError, match=r"has 2 sheets: A, B; choose one with load.sheet = 'A' \(or --sheet\)"):
        Load(**options).read()
    np.testing.assert_array_equal(Load(**options, sheet="B").read().values, want.values)
    with pytest.raises(InputError, match="has no sheet 'C' with data"):
        Load(**options, sheet="C").read()
    path.write_bytes(b"PK\x03\x04 no Excel")
    with pytest.raises(InputError, match="is not an Excel file"):
        Load(**options).read()


def test_command_line_and_toml_are_the_same(tmp_path, run_cli):
    head, line, _ = FORMS["day first with dots, two columns, semicolons, decimal comma"]
    path = write(tmp_path / "load.csv", [*head, *(line(t, v) for t, v in hours())])
    settings = {
        "stamp": "beginning", "time_zone": "local", "date_order": "day-first", "decimal": "comma",
        "time_column": "Datum", "clock_column": "Uhrzeit", "value_column": "Last [MW]",
    }  # fmt: skip
    fleet = "[fleet]\nn_ev = 1000\n"
    toml = "".join(f"{name} = {value!r}\n" for name, value in settings.items())
    (tmp_path / "a.toml").write_text(f"[load]\ncsv = 'load.csv'\nday = 2024-07-10\n{toml}{fleet}")
    (tmp_path / "b.toml").write_text(fleet)
    options = [text for name, value in settings.items() for text in ("--" + name.replace("_", "-"), value)]
    one = json.loads(run_cli("ev", "check", tmp_path / "a.toml", "--json").out)
    two = json.loads(
        run_cli("ev", "check", tmp_path / "b.toml", "--json", "--load", path, "--day", "2024-07-10", *options).out
    )
    assert one["ok"]
    assert {**one["facts"], "name": ""} == {**two["facts"], "name": ""}
    assert one["facts"]["load_mw"]["least"] == VALUES[48]
    answer = run_cli("ev", "check", tmp_path / "b.toml", "--stamp", "ending")
    assert answer.code == 2
    assert "--stamp says how a load file is read, but the load is not from a file" in answer.err
    answer = run_cli("ev", "check", tmp_path / "a.toml", "--date-order", "dmy")
    assert answer.code == 2
    assert "load.date_order must be 'day-first' or 'month-first', not 'dmy'" in answer.err
