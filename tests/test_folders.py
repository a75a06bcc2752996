"""A folder of results is wholly old or wholly new, whenever the command is stopped, and keeps the user's own files."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from csmoifsa import files, folders
from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, part_name, remove_dead_parts, write_json
from csmoifsa.folders import MARK, WRITTEN, result_folder

WRITERS = ("a.csv", "b.json", "figures/c.png", "report.html")


def write(folder, number, names=WRITERS):
    with result_folder(folder, "test") as place:
        for name in names:
            (place / name).parent.mkdir(exist_ok=True)
            with atomic_write(place / name) as file:
                file.write(f"{number} of {name}")


def seen(folder):
    """Return every file of a folder with its text, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def older(tmp_path):
    """Return a folder with an older result, with a file that the new one lacks, and files of the user's."""
    folder = tmp_path / "out"
    write(folder, 1, (*WRITERS, "gone.csv", "figures/gone.png"))
    (folder / "notes.txt").write_text("mine")
    (folder / "figures" / "mine.svg").write_text("mine too")
    return folder


MINE = {"notes.txt": "mine", "figures/mine.svg": "mine too"}


def test_new_files_replace_old_ones_and_leave_the_users(tmp_path):
    folder = older(tmp_path)
    write(folder, 2)
    found = seen(folder)
    assert json.loads(found.pop(WRITTEN)) == {"written": {"test": sorted(WRITERS)}}
    assert found == MINE | {name: f"2 of {name}" for name in WRITERS}
    write(folder, 3, ("a.csv",))
    assert seen(folder).keys() == {*MINE, "a.csv", WRITTEN}


def test_two_commands_share_a_folder(tmp_path):
    write(tmp_path, 1, ("a.csv", "common.json"))
    with result_folder(tmp_path, "other") as place:
        write_json(place / "common.json", 2)
        write_json(place / "d.json", 2)
    write(tmp_path, 3, ("a.csv",))
    assert seen(tmp_path).keys() == {"a.csv", "common.json", "d.json", WRITTEN}  # common.json is the other's by now


def test_a_block_within_another_writes_with_it(tmp_path):
    with result_folder(tmp_path / "o", "outer") as outer:
        write(outer, 1)
        with result_folder(outer / "deeper", "inner") as inner:
            (inner / "x").write_text("1")
        assert [p.name.endswith(".part") for p in (tmp_path / "o").iterdir()] == [True]
    assert seen(tmp_path / "o").keys() == {*WRITERS, "deeper/x", WRITTEN}


FAULTS = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]


@pytest.mark.parametrize("fault", FAULTS, ids=["full disk", "Ctrl-C"])
@pytest.mark.parametrize("call", ["replace", "fsync", "open", "unlink", "mkdir"])
def test_a_fault_at_any_write_leaves_the_folder_wholly_old_or_wholly_new(tmp_path, monkeypatch, call, fault):
    outcomes = set()
    for k in range(100):
        folder = older(tmp_path / str(k))
        before, count = seen(folder), [0]
        owner = {"open": files, "unlink": Path, "mkdir": Path}.get(call, os)
        plain = open if call == "open" else getattr(owner, call)

        def failing(*arguments, count=count, k=k, plain=plain, **options):
            count[0] += 1
            if count[0] == k + 1:
                raise fault
            return plain(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(owner, call, failing, raising=False)
            try:
                write(folder, 2)
                result = "new"
            except (InputError, OSError, KeyboardInterrupt):
                result = "stopped"
        if count[0] <= k:  # fewer calls than that: nothing failed
            break
        after = seen(folder)
        old = after == before
        new = {n: t for n, t in after.items() if n != WRITTEN} == MINE | {name: f"2 of {name}" for name in WRITERS}
        assert old or new, (k, sorted(after))
        outcomes.add((result, "new" if new else "old"))
    assert k >= 3
    assert ("stopped", "old") in outcomes


@pytest.mark.parametrize("place", range(0, 26, 3))
def test_killed_while_files_are_moved_the_folder_says_so_and_the_next_run_mends_it(tmp_path, place):
    folder = older(tmp_path)
    before = seen(folder)
    code = (
        f"import os, sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_folders\nplain, count = os.replace, [0]\n"
        "def killed(*a):\n    count[0] += 1\n"
        f"    if count[0] > {place}: os._exit(9)\n    return plain(*a)\n"
        f"os.replace = killed\ntest_folders.write(test_folders.Path({str(folder)!r}), 2)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
    after = {n: t for n, t in seen(folder).items() if ".part" not in n}
    new = MINE | {name: f"2 of {name}" for name in WRITERS}
    whole = after == before or {n: t for n, t in after.items() if n != WRITTEN} == new
    assert whole or MARK in after
    assert ended == (0 if after.get("a.csv") == "2 of a.csv" and MARK not in after else 9)
    with pytest.raises(RuntimeError), result_folder(folder, "test"):
        raise RuntimeError  # the next command fails, too
    assert seen(folder) == (before if MARK in after or after == before else after)
    write(folder, 3)
    assert {n: t for n, t in seen(folder).items() if n != WRITTEN} == MINE | {n: f"3 of {n}" for n in WRITERS}


def test_ctrl_c_while_files_are_moved_waits(tmp_path, monkeypatch):
    folder = older(tmp_path)
    plain = os.replace

    def interrupted(*arguments):
        if str(arguments[1]).endswith("report.html") and "part" not in str(arguments[1]):
            signal.raise_signal(signal.SIGINT)
        return plain(*arguments)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(folder, 2)
    assert {n: t for n, t in seen(folder).items() if n != WRITTEN} == MINE | {n: f"2 of {n}" for n in WRITERS}


def test_a_folder_in_the_way_is_not_lost(tmp_path):
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "a.csv" / "mine").write_text("1")
    with pytest.raises(InputError, match=r"a\.csv is a folder, and a file of that name"):
        write(tmp_path, 1)
    assert seen(tmp_path) == {"a.csv/mine": "1"}


def test_nothing_is_left_where_nothing_was_written(tmp_path):
    with pytest.raises(ZeroDivisionError), result_folder(tmp_path / "x" / "y", "test"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_list_from_somebody_else_removes_nothing_outside(tmp_path):
    (tmp_path / "precious").write_text("1")
    for name in ("../precious", str(tmp_path / "precious"), "x/../../precious"):
        (tmp_path / "o").mkdir(exist_ok=True)
        (tmp_path / "o" / WRITTEN).write_text(json.dumps({"written": {"test": [name, "", "."]}}))
        write(tmp_path / "o", 1)
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"written": 1}', '{"written": {"test": 1}}', "\0", "[" * 5000])
def test_a_damaged_list_costs_nothing(tmp_path, text):
    (tmp_path / WRITTEN).write_text(text)
    write(tmp_path, 1)
    assert seen(tmp_path).keys() == {*WRITERS, WRITTEN}


def test_parts_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    name = part_name("a.csv")
    gone = tmp_path / name.replace(f"-{os.getpid()}-", f"-{int(dead.stdout)}-")
    elsewhere = tmp_path / gone.name.replace(files._NODE, "0" * 8)
    for path in (gone, elsewhere, tmp_path / name, tmp_path / ".hidden.part"):
        path.write_text("1")
    remove_dead_parts(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {name, elsewhere.name, ".hidden.part"}
    gone.write_text("1")
    with atomic_write(tmp_path / "new") as file:
        file.write("1")
    assert not gone.exists()


def test_messages_name_the_folder_that_was_asked_for(tmp_path):
    with pytest.raises(InputError, match="cannot write") as told, result_folder(tmp_path / "o", "test") as place:
        write_json(place / "none" / "a.csv", 1)
    assert str(tmp_path / "o" / "none" / "a.csv") in str(told.value)
    assert folders._open == set()
