"""Check a certificate of stage one without any solver, in exact fractions.

A certificate holds a game, a price, the response of every class, the aggregator's purchases and sales, the claimed
profit and upper bound, and multipliers. Weak duality turns any multipliers into a bound, so no rounding has to be
trusted:

* bills: for any response y of the classes, ``sum_k R_k(c) <= sum_t c_t y_t <= mu T mean + sum_t max over the bounds of
  (y_t - mu) c_t``, for any mu (mu >= 0 where the mean is only bounded above);
* cost: for any prices pi of the balance, nu >= 0 of the import limit, m of the storage's state of energy and
  kappa >= 0 of the sale limit, the cost is at least the minimum of the Lagrangian over boxes, where each class fills
  the cheapest steps at ``pi + nu``. With a demand charge d, theta >= 0 of the peak joins nu as theta / dt; where its
  sum exceeds d, it is scaled down to it.

Where customers leave, load and price are those of all drivers, and everything bought is for the share that stays at
the mean price paid; the bound is then on trust, as with a mean weighted by the load.

A certificate is untrusted data: it is read strictly, its size is limited, and nothing in it is executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa.files import read_json
from csmoifsa_aggregator.solve.proof_game import SLACK, ProofGame, Series, entries, matrix, number, series, table

FORMAT = "csmoifsa stage one certificate 1"
LARGEST = 20_000_000
"""Greatest size of a certificate [bytes]."""


@dataclass(frozen=True)
class Verdict:
    """Result of the check of a certificate.

    Attributes
    ----------
    faults : list of str
        Failed checks, one sentence each; empty where everything checked holds.
    profit : float
        Profit recomputed from the game and the schedules [currency].
    bound : float or None
        Upper bound recomputed from the multipliers [currency]; None where the certificate's bound is on trust.
    claimed_bound : float
        Upper bound that the certificate states [currency].
    status : "proven" or "gap"
        Status that the certificate claims.
    margin : float
        Strict margin that was checked [currency/kWh]; 0: ties are broken in the aggregator's favour.
    """

    faults: list[str]
    profit: float
    bound: float | None
    claimed_bound: float
    status: str
    margin: float


def verify_certificate(path: str | Path) -> Verdict:
    """Read a certificate from a JSON file, check it, and return the verdict.

    Raises
    ------
    InputError
        The file cannot be read, or is no certificate; the message names the key.
    """
    values = read_json(path, "certificate", LARGEST)
    try:
        return check(values)
    except InputError as error:
        raise InputError(f"{path} is no certificate that can be checked: {error}") from None


_SUPPLY = ("ahead_kw", "real_time_kw", "sold_kw", "charge_kw", "discharge_kw")
_MULTIPLIERS = ("response_kwh", "mu", "pi", "nu", "m", "kappa")


def check(values: object) -> Verdict:
    """Check a certificate that has been parsed and return the verdict; see `verify_certificate`."""
    keys = ("format", "game", "margin", "price", "load_kw", "v2g", "supply", "profit", "upper_bound", "status", "bound")
    one = table(values, "the certificate", keys)
    if one["format"] != FORMAT:
        raise InputError(f"its format is not {FORMAT!r}")
    game = ProofGame(one["game"])
    price = series(one["price"], "price", game.steps)
    load = matrix(one["load_kw"], "load_kw", game.classes, game.steps)
    profit, bound, margin = (number(one[key], key) for key in ("profit", "upper_bound", "margin"))
    if one["status"] not in ("proven", "gap"):
        raise InputError("status must be 'proven' or 'gap'")
    wrong: list[str] = []
    cars, borne = _batteries(game, price, one["v2g"], wrong)
    paid = (sum((game.fill(k, price) for k in range(game.classes)), Fraction(0)) + borne) / game.needed
    faults = [*_price_faults(game, price, paid), *_class_faults(game, price, load, margin)]
    share = Fraction(1) if game.customers is None else game.customers.share(paid)
    faults += wrong
    net = [share * (sum((row[t] for row in load), Fraction(0)) + cars[t]) for t in range(game.steps)]
    if game.import_limit is not None:
        worst = max(load_t - limit for load_t, limit in zip(net, game.import_limit, strict=True))
        if worst > SLACK * max(net):
            faults.append(f"the load exceeds the import limit by {float(worst):g} kW")
    bills = sum((c * n for c, n in zip(price, net, strict=True)), Fraction(0)) * game.dt
    both = [b + load_t for b, load_t in zip(game.base, net, strict=True)]
    rise = max([*both, Fraction(0)]) - max([*game.base, Fraction(0)])
    earned = bills - _cost(game, one["supply"], net, faults) - game.demand_charge * rise
    money = max(abs(earned), SLACK * game.scale * sum(game.energy, Fraction(0)))
    if abs(earned - profit) > SLACK * money:
        faults.append(f"the profit is {float(earned):.9g}, not {float(profit):.9g}")
    reached = _bound(game, one["bound"], faults, bound, money)
    if bound < earned - 2 * SLACK * money:
        faults.append(f"the upper bound {float(bound):.9g} lies below the profit {float(earned):.9g}")
    if one["status"] == "proven" and bound - earned > 2 * SLACK * max(abs(bound), money):
        faults.append(f"the upper bound {float(bound):.9g} does not meet the profit {float(earned):.9g}: not proven")
    return Verdict(
        faults, float(earned), None if reached is None else float(reached), float(bound), one["status"], float(margin)
    )


def _price_faults(game: ProofGame, price: Series, paid: Fraction) -> list[str]:
    slack, faults = SLACK * game.scale, []
    for t, (low, c, high) in enumerate(zip(game.lb, price, game.ub, strict=True)):
        if not low - slack <= c <= high + slack:
            faults.append(f"the price of step {t}, {float(c):g}, lies outside its bounds")
            break
    mean = paid if game.by_load else sum(price) / game.steps
    if mean > game.mean + slack or (game.equal and mean < game.mean - slack):
        faults.append(f"the mean price is {float(mean):.9g}, not {float(game.mean):.9g}")
    if game.most_paid is not None and paid > game.most_paid + slack:
        faults.append(f"the mean price paid is {float(paid):.9g}, above {float(game.most_paid):.9g}")
    return faults


def _class_faults(game: ProofGame, price: Series, load: list[Series], margin: Fraction) -> list[str]:
    faults = []
    for k, row in enumerate(load):
        most, slack = game.most(k), SLACK * game.power[k] * game.dt
        taken = [one * game.dt for one in row]
        if any(not -slack <= e <= m + slack for e, m in zip(taken, most, strict=True)):
            faults.append(f"class {k + 1} charges outside its window or above its power")
        if abs(sum(taken) - game.energy[k]) > SLACK * game.energy[k]:
            faults.append(f"class {k + 1} takes {float(sum(taken)):.9g} kWh, not {float(game.energy[k]):.9g}")
        excess = sum(c * e for c, e in zip(price, taken, strict=True)) - game.fill(k, price)
        if excess > SLACK * game.scale * game.energy[k]:
            faults.append(f"class {k + 1} could pay {float(excess):g} less at this price")
        if margin > 0:
            room = [t for t in range(game.steps) if most[t] > 0]
            ranks = {t: 2 if taken[t] >= most[t] - slack else int(taken[t] > slack) for t in room}
            by_rank = [[price[t] for t in room if ranks[t] == rank] for rank in (2, 1, 0)]
            for i, cheap in enumerate(by_rank):
                dear = [c for other in by_rank[i + 1 :] for c in other]
                if cheap and dear and min(dear) - max(cheap) < margin - SLACK * game.scale:
                    faults.append(f"class {k + 1} has no margin of {float(margin):g} between its hours")
            if len(by_rank[1]) > 1:
                faults.append(f"class {k + 1} is indifferent between hours that it uses in part")
    return faults


def _batteries(game: ProofGame, price: Series, values: object, faults: list[str]) -> tuple[Series, Fraction]:
    """Check dynamics, limits and optimality of the V2G classes; return their net load by step [kW] and what they bear.

    They bear their bills, less what they are paid, and the wear [currency]. Optimality follows from the multipliers of
    the state of energy by weak duality: the cost of one vehicle is at least the minimum of its Lagrangian over the
    boxes of its variables.
    """
    net, borne, dt = [Fraction(0)] * game.steps, Fraction(0), game.dt
    if game.cars is None:
        if values is not None:
            raise InputError("v2g must be null: the game has no V2G classes")
        return net, borne
    rows = entries(values, "v2g")
    if len(rows) != len(game.cars):
        raise InputError(f"v2g must have {len(game.cars)} entries")
    for v, (car, row) in enumerate(zip(game.cars, rows, strict=True)):
        row = table(row, "an entry of v2g", ("charge_kw", "discharge_kw", "value"))
        ch, dis, value = (series(row[key], key, len(car.places)) for key in ("charge_kw", "discharge_kw", "value"))
        soe, eta, cost, least = car.arrival_kwh, car.efficiency, Fraction(0), -value[0] * car.arrival_kwh
        slack, big = SLACK * car.charge_kw, SLACK * max(car.high)
        for i, t in enumerate(car.places):
            soe += (eta * ch[i] - dis[i] / eta) * dt
            limits = -slack <= ch[i] <= car.charge_kw + slack and -slack <= dis[i] <= car.discharge_kw + slack
            if not limits or not car.low[i] - big <= soe <= car.high[i] + big:
                faults.append(f"V2G class {v + 1} breaks a limit of power or state of energy in step {t}")
                break
            net[t] += car.count * (ch[i] - dis[i])
            cost += dt * (price[t] * ch[i] + (car.wear - price[t]) * dis[i])
            after = value[i + 1] if i + 1 < len(value) else Fraction(0)
            least += min(Fraction(0), dt * (price[t] - eta * value[i])) * car.charge_kw
            least += min(Fraction(0), dt * (car.wear - price[t] + value[i] / eta)) * car.discharge_kw
            least += min((value[i] - after) * car.low[i], (value[i] - after) * car.high[i])
        if cost - least > 3 * SLACK * game.scale * max(car.high):
            faults.append(f"V2G class {v + 1}: its response is not shown to be optimal by {float(cost - least):g}")
        borne += car.count * cost
    return net, borne


def _cost(game: ProofGame, values: object, net: Series, faults: list[str]) -> Fraction:
    """Return the cost of the supply [currency]; check the balance, the exclusions and the storage."""
    supply = table(values, "supply", _SUPPLY)
    n, dt = game.steps, game.dt
    ahead = matrix(supply["ahead_kw"], "ahead_kw", len(game.blocks), n)
    bought, sold, charge, discharge = (series(supply[key], key, n) for key in _SUPPLY[1:])
    slack = SLACK * max([*(abs(one) for one in net), *charge, *discharge, SLACK])
    power = Fraction(0) if game.store is None else game.store["power_kw"]
    soe = Fraction(0) if game.store is None else game.store["initial_kwh"]
    eta = Fraction(1) if game.store is None else game.store["efficiency"]
    cost, wrong = Fraction(0), ""
    for t in range(n):
        bought_ahead = [row[t] for row in ahead]
        if abs(sum(bought_ahead) + bought[t] - sold[t] + discharge[t] - charge[t] - net[t]) > slack:
            wrong = wrong or f"the balance of step {t} does not hold"
        if min(*bought_ahead, bought[t], sold[t], charge[t], discharge[t]) < -slack:
            wrong = wrong or f"a purchase, sale or flow of step {t} is below zero"
        if any(w is not None and a > w + slack for a, (w, _) in zip(bought_ahead, game.blocks, strict=True)):
            wrong = wrong or f"a block of the supply curve is exceeded in step {t}"
        if sold[t] > discharge[t] + slack or (sold[t] > slack and bought[t] > slack):
            wrong = wrong or f"in step {t} more is sold than discharged, or energy is bought in real time beside a sale"
        if max(charge[t], discharge[t]) > power + slack or min(charge[t], discharge[t]) > slack:
            wrong = wrong or f"the storage exceeds its power, or charges and discharges at once, in step {t}"
        soe += (eta * charge[t] - discharge[t] / eta) * dt
        if game.store is not None and not -SLACK * n * power <= soe <= game.store["capacity_kwh"] + SLACK * n * power:
            wrong = wrong or f"the storage's state of energy leaves its limits in step {t}"
        prices = [game.p[t] + premium for _, premium in game.blocks]
        cost += dt * sum(a * c for a, c in zip(bought_ahead, prices, strict=True))
        cost += dt * (game.pb[t] * bought[t] - game.ps[t] * sold[t])
    if game.store is not None and soe < game.store["initial_kwh"] - SLACK * n * power:
        wrong = wrong or "the storage ends the day with less than it began with"
    faults += [wrong] if wrong else []
    return cost


def _bound(game: ProofGame, values: object, faults: list[str], claimed: Fraction, money: Fraction) -> Fraction | None:
    """Return the upper bound of the multipliers [currency]; None where the certificate's bound is on trust."""
    if not isinstance(values, dict) or values.get("kind") not in ("linear programs", "on trust"):
        raise InputError("bound.kind must be 'linear programs' or 'on trust'")
    if values["kind"] == "on trust":
        if not isinstance(table(values, "bound", ("kind", "from"))["from"], str):
            raise InputError("bound.from must be a text")
        return None
    if game.cars is not None or game.customers is not None or game.by_load:
        raise InputError(
            "bound.kind must be 'on trust' for a game with V2G classes, customers who leave or a mean weighted by the "
            "load"
        )
    table(values, "bound", ("kind", *_MULTIPLIERS, *(("theta",) if game.demand_charge else ())))
    n = game.steps
    response = matrix(values["response_kwh"], "response_kwh", game.classes, n)
    pi, nu, m, kappa = (series(values[key], key, n) for key in _MULTIPLIERS[2:])
    theta = series(values["theta"], "theta", n) if game.demand_charge else [Fraction(0)] * n
    bound = most_bills(game, response, number(values["mu"], "mu")) - least_cost(game, pi, nu, m, kappa, theta)
    if bound > claimed + SLACK * max(abs(claimed), money):
        faults.append(f"the multipliers show an upper bound of {float(bound):.9g}, not {float(claimed):.9g}")
    return bound


def most_bills(game: ProofGame, response: list[Series], mu: Fraction) -> Fraction:
    """Return an upper bound of the drivers' bills at any price [currency], by weak duality; see the module docstring.

    The response is first made exactly feasible.
    """
    total = [Fraction(0)] * game.steps
    for k, row in enumerate(response):
        most = game.most(k)
        taken = [min(max(one, Fraction(0)), m) for one, m in zip(row, most, strict=True)]
        missing = game.energy[k] - sum(taken)
        for t in range(game.steps):  # what rounding left out or added
            step = max(min(missing, most[t] - taken[t]), -taken[t])
            taken[t], missing = taken[t] + step, missing - step
        total = [a + b for a, b in zip(total, taken, strict=True)]
    mu = mu if game.equal else max(mu, Fraction(0))
    over = (max((y - mu) * lo, (y - mu) * hi) for y, lo, hi in zip(total, game.lb, game.ub, strict=True))
    return mu * game.mean * game.steps + sum(over)


def least_cost(game: ProofGame, pi: Series, nu: Series, m: Series, kappa: Series, theta: Series) -> Fraction:
    """Return a lower bound of the cost of any class load [currency], by weak duality; see the module docstring."""
    zero, dt, n = Fraction(0), game.dt, game.steps
    nu, kappa, theta = ([max(one, zero) for one in row] for row in (nu, kappa, theta))
    nu = nu if game.import_limit is not None else [zero] * n
    pi = [min(x, b) for x, b in zip(pi, game.pb, strict=True)]  # unlimited purchases bound the price of the balance
    total = sum(theta)
    part = min(Fraction(1), game.demand_charge / total) if total > 0 else zero
    theta = [part * one for one in theta]
    alone = max([*game.base, zero])
    # the rise of the peak is at least -alone, and at least each step's net load and base load less alone
    peak = sum((v * (b - alone) for v, b in zip(theta, game.base, strict=True)), zero)
    peak -= (game.demand_charge - sum(theta)) * alone
    nu_and_theta = [a + b / dt for a, b in zip(nu, theta, strict=True)]
    for width, premium in game.blocks:
        if width is None:
            pi = [min(x, p + premium) for x, p in zip(pi, game.p, strict=True)]
    bound = peak + sum(
        game.fill(k, [a + b for a, b in zip(pi, nu_and_theta, strict=True)]) for k in range(game.classes)
    )
    bound -= sum(v * c for v, c in zip(nu, game.import_limit or [zero] * n, strict=True)) * dt
    for width, premium in game.blocks:
        if width is not None:
            bound += dt * sum(min(zero, p + premium - x) * width for p, x in zip(game.p, pi, strict=True))
    if game.store is None:
        return Fraction(bound)
    power, capacity, initial, eta = (
        game.store[key] for key in ("power_kw", "capacity_kwh", "initial_kwh", "efficiency")
    )
    bound -= m[0] * initial
    for t in range(n):
        after = m[t + 1] if t + 1 < n else zero
        low = initial if t + 1 == n else zero
        bound += min((after - m[t]) * -low, (after - m[t]) * -capacity)
        bound += min(zero, dt * (pi[t] - game.ps[t] + kappa[t])) * power
        charging = min(zero, dt * (pi[t] - eta * m[t])) * power
        discharging = min(zero, dt * (m[t] / eta - pi[t] - kappa[t])) * power
        bound += min(charging, discharging)  # not both at once
    return Fraction(bound)
