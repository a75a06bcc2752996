"""Convert the values of a column into the unit wanted, from the unit that the file or a setting states."""

from __future__ import annotations

import re
from datetime import timedelta

from csmoifsa_energy.readers.faults import MendableError, choose
from csmoifsa_energy.readers.table import Table
from csmoifsa_energy.readers.units import EXAMPLES, Quantity, UnclearUnitError, Unit, find_unit

_UNIT_NAME = re.compile(r"(?:^|[ _-])units?$|^(?:einheit|\u5355\u4f4d)$", re.IGNORECASE)


def factor_of(
    table: Table,
    column: str,
    quantity: Quantity,
    wanted: str,
    step: timedelta,
    *,
    stated: str | None,
    first: bool,
    key: str,
) -> tuple[float, list[str]]:
    """Return what the values of a column are multiplied by to be in the unit wanted, and notes on it.

    Parameters
    ----------
    table : Table
        The file.
    column : str
        Name of the column.
    quantity : "load", "price", "emissions" or "energy"
        What the values are.
    wanted : str
        Unit wanted, in which values are taken to be where nothing states theirs.
    step : timedelta
        Step of the values.
    stated : str, optional
        Unit of the column of values, if a setting states it; it wins, with a note where the file says another one.
    first : bool
        Whether the column is that of values, not one to be subtracted from it, whose own unit holds.
    key : str
        The part of the scenario that names the file, for messages.

    Raises
    ------
    InputError
        The setting states no unit, or the file may state one, but not beyond doubt which, and no setting does.
    """
    notes = []
    try:
        named = unit_of(table, column, quantity)
    except UnclearUnitError as error:
        if stated is None:
            raise MendableError(
                f"{table.path}: column {column!r} {error}; name the unit of its values with {key}.unit, such as "
                f"{EXAMPLES[quantity]}{' (or --unit)' if key == 'load' else ''}",
                choose(key, "unit"),
            ) from None
        named = None
    unit = named
    if stated is not None and (first or named is None):
        unit = _stated_unit(stated, quantity, key)
        if named is not None and (named.size, named.per_step) != (unit.size, unit.per_step):
            notes.append(f"{table.path}: column {column!r} says {named.text}, but unit is {stated!r}")
    if unit is None:
        return 1.0, notes
    into = find_unit(wanted, quantity, alone=True)
    assert into is not None
    factor = unit.factor(step) / into.size
    if factor != 1.0:
        each = " of each step" if unit.per_step else ""
        notes.append(
            f"{table.path}: column {column!r} is in {unit.text}{each}; its values are multiplied by {factor:g} to be "
            f"in {wanted}"
        )
    return factor, notes


def _stated_unit(stated: str, quantity: Quantity, key: str) -> Unit:
    try:
        unit = find_unit(stated, quantity, alone=True)
    except UnclearUnitError:
        unit = None
    if unit is None:
        raise MendableError(
            f"{key}.unit: {stated!r} is no unit of such values; write one such as {EXAMPLES[quantity]}",
            choose(key, "unit"),
        )
    return unit


def unit_of(table: Table, column: str, quantity: Quantity) -> Unit | None:
    """Return the unit of a column: by its name, a row below the header, and a column of units; None if none states one.

    Raises
    ------
    UnclearUnitError
        Name or cells may state a unit, but not beyond doubt which, or they contradict each other, or a title above the
        header states another one; the message is the end of a sentence on the column.
    """
    cells = (table.units.get(column, ""), *_units_beside(table, column))
    units = [find_unit(column, quantity), *(find_unit(text, quantity, alone=True) for text in cells)]
    found = [unit for unit in units if unit is not None]
    if len({(unit.size, unit.per_step) for unit in found}) > 1:
        raise UnclearUnitError(f"has several units, {', '.join(dict.fromkeys(unit.text for unit in found))}")
    if not found:
        _refuse_unit_above(table, quantity)
    return found[0] if found else None


def _refuse_unit_above(table: Table, quantity: Quantity) -> None:
    """Raise an error if titles or comments above the header state another unit than the one taken without any."""
    for line in table.above.splitlines():
        try:
            unit = find_unit(line, quantity)
            other = unit is not None and (unit.size != 1.0 or unit.per_step)
        except UnclearUnitError:
            other = True
        if other:
            raise UnclearUnitError(f"states no unit, but the line {line.strip('# ')!r} above the header does")


def _units_beside(table: Table, column: str) -> list[str]:
    """Return the different cells of the column of units: the only one, or that whose name begins with the column's."""
    beside = [name for name in table.columns if _UNIT_NAME.search(name)]
    if len(beside) > 1:
        beside = [name for name in beside if name.lower().startswith(column.lower())]
    return sorted({text.strip() for name in beside[:1] for text in table.texts(name)})
