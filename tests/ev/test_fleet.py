"""The fleet: the same cars in chunks of any size, and sums that agree with a slow count, car by car."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from csmoifsa.errors import InputError
from csmoifsa_ev.model.fleet import Sessions, draw_sessions
from csmoifsa_ev.model.fleet_sums import FLOW_LIMITS, PeriodClock, _flow_limits, sum_fleet, sum_sessions
from csmoifsa_ev.model.tariff import Windows
from ev.slow_fleet import slow_sums

PEAK, FLAT, VALLEY = range(3)

WINDOWS = Windows(peak=("14-21",), flat=("7-14", "21-23"), valley=("23-7",))


@pytest.fixture
def fleet(case):
    return dataclasses.replace(case.fleet, n_ev=3_000)


# ------------------------------------------------------------------------------------------------- the cars


def test_cars_do_not_depend_on_chunks(fleet):
    whole = draw_sessions(fleet, 0, fleet.n_ev)
    for chunk in (1, 999, 2_999):
        firsts = range(0, fleet.n_ev, chunk)[:40]
        parts = [draw_sessions(fleet, first, min(chunk, fleet.n_ev - first)) for first in firsts]
        drawn = sum(len(part) for part in parts)
        for column in dataclasses.fields(Sessions):
            joined = np.concatenate([getattr(part, column.name) for part in parts])
            np.testing.assert_array_equal(joined, getattr(whole, column.name)[:drawn])


@pytest.mark.parametrize("trips", [1, 3])
def test_sums_do_not_depend_on_chunks_or_threads(fleet, trips):
    fleet = dataclasses.replace(fleet, trips_per_day=trips)
    one = sum_fleet(fleet, WINDOWS, 24, 0.1, chunk=3_000, threads=1)
    for chunk, threads in ((7, 1), (1_000, 2), (100, 5)):
        other = sum_fleet(fleet, WINDOWS, 24, 0.1, chunk=chunk, threads=threads)
        for name, value in vars(one).items():
            np.testing.assert_array_equal(getattr(other, name), value)  # bit for bit


def test_seed_decides_and_kinds_follow_their_shares(fleet):
    big, small = fleet.vehicles[0], dataclasses.replace(fleet.vehicles[1], battery_kwh=20.0)
    mixed = dataclasses.replace(fleet, vehicles=(big, small))
    share = (draw_sessions(mixed, 0, 3_000).battery_kwh == 20.0).mean()
    assert share == pytest.approx(0.43, abs=0.03)
    again = draw_sessions(dataclasses.replace(mixed, seed=1), 0, 3_000)
    assert (again.arrival_h != draw_sessions(mixed, 0, 3_000).arrival_h).any()


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9))
def test_every_car_keeps_the_rules(case, seed, first):
    fleet = dataclasses.replace(case.fleet, seed=seed)
    cars = draw_sessions(fleet, first, 50)
    stay = cars.departure_h - cars.arrival_h
    assert ((cars.arrival_h >= 0) & (cars.arrival_h < 24)).all()
    assert ((stay >= cars.charge_h) & (stay <= 24) & (cars.charge_h >= 0)).all()
    # capacity is never exceeded and never less than the reserve (eqs. 17-19)
    assert ((cars.soc_arrival >= fleet.soc_min - 1e-12) & (cars.soc_arrival <= fleet.soc_max)).all()
    filled = cars.soc_arrival + cars.charge_h * cars.charge_kw * fleet.charge_efficiency / cars.battery_kwh
    assert (filled <= fleet.soc_max + 1e-6).all()


def test_state_of_charge_as_the_paper_prints_it(fleet):
    cars = draw_sessions(dataclasses.replace(fleet, soc_on_arrival="normal"), 0, 3_000)
    assert cars.soc_arrival.mean() == pytest.approx(0.4, abs=0.01)
    assert cars.soc_arrival.std() == pytest.approx(0.1, abs=0.01)


def test_bad_parameters_are_named(fleet):
    for name, value in (("n_ev", 0), ("soc_min", 0.99), ("charge_efficiency", 0.0), ("seed", -1), ("vehicles", ())):
        with pytest.raises(InputError, match=name):
            dataclasses.replace(fleet, **{name: value})


# -------------------------------------------------------------------------------------- the sums, by slow count


@pytest.mark.parametrize("n_steps", [24, 96])
def test_sums_agree_with_a_slow_count(fleet, n_steps):
    cars = draw_sessions(fleet, 0, 250)
    sums = sum_sessions(cars, fleet, WINDOWS, n_steps, 0.1)
    profile, connected, used, _, movable, eligible = slow_sums(cars, WINDOWS, n_steps, fleet, 0.1)
    np.testing.assert_allclose(sums.profile_mw, profile, atol=1e-8)
    np.testing.assert_allclose(sums.connected_mw, connected, atol=1e-8)
    np.testing.assert_allclose(sums.energy_mwh, used.sum(axis=0) / 1e3, atol=1e-8)
    np.testing.assert_allclose(sums.movable_mwh, movable, atol=1e-8)
    np.testing.assert_allclose(sums.eligible, eligible.mean(axis=0), atol=1e-12)
    assert sums.eligible_any == pytest.approx(eligible.any(axis=1).mean())
    assert sums.mean_parking_h == pytest.approx((cars.departure_h - cars.arrival_h).mean())
    assert (sums.shiftable <= 1).all()
    assert 0 < sums.eligible[PEAK] < 1  # the test has something to count


@pytest.mark.slow
@pytest.mark.parametrize("trips", [1, 2])
def test_ten_thousand_cars_agree_with_the_slow_count_and_keep_every_rule(fleet, trips):
    """Constraints (17)-(26), one session at a time."""
    fleet = dataclasses.replace(fleet, n_ev=10_000, trips_per_day=trips)
    cars = draw_sessions(fleet, 0, fleet.n_ev)
    sums = sum_fleet(fleet, WINDOWS, 24, 0.1)
    profile, connected, used, _, movable, eligible = slow_sums(cars, WINDOWS, 24, fleet, 0.1)
    np.testing.assert_allclose(sums.profile_mw, profile, atol=1e-6)
    np.testing.assert_allclose(sums.connected_mw, connected, atol=1e-6)
    np.testing.assert_allclose(sums.energy_mwh, used.sum(axis=0) / 1e3, atol=1e-6)
    np.testing.assert_allclose(sums.movable_mwh, movable, atol=1e-6)
    of_car = eligible.reshape(10_000, trips, 3).any(axis=1)
    np.testing.assert_allclose(sums.eligible, of_car.mean(axis=0), atol=1e-12)
    soc_after = cars.soc_arrival + cars.charge_h * cars.charge_kw * fleet.charge_efficiency / cars.battery_kwh
    assert cars.soc_arrival.min() >= fleet.soc_min - 1e-6
    assert soc_after.max() <= fleet.soc_max + 1e-6
    assert (cars.charge_h <= cars.departure_h - cars.arrival_h).all()
    gives = 0.1 * cars.battery_kwh
    left = cars.soc_arrival * cars.battery_kwh - gives - cars.next_trip_kwh
    acts = eligible.any(axis=1).astype(bool)
    assert (left[acts] >= fleet.soc_min * cars.battery_kwh[acts] - 1e-9).all()
    both = gives * fleet.discharge_efficiency / cars.discharge_kw + gives / fleet.charge_efficiency / cars.charge_kw
    assert (both[acts] <= (cars.departure_h - cars.arrival_h)[acts] + 1e-9).all()


def test_flow_limits_are_what_the_cars_can_do_together(fleet):
    """Each limit is a linear program over the cars; and flows within all limits can be delivered by them."""
    cars = draw_sessions(dataclasses.replace(fleet, distance_log_mean=4.3, departure_mean_h=-3.0), 0, 30)
    sums = sum_sessions(cars, fleet, WINDOWS, 24, 0.1)
    used, free = slow_sums(cars, WINDOWS, 24, fleet, 0.1)[2:4]
    n = len(cars)
    flows_of = np.kron(np.ones((1, n)), np.eye(3))  # sums the cars' flows: peak-valley, peak-flat, flat-valley
    own = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0]])
    bounds = np.stack([used[:, PEAK], used[:, FLAT], free[:, VALLEY], free[:, FLAT]], axis=1).ravel() / 1e3
    each = np.kron(np.eye(n), own)
    for weights, limit in zip(FLOW_LIMITS[3], sums.flow_limit_mwh, strict=True):
        best = linprog(-(weights @ flows_of), A_ub=each, b_ub=bounds)
        assert limit == pytest.approx(-best.fun, abs=1e-7)
    random = np.random.default_rng(0)
    for _ in range(40):
        flows = random.uniform(0, 1, 3) ** 2
        flows *= np.min(sums.flow_limit_mwh / (FLOW_LIMITS[3] @ flows)) * (1 - 1e-7)  # on the edge of what is allowed
        assert linprog(np.zeros(3 * n), A_ub=each, b_ub=bounds, A_eq=flows_of, b_eq=flows).status == 0


def test_every_term_of_every_flow_limit_decides_for_some_car():
    """Cars of small whole numbers, one at a time: each limit is its linear program, bound by each of its terms once."""
    cars = np.random.default_rng(3).integers(0, 9, (25, 4)).astype(float)
    own = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0]])
    binding = set()
    for peak, flat, to_valley, to_flat in cars:
        used, free = np.array([[peak], [flat], [0.0]]), np.array([[0.0], [to_flat], [to_valley]])
        limits = _flow_limits(used, free)
        for weights, limit in zip(FLOW_LIMITS[3], limits, strict=True):
            best = linprog(-weights, A_ub=own, b_ub=[peak, flat, to_valley, to_flat])
            assert limit == pytest.approx(-best.fun, abs=1e-7)
        terms = (
            (peak, to_valley),
            (peak, to_flat),
            (flat, to_valley),
            (peak, to_flat + to_valley),
            (to_valley, peak + flat),
            (peak + flat, peak + to_valley, to_flat + to_valley),
            (2 * peak + flat, peak + to_valley, to_flat + 2 * to_valley),
        )
        for k, values in enumerate(terms):
            least = np.argsort(values)
            if values[least[0]] < values[least[1]]:
                binding.add((k, int(least[0])))
    assert binding == {(k, j) for k, n in enumerate((2, 2, 2, 2, 2, 3, 3)) for j in range(n)}


def test_a_car_by_hand():
    """Home 18-6 h, 2 h of charging at 5 kW; on the 24 h clock: peak to 21, flat to 23, valley from 23."""
    one = {"car": [0], "arrival_h": [18.0], "departure_h": [30.0], "charge_h": [2.0], "soc_arrival": [0.8]}
    rest = {"next_trip_kwh": [8.0], "battery_kwh": [40.0], "charge_kw": [5.0], "discharge_kw": [5.0]}
    cars = Sessions(**{name: np.array(value) for name, value in {**one, **rest}.items()})
    sums = sum_sessions(cars, _plain_fleet(), WINDOWS, 24, 0.1)
    assert sums.profile_mw.nonzero()[0].tolist() == [18, 19]
    assert sums.energy_mwh.tolist() == pytest.approx([0.010, 0, 0])
    assert sums.movable_mwh[PEAK].tolist() == pytest.approx([0, 0.010, 0.010])  # 2 h x 5 kW free flat, 7 h free valley
    assert sums.eligible.tolist() == [1, 1, 0]
    assert sums.flow_limit_mwh[3] == pytest.approx(0.010)  # peak energy can leave once


def _plain_fleet():
    from csmoifsa_ev.inputs.scenario import load_scenario

    return load_scenario().fleet


def test_a_car_with_two_sessions_counts_once(fleet):
    cars = draw_sessions(fleet, 0, 100)
    twice = Sessions(**{name: np.repeat(value, 2) for name, value in vars(cars).items()})
    one, two = (sum_sessions(c, fleet, WINDOWS, 24, 0.1) for c in (cars, twice))
    assert two.n_ev == one.n_ev == 100
    assert two.n_sessions == 200
    np.testing.assert_array_equal(two.eligible, one.eligible)
    np.testing.assert_allclose(two.profile_mw, 2 * one.profile_mw)


def test_clock_inverts_itself():
    clock = PeriodClock(WINDOWS.period_of_step(24))
    assert clock.hours_until(np.array([0.0, 7.0, 15.5, 24.0])).T.tolist() == [
        [0, 0, 0],
        [0, 0, 7],
        [1.5, 7, 7],
        [7, 9, 8],
    ]
    for p in range(3):
        hours = np.linspace(0.01, 20, 50)
        assert clock.hours_until(clock.instant_when(p, hours))[p] == pytest.approx(hours)


# ---------------------------------------------------------------------------------------- several trips a day


def test_several_trips_charge_what_was_driven(fleet):
    one, three = (draw_sessions(dataclasses.replace(fleet, trips_per_day=m), 0, 3_000) for m in (1, 3))
    assert len(three) == 3 * len(one)
    assert (three.car == np.repeat(one.car, 3)).all()
    charged, once = (table.charge_h * table.charge_kw for table in (three, one))
    assert charged.reshape(-1, 3).sum(axis=1) == pytest.approx(once, rel=1e-3, abs=1e-3)
    assert (three.departure_h >= three.arrival_h).all()
    assert (three.charge_h <= three.departure_h - three.arrival_h).all()
    assert three.soc_arrival.min() >= fleet.soc_min - 1e-9
    home = slice(2, None, 3)
    np.testing.assert_array_equal(three.arrival_h[home], one.arrival_h)
    stops = three.departure_h - three.arrival_h
    assert stops.reshape(-1, 3).sum(axis=1).max() <= 24 + 1e-5  # never at two places at once
    # charging at work takes load from the evening and makes it movable in the day
    sums = [sum_fleet(dataclasses.replace(fleet, trips_per_day=m), WINDOWS, 24, 0.1) for m in (1, 3)]
    assert sums[1].profile_mw[8:13].sum() > sums[0].profile_mw[8:13].sum()
    assert sums[1].profile_mw.sum() == pytest.approx(sums[0].profile_mw.sum(), rel=1e-3)


def test_a_scaled_fleet_is_the_same_fleet_only_larger(fleet):
    one = sum_fleet(fleet, WINDOWS, 24, 0.1)
    twice = one.scaled(2 * one.n_ev)
    assert twice.profile_mw == pytest.approx(2 * one.profile_mw)
    assert twice.shiftable == pytest.approx(one.shiftable)
    assert twice.n_ev == 2 * one.n_ev
    np.testing.assert_array_equal(twice.eligible, one.eligible)
