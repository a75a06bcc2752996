"""Fits to published shares: the truth is found, source effects are free, and what is not determined is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.study.published import COLUMNS, Published, calibrate_published, deviance, fit_published, read_published

TRUE = Ramp(dead_zone=2, saturation=16, max_share=0.8)


def share_of(ramp, at):
    return ramp_share(np.asarray(at, dtype=float), ramp.dead_zone, ramp.saturation, ramp.max_share)


def rows_of(at, everybody=(), enrolment=None, error=0.02, seed=0):
    """Rows of TRUE, those numbered in ``everybody`` at an enrolment of .3 that is published where ``enrolment``."""
    at = np.asarray(at, dtype=float)
    random, all_ = np.random.default_rng(seed), np.isin(np.arange(len(at)), everybody)
    moved = share_of(TRUE, at) * np.where(all_, 0.3, 1.0) + error * random.normal(size=len(at))
    published = np.where(all_, 0.3, np.nan) if enrolment else np.full(len(at), np.nan)
    names = tuple(f"s{k}" for k in range(len(at)))
    return Published(
        names, at, moved, np.full(len(at), error), all_, published, np.where(all_ & bool(enrolment), 0.01, np.nan)
    )


@pytest.mark.parametrize("seed", range(3))
def test_many_rows_give_the_truth_and_everything_is_determined(seed):
    fit = fit_published("enrolled drivers", rows_of(np.linspace(1, 40, 30), seed=seed))
    assert fit.ramp.max_share == pytest.approx(0.8, abs=0.03)
    assert fit.ramp.saturation == pytest.approx(16, abs=1.5)
    for name in ("dead_zone", "saturation", "max_share", "slope"):
        low, high = fit.bands[name]
        assert low <= getattr(TRUE, name) <= high
    assert not {"saturation", "max_share", "slope"} & set(fit.not_determined)


def test_one_row_leaves_all_open():
    fit = fit_published("enrolled drivers", rows_of([10.0]))
    assert set(fit.not_determined) == {"dead_zone", "saturation", "max_share", "slope"}
    assert fit.bands["max_share"][1] == pytest.approx(1.0)
    assert fit.bands["max_share"][0] == pytest.approx(share_of(TRUE, [10.0])[0] - 0.04, abs=0.05)


def slow_deviance(seen, low, high, share):
    """Oracle of `deviance` in plain loops; the enrolment of a source is sought on a grid."""
    total = 0.0
    for name in set(seen.source):
        mine = [k for k in range(len(seen.source)) if seen.source[k] == name]
        total += min(
            sum(
                (
                    (seen.moved[k] - (e if seen.everybody[k] else 1.0) * value(seen.incentive[k], low, high, share))
                    / seen.error[k]
                )
                ** 2
                + (
                    0
                    if np.isnan(seen.enrolment[k]) or not seen.everybody[k]
                    else ((seen.enrolment[k] - e) / seen.enrolment_error[k]) ** 2
                )
                for k in mine
            )
            for e in np.linspace(0, 1, 2001)
        )
    return total


def value(at, low, high, share):
    return 0.0 if at <= low else share if at >= high else share * (at - low) / (high - low)


@pytest.mark.parametrize("enrolment", [False, True])
def test_deviance_is_that_of_plain_loops(enrolment):
    seen = rows_of([3, 8, 20, 5, 9, 30], everybody=(3, 4, 5), enrolment=enrolment, seed=2)
    seen = Published(("a", "b", "c", "d", "d", "e"), *[getattr(seen, name) for name in list(vars(seen))[1:]])
    for low, high, share in ((2, 16, 0.8), (0, 9, 0.5), (5, 25, 1.0)):
        ramp = Ramp(dead_zone=low, saturation=high, max_share=share)
        fast = deviance(seen, share_of(ramp, seen.incentive)[None])[0]
        assert fast == pytest.approx(slow_deviance(seen, low, high, share), rel=2e-3, abs=2e-3)


def test_bands_are_those_of_a_plain_grid():
    seen = rows_of([4, 8, 12, 20, 30], seed=5)
    fit = fit_published("enrolled drivers", seen)
    grid = [
        (low, high, share, slow)
        for low in np.linspace(0, 12, 25)
        for high in np.linspace(4, 30, 53)
        for share in np.linspace(0.6, 1, 41)
        if high > low
        and (slow := sum(((seen.moved[k] - value(seen.incentive[k], low, high, share)) / 0.02) ** 2 for k in range(5)))
        < 200
    ]
    best = min(one[3] for one in grid)
    excess = max(stats.chi2.ppf(0.9, 2), 2 * stats.f.ppf(0.9, 2, 2) * best / 2)
    kept = np.array([one for one in grid if one[3] <= best + excess])
    for k, (name, step) in enumerate({"dead_zone": 0.5, "saturation": 0.5, "max_share": 0.01}.items()):
        assert fit.bands[name][0] == pytest.approx(kept[:, k].min(), abs=2.5 * step), name
        assert fit.bands[name][1] == pytest.approx(kept[:, k].max(), abs=2.5 * step), name


def test_all_owners_with_unknown_enrolment_bound_the_response_from_below_only():
    seen = rows_of([30.0, 35.0, 40.0], everybody=(0, 1, 2))
    fit = fit_published("enrolled drivers", seen)
    assert fit.bands["max_share"][0] < 0.3 * 0.8 + 0.05  # all enrolled
    assert fit.bands["max_share"][1] == pytest.approx(1.0)
    assert "max_share" in fit.not_determined
    known = fit_published("enrolled drivers", rows_of([30.0, 35.0, 40.0], everybody=(0, 1, 2), enrolment=True))
    assert known.bands["max_share"][0] > 0.6


# ------------------------------------------------------------------------------------------------------ the command

ROWS = [
    "Austin winter,enrolled,10,10,24,10,0.70,0.99,0.01,,",
    "Austin summer,enrolled,10,10,50,10,0.70,0.99,0.01,,",
    "San Diego,enrolled,25,25,38,7,0.2,0.80,0.03,,",
    "Con Edison,all,20,20,20,15,0.4,0.42,0.02,0.05,0.01",
    "Con Edison,all,20,20,20,10,0.4,0.52,0.02,0.24,0.02",
    "Xcel,all,12,12,12,7.2,0.4,0.41,0.01,0.026,0.002",
]


def shares_file(path, rows=ROWS):
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


def test_shares_and_prices_become_incentives_and_moved_shares(tmp_path):
    seen = read_published(shares_file(tmp_path / "shares.csv"))
    assert seen.incentive.tolist() == pytest.approx([14, 40, 31, 5, 10, 4.8])
    assert seen.moved[0] == pytest.approx(0.29 / 0.30)
    assert seen.error[0] == pytest.approx(0.01 / 0.30)
    assert seen.everybody.tolist() == [False] * 3 + [True] * 3


def test_calibrate_fits_response_and_enrolment_apart(run_cli, tmp_path):
    path = shares_file(tmp_path / "shares.csv")
    answer = run_cli("ev", "calibrate", path, "--out", tmp_path / "fit")
    assert answer.code == 0, answer.err
    assert "Not determined, enrolment: dead_zone, saturation, max_share, slope" in answer.out
    assert "fewer than 5 sources: a source effect of 70% is assumed" in answer.out
    (tmp_path / "my.toml").write_text(
        "[fleet]\nn_ev = 100\n" + (tmp_path / "fit" / "response.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    response = load_scenario(tmp_path / "my.toml").response
    assert response.peak_valley == response.flat_valley
    assert response.peak_valley.max_share > 0.7
    assert response.enrolment.curve.max_share < 0.4
    assert (tmp_path / "fit" / "calibration.png").stat().st_size > 5_000
    assert "Con Edison" in (tmp_path / "fit" / "sources.csv").read_text(encoding="utf-8")
    told = json.loads(run_cli("ev", "calibrate", path, "--json").out)
    assert [one["pair"] for one in told["fits"]] == ["enrolled drivers", "enrolment"]


def test_without_enrolment_it_is_said(tmp_path):
    found = calibrate_published(shares_file(tmp_path / "shares.csv", ROWS[:3]))
    assert "no row publishes it" in found["skipped"]["enrolment"]
    assert "[response.enrolment" not in found["toml"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("A,some,1,1,2,1,0.2,0.3,0.1,,", "line 2, column 'drivers': 'some' must be enrolled or all"),
        ("A,all,1,1,x,1,0.2,0.3,0.1,,", "line 2, column 'dear': 'x' is not a number"),
        ("A,all,1,1,2,1,20,0.3,0.1,,", "line 2, column 'share_before': '20' is not a share from 0 to 1"),
        ("A,all,1,1,2,1,1,1,0.1,,", "line 2, column 'share_before': nothing is left to move"),
        ("A,all,1,1,2,1,0.2,0.3,0,,", "line 2, column 'error': '0' is not a standard error above 0"),
        ("A,all,1,1,2,1,0.2,0.3,0.1,0.2,", "line 2: enrolment and enrolment_error must both"),
        ("A,all,2,1,2,1,0.2,0.3,0.1,,", "no row has an incentive above 0"),
    ],
)
def test_bad_shares_are_named(tmp_path, row, told):
    with pytest.raises(InputError, match=told):
        calibrate_published(shares_file(tmp_path / "shares.csv", [row]))


@pytest.mark.slow
def test_bands_of_published_shares_contain_the_truth():
    """Six rows at sampled incentives, two of all owners with unknown enrolment: 90 % bands in at least 85 %."""
    random, hits, n = np.random.default_rng(8), dict.fromkeys(("dead_zone", "saturation", "max_share", "slope"), 0), 100
    for seed in range(n):
        fit = fit_published("enrolled drivers", rows_of(np.sort(random.uniform(1, 30, 6)), everybody=(1, 4), seed=seed))
        for name in hits:
            low, high = fit.bands[name]
            hits[name] += low - 1e-9 <= getattr(TRUE, name) <= high + 1e-9
    assert min(hits.values()) >= 0.85 * n, hits
