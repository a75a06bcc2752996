"""Compiled loops of `response` and `v2g`: energy shifted between periods, and discharged in them."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit
from csmoifsa_ev.model.kernels.layout import (
    CHEAPEST,
    DEAREST,
    DISCHARGED,
    ENROLMENT,
    ROUND_TRIP,
    V2G_RAMP,
    WEAR,
    Tables,
)


@jit
def ramp(incentive: float, dead_zone: float, saturation: float, most: float) -> float:
    """Return the share of eq. (1) at an incentive; see `ramp.ramp_share`."""
    share = most / (saturation - dead_zone) * (incentive - dead_zone)
    return min(max(share, 0.0), most)


@jit(borrows=True)
def total_of(values: np.ndarray) -> float:
    """Return the sum of an array (k,), added in order."""
    total = 0.0
    for k in range(values.shape[0]):
        total += values[k]
    return total


@jit(borrows=True)
def enrolled_share(x: np.ndarray, data: np.ndarray, tables: Tables) -> float:
    """Return the share of owners who enrol under a tariff (2 P,), 1 without enrolment; see `response.Enrolment`."""
    offer, a, b = data[ENROLMENT + 3], int(tables.kind[DEAREST]), int(tables.kind[CHEAPEST])
    if offer < 0.0:
        offer = (x[a] - x[b]) - (tables.reference[a] - tables.reference[b])
    return ramp(offer, data[ENROLMENT], data[ENROLMENT + 1], data[ENROLMENT + 2])


@jit(borrows=True)
def wanted_flows(x: np.ndarray, reference: np.ndarray, ramps: np.ndarray, energy: np.ndarray, flow: np.ndarray) -> None:
    """Write the energy that drivers wish to shift to ``flow`` (F,) [MWh]; see `response.wanted_flows`."""
    last, k = reference.shape[0] - 1, 0
    for a in range(last):
        for b in range(last, a, -1):
            incentive = (x[a] - x[b]) - (reference[a] - reference[b])
            flow[k] = ramp(incentive, ramps[k, 0], ramps[k, 1], ramps[k, 2]) * energy[a]
            k += 1


@jit(borrows=True)
def cut_flows(flow: np.ndarray, weights: np.ndarray, limits: np.ndarray) -> None:
    """Scale the flows (F,) [MWh] down in place until all joint limits hold; see `response.limit_flows`."""
    for row in range(limits.shape[0]):
        total = 0.0
        for k in range(flow.shape[0]):
            total += weights[row, k] * flow[k]
        if total > limits[row]:
            factor = limits[row] / total
            for k in range(flow.shape[0]):
                flow[k] *= factor if weights[row, k] > 0.0 else 1.0


@jit(borrows=True)
def flows_between(flow: np.ndarray, n_periods: int, moved: np.ndarray) -> None:
    """Write the flows (F,) to ``moved`` (P, P), from each period (row) to each (column); the rest is left alone."""
    k = 0
    for a in range(n_periods - 1):
        for b in range(n_periods - 1, a, -1):
            moved[a, b] = flow[k]
            k += 1


@jit(borrows=True)
def discharging(x: np.ndarray, responding: float, data: np.ndarray, tables: Tables, discharged: np.ndarray) -> float:
    """Write the energy discharged in each period to ``discharged`` (P - 1,) [MWh]; see `v2g.discharging_shares`.

    Return the share of cars that discharge.
    """
    last, eligible = discharged.shape[0], tables.eligible
    cost = x[int(tables.kind[CHEAPEST])] / data[ROUND_TRIP] + data[WEAR]
    total = 0.0
    for p in range(last):
        margin = x[last + 1 + p] - cost
        wanted = ramp(margin, data[V2G_RAMP], data[V2G_RAMP + 1], data[V2G_RAMP + 2])
        discharged[p] = min(wanted, eligible[p])
        total += discharged[p]
    most = min(responding, eligible[last])
    for p in range(last):
        discharged[p] *= (most / total if total > most else 1.0) * data[DISCHARGED]
    return min(total, most)
