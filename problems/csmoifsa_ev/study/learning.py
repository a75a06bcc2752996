"""The closed loop: a hidden population answers, the operator prices, observes, refits, and prices again.

Nothing of the population's parameters reaches the operator but the shares that moved, with noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.fleet_sums import FLOW_FROM, FLOW_TO, FLOWS
from csmoifsa_ev.model.kernel_data import kernel_data
from csmoifsa_ev.model.outcome import TariffOutcome, evaluate
from csmoifsa_ev.model.ramp import Ramp, ramp_share
from csmoifsa_ev.model.tariff import PEAK
from csmoifsa_ev.model.v2g import discharge_margin
from csmoifsa_ev.study.calibration import PAIRS, Observations, fit_ramp

VIOLATION_PENALTY = 10.0
"""What breaking a constraint by its whole scale (the reference price) costs in score."""


@dataclass(frozen=True)
class ScoreScale:
    """One number for a tariff, with fixed scales, so that rounds and populations can be compared.

    The membership of the paper's three objectives, between the situation before (or the worst on the true front) and
    the best on the true front; its mean is the score.

    Attributes
    ----------
    worst, best : (3,) arrays
        Scale of each objective (minimised).
    """

    worst: np.ndarray
    best: np.ndarray

    def score(self, F: np.ndarray) -> np.ndarray:
        """Return the score of objectives (n, 3), shape (n,); larger is better."""
        return ((self.worst - F) / (self.worst - self.best)).mean(axis=1)


@dataclass(frozen=True)
class LearningRound:
    """What one round brought.

    Attributes
    ----------
    tariff : (6,) array
        Prices set.
    score, regret : float
        What they are score to the true population, and how far below the best, as a share of it.
    parameter_error : float
        Mean relative error of the curves estimated after it, over the incentives that matter.
    """

    tariff: np.ndarray
    score: float
    regret: float
    parameter_error: float


def ramps_of(day: PricingDay) -> dict[str, Ramp]:
    """Return the four responses of a day by pair."""
    return {name: getattr(day.response, name) for name in FLOWS} | {"v2g": day.v2g.response}


def with_ramps(day: PricingDay, ramps: dict[str, Ramp]) -> PricingDay:
    """Return the day with other responses."""
    flows = {name: ramps[name] for name in FLOWS}
    return replace(day, response=replace(day.response, **flows), v2g=replace(day.v2g, response=ramps["v2g"]))


def hidden_population(day: PricingDay, random: np.random.Generator) -> PricingDay:
    """Draw a population whose responses differ from the assumed ones by up to a half."""
    drawn = {}
    for name, ramp in ramps_of(day).items():
        dead_zone = ramp.dead_zone * random.uniform(0.5, 1.5)
        saturation = dead_zone + (ramp.saturation - ramp.dead_zone) * random.uniform(0.6, 1.4)
        drawn[name] = Ramp(
            dead_zone=dead_zone, saturation=saturation, max_share=min(ramp.max_share * random.uniform(0.6, 1.4), 0.95)
        )
    return with_ramps(day, drawn)


def incentives(tariff: np.ndarray, day: PricingDay) -> dict[str, float]:
    """Return D of each pair at a tariff [price unit per kWh]."""
    charge = tariff[None, :3]
    found = {
        name: float((charge[0, a] - charge[0, b]) - (day.reference[a] - day.reference[b]))
        for name, a, b in zip(FLOWS, FLOW_FROM, FLOW_TO, strict=True)
    }
    margin, _ = discharge_margin(charge, tariff[None, 3:], day.round_trip, day.v2g.wear)
    return found | {"v2g": float(margin[0])}


def observe(
    tariff: np.ndarray, truth: PricingDay, noise: float, random: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return (incentive, share seen) of each pair: what a meter shows, with relative noise.

    The shares are those of drivers who wish to move, before the limits of their cars, which the operator knows.
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
    """Return the tariff of the largest score that keeps the constraints.

    Ordered random tariffs, then ever smaller steps around the best of them; compiled evaluation.
    """
    from csmoifsa_ev.model.kernels import evaluate as compiled

    random = np.random.default_rng([seed, n_eval])
    data = kernel_data(day, market=False)

    def values(X: np.ndarray) -> np.ndarray:
        F, G = np.empty((len(X), 3)), np.empty((len(X), 8))
        compiled(np.ascontiguousarray(X), data, F, G)
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
    return X[0]


def _curve_error(estimated: dict[str, Ramp], truth: dict[str, Ramp]) -> float:
    """Return the mean distance of estimated and true curves over 0..1.2 h, relative to phi_max."""
    errors = []
    for name in PAIRS:
        true = truth[name]
        at = np.linspace(0.0, 1.2 * true.saturation, 50)
        one, other = (ramp_share(at, r.dead_zone, r.saturation, r.max_share) for r in (estimated[name], true))
        errors.append(np.abs(one - other).mean() / max(true.max_share, 1e-9))
    return float(np.mean(errors))


def score_scale(day: PricingDay, low: np.ndarray, high: np.ndarray, seed: int) -> ScoreScale:
    """Return a scale on the scale of what a day's feasible tariffs can reach."""
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
    """Run the loop once against a hidden population; the first round is priced on the assumptions alone.

    Parameters
    ----------
    assumed : PricingDay
        The day with the responses that the operator believes at first.
    bounds : (low, high)
        Prices that may be set, (6,) each.
    rounds : int
        Adjustments after the first tariff.
    noise : float
        Relative standard deviation of an observed share.
    seed : int
        Which population, and which noise.
    trust : float
        How many observations the first belief counts for.

    Returns
    -------
    list of LearningRound
        ``rounds + 1`` of them, the first before any adjustment.
    """
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
        if 0 < k < min(rounds, 4):  # early on, prices a little off the best show more of the curve
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
    """Return what a tariff is score to the true population; constraints it breaks there cost as in the search."""
    outcome = evaluate(tariff[None], truth)
    score = scale.score(outcome.objectives("paper")) - VIOLATION_PENALTY * np.maximum(outcome.constraints, 0.0).sum(
        axis=1
    )
    return float(score[0])


def _perturbed(tariff: np.ndarray, low: np.ndarray, high: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the tariff with its charge prices moved by some 2 units, still in order."""
    moved = tariff.copy()
    moved[:3] += random.normal(0.0, 2.0, 3)
    moved[:3] = -np.sort(-np.clip(moved[:3], low[:3], high[:3]))
    moved[3] = np.clip(moved[3], low[3], moved[PEAK])
    return moved


def learning_curves(
    assumed: PricingDay, bounds: tuple[np.ndarray, np.ndarray], *, seeds: int, **options: Any
) -> dict[str, Any]:
    """Run the loop against several populations; return medians and quartiles of regret and error by round."""
    runs = [learn(assumed, bounds, seed=seed, **options) for seed in range(seeds)]
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
