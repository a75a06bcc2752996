"""A pricing study: search the front, choose tariffs from it, and measure their impact and robustness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from moocore import is_nondominated

from csmoifsa import CSMOIFSA
from csmoifsa.decision import best_acceptable, extremes
from csmoifsa.errors import InputError
from csmoifsa.runs import Checkpoint, Run, solve
from csmoifsa_energy.impact import StakeholderImpact
from csmoifsa_ev.inputs.filing import FilingRates, read_rates
from csmoifsa_ev.inputs.inspection import study_notes
from csmoifsa_ev.inputs.scenario import Scenario, build_day
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.groups import Groups, driver_groups
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS, TariffOutcome, limited_flows
from csmoifsa_ev.model.response import RECOVERIES
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import Recommendation, nearly_equal, recommend, rule_goal, within_tolerance
from csmoifsa_ev.study.customers import SampledUse, bill_notes, customer_bills, sample_notes, study_use
from csmoifsa_ev.study.direct import levelled
from csmoifsa_ev.study.filing import FilingTables, filing_tables
from csmoifsa_ev.study.held_out import HELD_OUT, HeldOutRow, PromiseRow, compare_held_out
from csmoifsa_ev.study.hours import TIGHTENINGS, WORK, HoursChoice, choose_hours
from csmoifsa_ev.study.impact import load_limit_notes, stakeholder_impact
from csmoifsa_ev.study.no_effect import no_effect_ranges, normalise_prices
from csmoifsa_ev.study.revenue import RevenueRow, revenue_notes, revenue_table
from csmoifsa_ev.study.robust import RobustChoice, recommend_robustly
from csmoifsa_ev.study.rounding import round_tariff
from csmoifsa_ev.study.sensitivity import Robustness, robustness, tornado

EXTREME_NAMES = {
    "g2_mw": "min_difference",
    "inflexible_bill_per_day": "min_inflexible_bill",
    "welfare_per_day": "max_welfare",
    "saving_per_day": "max_saving",
    "satisfaction": "max_satisfaction",
    "operator_profit_per_day": "max_profit",
    "driver_bill_per_day": "min_bill",
    "largest_bill_rise": "min_bill_rise",
}


@dataclass(frozen=True, kw_only=True)
class Study:
    """The result of a study.

    Attributes
    ----------
    scenario : Scenario
        The priced scenario.
    problem : EVPricing
        Day and objectives.
    front : (n, 2 P) array
        Tariffs of the front by rising peak-valley difference, normalised by
        `no_effect.normalise_prices`, and the recommended tariff [price unit per kWh].
    outcome : TariffOutcome
        Effects of the front's tariffs.
    chosen : dict
        Row of the front by choice: the extremes, ``"compromise"`` (recommended) and, if there is one,
        ``"drivers_best"``, the 2022 paper's choice: the most satisfied drivers (or the smallest bill) among tariffs
        acceptable to grid and operator.
    recommendation : Recommendation
        The recommended tariff and what it was chosen from.
    n_eval, pop_size, seed : int
        Budget, population size and random seed of the search.
    seconds : float
        Wall-clock time of the search [s].
    rounded : (2 P,) array, optional
        The recommended tariff at multiples of a price step, from `rounding.round_tariff`.
    robust : RobustChoice, optional
        The tariff chosen over draws of all assumptions, or to keep promises; it is then the recommended one, and that
        of ``recommendation`` is the choice ``"nominal"``.
    rates : FilingRates
        Hourly rates of the filing, from `filing.read_rates`.
    hours : HoursChoice, optional
        The hours that ``tariff.choose`` of the scenario asked for, and what they were chosen from; ``scenario`` then
        has the hours chosen.
    """

    scenario: Scenario
    problem: EVPricing
    front: np.ndarray
    outcome: TariffOutcome
    chosen: dict[str, int]
    recommendation: Recommendation
    n_eval: int
    pop_size: int
    seed: int
    seconds: float
    rounded: np.ndarray | None = None
    robust: RobustChoice | None = None
    rates: FilingRates = field(default_factory=FilingRates)
    hours: HoursChoice | None = None

    @property
    def day(self) -> PricingDay:
        """Load, fleet and terms of the problem."""
        return self.problem.day

    @property
    def asked(self) -> Scenario:
        """The scenario as it was stated, with the hours in force where others were chosen."""
        return self.scenario if self.hours is None else replace(self.scenario, tariff=self.hours.asked)

    @property
    def recommended(self) -> np.ndarray:
        """The compromise tariff, (2 P,) [price unit per kWh]: see `choice.recommend`, `robust.recommend_robustly`."""
        return self.front[self.chosen["compromise"]]

    @cached_property
    def nearly_equal(self) -> dict[str, tuple[float, float]]:
        """Range of prices, profit and bill among tariffs nearly as good: see `choice.nearly_equal`."""
        return nearly_equal(self.problem, self.recommendation, seed=self.seed)

    @cached_property
    def no_effect(self) -> tuple[np.ndarray, tuple[float, float]]:
        """Ranges without effect of the recommended tariff's prices: see `no_effect.no_effect_ranges`."""
        return no_effect_ranges(self.problem, self.recommended)

    @cached_property
    def choices(self) -> dict[str, np.ndarray]:
        """Tariffs by name, (2 P,) each: the one in force without discharging (``"start"``), then the chosen ones.

        The prices of the tariff in force are those of its own hours.
        """
        chosen = {"start": self.day.in_force.prices.in_force} | {
            name: self.front[row] for name, row in self.chosen.items()
        }
        return chosen if self.rounded is None else chosen | {"rounded": self.rounded}

    @property
    def charge(self) -> np.ndarray:
        """Charge prices of the `choices`, (n, P) [price unit per kWh]."""
        return np.array(list(self.choices.values()))[:, : self.day.n_periods]

    @cached_property
    def beyond_sessions(self) -> float:
        """By which share the flows of a choice exceed at most what the sessions can shift: see `FleetSums.excess`."""
        kinds = self.day.kinds
        return max(float(kind.fleet.excess(limited_flows(self.charge, kind)).max()) for kind in kinds)

    @cached_property
    def choice_outcome(self) -> TariffOutcome:
        """Effects of the `choices`, in their order."""
        return self.problem.outcome(np.array(list(self.choices.values())), in_force=0)

    @cached_property
    def choice_groups(self) -> Groups:
        """Shares and loads of the groups of drivers under the `choices`."""
        return driver_groups(self.choice_outcome, self.day)

    @property
    def offered(self) -> str:
        """Name of the choice to be put into force: the rounded tariff if there is one, else the compromise."""
        return "compromise" if self.rounded is None else "rounded"

    @cached_property
    def impact(self) -> list[StakeholderImpact]:
        """Impact of the offered tariff against the one in force: see `study.impact.stakeholder_impact`.

        Where bills have parts beside the prices, the mean whole bill of the sampled customers follows.
        """
        row, start = (list(self.choices).index(name) for name in (self.offered, "start"))
        lines = stakeholder_impact(self.choices[self.offered], self.choice_outcome, self.day, row, start)
        if self.day.bill.stated:
            unit = f"{self.day.prices.currency}/car, month"
            old, new = (float(self.customers[name].to_numpy().mean()) for name in ("bill_in_force", "bill_proposed"))
            lines.append(StakeholderImpact("drivers, all", "bill with all charges", unit, old, new, "lower"))
        return lines

    @cached_property
    def use(self) -> SampledUse:
        """Charging of sampled customers in force and under the offered tariff: see `customers.study_use`."""
        return study_use(self.scenario, self.day, (self.choices["start"], self.choices[self.offered]))

    @cached_property
    def customers(self) -> pd.DataFrame:
        """Bills of sampled customers in force and under the offered tariff: see `customers.customer_bills`."""
        return customer_bills(self.use, (self.choices["start"], self.choices[self.offered]), self.day)

    @property
    def _other_draws(self) -> int:
        """Random seed of draws that chose no tariff."""
        return 0 if self.robust is None else HELD_OUT

    @cached_property
    def revenue(self) -> list[RevenueRow]:
        """The operator's account on the present and on the offered rate: see `revenue.revenue_table`."""
        return revenue_table(self.use, (self.choices["start"], self.choices[self.offered]), self.day)

    @cached_property
    def filing(self) -> FilingTables:
        """Tables of a filing for the offered tariff: see `filing.filing_tables`."""
        in_force = self.day.prices.in_force  # by its mean prices, where other hours are recommended
        tariffs = (in_force, self.choices[self.offered])
        return filing_tables(self.scenario, self.day, self.rates, tariffs, seed=self._other_draws)

    @property
    def notes(self) -> list[str]:
        """Sentences on the files read, doubtful values, the sampled customers and the load limit."""
        start, row = (list(self.choices).index(name) for name in ("start", "compromise"))
        limit = load_limit_notes(self.choice_outcome, self.day, start, row)
        notes = [
            *study_notes(self.scenario, self.day),
            *self.rates.notes,
            *sample_notes(self.use),
            *bill_notes(self.day.bill),
            *revenue_notes(self.revenue, self.day.limits),
            *limit,
        ]
        if self.day.hours_in_force is not None:
            notes.append(
                "the hours recommended are not those in force: the tables of marginal cost, alignment and energy by "
                "period show the tariff in force by its mean prices in the hours recommended; all bills, loads and "
                "figures beside it are those on its own hours"
            )
        if self.beyond_sessions > 1e-6:
            notes.append(
                f"a tariff moves {self.beyond_sessions:.1%} more energy than the parked cars can shift: after "
                f"{TIGHTENINGS} searches the limits of the cars were still incomplete; join periods of similar price"
            )
        return notes

    @cached_property
    def tornado(self) -> list[dict[str, str | float]]:
        """Effect of each assumption alone on the offered tariff: see `sensitivity.tornado`."""
        return tornado(self.choices[self.offered], self.day)

    @cached_property
    def robustness(self) -> Robustness:
        """Effects of the recommended tariff over draws of all assumptions: see `sensitivity.robustness`.

        A tariff that was chosen over draws is shown over others.
        """
        row, objectives = self.chosen["compromise"], self.problem.objective_set
        return robustness(self.front, row, self.day, objectives, seed=self._other_draws)

    @cached_property
    def held_out(self) -> tuple[list[HeldOutRow], list[PromiseRow]]:
        """Tariffs over draws that chose nothing, and their promises; empty without a robust choice: see `held_out`."""
        if self.robust is None:
            return [], []
        names = ("start", "nominal", "compromise", "rounded")
        tariffs = {name: self.choices[name] for name in names if name in self.choices}
        scale, with_regret = self.recommendation.scale, self.robust.rule == "regret"
        return compare_held_out(self.problem, scale, tariffs, self.robust.promises, with_regret=with_regret)


def run_study(
    scenario: Scenario,
    *,
    objectives: str = "paper",
    n_eval: int = 10_000,
    pop_size: int = 100,
    seed: int = 1,
    round_to: float | None = None,
    progress: Callable[[int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Study:
    """Price a scenario.

    Where ``tariff.choose`` asks for it, the hours are chosen first, with the prices that suit them best, see
    `hours.choose_hours`; front and recommendation are then on these hours.

    With four periods and more, the limits of what parked cars can shift are completed by those that the choices exceed
    by the linear program over sessions, and the search is repeated, until none does.

    Parameters
    ----------
    scenario : Scenario
        From `scenario.load_scenario`.
    objectives : "paper" or "market"
        See `outcome.OBJECTIVE_SETS`.
    n_eval, pop_size, seed : int
        Budget, size of the population and of the front, and random seed of the search.
    round_to : float, optional
        Offer the recommended tariff at multiples of this, too [price unit per kWh].
    progress : callable, optional
        Called with the number of evaluations made; each set of hours counts as `hours.WORK` of them.
    checkpoint : Checkpoint, optional
        Where and how often to save the search. A search saved there goes on from its last save, and ends as if it had
        never been stopped.

    Raises
    ------
    InputError
        The checkpoint belongs to another scenario or search; or no tariff within the bounds keeps the constraints, or
        the promises in the stated shares of draws.
    """
    hours, began = None, 0
    if scenario.tariff.choose:
        hours = choose_hours(scenario, objectives=objectives, seed=seed, progress=progress)
        scenario, problem, began = replace(scenario, tariff=hours.chosen), hours.problem, WORK * len(hours.options)
    else:
        problem = EVPricing(build_day(scenario), objectives=objectives)
    rates = read_rates(scenario.filing, problem.day, scenario.tariff)
    update = None if progress is None else (lambda done: progress(began + done))
    for _ in range(TIGHTENINGS):
        study = _run_study(scenario, problem, hours, n_eval, pop_size, seed, round_to, update, checkpoint)
        checkpoint = None  # of the first search, which a resumed study makes again in the same way
        problem = study.problem.tightened(study.charge)
        if problem is study.problem:
            break
    return replace(study, rates=rates)


def _run_study(
    scenario: Scenario,
    problem: EVPricing,
    hours: HoursChoice | None,
    n_eval: int,
    pop_size: int,
    seed: int,
    round_to: float | None,
    progress: Callable[[int], None] | None,
    checkpoint: Checkpoint | None,
) -> Study:
    objectives = problem.objective_set
    run = _search(problem, n_eval, seed, pop_size, progress, checkpoint)
    searched = run.X if run.feasible else np.empty((0, problem.n_var))
    found = recommend(problem, known=searched, among=None if hours is None else hours.standard, seed=seed)
    if found is None:
        worst = problem.constraint_names[int(problem.outcome(run.X[:1]).constraints[0].argmax())]
        raise InputError(
            f"no tariff was found that keeps all constraints; the nearest breaks '{worst}'. "
            "Widen prices.charge_bounds and discharge_bounds, or loosen limits"
        )
    robust, promises = None, scenario.promises.parsed
    if problem.day.choice.robust != "nominal" or promises:
        robust = recommend_robustly(problem, found, searched[:pop_size], promises)
    front = _front(problem, searched, found, None if robust is None else robust.tariff)
    F = problem.outcome(front).objectives(objectives)
    names = [EXTREME_NAMES[quantity] for quantity in OBJECTIVE_SETS[objectives]]
    chosen = dict(zip(names, extremes(F), strict=True))
    tariff = found.tariff if robust is None else robust.tariff
    chosen["compromise"] = int((front == tariff).all(axis=1).argmax())
    if robust is not None:
        chosen["nominal"] = int((front == found.tariff).all(axis=1).argmax())
    pick = best_acceptable(F, -1)
    if pick is not None:
        chosen["drivers_best"] = pick
    rounded = None
    if round_to is not None:
        goals = (rule_goal(problem), within_tolerance(problem, found))
        rounded = round_tariff(problem, tariff, round_to, *(goals if robust is None else (robust.goal, robust.further)))
    return Study(
        scenario=scenario,
        problem=problem,
        front=front,
        outcome=problem.outcome(front),
        chosen=chosen,
        recommendation=found,
        n_eval=run.n_eval,
        pop_size=pop_size,
        seed=seed,
        seconds=run.seconds,
        rounded=rounded,
        robust=robust,
        hours=hours,
    )


def _front(
    problem: EVPricing, searched: np.ndarray, found: Recommendation, robust: np.ndarray | None = None
) -> np.ndarray:
    """Return the best tariffs of the search, of the direct search and the reference, and the recommended ones.

    Under the reference tariff nobody changes hours.
    """
    low, high = problem.price_bounds
    reference = problem.allowed(np.clip([*problem.day.reference, *low[problem.day.n_periods :]], low, high))
    X = np.vstack([reference, searched, found.scale.extremes, found.best])
    F, G = problem.values(X)
    kept = (G <= 0).all(axis=1)
    X, F = X[kept], F[kept]
    recommended = [found.tariff] if robust is None else [found.tariff, robust]
    front = np.vstack([normalise_prices(problem, X[is_nondominated(F)]), *recommended])
    F = problem.outcome(front).objectives(problem.objective_set)
    return front[np.lexsort(F.T[::-1])]


def _search(
    problem: EVPricing,
    n_eval: int,
    seed: int,
    pop_size: int,
    progress: Callable[[int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Run:
    algorithm = CSMOIFSA(pop_size=pop_size, sampling=initial_population(problem, pop_size, seed), repair=problem.repair)
    if checkpoint is not None and checkpoint.path.exists():
        saved = CSMOIFSA.load(checkpoint.path, problem, repair=problem.repair)
        if (saved.pop_size, saved.seed) != (pop_size, seed):
            raise InputError(
                f"{checkpoint.path} is of a search with another pop_size or seed; state those, or delete it"
            )
        algorithm = saved
    return solve(problem, algorithm, n_eval=n_eval, seed=seed, progress=progress, checkpoint=checkpoint)


def search_front(problem: EVPricing, n_eval: int, seed: int, pop_size: int = 100) -> np.ndarray:
    """Return the tariffs that CSMOIFSA finds, shape (n, 2 P), empty if none keeps the constraints."""
    run = _search(problem, n_eval, seed, pop_size)
    return run.X if run.feasible else np.empty((0, problem.n_var))


def run_variants(scenario: Scenario, *, n_eval: int = 10_000, seed: int = 1) -> dict[tuple[str, str], Study]:
    """Price a scenario under the sets paper and market and all kinds of recovery; see `run_study`."""
    return {
        (objectives, recovery): run_study(
            scenario.with_changes(recovery=recovery), objectives=objectives, n_eval=n_eval, seed=seed
        )
        for objectives in ("paper", "market")
        for recovery in RECOVERIES
    }


def initial_population(problem: EVPricing, pop_size: int, seed: int) -> np.ndarray:
    """Return an initial population of random tariffs that keep most constraints, shape (pop_size, 2 P).

    Prices fall from the dearest to the cheapest period, and the dearest's discharge price lies between the cost of
    discharging and its charge price, if the bounds allow it. The first is the reference tariff, under which nobody
    changes hours. With a limit of the revenue all are at its level of prices.
    """
    low, high = problem.price_bounds
    n = problem.day.n_periods
    X = np.random.default_rng([seed, pop_size]).uniform(low, high, (pop_size, 2 * n))
    terms = problem.day.v2g
    for kind in problem.day.kinds:
        own, dear = kind.own, n + kind.dearest
        X[:, own] = -np.sort(-X[:, own], axis=1)
        least = np.clip(X[:, kind.cheapest] / problem.day.round_trip + terms.wear + terms.fee, low[dear], high[dear])
        most = np.clip(X[:, kind.dearest], least, high[dear])
        X[:, dear] = least + (most - least) * (X[:, dear] - low[dear]) / (high[dear] - low[dear])
        X[:, n + own] = -np.sort(-np.minimum(X[:, n + own], X[:, dear : dear + 1]), axis=1)
    X[0] = np.clip([*problem.day.reference, *low[n:]], low, high)
    return levelled(problem, X)
