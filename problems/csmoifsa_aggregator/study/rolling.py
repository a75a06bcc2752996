"""One day of rolling dispatch on real prices: plan, rolling and perfect foresight, on one account.

The loss of a policy x on a day is ``L_x = profit(perfect foresight) - profit(x)``; bills, stays and promises are the
same for all. The plan made at day-ahead prices loses L_plan, rolling loses L_rolling. The plan is paid for day-ahead,
on the account of `costs`. A policy that deviates from it pays the difference of the same account at real-time prices,
that of its own load less that of the plan, on the same terms of the contract. So the plan adds the same to all
policies, and paying real-time prices for everything leads to the same losses (reconstruction).

With reserve, or cars that do not keep to their stays, the same calls and cars meet all three: the plan is a dispatcher
that expects day-ahead prices, and perfect foresight one that knows the prices, but neither calls nor cars. Payments for
capacity, less what is withheld, penalties, payments for energy called and refunds to drivers belong to the costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.dispatch import forecast as forecasts
from csmoifsa_aggregator.dispatch.dispatch import Commitment, DispatchPlan, RollingDispatcher
from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.costs import Market, price_ratio, single_price, step_costs
from csmoifsa_aggregator.solve.plans import plan_cars
from csmoifsa_aggregator.solve.reserve import Reserve
from csmoifsa_aggregator.study.carry import KNOWN, CarriedOut, Events, carry_out, latest_known


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

    Costs are those of all cars' energy, paid day-ahead and in real time, wear included, and less what reserve earns
    [currency].

    Attributes
    ----------
    position_kw, rolling_kw, perfect_kw : (T,) array
        Net load of the batteries: as planned, with rolling, and with perfect foresight [kW].
    plan_cost, rolling_cost, perfect_cost : float
        Cost of the plan, with rolling, and with perfect foresight [currency].
    planned_cost : float
        Cost of the plan as expected day-ahead; ``plan_cost`` unless reserve is called [currency].
    soe_kwh : (V, T) array
        State of energy on the rolled day, per vehicle [kWh]; NaN where not plugged in.
    unserved_kwh : float
        Energy promised and not delivered on the rolled day, all vehicles together [kWh].
    carried : (CarriedOut, CarriedOut)
        The day as planned, and with rolling.
    refunds : tuple of three float
        What is refunded to drivers as planned, with rolling, and with perfect foresight [currency].
    steps : DaySteps, optional
        The day step by step, if it was asked for.
    """

    position_kw: np.ndarray
    rolling_kw: np.ndarray
    perfect_kw: np.ndarray
    plan_cost: float
    rolling_cost: float
    perfect_cost: float
    planned_cost: float
    soe_kwh: np.ndarray
    unserved_kwh: float
    carried: tuple[CarriedOut, CarriedOut]
    refunds: tuple[float, float, float]
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
    reserve : tuple of Reserve
        Reserve committed by the plan.
    """

    market: Market
    sale_price: np.ndarray | None
    other_load_kw: np.ndarray
    plan: Dispatch | None = None
    reserve: tuple[Reserve, ...] = ()

    def ratio(self, day_ahead: np.ndarray) -> np.ndarray:
        """Return the ratio of sale price to price as in `DispatchPlan`, (T,); NaN where nothing can be sold."""
        if self.sale_price is None:
            return np.full(day_ahead.shape, np.nan)
        above = price_ratio(self.sale_price, day_ahead)
        return np.ones(day_ahead.shape) if above is None else 1.0 + above

    def cost(self, cars: Batteries, carried: CarriedOut, position: CarriedOut, events: Events) -> float:
        """Return the cost of a day that deviates from a position bought day-ahead, wear included [currency].

        What reserve earns is deducted, what is refunded to drivers added. With two imbalance prices, what is drawn
        beyond the position is paid at the one, and what is not drawn of it received at the other, net in each step.
        """
        real = self.at(events.real_time)
        ahead = self.energy_cost(*position.settled_kw) - real.energy_cost(*position.settled_kw)
        energy = ahead + real.energy_cost(*carried.settled_kw) + float(cars.wear @ carried.discharged_kwh(cars))
        if events.imbalance is not None:
            away = (carried.settled_kw[0] - carried.settled_kw[1]) - (position.settled_kw[0] - position.settled_kw[1])
            extra = events.imbalance - events.real_time
            energy += float(extra[0] @ np.maximum(away, 0.0) - extra[1] @ np.maximum(-away, 0.0)) * cars.dt_h
        return energy - carried.reserve_gain + carried.refund

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
    events: Events | None = None,
    imbalance: np.ndarray | None = None,
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
    known : "current", "last", "before-last" or "nothing"
        Real-time prices that a decision may use, see `KNOWN`.
    terms : Terms, optional
        Market, sale price, other drivers and plan; where left out, these cars are alone, any amount is bought and sold
        at the prices, and the plan is the cheapest one.
    events : Events, optional
        What else happens; nothing but ``real_time`` where left out.
    imbalance : (2, T) array, optional
        Expected imbalance prices above and below the real-time price, as in `DispatchPlan`.
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
    events = Events(real_time) if events is None else events
    plan = DispatchPlan(
        cars=cars,
        day_ahead=day_ahead,
        past=past,
        forecaster=name or "none",
        other_load_kw=terms.other_load_kw,
        import_limit_kw=terms.market.import_limit_kw,
        sale_ratio=terms.ratio(day_ahead),
        planned_kw=None if terms.plan is None else np.array([terms.plan.charge_kw, terms.plan.discharge_kw]),
        base_kw=terms.market.base_kw,
        reserve=tuple(Commitment(one.product, one.bid_kw) for one in terms.reserve),
        imbalance=imbalance,
    )
    dispatcher = RollingDispatcher(plan, None if isinstance(forecaster, str) else forecaster)
    charge, discharge, soe = dispatcher.powers()
    count = cars.count[:, None]
    position = CarriedOut.without_calls(count * np.nan_to_num(charge), count * np.nan_to_num(discharge), soe)
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    keep = (lambda: seen.append((dispatcher.expected, dispatcher.net_kw))) if steps else None
    rolled = carry_out(dispatcher, events, known, keep)
    planned, perfect = position, None
    if plan.reserve or events.stays is not None:
        planned = carry_out(RollingDispatcher(replace(plan, forecaster="none")), events, "nothing")
    if planned is position and events.imbalance is None:
        real = terms.at(real_time)
        best = plan_cars(cars, real.market, real.sale_price, terms.other_load_kw)
        perfect = CarriedOut.without_calls(best.charge_kw, best.discharge_kw, best.soe_kwh)
    else:
        sure = replace(plan, forecaster="none", imbalance=_known_imbalance(events))
        perfect = carry_out(RollingDispatcher(sure, _perfect_forecaster(real_time)), events, "nothing")
    plan_cost, rolling_cost, perfect_cost = (
        terms.cost(cars, one, position, events) for one in (planned, rolled, perfect)
    )
    return RollingResult(
        position_kw=planned.net_kw,
        rolling_kw=rolled.net_kw,
        perfect_kw=perfect.net_kw,
        plan_cost=plan_cost,
        rolling_cost=rolling_cost,
        perfect_cost=perfect_cost,
        planned_cost=terms.cost(cars, position, position, events) - sum(one.gain for one in terms.reserve),
        soe_kwh=rolled.soe_kwh,
        unserved_kwh=rolled.unserved_kwh,
        carried=(planned, rolled),
        refunds=(planned.refund, rolled.refund, perfect.refund),
        steps=_kept(dispatcher, real_time, known, seen) if steps else None,
    )


def _kept(
    dispatcher: RollingDispatcher, real_time: np.ndarray, known: str, seen: list[tuple[np.ndarray, np.ndarray]]
) -> DaySteps:
    cars = dispatcher.plan.cars
    expected, net_kw = (np.array(one) for one in zip(*seen, strict=True))
    charge_kw, discharge_kw = (cars.count[:, None] * one for one in dispatcher.powers()[:2])
    return DaySteps(
        day_ahead=dispatcher.plan.day_ahead,
        real_time=real_time,
        known=np.array([latest_known(known, now) for now in range(cars.n_steps)]),
        expected=expected,
        net_kw=net_kw,
        classes=cars.names,
        charge_kw=charge_kw,
        discharge_kw=discharge_kw,
    )


def _known_imbalance(events: Events) -> np.ndarray | None:
    """Return what imbalances cost above the real-time price, and bring less, (2, T) [currency/kWh], as it comes."""
    if events.imbalance is None:
        return None
    return np.array([events.imbalance[0] - events.real_time, events.real_time - events.imbalance[1]])


def _perfect_forecaster(real_time: np.ndarray) -> forecasts.Forecaster:
    return lambda now, known, day_ahead, past: real_time
