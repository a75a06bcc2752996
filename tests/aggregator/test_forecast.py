"""Forecasts of real-time prices, and the interval of what they are worth."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from csmoifsa_aggregator.dispatch import forecast
from csmoifsa_aggregator.study.backtest import loss_reduction


@pytest.mark.parametrize("seed", range(5))
def test_the_bias_forecast_is_that_of_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    past, ahead, known = rng.normal(0.01, 0.03, (12, 24)), rng.uniform(0.02, 0.09, 24), np.full(24, np.nan)
    now = int(rng.integers(0, 24))
    known[:now] = ahead[:now] + rng.normal(0, 0.08, now)
    middle = [sorted(day[t] for day in past)[5] / 2 + sorted(day[t] for day in past)[6] / 2 for t in range(24)]
    residuals = [[day[t] - middle[t] for t in range(24)] for day in past]
    flat = sorted(one for row in residuals for one in row)
    pairs = [(row[t], row[t + 1]) for row in residuals for t in range(23)]
    phi = min(max(sum(a * b for a, b in pairs) / sum(a * a for a, _ in pairs), 0.0), 0.99)
    size = np.median([abs(one) for one in flat])
    found = forecast.bias(now, known, ahead, past)
    for t in range(now, 24):
        deviation = middle[t]
        if now > 0:
            last = known[now - 1] - ahead[now - 1] - middle[now - 1]
            last = min(max(last, np.quantile(flat, 0.05)), np.quantile(flat, 0.95))
            deviation += phi ** (t - now + 1) * last
        shrunk = 0.0 if abs(deviation) <= size else deviation - np.copysign(size, deviation)
        assert found[t] == pytest.approx(ahead[t] + shrunk, abs=1e-12)
    assert forecast.bias(now, known, ahead, past[:0]) is ahead


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ugly", ["ties", "mostly zero", "whole numbers", "on a line", "spikes", "one x"])
def test_the_median_line_has_the_least_absolute_deviations(seed, ugly):
    """No line has less: neither one through two points, nor that of a linear program of scipy's."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    x, y = np.round(rng.normal(size=n), 1), rng.standard_t(2, n)
    if ugly == "mostly zero":  # as deviations of a balancing price are
        x, y = np.where(rng.random(n) < 0.6, 0.0, x), np.where(rng.random(n) < 0.6, 0.0, y)
    elif ugly == "whole numbers":
        x, y = np.round(x), np.round(y)
    elif ugly == "on a line":
        y = 0.3 * x - 0.1
    elif ugly == "spikes":
        x, y = 1e-3 * rng.standard_t(1, n), 1e3 * rng.standard_t(1, n)
    elif ugly == "one x":
        x[1:] = 0.7
    start, slope = forecast.median_line(x, y)
    loss = float(np.abs(y - start - slope * x).sum())
    scale = float(np.abs(y).sum())
    for i, j in itertools.combinations(range(n), 2):
        if x[i] != x[j]:
            through = (y[j] - y[i]) / (x[j] - x[i])
            assert loss <= np.abs(y - y[i] - through * (x - x[i])).sum() + 1e-11 * scale
    ones = np.ones((n, 1))
    sides = np.block([[ones, x[:, None], -np.eye(n)], [-ones, -x[:, None], -np.eye(n)]])
    free = [(None, None)] * 2 + [(0, None)] * n
    best = linprog(np.r_[0, 0, np.ones(n)], sides, np.r_[y, -y], bounds=free)
    assert loss == pytest.approx(best.fun, rel=1e-6, abs=1e-7)
    assert forecast.median_line(np.ones(n), y) == (np.median(y), 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_the_quantile_forecast_is_that_of_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    past, ahead, known = rng.normal(0.01, 0.03, (12, 24)), rng.uniform(0.02, 0.09, 24), np.full(24, np.nan)
    now = int(rng.integers(0, 24))
    known[:now] = ahead[:now] + rng.normal(0, 0.08, now)
    found = forecast.quantile(now, known, ahead, past)
    lines = {t: (float(np.median(past[:, t])), 0.0) for t in range(24)}
    at = 0.0
    if now:
        lines |= {t: forecast.median_line(past[:, now - 1], past[:, t]) for t in range(now, 24)}
        own = sorted(past[:, now - 1])
        at = min(max(known[now - 1] - ahead[now - 1], np.quantile(own, 0.05)), np.quantile(own, 0.95))
    x = past[:, now - 1] if now else np.zeros(12)
    sizes = [abs(past[d, t] - lines[t][0] - lines[t][1] * x[d]) for d in range(12) for t in range(24)]
    for t in range(now, 24):
        expected = lines[t][0] + lines[t][1] * at
        beyond = max(abs(expected) - float(np.median(sizes)), 0.0)
        assert found[t] == pytest.approx(ahead[t] + np.copysign(beyond, expected), abs=1e-12)
    assert forecast.quantile(now, known, ahead, past[:1]) is ahead


def test_neighbouring_days_that_are_alike_widen_the_interval():
    """Weeks of equal loss hold fewer facts than as many independent days."""
    rng = np.random.default_rng(1)
    plan = np.ones(84)
    alike, mixed = np.repeat(rng.normal(0.7, 0.3, 12), 7), np.zeros(84)
    mixed[:] = rng.permutation(alike)
    width = [high - low for _, low, high in (loss_reduction(plan, one) for one in (alike, mixed))]
    assert width[0] > 1.7 * width[1]
    means = [np.mean(rng.choice(alike[::7], 12)) for _ in range(4000)]  # whole weeks drawn
    weeks = np.quantile(means, 0.975) - np.quantile(means, 0.025)
    parts = np.mean([((7 - j) ** 2 + j**2) / 49 for j in range(7)])  # a block begins within a week: it holds two
    assert width[0] == pytest.approx(weeks * np.sqrt(parts), rel=0.15)


def test_bootstrap():
    rng = np.random.default_rng(0)
    plan_loss = rng.uniform(1, 2, 60)
    rho, low, high = loss_reduction(plan_loss, 0.7 * plan_loss + 0.3 * rng.normal(size=60))
    assert low < rho < high
    assert rho == pytest.approx(0.3, abs=0.1)
    assert np.isnan(loss_reduction([0.0, 0.0], [0.0, 0.0])[0])
