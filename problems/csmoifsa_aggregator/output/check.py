"""Check of a result folder of ``csmoifsa ev aggregate``: response, contracts, reserve and money, without any solver.

Everything is added up again in plain loops from the folder's tables and the case: prices within their bounds, who
stays, each class's energy and least bill, batteries step by step, loads and limits, reserve bids with all bands called,
the least cost of the energy, and the account. That no other price earns more, or plan costs less, is not checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.costs import Market
from csmoifsa_aggregator.output.check_reserve import reserve_faults
from csmoifsa_aggregator.output.summary import DaySummary
from csmoifsa_energy.figures import read_results, rows_where

_TABLES = ["price", "load", "plans", "plans_load"]
_CONTRACTS = ["v2g", "load_v2g"]

SLACK = 1e-5
"""Greatest relative difference that counts as rounding, of energy, power and money."""


@dataclass(frozen=True)
class DayVerdict:
    """Outcome of a check.

    Attributes
    ----------
    faults : tuple of str
        One sentence each on what does not hold; empty if all holds.
    plan : str
        Last way to run the day, whose account is checked.
    profit : float
        Aggregator's profit as added up again [currency]; NaN where money is not checked.
    unchecked : tuple of str
        What is not checked, and why.
    """

    faults: tuple[str, ...]
    plan: str
    profit: float
    unchecked: tuple[str, ...]


def check_day(folder: Path, case: Case) -> DayVerdict:
    """Check a result folder against the case that it is said to be of, with its contracts if it has any.

    Raises
    ------
    InputError
        A table is missing, damaged or of another shape, the case has no contracts but the folder has, or its owners
        answer the price with their batteries.
    """
    try:
        return _check_day(folder, case)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        fault = f"{type(error).__name__} {error}"
        raise InputError(f"{folder} holds no results of 'csmoifsa ev aggregate', or damaged ones: {fault}") from error


def _check_day(folder: Path, case: Case) -> DayVerdict:
    summary, tables = read_results(folder, _TABLES, "aggregate", DaySummary)
    if case.game.cars is not None:
        raise InputError(
            "a folder is not checked where owners answer the price with their batteries; write a certificate with "
            "'csmoifsa ev aggregate --certificate FILE', and check that"
        )
    if "contracts" in summary:
        if case.cars is None:
            raise InputError(f"{folder} has V2G contracts, but the case has none; name its case with --case")
        tables |= read_results(folder, _CONTRACTS, "aggregate", DaySummary)[1]
    faults: list[str] = []
    if "contracts" not in summary and case.v2g_share.any() and not summary["contracts_unused"]:
        faults.append("the case has V2G contracts, but the folder says nothing of them")
    if case.customers is not None:
        case = _kept(case, summary, tables, faults)
    day = _Day(folder, summary, tables, case, faults)
    day.check_prices()
    day.check_drivers()
    charge = discharge = np.zeros((0, case.game.n_steps))
    if day.contracts is not None:
        charge, discharge = day.check_batteries()
    bands = None
    if day.contracts is not None and (summary.get("reserve") is not None or case.reserve):
        bands = reserve_faults(folder, case, charge, discharge, day.other_kw, faults)
    day.check_loads(charge, discharge, None if bands is None else bands.down_kw)
    profit, unchecked = float("nan"), ("that no other plan costs less is HiGHS's word",)
    if day.contracts is None:
        unchecked = ("that no other price earns more, which is for a certificate to show",)
    if case.game.storage is not None:
        unchecked = ("money, as the schedule of the own storage beside the cars is not in the tables", *unchecked)
    else:
        profit = day.check_money(charge, discharge, 0.0 if bands is None else bands.gain)
    return DayVerdict(tuple(faults), str(tables["plans"]["plan"].iloc[-1]), profit, unchecked)


def _kept(case: Case, summary: DaySummary, tables: dict[str, pd.DataFrame], faults: list[str]) -> Case:
    """Check who stays at the price of stage one; return the case of those whom the folder says to stay."""
    terms, stated = case.customers, summary.get("customers")
    assert terms is not None
    if stated is None:
        faults.append("summary.json does not say who stays")
        return case
    share, n_cars = float(stated["share"]), float(case.game.count.sum())
    paid = _paid(tables["price"]["price"].to_numpy(), tables["load"].drop(columns="hour").to_numpy(), case)
    expected = terms.share(paid)
    if abs(share - expected) > SLACK:
        faults.append(f"the share of customers kept is {share:.6g}, not {expected:.6g} as at the mean price paid")
    for key, value in (("mean_paid", paid), ("cars", share * n_cars), ("left", (1.0 - share) * n_cars)):
        if not abs(float(stated[key]) - value) <= SLACK * max(abs(value), SLACK):
            faults.append(f"customers.{key} is {float(stated[key]):.6g}, not {value:.6g}")
    return case.kept(share)


def _paid(price: np.ndarray, load: np.ndarray, case: Case) -> float:
    """Return the mean price paid, weighted by the load of all classes (T, K)."""
    return float(price @ load.sum(axis=1) / load.sum()) if case.game.n_classes else 0.0


class _Day:
    """Tables of a result folder beside the case that they are said to be of; faults are collected."""

    def __init__(
        self, folder: Path, summary: DaySummary, tables: dict[str, pd.DataFrame], case: Case, faults: list[str]
    ) -> None:
        self.folder, self.summary, self.tables, self.case, self.faults = folder, summary, tables, case, faults
        game = case.game
        self.contracts = summary.get("contracts")
        for name in ("price", "load", "plans_load", *(("load_v2g",) if self.contracts is not None else ())):
            if len(tables[name]) != game.n_steps:
                raise InputError(f"{folder / name}.csv has {len(tables[name])} rows for {game.n_steps} steps")
        self.price = self._column("price", "price")
        self.load_kw = np.array([self._column("load", name) for name in game.names])
        left = 1.0 - case.v2g_share if self.contracts is not None else np.ones(game.n_classes)
        self.other_kw = (self.load_kw * left[:, None]).sum(axis=0)

    def _column(self, table: str, name: str) -> np.ndarray:
        if name not in self.tables[table]:
            raise InputError(f"{self.folder / table}.csv has no column {name!r}")
        return self.tables[table][name].to_numpy(dtype=float)

    def _differs(self, what: str, stated: float, expected: float, scale: float) -> None:
        if not abs(stated - expected) <= SLACK * scale:
            self.faults.append(f"{what} is {stated:,.6f}, not {expected:,.6f}")

    def check_prices(self) -> None:
        """Check that the market's prices are those of the case, and that the drivers' price keeps its rules."""
        game, slack = self.case.game, SLACK * self.case.game.price_scale
        for name in ("day_ahead", "buy", "sell", "lower", "upper"):
            away = np.abs(self._column("price", name) - getattr(game, name))
            if not away.max() <= slack:
                self.faults.append(f"{name} of step {int(away.argmax())} in price.csv is not that of the case")
        outside = (self.price < game.lower - slack) | (self.price > game.upper + slack)
        if outside.any():
            self.faults.append(f"the price of step {int(outside.argmax())} lies outside its bounds")
        weight = np.ones(game.n_steps) if game.mean_weight == "time" else self.load_kw.sum(axis=0)
        mean = float(self.price @ weight / weight.sum())
        if mean > game.mean + slack or (game.mean_sense == "==" and mean < game.mean - slack):
            self.faults.append(f"the mean price is {mean:.6g}, not {game.mean:.6g}")
        paid = _paid(self.price, self.load_kw.T, self.case)
        if game.most_paid is not None and paid > game.most_paid + slack:
            self.faults.append(f"the mean price paid is {paid:.6g}, above {game.most_paid:.6g}")

    def check_drivers(self) -> None:
        """Check that each class takes its energy at stage one, within its window and power, and at its least bill."""
        game = self.case.game
        for k, name in enumerate(game.names):
            row = self.load_kw[k]
            most = game.power_kw[k] * game.window[k]
            if (row < -SLACK * game.power_kw[k]).any() or (row > most + SLACK * game.power_kw[k]).any():
                self.faults.append(f"{name} charges outside its window or above its power at stage one")
            self._differs(f"the energy of {name} at stage one", row.sum() * game.dt_h, game.energy_kwh[k], row.sum())
            least, left = 0.0, game.energy_kwh[k]
            for t in np.argsort(self.price, kind="stable"):
                taken = min(left, most[t] * game.dt_h)
                left, least = left - taken, least + taken * self.price[t]
            if float(row @ self.price) * game.dt_h > least + SLACK * game.energy_kwh[k] * game.price_scale:
                self.faults.append(f"{name} could pay less at this price")

    def check_batteries(self) -> tuple[np.ndarray, np.ndarray]:
        """Check each battery step by step; return charging and discharging power of whole classes, (V, T) [kW]."""
        cars = self.case.cars
        assert cars is not None
        charge, discharge = np.zeros(cars.window.shape), np.zeros(cars.window.shape)
        self.smart_kw = np.zeros(cars.window.shape)
        table = self.tables["v2g"]
        for v, name in enumerate(cars.names):
            rows = rows_where(table, "class", name)
            steps = (cars.start[v] + np.arange(cars.length[v])) % cars.n_steps
            if not np.array_equal(np.round(rows["hour"].to_numpy() / cars.dt_h).astype(int), steps):
                raise InputError(f"{self.folder / 'v2g.csv'}: the hours of {name} are not those of its stay")
            for column, target in (("charge_kw", charge), ("discharge_kw", discharge), ("smart_kw", self.smart_kw)):
                target[v, steps] = rows[column].to_numpy()
            self._check_battery(cars, v, charge[v, steps], discharge[v, steps], rows["soe_kwh"].to_numpy())
            self._check_battery(cars, v, self.smart_kw[v, steps], np.zeros(len(steps)), None)
        return charge, discharge

    def _check_battery(
        self, cars: Batteries, v: int, charge: np.ndarray, discharge: np.ndarray, stated: np.ndarray | None
    ) -> None:
        """Follow one battery through its stay; ``stated`` is the state of energy that the table gives [kWh]."""
        name, n, eta, dt = cars.names[v], cars.count[v], cars.efficiency[v], cars.dt_h
        what = f"{name} with V2G" if stated is not None else f"{name}, charging only,"
        slack_kw, slack = SLACK * (cars.charge_kw[v] + cars.discharge_kw[v]), SLACK * cars.capacity_kwh[v]
        soe = reach = cars.arrival_kwh[v]
        for k in range(len(charge)):
            up, down = charge[k] / n, discharge[k] / n
            if not (
                -slack_kw <= up <= cars.charge_kw[v] + slack_kw and -slack_kw <= down <= cars.discharge_kw[v] + slack_kw
            ):
                self.faults.append(f"{what} exceeds its power in step {k} of its stay")
            if min(up, down) > slack_kw:
                self.faults.append(f"{what} charges and discharges at once in step {k} of its stay")
            soe += (eta * up - down / eta) * dt
            reach += eta * cars.charge_kw[v] * dt
            low = min(cars.floor_kwh[v], reach)
            if not low - slack <= soe <= max(cars.capacity_kwh[v], low) + slack:
                self.faults.append(f"the battery of {what} leaves its limits in step {k} of its stay")
            if stated is not None and not abs(stated[k] - soe) <= slack:
                self.faults.append(f"soe_kwh of {name} in step {k} of its stay is not what its powers lead to")
        if soe < cars.departure_kwh[v] - slack:
            self.faults.append(f"{what} leaves with {soe:.6g} kWh, not the {cars.departure_kwh[v]:.6g} kWh promised")

    def check_loads(self, charge: np.ndarray, discharge: np.ndarray, down_kw: np.ndarray | None) -> None:
        """Check the loads of the groups and of all, and the import limit with all bands down (T,) called."""
        case, cars = self.case, self.case.cars
        total = self.other_kw + (charge - discharge).sum(axis=0)
        scale = max(float(np.abs(total).max()), float(self.other_kw.max()), 1e-9)
        groups = {}
        if cars is not None and self.contracts is not None:
            groups = {name: charge[v] - discharge[v] for v, name in enumerate(cars.names)}
            for k, name in enumerate(case.game.names):
                if case.v2g_share[k] < 1:
                    groups[name] = self.load_kw[k] * (1.0 - case.v2g_share[k])
        for name, row in groups.items():
            if not np.abs(self._column("load_v2g", name) - row).max() <= SLACK * scale:
                self.faults.append(f"the load of {name} in load_v2g.csv is not that of its cars")
        last = str(self.tables["plans"]["plan"].iloc[-1])
        for name, row in (("stage one", self.load_kw.sum(axis=0)), (last, total)):
            if not np.abs(self._column("plans_load", name) - row).max() <= SLACK * scale:
                self.faults.append(f"the load of {name!r} in plans_load.csv is not the sum of its cars")
            stated = rows_where(self.tables["plans"], "plan", name).iloc[0]
            for key, value in (("peak_kw", row.max()), ("valley_kw", row.min()), ("peak_valley_kw", np.ptp(row))):
                self._differs(f"{key} of {name!r}", float(stated[key]), float(value), scale)
        limit = case.game.import_limit_kw
        if limit is not None and (total + (0.0 if down_kw is None else down_kw) > limit + SLACK * scale).any():
            self.faults.append("the import limit is exceeded, with all bands down called")

    def check_money(self, charge: np.ndarray, discharge: np.ndarray, reserve: float) -> float:
        """Add up the account again; return the aggregator's profit, with the contracts if there are any [currency]."""
        case, game = self.case, self.case.game
        bills = float(self.load_kw.sum(axis=0) @ self.price) * game.dt_h
        scale = max(abs(bills), float(game.energy_kwh.sum()) * game.price_scale)
        elsewhere = 0.0
        if case.customers is not None and "customers" in self.summary:
            share = self.summary["customers"]["share"]
            elsewhere = (1.0 - share) / share * float(self.load_kw.sum()) * game.dt_h * case.customers.competitor
        owners, cost = 0.0, least_cost(game, self.load_kw.sum(axis=0), np.zeros(game.n_steps), game.sell)
        if self.contracts is not None:
            owners, cost = self._check_contracts(charge, discharge, reserve, scale)
        row = self.tables["plans"].iloc[-1]
        self._differs("the aggregator's profit", float(row["profit"]), bills - cost - owners, scale)
        self._differs("what drivers pay", float(row["driver_cost"]), bills + elsewhere - owners, scale)
        self._differs("the number of cars kept", float(row["cars"]), float(game.count.sum()), float(game.count.sum()))
        return float(bills - cost - owners)

    def _check_contracts(
        self, charge: np.ndarray, discharge: np.ndarray, reserve: float, scale: float
    ) -> tuple[float, float]:
        """Check the money of the contracts; return the owners' share, and the cost without it [currency]."""
        case, cars, game, stated = self.case, self.case.cars, self.case.game, self.contracts
        assert cars is not None
        assert stated is not None
        supply = {
            "alone": least_cost(game, self.other_kw, np.zeros(game.n_steps), case.v2g_sell),
            "smart": least_cost(game, self.other_kw + self.smart_kw.sum(axis=0), np.zeros(game.n_steps), case.v2g_sell),
            "v2g": least_cost(game, self.other_kw + charge.sum(axis=0), discharge.sum(axis=0), case.v2g_sell),
        }
        wear = float(cars.wear @ discharge.sum(axis=1)) * game.dt_h
        gain = supply["smart"] - supply["v2g"] - wear + reserve
        expected = {
            "smart_cost": supply["smart"] - supply["alone"],
            "v2g_cost": supply["v2g"] + wear - supply["alone"],
            "surplus": gain,
            "owner_gain": case.owner_share * gain,
            "aggregator_gain": (1.0 - case.owner_share) * gain,
            "wear_paid": wear,
            "discharged_kwh": float(discharge.sum()) * game.dt_h,
        }
        for key, value in expected.items():
            self._differs(f"contracts.{key}", float(stated[key]), value, max(scale, abs(value)))
        if gain < -SLACK * scale:
            self.faults.append(f"the contracts cost {-gain:,.6f} more than charging only")
        parts = [one["surplus"] for one in stated["by_class"]]
        self._differs("the sum of the classes' surplus", sum(parts), gain, scale)
        if min(parts) < -SLACK * scale:
            self.faults.append("a class has a surplus below zero")
        for one, v in zip(stated["by_class"], range(cars.n_classes), strict=True):
            each = case.owner_share * one["surplus"] / cars.count[v]
            self._differs(f"owner_gain_per_vehicle of {one['class']}", one["owner_gain_per_vehicle"], each, scale)
            self._differs(
                f"discharged_kwh of {one['class']}",
                one["discharged_kwh"],
                discharge[v].sum() * game.dt_h,
                1 + discharge.sum(),
            )
        return case.owner_share * gain, supply["v2g"] + wear - reserve


def least_cost(market: Market, taken_kw: np.ndarray, discharge_kw: np.ndarray, sale_price: np.ndarray) -> float:
    """Return the least cost of loads and discharged energy, (T,) [kW], on a market without storage [currency].

    In each step either energy is bought ahead and in real time for the net load, or some of what is discharged is sold
    and all energy is bought ahead. Costs are linear between the ends of the supply curve's blocks: all ends are tried.
    """
    blocks = [(float("inf"), 0.0)]
    if market.block_kw is not None and market.block_premium is not None:
        blocks = list(zip(market.block_kw.tolist(), market.block_premium.tolist(), strict=True))
    total = 0.0
    for t in range(market.n_steps):
        p, buy, taken = market.day_ahead[t], market.buy[t], taken_kw[t]
        net = taken - discharge_kw[t]
        ends = np.cumsum([width for width, _ in blocks]).tolist()

        def ahead(kw: float, p: float = p) -> float:
            cost, left = 0.0, kw
            for width, premium in blocks:
                cost += min(left, width) * (p + premium)
                left -= min(left, width)
            return cost if left <= 1e-9 * max(1.0, kw) else float("inf")

        options = []
        if net >= -1e-9:
            tries = [min(max(one, 0.0), max(net, 0.0)) for one in (0.0, net, *ends)]
            options += [ahead(one) + (max(net, 0.0) - one) * buy for one in tries]
        if discharge_kw[t] > 0:
            least = max(net, 0.0)
            tries = [min(max(one, least), taken) for one in (least, taken, *ends)]
            options += [ahead(one) - sale_price[t] * (one - net) for one in tries]
        total += min(options) * market.dt_h
    rise = np.max(market.base_load_kw + taken_kw - discharge_kw, initial=0.0) - np.max(market.base_load_kw, initial=0.0)
    return total + market.demand_charge * float(rise)
