"""Compare stage one with a plain full program, the oracle of the tests, on random small games of every kind.

    python tests/tools/compare_stage_one.py --games 1000

Prints one Markdown row a kind of game and margin, and each game that disagrees. Exit code 1 if one does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from aggregator.agreement import compare


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--games", type=int, default=1000, help="Seeds to go through.")
    options.add_argument("--first", type=int, default=0, help="The first of them.")
    options.add_argument("--margin", type=float, default=None, help="Strict margin; 0 and 0.001 in turn if left out.")
    chosen = options.parse_args()
    begin, counts, kinds = time.perf_counter(), Counter(), {}
    for seed in range(chosen.first, chosen.first + chosen.games):
        kind, margin, verdict, detail = compare(seed, chosen.margin)
        kinds[kind, margin] = None
        counts[kind, margin, verdict] += 1
        if verdict == "differs":
            print(f"seed {seed}, {kind}, margin {margin:g}: {detail}", flush=True)
    words = ("agrees", "both refuse", "not proven", "differs")
    print("| kind | margin | " + " | ".join(words) + " |\n| --- | --- |" + " --- |" * len(words))
    for kind, margin in sorted(kinds):
        print(f"| {kind} | {margin:g} | " + " | ".join(str(counts[kind, margin, word]) for word in words) + " |")
    total = {word: sum(n for (_, _, one), n in counts.items() if one == word) for word in words}
    print(f"\n{chosen.games} games, {time.perf_counter() - begin:.0f} s: {total}")
    return 1 if total["differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
