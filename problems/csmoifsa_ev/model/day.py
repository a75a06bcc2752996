"""One day ready for pricing: load, fleet and terms as arrays, prepared once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csmoifsa_ev.model.fleet_sums import FleetSums
from csmoifsa_ev.model.objectives import (
    CurveFigures,
    Grid,
    Satisfaction,
    curve_figures,
    delay_hours,
    generation_cost,
    over_days,
)
from csmoifsa_ev.model.response import Response
from csmoifsa_ev.model.tariff import PriceTerms
from csmoifsa_ev.model.v2g import V2G


@dataclass(frozen=True, kw_only=True)
class PricingDay:
    """All data that `outcome.evaluate` needs; the size does not depend on the number of cars.

    Attributes
    ----------
    period : (T,) array
        Period of each step (0 peak, 1 flat, 2 valley).
    days_mw : (D, T) array
        Load without electric vehicles of each day [MW]; the cars do the same on each.
    fleet : FleetSums
        The cars.
    round_trip : float
        eta_c eta_d.
    battery_kwh, discharge_efficiency : float
        Mean capacity CB of the fleet [kWh], and eta_d.
    prices, response, v2g, grid, satisfaction
        Terms, as in the scenario.
    price_per_mwh : (T,) array, optional
        Market prices that replace the marginal cost of generation [currency per MWh].
    notes : tuple of str
        What reading the data had to do: hours averaged where clocks change, values filled on request.
    """

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
    price_per_mwh: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def dt_h(self) -> float:
        """Length of a step [h]."""
        return 24.0 / len(self.period)

    @cached_property
    def steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Indices of the steps of each period."""
        peak, flat, valley = (np.flatnonzero(self.period == p) for p in range(3))
        return peak, flat, valley

    @cached_property
    def base_mw(self) -> np.ndarray:
        """Load without electric vehicles, the mean over the days, shape (T,) [MW]."""
        return self.days_mw[0] if len(self.days_mw) == 1 else self.days_mw.mean(axis=0)

    @cached_property
    def before_mw(self) -> np.ndarray:
        """Total load before pricing, L0 = base + e, the mean over the days, shape (T,) [MW]."""
        return self.base_mw + self.fleet.profile_mw

    @cached_property
    def energy_mwh(self) -> np.ndarray:
        """Uncontrolled charging of each period, E_a, summed from the profile, shape (3,) [MWh]; never quite zero."""
        return np.array([max(self.fleet.profile_mw[steps].sum() * self.dt_h, 1e-300) for steps in self.steps])

    @cached_property
    def total_energy_mwh(self) -> float:
        """Uncontrolled charging of the day [MWh]."""
        return float(self.energy_mwh.sum())

    @cached_property
    def ramps(self) -> np.ndarray:
        """From `Response.ramps`, shape (3, 3)."""
        return self.response.ramps()

    @cached_property
    def reference(self) -> np.ndarray:
        """Reference charge prices, shape (3,) [price unit per kWh]."""
        return self.prices.reference_prices(self.period)

    @cached_property
    def reference_level(self) -> float:
        """Mean price drivers pay at the reference tariff [price unit per kWh]."""
        return float((self.reference * self.energy_mwh).sum() / self.total_energy_mwh)

    @cached_property
    def before(self) -> CurveFigures:
        """G1, G2, G3 of the load before pricing, each shape (1,): see `over_days`."""
        return over_days([curve_figures(one[None]) for one in self.days_mw + self.fleet.profile_mw])

    def generation(self, load_mw: np.ndarray) -> np.ndarray:
        """Return the day's cost of generation of load curves (n, T), shape (n,) [currency/day]."""
        return generation_cost(load_mw, self.grid, self.dt_h, self.price_per_mwh)

    @cached_property
    def generation_before(self) -> float:
        """Cost of generation before pricing [currency/day]."""
        return float(self.generation(self.days_mw + self.fleet.profile_mw).mean())

    @cached_property
    def supply_cost_before(self) -> float:
        """What the cars' charging adds to generation and peak cost before pricing [currency/day]."""
        base = float(self.generation(self.days_mw).mean())
        peak = float(self.before.g1_mw[0] - self.days_mw.max())
        return (self.generation_before - base) / self.grid.conversion_efficiency + self.grid.peak_cost_per_mw_day * peak

    @cached_property
    def bill_before(self) -> float:
        """What drivers pay at the reference tariff [currency/day]."""
        return float((self.reference * self.energy_mwh).sum()) * self.prices.per_mwh

    @cached_property
    def delay_h(self) -> np.ndarray:
        """From `objectives.delay_hours`, shape (3, T) [h]."""
        return delay_hours(self.fleet.profile_mw, self.period)

    @property
    def discharged_per_share_mwh(self) -> float:
        """Energy at the grid when every car discharges once: N lambda CB eta_d [MWh]."""
        return self.fleet.n_ev * self.v2g.depth * self.battery_kwh * self.discharge_efficiency / 1000.0
