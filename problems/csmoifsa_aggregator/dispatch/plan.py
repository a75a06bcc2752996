"""Input and output of the real-time dispatcher: the plan of a day, and the setpoints of one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.reserve import Product

_EARLY = 1e-4
"""Rise of the price over the day that a plan sees, as a share of the mean day-ahead price; see `readiness`."""


@dataclass(frozen=True, eq=False)
class Commitment:
    """Bids of a reserve product that were committed day-ahead.

    Attributes
    ----------
    product : Product
        The product.
    bid_kw : (K,) array
        Bid of each block of the horizon [kW].
    """

    product: Product
    bid_kw: np.ndarray

    def at(self, step: int, n_steps: int) -> float:
        """Return the bid of one of ``n_steps`` steps [kW]."""
        return float(self.bid_kw[step * self.bid_kw.size // n_steps])


@dataclass(frozen=True, kw_only=True, eq=False)
class DispatchPlan:
    """Plan of a day for the real-time dispatcher.

    Attributes
    ----------
    cars : Batteries
        Classes of cars, or single cars, whose stays end within the horizon.
    day_ahead : (T,) array
        Day-ahead price [currency/kWh].
    past : (d, T) array
        Deviations real-time minus day-ahead of earlier days, for the forecaster [currency/kWh]; may have no rows.
    forecaster : str
        Name of the forecaster: ``"bias"``, ``"ar1"``, ``"quantile"``, ``"none"``, or a function of your own as
        ``module:function``.
    other_load_kw : (T,) array, optional
        Load of the drivers who are not dispatched [kW]; 0 where left out.
    import_limit_kw : (T,) array, optional
        Import limit: the greatest net load of all cars together [kW]; no limit where left out.
    sale_ratio : (T,) array, optional
        Ratio of the sale price to the price: a kWh sold to the market earns ``price + (ratio - 1) |price|``; 1 where
        left out, NaN where nothing can be sold. Energy that serves other cars in the same step is not sold.
    planned_kw : (2, V, T) array, optional
        Charge and discharge power of each class planned day-ahead, all its vehicles together [kW]; that of the cheapest
        dispatch at day-ahead prices where left out.
    base_kw : (T,) array, optional
        Load beside all cars on the same connection [kW], which decides with them whether it feeds in; 0 where left out.
    reserve : tuple of Commitment
        Reserve committed day-ahead.
    imbalance : (2, T) array, optional
        What a kWh drawn beyond the position ``planned_kw`` is expected to cost above the real-time price, and what one
        of it not drawn brings less [currency/kWh]; nothing where left out.

    Raises
    ------
    InputError
        An array has another shape, a day-ahead price is not a number, a stay goes beyond the end of the horizon, two
        reserve products have one name or blocks that do not fit the horizon, or an imbalance has no position or would
        earn without end.
    """

    cars: Batteries
    day_ahead: np.ndarray
    past: np.ndarray
    forecaster: str = "bias"
    other_load_kw: np.ndarray | None = None
    import_limit_kw: np.ndarray | None = None
    sale_ratio: np.ndarray | None = None
    planned_kw: np.ndarray | None = None
    base_kw: np.ndarray | None = None
    reserve: tuple[Commitment, ...] = ()
    imbalance: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, shape in (
            ("other_load_kw", ()),
            ("import_limit_kw", ()),
            ("sale_ratio", ()),
            ("base_kw", ()),
            ("planned_kw", (2, len(self.cars.names))),
            ("imbalance", (2,)),
        ):
            value = getattr(self, name)
            if value is not None and np.shape(value) != (*shape, self.cars.n_steps):
                raise InputError(f"{name} must have shape {(*shape, self.cars.n_steps)}, not {np.shape(value)}")
        if self.day_ahead.shape != (self.cars.n_steps,):
            raise InputError(
                f"day_ahead has {self.day_ahead.size} prices, but the classes have {self.cars.n_steps} steps"
            )
        bad = np.flatnonzero(~np.isfinite(self.day_ahead))
        if bad.size:
            raise InputError(f"the day-ahead price of step {bad[0]} is not a number")
        wraps = np.flatnonzero(self.cars.start + self.cars.length > self.cars.n_steps)
        if wraps.size:
            raise InputError(f"{self.cars.names[wraps[0]]} stays beyond the end of the horizon; begin the day earlier")
        self._check_reserve()
        if self.imbalance is not None and self.planned_kw is None:
            raise InputError("imbalance needs planned_kw, the position that it is an imbalance of")
        if self.imbalance is not None and not (self.imbalance.sum(axis=0) >= 0).all():
            raise InputError("imbalance must not make it earn to draw more and less than the position at once")

    def _check_reserve(self) -> None:
        names = [one.product.name for one in self.reserve]
        for one in self.reserve:
            name, blocks = one.product.name, one.product.blocks(self.cars.n_steps, self.cars.dt_h)
            if names.count(name) > 1:
                raise InputError(f"two reserve products are called {name!r}; give each a name of its own")
            if one.bid_kw.shape != (blocks,):
                raise InputError(f"{name}: {one.bid_kw.size} bids were given for the {blocks} blocks of the horizon")
            if not np.isfinite(one.bid_kw).all() or (one.bid_kw < 0).any():
                raise InputError(f"{name}: bids must be numbers from 0 up, not {one.bid_kw.tolist()}")

    def readiness(self) -> np.ndarray:
        """Return the rise of the price that keeps batteries full among equal plans, shape (T,) [currency/kWh].

        Where steps cost the same, cars charge in the earliest and discharge in the latest, so that a price above the
        forecast meets full batteries. The rise is linear, from 0 to 0.01 % of the mean day-ahead price: less than the
        0.01 currency/MWh to which markets round their prices, below 100 currency/MWh (reconstructed).
        """
        return np.linspace(0.0, _EARLY * float(np.abs(self.day_ahead).mean()), self.cars.n_steps)


@dataclass(frozen=True)
class Setpoints:
    """Power of each class in one step, with notes on what was unusual.

    Attributes
    ----------
    now : int
        Index of the step in the horizon, from 0.
    charge_kw, discharge_kw : dict
        Power at the grid side of each class within its planned stay, all its vehicles together [kW].
    notes : tuple of str
        Notes of one sentence each on missing prices, missing cars, promises that cannot be kept, and the like.
    unserved_kwh : dict
        Energy that each vehicle will lack at departure [kWh], by class; only classes whose promise cannot be kept.
    up_kw, down_kw : dict of dict
        Bands that keep the reserve committed, by product and class, all its vehicles together [kW].
    missing_kw : dict of dict
        Part of the bid that cannot be delivered, by product and direction [kW].
    """

    now: int
    charge_kw: dict[str, float]
    discharge_kw: dict[str, float]
    notes: tuple[str, ...] = ()
    unserved_kwh: dict[str, float] = field(default_factory=dict)
    up_kw: dict[str, dict[str, float]] = field(default_factory=dict)
    down_kw: dict[str, dict[str, float]] = field(default_factory=dict)
    missing_kw: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Setpoints:
        """Return setpoints from their fields as JSON holds them."""
        return cls(**{**values, "notes": tuple(values["notes"])})
