"""The aggregator's pages: whole, one file, numbers as in summary.json, and no complaint in a browser."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from aggregator.test_backtest import series
from csmoifsa.cli import app
from csmoifsa.page import template_text
from csmoifsa_aggregator.output.report import day_data, rolling_data, write_day_report, write_rolling_report
from csmoifsa_energy.page import page_texts
from ev.browser import Browser, find_chromium

HOSTILE = '<img src=x onerror="window.pwned=1"></script><script>window.pwned=2</script>&amp;"\u2028'
SECTIONS = {
    "day": ("proof", "pricing", "loading", "impact_section", "profiting", "curves", "comparing", "contracts",
            "own_storage", "numbers", "assuming"),
    "roll": ("reducing", "gaining", "profiting", "curves", "comparing", "depending", "missing", "numbers", "assuming"),
}  # fmt: skip


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A folder with a day: contracts, storage, and names that would like to be markup."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "my.toml").write_text(
        f'base = "wei-v2g"\ntitle = {json.dumps(HOSTILE)}\ncurrency = "<i>$</i>"\n[contract]\nv2g_share = 0.5\n'
        "[storage]\npower_kw = 100.0\ncapacity_kwh = 300.0\ninitial_kwh = 100.0\nefficiency = 0.9\n"
        f"[[classes]]\nname = {json.dumps(HOSTILE)}\ncount = 20\npower_kw = 3.0\nwindow = '19:00-08:00'\n"
        "[[classes]]\nname = 'day'\ncount = 10\npower_kw = 3.0\nwindow = '07:00-20:00'\n",
        encoding="utf-8",
    )
    options = ["--margin", "0.001", "--no-figures", "--out", str(folder / "out")]
    done = CliRunner().invoke(app, ["ev", "aggregate", str(folder / "my.toml"), *options])
    assert done.exit_code == 0, done.output
    return folder / "out"


def roll(case, folder, options):
    """Roll on the prices 0.csv and 1.csv of a folder; results go into its folder named after the case."""
    files = ["--day-ahead", str(folder / "0.csv"), "--real-time", str(folder / "1.csv")]
    done = CliRunner().invoke(app, ["ev", "roll", case, *files, *options, "--no-figures", "--out", str(folder / case)])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def rolled(tmp_path_factory):
    """A folder with five days at two nodes."""
    folder = tmp_path_factory.mktemp("roll")
    paths = []
    for kind in (0, 1):
        rows = ["timestamp,node,price"]
        for seed, node in ((1, "<b>WEST</b>"), (2, "EAST")):
            prices = series(seed, days=8)[kind]
            rows += [f"{prices.start + k * prices.step},{node},{1000 * v:.6f}" for k, v in enumerate(prices.per_kwh)]
        paths.append(folder / f"{kind}.csv")
        paths[-1].write_text("\n".join(rows) + "\n")
    nodes = ["<b>WEST</b>", "EAST"]
    roll("portfolio", folder, ["--node", nodes[0], "--node", nodes[1], "--days", "2025-06-03:2025-06-07"])
    return folder / "portfolio"


def test_data_is_the_summary_and_the_tables(day, rolled):
    data = day_data(day)
    assert data["summary"] == json.loads((day / "summary.json").read_text(encoding="utf-8"))
    assert data["price"]["price"] == pytest.approx(data["summary"]["price"], rel=1e-9)
    assert sum(map(np.array, data["load"].values())) == pytest.approx(np.array(data["plans_load"]["stage one"]))
    assert sum(map(np.array, data["load_v2g"].values())) == pytest.approx(np.array(data["plans_load"]["with V2G"]))
    assert data["stays"][0]["soe_kwh"][0] == 9.6
    assert data["stays"][0]["soe_kwh"][-1] == pytest.approx(data["stays"][0]["departure_kwh"])
    data = rolling_data(rolled)
    for node, days in zip(data["summary"]["nodes"], data["days"], strict=True):
        assert np.mean(days["gain"]) == pytest.approx(node["gain_per_day"])
        assert len(days["day"]) == node["days"]
    assert data["hours"][0].startswith(f"{data['begin_h']:02.0f}:00")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_are_whole_and_closed(day, rolled, language):
    for kind, folder, write in (("day", day, write_day_report), ("roll", rolled, write_rolling_report)):
        write(folder, language=language)
        text = (folder / "report.html").read_text(encoding="utf-8")
        for section in SECTIONS[kind]:
            assert f'id="{section}"' in text
        markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", markup)
        assert "built-in method" not in markup  # a label that is a method of dict
        assert text.count("<script") == text.count("</script>")
        assert "<img src=x" not in text
        assert "window.pwned=2</script>" not in text
        assert f'<html lang="{language}">' in text


def test_what_comes_from_python_is_translated(day):
    texts = page_texts("csmoifsa_aggregator.output", "aggregate", "zh", ("aggregator",))
    summary = json.loads((day / "summary.json").read_text(encoding="utf-8"))
    classes = {one["class"] for key in ("classes", "batteries") for one in summary["assumptions"][key]}
    said = {one[name] for one in summary["stakeholder_impact"] for name in ("stakeholder", "quantity")} - classes
    assert said <= texts["words"].keys()
    assert {one["plan"] for one in summary["plans"]} <= texts["plans"].keys()


def test_every_label_asked_for_is_there():
    ours = "csmoifsa_aggregator.output"
    pages = (
        (ours, "aggregate", ("aggregator",)),
        (ours, "roll", ("aggregator",)),
        ("csmoifsa_ev.output", "price", ("charts", "customers", "filing", "revenue")),
    )
    for package, page, parts in pages:
        texts = page_texts(package, page, "en", parts)
        places = (package, "csmoifsa_energy")
        code = "".join(template_text(places, f"{name}.js") for name in ("base", *parts, page))
        code += "".join(template_text(places, f"{name}.html.j2") for name in ("base", page))
        asked = set(re.findall(r"\bT\.(\w+)|\btexts\.(\w+)", code))
        assert {a or b for a, b in asked} <= texts.keys(), page


needs_browser = pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine")
READY = "window.study && window.study.state.ready"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def numbers(browser, selector):
    """Return the rows of a table as texts."""
    rows = browser.run(
        f"[...document.querySelectorAll('{selector} tr')].map((row) => [...row.cells].map((one) => one.textContent))"
    )
    return rows[1:]


@needs_browser
def test_page_of_a_day_in_a_browser(day, browser):
    write_day_report(day)
    browser.open(day / "report.html", READY)
    summary = json.loads((day / "summary.json").read_text(encoding="utf-8"))
    assert f"{summary['objective']:,.2f}" in browser.run("document.getElementById('summary').textContent")
    facts = dict(numbers(browser, "#facts"))
    assert facts["upper bound [<i>$</i>/day]"] == f"{summary['upper_bound']:,.2f}"
    assert facts["own storage earns [<i>$</i>/day]"] == f"{summary['storage']:,.2f}"
    plans = numbers(browser, "#plans")
    assert [row[1] for row in plans] == [
        f"{round(one['profit'], 2) + 0.0:,.2f}" for one in summary["plans"]
    ]  # no -0.00
    shared = numbers(browser, "#contracts_table")
    assert [row[2] for row in shared] == [f"{one['surplus']:,.2f}" for one in summary["contracts"]["by_class"]]
    shown = browser.run("Array.from(document.getElementById('price').data[3].y)")
    assert shown[:-1] == pytest.approx(summary["price"], rel=1e-9)
    rows = list(csv.DictReader(io.StringIO(browser.run("study.priceCsv()"))))
    assert [float(row["price"]) for row in rows] == pytest.approx(summary["price"], rel=1e-9)
    rows = list(csv.DictReader(io.StringIO(browser.run("study.loadCsv()"))))
    total = sum(float(value) for row in rows for name, value in row.items() if name != "hours")
    assert total == pytest.approx(sum(day_data(day)["plans_load"]["with V2G"]))
    before = numbers(browser, "#impact")
    browser.run("study.compare('flat price')")
    assert numbers(browser, "#impact") != before
    assert len(browser.run("study.copy()").split("\n")) == 25
    assert browser.run("document.querySelectorAll('#soc .js-plotly-plot').length") == 2
    assert not browser.run("document.getElementById('own_storage').hidden")
    assert browser.run("window.pwned === undefined")
    assert browser.run("document.querySelectorAll('main img, main i, h1 img').length") == 0
    assert all(url.startswith(("file:", "data:", "blob:")) for url in browser.requests)
    assert browser.errors == []


@needs_browser
@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_of_rolling_in_a_browser(rolled, browser, language):
    write_rolling_report(rolled, language=language)
    browser.open(rolled / "report.html", READY)
    summary = json.loads((rolled / "summary.json").read_text(encoding="utf-8"))
    rows = numbers(browser, "#nodes")
    assert [row[0] for row in rows] == [one["node"] for one in summary["nodes"]]
    assert [row[2] for row in rows] == [f"{100 * one['rho']:.1f}" for one in summary["nodes"]]
    assert [row[5] for row in rows] == [f"{one['plan_loss_per_day']:,.2f}" for one in summary["nodes"]]
    browser.run("study.show(1)")
    assert "EAST" in browser.run("document.getElementById('summary').textContent")
    plans = numbers(browser, "#plans")
    assert [row[1] for row in plans] == [f"{one['profit']:,.2f}" for one in summary["nodes"][1]["plans"]]
    days = list(csv.DictReader(io.StringIO(browser.run("study.daysCsv()"))))
    assert [float(one["gain"]) for one in days] == pytest.approx(rolling_data(rolled)["days"][1]["gain"])
    told = " ".join(browser.run(f"document.getElementById('{id}').textContent") for id in ("depends", "late"))
    assert "{" not in told + browser.run("document.querySelector('main').textContent")
    assert browser.run("document.querySelectorAll('main b').length") == 0
    assert browser.errors == []


@needs_browser
def test_a_narrow_screen_is_not_wider_than_itself(day, rolled, browser):
    browser.send("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=False)
    try:
        for folder in (day, rolled):
            browser.open(folder / "report.html", READY)
            assert browser.run("document.documentElement.scrollWidth") <= 420
    finally:
        browser.send("Emulation.clearDeviceMetricsOverride")


def test_without_contracts_nothing_is_called_v2g(rolled):
    roll("wei-2015", rolled.parent, ["--node", "EAST", "--days", "2025-06-03:2025-06-04", "--known", "last"])
    summary = rolling_data(rolled.parent / "wei-2015")["summary"]
    names = [one["plan"] for one in summary["nodes"][0]["plans"]]
    assert names[3:] == ["stage one", "with direct load control", "with rolling", "perfect foresight"]
    assert set(names) <= page_texts("csmoifsa_aggregator.output", "roll", "zh", ("aggregator",))["plans"].keys()
    assert summary["assumptions"]["all_under_direct_control"]
