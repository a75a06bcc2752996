"""Rolling dispatch day after day on real prices: what it saves of the loss from uncertain prices, and how sure that is.

The loss of a policy x on a day is ``L_x = profit(perfect foresight) - profit(x)``; bills, stays and promises are the
same for all. The plan made at day-ahead prices loses L_plan, rolling loses L_rolling, and
``rho = 1 - sum L_rolling / sum L_plan`` over the days is the loss reduction. Deviations from the day-ahead position
settle at the real-time price; the position itself adds the same to all policies, so paying real-time prices for
everything gives the same rho (reconstruction; the thesis reports "nearly 33 %" without data).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.aggregator import forecast as forecasts
from csmoifsa_ev.aggregator.baselines import Outcome, baselines, stages
from csmoifsa_ev.aggregator.battery import Batteries, Dispatch, cheapest_dispatch, longest_stay
from csmoifsa_ev.aggregator.case import Case
from csmoifsa_ev.aggregator.contracts import stage_two
from csmoifsa_ev.aggregator.dispatch import Plan, RollingDispatcher
from csmoifsa_ev.aggregator.market import Prices
from csmoifsa_ev.aggregator.stackelberg import MARGIN, solve_game
from csmoifsa_ev.aggregator.steps import refine

KNOWN = ("current", "last", "nothing")
"""What is known of real-time prices at a decision: up to this step's, up to the last one's, or nothing."""

ROLLING, PERFECT = "+ rolling", "perfect foresight"


def settle(
    position_kw: np.ndarray, actual_kw: np.ndarray, day_ahead: np.ndarray, real_time: np.ndarray, dt_h: float
) -> float:
    """Return what energy costs in two settlements: the position ahead, deviations in real time [currency]."""
    return float(position_kw @ day_ahead + (actual_kw - position_kw) @ real_time) * dt_h


@dataclass(frozen=True, kw_only=True, eq=False)
class Rolled:
    """One day carried out three ways; costs in two settlements, wear included [currency].

    Attributes
    ----------
    position_kw, rolling_kw, perfect_kw : (T,) array
        Net load: planned at day-ahead prices, rolled, and with perfect foresight [kW].
    plan_cost, rolling_cost, perfect_cost : float
        What they cost.
    content_kwh : (V, T) array
        Contents of the rolled day, per vehicle; not a number where unplugged.
    short_kwh : float
        Energy promised and not delivered, all vehicles.
    """

    position_kw: np.ndarray
    rolling_kw: np.ndarray
    perfect_kw: np.ndarray
    plan_cost: float
    rolling_cost: float
    perfect_cost: float
    content_kwh: np.ndarray
    short_kwh: float

    @property
    def plan_loss(self) -> float:
        """L_plan."""
        return self.plan_cost - self.perfect_cost

    @property
    def rolling_loss(self) -> float:
        """L_rolling."""
        return self.rolling_cost - self.perfect_cost


def roll_day(
    cars: Batteries,
    day_ahead: np.ndarray,
    real_time: np.ndarray,
    *,
    past: np.ndarray | None = None,
    forecaster: str | forecasts.Forecaster = "ar1",
    known: str = "current",
) -> Rolled:
    """Carry out one day step by step.

    Parameters
    ----------
    cars : Batteries
        The classes.
    day_ahead, real_time : (T,) array
        Prices [currency/kWh].
    past : (d, T) array, optional
        Deviations of earlier days.
    forecaster : str or callable
        See `forecast`; also ``"perfect"``.
    known : "current", "last" or "nothing"
        Which real-time prices a decision may use.
    """
    if known not in KNOWN:
        raise InputError(f"known must be one of {', '.join(KNOWN)}, not {known!r}")
    past = np.zeros((0, len(day_ahead))) if past is None else past
    if forecaster == "perfect":
        forecaster = _clairvoyant(real_time)
    told = forecaster if isinstance(forecaster, str) else None
    plan = Plan(cars=cars, day_ahead=day_ahead, past=past, forecaster=told or "none")
    dispatcher = RollingDispatcher(plan, None if isinstance(forecaster, str) else forecaster)
    position, planned = dispatcher.position_kw, dispatcher.powers()
    for now in range(cars.n_steps):
        upto = {"current": now, "last": now - 1, "nothing": -1}[known]
        dispatcher.step(now, {upto: float(real_time[upto])} if upto >= 0 else None)
    rolled = dispatcher.powers()
    best = cheapest_dispatch(cars, real_time)
    return _rolled(cars, day_ahead, real_time, position, planned, rolled, best)


def _clairvoyant(real_time: np.ndarray) -> forecasts.Forecaster:
    return lambda now, known, day_ahead, past: real_time


def _rolled(
    cars: Batteries,
    day_ahead: np.ndarray,
    real_time: np.ndarray,
    position: np.ndarray,
    planned: tuple[np.ndarray, ...],
    rolled: tuple[np.ndarray, ...],
    best: Dispatch,
) -> Rolled:
    def wear(discharge: np.ndarray) -> float:
        return float(cars.wear @ (np.nan_to_num(discharge).sum(axis=1) * cars.count)) * cars.dt_h

    def net(charge: np.ndarray, discharge: np.ndarray) -> np.ndarray:
        return cars.count @ np.nan_to_num(charge - discharge)

    actual = net(rolled[0], rolled[1])
    v = np.arange(cars.n_classes)
    final = rolled[2][v, cars.start + cars.length - 1]
    return Rolled(
        position_kw=position,
        rolling_kw=actual,
        perfect_kw=best.net_kw,
        plan_cost=settle(position, position, day_ahead, real_time, cars.dt_h) + wear(planned[1]),
        rolling_cost=settle(position, actual, day_ahead, real_time, cars.dt_h) + wear(rolled[1]),
        perfect_cost=settle(position, best.net_kw, day_ahead, real_time, cars.dt_h)
        + wear(best.discharge_kw / cars.count[:, None]),
        content_kwh=rolled[2],
        short_kwh=float(cars.count @ np.maximum(cars.departure_kwh - final, 0.0)),
    )


# ---- many days ----


@dataclass(frozen=True, kw_only=True, eq=False)
class Day:
    """One day of a backtest: its dispatch, and every way to run it, for the table of baselines."""

    day: date
    rolled: Rolled
    outcomes: list[Outcome]
    status: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Backtest:
    """All days at one node.

    Attributes
    ----------
    node : str
        Where.
    days : list of Day
        In order of time.
    rho, low, high : float
        Loss reduction, and its 95 % bootstrap interval over days; not a number where no plan loses anything.
    phi : float
        Autocorrelation of the deviations over all days, for the report.
    begin : int
        Step of the clock day at which a day begins.
    learnt : int
        Days before the first that the forecaster could learn from.
    dt_h : float
        Length of a step [h].
    """

    node: str
    days: list[Day]
    rho: float
    low: float
    high: float
    phi: float
    begin: int
    learnt: int
    dt_h: float


def backtest(
    case: Case,
    day_ahead: Prices,
    real_time: Prices,
    *,
    days: tuple[date, date] | None = None,
    forecaster: str = "ar1",
    known: str = "current",
    training: int = 20,
    margin: float | None = None,
    step: timedelta | None = None,
    progress: Callable[[int], None] | None = None,
) -> Backtest:
    """Run a case over real days: price, plan and rolling dispatch of each.

    Parameters
    ----------
    case : Case
        Its V2G classes are dispatched; without any, all classes are, charging only.
    day_ahead, real_time : Prices
        At one node.
    days : (date, date), optional
        First and last day; all that have ``training`` days before them where left out.
    forecaster, known : str
        See `roll_day`.
    training : int
        The least number of earlier days to fit the forecaster on.
    margin : float, optional
        Strict margin of stage one [currency/kWh]; 0.2 % of the mean price where left out.
    step : timedelta, optional
        Length of a step of the dispatch; the shortest of the case's and the prices' where left out.
    progress : callable, optional
        Called with the number of days done.
    """
    if forecaster != "perfect":
        forecasts.find_forecaster(forecaster)
    case, day_ahead, real_time = on_one_step(case, day_ahead, real_time, step)
    case = dispatchable(case)
    game, begin = case.game, case.best_begin
    length = timedelta(hours=game.dt_h)
    chosen = _days(day_ahead, real_time, begin * length, days, training)
    offsets = [datetime.combine(day, datetime.min.time()) + begin * length for day in chosen]
    ahead = np.array([day_ahead.window(when, game.n_steps) for when in offsets])
    actual = np.array([real_time.window(when, game.n_steps) for when in offsets])
    first = 0 if days is None else next(k for k, day in enumerate(chosen) if day >= days[0])
    first = max(first, training) if days is None else first
    results = []
    for k in range(first, len(chosen)):
        one = case.at_prices(ahead[k], begin)
        results.append(_run_day(one, chosen[k], actual[k], (actual - ahead)[:k], forecaster, known, margin))
        if progress is not None:
            progress(len(results))
    plan = np.array([one.rolled.plan_loss for one in results])
    rolled = np.array([one.rolled.rolling_loss for one in results])
    rho, low, high = loss_reduction(plan, rolled)
    phi = forecasts.fit_phi(actual - ahead)
    return Backtest(
        node=day_ahead.node,
        days=results,
        rho=rho,
        low=low,
        high=high,
        phi=phi,
        begin=begin,
        learnt=first,
        dt_h=game.dt_h,
    )


def on_one_step(
    case: Case, day_ahead: Prices, real_time: Prices, step: timedelta | None = None
) -> tuple[Case, Prices, Prices]:
    """Return case and prices on one step: longer ones are held through it, shorter prices averaged over it.

    Raises
    ------
    InputError
        The case's own step is shorter, or no multiple of it.
    """
    zones = [prices.time_zone for prices in (day_ahead, real_time) if prices.time_zone not in ("", "local")]
    if len(set(zones)) > 1:
        raise InputError(f"day-ahead prices are on the clock of {zones[0]}, real-time prices on that of {zones[1]}")
    own = timedelta(hours=case.game.dt_h)
    step = step or min(own, day_ahead.step, real_time.step)
    parts, rest = divmod(own, step)
    if rest or parts < 1:
        raise InputError(f"the case has steps of {own}, which cannot be cut into steps of {step}")
    return refine(case, parts), day_ahead.at_step(step), real_time.at_step(step)


def dispatchable(case: Case) -> Case:
    """Return the case itself, or, where nobody has a V2G contract, with all drivers' charging under its command."""
    if case.cars is not None:
        return case
    game = case.game
    stay = np.array([longest_stay(window) for window in game.window])
    each = game.energy_kwh / game.count
    cars = Batteries(
        names=game.names,
        count=game.count,
        charge_kw=game.power_kw / game.count,
        discharge_kw=np.zeros(game.n_classes),
        capacity_kwh=each,
        floor_kwh=np.zeros(game.n_classes),
        arrival_kwh=np.zeros(game.n_classes),
        departure_kwh=each,
        efficiency=np.ones(game.n_classes),
        wear=np.zeros(game.n_classes),
        start=stay[:, 0],
        length=stay[:, 1],
        n_steps=game.n_steps,
        dt_h=game.dt_h,
    )
    return replace(case, cars=cars, owner=np.arange(game.n_classes), share=np.ones(game.n_classes), beta=0.0)


def _days(
    day_ahead: Prices, real_time: Prices, offset: timedelta, days: tuple[date, date] | None, training: int
) -> list[date]:
    """Return the days that both series cover, those to learn from included."""
    common = set(day_ahead.days) & set(real_time.days)
    both = sorted(common)
    chosen = [day for day in both if not offset or day + timedelta(days=1) in common]  # with the night after it
    if days is not None:
        for day in days:
            if day not in chosen:
                span = f"{chosen[0]} to {chosen[-1]}" if chosen else "no whole day"
                why = [
                    told
                    for prices in (day_ahead, real_time)
                    for one, told in prices.left_out.items()
                    if one in (day, day + timedelta(days=1))
                ]
                raise InputError(
                    f"--days: {day} is not covered by both price files, which hold {span}"
                    + "".join(f"; {told}" for told in why)
                )
        chosen = [day for day in chosen if day <= days[1]]
        if days[0] > days[1]:
            raise InputError(f"--days: {days[0]} is after {days[1]}")
    elif len(chosen) <= training:
        raise InputError(f"both price files together hold {len(chosen)} days; {training} are needed to learn from")
    return chosen


def _run_day(
    case: Case,
    day: date,
    real_time: np.ndarray,
    past: np.ndarray,
    forecaster: str,
    known: str,
    margin: float | None,
) -> Day:
    game, cars = case.game, case.cars
    assert cars is not None
    strict = 2 * MARGIN * game.price_scale if margin is None else margin
    try:
        solution = solve_game(game, margin=strict)
    except InputError:  # a day whose bounds leave no room for the margin, or on which it breaks the cap
        try:
            solution = solve_game(game, margin=0.0)
        except InputError as error:
            raise InputError(f"{day}: {error}") from None
    second = stage_two(cars, game.day_ahead, case.v2g_sell, beta=case.beta)
    rolled = roll_day(cars, game.day_ahead, real_time, past=past, forecaster=forecaster, known=known)
    outcomes = [*baselines(case), *stages(case, solution, second)]
    last = outcomes[-1]
    for name, cost, load in (
        (ROLLING, rolled.rolling_cost, rolled.rolling_kw),
        (PERFECT, rolled.perfect_cost, rolled.perfect_kw),
    ):
        outcomes.append(
            Outcome(
                name=name,
                price=last.price,
                load_kw=last.load_kw - second.v2g.net_kw + load,
                profit=last.profit + rolled.plan_cost - cost,
                driver_cost=last.driver_cost,
                per_car=last.per_car,
            )
        )
    return Day(day=day, rolled=rolled, outcomes=outcomes, status=solution.status)


def loss_reduction(
    plan_loss: np.ndarray | Sequence[float],
    rolling_loss: np.ndarray | Sequence[float],
    *,
    resamples: int = 4000,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Return rho and its bootstrap interval over days: days are drawn with replacement, rho is a ratio of sums.

    Not a number where the plans lose nothing.
    """
    plan, rolled = np.asarray(plan_loss, dtype=float), np.asarray(rolling_loss, dtype=float)
    total = float(plan.sum())
    if not total > 1e-12 * max(1.0, float(np.abs(rolled).sum())):
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, plan.size, (resamples, plan.size))
    below = plan[drawn].sum(axis=1)
    ratios = 1.0 - rolled[drawn].sum(axis=1)[below > 0] / below[below > 0]
    low, high = np.quantile(ratios, [0.5 - level / 2, 0.5 + level / 2])
    return 1.0 - float(rolled.sum()) / total, float(low), float(high)


def mean_outcomes(days: Sequence[Day]) -> list[Outcome]:
    """Return every way to run the day, averaged over the days; peak and valley are those of the mean load."""
    means = []
    for k, outcome in enumerate(days[0].outcomes):
        every = [day.outcomes[k] for day in days]
        means.append(
            Outcome(
                name=outcome.name,
                price=np.mean([one.price for one in every], axis=0),
                load_kw=np.mean([one.load_kw for one in every], axis=0),
                profit=float(np.mean([one.profit for one in every])),
                driver_cost=float(np.mean([one.driver_cost for one in every])),
                per_car=np.mean([one.per_car for one in every], axis=0),
            )
        )
    return means
