"""Backtest of rolling dispatch over many days of real prices: loss reduction and its bootstrap interval.

``rho = 1 - sum L_rolling / sum L_plan`` over the days is the reduction of the loss from uncertain prices; `rolling`
defines the losses (the thesis reports "nearly 33 %" without data).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch import forecast as forecasts
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.inputs.market import MarketPrices
from csmoifsa_aggregator.inputs.steps import refine
from csmoifsa_aggregator.model.battery import Batteries, longest_stay
from csmoifsa_aggregator.study.baselines import DayAccount
from csmoifsa_aggregator.study.rolled_day import DayPrices, RolledDay, Rules, run_rolled_day

BLOCK = 7
"""Number of consecutive days that the bootstrap draws together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Backtest:
    """Result of a backtest over all days at one node.

    Attributes
    ----------
    node : str
        Name of the node.
    days : list of RolledDay
        Results of the days in order of time.
    rho, low, high : float
        Loss reduction, and both ends of its 95 % bootstrap interval over days; NaN where no plan loses anything.
    phi : float
        First-order autocorrelation of the deviations real-time minus day-ahead over all days, for the report.
    begin : int
        Step of the clock day at which a day begins.
    n_training_days : int
        Number of days before the first one, from which the forecaster could learn.
    dt_h : float
        Length of a step [h].
    """

    node: str
    days: list[RolledDay]
    rho: float
    low: float
    high: float
    phi: float
    begin: int
    n_training_days: int
    dt_h: float


def backtest(
    case: Case,
    day_ahead: MarketPrices,
    real_time: MarketPrices,
    *,
    imbalance: Sequence[MarketPrices] = (),
    days: tuple[date, date] | None = None,
    forecaster: str = "bias",
    known: str = "last",
    training: int = 20,
    margin: float | None = None,
    step: timedelta | None = None,
    steps: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Backtest:
    """Run a case on real prices day by day: price, plan and rolling dispatch of each day.

    Parameters
    ----------
    case : Case
        Case whose V2G classes are dispatched; where it has none, all classes are, by charging only.
    day_ahead, real_time : MarketPrices
        Prices at one node.
    imbalance : sequence of two MarketPrices, optional
        Prices of energy drawn beyond the day-ahead position, and of energy of it not drawn; where left out, the
        multiples of the real-time price that the case's ``[roll]`` states.
    days : (date, date), optional
        First and last day; where left out, all days that have ``training`` days before them.
    forecaster, known : str
        Forecaster, and real-time prices known at a decision, as in `roll_day`.
    training : int
        Least number of earlier days to fit the forecaster on.
    margin : float, optional
        Strict margin of stage one [currency/kWh]; 0.2 % of the mean price where left out.
    step : timedelta, optional
        Length of a step of the dispatch; the shortest of the case's and the prices' steps where left out.
    steps : bool
        Whether to keep each day step by step, see `rolling.DaySteps`.
    progress : callable, optional
        Function called with the number of days done.

    Raises
    ------
    InputError
        The prices do not cover the days, the steps cannot be aligned, or a day cannot be priced or planned.
    """
    if forecaster != "perfect":
        forecasts.find_forecaster(forecaster)
    case, day_ahead, real_time = align_steps(case, day_ahead, real_time, step)
    case = dispatchable(case)
    if case.game.demand_charge > 0:
        raise InputError(
            "market.demand_charge cannot be kept in rolling dispatch, which decides by energy prices alone and would "
            "raise the planned peak; leave it out, or limit the peak with limits.peak_limit_kw"
        )
    game, begin = case.game, case.best_begin
    length = timedelta(hours=game.dt_h)
    imbalance = [one.at_step(length) for one in imbalance]
    chosen = _days([day_ahead, real_time, *imbalance], begin * length, days, training)
    offsets = [datetime.combine(day, datetime.min.time()) + begin * length for day in chosen]
    ahead, actual, *two = (
        np.array([one.window(when, game.n_steps) for when in offsets]) for one in (day_ahead, real_time, *imbalance)
    )
    short, long = two or (
        actual + (ratio - 1.0) * np.abs(actual) for ratio in (case.roll.short_ratio, case.roll.long_ratio)
    )
    _check_imbalance(short, long, chosen)
    first = 0 if days is None else next(k for k, day in enumerate(chosen) if day >= days[0])
    first = max(first, training) if days is None else first
    rules = Rules(forecaster, known, margin, steps)
    results = []
    for k in range(first, len(chosen)):
        one = case.at_prices(ahead[k], begin)
        prices = DayPrices(actual[k], (actual - ahead)[:k])
        if (short != actual).any() or (long != actual).any():
            expected = np.array([(short - actual)[:k], (actual - long)[:k]]).sum(axis=1) / max(k, 1)
            prices = replace(prices, imbalance=np.array([short[k], long[k]]), expected=expected)
        results.append(run_rolled_day(one, chosen[k], prices, rules))
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
        n_training_days=first,
        dt_h=game.dt_h,
    )


def align_steps(
    case: Case, day_ahead: MarketPrices, real_time: MarketPrices, step: timedelta | None = None
) -> tuple[Case, MarketPrices, MarketPrices]:
    """Return case and prices on a common step: values of longer steps are repeated, prices of shorter steps averaged.

    Raises
    ------
    InputError
        The prices are on different clocks, or the case's own step is shorter than the common one or no multiple of it.
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
    """Return the case, with all drivers' charging under direct load control where nobody has a V2G contract."""
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
    return replace(case, cars=cars, owner=np.arange(game.n_classes), v2g_share=np.ones(game.n_classes), owner_share=0.0)


def _check_imbalance(short: np.ndarray, long: np.ndarray, days: Sequence[date]) -> None:
    """Raise `InputError` where energy short costs less than energy long earns; prices (days, T) [currency/kWh]."""
    wrong = np.argwhere(long > short + 1e-12)
    if wrong.size:
        k, t = wrong[0]
        raise InputError(
            f"the price of energy long exceeds that of energy short in {len(wrong)} steps, first in step {t} of the "
            f"day that begins on {days[k]}: {long[k, t]:g} and {short[k, t]:g} per kWh; check roll.short and roll.long"
        )


def _days(
    series: Sequence[MarketPrices], offset: timedelta, days: tuple[date, date] | None, training: int
) -> list[date]:
    """Return the days that all price series cover, training days included.

    Raises
    ------
    InputError
        A chosen day is not covered, the first day is after the last, or too few days are covered to learn from.
    """
    common = set.intersection(*(set(one.days) for one in series))
    both = sorted(common)
    chosen = [day for day in both if not offset or day + timedelta(days=1) in common]  # with the next day's prices
    if days is not None:
        for day in days:
            if day not in chosen:
                span = f"{chosen[0]} to {chosen[-1]}" if chosen else "no whole day"
                why = [
                    reason
                    for prices in series
                    for one, reason in prices.left_out.items()
                    if one in (day, day + timedelta(days=1))
                ]
                raise InputError(
                    f"--days: {day} is not covered by both price files, which hold {span}"
                    + "".join(f"; {reason}" for reason in why)
                )
        chosen = [day for day in chosen if day <= days[1]]
        if days[0] > days[1]:
            raise InputError(f"--days: {days[0]} is after {days[1]}")
    elif len(chosen) <= training:
        raise InputError(f"both price files together hold {len(chosen)} days; {training} are needed to learn from")
    return chosen


def loss_reduction(
    plan_loss: np.ndarray | Sequence[float],
    rolling_loss: np.ndarray | Sequence[float],
    *,
    resamples: int = 4000,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Return the loss reduction rho and both ends of its bootstrap interval, from losses (days,) [currency].

    Blocks of `BLOCK` consecutive days are drawn with replacement, the last day followed by the first (circular block
    bootstrap, Politis and Romano 1992), since prices of neighbouring days are alike; of fewer than four blocks, shorter
    ones. rho is one minus a ratio of sums. All three are NaN where the plans lose nothing.
    """
    plan, rolled = np.asarray(plan_loss, dtype=float), np.asarray(rolling_loss, dtype=float)
    total = float(plan.sum())
    if not total > 1e-12 * max(1.0, float(np.abs(rolled).sum())):
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(0)
    block = max(min(BLOCK, plan.size // 4), 1)
    starts = rng.integers(0, plan.size, (resamples, -(-plan.size // block), 1))
    drawn = ((starts + np.arange(block)) % plan.size).reshape(resamples, -1)[:, : plan.size]
    below = plan[drawn].sum(axis=1)
    ratios = 1.0 - rolled[drawn].sum(axis=1)[below > 0] / below[below > 0]
    low, high = np.quantile(ratios, [0.5 - level / 2, 0.5 + level / 2])
    return 1.0 - float(rolled.sum()) / total, float(low), float(high)


def mean_accounts(days: Sequence[RolledDay]) -> list[DayAccount]:
    """Return the account of every way to run the day, averaged over the days; peak and valley are of the mean load."""
    means = []
    for k, account in enumerate(days[0].accounts):
        every = [day.accounts[k] for day in days]
        means.append(
            DayAccount(
                name=account.name,
                price=np.mean([one.price for one in every], axis=0),
                load_kw=np.mean([one.load_kw for one in every], axis=0),
                profit=float(np.mean([one.profit for one in every])),
                storage=float(np.mean([one.storage for one in every])),
                driver_cost=float(np.mean([one.driver_cost for one in every])),
                cars=float(np.mean([one.cars for one in every])),
                per_car=np.mean([one.per_car for one in every], axis=0),
            )
        )
    return means
