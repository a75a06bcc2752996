"""What a control room reports, step by step: measured_kwh measured, cars that leave, bad words that change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.games import cars
from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch.dispatch import DispatchPlan, RollingDispatcher

AHEAD = 0.05 + 0.03 * np.sin(np.arange(12) / 2.0)
ETA = 0.95


def dispatcher(**changes):
    return RollingDispatcher(DispatchPlan(cars=cars(**changes), day_ahead=AHEAD, past=np.zeros((0, 12))))


def gained(answer, name, count):
    """Return what a step adds to each battery of a class [kWh]."""
    return (ETA * answer.charge_kw[name] - answer.discharge_kw[name] / ETA) / count


@pytest.mark.parametrize("arrivals", [None, {"a": None}, {"a": 11.0}])
def test_a_content_measured_in_the_step_of_arrival_counts(arrivals):
    room = dispatcher()
    answer = room.step(0, 0.05, arrivals=arrivals, measured_kwh={"a": 12.5})
    assert room.soe_kwh("a") == pytest.approx(12.5 + gained(answer, "a", 3))
    for k in range(1, 9):
        answer = room.step(k, float(AHEAD[k]))
    assert room.powers()[2][0, 8] == pytest.approx(room.soe_kwh("a"))
    assert room.soe_kwh("a") >= 32 - 1e-6  # what is promised is reached from what was measured


def test_a_content_measured_in_the_step_of_a_late_arrival_counts():
    room = dispatcher()
    for k in range(5):
        room.step(k, float(AHEAD[k]), arrivals={0: ["a"]}.get(k, []))
    answer = room.step(5, float(AHEAD[5]), arrivals={"b": 18.0}, measured_kwh={"b": 16.5})
    assert room.soe_kwh("b") == pytest.approx(16.5 + gained(answer, "b", 2))


def test_contents_measured_again_replace_what_was_measured_before():
    room = dispatcher()
    room.step(0, float(AHEAD[0]))
    for k, kwh in ((1, 13.0), (2, 21.0), (3, 19.0)):
        answer = room.step(k, float(AHEAD[k]), measured_kwh={"a": kwh})
        assert room.soe_kwh("a") == pytest.approx(kwh + gained(answer, "a", 3))
    # asked again, the step is as it was, whatever is measured now
    assert room.step(3, 99.0, measured_kwh={"a": 5.0}) == answer
    assert room.soe_kwh("a") == pytest.approx(19.0 + gained(answer, "a", 3))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"measured_kwh": {"a": 12.0, "x": 1.0}}, "no class 'x'"),
        ({"measured_kwh": {"a": 12.0, "b": 99.0}}, "not between 0 and the capacity"),
        ({"measured_kwh": {"a": 12.0}, "departures": {"b": 7, "x": 1}}, "no class 'x'"),
        ({"measured_kwh": {"a": 12.0}, "arrivals": ["b", "x"]}, "no class 'x'"),
        ({"arrivals": {"b": 99.0}}, "not between 0 and the capacity"),
        ({"price": {3: 0.09, 2: 0.4, 5: 0.1}}, "cannot be known at step 3"),
        ({"departures": ["a"], "measured_kwh": {"a": -1.0}}, "not between 0 and the capacity"),
    ],
)
def test_a_step_that_is_refused_changes_nothing(wrong, words):
    """Corrected and asked again it answers as a dispatcher that never heard the wrong words, measured contents too."""
    right = {"price": float(AHEAD[3]), "measured_kwh": {"a": 12.0}, "arrivals": {"b": 17.0}}
    rooms = dispatcher(), dispatcher()
    for room in rooms:
        for k in range(3):
            room.step(k, float(AHEAD[k]))
    with pytest.raises(InputError, match=words):
        rooms[0].step(3, **{"price": float(AHEAD[3]), "arrivals": {"b": 17.0}, **wrong})
    answers = [room.step(3, **right) for room in rooms]
    assert answers[0] == answers[1]
    for k in range(4, 12):
        one, two = (room.step(k, float(AHEAD[k])) for room in rooms)
        assert one == two


def test_a_forecast_that_is_refused_changes_nothing():
    good = [True]

    def forecast(now, known, day_ahead, past):
        return day_ahead + 0.01 if good[0] else [1.0]

    plan = DispatchPlan(cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12)))
    rooms = RollingDispatcher(plan, forecast), RollingDispatcher(plan, forecast)
    for room in rooms:
        room.step(0, 0.05)
    good[0] = False
    with pytest.raises(InputError, match="must return 12 prices"):
        rooms[0].step(1, 0.05, measured_kwh={"a": 12.0})
    good[0] = True
    assert rooms[0].step(1, 0.06, measured_kwh={"a": 14.0}) == rooms[1].step(1, 0.06, measured_kwh={"a": 14.0})


def test_what_a_car_lacks_is_said_in_every_step_after_it_left_at_once():
    room = dispatcher()
    room.step(0, float(AHEAD[0]))
    answer = room.step(1, float(AHEAD[1]), departures=["a"])
    lack = 32 - room.soe_kwh("a")
    assert lack > 10
    for k in range(2, 13):
        assert answer.unserved_kwh == {"a": pytest.approx(lack, abs=1e-6)}
        assert f"a will lack {lack:.3g} kWh a vehicle at departure" in answer.notes
        answer = room.step(k, float(AHEAD[k])) if k < 12 else answer


def test_what_a_car_lacks_that_leaves_at_an_announced_step():
    """It is said from the announcement to the step in which it is gone; it charges all it can until then."""
    room = dispatcher(arrival_kwh=[6.0, 20.0])
    room.step(0, float(AHEAD[0]))
    lack = 32 - room.soe_kwh("a") - 2 * 7 * ETA
    assert lack > 5
    for k in range(1, 12):
        answer = room.step(k, float(AHEAD[k]), departures={"a": 3} if k == 1 else ())
        assert ("a" in answer.unserved_kwh) == (k <= 3)
        if k <= 3:
            assert answer.unserved_kwh["a"] == pytest.approx(lack, abs=1e-6)
        if "a" in answer.charge_kw:
            assert answer.charge_kw["a"] == pytest.approx(21.0 if k < 3 else 0.0)
    assert room.soe_kwh("a") == pytest.approx(32 - lack)


# ---- plans and words that are refused ----


@pytest.mark.parametrize(
    ("day_ahead", "start", "words"),
    [
        (AHEAD[:11], [0, 3], "day_ahead has 11 prices, but the classes have 12 steps"),
        (np.where(np.arange(12) == 4, np.nan, AHEAD), [0, 3], "the day-ahead price of step 4 is not a number"),
        (AHEAD, [0, 4], "b stays beyond the end of the horizon"),
    ],
)
def test_bad_plans_are_named(day_ahead, start, words):
    with pytest.raises(InputError, match=words):
        DispatchPlan(cars=cars(start=start), day_ahead=day_ahead, past=np.zeros((0, 12)))


def test_a_perfect_forecast_is_refused_in_real_time():
    with pytest.raises(InputError, match="no perfect forecast exists in real time"):
        RollingDispatcher(DispatchPlan(cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12)), forecaster="perfect"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"now": True}, "now must be a step from 0 to 11, not True"),
        ({"now": 2.0}, r"now must be a step from 0 to 11, not 2\.0"),
        ({"now": -1}, "now must be a step"),
        ({"now": 12}, "now must be a step"),
        ({"now": 0, "price": True}, "the price of step 0 must be a number, not True"),
        ({"now": 0, "price": "0.1"}, "the price of step 0 must be a number, not '0.1'"),
        ({"now": 0, "price": float("inf")}, "the price of step 0 must be a number"),
        ({"now": 0, "price": {-1: 0.1}}, "a price for step -1 cannot be known at step 0"),
        (
            {"now": 0, "measured_kwh": {"a": True}},
            "a: .* of True kWh is not between 0 and the capacity, 40 kWh",
        ),
        ({"now": 0, "measured_kwh": {"a": float("nan")}}, "a: a state of energy of nan kWh"),
        ({"now": 0, "measured_kwh": {"a": -0.1}}, "a: a state of energy of -0.1 kWh"),
        ({"now": 0, "measured_kwh": {"a": 40.1}}, "a: a state of energy of 40.1 kWh"),
    ],
)
def test_bad_words_are_named(words, message):
    with pytest.raises(InputError, match=message):
        dispatcher().step(**words)


def test_the_ends_of_every_range_are_taken():
    room = dispatcher()
    assert not room.step(np.int64(0), np.float64(0.05), measured_kwh={"a": 0.0}).notes
    assert dispatcher().step(0, 1, measured_kwh={"a": 40.0}).now == 0
    assert dispatcher().step(0, {0: 0.05}).notes == ()
    assert dispatcher().step(11, 0.05).now == 11


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"now": 1}], "step 0 was not asked for; chargers are taken to have stood still then"),
        ([{"now": 0}, {"now": 4}], "steps 1 to 3 were not asked for; chargers are taken to have stood still then"),
        ([{"now": 0}, {"now": 1, "arrivals": ["a"]}], "a was here already; its arrival is ignored"),
        (
            [{"now": 0, "departures": ["a"]}, {"now": 1, "arrivals": ["a"]}],
            "a was here already; its arrival is ignored",
        ),
        (
            [{"now": 0, "arrivals": ["a", "b"]}],
            "b came at step 0, outside its stay; it is not served before or after that",
        ),
        (
            [{"now": 0, "departures": {"a": 10}}],
            "a stays longer than planned, to step 10; the planned departure is kept",
        ),
        ([{"now": 0, "departures": {"b": 11}}], "b leaves early, at step 11 instead of 12"),
    ],
)
def test_what_is_unusual_is_said(steps, words):
    room = dispatcher()
    for one in steps:
        answer = room.step(**{"price": 0.05, **one})
    assert words in answer.notes


def test_what_is_usual_is_not_said():
    room = dispatcher()
    for k in range(12):
        leaving = {9: {"a": 9}}.get(k, ())
        arrivals = {0: ["a"], 3: ["b"]}.get(k, [])
        assert room.step(k, float(AHEAD[k]), arrivals=arrivals, departures=leaving).notes == ()


def test_a_skipped_step_moves_nothing_and_those_who_should_have_come_are_there():
    room = dispatcher()
    room.step(0, float(AHEAD[0]))
    before = room.soe_kwh("a")
    answer = room.step(5, float(AHEAD[5]), arrivals=[])
    assert room.soe_kwh("a") == pytest.approx(before + gained(answer, "a", 3))
    assert room.soe_kwh("b") == pytest.approx(20.0 + gained(answer, "b", 2))
    assert not any("has not come" in note for note in answer.notes)
    np.testing.assert_array_equal(room.net_kw[1:5], 0.0)


def test_full_batteries_do_not_burn_energy_where_prices_are_negative():
    """Charging and discharging at once would take energy that is paid for, although nothing more fits in."""
    prices = np.where(np.arange(12) < 3, -2.0, AHEAD)
    room = dispatcher(arrival_kwh=[40.0, 40.0])
    for k in range(12):
        answer = room.step(k, float(prices[k]))
        for name, kw in answer.charge_kw.items():
            assert min(kw, answer.discharge_kw[name]) < 1e-6


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_the_net_load_is_what_was_answered(dt):
    room = dispatcher(dt_h=dt)
    answers = [room.step(k, float(AHEAD[k])) for k in range(12)]
    net = [sum(a.charge_kw.values()) - sum(a.discharge_kw.values()) for a in answers]
    np.testing.assert_allclose(room.net_kw, net, atol=1e-9)
    charge, discharge, soe = room.powers()
    np.testing.assert_allclose(
        [np.nansum(charge[:, k] * [3, 2] - discharge[:, k] * [3, 2]) for k in range(12)], net, atol=1e-9
    )
    assert np.isnan(charge[0, 9:]).all()
    assert np.isnan(discharge[1, :3]).all()
    for v, (name, first, last) in enumerate((("a", 0, 8), ("b", 3, 11))):
        steps = np.arange(first, last + 1)
        kwh = [15.0, 20.0][v] + dt * np.cumsum(ETA * charge[v, steps] - discharge[v, steps] / ETA)
        np.testing.assert_allclose(soe[v, steps], kwh, atol=1e-6)
        assert room.soe_kwh(name) == pytest.approx(kwh[-1])


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_a_battery_below_its_floor_is_charged_up_to_it_at_once(dt):
    """Later hours are cheaper, and energy given now would earn most: only the floor asks for charging now."""
    falling = np.linspace(0.9, 0.01, 12)
    plan = DispatchPlan(
        cars=cars(floor_kwh=10.0, departure_kwh=10.0, dt_h=dt), day_ahead=falling, past=np.zeros((0, 12))
    )
    room = RollingDispatcher(plan)
    full = 7 * ETA * dt
    for k in range(6):
        room.step(k, float(falling[k]), arrivals={0: {"a": 1.0}, 3: {"b": 2.0}}.get(k, []))
        assert room.soe_kwh("a") == pytest.approx(min(10.0, 1.0 + (k + 1) * full))
        if k >= 3:
            assert room.soe_kwh("b") == pytest.approx(min(10.0, 2.0 + (k - 2) * full))


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_a_battery_that_gave_and_is_found_below_its_floor_is_charged_up_to_it(dt):
    falling = np.linspace(0.9, 0.01, 12)
    group = cars(floor_kwh=10.0, departure_kwh=10.0, dt_h=dt, arrival_kwh=[30.0, 20.0])
    plan = DispatchPlan(cars=group, day_ahead=falling, past=np.zeros((0, 12)))
    room = RollingDispatcher(plan)
    assert room.step(0, 0.9).discharge_kw["a"] == pytest.approx(21.0)
    room.step(1, float(falling[1]), measured_kwh={"a": 2.0})
    assert room.soe_kwh("a") == pytest.approx(2.0 + 7 * ETA * dt)
    room.step(2, float(falling[2]))
    assert room.soe_kwh("a") == pytest.approx(min(10.0, 2.0 + 2 * 7 * ETA * dt))


# ---- plans of others, limits, states ----


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_a_plan_made_elsewhere_is_where_the_day_begins(dt):
    group = cars(dt_h=dt)
    powers = np.zeros((2, 2, 12))
    powers[0, 0, 1:5], powers[1, 0, 0], powers[0, 1, 4:9], powers[1, 1, 3] = 21.0, 6.0, 14.0, 4.0
    plan = DispatchPlan(cars=group, day_ahead=AHEAD, past=np.zeros((0, 12)), planned_kw=powers)
    room = RollingDispatcher(plan)
    charge, discharge, soe = room.powers()
    for v, steps in ((0, range(9)), (1, range(3, 12))):
        kwh = group.arrival_kwh[v]
        for t in steps:
            assert charge[v, t] == powers[0, v, t] / group.count[v]
            assert discharge[v, t] == powers[1, v, t] / group.count[v]
            kwh += dt * (ETA * charge[v, t] - discharge[v, t] / ETA)
            assert soe[v, t] == pytest.approx(kwh)
    np.testing.assert_allclose(room.position_kw, powers[0].sum(axis=0) - powers[1].sum(axis=0))


def test_the_arrival_of_a_car_that_is_here_changes_nothing():
    rooms = dispatcher(), dispatcher()
    for room in rooms:
        room.step(0, float(AHEAD[0]))
    one = rooms[0].step(1, float(AHEAD[1]), arrivals={"a": 5.0})
    two = rooms[1].step(1, float(AHEAD[1]), arrivals=[])
    assert one.charge_kw == two.charge_kw
    assert rooms[0].soe_kwh("a") == rooms[1].soe_kwh("a")


def test_who_should_come_just_now_has_not_come_in_the_steps_before():
    room = dispatcher()
    room.step(0, float(AHEAD[0]))
    assert "b has not come; it gets no power until it does" in room.step(3, float(AHEAD[3]), arrivals=[]).notes


def test_a_forecaster_cannot_write_what_is_known():
    def forgetful(now, known, day_ahead, past):
        known[now] = 0.0
        return day_ahead

    room = RollingDispatcher(DispatchPlan(cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12))), forgetful)
    with pytest.raises(ValueError, match="read-only"):
        room.step(0, 0.05)


def test_an_import_limit_that_other_drivers_exceed_is_said():
    plain = np.where(np.arange(12) == 1, 30.0, 0.0)
    plan = DispatchPlan(
        cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12)), other_load_kw=plain, import_limit_kw=np.full(12, 25.0)
    )
    room = RollingDispatcher(plan)
    for k in range(12):
        answer = room.step(k, float(AHEAD[k]))
        net = sum(answer.charge_kw.values()) - sum(answer.discharge_kw.values())
        assert net + plain[k] <= 25.0 + 1e-6  # the batteries give what the others take beyond it
        assert answer.notes == ()
    plan = DispatchPlan(
        cars=cars(discharge_kw=0.0),
        day_ahead=AHEAD,
        past=np.zeros((0, 12)),
        other_load_kw=plain,
        import_limit_kw=plan.import_limit_kw,
    )
    room = RollingDispatcher(plan)
    notes = [room.step(k, float(AHEAD[k])).notes for k in range(12)]
    assert notes == [("the import limit of step 1 is exceeded by 5 kW",) if k == 1 else () for k in range(12)]


@pytest.mark.parametrize("level", [1e-3, 1.0, 1e4])
def test_promises_are_kept_whatever_money_is_worth(level):
    room = RollingDispatcher(DispatchPlan(cars=cars(), day_ahead=level * AHEAD, past=np.zeros((0, 12))))
    for k in range(12):
        assert room.step(k, float(level * AHEAD[k])).unserved_kwh == {}
    assert room.powers()[2][0, 8] >= 32 - 1e-6


def test_a_state_keeps_that_nothing_can_be_sold(tmp_path):
    nothing = np.full(12, np.nan)
    plan = DispatchPlan(cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12)), sale_ratio=nothing)
    room = RollingDispatcher(plan)
    room.step(0, 0.05)
    room.save(tmp_path / "state.json")
    again = RollingDispatcher.load(tmp_path / "state.json")
    np.testing.assert_array_equal(again.position_kw, room.position_kw)
    for k in range(1, 12):
        one, two = (each.step(k, 0.3 if k == 5 else 0.05) for each in (room, again))
        assert sum(one.charge_kw.values()) - sum(one.discharge_kw.values()) >= -1e-6
        assert two.charge_kw == pytest.approx(one.charge_kw, abs=1e-6)
        assert two.discharge_kw == pytest.approx(one.discharge_kw, abs=1e-6)


def test_a_state_that_names_code_is_not_run(tmp_path):
    (tmp_path / "mine.py").write_text("def later(now, known, day_ahead, past):\n    return day_ahead\n")
    plan = DispatchPlan(
        cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12)), forecaster=f"{tmp_path / 'mine.py'}:later"
    )
    RollingDispatcher(plan).save(tmp_path / "state.json")
    with pytest.raises(InputError, match="trust"):
        RollingDispatcher.load(tmp_path / "state.json")
    assert RollingDispatcher.load(tmp_path / "state.json", trust=True).step(0, 0.05).now == 0


def test_steps_without_any_car_need_not_be_asked_for():
    room = dispatcher(start=[5, 6], length=[7, 6])
    assert room.step(0, float(AHEAD[0])).notes == ()
    assert room.step(5, float(AHEAD[5])).notes == ()


def test_a_car_that_did_not_come_in_time_is_waited_for_until_its_stay_would_end():
    room = dispatcher()
    for k in range(12):
        answer = room.step(k, float(AHEAD[k]), arrivals=[] if k == 0 else None)
        assert any("a has not come" in note for note in answer.notes) == (k < 9)
        assert answer.charge_kw.get("a", 0.0) == 0.0
        assert not any("b has not come" in note for note in answer.notes)  # it comes as planned


def test_a_dispatcher_goes_on_with_the_plan_that_it_saved(tmp_path):
    room = dispatcher()
    for k, price in enumerate((0.2, 0.01, 0.15)):
        room.step(k, price, measured_kwh={"a": 12.0} if k == 2 else None)
    room.save(tmp_path / "state.json")
    again = RollingDispatcher.load(tmp_path / "state.json")
    np.testing.assert_allclose(again.net_kw, room.net_kw, atol=1e-6)
    np.testing.assert_allclose(again.powers()[2], room.powers()[2], atol=1e-6)
