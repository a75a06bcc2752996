"""Reserve products of a case: their files, the day's account and tables, and the sentences for wrong input."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.reserve import PRODUCTS, load_products
from csmoifsa_aggregator.inputs.steps import refine
from csmoifsa_aggregator.study.study import run_day
from ev.browser import Browser, find_chromium


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Folder of results of the bundled case with reserve."""
    from typer.testing import CliRunner

    from csmoifsa.cli import app

    folder = tmp_path_factory.mktemp("day")
    done = CliRunner().invoke(app, ["ev", "aggregate", "portfolio-reserve", "--no-figures", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    assert "Reserve beside V2G raises the surplus by" in done.output
    return folder


def test_the_account_follows_from_the_tables_by_plain_sums(day):
    """Profit, drivers' bills and money of reserve of 'portfolio-reserve' from its CSV files, by the case's figures."""
    summary = json.loads((day / "summary.json").read_text(encoding="utf-8"))
    plans = {one["plan"]: one for one in summary["plans"]}
    assert list(plans)[3:] == ["stage one", "with V2G", "with reserve"]
    price, load = pd.read_csv(day / "price.csv"), pd.read_csv(day / "load_v2g.csv").drop(columns="hour")
    cars, bids = pd.read_csv(day / "v2g.csv"), pd.read_csv(day / "reserve.csv")
    p, buy, sell = (price[name].to_numpy() for name in ("day_ahead", "buy", "sell"))
    wear, eta, beta, share, least = 0.01, 0.95, 0.5, 0.1, 100.0
    energy = float(load.sum(axis=1) @ p)  # all energy costs or earns the day-ahead price
    worn = wear * float(cars["discharge_kw"].sum())
    hour = cars["hour"].to_numpy().astype(int)
    up, down = cars["reserve_up_kw"].to_numpy(), cars["reserve_down_kw"].to_numpy()
    bid = bids["bid_kw"].to_numpy()
    for band in (up, down):
        np.testing.assert_allclose(np.bincount(hour, band, 24), bid, atol=1e-3)
    assert (bid > 0).sum() > 6
    np.testing.assert_allclose(bid % least, 0.0, atol=1e-3)
    assert bids["payment"].sum() == pytest.approx(0.03 * bid.sum())
    # a band up is discharged where the classes charge less than that; the dearest split among them is no cheaper
    out = np.maximum(up - cars["charge_kw"].to_numpy(), 0.0)
    calls = share * float(up @ (buy - sell)[hour] + down @ (buy - sell)[hour])
    calls += share * float(out @ (buy * (1 / eta**2 - 1) + wear)[hour])
    assert bids["call_cost"].sum() == pytest.approx(calls, abs=1e-4)
    paid = bids["payment"].sum() - calls
    (offered,) = summary["reserve"]["products"]
    assert offered["gain"] == pytest.approx(paid, abs=1e-4)
    assert offered["bids_mw"] == pytest.approx(bid / 1000)
    gain = summary["contracts"]["surplus"]
    bills = summary["bills"]
    assert plans["with reserve"]["profit"] == pytest.approx(bills - energy - worn + paid - beta * gain, abs=1e-3)
    assert plans["with reserve"]["driver_cost"] == pytest.approx(bills - beta * gain, abs=1e-6)
    more = plans["with reserve"]["profit"] - plans["with V2G"]["profit"]
    assert more == pytest.approx((1 - beta) * summary["reserve"]["surplus_gain"], abs=1e-6)
    assert more > 100
    # nobody injects in a block with a bid, and no car leaves its limits with all bands called
    net = load.sum(axis=1).to_numpy()
    assert (net - bid)[bid > 0].min() > -1e-3
    assert net.min() < -100  # but elsewhere the cars do
    power = (cars["charge_kw"] - cars["discharge_kw"]).to_numpy()
    most = 7.0 * cars["class"].map({"night, long, V2G": 360, "night, late, V2G": 240, "work, V2G": 200}).to_numpy()
    assert (np.abs(power - up) <= most + 1e-3).all()
    assert (np.abs(power + down) <= most + 1e-3).all()
    assert sum(one["surplus"] for one in summary["contracts"]["by_class"]) == pytest.approx(gain)


def test_the_page_shows_reserve_in_both_languages(day):
    from csmoifsa_aggregator.output.report import write_day_report

    for language, words in (("en", "planned together with V2G"), ("zh", "提供备用")):
        write_day_report(day, language=language)
        page = (day / "report.html").read_text(encoding="utf-8")
        assert words in page
        assert "pjm-regulation" in page


@pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine")
def test_the_page_fills_its_table_of_reserve_in_a_browser(day, tmp_path):
    from csmoifsa_aggregator.output.report import write_day_report

    write_day_report(day)
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(day / "report.html", "window.study && window.study.state.ready")
        cells = browser.run(
            "[...document.querySelectorAll('#reserve_table tr')].map((r) => [...r.cells].map((c) => c.textContent))"
        )
        text = browser.run("document.getElementById('reserve_text').textContent")
        errors = list(browser.errors)
    finally:
        browser.close()
    offered = json.loads((day / "summary.json").read_text(encoding="utf-8"))["reserve"]
    (own,) = offered["products"]
    assert cells[1][:3] == ["pjm-regulation", "symmetric", "1"]
    assert [float(one) for one in cells[1][3].split(" · ")] == pytest.approx(own["bids_mw"], abs=0.005)
    assert cells[1][4:] == [f"{own['payment']:,.2f}", f"{own['call_cost']:,.2f}", "not in blocks with a bid"]
    assert f"{offered['surplus_gain']:,.2f}" in text
    assert f"penalties {offered['simulated']['penalty']:,.2f}" in text
    assert not errors


def test_bundled_products_load_and_name_their_sources():
    assert PRODUCTS.names() == ["fcr-d-up", "fcr-germany", "pjm-regulation"]
    for name in PRODUCTS.names():
        (keys,) = load_products([name])
        assert keys.name == name
        text = PRODUCTS.path_of(name).read_text(encoding="utf-8")
        rules = [
            line for line in text.splitlines() if "=" in line and line.split()[0] not in ("name", "currency", "source")
        ]
        for line in rules:  # every rule says whether it is sourced
            assert any(word in line for word in ("sourced", "assumed", "recalled", "vendor")), line
        assert "assumption" in keys.source
    product = load_products(["fcr-germany"])[0].product(24, 1.0)
    assert (product.minimum_kw, product.increment_kw, product.price[0]) == (1000.0, 1000.0, 0.01)
    assert (product.duration_h, product.block_h, product.penalty, product.activation_price) == (0.5, 4.0, 1.0, None)


def test_products_on_the_command_line_replace_those_of_the_case(run_cli, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('base = "fcr-germany"\nname = "mine"\ncurrency = "$"\ncapacity_price = [0, 0, 0, 0, 0, 80]\n')
    answer = run_cli("ev", "aggregate", "portfolio-reserve", "--reserve", mine, "--json")
    assert answer.code == 0, answer.err
    (offered,) = json.loads(answer.out)["reserve"]["products"]
    assert offered["product"] == "mine"
    assert offered["bids_mw"][:5] == [0.0] * 5
    assert offered["bids_mw"][5] >= 1
    both = run_cli("ev", "aggregate", "portfolio", "--reserve", mine, "--reserve", "pjm-regulation", "--json")
    shared = json.loads(both.out)["reserve"]
    assert [one["product"] for one in shared["products"]] == ["mine", "pjm-regulation"]
    alone = json.loads(run_cli("ev", "aggregate", "portfolio", "--reserve", "pjm-regulation", "--json").out)["reserve"]
    assert (
        shared["surplus_gain"] >= max(alone["surplus_gain"], json.loads(answer.out)["reserve"]["surplus_gain"]) - 1e-6
    )


def test_capacity_prices_from_a_file(tmp_path):
    rows = [f"2025-06-0{d} {h:02d}:00,{10 * d + h}" for d in (1, 2) for h in range(24)]
    (tmp_path / "fcr.csv").write_text("\n".join(["time,price", *rows]) + "\n")
    file = 'capacity_price = { csv = "fcr.csv", stamp = "beginning", time_zone = "local", first_day = 2025-06-01, '
    file += "last_day = 2025-06-02 }\n"
    (tmp_path / "mine.toml").write_text(
        'base = "portfolio"\n[[reserve]]\nbase = "fcr-germany"\ncurrency = "$"\n' + file
    )
    (product,) = load_case(tmp_path / "mine.toml").reserve  # the path starts at the case file
    np.testing.assert_allclose(product.price, (15 + np.arange(24).reshape(6, 4).mean(axis=1)) / 1000)
    (tmp_path / "product.toml").write_text('base = "fcr-germany"\n' + file)
    assert load_products([str(tmp_path / "product.toml")])[0].product(24, 1.0).price == pytest.approx(product.price)


PRODUCT = "[[reserve]]\nname = 'x'\ndirection = 'up'\nblock_h = 4\ncapacity_price = 3.0\nduration_h = 1\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PRODUCT.replace("'up'", "'both'"), "reserve.0.direction must be 'symmetric', 'up' or 'down', not 'both'"),
        (PRODUCT + "duraton_h = 1\n", "unknown key 'reserve.0.duraton_h'. Did you mean 'duration_h'"),
        (PRODUCT.replace("block_h = 4", "block_h = 5"), "x: block_h, 5 h, must be a whole number of steps"),
        (PRODUCT.replace("= 3.0", "= [1, 2]"), "x: 2 prices of capacity were given for the 6 blocks of the day"),
        (PRODUCT.replace("= 3.0", "= -3"), "capacity_price must hold numbers from 0 up"),
        (PRODUCT + "energy_share = 2\n", "energy_share must be between 0 and 1, not 2"),
        (
            PRODUCT.replace("'up'", "'symmetric'") + "energy_share = 0.6\n",
            "x: energy_share must be between 0 and 0.5 in",
        ),
        (PRODUCT * 2, "two reserve products are called 'x'"),
        ("[[reserve]]\nbase = 'fcr'\n", "there is no reserve product 'fcr' to build on"),
        ("[[reserve]]\nbase = 'fcr-germany'\n", "fcr-germany: its prices are in EUR, those of the case in \\$"),
        (PRODUCT + "[contract]\nv2g_share = 0\n", "reserve needs V2G contracts"),
        (PRODUCT + "[contract]\nstage_one = 'battery'\n", "reserve needs V2G contracts"),
        ("reserve = 3\n", "reserve must be a list"),
        ("reserve = [3]\n", "reserve.0 must be a table"),
    ],
)
def test_wrong_products_are_refused_in_one_sentence(run_cli, tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text('base = "portfolio"\n' + text if text.startswith("[") else text + 'base = "portfolio"\n')
    with pytest.raises(InputError, match=words) as caught:
        load_case(path)
    assert "\n" not in str(caught.value)
    answer = run_cli("ev", "aggregate", path)
    assert answer.code == 2
    assert len(answer.err.strip().splitlines()) == 1


def test_an_unknown_product_on_the_command_line(run_cli):
    answer = run_cli("ev", "aggregate", "portfolio", "--reserve", "fcr-german")
    assert answer.code == 2
    assert "there is no reserve product 'fcr-german'; there are fcr-d-up" in answer.err
    assert "Did you mean 'fcr-germany'" in answer.err


def test_shorter_steps_and_fewer_customers_keep_the_products():
    case = load_case("portfolio-reserve")
    finer = refine(case, 4)
    assert finer.reserve == case.reserve
    few = run_day(case.kept(0.002))  # 1.6 cars under contract cannot bid 0.1 MW
    assert not few.second.reserve[0].bid_kw.any()
    assert few.accounts[-1].profit == pytest.approx(few.accounts[-2].profit, abs=1e-6)


def test_a_day_that_begins_later_begins_with_a_block_and_its_price():
    (fcr,) = load_products(["fcr-germany"])
    case = load_case("portfolio").with_reserve([replace(fcr, currency="$", capacity_price=(1, 2, 3, 4, 5, 6))])
    assert case.best_begin == 8  # of the multiples of four hours
    assert load_case("portfolio").best_begin == 7
    later = case.at_prices(case.game.day_ahead, 8)
    assert later.reserve[0].prices(24, 1.0).tolist() == pytest.approx([0.003, 0.004, 0.005, 0.006, 0.001, 0.002])
    with pytest.raises(InputError, match="fcr-germany: no block of 4 h begins at 7 h"):
        case.at_prices(case.game.day_ahead, 7)
