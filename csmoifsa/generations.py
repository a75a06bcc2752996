"""How many evaluations pymoo's generations have: the first population, then batches of one size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Generations:
    """The generations of a run: the first of ``first`` evaluations, each other of ``size``."""

    first: int
    size: int

    def finished(self, n_eval: int) -> int:
        """Return how many generations are complete after ``n_eval`` evaluations."""
        return 0 if n_eval < self.first else 1 + (n_eval - self.first) // self.size

    def left(self, n_eval: int, generations: int = 1) -> int:
        """Return the evaluations left in the generation after ``n_eval`` evaluations and the ones that follow."""
        return self.first + (self.finished(n_eval) + generations - 1) * self.size - n_eval

    def within(self, n_eval: int, budget: float) -> float:
        """Return how many generations, a part counted as a part, ``budget`` evaluations after ``n_eval`` end."""
        left = self.left(n_eval)
        return budget / left if budget <= left else 1 + (budget - left) / self.size
