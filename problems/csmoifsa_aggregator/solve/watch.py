"""What is known of the best price while it is searched: profit found and upper bound of the profit of any price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["linear programs", "rankings", "branch and bound", "customers"]
"""Part of the search: bounds by linear programs, a search over rankings of the steps, mixed-integer programs of the
game, or ranges of the mean price paid where the number of customers depends on it."""


@dataclass(frozen=True)
class ProofState:
    """State of a search for the best price.

    Attributes
    ----------
    stage : Stage
        Part of the search.
    profit : float
        Profit of the best price found so far [currency]; minus infinity where none is found. Within branch and bound
        it is the solver's own, which is verified when the program ends.
    bound : float
        Upper bound of the profit of any price, as far as it is proven [currency]; infinite where none is known.
    """

    stage: Stage
    profit: float
    bound: float


Watch = Callable[[ProofState], bool | None]
"""Function that is called with each new state of a search; it returns True to end it with the best price so far."""
