"""Fitting responses: the truth is found again, what is not determined is said; and the loop that learns them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.model.ramp import Ramp, RampRanges, ramp_share
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.study.calibration import (
    Observations,
    calibrate,
    fit_obstacles,
    fit_ramp,
    fit_with_bands,
    local_fit,
    ramp_lines,
    scenario_lines,
)
from csmoifsa_ev.study.coverage import DESIGNS, PARAMETERS, coverage
from csmoifsa_ev.study.learning import (
    hidden_population,
    incentives,
    learn,
    learning_curves,
    observe,
    ramps_of,
    with_ramps,
)
from csmoifsa_ev.study.profile import estimate_noise, profile_bands
from csmoifsa_ev.study.sensitivity import SPREAD, with_factor


def seen_of(ramp, at, noise=0.0, seed=0):
    share = ramp_share(np.asarray(at, dtype=float), ramp.dead_zone, ramp.saturation, ramp.max_share)
    share = share * (1 + noise * np.random.default_rng(seed).normal(size=len(share)))
    return Observations(np.asarray(at, dtype=float), np.clip(share, 0, 1))


@given(st.floats(0.5, 8), st.floats(6, 20), st.floats(0.1, 0.9))
def test_without_noise_the_truth_is_found(dead_zone, width, share):
    true = Ramp(dead_zone=dead_zone, saturation=dead_zone + width, max_share=share)
    fit, residual = fit_ramp(seen_of(true, np.linspace(0, dead_zone + width + 8, 40)))
    assert residual < 0.01 * share
    assert fit.dead_zone == pytest.approx(true.dead_zone, abs=0.5)
    assert fit.saturation == pytest.approx(true.saturation, rel=0.05)
    assert fit.max_share == pytest.approx(true.max_share, rel=0.02)


def test_bands_hold_the_truth_and_narrow_with_observations():
    true = Ramp(dead_zone=3, saturation=25, max_share=0.6)
    few, many = (fit_with_bands("peak_valley", seen_of(true, np.linspace(0, 35, n), 0.1, 1)) for n in (10, 300))
    for fit in (few, many):
        low, high = fit.bands["slope"]
        assert low <= 0.6 / 22 <= high
    assert np.diff(many.bands["slope"]) < np.diff(few.bands["slope"])


def test_what_is_not_determined_is_said():
    true = Ramp(dead_zone=3, saturation=25, max_share=0.6)
    fit = fit_with_bands("peak_valley", seen_of(true, np.linspace(6, 18, 20)))
    assert any("beyond saturation" in told for told in fit.warnings)
    assert any("dead zone" in told for told in fit.warnings)
    assert fit.slope == pytest.approx(0.6 / 22, rel=0.1)


@pytest.mark.parametrize(
    ("incentive", "share", "told"),
    [
        ([1, 5, 9, 13], [0, 0.1, 0.2, 0.3], "4 observation"),
        ([5] * 9, [0.1, 0.2] * 4 + [0.1], "one or two incentives"),
        (range(9), [0.2] * 9, "never changes"),
        (range(9), np.linspace(0.6, 0, 9), "contradictory"),
    ],
)
def test_too_few_or_contradictory(incentive, share, told):
    seen = Observations(np.array(list(incentive), dtype=float), np.array(list(share), dtype=float))
    assert told in fit_obstacles(seen)[0]
    with pytest.raises(InputError, match=f"peak_flat: .*{told}"):
        fit_with_bands("peak_flat", seen)


def test_local_fit_follows_a_line_exactly_and_a_ramp_closely():
    at = np.linspace(0, 30, 200)
    line = Observations(at, 0.01 * at + 0.1)
    assert local_fit(line, np.array([5.0, 15.0]), 2.0) == pytest.approx([0.15, 0.25], abs=1e-6)
    true = Ramp(dead_zone=3, saturation=25, max_share=0.6)
    seen = seen_of(true, at)
    assert local_fit(seen, np.array([1.0, 14.0, 29.0]), 1.0) == pytest.approx([0, 0.3, 0.6], abs=0.01)


def region_by_brute_force(seen, noise, best, level=0.9):
    """Slow oracle: smallest and largest l, h, phi_max and K on a full grid whose sum of squares is accepted."""
    limit = best + 2 * stats.f.ppf(level, 2, noise.dof) * noise.variance * noise.weights.min()
    found = []
    shares = np.linspace(0, 1, 101)
    for low in np.linspace(0, 20, 161):
        for high in np.linspace(0.5, 60, 239):
            if high > low:
                part = np.clip((seen.incentive - low) / (high - low), 0, 1)
                square = (noise.weights * (noise.share - shares[:, None] * part) ** 2).sum(axis=1)
                found += [(low, high, share, share / (high - low)) for share in shares[square <= limit]]
    return np.min(found, axis=0), np.max(found, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("most", [14.0, 40.0])
def test_bands_are_those_of_a_full_grid(most):
    seen = seen_of(Ramp(dead_zone=3, saturation=25, max_share=0.6), np.linspace(most / 10, most, 10), 0.1, 4)
    ramp, _ = fit_ramp(seen)
    noise = estimate_noise(seen.share, ramp_share(seen.incentive, *ramp_values(ramp)), np.inf)
    bands = profile_bands(seen.incentive, noise, ramp)
    left = noise.share - ramp_share(seen.incentive, *ramp_values(ramp))
    least, largest = region_by_brute_force(seen, noise, float((left * left).sum()))
    for k, (name, step) in enumerate(
        {"dead_zone": 0.125, "saturation": 0.25, "max_share": 0.01, "slope": 0.002}.items()
    ):
        low, high = bands.limits[name]
        assert low == pytest.approx(least[k], abs=1.5 * step), name
        assert high == pytest.approx(largest[k], abs=1.5 * step), name
    assert ("max_share" in bands.not_determined) == (most == 14)


def ramp_values(ramp):
    return ramp.dead_zone, ramp.saturation, ramp.max_share


@pytest.mark.parametrize("seed", range(5))
def test_saturation_never_reached_is_not_determined_and_the_truth_stays_possible(seed):
    """Ten points up to 14 cents of a response that saturates at 25, with 3 % noise: the slope is all they tell."""
    true = Ramp(dead_zone=3, saturation=25, max_share=0.6)
    fit = fit_with_bands("peak_valley", seen_of(true, np.linspace(1.4, 14, 10), 0.03, seed))
    assert fit.not_determined == ("saturation", "max_share")
    assert fit.bands["max_share"][1] == 1.0
    assert fit.bands["saturation"][0] < 25 < fit.bands["saturation"][1]
    assert fit.bands["slope"][1] < 0.04
    text = scenario_lines([fit])
    assert 'not_determined = ["saturation", "max_share"]' in text
    assert "not determined" in text


def test_ranges_of_a_fit_carry_into_tornado_and_draws(small):
    """With phi_max open, the draws at its upper end move on along the fitted slope instead of ending at the fit."""
    ranges = RampRanges(dead_zone=(2.9, 3.1), slope=(0.026, 0.028), max_share=(0.3, 1.0))
    open_ramp = Ramp(dead_zone=3, saturation=14, max_share=0.3, ranges=ranges, not_determined=("max_share",))
    day = with_ramps(small.day, {**ramps_of(small.day), "peak_valley": open_ramp})
    high = with_factor(day, "response strength (max_share)", 1.3).response.peak_valley
    assert (high.max_share, high.slope) == pytest.approx((1.0, open_ramp.slope))
    low = with_factor(day, "response strength (max_share)", 0.7).response.peak_valley
    assert ramp_values(low) == pytest.approx((3, 14, 0.3))
    steep = with_factor(day, "price at which it saturates", 0.75).response.peak_valley
    assert (steep.slope, steep.max_share) == pytest.approx((0.028, 0.3))
    early = with_factor(day, "dead zone of the response", 0.5).response.peak_valley
    assert (early.dead_zone, early.slope) == pytest.approx((2.9, open_ramp.slope))
    plain = with_factor(day, "dead zone of the response", 0.5).response.peak_flat
    assert plain.dead_zone == pytest.approx(0.5 * day.response.peak_flat.dead_zone)


def test_draws_hold_the_truth_where_saturation_was_never_reached(small):
    """Beyond 14 cents the fit ends at .3 and the truth at .6: only the range of phi_max lets the draws reach it."""
    true = dataclasses.replace(small.day, fleet=small.day.fleet.scaled(3_000_000))
    seen = seen_of(ramps_of(true)["peak_valley"], np.linspace(1.4, 14, 10), 0.03, 0)
    fit = fit_with_bands("peak_valley", seen)
    ranges = RampRanges(**{name: fit.bands[name] for name in ("dead_zone", "slope", "max_share")})
    tariff = np.array([[44.0, 27.0, 19.0, 5.0, 5.0, 5.0]])
    change = float(evaluate(tariff, true).responding[0])
    bands = []
    for ramp in (fit.ramp, dataclasses.replace(fit.ramp, ranges=ranges)):
        day = with_ramps(true, {**ramps_of(true), "peak_valley": ramp})
        random = np.random.default_rng(0)
        drawn = []
        for _ in range(100):
            one = day
            for what in list(SPREAD)[:3]:
                one = with_factor(one, what, 1 + SPREAD[what] * random.uniform(-1, 1))
            drawn.append(float(evaluate(tariff, one).responding[0]))
        bands.append(np.quantile(drawn, [0.05, 0.95]))
    assert change > bands[0][1]  # the general spread misses the truth
    assert bands[1][0] < change < bands[1][1]


def test_the_profile_sees_flat_data_and_no_dead_zone():
    seen = Observations(np.array([5.0, 6, 7, 20, 21, 22]), np.array([0.0, 0.5, 0.05, 0.05, 0.6, 0.05]))
    fit = fit_with_bands("peak_valley", seen)
    assert {"dead_zone", "max_share", "saturation", "slope"} == set(fit.not_determined)
    assert fit.bands["slope"][0] == 0


QUICK = 3
"""Designs that `make test` tries; `make test-long` tries all."""


@pytest.mark.parametrize(
    "design", [*DESIGNS[:QUICK], *(pytest.param(one, marks=pytest.mark.long) for one in DESIGNS[QUICK:])], ids=str
)
def test_bands_contain_the_truth_of_at_least_85_percent_of_populations(design):
    found = coverage(design)
    assert found["fitted"] >= 190
    assert min(found[name] for name in PARAMETERS) >= 0.85
    if design.truth is not None:
        assert found["not_determined"] > 0.9


# -------------------------------------------------------------------------------------------------- the command


def observations_file(path, rows=None, noise=0.05):
    lines = ["pair,incentive,share"]
    for k, (pair, ramp) in enumerate(
        {
            "peak_valley": Ramp(dead_zone=4, saturation=22, max_share=0.5),
            "v2g": Ramp(dead_zone=6, saturation=20, max_share=0.2),
        }.items()
    ):
        seen = seen_of(ramp, np.linspace(0, 30, 25), noise, k)
        lines += [f"{pair},{x:.3f},{y:.5f}" for x, y in zip(seen.incentive, seen.share, strict=True)]
    path.write_text("\n".join(lines + (rows or [])) + "\n", encoding="utf-8")
    return path


def test_calibrate_writes_lines_that_a_scenario_takes(run_cli, tmp_path):
    path = observations_file(tmp_path / "seen.csv")
    answer = run_cli("ev", "calibrate", path, "--samples", 30, "--out", tmp_path / "fit")
    assert answer.code == 0, answer.err
    assert "90 % band" in answer.out
    (tmp_path / "my.toml").write_text(
        "[fleet]\nn_ev = 100\n" + (tmp_path / "fit" / "response.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    scenario = load_scenario(tmp_path / "my.toml")
    assert scenario.response.peak_valley.max_share == pytest.approx(0.5, rel=0.05)
    assert scenario.v2g.response.saturation == pytest.approx(20, rel=0.15)
    assert (tmp_path / "fit" / "calibration.png").stat().st_size > 5_000
    told = json.loads(run_cli("ev", "calibrate", path, "--samples", 20, "--json").out)
    assert [one["pair"] for one in told["fits"]] == ["peak_valley", "v2g"]


def test_a_response_that_is_a_step_is_read_back(tmp_path):
    """Digits cut off would make dead zone and saturation one, and leave the slope outside its own range."""
    ramp = Ramp(dead_zone=3.43211, saturation=3.43274, max_share=0.4)
    bands = {name: (0.999 * getattr(ramp, name), 1.001 * getattr(ramp, name)) for name in ("dead_zone", "max_share")}
    bands |= {"slope": (0.9 * ramp.slope, 1.000001 * ramp.slope), "saturation": (3.4327, 3.44)}
    (tmp_path / "my.toml").write_text(ramp_lines("response.peak_valley", ramp, bands, (), "test"), encoding="utf-8")
    found = load_scenario(tmp_path / "my.toml").response.peak_valley
    assert found.slope == pytest.approx(ramp.slope, rel=1e-5)
    assert found.ranges.slope == pytest.approx(bands["slope"], rel=1e-5)


def test_a_pair_with_few_rows_does_not_stop_the_others(run_cli, tmp_path):
    path = observations_file(tmp_path / "seen.csv", ["flat_valley,3,0.3"])
    answer = run_cli("ev", "calibrate", path, "--samples", 20, "--out", tmp_path / "fit")
    assert answer.code == 0, answer.err
    assert "Not fitted, flat_valley: 1 observation(s)" in answer.out
    assert "# flat_valley: not fitted: 1 observation(s)" in (tmp_path / "fit" / "response.toml").read_text()
    (tmp_path / "few.csv").write_text("pair,incentive,share\nv2g,3,0.1\npeak_flat,1,0.2\n", encoding="utf-8")
    answer = run_cli("ev", "calibrate", tmp_path / "few.csv", "--out", tmp_path / "none")
    assert answer.code == 2
    assert "v2g: 1 observation(s)" in answer.err
    assert "peak_flat: 1 observation(s)" in answer.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("peak_vally,3,0.1", "line 52, column 'pair': 'peak_vally' is not one of .* Did you mean 'peak_valley'"),
        ("v2g,x,0.1", "line 52, column 'incentive'"),
        ("v2g,3,30", "line 52, column 'share': '30' is not a share from 0 to 1"),
    ],
)
def test_bad_observations_are_named(tmp_path, row, told):
    with pytest.raises(InputError, match=told):
        calibrate(observations_file(tmp_path / "seen.csv", [row]), samples=20)


# ----------------------------------------------------------------------------------------------------- the loop


def test_a_population_is_hidden_and_different(small):
    random = np.random.default_rng(1)
    truth = hidden_population(small.day, random)
    assert ramps_of(truth) != ramps_of(small.day)
    tariff = np.array([40.0, 25.0, 12.0, 30.0, 5.0, 5.0])
    seen = observe(tariff, truth, 0.0, random)
    assert {name: one[0] for name, one in seen.items()} == incentives(tariff, truth)
    assert seen["peak_valley"][0] == pytest.approx(28)
    ramp = ramps_of(truth)["peak_valley"]
    want = ramp_share(np.array([28.0]), ramp.dead_zone, ramp.saturation, ramp.max_share)[0]
    assert seen["peak_valley"][1] == pytest.approx(want)


@pytest.fixture(scope="module")
def full_day():
    problem = ev_pricing(n_ev=30_000)
    return dataclasses.replace(problem.day, fleet=problem.day.fleet.scaled(3_000_000)), problem.price_bounds


def test_the_loop_is_reproducible_and_learns_without_noise(full_day):
    day, bounds = full_day
    one, two = (learn(day, bounds, seed=3, rounds=4, noise=0.0) for _ in range(2))
    assert [r.regret for r in one] == [r.regret for r in two]
    assert one[-1].parameter_error < one[0].parameter_error
    assert one[-1].regret < 0.03


@pytest.mark.slow
def test_eight_adjustments_come_within_five_percent(full_day):
    """The bar: median of 20 populations, 5 % noise."""
    day, bounds = full_day
    curves = learning_curves(day, bounds, seeds=20)
    assert curves["regret_median"][-1] < 0.05
    assert curves["regret_median"][-1] < 0.5 * curves["regret_median"][0]
    assert min(map(min, curves["regret_of_each"])) > -0.01  # nobody does better than full knowledge


def test_learn_command(run_cli, tmp_path):
    (tmp_path / "my.toml").write_text("[fleet]\nn_ev = 2000\n", encoding="utf-8")
    answer = run_cli("ev", "learn", tmp_path / "my.toml", "--rounds", 2, "--seeds", 2, "--out", tmp_path / "l")
    assert answer.code == 0, answer.err
    assert "Medians of 2 hidden populations" in answer.out
    assert (tmp_path / "l" / "learning.png").exists()
    assert len((tmp_path / "l" / "learning.csv").read_text(encoding="utf-8").splitlines()) == 4
