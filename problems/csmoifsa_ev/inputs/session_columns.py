"""Columns of files of recorded sessions: those of known forms, or those that the user names."""

from __future__ import annotations

from dataclasses import dataclass

from csmoifsa.errors import InputError
from csmoifsa_energy.readers.conversion import unit_of
from csmoifsa_energy.readers.faults import MendableError, Remedy, Setting
from csmoifsa_energy.readers.table import Table
from csmoifsa_energy.readers.units import UnclearUnitError
from csmoifsa_ev.model.fleet import SessionColumns

COLUMNS = ("fleet", "sessions", "columns")
"""Table of a scenario that names the columns of a file of sessions."""


@dataclass(frozen=True)
class KnownForm:
    """A published form of session files, recognised by its columns.

    Attributes
    ----------
    name : str
        Who publishes files of this form.
    columns : SessionColumns
        Its columns; ``car`` is used where the file has it.
    stamp_zone : str, optional
        Time zone of its stamps, where the names of its columns state it.
    """

    name: str
    columns: SessionColumns
    stamp_zone: str | None = None


KNOWN_FORMS = (
    KnownForm(
        "ACN-Data",
        SessionColumns(
            arrival="ConnectionStartDateTime", departure="ConnectionEndDateTime", energy="Energy", car="UserID"
        ),
    ),
    KnownForm(
        "ElaadNL",
        SessionColumns(
            arrival="UTCTransactionStart", departure="UTCTransactionStop", energy="TotalEnergy", car="StartCard"
        ),
        "UTC",
    ),
    KnownForm(
        "ChargePoint",
        SessionColumns(
            arrival="Start Date",
            departure="End Date",
            energy="Energy (kWh)",
            car="User ID",
            arrival_zone="Start Time Zone",
            departure_zone="End Time Zone",
        ),
    ),
    KnownForm(
        "Dundee City Council",
        SessionColumns(
            arrival=("Start Date", "Start Time"), departure=("End Date", "End Time"), energy="Total kWh", car="User ID"
        ),
    ),
)
"""Forms that are read without being told their columns."""


@dataclass(frozen=True)
class SessionTexts:
    """Cells of the sessions of a file by their meaning, each a list of n texts.

    Attributes
    ----------
    arrival, departure, energy : list of str
        Stamps, and energy.
    car : list of str
        Driver or car; empty texts where the file names none, so that each session is a car of its own.
    zones : (list of str, list of str), optional
        Time zone of each arrival and departure, where columns name it.
    stamp_zone : str, optional
        Time zone of all stamps, where the form states it.
    kwh : float
        What energies are multiplied by to be in kWh: 0.001 where their column says Wh.
    """

    arrival: list[str]
    departure: list[str]
    energy: list[str]
    car: list[str]
    zones: tuple[list[str], list[str]] | None = None
    stamp_zone: str | None = None
    kwh: float = 1.0


def session_texts(table: Table, named: SessionColumns | None) -> SessionTexts:
    """Return the cells of a table of sessions by their meaning.

    Parameters
    ----------
    table : Table
        The file.
    named : SessionColumns, optional
        The columns that the user names; without them the file must be of a known form.

    Raises
    ------
    InputError
        A named column is missing, or the file is of no known form.
    """
    form = None if named is not None else _form_of(table)
    columns = named if named is not None else form.columns if form is not None else None
    if columns is None:
        raise MendableError(
            f"{table.path} is of no known form of sessions ({', '.join(one.name for one in KNOWN_FORMS)}); name its "
            "columns: fleet.sessions.columns = { arrival = '...', departure = '...', energy = '...' }; "
            f"it has {', '.join(table.columns)}",
            Remedy(
                tuple(Setting((*COLUMNS, name), tuple(table.columns)) for name in ("arrival", "departure", "energy"))
            ),
        )

    def cells(key: str) -> list[str]:
        names = getattr(columns, key)
        parts = [
            table.texts(name, f"fleet.sessions.columns.{key}")
            for name in ((names,) if isinstance(names, str) else names)
        ]
        return [" ".join(cell.strip() for cell in row) for row in zip(*parts, strict=True)]

    has_car = columns.car is not None and (form is None or columns.car in table.columns)
    try:
        unit = unit_of(table, columns.energy, "energy") if isinstance(columns.energy, str) else None
    except UnclearUnitError as error:
        raise InputError(
            f"{table.path}: column {columns.energy!r} {error}; name it in the file by its unit, such as 'kWh'"
        ) from None
    has_zones = columns.arrival_zone is not None
    return SessionTexts(
        cells("arrival"),
        cells("departure"),
        cells("energy"),
        cells("car") if has_car else [""] * len(table.rows),
        (cells("arrival_zone"), cells("departure_zone")) if has_zones else None,
        form.stamp_zone if form is not None else None,
        unit.size if unit is not None else 1.0,
    )


def _form_of(table: Table) -> KnownForm | None:
    for form in KNOWN_FORMS:
        needed = (form.columns.arrival, form.columns.departure, form.columns.energy, form.columns.arrival_zone or ())
        flat = [name for one in needed for name in ((one,) if isinstance(one, str) else one)]
        if set(flat) <= set(table.columns):
            return form
    return None
