"""Parameters of the cars, and one day of parking sessions drawn by Monte Carlo (section 4.1 of the 2022 paper).

The draws of car ``i`` are block ``i`` of a counter-based random stream, so that each car is the same whatever the size
and order of the chunks in which a fleet is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.checks import (
    Parameters,
    require_efficiency,
    require_fraction,
    require_not_negative,
    require_positive,
)

MOST_CARS = 100_000_000
"""Largest number of cars; a fleet of that size is drawn in about a minute."""
CHUNK = 1 << 15
"""Number of cars drawn at a time: about 20 MB, which fits the processor's cache."""

_GRAIN_H = 2.0**-20
"""Resolution of times [h], 2^-20 h or 3 ms, so that equal instants compare equal."""


@dataclass(frozen=True, kw_only=True)
class Vehicle(Parameters):
    """One type of car.

    Attributes
    ----------
    name : str
        Name of the type in tables.
    share : float
        Share of the fleet; shares are divided by their sum.
    battery_kwh : float
        Capacity CB [kWh].
    charge_kw, discharge_kw : float
        Power of charging and discharging at the grid side of the charger [kW].
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
class SessionColumns(Parameters):
    """Names of the columns of a file of recorded sessions.

    Attributes
    ----------
    arrival, departure : str or tuple of str
        Column of the stamps of plugging in and of leaving; two columns where date and time of day stand apart.
    energy : str
        Column of the energy charged [kWh].
    car : str, optional
        Column of the driver or car; where left out, each session is a car of its own.
    arrival_zone, departure_zone : str, optional
        Columns of the time zone of the stamps: a UTC offset, "UTC", or what the drivers' time zone calls itself, such
        as "PDT".
    """

    arrival: str | tuple[str, str]
    departure: str | tuple[str, str]
    energy: str
    car: str | None = None
    arrival_zone: str | None = None
    departure_zone: str | None = None

    def __post_init__(self) -> None:
        if (self.arrival_zone is None) != (self.departure_zone is None):
            raise InputError("arrival_zone and departure_zone: name both columns or neither")


@dataclass(frozen=True, kw_only=True)
class SessionsFile(Parameters):
    """File of recorded sessions that replace drawn ones; its forms are those of `inputs.sessions.read_sessions`.

    Attributes
    ----------
    file : str
        CSV, Excel, or JSON of ACN-Data; in a scenario file, a relative path starts at that file's folder.
    time_zone : str
        Time zone of the drivers' clock, or ``"local"`` where all stamps show that clock.
    stamp_zone : str, optional
        Time zone of stamps that carry none: ``"UTC"``, another zone, or ``"local"`` for the drivers' clock; required
        unless the form of the file states it.
    date_order : "day-first" or "month-first", optional
        Order of day and month in dates such as 03/04/2024; required if no date of the file shows it.
    columns : SessionColumns, optional
        Names of its columns, for a file of no known form.
    sheet : str, optional
        The sheet of an Excel file that has several.
    by_kind : bool
        Whether days of each kind of ``[[tariff.days]]`` have the sessions that were recorded on such days, and as many
        cars as came on them; false: all days share all sessions.
    """

    file: str
    time_zone: str
    stamp_zone: str | None = None
    date_order: Literal["day-first", "month-first"] | None = None
    columns: SessionColumns | None = None
    sheet: str | None = None
    by_kind: bool = True


@dataclass(frozen=True, kw_only=True)
class Fleet(Parameters):
    """Parameters of a fleet: vehicle types, driving, parking and the random seed.

    Attributes
    ----------
    n_ev : int
        Number of cars N.
    vehicles : tuple of Vehicle
        Vehicle types, at least one.
    charge_efficiency, discharge_efficiency : float
        eta_c, grid to battery, and eta_d, battery to grid, each in (0, 1].
    soc_min, soc_max : float
        Lowest and highest state of charge, as shares of the capacity.
    arrival_mean_h, arrival_sd_h : float
        Mean and standard deviation of the normal distribution of the end of the last trip [h], wrapped at midnight.
    departure_mean_h, departure_sd_h : float
        Mean and standard deviation of the normal distribution of the beginning of the next day's first trip [h].
    distance_log_mean, distance_log_sd : float
        Mean and standard deviation of the normal distribution of the natural logarithm of the day's distance [km].
    soc_on_arrival : "distance" or "normal"
        Whether the state of charge on arrival follows from the distance driven, or is drawn from
        N(soc_mean, soc_sd) as the paper prints. Only the first agrees with the paper's own peak load.
    soc_mean, soc_sd : float
        Mean and standard deviation of the state of charge on arrival, used with ``"normal"`` only.
    seed : int
        Seed of the random draws, below 2^64.
    trips_per_day : int
        Number m of equally long trips a day; after each the car parks at a charger, after the last overnight.
    drive_km_per_h : float
        Mean speed between stops [km/h], used with two or more trips.
    sessions : SessionsFile, optional
        Recorded sessions in place of drawn ones, scaled to ``n_ev`` cars.
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
    trips_per_day: int = 1
    drive_km_per_h: float = 40.0
    sessions: SessionsFile | None = None

    def __post_init__(self) -> None:
        require_positive(self, "n_ev", "trips_per_day", "drive_km_per_h")
        if self.n_ev > MOST_CARS:
            raise InputError(f"n_ev must be at most {MOST_CARS:,}, for each car is drawn, not {self.n_ev:,}")
        if self.trips_per_day > 12:
            raise InputError(f"trips_per_day must be at most 12, not {self.trips_per_day}")
        if self.trips_per_day > 1 and self.soc_on_arrival == "normal":
            raise InputError(
                "soc_on_arrival = 'normal' draws one arrival a day; with more trips_per_day use 'distance'"
            )
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
    """A table of n parking sessions, drawn or recorded, one a row; a car may have several consecutive rows.

    Attributes
    ----------
    car : (n,) int array
        Number of the car; rows of one car are consecutive.
    arrival_h : (n,) array
        Time of plugging in, in [0, 24) [h].
    departure_h : (n,) array
        Time of leaving, in (arrival_h, arrival_h + 24] [h].
    charge_h : (n,) array
        Duration of charging at full power, at most that of the session [h].
    soc_arrival : (n,) array
        State of charge on arrival [share of capacity].
    next_trip_kwh : (n,) array
        Energy that the next trip takes from the battery [kWh].
    battery_kwh : (n,) array
        Capacity of the car's battery [kWh].
    charge_kw, discharge_kw : (n,) array
        Power of charging and discharging at the grid side of the charger [kW].
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

    def rows(self, chosen: np.ndarray) -> Sessions:
        """Return some of the sessions, those that a mask or an index (k,) chooses."""
        return Sessions(**{name: values[chosen] for name, values in vars(self).items()})


def draw_sessions(fleet: Fleet, first: int, count: int) -> Sessions:
    """Draw one day of sessions for the cars ``first`` to ``first + count - 1`` (section 4.1 of the 2022 paper).

    Uncontrolled charging begins on arrival, at full power, and takes
    ``min(distance x W, (soc_max - soc_min) CB) / eta_c`` from the grid: the energy of the day's distance, at most the
    window of the state of charge. A car stays until charging ends, and at most 24 h, since the day repeats. The next
    day's trips take the same energy.

    Parameters
    ----------
    fleet : Fleet
        Parameters of the fleet.
    first, count : int
        Number of the first car, from 0, and number of cars.

    Returns
    -------
    Sessions
        `Fleet.trips_per_day` rows for each car, the last overnight.
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
    charge_h = on_grid((fleet.soc_max - soc) * battery / fleet.charge_efficiency / charge_kw)
    ended = fleet.arrival_mean_h + fleet.arrival_sd_h * z[0]
    parked = 24.0 + fleet.departure_mean_h + fleet.departure_sd_h * z[2] - ended
    arrival = on_grid(ended % 24.0) % 24.0
    stay = np.clip(on_grid(parked), np.minimum(charge_h, 24.0), 24.0)
    if fleet.trips_per_day > 1:
        cars = (np.arange(first, first + count), battery, charge_kw, discharge_kw)
        return _several_trips(fleet, cars, used_kwh, driven_kwh / consumption, arrival, stay)
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


def _several_trips(
    fleet: Fleet,
    cars: tuple[np.ndarray, ...],
    used_kwh: np.ndarray,
    distance_km: np.ndarray,
    arrival: np.ndarray,
    stay: np.ndarray,
) -> Sessions:
    """Return m sessions a car: m - 1 stops of equal length between equal trips, then the night at home.

    Energy that a stop is too short to charge is charged at the next. ``arrival`` and ``stay`` (n,) are the beginning
    and the length of the night at home [h].
    """
    number, battery, charge_kw, discharge_kw = cars
    m, n = fleet.trips_per_day, len(number)
    away = 24.0 - stay
    drive = np.minimum(distance_km / fleet.drive_km_per_h, 0.9 * away) / m
    stop = np.maximum(away - m * drive, 0.0) / (m - 1)
    begin, length, charge_h, soc = (np.empty((n, m)) for _ in range(4))
    missing_kwh = np.zeros(n)
    for k in range(m):
        if k < m - 1:
            begin[:, k] = on_grid((arrival + stay + (k + 1) * drive + k * stop) % 24.0) % 24.0
            length[:, k] = on_grid(stop)
        else:
            begin[:, k], length[:, k] = arrival, stay
        missing_kwh = missing_kwh + used_kwh / m
        soc[:, k] = fleet.soc_max - missing_kwh / battery
        charge_h[:, k] = np.minimum(on_grid(missing_kwh / fleet.charge_efficiency / charge_kw), length[:, k])
        missing_kwh = np.maximum(missing_kwh - charge_h[:, k] * charge_kw * fleet.charge_efficiency, 0.0)
    return Sessions(
        car=np.repeat(number, m),
        arrival_h=begin.ravel(),
        departure_h=(begin + length).ravel(),
        charge_h=charge_h.ravel(),
        soc_arrival=soc.ravel(),
        next_trip_kwh=np.repeat(used_kwh / m, m),
        battery_kwh=np.repeat(battery, m),
        charge_kw=np.repeat(charge_kw, m),
        discharge_kw=np.repeat(discharge_kw, m),
    )


def _normals(seed: int, stream: int, first: int, count: int) -> np.ndarray:
    """Return four standard normal draws a car, shape (4, count).

    A Philox block holds four 64-bit words: car ``i`` uses block ``i`` of the stream keyed (seed, stream). The inverse
    distribution function maps each word to one normal draw, without rejection, so that a car uses its own block only.
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


def on_grid(hours: np.ndarray) -> np.ndarray:
    """Return times rounded to 2^-20 h."""
    return np.rint(hours / _GRAIN_H) * _GRAIN_H
