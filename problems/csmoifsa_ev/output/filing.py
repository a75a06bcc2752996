"""The tables of a filing as plain values for the page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csmoifsa_ev.study.marginal_cost import COMPONENTS
from csmoifsa_ev.study.study import Study


def filing_data(study: Study) -> dict[str, object]:
    """Return what the page shows of a filing, as plain values.

    Returns
    -------
    dict
        Rows of ``cost_to_serve``, ``alignment``, ``period_energy``, ``figures`` and ``measurement``; ``hours``, for
        each tariff the mean price and marginal cost by component in each step, over all days; and the ``terms`` of the
        measurement.
    """
    tables, terms = study.filing, study.scenario.filing.measurement
    return {
        **{
            name: _records(getattr(tables, name))
            for name in ("cost_to_serve", "alignment", "period_energy", "figures", "measurement")
        },
        "hours": {name: _mean_day(tables.marginal_cost, name) for name in ("in_force", "offered")},
        "terms": {"confidence": terms.confidence, "power": terms.power, "days": terms.days, "repeats": terms.repeats},
    }


def _mean_day(hourly: pd.DataFrame, tariff: str) -> dict[str, list[float]]:
    """Return price and marginal costs of each step, means over all days [price unit per kWh]."""
    own = hourly["tariff"].to_numpy() == tariff
    share = hourly["share"].to_numpy()[own]
    n_steps = len(set(hourly["time"]))
    names = ["charge_price", *(one for one in COMPONENTS if one in hourly.columns)]
    return {
        name: (hourly[name].to_numpy()[own] * share).reshape(-1, n_steps).sum(axis=0).round(4).tolist()
        for name in names
    }


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows of a table with None for what is missing."""
    return table.astype(object).where(table.notna(), None).replace({np.nan: None}).to_dict("records")
