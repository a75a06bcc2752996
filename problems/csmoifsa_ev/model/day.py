"""Data for pricing: load, fleet and terms as arrays, of one kind of day or of several, with figures before pricing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np

from csmoifsa_ev.model.bill import Bill
from csmoifsa_ev.model.fleet_sums import FleetSums
from csmoifsa_ev.model.limits import Choice, Limits
from csmoifsa_ev.model.objectives import (
    CurveFigures,
    Grid,
    Satisfaction,
    curve_figures,
    delay_hours,
    generation_cost,
    over_days,
)
from csmoifsa_ev.model.response import Response, stagger_weights
from csmoifsa_ev.model.rules import Rules
from csmoifsa_ev.model.tariff import PERIODS, PriceTerms, price_names
from csmoifsa_ev.model.v2g import V2G


@dataclass(frozen=True, kw_only=True)
class DayKind:
    """Days of one kind, such as weekends in winter: hours of the periods, load, fleet.

    Attributes
    ----------
    title : str
        Name of the kind.
    share : float
        Share of all days that are of this kind, in (0, 1].
    period : (T,) array
        Number of the period of each step, from 0; some periods of the tariff may be missing.
    days_mw : (D, T) array
        Load without electric vehicles on each of D days [MW]; the fleet charges alike on each.
    fleet : FleetSums
        Sums over the cars.
    price_per_mwh : (T,) array, optional
        Market prices that replace the marginal cost of generation [currency per MWh].
    """

    title: str
    share: float
    period: np.ndarray
    days_mw: np.ndarray
    fleet: FleetSums
    price_per_mwh: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class PricingDay:
    """Data that `outcome.evaluate` needs; its size does not depend on the number of cars.

    Of several kinds of days the attributes ``period``, ``days_mw``, ``fleet`` and ``price_per_mwh`` hold the first, and
    ``others`` the rest; figures and costs are means over all days, peaks the highest of all.

    Attributes
    ----------
    names : tuple of str
        Names of the P periods, from the dearest to the cheapest.
    period : (T,) array
        Number of the period of each step, from 0.
    days_mw : (D, T) array
        Load without electric vehicles on each of D days [MW]; the fleet charges alike on each.
    fleet : FleetSums
        Sums over the cars.
    round_trip : float
        Efficiency of charging and discharging, eta_c eta_d, in (0, 1].
    battery_kwh : float
        Mean battery capacity CB of the fleet [kWh].
    discharge_efficiency : float
        eta_d, battery to grid, in (0, 1].
    prices : PriceTerms
        Present and reference prices and their bounds.
    response : Response
        Drivers' response to charge prices.
    v2g : V2G
        Terms of discharging to the grid.
    grid : Grid
        Cost of supply.
    satisfaction : Satisfaction
        Weights of drivers' satisfaction.
    limits : Limits
        What a tariff must keep beyond the order of its prices.
    rules : Rules
        Rules on prices: multiples of a step, ratios.
    bill : Bill
        Parts of customers' bills beside the prices; they move no load.
    choice : Choice
        How one tariff is chosen among nearly equal ones.
    price_per_mwh : (T,) array, optional
        Market prices that replace the marginal cost of generation [currency per MWh].
    other_revenue : (float, float)
        What a car pays beside prices by period on the present and on the proposed rate, in the mean and without taxes
        and minimum bills [currency/day]; 0 where ``limits.max_revenue_change`` does not need it.
    notes : tuple of str
        Sentences on values averaged at clock changes or filled on request while reading.
    title, share : str, float
        Name of the first kind of days, and its share of all days.
    others : tuple of DayKind
        Further kinds of days; all shares sum to 1.
    hours_in_force : PricingDay, optional
        The same days with the hours in force, where these are others; ``prices.start`` then holds their mean prices in
        the hours of this one.
    """

    names: tuple[str, ...] = PERIODS
    period: np.ndarray
    days_mw: np.ndarray
    fleet: FleetSums
    round_trip: float
    battery_kwh: float
    discharge_efficiency: float
    prices: PriceTerms
    response: Response
    v2g: V2G
    grid: Grid
    satisfaction: Satisfaction
    limits: Limits = field(default_factory=Limits)
    rules: Rules = field(default_factory=Rules)
    bill: Bill = field(default_factory=Bill)
    choice: Choice = field(default_factory=Choice)
    price_per_mwh: np.ndarray | None = None
    other_revenue: tuple[float, float] = (0.0, 0.0)
    notes: tuple[str, ...] = ()
    title: str = ""
    share: float = 1.0
    others: tuple[DayKind, ...] = ()
    hours_in_force: PricingDay | None = None

    @property
    def in_force(self) -> PricingDay:
        """The days with the hours in force, on which the tariff in force is evaluated."""
        return self if self.hours_in_force is None else self.hours_in_force

    @cached_property
    def kinds(self) -> tuple[PricingDay, ...]:
        """Each kind of days as if there were no others, with the terms and the reference prices of all."""
        if not self.others:
            return (self,)
        prices = replace(self.prices, reference=dict(zip(self.names, self.reference.tolist(), strict=True)))
        alone = {"others": (), "hours_in_force": None, "prices": prices, "share": 1.0}
        kinds = [{one.name: getattr(kind, one.name) for one in fields(DayKind)} for kind in (self, *self.others)]
        return tuple(replace(self, **kind | alone) for kind in kinds)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of all days that are of each of the `kinds`."""
        return (self.share, *(one.share for one in self.others))

    def each(self, change: Callable[[PricingDay], dict[str, object]]) -> PricingDay:
        """Return the days with attributes of each kind replaced, those that ``change`` returns for each in turn."""
        first, *others = [change(kind) for kind in self.kinds]
        changed = tuple(replace(one, **own) for one, own in zip(self.others, others, strict=True))
        return replace(self, others=changed, **first)

    def with_loads(self, loads_mw: Sequence[np.ndarray]) -> PricingDay:
        """Return the days with the load of each of the `kinds` replaced, (D, T) each [MW], on any hours."""
        rest = iter(loads_mw)
        changed = self.each(lambda _: {"days_mw": next(rest)})
        same = None if self.hours_in_force is None else self.hours_in_force.with_loads(loads_mw)
        return replace(changed, hours_in_force=same)

    def _mean(self, read: Callable[[PricingDay], np.ndarray]) -> np.ndarray:
        """Return the mean of a quantity over all days."""
        return np.sum([share * read(kind) for share, kind in zip(self.shares, self.kinds, strict=True)], axis=0)

    @cached_property
    def own(self) -> np.ndarray:
        """Numbers of the periods that occur on the first kind of days, rising."""
        return np.unique(self.period)

    @property
    def dearest(self) -> int:
        """Number of the dearest period that occurs on the first kind of days."""
        return int(self.own[0])

    @property
    def cheapest(self) -> int:
        """Number of the cheapest period that occurs on the first kind of days."""
        return int(self.own[-1])

    @property
    def dt_h(self) -> float:
        """Length of a step [h]."""
        return 24.0 / len(self.period)

    @property
    def n_days(self) -> int:
        """Number of days of the load, of all kinds."""
        return sum(len(kind.days_mw) for kind in self.kinds)

    @property
    def n_periods(self) -> int:
        """Number P of periods."""
        return len(self.names)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the decision vector x, charge and discharge price of each period: see `tariff.price_names`."""
        return price_names(self.names)

    @cached_property
    def steps(self) -> tuple[np.ndarray, ...]:
        """Indices of the steps of each period, each (k,)."""
        return tuple(np.flatnonzero(self.period == p) for p in range(self.n_periods))

    @cached_property
    def base_mw(self) -> np.ndarray:
        """Load without electric vehicles, the mean over the days, shape (T,) [MW]."""
        if self.others:
            return self._mean(lambda kind: kind.base_mw)
        return self.days_mw[0] if len(self.days_mw) == 1 else self.days_mw.mean(axis=0)

    @cached_property
    def profile_mw(self) -> np.ndarray:
        """Uncontrolled charging e, the mean over the days, shape (T,) [MW]."""
        return self._mean(lambda kind: kind.fleet.profile_mw) if self.others else self.fleet.profile_mw

    @cached_property
    def connected_mw(self) -> np.ndarray:
        """Charging power of the cars that are plugged in, the mean over the days, shape (T,) [MW]."""
        return self._mean(lambda kind: kind.fleet.connected_mw) if self.others else self.fleet.connected_mw

    @cached_property
    def before_mw(self) -> np.ndarray:
        """Total load before pricing, L0 = base + e, the mean over the days, shape (T,) [MW]."""
        return self.base_mw + self.profile_mw

    @cached_property
    def energy_mwh(self) -> np.ndarray:
        """Uncontrolled charging of each period, E_a, summed from the profile, shape (P,) [MWh]; never quite zero."""
        if self.others:
            return self._mean(lambda kind: kind.energy_mwh)
        return np.array([max(self.fleet.profile_mw[steps].sum() * self.dt_h, 1e-300) for steps in self.steps])

    @cached_property
    def total_energy_mwh(self) -> float:
        """Uncontrolled charging of the day [MWh]."""
        return float(self.energy_mwh.sum())

    @property
    def energy_shares(self) -> tuple[float, ...]:
        """Share of all uncontrolled charging that is on days of each of the `kinds`."""
        total = self.total_energy_mwh
        return tuple(share * kind.total_energy_mwh / total for share, kind in zip(self.shares, self.kinds, strict=True))

    @cached_property
    def ramps(self) -> np.ndarray:
        """Dead zone l, saturation h and phi_max of each flow, shape (F, 3): see `Response.ramps`."""
        return self.response.ramps(self.names)

    @cached_property
    def reference(self) -> np.ndarray:
        """Reference charge prices, shape (P,) [price unit per kWh]."""
        first = self.prices.reference_prices(self.period)
        if not self.others or self.prices.reference != "flat":
            return first
        parts = [one.share * self.prices.reference_prices(one.period) for one in self.others]
        return self.share * first + np.sum(parts, axis=0)

    @cached_property
    def reference_level(self) -> float:
        """Mean price of charging at the reference tariff, weighted by energy [price unit per kWh]."""
        return float((self.reference * self.energy_mwh).sum() / self.total_energy_mwh)

    @cached_property
    def before(self) -> CurveFigures:
        """G1, G2, G3 of the load before pricing, each shape (1,): see `over_days`."""
        if self.others:
            g1 = np.max([kind.before.g1_mw for kind in self.kinds], axis=0)
            return CurveFigures(
                g1, self._mean(lambda kind: kind.before.g2_mw), self._mean(lambda kind: kind.before.g3_mw2)
            )
        return over_days([curve_figures(one[None]) for one in self.days_mw + self.fleet.profile_mw])

    def generation(self, load_mw: np.ndarray) -> np.ndarray:
        """Return the day's cost of generation of load curves (n, T), shape (n,) [currency/day]."""
        return generation_cost(load_mw, self.grid, self.dt_h, self.price_per_mwh)

    @cached_property
    def generation_before(self) -> float:
        """Cost of generation before pricing [currency/day]."""
        if self.others:
            return float(self._mean(lambda kind: np.asarray(kind.generation_before)))
        return float(self.generation(self.days_mw + self.fleet.profile_mw).mean())

    @cached_property
    def supply_cost_before(self) -> float:
        """Cost of generation and of peak load that uncontrolled charging adds [currency/day]."""
        base = float(self._mean(lambda kind: kind.generation(kind.days_mw).mean()))
        peak = float(self.before.g1_mw[0] - max(kind.days_mw.max() for kind in self.kinds))
        return (self.generation_before - base) / self.grid.conversion_efficiency + self.grid.peak_cost_per_mw_day * peak

    @cached_property
    def bill_before(self) -> float:
        """Bill of all drivers for uncontrolled charging at the reference tariff [currency/day]."""
        return float((self.reference * self.energy_mwh).sum()) * self.prices.per_mwh

    @cached_property
    def staggered(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights of staggered starts, of charging and of discharging, each (T,): see `response.stagger_weights`."""
        return stagger_weights(self.before_mw, self.period), stagger_weights(-self.before_mw, self.period)

    @cached_property
    def delay_h(self) -> np.ndarray:
        """Delay of energy shifted from each period to each step, shape (P, T) [h]: see `objectives.delay_hours`."""
        return delay_hours(self.fleet.profile_mw, self.period, self.n_periods)

    @property
    def discharged_per_share_mwh(self) -> float:
        """Energy delivered to the grid if every car discharges once, N lambda CB eta_d [MWh]."""
        return self.fleet.n_ev * self.v2g.depth * self.battery_kwh * self.discharge_efficiency / 1000.0


def mean_prices_on(day: PricingDay, in_force: PricingDay, prices: np.ndarray) -> dict[str, float]:
    """Return the mean price in each period of days, weighted by uncontrolled charging, of prices of other hours.

    Parameters
    ----------
    day : PricingDay
        The days whose periods are asked for.
    in_force : PricingDay
        The same days with the hours of the prices.
    prices : (P,) array
        Prices of the periods of ``in_force`` [price unit per kWh].
    """
    if np.ptp(prices) == 0:
        return dict(zip(day.names, prices.tolist(), strict=True))
    paid, energy = np.zeros(day.n_periods), np.zeros(day.n_periods)
    for share, kind, old in zip(day.shares, day.kinds, in_force.kinds, strict=True):
        charged = share * np.maximum(kind.profile_mw, 1e-12 * kind.profile_mw.max())  # no period without weight
        np.add.at(paid, kind.period, charged * prices[old.period])
        np.add.at(energy, kind.period, charged)
    return dict(zip(day.names, (paid / energy).tolist(), strict=True))
