"""Stage one: published optima are met and proven, brute force agrees, and nothing is claimed that is not true."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from scipy.optimize import linprog

from aggregator.games import TINY, WEI, random_small, shared_game
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.follower import bills, duality_gap, duals, fill, quantile, respond
from csmoifsa_aggregator.model.game import Storage
from csmoifsa_aggregator.model.generate import random_game
from csmoifsa_aggregator.solve.alternation import certify, earns_more, verify
from csmoifsa_aggregator.solve.bounds import greatest_bills
from csmoifsa_aggregator.solve.integers import solve_milp
from csmoifsa_aggregator.solve.stackelberg import solve_game
from csmoifsa_aggregator.solve.supply import procure


def check(game, solution):
    """Whatever was claimed holds, computed anew: bounds, mean, energy, best response, profit."""
    slack = 1e-6 * game.price_scale
    assert (solution.price >= game.lower - slack).all()
    assert (solution.price <= game.upper + slack).all()
    if game.mean_sense == "==":
        assert solution.price.mean() == pytest.approx(game.mean, abs=slack)
    assert solution.price.mean() <= game.mean + slack
    x = solution.response.x
    assert (x >= -1e-9).all()
    assert (x <= 1 + 1e-9).all()
    assert (x[~game.window] == 0).all()
    np.testing.assert_allclose(x.sum(axis=1) * game.step_kwh, game.energy_kwh, rtol=1e-6)
    assert duality_gap(solution.price, x, game) < 1e-6
    assert solution.objective <= solution.upper_bound + 1e-9
    assert solution.guaranteed <= solution.objective + 1e-9 <= solution.optimistic + 2e-9
    if solution.status == "proven":
        assert solution.gap <= 1e-6


def test_wei_is_met_and_proven_without_integers():
    s = solve_game(WEI, margin=0.0)
    assert (s.status, s.method, s.binaries) == ("proven", "certificate", 0)
    assert s.objective == pytest.approx(52.8, rel=1e-6)
    assert s.bills == pytest.approx(391.2, rel=1e-6)
    assert s.procurement == pytest.approx(338.4, rel=1e-6)
    check(WEI, s)


def test_wei_with_storage():
    s = solve_game(load_case("wei-storage").game, margin=0.0)
    assert s.status == "proven"
    assert s.objective == pytest.approx(2388.8444444, rel=1e-8)
    assert s.ev_margin == pytest.approx(52.8, rel=1e-6)
    assert s.storage == pytest.approx(2336.0444444, rel=1e-8)


@pytest.mark.parametrize(("mean", "margin"), [(0.45, -25.68), (0.48, 38.4), (0.52, 62.331429), (0.55, 67.344)])
def test_wei_at_other_mean_prices(mean, margin):
    s = solve_game(replace(WEI, mean=mean), margin=0.0)
    assert s.status == "proven"
    assert s.objective == pytest.approx(margin, rel=1e-6)


def test_tiny():
    s = solve_game(TINY, margin=0.0)
    assert s.status == "proven"
    assert s.objective == pytest.approx(5.54, rel=1e-6)
    check(TINY, s)


@pytest.mark.parametrize("name", ["G24x3s1", "G24x10s1", "G24x3s1_band50", "G96x10s1", "REF24x3_storage"])
def test_reference_games(name):
    game = shared_game(name)
    s = solve_game(game, margin=0.0)
    assert s.status == "proven"
    assert s.ev_margin == pytest.approx(game.reference["optimum_ev_margin"], rel=1e-6)
    assert s.seconds < (15.0 if game.n_steps == 96 else 3.0)
    check(game, s)


# ---- brute force ----


def vertices(k, game):
    """All extreme responses of a class: whole steps and at most one in part."""
    steps = np.flatnonzero(game.window[k])
    ratio = game.energy_kwh[k] / game.step_kwh[k]
    whole = int(np.floor(ratio + 1e-9))
    rest = ratio - whole
    found = []
    for full in combinations(steps, whole):
        x = np.zeros(game.n_steps)
        x[list(full)] = 1.0
        if rest < 1e-9:
            found.append(x)
            continue
        for other in set(steps) - set(full):
            y = x.copy()
            y[other] = rest
            found.append(y)
    return found


def brute_force(game):
    """The best profit over all combinations of follower vertices, each the best by one LP with its own solver."""
    best = -np.inf
    every = [vertices(k, game) for k in range(game.n_classes)]
    mean_row = np.ones((1, game.n_steps)) / game.n_steps
    for choice in product(*every):
        energy = np.array(choice) * game.step_kwh[:, None]
        rows = [
            (choice[k] - other) * 1.0 for k in range(game.n_classes) for other in every[k] if other is not choice[k]
        ]
        equal = game.mean_sense == "=="
        A = np.array([*rows, *([] if equal else mean_row)]) if rows or not equal else None
        b = np.array([0.0] * len(rows) + ([] if equal else [game.mean])) if A is not None else None
        answer = linprog(
            -energy.sum(axis=0),
            A_ub=A,
            b_ub=b,
            A_eq=mean_row if equal else None,
            b_eq=[game.mean] if equal else None,
            bounds=list(zip(game.lower, game.upper, strict=True)),
        )
        if answer.status == 0:
            best = max(best, -answer.fun - float(energy.sum(axis=0) @ game.cheapest))
    return best


def compare(seeds):
    for seed in seeds:
        rng = np.random.default_rng([7, seed])
        game = random_small(rng, integer=bool(seed % 2))
        count = np.prod([len(vertices(k, game)) for k in range(game.n_classes)])
        if count > 250:
            continue
        s = solve_game(game, margin=0.0, time_limit=30, tries=2)
        assert s.status == "proven", seed
        assert s.objective == pytest.approx(brute_force(game), rel=1e-6, abs=1e-7), seed
        check(game, s)
        yield seed


def test_small_games_against_brute_force():
    assert sum(1 for _ in compare(range(30))) >= 12


@pytest.mark.long
def test_500_small_games_against_brute_force():
    done = 0
    for _ in compare(range(60, 4000)):
        done += 1
        if done == 500:
            break
    assert done == 500


# ---- parts ----


def test_integers_alone_find_the_same_optimum():
    for game in (WEI, TINY, load_case("wei-storage").game):
        found, bound, binaries = solve_milp(game, 0.0, 30, None)
        assert binaries > 0
        assert found.profit == pytest.approx(solve_game(game, margin=0.0).objective, rel=1e-6)
        assert bound >= found.profit * (1 - 1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_bounds_hold_on_random_games(seed):
    game = random_game(24, 2 + seed % 5, seed, band=0.1 + 0.1 * (seed % 4))
    bound, best = certify(game)
    s = solve_game(game, margin=0.0)
    assert s.status == "proven"
    assert best.profit <= s.objective + 1e-6 <= bound + 2e-6
    rng = np.random.default_rng(seed)
    for _ in range(20):  # no price drawn at random earns more
        price = rng.uniform(game.lower, game.upper)
        price = np.clip(price + game.mean - price.mean(), game.lower, game.upper)
        if abs(price.mean() - game.mean) < 1e-9:
            assert verify(game, price).profit <= s.objective + 1e-6
    check(game, s)


def test_a_strict_margin_settles_ties():
    loose, strict = solve_game(WEI, margin=0.0), solve_game(WEI, margin=1e-3)
    assert loose.guaranteed < 30 < loose.objective  # indifferent drivers may cost more than half
    assert strict.status == "proven"
    assert strict.guaranteed == pytest.approx(strict.objective, rel=1e-9)
    assert 52.8 - 0.36 <= strict.objective < 52.8
    used = strict.response.x > 1e-6
    for k in range(WEI.n_classes):
        left = WEI.window[k] & ~used[k]
        assert strict.price[used[k]].max() + 1e-3 <= strict.price[left].min() + 1e-9


def test_margin_that_cannot_be_kept_is_refused():
    flat = replace(WEI, lower=np.full(24, 0.5), upper=np.full(24, 0.5))
    with pytest.raises(InputError, match="leaves a margin of"):
        solve_game(flat, margin=1e-3)


# a class may be settled on a step, or off it, only where the bounds leave the margin room
@pytest.mark.parametrize(
    ("lower", "upper", "total", "taken", "bills"),
    [
        # used in full, 0.2 < 0.2005 but by less than the margin: c0 + 0.001 <= c1 and c1 + 0.001 <= c2 in sum 0.602
        ([0.1, 0.2005, 0.2005], [0.2, 0.3, 0.3], 0.602, 1.5, 0.602 / 3 - 0.001 + 0.5 * 0.602 / 3),
        # left empty, 0.2005 > 0.2 but by less than the margin: c0 + 0.001 <= c1 in sum 0.4005
        ([0.1, 0.2005], [0.2, 0.3], 0.4005, 0.5, 0.5 * (0.4005 - 0.001) / 2),
    ],
)
def test_steps_that_the_bounds_settle_keep_the_margin(lower, upper, total, taken, bills):
    steps = len(lower)
    game = replace(
        TINY,
        **{name: np.full(steps, 0.15) for name in ("day_ahead", "buy", "sell")},
        lower=lower,
        upper=upper,
        mean=total / steps,
        energy_kwh=[10.0 * taken],
        power_kw=[10.0],
        window=np.ones((1, steps)),
        count=[1],
        names=(),
    )
    profit = 10.0 * bills - 1.5 * taken
    found, bound, _ = solve_milp(game, 1e-3, 30, None)
    assert found.profit == pytest.approx(profit, abs=1e-6)
    assert bound == pytest.approx(profit, abs=1e-5)


def test_a_mean_with_an_upper_bound_is_never_worse_than_a_fixed_one():
    fixed, bounded = (solve_game(replace(WEI, mean=0.56, mean_sense=s), margin=0.0) for s in ("==", "<="))
    assert bounded.objective >= fixed.objective - 1e-9
    assert bounded.price.mean() <= 0.56 + 1e-9


def test_cap_spreads_the_load():
    free = solve_game(WEI, margin=0.0)
    game = replace(WEI, import_limit_kw=np.full(24, 120.0))
    s = solve_game(game, margin=0.0)
    assert s.status == "proven"
    assert s.load_kw(game).sum(axis=0).max() <= 120.0 + 1e-6
    assert free.load_kw(WEI).sum(axis=0).max() > 150
    assert s.objective <= free.objective + 1e-9
    check(game, s)


def evening(import_limit_kw, power_kw=70.0):
    """Return a game of one class that needs 200 kWh in nine hours; prices are far apart, so it cannot be spread."""
    p = np.tile([0.3, 0.55, 0.42, 0.8, 0.66, 0.38], 4)
    return replace(
        WEI,
        **{name: p for name in ("day_ahead", "buy", "sell")},
        lower=0.8 * p,
        upper=1.2 * p,
        mean=float(p.mean()),
        energy_kwh=[200.0],
        power_kw=[power_kw],
        window=(np.arange(24) >= 21)[None] | (np.arange(24) < 6)[None],
        count=[10],
        names=(),
        import_limit_kw=np.full(24, import_limit_kw),
    )


@pytest.mark.parametrize("margin", [0.0, 1e-3])
def test_a_cap_that_no_price_keeps_is_refused_by_hour_and_excess(margin):
    with pytest.raises(InputError, match=r"no price keeps .* in hour 0 they draw 40 kW more than the 30 kW") as told:
        solve_game(evening(30.0), margin=margin)
    assert ("--margin 0" in str(told.value)) == (margin > 0)
    assert "\n" not in str(told.value)


def test_an_import_limit_below_the_need_of_direct_load_control_is_refused_by_the_excess():
    with pytest.raises(
        InputError, match=r"limits.import_limit_kw is too low.*12.22 kW more than the 10 kW allowed in hour"
    ):
        solve_game(evening(10.0))  # 200 kWh in 9 h: 22.22 kW
    assert solve_game(evening(70.0), margin=0.0).status == "proven"


def test_a_profit_that_keeps_the_cap_is_better_than_any_that_breaks_it():
    broken, kept = verify(evening(30.0), evening(30.0).day_ahead), verify(evening(70.0), evening(70.0).day_ahead)
    assert broken.profit == -np.inf
    assert earns_more(kept, broken, 1e-5)
    assert not earns_more(broken, kept)
    assert not earns_more(broken, broken)
    assert not earns_more(kept, kept)


def test_supply_curve_is_paid_for():
    game = replace(WEI, block_kw=np.array([60.0, np.inf]), block_premium=np.array([0.0, 0.05]))
    s = solve_game(game, margin=0.0)
    load = s.load_kw(game).sum(axis=0)
    dear = 0.05 * np.maximum(load - 60.0, 0.0).sum()
    assert s.procurement == pytest.approx(float(load @ WEI.day_ahead) + dear, rel=1e-9)
    assert s.status == "proven"


def test_storage_that_had_better_serve_the_cars():
    storage = Storage(power_kw=100, capacity_kwh=300, initial_kwh=100, efficiency=0.9)
    game = replace(WEI, sell=0.3 * WEI.day_ahead, storage=storage)
    assert not game.separable
    s = solve_game(game, margin=1e-3)
    assert s.status == "proven"
    assert 0 < s.storage
    load = s.load_kw(game).sum(axis=0)
    p = procure(load, game)
    assert np.minimum(p.charge_kw, p.discharge_kw).max() < 1e-6
    before = np.concatenate([[100.0], p.soe_kwh[:-1]])
    np.testing.assert_allclose(p.soe_kwh, before + 0.9 * p.charge_kw - p.discharge_kw / 0.9, atol=1e-6)
    assert p.soe_kwh[-1] >= 100 - 1e-6


def test_narrow_bounds_make_a_small_program_with_the_same_optimum():
    for margin in (0.0, 1e-3):
        game = random_game(24, 10, 2)
        whole = solve_game(game, margin=margin)
        near = replace(
            game, lower=np.maximum(game.lower, whole.price - 0.02), upper=np.minimum(game.upper, whole.price + 0.02)
        )
        all_binaries = solve_milp(game, margin, 30, None)[2]
        found, bound, binaries = solve_milp(near, margin, 30, whole)
        assert binaries < 0.8 * all_binaries
        assert found.profit == pytest.approx(whole.objective, rel=1e-6)
        assert bound == pytest.approx(whole.objective, rel=1e-6)


# ---- followers ----


def test_the_follower_is_a_linear_program():
    rng = np.random.default_rng(3)
    for _ in range(20):
        game = random_small(rng, integer=False)
        price = rng.uniform(game.lower, game.upper)
        mine = bills(price, game)
        d = duals(price, game)
        value = d.lam * game.energy_kwh - game.step_kwh * d.omega.sum(axis=1)
        np.testing.assert_allclose(mine, value, rtol=1e-9)
        stationary = (price[None, :] - d.lam[:, None] + d.omega - d.sigma) * game.window
        assert np.abs(stationary).max() < 1e-12
        x = respond(price, game)
        assert (d.omega * (1 - x)).max() < 1e-12  # complementarity
        assert (d.sigma * x).max() < 1e-12
        for k in range(game.n_classes):
            bounds = [(0.0, game.step_kwh[k] * w) for w in game.window[k]]
            answer = linprog(price, A_eq=np.ones((1, game.n_steps)), b_eq=[game.energy_kwh[k]], bounds=bounds)
            assert mine[k] == pytest.approx(answer.fun, rel=1e-9)


def test_lambda_lies_between_the_quantiles_of_the_bounds():
    rng = np.random.default_rng(4)
    for _ in range(50):
        price = rng.uniform(WEI.lower, WEI.upper)
        lam = quantile(price, WEI)
        assert (quantile(WEI.lower, WEI) <= lam + 1e-12).all()
        assert (lam <= quantile(WEI.upper, WEI) + 1e-12).all()


def test_ties_go_where_they_are_told():
    price = np.full(24, 0.5)
    good = respond(price, WEI, favour=WEI.cheapest)
    bad = respond(price, WEI, favour=-WEI.cheapest)
    assert (WEI.power_kw @ good) @ WEI.cheapest < (WEI.power_kw @ bad) @ WEI.cheapest
    assert fill(np.arange(24), WEI)[0, :4].tolist() == [1, 1, 1, 1]


def test_greatest_bills_is_a_bound():
    most, price = greatest_bills(WEI)
    assert bills(price, WEI).sum() == pytest.approx(most, rel=1e-7)
    rng = np.random.default_rng(5)
    for _ in range(30):
        other = np.clip(rng.permutation(price), WEI.lower, WEI.upper)
        other = np.clip(other + WEI.mean - other.mean(), WEI.lower, WEI.upper)
        if other.mean() <= WEI.mean + 1e-12:
            assert bills(other, WEI).sum() <= most + 1e-6


# ---- bad input ----


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"energy_kwh": [600.0, 240.0, 620.0]}, "day: its window of 13 h at 30 kW holds 390 kWh, 230 kWh short"),
        ({"mean": 0.9}, "the upper bounds average .* too low"),
        ({"mean": 0.3}, "the lower bounds average .* too high"),
        ({"day_ahead": np.where(np.arange(24) == 5, np.nan, WEI.day_ahead)}, "p of hour 5 must be a number"),
        ({"upper": WEI.upper[:20]}, "ub must have one value a step, 24 of them, not 20: 4 missing"),
        ({"lower": np.where(np.arange(24) == 3, 2.0, WEI.lower)}, "lower price bound of hour 3 exceeds"),
        ({"power_kw": [150, -1, 30]}, "home at noon: Pm must be a number above 0"),
        ({"mean_sense": ">="}, "mean_sense"),
        ({"block_kw": [1.0], "block_premium": [1.0, 2.0]}, "same length"),
        ({"block_kw": [1.0, 2.0], "block_premium": [1.0, 0.5]}, "must rise"),
    ],
)
def test_bad_games_are_refused_in_one_sentence(changes, words):
    with pytest.raises(InputError, match=words) as told:
        replace(WEI, **changes)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"efficiency": -0.9}, "efficiency must be above 0 and at most 1, not -0.9"),
        ({"initial_kwh": 400}, "exceeds capacity_kwh by 100 kWh"),
        ({"power_kw": float("nan")}, "power_kw must be a number"),
    ],
)
def test_bad_storage(changes, words):
    with pytest.raises(InputError, match=words):
        Storage(**{"power_kw": 100, "capacity_kwh": 300, "initial_kwh": 100, "efficiency": 0.9, **changes})
