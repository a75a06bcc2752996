"""Insert the values of tariff and vehicle files, and of response sets, into the plain values of a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import MendableError
from csmoifsa_ev.inputs.bills import complete_bill, import_bill
from csmoifsa_ev.inputs.responses import insert_set
from csmoifsa_ev.inputs.tariffs import OTHER_DAYS, read_tariff, read_year
from csmoifsa_ev.inputs.vehicles import read_vehicles
from csmoifsa_ev.model.tariff import Windows


def drop_prices(values: dict[str, object], changes: Mapping[str, object]) -> None:
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
    choice = {key: own.pop(key) for key in ("choose", "rest") if key in own}
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
        notes = [*notes, *import_bill(values, table["file"], windows | choice, None)]
        return _insert(values, prices, windows | choice, start, notes)
    day = table.get("day") or (load.get("day") or load.get("first_day") if isinstance(load, dict) else None)
    if not isinstance(day, date) or isinstance(day, datetime):
        raise MendableError(
            "tariff.day: say for which day the tariff file is to be read, such as 2014-06-05", *OTHER_DAYS
        )
    read = read_tariff(Path(table["file"]), day)
    notes = list(read.notes)
    windows: dict[str, object] = own
    if own or (choice and read.one_price):
        tariff = check_values(Windows, own | choice, place=("tariff",))
        start, more = read.prices_in(tariff)
        notes += more
    else:
        windows, start = read.periods(str(table["file"]))
    notes += import_bill(values, table["file"], windows | choice, day)
    return _insert(values, prices, windows | choice, start, notes)


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
