"""Searches in worker processes: start, pause, cancel, and what each last reported; one process is kept ready."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace

from csmoifsa.errors import InputError
from csmoifsa_app.base_folder import InputFolder, State
from csmoifsa_app.studies import Studies

ENDS: dict[str, State] = {"done": "done", "paused": "paused", "failed": "failed"}

MOST_RUNNING = 2
"""Searches that run at once; more would slow each other down."""


@dataclass
class Job:
    """A search that runs, or ran since the start of the program.

    Attributes
    ----------
    process : Popen
        Its worker.
    folder : InputFolder
        The study.
    report : dict
        What the worker last reported, each key as last seen.
    version : int
        Number of reports, so that a reader sees whether there is a new one.
    wanted : State, optional
        State in which the search was asked to end.
    ended : threading.Event
        Set when the worker has ended and its state is written.
    """

    process: subprocess.Popen[str]
    folder: InputFolder
    report: dict[str, object] = field(default_factory=lambda: {"phase": "load"})
    version: int = 0
    wanted: State | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """All searches of this program.

    Parameters
    ----------
    studies : Studies
        The studies; those that were running when the program was killed go on with `resume_all`.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies
        self._jobs: dict[str, Job] = {}
        self._spare: subprocess.Popen[str] | None = None
        self._lock = threading.RLock()

    def warm(self) -> None:
        """Start the process that waits for the next search."""
        with self._lock:
            if self._spare is not None and self._spare.poll() is not None:
                _put_away(self._spare)
                self._spare = None
            if self._spare is None:
                self._spare = subprocess.Popen(
                    [sys.executable, "-m", "csmoifsa_app.worker"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    text=True, encoding="utf-8", start_new_session=True,
                )  # fmt: skip

    def resume_all(self) -> None:
        """Go on with the searches that were running when the program ended, as many as may run at once."""
        for entry in self._studies.list():
            if entry.folder.search.state == "running" and len(self.running()) < MOST_RUNNING:
                self.start(entry.id, entry.folder.search.language)

    def running(self) -> list[str]:
        """Return the identifiers of the studies whose search runs."""
        with self._lock:
            return [id for id, job in self._jobs.items() if not job.ended.is_set()]

    def start(self, id: str, language: str) -> None:
        """Start the search of a study, or go on with it from its checkpoint; its report is in the language.

        Raises
        ------
        InputError
            It runs already, too many others do, or the scenario has faults.
        """
        folder = self._studies.get(id, InputFolder)
        faults = folder.faults()
        if faults:
            raise InputError(faults[0])
        with self._lock:
            running = self.running()
            if id in running:
                raise InputError("the search of this study runs already")
            if len(running) >= MOST_RUNNING:
                raise InputError(f"{MOST_RUNNING} searches run already; wait for one, or pause it")
            self.warm()
            process, self._spare = self._spare, None
            assert process is not None and process.stdin is not None  # noqa: PT018  (made so by warm)
            job = Job(process, folder)
            self._jobs[id] = job
            folder.write_search(replace(folder.search, state="running", fault="", language=language))
            process.stdin.write(json.dumps({"folder": str(folder.path)}) + "\n")
            process.stdin.flush()
            threading.Thread(target=self._follow, args=(job,), daemon=True).start()
            self.warm()

    def pause(self, id: str) -> None:
        """Ask a search to stop: one of tariffs after its generation, saved, so that it goes on with `start`.

        A search of a price ends with the best one so far and writes its result.

        Raises
        ------
        InputError
            None runs, or it can only be cancelled.
        """
        job = self._running(id)
        if not job.folder.stoppable:
            raise InputError("this run cannot be stopped before its end; cancel it, or wait")
        job.wanted = "paused" if job.folder.RESUMABLE else None
        if job.process.stdin is not None:
            job.process.stdin.write("pause\n")
            job.process.stdin.flush()

    def cancel(self, id: str) -> None:
        """End a search and remove its checkpoint; an earlier result stays."""
        folder = self._studies.get(id, InputFolder)
        with self._lock:
            job = self._jobs.get(id)
            running = job is not None and not job.ended.is_set()
        if job is not None and running:
            job.wanted = "new"
            job.process.kill()
            job.ended.wait(10)
        folder.discard_search()
        folder.write_search(replace(folder.search, state="done" if folder.summary() else "new", fault=""))

    def report(self, id: str) -> tuple[int, dict[str, object]]:
        """Return the number of reports and the last one of a study's search; without one, the state of its files."""
        folder = self._studies.get(id, InputFolder)
        with self._lock:
            job = self._jobs.get(id)
            if job is not None and not job.ended.is_set():
                return job.version, {"state": "running", **job.report}
            version, known = (0, {}) if job is None else (job.version + 1, dict(job.report))
        search = folder.search
        return version, {**known, "state": search.state, "fault": search.fault}

    def close(self) -> None:
        """End all workers; their searches go on at the next start."""
        with self._lock:
            spare, self._spare = self._spare, None
            jobs = [job for job in self._jobs.values() if not job.ended.is_set()]
            for job in jobs:
                job.wanted = "running"
                job.process.kill()
        if spare is not None:
            spare.kill()
            _put_away(spare)
        for job in jobs:
            job.ended.wait(10)

    def _running(self, id: str) -> Job:
        with self._lock:
            job = self._jobs.get(id)
            if job is None or job.ended.is_set():
                raise InputError("no search of this study runs")
            return job

    def _follow(self, job: Job) -> None:
        """Keep what a worker reports, and write how its search ended."""
        assert job.process.stdout is not None
        for line in job.process.stdout:
            event = json.loads(line)
            with self._lock:
                job.report = {**job.report, **event}
                job.version += 1
        code = _put_away(job.process)
        phase = str(job.report["phase"])
        state: State = ENDS.get(phase, "running")
        fault = str(job.report.get("fault", ""))
        if phase not in ENDS and job.wanted is None and code not in (-9, -15):
            state, fault = "failed", f"the search ended unexpectedly with code {code}; start it again"
        elif phase not in ENDS and job.wanted is None and job.folder.RESUMABLE:
            state = "paused"  # killed from outside: it goes on from its checkpoint when asked to
        elif phase not in ENDS and job.wanted is None:
            state, fault = "failed", "the run was ended from outside; start it again"
        if job.folder.path.is_dir() and job.wanted != "new":
            job.folder.write_search(replace(job.folder.search, state=state, fault=fault))
            if state == "done":
                job.folder.discard_search()
        job.ended.set()


def _put_away(process: subprocess.Popen[str]) -> int:
    """Wait for the end of a process, close its pipes, and return its code."""
    code = process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not written yet reaches nobody
                pipe.close()
    return code
