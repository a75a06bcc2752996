"""The load beside the cars: values of the case, or a file, on the steps of the case."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_energy.readers.files import FileSeries

_PLAIN = FileSeries()


@dataclass(frozen=True, kw_only=True)
class BaseLoadKeys(FileSeries):
    """Load beside the cars on the same connection, such as that of a district; none where the table is left out.

    Values of a file are in kW where neither ``unit`` nor the name of their column says otherwise.

    Attributes
    ----------
    values_kw : tuple of float, optional
        Mean load of each step of the case [kW], the first beginning at midnight.
    peak_kw : float, optional
        Greatest load to which the values are scaled [kW]; they are taken as they are where left out.
    """

    values_kw: tuple[float, ...] | None = None
    peak_kw: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.values_kw is None) == (self.csv is None):
            raise InputError("the load needs either values_kw or csv, and not both")
        stated = [
            field.name for field in fields(FileSeries) if getattr(self, field.name) != getattr(_PLAIN, field.name)
        ]
        if self.csv is None and stated:
            keys = " and ".join(f"load.{name}" for name in stated)
            raise InputError(f"{keys} would tell how to read a file; beside values_kw leave this out")
        if self.peak_kw is not None and not self.peak_kw > 0:
            raise InputError(f"peak_kw must be above 0, not {self.peak_kw:g}")

    def read(self, steps: int) -> np.ndarray:
        """Return the load of each step, shape (steps,) [kW]; of several days in a file, their mean.

        Raises
        ------
        InputError
            The file has faults, its steps do not fit those of the case, or no value is above 0 though ``peak_kw`` is
            given.
        """
        if self.values_kw is not None:
            load = np.array(self.values_kw)
            if load.size != steps:
                what = "missing" if load.size < steps else "too many"
                raise InputError(
                    f"load.values_kw has {load.size} values for {steps} steps: {abs(steps - load.size)} {what}"
                )
        else:
            load = self.read_file("load", wanted="kW").values.mean(axis=0)
            load = _on_steps(load, steps, str(self.csv))
        if self.peak_kw is None:
            return load
        if not load.max() > 0:
            raise InputError("load.peak_kw cannot scale a load of which no value is above 0")
        return load * (self.peak_kw / load.max())


def _on_steps(load: np.ndarray, steps: int, file: str) -> np.ndarray:
    """Return a day's load held through shorter steps or averaged over longer ones, shape (steps,) [kW]."""
    if steps % load.size == 0:
        return np.repeat(load, steps // load.size)
    if load.size % steps == 0:
        return load.reshape(steps, -1).mean(axis=1)
    raise InputError(f"load.csv {file} has {load.size} steps a day, which do not fit the {steps} steps of the case")
