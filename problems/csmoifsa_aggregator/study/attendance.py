"""Cars that come late, leave early or do not come: each class falls into groups, by shares of the case."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csmoifsa_aggregator.inputs.keys import AttendanceKeys
from csmoifsa_aggregator.model.battery import Batteries, Dispatch


@dataclass(frozen=True, eq=False)
class Attendance:
    """Groups of cars of a day; all of a group come and go together.

    Attributes
    ----------
    cars : Batteries
        Groups, with the stays that are planned for them.
    parent : (V',) int array
        Class of each group.
    share : (V',) array
        Part of the class's cars that each group holds.
    arrival, departure : (V',) int array
        First step in which each group is there, and first one after it; both the number of steps for one that does not
        come.
    """

    cars: Batteries
    parent: np.ndarray
    share: np.ndarray
    arrival: np.ndarray
    departure: np.ndarray

    def plan(self, plan: Dispatch) -> Dispatch:
        """Return a plan of the classes as one of the groups, each with its part of the power."""
        part = self.share[:, None]
        return replace(
            plan,
            charge_kw=part * plan.charge_kw[self.parent],
            discharge_kw=part * plan.discharge_kw[self.parent],
            soe_kwh=plan.soe_kwh[self.parent],
        )


def draw_attendance(cars: Batteries, keys: AttendanceKeys, rng: np.random.Generator) -> Attendance:
    """Draw how many cars of each class come late, leave early, or do not come.

    Each car does one of the three or none, with the probabilities of the case; numbers of cars are rounded to whole
    ones for the draw. Cars that come as late as their stay ends do not come.
    """
    late, early = (round(hours / cars.dt_h) for hours in (keys.late_h, keys.early_h))
    chances = np.array([keys.late_share, keys.early_share, keys.absent_share])
    parents, shares, names, arrivals, departures = [], [], [], [], []
    for v in range(cars.n_classes):
        number = max(round(float(cars.count[v])), 1)
        drawn = rng.multinomial(number, [*chances, max(1.0 - chances.sum(), 0.0)])
        begin, end = int(cars.start[v]), int(cars.start[v] + cars.length[v])
        for many, word, arrival, departure in (
            (drawn[3], "", begin, end),
            (drawn[0], ", late", begin + late, end),
            (drawn[1], ", early", begin, end - early),
            (drawn[2], ", absent", cars.n_steps, cars.n_steps),
        ):
            if not many:
                continue
            there = arrival < departure
            parents.append(v)
            shares.append(many / number)
            names.append(cars.names[v] + word)
            arrivals.append(arrival if there else cars.n_steps)
            departures.append(departure if there else cars.n_steps)
    parent, share = np.array(parents), np.array(shares)
    columns = ("charge_kw", "discharge_kw", "capacity_kwh", "floor_kwh", "arrival_kwh", "departure_kwh", "efficiency")
    groups = replace(
        cars,
        names=tuple(names),
        count=share * cars.count[parent],
        **{name: getattr(cars, name)[parent] for name in (*columns, "wear", "start", "length")},
    )
    return Attendance(groups, parent, share, np.array(arrivals), np.array(departures))
