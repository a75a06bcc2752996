"""The commands ``csmoifsa ev``: init, check, price, compare, calibrate, learn, reproduce, evidence, aggregate, roll."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from csmoifsa.console import JSON_OPTION, print_json, progress, stderr, stdout
from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.options import reads_load
from csmoifsa_energy.page import check_language

if TYPE_CHECKING:
    from csmoifsa_ev.model.response import Recovery

app = typer.Typer(
    name="ev",
    help="Electric-vehicle pricing: charge and discharge tariffs for a load curve and a fleet.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)


@app.callback()
def _root() -> None:
    """Electric-vehicle pricing: charge and discharge tariffs for a load curve and a fleet."""


_SCENARIO = typer.Argument(
    None, metavar="[SCENARIO.toml]", help="Changes to a bundled case; leave out for the case itself."
)
_CASE = typer.Option(
    None, "--case", help="The bundled case: paper-2022 (default), paper-2022-fitted, duke-2017 or calgary-2022."
)
_PROMISES = typer.Option(
    None,
    "--promise",
    metavar="TEXT",
    help="What holds in a share of the draws of all assumptions: 'profit >= 0 in 95 %'; also bill_change, bill_rise "
    "(<=, shares) and rebound (<=, MW). May be repeated.",
)
_OUT = typer.Option(None, "--out", "-o", metavar="DIR", help="Folder for all results; created if missing.")


@app.command()
@reads_load
def price(
    scenario: Path | None = _SCENARIO,
    case: str | None = _CASE,
    objectives: str = typer.Option(
        "paper",
        "--objectives",
        help="Peak-valley difference and, for paper: saving, satisfaction; market: profit, drivers' bill; inflexible: "
        "profit, bill of those who cannot change hours; welfare: money of operator and drivers together, satisfaction; "
        "fair: profit, largest rise of a group's bill.",
    ),
    n_eval: int = typer.Option(10_000, "--n-eval", "-n", min=1, help="Tariffs to try."),
    pop_size: int = typer.Option(100, "--pop-size", "-p", min=2, help="Tariffs on the front."),
    seed: int = typer.Option(1, "--seed", "-s", min=0, help="Same seed, same front."),
    recovery: str | None = typer.Option(
        None,
        "--recovery",
        help="Distribution of shifted charging: uniform (uncontrolled), valley-filling (by an operator) or staggered "
        "(each car starts after a random delay that the tariff states).",
    ),
    round_to: float | None = typer.Option(
        None, "--round", help="Offer prices that are multiples of this, such as 0.5."
    ),
    min_profit: float | None = typer.Option(
        None, "--min-profit", help="Lowest profit of the operator, in currency a day."
    ),
    max_bill_change: float | None = typer.Option(
        None, "--max-bill-change", help="Largest rise of the drivers' bill over the tariff in force: 0 forbids a rise."
    ),
    prefer: str | None = typer.Option(
        None, "--prefer", help="Among tariffs nearly as good take: profit, bill, or nearness to the tariff in force."
    ),
    tolerance: float | None = typer.Option(
        None, "--tolerance", help="How far below the best score, from 0 to 1, a tariff is nearly as good."
    ),
    robust: str | None = typer.Option(
        None,
        "--robust",
        help="Choose over draws of all assumptions: mean loss, cvar (mean of the worst tenth), worst, or regret.",
    ),
    promise: list[str] | None = _PROMISES,
    out: Path | None = _OUT,
    figures: bool = typer.Option(True, "--figures/--no-figures", help="Draw figures/fig1..fig5 as PNG and PDF."),
    report: bool = typer.Option(True, "--report/--no-report", help="Write report.html, which opens in a browser."),
    pdf: bool = typer.Option(
        False, "--pdf", help="Print the report as report.pdf, A4, with a browser of this machine."
    ),
    excel: bool = typer.Option(True, "--excel/--no-excel", help="Write study.xlsx, all tables as sheets."),
    language: str = typer.Option("en", "--lang", help="Language of the report: en or zh."),
    as_json: bool = JSON_OPTION,
    series: Mapping[str, object] | None = None,
) -> None:
    """Find peak, flat and valley prices for charging and discharging, and recommend one tariff.

    [bold]Example:[/bold]  csmoifsa ev price --out out/demo

    [bold]Example:[/bold]  csmoifsa ev price my.toml --objectives market --out out/mine
    """
    from csmoifsa_ev.model.limits import ROBUST_RULES, RULES
    from csmoifsa_ev.model.outcome import OBJECTIVE_SETS
    from csmoifsa_ev.model.response import RECOVERIES

    _check_choice("--objectives", objectives, OBJECTIVE_SETS)
    _check_choice("--prefer", prefer, RULES)
    _check_choice("--robust", robust, [one for one in ROBUST_RULES if one != "nominal"])
    _check_choice("--recovery", recovery, RECOVERIES)
    check_language(language, pdf=pdf)
    from csmoifsa_ev.inputs.inspection import split_fill
    from csmoifsa_ev.inputs.scenario import load_scenario
    from csmoifsa_ev.model.candidates import candidates
    from csmoifsa_ev.output.tables import summarise
    from csmoifsa_ev.study.hours import WORK
    from csmoifsa_ev.study.study import run_study

    settings, fill = split_fill(series)
    wanted = load_scenario(scenario, case=case)
    wanted = wanted.with_changes(recovery=cast("Recovery | None", recovery), fill=fill, load=settings)
    wanted = wanted.with_terms(min_profit=min_profit, max_bill_change=max_bill_change, rule=prefer, tolerance=tolerance)
    wanted = wanted.with_terms(robust=robust, promises=promise or ())
    hours = len(candidates(wanted.tariff)) if wanted.tariff.choose else 0
    with progress(f"pricing {wanted.name}", n_eval + WORK * hours) as update:
        study = run_study(
            wanted,
            objectives=objectives,
            n_eval=n_eval,
            pop_size=pop_size,
            seed=seed,
            round_to=round_to,
            progress=update,
        )
    if out is None:
        summary, written = summarise(study), []
    else:
        from csmoifsa_ev.output.folder import write_study

        parts = {"excel": excel, "figures": figures, "report": report, "pdf": pdf}
        summary, written = write_study(study, out, language=language, **parts)
    if as_json:
        print_json(summary)
        return
    from csmoifsa_ev.output.terminal import show_study

    show_study(study, summary)
    console = stdout()
    if out is None:
        console.print("\nNothing was written; add --out DIR to keep tables and figures.")
    else:
        console.print(f"\nWritten: {out}/ {' '.join(written)}", soft_wrap=True, markup=False)


_STUDIES = typer.Argument(
    None,
    metavar="[SCENARIO.toml | STUDY]...",
    help="One scenario, or none for the bundled case; or two and more studies: folders of 'ev price', or scenarios.",
)


@app.command()
def compare(
    studies: list[Path] | None = _STUDIES,
    case: str | None = _CASE,
    n_eval: int = typer.Option(10_000, "--n-eval", "-n", min=16, help="Tariffs each search may try."),
    seed: int = typer.Option(1, "--seed", "-s", min=0, help="Same seed, same tables."),
    language: str = typer.Option("en", "--lang", help="Language of the page of several studies: en or zh."),
    out: Path | None = _OUT,
    as_json: bool = JSON_OPTION,
) -> None:
    """Set studies side by side; or, of one scenario, the search beside baselines, objectives and kinds of recovery.

    [bold]Example:[/bold]  csmoifsa ev compare out/spring out/summer --out out/both

    [bold]Example:[/bold]  csmoifsa ev compare my.toml --out out/compare
    """
    if studies is not None and len(studies) > 1:
        from csmoifsa_ev.output.beside_terminal import compare_studies

        check_language(language)
        compare_studies(studies, case=case, n_eval=n_eval, seed=seed, out=out, language=language, as_json=as_json)
        return
    from csmoifsa_ev.inputs.scenario import load_scenario
    from csmoifsa_ev.output.tables import variants_table, write_comparison
    from csmoifsa_ev.study.baselines import compare_baselines
    from csmoifsa_ev.study.study import run_variants, search_front

    if studies and studies[0].is_dir():
        raise InputError(f"{studies[0]} is one study; name a second to set it beside, or a scenario file")
    wanted = load_scenario(studies[0] if studies else None, case=case)
    priced = run_variants(wanted, n_eval=n_eval, seed=seed)
    problem = priced["paper", wanted.response.recovery].problem
    baselines = compare_baselines(problem, search_front, n_eval=n_eval, seed=seed)
    variants = variants_table(priced)
    if out is not None:
        write_comparison(out, baselines, variants)
    if as_json:
        print_json({"baselines": baselines, "variants": variants.to_dict("records")})
        return
    from csmoifsa_ev.output.terminal import show_comparison

    show_comparison(baselines, variants, wanted)
    if out is not None:
        stdout().print(f"\nWritten: {out}/ baselines.csv variants.csv", soft_wrap=True, markup=False)


_OBSERVATIONS = typer.Argument(
    ..., metavar="OBSERVATIONS.csv", help="Columns pair, incentive, share; or published shares."
)
_FOR_SCENARIO = typer.Option(None, "--scenario", metavar="MY.toml", help="The scenario the prices belong to.")


@app.command()
def calibrate(
    observations: Path = _OBSERVATIONS,
    scenario: Path | None = _FOR_SCENARIO,
    tau: float | None = typer.Option(None, "--tau", help="Window of the local fit, in price units."),
    samples: int = typer.Option(200, "--samples", min=20, help="Bootstrap samples behind the band of the local fit."),
    out: Path | None = _OUT,
    as_json: bool = JSON_OPTION,
) -> None:
    """Fit drivers' response to observed price changes: l, K, h and phi_max of each pair, with bands.

    Each row holds a pair, an incentive (change of a price difference) and the share of charging that was shifted.
    Pairs are peak_valley, peak_flat, flat_valley, and v2g, whose incentive is the margin.

    A file with a column source holds what utilities publish: prices, shares of charging in cheap hours before and
    after, and enrolment. The response of enrolled drivers and enrolment are then fitted apart.

    [bold]Example:[/bold]  csmoifsa ev calibrate observations.csv --scenario my.toml --out out/fit
    """
    if tau is not None and not 0 < tau < 1e6:
        raise InputError(f"--tau must be above 0, not {tau:g}")
    from csmoifsa_ev.inputs.scenario import load_scenario
    from csmoifsa_ev.output.tables import fits_table, write_calibration
    from csmoifsa_ev.study.calibration import calibrate as fit_all
    from csmoifsa_ev.study.published import calibrate_published, is_published

    unit = load_scenario(scenario).prices.unit
    published = is_published(observations)
    result = calibrate_published(observations) if published else fit_all(observations, tau=tau, samples=samples)
    if out is not None:
        write_calibration(out, result, unit)
    if as_json:
        print_json(
            {"fits": fits_table(result).to_dict("records"), "skipped": result["skipped"], "toml": result["toml"]}
        )
        return
    from csmoifsa_ev.output.terminal import show_calibration

    show_calibration(result, unit)
    if out is not None:
        more = " sources.csv" if published else ""
        stdout().print(f"\nWritten: {out}/ fits.csv response.toml calibration.png{more}", soft_wrap=True, markup=False)


@app.command()
def learn(
    scenario: Path | None = _SCENARIO,
    case: str | None = _CASE,
    rounds: int = typer.Option(8, "--rounds", min=1, max=100, help="Adjustments of the tariff."),
    seeds: int = typer.Option(20, "--seeds", min=1, max=1000, help="Number of hidden responses."),
    noise: float = typer.Option(0.05, "--noise", min=0.0, max=1.0, help="Relative noise of an observed share."),
    out: Path | None = _OUT,
    as_json: bool = JSON_OPTION,
) -> None:
    """Simulate learning: set prices, observe a hidden response with noise, fit it again, set new prices.

    [bold]Example:[/bold]  csmoifsa ev learn --rounds 8 --seeds 20 --out out/learn
    """
    from csmoifsa_ev.inputs.scenario import build_day, load_scenario
    from csmoifsa_ev.output.tables import write_learning
    from csmoifsa_ev.problem.pricing import EVPricing
    from csmoifsa_ev.study.learning import learning_curves

    problem = EVPricing(build_day(load_scenario(scenario, case=case)))
    curves = learning_curves(problem.day, problem.price_bounds, seeds=seeds, rounds=rounds, noise=noise)
    if out is not None:
        write_learning(out, curves)
    if as_json:
        print_json(curves)
        return
    from csmoifsa_ev.output.terminal import show_learning

    show_learning(curves, seeds, noise)
    if out is not None:
        stdout().print(f"\nWritten: {out}/ learning.csv learning.png", soft_wrap=True, markup=False)


_PAGE = typer.Option(None, "--out", "-o", metavar="PAGE.md", help="Write the page there instead of printing it.")


@app.command()
def reproduce(
    out: Path | None = _PAGE,
    generations: int = typer.Option(150, "--generations", min=1, help="Of each of the four searches."),
    seed: int = typer.Option(0, "--seed", min=0, help="Same seed, same page."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Compare every figure that the paper prints with ours, and search assumptions that reproduce all of them.

    [bold]Example:[/bold]  csmoifsa ev reproduce --out docs/results/paper-2022.md
    """
    from csmoifsa.files import atomic_write
    from csmoifsa_ev.inputs.scenario import load_scenario
    from csmoifsa_ev.study.comparison import paper_page
    from csmoifsa_ev.study.reproduction import SEARCHED_RECOVERIES, fit_jointly
    from csmoifsa_ev.study.study import run_study

    scenario = load_scenario()
    fits = []
    with progress("searching assumptions", 4) as update:
        for recovery in SEARCHED_RECOVERIES:
            for free in (False, True):
                fits.append(
                    fit_jointly(scenario, recovery=recovery, weights_free=free, generations=generations, seed=seed)
                )
                update(len(fits))
    page = paper_page(run_study(scenario), fits, "csmoifsa ev reproduce --out docs/results/paper-2022.md")
    if out is not None:
        with atomic_write(out) as file:
            file.write(page)
    if as_json:
        print_json(
            {
                "fits": [
                    {
                        "recovery": one.recovery,
                        "weights_free": one.weights_free,
                        "parameters": one.parameters,
                        "tariff": one.tariff.tolist(),
                        "figures": [list(row) for row in one.figures],
                        "worst": one.worst,
                    }
                    for one in fits
                ]
            }
        )
    elif out is None:
        stdout().print(page, soft_wrap=True, markup=False)
    else:
        stdout().print(f"Written: {out}", soft_wrap=True, markup=False)


@app.command()
def evidence(
    out: Path | None = _PAGE,
    populations: int = typer.Option(
        200, "--populations", min=1, help="Synthetic populations for each row of the table."
    ),
    seed: int = typer.Option(0, "--seed", min=0, help="Same seed, same page."),
) -> None:
    """Measure how often the bands of `ev calibrate` contain the truth, and test responses against published findings.

    [bold]Example:[/bold]  csmoifsa ev evidence --out docs/results/evidence.md
    """
    from csmoifsa.files import atomic_write
    from csmoifsa_ev.study.coverage import DESIGNS
    from csmoifsa_ev.study.evidence import evidence_page

    with progress("observing populations", len(DESIGNS)) as update:
        page = evidence_page(
            "csmoifsa ev evidence --out docs/results/evidence.md", populations=populations, seed=seed, progress=update
        )
    if out is None:
        stdout().print(page, soft_wrap=True, markup=False)
        return
    with atomic_write(out) as file:
        file.write(page)
    stdout().print(f"Written: {out}", soft_wrap=True, markup=False)


_NEW_FILE = typer.Argument(..., metavar="SCENARIO.toml", help="The file to write; never overwritten.")
_SCENARIO_FILE = typer.Argument(..., metavar="SCENARIO.toml", help="The scenario; files that it names are read, too.")


@app.command()
@reads_load
def init(
    path: Path = _NEW_FILE,
    cars: int | None = typer.Option(
        None,
        "--cars",
        min=1,
        help="Number of cars; by default so many that they charge 5 % of the load's energy.",
    ),
    series: Mapping[str, object] | None = None,
) -> None:
    """Write a commented scenario to start from; with a load, its defaults suit that load.

    [bold]Example:[/bold]  csmoifsa ev init my.toml

    [bold]Example:[/bold]  csmoifsa ev init my.toml --load load.csv --first-day 2016-07-01 --last-day 2016-07-31
    """
    from csmoifsa_ev.inputs.template import write_template

    for sentence in write_template(path, series or {}, cars):
        stdout().print(f"{sentence}.", soft_wrap=True, markup=False)
    stdout().print(f"Written: {path}. Edit it, then: csmoifsa ev check {path}", soft_wrap=True, markup=False)


@app.command()
@reads_load
def check(
    path: Path = _SCENARIO_FILE,
    as_json: bool = JSON_OPTION,
    series: Mapping[str, object] | None = None,
) -> None:
    """List all faults of a scenario and its files, by key or by file, line and column; or summarise its data.

    [bold]Example:[/bold]  csmoifsa ev check my.toml
    """
    from csmoifsa_energy.readers.faults import InputFaultsError
    from csmoifsa_ev.inputs.inspection import inspect_scenario

    found = inspect_scenario(path, load=series)
    faults = [one.sentence for one in found.faults]
    if as_json:
        print_json({"ok": not faults, "faults": faults, "notes": found.notes, "facts": found.facts or {}})
    if faults:
        if not as_json:
            for fault in faults:
                stderr().print(f"- {fault}", soft_wrap=True, markup=False)
        raise InputFaultsError([f"{len(faults)} fault(s) in {path}"])
    if not as_json:
        from csmoifsa_ev.output.terminal import show_inspection

        show_inspection(found)


def _check_choice(option: str, value: str | None, names: Iterable[str]) -> None:
    known = list(names)
    if value is not None and value not in known:
        raise InputError(
            f"{option} must be {', '.join(known[:-1])} or {known[-1]}, not {value!r}." + did_you_mean(value, known)
        )
