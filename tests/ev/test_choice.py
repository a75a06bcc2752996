"""The recommended tariff: determined by the problem, best by the stated rule, against sampling of all tariffs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from csmoifsa_ev.model.limits import Choice, Limits
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, QUANTITIES
from csmoifsa_ev.model.tariff import PERIODS, price_names
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import BILL, PROFIT, nearly_equal, recommend, rule_goal
from csmoifsa_ev.study.direct import evolve, sample_tariffs, search_everywhere
from csmoifsa_ev.study.study import search_front

VARIABLES = price_names(PERIODS)

SAMPLES = 200_000


@pytest.fixture(scope="module")
def problem():
    return ev_pricing(n_ev=20_000)


@pytest.fixture(scope="module")
def found(problem):
    return recommended(problem, seed=1)


def recommended(problem, **options):
    found = recommend(problem, **options)
    assert found is not None
    return found


def scores_of(problem, scale, Q):
    columns = [QUANTITIES.index(name) for name in OBJECTIVE_SETS[problem.objective_set]]
    return ((scale.worst - Q[:, columns]) / (scale.worst - scale.best)).mean(axis=1)


@pytest.fixture(scope="module")
def sampled(problem, found):
    """Tariffs within the constraints: all over the bounds, and around the recommended one."""
    low, high = problem.price_bounds
    random = np.random.default_rng(5)
    X = random.uniform(low, high, (SAMPLES, 6))
    X[:, :3] = -np.sort(-X[:, :3], axis=1)
    near = np.clip(found.tariff + random.normal(0, 2, (SAMPLES, 6)) * random.integers(0, 2, (SAMPLES, 6)), low, high)
    X = np.vstack([X, near])
    Q, G = problem.quantities(X)
    kept = (G <= 0).all(axis=1)
    return X[kept], Q[kept], scores_of(problem, found.scale, Q[kept])


def test_no_sampled_tariff_is_better(problem, found, sampled):
    X, Q, score = sampled
    assert len(X) > 1000
    columns = [QUANTITIES.index(name) for name in OBJECTIVE_SETS["paper"]]
    span = found.scale.worst - found.scale.best
    assert (Q[:, columns].min(axis=0) >= found.scale.best - 5e-3 * span).all()
    assert score.max() <= found.best_score + 1e-4
    near = score >= found.best_score - problem.day.choice.tolerance
    assert near.sum() > 20
    rule = rule_goal(problem)
    picked = rule(found.tariff[None], problem.quantities(found.tariff[None])[0])[0]
    assert rule(X[near], Q[near]).min() >= picked - 1e-5
    assert found.score >= found.best_score - problem.day.choice.tolerance - 1e-12


@pytest.mark.parametrize("case", ["paper-2022", "calgary-2022"])
def test_the_smallest_bill_is_found_among_nearly_flat_prices_too(case):
    """Where prices hardly differ nobody answers them, and the bill has another optimum than at large differences."""
    market = ev_pricing(case=case, objectives="market", n_ev=20_000)
    scale = recommended(market).scale
    steps = np.linspace(*market.day.prices.charge_bounds, 1_000)
    flat = np.column_stack([steps, steps, steps, *[np.full(1_000, market.price_bounds[0][3])] * 3])
    Q, G = market.quantities(flat)
    kept = (G <= 0).all(axis=1)
    assert kept.sum() > 50
    assert scale.best[2] <= Q[kept, BILL].min() * 1.001
    profit = -scale.best[1]
    assert profit >= -Q[kept, PROFIT].min() * 0.999


def test_the_range_of_nearly_equal_tariffs_holds_all_that_sampling_finds(problem, found, sampled):
    X, Q, score = sampled
    near = score >= found.best_score - problem.day.choice.tolerance
    ranges = nearly_equal(problem, found)
    for k, name in enumerate(VARIABLES):
        low, high = ranges[name]
        assert low - 0.05 <= X[near, k].min() <= X[near, k].max() <= high + 0.05
        assert low <= found.tariff[k] <= high
    money = 1e-3 * problem.day.bill_before
    for name, values in (("operator_profit_per_day", -Q[near, PROFIT]), ("driver_bill_per_day", Q[near, BILL])):
        assert ranges[name][0] - money <= values.min() <= values.max() <= ranges[name][1] + money


def test_other_seeds_recommend_the_same(problem, found):
    other = recommended(problem, seed=2)
    assert np.abs(other.tariff - found.tariff).max() < 0.5
    profit = [problem.outcome(one.tariff).operator_profit_per_day[0] for one in (found, other)]
    assert profit[1] == pytest.approx(profit[0], rel=0.02)


@pytest.mark.parametrize("rule", ["bill", "nearness"])
def test_each_rule_is_best_in_what_it_names(problem, found, rule):
    changed = EVPricing(dataclasses.replace(problem.day, choice=Choice(rule=rule)))
    other = recommended(changed, seed=1)
    one, two = (problem.quantities(x.tariff[None])[0][0] for x in (found, other))
    away = [np.linalg.norm(x.tariff - problem.day.prices.in_force) for x in (found, other)]
    assert one[PROFIT] < two[PROFIT]
    if rule == "bill":
        assert two[BILL] < 0.9 * one[BILL]
    else:
        assert away[1] < away[0]


def test_a_least_profit_is_kept_and_an_impossible_one_is_none(problem, found):
    wanted = 0.7 * problem.outcome(found.tariff).operator_profit_per_day[0]
    changed = dataclasses.replace(problem.day, limits=Limits(min_profit=wanted), choice=Choice(rule="bill"))
    kept = EVPricing(changed)
    assert kept.outcome(recommended(kept).tariff).operator_profit_per_day[0] == pytest.approx(wanted, rel=1e-2)
    beyond = dataclasses.replace(problem.day, limits=Limits(min_profit=10 * problem.day.bill_before))
    assert recommend(EVPricing(beyond)) is None


def test_where_limits_are_too_narrow_for_sampling_the_search_gives_the_start(problem):
    """A profit just below the largest that the limit on the bill allows: the search finds tariffs, sampling none."""

    def limited(**limits):
        return EVPricing(dataclasses.replace(problem.day, limits=Limits(max_bill_change=0.0, **limits)))

    capped = limited()
    richest = search_everywhere(capped, lambda X, Q: Q[:, PROFIT] / 1e4, sample_tariffs(capped))
    assert richest is not None
    narrow = limited(min_profit=0.999 * -float(capped.quantities(richest[None])[0][0, PROFIT]))
    assert len(sample_tariffs(narrow).X) == 0
    assert recommend(narrow) is None
    known = search_front(narrow, 10_000, 1)
    assert len(known) > 0
    found = recommended(narrow, known=known)
    assert (narrow.quantities(found.tariff[None])[1] <= 0).all()
    ranges = nearly_equal(narrow, found)
    for name, price in zip(VARIABLES, found.tariff, strict=True):
        assert ranges[name][0] - 1e-6 <= price <= ranges[name][1] + 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_evolution_finds_what_the_evolution_of_scipy_finds(seed):
    """Of steep valleys with kinks, several optima and points that are not allowed, in two to six dimensions."""
    random = np.random.default_rng(seed)
    k = 2 + seed % 5
    low, high = np.sort(random.uniform(-5, 5, (2, k)), axis=0)
    high += 0.5
    centres, slopes = random.uniform(low, high, (3, k)), random.normal(size=(3, 4, k))
    normal, least = random.normal(size=k), random.uniform(0, 1, 3)

    def cost(X):
        away = np.abs((X[:, None, None] - centres[:, None]) * slopes).sum(axis=3).max(axis=2)
        outside = np.maximum((X - centres.mean(axis=0)) @ normal, 0)
        return np.where(outside > 0, 1e6 + outside, (away + least).min(axis=1))

    start = random.uniform(low, high) if seed % 2 else None
    point, value = evolve(cost, low, high, start=start, seed=seed)
    assert ((low <= point) & (point <= high)).all()
    assert cost(point[None])[0] == value
    if start is not None:
        assert value <= cost(start[None])[0]
    others = [
        differential_evolution(
            lambda columns: cost(columns.T),
            np.stack([low, high], axis=1),
            vectorized=True,
            updating="deferred",
            popsize=20,
            polish=False,
            rng=trial,
        ).fun
        for trial in range(2)
    ]
    assert value <= min(others) + 2e-3
