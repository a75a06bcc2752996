"""The cars: their parameters, and one day of parking sessions drawn by Monte Carlo (paper section 4.1).

Car ``i`` reads block ``i`` of a counter-based random stream, so a fleet may be drawn in chunks of any size, in any
order, and every car stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.checks import Parameters, require_efficiency, require_fraction, require_not_negative, require_positive

CHUNK = 1 << 15
"""Cars drawn at a time: some 20 MB, which stays in the processor's cache, whatever the size of the fleet."""

_GRAIN_H = 2.0**-20
"""Times are kept on a grid of 2^-20 h (3 ms), so that 'same instant' is a question with one answer."""


@dataclass(frozen=True, kw_only=True)
class Vehicle(Parameters):
    """One type of car.

    Attributes
    ----------
    name : str
        For tables.
    share : float
        Its part of the fleet; shares are scaled to sum to one.
    battery_kwh : float
        Capacity CB [kWh].
    charge_kw, discharge_kw : float
        Power at the grid side of the charger [kW].
    consumption_kwh_per_km : float
        Consumption W [kWh/km].
    """

    name: str
    share: float
    battery_kwh: float
    charge_kw: float
    discharge_kw: float
    consumption_kwh_per_km: float

    def __post_init__(self) -> None:
        require_positive(self, "share", "battery_kwh", "charge_kw", "discharge_kw", "consumption_kwh_per_km")


@dataclass(frozen=True, kw_only=True)
class Fleet(Parameters):
    """How the cars of a region drive and park.

    Attributes
    ----------
    n_ev : int
        Number of cars N.
    vehicles : tuple of Vehicle
        The types.
    charge_efficiency, discharge_efficiency : float
        Grid to battery, battery to grid.
    soc_min, soc_max : float
        The window of the state of charge, as shares of the capacity.
    arrival_mean_h, arrival_sd_h : float
        The last trip ends ~ N(mean, sd) [h], wrapped around midnight.
    departure_mean_h, departure_sd_h : float
        The first trip of the next day begins ~ N(mean, sd) [h].
    distance_log_mean, distance_log_sd : float
        The logarithm of the day's distance [km] ~ N(mean, sd).
    soc_on_arrival : "distance" or "normal"
        Whether the state of charge on arrival follows from the distance driven, or is drawn from
        N(soc_mean, soc_sd) as the paper prints. Only the first agrees with the paper's own peak load.
    soc_mean, soc_sd : float
        For "normal".
    seed : int
        Which fleet is drawn.
    """

    n_ev: int
    vehicles: tuple[Vehicle, ...]
    charge_efficiency: float
    discharge_efficiency: float
    soc_min: float
    soc_max: float
    arrival_mean_h: float
    arrival_sd_h: float
    departure_mean_h: float
    departure_sd_h: float
    distance_log_mean: float
    distance_log_sd: float
    soc_on_arrival: Literal["distance", "normal"]
    soc_mean: float
    soc_sd: float
    seed: int

    def __post_init__(self) -> None:
        require_positive(self, "n_ev")
        require_efficiency(self, "charge_efficiency", "discharge_efficiency")
        require_fraction(self, "soc_min", "soc_max", "soc_mean")
        require_not_negative(self, "arrival_sd_h", "departure_sd_h", "distance_log_sd", "soc_sd", "seed")
        if not self.vehicles:
            raise InputError("vehicles must name at least one type of car")
        if not self.soc_min < self.soc_max:
            raise InputError(f"soc_min must be below soc_max, not {self.soc_min} and {self.soc_max}")
        if self.seed >= 1 << 64:
            raise InputError(f"seed must be below 2^64, not {self.seed}")


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """A table of parking sessions, one a row; columns are arrays of equal length n.

    Real sessions load into the same table: a car may have several rows, which follow each other.

    Attributes
    ----------
    car : (n,) int array
        Which car; rows of one car are neighbours.
    arrival_h : (n,) array
        Time of plugging in, in [0, 24) [h].
    departure_h : (n,) array
        Time of leaving, in (arrival_h, arrival_h + 24] [h].
    charge_h : (n,) array
        Hours of charging at full power that the car asks for; it fits into the session.
    soc_arrival : (n,) array
        State of charge on arrival [share of capacity].
    next_trip_kwh : (n,) array
        Energy the next trip takes from the battery [kWh].
    battery_kwh, charge_kw, discharge_kw : (n,) array
        The car's own parameters.
    """

    car: np.ndarray
    arrival_h: np.ndarray
    departure_h: np.ndarray
    charge_h: np.ndarray
    soc_arrival: np.ndarray
    next_trip_kwh: np.ndarray
    battery_kwh: np.ndarray
    charge_kw: np.ndarray
    discharge_kw: np.ndarray

    def __len__(self) -> int:
        return len(self.car)


def draw_chunks(fleet: Fleet, chunk: int = CHUNK) -> Iterator[Sessions]:
    """Draw the whole fleet, ``chunk`` cars at a time; the cars do not depend on ``chunk``."""
    for first in range(0, fleet.n_ev, chunk):
        yield draw_sessions(fleet, first, min(chunk, fleet.n_ev - first))


def draw_sessions(fleet: Fleet, first: int, count: int) -> Sessions:
    """Draw one overnight session for each of the cars ``first`` to ``first + count - 1``.

    Uncontrolled charging begins on arrival, at full power, and draws
    ``min(distance x W, (soc_max - soc_min) CB) / charge efficiency`` from the grid: the energy driven, or the window.
    A car stays until that is done, and at most 24 hours, since the day repeats. The next day's drive takes as much as
    today's.

    Parameters
    ----------
    fleet : Fleet
        The parameters.
    first, count : int
        Which cars.

    Returns
    -------
    Sessions
        One row a car.
    """
    z = _normals(fleet.seed, 0, first, count)
    battery, charge_kw, discharge_kw, consumption = _vehicle_columns(fleet, first, count)
    window_kwh = (fleet.soc_max - fleet.soc_min) * battery
    driven_kwh = np.exp(fleet.distance_log_mean + fleet.distance_log_sd * z[1]) * consumption
    used_kwh = np.minimum(driven_kwh, window_kwh)
    if fleet.soc_on_arrival == "normal":
        soc = np.clip(fleet.soc_mean + fleet.soc_sd * z[3], fleet.soc_min, fleet.soc_max)
    else:
        soc = fleet.soc_max - used_kwh / battery
    charge_h = _on_grid((fleet.soc_max - soc) * battery / fleet.charge_efficiency / charge_kw)
    ended = fleet.arrival_mean_h + fleet.arrival_sd_h * z[0]
    parked = 24.0 + fleet.departure_mean_h + fleet.departure_sd_h * z[2] - ended
    arrival = _on_grid(ended % 24.0) % 24.0
    stay = np.clip(_on_grid(parked), np.minimum(charge_h, 24.0), 24.0)
    return Sessions(
        car=np.arange(first, first + count),
        arrival_h=arrival,
        departure_h=arrival + stay,
        charge_h=np.minimum(charge_h, stay),
        soc_arrival=soc,
        next_trip_kwh=used_kwh,
        battery_kwh=battery,
        charge_kw=charge_kw,
        discharge_kw=discharge_kw,
    )


def _normals(seed: int, stream: int, first: int, count: int) -> np.ndarray:
    """Return four standard normal draws a car, shape (4, count).

    A Philox block holds four 64-bit words: car ``i`` owns block ``i`` of the stream keyed (seed, stream). The inverse
    distribution function turns each word into one normal, with no rejection, so nothing shifts from car to car.
    """
    from scipy.special import ndtri

    return ndtri(_uniforms(seed, stream, first, count))


def _uniforms(seed: int, stream: int, first: int, count: int) -> np.ndarray:
    """Return four draws from (0, 1) a car, shape (4, count)."""
    bits = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64), counter=first)
    draws = np.random.Generator(bits).random((count, 4)).T
    return np.maximum(draws, 2.0**-54)


def _vehicle_columns(fleet: Fleet, first: int, count: int) -> tuple[np.ndarray, ...]:
    """Return battery_kwh, charge_kw, discharge_kw and consumption of each car; types are drawn by their shares."""
    types = fleet.vehicles
    columns = ("battery_kwh", "charge_kw", "discharge_kw", "consumption_kwh_per_km")
    edges = np.cumsum([vehicle.share for vehicle in types])
    if any(len({getattr(vehicle, name) for vehicle in types}) > 1 for name in columns):
        drawn = _uniforms(fleet.seed, 1, first, count)[0] * edges[-1]
        kind = np.minimum(np.searchsorted(edges, drawn, side="right"), len(types) - 1)
    else:
        kind = np.zeros(count, dtype=np.int64)
    return tuple(np.array([getattr(vehicle, name) for vehicle in types])[kind] for name in columns)


def _on_grid(hours: np.ndarray) -> np.ndarray:
    return np.rint(hours / _GRAIN_H) * _GRAIN_H
