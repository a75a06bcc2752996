"""Fill the table ``bill`` of a scenario: from its tariff file, and the proposed rate from the present one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from csmoifsa_energy.explain import check_values
from csmoifsa_ev.inputs.tariffs import read_bill
from csmoifsa_ev.model.tariff import Windows


def import_bill(values: dict[str, object], file: str, windows: dict[str, object], day: date | None) -> list[str]:
    """Insert the parts of the present bill that a tariff file has, where the scenario states none of its own.

    Parameters
    ----------
    values : dict
        Plain values of a scenario, which are changed.
    file : str
        Path of the tariff file.
    windows : dict
        Its table ``tariff``.
    day : date, optional
        The day that is read; all days of a year if left out.

    Returns
    -------
    list of str
        Notes on what was taken and left out.
    """
    read, notes = read_bill(Path(file), check_values(Windows, windows, place=("tariff",)), day)
    bill, prices = values.setdefault("bill", {}), values.get("prices")
    present = bill.get("present", {}) if isinstance(bill, dict) else None
    per_currency = prices.get("units_per_currency") if isinstance(prices, dict) else None
    if isinstance(bill, dict) and isinstance(present, dict) and isinstance(per_currency, int | float):
        tiers = read.get("tiers", [])
        assert isinstance(tiers, list)
        if tiers:
            read["tiers"] = [one | {"add": round(one["add"] * per_currency, 9)} for one in tiers]
        bill["present"] = read | present
    return notes


def complete_bill(bill: object) -> None:
    """Fill keys of the proposed rate that a table ``bill`` leaves out with those of its present rate."""
    if isinstance(bill, dict):
        present, proposed = bill.get("present", {}), bill.get("proposed", {})
        if isinstance(present, dict) and isinstance(proposed, dict):
            bill["proposed"] = present | proposed
