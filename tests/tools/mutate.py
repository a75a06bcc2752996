"""Break the code in one place at a time and see whether the tests notice.

    python tests/tools/mutate.py                      all modules of `mutated_modules.MODULES`
    python tests/tools/mutate.py statistics v2g       some of them
    python tests/tools/mutate.py dispatch --sample 100 --seed 1
    python tests/tools/mutate.py statistics --again   only those that survived last time
    python tests/tools/mutate.py v2g --list           what would be tried

A mutant is the module with one change: a comparison, an operator, a number, min for max, a returned value, a statement
left out, a condition negated. Every test that executes the changed statement runs, quickest first, until one fails:
then the mutant is killed. A mutant that does not end within its time is killed, too. What survives shows a line whose
work no test checks, or that does nothing. Changes that cannot matter stand in `equivalent_mutants.toml` with the
reason.

Each mutant runs in a fork of this process, which has imported the libraries already. Needs a system that can fork.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import sys
import time
import tomllib
from pathlib import Path

from judge import ROOT, Judge
from mutants import mutants_of
from mutated_modules import MODULES

SURVIVORS = ROOT / "out" / "mutants"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
BAR = 0.95


def judge_module(name: str, options: argparse.Namespace) -> float:
    """Try a module's mutants, print those that survive, and return the share killed."""
    module, files = MODULES[name]
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    every = mutants_of(Path(spec.origin).read_text(encoding="utf-8"))
    harmless = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get(name, {})
    for stale in harmless.keys() - {mutant.name for mutant in every}:
        print(f"{EQUIVALENT.name}: [{name}] has no such mutant any more: {stale}")
    tried = [mutant for mutant in every if mutant.name not in harmless]
    survivors = SURVIVORS / f"{name}.txt"
    if options.again:
        wanted = set(survivors.read_text(encoding="utf-8").splitlines())
        tried = [mutant for mutant in tried if mutant.name in wanted]
    if 0 < options.sample < len(tried):
        chosen = random.Random(options.seed).sample(range(len(tried)), options.sample)
        tried = [tried[k] for k in sorted(chosen)]
    if options.list:
        print("\n".join(mutant.name for mutant in tried))
        return 1.0
    begin = time.perf_counter()
    judge = Judge(module, files) if tried else None
    left = []
    for mutant in tried:
        assert judge is not None
        if not judge.killed(mutant):
            left.append(mutant)
            how = "" if judge.tests_for(mutant) else "   (no test executes it)"
            print(f"survived, line {mutant.lines.start}: {mutant.name}{how}", flush=True)
    SURVIVORS.mkdir(parents=True, exist_ok=True)
    survivors.write_text("".join(f"{mutant.name}\n" for mutant in left), encoding="utf-8")
    rate = 1.0 - len(left) / max(len(tried), 1)
    sample = f", {options.sample} drawn with seed {options.seed}" if len(tried) == options.sample else ""
    print(
        f"{name}: {len(tried) - len(left)} of {len(tried)} killed ({100 * rate:.1f} %){sample}; "
        f"{len(every)} mutants, {len(harmless)} of them equivalent; {time.perf_counter() - begin:.0f} s",
        flush=True,
    )
    return rate


def main() -> None:
    """Judge the modules asked for; exit with 1 where less than `BAR` of a module's mutants are killed."""
    parser = argparse.ArgumentParser(description="Break the code in one place at a time; do the tests notice?")
    parser.add_argument("modules", nargs="*", choices=[[], *MODULES], help="all where left out")
    parser.add_argument("--sample", type=int, default=0, help="try so many of each module's mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="which are drawn")
    parser.add_argument("--again", action="store_true", help="try only what survived last time")
    parser.add_argument("--list", action="store_true", help="print the mutants, try none")
    options = parser.parse_args()
    os.chdir(ROOT)
    rates = [judge_module(name, options) for name in options.modules or MODULES]
    sys.exit(int(min(rates) < BAR))


if __name__ == "__main__":
    main()
