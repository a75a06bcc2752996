"""The commands as a user meets them."""

import json

import numpy as np
import pandas as pd
import pytest

from aggregator.games import SHARED
from aggregator.test_backtest import series
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import case_names, load_case
from csmoifsa_aggregator.output.figures import draw_gain, draw_price
from csmoifsa_aggregator.output.report import day_data, rolling_data


@pytest.fixture
def price_files(tmp_path):
    paths = []
    for prices, name in zip(series(1, days=6), ("da", "rt"), strict=True):
        rows = [f"{prices.start + k * prices.step},{1000 * v:.6f}" for k, v in enumerate(prices.per_kwh)]
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text("\n".join(["timestamp,price", *rows]) + "\n")
    return paths


def test_aggregate_json(run_cli):
    answer = run_cli("ev", "aggregate", "wei-storage", "--margin", 0, "--json")
    assert answer.code == 0
    got = json.loads(answer.out)
    keys = {
        *("status", "objective", "ev_margin", "storage", "upper_bound", "gap", "bills", "procurement", "guaranteed"),
        *("price", "load", "seconds", "binaries"),
    }
    assert keys <= got.keys()
    assert got["status"] == "proven"
    assert got["objective"] == pytest.approx(2388.8444444, rel=1e-8)
    assert (len(got["price"]), np.shape(got["load"])) == (24, (3, 24))


def test_aggregate_writes_tables_and_figures(run_cli, tmp_path):
    answer = run_cli("ev", "aggregate", "wei-v2g", "--out", tmp_path / "day")
    assert answer.code == 0
    assert "proven optimal" in answer.out
    names = {path.name for path in (tmp_path / "day").iterdir() if not path.name.startswith(".")}
    always = {
        "summary.json",
        "price.csv",
        "load.csv",
        "plans.csv",
        "plans_load.csv",
        "grid.csv",
        "stakeholder_impact.csv",
    }
    assert names == {*always, "v2g.csv", "load_v2g.csv", "figures", "report.html"}
    assert all(name in answer.out for name in names)
    drawn = {path.name for path in (tmp_path / "day" / "figures").iterdir()}
    assert drawn == {f"{n}.{e}" for n in ("price", "load", "profit", "soc") for e in ("png", "pdf")}


def test_a_second_run_leaves_nothing_of_the_first(run_cli, tmp_path):
    assert run_cli("ev", "aggregate", "wei-v2g", "--out", tmp_path, "--no-report").code == 0
    assert run_cli("ev", "aggregate", "wei-storage", "--out", tmp_path, "--no-report").code == 0
    names = {path.name for path in tmp_path.rglob("*.*")}
    assert not names & {"v2g.csv", "load_v2g.csv", "soc.png", "soc.pdf", "report.html"}
    assert "storage.csv" in names


def test_flags_of_the_page(run_cli, tmp_path):
    answer = run_cli("ev", "aggregate", "wei-2015", "--out", tmp_path, "--no-figures", "--lang", "zh")
    assert answer.code == 0
    assert '<html lang="zh">' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "figures").exists()
    assert "figures/" not in answer.out


def test_what_is_not_allowed_and_not_counted_is_said(run_cli):
    answer = run_cli("ev", "aggregate", "wei-storage")
    assert "for comparison only: uncontrolled charging (17 h), flat price (17 h)" in answer.out
    assert "at stage one the storage adds 2,336.04" in answer.out


def test_an_import_limit_that_drivers_exceed(run_cli, tmp_path):
    path = tmp_path / "import_limit.toml"
    path.write_text('base = "portfolio"\n[limits]\nimport_limit_kw = 6000\n')
    answer = run_cli("ev", "aggregate", path)
    assert answer.code == 2
    assert "in hour 2 they draw 4500 kW more than the 6000 kW allowed; try --margin 0" in answer.err
    got = json.loads(run_cli("ev", "aggregate", path, "--margin", 0, "--json").out)
    assert got["guaranteed"] is None
    over = {one["plan"]: one["import_excess_kw"] for one in got["plans"]}
    assert over["stage one"] == pytest.approx(0.0, abs=1e-3)
    assert over["with V2G"] == pytest.approx(0.0, abs=1e-3)
    assert over["uncontrolled charging"] > 1000


def test_aggregate_reference_file(run_cli):
    path = SHARED / "stackelberg" / "G24x3s1.json"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    got = json.loads(run_cli("ev", "aggregate", path, "--margin", 0, "--json").out)
    assert abs(got["reference"]["optimum_ev_margin"]["difference"]) < 1e-4


def test_roll(run_cli, tmp_path, price_files):
    da, rt = price_files
    out = tmp_path / "roll"
    common = ("ev", "roll", "portfolio", "--day-ahead", da, "--real-time", rt, "--days", "2025-06-04:2025-06-05")
    answer = run_cli(*common, "--out", out)
    assert answer.code == 0, answer.err
    assert "thesis" in answer.out
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {
        "summary.json",
        "rho.csv",
        "grid.csv",
        "plans.csv",
        "days.csv",
        "plans_load.csv",
        "figures",
        "report.html",
    }
    got = json.loads(run_cli(*common, "--json", "--forecast", "perfect").out)
    assert got["nodes"][0]["rho"] == pytest.approx(1.0, abs=1e-5)
    assert got["nodes"][0]["days"] == 2


def test_a_currency_is_carried_to_tables_page_terminal_and_figures(run_cli, tmp_path, price_files):
    case = tmp_path / "eur.toml"
    case.write_text('base = "portfolio"\ncurrency = "EUR"\n')
    da, rt = price_files
    roll = ("roll", case, "--day-ahead", da, "--real-time", rt, "--days", "2025-06-04:2025-06-05")
    for command, out in ((("aggregate", case), tmp_path / "day"), (roll, tmp_path / "rolled")):
        answer = run_cli("ev", *command, "--out", out, "--no-figures", "--no-report")
        assert answer.code == 0, answer.err
        assert "EUR" in answer.out
        assert "$" not in answer.out
        for path in out.iterdir():
            assert "$" not in path.read_text(encoding="utf-8"), path
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        assert summary["currency"] == "EUR"
    day, rolled = day_data(tmp_path / "day"), rolling_data(tmp_path / "rolled")
    assert (day["money"], rolled["money"]) == ("EUR", "EUR")
    assert "EUR/kWh" in draw_price(pd.read_csv(tmp_path / "day" / "price.csv"), day["summary"]).axes[0].get_ylabel()
    gain = draw_gain(pd.read_csv(tmp_path / "rolled" / "days.csv"), rolled["summary"])
    assert "EUR" in gain.axes[0].get_ylabel()


def test_a_json_game_may_name_its_currency(run_cli, tmp_path):
    game = {"p": [1.0, 2.0], "lb": [1.0, 2.0], "ub": [1.0, 2.0], "mean": 1.5, "E": [5.0], "Pm": [7.0], "W": [[1, 1]]}
    path = tmp_path / "game.json"
    for extra, money in (({"currency": "CHF"}, "CHF"), ({}, "currency")):
        path.write_text(json.dumps(game | extra))
        assert json.loads(run_cli("ev", "aggregate", path, "--json").out)["currency"] == money


@pytest.mark.parametrize("middle", ["-0.001, -0.005, -0.05, -0.005", "0.0, 0.0, 0.0, 0.0"])
def test_a_case_with_negative_or_zero_prices_rolls(run_cli, tmp_path, price_files, middle):
    case, (da, rt) = tmp_path / "low.toml", price_files
    head, tail = "0.031, 0.028, 0.026, 0.025, 0.025, 0.027, 0.03, 0.032, 0.034, 0.007", "0.001, 0.068, 0.077, 0.083"
    case.write_text(
        f'base = "portfolio"\n[market]\nday_ahead = [{head}, {middle}, {tail}, 0.08, 0.07, 0.06, 0.05, 0.041, 0.035]\n'
    )
    answers = [
        json.loads(
            run_cli("ev", "roll", one, "--day-ahead", da, "--real-time", rt, "--days", "2025-06-04", "--json").out
        )
        for one in (case, "portfolio")
    ]
    mine, other = (one["nodes"][0] for one in answers)
    assert mine["stage_one_proven_days"] == 1
    assert mine["plans"][4]["profit"] == pytest.approx(
        other["plans"][4]["profit"], rel=0.05
    )  # the mean's ratio differs


def test_roll_reads_the_same_from_the_case_and_from_options(run_cli, tmp_path, price_files):
    """Semicolons, decimal comma, hour numbers, several places, quarters: in TOML for each file, or by options."""
    da, rt = (path.read_text().splitlines()[1:] for path in price_files)
    rows = [line.split(",") for line in da]
    (tmp_path / "zones.csv").write_text(
        "Tag;Stunde;Zone;Preis\n"
        + "".join(f"{t[8:10]}.{t[5:7]}.{t[:4]};{int(t[11:13]) + 1:02d};{z};{v.replace('.', ',')}\n"
                  for t, v in rows for z in ("Nord", "Sued"))
    )  # fmt: skip
    (tmp_path / "halves.csv").write_text(
        "timestamp,price\n"
        + "".join(f"{t[:14]}{m:02d}:00,{v}\n" for t, v in (r.split(",") for r in rt) for m in (0, 30))
    )
    (tmp_path / "my.toml").write_text(
        'base = "portfolio"\n[roll]\ndays = "2025-06-04:2025-06-05"\n'
        "day_ahead = { csv = 'zones.csv', node = 'Nord', date_order = 'day-first' }\n"
        "real_time = { csv = 'halves.csv' }\n"
    )
    one = run_cli("ev", "roll", tmp_path / "my.toml", "--json", "--out", tmp_path / "out")
    assert one.code == 0, one.err
    assert "stamps mark the end of their steps, as 24:00 shows" in one.err
    two = run_cli(
        *(
            "ev",
            "roll",
            "portfolio",
            "--day-ahead",
            tmp_path / "zones.csv",
            "--real-time",
            tmp_path / "halves.csv",
            "--json",
        ),
        *("--days", "2025-06-04:2025-06-05", "--set", "day_ahead.node=Nord", "--date-order", "day-first"),
    )
    assert two.code == 0, two.err
    first, second = json.loads(one.out), json.loads(two.out)
    assert first["nodes"] == second["nodes"]
    assert first["nodes"][0]["node"] == "Nord"
    assert first["dt_h"] == 0.5
    plain = ("ev", "roll", "portfolio", "--day-ahead", price_files[0], "--real-time", price_files[1], "--step", 30)
    third = run_cli(*plain, "--days", "2025-06-04:2025-06-05", "--json")
    assert third.code == 0, third.err
    same = json.loads(third.out)
    assert same["nodes"][0]["rho"] == first["nodes"][0]["rho"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[roll]\nday_ahed = {}\n", "unknown key 'roll.day_ahed'. Did you mean 'day_ahead'"),
        ("[roll]\nper_kwh = 1\n", "roll.per_kwh must be true or false, not 1"),
        ("[roll]\nstep = 1\n", "roll: step must be from 5 to 60 minutes, not 1"),
        ("[roll]\nday_ahead = 'zones.csv'\n", "roll.day_ahead must be a table"),
        ("[roll]\nday_ahead = { cvs = 'zones.csv' }\n", "unknown key 'roll.day_ahead.cvs'. Did you mean 'csv'"),
        ("[roll]\nday_ahead = { csv = 'x', stamp = 'end' }\n", "roll.day_ahead.stamp must be 'beginning' or 'ending'"),
        ("", "name the file of day-ahead prices with --day-ahead, or [roll] day_ahead = { csv"),
    ],
)
def test_the_roll_table_is_checked(run_cli, tmp_path, text, words):
    (tmp_path / "my.toml").write_text('base = "portfolio"\n' + text)
    answer = run_cli("ev", "roll", tmp_path / "my.toml")
    assert answer.code == 2
    assert words in answer.err
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("aggregate", "wei-2051"), "Did you mean 'wei-2015'"),
        (("aggregate", "none.json"), "cannot read the case none.json"),
        (("roll", "portfolio", "--day-ahead", "x.csv", "--real-time", "y.csv"), "cannot read the price file x.csv"),
        (("roll", "wei-2015", "--day-ahead", "x", "--real-time", "y", "--days", "may"), "--days must be"),
        (("roll", "wei-2015", "--day-ahead", "x", "--real-time", "y", "--only", "a"), "--only must be COLUMN=VALUE"),
        (
            ("roll", "wei-2015", "--day-ahead", "x", "--real-time", "y", "--set", "da.x=1"),
            "--set must be day_ahead.KEY",
        ),
        (("roll", "wei-2015", "--day-ahead", "x", "--real-time", "y", "--known", "all"), "--known must be"),
        (("roll", "wei-2015", "--day-ahead", "x", "--real-time", "y", "--lang", "de"), "--lang must be en or zh"),
        (("aggregate", "wei-2015", "--lang", "de"), "--lang must be en or zh"),
    ],
)
def test_one_sentence_and_exit_code_two(run_cli, arguments, words):
    answer = run_cli("ev", *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert len(answer.err.strip().splitlines()) == 1


TAXIS = 'base = "wei-2015"\n[[classes]]\nname = "taxis"\nenergy_kwh = 10\npower_kw = 5\n'
NOON = 'count = 3\nwindow = "12:00-18:00"\n'
BATTERY = TAXIS.replace("energy_kwh = 10\n", "") + NOON + "capacity_kwh = 40\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('base = "wei-2015"\n[price]\nmeen = 0.5\n', "unknown key 'price.meen'. Did you mean 'mean'"),
        ('base = "wei-2015"\n[price]\nmean = 0.9\n', "exclude the mean price 0.9"),
        ('base = "nowhere"\n', "no case 'nowhere' to build on"),
        ('base = "wei-2015"\n[contract]\nv2g_share = 0.5\n', "night: the key 'capacity_kwh' is missing"),
        ('base = "wei-v2g"\n[contract]\nefficiency = -0.9\n', "contract: efficiency must be above 0"),
        ('base = "wei-v2g"\n[contract]\ndeparture_kwh = 60.0\n', "night"),
        ('base = "wei-2015"\n[market]\nday_ahead = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]\n', "7 values"),
        ("x = [", "not a TOML file"),
        ('base = "wei-2015"\n[price]\nmean = "high"\n', "price.mean must be a number, not 'high'"),
        ('base = "wei-2015"\n[limits]\nblock_kw = ["a"]\n', "limits.block_kw.0 must be a number, not 'a'"),
        ('base = "wei-storage"\n[storage]\npower_kw = "a"\n', "storage.power_kw must be a number, not 'a'"),
        (TAXIS + 'count = 0\nwindow = "12:00-18:00"\n', "taxis: count must be a number above 0, not 0"),
        (TAXIS + 'count = inf\nwindow = "12:00-18:00"\n', "taxis: count must be a finite number, not inf"),
        (BATTERY + "arrival_kwh = 30\ndeparture_kwh = 20\n", "taxis: departure_kwh 20 must be above arrival_kwh 30"),
        (TAXIS + NOON + TAXIS[len('base = "wei-2015"\n') :] + NOON, "two classes are called 'taxis'"),
        (TAXIS.replace("taxis", "hour") + NOON, "no class can be called 'hour'"),
        ('base = "wei-2015"\n[price]\nlower = nan\n', "price.lower must be a finite number or a list, not nan"),
        ('base = "wei-2015"\n[price]\nband = 0.0\nlower = 0.5\nupper = 0.5\n', "more room in the prices: price.band"),
        ('base = "wei-2015"\n[limits]\nblock_kw = [-1]\nblock_premium = [0]\n', "block 1 of the supply curve .* -1"),
        (TAXIS + 'count = "many"\nwindow = "12:00-18:00"\n', "taxis: count must be a number, not 'many'"),
        (TAXIS + "count = 3\nwindow = 5\n", "taxis: window must be a text or a list, not 5"),
        (TAXIS + 'count = 3\nowner_share = 0.5\nwindow = "12:00-18:00"\n', "taxis: unknown key 'owner_share'"),
        (TAXIS + 'count = 3\nwindow = "12:00-13:00"\n', "taxis: its window of 1 h .* 15 kWh short of the 30 kWh"),
    ],
)
def test_bad_cases(run_cli, tmp_path, text, words):
    import re

    path = tmp_path / "mine.toml"
    path.write_text(text)
    answer = run_cli("ev", "aggregate", path)
    assert answer.code == 2
    assert re.search(words, answer.err)
    assert len(answer.err.strip().splitlines()) == 1


def test_brackets_and_dollars_in_names_are_text(run_cli, tmp_path):
    path = tmp_path / "mine.toml"
    head = "title = 'a [red]b[/x]'\ncurrency = '[/y]'\n"
    path.write_text(head + TAXIS.replace('"taxis"', r"'[bold]taxis[/z] $\frac$'") + NOON)
    answer = run_cli("ev", "aggregate", path, "--margin", 0, "--out", tmp_path / "day", "--no-report")
    assert answer.code == 0, answer.err
    assert "a [red]b[/x]" in answer.out
    assert "[/y] a day" in answer.out


def test_that_no_margin_settles_v2g_followers_is_said(run_cli, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "wei-v2g"\n[contract]\nv2g_share = 0.1\nstage_one = "battery"\n')
    answer = run_cli("ev", "aggregate", path, "--time-limit", 5)
    assert answer.code == 0, answer.err
    assert "No strict margin is kept" in answer.out
    assert "No strict margin" not in run_cli("ev", "aggregate", "wei-v2g").out


def test_bundled_cases_load():
    assert case_names() == [
        *("portfolio", "portfolio-customers", "portfolio-grid", "portfolio-reserve"),
        *("wei-2015", "wei-storage", "wei-v2g"),
    ]
    for name in case_names():
        assert load_case(name).name == name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": "a"}, "mean must be a number, not 'a'"),
        ({"dt": "x"}, "dt must be a number"),
        ({"T": "2"}, "T must be a number"),
        ({"E": [1, 1], "Pm": [1, 1], "W": [[True], [True, True]]}, "W must be a list of 2 values for each class"),
        ({"storage": [1]}, "storage must be a table"),
        ({"storage": {"Pmax": "a"}}, "storage.Pmax must be a number, not 'a'"),
        ({"block_kw": [1], "block_premium": ["a"]}, "block_premium.0 must be a number, not 'a'"),
    ],
)
def test_bad_json_cases(run_cli, tmp_path, changes, words):
    good = {"p": [0.3, 0.4], "lb": [0.2, 0.3], "ub": [0.5, 0.6], "mean": 0.35, "E": [1], "Pm": [1], "W": [[True, True]]}
    path = tmp_path / "game.json"
    path.write_text(json.dumps({**good, **changes}))
    answer = run_cli("ev", "aggregate", path)
    assert answer.code == 2
    assert words in answer.err


def test_missing_hours_in_a_json_case(run_cli, tmp_path):
    values = {"T": 24, "p": [0.1] * 20, "lb": [0.1] * 20, "ub": [0.2] * 20, "mean": 0.15, "E": [1], "Pm": [1]}
    path = tmp_path / "game.json"
    path.write_text(json.dumps({**values, "W": [[True] * 20]}))
    answer = run_cli("ev", "aggregate", path)
    assert answer.code == 2
    assert "4 hours are missing" in answer.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TAXIS + NOON + "energy = 3\n", "taxis: unknown key 'energy'. Did you mean 'energy_kwh'"),
        ("[[classes]]\ncount = 1\n" * 2, "class 1: the key 'window' is missing.*class 2: the key 'window' is missing"),
        ("classes = [3]\n", "class 1: must be a table, not 3"),
        ("classes = []\n", r"a case needs at least one \[\[classes\]\] table"),
        ("market = 3\n", "market must be a table, not 3"),
        ("[market]\nday_ahead = [0.1, 'a', 0.3]\n", "market.day_ahead.1 must be a number, not 'a'"),
        ("[market]\nbuy = 'a'\n", "market.buy must be a number or a list, not 'a'"),
        ("[market]\nbuy = true\n", "market.buy must be a number or a list, not True"),
        ("[market]\nbuy = 0.1\nbuy_ratio = 2\n", "market: give either buy or buy_ratio, not both"),
        ("[price]\nlower = [0.1, 0.2]\n", "price.lower has 2 values for 24 steps: 22 missing"),
        ("[price]\nmean_sense = '>='\n", "price.mean_sense must be '==' or '<=', not '>='"),
        ("[price]\nband = -1\n", "price: band must be a number from 0 up, not -1"),
        ("[limits]\nimport_limit_kw = nan\n", "limits.import_limit_kw"),
        ("[limits]\nimport_limit_kw = [nan, 1]\n", "limits.import_limit_kw.0: must be a number or inf, not nan"),
        ("[contract]\nowner_share = 2\n", "contract: owner_share must be between 0 and 1, not 2"),
        ("[contract]\nstage_one = 'x'\n", "contract.stage_one must be 'charging' or 'battery', not 'x'"),
        (
            "[storage]\npower_kw = 1\ncapacity_kwh = 2\ninitial_kwh = 3\nefficiency = 1\n",
            "(?<!storage: )storage: initial_kwh 3 exceeds",
        ),
        ("[storage]\npower = 1\n", "unknown key 'storage.power'.*Did you mean 'power_kw'"),
        ("name = 3\ntitle = 4\n[price]\nbnd = 1\n", "unknown key 'price.bnd'.*; name must be a text.*; title must be"),
    ],
)
def test_every_mistake_is_told_by_its_key(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text('base = "wei-2015"\n' + text.removeprefix('base = "wei-2015"\n'))
    with pytest.raises(InputError, match=f"mine.toml: .*{words}") as caught:
        load_case(path)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_no_limit_may_be_written_as_inf(tmp_path):
    path = tmp_path / "mine.toml"
    limits = "import_limit_kw = inf\nblock_kw = [100, inf]\nblock_premium = [0, 0.1]\n"
    path.write_text(f'base = "wei-2015"\n[limits]\n{limits}')
    game = load_case(path).game
    assert np.isinf(game.import_limit_kw).all()
    assert game.block_kw.tolist() == [100.0, np.inf]


def test_a_ratio_replaces_the_mean_of_the_base(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "wei-2015"\n[price]\nmean_ratio = 0.95\n')
    game = load_case(path).game
    assert game.mean == pytest.approx(0.95 * game.day_ahead.mean(), rel=1e-15)
