"""The pricing problem: from six prices to the grid's, the operator's and the drivers' interests.

Decision vector x = (c_p, c_f, c_v, d_p, d_f, d_v): charge and discharge price in peak, flat and valley hours, in the
order of `tariff.VARIABLES`. `evaluate` follows the chain prices -> flows between periods -> load curve -> objectives
for all candidates at once; `EVPricing` offers it to pymoo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from pymoo.core.problem import Problem

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_ev.day import Day, over_days
from csmoifsa_ev.fleet_sums import FLOW_FROM
from csmoifsa_ev.objectives import CurveFigures, curve_figures, habit_kept
from csmoifsa_ev.response import limit_flows, period_mean_curve, settle, wanted_flows
from csmoifsa_ev.tariff import FLAT, PEAK, VALLEY
from csmoifsa_ev.v2g import discharge_margin, discharging_shares

OBJECTIVE_SETS: dict[str, tuple[str, ...]] = {
    "paper": ("g2_mw", "saving_per_day", "satisfaction"),
    "market": ("g2_mw", "operator_profit_per_day", "driver_bill_per_day"),
}
"""The quantities each objective set optimises; names in `MAXIMISED` enter with a minus sign."""

MAXIMISED = ("saving_per_day", "satisfaction", "operator_profit_per_day")

_TINY = 1e-300

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
class Outcome:
    """What n tariffs do; one row a tariff.

    Attributes
    ----------
    load_mw : (n, T) array
        Total load after, L', like all curves the mean over the days [MW].
    charging_mw : (n, T) array
        Charging for driving after response, e' (without recharge of what was discharged) [MW].
    arriving_mw : (n, T) array
        The part of it that came from another period [MW].
    recharging_mw, discharging_mw : (n, T) array
        Discharge to the grid, and the recharge of what was discharged [MW].
    flow_mwh : (n, 3) array
        Energy moved: peak to valley, peak to flat, flat to valley [MWh].
    discharging_share : (n, 2) array
        psi, share of cars that discharge in peak and flat.
    responding : (n,) array
        phi^c, the share of drivers who answer the charge price, measured by their energy.
    discharged_mwh, recharged_mwh : (n,) array
        E_d, E_r [MWh].
    g1_mw, g2_mw, g3_mw2 : (n,) array
        Peak [MW], peak-valley difference [MW], mean square deviation [MW^2].
    saving_per_day, driver_bill_per_day, operator_profit_per_day : (n,) array
        [currency/day]
    satisfaction : (n,) array
        theta in [0, 1].
    mean_price : (n,) array
        Mean price paid for charging [price unit per kWh].
    constraints : (n, 8) array
        Violations, <= 0 where kept, each scaled by the reference price or revenue; in the order of `CONSTRAINTS`.
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
        """Return the objectives of a set of `OBJECTIVE_SETS`, to be minimised, shape (n, 3)."""
        columns = (getattr(self, quantity) for quantity in OBJECTIVE_SETS[name])
        signs = (-1.0 if quantity in MAXIMISED else 1.0 for quantity in OBJECTIVE_SETS[name])
        return np.stack([sign * column for sign, column in zip(signs, columns, strict=True)], axis=1)


class Curves(NamedTuple):
    """What the cars do over the day, each (n, T) [MW]; ``charging`` includes ``arriving``."""

    charging: np.ndarray
    arriving: np.ndarray
    recharging: np.ndarray
    discharging: np.ndarray


def evaluate(X: np.ndarray, day: Day) -> Outcome:
    """Work out what tariffs do.

    Parameters
    ----------
    X : (n, 6) array
        Candidates, in the order of `tariff.VARIABLES` [price unit per kWh].
    day : Day
        Load, fleet and terms.

    Returns
    -------
    Outcome
        Each row depends on its own candidate only. Energy is conserved, ``sum L' - sum L0 = E_r - E_d`` (in MWh),
        unless the scenario asks for the paper's literal ``transfer = "total-load"``.
    """
    charge, discharge = X[:, :3], X[:, 3:]
    money = day.prices.per_mwh
    flows = wanted_flows(charge, day.reference, day.ramps, day.energy_mwh)
    if day.response.transfer == "ev-load":
        flows = limit_flows(flows, day.fleet.flow_limit_mwh)
    responding = (flows[:, 0] + flows[:, 1] + flows[:, 2]) / day.total_energy_mwh
    margins = discharge_margin(charge, discharge, day.round_trip, day.v2g.wear)
    psi = discharging_shares(margins, day.v2g, day.fleet.able, day.fleet.able_any, responding)
    given = psi * day.given_per_share_mwh
    discharged = given[:, 0] + given[:, 1]
    recharged = discharged / day.round_trip

    curves, load, figures, generated, kept = _each_day(flows, given, recharged, day)
    relief = (day.generation_before - generated) / day.grid.conversion_efficiency
    relief += day.grid.peak_cost_per_mw_day * (day.before.g1_mw - figures.g1_mw)
    relief -= day.v2g.fee * discharged * money
    paid = (charge.take(day.period, axis=1) * curves.charging).sum(axis=1) * day.dt_h
    v2g_income = discharge[:, PEAK] * given[:, 0] + discharge[:, FLAT] * given[:, 1]
    above_resale = np.maximum(discharge[:, :2] - charge[:, :2], 0.0) * given
    bill = (paid + charge[:, VALLEY] * recharged - v2g_income) * money
    profit = bill - day.supply_cost_before + relief
    mean_price = paid / day.total_energy_mwh

    theta = day.satisfaction.habit_weight * kept
    mean_wait_h = _waited(flows, curves.arriving, day) / day.total_energy_mwh
    theta += day.satisfaction.delay_weight * (1.0 - mean_wait_h / day.fleet.mean_parking_h)
    return Outcome(
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
        saving_per_day=relief - (above_resale[:, 0] + above_resale[:, 1]) * money,
        satisfaction=theta,
        driver_bill_per_day=bill,
        operator_profit_per_day=profit,
        mean_price=mean_price,
        constraints=constraint_values(X, mean_price, profit, day),
    )


def _each_day(
    flows: np.ndarray, given: np.ndarray, recharged: np.ndarray, day: Day
) -> tuple[Curves, np.ndarray, CurveFigures, np.ndarray, np.ndarray]:
    """Return mean curves and load (n, T), figures over the days, and mean cost of generation and habit kept (n,)."""
    n_days = len(day.days_mw)
    every: list[Curves] = []
    loads, figures = [], []
    for base in day.days_mw:
        if not every or day.response.deposit != "uniform" or day.response.transfer != "ev-load":
            curves = load_curves(flows, given, recharged, day, base)  # evenly settled energy looks at no load
        else:
            curves = every[0]
        every.append(curves)
        loads.append(base + curves.charging + curves.recharging - curves.discharging)
        figures.append(curve_figures(loads[-1]))
    generated = np.mean([day.generation(load) for load in loads], axis=0)
    kept = np.mean([habit_kept(day.fleet.profile_mw, one.charging) for one in every], axis=0)
    if n_days == 1:
        return every[0], loads[0], figures[0], generated, kept
    mean = Curves(*(np.mean(column, axis=0) for column in zip(*every, strict=True)))
    return mean, np.mean(loads, axis=0), over_days(figures), generated, kept


def load_curves(flows: np.ndarray, given: np.ndarray, recharged: np.ndarray, day: Day, base: np.ndarray) -> Curves:
    """Return what the cars do over the day (eq. 2, reconstructed).

    Energy leaves a period in proportion to its charging there, and settles as `response.settle` has it: peak
    ``e (1 - phi_pv - phi_pf)``, flat ``e (1 - phi_fv) + phi_pf E_p w_f``, valley ``e + (phi_pv E_p + phi_fv E_f + E_r)
    w_v``. Discharge is taken off the same way: evenly, or from the highest steps first.

    Parameters
    ----------
    flows : (n, 3) array
        Energy moved [MWh].
    given : (n, 2) array
        Energy discharged in peak and flat [MWh].
    recharged : (n,) array
        Energy recharged in the valley [MWh].
    day : Day
        Fleet and terms.
    base : (T,) array
        Load without electric vehicles [MW].
    """
    n, dt, deposit = len(flows), day.dt_h, day.response.deposit
    peak, flat, valley = day.steps
    profile = day.fleet.profile_mw
    before = base + profile
    curves = Curves(np.repeat(profile[None], n, axis=0), *np.zeros((3, n, len(profile))))

    if day.response.transfer == "total-load":
        after = period_mean_curve(before, flows / day.energy_mwh[list(FLOW_FROM)], day.period)
        curves.charging[:] = after - base
        curves.arriving[:] = np.maximum(curves.charging - profile, 0.0)
        flows = np.zeros_like(flows)
    curves.charging[:, peak] *= 1.0 - ((flows[:, 0] + flows[:, 1]) / day.energy_mwh[PEAK])[:, None]
    curves.charging[:, flat] *= 1.0 - (flows[:, 2] / day.energy_mwh[FLAT])[:, None]
    curves.arriving[:, flat] += settle(base[flat] + curves.charging.take(flat, axis=1), flows[:, 1], dt, deposit)

    total = flows[:, 0] + flows[:, 2] + recharged
    settled = settle(np.repeat(before[None, valley], n, axis=0), total, dt, deposit)
    recharge = settled * (recharged / np.maximum(total, _TINY))[:, None]
    curves.recharging[:, valley] = recharge
    curves.arriving[:, valley] += settled - recharge
    if day.response.transfer == "ev-load":
        curves.charging[:] += curves.arriving

    for column, steps in enumerate((peak, flat)):
        level = base[steps] + curves.charging.take(steps, axis=1)
        curves.discharging[:, steps] = settle(-level, given[:, column], dt, deposit)
    return curves


def constraint_values(X: np.ndarray, mean_price: np.ndarray, profit: np.ndarray, day: Day) -> np.ndarray:
    """Return the constraints (27)-(29), reconstructed, in the order of `CONSTRAINTS`, shape (n, 8), kept where <= 0.

    Prices are scaled by the mean reference price and the profit by the revenue before, so that violations can be added.
    """
    c_p, c_f, c_v, d_p, d_f, d_v = X.T
    lowest_discharge = c_v / day.round_trip + day.v2g.wear + day.v2g.fee
    prices = (c_v - c_f, c_f - c_p, lowest_discharge - d_p, d_p - c_p, d_f - d_p, d_v - d_f, mean_price - day.level)
    return np.stack([*(price / day.level for price in prices), -profit / day.bill_before], axis=1)


def _waited(flows: np.ndarray, arriving_mw: np.ndarray, day: Day) -> np.ndarray:
    """Return energy times the hours it waits, shape (n,) [MWh h].

    Energy from different origins settles in the same proportions over the steps of its destination.
    """
    _, flat, valley = day.steps
    into_valley = np.maximum(flows[:, 0] + flows[:, 2], _TINY)
    in_valley, in_flat = arriving_mw.take(valley, axis=1), arriving_mw.take(flat, axis=1)
    from_peak = (in_valley * day.waits_h[PEAK, valley]).sum(axis=1) * (flows[:, 0] / into_valley)
    from_flat = (in_valley * day.waits_h[FLAT, valley]).sum(axis=1) * (flows[:, 2] / into_valley)
    to_flat = (in_flat * day.waits_h[PEAK, flat]).sum(axis=1)
    return (from_peak + from_flat + to_flat) * day.dt_h


def kernel_data(day: Day, *, market: bool) -> np.ndarray:
    """Return the parameters of `kernels.evaluate` as one flat array, in the order that module lists."""
    terms = day.v2g.response
    intercept, slope = day.grid.marginal_cost if day.price_per_mwh is None else (day.price_per_mwh, 0.0)
    return np.concatenate(
        [
            [len(day.period), day.dt_h, day.response.deposit == "water-filling", market, len(day.days_mw)],
            day.reference,
            day.ramps.ravel(),
            day.energy_mwh,
            day.fleet.flow_limit_mwh,
            [terms.dead_zone, terms.saturation, terms.max_share, day.v2g.wear, day.v2g.fee],
            [*day.fleet.able[:2], day.fleet.able_any, day.given_per_share_mwh, day.round_trip],
            [slope, day.grid.conversion_efficiency, day.grid.peak_cost_per_mw_day],
            [day.generation_before, day.before.g1_mw[0], day.supply_cost_before, day.bill_before],
            [day.level, day.prices.per_mwh, day.satisfaction.habit_weight, day.satisfaction.delay_weight],
            [day.fleet.mean_parking_h],
            day.period,
            day.fleet.profile_mw,
            day.waits_h[PEAK],
            day.waits_h[FLAT],
            np.broadcast_to(intercept, day.period.shape),
            day.days_mw.ravel(),
        ]
    ).astype(float)


class EVPricing(Problem):
    """Peak, flat and valley prices for charging and discharging, as a pymoo problem with three objectives.

    Parameters
    ----------
    scenario : str, path, Scenario or None
        A TOML file, or a scenario already loaded; None for the bundled ``case`` as it is.
    case : str
        The bundled case: ``"paper-2022"`` or ``"duke-2017"``.
    objectives : "paper" or "market"
        ``paper``: peak-valley difference, operator's saving, drivers' satisfaction. ``market``: peak-valley
        difference, operator's profit, drivers' bill.
    deposit : "uniform", "water-filling" or None
        Where moved charging settles; None as the scenario has it.
    n_ev, seed : int, optional
        Number of cars and the fleet drawn; None as the scenario has them.

    Examples
    --------
    >>> problem = EVPricing(n_ev=10_000)
    >>> problem.evaluate(np.array([[35.0, 22.0, 16.0, 30.0, 20.0, 10.0]]), return_values_of=["F"]).shape
    (1, 3)
    """

    def __init__(
        self,
        scenario: Any = None,
        *,
        case: str = "paper-2022",
        objectives: str = "paper",
        deposit: Literal["uniform", "water-filling"] | None = None,
        n_ev: int | None = None,
        seed: int | None = None,
    ) -> None:
        from csmoifsa_ev.scenario import Scenario, load_scenario

        if objectives not in OBJECTIVE_SETS:
            known = list(OBJECTIVE_SETS)
            raise InputError(
                f"objectives must be one of {', '.join(known)}, not {objectives!r}." + did_you_mean(objectives, known)
            )
        if not isinstance(scenario, Scenario):
            scenario = load_scenario(scenario, case=case)
        self.scenario: Scenario = scenario.with_changes(deposit=deposit, n_ev=n_ev, seed=seed)
        self.objective_set = objectives
        low, high = self.price_bounds
        super().__init__(n_var=6, n_obj=3, n_ieq_constr=len(CONSTRAINTS), xl=low, xu=high)

    @property
    def price_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest price of each variable, (6,) each [price unit per kWh]."""
        prices = self.scenario.prices
        low, high = np.array([prices.charge_bounds] * 3 + [prices.discharge_bounds] * 3, dtype=float).T
        return low.copy(), high.copy()

    @cached_property
    def day(self) -> Day:
        """Load and fleet as arrays, prepared when first needed: three million cars take a second or two."""
        from csmoifsa_ev.scenario import build_day

        return build_day(self.scenario)

    def outcome(self, X: np.ndarray) -> Outcome:
        """Return everything the tariffs ``X``, shape (n, 6), do."""
        return evaluate(np.ascontiguousarray(np.atleast_2d(X), dtype=float), self.day)

    @property
    def kernel(self) -> Callable[..., None]:
        """The compiled evaluator ``f(X, data, F, G)``, imported when first asked for.

        Raises
        ------
        AttributeError
            The scenario asks for ``transfer = "total-load"``, which only the plain model knows.
        """
        if self.scenario.response.transfer != "ev-load":
            raise AttributeError("kernel")
        from csmoifsa_ev.kernels import evaluate

        return evaluate

    @cached_property
    def kernel_data(self) -> np.ndarray:
        """What `kernel` needs to know, shape (k,)."""
        return kernel_data(self.day, market=self.objective_set == "market")

    def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        X = np.array(x, dtype=float, order="C")  # a copy: a read-only array would compile the kernel once more
        if self.scenario.response.transfer != "ev-load":
            outcome = evaluate(X, self.day)
            out["F"], out["G"] = outcome.objectives(self.objective_set), outcome.constraints
            return
        out["F"], out["G"] = np.empty((len(X), self.n_obj)), np.empty((len(X), self.n_ieq_constr))
        self.kernel(X, self.kernel_data, out["F"], out["G"])


class EVPricingMarket(EVPricing):
    """`EVPricing` with the ``market`` objectives."""

    def __init__(self, scenario: Any = None, **options: Any) -> None:
        super().__init__(scenario, **{"objectives": "market", **options})
