"""Tariffs of two to six periods: against linear programs over single cars, the plain model and the three usual ones."""

from __future__ import annotations

import csv
import dataclasses
import json
from datetime import date
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.inputs.tariffs import read_tariff
from csmoifsa_ev.model import flow_region
from csmoifsa_ev.model.fleet import draw_sessions
from csmoifsa_ev.model.fleet_sums import sum_fleet, sum_sessions
from csmoifsa_ev.model.flow_region import flow_pairs, limit_flows
from csmoifsa_ev.model.outcome import QUANTITIES
from csmoifsa_ev.model.ramp import Ramp
from csmoifsa_ev.model.response import RECOVERIES
from csmoifsa_ev.model.tariff import Period, Windows
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study import study as study_module
from csmoifsa_ev.study.study import run_study
from ev.slow_fleet import slow_sums

HOURS = {
    2: {"day": ["7-23"], "night": ["23-7"]},
    3: {"peak": ["14-21"], "flat": ["7-14", "21-23"], "valley": ["23-7"]},
    4: {"evening": ["17-21"], "noon": ["12-17"], "day": ["7-12", "21-23"], "night": ["23-7"]},
    5: {"a": ["17-21"], "b": ["12-17"], "c": ["7-12"], "d": ["21-23"], "e": ["23-7"]},
}


def windows_of(n_periods):
    return Windows(periods=tuple(Period(name=name, windows=tuple(w)) for name, w in HOURS[n_periods].items()))


def scenario_of(case, n_periods, n_ev=4_000, recovery="uniform"):
    start = {name: 40.0 - 6.0 * k for k, name in enumerate(HOURS[n_periods])}
    terms = dataclasses.replace(case.prices, start=start, reference="flat")
    scenario = dataclasses.replace(case, tariff=windows_of(n_periods), prices=terms)
    return scenario.with_changes(n_ev=n_ev, recovery=recovery)


def random_tariffs(problem, n, seed=0):
    low, high = problem.price_bounds
    X = np.random.default_rng(seed).uniform(low, high, (n, problem.n_var))
    half = problem.n_var // 2
    for part in (slice(0, half), slice(half, None)):
        X[:, part] = -np.sort(-X[:, part], axis=1)
    return X


def busy_cars(fleet, n=40, first=0):
    """Cars that drive far and leave early, so that all limits bind for some of them."""
    return draw_sessions(dataclasses.replace(fleet, distance_log_mean=4.3, departure_mean_h=-3.0), first, n)


def largest_factor(flows, used, free):
    """Return the largest factor by which single cars can make flows: one linear program over all cars."""
    n, pairs = len(used), flow_pairs(used.shape[1])
    n_flows = len(pairs)
    give, take = (
        [[float(pair[side] == p) for pair in pairs] for p in range(used.shape[1])] for side in (0, 1)
    )  # fmt: skip
    own = np.array(give + take)
    cars = np.hstack([np.kron(np.eye(n), own), np.zeros((n * len(own), 1))])
    most = np.hstack([used, free]).ravel()
    sums = np.hstack([np.kron(np.ones((1, n)), np.eye(n_flows)), -np.asarray(flows)[:, None]])
    cost = np.append(np.zeros(n * n_flows), -1.0)
    found = linprog(cost, A_ub=cars, b_ub=most, A_eq=sums, b_eq=np.zeros(n_flows))
    assert found.status == 0
    return found.x[-1]


@pytest.mark.parametrize("n_periods", [2, 4, 5])
def test_sums_agree_with_a_slow_count(case, n_periods):
    fleet, windows = dataclasses.replace(case.fleet, n_ev=100), windows_of(n_periods)
    cars = draw_sessions(fleet, 0, 100)
    sums = sum_sessions(cars, fleet, windows, 24, 0.1)
    profile, _, used, _, movable, eligible = slow_sums(cars, windows, 24, fleet, 0.1)
    np.testing.assert_allclose(sums.profile_mw, profile, atol=1e-8)
    np.testing.assert_allclose(sums.energy_mwh, used.sum(axis=0) / 1e3, atol=1e-8)
    np.testing.assert_allclose(sums.movable_mwh, movable, atol=1e-8)
    np.testing.assert_allclose(sums.eligible, eligible.mean(axis=0), atol=1e-12)
    assert sums.eligible_any == pytest.approx(eligible.any(axis=1).mean())


@pytest.mark.parametrize("n_periods", [2, 3, 4])
def test_limited_flows_are_what_single_cars_can_do(case, n_periods):
    windows = windows_of(n_periods)
    cars = busy_cars(case.fleet)
    sums = sum_sessions(cars, case.fleet, windows, 24, 0.1)
    used, free = slow_sums(cars, windows, 24, case.fleet, 0.1)[2:4]
    possible = np.array([sums.movable_mwh[pair] > 0 for pair in flow_pairs(n_periods)])
    wanted = np.random.default_rng(n_periods).random((25, len(possible))) ** 2 * used.sum() / 1e3 * possible
    allowed = limit_flows(wanted, sums.flow_weights, sums.flow_limit_mwh)
    assert sums.excess(allowed).max() < 0.02
    while (tighter := sums.tightened(allowed)) is not sums:
        assert n_periods > 3  # with three periods and fewer the limits are exact
        sums, allowed = tighter, limit_flows(allowed, tighter.flow_weights, tighter.flow_limit_mwh)
    for one, cut in zip(wanted, allowed, strict=True):
        assert largest_factor(1e3 * cut, used, free) >= 1 - 1e-7  # never too much
        totals = sums.flow_weights @ one
        edge = (sums.flow_limit_mwh[totals > 0] / totals[totals > 0]).min()
        factor = largest_factor(1e3 * one, used, free)
        assert factor <= edge * (1 + 1e-7)  # no limit is too low
        assert edge <= 1.02 * factor
        if n_periods > 3:
            assert sums.excess(1.5 * factor * one[None]) == pytest.approx([0.5], rel=1e-6)


@pytest.mark.parametrize("n_periods", [3, 4])
def test_sums_of_many_periods_do_not_depend_on_chunks_and_threads(case, n_periods):
    fleet = dataclasses.replace(case.fleet, n_ev=3_000)
    one, other = (
        sum_fleet.__wrapped__(fleet, windows_of(n_periods), 24, 0.1, chunk, threads)
        for chunk, threads in ((3_000, 1), (701, 2))
    )
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(other, name))
    scaled = one.scaled(6_000)
    np.testing.assert_allclose(scaled.flow_limit_mwh, 2.0 * one.flow_limit_mwh)
    flows = np.full((1, len(flow_pairs(n_periods))), 0.2 * one.energy_mwh.sum())
    assert scaled.excess(2.0 * flows) == pytest.approx(one.excess(flows))


@pytest.mark.parametrize("recovery", RECOVERIES)
@pytest.mark.parametrize("n_periods", [2, 4, 5])
def test_compiled_and_plain_model_agree_and_keep_energy(case, n_periods, recovery):
    problem = EVPricing(build_day(scenario_of(case, n_periods, recovery=recovery)))
    assert problem.n_var == 2 * n_periods
    assert problem.n_ieq_constr == len(problem.constraint_names) == 2 * n_periods + 6
    X = random_tariffs(problem, 200)
    Q, G = problem.quantities(X)
    outcome = problem.outcome(X)
    np.testing.assert_allclose(Q, outcome.minimised(QUANTITIES), rtol=1e-8, atol=1e-5)
    np.testing.assert_allclose(G, outcome.constraints, rtol=1e-10, atol=1e-10)
    added = (outcome.load_mw - problem.day.before_mw).sum(axis=1) * problem.day.dt_h
    np.testing.assert_allclose(added, outcome.recharged_mwh - outcome.discharged_mwh, atol=1e-8)
    assert (outcome.discharged_mwh > 0).any()
    assert (outcome.charging_mw > -1e-9).all()
    assert problem.day.fleet.excess(outcome.flow_mwh[:40]).max() < 1e-3


def test_two_periods_by_hand(case):
    """One flow, so that load and bill can be written down."""
    problem = EVPricing(build_day(scenario_of(case, 2)))
    day = problem.day
    tariff = np.array([45.0, 15.0, 5.0, 5.0])
    ramp = day.response.peak_valley
    share = ramp.max_share * min(max((30.0 - ramp.dead_zone) / (ramp.saturation - ramp.dead_zone), 0.0), 1.0)
    moved = min(share * day.energy_mwh[0], day.fleet.flow_limit_mwh[0])
    found = problem.outcome(tariff)
    assert found.flow_mwh[0] == pytest.approx([moved])
    keeps = 1.0 - moved / day.energy_mwh[0]
    profile, inside = day.fleet.profile_mw, day.period == 0
    load = np.where(inside, profile * keeps, profile + moved / (8 * day.dt_h)) + day.base_mw  # eight hours of night
    np.testing.assert_allclose(found.load_mw[0], load)
    paid = 45.0 * (day.energy_mwh[0] - moved) + 15.0 * (day.energy_mwh[1] + moved)
    assert found.driver_bill_per_day[0] == pytest.approx(paid * day.prices.per_mwh)
    assert problem.constraint_names[0] == "charge_night <= charge_day"
    assert found.constraints[0, 0] == pytest.approx(-30.0 / day.reference_level)


def test_three_named_periods_are_peak_flat_and_valley_bit_for_bit(case):
    usual = EVPricing(build_day(case.with_changes(n_ev=4_000)))
    named = {"p": ["14-21"], "f": ["7-14", "21-23"], "v": ["23-7"]}
    start = dict(zip(named, case.prices.start.values(), strict=True))
    tariff = Windows(periods=tuple(Period(name=name, windows=tuple(w)) for name, w in named.items()))
    other = dataclasses.replace(case, tariff=tariff, prices=dataclasses.replace(case.prices, start=start))
    other = EVPricing(build_day(other.with_changes(n_ev=4_000)))
    X = random_tariffs(usual, 100)
    for one, two in zip(usual.quantities(X), other.quantities(X), strict=True):
        np.testing.assert_array_equal(one, two)
    assert other.constraint_names[0] == "charge_v <= charge_f"


def test_a_period_between_two_of_the_same_price_changes_nothing_for_bills(case):
    """Four periods with the flat one split, at three prices, pay what three periods pay for the same loads."""
    four = EVPricing(build_day(scenario_of(case, 4)))
    hours = HOURS[4]
    three = Windows(peak=tuple(hours["evening"]), flat=tuple(hours["noon"] + hours["day"]), valley=("23-7",))
    start = {"peak": 40.0, "flat": 30.0, "valley": 20.0}
    terms = dataclasses.replace(case.prices, start=start, reference="flat")
    day = build_day(dataclasses.replace(case, tariff=three, prices=terms).with_changes(n_ev=4_000))
    tariff = np.array([21.0, 20.0, 19.5, 5.0, 5.0, 5.0])  # within the dead zone: nobody moves
    bills = [
        EVPricing(day).outcome(tariff).driver_bill_per_day,
        four.outcome(np.insert(tariff, (1, 4), (20.0, 5.0))).driver_bill_per_day,
    ]
    assert bills[0] == pytest.approx(bills[1])


def test_ramps_of_single_flows(case):
    own = Ramp(dead_zone=1.0, saturation=9.0, max_share=0.7)
    response = dataclasses.replace(case.response, pairs={"noon to night": own})
    ramps = dict(response.by_flow(tuple(HOURS[4])))
    usual = case.response
    assert list(ramps) == [
        *("evening to night", "evening to day", "evening to noon", "noon to night", "noon to day", "day to night")
    ]
    assert list(ramps.values()) == [
        *(usual.peak_valley, usual.peak_flat, usual.peak_flat, own, usual.flat_valley, usual.flat_valley)
    ]
    assert response.ramps(tuple(HOURS[4]))[3].tolist() == [1.0, 9.0, 0.7]


# ------------------------------------------------------------------------------------------------- files


def urdb(path, prices, hours, weekend=None):
    """Write a URDB tariff whose days are ``hours``, numbers of ``prices``."""
    structure = [[{"rate": price, "unit": "kWh"}] for price in prices]
    days = {"energyweekdayschedule": [hours] * 12, "energyweekendschedule": [weekend or hours] * 12}
    path.write_text(json.dumps({"items": [{"name": "t", "energyratestructure": structure, **days}]}))
    return path


TWO = [0] * 16 + [1] * 5 + [0] * 3
FOUR = [0] * 6 + [1] * 3 + [2] * 7 + [3] * 5 + [2] * 3


@pytest.mark.parametrize(
    ("prices", "hours", "named"),
    [
        ((0.19, 0.51), TWO, {"peak": 0.51, "valley": 0.19}),
        ((0.08, 0.14, 0.22, 0.46), FOUR, {"peak": 0.46, "flat-1": 0.22, "flat-2": 0.14, "valley": 0.08}),
    ],
)
def test_a_tariff_file_of_other_periods(tmp_path, prices, hours, named):
    urdb(tmp_path / "t.json", prices, hours)
    (tmp_path / "my.toml").write_text('[tariff]\nfile = "t.json"\nday = 2014-06-05\n')
    scenario = load_scenario(tmp_path / "my.toml")
    assert scenario.prices.start == pytest.approx({name: 100 * price for name, price in named.items()})
    assert scenario.tariff.names == tuple(named)
    period = scenario.tariff.period_of_step(24)
    assert [prices[k] for k in hours] == [named[scenario.tariff.names[p]] for p in period]


def test_windows_of_ones_own_beside_a_file_with_one_price_or_others(tmp_path):
    own = (
        'day = 2014-06-05\nperiods = [{ name = "dear", windows = ["16-21"] }, { name = "rest", windows = ["21-16"] }]\n'
    )
    urdb(tmp_path / "one.json", (0.21,), [0] * 24)
    (tmp_path / "my.toml").write_text(f'[tariff]\nfile = "one.json"\n{own}')
    scenario = load_scenario(tmp_path / "my.toml")
    assert scenario.prices.start == {"dear": 21.0, "rest": 21.0}
    assert scenario.notes == ()

    urdb(tmp_path / "four.json", (0.08, 0.14, 0.22, 0.46), FOUR)
    (tmp_path / "my.toml").write_text(f'[tariff]\nfile = "four.json"\n{own}')
    scenario = load_scenario(tmp_path / "my.toml")
    assert scenario.prices.start == pytest.approx({"dear": 46.0, "rest": 100 * (6 * 0.08 + 3 * 0.14 + 10 * 0.22) / 19})
    assert "prices.start.rest: the tariff of the file has 0.08 to 0.22 per kWh" in scenario.notes[0]


def test_one_price_alone_and_too_many_are_refused(tmp_path):
    one = read_tariff(urdb(tmp_path / "one.json", (0.21,), [0] * 24), date(2014, 6, 5))
    with pytest.raises(InputError, match=r"has one price on that day \(0.21\); give the windows"):
        one.periods("one.json")
    many = read_tariff(
        urdb(tmp_path / "many.json", [0.1 * k for k in range(1, 9)], [k % 8 for k in range(24)]), date(2014, 6, 5)
    )
    with pytest.raises(InputError, match="has 8 prices on that day"):
        many.periods("many.json")


DAY_NIGHT = '[tariff]\nperiods = [{ name = "day", windows = ["7-23"] }, { name = "night", windows = ["23-7"] }]\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (DAY_NIGHT, "the key 'prices.start.day' is missing: the tariff has the periods day, night"),
        (f"{DAY_NIGHT}[prices.start]\nday = 3\nnigth = 2\n", "the key 'prices.start.night' is missing"),
        (f"{DAY_NIGHT}[prices.start]\nday = 3\nnight = 2\nnoon = 2\n", "the tariff has no period 'noon'"),
        (f"{DAY_NIGHT}[prices.start]\nday = 3\nnight = 5\n", "prices.start must fall from day to night, not 3.0, 5.0"),
        (DAY_NIGHT.replace("night", "day"), "the name 'day' is given twice"),
        (DAY_NIGHT.replace('"night"', '"n t"'), "the name 'n t' must consist of letters"),
        (DAY_NIGHT.replace("23-7", "22-7"), "the window '22-7' overlaps 'day' at 22:00"),
        (DAY_NIGHT.replace("23-7", "23-6"), "no period covers 06:00; the windows of day and night together"),
        (f'{DAY_NIGHT}peak = ["1-2"]\n', "give either periods or peak, flat and valley, not both"),
        ('[tariff]\nperiods = [{ name = "day", windows = ["0-24"] }]\n', "periods must be 2 to 6, not 1"),
        (
            f"{DAY_NIGHT}[prices.start]\nday = 3\nnight = 2\n"
            '[response.pairs."day to noon"]\ndead_zone = 1\nsaturation = 2\nmax_share = 0.5\n',
            "there is no flow 'day to noon'; flows are day to night",
        ),
    ],
)  # fmt: skip
def test_bad_periods_are_one_sentence(run_cli, tmp_path, text, told):
    (tmp_path / "bad.toml").write_text(text)
    done = run_cli("ev", "check", tmp_path / "bad.toml")
    assert done.code == 2
    assert told in " ".join(done.err.split())
    assert "1 fault(s)" in done.err


def test_a_study_of_two_periods_from_file_to_tables(run_cli, tmp_path):
    (tmp_path / "my.toml").write_text(
        f"{DAY_NIGHT}[prices.start]\nnight = 12\nday = 30\n[fleet]\nn_ev = 3000\n"
        '[response.pairs."day to night"]\ndead_zone = 2\nsaturation = 20\nmax_share = 0.5\n'
    )
    done = run_cli("ev", "price", tmp_path / "my.toml", "-n", 1000, "--round", 0.5, "--out", tmp_path / "o")
    assert done.code == 0
    with open(tmp_path / "o" / "tariff.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["price"] for row in rows] == ["charge_day", "charge_night", "discharge_day", "discharge_night"]
    assert [row["hours"] for row in rows] == ["7-23", "23-7"] * 2
    assert [row["start"] for row in rows] == ["30", "12", "", ""]
    document = json.loads((tmp_path / "o" / "tariff_urdb.json").read_text())
    back = read_tariff(tmp_path / "o" / "tariff_urdb.json", date(2014, 6, 5))
    assert "Periods: 0 day, 1 night." in document["description"]
    assert sorted(set(back.per_kwh)) == pytest.approx(sorted(float(row["rounded"]) / 100 for row in rows[:2]))
    assert {path.name for path in (tmp_path / "o" / "figures").iterdir()} >= {"fig1.png", "fig5.png"}
    assert (tmp_path / "o" / "report.html").stat().st_size > 100_000


def test_the_recommendation_of_four_periods_is_within_what_the_sessions_can_do(case):
    study = run_study(scenario_of(case, 4), n_eval=2_000)
    flows = study.choice_outcome.flow_mwh
    assert flows.max() > 0
    assert study.day.fleet.excess(flows).max() < 1e-6
    assert (np.diff(study.recommended[:4]) <= 1e-9).all()


def test_choices_that_exceed_the_sessions_are_searched_again_or_named(case, monkeypatch):
    monkeypatch.setattr(flow_region, "MOST_TRIALS", 36)  # limits of single flows only, and none of their sums
    strong = Ramp(dead_zone=0.0, saturation=5.0, max_share=0.95)
    pairs = {f"{a} to {b}": strong for a, b in combinations(HOURS[4], 2)}
    scenario = scenario_of(case, 4, n_ev=150)
    scenario = dataclasses.replace(scenario, response=dataclasses.replace(scenario.response, pairs=pairs))
    study = run_study(scenario, n_eval=1_000)
    assert study.beyond_sessions < 1e-6
    assert not any("more energy than the parked cars" in note for note in study.notes)
    monkeypatch.setattr(study_module, "TIGHTENINGS", 1)
    study = run_study(scenario, n_eval=1_000)
    cars = draw_sessions(study.scenario.fleet, 0, 150)
    used, free = slow_sums(cars, windows_of(4), 24, study.scenario.fleet, study.scenario.v2g.depth)[2:4]
    single = [largest_factor(1e3 * flows, used, free) for flows in study.choice_outcome.flow_mwh if flows.max() > 0]
    assert study.beyond_sessions == pytest.approx(1 / min(single) - 1, rel=1e-4)
    assert study.beyond_sessions > 0.01
    assert f"{study.beyond_sessions:.1%} more energy than the parked cars can shift" in study.notes[-1]
