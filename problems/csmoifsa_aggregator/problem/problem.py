"""The pricing game as a multi-objective problem: the leader's price vector, answered exactly by every driver.

A mixed-integer program proves the greatest profit; a search finds the whole trade-off between profit, drivers' bill and
peak-valley difference. A real vector is accepted as a price: it is clipped to the bounds and shifted as a whole, so
that its mean keeps the rule of the game. Then the price of greatest revenue with the same ranking of steps replaces it,
a few times over, as long as profit rises: a vector is the start of a local search whose steps are exact. Among steps of
equal price, drivers fill those that are best for the leader first (optimistic). Where customers leave, the price of
greatest profit with the same ranking takes the place of that of greatest revenue.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from pymoo.core.problem import Problem

from csmoifsa.errors import InputError
from csmoifsa.typing import ArrayLike, Evaluator
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_aggregator.model.follower import bills
from csmoifsa_aggregator.model.game import Game

OBJECTIVES = ("profit", "driver_bill", "peak_valley_kw")
"""Names of the columns of F; profit enters with a minus sign."""


class AggregatorPricing(Problem):
    """Day-ahead price of an EV aggregator: profit, drivers' bill, peak-valley difference; drivers answer exactly.

    Parameters
    ----------
    game : Game
        The game of stage one.
    base_kw : (T,) array, optional
        Load beside the cars [kW]; that of the game, if any, where left out.
    customers : Customers, optional
        Share of the customers kept, a function of the mean price paid; all drivers stay where left out. The drivers'
        bill is that of all, of those who leave at the competitor's price.

    Raises
    ------
    InputError
        The game is not `Game.separable` or states `Game.most_paid`, no price keeps its rule on the mean price paid, or
        ``base_kw`` is not T finite numbers.
    """

    def __init__(self, game: Game, base_kw: ArrayLike | None = None, customers: Customers | None = None) -> None:
        self.game, self.customers = game, customers
        if not self.game.separable:
            raise InputError(
                "the pricing problem accepts no import limit, supply curve, demand charge or V2G followers; use "
                "'ev aggregate'"
            )
        if self.game.most_paid is not None:
            raise InputError(
                "the pricing problem holds one rule on the mean price; leave out most_paid, or state it by mean, with "
                "mean_weight = 'load' and mean_sense = '<='"
            )
        if self.game.mean_weight == "load":
            least, most = (float(bills(end, game).sum() / game.energy_kwh.sum()) for end in (game.lower, game.upper))
            if game.mean < least or (game.mean_sense == "==" and game.mean > most):
                raise InputError(
                    f"the price bounds exclude a mean price paid of {game.mean:g}: it lies between {least:g} and "
                    f"{most:g}; change price.mean or mean_ratio, or allow more room: price.band, or price.lower and "
                    "upper"
                )
        steps = self.game.n_steps
        self.base_kw = np.array(self.game.base_load_kw if base_kw is None else base_kw, dtype=float)
        if self.base_kw.shape != (steps,) or not np.isfinite(self.base_kw).all():
            raise InputError(f"base_kw must be {steps} finite numbers")
        # where both bounds are equal, a width of 1e-9 keeps the box from being empty; prices are cut off anyway
        width = np.maximum(self.game.upper - self.game.lower, 1e-9)
        super().__init__(n_var=steps, n_obj=3, xl=self.game.lower, xu=self.game.lower + width)

    @property
    def kernel(self) -> Evaluator:
        """Compiled evaluator ``f(X, data, F, G)`` of the objectives; see `csmoifsa.jit`."""
        from csmoifsa_aggregator.model.kernels import evaluate

        return evaluate

    @cached_property
    def kernel_data(self) -> np.ndarray:
        """Parameters of `kernel`, shape (k,): sizes, step, mean, customers, rule on the mean, series, classes."""
        from csmoifsa_aggregator.model.kernels import EVERYBODY, LINEAR, LOGIT

        game, who = self.game, self.customers
        head = [game.n_steps, game.n_classes, game.dt_h, game.mean, EVERYBODY, 0.0, 1.0, 0.0]
        if who is not None:
            model = LINEAR if who.model == "linear" else LOGIT
            head[4:] = [model, who.competitor, who.share_at_equal, who.sensitivity]
        head += [float(game.mean_sense == "<="), float(game.mean_weight == "load")]
        series = (game.lower, game.upper, game.cheapest, self.base_kw, game.energy_kwh, game.step_kwh)
        return np.concatenate([head, *series, game.window.astype(float).ravel()])

    def prices(self, X: np.ndarray) -> np.ndarray:
        """Return the prices for which vectors ``X`` of shape (n, T) stand, shape (n, T) [currency/kWh]."""
        from csmoifsa_aggregator.model.kernels import read_price

        prices = np.empty(np.shape(X))
        for row, x in enumerate(np.array(X, dtype=float)):
            read_price(x, self.kernel_data, prices[row])
        return prices

    def _evaluate(self, x: np.ndarray, out: dict[str, np.ndarray], *args: object, **kwargs: object) -> None:
        X = np.array(x, dtype=float, order="C")
        out["F"] = np.empty((len(X), 3))
        self.kernel(X, self.kernel_data, out["F"], np.empty((len(X), 0)))
