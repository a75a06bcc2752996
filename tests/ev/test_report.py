"""The page in a real browser: views are linked, keys work, nothing is fetched, nothing from a file becomes markup."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from csmoifsa.errors import InputError
from csmoifsa_energy.page import LANGUAGES, page_texts
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.output.report import report_data, write_report
from csmoifsa_ev.study.sensitivity import ENROLMENT_SPREAD, SPREAD, V2G_SPREAD
from csmoifsa_ev.study.study import run_study
from ev.browser import Browser, find_chromium

HOSTILE = '<img src=x onerror="window.pwned=1"></script><script>window.pwned=2</script>&amp;"\u2028'


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "my.toml"
    path.write_text(
        f"title = {json.dumps(HOSTILE)}\n[fleet]\nn_ev = 3000\n"
        "[prices]\nunit = '<b>cents</b>/kWh'\ncurrency = '<i>$</i>'\n",
        encoding="utf-8",
    )
    return run_study(load_scenario(path), n_eval=800, pop_size=40, round_to=0.5)


def test_data_is_plain_and_complete(study):
    data = json.loads(json.dumps(report_data(study), allow_nan=False))
    n = len(data["tariffs"])
    assert n == data["n_front"] + 2
    assert data["names"][str(data["offered"])] == ["rounded"]
    for name in ("after", "group_load", "group_share", "impact", "discharging"):
        assert len(data[name]) == n
    for values in data["figures"].values():
        assert len(values) == n
    assert data["base"][0] == pytest.approx(study.day.base_mw[0])


def test_page_is_one_file_and_escaped(study, tmp_path):
    path = tmp_path / "report.html"
    write_report(study, path)
    text = path.read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert text.count("<script") == text.count("</script>")
    assert "window.pwned=2</script>" not in text
    with pytest.raises(InputError, match="--lang must be en or zh"):
        write_report(study, path, language="de")


def test_both_languages_have_the_same_labels():
    def keys(value):
        return {k: keys(v) for k, v in value.items()} if isinstance(value, dict) else None

    packages = ("csmoifsa_energy", "csmoifsa_ev.output", "csmoifsa_aggregator.output", "csmoifsa_app")
    pages = {
        (package, path.name.split(".")[0])
        for package in packages
        for path in (files(package) / "templates").iterdir()
        if ".json" in path.name
    }
    assert pages >= {("csmoifsa_energy", "base"), ("csmoifsa_ev.output", "price")}
    for package, page in pages:
        english, chinese = (page_texts(package, page, language) for language in LANGUAGES)
        english.pop("words", None)
        chinese.pop("words", None)
        assert keys(english) == keys(chinese), page


def test_what_comes_from_python_is_translated(study):
    data, texts = (
        json.loads(json.dumps(one))
        for one in (report_data(study), page_texts("csmoifsa_ev.output", "price", "zh", ("filing",)))
    )
    said = {one[name] for rows in data["impact"] for one in rows for name in ("stakeholder", "quantity")}
    said |= {one["unit"].replace(data["money"], "{money}") for rows in data["impact"] for one in rows} - {"MW", "%"}
    said |= SPREAD.keys() | ENROLMENT_SPREAD.keys() | V2G_SPREAD.keys()
    assert said <= texts["words"].keys()
    filing = data["filing"]
    assert {one["component"] for one in filing["cost_to_serve"]} == texts["components"].keys()
    assert {one["what"] for one in filing["period_energy"]} - set(data["periods"]) <= texts["energy_rows"].keys()
    assert {one["figure"] for one in filing["figures"]} - {"mean_gap", "gap_spread"} <= texts["filing_figures"].keys()


needs_browser = pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def page(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_report(study, folder / "report.html")
    browser = Browser(folder / "profile")
    browser.open(folder / "report.html", "window.study && window.study.state.ready")
    yield browser
    browser.close()


POINT = """(() => {
  const at = document.querySelectorAll('#tradeoff .points path')[%d].getBoundingClientRect();
  return [at.x + at.width / 2, at.y + at.height / 2];
})()"""
VIEWS = """JSON.stringify({
  summary: document.getElementById('summary').textContent,
  impact: document.getElementById('impact').textContent,
  clock: document.getElementById('clock').data.map((one) => Array.from(one.r)),
  day: Array.from(document.getElementById('day').data.at(-1).y),
  front: document.getElementById('front').data[0].marker.size,
})"""


@pytest.mark.slow
@needs_browser
def test_a_click_changes_every_view(page):
    before = json.loads(page.run(VIEWS))
    other = (page.run("study.state.selected") + 5) % 30
    page.run("window.scrollTo(0, 0)")
    page.click(*page.run(POINT % other))
    chosen = page.run("study.state.selected")
    assert chosen < 40
    after = json.loads(page.run(VIEWS))
    for view, shown in after.items():
        assert shown != before[view], view
    data = json.loads(page.run("document.getElementById('data').textContent"))
    assert after["clock"][0][0] == data["tariffs"][chosen][0]
    assert after["day"][:-1] == data["after"][chosen]
    assert page.run("document.getElementById('choice').value") == str(chosen)
    # in the solid view, too: plotly's own event, since a point in WebGL has no place in the page
    page.run("document.getElementById('front').emit('plotly_click', {points: [{pointNumber: 3}]})")
    assert page.run("study.state.selected") == 3
    assert page.errors == []


@pytest.mark.slow
@needs_browser
def test_keys_move_along_the_front(page):
    page.run("study.select(4); document.getElementById('slider').focus()")
    page.key("ArrowRight")
    page.wait("study.state.selected === 5")
    page.run("document.getElementById('choice').focus()")
    assert page.run("document.activeElement.id") == "choice"


@pytest.mark.slow
@needs_browser
def test_a_range_on_an_axis_keeps_some_tariffs_in_all_views(page):
    page.run("document.getElementById('parallel').scrollIntoView({block: 'center'})")
    x, top, bottom = page.run(
        "(() => { const at = document.querySelector('#parallel .axis-brush rect.background').getBoundingClientRect();"
        "return [at.x + at.width / 2, at.top, at.bottom]; })()"
    )
    page.drag(x, bottom - 5, x, (top + bottom) / 2)
    page.wait("document.getElementById('kept').textContent !== ''")
    kept = page.run("study.state.kept.filter((one) => one).length")
    assert kept < page.run("study.state.kept.length")
    grey = page.run("document.getElementById('front').data[0].marker.color.filter((c) => c === '#dddddd').length")
    assert grey > 0
    page.run("document.getElementById('release').click()")
    assert page.run("study.state.kept.every((one) => one)")


@pytest.mark.slow
@needs_browser
def test_exports_and_safety(page, study):
    page.run(f"study.select({study.chosen['compromise']})")
    rows = page.run("study.tariffCsv()").strip().splitlines()
    assert float(rows[1].rsplit(",", 1)[1]) == pytest.approx(study.recommended[0], abs=1e-4)
    urdb = json.loads(page.run("study.tariffUrdb()"))
    assert urdb["energyratestructure"][0][0]["rate"] == pytest.approx(study.recommended[0] / 100, abs=1e-6)
    assert page.run("window.pwned === undefined")
    assert page.run("document.querySelectorAll('h1 img, #day i, #clock b').length") == 0
    assert page.run("document.querySelector('h1').textContent").startswith("<img src=x")
    assert all(url.startswith(("file:", "data:", "blob:")) for url in page.requests)
    assert page.errors == []
    assert page.run("performance.memory.usedJSHeapSize") < 200e6
