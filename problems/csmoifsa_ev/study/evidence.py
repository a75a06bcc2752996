"""The page of results on calibration and evidence: coverage of bands, and tests against published findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from csmoifsa_ev.inputs.evidence import CALGARY_CENTS, CALGARY_NIGHT
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.study.coverage import DESIGNS, PARAMETERS, Design, coverage
from csmoifsa_ev.study.validation import calgary

STRONG_RATES = (
    ("Austin EV360, adder of 14 cents in winter", 14.0, ".93 to .98 (derived)"),
    ("Austin EV360, adder of 40 cents in summer", 40.0, ".93 to .98 (derived)"),
    ("SDG&E customers, difference of 22 to 31 cents", 22.0, ".71 to .76 (derived)"),
)
"""Source, difference [US cents per kWh], and share of the charging outside the cheap window that moved into it."""


PAGE = """\
# Calibration and evidence

Made by `{command}`. The sources are in [Evidence](../explanation/evidence.md).

## Coverage of the bands

Each row: {populations} synthetic populations, observed at equal steps of the incentive from one step up, and fitted by
`csmoifsa ev calibrate`. Drawn truths have l from 0 to 6, h - l from 5 to 30 cents, phi_max from .10 to .95. Shares are
cut off at 0 and 1. A cell is the share of 90 % bands that contain the truth; the bar is 85 %. The bands are wide rather
than narrow: the region has two degrees of freedom, since the sum of squares of a ramp has kinks. Where saturation is
not reached, the bands of h and phi_max end at the physical limit.

{coverage}

## Calgary 2022, on and off again

Enrolled drivers were paid {cents:.2f} US cents a kWh (3.5 Canadian cents) for charging at home from 22 to 6 h. The case
`calgary-2022` has the same hours, and a fleet that charges 59 % at night before. Share of charging from 22 to 6 h:

{calgary}

No value of the set's response comes from this trial, so the third column is a test. Two ends of its ranges do, so the
fourth is none. The set saturates at 14 cents, the least at which a source shows saturation; the bundled response has a
dead zone that is wider than the reward. The model has no habit, so that all return when the reward ends.

## Strong rates

Share of the charging outside the cheap window that moved into it. The set was chosen from these sources, so this is a
comparison and no test. In San Diego shares of several rates are mixed, and the share before is assumed.

{strong}
"""


def evidence_page(command: str, *, populations: int = 200, seed: int = 0, progress: Callable[[int], None]) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    command : str
        The command that makes the page.
    populations, seed : int
        Number of synthetic populations a row of the table of coverage, and random seed.
    progress : callable
        Called with the number of rows made.
    """
    return PAGE.format(
        command=command,
        populations=populations,
        cents=CALGARY_CENTS,
        coverage="\n".join(coverage_table(populations=populations, seed=seed, progress=progress)),
        calgary="\n".join(_calgary_lines()),
        strong="\n".join(_strong_lines()),
    )


def coverage_table(
    designs: tuple[Design, ...] = DESIGNS,
    *,
    populations: int = 200,
    seed: int = 0,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[str]:
    """Return the coverage of several designs as lines of a Markdown table; arguments as `evidence_page`."""
    lines = [
        "| truth | observations | up to, cents | noise | l | h | phi_max | K | phi_max not determined |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row, design in enumerate(designs):
        found = coverage(design, populations=populations, seed=seed)
        truth = "drawn" if design.truth is None else "(3, 25, .60)"
        noise = f"{design.noise:.0%} of the share" if design.relative else f"{100 * design.noise:.0f} points"
        shares = " | ".join(f"{found[name]:.1%}" for name in PARAMETERS)
        lines.append(f"| {truth} | {design.n} | {design.most:g} | {noise} | {shares} | {found['not_determined']:.0%} |")
        progress(row + 1)
    return lines


def _calgary_lines() -> list[str]:
    """Return observed and modelled shares at night as lines of a Markdown table."""
    case = load_scenario(case="calgary-2022")
    sourced, bundled = calgary(case), calgary(replace(case, response=load_scenario().response))
    lines = [
        "| | observed | set `enrolled-home` | over its ranges | bundled response |",
        "|---|---|---|---|---|",
    ]
    for when, (low, high) in CALGARY_NIGHT.items():
        seen = f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
        here, least, most = sourced[when]
        lines.append(f"| {when} | {seen} | {here:.0%} | {least:.0%} to {most:.0%} | {bundled[when][0]:.0%} |")
    return lines


def _strong_lines() -> list[str]:
    """Return observed and modelled shares moved at strong rates as lines of a Markdown table."""
    sourced, bundled = (
        one.response.peak_valley for one in (load_scenario(case="calgary-2022"), load_scenario(case="paper-2022"))
    )

    def share(ramp: Ramp, at: float) -> str:
        return f"{float(ramp_share(at, ramp.dead_zone, ramp.saturation, ramp.max_share)):.2f}"  # type: ignore[arg-type]

    return [
        "| source | share that moved | set `enrolled-home` | bundled response |",
        "|---|---|---|---|",
        *(f"| {name} | {seen} | {share(sourced, at)} | {share(bundled, at)} |" for name, at, seen in STRONG_RATES),
    ]
