"""The command line: ``csmoifsa list``, ``solve``, ``warmup``, and the commands that plugins register.

Slow imports stand inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, cast

import typer
from typer.core import TyperGroup

from csmoifsa import __version__
from csmoifsa.console import JSON_OPTION, finish_output, prepare_output, print_json, progress, stderr, stdout
from csmoifsa.errors import InputError
from csmoifsa.files import output_folder
from csmoifsa.folders import result_folder

if TYPE_CHECKING:
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.problem import Problem

    from csmoifsa.plugins import Command
    from csmoifsa.runs import Run
    from csmoifsa.typing import JsonObject

MOST_TOLD = 4000
"""Largest length of an error message shown [characters]."""


class _Commands(TyperGroup):
    """The commands of this package, and those of plugins, which are imported when they are called or listed."""

    def list_commands(self, ctx: typer.Context) -> list[str]:
        from csmoifsa.plugins import command_names

        return [*super().list_commands(ctx), *(name for name in command_names() if " " not in name)]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Command | None:
        if (own := super().get_command(ctx, cmd_name)) is not None:
            return cast("Command", own)
        from csmoifsa.plugins import command_names, load_command

        if cmd_name not in command_names():
            return None
        try:
            found = load_command(cmd_name)
        except InputError as error:
            if ctx.resilient_parsing or "--help" in sys.argv[1:2]:  # list the commands even if one is broken
                warnings.warn(str(error), RuntimeWarning, stacklevel=1)
                return None
            raise
        command = _as_command(found, cmd_name)
        if isinstance(command, TyperGroup):  # plugins may add commands to a group, named "group command"
            for name in command_names():
                group, _, inner = name.partition(" ")
                if group == cmd_name and inner:
                    command.add_command(_as_command(load_command(name), inner), inner)
        return command


def _as_command(found: Command | typer.Typer | FunctionType, name: str) -> Command:
    """Return a typer application, a plain function or a click command as a command of this name."""
    if inspect.isfunction(found):
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        alone.command()(found)
        found = alone
    command = cast("Command", typer.main.get_command(found) if isinstance(found, typer.Typer) else found)
    command.name = name
    return command


app = typer.Typer(
    cls=_Commands,
    name="csmoifsa",
    help="Multi-objective optimisation with an immune fish swarm, and the problems it was made for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main() -> None:
    """Run the command line; an `InputError` becomes one sentence on stderr and exit code 2."""
    warnings.showwarning = _show_warning
    prepare_output()
    try:
        try:
            app()
        finally:
            finish_output()
    except InputError as error:
        _end(str(error))
    except OSError as error:  # a disk, a device or an output failed, not this program
        _end(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))


def _end(message: str) -> None:
    if len(message) > MOST_TOLD:  # a message may repeat a whole file: keep both ends
        message = f"{message[: MOST_TOLD // 2]} [...] {message[-MOST_TOLD // 2 :]}"
    stderr().print(f"error: {message}", style="red", soft_wrap=True)
    sys.exit(2)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    stderr().print(f"warning: {message}", style="yellow", markup=False, soft_wrap=True)


def _version(value: bool) -> None:
    if value:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


@app.command("list")
def list_command(as_json: bool = JSON_OPTION) -> None:
    """List the problems and algorithms that can be used by name.

    [bold]Example:[/bold]  csmoifsa list
    """
    from csmoifsa.plugins import PYMOO_PROBLEMS, algorithm_names, describe, load_problem, problem_names

    rows: list[JsonObject] = []
    for name in problem_names():
        try:
            problem = load_problem(name)
        except Exception as error:  # a broken plugin loses its own line, not the whole list
            _show_warning(f"{name} cannot be shown: {type(error).__name__}: {error}")
            continue
        rows.append(
            {
                "name": name,
                "n_var": problem.n_var,
                "n_obj": problem.n_obj,
                "n_constr": problem.n_ieq_constr + problem.n_eq_constr,
                "description": describe(name),
            }
        )
    if as_json:
        print_json({"problems": rows, "pymoo_problems": list(PYMOO_PROBLEMS), "algorithms": algorithm_names()})
        return
    _print_table(["problem", "n_var", "n_obj", "n_constr", ""], [list(row.values()) for row in rows])
    console = stdout()
    console.print(f"\n[bold]pymoo's problems:[/bold] {' '.join(PYMOO_PROBLEMS)}, ...", markup=True)
    console.print("[bold]your own:[/bold] path/file.py:Class or package.module:Class", markup=True)
    console.print(f"\n[bold]algorithms:[/bold] {' '.join(algorithm_names())}", markup=True)


_SETTINGS = typer.Option([], "--set", metavar="NAME=VALUE", help="A setting of the algorithm; may be repeated.")
_PARAMS = typer.Option([], "--param", metavar="NAME=VALUE", help="A parameter of the problem; may be repeated.")
_EVERY = typer.Option(
    None, "--checkpoint-every", metavar="SECONDS", min=0.0, help="Save the run to DIR/checkpoint.npz as it goes."
)
_OUT = typer.Option(None, "--out", "-o", metavar="DIR", help="Write front.csv, run.json and front.png there.")


@app.command()
def solve(
    problem: str = typer.Argument(..., help="A name from 'csmoifsa list', file.py:Class or module:Class."),
    algorithm: str = typer.Option("csmoifsa", "--algorithm", "-a", help="csmoifsa, moafsa or any of pymoo's by name."),
    n_eval: int = typer.Option(10_000, "--n-eval", "-n", min=1, help="Budget of evaluations."),
    pop_size: int = typer.Option(100, "--pop-size", "-p", min=2, help="Individuals in the population."),
    seed: int = typer.Option(1, "--seed", "-s", min=0, help="Same seed, same front."),
    settings: list[str] = _SETTINGS,
    params: list[str] = _PARAMS,
    out: Path | None = _OUT,
    figures: bool = typer.Option(True, "--figures/--no-figures", help="Draw front.png."),
    checkpoint_every: float | None = _EVERY,
    resume: bool = typer.Option(False, "--resume", help="Go on from the checkpoint in --out DIR."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Solve a problem and write the front found.

    [bold]Example:[/bold]  csmoifsa solve zdt4-shifted --param seed=3 --n-eval 20000 --out out/zdt4

    [bold]Example:[/bold]  csmoifsa solve zdt1 --n-eval 1000000 --out out/long --checkpoint-every 60 --resume

    [bold]Example:[/bold]  csmoifsa solve my_problem.py:Bridge --algorithm nsga2 --set n_offsprings=20 --out out/bridge
    """
    chosen, values = parse_settings("--set", settings), parse_settings("--param", params)
    from csmoifsa.plugins import load_algorithm, load_problem

    if out is None and (resume or checkpoint_every is not None):
        raise InputError("--checkpoint-every and --resume need --out DIR, where the checkpoint is kept")

    from csmoifsa.jit import watch_compilation

    # keep what a problem or an algorithm prints out of the answer on stdout
    with contextlib.redirect_stdout(sys.stderr), watch_compilation(_say_compiling):
        target = load_problem(problem, **values)
        method = load_algorithm(algorithm, problem=target, pop_size=pop_size, **chosen)
        from csmoifsa import runs
        from csmoifsa.fronts import true_front

        checkpoint = None
        if out is not None and (resume or checkpoint_every is not None):
            path = output_folder(out) / "checkpoint.npz"
            checkpoint = runs.Checkpoint(path, 60.0 if checkpoint_every is None else checkpoint_every)
            if resume:
                method = _resumed(method, target, path)
        with progress(f"{algorithm} on {problem}", n_eval) as update:
            run = runs.solve(target, method, n_eval=n_eval, seed=seed, progress=update, checkpoint=checkpoint)
        front = true_front(target)
    measured = runs.run_metrics(run, front)
    answer = {
        "problem": problem,
        "algorithm": algorithm,
        "n_eval": run.n_eval,
        "seed": seed,
        "n_front": run.n_front,
        "seconds": round(run.seconds, 4),
        "metrics": measured,
    }
    if out is not None:
        shape = {"n_var": target.n_var, "n_obj": target.n_obj, "n_constr": target.n_ieq_constr + target.n_eq_constr}
        asked = {"n_eval_budget": n_eval, "pop_size": pop_size, "settings": chosen, "params": values}
        with result_folder(out, "solve") as place:
            runs.write_run(run, place, {**answer, "feasible": run.feasible, **shape, **asked})
            if figures:
                from csmoifsa.figures import draw_front, save_figure

                title = f"{problem}, {algorithm}, {run.n_eval:,} evaluations"
                save_figure(draw_front(run.F, true_front=front, title=title), place / "front.png")
    if as_json:
        print_json(answer)
    else:
        _print_answer(f"{algorithm} on {problem}", run, measured, front is not None, out, figures)
    if not run.feasible:
        stderr().print(
            f"no feasible point in {run.n_eval} evaluations; the least total violation is {run.CV.min():.6g}. "
            "Try a larger --n-eval.",
            style="yellow",
        )
        raise typer.Exit(1)


def _resumed(method: Algorithm, problem: Problem, path: Path) -> Algorithm:
    """Return the saved run, or ``method`` if there is none; `InputError` for another algorithm or other settings."""
    from csmoifsa.typing import Resumable

    if not isinstance(method, Resumable):
        raise InputError(
            f"{type(method).__name__} cannot be resumed: it lacks save, load or settings; csmoifsa and moafsa can"
        )
    if not path.exists():
        stderr().print(f"no checkpoint {path} yet: starting from the beginning")
        return method
    saved = type(method).load(path, problem)
    if saved.settings != method.settings:
        raise InputError(f"{path} was made with {saved.settings}; resume with the same --pop-size and --set")
    return saved


def _say_compiling() -> None:
    stderr().print("compiling for this machine, once; later runs start at once")


@app.command()
def warmup(as_json: bool = JSON_OPTION) -> None:
    """Compile everything now, so that the next run starts at once.

    [bold]Example:[/bold]  csmoifsa warmup
    """
    from csmoifsa import runs
    from csmoifsa.plugins import load_algorithm, load_problem

    start = time.perf_counter()
    jobs = [
        ("csmoifsa, compiled evaluator", "csmoifsa", "zdt1", {}),
        ("csmoifsa, any problem", "csmoifsa", "bnh", {}),
        ("csmoifsa, three objectives", "csmoifsa", "dtlz2", {}),
        ("csmoifsa as in the paper", "csmoifsa", "zdt1", {"paper": True}),
        ("moafsa", "moafsa", "zdt1", {}),
    ]
    seconds = {}
    with progress("compiling", len(jobs)) as update:
        for done, (label, algorithm, name, settings) in enumerate(jobs, 1):
            before = time.perf_counter()
            problem = load_problem(name)
            method = load_algorithm(
                algorithm, problem=problem, pop_size=20, **settings
            )  # compiles the engine's kernels
            runs.solve(problem, method, n_eval=200)
            seconds[label] = round(time.perf_counter() - before, 2)
            update(done)
    total = round(time.perf_counter() - start, 2)
    if as_json:
        print_json({"seconds": total, "parts": seconds})
        return
    _print_table(["compiled", "seconds"], [[k, f"{v:.2f}"] for k, v in seconds.items()])
    stdout().print(f"Ready in {total:.1f} s.")


def parse_settings(option: str, pairs: list[str]) -> JsonObject:
    """Turn ``["a=1", "b=0.5", "c=true", "d=text"]`` into a dict with int, float, bool, None and str values.

    Raises
    ------
    InputError
        An entry is not NAME=VALUE, or a name occurs twice.
    """
    values: JsonObject = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise InputError(f"{option} takes NAME=VALUE, got {pair!r}")
        if name in values:
            raise InputError(f"{option} {name} is given twice")
        values[name] = _value(text.strip())
    return values


def _value(text: str) -> int | float | bool | str | None:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _print_answer(
    title: str, run: Run, measured: Mapping[str, float | None], front_known: bool, out: Path | None, figures: bool
) -> None:
    rows = [
        ["evaluations", f"{run.n_eval:,}"],
        ["points on the front", str(run.n_front)],
        ["seconds", f"{run.seconds:.2f}"],
    ]
    rows += [[name, "-" if value is None else f"{value:.5f}"] for name, value in measured.items()]
    _print_table([title, ""], rows)
    console = stdout()
    if not front_known:
        console.print("The true front is not known here, so there is nothing to measure against.")
    if out is None:
        console.print("Nothing was written; add --out DIR to keep the front.")
    else:
        console.print(f"Written: {out}/front.csv, run.json{', front.png' if figures else ''}", soft_wrap=True)


def _print_table(header: list[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for i, title in enumerate(header):
        numeric = bool(rows) and i > 0 and all(str(row[i]).replace(",", "").replace(".", "").isdigit() for row in rows)
        table.add_column(title, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    stdout().print(table)


if __name__ == "__main__":
    main()
