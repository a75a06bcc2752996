"""From a load file with two faults to a tariff to take away, by the pages alone: mend, assume, search, move, export."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64decode

import pytest

pytest.importorskip("starlette")

from app.served import MAIN, NEEDS_BROWSER, fill, goto, wait_path

pytestmark = [*NEEDS_BROWSER, pytest.mark.long]

READY = "document.readyState === 'complete' && !!window.app && app.ready"
CARD = "document.querySelector('[data-source=load]')"


def press(page, text):
    """Press Enter on the button with a text, as a user without a mouse does, and wait for the next page."""
    page.run("window.old = true")
    page.run(f"[...{CARD}.querySelectorAll('button')].find((one) => one.textContent === {text!r}).focus()")
    page.key("Enter")
    page.wait(f"!window.old && {READY}")


def drop(page, source, name, content):
    """Drop a file on a card."""
    page.run("window.old = true")
    page.run(
        f"(() => {{ const dropped = new DataTransfer(); dropped.items.add(new File([{json.dumps(content)}], '{name}'));"
        f" document.querySelector('[data-source={source}]').dispatchEvent("
        "new DragEvent('drop', {dataTransfer: dropped, bubbles: true, cancelable: true})); })()"
    )
    page.wait(f"!window.old && {READY}")


def test_from_a_file_with_two_faults_to_the_files_to_take_away(server, page, tmp_path, run_python):
    load = tmp_path / "My region.csv"
    # 5 June or 6 May? And 09:00 is missing.
    stamps = [(h, f"05/06/2024 {h:02d}:00 +02:00") for h in range(24) if h != 9]
    load.write_text("\n".join(["time_beginning,load_mw", *(f"{s},{4000 + 100 * h}" for h, s in stamps), ""]))
    page.open(server.link, "location.pathname === '/' && document.readyState === 'complete'")
    page.choose_file("#file", load)
    page.run("document.querySelector('#file').form.querySelector('button').click()")
    wait_path(page, "data$")
    page.wait(READY)
    study = page.run("location.pathname").split("/")[2]
    folder = tmp_path / "studies" / study

    assert "can be read with the day first or the month first" in page.run(f"{CARD}.textContent")
    press(page, "the day first")
    assert "2024-06-05 09:00 is missing" in page.run(f"{CARD}.textContent")
    press(page, "fill by straight lines")
    assert page.run(f"{CARD}.querySelectorAll('.faults').length") == 0
    assert "interpolated on request: 09:00" in page.run(f"{CARD}.textContent")
    drawn = page.run("Array.from(document.getElementById('plot-load').data.at(-1).y)")
    assert drawn[:24] == [4000 + 100 * h for h in range(24)]

    tariff = {"schedule": [{"effective_start": "1-1", "effective_end": "12-31", "dow_mask": "ALL", "times": [0, 8, 16],
                            "tariffs": [0.1, 0.2, 0.4]}]}  # fmt: skip
    drop(page, "tariff", "mine.json", json.dumps(tariff))
    told = page.run("document.querySelector('[data-source=tariff]').textContent")
    assert "say for which day the tariff file is to be read" in told
    page.run("[...document.querySelectorAll('[data-source=tariff] .remedy button')].at(-1).focus(); window.old = true")
    page.key("Enter")  # of all days of the year
    page.wait(f"!window.old && {READY}")
    assert "mine.json" in page.run("document.querySelector('[data-source=tariff]').textContent")
    assert page.run("document.querySelector('.ready') !== null")

    page.run("document.querySelector('.ready a').click()")
    wait_path(page, "assumptions$")
    page.wait(READY)
    cars = int(page.run("document.getElementById('f-fleet.n_ev').value"))
    assert 100_000 < cars < 1_000_000  # derived from this load
    fill(page, "[id='f-fleet.n_ev']", "20000")
    page.wait("document.getElementById('text').value.includes('n_ev = 20000')")

    goto(page, server, f"/studies/{study}/search", "window.app && app.state.report")
    page.run("document.querySelector('[name=n_eval]').value = '2000'")
    page.run("document.querySelector('[name=pop_size]').value = '20'")
    page.run("document.getElementById('start').click()")
    page.wait(
        "document.readyState === 'complete' && !!document.getElementById('result')"
        " && !!window.app && !!app.state.report && app.state.report.state === 'done'",
        240,
    )
    goto(page, server, f"/studies/{study}/what-if", "window.app && app.ready && app.state.shown")
    before = page.run("document.getElementById('figures').textContent")
    page.run("document.querySelector('#sliders input').focus()")
    for _ in range(10):
        page.key("ArrowRight")
    page.wait("!app.state.busy && app.state.latency.length > 2")
    moved = page.run("document.getElementById('figures').textContent") != before
    at_the_end = page.run("(({ value, max }) => value === max)(document.querySelector('#sliders input'))")
    assert moved or at_the_end

    content = page.run(
        f"fetch('/studies/{study}/study.zip').then((one) => one.blob()).then((blob) => new Promise((done) => {{"
        " const reader = new FileReader(); reader.onload = () => done(reader.result.split(',')[1]);"
        " reader.readAsDataURL(blob); }))"
    )
    with zipfile.ZipFile(io.BytesIO(b64decode(content))) as packed:
        assert {"scenario.toml", "load.csv", "tariff.json", "result/report.html", "result/tariff_urdb.json"} <= {
            *packed.namelist()
        }
        packed.extractall(tmp_path)
        command = packed.read("command.txt").decode().split()
    command[-1] = "again"  # in the folder of the files taken away
    done = run_python(MAIN, *command[1:])
    assert done.code == 0, done.err
    for name in ("tariff.csv", "pareto.csv", "report.html"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / "result" / name).read_bytes(), name

    assert page.errors == []
    assert [one for one in page.requests if not one.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))] == []
    for width in (390, 1280):
        page.resize(width, 900)
        goto(page, server, f"/studies/{study}/data", READY)
        assert page.run("document.documentElement.scrollWidth") <= width
