"""Market prices for rolling dispatch: whole days of a price file, on one clock and one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.keys import RollKeys
from csmoifsa_energy.readers.files import FileSeries, series_from

FILES = ("day_ahead", "real_time")
IMBALANCE = ("short", "long")
"""Files of the two imbalance prices, which a case may name beside `FILES`."""


@dataclass(frozen=True, eq=False)
class MarketPrices:
    """A series of market prices; steps of days that the file does not hold whole are not a number.

    Attributes
    ----------
    start : datetime
        Beginning of the first step, local clock.
    step : timedelta
        Length of a step.
    per_kwh : (n,) array
        Price of each step [currency/kWh].
    node : str
        Node at which the prices hold.
    notes : tuple of str
        Remarks on the reading of the file, such as days left out.
    left_out : dict of date to str
        Reason why a day is not whole, by day.
    time_zone : str
        Time zone of the local days; empty where none is stated.
    """

    start: datetime
    step: timedelta
    per_kwh: np.ndarray
    node: str
    notes: tuple[str, ...] = ()
    left_out: dict[date, str] = field(default_factory=dict)
    time_zone: str = ""

    @property
    def days(self) -> list[date]:
        """Days that the series covers from midnight to midnight."""
        per_day = round(timedelta(days=1) / self.step)
        first = self.start.date() if self.start.time() == datetime.min.time() else self.start.date() + timedelta(days=1)
        skipped = round((datetime.combine(first, datetime.min.time()) - self.start) / self.step)
        n_days = (len(self.per_kwh) - skipped) // per_day
        whole = np.isfinite(self.per_kwh[skipped : skipped + n_days * per_day].reshape(n_days, per_day)).all(axis=1)
        return [first + timedelta(days=k) for k in np.flatnonzero(whole).tolist()]

    def window(self, begin: datetime, steps: int) -> np.ndarray:
        """Return the prices of ``steps`` steps from ``begin`` on, shape (steps,) [currency/kWh].

        Raises
        ------
        InputError
            The series does not cover all these steps.
        """
        first = round((begin - self.start) / self.step)
        found = self.per_kwh[max(first, 0) : first + steps]
        if first < 0 or len(found) < steps or not np.isfinite(found).all():
            end = self.start + len(self.per_kwh) * self.step
            raise InputError(
                f"prices at {self.node} run from {self.start} to {end}, not over {begin} + {steps} steps"
                + "".join(f"; {reason}" for reason in self.left_out.values())[:300]
            )
        return found

    def at_step(self, step: timedelta) -> MarketPrices:
        """Return the same prices on another step: held through shorter steps, averaged over longer ones.

        Raises
        ------
        InputError
            Neither step is a multiple of the other, or the new step does not divide a day.
        """
        if step == self.step:
            return self
        long, short = max(step, self.step), min(step, self.step)
        parts, rest = divmod(long, short)
        if rest or timedelta(days=1) % step:
            raise InputError(f"prices at {self.node} have steps of {self.step}, which cannot be brought to {step}")
        if step < self.step:
            return replace(self, step=step, per_kwh=np.repeat(self.per_kwh, parts))
        skipped = round((-(self.start - datetime.combine(self.start.date(), datetime.min.time())) % step) / self.step)
        whole = (len(self.per_kwh) - skipped) // parts
        values = self.per_kwh[skipped : skipped + whole * parts].reshape(whole, parts).mean(axis=1)
        return replace(self, start=self.start + skipped * self.step, step=step, per_kwh=values)


def load_prices(
    path: str | Path | FileSeries,
    *,
    node: str | None = None,
    time_column: str | None = None,
    price_column: str | None = None,
    per_mwh: bool = True,
    days: tuple[date, date] | None = None,
    key: str = "prices",
) -> MarketPrices:
    """Read a price file: a known export, or any file with columns of time and price.

    Parameters
    ----------
    path : path or FileSeries
        The file, with or without settings of its own.
    node : str, optional
        Node to read, where the file has more than one.
    time_column, price_column : str, optional
        Names of the columns of time and of price, where the file does not show them.
    per_mwh : bool
        Whether prices in the file are per MWh, else per kWh, where neither ``unit`` nor the file states it.
    days : (date, date), optional
        First and last day that must be whole; other days that are not whole are left out.
    key : str
        Name of the file in messages.

    Raises
    ------
    InputError
        A column or node is unknown, an hour is missing or doubled, a price is not a number, or no day is whole; the
        message names which.
    """
    source = path if isinstance(path, FileSeries) else FileSeries(csv=str(path))
    named = {"node": node, "time_column": time_column, "value_column": price_column}
    source = replace(source, **{name: value for name, value in named.items() if value is not None})
    read = source.read_whole(key, days, "per MWh" if per_mwh else "per kWh")
    if not read.dates:
        reason = "".join(f": {why}" for why in list(read.left_out.values())[:1])
        raise InputError(f"{source.csv} holds no whole day{reason}")
    first, n_steps = read.dates[0], read.values.shape[1]
    values = np.full(((read.dates[-1] - first).days + 1, n_steps), np.nan)
    values[[(day - first).days for day in read.dates]] = read.values
    return MarketPrices(
        datetime.combine(first, datetime.min.time()),
        timedelta(days=1) / n_steps,
        values.ravel() / (1000.0 if per_mwh else 1.0),
        read.node,
        tuple(read.notes),
        read.left_out,
        read.time_zone,
    )


def load_markets(
    files: Sequence[FileSeries],
    *,
    nodes: Sequence[str] = (),
    own: Mapping[str, Mapping[str, object]] | None = None,
    per_kwh: bool = False,
    days: tuple[date, date] | None = None,
) -> list[tuple[MarketPrices, ...]]:
    """Return day-ahead and real-time prices at each node, and those of imbalances where files name them.

    Parameters
    ----------
    files : sequence of FileSeries
        The day-ahead and the real-time file, and those of imbalance prices if any, from `market_files`.
    nodes : sequence of str
        Nodes to read; where empty, the one that the files' own settings name, or their only one.
    own : mapping, optional
        Settings of one file, from `settings_by_file`: a file with a node of its own keeps it.
    per_kwh : bool
        Whether prices in the files are per kWh, else per MWh.
    days : (date, date), optional
        First and last day that must be whole.

    Raises
    ------
    InputError
        As `load_prices`.
    """
    keep = {name for name in FILES if "node" in (own or {}).get(name, {})}
    found = []
    for name in nodes or [None]:
        each = (
            load_prices(file, node=None if key in keep else name, per_mwh=not per_kwh, days=days, key=f"roll.{key}")
            for file, key in zip(files, (*FILES, *IMBALANCE), strict=False)
        )
        found.append(tuple(each))
    return found


def first_and_last(days: str | None, key: str) -> tuple[date, date] | None:
    """Return the days of a text such as ``2025-06-01:2025-06-30``, or of one day; None for None.

    Raises
    ------
    InputError
        The text holds no days; ``key`` begins the message.
    """
    if days is None:
        return None
    first, _, last = days.partition(":")
    try:
        return date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise InputError(f"{key} must be a day or from:to, such as 2025-06-01:2025-06-30, not {days!r}") from None


def settings_by_file(texts: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return the settings of each file from texts such as ``real_time.node=NORTH``.

    Raises
    ------
    InputError
        A text is not of the form ``day_ahead.KEY=VALUE`` or ``real_time.KEY=VALUE``.
    """
    own: dict[str, dict[str, object]] = {name: {} for name in FILES}
    only: dict[str, dict[str, str]] = {name: {} for name in FILES}
    for text in texts:
        place, mark, value = text.partition("=")
        file, dot, name = place.partition(".")
        if not mark or not dot or file not in own:
            raise InputError(f"--set must be day_ahead.KEY=VALUE or real_time.KEY=VALUE, not {text!r}")
        if name.startswith("only."):
            only[file][name.removeprefix("only.")] = value
            own[file]["only"] = only[file]
        else:
            own[file][name] = value
    return own


def market_files(
    roll: RollKeys,
    files: Mapping[str, Path | None],
    settings: Mapping[str, object],
    own: Mapping[str, Mapping[str, object]],
) -> tuple[FileSeries, ...]:
    """Return the day-ahead and the real-time file that a case's ``[roll]`` table and the command line name.

    Files of the two imbalance prices follow where the table names them.

    Parameters
    ----------
    roll : RollKeys
        The ``[roll]`` table.
    files : mapping
        Paths from the command line, by ``day_ahead`` and ``real_time``; None where left out.
    settings : mapping
        Settings from the command line for both files; they replace those of the table.
    own : mapping
        Settings from the command line for one file, by ``day_ahead`` and ``real_time``; they replace all others.

    Raises
    ------
    InputError
        A file is not named, a setting of it is unknown, or a value is bad.
    """
    found = []
    for name in FILES:
        values = {**getattr(roll, name), **settings, **own[name]}
        path = files[name]
        if path is not None:
            values["csv"] = str(path)
        source = series_from(values, f"roll.{name}")
        if source.csv is None:
            option = "--" + name.replace("_", "-")
            raise InputError(f"name the file of {option[2:]} prices with {option}, or [roll] {name} = {{ csv = ... }}")
        found.append(source)
    if roll.short:
        found += [series_from({**getattr(roll, name), **settings}, f"roll.{name}") for name in IMBALANCE]
    return tuple(found)
