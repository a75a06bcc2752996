"""The case: one file that says which market, prices, drivers, contracts and limits an aggregator has.

A TOML file (or the name of a bundled case), or a JSON file in the short form of `game.game_from_dict`. Every value is
checked, and an error names the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa.files import read_json
from csmoifsa_aggregator.model.battery import Batteries, longest_stay
from csmoifsa_aggregator.model.costs import follow
from csmoifsa_aggregator.model.game import Game, game_from_dict, number, storage_from_dict
from csmoifsa_energy.cases import CaseFiles
from csmoifsa_energy.clock import clock_to_minutes

CASES = CaseFiles(
    folder=Path(__file__).with_name("cases"),
    what="case",
    files=(("roll", "day_ahead", "csv"), ("roll", "real_time", "csv")),
    either=(("market", "buy", "buy_ratio"), ("market", "sell", "sell_ratio"), ("price", "mean", "mean_ratio")),
)

_BATTERY = ("capacity_kwh", "floor_kwh", "arrival_kwh", "departure_kwh", "efficiency", "wear", "discharge_kw")
_TABLES = {
    "market": ("day_ahead", "buy", "sell", "buy_ratio", "sell_ratio"),
    "price": ("band", "lower", "upper", "mean", "mean_ratio", "mean_sense"),
    "storage": ("power_kw", "capacity_kwh", "initial_kwh", "efficiency"),
    "limits": ("cap_kw", "block_kw", "block_premium"),
    "contract": ("share", "beta", *_BATTERY, "sell_ratio", "stage_one"),
    "roll": ("day_ahead", "real_time", "per_kwh", "days", "step"),
}
_NUMBERS = ("count", "energy_kwh", "power_kw", "share", *_BATTERY)  # of a class
_CLASS = ("name", "window", *_NUMBERS)
_TOP = ("base", "name", "title", "currency", "classes", *_TABLES)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """An aggregator's case.

    Attributes
    ----------
    name, title, currency : str
        For results and figures.
    game : Game
        Stage one; every class is in it, whatever its contract, unless ``stage_one = "battery"``.
    cars : Batteries, optional
        The drivers under V2G contract.
    owner : (V,) int array
        Which class of the game each V2G class is part of.
    share : (K,) array
        Part of each class under V2G contract.
    beta : float
        The owners' part of the surplus.
    v2g_sell : (T,) array
        What energy given to the grid earns [currency/kWh].
    roll : mapping
        The table of market files, ``[roll]``; see `market.market_files`.
    """

    name: str
    title: str
    currency: str
    game: Game
    cars: Batteries | None
    owner: np.ndarray
    share: np.ndarray
    beta: float
    v2g_sell: np.ndarray
    roll: Mapping[str, Any] = field(default_factory=dict)

    def at_prices(self, day_ahead: np.ndarray, begin: int = 0) -> Case:
        """Return the case on another day: prices, bounds and mean in the same ratio, steps beginning at ``begin``.

        Stays are cut at the ends of the day so begun; a class keeps the longer part.
        """
        game, old = self.game, np.roll(self.game.day_ahead, -begin)
        if not old.any():
            raise InputError("a case whose day-ahead prices are all 0 has no ratios to carry over to another day")

        def moved(series: np.ndarray) -> np.ndarray:
            return follow(np.roll(series, -begin), old, day_ahead)

        series: dict[str, Any] = {name: moved(getattr(game, name)) for name in ("buy", "sell", "lower", "upper")}
        mean = float(follow(np.array([game.mean]), old.mean(keepdims=True), day_ahead.mean(keepdims=True))[0])
        cars = None if self.cars is None else _shift(self.cars, begin)
        return replace(
            self,
            game=replace(
                game,
                day_ahead=day_ahead,
                window=np.roll(game.window, -begin, axis=1),
                mean=float(np.clip(mean, series["lower"].mean(), series["upper"].mean())),
                cap_kw=None if game.cap_kw is None else np.roll(game.cap_kw, -begin),
                cars=cars if game.cars is not None else None,
                **series,
            ),
            cars=cars,
            v2g_sell=moved(self.v2g_sell),
        )

    @property
    def best_begin(self) -> int:
        """The step at which the fewest V2G vehicles are in the middle of their stay: where a day is best begun."""
        if self.cars is None:
            return 0
        cut = np.zeros(self.game.n_steps)
        v, t = self.cars.places
        np.add.at(cut, t[~self.cars.first], self.cars.count[v[~self.cars.first]])
        return int(cut.argmin())


def _shift(cars: Batteries, begin: int) -> Batteries:
    start = (cars.start - begin) % cars.n_steps
    head = np.minimum(cars.length, cars.n_steps - start)
    tail = cars.length - head
    late = tail > head
    return replace(cars, start=np.where(late, 0, start), length=np.where(late, tail, head))


def case_names() -> list[str]:
    """Return the names of the bundled cases."""
    return CASES.names()


def load_case(source: str | Path) -> Case:
    """Read a case: a TOML or JSON file, or a bundled one by name.

    Raises
    ------
    InputError
        There is none, a key is unknown or missing, or a value is bad; the message names key, class or hour.
    """
    path = Path(source)
    if str(source) in case_names() or (not path.suffix and not path.exists()):
        path = CASES.path_of(str(source))
    if path.suffix == ".json":
        values = read_json(path, "case")
        if not isinstance(values, dict):
            raise InputError(f"{path} must hold one object, not a {type(values).__name__}")
        currency = values.pop("currency", "currency")
        return _plain_case(_told(path, game_from_dict, values), str(currency))
    return _told(path, case_from_dict, CASES.complete(CASES.read(path), path))


def _told(path: Path, read: Any, values: Any) -> Any:
    try:
        return read(values)
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
        share=nobody,
        beta=0.5,
        v2g_sell=game.day_ahead,
    )


def case_from_dict(values: Mapping[str, Any]) -> Case:
    """Read a case from the tables of its TOML file."""
    _check_keys(values)
    market = values["market"]
    p = _series(market["day_ahead"], "market.day_ahead", None)
    steps, dt = len(p), 24.0 / len(p)
    price = values.get("price", {})
    classes = [_read_class(k, one, values.get("contract", {}), steps) for k, one in enumerate(values["classes"])]
    limits, band = values.get("limits", {}), number(price.get("band", 0.2), "price.band")
    if not band >= 0:
        raise InputError(f"price.band must be a share from 0 up, not {band!r}")
    ratio = number(price.get("mean_ratio", 1.0), "price.mean_ratio")
    game = Game(
        name=str(values.get("name", "case")),
        day_ahead=p,
        buy=_either(market, "buy", p, 1.0, "market"),
        sell=_either(market, "sell", p, 1.0, "market"),
        lower=_series(price.get("lower", p - band * np.abs(p)), "price.lower", steps),
        upper=_series(price.get("upper", p + band * np.abs(p)), "price.upper", steps),
        mean=number(price.get("mean", ratio * p.mean()), "price.mean"),
        mean_sense=price.get("mean_sense", "=="),
        energy_kwh=np.array([one["count"] * one["energy_kwh"] for one in classes]),
        power_kw=np.array([one["count"] * one["power_kw"] for one in classes]),
        window=np.array([one["window"] for one in classes]),
        count=np.array([one["count"] for one in classes]),
        dt_h=dt,
        storage=_storage_of(values),
        cap_kw=None if "cap_kw" not in limits else _series(limits["cap_kw"], "limits.cap_kw", steps),
        block_kw=_optional(limits, "block_kw"),
        block_premium=_optional(limits, "block_premium"),
        names=tuple(one["name"] for one in classes),
    )
    share = np.array([one["share"] for one in classes])
    owner = np.flatnonzero(share > 0)
    cars = _batteries([classes[k] for k in owner], steps, dt) if owner.size else None
    contract = values.get("contract", {})
    case = Case(
        name=game.name,
        title=str(values.get("title", game.name)),
        currency=str(values.get("currency", "currency")),
        game=game,
        cars=cars,
        owner=owner,
        share=share,
        beta=number(contract.get("beta", 0.5), "contract.beta"),
        v2g_sell=p + (number(contract.get("sell_ratio", 1.0), "contract.sell_ratio") - 1.0) * np.abs(p),
        roll=values.get("roll", {}),
    )
    if not 0 <= case.beta <= 1:
        raise InputError(f"contract.beta must be between 0 and 1, not {case.beta}")
    return _with_followers(case, contract.get("stage_one", "charging"))


def _with_followers(case: Case, stage_one: str) -> Case:
    """Take V2G drivers out of the charge-only classes if they answer the price with their batteries."""
    if stage_one not in ("charging", "battery"):
        raise InputError(f"contract.stage_one must be 'charging' or 'battery', not {stage_one!r}")
    if stage_one == "charging" or case.cars is None:
        return case
    left = 1.0 - case.share
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
    return replace(case, game=fewer, share=np.zeros(int(keep.sum())))


def _check_keys(values: Mapping[str, Any]) -> None:
    for key in values:
        if key not in _TOP:
            raise InputError(f"unknown key {key!r}.{did_you_mean(key, list(_TOP)) or ' Known are ' + ', '.join(_TOP)}")
    for table, known in _TABLES.items():
        if not isinstance(values.get(table, {}), dict):
            raise InputError(f"{table} must be a table, [{table}]")
        for key in values.get(table, {}):
            if key not in known:
                hint = did_you_mean(key, list(known)) or f" Known are {', '.join(known)}"
                raise InputError(f"unknown key {table}.{key}.{hint}")
    if "day_ahead" not in values.get("market", {}):
        raise InputError("the key 'market.day_ahead' is missing")
    if not isinstance(values.get("classes"), list) or not values["classes"]:
        raise InputError("a case needs at least one [[classes]] table")


def _read_class(k: int, given: Any, contract: Mapping[str, Any], steps: int) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InputError("classes must be tables, [[classes]]")
    name = str(given.get("name", f"class {k + 1}"))
    for key in given:
        if key not in _CLASS:
            raise InputError(f"{name}: unknown key {key!r}.{did_you_mean(key, list(_CLASS))}")
    one = {"share": 0.0, "efficiency": 0.95, "wear": 0.0, "floor_kwh": 0.0, **contract, **given, "name": name}
    one |= {key: number(one[key], f"{name}: {key}") for key in _NUMBERS if key in one}
    for key in ("count", "power_kw", "window"):
        if key not in one:
            raise InputError(f"{name}: the key {key!r} is missing")
    if not 0 <= one["share"] <= 1:
        raise InputError(f"{name}: share must be between 0 and 1, not {one['share']}")
    battery = ("capacity_kwh", "arrival_kwh", "departure_kwh")
    missing = [key for key in battery if key not in one]
    if missing and (one["share"] > 0 or "energy_kwh" not in one):
        raise InputError(f"{name}: the key {missing[0]!r} is missing" + ("" if one["share"] else " (or 'energy_kwh')"))
    if "energy_kwh" not in one:
        if not 0 < one["efficiency"] <= 1:
            raise InputError(f"{name}: efficiency must be above 0 and at most 1, not {one['efficiency']}")
        if not one["departure_kwh"] > one["arrival_kwh"]:
            raise InputError(
                f"{name}: departure_kwh {one['departure_kwh']:g} must be above arrival_kwh {one['arrival_kwh']:g} "
                "where energy_kwh is left out"
            )
        one["energy_kwh"] = (one["departure_kwh"] - one["arrival_kwh"]) / one["efficiency"]
    if one["share"] > 0:
        _match_energy(one)
    for key in ("count", "energy_kwh", "power_kw"):
        if not (np.isfinite(one[key]) and one[key] > 0):
            raise InputError(f"{name}: {key} must be a number above 0, not {one[key]:g}")
    one["window"] = plugged(one["window"], steps, f"{name}: window")
    return one


def _match_energy(one: dict[str, Any]) -> None:
    """Refuse an energy that is not what the battery of a contract takes; a rounded one becomes exact.

    Stage one sells ``energy_kwh``, the contracts charge from arrival to departure: both must be the same energy.
    """
    if not 0 < one["efficiency"] <= 1:
        raise InputError(f"{one['name']}: efficiency must be above 0 and at most 1, not {one['efficiency']}")
    takes = (one["departure_kwh"] - one["arrival_kwh"]) / one["efficiency"]
    if not abs(one["energy_kwh"] - takes) <= 1e-3 * abs(takes):
        raise InputError(
            f"{one['name']}: energy_kwh {one['energy_kwh']:g} is not what its battery takes under contract: from "
            f"arrival_kwh {one['arrival_kwh']:g} to departure_kwh {one['departure_kwh']:g} at efficiency "
            f"{one['efficiency']:g} it takes {takes:g} kWh; leave energy_kwh out, or change one of them"
        )
    one["energy_kwh"] = takes


def plugged(windows: Any, steps: int, where: str) -> np.ndarray:
    """Return the steps that lie in windows such as ``"21:00-06:00"``, shape (steps,) bool; they may wrap midnight."""
    if not isinstance(windows, str | list):
        raise InputError(f"{where} must be a text such as '21:00-06:00', or a list of them, not {windows!r}")
    minutes = np.zeros(1440, dtype=bool)
    for window in [windows] if isinstance(windows, str) else windows:
        begin, _, end = str(window).partition("-")
        first, last = clock_to_minutes(begin, where) % 1440, clock_to_minutes(end, where)
        minutes[(first + np.arange((last - first - 1) % 1440 + 1)) % 1440] = True
    grid = minutes.reshape(steps, -1)
    broken = grid.any(axis=1) != grid.all(axis=1)
    if broken.any():
        length = 1440 // steps
        raise InputError(f"{where} begins or ends inside the {length}-minute step {int(broken.argmax())}; move it")
    return np.asarray(grid.all(axis=1))


def _batteries(classes: list[dict[str, Any]], steps: int, dt: float) -> Batteries:
    stays = [longest_stay(one["window"]) for one in classes]

    def column(key: str) -> np.ndarray:
        return np.array([float(one[key]) for one in classes])

    return Batteries(
        names=tuple(f"{one['name']}, V2G" for one in classes),
        count=column("count") * column("share"),
        charge_kw=column("power_kw"),
        discharge_kw=np.array([float(one.get("discharge_kw", one["power_kw"])) for one in classes]),
        capacity_kwh=column("capacity_kwh"),
        floor_kwh=column("floor_kwh"),
        arrival_kwh=column("arrival_kwh"),
        departure_kwh=column("departure_kwh"),
        efficiency=column("efficiency"),
        wear=column("wear"),
        start=np.array([stay[0] for stay in stays]),
        length=np.array([stay[1] for stay in stays]),
        n_steps=steps,
        dt_h=dt,
    )


def _series(values: Any, key: str, steps: int | None) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise InputError(f"{key} must be a list of numbers, not of lists") from None
    if array.ndim == 0 and steps is not None:
        array = np.full(steps, array)
    if array.dtype.kind not in "if" or array.ndim != 1:
        raise InputError(f"{key} must be a list of numbers")
    if steps is not None and len(array) != steps:
        what = "missing" if len(array) < steps else "too many"
        raise InputError(f"{key} has {len(array)} values for {steps} steps: {abs(steps - len(array))} {what}")
    if steps is None and (len(array) < 2 or 1440 % len(array)):
        raise InputError(f"{key} has {len(array)} values, which divide no day into whole minutes; bring 24, 48 or 96")
    bad = np.isnan(array) if key == "limits.cap_kw" else ~np.isfinite(array)  # an infinite cap is none
    if bad.any():
        place = int(bad.argmax())
        raise InputError(f"{key} must hold numbers, but value {place + 1} is {array[place]}")
    return array.astype(float)


def _either(table: Mapping[str, Any], name: str, p: np.ndarray, default: float, where: str) -> np.ndarray:
    if name in table:
        return _series(table[name], f"{where}.{name}", len(p))
    return p + (number(table.get(f"{name}_ratio", default), f"{where}.{name}_ratio") - 1.0) * np.abs(p)


def _optional(limits: Mapping[str, Any], key: str) -> np.ndarray | None:
    if key not in limits:
        return None
    values = limits[key] if isinstance(limits[key], list) else [limits[key]]
    return np.array([number(value, f"limits.{key}") for value in values])


def _storage_of(values: Mapping[str, Any]) -> Any:
    if "storage" not in values:
        return None
    return storage_from_dict(values["storage"])
