"""Read the folder of a finished study, as `csmoifsa ev price` wrote it, for a comparison with others."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import read_csv, read_json
from csmoifsa_energy.explain import check_values

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Values of a study's ``summary.json`` that a comparison takes; see `summary.Summary`."""

    title: str
    objectives: str
    recovery: str
    n_ev: int
    days: int
    units: dict[str, str]
    before: dict[str, float]
    in_force: dict[str, float]
    after: dict[str, float]
    recommended: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class FinishedStudy:
    """A finished study.

    Attributes
    ----------
    name : str
        Name in tables and pictures.
    summary : Recorded
        Settings, units and figures.
    front : DataFrame
        ``pareto.csv``: prices and effects, one tariff a row.
    load : DataFrame
        ``load.csv``: the day under the recommended tariff, one step a row [MW].
    inputs : dict
        ``inputs.csv``: every value that the study rests on, by its key.
    """

    name: str
    summary: Recorded
    front: DataFrame
    load: DataFrame
    inputs: dict[str, str]

    def unit(self, quantity: str) -> str:
        """Return the unit of a quantity or price of the summary, empty if it has none."""
        return self.summary.units.get("prices" if quantity in self.summary.recommended else quantity, "")


def read_finished(folder: Path, name: str) -> FinishedStudy:
    """Read a study folder.

    Parameters
    ----------
    folder : Path
        Folder that ``csmoifsa ev price --out`` wrote.
    name : str
        Name of the study in tables.

    Raises
    ------
    InputError
        The folder or a file of it is missing, is from another command, or is damaged; the message names the file.
    """
    for file in ("summary.json", "pareto.csv", "load.csv", "inputs.csv"):
        if not (folder / file).is_file():
            raise InputError(
                f"{folder} is not the folder of a study: it has no {file}; write one with 'csmoifsa ev price --out "
                f"{folder}'"
            )
    values = read_json(folder / "summary.json", "summary")
    names = [one.name for one in fields(Recorded)]
    if not isinstance(values, dict) or not all(one in values for one in names):
        raise InputError(f"{folder / 'summary.json'} is not of 'csmoifsa ev price'; name the folder of a priced study")
    summary = check_values(Recorded, {one: values[one] for one in names}, f"{folder / 'summary.json'}: ")
    front = _table(folder / "pareto.csv", tuple(summary.recommended))
    load = _table(folder / "load.csv", ("base_mw", "before_mw", "after_mw"))
    inputs = _table(folder / "inputs.csv", (), texts=("key", "value"))
    keyed = dict(zip(inputs["key"].astype(str), inputs["value"].astype(str), strict=True))
    return FinishedStudy(name=name, summary=summary, front=front, load=load, inputs=keyed)


def _table(path: Path, numbers: tuple[str, ...], texts: tuple[str, ...] = ()) -> DataFrame:
    """Return a table of a study that has some columns, those of ``numbers`` with a number in every row."""
    try:
        table = read_csv(path)
    except (OSError, ValueError) as error:  # pandas' errors of damaged tables are ValueErrors
        raise InputError(
            f"{path} cannot be read as a table: {str(error).splitlines()[0]}; price the study anew"
        ) from error
    for name in (*numbers, *texts):
        if name not in table.columns:
            raise InputError(f"{path} has no column {name!r}; price the study anew")
    for name in numbers:
        column = table[name].to_numpy()
        if not len(column) or column.dtype.kind not in "iuf" or not np.isfinite(column).all():
            raise InputError(f"{path}: column {name!r} holds what is no number; price the study anew")
    return table
