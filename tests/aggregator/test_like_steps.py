"""Prices in the order of like steps earn no less and keep every rule; stage one agrees with a plain program."""

from dataclasses import replace

import numpy as np

from aggregator.agreement import compare
from aggregator.drawn import draw_game
from aggregator.full_program import best_profit
from aggregator.test_thresholds import keeps
from csmoifsa_aggregator.model.follower import fill
from csmoifsa_aggregator.solve.alternation import fit_mean, verify
from csmoifsa_aggregator.solve.bounds import FollowerResponse
from csmoifsa_aggregator.solve.integers import solve_milp
from csmoifsa_aggregator.solve.like_steps import in_order, like_steps


def alike(game, seed):
    """Give the classes of a game windows in which many steps are open to the same of them, and bounds of one width."""
    rng = np.random.default_rng([8, seed])
    steps, classes = game.n_steps, game.n_classes
    column = rng.random((classes, 2)) < 0.8
    column[np.arange(classes), rng.integers(0, 2, classes)] = True
    which = rng.integers(0, 2, steps)
    which[:2] = 0, 1
    window = column[:, which]
    width = rng.choice([0.1, 0.3, 0.6])
    lower, upper = game.day_ahead - width, game.day_ahead + width
    if rng.random() < 0.4:  # bounds that do not follow the cost
        lower = lower - rng.choice([0.0, 0.3]) * rng.random(steps)
        upper = upper + rng.choice([0.0, 0.8]) * rng.random(steps)
    share = np.where(rng.random(classes) < 0.4, 1.0, rng.uniform(0.1, 1.0, classes))
    needs = np.maximum(np.round(share * rng.integers(1, window.sum(axis=1) + 1), 2), 0.05)
    charge, base = rng.choice([0.0, 0.05, 0.3]), None
    if charge > 0 and rng.random() < 0.5:
        base = np.round(rng.uniform(0, 2 * game.power_kw.sum(), steps), 1)
    changed = replace(
        game, window=window, lower=lower, upper=upper, mean=float(lower.mean() + rng.random() * (upper - lower).mean()),
        energy_kwh=needs * game.step_kwh,
    )  # fmt: skip
    if changed.separable and changed.storage is not None:
        return changed
    limit = None if game.import_limit_kw is None else 1.5 * game.import_limit_kw * rng.choice([0.8, 1.0], steps)
    curve = {}
    if game.block_kw is None and rng.random() < 0.5:
        curve = {
            "block_kw": np.round(game.power_kw.sum() * rng.uniform(0.1, 0.5, 2), 1),
            "block_premium": np.array([0.0, rng.choice([0.05, 0.3])]),
        }
    return replace(
        changed, storage=None, demand_charge=float(charge), base_kw=base, import_limit_kw=limit, **curve
    )  # fmt: skip


def test_prices_in_order_earn_no_less_and_keep_bounds_mean_and_margin():
    rng, moved, kinds = np.random.default_rng(3), 0, set()
    for seed in range(400):
        kind, game = draw_game(seed)
        if game.cars is not None:
            continue
        game = alike(game, seed)
        pairs = like_steps(game, np.zeros(game.window.shape, bool))
        for _ in range(8):
            margin = float(rng.choice([0.0, 0.02]))
            price = fit_mean(game, rng.uniform(game.lower, game.upper))
            ordered = in_order(price, pairs)
            old, new = (fill(np.lexsort((game.cheapest, one)), game) for one in (price, ordered))
            if (ordered == price).all() or (margin > 0 and not keeps(game, old, price, margin)):
                continue
            assert (ordered[pairs[:, 0]] <= ordered[pairs[:, 1]]).all()
            assert ((game.lower <= ordered) & (ordered <= game.upper)).all()
            assert sorted(ordered) == sorted(price)
            before, after = verify(game, price), verify(game, ordered)
            if margin > 0:  # nobody is indifferent
                assert keeps(game, new, ordered, margin)
                before, after = (verify(game, one, FollowerResponse(x)) for one, x in ((price, old), (ordered, new)))
            if np.isfinite(before.profit):
                assert after.profit >= before.profit - 1e-7 * max(1.0, abs(before.profit)), (seed, kind)
                moved += 1
                kinds.add((kind, game.separable, margin > 0))
    assert moved > 250
    assert {one[1:] for one in kinds} == {(False, False), (False, True), (True, False), (True, True)}
    assert {one[0] for one in kinds} >= {"resale", "plain", "import limit", "blocks"}


def test_stage_one_agrees_with_the_plain_program_where_steps_are_alike():
    pairs, verdicts = 0, []
    for seed in range(100):
        _, game = draw_game(seed)
        if game.cars is not None:
            continue
        _, margin, verdict, detail = compare(seed, change=alike)
        assert verdict != "differs", (seed, margin, detail)
        pairs += len(like_steps(alike(game, seed), np.zeros(game.window.shape, bool)))
        verdicts.append(verdict)
    assert verdicts.count("agrees") > 70
    assert pairs > 60


def test_the_program_alone_agrees_with_the_plain_program_where_steps_are_alike():
    """Without the linear programs that prove most small games first."""
    compared = 0
    for seed in range(100):
        _, game = draw_game(seed)
        if game.cars is not None:
            continue
        game, margin = alike(game, seed), (0.0, 1e-3)[seed // 7 % 2]
        truth = best_profit(game, margin)
        found, bound, _ = solve_milp(game, margin, 20, None)
        if truth is None or found is None:
            assert truth is None or not np.isfinite(bound), seed
            continue
        slack = 3e-6 * max(1.0, abs(truth))
        assert abs(found.profit - truth) <= slack, (seed, found.profit, truth)
        assert bound >= truth - slack, (seed, bound, truth)
        compared += 1
    assert compared > 60


def test_a_step_that_no_class_ever_uses_is_like_one_outside_all_windows():
    _, game = draw_game(4)
    p = np.array([1.0, 1.1, 5.0, 5.1])
    game = replace(
        game, day_ahead=p, buy=p, sell=p, lower=p - 0.2, upper=p + 0.2, mean=float(p.mean()), storage=None,
        window=np.array([[True, True, True, False]]), energy_kwh=np.ones(1), power_kw=np.ones(1), count=np.ones(1),
        names=(), dt_h=1.0,
    )  # fmt: skip
    never = np.array([[False, False, True, False]])
    assert like_steps(game, never & False).tolist() == [[0, 1], [1, 2]]
    assert like_steps(game, never).tolist() == [[0, 1], [2, 3]]
