"""The whole pricing game as one plain mixed-integer program: an oracle for stage one that takes no shortcut.

Nothing here comes from the package but the data of a game. Every step has its own binaries for charging or discharging
the storage and for selling or buying in real time; big-M values come from the widest price bounds; no step is settled
beforehand. Sizes of a few steps and classes are solved in hundredths of a second by `scipy.optimize.milp`.
"""

from itertools import permutations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array


class Model:
    """A program to maximise, built one variable and one row at a time."""

    def __init__(self):
        self.low, self.high, self.gain, self.whole = [], [], [], []
        self.rows, self.least, self.most = [], [], []

    def variable(self, low=0.0, high=np.inf, gain=0.0, whole=False):
        """Add a variable with its bounds and its gain in the objective; return its place."""
        for values, value in zip((self.low, self.high, self.gain, self.whole), (low, high, gain, whole), strict=True):
            values.append(value)
        return len(self.low) - 1

    def variables(self, n, **kind):
        """Add n equal variables."""
        return [self.variable(**kind) for _ in range(n)]

    def switch(self):
        """Add a binary."""
        return self.variable(0, 1, whole=True)

    def row(self, terms, least=-np.inf, most=np.inf):
        """Add ``least <= sum of coefficient * variable <= most``; terms are (variable, coefficient)."""
        self.rows.append(terms)
        self.least.append(least)
        self.most.append(most)

    def solve(self):
        """Return values and objective; None if there is no solution. Binaries are rounded, the rest solved again."""
        entries = [(i, j, a) for i, terms in enumerate(self.rows) for j, a in terms]
        i, j, a = zip(*entries, strict=True)
        matrix = coo_array((a, (i, j)), shape=(len(self.rows), len(self.low))).tocsr()
        low, high, whole = np.array(self.low, float), np.array(self.high, float), np.array(self.whole)
        x = None
        for integrality in (whole.astype(int), np.zeros(whole.size)):
            if x is not None:
                low[whole] = high[whole] = np.round(x[whole])
            answer = milp(
                -np.array(self.gain),
                constraints=LinearConstraint(matrix, self.least, self.most),
                bounds=Bounds(low, high),
                integrality=integrality,
                options={"mip_rel_gap": 1e-10},
            )
            if answer.x is None:
                return None
            x = answer.x
        return x, -answer.fun


def best_profit(game, margin=0.0):
    """Return the greatest profit of a game, ties in the leader's favour; None if there is no price.

    With a strict margin each class fills steps that are cheaper, by the margin, than the step it takes in part, and
    those are cheaper, by the margin, than the steps it leaves.
    """
    model = Model()
    price = [model.variable(lo, hi) for lo, hi in zip(game.lower, game.upper, strict=True)]
    total = game.mean * game.n_steps
    if game.mean_weight == "time":
        model.row([(c, 1.0) for c in price], total if game.mean_sense == "==" else -np.inf, total)
    load = [[] for _ in range(game.n_steps)]  # terms of each step's load [kW]
    for k in range(game.n_classes):
        _class_at_margin(model, game, k, price, load, margin) if margin > 0 else _class(model, game, k, price, load)
    if game.mean_weight == "load" or game.most_paid is not None:
        paid = [(j, gain) for j, gain in enumerate(model.gain) if gain]  # the supply's costs are not there yet
        energy = sum(game.energy_kwh)
        if game.mean_weight == "load":
            model.row(paid, game.mean * energy if game.mean_sense == "==" else -np.inf, game.mean * energy)
        if game.most_paid is not None:
            model.row(paid, most=game.most_paid * energy)
    if game.import_limit_kw is not None:
        for terms, limit in zip(load, game.import_limit_kw, strict=True):
            if terms:
                model.row(terms, most=limit)
    if game.cars is not None:
        for v in range(game.cars.n_classes):
            _battery(model, game, v, price, load)
    if game.demand_charge > 0:
        base = np.zeros(game.n_steps) if game.base_kw is None else game.base_kw
        peak = model.variable(0.0, gain=-game.demand_charge)
        model.row([(model.variable(1.0, 1.0, gain=game.demand_charge * max(0.0, *base)), 1.0)])
        for terms, beside in zip(load, base, strict=True):
            model.row([(peak, 1.0), *((j, -a) for j, a in terms)], least=beside)
    _supply(model, game, load)
    answer = model.solve()
    return None if answer is None else answer[1]


def _class(model, game, k, price, load):
    """Charging by the conditions of optimality, anywhere between equally cheap responses; bills by strong duality."""
    wide = game.upper.max() - game.lower.min()
    full_kwh = game.power_kw[k] * game.dt_h
    lam = model.variable(game.lower.min(), game.upper.max(), gain=game.energy_kwh[k])
    need = []
    for t in np.flatnonzero(game.window[k]):
        e = model.variable(0.0, full_kwh)
        omega, sigma = model.variable(0.0, wide, gain=-full_kwh), model.variable(0.0, wide)
        at_full, at_zero = model.switch(), model.switch()
        model.row([(price[t], 1.0), (lam, -1.0), (omega, 1.0), (sigma, -1.0)], 0.0, 0.0)
        model.row([(omega, 1.0), (at_full, -wide)], most=0.0)
        model.row([(e, 1.0), (at_full, -full_kwh)], least=0.0)
        model.row([(sigma, 1.0), (at_zero, -wide)], most=0.0)
        model.row([(e, 1.0), (at_zero, full_kwh)], most=full_kwh)
        need.append((e, 1.0))
        load[t].append((e, 1.0 / game.dt_h))
    model.row(need, game.energy_kwh[k], game.energy_kwh[k])


def _class_at_margin(model, game, k, price, load, margin):
    """Charging in whole steps and at most one in part, apart by the margin; bills as products of price and binary."""
    steps = np.flatnonzero(game.window[k])
    full_kwh = game.power_kw[k] * game.dt_h
    whole = int(np.floor(game.energy_kwh[k] / full_kwh + 1e-9))
    rest = max(0.0, game.energy_kwh[k] / full_kwh - whole)
    rest = rest if rest > 1e-9 else 0.0
    full = {t: model.switch() for t in steps}
    part = {t: model.switch() for t in steps}
    model.row([(full[t], 1.0) for t in steps], whole, whole)
    model.row([(part[t], 1.0) for t in steps], float(rest > 0), float(rest > 0))
    for t in steps:
        model.row([(full[t], 1.0), (part[t], 1.0)], most=1.0)
        for used, amount in ((full[t], full_kwh), (part[t], rest * full_kwh)):
            paid = model.variable(-np.inf, np.inf, gain=amount)  # price where used, else 0
            model.row([(paid, 1.0), (used, -game.upper[t])], most=0.0)
            model.row([(paid, 1.0), (used, -game.lower[t])], least=0.0)
            model.row([(paid, 1.0), (price[t], -1.0), (used, -game.lower[t])], most=-game.lower[t])
            model.row([(paid, 1.0), (price[t], -1.0), (used, -game.upper[t])], least=-game.upper[t])
            load[t].append((used, amount / game.dt_h))
    big = margin + game.upper.max() - game.lower.min()
    for t, s in permutations(steps, 2):
        apart = [(price[t], 1.0), (price[s], -1.0)]  # c_t + margin <= c_s + big * (0 where it must hold, else 1)
        model.row([*apart, (full[t], big), (full[s], -big)], most=big - margin)
        used = [(full[t], big), (part[t], big), (full[s], -big), (part[s], -big)]
        model.row([*apart, *used], most=big - margin)


def _battery(model, game, v, price, load):
    """A V2G class by the conditions of optimality of its linear program; bills by strong duality, less its wear."""
    cars, dt = game.cars, game.dt_h
    eta, count, wear = cars.efficiency[v], cars.count[v], cars.wear[v]
    big = 4.0 * dt * (np.abs([game.lower, game.upper]).max() + wear) / eta**2
    before, value_before, reach = None, None, cars.arrival_kwh[v]
    steps = [(cars.start[v] + i) % game.n_steps for i in range(cars.length[v])]
    values = [model.variable(-big, big) for _ in steps]
    for i, t in enumerate(steps):
        last = i == len(steps) - 1
        reach += eta * cars.charge_kw[v] * dt
        low = min(cars.floor_kwh[v], reach)
        low = max(low, cars.departure_kwh[v]) if last else low
        following = [] if last else [(values[i + 1], -1.0)]
        ch = _at_optimum(model, 0.0, cars.charge_kw[v], count, big, 0.0, [(price[t], dt), (values[i], eta * dt)])
        dis = _at_optimum(
            model, 0.0, cars.discharge_kw[v], count, big, wear * dt, [(price[t], -dt), (values[i], -dt / eta)]
        )
        high = max(cars.capacity_kwh[v], low)
        soe = _at_optimum(model, low, high, count, big, 0.0, [(values[i], -1.0), *[(j, -a) for j, a in following]])
        flow = [(soe, 1.0), (ch, -eta * dt), (dis, dt / eta)]
        start = cars.arrival_kwh[v] if i == 0 else 0.0
        model.row(flow if before is None else [*flow, (before, -1.0)], start, start)
        model.gain[values[i]] += count * start
        model.gain[dis] -= count * wear * dt
        load[t] += [(ch, count), (dis, -count)]
        before, value_before = soe, values[i]
    assert value_before is not None


def _at_optimum(model, low, high, count, big, constant, cost):
    """Add a variable of a follower whose reduced cost, ``constant + cost``, is >= 0 at low, <= 0 at high, else 0."""
    x = model.variable(low, high)
    up, down = (model.variable(0.0, 4 * big, gain=gain) for gain in (count * low, -count * high))
    at_low, at_high = model.switch(), model.switch()
    model.row([*cost, (up, -1.0), (down, 1.0)], -constant, -constant)
    model.row([(up, 1.0), (at_low, -4 * big)], most=0.0)
    model.row([(down, 1.0), (at_high, -4 * big)], most=0.0)
    model.row([(x, 1.0), (at_low, high - low)], most=high)
    model.row([(x, 1.0), (at_high, low - high)], least=low)
    return x


def _supply(model, game, load):
    """Purchase ahead by blocks, in real time, sale and storage of the leader, whatever the order of their prices."""
    dt, store = game.dt_h, game.storage
    widths = [np.inf] if game.block_kw is None else game.block_kw
    premiums = [0.0] if game.block_kw is None else game.block_premium
    before = None
    most = 10.0 + sum(game.power_kw) + (0.0 if store is None else 2 * store.power_kw)
    most += 0.0 if game.cars is None else float(game.cars.count @ (game.cars.charge_kw + game.cars.discharge_kw))
    for t, terms in enumerate(load):
        balance = [(j, -a) for j, a in terms]
        for width, premium in zip(widths, premiums, strict=True):
            balance.append((model.variable(0.0, min(width, most), -dt * (game.day_ahead[t] + premium)), 1.0))
        bought = model.variable(0.0, most, -dt * game.buy[t])
        balance.append((bought, 1.0))
        if store is None:
            model.row(balance, 0.0, 0.0)
            continue
        power = store.power_kw
        sold = model.variable(0.0, power, dt * game.sell[t])
        charge, discharge = model.variables(2, high=power)
        last = t == game.n_steps - 1
        soe = model.variable(store.initial_kwh if last else 0.0, store.capacity_kwh)
        model.row([*balance, (sold, -1.0), (charge, -1.0), (discharge, 1.0)], 0.0, 0.0)
        model.row([(sold, 1.0), (discharge, -1.0)], most=0.0)
        flow = [(soe, 1.0), (charge, -store.efficiency * dt), (discharge, dt / store.efficiency)]
        start = store.initial_kwh if before is None else 0.0
        model.row(flow if before is None else [*flow, (before, -1.0)], start, start)
        before = soe
        selling, charging = model.switch(), model.switch()
        model.row([(sold, 1.0), (selling, -power)], most=0.0)
        model.row([(bought, 1.0), (selling, most)], most=most)
        model.row([(charge, 1.0), (charging, -power)], most=0.0)
        model.row([(discharge, 1.0), (charging, power)], most=power)
