"""Evaluate tariffs: effects on grid, operator and drivers (eqs. 11-16 and 26-29 of the 2022 paper, reconstructed).

A tariff is x = (c_1, ..., c_P, d_1, ..., d_P): charge and discharge prices of P periods, from the dearest to the
cheapest, in the order of `tariff.price_names`; of the paper's three periods (c_p, c_f, c_v, d_p, d_f, d_v). `evaluate`
calls, for all tariffs at once, `response` (energy shifted), `v2g` (energy discharged), `curves` (load) and `objectives`
(figures and cost).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from csmoifsa_ev.model.constraints import constraint_values
from csmoifsa_ev.model.curves import delay_mwh_hours, evaluate_days
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.fairness import largest_bill_rise
from csmoifsa_ev.model.flow_region import limit_flows, sum_columns
from csmoifsa_ev.model.response import wanted_flows
from csmoifsa_ev.model.v2g import discharge_margin, discharging_shares

QUANTITIES = (
    "g2_mw",
    "saving_per_day",
    "satisfaction",
    "operator_profit_per_day",
    "driver_bill_per_day",
    "inflexible_bill_per_day",
    "welfare_per_day",
    "g1_mw",
    "largest_bill_rise",
    "rebound_mw",
)
"""Quantities that can be objectives, in the order in which the compiled evaluator numbers them."""

MAXIMISED = ("saving_per_day", "satisfaction", "operator_profit_per_day", "welfare_per_day")
"""Quantities that enter as objectives with a minus sign."""

OBJECTIVE_SETS: dict[str, tuple[str, ...]] = {
    "paper": ("g2_mw", "saving_per_day", "satisfaction"),
    "market": ("g2_mw", "operator_profit_per_day", "driver_bill_per_day"),
    "inflexible": ("g2_mw", "operator_profit_per_day", "inflexible_bill_per_day"),
    "welfare": ("g2_mw", "welfare_per_day", "satisfaction"),
    "fair": ("g2_mw", "operator_profit_per_day", "largest_bill_rise"),
}
"""Quantities that each set of objectives optimises; those in `MAXIMISED` enter with a minus sign."""


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
    flow_mwh : (n, F) array
        Energy shifted between periods, in the order of `flow_region.flow_pairs`; of three periods from peak to valley,
        peak to flat, flat to valley [MWh].
    discharging_share : (n, P - 1) array
        psi, shares of cars that discharge in each period but the cheapest.
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
    inflexible_bill_per_day : (n,) array
        Bill of all drivers if nobody changed hours, which is what those pay who cannot [currency/day].
    welfare_per_day : (n,) array
        Operator's profit less the drivers' bill and the wear of batteries: the money of both together [currency/day].
    v2g_gain_per_day : (n,) array
        Cost of supply that discharging avoids, less fee and wear; what it brings both together [currency/day].
    v2g_income_per_day : (n,) array
        Drivers' income from discharging less what recharging costs them [currency/day].
    mean_price : (n,) array
        Mean price paid for charging [price unit per kWh].
    largest_bill_rise : (n,) array
        Relative rise of the bill per car of the group of drivers for which it is largest.
    rebound_mw : (n,) array
        Highest load in the cheapest period less the highest in all other hours, over all days [MW].
    paid_per_day : (n, 3) array
        Payments for charging that keeps its steps, for shifted charging, and for recharging less the income from
        discharging [currency/day].
    constraints : (n, m) array
        Constraints in the order of `constraints.names_of`, kept where <= 0, as shares of the mean reference price, of
        the bill or of the peak before pricing, and distances from a price step in steps.
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
    inflexible_bill_per_day: np.ndarray
    welfare_per_day: np.ndarray
    v2g_gain_per_day: np.ndarray
    v2g_income_per_day: np.ndarray
    mean_price: np.ndarray
    largest_bill_rise: np.ndarray
    rebound_mw: np.ndarray
    paid_per_day: np.ndarray
    constraints: np.ndarray

    def with_row(self, row: int, other: TariffOutcome) -> TariffOutcome:
        """Return the effects with one row replaced by the only one of ``other``."""
        columns = {name: values.copy() for name, values in vars(self).items()}
        for name, values in columns.items():
            values[row] = getattr(other, name)[0]
        return TariffOutcome(**columns)

    def objectives(self, name: str) -> np.ndarray:
        """Return the objectives of the set ``name`` of `OBJECTIVE_SETS`, to be minimised, shape (n, 3)."""
        return self.minimised(OBJECTIVE_SETS[name])

    def minimised(self, names: tuple[str, ...]) -> np.ndarray:
        """Return quantities of `QUANTITIES`, those in `MAXIMISED` with a minus sign, shape (n, len(names))."""
        return np.stack([(-1.0 if one in MAXIMISED else 1.0) * getattr(self, one) for one in names], axis=1)


def evaluate(X: np.ndarray, day: PricingDay) -> TariffOutcome:
    """Return the effects of tariffs (eqs. 1-16 and 26-29 of the 2022 paper, reconstructed).

    Parameters
    ----------
    X : (n, 2 P) array
        Tariffs, in the order of `tariff.price_names` [price unit per kWh].
    day : PricingDay
        Load, fleet and terms.

    Returns
    -------
    TariffOutcome
        Row i depends on tariff i only. Energy is conserved, ``sum L' - sum L0 = E_r - E_d`` [MWh], unless the scenario
        has ``transfer = "total-load"``.
    """
    all_days = _over_kinds([_effects(X, kind) for kind in day.kinds], day)
    charge, money = X[:, : day.n_periods], day.prices.per_mwh
    responding, discharged = all_days.responding, all_days.discharged
    discharging = sum_columns(all_days.psi)
    avoided = avoided_cost(all_days.generated, all_days.g1_mw, day) - day.v2g.fee * discharged * money
    wear = day.v2g.wear * discharged * money
    without = avoided_cost(all_days.generated_without, all_days.g1_without, day)
    gain = np.where(discharged > 0, avoided - without - wear, 0.0)
    paid, paid_shifted, battery = all_days.paid, all_days.paid_shifted, all_days.battery
    bill = (paid + battery) * money
    payments = (paid - paid_shifted) * money, paid_shifted * money, battery * money
    rise = largest_bill_rise(*payments, responding, discharging, day.bill_before)
    profit = bill - day.supply_cost_before + avoided
    mean_price = paid / day.total_energy_mwh
    theta = day.satisfaction.habit_weight * all_days.kept
    theta += day.satisfaction.delay_weight * (1.0 - all_days.waiting)
    g1 = all_days.g1_mw
    return TariffOutcome(
        load_mw=all_days.load_mw,
        charging_mw=all_days.charging_mw,
        arriving_mw=all_days.arriving_mw,
        recharging_mw=all_days.recharging_mw,
        discharging_mw=all_days.discharging_mw,
        flow_mwh=all_days.flows,
        discharging_share=all_days.psi,
        responding=responding,
        discharged_mwh=discharged,
        recharged_mwh=all_days.recharged,
        g1_mw=g1,
        g2_mw=all_days.g2_mw,
        g3_mw2=all_days.g3_mw2,
        saving_per_day=avoided - all_days.above_resale * money,
        satisfaction=theta,
        driver_bill_per_day=bill,
        operator_profit_per_day=profit,
        inflexible_bill_per_day=(charge * day.energy_mwh).sum(axis=1) * money,
        welfare_per_day=profit - bill - wear,
        v2g_gain_per_day=gain,
        v2g_income_per_day=-battery * money,
        mean_price=mean_price,
        largest_bill_rise=rise,
        rebound_mw=all_days.inside_mw - all_days.outside_mw,
        paid_per_day=np.stack(payments, axis=1),
        constraints=constraint_values(
            X, discharging, mean_price, profit, bill, gain, rise, g1, max_bill(day), revenue_bounds(day), day
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Effects:
    """Effects of n tariffs on days of one kind, (n,) or (n, k) each; see `TariffOutcome`."""

    flows: np.ndarray
    responding: np.ndarray
    psi: np.ndarray
    discharged: np.ndarray
    recharged: np.ndarray
    load_mw: np.ndarray
    charging_mw: np.ndarray
    arriving_mw: np.ndarray
    recharging_mw: np.ndarray
    discharging_mw: np.ndarray
    g1_mw: np.ndarray
    g2_mw: np.ndarray
    g3_mw2: np.ndarray
    generated: np.ndarray
    g1_without: np.ndarray  # peak and cost of generation without discharging
    generated_without: np.ndarray
    kept: np.ndarray
    waiting: np.ndarray  # mean delay as a share of the mean parking time
    inside_mw: np.ndarray
    outside_mw: np.ndarray
    paid: np.ndarray  # for charging [price unit x MWh/kWh]
    paid_shifted: np.ndarray  # part of it for shifted charging
    battery: np.ndarray  # for recharging less income from discharging
    above_resale: np.ndarray  # paid for discharging above the price of charging


_PEAKS = ("g1_mw", "g1_without", "inside_mw", "outside_mw")
_BY_ENERGY = ("responding", "psi", "kept", "waiting")


def _over_kinds(parts: list[_Effects], day: PricingDay) -> _Effects:
    """Return effects over all days from those on days of each kind.

    The highest of all kinds for `_PEAKS`, means weighted by uncontrolled charging for `_BY_ENERGY`, else means over all
    days.
    """
    if len(parts) == 1:
        return parts[0]

    def over(name: str) -> np.ndarray:
        values = [getattr(part, name) for part in parts]
        if name in _PEAKS:
            return np.max(values, axis=0)
        weights = day.energy_shares if name in _BY_ENERGY else day.shares
        return np.sum([weight * value for weight, value in zip(weights, values, strict=True)], axis=0)

    return _Effects(**{one.name: over(one.name) for one in fields(_Effects)})


def _effects(X: np.ndarray, day: PricingDay) -> _Effects:
    """Return the effects of tariffs (n, 2 P) on days of one kind."""
    charge, discharge = X[:, : day.n_periods], X[:, day.n_periods :]
    flows = shifted_energy(charge, day)
    responding = sum_columns(flows) / day.total_energy_mwh
    margins = discharge_margin(charge, discharge, day.round_trip, day.v2g.wear, day.cheapest)
    psi = discharging_shares(margins, day.v2g, day.fleet.eligible, day.fleet.eligible_any, responding)
    by_period = psi * day.discharged_per_share_mwh
    discharged = sum_columns(by_period)
    recharged = discharged / day.round_trip
    curves, load, figures, generated, kept, inside, outside = evaluate_days(flows, by_period, recharged, day)
    peaks, without = figures, generated
    if discharged.any():
        _, _, peaks, without, *_ = evaluate_days(flows, np.zeros_like(by_period), np.zeros_like(recharged), day)
    prices = charge.take(day.period, axis=1)
    income = sum_columns(discharge[:, :-1] * by_period)
    mean_delay_h = delay_mwh_hours(flows, curves.arriving, day) / day.total_energy_mwh
    return _Effects(
        flows=flows,
        responding=responding,
        psi=psi,
        discharged=discharged,
        recharged=recharged,
        load_mw=load,
        charging_mw=curves.charging,
        arriving_mw=curves.arriving,
        recharging_mw=curves.recharging,
        discharging_mw=curves.discharging,
        g1_mw=figures.g1_mw,
        g2_mw=figures.g2_mw,
        g3_mw2=figures.g3_mw2,
        generated=generated,
        g1_without=peaks.g1_mw,
        generated_without=without,
        kept=kept,
        waiting=mean_delay_h / day.fleet.mean_parking_h,
        inside_mw=inside,
        outside_mw=outside,
        paid=(prices * curves.charging).sum(axis=1) * day.dt_h,
        paid_shifted=(prices * curves.arriving).sum(axis=1) * day.dt_h,
        battery=charge[:, day.cheapest] * recharged - income,
        above_resale=sum_columns(np.maximum(discharge[:, :-1] - charge[:, :-1], 0.0) * by_period),
    )


def limited_flows(charge: np.ndarray, day: PricingDay) -> np.ndarray:
    """Return what drivers wish to shift under charge prices (n, P), within the limits of their sessions, (n, F) [MWh].

    It is of all drivers, also where only some are enrolled.
    """
    flows = wanted_flows(charge, day.reference, day.ramps, day.energy_mwh)
    if day.response.transfer == "ev-load":
        flows = limit_flows(flows, day.fleet.flow_weights, day.fleet.flow_limit_mwh)
    return flows


def shifted_energy(charge: np.ndarray, day: PricingDay) -> np.ndarray:
    """Return the energy that drivers shift under charge prices (n, P), shape (n, F) [MWh].

    It is that of `limited_flows` times the share of owners who enrol.
    """
    flows = limited_flows(charge, day)
    if day.response.enrolment is not None:  # enrolled cars have the fleet's sessions, so their limits shrink alike
        share = day.response.enrolment.share(charge, day.reference, day.dearest, day.cheapest)
        flows = flows * share[:, None]
    return flows


def avoided_cost(generated: np.ndarray, g1_mw: np.ndarray, day: PricingDay) -> np.ndarray:
    """Return the cost of supply avoided against the situation before pricing, shape (n,) [currency/day].

    The first line of eq. (14) of the 2022 paper, reconstructed.

    Parameters
    ----------
    generated : (n,) array
        Cost of generation [currency/day].
    g1_mw : (n,) array
        Peak load [MW].
    day : PricingDay
        Figures before pricing and cost of supply.
    """
    avoided = (day.generation_before - generated) / day.grid.conversion_efficiency
    return avoided + day.grid.peak_cost_per_mw_day * (day.before.g1_mw - g1_mw)


def outcome_in_force(day: PricingDay) -> TariffOutcome:
    """Return the effects of the tariff in force on the hours in force, without discharging, one row."""
    return evaluate(day.in_force.prices.in_force[None], day.in_force)


def bill_in_force(day: PricingDay) -> float:
    """Return the bill of all drivers under the tariff in force, without discharging [currency/day]."""
    day = day.in_force
    charge = day.prices.start_prices
    none = np.zeros((1, day.n_periods - 1))
    paid = 0.0
    for share, kind in zip(day.shares, day.kinds, strict=True):
        curves, *_ = evaluate_days(shifted_energy(charge[None], kind), none, np.zeros(1), kind)
        paid += share * float((charge[kind.period] * curves.charging[0]).sum())
    return paid * day.dt_h * day.prices.per_mwh


def acceptable_bill(day: PricingDay) -> float:
    """Return the bill above which a recommendation does not go for profit [currency/day].

    It is the highest that ``limits.max_bill_change`` allows, and that of the tariff in force without this limit.
    """
    in_force = bill_in_force(day)
    return in_force + (day.limits.max_bill_change or 0.0) * abs(in_force)


def max_bill(day: PricingDay) -> float:
    """Return the highest bill of all drivers that ``limits.max_bill_change`` allows [currency/day], or infinity."""
    return float("inf") if day.limits.max_bill_change is None else acceptable_bill(day)


def revenue_bounds(day: PricingDay) -> tuple[float, float] | None:
    """Return the lowest and the highest mean price paid that ``limits.max_revenue_change`` allows; None without it.

    Drivers charge the same energy at any prices, so that the mean price [price unit per kWh] stands for the revenue.
    """
    share = day.limits.max_revenue_change
    if share is None:
        return None
    present, proposed = (day.fleet.n_ev * one for one in day.other_revenue)
    in_force = bill_in_force(day) + present
    per_price = day.total_energy_mwh * day.prices.per_mwh
    low, high = ((in_force + sign * share * abs(in_force) - proposed) / per_price for sign in (-1.0, 1.0))
    return low, high
