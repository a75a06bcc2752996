"""The pricing problem for pymoo: charge and discharge prices of each period, three objectives, and constraints."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from pymoo.core.problem import Problem
from pymoo.core.repair import NoRepair, Repair

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_ev.model.constraints import names_of
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.kernel_data import kernel_data
from csmoifsa_ev.model.outcome import (
    OBJECTIVE_SETS,
    QUANTITIES,
    TariffOutcome,
    evaluate,
    limited_flows,
    outcome_in_force,
)


class EVPricing(Problem):
    """Prices of charging and discharging in each period, as a pymoo problem with three objectives.

    Its 2 P variables are `PricingDay.variables`: of peak, flat and valley six. Its constraints are those of
    `constraints.names_of`; with one kind of days and no rules there are 2 P + 6.

    `csmoifsa_ev.plugin.ev_pricing` makes one from a scenario file or a bundled case.

    Parameters
    ----------
    day : PricingDay
        Load, fleet and terms; its ``prices`` hold the bounds of the variables.
    objectives : str
        A set of `outcome.OBJECTIVE_SETS`. Each has the peak-valley difference; ``paper``: operator's saving, drivers'
        satisfaction; ``market``: operator's profit, drivers' bill; ``inflexible``: operator's profit, bill of those who
        cannot change hours; ``welfare``: money of operator and drivers together, drivers' satisfaction; ``fair``:
        operator's profit, largest rise of a group's bill.

    Raises
    ------
    InputError
        There is no such set of objectives.
    """

    def __init__(self, day: PricingDay, *, objectives: str = "paper") -> None:
        if objectives not in OBJECTIVE_SETS:
            known = list(OBJECTIVE_SETS)
            raise InputError(
                f"objectives must be one of {', '.join(known)}, not {objectives!r}." + did_you_mean(objectives, known)
            )
        self.day = day
        self.objective_set = objectives
        low, high = self.price_bounds
        super().__init__(n_var=len(low), n_obj=3, n_ieq_constr=len(self.constraint_names), xl=low, xu=high)

    @property
    def constraint_names(self) -> tuple[str, ...]:
        """What each constraint asks for: see `constraints.names_of`."""
        return names_of(self.day)

    @property
    def price_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest price of each variable, (2 P,) each [price unit per kWh]."""
        prices, n = self.day.prices, self.day.n_periods
        low, high = np.array([prices.charge_bounds] * n + [prices.discharge_bounds] * n, dtype=float).T
        return low.copy(), high.copy()

    def allowed(self, X: np.ndarray) -> np.ndarray:
        """Return tariffs (n, 2 P) with each price at the nearest multiple of ``rules.step``, if there is a step."""
        return self.day.rules.nearest(X, *self.price_bounds)

    @property
    def repair(self) -> Repair:
        """Operator of pymoo's algorithms with which they search allowed tariffs only; none without a step."""
        return NoRepair() if self.day.rules.step is None else NearestAllowed()

    def outcome(self, X: np.ndarray, *, in_force: int | None = None) -> TariffOutcome:
        """Return all effects of tariffs.

        Parameters
        ----------
        X : (n, 2 P) array
            Tariffs [price unit per kWh].
        in_force : int, optional
            Row of the tariff in force, whose effects are those on the hours in force, where these are others.
        """
        found = evaluate(np.ascontiguousarray(np.atleast_2d(X), dtype=float), self.day)
        if in_force is None or self.day.hours_in_force is None:
            return found
        return found.with_row(in_force, outcome_in_force(self.day))

    @cached_property
    def in_force(self) -> EVPricing:
        """The problem on the hours in force: itself, where no other hours are priced."""
        day = self.day.hours_in_force
        return self if day is None else EVPricing(day, objectives=self.objective_set)

    def tightened(self, charge: np.ndarray) -> EVPricing:
        """Return the problem with limits that charge prices (n, P) do not exceed; itself if they exceed none.

        See `FleetSums.tightened`.
        """
        kinds = self.day.kinds
        fleets = [kind.fleet.tightened(limited_flows(charge, kind)) for kind in kinds]
        if all(fleet is kind.fleet for fleet, kind in zip(fleets, kinds, strict=True)):
            return self
        rest = iter(fleets)
        return EVPricing(self.day.each(lambda _: {"fleet": next(rest)}), objectives=self.objective_set)

    def quantities_in_force(self) -> np.ndarray:
        """Return the `quantities` of the tariff in force on the hours in force, without discharging, (10,)."""
        return self.in_force.quantities(self.in_force.day.prices.in_force[None])[0][0]

    @property
    def kernel(self) -> Callable[..., None]:
        """The compiled evaluator ``f(X, data, F, G)``, imported at first access.

        Raises
        ------
        AttributeError
            The day has ``response.transfer = "total-load"``, which the compiled evaluator lacks.
        """
        if self.day.response.transfer != "ev-load":
            raise AttributeError("kernel")
        from csmoifsa_ev.model.kernels.evaluate import evaluate

        return evaluate

    @cached_property
    def kernel_data(self) -> np.ndarray:
        """Parameters of `kernel`, shape (k,): see `kernel_data.kernel_data`."""
        return kernel_data(self.day, OBJECTIVE_SETS[self.objective_set])

    @cached_property
    def _all_data(self) -> np.ndarray:
        return kernel_data(self.day, QUANTITIES)

    def quantities(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what can be an objective, and the constraints, without curves and groups: much faster than `outcome`.

        Parameters
        ----------
        X : (n, 2 P) array
            Tariffs [price unit per kWh].

        Returns
        -------
        (n, 10) array
            The quantities of `outcome.QUANTITIES`, to be minimised: those in `outcome.MAXIMISED` with a minus sign.
        (n, m) array
            The constraints of `constraints.names_of`, kept where <= 0.
        """
        X = np.array(X, dtype=float, order="C")
        if self.day.response.transfer != "ev-load":
            outcome = evaluate(X, self.day)
            return outcome.minimised(QUANTITIES), outcome.constraints
        Q, G = np.empty((len(X), len(QUANTITIES))), np.empty((len(X), self.n_ieq_constr))
        self.kernel(X, self._all_data, Q, G)
        return Q, G

    def values(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return objectives F, shape (n, 3), and constraints G, (n, m), of tariffs ``X``, (n, 2 P)."""
        F, G = self.evaluate(X, return_values_of=["F", "G"])
        return F, G

    def _evaluate(self, x: np.ndarray, out: dict[str, np.ndarray], *args: object, **kwargs: object) -> None:
        X = np.array(x, dtype=float, order="C")  # a copy: a read-only array would compile the kernel once more
        if self.day.response.transfer != "ev-load":
            outcome = evaluate(X, self.day)
            out["F"], out["G"] = outcome.objectives(self.objective_set), outcome.constraints
            return
        out["F"], out["G"] = np.empty((len(X), self.n_obj)), np.empty((len(X), self.n_ieq_constr))
        self.kernel(X, self.kernel_data, out["F"], out["G"])


class NearestAllowed(Repair):
    """Operator of pymoo's algorithms that sets prices to the nearest multiples of ``rules.step``."""

    def _do(self, problem: EVPricing, X: np.ndarray, **kwargs: object) -> np.ndarray:
        return problem.allowed(X)
