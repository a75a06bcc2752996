"""Compiled code of the aggregator: the answer of millions of cars to one price, and the leader's evaluator.

The numpy functions in `follower` and `problem` are the reference; tests hold the twins together.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit

# ---- many cars ----


@jit
def fleet_tables(order: np.ndarray, price: np.ndarray, steps: np.ndarray, sums: np.ndarray) -> None:
    """Write, for every stay (first step a, length n), its steps from cheap to dear and the running sum of their prices.

    Parameters
    ----------
    order : (T,) int64 array
        Steps by rising price.
    price : (T,) array
        Prices.
    steps : (T, T + 1, T) int64 array
        ``steps[a, n, :n]`` is written.
    sums : (T, T + 1, T + 1) array
        ``sums[a, n, m]``: price of the m cheapest steps together.
    """
    size = price.shape[0]
    for a in range(size):
        for n in range(1, size + 1):
            found = 0
            sums[a, n, 0] = 0.0
            for i in range(size):
                t = order[i]
                if (t - a) % size < n:
                    steps[a, n, found] = t
                    sums[a, n, found + 1] = sums[a, n, found] + price[t]
                    found += 1


@jit
def fleet_response(
    start: np.ndarray,
    length: np.ndarray,
    energy: np.ndarray,
    step_kwh: np.ndarray,
    price: np.ndarray,
    steps: np.ndarray,
    sums: np.ndarray,
    whole: np.ndarray,
    part: np.ndarray,
    bill: np.ndarray,
    load: np.ndarray,
) -> int:
    """Compute each car's response to a price: full power in its m cheapest steps, the rest in the next one.

    Parameters
    ----------
    start, length : (n,) int64 arrays
        Stays.
    energy, step_kwh : (n,) arrays
        Energy demand, and energy of one step at full power [kWh].
    price : (T,) array
        Price that drivers pay.
    steps, sums
        From `fleet_tables`.
    whole, part : (T, T + 1, T + 1) arrays
        Zero on entry; work space.
    bill : (n,) array
        Bill of each car [currency]; written.
    load : (T,) array
        Energy charged in each step [kWh]; written.

    Returns
    -------
    int
        The first car whose stay is too short, or -1.
    """
    size = price.shape[0]
    for i in range(start.shape[0]):
        a, n, one = start[i], length[i], step_kwh[i]
        m = int(energy[i] / one)
        rest = energy[i] - m * one
        if rest < 1e-9 * one:
            rest = 0.0
        elif rest > one * (1.0 - 1e-9):
            m += 1
            rest = 0.0
        if m > n or (m == n and rest > 0.0):
            return i
        whole[a, n, m] += one
        bill[i] = one * sums[a, n, m]
        if rest > 0.0:
            part[a, n, m] += rest
            bill[i] += rest * price[steps[a, n, m]]
    load[:] = 0.0
    for a in range(size):
        for n in range(1, size + 1):
            above = 0.0
            for m in range(n, -1, -1):
                if m < n:
                    load[steps[a, n, m]] += above + part[a, n, m]
                above += whole[a, n, m]
    return -1


@jit
def stays_load(order: np.ndarray, start: np.ndarray, length: np.ndarray, take: np.ndarray, load: np.ndarray) -> None:
    """Add to ``load`` (T,) the energy that all stays charge at a ranking of the steps; ``take`` (S, T) is by rank."""
    size = order.shape[0]
    for s in range(start.shape[0]):
        a, n, m = start[s], length[s], 0
        for i in range(size):
            t = order[i]
            away = t - a if t >= a else t - a + size
            if away < n:
                if take[s, m] == 0.0:
                    break
                load[t] += take[s, m]
                m += 1


# ---- the leader's evaluator ----

STEPS, CLASSES, DT, MEAN, MODEL, COMPETITOR, AT_EQUAL, SENSITIVITY, AT_MOST, BY_LOAD = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
EVERYBODY, LINEAR, LOGIT = 0, 1, 2  # values of MODEL
ROUNDS = 5
HEADER = 10  # then lower, upper, cheapest, base load (T each), energy, step energy (K each), window (K x T)


@jit
def fit_mean(x: np.ndarray, lower: np.ndarray, upper: np.ndarray, mean: float, c: np.ndarray) -> None:
    """Write to ``c`` the price ``x`` moved as a whole, cut off at the bounds, until its mean is the required one."""
    size = x.shape[0]
    low, high = 1e300, -1e300
    for t in range(size):
        low = min(low, lower[t] - x[t])
        high = max(high, upper[t] - x[t])
    for _ in range(50):
        middle = 0.5 * (low + high)
        total = 0.0
        for t in range(size):
            total += min(max(x[t] + middle, lower[t]), upper[t])
        if total > mean * size:
            high = middle
        else:
            low = middle
    for t in range(size):
        c[t] = min(max(x[t] + low, lower[t]), upper[t])


@jit
def rank(c: np.ndarray, favour: np.ndarray, order: np.ndarray) -> None:
    """Write to ``order`` the steps by rising price, those of equal price by rising ``favour``."""
    for i in range(c.shape[0]):
        j = i
        while j > 0 and (c[order[j - 1]] > c[i] or (c[order[j - 1]] == c[i] and favour[order[j - 1]] > favour[i])):
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


@jit
def answer(order: np.ndarray, data: np.ndarray, at: int, load: np.ndarray) -> None:
    """Write to ``load`` the energy of all classes [kWh] when they fill the steps in this order."""
    size, classes = int(data[STEPS]), int(data[CLASSES])
    for t in range(size):
        load[t] = 0.0
    for k in range(classes):
        left, one = data[at + k], data[at + classes + k]
        window = at + 2 * classes + k * size
        for i in range(size):
            t = order[i]
            if left > 0.0 and data[window + t] > 0.0:
                taken = min(left, one)
                load[t] += taken
                left -= taken


@jit
def mean_of(c: np.ndarray, data: np.ndarray, order: np.ndarray, load: np.ndarray) -> float:
    """Return the mean of a price as the rule weighs it; ``order`` and ``load`` (T,) are work space."""
    size = int(data[STEPS])
    if data[BY_LOAD] == 0.0:
        return c.sum() / size
    rank(c, data[HEADER + 2 * size : HEADER + 3 * size], order)
    answer(order, data, HEADER + 4 * size, load)
    return (c * load).sum() / load.sum()


@jit
def fit_rule(x: np.ndarray, data: np.ndarray, order: np.ndarray, load: np.ndarray, c: np.ndarray) -> None:
    """Write to ``c`` the price for which a vector stands: cut off at the bounds, and moved until it keeps the rule.

    Where the mean is only bounded above, a price whose mean is low enough is not moved.
    """
    size = int(data[STEPS])
    lower, upper = data[HEADER : HEADER + size], data[HEADER + size : HEADER + 2 * size]
    if data[AT_MOST] > 0.0:
        for t in range(size):
            c[t] = min(max(x[t], lower[t]), upper[t])
        if mean_of(c, data, order, load) <= data[MEAN]:
            return
    if data[BY_LOAD] == 0.0:
        fit_mean(x, lower, upper, data[MEAN], c)
        return
    low, high = (lower - x).min(), (upper - x).max()
    for _ in range(50):
        middle = 0.5 * (low + high)
        for t in range(size):
            c[t] = min(max(x[t] + middle, lower[t]), upper[t])
        if mean_of(c, data, order, load) > data[MEAN]:
            high = middle
        else:
            low = middle
    for t in range(size):
        c[t] = min(max(x[t] + low, lower[t]), upper[t])


@jit
def climb(weight: np.ndarray, low: np.ndarray, high: np.ndarray, level: np.ndarray, keep: np.ndarray) -> None:
    """Write to ``keep[0]`` the levels of ``max sum weight_i c_i`` over rising c, within rising bounds that are levels.

    ``keep``, int64 (n, m), is work space: where the best way to each level comes from.
    """
    size, levels = weight.shape[0], level.shape[0]
    value = np.zeros(levels)
    for i in range(size):
        run, source = -1e300, 0
        for v in range(levels):
            if value[v] > run:
                run, source = value[v], v
            keep[i, v] = source
            value[v] = run + weight[i] * level[v] if low[i] <= level[v] <= high[i] else -1e300
    v = 0
    for u in range(levels):
        if value[u] > value[v]:
            v = u
    for i in range(size - 1, -1, -1):
        source = keep[i, v]
        keep[i, 0] = v
        v = source
    for i in range(size):
        keep[0, i] = keep[i, 0]


@jit
def best_of_order(
    order: np.ndarray, load: np.ndarray, lower: np.ndarray, upper: np.ndarray, total: float, c: np.ndarray
) -> bool:
    """Write to ``c`` the price of greatest revenue that keeps the ranking of the steps: an exact linear program.

    With a multiplier on the sum of prices `climb` solves the program, since at its corners each price is a bound of
    some step. Two corners on either side of the right sum close in on the multiplier, and are mixed.
    """
    size = order.shape[0]
    weight, low, high = np.empty(size), np.empty(size), np.empty(size)
    level = np.empty(2 * size)
    for i in range(size):
        low[i], high[i] = lower[order[i]], upper[order[i]]
        level[i], level[size + i] = low[i], high[i]
    for i in range(1, size):
        low[i] = max(low[i], low[i - 1])
        high[size - 1 - i] = min(high[size - 1 - i], high[size - i])
    least = most = 0.0
    for i in range(size):
        if low[i] > high[i]:
            return False
        least += low[i]
        most += high[i]
    if not least <= total <= most:
        return False
    level.sort()
    keep = np.empty((size, 2 * size), dtype=np.int64)
    cheap, dear, some = low.copy(), high.copy(), np.empty(size)
    small = big = 0.0
    for _ in range(40):
        small = big = small_income = big_income = 0.0
        for i in range(size):
            small, small_income = small + cheap[i], small_income + load[order[i]] * cheap[i]
            big, big_income = big + dear[i], big_income + load[order[i]] * dear[i]
        if big - small < 1e-12:
            break
        slope = (big_income - small_income) / (big - small)
        for i in range(size):
            weight[i] = load[order[i]] - slope
        climb(weight, low, high, level, keep)
        now = gain = 0.0
        for i in range(size):
            some[i] = level[keep[0, i]]
            now += some[i]
            gain += weight[i] * (some[i] - cheap[i])
        if gain <= 1e-12 * (1.0 + abs(big_income)):
            break
        for i in range(size):
            if now > total:
                dear[i] = some[i]
            else:
                cheap[i] = some[i]
    share = 0.0 if big - small < 1e-12 else (total - small) / (big - small)
    for i in range(size):
        c[order[i]] = cheap[i] + share * (dear[i] - cheap[i])
    return True


@jit
def ends_of_order(order: np.ndarray, lower: np.ndarray, upper: np.ndarray, cheap: np.ndarray, dear: np.ndarray) -> bool:
    """Write the lowest and the highest price that keep the ranking of the steps; False if none does."""
    size = order.shape[0]
    least, most = -1e300, 1e300
    for i in range(size):
        here, there = order[i], order[size - 1 - i]
        least, most = max(least, lower[here]), min(most, upper[there])
        cheap[here], dear[there] = least, most
    return bool((cheap <= dear).all())


@jit
def share_kept(data: np.ndarray, mean_paid: float) -> float:
    """Return the share of the customers kept at a mean price paid; the twin of `customers.Customers.share`."""
    if data[MODEL] == EVERYBODY:
        return 1.0
    above = data[SENSITIVITY] * (mean_paid - data[COMPETITOR])
    if data[MODEL] == LINEAR:
        return min(max(data[AT_EQUAL] - above, 0.0), 1.0)
    odds = above - np.log(data[AT_EQUAL] / (1.0 - data[AT_EQUAL]))
    return 1.0 / (1.0 + np.exp(min(max(odds, -700.0), 700.0)))


@jit
def best_bills(data: np.ndarray, low: float, high: float, cost: float, energy: float) -> float:
    """Return the bills of greatest profit, share (bills - cost), between two bounds, for one load of all drivers.

    The profit rises and then falls, for below cost it rises, and above, its logarithm is concave: a golden section.
    """
    a, b, ratio = low, high, 0.5 * (np.sqrt(5.0) - 1.0)
    for _ in range(60):
        one, two = b - ratio * (b - a), a + ratio * (b - a)
        if share_kept(data, one / energy) * (one - cost) >= share_kept(data, two / energy) * (two - cost):
            b = two
        else:
            a = one
    best = 0.5 * (a + b)
    for end in (low, high):
        if share_kept(data, end / energy) * (end - cost) > share_kept(data, best / energy) * (best - cost):
            best = end
    return best


@jit
def mix_to_bills(load: np.ndarray, bills: float, cheap: np.ndarray, c: np.ndarray) -> None:
    """Move ``c`` towards a cheaper price of the same load until its bills are as required, in place."""
    low = high = 0.0
    for t in range(c.shape[0]):
        low, high = low + load[t] * cheap[t], high + load[t] * c[t]
    share = (bills - low) / (high - low) if high > low else 1.0
    for t in range(c.shape[0]):
        c[t] = cheap[t] + share * (c[t] - cheap[t])


@jit
def best_price(
    order: np.ndarray, load: np.ndarray, data: np.ndarray, cost: float, energy: float, cheap: np.ndarray, c: np.ndarray
) -> bool:
    """Write to ``c`` the price of greatest profit that keeps the ranking of the steps and the rule on the mean.

    Where customers leave, or the rule weighs by the load, it lies between the ranking's prices of least and greatest
    bills: on this line the load of all drivers is the same, and every possible mean price paid occurs. ``cheap`` (T,)
    is work space. False if no price keeps the ranking.
    """
    size = int(data[STEPS])
    lower, upper = data[HEADER : HEADER + size], data[HEADER + size : HEADER + 2 * size]
    total = data[MEAN] * size
    if data[AT_MOST] == 0.0 and data[BY_LOAD] == 0.0:
        if not best_of_order(order, load, lower, upper, total, c):
            return False
        if data[MODEL] == EVERYBODY or not best_of_order(order, -load, lower, upper, total, cheap):
            return True
    else:
        if not ends_of_order(order, lower, upper, cheap, c):
            return False
        if data[BY_LOAD] == 0.0 and c.sum() > total and not best_of_order(order, load, lower, upper, total, c):
            return False
    low = high = 0.0
    for t in range(size):
        low, high = low + cheap[t] * load[t], high + c[t] * load[t]
    bills = most = max(low, min(high, data[MEAN] * energy)) if data[BY_LOAD] > 0.0 else high
    if data[MODEL] != EVERYBODY and (data[AT_MOST] > 0.0 or data[BY_LOAD] == 0.0):
        bills = best_bills(data, low, most, cost, energy)
    mix_to_bills(load, bills, cheap, c)
    return True


@jit
def read_price(x: np.ndarray, data: np.ndarray, best: np.ndarray) -> tuple[float, float, float]:
    """Write to ``best`` the price found from a vector; return minus profit, drivers' bill and peak-valley."""
    size = int(data[STEPS])
    cheapest, base = data[HEADER + 2 * size : HEADER + 3 * size], data[HEADER + 3 * size : HEADER + 4 * size]
    at = HEADER + 4 * size
    c, load, cheap = np.empty(size), np.empty(size), np.empty(size)
    order = np.empty(size, dtype=np.int64)
    loss, paid, spread = 1e300, 0.0, 0.0
    fit_rule(x, data, order, load, c)
    for _ in range(ROUNDS):
        rank(c, cheapest, order)
        answer(order, data, at, load)
        bill, cost, energy, peak, valley = 0.0, 0.0, 0.0, -1e300, 1e300
        for t in range(size):
            bill += c[t] * load[t]
            cost += cheapest[t] * load[t]
            energy += load[t]
        share = share_kept(data, bill / energy)
        for t in range(size):
            total = base[t] + share * load[t] / data[DT]
            peak = max(peak, total)
            valley = min(valley, total)
        if share * (cost - bill) > loss - 1e-9 * abs(loss):
            break
        loss, spread = share * (cost - bill), peak - valley
        paid = share * bill + (1.0 - share) * data[COMPETITOR] * energy
        for t in range(size):
            best[t] = c[t]
        if not best_price(order, load, data, cost, energy, cheap, c):
            break
    return loss, paid, spread


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Fill the objectives of the candidates: minus profit, drivers' bill, peak-valley difference.

    Parameters
    ----------
    X : (n, T) array
        One price vector a row.
    data : (k,) array
        From `problem.AggregatorPricing.kernel_data`.
    F, G : (n, 3) and (n, 0) arrays
        Written to.
    """
    best = np.empty(X.shape[1])
    for row in range(X.shape[0]):
        F[row, 0], F[row, 1], F[row, 2] = read_price(X[row], data, best)
