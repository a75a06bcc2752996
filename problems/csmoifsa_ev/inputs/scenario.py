"""The scenario: one TOML file with the load, tariff, fleet and terms to price.

A scenario is a bundled case with some values replaced: a user's file holds only what differs. Every value is checked,
and an error names the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_energy.cases import CaseFiles, Layer
from csmoifsa_energy.checks import MADE, Parameters
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import MendableError, choose
from csmoifsa_energy.readers.series import DailySeries
from csmoifsa_ev.inputs.bills import complete_bill, import_bill
from csmoifsa_ev.inputs.filing import Filing, resampled
from csmoifsa_ev.inputs.load import GridInput, Load
from csmoifsa_ev.inputs.origins import SOURCES, Origin, flat_values, value_origins
from csmoifsa_ev.inputs.paper import Published
from csmoifsa_ev.inputs.representative import representative_days
from csmoifsa_ev.inputs.responses import insert_set
from csmoifsa_ev.inputs.sessions import read_sessions
from csmoifsa_ev.inputs.tariffs import OTHER_DAYS, read_tariff, read_year
from csmoifsa_ev.inputs.vehicles import read_vehicles
from csmoifsa_ev.model.bill import Bill
from csmoifsa_ev.model.day import DayKind, PricingDay
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
    _drop_prices(values, changes)
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


def _drop_prices(values: dict[str, object], changes: Mapping[str, object]) -> None:
    """Take out prices of the base's periods where the file names periods of its own; wrong names of its own stay."""
    tariff, prices = values.get("tariff"), values.get("prices")
    named = tariff.get("periods") if isinstance(tariff, dict) else None
    if not (isinstance(named, list) and isinstance(prices, dict)):
        return
    names = {one.get("name") for one in named if isinstance(one, dict)}
    own = changes.get("prices")
    for key in ("start", "reference"):
        table, written = prices.get(key), own.get(key) if isinstance(own, dict) else None
        if isinstance(table, dict):
            kept = names | (set(written) if isinstance(written, dict) else set())
            prices[key] = {name: price for name, price in table.items() if name in kept}


def import_files(values: dict[str, object]) -> list[str]:
    """Insert the values of tariff and vehicle files into the tables that name them; return notes on parts left out."""
    notes: list[str] = []
    fleet, tariff = values.get("fleet"), values.get("tariff")
    if isinstance(fleet, dict) and isinstance(fleet.get("vehicles"), str):
        fleet["vehicles"] = read_vehicles(Path(fleet["vehicles"]))
    insert_set(values)
    if isinstance(tariff, dict) and "file" in tariff:
        notes += _import_tariff(values, dict(tariff))
    complete_bill(values.get("bill"))
    return notes


def _import_tariff(values: dict[str, object], table: dict[str, object]) -> list[str]:
    """Replace ``[tariff] file = ...`` by its windows, and ``prices.start`` by its prices."""
    own = {key: value for key, value in table.items() if key not in ("file", "day", "whole_year")}
    whole_year = table.get("whole_year", False)
    if not isinstance(whole_year, bool):
        raise InputError(f"tariff.whole_year must be true or false, not {whole_year!r}")
    if whole_year and (own or "day" in table):
        raise InputError("tariff.whole_year: leave out tariff.day and windows; the file has those of every day")
    if not isinstance(table["file"], str):
        raise InputError(f"tariff.file must be a path, not {table['file']!r}")
    load, prices = values.get("load"), values.get("prices")
    if whole_year:
        notes, windows, start = read_year(Path(table["file"]))
        return _insert(values, prices, windows, start, [*notes, *import_bill(values, table["file"], windows, None)])
    day = table.get("day") or (load.get("day") or load.get("first_day") if isinstance(load, dict) else None)
    if not isinstance(day, date) or isinstance(day, datetime):
        raise MendableError(
            "tariff.day: say for which day the tariff file is to be read, such as 2014-06-05", *OTHER_DAYS
        )
    read = read_tariff(Path(table["file"]), day)
    notes = list(read.notes)
    if own:
        windows: dict[str, object] = own
        start, more = read.prices_in(check_values(Windows, own, place=("tariff",)))
        notes += more
    else:
        windows, start = read.periods(str(table["file"]))
    return _insert(values, prices, windows, start, [*notes, *import_bill(values, table["file"], windows, day)])


def _insert(
    values: dict[str, object], prices: object, windows: dict[str, object], start: dict[str, float], notes: list[str]
) -> list[str]:
    """Insert the windows and prices [currency per kWh] of a tariff file into a scenario; return the notes."""
    per_currency = prices.get("units_per_currency") if isinstance(prices, dict) else None
    if not isinstance(prices, dict) or isinstance(per_currency, bool) or not isinstance(per_currency, int | float):
        raise InputError("prices.units_per_currency must be a number: tariff files count in currency per kWh")
    values["tariff"] = windows
    values["prices"] = {**prices, "start": {name: round(price * per_currency, 9) for name, price in start.items()}}
    return notes


def build_day(scenario: Scenario) -> PricingDay:
    """Prepare a scenario for pricing: read the load, draw or read the fleet and sum it.

    The sums of a drawn fleet are kept for the life of the process; files are read anew.
    """
    load = scenario.load.read()
    n_steps = load.values.shape[1]
    fleet = scenario.fleet
    notes = [*scenario.notes, *load.notes, *open_notes(scenario)]
    if fleet.sessions is None:
        shares = np.array([vehicle.share for vehicle in fleet.vehicles])
        capacity = float((shares * [vehicle.battery_kwh for vehicle in fleet.vehicles]).sum() / shares.sum())

        def sums_of(windows: Windows) -> FleetSums:
            return sum_fleet(fleet, windows, n_steps, scenario.v2g.depth)

    else:
        source = fleet.sessions
        recorded = read_sessions(source, fleet)
        capacity = float(recorded.sessions.battery_kwh.mean())

        def sums_of(windows: Windows) -> FleetSums:
            return sum_sessions(recorded.sessions, fleet, windows, n_steps, scenario.v2g.depth).scaled(fleet.n_ev)

        notes += recorded.notes
        notes.append(f"{source.file}: {recorded.n_car_days:,} car-days stand for {fleet.n_ev:,} cars")
    price = None
    if scenario.grid.day_ahead is not None:
        market = scenario.grid.day_ahead.read_file("grid.day_ahead")
        price = resampled(market.values.mean(axis=0), n_steps)
        notes += market.notes
    kinds = _kinds_of_days(scenario.tariff, load, sums_of)
    if scenario.load.representative is not None:
        kinds, more = _with_representatives(kinds, scenario.load.representative)
        notes += more
    first, *others = kinds
    day = PricingDay(
        names=scenario.tariff.names,
        **vars(replace(first, price_per_mwh=price)),
        others=tuple(replace(one, price_per_mwh=price) for one in others),
        notes=tuple(notes),
        round_trip=fleet.charge_efficiency * fleet.discharge_efficiency,
        battery_kwh=capacity,
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
    if not day.reference_level > 0:
        raise InputError(f"prices.reference: the mean price drivers pay now must be above 0, not {day.reference_level}")
    return day


def _kinds_of_days(tariff: Windows, load: DailySeries, sums_of: Callable[[Windows], FleetSums]) -> list[DayKind]:
    """Return the kinds of days that the load has, the usual one first; ``sums_of`` gives the fleet for hours."""
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
                fleet=sums_of(windows).among(own, len(tariff.names)),
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
