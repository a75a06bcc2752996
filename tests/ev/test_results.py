"""What a study says beyond its front: stakeholder impact, robustness, rounded prices, and simpler ways."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_energy.impact import StakeholderImpact
from csmoifsa_ev.model.groups import GROUPS, driver_groups
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.response import RECOVERIES
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.baselines import compare_baselines, grid_search
from csmoifsa_ev.study.impact import group_bills, rebound, stakeholder_impact
from csmoifsa_ev.study.rounding import round_tariff
from csmoifsa_ev.study.sensitivity import QUANTITIES, SPREAD, draw_days, effects, robustness, tornado, with_factor

VALLEY = 2

TARIFF = np.array([36.0, 24.0, 14.0, 34.0, 30.0, 10.0])


# -------------------------------------------------------------------------------------------------- who gains


def test_bills_of_the_groups_add_up_to_the_bill_of_all(small):
    outcome = small.outcome(TARIFF)
    bills = group_bills(outcome, small.day)
    share = driver_groups(outcome, small.day).share[0]
    assert share.min() > 0  # all three groups are there
    total = sum(share[k] * bills[name] for k, name in enumerate(GROUPS)) * small.day.fleet.n_ev
    assert total == pytest.approx(outcome.driver_bill_per_day[0] * 365 / 12)
    assert bills["charge_responders"] < bills["non_responders"]


def test_the_account_names_winners_and_losers(small):
    lines = {
        (one.stakeholder, one.quantity): one for one in stakeholder_impact(TARIFF, small.outcome(TARIFF), small.day)
    }
    assert lines["grid", "peak load"].improves is True
    assert lines["drivers, all", "satisfaction"].improves is False
    assert len([who for who, _ in lines if who.startswith("drivers who")]) == 3
    assert StakeholderImpact("x", "y", "", 1.0, 1.0, "lower").improves is None


def test_rebound_is_seen():
    problem = ev_pricing(n_ev=2_000)
    sharp, outcome = np.array([50.0, 45.0, 5.0, 14.0, 5.0, 5.0]), None
    day = with_factor(problem.day, "number of cars", 6_000.0)
    from csmoifsa_ev.model.outcome import evaluate

    outcome = evaluate(sharp[None], day)
    check = rebound(outcome, day)
    assert check["rebound"]
    assert int(check["peak_at"][:2]) in (23, 0, 1, 2, 3, 4, 5, 6)
    assert not rebound(problem.outcome(TARIFF), problem.day)["rebound"]


# ------------------------------------------------------------------------------------------------ how firm it is


def test_each_assumption_moves_what_it_should(small):
    day = small.day
    assert with_factor(day, "number of cars", 0.5).fleet.n_ev == 1_000
    assert with_factor(day, "level of the load", 2.0).base_mw == pytest.approx(2 * day.base_mw)
    for what in SPREAD:
        changed = with_factor(day, what, 1.2)
        assert not np.array_equal(effects(TARIFF[None], day)[0], effects(TARIFF[None], changed)[0]), what
        same = with_factor(day, what, 1.0)
        np.testing.assert_allclose(effects(TARIFF[None], same)[0], effects(TARIFF[None], day)[0], rtol=1e-9)


def test_effects_are_differences_from_the_tariff_in_force(small):
    changes, Q = effects(np.stack([TARIFF, small.day.prices.in_force]), small.day)
    before, after = small.outcome(small.day.prices.in_force), small.outcome(TARIFF)
    for k, name in enumerate(QUANTITIES):
        assert changes[0, k] == pytest.approx(getattr(after, name)[0] - getattr(before, name)[0], rel=1e-9)
    assert (changes[1] == 0).all()
    np.testing.assert_array_equal(Q, small.quantities(np.stack([TARIFF, small.day.prices.in_force]))[0])


def test_tornado_is_sorted_and_brackets(small):
    rows = tornado(TARIFF, small.day)
    assert len(rows) == len(SPREAD)
    width = [abs(row["saving_per_day_high"] - row["saving_per_day_low"]) for row in rows]
    assert width == sorted(width, reverse=True)
    cars = next(row for row in rows if row["assumption"] == "number of cars")
    ends = sorted([cars["saving_per_day_low"], cars["saving_per_day_high"]])
    assert ends[0] < cars["saving_per_day"] < ends[1]


def test_drawn_days_are_those_of_a_plain_loop(small):
    """One assumption after the other from one generator, then a day of the load, then smooth noise on it."""
    day = dataclasses.replace(small.day, days_mw=np.stack([small.day.days_mw[0], 2.0 * small.day.days_mw[0]]))
    random, hours, levels = np.random.default_rng([3, 6]), np.arange(24), set()
    for drawn in draw_days(day, draws=6, seed=3):
        factors = {what: 1.0 + spread * random.uniform(-1.0, 1.0) for what, spread in SPREAD.items()}
        base = day.days_mw[random.integers(2)]
        wave = np.zeros(24)
        for k in (1, 2, 3):
            a, b = random.normal(), random.normal()
            wave += (a * np.cos(2 * np.pi * k * hours / 24) + b * np.sin(2 * np.pi * k * hours / 24)) / np.sqrt(3)
        wanted = base * factors["level of the load"] * (1.0 + 0.03 * wave)
        np.testing.assert_allclose(drawn.days_mw, wanted[None])
        assert drawn.fleet.n_ev == round(day.fleet.n_ev * factors["number of cars"])
        assert drawn.grid.peak_cost_per_mw_day == day.grid.peak_cost_per_mw_day * factors["cost of peak load"]
        levels.add(base[0])
    assert len(levels) == 2


def test_robustness_is_reproducible_and_ordered(small):
    front = np.array([TARIFF, [26.0, 20.0, 14.0, 24.0, 10.0, 5.0], [45.0, 30.0, 8.0, 20.0, 5.0, 5.0]])
    one, two = (robustness(front, 0, small.day, "paper", draws=30, seed=4) for _ in range(2))
    assert one == two
    assert one.best_score >= one.recommended_score
    assert robustness(front, one.most_robust, small.day, "paper", draws=30, seed=4).best_score == one.best_score
    for band in one.quantiles:
        assert band["p5"] <= band["p50"] <= band["p95"]
    assert robustness(front, 0, small.day, "paper", draws=30, seed=5) != one


def _before(day, peak_mw, valley_mw):
    """Return the day with a load without cars that is even within the valley hours, and within all others."""
    return dataclasses.replace(day, days_mw=np.where(day.period == VALLEY, valley_mw, peak_mw)[None])


def test_the_share_of_rebounds_is_one_and_zero_where_it_is_certain(small):
    day = small.day
    sharp = np.array([[50.0, 45.0, 5.0, 14.0, 5.0, 5.0], [30.0, 30.0, 30.0, 14.0, 5.0, 5.0]])

    def share(one, row=0):
        return robustness(sharp, row, one, "paper", draws=20, seed=1).rebound_share

    # twenty thousand times the cars move far more into the valley than the base load's difference; nobody else does
    many = with_factor(_before(day, 11_000.0, 10_000.0), "number of cars", 20_000.0)
    assert share(many) == 1.0
    assert share(many, row=1) == 0.0
    # two thousand cars change nothing: the peak stays where the base load has it
    assert share(_before(day, 20_000.0, 10_000.0)) == 0.0
    assert share(_before(day, 10_000.0, 20_000.0)) == 1.0
    flat_is_highest = dataclasses.replace(day, days_mw=10_000.0 * np.array([1.0, 3.0, 2.0])[day.period][None])
    assert share(flat_is_highest) == 0.0


# ----------------------------------------------------------------------------------------------------- rounding


@pytest.fixture(scope="module")
def unlimited(small):
    """The small problem without the limit on what discharging costs, which the tariffs below were chosen without."""
    return EVPricing(dataclasses.replace(small.day, limits=Limits(v2g_must_pay=False)))


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0, 2.5])
def test_rounded_prices_are_multiples_and_keep_the_constraints(unlimited, step):
    tariff = np.array([36.13, 24.07, 14.49, 32.31, 20.2, 10.9])
    assert (unlimited.outcome(tariff).constraints <= 0).all()
    sold = round_tariff(unlimited, tariff, step)
    np.testing.assert_allclose(sold / step, np.round(sold / step), atol=1e-9)
    assert (unlimited.outcome(sold).constraints <= 0).all()
    assert np.abs(sold - tariff).max() <= 2 * step
    np.testing.assert_array_equal(round_tariff(unlimited, sold, step), sold)


def _loss(unlimited, tariff, other):
    """How much the objectives change, in units of their values; among equals the price difference decides."""
    here, there = (unlimited.outcome(one).objectives("paper")[0] for one in (tariff, other))
    change = sum(abs(b - a) / abs(a) for a, b in zip(here, there, strict=True))
    return change + 1e-6 * sum(abs(b - a) for a, b in zip(tariff, other, strict=True))


@pytest.mark.parametrize(
    "tariff",
    [
        [36.13, 24.07, 14.49, 32.31, 20.2, 10.9],
        [30.6, 19.4, 10.1, 24.8, 15.7, 9.3],
        [41.9, 23.2, 12.7, 33.4, 18.6, 6.8],
        [33.3, 22.6, 17.5, 33.1, 19.9, 19.8],
    ],
)
def test_no_admissible_neighbour_loses_less(unlimited, tariff):
    """All 64 multiples just below and above, one at a time, by the plain model."""
    tariff, step = np.array(tariff), 1.0
    assert (unlimited.outcome(tariff).constraints <= 0).all()
    sold = round_tariff(unlimited, tariff, step)
    neighbours = [np.array(one) for one in itertools.product(*((np.floor(p), np.floor(p) + 1) for p in tariff))]
    admissible = [one for one in neighbours if (unlimited.outcome(one).constraints <= 0).all()]
    assert len(admissible) > 8
    assert any((sold == one).all() for one in admissible)
    losses = sorted(_loss(unlimited, tariff, one) for one in admissible)
    assert _loss(unlimited, tariff, sold) == pytest.approx(losses[0], rel=1e-9)
    assert losses[0] < losses[1] * (1 - 1e-7)  # so that the second best would be seen


def test_where_no_neighbour_is_admissible_the_next_ones_are_tried(small):
    """In multiples of 8, prices just around earn too little or are too high on average; some a step farther do not."""
    tariff, step = np.array([48.2, 40.2, 11.3, 44.6, 26.3, 26.3]), 8.0
    profitable = EVPricing(dataclasses.replace(small.day, limits=Limits(v2g_must_pay=False, min_profit=3460.0)))
    low, high = profitable.price_bounds
    assert (profitable.outcome(tariff).constraints <= 0).all()

    def admissible(reach):
        below = np.floor(tariff / step) * step
        every = np.array(list(itertools.product(*([p + step * k for k in reach] for p in below))))
        inside = every[((every >= low) & (every <= high)).all(axis=1)]
        return inside[(profitable.outcome(inside).constraints <= 0).all(axis=1)]

    assert len(admissible((0, 1))) == 0
    wide = admissible((-1, 0, 1, 2))
    assert len(wide) > 8
    sold = round_tariff(profitable, tariff, step)
    assert any((sold == one).all() for one in wide)
    assert _loss(profitable, tariff, sold) == pytest.approx(
        min(_loss(profitable, tariff, one) for one in wide), rel=1e-9
    )


def test_rounding_that_cannot_be_is_told(small):
    for step in (0.0, -1.0, 50.0):
        with pytest.raises(InputError, match="--round must be above 0"):
            round_tariff(small, TARIFF, step)
    prices = dataclasses.replace(small.day.prices, charge_bounds=(11, 19))
    narrow = EVPricing(dataclasses.replace(small.day, prices=prices))
    with pytest.raises(InputError, match="no tariff of multiples of 10"):
        round_tariff(narrow, TARIFF, 10.0)


# ---------------------------------------------------------------------------------------------------- baselines


def test_baselines_stand_on_one_scale(small):
    def search(problem, n_eval, seed):
        return grid_search(problem, n_eval, seed)

    rows = {row["way"]: row for row in compare_baselines(small, search, n_eval=700, seed=1)}
    assert list(rows) == ["flat tariff", "tariff in force", "grid search", "NSGA2", "CSMOIFSA"]
    assert rows["flat tariff"]["g1_mw"] == pytest.approx(small.day.before.g1_mw[0])
    assert rows["flat tariff"]["saving_per_day"] == pytest.approx(0, abs=1e-3)
    for name in ("hypervolume", "score", "g1_mw"):
        assert rows["CSMOIFSA"][name] == rows["grid search"][name]  # the same search here
    assert 0 < rows["NSGA2"]["hypervolume"] <= 1.1**3


def test_any_pymoo_algorithm_can_start_on_the_problem(small):
    low, high = small.bounds()
    assert (low < high).all()


# -------------------------------------------------------------------------------------------------- the commands


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "small.toml"
    path.write_text('name = "small"\n[fleet]\nn_ev = 2000\n', encoding="utf-8")
    return path


def test_price_rounds_and_exports(run_cli, scenario_file, tmp_path):
    from datetime import date

    from csmoifsa_ev.inputs.tariffs import read_tariff

    out = tmp_path / "study"
    options = ("--n-eval", 400, "--pop-size", 20, "--round", 0.5, "--no-figures", "--out", out)
    answer = run_cli("ev", "price", scenario_file, *options)
    assert answer.code == 0, answer.err
    assert "charge, rounded" in answer.out
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    sold = summary["rounded"]
    assert all((2 * price).is_integer() for price in sold.values())
    windows, prices = read_tariff(out / "tariff_urdb.json", date(2014, 6, 5)).periods("x")
    assert windows["peak"] == ["14-21"]
    assert [100 * price for price in prices.values()] == pytest.approx(list(sold.values())[:3])
    with open(out / "stakeholder_impact.csv", newline="", encoding="utf-8") as file:
        assert {row["improves"] for row in csv.DictReader(file)} <= {"yes", "no", ""}
    assert summary["robustness"]["draws"] == 200


@pytest.mark.parametrize("columns", [80])
def test_no_table_is_cut_off_on_a_narrow_terminal(run_python, columns):
    code = (
        f"import os, sys; os.environ['COLUMNS'] = '{columns}'\n"
        "sys.argv = ['csmoifsa', 'ev', 'price', '--n-eval', '600', '--pop-size', '40', '--round', '0.5']\n"
        "from csmoifsa.cli import main\nmain()"
    )
    answer = run_python(code)
    assert answer.code == 0, answer.err
    assert "beside the paper" in answer.out
    assert "…" not in answer.out
    for line in answer.out.splitlines():
        assert len(line) <= columns or not line.startswith(("peak", "saving", "grid", "charge"))


@pytest.mark.long
def test_compare_shows_ways_and_variants(run_cli, scenario_file, tmp_path):
    answer = run_cli("ev", "compare", scenario_file, "--n-eval", 400, "--out", tmp_path)
    assert answer.code == 0, answer.err
    for told in ("flat tariff", "NSGA2", "market, valley-filling"):
        assert told in answer.out
    with open(tmp_path / "variants.csv", newline="", encoding="utf-8") as file:
        rows = {(row["objectives"], row["recovery"]): row for row in csv.DictReader(file)}
    assert len(rows) == 2 * len(RECOVERIES)
    assert (tmp_path / "baselines.csv").exists()
