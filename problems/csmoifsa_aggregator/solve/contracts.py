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
from time import perf_counter

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries, Dispatch
from csmoifsa_aggregator.model.costs import Market, step_costs
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_aggregator.solve.batteries import add_batteries, read_dispatch
from csmoifsa_aggregator.solve.lp import Program
from csmoifsa_aggregator.solve.reserve import Reserve, add_reserve, read_reserve
from csmoifsa_aggregator.solve.supply import Procurement, add_cars, add_sale, add_supply, procure


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
    v2g, reserve, gap = _plan(cars, market, sale_price, plain, products, time_limit=time_limit)
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
        program=_program(cars, v2g, market, sale_price, reserve),
        reserve=reserve,
        reserve_gap=gap,
    )


def procure_cars(
    cars: Batteries, dispatch: Dispatch, market: Market, sale_price: np.ndarray | None, other_load_kw: np.ndarray
) -> Procurement:
    """Return the cheapest supply of all cars, those of a dispatch and the others' load (T,) [kW]; wear excluded."""
    taken = other_load_kw + dispatch.charge_kw.sum(axis=0)
    if not cars.discharge_kw.any():
        return procure(taken, market)
    return procure(taken, market, dispatch.discharge_kw.sum(axis=0), sale_price)


def plan_cars(cars: Batteries, market: Market, sale_price: np.ndarray | None, other_load_kw: np.ndarray) -> Dispatch:
    """Return the cheapest dispatch of the batteries beside a fixed load, within the import limit.

    Parameters
    ----------
    cars : Batteries
        Classes under V2G contract.
    market : Market
        Market where the energy is bought, the aggregator's own storage included.
    sale_price : (T,) array or None
        Revenue of energy discharged to the market [currency/kWh]; None if it cannot be sold.
    other_load_kw : (T,) array
        Fixed load of the other drivers [kW].

    Raises
    ------
    InputError
        No dispatch reaches the promised state of energy within the stays and the import limit.
    """
    return _plan(cars, market, sale_price, other_load_kw, ())[0]


def plan_reserve(
    cars: Batteries,
    market: Market,
    sale_price: np.ndarray | None,
    other_load_kw: np.ndarray,
    products: Sequence[Product],
    *,
    gap: float = 1e-4,
    time_limit: float | None = None,
) -> tuple[Dispatch, tuple[Reserve, ...], float]:
    """Return the cheapest dispatch with reserve products, the reserve of each product, and what may be left to gain.

    The arguments are those of `plan_cars`, the products, the relative gap at which a program with integers counts as
    solved, and the time after which its best solution so far is taken [s]; at worst no bid is made. The cost of the
    dispatch is less the payments for capacity and includes the expected cost of calls; no other plan costs less by more
    than the last value returned [currency].

    Raises
    ------
    InputError
        As in `plan_cars`, or the blocks of a product do not fit the steps of the day.
    """
    return _plan(cars, market, sale_price, other_load_kw, products, gap=gap, time_limit=time_limit)


def _plan(
    cars: Batteries,
    market: Market,
    sale_price: np.ndarray | None,
    other_load_kw: np.ndarray,
    products: Sequence[Product],
    *,
    gap: float = 1e-4,
    time_limit: float | None = None,
) -> tuple[Dispatch, tuple[Reserve, ...], float]:
    """Return the plan of `plan_reserve`.

    Bands may make it pay to charge and discharge at once, whose losses make room for them. Where a solution does so,
    its steps get binaries, and the program is solved again; a solution without such steps is optimal among all.
    """
    binaries = _circular(cars, market, sale_price)
    end = None if time_limit is None else perf_counter() + time_limit
    while True:
        left = None if end is None else max(end - perf_counter(), 1.0)
        dispatch, reserve, missing = _solve_plan(
            cars, market, sale_price, other_load_kw, products, binaries, gap=gap, time_limit=left
        )
        v, t = cars.places
        at_once = np.minimum(dispatch.charge_kw, dispatch.discharge_kw)[v, t] / cars.count[v]
        circling = (at_once > 1e-6 * np.maximum(cars.charge_kw, cars.discharge_kw)[v]) & ~binaries
        if not products or not circling.any():
            return dispatch, reserve, missing
        binaries = binaries | circling


def _solve_plan(
    cars: Batteries,
    market: Market,
    sale_price: np.ndarray | None,
    other_load_kw: np.ndarray,
    products: Sequence[Product],
    binaries: np.ndarray,
    *,
    gap: float,
    time_limit: float | None,
) -> tuple[Dispatch, tuple[Reserve, ...], float]:
    """Return the plan of `_plan` with binaries against charging and discharging at once at some places, (M,) bool."""
    most = (cars.discharge_kw * cars.count) @ cars.window
    greatest = other_load_kw + (cars.charge_kw * cars.count) @ cars.window
    scale = max(float(greatest.max()), 1e-9)
    program = Program()
    supply = add_supply(program, market, greatest, with_cars=bool(most.any()), scale=scale)
    load = program.columns(market.n_steps, other_load_kw / scale, other_load_kw / scale)
    supply.draw(program, np.arange(market.n_steps), load, 1.0)
    nothing = np.zeros(market.n_steps)
    block = add_batteries(program, cars, nothing, nothing, binaries=binaries)  # their cost: wear
    add_cars(program, supply, cars, block, scale)
    added = []
    if products:
        added = add_reserve(program, cars, block, market, products, other_load_kw + market.base_load_kw)
    if supply.import_limit is not None:
        for bands in added:
            program.add(supply.import_limit[cars.places[1]], bands.down, cars.count[cars.places[0]] / scale)
    if sale_price is not None and most.any():
        own, _ = add_sale(program, supply, market, sale_price, most, greatest, scale)
        v, t = cars.places
        program.add(own[t], block.discharge, -cars.count[v] / scale)
    session = program.open(gap=gap if products else 1e-9, time_limit=time_limit if products else None)
    integers = np.concatenate([np.zeros(0, dtype=int), *(bands.integers for bands in added)])
    if integers.size:
        session.suggest(integers, np.zeros(integers.size))  # no bid is always possible
    answer = session.run()
    if not answer.found:
        limit = "" if market.import_limit_kw is None else " and limits.import_limit_kw"
        raise InputError(f"the batteries cannot keep their promises within their windows{limit}")
    reserve = tuple(read_reserve(bands, answer.x, cars, market) for bands in added)
    missing = max(answer.value - answer.bound, 0.0) if added else 0.0
    return read_dispatch(block, answer.x, cars, answer.value), reserve, missing


def _circular(cars: Batteries, market: Market, sale_price: np.ndarray | None) -> np.ndarray:
    """Return whether charging and discharging at once could pay at each plugged step, shape (M,).

    Without a storage, energy is worth at least the least price of supply or sale. With a storage, which may be full, it
    may be worth less: then all steps of classes that can discharge count.
    """
    if market.storage is not None:
        return cars.discharge_kw[cars.places[0]] > 0
    least = market.least_price
    sale_price = least if sale_price is None else sale_price
    return cars.circular(np.minimum(least, sale_price), sale_price)


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


def _program(
    cars: Batteries, dispatch: Dispatch, market: Market, sale_price: np.ndarray, reserve: Sequence[Reserve]
) -> str:
    integers = sum(one.n_integers for one in reserve)
    if integers:
        return (
            f"mixed-integer program, {dispatch.n_binaries + integers} integers: reserve bids come in steps or exclude "
            "injection"
        )
    if not dispatch.n_binaries:
        return "linear program: charging and discharging at once never pays"
    if reserve and not _circular(cars, market, sale_price).any():
        return f"mixed-integer program, {dispatch.n_binaries} binaries: losses would make room for reserve"
    _, t = cars.places
    negative = (np.minimum(market.cheapest, sale_price)[t][_circular(cars, market, sale_price)] < 0).any()
    why = "prices are negative" if negative else "selling pays more than p / eta^2"
    return f"mixed-integer program, {dispatch.n_binaries} binaries: {why}"
