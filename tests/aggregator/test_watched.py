"""What is told while a price is searched, and what is kept of a rolled day step by step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aggregator.test_backtest import series
from aggregator.test_commands import price_files as price_files  # a fixture
from csmoifsa_aggregator.dispatch.forecast import bias
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.solve.alternation import verify
from csmoifsa_aggregator.solve.customers import solve_customers
from csmoifsa_aggregator.solve.stackelberg import solve_game
from csmoifsa_aggregator.study.backtest import backtest
from csmoifsa_aggregator.study.study import run_day


@pytest.mark.parametrize("case", ["wei-2015", "wei-storage", "portfolio-grid", "portfolio-customers"])
def test_the_states_close_in_on_the_result_and_change_nothing(case):
    seen = []
    study, plain = run_day(load_case(case), watch=seen.append), run_day(load_case(case))
    assert np.array_equal(study.solution.price, plain.solution.price)
    assert study.solution.upper_bound == plain.solution.upper_bound
    assert seen
    check(seen, study.solution)


def test_the_solver_tells_its_bound_before_it_ends():
    seen = []
    game = random_game(48, 6, 5)
    check(seen, solve_game(game, time_limit=6.0, watch=seen.append))
    assert sum(one.stage == "branch and bound" for one in seen) > 1


@pytest.mark.parametrize("after", [1, 2, 3, 6])
@pytest.mark.parametrize("customers", [False, True])
def test_a_stopped_search_ends_at_once_with_a_true_price_and_bound(after, customers):
    seen = []

    def watch(state):
        seen.append(state)
        return len(seen) >= after

    game = random_game(48, 6, 5)
    if customers:
        mean = float(game.day_ahead.mean())
        lost = Customers(competitor=mean, share_at_equal=0.8, sensitivity=8 / mean)
        kept = solve_customers(game, lost, time_limit=600.0, watch=watch)
        solution, game = kept.solution, kept.game
    else:
        solution = solve_game(game, time_limit=600.0, watch=watch)
    assert len(seen) <= after + 3  # each part of the search ends when it is told to
    again = verify(game, solution.price)
    assert solution.objective <= solution.upper_bound * (1 + 1e-9)
    if not customers:
        best = solve_game(game, time_limit=20.0)
        assert best.objective <= solution.upper_bound + 1e-6 * abs(best.objective)
        assert again.profit == pytest.approx(solution.objective)


def check(seen, solution):
    profits, bounds = np.array([[one.profit, one.bound] for one in seen]).T
    scale = 1e-6 * abs(solution.objective)
    assert (profits <= bounds + scale).all()
    assert (np.diff(bounds[np.isfinite(bounds)]) <= scale).all()
    assert (profits <= solution.objective + scale).all()  # no state promises what the result does not hold
    assert (bounds >= solution.upper_bound - scale).all()
    assert profits[-1] == pytest.approx(solution.objective)
    assert bounds[-1] == pytest.approx(solution.upper_bound)


@pytest.mark.parametrize("known", ["last", "before-last", "current", "nothing"])
def test_a_rolled_day_step_by_step(known):
    ahead, actual = series(3, days=8)
    case = load_case("portfolio")
    plain = backtest(case, ahead, actual, training=4, known=known)
    test = backtest(case, ahead, actual, training=4, known=known, steps=True)
    for one, other in zip(test.days, plain.days, strict=True):
        rolled, steps = one.rolled, one.rolled.steps
        assert other.rolled.steps is None
        assert np.array_equal(rolled.rolling_kw, other.rolled.rolling_kw)
        n = len(steps.day_ahead)
        # the set points are the load, step by step, and the energy follows from them
        net = np.nan_to_num(steps.charge_kw - steps.discharge_kw).sum(axis=0)
        assert net == pytest.approx(rolled.rolling_kw, abs=1e-6)
        for k in range(n):
            assert steps.net_kw[k, : k + 1] == pytest.approx(rolled.rolling_kw[: k + 1], abs=1e-6)
        cars = case.cars.from_step(test.begin)
        for v in range(cars.n_classes):
            soe = cars.arrival_kwh[v]
            for t in range(cars.start[v], cars.start[v] + cars.length[v]):
                charge, discharge = (kw[v, t] / cars.count[v] for kw in (steps.charge_kw, steps.discharge_kw))
                soe += (cars.efficiency[v] * charge - discharge / cars.efficiency[v]) * cars.dt_h
                assert rolled.soe_kwh[v, t] == pytest.approx(soe, abs=1e-5)
        # the prices decided from: known ones are real, the others are the forecaster's
        k0 = [day.day for day in test.days].index(one.day) + 4
        past = np.array([a - b for a, b in prices_of(ahead, actual, k0, test.begin)])
        for k in range(n):
            upto = {"last": k - 1, "before-last": max(k - 2, -1), "current": k, "nothing": -1}[known]
            assert steps.known[k] == upto
            seen = np.where(np.arange(n) <= upto, steps.real_time, np.nan)
            hoped = np.where(np.isfinite(seen), seen, bias(k, seen, steps.day_ahead, past))
            assert steps.expected[k] == pytest.approx(hoped, abs=1e-9)


def prices_of(ahead, actual, days, begin):
    for k in range(days):
        yield actual.per_kwh[24 * k + begin :][:24], ahead.per_kwh[24 * k + begin :][:24]


def test_the_command_writes_the_steps(run_cli, tmp_path, price_files):
    da, rt = price_files
    options = ("--day-ahead", da, "--real-time", rt, "--days", "2025-06-04:2025-06-05", "--replay")
    out = tmp_path / "roll"
    assert run_cli("ev", "roll", "portfolio", *options, "--out", out, "--no-figures", "--no-report").code == 0
    steps, expected, classes = (
        pd.read_csv(out / name) for name in ("replay.csv", "replay_expected.csv", "replay_classes.csv")
    )
    assert len(steps) == 48
    assert len(expected) == 2 * 24 * 25 // 2
    day = steps[steps["day"] == "2025-06-04"]
    own = classes[classes["day"] == "2025-06-04"]
    net = own.groupby("step")[["charge_kw", "discharge_kw"]].sum()
    assert (net["charge_kw"] - net["discharge_kw"]).to_numpy() == pytest.approx(
        day.set_index("step").loc[net.index, "rolling_kw"].to_numpy(), abs=1e-4
    )
    assert day["known_steps"].tolist() == list(range(24))
    run_cli("ev", "roll", "portfolio", *options[:-1], "--out", out, "--no-figures", "--no-report")
    assert not (out / "replay.csv").exists()  # a run without it leaves no old steps behind
