"""Work on a study in a process of its own: ``python -m csmoifsa_app.worker`` reads its folder and reports as it goes.

It runs the functions of the commands, so that the result is that of the command. The process waits with all
modules imported until a line of JSON names the folder. Lines on its standard output are events (JSON); the word
``pause`` on its input stops a search of tariffs after the next generation, and ends the search of a price with the
best one so far. If its input ends, the server is gone: the process ends at once, and the search goes on from the last
checkpoint when the server is back.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.runs import Checkpoint
from csmoifsa.typing import Resumable
from csmoifsa_app.case_folder import CaseFolder
from csmoifsa_app.case_work import run_case
from csmoifsa_app.folder import CHECKPOINT, RESULT, StudyFolder
from csmoifsa_app.studies import folder_at
from csmoifsa_energy.readers.faults import faults_of
from csmoifsa_ev.model.outcome import MAXIMISED, OBJECTIVE_SETS
from csmoifsa_ev.output.folder import write_study
from csmoifsa_ev.study.study import run_study

SAVE_SECONDS = 1.0
"""Least time between two checkpoints [s]."""

EVENT_SECONDS = 0.2
"""Least time between two events [s]."""


class PausedError(Exception):
    """The search was stopped after a generation and saved."""


class Reporting(Checkpoint):
    """Saves the search as any checkpoint does, reports its front, and stops it when asked to.

    Parameters
    ----------
    path : Path
        The checkpoint file.
    objectives : str
        Set of objectives.
    out : text file
        Where events go.
    pause : threading.Event
        Set when the search is to stop.
    """

    def __init__(self, path: Path, objectives: str, out: IO[str], pause: threading.Event) -> None:
        super().__init__(path, SAVE_SECONDS)
        self.pause = pause
        names = OBJECTIVE_SETS[objectives]
        self._signs = np.array([-1.0 if name in MAXIMISED else 1.0 for name in names])
        self._out, self._next, self._begin = out, 0.0, (time.monotonic(), -1)

    def consider(self, algorithm: Resumable) -> None:
        """Save and report if it is time to, and stop the search if that was asked for."""
        n_eval = int(algorithm.evaluator.n_eval)
        began, first = self._begin
        if first < 0:
            self._begin = (time.monotonic(), n_eval)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + EVENT_SECONDS
            rate = (n_eval - first) / max(time.monotonic() - began, 1e-9)
            emit(self._out, phase="search", n_eval=n_eval, rate=rate, front=self._front(algorithm))
        if self.pause.is_set():
            self.finish(algorithm)
            raise PausedError
        super().consider(algorithm)

    def _front(self, algorithm: Resumable) -> list[list[float]]:
        F, CV = algorithm.opt.get("F", "CV")  # type: ignore[attr-defined]  (every pymoo algorithm has it)
        kept = np.asarray(F)[np.asarray(CV).reshape(len(F), -1).sum(axis=1) <= 0]
        return [[float(f"{value:.6g}") for value in row] for row in (kept[:300] * self._signs).tolist()]


def emit(out: IO[str], **event: object) -> None:
    """Write one event as a line of JSON."""
    out.write(json.dumps(event) + "\n")
    out.flush()


def search(folder: StudyFolder, checkpoint: Reporting, out: IO[str]) -> None:
    """Run or continue the search of a study and write its result; events say how it ended."""
    settings = folder.search
    os.chdir(folder.path)  # notes in the report name files as the command does that repeats the study in its folder
    try:
        study = run_study(
            StudyFolder(Path()).scenario(),
            objectives=settings.objectives,
            n_eval=settings.n_eval,
            pop_size=settings.pop_size,
            seed=settings.seed,
            checkpoint=checkpoint,
        )
        emit(out, phase="report", n_eval=study.n_eval)
        write_study(study, folder.path / RESULT, language=settings.language)
    except PausedError:
        emit(out, phase="paused")
    except InputError as error:
        emit(out, phase="failed", fault=folder.shortened(" ".join(one.sentence for one in faults_of(error))))
    else:
        emit(out, phase="done", n_eval=study.n_eval)


def main() -> None:
    """Wait for one study, do its work, and end."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not become an event
    emit(out, phase="ready")
    first = sys.stdin.readline()
    if not first:
        return
    asked = json.loads(first)
    folder, pause = folder_at(Path(asked["folder"])), threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "pause":
                pause.set()
        os._exit(3)  # the server is gone

    threading.Thread(target=listen, daemon=True).start()
    emit(out, phase="load")
    if isinstance(folder, StudyFolder):
        search(folder, Reporting(folder.path / CHECKPOINT, folder.search.objectives, out, pause), out)
    elif isinstance(folder, CaseFolder):
        run_case(folder, lambda **event: emit(out, **event), pause)
    out.close()
    os._exit(0)  # without waiting for the thread that listens


if __name__ == "__main__":
    main()
