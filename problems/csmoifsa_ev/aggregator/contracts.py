"""Stage two: what V2G contracts add, and who gains it.

The owner's bill stays what it was at stage one; the aggregator then charges and discharges the batteries at day-ahead
prices. The surplus ``G = cost(smart charging only) - cost(with V2G)``, wear already paid to the owner, is never
negative, since not discharging is allowed. The share beta G goes to the owner, (1 - beta) G to the aggregator; one half
each is Nash's bargain between two who both get nothing if they do not agree (reconstruction).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.aggregator.battery import Batteries, Dispatch, cheapest_dispatch


@dataclass(frozen=True, kw_only=True)
class StageTwo:
    """Stage two's plan and its money; all money in the scenario's currency a day.

    Attributes
    ----------
    smart, v2g : Dispatch
        The cheapest charging without discharging, and the cheapest dispatch with it.
    surplus : float
        G.
    class_surplus : (V,) array
        By class.
    owner_share, aggregator_share : float
        beta G and (1 - beta) G.
    wear_paid : float
        To owners, for what their batteries gave; part of the cost already.
    given_kwh : (V,) array
        By class [kWh].
    program : str
        Which kind was needed: ``"linear program"`` or ``"... binaries"`` with the reason.
    """

    smart: Dispatch
    v2g: Dispatch
    surplus: float
    class_surplus: np.ndarray
    owner_share: float
    aggregator_share: float
    wear_paid: float
    given_kwh: np.ndarray
    program: str


def stage_two(cars: Batteries, buy: np.ndarray, sell: np.ndarray | None = None, *, beta: float = 0.5) -> StageTwo:
    """Plan the V2G classes at day-ahead prices and share the surplus.

    Parameters
    ----------
    cars : Batteries
        The classes under V2G contract.
    buy, sell : (T,) array
        Price of energy taken and given [currency/kWh]; the same where ``sell`` is left out.
    beta : float
        The owners' share of the surplus.
    """
    if not 0 <= beta <= 1:
        raise InputError(f"beta, the owners' share of the surplus, must be between 0 and 1, not {beta}")
    sell = buy if sell is None else sell
    smart = cheapest_dispatch(cars.only_charging(), buy, sell)
    v2g = cheapest_dispatch(cars, buy, sell)
    if smart.cost < v2g.cost:  # by a rounding error at most: not to discharge is one of the choices of V2G
        v2g = smart
    by_class = class_costs(cars, smart, buy, sell) - class_costs(cars, v2g, buy, sell)
    surplus = smart.cost - v2g.cost
    given = v2g.given_kwh(cars)
    return StageTwo(
        smart=smart,
        v2g=v2g,
        surplus=surplus,
        class_surplus=by_class,
        owner_share=beta * surplus,
        aggregator_share=(1.0 - beta) * surplus,
        wear_paid=float(cars.wear @ given),
        given_kwh=given,
        program=_program(cars, v2g, buy, sell),
    )


def class_costs(cars: Batteries, dispatch: Dispatch, buy: np.ndarray, sell: np.ndarray) -> np.ndarray:
    """Return what each class costs, wear included, shape (V,) [currency]."""
    energy = dispatch.charge_kw @ buy - dispatch.discharge_kw @ sell
    return (energy + cars.wear * dispatch.discharge_kw.sum(axis=1)) * cars.dt_h


def _program(cars: Batteries, dispatch: Dispatch, buy: np.ndarray, sell: np.ndarray) -> str:
    if not dispatch.n_binaries:
        return "linear program: charging and discharging at once never pays"
    _, t = cars.places
    negative = (buy[t][cars.circular(buy, sell)] < 0).any()
    why = "prices are negative" if negative else "selling pays more than p / eta^2"
    return f"mixed-integer program, {dispatch.n_binaries} binaries: {why}"
