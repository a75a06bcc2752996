"""Sums over a fleet by slow count, one car and one step at a time; shares no code with the model."""

from __future__ import annotations

import numpy as np


def slow_sums(cars, windows, n_steps, fleet, depth):
    """Count one car at a time on a grid of seconds-fine intersections; no cumulative tables, no tricks."""
    period, dt = windows.period_of_step(n_steps), 24.0 / n_steps
    profile, connected = np.zeros(n_steps), np.zeros(n_steps)
    n = int(period.max()) + 1
    used, free, eligible = (np.zeros((len(cars), n)) for _ in range(3))
    for i in range(len(cars)):
        begin, charged, end = cars.arrival_h[i], cars.arrival_h[i] + cars.charge_h[i], cars.departure_h[i]
        for k in range(2 * n_steps):
            lo, hi = k * dt, (k + 1) * dt
            on = max(0.0, min(hi, charged) - max(lo, begin))
            there = max(0.0, min(hi, end) - max(lo, begin))
            profile[k % n_steps] += on * cars.charge_kw[i] / dt / 1e3
            connected[k % n_steps] += there * cars.charge_kw[i] / dt / 1e3
            used[i, period[k % n_steps]] += on * cars.charge_kw[i]
            free[i, period[k % n_steps]] += (there - on) * cars.charge_kw[i]
        for b in range(n - 1):
            eligible[i, b] = slow_eligible(cars, i, b, period, dt, fleet, depth)
    movable = np.array(
        [[np.minimum(used[:, a], free[:, b]).sum() if a != b else 0 for b in range(n)] for a in range(n)]
    )
    return profile, connected, used, free, movable / 1e3, eligible


def slow_eligible(cars, i, b, period, dt, fleet, depth):
    """Walk through the session: discharge in the first minutes of period b, then recharge in the last, the cheapest."""
    gives = depth * cars.battery_kwh[i]
    if cars.soc_arrival[i] * cars.battery_kwh[i] - gives < fleet.soc_min * cars.battery_kwh[i] + cars.next_trip_kwh[i]:
        return False
    to_give = gives * fleet.discharge_efficiency / cars.discharge_kw[i]
    to_take = gives / fleet.charge_efficiency / cars.charge_kw[i]
    for k in range(int(cars.arrival_h[i] / dt), 2 * len(period)):
        lo, hi = max(k * dt, cars.arrival_h[i]), min((k + 1) * dt, cars.departure_h[i])
        if hi <= lo:
            continue
        kind, length = period[k % len(period)], hi - lo
        if kind == b and to_give > 0:
            to_give -= length
        elif kind == period.max() and to_give <= 0:
            to_take -= length
    return to_give <= 1e-9 and to_take <= 1e-9
