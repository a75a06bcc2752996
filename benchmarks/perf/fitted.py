"""How the case paper-2022-fitted agrees with the 2022 paper, and how well each of its parameters is determined.

    python benchmarks/perf/fitted.py --out docs/results/paper-2022-fitted.md
    python benchmarks/perf/fitted.py --search 3000      # fits anew, from the case's parameters

For the profile of the misfit a parameter is set a quarter below and above its value, and all others are fitted again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from csmoifsa.files import atomic_write
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.study.comparison import compare_with_paper
from csmoifsa_ev.study.fitting import NOISE, RANGES, TOLERANCE, FrontFit
from csmoifsa_ev.study.study import run_study

FIGURES = ("G1", "24 G2", "G3", "saving", "satisfaction", "fall of the peak", "fall of the difference")
MOVE = 0.25  # share of its value by which a parameter is moved for the profile


def profile(fit: FrontFit, name: str, steps: int) -> list[np.ndarray]:
    """Return residuals [%] of the seven figures with a parameter below and above its value, others fitted again."""
    best, k = fit.best.copy(), list(RANGES).index(name)
    low, high = RANGES[name]
    ends = []
    for sign in (-1.0, 1.0):
        fit.best = best.copy()
        moved = float(np.clip(best[k] * (1.0 + sign * MOVE), low, high))
        found = fit.refine(0, fixed={name: moved})[:7]
        if np.abs(found[:5]).max() > 2.0:  # percent: the tolerance of these five is 1 %
            fit.best = best.copy()
            found = fit.refine(steps, fixed={name: moved})[:7]
        ends.append(100.0 * TOLERANCE * found)
    fit.best = best
    return ends


def figures_table(seeds: int) -> list[str]:
    """Return the paper's figures beside those of fresh runs, a column a seed, as Markdown."""
    scenario = load_scenario(case="paper-2022-fitted")
    tables = [compare_with_paper(run_study(scenario, seed=seed)) for seed in range(1, seeds + 1)]
    names = " | ".join(f"seed {seed}" for seed in range(1, seeds + 1))
    lines = [
        f"| quantity | unit | the paper | {names} | largest difference |",
        "|---|---|---:|" + "---:|" * (seeds + 1),
    ]
    for rows in zip(*tables, strict=True):
        worst = max((row["difference_percent"] for row in rows), key=abs)
        here = " | ".join(f"{row['here']:,.6g}" for row in rows)
        first = rows[0]
        lines.append(f"| {first['quantity']} | {first['unit']} | {first['paper']:,.6g} | {here} | {worst:+.2f} % |")
    return [*lines, "", *(f"* {row['quantity']}: {row['remark']}" for row in tables[0])]


def parameters_table(fit: FrontFit, steps: int) -> list[str]:
    """Return value, effects, profile and verdict of each parameter, as Markdown."""
    best = fit.best.copy()
    at_fit = float(np.abs(100.0 * TOLERANCE * fit.residuals_of(best)[:7])[:5].max())
    jacobian = fit.jacobian(best)
    fit.best = best.copy()  # a probe may have fitted better; the page is about the values that it prints
    singular = np.linalg.svd(jacobian, compute_uv=False)
    rank = int((singular > NOISE).sum())
    listed = ", ".join(f"{value:.3g}" for value in singular)
    lines = [
        f"{len(RANGES)} parameters, seven figures. Effect: change of each figure [%] per 1 % of the parameter's value,",
        "the others kept. Singular values of the derivatives (of residuals in units of their tolerance, over each",
        f"parameter's range): {listed}. **{rank} combinations of parameters are determined**,",
        f"{len(RANGES) - rank} are not.",
        "",
        f"Profile: the largest of the five residuals of the compromise [%] with the parameter {MOVE:.0%} below and",
        "above its value (at most to the end of its range), all others fitted again if it is above 2 %; at the fit",
        f"it is {at_fit:.1f} %.",
        "A parameter counts as determined on a side where that is above 2 %.",
        "",
        "| parameter | fitted | " + " | ".join(FIGURES) + " | profile below | above | determined |",
        "|---|---:|" + "---:|" * (len(FIGURES) + 2) + "---|",
    ]
    for k, name in enumerate(RANGES):
        low, high = RANGES[name]
        effect = 100.0 * TOLERANCE * jacobian[:, k] / (high - low) * best[k] * 0.01
        ends = [float(np.abs(one[:5]).max()) for one in profile(fit, name, steps)]
        sides = [side for side, end in zip(("below", "above"), ends, strict=True) if end > 2.0]
        none = "no: others make up for it" if np.abs(effect).max() > 1e-3 else "no: no effect here"
        verdict = {0: none, 1: f"from {''.join(sides)}", 2: "yes"}[len(sides)]
        if (np.abs(np.delete(effect, 3)) < 1e-3).all() and abs(effect[3]) > 1e-3:
            verdict = "no: one sum of the costs only"  # the saving alone sees them
        cells = " | ".join("" if abs(one) < 5e-4 else f"{one:+.3f}" for one in effect)
        lines.append(f"| {name} | {best[k]:.4g} | {cells} | {ends[0]:.1f} | {ends[1]:.1f} | {verdict} |")
    return lines


def page(seeds: int, steps: int, n_eval: int) -> str:
    """Return the page, from fresh runs."""
    fit = FrontFit(load_scenario(case="paper-2022-fitted"), n_eval=n_eval)
    lines = [
        "# The fitted case beside the paper",
        "",
        "Made by `python benchmarks/perf/fitted.py --out docs/results/paper-2022-fitted.md`; do not edit. Responses",
        "and costs of the case `paper-2022-fitted` are fitted so that search, front and compromise rule yield what the",
        "paper prints. All else is from the paper or reconstructed: [assumptions](../assumptions.md).",
        "",
        *figures_table(seeds),
        "",
        "## How well each parameter is determined",
        "",
        *parameters_table(fit, steps),
        "",
        "The profile is an upper bound: the fit is local, and kinks can stop it. The four costs act on the saving",
        "alone, so one of them can take another's part whatever the profile says. Parameters without effect are",
        "bounded only where they would end the saturation of the responses at the compromise, or move the ends of",
        "the front.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Fit, or measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--search", type=int, default=0, help="fronts for a new fit; nothing else is done then")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6, help="Gauss-Newton steps at each point of the profile")
    parser.add_argument("--n-eval", type=int, default=2_000, help="tariffs tried for each front inside the fit")
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    if a.search:
        fit = FrontFit(load_scenario(case="paper-2022-fitted"), n_eval=a.n_eval)
        fit.search(a.search)
        fit.refine(3)
        print(fit.figures)
        print("\n".join(f"{name} = {value:.4g}" for name, value in zip(RANGES, fit.best, strict=True)))
        return
    text = page(a.seeds, a.steps, a.n_eval)
    if a.out is None:
        print(text)
        return
    with atomic_write(a.out) as file:
        file.write(text)
    print(f"Written: {a.out}")


if __name__ == "__main__":
    main()
