"""Read recorded charging sessions as a table of sessions.

Each car and day of the record becomes one car of the fleet, whose day repeats.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import MOST_BYTES, read_json
from csmoifsa_energy.readers.faults import Faults, MendableError, choose
from csmoifsa_energy.readers.numbers import NumberStyle, UnclearNumberError, style_of
from csmoifsa_energy.readers.stamps import DateOrder, UnclearDateError, read_stamps, with_zone, zone_named
from csmoifsa_energy.readers.table import read_table
from csmoifsa_ev.inputs.session_columns import SessionTexts, session_texts
from csmoifsa_ev.model.fleet import Fleet, Sessions, SessionsFile, on_grid

KEY = "fleet.sessions"
"""Table of a scenario that names the file."""

_JSON = {"arrival": "connectionTime", "departure": "disconnectTime", "energy": "kWhDelivered"}


@dataclass(frozen=True)
class Recorded:
    """Sessions read from a file of recorded sessions.

    Attributes
    ----------
    sessions : Sessions
        Cars are car-days of the record.
    dates : (n,) array of datetime64[D]
        Day of arrival of each session on the drivers' clock.
    n_car_days : int
        Number of car-days.
    notes : list of str
        Sentences on sessions changed to fit the model.
    """

    sessions: Sessions
    dates: np.ndarray
    n_car_days: int
    notes: list[str]


@dataclass(frozen=True)
class _Records:
    """The sessions of a file as text, and where each stands: its line, or its place in a JSON document."""

    places: list[int] | list[str]
    texts: SessionTexts
    separator: str = ""


@dataclass(frozen=True)
class _Row:
    car: str
    arrival: datetime
    hours: float
    kwh: float


def read_sessions(source: SessionsFile, fleet: Fleet) -> Recorded:
    """Read recorded sessions.

    Parameters
    ----------
    source : SessionsFile
        The file, and what it does not state itself: a table of a form of `session_columns.KNOWN_FORMS`, a table whose
        columns are named, or JSON of ACN-Data (``_items`` with ``connectionTime, disconnectTime, kWhDelivered, userID,
        sessionID``).
    fleet : Fleet
        Charger and battery of its first vehicle type, efficiencies and window of the state of charge are used for
        quantities that a record lacks.

    Raises
    ------
    InputError
        A cell is missing or wrong, or a car leaves before it arrives; the message names all such places.
    """
    path = Path(source.file)
    zone = zone_named(source.time_zone, "fleet.sessions.time_zone")
    records = _read(path, source)
    stamp_zone, notes = _stamp_zone(path, source, records.texts.stamp_zone)
    own = zone_named(stamp_zone, "fleet.sessions.stamp_zone") if stamp_zone is not None else None
    if own is not None and zone is None:
        raise MendableError("fleet.sessions.time_zone: name the zone of the drivers' clock", choose(KEY, "time_zone"))
    faults = Faults(path)
    style = _style(path, records)
    rows = []
    for place, moments, energy, car in zip(
        records.places, _stamps(path, records, source.date_order), records.texts.energy, records.texts.car, strict=True
    ):
        line = place if isinstance(place, int) else None
        label = "" if isinstance(place, int) else f"{place}: "
        times = [_placed(moment, zone, faults, label, line) for moment in moments]
        kwh = style.read(energy)
        kwh = None if kwh is None else kwh * records.texts.kwh
        if kwh is None or kwh < 0:
            faults.add(f"{label}the energy {energy!r} is not a number of kWh from 0 up", line=line, kind="energy")
        if stamp_zone is None and any(time is not None and time.tzinfo is None for time in times):
            raise MendableError(
                f"{path}: its stamps name no time zone; write fleet.sessions.stamp_zone = 'UTC', or 'local' if they "
                "show the drivers' clock",
                *(choose(KEY, "stamp_zone", "UTC", "local"), choose(KEY, "stamp_zone")),
            )
        arrival, departure = times
        if arrival is None or departure is None or kwh is None or kwh < 0 or faults.count:
            continue
        begin, end = _on_clock(arrival, own), _on_clock(departure, own)
        if (begin.tzinfo is None) != (end.tzinfo is None):
            faults.add(f"{label}only one of arrival and departure carries a UTC offset", line=line, kind="one offset")
        elif begin.tzinfo is None and moments[0].zone != moments[1].zone:
            fault = f"{label}arrival and departure are in {moments[0].zone} and {moments[1].zone}"
            faults.add(f"{fault}; name fleet.sessions.time_zone", choose(KEY, "time_zone"), line=line, kind="two zones")
        elif end <= begin:
            fault = f"{label}the car leaves at {moments[1].text}, before it arrives at {moments[0].text}"
            faults.add(fault, line=line, kind="leaves before")
        else:
            local = begin.astimezone(zone).replace(tzinfo=None) if begin.tzinfo is not None else begin
            rows.append(_Row(car.strip() or f"{place}", local, (end - begin) / timedelta(hours=1), kwh))
    faults.stop()
    if not rows:
        raise InputError(f"{path} holds no sessions")
    if records.texts.kwh != 1.0:
        notes.append(f"{path}: energies are multiplied by {records.texts.kwh:g} to be in kWh, as their column says")
    table = _table(path, rows, fleet)
    return replace(table, notes=notes + table.notes)


class _Moment(NamedTuple):
    """An arrival or departure as read: its name and text, the stamp, and the name of its time zone, if written."""

    name: str
    text: str
    stamp: datetime | None
    zone: str


def _stamps(path: Path, records: _Records, order: DateOrder | None) -> list[tuple[_Moment, _Moment]]:
    """Return arrival and departure of every session; both columns together show the order of day and month."""
    arrivals, departures, n = records.texts.arrival, records.texts.departure, len(records.places)
    try:
        stamps = read_stamps([*arrivals, *departures], order).begin
    except UnclearDateError as error:
        place = records.places[error.row % n]
        raise MendableError(
            f"{path}, {f'line {place}' if isinstance(place, int) else place}: {error}; say which: "
            "fleet.sessions.date_order = 'day-first' or 'month-first'",
            choose(KEY, "date_order", "day-first", "month-first"),
        ) from None
    zones = records.texts.zones or ([""] * n, [""] * n)
    moments = [
        [_Moment(name, *one) for one in zip(texts, column, names, strict=True)]
        for name, texts, column, names in (
            ("arrival", arrivals, stamps[:n], zones[0]),
            ("departure", departures, stamps[n:], zones[1]),
        )
    ]
    return list(zip(*moments, strict=True))


def _placed(moment: _Moment, zone: ZoneInfo | None, faults: Faults, label: str, line: int | None) -> datetime | None:
    """Return a stamp with its UTC offset if it or its zone column states one, None after a fault."""
    name, text, stamp, written = moment
    if stamp is None or not 1900 <= stamp.year <= 2200:
        faults.add(f"{label}{name} {text!r} is not a time stamp", line=line, kind=f"{name} stamp")
        return None
    if written and stamp.tzinfo is None:
        stamp = with_zone(stamp, written, zone)
        if stamp is None:
            clock = "the drivers' clock" if zone is None else zone.key
            faults.add(f"{label}{name}: {clock} does not call its time {written!r}", line=line, kind=f"{name} zone")
            return None
    if stamp.tzinfo is not None and zone is None:
        fault = f"{label}{name} {text!r} carries a UTC offset; name fleet.sessions.time_zone"
        faults.add(fault, choose(KEY, "time_zone"), line=line, kind=f"{name} offset")
    return stamp


def _stamp_zone(path: Path, source: SessionsFile, stated: str | None) -> tuple[str | None, list[str]]:
    """Return the time zone of stamps that carry none, and a sentence where user and file contradict each other."""
    if stated is None or source.stamp_zone in (None, stated):
        return source.stamp_zone or stated, []
    return source.stamp_zone, [f"{path}: its columns say {stated}, but stamp_zone says {source.stamp_zone!r}"]


def _style(path: Path, records: _Records) -> NumberStyle:
    try:
        return style_of(records.texts.energy, records.separator)
    except UnclearNumberError as error:
        place = records.places[error.row]
        where = f"line {place}" if isinstance(place, int) else place
        raise InputError(f"{path}, {where}: {error}; write energies with a decimal point") from None


def _on_clock(stamp: datetime, own: tzinfo | None) -> datetime:
    """Return a stamp in UTC, or unchanged if it has neither offset nor time zone."""
    if stamp.tzinfo is None and own is None:
        return stamp
    return (stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=own)).astimezone(UTC)


def _read(path: Path, source: SessionsFile) -> _Records:
    """Return every session of a table or a JSON document as text."""
    if path.suffix.lower() != ".json":
        table = read_table(path, "file of sessions", sheet=source.sheet, key=KEY)
        return _Records(table.lines, session_texts(table, source.columns), table.separator)
    if source.columns is not None or source.sheet is not None:
        raise InputError(f"fleet.sessions: columns and sheet are of tables; {path} is JSON, whose keys are ACN-Data's")
    document = read_json(path, "file of sessions", MOST_BYTES)
    items = document.get("_items") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise InputError(f"{path}: no ACN-Data: a list of sessions is expected, or an object with '_items'")
    faults = Faults(path)
    places, texts = [], SessionTexts([], [], [], [])
    for k, item in enumerate(items):
        if not isinstance(item, dict):
            faults.add(f"_items.{k} is not a session", kind="item")
            continue
        for key in ("connectionTime", "disconnectTime", "kWhDelivered"):
            if key not in item or isinstance(item[key], bool | list | dict):
                faults.add(f"_items.{k}.{key} is missing or of the wrong kind", kind=key)
        places.append(f"_items.{k}")
        for name in ("arrival", "departure", "energy"):
            getattr(texts, name).append(str(item.get(_JSON[name])))
        texts.car.append(str(item.get("userID") or item.get("sessionID") or ""))
    faults.stop()
    return _Records(places, texts)


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
    dates = np.array([row.arrival.date() for row in rows], dtype="datetime64[D]")
    return Recorded(sessions, dates, number_of_cars, notes)
