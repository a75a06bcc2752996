"""The app in a real browser: case, assumptions, sliders, search, kill, result equal to the command line's."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")

from app.served import MAIN, NEEDS_BROWSER, fill, goto, wait_file, wait_path

pytestmark = [*NEEDS_BROWSER, pytest.mark.long]


def test_from_a_case_to_a_result(server, page, tmp_path, run_python):
    page.open(server.link, "location.pathname === '/' && document.readyState === 'complete'")
    page.run("document.querySelector('form[action=\"/studies\"] button').click()")
    wait_path(page, "assumptions$")
    page.wait("window.app && app.ready")
    study = page.run("location.pathname").split("/")[2]
    folder = tmp_path / "studies" / study

    fill(page, "[id='f-fleet.n_ev']", "none")
    page.wait("document.querySelector('[data-key=\"fleet.n_ev\"] .wrong').textContent.includes('must be a number')")
    fill(page, "[id='f-fleet.n_ev']", "5000")
    page.wait("document.getElementById('text').value.includes('n_ev = 5000')")
    assert page.run("document.querySelector('[data-key=\"fleet.n_ev\"]').classList.contains('changed')")
    assert not page.run("document.querySelector('[data-key=\"fleet.n_ev\"] .wrong').textContent")
    assert "n_ev = 5000" in (folder / "scenario.toml").read_text(encoding="utf-8")

    goto(page, server, f"/studies/{study}/what-if", "window.app && app.ready && app.state.shown")
    before = page.run("document.getElementById('figures').textContent")
    load = page.run("Array.from(document.getElementById('day').data.at(-1).y)")
    page.run("document.querySelector('#sliders input').focus()")
    shown = page.run("document.querySelector('#sliders output').textContent")
    for _ in range(15):
        page.key("ArrowRight")
    page.wait("!app.state.busy && app.state.latency.length > 3")
    assert page.run("document.querySelector('#sliders output').textContent") != shown
    assert page.run("document.getElementById('figures').textContent") != before
    fill(page, "#price-charge_peak", "0")
    page.run("document.querySelector('#price-charge_peak').dispatchEvent(new Event('input'))")
    page.wait("document.getElementById('broken').textContent.includes('is above charge, peak')")
    assert page.run("Array.from(document.getElementById('day').data.at(-1).y)") != load

    goto(page, server, f"/studies/{study}/search", "window.app && app.state.report")
    page.run("document.querySelector('[name=n_eval]').value = '250000'")
    page.run("document.getElementById('start').click()")
    page.wait("app.state.report.phase === 'search' && app.state.report.front && app.state.report.front.length > 5", 90)
    wait_file(folder / "search.npz")
    server.kill()  # no warning, as by kill -9 or a power cut
    server.start()
    page.open(server.link, "location.pathname === '/' && document.readyState === 'complete'")
    goto(page, server, f"/studies/{study}/search", "window.app && app.state.report")
    page.wait(
        "document.readyState === 'complete' && !!document.getElementById('result')"
        " && !!window.app && !!app.state.report && app.state.report.state === 'done'",
        240,
    )
    command = page.run("document.getElementById('command').textContent").splitlines()[1].split()
    assert command[:4] == ["csmoifsa", "ev", "price", "scenario.toml"]
    other = tmp_path / "by-command"
    command[2:4] = ["price", str(folder / "scenario.toml")]
    command[-1] = str(other)
    done = run_python(MAIN, *command[1:])
    assert done.code == 0, done.err
    for name in ("pareto.csv", "tariff.csv", "extremes.csv", "load.csv", "report.html", "figures/fig1.png"):
        assert (other / name).read_bytes() == (folder / "result" / name).read_bytes(), name
    # a refused value and the killed server are in the console as well, as loads that failed
    assert [one for one in page.errors if "Failed to load resource" not in one] == []
    assert [one for one in page.requests if not one.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))] == []

    for width in (390, 1280):
        page.resize(width, 900)
        for name in ("assumptions", "what-if", "search"):
            goto(page, server, f"/studies/{study}/{name}", "window.app")
            assert page.run("document.documentElement.scrollWidth") <= width, name
    page.open(f"{server.place}/studies/{study}/report", "window.study && study.state.ready")  # its scripts run
