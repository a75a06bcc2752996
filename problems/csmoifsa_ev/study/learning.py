"""The closed loop of pricing and learning: set prices, observe the response, fit it again, set new prices.

The operator observes the shares of shifted charging with noise; the true response is unknown to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.flow_region import flow_pairs
from csmoifsa_ev.model.outcome import TariffOutcome, evaluate
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.model.response import FLOWS
from csmoifsa_ev.model.v2g import discharge_margin
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.calibration import PAIRS, Observations, fit_ramp

VIOLATION_PENALTY = 10.0
"""Score subtracted for each unit of constraint violation, which is a share of the reference price."""


@dataclass(frozen=True)
class ScoreScale:
    """Fixed scale of the paper's three objectives, so that scores of different rounds can be compared.

    The score is the mean over the objectives of 0 at ``worst`` to 1 at ``best``.

    Attributes
    ----------
    worst, best : (3,) arrays
        Largest and smallest value of each objective, to be minimised.
    """

    worst: np.ndarray
    best: np.ndarray

    def score(self, F: np.ndarray) -> np.ndarray:
        """Return the score of objectives (n, 3), shape (n,); larger is better."""
        return ((self.worst - F) / (self.worst - self.best)).mean(axis=1)


@dataclass(frozen=True)
class LearningRound:
    """Results of one round.

    Attributes
    ----------
    tariff : (6,) array
        Prices of the round [price unit per kWh].
    score : float
        Score of the tariff under the true response.
    regret : float
        Best score less this score, as a share of the best.
    parameter_error : float
        Mean error of the responses fitted after the round, as a share of phi_max, for incentives up to 1.2 h.
    """

    tariff: np.ndarray
    score: float
    regret: float
    parameter_error: float


def ramps_of(day: PricingDay) -> dict[str, Ramp]:
    """Return the four response ramps of a day by pair of `calibration.PAIRS`."""
    return {name: getattr(day.response, name) for name in FLOWS} | {"v2g": day.v2g.response}


def with_ramps(day: PricingDay, ramps: dict[str, Ramp]) -> PricingDay:
    """Return the day with its four response ramps replaced."""
    flows = {name: ramps[name] for name in FLOWS}
    return replace(day, response=replace(day.response, **flows), v2g=replace(day.v2g, response=ramps["v2g"]))


def hidden_population(day: PricingDay, random: np.random.Generator) -> PricingDay:
    """Return the day with random true responses, whose parameters differ from the assumed ones by up to a half."""
    drawn = {}
    for name, ramp in ramps_of(day).items():
        dead_zone = ramp.dead_zone * random.uniform(0.5, 1.5)
        saturation = dead_zone + (ramp.saturation - ramp.dead_zone) * random.uniform(0.6, 1.4)
        drawn[name] = Ramp(
            dead_zone=dead_zone, saturation=saturation, max_share=min(ramp.max_share * random.uniform(0.6, 1.4), 0.95)
        )
    return with_ramps(day, drawn)


def incentives(tariff: np.ndarray, day: PricingDay) -> dict[str, float]:
    """Return the incentive D of each pair at a tariff (6,) [price unit per kWh]."""
    charge = tariff[None, :3]
    found = {
        name: float((charge[0, a] - charge[0, b]) - (day.reference[a] - day.reference[b]))
        for name, (a, b) in zip(FLOWS, flow_pairs(3), strict=True)
    }
    margins = discharge_margin(charge, tariff[None, 3:], day.round_trip, day.v2g.wear)
    return found | {"v2g": float(margins[0, 0])}


def observe(
    tariff: np.ndarray, truth: PricingDay, noise: float, random: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return (incentive, observed share) of each pair; ``noise`` is the relative standard deviation of the share.

    Shares are those of drivers who wish to shift charging, before the limits of their sessions, which are known.
    """
    seen = {}
    for name, incentive in incentives(tariff, truth).items():
        ramp = ramps_of(truth)[name]
        share = ramp_share(np.array([incentive]), ramp.dead_zone, ramp.saturation, ramp.max_share)[0]
        seen[name] = (incentive, float(np.clip(share * (1.0 + noise * random.normal()), 0.0, 1.0)))
    return seen


def best_tariff(
    day: PricingDay, low: np.ndarray, high: np.ndarray, scale: ScoreScale, seed: int, n_eval: int = 6_000
) -> np.ndarray:
    """Return the tariff of the largest score less constraint violations, shape (6,) [price unit per kWh].

    Search: ordered random tariffs, then random steps of falling size around the best eight.
    """
    random = np.random.default_rng([seed, n_eval])
    problem = EVPricing(day)

    def values(X: np.ndarray) -> np.ndarray:
        F, G = problem.values(problem.allowed(X))
        return scale.score(F) - VIOLATION_PENALTY * np.maximum(G, 0.0).sum(axis=1)

    X = random.uniform(low, high, (n_eval // 3, 6))
    X[:, :3] = -np.sort(-X[:, :3], axis=1)
    X[:, 3] = X[:, 0] - random.uniform(0.0, 1.0, len(X)) * np.maximum(X[:, 0] - low[3], 0.0)
    X[:, 4:] = low[4:]
    score = values(X)
    size, batch = 0.15, 40
    kept = np.argsort(-score)[:8]
    X, score = X[kept], score[kept]
    for _ in range((n_eval - n_eval // 3) // batch):
        parents = random.integers(len(X), size=batch)
        moved = random.random((batch, 6)) < 0.5
        trial = np.clip(X[parents] + moved * random.normal(size=(batch, 6)) * size * (high - low), low, high)
        X, score = np.vstack([X, trial]), np.concatenate([score, values(trial)])
        kept = np.argsort(-score, kind="stable")[:8]
        X, score = X[kept], score[kept]
        size = max(size * 0.97, 1e-3)
    return problem.allowed(X[:1])[0]


def _curve_error(estimated: dict[str, Ramp], truth: dict[str, Ramp]) -> float:
    """Return the mean distance of estimated and true ramps for incentives from 0 to 1.2 h, as a share of phi_max."""
    errors = []
    for name in PAIRS:
        true = truth[name]
        at = np.linspace(0.0, 1.2 * true.saturation, 50)
        one, other = (ramp_share(at, r.dead_zone, r.saturation, r.max_share) for r in (estimated[name], true))
        errors.append(np.abs(one - other).mean() / max(true.max_share, 1e-9))
    return float(np.mean(errors))


def score_scale(day: PricingDay, low: np.ndarray, high: np.ndarray, seed: int) -> ScoreScale:
    """Return the range of the objectives over random feasible tariffs of a day and the situation before pricing."""
    random = np.random.default_rng([seed, 3])
    X = random.uniform(low, high, (20_000, 6))
    X[:, :3] = -np.sort(-X[:, :3], axis=1)
    X[:, 3] = np.clip(X[:, 0] - random.uniform(0, 12, len(X)), low[3], high[3])
    X[:, 4:] = low[4:]
    outcome: TariffOutcome = evaluate(X[:4_000], day)
    F = outcome.objectives("paper")[(outcome.constraints <= 0).all(axis=1)]
    before = np.array([[float(day.before.g2_mw[0]), 0.0, -1.0]])
    F = np.vstack([F, before])
    return ScoreScale(worst=F.max(axis=0), best=F.min(axis=0))


def learn(
    assumed: PricingDay,
    bounds: tuple[np.ndarray, np.ndarray],
    *,
    rounds: int = 8,
    noise: float = 0.05,
    seed: int = 0,
    trust: float = 1.0,
) -> list[LearningRound]:
    """Run the loop once against a random true response; the first tariff rests on the assumed responses alone.

    Parameters
    ----------
    assumed : PricingDay
        The day with the responses assumed at first.
    bounds : (low, high)
        Lowest and highest prices, (6,) each [price unit per kWh].
    rounds : int
        Number of adjustments after the first tariff.
    noise : float
        Relative standard deviation of an observed share.
    seed : int
        Random seed of the true response and of the noise.
    trust : float
        Number of observations that the assumed responses count for.

    Returns
    -------
    list of LearningRound
        ``rounds + 1`` rounds, the first before any adjustment.

    Raises
    ------
    InputError
        The tariff has other periods than three, other hours on some days, or responses of single flows.
    """
    if assumed.n_periods != 3 or assumed.response.pairs or assumed.others:
        raise InputError(
            "learning knows tariffs of three periods with the same hours on all days and the three usual responses only"
        )
    random = np.random.default_rng([seed, 11])
    truth = hidden_population(assumed, random)
    low, high = bounds
    scale = score_scale(truth, low, high, seed)
    best = _score(best_tariff(truth, low, high, scale, seed, 12_000), truth, scale)
    prior = estimated = ramps_of(assumed)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in PAIRS}
    history = []
    for k in range(rounds + 1):
        tariff = best_tariff(with_ramps(assumed, estimated), low, high, scale, seed * 1_000 + k)
        if 0 < k < min(rounds, 4):  # in early rounds, perturbed prices give observations at other incentives
            tariff = _perturbed(tariff, low, high, random)
        for name, one in observe(tariff, truth, noise, random).items():
            seen[name].append(one)
        estimated = {
            name: fit_ramp(Observations(*np.array(seen[name]).T), prior=prior[name], weight=trust)[0] for name in PAIRS
        }
        score = _score(tariff, truth, scale)
        history.append(
            LearningRound(tariff, score, (best - score) / abs(best), _curve_error(estimated, ramps_of(truth)))
        )
    return history


def _score(tariff: np.ndarray, truth: PricingDay, scale: ScoreScale) -> float:
    """Return the score of a tariff under the true response, less its constraint violations as in `best_tariff`."""
    outcome = evaluate(tariff[None], truth)
    score = scale.score(outcome.objectives("paper")) - VIOLATION_PENALTY * np.maximum(outcome.constraints, 0.0).sum(
        axis=1
    )
    return float(score[0])


def _perturbed(tariff: np.ndarray, low: np.ndarray, high: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the tariff with normal noise of 2 price units on its charge prices, in order and within bounds."""
    moved = tariff.copy()
    moved[:3] += random.normal(0.0, 2.0, 3)
    moved[:3] = -np.sort(-np.clip(moved[:3], low[:3], high[:3]))
    moved[3] = np.clip(moved[3], low[3], moved[0])
    return moved


class LearningCurves(TypedDict):
    """Medians and quartiles over several true responses, one value a round.

    Attributes
    ----------
    round : list of int
        Number of adjustments made before the round.
    regret_median, regret_q25, regret_q75 : list of float
        Loss against full knowledge, as a share of the best score.
    error_median, error_q25, error_q75 : list of float
        Error of the believed responses, as a share of phi_max.
    regret_of_each : list of lists of float
        Loss by response and round.
    tariffs : list of lists of float
        The last tariff of each response, six prices [price unit per kWh].
    """

    round: list[int]
    regret_median: list[float]
    regret_q25: list[float]
    regret_q75: list[float]
    error_median: list[float]
    error_q25: list[float]
    error_q75: list[float]
    regret_of_each: list[list[float]]
    tariffs: list[list[float]]


def learning_curves(
    assumed: PricingDay, bounds: tuple[np.ndarray, np.ndarray], *, seeds: int, rounds: int = 8, noise: float = 0.05
) -> LearningCurves:
    """Run the loop against ``seeds`` true responses; return regret and error by round; see `learn`."""
    runs = [learn(assumed, bounds, rounds=rounds, noise=noise, seed=seed) for seed in range(seeds)]
    regret = np.array([[one.regret for one in run] for run in runs])
    error = np.array([[one.parameter_error for one in run] for run in runs])
    return {
        "round": list(range(regret.shape[1])),
        "regret_median": np.median(regret, axis=0).tolist(),
        "regret_q25": np.quantile(regret, 0.25, axis=0).tolist(),
        "regret_q75": np.quantile(regret, 0.75, axis=0).tolist(),
        "error_median": np.median(error, axis=0).tolist(),
        "error_q25": np.quantile(error, 0.25, axis=0).tolist(),
        "error_q75": np.quantile(error, 0.75, axis=0).tolist(),
        "regret_of_each": regret.tolist(),
        "tariffs": [run[-1].tariff.tolist() for run in runs],
    }
