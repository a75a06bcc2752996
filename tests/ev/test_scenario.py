"""The user's file: any part may be replaced, and a mistake is told by its key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import build_day, case_names, load_scenario


def scenario(tmp_path, text):
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path)


def test_cases_load_and_only_the_paper_carries_published_figures():
    assert case_names() == ["calgary-2022", "duke-2017", "paper-2022", "paper-2022-fitted"]
    paper, duke = (load_scenario(case=name) for name in ("paper-2022", "duke-2017"))
    assert paper.published is not None
    assert duke.published is None
    assert duke.fleet == paper.fleet
    assert build_day(duke.with_changes(n_ev=100)).base_mw[17] == 12771


def test_any_part_can_be_replaced(tmp_path):
    rows = "\n".join(f"2021-05-0{d} {h:02d}:00,{1000 * d + h}" for d in (1, 2) for h in range(24))
    (tmp_path / "load.csv").write_text("when,mw\n" + rows + "\n", encoding="utf-8")
    mine = scenario(
        tmp_path,
        """
        name = "mine"
        [load]
        csv = "load.csv"
        time_column = "when"
        load_column = "mw"
        stamp = "beginning"
        time_zone = "local"
        day = 2021-05-02
        [tariff]
        peak = ["17-20"]
        flat = ["7-17", "20-23"]
        [prices]
        reference = { peak = 30, flat = 20, valley = 10 }
        unit = "EUR/kWh"
        units_per_currency = 1
        [fleet]
        n_ev = 500
        seed = 7
        [response.peak_valley]
        max_share = 0.5
        """,
    )
    day = build_day(mine)
    assert day.base_mw.tolist() == [2000.0 + h for h in range(24)]
    assert (day.period == 0).sum() == 3
    assert day.reference.tolist() == [30, 20, 10]
    assert day.prices.per_mwh == 1000
    assert day.fleet.n_ev == 500
    assert day.ramps[0].tolist() == [3, 25, 0.5]  # what is not named stays
    assert mine.published is None
    assert mine.grid == load_scenario().grid


def test_a_scenario_never_carries_the_title_of_the_case(tmp_path):
    assert scenario(tmp_path, "[fleet]\nn_ev = 10\n").title == "my"
    named = scenario(tmp_path, 'name = "mine"\n[fleet]\nn_ev = 10\n')
    assert (named.name, named.title) == ("mine", "mine")
    assert "ComEd" in load_scenario().title


def test_a_file_may_name_its_case(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text('base = "duke-2017"\n[fleet]\nn_ev = 10\n', encoding="utf-8")
    assert load_scenario(path).load == load_scenario(case="duke-2017").load
    assert load_scenario(path, case="duke-2017").fleet.n_ev == 10
    with pytest.raises(InputError, match="builds on case 'duke-2017' but 'paper-2022' was asked for"):
        load_scenario(path, case="paper-2022")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[fleet]\nn_evs = 3", r"unknown key 'fleet\.n_evs'\. Did you mean 'n_ev'"),
        ("[fleat]\nn_ev = 3", r"unknown key 'fleat'\. Did you mean 'fleet'"),
        ("[v2g.response]\nslope = 1", r"unknown key 'v2g\.response\.slope'\. Known are dead_zone, saturation"),
        ("[[fleet.vehicles]]\nnme = 'x'\nshare = 1", r"unknown key 'fleet\.vehicles\.0\.nme'\. Did you mean 'name'"),
        ("[[fleet.vehicles]]\nname = 'x'\nshare = 1", r"the key 'fleet\.vehicles\.0\.battery_kwh' is missing"),
        ("[fleet]\nn_ev = 'many'", r"fleet\.n_ev must be a whole number, not 'many'"),
        ("[fleet]\nn_ev = 1.5", r"fleet\.n_ev must be a whole number.*, not 1\.5"),
        ("[fleet]\nn_ev = true", r"fleet\.n_ev must be a whole number, not True"),
        ("[fleet]\nn_ev = -3", r"fleet: n_ev must be a number above 0, not -3"),
        ("[fleet]\nsoc_on_arrival = 'low'", r"fleet\.soc_on_arrival must be 'distance' or 'normal', not 'low'"),
        ("[v2g]\nwear = nan", r"v2g\.wear must be a finite number"),
        ("[prices]\nreference = 'mean'", r"prices\.reference must be 'flat', a number, or a table"),
        ("[prices.reference]\npeak = 3\nflat = 2", r"the key 'prices\.reference\.valley' is missing"),
        ("[prices.start]\npeak = 9\nflat = 12\nvalley = 3", r"prices.start must fall from peak to flat to valley"),
        ("[tariff]\npeak = ['15-21']", r"tariff: no period covers 14:00"),
        ("[load]\ncsv = 'x.csv'\nday = 2020-01-01\nlast_day = 2020-01-02", r"load: name either one day"),
        ("[fleet]\ntrips_per_day = 40", r"trips_per_day must be at most 12"),
        ("[prices]\ncharge_bounds = [9, 3]", r"prices: charge_bounds must be \[lowest, highest\]"),
        ("[prices]\ncharge_bounds = [1, 2, 3]", r"prices\.charge_bounds "),
        ("[tariff]\npeak = ['14-22']", r"tariff: flat: the window '21-23' overlaps 'peak' at 21:00"),
        ("[tariff]\npeak = '14-21'", r"tariff\.peak must be a list, not '14-21'"),
        ("[response]\nrecovery = 'even'", r"response\.recovery must be 'uniform'"),
        ("[satisfaction]\nhabit_weight = 0.9", r"satisfaction: habit_weight and delay_weight must sum to 1"),
        ("fleet = 3", r"fleet must be a table, not 3"),
        ("base = 'duke'", r"there is no case 'duke'.* Did you mean 'duke-2017'"),
        ("base = 3", r"there is no case 3"),
        ("[load]\ncsv = 'none.csv'\nvalues_mw = [1.0]", r"load: the load needs either values_mw or csv, and not both"),
        ("[fleet\n", r"is not a TOML file: .*line 1"),
    ],
)
def test_mistakes_are_told_by_their_key(tmp_path, text, told):
    with pytest.raises(InputError, match=told) as caught:
        scenario(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None or "TOML" in str(caught.value)


def test_several_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(InputError, match=r"title.*; fleet\.n_ev.*; v2g\.wear"):
        scenario(tmp_path, "title = 3\n[fleet]\nn_ev = 'x'\n[v2g]\nwear = 'y'\n")


def test_missing_file():
    with pytest.raises(InputError, match="cannot read the scenario none"):
        load_scenario("none.toml")


_KEYS = st.sampled_from(
    ["load", "tariff", "prices", "fleet", "response", "v2g", "grid", "satisfaction", "published", "name", "x", "peak"]
)
_VALUES = st.recursive(
    st.sampled_from(["1", "-1", "0.5", "nan", "inf", "'x'", "true", "[]", "{}", "2020-01-01", "12:30:00"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(_KEYS, inner).map(lambda pair: f"{{ {pair[0]} = {pair[1]} }}"),
    ),
    max_leaves=4,
)


@given(_KEYS, _VALUES)
def test_rubbish_is_an_input_error(tmp_path_factory, key, value):
    path = tmp_path_factory.mktemp("rubbish") / "my.toml"
    path.write_text(f"{key} = {value}\n", encoding="utf-8")
    try:
        load_scenario(path)
    except InputError as error:
        assert "my.toml" in str(error)  # noqa: PT017
