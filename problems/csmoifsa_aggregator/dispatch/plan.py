"""What the real-time dispatcher is handed, a day to carry out, and what it answers, one step of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries


@dataclass(frozen=True, kw_only=True, eq=False)
class DispatchPlan:
    """A day to be carried out.

    Attributes
    ----------
    cars : Batteries
        The classes (or single cars), their stays within the horizon.
    day_ahead : (T,) array
        Day-ahead price [currency/kWh].
    past : (d, T) array
        Deviations real-time minus day-ahead of earlier days, for the forecaster; may have no rows.
    forecaster : str
        ``"ar1"``, ``"none"``, or a function of your own as ``module:function``.
    other_load_kw : (T,) array, optional
        Load of the drivers who are not dispatched [kW]; none where left out.
    cap_kw : (T,) array, optional
        Import limit: the greatest net load of all cars together [kW].
    sale_ratio : (T,) array, optional
        What a kWh given to the market earns, in the price: ``price + (ratio - 1) |price|``; the price itself where left
        out, and not a number where nothing can be sold. What serves other cars in the same step is not sold.
    planned_kw : (2, V, T) array, optional
        Charge and discharge power of each class planned day-ahead, all its vehicles together [kW]; the cheapest at
        day-ahead prices where left out.
    """

    cars: Batteries
    day_ahead: np.ndarray
    past: np.ndarray
    forecaster: str = "ar1"
    other_load_kw: np.ndarray | None = None
    cap_kw: np.ndarray | None = None
    sale_ratio: np.ndarray | None = None
    planned_kw: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, shape in (
            ("other_load_kw", ()),
            ("cap_kw", ()),
            ("sale_ratio", ()),
            ("planned_kw", (2, len(self.cars.names))),
        ):
            value = getattr(self, name)
            if value is not None and np.shape(value) != (*shape, self.cars.n_steps):
                raise InputError(f"{name} must have shape {(*shape, self.cars.n_steps)}, not {np.shape(value)}")
        if self.day_ahead.shape != (self.cars.n_steps,):
            raise InputError(f"day_ahead has {self.day_ahead.size} prices, the classes know {self.cars.n_steps} steps")
        bad = np.flatnonzero(~np.isfinite(self.day_ahead))
        if bad.size:
            raise InputError(f"the day-ahead price of step {bad[0]} is not a number")
        wraps = np.flatnonzero(self.cars.start + self.cars.length > self.cars.n_steps)
        if wraps.size:
            raise InputError(f"{self.cars.names[wraps[0]]} stays beyond the end of the horizon; begin the day earlier")


@dataclass(frozen=True)
class Setpoints:
    """What to do in one step.

    Attributes
    ----------
    now : int
        The step.
    charge_kw, discharge_kw : dict
        Power of each class at the grid, all its vehicles together [kW].
    notes : tuple of str
        What was unusual, one sentence each: prices missing, cars missing, promises that cannot be kept.
    unserved_kwh : dict
        Classes whose promise cannot be kept any more, and what each of their vehicles will lack [kWh].
    """

    now: int
    charge_kw: dict[str, float]
    discharge_kw: dict[str, float]
    notes: tuple[str, ...] = ()
    unserved_kwh: dict[str, float] = field(default_factory=dict)
