"""The program ``csmoifsa app`` in a process of its own, and a browser that looks at it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from ev.browser import find_chromium

NEEDS_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine"),
    pytest.mark.skipif(os.name == "nt", reason="signals"),
]
MAIN = "from csmoifsa.cli import main; main()"


class Server:
    """``csmoifsa app`` in a process of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        command = [sys.executable, "-c", MAIN, "app", "--no-browser", "--studies", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://\S+", line):
                self.link = found[0]
                self.place = self.link.split("/open")[0]
                return
        raise AssertionError("the program printed no link")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def goto(page, server, path, ready="true"):
    url = server.place + path
    page.open(url, f"document.readyState === 'complete' && location.href.split('#')[0] === '{url}' && !!({ready})")


def wait_report(jobs, id, condition, seconds=120):
    """Return the first report of a study's work that meets the condition."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        report = jobs.report(id)[1]
        if condition(report):
            return report
        time.sleep(0.02)
    raise AssertionError(jobs.report(id))


def wait_path(page, pattern):
    page.wait(f"/{pattern}/.test(location.pathname) && document.readyState === 'complete'")


def fill(page, selector, value):
    page.run(
        f"(() => {{ const one = document.querySelector(`{selector}`); one.value = '{value}';"
        " one.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def wait_file(path):
    limit = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < limit, path
        time.sleep(0.05)
