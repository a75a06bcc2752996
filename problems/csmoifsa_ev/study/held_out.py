"""Tariffs over draws of all assumptions that chose none of them: scores, money, rebound, and promises kept."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from csmoifsa_ev.model.outcome import QUANTITIES
from csmoifsa_ev.model.promises import Promise
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.choice import BILL, PROFIT, Scale, loss_goal
from csmoifsa_ev.study.direct import sample_tariffs
from csmoifsa_ev.study.draws import REBOUND, Draws, interval, tail_mean
from csmoifsa_ev.study.robust import DRAWS, Pool, best_attainable

HELD_OUT = 1
"""Random seed of the draws that tariffs are tested on; `robust.recommend_robustly` chooses over those of seed 0."""

DIFFERENCE = QUANTITIES.index("g2_mw")


class HeldOutRow(TypedDict):
    """One tariff over draws that did not choose it.

    Attributes
    ----------
    tariff : str
        Name of the tariff.
    nominal_score : float
        Score at the stated assumptions.
    mean_score, tail_score, worst_score : float
        Mean score over the draws, mean of the worst share ``choice.tail`` of them, and smallest.
    largest_regret : float or None
        Largest distance from the best score that any tariff reaches in the same draw, where it was asked for.
    nominal_profit, profit_p5 : float
        Operator's profit at the stated assumptions, and its 5 % quantile over the draws [currency/day].
    g2_p95_mw : float
        95 % quantile of the peak-valley difference [MW].
    bill_change_p95 : float
        95 % quantile of the rise of the drivers' bill over the tariff in force, a share of it.
    rebound_share : float
        Share of draws with the peak in the valley hours.
    """

    tariff: str
    nominal_score: float
    mean_score: float
    tail_score: float
    worst_score: float
    largest_regret: float | None
    nominal_profit: float
    profit_p5: float
    g2_p95_mw: float
    bill_change_p95: float
    rebound_share: float


class PromiseRow(TypedDict):
    """One promise under one tariff.

    Attributes
    ----------
    promise, tariff : str
        The promise as written, and the tariff's name.
    wanted : float
        Share of draws in which it was to hold.
    in_choice, held_out : float
        Share in the draws that chose, and in others.
    held_out_low, held_out_high : float
        Exact 90 % confidence interval of the share of all draws, from the others.
    """

    promise: str
    tariff: str
    wanted: float
    in_choice: float
    held_out: float
    held_out_low: float
    held_out_high: float


def compare_held_out(
    problem: EVPricing,
    scale: Scale,
    tariffs: dict[str, np.ndarray],
    promises: list[Promise],
    *,
    with_regret: bool = False,
) -> tuple[list[HeldOutRow], list[PromiseRow]]:
    """Return how tariffs do over 200 draws that did not choose them, and how often they keep promises.

    Parameters
    ----------
    problem : EVPricing
        The problem at the stated assumptions.
    scale : Scale
        Scale of the objectives there.
    tariffs : dict of (2 P,) arrays
        Tariffs by name [price unit per kWh].
    promises : list of Promise
        Promises to count.
    with_regret : bool
        Search the best attainable score in each draw, too, which takes some seconds.
    """
    fresh, chosen_over = Draws(problem, draws=DRAWS, seed=HELD_OUT), Draws(problem, draws=DRAWS)
    X = np.array(list(tariffs.values()))
    Q, nominal = fresh.quantities(X), problem.quantities(X)[0]
    losses, loss = fresh.losses(Q, scale), loss_goal(problem, scale)(X, nominal)
    start = fresh.in_force[:, BILL]
    tail = tail_mean(losses, problem.day.choice.tail)
    regret = None
    if with_regret:
        sample = np.vstack([X, sample_tariffs(problem).X[:500]])
        sample = sample[(problem.quantities(sample)[1] <= 0).all(axis=1)]
        least = best_attainable(fresh, scale, Pool(sample, fresh.quantities(sample)))
        regret = (losses - least[:, None]).max(axis=0)
    rows: list[HeldOutRow] = [
        {
            "tariff": name,
            "nominal_score": float(1.0 - loss[k]),
            "mean_score": float(1.0 - losses[:, k].mean()),
            "tail_score": float(1.0 - tail[k]),
            "worst_score": float(1.0 - losses[:, k].max()),
            "largest_regret": None if regret is None else float(regret[k]),
            "nominal_profit": float(-nominal[k, PROFIT]),
            "profit_p5": float(np.quantile(-Q[:, k, PROFIT], 0.05)),
            "g2_p95_mw": float(np.quantile(Q[:, k, DIFFERENCE], 0.95)),
            "bill_change_p95": float(np.quantile(Q[:, k, BILL] / start - 1.0, 0.95)),
            "rebound_share": float((Q[:, k, REBOUND] > 0).mean()),
        }
        for k, name in enumerate(tariffs)
    ]
    first = chosen_over.quantities(X)
    kept: list[PromiseRow] = []
    for promise in promises:
        counts = [(d.shortfalls(q, promise) <= 0).sum(axis=0) for d, q in ((chosen_over, first), (fresh, Q))]
        for k, name in enumerate(tariffs):
            low, high = interval(int(counts[1][k]), len(fresh))
            kept.append(
                {
                    "promise": promise.text,
                    "tariff": name,
                    "wanted": promise.share,
                    "in_choice": float(counts[0][k] / len(chosen_over)),
                    "held_out": float(counts[1][k] / len(fresh)),
                    "held_out_low": low,
                    "held_out_high": high,
                }
            )
    return rows, kept
