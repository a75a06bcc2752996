"""Read recorded charging sessions of ACN-Data, CSV or JSON, as a table of sessions.

Each car and day of the record becomes one car of the fleet, whose day repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import MOST_BYTES, read_json
from csmoifsa_energy.readers.faults import Faults
from csmoifsa_energy.readers.numbers import NumberStyle, UnclearNumberError, style_of
from csmoifsa_energy.readers.stamps import DateOrder, UnclearDateError, read_stamps, zone_named
from csmoifsa_energy.readers.table import read_table
from csmoifsa_ev.model.fleet import Fleet, Sessions, on_grid

_CSV = {"arrival": "ConnectionStartDateTime", "departure": "ConnectionEndDateTime", "energy": "Energy", "car": "UserID"}
_JSON = {"arrival": "connectionTime", "departure": "disconnectTime", "energy": "kWhDelivered", "car": "userID"}


@dataclass(frozen=True)
class Recorded:
    """Sessions read from a file of recorded sessions.

    Attributes
    ----------
    sessions : Sessions
        Cars are car-days of the record.
    n_car_days : int
        Number of car-days.
    notes : list of str
        Sentences on sessions changed to fit the model.
    """

    sessions: Sessions
    n_car_days: int
    notes: list[str]


@dataclass(frozen=True)
class _Record:
    """One session as text by meaning, and its line or its place in a JSON document."""

    place: int | str
    texts: dict[str, str]


@dataclass(frozen=True)
class _Row:
    car: str
    arrival: datetime
    hours: float
    kwh: float


def read_sessions(
    path: Path, fleet: Fleet, *, stamp_zone: str, time_zone: str, date_order: DateOrder | None = None
) -> Recorded:
    """Read recorded sessions.

    Parameters
    ----------
    path : Path
        CSV with the columns ``ConnectionStartDateTime, ConnectionEndDateTime, Energy [kWh], UserID``, or JSON of
        ACN-Data (``_items`` with ``connectionTime, disconnectTime, kWhDelivered, userID, sessionID``).
    fleet : Fleet
        Charger and battery of its first vehicle type, efficiencies and window of the state of charge are used for
        quantities that a record lacks.
    stamp_zone : str
        Time zone of stamps without an offset.
    time_zone : str
        Time zone of the drivers' clock.
    date_order : "day-first" or "month-first", optional
        Order of day and month in dates such as 03/04/2024; required if no date of the file shows it.

    Raises
    ------
    InputError
        A cell is missing or wrong, or a car leaves before it arrives; the message names all such places.
    """
    own, zone = zone_named(stamp_zone, "fleet.sessions.stamp_zone"), zone_named(time_zone, "fleet.sessions.time_zone")
    if own is not None and zone is None:
        raise InputError("fleet.sessions.time_zone: name the zone of the drivers' clock")
    faults = Faults(path)
    records, separator = _records(path)
    stamps, style = _stamps(path, records, date_order), _style(path, records, separator)
    rows = []
    for place, texts, times in zip((one.place for one in records), (one.texts for one in records), stamps, strict=True):
        line = place if isinstance(place, int) else None
        label = "" if isinstance(place, int) else f"{place}: "
        kwh = style.read(texts["energy"])
        for name, stamp in zip(("arrival", "departure"), times, strict=True):
            if stamp is None or not 1900 <= stamp.year <= 2200:
                faults.add(f"{label}{name} {texts[name]!r} is not a time stamp", line=line, kind=f"{name} stamp")
            elif stamp.tzinfo is not None and zone is None:
                fault = f"{label}{name} {texts[name]!r} carries a UTC offset; name fleet.sessions.time_zone"
                faults.add(fault, line=line, kind=f"{name} offset")
        if kwh is None or kwh < 0:
            fault = f"{label}the energy {texts['energy']!r} is not a number of kWh from 0 up"
            faults.add(fault, line=line, kind="energy")
        if None in times or kwh is None or kwh < 0 or faults.count:
            continue
        begin, end = (_on_clock(stamp, own) for stamp in times if stamp is not None)
        if (begin.tzinfo is None) != (end.tzinfo is None):
            faults.add(f"{label}only one of arrival and departure carries a UTC offset", line=line, kind="one offset")
            continue
        if end <= begin:
            fault = f"{label}the car leaves at {texts['departure']}, before it arrives at {texts['arrival']}"
            faults.add(fault, line=line, kind="leaves before")
            continue
        local = begin.astimezone(zone).replace(tzinfo=None) if begin.tzinfo is not None else begin
        rows.append(_Row(texts["car"].strip() or f"{place}", local, (end - begin) / timedelta(hours=1), kwh))
    faults.stop()
    if not rows:
        raise InputError(f"{path} holds no sessions")
    return _table(path, rows, fleet)


def _stamps(
    path: Path, records: list[_Record], order: DateOrder | None
) -> list[tuple[datetime | None, datetime | None]]:
    """Return arrival and departure of every session; both columns together show the order of day and month."""
    texts = [one.texts[name] for name in ("arrival", "departure") for one in records]
    try:
        moments = read_stamps(texts, order).begin
    except UnclearDateError as error:
        place = records[error.row % len(records)].place
        raise InputError(
            f"{path}, {f'line {place}' if isinstance(place, int) else place}: {error}; say which: "
            "fleet.sessions.date_order = 'day-first' or 'month-first'"
        ) from None
    return list(zip(moments[: len(records)], moments[len(records) :], strict=True))


def _style(path: Path, records: list[_Record], separator: str) -> NumberStyle:
    try:
        return style_of([one.texts["energy"] for one in records], separator)
    except UnclearNumberError as error:
        raise InputError(f"{path}, {records[error.row].place}: {error}; write energies with a decimal point") from None


def _on_clock(stamp: datetime, own: tzinfo | None) -> datetime:
    """Return a stamp in UTC, or unchanged if it has neither offset nor time zone."""
    if stamp.tzinfo is None and own is None:
        return stamp
    return (stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=own)).astimezone(UTC)


def _records(path: Path) -> tuple[list[_Record], str]:
    """Return every session, and the character between the columns of the file."""
    if path.suffix.lower() == ".json":
        document = read_json(path, "file of sessions", MOST_BYTES)
        items = document.get("_items") if isinstance(document, dict) else document
        if not isinstance(items, list):
            raise InputError(f"{path}: no ACN-Data: a list of sessions is expected, or an object with '_items'")
        faults = Faults(path)
        records = []
        for k, item in enumerate(items):
            if not isinstance(item, dict):
                faults.add(f"_items.{k} is not a session", kind="item")
                continue
            for key in ("connectionTime", "disconnectTime", "kWhDelivered"):
                if key not in item or isinstance(item[key], bool | list | dict):
                    faults.add(f"_items.{k}.{key} is missing or of the wrong kind", kind=key)
            values = {name: str(item.get(key)) for name, key in _JSON.items()}
            values["car"] = str(item.get("userID") or item.get("sessionID") or "")
            records.append(_Record(f"_items.{k}", values))
        faults.stop()
        return records, ""
    table = read_table(path, "file of sessions")
    columns = {name: table.texts(column) for name, column in _CSV.items()}
    rows = zip(*columns.values(), strict=True)
    return [
        _Record(line, dict(zip(columns, row, strict=True))) for line, row in zip(table.lines, rows, strict=True)
    ], table.separator


def _table(path: Path, rows: list[_Row], fleet: Fleet) -> Recorded:
    """Return sessions grouped into car-days, with the charger and battery of the fleet's first vehicle type."""
    rows = sorted(rows, key=lambda row: (row.car, row.arrival))
    car = np.empty(len(rows), dtype=np.int64)
    last: tuple[str, date | None] = ("", None)
    busy_until: datetime | None = None
    number_of_cars = 0
    overlapping = 0
    for k, row in enumerate(rows):
        today = (row.car, row.arrival.date())
        overlap = today == last and busy_until is not None and row.arrival < busy_until
        overlapping += overlap
        if today != last or overlap:
            number_of_cars += 1
        last, busy_until = today, row.arrival + timedelta(hours=min(row.hours, 24.0))
        car[k] = number_of_cars - 1

    kind = fleet.vehicles[0]
    arrival = on_grid(np.array([r.arrival.hour + r.arrival.minute / 60 + r.arrival.second / 3600 for r in rows])) % 24.0
    stay = on_grid(np.array([min(row.hours, 24.0) for row in rows]))
    stay = np.maximum(stay, 2.0**-20)
    kwh = np.array([row.kwh for row in rows])
    power = np.maximum(kind.charge_kw, kwh / stay)
    charge_h = np.minimum(on_grid(kwh / power), stay)
    power = np.divide(kwh, charge_h, out=power, where=charge_h > 0)  # the energy is what was recorded, to the grain
    stored = kwh * fleet.charge_efficiency
    battery = np.maximum(kind.battery_kwh, stored / (fleet.soc_max - fleet.soc_min))
    notes = [
        f"{path}: {count} of {len(rows)} sessions {what}"
        for count, what in (
            (sum(row.hours > 24 for row in rows), "last longer than 24 hours and count as 24, since the day repeats"),
            (int((kwh / stay > kind.charge_kw * (1 + 1e-9)).sum()), "charge faster than the first vehicle type's "
             "charge_kw could; their power is what the energy needs"),
            (int((battery > kind.battery_kwh).sum()), "take more than the first vehicle type's battery holds; theirs "
             "is as large as needed"),
            (overlapping, "overlap an earlier one of the same driver and count as another car"),
        )
        if count
    ]  # fmt: skip
    sessions = Sessions(
        car=car,
        arrival_h=arrival,
        departure_h=arrival + stay,
        charge_h=charge_h,
        soc_arrival=fleet.soc_max - stored / battery,
        next_trip_kwh=stored,
        battery_kwh=battery,
        charge_kw=power,
        discharge_kw=np.full(len(rows), kind.discharge_kw),
    )
    return Recorded(sessions, number_of_cars, notes)
