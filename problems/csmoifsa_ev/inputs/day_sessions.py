"""Recorded sessions by kind of days: those that began on such days, and how many cars come on one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from csmoifsa_ev.inputs.sessions import Recorded, read_sessions
from csmoifsa_ev.model.fleet import Fleet, Sessions
from csmoifsa_ev.model.tariff import Windows


@dataclass(frozen=True, kw_only=True)
class KindSessions:
    """Sessions of one kind of days.

    Attributes
    ----------
    sessions : Sessions
        The sessions.
    car_days : int
        Number of their car-days.
    activity : float
        Car-days a day of this kind over those a day of the whole record; 1 where the sessions are those of all days.
    """

    sessions: Sessions
    car_days: int
    activity: float


def sessions_by_kind(recorded: Recorded, tariff: Windows) -> tuple[dict[int, KindSessions], list[str]]:
    """Return the sessions of each kind of days, by its number, and sentences on them.

    A session is of the kind of the day of its arrival, also where it lasts over midnight. A kind has the sessions of
    all days where none of the record is of it.

    Parameters
    ----------
    recorded : Recorded
        The record.
    tariff : Windows
        Tells the kind of each day.
    """
    first, last = recorded.dates.min(), recorded.dates.max()
    calendar = np.arange(first, last + 1)
    kind_of: Mapping[date, int] = {day: tariff.kind_of(day) for day in calendar.astype(object)}
    of_session = np.array([kind_of[day] for day in recorded.dates.astype(object)])
    of_day = np.array(list(kind_of.values()))
    a_day = recorded.n_car_days / len(calendar)
    found, notes = {}, []
    for k in range(len(tariff.days) + 1):
        rows = of_session == k
        title = repr(tariff.days[k - 1].name) if k else "the other"
        if not rows.any():
            found[k] = KindSessions(sessions=recorded.sessions, car_days=recorded.n_car_days, activity=1.0)
            notes.append(f"fleet.sessions: none was recorded on {title} days; these have the sessions of all days")
            continue
        sessions = recorded.sessions.rows(rows)
        car_days, days = len(np.unique(sessions.car)), int((of_day == k).sum())
        found[k] = KindSessions(sessions=sessions, car_days=car_days, activity=car_days / days / a_day)
        notes.append(
            f"fleet.sessions: on {title} days {car_days:,} car-days in {days:,} days, {found[k].activity:.0%} of the "
            "mean of all days"
        )
    return found, notes


def recorded_by_title(fleet: Fleet, tariff: Windows) -> dict[str, KindSessions]:
    """Return the recorded sessions of each kind of days by its title, as `day.DayKind` has it; none of a drawn fleet.

    Parameters
    ----------
    fleet : Fleet
        The fleet, whose record is read.
    tariff : Windows
        Tells the kind of each day.
    """
    if fleet.sessions is None:
        return {}
    recorded = read_sessions(fleet.sessions, fleet)
    titles = ["", *(one.name for one in tariff.days)]
    if fleet.sessions.by_kind and tariff.days:
        found, _ = sessions_by_kind(recorded, tariff)
        return {titles[k]: one for k, one in found.items()}
    every = KindSessions(sessions=recorded.sessions, car_days=recorded.n_car_days, activity=1.0)
    return dict.fromkeys(titles, every)
