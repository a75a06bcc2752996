"""A text from somebody else's file stays text: on the terminal, in tables, pages and pictures, whatever it holds."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import warnings

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmoifsa import console
from csmoifsa.figures import draw_front, save_figure
from csmoifsa.files import read_csv, write_csv, write_json
from csmoifsa.page import html_text
from csmoifsa.text import csv_text, figure_text, from_csv, json_text, script_json, visible

NASTY = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "line\u2028separator\u2029",
    "[red]not red[/red]",
    "[/x]",
    "\x1b[31mred\x1b]0;title\x07",
    "bell\x07 back\x08 \x9b31m \x7f",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "@SUM(1)",
    "-2+3",
    "\t=1",
    r"$x^{\frac$",
    "$a$ and $b$",
    "turned \u202e round",
    ":red_heart:",
    "half \ud800",
    "'=quoted",
    "a\nb",
    '"quoted", and more',
]
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("text", NASTY)
def test_terminal(capsys, text):
    from rich.table import Table

    table = Table("head", text)
    table.add_row(text, "1")
    for out in (console.stdout(), console.stderr()):
        out.print(text, soft_wrap=True)
        out.print(table)
    console.print_json({text: text})
    told = capsys.readouterr()
    *_, last = told.out.strip().split("\n")
    for shown in (told.out, told.err):
        assert not HARMFUL.search(shown)
        assert shown.startswith(visible(text, "\n\t").expandtabs())  # brackets, colons and all
    assert json.loads(last) == {text: text}


def test_progress_bar():
    """On a real terminal, for elsewhere it is silent."""
    code = (
        "import sys, json\nfrom csmoifsa.console import progress\n"
        "for text in json.loads(sys.argv[1]):\n    with progress(text, 2) as update:\n        update(1)\n"
    )
    main, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "PYTHONIOENCODING": "utf-8:backslashreplace"}
    with subprocess.Popen([sys.executable, "-c", code, json.dumps(NASTY)], stderr=other, env=environment) as done:
        os.close(other)
        raw = b""
        try:
            while part := os.read(main, 65536):
                raw += part
        except OSError:  # how a terminal ends
            pass
    os.close(main)
    assert done.returncode == 0
    assert [text for text in NASTY if visible(text).encode() not in raw] == []


@given(st.text(alphabet=st.characters() | st.sampled_from("'=+-@\t\r$<&\u2028\x1b")))
def test_every_text_is_harmless_everywhere(text):
    cell = csv_text(text)
    assert cell[:1] not in "=+-@\t\r" or len(text) < 2 or re.fullmatch(r"[-+]?[\d.,_eE+-]+\s?%?", cell)
    assert from_csv(cell) == visible(text)
    assert not HARMFUL.search(cell + json_text(text) + html_text(text) + figure_text(text))
    assert json.loads(json_text([text])) == json.loads(script_json([text])) == [text]
    assert not re.search("[<>&]", script_json(text))
    assert not re.search("[<>\"']", html_text(text))
    from matplotlib.text import Text

    shown, mathematical = Text()._preprocess_math(figure_text(text))
    assert (shown, mathematical) == (visible(text) if text.strip() else figure_text(text), False)


@pytest.mark.parametrize("text", NASTY)
def test_csv(tmp_path, text):
    table = pd.DataFrame({"n": [-1.5, 2.0], text: ["-", text], "k": ["-3.5", "1e3"]})
    write_csv(tmp_path / "t.csv", table)
    header, *rows = csv.reader(io.StringIO((tmp_path / "t.csv").read_text(encoding="utf-8")))
    assert rows[0] == ["-1.5", "-", "-3.5"]  # numbers and lone marks are as they were
    for cell in (header[1], rows[1][1]):
        assert cell[0] not in "=+-@\t\r"
        assert not HARMFUL.search(cell)
        assert visible(text) in cell
    back = read_csv(tmp_path / "t.csv")
    assert list(back.columns) == ["n", visible(text), "k"]
    assert back.iloc[1, 1] == visible(text)


@pytest.mark.parametrize("text", NASTY)
def test_json_file(tmp_path, text):
    write_json(tmp_path / "t.json", {text: [text]})
    written = (tmp_path / "t.json").read_text(encoding="utf-8")
    assert not HARMFUL.search(written)
    assert json.loads(written) == {text: [text]}


@pytest.mark.parametrize("text", [r"$x^{\frac$", "$a$ and $b$", "\x1b[31m\x07 [/x] <script>"])
def test_figure(tmp_path, text):
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(draw_front(np.eye(2), title=text), tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 5_000


# ---- outputs that take nothing ----


def run(arguments, stdout, **environment):
    code = "import sys; sys.argv[0] = 'csmoifsa'; from csmoifsa.cli import main; main()"
    settings = {k: v for k, v in os.environ.items() if k not in ("PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env={**settings, **environment}, timeout=120)


COMMANDS = [["list", "--json"], ["--help"], ["--version"], ["bench", "suites"]]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_output_is_one_sentence(arguments):
    with open("/dev/full", "w") as full:
        done = run(arguments, full)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: ")
    assert done.stderr.count(b"\n") == 1
    assert b"No space left" in done.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_closed_pipe_is_no_traceback(arguments):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        done = run(arguments, pipe)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert done.stderr.count(b"\n") <= 1


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_an_output_that_is_not_utf_8_gets_every_text(tmp_path, environment):
    (tmp_path / "s.toml").write_text("title = 'Zürich ² [/x] 电价'\nname = 'é'\n", encoding="utf-8")
    for more in ([], ["--json"]):
        done = run(["ev", "check", str(tmp_path / "s.toml"), *more], subprocess.PIPE, **environment, PYTHONUTF8="0")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)["facts"]["name"] if more else done.stdout.decode()
        assert told.startswith("é" if more else r"\xe9")
