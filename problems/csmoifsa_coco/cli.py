"""The commands ``csmoifsa coco observe | ecdf``."""

from __future__ import annotations

from pathlib import Path

import typer

from csmoifsa.console import JSON_OPTION, print_json, progress, stdout
from csmoifsa.errors import InputError

app = typer.Typer(
    name="coco",
    help="COCO's bbob-biobj with COCO's own observer, targets and ECDFs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)


_ALGORITHMS = typer.Argument(..., metavar="ALGORITHMS", help="Names from 'csmoifsa list'.")
_OBSERVED = typer.Option(Path("coco"), "--out", "-o", metavar="DIR", help="COCO writes DIR/exdata/ALGORITHM.")
_FOLDERS = typer.Argument(..., metavar="FOLDERS", help="What 'csmoifsa coco observe' wrote.")
_PAGES = typer.Option(Path("ppdata"), "--out", "-o", metavar="DIR", help="COCO's pages and figures.")


@app.callback()
def _root() -> None:
    """COCO's bbob-biobj with COCO's own observer, targets and ECDFs."""


@app.command()
def observe(
    algorithms: list[str] = _ALGORITHMS,
    dimension: int = typer.Option(10, "--dimension", "-d", help="2, 3, 5, 10, 20 or 40."),
    functions: str = typer.Option("1-55", "--functions", "-f", help="From 1 to 55: numbers and ranges, 2,4,10-14."),
    instances: str = typer.Option("1-10", "--instances", "-i", help="From 1 to 15; COCO has references for 1 to 10."),
    budget: int = typer.Option(10_000, "--budget", help="Evaluations of a run."),
    seed: int = typer.Option(1, "--seed", help="Seeds of the runs follow from it."),
    out: Path = _OBSERVED,
    as_json: bool = JSON_OPTION,
) -> None:
    """Run algorithms under COCO's observer and show the share of COCO's archive-hypervolume targets that they reach.

    [bold]Example:[/bold]  csmoifsa coco observe csmoifsa nsga2 --dimension 5 --functions 2,4 --budget 5000 --out coco
    """
    import numpy as np

    from csmoifsa_coco.observe import indicator_values, share_of_targets
    from csmoifsa_coco.observe import observe as run

    numbers, which = _numbers("--functions", functions), _numbers("--instances", instances)
    rows: list[dict[str, object]] = []
    for algorithm in algorithms:
        with progress(f"observe {algorithm}", len(numbers) * len(which)) as update:
            folder = run(algorithm, numbers, dimension, which, budget, out.resolve(), seed, update)
        found = list(indicator_values(folder))
        shares = [share_of_targets(distance) for _, instance, _, distance in found if instance <= 10]
        share = float(np.mean(shares)) if shares else None
        rows.append({"algorithm": algorithm, "runs": len(found), "measured": len(shares), "targets_reached": share})
        rows[-1]["folder"] = str(folder)
    if as_json:
        print_json({"dimension": dimension, "budget": budget, "algorithms": rows})
        return
    for row in rows:
        share = "no reference values" if row["targets_reached"] is None else f"{row['targets_reached']:.1%} of targets"
        stdout().print(
            f"{row['algorithm']}: {share} ({row['measured']} of {row['runs']} runs measured) in {row['folder']}",
            markup=False,
            soft_wrap=True,
        )


@app.command()
def ecdf(
    folders: list[Path] = _FOLDERS,
    out: Path = _PAGES,
) -> None:
    """Draw COCO's ECDFs of run lengths with its post-processing, cocopp.

    [bold]Example:[/bold]  csmoifsa coco ecdf coco/exdata/csmoifsa coco/exdata/nsga2
    """
    from importlib.util import find_spec

    if find_spec("cocopp") is None:
        raise InputError("csmoifsa coco ecdf needs the package cocopp; install it with: pip install 'csmoifsa[coco]'")
    for folder in folders:
        if not any(folder.rglob("*.info")):
            raise InputError(f"{folder} holds no files of COCO's observer; make some with 'csmoifsa coco observe'")
    import cocopp

    cocopp.main(["-o", str(out), *(str(folder) for folder in folders)])
    stdout().print(f"Written: {out}/index.html", soft_wrap=True)


def _numbers(option: str, text: str) -> list[int]:
    """Return the whole numbers of ``2,4,10-14``, each once, in order."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise InputError(f"{option}: {part.strip()!r} is neither a number nor a range; write them as in 2,4,10-14")
        if int(last) > 1000:
            raise InputError(f"{option}: {last} is more than any suite has")
        found |= set(range(int(first), int(last) + 1))
    return sorted(found)
