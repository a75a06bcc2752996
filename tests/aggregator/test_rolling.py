"""Rolling dispatch: limits of rho, accounting, and what a control room has to live with."""

import json

import numpy as np
import pytest

from aggregator.games import AHEAD, cars, real
from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch import forecast
from csmoifsa_aggregator.dispatch.dispatch import DispatchPlan, RollingDispatcher
from csmoifsa_aggregator.model.battery import Dispatch
from csmoifsa_aggregator.model.costs import single_price
from csmoifsa_aggregator.solve.batteries import cheapest_dispatch
from csmoifsa_aggregator.study.rolling import Terms, roll_day


def plan(**changes):
    return DispatchPlan(cars=cars(**changes), day_ahead=AHEAD, past=np.zeros((0, 12)))


def one_rho(rolled):
    return 1 - sum(r.rolling_loss for r in rolled) / sum(r.plan_loss for r in rolled)


@pytest.mark.parametrize("seed", range(6))
def test_perfect_forecast_gives_one_and_no_update_gives_zero(seed):
    perfect = roll_day(cars(), AHEAD, real(seed), forecaster="perfect")
    assert perfect.rolling_loss == pytest.approx(0.0, abs=1e-7)
    asleep = roll_day(cars(), AHEAD, real(seed), forecaster="none", known="nothing")
    assert asleep.rolling_loss == pytest.approx(asleep.plan_loss, abs=1e-9)
    assert asleep.plan_loss > 1e-4
    assert one_rho([perfect]) == pytest.approx(1.0, abs=1e-4)
    assert one_rho([asleep]) == pytest.approx(0.0, abs=1e-6)


def test_both_accountings_give_the_same_rho():
    group, rt = cars(), real(3)
    rolled = roll_day(group, AHEAD, rt)
    plan, best = cheapest_dispatch(group, AHEAD), cheapest_dispatch(group, rt)
    wear = [float(group.wear @ one.discharged_kwh(group)) for one in (plan, best)]
    pure = [float(load @ rt) for load in (plan.net_kw, best.net_kw)]  # real-time prices for everything
    assert rolled.plan_loss == pytest.approx(pure[0] + wear[0] - pure[1] - wear[1], abs=1e-6)
    assert rolled.plan_cost == pytest.approx(float(plan.net_kw @ AHEAD) + wear[0], abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_physics_of_a_rolled_day(seed):
    group = cars()
    rolled = roll_day(group, AHEAD, real(seed, sd=0.06), known="current")
    assert rolled.unserved_kwh < 1e-6
    assert rolled.perfect_cost <= min(rolled.rolling_cost, rolled.plan_cost) + 1e-7
    v, t = group.places
    soe = rolled.soe_kwh[v, t]
    assert (soe <= group.capacity_kwh[v] + 1e-6).all()
    assert (soe >= group.floor_kwh[v] - 1e-6).all()
    assert (soe[group.last] >= group.departure_kwh - 1e-6).all()


@pytest.mark.parametrize("planned", ["cheapest", "late"])
def test_among_equal_prices_cars_charge_first_and_a_spike_meets_them_full(planned):
    """All expected prices are equal; in steps 6 to 8, and only there, a kWh costs 9 in real time."""
    group = cars()
    flat, spike = np.full(12, 0.05), np.full(12, 0.05)
    spike[6:9] = 9.0
    hours = np.array([17.0, 16.0]) / 0.95 / 7.0  # of full power that each class needs: 2.56 and 2.41
    late = np.zeros((2, 12))
    for v, end in enumerate((9, 12)):
        late[v, end - 3 : end] = 7.0 * group.count[v] * np.array([hours[v] - 2.0, 1.0, 1.0])
    terms = None
    if planned == "late":
        plan_late = Dispatch(charge_kw=late, discharge_kw=0 * late, soe_kwh=0 * late, cost=0.0)
        terms = Terms(single_price(flat, 1.0), flat, np.zeros(12), plan_late)
    day = roll_day(group, flat, spike, terms=terms)
    early = np.zeros((2, 12))
    for v, begin in enumerate((0, 3)):
        early[v, begin : begin + 3] = 7.0 * group.count[v] * np.array([1.0, 1.0, hours[v] - 2.0])
    # at step 7 the spike of step 6 is known, but without past days it is not expected to last
    assert day.rolling_kw == pytest.approx(early.sum(axis=0), abs=1e-5)
    position = late.sum(axis=0) if planned == "late" else early.sum(axis=0)
    assert day.rolling_cost == pytest.approx(position @ flat + (early.sum(axis=0) - position) @ spike, abs=1e-4)
    assert day.unserved_kwh == pytest.approx(0.0, abs=1e-6)
    if planned == "late":  # the plan itself draws class a's 53.7 kWh at 9 $
        assert day.plan_cost - day.rolling_cost == pytest.approx(3 * 17 / 0.95 * (9.0 - 0.05), rel=1e-6)


def test_persistent_deviations_are_worth_more_and_old_prices_nothing():
    days = [real(s, phi=0.9) for s in range(40)]
    past = np.array([real(100 + s, phi=0.9) - AHEAD for s in range(30)])

    def rho(known):
        return one_rho([roll_day(cars(), AHEAD, rt, past=past, forecaster="ar1", known=known) for rt in days])

    noise = [roll_day(cars(), AHEAD, real(s, phi=0.0), past=past * 0, known="last") for s in range(40)]
    assert rho("current") > rho("last") > rho("before-last") > 0.0
    assert abs(one_rho(noise)) < 0.15


# ---- the control room ----


def run(dispatcher, prices, upto=12, begin=0):
    return [dispatcher.step(k, float(prices[k])) for k in range(begin, upto)]


def test_a_crash_in_the_middle_of_the_day(tmp_path):
    prices = real(1)
    whole = RollingDispatcher(plan())
    expected = run(whole, prices)
    first = RollingDispatcher(plan())
    run(first, prices, 5)
    first.save(tmp_path / "state.json")
    del first
    second = RollingDispatcher.load(tmp_path / "state.json")
    assert second.step(4, 99.0) == expected[4]  # asked again, the same answer
    answers = run(second, prices, begin=5)
    for mine, other in zip(answers, expected[5:], strict=True):
        assert mine.charge_kw == pytest.approx(other.charge_kw, abs=1e-6)
        assert mine.discharge_kw == pytest.approx(other.discharge_kw, abs=1e-6)
    _, _, soe = second.powers()
    assert soe[0, 8] >= 32 - 1e-6
    assert soe[1, 11] >= 36 - 1e-6


def test_steps_lost_in_a_crash_are_made_up_for(tmp_path):
    prices = real(1)
    dispatcher = RollingDispatcher(plan())
    run(dispatcher, prices, 3)
    dispatcher.save(tmp_path / "state.json")
    again = RollingDispatcher.load(tmp_path / "state.json")
    answer = again.step(5, float(prices[5]))
    assert any("steps 3 to 4 were not asked for" in note for note in answer.notes)
    run(again, prices, begin=6)
    _, _, soe = again.powers()
    assert soe[0, 8] >= 32 - 1e-6
    assert soe[1, 11] >= 36 - 1e-6


def test_damaged_state(tmp_path):
    (tmp_path / "state.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match="not a dispatcher's state"):
        RollingDispatcher.load(tmp_path / "state.json")
    with pytest.raises(InputError, match="cannot read the state"):
        RollingDispatcher.load(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["known", "here", "until", "jump", "fixed", "position_kw"])
def test_a_state_cut_short_is_refused_by_its_file(tmp_path, name):
    path = tmp_path / "state.json"
    RollingDispatcher(plan()).save(path)
    state = json.loads(path.read_text())
    path.write_text(json.dumps(state | {name: state[name][:-1]}))
    with pytest.raises(InputError, match=r"state\.json is not a dispatcher's state, or damaged: .* shape"):
        RollingDispatcher.load(path)


def test_state_is_plain_json(tmp_path):
    dispatcher = RollingDispatcher(plan())
    dispatcher.step(0)
    dispatcher.save(tmp_path / "state.json")
    assert json.loads((tmp_path / "state.json").read_text())["last"] == 0


def test_missing_and_late_prices():
    dispatcher = RollingDispatcher(plan())
    answer = dispatcher.step(0, None)
    assert "no price for step 0: the forecast takes its place" in answer.notes
    dispatcher.step(1, {0: 0.4, 1: 0.5})
    with pytest.raises(InputError, match="cannot be known at step 2"):
        dispatcher.step(2, {5: 0.1})
    with pytest.raises(InputError, match="must be a number"):
        dispatcher.step(2, float("nan"))
    with pytest.raises(InputError, match="step 0 is over"):
        dispatcher.step(0, 0.1)
    with pytest.raises(InputError, match="now must be a step"):
        dispatcher.step(12, 0.1)


def test_a_car_that_never_came_gets_nothing():
    dispatcher = RollingDispatcher(plan())
    for k in range(12):
        answer = dispatcher.step(k, float(AHEAD[k]), arrivals=["a"] if k == 0 else [])
        assert answer.charge_kw.get("b", 0.0) == 0.0
        assert answer.discharge_kw.get("b", 0.0) == 0.0
        assert any("b has not come" in note for note in answer.notes) == (k >= 3)
    _, _, soe = dispatcher.powers()
    assert soe[0, 8] >= 32 - 1e-6


def test_a_late_car_with_less_in_its_battery_is_served_as_far_as_possible():
    dispatcher = RollingDispatcher(plan())
    for k in range(12):
        given = {0: {"a": None}, 8: {"b": 10.0}}.get(k, {})
        answer = dispatcher.step(k, float(AHEAD[k]), arrivals=given)
        if k == 8:  # 4 h at 7 kW and 0.95: 26.6 kWh reach 36.6
            assert not answer.unserved_kwh
    _, _, soe = dispatcher.powers()
    assert soe[1, 11] == pytest.approx(36.0, abs=1e-6)

    hopeless = RollingDispatcher(plan())
    for k in range(12):
        answer = hopeless.step(k, float(AHEAD[k]), arrivals={0: {"a": None}, 10: {"b": 10.0}}.get(k, {}))
        if k >= 10:
            assert answer.unserved_kwh["b"] == pytest.approx(36 - 10 - 2 * 7 * 0.95, abs=1e-6)
            assert answer.charge_kw["b"] == pytest.approx(14.0)
            assert any("b will lack" in note for note in answer.notes)


def test_early_departures_are_served_if_announced():
    dispatcher = RollingDispatcher(plan())
    for k in range(12):
        answer = dispatcher.step(k, float(AHEAD[k]), departures={"a": 6} if k == 2 else {})
        if k == 2:
            assert any("a leaves early, at step 6 instead of 9" in note for note in answer.notes)
        if k >= 6:
            assert answer.charge_kw.get("a", 0.0) == 0.0
    _, _, soe = dispatcher.powers()
    assert soe[0, 5] >= 32 - 1e-6  # promised at step 9, kept at step 6

    sudden = RollingDispatcher(plan())
    run(sudden, AHEAD, 1)
    answer = sudden.step(1, float(AHEAD[1]), departures=["a"])
    assert answer.charge_kw["a"] == 0.0
    assert answer.unserved_kwh["a"] == pytest.approx(32 - sudden.soe_kwh("a"), abs=1e-6)


def test_measured_contents_overrule_the_model():
    dispatcher = RollingDispatcher(plan())
    run(dispatcher, AHEAD, 4)
    dispatcher.step(4, float(AHEAD[4]), measured_kwh={"a": 12.0})
    run(dispatcher, AHEAD, begin=5)
    _, _, soe = dispatcher.powers()
    assert soe[0, 8] >= 32 - 1e-6
    with pytest.raises(InputError, match=r"no class 'c'"):
        RollingDispatcher(plan()).step(0, 0.1, measured_kwh={"c": 1.0})
    with pytest.raises(InputError, match="is not between 0 and the capacity"):
        RollingDispatcher(plan()).step(0, 0.1, measured_kwh={"a": 99.0})


def test_negative_prices_never_charge_and_discharge_at_once():
    prices = AHEAD.copy()
    prices[4:7] = -2.0
    dispatcher = RollingDispatcher(plan())
    for answer in run(dispatcher, prices):
        for name, kw in answer.charge_kw.items():
            assert min(kw, answer.discharge_kw[name]) < 1e-6


def test_a_forecaster_of_your_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def later(now, known, day_ahead, past):\n    return day_ahead + 0.01\n")
    group = cars()
    mine = roll_day(group, AHEAD, real(1), forecaster=f"{path}:later")
    assert mine.rolling_loss >= -1e-9
    later = forecast.find_forecaster(f"{path}:later")
    assert later is not None
    assert later(0, AHEAD, AHEAD, AHEAD)[0] == AHEAD[0] + 0.01
    path.write_text("def wrong(now, known, day_ahead, past):\n    return [1.0]\n")
    with pytest.raises(InputError, match="must return 12 prices"):
        roll_day(group, AHEAD, real(1), forecaster=f"{path}:wrong")
    with pytest.raises(InputError, match="no forecaster 'arima'"):
        forecast.find_forecaster("arima")


@pytest.mark.parametrize("form", ["planted.py:later", "subprocess:getoutput"])
def test_a_saved_state_that_names_code_is_refused_unless_trusted(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "planted.py").write_text(
        "open('marker', 'w').close()\n\n\ndef later(now, known, day_ahead, past):\n    return day_ahead\n"
    )
    dispatcher = RollingDispatcher(plan())
    run(dispatcher, AHEAD, 2)
    dispatcher.save("state.json")
    state = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps({**state, "forecaster": form}))
    with pytest.raises(InputError, match=r"^state\.json: the forecaster '.*' is code that would be run"):
        RollingDispatcher.load("state.json")
    assert not (tmp_path / "marker").exists()
    RollingDispatcher.load("state.json", forecast.none)
    assert not (tmp_path / "marker").exists()
    if form == "planted.py:later":
        RollingDispatcher.load("state.json", trust=True)
        assert (tmp_path / "marker").exists()


def test_phi_is_found():
    past = np.array([real(s, size=200, ahead=np.zeros(200), phi=0.7) for s in range(20)])
    assert forecast.fit_phi(past) == pytest.approx(0.7, abs=0.05)
    assert forecast.fit_phi(np.zeros((0, 24))) == 0.0
