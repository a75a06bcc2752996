"""What a control room reports, step by step: contents measured, cars that leave, bad words that change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.games import cars
from csmoifsa.errors import InputError
from csmoifsa_ev.aggregator.dispatch import Plan, RollingDispatcher

AHEAD = 0.05 + 0.03 * np.sin(np.arange(12) / 2.0)
ETA = 0.95


def dispatcher(**changes):
    return RollingDispatcher(Plan(cars=cars(**changes), day_ahead=AHEAD, past=np.zeros((0, 12))))


def gained(answer, name, count):
    """Return what a step adds to each battery of a class [kWh]."""
    return (ETA * answer.charge_kw[name] - answer.discharge_kw[name] / ETA) / count


@pytest.mark.parametrize("arrivals", [None, {"a": None}, {"a": 11.0}])
def test_a_content_measured_in_the_step_of_arrival_counts(arrivals):
    room = dispatcher()
    answer = room.step(0, 0.05, arrivals=arrivals, contents={"a": 12.5})
    assert room.content_kwh("a") == pytest.approx(12.5 + gained(answer, "a", 3))
    for k in range(1, 9):
        answer = room.step(k, float(AHEAD[k]))
    assert room.powers()[2][0, 8] == pytest.approx(room.content_kwh("a"))
    assert room.content_kwh("a") >= 32 - 1e-6  # what is promised is reached from what was measured


def test_a_content_measured_in_the_step_of_a_late_arrival_counts():
    room = dispatcher()
    for k in range(5):
        room.step(k, float(AHEAD[k]), arrivals={0: ["a"]}.get(k, []))
    answer = room.step(5, float(AHEAD[5]), arrivals={"b": 18.0}, contents={"b": 16.5})
    assert room.content_kwh("b") == pytest.approx(16.5 + gained(answer, "b", 2))


def test_contents_measured_again_replace_what_was_measured_before():
    room = dispatcher()
    room.step(0, float(AHEAD[0]))
    for k, kwh in ((1, 13.0), (2, 21.0), (3, 19.0)):
        answer = room.step(k, float(AHEAD[k]), contents={"a": kwh})
        assert room.content_kwh("a") == pytest.approx(kwh + gained(answer, "a", 3))
    # asked again, the step is as it was, whatever is measured now
    assert room.step(3, 99.0, contents={"a": 5.0}) == answer
    assert room.content_kwh("a") == pytest.approx(19.0 + gained(answer, "a", 3))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"contents": {"a": 12.0, "x": 1.0}}, "no class 'x'"),
        ({"contents": {"a": 12.0, "b": 99.0}}, "not between 0 and its capacity"),
        ({"contents": {"a": 12.0}, "departures": {"b": 7, "x": 1}}, "no class 'x'"),
        ({"contents": {"a": 12.0}, "arrivals": ["b", "x"]}, "no class 'x'"),
        ({"arrivals": {"b": 99.0}}, "not between 0 and its capacity"),
        ({"price": {3: 0.09, 2: 0.4, 5: 0.1}}, "cannot be known at step 3"),
        ({"departures": ["a"], "contents": {"a": -1.0}}, "not between 0 and its capacity"),
    ],
)
def test_a_step_that_is_refused_changes_nothing(wrong, words):
    """Corrected and asked again it answers as a dispatcher that never heard the wrong words, measured contents too."""
    right = {"price": float(AHEAD[3]), "contents": {"a": 12.0}, "arrivals": {"b": 17.0}}
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

    plan = Plan(cars=cars(), day_ahead=AHEAD, past=np.zeros((0, 12)))
    rooms = RollingDispatcher(plan, forecast), RollingDispatcher(plan, forecast)
    for room in rooms:
        room.step(0, 0.05)
    good[0] = False
    with pytest.raises(InputError, match="must return 12 prices"):
        rooms[0].step(1, 0.05, contents={"a": 12.0})
    good[0] = True
    assert rooms[0].step(1, 0.06, contents={"a": 14.0}) == rooms[1].step(1, 0.06, contents={"a": 14.0})


def test_what_a_car_lacks_is_said_in_every_step_after_it_left_at_once():
    room = dispatcher()
    room.step(0, float(AHEAD[0]))
    answer = room.step(1, float(AHEAD[1]), departures=["a"])
    lack = 32 - room.content_kwh("a")
    assert lack > 10
    for k in range(2, 13):
        assert answer.short_kwh == {"a": pytest.approx(lack, abs=1e-6)}
        assert f"a will lack {lack:.3g} kWh a vehicle at departure" in answer.notes
        answer = room.step(k, float(AHEAD[k])) if k < 12 else answer


def test_what_a_car_lacks_that_leaves_at_an_announced_step():
    """It is said from the announcement to the step in which it is gone; it charges all it can until then."""
    room = dispatcher(arrival_kwh=[6.0, 20.0])
    room.step(0, float(AHEAD[0]))
    lack = 32 - room.content_kwh("a") - 2 * 7 * ETA
    assert lack > 5
    for k in range(1, 12):
        answer = room.step(k, float(AHEAD[k]), departures={"a": 3} if k == 1 else ())
        assert ("a" in answer.short_kwh) == (k <= 3)
        if k <= 3:
            assert answer.short_kwh["a"] == pytest.approx(lack, abs=1e-6)
        if "a" in answer.charge_kw:
            assert answer.charge_kw["a"] == pytest.approx(21.0 if k < 3 else 0.0)
    assert room.content_kwh("a") == pytest.approx(32 - lack)
