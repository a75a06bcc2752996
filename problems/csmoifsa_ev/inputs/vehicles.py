"""Read a table of vehicle types, one a row, whose columns are named like the keys of ``[[fleet.vehicles]]``."""

from __future__ import annotations

from pathlib import Path

from csmoifsa_energy.readers.faults import Faults
from csmoifsa_energy.readers.table import number, read_table

NUMBERS = ("share", "battery_kwh", "charge_kw", "discharge_kw", "consumption_kwh_per_km")


def read_vehicles(path: Path) -> list[dict[str, object]]:
    """Return the vehicle types of a file as values of ``[[fleet.vehicles]]``.

    Raises
    ------
    InputError
        A column is missing, or a cell is no number above 0; the message names every such cell.
    """
    table = read_table(path, "table of vehicles")
    faults = Faults(path)
    for column in ("name", *NUMBERS):
        table.at(column)
    names: dict[str, int] = {}
    types: list[dict[str, object]] = []
    for line, row in zip(table.lines, table.rows, strict=True):
        name = row[table.at("name")].strip()
        if not name:
            faults.add("the name is missing", line=line, column="name")
        elif name in names:
            faults.add(f"{name!r} appears twice, first in line {names[name]}", line=line, column="name")
        names.setdefault(name, line)
        one: dict[str, object] = {"name": name}
        for column in NUMBERS:
            text = row[table.at(column)]
            value = number(text)
            if value is None or not value > 0:
                faults.add(f"{text!r} is not a number above 0", line=line, column=column)
            one[column] = value
        types.append(one)
    if not types:
        faults.add("holds no types of vehicles")
    faults.stop()
    return types
