"""Sum a fleet over its cars, exactly: pricing needs these sums only.

Each car's contribution is rounded to 2^-20 kWh (3.6 J) before it is added. Sums of such numbers are exact in double
precision up to 8e9 kWh, so that order of addition, chunk size and number of threads change no bit of the result.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from csmoifsa_ev.model.fleet import CHUNK, Fleet, Sessions, draw_sessions
from csmoifsa_ev.model.flow_region import FlowPlane, FlowProgram, FlowRegion, SessionClasses, flow_pairs
from csmoifsa_ev.model.tariff import Windows

_GRAINS_PER_KWH = 2.0**20

FLOW_LIMITS = {
    1: np.empty((0, 0)),
    2: np.ones((1, 1)),
    3: np.array(
        [
            [1, 0, 0],  # dearest (peak) -> cheapest (valley) alone
            [0, 1, 0],  # peak -> flat alone
            [0, 0, 1],  # flat -> valley alone
            [1, 1, 0],  # both take from the peak
            [1, 0, 1],  # both end in the valley
            [1, 1, 1],
            [2, 1, 1],  # a car limited at both ends of peak -> valley
        ],
        dtype=float,
    ),
}
"""Weights of the flows in each joint limit of `FleetSums.flow_limit_mwh`, for up to three periods, (L, F) each."""


@dataclass(frozen=True, kw_only=True)
class FleetSums:
    """Sums over the cars of a fleet; a is a period of origin, b one of destination, from 0, the dearest.

    Attributes
    ----------
    n_ev : int
        Number of cars N.
    profile_mw : (T,) array
        Uncontrolled charging e_t, mean of each step [MW].
    connected_mw : (T,) array
        Charging power of the cars that are plugged in, mean of each step [MW].
    energy_mwh : (P,) array
        Uncontrolled charging in each period, E_a [MWh].
    movable_mwh : (P, P) array
        Energy of period a that the same sessions could take in period b [MWh]; the diagonal is zero.
    flow_weights : (L, F) array
        Weights of the flows, in the order of `flow_region.flow_pairs`, in each joint limit.
    flow_limit_mwh : (L,) array
        Upper bound of ``flow_weights @ flows``, summed car by car [MWh].
    eligible : (P,) array
        Share of cars that can discharge in the period, recharge in the cheapest and make the next trip.
    eligible_any : float
        Share of cars that can do so in one of the periods.
    mean_parking_h : float
        Mean length of a session [h].
    n_sessions : int
        Number of sessions.
    region : FlowRegion, optional
        What the sessions can shift, where the limits above do not describe it surely: with four periods and more.
    """

    n_ev: int
    profile_mw: np.ndarray
    connected_mw: np.ndarray
    energy_mwh: np.ndarray
    movable_mwh: np.ndarray
    flow_weights: np.ndarray
    flow_limit_mwh: np.ndarray
    eligible: np.ndarray
    eligible_any: float
    mean_parking_h: float
    n_sessions: int
    region: FlowRegion | None = None

    @property
    def shiftable(self) -> np.ndarray:
        """Share s_ab of the energy of period a that sessions could take in period b, shape (P, P)."""
        return self.movable_mwh / np.maximum(self.energy_mwh, 1e-300)[:, None]

    def scaled(self, n_ev: int) -> FleetSums:
        """Return the sums of ``n_ev`` cars with the same mean behaviour."""
        factor = n_ev / self.n_ev
        grow = ("profile_mw", "connected_mw", "energy_mwh", "movable_mwh", "flow_limit_mwh")
        sums = {name: getattr(self, name) * factor for name in grow}
        region = None if self.region is None else self.region.scaled(factor)
        return replace(self, n_ev=n_ev, n_sessions=round(self.n_sessions * factor), region=region, **sums)

    def coming(self, n_ev: int, activity: float) -> FleetSums:
        """Return the sums of ``n_ev`` cars on days on which ``activity`` times as many come; shares are of ``n_ev``."""
        scaled = self.scaled(n_ev)
        grow = ("profile_mw", "connected_mw", "energy_mwh", "movable_mwh", "flow_limit_mwh", "eligible", "eligible_any")
        sums = {name: getattr(scaled, name) * activity for name in grow}
        region = None if scaled.region is None else scaled.region.scaled(activity)
        return replace(scaled, n_sessions=round(scaled.n_sessions * activity), region=region, **sums)

    def among(self, own: Sequence[int], n_periods: int) -> FleetSums:
        """Return the sums with ``n_periods`` periods, of which these are the ones numbered ``own``, rising.

        Nothing is charged in the others, and nothing can be shifted into them.
        """
        if len(own) == n_periods:
            return self
        energy, eligible, movable = np.zeros(n_periods), np.zeros(n_periods), np.zeros((n_periods, n_periods))
        energy[list(own)], eligible[list(own)] = self.energy_mwh, self.eligible
        movable[np.ix_(own, own)] = self.movable_mwh
        pairs = flow_pairs(n_periods)
        known = [pairs.index((own[a], own[b])) for a, b in flow_pairs(len(own))] if len(own) > 1 else []
        weights = np.zeros((len(self.flow_limit_mwh), len(pairs)))
        weights[:, known] = self.flow_weights
        shut = np.delete(np.eye(len(pairs)), known, axis=0)
        region = self.region
        if region is not None:
            used, free = np.zeros((2, n_periods, region.n_classes))
            used[list(own)], free[list(own)] = region.used_mwh, region.free_mwh
            region = FlowRegion(used_mwh=used, free_mwh=free)
        return replace(
            self,
            energy_mwh=energy,
            eligible=eligible,
            movable_mwh=movable,
            flow_weights=np.vstack([weights, shut]),
            flow_limit_mwh=np.append(self.flow_limit_mwh, np.zeros(len(shut))),
            region=region,
        )

    def excess(self, flows_mwh: np.ndarray) -> np.ndarray:
        """Return by which share flows (n, F) exceed what the sessions can shift, 0 where they fit, exactly, (n,)."""
        return np.array([max(1.0 / factor - 1.0, 0.0) for factor, _ in self._fits(flows_mwh)])

    def tightened(self, flows_mwh: np.ndarray) -> FleetSums:
        """Return the sums with further limits, which cut those of the flows (n, F) that exceed what the sessions can.

        Where all of them fit, it is this object.
        """
        planes = [plane for factor, plane in self._fits(flows_mwh) if factor < 1.0 - 1e-9]
        if not planes:
            return self
        weights = np.vstack([self.flow_weights, [plane.weights for plane in planes]])
        limits = np.append(self.flow_limit_mwh, [plane.most_mwh for plane in planes])
        return replace(self, flow_weights=weights, flow_limit_mwh=limits)

    def _fits(self, flows_mwh: np.ndarray) -> Iterator[tuple[float, FlowPlane]]:
        """Yield `FlowProgram.fit` of flows (n, F); a factor of 1 where the limits are exact, and for no flow."""
        program = None if self.region is None else FlowProgram(self.region)
        for one in flows_mwh:
            if program is None or not one.max() > 0:
                yield 1.0, FlowPlane(np.zeros(len(one)), 0.0)
            else:
                yield program.fit(one)


class PeriodClock:
    """Hours of each period up to an instant, on a day that repeats; O(1) for each instant.

    Parameters
    ----------
    period : (T,) array
        Period of each step.
    n_periods : int, optional
        Number P of periods, where the last ones do not occur.
    """

    def __init__(self, period: np.ndarray, n_periods: int | None = None) -> None:
        n_steps = len(period)
        self.dt_h = 24.0 / n_steps
        self.n_periods = int(period.max()) + 1 if n_periods is None else n_periods
        self.inside = np.stack([np.tile(period == p, 3) for p in range(self.n_periods)]).astype(float)
        zero = np.zeros((self.n_periods, 1))
        self.edges_h = np.arange(3 * n_steps + 1) * self.dt_h
        self.until_h = np.concatenate([zero, np.cumsum(self.inside, axis=1) * self.dt_h], axis=1)

    def hours_until(self, instant_h: np.ndarray) -> np.ndarray:
        """Return the hours of each period in [0, instant), shape (P, n), for instants in [0, 72) [h]."""
        step = (instant_h / self.dt_h).astype(np.int64)
        rest = instant_h - step * self.dt_h
        return self.until_h.take(step, axis=1) + self.inside.take(step, axis=1) * rest

    def hours_of(self, period: int, instant_h: np.ndarray) -> np.ndarray:
        """Return the hours of one period in [0, instant), shape (n,)."""
        step = (instant_h / self.dt_h).astype(np.int64)
        return self.until_h[period].take(step) + self.inside[period].take(step) * (instant_h - step * self.dt_h)

    def instant_when(self, period: int, hours: np.ndarray) -> np.ndarray:
        """Return the first instant by which ``hours`` of the period have passed since 0 h, shape (n,) [h]."""
        until = self.until_h[period]
        step = np.searchsorted(until, hours, side="left") - 1
        step = np.clip(step, 0, len(until) - 2)
        return self.edges_h[step] + (hours - until[step])


@dataclass(kw_only=True)
class _Totals:
    """Running sums over sessions; energies are whole multiples of 2^-20 kWh (grains), numbers of cars are floats."""

    n_steps: int
    n_periods: int
    cars: float = 0.0
    sessions: float = 0.0
    parking: float = 0.0
    eligible: np.ndarray = field(init=False)
    energy: np.ndarray = field(init=False)
    movable: np.ndarray = field(init=False)
    limits: np.ndarray = field(init=False)
    ramps: np.ndarray = field(init=False)
    classes: SessionClasses = field(default_factory=SessionClasses)

    def __post_init__(self) -> None:
        self.eligible, self.energy = np.zeros(self.n_periods), np.zeros(self.n_periods)
        self.movable = np.zeros((self.n_periods, self.n_periods))
        self.limits = np.zeros(len(FLOW_LIMITS.get(self.n_periods, ())))
        self.ramps = np.zeros((2, 2, 2 * self.n_steps + 1))

    def include(self, other: _Totals) -> None:
        """Add the totals of other sessions, exactly."""
        for name in ("cars", "sessions", "parking", "eligible", "energy", "movable", "limits", "ramps"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.classes.merge(other.classes)


@lru_cache(maxsize=16)
def sum_fleet(
    fleet: Fleet, windows: Windows, n_steps: int, v2g_depth: float, chunk: int = CHUNK, threads: int = 0
) -> FleetSums:
    """Draw a fleet and sum it over its cars; results are cached for the life of the process.

    Parameters
    ----------
    fleet : Fleet
        Parameters of the fleet.
    windows : Windows
        Hours of the periods.
    n_steps : int
        Number T of steps of the day.
    v2g_depth : float
        Share lambda of the battery capacity that one discharge takes.
    chunk : int
        Number of cars that a thread holds in memory at a time; it does not change the result.
    threads : int
        Number of threads, 0 for that of the processors; it does not change the result.
    """
    clock = PeriodClock(windows.period_of_step(n_steps))
    firsts = range(0, fleet.n_ev, chunk)
    threads = min(threads or os.cpu_count() or 1, len(firsts))

    def share(k: int) -> _Totals:
        totals = _Totals(n_steps=n_steps, n_periods=clock.n_periods)
        for first in firsts[k::threads]:
            _add(totals, draw_sessions(fleet, first, min(chunk, fleet.n_ev - first)), clock, fleet, v2g_depth)
        return totals

    with ThreadPoolExecutor(threads) as pool:
        totals, *others = pool.map(share, range(threads))
    for other in others:
        totals.include(other)
    return _finish(totals)


def sum_sessions(sessions: Sessions, fleet: Fleet, windows: Windows, n_steps: int, v2g_depth: float) -> FleetSums:
    """Return the sums of a table of sessions; efficiencies and lowest state of charge are those of ``fleet``."""
    clock = PeriodClock(windows.period_of_step(n_steps))
    totals = _Totals(n_steps=n_steps, n_periods=clock.n_periods)
    _add(totals, sessions, clock, fleet, v2g_depth)
    return _finish(totals)


def _add(totals: _Totals, cars: Sessions, clock: PeriodClock, fleet: Fleet, v2g_depth: float) -> None:
    """Add one chunk of sessions to the totals."""
    charged_h = cars.arrival_h + cars.charge_h
    _add_ramp(totals.ramps[0], cars.arrival_h, charged_h, cars.charge_kw, clock.dt_h)
    _add_ramp(totals.ramps[1], cars.arrival_h, cars.departure_h, cars.charge_kw, clock.dt_h)

    from_h = clock.hours_until(cars.arrival_h)
    charging_h = clock.hours_until(charged_h) - from_h
    until_departure_h = clock.hours_until(cars.departure_h)
    present_h = until_departure_h - from_h
    used = _grains(charging_h * cars.charge_kw)
    free = _grains((present_h - charging_h) * cars.charge_kw)
    totals.energy += used.sum(axis=1)
    for a in range(clock.n_periods):
        for b in range(clock.n_periods):
            if a != b:
                totals.movable[a, b] += np.minimum(used[a], free[b]).sum()
    if clock.n_periods in FLOW_LIMITS:
        totals.limits += _flow_limits(used, free)
    else:
        totals.classes.include(used, free)

    totals.sessions += len(cars)
    totals.parking += np.rint((cars.departure_h - cars.arrival_h) * _GRAINS_PER_KWH).sum()
    eligible = _eligible(cars, clock, from_h, until_departure_h[-1], fleet, v2g_depth)
    eligible = np.concatenate([eligible, np.logical_or.reduce(eligible, axis=0)[None]])
    starts = np.flatnonzero(np.diff(cars.car, prepend=cars.car[0] - 1))
    totals.cars += len(starts)
    totals.eligible += np.logical_or.reduceat(eligible, starts, axis=1).sum(axis=1)


def _grains(kwh: np.ndarray) -> np.ndarray:
    return np.rint(kwh * _GRAINS_PER_KWH)


def _add_ramp(ramp: np.ndarray, start_h: np.ndarray, end_h: np.ndarray, kw: np.ndarray, dt_h: float) -> None:
    """Add power ``kw`` from start to end to a curve stored as two histograms, O(1) for each car.

    ``ramp[0, k]`` is the energy that a change of power inside step k adds to step k, ``ramp[1, k]`` the energy that it
    adds to each later step [grains].
    """
    for instant, sign in ((start_h, 1.0), (end_h, -1.0)):
        step = (instant / dt_h).astype(np.int64)
        partial = _grains(kw * ((step + 1) * dt_h - instant))
        ramp[0] += sign * np.bincount(step, weights=partial, minlength=ramp.shape[1])
        ramp[1] += sign * np.bincount(step, weights=_grains(kw * dt_h), minlength=ramp.shape[1])


def _curve_mw(ramp: np.ndarray, n_steps: int) -> np.ndarray:
    """Return the mean power of each step of the repeating day, shape (T,) [MW]."""
    later = np.concatenate([[0.0], np.cumsum(ramp[1])[:-1]])
    grains = (ramp[0] + later)[: 2 * n_steps].reshape(2, n_steps).sum(axis=0)
    return grains / _GRAINS_PER_KWH / 1000.0 / (24.0 / n_steps)


def _flow_limits(used: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the upper bound of each weighted sum of flows of `FLOW_LIMITS`, summed car by car, shape (L,) [grains].

    With three periods a car can shift its peak energy into free valley or flat time and its flat energy into free
    valley time. Each bound is the optimum of this small linear program, written out by its dual; the sum over cars
    bounds the fleet. Time that a car frees in the flat period is not reused, so that the bounds are never too high.
    """
    least = np.minimum
    if len(used) == 1:
        return np.empty(0)
    if len(used) == 2:
        return np.array([least(used[0], free[1]).sum()])
    peak, flat, _ = used
    _, to_flat, to_valley = free
    both = peak + to_valley
    return np.array(
        [
            least(peak, to_valley).sum(),
            least(peak, to_flat).sum(),
            least(flat, to_valley).sum(),
            least(peak, to_flat + to_valley).sum(),
            least(to_valley, peak + flat).sum(),
            least(least(peak + flat, both), to_flat + to_valley).sum(),
            least(least(2 * peak + flat, both), to_flat + 2 * to_valley).sum(),
        ]
    )


def _eligible(
    cars: Sessions, clock: PeriodClock, from_h: np.ndarray, valley_end: np.ndarray, fleet: Fleet, v2g_depth: float
) -> np.ndarray:
    """Return whether each session allows one discharge in each period but the cheapest, shape (P - 1, n) bool.

    The energy left covers the next trip and the lowest state of charge; the car is parked long enough in the period to
    discharge; and afterwards, in the same session, long enough in the cheapest period, the valley, to recharge the
    discharged energy (eqs. 17-26 of the 2022 paper, reconstructed). ``from_h`` (P, n) are the hours of each period
    until arrival, ``valley_end`` (n,) the hours of the valley until departure.
    """
    discharged_kwh = v2g_depth * cars.battery_kwh
    left_kwh = cars.soc_arrival * cars.battery_kwh - discharged_kwh
    enough = left_kwh >= fleet.soc_min * cars.battery_kwh + cars.next_trip_kwh
    discharge_h = discharged_kwh * fleet.discharge_efficiency / cars.discharge_kw
    recharge_h = discharged_kwh / fleet.charge_efficiency / cars.charge_kw
    valley = clock.n_periods - 1
    eligible = np.zeros((valley, len(cars)), dtype=bool)
    for period in range(valley):
        done = np.minimum(clock.instant_when(period, from_h[period] + discharge_h), 72.0 - 1e-9)
        valley_begin = clock.hours_of(valley, done)
        eligible[period] = enough & (valley_end - valley_begin >= recharge_h)  # this includes: it ends before departure
    return eligible


def _finish(totals: _Totals) -> FleetSums:
    to_mwh = 1.0 / _GRAINS_PER_KWH / 1000.0
    if totals.n_periods in FLOW_LIMITS:
        region, weights, limits = None, FLOW_LIMITS[totals.n_periods], totals.limits * to_mwh
    else:
        region = totals.classes.region(to_mwh)
        planes = region.planes()
        weights, limits = (np.array(column) for column in zip(*planes, strict=True))
    return FleetSums(
        n_ev=int(totals.cars),
        profile_mw=_curve_mw(totals.ramps[0], totals.n_steps),
        connected_mw=_curve_mw(totals.ramps[1], totals.n_steps),
        energy_mwh=totals.energy * to_mwh,
        movable_mwh=totals.movable * to_mwh,
        flow_weights=weights,
        flow_limit_mwh=limits,
        eligible=np.append(totals.eligible[:-1], 0.0) / totals.cars,
        eligible_any=float(totals.eligible[-1] / totals.cars),
        mean_parking_h=float(totals.parking / _GRAINS_PER_KWH / totals.sessions),
        n_sessions=int(totals.sessions),
        region=region,
    )
