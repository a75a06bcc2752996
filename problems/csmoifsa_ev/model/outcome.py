"""Evaluate tariffs: effects on grid, operator and drivers (eqs. 11-16 and 26-29 of the 2022 paper, reconstructed).

A tariff is x = (c_p, c_f, c_v, d_p, d_f, d_v): charge and discharge price in peak, flat and valley hours, in the order
of `tariff.VARIABLES`. `evaluate` calls, for all tariffs at once, `response` (energy shifted), `v2g` (energy
discharged), `curves` (load) and `objectives` (figures and cost).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csmoifsa_ev.model.curves import delay_mwh_hours, evaluate_days
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.response import limit_flows, wanted_flows
from csmoifsa_ev.model.tariff import FLAT, PEAK, VALLEY
from csmoifsa_ev.model.v2g import discharge_margin, discharging_shares

OBJECTIVE_SETS: dict[str, tuple[str, ...]] = {
    "paper": ("g2_mw", "saving_per_day", "satisfaction"),
    "market": ("g2_mw", "operator_profit_per_day", "driver_bill_per_day"),
}
"""Quantities that each set of objectives optimises; those in `MAXIMISED` enter with a minus sign."""

MAXIMISED = ("saving_per_day", "satisfaction", "operator_profit_per_day")

CONSTRAINTS = (
    "charge_valley <= charge_flat",
    "charge_flat <= charge_peak",
    "discharge_peak covers recharge, wear and fee",
    "discharge_peak <= charge_peak",
    "discharge_flat <= discharge_peak",
    "discharge_valley <= discharge_flat",
    "mean price paid <= reference",
    "operator profit >= 0",
)


@dataclass(frozen=True, kw_only=True)
class TariffOutcome:
    """Effects of n tariffs, one row a tariff.

    Attributes
    ----------
    load_mw : (n, T) array
        Total load after response L' [MW]; all curves are means over the days.
    charging_mw : (n, T) array
        Charging for driving after response e', without recharging of discharged energy [MW].
    arriving_mw : (n, T) array
        Part of ``charging_mw`` that is shifted from another period [MW].
    recharging_mw, discharging_mw : (n, T) array
        Recharging of discharged energy, and discharging to the grid [MW].
    flow_mwh : (n, 3) array
        Energy shifted from peak to valley, peak to flat, flat to valley [MWh].
    discharging_share : (n, 2) array
        psi, shares of cars that discharge in peak and flat.
    responding : (n,) array
        phi^c, share of drivers who answer the charge price, measured by their energy.
    discharged_mwh, recharged_mwh : (n,) array
        E_d and E_r, energy discharged to the grid and taken from it to recharge [MWh].
    g1_mw, g2_mw, g3_mw2 : (n,) array
        Peak [MW], peak-valley difference [MW], mean square deviation [MW^2].
    saving_per_day : (n,) array
        Cost of supply that the operator avoids [currency/day].
    driver_bill_per_day : (n,) array
        Bill of all drivers, less their income from discharging [currency/day].
    operator_profit_per_day : (n,) array
        Drivers' bill less the cost of supply [currency/day].
    satisfaction : (n,) array
        Drivers' satisfaction theta, in [0, 1].
    mean_price : (n,) array
        Mean price paid for charging [price unit per kWh].
    constraints : (n, 8) array
        Constraints in the order of `CONSTRAINTS`, kept where <= 0, as shares of the mean reference price or of the
        bill before pricing.
    """

    load_mw: np.ndarray
    charging_mw: np.ndarray
    arriving_mw: np.ndarray
    recharging_mw: np.ndarray
    discharging_mw: np.ndarray
    flow_mwh: np.ndarray
    discharging_share: np.ndarray
    responding: np.ndarray
    discharged_mwh: np.ndarray
    recharged_mwh: np.ndarray
    g1_mw: np.ndarray
    g2_mw: np.ndarray
    g3_mw2: np.ndarray
    saving_per_day: np.ndarray
    satisfaction: np.ndarray
    driver_bill_per_day: np.ndarray
    operator_profit_per_day: np.ndarray
    mean_price: np.ndarray
    constraints: np.ndarray

    def objectives(self, name: str) -> np.ndarray:
        """Return the objectives of the set ``name`` of `OBJECTIVE_SETS`, to be minimised, shape (n, 3)."""
        columns = (getattr(self, quantity) for quantity in OBJECTIVE_SETS[name])
        signs = (-1.0 if quantity in MAXIMISED else 1.0 for quantity in OBJECTIVE_SETS[name])
        return np.stack([sign * column for sign, column in zip(signs, columns, strict=True)], axis=1)


def evaluate(X: np.ndarray, day: PricingDay) -> TariffOutcome:
    """Return the effects of tariffs (eqs. 1-16 and 26-29 of the 2022 paper, reconstructed).

    Parameters
    ----------
    X : (n, 6) array
        Tariffs, in the order of `tariff.VARIABLES` [price unit per kWh].
    day : PricingDay
        Load, fleet and terms.

    Returns
    -------
    TariffOutcome
        Row i depends on tariff i only. Energy is conserved, ``sum L' - sum L0 = E_r - E_d`` [MWh], unless the scenario
        has ``transfer = "total-load"``.
    """
    charge, discharge = X[:, :3], X[:, 3:]
    money = day.prices.per_mwh
    flows = wanted_flows(charge, day.reference, day.ramps, day.energy_mwh)
    if day.response.transfer == "ev-load":
        flows = limit_flows(flows, day.fleet.flow_limit_mwh)
    responding = (flows[:, 0] + flows[:, 1] + flows[:, 2]) / day.total_energy_mwh
    margins = discharge_margin(charge, discharge, day.round_trip, day.v2g.wear)
    psi = discharging_shares(margins, day.v2g, day.fleet.eligible, day.fleet.eligible_any, responding)
    by_period = psi * day.discharged_per_share_mwh
    discharged = by_period[:, 0] + by_period[:, 1]
    recharged = discharged / day.round_trip

    curves, load, figures, generated, kept = evaluate_days(flows, by_period, recharged, day)
    avoided = (day.generation_before - generated) / day.grid.conversion_efficiency
    avoided += day.grid.peak_cost_per_mw_day * (day.before.g1_mw - figures.g1_mw)
    avoided -= day.v2g.fee * discharged * money
    paid = (charge.take(day.period, axis=1) * curves.charging).sum(axis=1) * day.dt_h
    v2g_income = discharge[:, PEAK] * by_period[:, 0] + discharge[:, FLAT] * by_period[:, 1]
    above_resale = np.maximum(discharge[:, :2] - charge[:, :2], 0.0) * by_period
    bill = (paid + charge[:, VALLEY] * recharged - v2g_income) * money
    profit = bill - day.supply_cost_before + avoided
    mean_price = paid / day.total_energy_mwh

    theta = day.satisfaction.habit_weight * kept
    mean_delay_h = delay_mwh_hours(flows, curves.arriving, day) / day.total_energy_mwh
    theta += day.satisfaction.delay_weight * (1.0 - mean_delay_h / day.fleet.mean_parking_h)
    return TariffOutcome(
        load_mw=load,
        charging_mw=curves.charging,
        arriving_mw=curves.arriving,
        recharging_mw=curves.recharging,
        discharging_mw=curves.discharging,
        flow_mwh=flows,
        discharging_share=psi,
        responding=responding,
        discharged_mwh=discharged,
        recharged_mwh=recharged,
        g1_mw=figures.g1_mw,
        g2_mw=figures.g2_mw,
        g3_mw2=figures.g3_mw2,
        saving_per_day=avoided - (above_resale[:, 0] + above_resale[:, 1]) * money,
        satisfaction=theta,
        driver_bill_per_day=bill,
        operator_profit_per_day=profit,
        mean_price=mean_price,
        constraints=constraint_values(X, mean_price, profit, day),
    )


def constraint_values(X: np.ndarray, mean_price: np.ndarray, profit: np.ndarray, day: PricingDay) -> np.ndarray:
    """Return the constraints in the order of `CONSTRAINTS`, shape (n, 8), kept where <= 0.

    Equations 27-29 of the 2022 paper, reconstructed. Prices are divided by the mean reference price, the profit by the
    bill before pricing, so that violations can be added.

    Parameters
    ----------
    X : (n, 6) array
        Tariffs [price unit per kWh].
    mean_price : (n,) array
        Mean price paid for charging [price unit per kWh].
    profit : (n,) array
        Operator's profit [currency/day].
    day : PricingDay
        Load, fleet and terms.
    """
    c_p, c_f, c_v, d_p, d_f, d_v = X.T
    lowest_discharge = c_v / day.round_trip + day.v2g.wear + day.v2g.fee
    prices = (
        c_v - c_f,
        c_f - c_p,
        lowest_discharge - d_p,
        d_p - c_p,
        d_f - d_p,
        d_v - d_f,
        mean_price - day.reference_level,
    )
    return np.stack([*(price / day.reference_level for price in prices), -profit / day.bill_before], axis=1)
