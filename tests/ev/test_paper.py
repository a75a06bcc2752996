"""The report on paper: a PDF on A4 by a browser of the machine, charts as wide as the page, faults in a sentence."""

from __future__ import annotations

import re

import pytest

from csmoifsa.errors import InputError
from csmoifsa_energy import paper
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.output.report import write_report
from csmoifsa_ev.study.study import run_study
from ev.browser import Browser, find_chromium

needs_browser = pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine")
FRAME_PX = 190 / 25.4 * 96
"""Width of A4 less margins of 10 mm each."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(run_study(load_scenario().with_changes(n_ev=3000), n_eval=300, pop_size=20), folder / "report.html")
    return folder / "report.html"


def test_without_a_browser_nothing_is_searched(tmp_path, monkeypatch, run_cli):
    monkeypatch.setattr(paper, "BROWSERS", ("no-such-browser-here",))
    with pytest.raises(InputError, match="none was found; leave --pdf out"):
        paper.find_browser()
    answer = run_cli("ev", "price", "--pdf", "--out", tmp_path / "study")
    assert answer.code == 2
    assert "--pdf needs Chromium, Chrome or Edge" in answer.err
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(("script", "sentence"), [("exit 3", "could not print"), ("exit 0", "could not print")])
def test_a_browser_that_fails_leaves_the_page_and_says_so(tmp_path, monkeypatch, script, sentence):
    fake = tmp_path / "browser"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(paper, "BROWSERS", (str(fake),))
    (tmp_path / "report.html").write_text("<p>page")
    fault = paper.print_page(tmp_path / "report.html", tmp_path / "report.pdf")
    assert fault is not None
    assert sentence in fault
    assert fault.startswith("report.pdf was not written")
    assert not (tmp_path / "report.pdf").exists()


def test_what_is_no_pdf_is_not_kept(tmp_path, monkeypatch):
    fake = tmp_path / "browser"
    fake.write_text('#!/bin/sh\nfor a in "$@"; do case $a in --print-to-pdf=*) echo no >"${a#*=}";; esac; done\n')
    fake.chmod(0o755)
    monkeypatch.setattr(paper, "BROWSERS", (str(fake),))
    (tmp_path / "report.html").write_text("<p>page")
    assert "wrote no PDF" in str(paper.print_page(tmp_path / "report.html", tmp_path / "report.pdf"))
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.slow
@needs_browser
def test_the_pdf_is_on_a4(page, tmp_path):
    assert paper.print_page(page, tmp_path / "report.pdf") is None
    content = (tmp_path / "report.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert 3 <= len(boxes) <= 10  # seven to nine with the chapters of a filing and its revenue
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}


@pytest.mark.slow
@needs_browser
def test_charts_are_as_wide_as_the_paper_and_come_back(page, tmp_path):
    browser = Browser(tmp_path / "profile")
    widths = (
        "[...document.querySelectorAll('.js-plotly-plot')].filter((one) => !one.closest('.screen'))"
        ".map((one) => one.querySelector('.main-svg').getBoundingClientRect().width)"
    )
    try:
        browser.open(page, "window.study && window.study.state.ready")
        before = browser.run(widths)
        assert len(before) >= 5
        assert max(before) > FRAME_PX
        browser.run("dispatchEvent(new Event('beforeprint'))")
        assert all(0.9 * FRAME_PX < width <= FRAME_PX for width in browser.run(widths))
        browser.run("dispatchEvent(new Event('afterprint'))")
        browser.wait(f"JSON.stringify({widths}) === {str(before).replace(' ', '')!r}")
        browser.send("Emulation.setEmulatedMedia", media="print")
        hidden = (
            "['.bar', '#front', '#print', '.hint'].filter((one) => document.querySelector(one).offsetParent !== null)"
        )
        assert browser.run(hidden) == []
        assert browser.run("document.getElementById('customers').offsetParent !== null")
        assert browser.errors == []
    finally:
        browser.close()
