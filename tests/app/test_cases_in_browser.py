"""Aggregators' studies in a real browser: proof and replay, killed programs, two tabs at once, names and keyboard."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from app_walk import UNNAMED, price_files

from app.cases import hard_case
from app.served import NEEDS_BROWSER, Server, fill, goto
from csmoifsa_app.case_folder import CaseFolder
from csmoifsa_app.studies import Studies
from ev.browser import Browser

pytestmark = [*NEEDS_BROWSER, pytest.mark.long]
FOCUSED = "(({ id, name, textContent }) => id || name || textContent.trim())(document.activeElement)"
HOME = "location.pathname === '/' && document.readyState === 'complete'"


@pytest.fixture
def studies(tmp_path):
    return Studies(tmp_path / "studies")


@pytest.fixture
def portfolio(studies):
    """Identifier of a study of the bundled portfolio, with price files."""
    id = studies.new_from_case("portfolio", CaseFolder)
    for which, content in price_files().items():
        studies.get(id, CaseFolder).add_prices(which, f"{which}.csv", content)
    return id


@pytest.fixture
def server(studies, portfolio):
    server = Server(studies.root)
    yield server
    server.stop()


def workers(server):
    """Processes that the program has started."""
    pid = server.process.pid
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]


def test_a_price_with_proof_and_a_replay(server, page, studies, portfolio):
    page.open(server.link, HOME)
    goto(page, server, f"/cases/{portfolio}/price", "window.app && app.state.report")
    page.run("document.getElementById('start').click()")
    page.wait("document.readyState === 'complete' && !!document.getElementById('whole')", 240)
    folder = studies.get(portfolio, CaseFolder)
    profit = f"{folder.summary()['objective']:,.2f}"
    assert profit in page.run("document.querySelector('.figures').textContent")

    goto(page, server, f"/cases/{portfolio}/replay", "window.app && app.state.report")
    fill(page, "[name=days]", "2025-06-22:2025-06-22")
    page.run("document.getElementById('start').click()")
    page.wait("document.readyState === 'complete' && !!window.app && !!app.state.day", 240)
    page.run("document.getElementById('step').focus()")
    for _ in range(5):
        page.key("ArrowRight")
    page.wait("app.state.step === 5")
    # what is drawn as known is what was known: the steps before the one that is decided
    known = page.run("app.state.day.known_steps[5]")
    drawn = page.run("Array.from(document.getElementById('prices').data[1].x)")
    assert (known, max(drawn)) == (5, pytest.approx(5.0))
    expected = page.run("Array.from(document.getElementById('prices').data[2].x)")
    assert min(expected) == pytest.approx(5.0)
    assert len(page.run("Array.from(document.getElementById('points').rows)")) == 4
    page.run("document.getElementById('hindsight').click()")
    page.wait("document.getElementById('prices').data.length === 4")
    assert page.run(UNNAMED) == []
    assert page.errors == []
    for path in ("day/report", "roll/report"):
        page.open(f"{server.place}/cases/{portfolio}/{path}", "!!document.querySelector('.js-plotly-plot')")


def test_a_killed_program_and_a_killed_worker(server, page, studies):
    id = studies.new_from_case_file("hard.toml", hard_case())
    folder = studies.get(id, CaseFolder)
    page.open(server.link, HOME)
    goto(page, server, f"/cases/{id}/price", "window.app && app.state.report")
    page.run("document.getElementById('start').click()")
    page.wait("(app.state.report.proof || []).length > 1", 180)
    server.kill()  # kill -9
    assert folder.search.state == "running"
    server.start()
    page.open(server.link, HOME)
    goto(page, server, f"/cases/{id}/price", "window.app && app.state.report")
    page.wait("app.state.report.state === 'running' && (app.state.report.proof || []).length > 0", 180)
    for pid in workers(server):
        os.kill(pid, signal.SIGKILL)
    page.wait("app.state.report.state === 'failed'", 60)
    assert "ended from outside" in page.run("document.getElementById('fault').textContent")
    page.run("document.getElementById('start').click()")
    page.wait("app.state.report.state === 'running' && (app.state.report.proof || []).length > 0", 180)
    page.run("document.getElementById('cancel').click()")
    page.wait("document.readyState === 'complete' && !!window.app && app.state.report?.state === 'new'", 60)


def test_two_tabs_do_not_overwrite_each_other(server, page, studies, portfolio, tmp_path):
    other = Browser(tmp_path / "other profile")
    try:
        for one in (page, other):
            one.open(server.link, HOME)
            goto(one, server, f"/cases/{portfolio}/portfolio", "window.app && app.ready")
        text = "document.getElementById('text').value"
        fill(page, "[id='f-contract.wear']", "0.02")
        page.wait(f"{text}.includes('wear = 0.02')")
        # another key in the other tab: both count, and the other tab shows both
        fill(other, "[id='f-price.band']", "0.25")
        other.wait(f"{text}.includes('band = 0.25') && {text}.includes('wear = 0.02')")
        assert other.run("document.getElementById('f-contract.wear').value") == "0.02"
        # the same key: the first tab still shows the old value, so its change is refused and says why
        fill(page, "[id='f-price.band']", "0.4")
        page.wait("document.querySelector('[data-key=\"price.band\"] .wrong').textContent.includes('0.25')")
        assert studies.get(portfolio, CaseFolder).case().title
        assert "band = 0.25" in studies.get(portfolio, CaseFolder).text
        fill(page, "[id='f-price.band']", "0.4")  # entered again, it is meant
        page.wait(f"{text}.includes('band = 0.4')")
        # a whole text that was written before the other tab's change
        other.run(f"{text} += '\\n# mine\\n'")
        other.run("document.getElementById('save').click()")
        other.wait("!document.getElementById('conflict').hidden")
        assert "# mine" not in studies.get(portfolio, CaseFolder).text
        assert "# mine" in other.run(text)  # nothing that was typed is lost
        other.run("document.getElementById('theirs').click()")
        other.wait(f"document.readyState === 'complete' && {text}.includes('band = 0.4')")
        # the first tab follows when it is looked at again
        fill(other, "[id='f-contract.wear']", "0.03")
        other.wait(f"{text}.includes('wear = 0.03')")
        page.run("dispatchEvent(new Event('focus'))")
        page.wait("document.getElementById('f-contract.wear').value === '0.03'")
    finally:
        other.close()


def tab(page):
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(server, page, studies, portfolio):
    study = studies.new_from_case("paper-2022")
    page.open(server.link, HOME)
    paths = ["/", "/campaigns", *(f"/studies/{study}/{one}" for one in ("data", "assumptions", "search"))]
    for path in (*paths, *(f"/cases/{portfolio}/{one}" for one in ("portfolio", "price", "replay"))):
        goto(page, server, path)
        time.sleep(0.3)
        assert page.run(UNNAMED) == [], path
    goto(page, server, f"/cases/{portfolio}/price", "window.app && app.state.report")
    reached = []
    for _ in range(25):
        tab(page)
        reached.append(page.run(FOCUSED))
    assert reached[0] == "Skip to the content"
    order = [reached.index(one) for one in ("Portfolio and prices", "time_limit", "integers", "margin", "start")]
    assert order == sorted(order)  # as they stand on the page
    page.run("document.querySelector('[name=time_limit]').focus()")
    page.send("Input.dispatchKeyEvent", type="char", text="\r")
    page.wait("app.state.report.state === 'running'", 60)  # Enter starts the run
