"""The pricing game: market prices, price bounds, drivers' classes, storage (stage one of the aggregator's day).

Form and data follow Wei, Chen, Liu, Mei et al., Power System Technology 39(4), 2015: the aggregator leads with a price
for each step, classes of drivers follow with the cheapest charging that their window, power and energy allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import Market, Storage
from csmoifsa_aggregator.model.customers import Forgone
from csmoifsa_energy.arrays import frozen

__all__ = ["Game", "Storage"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Game(Market):
    """One day's pricing game: a market and its drivers. Arrays are C-contiguous and read-only; prices in currency/kWh.

    Market prices, length of a step, storage, import limit, supply curve, base load and demand charge are attributes of
    `Market`.

    Attributes
    ----------
    lower, upper : (T,) array
        Bounds of the price that drivers pay [currency/kWh].
    mean : float
        Mean over the steps of the price that drivers pay, or its upper bound; see ``mean_sense`` [currency/kWh].
    mean_sense : "==" or "<="
        Whether the mean price equals ``mean`` (``==``) or is at most ``mean`` (``<=``).
    mean_weight : "time" or "load"
        Whether ``mean`` counts every step alike, or weighs it by the load: then it is the mean price that drivers pay,
        the sum of all bills over the sum of all energy.
    most_paid : float, optional
        Greatest mean price that drivers pay, weighted by the load, beside the rule on the mean [currency/kWh].
    forgone : Forgone, optional
        Profit forgone by lost customers, as a function of the mean price paid, which it also keeps in its range; set by
        `solve.customers`.
    energy_kwh, power_kw : (K,) array
        Demand E_k and greatest power P_k of each class, all its vehicles together [kWh, kW].
    window : (K, T) bool array
        Whether each class is plugged in at each step.
    count : (K,) array
        Number of vehicles in each class.
    cars : Batteries, optional
        Further classes, with a V2G contract, that answer the price with charging and discharging.
    names : tuple of str
        Names of the classes.
    name : str
        Name of the game.
    reference : mapping
        Published results to compare with, by name.
    """

    lower: np.ndarray
    upper: np.ndarray
    mean: float
    mean_sense: str = "=="
    mean_weight: str = "time"
    most_paid: float | None = None
    forgone: Forgone | None = None
    energy_kwh: np.ndarray
    power_kw: np.ndarray
    window: np.ndarray
    count: np.ndarray
    cars: Batteries | None = None
    names: tuple[str, ...] = ()
    name: str = "game"
    reference: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("day_ahead", "buy", "sell", "lower", "upper", "energy_kwh", "power_kw", "count"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))
        for name in ("import_limit_kw", "block_kw", "block_premium", "base_kw"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen(getattr(self, name), float))
        object.__setattr__(self, "window", frozen(self.window, bool))
        if not self.names:
            object.__setattr__(self, "names", tuple(f"class {k + 1}" for k in range(len(self.energy_kwh))))
        _check_shapes(self)
        _check_prices(self)
        _check_classes(self)

    @property
    def n_classes(self) -> int:
        """Number of charge-only classes K."""
        return len(self.energy_kwh)

    @property
    def n_cars(self) -> float:
        """Number of vehicles, V2G classes included."""
        return float(self.count.sum()) + (0.0 if self.cars is None else float(self.cars.count.sum()))

    @cached_property
    def step_kwh(self) -> np.ndarray:
        """Greatest energy that each class charges in one step, P_k dt, shape (K,) [kWh]."""
        return self.power_kw * self.dt_h

    @cached_property
    def max_load_kw(self) -> np.ndarray:
        """Greatest charging power of all plugged classes together, shape (T,) [kW]."""
        own = 0.0 if self.cars is None else (self.cars.charge_kw * self.cars.count) @ self.cars.window
        return self.power_kw @ self.window + own

    @cached_property
    def separable(self) -> bool:
        """Whether a kWh of charging costs `cheapest`, independently of the other cars and of the storage.

        False with an import limit, a supply curve, a demand charge, or V2G classes, whose discharging may exceed the
        charging of the others. With a storage, cost(load) = cost(0) + cheapest load if in each step in which a class is
        plugged in

        * selling earns at least `cheapest`. A plan for the load then becomes a plan for no load that is cheaper by at
          least cheapest load: energy that the storage discharged for the load is sold, and energy bought for the load
          is not bought; and
        * the load can be bought at `cheapest` beside any sale. Day-ahead energy can; real-time energy excludes a sale
          in the same step, so where it is cheaper, the sale may earn no more than serving the load saves.

        So either ``p <= p^b`` and ``p^s >= p``, or ``p^s = p^b < p``. The signs of the prices do not matter.
        """
        if self.import_limit_kw is not None or self.block_kw is not None or self.cars is not None:
            return False
        if self.demand_charge > 0:
            return False
        beside = (self.day_ahead <= self.buy) | (self.sell <= self.buy)
        apart = (self.sell >= self.cheapest) & beside
        return self.storage is None or bool((apart | ~self.window.any(axis=0)).all())

    @cached_property
    def needed_kwh(self) -> float:
        """Energy that all drivers need, V2G classes included [kWh]; the mean price paid is what they bear for it."""
        return float(self.energy_kwh.sum()) + (0.0 if self.cars is None else float(self.cars.needed_kwh.sum()))

    @cached_property
    def bill_range(self) -> tuple[float, float]:
        """Least and greatest sum of all bills that the rules on the mean price paid allow [currency]; inf: none.

        Of V2G classes the wear that they bear is part of the bill.
        """
        energy = self.needed_kwh
        low, high = -np.inf, np.inf
        if self.mean_weight == "load":
            high = self.mean * energy
            low = high if self.mean_sense == "==" else low
        if self.most_paid is not None:
            high = min(high, self.most_paid * energy)
        if self.forgone is not None:
            low, high = max(low, self.forgone.low * energy), min(high, self.forgone.high * energy)
        return low, high

    def scaled(self, share: float) -> Game:
        """Return the game with a share of every class, above 0."""
        cars = None if self.cars is None else replace(self.cars, count=share * self.cars.count)
        return replace(
            self,
            energy_kwh=share * self.energy_kwh,
            power_kw=share * self.power_kw,
            count=share * self.count,
            cars=cars,
        )

    @cached_property
    def price_scale(self) -> float:
        """Typical price, the mean absolute day-ahead price, or 1 where that is 0 [currency/kWh]."""
        return float(np.abs(self.day_ahead).mean()) or 1.0

    def hour(self, step: int) -> str:
        """Return the name of a step: ``"hour 3"`` on steps of one hour, else such as ``"step 13 (03:15)"``."""
        minutes = round(step * self.dt_h * 60)
        if self.dt_h == 1.0:
            return f"hour {step}"
        return f"step {step} ({minutes // 60 % 24:02d}:{minutes % 60:02d})"


def _check_shapes(game: Game) -> None:
    steps, classes = game.n_steps, game.n_classes
    if steps == 0 or classes == 0:
        raise InputError(f"a game needs at least one step and one class, not {steps} and {classes}")
    if not (np.isfinite(game.dt_h) and game.dt_h > 0):
        raise InputError(f"dt must be a number of hours above 0, not {game.dt_h}")
    for name in ("buy", "sell", "lower", "upper", "import_limit_kw", "base_kw"):
        value = getattr(game, name)
        if value is not None and value.shape != (steps,):
            missing = steps - value.size
            what = f"{missing} missing" if missing > 0 else f"{-missing} too many"
            raise InputError(f"{_KEY_OF[name]} must have one value a step, {steps} of them, not {value.size}: {what}")
    for name in ("power_kw", "count"):
        if getattr(game, name).shape != (classes,):
            raise InputError(f"{_KEY_OF[name]} must have one value a class, {classes}, not {getattr(game, name).size}")
    if game.window.shape != (classes, steps):
        raise InputError(f"W must be {classes} classes x {steps} steps, not {' x '.join(map(str, game.window.shape))}")
    if game.cars is not None and game.cars.n_steps != steps:
        raise InputError(f"the V2G classes have {game.cars.n_steps} steps, but there are {steps} prices")
    if len(game.names) != classes:
        raise InputError(f"there are {classes} classes but {len(game.names)} names")
    every = [*game.names, *(() if game.cars is None else game.cars.names)]
    if len(set(every)) < len(every):
        twice = next(name for name in every if every.count(name) > 1)
        raise InputError(f"two classes are called {twice!r}; rename one of them")
    if "hour" in every:
        raise InputError("no class can be called 'hour', which is the first column of the tables; rename it")
    if (game.block_kw is None) != (game.block_premium is None) or (
        game.block_kw is not None and game.block_premium is not None and game.block_kw.shape != game.block_premium.shape
    ):
        raise InputError("a supply curve needs block_kw and block_premium of the same length")
    if game.block_kw is not None and game.block_premium is not None:
        for k, (kw, premium) in enumerate(zip(game.block_kw, game.block_premium, strict=True)):
            if not kw >= 0 or not np.isfinite(premium):
                raise InputError(
                    f"block {k + 1} of the supply curve must have a block_kw from 0 up and a number as block_premium, "
                    f"not {kw:g} and {premium:g}"
                )
    if game.block_premium is not None and (np.diff(game.block_premium) < 0).any():
        raise InputError("block_premium must rise from block to block; a supply curve that falls has no unique plan")


def _check_prices(game: Game) -> None:
    for name in ("day_ahead", "buy", "sell", "lower", "upper"):
        bad = np.flatnonzero(~np.isfinite(getattr(game, name)))
        if bad.size:
            value = getattr(game, name)[bad[0]]
            raise InputError(f"{_KEY_OF[name]} of {game.hour(int(bad[0]))} must be a number, not {value}")
    crossed = int((game.lower - game.upper).argmax())
    if game.lower[crossed] > game.upper[crossed]:
        raise InputError(
            f"the lower price bound of {game.hour(crossed)} exceeds the upper one by "
            f"{game.lower[crossed] - game.upper[crossed]:g}: {game.lower[crossed]:g} > {game.upper[crossed]:g}"
        )
    if game.mean_sense not in ("==", "<="):
        raise InputError(f"mean_sense must be '==' or '<=', not {game.mean_sense!r}")
    if not np.isfinite(game.mean):
        raise InputError(f"mean must be a number, not {game.mean}")
    if game.mean_weight not in ("time", "load"):
        raise InputError(f"mean_weight must be 'time' or 'load', not {game.mean_weight!r}")
    if game.most_paid is not None and not np.isfinite(game.most_paid):
        raise InputError(f"most_paid must be a number, not {game.most_paid}")
    if game.cars is not None and (game.mean_weight == "load" or game.most_paid is not None):
        raise InputError(
            "the mean price paid cannot be ruled where V2G drivers answer the price with their batteries; set "
            "mean_weight = 'time', or contract.stage_one = 'charging'"
        )
    _check_mean(game)
    if game.import_limit_kw is not None and not (game.import_limit_kw >= 0).all():
        raise InputError(
            f"import_limit_kw of {game.hour(int((~(game.import_limit_kw >= 0)).argmax()))} must be from 0 up"
        )
    if not np.isfinite(game.base_load_kw).all():
        raise InputError(f"base_kw of {game.hour(int((~np.isfinite(game.base_load_kw)).argmax()))} must be a number")
    if not (np.isfinite(game.demand_charge) and game.demand_charge >= 0):
        raise InputError(f"demand_charge must be a number from 0 up, not {game.demand_charge}")


def _check_mean(game: Game) -> None:
    """Check that the price bounds leave room for a mean over the steps; one by load is checked where it is solved."""
    if game.mean_weight == "load":
        return
    least, most = game.lower.mean(), game.upper.mean()
    slack = 1e-9 * game.price_scale
    if game.mean < least - slack:
        raise InputError(
            f"the price bounds exclude the mean price {game.mean:g}: even the lower bounds average {least:g}, "
            f"{least - game.mean:g} too high"
        )
    if game.mean_sense == "==" and game.mean > most + slack:
        raise InputError(
            f"the price bounds exclude the mean price {game.mean:g}: even the upper bounds average {most:g}, "
            f"{game.mean - most:g} too low"
        )


def _check_classes(game: Game) -> None:
    for k, name in enumerate(game.names):
        for key in ("energy_kwh", "power_kw", "count"):
            value = getattr(game, key)[k]
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"{name}: {_KEY_OF[key]} must be a number above 0, not {value}")
        hours = game.window[k].sum() * game.dt_h
        most = game.power_kw[k] * hours
        short = game.energy_kwh[k] - most
        if short > 1e-9 * game.energy_kwh[k]:
            raise InputError(
                f"{name}: its window of {hours:g} h at {game.power_kw[k]:g} kW holds {most:g} kWh, "
                f"{short:g} kWh short of the {game.energy_kwh[k]:g} kWh it needs"
            )


_KEY_OF = {
    "day_ahead": "p",
    "buy": "pb",
    "sell": "ps",
    "lower": "lb",
    "upper": "ub",
    "energy_kwh": "E",
    "power_kw": "Pm",
    "count": "n",
    "import_limit_kw": "import_limit_kw",
    "base_kw": "base_kw",
}
