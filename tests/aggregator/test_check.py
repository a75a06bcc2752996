"""``csmoifsa ev verify`` of a result folder: true results hold, and a change of any number is noticed."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aggregator.test_reserve import draw_products, fleet
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.costs import Market, step_costs
from csmoifsa_aggregator.output.check import check_day, least_cost
from csmoifsa_aggregator.output.tables import write_day
from csmoifsa_aggregator.study.study import run_day

CASES = {
    "portfolio": "",
    "portfolio-grid": "",
    "portfolio-customers": "",
    "wei-v2g": "",
    "charged": 'base = "portfolio-grid"\n[market]\ndemand_charge = 0.3\n',
    "curve": 'base = "portfolio"\n[limits]\nimport_limit_kw = 10600\nblock_kw = [2000, 3000, inf]\n'
    "block_premium = [0.0, 0.01, 0.02]\n[contract]\nsell_ratio = 0.9\n",
    "portfolio-reserve": "",
    "wei-2015": "",
    "customers alone": 'base = "portfolio-customers"\n[contract]\nv2g_share = 0.0\n',
    "two products": 'base = "portfolio"\n[[reserve]]\nbase = "fcr-germany"\ncurrency = "$"\ncapacity_price = 12\n'
    'minimum_mw = 0.0\nincrement_mw = 0.0\nactivation_price = 60\n[[reserve]]\nbase = "pjm-regulation"\n',
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folder of results and case, by name, written at the first call."""
    place = tmp_path_factory.mktemp("days")
    found = {}

    def folder(name):
        if name not in found:
            source = name
            if CASES[name]:
                source = place / f"{name}.toml"
                source.write_text(CASES[name], encoding="utf-8")
            case = load_case(source)
            write_day(run_day(case, time_limit=20.0), place / name)
            found[name] = place / name, case
        return found[name]

    return folder


@pytest.mark.parametrize("name", CASES)
def test_results_hold(folders, name):
    folder, case = folders(name)
    verdict = check_day(folder, case)
    assert verdict.faults == ()
    plans = pd.read_csv(folder / "plans.csv")
    assert verdict.plan == plans["plan"].iloc[-1]
    assert verdict.profit == pytest.approx(plans["profit"].iloc[-1], rel=1e-6)


IGNORED = {
    ("plans", "storage"), ("plans", "hours_outside_bounds"), ("plans", "import_excess_kw"),
    ("v2g", "step_of_stay"), ("v2g", "floor_kwh"), ("v2g", "capacity_kwh"), ("v2g", "arrival_kwh"),
    ("v2g", "departure_kwh"), ("v2g", "reserve_up_kw"), ("v2g", "reserve_down_kw"), ("v2g", "hour"),
    ("reserve", "hour"), ("reserve", "block_h"), ("reserve", "price_per_mw_h"), ("reserve_bands", "hour"),
}  # fmt: skip
"""Columns that repeat the case for the reader; hours that are wrong are refused, not called false."""


@pytest.mark.parametrize(
    "name", ["portfolio", "charged", "portfolio-customers", "customers alone", "portfolio-reserve", "two products"]
)
@pytest.mark.parametrize(
    "table", ["price", "load", "plans", "plans_load", "v2g", "load_v2g", "reserve", "reserve_bands"]
)
def test_a_changed_number_of_a_table_is_noticed(folders, tmp_path, name, table):
    folder, case = folders(name)
    if not (folder / f"{table}.csv").exists():
        pytest.skip("this day has no such table")
    shutil.copytree(folder, tmp_path / "day")
    path, rng = tmp_path / "day" / f"{table}.csv", np.random.default_rng(0)
    whole = pd.read_csv(path)
    used = pd.read_csv(folder / "load.csv").drop(columns="hour").sum(axis=1) > 0
    for column in whole.select_dtypes("number").columns:
        if (table, column) in IGNORED or column == "hour":
            continue
        changed = whole.copy()
        if table == "plans":
            row = len(whole) - 1
            if whole[column].iloc[row] == 0:
                continue
        elif table == "plans_load" and column not in ("stage one", check_day(folder, case).plan):
            continue
        else:
            there = np.flatnonzero(whole[column].abs() > 0.01 * whole[column].abs().max())
            if (table, column) == ("price", "price"):  # another price in an hour that nobody uses may be as true
                there = np.flatnonzero(used)
            if not there.size:
                continue
            row = int(rng.choice(there))
        changed[column] = changed[column].astype(float)
        changed.loc[row, column] = 1.02 * changed.loc[row, column]
        changed.to_csv(path, index=False)
        assert check_day(tmp_path / "day", case).faults, f"{column}, row {row}"
    whole.to_csv(path, index=False)
    assert not check_day(tmp_path / "day", case).faults


@pytest.mark.parametrize(
    "key", ["smart_cost", "v2g_cost", "surplus", "owner_gain", "aggregator_gain", "wear_paid", "discharged_kwh"]
)
def test_changed_money_of_the_contracts_is_noticed(folders, tmp_path, key):
    folder, case = folders("portfolio-reserve")
    shutil.copytree(folder, tmp_path / "day")
    path = tmp_path / "day" / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["contracts"][key] += 0.5
    path.write_text(json.dumps(summary), encoding="utf-8")
    (fault,) = check_day(tmp_path / "day", case).faults
    assert key in fault


def test_a_class_that_gains_more_than_its_part_is_noticed(folders, tmp_path):
    folder, case = folders("portfolio")
    shutil.copytree(folder, tmp_path / "day")
    path = tmp_path / "day" / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    for key in ("surplus", "owner_gain_per_vehicle", "discharged_kwh"):
        changed = json.loads(json.dumps(summary))
        changed["contracts"]["by_class"][0][key] += 0.3
        path.write_text(json.dumps(changed), encoding="utf-8")
        assert check_day(tmp_path / "day", case).faults, key


def test_rules_of_the_case_are_checked(folders):
    """The same results under stricter rules: each is named."""
    folder, case = folders("portfolio-reserve")
    cars, game, (product,) = case.cars, case.game, case.reserve
    peak = float(pd.read_csv(folder / "plans_load.csv")["with reserve"].max())

    def said(**changes):
        return " ".join(check_day(folder, replace(case, **changes)).faults)

    assert "exceeds its power" in said(cars=replace(cars, charge_kw=0.8 * cars.charge_kw))
    assert "leaves its limits" in said(
        cars=replace(cars, capacity_kwh=np.full(3, 54.0), departure_kwh=np.full(3, 54.0))
    )
    assert "promised" in said(cars=replace(cars, departure_kwh=np.full(3, 58.0)))
    assert "import limit is exceeded" in said(game=replace(game, import_limit_kw=np.full(24, peak)))
    assert "below its minimum" in said(reserve=(replace(product, minimum_kw=5000.0),))
    assert "no whole number of increments" in said(reserve=(replace(product, increment_kw=77.0),))
    assert "for their duration" in said(reserve=(replace(product, duration_h=3.0),))
    assert "payment" in said(reserve=(replace(product, price=product.price * 1.1),))
    assert "expected cost of calls" in said(reserve=(replace(product, energy_share=0.2),))
    assert "owner_gain" in said(owner_share=0.6)
    table = [pd.read_csv(folder / f"{name}.csv").drop(columns="hour") for name in ("price", "load")]
    paid = float((table[0]["price"] * table[1].sum(axis=1)).sum() / table[1].to_numpy().sum())
    assert "the mean price paid is" in said(game=replace(game, most_paid=0.99 * paid))
    assert "the mean price paid is" not in said(game=replace(game, most_paid=1.01 * paid))
    injecting = said(game=replace(game, base_kw=np.full(24, -3000.0)))
    assert "feeds in, with all bands up called" in injecting


@pytest.mark.parametrize("key", ["share", "cars", "left", "mean_paid"])
def test_changed_customers_are_noticed(folders, tmp_path, key):
    folder, case = folders("customers alone")
    shutil.copytree(folder, tmp_path / "day")
    path = tmp_path / "day" / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["customers"][key] *= 1.01
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert check_day(tmp_path / "day", case).faults
    del summary["customers"]
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert "summary.json does not say who stays" in check_day(tmp_path / "day", case).faults


def test_contracts_left_out_and_a_dearer_response_are_noticed(folders, tmp_path):
    folder, case = folders("portfolio")
    shutil.copytree(folder, tmp_path / "day")
    path = tmp_path / "day" / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    del summary["contracts"]
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert "the case has V2G contracts, but the folder says nothing of them" in check_day(tmp_path / "day", case).faults
    folder, case = folders("wei-2015")
    shutil.copytree(folder, tmp_path / "other")
    load = pd.read_csv(folder / "load.csv")
    price = pd.read_csv(folder / "price.csv")["price"]
    night = load["night"] > 0
    cheap, dear = price[night].idxmin(), price[case.game.window[0] & ~night].idxmax()
    load.loc[[cheap, dear], "night"] = load.loc[[dear, cheap], "night"].to_numpy()
    load.to_csv(tmp_path / "other" / "load.csv", index=False)
    assert "night could pay less at this price" in check_day(tmp_path / "other", case).faults


def test_what_cannot_be_checked_is_one_sentence(folders, tmp_path, run_cli):
    folder, case = folders("portfolio")
    with pytest.raises(InputError, match=r"there is no file .*reserve\.csv, but the case has reserve products"):
        check_day(folder, folders("portfolio-reserve")[1])
    with pytest.raises(InputError, match="has V2G contracts, but the case has none"):
        check_day(folder, load_case("wei-2015"))
    answering = replace(case, game=replace(case.game, cars=case.cars))
    with pytest.raises(InputError, match="where owners answer the price with their batteries; write a certificate"):
        check_day(folder, answering)
    shutil.copytree(folder, tmp_path / "day")
    (tmp_path / "day" / "summary.json").write_text('{"contracts": 3}', encoding="utf-8")
    with pytest.raises(InputError, match="or damaged ones"):
        check_day(tmp_path / "day", case)
    pd.read_csv(folder / "v2g.csv").drop(columns="charge_kw").to_csv(tmp_path / "day" / "v2g.csv", index=False)
    with pytest.raises(InputError, match="or damaged ones"):
        check_day(tmp_path / "day", case)
    answer = run_cli("ev", "verify", str(folder))
    assert answer.code == 2
    assert "name its case with --case" in answer.err


def test_the_command(folders, tmp_path, run_cli):
    folder, _ = folders("portfolio-reserve")
    answer = run_cli("ev", "verify", str(folder), "--case", "portfolio", "--reserve", "pjm-regulation")
    assert answer.code == 0
    assert "The results hold: with reserve, profit 8" in answer.out
    shutil.copytree(folder, tmp_path / "day")
    plans = pd.read_csv(folder / "plans.csv")
    plans.loc[len(plans) - 1, "profit"] += 1.0
    plans.to_csv(tmp_path / "day" / "plans.csv", index=False)
    answer = run_cli("ev", "verify", str(tmp_path / "day"), "--case", "portfolio-reserve", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["holds"] is False


@pytest.mark.parametrize("seed", range(30))
def test_the_least_cost_is_that_of_the_account(seed):
    """Two independent functions for the cost of energy: all ends of the blocks tried, and merit order."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(-0.1, 0.3, 6)
    blocks = {}
    if seed % 2:
        blocks = {"block_kw": np.array([5.0, 7.0, np.inf]), "block_premium": np.array([0.0, 0.02, 0.1])}
    market = Market(day_ahead=p, buy=p + rng.uniform(-0.05, 0.1, 6), sell=p, dt_h=0.5, **blocks)
    taken, out = rng.uniform(0, 20, 6), rng.uniform(0, 20, 6) * rng.integers(0, 2, 6)
    sale = p * rng.uniform(0.5, 1.5, 6)
    assert least_cost(market, taken, out, sale) == pytest.approx(float(step_costs(taken, market, out, sale).sum()))


@pytest.mark.parametrize("seed", range(12))
def test_random_fleets_with_random_products_hold(seed, tmp_path):
    """Bundled cars replaced by random ones, so that every kind of stay, battery and product is met."""
    rng = np.random.default_rng(seed)
    case = load_case("portfolio")
    cars = fleet(rng, 3, 24)
    cars = replace(cars, names=case.cars.names, count=case.cars.count, dt_h=1.0)
    products = [
        replace(one, name=f"product {j}", minimum_kw=0.0, increment_kw=0.0, price=np.array([0.05]))
        for j, one in enumerate(draw_products(rng, 2))
    ]
    case = replace(case, cars=cars, reserve=tuple(products))
    study = run_day(case, time_limit=10.0)
    if study.second is None:
        pytest.skip("the contracts are left unused")
    write_day(study, tmp_path)
    assert check_day(tmp_path, case).faults == ()
