"""What ``summary.json`` of `csmoifsa ev price` holds, by key; see `tables.summarise` for how it is made."""

from __future__ import annotations

from typing import TypedDict

from csmoifsa_ev.output.hours import HoursSummary
from csmoifsa_ev.study.comparison import PaperRow
from csmoifsa_ev.study.held_out import HeldOutRow, PromiseRow
from csmoifsa_ev.study.impact import Rebound
from csmoifsa_ev.study.redundancy import RedundantPair
from csmoifsa_ev.study.revenue import RevenueRow


class NoEffect(TypedDict):
    """Ranges in which prices change nothing [price unit per kWh].

    Attributes
    ----------
    prices : dict of lists
        Lowest and highest value of each price alone.
    price_level : list
        Lowest and highest change of all prices together.
    """

    prices: dict[str, list[float]]
    price_level: list[float]


class Checks(Rebound):
    """The peak after pricing, and two quantities that show whether the load curve is possible.

    Attributes
    ----------
    most_of_connected_power_used : float
        Greatest ratio of the cars' load to the power of the connected chargers.
    energy_added_mwh : float
        Energy of the day after pricing less that before [MWh].
    """

    most_of_connected_power_used: float
    energy_added_mwh: float


class ChosenBy(TypedDict):
    """The rule that chose the tariff, and what it chose from.

    Attributes
    ----------
    rule : str
        Name of the rule.
    tolerance : float
        Largest distance of a score from the best.
    score, best_score : float
        Score of the tariff chosen, and the largest score, in [0, 1].
    nearly_equal : dict of lists
        Lowest and highest value of each price, of profit and of bill among the tariffs it chose from.
    """

    rule: str
    tolerance: float
    score: float
    best_score: float
    nearly_equal: dict[str, list[float]]


class RobustSummary(TypedDict):
    """The choice over draws of all assumptions.

    Attributes
    ----------
    rule : str
        Rule of `limits.Choice.robust`.
    tail : float
        Share of the draws that cvar looks at.
    draws : int
        Number of draws to choose over, and of others to test on.
    measure, best_measure : float
        Measure of the tariff that was chosen, and the smallest.
    nominal : dict
        Prices of the tariff that the stated assumptions alone recommend [price unit per kWh].
    held_out : list of HeldOutRow
        Tariffs over the draws that did not choose them.
    promises : list of PromiseRow
        Shares of draws in which promises hold.
    """

    rule: str
    tail: float
    draws: int
    measure: float
    best_measure: float
    nominal: dict[str, float]
    held_out: list[HeldOutRow]
    promises: list[PromiseRow]


class Summary(TypedDict):
    """Settings, figures before and after pricing, impact and robustness of a study."""

    scenario: str
    title: str
    objectives: str
    recovery: str
    n_ev: int
    n_eval: int
    pop_size: int
    seed: int
    n_front: int
    seconds: float
    versions: dict[str, str]
    units: dict[str, str]
    before: dict[str, float]
    in_force: dict[str, float]
    after: dict[str, float]
    recommended: dict[str, float]
    driver_groups: dict[str, float]
    rank_correlations: dict[str, float | None]
    redundant: list[RedundantPair]
    no_effect: NoEffect
    choice: ChosenBy
    v2g: dict[str, float]
    checks: Checks
    rounded: dict[str, float] | None
    stakeholder_impact: list[dict[str, object]]
    revenue: list[RevenueRow]
    robustness: dict[str, object]
    robust: RobustSummary | None
    hours: HoursSummary | None
    days: int
    notes: list[str]
    paper: list[PaperRow]
