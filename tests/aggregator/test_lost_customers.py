"""Stage one where customers leave: against every response of tiny games, each with its best mean price paid."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.customers import Customers, Forgone
from csmoifsa_aggregator.model.game import Game, Storage
from csmoifsa_aggregator.solve.customers import solve_customers
from csmoifsa_aggregator.solve.stackelberg import solve_game
from csmoifsa_aggregator.solve.supply import procure


def share_of(customers: Customers, mean: float) -> float:
    """The formulas of the docstring, once more."""
    s0, b, above = customers.share_at_equal, customers.sensitivity, mean - customers.competitor
    if customers.model == "linear":
        return float(np.clip(s0 - b * above, 0.0, 1.0))
    z = b * above - math.log(s0 / (1 - s0))
    return 0.0 if z > 700 else 1.0 / (1.0 + math.exp(z))


def tiny(rng: np.random.Generator, **more: object) -> Game:
    steps, classes = 4, int(rng.integers(1, 4))
    p = rng.uniform(0.2, 1.0, steps)
    window = rng.random((classes, steps)) < 0.8
    window[:, rng.integers(steps)] = True
    power = rng.uniform(1.0, 4.0, classes)
    hours = window.sum(axis=1)
    energy = power * hours * np.where(rng.random(classes) < 0.3, 1.0, rng.uniform(0.1, 1.0, classes))
    return Game(
        day_ahead=p,
        buy=1.2 * p,
        sell=0.8 * p,
        lower=0.7 * p,
        upper=1.5 * p,
        mean=float(p.mean()) * rng.uniform(0.9, 1.3),
        mean_sense=str(rng.choice(["==", "<="])),
        energy_kwh=energy,
        power_kw=power,
        window=window,
        count=np.ones(classes),
        dt_h=1.0,
        **more,
    )


def responses(game: Game) -> list[np.ndarray]:
    """Every response (K, T) [kWh] of classes that fill the steps in some order."""
    found = {}
    for order in itertools.permutations(range(game.n_steps)):
        x = np.zeros(game.window.shape)
        for k in range(game.n_classes):
            left = game.energy_kwh[k]
            for t in order:
                if game.window[k, t]:
                    x[k, t] = min(left, game.power_kw[k] * game.dt_h)
                    left -= x[k, t]
        found[x.round(9).tobytes()] = x
    return list(found.values())


def bills_range(game: Game, x: np.ndarray, margin: float) -> tuple[float, float] | None:
    """Least and greatest sum of bills among the prices at which a response is the cheapest, with the margin."""
    rows, right = [], []
    for k in range(game.n_classes):
        room = game.power_kw[k] * game.dt_h
        kind = np.where(x[k] >= room - 1e-9, 0, np.where(x[k] > 1e-9, 1, 2))  # full, in part, empty
        for a, b in itertools.permutations(np.flatnonzero(game.window[k]), 2):
            if kind[a] < kind[b]:
                row = np.zeros(game.n_steps)
                row[a], row[b] = 1.0, -1.0
                rows.append(row)
                right.append(-margin)
    ones, total = np.ones((1, game.n_steps)), game.mean * game.n_steps
    equal = game.mean_sense == "=="
    if game.mean_weight == "load":  # the sum of bills is ruled, not that of prices
        ones, total = x.sum(axis=0)[None], game.mean * game.energy_kwh.sum()
    if not equal:
        rows.append(ones[0])
        right.append(total)
    ends = []
    for sign in (1.0, -1.0):
        answer = linprog(
            sign * x.sum(axis=0),
            A_ub=np.array(rows) if rows else None,
            b_ub=right if rows else None,
            A_eq=ones if equal else None,
            b_eq=[total] if equal else None,
            bounds=list(zip(game.lower, game.upper, strict=True)),
        )
        if answer.status != 0:
            return None
        ends.append(sign * answer.fun)
    return ends[0], ends[1]


def costs(loads: np.ndarray, game: Game) -> np.ndarray:
    """Cost of loads (n, T) [kW]: the cheapest blocks and real time first, and the rise of the peak [currency]."""
    if game.storage is not None:
        return np.array([procure(load, game).cost for load in loads])
    total = np.zeros(len(loads))
    widths, premiums = ([np.inf], [0.0]) if game.block_kw is None else (game.block_kw, game.block_premium)
    for t in range(game.n_steps):
        offers = [*((game.day_ahead[t] + e, w) for w, e in zip(widths, premiums, strict=True)), (game.buy[t], np.inf)]
        left = loads[:, t].copy()
        for price, width in sorted(offers):
            here = np.minimum(left, width)
            total, left = total + game.dt_h * price * here, left - here
    base = np.zeros(game.n_steps) if game.base_kw is None else game.base_kw
    return total + game.demand_charge * ((base + loads).max(axis=1) - base.max())


def best_of_all(game: Game, customers: Customers, margin: float) -> float:
    """Greatest profit over all responses and, for each, many mean prices paid, refined where they are best."""
    best, energy = -np.inf, game.energy_kwh.sum()

    def profits(x: np.ndarray, means: np.ndarray) -> np.ndarray:
        shares = np.array([share_of(customers, one) for one in means])
        values = shares * means * energy - costs(shares[:, None] * x.sum(axis=0) / game.dt_h, game)
        if game.import_limit_kw is not None:
            over = (shares[:, None] * x.sum(axis=0) / game.dt_h > game.import_limit_kw + 1e-9).any(axis=1)
            values[over] = -np.inf
        return np.where(shares > 1e-3, values, -np.inf)

    for x in responses(game):
        ends = bills_range(game, x, margin)
        if ends is None:
            continue
        low, high = ends[0] / energy, ends[1] / energy
        for _ in range(6):
            means = np.linspace(low, high, 21 if game.storage is not None else 401)
            values = profits(x, means)
            top, width = int(values.argmax()), (high - low) / (len(means) - 1)
            best = max(best, float(values[top]))
            low, high = max(low, means[top] - 2 * width), min(high, means[top] + 2 * width)
    return best


SHAPES = {
    "logit": lambda m: Customers(competitor=m, share_at_equal=0.8, sensitivity=8 / m),
    "linear": lambda m: Customers(competitor=m, share_at_equal=0.9, sensitivity=2 / m, model="linear"),
    "flat": lambda m: Customers(competitor=m, share_at_equal=0.6, sensitivity=0.0),
    "cliff": lambda m: Customers(competitor=m, share_at_equal=0.9, sensitivity=2000 / m),
    "competitor for nothing": lambda m: Customers(competitor=0.0, share_at_equal=0.9, sensitivity=3 / m),
    "competitor below cost": lambda m: Customers(
        competitor=0.5 * m, share_at_equal=1.0, sensitivity=1 / m, model="linear"
    ),
    "competitor below zero": lambda m: Customers(competitor=-m, share_at_equal=0.99, sensitivity=2 / m),
}


def agree(game: Game, customers: Customers, margin: float, tolerance: float) -> str:
    """Compare stage one with every response; return what happened."""
    refused, kept = "", None
    try:
        kept = solve_customers(game, customers, margin=margin, time_limit=60.0)
    except InputError as error:
        refused = str(error)
    expected = best_of_all(game, customers, margin)
    if kept is None:
        assert expected < 0 if "keeping nobody" in refused else expected == -np.inf, refused
        return "refused"
    s = kept.solution
    paid = float((s.response.x * game.step_kwh[:, None] @ s.price).sum() / game.energy_kwh.sum())
    assert kept.share == pytest.approx(share_of(customers, paid), rel=1e-9)
    np.testing.assert_allclose(kept.game.energy_kwh, kept.share * game.energy_kwh)
    load = s.load_kw(kept.game).sum(axis=0)
    profit = float(load @ s.price) * game.dt_h - float(costs(load[None], game)[0])
    assert s.objective == pytest.approx(profit, rel=1e-9, abs=1e-9)
    slack = 2e-6 * max(1e-3, abs(expected))
    assert expected <= s.upper_bound + slack, "a price earns more than the upper bound"
    assert s.objective <= s.upper_bound + slack
    if s.status == "proven":
        assert abs(s.objective - expected) <= max(slack, 1e-5 * abs(expected))
    assert s.gap <= tolerance
    return s.status


@pytest.mark.parametrize("shape", SHAPES)
def test_stage_one_where_customers_leave_meets_every_response_of_tiny_games(shape):
    rng = np.random.default_rng(5)
    seen = [
        agree(game := tiny(rng), SHAPES[shape](float(game.day_ahead.mean())), margin, 2e-6)
        for margin in (0.0, 0.0, 2e-3, 2e-3)
    ]
    assert "proven" in seen


def curve(game: Game) -> dict[str, object]:
    width = 0.2 * float(game.power_kw.sum())
    return {"block_kw": np.array([width, width, np.inf]), "block_premium": np.array([0.0, 0.1, 0.15])}


BESIDE = {
    "supply curve": lambda game: replace(game, **curve(game)),
    "import limit": lambda game: replace(game, import_limit_kw=np.full(4, 0.8 * float(game.max_load_kw.max()))),
    "demand charge": lambda game: replace(game, demand_charge=0.05, base_kw=np.array([1.0, 4.0, 2.0, 0.0])),
}


@pytest.mark.parametrize("kind", BESIDE)
def test_costs_that_depend_on_the_number_kept_meet_every_response(kind):
    """With a margin a class fills whole steps; the cost of a kWh, or the limit, depends on how many stay."""
    rng = np.random.default_rng(9)
    seen = [
        agree(BESIDE[kind](game := tiny(rng)), SHAPES[shape](float(game.day_ahead.mean())), 2e-3, 1e-2)
        for shape in ("logit", "linear")
        for _ in range(2)
    ]
    assert {"proven", "gap"} & set(seen)


def test_a_loss_that_no_price_avoids_is_the_least_one():
    """Every price lies below cost, and no price drives all away: the dearest price is not always the best."""
    rng = np.random.default_rng(4)
    seen = []
    for shape in ("logit", "linear", "competitor below cost"):
        game = tiny(rng)
        game = replace(game, lower=0.4 * game.day_ahead, upper=0.7 * game.day_ahead, mean=0.6 * game.day_ahead.mean())
        seen.append(agree(game, SHAPES[shape](0.5 * float(game.day_ahead.mean())), 2e-3, 1e-3))
    assert "refused" not in seen


def test_earnings_of_a_storage_stay_beside_the_customers():
    rng = np.random.default_rng(6)
    for _ in range(2):
        game = tiny(rng)
        game = replace(
            game, sell=game.day_ahead, storage=Storage(power_kw=2.0, capacity_kwh=4.0, initial_kwh=1.0, efficiency=0.9)
        )
        assert game.separable
        assert agree(game, SHAPES["logit"](float(game.day_ahead.mean())), 2e-3, 2e-6) == "proven"


def test_a_share_that_never_falls_gives_the_game_of_those_who_stay():
    game = load_case("wei-2015").game
    flat = Customers(competitor=0.4, share_at_equal=0.6, sensitivity=0.0)
    kept, plain = solve_customers(game, flat, margin=1e-3), solve_game(game, margin=1e-3)
    assert kept.share == pytest.approx(0.6)
    assert kept.solution.objective == pytest.approx(0.6 * plain.objective)
    all_stay = Customers(competitor=0.4, share_at_equal=1.0, sensitivity=0.0, model="linear")
    assert solve_customers(game, all_stay, margin=1e-3).solution.objective == pytest.approx(plain.objective)


def test_what_cannot_be_solved_is_refused_in_a_sentence():
    game = load_case("wei-2015").game
    mean = float(game.day_ahead.mean())
    nobody = Customers(competitor=0.1 * mean, share_at_equal=0.5, sensitivity=5 / mean, model="linear")
    with pytest.raises(InputError, match=r"not even 0\.001 of the customers stay at the least mean price"):
        solve_customers(game, nobody)
    cheap = replace(game, lower=0.1 * game.day_ahead, upper=0.5 * game.day_ahead, mean=0.3 * mean)
    picky = Customers(competitor=0.2 * mean, share_at_equal=0.9, sensitivity=10 / mean, model="linear")
    with pytest.raises(InputError, match="keeping nobody is best"):
        solve_customers(cheap, picky)
    store = Storage(power_kw=2.0, capacity_kwh=4.0, initial_kwh=1.0, efficiency=0.9)
    with pytest.raises(InputError, match="beside a storage whose best use depends on the cars"):
        solve_customers(replace(game, storage=store, sell=0.5 * game.day_ahead), picky)
    with pytest.raises(InputError, match="margin must be from 0 up, not -1"):
        solve_customers(game, picky, margin=-1.0)
    flat = replace(game, lower=np.full(24, 0.5), upper=np.full(24, 0.5), mean=0.5)
    easy = Customers(competitor=0.5, share_at_equal=0.9, sensitivity=1.0)
    with pytest.raises(InputError, match=r"leaves a margin of 0\.001 between the hours used and the others"):
        solve_customers(flat, easy, margin=1e-3)
    tight = replace(game, import_limit_kw=np.full(24, 1.0))
    with pytest.raises(InputError, match=r"limits\.import_limit_kw"):
        solve_customers(tight, easy)


def test_shares_and_what_they_forgo():
    logit = Customers(competitor=0.5, share_at_equal=0.8, sensitivity=10.0)
    linear = Customers(competitor=0.5, share_at_equal=0.9, sensitivity=2.0, model="linear")
    assert logit.share(0.5) == pytest.approx(0.8)
    assert logit.share(0.6) == pytest.approx(4 / math.e / (1 + 4 / math.e))
    assert (linear.share(0.5), linear.share(0.4), linear.share(0.6)) == pytest.approx((0.9, 1.0, 0.7))
    assert (linear.share(2.0), linear.inverse(2.0)) == (0.0, (math.inf, math.inf))
    assert (logit.share(1e6), logit.share(-1e6)) == pytest.approx((0.0, 1.0))
    for one in (logit, linear):
        for mean in (0.42, 0.5, 0.61, 0.8):
            value, slope = one.inverse(mean)
            assert value == pytest.approx(1 / share_of(one, mean))
            rise = 1 / share_of(one, mean + 1e-6) - 1 / share_of(one, mean - 1e-6)
            assert slope == pytest.approx(rise / 2e-6, rel=1e-3, abs=1e-6)
            assert one.price_of(share_of(one, mean)) == pytest.approx(max(mean, 0.45) if one is linear else mean)
    assert (replace(logit, sensitivity=0.0).price_of(0.5), logit.price_of(1.0)) == (math.inf, -math.inf)
    lost = Forgone(customers=linear, weight=3.0, low=0.5, high=0.8, points=())
    assert [lost.at(mean) for mean in (0.4, 0.5, 0.6, 0.8, 2.0)] == pytest.approx(
        [0.0, 0.0, 3 / 0.7 - 3 / 0.9, 3 / 0.3 - 3 / 0.9, 3 / 0.3 - 3 / 0.9]
    )
    for wrong, match in (
        ({"share_at_equal": 0.0}, "share_at_equal must be above 0 and at most 1, not 0"),
        ({"share_at_equal": 1.0}, "share_at_equal must be below 1 with the logit"),
        ({"sensitivity": -1.0}, "sensitivity must be a number from 0 up"),
        ({"competitor": math.nan}, "competitor must be a number, not nan"),
    ):
        with pytest.raises(InputError, match=match):
            replace(logit, **wrong)
