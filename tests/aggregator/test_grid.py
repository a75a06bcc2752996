"""Base load, price and limit of the peak, and the figures of the grid; optima against plain full programs."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

from aggregator import account
from aggregator.agreement import compare
from aggregator.drawn import draw_game
from aggregator.full_program import best_profit
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import case_from_dict, load_case
from csmoifsa_aggregator.inputs.steps import refine
from csmoifsa_aggregator.model.costs import peak_rise
from csmoifsa_aggregator.plugin import ev_aggregator
from csmoifsa_aggregator.solve.contracts import stage_two
from csmoifsa_aggregator.solve.evidence import certificate
from csmoifsa_aggregator.solve.proof import check
from csmoifsa_aggregator.solve.stackelberg import solve_game
from csmoifsa_aggregator.solve.supply import procure
from csmoifsa_aggregator.study.backtest import backtest
from csmoifsa_aggregator.study.grid import BASE_ALONE, both_gain, grid_effect, grid_row, grid_rows, mean_rows
from csmoifsa_aggregator.study.impact import stakeholder_impact
from csmoifsa_aggregator.study.study import run_day

CLASS = {"count": 10, "power_kw": 5.0, "energy_kwh": 10.0, "window": "00:00-24:00"}
CASE = {"name": "small", "market": {"day_ahead": [0.1, 0.3] * 12}, "classes": [CLASS]}


def with_peak(game, seed):
    """Add a demand charge, and in two of three games a base load, which may be negative."""
    rng = np.random.default_rng([7, seed])
    base = np.round(game.power_kw.sum() * rng.uniform(-0.5, 2.0, game.n_steps), 1) if seed % 3 else None
    return replace(game, base_kw=base, demand_charge=float(rng.choice([0.01, 0.1, 0.5])))


def test_stage_one_with_a_demand_charge_agrees_with_the_full_program():
    counts = {}
    for seed in range(60):
        kind, margin, verdict, figures = compare(seed, change=with_peak)
        assert verdict in ("agrees", "both refuse"), f"seed {seed}, {kind}, margin {margin:g}: {figures}"
        counts[kind] = counts.get(kind, 0) + (verdict == "agrees")
    assert all(counts.values()), counts
    assert sum(counts.values()) >= 40


@pytest.mark.long
def test_600_games_with_a_demand_charge_agree_with_the_full_program():
    for seed in range(60, 660):
        kind, margin, verdict, figures = compare(seed, change=with_peak)
        assert verdict in ("agrees", "both refuse"), f"seed {seed}, {kind}, margin {margin:g}: {figures}"


def test_a_demand_charge_changes_what_is_best():
    changed = 0
    for seed in range(40):
        _, game = draw_game(seed)
        priced = with_peak(game, seed)
        with_price, without = best_profit(priced), best_profit(game)
        changed += with_price is not None and abs(with_price - without) > 1e-3
    assert changed >= 20


def test_contracts_with_a_demand_charge_agree_with_a_plain_program():
    rng, shaved = np.random.default_rng(4), 0
    for seed in range(25):
        case = account.draw_case(seed)
        plain = np.round(rng.uniform(0.0, 80.0, case.game.n_steps), 1)
        base = np.round(rng.uniform(-100.0, 400.0, case.game.n_steps), 1) if seed % 4 else None
        market = replace(case.game, base_kw=base, demand_charge=float(rng.choice([0.02, 0.3])))
        two = stage_two(case.cars, market, case.v2g_sell, other_load_kw=plain, owner_share=0.0)
        truth = account.least_cost(case.cars, market, case.v2g_sell, plain)
        assert two.total_cost == pytest.approx(truth, rel=1e-6, abs=1e-6), seed
        assert two.class_surplus.sum() == pytest.approx(two.surplus, abs=1e-9)
        free = stage_two(case.cars, case.game, case.v2g_sell, other_load_kw=plain, owner_share=0.0)
        rises = [float(peak_rise(plain + one.v2g.net_kw, market)) for one in (two, free)]
        assert rises[0] <= rises[1] + 1e-6
        shaved += rises[0] < rises[1] - 1.0
    assert shaved >= 10


def test_certificates_hold_the_demand_charge():
    rng, shown = np.random.default_rng(3), 0
    for seed in range(60):
        kind, game = draw_game(seed)
        game = with_peak(game, seed)
        try:
            values = json.loads(json.dumps(certificate(game, solve_game(game, margin=0.0))))
        except InputError:
            continue
        assert check(values).faults == [], (seed, kind)
        cheaper = copy.deepcopy(values)
        cheaper["game"]["demand_charge"] *= 0.5
        net = np.sum(values["load_kw"], axis=0)
        if game.cars is None and abs(peak_rise(net, game)) > 0.1:
            assert check(cheaper).faults, (seed, kind)
        if values["bound"]["kind"] != "linear programs":
            continue
        truth, shown = best_profit(game), shown + 1
        for size in (0.0, 0.1, 2.0):  # any multipliers give an upper bound
            other = copy.deepcopy(values)
            for key in ("response_kwh", "pi", "nu", "m", "kappa", "theta"):
                old = np.array(other["bound"][key])
                other["bound"][key] = (old + size * rng.normal(size=old.shape)).tolist()
            assert check(other).bound >= truth - 1e-6 * max(1.0, abs(truth)), (seed, kind, size)
    assert shown >= 8


def test_the_rise_of_the_peak_is_what_cars_add():
    game = replace(load_case("wei-2015").game, base_kw=np.arange(24.0), demand_charge=2.0)
    load = np.zeros(24)
    assert peak_rise(load, game) == 0.0
    load[0] = 30.0
    assert peak_rise(load, game) == 7.0
    load[0], load[22:] = 0.0, -5.0
    assert peak_rise(load, game) == -2.0  # the peak is now that of step 21
    two = np.array([load, load * 0.0])
    assert peak_rise(two, game).tolist() == [-2.0, 0.0]
    load[0] = 30.0
    cheap = procure(np.maximum(load, 0.0), replace(game, demand_charge=0.0), np.maximum(-load, 0.0))
    dear = procure(np.maximum(load, 0.0), game, np.maximum(-load, 0.0))
    assert dear.ev_cost - cheap.ev_cost == pytest.approx(2.0 * 7.0)
    with pytest.raises(InputError, match="demand_charge must be a number from 0 up, not -1"):
        replace(game, demand_charge=-1.0)
    with pytest.raises(InputError, match="base_kw of hour 3 must be a number"):
        replace(game, base_kw=np.where(np.arange(24) == 3, np.nan, 1.0))
    with pytest.raises(InputError, match="base_kw must have one value a step, 24 of them, not 20: 4 missing"):
        replace(game, base_kw=np.ones(20))


# ---- inputs ----


def read(**tables):
    return case_from_dict({**CASE, **tables})


def test_a_base_load_comes_from_values_or_a_column_of_a_file(tmp_path):
    values = [float(k) for k in range(24)]
    assert read(load={"values_kw": values}).game.base_kw.tolist() == values
    assert read(load={"values_kw": values, "peak_kw": 46.0}).game.base_kw.tolist() == [2 * k for k in values]
    assert read().game.base_kw is None
    rows = ["time,other,feeder"]
    rows += [
        f"2020-07-{1 + k // 48:02d} {k % 48 // 2:02d}:{k % 2 * 30:02d},9,{(k % 48 // 2 + k % 2) / 1000}"
        for k in range(96)
    ]
    path = tmp_path / "feeder.csv"
    path.write_text("\n".join(rows) + "\n")
    form = {"csv": str(path), "value_column": "feeder", "time_column": "time", "stamp": "beginning", "unit": "MW"}
    form["time_zone"] = "local"
    both = {**form, "first_day": "2020-07-01", "last_day": "2020-07-02"}
    assert read(load=both).game.base_kw == pytest.approx([k + 0.5 for k in range(24)])
    assert read(load={**form, "day": "2020-07-02"}).game.base_kw == pytest.approx([k + 0.5 for k in range(24)])


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ({"values_kw": [1.0] * 23}, "load.values_kw has 23 values for 24 steps: 1 missing"),
        ({"values_kw": [-1.0] * 24, "peak_kw": 5.0}, "load.peak_kw cannot scale a load of which no value is above 0"),
        ({}, "the load needs either values_kw or csv, and not both"),
        ({"values_kw": [1.0] * 24, "peak_kw": 0.0}, "peak_kw must be above 0, not 0"),
        ({"values_kw": [1.0] * 24, "unit": "GW"}, "load.unit would tell how to read a file"),
        ({"values_kw": [1.0] * 24, "day": "2020-07-01", "value_column": "kW"}, "load.value_column and load.day"),
        ({"csv": "no such file.csv"}, "no such file.csv"),
    ],
)
def test_a_wrong_base_load_is_named(load, said):
    with pytest.raises(InputError, match=said):
        read(load=load)


def test_the_limit_of_the_peak_leaves_the_cars_what_the_base_does_not_take():
    base = [10.0] * 12 + [30.0] * 12
    game = read(load={"values_kw": base}, limits={"peak_limit_kw": 40.0}).game
    assert game.import_limit_kw.tolist() == [30.0] * 12 + [10.0] * 12
    both = read(load={"values_kw": base}, limits={"peak_limit_kw": 40.0, "import_limit_kw": 20.0}).game
    assert both.import_limit_kw.tolist() == [20.0] * 12 + [10.0] * 12
    s = solve_game(game, margin=0.0)
    assert s.status == "proven"
    assert (s.load_kw(game).sum(axis=0) + base).max() <= 40.0 + 1e-6
    with pytest.raises(InputError, match=r"limits\.peak_limit_kw 25 is 5 kW below the base load of step 12, 30 kW"):
        read(load={"values_kw": base}, limits={"peak_limit_kw": 25.0})


def test_the_base_load_moves_with_the_day_and_its_steps():
    case = load_case("portfolio-grid")
    game = case.game
    moved = case.at_prices(np.roll(game.day_ahead, -7), 7).game
    np.testing.assert_array_equal(moved.base_kw, np.roll(game.base_kw, -7))
    np.testing.assert_array_equal(refine(case, 4).game.base_kw, np.repeat(game.base_kw, 4))
    assert ev_aggregator("portfolio-grid").base_kw.tolist() == game.base_kw.tolist()


def test_rolling_refuses_a_demand_charge():
    case = load_case("portfolio")
    case = replace(case, game=replace(case.game, demand_charge=0.1))
    from aggregator.test_backtest import series

    ahead, actual = series(1, days=30)
    with pytest.raises(InputError, match=r"market\.demand_charge cannot be kept in rolling dispatch"):
        backtest(case, ahead, actual)


# ---- figures ----


def test_figures_of_a_load():
    row = grid_row("a", np.array([2.0, 6.0, 4.0, 4.0]), 0.5)
    expected = {"peak_kw": 6.0, "valley_kw": 2.0, "peak_valley_kw": 4.0, "ramp_kw_h": 8.0, "load_factor": 4.0 / 6.0}
    assert row == {"plan": "a", **expected}
    assert grid_row("a", np.array([-1.0, 0.0]), 1.0)["load_factor"] is None
    other = grid_row("a", np.array([0.0, 2.0]), 1.0)
    mean = mean_rows([[row], [other]])[0]
    assert mean == {"plan": "a", "peak_kw": 4.0, "valley_kw": 1.0, "peak_valley_kw": 3.0, "ramp_kw_h": 5.0,
                    "load_factor": pytest.approx((4.0 / 6.0 + 0.5) / 2)}  # fmt: skip
    assert mean_rows([[row], [grid_row("a", np.zeros(2), 1.0)]])[0]["load_factor"] is None


def test_the_bundled_day_follows_prices_unless_the_peak_has_one():
    """Peak shaving and valley filling are refuted for prices alone, and true for contracts with a demand charge."""
    case = load_case("portfolio-grid")
    base = case.game.base_kw
    free, priced = (run_day(replace(case, game=replace(case.game, demand_charge=d))) for d in (0.0, 0.3))
    rows = {key: {one["plan"]: one for one in grid_rows(day.accounts, base, 1.0)} for key, day in
            (("free", free), ("priced", priced))}  # fmt: skip
    alone, plain = rows["free"][BASE_ALONE], rows["free"]["with V2G"]
    assert plain["peak_kw"] > 1.4 * alone["peak_kw"]
    assert plain["peak_valley_kw"] > 1.8 * alone["peak_valley_kw"]
    shaved = rows["priced"]["with V2G"]
    assert shaved["peak_kw"] < 1.02 * alone["peak_kw"]
    assert shaved["valley_kw"] > 1.1 * alone["valley_kw"]
    assert shaved["peak_valley_kw"] < alone["peak_valley_kw"]
    assert shaved["load_factor"] > 0.9 > rows["priced"]["uncontrolled charging"]["load_factor"]
    effect = grid_effect(list(rows["priced"].values()))
    assert (effect["peak_shaved"], effect["valley_filled"]) == (True, True)
    assert effect["peak_kw"] == shaved["peak_kw"] - rows["priced"]["uncontrolled charging"]["peak_kw"]
    # the profit of each way to run the day holds the price of its own peak
    for one, other in zip(free.accounts[:4], priced.accounts[:4], strict=True):
        np.testing.assert_array_equal(one.load_kw, other.load_kw)
        rise = (base + one.load_kw).max() - base.max()
        assert one.profit - other.profit == pytest.approx(0.3 * rise, rel=1e-6)


def test_without_a_base_load_the_spread_of_the_cars_rises():
    day = run_day(load_case("portfolio"))
    rows = grid_rows(day.accounts, None, 1.0)
    assert [round(rows[k]["peak_valley_kw"]) for k in (0, -1)] == [8037, 13020]
    assert grid_effect(rows)["peak_shaved"] is False
    gain, first, last = both_gain(day.accounts), day.accounts[0], day.accounts[-1]
    assert gain["aggregator"] == last.profit - first.profit > 0
    assert gain["drivers"] == pytest.approx(first.driver_cost - last.driver_cost)
    lines = {one.quantity: one for one in stakeholder_impact(day.case, first, last)}
    assert lines["peak-valley difference of the cars"].improves is False
    assert lines["greatest ramp of the cars"].after == np.abs(np.diff(last.load_kw)).max()
    assert lines["load factor of the cars"].after == pytest.approx(100 * last.load_kw.mean() / last.load_kw.max())


# ---- rules of the price ----


def test_the_bundled_price_breaks_the_expected_real_time_price_in_all_hours_used():
    day = run_day(load_case("portfolio"))
    game, rules = day.case.game, day.price_rules
    used = [t for t in range(24) if (day.solution.response.x[:, t] * game.power_kw).sum() > 1.0]
    assert rules["hours_used"] == len(used) == 8
    assert rules["hours_above_real_time"] == sum(day.solution.price[t] > game.buy[t] + 1e-9 for t in used) == 8
    assert rules["hours_below_cost"] == 0
    assert rules["mean_paid"] == pytest.approx(day.solution.bills / game.energy_kwh.sum())
    cheap = run_day(load_case("wei-2015"), margin=0.0)
    game, price = cheap.case.game, cheap.solution.price
    used = (cheap.solution.response.x > 1e-6).any(axis=0)
    below = used & (price < np.minimum(game.day_ahead, game.buy) - 1e-6)
    assert cheap.price_rules["hours_below_cost"] == below.sum() > 0


def test_prices_are_kept_above_cost_and_below_the_real_time_price():
    market = {"day_ahead": [0.1, 0.3, -0.2] * 8, "buy_ratio": 1.1}
    price = {"band": 0.5, "above_cost": True, "below_real_time": True}
    game = read(market=market, price={**price, "mean_ratio": 1.02}).game
    p = np.array(market["day_ahead"])
    np.testing.assert_allclose(game.lower, np.minimum(p, p + 0.1 * abs(p)))
    np.testing.assert_allclose(game.upper, p + 0.1 * np.abs(p))
    loose = read(market=market, price={"band": 0.5, "mean_ratio": 1.02}).game
    np.testing.assert_allclose(loose.upper - loose.lower, np.abs(p))
    case = load_case("portfolio")
    strict = replace(case, game=replace(case.game, upper=np.minimum(case.game.upper, case.game.buy)))
    day = run_day(strict)
    assert day.solution.status == "proven"
    assert day.price_rules["hours_above_real_time"] == 0
    assert day.solution.objective < run_day(case).solution.objective
