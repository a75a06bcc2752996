"""Walk through the app in a browser: take the pictures of the documents, and measure how fast it answers.

    PYTHONPATH=tests python tests/tools/app_walk.py --pictures docs/_static/walk
    PYTHONPATH=tests python tests/tools/app_walk.py --latency
    PYTHONPATH=tests python tests/tools/app_walk.py --look /some/folder

``--look`` takes every page at 1280 and 390 pixels, in English and Chinese, light and dark. Times are from the input, or
from the start of the program, to the frame in which the picture stands, as the browser sees it; they depend on the
machine and on what else it does.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from app.cases import hard_case
from app.served import Server, fill, goto
from csmoifsa_app.case_folder import CaseFolder
from csmoifsa_app.studies import Studies
from ev.browser import Browser

COLOURS = 256
"""Colours of a picture in the documents."""

SETTLE_S = 12.0
"""Time until the program has loaded what comes after its first page [s]; sliders are measured then."""

PAINTED = """
window.times = [];
window.armed = null;
for (const kind of ['keydown', 'pointerdown']) addEventListener(kind, () => (window.armed = performance.now()), true);
window.painted = () => {
  if (window.armed === null) return;
  const from = window.armed;
  window.armed = null;
  requestAnimationFrame(() => {
    const after = new MessageChannel();
    after.port1.onmessage = () => window.times.push(performance.now() - from);
    after.port2.postMessage(0);
  });
};
"""
"""Script that measures from a key to the frame after which a chart is drawn; charts call ``painted``."""

UNNAMED = """
[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, iframe, summary, progress')]
  .filter((one) => !one.closest('[hidden]') && one.getAttribute('aria-hidden') !== 'true')
  .filter((one) => !((one.labels && [...one.labels].some((label) => label.textContent.trim())) || one.title
    || one.getAttribute('aria-label') || document.getElementById(one.getAttribute('aria-labelledby') || '-')
    || (one.matches('a, button, summary') && one.textContent.trim())))
  .map((one) => one.outerHTML.slice(0, 120))
"""
"""Script that returns the controls of a page that have no name for a screen reader."""


class Walk:
    """A server with a study of each kind, and a browser on its pages.

    Parameters
    ----------
    folder : Path
        Empty folder.
    """

    def __init__(self, folder: Path) -> None:
        studies = Studies(folder / "studies")
        self.case = studies.new_from_case("portfolio", CaseFolder)
        self.hard = studies.new_from_case_file("Quarter hours with supply blocks.toml", hard_case())
        self.study = studies.new_from_case("paper-2022")
        for which, content in price_files().items():
            studies.get(self.case, CaseFolder).add_prices(which, f"{which}.csv", content)
        begin = time.perf_counter()
        self.server = Server(folder / "studies")
        self.link_seconds = time.perf_counter() - begin
        self.page = Browser(folder / "profile", (1280, 800))
        self.page.resize(1280, 800)
        begin = time.perf_counter()
        self.page.open(self.server.link, "location.pathname === '/' && document.readyState === 'complete'")
        self.page_seconds = time.perf_counter() - begin
        self.pages = {
            "studies": ("/", "true"),
            "data": (f"/studies/{self.study}/data", "true"),
            "assumptions": (f"/studies/{self.study}/assumptions", "window.app && app.ready"),
            "what-if": (f"/studies/{self.study}/what-if", "window.app && app.ready && app.state.shown"),
            "search": (f"/studies/{self.study}/search", "window.app && app.state.report"),
            "portfolio": (f"/cases/{self.case}/portfolio", "window.app && app.ready"),
            "day": (f"/cases/{self.case}/price", "window.app && app.state.report"),
            "replay": (f"/cases/{self.case}/replay", "window.app && app.state.day"),
        }

    def goto(self, name: str) -> None:
        """Open a page and wait until it stands."""
        path, ready = self.pages[name]
        goto(self.page, self.server, path, ready)
        time.sleep(0.6)

    def start(self, name: str, done: str) -> None:
        """Press the page's button that starts its work, and wait until that is done."""
        path, _ = self.pages[name]
        goto(self.page, self.server, path, "window.app && app.state.report")
        self.page.run("document.getElementById('start').click()")
        self.page.wait(f"document.readyState === 'complete' && !!({done})", 300)

    def work(self) -> None:
        """Search a tariff, find a price and roll two days."""
        self.start("search", "document.getElementById('result')")
        self.start("day", "document.getElementById('whole')")
        goto(self.page, self.server, self.pages["replay"][0], "window.app && app.state.report")
        fill(self.page, "[name=days]", "2025-06-22:2025-06-23")
        self.page.run("document.getElementById('start').click()")
        self.page.wait("document.readyState === 'complete' && !!window.app && !!app.state.day", 300)

    def speak(self, language: str) -> None:
        """Switch the pages to a language."""
        goto(self.page, self.server, "/")
        if self.page.run("document.documentElement.lang") != language:
            self.page.run("document.querySelector('form[action=\"/language\"] button').click()")
            self.page.wait(f"document.documentElement?.lang === '{language}' && document.readyState === 'complete'")

    def close(self) -> None:
        """End browser and server."""
        self.page.close()
        self.server.stop()


def price_files() -> dict[str, bytes]:
    """Return files of made day-ahead and real-time prices of 26 days, always the same."""
    rng = np.random.default_rng(1)
    hours = np.arange(26 * 24)
    shape = 45 + 20 * np.sin((hours % 24 - 11) / 24 * 2 * np.pi) + 6 * np.sin((hours % 24 - 5) / 12 * 2 * np.pi)
    ahead = shape * np.repeat(rng.uniform(0.8, 1.2, 26), 24)
    noise, level = rng.normal(0.0, 5.0, hours.size), 0.0
    deviation = np.array([level := 0.75 * level + one for one in noise])
    stamps = [f"2025-06-{1 + k // 24:02d} {k % 24:02d}:00" for k in hours]
    return {
        name: "\n".join(["timestamp,price", *(f"{a},{b:.2f}" for a, b in zip(stamps, prices, strict=True))]).encode()
        for name, prices in (("day_ahead", ahead), ("real_time", ahead + deviation))
    }


def small_png(picture: bytes, place: Path) -> None:
    """Write a picture with few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(place, optimize=True)


def take(page: Browser, place: Path, *, whole: bool = False) -> None:
    """Take a picture of a page as it stands."""
    page.screenshot(place, whole=whole)
    small_png(place.read_bytes(), place)


def pictures(walk: Walk, folder: Path) -> None:
    """Take the pictures of the documents."""
    folder.mkdir(parents=True, exist_ok=True)
    page = walk.page
    walk.work()
    page.resize(1280, 800)
    scroll = {"search": "result", "day": "result", "replay": "steps"}
    for name in walk.pages:
        walk.goto(name)
        if name == "replay":
            page.run("document.getElementById('step').value = '14'")
            page.run("document.getElementById('step').dispatchEvent(new Event('input'))")
        if name in scroll:
            page.run(f"document.getElementById('{scroll[name]}').scrollIntoView()")
        time.sleep(1.5)
        take(page, folder / f"{name}.png")
    goto(page, walk.server, f"/cases/{walk.hard}/price", "window.app && app.state.report")
    page.run("document.getElementById('start').click()")
    page.wait("(app.state.report.proof || []).length > 6", 120)
    take(page, folder / "proof.png")
    page.run("document.getElementById('cancel').click()")
    page.wait("document.readyState === 'complete' && !!window.app && app.state.report?.state === 'new'")
    walk.speak("zh")
    walk.goto("what-if")
    take(page, folder / "what-if-zh.png")
    for place in sorted(folder.glob("*.png")):
        print(f"{place}: {place.stat().st_size // 1024} kB")


def look(walk: Walk, folder: Path) -> None:
    """Take every page at both widths, in both languages, light and dark; say what is too wide or has no name."""
    folder.mkdir(parents=True, exist_ok=True)
    page = walk.page
    walk.work()
    for language in ("en", "zh"):
        walk.speak(language)
        for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
            page.resize(width, 900, dark=dark)
            for name in walk.pages:
                walk.goto(name)
                time.sleep(0.5)
                wide, unnamed = page.run("document.documentElement.scrollWidth"), page.run(UNNAMED)
                shade = "dark" if dark else "light"
                take(page, folder / f"{name}-{language}-{width}-{shade}.png", whole=True)
                if wide > width or unnamed:
                    print(f"{name}, {language}, {width}: {wide} pixels wide, without a name: {unnamed}")
    print(f"errors in the console: {page.errors}")


def arrow(page: Browser, *, forth: bool) -> None:
    """Press the right or the left arrow key."""
    name, code = ("ArrowRight", 39) if forth else ("ArrowLeft", 37)
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)


def key_to_picture(walk: Walk, name: str, control: str, chart: str, presses: int) -> tuple[str, list[float]]:
    """Return the times from a key on a slider to the frame with its picture [ms]; the first three warm up."""
    page = walk.page
    walk.goto(name)
    page.run(PAINTED)
    page.run(f"document.getElementById('{chart}').on('plotly_afterplot', window.painted)")
    page.run(f"document.querySelector('{control}').focus()")
    for k in range(presses + 3):
        arrow(page, forth=k % 2 == 0)
        page.wait(f"window.times.length > {k}")
    return f"{name}: key to picture", page.run("window.times")[3:]


def latency(walk: Walk, presses: int, *, whole: bool) -> None:
    """Print the table of times: of start and sliders of prices, and if ``whole`` of all else."""
    page = walk.page
    time.sleep(SETTLE_S)
    rows = [
        ("start: program to link", [1000 * walk.link_seconds]),
        ("start: link to first page", [1000 * walk.page_seconds]),
        key_to_picture(walk, "what-if", "#sliders input", "day", presses),
    ]
    if whole:
        walk.work()
        rows.append(key_to_picture(walk, "replay", "#step", "load", presses))
    for name in walk.pages if whole else ():
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            path, ready = walk.pages[name]
            goto(page, walk.server, path, ready)
            times.append(1000 * (time.perf_counter() - begin))
        rows.append((f"{name}: page opened and drawn", times))
    bare = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import csmoifsa.cli"], check=True)
        bare.append(1000 * (time.perf_counter() - begin))
    rows.append(("for comparison: import of the command line", bare))
    print("| what | n | median [ms] | most [ms] |\n|---|---|---|---|")
    for what, times in rows:
        print(f"| {what} | {len(times)} | {statistics.median(times):.0f} | {max(times):.0f} |")
    print(f"errors in the console: {page.errors}")


def main() -> None:
    """Run what is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pictures", type=Path, metavar="DIR")
    asked.add_argument("--look", type=Path, metavar="DIR")
    asked.add_argument("--latency", action="store_true")
    asked.add_argument("--quick", action="store_true", help="measure start and sliders of prices only")
    asked.add_argument("--presses", type=int, default=40)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        walk = Walk(Path(folder))
        try:
            if options.pictures:
                pictures(walk, options.pictures)
            if options.look:
                look(walk, options.look)
            if options.latency:
                latency(walk, options.presses, whole=not options.quick)
        finally:
            walk.close()


if __name__ == "__main__":
    main()
