"""Units of load, prices, emissions and energy: what a file states is converted, and said; a wrong unit is refused.

The oracle writes a known series in a unit and a step, by plain arithmetic on joules and hundredths of money.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from openpyxl import Workbook

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.base_load import BaseLoadKeys
from csmoifsa_aggregator.inputs.market import load_prices
from csmoifsa_energy.readers.files import FileSeries
from csmoifsa_energy.readers.units import find_unit, is_unit
from csmoifsa_ev.inputs.load import Load
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.model.fleet import SessionColumns, SessionsFile

DAY = date(2024, 7, 9)
CLOCK = {"day": DAY, "time_zone": "Europe/Berlin", "stamp": "beginning"}
JOULES = {"k": 3.6e6, "M": 3.6e9, "G": 3.6e12}  # of a watt-hour with each prefix


def series(step_min):
    begin = datetime(2024, 7, 9)
    steps = [begin + k * timedelta(minutes=step_min) for k in range(1440 // step_min)]
    return steps, [4000.0 + 17 * k % 911 for k in range(len(steps))]


def written(path, header, values, step_min, separator=","):
    steps, _ = series(step_min)
    lines = [header, *(f"{when:%Y-%m-%d %H:%M}{separator}{value!r}" for when, value in zip(steps, values, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("step_min", [60, 30, 15, 5])
@pytest.mark.parametrize(
    ("name", "prefix", "energy"),
    [
        ("Load (kW)", "k", False),
        ("load_kw", "k", False),
        ("Last [GW]", "G", False),
        ("COMED_MW", "M", False),
        ("Gesamt (Netzlast) [MWh] Originalauflösungen", "M", True),
        ("Verbrauch kWh", "k", True),
        ("用电量(千瓦时)", "k", True),
        ("负荷（兆瓦）", "M", False),
        ("Demand (megawatthours)", "M", True),
        ("Mean MWh/h", "M", False),
        ("kWh per hour", "k", False),
        ("demandKW", "k", False),
        ("kWhTotal", "k", True),
        ("Last / GW", "G", False),
        ("Load_MW_forecast", "M", False),
        ("Load [MW] (limit 5 GW)", "M", False),
    ],
)
def test_load_comes_in_megawatts_whatever_its_column_says(tmp_path, name, prefix, energy, step_min):
    watts = [1e6 * value for value in series(step_min)[1]]
    hours = step_min / 60
    values = [w * 3600 * (hours if energy else 1) / JOULES[prefix] for w in watts]
    read = Load(csv=written(tmp_path / "load.csv", f"Time,{name}", values, step_min), **CLOCK).read()
    np.testing.assert_allclose(read.values[0], [w / 1e6 for w in watts], rtol=1e-12)
    converted = any("to be in MW" in note for note in read.notes)
    assert converted == (prefix != "M" or (energy and step_min != 60))


@pytest.mark.parametrize(
    ("name", "hundredths_of_a_kwh"),
    [
        ("Price [ct/kWh]", 1),
        ("Price (EUR/kWh)", 100),
        ("price_per_kwh", 100),
        ("LBMP ($/MWHr)", 0.1),
        ("Spot DE/LU €/MWh", 0.1),
        ("电价(元/千瓦时)", 100),
        ("电价(分/千瓦时)", 1),
        ("c/kWh", 1),
        ("mills/kWh", 0.1),
        ("GBp/kWh", 1),
        ("GBP/kWh", 100),
        ("c\u20ac/kWh", 1),
        ("price_ct_kwh", 1),
        ("price_eur_mwh", 0.1),
        ("Price Energy 2024 DKK/MWh", 0.1),
        ("RRP", 0.1),
    ],
)
def test_prices_come_per_megawatt_hour(tmp_path, name, hundredths_of_a_kwh):
    """A price of x EUR/MWh is x / 10 hundredths for a kWh; ``hundredths_of_a_kwh`` are those of one of the unit."""
    wanted = [value / 100 - 30 for value in series(60)[1]]
    values = [one / 10 / hundredths_of_a_kwh for one in wanted]
    path = written(tmp_path / "prices.csv", f"Time,{name}", values, 60)
    np.testing.assert_allclose(FileSeries(csv=path, **CLOCK).read_file("grid.day_ahead").values[0], wanted, rtol=1e-9)
    for per_mwh in (True, False):
        if name != "RRP" or per_mwh:  # a name that states a unit holds, whatever is taken for others
            prices = load_prices(path, per_mwh=per_mwh)
            np.testing.assert_allclose(prices.per_kwh, [one / 1000 for one in wanted], rtol=1e-9)


@pytest.mark.parametrize(("name", "kg_per_mwh"), [("gCO2eq/kWh", 1), ("lb/MWh", 0.45359237), ("tCO2/MWh", 1000)])
def test_emissions_come_in_kilograms_per_megawatt_hour(tmp_path, name, kg_per_mwh):
    path = written(tmp_path / "co2.csv", f"Time,{name}", series(60)[1], 60)
    read = FileSeries(csv=path, **CLOCK).read_file("filing.emissions").values[0]
    np.testing.assert_allclose(read, [kg_per_mwh * value for value in series(60)[1]], rtol=1e-12)


def test_a_stated_unit_holds_and_a_contradiction_is_noted(tmp_path):
    path = written(tmp_path / "load.csv", "Time,load_mw", series(60)[1], 60)
    read = Load(csv=path, unit="kW", **CLOCK).read()
    np.testing.assert_allclose(read.values[0], [value / 1000 for value in series(60)[1]])
    assert any("says mw, but unit is 'kW'" in note for note in read.notes)
    with pytest.raises(InputError, match=r"load\.unit: 'furlong' is no unit of such values; write one such as 'kW'"):
        Load(csv=path, unit="furlong", **CLOCK).read()
    with pytest.raises(InputError, match="is no unit of such values"):
        Load(csv=path, unit="ct/kWh", **CLOCK).read()


def test_columns_to_subtract_have_units_of_their_own(tmp_path):
    rows = [
        f"{when:%Y-%m-%d %H:%M},{value},{1000 * k},{k}" for k, (when, value) in enumerate(zip(*series(60), strict=True))
    ]
    path = tmp_path / "net.csv"
    path.write_text("\n".join(["Time,load_mw,solar_kw,wind_mw", *rows]) + "\n", encoding="utf-8")
    read = Load(csv=str(path), minus=("solar_kw", "wind_mw"), **CLOCK).read()
    np.testing.assert_allclose(read.values[0], [value - 2 * k for k, value in enumerate(series(60)[1])])


def test_a_row_or_a_column_of_units_counts(tmp_path):
    kilowatts = [1000 * value for value in series(60)[1]]
    path = written(tmp_path / "row.csv", "Time,Load\n,kW", kilowatts, 60)
    np.testing.assert_allclose(Load(csv=path, **CLOCK).read().values[0], series(60)[1])
    rows = [
        f"{when:%Y-%m-%d %H:%M},{value},kilowatthours" for when, value in zip(series(60)[0], kilowatts, strict=True)
    ]
    (tmp_path / "column.csv").write_text("\n".join(["period,value,value-units", *rows]) + "\n", encoding="utf-8")
    read = Load(csv=str(tmp_path / "column.csv"), **CLOCK).read()
    np.testing.assert_allclose(read.values[0], series(60)[1])


def test_a_load_beside_an_aggregator_is_in_kilowatts_unless_the_file_says_otherwise(tmp_path):
    values = series(60)[1]
    for name, kilowatts in (("feeder", 1), ("feeder MW", 1000), ("feeder_kw", 1)):
        path = written(tmp_path / "feeder.csv", f"Time,{name}", values, 60)
        read = BaseLoadKeys(csv=path, **CLOCK).read(24)
        np.testing.assert_allclose(read, [kilowatts * value for value in values])


@pytest.mark.parametrize(("name", "kwh"), [("Energy (Wh)", 20_500), ("Energy [MWh]", 0.0205), ("kWh", 20.5)])
def test_energies_of_sessions_come_in_kilowatt_hours(tmp_path, name, kwh):
    path = tmp_path / "sessions.csv"
    path.write_text(f"in,out,{name}\n2024-07-08 22:30,2024-07-09 07:15,{kwh}\n", encoding="utf-8")
    source = SessionsFile(
        file=str(path),
        time_zone="Europe/Berlin",
        stamp_zone="local",
        columns=SessionColumns(arrival="in", departure="out", energy=name),
    )
    sessions = read_sessions(source, load_scenario().fleet).sessions
    assert float(sessions.charge_h[0] * sessions.charge_kw[0]) == pytest.approx(20.5)


def test_names_that_state_no_unit():
    for name in ("load", "TOTALDEMAND", "NW", "Twilight", "Law", "kwik", "demand c", "Load_TW", "LKW", "PKW"):
        assert find_unit(name, "load") is None, name
    for name in ("price", "Volume [MWh]", "price_t", "cost per MW", "Value (p)", "Peak/off", "cost per unit"):
        assert find_unit(name, "price") is None, name
    assert not any(is_unit(text) for text in ("", "Load (MW)", "5 MW", "n/a", "Time"))


def test_a_file_that_only_looks_like_a_pjm_export_is_asked_about(tmp_path):
    """Its stamps may mark beginnings, on a clock of its own."""
    path = written(tmp_path / "load.csv", "Datetime,BERLIN_MW", series(60)[1], 60)
    with pytest.raises(InputError, match=r"load\.stamp = 'beginning' or 'ending'"):
        Load(csv=path, day=DAY).read()


HEADS = {
    "title": "Load of July\n\nTime,Load (kW)",
    "title in the width of the table": "Load of July,\nZone,Berlin\nTime,Load (kW)",
    "names of two lines": "Time,Load\n,(kW)",
    "separators at the end": "Time,Load (kW),,",
    "a title of two cells": "Netzlast,Berlin\nTime,Load (kW)",
    "a title with a number": "Version,1\nTime,Load (kW)",
    "a title with a date": "Created,2024-07-01\nTime,Load (kW)",
    "several titles with numbers": "Version,1\n\nPage,2\nZone,Berlin\nTime,Load (kW)",
    "names of columns after a title alone": "Lastgang 2024\nDatum,Last (kW)",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_the_header_is_found_below_titles(tmp_path, head):
    path = written(tmp_path / "load.csv", head, [1000 * value for value in series(60)[1]], 60)
    np.testing.assert_allclose(Load(csv=path, **CLOCK).read().values[0], series(60)[1])


def workbook(path, head, rows):
    book = Workbook()
    for row in (*head, *rows):
        book.worksheets[0].append(row)
    book.save(path)
    return str(path)


def test_a_name_that_spans_columns_is_put_before_each(tmp_path):
    rows = [[when, value, 2 * value] for when, value in zip(*series(60), strict=True)]
    head = [["Time", "Load", None], [None, "North", "South"]]
    path = workbook(tmp_path / "load.xlsx", head, rows)
    with pytest.raises(InputError, match="several columns of numbers: 'Load North', 'Load South'"):
        Load(csv=path, **CLOCK).read()
    read = Load(csv=path, value_column="Load South", **CLOCK).read()
    np.testing.assert_allclose(read.values[0], [2 * value for value in series(60)[1]])


def test_a_column_of_numbers_without_a_name_is_refused(tmp_path):
    path = written(tmp_path / "load.csv", "Time,", series(60)[1], 60)
    with pytest.raises(InputError, match="the header gives the column of numbers no name"):
        Load(csv=path, **CLOCK).read()


def test_a_bad_row_below_the_header_stays_a_fault(tmp_path):
    path = written(tmp_path / "load.csv", "Time,Load\nn/a,n/a", series(60)[1], 60)
    with pytest.raises(InputError, match="line 2, column 'Time': 'n/a' is not a time stamp"):
        Load(csv=path, **{**CLOCK, "day": None}).read()


def test_thousands_typed_as_text_in_a_sheet_are_asked_about(tmp_path):
    steps, values = series(60)
    text = [[when, f"{int(value):,}".replace(",", ".")] for when, value in zip(steps, values, strict=True)]
    path = workbook(tmp_path / "text.xlsx", [["Time", "Load"]], text)
    with pytest.raises(InputError, match="can be read with a decimal mark or grouped thousands"):
        Load(csv=path, **CLOCK).read()
    np.testing.assert_allclose(Load(csv=path, decimal="comma", **CLOCK).read().values[0], values)
    numbers = [[when, value / 1000] for when, value in zip(steps, values, strict=True)]  # 4.017, typed as a number
    rows = [{"Time": str(when), "Load": value} for when, value in numbers]
    (tmp_path / "numbers.json").write_text(json.dumps(rows), encoding="utf-8")
    for path in (workbook(tmp_path / "numbers.xlsx", [["Time", "Load"]], numbers), str(tmp_path / "numbers.json")):
        np.testing.assert_allclose(Load(csv=path, **CLOCK).read().values[0], [value / 1000 for value in values])


DOUBTFUL = {
    "load": [
        *(
            "kWh/day",
            "MWh per month",
            "kW per customer",
            "Energy kWh cumulative",
            "Last KW 28",
            "W",
            "Load W",
            "WH load",
        ),
        *("Load kW or MW", "Load (kVA)", "Price (EUR/MWh)", "Load, '000 MWh", "10^3 MW", "Load (kW) [MW]", "tw"),
    ],
    "price": [
        *(
            "Price kWh",
            "cost per kW",
            "$/kW-month",
            "P/kWh",
            "Rp/kWh",
            "Price at node c/MWh",
            "Zone C/MWh",
            "k\u20ac/MWh",
        ),
        *("1000 EUR/MWh", "zzz/kWh", "gCO2/kWh", "mEUR/kWh"),
    ],
    "emissions": ["CO2PerkWh", "ton/MWh", "short tons CO2/MWh", "mtCO2/GWh", "intensity/kWh"],
}


@pytest.mark.parametrize(("quantity", "name"), [(one, name) for one in DOUBTFUL for name in DOUBTFUL[one]])
def test_a_name_that_leaves_doubt_on_its_unit_is_asked_about(tmp_path, quantity, name):
    """Nothing is converted by a guess; the setting settles it."""
    path = written(tmp_path / "file.csv", f"Time;{name}", series(60)[1], 60, ";")
    key = {"load": "load", "price": "grid.day_ahead", "emissions": "filing.emissions"}[quantity]
    with pytest.raises(InputError, match=rf"name the unit of its values with {key}\.unit, such as"):
        FileSeries(csv=path, **CLOCK).read_file(key)
    unit, factor = {"load": ("kW", 0.001), "price": ("ct/kWh", 10), "emissions": ("t/MWh", 1000)}[quantity]
    read = FileSeries(csv=path, unit=unit, **CLOCK).read_file(key)
    np.testing.assert_allclose(read.values[0], [factor * value for value in series(60)[1]])


@pytest.mark.parametrize("step_min", [60, 15])
def test_energy_of_a_stated_time_is_a_power_whatever_the_step_of_the_file(tmp_path, step_min):
    """1 MWh in each quarter of an hour is 4 MW, in a file of hours, too."""
    path = written(tmp_path / "load.csv", "Time,Load [MWh/15min]", series(step_min)[1], step_min)
    read = Load(csv=path, **CLOCK).read()
    np.testing.assert_allclose(read.values[0], [4 * value for value in series(step_min)[1]])


def test_a_thousand_of_a_unit_counts(tmp_path):
    for name in ("thousand MWh", "Load (1000 MW)", "Load ['000 MW]"):
        path = written(tmp_path / "load.csv", f"Time,{name}", [value / 1000 for value in series(60)[1]], 60)
        np.testing.assert_allclose(Load(csv=path, **CLOCK).read().values[0], series(60)[1])


def test_contradicting_units_of_a_column_are_asked_about(tmp_path):
    rows = [
        f"{when:%Y-%m-%d %H:%M},{value},{'kW' if k else 'MW'}"
        for k, (when, value) in enumerate(zip(*series(60), strict=True))
    ]
    path = tmp_path / "units.csv"
    path.write_text("\n".join(["Time,load,unit", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="column 'load' has several units, MW, kW"):
        Load(csv=str(path), **CLOCK).read()
    path.write_text("\n".join(["Time,load MW,unit", *rows[1:]]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="column 'load MW' has several units, MW, kW"):
        Load(csv=str(path), **CLOCK).read()
    blank = [row.replace(",kW", "," if k % 5 else ",kW") for k, row in enumerate(rows[1:])]
    path.write_text("\n".join(["Time,load,unit", rows[0].replace(",MW", ",kW"), *blank]) + "\n", encoding="utf-8")
    read = Load(csv=str(path), **CLOCK).read()
    np.testing.assert_allclose(read.values[0], [value / 1000 for value in series(60)[1]])


@pytest.mark.parametrize("title", ["Created{}2024-07-08", "Zone{}Berlin{}north", "Report of the grid"])
@pytest.mark.parametrize("separator", [";", "|", "\t"])
@pytest.mark.parametrize("name", ["Load (kW)", "kW"])
def test_a_title_is_not_the_header_where_values_come_first(tmp_path, title, separator, name):
    """Its date stands where stamps do, and decimal commas are as frequent as separators."""
    steps, values = series(60)
    texts = [f"{1000 * value:,.1f}".replace(",", "'").replace(".", ",") for value in values]
    rows = [f"{text}{separator}{when:%Y-%m-%d %H:%M}" for when, text in zip(steps, texts, strict=True)]
    head = [title.replace("{}", separator), f"{name}{separator}Time"]
    (tmp_path / "load.csv").write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    read = Load(csv=str(tmp_path / "load.csv"), **CLOCK).read()
    np.testing.assert_allclose(read.values[0], values)


def test_a_header_of_numbers_holds(tmp_path):
    for head in ("Time,101", "Time,101\n,kW"):
        path = written(tmp_path / "load.csv", head, series(60)[1], 60)
        factor = 1 if "kW" not in head else 0.001
        read = Load(csv=path, **CLOCK).read()
        np.testing.assert_allclose(read.values[0], [factor * value for value in series(60)[1]])


def test_two_rows_that_may_be_the_header_are_asked_about(tmp_path):
    path = written(tmp_path / "load.csv", "Time,Load (kW)\nDate,Float", series(60)[1], 60)
    with pytest.raises(InputError, match="lines 1 and 2 may both be the header; delete the one that is not"):
        Load(csv=path, **CLOCK).read()


def test_a_file_without_a_header_loses_no_row(tmp_path):
    path = written(tmp_path / "load.csv", "x,y", series(60)[1], 60)
    text = (tmp_path / "load.csv").read_text(encoding="utf-8").split("\n", 1)[1]
    (tmp_path / "load.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="line 1: data, where a header was expected; write one above it"):
        Load(csv=path, fill="interpolate", **CLOCK).read()


def test_a_unit_in_a_title_is_asked_about_where_the_column_states_none(tmp_path):
    for head in ("Lastgang in kW\nTime,Load", "# values in kWh\nTime,Load", "Time,Load (kW),\n[UTC],North,South"):
        rows = [f"{value},{value}" if "South" in head else value for value in series(60)[1]]
        path = written(tmp_path / "load.csv", head, rows, 60)
        path_text = (tmp_path / "load.csv").read_text(encoding="utf-8").replace("'", "")
        (tmp_path / "load.csv").write_text(path_text, encoding="utf-8")
        column = {"value_column": "North"} if "South" in head else {}
        with pytest.raises(InputError, match=r"states no unit, but the line '.*' above the header does"):
            Load(csv=path, **column, **CLOCK).read()
        read = Load(csv=path, unit="kW", **column, **CLOCK).read()
        np.testing.assert_allclose(read.values[0], [value / 1000 for value in series(60)[1]])
    path = written(tmp_path / "prices.csv", "Prices in EUR/MWh\nTime,Price", series(60)[1], 60)
    read = FileSeries(csv=path, **CLOCK).read_file("grid.day_ahead")
    np.testing.assert_allclose(read.values[0], series(60)[1])


def test_stamp_and_time_zone_are_asked_for_in_one_sentence(tmp_path):
    path = written(tmp_path / "load.csv", "Datetime,XYZ_MW", series(60)[1], 60)
    with pytest.raises(InputError, match=r"load\.stamp = .* and load\.time_zone = 'America/New_York'"):
        Load(csv=path, day=DAY).read()
    read = Load(csv=path, day=DAY, stamp="beginning", time_zone="America/New_York").read()
    np.testing.assert_allclose(read.values[0], series(60)[1])
