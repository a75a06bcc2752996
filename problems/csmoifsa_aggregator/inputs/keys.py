"""The keys of an aggregator's case file: their meaning, and checks of each value on its own.

Checks across tables, such as that of the length of a series, are made where the case is built from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan
from typing import Annotated, Literal

from pydantic import AfterValidator, AllowInfNan

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.base_load import BaseLoadKeys
from csmoifsa_aggregator.inputs.reserve import ReserveKeys
from csmoifsa_aggregator.model.costs import Storage
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_energy.checks import (
    Parameters,
    require_efficiency,
    require_fraction,
    require_not_negative,
    require_positive,
)


def _not_nan(value: float) -> float:
    if isnan(value):
        raise InputError("must be a number or inf, not nan")
    return value


Series = float | tuple[float, ...]
"""A list of numbers, one a step, or one number for all."""

Limit = Annotated[float, AllowInfNan(True), AfterValidator(_not_nan)]
"""A number that may be infinite: no limit."""


def _either(owner: object, one: str, other: str) -> None:
    if getattr(owner, one) is not None and getattr(owner, other) is not None:
        raise InputError(f"give either {one} or {other}, not both")


@dataclass(frozen=True, kw_only=True)
class MarketKeys(Parameters):
    """Prices of the market.

    Attributes
    ----------
    day_ahead : tuple of float
        Day-ahead price of each step p [currency/kWh]; its length sets the number of steps (24 or 96).
    buy : float or tuple of float, optional
        Price of energy bought in real time p^b [currency/kWh]; p where left out.
    sell : float or tuple of float, optional
        Price of energy sold in real time p^s [currency/kWh]; p where left out.
    buy_ratio : float, optional
        Price of energy bought in real time p^b as a multiple of p, in place of ``buy``.
    sell_ratio : float, optional
        Price of energy sold in real time p^s as a multiple of p, in place of ``sell``.
    demand_charge : float
        Price of the peak of ``[load]`` and all cars together, per day [currency/kW]: the aggregator pays for what the
        cars add to the peak of ``[load]`` alone, and is paid for what they take off.
    """

    day_ahead: tuple[float, ...]
    buy: Series | None = None
    sell: Series | None = None
    buy_ratio: float | None = None
    sell_ratio: float | None = None
    demand_charge: float = 0.0

    def __post_init__(self) -> None:
        require_not_negative(self, "demand_charge")
        _either(self, "buy", "buy_ratio")
        _either(self, "sell", "sell_ratio")


@dataclass(frozen=True, kw_only=True)
class PriceKeys(Parameters):
    """Bounds and mean of the price that drivers pay.

    Attributes
    ----------
    band : float
        Greatest difference of the drivers' price from p, as a share of p.
    lower : float or tuple of float, optional
        Least drivers' price of each step [currency/kWh], in place of ``band``.
    upper : float or tuple of float, optional
        Greatest drivers' price of each step [currency/kWh], in place of ``band``.
    mean : float, optional
        Mean over the steps of the drivers' price, or its upper bound [currency/kWh]; the mean of p where left out.
    mean_ratio : float, optional
        Mean of the drivers' price as a multiple of the mean of p, in place of ``mean``.
    mean_sense : "==" or "<="
        Whether the mean price equals ``mean`` (``==``) or is at most ``mean`` (``<=``).
    mean_weight : "time" or "load"
        Whether the mean counts every step alike, or is the mean price that drivers pay, weighted by their load.
    above_cost : bool
        Whether the drivers' price of each step is at least the cost of energy, the cheaper of p and p^b.
    below_real_time : bool
        Whether the drivers' price of each step is at most p^b, the expected price of energy in real time.
    """

    band: float = 0.2
    lower: Series | None = None
    upper: Series | None = None
    mean: float | None = None
    mean_ratio: float | None = None
    mean_sense: Literal["==", "<="] = "=="
    mean_weight: Literal["time", "load"] = "time"
    above_cost: bool = False
    below_real_time: bool = False

    def __post_init__(self) -> None:
        require_not_negative(self, "band")
        _either(self, "mean", "mean_ratio")


@dataclass(frozen=True, kw_only=True)
class CustomerKeys(Parameters):
    """Share of the customers kept, which falls with the mean price that they pay.

    Attributes
    ----------
    competitor : float, optional
        Competitor's price, which those who leave pay [currency/kWh].
    competitor_ratio : float, optional
        Competitor's price as a multiple of the mean of p, in place of ``competitor``.
    share_at_equal : float
        Share of the customers kept at the competitor's price, above 0 and at most 1; with ``logit`` below 1.
    sensitivity : float
        Effect of the price: with ``linear``, share lost for each currency/kWh above the competitor's price; with
        ``logit``, fall of the logarithm of the odds of staying [kWh/currency].
    model : "logit" or "linear"
        Form of the function; see `model.customers`.
    """

    share_at_equal: float
    sensitivity: float
    competitor: float | None = None
    competitor_ratio: float | None = None
    model: Literal["logit", "linear"] = "logit"

    def __post_init__(self) -> None:
        _either(self, "competitor", "competitor_ratio")
        if self.competitor is None and self.competitor_ratio is None:
            raise InputError("the competitor's price is missing: give competitor or competitor_ratio")
        self.at(1.0)

    def at(self, mean: float) -> Customers:
        """Return the function where p has this mean [currency/kWh]."""
        price = self.competitor if self.competitor_ratio is None else self.competitor_ratio * mean
        assert price is not None
        return Customers(
            competitor=price, share_at_equal=self.share_at_equal, sensitivity=self.sensitivity, model=self.model
        )


@dataclass(frozen=True, kw_only=True)
class LimitKeys(Parameters):
    """Import limit, limit of the peak, and supply curve.

    Attributes
    ----------
    import_limit_kw : float or tuple of float, optional
        Import limit: greatest net load of all cars together [kW], kept by stage one, the contracts and rolling; ``inf``
        for none.
    peak_limit_kw : float, optional
        Greatest load of ``[load]`` and all cars together [kW], kept as the import limit is.
    block_kw : float or tuple of float, optional
        Size of each block of a supply curve [kW]; the last may be ``inf``.
    block_premium : float or tuple of float, optional
        Price of each block of the supply curve above p [currency/kWh], rising from block to block.
    """

    import_limit_kw: Limit | tuple[Limit, ...] | None = None
    peak_limit_kw: float | None = None
    block_kw: Limit | tuple[Limit, ...] | None = None
    block_premium: Series | None = None


@dataclass(frozen=True, kw_only=True)
class ContractKeys(Parameters):
    """Terms of the V2G contract, and batteries of the drivers; classes may state their own batteries and shares.

    Attributes
    ----------
    v2g_share : float
        Part of the drivers under V2G contract, from 0 to 1; a class may state its own.
    owner_share : float
        Owners' part of the surplus of the V2G contract, from 0 to 1.
    capacity_kwh : float, optional
        Battery capacity of one car [kWh].
    floor_kwh : float
        Least state of energy of one car [kWh].
    arrival_kwh : float, optional
        State of energy of one car at arrival [kWh].
    departure_kwh : float, optional
        Least state of energy of one car at departure [kWh].
    efficiency : float
        Efficiency of charging, and again of discharging, above 0 and at most 1.
    wear : float
        Payment to the owner for each kWh discharged [currency/kWh].
    discharge_kw : float, optional
        Greatest discharging power of one car [kW]; its charging power where left out.
    sell_ratio : float
        Price of energy discharged to the grid, beyond the charging of other cars, as a multiple of p.
    stage_one : "charging" or "battery"
        Answer of V2G drivers to the price of stage one: ``charging``, as drivers who only charge; ``battery``, with
        charging and discharging of their batteries.
    """

    v2g_share: float = 0.0
    owner_share: float = 0.5
    capacity_kwh: float | None = None
    floor_kwh: float = 0.0
    arrival_kwh: float | None = None
    departure_kwh: float | None = None
    efficiency: float = 0.95
    wear: float = 0.0
    discharge_kw: float | None = None
    sell_ratio: float = 1.0
    stage_one: Literal["charging", "battery"] = "charging"

    def __post_init__(self) -> None:
        require_fraction(self, "v2g_share", "owner_share")
        require_efficiency(self, "efficiency")


@dataclass(frozen=True, kw_only=True)
class ClassKeys(Parameters):
    """A class of drivers who come and go together; energies and powers are those of one car.

    Attributes
    ----------
    name : str, optional
        Unique name, not ``hour``; ``class 1`` and so on where left out.
    window : str or tuple of str
        Time in which the cars are plugged in, such as ``"21:00-06:00"``, or a list of such windows.
    count : float
        Number of cars.
    power_kw : float
        Greatest charging power of one car [kW].
    energy_kwh : float, optional
        Energy that one car draws from the grid in a day [kWh]; follows from the battery where left out, and must agree
        with it under contract.
    v2g_share, capacity_kwh, floor_kwh, arrival_kwh, departure_kwh, efficiency, wear, discharge_kw : float, optional
        Value of this class for the key of the same name in ``[contract]``, whose value holds where left out.
    """

    name: str | None = None
    window: str | tuple[str, ...]
    count: float
    power_kw: float
    energy_kwh: float | None = None
    v2g_share: float | None = None
    capacity_kwh: float | None = None
    floor_kwh: float | None = None
    arrival_kwh: float | None = None
    departure_kwh: float | None = None
    efficiency: float | None = None
    wear: float | None = None
    discharge_kw: float | None = None

    def __post_init__(self) -> None:
        require_positive(self, "count", "power_kw", *self._there("energy_kwh"))
        require_fraction(self, *self._there("v2g_share"))
        require_efficiency(self, *self._there("efficiency"))

    def _there(self, name: str) -> tuple[str, ...]:
        return () if getattr(self, name) is None else (name,)


@dataclass(frozen=True, kw_only=True)
class RollKeys(Parameters):
    """Market prices for ``csmoifsa ev roll``.

    Attributes
    ----------
    day_ahead : dict
        File of day-ahead prices and how it is read, ``{ csv = "da.csv", node = "WESTERN HUB" }``; as ``--day-ahead``.
    real_time : dict
        File of real-time prices and how it is read, in the form of ``day_ahead``; as ``--real-time``.
    per_kwh : bool
        Whether prices in the files are per kWh, else per MWh.
    days : str, optional
        First and last day to roll, ``"2025-06-01:2025-06-30"``; all days where left out.
    step : int, optional
        Length of a step of the dispatch [min], 5 to 60; the shortest of case and files where left out.
    short_ratio, long_ratio : float
        Imbalance prices as multiples of the real-time price: paid for energy drawn beyond the day-ahead position, and
        received for energy of it not drawn; both 1 for one price.
    short, long : dict
        Files of these two prices, in the form of ``day_ahead``, in place of the multiples.
    """

    day_ahead: dict[str, object] = field(default_factory=dict)
    real_time: dict[str, object] = field(default_factory=dict)
    per_kwh: bool = False
    days: str | None = None
    step: int | None = None
    short_ratio: float = 1.0
    long_ratio: float = 1.0
    short: dict[str, object] = field(default_factory=dict)
    long: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.long_ratio > self.short_ratio:
            raise InputError(
                f"long_ratio {self.long_ratio:g} must not exceed short_ratio {self.short_ratio:g}: to sell what was "
                "just bought would earn without end"
            )
        if bool(self.short) != bool(self.long):
            raise InputError("give both short and long, the files of the two imbalance prices, or neither")
        if self.short and (self.short_ratio != 1.0 or self.long_ratio != 1.0):
            raise InputError("give either short_ratio and long_ratio, or the files short and long, not both")
        if self.step is not None and not 5 <= self.step <= 60:
            raise InputError(f"step must be from 5 to 60 minutes, not {self.step}")


@dataclass(frozen=True, kw_only=True)
class AttendanceKeys(Parameters):
    """Cars that do not keep to their stay in ``csmoifsa ev roll``; each car does at most one of the three.

    Attributes
    ----------
    late_share : float
        Share of the cars that come late.
    late_h : float
        Time by which they are late [h].
    early_share : float
        Share of the cars that leave early, without notice.
    early_h : float
        Time by which they leave early [h].
    absent_share : float
        Share of the cars that do not come.
    seed : int
        Seed of the days' draws.
    """

    late_share: float = 0.0
    late_h: float = 1.0
    early_share: float = 0.0
    early_h: float = 1.0
    absent_share: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        require_fraction(self, "late_share", "early_share", "absent_share")
        require_not_negative(self, "late_h", "early_h", "seed")
        if self.late_share + self.early_share + self.absent_share > 1:
            raise InputError("late_share, early_share and absent_share together must not exceed 1")


@dataclass(frozen=True, kw_only=True)
class CaseKeys(Parameters):
    """All keys of a case file.

    Attributes
    ----------
    name : str
        Name in results; a case built on another keeps the other's name.
    title : str, optional
        Title of pages and figures; the name where left out.
    currency : str
        Unit of money, such as ``$``.
    market : MarketKeys
        Prices of the market.
    price : PriceKeys
        Bounds and mean of the drivers' price.
    storage : Storage, optional
        The aggregator's own battery.
    customers : CustomerKeys, optional
        Share of the customers kept; all stay where left out.
    limits : LimitKeys
        Import limit, limit of the peak, and supply curve.
    load : BaseLoadKeys, optional
        Load beside the cars.
    contract : ContractKeys
        Terms of the V2G contract.
    roll : RollKeys
        Files of market prices.
    attendance : AttendanceKeys, optional
        Cars that come late, leave early or do not come, when days are rolled; all keep to their stays where left out.
    reserve : tuple of ReserveKeys
        Reserve products that batteries under V2G contract may offer.
    classes : tuple of ClassKeys
        Classes of drivers, at least one.
    """

    name: str = "case"
    title: str | None = None
    currency: str = "currency"
    market: MarketKeys
    price: PriceKeys = field(default_factory=PriceKeys)
    storage: Storage | None = None
    customers: CustomerKeys | None = None
    limits: LimitKeys = field(default_factory=LimitKeys)
    load: BaseLoadKeys | None = None
    contract: ContractKeys = field(default_factory=ContractKeys)
    roll: RollKeys = field(default_factory=RollKeys)
    attendance: AttendanceKeys | None = None
    reserve: tuple[ReserveKeys, ...] = ()
    classes: tuple[ClassKeys, ...]

    def __post_init__(self) -> None:
        if not self.classes:
            raise InputError("a case needs at least one [[classes]] table")
