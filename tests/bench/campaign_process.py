"""A small campaign as a process of its own, to be watched and killed."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil

TEXT = """
name = "t"
budget = 400
pop_size = 40
runs = 12
[[problems]]
name = "zdt1"
[[problems]]
name = "zdt4-shifted"
draw = "seed"
[[algorithms]]
name = "csmoifsa"
[[algorithms]]
name = "nsga2"
"""


class Process:
    """``csmoifsa bench run`` in a process of its own."""

    def __init__(self, folder: Path, *options: str, jobs: int = 2):
        self.path = folder / "r.sqlite"
        (folder / "t.toml").write_text(TEXT)
        command = [sys.executable, "-m", "csmoifsa.cli", "bench", "run", str(folder / "t.toml"), "--json"]
        command += ["--out", str(self.path), "--jobs", str(jobs), *options]
        # a file, not a pipe: workers inherit it and may outlive the coordinator
        self.output = open(folder / "output.txt", "w+")  # noqa: SIM115
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True)
        self.me = psutil.Process(self.process.pid)

    def wait_for(self, runs: int, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while self.done() < runs:
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < end, f"{self.done()} runs after {seconds} s: {self.text()}"
            time.sleep(0.01)

    def done(self) -> int:
        if not self.path.exists():
            return 0
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return connection.execute("SELECT count(*) FROM runs WHERE status = 'done'").fetchone()[0]
        except sqlite3.OperationalError:  # not yet created
            return 0
        finally:
            connection.close()

    def workers(self) -> list[psutil.Process]:
        return [p for p in self.me.children(recursive=True) if "popen_loky_posix" in " ".join(p.cmdline())]

    def text(self) -> str:
        self.output.seek(0)
        return self.output.read()

    def answer(self, seconds: float = 120) -> dict:
        assert self.process.wait(seconds) == 0, self.text()
        return self.json()

    def json(self) -> dict:
        return json.loads(next(line for line in self.text().splitlines() if line.startswith("{")))

    def end(self) -> None:
        children = self.me.children(recursive=True) if self.me.is_running() else []
        for process in (self.me, *children):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(10)
        self.output.close()
