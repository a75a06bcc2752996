"""One day of rolling dispatch on real prices: plan, rolling and perfect foresight, on one account.

The loss of a policy x on a day is ``L_x = profit(perfect foresight) - profit(x)``; bills, stays and promises are the
same for all. The plan made at day-ahead prices loses L_plan, rolling loses L_rolling. The plan is paid for day-ahead,
on the account of `costs`. A policy that deviates from it pays the difference of the same account at real-time prices,
that of its own load less that of the plan, on the same terms of the contract. So the plan adds the same to all
policies, and paying real-time prices for everything leads to the same losses (reconstruction).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch import forecast as forecasts
from csmoifsa_aggregator.dispatch.dispatch import DispatchPlan, RollingDispatcher
from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.costs import Market, price_ratio, single_price, step_costs
from csmoifsa_aggregator.solve.plans import plan_cars

KNOWN = ("current", "last", "nothing")
"""Real-time prices known at a decision: up to this step's, up to the last one's, or none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DaySteps:
    """A rolled day step by step: what each step was decided from, and what was decided.

    Attributes
    ----------
    day_ahead, real_time : (T,) array
        Prices [currency/kWh].
    known : (T,) int array
        Latest step whose real-time price was known at the decision of each step; -1: none.
    expected : (T, T) array
        Row k: prices from which step k was decided, real-time prices as far as known and forecasts of the others
        [currency/kWh].
    net_kw : (T, T) array
        Row k: net load of the batteries after the decision of step k, carried out up to step k and planned after it
        [kW].
    classes : tuple of str
        Names of the V classes.
    charge_kw, discharge_kw : (V, T) array
        Set points of each class [kW]; NaN where not plugged in.
    """

    day_ahead: np.ndarray
    real_time: np.ndarray
    known: np.ndarray
    expected: np.ndarray
    net_kw: np.ndarray
    classes: tuple[str, ...]
    charge_kw: np.ndarray
    discharge_kw: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class RollingResult:
    """Loads and costs of one day carried out by plan, with rolling, and with perfect foresight.

    Costs are those of all cars' energy, paid day-ahead and in real time, wear included [currency].

    Attributes
    ----------
    position_kw, rolling_kw, perfect_kw : (T,) array
        Net load of the batteries: planned day-ahead, with rolling, and with perfect foresight [kW].
    plan_cost, rolling_cost, perfect_cost : float
        Cost of the plan, with rolling, and with perfect foresight [currency].
    soe_kwh : (V, T) array
        State of energy on the rolled day, per vehicle [kWh]; NaN where not plugged in.
    unserved_kwh : float
        Energy promised and not delivered on the rolled day, all vehicles together [kWh].
    steps : DaySteps, optional
        The day step by step, if it was asked for.
    """

    position_kw: np.ndarray
    rolling_kw: np.ndarray
    perfect_kw: np.ndarray
    plan_cost: float
    rolling_cost: float
    perfect_cost: float
    soe_kwh: np.ndarray
    unserved_kwh: float
    steps: DaySteps | None = None

    @property
    def plan_loss(self) -> float:
        """Loss of the plan against perfect foresight, L_plan [currency]."""
        return self.plan_cost - self.perfect_cost

    @property
    def rolling_loss(self) -> float:
        """Loss of rolling against perfect foresight, L_rolling [currency]."""
        return self.rolling_cost - self.perfect_cost


@dataclass(frozen=True, eq=False)
class Terms:
    """Market, sale price, other drivers and plan of a rolled day.

    Attributes
    ----------
    market : Market
        Market in which the plan was bought, with the import limit.
    sale_price : (T,) array or None
        Earnings of a kWh sold to the market day-ahead [currency/kWh], in the same ratio to the price in real time; None
        if nothing can be sold.
    other_load_kw : (T,) array
        Load of the drivers who are not dispatched [kW].
    plan : Dispatch or None
        Planned dispatch of the batteries; the cheapest one at day-ahead prices where left out.
    """

    market: Market
    sale_price: np.ndarray | None
    other_load_kw: np.ndarray
    plan: Dispatch | None = None

    def ratio(self, day_ahead: np.ndarray) -> np.ndarray:
        """Return the ratio of sale price to price as in `DispatchPlan`, (T,); NaN where nothing can be sold."""
        if self.sale_price is None:
            return np.full(day_ahead.shape, np.nan)
        above = price_ratio(self.sale_price, day_ahead)
        return np.ones(day_ahead.shape) if above is None else 1.0 + above

    def energy_cost(self, taken_kw: np.ndarray, discharge_kw: np.ndarray) -> float:
        """Return the cost of all cars' energy in this market [currency]; powers of the batteries are (T,) [kW]."""
        return float(step_costs(self.other_load_kw + taken_kw, self.market, discharge_kw, self.sale_price).sum())

    def at(self, real_time: np.ndarray) -> Terms:
        """Return the same terms in a market that buys any amount at the real-time price, (T,) [currency/kWh]."""
        market = single_price(real_time, self.market.dt_h, self.market.import_limit_kw)
        sale_price = None
        if self.sale_price is not None:
            sale_price = real_time + (self.ratio(self.market.day_ahead) - 1.0) * np.abs(real_time)
        return Terms(market, sale_price, self.other_load_kw)


def roll_day(
    cars: Batteries,
    day_ahead: np.ndarray,
    real_time: np.ndarray,
    *,
    past: np.ndarray | None = None,
    forecaster: str | forecasts.Forecaster = "bias",
    known: str = "last",
    terms: Terms | None = None,
    steps: bool = False,
) -> RollingResult:
    """Carry out one day of rolling dispatch step by step.

    Parameters
    ----------
    cars : Batteries
        Classes to dispatch.
    day_ahead, real_time : (T,) array
        Prices [currency/kWh].
    past : (d, T) array, optional
        Deviations real-time minus day-ahead of earlier days [currency/kWh]; none where left out.
    forecaster : str or callable
        Forecaster by name or as a function, see the module `forecast`; also ``"perfect"``.
    known : "current", "last" or "nothing"
        Real-time prices that a decision may use, see `KNOWN`.
    terms : Terms, optional
        Market, sale price, other drivers and plan; where left out, these cars are alone, any amount is bought and sold
        at the prices, and the plan is the cheapest one.
    steps : bool
        Whether to keep the day step by step.

    Raises
    ------
    InputError
        ``known`` is none of `KNOWN`, or the forecaster is not valid.
    """
    if known not in KNOWN:
        raise InputError(f"known must be one of {', '.join(KNOWN)}, not {known!r}")
    past = np.zeros((0, len(day_ahead))) if past is None else past
    if forecaster == "perfect":
        forecaster = _perfect_forecaster(real_time)
    name = forecaster if isinstance(forecaster, str) else None
    if terms is None:
        terms = Terms(single_price(day_ahead, cars.dt_h), day_ahead, np.zeros(cars.n_steps))
    plan = DispatchPlan(
        cars=cars,
        day_ahead=day_ahead,
        past=past,
        forecaster=name or "none",
        other_load_kw=terms.other_load_kw,
        import_limit_kw=terms.market.import_limit_kw,
        sale_ratio=terms.ratio(day_ahead),
        planned_kw=None if terms.plan is None else np.array([terms.plan.charge_kw, terms.plan.discharge_kw]),
    )
    dispatcher = RollingDispatcher(plan, None if isinstance(forecaster, str) else forecaster)
    planned = dispatcher.powers()
    every = np.arange(cars.n_steps)
    latest = {"current": every, "last": every - 1, "nothing": np.full(cars.n_steps, -1)}[known]
    expected, net_kw = [], []
    for now, upto in enumerate(latest.tolist()):
        dispatcher.step(now, {upto: float(real_time[upto])} if upto >= 0 else None)
        if steps:
            expected.append(dispatcher.expected)
            net_kw.append(dispatcher.net_kw)
    powers = dispatcher.powers()
    rolled = _rolled(cars, terms, day_ahead, real_time, planned, powers)
    if not steps:
        return rolled
    charge_kw, discharge_kw = (cars.count[:, None] * one for one in powers[:2])
    kept = DaySteps(
        day_ahead=day_ahead,
        real_time=real_time,
        known=latest,
        expected=np.array(expected),
        net_kw=np.array(net_kw),
        classes=cars.names,
        charge_kw=charge_kw,
        discharge_kw=discharge_kw,
    )
    return replace(rolled, steps=kept)


def _perfect_forecaster(real_time: np.ndarray) -> forecasts.Forecaster:
    return lambda now, known, day_ahead, past: real_time


def _rolled(
    cars: Batteries,
    terms: Terms,
    day_ahead: np.ndarray,
    real_time: np.ndarray,
    planned: tuple[np.ndarray, ...],
    rolled: tuple[np.ndarray, ...],
) -> RollingResult:
    real = terms.at(real_time)
    best = plan_cars(cars, real.market, real.sale_price, terms.other_load_kw)
    flows = [cars.count @ np.nan_to_num(np.array([one[0], one[1]])) for one in (planned, rolled)]
    flows.append(np.array([best.charge_kw.sum(axis=0), best.discharge_kw.sum(axis=0)]))
    discharged = [np.nan_to_num(one[1]).sum(axis=1) * cars.count * cars.dt_h for one in (planned, rolled)]
    discharged.append(best.discharged_kwh(cars))
    ahead, ahead_at_real_time = terms.energy_cost(*flows[0]), real.energy_cost(*flows[0])
    costs = [
        ahead + real.energy_cost(*flow) - ahead_at_real_time + float(cars.wear @ kwh)
        for flow, kwh in zip(flows, discharged, strict=True)
    ]
    final = rolled[2][np.arange(cars.n_classes), cars.start + cars.length - 1]
    return RollingResult(
        position_kw=flows[0][0] - flows[0][1],
        rolling_kw=flows[1][0] - flows[1][1],
        perfect_kw=best.net_kw,
        plan_cost=costs[0],
        rolling_cost=costs[1],
        perfect_cost=costs[2],
        soe_kwh=rolled[2],
        unserved_kwh=float(cars.count @ np.maximum(cars.departure_kwh - final, 0.0)),
    )
