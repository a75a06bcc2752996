"""Rolling dispatch: limits of rho, accounting, and what a control room has to live with."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from aggregator.games import SHARED, cars
from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch import forecast
from csmoifsa_aggregator.dispatch.dispatch import DispatchPlan, RollingDispatcher
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.market import MarketPrices, load_prices
from csmoifsa_aggregator.model.battery import Dispatch
from csmoifsa_aggregator.model.costs import single_price
from csmoifsa_aggregator.solve.batteries import cheapest_dispatch
from csmoifsa_aggregator.study.backtest import backtest, mean_accounts
from csmoifsa_aggregator.study.rolling import Terms, roll_day

AHEAD = 0.05 + 0.03 * np.sin(np.arange(12) / 2.0)


def real(seed, size=12, ahead=AHEAD, phi=0.8, sd=0.02):
    rng = np.random.default_rng(seed)
    deviation, path = 0.0, []
    for _ in range(size):
        deviation = phi * deviation + sd * rng.normal()
        path.append(deviation)
    return ahead + np.array(path)


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
    assert rho("current") > rho("last") > 0.0
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


# ---- many days ----


def series(seed, days=12):
    game = load_case("portfolio").game
    ahead = np.tile(game.day_ahead, days) * np.repeat(np.random.default_rng(seed).uniform(0.8, 1.2, days), 24)
    actual = real(seed, size=24 * days, ahead=ahead, sd=0.008)
    start, hour = datetime(2025, 6, 1), timedelta(hours=1)
    return MarketPrices(start, hour, ahead, "HERE"), MarketPrices(start, hour, actual, "HERE")


def test_backtest():
    ahead, actual = series(1)
    test = backtest(load_case("portfolio"), ahead, actual, training=4)
    assert test.days[0].day == date(2025, 6, 5)
    assert len(test.days) == 7  # of 12, four to learn from, and the last has no night after it
    assert all(one.status == "proven" for one in test.days)
    names = [one.name for one in mean_accounts(test.days)]
    assert names[:3] == ["uncontrolled charging", "flat price", "day-ahead price"]
    assert names[3:] == ["stage one", "with V2G", "with rolling", "perfect foresight"]
    profit = {one.name: one.profit for one in mean_accounts(test.days)}
    assert profit["perfect foresight"] >= max(profit["with V2G"], profit["with rolling"]) - 1e-9
    assert sum(one.rolled.unserved_kwh for one in test.days) < 1e-6
    perfect = backtest(load_case("portfolio"), ahead, actual, training=4, forecaster="perfect")
    assert perfect.rho == pytest.approx(1.0, abs=1e-5)
    asleep = backtest(load_case("portfolio"), ahead, actual, training=4, forecaster="none", known="nothing")
    assert asleep.rho == pytest.approx(0.0, abs=1e-6)


def test_backtest_without_contracts_moves_charging_only():
    ahead, actual = series(2, days=8)
    test = backtest(load_case("wei-2015"), ahead, actual, training=4)
    assert all((one.rolled.rolling_kw >= -1e-9).all() for one in test.days)


def test_backtest_bad_days():
    ahead, actual = series(1)
    case = load_case("portfolio")
    with pytest.raises(InputError, match="2025-07-01 is not covered"):
        backtest(case, ahead, actual, days=(date(2025, 7, 1), date(2025, 7, 2)))
    with pytest.raises(InputError, match="together hold 11 days"):
        backtest(case, ahead, actual, training=30)
    with pytest.raises(InputError, match="steps of 1:00:00, which cannot be cut into steps of 0:07:00"):
        backtest(case, ahead, actual, step=timedelta(minutes=7))
    with pytest.raises(InputError, match="on the clock of Europe/Paris, real-time prices on that of UTC"):
        backtest(case, replace(ahead, time_zone="Europe/Paris"), replace(actual, time_zone="UTC"))
    holed = ahead.per_kwh.copy()
    holed[30] = np.nan
    gap = replace(ahead, per_kwh=holed, left_out={date(2025, 6, 2): "no price at six"})
    with pytest.raises(InputError, match=r"2025-06-02 is not covered by both price files.*; no price at six"):
        backtest(case, gap, actual, days=(date(2025, 6, 2), date(2025, 6, 3)))


def quarters(prices, source=None):
    """Return prices of four times as many steps, the same within the hour or, from a source, about the same mean."""
    around = 0.0 if source is None else source.normal(0, 0.01, (len(prices.per_kwh), 4))
    around = around - np.mean(around, axis=1, keepdims=True) if source is not None else around
    values = (prices.per_kwh[:, None] + np.zeros(4) + around).ravel()
    return replace(prices, step=timedelta(minutes=15), per_kwh=values)


def test_prices_on_another_step():
    ahead, _ = series(1, days=2)
    fine = quarters(ahead, np.random.default_rng(0))
    np.testing.assert_allclose(fine.at_step(timedelta(hours=1)).per_kwh, ahead.per_kwh)
    held = ahead.at_step(timedelta(minutes=15)).per_kwh
    np.testing.assert_array_equal(held.reshape(-1, 4), np.repeat(ahead.per_kwh[:, None], 4, axis=1))
    late = replace(fine, start=fine.start + timedelta(minutes=30), per_kwh=fine.per_kwh[2:])
    hourly = late.at_step(timedelta(hours=1))
    assert hourly.start == ahead.start + timedelta(hours=1)
    np.testing.assert_allclose(hourly.per_kwh, ahead.per_kwh[1:])
    with pytest.raises(InputError, match="cannot be brought to 0:25:00"):
        ahead.at_step(timedelta(minutes=25))


def test_quarters_that_say_nothing_new_change_no_money():
    """A case on shorter steps is the same case: equal prices within each hour earn what hourly ones do."""
    case, (ahead, actual) = load_case("portfolio"), series(1, days=7)
    options = {"training": 4, "forecaster": "perfect", "margin": 0.0}
    hourly, fine = backtest(case, ahead, actual, **options), backtest(case, ahead, quarters(actual), **options)
    assert fine.dt_h == 0.25
    assert [one.day for one in fine.days] == [one.day for one in hourly.days]
    for one, other in zip(hourly.days, fine.days, strict=True):
        np.testing.assert_allclose(other.rolled.perfect_cost, one.rolled.perfect_cost, rtol=1e-6)
        np.testing.assert_allclose(other.rolled.plan_cost, one.rolled.plan_cost, rtol=1e-6)
        for account, finer in zip(one.accounts, other.accounts, strict=True):
            np.testing.assert_allclose(finer.profit, account.profit, rtol=1e-6, err_msg=account.name)
            np.testing.assert_allclose(finer.driver_cost, account.driver_cost, rtol=1e-6, err_msg=account.name)


def test_hourly_day_ahead_with_quarters_in_real_time_gains_within_the_hour():
    case, (ahead, actual) = load_case("portfolio"), series(1, days=7)
    fine = quarters(actual, np.random.default_rng(3))
    quarter = backtest(case, ahead, fine, training=4, forecaster="perfect")
    hour = backtest(case, ahead, fine, training=4, forecaster="perfect", step=timedelta(hours=1))
    assert quarter.dt_h == 0.25
    assert hour.dt_h == 1.0
    for one, other in zip(quarter.days, hour.days, strict=True):
        assert one.rolled.perfect_cost < other.rolled.perfect_cost - 1.0


# ---- price files ----


def write_csv(path, rows, header="timestamp,price"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_generic_csv(tmp_path):
    rows = [f"2025-01-01 {h:02d}:00,{10 + h}" for h in range(24)]
    prices = load_prices(write_csv(tmp_path / "p.csv", rows))
    assert prices.per_kwh[:2].tolist() == [0.010, 0.011]
    assert prices.days == [date(2025, 1, 1)]
    assert load_prices(tmp_path / "p.csv", per_mwh=False).per_kwh[0] == 10


def test_pjm_export(tmp_path):
    header = "datetime_beginning_utc,datetime_beginning_ept,pnode_id,pnode_name,total_lmp_da"
    rows = [
        f"5/{1 + (h + 4) // 24}/2025 {(h + 4) % 12 or 12}:00:00 {'AM' if (h + 4) % 24 < 12 else 'PM'},"
        f"5/1/2025 {h % 12 or 12}:00:00 {'AM' if h < 12 else 'PM'},{i},{hub},{h + i}"
        for h in range(24)
        for i, hub in enumerate(["A HUB", "B HUB"])
    ]
    path = write_csv(tmp_path / "da.csv", rows, header)
    prices = load_prices(path, node="b hub")
    assert prices.node == "B HUB"
    np.testing.assert_allclose(prices.per_kwh, (np.arange(24) + 1) / 1000)
    with pytest.raises(InputError, match="holds 2 of pnode_name: A HUB, B HUB; choose one"):
        load_prices(path)
    with pytest.raises(InputError, match="Did you mean 'A HUB'"):
        load_prices(path, node="A HUBB")


@pytest.mark.parametrize(
    ("drop", "rows", "words"),
    [
        (5, [], "the step that begins 2025-01-01 05:00 is missing"),
        (None, ["2025-01-01 03:00,9"], "the step that begins 2025-01-01 03:00 appears twice"),
        (None, ["2025-01-02 00:00,n/a"], "line 26, column 'price': 'n/a' is not a number"),
        (None, ["yesterday,1"], "line 26, column 'timestamp': 'yesterday' is not a time stamp"),
    ],
)
def test_faults_in_price_files(tmp_path, drop, rows, words):
    lines = [f"2025-01-01 {h:02d}:00,{10 + h}" for h in range(24) if h != drop] + rows
    with pytest.raises(InputError, match=words):
        load_prices(write_csv(tmp_path / "p.csv", lines))
    with pytest.raises(InputError, match="cannot read"):
        load_prices(tmp_path / "none.csv")


@pytest.mark.long
def test_real_prices_of_western_hub():
    folder = SHARED / "prices"
    files = [folder / f"{kind}_hrl_lmps_hubs_20250501_20250801.csv" for kind in ("da", "rt")]
    if not all(path.exists() for path in files):
        pytest.skip(f"{folder} is not here")
    ahead, actual = (load_prices(path, node="WESTERN HUB") for path in files)
    test = backtest(load_case("portfolio"), ahead, actual, forecaster="ar1", known="current")
    assert len(test.days) == 71
    assert 0.1 < test.low < test.rho < test.high < 0.7
    late = backtest(load_case("portfolio"), ahead, actual)  # what an operator knows
    assert late.low < 0 < late.rho < 0.1
    assert sum(one.rolled.unserved_kwh for one in test.days) < 1e-3
