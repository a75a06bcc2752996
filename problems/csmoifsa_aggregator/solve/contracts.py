"""Stage two: the surplus of V2G contracts, and its split between owners and aggregator.

The owner's bill is that of stage one; the aggregator then charges and discharges all batteries together with the load
of the other drivers, at the costs of `costs`: the supply curve, real time and the import limit are those of stage one.
The surplus ``G = cost(smart charging only) - cost(with V2G)``, wear already paid to the owner, is never negative, since
not discharging is allowed. With reserve products, the payments for capacity less the expected cost of calls belong to
it. The share beta G goes to the owner, (1 - beta) G to the aggregator; beta = 1/2 is the Nash
bargaining solution where both gain nothing without an agreement (reconstruction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.costs import Market, step_costs
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.plans import Task, circular, plan_cars, plan_reserve, procure_cars
from csmoifsa_aggregator.solve.reserve import Reserve
from csmoifsa_aggregator.solve.supply import Procurement, procure


@dataclass(frozen=True, kw_only=True)
class StageTwo:
    """Plan, costs and surplus of stage two; all money in the scenario's currency per day.

    Attributes
    ----------
    smart, v2g : Dispatch
        Cheapest dispatch without and with discharging. Their cost is what serving these cars adds to the cost of the
        other drivers' load, the aggregator's storage and wear included [currency].
    supply : Procurement
        Supply of all cars with V2G, wear excluded.
    surplus : float
        Surplus G [currency].
    class_surplus : (V,) array
        Part of the surplus of each class [currency], see `split_surplus`.
    reserve : tuple of Reserve
        Bids and bands of each reserve product offered in the plan ``v2g``.
    reserve_gap : float
        Greatest amount by which another plan with reserve could still cost less [currency].
    owner_gain, aggregator_gain : float
        Owners' share beta G and aggregator's share (1 - beta) G of the surplus [currency].
    wear_paid : float
        Payment to the owners for the wear of discharging [currency]; already part of the cost of ``v2g``.
    discharged_kwh : (V,) array
        Energy that each class discharges [kWh].
    program : str
        Kind of program solved, linear or mixed-integer with its number of binaries, and the reason.
    """

    smart: Dispatch
    v2g: Dispatch
    supply: Procurement
    surplus: float
    class_surplus: np.ndarray
    owner_gain: float
    aggregator_gain: float
    wear_paid: float
    discharged_kwh: np.ndarray
    program: str
    reserve: tuple[Reserve, ...] = ()
    reserve_gap: float = 0.0

    @property
    def reserve_gain(self) -> float:
        """Payments for capacity less the expected cost of calls, of all reserve products [currency]."""
        return sum(one.gain for one in self.reserve)

    @property
    def cost(self) -> float:
        """Aggregator's cost of all cars without its own storage [currency].

        Energy, wear and the owners' share, less the gain from reserve.
        """
        return self.supply.ev_cost + self.wear_paid + self.owner_gain - self.reserve_gain

    @property
    def total_cost(self) -> float:
        """Aggregator's cost of all cars with its own storage, otherwise as ``cost`` [currency]."""
        return self.supply.cost + self.wear_paid + self.owner_gain - self.reserve_gain


def stage_two(
    cars: Batteries,
    market: Market,
    sale_price: np.ndarray | None = None,
    *,
    other_load_kw: np.ndarray | None = None,
    owner_share: float = 0.5,
    products: Sequence[Product] = (),
    time_limit: float | None = None,
) -> StageTwo:
    """Plan the V2G classes at day-ahead prices, with reserve products if any, and share the surplus.

    Parameters
    ----------
    cars : Batteries
        Classes under V2G contract.
    market : Market
        Market where the energy of all cars is bought.
    sale_price : (T,) array, optional
        Revenue of energy discharged to the market [currency/kWh]; the day-ahead price where left out.
    other_load_kw : (T,) array, optional
        Load of the drivers without contract [kW]; none where left out.
    owner_share : float
        Owners' share of the surplus, from 0 to 1.
    products : sequence of Product
        Reserve products that may be offered beside V2G.
    time_limit : float, optional
        Time after which the best plan with reserve so far is taken [s].

    Raises
    ------
    InputError
        ``owner_share`` is outside 0 to 1, or no dispatch reaches the promised state of energy within the stays and
        the import limit.
    """
    if not 0 <= owner_share <= 1:
        raise InputError(f"owner_share, the owners' share of the surplus, must be between 0 and 1, not {owner_share}")
    sale_price = market.day_ahead if sale_price is None else sale_price
    plain = np.zeros(market.n_steps) if other_load_kw is None else other_load_kw
    alone = procure(plain, market).cost
    smart = plan_cars(cars.only_charging(), market, sale_price, plain)
    v2g, reserve, gap = plan_reserve(cars, market, sale_price, plain, products, time_limit=time_limit)
    costs = [procure_cars(cars, one, market, sale_price, plain) for one in (smart, v2g)]
    wear = [float(cars.wear @ one.discharged_kwh(cars)) for one in (smart, v2g)]
    earned = sum(one.gain for one in reserve)
    if costs[0].cost + wear[0] < costs[1].cost + wear[1] - earned:  # only by rounding: V2G need not discharge
        v2g, costs[1], wear[1] = smart, costs[0], wear[0]
        reserve, earned = tuple(one.nothing() for one in reserve), 0.0
    surplus = costs[0].cost + wear[0] - costs[1].cost - wear[1] + earned
    smart, v2g = (
        replace(one, cost=supply.cost + paid - alone)
        for one, supply, paid in zip((smart, v2g), costs, wear, strict=True)
    )
    return StageTwo(
        smart=smart,
        v2g=v2g,
        supply=costs[1],
        surplus=surplus,
        class_surplus=split_surplus(cars, smart, v2g, market, sale_price, plain, surplus, reserve),
        owner_gain=owner_share * surplus,
        aggregator_gain=(1.0 - owner_share) * surplus,
        wear_paid=wear[1],
        discharged_kwh=v2g.discharged_kwh(cars),
        program=_program(Task(cars, market, sale_price, plain), v2g, reserve),
        reserve=reserve,
        reserve_gap=gap,
    )


def split_surplus(
    cars: Batteries,
    smart: Dispatch,
    v2g: Dispatch,
    market: Market,
    sale_price: np.ndarray,
    other_load_kw: np.ndarray,
    surplus: float,
    reserve: Sequence[Reserve] = (),
) -> np.ndarray:
    """Return each class's part of the surplus, shape (V,) [currency].

    In each step the cost falls by the charging that V2G avoids, at the mean price between both loads, and by the energy
    discharged, at its mean value; with a demand charge, also by what a class draws less in the step of the peak
    without discharging; and by its part of the gain from reserve, see `Reserve.by_class`. The gain of a class is its
    part of all, less its wear. Where prices do not depend on the load,
    this is the gain of the class alone. A class that would lose receives nothing, and the others' parts are
    scaled to add up to the surplus.
    """
    before, after = (other_load_kw + one.charge_kw.sum(axis=0) for one in (smart, v2g))
    discharged = v2g.discharge_kw.sum(axis=0)
    same = np.abs(before - after) <= 1e-6 * np.maximum(1.0, np.abs(after))
    upto = np.where(same, after + 1.0, before)
    price = (step_costs(upto, market) - step_costs(after, market)) / (upto - after)
    worth = step_costs(after, market) - step_costs(after, market, discharged, sale_price)
    value = np.divide(worth, discharged, out=np.zeros(discharged.shape), where=discharged > 0)
    gain = (smart.charge_kw - v2g.charge_kw) @ price + v2g.discharge_kw @ value - cars.wear * v2g.discharged_kwh(cars)
    if market.demand_charge > 0:
        top = int((market.base_load_kw + before).argmax())
        relief = (smart.charge_kw - smart.discharge_kw) - (v2g.charge_kw - v2g.discharge_kw)
        gain = gain + market.demand_charge * relief[:, top]
    gain = np.maximum(gain + sum(one.by_class() for one in reserve), 0.0)
    return surplus * (gain / gain.sum() if gain.sum() > 0 else cars.count / cars.count.sum())


def _program(task: Task, dispatch: Dispatch, reserve: Sequence[Reserve]) -> str:
    integers = sum(one.n_integers for one in reserve)
    if integers:
        return (
            f"mixed-integer program, {dispatch.n_binaries + integers} integers: reserve bids come in steps or exclude "
            "injection"
        )
    if not dispatch.n_binaries:
        return "linear program: charging and discharging at once never pays"
    where = circular(task)
    if reserve and not where.any():
        return f"mixed-integer program, {dispatch.n_binaries} binaries: losses would make room for reserve"
    assert task.sale_price is not None
    _, t = task.cars.places
    negative = (np.minimum(task.market.cheapest, task.sale_price)[t][where] < 0).any()
    why = "prices are negative" if negative else "selling pays more than p / eta^2"
    return f"mixed-integer program, {dispatch.n_binaries} binaries: {why}"
