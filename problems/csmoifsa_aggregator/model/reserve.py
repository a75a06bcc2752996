"""Reserve products: what an aggregator may bid, by block of the day, and what it is paid for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.arrays import frozen

DIRECTIONS = ("symmetric", "up", "down")


@dataclass(frozen=True, kw_only=True, eq=False)
class Product:
    """A reserve product; up means less charging or more discharging, down the contrary.

    Attributes
    ----------
    name : str
        Name in results.
    direction : "symmetric", "up" or "down"
        Directions in which the whole bid must be kept.
    block_h : float
        Length of a block [h], a whole number of steps that divides the day.
    price : (K,) array or float
        Payment for capacity in each block, or in all of them [currency per kW and h].
    duration_h : float
        Time for which the whole bid must be delivered in a block [h]; the energy is kept in the batteries.
    minimum_kw, increment_kw : float
        Least bid above 0 and step above it [kW]; 0 where any bid is taken.
    injection_allowed : bool
        Whether the connection of all cars and of the load beside them may feed into the grid in a block with a bid.
    energy_share : float
        Expected energy of calls in each direction, as a share of the bid over the whole block, from 0 to 1; of a
        symmetric product to 0.5.
    activation_price : float, optional
        Price of energy called, received upwards and paid downwards [currency/kWh]; where left out it is settled as an
        imbalance, upwards at the price of energy sold in real time, downwards at that of energy bought in real time.
    penalty : float
        Payment for each kW and h of a call that is not delivered [currency/kWh].
    source : str
        Origin of the product's rules and prices.
    """

    name: str = "reserve"
    direction: str
    block_h: float
    price: np.ndarray
    duration_h: float
    minimum_kw: float = 0.0
    increment_kw: float = 0.0
    injection_allowed: bool = True
    energy_share: float = 0.0
    activation_price: float | None = None
    penalty: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "price", frozen(np.atleast_1d(self.price), float))
        if self.direction not in DIRECTIONS:
            raise InputError(f"{self.name}: direction must be symmetric, up or down, not {self.direction!r}")
        for name in ("block_h", "duration_h"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"{self.name}: {name} must be a number above 0, not {getattr(self, name)}")
        for name in ("minimum_kw", "increment_kw", "penalty"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{self.name}: {name} must be a number from 0 up, not {getattr(self, name)}")
        most = 1.0 / len(self.called)  # in each direction
        if not 0 <= self.energy_share <= most:
            raise InputError(
                f"{self.name}: energy_share must be between 0 and {most:g} in each direction, not {self.energy_share}"
            )
        if not np.isfinite(self.price).all() or (self.price < 0).any():
            raise InputError(f"{self.name}: price must hold numbers from 0 up, not {self.price.tolist()}")

    @property
    def called(self) -> tuple[str, ...]:
        """Directions in which the product may be called: "up", "down", or both."""
        return ("up", "down") if self.direction == "symmetric" else (self.direction,)

    def steps(self, n_steps: int, dt_h: float) -> int:
        """Return the number of steps of a block, in a day of ``n_steps`` steps of ``dt_h`` hours.

        Raises
        ------
        InputError
            A block is no whole number of steps or does not divide the day, or there is not one price a block.
        """
        steps = self.block_h / dt_h
        if abs(steps - round(steps)) > 1e-9 or round(steps) < 1 or n_steps % round(steps):
            raise InputError(
                f"{self.name}: block_h, {self.block_h:g} h, must be a whole number of steps of {dt_h:g} h and divide "
                "the day"
            )
        blocks = n_steps // round(steps)
        if self.price.size not in (1, blocks):
            raise InputError(
                f"{self.name}: {self.price.size} prices of capacity were given for the {blocks} blocks of the day; "
                "give one number, or one a block"
            )
        return round(steps)

    def blocks(self, n_steps: int, dt_h: float) -> int:
        """Return the number of blocks K of a day; errors are those of `steps`."""
        return n_steps // self.steps(n_steps, dt_h)

    def prices(self, n_steps: int, dt_h: float) -> np.ndarray:
        """Return the payment for capacity in each block of the day, shape (K,) [currency per kW and h]."""
        return np.broadcast_to(self.price, self.blocks(n_steps, dt_h))

    def from_step(self, begin: int, n_steps: int, dt_h: float) -> Product:
        """Return the product on a day that begins at step ``begin``, with the prices of its blocks.

        Raises
        ------
        InputError
            No block begins at that step, or as in `steps`.
        """
        block, rest = divmod(begin, self.steps(n_steps, dt_h))
        if rest:
            raise InputError(f"{self.name}: no block of {self.block_h:g} h begins at {begin * dt_h:g} h")
        return replace(self, price=np.roll(self.prices(n_steps, dt_h), -block))
