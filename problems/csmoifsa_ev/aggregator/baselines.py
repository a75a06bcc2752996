"""What stage one and the contracts are measured against: charging on arrival, a flat price, the day-ahead price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_ev.aggregator.battery import longest_stay
from csmoifsa_ev.aggregator.case import Case
from csmoifsa_ev.aggregator.contracts import StageTwo
from csmoifsa_ev.aggregator.follower import fill, respond
from csmoifsa_ev.aggregator.game import Game
from csmoifsa_ev.aggregator.stackelberg import Solution, fit_mean
from csmoifsa_ev.aggregator.supply import load_cost

ON_ARRIVAL, FLAT, DAY_AHEAD, STAGE_ONE, WITH_V2G = (
    "charging on arrival",
    "flat price",
    "day-ahead price",
    "stage one",
    "+ V2G",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """One way to run the day.

    Attributes
    ----------
    name : str
        Which.
    price : (T,) array
        What drivers pay [currency/kWh].
    load_kw : (T,) array
        Net load of all cars [kW].
    profit : float
        Bills less what the cars' energy, wear and shares cost; own storage left out [currency].
    driver_cost : float
        Bills less the owners' share of the surplus; payments for wear only make good what they lose [currency].
    """

    name: str
    price: np.ndarray
    load_kw: np.ndarray
    profit: float
    driver_cost: float

    def row(self) -> dict[str, float | str]:
        """Return the outcome as a row of a table."""
        return {
            "plan": self.name,
            "profit": self.profit,
            "driver_cost": self.driver_cost,
            "peak_kw": float(self.load_kw.max()),
            "valley_kw": float(self.load_kw.min()),
            "peak_valley_kw": float(np.ptp(self.load_kw)),
        }


def on_arrival(game: Game) -> np.ndarray:
    """Return shares x (K, T) when every car charges at full power from the beginning of its longest stay on."""
    x = np.zeros(game.window.shape)
    for k in range(game.n_classes):
        first, _ = longest_stay(game.window[k])
        x[k] = fill(np.roll(np.arange(game.n_steps), -first), game)[k]
    return x


def evenly(game: Game) -> np.ndarray:
    """Return shares x (K, T) when indifferent drivers spread evenly over their windows."""
    share = game.energy_kwh / (game.step_kwh * game.window.sum(axis=1))
    return share[:, None] * game.window


def baselines(game: Game) -> list[Outcome]:
    """Return charging on arrival and spread evenly, both at the flat mean price, and the day-ahead price passed on."""
    flat = np.full(game.n_steps, game.mean)
    passed = fit_mean(game, game.day_ahead)
    return [
        _outcome(game, ON_ARRIVAL, flat, on_arrival(game)),
        _outcome(game, FLAT, flat, evenly(game)),
        _outcome(game, DAY_AHEAD, passed, respond(passed, game)),
    ]


def _outcome(game: Game, name: str, price: np.ndarray, x: np.ndarray) -> Outcome:
    load = game.power_kw @ x
    bills = float(load @ price) * game.dt_h
    return Outcome(name=name, price=price, load_kw=load, profit=bills - float(load_cost(load, game)), driver_cost=bills)


def stages(case: Case, solution: Solution, second: StageTwo | None) -> list[Outcome]:
    """Return the outcomes of stage one and, where there are V2G contracts, of stage two."""
    game = case.game
    load = solution.response.load_kw(game)
    if solution.response.cars is not None:
        load = load + solution.response.cars.net_kw
    first = Outcome(
        name=STAGE_ONE,
        price=solution.price,
        load_kw=load,
        profit=solution.ev_margin,
        driver_cost=solution.bills,
    )
    if second is None:
        return [first]
    plain = plain_load(case, solution)
    cost = float(load_cost(plain, game)) + second.v2g.cost
    return [
        first,
        Outcome(
            name=WITH_V2G,
            price=solution.price,
            load_kw=plain + second.v2g.net_kw,
            profit=solution.bills - cost - second.owner_share,
            driver_cost=solution.bills - second.owner_share,
        ),
    ]


def plain_load(case: Case, solution: Solution) -> np.ndarray:
    """Return the load of the drivers without V2G contract, shape (T,) [kW]."""
    return (solution.response.x * ((1.0 - case.share) * case.game.power_kw)[:, None]).sum(axis=0)
