"""Results files of campaigns that are watched: opened by their path or uploaded, with the report of each."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa.files import output_folder, read_text
from csmoifsa_app.base_folder import NotThereError
from csmoifsa_bench.campaign import campaign_states

FOLDER = ".campaigns"
PLACE = "place.txt"
UPLOADED = "results.sqlite"
REPORT = "report"

_ID = re.compile(r"[0-9a-f]{12}")
_RUN = "from csmoifsa.cli import main; main()"


@dataclass(frozen=True)
class Campaign:
    """One results file that is watched.

    Attributes
    ----------
    folder : Path
        Folder of the app for this file: its place or the uploaded file, and the report.
    """

    folder: Path

    @property
    def results(self) -> Path:
        """The results file."""
        own = self.folder / UPLOADED
        return own if own.is_file() else Path(read_text(self.folder / PLACE, "place"))

    @property
    def report(self) -> Path:
        """The page of the report, which need not be there."""
        return self.folder / REPORT / "report.html"

    @property
    def command(self) -> str:
        """Command that writes the report."""
        return f"csmoifsa bench report {shlex.quote(str(self.results))} --no-figures --out {REPORT}"


class Campaigns:
    """The results files that are watched, and the processes that write their reports.

    Parameters
    ----------
    root : Path
        Folder of the studies; the campaigns are in a hidden one in it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER
        self._reports: dict[str, subprocess.Popen[str]] = {}
        self._faults: dict[str, str] = {}
        self._lock = threading.Lock()

    def list(self) -> list[Campaign]:
        """Return all campaigns, those opened last first."""
        found = [one for one in self._root.glob("*") if _ID.fullmatch(one.name)] if self._root.is_dir() else []
        return [Campaign(one) for one in sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)]

    def get(self, id: str) -> Campaign:
        """Return a campaign; raises `NotThereError` if there is none."""
        if not _ID.fullmatch(id) or not (self._root / id).is_dir():
            raise NotThereError(id)
        return Campaign(self._root / id)

    def open(self, path: str) -> Campaign:
        """Watch a results file of this machine; raises `InputError` if it is none."""
        place = Path(path.strip()).expanduser()
        if not place.is_absolute():
            raise InputError("give the whole path of the results file, from the root of the disk")
        campaign_states(place)
        for one in self.list():
            if one.results == place:
                return one
        return self._add(lambda folder: (folder / PLACE).write_text(str(place), encoding="utf-8"))

    def upload(self, content: bytes) -> Campaign:
        """Keep an uploaded results file; raises `InputError` if it is none."""
        new = self._add(lambda folder: (folder / UPLOADED).write_bytes(content))
        try:
            campaign_states(new.results)
        except InputError as error:
            shutil.rmtree(new.folder)
            raise InputError(str(error).replace(str(new.results), "the uploaded file")) from None
        return new

    def forget(self, id: str) -> None:
        """Stop watching a results file; an uploaded one and its report are removed, one of the disk stays."""
        campaign = self.get(id)
        with self._lock:
            process = self._reports.pop(id, None)
        if process is not None:
            process.kill()
            process.wait()
        shutil.rmtree(campaign.folder)

    def write_report(self, id: str) -> None:
        """Begin to write the report of a campaign, with the command's own process."""
        campaign = self.get(id)
        with self._lock:
            if id in self._reports:
                return
            command = ["bench", "report", str(campaign.results), "--no-figures", "--out", str(campaign.folder / REPORT)]
            self._faults.pop(id, None)
            self._reports[id] = subprocess.Popen(
                [sys.executable, "-c", _RUN, *command],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                encoding="utf-8", start_new_session=True,
            )  # fmt: skip
            threading.Thread(target=self._follow, args=(id, self._reports[id]), daemon=True).start()

    def _follow(self, id: str, process: subprocess.Popen[str]) -> None:
        _, told = process.communicate()
        with self._lock:
            self._reports.pop(id, None)
            if process.returncode > 0:
                self._faults[id] = " ".join(told.split())[-500:] or f"the report ended with code {process.returncode}"

    def state(self, id: str) -> dict[str, object]:
        """Return the state of a campaign and of its report as plain values; a fault of the file is a sentence."""
        campaign, fault, suites = self.get(id), "", []
        try:
            suites = campaign_states(campaign.results)
        except InputError as error:
            fault = str(error)
        with self._lock:
            reporting = id in self._reports
            fault = fault or self._faults.get(id, "")
        report = campaign.report.stat().st_mtime if campaign.report.is_file() else None
        return {"suites": suites, "fault": fault, "reporting": reporting, "report": report, "now": time.time()}

    def close(self) -> None:
        """End the processes that write reports."""
        with self._lock:
            for process in self._reports.values():
                process.kill()

    def _add(self, fill: Callable[[Path], object]) -> Campaign:
        id = secrets.token_hex(6)
        folder = output_folder(self._root / id)
        fill(folder)
        return Campaign(folder)
