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
    """Answer a price, car by car: m cheapest steps at full power and a rest in the next one.

    Parameters
    ----------
    start, length : (n,) int64 arrays
        Stays.
    energy, step_kwh : (n,) arrays
        Demand, and what one step at full power holds [kWh].
    price : (T,) array
        What cars pay.
    steps, sums
        From `fleet_tables`.
    whole, part : (T, T + 1, T + 1) arrays
        Zero on entry; work space.
    bill : (n,) array
        Written: what each car pays.
    load : (T,) array
        Written: energy taken in each step [kWh].

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


# ---- the leader's evaluator ----

STEPS, CLASSES, DT, MEAN, SNAP = 0, 1, 2, 3, 4
LEVELS = 5
HEADER = 5  # then lower, upper, cheapest, base load (T each), energy, step energy (K each), window (K x T)


@jit
def fit_mean(x: np.ndarray, lower: np.ndarray, upper: np.ndarray, mean: float, c: np.ndarray) -> None:
    """Write to ``c`` the price ``x`` moved as a whole, cut off at the bounds, until its mean is right."""
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
def snap(c: np.ndarray, order: np.ndarray, lower: np.ndarray, upper: np.ndarray, width: float) -> None:
    """Merge prices nearer than ``width`` to their neighbour in the ranking into one, in place, within the bounds."""
    size = c.shape[0]
    first = 0
    while first < size:
        last = first
        total = c[order[first]]
        while last + 1 < size and c[order[last + 1]] - c[order[first]] <= width:
            last += 1
            total += c[order[last]]
        for i in range(first, last + 1):
            t = order[i]
            c[t] = min(max(total / (last - first + 1), lower[t]), upper[t])
        first = last + 1


@jit
def answer(order: np.ndarray, data: np.ndarray, at: int, load: np.ndarray) -> None:
    """Write to ``load`` what all classes take [kWh] when they fill the steps in this order."""
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
def raise_prices(c: np.ndarray, order: np.ndarray, data: np.ndarray, at: int, load: np.ndarray) -> None:
    """Raise prices of busy steps at the cost of idle ones, in place, as far as nobody answers otherwise.

    With every class's marginal price lambda held, a step may cost at least the lambda of each class that leaves it and
    at most that of each class that fills it. Within these limits the mean is spent where the load is, busiest first:
    the exact optimum of that linear program.
    """
    size, classes = int(data[STEPS]), int(data[CLASSES])
    low, high = np.empty(size), np.empty(size)
    for t in range(size):
        low[t], high[t] = data[HEADER + t], data[HEADER + size + t]
    for k in range(classes):
        left, one = data[at + k], data[at + classes + k]
        window = at + 2 * classes + k * size
        marginal = 0.0
        for i in range(size):
            t = order[i]
            if left > 0.0 and data[window + t] > 0.0:
                left -= min(left, one)
                marginal = c[t]
        left = data[at + k]
        for i in range(size):
            t = order[i]
            if data[window + t] > 0.0:
                if left < one:  # left empty, or taken in part
                    low[t] = max(low[t], marginal)
                if left > 0.0:
                    high[t] = min(high[t], marginal)
                left -= min(left, one)
    budget = data[MEAN] * size
    for t in range(size):
        budget -= low[t]
    idle = np.empty(size)
    busy = np.empty(size, dtype=np.int64)
    for t in range(size):
        idle[t] = -load[t]
    rank(idle, idle, busy)
    for t in range(size):
        c[t] = low[t]
    for i in range(size):
        t = busy[i]
        room = max(high[t] - low[t], 0.0)
        c[t] = high[t] if budget >= room and room > 0.0 else low[t] + max(min(budget, room), 0.0)
        budget -= min(max(budget, 0.0), room)


@jit
def read_price(x: np.ndarray, data: np.ndarray, best: np.ndarray) -> tuple[float, float, float]:
    """Write to ``best`` the price that a vector stands for; return minus profit, drivers' bill and peak-valley."""
    size = int(data[STEPS])
    lower, upper = data[HEADER : HEADER + size], data[HEADER + size : HEADER + 2 * size]
    cheapest, base = data[HEADER + 2 * size : HEADER + 3 * size], data[HEADER + 3 * size : HEADER + 4 * size]
    at = HEADER + 4 * size
    c, near, load = np.empty(size), np.empty(size), np.empty(size)
    order = np.empty(size, dtype=np.int64)
    loss, paid, spread = 1e300, 0.0, 0.0
    for level in range(LEVELS):
        fit_mean(x, lower, upper, data[MEAN], near)
        if level > 0:
            rank(near, cheapest, order)
            snap(near, order, lower, upper, data[SNAP] * 2.0 ** (level - 1))
        fit_mean(near, lower, upper, data[MEAN], c)
        rank(c, cheapest, order)
        answer(order, data, at, load)
        raise_prices(c, order, data, at, load)
        rank(c, cheapest, order)
        answer(order, data, at, load)
        bill, cost, peak, valley = 0.0, 0.0, -1e300, 1e300
        for t in range(size):
            bill += c[t] * load[t]
            cost += cheapest[t] * load[t]
            total = base[t] + load[t] / data[DT]
            peak = max(peak, total)
            valley = min(valley, total)
        if cost - bill < loss:
            loss, paid, spread = cost - bill, bill, peak - valley
            for t in range(size):
                best[t] = c[t]
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
