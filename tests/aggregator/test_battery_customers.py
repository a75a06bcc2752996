"""Customers who leave beside V2G drivers who answer the price with their batteries: against every response."""

import itertools
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.optimize import linprog

from aggregator.test_backtest import series
from aggregator.test_lost_customers import SHAPES, costs, responses, share_of, tiny
from aggregator.test_rolled_customers import same
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.customers import Customers, Forgone
from csmoifsa_aggregator.output.tables import summarise_day
from csmoifsa_aggregator.solve.alternation import verify
from csmoifsa_aggregator.solve.bounds import best_price, best_response, greatest_bills
from csmoifsa_aggregator.solve.customers import _Search, mean_paid, solve_customers
from csmoifsa_aggregator.solve.evidence import certificate
from csmoifsa_aggregator.solve.proof import check
from csmoifsa_aggregator.solve.stackelberg import solve_game
from csmoifsa_aggregator.study.backtest import backtest
from csmoifsa_aggregator.study.study import run_day


def batteries(rng):
    """One class of cars on a day of four steps with a stay of two."""
    charge, eta = float(rng.uniform(1.0, 3.0)), float(rng.uniform(0.8, 1.0))
    arrival = float(rng.uniform(1.0, 5.0))
    return Batteries(
        names=("V2G",), count=[float(rng.uniform(0.2, 0.6))], charge_kw=charge,
        discharge_kw=float(rng.uniform(1.0, 3.0)), capacity_kwh=8.0, floor_kwh=0.5, arrival_kwh=arrival,
        departure_kwh=min(8.0, arrival + float(rng.uniform(-0.5, 1.6)) * eta * charge), efficiency=eta,
        wear=float(rng.uniform(0.0, 0.2)), start=[int(rng.integers(4))], length=[2], n_steps=4, dt_h=1.0,
    )  # fmt: skip


def game_of(rng):
    return replace(tiny(rng), cars=batteries(rng))


def corners(cars):
    """Every corner of one vehicle's dispatch over its two steps, rows of charge, charge, discharge, discharge [kW]."""
    eta, promised = cars.efficiency[0], cars.departure_kwh[0]
    gain = np.array([eta, 0.0, -1 / eta, 0.0]), np.array([eta, eta, -1 / eta, -1 / eta])
    lows = min(cars.floor_kwh[0], cars.arrival_kwh[0] + eta * cars.charge_kw[0]), promised
    rows, right = [], []
    for i, most in enumerate([cars.charge_kw[0]] * 2 + [cars.discharge_kw[0]] * 2):
        for sign, bound in ((1.0, most), (-1.0, 0.0)):
            rows.append(sign * np.eye(4)[i])
            right.append(bound)
    for row, low in zip(gain, lows, strict=True):
        rows += [row, -row]
        right += [cars.capacity_kwh[0] - cars.arrival_kwh[0], cars.arrival_kwh[0] - low]
    rows, right, found = np.array(rows), np.array(right), {}
    for chosen in itertools.combinations(range(len(rows)), 4):
        basis = rows[list(chosen)]
        if abs(np.linalg.det(basis)) > 1e-9:
            x = np.linalg.solve(basis, right[list(chosen)])
            if (rows @ x <= right + 1e-9).all():
                found[(x.round(8) + 0.0).tobytes()] = x
    return np.array(list(found.values()))


def powers(cars, x):
    """Charge and discharge of one vehicle by step of the day, two arrays (T,) [kW]."""
    both = np.zeros((2, 4))
    for i in range(2):
        t = (int(cars.start[0]) + i) % 4
        both[:, t] = x[i], x[2 + i]
    return both


def best_of_all(game, customers):
    """Greatest profit over all corners of all drivers' responses and, for each, many mean prices paid."""
    cars, best = game.cars, -np.inf
    count, wear = cars.count[0], cars.wear[0]
    dispatches = [powers(cars, x) for x in corners(cars)]
    needed = game.energy_kwh.sum() + count * max(cars.departure_kwh[0] - cars.arrival_kwh[0], 0.0) / cars.efficiency[0]
    for x, mine in itertools.product(responses(game), dispatches):
        net = x.sum(axis=0) + count * (mine[0] - mine[1])
        if net.min() < -1e-9:
            continue
        rows, right = [], []
        for k in range(game.n_classes):
            room = game.power_kw[k]
            kind = np.where(x[k] >= room - 1e-9, 0, np.where(x[k] > 1e-9, 1, 2))
            for a, b in itertools.permutations(np.flatnonzero(game.window[k]), 2):
                if kind[a] < kind[b]:
                    rows.append(np.eye(4)[a] - np.eye(4)[b])
                    right.append(0.0)
        for other in dispatches:  # no other dispatch costs the owner less
            rows.append((mine[0] - mine[1]) - (other[0] - other[1]))
            right.append(wear * (other[1].sum() - mine[1].sum()))
        ones, total = np.ones((1, 4)), game.mean * 4
        equal = game.mean_sense == "=="
        if not equal:
            rows.append(ones[0])
            right.append(total)
        ends = []
        for sign in (1.0, -1.0):
            answer = linprog(
                sign * net, A_ub=np.array(rows), b_ub=right, A_eq=ones if equal else None,
                b_eq=[total] if equal else None, bounds=list(zip(game.lower, game.upper, strict=True)),
            )  # fmt: skip
            if answer.status == 0:
                ends.append(sign * answer.fun)
        if len(ends) < 2:
            continue
        low, high = ends
        for _ in range(6):
            bills = np.linspace(low, high, 201)
            shares = np.array([share_of(customers, (one + count * wear * mine[1].sum()) / needed) for one in bills])
            loads = shares[:, None] * net
            values = np.where(shares > 1e-3, shares * bills - costs(loads, game), -np.inf)
            if game.import_limit_kw is not None:
                values[(loads > game.import_limit_kw + 1e-9).any(axis=1)] = -np.inf
            top, width = int(values.argmax()), (high - low) / 200
            best = max(best, float(values[top]))
            low, high = max(low, bills[top] - 2 * width), min(high, bills[top] + 2 * width)
    return best


def plain_profit(game, customers, kept):
    """Profit of a solution added up again: the owner's least cost by a program of its own, then the share and money."""
    s, cars = kept.solution, game.cars
    own = s.response.cars
    charge, discharge = (one[0] / (kept.share * cars.count[0]) for one in (own.charge_kw, own.discharge_kw))
    ways = [powers(cars, x) for x in corners(cars)]
    least = min(float((one[0] - one[1]) @ s.price + cars.wear[0] * one[1].sum()) for one in ways)
    mine = float((charge - discharge) @ s.price + cars.wear[0] * discharge.sum())
    assert mine == pytest.approx(least, abs=1e-6)
    load = game.power_kw @ s.response.x
    borne = float(load @ s.price) + cars.count[0] * mine
    needed = game.energy_kwh.sum() + cars.needed_kwh.sum()
    assert mean_paid(game, s.price) == pytest.approx(borne / needed, rel=1e-6, abs=1e-9)
    share = share_of(customers, borne / needed)
    assert kept.share == pytest.approx(share, rel=1e-6)
    net = share * (load + cars.count[0] * (charge - discharge))
    assert net.min() > -1e-6
    return float(net @ s.price) - float(costs(net[None], game)[0])


def agree(game, customers, tolerance=2e-6):
    """Compare stage one with every response; return what happened."""
    refused, kept = "", None
    try:
        kept = solve_customers(game, customers, time_limit=60.0)
    except InputError as error:
        refused = str(error)
    expected = best_of_all(game, customers)
    if kept is None:
        assert expected < 0 if "keeping nobody" in refused else expected == -np.inf, refused
        return "refused"
    s = kept.solution
    slack = 1e-5 * max(1e-2, abs(expected))
    assert s.objective == pytest.approx(plain_profit(game, customers, kept), rel=1e-6, abs=1e-6)
    verdict = check(json.loads(json.dumps(certificate(game, s, customers))))
    assert (verdict.faults, verdict.profit) == ([], pytest.approx(s.objective, rel=1e-6, abs=1e-6))
    assert expected <= s.upper_bound + slack, "a price earns more than the upper bound"
    assert s.objective >= expected - slack - tolerance * abs(expected)
    assert s.gap <= tolerance
    # only where V2G drivers give all that the others take may a mixture of corners be better
    return "proven" if abs(s.objective - expected) <= slack else "mixture"


@pytest.mark.parametrize("shape", SHAPES)
def test_prices_beside_batteries_meet_every_response_of_tiny_games(shape):
    rng = np.random.default_rng(3)
    seen = [agree(game := game_of(rng), SHAPES[shape](float(game.day_ahead.mean()))) for _ in range(4)]
    assert seen.count("mixture") <= 1
    assert "proven" in seen


BESIDE = {
    "supply curve": lambda game: replace(
        game,
        block_kw=np.array([0.3, 0.3, np.inf]) * float(game.power_kw.sum()),
        block_premium=np.array([0.0, 0.1, 0.15]),
    ),
    "demand charge": lambda game: replace(game, demand_charge=0.05, base_kw=np.array([1.0, 4.0, 2.0, 0.0])),
}


@pytest.mark.parametrize("kind", BESIDE)
def test_costs_that_depend_on_the_number_kept_beside_batteries(kind):
    rng = np.random.default_rng(8)
    for shape in ("logit", "linear"):
        game = BESIDE[kind](game_of(rng))
        agree(game, SHAPES[shape](float(game.day_ahead.mean())), tolerance=1e-2)


def discharging(rng):
    """A game, and a price at which the owners discharge."""
    while True:
        game = replace(game_of(rng), mean=9.0, mean_sense="<=")
        price = rng.uniform(game.lower, game.upper)
        response = best_response(game, price)
        if response.cars is not None and response.cars.discharge_kw.sum() > 0.1 and game.cars.wear[0] > 0.05:
            return game, price, response


def test_programs_count_what_owners_bear():
    """The range of the mean price paid, and what is forgone, by the owners' bills and wear over the energy needed."""
    rng = np.random.default_rng(2)
    for _ in range(5):
        game, price, response = discharging(rng)
        mean, needed, tight = mean_paid(game, price), game.needed_kwh, 1e-5
        lost = Forgone(customers=SHAPES["logit"](0.5), weight=2.0, low=mean - tight, high=mean + tight, points=(mean,))
        found = verify(replace(game, forgone=lost), price, response)
        assert found.profit == pytest.approx(verify(game, price, response).profit - lost.at(mean))
        for shift in (-3 * tight, 3 * tight):
            off = replace(lost, low=lost.low + shift, high=lost.high + shift)
            assert verify(replace(game, forgone=off), price, response).profit == -np.inf
        best = best_price(replace(game, forgone=replace(lost, weight=0.0, low=-9.0, high=mean)), response)
        assert mean_paid(game, best) == pytest.approx(mean, rel=1e-5)  # the greatest bills end at the range
        most = greatest_bills(replace(game, forgone=replace(lost, weight=0.0, low=-9.0, high=mean)))[0]
        assert most == pytest.approx(mean * needed, rel=1e-5)
        customers = SHAPES["flat"](0.5)
        search = _Search(game, customers, 0.0, integers=True, tries=None)
        means = [mean_paid(game, rng.uniform(game.lower, game.upper)) for _ in range(30)]
        means += [mean_paid(game, np.where(rng.random(4) < 0.5, game.lower, game.upper)) for _ in range(30)]
        assert search.low <= min(means)
        assert max(means) <= search.high


CASE = """
base = "wei-v2g"
[contract]
stage_one = "battery"
v2g_share = 0.3
{customers}
"""
LEAVING = "[customers]\ncompetitor_ratio = 0.9\nshare_at_equal = 0.8\nsensitivity = 20"
STAYING = "[customers]\ncompetitor = 90.0\nshare_at_equal = 0.9\nsensitivity = 1000"


def case_of(tmp_path, customers):
    path = tmp_path / "my.toml"
    path.write_text(CASE.format(customers=customers), encoding="utf-8")
    return load_case(path)


def test_a_day_accounts_for_owners_who_stay_and_who_leave(tmp_path):
    case = case_of(tmp_path, LEAVING)
    study = run_day(case, time_limit=30.0)
    game, cars, terms = case.game, case.game.cars, case.customers
    needed = 80 * 12 / 0.95  # all cars, 30 % of them with batteries, draw what 12 kWh in the battery take
    assert game.needed_kwh == pytest.approx(needed)
    by_name = {one.name: one for one in study.accounts}
    for name in ("uncontrolled charging", "flat price", "day-ahead price", "stage one"):
        one = by_name[name]
        share = one.cars / 80
        bills = float(one.load_kw @ one.price)
        assert one.profit == pytest.approx(bills - float(np.maximum(one.load_kw, 0) @ game.cheapest), rel=1e-6)
        left = (1 - share) * needed * terms.competitor
        assert one.driver_cost == pytest.approx(bills + left)
        plain, own = one.per_car[:-3], one.per_car[-3:]
        assert share * float(plain @ game.count + own @ cars.count) == pytest.approx(bills)
        if name != "stage one":
            continue
        wear = float(cars.wear @ study.solution.response.cars.discharge_kw.sum(axis=1))
        kept = share_of(terms, (bills + wear) / share / needed)
        assert (study.share, kept) == (pytest.approx(share), pytest.approx(share, rel=1e-6))
        assert one.profit == pytest.approx(study.solution.objective)
    summary = summarise_day(study)
    assert summary["customers"]["share"] == pytest.approx(study.share)
    assert summary["customers"]["mean_paid"] == pytest.approx((bills + wear) / study.share / needed)
    assert summary["customers"]["cars"] + summary["customers"]["left"] == pytest.approx(80)
    assert sum(study.case.game.cars.count) == pytest.approx(0.3 * 80 * study.share)


def test_certificates_beside_batteries_hold_and_see_changes(tmp_path):
    case = case_of(tmp_path, LEAVING)
    kept = solve_customers(case.game, case.customers, time_limit=30.0)
    values = json.loads(json.dumps(certificate(case.game, kept.solution, case.customers)))
    verdict = check(values)
    assert verdict.faults == []
    assert verdict.profit == pytest.approx(kept.solution.objective)
    for change, said in (
        (("game", "customers", "competitor"), "the balance of step"),
        (("game", "cars", 0, "arrival_kwh"), ""),
        (("v2g", 0, "charge_kw", 2), ""),
    ):
        other = json.loads(json.dumps(values))
        place = other
        for key in change[:-1]:
            place = place[key]
        place[change[-1]] = 1.05 * place[change[-1]] + 0.01
        faults = " ".join(check(other).faults)
        assert faults, change
        assert said in faults
    other = json.loads(json.dumps(values))
    other["game"]["mean_weight"] = "load"
    with pytest.raises(InputError, match="the mean price paid cannot be ruled beside V2G classes"):
        check(other)


def test_where_everybody_stays_each_number_is_that_without_customers(tmp_path):
    plain, stays = (case_of(tmp_path, customers) for customers in ("", STAYING))
    one, other = (run_day(case, time_limit=30.0) for case in (plain, stays))
    assert other.share == 1.0
    assert same([asdict(a) for a in one.accounts], [asdict(a) for a in other.accounts])
    prices = series(3, days=5)
    for a, b in zip(*(backtest(case, *prices, training=3).days for case in (plain, stays)), strict=True):
        assert same([asdict(x) for x in a.accounts], [asdict(x) for x in b.accounts])
        assert same(asdict(a.rolled), asdict(b.rolled))


def test_rolled_days_dispatch_the_batteries_of_those_who_stay(tmp_path):
    case, prices = case_of(tmp_path, LEAVING), series(3, days=5)
    (day,) = backtest(case, *prices, training=3).days
    kept = day.first.share
    assert 0.3 < kept < 1.0
    assert day.first.case.cars.count == pytest.approx(kept * case.cars.count)
    accounts = {one.name: one for one in day.accounts}
    stage, rolled = accounts["stage one"], accounts["with rolling"]
    assert rolled.cars == pytest.approx(80 * kept)
    own = day.first.solution.response.cars
    first = 24 * 3 + backtest(case, *prices, training=3).begin
    real = prices[1].per_kwh[first : first + 24]
    # nothing is paid twice: what changes is the energy of the batteries at real-time prices, and their wear
    worn = 0.05 * (day.rolled.carried[1].discharge_kw.sum() - own.discharge_kw.sum())
    moved = float(real @ (day.rolled.rolling_kw - own.net_kw))
    assert rolled.profit == pytest.approx(stage.profit - moved - worn, abs=1e-6)


def test_what_cannot_be_solved_is_refused_in_a_sentence():
    game = load_case("portfolio").game
    cars = load_case("portfolio").cars
    easy = Customers(competitor=0.05, share_at_equal=0.9, sensitivity=40.0)
    with pytest.raises(InputError, match="makes V2G drivers give no more than the others take"):
        solve_customers(replace(game, cars=cars), easy)
    with pytest.raises(InputError, match="makes V2G drivers give no more than the others take"):
        solve_game(replace(game, cars=cars))
    with pytest.raises(InputError, match="the mean price paid cannot be ruled where V2G drivers answer"):
        replace(game, cars=cars, mean_weight="load")
    with pytest.raises(InputError, match="beside a storage whose best use depends on the cars"):
        solve_customers(replace(game, cars=cars, storage=load_case("wei-storage").game.storage), easy)
