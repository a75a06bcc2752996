"""Every command that reads a user's file says in one sentence what is wrong with it, at once, whatever it is."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

import odd_files

LOAD = "[load]\ncsv = 'f.csv'\nstamp = 'beginning'\ntime_zone = 'UTC'\n"
SESSIONS = "[fleet.sessions]\nfile = 'f.csv'\ntime_zone = 'UTC'\nstamp_zone = 'UTC'\n"
PRICES = "timestamp,price\n" + "".join(f"2020-01-01 {h:02d}:00,20\n" for h in range(24))

COMMANDS = {  # command line, the file in question, its kinds, and the scenario that names it
    "price": ("ev price f.toml -n 100", "f.toml", odd_files.TOML, ""),
    "compare": ("ev compare f.toml -n 16", "f.toml", odd_files.TOML, ""),
    "learn": ("ev learn f.toml", "f.toml", odd_files.TOML, ""),
    "check": ("ev check f.toml", "f.toml", odd_files.TOML, ""),
    "calibrate": ("ev calibrate f.csv", "f.csv", odd_files.CSV, ""),
    "calibrate --scenario": ("ev calibrate none.csv --scenario f.toml", "f.toml", odd_files.TOML, ""),
    "aggregate toml": ("ev aggregate f.toml", "f.toml", odd_files.TOML, ""),
    "aggregate json": ("ev aggregate f.json", "f.json", odd_files.JSON, ""),
    "roll case": ("ev roll f.toml --day-ahead da.csv --real-time da.csv", "f.toml", odd_files.TOML, ""),
    "roll day ahead": ("ev roll wei-v2g --day-ahead f.csv --real-time da.csv", "f.csv", odd_files.CSV, ""),
    "roll real time": ("ev roll wei-v2g --day-ahead da.csv --real-time f.csv", "f.csv", odd_files.CSV, ""),
    "bench run": ("bench run f.toml --out new.sqlite", "f.toml", odd_files.TOML, ""),
    "bench speed": ("bench speed f.toml --out new.sqlite", "f.toml", odd_files.TOML, ""),
    "load": ("ev price s.toml -n 100", "f.csv", odd_files.CSV, LOAD),
    "check load": ("ev check s.toml", "f.csv", odd_files.CSV, LOAD),
    "market price": ("ev check s.toml", "f.csv", odd_files.CSV, LOAD.replace("load", "grid.day_ahead")),
    "tariff": ("ev price s.toml -n 100", "f.json", odd_files.JSON, "[tariff]\nfile = 'f.json'\nday = 2014-06-05\n"),
    "vehicles": ("ev price s.toml -n 100", "f.csv", odd_files.CSV, "[fleet]\nvehicles = 'f.csv'\n"),
    "sessions": ("ev price s.toml -n 100", "f.csv", odd_files.CSV, SESSIONS),
    "sessions json": ("ev check s.toml", "f.json", odd_files.JSON, SESSIONS.replace(".csv", ".json")),
}
RIGHT = {  # what is odd and yet right: an empty scenario is the bundled case
    *((name, odd) for name in ("price", "compare", "learn", "check") for odd in ("empty", "only a mark")),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_one_sentence_whatever_the_file_is(run_cli, tmp_path, monkeypatch, name):
    command, file, kinds, scenario = COMMANDS[name]
    told = []
    for k, (odd, make) in enumerate((odd_files.ANY | kinds).items()):
        if (name, odd) in RIGHT:
            continue
        folder = tmp_path / str(k)
        folder.mkdir()
        monkeypatch.chdir(folder)
        Path("s.toml").write_text(scenario)
        Path("da.csv").write_text(PRICES)
        make(Path(file))
        start = time.process_time()
        done = run_cli(*command.split())
        seconds = time.process_time() - start
        last = done.err.rstrip("\n").rpartition("\n")[2]
        faults = [
            done.code != 2 and f"exit code {done.code}",
            "Traceback" in done.err and "a traceback",
            not last.startswith("error: ") and "no sentence",
            len(last) > 4_200 and f"{len(last)} characters",
            "\x1b[2J" in done.err + done.out and "a command reached the terminal",
            k and seconds > 2.0 and f"{seconds:.1f} s",  # the first one imports
            "check s.toml" not in command
            and name != "check"
            and done.err.count("\n") > 1
            and f"{done.err.count(chr(10))} lines",
        ]
        if any(faults):
            told.append(f"{odd}: {', '.join(str(f) for f in faults if f)}: {done.err[-600:]}")
    assert not told, "\n".join(told)


@pytest.mark.parametrize("cars", ["1e30", "1e18", "1000000000000000000", "9223372036854775807", "1e308", "nan", "inf"])
@pytest.mark.parametrize("command", ["price", "compare", "learn"])
def test_no_number_of_cars_ends_in_a_traceback_or_without_end(run_cli, tmp_path, command, cars):
    (tmp_path / "s.toml").write_text(f"[fleet]\nn_ev = {cars}\n")
    done = run_cli("ev", command, tmp_path / "s.toml")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "n_ev must be" in done.err


@pytest.mark.parametrize("names", [1, "ab", [{}, {}], [1, 2], {"a": 1, "b": 2}])
def test_names_of_a_game_are_texts(run_cli, tmp_path, names):
    game = {"p": [1, 2], "lb": [1, 1], "ub": [2, 2], "mean": 1.5, "E": [1, 1], "Pm": [1, 1], "W": [[1, 1], [1, 1]]}
    (tmp_path / "g.json").write_text(json.dumps({**game, "names": names}))
    done = run_cli("ev", "aggregate", tmp_path / "g.json")
    assert done.code == 2
    assert re.search(r"names(\.\d)? must be a (list|text)", done.err)
    assert done.err.count("\n") == 1
