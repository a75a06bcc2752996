"""The scenario: one TOML file with the load, tariff, fleet and terms to price.

A scenario is a bundled case with some values replaced: a user's file holds only what differs. Every value is checked,
and an error names the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.cases import CaseFiles, Layer
from csmoifsa_energy.checks import MADE, Parameters
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import MendableError, choose
from csmoifsa_energy.readers.series import DailySeries
from csmoifsa_ev.inputs.customers import mean_charges
from csmoifsa_ev.inputs.day_sessions import KindSessions, recorded_by_title, sessions_by_kind
from csmoifsa_ev.inputs.filing import Filing, resampled
from csmoifsa_ev.inputs.imported import drop_prices, import_files
from csmoifsa_ev.inputs.load import GridInput, Load
from csmoifsa_ev.inputs.origins import SOURCES, Origin, flat_values, value_origins
from csmoifsa_ev.inputs.paper import Published
from csmoifsa_ev.inputs.representative import representative_days
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.model.bill import Bill
from csmoifsa_ev.model.day import DayKind, PricingDay, mean_prices_on
from csmoifsa_ev.model.fleet import Fleet
from csmoifsa_ev.model.fleet_sums import FleetSums, sum_fleet, sum_sessions
from csmoifsa_ev.model.flow_region import MOST_PERIODS
from csmoifsa_ev.model.limits import Choice, Limits
from csmoifsa_ev.model.objectives import Satisfaction
from csmoifsa_ev.model.promises import Promises
from csmoifsa_ev.model.response import FLOWS, RECOVERIES, Recovery, Response
from csmoifsa_ev.model.rules import Rules
from csmoifsa_ev.model.tariff import PriceTerms, Windows
from csmoifsa_ev.model.v2g import V2G

CASES = CaseFiles(
    folder=Path(__file__).with_name("cases"),
    what="scenario",
    default="paper-2022",
    files=(
        ("load", "csv"),
        ("tariff", "file"),
        ("fleet", "vehicles"),
        ("fleet", "sessions", "file"),
        ("grid", "day_ahead", "csv"),
        ("filing", "generation", "csv"),
        ("filing", "emissions", "csv"),
    ),
    not_inherited=("published",),
)


_RESULTS = ("name", "title", "notes", "published", "origins")
"""Parts of a scenario that price nothing."""


@dataclass(frozen=True, kw_only=True)
class Scenario(Parameters):
    """All that is needed to price a day; see the bundled ``cases/paper-2022.toml`` for a commented example.

    Attributes
    ----------
    name, title : str
        Name in results, and title of figures.
    load, tariff, prices, fleet, response, v2g, grid, satisfaction, limits, rules, bill, choice, promises, filing
        Parts of the scenario, each described at its class.
    published : Published, optional
        Figures that the case's paper prints; None where the scenario differs from the bundled case.
    notes : tuple of str
        Sentences on parts of imported files that the model does not use.
    origins : dict of str to Origin
        Where each value was read, by its key.
    """

    name: str
    title: str
    load: Load
    tariff: Windows
    prices: PriceTerms
    fleet: Fleet
    response: Response
    v2g: V2G
    grid: GridInput
    satisfaction: Satisfaction
    limits: Limits = field(default_factory=Limits)
    rules: Rules = field(default_factory=Rules)
    bill: Bill = field(default_factory=Bill)
    choice: Choice = field(default_factory=Choice)
    promises: Promises = field(default_factory=Promises)
    filing: Filing = field(default_factory=Filing)
    published: Published | None = None
    notes: tuple[str, ...] = field(default=(), metadata=MADE)
    origins: dict[str, Origin] = field(default_factory=dict, compare=False, metadata=MADE)

    def __post_init__(self) -> None:
        names = self.tariff.names
        if len(names) < 2:
            raise InputError(f"tariff.periods must be 2 to {MOST_PERIODS}, not {len(names)}")
        if self.tariff.days and self.response.transfer != "ev-load":
            raise InputError("tariff.days: response.transfer = 'total-load' knows one kind of days only")
        object.__setattr__(self, "prices", self.prices.ordered(names))
        if not self.tariff.known and np.ptp(self.prices.start_prices) > 0:
            raise InputError(
                "prices.start must be one price for all periods where the tariff has no hours yet; state the hours in "
                "force beside tariff.choose, or one price"
            )
        self.response.ramps(names)  # refuses flows of other periods
        self.rules.rows(names)  # refuses prices of other periods
        self.bill.present.check_periods(names, "bill.present")
        self.bill.proposed.check_periods(names, "bill.proposed")
        if self.rules.step is not None:
            self.rules.multiples(*np.array([self.prices.charge_bounds, self.prices.discharge_bounds]).T)

    @property
    def values(self) -> dict[str, str]:
        """Text of every value that a study rests on, by its key in the scenario file."""
        parts = {name: part for name, part in asdict(self).items() if name not in _RESULTS}
        return dict(flat_values("", parts))

    def with_changes(
        self,
        *,
        recovery: Recovery | None = None,
        n_ev: int | None = None,
        seed: int | None = None,
        fill: Literal["error", "interpolate"] | None = None,
        load: Mapping[str, object] | None = None,
    ) -> Scenario:
        """Return the scenario with another recovery, number of cars, fleet seed or fill; None: unchanged.

        ``load`` holds settings of the load file by name, such as ``csv``, its path.
        """
        if recovery is not None and recovery not in RECOVERIES:
            raise InputError(f"recovery must be {' or '.join(map(repr, RECOVERIES))}, not {recovery!r}")
        if load:
            named = {} if "csv" not in load else dict.fromkeys(("name", "title"), Path(str(load["csv"])).stem)
            self = replace(self, load=self.load.with_settings(load), published=None, **named)
        if fill is not None:
            market = self.grid.day_ahead
            grid = self.grid if market is None else replace(self.grid, day_ahead=replace(market, fill=fill))
            self = replace(self, load=replace(self.load, fill=fill), grid=grid, filing=self.filing.with_fill(fill))
        changes = {name: value for name, value in (("n_ev", n_ev), ("seed", seed)) if value is not None}
        response = self.response if recovery is None else replace(self.response, recovery=recovery)
        return replace(self, fleet=replace(self.fleet, **changes), response=response)

    def with_terms(self, *, promises: Sequence[str] = (), **values: object) -> Scenario:
        """Return the scenario with keys of `limits.Limits` and `limits.Choice` replaced; None: unchanged.

        ``promises`` replace those of the same quantities, see `promises.Promises`.

        Raises
        ------
        InputError
            A key is unknown, or a value is out of range.
        """
        keys = {name: [one.name for one in fields(getattr(self, name))] for name in ("limits", "choice")}
        known = [key for names in keys.values() for key in names]
        for key in values:
            if key not in known:
                raise InputError(f"unknown key {key!r}; keys are {', '.join(known)}.{did_you_mean(key, known)}")
        parts = {
            name: replace(getattr(self, name), **{key: values[key] for key in names if values.get(key) is not None})
            for name, names in keys.items()
        }
        return replace(self, promises=self.promises.with_more(list(promises)), **parts)


def case_names() -> list[str]:
    """Return the names of the bundled cases."""
    return CASES.names()


def load_scenario(path: str | Path | None = None, *, case: str | None = None) -> Scenario:
    """Read a scenario.

    Parameters
    ----------
    path : path, optional
        A TOML file of changes to a bundled case; None for the case as it is.
    case : str, optional
        Name of the bundled case; where left out, the one that the file names as ``base = "..."``, or ``paper-2022``.

    Raises
    ------
    InputError
        The file is missing or no TOML, a key is unknown or a value is bad; the message names the key.
    """
    values, source = scenario_values(path, case)
    notes = import_files(values)
    scenario = replace(validate(values, source), notes=tuple(notes))
    return replace(scenario, origins=value_origins(scenario.values, CASES, _layers(path, case)))


def scenario_values(path: str | Path | None, case: str | None = None) -> tuple[dict[str, object], str]:
    """Return the plain values of a scenario, files with their whole paths, and how messages begin."""
    layers = _layers(path, case)
    values = CASES.laid_over(layers)
    values.pop(SOURCES, None)
    source = "" if path is None else f"{path}: "
    for one in fields(Scenario):
        if one.metadata == MADE and one.name in values:
            raise InputError(f"{source}unknown key {one.name!r}: reading fills it; take it out")
    if path is None:
        return values, source
    path, changes = Path(path), layers[0].values
    drop_prices(values, changes)
    if changes.keys() - {"base", SOURCES}:  # the case's title would be untrue of another load or fleet
        values["name"] = changes.get("name", path.stem)
        values["title"] = changes.get("title", values["name"])
    return values, source


def _layers(path: str | Path | None, case: str | None) -> list[Layer]:
    """Return the scenario file and those it builds on, itself first; a bundled case if ``path`` is None."""
    if path is None:
        bundled = CASES.path_of(case or CASES.default)
        return CASES.layers(CASES.read(bundled), bundled)
    changes = CASES.read(Path(path))
    named = changes.get("base")
    if named is not None and case is not None and named != case:
        raise InputError(f"{path}: the file builds on case {named!r} but {case!r} was asked for; keep one of the two")
    return CASES.layers(changes if case is None else {**changes, "base": case}, Path(path))


def build_day(scenario: Scenario, hours: Windows | None = None) -> PricingDay:
    """Prepare a scenario for pricing: see `DaySource`.

    Parameters
    ----------
    scenario : Scenario
        The scenario.
    hours : Windows, optional
        Other hours than those in force to price; the latter if left out.

    Raises
    ------
    InputError
        The hours are not known, since ``tariff.choose`` is yet to choose them.
    """
    if hours is None and not scenario.tariff.known:
        raise InputError("the tariff has no hours yet; csmoifsa ev price chooses them as tariff.choose asks")
    source = DaySource(scenario)
    if hours is None:
        return source.day(scenario.tariff)
    return source.day(hours, source.day(scenario.tariff) if scenario.tariff.known else None)


class DaySource:
    """What the files of a scenario hold, read once, from which days with any hours are made.

    The sums of a drawn fleet are kept for the life of the process; files are read anew.

    Parameters
    ----------
    scenario : Scenario
        Its load is read, its fleet is drawn or read.

    Attributes
    ----------
    load : DailySeries
        The load, as read.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.load = scenario.load.read()
        n_steps = self.load.values.shape[1]
        fleet = scenario.fleet
        notes = [*scenario.notes, *self.load.notes, *open_notes(scenario)]
        self._recorded = None
        self._by_kind: dict[int, KindSessions] = {}
        if fleet.sessions is None:
            shares = np.array([vehicle.share for vehicle in fleet.vehicles])
            self._capacity = float((shares * [vehicle.battery_kwh for vehicle in fleet.vehicles]).sum() / shares.sum())
        else:
            source = fleet.sessions
            self._recorded = read_sessions(source, fleet)
            self._capacity = float(self._recorded.sessions.battery_kwh.mean())
            notes += self._recorded.notes
            notes.append(f"{source.file}: {self._recorded.n_car_days:,} car-days stand for {fleet.n_ev:,} cars")
            if source.by_kind and scenario.tariff.days:
                self._by_kind, more = sessions_by_kind(self._recorded, scenario.tariff)
                notes += more
        self._price = None
        if scenario.grid.day_ahead is not None:
            market = scenario.grid.day_ahead.read_file("grid.day_ahead")
            self._price = resampled(market.values.mean(axis=0), n_steps)
            notes += market.notes
        self._notes = notes

    def _sums_of(self, kind: int, windows: Windows) -> FleetSums:
        """Return the fleet's sums over the periods of one kind of days."""
        fleet, depth, n_steps = self._scenario.fleet, self._scenario.v2g.depth, self.load.values.shape[1]
        if self._recorded is None:
            return sum_fleet(fleet, windows, n_steps, depth)
        if not self._by_kind:
            return sum_sessions(self._recorded.sessions, fleet, windows, n_steps, depth).scaled(fleet.n_ev)
        own = self._by_kind[kind]
        return sum_sessions(own.sessions, fleet, windows, n_steps, depth).coming(fleet.n_ev, own.activity)

    def day(self, tariff: Windows, in_force: PricingDay | None = None) -> PricingDay:
        """Return the days on the hours of a tariff.

        Parameters
        ----------
        tariff : Windows
            The hours.
        in_force : PricingDay, optional
            The same days on the hours in force, where ``tariff`` has others; prices in force and reference prices are
            then the means, weighted by uncontrolled charging, of those that hold in the new hours at present.
        """
        scenario, fleet, notes = self._scenario, self._scenario.fleet, self._notes
        kinds = _kinds_of_days(tariff, self.load, self._sums_of)
        if scenario.load.representative is not None:
            kinds, more = _with_representatives(kinds, scenario.load.representative)
            notes = [*notes, *more]
        first, *others = kinds
        day = PricingDay(
            names=tariff.names,
            **vars(replace(first, price_per_mwh=self._price)),
            others=tuple(replace(one, price_per_mwh=self._price) for one in others),
            notes=tuple(notes),
            round_trip=fleet.charge_efficiency * fleet.discharge_efficiency,
            battery_kwh=self._capacity,
            discharge_efficiency=fleet.discharge_efficiency,
            prices=scenario.prices,
            response=scenario.response,
            v2g=scenario.v2g,
            grid=scenario.grid,
            satisfaction=scenario.satisfaction,
            limits=scenario.limits,
            rules=scenario.rules,
            bill=scenario.bill,
            choice=scenario.choice,
        )
        if in_force is not None:
            prices = replace(
                scenario.prices,
                start=mean_prices_on(day, in_force, in_force.prices.start_prices),
                reference=mean_prices_on(day, in_force, in_force.reference),
            )
            day = replace(day, prices=prices, hours_in_force=in_force)
        if not day.reference_level > 0:
            raise InputError(
                f"prices.reference: the mean price drivers pay now must be above 0, not {day.reference_level}"
            )
        if scenario.limits.max_revenue_change is not None and scenario.bill.stated:
            day = replace(day, other_revenue=mean_charges(fleet, day, recorded_by_title(fleet, tariff)))
        return day


def _kinds_of_days(tariff: Windows, load: DailySeries, sums_of: Callable[[int, Windows], FleetSums]) -> list[DayKind]:
    """Return the kinds of days that the load has, the usual one first; ``sums_of`` gives the fleet of each."""
    n_days, n_steps = load.values.shape
    if tariff.days and len(load.dates) != n_days:
        raise MendableError(
            "tariff.days: the days of the load have no dates, so their kind is unknown; give load.day",
            choose("load", "day"),
        )
    of_day = np.array([tariff.kind_of(day) for day in load.dates] if tariff.days else [0] * n_days)
    kinds = []
    for k in np.unique(of_day):
        own, windows = tariff.of_kind(int(k))
        kinds.append(
            DayKind(
                title=tariff.days[k - 1].name if k else "",
                share=float((of_day == k).mean()),
                period=np.array(own)[windows.period_of_step(n_steps)],
                days_mw=load.values[of_day == k],
                fleet=sums_of(int(k), windows).among(own, len(tariff.names)),
            )
        )
    return kinds


def _with_representatives(kinds: list[DayKind], most: int) -> tuple[list[DayKind], list[str]]:
    """Return kinds of one representative day each, ``most`` in all, and a sentence on what they stand for."""
    n_days = sum(len(kind.days_mw) for kind in kinds)
    chosen, swing, before = [], 0.0, 0.0
    for kind in kinds:
        curves, days = representative_days(kind.days_mw, max(round(most * len(kind.days_mw) / n_days), 1))
        shares = days / n_days
        chosen += [
            replace(kind, days_mw=curve[None], share=float(share)) for curve, share in zip(curves, shares, strict=True)
        ]
        swing += float(shares @ np.ptp(curves + kind.fleet.profile_mw, axis=1))
        before += kind.share * float(np.ptp(kind.days_mw + kind.fleet.profile_mw, axis=1).mean())
    note = (
        f"load.representative: {len(chosen)} days stand for {n_days}; before pricing the mean peak-valley difference "
        f"is {swing / before - 1.0:+.2%} off that of all days; mean load and highest load are kept"
    )
    return chosen, [note]


def open_notes(scenario: Scenario) -> list[str]:
    """Return one sentence for each response with parameters that the observations behind it do not determine."""
    ramps = {f"response.{name}": getattr(scenario.response, name) for name in FLOWS}
    ramps |= {f"response.pairs.{name}": ramp for name, ramp in scenario.response.pairs.items()}
    ramps["v2g.response"] = scenario.v2g.response
    if scenario.response.enrolment is not None:
        ramps["response.enrolment.curve"] = scenario.response.enrolment.curve
    return [
        f"{key}: {', '.join(ramp.not_determined)} not determined by the observations behind it"
        + ("; tornado and draws take the whole range" if ramp.ranges else "")
        for key, ramp in ramps.items()
        if ramp.not_determined
    ]


def validate(values: dict[str, object], source: str) -> Scenario:
    """Build a Scenario from plain values by strict JSON rules, which refuse texts and truth values for numbers."""
    return check_values(Scenario, values, source, more=("base",))
