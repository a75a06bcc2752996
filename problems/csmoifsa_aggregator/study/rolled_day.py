"""One day of a backtest: price, plan and rolling dispatch, with calls and cars drawn by the day, on one account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.study.attendance import draw_attendance
from csmoifsa_aggregator.study.baselines import DayAccount, baselines, contracts, other_load, stages
from csmoifsa_aggregator.study.calls import draw_signal, ticks_of
from csmoifsa_aggregator.study.carry import Events, Stays
from csmoifsa_aggregator.study.grid import GridRow, grid_rows
from csmoifsa_aggregator.study.rolling import RollingResult, Terms, roll_day
from csmoifsa_aggregator.study.stage_one import StageOne, price_case

ROLLING, PERFECT = "with rolling", "perfect foresight"

PLAN_LIMIT = 10.0
"""Time after which the best plan with reserve of a day is taken [s]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RolledDay:
    """One day of a backtest.

    Attributes
    ----------
    day : date
        Date at which the day begins.
    rolled : RollingResult
        Dispatch as planned, with rolling, and with perfect foresight.
    accounts : list of DayAccount
        Accounts of every way to run the day, for the table of baselines.
    first : StageOne
        Price of the day, and the case of the customers who stay at it.
    grid : list of GridRow
        Figures of the load of base and cars of every way to run the day.
    """

    day: date
    rolled: RollingResult
    accounts: list[DayAccount]
    first: StageOne
    grid: list[GridRow]


@dataclass(frozen=True, eq=False)
class DayPrices:
    """Prices of a day beside its day-ahead prices [currency/kWh].

    Attributes
    ----------
    real_time : (T,) array
        Real-time prices.
    past : (d, T) array
        Deviations real-time minus day-ahead of earlier days.
    imbalance : (2, T) array, optional
        Prices of energy short and long, as in `carry.Events`.
    expected : (2, T) array, optional
        How far these are expected above and below the real-time price: the means of the earlier days.
    """

    real_time: np.ndarray
    past: np.ndarray
    imbalance: np.ndarray | None = None
    expected: np.ndarray | None = None


@dataclass(frozen=True)
class Rules:
    """Forecaster, prices known, and whether to keep steps, as in `roll_day`; strict margin as in `backtest`."""

    forecaster: str
    known: str
    margin: float | None
    steps: bool = False


def run_rolled_day(everybody: Case, day: date, prices: DayPrices, rules: Rules) -> RolledDay:
    """Price and plan a day of a case at its day-ahead prices, and roll it with the customers who stay at that price.

    Raises
    ------
    InputError
        The day cannot be priced or planned; the message begins with it.
    """
    first = _price(everybody, day, rules.margin)
    case, solution = first.case, first.solution
    game, cars = case.game, case.cars
    assert cars is not None
    try:
        alone = contracts(case, solution)
        second = contracts(case, solution, reserve=True, time_limit=PLAN_LIMIT) if alone and case.reserve else alone
    except InputError as error:
        raise InputError(f"{day}: {error}") from None
    # without contracts the owners respond to the price of stage one
    plan = solution.response.cars if second is None else second.v2g
    assert plan is not None
    reserve = () if second is None else second.reserve
    per, rng = ticks_of(game.dt_h), np.random.default_rng([1, day.toordinal()])
    signals = [draw_signal(one.product, per * game.n_steps, game.dt_h / per, 1, rng)[0] for one in reserve]
    plans = [alone, second] if reserve else [second]
    accounts = [*baselines(everybody), *stages(everybody, solution, plans, case)]
    last, stays, own = accounts[-1], None, plan
    if case.attendance is not None:
        drawn = draw_attendance(cars, case.attendance, np.random.default_rng([case.attendance.seed, day.toordinal()]))
        stays = Stays(drawn.arrival, drawn.departure, last.per_car[-cars.n_classes :][drawn.parent])
        cars, own = drawn.cars, drawn.plan(plan)
    events = Events(prices.real_time, np.array(signals) if signals else None, stays, prices.imbalance)
    rolled = roll_day(
        cars,
        game.day_ahead,
        prices.real_time,
        past=prices.past,
        forecaster=rules.forecaster,
        known=rules.known,
        terms=Terms(game, None if second is None else case.v2g_sell, other_load(case, solution), own, reserve),
        events=events,
        imbalance=prices.expected,
        steps=rules.steps,
    )
    costs = (rolled.plan_cost, rolled.rolling_cost, rolled.perfect_cost)
    loads = (rolled.position_kw, rolled.rolling_kw, rolled.perfect_kw)
    ways = list(zip((last.name, ROLLING, PERFECT), costs, loads, rolled.refunds, strict=True))
    if reserve or stays is not None:  # as carried out, in place of the account expected
        accounts.pop()
    else:
        ways.pop(0)
    absent = rolled.carried[1].absent
    accounts += [
        replace(
            last,
            name=name,
            load_kw=last.load_kw - plan.net_kw + load,
            profit=last.profit + rolled.planned_cost - cost,
            driver_cost=last.driver_cost - refund,
            cars=last.cars - absent,
        )
        for name, cost, load, refund in ways
    ]
    grid = grid_rows(accounts, game.base_kw, game.dt_h)
    return RolledDay(day=day, rolled=rolled, accounts=accounts, first=first, grid=grid)


def _price(case: Case, day: date, margin: float | None) -> StageOne:
    """Return the price of a day; without margin where the bounds leave no room for it, or it breaks a limit."""
    try:
        return price_case(case, margin=margin)
    except InputError:
        try:
            return price_case(case, margin=0.0)
        except InputError as error:
            raise InputError(f"{day}: {error}") from None
