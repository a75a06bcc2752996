"""The case: one file with the market, prices, drivers, contracts and limits of an aggregator.

A TOML file (or the name of a bundled case), or a JSON file in the short form of `games.game_from_dict`. Every value is
checked, and an error message names the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import lcm
from pathlib import Path
from typing import TypeVar

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import read_json
from csmoifsa_aggregator.inputs.classes import Drivers, batteries_of, read_drivers
from csmoifsa_aggregator.inputs.games import game_from_dict
from csmoifsa_aggregator.inputs.keys import AttendanceKeys, CaseKeys, LimitKeys, RollKeys
from csmoifsa_aggregator.inputs.reserve import ReserveKeys, products_of, with_bases
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import keep_ratio
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_energy.cases import CaseFiles
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import InputFaultsError

T = TypeVar("T")

CASES = CaseFiles(
    folder=Path(__file__).with_name("cases"),
    what="case",
    files=(
        ("load", "csv"),
        ("roll", "day_ahead", "csv"),
        ("roll", "real_time", "csv"),
        ("roll", "short", "csv"),
        ("roll", "long", "csv"),
        ("reserve", "capacity_price", "csv"),
    ),
    either=(
        ("market", "buy", "buy_ratio"),
        ("market", "sell", "sell_ratio"),
        ("price", "mean", "mean_ratio"),
        ("customers", "competitor", "competitor_ratio"),
    ),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """An aggregator's case: the game of stage one, the V2G classes and their contract, and files of market prices.

    Attributes
    ----------
    name, title, currency : str
        Name in results, title of pages and figures, and unit of money.
    game : Game
        Game of stage one; all drivers are in its charge-only classes, whatever their contract, unless
        ``stage_one = "battery"``.
    cars : Batteries, optional
        Batteries of the drivers under V2G contract.
    owner : (V,) int array
        Index, among the classes of the case file, of the class that each V2G class is part of.
    v2g_share : (K,) array
        Part of each class of the game under V2G contract, from 0 to 1.
    owner_share : float
        Owners' part of the surplus of the V2G contract, from 0 to 1.
    v2g_sell : (T,) array
        Price of energy discharged to the grid [currency/kWh].
    roll : RollKeys
        Files of market prices for rolling; see `market.market_files`.
    customers : Customers, optional
        Share of the customers kept, a function of the mean price paid; all drivers stay where left out.
    reserve : tuple of Product
        Reserve products that batteries under contract may offer.
    attendance : AttendanceKeys, optional
        Cars that do not keep to their stay when days are rolled.
    """

    name: str
    title: str
    currency: str
    game: Game
    cars: Batteries | None
    owner: np.ndarray
    v2g_share: np.ndarray
    owner_share: float
    v2g_sell: np.ndarray
    roll: RollKeys = field(default_factory=RollKeys)
    customers: Customers | None = None
    reserve: tuple[Product, ...] = ()
    attendance: AttendanceKeys | None = None

    def with_reserve(self, keys: Sequence[ReserveKeys]) -> Case:
        """Return the case with these reserve products in place of its own; errors are those of `products_of`.

        Raises
        ------
        InputError
            The aggregator dispatches nobody's battery.
        """
        if keys and not self.v2g_share.any():
            raise InputError(
                "reserve needs V2G contracts: set contract.v2g_share above 0, and contract.stage_one = 'charging'"
            )
        return replace(self, reserve=products_of(keys, self.currency, self.game.n_steps, self.game.dt_h))

    def kept(self, share: float) -> Case:
        """Return the case of a share of the drivers of every class, above 0."""
        cars = None if self.cars is None else replace(self.cars, count=share * self.cars.count)
        return replace(self, game=self.game.scaled(share), cars=cars)

    def at_prices(self, day_ahead: np.ndarray, begin: int = 0) -> Case:
        """Return the case at other day-ahead prices, shape (T,) [currency/kWh], of a day that begins at step ``begin``.

        Other prices, bounds, the mean and the competitor's price keep their ratio to the day-ahead price, and customers
        answer to prices relative to it; prices of reserve stay. Stays are cut at the ends of that day; a V2G class
        keeps the longer part.

        Raises
        ------
        InputError
            All day-ahead prices of this case are 0, or the day does not begin with a block of each reserve product.
        """
        game, old = self.game, np.roll(self.game.day_ahead, -begin)
        if not old.any():
            raise InputError("a case whose day-ahead prices are all 0 has no ratios to carry over to another day")

        def moved(series: np.ndarray) -> np.ndarray:
            return keep_ratio(np.roll(series, -begin), old, day_ahead)

        series = {name: moved(getattr(game, name)) for name in ("buy", "sell", "lower", "upper")}

        def at_mean(price: float) -> float:
            return float(keep_ratio(np.array([price]), old.mean(keepdims=True), day_ahead.mean(keepdims=True))[0])

        mean = at_mean(game.mean)
        if game.mean_weight == "time":
            mean = float(np.clip(mean, series["lower"].mean(), series["upper"].mean()))
        cars = None if self.cars is None else self.cars.from_step(begin)
        customers = self.customers
        if customers is not None:
            level = float(np.abs(old).mean() / np.abs(day_ahead).mean()) if day_ahead.any() else 1.0
            customers = replace(
                customers, competitor=at_mean(customers.competitor), sensitivity=level * customers.sensitivity
            )
        return replace(
            self,
            game=replace(
                game,
                day_ahead=day_ahead,
                window=np.roll(game.window, -begin, axis=1),
                mean=mean,
                import_limit_kw=None if game.import_limit_kw is None else np.roll(game.import_limit_kw, -begin),
                base_kw=None if game.base_kw is None else np.roll(game.base_kw, -begin),
                cars=cars if game.cars is not None else None,
                **series,
            ),
            cars=cars,
            v2g_sell=moved(self.v2g_sell),
            customers=customers,
            reserve=tuple(one.from_step(begin, game.n_steps, game.dt_h) for one in self.reserve),
        )

    @property
    def best_begin(self) -> int:
        """Step at which the fewest V2G vehicles are in the middle of their stay: the best beginning of a day.

        With reserve, a step at which a block of each product begins.
        """
        if self.cars is None:
            return 0
        cut = np.zeros(self.game.n_steps)
        v, t = self.cars.places
        np.add.at(cut, t[~self.cars.first], self.cars.count[v[~self.cars.first]])
        steps = lcm(*(one.steps(self.game.n_steps, self.game.dt_h) for one in self.reserve))
        return steps * int(cut[::steps].argmin())


def case_names() -> list[str]:
    """Return the names of the bundled cases."""
    return CASES.names()


def load_case(source: str | Path) -> Case:
    """Read a case: a TOML or JSON file, or a bundled one by name.

    Raises
    ------
    InputError
        No such case exists, a key is unknown or missing, or a value is bad; the message names key, class or hour.
    """
    path = Path(source)
    if str(source) in case_names() or (not path.suffix and not path.exists()):
        path = CASES.path_of(str(source))
    if path.suffix == ".json":
        values = read_json(path, "case")
        if not isinstance(values, dict):
            raise InputError(f"{path} must hold one object, not a {type(values).__name__}")
        currency = values.pop("currency", "currency")
        return _plain_case(_read_named(path, game_from_dict, values), str(currency))
    values = CASES.complete(CASES.read(path), path)
    return _read_named(path, case_from_dict, {**values, **with_bases(values, path)})


def _read_named(path: Path, read: Callable[[dict[str, object]], T], values: dict[str, object]) -> T:
    try:
        return read(values)
    except InputFaultsError as error:
        raise InputFaultsError(error.faults, f"{path}: ") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _plain_case(game: Game, currency: str) -> Case:
    nobody = np.zeros(game.n_classes)
    return Case(
        name=game.name,
        title=game.name,
        currency=currency,
        game=game,
        cars=None,
        owner=np.zeros(0, dtype=int),
        v2g_share=nobody,
        owner_share=0.5,
        v2g_sell=game.day_ahead,
    )


def case_from_dict(values: Mapping[str, object]) -> Case:
    """Read a case from the tables of its TOML file.

    Raises
    ------
    InputError
        A key is unknown or missing, or a value is bad; the message names key, class or hour.
    """
    keys = check_values(CaseKeys, values, more=("base",), name=lambda place: _class_first(place, values))
    p = _day_ahead(keys.market.day_ahead)
    steps, dt = len(p), 24.0 / len(p)
    contract = keys.contract
    classes = [read_drivers(k, one, contract, steps) for k, one in enumerate(keys.classes)]
    game = _game(keys, p, classes)
    share = np.array([one.v2g_share for one in classes])
    owner = np.flatnonzero(share > 0)
    case = Case(
        name=game.name,
        title=game.name if keys.title is None else keys.title,
        currency=keys.currency,
        game=game,
        cars=batteries_of([classes[k] for k in owner], steps, dt) if owner.size else None,
        owner=owner,
        v2g_share=share,
        owner_share=contract.owner_share,
        v2g_sell=p + (contract.sell_ratio - 1.0) * np.abs(p),
        roll=keys.roll,
        attendance=keys.attendance,
        customers=None if keys.customers is None else keys.customers.at(float(p.mean())),
    )
    return (case if contract.stage_one == "charging" else _with_followers(case)).with_reserve(keys.reserve)


def _class_first(place: tuple[str | int, ...], values: Mapping[str, object]) -> tuple[str, tuple[str | int, ...]]:
    """Return the beginning of an error message, with the name of the class, and the rest of the path of keys."""
    if place[:1] != ("classes",) or len(place) < 2:
        return "", place
    classes, k = values["classes"], int(place[1])
    one = classes[k] if isinstance(classes, Sequence) else None
    own = one.get("name") if isinstance(one, dict) else None
    return f"{own if isinstance(own, str) else f'class {k + 1}'}: ", place[2:]


def _day_ahead(values: tuple[float, ...]) -> np.ndarray:
    if len(values) < 2 or 1440 % len(values):
        raise InputError(
            f"market.day_ahead has {len(values)} values, which give no step of whole minutes; supply 24, 48 or 96"
        )
    return np.array(values)


def _game(keys: CaseKeys, p: np.ndarray, classes: list[Drivers]) -> Game:
    """Return the game of stage one, with all drivers in its charge-only classes."""
    market, price, limits, steps = keys.market, keys.price, keys.limits, len(p)
    band = price.band * np.abs(p)
    mean = (1.0 if price.mean_ratio is None else price.mean_ratio) * p.mean() if price.mean is None else price.mean
    base = None if keys.load is None else keys.load.read(steps)
    buy = _priced(market.buy, market.buy_ratio, p, "market.buy")
    lower = p - band if price.lower is None else _series(price.lower, "price.lower", steps)
    upper = p + band if price.upper is None else _series(price.upper, "price.upper", steps)
    if price.above_cost:
        lower = np.maximum(lower, np.minimum(p, buy))
    if price.below_real_time:
        upper = np.minimum(upper, buy)
    return Game(
        name=keys.name,
        day_ahead=p,
        buy=buy,
        sell=_priced(market.sell, market.sell_ratio, p, "market.sell"),
        lower=lower,
        upper=upper,
        mean=float(mean),
        mean_sense=price.mean_sense,
        mean_weight=price.mean_weight,
        energy_kwh=np.array([one.count * one.energy_kwh for one in classes]),
        power_kw=np.array([one.count * one.power_kw for one in classes]),
        window=np.array([one.window for one in classes]),
        count=np.array([one.count for one in classes]),
        dt_h=24.0 / steps,
        storage=keys.storage,
        import_limit_kw=_import_limit(limits, base, steps),
        base_kw=base,
        demand_charge=market.demand_charge,
        block_kw=None if limits.block_kw is None else np.atleast_1d(limits.block_kw),
        block_premium=None if limits.block_premium is None else np.atleast_1d(limits.block_premium),
        names=tuple(one.name for one in classes),
    )


def _import_limit(limits: LimitKeys, base: np.ndarray | None, steps: int) -> np.ndarray | None:
    """Return the greatest net load of all cars, (T,) [kW]: the import limit, and what the peak's limit leaves of it.

    Raises
    ------
    InputError
        The base load alone exceeds the limit of the peak.
    """
    own = limits.import_limit_kw
    limit = None if own is None else _series(own, "limits.import_limit_kw", steps)
    if limits.peak_limit_kw is None:
        return limit
    left = limits.peak_limit_kw - (np.zeros(steps) if base is None else base)
    if left.min() < 0:
        raise InputError(
            f"limits.peak_limit_kw {limits.peak_limit_kw:g} is {-left.min():g} kW below the base load of step "
            f"{int(left.argmin())}, {limits.peak_limit_kw - left.min():g} kW, even without cars; raise it"
        )
    return left if limit is None else np.minimum(limit, left)


def _with_followers(case: Case) -> Case:
    """Return the case with V2G drivers moved from the charge-only classes to batteries that answer the price."""
    if case.cars is None:
        return case
    left = 1.0 - case.v2g_share
    keep = left > 1e-12
    if not keep.any():
        raise InputError("contract.stage_one = 'battery' needs at least one class with drivers without V2G contract")
    game, scale = case.game, left[keep]
    fewer = replace(
        game,
        energy_kwh=game.energy_kwh[keep] * scale,
        power_kw=game.power_kw[keep] * scale,
        count=game.count[keep] * scale,
        window=game.window[keep],
        names=tuple(name for name, one in zip(game.names, keep, strict=True) if one),
        cars=case.cars,
    )
    return replace(case, game=fewer, v2g_share=np.zeros(int(keep.sum())))


def _series(values: float | tuple[float, ...], key: str, steps: int) -> np.ndarray:
    """Return a series with one value a step, shape (steps,), from one number or a list of ``steps`` numbers."""
    if not isinstance(values, tuple):
        return np.full(steps, values)
    if len(values) != steps:
        what = "missing" if len(values) < steps else "too many"
        raise InputError(f"{key} has {len(values)} values for {steps} steps: {abs(steps - len(values))} {what}")
    return np.array(values)


def _priced(values: float | tuple[float, ...] | None, ratio: float | None, p: np.ndarray, key: str) -> np.ndarray:
    """Return a price series, shape (T,) [currency/kWh]: its values, or else a multiple of p, by default p itself."""
    if values is not None:
        return _series(values, key, len(p))
    return p + ((1.0 if ratio is None else ratio) - 1.0) * np.abs(p)
