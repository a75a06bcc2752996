"""The runs of an aggregator's study: a day with its proof, and rolling dispatch, with the commands' own functions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.output.folder import write_day_folder, write_rolling_folder
from csmoifsa_aggregator.output.rolling_tables import summarise_rolling
from csmoifsa_aggregator.solve.watch import ProofState
from csmoifsa_aggregator.study.backtest import backtest
from csmoifsa_aggregator.study.study import run_day
from csmoifsa_app.case_folder import DAY, ROLL, CaseFolder
from csmoifsa_energy.readers.faults import faults_of

Emit = Callable[..., None]
"""Function that sends an event, given by its keys."""

EVENT_SECONDS = 0.2
"""Least time between two events of one kind [s]."""

MOST_STATES = 400
"""Number of states of a proof that are kept for the chart; older ones are thinned out."""


class Proof:
    """Collects the states of a proof, sends them on, and ends it when asked to.

    Parameters
    ----------
    emit : callable
        See `Emit`.
    stop : threading.Event
        Set when the search is to end with the best price so far.
    """

    def __init__(self, emit: Emit, stop: threading.Event) -> None:
        self._emit, self._begin, self._next, self._stop = emit, time.monotonic(), 0.0, stop
        self._states: list[tuple[float, float | None, float | None]] = []

    def __call__(self, state: ProofState) -> bool:
        """Take a state and return whether to end.

        It is sent if it changes what is known, and at the latest after `EVENT_SECONDS`.
        """
        now = time.monotonic()
        row = (round(now - self._begin, 3), _finite(state.profit), _finite(state.bound))
        same = bool(self._states) and self._states[-1][1:] == row[1:]
        if same and len(self._states) > 1 and self._states[-2][1:] == row[1:]:
            self._states[-1] = row  # the end of a flat piece moves on
        else:
            self._states.append(row)
        if len(self._states) > MOST_STATES:
            self._states = self._states[::2] + self._states[-1:]
        if not same or now >= self._next:
            self._next = now + EVENT_SECONDS
            self._emit(phase="proof", stage=state.stage, proof=self._states)
        return self._stop.is_set()


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def run_case(folder: CaseFolder, emit: Emit, stop: threading.Event) -> None:
    """Run what the study's settings ask for and write its result; events say how it went and ended.

    ``stop`` is set when the search of a price is to end with the best one so far; rolling does not look at it.
    """
    try:
        if folder.search.act == "aggregate":
            _run_day(folder, emit, stop)
        else:
            _run_roll(folder, emit)
    except InputError as error:
        emit(phase="failed", fault=folder.shortened(" ".join(one.sentence for one in faults_of(error))))
    else:
        emit(phase="done")


def _run_day(folder: CaseFolder, emit: Emit, stop: threading.Event) -> None:
    asked, watch = folder.search, Proof(emit, stop)
    study = run_day(
        folder.case(), margin=asked.margin, time_limit=asked.time_limit, integers=asked.integers, watch=watch
    )
    emit(phase="report")
    write_day_folder(study, folder.path / DAY, language=asked.language)


def _run_roll(folder: CaseFolder, emit: Emit) -> None:
    asked, case = folder.search, folder.case()
    ahead, actual, *imbalance = folder.markets_of(case)
    minutes = case.roll.step
    test = backtest(
        case,
        ahead,
        actual,
        imbalance=imbalance,
        days=folder.days(case),
        forecaster=asked.forecast,
        known=asked.known,
        step=None if minutes is None else timedelta(minutes=minutes),
        steps=True,
        progress=lambda days: emit(phase="roll", days=days),
    )
    emit(phase="report")
    summary = summarise_rolling([test], case=case, forecast=asked.forecast, known=asked.known)
    write_rolling_folder([test], summary, folder.path / ROLL, language=asked.language)
