"""The pricing game by name, for ``csmoifsa solve ev-aggregator`` and `csmoifsa.make_problem`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.problem.problem import AggregatorPricing


def ev_aggregator(game: str | Path = "wei-2015", base_kw: Sequence[float] | None = None) -> AggregatorPricing:
    """Day-ahead price of an EV aggregator: profit, drivers' bill, peak-valley difference; drivers answer exactly.

    Parameters
    ----------
    game : str or path
        Name or file of a case.
    base_kw : (T,) sequence of float, optional
        Load beside the cars [kW]; that of the case, if any, where left out.

    Raises
    ------
    InputError
        The case has an error, an import limit, a supply curve, a demand charge or V2G followers, or no price keeps its
        rule on the mean price paid; or ``base_kw`` is not T finite numbers.
    """
    case = load_case(game)
    return AggregatorPricing(case.game, base_kw, case.customers)
