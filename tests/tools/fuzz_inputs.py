"""Feed mutated settings, tables and documents to every reader and count what is not refused in one sentence.

    python tests/tools/fuzz_inputs.py --inputs 5000 --seed 1

Each input is a sound file with a few bytes, lines or values changed. A reader may take it or raise `InputError`; any
other exception, or more than two seconds, is a fault. Ends with 1 if there are faults.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from csmoifsa.errors import InputError

ROOT = Path(__file__).parents[2]
SECONDS = 2.0
STRANGE = [
    *("1e30", "1e18", "-1", "0", "nan", "inf", "1e308", "5e-324", "9" * 30, "9" * 5000, "true", "null", "''", '""'),
    *(
        "[]",
        "{}",
        "[[]]",
        "0x" + "f" * 40,
        "1e999",
        "99999-01-01",
        "24:00",
        "-0.0",
        "\u2028",
        "\x00",
        "\ufeff",
        "\ud7ff",
    ),
    *(
        "=1+1",
        "[red]",
        "\x1b[2J",
        "'",
        '"',
        "\\",
        "[" * 500,
        "{" * 500,
        "a." * 500,
        ",",
        ";",
        "\r",
        "\n\n",
        "\t",
        "\U0010ffff",
    ),
]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def _prices() -> bytes:
    lines = [f"2020-01-0{d} {h:02d}:00,{20 + h}" for d in (1, 2) for h in range(24)]
    return ("timestamp,price\n" + "\n".join(lines) + "\n").encode()


def _observations() -> bytes:
    rows = [f"{pair},{k},{0.02 * k}" for pair in ("peak_valley", "v2g") for k in range(12)]
    return ("pair,incentive,share\n" + "\n".join(rows) + "\n").encode()


def readers() -> dict[str, tuple[str, bytes, Callable[[Path], object]]]:
    """Return the ending of the file, a sound one and what reads it, by name."""
    from csmoifsa_aggregator.inputs.case import load_case
    from csmoifsa_aggregator.inputs.market import load_prices
    from csmoifsa_bench.suite import load_suite
    from csmoifsa_ev.inputs.inspection import inspect_scenario
    from csmoifsa_ev.study.calibration import read_observations

    ev, aggregator = (ROOT / "problems" / f"csmoifsa_{name}" for name in ("ev", "aggregator"))
    bench = ROOT / "benchmarks" / "csmoifsa_bench"
    game = {
        **{
            "name": "g",
            "T": 4,
            "p": [1, 2, 3, 2],
            "lb": [0.5, 1, 2, 1],
            "ub": [2, 3, 4, 3],
            "mean": 2.0,
            "mean_sense": "==",
        },
        **{
            "pb": [1, 2, 3, 2],
            "ps": [0.5, 1, 1, 1],
            "E": [3.0, 2.0],
            "Pm": [2.0, 2.0],
            "n": [1, 2],
            "names": ["a", "b"],
        },
        **{
            "W": [[1, 1, 0, 1], [0, 1, 1, 1]],
            "dt": 1.0,
            "import_limit_kw": [9, 9, 9, 9],
            "block_kw": [4.0],
            "block_premium": [0.1],
        },
        **{"storage": {"Pmax": 1, "Smax": 2, "S0": 0, "eta": 0.9}, "optimum_profit": 1.0},
    }
    return {
        "scenario": ("toml", (ev / "inputs" / "cases" / "paper-2022.toml").read_bytes(), inspect_scenario),
        "template": ("toml", (ev / "inputs" / "cases" / "template.toml.txt").read_bytes(), inspect_scenario),
        "case": ("toml", (aggregator / "inputs" / "cases" / "wei-v2g.toml").read_bytes(), load_case),
        "portfolio": ("toml", (aggregator / "inputs" / "cases" / "portfolio.toml").read_bytes(), load_case),
        "game": ("json", json.dumps(game, indent=1).encode(), load_case),
        "suite": ("toml", (bench / "suites" / "zdt.toml").read_bytes(), load_suite),
        "prices": ("csv", _prices(), load_prices),
        "observations": ("csv", _observations(), read_observations),
    }


def mutated(raw: bytes, draw: random.Random) -> bytes:
    """Return a file with one to four changes."""
    for _ in range(draw.randint(1, 4)):
        strange = draw.choice(STRANGE).encode("utf-8", "surrogatepass")
        numbers = list(NUMBER.finditer(raw))
        lines = raw.split(b"\n")
        way = draw.randrange(7)
        if way == 0 and numbers:
            one = draw.choice(numbers)
            raw = raw[: one.start()] + strange + raw[one.end() :]
        elif way == 1:
            place = draw.randrange(len(raw) + 1)
            raw = raw[:place] + strange + raw[place:]
        elif way == 2 and raw:
            place = draw.randrange(len(raw))
            raw = raw[:place] + bytes([draw.randrange(256)]) + raw[place + 1 :]
        elif way == 3:
            lines.pop(draw.randrange(len(lines)))
            raw = b"\n".join(lines)
        elif way == 4:
            lines.insert(draw.randrange(len(lines)), draw.choice(lines))
            raw = b"\n".join(lines)
        elif way == 5:
            raw = raw[: draw.randrange(len(raw) + 1)]
        else:
            k = draw.randrange(len(lines))
            key, equals, _ = lines[k].partition(b"=" if b"=" in lines[k] else b":")
            lines[k] = key + equals + b" " + strange if equals else strange
            raw = b"\n".join(lines)
    return raw


def fuzz(inputs: int, seed: int, only: str | None = None) -> list[str]:
    """Return one text a fault, after so many inputs shared among the readers."""
    warnings.simplefilter("ignore")
    draw, faults = random.Random(seed), []
    known = [(name, *rest) for name, rest in readers().items() if only in (None, name)]
    with tempfile.TemporaryDirectory() as folder:
        for _, ending, sound, read in known:  # each is taken as it is, or the mutations would prove nothing
            path = Path(folder) / f"f.{ending}"
            path.write_bytes(sound)
            read(path)
        for k in range(inputs):
            name, ending, sound, read = known[k % len(known)]
            path = Path(folder) / f"f.{ending}"
            path.write_bytes(mutated(sound, draw))
            start = time.process_time()
            try:
                refused = bool(getattr(read(path), "faults", None))
            except InputError:
                refused = True
            except Exception as error:
                refused = False
                place = traceback.extract_tb(error.__traceback__)[-1]
                faults.append(f"{name}, input {k}: {type(error).__name__} at {place.filename}:{place.lineno}: {error}")
            if refused and (seconds := time.process_time() - start) > SECONDS:
                faults.append(f"{name}, input {k}: {seconds:.1f} s")
    return faults


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", help="only this one")
    asked = parser.parse_args()
    faults = fuzz(asked.inputs, asked.seed, asked.reader)
    for fault in faults[:50]:
        print(fault[:500].encode("ascii", "backslashreplace").decode())
    print(f"{asked.inputs} inputs, {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
