"""The commands ``csmoifsa bench run | status | report | speed | suites``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from csmoifsa.console import JSON_OPTION, print_json, progress, stderr, stdout

if TYPE_CHECKING:
    from csmoifsa_bench.store import Store
    from csmoifsa_bench.suite import Suite

INTERRUPTED = 130  # the shell's code for a program that Ctrl-C stopped

app = typer.Typer(
    name="bench",
    help="Compare algorithms: run a suite, show its state, report its results.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

_SUITE = typer.Argument(..., metavar="SUITE", help="A name from 'csmoifsa bench suites', or a TOML file of your own.")
_RESULTS = typer.Argument(..., metavar="RESULTS.sqlite", help="A results file of 'csmoifsa bench run'.")
_OUT = typer.Option(Path("results.sqlite"), "--out", "-o", metavar="FILE", help="The results file.")
_REPORT = typer.Option(Path("report"), "--out", "-o", metavar="DIR", help="Tables, figures and report.html.")
_ONLY_SUITES = typer.Option([], "--suite", "-s", help="Report only this suite; may be repeated.")
_ALGORITHMS = typer.Option(
    [], "--algorithms", "-a", metavar="NAMES", help="Only these, by label or name; commas between them, or repeat."
)
_PROBLEMS = typer.Option(
    [], "--problems", "-p", metavar="NAMES", help="Only these, by label or name; commas between them, or repeat."
)
_TRUST = typer.Option(
    False, "--trust", help="Import problems and algorithms that the suite names as module:Class or file.py:Class."
)


@app.callback()
def _root() -> None:
    """Compare algorithms: run a suite, show its state, report its results."""


@app.command()
def suites(as_json: bool = JSON_OPTION) -> None:
    """List the suites that come with the package.

    [bold]Example:[/bold]  csmoifsa bench suites
    """
    from csmoifsa_bench.suite import bundled_names, load_suite

    rows = []
    for name in bundled_names():
        suite = load_suite(name)
        runs = sum(suite.runs_of(a) for a in suite.algorithms) * len(suite.problems)
        rows.append(
            {
                "name": name,
                "problems": [p.label for p in suite.problems],
                "algorithms": [a.label for a in suite.algorithms],
                "budget": suite.budget,
                "count": suite.count,
                "runs": runs,
                "title": suite.title,
            }
        )
    if as_json:
        print_json({"suites": rows})
        return
    table = [
        [r["name"], len(r["problems"]), len(r["algorithms"]), f"{r['budget']:,} {r['count']}", r["runs"], r["title"]]
        for r in rows
    ]
    _print_table(["suite", "problems", "algorithms", "budget", "runs", ""], table)


@app.command()
def run(
    suite: str = _SUITE,
    runs: int | None = typer.Option(None, "--runs", "-r", help="Repetitions; by default the suite's."),
    budget: int | None = typer.Option(
        None, "--budget", help="Another length of the runs; snapshots and comparisons below it remain."
    ),
    jobs: int | None = typer.Option(None, "--jobs", "-j", help="Runs at a time; the number of processors by default."),
    algorithms: list[str] = _ALGORITHMS,
    problems: list[str] = _PROBLEMS,
    out: Path = _OUT,
    again: bool = typer.Option(
        False, "--again", help="Also repeat runs that the file has, e.g. after a change of code."
    ),
    backend: str = typer.Option("loky", "--backend", "-b", help="loky (processes here), dask or ray (a cluster)."),
    address: str | None = typer.Option(None, "--address", help="Address of the cluster's scheduler."),
    trust: bool = _TRUST,
    as_json: bool = JSON_OPTION,
) -> None:
    """Make the runs of a suite that the results file lacks; it can be stopped and started again at any time.

    [bold]Example:[/bold]  csmoifsa bench run zdt --runs 30 --out zdt.sqlite

    [bold]Example:[/bold]  csmoifsa bench run my.toml --algorithms csmoifsa,nsga2 --backend dask --address tcp://10.0.0.5:8786
    """
    from csmoifsa_bench.campaign import missing_cells, run_campaign
    from csmoifsa_bench.cells import grid
    from csmoifsa_bench.store import Store
    from csmoifsa_bench.suite import load_suite

    whole = load_suite(suite).narrowed(runs=runs, budget=budget)
    wanted = whole.narrowed(problems=_names(problems), algorithms=_names(algorithms))
    total = sum(1 for _ in grid(wanted))
    interrupted = False
    tally = None
    with progress(f"suite {wanted.name}", total) as update:
        try:
            tally = run_campaign(
                *(wanted, out),
                full=whole,
                again=again,
                trust=trust,
                jobs=jobs,
                backend=backend,
                address=address,
                progress=update,
            )
        except KeyboardInterrupt:
            interrupted = True
    with Store(out, readonly=True) as store:
        missing = sum(1 for _ in missing_cells(wanted, store.done(wanted.name)))
        failures = _failures(store, wanted)
        mixed = _code_warning(store, wanted)
    answer = {
        "suite": wanted.name,
        "results": str(out),
        "wanted": total,
        "done": total - missing,
        "made_now": tally.done if tally else None,
        "failed": len(failures),
        "breakdowns": tally.breakdowns if tally else None,
        "seconds": round(tally.seconds, 2) if tally else None,
        "interrupted": interrupted,
    }
    if as_json:
        print_json(answer)
    else:
        _print_answer(answer, failures)
    if mixed:
        stderr().print(f"warning: {mixed}", style="yellow", markup=False, soft_wrap=True)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if failures:
        raise typer.Exit(1)


@app.command()
def status(results: Path = _RESULTS, as_json: bool = JSON_OPTION) -> None:
    """Show done, failed and missing runs of the campaigns in a results file, also while one is running.

    [bold]Example:[/bold]  csmoifsa bench status zdt.sqlite
    """
    from csmoifsa_bench.campaign import campaign_states

    answer = campaign_states(results)
    if as_json:
        print_json({"results": str(results), "suites": answer})
        return
    console = stdout()
    for part in answer:
        lines = [
            [
                line["algorithm"],
                line["wanted"],
                line["done"],
                line["failed"],
                int(line["wanted"]) - int(line["done"]) - int(line["failed"]),
            ]
            for line in part["algorithms"]
        ]
        _print_table([f"suite {part['suite']}", "wanted", "done", "failed", "missing"], lines)
        if part["of_other_settings"]:
            console.print(f"{part['of_other_settings']} runs of other settings are in the file; they are not reported.")
        for failure in part["failures"][:5]:
            console.print(f"failed: {failure['run']}: {failure['error']}", style="red", markup=False, soft_wrap=True)


@app.command()
def speed(
    suite: str = _SUITE,
    algorithms: list[str] = _ALGORITHMS,
    out: Path = _OUT,
    trust: bool = _TRUST,
    as_json: bool = JSON_OPTION,
) -> None:
    """Measure the CPU time of a suite's algorithms for each evaluation, on the plain problem, warm, in one process.

    [bold]Example:[/bold]  csmoifsa bench speed peers --out peers.sqlite
    """
    from csmoifsa_bench.speed import time_suite
    from csmoifsa_bench.store import Store, exclusive_writer
    from csmoifsa_bench.suite import load_suite

    whole = load_suite(suite)
    wanted = whole.narrowed(algorithms=_names(algorithms))
    with exclusive_writer(out), Store(out) as store, progress(f"speed {wanted.name}", len(wanted.algorithms)) as update:
        rows = time_suite(wanted, store, full=whole, trust=trust, progress=update)
    if as_json:
        print_json({"suite": wanted.name, "speed": rows})
        return
    lines = [[r["algorithm"], f"{r['microseconds']:.1f}", f"{r['ratio']:.2f}"] for r in rows]
    _print_table([f"on {rows[0]['problem']}, {rows[0]['n_eval']:,} evaluations", "us / evaluation", "ratio"], lines)


@app.command()
def report(
    results: Path = _RESULTS,
    out: Path = _REPORT,
    suite: list[str] = _ONLY_SUITES,
    figures: bool = typer.Option(True, "--figures/--no-figures", help="Draw PNG and PDF figures."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Write tables, tests, figures and one offline report.html from a results file.

    [bold]Example:[/bold]  csmoifsa bench report zdt.sqlite --out report
    """
    from csmoifsa_bench.report import write_report

    with progress("report", 100) as update:
        written = write_report(results, out, suites=suite or None, figures=figures, progress=update)
    if as_json:
        print_json(written)
        return
    console = stdout()
    for line in written["verdicts"]:
        console.print(line, markup=False, soft_wrap=True)
    for line in written["left_out"]:
        stderr().print(f"left out: {line}", style="yellow", markup=False, soft_wrap=True)
    console.print(
        f"Written: {out}/report.html, {written['tables']} tables, {written['figures']} figures", soft_wrap=True
    )


# ------------------------------------------------------------------------------------------------------------- helpers
def _names(texts: list[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _failures(store: Store, suite: Suite) -> list[dict[str, str]]:
    from csmoifsa_bench.campaign import cell_name
    from csmoifsa_bench.cells import grid

    rows = store.runs(suite.name)
    return [
        {"run": cell_name(cell), "error": rows[cell.key].error}
        for cell in grid(suite)
        if cell.key in rows and rows[cell.key].status == "failed"
    ]


def _code_warning(store: Store, suite: Suite) -> str:
    """Return a warning if the runs were made by more than one state of the code, else ``""``."""
    from csmoifsa_bench.cells import grid
    from csmoifsa_bench.measure import code_states

    keys, environments = {cell.key for cell in grid(suite)}, store.environments()
    used = {row.environment for key, row in store.runs(suite.name).items() if key in keys}
    states = code_states([environments[number] for number in used])
    if len(states) < 2:
        return ""
    return (
        f"the runs of suite {suite.name!r} were made by {len(states)} states of the code (versions or source differ); "
        "make those of our own algorithms again with --again, or start a new file with --out"
    )


def _print_answer(answer: dict[str, Any], failures: list[dict[str, str]]) -> None:
    console = stdout()
    if answer["interrupted"]:
        console.print(
            f"Stopped: {answer['done']} of {answer['wanted']} runs are in {answer['results']}; "
            "the same command goes on from there.",
            soft_wrap=True,
        )
    else:
        again = (
            f", {answer['breakdowns']} times a worker died and its run was made again" if answer["breakdowns"] else ""
        )
        console.print(
            f"{answer['done']} of {answer['wanted']} runs are in {answer['results']} "
            f"({answer['made_now']} made now in {answer['seconds']:.1f} s{again}).",
            soft_wrap=True,
        )
    if failures:
        console.print(f"{len(failures)} runs failed; the same command tries them again:", style="red")
        for failure in failures[:5]:
            console.print(f"  {failure['run']}: {failure['error']}", style="red", markup=False, soft_wrap=True)
    elif not answer["interrupted"]:
        console.print(f"Next: csmoifsa bench report {answer['results']} --out report", soft_wrap=True)


def _print_table(header: list[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for i, title in enumerate(header):
        numeric = bool(rows) and all(isinstance(row[i], int) or str(row[i]).replace(".", "").isdigit() for row in rows)
        table.add_column(title, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    stdout().print(table)
