"""The aggregator's commands: ``csmoifsa ev aggregate``, ``verify`` and ``roll``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import typer

from csmoifsa.console import JSON_OPTION, print_json, progress, stderr, stdout
from csmoifsa.errors import InputError
from csmoifsa_energy.options import reads_series

_CASE = typer.Argument(
    ...,
    metavar="CASE",
    help="wei-2015, wei-storage, wei-v2g, portfolio, portfolio-grid, portfolio-customers, portfolio-reserve, or a "
    ".toml or .json file.",
)
_OUT = typer.Option(None, "--out", "-o", metavar="DIR", help="Write tables, summary.json and figures/ there.")
_AHEAD = typer.Option(
    None, "--day-ahead", metavar="FILE", help="Day-ahead prices, CSV, Excel or JSON; or in CASE: [roll]."
)
_REAL = typer.Option(None, "--real-time", metavar="FILE", help="Real-time prices, in their own step and form.")
_SET = typer.Option([], "--set", metavar="FILE.KEY=VALUE", help="For one file, such as real_time.node=NORTH.")
_STEP = typer.Option(None, "--step", min=5, max=60, help="Minutes of a step; the shortest of case and files.")
_NODES = typer.Option([], "--node", metavar="NAME", help="Where; may be repeated. Needed if a file has several.")
_FIGURES = typer.Option(True, "--figures/--no-figures", help="Draw figures/ as PNG and PDF.")
_REPORT = typer.Option(True, "--report/--no-report", help="Write report.html, which opens in a browser.")
_CERTIFICATE = typer.Option(
    None, "--certificate", metavar="FILE", help="Write the proof as JSON; check it with 'csmoifsa ev verify'."
)
_PROOF = typer.Argument(
    ...,
    metavar="FILE",
    help="A certificate of 'csmoifsa ev aggregate --certificate', or the folder of its results, --out.",
)
_SAME = typer.Option(None, "--case", metavar="CASE", help="Case that it must be about; needed for a folder.")
_RESERVE = typer.Option(
    [],
    "--reserve",
    metavar="PRODUCT",
    help="Offer fcr-germany, pjm-regulation, fcr-d-up, or a .toml file; may be repeated.",
)
_REPLAY = typer.Option(
    False, "--replay/--no-replay", help="Write each day step by step: prices known and expected, set points, energy."
)
_LANGUAGE = typer.Option("en", "--lang", help="Language of the report: en or zh.")


def aggregate(
    case: str = _CASE,
    out: Path | None = _OUT,
    time_limit: float = typer.Option(120.0, "--time-limit", min=0.1, help="Seconds for the mixed-integer programs."),
    integers: bool = typer.Option(
        True,
        "--integers/--no-integers",
        help="Use mixed-integer programs where linear programs do not prove the price; without them an answer is "
        "quick, with its gap.",
    ),
    margin: float | None = typer.Option(
        None,
        "--margin",
        min=0.0,
        help="Hours used are cheaper by this [currency/kWh], so nobody is indifferent; 0.2 % of the mean day-ahead "
        "price if left out; 0: optimistic.",
    ),
    reserve: list[str] = _RESERVE,
    certificate: Path | None = _CERTIFICATE,
    figures: bool = _FIGURES,
    report: bool = _REPORT,
    language: str = _LANGUAGE,
    as_json: bool = JSON_OPTION,
) -> None:
    """Find the aggregator's best day-ahead charging price, with proof, and plan its V2G contracts.

    [bold]Example:[/bold]  csmoifsa ev aggregate wei-2015 --margin 0

    [bold]Example:[/bold]  csmoifsa ev aggregate my.toml --out out/day

    [bold]Example:[/bold]  csmoifsa ev aggregate portfolio --reserve pjm-regulation
    """
    from csmoifsa_aggregator.inputs.case import load_case
    from csmoifsa_aggregator.inputs.reserve import load_products
    from csmoifsa_aggregator.output.tables import summarise_day
    from csmoifsa_aggregator.study.study import run_day
    from csmoifsa_energy.page import check_language

    check_language(language)
    chosen = load_case(case)
    if reserve:
        chosen = chosen.with_reserve(load_products(reserve))
    study = run_day(chosen, margin=margin, time_limit=time_limit, integers=integers)
    if certificate is not None:
        from csmoifsa_aggregator.solve.evidence import write_certificate

        write_certificate(study.everybody.game, study.solution, certificate, study.case.customers)
    if out is None:
        summary = summarise_day(study)
    else:
        from csmoifsa_aggregator.output.folder import write_day_folder

        summary = write_day_folder(study, out, figures=figures, report=report, language=language)
    if as_json:
        print_json(summary)
        return
    from csmoifsa_aggregator.output.terminal import show_day

    show_day(summary, study.case.title)
    _where(out, figures, report)


def verify(
    file: Path = _PROOF,
    case: str | None = _SAME,
    reserve: list[str] = _RESERVE,
    as_json: bool = JSON_OPTION,
) -> None:
    """Check a certificate in exact fractions, or a result folder with its contracts and reserve, without any solver.

    The exit code is 1 if something is false, and 2 if it cannot be checked.

    [bold]Example:[/bold]  csmoifsa ev verify proof.json --case wei-2015

    [bold]Example:[/bold]  csmoifsa ev verify out/day --case portfolio
    """
    if file.is_dir():
        _verify_day(file, case, reserve, as_json)
        return
    from csmoifsa.files import read_json
    from csmoifsa_aggregator.solve.proof import LARGEST, verify_certificate

    verdict = verify_certificate(file)
    faults = list(verdict.faults)
    if case is not None:
        from csmoifsa_aggregator.inputs.case import load_case
        from csmoifsa_aggregator.solve.evidence import game_values

        own = load_case(case)
        if read_json(file, "certificate", LARGEST)["game"] != game_values(own.game, own.customers):
            faults.append(f"it is about another game than that of {case}")
    ties = "no driver is indifferent" if verdict.margin > 0 else "ties in the aggregator's favour"
    bound = f"({ties}); upper bound {verdict.claimed_bound:,.9g}, {verdict.status}"
    how = "taken from HiGHS on trust" if verdict.bound is None else f"shown by multipliers: {verdict.bound:,.9g}"
    holds = f"The certificate holds: profit {verdict.profit:,.9g} {bound}; the bound is {how}."
    _show_verdict(asdict(verdict), faults, "The certificate is false", holds, as_json)


def _verify_day(folder: Path, case: str | None, reserve: list[str], as_json: bool) -> None:
    from csmoifsa_aggregator.inputs.case import load_case
    from csmoifsa_aggregator.inputs.reserve import load_products
    from csmoifsa_aggregator.output.check import check_day

    if case is None:
        raise InputError(f"{folder} is a result folder: name its case with --case, and products with --reserve")
    chosen = load_case(case)
    verdict = check_day(folder, chosen.with_reserve(load_products(reserve)) if reserve else chosen)
    profit = "" if verdict.profit != verdict.profit else f", profit {verdict.profit:,.6f} {chosen.currency}"
    holds = f"The results hold: {verdict.plan}{profit}. Not checked: {'; '.join(verdict.unchecked)}."
    _show_verdict(asdict(verdict), verdict.faults, "The results are false", holds, as_json)


def _show_verdict(verdict: Mapping[str, object], faults: Sequence[str], false: str, holds: str, as_json: bool) -> None:
    """Print a verdict as JSON or as one sentence, and end with exit code 1 if it has faults."""
    if as_json:
        print_json({**verdict, "faults": list(faults), "holds": not faults})
    elif faults:
        stderr().print(f"{false}: {'; '.join(faults)}.", soft_wrap=True, markup=False)
    else:
        stdout().print(holds, soft_wrap=True, markup=False)
    if faults:
        raise typer.Exit(1)


@reads_series
def roll(
    case: str = _CASE,
    day_ahead: Path | None = _AHEAD,
    real_time: Path | None = _REAL,
    node: list[str] = _NODES,
    days: str | None = typer.Option(None, "--days", help="From:to, such as 2025-06-01:2025-06-30; all if left out."),
    forecast: str = typer.Option(
        "bias", "--forecast", help="bias, ar1, quantile, none, perfect, or your own as module:function."
    ),
    known: str = typer.Option(
        "last", "--known", help="Latest price known: last (of the step before), before-last, current or nothing."
    ),
    reserve: list[str] = _RESERVE,
    per_kwh: bool = typer.Option(False, "--per-kwh", help="Prices in the files are per kWh; else per MWh."),
    step: int | None = _STEP,
    set_one: list[str] = _SET,
    replay: bool = _REPLAY,
    out: Path | None = _OUT,
    figures: bool = _FIGURES,
    report: bool = _REPORT,
    language: str = _LANGUAGE,
    as_json: bool = JSON_OPTION,
    series: Mapping[str, object] | None = None,
) -> None:
    """Re-dispatch V2G cars step by step as real-time prices come in, and measure what that saves.

    [bold]Example:[/bold]  csmoifsa ev roll portfolio --day-ahead da.csv --real-time rt.csv --node "WESTERN HUB"
    """
    from csmoifsa_aggregator.inputs.case import load_case
    from csmoifsa_aggregator.inputs.market import first_and_last, load_markets, market_files, settings_by_file
    from csmoifsa_aggregator.inputs.reserve import load_products
    from csmoifsa_aggregator.output.rolling_tables import summarise_rolling
    from csmoifsa_aggregator.study.backtest import backtest
    from csmoifsa_aggregator.study.carry import KNOWN
    from csmoifsa_energy.page import check_language

    check_language(language)
    if known not in KNOWN:
        raise InputError(f"--known must be one of {', '.join(KNOWN)}, not {known!r}")
    span = first_and_last(days, "--days")
    chosen = load_case(case)
    if reserve:
        chosen = chosen.with_reserve(load_products(reserve))
    span = span or first_and_last(chosen.roll.days, "roll.days")
    own = settings_by_file(set_one)
    files = market_files(chosen.roll, {"day_ahead": day_ahead, "real_time": real_time}, series or {}, own)
    per_kwh = per_kwh or chosen.roll.per_kwh
    minutes = step or chosen.roll.step
    tests = []
    notes: dict[str, None] = {}
    for ahead, actual, *imbalance in load_markets(files, nodes=node, own=own, per_kwh=per_kwh, days=span):
        notes |= dict.fromkeys(note for one in (ahead, actual, *imbalance) for note in one.notes)
        with progress(f"rolling {ahead.node}", len(ahead.days)) as update:
            tests.append(
                backtest(
                    chosen,
                    ahead,
                    actual,
                    imbalance=imbalance,
                    days=span,
                    forecaster=forecast,
                    known=known,
                    step=None if minutes is None else timedelta(minutes=minutes),
                    steps=replay,
                    progress=update,
                )
            )
    for note in notes:
        stderr().print(f"note: {note}", soft_wrap=True, markup=False)
    summary = summarise_rolling(tests, case=chosen, forecast=forecast, known=known)
    if out is not None:
        from csmoifsa_aggregator.output.folder import write_rolling_folder

        write_rolling_folder(tests, summary, out, figures=figures, report=report, language=language)
    if as_json:
        print_json(summary)
        return
    from csmoifsa_aggregator.output.terminal import show_rolling

    show_rolling(summary)
    _where(out, figures, report)


def _where(out: Path | None, figures: bool, report: bool) -> None:
    if out is None:
        text = "Nothing was written; add --out DIR to keep tables, figures and report."
    else:
        tables = " ".join(sorted(path.name for path in out.glob("*.csv")))
        text = f"Written: {out}/ {tables} summary.json" + " figures/" * figures + " report.html" * report
    stdout().print(f"\n{text}", soft_wrap=True, markup=False)
