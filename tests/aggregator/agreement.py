"""One comparison of stage one with the full program."""

from aggregator.drawn import draw_game
from aggregator.full_program import best_profit
from csmoifsa.errors import InputError
from csmoifsa_aggregator.solve.stackelberg import solve_game


def compare(seed, margin=None, change=None):
    """Return kind, margin, verdict and figures of the game of a seed, changed by a function if one is given.

    The verdict is ``"agrees"`` (proven, and the same profit to 3e-6 of it), ``"both refuse"`` (neither finds a price),
    ``"not proven"`` (a gap is admitted, and the oracle lies within it) or ``"differs"``.
    """
    kind, game = draw_game(seed)
    game = game if change is None else change(game, seed)
    margin = (0.0, 1e-3)[seed // 7 % 2] if margin is None else margin
    margin = 0.0 if game.cars is not None else margin
    truth = best_profit(game, margin)
    try:
        s = solve_game(game, margin=margin, time_limit=20.0)
    except InputError as error:
        return kind, margin, "both refuse" if truth is None else "differs", f"refused ({error}), oracle {truth}"
    figures = f"{s.status} {s.objective:.9g} <= {s.upper_bound:.9g} by {s.method}, oracle {truth}"
    if truth is None:
        return kind, margin, "differs", figures
    slack = 3e-6 * max(1.0, abs(truth))
    if s.status == "proven":
        return kind, margin, "agrees" if abs(s.objective - truth) <= slack else "differs", figures
    return kind, margin, "not proven" if s.objective - slack <= truth <= s.upper_bound + slack else "differs", figures
