"""Write the folder of a study: tables, workbook, figures and page, all of them or none."""

from __future__ import annotations

from pathlib import Path

from csmoifsa.folders import result_folder
from csmoifsa_ev.output.figures import draw_all
from csmoifsa_ev.output.report import write_report
from csmoifsa_ev.output.summary import Summary
from csmoifsa_ev.output.tables import write_tables
from csmoifsa_ev.output.workbook import write_study_workbook
from csmoifsa_ev.study.study import Study


def write_study(
    study: Study,
    out: Path,
    *,
    excel: bool = True,
    figures: bool = True,
    report: bool = True,
    pdf: bool = False,
    language: str = "en",
) -> tuple[Summary, list[str]]:
    """Write all files of a study; return its summary and the names of files and folders written.

    Parameters
    ----------
    study : Study
        The study.
    out : Path
        Folder for the files; those of an earlier study in it are replaced.
    excel, figures, report : bool
        Whether to write ``study.xlsx``, ``figures/`` and ``report.html``.
    pdf : bool
        Whether to print the page as ``report.pdf``, too.
    language : "en" or "zh"
        Language of the report, and of the meanings of columns in the workbook.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    with result_folder(out, "ev price") as place:
        summary = write_tables(study, place)
        if excel:
            write_study_workbook(place, language)
        if figures:
            draw_all(place)
        if report or pdf:
            write_report(study, place / "report.html", language=language, pdf=pdf)
        written = sorted(one.name + "/" * one.is_dir() for one in place.iterdir() if one.name[0] != ".")
    return summary, written
