"""Set finished studies side by side: one table of figures with differences, all fronts, inputs that differ, a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from csmoifsa.errors import InputError
from csmoifsa.files import write_csv
from csmoifsa.folders import result_folder
from csmoifsa_energy.page import page_texts, write_page
from csmoifsa_ev.output.finished import FinishedStudy, read_finished
from csmoifsa_ev.output.labels import price_labels

WHEN = ("after", "in_force", "before")
"""Situations of the table, in its order; each is an entry of ``summary.json``."""


@dataclass(frozen=True)
class Beside:
    """Studies side by side.

    Attributes
    ----------
    studies : list of FinishedStudy
        The studies, two or more; differences are against the first.
    """

    studies: list[FinishedStudy]

    @property
    def names(self) -> list[str]:
        """Name of each study."""
        return [one.name for one in self.studies]

    def mixed(self) -> dict[str, list[str]]:
        """Return the unit in each study of every quantity and price whose units are not all the same."""
        names = dict.fromkeys(name for one in self.studies for name in (*one.summary.after, *one.summary.recommended))
        units = {name: [one.unit(name) for one in self.studies] for name in names}
        return {name: each for name, each in units.items() if len(set(filter(None, each))) > 1}

    def table(self) -> pd.DataFrame:
        """Return one row a figure: ``when``, ``quantity``, ``unit``, a column a study, and differences.

        A difference is against the first study. It is missing where a study lacks the figure, and where units differ.
        """
        mixed, rows = self.mixed(), []
        parts = [("recommended", [one.summary.recommended for one in self.studies])]
        parts += [(when, [getattr(one.summary, when) for one in self.studies]) for when in WHEN]
        for when, figures in parts:
            for name in dict.fromkeys(name for one in figures for name in one):
                values = [one.get(name, np.nan) for one in figures]
                unit = next(filter(None, (one.unit(name) for one in self.studies)), "")
                if name in mixed:
                    unit = " | ".join(short_unit(one) for one in mixed[name])
                row = {"when": when, "quantity": name, "unit": unit}
                row |= dict(zip(self.names, values, strict=True))
                for other, value in zip(self.names[1:], values[1:], strict=True):
                    row[f"{other} less {self.names[0]}"] = np.nan if name in mixed else value - values[0]
                rows.append(row)
        return pd.DataFrame(rows)

    def fronts(self) -> pd.DataFrame:
        """Return the fronts of all studies below each other, with a column ``study``; what one lacks is missing."""
        parts = []
        for one in self.studies:
            front = one.front.copy()
            front.insert(0, "study", one.name)
            parts.append(front)
        return pd.concat(parts, ignore_index=True)

    def differing_inputs(self) -> pd.DataFrame:
        """Return ``key`` and the value in each study of every input that is not the same in all; empty if left out."""
        keys = dict.fromkeys(key for one in self.studies for key in one.inputs)
        rows = [
            {"key": key, **dict(zip(self.names, values, strict=True))}
            for key in keys
            if len(set(values := [one.inputs.get(key, "") for one in self.studies])) > 1
        ]
        return pd.DataFrame(rows, columns=["key", *self.names])

    def sentences(self) -> list[str]:
        """Return one sentence for each reason for which figures are hard to compare; empty if there is none."""
        found = []
        by_units: dict[tuple[str, ...], list[str]] = {}
        for name, each in self.mixed().items():
            by_units.setdefault(tuple(short_unit(one) or "none" for one in each), []).append(name)
        if by_units:
            groups = [f"{', '.join(names)} ({self._each(units)})" for units, names in by_units.items()]
            found.append(f"Units differ, so there is no difference of {', nor of '.join(groups)}.")
        for what, values in (
            ("Sets of objectives differ", [one.summary.objectives for one in self.studies]),
            ("Numbers of cars differ", [f"{one.summary.n_ev:,}" for one in self.studies]),
            ("Numbers of days differ", [f"{one.summary.days}" for one in self.studies]),
            ("Recoveries differ", [one.summary.recovery for one in self.studies]),
            ("Names of prices differ", [", ".join(one.summary.recommended) for one in self.studies]),
        ):
            if len(set(values)) > 1:
                found.append(f"{what}: {self._each(values)}.")
        base = [one.load["base_mw"].to_numpy(float) for one in self.studies]
        if any(len(one) != len(base[0]) or not np.allclose(one, base[0], rtol=1e-8, atol=0) for one in base):
            spans = [f"{one.min():,.1f} to {one.max():,.1f} MW in {len(one)} steps" for one in base]
            found.append(
                f"Loads without cars differ: {self._each(spans)}; differences of load and cost are those of the loads, "
                "too, not of the tariffs alone."
            )
        return found

    def _each(self, values: Sequence[str]) -> str:
        return "; ".join(f"{name}: {value}" for name, value in zip(self.names, values, strict=True))


def short_unit(unit: str) -> str:
    """Return the beginning of a unit, without what explains it.

    Examples
    --------
    >>> short_unit("MW, peak load"), short_unit("0 to 1; hours kept and waiting")
    ('MW', '0 to 1')
    """
    return re.split("[,;]", unit)[0]


def collect(paths: Sequence[Path], *, n_eval: int = 10_000, seed: int = 1) -> Beside:
    """Read study folders, and price scenarios first.

    Parameters
    ----------
    paths : sequence of Path
        Two or more: folders that ``csmoifsa ev price`` wrote, or scenario files.
    n_eval, seed : int
        Budget and random seed of the search for scenario files.

    Raises
    ------
    InputError
        Fewer than two are named, one is named twice, or one cannot be read or priced.
    """
    if len(paths) < 2:
        raise InputError(f"name two or more studies to set side by side, not {len(paths)}")
    if len({one.resolve() for one in paths}) < len(paths):
        raise InputError(f"a study is named twice: {', '.join(map(str, paths))}; name each once")
    names = _names(paths)
    studies: list[FinishedStudy | None] = [
        read_finished(path, name) if path.is_dir() else None for path, name in zip(paths, names, strict=True)
    ]  # folders first, so that a fault in one of them costs no search
    for k, (path, name) in enumerate(zip(paths, names, strict=True)):
        studies[k] = studies[k] or _priced(path, name, n_eval, seed)
    return Beside([one for one in studies if one is not None])


def _priced(path: Path, name: str, n_eval: int, seed: int) -> FinishedStudy:
    """Price a scenario and read what its folder would hold."""
    from csmoifsa_ev.inputs.scenario import load_scenario
    from csmoifsa_ev.output.tables import write_tables
    from csmoifsa_ev.study.study import run_study

    study = run_study(load_scenario(path), n_eval=n_eval, seed=seed)
    with TemporaryDirectory() as folder:
        write_tables(study, Path(folder) / "study")
        return read_finished(Path(folder) / "study", name)


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the last part of each path, or the whole path where two have the same."""
    short = [path.resolve().name if path.is_dir() else path.stem for path in paths]
    return [str(path) if short.count(name) > 1 else name for path, name in zip(paths, short, strict=True)]


def json_of(beside: Beside) -> dict[str, object]:
    """Return table, inputs that differ and sentences as plain values; what is missing is None."""
    return {
        "compared": beside.table().replace({np.nan: None}).to_dict("records"),
        "inputs_differ": beside.differing_inputs().to_dict("records"),
        "sentences": beside.sentences(),
    }


def page_data(beside: Beside, texts: Mapping[str, object]) -> dict[str, object]:
    """Return everything that the page's script draws, as plain values; ``texts`` are the labels of a price study."""
    prices = dict.fromkeys(name for one in beside.studies for name in one.summary.recommended)
    mixed, fronts = beside.mixed(), beside.fronts()
    quantities = [
        name
        for name in fronts.columns
        if name != "study" and name not in mixed and all(name in one.front.columns for one in beside.studies)
    ]
    objectives = [name for name in ("satisfaction", "driver_bill_per_day", "saving_per_day") if name in quantities]
    return {
        "names": beside.names,
        "labels": texts["quantities"],
        "prices": price_labels(prices, texts),
        "quantities": quantities,
        "units": {name: beside.studies[0].unit(name) for name in quantities},
        "across": (objectives or quantities)[0],
        "upward": "g2_mw" if "g2_mw" in quantities else quantities[-1],
        "fronts": [{name: one.front[name].tolist() for name in quantities} for one in beside.studies],
        "chosen": [_chosen_row(one) for one in beside.studies],
        "days": [
            {name: one.load[f"{name}_mw"].tolist() for name in ("base", "before", "after")} for one in beside.studies
        ],
        "rows": beside.table().replace({np.nan: None}).to_numpy().tolist(),
        "inputs": beside.differing_inputs().to_numpy().tolist(),
        "sentences": beside.sentences(),
    }


def _chosen_row(study: FinishedStudy) -> int:
    """Return the row of the front that is nearest to the recommended tariff."""
    names = list(study.summary.recommended)
    apart = study.front[names].to_numpy(float) - np.array([study.summary.recommended[name] for name in names])
    return int(np.abs(apart).sum(axis=1).argmin())


def write_beside(beside: Beside, folder: Path, *, language: str = "en") -> list[str]:
    """Write tables and page into a folder, created if need be; return the names of the files.

    These are ``compared.csv``, ``fronts.csv``, ``inputs_differ.csv`` and ``compared.html``.
    """
    data = page_data(beside, page_texts("csmoifsa_ev.output", "price", language, ("charts",)))
    title = ", ".join(beside.names)
    with result_folder(folder, "ev compare") as place:
        write_csv(place / "compared.csv", beside.table())
        write_csv(place / "fronts.csv", beside.fronts())
        write_csv(place / "inputs_differ.csv", beside.differing_inputs())
        write_page(place / "compared.html", "csmoifsa_ev.output", "beside", data, title=title, language=language)
    return ["compared.csv", "fronts.csv", "inputs_differ.csv", "compared.html"]
