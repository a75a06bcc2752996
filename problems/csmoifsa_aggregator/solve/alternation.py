"""Upper bounds and good prices of the pricing game from linear programs alone, without integers.

`certify` returns the certificate's upper bound. `alternate` repeats two steps until the profit no longer grows: the
best price for a response, and the drivers' response to that price. `improve` adds a search over rankings of the steps
(`ranking`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.costs import import_excess
from csmoifsa_aggregator.model.follower import TIE, fill, tie_groups
from csmoifsa_aggregator.model.follower import bills as bills_of
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.solve.bounds import (
    FollowerResponse,
    best_price,
    best_response,
    greatest_bills,
    least_cost,
    least_excess,
)
from csmoifsa_aggregator.solve.ranking import load_of_classes, search_rankings
from csmoifsa_aggregator.solve.supply import Procurement, procure

PROVEN = 1e-6
"""Relative distance of verified profit and upper bound up to which an optimum counts as proven."""


class NoPlanError(InputError):
    """No plan serves all drivers, even under direct load control."""


@dataclass(frozen=True)
class VerifiedPrice:
    """A price with the drivers' response and its profit, recomputed without relying on a solver except for the storage.

    Attributes
    ----------
    price : (T,) array
        Price that drivers pay [currency/kWh].
    response : FollowerResponse
        Response of the drivers at this price.
    profit : float
        Bills less the cost of supply, and less `Game.forgone` [currency]; minus infinity where the response is not
        feasible.
    bills : float
        Sum of the drivers' bills, V2G owners net of what they are paid [currency].
    supply : Procurement
        Cheapest supply of the response's load.
    ev_cost : float
        Cost of the drivers' energy without the storage [currency].
    """

    price: np.ndarray
    response: FollowerResponse
    profit: float
    bills: float
    supply: Procurement
    ev_cost: float


def verify(game: Game, price: np.ndarray, response: FollowerResponse | None = None) -> VerifiedPrice:
    """Return a price with its profit recomputed at the drivers' response, by default the optimistic one.

    The profit is minus infinity where the response exceeds the import limit, where the bills break `Game.bill_range`,
    or where no response of the V2G followers can be supplied.
    """
    response = best_response(game, price) if response is None else response
    load = response.load_kw(game)
    bills = float(load @ price) * game.dt_h
    discharged, wear = None, 0.0
    if game.cars is not None and response.cars is not None:
        bills += float(response.cars.net_kw @ price) * game.dt_h
        wear = float(game.cars.wear @ response.cars.discharged_kwh(game.cars))
        load, discharged = load + response.cars.charge_kw.sum(axis=0), response.cars.discharge_kw.sum(axis=0)
    supply = procure(load, game, discharged, may_lose=False)
    feasible = import_excess(response.net_kw(game), game) <= 1e-6 * max(1.0, float(load.max()))
    low, high = game.bill_range
    slack = PROVEN * max(abs(bills), 1e-3 * game.price_scale * float(game.energy_kwh.sum()))
    feasible &= low - slack <= bills + wear <= high + slack
    feasible &= game.cars is None or response.cars is not None
    forgone = 0.0 if game.forgone is None else game.forgone.at((bills + wear) / game.needed_kwh)
    profit = bills - supply.cost - forgone if feasible else -np.inf
    return VerifiedPrice(price, response, profit, bills, supply, supply.ev_cost)


def meets_bound(found: VerifiedPrice | None, bound: float) -> bool:
    """Return whether a verified profit meets an upper bound to the relative tolerance `PROVEN`."""
    return found is not None and bound - found.profit <= PROVEN * max(abs(bound), 1e-9)


def earns_more(found: VerifiedPrice | None, best: VerifiedPrice | None, step: float = 0.0) -> bool:
    """Return whether a profit is feasible and exceeds another one by more than a relative step."""
    if found is None or not np.isfinite(found.profit):
        return False
    return best is None or not np.isfinite(best.profit) or found.profit > best.profit + step * abs(best.profit)


def certify(game: Game, margin: float = 0.0) -> tuple[float, VerifiedPrice | None]:
    """Return an upper bound of the profit [currency] and the best price that `alternate` finds, None if it finds none.

    The bound is the greatest sum of bills less the least cost, plus the storage's earnings where the game is separable.
    `alternate` starts from the cheapest response, then from the drivers' response to the price of greatest bills.

    Raises
    ------
    NoPlanError
        No plan serves all drivers within the import limit, or V2G drivers discharge more than the others draw.
    """
    most_paid, price = greatest_bills(game)
    cost, cheapest = least_cost(game)
    if not np.isfinite(cost):
        _refuse_import_limit(game)
    separable_storage = 0.0
    if game.separable and game.storage is not None:
        load = cheapest.load_kw(game)
        supply = procure(load, game)
        separable_storage = supply.ev_cost - supply.cost
    bound = most_paid - cost + separable_storage
    if bound == -np.inf:
        return bound, None
    best: VerifiedPrice | None = None
    for response in (cheapest, best_response(game, price)):
        found = alternate(game, response, margin, bound)
        best = found if best is None or earns_more(found, best) else best
        if meets_bound(best, bound):
            break
    return bound, best


def _refuse_import_limit(game: Game) -> None:
    """Raise the error that no plan serves all drivers.

    The message states by how much the import limit would have to rise; where that is not the reason, that V2G classes
    must discharge energy that nobody draws.
    """
    limit = game.import_limit_kw
    missing, load = (0.0, np.zeros(game.n_steps)) if limit is None else least_excess(game)
    if limit is None or missing <= 1e-6 * float(load.max()):
        raise NoPlanError(
            "no plan serves all drivers, even under direct load control: V2G drivers must discharge energy that no "
            "other driver draws; lower their arrival_kwh or v2g_share, or set contract.stage_one = 'charging'"
        )
    worst = int((load - limit).argmax())
    raise NoPlanError(
        f"limits.import_limit_kw is too low: even under direct load control drivers would draw at least "
        f"{missing:.4g} kW more than the {limit[worst]:g} kW allowed in {game.hour(worst)}; raise the limit by that, "
        "or let fewer cars charge"
    )


def alternate(
    game: Game, response: FollowerResponse, margin: float, bound: float, rounds: int = 15
) -> VerifiedPrice | None:
    """Return the best price found by alternating the best price for a response and the response to that price.

    None if no price keeps the first response, with the margin. A margin above zero rounds each response to whole steps
    first. Ends when the profit no longer grows, when it meets the bound, or after ``rounds`` rounds.
    """
    best: VerifiedPrice | None = None
    for _ in range(rounds):
        if margin > 0:
            response = whole_steps(response, game)
        price = best_price(game, response, margin)
        if price is None:
            break
        now = verify(game, price)
        if best is not None and not earns_more(now, best, 1e-12):
            break
        best = now
        if meets_bound(best, bound):
            break
        response = best_response(game, price)
    return best


def whole_steps(response: FollowerResponse, game: Game) -> FollowerResponse:
    """Round a response to whole steps and at most one partial step per class, as a strict margin requires.

    Each class fills the steps of its greatest shares first. The V2G dispatch is unchanged.
    """
    x = np.empty_like(response.x)
    for k, share in enumerate(response.x):
        order = np.lexsort((game.cheapest, -share))
        x[k] = fill(order, game)[k]
    return FollowerResponse(x, response.cars)


def improve(game: Game, best: VerifiedPrice, margin: float, bound: float, tries: int) -> VerifiedPrice:
    """Return a better price, or the best one unchanged, by a search over rankings and then `alternate`; deterministic.

    With an import limit or supply curve, indifferent drivers are best spread over steps of equal price, which no
    ranking can express; games that are not separable continue with `perturb`.
    """
    known = game.cars is None and not np.isfinite(game.bill_range).any() and (game.storage is None or game.separable)
    price = search_rankings(game, load_of_classes(game, margin), best.price, tries) if tries and known else None
    if price is not None:
        order = np.lexsort((game.cheapest, tie_groups(price, TIE * game.price_scale)))
        for response in (FollowerResponse(fill(order, game)), best_response(game, price)):
            found = alternate(game, response, margin, bound)
            best = found if found is not None and earns_more(found, best) else best
    return best if game.separable or not tries else perturb(game, best, margin, bound)


def perturb(game: Game, best: VerifiedPrice, margin: float, bound: float, rounds: int = 10) -> VerifiedPrice:
    """Return the best price found by `alternate` from perturbed best prices (iterated local search); deterministic."""
    rng = np.random.default_rng(0)
    for _ in range(rounds):
        noise = rng.choice([0.01, 0.03, 0.1]) * game.price_scale * rng.normal(size=game.n_steps)
        found = alternate(game, best_response(game, fit_mean(game, best.price + noise)), margin, bound)
        best = found if found is not None and earns_more(found, best) else best
    return best


def fit_mean(game: Game, price: np.ndarray) -> np.ndarray:
    """Return a price shifted by one constant and clipped to the bounds so that it has the game's mean, shape (T,).

    Price and result in [currency/kWh]; the constant is found by bisection. The mean is that of `Game.mean_weight`.
    """
    low, high = float((game.lower - price).min()), float((game.upper - price).max())
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _mean(game, np.clip(price + middle, game.lower, game.upper)) > game.mean:
            high = middle
        else:
            low = middle
    return np.clip(price + low, game.lower, game.upper)


def _mean(game: Game, price: np.ndarray) -> float:
    if game.mean_weight == "time":
        return float(price.mean())
    return float(bills_of(price, game).sum() / game.energy_kwh.sum())
