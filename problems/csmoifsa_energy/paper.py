"""Print a page of results as a PDF, with a browser of this machine: the charts of a page are drawn by its scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
"""Browsers that print without a window, by the name of their program."""

LONGEST_S = 180.0
"""Longest time that printing may take [s]."""


def find_browser() -> str:
    """Return the program of a browser that can print.

    Raises
    ------
    InputError
        There is none.
    """
    for name in BROWSERS:
        found = shutil.which(name)
        if found is not None:
            return found
    raise InputError(
        "--pdf needs Chromium, Chrome or Edge, and none was found; leave --pdf out, open report.html in any browser, "
        "and print it to a PDF there"
    )


def print_page(page: Path, pdf: Path) -> str | None:
    """Print a page of results as a PDF on A4.

    The browser runs without a window, with a profile of its own that is removed afterwards.

    Parameters
    ----------
    page : Path
        The HTML file.
    pdf : Path
        The file to write.

    Returns
    -------
    str or None
        Sentence on what failed, None if the file was written.
    """
    with TemporaryDirectory() as folder:
        printed = Path(folder) / "printed.pdf"
        command = [
            find_browser(),
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking",
            "--hide-scrollbars",
            "--no-pdf-header-footer",
            "--window-size=1280,900",
            "--virtual-time-budget=20000",
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={printed}",
            page.resolve().as_uri(),
        ]
        if getattr(os, "geteuid", lambda: 1)() == 0:  # a browser run by root refuses its sandbox
            command.insert(1, "--no-sandbox")
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=LONGEST_S)
            content = printed.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            reason = type(error).__name__ if isinstance(error, subprocess.SubprocessError) else str(error)
            return (
                f"{pdf.name} was not written: {command[0]} could not print the page ({reason}); print {page.name} there"
            )
    if not content.startswith(b"%PDF"):
        return f"{pdf.name} was not written: {command[0]} wrote no PDF; print {page.name} from a browser"
    with atomic_write(pdf, "wb") as file:
        file.write(content)
    return None
