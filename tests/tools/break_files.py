"""Damage checkpoints, results files and suites at random and count how the program takes it.

    python tests/tools/break_files.py --cases 10000

Each case is a whole file with something wrong: bits flipped, cut off, bytes repeated, numbers replaced by extreme
ones, values of another kind; half of the checkpoints get the checksum that belongs to their wrong content. A case must
end in one sentence (`InputError`) or in work that goes on as with a sound file. Tracebacks, crashes of the interpreter,
cases of more than ten seconds and allocations beyond two gigabytes are counted, and printed with the number that makes
them again (``--only NUMBER``). Exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import signal
import sqlite3
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
from pymoo.problems import get_problem

from csmoifsa import CSMOIFSA, MOAFSA, load_problem, npy
from csmoifsa.checkpoint import read_checkpoint, write_checkpoint
from csmoifsa.errors import InputError
from csmoifsa_bench.campaign import run_campaign
from csmoifsa_bench.measure import read_results
from csmoifsa_bench.store import Store
from csmoifsa_bench.suite import check_suite, parse_suite

BATCH = 200  # cases a child process; a crash costs the rest of one batch, which the next child makes
EXTREME = [0, -1, 1, 2**31, 2**62, -(2**63), 100_000, 1e308, -1e308, float("nan"), float("inf"), 0.5]
WORDS = [None, True, -1, 10**30, 1e308, "", "subprocess:getoutput", [], {}, [[[]]], {"a": {"b": 1}}, "x" * 1000]
SUITE = {
    **{"name": "t", "budget": 40, "snapshots": [20], "pop_size": 20, "runs": 1, "metrics": ["igd", "hypervolume"]},
    **{"problems": [{"name": "zdt1"}, {"name": "bnh"}], "algorithms": [{"name": "nsga2"}, {"name": "csmoifsa"}]},
}
TEXT = 'name = "t"\nbudget = 40\npop_size = 20\n[[problems]]\nname = "zdt1"\nparams = { n_var = 5 }\n'
TEXT += '[[algorithms]]\nname = "csmoifsa"\nsettings = { behaviours = ["follow"] }\n[speed]\nn_eval = 100\n'


class Subjects:
    """Sound files of each kind, to be damaged."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.problems = [load_problem("zdt1", n_var=3), get_problem("bnh"), get_problem("dtlz2", n_var=4, n_obj=3)]
        self.checkpoints = []
        for kind, paper in ((CSMOIFSA, False), (MOAFSA, False), (CSMOIFSA, True)):
            for problem in self.problems:
                for n_eval in (5, 47):
                    algorithm = kind(pop_size=6, **({"paper": True} if paper else {}))
                    algorithm.setup(problem, seed=1, termination=("n_eval", n_eval))
                    algorithm.run()
                    algorithm.save(folder / "sound.npz")
                    self.checkpoints.append((kind, problem, n_eval, (folder / "sound.npz").read_bytes()))
        run_campaign(check_suite(SUITE), folder / "sound.sqlite", jobs=1)
        self.results = (folder / "sound.sqlite").read_bytes()

    def run(self, number: int) -> str:
        """Make case ``number`` and use it; returns what became of it, raises what must not be."""
        random = np.random.default_rng([7, number])
        kind = ("checkpoint", "checkpoint", "checkpoint", "results", "suite")[number % 5]
        try:
            getattr(self, f"_{kind}")(random)
        except InputError as error:
            if "\n" in str(error):
                raise AssertionError(f"more than one line: {error}") from error
            return f"{kind}: refused"
        return f"{kind}: used"

    def _checkpoint(self, random: np.random.Generator) -> None:
        kind, problem, n_eval, sound = self.checkpoints[random.integers(len(self.checkpoints))]
        path = self.folder / "case.npz"
        if random.random() < 0.5:
            content = bites(sound, random)
            path.write_bytes(sealed(content) if random.random() < 0.7 else content)
        else:
            path.write_bytes(sound)
            facts, arrays = read_checkpoint(path)
            path.unlink()
            if random.random() < 0.3:
                members = {"facts": npy.pack(np.frombuffer(json.dumps(twisted(facts, random)).encode(), np.uint8))}
                members |= {f"array_{name}": npy.pack(array) for name, array in arrays.items()}
                path.write_bytes(archive(members, random))
            else:
                name = str(random.choice(list(arrays)))
                arrays[name] = warped(arrays[name], random)
                write_checkpoint(path, facts, arrays)
        algorithm = kind.load(path, problem)
        algorithm.setup(problem, termination=("n_eval", n_eval + 60)).run()

    def _results(self, random: np.random.Generator) -> None:
        path = self.folder / "case.sqlite"
        if random.random() < 0.4:
            path.write_bytes(bites(self.results, random))
        else:
            path.write_bytes(self.results)
            change_a_value(path, random)
        for extra in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        with Store(path, readonly=True) as store:
            for suite in store.suites():
                read_results(store, suite)

    def _suite(self, random: np.random.Generator) -> None:
        if random.random() < 0.5:
            check_suite(twisted(SUITE, random))
        else:
            parse_suite(bites(TEXT.encode(), random).decode("utf-8", errors="replace"))


def bites(content: bytes, random: np.random.Generator) -> bytes:
    """Flip bits, cut, repeat, overwrite."""
    data = bytearray(content)
    for _ in range(random.integers(1, 6)):
        place, size = int(random.integers(len(data))), int(random.integers(1, 65))
        match int(random.integers(5)):
            case 0:
                data[place] ^= 1 << int(random.integers(8))
            case 1:
                data[place : place + size] = random.bytes(size)
            case 2:
                data[place : place + size] = b""
            case 3:
                data[place:place] = data[place : place + size]
            case _:
                data[place : place + 8] = struct.pack("<q", int(random.choice([-1, 2**31, 2**62, 10**5])))
        data = data or bytearray(b"\0")
    return bytes(data[: random.integers(len(data) + 1)] if random.random() < 0.05 else data)


def sealed(content: bytes) -> bytes:
    """Put the checksum of a checkpoint's bytes at their end, as a forger would."""
    body = content[:-71]
    return body + b"sha256:" + sha256(body).hexdigest().encode()


def archive(members: dict[str, bytes], random: np.random.Generator) -> bytes:
    """Return a sealed zip archive, now and then compressed."""
    buffer = io.BytesIO()
    compression = zipfile.ZIP_STORED if random.random() < 0.8 else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
        file.comment = b"x" * 71
    return sealed(buffer.getvalue())


def warped(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Replace some values by extreme ones, or change shape or type."""
    if random.random() < 0.2:
        other = [array[:-1], array[..., None], array.ravel(), np.zeros((0, 3)), array.astype(np.float64), array != 0]
        return other[random.integers(len(other))]
    changed = array.copy()
    places = random.integers(max(changed.size, 1), size=random.integers(1, 4))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in places[: changed.size]:
            small = random.random() < 0.5
            value = random.integers(-3, 15) if small else EXTREME[random.integers(len(EXTREME))]
            changed.ravel()[place] = np.array(value, dtype=float).astype(changed.dtype)
    return changed


def twisted(value, random: np.random.Generator):
    """Return a JSON value with one of its parts replaced or left out."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = str(random.choice(list(value)))
        if random.random() < 0.15:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: twisted(value[key], random)}
    if isinstance(value, list | tuple) and value and random.random() < 0.8:
        place = int(random.integers(len(value)))
        return [twisted(part, random) if i == place else part for i, part in enumerate(value)]
    return WORDS[random.integers(len(WORDS))]


def change_a_value(path: Path, random: np.random.Generator) -> None:
    """Replace one column of one table by a value of any kind."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = OFF")
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    table = str(random.choice(tables))
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    column = str(random.choice(columns))
    old = connection.execute(f"SELECT {column} FROM {table}").fetchone()
    values = [None, -1, 2**62, 1e308, float("inf"), "", "{", "[" * 5000, b"", b"\x93NUMPY", "subprocess:getoutput"]
    value = values[random.integers(len(values))]
    if old and isinstance(old[0], bytes) and random.random() < 0.7:
        value = bites(old[0], random)
    if old and isinstance(old[0], str) and old[0].startswith("{") and random.random() < 0.7:
        value = json.dumps(twisted(json.loads(old[0]), random))
    try:
        connection.execute(f"UPDATE OR REPLACE {table} SET {column} = ?", (value,))
        connection.commit()
    except sqlite3.Error:  # the schema itself refuses it
        connection.rollback()
    connection.close()


def child(subjects: Subjects, numbers: list[int], pipe: int) -> None:
    """Make cases and report each by a line; a case that hangs is ended by a signal."""

    def hang(*_: object) -> None:
        raise TimeoutError("more than ten seconds")

    signal.signal(signal.SIGALRM, hang)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, used + 2**31))
    warnings.simplefilter("ignore")
    with os.fdopen(pipe, "w") as out:
        for number in numbers:
            signal.alarm(10)
            try:
                word = subjects.run(number)
            except BaseException:
                word = "TRACEBACK " + json.dumps(traceback.format_exc()[-1500:])
            signal.alarm(0)
            out.write(f"{number} {word}\n")
            out.flush()
    os._exit(0)


def run_batch(subjects: Subjects, numbers: list[int]) -> dict[int, str]:
    """Run cases in a child process; the one during which it died is reported as a crash."""
    found: dict[int, str] = {}
    while left := [number for number in numbers if number not in found]:
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(read)
            child(subjects, left, write)
        os.close(write)
        with os.fdopen(read) as lines:
            for line in lines:
                number, _, word = line.rstrip("\n").partition(" ")
                found[int(number)] = word
        _, status = os.waitpid(pid, 0)
        if status:
            found[next(number for number in left if number not in found)] = f"CRASH {status}"
    return found


def main() -> int:
    """Run the cases; returns 1 if one ended otherwise than it should."""
    parser = argparse.ArgumentParser(description="Damage files at random and count tracebacks and crashes.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--only", type=int, help="make one case in this process, with its traceback")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subjects = Subjects(Path(folder))
        if options.only is not None:
            print(subjects.run(options.only))
            return 0
        start, counts, bad = time.monotonic(), Counter(), []
        for first in range(0, options.cases, BATCH):
            batch = list(range(first, min(first + BATCH, options.cases)))
            for number, word in run_batch(subjects, batch).items():
                kind = word.partition(" ")[0] if word.startswith(("TRACEBACK", "CRASH")) else word
                counts[kind] += 1
                if kind != word:
                    bad.append(f"case {number}: {word}")
        for line in bad[:10]:
            print(line.replace("\\n", "\n"))
        for kind in sorted(counts):
            print(f"{kind}: {counts[kind]}")
        tracebacks, crashes = counts["TRACEBACK"], counts["CRASH"]
        seconds = time.monotonic() - start
        print(f"{options.cases} cases in {seconds:.0f} s: {tracebacks} tracebacks, {crashes} crashes")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
