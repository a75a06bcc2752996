"""The game of a certificate, read strictly as untrusted data, in exact fractions; see `proof`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

from csmoifsa.errors import InputError

SLACK = Fraction(1, 10**6)
"""Relative tolerance of all checks: a solver's numbers are not exact, so claims are checked to a millionth."""

Series = list[Fraction]


def table(value: object, name: str, keys: Sequence[str]) -> dict[str, object]:
    """Return an object that has these keys and no others."""
    if not isinstance(value, dict):
        raise InputError(f"{name} must be an object")
    for key in keys:
        if key not in value:
            raise InputError(f"{name} has no {key!r}")
    if extra := sorted(set(value) - set(keys)):
        raise InputError(f"{name} has the unknown key {extra[0][:40]!r}")
    return value


def number(value: object, name: str) -> Fraction:
    """Return a number of at most 1e15."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e15:
        raise InputError(f"{name} must be a number of at most 1e15")
    return Fraction(value)


def series(value: object, name: str, n: int | None = None) -> Series:
    """Return a list of n numbers, of any length up to 10,000 where n is left out."""
    if not isinstance(value, list) or (n is not None and len(value) != n) or len(value) > 10_000:
        raise InputError(f"{name} must be a list of {'numbers' if n is None else f'{n} numbers'}")
    return [number(one, name) for one in value]


def matrix(value: object, name: str, rows: int, n: int) -> list[Series]:
    """Return a list of lists of n numbers."""
    if not isinstance(value, list) or len(value) != rows:
        raise InputError(f"{name} must be a list of {rows} lists")
    return [series(one, f"row {k + 1} of {name}", n) for k, one in enumerate(value)]


_GAME = (
    *("p", "pb", "ps", "lb", "ub", "mean", "mean_sense", "E", "Pm", "W", "dt"),
    *("storage", "import_limit_kw", "blocks", "cars"),
)
_PEAK = ("base_kw", "demand_charge")
"""Keys of a game with a demand charge; absent without one."""
_PAID = ("mean_weight", "most_paid", "customers")
"""Keys of a game whose mean price paid is ruled, or decides who stays; absent from others."""
_CUSTOMERS = ("model", "competitor", "share_at_equal", "sensitivity")
_CARS = ("count", "charge_kw", "discharge_kw", "efficiency", "wear", "arrival_kwh", "places", "low_kwh", "high_kwh")


class ProofGame:
    """The game of a certificate, all numbers as exact fractions."""

    def __init__(self, values: object) -> None:
        priced, paid = (isinstance(values, dict) and any(key in values for key in more) for more in (_PEAK, _PAID))
        game = table(values, "game", (*_GAME, *(_PEAK if priced else ()), *(_PAID if paid else ())))
        self.p = series(game["p"], "p")
        self.steps = n = len(self.p)
        self.pb, self.ps, self.lb, self.ub = (series(game[key], key, n) for key in ("pb", "ps", "lb", "ub"))
        self.mean, self.dt = number(game["mean"], "mean"), number(game["dt"], "dt")
        if game["mean_sense"] not in ("==", "<=") or n == 0 or self.dt <= 0:
            raise InputError("mean_sense must be '==' or '<=', and dt and the number of steps above 0")
        self.equal = game["mean_sense"] == "=="
        self.by_load, self.most_paid, self.customers = False, None, None
        if paid:
            if game["mean_weight"] not in ("time", "load"):
                raise InputError("mean_weight must be 'time' or 'load'")
            self.by_load = game["mean_weight"] == "load"
            self.most_paid = None if game["most_paid"] is None else number(game["most_paid"], "most_paid")
            self.customers = None if game["customers"] is None else ProofCustomers(game["customers"])
        self.energy = series(game["E"], "E")
        self.classes = k = len(self.energy)
        self.power = series(game["Pm"], "Pm", k)
        self.window = matrix(game["W"], "W", k, n)
        limit = game["import_limit_kw"]
        self.import_limit = None if limit is None else series(limit, "import_limit_kw", n)
        self.base = series(game["base_kw"], "base_kw", n) if priced else [Fraction(0)] * n
        self.demand_charge = number(game["demand_charge"], "demand_charge") if priced else Fraction(0)
        if self.demand_charge < 0:
            raise InputError("demand_charge must be from 0 up")
        self.store = None
        if game["storage"] is not None:
            store = table(game["storage"], "storage", ("power_kw", "capacity_kwh", "initial_kwh", "efficiency"))
            self.store = {key: number(value, f"storage.{key}") for key, value in store.items()}
            if not 0 < self.store["efficiency"] <= 1 or min(self.store.values()) < 0:
                raise InputError("storage must have an efficiency above 0 and at most 1, and nothing below 0")
        self.blocks: list[tuple[Fraction | None, Fraction]] = [(None, Fraction(0))]
        if game["blocks"] is not None:
            if not isinstance(game["blocks"], list) or not 1 <= len(game["blocks"]) <= 1000:
                raise InputError("blocks must be a list of pairs of width and premium")
            self.blocks = [_pair(one) for one in game["blocks"]]
        self.cars = None if game["cars"] is None else [ProofCar(one, n) for one in entries(game["cars"], "cars")]
        self.scale = sum((abs(one) for one in self.p), Fraction(0)) / n or Fraction(1)
        for name, values in (("E", self.energy), ("Pm", self.power)):
            if any(one <= 0 for one in values):
                raise InputError(f"{name} must be above 0")
        for k in range(self.classes):
            room = sum(self.most(k), Fraction(0))
            if room < self.energy[k] * (1 - SLACK):
                raise InputError(f"the window of class {k + 1} does not hold its energy")
            self.energy[k] = min(self.energy[k], room)
        if self.cars is not None and (self.by_load or self.most_paid is not None):
            raise InputError("the mean price paid cannot be ruled beside V2G classes")

    @property
    def needed(self) -> Fraction:
        """Energy that all classes need, that of V2G classes drawn for what their vehicles are promised [kWh]."""
        own = [car.count * max(car.low[-1] - car.arrival_kwh, Fraction(0)) / car.efficiency for car in self.cars or ()]
        return sum(self.energy, Fraction(0)) + sum(own, Fraction(0))

    def most(self, k: int) -> Series:
        """Return the greatest energy of a class in each step [kWh]."""
        return [self.power[k] * self.dt if open_ else Fraction(0) for open_ in self.window[k]]

    def fill(self, k: int, price: Series) -> Fraction:
        """Return the least bill of a class at a price [currency]."""
        left, paid, most = self.energy[k], Fraction(0), self.most(k)
        for t in sorted(range(self.steps), key=lambda t: price[t]):
            taken = min(left, most[t])
            left, paid = left - taken, paid + taken * price[t]
        return paid


def entries(value: object, name: str) -> list[object]:
    """Return a list of at most 10,000 entries."""
    if not isinstance(value, list) or len(value) > 10_000:
        raise InputError(f"{name} must be a list")
    return value


def _pair(value: object) -> tuple[Fraction | None, Fraction]:
    if not isinstance(value, list) or len(value) != 2:
        raise InputError("blocks must be a list of pairs of width and premium")
    width = None if value[0] is None else number(value[0], "the width of a block")
    if width is not None and width < 0:
        raise InputError("the width of a block must be from 0 up")
    return width, number(value[1], "the premium of a block")


class ProofCustomers:
    """Share of the customers kept, as `model.customers` states it."""

    def __init__(self, values: object) -> None:
        one = table(values, "customers", _CUSTOMERS)
        if one["model"] not in ("logit", "linear"):
            raise InputError("customers.model must be 'logit' or 'linear'")
        self.logit = one["model"] == "logit"
        self.competitor, self.at_equal, self.sensitivity = (number(one[key], key) for key in _CUSTOMERS[1:])
        if not 0 < self.at_equal <= 1 or (self.logit and self.at_equal == 1) or self.sensitivity < 0:
            raise InputError(
                "customers need a share_at_equal above 0 and at most 1, below 1 with a logit, and a "
                "sensitivity from 0 up"
            )

    def share(self, mean_paid: Fraction) -> Fraction:
        """Return the share kept at a mean price paid; that of a logit to 40 digits."""
        above = self.sensitivity * (mean_paid - self.competitor)
        if not self.logit:
            return min(max(self.at_equal - above, Fraction(0)), Fraction(1))
        above = min(max(above, Fraction(-1000)), Fraction(1000))
        with localcontext(prec=40):
            rise = Fraction((Decimal(above.numerator) / Decimal(above.denominator)).exp())
        return 1 / (1 + (1 - self.at_equal) / self.at_equal * rise)


class ProofCar:
    """One V2G class of a certificate: quantities per vehicle, series by step of its stay."""

    def __init__(self, values: object, steps: int) -> None:
        car = table(values, "a V2G class", _CARS)
        for key in ("count", "charge_kw", "discharge_kw", "efficiency", "wear", "arrival_kwh"):
            setattr(self, key, number(car[key], key))
        self.count: Fraction
        self.charge_kw: Fraction
        self.discharge_kw: Fraction
        self.efficiency: Fraction
        self.wear: Fraction
        self.arrival_kwh: Fraction
        places = series(car["places"], "places")
        if any(one.denominator != 1 or not 0 <= one < steps for one in places) or len(set(places)) < len(places):
            raise InputError("places must be different steps of the day")
        self.places = [int(one) for one in places]
        self.low, self.high = (series(car[key], key, len(places)) for key in ("low_kwh", "high_kwh"))
        if not 0 < self.efficiency <= 1 or self.count <= 0 or min(self.charge_kw, self.discharge_kw) < 0:
            raise InputError("a V2G class needs an efficiency in (0, 1], a count above 0 and powers from 0 up")
        if not places:
            raise InputError("places of a V2G class must not be empty")
