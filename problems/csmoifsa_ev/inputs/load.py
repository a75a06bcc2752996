"""Settings of the base load and of market prices, which a scenario reads from files for one or several days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.readers.files import FileSeries, series_from
from csmoifsa_energy.readers.series import DailySeries
from csmoifsa_ev.model.objectives import Grid


@dataclass(frozen=True, kw_only=True)
class Load(FileSeries):
    """Source of the load without electric vehicles: a file, or values of one day.

    Attributes
    ----------
    values_mw : tuple of float, optional
        Mean load of each step [MW], the first beginning at midnight; 24 values are hours, 96 quarters.
    minus : tuple of str
        Columns of the file to subtract from the load [MW], such as ``["solar_mw", "wind_mw"]``: the load is then net of
        them, and may be negative where they exceed it.
    representative : int, optional
        Number of days that stand for all of a long load, see `representative.representative_days`; each kind of days
        has its part of them, at least one. All days if left out.
    """

    values_mw: tuple[float, ...] | None = None
    minus: tuple[str, ...] = ()
    representative: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.values_mw is None) == (self.csv is None):
            raise InputError("the load needs either values_mw or csv, and not both")
        if self.minus and self.csv is None:
            raise InputError("minus names columns of a load file, but the load is not from a file; name one with csv")
        if self.representative is not None and self.representative < 1:
            raise InputError(f"representative must be a number of days of at least 1, not {self.representative}")

    def with_settings(self, settings: Mapping[str, object]) -> Load:
        """Return the load with some settings of its file replaced; with ``csv`` among them, of another file.

        Raises
        ------
        InputError
            A setting is unknown or wrong, or the load is not from a file.
        """
        checked = series_from(settings, "load")
        changes = {name: getattr(checked, name) for name in settings}
        if "csv" in settings:
            return Load(**changes)
        if self.csv is None:
            option = "--" + next(iter(settings)).replace("_", "-")
            raise InputError(f"{option} says how a load file is read, but the load is not from a file; add --load FILE")
        if changes.get("value_column") is not None:
            changes["load_column"] = None
        if changes.keys() & {"day", "first_day", "last_day"}:
            changes = {"day": None, "first_day": None, "last_day": None} | changes
        return replace(self, **changes)

    def read(self) -> DailySeries:
        """Return the load of each step of each day, shape (D, T) [MW], reading the file if there is one.

        Raises
        ------
        InputError
            A value is missing, doubled, not a number or negative; the message names file, line and column.
        """
        if self.values_mw is None:
            series = self.read_file("load", self.minus)
            return replace(series, notes=[*series.notes, *self._net_notes(series.values)])
        values = np.array(self.values_mw, dtype=float)
        if len(values) < 4 or 1440 % len(values):
            raise InputError(
                f"values_mw has {len(values)} values, which give no step of whole minutes; supply 24, 48 or 96"
            )
        if values.min() < 0:
            raise InputError(f"values_mw: load cannot be negative, but value {int(values.argmin()) + 1} is")
        return DailySeries(values[None], [] if self.day is None else [self.day], [], self.time_zone or "")

    def _net_notes(self, values: np.ndarray) -> list[str]:
        """Return a sentence that the load is net of columns, and one if it falls below 0."""
        if not self.minus:
            return []
        notes = [f"{self.csv}: the load is net of {' and '.join(self.minus)}"]
        below = int((values < 0).sum())
        if below:
            notes.append(
                f"{self.csv}: the net load is below 0 in {below:,} of {values.size:,} steps, {values.min():,.1f} MW at "
                "the least; energy sent back is valued at the cost of supply at that load"
            )
        return notes


@dataclass(frozen=True, kw_only=True)
class GridInput(Grid):
    """Cost of supply, optionally with market prices from a file.

    Attributes
    ----------
    day_ahead : FileSeries, optional
        Market prices in place of the marginal cost, averaged over the chosen days [currency per MWh].
    """

    day_ahead: FileSeries | None = None
