"""Write the folder of a day or of a rolling test: tables, figures and page, all of them or none."""

from __future__ import annotations

from pathlib import Path

from csmoifsa.folders import result_folder
from csmoifsa_aggregator.output.figures import draw_day, draw_rolling
from csmoifsa_aggregator.output.report import write_day_report, write_rolling_report
from csmoifsa_aggregator.output.rolling_tables import write_rolling
from csmoifsa_aggregator.output.summary import DaySummary, RollingSummary
from csmoifsa_aggregator.output.tables import write_day
from csmoifsa_aggregator.study.backtest import Backtest
from csmoifsa_aggregator.study.study import DayStudy


def write_day_folder(
    study: DayStudy, out: Path, *, figures: bool = True, report: bool = True, language: str = "en"
) -> DaySummary:
    """Write all files of a day; return its summary.

    Parameters
    ----------
    study : DayStudy
        The day.
    out : Path
        Folder for the files; those of an earlier day in it are replaced.
    figures, report : bool
        Whether to write ``figures/`` and ``report.html``.
    language : "en" or "zh"
        Language of the report.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    with result_folder(out, "ev aggregate") as place:
        summary = write_day(study, place)
        if figures:
            draw_day(place)
        if report:
            write_day_report(place, language=language)
    return summary


def write_rolling_folder(
    tests: list[Backtest],
    summary: RollingSummary,
    out: Path,
    *,
    figures: bool = True,
    report: bool = True,
    language: str = "en",
) -> None:
    """Write all files of rolling tests at one or more nodes; see `write_day_folder`."""
    with result_folder(out, "ev roll") as place:
        write_rolling(tests, summary, place)
        if figures:
            draw_rolling(place)
        if report:
            write_rolling_report(place, language=language)
