"""A load net of other columns of its file: equal to plain subtraction, and faults name the column."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.load import Load
from csmoifsa_ev.inputs.scenario import build_day, load_scenario


def table(days=3, seed=5):
    """Return hours of a feeder with solar and wind; solar takes a little at night, and exceeds the load at noon."""
    random = np.random.default_rng(seed)
    hours = pd.date_range("2024-06-03", periods=24 * days, freq="h")
    sun = np.maximum(np.sin((hours.hour.to_numpy() - 6) / 12 * np.pi), 0.0)
    return pd.DataFrame(
        {
            "timestamp": hours.strftime("%Y-%m-%d %H:%M"),
            "solar_mw": np.where(sun > 0, 9 * sun, -0.25).round(3),
            "load_mw": (6 + random.uniform(0, 2, len(hours))).round(3),
            "wind_mw": random.uniform(0, 1, len(hours)).round(3),
        }
    )


def load(path, **more):
    more = {"first_day": date(2024, 6, 3), "last_day": date(2024, 6, 5)} | more
    return Load(csv=str(path), stamp="beginning", time_zone="local", **more)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_columns_are_subtracted(tmp_path, ending):
    frame, path = table(), tmp_path / f"feeder.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_excel(path, index=False)
    read = load(path, minus=("solar_mw", "wind_mw")).read()
    net = (frame.load_mw - frame.solar_mw - frame.wind_mw).to_numpy().reshape(3, 24)
    np.testing.assert_allclose(read.values, net, rtol=0, atol=1e-12)
    assert (net < 0).any()
    assert any("the load is net of solar_mw and wind_mw" in note for note in read.notes)
    below = next(note for note in read.notes if "below 0" in note)
    assert f"in {(net < 0).sum()} of 72 steps, {net.min():,.1f} MW at the least" in below


def test_the_column_of_load_is_found_among_the_others(tmp_path):
    frame, path = table().rename(columns={"load_mw": "feeder 7"}), tmp_path / "feeder.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"name the one to read with load\.value_column"):
        load(path).read()
    values = load(path, minus=("solar_mw", "wind_mw")).read().values
    assert values[0, 0] == pytest.approx(frame["feeder 7"][0] - frame.solar_mw[0] - frame.wind_mw[0])


def test_without_minus_the_load_stays_gross(tmp_path):
    frame, path = table(), tmp_path / "feeder.csv"
    frame.to_csv(path, index=False)
    assert load(path).read().values.ravel().tolist() == frame.load_mw.tolist()


def test_faults_name_the_column(tmp_path):
    frame, path = table().astype({"solar_mw": object}), tmp_path / "feeder.csv"
    frame.loc[30, "solar_mw"] = "n/a"
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"line 32, column 'solar_mw': 'n/a' is not a number"):
        load(path, minus=("solar_mw",)).read()
    filled = load(path, minus=("solar_mw",), fill="interpolate").read()
    between = (frame.solar_mw[29] + frame.solar_mw[31]) / 2
    assert filled.values.ravel()[30] == pytest.approx(frame.load_mw[30] - between)
    assert any("column 'solar_mw': 1 value(s) interpolated on request: 06:00" in note for note in filled.notes)
    load(path, minus=("wind_mw",)).read()  # the faulty column is not read


@pytest.mark.parametrize(
    ("minus", "sentence"),
    [
        (("sollar_mw",), r"no column 'sollar_mw' \(load\.minus\); .*Did you mean 'solar_mw'"),
        (("load_mw",), r"load\.minus must name other columns than"),
        (("solar_mw", "solar_mw"), r"load\.minus must name other columns than 'load_mw', each once"),
    ],
)
def test_wrong_columns(tmp_path, minus, sentence):
    path = tmp_path / "feeder.csv"
    table().to_csv(path, index=False)
    with pytest.raises(InputError, match=sentence):
        load(path, minus=minus, value_column="load_mw").read()


def test_a_load_of_values_has_no_columns():
    with pytest.raises(InputError, match="minus names columns of a load file"):
        Load(values_mw=tuple(range(24)), minus=("solar_mw",))


def test_a_scenario_prices_the_net_load(tmp_path):
    frame = table(days=1)
    frame.to_csv(tmp_path / "feeder.csv", index=False)
    scenario = tmp_path / "feeder.toml"
    scenario.write_text(
        '[load]\ncsv = "feeder.csv"\nday = 2024-06-03\nstamp = "beginning"\ntime_zone = "local"\n'
        'minus = ["solar_mw", "wind_mw"]\n[fleet]\nn_ev = 500\n'
    )
    day = build_day(load_scenario(scenario))
    np.testing.assert_allclose(day.base_mw, frame.load_mw - frame.solar_mw - frame.wind_mw, atol=1e-12)
    assert any("net of solar_mw and wind_mw" in note for note in day.notes)
